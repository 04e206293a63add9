# SPDX-License-Identifier: BSD-2-Clause
"""The branches that a proof at one exit rests on, out of those that are marked for all exits of an entry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from verifier.graph import leading_to
from verifier.model import FileReport, PathMap, SiteResult


def branches(report: FileReport, site: SiteResult) -> Mapping[str, tuple[tuple[int, int], ...]]:
    """For each clause that is proved at the exit: (path map, line) of every branch that its proof rests on.

    A mark in a map is for one or the other of the exits from its entry: a branch from which no path leads to
    this exit is about another one. Clauses without such a branch are left out.
    """
    proved = {clause.id for clause in site.clauses if clause.status == "proved"}
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, path_map in enumerate(report.maps):
        if path_map.entry == site.entry:
            for index in sorted(_leading(path_map, site)):
                for name in proved.intersection(path_map.lines[index].supports):
                    found[name].append((number, index))
    return {name: tuple(places) for name, places in found.items()}


def _leading(path_map: PathMap, site: SiteResult) -> frozenset[int]:
    """The lines from which the exit can be reached."""
    exits = (index for index, line in enumerate(path_map.lines) if line.location.address == site.location.address)
    return leading_to(((edge.source, edge.target) for edge in path_map.edges), exits)

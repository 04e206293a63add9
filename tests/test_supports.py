# SPDX-License-Identifier: BSD-2-Clause
"""Which branches a proof rests on, where one entry leads to several exits."""

from __future__ import annotations

from dataclasses import replace

from report_samples import proved

from verifier.model import ALL_CONFIGS, ClauseResult, CodeLine, Edge, FileReport, Location, PathMap
from verifier.report.supports import branches


def at(index: int) -> Location:
    return Location(0x1000 + index, "exit_to_user", index, "entry.S", index + 1, "nop")


def two_exits() -> FileReport:
    """A branch chooses between two exits, each behind a branch that helps to prove tf there."""
    supports = ((), ("tf",), (), ("tf",), ())
    lines = tuple(CodeLine(at(index), "90", "", "fast", (), names) for index, names in enumerate(supports))
    edges = (Edge(0, 1, "taken"), Edge(0, 3, "not taken"), Edge(1, 2, ""), Edge(3, 4, ""))
    clauses = (ClauseResult("tf", "proved", ALL_CONFIGS),)
    site = replace(proved().sites[0], entry="exit_to_user", clauses=clauses)
    sites = tuple(replace(site, location=at(index)) for index in (2, 4))
    return replace(proved(), sites=sites, maps=(PathMap("exit_to_user", lines, edges),))


def test_each_exit_has_its_own_branches() -> None:
    """A branch that does not lead to an exit is not what a proof at this exit rests on."""
    report = two_exits()
    assert [branches(report, site) for site in report.sites] == [{"tf": ((0, 1),)}, {"tf": ((0, 3),)}]


def test_what_is_not_proved_rests_on_nothing() -> None:
    """A clause that is proved at one exit and violated at another has branches at the first one only."""
    report = two_exits()
    site = replace(report.sites[0], clauses=(ClauseResult("tf", "violated", ALL_CONFIGS),))
    assert branches(report, site) == {}


def test_another_entry_is_another_matter() -> None:
    """Branches on the paths from one entry say nothing of the paths from another."""
    report = two_exits()
    assert branches(report, replace(report.sites[0], entry="elsewhere")) == {}


def test_loops_and_odd_maps_end() -> None:
    """A circle in the map is walked once; an exit that is in no map has no branches."""
    report = two_exits()
    circle = replace(report.maps[0], edges=(*report.maps[0].edges, Edge(2, 0, ""), Edge(4, 0, "")))
    found = branches(replace(report, maps=(circle,)), report.sites[0])
    assert found == {"tf": ((0, 1), (0, 3))}
    assert branches(report, replace(report.sites[0], location=at(99))) == {}

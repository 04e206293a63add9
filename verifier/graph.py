# SPDX-License-Identifier: BSD-2-Clause
"""Walks over directed graphs that are given as pairs (source, target)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable


def leading_to(edges: Iterable[tuple[int, int]], goals: Iterable[int]) -> frozenset[int]:
    """The nodes from which some way along the edges leads to one of the goals, and these."""
    sources: dict[int, list[int]] = defaultdict(list)
    for source, target in edges:
        sources[target].append(source)
    todo = list(goals)
    found = set(todo)
    while todo:
        for source in sources.get(todo.pop(), ()):
            if source not in found:
                found.add(source)
                todo.append(source)
    return frozenset(found)

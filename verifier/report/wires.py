# SPDX-License-Identifier: BSD-2-Clause
"""Lines that lead to one box and run together are drawn once: each ends where it meets another of its net."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from verifier.records import record
from verifier.report.route import Point, Route

Segment = tuple[Point, Point]


@record
class Wire:
    """What is drawn of the line number ``at``: its corners, and whether it ends in another line (else in its box)."""

    at: int
    points: tuple[Point, ...]
    joins: bool


def wires(routes: Sequence[Route], first: Sequence[bool]) -> list[Wire]:
    """The lines as they are drawn, those of ``first`` before the others of their net, and then the longest."""
    drawn: dict[tuple[int, bool], list[Segment]] = {}
    found: list[Wire] = []
    for at in sorted(range(len(routes)), key=lambda at: (not first[at], -_length(routes[at].points), at)):
        route = routes[at]
        segments = drawn.setdefault((route.target, route.closes), [])
        points, joins = _until(route.points, segments)
        segments += itertools.pairwise(points)
        if len(points) > 1:
            found.append(Wire(at, points, joins))
    return found


def _length(points: Sequence[Point]) -> int:
    return sum(_distance(one, two) for one, two in itertools.pairwise(points))


def _distance(one: Point, two: Point) -> int:
    return abs(one[0] - two[0]) + abs(one[1] - two[1])


def _until(points: Sequence[Point], segments: Sequence[Segment]) -> tuple[tuple[Point, ...], bool]:
    """The line up to where it first meets one of the segments."""
    kept = [points[0]]
    for one, two in itertools.pairwise(points):
        meetings = [place for segment in segments if (place := _meeting((one, two), segment)) is not None]
        if meetings:
            place = min(meetings, key=lambda place: _distance(one, place))
            return (*kept, place) if place != one else tuple(kept), True
        kept.append(two)
    return tuple(kept), False


def _meeting(line: Segment, other: Segment) -> Point | None:
    """The point of ``line``, nearest to its start, that is on ``other`` too; both are upright or level."""
    shared = []
    for axis in (0, 1):
        low = max(min(line[0][axis], line[1][axis]), min(other[0][axis], other[1][axis]))
        high = min(max(line[0][axis], line[1][axis]), max(other[0][axis], other[1][axis]))
        if low > high:
            return None
        shared.append(min(max(line[0][axis], low), high))
    return shared[0], shared[1]

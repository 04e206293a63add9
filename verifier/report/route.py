# SPDX-License-Identifier: BSD-2-Clause
"""The edges of a layered graph as lines: down or up in columns, across only between two layers.

Between two layers is a *channel*. What goes to one box shares a line there, its *net*; nets
that would run over each other have different tracks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from verifier.records import record
from verifier.report.layout import Grid, Node, grid

MARGIN = 12
LABEL, TRACK, ARROW = 18, 9, 15
"""Heights in a channel: under a box for the label of an edge, of a track, above a box for an arrow."""
PORT_INSET, PORT_STEP = 14, 16
_NEAR = 5

Point = tuple[int, int]
Net = tuple[int, bool]
"""The box that the lines of a net lead to, and whether they close a loop."""


@record
class Box:
    """A placed box: its upper left corner and its size."""

    x: int
    y: int
    width: int
    height: int


@record
class Route:
    """The corners of an edge's line, from its source to its target, and the net that it belongs to.

    ``side``: it leaves left (-1) or right (1) of the middle, or there (0).
    """

    points: tuple[Point, ...]
    side: int
    target: int
    closes: bool


@record
class Layout:
    """A placed graph: boxes in the order of the nodes, routes in the order of the edges."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    routes: tuple[Route, ...]


@dataclass(slots=True)
class _Lines:
    """What a net has in one channel: where it comes from above and goes on below, and its track."""

    tops: set[int] = field(default_factory=set)
    bottoms: set[int] = field(default_factory=set)
    track: int = -1

    def span(self) -> tuple[int, int]:
        both = self.tops | self.bottoms
        return min(both), max(both)

    def key(self) -> tuple[int, int]:
        """Nets in this order from the top cross each other least."""
        low, high = self.span()
        rightward = bool(self.bottoms) and max(self.bottoms) == high and min(self.tops, default=high) == low
        return (1, -max(self.tops, default=high)) if rightward else (0, min(self.tops, default=low))


def place(nodes: Sequence[Node], edges: Sequence[tuple[int, int]]) -> Layout:
    """Boxes and lines for ``nodes``, of which the first is where to begin. Repeated edges share their line."""
    if not nodes:
        return Layout(2 * MARGIN, 2 * MARGIN, (), ())
    unique = list(dict.fromkeys(edges))
    table = grid(nodes, unique)
    ports = _ports(nodes, unique, table)
    channels = _channels(nodes, unique, table, ports)
    count = max(table.layer) + 1
    tracks = {at: _assign(list(nets.values())) for at, nets in channels.items()}
    heights = [0] * count
    for at, node in enumerate(nodes):
        heights[table.layer[at]] = max(heights[table.layer[at]], node.height)
    # The upper edge of each layer, and the first track of the channel below it; -1 is above them all.
    first = {-1: MARGIN}
    top: list[int] = []
    y = MARGIN + (tracks[-1] * TRACK + ARROW if tracks.get(-1) else 0)
    for at in range(count):
        top.append(y)
        first[at] = y + heights[at] + LABEL
        last = at == count - 1
        y = first[at] + tracks.get(at, 0) * TRACK + (0 if last else ARROW)
        if last and not tracks.get(at):
            y -= LABEL
    boxes = []
    for at, node in enumerate(nodes):
        left = table.columns[table.of_node[at]].x - node.width // 2
        boxes.append(Box(left + MARGIN, top[table.layer[at]], node.width, node.height))
    level = {(at, net): first[at] + lines.track * TRACK for at, nets in channels.items() for net, lines in nets.items()}
    routes = {edge: _route(edge, table, ports, level, boxes) for edge in unique}
    width = max(
        max(box.x + box.width for box in boxes),
        max((x for route in routes.values() for x, _ in route.points), default=0),
    )
    return Layout(width + MARGIN, y + MARGIN, tuple(boxes), tuple(routes[edge] for edge in edges))


@record
class _Port:
    x: int
    side: int


def _goal(edge: tuple[int, int], table: Grid) -> int:
    """The x that an edge makes for in the channel below its source."""
    source, target = edge
    closes = edge in table.back
    if not closes and table.layer[target] == table.layer[source] + 1:
        return table.columns[table.of_node[target]].x
    return table.columns[table.of_trunk[target, closes]].x


def _ports(nodes: Sequence[Node], edges: Sequence[tuple[int, int]], table: Grid) -> dict[tuple[int, int], _Port]:
    """Where each edge leaves its source: straight down from the middle, or near the corner on its side."""
    leaving: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for edge in edges:
        leaving[edge[0]].append(edge)
    ports: dict[tuple[int, int], _Port] = {}
    for source, found in leaving.items():
        x, half = table.columns[table.of_node[source]].x, nodes[source].width // 2
        sides: dict[int, list[tuple[int, tuple[int, int]]]] = {-1: [], 0: [], 1: []}
        for edge in found:
            goal = _goal(edge, table)
            sides[(goal > x) - (goal < x)].append((goal, edge))
        for _, edge in sides[0]:
            ports[edge] = _Port(x, 0)
        for side in (-1, 1):
            outward = sorted(sides[side], key=lambda item: (-side * item[0], item[1]))
            inset = min(PORT_INSET, half // 2)
            step = min(PORT_STEP, max(1, (half - inset - 4) // max(1, len(outward))))
            for at, (_, edge) in enumerate(outward):
                inward = min(inset + at * step, half)
                ports[edge] = _Port(x + side * (half - inward), side)
    return ports


def _entry(target: int, closes: bool, nodes: Sequence[Node] | Sequence[Box], table: Grid) -> int:
    """The x at which lines come to a box: the middle, or left of it for those that close a loop."""
    x = table.columns[table.of_node[target]].x
    return x - min(18, nodes[target].width // 4) if closes else x


def _channels(
    nodes: Sequence[Node],
    edges: Sequence[tuple[int, int]],
    table: Grid,
    ports: dict[tuple[int, int], _Port],
) -> dict[int, dict[Net, _Lines]]:
    """The nets of every channel, by the layer above it."""
    channels: dict[int, dict[Net, _Lines]] = defaultdict(lambda: defaultdict(_Lines))
    for edge in edges:
        source, target = edge
        closes = edge in table.back
        above, below = table.layer[source], table.layer[target]
        net = (target, closes)
        goal = _goal(edge, table)
        start = channels[above][net]
        start.tops.add(ports[edge].x)
        if closes:
            start.tops.add(goal)
            channels[below - 1][net].bottoms.update((goal, _entry(target, True, nodes, table)))
        elif below > above + 1:
            start.bottoms.add(goal)
            channels[below - 1][net].tops.add(goal)
            channels[below - 1][net].bottoms.add(_entry(target, False, nodes, table))
        else:
            start.bottoms.add(goal)
    return channels


def _assign(nets: Sequence[_Lines]) -> int:
    """Give each net that goes across a track, and return how many there are."""
    across = sorted((net for net in nets if net.span()[0] != net.span()[1]), key=lambda net: (net.key(), net.span()))
    # A line that ends at a track must not run over one that begins at the same x below it.
    above = [
        [
            other
            for other, upper in enumerate(across)
            if upper is not net and any(abs(x - y) < _NEAR for x in upper.tops for y in net.bottoms)
        ]
        for net in across
    ]
    tracks: list[list[tuple[int, int]]] = []
    left = list(range(len(across)))
    while left:
        at = next((at for at in left if not any(other in left for other in above[at] if other != at)), left[0])
        left.remove(at)
        low, high = across[at].span()
        track = max((across[other].track + 1 for other in above[at]), default=0)
        while track < len(tracks) and any(low < end + 8 and start - 8 < high for start, end in tracks[track]):
            track += 1
        while track >= len(tracks):
            tracks.append([])
        tracks[track].append((low, high))
        across[at].track = track
    return len(tracks)


def _route(
    edge: tuple[int, int],
    table: Grid,
    ports: dict[tuple[int, int], _Port],
    level: dict[tuple[int, Net], int],
    boxes: Sequence[Box],
) -> Route:
    source, target = edge
    closes = edge in table.back
    net = (target, closes)
    port, end = ports[edge], _entry(target, closes, boxes, table)
    goal = _goal(edge, table)
    points = [(port.x, boxes[source].y + boxes[source].height)]
    first = level[table.layer[source], net]
    points += [(port.x, first), (goal, first)]
    if closes or table.layer[target] > table.layer[source] + 1:
        last = level[table.layer[target] - 1, net]
        points += [(goal, last), (end, last)]
    points.append((end, boxes[target].y))
    return Route(_straightened([(x + MARGIN, y) for x, y in points]), port.side, target, closes)


def _straightened(points: Sequence[Point]) -> tuple[Point, ...]:
    """The corners only: no point twice, none in the middle of a straight line."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        while len(kept) > 1 and (kept[-2][0] == kept[-1][0] == point[0] or kept[-2][1] == kept[-1][1] == point[1]):
            kept.pop()
        kept.append(point)
    return tuple(kept)

# SPDX-License-Identifier: BSD-2-Clause
"""Where the boxes of a layered graph go: control flows down, loops come up again, nothing overlaps.

Boxes stand in layers, by the longest way from a source without the edges that close loops. An
edge over several layers passes each at a narrow cell of a *trunk*, and all such edges to one box
share a trunk. Boxes that follow each other straight down, and trunks, are *columns*: each has
one x. Columns have one order from left to right that holds in every layer, so that every column
is straight; barycentre sweeps look for a good one. All numbers are integers, in px.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from verifier.records import record

Lane = Literal["main", "right", "aside"]
"""In the middle, right of everything in the middle, or left of where it branches off."""

BOX_PAD, TRUNK_PAD = 14, 8
"""Room on each side of a box and of a trunk."""
SWEEPS = 8
FAR = 1 << 40
_RANK: dict[Lane, int] = {"main": 0, "right": 2, "aside": -1}


@record
class Node:
    """A box to be placed: its size, and the lane that it belongs to."""

    width: int
    height: int
    lane: Lane = "main"


@dataclass(slots=True)
class Column:
    """Boxes and cells of a trunk that have one ``x``. ``cells``: layer → half the width with its room."""

    rank: int
    spine: int
    value: float
    cells: dict[int, int] = field(default_factory=dict)
    near: list[int] = field(default_factory=list)
    x: int = 0


@dataclass(slots=True)
class Grid:
    """The layer of every node, its column, and the column of the trunk (target, whether loops close there)."""

    layer: list[int]
    columns: list[Column]
    of_node: list[int]
    of_trunk: dict[tuple[int, bool], int]
    back: frozenset[tuple[int, int]]


def closing(
    count: int, edges: Iterable[tuple[int, int]], roots: Iterable[int] = ()
) -> tuple[list[int], set[tuple[int, int]]]:
    """All nodes in reverse postorder, and the edges that close a loop: without these there is none.

    The search begins at ``roots``, then at the nodes that nothing leads to; earlier edges come first.
    """
    following: dict[int, list[int]] = {}
    for source, target in edges:
        following.setdefault(source, []).append(target)
    targets = {target for found in following.values() for target in found}
    order: list[int] = []
    state = [0] * count
    back: set[tuple[int, int]] = set()
    trees: list[list[int]] = []
    for root in [*roots, *(at for at in range(count) if at not in targets), *range(count)]:
        if state[root]:
            continue
        order, state[root] = [], 1
        # Reversed, because in reverse postorder the last one that is visited comes first.
        stack = [(root, list(following.get(root, ())))]
        while stack:
            at, left = stack[-1]
            if not left:
                stack.pop()
                state[at] = 2
                order.append(at)
                continue
            target = left.pop()
            if state[target] == 1:
                back.add((at, target))
            elif not state[target]:
                state[target] = 1
                stack.append((target, list(following.get(target, ()))))
        trees.append(order[::-1])
    return [at for tree in trees for at in tree], back


def layers(count: int, edges: Sequence[tuple[int, int]], back: Iterable[tuple[int, int]]) -> list[int]:
    """The layer of every node: below all that lead to it; what only leads on is just above what it leads to."""
    closed = set(back)
    forward = [edge for edge in edges if edge not in closed]
    before, after, waiting = defaultdict(list), defaultdict(list), [0] * count
    for source, target in forward:
        before[target].append(source)
        after[source].append(target)
        waiting[target] += 1
    ready = [at for at in range(count) if not waiting[at]]
    order: list[int] = []
    layer = [0] * count
    while ready:
        at = ready.pop()
        order.append(at)
        for target in after[at]:
            layer[target] = max(layer[target], layer[at] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    for at in reversed(order):
        if at and not before[at] and after[at]:
            layer[at] = min(layer[target] for target in after[at]) - 1
    return layer


def grid(nodes: Sequence[Node], edges: Sequence[tuple[int, int]]) -> Grid:
    """Layers, columns and their places. Node 0 is where to begin; ``edges`` are pairs of nodes without repetition."""
    _, back = closing(len(nodes), edges, range(min(1, len(nodes))))
    layer = layers(len(nodes), edges, back)
    chain = _chains(nodes, edges, layer, back)
    table = _columns(nodes, edges, layer, chain, frozenset(back))
    _arrange(table, edges)
    return table


def _chains(
    nodes: Sequence[Node], edges: Sequence[tuple[int, int]], layer: Sequence[int], back: set[tuple[int, int]]
) -> dict[int, int]:
    """Which node stands straight below which: the longest way first, from node 0."""
    after = defaultdict(list)
    for edge in edges:
        if edge not in back:
            after[edge[0]].append(edge[1])
    by_layer = sorted(range(len(nodes)), key=lambda at: layer[at])
    depth = [0] * len(nodes)
    for at in reversed(by_layer):
        depth[at] = max((depth[target] + 1 for target in after[at]), default=0)
    chain: dict[int, int] = {}
    taken: set[int] = set()
    for head in by_layer:
        at = head
        while at not in chain:
            best = [
                target
                for target in after[at]
                if target not in taken and layer[target] == layer[at] + 1 and nodes[target].lane == nodes[at].lane
            ]
            if not best:
                break
            chain[at] = max(best, key=lambda target: (depth[target], -target))
            taken.add(chain[at])
            at = chain[at]
    return chain


def _down(chain: dict[int, int], head: int) -> Iterator[int]:
    """The nodes that stand straight below ``head``, and it."""
    yield head
    while head in chain:
        head = chain[head]
        yield head


def _columns(
    nodes: Sequence[Node],
    edges: Sequence[tuple[int, int]],
    layer: Sequence[int],
    chain: dict[int, int],
    back: frozenset[tuple[int, int]],
) -> Grid:
    """The columns: chains of boxes and trunks. A trunk ends on top of its box if nothing else stands there."""
    columns: list[Column] = []
    of_node = [-1] * len(nodes)
    of_trunk: dict[tuple[int, bool], int] = {}
    follows = {below: above for above, below in chain.items()}
    parent: dict[int, int] = {}
    for edge in edges:
        if edge not in back:
            parent.setdefault(edge[1], edge[0])
    rank: dict[int, int] = {}
    for at in sorted(range(len(nodes)), key=lambda at: (layer[at], at)):
        above = parent.get(at)
        rank[at] = _RANK[nodes[at].lane]
        if nodes[at].lane == "aside":
            beside = above is not None and nodes[above].lane == "aside"
            rank[at] = rank[above] + (0 if beside else -1) if above is not None else 0
        if at in follows:
            rank[at] = rank[follows[at]]
    for head in sorted(range(len(nodes)), key=lambda at: (layer[at], at)):
        if head in follows:
            continue
        column = Column(rank[head], 0 if head == 0 else 1, float(head))
        for at in _down(chain, head):
            of_node[at] = len(columns)
            column.cells[layer[at]] = nodes[at].width // 2 + BOX_PAD
        columns.append(column)
    spans: dict[tuple[int, bool], tuple[int, int]] = {}
    for source, target in edges:
        closes = (source, target) in back
        first, last = (layer[target], layer[source]) if closes else (layer[source] + 1, layer[target] - 1)
        if first <= last:
            known = spans.get((target, closes), (first, last))
            spans[target, closes] = min(first, known[0]), max(last, known[1])
    for (target, closes), (first, last) in sorted(spans.items()):
        own = columns[of_node[target]]
        if not closes and target not in follows:
            of_trunk[target, closes] = of_node[target]
            column = own
        else:
            of_trunk[target, closes] = len(columns)
            beside = closes and own.spine == 0
            column = Column(own.rank, -1 if beside else 1, target + (-0.5 if closes else 0.5))
            columns.append(column)
        column.cells.update((at, TRUNK_PAD) for at in range(first, last + 1))
    table = Grid(list(layer), columns, of_node, of_trunk, back)
    for source, target in edges:
        way = [of_node[source], of_node[target]]
        trunk = of_trunk.get((target, (source, target) in back))
        if trunk is not None and ((source, target) in back or layer[target] - layer[source] > 1):
            way.insert(1, trunk)
        for one, two in itertools.pairwise(way):
            if one != two:
                columns[one].near.append(two)
                columns[two].near.append(one)
    return table


def _arrange(table: Grid, edges: Sequence[tuple[int, int]]) -> None:
    """Give every column its x: of all orders that the sweeps find the one with the shortest edges."""
    columns = table.columns
    best: tuple[int, list[int]] | None = None
    for _ in range(SWEEPS):
        order = sorted(range(len(columns)), key=lambda at: (columns[at].rank, columns[at].spine, columns[at].value, at))
        _compact(columns, order)
        cost = sum(abs(column.x - columns[near].x) for column in columns for near in column.near)
        if best is None or cost < best[0]:
            best = cost, [column.x for column in columns]
        for column in columns:
            if column.near:
                column.value = sum(columns[near].x for near in column.near) / len(column.near)
    if best is not None:
        left = min(x - max(column.cells.values()) for x, column in zip(best[1], columns, strict=True))
        for x, column in zip(best[1], columns, strict=True):
            column.x = x - left


def _compact(columns: Sequence[Column], order: Sequence[int]) -> None:
    """Set each x in that order: as far left as there is room, then towards the neighbours as far as there is."""
    beside_left: list[list[tuple[int, int]]] = [[] for _ in columns]
    beside_right: list[list[tuple[int, int]]] = [[] for _ in columns]
    last: dict[int, int] = {}
    for at in order:
        column = columns[at]
        for layer, half in column.cells.items():
            if layer in last:
                distance = half + columns[last[layer]].cells[layer]
                beside_left[at].append((last[layer], distance))
                beside_right[last[layer]].append((at, distance))
            last[layer] = at
        column.x = max(
            (columns[other].x + distance for other, distance in beside_left[at]), default=max(column.cells.values())
        )
    for turn in range(4):
        for at in order if turn % 2 else reversed(order):
            column = columns[at]
            if not column.near or column.spine == 0:
                continue
            wanted = sorted(columns[near].x for near in column.near)[len(column.near) // 2]
            low = max((columns[other].x + distance for other, distance in beside_left[at]), default=-FAR)
            high = min((columns[other].x - distance for other, distance in beside_right[at]), default=FAR)
            column.x = max(low, min(wanted, high))

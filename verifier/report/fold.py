# SPDX-License-Identifier: BSD-2-Clause
"""A graph with so many blocks that nobody reads it, folded to one that can be read.

A block that can be come to from one block only is folded into that one, again and again: branches
that meet again (code that is patched at boot, for example) become one box. What is folded first is
what a reader looks for last.
"""

from __future__ import annotations

from verifier.report.blocks import Block, Graph, Link, arranged, reach_of

MOST = 48
"""A graph has at most so many boxes."""
HARSHEST = 4


def folded(graph: Graph, most: int = MOST) -> Graph:
    """The graph itself if it has at most ``most`` (>= 1) blocks, else one that has."""
    for harshness in range(HARSHEST + 1):
        if len(graph.blocks) <= most:
            break
        # At the mildest all goes that may go; behind it no more than must.
        graph = _contract(graph, harshness, most if harshness else 1)
    return graph


def _kept(graph: Graph, harshness: int) -> set[int]:
    """The blocks that stay boxes of their own: the harsher, the fewer."""
    deciding = {
        link.source
        for link in graph.links
        if graph.blocks[link.target].reach not in ("none", graph.blocks[link.source].reach)
    }
    kept: set[int] = set()
    for at, block in enumerate(graph.blocks):
        reasons = (
            block.entry or block.site,
            block.failing,
            bool(block.supports),
            bool(block.ends) or at in deciding,
        )
        if any(reasons[: HARSHEST - harshness]):
            kept.add(at)
    return kept


def _contract(graph: Graph, harshness: int, most: int) -> Graph:
    """Fold what is not kept into what is in front of it, until no more than ``most`` boxes are left."""
    groups = {at: [at] for at in range(len(graph.blocks))}
    before: dict[int, set[int]] = {at: set() for at in groups}
    after: dict[int, set[int]] = {at: set() for at in groups}
    for link in graph.links:
        if link.source != link.target:
            before[link.target].add(link.source)
            after[link.source].add(link.target)
    open_ = set(groups) - _kept(graph, harshness)
    waiting = sorted(open_, reverse=True)

    def fold(at: int, into: int) -> None:
        groups[into] += groups.pop(at)
        for target in after.pop(at):
            before[target].discard(at)
            if target != into:
                before[target].add(into)
                after[into].add(target)
                if target in open_:
                    waiting.append(target)
        for source in before.pop(at):
            after[source].discard(at)
            if source != into:
                before[into].add(source)
                after[source].add(into)
        if into in open_:
            waiting.append(into)

    while waiting and len(groups) > most:
        at = waiting.pop()
        if at not in groups or len(before[at]) != 1:
            continue
        into = next(iter(before[at]))
        if _fits(graph, groups[into], groups[at], harshness):
            fold(at, into)
    if harshness == HARSHEST:
        # Whatever is left goes to the first box; exits to user mode are the last to go there.
        first = min(groups)
        order = sorted(groups, key=lambda at: (at != first, not graph.blocks[at].site, at))
        while len(groups) > most:
            fold(order.pop(), first)
    return _rebuilt(graph, groups)


def _fits(graph: Graph, upper: list[int], lower: list[int], harshness: int) -> bool:
    """At the mildest levels a box does not swallow what has another reach, unless paths just end there."""
    if harshness > 1:
        return True
    reach = graph.blocks[lower[0]].reach
    return reach in ("none", graph.blocks[upper[0]].reach)


def _rebuilt(graph: Graph, groups: dict[int, list[int]]) -> Graph:
    number = {old: new for new, at in enumerate(sorted(groups)) for old in groups[at]}
    blocks = [_one(graph, sorted(groups[at])) for at in sorted(groups)]
    links = [
        Link(
            number[link.source],
            number[link.target],
            "" if blocks[number[link.source]].blocks > 1 else link.note,
            link.failing,
        )
        for link in graph.links
        if number[link.source] != number[link.target] or blocks[number[link.source]].blocks == 1
    ]
    return arranged(blocks, links)


def _one(graph: Graph, members: list[int]) -> Block:
    found = [graph.blocks[at] for at in members]
    if len(found) == 1:
        return found[0]
    return Block(
        lines=tuple(line for block in found for line in block.lines),
        reach=reach_of(block.reach for block in found),
        ends=tuple(dict.fromkeys(end for block in found for end in block.ends)),
        supports=tuple(sorted({clause for block in found for clause in block.supports})),
        entry=any(block.entry for block in found),
        site=any(block.site for block in found),
        failing=any(block.failing for block in found),
        blocks=sum(block.blocks for block in found),
    )

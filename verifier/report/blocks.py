# SPDX-License-Identifier: BSD-2-Clause
"""A path map as basic blocks: straight runs of instructions, and how control goes between them.

A block ends behind an instruction with several successors, in front of one with
several predecessors, at a followed call or return, and where the reach changes.
Calls that are not followed do not end a block.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from verifier.model import Counterexample, Edge, PathMap, Reach
from verifier.records import record
from verifier.report.layout import closing

EXITS = frozenset({"sysretq", "sysretl", "sysexitq", "sysexitl", "sysexit", "sysret", "iretq", "iretl", "iret"})
"""Ends that go to user mode."""
BREAKS = frozenset({"taken", "not taken", "call", "return"})
"""Notes of edges that end a block."""


@record
class Block:
    """A straight run of instructions, or several blocks that were folded into one.

    ``lines`` are indices into ``PathMap.lines`` in the order of execution, ``blocks`` is the number of
    blocks folded into it (1: none). ``entry``: paths begin here; ``site``: it ends in an exit to user
    mode; ``failing``: a counterexample's path goes through it. ``split`` is for a block without lines: the
    index of a line where control goes on in one of several patched forms, whichever way it comes.
    """

    lines: tuple[int, ...]
    reach: Reach
    ends: tuple[str, ...]
    supports: tuple[str, ...]
    entry: bool = False
    site: bool = False
    failing: bool = False
    blocks: int = 1
    split: int = -1

    @property
    def first(self) -> int:
        """The line where it begins."""
        return self.lines[0] if self.lines else self.split


@record
class Link:
    """Control goes from one block to another (both are indices). ``back``: it closes a loop."""

    source: int
    target: int
    note: str
    failing: bool = False
    back: bool = False


@record
class Graph:
    """Blocks, the one of the entry first, and links in the order of their source and target."""

    blocks: tuple[Block, ...]
    links: tuple[Link, ...]

    def joins(self) -> frozenset[int]:
        """The blocks with several predecessors."""
        sources: dict[int, set[int]] = defaultdict(set)
        for link in self.links:
            sources[link.target].add(link.source)
        return frozenset(target for target, found in sources.items() if len(found) > 1)


def build(path_map: PathMap, failing: Sequence[Counterexample]) -> Graph:
    """The blocks of a map, in an order in which a block follows one that leads to it."""
    lines = path_map.lines
    edges = sorted(
        {edge for edge in path_map.edges if edge.source < len(lines) and edge.target < len(lines)},
        key=lambda edge: (edge.source, edge.target, edge.note),
    )
    entries = entry_lines(path_map)
    on_path, ways = followed(path_map, edges, failing)
    runs = _runs(path_map, edges, entries)
    number = {index: at for at, run in enumerate(runs) for index in run}
    blocks = [
        Block(
            lines=tuple(run),
            reach=lines[run[-1]].reach,
            ends=tuple(dict.fromkeys(end for index in run for end in lines[index].ends)),
            supports=tuple(sorted({clause for index in run for clause in lines[index].supports})),
            entry=any(index in entries for index in run),
            site=any(is_exit(end) for index in run for end in lines[index].ends),
            failing=any(index in on_path for index in run),
        )
        for run in runs
    ]
    inner = {(one, two) for run in runs for one, two in itertools.pairwise(run)}
    links = [
        Link(number[edge.source], number[edge.target], edge.note, (edge.source, edge.target) in ways)
        for edge in edges
        if (edge.source, edge.target) not in inner
    ]
    return arranged(*_split(path_map, blocks, links))


def _split(path_map: PathMap, blocks: list[Block], links: list[Link]) -> tuple[list[Block], list[Link]]:
    """Blocks and links with one block more for patched code that several blocks lead to: it leads to every form."""
    forms: dict[int, list[int]] = defaultdict(list)
    for at, block in enumerate(blocks):
        forms[path_map.lines[block.first].location.address].append(at)
    blocks, links = list(blocks), list(links)
    for group in forms.values():
        if len(group) < 2 or any(blocks[at].entry for at in group):
            continue
        leading = [{(link.source, link.note) for link in links if link.target == at} for at in group]
        if len({source for source, _ in leading[0]}) < 2 or any(one != leading[0] for one in leading):
            continue
        moved = [link for link in links if link.target in group]
        links = [link for link in links if link.target not in group]
        links += [replace(link, target=len(blocks)) for link in moved]
        links += [Link(len(blocks), at, "", any(link.failing for link in moved if link.target == at)) for at in group]
        failing = any(link.failing for link in moved)
        reach = reach_of(blocks[at].reach for at in group)
        blocks.append(Block((), reach, (), (), failing=failing, split=blocks[group[0]].first))
    return blocks, links


def reach_of(parts: Iterable[Reach]) -> Reach:
    """What the paths through several blocks lead to."""
    found: set[Reach] = {reach for reach in parts if reach != "none"}
    return "both" if len(found) > 1 else next(iter(found), "none")


def is_exit(end: str) -> bool:
    """Whether an end of ``CodeLine.ends`` goes to user mode."""
    return end.split(":")[0].strip().lower() in EXITS


def entry_lines(path_map: PathMap) -> frozenset[int]:
    """The lines where paths begin: by the entry's name, else those without a predecessor, else the first."""
    lines = path_map.lines
    named = {
        line.location.address
        for line in lines
        if path_map.entry == f"{line.location.address:#x}"
        or (line.location.symbol == path_map.entry and line.location.offset == 0)
    }
    found = frozenset(index for index, line in enumerate(lines) if line.location.address in named)
    if not found:
        targets = {edge.target for edge in path_map.edges}
        found = frozenset(index for index in range(len(lines)) if index not in targets)
    return found or frozenset(range(min(1, len(lines))))


def followed(
    path_map: PathMap, edges: Iterable[Edge], failing: Sequence[Counterexample]
) -> tuple[frozenset[int], frozenset[tuple[int, int]]]:
    """The lines and the edges that the counterexamples' paths go along.

    A step has an address and a text but no variant: every line that agrees with both and that the path
    can have come to is kept, from the front, then those that it cannot have left for the next are dropped.
    """
    places: dict[int, list[int]] = defaultdict(list)
    for index, line in enumerate(path_map.lines):
        places[line.location.address].append(index)
    successors: dict[int, list[int]] = defaultdict(list)
    for edge in edges:
        successors[edge.source].append(edge.target)
    seen: set[int] = set()
    ways: set[tuple[int, int]] = set()
    for path in dict.fromkeys(tuple((s.location.address, s.location.text) for s in one.path) for one in failing):
        layers: list[set[int]] = []
        for address, text in path:
            here = places.get(address, [])
            same = {index for index in here if path_map.lines[index].location.text == text} or set(here)
            before = layers[-1] if layers else set()
            arrived = {target for source in before for target in successors[source]} & same
            layers.append(arrived or same)
        for at in range(len(layers) - 1, -1, -1):
            if at + 1 < len(layers):
                left = {index for index in layers[at] if layers[at + 1].intersection(successors[index])}
                layers[at] = left or layers[at]
                ways |= {(one, two) for one in left for two in layers[at + 1].intersection(successors[one])}
            seen |= layers[at]
    return frozenset(seen), frozenset(ways)


def _runs(path_map: PathMap, edges: Sequence[Edge], entries: frozenset[int]) -> list[list[int]]:
    """The lines of each block, in the order of execution; every line is in one."""
    lines = path_map.lines
    after: dict[int, list[Edge]] = defaultdict(list)
    before: dict[int, list[Edge]] = defaultdict(list)
    for edge in edges:
        after[edge.source].append(edge)
        before[edge.target].append(edge)

    def next_of(index: int) -> int | None:
        """The line that continues the block of ``index``."""
        if len(after[index]) != 1 or lines[index].ends:
            return None
        edge = after[index][0]
        target = edge.target
        same = lines[target].reach == lines[index].reach
        return (
            target
            if edge.note not in BREAKS
            and len(before[target]) == 1
            and target not in entries
            and target != index
            and same
            else None
        )

    following = {index: target for index in range(len(lines)) if (target := next_of(index)) is not None}
    continued = set(following.values())
    runs: list[list[int]] = []
    placed: set[int] = set()
    # Whatever is left after the heads is a circle without a way in; its first line is as good as any.
    for head in [*(index for index in range(len(lines)) if index not in continued), *range(len(lines))]:
        run: list[int] = []
        at: int | None = head
        while at is not None and at not in placed:
            run.append(at)
            placed.add(at)
            at = following.get(at)
        if run:
            runs.append(run)
    return runs


def arranged(blocks: Sequence[Block], links: Sequence[Link]) -> Graph:
    """The blocks in reverse postorder from the entries, numbered anew; links that close a loop are marked."""
    roots = [at for at, block in enumerate(blocks) if block.entry]
    order, back = closing(len(blocks), sorted({(link.source, link.target) for link in links}), roots)
    number = {at: new for new, at in enumerate(order)}
    merged: dict[tuple[int, int, str], Link] = {}
    for link in links:
        source, target = number[link.source], number[link.target]
        known = merged.get((source, target, link.note))
        failing = link.failing or (known is not None and known.failing)
        merged[source, target, link.note] = Link(source, target, link.note, failing, (link.source, link.target) in back)
    return Graph(tuple(blocks[at] for at in order), tuple(merged[key] for key in sorted(merged)))

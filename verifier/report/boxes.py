# SPDX-License-Identifier: BSD-2-Clause
"""What the boxes of the path graph say, and the whole graph as indented text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from verifier.model import Counterexample, Location, PathMap
from verifier.records import record
from verifier.report.blocks import BREAKS, Block, Graph, Link, build, is_exit
from verifier.report.fold import folded
from verifier.report.graphstyle import REACHES
from verifier.report.words import clean, counted, hexa

_CONDITIONAL = re.compile(r"j(?!mp)[a-z]+\b|loop")
_KEEPS_FLAGS = re.compile(r"mov|lea|push|pop|nop|xchg|bswap|swapgs|call|not|set|cmov|j")
LONGEST = 160
"""Texts of the input are cut at so many characters."""
TESTS = 3
"""A box of several blocks shows so many of the branches that proofs rest on."""
CLOSE = 8
"""Lines that are so near each other are one range, whatever stands between them."""
_NO_XML = re.compile("[\ufffe\uffff]")


@record
class Words:
    """The texts of a box, safe to show: where it is, its code, calls and ends, and the clauses that rest on it."""

    number: str
    title: str
    offset: str
    code: tuple[str, ...]
    notes: tuple[str, ...]
    marks: tuple[str, ...]

    @property
    def place(self) -> str:
        """Title and offset."""
        return f"{self.title} ({self.offset})" if self.offset else self.title


def readable(path_map: PathMap, failing: Sequence[Counterexample]) -> Graph:
    """The graph as it is shown: blocks, folded if there are too many. Box n of the picture is block n - 1."""
    return folded(build(path_map, failing))


def safe(text: str) -> str:
    """Text of the input on one line and not too long, with what acts on a terminal or XML cannot hold spelled out."""
    return short(_NO_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", clean(" ".join(text.split()))), LONGEST)


def short(text: str, most: int) -> str:
    """At most ``most`` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def words(path_map: PathMap, graph: Graph, at: int) -> Words:
    """What the box of block ``at`` says."""
    block = graph.blocks[at]
    lines = [path_map.lines[index] for index in block.lines]
    where = path_map.lines[block.first].location
    code = [safe(line.location.text) for line in lines]
    if not lines:
        shown = [f"patched at boot: {sum(link.source == at for link in graph.links)} forms"]
    elif block.blocks > 1:
        shown = [f"{block.blocks} blocks, {counted(len(lines), 'instruction')}"]
        branches = [at for at, line in enumerate(lines) if line.supports]
        for end in branches[:TESTS]:
            shown += _test(code[: end + 1])
        if len(branches) > TESTS:
            shown.append(f"… {counted(len(branches) - TESTS, 'branch').replace('branchs', 'branches')} …")
    elif test := _test(code):
        shown = test
    elif len(code) <= 2:
        shown = code
    else:
        shown = [code[0], f"… {counted(len(code) - 2, 'instruction')} …" if len(code) > 3 else code[1], code[-1]]
    variants = tuple(dict.fromkeys(line.variant for line in lines if line.variant))
    notes = [f"patched: {safe(variants[0])}"] if len(variants) == 1 and block.blocks == 1 else []
    notes += called(path_map, block)
    notes += [_end(end) for end in block.ends]
    if block.blocks > 1 and len(notes) > 3:
        notes = [*notes[:3], f"… {len(notes) - 3} more"]
    return Words(
        number=str(at + 1),
        title=_title(path_map, block),
        offset="" if where.symbol is None and not where.line else _offset(where),
        code=tuple(shown),
        notes=tuple(notes),
        marks=tuple(map(safe, block.supports)),
    )


def _test(code: Sequence[str]) -> list[str]:
    """What a block that ends in a branch tests, and the branch; empty if it ends in none."""
    if not _CONDITIONAL.match(code[-1]):
        return []
    tests = [text for text in code[:-1] if not _KEEPS_FLAGS.match(text)]
    return [*tests[-1:], code[-1]]


def _end(end: str) -> str:
    return f"→ user mode by {end.upper()}" if is_exit(end) else f"ends: {safe(end)}"


def called(path_map: PathMap, block: Block) -> list[str]:
    """What the calls in a block that are not followed, and the like, do."""
    inside = set(block.lines)
    found = sorted(
        (edge.source, edge.note)
        for edge in path_map.edges
        if edge.note and edge.note not in BREAKS and edge.source in inside
    )
    return list(dict.fromkeys(safe(note) for _, note in found))


def _title(path_map: PathMap, block: Block) -> str:
    """Symbol if the block begins there, and the source lines, with the file if the map is about several."""
    places = [path_map.lines[index].location for index in block.lines or (block.first,)]
    first = places[0]
    symbol = short(safe(first.symbol), 28) if first.symbol is not None else ""
    span = _span(path_map, places)
    named = symbol if first.offset == 0 or block.entry or not span else ""
    parts = [part for part in (named, span) if part] or [hexa(first.address)]
    return f"{'entry ' if block.entry else ''}{', '.join(parts)}"


def _offset(where: Location) -> str:
    return hexa(where.address) if where.symbol is None else f"+{hexa(where.offset)}"


def _span(path_map: PathMap, places: Sequence[Location]) -> str:
    """The source lines of a block: "line 7", "lines 7–9", "entry.S:7–9"; "" if they are not known."""
    file = places[0].file
    numbers = [place.line for place in places if place.file == file and place.line is not None]
    if file is None or not numbers:
        return ""
    digits = _groups(sorted(set(numbers)))
    if len({line.location.file for line in path_map.lines} - {None}) > 1:
        return f"{short(safe(file.rsplit('/', 1)[-1]), 20)}:{digits}"
    return f"line {digits}" if digits.isdigit() else f"lines {digits}"


def _groups(numbers: Sequence[int]) -> str:
    """Line numbers, those near each other as a range: "7", "7–9", "7–9, 40" (a macro's lines, for example)."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups and number - groups[-1][-1] <= CLOSE:
            groups[-1].append(number)
        else:
            groups.append([number])
    if len(groups) > 2:
        groups = [[numbers[0], numbers[-1]]]
    return ", ".join(str(group[0]) if len(group) == 1 else f"{group[0]}–{group[-1]}" for group in groups)


def label(path_map: PathMap, graph: Graph, link: Link) -> tuple[str, str]:
    """What a link says: its note, and the patched form that it leads to where there are several."""
    if graph.blocks[link.source].blocks > 1:
        return "", ""
    note = link.note if link.note in BREAKS else ""  # that of a call that is not followed is in the box
    same = [other for other in graph.links if other.source == link.source and other.note == link.note]
    targets = [graph.blocks[other.target] for other in same]
    if len(same) < 2 or not any(path_map.lines[target.first].variant for target in targets if target.lines):
        return note, ""
    target = graph.blocks[link.target]
    return note, safe(path_map.lines[target.first].variant) or "unpatched" if target.lines else ""


def outline(path_map: PathMap, failing: Sequence[Counterexample]) -> list[str]:
    """The graph as text: a line for each block with the ways on from it, then what is in it, indented.

    What comes from the input is safe for a terminal; the caller escapes it for its own syntax.
    """
    graph = readable(path_map, failing)
    told = []
    if note := summary(path_map, graph):
        told.append(note)
    for at, block in enumerate(graph.blocks):
        text = words(path_map, graph, at)
        ways = "; ".join(_way(path_map, graph, link) for link in graph.links if link.source == at)
        marks = [REACHES[block.reach], *(["on the path of a counterexample"] if block.failing else [])]
        told.append(f"block {at + 1}, {text.place}: {ways or ', '.join(text.notes) or 'no way on'}")
        told.append(f"  {' / '.join(text.code)} ({', '.join(marks)})")
        if text.notes and ways:
            told.append(f"  {', '.join(text.notes)}")
        if text.marks:
            told.append(f"  proofs that rest on it: {' '.join(text.marks)}")
    return told


def _way(path_map: PathMap, graph: Graph, link: Link) -> str:
    named = ", ".join(part for part in label(path_map, graph, link) if part)
    again = (" again" if link.back else "") + (" (the counterexample's way)" if link.failing else "")
    return f"{named} → block {link.target + 1}{again}" if named else f"→ block {link.target + 1}{again}"


def summary(path_map: PathMap, graph: Graph) -> str:
    """What was folded, in a sentence; "" if nothing was."""
    many = sum(block.blocks for block in graph.blocks)
    if many == len(graph.blocks):
        return ""
    boxes = [block for block in graph.blocks if block.blocks > 1]
    inside = sum(block.blocks for block in boxes)
    return (
        f"{many} blocks with {len(path_map.lines)} instructions are too many to be drawn one by one: "
        f"{inside} of them are folded into {counted(len(boxes), 'box').replace('boxs', 'boxes')}."
    )

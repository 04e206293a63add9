# SPDX-License-Identifier: BSD-2-Clause
"""The map of an exploration: its instructions, how control goes among them, and which exits each leads to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from verifier.graph import leading_to
from verifier.lift.decode import Decoded
from verifier.lift.leaves import Leaf
from verifier.model import (
    CodeLine,
    Edge,
    Image,
    Location,
    PathMap,
    Reach,
    SourceText,
    address_of,
    variant_of,
)
from verifier.obligations import JUDGED

MAX_SOURCE_LINES = 4000
"""Of source text in one report; what is beyond is left out."""
CONTEXT = 3
"""Lines of source shown around those that have code."""
GAP = 40
"""Lines without code between two with code that are shown, too, if there are no more."""


def path_map(
    image: Image,
    entry: str,
    executed: Mapping[int, Decoded],
    edges: Mapping[tuple[int, int], str],
    leaves: Iterable[Leaf],
    supports: Mapping[int, frozenset[str]],
    locate: Callable[[Decoded], Location],
) -> PathMap:
    """The map of what was ``executed`` (by place), with the clauses that rest on each branch (by place)."""
    places = sorted(executed, key=lambda place: (address_of(place), variant_of(place)))
    number = {place: index for index, place in enumerate(places)}
    ends: dict[int, set[str]] = defaultdict(set)
    for leaf in leaves:
        end = _end(leaf)
        if end and leaf.state.place in number:
            ends[leaf.state.place].add(end)
    kept = {pair: note for pair, note in edges.items() if pair[0] in number and pair[1] in number}
    fast = leading_to(kept, (place for place, names in ends.items() if names & set(JUDGED)))
    slow = leading_to(kept, (place for place, names in ends.items() if "iretq" in names))
    lines = tuple(
        CodeLine(
            locate(executed[place]),
            executed[place].raw.hex(),
            variant_name(image, place),
            _reach(place in fast, place in slow),
            tuple(sorted(ends.get(place, ()))),
            tuple(sorted(supports.get(place, ()))),
        )
        for place in places
    )
    between = sorted(Edge(number[source], number[target], note) for (source, target), note in kept.items())
    return PathMap(entry, lines, tuple(between))


def _reach(fast: bool, slow: bool) -> Reach:
    if fast and slow:
        return "both"
    if fast or slow:
        return "fast" if fast else "slow"
    return "none"


def _end(leaf: Leaf) -> str:
    match leaf.kind:
        case "exit":
            return leaf.detail
        case "external":
            return f"leaves: {leaf.detail}"
        case "return":
            return "returns to the caller"
        case "trap" | "problem" | "aside":
            return f"{'not followed' if leaf.kind == 'aside' else leaf.kind}: {leaf.detail}"
        case "loop":
            return ""


def variant_name(image: Image, place: int) -> str:
    """What the patched form that a place belongs to is called; "" for the input's own bytes."""
    site = image.patch_at(address_of(place)) if variant_of(place) else None
    if site is None:
        return ""
    return image.form_name(site.choices[variant_of(place) - 1])


def merged(maps: Sequence[PathMap]) -> tuple[PathMap, ...]:
    """One map for each entry, in the order of their first appearance: several exits may share an entry."""
    by_entry: dict[str, list[PathMap]] = defaultdict(list)
    for one in maps:
        by_entry[one.entry].append(one)
    return tuple(parts[0] if len(parts) == 1 else _union(parts) for parts in by_entry.values())


def _union(parts: Sequence[PathMap]) -> PathMap:
    lines: dict[tuple[int, str], CodeLine] = {}
    edges: dict[tuple[tuple[int, str], tuple[int, str]], str] = {}
    for part in parts:
        keys = [(line.location.address, line.variant) for line in part.lines]
        for key, line in zip(keys, part.lines, strict=True):
            lines[key] = _both(lines[key], line) if key in lines else line
        for edge in part.edges:
            edges.setdefault((keys[edge.source], keys[edge.target]), edge.note)
    number = {key: index for index, key in enumerate(sorted(lines))}
    between = sorted(Edge(number[source], number[target], note) for (source, target), note in edges.items())
    return PathMap(parts[0].entry, tuple(lines[key] for key in sorted(lines)), tuple(between))


def _both(one: CodeLine, other: CodeLine) -> CodeLine:
    reaches = {one.reach, other.reach}
    return CodeLine(
        one.location,
        one.code,
        one.variant,
        _reach(bool(reaches & {"fast", "both"}), bool(reaches & {"slow", "both"})),
        tuple(sorted({*one.ends, *other.ends})),
        tuple(sorted({*one.supports, *other.supports})),
    )


def source_texts(maps: Iterable[PathMap], lines_of: Callable[[str], Sequence[str]]) -> tuple[SourceText, ...]:
    """The source lines that the code of the maps comes from, with those around them.

    ``lines_of`` gives the lines of a file, or none if it is not at hand.
    """
    wanted: dict[str, set[int]] = defaultdict(set)
    for one in maps:
        for line in one.lines:
            if line.location.file is not None and line.location.line is not None:
                wanted[line.location.file].add(line.location.line)
    found: list[SourceText] = []
    left = MAX_SOURCE_LINES
    for file in sorted(wanted):
        text = lines_of(file)
        for first, last in _stretches(sorted(wanted[file]), len(text)):
            if last - first + 1 <= left:
                left -= last - first + 1
                found.append(SourceText(file, first, tuple(text[first - 1 : last])))
    return tuple(found)


def _stretches(numbers: Sequence[int], count: int) -> Iterable[tuple[int, int]]:
    """First and last line of each stretch of lines (from 1 up to ``count``) that is worth showing."""
    first: int | None = None
    last = 0
    for number in (number for number in numbers if 0 < number <= count):
        if first is None:
            first = number
        elif number - last > GAP:
            yield max(1, first - CONTEXT), min(count, last + CONTEXT)
            first = number
        last = number
    if first is not None:
        yield max(1, first - CONTEXT), min(count, last + CONTEXT)

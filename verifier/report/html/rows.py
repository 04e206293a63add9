# SPDX-License-Identifier: BSD-2-Clause
"""One instruction in a listing: where it leads, its step on the failing path, ways in and out, what it proves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field

from verifier.model import CodeLine, PathMap
from verifier.records import record
from verifier.report.blocks import is_exit
from verifier.report.html.element import Content, Element, el
from verifier.report.html.page import Failing, Page
from verifier.report.html.parts import LETTERS, code
from verifier.report.words import hexa

_WAYS = 4
"""Ways into an instruction that are listed one by one."""
_PLAIN = frozenset({"taken", "not taken", "call", "return", ""})


@record
class Table:
    """What the rows of one listing need: the names of the blocks, and the ways in and out by line."""

    page: Page
    number: int
    whole: PathMap
    texts: Mapping[tuple[str, int], str]
    coded: frozenset[tuple[str, int]]
    failing: Failing | None
    blocks: Sequence[str | None]
    out: Mapping[int, list[tuple[int, str]]]
    into: Mapping[int, list[int]]
    columns: int
    has_lines: bool
    has_proofs: bool
    entries: frozenset[int]
    behind: frozenset[int]
    shown: set[tuple[str, int]] = field(default_factory=set)


def falls(whole: PathMap, source: int, target: int, note: str) -> bool:
    """Whether control simply goes on with the next instruction."""
    one, other = whole.lines[source], whole.lines[target]
    size = len(one.code) // 2
    return note not in ("taken", "call", "return") and other.location.address == one.location.address + size


def row(made: Table, index: int, line: CodeLine, before: CodeLine | None) -> Element:
    """The row of an instruction; ``before`` is the one above it in its group."""
    where = line.location
    block = made.blocks[index] if index < len(made.blocks) else None
    letter = LETTERS[line.reach]
    steps = made.failing.steps.get(index, ()) if made.failing is not None else ()
    exits = any(is_exit(end) for end in line.ends)
    gap = before is not None and not made.has_lines and _apart(made, before, line)
    same = (
        before is not None and before.location.line == where.line and before.location.file == where.file
        and where.line is not None
    )  # fmt: skip
    offset = hexa(where.address) if where.symbol is None else f"+{hexa(where.offset)}"
    marks = (("fail", bool(steps)), ("exit", exits), ("same", same), ("gap", gap))
    classes = [line.reach, *(name for name, is_so in marks if is_so)]
    sourced: Content = None
    if made.has_lines:
        text = "" if where.file is None or where.line is None else made.texts.get((where.file, where.line), "")
        sourced = [
            el("td", None if same or where.line is None else str(where.line), class_="n"),
            el("td", code(text) if text and not same else None, class_="src"),
        ]
    return el(
        "tr",
        el("td", el("a", letter, href=f"#{block}") if block else letter, class_="reach"),
        el("td", _steps(made, steps) or _end(made, index), class_="step") if made.failing else None,
        sourced,
        el("th", code(offset), scope="row", class_="n"),
        el("td", code(" ".join(where.text.split())), _variant(line), class_="asm"),
        el("td", _ways(made, index, line), class_="ways"),
        el("td", _supports(made, line), class_="proves") if made.has_proofs else None,
        id=made.page.row(made.number, index),
        class_=" ".join(classes),
        data_block=block,
    )


def _apart(made: Table, before: CodeLine, line: CodeLine) -> bool:
    """Whether other bytes stand in front of an instruction; forms of a patched place are at one address."""
    return line.location.address != before.location.address and line.location.address not in made.behind


def _variant(line: CodeLine) -> Content:
    return el("small", f" with {line.variant}") if line.variant else None


def _steps(made: Table, steps: Sequence[int]) -> Content:
    anchor = made.failing.anchor if made.failing is not None else ""
    return [
        [
            " " if order else None,
            el("a", f"✗{step}", href=f"#{anchor}-p{step}", aria_label=f"✗{step}, step {step} of the counterexample"),
        ]
        for order, step in enumerate(steps)
    ]


def _end(made: Table, index: int) -> Content:
    """The mark of the exit that the failing path ends in."""
    if made.failing is None or made.failing.exit != index:
        return None
    return el("a", "✗", href=f"#{made.failing.anchor}", aria_label=f"✗ exit, where {made.failing.violation.id} fails")


def _ways(made: Table, index: int, line: CodeLine) -> Iterator[Content]:
    """How paths end here, where they go other than on, and from where they come."""
    if index in made.entries:
        yield el("strong", "entry", class_="end")
    for end in line.ends:
        yield el("strong", f"→ user mode by {end.upper()}" if is_exit(end) else end, class_="end")
    # The forms of a patched place are several lines at one address: that is one way.
    said: set[tuple[str, int]] = set()
    for target, note in made.out.get(index, ()):
        if falls(made.whole, index, target, note):
            if note and note not in _PLAIN:
                yield el("span", note)
            continue
        key = (note, made.whole.lines[target].location.address)
        if key not in said:
            said.add(key)
            yield el("span", [] if note in ("", "taken") else f"{note} ", "→ ", _link(made, target))
    sources = _once(made, made.into.get(index, ()))
    if sources:
        shown = [[", " if order else None, _link(made, source)] for order, source in enumerate(sources[:_WAYS])]
        more = f" and {len(sources) - _WAYS} more" if len(sources) > _WAYS else None
        yield el("span", "← ", shown, more, class_="into")


def _once(made: Table, lines: Iterable[int]) -> list[int]:
    """Lines in order, the first one of each address."""
    found: dict[int, int] = {}
    for line in sorted(lines):
        found.setdefault(made.whole.lines[line].location.address, line)
    return list(found.values())


def _link(made: Table, line: int) -> Element:
    where = made.whole.lines[line].location
    text = hexa(where.address) if where.symbol is None else f"+{hexa(where.offset)}"
    if where.line is not None:
        text = str(where.line)
    return el("a", text, href=f"#{made.page.row(made.number, line)}")


def _supports(made: Table, line: CodeLine) -> Content:
    """The clauses whose proof rests on this branch; general registers together."""
    site = next(
        (order for order, one in enumerate(made.page.report.sites) if made.page.map_of(one) == made.number), None
    )
    names = [name for name in line.supports if not name.startswith("gpr.")]
    registers = [name for name in line.supports if name.startswith("gpr.")]
    shown = [(name, name) for name in names]
    shown += [(registers[0], registers[0] if len(registers) == 1 else f"gpr.* ({len(registers)})")] if registers else []
    return [
        [
            " " if order else None,
            el("a", text, href=f"#{made.page.clause(site, name)}", class_="proof") if site is not None else text,
        ]
        for order, (name, text) in enumerate(shown)
    ]

# SPDX-License-Identifier: BSD-2-Clause
"""The listing of the code from one entry: source lines with their instructions, and what each leads to.

Lines stand in the order of addresses. Source lines without code stand between those that have some, as far
as the report holds their text; one source line can be many instructions (a macro) and then stands once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from verifier.model import CodeLine, PathMap, Reach, SourceText
from verifier.report.blocks import is_exit
from verifier.report.html.element import Content, Element, el
from verifier.report.html.page import Failing, Page, failing
from verifier.report.html.parts import LETTERS, code, fast_name, heading, hidden, several
from verifier.report.words import hexa

_LEAD = 14
"""Lines without code that are shown in front of the first one with code."""
_BETWEEN = 60
"""Lines without code that are shown between two with code; more of them are left out."""
_TAB = 4
"""Columns of a tab stop: half of what assembly is written with, so that both texts of a line have room."""
_WAYS = 4
"""Ways into an instruction that are listed one by one."""
_PLAIN = frozenset({"taken", "not taken", "call", "return", ""})


@dataclass(frozen=True, slots=True)
class _Table:
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
    shown: set[tuple[str, int]] = field(default_factory=set)


def listing(page: Page, number: int, blocks: Sequence[str | None]) -> Content:
    """The listing of a path map with what its letters mean; ``blocks`` names the drawing's block of each line."""
    whole = page.report.maps[number]
    made = _prepared(page, number, blocks)
    anchor = page.map(number)
    caption = hidden(f"Code executed from {whole.entry}")
    # A listing wider than the page scrolls by itself: it has to take the keyboard's focus.
    rows = el("table", el("caption", caption), _head(made), _bodies(made), class_="listing")
    return [
        _legend(page, made),
        el(
            "div", rows, class_="scroll", id=f"{anchor}-list", role="region", tabindex=0,
            aria_label=f"Listing of the code from {whole.entry}",
        ),
    ]  # fmt: skip


def _prepared(page: Page, number: int, blocks: Sequence[str | None]) -> _Table:
    whole = page.report.maps[number]
    out: dict[int, list[tuple[int, str]]] = defaultdict(list)
    into: dict[int, list[int]] = defaultdict(list)
    for edge in whole.edges:
        out[edge.source].append((edge.target, edge.note))
        if not _falls(whole, edge.source, edge.target, edge.note):
            into[edge.target].append(edge.source)
    has_lines = any(line.location.line is not None for line in whole.lines)
    coded = frozenset(
        (line.location.file, line.location.line)
        for line in whole.lines
        if line.location.file is not None and line.location.line is not None
    )
    texts = _texts(page.report.sources)
    columns = 8 if has_lines else 6
    return _Table(page, number, whole, texts, coded, failing(page, number), blocks, out, into, columns, has_lines)


def _falls(whole: PathMap, source: int, target: int, note: str) -> bool:
    """Whether control simply goes on with the next instruction."""
    one, other = whole.lines[source], whole.lines[target]
    size = len(one.code) // 2
    return note not in ("taken", "call", "return") and other.location.address == one.location.address + size


def _texts(sources: Sequence[SourceText]) -> dict[tuple[str, int], str]:
    return {
        (part.file, part.first + offset): text.expandtabs(_TAB)
        for part in sources
        for offset, text in enumerate(part.lines)
    }


def _legend(page: Page, made: _Table) -> Element:
    """What the letters mean, how many instructions have each, and the buttons that a script brings to life."""
    fast = fast_name(page.report)
    count = Counter(line.reach for line in made.whole.lines)
    names: tuple[tuple[Reach, str], ...] = (
        ("fast", f"leads to {fast} only"),
        ("slow", "leads to IRET only"),
        ("both", f"leads to {fast} or IRET"),
        ("none", "leads to neither"),
    )
    keys = [
        el(
            "li",
            el("span", LETTERS[reach], class_=f"reach {reach}"),
            f" {text}: {several(count[reach], 'instruction')}",
            data_reach=reach,
        )
        for reach, text in names
        if count[reach]
    ]
    failed: Content = None
    if made.failing is not None:
        link = el("a", f"counterexample to {made.failing.violation.id}", href=f"#{made.failing.anchor}")
        failed = el("li", el("span", "✗1", class_="step"), " is the first step of the ", link)
    anchor = made.page.map(made.number)
    return el(
        "div",
        el("ul", keys, failed, class_="legend"),
        el("div", class_="tools", data_tools=anchor, data_path=made.failing.anchor if made.failing else None),
        class_="key",
    )


def _head(made: _Table) -> Element:
    lines = ("Line", "Source") if made.has_lines else ()
    names = ("To", "Step", *lines, "Offset", "Instruction", "Ways", "Helps to prove")
    return el("thead", el("tr", [el("th", name, scope="col") for name in names]))


def _bodies(made: _Table) -> Iterator[Element]:
    """A group of rows for each stretch of code of one symbol and file."""
    rows: list[Element] = []
    place: tuple[str | None, str | None] | None = None
    before: CodeLine | None = None
    for index, line in enumerate(made.whole.lines):
        where = line.location
        if (where.symbol, where.file) != place:
            if rows:
                yield el("tbody", rows)
            place, before = (where.symbol, where.file), None
            name: list[Content] = [code(where.symbol) if where.symbol is not None else "Code without a symbol"]
            name += [f" in {where.file}"] if where.file is not None else []
            rows = [el("tr", el("th", name, scope="rowgroup", colspan=made.columns), class_="group")]
        rows += _context(made, before, line)
        rows.append(_row(made, index, line, before))
        before = line
    yield el("tbody", rows)


def _context(made: _Table, before: CodeLine | None, line: CodeLine) -> Iterator[Element]:
    """The source lines without code in front of a line."""
    file, number = line.location.file, line.location.line
    if file is None or number is None:
        return
    last = before.location.line if before is not None and before.location.file == file else None
    if last is not None and last == number:
        return
    first = last + 1 if last is not None and last < number <= last + _BETWEEN else number - _LEAD
    found: list[int] = []
    for at in range(number - 1, max(first, 1) - 1, -1):
        if (file, at) not in made.texts or (file, at) in made.coded or (file, at) in made.shown:
            break
        found.append(at)
    found.reverse()
    for at in found:
        made.shown.add((file, at))
        if not made.texts[file, at].strip():
            yield el("tr", el("td", "\u00a0", colspan=made.columns), class_="context blank")
            continue
        yield el(
            "tr",
            el("td", class_="pad", colspan=2),
            el("td", str(at), class_="n"),
            el("td", code(made.texts[file, at]), class_="src", colspan=made.columns - 3),
            class_="context",
        )


def _row(made: _Table, index: int, line: CodeLine, before: CodeLine | None) -> Element:
    where = line.location
    block = made.blocks[index] if index < len(made.blocks) else None
    letter = LETTERS[line.reach]
    steps = made.failing.steps.get(index, ()) if made.failing is not None else ()
    exits = any(is_exit(end) for end in line.ends)
    same = (
        before is not None and before.location.line == where.line and before.location.file == where.file
        and where.line is not None
    )  # fmt: skip
    offset = hexa(where.address) if where.symbol is None else f"+{hexa(where.offset)}"
    classes = [line.reach, *(["fail"] if steps else []), *(["exit"] if exits else []), *(["same"] if same else [])]
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
        el("td", _steps(made, steps) or _end(made, index), class_="step"),
        sourced,
        el("th", code(offset), scope="row", class_="n"),
        el("td", code(" ".join(where.text.split())), _variant(line), class_="asm"),
        el("td", _ways(made, index, line), class_="ways"),
        el("td", _supports(made, line), class_="proves"),
        id=made.page.row(made.number, index),
        class_=" ".join(classes),
        data_block=block,
    )


def _variant(line: CodeLine) -> Content:
    return el("small", f" with {line.variant}") if line.variant else None


def _steps(made: _Table, steps: Sequence[int]) -> Content:
    anchor = made.failing.anchor if made.failing is not None else ""
    return [
        [
            " " if order else None,
            el("a", f"✗{step}", href=f"#{anchor}-p{step}", aria_label=f"✗{step}, step {step} of the counterexample"),
        ]
        for order, step in enumerate(steps)
    ]


def _end(made: _Table, index: int) -> Content:
    """The mark of the exit that the failing path ends in."""
    if made.failing is None or made.failing.exit != index:
        return None
    return el("a", "✗", href=f"#{made.failing.anchor}", aria_label=f"✗ exit, where {made.failing.violation.id} fails")


def _ways(made: _Table, index: int, line: CodeLine) -> Iterator[Content]:
    """How paths end here, where they go other than on, and from where they come."""
    for end in line.ends:
        yield el("strong", f"→ user mode by {end.upper()}" if is_exit(end) else end, class_="end")
    for target, note in made.out.get(index, ()):
        if _falls(made.whole, index, target, note):
            if note and note not in _PLAIN:
                yield el("span", note)
            continue
        words = [] if note in ("", "taken") else [f"{note} "]
        yield el("span", words, "→ ", _link(made, target))
    sources = sorted(set(made.into.get(index, ())))
    if sources:
        shown = [[", " if order else None, _link(made, source)] for order, source in enumerate(sources[:_WAYS])]
        more = f" and {len(sources) - _WAYS} more" if len(sources) > _WAYS else None
        yield el("span", "← ", shown, more, class_="into")


def _link(made: _Table, line: int) -> Element:
    where = made.whole.lines[line].location
    text = hexa(where.address) if where.symbol is None else f"+{hexa(where.offset)}"
    if where.line is not None:
        text = str(where.line)
    return el("a", text, href=f"#{made.page.row(made.number, line)}")


def _supports(made: _Table, line: CodeLine) -> Content:
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


def title(page: Page, number: int) -> Element:
    """The heading of a listing."""
    return heading(page.level + 1, "From ", code(page.report.maps[number].entry))

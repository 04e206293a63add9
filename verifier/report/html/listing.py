# SPDX-License-Identifier: BSD-2-Clause
"""The listing of the code from one entry: source lines with their instructions, and what each leads to.

Lines stand in the order of addresses. Source lines without code stand between those that have some, as far
as the report holds their text; one source line can be many instructions (a macro) and then stands once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from verifier.model import CodeLine, Reach, SourceText
from verifier.report.blocks import entry_lines
from verifier.report.html.element import Content, Element, el
from verifier.report.html.page import Page, failing
from verifier.report.html.parts import LETTERS, code, fast_name, heading, hidden, several
from verifier.report.html.rows import Table, falls, row

_LEAD = 14
"""Lines without code that are shown in front of the first one with code."""
_BETWEEN = 60
"""Lines without code that are shown between two with code; more of them are left out."""
_TAB = 4
"""Columns of a tab stop: half of what assembly is written with, so that both texts of a line have room."""


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


def _prepared(page: Page, number: int, blocks: Sequence[str | None]) -> Table:
    whole = page.report.maps[number]
    out: dict[int, list[tuple[int, str]]] = defaultdict(list)
    into: dict[int, list[int]] = defaultdict(list)
    for edge in whole.edges:
        out[edge.source].append((edge.target, edge.note))
        if not falls(whole, edge.source, edge.target, edge.note):
            into[edge.target].append(edge.source)
    has_lines = any(line.location.line is not None for line in whole.lines)
    coded = frozenset(
        (line.location.file, line.location.line)
        for line in whole.lines
        if line.location.file is not None and line.location.line is not None
    )
    bad = failing(page, number)
    has_proofs = any(line.supports for line in whole.lines)
    return Table(
        page=page,
        number=number,
        whole=whole,
        texts=_texts(page.report.sources),
        coded=coded,
        failing=bad,
        blocks=blocks,
        out=out,
        into=into,
        columns=4 + (bad is not None) + 2 * has_lines + has_proofs,
        has_lines=has_lines,
        has_proofs=has_proofs,
        entries=entry_lines(whole),
        behind=frozenset(line.location.address + len(line.code) // 2 for line in whole.lines),
    )


def _texts(sources: Sequence[SourceText]) -> dict[tuple[str, int], str]:
    return {
        (part.file, part.first + offset): text.expandtabs(_TAB)
        for part in sources
        for offset, text in enumerate(part.lines)
    }


def _legend(page: Page, made: Table) -> Element:
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
    first = min(made.entries, default=None)
    start: Content = None
    if first is not None:
        start = el("li", el("a", "Go to the entry", href=f"#{made.page.row(made.number, first)}"), class_="go")
    failed: Content = None
    if made.failing is not None:
        link = el("a", f"counterexample to {made.failing.violation.id}", href=f"#{made.failing.anchor}")
        failed = el("li", el("span", "✗1", class_="step"), " is the first step of the ", link)
    anchor = made.page.map(made.number)
    return el(
        "div",
        el("ul", keys, failed, start, class_="legend"),
        el("div", class_="tools", data_tools=anchor, data_path=made.failing.anchor if made.failing else None),
        class_="key",
    )


def _head(made: Table) -> Element:
    names = ["To"]
    names += ["Step"] if made.failing is not None else []
    names += ["Line", "Source"] if made.has_lines else []
    names += ["Offset", "Instruction", "Ways"]
    names += ["Helps to prove"] if made.has_proofs else []
    return el("thead", el("tr", [el("th", name, scope="col") for name in names]))


def _bodies(made: Table) -> Iterator[Element]:
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
        rows.append(row(made, index, line, before))
        before = line
    yield el("tbody", rows)


def _context(made: Table, before: CodeLine | None, line: CodeLine) -> Iterator[Element]:
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
    before_number = 2 if made.failing is not None else 1
    for at in found:
        made.shown.add((file, at))
        if not made.texts[file, at].strip():
            yield el("tr", el("td", "\u00a0", colspan=made.columns), class_="context blank")
            continue
        yield el(
            "tr",
            el("td", class_="pad", colspan=before_number),
            el("td", str(at), class_="n"),
            el(
                "td",
                code(made.texts[file, at]),
                class_="src",
                colspan=made.columns - (3 if made.failing is not None else 2),
            ),
            class_="context",
        )


def title(page: Page, number: int) -> Element:
    """The heading of a listing."""
    return heading(page.level + 1, "From ", code(page.report.maps[number].entry))

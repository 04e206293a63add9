# SPDX-License-Identifier: BSD-2-Clause
"""What a change does to user space, for a terminal: the answer first, then each difference with a machine."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from verifier.insights import Comparison, Divergence
from verifier.model import ALL_CONFIGS
from verifier.report import Style, change, ranges
from verifier.report.conditions import Wording, names_of
from verifier.report.counterexample import cell, compared
from verifier.report.insights_text import example, spans
from verifier.report.terminal import indented, item, line, opened, printed, said
from verifier.report.words import capital, clean, sentence

_COLORS = {"equivalent": "bold green", "safe": "bold green", "unsafe": "bold red", "inconclusive": "bold yellow"}
_VERDICTS = {"proved": "green", "violated": "bold red", "inconclusive": "yellow", "error": "bold red"}


def render(comparison: Comparison, style: Style) -> str:
    """The comparison for people."""
    console, buffer = opened(style)
    status, _, rest = change.summary(comparison).partition(": ")
    console.print(Text.assemble((clean(status), _COLORS[comparison.status]), f": {clean(rest)}."))
    _sides(console, comparison)
    found = change.ordered(comparison)
    for number, one in enumerate(found, 1):
        console.print()
        title = f"{number}. " if len(found) > 1 else ""
        console.print(Text(clean(f"{title}{change.kind_of(one)}"), "bold"))
        for part in _divergence(one, console.width, style.verbose):
            console.print(part)
    if comparison.reasons:
        console.print()
        console.print(Text("Why it is not decided" if comparison.status == "inconclusive" else "What is not decided",
                           "bold"))  # fmt: skip
        for reason in comparison.reasons:
            console.print(item(f"{capital(sentence(reason))}."))
    if comparison.assumptions:
        console.print()
        console.print(Text("What only the comparison assumes", "bold"))
        for name, text in comparison.assumptions:
            console.print(said(clean(name), f"{sentence(text)}."))
    return printed(buffer, style)


def _sides(console: Console, comparison: Comparison) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, side in change.sides(comparison):
        told = Text(clean(side.path))
        told.append(clean(f", from {side.entry}: ") if side.entry else ": ")
        told.append(clean(change.verdict(side)), _VERDICTS[side.verdict])
        table.add_row(Text(name, "bold"), told)
    console.print(indented(table))


def _divergence(one: Divergence, width: int, verbose: bool) -> Iterator[RenderableType]:
    yield line(change.weight(one), "bold red" if one.wrong else "")
    yield line(change.machines(one, ALL_CONFIGS))
    wording = Wording(names_of(one.conditions))
    for note in wording.notes:
        yield line(note, "dim")
    for told in ranges.told(one, list(map(wording.condition, one.conditions))):
        yield item(told)
    if not ranges.are_said(one):
        yield from spans(one.ranges, one.ranges_exact, verbose)
    if one.example:
        yield line(f"Example: {example(one.example, True)}.")
    yield from _outcomes(one, width)


def _outcomes(one: Divergence, width: int) -> Iterator[RenderableType]:
    heads = change.heads(one)
    if change.same(one):
        yield line(f"{heads[0]} and {heads[1]} leave user space in the same state.")
        return
    rows, fates = change.rows(one)
    cells = [("outcome", "≠" if fates[0] != fates[1] else "", clean(fates[0]), clean(fates[1]))]
    cells += [
        (clean(name), "≠" if differs else "", clean(cell(name, base, differs)), clean(cell(name, head, differs)))
        for name, differs, base, head in rows
    ]
    yield line("What becomes of this machine:")
    yield indented(indented(compared(cells, (clean(heads[0]), clean(heads[1])), width - 4)))
    for name in change.others(one):
        yield item(f"differs: {name}")

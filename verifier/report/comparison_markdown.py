# SPDX-License-Identifier: BSD-2-Clause
"""What a change does to user space, in GitHub-flavoured Markdown: a comment on the change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from verifier.insights import Comparison, Divergence, Interval
from verifier.model import ALL_CONFIGS, Input
from verifier.report import Style, change, ranges
from verifier.report.conditions import each_words
from verifier.report.counterexample import cell
from verifier.report.mdtext import code, codes, table, text
from verifier.report.meaning import switch
from verifier.report.words import capital, counted, hexa, sentence

_RANGES = 4
_INPUTS = 12


def render(comparison: Comparison, style: Style) -> str:
    """The comment; ``style`` changes nothing. The first line is the title, the next one answers."""
    return "\n".join(_lines(comparison)).rstrip("\n") + "\n"


def _lines(found: Comparison) -> Iterator[str]:
    yield from (f"## {change.TITLE}", "")
    yield from (f"**{text(change.summary(found))}.**", "")
    ordered = change.ordered(found)
    rows = (_row(number, one) for number, one in enumerate(ordered, 1))
    yield from table(("", "what changes", "for which machines", "weight", "example"), rows)
    for number, one in enumerate(ordered, 1):
        if not change.same(one):
            yield from _outcomes(f"{number}: " if len(ordered) > 1 else "", one)
    if found.reasons:
        yield from ("### Why it is not decided" if found.status == "inconclusive" else "### What is not decided", "")
        yield from (f"- {text(capital(sentence(reason)))}." for reason in found.reasons)
        yield ""
    sides = (
        (name, text(change.verdict(side)), code(side.path), code(side.entry), code(side.sha256))
        for name, side in change.sides(found)
    )
    yield from table(("", "verdict", "input", "entry", "SHA-256"), sides)
    assumed = ((code(name), text(f"{sentence(said)}.")) for name, said in found.assumptions)
    yield from table(("only the comparison assumes", ""), assumed)


def _row(number: int, one: Divergence) -> tuple[str, ...]:
    base, head = change.heads(one)
    what = f"{text(change.kind_of(one))}: {text(base)}, {text(head)}"
    return str(number), what, _machines(one), text(_weight(one)), _example(one.example)


def _weight(one: Divergence) -> str:
    if one.wrong:
        return "HEAD is wrong"
    if not one.judged:
        return "visible, not judged"
    return "visible, HEAD is right" if one.visible else "speed only"


def _machines(one: Divergence) -> str:
    """Conditions, the saved RIPs and how exact that is, in one cell."""
    parts = [f"{text(change.machines(one, ALL_CONFIGS))} {'; '.join(map(text, _conditions(one)))}".rstrip()]
    if one.ranges and not ranges.are_said(one):
        parts.append(f"{text(ranges.lead(one.ranges_exact))}: {_ranges(one.ranges)}")
    return ". ".join(parts)


def _conditions(one: Divergence) -> list[str]:
    return ranges.told(one, each_words(one.conditions))


def _ranges(found: Sequence[Interval]) -> str:
    shown = "; ".join(text(ranges.span(one)) for one in found[:_RANGES])
    rest = len(found) - _RANGES
    return shown + (f"; and {counted(rest, 'more range')}" if rest > 0 else "")


def _example(inputs: Iterable[Input]) -> str:
    chosen = list(inputs)
    shown = [
        f"{code(one.name)} {switch(one.value) if one.kind == 'feature' else f'= {code(hexa(one.value))}'}"
        for one in chosen[:_INPUTS]
    ]
    rest = len(chosen) - len(shown)
    return ", ".join([*shown, *([f"and {rest} more"] if rest else [])])


def _outcomes(prefix: str, one: Divergence) -> Iterator[str]:
    """Both outcomes side by side; fields that differ are marked."""
    yield from (f"### {prefix}{text(change.kind_of(one))}", "", f"**{text(change.weight(one))}**", "")
    yield "What becomes of the example:"
    yield ""
    rows, fates = change.rows(one)
    cells = [("outcome", _mark(fates[0] != fates[1]), text(fates[0]), text(fates[1]))]
    cells += [
        (code(name), _mark(differs), text(cell(name, base, differs)), text(cell(name, head, differs)))
        for name, differs, base, head in rows
    ]
    base, head = change.heads(one)
    yield from table(("", "", text(base), text(head)), cells)
    extra = change.others(one)
    if extra:
        yield from (f"Also different: {codes(extra)}.", "")


def _mark(differs: bool) -> str:
    return "**≠**" if differs else ""

# SPDX-License-Identifier: BSD-2-Clause
"""What a proof knows beyond its verdict, in Markdown: checks, suggested tests, conditions, slack, a change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.insights import Condition, Divergence, GuardUse, Hint, Interval, Lost
from verifier.model import Config, FileReport, Input, SiteResult
from verifier.report import change as change_words, checks, left as left_words, ranges, saying
from verifier.report.conditions import Wording, each_words
from verifier.report.hints import closing, lead, place_line, proof
from verifier.report.mdtext import block, code, codes, table, text
from verifier.report.meaning import meaning, switch
from verifier.report.words import capital, hexa, sentence, source

_CELLS: dict[checks.Mark, str] = {"needed": "**needed**", "part": "replaceable", "unsure": "not known", "": ""}
_RANGES = 12


def matrix(site: SiteResult) -> Iterator[str]:
    """Which check proves what at an exit; nothing if that was not asked for."""
    if site.guards is None:
        return
    found = checks.columns(site)
    yield from (f"#### {checks.TITLE}", "", text(checks.tally(site)), "")
    heads = [_head(one) for one in found]
    wording = checks.wording(site)
    rows = (
        (_place(guard), _lets(guard, wording), *(_cell(guard, one) for one in found), text(checks.worth(guard)))
        for guard in site.guards
    )
    yield from table(("check", "lets pass", *heads, "in all"), rows)
    yield from (f"- {text(note)}" for note in wording.notes)
    for one in found:
        if one.state != "proved":
            hinted = any(set(hint.clauses) & set(one.ids) for hint in site.hints)
            also = ", and the suggested test for what would" if hinted else ""
            yield f"- {codes(one.ids)}: **{one.state}**, {checks.VIOLATED}. See the counterexample{also}."
    if site.guards:
        yield from (f"- {text(said)}." for _, _, said in checks.legend(site))
        yield f"- {text(checks.REDUNDANT)}."
    yield from (f"- {text(why)}: {codes(names)}." for why, names in checks.unguarded(site))
    yield ""


def _head(column: checks.Column) -> str:
    many = f" ({len(column.ids)})" if len(column.ids) > 1 else ""
    return f"{code(column.title)}{many}" + (f" ({column.state})" if column.state != "proved" else "")


def _cell(guard: GuardUse, column: checks.Column) -> str:
    return _CELLS[checks.mark(guard, column)] if column.state == "proved" else "no check"


def _place(guard: GuardUse) -> str:
    variant = f" with {text(guard.variant)}" if guard.variant else ""
    return f"{code(source(guard.location))} {code(' '.join(guard.location.text.split()))}{variant}"


def _lets(guard: GuardUse, wording: Wording) -> str:
    return text("; ".join(checks.lets(guard, wording)))


def hints(report: FileReport, site: SiteResult) -> Iterator[str]:
    """The suggested tests of an exit."""
    for hint in site.hints:
        yield from _hint(report, site, hint)
    if site.hints:
        yield from (f"{text(closing(site.hints))} A suggestion, not an edit.", "")


def _hint(report: FileReport, site: SiteResult, hint: Hint) -> Iterator[str]:
    yield from (f"#### Suggested test for {codes(hint.clauses)}", "", text(lead(hint, site.kind)), "")
    yield from (text(place_line(hint)), "")
    yield from block(hint.lines)
    yield from (f"{text(proof(hint, report.configs))}.", "")


def taken(site: SiteResult) -> Iterator[str]:
    """When an exit is taken."""
    if site.fast:
        yield from ("#### Which frames take the fast exit", "")
    for fast in site.fast:
        yield from (f"**{text(saying.fast_lead(site, fast))}**", "")
        yield from _conditions(fast.conditions)
        rest = saying.fast_rest(fast)
        yield from (text(rest), "") if rest else ()


def left(report: FileReport, site: SiteResult) -> Iterator[str]:
    """What an exit leaves to IRET."""
    if site.slack is None:
        return
    yield from (f"#### {left_words.TITLE}", "", f"**{text(left_words.lead(site, site.slack))}**", "")
    rest = left_words.rest(site.slack)
    yield from (text(rest), "") if rest else ()
    ordinary, others = left_words.groups(site.slack, True), left_words.groups(site.slack, False)
    names = left_words.places(site, site.slack)
    for group in ordinary:
        yield from (f"**{text(left_words.heading(group, names))}:**", "")
        for one in group.losses:
            yield from _lost(one, report.configs)
    if others:
        yield from (f"{text(left_words.OTHERS)}:", "")
        yield from (f"- {text(left_words.aside(group, names, report.configs))}" for group in others)
        yield ""


def _lost(one: Lost, among: tuple[Config, ...]) -> Iterator[str]:
    yield from (f"{text(capital(left_words.scope(one, among)))}{':' if one.conditions else '.'}", "")
    yield from _restricted(one)
    yield from _inputs(one.example)


def change(report: FileReport) -> Iterator[str]:
    """What a change does to user space; nothing if the report has no comparison."""
    found = report.comparison
    if found is None:
        return
    yield from ("### What this change does to user space", "", f"**{text(change_words.summary(found))}.**", "")
    yield from (f"- {text(sentence(one))}." for one in found.reasons)
    if found.reasons:
        yield ""
    for name, who, effect in change_words.failing(found):
        yield f"- {who} {'violate' if ' ' in who else 'violates'} {code(name)}. {text(sentence(effect))}."
    if change_words.failing(found):
        yield ""
    sides = (("BASE", found.base), ("HEAD", found.head))
    rows = (
        (name, f"**{side.verdict}**", codes(side.violated), code(side.path), code(side.entry), code(side.sha256))
        for name, side in sides
    )
    yield from table(("version", "verdict", "violated", "path", "entry", "SHA-256"), rows)
    for one in change_words.ordered(found):
        yield from _divergence(one, report.configs)
    assumed = ((code(name), text(f"{sentence(said)}.")) for name, said in found.assumptions)
    yield from table(("only the comparison assumes", ""), assumed)


def _divergence(one: Divergence, among: tuple[Config, ...]) -> Iterator[str]:
    yield from (f"#### {text(change_words.kind_of(one))}", "", f"**{text(change_words.weight(one))}**", "")
    yield from (text(change_words.machines(one, among)), "")
    yield from _restricted(one)
    yield from _inputs(one.example)
    fields, ends = change_words.rows(one)
    rows = [("outcome", _differs(ends[0] != ends[1]), text(ends[0]), text(ends[1]))]
    rows += [(text(name), _differs(bad), code(_shown(base)), code(_shown(head))) for name, bad, base, head in fields]
    titles = (text(title) for title in change_words.heads(one))
    yield from table(("what becomes of it", "", *titles), rows)
    others = change_words.others(one)
    if others:
        yield from (f"Also different: {codes(others)}.", "")


def _differs(so: bool) -> str:
    return "**differs**" if so else ""


def _shown(value: int | None) -> str:
    return "-" if value is None else hexa(value)


def _restricted(one: Lost | Divergence) -> Iterator[str]:
    """Conditions and the saved RIPs that they leave; what both say is said once."""
    said = [f"- {text(word)}" for word in ranges.told(one, each_words(one.conditions))]
    yield from (*said, "") if said else ()
    if not ranges.are_said(one):
        yield from _ranges(one.ranges, one.ranges_exact)


def _conditions(found: Sequence[Condition]) -> Iterator[str]:
    said = [f"- {text(one)}" for one in each_words(found)]
    yield from (*said, "") if said else ()


def _ranges(found: Sequence[Interval], exact: bool) -> Iterator[str]:
    if not found:
        return
    yield from (f"{text(ranges.lead(exact))}:", "")
    yield from (f"- {text(ranges.span(one))}" for one in found[:_RANGES])
    if len(found) > _RANGES:
        yield f"- {len(found) - _RANGES} more ranges"
    yield ""


def _inputs(found: Sequence[Input]) -> Iterator[str]:
    rows = (
        (code(one.name), switch(one.value) if one.kind == "feature" else code(hexa(one.value)),
         text("" if one.kind == "feature" else meaning(one.name, one.value)))
        for one in found
    )  # fmt: skip
    yield from table(("example: input", "value", "which is"), rows)

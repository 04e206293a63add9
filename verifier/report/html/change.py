# SPDX-License-Identifier: BSD-2-Clause
"""What a change does to user space: both verdicts, and each way in which the two versions differ."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.insights import Comparison, Divergence, Side
from verifier.model import OutcomeView
from verifier.report import change
from verifier.report.html import state
from verifier.report.html.element import Content, Element, el
from verifier.report.html.page import Page
from verifier.report.html.parts import badge, code, fold, heading, hidden, items, row, said, table
from verifier.report.machine import fate


def shown(page: Page) -> Content:
    """The comparison with an earlier version; None if there is none."""
    found = page.report.comparison
    return None if found is None else list(_parts(page, found))


def _parts(page: Page, found: Comparison) -> Iterator[Content]:
    if found.divergences:
        answer = f"{change.STATUS[found.status]}: {'; '.join(change.worth(found))}."
        yield el("p", el("strong", answer), class_=f"sentence change {found.status}")
        yield el("ol", [_brief(page, *one) for one in enumerate(change.ordered(found))], class_="brief")
    else:
        yield el("p", el("strong", change.summary(found), "."), class_=f"sentence change {found.status}")
    yield items(said(one) for one in found.reasons) if found.reasons else None
    yield from _failing(found)
    columns = ("Version", "Verdict", "Violated", "Path", "Entry", "SHA-256")
    rows = (_side("BASE", found.base), _side("HEAD", found.head))
    yield table(hidden("The two versions"), columns, rows, "sides")
    for order, one in enumerate(change.ordered(found)):
        yield _divergence(page, order, one)
    if found.assumptions:
        assumed = (row(code(name), said(text)) for name, text in found.assumptions)
        yield table("What only the comparison assumes", ("Name", "What is assumed"), assumed)


def _brief(page: Page, order: int, one: Divergence) -> Element:
    """A difference in one line, which leads to the whole."""
    return el("li", el("a", state.valued(change.does(one)), href=f"#{_name(page, order)}"), ".")


def _failing(found: Comparison) -> Iterator[Element]:
    """What each version gets wrong."""
    rows = [row(code(name), who, said(effect)) for name, who, effect in change.failing(found)]
    if rows:
        yield table("What is violated", ("Clause", "By", "What that means"), rows, "fails")


def _name(page: Page, order: int) -> str:
    return f"{page.prefix}-d{order}"


def _side(name: str, side: Side) -> Element:
    bad = [[", " if order else None, code(one)] for order, one in enumerate(side.violated)]
    return row(name, badge(side.verdict), bad or "–", code(side.path), code(side.entry), code(side.sha256))


def _divergence(page: Page, order: int, one: Divergence) -> Element:
    mark, name = ("✗ ", "bad") if one.wrong else ("≠ ", "warn") if one.visible else ("✓ ", "good")
    outcomes = state.outcomes(
        _column("BASE", one.base, one.base_end), _column("HEAD", one.head, one.head_end), one.differs
    )
    also = [[", " if at else None, code(name)] for at, name in enumerate(change.others(one))]
    return el(
        "div",
        heading(page.level + 1, f"{order + 1}. {change.kind_of(one)}"),
        el(
            "p",
            el("span", el("span", mark, aria_hidden="true"), change.weight(one), class_=f"weight {name}"),
        ),
        el("p", change.machines(one, page.report.configs)),
        state.restricted(one),
        heading(page.level + 2, "Example"),
        state.inputs(one.example, "Every machine is one."),
        fold("The same becomes of it in both", outcomes) if change.same(one) else outcomes,
        el("p", "Also different: ", also, ".") if also else None,
        id=_name(page, order),
        class_="divergence",
    )


def _column(name: str, outcome: OutcomeView | None, end: str) -> state.Column:
    """A version and what becomes of the machine in it."""
    if outcome is None:
        return state.Column(name, end or "does not leave to user space", ())
    return state.Column([f"{name}: ", code(outcome.instruction.upper())], fate(outcome), outcome.fields)

# SPDX-License-Identifier: BSD-2-Clause
"""Which check proves what: a table of guards and clauses for each exit, and the tests that would repair a clause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.insights import GuardUse, Hint
from verifier.model import SiteResult
from verifier.report import checks
from verifier.report.checks import Column
from verifier.report.conditions import Wording
from verifier.report.hints import closing, lead, place_line, proof
from verifier.report.html import state
from verifier.report.html.element import Content, Element, el
from verifier.report.html.page import Page, examples
from verifier.report.html.parts import badge, code, heading, hidden, row, said, spot, table
from verifier.report.words import near

_SIGNS = {mark: (sign, text) for mark, sign, text in checks.LEGEND}


def tables(page: Page) -> Content:
    """A table for each exit whose guards are known; None if those of none are."""
    known = [(number, one) for number, one in enumerate(page.report.sites) if one.guards is not None]
    if not known:
        return None
    return [_intro(), [_site(page, number, one, len(page.report.sites) > 1) for number, one in known]]


def _intro() -> Content:
    return el(
        "p",
        "A row is a check: a branch that depends on the machine. A column is a clause: what has to hold at the "
        "exit. A sign says that the proof of the clause uses the check.",
        class_="note",
    )


def _legend(site: SiteResult) -> Element:
    """What the signs say."""
    keys = (
        el("li", el("span", sign, class_=f"mark {mark}", aria_hidden="true"), f" {text}")
        for mark, sign, text in checks.legend(site)
    )
    return el("ul", keys, el("li", checks.REDUNDANT), class_="legend")


def _site(page: Page, number: int, site: SiteResult, several: bool) -> Element:
    found = checks.columns(site)
    name = f"{site.kind.upper()} at {spot(site.location)}"
    title = heading(page.level + 1, name, f", from {site.entry}") if several else None
    rows = list(_rows(page, number, site, found))
    heads: list[Content] = ["Check", "Lets pass", *(_head(page, number, one) for one in found), "In all"]
    shown: Content = None
    if rows:
        shown = el(
            "div",
            table(hidden(f"Checks in front of {name}, and the clauses that they prove"), heads, rows, "matrix"),
            class_="scroll", role="region", tabindex=0, aria_label=f"Checks and clauses of {name}",
        )  # fmt: skip
    failed = [one for one in found if one.state != "proved"] if not rows else []
    return el(
        "div",
        title,
        el("p", checks.tally(site)),
        [_legend(site), shown] if rows else None,
        _prevented(page, number, site),
        [el("p", note, class_="note") for note in checks.wording(site).notes],
        [el("p", _head(page, number, one), ": ", _failed(page, number, site, one)) for one in failed],
        [el("p", f"{why}: ", _names(names), ".", class_="note") for why, names in checks.unguarded(site)],
    )


def _prevented(page: Page, number: int, site: SiteResult) -> Content:
    """What would go wrong without the checks."""
    rows = []
    for column, guards, effect in checks.prevented(site):
        places = [[", " if order else None, _link(page, site, guard)] for order, guard in enumerate(guards)]
        rows.append(row(_head(page, number, column), places, said(effect)))
    return (
        table("What these checks keep from happening", ("Clause", "Checks", "If it failed"), rows, "fails")
        if rows
        else None
    )


def _link(page: Page, site: SiteResult, guard: GuardUse) -> Content:
    listed = page.row_of(site, guard.location)
    name = near(guard.location, site.location)
    return el("a", name, href=f"#{listed}") if listed else name


def _names(names: Sequence[str]) -> Content:
    return [[", " if order else None, code(name)] for order, name in enumerate(names)]


def _head(page: Page, number: int, column: Column) -> Content:
    """The clause, which leads to its row in the table of clauses."""
    link = el("a", code(column.title), href=f"#{page.clause(number, column.ids[0])}")
    many = el("small", f" {len(column.ids)} registers") if len(column.ids) > 1 else None
    return [link, many]


def _rows(page: Page, number: int, site: SiteResult, columns: Sequence[Column]) -> Iterator[Element]:
    guards = site.guards or ()
    wording = checks.wording(site)
    for order, guard in enumerate(guards):
        cells = []
        for column in columns:
            if column.state == "proved":
                cells.append(_cell(guard, column))
            elif order == 0:
                # One answer for all checks: none of them is enough.
                said = _failed(page, number, site, column)
                cells.append(el("td", said, rowspan=len(guards), class_=f"open {column.state}"))
        worth = checks.worth(guard)
        yield el(
            "tr",
            el("th", _place(page, site, guard), scope="row"),
            el("td", _demands(guard, wording), class_="lets"),
            cells,
            el("td", worth, class_="needed" if guard.needed else "spare"),
            id=f"{page.site(number)}-g{order}",
        )


def _place(page: Page, site: SiteResult, guard: GuardUse) -> Content:
    """Where the check is; that leads to the listing."""
    where = guard.location
    return [
        _link(page, site, guard),
        el("div", code(" ".join(where.text.split())), f" with {guard.variant}" if guard.variant else None),
    ]


def _demands(guard: GuardUse, wording: Wording) -> Content:
    """The conditions for the way to the exit to stay open."""
    said = checks.lets(guard, wording)
    return state.listed(said) if guard.demands else said


def _cell(guard: GuardUse, column: Column) -> Element:
    mark = checks.mark(guard, column)
    if not mark:
        return el("td", class_="mark")
    sign, text = _SIGNS[mark]
    word = text.split(":", 1)[0]
    return el("td", el("span", sign, aria_hidden="true"), hidden(f"{word} for {column.title}"), class_=f"mark {mark}")


def _failed(page: Page, number: int, site: SiteResult, column: Column) -> Content:
    """That no check ensures the clause, the machine that shows it, and the test that would."""
    links: list[Content] = []
    for order, one in enumerate(examples(site)):
        if one.id in column.ids and not links:
            links.append(el("a", "counterexample", href=f"#{page.example(number, order)}"))
    for order, hint in enumerate(site.hints):
        if set(hint.clauses) & set(column.ids):
            links.append(el("a", "suggested test", href=f"#{hint_id(page, number, order)}"))
    status = badge("violated") if column.state == "violated" else badge("waived")
    return [status, f": {checks.VIOLATED}", [[el("br"), link] for link in links]]


def hint_id(page: Page, site: int, number: int) -> str:
    """The identity of a suggested test."""
    return f"{page.site(site)}-h{number}"


def hints(page: Page, number: int, site: SiteResult) -> Content:
    """The tests that would repair the clauses that fail, each with how that is known; None without any."""
    if not site.hints:
        return None
    return [
        heading(page.level + 2, "Suggested tests" if len(site.hints) > 1 else "Suggested test"),
        [_hint(page, number, site, order, one) for order, one in enumerate(site.hints)],
        el("p", closing(site.hints), " A suggestion, not an edit: read it before it is used."),
    ]


def _hint(page: Page, number: int, site: SiteResult, order: int, hint: Hint) -> Element:
    row = page.row_of(site, hint.after) if hint.after is not None else None
    shown = el("a", "Show it in the listing", href=f"#{row}", class_="go") if row else None
    lines = [[el("br") if at else None, code(line)] for at, line in enumerate(hint.lines)]
    return el(
        "div",
        el("p", el("strong", lead(hint, site.kind))),
        el("p", place_line(hint), " ", shown),
        el("pre", lines) if lines else None,
        el("p", proof(hint, page.report.configs), "."),
        id=hint_id(page, number, order),
        class_="hint",
    )

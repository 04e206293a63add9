# SPDX-License-Identifier: BSD-2-Clause
"""When an exit is taken, and what it leaves to IRET although it could have done the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from verifier.insights import FastConditions, Lost, Slack
from verifier.model import Location, SiteResult
from verifier.report import left as left_words, saying
from verifier.report.html import state
from verifier.report.html.element import Content, Element, el
from verifier.report.html.page import Page
from verifier.report.html.parts import fold, heading, items, spot
from verifier.report.words import capital


def taken(page: Page) -> Content:
    """For each exit the conditions under which it is taken; None if they were not asked for."""
    return [
        el("div", _title(page, one), [_conditions(one, fast) for fast in one.fast])
        for one in page.report.sites
        if one.fast
    ] or None


def _title(page: Page, site: SiteResult) -> Content:
    """The exit's name, if there are several."""
    if len(page.report.sites) == 1:
        return None
    return heading(page.level + 1, f"{site.kind.upper()} at {spot(site.location)}, from {site.entry}")


def _conditions(site: SiteResult, fast: FastConditions) -> Content:
    rest = saying.fast_rest(fast)
    return [
        el("p", el("strong", saying.fast_lead(site, fast))),
        state.conditions(fast.conditions),
        el("p", rest) if rest else None,
    ]


def left(page: Page) -> Content:
    """For each exit what it leaves to IRET; None if that was not asked for."""
    return [
        el("div", _title(page, one), _slack(page, number, one, one.slack))
        for number, one in enumerate(page.report.sites)
        if one.slack is not None
    ] or None


def _slack(page: Page, number: int, site: SiteResult, slack: Slack) -> Iterator[Content]:
    yield el("p", el("strong", left_words.lead(site, slack)), class_=f"slack {slack.status}")
    rest = left_words.rest(slack)
    yield el("p", rest) if rest else None
    ordinary, others = left_words.groups(slack, True), left_words.groups(slack, False)
    names = left_words.places(site, slack)
    for order, group in enumerate(ordinary):
        made = [_lost(page, one, True) for one in group.losses]
        yield _group(page, _who(page, site, names, group), group, f"{page.site(number)}-l{order}", made)
    if others:
        yield el("p", left_words.OTHERS, ":")
        yield items(
            [_who(page, site, names, group), ": ", state.valued(left_words.unlike(group, page.report.configs))]
            for group in others
        )
        shown = []
        for order, group in enumerate(others, len(ordinary)):
            made = [_lost(page, one, False) for one in group.losses]
            who = capital(" and ".join(names[one] for one in group.guards))
            shown.append(_group(page, who, group, f"{page.site(number)}-l{order}", made))
        yield fold("Conditions and examples of these", shown)


def _group(page: Page, who: Content, group: left_words.Group, name: str, losses: Content) -> Element:
    level = page.level + 1 + (len(page.report.sites) > 1)
    title: Content = [who, " ", left_words.turns(group)] if group.guards else left_words.NOBODY
    return el("div", heading(level, title), losses, id=name, class_="lost-way")


def _who(page: Page, site: SiteResult, names: Mapping[Location, str], group: left_words.Group) -> Content:
    """The checks, which lead to the listing."""
    shown: list[Content] = []
    for where in group.guards:
        row = page.row_of(site, where)
        said = names[where] if shown else capital(names[where])
        shown += [" and " if shown else None, el("a", said, href=f"#{row}") if row else said]
    return shown or "No single check"


def _lost(page: Page, one: Lost, folded: bool) -> Content:
    example = state.inputs(one.example, "Every machine that comes here is an example.")
    return [
        el("p", capital(left_words.scope(one, page.report.configs)), ":" if one.conditions else "."),
        state.restricted(one),
        fold("Example", example) if folded else example,
    ]

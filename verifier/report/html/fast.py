# SPDX-License-Identifier: BSD-2-Clause
"""When an exit is taken, and what it leaves to IRET although it could have done the same."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.insights import FastConditions, Lost, Slack
from verifier.model import SiteResult
from verifier.report import saying
from verifier.report.html import state
from verifier.report.html.element import Content, Element, el
from verifier.report.html.page import Page
from verifier.report.html.parts import heading, near, spot


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
    yield el("p", el("strong", saying.slack_lead(site, slack)), class_=f"slack {slack.status}")
    rest = saying.slack_rest(slack)
    yield el("p", rest) if rest else None
    for order, one in enumerate(slack.lost):
        yield _lost(page, number, site, order, one)


def _lost(page: Page, number: int, site: SiteResult, order: int, one: Lost) -> Element:
    links: list[Content] = []
    for where in one.guards:
        listed = page.row_of(site, where)
        if listed is not None:
            links += [" ", el("a", f"Show {near(where, site.location)} in the listing", href=f"#{listed}", class_="go")]
    return el(
        "div",
        heading(page.level + 1 + (len(page.report.sites) > 1), saying.lost_lead(one)),
        el("p", saying.lost_scope(one, page.report.configs), links),
        state.conditions(one.conditions),
        state.ranges(one.ranges, one.ranges_exact),
        state.inputs(one.example, "Every machine that comes here is an example."),
        id=f"{page.site(number)}-l{order}",
        class_="lost-way",
    )

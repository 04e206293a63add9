# SPDX-License-Identifier: BSD-2-Clause
"""The clause table of each exit: what holds on which CPUs, what a clause means, and what its answer rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.clauses import clause
from verifier.model import ClauseResult, SiteResult, Status
from verifier.report import narrative
from verifier.report.grouping import STATUS_ORDER, code_digest, code_ranges
from verifier.report.html import checks
from verifier.report.html.element import Content, Element, el
from verifier.report.html.page import Page, clause_ids, examples
from verifier.report.html.parts import badge, code, cpus, fold, heading, hidden, pairs, row, said, spot, table
from verifier.report.meaning import switch
from verifier.report.supports import branches
from verifier.report.words import capital, counted, hexa, in_order

_REGISTER = "gpr."
_NO_BRANCH = "no branch"
_WITHOUT = "the clause follows from what every path does, and from the assumptions."


def tables(page: Page) -> Content:
    """A table for each exit, the code that its verdict covers, and a machine that reaches it."""
    sites = page.report.sites
    if not sites:
        return el("p", "No exit was judged, so there is no clause to show.")
    return [_site(page, number, one) for number, one in enumerate(sites)]


def _site(page: Page, number: int, site: SiteResult) -> Element:
    where = site.location
    anchor = page.site(number)
    name = spot(where)
    if sum(other.location == where for other in page.report.sites) > 1:
        name += f", from {site.entry}"
    listed = page.row_of(site, where)
    shown: Content = [". ", el("a", "Show it in the listing", href=f"#{listed}", class_="go")] if listed else None
    return el(
        "section",
        heading(page.level + 1, site.kind.upper(), f" at {name} ", badge(site.verdict), id_=f"{anchor}-t"),
        el("p", "Entry: ", code(site.entry), shown, class_="note"),
        table(
            hidden(f"Clauses at {name}"),
            ("Clause", "Status", "What it says", "Rests on"),
            _rows(page, number, site),
            "clauses",
        ),
        _note(page) if number == 0 else None,
        checks.hints(page, number, site),
        _covered(site),
        id=anchor,
    )


def _note(page: Page) -> Content:
    """What it is to rest on no branch."""
    if not any(line.supports for one in page.report.maps for line in one.lines):
        return None
    return el("p", f"{_NO_BRANCH.capitalize()}: {_WITHOUT}", class_="note")


def _rows(page: Page, number: int, site: SiteResult) -> Iterator[Element]:
    """A row for each clause; general registers that have the same answers share one."""
    by_id = {name: [one for one in site.clauses if one.id == name] for name in clause_ids(site)}
    links = _links(page, number, site)
    groups: dict[tuple[object, ...], list[str]] = {}
    for name, found in by_id.items():
        answers = tuple((one.status, one.configs, one.reason) for one in found)
        bad = any(one.status in ("violated", "waived") for one in found)
        alike = name.startswith(_REGISTER) and not bad
        guards = tuple(links.guards.get(name, ())) if alike else ()
        groups.setdefault((answers, guards, "" if alike else name), []).append(name)
    for names in groups.values():
        found = by_id[names[0]]
        title: Content = code(names[0])
        if len(names) > 1:
            registers = " ".join(name.removeprefix(_REGISTER) for name in names)
            title = [code(f"{_REGISTER}*"), el("small", f" {len(names)}: {registers}")]
        anchors = [page.clause(number, name) for name in names]
        # A row that stands for several clauses is the target of links to each.
        extra = [el("span", id=anchor) for anchor in anchors[1:]]
        yield row(
            [title, extra],
            _status(page, found),
            _meaning(names),
            _rests(names, links, found),
            id=anchors[0],
            class_=_worst(found),
            data_clause=anchors[0],
        )


def _worst(found: Sequence[ClauseResult]) -> str:
    statuses = {one.status for one in found}
    return next((status for status in STATUS_ORDER if status in statuses), "proved")


def _status(page: Page, found: Sequence[ClauseResult]) -> Iterator[Element]:
    """The status; a line for each if CPU configurations differ; the reason of an open one."""
    merged: dict[tuple[Status, str | None], list[ClauseResult]] = {}
    for one in found:
        merged.setdefault((one.status, one.reason if one.status in ("unknown", "waived") else None), []).append(one)
    for (status, reason), group in merged.items():
        configs = in_order(config for one in group for config in one.configs)
        whole = set(configs) >= set(page.report.configs)
        where = "" if whole else f" {cpus(configs, page.report.configs)}"
        yield el("div", badge(status), el("span", where, class_="on"), el("small", said(reason)) if reason else None)


class _Links:
    """Where a clause's counterexamples are, and the branches that its proof rests on, as links."""

    __slots__ = ("asked", "examples", "guards")

    def __init__(self) -> None:
        self.asked = False
        self.examples: dict[str, list[Element]] = {}
        self.guards: dict[str, list[Element]] = {}


def _links(page: Page, number: int, site: SiteResult) -> _Links:
    links = _Links()
    for order, violation in enumerate(examples(site)):
        shown = links.examples.setdefault(violation.id, [])
        where = cpus(violation.configs, page.report.configs)
        text = "counterexample" + ("" if set(violation.configs) >= set(page.report.configs) else f" ({where})")
        shown.append(el("a", text, href=f"#{page.example(number, order)}"))
    for order, hint in enumerate(site.hints):
        for name in dict.fromkeys(hint.clauses):
            link = el("a", "suggested test", href=f"#{checks.hint_id(page, number, order)}")
            links.examples.setdefault(name, []).append(link)
    links.asked = any(line.supports for one in page.report.maps if one.entry == site.entry for line in one.lines)
    for name, places in branches(page.report, site).items():
        for on_map, index in places:
            at = page.report.maps[on_map].lines[index].location
            text = str(at.line) if at.line is not None else f"+{hexa(at.offset)}" if at.symbol else hexa(at.address)
            links.guards.setdefault(name, []).append(el("a", text, href=f"#{page.row(on_map, index)}"))
    return links


def _meaning(names: Sequence[str]) -> str:
    """What the clause says; of several registers, of each."""
    text = narrative.clause_meaning(names[0])
    return capital(text if len(names) == 1 else text.replace(names[0].removeprefix(_REGISTER).upper(), "each", 1))


def _rests(names: Sequence[str], links: _Links, found: Sequence[ClauseResult]) -> Content:
    """Links to counterexamples and branches; that neither is needed is said as well."""
    shown = [link for name in names for link in links.examples.get(name, ())]
    guards = links.guards.get(names[0], [])
    parts: list[Content] = []
    for link in shown:
        parts += [", " if parts else None, link]
    if guards:
        parts += ["; " if parts else None, "branch " if len(guards) == 1 else "branches "]
        for order, link in enumerate(guards):
            parts += [", " if order else None, link]
    if not parts and links.asked and any(one.status == "proved" for one in found):
        rule = clause(names[0])
        text = "the contract's promise" if rule is not None and rule.promise else _NO_BRANCH
        return el("span", text, class_="no")
    return parts


def _covered(site: SiteResult) -> Content:
    """The bytes that the verdict is about, the switches it depends on, and the witness."""
    facts: list[tuple[Content, Content]] = []
    if site.switches:
        facts.append(("Depends on", ", ".join(sorted(site.switches))))
    if site.code:
        own = [item for item in site.code if not item.variant]
        total = counted(sum(item.end - item.start for item in own), "byte")
        text = f"{counted(len(own), 'range')}, {total}"
        others = len(site.code) - len(own)
        text += f", and {counted(others, 'variant')} of patched places" if others else ""
        facts.append(("Code", [text, "; SHA-256 of the list of ranges ", code(code_digest(site))]))
    if site.witness:
        chosen = ", ".join(
            f"{item.name} {switch(item.value) if item.kind == 'feature' else '= ' + hexa(item.value)}"
            for item in site.witness
        )
        facts.append(("A machine that reaches it", code(chosen)))
    ranges = [
        row(code(f"{hexa(item.start)} – {hexa(item.end)}"), item.variant or "as in the file", code(item.sha256))
        for item in code_ranges(site)
    ]
    shown = table(
        hidden("Code ranges with their hashes"),
        ("From – up to and without", "Bytes", "SHA-256"),
        ranges,
        "ranges",
    )
    return [
        pairs(facts) if facts else None,
        fold(f"{counted(len(ranges), 'code range')} with hashes", shown) if ranges else None,
    ]

# SPDX-License-Identifier: BSD-2-Clause
"""All about one input, in the order in which a person asks: what, where, which clause, how, on what grounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from verifier.model import FileReport
from verifier.records import record
from verifier.report import checks as check_words, left, narrative
from verifier.report.grouping import STATUS_ORDER
from verifier.report.html import change, checks, clauses, code_sections, example, fast, rest
from verifier.report.html.element import Content, Element, el
from verifier.report.html.page import Page, clause_ids, examples, page
from verifier.report.html.parts import badge, code, fold, heading, pairs, section
from verifier.report.words import counted

Part = tuple[str, str, Content]
"""Identity within the input, title, content; without content it is left out."""

COMMON = ("trusted", "limits")
"""Parts that are often the same for all inputs of a run."""

_CODES = frozenset({"Input", "SHA-256", "Entries", "Contract", "Profile"})


@record
class Article:
    """An input's sections, and their identities and titles for the table of contents."""

    content: tuple[Element, ...]
    contents: tuple[tuple[str, str], ...]


def article(
    report: FileReport, prefix: str, level: int, run: Sequence[Part] = (), once: Collection[str] = ()
) -> Article:
    """The sections of a report, their headings at ``level``.

    ``run`` are parts about the whole run that belong among them; ``once`` are identities of parts that
    are said elsewhere for all inputs.
    """
    shown: list[Element] = []
    contents: list[tuple[str, str]] = []
    for name, title, content in _parts(page(report, prefix, level), run):
        if content is not None and name not in once:
            anchor = f"{prefix}-{name}"
            shown.append(section(title, level, anchor, content))
            contents.append((anchor, title))
    return Article(tuple(shown), tuple(contents))


def _parts(whole: Page, run: Sequence[Part]) -> Iterator[Part]:
    report = whole.report
    failed = report.error is not None and not report.sites
    yield "error", "Error", rest.error(report)
    yield "change", "What this change does to user space", change.shown(whole)
    if not failed:
        yield "clauses", "Clauses", clauses.tables(whole)
        yield "checks", check_words.TITLE, checks.tables(whole)
    yield "examples", "Counterexamples", example.shown(whole)
    if not failed:
        yield "fast", "Which frames take the fast exit", fast.taken(whole)
        yield "slack", left.TITLE, fast.left(whole)
        yield "listing", "Listing", code_sections.listings(whole)
        yield "graph", "Path graph", code_sections.graphs(whole)
    yield "scope", "Scope", _scope(report)
    if not failed:
        yield "assumptions", "Assumptions", rest.assumptions(report)
    yield "trusted", "Trusted base", rest.trusted(report)
    yield "theorem", "Theorem", rest.paragraphs(narrative.theorem(report)) or None
    yield from run
    yield "reasons", "Why it is not decided", rest.reasons(whole)
    if not failed:
        yield "evidence", "Evidence", rest.evidence(report)
    yield "disagreements", "Disagreements", rest.disagreements(report)
    yield "reproduce", "How to reproduce", rest.reproduce(report)
    yield "limits", "Limits", rest.limits(report)


def _scope(report: FileReport) -> Content:
    return pairs((label, code(value) if label in _CODES else value) for label, value in narrative.scope(report))


def verdict(report: FileReport, prefix: str) -> Element:
    """The verdict in one sentence, and links to what decided it."""
    links: list[Content] = []
    for number, site in enumerate(report.sites):
        for order, violation in enumerate(examples(site)):
            links.append(el("a", violation.id, href=f"#{prefix}-s{number}-x{order}"))
    if report.reasons:
        links.append(el("a", counted(len(report.reasons), "open question"), href=f"#{prefix}-reasons"))
    return el(
        "div",
        el("p", badge(report.verdict), class_="stamp"),
        el("p", narrative.verdict_sentence(report), class_="sentence"),
        _tally(report),
        el("p", "See ", [[", " if order else None, link] for order, link in enumerate(links)], class_="see")
        if links
        else None,
        class_=f"verdict {report.verdict}",
    )


def _tally(report: FileReport) -> Content:
    """How many clauses of all exits have which status; one that differs between CPUs counts where it is worst."""
    worst = [
        min((one.status for one in site.clauses if one.id == name), key=STATUS_ORDER.index)
        for site in report.sites
        for name in clause_ids(site)
    ]
    count = Counter(worst)
    shown = [badge(status, count[status]) for status in STATUS_ORDER if count[status]]
    if not shown:
        return None
    return el(
        "p",
        f"Clauses at {counted(len(report.sites), 'exit')}: ",
        [[mark, " "] for mark in shown],
        class_="tally",
    )


def headed(report: FileReport, prefix: str, level: int, made: Article) -> Element:
    """An input among several: its name as the heading, its verdict, its sections."""
    title = heading(level, code(report.input.path), id_=f"{prefix}-t")
    # Of many inputs a person reads those that are not proved.
    content = fold("The whole report of this input", made.content) if report.verdict == "proved" else made.content
    parts = (title, verdict(report, prefix), content)
    return el("article", parts, id=prefix, class_="input", aria_labelledby=f"{prefix}-t")

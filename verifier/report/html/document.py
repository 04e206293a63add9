# SPDX-License-Identifier: BSD-2-Clause
"""The page as a whole: what it may load (nothing), its head, its table of contents, one input or several.

Facts: Content Security Policy Level 3, 2.3.1 (hashes of inline styles and scripts); HTML Living
Standard, 4.2.5.3 (the policy as a meta element, in front of what it is about).
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources

from verifier.model import FileReport, Run
from verifier.report import narrative, svg
from verifier.report.grouping import decisive
from verifier.report.html import article as articles, rest
from verifier.report.html.element import Content, Trusted, el, written
from verifier.report.html.parts import badge, code, hidden, section, table
from verifier.report.verdict import worst_verdict
from verifier.report.words import counted

_LEVEL = 2


def document(run: Run) -> str:
    """The page, from the document type to a newline."""
    title, body = _body(run)
    style, script = _asset("page.css") + svg.CSS, _asset("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="referrer", content="no-referrer"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", Trusted(style)),
    )
    page = el("html", head, el("body", body, el("script", Trusted(script))), lang="en")
    return f"<!DOCTYPE html>{written(page)}\n"


def main(run: Run) -> str:
    """What is in the page's body, without its script: what the reports say, for the tests that compare it."""
    _, body = _body(run)
    return written(el("div", body)) + "\n"


@cache
def _asset(name: str) -> str:
    """A file of this package: the style sheet or the script. They hold nothing of a report."""
    return resources.files(__package__ or "").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _body(run: Run) -> tuple[str, list[Content]]:
    """The title and the content of the body."""
    reports = run.reports
    if len(reports) == 1:
        return _single(run, reports[0])
    return _several(run)


def _single(run: Run, report: FileReport) -> tuple[str, list[Content]]:
    made = articles.article(report, "f1", _LEVEL, rest.run_parts(run))
    top = [
        el("p", "Exit path review · verify-exit", class_="kind"),
        el("h1", code(report.input.path)),
        articles.verdict(report, "f1"),
    ]
    title = f"{report.verdict}: {report.input.path} – exit path review"
    return title, _framed(top, made.contents, made.content)


def _several(run: Run) -> tuple[str, list[Content]]:
    reports = run.reports
    worst = worst_verdict(reports)
    once = [name for name in articles.COMMON if len({_common(name, one) for one in reports}) == 1 and reports]
    shown: list[Content] = []
    contents: list[tuple[str, str]] = [("summary", "Summary")]
    for name, title_, content in rest.run_parts(run):
        shown.append(section(title_, _LEVEL, name, content))
        contents.append((name, title_))
    for number, report in enumerate(reports, 1):
        prefix = f"f{number}"
        shown.append(articles.headed(report, prefix, _LEVEL, articles.article(report, prefix, _LEVEL + 1, (), once)))
        contents.append((prefix, report.input.path))
    for name, title_, content in _once(reports[0], once) if reports else ():
        shown.append(section(title_, _LEVEL, name, content))
        contents.append((name, title_))
    top = [
        el("p", "Exit path review · verify-exit", class_="kind"),
        el("h1", counted(len(reports), "input")),
        el(
            "div",
            el("p", badge(worst), class_="stamp"),
            el("p", _tally(reports), class_="sentence"),
            class_=f"verdict {worst}",
        ),
    ]
    summary = section("Summary", _LEVEL, "summary", _summary(reports))
    return f"{worst}: {counted(len(reports), 'input')} – exit path review", _framed(top, contents, [summary, *shown])


def _common(name: str, report: FileReport) -> tuple[object, ...]:
    return tuple(narrative.trusted(report) if name == "trusted" else narrative.limits(report))


def _once(report: FileReport, names: Sequence[str]) -> Iterator[tuple[str, str, Content]]:
    """The parts that are the same for all inputs."""
    if "trusted" in names:
        yield "trusted", "Trusted base", rest.trusted(report)
    if "limits" in names:
        yield "limits", "Limits", rest.limits(report)


def _tally(reports: Sequence[FileReport]) -> str:
    count = Counter(report.verdict for report in reports)
    shown = ", ".join(
        f"{count[name]} {name}" for name in ("violated", "error", "inconclusive", "proved") if count[name]
    )
    return f"Of {counted(len(reports), 'input')}: {shown or 'nothing to judge'}."


def _summary(reports: Sequence[FileReport]) -> Content:
    if not reports:
        return el("p", "No input was given.")
    rows = [
        el(
            "tr",
            el("th", el("a", code(report.input.path), href=f"#f{number}"), scope="row"),
            el("td", badge(report.verdict)),
            el("td", " ".join(decisive(report)) or "–"),
            el("td", code(report.contract) if report.contract else "–"),
            el("td", str(len(report.sites))),
        )
        for number, report in enumerate(reports, 1)
    ]
    return table(hidden("All inputs"), ("Input", "Verdict", "Decided by", "Contract", "Exits"), rows, "summary")


def _framed(top: Sequence[Content], contents: Sequence[tuple[str, str]], parts: Sequence[Content]) -> list[Content]:
    """Skip link, header, table of contents, main part and footer."""
    listed = el("ol", [el("li", el("a", title, href=f"#{anchor}")) for anchor, title in contents])
    return [
        el("a", "Skip to the report", href="#report", class_="skip"),
        el("header", top, class_="top"),
        el("nav", el("h2", "Contents", id="contents"), listed, aria_labelledby="contents", class_="contents"),
        el("main", parts, id="report", tabindex=-1),
        el("footer", el("p", "Made by verify-exit. This page loads nothing and sends nothing."), class_="foot"),
        el("p", role="status", class_="sr", id="status"),
    ]

# SPDX-License-Identifier: BSD-2-Clause
"""Text for people: verdict, editor lines, clauses, counterexamples, reasons, assumptions, and a summary.

Only ``rich.text.Text`` is printed, never markup, and every string of the
report passes ``clean``: a symbol name cannot colour, move or forge output.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from verifier.model import Assumption, FileReport, Input, Run, SiteResult
from verifier.report import Style
from verifier.report.closing import closing, fingerprints
from verifier.report.code import covered
from verifier.report.counterexample import Listed, full, short
from verifier.report.disagreement import disagreement
from verifier.report.evidence import lines
from verifier.report.findings import editor_lines as editor_lines
from verifier.report.grouping import (
    StatusRow,
    Violation,
    all_assumptions,
    decisive,
    merged_reasons,
    status_rows,
    violations,
)
from verifier.report.insights_text import insights
from verifier.report.meaning import switch
from verifier.report.summary import COLORS, NARROW, summary
from verifier.report.terminal import opened, printed
from verifier.report.words import capital, clean, counted, hexa, sentence, source, vendors

_FEW = 4
"""Fingerprints that are shown without -v."""

_STATUS_COLORS = {"proved": "green", "violated": "bold red", "unknown": "yellow", "waived": "yellow"}


def render(run: Run, style: Style) -> str:
    """All reports in the order given.

    With several files the proved ones are short (unless verbose), the texts of
    the assumptions come once, and a summary table ends the output.
    """
    reports = run.reports
    console, buffer = opened(style)
    for index, report in enumerate(reports):
        if index and not style.quiet:
            console.print()
        _file(console, report, style, among_others=len(reports) > 1)
    if len(reports) > 1:
        if not style.quiet:
            _assumptions(console, all_assumptions(reports, style.verbose), style.verbose)
        console.print()
        summary(console, reports)
    said = closing(run)
    if said:
        console.print()
    for line in said:
        console.print(Text(line), soft_wrap=True)
    return printed(buffer, style)


def _file(console: Console, report: FileReport, style: Style, among_others: bool) -> None:
    _verdict(console, report)
    for line in editor_lines(report, style.errors):
        console.print(Text(line), soft_wrap=True)
    if style.quiet:
        return
    detailed = style.verbose or report.verdict != "proved" or not among_others
    if detailed:
        _details(console, report, style)
    if among_others:
        if detailed and report.assumptions:
            console.print()
        _assumption_ids(console, report)
    else:
        _assumptions(console, report.assumptions, style.verbose)
    if style.verbose:
        _numbers(console, report)


def _verdict(console: Console, report: FileReport) -> None:
    """The path and the verdict in one line that is never folded, then what it holds for."""
    line = Text.assemble((clean(report.input.path), "bold"), ": ", (report.verdict.upper(), COLORS[report.verdict]))
    why = decisive(report)
    line.append(clean(f" ({', '.join(why)})") if why else "")
    line.append(" (cached)" if report.cached else "", style="dim")
    console.print(line, soft_wrap=True)
    if report.error is not None:
        return
    parts = [
        report.container,
        f"contract {report.contract}" if report.contract else "",
        f"profile {report.profile}" if report.profile else "",
        vendors(report.configs) if report.configs else "",
        "reference: the file's own IRET exit" if report.reference == "auto" else "",
        "IRET exits judged too" if report.check_iret else "",
        counted(len({site.location.address for site in report.sites}), "exit site"),
        counted(len(report.assumptions), "assumption"),
    ]
    console.print(Padding(Text(clean("; ".join(filter(None, parts)))), (0, 0, 0, 2)))


def _details(console: Console, report: FileReport, style: Style) -> None:
    """Sites with their counterexamples, how to see them again, and the reasons."""
    shown: set[str] = set()
    for site in report.sites:
        console.print()
        _site(console, report, site, style, shown)
    if report.command and (report.verdict == "violated" or style.verbose):
        console.print()
        # As long as it is: a folded command cannot be pasted.
        console.print(Text.assemble(("Reproduce", "bold"), f": {clean(report.command)}"), soft_wrap=True)
    _fingerprints(console, report, style.verbose)
    _reasons(console, report)
    said = list(lines(report, style.verbose))
    if said:
        console.print()
        for line in said:
            console.print(Text(line), soft_wrap=True)
    for item in report.disagreements:
        console.print()
        for line in disagreement(item):
            console.print(Text(line), soft_wrap=True)


def _site(console: Console, report: FileReport, site: SiteResult, style: Style, shown: set[str]) -> None:
    where = site.location
    symbol = f"{where.symbol}()+{hexa(where.offset)}" if where.symbol is not None else hexa(where.address)
    line = f"{where.file}:{where.line}, " if where.file is not None and where.line is not None else ""
    entry = f", reached from {site.entry}" if site.entry != where.symbol else ""
    console.print(
        Text.assemble(
            (clean(f"{site.kind.upper()} at {line}{symbol}"), "bold"),
            clean(f"{entry}: "),
            (site.verdict, COLORS[site.verdict]),
        )
    )
    console.print(Padding(_status_table(status_rows(site, report.configs)), (0, 0, 0, 2)))
    for part in covered(site, style.verbose):
        console.print(part)
    if style.verbose and site.witness:
        console.print(_entry("Witness (a state that reaches it)", ", ".join(map(_chosen, site.witness))))
    listed: Listed = {}
    waived = violations(site, "waived") if style.verbose else ()
    for violation in (*violations(site), *waived):
        for part in _violation(report, violation, style, console.width, shown, listed):
            console.print(part)
    for part in insights(site, report.configs, console.width, style.verbose):
        console.print(part)


def _chosen(item: Input) -> str:
    said = switch(item.value) if item.kind == "feature" else f"= {hexa(item.value)}"
    return f"{item.name} {said}"


def _violation(
    report: FileReport, violation: Violation, style: Style, width: int, shown: set[str], listed: Listed
) -> Iterator[RenderableType]:
    """A counterexample in full, or one line if a sister register's was already shown at full length."""
    family = violation.id.split(".")[0]
    if violation.id.startswith("gpr.") and family in shown and not style.verbose:
        if f"{family}, short" not in shown:
            yield ""
        shown.add(f"{family}, short")
        yield short(violation, report.configs)
        return
    shown.add(family)
    yield ""
    yield from full(violation, report.configs, style.verbose, width, listed)


def _status_table(rows: Sequence[StatusRow]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        said = Text(clean("  ".join(label.replace(" ", "\u00a0") for label in row.labels)))
        if row.reason:
            said.append(clean(f": {sentence(row.reason)}"))
        table.add_row(Text(row.status, style=_STATUS_COLORS.get(row.status, "dim")), said)
    return table


def _fingerprints(console: Console, report: FileReport, verbose: bool) -> None:
    """What a waiver or a baseline calls each violation."""
    found = list(fingerprints(report))
    shown = found if verbose else found[:_FEW]
    if not shown:
        return
    said = ", ".join(f"{name} {print_}{' (waived)' if waived else ''}" for name, print_, waived in shown)
    more = f"; -v lists all {len(found)}" if len(found) > len(shown) else ""
    console.print(Text.assemble(("Fingerprints", "bold"), f": {clean(said)}{more}"))


def _reasons(console: Console, report: FileReport) -> None:
    if not report.reasons:
        return
    console.print()
    console.print(_heading("Why it is not decided" if report.verdict == "inconclusive" else "What is not decided"))
    sites = [site.location for site in report.sites]
    for reason in merged_reasons(report):
        at = reason.location
        place = f" at {source(at)}" if at is not None else ""
        text = sentence(reason.text)
        if at is not None and at.text and at not in sites and text.split(" ")[0] != at.text.split(" ")[0]:
            text = f"{at.text}: {text}"
        console.print(_entry(f"{reason.code}{place}", f"{text}."))
        if reason.remedy:
            console.print(Padding(Text(clean(f"To settle it: {sentence(reason.remedy)}.")), (0, 0, 0, 4)))


def _assumptions(console: Console, assumptions: Sequence[Assumption], verbose: bool) -> None:
    """Every assumption with its text, and with -v who vouches for it."""
    if not assumptions:
        return
    console.print()
    hint = "" if verbose else "; -v says who vouches for each"
    console.print(Text.assemble(("Assumptions", "bold"), f" (a verdict holds where these do{hint})"))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for item in assumptions:
        said = Text(clean(capital(sentence(item.text))))
        said.append(f" [{clean(item.source)}]" if verbose and item.source else "", style="dim")
        if console.width < NARROW:
            console.print(Padding(Text(clean(item.id)), (0, 0, 0, 2)), Padding(said, (0, 0, 0, 4)), sep="")
        else:
            table.add_row(Text(clean(item.id)), said)
    if table.rows:
        console.print(Padding(table, (0, 0, 0, 2)))


def _assumption_ids(console: Console, report: FileReport) -> None:
    """The ids alone, where the texts of several files come together at the end."""
    if report.assumptions:
        names = " ".join(item.id for item in report.assumptions)
        console.print(Padding(Text(clean(f"assumptions: {names}"), style="dim"), (0, 0, 0, 2)))


def _numbers(console: Console, report: FileReport) -> None:
    console.print()
    for title, items in (
        ("Statistics", [f"{name} {value}" for name, value in report.statistics]),
        ("Timings", [f"{stage} {seconds:.3f} s" for stage, seconds in report.timings]),
        ("Trusted", [f"{name} {version}" for name, version in report.tool]),
    ):
        if items:
            console.print(_entry(title, ", ".join(items)))


def _heading(text: str) -> Text:
    return Text(text, style="bold")


def _entry(title: str, text: str) -> Padding:
    return Padding(Text.assemble((clean(title), "bold"), f": {clean(text)}"), (0, 0, 0, 2))

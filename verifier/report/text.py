# SPDX-License-Identifier: BSD-2-Clause
"""Text for people: verdict, editor lines, assumptions, clauses, counterexamples, and a summary.

Only ``rich.text.Text`` is printed, never markup, and every string of the
report passes ``clean``: a symbol name cannot colour, move or forge output.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from verifier.model import FileReport, SiteResult
from verifier.report import Style
from verifier.report.counterexample import full, short, vendors
from verifier.report.grouping import StatusRow, Violation, status_rows, violations
from verifier.report.verdict import worst_verdict
from verifier.report.words import clean, concise, counted, hexa, sentence, source

MIN_WIDTH, MAX_WIDTH = 60, 200

_COLORS = {"proved": "bold green", "violated": "bold red", "inconclusive": "bold yellow", "error": "bold red"}
_STATUS_COLORS = {"proved": "green", "violated": "bold red", "unknown": "yellow", "waived": "yellow"}


def render(reports: Sequence[FileReport], style: Style) -> str:
    """All reports in the order given; a summary table follows if there are several."""
    buffer = StringIO()
    # Every choice that rich would take from the environment is made here.
    console = Console(
        file=buffer,
        width=max(MIN_WIDTH, min(MAX_WIDTH, style.width)),
        height=100,
        force_terminal=style.color,
        force_jupyter=False,
        color_system="standard" if style.color else None,
        no_color=not style.color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    for index, report in enumerate(reports):
        if index and not style.quiet:
            console.print()
        _file(console, report, style)
    if len(reports) > 1:
        console.print()
        _summary(console, reports)
    lines = buffer.getvalue().split("\n")
    return "\n".join(line if style.color else line.rstrip() for line in lines)


def _file(console: Console, report: FileReport, style: Style) -> None:
    _verdict(console, report)
    for line in editor_lines(report, style.errors):
        console.print(Text(line), soft_wrap=True)
    if style.quiet:
        return
    _reasons(console, report)
    _assumptions(console, report)
    shown: set[str] = set()
    for site in report.sites:
        console.print()
        _site(console, report, site, style, shown)
    if style.verbose:
        _numbers(console, report)


def _verdict(console: Console, report: FileReport) -> None:
    parts = [counted(len(report.sites), "exit site")]
    if report.contract:
        parts.append(f"contract {report.contract}")
    if report.profile:
        parts.append(f"profile {report.profile}")
    if report.configs:
        parts.append(vendors(report.configs))
    if report.assumptions:
        parts.append(f"under {counted(len(report.assumptions), 'assumption')}")
    line = Text.assemble((clean(report.input.path), "bold"), ": ", (report.verdict.upper(), _COLORS[report.verdict]))
    line.append(f" ({clean('; '.join(parts) if report.error is None else report.error[0])})")
    console.print(line)


def editor_lines(report: FileReport, errors: bool = True) -> list[str]:
    """One parsable line for each violated clause of each site, each reason and the error; never folded."""
    path = report.input.path
    lines: dict[str, None] = {}
    for site in report.sites:
        named: set[str] = set()
        for violation in violations(site):
            if violation.id not in named:
                named.add(violation.id)
                cause = violation.example.cause if violation.example is not None else violation.reason
                lines[concise(path, site.location, "error", cause or "violated", violation.id)] = None
    for reason in report.reasons:
        lines[concise(path, reason.location, "warning", reason.text, reason.code)] = None
    if report.error is not None and errors:
        for message in report.error[1].split("\n"):
            lines[concise(path, None, "error", message.removeprefix(f"{path}: "), report.error[0])] = None
    return list(lines)


def _reasons(console: Console, report: FileReport) -> None:
    if not report.reasons:
        return
    console.print(_heading("Why it is not decided" if report.verdict == "inconclusive" else "What is not decided"))
    for reason in report.reasons:
        at = f", at {source(reason.location)}" if reason.location is not None else ""
        instruction = f": {reason.location.text}" if reason.location is not None and reason.location.text else ""
        console.print(_entry(f"{reason.code}{at}{instruction}", sentence(reason.text) + "."))
        if reason.remedy:
            console.print(Padding(Text(clean(f"To settle it: {reason.remedy}")), (0, 0, 0, 4)))


def _assumptions(console: Console, report: FileReport) -> None:
    if not report.assumptions:
        return
    console.print(_heading("Assumptions (the verdict holds where these do)"))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for item in report.assumptions:
        said = Text(clean(sentence(item.text)))
        said.append(f" [{clean(item.source)}]" if item.source else "", style="dim")
        table.add_row(Text(clean(item.id)), said)
    console.print(Padding(table, (0, 0, 0, 2)))


def _site(console: Console, report: FileReport, site: SiteResult, style: Style, shown: set[str]) -> None:
    where = site.location
    symbol = f"{where.symbol}()+{hexa(where.offset)}" if where.symbol is not None else hexa(where.address)
    line = f", {where.file}:{where.line}" if where.file is not None and where.line is not None else ""
    console.print(
        Text.assemble(
            (clean(f"{site.kind.upper()} at {symbol}{line}"), "bold"),
            clean(f", reached from {site.entry}: "),
            (site.verdict, _COLORS[site.verdict]),
        )
    )
    console.print(Padding(_status_table(status_rows(site, report.configs)), (0, 0, 0, 2)))
    if style.verbose and site.witness:
        inputs = ", ".join(f"{item.name} = {hexa(item.value)}" for item in site.witness)
        console.print(_entry("Witness (a state that reaches it)", inputs))
    for violation in violations(site):
        for part in _violation(report, violation, style, shown):
            # A command is as long as it is; everything else folds.
            console.print(part, soft_wrap=isinstance(part, Text) and bool(part.no_wrap))


def _violation(report: FileReport, violation: Violation, style: Style, shown: set[str]) -> Sequence[RenderableType]:
    """A counterexample in full, or one line if a sister register's was already shown at full length."""
    family = violation.id.split(".")[0]
    if violation.id.startswith("gpr.") and family in shown and not style.verbose:
        first = f"{family}, short" not in shown
        shown.add(f"{family}, short")
        return [*([""] if first else []), short(violation, report.configs)]
    shown.add(family)
    return ["", *full(violation, report.configs, report.command, style.verbose)]


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


def _numbers(console: Console, report: FileReport) -> None:
    for title, items in (
        ("Statistics", [f"{name} {value}" for name, value in report.statistics]),
        ("Timings", [f"{stage} {seconds:.3f} s" for stage, seconds in report.timings]),
        ("Trusted", [f"{name} {version}" for name, version in report.tool]),
    ):
        if items:
            console.print(_entry(title, ", ".join(items)))


def _summary(console: Console, reports: Sequence[FileReport]) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column(overflow="fold")
    for report in reports:
        table.add_row(
            Text(report.verdict, style=_COLORS[report.verdict]),
            Text(clean(report.input.path)),
            Text(clean(_why(report))),
        )
    tally = [
        f"{sum(report.verdict == verdict for report in reports)} {verdict}"
        for verdict in _COLORS
        if any(report.verdict == verdict for report in reports)
    ]
    worst = worst_verdict(reports)
    table.add_row(
        Text(worst.upper(), style=_COLORS[worst]), Text(counted(len(reports), "file")), Text(", ".join(tally))
    )
    console.print(table)


def _why(report: FileReport) -> str:
    """The violated clauses, the reason codes or the error code: what decided the verdict."""
    if report.error is not None:
        return report.error[0]
    bad = [clause.id for site in report.sites for clause in site.clauses if clause.status == "violated"]
    return " ".join(dict.fromkeys(bad or [reason.code for reason in report.reasons]))


def _heading(text: str) -> Text:
    return Text(text, style="bold")


def _entry(title: str, text: str) -> Padding:
    return Padding(Text.assemble((clean(title), "bold"), f": {clean(text)}"), (0, 0, 0, 2))

# SPDX-License-Identifier: BSD-2-Clause
"""The table that ends a run of several files: each verdict, what decided it, and the worst of them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from verifier.model import FileReport
from verifier.report.grouping import decisive
from verifier.report.verdict import worst_verdict
from verifier.report.words import clean, counted

COLORS = {"violated": "bold red", "error": "bold red", "inconclusive": "bold yellow", "proved": "bold green"}
"""Verdict → style, worst first."""
NARROW = 60
"""Below this many columns a table gives way to texts below their names."""


def summary(console: Console, reports: Sequence[FileReport]) -> None:
    """Print it."""
    rows: list[tuple[Text, str, str]] = [
        (
            Text(report.verdict, style=COLORS[report.verdict]),
            clean(report.input.path),
            clean(" ".join(decisive(report))),
        )
        for report in reports
    ]
    tally = [
        f"{sum(report.verdict == verdict for report in reports)} {verdict}"
        for verdict in COLORS
        if any(report.verdict == verdict for report in reports)
    ]
    worst = worst_verdict(reports)
    rows.append((Text(worst.upper(), style=COLORS[worst]), counted(len(reports), "file"), ", ".join(tally)))
    if console.width < NARROW:
        for verdict, what, why in rows:
            console.print(Text.assemble(verdict, f"  {what}"), soft_wrap=True)
            if why:
                console.print(Padding(Text(why), (0, 0, 0, 2)))
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    # A path is broken only where nothing else would be left room for.
    longest = max(len(clean(report.input.path)) for report in reports)
    table.add_column(no_wrap=longest <= console.width - 32, overflow="fold")
    table.add_column(overflow="fold")
    for verdict, what, why in rows:
        table.add_row(verdict, Text(what), Text(why))
    console.print(table)

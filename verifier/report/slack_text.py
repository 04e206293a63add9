# SPDX-License-Identifier: BSD-2-Clause
"""What the fast exits of some files leave to IRET, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from verifier.model import FileReport
from verifier.report import Style
from verifier.report.grouping import merged_reasons
from verifier.report.insights_text import slack_of
from verifier.report.phrases import exit_name
from verifier.report.terminal import line, opened, printed
from verifier.report.words import clean, sentence


def render(reports: Sequence[FileReport], style: Style) -> str:
    """Every fast exit of every file, with what it leaves to IRET."""
    console, buffer = opened(style)
    for number, report in enumerate(reports):
        if number:
            console.print()
        console.print(Text.assemble((clean(report.input.path), "bold"), f": {said(report)}"), soft_wrap=True)
        for site in report.sites:
            if site.kind != "iretq" and site.slack is not None:
                console.print()
                console.print(Text(clean(f"{exit_name(site)}: {site.verdict}")), soft_wrap=True)
                for part in slack_of(site, site.slack, report.configs, style.verbose, titled=False):
                    console.print(part)
        for reason in merged_reasons(report):
            console.print(line(f"{reason.code}: {sentence(reason.text)}."))
    return printed(buffer, style)


def said(report: FileReport) -> str:
    """What is known of all fast exits together, in a few words."""
    if report.error is not None:
        return f"error ({clean(report.error[0])})"
    found = [site.slack for site in report.sites if site.kind != "iretq"]
    if not found or any(one is None or one.status == "unknown" for one in found):
        return "not known"
    loose = sum(one is not None and one.status == "slack" for one in found)
    if not loose:
        return "exact: nothing is left to IRET that SYSRET could do"
    which = "its fast exit leaves" if len(found) == 1 else f"{loose} of {len(found)} fast exits leave"
    return f"{which} something to IRET that SYSRET could do"

# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit slack``: what the fast exits of some files leave to IRET although SYSRET would do the same."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from dataclasses import replace

from verifier import stops
from verifier.cache import wanted
from verifier.conclude import interrupted
from verifier.console import PIPE_WIDTH, use_color, width, write_out
from verifier.model import FileReport, Run
from verifier.options import from_namespace
from verifier.report import Style, render
from verifier.report.slack_text import render as as_text
from verifier.report.verdict import INCONCLUSIVE, INTERRUPTED, PROVED, exit_code, worst_code
from verifier.request import project_root
from verifier.session import Work, usable, verified
from verifier.targets import key_of


def run(parsed: argparse.Namespace) -> int:
    """Verify the files, print what they leave to IRET; 0 if that is known for every fast exit of each of them."""
    root = project_root()
    asked = replace(from_namespace(parsed), slack=True, cache=wanted(os.environ, parsed.cache))
    works = tuple(Work(path, key_of(root, path), asked) for path in parsed.paths)
    reports = verified(works, parsed.quiet, parsed.jobs or usable())
    color = use_color(parsed.color, sys.stdout, os.environ)
    style = Style(min(width(sys.stdout), PIPE_WIDTH), color, verbose=parsed.verbose)
    text = as_text(reports, style) if parsed.format == "text" else render("json", Run(reports), style)
    with stops.held():
        code = worst_code((write_out(text), answered(reports)))
    return INTERRUPTED if interrupted(reports) or stops.told() else code


def answered(reports: Iterable[FileReport]) -> int:
    """The exit status: a violated path has slack like any other, and what is not known is inconclusive."""
    return worst_code([_answered(report) for report in reports])


def _answered(report: FileReport) -> int:
    if report.verdict == "error":
        return exit_code(report)
    found = [site.slack for site in report.sites if site.kind != "iretq"]
    # A reason beside "slack" says why there may be more; beside "exact" it says for which frames.
    known = all(
        one is not None and (one.status == "exact" or (one.status == "slack" and not one.reason)) for one in found
    )
    return PROVED if found and known and not report.reasons else INCONCLUSIVE

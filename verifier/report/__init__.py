# SPDX-License-Identifier: BSD-2-Clause
"""Output formats: each is one module with ``render(run, style) -> str``, listed once here.

Renderers are pure functions of ``verifier.model`` data. They are imported
when they are used, so that listing their names costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import cast

from verifier.model import FileReport, Run
from verifier.records import record

FORMATS: dict[str, str] = {
    "text": "verifier.report.text",
    "concise": "verifier.report.concise",
    "json": "verifier.report.jsonreport",
    "sarif": "verifier.report.sarif",
    "junit": "verifier.report.junit",
    "ktap": "verifier.report.ktap",
    "github": "verifier.report.github",
    "markdown": "verifier.report.markdown",
    "html": "verifier.report.html",
    "lkml": "verifier.report.lkml",
    "parts": "verifier.report.parts",
}
"""Format name → module that renders it."""

LISTING = frozenset({"html", "markdown", "parts"})
"""Formats that show the code, or keep it for others: they need ``FileReport.maps`` and ``sources``."""


@record
class Style:
    """How text is laid out: ``width`` in columns (40–200), colour, and how much is said.

    ``errors`` False leaves out the text of an error that stderr has said.
    """

    width: int = 100
    color: bool = False
    verbose: bool = False
    quiet: bool = False
    errors: bool = True


def render(name: str, run: Run | Sequence[FileReport], style: Style) -> str:
    """The run, or just reports, in format ``name`` (a key of FORMATS), ending in a newline."""
    whole = run if isinstance(run, Run) else Run(tuple(run))
    return cast(str, import_module(FORMATS[name]).render(whole, style))

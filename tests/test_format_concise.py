# SPDX-License-Identifier: BSD-2-Clause
"""One line for each finding, which problem matchers parse, and one verdict for each input."""

from __future__ import annotations

import re
from dataclasses import replace

import golden
import pytest
from hostile_names import NAMES, obeyed, renamed
from run_samples import ATTACKED, RUNS, everything, hostile

from verifier.model import Run
from verifier.report import Style, render
from verifier.report.findings import findings

MATCHER = re.compile(r"^(?P<file>.*?):(?:(?P<line>[0-9]+):)? (?P<severity>error|warning|note): (?P<message>.+)$")
"""A problem matcher in the style of GCC; a line number is optional, as in messages about a whole file."""
STATES = {"violated": "error", "error": "error", "known": "warning", "waived": "warning", "unknown": "warning"}
IDS = [ascii(name)[:20] for name in NAMES]


def said(run: Run) -> list[str]:
    """The lines of the output."""
    text = render("concise", run, Style())
    assert text.endswith("\n")
    return text[:-1].split("\n")


@pytest.mark.parametrize("name", RUNS)
def test_output_is_the_golden_one(name: str) -> None:
    """Every kind of run gives exactly the lines that were read and kept."""
    golden.check(f"concise/{name}.txt", render("concise", RUNS[name], Style()))


@pytest.mark.parametrize("name", RUNS)
def test_every_line_is_parsed(name: str) -> None:
    """A matcher finds file, line, severity and message in each line, and as many findings as there are."""
    found = [MATCHER.match(line) for line in said(RUNS[name])]
    assert all(found)
    severities = [match["severity"] for match in found if match and "verify-exit: warning" not in match[0]]
    expected = [item for report in RUNS[name].reports for item in findings(report, RUNS[name].gate)]
    assert [one for one in severities if one != "note"] == [STATES[item.state] for item in expected]
    located = [match["line"] for match in found if match and match["line"]]
    lines = [item.location.line if item.location else item.line for item in expected]
    assert located == [str(line) for line in lines if line]


@pytest.mark.parametrize("name", RUNS)
def test_verdicts_are_read_from_the_ends_of_lines(name: str) -> None:
    """Each input has one line that ends in its verdict; a gate has one that ends in the exit code."""
    run = RUNS[name]
    verdicts = re.findall(r"\[verdict=([a-z]+)\]$", "\n".join(said(run)), re.MULTILINE)
    assert verdicts == ([report.verdict for report in run.reports] or ["inconclusive"])
    codes = re.findall(r"\[exit=([0-9]+)\]$", "\n".join(said(run)), re.MULTILINE)
    assert codes == ([str(run.gate.exit_code)] if run.gate is not None else [])


def test_errors_are_there_whoever_else_said_them() -> None:
    """The format is complete in itself: what stderr has said is not left out."""
    text = render("concise", RUNS["error"], Style(errors=False))
    assert "bad.S:3: error: verify-exit: Error: no such instruction [assembler-error]\n" in text


def test_an_error_names_lines_of_its_own_input_only() -> None:
    """A message that begins with another file's name and line stays a message about the input."""
    report = RUNS["error"].reports[0]
    for said in ("other.S:3: Error: x", "bad.Sx:3: Error: x", "bad.S:0: x", "bad.S:x: y", "bad.S:99999999999: x"):
        text = render("concise", Run((replace(report, error=("assembler-error", said, 4)),)), Style())
        assert text.startswith(f"bad.S: error: verify-exit: {said} [assembler-error]\n")


def test_every_status_is_shown() -> None:
    """Violated, waived and open clauses, reasons and disagreements each have their line."""
    lines = "\n".join(said(Run((everything(),))))
    for part in ("[cs]", "[timeout]", "[star]", "[iret-gs]", "[site-undecided]", "[stopped]"):
        assert lines.count(part) == 1, part
    assert lines.count("[tf]") == 2  # violated for some configurations, not decided for others
    assert "error: verify-exit: exit_to_user()+0x1a3: two runs" in lines


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_names_are_text(name: str) -> None:
    """No name adds a line, ends a line as a verdict, or is obeyed by a terminal or a CI system."""
    for run in ATTACKED:
        bare = Run(run.reports)
        for changed in (hostile(bare, name), Run(tuple(renamed(report, name) for report in run.reports))):
            text = render("concise", changed, Style())
            assert obeyed(text) == []
            verdicts = re.findall(r"\[verdict=([a-z]+)\]$", text, re.MULTILINE)
            assert verdicts == ([report.verdict for report in run.reports] or ["inconclusive"])
        # An error's message is the one text that may be several lines, each of them a finding.
        if "\n" not in name:
            assert render("concise", hostile(bare, name), Style()).count("\n") == len(said(bare))

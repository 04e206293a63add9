# SPDX-License-Identifier: BSD-2-Clause
"""One line for each finding, as compilers write them, and one for each input with its verdict.

A finding: ``FILE:LINE: error|warning: verify-exit: SYMBOL()+0xNN: MESSAGE [ID]``. What is not at a known line
has no ``:LINE``, as in a compiler's messages about a whole file. A violation and an error of the input are
errors; what is waived, known to the baseline or not decided is a warning.

A line without a severity is a ``note``. Those that end in ``[verdict=VERDICT]`` close an input, in the order
of the command line; one that ends in ``[exit=CODE]`` closes a run with a gate. Only the end of a line
identifies it: names in front of it are the input's.
"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.model import FileReport, Gate, Run, WaiverUse
from verifier.report import Style
from verifier.report.findings import counts, editor_lines
from verifier.report.words import clean, counted


def render(run: Run, style: Style) -> str:
    """All lines; ``style`` changes nothing, errors are never left out."""
    lines = [line for report in run.reports for line in _report(report, run.gate)]
    lines += [_waiver(use) for use in run.waivers if use.state != "used"]
    if not run.reports:
        lines.append("verify-exit: note: nothing was verified [verdict=inconclusive]")
    if run.gate is not None:
        lines.append(clean(f"verify-exit: note: {gate(run.gate)} [exit={run.gate.exit_code}]"))
    return "".join(f"{line}\n" for line in lines)


def _report(report: FileReport, judged: Gate | None) -> Iterator[str]:
    yield from editor_lines(report, gate=judged)
    said = ", ".join(f"{number} {name}" for name, number in counts(report) if number)
    sites = counted(len(report.sites), "exit site")
    text = f"clauses: {said}; {sites}" if said else sites
    yield clean(f"{report.input.path}: note: verify-exit: {text} [verdict={report.verdict}]")


def _waiver(use: WaiverUse) -> str:
    """A waiver that waived nothing; where its file lies is not part of a run."""
    waiver = use.waiver
    why = f"expired on {waiver.expires}" if use.state == "expired" else "waives nothing in this run"
    text = f"waiver {waiver.id} for {waiver.clause} {why} ({waiver.owner})"
    return clean(f"verify-exit: warning: {text} [waiver-{use.state}]")


def gate(judged: Gate) -> str:
    """What the gate makes of the run, in a few words."""
    numbers = [(state, sum(one.state == state for one in judged.findings)) for state in ("new", "known", "waived")]
    said = ", ".join(f"{number} {state}" for state, number in numbers if number) or "none"
    baseline = f", compared with {judged.baseline.path}" if judged.baseline is not None else ""
    return f"gate {judged.mode}{baseline}: findings: {said}; exit code {judged.exit_code}"

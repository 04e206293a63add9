# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit replay REPORT.json``: run again what a report says was run, from the report alone.

The report may come from anywhere: it is read with bounds, and nothing in it names a file to open.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from verifier.model import UserError
from verifier.outcomes import ExitView
from verifier.recording import Recording, from_json
from verifier.records import record
from verifier.report.disagreement import both
from verifier.report.words import clean, counted, hexa
from verifier.rerun import Rerun, rerun

REPORT_BYTES = 256 << 20
"""Largest report that is read."""
MAX_CODE, MAX_WORDS = 16 << 20, 1 << 16
"""So many bytes of code and words of memory a recording from a file may have."""


@record
class Case:
    """A recording of a report; ``title`` says of which file, exit and clause."""

    title: str
    recording: Recording


def cases(data: bytes, name: str) -> tuple[Case, ...]:
    """The recordings in a JSON report.

    Raises UserError("bad-report", exit code 4) for what is not one, and
    "nothing-to-replay" for one without a recording.
    """
    try:
        report = json.loads(data.decode("utf-8"))
        if not isinstance(report, dict) or report.get("schema") != "verify-exit/1":
            raise ValueError("the schema is not verify-exit/1")
        found = tuple(_cases(report))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        text = str(error) or type(error).__name__
        raise UserError("bad-report", f"{name}: not a report of verify-exit --format json: {text}") from None
    if not found:
        raise UserError("nothing-to-replay", f"{name}: the report holds no run: no exit was reached or violated in it")
    return found


def _cases(report: dict[str, Any]) -> Iterator[Case]:
    for site in report["sites"]:
        place = f"{site['symbol']}+{site['offset']}" if site["symbol"] else site["address"]
        where = f"{site['input']}: {site['kind']} at {place}"
        if site.get("replay") is not None:
            yield Case(f"{where}, witness", _bounded(site["replay"]))
        for clause in site["clauses"]:
            example = clause["counterexample"]
            if example is not None and example.get("replay") is not None:
                yield Case(f"{where}, {clause['id']}", _bounded(example["replay"]))


def _bounded(value: Any) -> Recording:
    recording = from_json(value)
    words = len(recording.request.memory) + sum(len(call.memory) for call in recording.request.calls)
    if sum(len(part.data) for part in recording.code) > MAX_CODE or words > MAX_WORDS:
        raise ValueError("a run in it is too large")
    parts = (recording.request.memory, *(call.memory for call in recording.request.calls))
    if any(word.size > 8 for part in parts for word in part):
        raise ValueError("a word of memory has at most 8 bytes")
    return recording


@record
class Outcome:
    """What a case did this time; ``problem`` is "" if it ended as recorded."""

    case: Case
    problem: str
    found: Rerun | None


def run(case: Case) -> Outcome:
    """Run a case. A recording that cannot be run at all has a problem, too."""
    try:
        found = rerun(case.recording)
    except (KeyError, ValueError, OverflowError) as error:
        return Outcome(case, f"the recording cannot be run: {error}", None)
    return Outcome(case, "; ".join(found.problems[:4]), found)


def shown(outcome: Outcome, verbose: bool) -> str:
    """The lines about one case."""
    case, found = outcome.case, outcome.found
    if outcome.problem:
        lines = [f"{case.title}: NOT as recorded: {outcome.problem}"]
        if found is not None:
            lines += both(case.recording.end, found.emulated)
        return "\n".join(clean(line) for line in lines)
    steps = counted(len(case.recording.end.trace), "instruction")
    what = f"{case.recording.clause} fails" if case.recording.clause else "the exit is reached"
    lines = [f"{case.title}: confirmed, {what} after {steps}"]
    if verbose and found is not None and found.view is not None:
        lines += _outcomes(found.view)
    return "\n".join(clean(line) for line in lines)


def _outcomes(view: ExitView) -> list[str]:
    rows = [f"  {'':8}{view.kind:>20}{'iretq':>20}"]
    for name in ("rip", "cs", "rflags", "rsp", "ss", "fault"):
        ours, theirs = getattr(view.sysret, name), getattr(view.iret, name)
        mark = "≠" if ours != theirs else " "
        rows.append(f"  {name:7}{mark}{_value(ours):>20}{_value(theirs):>20}")
    return rows


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else hexa(value)

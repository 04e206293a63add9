# SPDX-License-Identifier: BSD-2-Clause
"""What is said of a run as a whole: its waivers and the gate; and what to put into a waiver."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.model import FileReport, Gate, Run, WaiverUse
from verifier.report.fingerprint import of_clause
from verifier.report.words import clean, counted, sentence


def closing(run: Run) -> list[str]:
    """Lines about waivers and the gate; none if there are neither."""
    lines = [clean(_waiver(use)) for use in run.waivers]
    if run.gate is not None:
        lines.append(clean(gate_line(run.gate)))
    return lines


def _waiver(use: WaiverUse) -> str:
    one = use.waiver
    did = {
        "used": f"waives {counted(use.waived, 'answer')} until {one.expires}",
        "unused": "waives nothing: remove it",
        "expired": f"expired, and waives nothing since {one.expires}",
    }[use.state]
    return f"Waiver {one.id} ({one.clause}): {did}; {one.owner}: {sentence(one.reason)}"


def gate_line(gate: Gate) -> str:
    """One line: the mode, whether it passes, and how many findings it counted."""
    number = {state: sum(finding.state == state for finding in gate.findings) for state in ("new", "known", "waived")}
    said = ", ".join(f"{count} {state}" for state, count in number.items() if count) or "nothing found"
    against = "" if gate.baseline is None else f" against {gate.baseline.path}"
    result = "passed" if gate.exit_code == 0 else f"failed with exit code {gate.exit_code}"
    return f"Gate {gate.mode}{against}: {result} ({said})"


def fingerprints(report: FileReport) -> Iterator[tuple[str, str, bool]]:
    """(clause, fingerprint, waived) of each violated or waived clause of each exit, once."""
    seen: dict[tuple[str, str], bool] = {}
    for site in report.sites:
        for clause in site.clauses:
            if clause.status in ("violated", "waived"):
                key = clause.id, of_clause(report, site, clause.id)
                seen[key] = seen.get(key, True) and clause.status == "waived"
    yield from ((name, print_, waived) for (name, print_), waived in seen.items())

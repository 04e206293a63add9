# SPDX-License-Identifier: BSD-2-Clause
"""What a change does to user space: two versions of an exit path, compared for every machine at once.

Both were explored from their entries, over symbols of one vocabulary (``verifier.alignment``). Each machine ends at
one end of BASE and at one of HEAD; every pair of ends that some machine reaches is compared. A difference is told
with a least machine that was followed, and run on the emulator, in both versions.
"""

from __future__ import annotations

from typing import Literal

from verifier.alignment import ASSUMPTIONS, ENTRIES
from verifier.divergences import Found
from verifier.exploring import Survey
from verifier.insights import Comparison, Side
from verifier.meetings import Meetings
from verifier.model import FileReport, UserError
from verifier.pairing import paired
from verifier.progress import SILENT, Progress

UNEXPLORED = ("entry-unknown", "site-undecided", "site-unreached", "stopped")
"""Reasons of a report for which there may be exits that were not compared."""

Surveyed = tuple[FileReport, tuple[Survey, ...]]


def compare(base: Surveyed, head: Surveyed, progress: Progress = SILENT) -> Comparison:
    """Compare two versions. Raises UserError("diff-contracts", exit code 2) if they are not held to the same."""
    same_terms(base, head)
    pairs, reasons = paired(base[1], head[1])
    found = Found(reasons=list(reasons))
    if not pairs and not reasons:
        found.open("no entry of the two versions was explored")
    for side, (report, _) in (("BASE", base), ("HEAD", head)):
        if report.error is not None:
            found.open(f"{side}: {report.error[1]}")
        for reason in report.reasons:
            if reason.code in UNEXPLORED:
                found.open(f"{side}: {reason.text}")
    if base[0].configs != head[0].configs:
        found.reasons.append("the two versions are not verified for the same CPU configurations")
    configs = tuple(config for config in base[0].configs if config in head[0].configs)
    for number, (left, right) in enumerate(pairs, 1):
        progress.stage("comparing entry", number, len(pairs))
        if len(pairs) > 1 and left.start.name != right.start.name:
            found.assumed.add(ENTRIES)
        Meetings(left, right, configs, found, left.start.name if len(pairs) > 1 else "").compare()
    return _concluded(base[0], head[0], found)


def same_terms(base: Surveyed, head: Surveyed) -> None:
    """That both versions are held to one contract, and to the same kind of reference. Raises UserError."""
    one, other = base[0], head[0]
    text = f"{one.input.path} and {other.input.path}"
    if one.contract != other.contract:
        detail = f"{text} are held to different contracts, {one.contract} and {other.contract}"
        raise UserError("diff-contracts", f"{detail}; name one with --contract", 2)
    if one.reference != other.reference:
        detail = f"{text} are compared with different references, {one.reference} and {other.reference}"
        raise UserError("diff-contracts", f"{detail}; choose one with --frame", 2)
    known = {survey.task.contract.name: survey.task.contract for survey in base[1]}
    for survey in head[1]:
        contract = survey.task.contract
        if known.get(contract.name, contract) != contract:
            detail = f"{text}: the contract {contract.name} is not the same file for both"
            raise UserError("diff-contracts", f"{detail}; name one with --contract", 2)


def _concluded(base: FileReport, head: FileReport, found: Found) -> Comparison:
    """What all pairs of entries come to."""
    one, other = _side(base), _side(head)
    wrong = any(divergence.wrong for divergence in found.divergences)
    status: Literal["equivalent", "safe", "unsafe", "inconclusive"]
    if found.divergences and (wrong or other.verdict == "violated"):
        status = "unsafe"
    elif found.reasons or other.verdict == "error":
        status = "inconclusive"
    elif not found.divergences:
        status = "equivalent"
    elif other.verdict == "proved":
        status = "safe"
    else:
        found.open(f"HEAD is {other.verdict}: {head.reasons[0].text if head.reasons else 'see its own report'}")
        status = "inconclusive"
    assumptions = tuple((name, ASSUMPTIONS[name]) for name in sorted(found.assumed))
    return Comparison(one, other, status, tuple(found.divergences), tuple(found.reasons), assumptions)


def _side(report: FileReport) -> Side:
    violated = [clause.id for site in report.sites for clause in site.clauses if clause.status == "violated"]
    return Side(
        report.input.path,
        report.input.sha256,
        ", ".join(report.entries),
        report.verdict,
        tuple(dict.fromkeys(violated)),
    )

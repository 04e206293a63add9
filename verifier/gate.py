# SPDX-License-Identifier: BSD-2-Clause
"""``--gate``: what the findings of a run mean for whoever has to let a change pass.

The exit code is made from what each report holds, not from its verdict alone: a run passes only if
there is a report, and nothing in any report is open that the mode does not expressly let through.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

from verifier.baseline import Baseline
from verifier.model import ClauseResult, FileReport, Finding, Gate, GateMode, SiteResult, UserError, WaiverUse
from verifier.report.fingerprint import of_clause, of_error, of_reason
from verifier.report.verdict import (
    INCONCLUSIVE,
    INPUT,
    INTERNAL,
    INTERRUPTED,
    PROVED,
    USAGE,
    VIOLATED,
    worst_code,
)

MODES: tuple[GateMode, ...] = get_args(GateMode)
"""From the one that lets most through to the one that lets least."""

_BAD = frozenset({"violated", "waived"})


def decide(
    mode: GateMode,
    reports: Sequence[FileReport],
    baseline: Baseline | None,
    uses: Sequence[WaiverUse],
    strict: bool,
) -> Gate:
    """What the gate says of reports that waivers were applied to; ``uses`` are these waivers.

    With ``strict`` a waiver that waived nothing is a usage error. Raises UserError with exit code 2:
    ``baseline-missing`` for new-only without a baseline, ``usage`` for strict with one, and
    ``baseline-options`` for one that was made with other options than a report.
    """
    if mode == "new-only" and baseline is None:
        message = "--gate new-only: no baseline to compare with; name a JSON report with --baseline"
        raise UserError("baseline-missing", message, USAGE)
    if mode == "strict" and baseline is not None:
        raise UserError("usage", "--gate strict compares with nothing; leave --baseline out, or use new-only", USAGE)
    if baseline is not None:
        for report in reports:
            baseline.check_options(report)
    known = _known(reports, baseline)
    codes = [_code(report, mode, known) for report in reports]
    if strict and any(use.state != "used" for use in uses):
        codes.append(USAGE)
    # No report at all is inconclusive in every mode: nothing was looked at.
    return Gate(mode, worst_code(codes), findings(reports, baseline), None if baseline is None else baseline.file)


def _known(reports: Sequence[FileReport], baseline: Baseline | None) -> frozenset[str]:
    return frozenset() if baseline is None else baseline.explained(reports)


def _code(report: FileReport, mode: GateMode, known: frozenset[str]) -> int:
    """The exit code for one report. What is no statement about the code stays in every mode."""
    codes = {PROVED}
    if any(reason.code == "stopped" for reason in report.reasons):
        codes.add(INTERRUPTED)
    if report.disagreements:
        codes.add(INTERNAL)
    if report.verdict == "error" or report.error is not None:
        code = report.error[2] if report.error is not None else INTERNAL
        codes.add(code if code in (USAGE, INPUT, INTERRUPTED) else INTERNAL)
    elif mode != "advisory" and _open(report):
        codes.add(INCONCLUSIVE)
    if mode != "advisory" and any(finding.state == "new" for finding in _violations(report, known)):
        codes.add(VIOLATED)
    return worst_code(codes)


def _open(report: FileReport) -> bool:
    """Whether anything but violated and waived clauses keeps the report from being proved."""
    if not report.sites or not report.configs or any(reason.code != "waived" for reason in report.reasons):
        return True
    statuses = {clause.status for site in report.sites for clause in site.clauses}
    if report.verdict != "proved" and not statuses & _BAD:
        return True
    return any(_site_open(site) for site in report.sites)


def _site_open(site: SiteResult) -> bool:
    """Whether a clause has no answer, nothing was asked, or no violation explains that the site is not proved."""
    statuses = {clause.status for clause in site.clauses}
    if "unknown" in statuses or not statuses & {"proved", *_BAD}:
        return True
    return site.verdict != "proved" and not statuses & _BAD


def findings(reports: Sequence[FileReport], baseline: Baseline | None) -> tuple[Finding, ...]:
    """Everything that speaks against a pass, in the order of the reports; each once."""
    known = _known(reports, baseline)
    found = (finding for report in reports for finding in _findings(report, known))
    return tuple(dict.fromkeys(found))


def _findings(report: FileReport, known: frozenset[str]) -> Iterator[Finding]:
    path = report.input.path
    if report.error is not None or report.verdict == "error":
        yield Finding(path, report.error[0] if report.error is not None else "error", of_error(report), "new")
    yield from _violations(report, known)
    reasons = [reason for reason in report.reasons if reason.code != "waived"]
    for reason in reasons:
        yield Finding(path, reason.code, of_reason(report, reason), "new", reason.location)
    if report.disagreements and report.error is None and all(one.code != "replay-disagrees" for one in reasons):
        yield Finding(path, "replay-disagrees", "", "new", report.disagreements[0].location)
    if report.error is None and not reasons and _open(report):
        yield from _unexplained(report)


def _violations(report: FileReport, known: frozenset[str]) -> Iterator[Finding]:
    """The violated and waived clauses; one that is violated on some CPU configuration is not waived."""
    for site in report.sites:
        bad: dict[str, list[ClauseResult]] = {}
        for clause in site.clauses:
            if clause.status in _BAD:
                bad.setdefault(clause.id, []).append(clause)
        for name, results in bad.items():
            name_of_it = of_clause(report, site, name)
            waived = all(result.status == "waived" for result in results)
            yield Finding(
                report.input.path,
                name,
                name_of_it,
                "waived" if waived else "known" if name_of_it in known else "new",
                site.location,
            )


def _unexplained(report: FileReport) -> Iterator[Finding]:
    """What is open without a reason of its own: unknown clauses, else the input as a whole."""
    found = [
        Finding(report.input.path, clause.id, of_clause(report, site, clause.id), "new", site.location)
        for site in report.sites
        for clause in site.clauses
        if clause.status == "unknown"
    ]
    yield from found or [Finding(report.input.path, "inconclusive", "", "new")]

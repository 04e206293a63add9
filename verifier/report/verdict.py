# SPDX-License-Identifier: BSD-2-Clause
"""Verdicts and exit codes: their meaning, their order, and what a report must hold to claim one."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.model import FileReport, Verdict

PROVED, VIOLATED, USAGE, INCONCLUSIVE, INPUT, DIFFERS, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 4, 5, 70, 130

EXIT_CODES: tuple[tuple[int, str, str], ...] = (
    (PROVED, "proved", "Every clause holds at every SYSRET for all states that meet the assumptions."),
    (VIOLATED, "violated", "At least one clause fails, with a counterexample that a replay confirmed."),
    (USAGE, "usage error", "The command line, the configuration or a contract is wrong."),
    (INCONCLUSIVE, "inconclusive", "Neither: something is unsupported, timed out, vacuous or never reached."),
    (INPUT, "input error", "A file cannot be found, assembled or parsed."),
    (DIFFERS, "differs safely", "Of diff alone: the two versions differ; HEAD is proved, and right wherever they do."),
    (INTERNAL, "internal error", "A defect of this tool; the file was not judged."),
    (INTERRUPTED, "interrupted", "The run was stopped before it ended."),
)
"""(code, name, meaning) of every exit status."""

# 2 is between 70 and 4: a contract named in one file's header may be wrong
# while other files are fine, and that is no statement about any code.
_WORST_FIRST = (INTERRUPTED, VIOLATED, INTERNAL, USAGE, INPUT, INCONCLUSIVE, DIFFERS, PROVED)
_VERDICTS_WORST_FIRST: tuple[Verdict, ...] = ("violated", "error", "inconclusive", "proved")


def worst_code(codes: Iterable[int]) -> int:
    """The exit code of a run: 130, else 1 beats 70 beats 2 beats 4 beats 3 beats 5 beats 0; 3 for no result.

    A code that is not in the table counts as 70.
    """
    seen = {code if code in _WORST_FIRST else INTERNAL for code in codes}
    return next((code for code in _WORST_FIRST if code in seen), INCONCLUSIVE)


def worst_verdict(reports: Iterable[FileReport]) -> Verdict:
    """The verdict over several reports, in the order of the exit codes; inconclusive for none."""
    seen = {report.verdict for report in reports}
    return next((verdict for verdict in _VERDICTS_WORST_FIRST if verdict in seen), "inconclusive")


def exit_code(report: FileReport) -> int:
    """The exit code of one report."""
    match report.verdict:
        case "proved":
            return PROVED
        case "violated":
            return VIOLATED
        case "inconclusive":
            return INCONCLUSIVE
        case "error":
            return report.error[2] if report.error is not None else INTERNAL


def check(report: FileReport) -> None:
    """Raise ValueError if the verdict is not borne out by what the report holds.

    The last guard against a fail-open defect upstream: "proved" needs a site,
    and at every site at least one proved clause and none open or waived;
    "violated" needs a counterexample that was replayed, and so does "waived".
    """
    clauses = [clause for site in report.sites for clause in site.clauses]
    _check_waived(report)
    match report.verdict:
        case "proved":
            if not report.sites or not report.configs:
                raise ValueError("proved without a site or without a CPU configuration")
            if report.reasons:
                raise ValueError("proved, but there are reasons to doubt it")
            for site in report.sites:
                statuses = {clause.status for clause in site.clauses}
                if site.verdict != "proved" or "proved" not in statuses or statuses & {"violated", "unknown", "waived"}:
                    raise ValueError("proved, but a site is not")
        case "violated":
            shown = [clause.counterexample for clause in clauses if clause.status == "violated"]
            if not shown or not all(example is not None and example.replayed for example in shown):
                raise ValueError("violated without a replayed counterexample")
        case "inconclusive":
            if any(clause.status == "violated" for clause in clauses):
                raise ValueError("inconclusive, but a clause is violated")
            if not report.reasons and not any(clause.status == "unknown" for clause in clauses):
                raise ValueError("inconclusive without a reason")
        case "error":
            if report.error is None or report.error[2] not in (USAGE, INPUT, INTERNAL):
                raise ValueError("an error without a code")


def _check_waived(report: FileReport) -> None:
    """A waived clause is a confirmed violation with the waiver's words, and the report says that there is one."""
    waived = [clause for site in report.sites for clause in site.clauses if clause.status == "waived"]
    for clause in waived:
        if clause.counterexample is None or not clause.counterexample.replayed or not clause.reason:
            raise ValueError("waived, but no confirmed violation, or no words of a waiver")
    if any(reason.code == "waived" for reason in report.reasons) != bool(waived):
        raise ValueError("the reasons and the clauses differ in whether something is waived")
    if any(
        site.verdict == "proved" for site in report.sites if {clause.status for clause in site.clauses} & {"waived"}
    ):
        raise ValueError("a site is proved, but a clause of it is waived")

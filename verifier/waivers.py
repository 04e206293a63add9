# SPDX-License-Identifier: BSD-2-Clause
"""Violations that somebody answers for until a day: ``verify-exit.waivers.toml``.

A waiver covers one clause at one exit, by fingerprint. It never makes anything proved: the clause is
"waived", and a file in which nothing else is open is inconclusive.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path

from verifier.boundedfile import read
from verifier.clauses import CLAUSES, IRET_CLAUSES
from verifier.model import ClauseResult, FileReport, Reason, SiteResult, UserError, Verdict, Waiver, WaiverUse
from verifier.report.fingerprint import DIGITS, of_clause
from verifier.report.verdict import INTERNAL
from verifier.report.words import clean, counted
from verifier.toml_table import Table, kind, one_line, parse_toml, quoted

FILE = "verify-exit.waivers.toml"
"""The name of the file in a project."""
MAX_BYTES = 1 << 20
"""Largest file that is read."""
KEYS = ("id", "clause", "fingerprint", "reason", "owner", "expires")
"""The keys of a waiver; every one is needed."""

_CODE = "waivers-invalid"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_FINGERPRINT = re.compile(rf"[0-9a-f]{{{DIGITS}}}")
_CLAUSES = tuple(dict.fromkeys(clause.id for clause in (*CLAUSES, *IRET_CLAUSES)))


# The file.


def load(path: Path) -> tuple[Waiver, ...]:
    """The waivers of a TOML file, in its order.

    Raises UserError with exit code 2: ``waivers-missing`` for a file that cannot be read,
    ``waivers-invalid`` for what is not a list of complete waivers with different ids.
    """
    content = read(path, MAX_BYTES, "a file of [[waiver]] tables", "waivers-missing", _CODE)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(_CODE, f"{one_line(path)}: not UTF-8 at byte {error.start}; TOML is UTF-8", 2) from error
    top = parse_toml(text, str(path), _CODE, {(): ("waiver",)})
    listed = top.data.get("waiver", [])
    if not isinstance(listed, list):
        raise top.fail(f"must be an array of tables, not {kind(listed)}; begin each with [[waiver]]", "waiver")
    found: list[Waiver] = []
    for number, entry in enumerate(listed, 1):
        if not isinstance(entry, dict):
            raise top.fail(f"number {number} must be a table, not {kind(entry)}; begin it with [[waiver]]", "waiver")
        waiver = _waiver(Table(_CODE, str(path), ("waiver", str(number)), entry, {}).known(KEYS))
        if any(waiver.id == other.id for other in found):
            raise top.fail(
                f"{waiver.id} is the id of an earlier waiver; give each its own", "waiver", str(number), "id"
            )
        found.append(waiver)
    return tuple(found)


def _waiver(table: Table) -> Waiver:
    name = _matching(table, "id", "a name for it", _ID, "letters, digits, '.', '_' and '-', at most 64")
    clause = table.text("clause", "the id of the violated clause")
    if clause not in _CLAUSES:
        near = get_close_matches(clause, _CLAUSES, 1)
        hint = f"did you mean {near[0]}?" if near else "`verify-exit explain` lists them"
        raise table.fail(f"{quoted(clause)} is no clause; {hint}", "clause")
    form = f"the {DIGITS} lower-case hexadecimal digits that the report shows"
    return Waiver(
        id=name,
        clause=clause,
        fingerprint=_matching(table, "fingerprint", "the violation's fingerprint", _FINGERPRINT, form),
        reason=table.text("reason", "why the violation may stay"),
        owner=table.text("owner", "who answers for it"),
        expires=_day(table),
    )


def _matching(table: Table, key: str, what: str, pattern: re.Pattern[str], form: str) -> str:
    value = table.text(key, what)
    if not pattern.fullmatch(value):
        raise table.fail(f"{quoted(value)} is not {form}", key)
    return value


def _day(table: Table) -> str:
    """The last day, from a TOML date or a string. A time of day would need a time zone, and is refused."""
    match table.data.get("expires"):
        case None:
            raise table.fail("missing; write the last day that the waiver holds, as YYYY-MM-DD", "expires")
        case date() as day if not isinstance(day, datetime):
            return day.isoformat()
        case str(text) if _DAY.fullmatch(text):
            try:
                return date.fromisoformat(text).isoformat()
            except ValueError:
                raise table.fail(f"{quoted(text)} is no day of the calendar", "expires") from None
        case str(text):
            raise table.fail(f"{quoted(text)} is not a day; write YYYY-MM-DD", "expires")
        case other:
            raise table.fail(f"must be a day, not {kind(other)}; write YYYY-MM-DD", "expires")


# What waivers do to reports.


def apply(
    reports: Sequence[FileReport], waivers: Sequence[Waiver], today: date
) -> tuple[tuple[FileReport, ...], tuple[WaiverUse, ...]]:
    """The reports with every violated clause that a waiver covers "waived", and what each waiver did.

    The day in ``expires`` still counts. Of several waivers for one violation the first is used.
    What is not a confirmed violation cannot be waived; reports without one come back as they are.
    """
    live: dict[tuple[str, str], Waiver] = {}
    for waiver in waivers:
        if not _expired(waiver, today):
            live.setdefault((waiver.clause, waiver.fingerprint), waiver)
    count: Counter[str] = Counter()
    changed = tuple(_applied(report, live, count) for report in reports)
    return changed, tuple(_use(waiver, today, count[waiver.id]) for waiver in waivers)


def _expired(waiver: Waiver, today: date) -> bool:
    return today > date.fromisoformat(waiver.expires)


def _use(waiver: Waiver, today: date, waived: int) -> WaiverUse:
    if _expired(waiver, today):
        return WaiverUse(waiver, "expired", 0)
    return WaiverUse(waiver, "used" if waived else "unused", waived)


def _applied(report: FileReport, live: Mapping[tuple[str, str], Waiver], count: Counter[str]) -> FileReport:
    if report.verdict != "violated":
        return report
    covered: list[tuple[str, Waiver]] = []
    sites = tuple(_site(report, site, live, covered) for site in report.sites)
    if not covered:
        return report
    count.update(waiver.id for _, waiver in covered)
    reason = _reason(covered)
    reasons = (*report.reasons, reason)
    if any(site.verdict == "violated" for site in sites):
        return replace(report, sites=sites, reasons=reasons)
    if report.disagreements:
        # A violation outweighs that the tool contradicts itself; a waived one no longer does.
        text = "two ways of running one machine differ, and no violation is left that would outweigh it; report this"
        error = ("replay-disagrees", text, INTERNAL)
        return replace(report, sites=sites, reasons=reasons, verdict="error", error=error)
    return replace(report, sites=sites, reasons=reasons, verdict="inconclusive")


def _site(
    report: FileReport,
    site: SiteResult,
    live: Mapping[tuple[str, str], Waiver],
    covered: list[tuple[str, Waiver]],
) -> SiteResult:
    """The site with its covered clauses waived; adds (clause, waiver) of each clause to ``covered``."""
    used: dict[str, Waiver] = {}
    clauses: list[ClauseResult] = []
    for clause in site.clauses:
        waiver = live.get((clause.id, of_clause(report, site, clause.id))) if _confirmed(clause) else None
        if waiver is None:
            clauses.append(clause)
            continue
        used[clause.id] = waiver
        why = f"waived by {waiver.id} until {waiver.expires}: {waiver.reason} ({waiver.owner})"
        clauses.append(replace(clause, status="waived", reason=why))
    if not used:
        return site
    covered += used.items()
    left: Verdict = "violated" if any(clause.status == "violated" for clause in clauses) else "inconclusive"
    return replace(site, clauses=tuple(clauses), verdict=left)


def _confirmed(clause: ClauseResult) -> bool:
    return clause.status == "violated" and clause.counterexample is not None and clause.counterexample.replayed


def _reason(covered: Sequence[tuple[str, Waiver]]) -> Reason:
    clauses = ", ".join(dict.fromkeys(clause for clause, _ in covered))
    names = ", ".join(dict.fromkeys(waiver.id for _, waiver in covered))
    soonest = min(waiver.expires for _, waiver in covered)
    text = f"{counted(len(covered), 'violation')} waived by {names} ({clauses})"
    return Reason("waived", text, f"mend the code by {soonest}, and remove the waiver")


# What a person is told of them.


def stale(uses: Sequence[WaiverUse]) -> tuple[WaiverUse, ...]:
    """The waivers that waived nothing: unused and expired ones."""
    return tuple(use for use in uses if use.state != "used")


def warnings(uses: Sequence[WaiverUse]) -> list[str]:
    """One line for each waiver that waived nothing, safe to print."""
    return [clean(_warning(use)) for use in stale(uses)]


def _warning(use: WaiverUse) -> str:
    waiver = use.waiver
    about = f"waiver {waiver.id} ({waiver.clause}, {waiver.owner})"
    if use.state == "expired":
        return f"{about} expired on {waiver.expires} and waives nothing; mend the code or renew the waiver"
    return f"{about} is unused: no such violation in this run; remove it"

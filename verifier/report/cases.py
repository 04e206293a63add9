# SPDX-License-Identifier: BSD-2-Clause
"""A report as tests that pass or do not, for the formats that know nothing else.

One group for each exit site, one test in it for each clause over all CPU configurations; a further
group for what is about the input: its error, reasons that no clause stands for, disagreements.

Nothing is skipped. A violated clause failed; what is not decided is an error. A waived clause failed
as well, as the run does without a gate. Under a gate a violation that is waived or known to the
baseline passes, as the gate says, and its name says so: names are all that most viewers show of a
test that passes. Whatever the parts say, a group of an unproved site and the groups of an unproved
input hold at least one test that did not pass, or one that the gate let pass.

Every string is safe to show (``words.clean``); names are unique in their group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from verifier.model import ClauseResult, FileReport, Gate, Location, SiteResult
from verifier.records import record
from verifier.report.findings import UNEXPLAINED, Item, clause_status, findings, passes
from verifier.report.grouping import Violation, violations
from verifier.report.words import clean, configs_label, in_order, place, sentence

Outcome = Literal["passed", "failed", "error"]
WHOLE = "input"
"""The name of the group that is about no site."""


@record
class Case:
    """One test. ``kind`` is a status, "known", or a code; ``message`` is one line, "" if there is nothing to say.

    ``explained`` is the id that ``verify-exit explain`` knows, "" if there is none. ``site`` and
    ``clause`` are set if it is about a clause: what its counterexamples are found by.
    """

    name: str
    outcome: Outcome
    kind: str
    message: str
    location: Location | None = None
    site: SiteResult | None = None
    clause: str = ""
    explained: str = ""


@record
class Group:
    """The tests of one exit site, or of the input as a whole; never empty. ``label`` names it shortly."""

    name: str
    label: str
    location: Location | None
    cases: tuple[Case, ...]

    @property
    def passed(self) -> bool:
        """Whether all of its tests did."""
        return all(case.outcome == "passed" for case in self.cases)


def groups(report: FileReport, gate: Gate | None) -> tuple[Group, ...]:
    """The tests of one report: at least one group."""
    found = [_site(report, site, gate) for site in report.sites]
    rest = _whole(report, gate)
    if rest:
        found.append(Group(WHOLE, WHOLE, None, _unique(rest)))
    labels = unique([group.label for group in found])
    names = unique([group.name for group in found])
    return tuple(
        replace(group, name=name, label=label) for group, name, label in zip(found, names, labels, strict=True)
    )


def counterexamples(case: Case) -> tuple[Violation, ...]:
    """The counterexamples to the clause that a test is about, also to one that is waived."""
    if case.site is None:
        return ()
    failed = (part for part in case.site.clauses if part.id == case.clause and part.status in ("violated", "waived"))
    # They are told in the words of a violation: a waiver changes who answers for it, not what it is.
    return violations(replace(case.site, clauses=tuple(replace(part, status="violated") for part in failed)))


def unique(names: Sequence[str]) -> list[str]:
    """The names, with a number behind each that was there before."""
    seen: set[str] = set()
    result = []
    for name in names:
        number, chosen = 1, name
        while chosen in seen:
            number += 1
            chosen = f"{name} ({number})"
        seen.add(chosen)
        result.append(chosen)
    return result


def _unique(cases: Sequence[Case]) -> tuple[Case, ...]:
    names = unique([case.name for case in cases])
    return tuple(replace(case, name=name) for case, name in zip(cases, names, strict=True))


def _site(report: FileReport, site: SiteResult, gate: Gate | None) -> Group:
    ids = dict.fromkeys(clause.id for clause in site.clauses)
    cases = [_clause(report, site, clause, gate) for clause in ids]
    explained = any(case.outcome != "passed" or case.kind in ("waived", "known") for case in cases)
    statuses = {clause.status for clause in site.clauses}
    if not explained and (site.verdict != "proved" or "proved" not in statuses):
        text = f"the site is {site.verdict}, and no clause says why" if "proved" in statuses else "no clause is proved"
        cases.append(Case(UNEXPLAINED, "error", UNEXPLAINED, text, site.location, site))
    where = clean(f"{site.kind} at {place(site.location)}")
    entry = clean(f", reached from {site.entry}") if site.entry != site.location.symbol else ""
    return Group(where + entry, clean(place(site.location)), site.location, _unique(cases))


def _clause(report: FileReport, site: SiteResult, clause: str, gate: Gate | None) -> Case:
    parts = [part for part in site.clauses if part.id == clause]
    status = clause_status(site, clause)
    case = Case(clean(clause), "passed", status, clean("; ".join(_parts(report, parts))), site.location, site, clause)
    case = replace(case, explained=clean(clause))
    match status:
        case "proved" | "not-applicable":
            return case
        case "unknown":
            return replace(case, outcome="error", explained=clean(_code(report, site, clause) or clause))
        case "violated" | "waived":
            # What is open for some configuration does not pass with what is known or waived for others.
            settled = all(part.status != "unknown" for part in parts)
            if settled and passes(report, site, clause, gate):
                kind = "known" if status == "violated" else "waived"
                return replace(case, name=clean(f"{clause} ({kind})"), kind=kind)
            return replace(case, outcome="failed")


def _code(report: FileReport, site: SiteResult, clause: str) -> str:
    """The code of the reason why a clause is open at a site."""
    return next(
        (
            reason.code
            for reason in report.reasons
            if reason.location == site.location and reason.text.startswith(f"{clause}: ")
        ),
        "",
    )


def _parts(report: FileReport, parts: Sequence[ClauseResult]) -> Iterator[str]:
    """What there is to say of each outcome, with its configurations where not all share it."""
    said: dict[str, list[ClauseResult]] = {}
    for part in sorted(parts, key=lambda part: part.status == "unknown"):
        text = sentence(part.reason or "")
        if part.counterexample is not None:
            text = sentence(part.counterexample.cause) + (f"; {text}" if text else "")
        if part.status == "not-applicable":
            text = "not applicable" + (f": {text}" if text else "")
        if part.status == "unknown":
            mixed = any(other.status in ("violated", "waived") for other in parts)
            text = f"not decided: {text}" if mixed and text else text or "not decided"
        if part.status != "proved":
            said.setdefault(text or part.status, []).append(part)
    for text, alike in said.items():
        where = configs_label(in_order(config for part in alike for config in part.configs), report.configs)
        yield f"{text} ({where})" if where else text


def _whole(report: FileReport, gate: Gate | None) -> list[Case]:
    """What is about no clause. A reason that says why a clause is open is that clause's."""
    cases: list[Case] = []
    texts: dict[str, list[str]] = {}
    for item in findings(report, gate):
        if item.state in ("violated", "known", "waived") or _of_clauses(item, report):
            continue
        if item.location is None and item.state == "error":
            texts.setdefault(item.id, []).append(f"line {item.line}: {item.text}" if item.line else item.text)
            continue
        at = f" at {place(item.location)}" if item.location is not None else ""
        cases.append(_open(item.id, f"{item.id}{at}", item.text, item.location))
    return cases + [_open(code, code, " / ".join(lines), None) for code, lines in texts.items()]


def _open(code: str, name: str, text: str, location: Location | None) -> Case:
    known = "" if code == UNEXPLAINED else clean(code)
    return Case(clean(name), "error", clean(code), clean(text), location, explained=known)


def _of_clauses(item: Item, report: FileReport) -> bool:
    """Whether the finding is that some clauses, which its text begins with, are open: each has a test at its site."""
    names, colon, _ = item.text.partition(": ")
    ids = {
        clause.id
        for site in report.sites
        for clause in site.clauses
        if clause.status == "unknown" and site.location == item.location
    }
    return item.state == "unknown" and bool(colon) and set(names.split(", ")) <= ids

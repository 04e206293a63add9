# SPDX-License-Identifier: BSD-2-Clause
"""Everything in a report that speaks against a pass, one item each, in the order of the report.

Violated and waived clauses of each site, clauses that are not decided and that no reason speaks of,
reasons, disagreements, the error. What the gate says of them changes no verdict: it is a mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from verifier.model import ClauseResult, Config, Counterexample, FileReport, Gate, Location, SiteResult, Status, Verdict
from verifier.records import record
from verifier.report.fingerprint import of_clause
from verifier.report.grouping import merged_reasons
from verifier.report.words import concise, in_order, sentence

State = Literal["violated", "known", "waived", "unknown", "error"]
_WORST_FIRST: tuple[Status, ...] = ("violated", "unknown", "waived", "proved", "not-applicable")
_EXPLAINS: dict[Verdict, frozenset[State]] = {
    "violated": frozenset({"violated", "known"}),
    "error": frozenset({"error"}),
    "inconclusive": frozenset({"waived", "unknown"}),
    "proved": frozenset(),
}
"""Which findings bear a verdict out."""
UNEXPLAINED = "verdict"
"""The id of the finding that a report does not say why it is not proved: it never passes in silence."""


@record
class Item:
    """One finding. ``id`` is a clause, a reason's code or an error's; ``text`` is one line, not yet made safe.

    ``state`` is "known" for a violation that the baseline of the gate has as well. ``configs`` is
    empty where it is not about a clause. ``example`` is the first counterexample, if there is one.
    ``line`` is that of the input which an error without a location names, else 0.
    """

    path: str
    id: str
    state: State
    location: Location | None
    text: str
    configs: tuple[Config, ...] = ()
    example: Counterexample | None = None
    line: int = 0

    @property
    def severity(self) -> Literal["error", "warning"]:
        """An error says that something is wrong, a warning that somebody should look."""
        return "error" if self.state in ("violated", "error") else "warning"


def findings(report: FileReport, gate: Gate | None = None) -> tuple[Item, ...]:
    """The findings of one report, each once. Unless it is proved, one of them is the cause of its verdict."""
    found = tuple(dict.fromkeys(_all(report, gate)))
    if any(item.state in _EXPLAINS[report.verdict] for item in found) or (report.verdict == "proved" and report.sites):
        return found
    state: State = "unknown" if report.verdict in ("proved", "inconclusive") else "error"
    text = f"the input is {report.verdict}, and nothing says why"
    return (*found, Item(report.input.path, UNEXPLAINED, state, None, text))


def editor_lines(report: FileReport, errors: bool = True, gate: Gate | None = None) -> list[str]:
    """One parsable line for each finding, never folded; ``errors`` False leaves out the report's error."""
    items = [item for item in findings(report, gate) if errors or item.location is not None or item.state != "error"]
    lines = (
        concise(
            f"{item.path}:{item.line}" if item.line else item.path, item.location, item.severity, item.text, item.id
        )
        for item in items
    )
    return list(dict.fromkeys(lines))


def passes(report: FileReport, site: SiteResult, clause: str, gate: Gate | None) -> bool:
    """Whether the gate lets a violated or waived clause pass: it must know it, and count it nowhere."""
    if gate is None:
        return False
    name = of_clause(report, site, clause)
    states = {finding.state for finding in gate.findings if finding.fingerprint == name and finding.id == clause}
    return bool(states) and "new" not in states


def spoken_of(report: FileReport, clause: ClauseResult) -> bool:
    """Whether a reason of the report says why this clause is not decided."""
    said = clause.reason or ""
    return any(
        reason.text.startswith(f"{clause.id}: ") or (reason.text and reason.text in said) for reason in report.reasons
    )


def _all(report: FileReport, gate: Gate | None) -> Iterator[Item]:
    path = report.input.path
    for site in report.sites:
        for clause in _ids(site, "violated"):
            known = passes(report, site, clause, gate)
            yield _clause(path, site, clause, "violated", "known" if known else "violated")
        for clause in _ids(site, "waived"):
            yield _clause(path, site, clause, "waived", "waived")
        yield from _undecided(report, site)
    waived = any(item.status == "waived" for site in report.sites for item in site.clauses)
    for reason in merged_reasons(report):
        # That clauses are waived is said of each of them, with its waiver.
        if not (waived and reason.code == "waived"):
            yield Item(path, reason.code, "unknown", reason.location, reason.text)
    for one in report.disagreements:
        about = f"of the machine that violates {one.clause}" if one.clause else "of the machine that reaches the exit"
        text = f"two runs {about} differ ({'/'.join(one.config)}): {one.problems[0] if one.problems else 'no details'}"
        yield Item(path, "replay-disagrees", "error", one.location, text)
    if report.error is not None:
        for text in report.error[1].split("\n"):
            # As the assembler says where: only the input's own name counts, so that no text can name another file.
            named = re.match(r":([1-9][0-9]{0,8}): ", text.removeprefix(path)) if text.startswith(path) else None
            line = int(named[1]) if named is not None else 0
            said = text[len(path) + named.end() :] if named is not None else text.removeprefix(f"{path}: ")
            yield Item(path, report.error[0], "error", None, said, line=line)


def _ids(site: SiteResult, status: Status) -> tuple[str, ...]:
    return tuple(dict.fromkeys(clause.id for clause in site.clauses if clause.status == status))


def _clause(path: str, site: SiteResult, clause: str, status: Status, state: State) -> Item:
    """A clause with all configurations for which it has this status; the first says why."""
    parts = [part for part in site.clauses if part.id == clause and part.status == status]
    example = next((part.counterexample for part in parts if part.counterexample is not None), None)
    said = next((part.reason for part in parts if part.reason), None)
    text = sentence(example.cause) if example is not None else said or status
    if example is not None and said and status == "waived":
        text += f"; {said}"
    if state == "known":
        text += "; known, the baseline has it"
    configs = in_order(config for part in parts for config in part.configs)
    return Item(path, clause, state, site.location, text, configs, example)


def _undecided(report: FileReport, site: SiteResult) -> Iterator[Item]:
    """Clauses that are open for one cause are one finding, named by the first of them."""
    by_reason: dict[str, list[ClauseResult]] = {}
    for clause in site.clauses:
        if clause.status == "unknown" and not spoken_of(report, clause):
            by_reason.setdefault(clause.reason or "not decided", []).append(clause)
    for reason, clauses in by_reason.items():
        names = list(dict.fromkeys(clause.id for clause in clauses))
        configs = in_order(config for clause in clauses for config in clause.configs)
        text = f"{', '.join(names)}: {reason}"
        yield Item(report.input.path, names[0], "unknown", site.location, text, configs)


def counts(report: FileReport) -> tuple[tuple[str, int], ...]:
    """How many clauses of how many sites are of each status, worst first: (name, number)."""
    worst = [clause_status(site, name) for site in report.sites for name in dict.fromkeys(p.id for p in site.clauses)]
    return tuple((status.replace("-", " "), worst.count(status)) for status in _WORST_FIRST)


def clause_status(site: SiteResult, clause: str) -> Status:
    """The worst status of a clause over all configurations of the run; one that is not there is unknown."""
    seen = {part.status for part in site.clauses if part.id == clause}
    return next((status for status in _WORST_FIRST if status in seen), "unknown")

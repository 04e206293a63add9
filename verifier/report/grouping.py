# SPDX-License-Identifier: BSD-2-Clause
"""What belongs together on the page: clauses of one status, counterexamples and reasons that are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from verifier.model import (
    Assumption,
    ClauseResult,
    CodeRange,
    Config,
    Counterexample,
    FileReport,
    Reason,
    SiteResult,
    Status,
)
from verifier.records import record
from verifier.report.words import configs_label, hexa, in_order, sentence

_FEW = 3
STATUS_ORDER: tuple[Status, ...] = ("violated", "unknown", "proved", "waived", "not-applicable")


@record
class StatusRow:
    """Clauses of one site with one status and, for open ones, one reason; ``labels`` are ready to print."""

    status: Status
    labels: tuple[str, ...]
    reason: str | None


@record
class Violation:
    """A violated clause with a counterexample that stands for all of ``configs``."""

    id: str
    configs: tuple[Config, ...]
    example: Counterexample | None
    reason: str | None


def status_rows(site: SiteResult, among: Sequence[Config]) -> tuple[StatusRow, ...]:
    """The site's clauses by status, worst first; a configuration is named only where it matters."""
    clauses = _merged(site.clauses)
    gprs = [clause.id for clause in clauses if clause.id.startswith("gpr.")]
    rows = []
    for status in STATUS_ORDER:
        group = [clause for clause in clauses if clause.status == status]
        # A reason for each open clause; why a proved one holds is nobody's question.
        shown = status in ("unknown", "waived")
        for reason in dict.fromkeys(clause.reason if shown else None for clause in group):
            members = [clause for clause in group if not shown or clause.reason == reason]
            rows.append(StatusRow(status, _labels(members, gprs, among), reason))
    return tuple(rows)


def _merged(clauses: Sequence[ClauseResult]) -> list[ClauseResult]:
    """One result for each (id, status, reason), over all its configurations, in the given order."""
    merged: dict[tuple[str, Status, str | None], ClauseResult] = {}
    for clause in clauses:
        key = (clause.id, clause.status, clause.reason)
        earlier = merged.get(key)
        configs = clause.configs if earlier is None else earlier.configs + clause.configs
        merged[key] = replace(clause, configs=in_order(configs))
    return list(merged.values())


def _labels(members: Sequence[ClauseResult], gprs: Sequence[str], among: Sequence[Config]) -> tuple[str, ...]:
    """Names such as "rip" and "canonical (amd)"; all gpr clauses of a site together are "gpr.* (16)"."""
    by_configs: dict[str, list[str]] = {}
    for clause in members:
        if clause.id.startswith("gpr."):
            by_configs.setdefault(configs_label(clause.configs, among), []).append(clause.id)
    whole = {label for label, ids in by_configs.items() if len(ids) > 1 and set(ids) == set(gprs)}
    labels: dict[str, None] = {}
    for clause in members:
        where = configs_label(clause.configs, among)
        name = clause.id
        if name.startswith("gpr.") and where in whole:
            name = f"gpr.* ({len(by_configs[where])})"
        labels[f"{name} ({where})" if where else name] = None
    return tuple(labels)


def violations(site: SiteResult, status: Status = "violated") -> tuple[Violation, ...]:
    """The site's violated (or waived) clauses; counterexamples that differ only in the configuration are one."""
    found: dict[tuple[str, Counterexample | None, str | None], Violation] = {}
    for clause in site.clauses:
        if clause.status != status:
            continue
        example = clause.counterexample
        key = (clause.id, None if example is None else replace(example, config=("", "")), clause.reason)
        earlier = found.get(key)
        if earlier is None:
            found[key] = Violation(clause.id, in_order(clause.configs), example, clause.reason)
        else:
            found[key] = replace(earlier, configs=in_order(earlier.configs + clause.configs))
    return tuple(found.values())


def code_ranges(site: SiteResult) -> tuple[CodeRange, ...]:
    """The code that the site's verdict covers, in the one order of every output."""
    return tuple(sorted(site.code, key=lambda item: (item.start, item.variant, item.end, item.sha256)))


def code_digest(site: SiteResult) -> str:
    """SHA-256 over a line ``START END SHA256 VARIANT`` for each of these ranges; "" if there are none."""
    lines = (f"{hexa(item.start)} {hexa(item.end)} {item.sha256} {item.variant}\n" for item in code_ranges(site))
    return hashlib.sha256("".join(lines).encode("utf-8", "backslashreplace")).hexdigest() if site.code else ""


def decisive(report: FileReport) -> tuple[str, ...]:
    """The violated clauses, the reason codes or the error code: what decided the verdict, briefly."""
    if report.error is not None:
        return (report.error[0],)
    bad = [clause.id for site in report.sites for clause in site.clauses if clause.status == "violated"]
    names = list(dict.fromkeys(bad or [reason.code for reason in report.reasons]))
    gprs = [name for name in names if name.startswith("gpr.")]
    if len(gprs) > _FEW:
        names = [f"gpr.* ({len(gprs)})" if name == gprs[0] else name for name in names if name not in gprs[1:]]
    return tuple(names)


def merged_reasons(report: FileReport) -> tuple[Reason, ...]:
    """The reasons; those that differ only in the clause which their text begins with are one for all of these."""
    clauses = {clause.id for site in report.sites for clause in site.clauses}
    groups: dict[Reason, list[str]] = {}
    for reason in report.reasons:
        clause, colon, rest = reason.text.partition(": ")
        if colon and clause in clauses:
            groups.setdefault(replace(reason, text=rest), []).append(clause)
        else:
            groups.setdefault(reason, [])
    return tuple(
        replace(reason, text=f"{', '.join(dict.fromkeys(names))}: {reason.text}") if names else reason
        for reason, names in groups.items()
    )


def all_assumptions(reports: Sequence[FileReport], sources: bool) -> tuple[Assumption, ...]:
    """The assumptions of all reports, sorted by id; one with several texts names the contract of each.

    Without ``sources`` those that differ in their source only are one.
    """
    contracts: dict[Assumption, set[str]] = {}
    for report in reports:
        for item in report.assumptions:
            item = item if sources else replace(item, source="")
            contracts.setdefault(item, set()).add(report.contract)
    ids = [item.id for item in contracts]
    found = []
    for item, names in contracts.items():
        several = ids.count(item.id) > 1
        told = f"{sentence(item.text)} (contract {', '.join(sorted(names))})"
        found.append(replace(item, text=told) if several else item)
    return tuple(sorted(found, key=lambda item: (item.id, item.text, item.source)))

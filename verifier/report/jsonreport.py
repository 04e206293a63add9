# SPDX-License-Identifier: BSD-2-Clause
"""JSON, schema ``verify-exit/1`` (specs/schema/verify-exit-1.schema.json).

Keys are sorted; numbers that are addresses or register values are strings
such as "0x1f"; nothing depends on the clock or on the machine. Several inputs
give one object whose sites and reasons name their input.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from verifier.model import (
    Change,
    ClauseResult,
    CodeRange,
    Counterexample,
    CrossCheck,
    Disagreement,
    Field,
    FileReport,
    Gate,
    Input,
    Reason,
    Run,
    Search,
    SiteResult,
    Step,
    WaiverUse,
)
from verifier.recording import to_json
from verifier.report import Style
from verifier.report.fingerprint import of_clause, of_error, of_reason
from verifier.report.grouping import code_digest, code_ranges
from verifier.report.insights_json import of_comparison, of_location, of_outcome, of_site
from verifier.report.verdict import worst_verdict
from verifier.report.words import hexa, in_order

SCHEMA = "verify-exit/1"

Json = dict[str, Any]


def render(run: Run, style: Style) -> str:
    """One JSON object for all reports; ``style`` changes nothing."""
    return json.dumps(document(run), indent=2, sort_keys=True, ensure_ascii=True) + "\n"


def document(run: Run) -> Json:
    """The object that ``render`` writes."""
    reports = run.reports
    assumptions = {(item.id, item.text, item.source) for report in reports for item in report.assumptions}
    return {
        "schema": SCHEMA,
        "verdict": worst_verdict(reports),
        "inputs": [
            {
                "path": report.input.path,
                "sha256": report.input.sha256 or None,
                "container": report.container or None,
                "verdict": report.verdict,
                "entries": list(report.entries),
                "contract": report.contract or None,
                "profile": report.profile or None,
                "configs": [list(config) for config in in_order(report.configs)],
                "reference": report.reference,
                "check_iret": report.check_iret,
                "command": report.command or None,
                "comparison": None if report.comparison is None else of_comparison(report.comparison),
            }
            for report in reports
        ],
        "contract": _common(report.contract for report in reports),
        "profile": _common(report.profile for report in reports),
        "assumptions": [{"id": i, "text": text, "source": source} for i, text, source in sorted(assumptions)],
        "tool": dict(sorted({item for report in reports for item in report.tool})),
        "sites": [_site(site, report) for report in reports for site in report.sites],
        "reasons": [reason for report in reports for reason in _reasons(report)],
        "evidence": {
            "cross_checks": [_cross_check(one, report.input.path) for report in reports for one in report.cross_checks],
            "certificates": [
                {
                    "input": report.input.path,
                    "asked": report.certificates.asked,
                    "covered": report.certificates.covered,
                    "missing": list(report.certificates.missing),
                }
                for report in reports
                if report.certificates is not None
            ],
            "searches": [_search(one, report.input.path) for report in reports for one in report.searches],
        },
        "disagreements": [
            _disagreement(item, report.input.path) for report in reports for item in report.disagreements
        ],
        "waivers": [_waiver(use) for use in run.waivers],
        "gate": None if run.gate is None else _gate(run.gate),
        "shard": None if run.shard is None else asdict(run.shard),
    }


def _common(names: Iterable[str]) -> str | list[str] | None:
    """The one name, else the sorted names; a report that failed early has none."""
    known = sorted({name for name in names if name})
    return known[0] if len(known) == 1 else known or None


def _reasons(report: FileReport) -> list[Json]:
    found = [_reason(reason, report) for reason in report.reasons]
    if report.error is not None:
        code, message, status = report.error
        error = {"code": code, "text": message, "remedy": "", "exit_code": status}
        found.append(error | {"location": None, "input": report.input.path, "fingerprint": of_error(report)})
    return found


def _reason(reason: Reason, report: FileReport) -> Json:
    location = None if reason.location is None else of_location(reason.location)
    return {
        "code": reason.code,
        "text": reason.text,
        "remedy": reason.remedy,
        "location": location,
        "input": report.input.path,
        "fingerprint": of_reason(report, reason),
    }


def _waiver(use: WaiverUse) -> Json:
    one = use.waiver
    return {
        "id": one.id,
        "clause": one.clause,
        "fingerprint": one.fingerprint,
        "reason": one.reason,
        "owner": one.owner,
        "expires": one.expires,
        "state": use.state,
        "waived": use.waived,
    }


def _gate(gate: Gate) -> Json:
    baseline = gate.baseline
    return {
        "mode": gate.mode,
        "exit_code": gate.exit_code,
        "baseline": None if baseline is None else {"path": baseline.path, "sha256": baseline.sha256},
        "findings": [
            {"input": one.input, "id": one.id, "fingerprint": one.fingerprint, "state": one.state}
            for one in gate.findings
        ],
    }


def _site(site: SiteResult, report: FileReport) -> Json:
    return of_location(site.location) | {
        "kind": site.kind,
        "input": report.input.path,
        "entry": site.entry,
        "verdict": site.verdict,
        "witness": _values(site.witness),
        "clauses": [_clause(clause, site, report) for clause in site.clauses],
        "code": [_range(item) for item in code_ranges(site)],
        "code_sha256": code_digest(site) or None,
        "features": sorted(site.switches),
        "replay": to_json(site.recording),
        **of_site(site),
    }


def _cross_check(one: CrossCheck, path: str) -> Json:
    return {"input": path, "solver": one.solver, "asked": one.asked, "agreed": one.agreed, "opposed": one.opposed}


def _search(one: Search, path: str) -> Json:
    return {
        "input": path,
        "location": of_location(one.location),
        "entry": one.entry,
        "machines": one.machines,
        "judged": one.judged,
        "paths": one.paths,
        "ends": dict(one.ends),
        "clauses": list(one.clauses),
        "left_out": dict(one.left_out),
        "divergences": len(one.divergences),
    }


def _disagreement(item: Disagreement, path: str) -> Json:
    return {
        "input": path,
        "location": of_location(item.location),
        "clause": item.clause or None,
        "config": list(item.config),
        "problems": list(item.problems),
        "inputs": _values(item.inputs),
        "lifted": to_json(item.lifted),
        "emulated": to_json(item.emulated),
    }


def _range(item: CodeRange) -> Json:
    return {
        "start": hexa(item.start),
        "end": hexa(item.end),
        "sha256": item.sha256,
        "variant": item.variant,
    }


def _clause(clause: ClauseResult, site: SiteResult, report: FileReport) -> Json:
    example = clause.counterexample
    named = clause.status in ("violated", "waived")
    return {
        "id": clause.id,
        "status": clause.status,
        "config": [list(config) for config in in_order(clause.configs)],
        "reason": clause.reason,
        "fingerprint": of_clause(report, site, clause.id) if named else None,
        "counterexample": None if example is None else _counterexample(example),
    }


def _counterexample(example: Counterexample) -> Json:
    kinds = ("register", "frame", "memory", "feature")
    by_kind = {kind: [item for item in example.inputs if item.kind == kind] for kind in kinds}
    return {
        "config": list(example.config),
        "cause": example.cause,
        "entry": _values(by_kind["register"]),
        "frame": {item.name.removeprefix("frame."): hexa(item.value) for item in by_kind["frame"]},
        "memory": _values(by_kind["memory"]),
        "features": _values(by_kind["feature"]),
        "havoc": [
            {"name": item.name, "value": hexa(item.value), "origin": item.origin}
            for item in example.inputs
            if item.kind == "havoc"
        ],
        "path": [_step(step) for step in example.path],
        "at_exit": _fields(example.at_exit),
        "sysret": of_outcome(example.sysret),
        "iret": of_outcome(example.iret),
        "differs": list(example.differs),
        "vendor_notes": dict(example.vendor_notes),
        "replayed": example.replayed,
        "replay_note": example.replay_note,
        "replay": to_json(example.recording),
    }


def _values(items: Iterable[Input]) -> Json:
    return {item.name: hexa(item.value) for item in items}


def _fields(fields: Iterable[Field]) -> Json:
    return {field.name: None if field.value is None else hexa(field.value) for field in fields}


def _step(step: Step) -> Json:
    return of_location(step.location) | {
        "changes": [_change(change) for change in step.changes],
        "note": step.note,
        "source": step.source or None,
    }


def _change(change: Change) -> Json:
    return {"name": change.name, "before": hexa(change.before), "after": hexa(change.after)}

# SPDX-License-Identifier: BSD-2-Clause
"""SARIF 2.1.0 (OASIS), in the subset that code scanning shows, within its limits.

One run, whatever the number of files. Every counterexample is a code flow with one thread flow: a location for each
instruction, with the registers that it changes as the state. Keys are sorted, the text is ASCII, and nothing in it
depends on the clock or on the machine; the project's root is named and not said.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence

from verifier import __version__
from verifier.model import Counterexample, FileReport, Run, Step
from verifier.records import record
from verifier.report import Style
from verifier.report.disagreement import disagreement
from verifier.report.grouping import all_assumptions
from verifier.report.meaning import meaning
from verifier.report.sarif_places import NOWHERE, ROOT, Json, artifact, location, said
from verifier.report.sarif_results import Draft, drafts, related, valued
from verifier.report.sarif_rules import NOT_JUDGED, rules
from verifier.report.verdict import worst_verdict
from verifier.report.words import counted, hexa, in_order, sentence

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

# GitHub, "SARIF support for code scanning" and "SARIF results exceed limits": more than 25 000 results of a run, or
# 10 000 steps of a result, are refused; 5000 and 1000 are shown. A file has at most 10 MB after gzip.
MAX_RESULTS = 5000
MAX_STEPS = 1000
MAX_BYTES = 10_000_000
STEPS = (20_000, 2_000, 0)
"""Steps of all results together that are tried, the next number if the file gets larger than MAX_BYTES."""


@record
class _Flows:
    """The code flows of each result, and how many flows and steps were left out."""

    of: tuple[tuple[Json, ...], ...]
    flows: int
    steps: int


def render(run: Run, style: Style) -> str:
    """One SARIF log; ``style`` changes nothing."""
    text = ""
    for steps in STEPS:
        text = json.dumps(document(run, steps), indent=1, sort_keys=True, ensure_ascii=True) + "\n"
        # What is small before it is compressed need not be compressed to know that it is.
        if len(text) <= MAX_BYTES or len(gzip.compress(text.encode("ascii"), 6, mtime=0)) <= MAX_BYTES:
            break
    return text


def document(run: Run, steps: int = STEPS[0]) -> Json:
    """The log that ``render`` writes, with at most so many steps of code flows in all."""
    found = drafts(run)
    kept = sorted(sorted(range(len(found)), key=lambda index: (found[index].rank, index))[:MAX_RESULTS])
    chosen = [found[index] for index in kept]
    table = rules(draft.rule for draft in chosen)
    places = {rule["id"]: index for index, rule in enumerate(table)}
    flows = _flows(chosen, steps)
    results = [_result(draft, places, flow) for draft, flow in zip(chosen, flows.of, strict=True)]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "verify-exit", "semanticVersion": __version__, "rules": table}},
                "columnKind": "utf16CodeUnits",
                "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the project."}}},
                "artifacts": _artifacts(run),
                "invocations": [_invocation(run, _left_out(len(found) - len(chosen), flows))],
                "results": results,
                "properties": _properties(run),
            }
        ],
    }


def _flows(chosen: Sequence[Draft], steps: int) -> _Flows:
    """The code flows of the most important results first, as long as there are steps left."""
    found: dict[int, list[Json]] = {}
    flows = hidden = 0
    for index in sorted(range(len(chosen)), key=lambda index: (chosen[index].rank, index)):
        draft = chosen[index]
        for example in draft.examples:
            path = _path(draft, example)
            kept = _kept(len(path), min(steps, MAX_STEPS // len(draft.examples)))
            if len(kept) < 2 or draft.report is None:
                flows += len(path) > 1
                continue
            hidden += len(path) - len(kept)
            steps -= len(kept)
            found.setdefault(index, []).append(_flow(draft.report, example, [(at, path[at]) for at in kept], len(path)))
    return _Flows(tuple(tuple(found.get(index, ())) for index in range(len(chosen))), flows, hidden)


def _left_out(results: int, flows: _Flows) -> str:
    """What is not in the file because of the limits; "" if everything is."""
    numbers = ((results, "result"), (flows.flows, "code flow"), (flows.steps, "step"))
    parts = [counted(number, noun) for number, noun in numbers if number]
    told = f"Left out to keep within the limits of code scanning: {', '.join(parts)}. The JSON report has all."
    return told if parts else ""


def _kept(length: int, share: int) -> list[int]:
    """Which steps of a path are shown: the start, and more of the end, where the exit is decided."""
    head = share // 4
    return [index for index in range(length) if index < head or index >= length - (share - head)]


def _path(draft: Draft, example: Counterexample) -> tuple[Step, ...]:
    """The path up to the exit instruction and with it, which is where a flow has to end."""
    if draft.at is None or (example.path and example.path[-1].location.address == draft.at.address):
        return example.path
    return (*example.path, Step(draft.at, (), sentence(example.cause)))


def _flow(report: FileReport, example: Counterexample, kept: Sequence[tuple[int, Step]], length: int) -> Json:
    """A code flow of these steps, each with its number in the path of that length."""
    initial = {said(item.name): {"text": said(valued(item))} for item in example.inputs}
    flow: Json = {"locations": [_step(report, step, number, length) for number, step in kept]}
    if initial:
        flow["initialState"] = initial
    config = "/".join(example.config)
    return {"threadFlows": [flow], "message": {"text": said(f"{sentence(example.cause)} ({config}).")}}


def _step(report: FileReport, step: Step, index: int, length: int) -> Json:
    parts = [" ".join(step.location.text.split()), *([step.note] if step.note else [])]
    parts += [f"{change.name} = {hexa(change.after)}" for change in step.changes]
    state = {}
    for change in step.changes:
        known = meaning(change.name, change.after)
        state[said(change.name)] = {"text": said(hexa(change.after) + (f" ({known})" if known else ""))}
    at = location(report, step.location) | {"message": {"text": said("; ".join(parts))}}
    last = index == length - 1
    found: Json = {
        "location": at,
        "executionOrder": index + 1,
        "importance": "essential" if last else "important" if step.changes or step.note else "unimportant",
    }
    return found | ({"state": state} if state else {})


def _result(draft: Draft, places: dict[str, int], flows: tuple[Json, ...]) -> Json:
    rule = said(draft.rule)
    at: Json = {
        "physicalLocation": {
            "artifactLocation": {"uri": NOWHERE, "uriBaseId": ROOT},
            "region": {"startLine": 1},
        }
    }
    if draft.report is not None:
        at = location(draft.report, draft.at, draft.line)
    found: Json = {
        "ruleId": rule,
        "ruleIndex": places[rule],
        "level": draft.level,
        "message": {"text": draft.message},
        "locations": [at],
        # Code scanning looks at primaryLocationLineHash only; a name that does not follow the line serves it as well.
        "partialFingerprints": {
            "verifyExit/v1": draft.fingerprint,
            "primaryLocationLineHash": f"{draft.fingerprint}:1",
        },
    }
    if draft.properties:
        found["properties"] = draft.properties
    if draft.report is not None and draft.examples and (links := related(draft.report, draft.examples[0])):
        found["relatedLocations"] = links
    if flows:
        found["codeFlows"] = list(flows)
    if draft.suppressed:
        found["suppressions"] = [{"kind": "external", "status": "accepted", "justification": draft.suppressed}]
    return found


def _artifacts(run: Run) -> list[Json]:
    found: dict[str, Json] = {}
    for report in run.reports:
        at = artifact(report, report.input.path)
        entry: Json = {"location": at, "roles": ["analysisTarget"]}
        if report.input.sha256:
            entry["hashes"] = {"sha-256": said(report.input.sha256)}
        found.setdefault(at["uri"], entry)
    return list(found.values())


def _invocation(run: Run, left_out: str) -> Json:
    stopped = any(reason.code == "stopped" for report in run.reports for reason in report.reasons)
    failed = [report for report in run.reports if report.error is not None]
    found: Json = {"executionSuccessful": bool(run.reports) and not failed and not stopped}
    if run.gate is not None:
        found["exitCode"] = run.gate.exit_code
    told = [_told(report) for report in failed]
    told += [
        {"level": "error", "message": {"text": said("; ".join(line.strip() for line in disagreement(item)))}}
        for report in run.reports
        for item in report.disagreements
    ]
    if not run.reports or stopped:
        text = "The run was stopped: not every file was judged." if stopped else "No file was judged."
        told.append({"level": "error", "message": {"text": text}})
    if left_out:
        told.append({"level": "warning", "message": {"text": left_out}})
    if told:
        found["toolExecutionNotifications"] = told
    odd = [use for use in run.waivers if use.state != "used"]
    if odd:
        found["toolConfigurationNotifications"] = [
            {"level": "warning", "message": {"text": said(f"Waiver {use.waiver.id} is {use.state}.")}} for use in odd
        ]
    return found


def _told(report: FileReport) -> Json:
    code, text, _ = report.error or ("", "", 0)
    return {
        "level": "error",
        "message": {"text": said(f"{sentence(text)} [{code}].")},
        "locations": [location(report, None)],
        "associatedRule": {"id": NOT_JUDGED},
    }


def _properties(run: Run) -> Json:
    found: Json = {
        "verdict": worst_verdict(run.reports),
        "inputs": [
            {
                "uri": artifact(report, report.input.path)["uri"],
                "verdict": report.verdict,
                "contract": said(report.contract),
                "profile": said(report.profile),
                "configs": ["/".join(config) for config in in_order(report.configs)],
                "entries": [said(entry) for entry in report.entries],
                "command": said(report.command),
                "container": said(report.container),
            }
            for report in run.reports
        ],
        "assumptions": [
            {"id": said(item.id), "text": said(item.text), "source": said(item.source)}
            for item in all_assumptions(run.reports, sources=True)
        ],
        "trusted": {said(name): said(version) for report in run.reports for name, version in report.tool},
        "waivers": [
            {
                "id": said(use.waiver.id),
                "clause": said(use.waiver.clause),
                "fingerprint": said(use.waiver.fingerprint),
                "reason": said(use.waiver.reason),
                "owner": said(use.waiver.owner),
                "expires": said(use.waiver.expires),
                "state": use.state,
                "waived": use.waived,
            }
            for use in run.waivers
        ],
    }
    if run.gate is not None:
        baseline = run.gate.baseline
        found["gate"] = {"mode": run.gate.mode, "exitCode": run.gate.exit_code}
        if baseline is not None:
            found["gate"]["baseline"] = {"path": said(baseline.path), "sha256": said(baseline.sha256)}
    return found

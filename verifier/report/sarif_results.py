# SPDX-License-Identifier: BSD-2-Clause
"""What SARIF calls results: each violated, waived or open clause, each reason, each file that was not judged.

Code scanning shows no ``kind`` and heeds no suppression, so that what is unknown or waived is a result with a level of
its own. A ``Draft`` has everything but its code flows, which are added as far as the limits allow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from typing import Literal

from verifier.model import (
    ClauseResult,
    Config,
    Counterexample,
    FileReport,
    Input,
    Location,
    OutcomeView,
    Reason,
    Run,
    SiteResult,
    Status,
    Step,
)
from verifier.records import record
from verifier.report import fingerprint
from verifier.report.grouping import merged_reasons
from verifier.report.meaning import meaning, switch
from verifier.report.sarif_places import Json, link, location, said
from verifier.report.sarif_rules import NOT_JUDGED
from verifier.report.words import capital, configs_label, hexa, in_order, place, sentence, source

Level = Literal["error", "warning", "note"]

INPUTS = 8
"""Inputs of a counterexample that the message names; all of them are the first state of the code flow."""
BRANCHES = 20
"""Branches on the way that the message links to: the last ones, the exit is decided there."""

_LINE = re.compile(r":(\d{1,7}):")


@record
class Draft:
    """A result without its code flows. ``rank`` is its place when some have to be left out: 0 stays longest."""

    rank: int
    rule: str
    level: Level
    message: str
    report: FileReport | None
    at: Location | None
    fingerprint: str
    examples: tuple[Counterexample, ...] = ()
    suppressed: str = ""
    line: int = 1
    properties: Json = field(default_factory=dict)


def drafts(run: Run) -> list[Draft]:
    """Every result of the run in the order of the reports; at least one unless everything is proved."""
    found = [draft for report in run.reports for draft in _of_report(report)]
    if not run.reports:
        found.append(Draft(0, NOT_JUDGED, "error", "Nothing was verified: no file was judged.", None, None, "0" * 32))
    states = {finding.fingerprint: finding.state for finding in run.gate.findings} if run.gate is not None else {}
    return [
        replace(draft, properties=draft.properties | {"gate": states[draft.fingerprint]})
        if draft.fingerprint in states
        else draft
        for draft in found
    ]


def _of_report(report: FileReport) -> Iterator[Draft]:
    found = [*_errors(report), *_clauses(report), *_reasons(report)]
    yield from found
    if not found and report.verdict != "proved":
        text = f"{sentence(report.input.path)}: {report.verdict}, and the report does not say why."
        yield Draft(0, NOT_JUDGED, "error", said(text), report, None, fingerprint.of_error(report))


def _errors(report: FileReport) -> Iterator[Draft]:
    if report.error is None:
        return
    code, text, status = report.error
    found = _LINE.match(text[len(report.input.path) :]) if text.startswith(report.input.path) else None
    text = text.removeprefix(f"{report.input.path}: ")
    yield Draft(
        0,
        NOT_JUDGED,
        "error",
        said(f"{sentence(text)}. Nothing is known of this file [{code}]."),
        report,
        None,
        fingerprint.of_error(report),
        line=int(found[1]) if found else 1,
        properties={"code": said(code), "exitCode": status},
    )


def _clauses(report: FileReport) -> Iterator[Draft]:
    for site in report.sites:
        for clause, group in _groups(site, "violated").items():
            yield _violated(report, site, clause, group, 1, "error")
        for clause, group in _groups(site, "waived").items():
            if clause not in _groups(site, "violated"):  # else it counts, and the result above says where
                yield _violated(report, site, clause, group, 3, "note")
        if not report.reasons:  # else these say why, once for all clauses that they leave open
            yield from _open(report, site)


def _groups(site: SiteResult, status: Status) -> dict[str, list[ClauseResult]]:
    found: dict[str, list[ClauseResult]] = {}
    for clause in site.clauses:
        if clause.status == status:
            found.setdefault(clause.id, []).append(clause)
    return found


def _violated(
    report: FileReport, site: SiteResult, name: str, group: Sequence[ClauseResult], rank: int, level: Level
) -> Draft:
    """One clause at one site; counterexamples that differ only in the configuration are one."""
    examples: dict[Counterexample, Counterexample] = {}
    for clause in group:
        if clause.counterexample is not None:
            examples.setdefault(replace(clause.counterexample, config=("", "")), clause.counterexample)
    shown = tuple(examples.values())
    reason = next((clause.reason for clause in group if clause.reason), "")
    configs = in_order({config for clause in group for config in clause.configs})
    cause = sentence(shown[0].cause) if shown else reason or "violated"
    parts = [f"{said(cause)}."]
    if level == "note":
        parts.append(f"{said(capital(sentence(reason or 'waived')))}.")
    parts.append(f"{said(_where(report, site, configs))}.")
    for example in shown[:1]:
        parts += [f"{said(_inputs(example.inputs))}.", f"{said(_difference(example))}."]
        if not example.replayed:
            parts.append("The replay did not confirm this.")
        links = [link(_named(step, site.location), number) for number, step in enumerate(branches(example), 1)]
        if links:
            parts.append(f"Branches on the way: {', '.join(links)}.")
    properties = _about(report, site, configs) | ({"command": said(report.command)} if report.command else {})
    return Draft(
        rank,
        name,
        level,
        " ".join(parts),
        report,
        site.location,
        fingerprint.of_clause(report, site, name),
        shown,
        said(reason or "waived") if level == "note" else "",
        properties=properties,
    )


def _open(report: FileReport, site: SiteResult) -> Iterator[Draft]:
    """One result for all unknown clauses of a site that are open for one reason."""
    groups: dict[str, list[ClauseResult]] = {}
    for clause in site.clauses:
        if clause.status == "unknown":
            groups.setdefault(clause.reason or "no reason is given", []).append(clause)
    for reason, group in groups.items():
        names = list(dict.fromkeys(clause.id for clause in group))
        configs = in_order({config for clause in group for config in clause.configs})
        text = f"Not decided: {', '.join(names)}: {sentence(reason)}. {_where(report, site, configs)}."
        print_of = fingerprint.of_clause(report, site, names[0])
        about = _about(report, site, configs)
        yield Draft(2, names[0], "warning", said(text), report, site.location, print_of, properties=about)


def _reasons(report: FileReport) -> Iterator[Draft]:
    shown = any(clause.status == "waived" for site in report.sites for clause in site.clauses)
    for reason in merged_reasons(report):
        if reason.code == "waived" and shown:
            continue  # each waived clause is a result of its own
        text = f"{sentence(reason.text)}."
        if reason.location is not None:
            text += f" At {place(reason.location)}."
        if reason.remedy:
            text += f" To settle it: {sentence(reason.remedy)}."
        at = reason.location
        if at is None and report.sites:
            at = report.sites[0].location
        print_of = fingerprint.of_reason(report, _original(report, reason))
        yield Draft(2, reason.code, "warning", said(text), report, at, print_of)


def _original(report: FileReport, merged: Reason) -> Reason:
    """The first of the report's reasons that ``merged`` stands for: fingerprints are of these."""
    for reason in report.reasons:
        if (reason.code, reason.location, reason.remedy) == (merged.code, merged.location, merged.remedy):
            rest = reason.text.partition(": ")[2]
            if reason.text == merged.text or (rest and merged.text.endswith(f": {rest}")):
                return reason
    return merged


def _where(report: FileReport, site: SiteResult, configs: Sequence[Config]) -> str:
    where = f"{site.kind.upper()} at {place(site.location)}"
    if site.entry != site.location.symbol:
        where += f", reached from {site.entry}"
    label = configs_label(configs, report.configs)
    return f"{where} ({label})" if label else where


def _about(report: FileReport, site: SiteResult, configs: Sequence[Config]) -> Json:
    return {
        "kind": site.kind,
        "entry": said(site.entry),
        "address": hexa(site.location.address),
        "configs": ["/".join(config) for config in configs],
        "contract": said(report.contract),
        "profile": said(report.profile),
    }


def _inputs(inputs: Sequence[Input]) -> str:
    """The least inputs, the frame and the registers first: the order in which the report has them."""
    if not inputs:
        return "Every state that comes here fails"
    shown = ", ".join(map(chosen, inputs[:INPUTS]))
    more = len(inputs) - INPUTS
    return f"Least inputs: {shown}" + (f" and {more} more" if more > 0 else "")


def chosen(item: Input) -> str:
    """An input with its value and what that means."""
    return f"{item.name} {switch(item.value)}" if item.kind == "feature" else f"{item.name} = {valued(item)}"


def valued(item: Input) -> str:
    """The value of an input in hex, and what it means."""
    known = meaning(item.name, item.value)
    return hexa(item.value) + (f" ({known})" if known else "")


def _difference(example: Counterexample) -> str:
    """What differs between the two exits, or the obligation that failed on the way."""
    ours, theirs = example.sysret, example.iret
    parts = []
    for name in example.differs:
        if name in ("fault", "trap") or not any(item.name == name for item in (*ours.fields, *theirs.fields)):
            continue
        parts.append(f"{name} is {_field(ours, name)} after {ours.instruction.upper()}")
        parts[-1] += f" and {_field(theirs, name)} after {theirs.instruction.upper()}"
    if "fault" in example.differs or "trap" in example.differs:
        parts += [f"{outcome.instruction.upper()}: {_fate(outcome)}" for outcome in (ours, theirs)]
    named = {item.name for item in (*ours.fields, *theirs.fields)} | {"fault", "trap"}
    parts += [name for name in example.differs if name not in named]
    return f"Difference: {'; '.join(parts)}" if parts else "The two exits differ"


def _field(outcome: OutcomeView, name: str) -> str:
    value = next((item.value for item in outcome.fields if item.name == name), None)
    if value is None:
        return "not reached"
    known = meaning(name, value)
    return hexa(value) + (f" ({known})" if known else "")


def _fate(outcome: OutcomeView) -> str:
    return outcome.fault or outcome.trap or "enters user mode"


def branches(example: Counterexample) -> list[Step]:
    """The last conditional branches on the way to the exit."""
    return [step for step in example.path if step.note.endswith("taken")][-BRANCHES:]


def _named(step: Step, exit_: Location) -> str:
    """The branch by its line, with the file only if that is not the exit's."""
    at = step.location
    known = at.file is not None and at.line is not None and at.file == exit_.file
    return f"line {at.line} {step.note}" if known else f"{source(at)} {step.note}"


def related(report: FileReport, example: Counterexample) -> list[Json]:
    """The related locations that the message links to, numbered from 1."""
    return [
        location(report, step.location)
        | {"id": number, "message": {"text": said(f"{step.location.text}: {step.note}")}}
        for number, step in enumerate(branches(example), 1)
    ]

# SPDX-License-Identifier: BSD-2-Clause
"""From the answers of one site to its result: witness, counterexamples, and why anything stays open."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from verifier.confirm import Confirmation, confirm
from verifier.counterexample import Setting, build, concrete_machine, concrete_view, exit_facts, followed
from verifier.model import (
    ClauseResult,
    Config,
    Counterexample,
    Disagreement,
    Input,
    Location,
    Reason,
    SiteResult,
    Status,
    Verdict,
)
from verifier.prove import Answer, Path, SiteAnswers, exactness
from verifier.reasons import reason as reason_code
from verifier.recording import Recording
from verifier.terms import decided


@dataclass(slots=True)
class Findings:
    """What one site adds to a report."""

    site: SiteResult
    reasons: list[Reason]
    disagreements: list[Disagreement]


def site_result(
    setting: Setting, entry: str, paths: list[Path], answers: SiteAnswers, problems: list[Reason]
) -> Findings:
    """The result of one site that ``entry`` leads to, the reasons that it adds, and what contradicts itself.

    ``problems`` say why the exploration as a whole is open: nothing is proved then.
    """
    first = paths[0].leaf
    differ: list[Disagreement] = []
    witness, recording, reasons = _witness(setting, paths, answers, differ)
    clauses = _clause_results(setting, answers.answers, problems, witness is None, first.location, differ)
    statuses = {clause.status for clause in clauses}
    verdict: Verdict = "proved"
    if "violated" in statuses:
        verdict = "violated"
    elif "unknown" in statuses or witness is None or "proved" not in statuses:
        verdict = "inconclusive"
    for clause in clauses:
        if clause.status == "unknown" and not problems and witness is not None:
            code = next((a.code for a in answers.answers if a.clause.id == clause.id and a.code), None)
            code = code or (clause.reason or "").partition(": ")[0]
            code = code if reason_code(code) is not None else "approximation"
            text = f"{clause.id}: {clause.reason}"
            reasons.append(Reason(code, text, f"see `verify-exit explain {code}`", first.location))
    site = SiteResult(first.detail, first.location, entry, verdict, clauses, witness or (), recording=recording)
    return Findings(site, reasons, differ)


_Witness = tuple[tuple[Input, ...] | None, Recording | None, list[Reason]]


def _witness(setting: Setting, paths: list[Path], answers: SiteAnswers, differ: list[Disagreement]) -> _Witness:
    """A machine that takes this exit, replayed; None with a reason if there is none."""
    where = paths[0].leaf.location
    if not answers.reached:
        if answers.undecided:
            text = "the solver could not tell whether any machine takes this exit"
            return None, None, [Reason("solver-unknown", text, "raise --rlimit or --timeout", where)]
        text = "no machine that meets the contract takes this exit"
        return None, None, [Reason("vacuous", text, "mend the contradicting checks", where)]
    config = answers.reached[0]
    for path in paths:
        found = concrete_machine(setting, config, path.leaf.state.path)
        if found is None:
            continue
        model, inputs = found
        trace = followed(setting, model)
        view = concrete_view(path.view, model)
        facts = exit_facts(setting, config, path.leaf.state, path.reference, view, model)
        said = confirm(setting.image, setting.entry, trace, model, facts)
        if said.agrees:
            return inputs, said.recording, []
        if exactness(setting.entry.state.shared.layout.symbols):
            text = "a store whose address is not known may hit what decides here; no machine was confirmed"
            return None, None, [Reason("unresolved-store", f"{text}: {said.note}", "make the address follow", where)]
        text = f"the witness that takes this exit was not confirmed: {said.note}"
        if said.refused:
            remedy = f"see `verify-exit explain {said.refused}`"
            return None, None, [Reason(said.refused, text, remedy, where)]
        differ.append(Disagreement(where, "", config, said.problems, inputs, said.lifted, said.emulated))
        return None, None, [Reason("replay-disagrees", text, "report this", where)]
    text = "no machine that takes this exit was found within the limits that rests on no approximation"
    return None, None, [Reason("approximation", text, "see the other reasons", where)]


def _clause_results(
    setting: Setting,
    answers: tuple[Answer, ...],
    problems: list[Reason],
    no_witness: bool,
    where: Location,
    differ: list[Disagreement],
) -> tuple[ClauseResult, ...]:
    """Answers grouped by clause and outcome; proved becomes unknown where the exploration is open."""
    results: list[ClauseResult] = []
    by_clause: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_clause[answer.clause.id].append(answer)
    for identifier, group in by_clause.items():
        merged: dict[tuple[Status, str | None], list[Config]] = defaultdict(list)
        for answer in group:
            if answer.status == "violated":
                continue
            status: Status = answer.status
            reason = answer.reason
            if status == "proved" and (problems or no_witness):
                status = "unknown"
                reason = f"not every path was followed: {problems[0].text}" if problems else "no confirmed witness"
            merged[status, reason].append(answer.config)
        failed = [answer for answer in group if answer.status == "violated"]
        results += _violations(setting, identifier, failed, where, differ)
        for (status, reason), configs in merged.items():
            results.append(ClauseResult(identifier, status, tuple(configs), reason))
    return tuple(results)


def _violations(
    setting: Setting, identifier: str, answers: list[Answer], where: Location, differ: list[Disagreement]
) -> list[ClauseResult]:
    """Counterexamples, one for all configurations in which the same machine fails."""
    results: list[ClauseResult] = []
    found: list[tuple[Counterexample, Answer, list[Config]]] = []
    for answer in answers:
        same = next((row for row in found if _fails_too(setting, answer, row[0], row[1])), None)
        if same is not None:
            same[2].append(answer.config)
            continue
        match build(setting, answer):
            case Counterexample() as example:
                found.append((example, answer, [answer.config]))
            case None:
                text = "solver-unknown: the solver found no least machine"
                results.append(ClauseResult(identifier, "unknown", (answer.config,), text))
            case Confirmation() as said:
                code = said.refused or "replay-disagrees"
                if exactness(setting.entry.state.shared.layout.symbols):
                    code = "approximation"
                elif not said.refused:
                    one = Disagreement(where, identifier, answer.config, said.problems, (), said.lifted, said.emulated)
                    differ.append(one)
                results.append(ClauseResult(identifier, "unknown", (answer.config,), f"{code}: {said.note}"))
    for example, _, configs in found:
        results.append(ClauseResult(identifier, "violated", tuple(configs), None, example))
    return results


def _fails_too(setting: Setting, answer: Answer, example: Counterexample, first: Answer) -> bool:
    """Whether the machine that was found for ``first`` fails under this answer's configuration as well."""
    alike = len(answer.query) == len(first.query) and all(
        one is two for one, two in zip(answer.query, first.query, strict=True)
    )
    if alike and not _depends_on_cpu(setting, answer):
        return True
    other = build(setting, answer, example.inputs)
    return isinstance(other, Counterexample)


def _depends_on_cpu(setting: Setting, answer: Answer) -> bool:
    """Whether vendor or paging appear in the query: if not, what fails on one CPU fails on all."""
    names = {name for truth in answer.query if decided(truth) is None for name in truth.variables}
    entry = setting.entry
    deciding = entry.la57.variables | entry.amd.variables | entry.state.system["cr4"].variables
    return bool(names & deciding)

# SPDX-License-Identifier: BSD-2-Clause
"""From the answers of one site to its result: witness, counterexamples, and why anything stays open."""

from __future__ import annotations

from collections import defaultdict

from verifier.confirm import confirm
from verifier.counterexample import Setting, build, concrete_machine
from verifier.model import ClauseResult, Config, Counterexample, Input, Reason, SiteResult, Status, Verdict
from verifier.prove import Answer, Path, SiteAnswers, exactness
from verifier.terms import decided
from verifier.trace import follow


def site_result(
    setting: Setting, entry: str, paths: list[Path], answers: SiteAnswers, problems: list[Reason]
) -> tuple[SiteResult, list[Reason]]:
    """The result of one site that ``entry`` leads to, and the reasons that it adds.

    ``problems`` say why the exploration as a whole is open: nothing is proved then.
    """
    first = paths[0].leaf
    witness, reasons = _witness(setting, paths, answers)
    clauses = _clause_results(setting, answers.answers, problems, witness is None)
    statuses = {clause.status for clause in clauses}
    verdict: Verdict = "proved"
    if "violated" in statuses:
        verdict = "violated"
    elif "unknown" in statuses or witness is None or "proved" not in statuses:
        verdict = "inconclusive"
    for clause in clauses:
        if clause.status == "unknown" and not problems and witness is not None:
            code = next((a.code for a in answers.answers if a.clause.id == clause.id and a.code), "approximation")
            text = f"{clause.id}: {clause.reason}"
            reasons.append(Reason(code, text, f"see `verify-exit explain {code}`", first.location))
    return SiteResult(first.detail, first.location, entry, verdict, clauses, witness or ()), reasons


def _witness(
    setting: Setting, paths: list[Path], answers: SiteAnswers
) -> tuple[tuple[Input, ...] | None, list[Reason]]:
    """A machine that takes this exit, replayed; None with a reason if there is none."""
    where = paths[0].leaf.location
    if not answers.reached:
        if answers.undecided:
            text = "the solver could not tell whether any machine takes this exit"
            return None, [Reason("solver-unknown", text, "raise --rlimit or --timeout", where)]
        text = "no machine that meets the contract takes this exit"
        return None, [Reason("vacuous", text, "mend the contradicting checks", where)]
    for path in paths:
        found = concrete_machine(setting, answers.reached[0], path.leaf.state.path)
        if found is None:
            continue
        model, inputs = found
        after_call = setting.contract.interrupts_after_call.value
        trace = follow(
            setting.image, setting.entry, model, setting.solver, after_call, setting.bounds, setting.follow,
            setting.contract,
        )  # fmt: skip
        confirmation = confirm(setting.image, setting.entry, trace, model)
        if confirmation.agrees:
            return inputs, []
        if exactness(setting.entry.state.shared.layout.symbols):
            text = "a store whose address is not known may hit what decides here; no machine was confirmed"
            return None, [Reason("unresolved-store", f"{text}: {confirmation.note}", "make the address follow", where)]
        text = f"the witness that takes this exit was not confirmed: {confirmation.note}"
        return None, [Reason("replay-disagrees", text, "report this", where)]
    text = "every machine that takes this exit rests on an approximation"
    return None, [Reason("approximation", text, "see the other reasons", where)]


def _clause_results(
    setting: Setting, answers: tuple[Answer, ...], problems: list[Reason], no_witness: bool
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
        results += _violations(setting, identifier, [answer for answer in group if answer.status == "violated"])
        for (status, reason), configs in merged.items():
            results.append(ClauseResult(identifier, status, tuple(configs), reason))
    return tuple(results)


def _violations(setting: Setting, identifier: str, answers: list[Answer]) -> list[ClauseResult]:
    """Counterexamples, one for all configurations in which the same machine fails."""
    results: list[ClauseResult] = []
    found: list[tuple[Counterexample, Answer, list[Config]]] = []
    for answer in answers:
        same = next((row for row in found if _fails_too(setting, answer, row[0], row[1])), None)
        if same is not None:
            same[2].append(answer.config)
            continue
        example = build(setting, answer)
        if example is None or not example.replayed:
            note = example.replay_note if example is not None else "the solver found no least machine"
            text = f"replay-disagrees: {note}"
            results.append(ClauseResult(identifier, "unknown", (answer.config,), text, example))
        else:
            found.append((example, answer, [answer.config]))
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
    return other is not None and other.replayed


def _depends_on_cpu(setting: Setting, answer: Answer) -> bool:
    """Whether vendor or paging appear in the query: if not, what fails on one CPU fails on all."""
    names = {name for truth in answer.query if decided(truth) is None for name in truth.variables}
    entry = setting.entry
    deciding = entry.la57.variables | entry.amd.variables | entry.state.system["cr4"].variables
    return bool(names & deciding)

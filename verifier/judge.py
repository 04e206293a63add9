# SPDX-License-Identifier: BSD-2-Clause
"""Judge one entry: explore from it, find the references, prove every site that it reaches."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from verifier.counterexample import Setting, deciding_calls, pointing_callees
from verifier.coverage import code_ranges
from verifier.evidence import Gathered, of_entry, of_site, searched, watched
from verifier.explaining import insights
from verifier.exploring import KEYS, Exit, Survey, Task, by_site, clauses_of, compared, explore, without_slots
from verifier.lift.entry import build as build_entry
from verifier.lift.explore import Exploration, Explorer, Leaf
from verifier.model import Disagreement, Image, PathMap, Reason, SiteResult, UserError, address_of
from verifier.obligations import JUDGED, cr3_reference
from verifier.pathmap import path_map
from verifier.plan import Job, Way
from verifier.prove import Answer, SiteAnswers, prove_site
from verifier.results import site_result
from verifier.sites import Entrance
from verifier.solver import Solver
from verifier.terms import land, lnot


@dataclass(slots=True)
class Clock:
    """Wall time of each stage in seconds, for -v."""

    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    since: float = field(default_factory=time.monotonic)

    def lap(self, stage: str) -> None:
        """Book the time since the last lap to a stage."""
        now = time.monotonic()
        self.spent[stage] += now - self.since
        self.since = now


@dataclass(slots=True)
class Judgement:
    """What the entries of one image add up to."""

    clock: Clock
    sites: list[SiteResult] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    disagreements: list[Disagreement] = field(default_factory=list)
    evidence: Gathered = field(default_factory=Gathered)
    used: set[str] = field(default_factory=set)
    statistics: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    reached: set[int] = field(default_factory=set)
    places: set[int] = field(default_factory=set)
    maps: list[PathMap] = field(default_factory=list)
    surveys: list[Survey] = field(default_factory=list)

    def add(self, part: Judgement) -> None:
        """Count what a part found."""
        self.sites += part.sites
        self.reasons += part.reasons
        self.disagreements += part.disagreements
        self.evidence.add(part.evidence)
        self.used |= part.used
        self.reached |= part.reached
        self.places |= part.places
        self.maps += part.maps
        self.surveys += part.surveys
        for name, count in part.statistics.items():
            self.statistics[name] += count


MAX_FOLLOWED = 24
"""So many callees of a linked program are followed because what they return decides a clause."""


def judge_entry(task: Task, start: Entrance, whole: Judgement) -> None:
    """Add what one entry contributes. Raises UserError("frame-auto", exit code 2) if there is no reference.

    In a linked program a call stands for anything that its callee may do, until a
    register that it returns makes a clause fail: then that callee is followed as well.
    """
    follow: frozenset[int] | None = frozenset() if task.image.linked else None
    while True:
        part = Judgement(whole.clock)
        wanted = _attempt(task, start, part, follow)
        if follow is None or not wanted:
            break
        follow |= wanted
    whole.add(part)


def judge_job(task: Task, job: Job, whole: Judgement) -> tuple[Way, ...]:
    """Judge the entries of a job; gives those whose verdict counts."""
    if job.site is None:
        for way in job.ways:
            judge_entry(replace(task, contract=way.contract), way.entrance, whole)
        return job.ways
    whole.reached.add(job.site.address)
    if not job.ways:
        name = f"{job.site.mnemonic} at {job.site.address:#x}"
        text = f"no entry of {name} is known at which the contract holds: {job.problem}"
        whole.reasons.append(Reason("entry-unknown", text, "name it with --entry", task.locate(job.site)))
        return ()
    for way in job.ways:
        here = replace(task, contract=way.contract, only=job.site.address)
        judge_entry(here, way.entrance, whole)
    return job.ways


def _attempt(task: Task, start: Entrance, whole: Judgement, follow: frozenset[int] | None) -> frozenset[int]:
    """Judge one entry; gives further callees to follow, and then nothing that was found counts."""
    contract = without_slots(task.contract) if task.auto else task.contract
    entry = build_entry(task.image, contract, start.address, task.locate)
    solver = Solver(entry.constraints, task.budget)
    task.progress.stage(f"exploring from {start.name}")
    watching = watched(task.wanted, solver)
    explorer, found = explore(task, entry, watching, follow)
    whole.clock.lap("explore")
    shared = entry.state.shared
    problems = _problems(found, watching)
    if problems and follow is not None and len(follow) < MAX_FOLLOWED:
        wanted = pointing_callees(entry) - follow
        if wanted:
            return wanted
    whole.reasons += problems
    cr3, assumption = cr3_reference(found.leaves, entry, contract)
    if assumption is not None:
        shared.assumptions.add(assumption)
    setting = Setting(task.image, entry, contract, entry.constraints, entry.cr3, solver, task.bounds, task.auto)
    setting = replace(setting, follow=follow)
    code = code_ranges(task.image, explorer.executed)
    studied: list[Exit] = []
    exits = by_site(task, found.leaves)
    whole.reached |= {leaf.decoded.address for leaf in found.leaves if leaf.decoded.kind == "exit"}
    for number, where in enumerate(sorted(exits), 1):
        task.progress.stage(f"proving from {start.name}, exit", number, len(exits))
        leaves = exits[where]
        try:
            pair = compared(task, setting, explorer, leaves, cr3, watching)
        except UserError as error:
            if error.code == "frame-auto":
                raise
            lacking = "add the key to the contract, or choose a contract that has it"
            whole.reasons.append(Reason("not-modelled-exit", error.message, lacking, leaves[0].location))
            continue
        if pair is None:
            whole.reasons.append(_no_reference(leaves))
            continue
        here, paths, known = pair
        # A solver without the exploration's queries behind it: the two do not influence each other.
        judge = Solver(entry.constraints, task.budget)
        clauses = clauses_of(task, leaves[0].detail)
        answers = prove_site(
            paths, entry, clauses, task.configs, judge, known, task.bounds.deadline, contract.has_reference
        )
        whole.statistics["solver queries"] += judge.statistics.queries
        whole.clock.lap("prove")
        if follow is not None or task.only is not None:
            wanted, answers = _undecided(here, answers, follow)
            if wanted:
                return wanted
        whole.evidence.obligations += of_site(task.wanted, here, start, paths, clauses, task.configs, answers)
        found_here = site_result(here, start.name, paths, answers, problems)
        switches = _switch_names(task.image, explorer.executed)
        site = replace(found_here.site, code=code, switches=switches)
        studied.append(Exit(here, tuple(paths), tuple(clauses), answers, site))
        whole.reasons += found_here.reasons
        whole.disagreements += found_here.disagreements
        whole.clock.lap("explain")
        if task.wanted.challenge is not None:
            task.progress.stage(f"searching from {start.name}, exit", number, len(exits))
            for search in searched(task.wanted, here, site, paths, answers):
                whole.evidence.searches.append(search)
                whole.disagreements += search.divergences
            whole.clock.lap("challenge")
    survey = Survey(task, start, contract, setting, explorer, found, tuple(studied), tuple(problems))
    _explained(survey, whole)
    whole.evidence.obligations += of_entry(task.wanted, setting, start, found.leaves, problems, watching)
    if not problems and not any(leaves[0].detail in JUDGED for leaves in exits.values()):
        whole.reasons.append(_nothing_reached(task, start, explorer))
    whole.places |= explorer.executed.keys()
    whole.used |= shared.assumptions
    if any(switch.kind == "key" and switch.id in shared.switches for switch in task.image.switches):
        whole.used.add("static-keys-constant")
    if len(shared.layout.used - {"constant"}) > 1:
        whole.used |= {"regions-disjoint", "image-mapped"}
    for name, count in (
        ("instructions", found.steps), ("distinct instructions", len(explorer.executed)),
        ("joins", found.joins), ("forks", found.forks), ("leaves", len(found.leaves)),
        ("solver queries", solver.statistics.queries),
    ):  # fmt: skip
        whole.statistics[name] += count
    return frozenset()


def _explained(survey: Survey, whole: Judgement) -> None:
    """Add the exits of a survey with what was asked about them beside the verdict, and the map of the paths."""
    task, explorer = survey.task, survey.explorer
    # What is explored for an explanation must not look like something that the verdict rests on.
    used = set(survey.setting.entry.state.shared.assumptions)
    told = insights(survey)
    survey.setting.entry.state.shared.assumptions.intersection_update(used)
    whole.sites += told.sites
    whole.clock.lap("insights")
    if task.wanted.keep:
        whole.surveys.append(replace(survey, exits=told.exits))
    if task.wanted.listing:
        task.progress.stage(f"listing the paths from {survey.start.name}")
        found = survey.found.leaves
        whole.maps.append(
            path_map(
                task.image, survey.start.name, explorer.executed, explorer.edges, found, told.supports, task.locate
            )
        )
        whole.clock.lap("listing")


def _undecided(
    setting: Setting, answers: SiteAnswers, follow: frozenset[int] | None
) -> tuple[frozenset[int], SiteAnswers]:
    """Callees to follow before a violated answer counts; where that cannot be done it is unknown."""
    judged: list[Answer] = []
    for answer in answers.answers:
        calls = deciding_calls(setting, answer) if answer.status == "violated" else ()
        targets = setting.entry.state.shared.targets
        wanted = frozenset(targets[call] for call in calls if call in targets) - (follow or frozenset())
        if wanted and follow is not None and len(follow) < MAX_FOLLOWED:
            return wanted, answers
        if calls and (wanted or any(call not in targets for call in calls)):
            text = f"what {calls[0]} returns decides it, and that code is not followed"
            answer = replace(answer, status="unknown", code="callee-not-followed", reason=text)
        judged.append(answer)
    return frozenset(), replace(answers, answers=tuple(judged))


def _no_reference(leaves: list[Leaf]) -> Reason:
    """--frame auto found several IRET exits that disagree, or none that covers this site."""
    text = "--frame auto: the file's IRET exits do not give one reference for every machine that comes here"
    return Reason("approximation", text, f"write a contract with {KEYS}", leaves[0].location)


def _problems(found: Exploration, solver: Solver) -> list[Reason]:
    """Why the exploration as a whole decides nothing: open leaves, exits without a model, a cover gap."""
    reasons = [leaf.reason for leaf in found.leaves if leaf.reason is not None]
    for leaf in found.leaves:
        if leaf.kind == "exit" and leaf.detail not in (*JUDGED, "iretq"):
            text = f"{leaf.detail} is reached and has no model yet"
            reasons.append(Reason("not-modelled-exit", text, "let execution not get here", leaf.location))
    gap = solver.check(*(lnot(land(*leaf.state.path)) for leaf in found.leaves))
    if gap == "unknown":
        text = "the solver could not tell whether the paths found cover every state"
        reasons.append(Reason("solver-unknown", text, "raise --rlimit or --timeout"))
    elif gap == "sat":
        text = "the paths found do not cover every state that the contract admits"
        remedy = "this is a defect of the tool: report it"
        reasons.append(Reason("cover-gap", text, remedy))
    return reasons


def _switch_names(image: Image, executed: Iterable[int]) -> tuple[str, ...]:
    """What decides which code of the patch sites runs, among the instructions executed."""
    patches = {id(site): site for place in executed if (site := image.patch_at(address_of(place))) is not None}
    used = {choice.switch for site in patches.values() for choice in site.choices}
    return tuple(sorted(switch.name for switch in image.switches if switch.id in used and switch.value is None))


def _nothing_reached(task: Task, start: Entrance, explorer: Explorer) -> Reason:
    sites = [site for site in task.sites if task.only in (None, site.address)]
    text = f"no path from {start.name} reaches a SYSRET"
    if not sites:
        return Reason("no-sysret", f"{text}: the file has none", "verify the file that holds the exit path")
    graph = {address_of(place) for place in explorer.order.successors}
    if any(site.address in graph for site in sites):
        return Reason("vacuous", f"{text}: no machine meets the conditions on the way", "mend the contradicting checks")
    return Reason("no-sysret", text, "choose another --entry")


def unreached(task: Task, whole: Judgement) -> list[Reason]:
    """Sites that no entry leads to: nothing is known about them."""
    if any(reason.code in ("no-sysret", "vacuous") for reason in whole.reasons):
        return []
    return [
        Reason(
            "site-unreached",
            f"{site.mnemonic} at {site.address:#x} is not reached from any entry given",
            "name the entry that leads to it with --entry as well",
            task.locate(site),
        )
        for site in task.sites
        if site.address not in whole.reached
    ]

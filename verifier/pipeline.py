# SPDX-License-Identifier: BSD-2-Clause
"""One input from file to report: assemble, load, explore, prove, explain."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path

from verifier import __version__
from verifier.assemble import assemble, assembler_versions, read_input
from verifier.assumptions import collect
from verifier.clauses import of_profile
from verifier.confirm import confirm
from verifier.contract import Contract, load_contract
from verifier.counterexample import Setting, build, concrete_machine
from verifier.image import load_object
from verifier.lift.decode import BRANCHES, Decoded, ImmediateOperand
from verifier.lift.entry import Entry
from verifier.lift.entry import build as build_entry
from verifier.lift.explore import Bounds, Exploration, Explorer, Leaf
from verifier.listing import reader, with_source
from verifier.model import (
    ClauseResult,
    Config,
    Counterexample,
    Defect,
    FileReport,
    Image,
    Input,
    InputFile,
    Location,
    Reason,
    SiteResult,
    Status,
    UserError,
    Verdict,
)
from verifier.obligations import JUDGED, by_contract, cr3_reference, exit_view
from verifier.options import Options, command, from_words, resolve, with_header
from verifier.prove import Answer, SiteAnswers, prove_site
from verifier.prove import Path as SitePath
from verifier.sites import Entrance, entrances, sysret_sites
from verifier.solver import Budget, Solver
from verifier.source import SourceHeader, parse_header
from verifier.terms import land, lnot
from verifier.trace import follow

_TRUSTED = ("pyvex", "archinfo", "claripy", "z3-solver", "capstone", "unicorn")


@dataclass(slots=True)
class _Clock:
    """Wall time of each stage in seconds, for -v."""

    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    since: float = field(default_factory=time.monotonic)

    def lap(self, stage: str) -> None:
        """Book the time since the last lap to a stage."""
        now = time.monotonic()
        self.spent[stage] += now - self.since
        self.since = now


@dataclass(slots=True)
class _Judgement:
    """What the sites of one entry contribute to the report."""

    sites: list[SiteResult] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    statistics: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    reached: set[int] = field(default_factory=set)


def verify(path: Path, options: Options) -> FileReport:
    """Verify one file. Raises UserError for what the user can mend."""
    clock = _Clock()
    data = read_input(path)
    header = parse_header(data.decode("utf-8", "surrogateescape"), str(path)) if _is_source(path) else SourceHeader()
    from_header = with_header(from_words(header.args, str(path)), header.entries, header.contract)
    chosen = resolve(options, from_header)
    if chosen.contract is None or chosen.profile is None or chosen.configs is None:
        raise Defect("resolve() fills these in")
    contract = load_contract(chosen.contract, path.parent if options.contract is None else None)
    digest = hashlib.sha256(data).hexdigest()
    object_bytes = assemble(path, chosen.include_dirs, chosen.defines) if _is_source(path) else data
    image = load_object(object_bytes, str(path), digest)
    clock.lap("assemble")
    deadline = None if chosen.timeout is None else time.monotonic() + chosen.timeout
    budget = Budget(chosen.rlimit or 0, 0 if chosen.timeout is None else max(1, int(chosen.timeout * 1000)))
    whole = _Judgement()
    starts = entrances(image, chosen.entries)
    for start in starts:
        _judge_entry(
            image,
            contract,
            start,
            chosen.profile,
            chosen.configs,
            Bounds(deadline=deadline),
            budget,
            whole,
            clock,
        )
    whole.reasons += _unreached(image, whole)
    line_of = reader(path, data) if _is_source(path) else (lambda _: "")
    return FileReport(
        input=InputFile(str(path), digest),
        verdict=_verdict(whole),
        contract=contract.name,
        profile=chosen.profile,
        configs=chosen.configs,
        entries=tuple(start.name for start in starts),
        assumptions=collect(contract, whole.used),
        sites=tuple(with_source(site, line_of) for site in whole.sites),
        reasons=tuple(dict.fromkeys(whole.reasons)),
        tool=_tool(),
        command=command(str(path), options),
        statistics=tuple(sorted(whole.statistics.items())),
        timings=tuple(clock.spent.items()),
    )


def _is_source(path: Path) -> bool:
    return path.suffix in (".S", ".s")


@lru_cache(maxsize=1)
def _tool() -> tuple[tuple[str, str], ...]:
    return (
        ("verify-exit", __version__),
        *((name, version(name)) for name in _TRUSTED),
        *assembler_versions(),
    )


def _locator(image: Image) -> Callable[[Decoded], Location]:
    @cache
    def at(address: int, text: str) -> Location:
        named = image.symbol_before(address)
        line = image.line_at(address)
        return Location(
            address=address,
            symbol=named[0] if named else None,
            offset=named[1] if named else 0,
            file=line.file if line else None,
            line=line.line if line else None,
            text=text,
        )

    def text(decoded: Decoded) -> str:
        """The disassembly, with the target of a direct branch as symbol+offset."""
        for operand in decoded.operands:
            if isinstance(operand, ImmediateOperand) and decoded.mnemonic in BRANCHES - {"ret"}:
                target = _target(image, operand.value)
                return f"{decoded.text.rsplit(' ', 1)[0]} {target}"
        return decoded.text

    return lambda decoded: at(decoded.address, text(decoded))


def _target(image: Image, address: int) -> str:
    external, named = image.external_at(address), image.symbol_before(address)
    if external is not None:
        return external.name
    if named is None:
        return f"{address:#x}"
    return named[0] if not named[1] else f"{named[0]}+{named[1]:#x}"


def _judge_entry(
    image: Image,
    contract: Contract,
    start: Entrance,
    profile: str,
    configs: tuple[Config, ...],
    bounds: Bounds,
    budget: Budget,
    whole: _Judgement,
    clock: _Clock,
) -> None:
    entry = build_entry(image, contract, start.address, _locator(image))
    solver = Solver(entry.constraints, budget)
    explorer, found = _explore(image, entry, solver, contract, bounds)
    clock.lap("explore")
    shared = entry.state.shared
    by_site: dict[int, list[Leaf]] = defaultdict(list)
    for leaf in found.leaves:
        if leaf.kind == "exit":
            whole.reached.add(leaf.decoded.address)
            if leaf.detail in JUDGED:
                by_site[leaf.decoded.address].append(leaf)
    problems = _problems(found, entry, solver, whole)
    reference, assumption = cr3_reference(found.leaves, entry, contract)
    if assumption is not None:
        shared.assumptions.add(assumption)
    setting = Setting(
        image,
        entry,
        contract,
        entry.constraints,
        entry.cr3 if reference is None else reference,
        solver,
        bounds,
    )
    for address in sorted(by_site):
        try:
            paths = [_path(setting, leaf) for leaf in by_site[address]]
        except UserError as error:
            lacking = "add the key to the contract, or choose a contract that has it"
            whole.reasons.append(Reason("not-modelled-exit", error.message, lacking, by_site[address][0].location))
            continue
        # A solver without the exploration's queries behind it: it is faster, and the two do not influence each other.
        judge = Solver(entry.constraints, budget)
        answers = prove_site(paths, entry, of_profile(profile), configs, judge, reference is not None)
        clock.lap("prove")
        whole.sites.append(_site(setting, start, paths, answers, problems, whole))
        clock.lap("explain")
    if not by_site and not problems:
        whole.reasons.append(_nothing_reached(image, start, explorer))
    whole.used |= shared.assumptions
    if len(shared.layout.used - {"constant"}) > 1:
        whole.used |= {"regions-disjoint", "image-mapped"}
    for name, count in (
        ("instructions", found.steps), ("joins", found.joins), ("forks", found.forks),
        ("leaves", len(found.leaves)), ("solver queries", solver.statistics.queries),
    ):  # fmt: skip
        whole.statistics[name] += count


def _path(setting: Setting, leaf: Leaf) -> SitePath:
    reference = by_contract(leaf.state, setting.entry, setting.contract, setting.cr3_reference)
    return SitePath(leaf, reference, exit_view(leaf.detail, leaf.state, setting.entry, setting.contract, reference))


def _explore(
    image: Image, entry: Entry, solver: Solver, contract: Contract, bounds: Bounds
) -> tuple[Explorer, Exploration]:
    """Explore until no pointer turns out to be a stack after it was used as an unknown one."""
    layout = entry.state.shared.layout
    while True:
        layout.promoted = False
        layout.symbols.forget_approximations()
        explorer = Explorer(image, solver, contract.interrupts_after_call.value, bounds)
        found = explorer.run(entry.state.copy())
        if not layout.promoted:
            return explorer, found


def _problems(found: Exploration, entry: Entry, solver: Solver, whole: _Judgement) -> list[Reason]:
    """Why the exploration as a whole decides nothing: open leaves, exits without a model, a cover gap."""
    reasons = [leaf.reason for leaf in found.leaves if leaf.reason is not None]
    for leaf in found.leaves:
        if leaf.kind == "exit" and leaf.detail not in (*JUDGED, "iretq"):
            text = f"{leaf.detail} is reached and has no model yet"
            reasons.append(Reason("not-modelled-exit", text, "let execution not get here", leaf.location))
    gap = solver.check(*(lnot(land(*leaf.state.path)) for leaf in found.leaves))
    if gap != "unsat":
        text = "the paths found do not cover every state that the contract admits"
        remedy = "this is a defect of the tool, or the solver gave up: raise --rlimit and report it"
        reasons.append(Reason("cover-gap", text, remedy))
    whole.reasons += reasons
    return reasons


def _nothing_reached(image: Image, start: Entrance, explorer: Explorer) -> Reason:
    sites = sysret_sites(image)
    text = f"no path from {start.name} reaches a SYSRET"
    if not sites:
        return Reason("no-sysret", f"{text}: the file has none", "verify the file that holds the exit path")
    if any(site.address in explorer.order.successors for site in sites):
        return Reason("vacuous", f"{text}: no machine meets the conditions on the way", "mend the contradicting checks")
    return Reason("no-sysret", text, "choose another --entry")


def _unreached(image: Image, whole: _Judgement) -> list[Reason]:
    """Sites that no entry leads to: nothing is known about them."""
    if any(reason.code in ("no-sysret", "vacuous") for reason in whole.reasons):
        return []
    locate = _locator(image)
    return [
        Reason(
            "site-unreached",
            f"{site.mnemonic} at {site.address:#x} is not reached from any entry given",
            "name the entry that leads to it with --entry as well",
            locate(site),
        )
        for site in sysret_sites(image)
        if site.address not in whole.reached
    ]


def _site(
    setting: Setting,
    start: Entrance,
    paths: list[SitePath],
    answers: SiteAnswers,
    problems: list[Reason],
    whole: _Judgement,
) -> SiteResult:
    first = paths[0].leaf
    witness = _witness(setting, paths, answers, first, whole)
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
            whole.reasons.append(Reason(code, text, "see `verify-exit explain " + code + "`", first.location))
    return SiteResult(first.detail, first.location, start.name, verdict, clauses, witness or ())


def _witness(
    setting: Setting, paths: list[SitePath], answers: SiteAnswers, first: Leaf, whole: _Judgement
) -> tuple[Input, ...] | None:
    """A machine that takes this SYSRET, replayed; None (with a reason) if there is none."""
    if not answers.reached:
        text = "no machine that meets the contract takes this SYSRET"
        whole.reasons.append(Reason("vacuous", text, "mend the contradicting checks", first.location))
        return None
    config = answers.reached[0]
    for path in paths:
        found = concrete_machine(setting, config, path.conditions)
        if found is None:
            continue
        model, inputs = found
        trace = follow(
            setting.image, setting.entry, model, setting.solver,
            setting.contract.interrupts_after_call.value, setting.bounds,
        )  # fmt: skip
        confirmation = confirm(setting.image, setting.entry, trace, model)
        if confirmation.agrees:
            return inputs
        text = f"the witness that takes this SYSRET was not confirmed: {confirmation.note}"
        whole.reasons.append(Reason("replay-disagrees", text, "report this", first.location))
        return None
    text = "no witness for this SYSRET was found"
    whole.reasons.append(Reason("vacuous", text, "raise --rlimit", first.location))
    return None


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
    found: list[tuple[Counterexample, list[Config]]] = []
    for answer in answers:
        if any(_fails_too(setting, answer, example, configs) for example, configs in found):
            continue
        example = build(setting, answer)
        if example is None or not example.replayed:
            note = example.replay_note if example is not None else "the solver found no least machine"
            text = f"replay-disagrees: {note}"
            results.append(ClauseResult(identifier, "unknown", (answer.config,), text, example))
        else:
            found.append((example, [answer.config]))
    for example, configs in found:
        results.append(ClauseResult(identifier, "violated", tuple(configs), None, example))
    return results


def _fails_too(setting: Setting, answer: Answer, example: Counterexample, configs: list[Config]) -> bool:
    """Whether the same machine fails under this configuration as well; if so it is noted."""
    other = build(setting, answer, example.inputs)
    if other is None or not other.replayed:
        return False
    configs.append(answer.config)
    return True


def _verdict(whole: _Judgement) -> Verdict:
    verdicts = {site.verdict for site in whole.sites}
    if "violated" in verdicts:
        return "violated"
    if whole.reasons or not whole.sites or verdicts != {"proved"}:
        return "inconclusive"
    return "proved"

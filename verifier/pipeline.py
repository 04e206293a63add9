# SPDX-License-Identifier: BSD-2-Clause
"""One input from file to report: read, load, plan, explore, prove, explain."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from verifier.assumptions import collect
from verifier.contract import Contract
from verifier.evidence import certified, cross_checked, doubted, wanted, written
from verifier.exploring import Survey, Task
from verifier.inputs import Input, Loaded, loaded
from verifier.judge import Clock, Judgement, judge_job, unreached
from verifier.lift.explore import Bounds
from verifier.listing import reader, texts, with_source
from verifier.locations import Lines, locator
from verifier.model import Assumption, Defect, FileReport, InputFile, Reason, Verdict
from verifier.opening import Opened, opened, tool
from verifier.options import Options, command
from verifier.pathmap import merged, source_texts
from verifier.plan import plan
from verifier.progress import SILENT, Progress
from verifier.solver import Budget
from verifier.thunks import used

_TRUSTED = ("pyvex", "archinfo", "claripy", "z3-solver", "capstone", "unicorn")


def verify(path: Path, options: Options, progress: Progress = SILENT) -> FileReport:
    """Verify one file. Raises UserError for what the user can mend."""
    clock = Clock()
    # Before any work: a solver that is not there.
    wanted(str(path), "", options)
    progress.stage("reading")
    found = opened(path, options)
    clock.lap("assemble" if found.given.is_source else "read")
    return analysed(found, progress, clock)


def analysed(found: Opened, progress: Progress = SILENT, clock: Clock | None = None) -> FileReport:
    """Verify an input that is opened. Raises UserError."""
    clock = clock or Clock()
    image = loaded(found.given, found.code, found.chosen, found.contract)
    clock.lap("load")
    return examine(found.given, image, found.options, found.chosen, found.contract, progress, clock)


def surveyed(found: Opened, progress: Progress = SILENT) -> tuple[FileReport, tuple[Survey, ...]]:
    """The report of an opened input, and the explorations that it rests on, IRET exits included. Raises UserError."""
    ready = loaded(found.given, found.code, found.chosen, found.contract)
    return _examined(found.given, ready, found.options, found.chosen, found.contract, progress, Clock(), True)


def surveyed_image(
    given: Input, ready: Loaded, options: Options, chosen: Options, contract: Contract
) -> tuple[FileReport, tuple[Survey, ...]]:
    """The same for an image that is ready; as ``examine``."""
    return _examined(given, ready, options, chosen, contract, SILENT, Clock(), True)


def examine(
    given: Input,
    ready: Loaded,
    options: Options,
    chosen: Options,
    contract: Contract,
    progress: Progress = SILENT,
    clock: Clock | None = None,
) -> FileReport:
    """Verify an image that is ready; ``options`` are what the user told, ``chosen`` the complete ones."""
    return _examined(given, ready, options, chosen, contract, progress, clock or Clock(), False)[0]


def _examined(
    given: Input,
    ready: Loaded,
    options: Options,
    chosen: Options,
    contract: Contract,
    progress: Progress,
    clock: Clock,
    keep: bool,
) -> tuple[FileReport, tuple[Survey, ...]]:
    """The report, and with ``keep`` the explorations."""
    if chosen.profile is None or chosen.configs is None:
        raise Defect("resolve() fills these in")
    path, image = given.path, ready.image
    deadline = None if chosen.timeout is None else time.monotonic() + chosen.timeout
    budget = Budget(chosen.rlimit or 0, 0 if chosen.timeout is None else max(1, int(chosen.timeout * 1000)), deadline)
    whole = Judgement(clock)
    if used(image):
        whole.used.add("thunks")
    if not contract.patch_tables and any(
        section.name in contract.patch_sections and section.size for section in image.sections
    ):
        whole.used.add("unpatched-sites")
    whole.used |= set(ready.patching.notes)
    progress.stage("finding exits")
    todo = plan(image, chosen.entries, contract, given.is_source)
    clock.lap("entries")
    whole.reasons += todo.reasons
    if todo.automatic:
        whole.used |= {"entry-found", "no-indirect-entry"}
    task = Task(
        image=image,
        contract=contract,
        profile=chosen.profile,
        configs=chosen.configs,
        bounds=Bounds(deadline=deadline),
        budget=budget,
        locate=locator(image, Lines(image, ready.debug, str(path))),
        auto=chosen.frame == "auto",
        check_iret=chosen.check_iret,
        sites=todo.sites,
        progress=progress,
        wanted=replace(wanted(str(path), given.digest, chosen), keep=keep),
    )
    entries: list[str] = []
    contracts: dict[str, Contract] = {contract.name: contract} if not todo.automatic else {}
    try:
        for number, job in enumerate(todo.jobs, 1):
            if job.site is not None:
                progress.stage("exit", number, len(todo.jobs))
            ways = judge_job(task, job, whole)
            entries += [way.entrance.name for way in ways]
            contracts |= {way.contract.name: way.contract for way in ways}
        if not todo.jobs:
            text = "the file has no SYSRET and no SYSEXIT"
            whole.reasons.append(Reason("no-sysret", text, "verify the file that holds the exit path"))
        whole.reasons += unreached(task, whole)
    except KeyboardInterrupt:
        text = "the run was interrupted; what was found before stands"
        whole.reasons.append(Reason("stopped", text, "run it again"))
    whole.used |= set(ready.patching.assumptions(whole.places))
    assumptions = _assumptions(tuple(contracts.values()) or (contract,), whole.used)
    obligations = whole.evidence.obligations
    written(obligations, chosen.emit_smt2, [(one.id, one.text, one.source) for one in assumptions])
    certificates = certified(obligations, chosen.certificate, deadline, progress)
    asked = cross_checked(obligations, chosen.cross_check, deadline, progress)
    whole.reasons += asked.reasons
    whole.sites = [doubted(site, asked.doubted) for site in whole.sites]
    if obligations:
        clock.lap("cross-check")
    line_of = reader(path, given.data) if given.is_source else (lambda _: "")
    maps = merged(whole.maps)
    report = FileReport(
        input=InputFile(str(path), given.digest),
        verdict=_verdict(whole),
        contract=contract.name,
        profile=chosen.profile,
        configs=chosen.configs,
        entries=tuple(dict.fromkeys(entries)),
        assumptions=assumptions,
        sites=tuple(with_source(site, line_of) for site in whole.sites),
        reasons=tuple(dict.fromkeys(whole.reasons)),
        tool=tool(),
        command=command(str(path), options),
        statistics=tuple(sorted(whole.statistics.items())),
        timings=tuple(clock.spent.items()),
        container=ready.container,
        error=_error(whole),
        disagreements=tuple(whole.disagreements),
        searches=tuple(whole.evidence.searches),
        cross_checks=asked.summary,
        certificates=certificates,
        reference="auto" if chosen.frame == "auto" else "contract",
        check_iret=chosen.check_iret,
        maps=maps,
        sources=source_texts(maps, texts(path, given.data)) if given.is_source else (),
    )
    return report, tuple(whole.surveys)


def _assumptions(contracts: tuple[Contract, ...], used: set[str]) -> tuple[Assumption, ...]:
    """What the verdict rests on; exits of different kinds may have contracts of their own."""
    sources: dict[tuple[str, str], list[str]] = {}
    for contract in contracts:
        for one in collect(contract, used):
            known = sources.setdefault((one.id, one.text), [])
            if one.source not in known:
                known.append(one.source)
    return tuple(Assumption(name, text, "; ".join(listed)) for (name, text), listed in sorted(sources.items()))


def _verdict(whole: Judgement) -> Verdict:
    verdicts = {site.verdict for site in whole.sites}
    if "violated" in verdicts:
        return "violated"
    if whole.disagreements:
        return "error"
    if whole.reasons or not whole.sites or verdicts != {"proved"}:
        return "inconclusive"
    return "proved"


def _error(whole: Judgement) -> tuple[str, str, int] | None:
    """The internal error that a disagreement is, unless a confirmed violation outweighs it."""
    if not whole.disagreements or _verdict(whole) != "error":
        return None
    first = whole.disagreements[0]
    about = first.clause or "the witness"
    text = f"two ways of running one machine differ ({about}): {first.problems[0]}; nothing is claimed, report this"
    return "replay-disagrees", text, 70

# SPDX-License-Identifier: BSD-2-Clause
"""Evidence beside the verdict, if it was asked for: other solvers' answers and a search on the emulator.

Evidence takes away and never adds: an answer that differs, or none, makes what was proved unknown,
and a machine for which a proved clause is false is a disagreement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from verifier.model import (
    Certificates,
    Config,
    CrossCheck,
    Defect,
    Disagreement,
    Input,
    Location,
    Reason,
    Search,
    SiteResult,
)
from verifier.options import Options
from verifier.progress import Progress
from verifier.records import record

# What makes evidence is imported where it is asked for: most runs ask for none, and each import costs all of them.
if TYPE_CHECKING:
    from verifier.challenge import Divergence, Result
    from verifier.clauses import Clause
    from verifier.counterexample import Setting
    from verifier.crosscheck import Check
    from verifier.lift.explore import Leaf
    from verifier.obligation_text import Obligation, Subject
    from verifier.prove import Path, SiteAnswers
    from verifier.sites import Entrance
    from verifier.solver import Solver

_SEED = 1
"""The search is the same in every run."""
_EVERY_CLAUSE = ("cover", "steps", "reached")
"""Obligations on which everything that was proved rests."""
_SHOWN = 20


@record
class Wanted:
    """What was asked for of one input: ``challenge`` machines for each exit, ``obligations`` as text, a ``listing``.

    ``why``: what each guard is for; ``slack``: what SYSRET could do and IRET does. ``keep``: the explorations
    themselves.
    """

    path: str = ""
    sha256: str = ""
    profile: str = ""
    challenge: int | None = None
    obligations: bool = False
    listing: bool = False
    why: bool = False
    slack: bool = False
    keep: bool = False


NOTHING = Wanted()


def wanted(path: str, sha256: str, chosen: Options) -> Wanted:
    """What the options ask for. Raises UserError for a solver that is not known or not installed (exit code 2)."""
    if chosen.cross_check:
        from verifier.crosscheck import parse_solvers, require

        require(parse_solvers(",".join(chosen.cross_check)))
    texts = bool(chosen.cross_check or chosen.emit_smt2 or chosen.certificate)
    return Wanted(
        path,
        sha256,
        chosen.profile or "",
        chosen.challenge,
        texts,
        chosen.listing,
        chosen.why or chosen.listing,
        chosen.slack or chosen.listing,
    )


@dataclass(slots=True)
class Gathered:
    """What the entries of an input gave."""

    obligations: list[Obligation] = field(default_factory=list)
    searches: list[Search] = field(default_factory=list)

    def add(self, other: Gathered) -> None:
        """Count what another part found."""
        self.obligations += other.obligations
        self.searches += other.searches


def watched(want: Wanted, solver: Solver) -> Solver:
    """The solver for an exploration, of which the refuted queries become obligations."""
    if not want.obligations:
        return solver
    from verifier.obligation_text import Recorder

    return Recorder(solver)


def of_entry(
    want: Wanted,
    setting: Setting,
    start: Entrance,
    leaves: Sequence[Leaf],
    problems: Sequence[Reason],
    solver: Solver,
) -> Iterable[Obligation]:
    """The obligations of an exploration: that its paths cover everything, if they do, and what cut them short."""
    if not want.obligations:
        return
    from verifier.obligation_text import Recorder, cover_obligation, refuted_obligations

    if not isinstance(solver, Recorder):
        raise Defect("obligations need a solver that records")
    about = _about(want, setting, start)
    if not {reason.code for reason in problems} & {"cover-gap", "solver-unknown"}:
        yield cover_obligation(about, setting.entry, leaves)
    yield from refuted_obligations(about, setting.entry, solver.refuted)


def of_site(
    want: Wanted,
    setting: Setting,
    start: Entrance,
    paths: Sequence[Path],
    clauses: Iterable[Clause],
    configs: Sequence[Config],
    answers: SiteAnswers,
) -> Iterable[Obligation]:
    """The obligations of an exit."""
    if want.obligations:
        from verifier.obligation_text import site_obligations

        about = _about(want, setting, start)
        yield from site_obligations(about, paths, setting.entry, clauses, configs, answers)


def _about(want: Wanted, setting: Setting, start: Entrance) -> Subject:
    from verifier.obligation_text import Subject

    return Subject(want.path, want.sha256, start.name, start.address, setting.contract.name, want.profile)


def searched(
    want: Wanted, setting: Setting, site: SiteResult, paths: Sequence[Path], answers: SiteAnswers
) -> Iterable[Search]:
    """The search against what is proved of one exit."""
    proved: dict[Config, set[str]] = {}
    for clause in site.clauses:
        for config in clause.configs if clause.status == "proved" else ():
            proved.setdefault(config, set()).add(clause.id)
    if want.challenge is None or not proved:
        return
    from verifier.challenge import challenge, seeds_of

    claimed = {config: frozenset(names) for config, names in proved.items()}
    seeds = seeds_of(setting, answers.reached, paths)
    found = challenge(
        setting.contract,
        site.kind,
        site.location.address,
        seeds,
        claimed,
        want.challenge,
        _SEED,
        auto=setting.auto,
        deadline=setting.bounds.deadline,
    )
    yield _search(site, found)


def _search(site: SiteResult, found: Result) -> Search:
    return Search(
        location=site.location,
        entry=site.entry,
        machines=found.frames,
        judged=found.compared,
        paths=found.paths,
        ends=found.ends,
        clauses=found.judged,
        left_out=found.not_judged,
        divergences=tuple(_divergence(site.location, one) for one in found.divergences),
    )


def _divergence(where: Location, one: Divergence) -> Disagreement:
    from verifier.replay import replay
    from verifier.rerun import emulated_end

    names = (f"[{address:#x}]" for address, _ in one.request.read_back)
    end = emulated_end(replay(one.image, one.request), names)
    problem = f"{one.clause} was proved, and is false for a machine that the emulator ran ({one.note})"
    inputs = tuple(Input(change.name, change.after, "register") for change in one.inputs)
    return Disagreement(where, one.clause, one.config, (problem,), inputs, None, end)


@record
class Asked:
    """What other solvers said: a summary, the reasons that follow, and what is no longer proved.

    ``doubted`` has (address of the exit, clause), (None, "") for everything.
    """

    summary: tuple[CrossCheck, ...] = ()
    reasons: tuple[Reason, ...] = ()
    doubted: frozenset[tuple[int | None, str]] = frozenset()


def cross_checked(
    obligations: Sequence[Obligation], solvers: tuple[str, ...], deadline: float | None, progress: Progress
) -> Asked:
    """Ask the solvers every obligation."""
    if not solvers:
        return Asked()
    from verifier.crosscheck import Limits, check, parse_solvers

    names = parse_solvers(",".join(solvers))
    answers = check(
        obligations,
        names,
        Limits(deadline=deadline),
        lambda done, of: progress.stage("asking other solvers, obligation", done + 1, of),
    )
    summary = []
    for name in names:
        own = [one for one in answers if one.solver == name]
        agreed = sum(one.agrees for one in own)
        summary.append(CrossCheck(name, len(own), agreed, sum(one.disagrees for one in own)))
    bad = [one for one in answers if not one.agrees]
    remedy = "report a disagreement with the file that --emit-smt2 writes; for no answer, run without --cross-check"
    reasons = tuple(Reason("cross-check", one.sentence, remedy, one.obligation.location) for one in bad[:_SHOWN])
    return Asked(tuple(summary), reasons, frozenset(_doubt(one) for one in bad))


def _doubt(one: Check) -> tuple[int | None, str]:
    subject, place = one.obligation.subject, one.obligation.location
    return (None, "") if subject in _EVERY_CLAUSE or place is None else (place.address, subject)


def doubted(site: SiteResult, doubts: frozenset[tuple[int | None, str]]) -> SiteResult:
    """A site whose doubted clauses are no longer proved."""
    clauses = tuple(
        replace(clause, status="unknown", reason="cross-check: another solver does not confirm it")
        if clause.status == "proved" and doubts & {(None, ""), (site.location.address, clause.id)}
        else clause
        for clause in site.clauses
    )
    if clauses == site.clauses:
        return site
    return replace(site, clauses=clauses, verdict="inconclusive" if site.verdict == "proved" else site.verdict)


def written(obligations: Sequence[Obligation], directory: str | None, notes: Iterable[tuple[str, str, str]]) -> None:
    """Write the obligations, if that was asked for. Raises UserError("emit-smt2", exit code 2)."""
    if directory is not None:
        from verifier.obligation_files import assumption_notes, write

        lines = assumption_notes(notes)
        write(obligations, directory, {one.about.path: lines for one in obligations})


def certified(
    obligations: Sequence[Obligation], directory: str | None, deadline: float | None, progress: Progress
) -> Certificates | None:
    """Write a checked proof for each obligation that has one, if that was asked for.

    Raises UserError("certificate", exit code 2). What has none stays as it is: the proof of the solver.
    """
    if directory is None:
        return None
    from verifier.certificate.files import certify, write as write_certificates

    found = certify(
        obligations,
        deadline=deadline,
        progress=lambda done, of: progress.stage("looking for a certificate", done + 1, of),
    )
    write_certificates(found, directory)
    missing = tuple(f"{one.obligation.id}: {one.note}" for one in found if one.note)
    return Certificates(len(found), len(found) - len(missing), missing)

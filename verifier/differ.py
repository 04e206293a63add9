# SPDX-License-Identifier: BSD-2-Clause
"""What a change does to user space: two versions of an exit path, compared for every machine at once.

Both were explored from their entries, over symbols of one vocabulary (``verifier.alignment``). Each machine ends at
one end of BASE and at one of HEAD; every pair of ends that some machine reaches is compared. A difference is told
with a least machine that was followed, and run on the emulator, in both versions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from verifier.alignment import ASSUMPTIONS, Alignment, aligned
from verifier.counterexample import Setting
from verifier.ends import End, ends_of
from verifier.exploring import Survey
from verifier.insights import FULL, Comparison, Condition, Divergence, Interval, Side
from verifier.model import Config, FileReport, UserError
from verifier.pairing import paired
from verifier.progress import SILENT, Progress
from verifier.projection import conjunction, symbols_in, truth_of, values
from verifier.prove import config_condition, exactness
from verifier.records import record
from verifier.solver import Solver
from verifier.terms import Term, Truth, decided, eq, land, lnot, lor, select
from verifier.witness import witness

UNEXPLORED = ("entry-unknown", "site-undecided", "site-unreached", "stopped")
"""Reasons of a report for which there may be exits that were not compared."""

Surveyed = tuple[FileReport, tuple[Survey, ...]]


def compare(base: Surveyed, head: Surveyed, progress: Progress = SILENT) -> Comparison:
    """Compare two versions. Raises UserError("diff-contracts", exit code 2) if they are not held to the same."""
    same_terms(base, head)
    pairs, reasons = paired(base[1], head[1])
    found = _Found(reasons=list(reasons))
    if not pairs and not reasons:
        found.open("no entry of the two versions was explored")
    for side, (report, _) in (("BASE", base), ("HEAD", head)):
        if report.error is not None:
            found.open(f"{side}: {report.error[1]}")
        for reason in report.reasons:
            if reason.code in UNEXPLORED:
                found.open(f"{side}: {reason.text}")
    if base[0].configs != head[0].configs:
        found.reasons.append("the two versions are not verified for the same CPU configurations")
    configs = tuple(config for config in base[0].configs if config in head[0].configs)
    for number, (left, right) in enumerate(pairs, 1):
        progress.stage("comparing entry", number, len(pairs))
        _Pair(left, right, configs, found).compare()
    return _concluded(base[0], head[0], found)


def same_terms(base: Surveyed, head: Surveyed) -> None:
    """That both versions are held to one contract, and to the same kind of reference. Raises UserError."""
    one, other = base[0], head[0]
    text = f"{one.input.path} and {other.input.path}"
    if one.contract != other.contract:
        detail = f"{text} are held to different contracts, {one.contract} and {other.contract}"
        raise UserError("diff-contracts", f"{detail}; name one with --contract", 2)
    if one.reference != other.reference:
        detail = f"{text} are compared with different references, {one.reference} and {other.reference}"
        raise UserError("diff-contracts", f"{detail}; choose one with --frame", 2)
    known = {survey.task.contract.name: survey.task.contract for survey in base[1]}
    for survey in head[1]:
        contract = survey.task.contract
        if known.get(contract.name, contract) != contract:
            detail = f"{text}: the contract {contract.name} is not the same file for both"
            raise UserError("diff-contracts", f"{detail}; name one with --contract", 2)


@dataclass(slots=True)
class _Found:
    """What the pairs of entries add up to; ``assumed`` has ids."""

    divergences: list[Divergence] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    assumed: set[str] = field(default_factory=set)
    exits: int = 0

    def open(self, reason: str) -> None:
        """Something that keeps the comparison from being complete."""
        if reason not in self.reasons:
            self.reasons.append(reason)


@record
class _Meeting:
    """Machines that go to one end in BASE and to one in HEAD and differ there; ``holds`` is the condition."""

    base: End
    head: End
    holds: Truth


Kind = Literal["newly-fast", "newly-slow", "state", "elsewhere"]
_Class = tuple[Kind, bool, bool]
"""Kind of a divergence, whether it is visible, and whether HEAD is wrong."""


@record
class _Told:
    """What is said of the machines of one class; as in Divergence."""

    conditions: tuple[Condition, ...]
    exact: bool
    ranges: tuple[Interval, ...]
    ranges_exact: bool


MANY = 16
"""What depends on more inputs is not put into conditions."""
GAVE_UP = "the solver gave up within its limits"


class _Pair:
    """The comparison of one entry of BASE with one of HEAD."""

    def __init__(self, base: Survey, head: Survey, configs: tuple[Config, ...], found: _Found) -> None:
        self.base, self.head, self.found = base, head, found
        # Ends read memory, so that their symbols are there before they are aligned.
        left, right = ends_of(base), ends_of(head)
        self.joint: Alignment = aligned(base, head)
        self.base_ends = left
        self.head_ends = tuple(self._renamed(end) for end in right)
        entry = self.joint.entry
        self.solver = Solver(entry.constraints, base.task.budget)
        self.configs = {config: config_condition(entry, config) for config in configs}
        self.solver.assume(lor(*self.configs.values()))
        self.setting: Setting = replace(
            base.setting, entry=entry, constraints=entry.constraints, solver=self.solver, known=[]
        )
        self.classes: dict[_Class, list[_Meeting]] = {}

    def _renamed(self, end: End) -> End:
        rename = self.joint.head
        return replace(
            end,
            condition=rename(end.condition),
            fields=tuple((name, rename(term)) for name, term in end.fields),
            wrong=rename(end.wrong),
            rip=None if end.rip is None else rename(end.rip),
        )

    def compare(self) -> None:
        """Add what the pair contributes."""
        for survey, side in ((self.base, "BASE"), (self.head, "HEAD")):
            for problem in survey.problems:
                self.found.open(f"{side}, from {survey.start.name}: {problem.text}")
        for ends, survey, side in ((self.base_ends, self.base, "BASE"), (self.head_ends, self.head, "HEAD")):
            if not any(end.kind in ("fast", "iret") for end in ends):
                self.found.open(f"{side}: no path from {survey.start.name} leads to an exit")
        for left, right in self._meetings():
            self._assume(left, right)
            self._compared(left, right)
        for about, meetings in sorted(self.classes.items()):
            self._diverging(about, meetings)

    def _assume(self, left: End, right: End) -> None:
        """Note what the comparison of two ends rests on."""
        for end in (left, right):
            for term in (end.condition, *(term for _, term in end.fields)):
                for name in getattr(term, "variables", ()):
                    if name in self.joint.rests:
                        self.found.assumed.add(self.joint.rests[name])

    def _meetings(self) -> Iterator[tuple[End, End]]:
        """Every two ends that some machine goes to in the two versions."""
        for left in self.base_ends:
            # Ends exclude each other, but for those of a loop that stands for any number of turns.
            twins = [one for one in self.head_ends if one.condition is left.condition]
            if len(twins) == 1 and not any(one.kind == "loop" for one in self.head_ends):
                yield left, twins[0]
                continue
            rest = list(self.head_ends)
            while True:
                answer, model = self.solver.solve(
                    left.condition, *(lnot(one.condition) for one in self.head_ends if one not in rest)
                )
                if answer == "unsat":
                    break
                met = None if model is None else next((one for one in rest if model.holds(one.condition)), None)
                if met is None:
                    self.found.open(
                        GAVE_UP if answer == "unknown" else "the paths found in HEAD do not cover every machine of BASE"
                    )
                    break
                yield left, met
                rest.remove(met)

    def _compared(self, left: End, right: End) -> None:
        """Compare two ends that meet."""
        both = land(left.condition, right.condition)
        kinds = {left.kind, right.kind}
        if "problem" in kinds:
            for end, side in ((left, "BASE"), (right, "HEAD")):
                if end.kind == "problem":
                    self.found.open(f"{side} does not say where some machines go ({end.name}): these are not compared")
            return
        if "loop" in kinds:
            if kinds != {"loop"}:
                self.found.open("a loop without a constant trip count is not the same in both versions")
            return
        if kinds == {"other"} and left.name == right.name:
            self._handed_over(left, right, both)
            return
        differ = _differ(left, right)
        if kinds <= {"fast", "iret"} and (left.name == right.name or len(kinds) == 2):
            kind: Kind = "state" if left.name == right.name else "newly-fast" if right.kind == "fast" else "newly-slow"
            self._sort(kind, True, left, right, land(both, differ))
            if kind != "state":
                self._sort(kind, False, left, right, land(both, lnot(differ)))
            return
        self._sort("elsewhere", True, left, right, both)
        for end, other, side in ((left, right, "BASE"), (right, left, "HEAD")):
            if end.kind == "other" and other.kind != "other":
                self.found.open(f"{side} {end.name} where the other version exits; what is there is not analysed")

    def _handed_over(self, left: End, right: End, both: Truth) -> None:
        """Compare what code outside the analysis is given: where it differs, nobody knows what comes of it."""
        differ = _differ(left, right)
        answer, model = ("unsat", None) if decided(differ) is False else self.solver.solve(both, differ)
        if answer == "unsat":
            return
        if model is None:
            self.found.open(GAVE_UP)
            return
        names = [
            name
            for (name, one), (_, two) in zip(left.fields, right.fields, strict=True)
            if model.value(one) != model.value(two)
        ]
        self.found.open(f"{left.name}: what it is given differs in {', '.join(names)}, and it is not analysed")

    def _sort(self, kind: Kind, visible: bool, left: End, right: End, holds: Truth) -> None:
        """Put machines into their classes."""
        for wrong in (True, False):
            here = land(holds, right.wrong if wrong else lnot(right.wrong))
            if decided(here) is not False:
                self.classes.setdefault((kind, visible, wrong), []).append(_Meeting(left, right, here))

    def _diverging(self, about: _Class, meetings: Sequence[_Meeting]) -> None:
        """The divergences of one class: one for the configurations for which the same is told."""
        holds = lor(*(one.holds for one in meetings))
        ways = lor(*(land(one.base.condition, one.head.condition) for one in meetings))
        rip = _saved_rip(meetings)
        told: list[tuple[_Told, list[Config]]] = []
        for config, condition in self.configs.items():
            if not self._possible(condition, holds):
                continue
            with self.solver.scope():
                self.solver.assume(condition)
                same = next((configs for one, configs in told if self._as_told(one, holds, rip)), None)
                if same is None:
                    told.append((self._told(holds, ways, rip), same := []))
            same.append(config)
        for said, configs in told:
            self._tell(about, meetings, said, tuple(configs), holds)

    def _possible(self, condition: Truth, holds: Truth) -> bool:
        """Whether there is a machine under a configuration for which a difference holds, one that surely exists."""
        answer = self.solver.check(condition, holds)
        if answer == "sat":
            registry = self.joint.entry.state.shared.layout.symbols
            exact = exactness(registry, [*self.joint.entry.constraints, holds])
            if not exact or self.solver.check(condition, holds, *exact) == "sat":
                return True
            names = getattr(holds, "variables", frozenset[str]())
            origins = {one.origin for one in registry if one.otherwise is not None and one.name in names}
            self.found.open(f"they differ only with what an approximation admits: {', '.join(sorted(origins))}")
        elif answer == "unknown":
            self.found.open(GAVE_UP)
        return False

    def _told(self, holds: Truth, ways: Truth, rip: Term | None) -> _Told:
        """What is said of the machines for which a difference holds."""
        entry = self.joint.entry
        if len(symbols_in(entry, [holds])) > MANY:
            # Where what differs depends on so much, only the ways there can be read.
            said = conjunction(self.solver, ways, entry)
            return _Told(said.conditions, False, (), False)
        said = conjunction(self.solver, holds, entry)
        ranges = None if rip is None else values(self.solver, holds, rip, entry)
        if ranges is None or ranges.intervals == ((0, FULL),):
            return _Told(said.conditions, said.exact, (), ranges is not None)
        return _Told(said.conditions, said.exact, ranges.intervals, ranges.exact)

    def _as_told(self, told: _Told, holds: Truth, rip: Term | None) -> bool:
        """Whether the same can be said under another configuration as well."""
        if any(one.kind == "other" for one in told.conditions):
            return False
        said = land(*(truth_of(one, self.joint.entry) for one in told.conditions))
        if self.solver.check(holds, lnot(said)) != "unsat":
            return False
        if told.exact:
            return self.solver.check(said, lnot(holds)) == "unsat"
        if not told.ranges:
            return True
        ranges = None if rip is None else values(self.solver, holds, rip, self.joint.entry)
        return ranges is not None and (ranges.intervals, ranges.exact) == (told.ranges, told.ranges_exact)

    def _tell(
        self, about: _Class, meetings: Sequence[_Meeting], said: _Told, configs: tuple[Config, ...], holds: Truth
    ) -> None:
        """Add a divergence with its machine, which has to bear it out."""
        kind, visible, wrong = about
        query = [meetings[0].holds] if len(meetings) == 1 else [holds]
        found = witness(self.setting, self.joint, self.base, self.head, configs[0], query)
        if isinstance(found, str):
            self.found.open(f"from {self.base.start.name}: {found}")
            return
        ends = {(one.base.name, one.head.name) for one in meetings}
        if (found.base_end, found.head_end) not in ends or found.wrong != wrong:
            self.found.open(
                f"from {self.base.start.name}: the machine that was found does something else when it is followed"
            )
            return
        if kind != "elsewhere" and bool(found.differs) != visible:
            self.found.open(
                f"from {self.base.start.name}: the machine that was found does not differ when it is followed"
            )
            return
        self.found.divergences.append(
            Divergence(
                kind, configs, visible, wrong, said.conditions, said.exact, said.ranges, said.ranges_exact,
                found.inputs, found.base, found.head, found.base_end, found.head_end, found.differs,
            )
        )  # fmt: skip


def _differ(left: End, right: End) -> Truth:
    """That two ends do not give the same."""
    there = dict(right.fields)
    return lor(*(lnot(eq(one, there[name])) for name, one in left.fields if name in there and one is not there[name]))


def _saved_rip(meetings: Sequence[_Meeting]) -> Term | None:
    """The saved RIP of machines that differ; None where there is none."""
    found: Term | None = None
    for one in meetings:
        rip = one.head.rip if one.head.rip is not None else one.base.rip
        if rip is None:
            return None
        found = rip if found is None or found is rip else select(one.holds, rip, found, 64)
    return found


def _concluded(base: FileReport, head: FileReport, found: _Found) -> Comparison:
    """What all pairs of entries come to."""
    one, other = _side(base), _side(head)
    wrong = any(divergence.wrong for divergence in found.divergences)
    status: Literal["equivalent", "safe", "unsafe", "inconclusive"]
    if found.divergences and (wrong or other.verdict == "violated"):
        status = "unsafe"
    elif found.reasons or other.verdict == "error":
        status = "inconclusive"
    elif not found.divergences:
        status = "equivalent"
    elif other.verdict == "proved":
        status = "safe"
    else:
        found.open(f"HEAD is {other.verdict}: {head.reasons[0].text if head.reasons else 'see its own report'}")
        status = "inconclusive"
    assumptions = tuple((name, ASSUMPTIONS[name]) for name in sorted(found.assumed))
    return Comparison(one, other, status, tuple(found.divergences), tuple(found.reasons), assumptions)


def _side(report: FileReport) -> Side:
    violated = [clause.id for site in report.sites for clause in site.clauses if clause.status == "violated"]
    return Side(
        report.input.path,
        report.input.sha256,
        ", ".join(report.entries),
        report.verdict,
        tuple(dict.fromkeys(violated)),
    )

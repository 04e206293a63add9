# SPDX-License-Identifier: BSD-2-Clause
"""What is said of machines for which two versions differ: conditions, ranges, and a least machine that bears it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from verifier.alignment import Alignment
from verifier.counterexample import Setting
from verifier.ends import End
from verifier.exploring import Survey
from verifier.insights import FULL, Condition, Divergence, Interval
from verifier.model import Config
from verifier.projection import conjunction, every_value, symbols_in, truth_of
from verifier.prove import exactness
from verifier.records import record
from verifier.solver import Solver
from verifier.terms import Term, Truth, land, lnot, lor, select
from verifier.witness import witness


@dataclass(slots=True)
class Found:
    """What the pairs of entries add up to; ``assumed`` has ids."""

    divergences: list[Divergence] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    assumed: set[str] = field(default_factory=set)

    def open(self, reason: str) -> None:
        """Something that keeps the comparison from being complete."""
        if reason not in self.reasons:
            self.reasons.append(reason)


@record
class Meeting:
    """Machines that go to one end in BASE and to one in HEAD and differ there; ``holds`` is the condition.

    Not ``judged``: whether HEAD is right cannot be told for all of them.
    """

    base: End
    head: End
    holds: Truth
    judged: bool = True


Kind = Literal["newly-fast", "newly-slow", "state", "elsewhere"]
Class = tuple[Kind, bool, bool]
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


@record
class Sides:
    """Two versions from one entry: both explorations, their common vocabulary, and what the solver is asked there.

    ``entry`` is what a divergence calls it.
    """

    base: Survey
    head: Survey
    joint: Alignment
    solver: Solver
    setting: Setting
    configs: Mapping[Config, Truth]
    entry: str


class Divergences:
    """Puts classes of machines that differ into divergences."""

    def __init__(self, sides: Sides, found: Found) -> None:
        self.base, self.head, self.joint = sides.base, sides.head, sides.joint
        self.solver, self.setting, self.configs, self.found = sides.solver, sides.setting, sides.configs, found
        self.entry = sides.entry

    def tell(self, about: Class, meetings: Sequence[Meeting]) -> None:
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
        ranges = None if rip is None else every_value(self.solver, holds, rip, entry)
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
        ranges = None if rip is None else every_value(self.solver, holds, rip, self.joint.entry)
        return ranges is not None and (ranges.intervals, ranges.exact) == (told.ranges, told.ranges_exact)

    def _tell(
        self, about: Class, meetings: Sequence[Meeting], said: _Told, configs: tuple[Config, ...], holds: Truth
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
                self.entry, about[2] or all(one.judged for one in meetings),
            )
        )  # fmt: skip


def _saved_rip(meetings: Sequence[Meeting]) -> Term | None:
    """The saved RIP of machines that differ; None where there is none."""
    found: Term | None = None
    for one in meetings:
        rip = one.head.rip if one.head.rip is not None else one.base.rip
        if rip is None:
            return None
        found = rip if found is None or found is rip else select(one.holds, rip, found, 64)
    return found

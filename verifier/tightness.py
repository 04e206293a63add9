# SPDX-License-Identifier: BSD-2-Clause
"""How much of what SYSRET could do an exit leaves to IRET, guard by guard.

A machine is lost if it takes IRET although at the exit, which it would reach with some guards off, every clause would
hold: SYSRET would give user space exactly what IRET gives it. Each guard is asked about alone, with all others on;
then what only several together turn away. Ordinary frames decide; of what is lost only among others a guard is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from verifier.exploring import Exit, Survey
from verifier.freed import Freed
from verifier.insights import Lost, Slack
from verifier.lift.entry import Entry
from verifier.lift.explore import Leaf
from verifier.lostwords import Words
from verifier.model import Config, Location
from verifier.obligations import JUDGED
from verifier.prove import config_condition, exactness
from verifier.settling import settled
from verifier.solver import Solver
from verifier.terms import Truth, as_term, decided, eq, land, lnot, lor
from verifier.turnedaway import (
    TurnedAway,
    Way,
    any_lost,
    any_right,
    guards_met,
    slow_leaves,
    turned_away,
    ways_of,
)

_Found = Literal["some", "none", "unknown", "approximate"]
_WHY = {
    "unknown": "the solver gave up within its limits",
    "approximate": "whether there is such a machine depends on what an approximation admits",
}


def slack(survey: Survey, free: Freed, exit_: Exit) -> Slack:
    """Whether the guards in front of a fast exit turn away machines for which SYSRET would do what IRET does."""
    setting = exit_.setting
    if exit_.site.kind not in JUDGED:
        return Slack("unknown", "the exit is an IRET", ())
    if not setting.auto and not setting.contract.has_reference:
        return Slack("unknown", "the contract has no frame: nothing says what IRET would do", ())
    return _Search(survey, free, exit_).answer()


@dataclass(slots=True)
class _Search:
    """The search for one exit. ``doubts`` say why something may be missing in what was found."""

    survey: Survey
    free: Freed
    exit_: Exit
    solver: Solver = field(init=False)
    entry: Entry = field(init=False)
    ways: list[Way] = field(init=False)
    places: list[int] = field(init=False)
    words: Words = field(init=False)
    doubts: list[str] = field(default_factory=list)
    more: bool = False

    def __post_init__(self) -> None:
        task = self.survey.task
        self.entry = self.exit_.setting.entry
        self.solver = Solver(self.entry.constraints, task.budget, apart=True)
        self.solver.assume(self._under(task.configs))
        self.ways = ways_of(self.survey, self.free, self.exit_)
        self.places = guards_met(self.free, self.ways)
        self.words = Words(self.survey, self.free, self.exit_, self.solver)

    def _under(self, configs: Sequence[Config]) -> Truth:
        return lor(*(config_condition(self.entry, config) for config in configs))

    def answer(self) -> Slack:
        """The answer for this exit."""
        lost: list[Lost] = []
        alone: list[TurnedAway] = []
        if self._found(any_lost(self.ways, True)) != "none":
            for place in self.places:
                one = turned_away(self.free, self.ways, (place,), True)
                told = self._told(one, True)
                lost += told
                alone += [one] if told else []
            lost += self._together(alone)
        losing = {place for one in alone for place in one.places}
        beside: list[Lost] = []
        for place in self.places:
            if place not in losing:
                beside += self._told(turned_away(self.free, self.ways, (place,), False), False)
        self._look_elsewhere()
        reason = self.doubts[0] if self.doubts else ""
        if lost:
            told_more = "other guards turn away machines together as well" if self.more else ""
            return Slack("slack", f"there may be more: {reason}" if reason else told_more, (*lost, *beside))
        if reason:
            return Slack("unknown", reason, tuple(beside))
        if beside:
            reason = "for frames as a CPU writes them; others differ from these in bits that neither instruction loads"
        return Slack("exact", reason, tuple(beside))

    def _found(self, *query: Truth) -> _Found:
        """Whether there surely is such a machine."""
        answer, model = self.solver.solve(*query)
        if answer != "sat" or model is None:
            return "none" if answer == "unsat" else "unknown"
        layout = self.entry.state.shared.layout
        links = (eq(term, as_term(place, 64)) for term, place in layout.externals.values())
        exact = (*exactness(layout.symbols, query), *links)
        if all(map(model.holds, exact)):
            return "some"
        surely = self.solver.check(*query, *exact)
        return "some" if surely == "sat" else "unknown" if surely == "unknown" else "approximate"

    def _doubt(self, found: _Found) -> None:
        if found in _WHY:
            self.doubts.append(_WHY[found])

    # One guard, or several as one.

    def _told(self, one: TurnedAway, ordinary: bool) -> list[Lost]:
        """What is lost to these guards, once for each answer that the CPU configurations give."""
        found = self._found(one.lost)
        if found != "some":
            # What other frames lose is told where it is known, and changes no answer.
            if ordinary:
                self._doubt(found)
            return []
        told: list[Lost] = []
        for configs in self._alike(one):
            with self.solver.scope():
                self.solver.assume(self._under(configs))
                lost = self.words.lost(one, configs, ordinary)
            if lost is None:
                self._doubt("unknown")
                continue
            for index, other in enumerate(told):
                if replace(other, configs=lost.configs, example=lost.example) == lost:
                    both = frozenset((*other.configs, *lost.configs))
                    in_order = tuple(config for config in self.survey.task.configs if config in both)
                    told[index] = replace(other, configs=in_order)
                    break
            else:
                told.append(lost)
        return told

    def _alike(self, one: TurnedAway) -> list[list[Config]]:
        """The configurations in which something is lost, together where it is the same."""
        groups: list[tuple[Truth, list[Config]]] = []
        for config in self.survey.task.configs:
            condition = config_condition(self.entry, config)
            found = self._found(one.lost, condition)
            if found != "some":
                self._doubt(found)
                continue
            fixed = {"cpu.amd": as_term(config[0] == "amd", 1), "cpu.la57": as_term(config[1] == "la57", 1)}
            here = settled(one.lost, fixed)
            for other, configs in groups:
                differ = lor(land(here, lnot(other)), land(other, lnot(here)))
                if here is other or self.solver.check(self._under((config, configs[0])), differ) == "unsat":
                    configs.append(config)
                    break
            else:
                groups.append((here, [config]))
        return [configs for _, configs in groups]

    # Several guards, and what is not known.

    def _together(self, alone: Sequence[TurnedAway]) -> list[Lost]:
        """What is lost only with several guards off: to one least set of them."""
        if any(not one.plain for one in alone):
            self.doubts.append("a guard is met too often to tell what several of them turn away together")
            return []
        beside = land(*(lnot(one.lost) for one in alone))
        left = [any_lost(self.ways, True), beside]
        found = self._found(*left)
        if found != "some":
            self._doubt(found)
            return []
        uses, losing = self.free.switches.uses, {one.places[0] for one in alone}
        on: list[int] = []
        # Of guards that lose something alone much is told already: others are of more interest.
        for place in sorted(self.places, key=lambda place: (place not in losing, -place)):
            if self._found(*left, *(uses[other] for other in (*on, place))) == "some":
                on.append(place)
        one = turned_away(self.free, self.ways, [place for place in self.places if place not in on], True)
        one = replace(one, lost=land(one.lost, beside))
        told = self._told(one, True)
        rest = self._found(*left, lnot(one.lost)) if one.plain else "unknown"
        self._doubt(rest)
        self.more = rest == "some"
        return told

    def _look_elsewhere(self) -> None:
        """Doubt what was found where something is not known."""
        self.doubts += [reason.text for reason in self.survey.problems[:1]]
        leaving = [leaf for leaf in self.survey.found.leaves if self._is_open(leaf)]
        leaf = self._first(leaving, any_right(self.ways))
        if leaf is not None:
            self.doubts.append(f"machines leave the analysed code at {_at(leaf.location)}, perhaps for an IRET")
        slow = lor(*(land(*leaf.state.path) for leaf in slow_leaves(self.survey)))
        leaf = self._first(self.free.stray, slow)
        if leaf is not None:
            self.doubts.append(f"with a guard off machines get to {_at(leaf.location)}, where nothing is known")

    def _first(self, leaves: Sequence[Leaf], truth: Truth) -> Leaf | None:
        """The first of the leaves that a machine may come to for which the truth holds."""
        if decided(lor(*(land(*leaf.state.path) for leaf in leaves))) is False:
            return None
        with self.solver.scope():
            self.solver.assume(truth)
            return next((leaf for leaf in leaves if self.solver.check(*leaf.state.path) != "unsat"), None)

    def _is_open(self, leaf: Leaf) -> bool:
        """Whether a machine may leave by IRET behind a leaf."""
        if leaf.kind == "external":
            return leaf.detail not in self.exit_.setting.contract.no_return
        return leaf.kind in ("return", "aside", "problem")


def _at(location: Location) -> str:
    return f"{location.file}:{location.line}" if location.line else f"{location.symbol}+{location.offset:#x}"

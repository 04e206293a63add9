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

from verifier.counterexample import concrete_machine
from verifier.exploring import Exit, Survey
from verifier.freed import Freed
from verifier.insights import Condition, Interval, Lost, Slack
from verifier.lift.entry import Entry
from verifier.lift.explore import Leaf
from verifier.model import Config, Location
from verifier.obligations import JUDGED
from verifier.outcomes import SYSRET_RFLAGS
from verifier.projection import conjunction, truth_of, values
from verifier.prove import config_condition, exactness
from verifier.settling import settled
from verifier.solver import Model, Solver
from verifier.terms import Term, Truth, as_term, decided, eq, land, lnot, lor, mask
from verifier.turnedaway import (
    WRITTEN_RFLAGS,
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
    doubts: list[str] = field(default_factory=list)
    more: bool = False

    def __post_init__(self) -> None:
        task = self.survey.task
        self.entry = self.exit_.setting.entry
        self.solver = Solver(self.entry.constraints, task.budget)
        self.solver.assume(self._under(task.configs))
        self.ways = ways_of(self.survey, self.free, self.exit_)
        self.places = guards_met(self.free, self.ways)

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
                lost = self._lost(one, configs, ordinary)
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

    def _lost(self, one: TurnedAway, configs: Sequence[Config], ordinary: bool) -> Lost | None:
        """What is lost under these configurations, which are alike; None if no example can be made."""
        machine = concrete_machine(self.exit_.setting, configs[0], (one.lost,))
        if machine is None:
            return None
        symbols = self.entry.state.shared.layout.symbols
        sure = one.plain and not exactness(symbols, (one.lost, one.through))
        said = () if ordinary else self._junk(machine[0])
        conditions, exact = self._kept(one, said, sure)
        if not exact:
            conditions, exact = self._kept(
                one, (*conjunction(self.solver, one.lost, self.entry).conditions, *said), sure
            )
        ranges, ranges_exact = self._ranges(one, sure) if ordinary else ((), False)
        return Lost(
            guards=tuple(self.survey.task.locate(self.free.explorer.executed[place]) for place in one.places),
            configs=tuple(configs),
            ordinary=ordinary,
            conditions=conditions,
            exact=exact,
            ranges=ranges,
            ranges_exact=ranges_exact,
            example=machine[1],
        )

    def _kept(self, one: TurnedAway, said: Sequence[Condition], sure: bool) -> tuple[tuple[Condition, ...], bool]:
        """Of conditions, those that tell what is lost from what else the remaining guards let through.

        And whether they tell all of it.
        """
        kept = [each for each in dict.fromkeys(said) if each.kind != "other"]
        kept = [each for each in kept if self._follows(one.lost, [], each)]
        for index in reversed(range(len(kept))):
            rest = [*kept[:index], *kept[index + 1 :]]
            shorter = self._shorter(one.through, rest, kept[index])
            kept = [*kept[:index], *([] if shorter is None else [shorter]), *kept[index + 1 :]]
        exact = sure and self.solver.check(one.through, *self._truths(kept), lnot(one.lost)) == "unsat"
        vague = [] if exact else [each for each in said if each.kind == "other"]
        return (*kept, *vague), exact

    def _truths(self, conditions: Sequence[Condition]) -> list[Truth]:
        return [truth_of(each, self.entry) for each in conditions]

    def _follows(self, premise: Truth, conditions: Sequence[Condition], conclusion: Condition) -> bool:
        said = self._truths([conclusion])[0]
        return self.solver.check(premise, *self._truths(conditions), lnot(said)) == "unsat"

    def _shorter(self, premise: Truth, rest: Sequence[Condition], condition: Condition) -> Condition | None:
        """A condition without the bits that follow from the premise and the rest; None if all of it follows."""
        if self._follows(premise, rest, condition):
            return None
        if condition.kind != "bits" or condition.negated:
            return condition
        needed, parts = condition.mask, [condition.mask]
        while parts:
            part = parts.pop()
            others = replace(condition, mask=needed & ~part, value=condition.value & needed & ~part)
            asked = replace(condition, mask=part, value=condition.value & part)
            if self._follows(premise, [*rest, others], asked):
                needed &= ~part
            elif part & (part - 1):
                half = part.bit_length() + (part & -part).bit_length() - 1 >> 1
                parts += [part & mask(half), part >> half << half]
        return replace(condition, mask=needed, value=condition.value & needed)

    def _junk(self, model: Model) -> tuple[Condition, ...]:
        """What may be said of frames that no CPU writes: which words have bits that neither instruction loads."""
        path = self.free.paths[self.exit_.site.location.address, self.exit_.site.kind][0]
        found: list[Condition] = []
        for name, loaded in (("cs", 0xFFFF), ("ss", 0xFFFF), ("rflags", WRITTEN_RFLAGS & ~2)):
            symbol = self.entry.state.shared.layout.symbols.of(path.reference.frame[name])
            if symbol is None:
                continue
            beside, value = mask(64) & ~loaded, model.value(symbol.term) & loaded
            if name != "rflags":
                found.append(Condition("bits", symbol.name, mask=loaded, value=value))
            written = 0 if name != "rflags" else 2
            found.append(Condition("bits", symbol.name, mask=beside, value=written, negated=True))
            r11 = path.reference.gprs.get("r11")
            other = None if name != "rflags" or r11 is None else self.entry.state.shared.layout.symbols.of(r11)
            if other is not None:
                beside = mask(64) & ~SYSRET_RFLAGS | 2
                found.append(Condition("same", symbol.name, other.name, mask=mask(64) & ~beside))
                found.append(Condition("same", symbol.name, other.name, mask=beside, negated=True))
        return tuple(found)

    def _ranges(self, one: TurnedAway, sure: bool) -> tuple[tuple[Interval, ...], bool]:
        """The values of the saved RIP among what is lost; none if these guards are not what restricts it."""
        if not one.plain or one.beside:
            return (), False
        found = values(self.solver, one.lost, one.rip, self.entry)
        if found is None:
            return (), False
        # With these guards off SYSRET would be right for other values as well: those that it is taken for now.
        if self.solver.check(one.right, lnot(_within(one.rip, found.intervals))) == "unsat":
            return (), False
        return found.intervals, found.exact and sure

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


def _within(term: Term, intervals: Sequence[Interval]) -> Truth:
    """That a 64-bit term lies in one of the intervals."""
    return lor(*(land(term.UGE(as_term(low, 64)), term.ULE(as_term(high, 64))) for low, high in intervals))

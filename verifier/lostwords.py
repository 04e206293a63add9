# SPDX-License-Identifier: BSD-2-Clause
"""What guards turn away, in words: what tells it from what else gets to the exit, and values of the saved RIP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from verifier.counterexample import concrete_machine
from verifier.exploring import Exit, Survey
from verifier.freed import Freed
from verifier.insights import Condition, Interval, Lost
from verifier.lift.entry import Entry
from verifier.lift.symbols import Symbol
from verifier.model import Config
from verifier.outcomes import SYSRET_RFLAGS
from verifier.projection import conjunction, every_value, said_of, symbols_in, truth_of
from verifier.prove import exactness
from verifier.solver import Model, Solver
from verifier.terms import Term, Truth, as_term, land, lnot, lor, mask
from verifier.turnedaway import WRITTEN_RFLAGS, TurnedAway

ROUNDS = 4
"""So often are further inputs looked at, to tell what is lost from what is not."""
FEW, QUERIES = 12, 200
"""What depends on more inputs is not put into words; the last try takes all of them, with so many queries."""
TOTAL = 700
"""After so many queries at an exit the search for words ends; the guards and an example are still told."""


@dataclass(slots=True)
class Words:
    """Puts what is lost at one exit into words; the solver, shared with who asks, assumes the configurations."""

    survey: Survey
    free: Freed
    exit_: Exit
    solver: Solver
    entry: Entry = field(init=False)

    def __post_init__(self) -> None:
        self.entry = self.exit_.setting.entry

    def lost(self, one: TurnedAway, configs: Sequence[Config], ordinary: bool) -> Lost | None:
        """What is lost under these configurations, which are alike; None if no example can be made."""
        machine = concrete_machine(self.exit_.setting, configs[0], (one.lost,))
        if machine is None:
            return None
        symbols = self.entry.state.shared.layout.symbols
        sure = one.plain and not exactness(symbols, (one.lost, one.through))
        said = () if ordinary else self._junk(machine[0])
        conditions, exact = self._told_apart(one, said, sure)
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

    def _told_apart(self, one: TurnedAway, said: Sequence[Condition], sure: bool) -> tuple[tuple[Condition, ...], bool]:
        """As _kept(), in few inputs: those that the guards look at, then what else tells machines apart."""
        conditions, exact = self._kept(one, said, sure)
        if exact or self._depends_on_many(one):
            return conditions, exact
        looked = self._looked_at(one)
        asked = list(looked)
        for turn in range(ROUNDS):
            if exact or self.solver.statistics.queries > TOTAL:
                break
            # What is said of junk is about bits.
            here = said_of(self.solver, one.lost, self.entry, asked, [] if said and not turn else looked)
            conditions, exact = self._kept(one, (*here, *said), sure)
            other = self.solver.model(one.through, *self._truths(conditions), lnot(one.lost))
            wrong = [] if other is None or not sure else [truth for truth in one.parts if not other.holds(truth)]
            more = [symbol for symbol in symbols_in(self.entry, wrong) if symbol not in asked]
            if not more:
                break
            asked += more
        if self.solver.statistics.queries <= TOTAL and sure and not exact:
            every = conjunction(self.solver, one.lost, self.entry, QUERIES).conditions
            conditions, exact = self._kept(one, (*every, *said), sure)
        return conditions, exact

    def _depends_on_many(self, one: TurnedAway) -> bool:
        """Whether no words that anybody would read are to be expected: the search for them would take long."""
        return len(symbols_in(self.entry, [one.lost])) > FEW

    def _looked_at(self, one: TurnedAway) -> list[Symbol]:
        """The inputs that the guards look at; the saved RIP in place of what always equals it."""
        met = [each.condition for place in one.places for each in self.free.switches.met[place]]
        rip = self.entry.state.shared.layout.symbols.of(one.rip)
        found: list[Symbol] = []
        for symbol in symbols_in(self.entry, met):
            alike = rip is not None and symbol.width == rip.width
            if rip is not None and alike and self.solver.check(one.lost, symbol.term != rip.term) == "unsat":
                symbol = rip
            found += [] if symbol in found else [symbol]
        return found

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
        if not one.plain or one.beside or self._depends_on_many(one) or self.solver.statistics.queries > TOTAL:
            return (), False
        found = every_value(self.solver, one.lost, one.rip, self.entry, QUERIES)
        if found is None:
            return (), False
        # With these guards off SYSRET would be right for other values as well: those that it is taken for now.
        if self.solver.check(one.right, lnot(_within(one.rip, found.intervals))) == "unsat":
            return (), False
        return found.intervals, sure


def _within(term: Term, intervals: Sequence[Interval]) -> Truth:
    """That a 64-bit term lies in one of the intervals."""
    return lor(*(land(term.UGE(as_term(low, 64)), term.ULE(as_term(high, 64))) for low, high in intervals))

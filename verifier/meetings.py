# SPDX-License-Identifier: BSD-2-Clause
"""Which ends of two versions some machine goes to, and what becomes of it: the same, another thing, or nobody knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from verifier.alignment import GIVEN_UP, OUTSIDE, TRAPS, Alignment, aligned
from verifier.counterexample import Setting
from verifier.divergences import GAVE_UP, Class, Divergences, Found, Kind, Meeting, Sides
from verifier.ends import End, ends_of, given_up, unjudged
from verifier.exploring import Survey
from verifier.given import Given, Givens, given_at_calls, given_at_end
from verifier.lift.memory import Fork, Havoc, Marker
from verifier.model import Config
from verifier.prove import config_condition
from verifier.solver import Solver
from verifier.terms import Truth, decided, eq, land, lnot, lor

FEW = 4
"""So many names of what differs are told."""
LEFT = ("external", "return")
"""Ends at which the path goes on in code that was not read."""


class Meetings:
    """The comparison of one entry of BASE with one of HEAD."""

    def __init__(self, base: Survey, head: Survey, configs: tuple[Config, ...], found: Found, entry: str) -> None:
        self.base, self.head, self.found, self.entry = base, head, found, entry
        # All of this reads memory, so that its symbols are there before they are aligned.
        left, right = ends_of(base), ends_of(head)
        self.calls = given_at_calls(base), given_at_calls(head)
        self.left = {
            id(end.leaf): given_at_end(survey, end.leaf.state)
            for survey, ends in ((base, left), (head, right))
            for end in ends
            if end.leaf.kind in LEFT
        }
        self.joint: Alignment = aligned(base, head)
        self.givens = Givens(base, head, self.joint)
        self.base_ends = left
        self.head_ends = tuple(self._renamed(end) for end in right)
        start = self.joint.entry
        self.solver = Solver(start.constraints, base.task.budget, apart=True)
        self.configs = {config: config_condition(start, config) for config in configs}
        self.solver.assume(lor(*self.configs.values()))
        self.setting: Setting = replace(
            base.setting, entry=start, constraints=start.constraints, solver=self.solver, known=[]
        )
        self.classes: dict[Class, list[Meeting]] = {}
        self.used: set[str] = set()

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
        for survey, ends, side in ((self.base, self.base_ends, "BASE"), (self.head, self.head_ends, "HEAD")):
            for problem in survey.problems:
                self.found.open(f"{side}, from {survey.start.name}: {problem.text}")
            if not any(end.kind in ("fast", "iret") for end in ends):
                self.found.open(f"{side}: no path from {survey.start.name} leads to an exit")
        for left, right in self._meetings():
            self._assume([left.condition, right.condition, *(term for end in (left, right) for _, term in end.fields)])
            self._compared(left, right)
        if not self.joint.same:
            self._called()
        told = Divergences(
            Sides(self.base, self.head, self.joint, self.solver, self.setting, self.configs, self.entry), self.found
        )
        for about, meetings in sorted(self.classes.items()):
            told.tell(about, meetings)

    def _assume(self, terms: Iterable[Any]) -> None:
        """Note what the comparison of such terms rests on, and the calls, by BASE's names, in them."""
        symbols = self.joint.entry.state.shared.layout.symbols
        for name in {name for term in terms for name in getattr(term, "variables", ())}:
            if name in self.joint.rests:
                self.found.assumed.add(self.joint.rests[name])
                symbol = symbols.find(name)
                if symbol is not None and symbol.call:
                    self.used.add(symbol.call)

    def _meetings(self) -> Iterator[tuple[End, End]]:
        """Every two ends that some machine goes to in the two versions."""
        for left in self.base_ends:
            # Ends exclude each other, but for those of a loop that stands for any number of turns.
            twins = [one for one in self.head_ends if one.condition is left.condition]
            if len(twins) == 1 and not any(one.kind == "loop" for one in self.head_ends):
                yield left, twins[0]
                continue
            rest, met = list(self.head_ends), list[End]()
            while True:
                answer, model = self.solver.solve(left.condition, *(lnot(one.condition) for one in met))
                if answer == "unsat":
                    break
                at = (
                    None
                    if model is None
                    else next((at for at, one in enumerate(rest) if model.holds(one.condition)), None)
                )
                if at is None:
                    self.found.open(
                        GAVE_UP if answer == "unknown" else "the paths found in HEAD do not cover every machine of BASE"
                    )
                    break
                met.append(rest.pop(at))
                yield left, met[-1]

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
            if left.leaf.kind == "trap":
                self.found.assumed.add(TRAPS)
            else:
                self._handed_over(left, right, both)
            return
        differ = _differ(left, right)
        if kinds <= {"fast", "iret"} and (left.name == right.name or len(kinds) == 2):
            kind: Kind = "state" if left.name == right.name else "newly-fast" if right.kind == "fast" else "newly-slow"
            self._sort(kind, True, left, right, land(both, differ), self._judged(left, right, both))
            if kind != "state":
                self._sort(kind, False, left, right, land(both, lnot(differ)), True)
            return
        self._sort("elsewhere", True, left, right, both, "other" not in kinds)
        for end, side in ((left, "BASE"), (right, "HEAD")):
            if end.kind == "other":
                self.found.open(f"{side} {end.name} where the other version does not; what is there is not analysed")

    def _judged(self, left: End, right: End, both: Truth) -> bool:
        """Whether it can be told of all differences if HEAD is right; what the contract gives up is not compared."""
        there = dict(given_up(right))
        if any(self.joint.head(there[name]) is not term for name, term in given_up(left) if name in there):
            self.found.assumed.add(GIVEN_UP)
        names = unjudged(self.head, right)
        found = self._which(land(both, lnot(right.wrong)), _differences(left, right, names))
        if found:
            why = (
                "the file's own IRET exit is no reference for that"
                if self.head.task.auto
                else "nothing says what is right there"
            )
            self.found.open(f"they differ in {', '.join(found)}, and whether HEAD is right cannot be told: {why}")
        return not found

    def _handed_over(self, left: End, right: End, both: Truth) -> None:
        """Compare what code outside the analysis is given: where it differs, nobody knows what comes of it."""
        self.found.assumed.add(OUTSIDE)
        one, two = self.left[id(left.leaf)], self.left[id(right.leaf)]
        self._rest_on(one, two)
        found = self._which(both, self.givens.differences(one, two))
        if found:
            self.found.open(f"{left.name}: what it is given differs in {', '.join(found)}, and it is not analysed")

    def _which(self, both: Truth, differences: Sequence[tuple[str, Truth]]) -> list[str]:
        """The names of what differs in some machine; of many only the first."""
        differences = [(name, truth) for name, truth in differences if decided(truth) is not False]
        if not differences or decided(both) is False:
            return []
        answer, model = self.solver.solve(both, lor(*(truth for _, truth in differences)))
        if answer == "unknown":
            self.found.open(GAVE_UP)
        if model is None:
            return []
        names: list[str] = []
        for at, (name, truth) in enumerate(differences):
            if len(names) >= FEW and len(differences) > at + 1:
                return [*names, "and more"]
            if truth is True or model.holds(truth) or self.solver.check(both, truth) == "sat":
                names.append(name)
        return names

    def _sort(self, kind: Kind, visible: bool, left: End, right: End, holds: Truth, judged: bool) -> None:
        """Put machines into their classes."""
        for wrong in (True, False):
            here = land(holds, right.wrong if wrong else lnot(right.wrong))
            if decided(here) is not False:
                self.classes.setdefault((kind, visible, wrong), []).append(Meeting(left, right, here, judged))

    # Calls that are not followed.

    def _called(self) -> None:
        """Compare what the calls are given whose results, or memory, the comparison rests on."""
        mine, other = self.joint.calls
        keys = {key: name for name, key in other.items()}
        done: set[str] = set()
        while self.used - done:
            name = min(self.used - done)
            done.add(name)
            if name not in mine or mine[name] not in keys:
                continue
            differing: dict[str, None] = {}
            for one in self.calls[0].get(name, ()):
                for two in self.calls[1].get(keys[mine[name]], ()):
                    self._rest_on(one, two)
                    both = land(one.condition, self.joint.head(two.condition))
                    differing.update(dict.fromkeys(self._which(both, self.givens.differences(one, two))))
            if differing:
                callee, number = mine[name]
                times = f" (call {number + 1})" if (callee, number + 1) in keys or number else ""
                callee = name.partition("@")[0] if "?" in callee else callee
                text = f"{callee} is given something else{times}: {', '.join(differing)}"
                self.found.open(f"{text}; it is not followed, and may do something else then")
        self._followed()

    def _rest_on(self, one: Given, two: Given) -> None:
        """Note what a comparison of what is given rests on itself."""
        rename = self.joint.head
        self._assume([one.condition, *(term for _, term in one.fields), *(term for _, _, term in one.words)])
        self._assume([rename(term) for term in (two.condition, *(term for _, term in two.fields))])
        self._assume([rename(term) for _, _, term in two.words])
        self.used |= set(_calls_in(one.history))

    def _followed(self) -> None:
        """A function that is followed in one version only may seem to do there what it cannot do."""
        sides = (("BASE", self.base, self.joint.calls[1]), ("HEAD", self.head, self.joint.calls[0]))
        for side, survey, others in sides:
            image = survey.task.image
            names = {callee for callee, _ in others.values()}
            for address in sorted(survey.setting.follow or ()):
                named = image.symbol_before(address)
                if named is not None and not named[1] and named[0] in names:
                    self.found.open(f"{named[0]} is followed in {side} only; name it with --entry, or compare sources")


def _calls_in(history: tuple[Marker, ...]) -> Iterator[str]:
    """The calls that left the memory."""
    todo, seen = [history], set[int]()
    while todo:
        for marker in todo.pop():
            match marker:
                case Havoc(call, _):
                    yield call
                case Fork(_, then, otherwise) if id(marker) not in seen:
                    seen.add(id(marker))
                    todo += [then, otherwise]


def _differences(left: End, right: End, names: frozenset[str] | None = None) -> list[tuple[str, Truth]]:
    """What two ends give otherwise, with when they do; ``names``: of these only."""
    there = dict(right.fields)
    return [
        (name, lnot(eq(one, there[name])))
        for name, one in left.fields
        if name in there and one is not there[name] and (names is None or name in names)
    ]


def _differ(left: End, right: End) -> Truth:
    """That two ends do not give the same."""
    return lor(*(truth for _, truth in _differences(left, right)))

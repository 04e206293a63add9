# SPDX-License-Identifier: BSD-2-Clause
"""The guards on the path of one machine: which let it go on to a fast exit, and which one turned it away."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from verifier.counterexample import Setting
from verifier.exploring import Survey
from verifier.frameanswer import Passed
from verifier.graph import leading_to
from verifier.insights import Condition
from verifier.lift.decode import Decoded
from verifier.lift.entry import Entry
from verifier.lift.explore import Explorer
from verifier.lift.state import State
from verifier.model import Location
from verifier.obligations import JUDGED
from verifier.pathmap import variant_name
from verifier.projection import Conjunction, conjunction, symbols_in, truth_of
from verifier.records import record
from verifier.solver import Model, Solver
from verifier.terms import Truth, decided, land, lnot


@dataclass(slots=True)
class Turn:
    """One instruction that a machine executed, and what was asked of it there, in terms: all of ``truths`` hold."""

    place: int
    location: Location | None = None
    truths: list[Truth] = field(default_factory=list)


@record
class Decision:
    """A guard on the path, and ``prefix``: what holds of a machine that went the same way up to it."""

    guard: Passed
    prefix: tuple[Truth, ...]


def turns(survey: Survey, setting: Setting, model: Model) -> tuple[Turn, ...]:
    """What the machine of ``model`` executes, the instruction that it ends with last if that is one."""
    entry = setting.entry
    path = [Turn(entry.state.place)]

    def choose(truth: Truth) -> bool:
        chosen = model.holds(truth)
        if decided(truth) is None:
            path[-1].truths.append(truth if chosen else lnot(truth))
        return chosen

    def observe(decoded: Decoded, before: State, after: State, note: str) -> None:
        path[-1].place, path[-1].location = before.place, after.shared.locate(decoded)
        path.append(Turn(-1))

    contract = setting.contract
    after_call = contract.interrupts_after_call.value
    explorer = Explorer(setting.image, setting.solver, after_call, setting.bounds, choose, observe)
    explorer.follow = setting.follow
    explorer.no_return, explorer.helpers = frozenset(contract.no_return), frozenset(contract.helpers)
    layout = entry.state.shared.layout
    layout.evaluate = model.value
    try:
        found = explorer.run(entry.state.copy())
    finally:
        layout.evaluate = None
    if len(found.leaves) != 1:
        # A trap on the user's stack: it ends the path, and is something that cannot be followed as well.
        return tuple(path[:-1])
    path[-1].place, path[-1].location = found.leaves[0].state.place, found.leaves[0].location
    return tuple(path)


Known = dict[int, Conjunction]
"""What truths say, by their hashes: guards are asked about once for each configuration and way."""


def decisions(
    survey: Survey, path: tuple[Turn, ...], model: Model, known: Known
) -> tuple[Decision | None, tuple[Decision, ...]]:
    """The first guard on the path behind which no fast exit can be reached, and those in front of it."""
    edges = survey.explorer.edges
    ends = [leaf.state.place for leaf in survey.found.leaves if leaf.kind == "exit" and leaf.detail in JUDGED]
    leading = leading_to(edges, ends)
    closing = {source for source, target in edges if source in leading and target not in leading}
    prefix: list[Truth] = []
    passed: list[Decision] = []
    for here, behind in pairwise(path):
        prefix += here.truths
        if here.place not in leading:
            return None, tuple(passed)
        if behind.place not in leading:
            # Which form of patched code runs is asked on arrival there.
            asked = here.truths or behind.truths
            guard = _guard(survey, here, lnot(land(*asked)), model, known)
            return Decision(guard, (*prefix, *(() if here.truths else behind.truths))), tuple(passed)
        if here.place in closing and here.truths:
            passed.append(Decision(_guard(survey, here, land(*here.truths), model, known), tuple(prefix)))
    last = path[-1] if path else Turn(-1)
    if last.place in leading and last.place not in ends and last.truths:
        # The branch itself leaves the code that is known.
        return Decision(_guard(survey, last, lnot(land(*last.truths)), model, known), (*prefix, *last.truths)), (
            *passed,
        )
    return None, tuple(passed)


def _guard(survey: Survey, turn: Turn, demand: Truth, model: Model, known: Known) -> Passed:
    """A guard in words: what it demands, and what of that the machine fails."""
    entry = survey.setting.entry
    symbols = symbols_in(entry, [demand])
    key = 0 if decided(demand) is not None else demand.hash()
    if key not in known:
        known[key] = conjunction(Solver(entry.constraints, survey.task.budget), demand, entry)
    said = known[key]
    names = tuple(symbol.name for symbol in symbols)
    demands = said.conditions if said.exact and said.conditions else (Condition("other", names=names),)
    failed = () if model.holds(demand) else tuple(one for one in demands if not _holds(one, entry, model))
    location = turn.location
    if location is None:
        location = survey.task.locate(survey.explorer.executed[turn.place])
    values = tuple((symbol.name, model.value(symbol.term)) for symbol in symbols)
    return Passed(location, variant_name(survey.task.image, turn.place), demands, failed, values)


def _holds(condition: Condition, entry: Entry, model: Model) -> bool:
    """Whether a condition is known to hold for a machine."""
    return condition.kind != "other" and model.holds(truth_of(condition, entry))

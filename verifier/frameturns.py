# SPDX-License-Identifier: BSD-2-Clause
"""The guards on the path of one machine: which let it go on to a fast exit, and which one turned it away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

from verifier.counterexample import Setting
from verifier.exploring import Survey
from verifier.frameanswer import Passed
from verifier.graph import leading_to
from verifier.insights import Condition
from verifier.lift.decode import Decoded
from verifier.lift.entry import Entry
from verifier.lift.explore import Explorer
from verifier.lift.state import State
from verifier.model import Config, Location, address_of
from verifier.obligations import JUDGED
from verifier.pathmap import variant_name
from verifier.projection import Conjunction, conjunction, symbols_in, truth_of
from verifier.prove import config_condition
from verifier.records import record
from verifier.solver import Model, Solver
from verifier.terms import Truth, decided, land, lnot, lor


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
    if not found.leaves:
        return tuple(path[:-1])
    # A trap on the user's stack ends the path, and is something that cannot be followed as well: two leaves there.
    path[-1].place, path[-1].location = found.leaves[0].state.place, found.leaves[0].location
    return tuple(path)


Known = dict[int, Conjunction]
"""What truths say, by their hashes: guards are asked about once for each configuration and way."""


@record
class _Asked:
    """What an instruction asked of a machine: truths of one path from the index ``first`` on, all of which hold.

    Which form of patched code there is, and what the instruction itself asks, are two questions.
    """

    turn: Turn
    first: int
    truths: tuple[Truth, ...]


def decisions(
    survey: Survey, config: Config, path: tuple[Turn, ...], model: Model, known: Known
) -> tuple[Decision | None, tuple[Decision, ...]] | None:
    """The first guard on the path behind which no fast exit can be reached, and those in front of it that it passes.

    None if the solver cannot tell. What could not be followed may lead to a fast exit.
    """
    asked = tuple(_questions(survey, path))
    truths = [truth for one in asked for truth in one.truths]
    leaves = survey.found.leaves
    ends = [leaf for leaf in leaves if leaf.kind == "problem" or (leaf.kind == "exit" and leaf.detail in JUDGED)]
    solver = Solver(survey.setting.entry.constraints, survey.task.budget, apart=True)
    solver.assume(config_condition(survey.setting.entry, config))
    fast = lor(*(land(*leaf.state.path) for leaf in ends))
    last = _deciding(solver, fast, truths)
    if last is None:
        return None
    edges = survey.explorer.edges
    leading = leading_to(edges, [leaf.state.place for leaf in ends])
    closing = {source for source, target in edges if source in leading and target not in leading}
    passed: list[Decision] = []
    for one in asked:
        behind = one.first + len(one.truths)
        if last < behind:
            short = land(*one.truths[: last + 1 - one.first])
            guard = _guard(survey, one.turn, lnot(short), model, known)
            return (None if last < 0 else Decision(guard, tuple(truths[: last + 1]))), tuple(passed)
        demand, before = land(*one.truths), truths[: one.first]
        if one.turn.place in closing or (
            solver.check(fast, *before, lnot(demand)) == "unsat" and solver.check(*before, lnot(demand)) == "sat"
        ):
            passed.append(Decision(_guard(survey, one.turn, demand, model, known), tuple(truths[:behind])))
    return None, tuple(passed)


def _questions(survey: Survey, path: tuple[Turn, ...]) -> Iterator[_Asked]:
    first = 0
    for turn in path:
        for _, group in groupby(turn.truths, partial(_is_form, survey, turn)):
            truths = tuple(group)
            yield _Asked(turn, first, truths)
            first += len(truths)


def _is_form(survey: Survey, turn: Turn, truth: Truth) -> bool:
    """Whether a truth tells which form of patched code there is."""
    if survey.task.image.patch_at(address_of(turn.place)) is None:
        return False
    entry = survey.setting.entry
    switches = [entry.la57, *entry.state.shared.switches.values()]
    known = {name for one in switches if decided(one) is None for name in one.variables}
    return decided(truth) is None and known.issuperset(truth.variables)


def _deciding(solver: Solver, fast: Truth, truths: Sequence[Truth]) -> int | None:
    """The index of the first truth with which no fast exit can be reached.

    It is -1 if none can be reached to begin with, len(truths) if one can with all of them; None if that is not known.
    """
    low, high = -1, len(truths)
    match solver.check(fast, *truths):
        case "sat":
            return high
        case "unknown":
            return None
    while low < high:
        middle = (low + high) // 2
        match solver.check(fast, *truths[: middle + 1]):
            case "unsat":
                high = middle
            case "sat":
                low = middle + 1
            case _:
                return None
    return low


def _guard(survey: Survey, turn: Turn, demand: Truth, model: Model, known: Known) -> Passed:
    """A guard in words: what it demands, and what of that the machine fails."""
    entry = survey.setting.entry
    symbols = symbols_in(entry, [demand])
    key = 0 if decided(demand) is not None else demand.hash()
    if key not in known:
        known[key] = conjunction(Solver(entry.constraints, survey.task.budget, apart=True), demand, entry)
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

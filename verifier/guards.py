# SPDX-License-Identifier: BSD-2-Clause
"""Which guards the proof of a clause rests on, and what becomes of the proof without each of them.

A clause that is proved with all switches on needs some of them. Those that remain when every superfluous one is
dropped, last first, are what it rests on; there may be other such sets: where two guards test the same, one of them
is enough. A guard that alone decides is in each of these sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from verifier.exploring import Exit, Survey
from verifier.freed import Freed
from verifier.graph import leading_to
from verifier.insights import Condition, GuardUse
from verifier.model import Config, address_of, variant_of
from verifier.pathmap import variant_name
from verifier.projection import conjunction, symbols_in
from verifier.prove import Path, config_condition
from verifier.records import record
from verifier.solver import Solver
from verifier.terms import Truth, concrete, decided, land, lnot, lor

QUERIES = 150
"""What a guard demands is left without words if that takes more queries: hardly any readable demand does."""


@record
class Guarded:
    """A guard by its place, and what it is good for at one exit."""

    place: int
    use: GuardUse


def guard_uses(survey: Survey, free: Freed, exit_: Exit) -> tuple[Guarded, ...]:
    """Every guard from which the exit can be reached, in the order of the code."""
    site = exit_.site
    owed = _owed(survey, free, exit_)
    edges = free.explorer.edges
    ends = [path.leaf.state.place for path in free.paths[site.location.address, site.kind]]
    leading = leading_to(edges, ends)
    found: list[Guarded] = []
    for place in sorted(free.switches.uses, key=lambda place: (address_of(place), variant_of(place))):
        if place not in leading:
            continue
        demands, reads = _demands(survey, free, place, leading)
        where = survey.task.locate(free.explorer.executed[place])
        use = GuardUse(
            location=where,
            variant=variant_name(survey.task.image, place),
            demands=demands,
            reads=reads,
            rests=tuple(one.clause for one in owed if place in one.rests),
            needed=tuple(one.clause for one in owed if place in one.needed),
            unsure=tuple(one.clause for one in owed if place in one.unsure),
        )
        found.append(Guarded(place, use))
    return tuple(found)


@record
class _Owed:
    """What the proof of one clause owes to guards, by place. ``unsure``: nobody can tell whether it needs them."""

    clause: str
    rests: frozenset[int]
    needed: frozenset[int]
    unsure: frozenset[int]


def _owed(survey: Survey, free: Freed, exit_: Exit) -> list[_Owed]:
    """For each clause that is proved what its proof owes to the guards.

    A clause that is violated on some CPUs counts for those on which it is proved.
    """
    entry = exit_.setting.entry
    paths = free.paths[exit_.site.location.address, exit_.site.kind]
    # Where nothing is known anything may happen.
    lost = [land(*leaf.state.path) for leaf in free.stray]
    solver = Solver(entry.constraints, survey.task.budget)
    found: list[_Owed] = []
    for clause in exit_.clauses:
        configs = _proved_under(exit_, clause.id)
        wrong = None if clause.promise or not configs else _wrong(paths, [clause.holds(path.view) for path in paths])
        if wrong is None or decided(wrong) is False:
            continue
        with solver.scope():
            solver.assume(lor(*(config_condition(entry, config) for config in configs)), lor(wrong, *lost))
            found.append(_owed_by(clause.id, solver, free.switches.uses))
    return found


def _proved_under(exit_: Exit, clause: str) -> list[Config]:
    """The configurations under which a clause is proved at the exit, and with them those that do not come to it."""
    answers = [one for one in exit_.site.clauses if one.id == clause]
    if not any(one.status == "proved" for one in answers):
        return []
    return [config for one in answers if one.status in ("proved", "not-applicable") for config in one.configs]


def _owed_by(clause: str, solver: Solver, uses: Mapping[int, Truth]) -> _Owed:
    """As _owed(), for a clause that the solver assumes to be wrong."""
    places, switches = list(uses), list(uses.values())
    nothing = frozenset[int]()
    if solver.check(*switches) != "unsat":
        return _Owed(clause, nothing, nothing, frozenset(places))
    kept = solver.dropping(switches)
    alone = {index: solver.check(*switches[:index], *switches[index + 1 :]) for index in kept}
    return _Owed(
        clause,
        rests=frozenset(places[index] for index in kept),
        needed=frozenset(places[index] for index in kept if alone[index] == "sat"),
        unsure=frozenset(places[index] for index in kept if alone[index] == "unknown"),
    )


def _wrong(paths: Sequence[Path], truths: Sequence[Truth | None]) -> Truth | None:
    """That a machine gets to the exit and the clause is false; None if the clause does not apply."""
    if any(truth is None for truth in truths):
        return None
    return lor(*(land(*path.conditions, lnot(truth)) for path, truth in zip(paths, truths, strict=True)))


def _demands(
    survey: Survey, free: Freed, place: int, leading: frozenset[int]
) -> tuple[tuple[Condition, ...], tuple[str, ...]]:
    """What a guard demands of machines that come to it for the exit, and the inputs that it looks at."""
    entry = survey.setting.entry
    met = free.switches.met[place]
    ways = {way[1] for way in free.explorer.edges if way[0] == place}
    holds: list[tuple[Truth, Truth]] = []
    for one in met:
        first = concrete(one.target)
        goes = any(way in leading for way in ways if address_of(way) == first)
        other = any(way in leading for way in ways if address_of(way) != first)
        if goes != other:
            holds.append((land(*one.path), one.condition if goes else lnot(one.condition)))
    symbols = symbols_in(entry, [one.condition for one in met])
    reads = tuple(symbol.name for symbol in symbols)
    if not holds:
        return (), reads
    demand = land(*(condition for _, condition in holds))
    vague = (Condition("other", names=reads),)
    if len(holds) > 1 and not _of_all(survey, free, holds, demand):
        return vague, reads
    return _said(survey, free, demand) or vague, reads


def _of_all(survey: Survey, free: Freed, holds: Sequence[tuple[Truth, Truth]], demand: Truth) -> bool:
    """Whether what is asked each time that a machine meets the guard is asked of every machine that meets it."""
    solver = Solver(survey.setting.entry.constraints, survey.task.budget, apart=True)
    solver.assume(*free.switches.uses.values())
    asked = (lor(lnot(path), condition) for path, condition in holds)
    return solver.check(lor(*(path for path, _ in holds)), *asked, lnot(demand)) == "unsat"


def _said(survey: Survey, free: Freed, demand: Truth) -> tuple[Condition, ...]:
    """A demand as conditions that are exactly it, else for each kind of paging; empty if neither can be said."""
    entry = survey.setting.entry
    kinds: list[tuple[Literal["", "la48", "la57"], Truth]] = [("", True)]
    if {"la48", "la57"} <= {paging for _, paging in survey.task.configs} and _names(entry.la57) & _names(demand):
        kinds = [("la48", lnot(entry.la57)), ("la57", entry.la57)]
    found: list[Condition] = []
    for paging, condition in kinds:
        solver = Solver(entry.constraints, survey.task.budget, apart=True)
        # What this guard demands of machines that the others have let through as they do.
        solver.assume(condition, *free.switches.uses.values())
        said = conjunction(solver, demand, entry, QUERIES)
        if not said.exact:
            return ()
        found += [replace(one, paging=paging) for one in said.conditions]
    same = [one for one in found if replace(one, paging="la57") in found and replace(one, paging="la48") in found]
    return tuple(dict.fromkeys(replace(one, paging="") if one in same else one for one in found))


def _names(truth: Truth) -> frozenset[str]:
    return frozenset() if decided(truth) is not None else frozenset(truth.variables)

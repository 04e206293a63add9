# SPDX-License-Identifier: BSD-2-Clause
"""Which guards the proof of a clause rests on, and what becomes of the proof without each of them.

A clause that is proved with all switches on needs some of them. Those that remain when every superfluous one is
dropped, last first, are what it rests on; there may be other such sets: where two guards test the same, one of them
is enough. A guard that alone decides is in each of these sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from verifier.exploring import Exit, Survey
from verifier.freed import Freed
from verifier.graph import leading_to
from verifier.insights import Condition, GuardUse
from verifier.lift.symbols import Symbol
from verifier.model import address_of, variant_of
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
    rests, needed, unsure = _sets(survey, free, exit_)
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
            rests=tuple(name for name, places in rests.items() if place in places),
            needed=tuple(name for name, places in needed.items() if place in places),
            unsure=unsure,
        )
        found.append(Guarded(place, use))
    return tuple(found)


_Sets = dict[str, frozenset[int]]


def _sets(survey: Survey, free: Freed, exit_: Exit) -> tuple[_Sets, _Sets, tuple[str, ...]]:
    """For each clause that is proved the places that its proof rests on, and those of them that it needs.

    And the clauses of which the solver cannot tell it.
    """
    open_ = {one.id for one in exit_.site.clauses if one.status not in ("proved", "not-applicable")}
    proved = {one.id for one in exit_.site.clauses if one.status == "proved"} - open_
    entry = exit_.setting.entry
    places, switches = list(free.switches.uses), list(free.switches.uses.values())
    paths = free.paths[exit_.site.location.address, exit_.site.kind]
    # Where nothing is known anything may happen.
    lost = [land(*leaf.state.path) for leaf in free.stray]
    solver = Solver(entry.constraints, survey.task.budget)
    solver.assume(lor(*(config_condition(entry, config) for config in survey.task.configs)))
    rests: _Sets = {}
    needed: _Sets = {}
    unsure: list[str] = []
    for clause in exit_.clauses:
        truths = [clause.holds(path.view) for path in paths] if clause.id in proved else [None]
        wrong = _wrong(paths, truths)
        if wrong is None or clause.promise:
            continue
        wrong = lor(wrong, *lost) if decided(wrong) is not False else wrong
        rests[clause.id] = needed[clause.id] = frozenset()
        if decided(wrong) is False:
            continue
        with solver.scope():
            solver.assume(wrong)
            if solver.check(*switches) != "unsat":
                del rests[clause.id], needed[clause.id]
                unsure.append(clause.id)
                continue
            kept = solver.dropping(switches)
            alone = [
                index
                for index in kept
                if solver.check(*(one for other, one in enumerate(switches) if other != index)) != "unsat"
            ]
        rests[clause.id] = frozenset(places[index] for index in kept)
        needed[clause.id] = frozenset(places[index] for index in alone)
    return rests, needed, tuple(unsure)


def _wrong(paths: Sequence[Path], truths: Sequence[Truth | None]) -> Truth | None:
    """That a machine gets to the exit and the clause is false; None if the clause does not apply."""
    if any(truth is None for truth in truths):
        return None
    return lor(*(land(*path.conditions, lnot(truth)) for path, truth in zip(paths, truths, strict=True)))


def _demands(
    survey: Survey, free: Freed, place: int, leading: frozenset[int]
) -> tuple[tuple[Condition, ...], tuple[str, ...]]:
    """What a guard demands of machines that come to the exit, and the inputs that it looks at."""
    entry = survey.setting.entry
    holds: list[Truth] = []
    names: list[Symbol] = []
    for target, condition in free.switches.conditions[place]:
        names += [symbol for symbol in symbols_in(entry, [condition]) if symbol not in names]
        first = concrete(target)
        ways = {way[1] for way in free.explorer.edges if way[0] == place}
        goes = any(way in leading for way in ways if address_of(way) == first)
        other = any(way in leading for way in ways if address_of(way) != first)
        if goes != other:
            holds.append(condition if goes else lnot(condition))
    reads = tuple(symbol.name for symbol in names)
    if not holds:
        return (), reads
    return _said(survey, free, land(*holds)) or (Condition("other", names=reads),), reads


def _said(survey: Survey, free: Freed, demand: Truth) -> tuple[Condition, ...]:
    """A demand as conditions that are exactly it, else for each kind of paging; empty if neither can be said."""
    entry = survey.setting.entry
    kinds: list[tuple[Literal["", "la48", "la57"], Truth]] = [("", True)]
    if {"la48", "la57"} <= {paging for _, paging in survey.task.configs} and _names(entry.la57) & _names(demand):
        kinds = [("la48", lnot(entry.la57)), ("la57", entry.la57)]
    found: list[Condition] = []
    for paging, condition in kinds:
        solver = Solver(entry.constraints, survey.task.budget)
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

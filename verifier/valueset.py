# SPDX-License-Identifier: BSD-2-Clause
"""The values that a term takes on the machines for which something holds, as intervals, and what forces its bits.

The least value that is not told yet starts an interval. There the other inputs keep the values that they have, or go
with the term where they have to be equal to it: that leaves a condition on one number, and the first
number for which it is false ends the interval. When no value is left, all are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import claripy

from verifier.insights import Interval
from verifier.lift.entry import Entry
from verifier.lift.symbols import Symbol
from verifier.minimise import least
from verifier.prove import exactness
from verifier.records import record
from verifier.solver import Model, Solver
from verifier.terms import Term, Truth, as_term, as_truth, concrete, eq, land, lnot, lor, mask

INTERVALS = 8
"""So many intervals are told of a set of values."""
ROUNDS = 2
"""So many times as many intervals are looked for: some turn out to touch."""


@record
class Values:
    """Unsigned values of a term: sorted ``intervals``, which do not touch. ``exact``: these and no others."""

    intervals: tuple[Interval, ...]
    exact: bool


class Open(Exception):
    """The solver does not know, or was asked too often."""


class Asked:
    """A solver of which every answer is definite, for so many questions (None: any number)."""

    def __init__(self, solver: Solver, queries: int | None = None) -> None:
        self.solver = solver
        self._end = None if queries is None else solver.statistics.queries + queries

    def model(self, *truths: Truth) -> Model | None:
        """A model of the truths; None if they cannot hold. Raises Open."""
        if self._end is not None and self.solver.statistics.queries >= self._end:
            raise Open
        answer, model = self.solver.solve(*truths)
        if answer == "unknown":
            raise Open
        return model

    def follows(self, premises: Iterable[Truth], conclusion: Truth) -> bool:
        """Whether the premises imply the conclusion. Raises Open."""
        return self.model(*premises, lnot(conclusion)) is None


class Agreement:
    """In which bits all machines for which a truth holds agree. Methods raise Open."""

    def __init__(self, asked: Asked, holds: Truth) -> None:
        self.asked, self.holds = asked, holds
        self.models: list[Model] = []
        self._known: dict[tuple[int, ...], int] = {}
        self._found(True)

    def _found(self, truth: Truth) -> Model | None:
        """A machine with this; it is remembered."""
        model = self.asked.model(self.holds, truth)
        if model is not None:
            self.models.append(model)
        return model

    def forced(self, term: Term) -> tuple[int, int]:
        """The bits of a term that have the same value in all machines, and these values. There has to be a machine."""
        value, key = self.models[0].value(term), (term.hash(),)
        if key not in self._known:
            self._known[key] = self._clear(term ^ as_term(value, term.size()))
        return self._known[key], value & self._known[key]

    def constant(self, term: Term) -> bool:
        """Whether a term has the same value in all machines."""
        first, *others = (model.value(term) for model in self.models)
        return all(one == first for one in others) and self._found(term != as_term(first, term.size())) is None

    def equal(self, left: Term, right: Term) -> int:
        """The bits in which two terms are the same in all machines."""
        key = tuple(sorted((left.hash(), right.hash())))
        if key not in self._known:
            self._known[key] = self._clear(left ^ right)
        return self._known[key]

    def _clear(self, term: Term) -> int:
        """The bits of a term that are clear in all machines.

        What is not clear in all of a part may be set in all of it at once: that mostly settles many bits.
        """
        width = term.size()
        seen = 0
        for model in self.models:
            seen |= model.value(term)
        parts, clear = [mask(width)], 0
        while parts:
            part = parts.pop() & ~seen
            if not part:
                continue
            bits = as_term(part, width)
            other = self._found(term & bits != as_term(0, width))
            if other is None:
                clear |= part
                continue
            seen |= other.value(term)
            part &= ~seen
            bits = as_term(part, width)
            if part and self._found(eq(term & bits, bits)) is None:
                if part & part - 1:
                    half = part.bit_length() + (part & -part).bit_length() - 1 >> 1
                    parts += [part & mask(half), part >> half << half]
                else:
                    clear |= part
        return clear


def every_value(solver: Solver, holds: Truth, term: Term, entry: Entry, queries: int | None = None) -> Values | None:
    """As values(), but None where these are not all: for whoever does not want to tell a part."""
    found = _first_values(solver, holds, term, entry, queries)
    return None if found is None or not found[1].exact else found[1]


def values(solver: Solver, holds: Truth, term: Term, entry: Entry, queries: int | None = None) -> Values | None:
    """The values that ``term`` (64 bits at most; best an input itself) has on machines for which ``holds``.

    What ``solver`` assumes beyond ``entry.constraints`` must not be about the term or what equals it: that
    belongs in ``holds``. Without ``exact`` each of the values told is taken, and others may be as well.
    None if there is no such machine, or if the solver could not tell of a single value. ``queries`` is about how many
    are asked at most.
    """
    first = _first_values(solver, holds, term, entry, queries)
    if first is None:
        return None
    machines, found = first
    if machines is None or found.exact:
        return found
    # Where something is left out, what it is must not depend on the models that the solver finds.
    machines.asked = Asked(solver, queries)
    return intervals(machines, term, entry, INTERVALS, canonical=True)


def _first_values(
    solver: Solver, holds: Truth, term: Term, entry: Entry, queries: int | None
) -> tuple[Agreement | None, Values] | None:
    """The values that are found first, perhaps not all, and what found them."""
    known = concrete(term)
    if known is not None:
        return (None, Values(((known, known),), True)) if solver.check(holds) == "sat" else None
    try:
        machines = Agreement(Asked(solver, queries), holds)
    except Open:
        return None
    found = intervals(machines, term, entry, INTERVALS)
    return None if found is None else (machines, found)


def intervals(machines: Agreement, term: Term, entry: Entry, limit: int, *, canonical: bool = False) -> Values | None:
    """As values(), ``limit`` intervals at most; with ``canonical`` the other inputs are the least ones."""
    if not machines.models:
        return None
    asked, holds = machines.asked, machines.holds
    width = term.size()
    value, point = (claripy.BVS(name, width, explicit_name=True) for name in ("projected.value", "projected.point"))
    query = (holds, eq(value, term))
    registry = entry.state.shared.layout.symbols
    # A value counts if it needs no approximation, and is left out only if even those cannot have it.
    real = exactness(registry, [*query, *entry.constraints])
    truth = land(*entry.constraints, holds, *real, eq(term, point))
    symbols = [symbol for symbol in registry if symbol.name in as_truth(truth).variables]
    wanted = Symbol("projected.value", width, "memory", value)
    found: list[Interval] = []
    try:
        for _ in range(ROUNDS * limit):
            outside = [lor(value.ULT(first), value.UGT(last)) for first, last in found]
            if asked.model(*query, *outside) is None:
                return Values(tuple(found), True) if found else None
            order = [wanted, *symbols] if canonical else [wanted]
            machine = least(asked.solver, [*query, *outside, *real], order, {})
            if machine is None:
                break
            first = machine.pop("projected.value")
            fixed = [eq(one.term, as_term(machine[one.name], one.width)) for one in symbols if one.name in machine]
            model = asked.model(*query, *real, eq(value, as_term(first, width)), *fixed)
            if model is None:
                break
            last = _last(asked, _moved(machines, truth, term, symbols, model, point), point, first)
            more = _with(found, (first, last))
            # Something that the solver assumes, and that is not in the truth, would show here.
            if len(more) > limit or asked.model(*query, *real, eq(value, as_term(last, width))) is None:
                break
            found = more
    except Open:
        pass
    return Values(tuple(found), False) if found else None


def fills(machines: Agreement, term: Term, entry: Entry, bits: int, value: int) -> bool:
    """Whether the term takes each value v with v & bits = value; False also where that takes more than one try.

    Raises Open.
    """
    registry = entry.state.shared.layout.symbols
    if exactness(registry, [as_truth(machines.holds), *entry.constraints]):
        return False
    width = term.size()
    point = claripy.BVS("projected.point", width, explicit_name=True)
    truth = land(*entry.constraints, machines.holds, eq(term, point))
    symbols = [symbol for symbol in registry if symbol.name in as_truth(truth).variables]
    moved = _moved(machines, truth, term, symbols, machines.models[0], point)
    has = eq(point & as_term(bits, width), as_term(value, width))
    return machines.asked.model(lnot(moved), has) is None


def _moved(
    machines: Agreement, truth: Truth, term: Term, symbols: Sequence[Symbol], model: Model, point: Term
) -> Truth:
    """A truth that the model meets, about ``point``: with it for the term and what goes with that, else as it is."""
    witness = {one.term.hash(): _witness(machines, term, one, model.value(one.term), point) for one in symbols}
    return claripy.replace_dict(as_truth(truth), witness)


def _witness(machines: Agreement, term: Term, symbol: Symbol, value: int, point: Term) -> Term:
    """An input's ``value`` while the term is ``point``: with the point's bits where it has to be as the term is."""
    width = symbol.width
    if symbol.term is term:
        return point
    told = symbol.name in as_truth(machines.holds).variables
    if width != point.size() or not told or machines.constant(symbol.term):
        return as_term(value, width)
    match machines.equal(symbol.term, term):
        case 0:
            return as_term(value, width)
        case bits if bits == mask(width):
            return point
        case bits:
            return point & as_term(bits, width) | as_term(value & ~bits, width)


def _last(asked: Asked, truth: Truth, point: Term, low: int) -> int:
    """The last value from ``low`` on up to which the truth, about ``point`` alone and true there, is true."""
    width = point.size()
    wrong = lnot(truth)
    model = asked.model(wrong, point.UGT(as_term(low, width)))
    if model is None:
        return mask(width)
    high = model.value(point)
    # True from the start to low, false at high. Most borders are round numbers.
    while high - low > 1:
        middle = _roundest(low + 1, high)
        model = asked.model(wrong, point.UGT(as_term(low, width)), point.ULT(as_term(middle, width)))
        if model is not None:
            high = model.value(point)
        elif middle == high or asked.model(wrong, eq(point, as_term(middle, width))) is not None:
            return middle - 1
        else:
            low = middle
    return low


def _roundest(first: int, last: int) -> int:
    """The number between these two, inclusive, that ends in most zeros; ``first`` is positive."""
    shift = (first - 1 ^ last).bit_length() - 1
    return last >> shift << shift


def _with(found: Sequence[Interval], new: Interval) -> list[Interval]:
    """Intervals with one more that is apart from them; those that touch become one."""
    merged: list[Interval] = []
    for one in sorted((*found, new)):
        if merged and merged[-1][1] + 1 >= one[0]:
            merged[-1] = merged[-1][0], one[1]
        else:
            merged.append(one)
    return merged

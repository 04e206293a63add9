# SPDX-License-Identifier: BSD-2-Clause
"""Conditions in terms, put into words that are exact: intervals, forced bits, equal inputs.

Nothing here looks at how a condition is written: everything is asked of the solver, and what is said
does not depend on which models it finds. (Only hints for what may be worth asking come from the syntax.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations

import claripy

from verifier.counterexample import variables
from verifier.insights import FULL, Condition, Interval
from verifier.lift.entry import Entry
from verifier.lift.symbols import Symbol
from verifier.minimise import least
from verifier.prove import exactness
from verifier.records import record
from verifier.solver import Model, Solver
from verifier.terms import Term, Truth, as_term, concrete, decided, eq, land, lnot, lor, mask

INTERVALS = 8
"""So many intervals are told of a set of values."""
RANGES = 3
"""So many intervals are a readable condition."""
SYMBOLS, QUERIES = 40, 400
"""What depends on more inputs, or takes more queries, is not put into conditions."""


@record
class Values:
    """Unsigned values of a term: sorted ``intervals``, which do not touch. ``exact``: these and no others."""

    intervals: tuple[Interval, ...]
    exact: bool


@record
class Conjunction:
    """Conditions that follow from a truth, all of them together; with ``exact`` it follows from them as well.

    ``others`` are inputs that it depends on and that no condition of an inexact conjunction says enough about.
    """

    conditions: tuple[Condition, ...]
    exact: bool
    others: tuple[str, ...]


class _Open(Exception):
    """The solver does not know, or was asked too often."""


class _Asked:
    """A solver of which every answer is definite, for so many questions."""

    def __init__(self, solver: Solver, queries: int) -> None:
        self.solver, self.left = solver, queries

    def model(self, *truths: Truth) -> Model | None:
        """A model of the truths; None if they cannot hold. Raises _Open."""
        self.left -= 1
        answer, model = self.solver.solve(*truths) if self.left >= 0 else ("unknown", None)
        if answer == "unknown":
            raise _Open
        return model

    def follows(self, premises: Iterable[Truth], conclusion: Truth) -> bool:
        """Whether the premises imply the conclusion. Raises _Open."""
        return self.model(*premises, lnot(conclusion)) is None


def symbols_in(entry: Entry, truths: Sequence[Truth]) -> list[Symbol]:
    """The inputs that occur in truths, in the order of every output; the CPU configuration is none."""
    return variables(entry, truths)


def values(solver: Solver, holds: Truth, term: Term, entry: Entry, limit: int = INTERVALS) -> Values | None:
    """The values that ``term`` (64 bits at most) has on machines for which ``holds``.

    What ``solver`` assumes beyond ``entry.constraints`` must be about the CPU configuration only; all else
    belongs in ``holds``. Without ``exact`` the intervals are those of the least values: each of them is taken, others
    may be as well. None if there is no such machine, or if the solver could not tell of a single value.
    """
    known = concrete(term)
    if known is not None:
        return {"sat": Values(((known, known),), True), "unsat": None, "unknown": None}[solver.check(holds)]
    if decided(holds) is False:
        return None
    asked = _Asked(solver, 1 << 30)
    found = _values(asked, holds, term, entry, limit, canonical=False)
    if found is not None and not found.exact:
        # Where something is left out, which it is must not depend on the models found.
        found = _values(asked, holds, term, entry, limit, canonical=True)
    return found


def _values(asked: _Asked, holds: Truth, term: Term, entry: Entry, limit: int, canonical: bool) -> Values | None:
    """With ``canonical`` each model is the least one."""
    width = term.size()
    value, point = (claripy.BVS(name, width, explicit_name=True) for name in ("projected.value", "projected.point"))
    query = (holds, eq(value, term))
    registry = entry.state.shared.layout.symbols
    real = exactness(registry, [*query, *entry.constraints])
    wanted = Symbol("projected.value", width, "memory", value)
    truths = [*entry.constraints, *query, *real]
    names = {name for truth in truths if decided(truth) is None for name in truth.variables}
    symbols = [symbol for symbol in registry if symbol.name in names]
    follows: dict[str, bool] = {}
    found: list[Interval] = []
    exact = False
    try:
        for _ in range(3 * limit):
            outside = [lor(value.ULT(first), value.UGT(last)) for first, last in found]
            if asked.model(*query, *outside) is None:
                exact = True
                break
            if (
                len(found) == limit
                and found[-1][1] < mask(width)
                and asked.model(*query, *outside, value != found[-1][1] + 1) is not None
            ):
                break
            order = [wanted, *symbols] if canonical else [wanted]
            machine = least(asked.solver, [*query, *outside, *real], order, {})
            if machine is None:
                break
            here = eq(value, as_term(machine["projected.value"], width))
            if canonical:
                here = land(here, *(eq(one.term, as_term(machine[one.name], one.width)) for one in symbols))
            model = asked.model(*query, *real, here)
            if model is None:
                break
            first = machine["projected.value"]
            others = {
                one.term.hash(): _witness(
                    asked, [holds, *real], term, one, first, model.value(one.term), point, follows
                )
                for one in symbols
            }
            truth = land(*entry.constraints, holds, *real, eq(term, point))
            last = _last(asked, claripy.replace_dict(truth, others), point, first)
            _add(found, first, last)
    except _Open:
        pass
    return Values(tuple(found), exact) if found else None


def _witness(
    asked: _Asked,
    truths: Sequence[Truth],
    term: Term,
    symbol: Symbol,
    first: int,
    value: int,
    point: Term,
    follows: dict[str, bool],
) -> Term:
    """What one input is while the term takes the value ``point``: the point, if it has to be, or what it is now."""
    if symbol.term is term:
        return point
    constant = as_term(value, symbol.width)
    if symbol.width != point.size() or value != first:
        return constant
    if symbol.name not in follows:
        follows[symbol.name] = asked.follows(truths, eq(symbol.term, term))
    return point if follows[symbol.name] else constant


def _last(asked: _Asked, truth: Truth, point: Term, first: int) -> int:
    """The last value from ``first`` on up to which the truth, about ``point`` alone and true there, is true."""
    width = point.size()
    low = first
    model = asked.model(lnot(truth), point.UGT(as_term(first, width)))
    if model is None:
        return mask(width)
    high = model.value(point)
    # True from first to low, false at high. Borders mostly are round numbers.
    while high - low > 1:
        middle = _roundest(low + 1, high)
        model = asked.model(lnot(truth), point.UGT(as_term(low, width)), point.ULT(as_term(middle, width)))
        if model is not None:
            high = model.value(point)
        elif middle == high:
            return high - 1
        else:
            low = middle - 1
            if asked.model(lnot(truth), eq(point, as_term(middle, width))) is not None:
                return low
            low = middle
    return low


def _roundest(first: int, last: int) -> int:
    """The number between these two, inclusive, that ends in most zeros."""
    shift = (first - 1 ^ last).bit_length() - 1 if first else last.bit_length()
    return last >> shift << shift


def _add(found: list[Interval], first: int, last: int) -> None:
    """Add an interval that is apart from the others; those that touch become one."""
    found.append((first, last))
    found.sort()
    merged: list[Interval] = []
    for one in found:
        if merged and merged[-1][1] + 1 >= one[0]:
            merged[-1] = merged[-1][0], one[1]
        else:
            merged.append(one)
    found[:] = merged


def conjunction(solver: Solver, holds: Truth, entry: Entry) -> Conjunction:
    """What ``holds`` says about the inputs; ``solver`` as for values().

    Where it cannot hold, or the solver cannot tell, there are no conditions and it is not exact.
    """
    if decided(holds) is not None:
        return Conjunction((), bool(decided(holds)), ())
    symbols = symbols_in(entry, [holds])
    names = tuple(symbol.name for symbol in symbols)
    if len(symbols) > SYMBOLS:
        return Conjunction((), False, names)
    asked = _Asked(solver, QUERIES)
    try:
        return _conjunction(asked, holds, symbols, entry)
    except _Open:
        return Conjunction((), False, names)


def _conjunction(asked: _Asked, holds: Truth, symbols: Sequence[Symbol], entry: Entry) -> Conjunction:
    conditions = _mined(asked, holds, symbols, entry)
    if conditions is None:
        return Conjunction((), False, ())
    terms = [truth_of(one, entry) for one in conditions]
    if asked.follows(terms, holds):
        return Conjunction(tuple(conditions), True, ())
    rest: list[Truth] = []
    for part in _parts(holds):
        if asked.follows(terms, part):
            continue
        inner = lnot(part)
        opposite = _mined(asked, inner, symbols_in(entry, [inner]), entry)
        if opposite is not None and len(opposite) == 1 and asked.follows([truth_of(opposite[0], entry)], inner):
            conditions.append(replace(opposite[0], negated=True))
            terms.append(truth_of(conditions[-1], entry))
        else:
            rest.append(part)
    conditions = _needed(asked, conditions, entry)
    terms = [truth_of(one, entry) for one in conditions]
    if asked.follows(terms, holds):
        return Conjunction(tuple(conditions), True, ())
    fixed = {one.left for one in conditions if _constant(one, entry)}
    others = tuple(one.name for one in symbols_in(entry, rest or [holds]) if one.name not in fixed)
    return Conjunction(tuple(conditions), False, others)


def _constant(condition: Condition, entry: Entry) -> bool:
    symbol = entry.state.shared.layout.symbols.find(condition.left)
    return (
        symbol is not None
        and condition.kind == "bits"
        and not condition.negated
        and condition.mask == mask(symbol.width)
    )


def _parts(truth: Truth) -> list[Truth]:
    """The parts of a conjunction."""
    if decided(truth) is None and truth.op == "And":
        return [part for one in truth.args for part in _parts(one)]
    return [truth]


def _mined(asked: _Asked, holds: Truth, symbols: Sequence[Symbol], entry: Entry) -> list[Condition] | None:
    """Conditions that follow, none of them from the others; None if it cannot hold."""
    known = _Agreement(asked, holds, symbols)
    if not known.models:
        return None
    forced = {symbol.name: known.forced(symbol) for symbol in symbols}
    conditions: list[Condition] = []
    for symbol in symbols:
        bits, value = forced[symbol.name]
        one = Condition("bits", symbol.name, mask=bits, value=value) if bits else None
        if bits != mask(symbol.width) and symbol.width > 1:
            one = _ranged(asked, holds, symbol, bits, one, entry)
        if one is not None:
            conditions.append(one)
    wide = [symbol for symbol in symbols if symbol.width == 64 and forced[symbol.name][0] != FULL]
    same: dict[tuple[str, str], int] = {}
    for left, right in combinations(wide, 2):
        candidates = FULL & ~(forced[left.name][0] & forced[right.name][0])
        for other in wide:
            candidates &= ~(same.get((other.name, left.name), 0) & same.get((other.name, right.name), 0))
        bits = known.equal(left, right, candidates)
        if bits:
            bits |= forced[left.name][0] & forced[right.name][0] & ~(forced[left.name][1] ^ forced[right.name][1])
            same[left.name, right.name] = bits
            conditions.append(Condition("same", left.name, right.name, mask=bits))
    return _needed(asked, conditions, entry)


def _ranged(
    asked: _Asked, holds: Truth, symbol: Symbol, bits: int, known: Condition | None, entry: Entry
) -> Condition | None:
    """The condition on one input: its values, if few intervals say no less than its forced bits."""
    found = _values(asked, holds, symbol.term, entry, RANGES, canonical=False)
    if found is None or not found.exact or found.intervals == ((0, mask(symbol.width)),):
        return known
    missing = _complement(found.intervals, symbol.width)
    if len(missing) == 1 and missing[0][0] == missing[0][1]:
        return Condition("bits", symbol.name, mask=mask(symbol.width), value=missing[0][0], negated=True)
    count = sum(last - first + 1 for first, last in found.intervals)
    by_bits = 1 << symbol.width - bits.bit_count()
    if known is None or count < by_bits or len(found.intervals) == 1:
        return Condition("range", symbol.name, intervals=found.intervals)
    return known


def _complement(intervals: Sequence[Interval], width: int) -> list[Interval]:
    """The intervals between these, and around them."""
    starts = [0, *(last + 1 for _, last in intervals)]
    ends = [*(first - 1 for first, _ in intervals), mask(width)]
    return [(first, last) for first, last in zip(starts, ends, strict=True) if first <= last]


def _needed(asked: _Asked, conditions: Sequence[Condition], entry: Entry) -> list[Condition]:
    """The conditions without those that follow from the others; the last go first."""
    kept = list(conditions)
    # What two inputs have in common says more than the values of the second one.
    order = [one for one in conditions if one.kind == "same"] + [one for one in conditions if one.kind != "same"]
    for one in reversed(order):
        rest = [other for other in kept if other is not one]
        if asked.follows([truth_of(other, entry) for other in rest], truth_of(one, entry)):
            kept = rest
    return kept


class _Agreement:
    """In which bits all machines for which a truth holds agree, or two inputs of each. Methods raise _Open."""

    def __init__(self, asked: _Asked, holds: Truth, symbols: Sequence[Symbol]) -> None:
        self._asked, self._holds, self._symbols = asked, holds, symbols
        self.models: list[dict[str, int]] = []
        self._found(True)

    def _found(self, truth: Truth) -> bool:
        """Whether a machine with this exists; it is remembered."""
        model = self._asked.model(self._holds, truth)
        if model is not None:
            self.models.append({symbol.name: model.value(symbol.term) for symbol in self._symbols})
        return model is not None

    def forced(self, symbol: Symbol) -> tuple[int, int]:
        """The bits that have the same value in all machines, and these values."""
        value = self.models[0][symbol.name]
        same = self._common(
            symbol.term ^ as_term(value, symbol.width), symbol.width, (symbol,), value, mask(symbol.width)
        )
        return same, value & same

    def equal(self, left: Symbol, right: Symbol, candidates: int) -> int:
        """The candidates among the bits in which two inputs are the same in all machines."""
        return self._common(left.term ^ right.term, left.width, (left, right), 0, candidates)

    def _common(self, differs: Term, width: int, symbols: Sequence[Symbol], value: int, candidates: int) -> int:
        """The candidates among the bits of a term that are clear in all machines."""
        parts = [candidates]
        common = 0
        while parts:
            part = parts.pop()
            for model in self.models:
                seen = value
                for symbol in symbols:
                    seen ^= model[symbol.name]
                part &= ~seen
            if not part:
                continue
            if not self._found(differs & as_term(part, width) != as_term(0, width)):
                common |= part
            elif part & (part - 1) and not self._found(eq(differs & as_term(part, width), as_term(part, width))):
                half = part.bit_length() + (part & -part).bit_length() - 1 >> 1
                parts += [part & mask(half), part >> half << half]
        return common


def truth_of(condition: Condition, entry: Entry) -> Truth:
    """A condition as a term over the inputs of an entry. Raises ValueError for what has none, KeyError for no input."""
    truth: Truth
    match condition.kind:
        case "range":
            term = _input(condition.left, entry)
            truth = lor(*(_between(term, first, last) for first, last in condition.intervals))
        case "bits":
            term = _input(condition.left, entry)
            bits = condition.mask & mask(term.size())
            truth = eq(term & as_term(bits, term.size()), as_term(condition.value, term.size()))
        case "same":
            left, right = _input(condition.left, entry), _input(condition.right, entry)
            truth = eq((left ^ right) & as_term(condition.mask & mask(left.size()), left.size()), 0)
        case "other":
            raise ValueError("a condition of no form has no term")
    return lnot(truth) if condition.negated else truth


def _input(name: str, entry: Entry) -> Term:
    symbol = entry.state.shared.layout.symbols.find(name)
    if symbol is None:
        raise KeyError(name)
    return symbol.term


def _between(term: Term, first: int, last: int) -> Truth:
    width = term.size()
    if first == last:
        return eq(term, as_term(first, width))
    return land(
        True if first == 0 else term.UGE(as_term(first, width)),
        True if last == mask(width) else term.ULE(as_term(last, width)),
    )

# SPDX-License-Identifier: BSD-2-Clause
"""Conditions in terms, put into words that are exact: intervals, forced bits, equal inputs.

What is said is asked of the solver, not read off from how a condition is written, and does not depend on which models
it finds. Only for what to try as a negation the parts of a conjunction are taken as they are written.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import combinations

from verifier.counterexample import variables
from verifier.insights import FULL, Condition, Interval
from verifier.lift.entry import Entry
from verifier.lift.symbols import Symbol
from verifier.model import FRAME_WORDS, GPRS
from verifier.records import record
from verifier.solver import Solver
from verifier.terms import Term, Truth, as_term, decided, eq, land, lnot, lor, mask
from verifier.valueset import Agreement, Asked, Open, Values, every_value, fills, intervals, values

__all__ = ["Conjunction", "Values", "conjunction", "every_value", "symbols_in", "truth_of", "values"]

RANGES = 3
"""So many intervals are a readable condition."""
SYMBOLS, QUERIES = 40, 400
"""What depends on more inputs, or takes more queries, is not put into conditions."""
EACH = 60
"""So many queries go into one input where each is looked at alone."""


@record
class Conjunction:
    """Conditions that follow from a truth, all of them together; with ``exact`` it follows from them as well.

    ``others`` are inputs that it depends on and that no condition of an inexact conjunction says enough about.
    """

    conditions: tuple[Condition, ...]
    exact: bool
    others: tuple[str, ...]


def symbols_in(entry: Entry, truths: Sequence[Truth]) -> list[Symbol]:
    """The inputs that occur in truths, in the order of every output; the CPU configuration is none.

    The frame's words after a call are in the order of the frame's words, too: RIP tells more than RCX.
    """
    return sorted(variables(entry, truths), key=_after_calls)


def _after_calls(symbol: Symbol) -> tuple[bool, str, int]:
    """Sorts the words of the frame after each call among what calls leave; all else stays as it is."""
    call, _, word = symbol.name.rpartition(":frame.")
    if symbol.kind != "havoc" or not call:
        return symbol.kind == "havoc", "", 0
    order = (*FRAME_WORDS, *GPRS)
    return True, call, order.index(word) if word in order else len(order)


def said_of(
    solver: Solver, holds: Truth, entry: Entry, symbols: Sequence[Symbol], ranged: Collection[Symbol]
) -> tuple[Condition, ...]:
    """Conditions on these inputs alone that follow, one by one: forced bits, and for those of ``ranged`` intervals.

    What takes more than EACH queries for an input is left out.
    """
    found: list[Condition] = []
    try:
        known = Agreement(Asked(solver), holds)
    except Open:
        return ()
    for symbol in symbols if known.models else ():
        one: Condition | None = None
        known.asked = Asked(solver, EACH)
        try:
            bits, value = known.forced(symbol.term)
            one = Condition("bits", symbol.name, mask=bits, value=value) if bits else None
            if bits != mask(symbol.width) and symbol.width > 1 and symbol in ranged:
                one = _ranged(known, symbol, one, entry)
        except Open:
            pass
        found += [] if one is None else [one]
    return tuple(found)


def conjunction(solver: Solver, holds: Truth, entry: Entry, queries: int = QUERIES) -> Conjunction:
    """What ``holds`` says about the inputs; ``solver`` as for values(), which is asked ``queries`` times at most.

    Where it cannot hold, or the solver cannot tell, there are no conditions and it is not exact.
    """
    if decided(holds) is not None:
        return Conjunction((), bool(decided(holds)), ())
    symbols = symbols_in(entry, [holds])
    names = tuple(symbol.name for symbol in symbols)
    if len(symbols) > SYMBOLS:
        return Conjunction((), False, names)
    asked = Asked(solver, queries)
    found: list[Condition] | None = []
    try:
        found = _mined(asked, holds, symbols, entry)
        if found is None:
            return Conjunction((), False, ())
        if _enough(asked, found, holds, entry):
            return Conjunction(tuple(found), True, ())
        conditions, rest = _with_opposites(asked, found, holds, entry)
        if not rest and _enough(asked, conditions, holds, entry):
            return Conjunction(tuple(conditions), True, ())
    except Open:
        # What was found out before follows all the same.
        return Conjunction(tuple(found or ()), False, names)
    fixed = {one.left for one in conditions if _constant(one, entry)}
    others = tuple(one.name for one in symbols_in(entry, rest or [holds]) if one.name not in fixed)
    return Conjunction(tuple(conditions), False, others)


def _enough(asked: Asked, conditions: Sequence[Condition], holds: Truth, entry: Entry) -> bool:
    """Whether a truth follows from conditions."""
    return asked.follows([truth_of(one, entry) for one in conditions], holds)


def _with_opposites(
    asked: Asked, known: Sequence[Condition], holds: Truth, entry: Entry
) -> tuple[list[Condition], list[Truth]]:
    """Conditions with the opposite of one for each part of a conjunction that has such a form; and the other parts."""
    conditions = list(known)
    rest: list[Truth] = []
    for part in _parts(holds):
        if _enough(asked, conditions, part, entry):
            continue
        inner = lnot(part)
        opposite = _mined(asked, inner, symbols_in(entry, [inner]), entry)
        if opposite is not None and len(opposite) == 1 and _enough(asked, opposite, inner, entry):
            conditions.append(replace(opposite[0], negated=not opposite[0].negated))
        else:
            rest.append(part)
    return _needed(asked, conditions, entry), rest


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


def _mined(asked: Asked, holds: Truth, symbols: Sequence[Symbol], entry: Entry) -> list[Condition] | None:
    """Conditions that follow, none of them from the others; None if it cannot hold."""
    known = Agreement(asked, holds)
    if not known.models:
        return None
    forced = {symbol.name: known.forced(symbol.term) for symbol in symbols}
    conditions: list[Condition] = []
    for symbol in symbols:
        bits, value = forced[symbol.name]
        one = Condition("bits", symbol.name, mask=bits, value=value) if bits else None
        if bits != mask(symbol.width) and symbol.width > 1:
            one = _ranged(known, symbol, one, entry)
        if one is not None:
            conditions.append(one)
    wide = [symbol for symbol in symbols if symbol.width == 64 and forced[symbol.name][0] != FULL]
    for left, right in combinations(wide, 2):
        bits = known.equal(left.term, right.term)
        if bits & ~(forced[left.name][0] & forced[right.name][0]):
            conditions.append(Condition("same", left.name, right.name, mask=bits))
    return _needed(asked, conditions, entry)


def _ranged(known: Agreement, symbol: Symbol, bits: Condition | None, entry: Entry) -> Condition | None:
    """The condition on one input: its values, if few intervals say no less than its forced bits."""
    # Where other bits are above the forced ones, intervals that say no more are many.
    if (
        bits is not None
        and bits.mask >> symbol.width - 1 == 0
        and fills(known, symbol.term, entry, bits.mask, bits.value)
    ):
        return bits
    found = intervals(known, symbol.term, entry, RANGES)
    if found is None or not found.exact or found.intervals == ((0, mask(symbol.width)),):
        return bits
    missing = _complement(found.intervals, symbol.width)
    if len(missing) == 1 and missing[0][0] == missing[0][1]:
        return Condition("bits", symbol.name, mask=mask(symbol.width), value=missing[0][0], negated=True)
    count = sum(last - first + 1 for first, last in found.intervals)
    if bits is None or len(found.intervals) == 1 or count < 1 << symbol.width - bits.mask.bit_count():
        return Condition("range", symbol.name, intervals=found.intervals)
    return bits


def _complement(intervals: Sequence[Interval], width: int) -> list[Interval]:
    """The intervals between these, and around them."""
    starts = [0, *(last + 1 for _, last in intervals)]
    ends = [*(first - 1 for first, _ in intervals), mask(width)]
    return [(first, last) for first, last in zip(starts, ends, strict=True) if first <= last]


def _needed(asked: Asked, conditions: Sequence[Condition], entry: Entry) -> list[Condition]:
    """The conditions without those that follow from the others; the last go first."""
    kept = list(conditions)
    # What two inputs have in common says more than the values of the second one.
    order = [one for one in conditions if one.kind == "same"] + [one for one in conditions if one.kind != "same"]
    for one in reversed(order):
        rest = [other for other in kept if other is not one]
        if asked.follows([truth_of(other, entry) for other in rest], truth_of(one, entry)):
            kept = rest
    return kept


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

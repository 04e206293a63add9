# SPDX-License-Identifier: BSD-2-Clause
"""The least model of a query: one canonical assignment that no solver version can change.

Variables are taken in a fixed order; each gets the least value that it can
have after those before it. A variable that could have any value, the others
being fixed, is a don't-care.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from verifier.lift.symbols import Symbol
from verifier.solver import Model, Solver
from verifier.terms import Term, Truth, as_term, eq, lnot


def place(solver: Solver, query: Sequence[Truth], wishes: Sequence[tuple[Term, int]]) -> list[tuple[Term, int]]:
    """Those wishes, each a term with its value, that the query admits, taken in order."""
    wanted = [eq(term, as_term(value, 64)) for term, value in wishes]
    with solver.scope():
        solver.assume(*query)
        # Where all of them can hold together, each can with those before it.
        if solver.check(*wanted) == "sat":
            return list(wishes)
        kept: list[tuple[Term, int]] = []
        for wish, equation in zip(wishes, wanted, strict=True):
            if solver.check(equation) == "sat":
                solver.assume(equation)
                kept.append(wish)
    return kept


def least(
    solver: Solver, query: Sequence[Truth], symbols: Sequence[Symbol], known: Mapping[str, int]
) -> dict[str, int] | None:
    """The lexicographically least value of each symbol; None if the query has no model.

    ``known`` has values that the query itself gives to symbols.
    """
    with solver.scope():
        solver.assume(*query)
        model = solver.model()
        if model is None:
            return None
        values: dict[str, int] = {}
        for symbol in symbols:
            if symbol.name in known:
                values[symbol.name] = known[symbol.name]
                continue
            model, values[symbol.name] = _least_value(solver, symbol, model)
            solver.assume(eq(symbol.term, as_term(values[symbol.name], symbol.width)))
        return values


def _least_value(solver: Solver, symbol: Symbol, model: Model) -> tuple[Model, int]:
    """The least value of one symbol, and a model that has it.

    Most values are forced, or 0 in the model at hand: then one query, or none, tells. Otherwise the
    bits are settled from the top; those above ``settled`` are as the least value has them.
    """
    settled, current = symbol.width, model.value(symbol.term)
    tried = False
    while current:
        smaller = symbol.term.ULT(as_term(current, symbol.width))
        answer, lower = solver.solve(smaller, _prefix(symbol, current, settled))
        if answer == "unsat":
            break
        if lower is not None:
            model, current = lower, lower.value(symbol.term)
        if current and not tried:
            tried = True
            zero = solver.model(eq(symbol.term, as_term(0, symbol.width)))
            if zero is not None:
                return zero, 0
        settled = min(settled, current.bit_length())
        while settled and not current >> settled - 1 & 1:
            settled -= 1
        if not settled:
            break
        # The highest bit that may still be cleared.
        top = current >> settled - 1 << settled - 1
        without = solver.model(symbol.term.ULT(as_term(top, symbol.width)), _prefix(symbol, current, settled))
        settled -= 1
        if without is not None:
            model, current = without, without.value(symbol.term)
    return model, current


def _prefix(symbol: Symbol, current: int, settled: int) -> Truth:
    """The bits from ``settled`` on are as they are now."""
    if settled == symbol.width:
        return True
    above = symbol.term[symbol.width - 1 : settled]
    return eq(above, as_term(current >> settled, symbol.width - settled))


def cares(
    solver: Solver,
    premises: Sequence[Truth],
    conclusion: Truth,
    symbols: Sequence[Symbol],
    values: dict[str, int],
) -> tuple[Symbol, ...]:
    """The symbols whose values matter: dropped are those without which the rest still forces the conclusion."""
    with solver.scope():
        solver.assume(*premises, lnot(conclusion))
        fixed = [eq(symbol.term, as_term(values[symbol.name], symbol.width)) for symbol in symbols]
        return tuple(symbols[index] for index in solver.dropping(fixed))

# SPDX-License-Identifier: BSD-2-Clause
"""The least model of a query: one canonical assignment that no solver version can change.

Variables are taken in a fixed order; each gets the least value that it can
have after those before it. A variable that could have any value, the others
being fixed, is a don't-care.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifier.lift.symbols import Symbol
from verifier.solver import Model, Solver
from verifier.terms import Term, Truth, as_term, eq, lnot


def place(solver: Solver, query: Sequence[Truth], wishes: Sequence[tuple[Term, int]]) -> list[Truth]:
    """Those equations term = value that the query admits, taken in order."""
    kept: list[Truth] = []
    with solver.scope():
        solver.assume(*query)
        for term, value in wishes:
            wish = eq(term, as_term(value, 64))
            if solver.check(wish) == "sat":
                solver.assume(wish)
                kept.append(wish)
    return kept


def least(solver: Solver, query: Sequence[Truth], symbols: Sequence[Symbol]) -> dict[str, int] | None:
    """The lexicographically least value of each symbol; None if the query has no model."""
    with solver.scope():
        solver.assume(*query)
        model = solver.model()
        if model is None:
            return None
        values: dict[str, int] = {}
        for symbol in symbols:
            model, values[symbol.name] = _least_value(solver, symbol, model)
            solver.assume(eq(symbol.term, as_term(values[symbol.name], symbol.width)))
        return values


def _least_value(solver: Solver, symbol: Symbol, model: Model) -> tuple[Model, int]:
    """The least value of one symbol, bit by bit from the top, and a model that has it.

    A bit that is 0 in the model at hand costs no query.
    """
    current = model.value(symbol.term)
    if current == 0:
        return model, 0
    zero = solver.model(eq(symbol.term, as_term(0, symbol.width)))
    if zero is not None:
        return zero, 0
    for index in range(symbol.width - 1, -1, -1):
        if not current >> index & 1:
            continue
        top = current >> index << index
        smaller = symbol.term.ULT(as_term(top, symbol.width))
        lower = solver.model(smaller, _prefix(symbol, current, index))
        if lower is not None:
            model, current = lower, lower.value(symbol.term)
    return model, current


def _prefix(symbol: Symbol, current: int, index: int) -> Truth:
    """The bits above ``index`` are as they are now."""
    if index == symbol.width - 1:
        return True
    above = symbol.term[symbol.width - 1 : index + 1]
    return eq(above, as_term(current >> index + 1, symbol.width - 1 - index))


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

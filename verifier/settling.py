# SPDX-License-Identifier: BSD-2-Clause
"""Terms in which some symbols are given a value, or only have to have one: substitution and elimination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import claripy

from verifier.terms import Term, Truth, as_truth, decided, land, lnot, lor

MOST = 6
"""So many Booleans are eliminated by trying both values of each: 64 copies."""


def settled(term: Term, values: Mapping[str, Term]) -> Term:
    """A term, or a truth, with symbols by name replaced; Boolean operators are folded on the way.

    A subterm that occurs often is looked at once: terms are graphs, and as trees they may be very large.
    """
    if isinstance(term, (bool, int)):
        return term
    names = frozenset(values)
    done: dict[int, Any] = {}
    todo: list[tuple[Any, bool]] = [(term, False)]
    while todo:
        one, ready = todo.pop()
        key = one.hash()
        if key in done:
            continue
        if not one.variables & names:
            done[key] = one
        elif one.op in ("BoolS", "BVS"):
            done[key] = as_truth(values[one.args[0]])
        elif ready:
            parts = [done[part.hash()] if isinstance(part, claripy.ast.Base) else part for part in one.args]
            done[key] = _rebuilt(one, parts)
        else:
            todo.append((one, True))
            todo += [(part, False) for part in one.args if isinstance(part, claripy.ast.Base)]
    return done[term.hash()]


def _rebuilt(term: Any, parts: Sequence[Any]) -> Any:
    match term.op:
        case "And":
            return as_truth(land(*parts))
        case "Or":
            return as_truth(lor(*parts))
        case "Not":
            return as_truth(lnot(parts[0]))
        case "If":
            known = decided(parts[0])
            if known is not None:
                return parts[1] if known else parts[2]
    return term.make_like(term.op, tuple(parts))


def without(conjuncts: Sequence[Truth], prefix: str) -> Truth | None:
    """That the conjuncts hold together for some values of the Booleans whose names begin with ``prefix``.

    The result is without these Booleans; None if there are too many of them.
    """
    rest = [one for one in conjuncts if decided(one) is not True]
    if any(decided(one) is False for one in rest):
        return False
    # A Boolean that is a conjunct of its own, and nothing else, can always be chosen.
    alone = [(index, name) for index, one in enumerate(rest) if (name := _literal(one, prefix)) is not None]
    superfluous = {
        index
        for index, name in alone
        if not any(name in one.variables for other, one in enumerate(rest) if other != index)
    }
    whole = land(*(one for index, one in enumerate(rest) if index not in superfluous))
    if decided(whole) is not None:
        return whole
    names = sorted(name for name in whole.variables if name.startswith(prefix))
    if len(names) > MOST:
        return None
    choices = (dict(zip(names, values, strict=True)) for values in product((False, True), repeat=len(names)))
    return lor(*(settled(whole, choice) for choice in choices)) if names else whole


def _literal(truth: Any, prefix: str) -> str | None:
    """The name of the Boolean that a truth is, or is the opposite of."""
    inner = truth.args[0] if truth.op == "Not" else truth
    return inner.args[0] if inner.op == "BoolS" and inner.args[0].startswith(prefix) else None

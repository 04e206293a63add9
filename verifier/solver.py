# SPDX-License-Identifier: BSD-2-Clause
"""Satisfiability of claripy terms, by z3; everything but a definite answer is "unknown".

claripy's own solver front end simplifies and caches behind the scenes; here
each query is the terms themselves, converted and handed to one z3 solver.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import claripy
import z3

from verifier.terms import Term, Truth, as_truth, decided

Answer = Literal["sat", "unsat", "unknown"]


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds of one query: ``rlimit`` is z3's deterministic resource count, ``milliseconds`` wall time; 0: none."""

    rlimit: int = 0
    milliseconds: int = 0


@dataclass(slots=True)
class Statistics:
    """Queries asked, by answer."""

    queries: int = 0
    unknown: int = 0


def to_z3(term: Term) -> Any:
    """The z3 expression of a claripy term, in z3's main context."""
    return claripy.backends.z3.convert(as_truth(term) if isinstance(term, bool) else term)


class Solver:
    """Queries under fixed assumptions. Not safe to share between threads."""

    def __init__(self, assumptions: Iterable[Truth], budget: Budget = Budget()) -> None:
        self._solver = z3.Solver()
        if budget.milliseconds:
            self._solver.set("timeout", budget.milliseconds)
        if budget.rlimit:
            self._solver.set("rlimit", budget.rlimit)
        self.statistics = Statistics()
        self.assume(*assumptions)

    def assume(self, *truths: Truth) -> None:
        """Add assumptions for every later query."""
        for truth in truths:
            self._solver.add(to_z3(truth))

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Assumptions made inside end with the block."""
        self._solver.push()
        try:
            yield
        finally:
            self._solver.pop()

    def check(self, *truths: Truth) -> Answer:
        """Whether all of the truths can hold together under the assumptions."""
        return self._ask(truths)[0]

    def model(self, *truths: Truth) -> Model | None:
        """A model of the truths, or None if they cannot hold or z3 does not know."""
        return self._ask(truths, wanted=True)[1]

    def solve(self, *truths: Truth) -> tuple[Answer, Model | None]:
        """Answer and, where it is "sat", a model."""
        return self._ask(truths, wanted=True)

    def _ask(self, truths: tuple[Truth, ...], wanted: bool = False) -> tuple[Answer, Model | None]:
        if any(decided(truth) is False for truth in truths):
            return "unsat", None
        self.statistics.queries += 1
        self._solver.push()
        try:
            for truth in truths:
                if decided(truth) is not True:
                    self._solver.add(to_z3(truth))
            answer = self._solver.check()
            if answer == z3.sat:
                return "sat", Model(self._solver.model()) if wanted else None
            if answer == z3.unsat:
                return "unsat", None
            self.statistics.unknown += 1
            return "unknown", None
        finally:
            self._solver.pop()


class Model:
    """A satisfying assignment; symbols that it leaves open are 0."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def value(self, term: Term) -> int:
        """The unsigned value of a bit vector."""
        if isinstance(term, int):
            return term
        if term.op == "BVV":
            return int(term.args[0])
        return int(self._model.eval(to_z3(term), model_completion=True).as_long())

    def holds(self, truth: Truth) -> bool:
        """Whether a Boolean holds."""
        known = decided(truth)
        if known is not None:
            return known
        return bool(z3.is_true(self._model.eval(to_z3(truth), model_completion=True)))

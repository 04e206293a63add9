# SPDX-License-Identifier: BSD-2-Clause
"""Satisfiability of claripy terms, by z3; everything but a definite answer is "unknown".

claripy's own solver front end simplifies and caches behind the scenes; here
each query is the terms themselves, converted and handed to one z3 solver.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import claripy
import z3

from verifier import stops
from verifier.records import record
from verifier.terms import Term, Truth, as_truth, decided

MEMORY = 1536
"""So many MiB z3 may use; it gives up near that. (Its other limit, memory_max_size, ends the process.)"""

z3.set_param("memory_high_watermark_mb", MEMORY)

QUICK = 1000000
"""z3 resource units that the incremental solver may spend on a query before a solver of its own gets it.

The incremental one is quicker on the many small queries, and at times a
hundred times slower on a larger one.
"""

Answer = Literal["sat", "unsat", "unknown"]


@record
class Budget:
    """Bounds of one query: ``rlimit`` is z3's deterministic resource count, ``milliseconds`` wall time; 0: none.

    After ``deadline``, a time.monotonic() instant, every query is unknown.
    """

    rlimit: int = 0
    milliseconds: int = 0
    deadline: float | None = None


UNBOUNDED = Budget()


@dataclass(slots=True)
class Statistics:
    """Queries asked, by answer."""

    queries: int = 0
    unknown: int = 0


def to_z3(term: Term) -> Any:
    """The z3 expression of a claripy term, in z3's main context."""
    return claripy.backends.z3.convert(as_truth(term) if isinstance(term, bool) else term)


class Solver:
    """Queries under fixed assumptions. Not safe to share between threads.

    ``apart``: with terms of its own, so that which models are found, and what fits into the bounds, does not depend on
    what this process has asked before. It costs a copy of each term.
    """

    def __init__(self, assumptions: Iterable[Truth], budget: Budget = UNBOUNDED, apart: bool = False) -> None:
        self._budget = budget
        self._told = float("inf")
        self._broken = False
        self._context = z3.Context() if apart else None
        self._copies: dict[int, Any] = {}
        self._solver = z3.Solver(ctx=self._context)
        self._solver.set("rlimit", QUICK if not budget.rlimit else min(QUICK, budget.rlimit))
        self.statistics = Statistics()
        self.assume(*assumptions)

    def _own(self, term: Term) -> Any:
        """The z3 expression of a term, where this solver can use it."""
        if self._context is None:
            return to_z3(term)
        if isinstance(term, bool):
            return z3.BoolVal(term, self._context)
        name = term.hash()
        if name not in self._copies:
            self._copies[name] = to_z3(term).translate(self._context)
        return self._copies[name]

    def assume(self, *truths: Truth) -> None:
        """Add assumptions for every later query."""
        with self._survived():
            for truth in truths:
                self._solver.add(self._own(truth))

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Assumptions made inside end with the block."""
        pushed = False
        with self._survived():
            self._solver.push()
            pushed = True
        try:
            yield
        finally:
            with self._survived():
                if pushed:
                    self._solver.pop()

    @contextmanager
    def _survived(self) -> Iterator[None]:
        """Whatever z3 raises, out of memory above all, makes this and every later answer unknown."""
        try:
            yield
        except z3.Z3Exception:
            self._broken = True

    def dropping(self, truths: Sequence[Truth]) -> tuple[int, ...]:
        """Indices of truths that stay when each that is not needed for a contradiction is dropped, last first.

        Under the assumptions all of them together must be contradictory;
        otherwise all stay. The result does not depend on which core z3 finds.
        """
        kept = list(range(len(truths)))
        with self._survived():
            kept = self._dropping(truths, kept)
        return tuple(kept)

    def _dropping(self, truths: Sequence[Truth], kept: list[int]) -> list[int]:
        names = [z3.Bool(f"!{index}", self._context) for index in range(len(truths))]
        with self.scope():
            self._solver.set("rlimit", self._budget.rlimit)
            for name, truth in zip(names, truths, strict=True):
                self._solver.add(z3.Implies(name, self._own(truth)))
            core = self._core(names)
            if core is None:
                self._solver.set("rlimit", QUICK)
                return kept
            for index in reversed(range(len(truths))):
                rest = [other for other in kept if other != index]
                smaller = core if index not in core else self._core([names[other] for other in rest])
                if smaller is not None:
                    kept, core = rest, smaller
            self._solver.set("rlimit", QUICK)
            return kept

    def _core(self, names: Sequence[Any]) -> frozenset[int] | None:
        stops.check()
        self.statistics.queries += 1
        if self._late():
            return None
        self._hurry()
        if self._solver.check(*names) != z3.unsat:
            return None
        return frozenset(int(str(name)[1:]) for name in self._solver.unsat_core())

    def _late(self) -> bool:
        if self._broken:
            return True
        return self._budget.deadline is not None and time.monotonic() > self._budget.deadline

    def _left(self) -> float:
        """Milliseconds to the deadline."""
        if self._budget.deadline is None:
            return float("inf")
        return max(1.0, 1000 * (self._budget.deadline - time.monotonic()))

    def _hurry(self) -> None:
        """Tell z3 how much time there is, each time that it is half of what it was.

        Its resource count does not bound the time that it needs to make clauses of a query.
        """
        left = self._left()
        if left < self._told / 2:
            self._told = left
            self._solver.set("timeout", int(left))

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
        if self._late():
            return "unknown", None
        stops.check()
        self.statistics.queries += 1
        self._hurry()
        found: tuple[Answer, Model | None] = "unknown", None
        with self._survived(), self.scope():
            for truth in truths:
                if decided(truth) is not True:
                    self._solver.add(self._own(truth))
            answer = self._solver.check()
            if answer == z3.sat:
                found = "sat", Model(self._solver.model(), self._own) if wanted else None
            elif answer == z3.unsat:
                found = "unsat", None
            else:
                found = self._alone(wanted)
        self.statistics.unknown += found[0] == "unknown"
        return ("unknown", None) if self._broken else found

    def _alone(self, wanted: bool) -> tuple[Answer, Model | None]:
        """The query that is now on the stack, in a solver of its own, which may simplify it as a whole."""
        solver = z3.SolverFor("QF_BV", ctx=self._context)
        bound = min(self._left(), self._budget.milliseconds or float("inf"))
        if bound < float("inf"):
            solver.set("timeout", int(bound))
        if self._budget.rlimit:
            solver.set("rlimit", self._budget.rlimit)
        solver.add(*self._solver.assertions())
        answer = solver.check()
        if answer == z3.sat:
            return "sat", Model(solver.model(), self._own) if wanted else None
        if answer == z3.unsat:
            return "unsat", None
        return "unknown", None


class Model:
    """A satisfying assignment; symbols that it leaves open are 0."""

    def __init__(self, model: Any, own: Callable[[Term], Any] = to_z3) -> None:
        self._model, self._own = model, own

    def value(self, term: Term) -> int:
        """The unsigned value of a bit vector."""
        if isinstance(term, int):
            return term
        if term.op == "BVV":
            return int(term.args[0])
        return int(self._model.eval(self._own(term), model_completion=True).as_long())

    def holds(self, truth: Truth) -> bool:
        """Whether a Boolean holds."""
        known = decided(truth)
        if known is not None:
            return known
        return bool(z3.is_true(self._model.eval(self._own(truth), model_completion=True)))

# SPDX-License-Identifier: BSD-2-Clause
"""The solver's bounds: whatever ends a query early is "unknown", for that query and, where z3 broke, for later ones."""

from __future__ import annotations

import time
from typing import Any

import claripy
import pytest
import z3

from verifier.solver import MEMORY, Budget, Solver

X = claripy.BVS("x", 64, explicit_name=True)
Y = claripy.BVS("y", 64, explicit_name=True)
HARD = (X * Y == 0x123456789ABCDEF1, X > 3, Y > 3, X < 1 << 33, Y < 1 << 33)
"""A product of two unknown numbers: far more than a hundred resource units."""


class Raising:
    """A z3 solver of which some method raises, as it does when memory is at an end."""

    def __init__(self, inner: Any, method: str) -> None:
        self.inner, self.method = inner, method

    def __getattr__(self, name: str) -> Any:
        if name == self.method:
            raise z3.Z3Exception(b"max. memory exceeded")
        return getattr(self.inner, name)


@pytest.mark.parametrize("method", ["push", "pop", "add", "check"])
def test_broken_solver_knows_nothing(method: str) -> None:
    """Whatever z3 raises, that answer and all later ones are "unknown", and nothing is dropped from a core."""
    solver = Solver([X == 1])
    assert solver.check(X == 2) == "unsat"
    solver._solver = Raising(solver._solver, method)
    assert solver.check(X == 2) == "unknown"
    assert solver.solve(X == 1) == ("unknown", None)
    assert solver.model(X == 1) is None
    assert solver.dropping([X == 2, Y == 1]) == (0, 1)


def test_broken_at_the_assumptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A solver that could not take its assumptions answers nothing: without them "sat" would mean something else."""

    def refuse(*_: object) -> None:
        raise z3.Z3Exception(b"max. memory exceeded")

    monkeypatch.setattr(z3.Solver, "add", refuse)
    solver = Solver([X == 1])
    monkeypatch.undo()
    assert solver.check(X == 2) == "unknown"


def test_core_leaves_only_what_is_needed() -> None:
    """Where nothing breaks, what a contradiction does not need is dropped."""
    assert Solver([X == 1]).dropping([Y == 5, X == 2]) == (1,)


def test_query_behind_the_deadline_is_unknown() -> None:
    """After the deadline nothing is asked, not even what is easy."""
    solver = Solver([X == 1], Budget(deadline=time.monotonic() - 1))
    assert solver.check(X == 2) == "unknown"
    assert solver.statistics.queries == 0


def test_hard_query_ends_at_its_resource_limit() -> None:
    """A resource limit ends a query with "unknown", which is counted, and the next easy one is answered."""
    solver = Solver([], Budget(rlimit=100))
    assert solver.check(*HARD) == "unknown"
    assert solver.statistics.unknown == 1
    assert solver.check(X == 1, X == 2) == "unsat"


def test_memory_limit_is_in_force() -> None:
    """z3 was told how much memory it may use, by the limit that raises and does not end the process."""
    assert int(z3.get_param("memory_high_watermark_mb")) == MEMORY
    assert int(z3.get_param("memory_max_size")) == 0

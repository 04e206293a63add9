# SPDX-License-Identifier: BSD-2-Clause
"""Conditions in terms, put into words that are exact: intervals, forced bits, equal inputs."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.counterexample import variables
from verifier.insights import Condition, Interval
from verifier.lift.entry import Entry
from verifier.lift.symbols import Symbol
from verifier.records import record
from verifier.solver import Solver
from verifier.terms import Term, Truth


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


def symbols_in(entry: Entry, truths: Sequence[Truth]) -> list[Symbol]:
    """The inputs that occur in truths, in the order of every output; the CPU configuration is none."""
    return variables(entry, truths)


def values(solver: Solver, holds: Truth, term: Term, entry: Entry) -> Values | None:
    """The values that ``term`` (64 bits at most) has on machines for which ``holds``; None if nobody can tell."""
    raise NotImplementedError


def conjunction(solver: Solver, holds: Truth, entry: Entry) -> Conjunction:
    """What ``holds`` says about the inputs."""
    names = tuple(symbol.name for symbol in symbols_in(entry, [holds]))
    return Conjunction((Condition("other", names=names),), False, names)

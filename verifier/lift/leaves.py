# SPDX-License-Identifier: BSD-2-Clause
"""What an exploration finds: leaves, with the states in front of them, and the bounds it keeps to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from verifier.lift.decode import Decoded
from verifier.lift.state import State
from verifier.model import Location, Reason
from verifier.records import record
from verifier.terms import Term, Truth

LeafKind = Literal["exit", "trap", "external", "return", "loop", "problem", "aside"]


@record
class Bounds:
    """Bounds of an exploration; a bound that is hit makes the verdict inconclusive.

    ``visits``: of one instruction on one path. ``unroll``: turns of a loop with
    a constant trip count before it is summarised like any other. ``open_visits``: of one branch
    on one path whose outcome is not a constant. ``steps``: instructions in all.
    ``deadline``: a time.monotonic() instant, or None.
    """

    visits: int = 4096
    unroll: int = 512
    open_visits: int = 40
    steps: int = 100_000
    deadline: float | None = None


@record
class Leaf:
    """The end of a path: ``state`` is the machine before ``decoded``; ``detail`` names what ended it."""

    kind: LeafKind
    detail: str
    decoded: Decoded
    location: Location
    state: State
    reason: Reason | None = None


@dataclass(slots=True)
class Exploration:
    """Everything that an exploration found."""

    leaves: list[Leaf] = field(default_factory=list)
    steps: int = 0
    joins: int = 0
    forks: int = 0


Choose = Callable[[Truth], bool]
Observe = Callable[[Decoded, State, State, str], None]
Guard = Callable[[int, Truth, Term, tuple[Truth, ...]], Truth]
"""From a branch's place, its condition, where it goes then, and the path in front of it to the condition to use."""

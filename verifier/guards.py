# SPDX-License-Identifier: BSD-2-Clause
"""Which branches the proof of a clause rests on.

The path is explored once more with a switch at each branch whose outcome is open: while it is off,
the branch goes either way on any machine. A clause that is proved with all switches on needs some
of them; those that remain when every superfluous one is dropped, last first, are what it rests on.
There may be other such sets: where two branches test the same, one of them is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import claripy

from verifier.clauses import Clause
from verifier.prove import Path
from verifier.solver import Budget, Solver
from verifier.terms import Truth, decided, land, lnot, lor


@dataclass(slots=True)
class Switches:
    """The switches of one exploration, made as its branches are met; ``solver`` takes each as on."""

    solver: Solver
    uses: dict[int, Truth] = field(default_factory=dict)
    _made: int = 0

    def guarded(self, place: int, condition: Truth) -> Truth:
        """The condition of the branch at ``place``, or any outcome while its switch is off."""
        if decided(condition) is not None:
            return condition
        use = self.uses.get(place)
        if use is None:
            use = self.uses[place] = claripy.BoolS(f"guard.{place:#x}", explicit_name=True)
            # What no machine reaches with every branch in its place is not explored.
            self.solver.assume(use)
        self._made += 1
        free = claripy.BoolS(f"free.{self._made}", explicit_name=True)
        return lor(land(use, condition), land(lnot(use), free))


def resting(
    paths: Sequence[Path],
    clauses: Iterable[Clause],
    configs: Truth,
    assumptions: Sequence[Truth],
    uses: Mapping[int, Truth],
    budget: Budget,
) -> dict[str, frozenset[int]]:
    """For each clause that holds on all ``paths`` the places of the branches that its proof rests on.

    ``paths`` are those of an exploration with switches, ``uses`` its switches and ``configs`` the CPU
    configurations. A clause that does not hold, or that the solver cannot tell of, is left out.
    """
    places, switches = list(uses), list(uses.values())
    found: dict[str, frozenset[int]] = {}
    solver = Solver(assumptions, budget)
    solver.assume(configs)
    for clause in clauses:
        truths = [clause.holds(path.view) for path in paths]
        if any(truth is None for truth in truths):
            continue
        fails = [land(*path.conditions, lnot(truth)) for path, truth in zip(paths, truths, strict=True)]
        wrong = lor(*fails)
        if decided(wrong) is False:
            found[clause.id] = frozenset()
            continue
        with solver.scope():
            solver.assume(wrong)
            if solver.check(*switches) != "unsat":
                continue
            found[clause.id] = frozenset(places[index] for index in solver.dropping(switches))
    return found

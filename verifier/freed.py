# SPDX-License-Identifier: BSD-2-Clause
"""An entry explored once more with a switch at each guard: while it is off, the branch goes either way.

All terms are over the symbols of the first exploration, so that both can stand in one query. What only machines with
some guards off reach is explored as well: only so can be told what a missing guard would let through.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import claripy

from verifier.exploring import Survey, by_site, compared, explorer_of, path_to
from verifier.lift.explore import Explorer, Leaf
from verifier.obligations import JUDGED
from verifier.prove import Path
from verifier.records import record
from verifier.solver import Solver
from verifier.terms import Term, Truth, decided, land, lnot, lor


@dataclass(slots=True)
class Switches:
    """The switches of one exploration, made as its guards are met.

    ``uses`` has the switch of each guard by its place, ``conditions`` where its branch goes to and when: an address
    with the condition, once for each time that it was met. Where the condition does not hold it goes to the other one.
    """

    uses: dict[int, Truth] = field(default_factory=dict)
    conditions: dict[int, list[tuple[Term, Truth]]] = field(default_factory=lambda: defaultdict(list))
    _made: int = 0

    def guarded(self, place: int, condition: Truth, target: Term) -> Truth:
        """The condition of the branch at ``place`` to ``target``, or any outcome while its switch is off."""
        if decided(condition) is not None:
            return condition
        if place not in self.uses:
            self.uses[place] = claripy.BoolS(f"guard.{place:#x}", explicit_name=True)
        self.conditions[place].append((target, condition))
        use = self.uses[place]
        self._made += 1
        free = claripy.BoolS(f"free.{self._made}", explicit_name=True)
        return lor(land(use, condition), land(lnot(use), free))


@record
class Freed:
    """What the second exploration found.

    ``paths`` leads to each exit, by address and kind, but for those that cannot be followed to the end with
    more ways open. ``stray`` are the leaves at which nothing is known: what could
    not be followed, and exits that no machine reaches with every guard on.
    """

    switches: Switches
    explorer: Explorer
    paths: Mapping[tuple[int, str], tuple[Path, ...]]
    stray: tuple[Leaf, ...]


def freed(survey: Survey) -> Freed | None:
    """Explore the survey's entry with switches; None where that meets a stack behind a pointer that was unknown."""
    task, setting = survey.task, survey.setting
    entry = setting.entry
    layout = entry.state.shared.layout
    switches = Switches()
    solver = Solver(entry.constraints, task.budget)
    explorer = explorer_of(task, solver, setting.follow, switches.guarded)
    layout.promoted = False
    found = explorer.run(entry.state.copy())
    if layout.promoted:
        return None
    exits = {(one.site.location.address, one.site.kind): one for one in survey.exits}
    paths: dict[tuple[int, str], tuple[Path, ...]] = {}
    known = {id(leaf) for leaf in found.leaves if leaf.kind == "exit" and leaf.detail not in JUDGED}
    for key, leaves in sorted(by_site(task, found.leaves).items()):
        if key not in exits:
            continue
        known |= {id(leaf) for leaf in leaves}
        here = exits[key].setting
        if task.auto:
            pair = compared(task, setting, explorer, leaves, here.cr3_reference, solver)
            if pair is None:
                return None
            here = pair[0]
        paths[key] = tuple(path_to(here, leaf) for leaf in leaves)
    stray = [
        leaf
        for leaf in found.leaves
        if (leaf.kind == "problem" or (leaf.kind == "exit" and task.only in (None, leaf.decoded.address)))
        and id(leaf) not in known
    ]
    return Freed(switches, explorer, paths, tuple(stray))

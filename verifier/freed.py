# SPDX-License-Identifier: BSD-2-Clause
"""An entry explored once more with a switch at each guard: while it is off, the branch goes either way.

All terms are over the symbols of the first exploration, so that both can stand in one query. What only machines with
some guards off reach is explored as well: only so can be told what a missing guard would let through.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import claripy

from verifier.exploring import Survey, by_site, compared, explorer_of, path_to
from verifier.lift.explore import Explorer, Leaf
from verifier.obligations import JUDGED
from verifier.prove import Path
from verifier.records import record
from verifier.solver import Solver
from verifier.terms import Term, Truth, decided, land, lnot, lor

ROUNDS = 4
"""So often may what opens with the guards that are known show further ones that are decided at times."""


@record
class Met:
    """A guard was met: behind ``path`` its branch goes to ``target`` if ``condition`` holds, else to the other one."""

    target: Term
    condition: Truth
    path: tuple[Truth, ...]


@dataclass(slots=True)
class Switches:
    """The switches of one exploration, made as its guards are met.

    ``uses`` has the switch of each guard by its place, ``met`` each time that it was met. A branch whose
    outcome is the same for all machines is no guard; one of ``known`` that is so at times, but not each time, is.
    ``constant`` has the places of branches that were not taken for guards when they were met.
    """

    known: Collection[int] = ()
    uses: dict[int, Truth] = field(default_factory=dict)
    met: dict[int, list[Met]] = field(default_factory=lambda: defaultdict(list))
    constant: set[int] = field(default_factory=set)
    _made: int = 0

    def guarded(self, place: int, condition: Truth, target: Term, path: tuple[Truth, ...]) -> Truth:
        """The condition of the branch at ``place`` to ``target``, or any outcome while its switch is off."""
        if decided(condition) is not None and place not in self.known:
            self.constant.add(place)
            return condition
        if place not in self.uses:
            self.uses[place] = claripy.BoolS(f"guard.{place:#x}", explicit_name=True)
        self.met[place].append(Met(target, condition, path))
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
    """Explore the survey's entry with switches.

    None where that meets a stack behind a pointer that was unknown, or ever more guards.
    """
    switches = Switches()
    for _ in range(ROUNDS):
        found = _explored(survey, switches)
        if found is None or not switches.constant & switches.uses.keys():
            return found
        switches = Switches(frozenset(switches.uses))
    return None


def _explored(survey: Survey, switches: Switches) -> Freed | None:
    task, setting = survey.task, survey.setting
    entry = setting.entry
    layout = entry.state.shared.layout
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

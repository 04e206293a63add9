# SPDX-License-Identifier: BSD-2-Clause
"""Loops without a constant trip count: everything that an iteration may change becomes arbitrary.

The loop is explored from its header in a state where the changed parts are
fresh symbols, until no iteration changes anything else. That state then stands
for every iteration, and a path that comes back to the header is covered by it.
A counterexample may use it only as it is in the first iteration.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from verifier.isa.machine import SYSTEM_REGISTERS
from verifier.lift.flags import ARITHMETIC, Chosen
from verifier.lift.memory import Maybe, same_history
from verifier.lift.order import Order
from verifier.lift.regions import RegionId
from verifier.lift.state import State
from verifier.lift.window import short
from verifier.model import GPRS
from verifier.records import record
from verifier.terms import Term

ROUNDS = 12
"""So often may a further iteration change something that none did before."""

_FIXED = ("gs_base", "kernel_gs_base", "fs_base")
"""System registers whose identity the window clauses look at: a loop that changes them is not summarised."""


@record
class Loop:
    """A natural loop of the static graph: its header, all of its instructions, and the branches that leave it."""

    header: int
    body: frozenset[int]
    exits: frozenset[int]


Mark = tuple[int, tuple[int, ...]]
"""Header address and call context of a loop that a state was generalised for."""


def find_loops(order: Order) -> dict[int, Loop]:
    """The loops of a control-flow graph by their headers; loops of one header are one."""
    predecessors: dict[int, list[int]] = {}
    for source, targets in order.successors.items():
        for target in targets:
            predecessors.setdefault(target, []).append(source)
    bodies: dict[int, set[int]] = {}
    for source, target in order.back_edges:
        body = bodies.setdefault(target, {target})
        todo = [source]
        while todo:
            address = todo.pop()
            if address not in body:
                body.add(address)
                todo += predecessors.get(address, [])
    return {
        header: Loop(
            header,
            frozenset(body),
            frozenset(
                address for address in body if any(target not in body for target in order.successors.get(address, ()))
            ),
        )
        for header, body in bodies.items()
    }


@dataclass(slots=True)
class Changes:
    """What iterations change: GPRs, system registers, memory words; and whether unwritten memory or flags do."""

    gprs: set[str]
    system: set[str]
    words: set[tuple[RegionId, int]]
    memory: bool = False
    flags: bool = False

    def update(self, other: Changes) -> bool:
        """Add what another iteration changes; True if something is new."""
        before = (len(self.gprs), len(self.system), len(self.words), self.memory, self.flags)
        self.gprs |= other.gprs
        self.system |= other.system
        self.words |= other.words
        self.memory |= other.memory
        self.flags |= other.flags
        return before != (len(self.gprs), len(self.system), len(self.words), self.memory, self.flags)


Iterate = Callable[[State, Loop], list[State] | None]
"""Explore from the header; gives the states that come back to it, or None if that cannot be told."""


def generalise(state: State, loop: Loop, iterate: Iterate) -> State | None:
    """A state at the header that stands for every iteration, or None if there is none."""
    changes = Changes(set(), set(), set())
    for _ in range(ROUNDS):
        general = _arbitrary(state, loop, changes)
        arrivals = iterate(general.copy(), loop)
        if arrivals is None:
            return None
        grown = False
        for arrival in arrivals:
            if not _comparable(general, arrival):
                return None
            grown |= changes.update(_difference(general, arrival))
        if changes.system & set(_FIXED) or "rsp" in changes.gprs:
            return None
        if not grown:
            return _with_events(general, arrivals)
    return None


def _comparable(general: State, arrival: State) -> bool:
    """Whether two states differ only in what can be made arbitrary: not in slots, released values or the window."""
    if general.released.keys() != arrival.released.keys() or general.window is not arrival.window:
        return False
    if general.unclear != arrival.unclear:
        return False
    return all(arrival.released[name] is value for name, value in general.released.items())


def _difference(general: State, arrival: State) -> Changes:
    found = Changes(set(), set(), set())
    found.gprs = {name for name in GPRS if arrival.gprs[name] is not general.gprs[name]}
    found.system = {
        name for name in SYSTEM_REGISTERS if name not in ARITHMETIC and arrival.system[name] is not general.system[name]
    }
    found.flags = arrival.flags is not general.flags
    found.memory = not same_history(arrival.memory.history, general.memory.history)
    for region in {**general.memory.words, **arrival.memory.words}:
        offsets = {**general.memory.words.get(region, {}), **arrival.memory.words.get(region, {})}
        for offset in offsets:
            if arrival.memory.word(region, offset) is not general.memory.word(region, offset):
                found.words.add((region, offset))
    return found


def _arbitrary(state: State, loop: Loop, changes: Changes) -> State:
    """The state at the header with everything in ``changes`` arbitrary."""
    general = state.copy()
    where = short(state.here())
    instance = (loop.header, state.calls, state.visits.get(loop.header, 0))
    symbols = state.shared.layout.symbols

    def fresh(what: str, width: int, before: Term, *key: Hashable) -> Term:
        return symbols.make(
            f"loop@{where}:{what}",
            width,
            "havoc",
            key=("loop", instance, what, *key, before.hash()),
            origin=f"further iterations of the loop at {where}",
            otherwise=before,
        )

    for name in sorted(changes.gprs):
        general.gprs[name] = fresh(name, 64, state.gprs[name])
    for name in sorted(changes.system):
        general.system[name] = fresh(name, SYSTEM_REGISTERS[name], state.system[name])
    if changes.flags:
        given = {name: fresh(name, 1, state.flags.get(name)) for name in ARITHMETIC}
        general.flags = Chosen(state.flags, given)
    if changes.memory:
        spared = RegionId("unknown", "nothing")
        mark = Maybe(("loop", instance), f"loop@{where}", f"further iterations of the loop at {where}", "all", spared)
        general.memory.history = (*state.memory.history, mark)
    for region, offset in changes.words:
        before = state.memory.word(region, offset)
        word = fresh(state.shared.layout.name(region, offset), 64, before, region, offset)
        general.memory.words.setdefault(region, {})[offset] = word
    return general


def _with_events(general: State, arrivals: list[State]) -> State:
    """Events of any iteration count, whichever iteration is the last."""
    known = {id(event) for event in general.events}
    for arrival in arrivals:
        for event in arrival.events:
            if id(event) not in known:
                known.add(id(event))
                general.events = (*general.events, replace(event, condition=True))
    return general

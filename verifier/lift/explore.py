# SPDX-License-Identifier: BSD-2-Clause
"""Follow every path from an entry to its leaves, joining states where paths meet.

Every state that ever exists ends in exactly one leaf or is joined into
another; what cannot be followed becomes a "problem" leaf, never nothing. The
cover query in ``verifier.prove`` checks that independently.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable

from verifier.isa.machine import NotModelled
from verifier.lift.control import Control
from verifier.lift.decode import Decoded
from verifier.lift.flags import UnknownThunk
from verifier.lift.join import joined, shape
from verifier.lift.leaves import Bounds, Choose, Exploration, Leaf, Observe
from verifier.lift.loops import Loop, find_loops, generalise
from verifier.lift.order import Order
from verifier.lift.state import State
from verifier.model import Image
from verifier.solver import Solver
from verifier.terms import Truth, lnot

__all__ = ["Bounds", "Exploration", "Explorer", "Leaf"]

OPEN_TURNS = 2
"""A loop is summarised once the branch that leaves it was undecided so often on one path."""


class Explorer(Control):
    """One exploration.

    ``watch`` may name edges of the static graph, see ``Control.crossed``.
    ``executed`` has every instruction that was executed, by its place, and ``edges`` every
    way from one to another that was taken, with a note as a step of a trace has it.
    ``given`` has the states in front of calls that were not followed, by the call's name.
    ``goals`` are the exit mnemonics that are asked about; None: all. What
    cannot be followed is no problem where no path leads to one.
    """

    def __init__(
        self,
        image: Image,
        solver: Solver,
        interrupts_after_call: str,
        bounds: Bounds,
        choose: Choose | None = None,
        observe: Observe | None = None,
    ) -> None:
        super().__init__(image, solver, interrupts_after_call, bounds, choose, observe)
        self.order: Order
        self.loops: dict[int, Loop] = {}
        self._within: tuple[Loop, tuple[int, ...]] | None = None
        self.watch: Callable[[Explorer], frozenset[tuple[int, int]]] | None = None
        self.crossed: list[tuple[tuple[Truth, ...], State]] = []
        self._edges: frozenset[tuple[int, int]] = frozenset()
        self._entered = False
        self._arrivals: list[State] = []
        self._pending: dict[tuple[object, ...], State] = {}
        self._heap: list[tuple[tuple[int, ...], int, tuple[object, ...]]] = []
        self._pushed = 0
        self.executed: dict[int, Decoded] = {}
        self.edges: dict[tuple[int, int], str] = {}
        self._leading: frozenset[int] | None = None
        self.goals: frozenset[str] | None = None
        self.given: dict[str, list[State]] = {}

    def _is_goal(self, place: int) -> bool:
        """Whether it is an exit that is asked about, or leads to where only the run itself can tell."""
        decoded = self.decode(place)
        if decoded.kind == "exit":
            return self.goals is None or decoded.mnemonic in self.goals
        site = self.image.patch_at(decoded.address)
        unknown = site is not None and any(choice.problem for choice in site.choices)
        return decoded.wanders or unknown or decoded.address in self.image.opaque

    def _matters(self, state: State) -> bool:
        """Whether some path from here may reach an exit that is asked about."""
        leading = self._leading
        if leading is None or self.goals is None or state.window is not None:
            return True
        if state.place not in self.order.successors:
            return True
        returns = (place for back in state.calls for place in self.image.places(back))
        return state.place in leading or any(place in leading for place in returns)

    def run(self, entry: State) -> Exploration:
        """Explore from ``entry``."""
        places = self.image.places(entry.place)
        self.order = Order(self.image, places, self.decode, self.follows)
        self.loops = find_loops(self.order)
        entry.shared.enumerate_values = self._values
        entry.shared.layout.bound = self._bound
        self._leading = self.order.reaching({place for place in self.order.successors if self._is_goal(place)})
        if self.watch is not None:
            self._edges = self.watch(self)
        decoded = self.decode(entry.place)
        for state in self._variants(entry, entry.place, None, decoded):
            self._push(state)
        return self._drain()

    def resume(self, state: State) -> Exploration:
        """Explore from a state of this exploration, apart from it: the same code and bounds, leaves of its own."""
        other = self._sibling()
        other._push(state)
        return other._drain()

    def _sibling(self) -> Explorer:
        other = Explorer(self.image, self.solver, self.interrupts_after_call, self.bounds)
        other.no_return, other.helpers = self.no_return, self.helpers
        other.follow, other.goals, other._leading = self.follow, self.goals, self._leading
        other.executed, other.edges, other.guard = self.executed, self.edges, self.guard
        other.order, other.loops, other._decoded = self.order, self.loops, self._decoded
        other._system_code = self._system_code
        return other

    def _drain(self) -> Exploration:
        while self._heap:
            _, _, key = heapq.heappop(self._heap)
            state = self._pending.pop(key, None)
            if state is not None:
                self._step(state)
        return self.result

    def _push(self, state: State) -> None:
        key = shape(state)
        waiting = self._pending.get(key)
        if waiting is not None:
            self.result.joins += 1
            self._pending[key] = self._simplified(joined(waiting, state))
            return
        self._pending[key] = state
        self._pushed += 1
        heapq.heappush(self._heap, (self.order.rank(state.calls, state.place), self._pushed, key))

    def _simplified(self, state: State) -> State:
        """A joined state without the last condition where the others imply it: the paths cover everything."""
        if state.path and self.solver.check(*state.path[:-1], lnot(state.path[-1])) == "unsat":
            state.path = state.path[:-1]
        return state

    def _step(self, state: State) -> None:
        decoded = self.executed[state.place] = self.decode(state.place)
        state.decoded = decoded
        self.result.steps += 1
        going = self._loop(state)
        if going is None:
            return
        state = going
        count = state.visits[state.place] = state.visits.get(state.place, 0) + 1
        bounds = self.bounds
        if bounds.deadline is not None and time.monotonic() > bounds.deadline:
            self._problem(state, decoded, "timeout", "the time limit was reached", "raise --timeout")
            return
        if self.result.steps > bounds.steps:
            text = f"more than {bounds.steps} instructions were executed symbolically"
            self._problem(state, decoded, "state-limit", text, "verify a smaller part: choose a later --entry")
            return
        if count > bounds.visits:
            text = f"the loop through here goes round more than {bounds.visits} times"
            self._problem(state, decoded, "loop-bound", text, "give the loop a smaller constant trip count")
            return
        if self._torn(state.place, decoded):
            text = f"{decoded.text}: boot code writes over a part of it"
            self._problem(state, decoded, "patched-code", text, "report this construct")
            return
        match decoded.kind:
            case "rejected":
                text = f"{decoded.text}: {decoded.problem}"
                code = "undecodable" if decoded.mnemonic in ("(bad)", "(none)") else "unsupported-instruction"
                remedy = "let execution not get here, or choose an entry behind it"
                self._problem(state, decoded, code, text, remedy)
            case "exit":
                self._exit(state, decoded)
            case "trap" if decoded.resumes and decoded.address in self.image.resumes and state.window is None:
                self._resume(state, decoded)
            case "trap":
                self._trap(state, decoded)
            case _:
                self._execute(state, decoded)

    def _torn(self, place: int, decoded: Decoded) -> bool:
        """Whether a patch site or a rewritten return begins or ends inside the instruction."""
        image, start, end = self.image, decoded.address, decoded.next
        if not image.patches and not image.returns:
            return False
        site = image.patch_at(start)
        if site is not None:
            return image.rewritten(site.address + site.size, end) if end > site.address + site.size else False
        return start not in image.returns and image.rewritten(start, end)

    def _loop(self, state: State) -> State | None:
        """Deal with loops at this address; the state to go on with, or None if this one goes no further."""
        if self._within is not None:
            inside, calls = self._within
            if state.calls == calls and state.place == inside.header:
                if self._entered:
                    self._arrivals.append(state)
                    return None
                self._entered = True
                return state
            if state.calls == calls and state.place not in inside.body:
                return None
        loop = self.loops.get(state.place)
        if loop is None or self.choose is not None or state.decoded is None:
            return state
        mark = (loop.header, state.calls)
        if mark in state.general:
            self._leaf("loop", "covered by the loop's general state", state, state.decoded)
            return None
        unrolled = state.visits.get(loop.header, 0)
        if unrolled < self.bounds.unroll and all(state.visits.get(-at, 0) < OPEN_TURNS for at in loop.exits):
            return state
        general = generalise(state, loop, self._iterate)
        if general is None:
            text = f"{state.decoded.text}: a loop whose trip count is not a constant, and which cannot be summarised"
            self._problem(state, state.decoded, "loop-bound", text, "bound the loop by a constant")
            return None
        general.general |= {mark}
        return general

    def _iterate(self, state: State, loop: Loop) -> list[State] | None:
        """The states that come back to the header of a loop; paths that leave it do not count here."""
        inner = self._sibling()
        inner._within = (loop, state.calls)
        inner._push(state)
        found = inner._drain()
        self.result.steps += found.steps
        return None if any(leaf.kind == "problem" for leaf in found.leaves) else inner._arrivals

    def _execute(self, state: State, decoded: Decoded) -> None:
        if any(not found.applied for found in self.relocations(state.place, decoded)):
            text = f"{decoded.text}: a relocation in it could not be applied"
            self._problem(state, decoded, "relocation", text, "link the object, or report the relocation type")
            return
        if self._names_external(state.place, decoded):
            text = f"{decoded.text}: its immediate is the address of an external symbol, which is not known"
            self._problem(state, decoded, "relocation", text, "link the object first, or define the symbol with -D")
            return
        before = state.copy()
        try:
            successors = self._effects(state, decoded)
        except (NotModelled, UnknownThunk) as error:
            text = f"{decoded.text}: {error}"
            remedy = "let execution not get here, or choose an entry behind it"
            self._problem(before, decoded, "unsupported-instruction", text, remedy)
            return
        for successor in self._feasible(successors, decoded):
            self._follow(before, successor, decoded)

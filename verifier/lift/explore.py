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
from dataclasses import dataclass, field
from typing import Literal

from verifier.isa.machine import NotModelled
from verifier.lift import calls, corrections, vex, window
from verifier.lift.decode import BRANCHES, Decoded, ImmediateOperand, MemoryOperand, decode
from verifier.lift.flags import UnknownThunk
from verifier.lift.join import joined, shape
from verifier.lift.loops import Loop, Mark, find_loops, generalise
from verifier.lift.memory import linear, made_up
from verifier.lift.order import Order
from verifier.lift.state import State, Trap
from verifier.model import THUNK, Defect, Image, Location, Reason
from verifier.solver import Solver
from verifier.terms import Term, Truth, as_term, concrete, decided, eq, land, lnot

LeafKind = Literal["exit", "trap", "external", "return", "loop", "problem"]
MAX_CASES = 16
"""A computed jump may have this many constant targets."""
MAX_CARVED = 0x4000
"""A stack pointer lowered by at most so many bytes is still on its stack."""
OPEN_TURNS = 2
"""A loop is summarised once the branch that leaves it was undecided so often on one path."""
MAX_DEPTH = 64
"""Nesting depth of followed calls."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
    addresses: set[int] = field(default_factory=set)


Choose = Callable[[Truth], bool]
Observe = Callable[[Decoded, State, State, str], None]


class Explorer:
    """One exploration.

    ``watch`` may name edges of the static graph; ``crossed`` then has, for each
    time one is taken, the path condition in front of it and the state behind.
    With ``choose`` a single path is followed: it tells whether a condition
    holds in one concrete machine; ``observe`` then sees each instruction with
    the states before and after.
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
        self.image = image
        self.solver = solver
        self.interrupts_after_call = interrupts_after_call
        self.bounds = bounds
        self.choose = choose
        self.observe = observe
        self.result = Exploration()
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
        self._decoded: dict[int, Decoded] = {}

    def run(self, entry: State) -> Exploration:
        """Explore from ``entry``."""
        self.order = Order(self.image, entry.address, self.decode)
        self.loops = find_loops(self.order)
        entry.shared.enumerate_values = self._values
        if self.watch is not None:
            self._edges = self.watch(self)
        self._push(entry)
        return self._drain()

    def resume(self, state: State) -> Exploration:
        """Explore from a state of this exploration, apart from it: the same code and bounds, leaves of its own."""
        other = self._sibling()
        other._push(state)
        return other._drain()

    def _values(self, state: State, term: Term) -> tuple[int, ...]:
        """The values of a 64-bit term on a state's path, sorted; none if there are more than MAX_CASES."""
        found: list[int] = []
        while len(found) <= MAX_CASES:
            others = [lnot(eq(term, as_term(value, 64))) for value in found]
            answer, model = self.solver.solve(*state.path, *others)
            if answer == "unsat":
                return tuple(sorted(found))
            if model is None:
                return ()
            found.append(model.value(term))
        return ()

    def _sibling(self) -> Explorer:
        other = Explorer(self.image, self.solver, self.interrupts_after_call, self.bounds)
        other.order, other.loops, other._decoded = self.order, self.loops, self._decoded
        return other

    def _drain(self) -> Exploration:
        while self._heap:
            _, _, key = heapq.heappop(self._heap)
            state = self._pending.pop(key, None)
            if state is not None:
                self._step(state)
        return self.result

    def decode(self, address: int) -> Decoded:
        """The instruction at an address, decoded once."""
        if address not in self._decoded:
            self._decoded[address] = decode(self.image.code_at(address), address)
        return self._decoded[address]

    def _push(self, state: State) -> None:
        key = shape(state)
        waiting = self._pending.get(key)
        if waiting is not None:
            self.result.joins += 1
            self._pending[key] = self._simplified(joined(waiting, state))
            return
        self._pending[key] = state
        self._pushed += 1
        heapq.heappush(self._heap, (self.order.rank(state.calls, state.address), self._pushed, key))

    def _simplified(self, state: State) -> State:
        """A joined state without the last condition where the others imply it: the paths cover everything."""
        if state.path and self.solver.check(*state.path[:-1], lnot(state.path[-1])) == "unsat":
            state.path = state.path[:-1]
        return state

    # Leaves.

    def _leaf(self, kind: LeafKind, detail: str, state: State, decoded: Decoded, reason: Reason | None = None) -> None:
        location = state.shared.locate(decoded)
        self.result.leaves.append(Leaf(kind, detail, decoded, location, state, reason))

    def _problem(self, state: State, decoded: Decoded, code: str, text: str, remedy: str) -> None:
        """A problem leaf, unless no machine gets there."""
        if self.choose is None and self.solver.check(*state.path) == "unsat":
            return
        self._leaf("problem", code, state, decoded, Reason(code, text, remedy, state.shared.locate(decoded)))

    # One instruction.

    def _step(self, state: State) -> None:
        decoded = self.decode(state.address)
        state.decoded = decoded
        self.result.steps += 1
        self.result.addresses.add(state.address)
        going = self._loop(state)
        if going is None:
            return
        state = going
        count = state.visits[state.address] = state.visits.get(state.address, 0) + 1
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
        match decoded.kind:
            case "rejected":
                text = f"{decoded.text}: {decoded.problem}"
                code = "undecodable" if decoded.mnemonic in ("(bad)", "(none)") else "unsupported-instruction"
                remedy = "let execution not get here, or choose an entry behind it"
                self._problem(state, decoded, code, text, remedy)
            case "exit":
                self._exit(state, decoded)
            case "trap":
                self._trap(state, decoded)
            case _:
                self._execute(state, decoded)

    def _loop(self, state: State) -> State | None:
        """Deal with loops at this address; the state to go on with, or None if this one goes no further."""
        if self._within is not None:
            inside, calls = self._within
            if state.calls == calls and state.address == inside.header:
                if self._entered:
                    self._arrivals.append(state)
                    return None
                self._entered = True
                return state
            if state.calls == calls and state.address not in inside.body:
                return None
        loop = self.loops.get(state.address)
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

    def _exit(self, state: State, decoded: Decoded) -> None:
        """A leaf at an exit instruction; single-stepping through one is not modelled."""
        stepping = eq(state.system["tf"], 1)
        if decided(stepping) is not False:
            stepped = state.copy()
            if self._constrain(stepped, stepping, decoded):
                text = f"{decoded.text}: TF may be set at CPL0 when it executes"
                self._problem(stepped, decoded, "not-modelled-exit", text, "clear TF before POPFQ")
            if not self._constrain(state, lnot(stepping), decoded):
                return
        self._leaf("exit", decoded.mnemonic, state, decoded)

    def _trap(self, state: State, decoded: Decoded) -> None:
        """A leaf at UD2, INT3 or HLT; those that the assumptions do not cover are problems as well."""
        halt = decoded.mnemonic == "hlt"
        state.shared.assumptions.add("hlt-stops" if halt else "traps-end")
        self._leaf("trap", decoded.mnemonic, state, decoded)
        if state.window is not None and not halt:
            text = f"{decoded.text}: the exception is delivered on the user's stack"
            self._problem(state, decoded, "trap-on-user-stack", text, "trap before RSP is loaded with the user's value")
        if halt and decided(eq(state.system["if"], 0)) is not True:
            text = f"{decoded.text}: an interrupt makes the code behind it run"
            self._problem(state, decoded, "not-modelled-exit", text, "halt with interrupts disabled")

    def _execute(self, state: State, decoded: Decoded) -> None:
        if any(not found.applied for found in self.image.relocations_in(decoded.address, decoded.size)):
            text = f"{decoded.text}: a relocation in it could not be applied"
            self._problem(state, decoded, "relocation", text, "link the object, or report the relocation type")
            return
        if self._names_external(decoded):
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

    def _names_external(self, decoded: Decoded) -> bool:
        """Whether the instruction has a part of an external symbol's address as an immediate.

        A whole address is recognised by the lifter and stays symbolic; 8 or 16 bits of one are not.
        """
        if decoded.mnemonic in BRANCHES:
            return False
        immediate = any(isinstance(operand, ImmediateOperand) for operand in decoded.operands)
        return immediate and any(
            found.external and found.size < 4 and found.address + found.size == decoded.next
            for found in self.image.relocations_in(decoded.address, decoded.size)
        )

    def _watch_gs(self, state: State, decoded: Decoded) -> None:
        """Note an access with a GS override while the active base is the user's, however it is indexed."""
        if decoded.mnemonic in ("lea", "nop"):
            return
        if any(isinstance(operand, MemoryOperand) and operand.segment == "gs" for operand in decoded.operands):
            active = window.same(state.system["gs_base"], state.shared.user_gs)
            state.record("gs", active, "uses a gs: operand while the user's GS base is active")

    def _effects(self, state: State, decoded: Decoded) -> list[vex.Successor]:
        self._watch_gs(state, decoded)
        if decoded.system is not None or corrections.runs_here(decoded):
            if decoded.system is not None:
                if decoded.system.step is None:
                    raise Defect("exits and traps have no step")
                decoded.system.step(state, decoded.encoding)
            else:
                corrections.step(state, decoded)
            return [vex.Successor(True, as_term(decoded.next, 64), "jump", state)]
        old = corrections.before(state, decoded)
        successors = vex.execute(state, decoded)
        corrections.correct(state, decoded, old)
        return successors

    def _feasible(self, successors: list[vex.Successor], decoded: Decoded) -> list[vex.Successor]:
        """The successors that some machine takes, their path conditions extended; traps split off."""
        kept: list[vex.Successor] = []
        for successor in successors:
            state = successor.state
            if not self._constrain(state, successor.condition, decoded):
                continue
            traps, state.traps = state.traps, []
            if all(self._split(state, trap, decoded) for trap in traps):
                kept.append(successor)
        if len(kept) > 1:
            self.result.forks += len(kept) - 1
        return kept

    def _constrain(self, state: State, condition: Truth, decoded: Decoded) -> bool:
        """Add a condition to the path; False if no machine meets it."""
        known = decided(condition)
        if known is not None:
            return known
        if self.choose is not None:
            if not self.choose(condition):
                return False
        else:
            repeats = state.visits.get(-decoded.address, 0) + 1
            state.visits[-decoded.address] = repeats
            if repeats > self.bounds.open_visits:
                text = f"{decoded.text}: a loop whose trip count is not a constant"
                self._problem(state, decoded, "loop-bound", text, "bound the loop by a constant")
                return False
            if self.solver.check(*state.path, condition) == "unsat":
                return False
        state.path = (*state.path, condition)
        return True

    def _split(self, state: State, trap: Trap, decoded: Decoded) -> bool:
        """Let the trapping machines end here; False if no other machine goes on."""
        if trap.condition is False:
            return True
        ended = state.copy()
        if self._constrain(ended, trap.condition, decoded):
            self._leaf("trap", trap.text, ended, decoded)
            possible = True
        else:
            # A single machine is followed: that another one can fault here is the point of the event.
            possible = self.choose is not None
        if possible and state.window is not None:
            state.record("stack", True, f"can fault while RSP is the user's: {trap.text}")
        return self._constrain(state, lnot(trap.condition), decoded)

    def _follow(self, before: State, successor: vex.Successor, decoded: Decoded) -> None:
        for state, target in self._targets(successor, decoded):
            if target is None:
                self._open_target(before, successor, state, decoded)
            else:
                self._go(before, successor, state, target, decoded)

    def _targets(self, successor: vex.Successor, decoded: Decoded) -> list[tuple[State, int | None]]:
        """The target of a jump, case by case; None where it is not a constant."""
        value = concrete(successor.target)
        value = made_up(successor.target) if value is None else value
        if value is not None:
            return [(successor.state, value)]
        cases = _cases(successor.target, True)
        if cases is None:
            return [(successor.state, None)]
        found: list[tuple[State, int | None]] = []
        for condition, target in cases:
            state = successor.state.copy()
            if self._constrain(state, condition, decoded):
                found.append((state, target))
        return found

    def _open_target(self, before: State, successor: vex.Successor, state: State, decoded: Decoded) -> None:
        if successor.jump == "jump" and state.calls and self._is_thunk(decoded):
            state.shared.assumptions.add("calls-indirect")
            self._tail_call(before, state, f"*{decoded.text.split('*')[-1]}", decoded)
            return
        if successor.jump == "call":
            state.shared.assumptions.add("calls-indirect")
            self._havoc(before, state, f"*{decoded.text.split('*')[-1]}", decoded)
            return
        if successor.jump == "return":
            symbol = state.shared.layout.symbols.of(successor.target)
            if (
                symbol is not None
                and symbol.kind == "memory"
                and symbol.place is not None
                and symbol.place.region == "frame-stack"
            ):
                state.shared.assumptions.add("leaves-analysed-code")
                self._leaf("return", "to the caller", before_exit(before, state), decoded)
                return
        text = f"{decoded.text}: the target is not a constant here"
        self._problem(state, decoded, "unresolved-jump", text, "make the target a constant, or jump directly")

    def _is_thunk(self, decoded: Decoded) -> bool:
        """Whether the instruction stands in for an external thunk (see ``verifier.thunks``)."""
        section = self.image.section_at(decoded.address)
        return section is not None and section.name.startswith(THUNK)

    def _go(self, before: State, successor: vex.Successor, state: State, target: int, decoded: Decoded) -> None:
        section = self.image.section_at(target)
        inside = section is not None and section.executable
        external = None if inside else self.image.external_at(target)
        match successor.jump:
            case "call" if inside and target != decoded.next:
                if len(state.calls) >= MAX_DEPTH:
                    text = f"calls nest more than {MAX_DEPTH} deep"
                    self._problem(state, decoded, "state-limit", text, "verify a smaller part")
                    return
                state.calls = (*state.calls, decoded.next)
                state.call_slots = (*state.call_slots, linear(state.gprs["rsp"]))
            case "call" if not inside:
                name = external.name if external is not None else f"{target:#x}"
                self._havoc(before, state, name, decoded)
                return
            case "jump" if external is not None and state.calls:
                self._tail_call(before, state, external.name, decoded)
                return
        if external is not None:
            state.shared.assumptions.add("leaves-analysed-code")
            self._leaf("external", external.name, state, decoded)
        elif not inside:
            text = f"{decoded.text}: it leads to {target:#x}, where there is no code"
            self._problem(state, decoded, "unresolved-jump", text, "include that code, or make it an external symbol")
        else:
            self._arrive(before, state, target, decoded, _note(successor, decoded, target))

    def _tail_call(self, before: State, state: State, callee: str, decoded: Decoded) -> None:
        """A jump out of a followed function: the callee returns to the function's caller."""
        back = concrete(state.memory.load(state.gprs["rsp"], 8))
        if back is None or back not in state.calls:
            text = f"{decoded.text}: {callee} returns to an address that is not known here"
            self._problem(state, decoded, "unresolved-jump", text, "call it instead of jumping to it")
            return
        self._havoc(before, state, callee, decoded, back)

    def _havoc(self, before: State, state: State, callee: str, decoded: Decoded, back: int | None = None) -> None:
        """A call that is not followed; it returns behind the call, or to ``back`` after a tail call."""
        state.address = decoded.address
        state.decoded = decoded
        calls.havoc(state, callee, state.shared.locate(decoded), self.interrupts_after_call)
        target = decoded.next if back is None else back
        self._arrive(before, state, target, decoded, f"{callee} returns with anything")

    def _arrive(self, before: State, state: State, target: int, decoded: Decoded, note: str) -> None:
        state.decoded = decoded
        self._carve(before, state)
        window.boundary(state)
        _leave_calls(state)
        # A trap flag that was set when an instruction began traps when it has completed (SDM vol. 3B, 18.3.1.4).
        stepping = eq(before.system["tf"], 1)
        if decided(stepping) is not False and not self._split(state, Trap(stepping, "#DB: TF is set at CPL0"), decoded):
            return
        if self.observe is not None:
            self.observe(decoded, before, state, note)
        state.address = target
        if (decoded.address, target) in self._edges:
            self.crossed.append((before.path, state.copy()))
        state.general = frozenset(mark for mark in state.general if self._inside(state, mark))
        self._push(state)

    def _inside(self, state: State, mark: Mark) -> bool:
        """Whether a state is still in the loop that it was generalised for, or in something called from there."""
        header, calls = mark
        deeper = len(state.calls) > len(calls) and state.calls[: len(calls)] == calls
        return deeper or (state.calls == calls and state.address in self.loops[header].body)

    def _carve(self, before: State, state: State) -> None:
        """Notice an aligned or otherwise lowered stack pointer that is still on the kernel's stack."""
        old, new = before.gprs["rsp"], state.gprs["rsp"]
        if old is new or before.window is not None:
            return
        root, _ = linear(new)
        if root is None or root.hash() in state.shared.layout.known or state.shared.layout.symbols.of(root):
            return
        base, _ = linear(old)
        if base is None or not root.variables & base.variables:
            return
        distance = as_term(old, 64) - new
        if self.solver.check(*state.path, distance.UGT(MAX_CARVED)) == "unsat":
            window.carve(state, old, new)


def _leave_calls(state: State) -> None:
    """Forget calls whose return address RSP has moved above: they have returned, or were never meant to."""
    root, offset = linear(state.gprs["rsp"])
    while state.call_slots:
        slot_root, slot_offset = state.call_slots[-1]
        if slot_root is not root or offset <= slot_offset:
            return
        state.calls, state.call_slots = state.calls[:-1], state.call_slots[:-1]


def before_exit(before: State, after: State) -> State:
    """The state in front of an instruction that leaves, with the path condition of its successor."""
    before.path = after.path
    return before


def _note(successor: vex.Successor, decoded: Decoded, target: int) -> str:
    if successor.jump != "jump":
        return successor.jump
    if decoded.kind == "vex" and (decoded.mnemonic.startswith("j") and decoded.mnemonic != "jmp"):
        return "taken" if target != decoded.next else "not taken"
    return ""


def _cases(target: Term, condition: Truth) -> list[tuple[Truth, int]] | None:
    """The constant leaves of an if-then-else tree with their conditions, or None if it is no such tree."""
    found: list[tuple[Truth, int]] = []
    todo: list[tuple[Term, Truth]] = [(target, condition)]
    while todo:
        term, under = todo.pop()
        value = concrete(term)
        if value is not None:
            found.append((under, value))
        elif term.op == "If" and len(found) + len(todo) < MAX_CASES:
            chosen, then, otherwise = term.args
            todo += [(then, land(under, chosen)), (otherwise, land(under, lnot(chosen)))]
        else:
            return None
    return found

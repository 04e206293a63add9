# SPDX-License-Identifier: BSD-2-Clause
"""One instruction on one state: its effect, which successors some machine takes, and where paths end."""

from __future__ import annotations

from dataclasses import replace

from verifier.lift import corrections, vex, window
from verifier.lift.decode import BRANCHES, Decoded, ImmediateOperand, MemoryOperand, RegisterOperand, decode
from verifier.lift.leaves import Bounds, Choose, Exploration, Guard, Leaf, LeafKind, Observe
from verifier.lift.state import State, Trap
from verifier.model import Defect, Image, Reason, Relocation, address_of, variant_of
from verifier.solver import Solver
from verifier.terms import Term, Truth, as_term, concrete, decided, eq, lnot

MAX_CASES = 16
"""A computed jump or a table look-up may have this many constant targets."""


INDEX_LIMITS = (0xFF, 0xFFF)
"""Bounds in bytes that are tried for an index into a known area."""


SMALL_CALLEE = 96
"""A callee that has no more instructions, with its own callees, is always followed."""
LONG_CALLEE = 2000
"""So many instructions of a callee are looked at for what no compiled function does."""

_SYSTEM = frozenset({"swapgs", "wrfs/gsbase", "mov-to-cr", "mov-to-ss"})


def _loads_rsp(decoded: Decoded) -> bool:
    """Whether it gives RSP a value other than what a compiled prologue or epilogue does."""
    if not decoded.operands or not isinstance(decoded.operands[0], RegisterOperand):
        return False
    if decoded.operands[0].register != "rsp" or decoded.mnemonic in ("push", "cmp", "test"):
        return False
    match decoded.mnemonic, decoded.operands[1:]:
        case (("add" | "sub" | "and"), (ImmediateOperand() | RegisterOperand(),)):
            return decoded.mnemonic == "add" and isinstance(decoded.operands[1], RegisterOperand)
        case "mov", (RegisterOperand(register="rbp"),):
            return False
        case "lea", (MemoryOperand(base="rsp" | "rbp" | "r10", index=""),):
            return False
        case _:
            return True


def _is_conditional(decoded: Decoded) -> bool:
    return decoded.mnemonic in BRANCHES and decoded.mnemonic not in ("jmp", "call", "ret")


def _both_ways(successors: list[vex.Successor], decoded: Decoded) -> list[vex.Successor]:
    """Both successors of a conditional jump, one that no machine takes included: the states are alike but for RIP."""
    if len(successors) != 1:
        return successors
    (one,) = successors
    ways = [decoded.next, *(operand.value for operand in decoded.operands if isinstance(operand, ImmediateOperand))]
    target = next((way for way in ways if way != concrete(one.target)), decoded.next)
    return [one, vex.Successor(False, as_term(target, 64), one.jump, one.state.copy())]


class Stepper:
    """What the exploration of one image needs to execute an instruction.

    With ``choose`` a single path is followed: it tells whether a condition
    holds in one concrete machine; ``observe`` then sees each instruction with
    the states before and after. ``follow`` names the callees that are followed; None: all.
    ``no_return`` are functions that do not return, ``helpers`` such that keep most registers.
    ``guard`` may put another condition in the place of each branch's.
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
        self.follow: frozenset[int] | None = None
        self.no_return: frozenset[str] = frozenset()
        self.helpers: frozenset[str] = frozenset()
        self.guard: Guard | None = None
        self._decoded: dict[int, Decoded] = {}
        self._system_code: dict[int, bool] = {}

    def follows(self, target: int) -> bool:
        """Whether a direct call to code of the image at ``target`` is followed."""
        return self.follow is None or target in self.follow or self._is_system_code(target)

    def _is_system_code(self, target: int) -> bool:
        """Whether what the ABI says of calls need not be true of a callee, or is easily replaced by what it does.

        It is small with all its callees; or it switches GS, CR3, SS or an MSR, loads RSP, or leaves by an
        exit, as no compiled function does.
        """
        if target not in self._system_code:
            small = self._scan(target, SMALL_CALLEE, nested=True)
            whole = self._scan(target, LONG_CALLEE, nested=False) if small is None else small
            system = any(
                decoded.kind == "exit" or decoded.mnemonic in _SYSTEM or _loads_rsp(decoded) for decoded in whole or ()
            )
            self._system_code[target] = small is not None or system
        return self._system_code[target]

    def _scan(self, target: int, most: int, nested: bool) -> list[Decoded] | None:
        """The instructions of a callee, with its callees if ``nested``; None for more than ``most`` or unknown ones.

        Without ``nested`` what was seen so far counts.
        """
        found: dict[int, Decoded] = {}
        todo = list(self.image.places(target))
        while todo:
            place = todo.pop()
            if place in found:
                continue
            if len(found) == most:
                return None if nested else list(found.values())
            decoded = found[place] = self.decode(place)
            direct = [operand.value for operand in decoded.operands if isinstance(operand, ImmediateOperand)]
            if nested and (decoded.transfers or (decoded.mnemonic == "call" and not direct)):
                return None
            if decoded.transfers or decoded.kind in ("trap", "exit") or decoded.mnemonic == "ret":
                continue
            ahead = [] if decoded.mnemonic == "jmp" else [decoded.next]
            if decoded.mnemonic in BRANCHES and (nested or decoded.mnemonic != "call"):
                ahead += [value for value in direct if self.image.code_at(value, 1)]
            todo += [other for address in ahead for other in self.image.places(address, place)]
        return list(found.values())

    def decode(self, place: int) -> Decoded:
        """The instruction at a place, decoded once."""
        if place not in self._decoded:
            self._decoded[place] = decode(self.image.code_at(place), address_of(place))
        return self._decoded[place]

    def relocations(self, place: int, decoded: Decoded) -> tuple[Relocation, ...]:
        """The relocations of an instruction's bytes, where the file keeps them."""
        if not variant_of(place):
            return self.image.relocations_in(decoded.address, decoded.size)
        site = self.image.patch_at(decoded.address)
        if site is None:
            raise Defect("a variant without a patch site")
        choice, offset = site.choices[variant_of(place) - 1], decoded.address - site.address
        kept = min(decoded.size, choice.source_size - offset)
        found = self.image.relocations_in(choice.source + offset, kept) if kept > 0 else ()
        return tuple(replace(one, address=one.address - choice.source + site.address) for one in found)

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

    def _bound(self, term: Term) -> int | None:
        """A small upper bound of a 64-bit term in any machine, or None."""
        for limit in INDEX_LIMITS:
            if self.solver.check(term.UGT(limit)) == "unsat":
                return limit
        return None

    # Leaves.

    def _matters(self, state: State) -> bool:
        """Whether it matters how the state goes on."""
        raise NotImplementedError

    def _leaf(self, kind: LeafKind, detail: str, state: State, decoded: Decoded, reason: Reason | None = None) -> None:
        location = state.shared.locate(decoded)
        self.result.leaves.append(Leaf(kind, detail, decoded, location, state, reason))

    def _problem(self, state: State, decoded: Decoded, code: str, text: str, remedy: str) -> None:
        """A problem leaf, unless no machine gets there."""
        if self.choose is None and self.solver.check(*state.path) == "unsat":
            return
        # Only what falls through can be set aside: of all else it is not known where it leads.
        if code == "unsupported-instruction" and not self._matters(state):
            self._leaf("aside", text, state, decoded)
            return
        self._leaf("problem", code, state, decoded, Reason(code, text, remedy, state.shared.locate(decoded)))

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
        if state.unclear and self.choose is None and decoded.mnemonic != "iretq":
            self._problem(state, decoded, "approximation", state.unclear, "leave the frame alone once it is popped")
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

    # One instruction.

    def _names_external(self, place: int, decoded: Decoded) -> bool:
        """Whether the instruction has a part of an external symbol's address as an immediate.

        A whole address is recognised by the lifter and stays symbolic; 8 or 16 bits of one are not.
        """
        if decoded.mnemonic in BRANCHES:
            return False
        immediate = any(isinstance(operand, ImmediateOperand) for operand in decoded.operands)
        return immediate and any(
            found.external and found.size < 4 and found.address + found.size == decoded.next
            for found in self.relocations(place, decoded)
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
        if self.guard is not None and _is_conditional(decoded):
            successors = _both_ways(successors, decoded)
            first = successors[0]
            taken = self.guard(first.state.place, first.condition, first.target, first.state.path)
            both = zip(successors, (taken, lnot(taken)), strict=True)
            successors = [replace(successor, condition=condition) for successor, condition in both]
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

    def _constrain(self, state: State, condition: Truth, decoded: Decoded, branch: bool = True) -> bool:
        """Add a condition to the path; False if no machine meets it. ``branch``: it decides where a loop goes."""
        known = decided(condition)
        if known is not None:
            return known
        if self.choose is not None:
            if not self.choose(condition):
                return False
        else:
            repeats = state.visits.get(-state.place, 0) + branch
            state.visits[-state.place] = repeats
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
        if self._constrain(ended, trap.condition, decoded, branch=False):
            self._leaf("trap", trap.text, ended, decoded)
            possible = True
        else:
            # A single machine is followed: that another one can fault here is the point of the event.
            possible = self.choose is not None
        if possible and state.window is not None:
            state.record("stack", True, f"can fault while RSP is the user's: {trap.text}")
        if self._constrain(state, lnot(trap.condition), decoded, branch=False):
            return True
        if possible and ended.window is not None:
            text = f"{decoded.text}: {trap.text}, and the exception is delivered on the user's stack"
            self._problem(ended, decoded, "trap-on-user-stack", text, "do not fault behind the load of RSP")
        return False

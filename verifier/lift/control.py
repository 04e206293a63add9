# SPDX-License-Identifier: BSD-2-Clause
"""Where execution goes behind an instruction: jumps, calls, returns, and what is not followed."""

from __future__ import annotations

from verifier.lift import calls, vex, window
from verifier.lift.decode import Decoded
from verifier.lift.loops import Loop, Mark
from verifier.lift.regions import linear, made_up
from verifier.lift.state import State, Trap
from verifier.lift.stepping import MAX_CASES, Stepper
from verifier.model import THUNK, Choice, Defect, PatchSite, node, variant_of
from verifier.terms import Term, Truth, as_term, concrete, decided, eq, land, lnot

MAX_CARVED = 0x4000
"""A stack pointer lowered by at most so many bytes is still on its stack."""
MAX_DEPTH = 64
"""Nesting depth of followed calls."""


class Control(Stepper):
    """The stepper with control flow; ``_push`` takes the states that go on.

    ``crossed`` has, for each time one of the watched edges is taken, the path
    condition in front of it and the state behind.
    """

    loops: dict[int, Loop]
    edges: dict[tuple[int, int], str]
    crossed: list[tuple[tuple[Truth, ...], State]]
    _edges: frozenset[tuple[int, int]]

    def _push(self, state: State) -> None:
        raise NotImplementedError

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
        if successor.jump == "call" and self._ends(target):
            state.shared.assumptions.add("calls-end")
            self._leaf("trap", "a call that does not return", state, decoded)
            return
        if decoded.address in self.image.opaque and successor.jump != "return" and target != decoded.next:
            self._elsewhere(before, successor, state, decoded)
            return
        match successor.jump:
            case "call" if inside and target != decoded.next and not self.follows(target):
                named = self.image.symbol_before(target)
                name = named[0] if named is not None and not named[1] else f"{target:#x}"
                self._havoc(before, state, name, decoded, called=target)
                return
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

    def _elsewhere(self, before: State, successor: vex.Successor, state: State, decoded: Decoded) -> None:
        """A call or a jump to a function that is chosen while the kernel runs."""
        if successor.jump == "call":
            self._havoc(before, state, f"*{decoded.text.rsplit(' ', 1)[-1]}", decoded)
        elif state.calls:
            self._tail_call(before, state, f"*{decoded.text.rsplit(' ', 1)[-1]}", decoded)
        else:
            state.shared.assumptions.add("leaves-analysed-code")
            self._leaf("external", decoded.text, state, decoded)

    def _ends(self, target: int) -> bool:
        """Whether the function at ``target`` is one that the contract says does not return."""
        if not self.no_return:
            return False
        external, named = self.image.external_at(target), self.image.symbol_before(target)
        if external is not None:
            return external.name in self.no_return
        return named is not None and not named[1] and named[0] in self.no_return

    def _resume(self, state: State, decoded: Decoded) -> None:
        """An exception whose handler goes on behind the instruction."""
        before = state.copy()
        calls.resume(state, state.shared.locate(decoded))
        self._arrive(before, state, decoded.next, decoded, "its handler goes on behind it")

    def _tail_call(self, before: State, state: State, callee: str, decoded: Decoded) -> None:
        """A jump out of a followed function: the callee returns to the function's caller."""
        back = concrete(state.memory.load(state.gprs["rsp"], 8))
        if back is None or back not in state.calls:
            text = f"{decoded.text}: {callee} returns to an address that is not known here"
            self._problem(state, decoded, "unresolved-jump", text, "call it instead of jumping to it")
            return
        self._havoc(before, state, callee, decoded, back)

    def _havoc(
        self,
        before: State,
        state: State,
        callee: str,
        decoded: Decoded,
        back: int | None = None,
        called: int | None = None,
    ) -> None:
        """A call that is not followed; it returns behind the call, or to ``back`` after a tail call.

        ``called`` is its target if that is code of the image.
        """
        state.place = before.place
        state.decoded = decoded
        where = state.shared.locate(decoded)
        if callee in self.helpers:
            call = calls.help_out(state, callee, where)
        else:
            call = calls.havoc(state, callee, where, self.interrupts_after_call)
        if called is not None:
            state.shared.targets[call] = called
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
        origin, length = state.place, len(state.path)
        for arrived in self._variants(state, target, origin, decoded):
            if (origin, arrived.place) in self._edges:
                # Without the branch's condition, but on the CPUs whose code this is.
                self.crossed.append(((*before.path, *arrived.path[length:]), arrived.copy()))
            self.edges.setdefault((origin, arrived.place), note)
            arrived.general = frozenset(mark for mark in arrived.general if self._inside(arrived, mark))
            self._push(arrived)

    def _variants(self, state: State, target: int, origin: int | None, decoded: Decoded) -> list[State]:
        """The state at ``target``, once for each variant of a patch site there that some machine runs."""
        places = self.image.places(target, origin)
        if len(places) == 1:
            state.place = places[0]
            return [state]
        site = self.image.patch_at(target)
        if site is None:
            raise Defect("several places without a patch site")
        found: list[State] = []
        for place in places:
            other = state.copy()
            other.place = place
            if not self._constrain(other, self._chosen(state, site, variant_of(place)), decoded, branch=False):
                continue
            choice = site.choices[variant_of(place) - 1] if variant_of(place) else None
            text = choice.problem if choice is not None else ""
            if not text and not self._starts(site, variant_of(place), target):
                text = "control goes into the middle of an instruction of it"
            if text:
                named = f"code that is patched at boot ({self._switch_name(site, variant_of(place))}): {text}"
                at = self.decode(place)
                self._problem(other, at, "patched-code", named, "let execution not get here, or report this construct")
                continue
            found.append(other)
        return found

    def _chosen(self, state: State, site: PatchSite, variant: int) -> Truth:
        """The condition under which a patch site holds a variant: the last choice that applies wins."""
        holds = [
            lnot(self._switch(state, choice)) if choice.inverted else self._switch(state, choice)
            for choice in site.choices
        ]
        later = [lnot(condition) for condition in holds[variant:]]
        return land(*later) if variant == 0 else land(holds[variant - 1], *later)

    def _switch(self, state: State, choice: Choice) -> Truth:
        return state.shared.switch(self.image.switch(choice.switch))

    def _switch_name(self, site: PatchSite, variant: int) -> str:
        if not variant:
            return "as in the file"
        return self.image.form_name(site.choices[variant - 1])

    def _starts(self, site: PatchSite, variant: int, target: int) -> bool:
        """Whether an instruction of that variant begins at ``target``."""
        address = site.address
        while address < target:
            address += max(self.decode(node(address, variant)).size, 1)
        return address == target

    def _inside(self, state: State, mark: Mark) -> bool:
        """Whether a state is still in the loop that it was generalised for, or in something called from there."""
        header, calls = mark
        deeper = len(state.calls) > len(calls) and state.calls[: len(calls)] == calls
        return deeper or (state.calls == calls and state.place in self.loops[header].body)

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

# SPDX-License-Identifier: BSD-2-Clause
"""The effect of a call that is not followed, by the System V AMD64 ABI.

Caller-saved registers, the arithmetic flags and all writable memory become
arbitrary, the saved frame included. Kept: callee-saved registers, RSP, DF
clear, and what the analysed code itself pushed below the frame. Each of these
is an assumption with an id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from verifier.lift import window
from verifier.lift.flags import ARITHMETIC
from verifier.lift.regions import RegionId, linear
from verifier.lift.state import State
from verifier.model import Location
from verifier.records import record
from verifier.terms import Term, add

CALLER_SAVED = ("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11")
"""Registers that a callee may change (System V AMD64 psABI, 3.2.1)."""

Interrupts = Literal["off", "on", "any", "unchanged"]


HELPER_SCRATCH = ("rax", "rcx", "rdx")
"""Registers that a helper in assembly may change, which the contract lists as such."""


@record
class _Unfollowed:
    """One execution of code that is not followed: its unique name, and what is said of the values it leaves."""

    state: State
    name: str
    origin: str

    def leave(self, register: str, width: int) -> Term:
        """An arbitrary value of that many bits that it leaves in a register or a flag."""
        symbols = self.state.shared.layout.symbols
        return symbols.make(
            f"{self.name}:{register}", width, "havoc", origin=self.origin, call=self.name, register=register
        )

    def scratch(self, registers: tuple[str, ...], flags: tuple[str, ...]) -> None:
        """Leave arbitrary values in these registers and flags."""
        for name in registers:
            self.state.gprs[name] = self.leave(name, 64)
        for name in flags:
            self.state.put(name, self.leave(name, 1))


def _unfollowed(state: State, what: str, does: str, location: Location) -> _Unfollowed:
    """The execution of ``what`` that the state stands at; ``does`` begins the words about it."""
    where = f"{location.file}:{location.line}" if location.line else f"{location.address:#x}"
    execution = (what, state.place, state.visits.get(state.place, 1))
    name = state.shared.call_name(f"{what}@{where}", execution)
    if state.shared.given is not None:
        state.shared.given.setdefault(name, []).append(state.copy())
    return _Unfollowed(state, name, f"{does} at {where}")


def help_out(state: State, callee: str, location: Location) -> str:
    """The effect of a call of a helper that keeps memory and all registers but HELPER_SCRATCH, and its return."""
    call = _unfollowed(state, callee, f"call to {callee}", location)
    state.gprs["rsp"] = add(state.gprs["rsp"], 8, 64)
    call.scratch(HELPER_SCRATCH, ARITHMETIC)
    state.shared.assumptions.update({"calls-helpers", "calls-system-state"})
    return call.name


def havoc(state: State, callee: str, location: Location, interrupts: str) -> str:
    """Apply the effect of a call that was just made and return from it; gives the call's unique name.

    RSP points at the return address that the call pushed.
    """
    call = _unfollowed(state, callee, f"call to {callee}", location)
    window.watch_kernel_gs(state, True, f"calls {callee} with the user's GS base active")
    state.gprs["rsp"] = add(state.gprs["rsp"], 8, 64)
    state.memory.havoc(call.name, call.origin, _keeps(state))
    call.scratch(CALLER_SAVED, (*ARITHMETIC, "ac"))
    state.put("df", 0)
    if state.shared.ss_arbitrary:
        state.put("ss_flat", call.leave("ss_flat", 1))
    match interrupts:
        case "off":
            state.put("if", 0)
        case "on":
            state.put("if", 1)
        case "any":
            state.put("if", call.leave("if", 1))
    state.shared.assumptions.update({"calls-abi", "calls-system-state", "calls-interrupts"})
    return call.name


def resume(state: State, location: Location) -> None:
    """The effect of an exception whose handler goes on behind it: registers and flags are kept, memory is not."""
    handler = _unfollowed(state, "handler", "exception handler", location)
    window.watch_kernel_gs(state, True, "raises an exception with the user's GS base active")
    state.memory.havoc(handler.name, handler.origin, _keeps(state))
    state.shared.assumptions.update({"calls-own-stack", "traps-resume"})


def _keeps(state: State) -> Callable[[RegionId, int], bool]:
    """Which written words survive: those between the stack pointer and the frame, or a stack's top.

    A stack that RSP has left keeps what was above RSP when it left.
    """
    layout = state.shared.layout
    root, rsp_offset = linear(state.gprs["rsp"])
    floors = dict(state.floors)
    here = None if root is None else layout.known.get(root.hash())
    if here is not None:
        floors[here] = rsp_offset

    def keep(region: RegionId, offset: int) -> bool:
        floor = floors.get(region)
        if floor is None or region.kind not in ("frame-stack", "stack", "below"):
            return False
        kept = floor <= offset and (region.kind != "frame-stack" or offset < layout.frame_offset)
        if kept:
            state.shared.assumptions.add("calls-own-stack")
        return kept

    return keep

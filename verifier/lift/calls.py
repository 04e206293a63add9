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
from verifier.terms import add

CALLER_SAVED = ("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11")
"""Registers that a callee may change (System V AMD64 psABI, 3.2.1)."""

Interrupts = Literal["off", "on", "any", "unchanged"]


HELPER_SCRATCH = ("rax", "rcx", "rdx")
"""Registers that a helper in assembly may change, which the contract lists as such."""


def help_out(state: State, callee: str, location: Location) -> str:
    """The effect of a call of a helper that keeps memory and all registers but HELPER_SCRATCH, and its return."""
    where = f"{location.file}:{location.line}" if location.line else f"{location.address:#x}"
    count = state.visits.get(state.place, 1)
    call = state.shared.call_name(f"{callee}@{where}", (callee, state.place, count))
    symbols, origin = state.shared.layout.symbols, f"call to {callee} at {where}"
    state.gprs["rsp"] = add(state.gprs["rsp"], 8, 64)
    for name in HELPER_SCRATCH:
        state.gprs[name] = symbols.make(f"{call}:{name}", 64, "havoc", origin=origin, call=call, register=name)
    for name in ARITHMETIC:
        state.put(name, symbols.make(f"{call}:{name}", 1, "havoc", origin=origin, call=call, register=name))
    state.shared.assumptions.update({"calls-helpers", "calls-system-state"})
    return call


def havoc(state: State, callee: str, location: Location, interrupts: str) -> str:
    """Apply the effect of a call that was just made and return from it; gives the call's unique name.

    RSP points at the return address that the call pushed.
    """
    where = f"{location.file}:{location.line}" if location.line else f"{location.address:#x}"
    count = state.visits.get(state.place, 1)
    call = state.shared.call_name(f"{callee}@{where}", (callee, state.place, count))
    origin = f"call to {callee} at {where}"
    symbols = state.shared.layout.symbols
    window.watch_kernel_gs(state, True, f"calls {callee} with the user's GS base active")
    state.gprs["rsp"] = add(state.gprs["rsp"], 8, 64)
    state.memory.havoc(call, origin, _keeps(state))
    for name in CALLER_SAVED:
        state.gprs[name] = symbols.make(f"{call}:{name}", 64, "havoc", origin=origin, call=call, register=name)
    for name in (*ARITHMETIC, "ac"):
        term = symbols.make(f"{call}:{name}", 1, "havoc", origin=origin, call=call, register=name)
        state.put(name, term)
    state.put("df", 0)
    if state.shared.ss_arbitrary:
        state.put("ss_flat", symbols.make(f"{call}:ss_flat", 1, "havoc", origin=origin, call=call, register="ss_flat"))
    match interrupts:
        case "off":
            state.put("if", 0)
        case "on":
            state.put("if", 1)
        case "any":
            term = symbols.make(f"{call}:if", 1, "havoc", origin=origin, call=call, register="if")
            state.put("if", term)
    state.shared.assumptions.update({"calls-abi", "calls-system-state", "calls-interrupts"})
    return call


def resume(state: State, location: Location) -> None:
    """The effect of an exception whose handler goes on behind it: registers and flags are kept, memory is not."""
    where = f"{location.file}:{location.line}" if location.line else f"{location.address:#x}"
    count = state.visits.get(state.place, 1)
    call = state.shared.call_name(f"handler@{where}", ("handler", state.place, count))
    window.watch_kernel_gs(state, True, "raises an exception with the user's GS base active")
    state.memory.havoc(call, f"exception handler at {where}", _keeps(state))
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

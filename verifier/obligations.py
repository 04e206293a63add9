# SPDX-License-Identifier: BSD-2-Clause
"""From a path that ends in SYSRETQ to the view that the clauses judge: two outcomes and their references."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.contract import Contract
from verifier.isa.iret import iretq
from verifier.isa.sysret import sysretq
from verifier.lift.entry import Entry
from verifier.lift.explore import Leaf
from verifier.lift.state import State
from verifier.model import FRAME_WORDS
from verifier.outcomes import ExitView
from verifier.terms import Term, Truth, lor


def exit_view(state: State, entry: Entry, contract: Contract, cr3_reference: Term) -> ExitView:
    """The view of the exit that ``state`` stands before."""
    frame = {name: state.slot(name) for name in FRAME_WORDS}
    gprs = state.gprs
    return ExitView(
        sysret=sysretq(gprs["rcx"], gprs["r11"], gprs["rsp"], state.system["star"], entry.la57, entry.amd),
        iret=iretq(frame, entry.la57),
        gprs=tuple(
            (name, gprs[name], _reference(name, disposition, state, entry)) for name, disposition in contract.registers
        ),
        gs_base=state.system["gs_base"],
        kernel_gs_base=state.system["kernel_gs_base"],
        user_gs=entry.user_gs,
        kernel_gs=entry.kernel_gs,
        cr3=state.system["cr3"],
        cr3_reference=cr3_reference,
        star=state.system["star"],
        user_cs=contract.user_cs,
        user_ss=contract.user_ss,
        ss_flat=state.system["ss_flat"],
        efer=state.system["efer"],
        cr4=state.system["cr4"],
        la57=entry.la57,
        amd=entry.amd,
        irq=_happened(state, "irq"),
        stack=_happened(state, "stack"),
        gs_access=_happened(state, "gs"),
        promises=frozenset(name for name, _ in contract.promises),
    )


def _reference(name: str, disposition: str, state: State, entry: Entry) -> Term | None:
    match disposition:
        case "slot":
            return state.slot(name)
        case "entry":
            return entry.state.gprs[name]
        case _:
            return None


def _happened(state: State, kind: str) -> Truth:
    return lor(*(event.condition for event in state.events if event.kind == kind))


def cr3_reference(leaves: Iterable[Leaf], entry: Entry, contract: Contract) -> tuple[Term | None, str | None]:
    """What CR3 must hold in user mode, and the id of the assumption it rests on.

    The term is None where the file's own IRET exits load different values.
    """
    if contract.cr3.value == "entry":
        return entry.cr3, "cr3-contract"
    loaded = [leaf.state.system["cr3"] for leaf in leaves if leaf.kind == "exit" and leaf.detail == "iretq"]
    if not loaded:
        return entry.cr3, "cr3-no-iret-exit"
    if all(term is loaded[0] for term in loaded):
        return loaded[0], None
    return None, None

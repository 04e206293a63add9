# SPDX-License-Identifier: BSD-2-Clause
"""From a path that ends in an exit to the view that the clauses judge: two outcomes and their references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from verifier.contract import Contract
from verifier.isa.iret import iretq
from verifier.isa.machine import rflags
from verifier.isa.sysexit import sysexit
from verifier.isa.sysret import sysretl, sysretq
from verifier.lift.entry import Entry
from verifier.lift.explore import Leaf
from verifier.lift.state import State
from verifier.model import FRAME_WORDS, UserError
from verifier.outcomes import ExitView, Outcome
from verifier.records import record
from verifier.terms import Term, Truth, add, as_term, bits, eq, lor, select, zext

JUDGED = ("sysretq", "sysretl", "sysexitq", "sysexitl")
"""Exits that have an outcome here; they are compared with IRETQ."""


@record
class Reference:
    """What an IRET exit of the same machine would give user space, where ``condition`` holds.

    ``gprs`` maps every register but RSP to its value, or to None if the ABI gives it up.
    """

    frame: Mapping[str, Term]
    gprs: Mapping[str, Term | None]
    cr3: Term
    condition: Truth = True


def by_contract(state: State, entry: Entry, contract: Contract, cr3: Term) -> Reference:
    """The reference that the contract's frame table names, by the slot rule; without one, what SYSCALL left."""
    if not contract.has_reference:
        live, cs = entry.state.gprs, as_term(contract.user32_cs or contract.user_cs, 64)
        words = {"rip": live["rcx"], "rflags": live["r11"], "rsp": live["rsp"], "cs": cs}
        kept = {name: live[name] if place == "entry" else None for name, place in contract.registers}
        return Reference({**words, "ss": as_term(contract.user_ss, 64)}, kept, cr3)
    gprs: dict[str, Term | None] = {}
    for name, disposition in contract.registers:
        match disposition:
            case "slot":
                gprs[name] = state.slot(name)
            case "entry":
                gprs[name] = entry.state.gprs[name]
            case "entry-or-zero":
                now = state.gprs[name]
                gprs[name] = select(eq(now, 0), 0, entry.state.gprs[name], 64)
            case _:
                gprs[name] = None
    return Reference({name: state.slot(name) for name in FRAME_WORDS}, gprs, cr3)


def exit_view(kind: str, state: State, entry: Entry, contract: Contract, reference: Reference) -> ExitView:
    """The view of the exit of that kind which ``state`` stands before."""
    if kind in ("sysretl", "sysexitl") and contract.promise("user32-rip") is not None:
        low = zext(bits(reference.frame["rip"], 31, 0), 32, 64)
        reference = replace(reference, frame={**reference.frame, "rip": low})
    fast, user_cs = _outcome(kind, state, entry, contract)
    return ExitView(
        kind=kind,
        sysret=fast,
        iret=iretq(reference.frame, entry.la57),
        gprs=tuple((name, state.gprs[name], reference.gprs[name]) for name, _ in contract.registers),
        gs_base=state.system["gs_base"],
        kernel_gs_base=state.system["kernel_gs_base"],
        user_gs=entry.user_gs,
        kernel_gs=entry.kernel_gs,
        cr3=state.system["cr3"],
        cr3_reference=reference.cr3,
        star_rpl=bits(state.system["star"], 49, 48),
        user_cs=user_cs,
        user_ss=contract.user_ss,
        ss_flat=state.system["ss_flat"],
        efer=state.system["efer"],
        cr4=state.system["cr4"],
        nt=state.system["nt"],
        la57=entry.la57,
        amd=entry.amd,
        irq=_happened(state, "irq"),
        stack=_happened(state, "stack"),
        gs_access=_happened(state, "gs"),
        promises=frozenset(name for name, _ in contract.promises),
    )


def _outcome(kind: str, state: State, entry: Entry, contract: Contract) -> tuple[Outcome, int]:
    """The exit's outcome and the CS that the contract expects of it.

    Raises UserError("contract-lacks-key", exit code 2) where the contract does not know the selectors.
    """
    star, gprs = state.system["star"], state.gprs
    match kind:
        case "sysretq":
            return sysretq(gprs, star, entry.la57, entry.amd), contract.user_cs
        case "sysretl":
            return sysretl(gprs, star, entry.amd), _known(contract.user32_cs, "selectors.user32_cs", kind, contract)
        case "sysexitq" | "sysexitl":
            base = _known(contract.sysenter_cs, "sysenter.cs", kind, contract)
            wide = kind == "sysexitq"
            outcome = sysexit(gprs, rflags(state), base, wide, entry.la57, entry.amd)
            if wide:
                return outcome, contract.user_cs
            return outcome, _known(contract.user32_cs, "selectors.user32_cs", kind, contract)
        case "iretq":
            words = enumerate(FRAME_WORDS)
            frame = {name: state.memory.load(add(gprs["rsp"], 8 * index, 64), 8) for index, name in words}
            return iretq(frame, entry.la57), contract.user_cs
        case _:
            raise KeyError(kind)


def _known(value: int | None, key: str, kind: str, contract: Contract) -> int:
    if value is None:
        text = f"{kind.upper()} is reached, but the contract {contract.name} has no {key}; add it or choose another"
        raise UserError("contract-lacks-key", text, 2)
    return value


def _happened(state: State, kind: str) -> Truth:
    return lor(*(event.condition for event in state.events if event.kind == kind and event.counts(state)))


def cr3_reference(leaves: Iterable[Leaf], entry: Entry, contract: Contract) -> tuple[Term | None, str | None]:
    """What CR3 must hold in user mode, and the id of the assumption it rests on.

    The term is None where the file's own IRET exits load different values, or
    one that a call on the way chose: then ``verifier.references`` has to find
    the exit that the machine in question would have taken.
    """
    if contract.cr3.value == "entry":
        return entry.cr3, "cr3-contract"
    loaded = [leaf.state.system["cr3"] for leaf in leaves if leaf.kind == "exit" and leaf.detail == "iretq"]
    if not loaded:
        return entry.cr3, "cr3-no-iret-exit"
    registry = entry.state.shared.layout.symbols
    chosen = any(symbol.call and symbol.name in loaded[0].variables for symbol in registry)
    if all(term is loaded[0] for term in loaded) and not chosen:
        return loaded[0], None
    return None, None

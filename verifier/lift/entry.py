# SPDX-License-Identifier: BSD-2-Clause
"""The state at the entry: arbitrary but for what the CPU and the contract say, field by field."""

from __future__ import annotations

from collections.abc import Callable

from verifier.contract import Contract
from verifier.isa.machine import SYSTEM_REGISTERS
from verifier.lift.decode import Decoded
from verifier.lift.flags import ARITHMETIC, Chosen, Thunk
from verifier.lift.regions import Layout
from verifier.lift.state import Shared, State, opaque_cc
from verifier.lift.symbols import Symbols
from verifier.model import GPRS, Image, Location
from verifier.records import record
from verifier.terms import Term, Truth, add, as_term, bit, canonical_under, eq

_CR4_LA57, _CR4_FRED, _EFER_SCE = 12, 32, 0


@record
class Entry:
    """An entry state with what a proof needs beside it.

    ``constraints`` are the entry assumptions A as terms; ``la57`` and ``amd``
    are the configuration as Booleans; ``user_gs``, ``kernel_gs`` and ``cr3``
    are the reference terms at entry.
    """

    state: State
    constraints: tuple[Truth, ...]
    la57: Truth
    amd: Truth
    user_gs: Term
    kernel_gs: Term
    cr3: Term


_FACTS: dict[str, tuple[str, dict[str, int]]] = {
    "if": ("interrupts", {"off": 0, "on": 1}),
    "df": ("direction", {"clear": 0}),
    "nt": ("nested_task", {"clear": 0}),
    "ss_flat": ("ss_descriptor", {"flat": 1}),
}
"""Flags that a contract may fix: the fact's field and the value that each word stands for."""


def build(image: Image, contract: Contract, address: int, locate: Callable[[Decoded], Location]) -> Entry:
    """The symbolic state at ``address``."""
    symbols = Symbols()
    layout = Layout(image, symbols)
    layout.frame_offset = contract.base_offset
    layout.slot_names = {contract.base_offset + slot.offset: slot.name for slot in contract.slots}
    gprs = {name: symbols.make(name, 64, "register") for name in GPRS}
    system: dict[str, Term] = {}
    for name, width in SYSTEM_REGISTERS.items():
        if name in ARITHMETIC:
            continue
        field, words = _FACTS.get(name, ("", {}))
        fixed = words.get(getattr(contract, field).value) if field else None
        label = f"rflags.{name.upper()}" if width <= 2 and name != "ss_flat" else name
        system[name] = as_term(fixed, width) if fixed is not None else symbols.make(label, width, "machine")
    # At CPL 0 outside a debugger's single step; the PUSHFQ image never shows RF and VM.
    for name in ("tf", "vm", "rf"):
        system[name] = as_term(0, 1)
    system["star"] = as_term(contract.star_base, 16).concat(symbols.make("star_low", 48, "machine"))
    user_gs, kernel_gs = system["kernel_gs_base"], system["gs_base"]
    if contract.gs.value == "user":
        user_gs, kernel_gs = kernel_gs, user_gs
    base = gprs[contract.base_register]
    if contract.has_reference:
        layout.add_root(base, "frame-stack", contract.base_register)
    if contract.base_register != "rsp":
        layout.add_root(gprs["rsp"], "stack", "rsp")
    layout.add_root(kernel_gs, "percpu", "gs")
    slots = tuple(
        (
            slot.name,
            add(base, contract.base_offset + slot.offset & (1 << 64) - 1, 64),
            contract.base_offset + slot.offset,
        )
        for slot in contract.slots
    )
    state = State(
        Shared(layout, user_gs, locate, slots, contract.ss_descriptor.value == "any", contract.gs.value == "kernel"),
        address,
    )
    state.gprs, state.system = gprs, system
    if not contract.has_reference:
        # Nothing was saved because nothing was switched: RSP is the user's from the entry on.
        state.window = base
    state.cc = opaque_cc()
    arithmetic = {name: symbols.make(f"rflags.{name.upper()}", 1, "machine") for name in ARITHMETIC}
    zero = as_term(0, 64)
    state.flags = Chosen(Thunk(zero, zero, zero, zero), arithmetic)
    la57 = symbols.make("cpu.la57", 1, "machine")
    amd = symbols.make("cpu.amd", 1, "machine")
    state.shared.paging = eq(la57, 1)
    state.shared.stores_elsewhere = contract.stores.value == "elsewhere"
    aligned: tuple[Truth, ...] = ()
    if contract.stack is not None:
        size, residue = contract.stack.size, contract.stack.base
        layout.residues[base.hash()] = size, residue - contract.base_offset & size - 1
        aligned = (eq(base & (size - 1), residue - contract.base_offset & size - 1),)
    constraints = (
        *aligned,
        eq(bit(system["efer"], _EFER_SCE), 1),
        eq(bit(system["cr4"], _CR4_FRED), 0),
        eq(bit(system["cr4"], _CR4_LA57), la57),
        eq(bit(system["cr3"], 63), 0),
        # The CPU refuses to load another segment base (SDM vol. 3A, 3.4.4.1).
        canonical_under(kernel_gs, eq(la57, 1)),
        canonical_under(user_gs, eq(la57, 1)),
        canonical_under(system["fs_base"], eq(la57, 1)),
    )
    return Entry(state, constraints, eq(la57, 1), eq(amd, 1), user_gs, kernel_gs, system["cr3"])

# SPDX-License-Identifier: BSD-2-Clause
"""RDMSR and WRMSR for the MSRs that an exit path touches.

SDM vol. 2B, RDMSR and WRMSR: ECX selects, EDX:EAX holds the value; RDMSR
clears the upper halves of RAX and RDX. MSR numbers: SDM vol. 4, table 2-2; APM
vol. 2, appendix A. An MSR that is not in the table has no model.
"""

from __future__ import annotations

from verifier.isa.encoding import Encoding
from verifier.isa.machine import Instruction, Machine, NotModelled
from verifier.terms import Term, Truth, bit, bits, canonical_under, concrete, eq, lnot, mask, zext

RAX, RCX, RDX = 0, 1, 2

TRACKED: dict[int, str] = {
    0x48: "spec_ctrl",
    0xC0000080: "efer",
    0xC0000081: "star",
    0xC0000082: "lstar",
    0xC0000084: "sfmask",
    0xC0000100: "fs_base",
    0xC0000101: "gs_base",
    0xC0000102: "kernel_gs_base",
}
COMMANDS: dict[int, str] = {0x49: "IA32_PRED_CMD", 0x10B: "IA32_FLUSH_CMD"}
"""Write-only MSRs that flush predictors or caches: no architectural state changes."""
_CANONICAL = frozenset({"lstar", "fs_base", "gs_base", "kernel_gs_base"})


def _selected(machine: Machine) -> int:
    index = concrete(bits(machine.gpr(RCX), 31, 0))
    if index is None:
        raise NotModelled("the MSR number in ECX is not a constant here")
    return index


def _rdmsr(machine: Machine, encoding: Encoding) -> None:
    index = _selected(machine)
    if index not in TRACKED:
        raise NotModelled(f"RDMSR of MSR {index:#x}")
    value = machine.get(TRACKED[index])
    machine.set_gpr(RAX, zext(bits(value, 31, 0), 32, 64))
    machine.set_gpr(RDX, zext(bits(value, 63, 32), 32, 64))


def canonical_here(machine: Machine, address: Term) -> Truth:
    """Whether a 64-bit address is canonical under the paging mode that CR4.LA57 (bit 12) selects."""
    return canonical_under(address, eq(bit(machine.get("cr4"), 12), 1))


def _wrmsr(machine: Machine, encoding: Encoding) -> None:
    index = _selected(machine)
    if index in COMMANDS:
        return
    if index not in TRACKED:
        raise NotModelled(f"WRMSR of MSR {index:#x}")
    low = zext(bits(machine.gpr(RAX), 31, 0), 32, 64)
    high = zext(bits(machine.gpr(RDX), 31, 0), 32, 64)
    value = ((high << 32) & (mask(32) << 32)) | low
    if TRACKED[index] in _CANONICAL:
        machine.trap_if(lnot(canonical_here(machine, value)), f"#GP(0): WRMSR {index:#x}, non-canonical")
    else:
        machine.may_fault(f"WRMSR {index:#x} raises #GP(0) for reserved bits, which depend on the CPU")
    machine.put(TRACKED[index], value)


RDMSR = Instruction("rdmsr", "step", "SDM vol. 2B, RDMSR", lambda e: e.starts(0x0F, 0x32), 2, _rdmsr)
WRMSR = Instruction("wrmsr", "step", "SDM vol. 2B, WRMSR", lambda e: e.starts(0x0F, 0x30), 2, _wrmsr)

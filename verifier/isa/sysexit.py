# SPDX-License-Identifier: BSD-2-Clause
"""SYSEXIT from CPL 0 in 64-bit mode, as an outcome.

SDM vol. 2B, SYSEXIT, Operation. 64-bit operand size: #GP(0) if RCX or RDX is
not canonical; RSP := RCX; RIP := RDX; CS.Selector := IA32_SYSENTER_CS[15:0]+32
OR 3. 32-bit operand size: RSP := ECX and RIP := EDX, zero-extended;
CS.Selector := IA32_SYSENTER_CS[15:0]+16 OR 3. SS.Selector := CS.Selector + 8.
RFLAGS is left alone, so that IF and the rest come from the code before. APM
vol. 3, SYSEXIT: #UD in long mode.
"""

from __future__ import annotations

from collections.abc import Mapping

from verifier.outcomes import IRET_RFLAGS, Outcome
from verifier.terms import Term, Truth, add, bits, canonical_under, land, lnot, lor, zext

_NEXT_SS = ("SDM vol. 2B, SYSEXIT, Operation: SS.Selector := CS.Selector + 8",)
_KEPT_RFLAGS = (
    "SDM vol. 2B, SYSEXIT, Operation: RFLAGS is not assigned; reserved bits and VM are 0 in 64-bit mode anyway",
)
_UD = "APM vol. 3, SYSEXIT, Exceptions: #UD in long mode"
_NEVER = ("SDM vol. 2B, SYSEXIT: what it jumps to was checked before, or is a 32-bit address",)

SYSEXITQ_MANUAL: Mapping[str, tuple[str, ...]] = {
    "rip": ("SDM vol. 2B, SYSEXIT, Operation: RIP := RDX",),
    "rflags": _KEPT_RFLAGS,
    "cs": ("SDM vol. 2B, SYSEXIT, Operation: CS.Selector := IA32_SYSENTER_CS[15:0] + 32, then OR 3",),
    "ss": _NEXT_SS,
    "rsp": ("SDM vol. 2B, SYSEXIT, Operation: RSP := RCX",),
    "fault": ("SDM vol. 2B, SYSEXIT, 64-bit exceptions: #GP(0) if RCX or RDX is not canonical", _UD),
    "late_fault": _NEVER,
}
SYSEXITL_MANUAL: Mapping[str, tuple[str, ...]] = {
    "rip": ("SDM vol. 2B, SYSEXIT, Operation: RIP := EDX, zero-extended",),
    "rflags": _KEPT_RFLAGS,
    "cs": ("SDM vol. 2B, SYSEXIT, Operation: CS.Selector := IA32_SYSENTER_CS[15:0] + 16, then OR 3",),
    "ss": _NEXT_SS,
    "rsp": ("SDM vol. 2B, SYSEXIT, Operation: RSP := ECX, zero-extended",),
    "fault": (_UD,),
    "late_fault": _NEVER,
}
"""Where the manuals say so, for each field of the outcome."""


def sysexit(gprs: Mapping[str, Term], rflags: Term, sysenter_cs: int, wide: bool, la57: Truth, amd: Truth) -> Outcome:
    """The outcome of SYSEXIT; ``rflags`` is the current 64-bit RFLAGS, ``sysenter_cs`` a 16-bit selector."""
    cs = add(sysenter_cs, 32 if wide else 16, 16) | 3
    rip = gprs["rdx"] if wide else zext(bits(gprs["rdx"], 31, 0), 32, 64)
    rsp = gprs["rcx"] if wide else zext(bits(gprs["rcx"], 31, 0), 32, 64)
    both = land(canonical_under(rip, la57), canonical_under(rsp, la57))
    faults = lnot(both) if wide else False
    return Outcome(
        rip=rip,
        rflags=(rflags & IRET_RFLAGS) | 2,
        cs=cs,
        ss=add(cs, 8, 16),
        rsp=rsp,
        fault=lor(amd, faults),
        late_fault=False,
    )

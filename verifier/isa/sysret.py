# SPDX-License-Identifier: BSD-2-Clause
"""SYSRET from CPL 0 in 64-bit mode, as an outcome.

SDM vol. 2B, SYSRET, Operation, 64-bit operand size:
``IF RCX is not canonical THEN #GP(0)`` – before RSP or CPL change; RIP := RCX;
RFLAGS := (R11 AND 3C7FD7H) OR 2; CS.Selector := IA32_STAR[63:48]+16 OR 3;
SS.Selector := (IA32_STAR[63:48]+8) OR 3. RSP is left alone. 32-bit operand
size: RIP := ECX zero-extended, CS.Selector := IA32_STAR[63:48] OR 3, the rest
as above; there is no canonical check.
APM vol. 3, SYSRET: no canonical check (the fetch at CPL 3 faults), and SS :=
STAR[63:48]+8 without forcing the RPL.
"""

from __future__ import annotations

from collections.abc import Mapping

from verifier.outcomes import SYSRET_RFLAGS, Outcome
from verifier.terms import Term, Truth, add, bits, canonical_under, ite, land, lnot, zext

_RFLAGS = (
    "SDM vol. 2B, SYSRET, Operation: RFLAGS := (R11 & 3C7FD7H) | 2, which clears RF and VM",
    "APM vol. 3, SYSRET, Action: RFLAGS = R11, RF = 0, VM = 0",
)
_SS = (
    "SDM vol. 2B, SYSRET, Operation: SS.Selector := (IA32_STAR[63:48] + 8) OR 3",
    "APM vol. 3, SYSRET, Action: SS.sel = MSR_STAR.SYSRET_CS + 8, the RPL as it is there",
)
_RSP = ("SDM vol. 2B, SYSRET, Description: the stack pointer is not modified", "APM vol. 3, SYSRET: the same")

SYSRETQ_MANUAL: Mapping[str, tuple[str, ...]] = {
    "rip": ("SDM vol. 2B, SYSRET, Operation: RIP := RCX", "APM vol. 3, SYSRET, Action: the same"),
    "rflags": _RFLAGS,
    "cs": (
        "SDM vol. 2B, SYSRET, Operation: CS.Selector := IA32_STAR[63:48] + 16, then OR 3",
        "APM vol. 3, SYSRET, Action: CS.sel = (MSR_STAR.SYSRET_CS + 16) OR 3",
    ),
    "ss": _SS,
    "rsp": _RSP,
    "fault": (
        "SDM vol. 2B, SYSRET, Operation: IF (RCX is not canonical) THEN #GP(0), before any assignment",
        "APM vol. 3, SYSRET, Exceptions: no #GP for the address",
    ),
    "late_fault": (
        "APM vol. 2, 1.1.3: at CPL 3 the fetch from a non-canonical RIP raises #GP",
        "SDM vol. 2B, SYSRET: does not happen, RIP was checked before",
    ),
}
SYSRETL_MANUAL: Mapping[str, tuple[str, ...]] = {
    "rip": ("SDM vol. 2B, SYSRET, Operation: RIP := ECX, zero-extended", "APM vol. 3, SYSRET, Action: the same"),
    "rflags": _RFLAGS,
    "cs": (
        "SDM vol. 2B, SYSRET, Operation: CS.Selector := IA32_STAR[63:48], then OR 3",
        "APM vol. 3, SYSRET, Action: CS.sel = MSR_STAR.SYSRET_CS OR 3",
    ),
    "ss": _SS,
    "rsp": _RSP,
    "fault": ("SDM vol. 2B, SYSRET, Operation: the check of RCX is in the 64-bit branch only", "APM vol. 3: none"),
    "late_fault": ("SDM vol. 1, 3.3.7.1: a 32-bit address is always canonical",),
}
"""Where the manuals say so, for each field of the outcome."""


def sysretq(gprs: Mapping[str, Term], star: Term, la57: Truth, amd: Truth) -> Outcome:
    """The outcome of SYSRETQ; ``star`` is the 64-bit IA32_STAR."""
    base = bits(star, 63, 48)
    faults = lnot(canonical_under(gprs["rcx"], la57))
    return Outcome(
        rip=gprs["rcx"],
        rflags=(gprs["r11"] & SYSRET_RFLAGS) | 2,
        cs=add(base, 16, 16) | 3,
        ss=_stack_selector(base, amd),
        rsp=gprs["rsp"],
        fault=land(lnot(amd), faults),
        late_fault=land(amd, faults),
    )


def sysretl(gprs: Mapping[str, Term], star: Term, amd: Truth) -> Outcome:
    """The outcome of SYSRETL, which enters compatibility mode."""
    base = bits(star, 63, 48)
    return Outcome(
        rip=zext(bits(gprs["rcx"], 31, 0), 32, 64),
        rflags=(gprs["r11"] & SYSRET_RFLAGS) | 2,
        cs=base | 3,
        ss=_stack_selector(base, amd),
        rsp=gprs["rsp"],
        fault=False,
        late_fault=False,
    )


def _stack_selector(base: Term, amd: Truth) -> Term:
    plain = add(base, 8, 16)
    return ite(amd, plain, plain | 3, 16)

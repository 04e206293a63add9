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

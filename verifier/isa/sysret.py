# SPDX-License-Identifier: BSD-2-Clause
"""SYSRETQ from CPL 0 in 64-bit mode, as an outcome.

SDM vol. 2B, SYSRET, Operation (64-bit operand size):
``IF RCX is not canonical THEN #GP(0)`` – before RSP or CPL change; RIP := RCX;
RFLAGS := (R11 AND 3C7FD7H) OR 2; CS.Selector := IA32_STAR[63:48]+16 OR 3;
SS.Selector := (IA32_STAR[63:48]+8) OR 3. RSP is left alone.
APM vol. 3, SYSRET: no canonical check (the fetch at CPL 3 faults), and SS :=
STAR[63:48]+8 without forcing the RPL.
"""

from __future__ import annotations

from verifier.outcomes import SYSRET_RFLAGS, Outcome
from verifier.terms import Term, Truth, add, bits, canonical, ite, land, lnot


def canonical_rip(rip: Term, la57: Truth) -> Truth:
    """Whether a 64-bit address is canonical under the paging mode in force."""
    wide = ite(canonical(rip, 57), 1, 0, 1)
    narrow = ite(canonical(rip, 48), 1, 0, 1)
    return ite(la57, wide, narrow, 1) == 1


def sysretq(rcx: Term, r11: Term, rsp: Term, star: Term, la57: Truth, amd: Truth) -> Outcome:
    """The outcome of SYSRETQ; ``star`` is the 64-bit IA32_STAR."""
    base = bits(star, 63, 48)
    plain_ss = add(base, 8, 16)
    faults = lnot(canonical_rip(rcx, la57))
    return Outcome(
        rip=rcx,
        rflags=(r11 & SYSRET_RFLAGS) | 2,
        cs=add(base, 16, 16) | 3,
        ss=ite(amd, plain_ss, plain_ss | 3, 16),
        rsp=rsp,
        fault=land(lnot(amd), faults),
        late_fault=land(amd, faults),
    )

# SPDX-License-Identifier: BSD-2-Clause
"""IRETQ from CPL 0 to CPL 3, as an outcome.

SDM vol. 2A, IRET/IRETD/IRETQ, RETURN-TO-OUTER-PRIVILEGE-LEVEL: RIP, CS[15:0],
RFLAGS, RSP and SS[15:0] come from the frame; from CPL 0 also IF, IOPL, VIF and
VIP are loaded; VM is not. A non-canonical RIP raises #GP(0) before the
privilege level changes, on the kernel's stack. RSP is not checked.
"""

from __future__ import annotations

from collections.abc import Mapping

from verifier.outcomes import IRET_RFLAGS, Outcome
from verifier.terms import Term, Truth, bits, canonical_under, lnot


def iretq(frame: Mapping[str, Term], la57: Truth) -> Outcome:
    """The outcome of IRETQ on five 64-bit frame words ``rip cs rflags rsp ss``."""
    return Outcome(
        rip=frame["rip"],
        rflags=(frame["rflags"] & IRET_RFLAGS) | 2,
        cs=bits(frame["cs"], 15, 0),
        ss=bits(frame["ss"], 15, 0),
        rsp=frame["rsp"],
        fault=lnot(canonical_under(frame["rip"], la57)),
        late_fault=False,
    )

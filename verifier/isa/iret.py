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

_OUTER = "SDM vol. 2A, IRET, Operation, RETURN-TO-OUTER-PRIVILEGE-LEVEL"

IRETQ_MANUAL: Mapping[str, tuple[str, ...]] = {
    "rip": (f"{_OUTER}: RIP := tempRIP, the first quadword popped", "APM vol. 3, IRETQ, Action: the same"),
    "rflags": (
        f"{_OUTER}: CF PF AF ZF SF TF DF OF NT;",
        "for a 64-bit operand also RF AC ID; from CPL 0 also IF IOPL VIF VIP: together 3D7FD7H",
        "SDM vol. 1, 3.4.3: bit 1 is always 1; VM is 0 in 64-bit mode",
    ),
    "cs": (f"{_OUTER}: CS := tempCS, bits 15:0 of the second quadword", "APM vol. 3, IRETQ, Action: the same"),
    "ss": (f"{_OUTER}: SS := tempSS, bits 15:0 of the fifth quadword", "APM vol. 3, IRETQ, Action: the same"),
    "rsp": (f"{_OUTER}: RSP := tempRSP, the fourth quadword, unchecked",),
    "fault": (
        "SDM vol. 2A, IRET, Operation, IA-32e-MODE-RETURN: #GP(0) if the return RIP is non-canonical",
        "APM vol. 3, IRETQ, Exceptions: the same",
    ),
    "late_fault": ("SDM vol. 2A, IRET: does not happen, RIP was checked before",),
}
"""Where the manuals say so, for each field of the outcome."""


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

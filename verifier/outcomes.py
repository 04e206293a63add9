# SPDX-License-Identifier: BSD-2-Clause
"""What an exit instruction hands to user space, and the view of one exit that the clauses judge.

All fields are terms (``verifier.terms``), so that one clause serves the proof
(claripy) and the check of a concrete machine (ints).
"""

from __future__ import annotations

from verifier.records import record
from verifier.terms import Term, Truth

SYSRET_RFLAGS = 0x3C7FD7
"""Bits of R11 that SYSRET loads into RFLAGS; bit 1 is then forced (SDM vol. 2B, SYSRET)."""

IRET_RFLAGS = 0x3D7FD7
"""Bits of the image that IRETQ from CPL 0 to CPL 3 loads: the same and RF (SDM vol. 2A, IRET)."""

RF, TF = 1 << 16, 1 << 8


@record
class Outcome:
    """User state behind an exit instruction; 64-bit terms, selectors 16 bits.

    ``fault`` is where the instruction faults at CPL 0 and ``late_fault`` where
    the first user instruction cannot be fetched.
    """

    rip: Term
    rflags: Term
    cs: Term
    ss: Term
    rsp: Term
    fault: Truth
    late_fault: Truth


@record
class ExitView:
    """One exit: both outcomes, the rest of the state, the references, and the window events.

    ``kind`` is the exit's mnemonic; ``sysret`` is its outcome, of whatever kind.
    ``gprs`` has (name, actual, reference) for every register but RSP;
    reference None: given up by ABI. ``irq``, ``stack`` and ``gs_access`` hold
    where a window event happened. ``promises`` are the setup clauses that the
    contract discharges.
    """

    kind: str
    sysret: Outcome
    iret: Outcome
    gprs: tuple[tuple[str, Term, Term | None], ...]
    gs_base: Term
    kernel_gs_base: Term
    user_gs: Term
    kernel_gs: Term
    cr3: Term
    cr3_reference: Term
    star_rpl: Term
    user_cs: int
    user_ss: int
    ss_flat: Term
    efer: Term
    cr4: Term
    nt: Term
    la57: Truth
    amd: Truth
    irq: Truth
    stack: Truth
    gs_access: Truth
    promises: frozenset[str]

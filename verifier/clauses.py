# SPDX-License-Identifier: BSD-2-Clause
"""The clauses: what must hold at every SYSRETQ that is taken.

One ``Clause`` is the single place to touch: its obligation, its row in the
documentation and its ``explain`` text follow from it. A clause compares two
outcomes; it knows no instruction semantics. Importing this module is cheap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from verifier.model import GPRS
from verifier.outcomes import RF, SYSRET_RFLAGS, TF, ExitView
from verifier.records import record
from verifier.terms import Truth, bit, eq, land, lnot, lor

Tier = Literal["seed", "safety", "visible", "timing", "setup"]
PROFILES = ("seed", "safety", "equivalence")


@record
class Clause:
    """One clause.

    ``holds`` gives the condition under which it is met; None in place of a
    condition: it does not apply. ``failure`` is the one-sentence cause of a
    violation, ``vendors`` what it means on each CPU. ``promise`` marks facts about boot-time
    state or other code that the contract must vouch for.
    """

    id: str
    tier: Tier
    title: str
    meaning: str
    why: str
    bug: str
    profiles: frozenset[str]
    holds: Callable[[ExitView], Truth | None]
    failure: str = ""
    vendors: tuple[tuple[str, str], ...] = ()
    promise: bool = False

    def cause(self, view: ExitView) -> str:
        """One sentence on why a machine violates the clause; the failing clause's view is given."""
        if self.id == "gs" and view.gs_access is not False:
            return "the kernel uses, or may use, the user's GS base"
        text = self.failure or self.title
        name = {"sysexitq": "SYSEXIT", "sysexitl": "SYSEXIT", "iretq": "IRET"}.get(view.kind, "SYSRET")
        return text.replace("SYSRET", name)


def _register(name: str) -> Callable[[ExitView], Truth | None]:
    def holds(view: ExitView) -> Truth | None:
        for known, actual, reference in view.gprs:
            if known == name:
                return None if reference is None else eq(actual, reference)
        raise KeyError(name)

    return holds


def _rflags(view: ExitView) -> Truth:
    compared = SYSRET_RFLAGS & ~2
    return eq((view.sysret.rflags ^ view.iret.rflags) & compared, 0)


def _canonical(view: ExitView) -> Truth | None:
    if view.kind in ("sysretl", "sysexitl"):
        return None  # 32-bit addresses are canonical
    return lnot(lor(view.sysret.fault, view.sysret.late_fault))


def _gs(view: ExitView) -> Truth:
    swapped = land(eq(view.gs_base, view.user_gs), eq(view.kernel_gs_base, view.kernel_gs))
    return land(swapped, lnot(view.gs_access))


def _star(view: ExitView) -> Truth:
    selectors = land(eq(view.sysret.cs, view.user_cs), eq(view.sysret.ss | 3, view.user_ss))
    if view.kind.startswith("sysexit"):
        return selectors
    # AMD's SYSRET does not force the RPL of SS, so that the base itself must carry it.
    return land(selectors, lor(lnot(view.amd), eq(view.star_rpl, 3)))


def _entry_mode(view: ExitView) -> Truth:
    enabled = lnot(view.amd) if view.kind.startswith("sysexit") else eq(bit(view.efer, 0), 1)
    return land(enabled, eq(bit(view.cr4, 32), 0))


def _promised(view: ExitView) -> Truth:
    return True


_AMD_ONLY = (
    ("intel", "SYSRET forces the RPL and the attributes of SS: no difference"),
    ("amd", "SYSRET takes SS from STAR without forcing its RPL, and leaves its attributes"),
)
_ALL = frozenset({"equivalence"})
_SEED = frozenset({"seed", "equivalence"})
_SAFETY = frozenset({"safety", "equivalence"})

GPR = Clause(
    "gpr", "visible", "every general register holds what IRET would restore",
    "each GPR other than RSP equals its reference: the saved slot, or its value at entry if it is still live; "
    "not asked for registers that the contract declares clobbered",
    "A register that still holds a kernel value leaks it to user space; a wrong one breaks the program. "
    "RCX and R11 are included: SYSRET needs RIP and RFLAGS in them, so they are right only if the saved "
    "registers hold the same values.",
    "the class of register leaks on entry and exit paths",
    _ALL, lambda view: True,
)  # fmt: skip

CLAUSES: tuple[Clause, ...] = (
    Clause(
        "rip", "seed", "RCX is the saved RIP",
        "RCX = f.rip, all 64 bits",
        "SYSRET continues at RCX. If another path changed the saved RIP (ptrace, signal delivery, exec), "
        "the program would resume at the wrong place.",
        "CVE-2014-4699 (Linux): ptrace changed RIP and the fast exit was still taken",
        _SEED, lambda view: eq(view.sysret.rip, view.iret.rip),
        failure="SYSRET continues elsewhere than at the saved RIP",
    ),
    Clause(
        "rflags", "seed", "R11 is the saved RFLAGS",
        "(R11 xor f.rflags) & 0x3C7FD5 = 0: every bit that both instructions load",
        "SYSRET loads RFLAGS from R11; a difference changes flags under the program's feet, IOPL and IF included.",
        "the check that Linux commit 2a23c6b8a9c4 makes before it takes SYSRET",
        _SEED, _rflags,
        failure="SYSRET gives other RFLAGS than the saved ones",
    ),
    Clause(
        "rf", "seed", "the saved RFLAGS has RF clear",
        "f.rflags.RF = 0",
        "IRET restores RF and SYSRET clears it. RF suppresses one instruction breakpoint; losing it makes a "
        "debugged program stop at the same breakpoint for ever.",
        "the check that Linux commit 2a23c6b8a9c4 makes before it takes SYSRET",
        _SEED, lambda view: eq(view.iret.rflags & RF, 0),
        failure="SYSRET drops RF, which the saved RFLAGS has set",
    ),
    Clause(
        "canonical", "seed", "RCX is canonical",
        "RCX sign-extends from bit 47, or from bit 56 where CR4.LA57 is set",
        "Intel's SYSRET raises #GP at CPL 0 for a non-canonical RCX, with RSP already the user's: the handler "
        "runs on a stack that the attacker chose. AMD faults at CPL 3, where IRET would have faulted in the kernel.",
        "CVE-2006-0744 (Linux), CVE-2012-0217 (Xen XSA-7, FreeBSD-SA-12:04, NetBSD, illumos, Windows)",
        _SEED | _SAFETY, _canonical,
        failure="SYSRET with non-canonical RCX",
        vendors=(
            ("intel", "SYSRET raises #GP at CPL0 with the user's RSP: the handler runs on a stack the user chose"),
            ("amd", "the first user fetch faults at CPL3; IRET would have faulted in the kernel, which expects it"),
        ),
    ),
    Clause(
        "cs", "seed", "the saved CS is what SYSRET loads",
        "f.cs[15:0] = (STAR[63:48] + 16) | 3",
        "SYSRETQ always enters 64-bit user mode with a fixed code segment; a 32-bit program must go through IRET.",
        "the check that Linux commit 2a23c6b8a9c4 makes before it takes SYSRET",
        _SEED, lambda view: eq(view.sysret.cs, view.iret.cs),
        failure="SYSRET loads another CS than the saved one",
    ),
    Clause(
        "ss", "seed", "the saved SS is what SYSRET loads",
        "f.ss[15:0] = (STAR[63:48] + 8) | 3",
        "SYSRET loads a fixed stack segment; a program with another one (an LDT segment, espfix) must go through IRET.",
        "the check that Linux commit 2a23c6b8a9c4 makes before it takes SYSRET",
        _SEED, lambda view: eq(view.sysret.ss | 3, view.iret.ss),
        failure="SYSRET loads another SS than the saved one",
    ),
    Clause(
        "tf", "timing", "the saved RFLAGS has TF clear",
        "f.rflags.TF = 0",
        "With TF set SYSRET raises #DB before the first user instruction, IRET after it. A single-stepped "
        "program that is sent back through SYSRET each time never makes progress.",
        "Linux commit 7ea24169097d, which added the test to the 2015 check",
        _ALL, lambda view: eq(view.iret.rflags & TF, 0),
        failure="SYSRET with TF set traps before the first user instruction, IRET after it",
    ),
    Clause(
        "rsp", "visible", "RSP is the saved RSP",
        "RSP = f.rsp, all 64 bits",
        "SYSRET leaves RSP alone, so the exit path must have loaded it; otherwise user space runs on, and knows "
        "the address of, a kernel stack.",
        "leaving RSP unset is the first mistake in any hand-written SYSRET path",
        _ALL, lambda view: eq(view.sysret.rsp, view.iret.rsp),
        failure="SYSRET leaves with an RSP that is not the saved one",
    ),
    *(
        Clause(f"gpr.{name}", GPR.tier, f"{name.upper()} holds what IRET would restore", GPR.meaning, GPR.why, GPR.bug,
               _ALL, _register(name), failure=f"{name.upper()} is not what IRET would restore")
        for name in GPRS if name != "rsp"
    ),
    Clause(
        "gs", "safety", "the user's GS base is active and the kernel's is put away",
        "GS.base is the user's, KERNEL_GS_BASE the kernel's; nothing was accessed, called or interrupted on it",
        "A missing or doubled SWAPGS gives user space the kernel's per-CPU pointer, or the kernel a pointer that "
        "the user chose.",
        "CVE-2019-1125 and the BadIRET family (CVE-2014-9322) show what the wrong GS is worth",
        _SAFETY, _gs,
        failure="SYSRET leaves with the wrong GS base",
    ),
    Clause(
        "irq", "safety", "no interrupt can arrive on the user's stack",
        "from the write of the user's RSP to SYSRET, IF = 0 at every instruction boundary, or an STI shadow covers it",
        "An interrupt at CPL 0 pushes its frame where RSP points: onto an address that the user chose.",
        "the reason why every SYSRET path runs CLI before it loads RSP",
        _SAFETY, lambda view: lnot(view.irq),
        failure="an interrupt can arrive while RSP is the user's",
    ),
    Clause(
        "stack", "safety", "nothing uses or faults on the user's stack at CPL 0",
        "after RSP holds the user's value no memory is accessed through it and no instruction may fault",
        "A push or a fault at CPL 0 writes to the user's RSP, which may be any address.",
        "CVE-2012-0217 (Xen XSA-7 and others) turned one fault here into control of the machine",
        _SAFETY, lambda view: lnot(view.stack),
        failure="memory is accessed, or an instruction can fault, while RSP is the user's",
    ),
    Clause(
        "cr3", "safety", "CR3 is what the IRET exit loads",
        "all 64 bits of CR3 as last written",
        "With page-table isolation user space must run on its own tables; on the kernel's, Meltdown reads them.",
        "CVE-2017-5754 (Meltdown) is what page-table isolation is for",
        _SAFETY, lambda view: eq(view.cr3, view.cr3_reference),
        failure="SYSRET leaves on other page tables than IRET",
    ),
    Clause(
        "ss-attrs", "visible", "on AMD, SS has flat attributes before SYSRET",
        "on AMD the hidden part of SS is a flat, non-null descriptor when SYSRET executes",
        "AMD's SYSRET sets the selector of SS but leaves its hidden part, so that a null SS survives into user "
        "mode and 32-bit code faults on its stack.",
        "the SYSRET_SS_ATTRS bug, Linux commit 61f01dd941ba",
        _ALL,
        lambda view: None if view.kind.startswith("sysexit") else lor(lnot(view.amd), eq(view.ss_flat, 1)),
        failure="SYSRET on AMD leaves the null attributes of SS",
        vendors=_AMD_ONLY,
    ),
    Clause(
        "star", "setup", "STAR names the user's selectors",
        "STAR[63:48] + 16 and + 8 with RPL 3 are the user's CS and SS; on AMD STAR[49:48] = 3",
        "SYSRET takes its selectors from STAR; AMD does not force SS.RPL, so that a base with RPL 0 gives user "
        "space an SS with RPL 0.",
        "the STAR base with RPL 0 that Xen's emulator comments on",
        _ALL, _star,
        failure="STAR does not give the user's selectors",
        vendors=_AMD_ONLY,
    ),
    Clause(
        "entry-mode", "setup", "SYSRET exists in this mode",
        "CPL 0, 64-bit mode, EFER.SCE = 1 (SYSEXIT: an Intel CPU), CR4.FRED = 0",
        "SYSRET is #UD otherwise.",
        "a configuration error at boot",
        _ALL, _entry_mode, promise=True,
        failure="SYSRET is #UD in this mode",
    ),
    Clause(
        "nmi", "timing", "NMIs are not blocked",
        "this is not the exit of an NMI handler's frame",
        "IRET unblocks NMIs and SYSRET does not: the machine would never take another NMI.",
        "the reason why an NMI may only be left through IRET",
        _ALL, _promised, promise=True,
    ),
    Clause(
        "serialize", "setup", "no core serialisation is owed",
        "nothing promised user space that the return serialises the core",
        "IRET serialises and SYSRET does not; membarrier's SYNC_CORE relies on it.",
        "the x86 part of Linux's membarrier(SYNC_CORE)",
        _ALL, _promised, promise=True,
    ),
    Clause(
        "ssp", "setup", "the user's shadow stack is set up",
        "the supervisor shadow-stack token is released and PL3_SSP is the user's",
        "SYSRET loads SSP from PL3_SSP; a stale value makes the first RET of user space fault.",
        "part of bringing up CET on a SYSRET path",
        _ALL, _promised, promise=True,
    ),
    Clause(
        "xstate", "setup", "the extended state is the user's",
        "x87, SSE, AVX and the other XSTATE components are as on the IRET exit",
        "Neither instruction touches them; a lazily switched component must have been restored before.",
        "CVE-2018-3665 (LazyFP) shows what a stale component leaks",
        _ALL, _promised, promise=True,
    ),
)  # fmt: skip
"""Every clause, in the order of every output."""


IRET_CLAUSES: tuple[Clause, ...] = (
    Clause(
        "nt",
        "safety",
        "IRETQ executes with NT clear",
        "the current RFLAGS.NT = 0 at IRETQ",
        "IRETQ raises #GP at CPL 0 if NT is set; the handler then runs with the user's GS base.",
        "the user could set NT before SYSCALL until kernels masked it (Linux commit 8c7aa698baca)",
        frozenset(PROFILES),
        lambda view: eq(view.nt, 0),
        failure="IRETQ raises #GP: NT is set",
    ),
    Clause(
        "cpl3",
        "safety",
        "the IRET frame is a user frame",
        "the CS that IRETQ pops has RPL 3",
        "With the user's GS base active an IRETQ must go to user mode.",
        "the class of CVE-2014-9322: a return to the kernel with the wrong GS",
        frozenset(PROFILES),
        lambda view: lor("user-frame" in view.promises, eq(view.sysret.cs & 3, 3)),
        failure="the frame that IRETQ pops is not a user frame",
    ),
    *(found for found in CLAUSES if found.id in ("gs", "cr3")),
)
"""What ``--check-iret`` asks of every IRETQ."""


def clause(identifier: str) -> Clause | None:
    """The clause of that id; "gpr" is the common text of the gpr.* clauses."""
    if identifier == GPR.id:
        return GPR
    return next((found for found in (*CLAUSES, *IRET_CLAUSES) if found.id == identifier), None)


FRAME_CLAUSES = frozenset({"rf", "tf"})
"""The clauses about what only an IRET exit would do with the saved RFLAGS."""


def of_profile(profile: str) -> tuple[Clause, ...]:
    """The clauses that a profile asks for. Raises KeyError for an unknown profile."""
    if profile not in PROFILES:
        raise KeyError(profile)
    return tuple(found for found in CLAUSES if profile in found.profiles)

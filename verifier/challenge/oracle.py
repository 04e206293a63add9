# SPDX-License-Identifier: BSD-2-Clause
"""From the end of a concrete run to the clauses that are false: exit semantics and clauses on ints.

The references are read from the concrete machine by the rules of
docs/soundness.md, "The reference" and "Windows"; no term, no proof and no
state of the lifter is involved. Where a window's start cannot be told from the
values alone, the event is not counted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping

from verifier.challenge.machines import End, Start
from verifier.clauses import FRAME_CLAUSES, IRET_CLAUSES, Clause, of_profile
from verifier.contract import Contract
from verifier.isa.iret import iretq
from verifier.isa.sysexit import sysexit
from verifier.isa.sysret import sysretl, sysretq
from verifier.model import FRAME_WORDS, GPRS
from verifier.outcomes import ExitView, Outcome
from verifier.records import record

_MASK64 = (1 << 64) - 1
_NEAR = 0x1000
_APART = 0x10000
"""RSP is only called the user's if it is so far from every kernel stack that the run used."""
_EFER, _STAR = 0xC0000080, 0xC0000081
_NT = 1 << 14


@record
class Subject:
    """The exit that is judged: its mnemonic and address, the contract, and where the frame's slots are.

    ``slots`` maps names to addresses. ``auto``: the reference is the file's own IRET exit, which is not computed
    here, so that only clauses without a reference are judged.
    """

    kind: str
    address: int
    contract: Contract
    slots: Mapping[str, int]
    auto: bool = False


_WITHOUT_REFERENCE = frozenset({"canonical", "gs", "irq", "stack", "ss-attrs", "star", "entry-mode", "nt", "cpl3"})


@record
class Arm:
    """What the file's own IRET exit gives user space in the machine that takes the fast one."""

    words: tuple[int, ...]
    registers: tuple[int, ...]
    cr3: int


def needs_arm(subject: Subject, name: str) -> bool:
    """Whether a clause is a comparison with the file's own IRET exit."""
    if name == "cr3":
        return subject.auto or subject.contract.cr3.value != "entry"
    return subject.auto and name not in _WITHOUT_REFERENCE


def judgeable(subject: Subject, claimed: Collection[str]) -> tuple[list[Clause], list[tuple[str, str]]]:
    """The clauses of ``claimed`` that can be evaluated here, and why the others cannot."""
    known = {one.id: one for one in (*of_profile("equivalence"), *IRET_CLAUSES)}
    judged: list[Clause] = []
    left: list[tuple[str, str]] = []
    for name in sorted(claimed):
        if name not in known or (known[name].promise and name != "entry-mode"):
            left.append((name, "the contract vouches for it") if name in known else (name, "no such clause"))
        elif subject.kind == "iretq" and needs_arm(subject, name):
            left.append((name, "it is this exit that the others are compared with"))
        elif name in FRAME_CLAUSES and not subject.contract.has_reference:
            left.append((name, "there is no IRET exit"))
        else:
            judged.append(known[name])
    return judged, left


def view_of(
    subject: Subject, start: Start, end: End, frame: Mapping[int, int], stack: tuple[int, ...],
    arm: Arm | None, amd: bool, is_gs: Collection[int],
) -> ExitView:  # fmt: skip
    """The exit that a run stands before; ``frame`` has the slots' content by address, ``stack`` five words at RSP.

    ``is_gs`` are the addresses of instructions with a GS override. Without ``arm`` what ``needs_arm`` is not in it.
    """
    contract = subject.contract
    gprs = dict(zip(GPRS, end.registers, strict=True))
    la57 = bool(start.cr4 >> 12 & 1)
    star = end.msrs[_STAR]
    fast, user_cs = _outcome(subject, gprs, star, end.rflags, stack, la57, amd)
    words, kept = _reference(subject, start, end, gprs, frame, arm)
    if subject.kind in ("sysretl", "sysexitl") and contract.promise("user32-rip") is not None:
        words = {**words, "rip": words["rip"] & 0xFFFFFFFF}
    kernel, user = start.gs_base, start.kernel_gs_base
    if contract.gs.value == "user":
        kernel, user = user, kernel
    irq, on_stack = _window(subject, end)
    return ExitView(
        kind=subject.kind,
        sysret=fast,
        iret=iretq(words, la57),
        gprs=tuple((name, gprs[name], kept[name]) for name, _ in contract.registers),
        gs_base=end.gs_base,
        kernel_gs_base=end.kernel_gs_base,
        user_gs=user,
        kernel_gs=kernel,
        cr3=end.cr3,
        cr3_reference=arm.cr3 if arm is not None and needs_arm(subject, "cr3") else start.cr3,
        star_rpl=star >> 48 & 3,
        user_cs=user_cs,
        user_ss=contract.user_ss,
        ss_flat=end.ss_flat,
        efer=end.msrs[_EFER],
        cr4=end.cr4,
        nt=int(end.rflags & _NT != 0),
        la57=la57,
        amd=amd,
        irq=irq,
        stack=on_stack,
        gs_access=_on_user_gs(subject, start, end, user, is_gs),
        promises=frozenset(name for name, _ in contract.promises),
    )


def false_clauses(view: ExitView, clauses: Collection[Clause]) -> list[str]:
    """The ids of those clauses that the view makes false."""
    return [one.id for one in clauses if one.holds(view) is False]


def _outcome(
    subject: Subject, gprs: Mapping[str, int], star: int, rflags: int, stack: tuple[int, ...], la57: bool, amd: bool
) -> tuple[Outcome, int]:
    contract = subject.contract
    narrow = contract.user32_cs or 0
    match subject.kind:
        case "sysretq":
            return sysretq(gprs, star, la57, amd), contract.user_cs
        case "sysretl":
            return sysretl(gprs, star, amd), narrow
        case "sysexitq" | "sysexitl":
            wide = subject.kind == "sysexitq"
            outcome = sysexit(gprs, rflags, contract.sysenter_cs or 0, wide, la57, amd)
            return outcome, contract.user_cs if wide else narrow
        case _:
            return iretq(dict(zip(FRAME_WORDS, stack, strict=True)), la57), contract.user_cs


def _reference(
    subject: Subject,
    start: Start,
    end: End,
    gprs: Mapping[str, int],
    frame: Mapping[int, int],
    arm: Arm | None,
) -> tuple[dict[str, int], dict[str, int | None]]:
    """The five words of the frame, and what every register but RSP has to be (None: anything)."""
    contract, live = subject.contract, start.registers
    if subject.auto and arm is not None:
        restored = dict(zip(GPRS, arm.registers, strict=True))
        return dict(zip(FRAME_WORDS, arm.words, strict=True)), {name: restored[name] for name, _ in contract.registers}
    if subject.auto:
        return dict.fromkeys(FRAME_WORDS, 0), {name: None for name, _ in contract.registers}
    if not contract.has_reference:
        words = {"rip": live["rcx"], "rflags": live["r11"], "rsp": live["rsp"]}
        words |= {"cs": contract.user32_cs or contract.user_cs, "ss": contract.user_ss}
        return words, {name: live[name] if place == "entry" else None for name, place in contract.registers}

    def slot(name: str) -> int:
        address = subject.slots[name]
        return end.kept[address] if address in end.kept else frame[address]

    kept: dict[str, int | None] = {}
    for name, disposition in contract.registers:
        match disposition:
            case "slot":
                kept[name] = slot(name)
            case "entry":
                kept[name] = live[name]
            case "entry-or-zero":
                kept[name] = live[name] if gprs[name] else 0
            case _:
                kept[name] = None
    return {name: slot(name) for name in FRAME_WORDS}, kept


def _distance(one: int, other: int) -> int:
    return min(one - other & _MASK64, other - one & _MASK64)


def _at(marks: list[tuple[int, int]] | list[tuple[int, bool]], index: int) -> int:
    """The value in force at the start of the instruction with that index."""
    return marks[bisect_right(marks, index, key=lambda mark: mark[0]) - 1][1]


def window_start(subject: Subject, end: End) -> int | None:
    """From which instruction on RSP has surely been the user's; None: that cannot be told.

    That is where it came from far away to near the value that it has at the exit, if it stayed there.
    """
    rsp = end.moves[-1][1]
    if not subject.contract.has_reference:
        return 1 if all(_distance(rsp, one) < _NEAR for _, one in end.moves) else None
    first = next((index for index, (_, one) in enumerate(end.moves) if _distance(rsp, one) < _NEAR), 0)
    kernel, user = end.moves[:first], end.moves[first:]
    if not kernel or any(_distance(rsp, one) < _APART for _, one in kernel):
        return None
    if any(_distance(rsp, one) >= _NEAR for _, one in user):
        return None
    if any(_distance(rsp, slot) < _APART for slot in subject.slots.values()):
        return None
    return user[0][0]


def _window(subject: Subject, end: End) -> tuple[bool, bool]:
    """Whether an interrupt can arrive, and whether memory is used, on the user's stack."""
    since, last = window_start(subject, end), len(end.trace)
    if since is None:
        return False, False
    irq = any(_at(end.enabled, index) and index not in end.shadows for index in range(since, last + 1))
    rsp = end.moves[-1][1]
    first = 0 if not subject.contract.has_reference else since
    touched = any(index >= first and _distance(address, rsp) < _NEAR for index, address, _, _ in end.accesses)
    return irq, touched


def _on_user_gs(subject: Subject, start: Start, end: End, user: int, is_gs: Collection[int]) -> bool:
    """Whether kernel code used the user's GS base, or would have if it had been called or interrupted."""
    bases = end.bases
    for index, _, _, _ in end.accesses:
        if end.trace[index] in is_gs and _at(bases, index) == user:
            return True
    if subject.contract.gs.value != "kernel":
        return False
    if any(base == user for _, base in end.calls):
        return True
    home = start.registers[subject.contract.base_register]
    return any(
        _at(end.enabled, index)
        and index not in end.shadows
        and _at(bases, index) == user
        and _distance(_at(end.moves, index), home) < 0x4000
        for index in (range(1, len(end.trace) + 1) if any(on for _, on in end.enabled) else ())
    )

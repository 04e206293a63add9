# SPDX-License-Identifier: BSD-2-Clause
"""Runs of the challenge's fast machine and what is read from their ends, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from verifier.challenge.machines import End, Start, Terrain
from verifier.challenge.oracle import Arm, Subject, false_clauses, judgeable, needs_arm, view_of, window_start
from verifier.challenge.runner import Runner
from verifier.clauses import of_profile
from verifier.contract import Contract, load_contract
from verifier.model import GPRS, Image, Section
from verifier.replay import CallEffect, MemoryWord

CODE, STACK, PERCPU, USER = 0xFFFFFFFF81000000, 0xFFFFC90000003000, 0xFFFF888000000000, 0x00007F2000000000
SLOTS = (STACK, STACK + 8)
EFER, STAR = 0xC0000080, 0xC0000081


def image(code: str) -> Image:
    """One section of code, given in hex."""
    data = bytes.fromhex(code)
    return Image("x", "", (Section(".text", CODE, len(data), data, True, False),), (), (), ())


def start(**changed: Any) -> Start:
    """A plain machine; RSP is at the frame."""
    plain = Start(
        registers={name: 0x1111 * index for index, name in enumerate(GPRS, 1)} | {"rsp": STACK},
        rflags=0x2, gs_base=PERCPU, kernel_gs_base=USER, fs_base=0, cr3=0x5000, cr4=0,
        msrs={EFER: 1, STAR: 0x23 << 48}, ss_flat=1, words=(), effects=(), undefined={}, entropy=1,
    )  # fmt: skip
    return replace(plain, **changed)


def run(code: str, machine: Start | None = None, words: tuple[MemoryWord, ...] = (), **terrain: Any) -> End:
    """One run of some code."""
    ground = Terrain(
        image=image(code), entry=CODE, slots=SLOTS, base_register="rsp", unfollowed=frozenset(), followed=None,
        no_return=frozenset(), helpers=frozenset(), interrupts="off", ss_arbitrary=False, limit=64,
    )  # fmt: skip
    ground = replace(ground, **terrain)
    base = start()
    whole = Runner(ground, base, (*(MemoryWord(slot, slot & 0xFF, 8) for slot in SLOTS), *words))
    try:
        return whole.run(machine or base)
    finally:
        whole.close()


def value(end: End, name: str) -> int:
    """A register at the end."""
    return dict(zip(GPRS, end.registers, strict=True))[name]


SYSRETQ = "480f07"


@pytest.mark.parametrize(
    ("code", "kind", "detail"),
    [
        (SYSRETQ, "exit", "sysretq"),
        ("f30f07", "exit", "sysretl"),
        ("48cf", "exit", "iretq"),
        ("0f35", "exit", "sysexitl"),
        ("0f0b", "trap", "ud2"),
        ("cc", "trap", "int3"),
        ("f4", "trap", "hlt"),
        ("ebfe", "limit", "64 instructions"),
        ("48c7c1fffffffff3a4", "limit", "64 instructions"),  # mov $-1, %rcx; rep movsb
        ("ffe0", "left", "elsewhere"),  # jmp *%rax
        ("31c9f7f1", "fault", "exception 0"),  # xor %ecx, %ecx; div %ecx
        ("0f21c0", "not-comparable", "CR0, CR2 and the debug registers are not part of the state"),
        ("b91b0000000f32", "not-comparable", "RDMSR of an MSR that is not part of the state"),
    ],
)
def test_a_run_ends_where_it_should(code: str, kind: str, detail: str) -> None:
    """Each end of a path is told apart, and nothing of it raises."""
    end = run(code)
    assert (end.kind, end.detail) == (kind, detail)


def test_exit_is_not_executed() -> None:
    """The machine stands before the exit instruction, with the registers that it had."""
    end = run("48ffc0" + SYSRETQ)  # inc %rax
    assert end.at == CODE + 3 and end.trace == [CODE]
    assert value(end, "rax") == 0x1112


def test_runs_do_not_see_each_other() -> None:
    """Memory, registers, MSRs and CR3 of one machine are gone before the next one starts."""
    # mov %rax, (%rsp); mov %rax, %cr3; mov $0xc0000101, %ecx; xor %edx, %edx; wrmsr; mov 8(%rsp), %rbx
    code = "48890424" + "0f22d8" + "b9010100c0" + "31d2" + "0f30" + "488b5c2408" + SYSRETQ
    ground = Terrain(
        image(code), CODE, SLOTS, "rsp", frozenset(), None, frozenset(), frozenset(), "off", False, 64
    )  # fmt: skip
    runner = Runner(ground, start(), (MemoryWord(SLOTS[0], 7, 8), MemoryWord(SLOTS[1], 9, 8)))
    first = runner.run(start())
    other = start(registers=start().registers | {"rax": 0x77000}, words=(MemoryWord(SLOTS[1], 8, 8),))
    changed = runner.run(other)
    assert (changed.cr3, changed.gs_base, runner.frame()) == (0x77000, 0x77000, {SLOTS[0]: 0x77000, SLOTS[1]: 8})
    assert value(changed, "rbx") == 8
    again = runner.run(start())
    runner.close()
    assert (again.registers, again.cr3, again.gs_base) == (first.registers, first.cr3, first.gs_base)
    assert value(again, "rbx") == 9


def test_cr0_is_the_same_twice() -> None:
    """A control register that nothing writes reads as anything, but each time as the same."""
    end = run("0f20c0" + "0f20c3" + "0f20d1" + SYSRETQ)  # mov %cr0, %rax; mov %cr0, %rbx; mov %cr2, %rcx
    assert value(end, "rax") == value(end, "rbx") not in (0, value(end, "rcx"))


def test_segment_bases_and_shadow() -> None:
    """SWAPGS exchanges the bases; STI's shadow covers one boundary, and IF is followed."""
    end = run("0f01f8" + "fb" + "90" + "fa" + SYSRETQ)  # swapgs; sti; nop; cli
    assert (end.gs_base, end.kernel_gs_base) == (USER, PERCPU)
    assert end.bases == [(0, PERCPU), (1, USER)]
    assert end.shadows == {2}
    assert [on for _, on in end.enabled] == [False, False, True, False]


def test_non_canonical_access_faults() -> None:
    """Unicorn reads any address; the CPU does not, and which ones depends on CR4.LA57."""
    low = start(registers=start().registers | {"rax": 1 << 50})
    assert run("488b00" + SYSRETQ, low).kind == "fault"  # mov (%rax), %rax
    ground = Terrain(
        image("488b00" + SYSRETQ), CODE, (), "rsp", frozenset(), None, frozenset(), frozenset(), "off", False, 64
    )  # fmt: skip
    wide = replace(low, cr4=1 << 12)
    runner = Runner(ground, wide, ())
    assert runner.run(wide).kind == "exit"
    runner.close()


def test_call_that_leaves_takes_its_effect() -> None:
    """A call out of the image changes what the effect says and what the ABI lets it: no callee-saved register."""
    effect = CallEffect((("rax", 5), ("rbx", 6)), (MemoryWord(SLOTS[1], 0x99, 8),), 0x8D5 | 1 << 9 | 1 << 14)
    end = run("e800001000" + SYSRETQ, start(effects=(effect,)))  # call far away
    assert end.kind == "exit" and end.at == CODE + 5
    assert (value(end, "rax"), value(end, "rbx"), value(end, "rsp")) == (5, start().registers["rbx"], STACK)
    assert end.rflags == 0x8D7  # IF as the contract says, NT as it was
    assert end.calls == [(0, PERCPU)]
    assert run("e800001000" + SYSRETQ, start(effects=(effect,)), interrupts="any").rflags == 0xAD7


def test_jump_that_running_code_sends_elsewhere() -> None:
    """Such a jump has the effect of a call and returns to the caller, or the run is not comparable."""
    code = "e803000000" + SYSRETQ + "e9f5000000"  # call 1f; sysretq; 1: jmp far
    sent = replace(image(code), opaque=frozenset({CODE + 8}))
    end = run(code, image=sent, unfollowed=frozenset({CODE + 8}))
    assert (end.kind, end.at, value(end, "rsp")) == ("exit", CODE + 5, STACK)
    assert run(code, image=sent).kind == "not-comparable"


def test_slot_keeps_what_it_held_when_the_stack_pointer_left_it() -> None:
    """A store into a slot above RSP moves the reference along; one below RSP does not (the slot rule)."""
    pop_push = "5850"  # pop %rax; push %rax: over the slot that was just popped
    assert run("48c7042405000000" + SYSRETQ).kept == {}  # movq $5, (%rsp): still part of the frame
    assert run("58" + "48c74424f805000000" + SYSRETQ).kept == {SLOTS[0]: SLOTS[0] & 0xFF}  # pop; movq $5, -8(%rsp)
    assert run(pop_push + SYSRETQ).kept == {SLOTS[0]: SLOTS[0] & 0xFF}
    assert run(pop_push + "48c7042405000000" + SYSRETQ).kept == {SLOTS[0]: SLOTS[0] & 0xFF}  # still scratch space
    both = {slot: slot & 0xFF for slot in SLOTS}
    assert run("5858" + "5050" + "5858" + SYSRETQ).kept == both  # pop, pop; push, push; pop, pop
    # pop; sub $8, %rsp; movq $5, (%rsp): lowered by arithmetic, it is part of the frame again.
    assert run("584883ec0848c7042405000000" + SYSRETQ).kept == {}


def test_another_stack_releases_no_slot() -> None:
    """RSP on a stack of its own, however high, has not moved above the frame: writes there still count."""
    ground = start(registers=start().registers | {"rbp": STACK, "rsp": STACK + 0x100000})
    # movq $5, (%rbp)
    assert run("48c7450005000000" + SYSRETQ, ground, base_register="rbp").kept == {}
    # lea 16(%rbp), %rsp; mov %rax, %rsp; movq $5, (%rbp): it was above, and is elsewhere now
    moved = run("488d6510" + "4889c4" + "48c7450005000000" + SYSRETQ, ground, base_register="rbp")
    assert moved.kept == {SLOTS[0]: SLOTS[0] & 0xFF}


def test_forced_branch() -> None:
    """A conditional jump can be sent the other way; its index and other way are told by the run."""
    code = "4839c0" + "7503" + SYSRETQ + "48cf"  # cmp %rax, %rax; jne 1f; sysretq; 1: iretq
    ground = Terrain(
        image(code), CODE, SLOTS, "rsp", frozenset(), None, frozenset(), frozenset(), "off", False, 64
    )  # fmt: skip
    runner = Runner(ground, start(), ())
    plain = runner.run(start())
    assert plain.detail == "sysretq"
    assert runner.branches(plain) == [(1, CODE + 8)]
    assert runner.run(start(), (1, CODE + 8)).detail == "iretq"
    runner.close()


def test_undefined_flags_are_the_machine_s_choice() -> None:
    """What an instruction leaves undefined is what the machine says, from the boundary behind it on."""
    code = "4885c0" + "9c" + "5b" + SYSRETQ  # test %rax, %rax; pushfq; pop %rbx
    assert value(run(code, start(undefined={CODE: (0x10, 0x10)})), "rbx") & 0x10
    assert not value(run(code, start(undefined={CODE: (0x10, 0)})), "rbx") & 0x10


def test_words_that_nobody_gave_are_noticed() -> None:
    """A read of memory that is no input, and not written before, is told: it becomes one."""
    read = "65488b0425100000 00"  # mov %gs:0x10, %rax
    assert run(read + SYSRETQ).unknown == {PERCPU + 0x10}
    assert run(read + SYSRETQ, words=(MemoryWord(PERCPU + 0x10, 1, 8),)).unknown == set()
    assert run("50" + "58" + SYSRETQ).unknown == set()  # push; pop


# From the end of a run to clauses.

CONTRACT = load_contract("linux")


def exit_end(**changed: Any) -> End:
    """A machine before SYSRETQ that meets every clause: RSP went from the frame to the user's stack."""
    registers = {name: 0x100 + index for index, name in enumerate(GPRS)}
    registers |= {"rcx": 0x400000, "r11": 0x202, "rsp": 0x7FFFFFFF0000}
    end = End("exit", "sysretq", CODE + 9)
    end.trace = [CODE, CODE + 3, CODE + 6]
    end.registers = tuple(registers[name] for name in GPRS)
    end.rflags, end.gs_base, end.kernel_gs_base = 2, USER, PERCPU
    end.cr3, end.cr4, end.ss_flat, end.msrs = 0x5000, 0, 1, {EFER: 1, STAR: 0x23 << 48}
    end.moves = [(0, STACK), (2, 0x7FFFFFFF0000)]
    end.enabled, end.bases = [(0, False)], [(0, PERCPU), (3, USER)]
    for name, new in changed.items():
        setattr(end, name, new)
    return end


def subject(contract: Contract = CONTRACT, **changed: Any) -> Subject:
    """The SYSRETQ, with the frame at STACK."""
    slots = {slot.name: STACK + slot.offset for slot in contract.slots}
    return replace(Subject("sysretq", CODE + 9, contract, slots), **changed)


def frame_of(end: End, **changed: int) -> dict[int, int]:
    """The content of the slots that goes with the registers of ``end``."""
    actual = dict(zip(GPRS, end.registers, strict=True))
    words = actual | {"rip": actual["rcx"], "rflags": 0x202, "rcx": 0x400000, "r11": 0x202}
    words |= {"cs": CONTRACT.user_cs, "ss": CONTRACT.user_ss, "rsp": 0x7FFFFFFF0000} | changed
    return {STACK + slot.offset: words.get(slot.name, 0) for slot in CONTRACT.slots}


def broken(
    end: End, frame: dict[int, int], amd: bool = False, about: Subject | None = None, **machine: Any
) -> set[str]:
    """The clauses that are false."""
    about = about or subject()
    arm = Arm((0,) * 5, (0,) * 16, 0x5000) if needs_arm(about, "cr3") else None
    entry = start(registers={name: 0x100 + index for index, name in enumerate(GPRS)} | {"rsp": STACK}, **machine)
    view = view_of(about, entry, end, frame, (), arm, amd, {CODE})
    return set(false_clauses(view, of_profile("equivalence")))


def test_a_right_exit_breaks_nothing() -> None:
    """All clauses hold of the plain exit, on both vendors."""
    end = exit_end()
    assert broken(end, frame_of(end)) == broken(end, frame_of(end), amd=True) == set()


@pytest.mark.parametrize(
    ("changed", "clauses"),
    [
        ({"rip": 0x400001}, {"rip"}),
        ({"rflags": 0x203}, {"rflags"}),
        ({"rflags": 0x10202}, {"rf"}),
        ({"rflags": 0x302}, {"tf", "rflags"}),
        ({"cs": 0x23}, {"cs"}),
        ({"ss": 0x2A}, {"ss"}),
        ({"rsp": 8}, {"rsp"}),
        ({"rbx": 8}, {"gpr.rbx"}),
        ({"rcx": 8}, {"gpr.rcx"}),
        ({"cs": 0x33 | 1 << 16}, set()),  # IRETQ reads 16 bits
    ],
)
def test_each_word_of_the_frame_is_compared(changed: dict[str, int], clauses: set[str]) -> None:
    """A frame that differs in one word breaks the clause of that word and no other."""
    end = exit_end()
    assert broken(end, frame_of(end, **changed)) == clauses


def test_kept_slot_is_the_reference() -> None:
    """The content that a slot had when RSP left it counts, not what is there now."""
    rbx = next(STACK + slot.offset for slot in CONTRACT.slots if slot.name == "rbx")
    end = exit_end(kept={rbx: 0x5})
    assert broken(end, frame_of(end)) == {"gpr.rbx"}


def test_system_state_is_compared() -> None:
    """CR3, the GS pair, SS's attributes, STAR and EFER.SCE each have their clause."""
    end = exit_end(cr3=0x6000)
    assert broken(end, frame_of(end)) == {"cr3"}
    end = exit_end(gs_base=PERCPU)
    assert broken(end, frame_of(end)) == {"gs"}
    end = exit_end(ss_flat=0)
    assert broken(end, frame_of(end), amd=True) == {"ss-attrs"} and broken(end, frame_of(end)) == set()
    end = exit_end(msrs={EFER: 0, STAR: 0x23 << 48})
    assert broken(end, frame_of(end)) == {"entry-mode"}


def test_canonical_depends_on_the_width() -> None:
    """2^47 breaks the clause with 48-bit addresses, and not with 57."""
    end = exit_end()
    actual = dict(zip(GPRS, end.registers, strict=True)) | {"rcx": 1 << 47}
    end.registers = tuple(actual[name] for name in GPRS)
    frame = frame_of(end, rip=1 << 47, rcx=1 << 47)
    assert broken(end, frame) == {"canonical"}
    assert broken(end, frame, cr4=1 << 12) == set()


def test_window_opens_when_the_stack_pointer_goes_far_away() -> None:
    """The window begins where RSP came near the value that it has at the exit, if it is near no kernel stack."""
    assert window_start(subject(), exit_end()) == 2
    assert window_start(subject(), exit_end(moves=[(0, STACK)])) is None
    assert window_start(subject(), exit_end(moves=[(0, STACK), (2, STACK + 0x800)])) is None
    moved = [(0, STACK), (1, 0x7FFFFFFF0000), (2, 0x7FFFFFFEFFF8), (3, 0x7FFFFFFF0000)]
    assert window_start(subject(), exit_end(moves=moved)) == 1


def test_window_events() -> None:
    """Interrupts count from the boundary behind the load of RSP on, but not in STI's shadow; so does a push."""
    frame = frame_of(exit_end())
    assert broken(exit_end(enabled=[(0, True)]), frame) >= {"irq"}
    assert broken(exit_end(enabled=[(0, True), (2, False)]), frame) == set()
    assert broken(exit_end(enabled=[(0, False), (3, True)]), frame) == {"irq", "gs"} - {"gs"}
    assert broken(exit_end(enabled=[(0, False), (3, True)], shadows={3}), frame) == set()
    assert broken(exit_end(accesses=[(2, 0x7FFFFFFEFFF8, 8, True)]), frame) == {"stack"}
    assert broken(exit_end(accesses=[(1, STACK, 8, False)]), frame) == set()


def test_use_of_the_user_s_gs() -> None:
    """A GS access or a call while the user's base is active breaks the clause; with the kernel's it does not."""
    frame = frame_of(exit_end())
    early = [(0, USER)]
    assert broken(exit_end(bases=early, accesses=[(0, USER + 8, 8, False)]), frame) == {"gs"}
    assert broken(exit_end(accesses=[(0, PERCPU + 8, 8, False)]), frame) == set()
    assert broken(exit_end(calls=[(0, USER)]), frame) == {"gs"}
    assert broken(exit_end(calls=[(0, PERCPU)]), frame) == set()


def test_what_cannot_be_judged_is_said() -> None:
    """Promises, and comparisons without a reference, are listed and not passed over."""
    judged, left = judgeable(subject(), {"rip", "nmi", "no-such"})
    assert [one.id for one in judged] == ["rip"]
    assert dict(left) == {"nmi": "the contract vouches for it", "no-such": "no such clause"}
    assert needs_arm(subject(auto=True), "rip") and not needs_arm(subject(auto=True), "gs")

# SPDX-License-Identifier: BSD-2-Clause
"""verifier.replay: real bytes on Unicorn, up to the exit instruction."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from verifier.assemble import assemble
from verifier.image import load_object
from verifier.model import GPRS, Image
from verifier.replay import CallEffect, MemoryWord, ReplayRequest, ReplayResult, replay
from verifier.replay.opcode import parse, refused

STACK = 0xFFFFC90000003F50
USER_GS, KERNEL_GS = 0x00007F0012345000, 0xFFFF88813BC00000
CF, ZF, TF, IF, DF, RF, VM, AC, ALWAYS = 1, 1 << 6, 1 << 8, 1 << 9, 1 << 10, 1 << 16, 1 << 17, 1 << 18, 2


@pytest.fixture
def image(tmp_path: Path, request: pytest.FixtureRequest) -> Image:
    """The image of the test's parameter, a source text; the code is global from ``entry`` to ``exit``."""
    return image_of(tmp_path, request.param)


def image_of(directory: Path, source: str) -> Image:
    path = directory / "code.s"
    path.write_text(f"{source}\n", encoding="utf-8")
    data = assemble(path)
    return load_object(data, os.fspath(path), hashlib.sha256(data).hexdigest())


def at(image: Image, label: str) -> int:
    symbol = image.symbol(label)
    assert symbol is not None
    return symbol.address


def run(image: Image, entry: str = "entry", stop: str = "exit", **changes: Any) -> ReplayResult:
    """Replay from label to label; keyword arguments that name a GPR are its value, others are fields.

    Each is run a second time with all of the image in memory from the start: nobody may see the difference.
    """
    registers = {"rsp": STACK} | {name: changes.pop(name) for name in GPRS if name in changes}
    request = ReplayRequest(
        entry=at(image, entry),
        stop_at=at(image, stop),
        registers=tuple((name, registers.get(name, 0)) for name in GPRS),
        rflags=ALWAYS,
        gs_base=KERNEL_GS,
        kernel_gs_base=USER_GS,
        fs_base=0,
        cr3=0x1000,
        cr4=0,
        msrs=(),
        memory=(),
        calls=(),
        havoc_calls=frozenset(),
        flag_patches=(),
        max_instructions=100,
    )
    asked = replace(request, **changes)
    result = replay(image, asked)
    assert replay(image, replace(asked, memory=(*one_of_each_page(image), *asked.memory))) == result
    return result


def one_of_each_page(image: Image) -> Iterator[MemoryWord]:
    """A byte of every page of an image, as it is."""
    for section in image.sections:
        for offset in range(0, section.size, 0x1000):
            yield MemoryWord(section.address + offset, section.data[offset] if section.data else 0, 1)


def code(*lines: str, after: str = "") -> str:
    """A source whose ``entry`` runs the lines and comes to ``exit``."""
    return "\n".join((".globl entry, exit", "entry:", *lines, "exit:", "sysretq", after))


def reached(result: ReplayResult) -> dict[str, int]:
    """The registers of a result that must have got to the exit."""
    assert (result.reached, result.reason) == (True, "")
    return dict(result.registers)


def stopped(result: ReplayResult) -> str:
    """The reason of a result that must not have got to the exit."""
    assert not result.reached
    assert result.reason
    return result.reason


def with_code(*lines: str, after: str = "") -> pytest.MarkDecorator:
    return pytest.mark.parametrize("image", [code(*lines, after=after)], indirect=True, ids=[""])


EXIT_PATH = code(
    "movq 24(%rsp), %rcx",  # the frame: r11, rcx, rax and, from +24, rip, cs, rflags, rsp, ss
    "movq 40(%rsp), %r11",
    "cmpq %rcx, 8(%rsp)",
    "jne slow",
    "cli",
    "movq 16(%rsp), %rax",
    "movq %gs:0x10, %rdx",
    "movq %rdx, %cr3",
    "movq 48(%rsp), %rsp",
    "swapgs",
    after="slow: iretq",
)
FRAME = (0x246, 0x401000, 0xFFFFFFFFFFFFFFDA, 0x401000, 0x33, 0x246, 0x7FFDDEADBEE8, 0x2B)


def words(*values: int, base: int = STACK) -> tuple[MemoryWord, ...]:
    return tuple(MemoryWord(base + 8 * index, value, 8) for index, value in enumerate(values))


@pytest.mark.parametrize("image", [EXIT_PATH], indirect=True, ids=[""])
def test_an_exit_path_ends_before_the_exit_with_the_users_state(image: Image) -> None:
    """Registers, RSP, GS bases, CR3 and IF are those of the path; the exit itself is not executed."""
    percpu = MemoryWord(KERNEL_GS + 0x10, 0x8765432100, 8)
    result = run(image, memory=(*words(*FRAME), percpu), rflags=ALWAYS | IF, rbx=7)
    registers = reached(result)
    assert registers == dict.fromkeys(GPRS, 0) | {
        "rax": 0xFFFFFFFFFFFFFFDA, "rbx": 7, "rcx": 0x401000, "rdx": 0x8765432100,
        "rsp": 0x7FFDDEADBEE8, "r11": 0x246,
    }  # fmt: skip
    assert (result.gs_base, result.kernel_gs_base) == (USER_GS, KERNEL_GS)
    assert result.cr3 == 0x8765432100
    assert result.rflags & IF == 0
    assert result.stopped_at == at(image, "exit")
    assert len(result.trace) == 10
    assert result.trace[0] == at(image, "entry")
    assert all(left < right for left, right in pairwise(result.trace))
    assert result.unmapped == ()


@pytest.mark.parametrize("image", [EXIT_PATH], indirect=True, ids=[""])
def test_the_branch_that_is_taken_is_the_one_that_the_memory_decides(image: Image) -> None:
    """With RCX ≠ RIP in the frame the path ends at the other exit, and the replay says so."""
    frame = (FRAME[0], FRAME[1] + 1, *FRAME[2:])
    assert "IRET" in stopped(run(image, memory=words(*frame)))
    slow = run(image, stop="slow", memory=words(*frame))
    reached(slow)
    assert len(slow.trace) == 4


@pytest.mark.parametrize("image", [EXIT_PATH], indirect=True, ids=[""])
def test_reads_name_the_instruction_the_address_and_the_value(image: Image) -> None:
    """Each load is reported once, in order, with the bytes that it saw."""
    result = run(image, memory=words(*FRAME))
    assert result.reads[0] == (result.trace[0], MemoryWord(STACK + 24, FRAME[3], 8))
    assert [word.address - STACK for _, word in result.reads if word.address >= STACK] == [24, 40, 8, 16, 48]
    assert result.reads[4] == (result.trace[6], MemoryWord(KERNEL_GS + 0x10, 0, 8))
    assert result.writes == ()
    assert result.unmapped == (KERNEL_GS,)


@with_code("mov %gs:8, %rax", "swapgs", "mov %gs:8, %rbx", "swapgs", "swapgs", "rdgsbase %rcx")
def test_swapgs_exchanges_the_bases_each_time(image: Image) -> None:
    """A gs: access uses the base that is active at that instruction, and parity decides the last one."""
    memory = (MemoryWord(KERNEL_GS + 8, 0x11, 8), MemoryWord(USER_GS + 8, 0x22, 8))
    registers = reached(result := run(image, memory=memory, cr4=1 << 16))
    assert (registers["rax"], registers["rbx"], registers["rcx"]) == (0x11, 0x22, USER_GS)
    assert (result.gs_base, result.kernel_gs_base) == (USER_GS, KERNEL_GS)


@with_code("mov %fs:(%rax), %rbx")
def test_fs_has_a_base_of_its_own(image: Image) -> None:
    """An access through FS adds the request's FS base, modulo 2**64."""
    memory = (MemoryWord(0x10, 0xABCD, 2),)
    registers = reached(run(image, memory=memory, fs_base=0x7FFF00000010, rax=0xFFFF800100000000))
    assert registers["rbx"] == 0xABCD


@with_code("mov %cr3, %rax", "or $0x1000, %rax", "bts $63, %rax", "mov %rax, %cr3", "mov %cr3, %rbx", "push %rbx")
def test_cr3_keeps_every_bit_but_the_no_flush_bit_and_translates_nothing(image: Image) -> None:
    """CR3 is a 64-bit value of which MOV never stores bit 63; memory stays where it is."""
    registers = reached(result := run(image, cr3=0x000FEDCBA9876803, cr4=1 << 17))
    assert registers["rax"] == 0x800FEDCBA9877803
    assert registers["rbx"] == result.cr3 == 0x000FEDCBA9877803
    assert result.writes == ((result.trace[-1], MemoryWord(STACK - 8, 0x000FEDCBA9877803, 8)),)


@with_code("mov %cr4, %rax")
@pytest.mark.parametrize("cr4", [0, (1 << 33) - 1, *(1 << bit for bit in range(33))])
def test_cr4_reads_as_the_request_says(image: Image, cr4: int) -> None:
    """The CPU model behind the replay hides no bit of CR4."""
    registers = reached(result := run(image, cr4=cr4))
    assert registers["rax"] == result.cr4 == cr4


@with_code("push %rax", "push %rbx", "pushq $-2", "pop %rcx", "movl $1, 8(%rsp)")
def test_memory_is_read_back_at_the_exit(image: Image) -> None:
    """Pushes go below RSP, partial stores keep the other bytes, and read_back answers in its own order."""
    result = run(
        image,
        rax=0x1122334455667788,
        rbx=0x99,
        read_back=((STACK - 8, 8), (STACK - 16, 8), (STACK - 24, 8), (STACK - 3, 2), (0x12345678, 4)),
    )
    assert reached(result)["rcx"] == 0xFFFFFFFFFFFFFFFE
    assert [word.value for word in result.memory] == [0x1122334400000001, 0x99, 0xFFFFFFFFFFFFFFFE, 0x2233, 0]
    assert [word.size for word in result.memory] == [8, 8, 8, 2, 4]
    assert [word.address for _, word in result.writes] == [STACK - 8, STACK - 16, STACK - 24, STACK - 8]


@with_code("incl (%rcx)", "mov (%rcx), %rax", "mov %rax, 0x1000(%rcx)")
def test_untouched_memory_reads_as_zero_and_is_counted(image: Image) -> None:
    """Pages that nobody provided appear on demand, also for an access that crosses into one."""
    base = 0xFFFF888000001FFE
    result = run(image, rcx=base, read_back=((base + 0x1000, 8),))
    assert reached(result)["rax"] == 1
    assert result.memory[0].value == 1
    assert result.unmapped == tuple(base + offset & -0x1000 for offset in (0, 0x1000, 0x2000))


CALLS = code(
    "call outside",
    "mov %rax, %rbx",
    "call *%rdx",
    "mov %rax, %rcx",
    "call near",
    after="near: mov $5, %edi; ret",
)


def calls_in(image: Image) -> tuple[int, int]:
    """The addresses of the first two call instructions of CALLS: 5 bytes, then 3 bytes later."""
    return at(image, "entry"), at(image, "entry") + 8


@pytest.mark.parametrize("image", [CALLS], indirect=True, ids=[""])
def test_a_call_that_is_not_followed_has_the_effect_of_the_request(image: Image) -> None:
    """Effects are consumed in execution order; what they do not name stays; a followed call just runs."""
    first = CallEffect((("rax", 1), ("rdx", 0x10)), (MemoryWord(STACK + 24, 0x77, 8),), ALWAYS | CF | DF)
    second = CallEffect((("rax", 2), ("r11", 3)), (), None)
    result = run(
        image,
        calls=(first, second),
        havoc_calls=frozenset(calls_in(image)),
        rbp=9,
        read_back=((STACK + 24, 8),),
    )
    registers = reached(result)
    assert [registers[name] for name in ("rbx", "rcx", "rdx", "rdi", "r11", "rbp")] == [1, 2, 0x10, 5, 3, 9]
    assert registers["rsp"] == STACK
    assert result.rflags == ALWAYS | CF | DF
    assert result.memory[0].value == 0x77
    assert len(result.trace) == 7
    assert result.writes[0] == (calls_in(image)[0], MemoryWord(STACK - 8, calls_in(image)[0] + 5, 8))


@pytest.mark.parametrize("image", [CALLS], indirect=True, ids=[""])
def test_a_call_without_an_effect_stops_the_replay(image: Image) -> None:
    """A call that leaves the image names its target; one without an effect in the request says so."""
    assert "outside" in stopped(run(image))
    assert "no effect" in stopped(run(image, havoc_calls=frozenset(calls_in(image))))


@with_code("rdtsc", "mov %eax, %ebx", "call after", "after: mov (%rsp), %rcx")
def test_any_instruction_may_have_a_chosen_effect(image: Image) -> None:
    """The result of RDTSC is the request's choice, or the run stops; a call that is followed pushes."""
    assert "RDTSC" in stopped(run(image))
    effect = CallEffect((("rax", 0xDEAD), ("rdx", 0)), (), None)
    registers = reached(run(image, calls=(effect,), havoc_calls=frozenset({at(image, "entry")})))
    assert (registers["rbx"], registers["rdx"], registers["rcx"]) == (0xDEAD, 0, at(image, "after"))


@with_code("again: shl %cl, %eax", "setc %bl", "add %rbx, %rdx", "add %rdx, %rdx", "dec %esi", "jnz again")
def test_undefined_flags_are_those_of_the_request(image: Image) -> None:
    """A patch sets flags behind its instruction; several for one address belong to its executions in turn."""
    patches = tuple((at(image, "again"), CF, value) for value in (CF, 0, CF))
    registers = reached(run(image, rcx=40, rax=1, rsi=4, flag_patches=patches))
    assert registers["rdx"] == 0b10110


@with_code("pushfq", "orl $0x6d5, (%rsp)", "popfq", "pushfq", "pop %rax", "cli", "clc", "cld")
def test_flags_go_through_the_stack(image: Image) -> None:
    """PUSHFQ shows neither RF nor VM; POPFQ loads IF and DF at CPL 0, and CLI, CLC and CLD clear theirs."""
    registers = reached(result := run(image, rflags=ALWAYS | AC | RF | VM))
    assert result.writes[0][1].value == ALWAYS | AC
    assert registers["rax"] == 0x6D5 | ALWAYS | AC
    assert result.rflags & (CF | IF | DF) == 0


@with_code("pushfq", "orl $0x100, (%rsp)", "popfq", "nop", "nop")
def test_a_single_step_trap_comes_after_the_instruction_behind_popfq(image: Image) -> None:
    """TF traps after one further instruction: at the first NOP, unless that is already the exit."""
    result = run(image)
    assert "#DB" in stopped(result)
    assert result.stopped_at == result.trace[3] == at(image, "exit") - 2
    before = run(image, stop_at=at(image, "exit") - 2)
    reached(before)
    assert before.rflags == ALWAYS | TF


@with_code("lfence", "verw 8(%rsp)", "stac", "clac", "mfence", "pause", "sti", "cli", "endbr64")
def test_kernel_mode_instructions_of_exit_paths_execute(image: Image) -> None:
    """What stands around exits (barriers, VERW, STAC, CLAC, STI, CLI) runs and leaves registers alone."""
    result = run(image, rax=3, rflags=ALWAYS | AC)
    assert reached(result) == dict.fromkeys(GPRS, 0) | {"rsp": STACK, "rax": 3}
    assert result.rflags & ~ZF == ALWAYS
    assert len(result.trace) == 9


@with_code("mov %ss, %ecx", "mov %eax, %ss", "mov %ss, %ebx", "mov %edx, %ds", "nop")
def test_a_selector_finds_a_flat_segment(image: Image) -> None:
    """Loading SS with RPL 0 and DS with RPL 3 works whatever the selectors' numbers are."""
    assert reached(run(image, rax=0x18, rdx=0x2B))["rbx"] == 0x18
    assert reached(run(image, rax=0xFFF0, rdx=0x53))["rbx"] == 0xFFF0


@with_code("wrmsr", "xor %eax, %eax", "xor %edx, %edx", "rdmsr")
@pytest.mark.parametrize("number", [0x48, 0xC0000081, 0xC0000102, 0x6A7])
def test_msrs_keep_what_is_written(image: Image, number: int) -> None:
    """WRMSR then RDMSR gives all 64 bits back, also for MSRs that Unicorn does not know."""
    result = run(image, rcx=number | 0xF00000000, rdx=0xFFFFFFFF00007FFF, rax=0x0123456789ABCDEF)
    registers = reached(result)
    assert (registers["rdx"], registers["rax"]) == (0x7FFF, 0x89ABCDEF)
    stored = {0xC0000102: result.kernel_gs_base} | dict(result.msrs)
    assert stored[number] == 0x7FFF89ABCDEF


@with_code("rdmsr")
def test_msrs_come_from_the_request_or_stop_the_replay(image: Image) -> None:
    """RDMSR of a given MSR and of a segment base has its value; of any other one there is none."""
    star = 0x0023001000000000
    registers = reached(run(image, rcx=0xC0000081, msrs=((0xC0000081, star),)))
    assert (registers["rdx"], registers["rax"]) == (star >> 32, 0)
    registers = reached(run(image, rcx=0xC0000101))
    assert registers["rdx"] << 32 | registers["rax"] == KERNEL_GS
    assert "0x48" in stopped(run(image, rcx=0x48))


@with_code("wrmsr", "wrgsbase %rbx")
def test_a_segment_base_must_be_canonical(image: Image) -> None:
    """WRMSR and WRGSBASE fault on a base that is not canonical; with LA57 more bases are."""
    fsgsbase, la57 = 1 << 16, 1 << 12
    good: dict[str, Any] = {"rcx": 0xC0000102, "rdx": 0xFFFF8000, "rbx": 0x7FFFFFFFFFFF}
    reached(run(image, cr4=fsgsbase, **good))
    assert "#GP" in stopped(run(image, cr4=fsgsbase, **good | {"rdx": 0xFFFF7FFF}))
    assert "#GP" in stopped(run(image, cr4=fsgsbase, **good | {"rbx": 1 << 47}))
    reached(run(image, cr4=fsgsbase | la57, **good | {"rdx": 0xFFFF7FFF, "rbx": 1 << 47}))


@with_code("mov (%rax), %rbx")
@pytest.mark.parametrize("address", [1 << 47, (1 << 47) - 1, 0xFFFF7FFFFFFFFFFF, 0x7FFFFFFFFFF9])
def test_an_access_to_a_non_canonical_address_faults(image: Image, address: int) -> None:
    """Every byte of an access has to be canonical for the paging that CR4 selects."""
    assert "non-canonical" in stopped(run(image, rax=address))
    reached(run(image, rax=address, cr4=1 << 12))


@with_code("mov %rax, data(%rip)", "mov data(%rip), %rbx", after=".data; data: .quad 1, 2; .bss; zero: .quad 0")
def test_writable_data_is_the_images_unless_the_request_gives_it(image: Image) -> None:
    """Section contents are in place, the request's words win over them, and stores are seen."""
    data, zero = at(image, "data"), at(image, "zero")
    result = run(image, rax=5, memory=(MemoryWord(data + 8, 9, 8),), read_back=((data, 8), (data + 8, 8), (zero, 8)))
    assert reached(result)["rbx"] == 5
    assert [word.value for word in result.memory] == [5, 9, 0]
    assert result.unmapped == ()


@with_code("nop", after=".section .rodata; constant: .quad 1")
@pytest.mark.parametrize("label", ["constant", "entry"])
def test_a_request_cannot_replace_code_or_constants(image: Image, label: str) -> None:
    """A memory word that differs from a read-only section would make this another program."""
    assert "read-only" in stopped(run(image, memory=(MemoryWord(at(image, label), 0, 1),)))
    first = image.section_at(at(image, label))
    assert first is not None
    reached(run(image, memory=(MemoryWord(first.address, first.data[0], 1),)))


@with_code("movb $1, (%rax)", after=".section .rodata; constant: .quad 1")
@pytest.mark.parametrize("label", ["constant", "entry"])
def test_a_write_to_read_only_data_or_code_stops(image: Image, label: str) -> None:
    """The bytes that the proof treats as constant cannot change in a replay."""
    assert "read-only" in stopped(run(image, rax=at(image, label)))


@with_code("1: inc %rax", "jmp 1b")
def test_an_endless_loop_hits_the_limit(image: Image) -> None:
    """Exactly max_instructions are executed, and the exit may still be reached with the last of them."""
    result = run(image, max_instructions=31)
    assert "31" in stopped(result)
    assert len(result.trace) == 31
    assert dict(result.registers)["rax"] == 16


@with_code("nop", "nop", "nop")
def test_the_limit_does_not_count_the_exit(image: Image) -> None:
    """Three instructions are reached with a limit of three, and none with none."""
    reached(run(image, max_instructions=3))
    stopped(run(image, max_instructions=2))
    assert reached(run(image, entry="exit", max_instructions=0)) == dict.fromkeys(GPRS, 0) | {"rsp": STACK}


@with_code("rep stosq", "jmp 1f", "1: repe cmpsb", "lodsb")
def test_repeated_string_instructions_stand_once_in_the_trace(image: Image) -> None:
    """REP runs to its end; each repetition counts against the limit and only once in the trace."""
    target = 0xFFFF888000000FF0
    changes: dict[str, Any] = {"rcx": 4, "rdi": target, "rax": 0x0102030405060708, "rsi": 0x1000}
    result = run(image, **changes, read_back=((target + 24, 8), (target + 32, 8)))
    assert len(result.trace) == 4
    assert [word.value for word in result.memory] == [0x0102030405060708, 0]
    assert len(result.writes) == 4
    assert reached(result)["rdi"] == target + 32
    assert "limit" in stopped(run(image, **changes | {"rcx": 97}))


REFUSED = {
    "hlt": "HLT", "in %dx, %al": "port", "outsb": "port", "int $0x80": "interrupt", "int3": "interrupt",
    "iretq": "IRET", "lretq": "far return", "syscall": "SYSCALL", "sysretl": "SYSRET", "sysexitq": "SYSEXIT",
    "rdtscp": "RDTSCP", "cpuid": "CPUID", "rdpmc": "RDPMC", "xgetbv": "XGETBV", "sgdt (%rsp)": "SGDT",
    "sldt %ax": "tables", "str %ax": "tables", "lsl %ax, %eax": "tables", "lar %ax, %eax": "tables",
    "rdrand %r9": "RDRAND", "rdseed %eax": "RDSEED", "rdpid %rax": "RDPID", "mov %cr2, %rax": "CR2",
    "mov %cr0, %r9": "CR0", "mov %db7, %rax": "debug",
    "rdsspq %rax": "SSP", "incsspd %eax": "SSP", "clrssbsy (%rsp)": "SSP", "setssbsy": "SSP", "rstorssp 8(%rsp)": "SSP",
    "saveprevssp": "SSP", "wrssq %rax, (%rsp)": "SSP",
}  # fmt: skip


def test_what_the_state_does_not_decide_is_refused(tmp_path: Path) -> None:
    """Instructions with answers of their own, and those that leave the code, stop with a named reason."""
    image = image_of(
        tmp_path, "\n".join(f"at{index}: {text}; nop; end{index}: nop" for index, text in enumerate(REFUSED))
    )
    for index, (text, reason) in enumerate(REFUSED.items()):
        result = run(image, entry=f"at{index}", stop=f"end{index}")
        assert reason in stopped(result), text
        assert result.trace == ()


SKIPPED = (
    *("ud2", "ud1 %eax, %ecx", "ud1 8(%rax), %ecx", "ud1q 0x12345(%rip), %r9", "rdtsc", "cpuid", "rdtscp", "rdpid %r9"),
    *("rdsspd %r9d", "rdsspq %rax", "incsspd %eax", "incsspq %r15", "setssbsy", "saveprevssp", "clrssbsy (%rax)"),
    *("clrssbsy 8(%rsp)", "clrssbsy %gs:0x10", "rstorssp 0x1234(%rax,%r9,8)", "rstorssp (%r13)", "rstorssp (%r12)"),
    *("wrssq %rax, (%rbx)", "wrssd %r9d, -0x1234(%r13)", "wrssd %eax, (,%rcx,4)", "wrssq %r8, 0x11(%rip)"),
)
"""Instructions that are stepped over where the request chooses their effect."""


def test_what_unicorn_does_not_know_is_stepped_over_where_its_effect_is_chosen(tmp_path: Path) -> None:
    """The next instruction is the one behind it; what changes is what the request says, and nothing is accessed."""
    image = image_of(tmp_path, "\n".join(f"at{index}: {text}; end{index}: nop" for index, text in enumerate(SKIPPED)))
    for index, text in enumerate(SKIPPED):
        start = at(image, f"at{index}")
        effect = CallEffect((("rdi", 0x77),), words(5), ALWAYS | CF)
        given = {"havoc_calls": frozenset({start}), "calls": (effect,), "read_back": ((STACK, 8),), "rbp": 3}
        result = run(image, entry=f"at{index}", stop=f"end{index}", **given)
        assert reached(result) == dict.fromkeys(GPRS, 0) | {"rsp": STACK, "rdi": 0x77, "rbp": 3}, text
        assert (result.rflags, result.memory, result.reads, result.writes) == (ALWAYS | CF, words(5), (), ()), text
        assert result.trace == (start,)


def test_what_unicorn_cannot_execute_ends_in_a_reason(tmp_path: Path) -> None:
    """An undefined or unknown instruction or an exception is a result and never a Python exception."""
    texts = {
        "ud2": "INSN",
        "invpcid (%rsp), %rax": "INSN",
        "serialize": "INSN",
        "xor %ecx, %ecx; div %ecx": "#DE",
    }
    image = image_of(
        tmp_path, "\n".join(f"at{index}: {text}; nop; end{index}: nop" for index, text in enumerate(texts))
    )
    for index, (text, reason) in enumerate(texts.items()):
        assert reason in stopped(run(image, entry=f"at{index}", stop=f"end{index}")), text


@with_code("jmp *%rax")
@pytest.mark.parametrize("target", [0, 0xFFFFFFFF80000000, 1 << 47])
def test_a_jump_out_of_the_image_stops(image: Image, target: int) -> None:
    """Nothing outside the executable sections is executed, whatever memory holds there."""
    result = run(image, rax=target, memory=(MemoryWord(target, 0x90, 1),))
    assert f"{target:#x}" in stopped(result)
    assert result.stopped_at == target


@with_code("nop", after=".data; data: nop; nop; finish: nop")
def test_data_is_not_executed(image: Image) -> None:
    """A section that is not executable is outside of the code, even when it is mapped."""
    assert "leaves the image" in stopped(run(image, entry="data", stop="finish"))


@pytest.mark.parametrize("image", [EXIT_PATH], indirect=True, ids=[""])
def test_a_replay_is_a_function_of_its_arguments(image: Image) -> None:
    """Two runs agree in every field, and a different run in between leaves no trace in the second."""
    first = run(image, memory=words(*FRAME))
    run(image, rsp=STACK + 8, memory=words(*FRAME), rflags=ALWAYS | IF | DF, cr3=7)
    assert run(image, memory=words(*FRAME)) == first


@pytest.mark.parametrize(
    ("encoding", "code", "call"),
    [
        ("48 0f 07", (0x0F, 0x07), False),
        ("66 f3 2e 4f 0f 07", (0x0F, 0x07), False),
        ("65 48 ff 14 25 00 00 00 00", (0xFF,), True),
        ("41 ff e3", (0xFF,), False),
        ("41 ff d3", (0xFF,), True),
        ("66 e8 00 00 00 00", (0xE8,), True),
        ("f3 48 a5", (0xA5,), False),
        ("0f", (0x0F,), False),
        ("66 66 66", (), False),
        ("48", (), False),
    ],
)
def test_opcodes_are_found_behind_prefixes(encoding: str, code: tuple[int, ...], call: bool) -> None:
    """Legacy prefixes and one REX prefix are skipped; bytes that are missing are no error."""
    opcode = parse(bytes.fromhex(encoding))
    assert (opcode.code, opcode.is_call) == (code, call)
    assert opcode.is_string == (opcode.code == (0xA5,))
    assert (refused(opcode) is not None) == (code == (0x0F, 0x07))


@given(st.binary(max_size=15))
def test_parsing_accepts_any_bytes(encoding: bytes) -> None:
    """No byte string raises, and the opcode and the ModRM byte are bytes that follow each other in it."""
    opcode = parse(encoding)
    assert len(opcode.code) <= 2
    assert bytes((*opcode.code, opcode.modrm)) in encoding + b"\0"

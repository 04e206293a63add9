# SPDX-License-Identifier: BSD-2-Clause
"""A program is judged as its code is: callees that bend the rules, frames that are not where they seem, odd files.

The same code is judged as part of a linked program, where most callees are not followed, and as an object,
where all are: the program must never be proved where the object is not, save on the assumption that says why.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from verifier.contract import load_contract
from verifier.inputs import prepare, read
from verifier.model import Config, FileReport, Image, UserError
from verifier.options import Options, resolve
from verifier.pipeline import examine, verify

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
HEAD = '# SPDX-License-Identifier: BSD-2-Clause\n#include "exit.h"\n'
BASE = 0xFFFFFFFF81000000
AMD: tuple[Config, ...] = (("amd", "la48"),)
"""One configuration, in which every clause can fail: only AMD's SYSRET keeps the attributes of SS."""


def linked(image: Image) -> Image:
    """The image as if a linker had made it."""
    return replace(image, linked=True)


def judged(
    directory: Path,
    text: str,
    change: Callable[[Image], Image] = linked,
    entry: str = "auto",
    contract: str = "linux",
    configs: tuple[Config, ...] = AMD,
) -> FileReport:
    """The report on a source whose image is changed before it is judged."""
    path = directory / "a.S"
    shutil.copy(SAMPLES / "exit.h", path.parent)
    path.write_text(HEAD + text)
    options = Options(entries=(entry,), contract=contract, configs=configs)
    given, chosen, rules = read(path), resolve(options, Options()), load_contract(contract)
    loaded = prepare(given, chosen, rules)
    return examine(given, replace(loaded, image=change(loaded.image)), options, chosen, rules)


def violated(report: FileReport) -> set[str]:
    """The violated clauses, each with a counterexample that was replayed."""
    found = [clause for site in report.sites for clause in site.clauses if clause.status == "violated"]
    assert all(clause.counterexample is not None and clause.counterexample.replayed for clause in found)
    return {clause.id for clause in found}


def codes(report: FileReport) -> set[str]:
    """The reason codes of a report."""
    return {reason.code for reason in report.reasons}


def assumed(report: FileReport) -> set[str]:
    """The ids of a report's assumptions."""
    return {one.id for one in report.assumptions}


# The same code as an object and as a program.

CALLER = """\
        .globl  exit_to_user
exit_to_user:
        call    callee
        need_everything slow
out:    fill_all_but rcx, r11
        movq    at_rsp(%rsp), %rsp
        swapgs
        sysretq
slow:   leave_by_iret
        .type   callee, @function
callee: {callee}
        ret
        .type   inner, @function
inner:  {inner}
        ret
"""
"""A good exit behind a call; what the callee, and a callee of its own, do is filled in."""

LIVE = """\
        .globl  exit_to_user
        .set    at_r11, 0
        .set    at_r10, 8
        .set    at_r9, 16
        .set    at_r8, 24
        .set    at_rax, 32
        .set    at_rcx, 40
        .set    at_rdx, 48
        .set    at_rsi, 56
        .set    at_rdi, 64
        .set    at_rip, 80
        .set    at_cs, 88
        .set    at_rflags, 96
        .set    at_rsp, 104
        .set    at_ss, 112
exit_to_user:
        call    callee
        need_everything slow
        .irp    reg, r10, r9, r8, rax, rdx, rsi, rdi
        fill    \\reg
        .endr
        movq    at_rsp(%rsp), %rsp
        swapgs
        sysretq
slow:   int3
        .type   callee, @function
callee: {callee}
        ret
"""
"""The same for contract "linux-4.0", where the user's RBX, RBP and R12 to R15 are not saved but kept."""

ELSEWHERE = "leaq out(%rip), %rax; movq %rax, (%rsp)"
"""Returns to behind the tests."""

LONG = ".rept 100; nop; .endr"
"""More than a callee has that is always followed."""

EVERY_TEST = {"rip", "rflags", "rf", "canonical", "cs", "ss", "tf"}

PAIRS: dict[str, tuple[str, str, str, set[str]]] = {
    "nothing": (CALLER, "nop", "", set()),
    "SWAPGS": (CALLER, "swapgs", "", {"gs"}),
    "SWAPGS behind much": (CALLER, ".rept 140; nop; .endr; swapgs", "", {"gs"}),
    "SWAPGS behind a loop": (CALLER, "1: decl %ecx; jnz 1b; swapgs", "", {"gs"}),
    "SWAPGS behind a trap that may be passed": (CALLER, "cmpq $1, %rdi; je 1f; ud2; 1: swapgs", "", {"gs"}),
    "SWAPGS in a callee's callee": (CALLER, "call inner", "swapgs", {"gs"}),
    "returns elsewhere": (CALLER, ELSEWHERE, "", EVERY_TEST),
    "returns elsewhere by a push": (CALLER, "leaq out(%rip), %rax; pushq %rax", "", {*EVERY_TEST, "rsp"}),
    "jumps elsewhere": (CALLER, "leaq out(%rip), %rax; popq %rdx; jmp *%rax", "", EVERY_TEST),
    "leaves its stack": (
        CALLER,
        "addq $8, %rsp; cmpq $7, at_rdi(%rsp); je out; subq $8, %rsp",
        "",
        EVERY_TEST,
    ),
    "enables interrupts": (CALLER, "sti", "", {"irq"}),
    "writes SS": (CALLER, "movl $0, %eax; movl %eax, %ss", "", {"ss-attrs"}),
    "writes CR3, as both exits find it": (CALLER, "movq %gs:0x80, %rax; movq %rax, %cr3", "", set()),
    "writes FS": (CALLER, "wrfsbase %rax", "", set()),
    "sets AC": (CALLER, "stac", "", set()),
    "writes a register that is not saved": (LIVE, "xorl %ebx, %ebx", "", {"gpr.rbx"}),
    "swaps a register that is not saved": (LIVE, "bswap %r15", "", {"gpr.r15"}),
    "restores a register that is not saved": (LIVE, "pushq %r12; movl $1, %r12d; popq %r12", "", set()),
}
"""What a callee does (with the caller, and what its own callee does), and which clauses that violates."""


def both(directory: Path, caller: str, callee: str, inner: str) -> tuple[FileReport, FileReport]:
    """The reports on the code as a program and as an object."""
    text = caller.replace("{callee}", callee).replace("{inner}", inner)
    contract = "linux-4.0" if caller is LIVE else "linux"
    as_program = judged(directory, text, linked, "exit_to_user", contract)
    return as_program, judged(directory, text, lambda image: image, "exit_to_user", contract)


@pytest.mark.parametrize("name", PAIRS)
def test_a_small_callee_is_what_it_does(name: str, tmp_path: Path) -> None:
    """Whatever a small callee does, with its own callees, the program violates what the object violates."""
    caller, callee, inner, wanted = PAIRS[name]
    for report in both(tmp_path, caller, callee, inner):
        assert (report.verdict, codes(report)) == ("violated" if wanted else "proved", set())
        assert violated(report) >= wanted
        if len(wanted) < 2:
            assert violated(report) == wanted


UNKNOWN: dict[str, tuple[str, str, str]] = {
    "in front of SWAPGS": (CALLER, "fninit; swapgs", ""),
    "in front of another return": (CALLER, f"fninit; {ELSEWHERE}", ""),
    "in a callee's callee": (CALLER, "call inner", "fninit; swapgs"),
    "in front of a register": (LIVE, "fninit; xorl %ebx, %ebx", ""),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_modelled_hides_nothing(name: str, tmp_path: Path) -> None:
    """An instruction without a model in a small callee does not hide what stands behind it."""
    for report in both(tmp_path, *UNKNOWN[name]):
        assert report.verdict == "inconclusive"
        assert "unsupported-instruction" in codes(report)


RESTING: dict[str, tuple[str, str, str]] = {
    "long, SWAPGS in its callee": (CALLER, f"{LONG}; call inner", "swapgs"),
    "long, returns elsewhere": (CALLER, f"{LONG}; {ELSEWHERE}", ""),
    "long, enables interrupts": (CALLER, f"{LONG}; sti", ""),
    "long, writes a register": (LIVE, f"{LONG}; xorl %ebx, %ebx", ""),
    "long, writes GS": (CALLER, f"{LONG}; wrgsbase %rax", ""),
    "with an indirect call, SWAPGS in its callee": (CALLER, "call *%rax; call inner", "swapgs"),
}
"""Callees that are not followed in a program, and break what is assumed of these."""


@pytest.mark.parametrize("name", RESTING)
def test_a_callee_that_is_not_followed_is_an_assumption(name: str, tmp_path: Path) -> None:
    """Where only the object shows what a callee does, the program is not proved, or says that it rests on the ABI."""
    program, item = both(tmp_path, *RESTING[name])
    assert item.verdict == "violated"
    assert program.verdict != "proved" or {"calls-abi", "calls-system-state"} <= assumed(program)


@pytest.mark.parametrize("code", ["swapgs", "movl %eax, %ss", "movq %gs:0x88, %rsp", "movl $0, %esp", "iretq"])
def test_a_long_callee_with_system_code_is_followed(code: str, tmp_path: Path) -> None:
    """What no compiled function does is looked for in long callees as well: they are followed, not believed."""
    program, item = both(tmp_path, CALLER, f"{LONG}; {code}", "")
    assert item.verdict != "proved"
    assert (program.verdict, violated(program)) == (item.verdict, violated(item))


# Entries that are found.

PUSHES = "; ".join(
    f"pushq {word}"
    for word in "$0x2b %gs:0x10 %r11 $0x33 %rcx %rax %rdi %rsi %rdx %rcx $-38 %r8 %r9 %r10 %r11".split()
    + "%rbx %rbp %r12 %r13 %r14 %r15".split()
)

PROGRAM = """\
        .globl  work
        .type   work, @function
work:   xorl    %eax, %eax
        ret
        int3
        .globl  entry
        .type   entry, @function
entry:  swapgs
        movq    %rsp, %gs:0x10
        movq    %gs:0x18, %rsp
        {push}
        {before}
        movq    %rsp, %rdi
        call    work
        {after}
        {tests}
        leave_by_sysret
slow:   leave_by_iret
        int3
"""


def program(push: str = PUSHES, before: str = "", after: str = "", tests: str = "need_everything slow") -> str:
    """A system call from its first instruction to its exit."""
    filled = {"{push}": push, "{before}": before, "{after}": after, "{tests}": tests}
    text = PROGRAM
    for key, value in filled.items():
        text = text.replace(key, value)
    return text


FOUND: dict[str, tuple[str, set[str]]] = {
    "nothing else": (program(), set()),
    "direction flag in front of the call": (program(before="std"), set()),
    "a copy of RSP": (program(before="movq %rsp, %rbp"), set()),
    "CR3 in front of the call": (program(before="movq %gs:0x80, %rax; movq %rax, %cr3"), set()),
    "the frame built again on another stack": (
        program(before=f"movq %rsp, %rsi; movq %gs:0x30, %rsp; {PUSHES}"),
        set(),
    ),
    "the frame changed in front of the tests": (
        program(
            after="movq %rsp, %rdi; movq %gs:0x30, %rsi; movl $5, %ecx; addq $at_rip, %rdi; rep movsq",
        ),
        set(),
    ),
    "SWAPGS in front of the call": (program(before="swapgs"), {"gs"}),
    "STI behind the call": (program(after="sti"), {"irq"}),
    "another stack at the exit": (program(after="movq %gs:0x30, %rsp"), {"rip", "rflags", "cs", "ss", "rsp"}),
    "no tests": (program(tests="begin_tests"), {"rip", "rflags", "cs", "ss"}),
}
"""Programs whose entry is found, and the clauses that they violate."""


@pytest.mark.parametrize("name", FOUND)
def test_what_stands_between_the_frame_and_the_exit_counts(name: str, tmp_path: Path) -> None:
    """From the frame on every instruction is judged, in front of the call and behind it."""
    text, wanted = FOUND[name]
    report = judged(tmp_path, text)
    assert (report.verdict, codes(report)) == ("violated" if wanted else "proved", set())
    assert violated(report) >= wanted
    assert {"entry-found", "no-indirect-entry"} <= assumed(report)


MISPLACED = {
    "a push": program(before="pushq %rdi"),
    "room on the stack": program(before="subq $8, %rsp"),
    "a push too little": program(push=PUSHES.removesuffix("; pushq %r15")),
    "a push too much": program(push=f"{PUSHES}; pushq %r15"),
    "a pop": program(before="popq %r15"),
    "a push behind the call": program(after="pushq %rdi; call work"),
    "RSP by way of a register": program(before="movq %rsp, %rax; leaq 8(%rax), %rsp"),
    "RSP rounded": program(before="andq $-16, %rsp"),
    "RSP by a sum": program(before="movl $8, %eax; addq %rax, %rsp"),
    "another stack": program(before="movq %gs:0x20, %rsp"),
    "another stack by way of a register": program(before="movq %gs:0x20, %rax; movq %rax, %rsp"),
}
"""Programs in which RSP does not point at the contract's frame when the exit is taken."""


@pytest.mark.parametrize("name", MISPLACED)
def test_a_frame_that_is_elsewhere_is_no_entry(name: str, tmp_path: Path) -> None:
    """Pushes that do not add up, and an RSP that is not known, never make an entry at which the contract holds."""
    report = judged(tmp_path, MISPLACED[name])
    assert (report.verdict, codes(report), report.sites) == ("inconclusive", {"entry-unknown"}, ())


def test_a_word_that_is_pushed_and_popped_is_no_violation(tmp_path: Path) -> None:
    """Saving a register over a call is ordinary: it may be left open, but nothing is violated."""
    report = judged(tmp_path, program(before="pushq %rdi", after="popq %rdi"))
    assert (report.verdict, violated(report)) in [("proved", set()), ("inconclusive", set())]


STUB = ".globl entry\n.type entry, @function\nentry: {}\nint3\n"
STUBS: dict[str, tuple[str, set[str]]] = {
    "writes RAX only": ("movl $-38, %eax; sysretl", set()),
    "writes what the user keeps": (
        "movl $1, %ebx; xorl %edx, %edx; movl $-38, %eax; movq $0x1234, %rcx; sysretl",
        {"rip", "gpr.rbx", "gpr.rdx"},
    ),
    "saves a register and drops it": (
        "pushq %rbx; movl $1, %ebx; addq $8, %rsp; movl $-38, %eax; sysretl",
        {"gpr.rbx"},
    ),
    "writes R11": ("xorl %r11d, %r11d; sysretl", {"rflags"}),
    "writes RSP": ("movq %gs:0x10, %rsp; sysretl", {"rsp"}),
}


@pytest.mark.parametrize("name", STUBS)
def test_a_stub_gives_back_what_it_got(name: str, tmp_path: Path) -> None:
    """An exit without a frame is judged by the registers that SYSCALL left: nothing is right by default."""
    text, wanted = STUBS[name]
    report = judged(tmp_path, STUB.format(text))
    assert report.verdict == ("violated" if wanted else "proved")
    assert violated(report) >= wanted


def test_a_sysretq_without_a_frame_has_no_entry(tmp_path: Path) -> None:
    """Only 32-bit exits may be stubs: SYSRETQ with nothing in front that builds a frame is left open."""
    report = judged(tmp_path, STUB.format("movl $-38, %eax; sysretq"))
    assert (report.verdict, codes(report)) == ("inconclusive", {"entry-unknown"})


@pytest.mark.parametrize("told", ["entry_SYSCALL_64", "entry_SYSCALL_64+0"])
def test_an_entry_without_its_frame_is_refused_by_address(told: str, tmp_path: Path) -> None:
    """The first instruction of a system call is no place for the contract's frame, however it is written."""
    with pytest.raises(UserError) as caught:
        judged(tmp_path, program().replace("entry", "entry_SYSCALL_64"), entry=told)
    assert (caught.value.code, caught.value.exit_code) == ("entry-unfit", 2)


HIDDEN = """\
        .byte   0xb8, 0, 0, 0x48, 0xb8
        swapgs
        sysretq
        int3; int3; int3; int3
        ret
"""
"""A SYSRETQ behind an instruction whose last bytes look like the beginning of another one, which would swallow it."""


@pytest.mark.parametrize("filler", ["", ".fill 70000, 1, 0xcc\n"], ids=["small", "large"])
def test_an_exit_that_nobody_calls_counts(filler: str, tmp_path: Path) -> None:
    """A second exit that is not known to be reached keeps a program from being proved."""
    report = judged(tmp_path, program() + HIDDEN + filler)
    assert (report.verdict, codes(report)) == ("inconclusive", {"entry-unknown"})


# Files whose headers contradict each other.

GOOD = program()
BAD = GOOD.replace("need_everything slow", "begin_tests")


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """Assemble and link a text at kernel addresses."""
    directory = tmp_path_factory.mktemp("linked")

    def run(text: str) -> bytes:
        shutil.copy(SAMPLES / "exit.h", directory)
        (directory / "a.S").write_text(HEAD + text + '.section .rodata, "a"\n.quad 1\n')
        command = ["gcc", "-nostdlib", "-static", f"-Wl,-Ttext={BASE:#x},-z,noexecstack,--build-id=none,-e,0"]
        subprocess.run([*command, "-o", "vmlinux", "a.S"], cwd=directory, check=True)
        return (directory / "vmlinux").read_bytes()

    return run


def headers(data: bytes, place: int, count: int, size: int, form: str) -> list[tuple[int, tuple[int, ...]]]:
    """The headers of a table, each with its offset in the file."""
    start, number = struct.unpack_from("<Q", data, place)[0], struct.unpack_from("<H", data, count)[0]
    return [(start + size * index, struct.unpack_from(form, data, start + size * index)) for index in range(number)]


def code_of(data: bytes) -> tuple[int, int, bytes]:
    """Where the header of .text is, the file's offset of its bytes, and these."""
    for offset, (_, _, flags, address, start, size) in headers(data, 0x28, 0x3C, 64, "<IIQQQQ"):
        if flags & 4 and address == BASE:
            return offset, start, data[start : start + size]
    raise AssertionError("no .text")


def with_second_segment(data: bytes, code: bytes) -> bytes:
    """The file with another program header turned into a segment that loads ``code`` over .text."""
    changed = bytearray(data.ljust(-(-len(data) // 0x1000) * 0x1000, b"\0"))
    others = [offset for offset, fields in headers(data, 0x20, 0x38, 56, "<IIQQQQQQ") if fields[3] != BASE]
    struct.pack_into("<IIQQQQQQ", changed, others[-1], 1, 5, len(changed), BASE, BASE, len(code), len(code), 0x1000)
    return bytes(changed) + code


def with_other_text(data: bytes, code: bytes) -> bytes:
    """The file whose section header says that .text is ``code`` and larger than its segment, which is as it was."""
    offset, _, own = code_of(data)
    changed = bytearray(data)
    struct.pack_into("<QQ", changed, offset + 24, len(data), len(own) + 0x2000)
    return bytes(changed) + code.ljust(len(own) + 0x2000, b"\xcc")


def test_only_what_segments_load_is_proved(link: Callable[[str], bytes], tmp_path: Path) -> None:
    """Sections that show good code beside the bad code that is loaded, or over it, are refused."""
    good, bad = link(GOOD), link(BAD)
    path = tmp_path / "vmlinux"
    for data, verdict in ((good, "proved"), (bad, "violated")):
        path.write_bytes(data)
        assert verify(path, Options()).verdict == verdict
    second, other = with_second_segment(good, code_of(bad)[2]), with_other_text(bad, code_of(good)[2])
    for data, word in ((second, "overlap"), (other, "not as a whole, in a segment")):
        path.write_bytes(data)
        with pytest.raises(UserError) as caught:
            verify(path, Options())
        assert (caught.value.code, caught.value.exit_code) == ("bad-object", 4)
        assert word in caught.value.message

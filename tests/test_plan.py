# SPDX-License-Identifier: BSD-2-Clause
"""Linked programs: entries are found, callees that decide are followed, and each exit has its contract."""

from __future__ import annotations

import gzip
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from verifier.model import FileReport, UserError
from verifier.options import Options
from verifier.pipeline import verify

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
BASE = 0xFFFFFFFF81000000

PUSHES = "\n".join(
    f"pushq %{name}" for name in "rcx rax r8 r9 r10 r11 rbx rbp r12 r13 r14 r15".split()
)  # the words below RDX, from the highest address down


def entry(name: str, stack_pointer: str, code: str = "sel_user_code") -> str:
    """From a system call to the complete frame; ``stack_pointer`` is where the user's RSP was parked."""
    return (
        f".globl {name}\n.type {name}, @function\n{name}:\nswapgs\nmovq %rsp, %gs:0x40\nmovq %gs:0x48, %rsp\n"
        f"pushq $sel_user_stack\npushq {stack_pointer}\npushq %r11\npushq ${code}\npushq %rcx\npushq %rax\n"
        f"pushq %rdi\npushq %rsi\npushq %rdx\n{PUSHES}\n"
    )


ENTRY = entry("system_call", "%gs:0x40")
WORK = """\
        .type   work, @function
work:   pushq   %rbx
        movq    %gs:0x50, %rbx
        movq    $-38, at_rax(%rdi)
        movl    (%rbx), %eax
        popq    %rbx
        ret
"""
"""A function of the kernel's: it changes the frame and returns something."""

BIG = f"""\
        .type   big, @function
big:    {"incq %gs:0x60; " * 120}
        movq    %gs:0x50, %rax
        movq    $0, at_rip(%rax)
        movl    %gs:0x68, %eax
        ret
"""
"""A function that is too long to be followed everywhere."""

LEAVE = "need_everything slow\nleave_by_sysret\nslow:\nleave_by_iret\n"
PROVED = f"{ENTRY}movq %rsp, %rdi\ncall work\n{LEAVE}{WORK}"
FORGETS = (
    "begin_tests\nneed_rcx_is_rip slow\nneed_canonical slow\nneed_user_ss slow\nneed_r11_is_rflags slow\n"
    "need_flags_clear flag_RF | flag_TF, slow\n"
)
"""Every test but that of CS."""

VIOLATED = PROVED.replace("need_everything slow\n", FORGETS)

Link = Callable[..., Path]


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Link:
    """Assemble and link a text at kernel addresses; ``strip`` takes its symbols away."""

    def run(text: str, *, strip: bool = False) -> Path:
        directory = tmp_path_factory.mktemp("plan")
        (directory / "a.S").write_text(f'#include "{SAMPLES}/patch.h"\n{text}\n')
        command = ["gcc", "-nostdlib", "-static", f"-Wl,-Ttext={BASE:#x},-z,noexecstack,--build-id=none,-e,0"]
        subprocess.run([*command, "-o", "vmlinux", "a.S"], cwd=directory, check=True)
        if strip:
            subprocess.run(["strip", "vmlinux"], cwd=directory, check=True)
        return directory / "vmlinux"

    return run


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


@pytest.mark.parametrize("strip", [False, True], ids=["symbols", "stripped"])
def test_a_program_is_proved_without_an_entry(link: Link, strip: bool) -> None:
    """The way to the exit is found, with and without symbols; that nothing jumps in between is an assumption."""
    report = verify(link(PROVED, strip=strip), Options())
    assert (report.verdict, codes(report)) == ("proved", set())
    (name,) = report.entries
    assert name.startswith(f"{BASE >> 16:#x}" if strip else "system_call+0x")
    assert [site.kind for site in report.sites] == ["sysretq"]
    assert "no-indirect-entry" in assumed(report)


@pytest.mark.parametrize("strip", [False, True], ids=["symbols", "stripped"])
def test_a_test_that_is_missing_is_found(link: Link, strip: bool) -> None:
    """The same program without one test is violated in that clause: the frame in front of the exit is complete."""
    report = verify(link(VIOLATED, strip=strip), Options())
    assert (report.verdict, violated(report)) == ("violated", {"cs"})


def test_tables_that_a_kernel_must_have_are_missed(link: Link) -> None:
    """A program without tables of patching is judged unpatched, and its report says so; an object need have none."""
    bare = assumed(verify(link(PROVED), Options()))
    assert {"unpatched-sites", "static-keys", "bug-table"} <= bare
    tables = 'here: patch "nop", "clac", feature_smap\njump_if_key key, there\nthere:\njmp 1f\ntrap_with 0\n1:\n'
    text = PROVED.replace("call work\n", f"call work\n{tables}", 1) + ".data\n.balign 8\nkey: .long 0, 0\n"
    report = verify(link(text), Options())
    assert report.verdict == "proved"
    assert not {"unpatched-sites", "static-keys", "bug-table"} & assumed(report)


@pytest.mark.parametrize("strip", [False, True], ids=["symbols", "stripped"])
def test_a_program_is_judged_as_it_is_patched(link: Link, strip: bool) -> None:
    """A test that a feature removes is missed in a linked program as well."""
    text = VIOLATED.replace(
        "need_canonical slow\n", 'need_canonical slow\npatch "need_user_cs slow", "", feature_smap\n'
    )
    report = verify(link(text, strip=strip), Options())
    assert (report.verdict, violated(report)) == ("violated", {"cs"})
    (site,) = report.sites
    assert site.switches == ("SMAP",)


CHECK = """\
        .type   may_sysret, @function
may_sysret:
        {before}
        movq    at_rcx(%rdi), %rdx
        cmpq    at_rip(%rdi), %rdx
        jne     1f
        shrq    $47, %rdx
        jnz     1f
        {cs}
        cmpw    $sel_user_stack, at_ss(%rdi)
        jne     1f
        cmpq    $sel_user_stack, at_ss(%rdi)
        jne     1f
        movq    at_r11(%rdi), %rdx
        cmpq    at_rflags(%rdi), %rdx
        jne     1f
        testl   $flag_RF | flag_TF, %edx
        sete    %al
        {behind}
        ret
1:      xorl    %eax, %eax
        {behind}
        ret
"""
"""The tests as a function that C code could be: RDI points to the frame, AL is the answer."""
CS = "cmpq $sel_user_code, at_cs(%rdi); jne 1f"
BY_ANSWER = f"{ENTRY}movq %rsp, %rdi\ncall may_sysret\ntestb %al, %al\njz slow\nfill rcx\nfill r11\nleave_by_sysret\n"
BY_ANSWER += "slow:\nleave_by_iret\n"


def answering(before: str = "", cs: str = CS, behind: str = "") -> str:
    """A program in which the answer of a callee decides."""
    return BY_ANSWER + CHECK.format(before=before, cs=cs, behind=behind) + WORK + BIG


def test_a_callee_whose_answer_decides_is_followed(link: Link) -> None:
    """The tests are in a function of the program: with all of them it is proved, with one less violated."""
    report = verify(link(answering()), Options())
    assert (report.verdict, codes(report)) == ("proved", set())
    report = verify(link(answering(cs="")), Options())
    assert (report.verdict, violated(report)) == ("violated", {"cs"})


@pytest.mark.parametrize("strip", [False, True], ids=["symbols", "stripped"])
def test_a_long_callee_is_followed_where_its_answer_decides(link: Link, strip: bool) -> None:
    """A function with more instructions than are always followed decides: it is followed all the same."""
    long = "incq %gs:0x60; " * 200
    report = verify(link(answering(before=long), strip=strip), Options())
    assert (report.verdict, codes(report)) == ("proved", set())
    report = verify(link(answering(before=long, cs=""), strip=strip), Options())
    assert (report.verdict, violated(report)) == ("violated", {"cs"})


def test_what_a_callee_of_the_callee_does_counts(link: Link) -> None:
    """A long function that the deciding one calls may change the frame: in front of the tests or behind them."""
    calls = "pushq %rdi; call big; popq %rdi"
    assert verify(link(answering(before=calls)), Options()).verdict == "proved"
    late = verify(link(answering(behind=f"pushq %rax; {calls}; popq %rax")), Options())
    assert late.verdict == "violated"
    assert {"cs", "ss", "rip"} <= violated(late)


def test_an_answer_without_tests_lets_everything_through(link: Link) -> None:
    """The answer of a function that tests nothing decides: it is followed, and lets everything through."""
    text = BY_ANSWER.replace("call may_sysret", "call big") + BIG
    report = verify(link(text), Options())
    assert report.verdict == "violated"


def test_an_entry_that_cannot_be_known_is_said(link: Link) -> None:
    """Where nothing in front of the exit builds a frame, no verdict is made up."""
    text = f".globl leave\n.type leave, @function\nleave:\n{FORGETS}leave_by_sysret\nslow:\nleave_by_iret\n"
    report = verify(link(text), Options())
    assert (report.verdict, codes(report)) == ("inconclusive", {"entry-unknown"})
    assert report.sites == ()
    assert any("--entry" in reason.remedy for reason in report.reasons)


def test_an_entry_by_symbol_and_offset(link: Link) -> None:
    """SYMBOL+OFFSET and the address itself name one entry; what is no place in the code is an error of usage."""
    path = link(PROVED)
    (name,) = verify(path, Options()).entries
    symbol, _, offset = name.partition("+")
    address = BASE + int(offset, 0)
    for told in (name, f"{symbol}+{int(offset, 0)}", f"{address:#x}"):
        report = verify(path, Options(entries=(told,)))
        assert (report.verdict, report.entries) == ("proved", (told,))
    for told in ("system_call+0x100000", "system_cal", "system_call+x", "0x10"):
        with pytest.raises(UserError) as caught:
            verify(path, Options(entries=(told,)))
        assert (caught.value.code, caught.value.exit_code) == ("entry-not-found", 2)


def test_an_entry_in_front_of_the_frame_is_refused(link: Link) -> None:
    """The contract knows the labels at which its frame is not there yet: they are no entries, "auto" is."""
    path = link(PROVED.replace("system_call", "entry_SYSCALL_64"))
    with pytest.raises(UserError) as caught:
        verify(path, Options(entries=("entry_SYSCALL_64",)))
    assert (caught.value.code, caught.value.exit_code) == ("entry-unfit", 2)
    assert "auto" in caught.value.message
    assert verify(path, Options(entries=("auto",))).verdict == "proved"


def boot_image(kernel: bytes) -> bytes:
    """A bzImage with that kernel, packed by gzip (Documentation/arch/x86/boot.rst)."""
    payload = gzip.compress(kernel, mtime=0)
    setup = bytearray(3 * 512)
    setup[0x1F1] = 2
    setup[0x1FE:0x208] = struct.pack("<HH4sH", 0xAA55, 0x6AEB, b"HdrS", 0x020F)
    struct.pack_into("<H", setup, 0x20E, 0x200)
    struct.pack_into("<II", setup, 0x248, 0, len(payload))
    setup[0x400:0x408] = b"6.12.1 x"
    return bytes(setup) + payload


@pytest.mark.parametrize(("text", "verdict"), [(PROVED, "proved"), (VIOLATED, "violated")])
def test_a_packed_kernel_is_the_kernel(link: Link, tmp_path: Path, text: str, verdict: str) -> None:
    """A boot image gets the verdict of the program in it, at the same places, and names what it was packed in."""
    bare = link(text, strip=True)
    packed = tmp_path / "vmlinuz"
    packed.write_bytes(boot_image(bare.read_bytes()))
    one, two = verify(bare, Options()), verify(packed, Options())
    assert (one.verdict, one.sites, one.entries) == (two.verdict, two.sites, two.entries)
    assert two.verdict == verdict
    assert (one.container, two.container) == ("", "bzImage (gzip), 6.12.1 x")


def test_names_come_from_a_file_of_symbols(link: Link) -> None:
    """A stripped program gets its names, and so the entry's, from the file that was not stripped."""
    whole, bare = link(PROVED), link(PROVED, strip=True)
    named = verify(bare, Options(symbols=str(whole)))
    assert (named.verdict, named.entries) == ("proved", verify(whole, Options()).entries)
    assert named.sites[0].location.symbol == verify(whole, Options()).sites[0].location.symbol
    assert verify(bare, Options()).sites[0].location.symbol != named.sites[0].location.symbol


COMPAT = (
    entry("compat_call", "%gs:0x40", "0x23")
    + """\
        movq    %rsp, %rdi
        call    work
        movl    at_rip(%rsp), %ecx
        movl    at_rflags(%rsp), %r11d
        cmpq    %rcx, at_rip(%rsp)
        jne     slow
        {cs}
        cmpq    $sel_user_stack, at_ss(%rsp)
        jne     slow
        testl   $flag_TF | flag_RF, %r11d
        jnz     slow
        fill_all_but rcx, r11, r8, r9, r10, r12, r13, r14, r15
        xorl    %r8d, %r8d
        xorl    %r9d, %r9d
        xorl    %r10d, %r10d
        movq    at_rsp(%rsp), %rsp
        swapgs
        sysretl
"""
)
COMPAT_CS = "cmpq $0x23, at_cs(%rsp); jne slow"


def test_two_exits_have_two_contracts(link: Link) -> None:
    """SYSRETL is judged by the contract of 32-bit exits, SYSRETQ by its own, each from its own entry."""
    report = verify(link(PROVED + COMPAT.format(cs=COMPAT_CS)), Options())
    assert (report.verdict, codes(report)) == ("proved", set())
    assert [(site.kind, site.entry.partition("+")[0]) for site in report.sites] == [
        ("sysretq", "system_call"),
        ("sysretl", "compat_call"),
    ]
    layouts = [one.text for one in report.assumptions if one.id == "contract-layout"]
    assert len(layouts) == 2
    report = verify(link(PROVED + COMPAT.format(cs="")), Options())
    assert (report.verdict, violated(report)) == ("violated", {"cs"})
    assert [site.verdict for site in report.sites] == ["proved", "violated"]


def test_a_stub_has_a_contract_of_its_own(link: Link) -> None:
    """An exit of a function that saves nothing is judged as a call that is turned away; it must not switch GS."""
    stub = ".globl stub\n.type stub, @function\nstub:\n{}movl $-38, %eax\nsysretl\n"
    report = verify(link(PROVED + stub.format("")), Options())
    assert (report.verdict, [site.kind for site in report.sites]) == ("proved", ["sysretq", "sysretl"])
    report = verify(link(PROVED + stub.format("swapgs\n")), Options())
    assert (report.verdict, violated(report)) == ("violated", {"gs"})


def test_one_of_two_exits_that_is_not_reached_is_no_proof(link: Link) -> None:
    """An entry that is named leads to one exit: the other one keeps the file from being proved."""
    path = link(PROVED + COMPAT.format(cs=COMPAT_CS))
    (name, _) = verify(path, Options()).entries
    report = verify(path, Options(entries=(name,)))
    assert (report.verdict, codes(report)) == ("inconclusive", {"site-unreached"})


def test_a_frame_that_is_read_too_high_is_no_proof(link: Link) -> None:
    """Code that pops a word too much reads its frame eight bytes too high; no later start makes that right."""
    report = verify(link(PROVED.replace("call work\n", "call work\npopq %r15\n", 1)), Options())
    assert report.verdict == "violated"
    assert {"rip", "cs"} <= violated(report)


JUMPS = {
    "jmp": "jmp past",
    "jcc": "jnc past",
    "alternative": 'patch "", "jmp.d32 past", feature_smap',
    "conditional in an alternative": 'patch "cmc", "testl %eax, %eax; jnz.d32 past", feature_smap',
    "alternative that removes a jump": 'patch "jmp safe", "", feature_smap; jmp past; safe:',
    "key": "jump_if_key key, past",
    "key with its jump in the file": "jump_in_file_if_key key, past, 1",
    "warning": "testl %eax, %eax; jz 5f; trap_with 1; jmp past; 5:",
    "call": "call past",
}
"""Ways from another function to behind the tests."""

KEPT = ("call", "alternative", "conditional in an alternative")
"""Those for which no entry with a frame is found: the branch also stands where the file keeps the replacement."""


@pytest.mark.parametrize("strip", [False, True], ids=["symbols", "stripped"])
@pytest.mark.parametrize("way", JUMPS)
def test_every_way_to_the_exit_counts(link: Link, way: str, strip: bool) -> None:
    """A branch from anywhere to behind the tests is seen, patched code and static branches included."""
    other = entry("other_call", "%gs:0x40")
    body = PROVED.replace("need_everything slow\n", "need_everything slow\npast:\n")
    text = f"{body}{other}movq %rsp, %rdi\ncall work\n{JUMPS[way]}\njmp slow\n"
    report = verify(link(text + ".data\n.balign 16\nkey: .long 0, 0\n", strip=strip), Options())
    assert report.verdict != "proved"
    if way not in KEPT:
        assert report.verdict == "violated"


@pytest.mark.parametrize("strip", [False, True], ids=["symbols", "stripped"])
def test_a_call_that_does_not_return_is_known_by_its_name(link: Link, strip: bool) -> None:
    """A way that ends in a function that the contract lists does not lead to the exit; without names it does."""
    body = PROVED.replace("need_everything slow\n", "need_everything slow\npast:\n")
    body = body.replace("call work\n", "call work\ntestl %eax, %eax\njz 5f\ncall panic\njmp past\n5:\n")
    report = verify(
        link(f"{body}.type panic, @function\npanic: {'incq %gs:0x60; ' * 200} ret\n", strip=strip), Options()
    )
    assert report.verdict == ("violated" if strip else "proved")
    assert ("calls-end" in assumed(report)) != strip


def test_an_exit_in_a_replacement_is_an_exit(link: Link) -> None:
    """SYSRETQ that boot code writes is found, and judged with the code around its site."""
    leave = "fill_all_but rcx, r11\nmovq at_rsp(%rsp), %rsp\nswapgs\n" + 'patch "jmp .", "sysretq", feature_smap\n'
    for tests, wanted in (("need_everything slow\n", "proved"), (FORGETS, "violated")):
        report = verify(
            link(f"{ENTRY}movq %rsp, %rdi\ncall work\n{tests}{leave}slow:\nleave_by_iret\n{WORK}"), Options()
        )
        assert (report.verdict, [site.kind for site in report.sites]) == (wanted, ["sysretq"])

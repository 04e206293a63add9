# SPDX-License-Identifier: BSD-2-Clause
"""Each way in which a lifter is known to get exit code wrong has samples, and none of them is called proved.

The rows are those places where a stock lifter loses a path, a flag or a
write, and the wrong proofs that reviews of this program found. A sample of a
row has a property that is false on a CPU, or that nobody can decide from the
file. The few that are proved rest on an assumption that the report must list,
or are the right twin of a wrong one.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from test_samples import SAMPLES, expectation, header, sample_names

from verifier.model import FileReport, UserError
from verifier.options import Options

ROWS: dict[str, str] = {
    "store to a symbolic address": "store-symbolic store-bounded store-repeated",
    "load from a symbolic address": "load-symbolic",
    "writable data read as a constant": "bss-flag data-flag",
    "PUSHFQ and POPFQ": """pushfq-if pushfq-zf popfq-tf popfq-if popfq-iopl popfq-nt popfq-rf popfq-vm popfq-ac
        popfq-id popfq-vif-vip popfq-df popfq-zf""",
    "SWAPGS and the two GS bases": "swapgs-exchanges swapgs-twice-access gs-user-indexed call-with-user-gs",
    "MOV to and from control registers": "cr3-truncated cr3-upper-half cr8-read cr-flags cr4-write",
    "SYSRETQ and IRETQ by their bytes": "sysretq-prefixed iretq-prefixed iret-16",
    "CLI, STI and HLT": "sti-no-shadow cli-on-one-arm hlt",
    "instructions without a model": """unknown-avx unknown-clui unknown-cmps unknown-rdrand unknown-erets
        unknown-far-return unknown-invpcid unknown-lkgs unknown-lldt unknown-lsl unknown-rcl unknown-rcr-cl
        unknown-rdpmc unknown-syscall unknown-verr unknown-xrstor unknown-xsaveopt""",
    "MSRs": """rdmsr-after-wrmsr rdmsr-unknown rdmsr-zero-extends wrmsr-kernel-gs wrmsr-star wrmsr-unknown
        wrmsr-variable""",
    "flags of MUL and IMUL": "mul-carry mul-narrow mul-zero imul-overflow imul-immediate imul-sign",
    "flags of BT, BTS, BTR and BTC": """bit-test-zero bit-test-modulo bit-test-string bit-test-sign
        bit-reset-memory""",
    "flags of RCL and RCR": "unknown-rcl unknown-rcr-cl",
    "shifts and rotations by 0, by CL, by too much": """shift-by-zero shift-by-cl-zero shift-by-cl shift-by-cl-16
        shift-carry-lost shift-overflow shift-overflow-one shift-arithmetic shift-auxiliary rotate-zero
        rotate-overflow rotate-16""",
    "undefined flags and results": """undefined-af undefined-bsf-carry undefined-bsr-zero undefined-flags-differ
        scan-zero-flag bsf-zero""",
    "parts of registers": "partial-byte partial-high-byte partial-rex-byte partial-word",
    "zero extension and sign extension": """zero-extension zero-extension-nop zero-extension-xchg zero-extension-r8
        zero-extension-cmov sign-extension convert-widths immediate-sign""",
    "carries and the flags that an instruction leaves alone": """carry-chain borrow-mask carry-out carry-kept
        flags-kept neg-carry overflow-signed parity sahf-carry""",
    "read-modify-write": """cmpxchg-fails cmpxchg-succeeds cmpxchg-byte cmpxchg-accumulator xadd xadd-same
        xchg-memory bswap push-immediate push-rsp pop-memory leave""",
    "string instructions and DF": """string-direction string-direction-unknown string-count-zero string-lods
        jump-rcx-zero""",
    "ends that no list of leaves has": "endless solver-limit",
    "defaults of the entry state": "entry-flags entry-fs-base entry-rsp entry-iopl",
    "behind the end of code": "past-the-end next-section padding data-in-code",
    "a prefix that the CPU ignores": "rex-dead",
    "pointers that are taken for each other": "pointer-turns-stack carve-repeated",
    "events in the window": "window-fault window-fs user-rsp-per-cpu",
    "addresses that the file does not know": "weak-symbol",
    "slots that were released": "frame-released-twice",
    "what a callee may write": "local-passed",
    "what a handler or another task does": "int3 schedule-ss nested-task",
    "RET to a word of the user's": "ret-to-frame",
    "CR3 of both arms": "cr3-arms-differ",
}
"""Hazard: its samples, without the ``hazard-`` in front."""

RESTS_ON = {
    "hazard-int3.S": "traps-end",
    "hazard-local-passed.S": "calls-own-stack",
    "hazard-schedule-ss.S": "calls-system-state",
}
"""Proved, under an assumption that is about just this."""

HARMLESS = frozenset({"hazard-endless.S", "hazard-iretq-prefixed.S", "hazard-nested-task.S"})
"""Rightly proved: what is odd in them is not on a way to SYSRETQ."""


def verify(path: Path, options: Options | None = None) -> FileReport:
    """A run of the whole program."""
    from verifier.pipeline import verify as run

    return run(path, options or Options())


@pytest.mark.parametrize("row", ROWS)
def test_hazard_has_a_sample(row: str) -> None:
    """Every hazard has at least one sample, all that are named exist, and not all of them are proved."""
    names = [f"hazard-{name}.S" for name in ROWS[row].split()]
    assert names
    assert set(names) <= set(sample_names())
    assert any(expectation(name).verdict != "proved" or name in RESTS_ON for name in names)


def test_every_hazard_sample_is_in_a_row() -> None:
    """No sample is forgotten here, so that a row cannot lose its samples unseen."""
    told = {f"hazard-{name}.S" for names in ROWS.values() for name in names.split()}
    assert told == {name for name in sample_names() if name.startswith("hazard-")}


def test_proved_hazards_are_the_known_ones() -> None:
    """Of the hazard samples only those with a stated reason may be proved."""
    proved = {name for name in sample_names() if name.startswith("hazard-") and expectation(name).verdict == "proved"}
    assert proved == RESTS_ON.keys() | HARMLESS


@pytest.mark.parametrize("name", RESTS_ON)
def test_assumption_behind_the_proof_is_listed(name: str) -> None:
    """A verdict that hangs on what a handler or a callee does says so, in words that name the matter."""
    found = {assumption.id: assumption.text for assumption in verify(SAMPLES / name).assumptions}
    assert RESTS_ON[name] in found
    matter = {"hazard-int3.S": "INT3", "hazard-local-passed.S": "pushed", "hazard-schedule-ss.S": "SS"}
    assert matter[name] in found[RESTS_ON[name]]


OTHER_UNKNOWN = """
    wbinvd; invlpg (%rax); lgdt (%rsp); lidt (%rsp); ltr %ax; lmsw %ax; clts; monitor; mwait; rdpmc; rdrand %rax
    serialize; xsetbv; xsaves (%rdi); fxrstor (%rdi); fninit; ldmxcsr (%rsp); movdqa %xmm0, (%rsp)
    kmovq %k1, %rax; vzeroupper; popcntq %rax, %rax; tzcntq %rax, %rax; lzcntq %rax, %rax; andnq %rax, %rdx, %rsi
    rorxq $1, %rax, %rdx; adcxq %rax, %rdx; mulxq %rax, %rdx, %rsi
    enter $8, $0; movw %ds, %ax; movw %ax, %fs; movl %eax, %gs; movq %dr7, %rax; movq %rax, %cr0; inb $1, %al
    outb %al, $1; int $0x80; int1; vmcall; vmmcall; swapgs; wrmsrns; wrussq %rax, (%rsp); senduipi %rax
    cmpxchg16b (%rsp); scasb; repne scasb; xlatb; in %dx, %al; insb; outsb; loop slow; bound; salc
"""
KNOWN = ("swapgs",)
"""Modelled, and in the list so that the test is seen to tell them apart."""


def unknown() -> list[str]:
    """The instructions of the list, one each."""
    return [insn.strip() for line in OTHER_UNKNOWN.strip().splitlines() for insn in line.split(";")]


@pytest.mark.parametrize("instruction", unknown())
def test_instruction_is_not_passed_over(instruction: str, tmp_path: Path) -> None:
    """An instruction without a model in front of a right exit makes the run inconclusive, never proved."""
    source = tmp_path / "x.S"
    lines = ["#include <hazard.h>", ".globl exit_to_user", "exit_to_user:", instruction, "need_everything slow"]
    lines += ["leave_by_sysret", "slow:", "leave_by_iret", ""]
    source.write_text("\n".join(lines), encoding="utf-8")
    try:
        report = verify(source, Options(entries=("exit_to_user",), include_dirs=(str(SAMPLES),)))
    except UserError as error:
        # This assembler does not know it, or it does not exist in 64-bit mode.
        assert error.code == "assembler-error"
        return
    assert report.verdict == ("violated" if instruction in KNOWN else "inconclusive")


DUPLICATES = (
    """
    .data
flag: .quad 0
    .text
    .globl exit_to_user
exit_to_user:
    movq flag(%rip), %rbx
    jmp second
""",
    """
#include "hazard.h"
    .data
flag: .quad 0
    .text
    .globl second
second:
    need_all_but_canonical slow
    cmpq flag(%rip), %rbx
    jne trusted
    finish_exit
""",
)
"""Two files, each with a local word called flag."""


def test_local_symbols_of_one_name_are_two_words(tmp_path: Path) -> None:
    """In an object that ``ld -r`` made, two local symbols share a name and not their content."""
    objects = []
    for number, text in enumerate(DUPLICATES):
        source = tmp_path / f"part{number}.S"
        source.write_text(text, encoding="utf-8")
        objects.append(str(source.with_suffix(".o")))
        subprocess.run(["gcc", "-c", f"-I{SAMPLES}", "-o", objects[-1], str(source)], check=True)
    both = tmp_path / "both.o"
    subprocess.run(["ld", "-r", "-o", str(both), *objects], check=True)
    report = verify(both, Options(entries=("exit_to_user",)))
    assert report.verdict == "violated"
    assert {clause.id for site in report.sites for clause in site.clauses if clause.status == "violated"} == {
        "canonical"
    }


def test_width_guard_stops_the_build() -> None:
    """The guard of the 2015 change does its work: with another width there is no object to verify."""
    with pytest.raises(UserError) as caught:
        verify(SAMPLES / "story-width-guard.S", Options(defines=("ADDRESS_BITS=56",)))
    assert caught.value.code == "assembler-error"
    assert "47 bits" in str(caught.value)


@pytest.mark.parametrize("family", ["memory", "flow", "story"])
def test_family_has_right_and_wrong_members(family: str) -> None:
    """A family in which nothing is proved would not tell a careful model from one that gives up."""
    members = [name for name in sample_names() if name.startswith(f"{family}-")]
    assert {expectation(name).verdict for name in members} == {"proved", "violated", "inconclusive"}
    assert all(header(name).origin for name in members)

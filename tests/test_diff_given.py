# SPDX-License-Identifier: BSD-2-Clause
"""What a comparison takes for the same in both versions, and what it does not: calls, code elsewhere, open results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from verifier.differ import compare
from verifier.exploring import Survey
from verifier.model import ALL_CONFIGS, FileReport
from verifier.opening import opened
from verifier.options import Options
from verifier.pipeline import surveyed

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parent / "samples"

FIRST = '#include "exit.h"\n\t.globl exit_to_user\nexit_to_user:\n'
LITTLE = "cmpq $sel_user_code, at_cs(%rsp)\njne slow\nleave_by_sysret\n"
"""One test is enough where only the way there is looked at."""
SLOW = "slow: leave_by_iret\n"
CALL = "movq %rsp, %rdi\ncall slow_work\n"


def little(tmp_path: Path, code: str) -> tuple[FileReport, tuple[Survey, ...]]:
    """Such a program, for one CPU configuration and without proofs that nobody asks for here."""
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.S"
    path.write_text(FIRST + code, encoding="utf-8")
    given = Options(("exit_to_user",), contract="linux", profile="seed", configs=ALL_CONFIGS[:1])
    return surveyed(opened(path, replace(given, include_dirs=(str(SAMPLES),))))


def test_another_callee_is_not_the_same_call(tmp_path: Path) -> None:
    """What another function does is not known to be what the first one did."""
    code = CALL + LITTLE + SLOW
    found = compare(little(tmp_path, code), little(tmp_path, code.replace("slow_work", "other_work")))
    assert found.status != "equivalent"
    assert found.divergences


ONLY = "it is not followed, and may do something else then"


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        (CALL, "leaq 8(%rsp), %rdi\ncall slow_work\n", "rdi"),
        (CALL, f"movq $0, at_rax(%rsp)\n{CALL}", "frame.rax"),
        (CALL, f"movl $0, %gs:0x40\n{CALL}", "what was written to gs:[0x40]"),
        (CALL, f"cli\n{CALL}", ""),
        (f"call first\n{CALL}", CALL, "rsi, rdx, rcx, r8, and more"),
        (CALL, f"nop\nnop\n{CALL}", ""),
        (CALL, f"movq %rsp, %rbx\n{CALL}", ""),
        (CALL, "movq %rsp, %rdi\npushq %rbx\ncall slow_work\npopq %rbx\n", ""),
    ],
)
def test_a_call_is_the_same_only_where_it_is_given_the_same(tmp_path: Path, old: str, new: str, differs: str) -> None:
    """Arguments, the frame, what was written before, and what earlier calls left; not registers that a callee ignores.

    RBX and what was pushed are the caller's; IF is clear anyway.
    """
    found = compare(little(tmp_path, old + LITTLE + SLOW), little(tmp_path, new + LITTLE + SLOW))
    assert found.status == ("inconclusive" if differs else "equivalent")
    assert [one[0] for one in found.assumptions] == ["calls-alike"]
    assert len(found.reasons) == bool(differs)
    for reason in found.reasons:
        assert reason.startswith(f"slow_work is given something else: {differs}") and reason.endswith(ONLY)


@pytest.mark.parametrize(
    ("base", "head", "reason"),
    [
        ("slow: jmp outside\n", "slow: jmp elsewhere\n", "HEAD leaves: elsewhere where the other version does not"),
        (
            "slow: jmp outside\n",
            "slow: movl $1, %gs:0x40\njmp outside\n",
            "what it is given differs in what was written",
        ),
        ("slow: jmp outside\n", "slow: movq %rsp, %r8\njmp outside\n", "what it is given differs in r8"),
        (
            SLOW,
            f"slow: movq %cr3, %rax\norq $0x1000, %rax\nmovq %rax, %cr3\n{SLOW[6:]}",
            "they differ in cr3, and whether",
        ),
        (SLOW, f"slow: wrfsbase %rbx\n{SLOW[6:]}", "they differ in fs_base, and whether HEAD is right cannot be told"),
    ],
)
def test_what_nobody_knows_is_not_safe(tmp_path: Path, base: str, head: str, reason: str) -> None:
    """Code elsewhere that is another, or is given something else; a register that no clause is about."""
    found = compare(little(tmp_path, LITTLE + base), little(tmp_path, LITTLE + head))
    assert found.head.verdict == found.base.verdict
    assert found.status in ("inconclusive", "unsafe")
    assert any(reason in one for one in found.reasons)
    assert not any(one.judged and one.visible for one in found.divergences if not one.wrong)


def test_where_code_traps_scratch_registers_do_not_matter(tmp_path: Path) -> None:
    """Who stops at UD2 in both versions leaves in neither; that what follows is the same is assumed, and said."""
    code = "testl $4, {0}\njz 1f\nud2\n1:\n" + LITTLE + SLOW
    head = "movl %gs:0x40, %r9d\n" + code.format("%r9d")
    found = compare(little(tmp_path, code.format("%gs:0x40")), little(tmp_path, head))
    assert (found.status, [one[0] for one in found.assumptions]) == ("equivalent", ["traps-alike"])


def test_an_undefined_flag_is_alike_only_behind_the_same_instruction(tmp_path: Path) -> None:
    """OF behind shifts by 2 and by 3 is undefined both times, and need not be the same."""
    code = "shrq ${0}, %rax\njo slow\nleave_by_sysret\n" + SLOW
    base = little(tmp_path, code.format(2))
    again = compare(base, little(tmp_path, "nop\n" + code.format(2)))
    assert (again.status, [one[0] for one in again.assumptions]) == ("equivalent", ["undefined-alike"])
    assert compare(base, little(tmp_path, code.format(3))).status != "equivalent"


def test_what_was_set_aside_is_compared_as_well(tmp_path: Path) -> None:
    """Behind an instruction without a model HEAD breaks IRET; no verdict is about that way, and none is claimed."""
    text = (HERE.parent / "specs" / "contracts" / "linux.toml").read_text(encoding="utf-8")
    (tmp_path / "entry.toml").write_text(text.replace('value = "iret-exit"', 'value = "entry"'), encoding="utf-8")
    code = LITTLE + "slow: fxsave -512(%rsp)\n{0}" + SLOW[6:]
    found = []
    for name, broken in (("base.S", ""), ("head.S", "movq $0, at_rip(%rsp)\n")):
        (tmp_path / name).write_text(FIRST + code.format(broken), encoding="utf-8")
        given = Options(("exit_to_user",), contract=str(tmp_path / "entry.toml"), configs=ALL_CONFIGS[:1])
        found.append(surveyed(opened(tmp_path / name, replace(given, include_dirs=(str(SAMPLES),)))))
    both = compare(found[0], found[1])
    assert both.status in ("inconclusive", "unsafe")
    assert any("does not say where some machines go" in one for one in both.reasons)


def test_without_a_frame_nobody_says_what_iret_has_to_give(tmp_path: Path) -> None:
    """With --frame auto both exits of HEAD give RBX from RBP's slot: they agree, so HEAD is proved."""
    code = "need_everything slow\nleave_by_sysret\n" + SLOW
    broken = code.replace("leave_by", "fill_all_but rbx, rcx, r11\nmovq at_rbp(%rsp), %rbx\nleave_as_is_by")
    macros = (
        ".macro leave_as_is_by_sysret\nmovq at_rsp(%rsp), %rsp\nswapgs\nsysretq\n.endm\n"
        ".macro leave_as_is_by_iret\nfill rcx\nfill r11\naddq $at_rip, %rsp\nswapgs\niretq\n.endm\n"
    )
    found = []
    for name, text in (("base.S", code), ("head.S", macros + broken)):
        head = FIRST.replace("\t.globl", (macros if name == "head.S" else "") + "\t.globl")
        (tmp_path / name).write_text(head + text.removeprefix(macros), encoding="utf-8")
        given = Options(("exit_to_user",), contract="linux", configs=ALL_CONFIGS[:1], frame="auto")
        found.append(surveyed(opened(tmp_path / name, replace(given, include_dirs=(str(SAMPLES),)))))
    both = compare(found[0], found[1])
    assert (both.head.verdict, both.status) == ("proved", "inconclusive")
    assert {(one.visible, one.wrong, one.judged) for one in both.divergences} == {(True, False, False)}

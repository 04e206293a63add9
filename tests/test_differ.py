# SPDX-License-Identifier: BSD-2-Clause
"""What a change does to user space: hand-worked answers for pairs of samples, in both directions, and for mutants."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from verifier.differ import compare
from verifier.exploring import Survey
from verifier.insights import Comparison, Condition, Divergence
from verifier.model import ALL_CONFIGS, FileReport, UserError
from verifier.opening import opened
from verifier.options import Options
from verifier.pipeline import surveyed

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parent / "samples"
BASE = "canonical-shr47.S"
KERNEL_HALF = ((0xFFFF800000000000, 0xFFFFFFFFFFFFFFFF),)
USER_HALF = ((0, 0x7FFFFFFFFFFF),)


def read(path: Path, *entries: str, every: bool = False) -> tuple[FileReport, tuple[Survey, ...]]:
    """A file's report and explorations; for one CPU configuration, which is enough for most of this, or for every."""
    configs = ALL_CONFIGS if every else ALL_CONFIGS[:1]
    return surveyed(opened(path, Options(entries=entries, configs=configs, include_dirs=(str(SAMPLES),))))


@cache
def sample(name: str, every: bool = False) -> tuple[FileReport, tuple[Survey, ...]]:
    """A sample's report and explorations."""
    return read(SAMPLES / name, every=every)


@cache
def between(base: str, head: str, every: bool = False) -> Comparison:
    """Two samples compared."""
    return compare(sample(base, every), sample(head, every))


def classes(found: Comparison) -> set[tuple[str, bool, bool]]:
    """Kind, visible and wrong of every divergence."""
    return {(one.kind, one.visible, one.wrong) for one in found.divergences}


def only(found: Comparison) -> Divergence:
    """The one divergence."""
    assert len(found.divergences) == 1
    return found.divergences[0]


def inputs(one: Divergence) -> dict[str, int]:
    """The example's values by name."""
    return {value.name: value.value for value in one.example}


def variant(tmp_path: Path, old: str, new: str, of: str = BASE) -> tuple[FileReport, tuple[Survey, ...]]:
    """A sample with one text in place of another, which it has to have."""
    text = (SAMPLES / of).read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "variant.S"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return read(path)


@pytest.mark.parametrize("name", [BASE, "clause-tf-dropped.S", "call-before-checks.S", "form-or-accumulated.S"])
def test_a_version_is_equivalent_to_itself(name: str) -> None:
    """Whether it is proved or violated, and with a call that is not followed."""
    found = between(name, name)
    assert (found.status, found.divergences, found.reasons) == ("equivalent", (), ())


@pytest.mark.parametrize("head", ["diff-reordered.S", "form-or-accumulated.S", "diff-helper.S"])
def test_a_refactoring_is_equivalent_both_ways(head: str) -> None:
    """Reordered tests with other registers, one accumulated branch, and the tests in a function."""
    assert between(BASE, head).status == "equivalent"
    assert between(head, BASE).status == "equivalent"


def test_tests_moved_to_c_are_equivalent(tmp_path: Path) -> None:
    """What gcc makes of the C function, linked with the exit, turns away the same frames."""
    source = tmp_path / "exit.S"
    text = (SAMPLES / "diff-helper.S").read_text(encoding="utf-8").split("\nmay_use_sysret:")[0]
    source.write_text(text + "\n", encoding="utf-8")
    flags = ["-O2", "-mno-red-zone", "-mgeneral-regs-only", "-fcf-protection=none", "-fno-stack-protector"]
    for given, made in ((source, "exit.o"), (HERE / "frame_check.c", "check.o")):
        command = ["gcc", *flags, "-I", str(SAMPLES), "-c", "-o", str(tmp_path / made), str(given)]
        subprocess.run(command, check=True, capture_output=True)
    both = tmp_path / "both.o"
    parts = [str(tmp_path / "exit.o"), str(tmp_path / "check.o")]
    subprocess.run(["ld", "-r", "-o", str(both), *parts], check=True, capture_output=True)
    found = compare(sample(BASE), read(both, "exit_to_user"))
    assert (found.status, found.reasons, found.assumptions) == ("equivalent", (), ())


@pytest.mark.parametrize(
    ("base", "head"),
    [(BASE, "canonical-sign-extend.S"), ("linux-2015-tf-tested.S", "diff-2015-sign-extend.S")],
)
def test_shift_and_sign_extension_differ_in_the_kernels_half_only(base: str, head: str) -> None:
    """Addresses whose upper 17 bits are all set: bit 47 and everything above. In both paging modes."""
    there, back = between(base, head, True), between(head, base, True)
    assert there.status == back.status == "safe"
    for found, kind in ((there, "newly-fast"), (back, "newly-slow")):
        one = only(found)
        assert (one.kind, one.visible, one.wrong, one.differs) == (kind, False, False, ())
        assert set(one.configs) == set(ALL_CONFIGS)
        assert (one.ranges, one.ranges_exact, one.exact) == (KERNEL_HALF, True, True)
        assert Condition("range", "frame.rip", intervals=KERNEL_HALF) in one.conditions
        values = inputs(one)
        assert values["frame.rip"] == values["frame.rcx"] == 0xFFFF800000000000
        assert (values["frame.cs"], values["frame.ss"]) == (0x33, 0x2B)
    one = only(there)
    assert (one.base_end, one.head_end) == ("iretq", "sysretq")
    assert one.base is not None and one.head is not None
    assert (one.base.instruction, one.head.instruction) == ("iretq", "sysretq")
    assert one.base.fields == one.head.fields


def test_a_wrong_shift_is_unsafe() -> None:
    """By 48 bits lets bit 47 through: a user address of 57 bits; with 48 it is none, and SYSRET faults elsewhere."""
    found = between(BASE, "canonical-shr48.S", True)
    assert found.status == "unsafe"
    assert (found.base.verdict, found.head.verdict, found.head.violated) == ("proved", "violated", ("canonical",))
    assert classes(found) == {("newly-fast", False, False), ("newly-fast", True, True)}
    for one in found.divergences:
        paging = "la48" if one.wrong else "la57"
        assert set(one.configs) == {config for config in ALL_CONFIGS if config[1] == paging}
        assert (one.ranges, one.ranges_exact) == (((0x800000000000, 0xFFFFFFFFFFFF),), True)
        assert one.differs == (("fault",) if one.wrong else ())
        assert inputs(one)["frame.rip"] == 0x800000000000
    back = between("canonical-shr48.S", BASE, True)
    assert back.status == "safe"
    assert classes(back) == {("newly-slow", False, False), ("newly-slow", True, False)}


def test_a_dropped_trap_flag_test_is_seen_by_user_space() -> None:
    """SYSRET traps before the first user instruction, IRET after it; to put the test back is safe."""
    found = between(BASE, "clause-tf-dropped.S")
    one = only(found)
    assert (found.status, one.kind, one.visible, one.wrong) == ("unsafe", "newly-fast", True, True)
    assert one.differs == ("trap",)
    assert one.ranges == USER_HALF
    assert Condition("bits", "frame.rflags", mask=0x10100, value=0x100) in one.conditions
    repaired = between("clause-tf-dropped.S", BASE)
    one = only(repaired)
    assert (repaired.status, one.kind, one.visible, one.wrong) == ("safe", "newly-slow", True, False)
    assert (repaired.base.violated, repaired.head.verdict) == (("tf",), "proved")


def test_an_added_work_flag_costs_time_only() -> None:
    """Frames that would have been fast take IRET where bit 2 of the flag's word is set."""
    found = between(BASE, "diff-work-flag.S")
    one = only(found)
    assert (found.status, one.kind, one.visible, one.wrong) == ("safe", "newly-slow", False, False)
    assert Condition("bits", "gs:[0x40]", mask=4, value=4) in one.conditions
    assert inputs(one)["gs:[0x40]"] == 4
    assert only(between("diff-work-flag.S", BASE)).kind == "newly-fast"


def test_a_wrong_iret_exit_is_found_though_every_sysret_is_proved() -> None:
    """RBX comes from RBP's slot: both differ from zero in the least machine where they differ at all."""
    found = between(BASE, "diff-iret-wrong-rbx.S")
    one = only(found)
    assert (found.status, found.head.verdict) == ("unsafe", "proved")
    assert (one.kind, one.visible, one.wrong, one.differs) == ("state", True, True, ("rbx",))
    assert (one.base_end, one.head_end) == ("iretq", "iretq")
    assert (inputs(one)["frame.rbx"], inputs(one)["frame.rbp"]) == (0, 1)
    back = between("diff-iret-wrong-rbx.S", BASE)
    assert (back.status, only(back).wrong) == ("safe", False)


def test_a_dropped_swapgs_is_wrong() -> None:
    """User space runs on the kernel's GS base, wherever it took SYSRET before."""
    found = between(BASE, "clause-gs-missing.S")
    assert found.status == "unsafe"
    assert classes(found) == {("state", True, True)}
    assert {"gs_base", "kernel_gs_base"} == set(found.divergences[0].differs)


def test_an_added_call_decides() -> None:
    """A call in front of the tests may change the frame: frames go either way, and other frames are returned to."""
    found = between(BASE, "call-before-checks.S")
    kinds = {one.kind for one in found.divergences}
    assert found.status == "safe"
    assert kinds == {"newly-fast", "newly-slow", "state"}
    assert not any(one.wrong for one in found.divergences)
    assert found.assumptions == ()


def test_the_nth_call_is_the_same_call_by_an_assumption(tmp_path: Path) -> None:
    """The call stands on another line behind NOPs; that it does the same is assumed and said."""
    moved = variant(tmp_path, "\tmovq\t%rsp, %rdi\n", "\tnop\n\tnop\n\tmovq\t%rsp, %rdi\n", "call-before-checks.S")
    found = compare(sample("call-before-checks.S"), moved)
    assert (found.status, found.divergences) == ("equivalent", ())
    assert [name for name, _ in found.assumptions] == ["calls-alike"]


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
    code = "shrq ${0}, %rax\njo slow\n" + LITTLE + SLOW
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


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("shrq\t$47, %rax", "shrq\t$46, %rax"),
        ("flag_RF | flag_TF, slow", "flag_RF | flag_TF | 1, slow"),
        ("need_rcx_is_rip slow", "need_rcx_is_rip slow\n\tcmpq\t$0x1000, %rcx\n\tjb\tslow"),
        ("need_user_ss slow", "nop"),
        ("jnz\tslow", "jz\tslow"),
    ],
)
def test_a_mutant_is_not_equivalent(tmp_path: Path, old: str, new: str) -> None:
    """One immediate, width or condition is another one, and some frame goes the other way: by hand, none is equal.

    46 bits turns away user addresses from 2**46 on; CF, page zero and SS decide in their own ways; the inverted jump
    exchanges the halves.
    """
    found = compare(sample(BASE), variant(tmp_path, old, new))
    assert found.status in ("safe", "unsafe")
    assert found.divergences


def test_a_mutant_that_changes_nothing_is_equivalent(tmp_path: Path) -> None:
    """CMP with RCX and RIP exchanged sets ZF alike; TEST of the whole word sees the same two bits."""
    found = compare(sample(BASE), variant(tmp_path, "need_user_cs slow", "cmpl\t$0x33, at_cs(%rsp)\n\tjne\tslow\n"
                    "\tcmpl\t$0, at_cs+4(%rsp)\n\tjne\tslow"))  # fmt: skip
    assert found.status == "equivalent"


GLOBAL = "testl\t$4, {0}(%rip)"
DATA = "\n\t.data\n{0}\n"


def test_a_global_that_moved_is_the_same_and_another_is_not(tmp_path: Path) -> None:
    """A flag in memory is known by its symbol, wherever it lies; two flags with other names are two flags."""
    variants: list[tuple[FileReport, tuple[Survey, ...]]] = []
    for name, data in (
        ("work", "work:\t.quad 0"),
        ("work", "other:\t.quad 0\nwork:\t.quad 0"),
        ("other", "other:\t.quad 0\nwork:\t.quad 0"),
    ):
        code = (SAMPLES / "diff-work-flag.S").read_text(encoding="utf-8")
        path = tmp_path / f"{len(variants)}.S"
        text = code.replace("testl\t$4, %gs:0x40", GLOBAL.format(name)) + DATA.format(data)
        path.write_text(text, encoding="utf-8")
        variants.append(read(path))
    first, moved, another = variants
    found = compare(first, moved)
    assert (found.status, found.reasons, found.assumptions) == ("equivalent", (), ())
    found = compare(moved, another)
    assert found.status != "equivalent"


def test_two_contracts_cannot_be_compared() -> None:
    """What one contract calls the frame is not what the other does: a usage error that says so."""
    with pytest.raises(UserError) as error:
        between(BASE, "linux-2015-tf-tested.S")
    assert (error.value.code, error.value.exit_code) == ("diff-contracts", 2)


def test_what_is_open_in_one_version_leaves_the_comparison_open() -> None:
    """An instruction without a model: nothing is claimed of the machines that get there."""
    found = between("inconclusive-unsupported.S", "inconclusive-unsupported.S")
    assert found.status == "inconclusive"
    assert found.reasons and not found.divergences


def test_an_iret_only_version_is_compared(tmp_path: Path) -> None:
    """Without any SYSRET every frame takes IRET: to add the fast exit changes nothing that user space sees."""
    slow = variant(tmp_path, "begin_tests", "jmp slow\n\tbegin_tests")
    one = only(compare(slow, sample(BASE)))
    assert (one.kind, one.visible, one.wrong, one.ranges) == ("newly-fast", False, False, USER_HALF)

# SPDX-License-Identifier: BSD-2-Clause
"""What a change does to user space: hand-worked answers for pairs of samples, in both directions, and for mutants."""

from __future__ import annotations

import subprocess
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


def read(
    path: Path, *entries: str, every: bool = False, profile: str = "seed"
) -> tuple[FileReport, tuple[Survey, ...]]:
    """A file's report and explorations; for one CPU configuration, or for every one.

    One and a short profile are enough for most of this: everything is compared, whatever was to be proved.
    """
    configs = ALL_CONFIGS if every else ALL_CONFIGS[:1]
    given = Options(entries=entries, configs=configs, profile=profile, include_dirs=(str(SAMPLES),))
    return surveyed(opened(path, given))


@cache
def sample(name: str, every: bool = False, profile: str = "seed") -> tuple[FileReport, tuple[Survey, ...]]:
    """A sample's report and explorations."""
    return read(SAMPLES / name, every=every, profile=profile)


@cache
def between(base: str, head: str, every: bool = False, profile: str = "seed") -> Comparison:
    """Two samples compared."""
    return compare(sample(base, every, profile), sample(head, every, profile))


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
    ("base", "head", "every"),
    [(BASE, "canonical-sign-extend.S", True), ("linux-2015-tf-tested.S", "diff-2015-sign-extend.S", False)],
)
def test_shift_and_sign_extension_differ_in_the_kernels_half_only(base: str, head: str, every: bool) -> None:
    """Addresses whose upper 17 bits are all set: bit 47 and everything above. In both paging modes."""
    there, back = between(base, head, every), between(head, base, every)
    assert there.status == back.status == "safe"
    for found, kind in ((there, "newly-fast"), (back, "newly-slow")):
        one = only(found)
        assert (one.kind, one.visible, one.wrong, one.differs) == (kind, False, False, ())
        assert set(one.configs) == set(ALL_CONFIGS if every else ALL_CONFIGS[:1])
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
    found = between(BASE, "clause-tf-dropped.S", profile="equivalence")
    one = only(found)
    assert (found.status, one.kind, one.visible, one.wrong) == ("unsafe", "newly-fast", True, True)
    assert one.differs == ("trap",)
    assert one.ranges == USER_HALF
    assert Condition("bits", "frame.rflags", mask=0x10100, value=0x100) in one.conditions
    repaired = between("clause-tf-dropped.S", BASE, profile="equivalence")
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

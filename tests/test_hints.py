# SPDX-License-Identifier: BSD-2-Clause
"""Repair hints: which test is suggested, where, in which words, and that it does what it says."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hint_samples import SAMPLES, applied, copied, found

from verifier import hints as hints_module
from verifier.exploring import Exit, Survey
from verifier.hints import Test as Candidate, hints
from verifier.insights import FULL, Condition, Hint
from verifier.model import ALL_CONFIGS, Image, Location, Reason, Section, Symbol
from verifier.outcomes import RF, TF
from verifier.placing import _label
from verifier.report.hints import INDENT, blocks, closing, lines
from verifier.solver import Budget, Solver
from verifier.suggestion import TO_IRET, Spot, Word

USER = ((0, 0x7FFF_FFFF_FFFF),)

# The slots of the frame in samples/exit.h: rcx 88, r11 48, rip 128, cs 136, rflags 144, ss 160.
DROPPED: dict[str, tuple[Condition, int, tuple[str, str]]] = {
    "rip": (Condition("same", "frame.rcx", "frame.rip"), 19, ("cmpq 128(%rsp), %rcx", "jne slow")),
    "rflags": (Condition("same", "frame.r11", "frame.rflags"), 19, ("cmpq 144(%rsp), %r11", "jne slow")),
    "rf": (Condition("bits", "frame.rflags", mask=RF), 19, ("testl $0x10000, 144(%rsp)", "jnz slow")),
    # Bits 47 to 63 of the word at 128 are bits 15 to 31 of the half at 132.
    "canonical": (Condition("range", "frame.rip", intervals=USER), 20, ("testl $0xffff8000, 132(%rsp)", "jnz slow")),
    "cs": (Condition("bits", "frame.cs", mask=FULL, value=0x33), 19, ("cmpq $0x33, 136(%rsp)", "jne slow")),
    "ss": (Condition("bits", "frame.ss", mask=FULL, value=0x2B), 19, ("cmpq $0x2b, 160(%rsp)", "jne slow")),
    "tf": (Condition("bits", "frame.rflags", mask=TF), 20, ("testl $0x100, 144(%rsp)", "jnz slow")),
}
"""For samples/clause-ID-dropped.S what to test, the line of the last check that is left, and the instructions."""


@cache
def one(name: str) -> tuple[Survey, Exit, tuple[Hint, ...]]:
    """The only exit of a sample."""
    (only,) = found(SAMPLES / name)
    return only


def written(folder: Path, text: str) -> Path:
    """A source of the test's own beside the macros of the samples."""
    path = folder / "own.S"
    (folder / "exit.h").write_bytes((SAMPLES / "exit.h").read_bytes())
    head = '# SPDX-License-Identifier: BSD-2-Clause\n# CONTRACT: linux\n# ENTRY: exit_to_user\n#include "exit.h"\n'
    path.write_text(f"{head}\t.globl exit_to_user\nexit_to_user:\n{text}", encoding="utf-8")
    return path


@pytest.mark.parametrize("clause", DROPPED)
def test_the_missing_check_is_suggested(clause: str) -> None:
    """Where one check was left out, that check is the hint, behind the last of the others."""
    demand, line, instructions = DROPPED[clause]
    _, _, (hint,) = one(f"clause-{clause}-dropped.S")
    assert (hint.clauses, hint.demand, hint.lines) == ((clause,), (demand,), instructions)
    assert hint.after is not None
    assert hint.after.line == line
    assert (hint.behind, hint.before) == (None, None)
    assert hint.complete
    assert set(hint.configs) == set(ALL_CONFIGS)


@pytest.mark.parametrize("name", ["linux-full-exit.S", "auto-proved.S", "form-or-accumulated.S"])
def test_a_proved_exit_has_no_hints(name: str) -> None:
    """Nothing is suggested where nothing is violated."""
    assert one(name)[2] == ()


@pytest.mark.parametrize(
    "name",
    [
        *("clause-gpr-rbx-leak.S", "clause-irq-sti.S", "clause-cr3-forgotten.S", "clause-rsp-kernel.S"),
        "call-helper-clobbers-rcx.S",  # RCX is not what any slot holds
        "stub-sysretq.S",  # nothing was saved, and there is no other exit
        "memory-alias-subtracted.S",  # RFLAGS in the frame is a constant that no machine may leave with
    ],
)
def test_what_no_test_on_the_frame_repairs_gets_no_hint(name: str) -> None:
    """No advice that was not verified: these are violated whatever the frame holds, or for every frame."""
    _, exit_, known = one(name)
    assert exit_.site.verdict == "violated"
    assert known == ()


def test_registers_are_repaired_by_the_tests_of_what_sysret_loads() -> None:
    """RCX loaded from the saved RIP is wrong unless the saved RCX is the same: gpr.rcx needs the test of rip."""
    _, _, (hint,) = one("clause-gpr-rcx.S")
    assert hint.clauses == ("gpr.rcx",)
    assert hint.demand == (Condition("same", "frame.rcx", "frame.rip"),)


def test_a_call_that_may_change_the_frame_is_told() -> None:
    """Checks in front of the call prove nothing: the new ones belong behind it and in front of the write of RSP."""
    _, _, known = one("call-after-checks.S")
    assert [hint.clauses for hint in known] == [
        ("rip",), ("rflags",), ("rf", "tf"), ("canonical",), ("cs",), ("ss",),
    ]  # fmt: skip
    for hint in known:
        assert hint.after is None
        assert hint.behind is not None
        assert (hint.behind.line, "slow_work" in hint.behind.text) == (23, True)
        assert hint.before is not None
        assert (hint.before.line, hint.before.text.split()[0]) == (26, "movq")
        assert all("call-after-checks.S:23:frame." in condition.left for condition in hint.demand)
    assert known[2].demand[0].mask == RF | TF


def test_flags_that_are_still_needed_are_left_alone(tmp_path: Path) -> None:
    """Behind the last check SETNE reads its flags, so the test goes behind the check before that one."""
    text = (
        "\tbegin_tests\n\tneed_rcx_is_rip slow\n\tneed_canonical slow\n\tneed_user_cs slow\n\tneed_user_ss slow\n"
        "\tcmpq at_rflags(%rsp), %r11\n\tjne slow\n\ttestl $flag_RF, at_rflags(%rsp)\n\tjnz slow\n\tsetne %al\n"
        "\tleave_by_sysret\nslow:\n\tleave_by_iret\n"
    )
    ((_, _, (hint,)),) = found(written(tmp_path, text))
    assert hint.clauses == ("tf",)
    assert hint.after is not None
    # Line 7 is begin_tests, 13 the JNE behind the comparison of R11, 15 the JNZ.
    assert hint.after.line == 13


def test_a_check_on_one_of_two_ways_is_no_place_for_the_test(tmp_path: Path) -> None:
    """A test belongs where every path comes by: in front of the two ways here, not behind the check on one of them."""
    text = (
        "\tbegin_tests\n\tneed_rcx_is_rip slow\n\tneed_canonical slow\n\tneed_user_cs slow\n\tneed_user_ss slow\n"
        "\tneed_flags_clear flag_RF | flag_TF, slow\n\ttestq %rbx, %rbx\n\tjz same\n\tcmpq at_rflags(%rsp), %r11\n"
        "\tjne slow\nsame:\n\tleave_by_sysret\nslow:\n\tleave_by_iret\n"
    )
    ((_, _, (hint,)),) = found(written(tmp_path, text))
    assert hint.clauses == ("rflags",)
    assert hint.after is not None
    assert hint.after.line == 12


def test_an_open_exploration_gives_no_hints() -> None:
    """With paths that were not followed nothing is proved, so nothing is repaired."""
    survey, exit_, known = one("clause-tf-dropped.S")
    assert known
    assert hints(replace(survey, problems=(Reason("timeout", "late", ""),)), exit_) == ()


def test_a_solver_that_gives_up_gives_no_hints() -> None:
    """Unknown answers are never taken for a repair."""
    survey, exit_, _ = one("clause-canonical-dropped.S")
    assert hints(replace(survey, task=replace(survey.task, budget=Budget(rlimit=1))), exit_) == ()


@pytest.mark.parametrize(
    "test",
    [
        Candidate(("tf",), "clear", "rflags", bits=RF),  # the wrong bit
        Candidate(("tf",), "cs", "ss"),  # a contradiction to the check of SS: nobody would take the exit
    ],
)
def test_only_what_was_verified_is_said(test: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    """A candidate that repairs nothing, or lets no machine through, is dropped."""
    survey, exit_, _ = one("clause-tf-dropped.S")
    monkeypatch.setattr(hints_module, "TESTS", (test,))
    assert hints(survey, exit_) == ()


def test_hints_are_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """One clause and one path: to prove it, to find a machine, and the same for all tests together."""
    survey, exit_, _ = one("clause-tf-dropped.S")
    asked: list[object] = []
    ask = Solver._ask

    def counted(self: Solver, truths: tuple[object, ...], wanted: bool = False) -> object:
        asked.append(truths)
        return ask(self, truths, wanted)

    monkeypatch.setattr(Solver, "_ask", counted)
    assert len(hints(survey, exit_)) == 1
    assert len(asked) == 4


def test_tests_that_others_make_needless_are_left_out() -> None:
    """What one test repairs alone is not suggested in parts; what only one repairs stays."""

    def candidate(index: int, *repaired: str) -> hints_module._Found:
        made = hints_module._Try(hints_module.TESTS[index], Condition("other"), (), 0, ())
        return hints_module._Found(made, frozenset(repaired))

    rf, cs, ss = candidate(4, "rf"), candidate(7, "cs"), candidate(8, "rf", "ss")
    assert hints_module._fewest([rf, cs, ss]) == [cs, ss]
    assert hints_module._fewest([rf, cs]) == [rf, cs]


APPLIED = (
    *("call-after-checks.S", "clause-rip-dropped.S", "clause-canonical-dropped.S"),
    *("auto-tf-dropped.S", "cve-2014-4699.S", "flow-loop-writes-frame.S", "freebsd-sa-12-04.S"),
    *("mask-load-sees-store.S", "restore-copy-short.S"),
)
"""Places behind checks and in front of RSP, frames of three kernels, the file's own frame, another base register."""


@pytest.mark.parametrize("name", APPLIED)
def test_the_suggestion_does_what_it_says(name: str, tmp_path: Path) -> None:
    """Assembled where the hint says, the instructions make the clauses proved, on the whole way through the tool."""
    outcome = applied(copied(name, tmp_path))
    assert outcome.wrong == ()
    assert outcome.left == ()
    assert outcome.written


def test_a_wrong_suggestion_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the displacement off by one slot the copy is violated still."""
    monkeypatch.setattr(Spot, "tested", lambda self, word, bits: (f"testl $0x{bits:x}, 152(%rsp)", "jnz slow"))
    assert applied(copied("clause-tf-dropped.S", tmp_path)).wrong


@pytest.mark.parametrize("bit", range(64))
def test_the_short_form_tests_the_address(bit: int) -> None:
    """TESTL on the upper half finds every bit from 47 on and none below."""
    word = Word("rip", "frame.rip", ())
    first, second = Spot(places=(("frame.rip", "rsp", 128),), target="slow").bounded(word, 47)
    operand, where = first.removeprefix("testl $").split(", ")
    assert (where, second) == ("132(%rsp)", "jnz slow")
    assert bool((1 << bit) >> 32 & int(operand, 16)) == (bit >= 47)


def test_instructions_need_a_place() -> None:
    """Without an address, or without a register for a comparison, there are only words."""
    rip, rcx = Word("rip", "frame.rip", ()), Word("rcx", "frame.rcx", ())
    nowhere, bare = Spot(), Spot(places=(("frame.rip", "rsp", 0), ("frame.rcx", "rsp", 8)))
    assert nowhere.tested(rip, 1) == nowhere.bounded(rip, 47) == nowhere.equal(rip, 1) == ()
    assert bare.compared((rip, rcx)) == ()
    assert replace(bare, held=(("frame.rcx", "rcx"),)).compared((rip, rcx)) == ("cmpq (%rsp), %rcx", f"jne {TO_IRET}")
    assert replace(bare, held=(("frame.rip", "rdx"),)).compared((rip, rcx)) == ("cmpq 8(%rsp), %rdx", f"jne {TO_IRET}")


@pytest.mark.parametrize(
    ("name", "label"),
    [("by_iret", "by_iret"), (".Lslow$1", ".Lslow$1"), ("a;hlt", TO_IRET), ("1f", TO_IRET), ("a\nb", TO_IRET)],
)
def test_only_a_name_that_assembles_is_a_label(name: str, label: str) -> None:
    """A symbol table may hold any text; what is no plain identifier is not put into an instruction."""
    section = Section(".text", 0x1000, 16, bytes(16), True, False)
    image = Image("x.o", "", (section,), (Symbol(name, 0x1000, 0, True, False, ".text"),), (), ())
    assert _label(image, 0x1000) == label
    assert _label(image, 0x1001) == TO_IRET


GUARD = Location(0x20, "exit_to_user", 0x20, "entry.S", 24, "jne    slow")
CALL = Location(0x30, "exit_to_user", 0x30, "entry.S", 30, "callq  slow_work")
LOAD = Location(0x40, "exit_to_user", 0x40, None, None, "movq   0x98(%rsp), %rsp")
TRAP_FLAG = Hint(
    ("tf",),
    (Condition("bits", "frame.rflags", mask=TF),),
    GUARD,
    ("testl $0x100, 144(%rsp)", "jnz slow"),
    ALL_CONFIGS,
    True,
)


def test_words_of_a_hint() -> None:
    """What to test, where, the instructions as they are, and that it was proved."""
    assert lines(TRAP_FLAG, "sysretq", ALL_CONFIGS) == (
        "tf: take SYSRETQ only if frame.rflags has TF clear; else leave by IRET.",
        "Behind the check at entry.S:24 (jne slow):",
        f"{INDENT}testl $0x100, 144(%rsp)",
        f"{INDENT}jnz slow",
        "With this assumed tf is proved.",
    )
    late = replace(TRAP_FLAG, clauses=("rf", "tf"), after=None, behind=CALL, before=LOAD, configs=ALL_CONFIGS[:2])
    assert lines(late, "sysretq", ALL_CONFIGS)[1] == (
        "Behind entry.S:30 (callq slow_work), which may still change the frame, and in front of exit_to_user+0x40 "
        "(movq 0x98(%rsp), %rsp):"
    )
    assert lines(late, "sysretq", ALL_CONFIGS)[-1] == (
        "With this assumed rf, tf are proved, on Intel with 4- and 5-level paging."
    )
    bare = replace(TRAP_FLAG, after=None, lines=())
    assert lines(bare)[1] == "In front of where the frame is given up."


def test_tests_for_one_place_are_told_together() -> None:
    """The place stands once, with the instructions of both; a test for another place has words of its own."""
    selector = replace(
        TRAP_FLAG,
        clauses=("cs",),
        demand=(Condition("bits", "frame.cs", value=0x33),),
        lines=("cmpq $0x33, 136(%rsp)", "jne slow"),
    )
    elsewhere = replace(TRAP_FLAG, clauses=("rf",), after=None, lines=())
    assert list(blocks((TRAP_FLAG, elsewhere, selector), "sysretq", ALL_CONFIGS)) == [
        (
            "Suggested tests",
            (
                "Take SYSRETQ only if all of this holds; else leave by IRET.",
                "tf: frame.rflags has TF clear",
                "cs: frame.cs = 0x33",
                "Behind the check at entry.S:24 (jne slow):",
                *(f"{INDENT}{line}" for line in (*TRAP_FLAG.lines, *selector.lines)),
                "With these assumed tf, cs are proved.",
            ),
        ),
        ("Suggested test", lines(elsewhere, "sysretq", ALL_CONFIGS)),
    ]


def test_closing_says_what_is_left() -> None:
    """Whether all suggestions together are enough."""
    assert closing(()) == ""
    assert closing((TRAP_FLAG,)) == "With this test every clause of this exit is proved."
    assert closing((TRAP_FLAG, TRAP_FLAG)) == "With all of these tests every clause of this exit is proved."
    open_ = replace(TRAP_FLAG, complete=False)
    assert closing((open_,)) == "With this test other clauses of this exit still are not proved."

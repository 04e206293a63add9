# SPDX-License-Identifier: BSD-2-Clause
"""A few states of each form of each instruction, by the code of conformance.py, and that it would notice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import z3
from conformance import Bench, Result, Tally, all_families, assembled, by_mnemonic, cases, exits, table, uncovered
from conformance_states import states
from exit_conformance import ExitCpu, disagreement as disagreement_of_exit, random_state
from hypothesis import given, strategies as st
from instructions import always
from native_cpu import NativeCpu, build
from privileged_cases import SystemCase
from symbolic_case import disagreement, explore, image_of
from term_code import compiled
from unicorn_cpu import AF, CF, OF, PF, SF, ZF, CpuState, UnicornCpu

from verifier.assemble import assemble
from verifier.lift.decode import ALLOWED, BRANCHES
from verifier.model import Image
from verifier.terms import mask

STATES = 4


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The oracles."""
    directory = tmp_path_factory.mktemp("conformance")
    found = Bench(assembled(directory), build(directory))
    yield found
    found.close()


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("runner"))


def seeded(seed: object) -> random.Random:
    return random.Random(str(seed))  # noqa: S311 - reproducible, not secret


def code(directory: Path, *lines: str) -> Image:
    """The image of some code, whose labels begin with "case"."""
    path = directory / "code.s"
    path.write_text("\n".join((*lines, "")), encoding="utf-8")
    return image_of(assemble(path), "code.o")


@pytest.fixture(scope="module")
def results(bench: Bench) -> list[Result]:
    """What a few forms of each instruction showed."""
    return [bench.judge(number, STATES, 0) for number in bench.few(3)]


def test_instructions_do_what_the_cpu_and_unicorn_do(results: list[Result]) -> None:
    """Registers, flags, memory, system registers and address agree; exactly what the manual calls undefined is open."""
    assert [line for result in results for line in result.tally.wrong[:1]] == []


def test_every_instruction_is_covered(results: list[Result]) -> None:
    """An instruction cannot be allowed or modelled without forms here, and a missing one is named."""
    found = by_mnemonic(results)
    assert uncovered(found, STATES) == []
    assert uncovered(found, 10**6) != []
    assert found.keys() >= BRANCHES | (ALLOWED - {"sal"})
    del found["sete"], found["wrss"]
    assert uncovered(found, STATES) == [f"{name}: 0 states, not {STATES}" for name in ("sete", "wrss")]
    rows = table(results, Tally(5, 0, 7)).splitlines()
    assert len(rows) == len(all_families()) + 4
    assert rows[-1].startswith(f"| all | {len(results) + 5} |")


def test_outcomes_of_exits_are_what_unicorn_does() -> None:
    """Where neither Unicorn's nor the manual's checks fail, the user's registers agree; a wrong one is noticed."""
    tally = exits(100, 0)
    assert (tally.forms, tally.wrong) == (5, [])
    assert tally.unicorn > 300 and tally.other.total() > 60
    before = random_state(seeded(0))
    after = ExitCpu().run("sysretl", before)
    assert disagreement_of_exit("sysretl", before, after) == ""
    for name, value in after.items():
        assert name in disagreement_of_exit("sysretl", before, after | {name: value ^ 4})


def test_the_comparison_sees_a_wrong_expectation(bench: Bench) -> None:
    """A flag declared open that is not, one declared defined that is open, and other code are reported."""
    number, case = next((number, case) for number, case in enumerate(cases()) if case.text.startswith("and"))
    symbolic = explore(bench.image, case, f"case{number}")
    given = tuple(states(case, 20, seeded(0)))
    after = bench.native.run(symbolic.start, given)
    for flags, expected in ((AF, ""), (0, "left open"), (AF | CF, "left open")):
        claimed = replace(symbolic, case=replace(case, undefined=always(flags)))
        for before, (address, behind) in zip(given, after, strict=True):
            assert disagreement(claimed, before, address, behind).startswith(expected)
    other = explore(bench.image, cases()[number + 2], f"case{number + 2}")
    assert other.case.text != case.text
    moved = (replace_address(one, other.start - symbolic.start) for one in after)
    problems = [disagreement(other, before, *one) for before, one in zip(given, moved, strict=True)]
    assert any(" and not " in problem for problem in problems)


def replace_address(found: tuple[int | None, CpuState], distance: int) -> tuple[int | None, CpuState]:
    address, after = found
    return None if address is None else address + distance, after


def test_the_states_reach_the_corners() -> None:
    """The states have equal registers, zeros, extremes, every flag both ways and every small shift count."""
    plain = [case for case in cases() if not isinstance(case, SystemCase)][:40]
    seen = [state for case in plain for state in states(case, 20, seeded(case.text))]
    counts = {state.register("rcx") & 0xFF for state in seen}
    assert counts >= {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255}
    values = {state.register("rax") for state in seen}
    assert values >= {0, 1, mask(64), 1 << 63, mask(31), mask(63)}
    assert any(state.register("rax") == state.register("rbx") for state in seen)
    for flag in (CF, PF, AF, ZF, SF, OF):
        assert {state.rflags & flag for state in seen} == {0, flag}
    assert all(address >> 47 == 0 for state in seen for address, _ in state.windows)


def test_the_runner_shows_what_the_cpu_did(tmp_path: Path, runner: Path) -> None:
    """Registers, flags, memory, GS and the address of the HLT come back; exceptions differ from it."""
    image = code(
        tmp_path, "case0: add %rax, %rbx; mov %rbx, 8(%rsp); std; hlt", "case1: ud2; hlt", "case2: div %rcx; hlt",
        "case3: mov (%rax), %rbx; hlt", "case4: mov %gs:0, %rax; hlt", "case5: mov $0, %esp; hlt; hlt",
    )  # fmt: skip
    at = {one.name: one.address for one in image.symbols}
    (before,) = states(cases()[0], 1, seeded(0))
    before = before.with_register("rax", 5).with_register("rbx", 2**64 - 3).with_register("rcx", 0)
    stack = before.register("rsp")
    with NativeCpu(runner, image) as cpu:
        ((halted, after), again) = cpu.run(at["case0"], (before, before))
        assert again == (halted, after)
        assert halted == at["case1"] - 1
        assert after == replace(
            before.with_register("rbx", 2), rflags=after.rflags,
            windows=tuple((anchor, dict(after.windows)[anchor]) for anchor, _ in before.windows),
        )  # fmt: skip
        assert (after.load(stack + 8, 8), after.load(stack, 8)) == (2, before.load(stack, 8))
        assert after.windows[1:] == before.windows[1:]
        assert after.rflags & (CF | ZF | SF | OF | 0x400) == CF | 0x400
        for name in ("case1", "case2", "case3"):
            assert cpu.run(at[name], (before,)) == [(None, before)]
        ((_, after),) = cpu.run(at["case4"], (before,))
        assert after.register("rax") == before.load(before.windows[-1][0], 8)
        ((halted, after),) = cpu.run(at["case5"], (before,))
        assert (halted, after.register("rsp")) == (at["case5"] + 5, 0)
    with NativeCpu(runner, image) as cpu:
        assert cpu.run(at["case0"], (before,) * 2001)[-1] == again


def test_unicorn_after_an_exception_is_as_before(tmp_path: Path) -> None:
    """Exceptions are reported each time, and what runs next sees nothing of them."""
    image = code(tmp_path, "case0: div %rcx; hlt", "case1: ud2; hlt", "case2: inc %rax; hlt")
    at = {one.name: one.address for one in image.symbols}
    (before,) = states(cases()[0], 1, seeded(0), {})
    before = before.with_register("rcx", 0)
    cpu = UnicornCpu(image)
    for _ in range(3):
        assert cpu.run(at["case0"], before) == (None, before)
        assert cpu.run(at["case1"], before) == (None, before)
        halted, after = cpu.run(at["case2"], before)
        assert halted is not None
        assert after.register("rax") == (before.register("rax") + 1) & mask(64)


X, Y, B = z3.BitVec("x", 8), z3.BitVec("y", 8), z3.BitVec("b", 1)
TERMS = (
    X + Y, X - Y, X * Y, X / Y, z3.UDiv(X, Y), z3.URem(X, Y), z3.SRem(X, Y), X & Y, X | Y, X ^ Y, ~X, -X, X << Y,
    z3.LShR(X, Y), X >> Y, z3.Concat(X, Y, B), z3.Extract(6, 2, X), z3.ZeroExt(5, X), z3.SignExt(5, X),
    z3.If(X < Y, X, Y), z3.If(X <= Y, X, Y), z3.If(X > Y, X, Y), z3.If(X >= Y, X, Y), z3.If(z3.ULT(X, Y), X, Y),
    z3.If(z3.ULE(X, Y), X, Y), z3.If(z3.UGT(X, Y), X, Y), z3.If(z3.UGE(X, Y), X, Y),
    z3.If(z3.And(X == Y, z3.Not(B == 1)), X, ~Y), z3.If(z3.Or(X != Y, B == 1, z3.BoolVal(False)), X + 1, Y),
    z3.Sum(X, Y, X), z3.If(z3.Xor(X == Y, B == 1), X, Y), z3.If(z3.Distinct(X, Y), X, X * X),
)  # fmt: skip


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 1), st.sampled_from((0, 1, 2, 0x7F, 0x80, 0xFF)))
def test_compiled_terms_are_what_z3_says(x: int, y: int, b: int, special: int) -> None:
    """Every operation, also with special operands and with 0 as a divisor, gives the value that z3 gives."""
    evaluate = compiled(TERMS, {"x": 0, "y": 1, "b": 2})
    for left, right in ((x, y), (special, y), (x, special), (special, special), (x, 0)):
        pairs = [(X, z3.BitVecVal(left, 8)), (Y, z3.BitVecVal(right, 8)), (B, z3.BitVecVal(b, 1))]
        wanted: list[Any] = [z3.simplify(z3.substitute(term, *pairs)) for term in TERMS]
        assert evaluate((left, right, b)) == tuple(value.as_long() for value in wanted)


def test_an_operation_without_code_is_refused() -> None:
    """Nothing is guessed about an operation of z3 that the evaluator does not know."""
    with pytest.raises(NotImplementedError, match="rotate_left"):
        compiled((z3.RotateLeft(X, 3),), {"x": 0})


def test_tallies_add_up() -> None:
    """The table counts forms, states and mismatches of both."""
    one, two = Tally(1, 2, 3, wrong=["a"]), Tally(1, 5, 7)
    two.other["x"] += 11
    one.add(two)
    assert (one.forms, one.cpu, one.unicorn, one.other.total(), one.wrong) == (2, 7, 10, 11, ["a"])

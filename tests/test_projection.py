# SPDX-License-Identifier: BSD-2-Clause
"""Conditions put into words: against hand-worked answers, and against counting where there is little to count."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import claripy
import pytest
from hypothesis import example, given, settings, strategies as st

from verifier.exploring import Survey
from verifier.insights import FULL, Condition, Interval
from verifier.lift.entry import Entry
from verifier.opening import opened
from verifier.options import Options
from verifier.pipeline import surveyed
from verifier.projection import Conjunction, Values, conjunction, symbols_in, truth_of, values
from verifier.prove import config_condition
from verifier.solver import Budget, Solver
from verifier.terms import Term, Truth, canonical, canonical_under, eq, land, lnot, lor

LOW, HIGH = (0, 0x7FFF_FFFF_FFFF), (0xFFFF_8000_0000_0000, FULL)
"""The halves of the addresses that are canonical for 48 bits."""
SAMPLES = Path(__file__).resolve().parent.parent / "samples"


@pytest.fixture(scope="module")
def survey() -> Survey:
    """The exploration of one sample, as a place to have inputs of."""
    return surveyed(opened(SAMPLES / "linux-2015-opportunistic.S", Options()))[1][0]


@pytest.fixture(scope="module")
def entry(survey: Survey) -> Entry:
    """The entry of that sample."""
    return survey.setting.entry


@pytest.fixture
def solver(entry: Entry) -> Solver:
    """A solver that assumes what holds at the entry."""
    return Solver(entry.constraints)


def symbol(entry: Entry, name: str) -> Term:
    """The term of an input that is there."""
    found = entry.state.shared.layout.symbols.find(name)
    assert found is not None
    return found.term


def small(entry: Entry, name: str, width: int) -> Term:
    """An input of few bits, made for a test."""
    return entry.state.shared.layout.symbols.make(name, width, "memory")


def bits(name: str, mask: int, value: int, *, negated: bool = False) -> Condition:
    return Condition("bits", name, mask=mask, value=value, negated=negated)


def within(name: str, *intervals: Interval) -> Condition:
    return Condition("range", name, intervals=intervals)


def path_of(survey: Survey, kind: str) -> Truth:
    """When the sample leaves by that kind of exit."""
    return lor(*(land(*leaf.state.path) for leaf in survey.found.leaves if leaf.detail == kind))


# Values of one term.


@pytest.mark.parametrize("shift", [46, 47, 48, 56])
def test_shifts_leave_one_range(entry: Entry, solver: Solver, shift: int) -> None:
    """What is zero when shifted to the right by n bits lies below 2 to the n, whether n is the right number or not."""
    rip = symbol(entry, "frame.rip")
    assert values(solver, eq(rip.LShR(shift), 0), rip, entry) == Values(((0, (1 << shift) - 1),), True)


@pytest.mark.parametrize(
    ("width", "expected"),
    [(48, (LOW, HIGH)), (57, ((0, 0xFF_FFFF_FFFF_FFFF), (0xFF00_0000_0000_0000, FULL)))],
)
def test_sign_extension_leaves_two_ranges(
    entry: Entry, solver: Solver, width: int, expected: tuple[Interval, ...]
) -> None:
    """What is its own sign extension from bit 47 or 56 lies in one of the two halves."""
    rip = symbol(entry, "frame.rip")
    found = values(solver, eq(rip << 64 - width >> 64 - width, rip), rip, entry)
    assert found == Values(expected, True)


def test_configurations_differ(entry: Entry, solver: Solver) -> None:
    """The caller fixes the configuration: canonical is another range with five levels of page tables."""
    rip = symbol(entry, "frame.rip")
    holds = canonical_under(rip, entry.la57)
    with solver.scope():
        solver.assume(config_condition(entry, ("intel", "la48")))
        assert values(solver, holds, rip, entry) == Values((LOW, HIGH), True)
    with solver.scope():
        solver.assume(config_condition(entry, ("intel", "la57")))
        wide = ((0, 0xFF_FFFF_FFFF_FFFF), (0xFF00_0000_0000_0000, FULL))
        assert values(solver, holds, rip, entry) == Values(wide, True)


def test_limits_of_comparisons(entry: Entry, solver: Solver) -> None:
    """Bounds that are no round numbers are found as they are; signed ones have the upper half below zero."""
    rip = symbol(entry, "frame.rip")
    unsigned = land(rip.UGE(0x1001), rip.ULT(0x7FFF_FFFF_F123))
    assert values(solver, unsigned, rip, entry) == Values(((0x1001, 0x7FFF_FFFF_F122),), True)
    signed = land(rip.SGE(-5), rip.SLE(6))
    assert values(solver, signed, rip, entry) == Values(((0, 6), (FULL - 4, FULL)), True)


def test_holes_are_seen(entry: Entry, solver: Solver) -> None:
    """A single value left out, at an odd place, splits the range."""
    rip = symbol(entry, "frame.rip")
    holds = land(rip != 0x1234_5678_9ABC, eq(rip.LShR(47), 0))
    expected = ((0, 0x1234_5678_9ABB), (0x1234_5678_9ABD, 0x7FFF_FFFF_FFFF))
    assert values(solver, holds, rip, entry) == Values(expected, True)


def test_other_inputs_go_with_the_term(entry: Entry, solver: Solver) -> None:
    """A range told of RCX is one of RIP if both have to be equal, or in the bits that it is about."""
    rip, rcx = symbol(entry, "frame.rip"), symbol(entry, "frame.rcx")
    lower = eq(rcx.LShR(47), 0)
    assert values(solver, land(eq(rip, rcx), lower), rip, entry) == Values((LOW,), True)
    top = 0xFFFF_8000_0000_0000
    assert values(solver, land(eq((rip ^ rcx) & top, 0), lower), rip, entry) == Values((LOW,), True)
    # Written so that no input is named alone: RIP is the sign extension of RCX.
    extended = eq(rip, rcx << 16 >> 16)
    assert values(solver, extended, rip, entry) == Values((LOW, HIGH), True)


def test_inputs_that_choose_are_no_bounds(entry: Entry, solver: Solver) -> None:
    """A value counts if some machine has it, whatever the other inputs must be for that."""
    rip, word = symbol(entry, "frame.rip"), small(entry, "choice", 1)
    holds = claripy.If(eq(word, 1), rip.ULT(0x100), land(rip.UGE(0x100), rip.ULT(0x180)))
    assert values(solver, holds, rip, entry) == Values(((0, 0x17F),), True)


def test_assumptions_of_the_entry_count(entry: Entry, solver: Solver) -> None:
    """A base that the CPU loads only if it is canonical has no other values, though nothing else is asked of it."""
    solver.assume(config_condition(entry, ("amd", "la48")))
    assert values(solver, True, entry.kernel_gs, entry) == Values((LOW, HIGH), True)


def test_other_assumptions_are_no_ground_for_claims(entry: Entry, solver: Solver) -> None:
    """What the solver assumes of a term, and the caller does not tell, is never passed over as exact."""
    rip = symbol(entry, "frame.rip")
    solver.assume(rip.ULE(5))
    found = values(solver, True, rip, entry)
    assert found is None or not found.exact


def test_eight_intervals_are_exact_and_nine_are_not(entry: Entry, solver: Solver) -> None:
    """One bit that is clear: eight ranges if three bits are above it, else the least eight of them."""
    eight = small(entry, "eight", 8)
    all_of_them = tuple((start, start + 15) for start in range(0, 256, 32))
    assert values(solver, eq(eight & 0x10, 0), eight, entry) == Values(all_of_them, True)
    even = tuple((number, number) for number in range(0, 16, 2))
    assert values(solver, eq(eight & 1, 0), eight, entry) == Values(even, False)
    flags = symbol(entry, "frame.rflags")
    below = tuple((start, start + 0xFF) for start in range(0, 0x1000, 0x200))
    assert values(solver, eq(flags & 0x10100, 0), flags, entry) == Values(below, False)


def test_constants_and_narrow_terms(entry: Entry, solver: Solver) -> None:
    """A number has its value wherever anything holds; a part of an input has its few values."""
    rip = symbol(entry, "frame.rip")
    assert values(solver, rip.ULT(3), claripy.BVV(7, 64), entry) == Values(((7, 7),), True)
    assert values(solver, land(rip.ULT(3), rip.UGT(3)), claripy.BVV(7, 64), entry) is None
    assert values(solver, True, rip[1:0], entry) == Values(((0, 3),), True)


def test_nobody_and_unknown(entry: Entry, solver: Solver) -> None:
    """No machine has no values; where the solver gives up at once there is no answer."""
    rip = symbol(entry, "frame.rip")
    assert values(solver, False, rip, entry) is None
    assert values(solver, land(rip.ULT(3), rip.UGT(3)), rip, entry) is None
    tired = Solver(entry.constraints, Budget(rlimit=1))
    assert values(tired, eq(rip * rip, 0x79), rip, entry) is None


def test_solver_that_gives_up_later(entry: Entry, solver: Solver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever the answers end, what was found up to then is among the values, and never called all of them."""
    rip = symbol(entry, "frame.rip")
    ask, complete = Solver.solve, 0
    for questions in range(0, 60, 4):
        left = [questions]

        def limited(self: Solver, *truths: Truth, left: list[int] = left) -> Any:
            left[0] -= 1
            return ask(self, *truths) if left[0] >= 0 else ("unknown", None)

        monkeypatch.setattr(Solver, "solve", limited)
        found = values(solver, canonical(rip, 48), rip, entry)
        if left[0] < 0:
            assert found is None or not found.exact
            assert found is None or set(found.intervals) <= {LOW, HIGH}
        else:
            complete += 1
            assert found == Values((LOW, HIGH), True)
    assert complete


def test_approximations_widen_and_never_prove(entry: Entry, solver: Solver) -> None:
    """A word that an unknown store may have hit: told are the values without the hit, and not as all of them."""
    word = small(entry, "stored", 8)
    maybe = entry.state.shared.layout.symbols.make("stored'", 8, "memory", otherwise=word)
    assert values(solver, maybe.ULT(10), word, entry) == Values(((0, 9),), False)


# What a truth says about all inputs.


def test_conditions_of_the_sample(survey: Survey, entry: Entry, solver: Solver) -> None:
    """What the change of 2015 asks of the frame, with the words of the frame in front; TF is not among it."""
    found = conjunction(solver, path_of(survey, "sysretq"), entry)
    expected = (
        within("frame.rip", LOW),
        bits("frame.cs", FULL, 0x33),
        bits("frame.rflags", 1 << 16, 0),
        bits("frame.ss", FULL, 0x2B),
        Condition("same", "frame.rip", "frame.rcx"),
        Condition("same", "frame.rflags", "frame.r11"),
    )
    assert found == Conjunction(expected, True, ())


def test_what_is_no_conjunction(survey: Survey, entry: Entry, solver: Solver) -> None:
    """A frame goes by IRET for one of several reasons: no condition follows, and all inputs matter."""
    found = conjunction(solver, path_of(survey, "iretq"), entry)
    words = ("frame.rip", "frame.cs", "frame.rflags", "frame.ss", "frame.rcx", "frame.r11")
    assert found == Conjunction((), False, words)


def test_part_that_is_no_conjunction(entry: Entry, solver: Solver) -> None:
    """What follows is told also where it is not all; inputs that are settled by it are not told again."""
    rip, cs, rcx = (symbol(entry, f"frame.{name}") for name in ("rip", "cs", "rcx"))
    found = conjunction(solver, land(eq(cs, 0x33), lor(eq(rip, 0), eq(rcx, 0))), entry)
    assert found == Conjunction((bits("frame.cs", FULL, 0x33),), False, ("frame.rip", "frame.rcx"))


@pytest.mark.parametrize("written", ["and", "shifts", "parts"])
def test_flags_are_bits(entry: Entry, solver: Solver, written: str) -> None:
    """A mask that has to be clear is one condition, however the code tests it."""
    flags = symbol(entry, "frame.rflags")
    holds = {
        "and": eq(flags & 0x10100, 0),
        "shifts": eq((flags.LShR(8) | flags.LShR(16)) & 1, 0),
        "parts": lnot(lor(eq(flags[8:8], 1), flags[16:16] != 0)),
    }[written]
    assert conjunction(solver, holds, entry) == Conjunction((bits("frame.rflags", 0x10100, 0),), True, ())


def test_equality_in_some_bits(entry: Entry, solver: Solver) -> None:
    """Bits that are not compared are not in the mask; what both are in the other bits is told once."""
    flags, r11 = symbol(entry, "frame.rflags"), symbol(entry, "frame.r11")
    keeps = FULL ^ 0x10000
    equal = eq((flags ^ r11) & keeps, 0)
    same = Condition("same", "frame.rflags", "frame.r11", mask=keeps)
    assert conjunction(solver, equal, entry) == Conjunction((same,), True, ())
    both = conjunction(solver, land(equal, eq(r11 & 0x100, 0)), entry)
    assert both == Conjunction((bits("frame.rflags", 0x100, 0), same), True, ())


def test_three_equal_inputs(entry: Entry, solver: Solver) -> None:
    """Two conditions say that three inputs are equal, both with the first of them."""
    rip, rcx, rdx = (symbol(entry, f"frame.{name}") for name in ("rip", "rcx", "rdx"))
    found = conjunction(solver, land(eq(rcx, rdx), eq(rdx, rip)), entry)
    same = tuple(Condition("same", "frame.rip", name) for name in ("frame.rcx", "frame.rdx"))
    assert found == Conjunction(same, True, ())


def test_sign_extension_of_another_input(entry: Entry, solver: Solver) -> None:
    """RIP is RCX extended from bit 47: RIP is canonical, and 48 bits of both are equal."""
    rip, rcx = symbol(entry, "frame.rip"), symbol(entry, "frame.rcx")
    found = conjunction(solver, eq(rip, rcx << 16 >> 16), entry)
    same = Condition("same", "frame.rip", "frame.rcx", mask=(1 << 48) - 1)
    assert found == Conjunction((within("frame.rip", LOW, HIGH), same), True, ())


def test_negations(entry: Entry, solver: Solver) -> None:
    """What excludes one value, all of some bits, or an equality, is told as the opposite of that."""
    rip, rcx, flags = (symbol(entry, f"frame.{name}") for name in ("rip", "rcx", "rflags"))
    assert conjunction(solver, rip != 0, entry) == Conjunction((bits("frame.rip", FULL, 0, negated=True),), True, ())
    assert conjunction(solver, flags & 0x10100 != 0, entry) == Conjunction(
        (bits("frame.rflags", 0x10100, 0, negated=True),), True, ()
    )
    # One bit that is not clear is one that is set.
    assert conjunction(solver, flags & 0x100 != 0, entry) == Conjunction(
        (bits("frame.rflags", 0x100, 0x100),), True, ()
    )
    differ = Condition("same", "frame.rip", "frame.rcx", negated=True)
    assert conjunction(solver, rip != rcx, entry) == Conjunction((differ,), True, ())
    both = conjunction(solver, land(eq(rip.LShR(47), 0), flags & 0x10100 != 0), entry)
    assert both.conditions == (within("frame.rip", LOW), bits("frame.rflags", 0x10100, 0, negated=True))
    assert both.exact


def test_one_bit_inputs_are_bits(entry: Entry, solver: Solver) -> None:
    """A feature or a flag at the entry is a bit that is set or clear."""
    carry, feature = symbol(entry, "rflags.CF"), small(entry, "feature", 1)
    found = conjunction(solver, land(eq(carry, 0), eq(feature, 1)), entry)
    assert found == Conjunction((bits("rflags.CF", 1, 0), bits("feature", 1, 1)), True, ())


def test_what_holds_anyway_is_not_told(entry: Entry, solver: Solver) -> None:
    """What the entry's assumptions say follows from nothing that was tested."""
    rip, cr3 = symbol(entry, "frame.rip"), entry.cr3
    found = conjunction(solver, land(rip.ULT(4), eq(cr3[63:63], 0)), entry)
    assert found == Conjunction((within("frame.rip", (0, 3)),), True, ())


def test_always_never_and_unknown(entry: Entry, solver: Solver) -> None:
    """Nothing is asked where anything goes; what cannot be, or cannot be told, is not put into conditions."""
    rip, rcx = symbol(entry, "frame.rip"), symbol(entry, "frame.rcx")
    assert conjunction(solver, True, entry) == Conjunction((), True, ())
    assert conjunction(solver, lor(rip.ULT(4), rip.UGE(4)), entry) == Conjunction((), True, ())
    assert not conjunction(solver, False, entry).exact
    assert conjunction(solver, land(rip.ULT(3), rip.UGT(3)), entry) == Conjunction((), False, ())
    tired = Solver(entry.constraints, Budget(rlimit=1))
    assert conjunction(tired, eq(rip * rcx, 0x79), entry) == Conjunction((), False, ("frame.rip", "frame.rcx"))


def test_too_many_questions(entry: Entry, solver: Solver) -> None:
    """Wherever the questions end, what is told follows, and only the complete answer is called exact."""
    rip, flags = symbol(entry, "frame.rip"), symbol(entry, "frame.rflags")
    holds = land(eq(rip.LShR(47), 0), flags & 0x10100 != 0)
    complete = (within("frame.rip", LOW), bits("frame.rflags", 0x10100, 0, negated=True))
    told = []
    for questions in range(0, 400, 25):
        found = conjunction(solver, holds, entry, questions)
        assert found.exact == (found.conditions == complete)
        assert set(found.conditions) <= set(complete)
        told.append(len(found.conditions))
    assert told == sorted(told)
    assert set(told) == {0, 1, 2}


def test_too_many_inputs(entry: Entry, solver: Solver) -> None:
    """A condition on more inputs than anybody reads is left alone, without a question."""
    holds = land(*(eq(small(entry, f"many{number:02}", 64), 0) for number in range(41)))
    found = conjunction(solver, holds, entry)
    assert found == Conjunction((), False, tuple(f"many{number:02}" for number in range(41)))
    assert solver.statistics.queries == 0


def test_conditions_do_not_depend_on_models(survey: Survey, entry: Entry) -> None:
    """Whatever machines the solver comes upon first, the conditions are the same."""
    holds = path_of(survey, "sysretq")
    found = set()
    for seed in range(3):
        solver = Solver(entry.constraints)
        solver._solver.set("random_seed", seed)
        found.add(conjunction(solver, holds, entry))
    assert len(found) == 1


# Conditions as terms.


def test_terms_of_conditions(entry: Entry) -> None:
    """A condition is the term that it says; what has no form has none, and nobody's input neither."""
    rip, rcx = symbol(entry, "frame.rip"), symbol(entry, "frame.rcx")
    pairs = (
        (within("frame.rip", (0, 3), (7, 7)), lor(rip.ULT(4), eq(rip, 7))),
        (bits("frame.rip", 0x101, 0x100), eq(rip & 0x101, 0x100)),
        (bits("rflags.CF", FULL, 1), eq(symbol(entry, "rflags.CF"), 1)),
        (Condition("same", "frame.rip", "frame.rcx", mask=0xFF), eq(rip[7:0], rcx[7:0])),
        (bits("frame.rip", FULL, 0, negated=True), rip != 0),
        (within("frame.rip"), False),
        (within("frame.rip", (0, FULL)), True),
    )
    for condition, truth in pairs:
        mine = truth_of(condition, entry)
        assert Solver([lor(land(mine, lnot(truth)), land(truth, lnot(mine)))]).check() == "unsat", condition
    with pytest.raises(ValueError, match="no form"):
        truth_of(Condition("other", names=("frame.rip",)), entry)
    with pytest.raises(KeyError):
        truth_of(bits("frame.nothing", 1, 1), entry)


def test_order_of_inputs(entry: Entry) -> None:
    """Words of the frame come first, in their order; the configuration is no input."""
    names = ("frame.r11", "frame.rip", "rflags.CF", "rax", "frame.cs")
    holds = land(entry.la57, *(eq(symbol(entry, name), 0) for name in names))
    assert [one.name for one in symbols_in(entry, [holds])] == [
        "frame.rip",
        "frame.cs",
        "frame.r11",
        "rax",
        "rflags.CF",
    ]


# Everything counted: two inputs of five bits.

WIDTH = 5
NUMBERS = st.integers(0, (1 << WIDTH) - 1)
ATOMS = st.tuples(st.sampled_from(("bits", "below", "above", "is", "same", "less")), st.booleans(), NUMBERS, NUMBERS)
Atom = tuple[str, bool, int, int]
Formula = tuple[str, tuple[tuple[Atom, bool], ...]]
FORMULAS = st.tuples(st.sampled_from(("and", "or")), st.lists(st.tuples(ATOMS, st.booleans()), min_size=1, max_size=4))


def atom(kind: str, second: bool, one: int, two: int, left: Any, right: Any) -> Any:
    """An atom on two ints or two terms; as ULT is no operator, comparisons are of the numbers with a zero in front."""
    it = right if second else left
    match kind:
        case "bits":
            return it & one == two & one
        case "below":
            return below(it, one)
        case "above":
            return below(one, it)
        case "is":
            return it == one
        case "same":
            return (left ^ right) & one == 0
        case _:
            return below(left, right)


def below(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        return left < right
    return claripy.ULT(*(claripy.BVV(one, WIDTH) if isinstance(one, int) else one for one in (left, right)))


def evaluated(formula: Formula, left: int, right: int) -> bool:
    kind, parts = formula
    found = [atom(*one, left, right) is not negated for one, negated in parts]
    return all(found) if kind == "and" else any(found)


def written(formula: Formula, left: Term, right: Term) -> Truth:
    kind, parts = formula
    truths = [lnot(atom(*one, left, right)) if negated else atom(*one, left, right) for one, negated in parts]
    return land(*truths) if kind == "and" else lor(*truths)


def met(condition: Condition, machine: dict[str, int]) -> bool:
    """Whether a condition is met, by what its fields are said to mean."""
    value = machine[condition.left]
    match condition.kind:
        case "range":
            found = any(first <= value <= last for first, last in condition.intervals)
        case "bits":
            found = value & condition.mask == condition.value
        case _:
            found = (value ^ machine[condition.right]) & condition.mask == 0
    return found is not condition.negated


def runs(numbers: set[int]) -> tuple[Interval, ...]:
    """The numbers as intervals that do not touch."""
    starts = sorted(one for one in numbers if one - 1 not in numbers)
    ends = sorted(one for one in numbers if one + 1 not in numbers)
    return tuple(zip(starts, ends, strict=True))


@settings(max_examples=30)
@given(FORMULAS)
@example(("and", [(("same", False, 31, 0), False), (("below", True, 9, 0), False)]))
@example(("and", [(("less", False, 0, 0), False), (("bits", True, 3, 1), False)]))
def test_against_counting(entry: Entry, formula: Formula) -> None:
    """Told values are values, exact ones all of them; conditions hold for all machines, exact ones for no others."""
    left, right = small(entry, "left", WIDTH), small(entry, "right", WIDTH)
    machines = {one for one in product(range(1 << WIDTH), repeat=2) if evaluated(formula, *one)}
    holds = written(formula, left, right)
    solver = Solver(entry.constraints)
    for term, index in ((left, 0), (right, 1)):
        numbers = {one[index] for one in machines}
        found = values(solver, holds, term, entry)
        if not numbers:
            assert found is None
            continue
        assert found is not None
        if found.exact:
            assert found.intervals == runs(numbers)
        told = [one for first, last in found.intervals for one in range(first, last + 1)]
        assert numbers.issuperset(told)
        assert found.intervals == runs(set(told))
    said = conjunction(solver, holds, entry)
    meeting = {
        one
        for one in product(range(1 << WIDTH), repeat=2)
        if all(met(condition, {"left": one[0], "right": one[1]}) for condition in said.conditions)
    }
    assert machines <= meeting
    assert not said.exact or machines == meeting


@settings(max_examples=40)
@given(st.sampled_from(("and", "or")), st.lists(st.tuples(ATOMS, st.booleans()), min_size=1, max_size=4))
def test_one_input_is_told_completely(entry: Entry, kind: str, parts: list[tuple[Atom, bool]]) -> None:
    """The values of the only input of a condition are exact if and only if they are eight intervals at most."""
    left = small(entry, "left", WIDTH)
    alone = tuple(((name, False, one, two), no) for (name, _, one, two), no in parts if name not in ("same", "less"))
    formula = (kind, alone)
    numbers = {one for one in range(1 << WIDTH) if evaluated(formula, one, 0)}
    found = values(Solver(entry.constraints), written(formula, left, left), left, entry)
    if not numbers:
        assert found is None
        return
    expected = runs(numbers)
    assert found == Values(expected[:8], len(expected) <= 8)

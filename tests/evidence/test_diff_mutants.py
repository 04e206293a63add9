# SPDX-License-Identifier: BSD-2-Clause
"""Comparisons held against the emulator: a few mutants, and that the judge of them can tell right from wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from diff_mutants import Outcome, contradictions, judge, suitable, table
from diff_runs import Arrival, Pair, met
from mutate import candidates
from mutation import Mutant

from verifier.insights import Comparison, Condition, Divergence, Side
from verifier.model import ALL_CONFIGS

NAME = "canonical-shr47.S"
CONFIG = ALL_CONFIGS[0]
FRAMES = 240


def named(begin: str) -> Mutant:
    """The first mutant whose name begins so."""
    return next(one for all_of in candidates(NAME).values() for one in all_of if one.name.startswith(begin))


@pytest.mark.parametrize(
    ("begin", "status", "differing"),
    [
        ("swapgs 6 earlier", "equivalent", False),
        ("movq 0x98(%rsp), %rsp becomes movw", "unsafe", True),
        ("cmpq $0x2b, 0xa0(%rsp); jne slow dropped", "unsafe", True),
    ],
)
def test_the_emulator_agrees(begin: str, status: str, differing: bool) -> None:
    """A change without effect, another RSP, and frames that newly take SYSRET: as both sides see them."""
    found = judge(NAME, named(begin), CONFIG, FRAMES)
    assert (found.status, found.contradictions) == (status, ())
    assert found.machines > FRAMES // 2
    assert (found.differing > 0) is differing


SIDE = Side("exit.S", "0" * 64, "exit", "proved", ())
IRET, FAST = Arrival("iretq", {"rip": 1}, ()), Arrival("sysretq", {"rip": 1}, ())
TOLD = Divergence(
    "newly-fast", (CONFIG,), False, False, (Condition("bits", "frame.rip", value=1),), True, (), False, (), None, None,
    "iretq", "sysretq", (),
)  # fmt: skip


def said(status: Literal["equivalent", "safe"], *divergences: Divergence) -> Comparison:
    """A comparison that finds this."""
    return Comparison(SIDE, SIDE, status, divergences, (), ())


@pytest.mark.parametrize(
    ("found", "pair", "text"),
    [
        (said("equivalent"), Pair(IRET, FAST, {"frame.rip": 1}), "equivalent, but"),
        (said("equivalent"), Pair(FAST, replace(FAST, given={"rip": 2}), {}), "equivalent, but"),
        (
            said("safe", TOLD),
            Pair(IRET, replace(FAST, wrong=("tf",)), {"frame.rip": 1}),
            "safe, but HEAD is wrong in tf",
        ),
        (said("safe", TOLD), Pair(IRET, FAST, {"frame.rip": 2}), "no divergence admits it"),
        (said("safe", TOLD), Pair(FAST, IRET, {"frame.rip": 1}), "no divergence admits it"),
        (said("safe", TOLD), Pair(IRET, IRET, {"frame.rip": 1}), "the exact conditions of newly-fast hold"),
        (said("safe", TOLD), Pair(IRET, replace(FAST, given={"rip": 2}), {"frame.rip": 1}), "no divergence admits it"),
    ],
)
def test_a_wrong_claim_is_noticed(found: Comparison, pair: Pair, text: str) -> None:
    """Each promise of a comparison is broken once, by one machine."""
    assert any(one.startswith(text) for one in contradictions(found, pair, CONFIG))


def test_a_right_claim_is_not() -> None:
    """The machine that a divergence is about, and one that it is not about and that does not differ."""
    for pair in (Pair(IRET, FAST, {"frame.rip": 1}), Pair(IRET, IRET, {"frame.rip": 2})):
        assert not list(contradictions(said("safe", TOLD), pair, CONFIG))


def test_conditions_are_evaluated_as_they_are_read() -> None:
    """Ranges, bits, equal words and opposites, with their paging; None where an input is unknown."""
    values = {"a": 5, "b": 5 | 1 << 63}
    for one, expected in (
        (Condition("range", "a", intervals=((0, 4), (6, 9))), False),
        (Condition("range", "a", intervals=((5, 5),)), True),
        (Condition("bits", "a", mask=4, value=4), True),
        (Condition("bits", "a", mask=4, value=4, negated=True), False),
        (Condition("same", "a", "b"), False),
        (Condition("same", "a", "b", mask=(1 << 63) - 1), True),
        (Condition("bits", "a", value=0, paging="la57"), True),
        (Condition("bits", "c"), None),
    ):
        assert met([one], values, ("intel", "la48")) is expected


def test_the_table_counts_what_was_found() -> None:
    """A contradiction is in the row of its status, and in the last one."""
    bad = Outcome("a.S", "x", "drop", "safe", 10, 2, ("wrong",))
    lines = table([bad, Outcome("b.S", "y", "drop", "equivalent", 5)]).splitlines()
    assert lines[2:5] == [
        "| equivalent | 1 | 0 | 5 | 0 | 0 |",
        "| safe | 1 | 1 | 10 | 2 | 1 |",
        "| **all** | 2 | 1 | 15 | 2 | 1 |",
    ]


def test_patched_samples_are_left_out() -> None:
    """One set of bytes is run, so that there has to be one."""
    assert suitable(NAME)
    assert not suitable("patch-canonical.S")

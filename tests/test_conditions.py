# SPDX-License-Identifier: BSD-2-Clause
"""Conditions in words: exact, readable, and the same thing once."""

from __future__ import annotations

import pytest

from verifier.insights import FULL, Condition
from verifier.report.conditions import Wording, all_words, input_words, interval_words, names_of, words

TOP = 0xFFFF_8000_0000_0000

SAID = (
    (Condition("same", "frame.rip", "frame.rcx"), "frame.rip = frame.rcx"),
    (Condition("same", "frame.rip", "frame.rcx", negated=True), "frame.rip ≠ frame.rcx"),
    (Condition("same", "frame.r11", "frame.rflags", mask=0x3C7FD5), "frame.r11 = frame.rflags in the bits 0x3c7fd5"),
    (Condition("same", "a", "b", mask=0x3C7FD5, negated=True), "a and b differ in at least one of the bits 0x3c7fd5"),
    (Condition("same", "a", "b", mask=0xFFFF), "a = b in the low 16 bits"),
    (Condition("same", "a", "b", mask=1 << 8, negated=True), "a and b differ in bit 8"),
    (Condition("range", "frame.cs", intervals=((0x33, 0x33),)), "frame.cs = 0x33"),
    (Condition("range", "frame.cs", intervals=((0x33, 0x33),), negated=True), "frame.cs ≠ 0x33"),
    (Condition("range", "frame.cs", intervals=((0, 0x32), (0x34, FULL))), "frame.cs ≠ 0x33"),
    (Condition("range", "frame.cs", intervals=((0, 0x32), (0x34, FULL)), negated=True), "frame.cs = 0x33"),
    (Condition("range", "rax", intervals=((1, FULL),)), "rax ≠ 0x0"),
    (Condition("range", "rax", intervals=((0, 0x32), (0x35, FULL))), f"rax in 0x0–0x32 or 0x35–{FULL:#x}"),
    (Condition("range", "rax", intervals=((1, 2), (4, 4), (6, 9))), "rax in 0x1–0x2, 0x4 or 0x6–0x9"),
    (
        Condition("range", "frame.rip", intervals=((0, 0x7FFF_FFFF_FFFF),)),
        "frame.rip in 0x0–0x7fffffffffff (the lower half, LA48)",
    ),
    (
        Condition("range", "frame.rip", intervals=((0, 0x7FFF_FFFF_FFFF), (TOP, FULL)), negated=True),
        "frame.rip not in 0x0–0x7fffffffffff (the lower half, LA48) or "
        "0xffff800000000000–0xffffffffffffffff (the upper half, LA48)",
    ),
    (Condition("range", "ERMS", intervals=((1, 1),)), "ERMS is set"),
    (Condition("range", "ERMS", intervals=((1, 1),), negated=True), "ERMS is clear"),
    (Condition("bits", "some_key", mask=1, value=0), "some_key is clear"),
    (Condition("bits", "rflags.DF", mask=1, value=0), "RFLAGS.DF is clear"),
    (Condition("bits", "ss_flat", mask=1, value=1), "the hidden part of SS is flat"),
    (Condition("range", "ss_flat", intervals=((1, 1),), negated=True), "the hidden part of SS is not flat"),
    (Condition("bits", "cpu.la57", mask=1, value=1), "the number of paging levels is 5"),
    (Condition("bits", "cpu.amd", mask=1, value=1, negated=True), "the vendor of the CPU is Intel"),
    (
        Condition("bits", "f@a.S:7:ss_flat", mask=1, value=0),
        "after the call of f at a.S:7, the hidden part of SS is not flat",
    ),
    (
        Condition("other", names=("star_low", "rflags.IOPL")),
        "a condition on the low 48 bits of STAR and RFLAGS.IOPL that has no short form",
    ),
    (Condition("bits", "rax", mask=1, value=0), "rax has bit 0 clear"),
    (Condition("bits", "frame.rflags", mask=0x10100), "frame.rflags has TF and RF clear"),
    (Condition("bits", "frame.rflags", mask=0x10100, negated=True), "frame.rflags has TF or RF set"),
    (Condition("bits", "frame.rflags", mask=0x10100, value=0x10100, negated=True), "frame.rflags has TF or RF clear"),
    (Condition("bits", "frame.rflags", mask=0x300, value=0x200), "frame.rflags has IF set and TF clear"),
    (
        Condition("bits", "frame.rflags", mask=0x300, value=0x200, negated=True),
        "not (frame.rflags has IF set and TF clear)",
    ),
    (Condition("bits", "frame.rflags", mask=0x3000), "frame.rflags has IOPL clear"),
    (Condition("bits", "frame.rflags", mask=0x1001), "frame.rflags has CF and bit 12 clear"),
    (Condition("bits", "frame.rflags", value=0x246), "frame.rflags = 0x246"),
    (Condition("bits", "frame.r11", mask=0x10100), "frame.r11 has bits 8 (TF) and 16 (RF) clear"),
    (Condition("bits", "gs:[0x10]", mask=4, value=4), "gs:[0x10] has bit 2 set"),
    (Condition("bits", "gs:[0x10]", mask=4, value=4, negated=True), "gs:[0x10] has bit 2 clear"),
    (Condition("same", "a", "b", mask=0xFFFF, negated=True), "a and b differ in at least one of the low 16 bits"),
    (
        Condition("bits", "frame.cs", mask=FULL - 0xFFFF, negated=True),
        "frame.cs has at least one of bits 16–63 set",
    ),
    (
        Condition("bits", "frame.r11", mask=0x10100, value=0x10100, negated=True),
        "frame.r11 has at least one of bits 8 (TF) and 16 (RF) clear",
    ),
    (
        Condition("bits", "frame.rflags", mask=0x3100, negated=True),
        "frame.rflags has TF or at least one of bits 12–13 set",
    ),
    (Condition("bits", "frame.rflags", mask=0x8000, negated=True), "frame.rflags has bit 15 set"),
    (Condition("bits", "frame.rflags", mask=0x3000, value=0x3000), "frame.rflags has bits 12–13 set"),
    (Condition("bits", "frame.cs", mask=0xFFEF, value=0xE023), "frame.cs & 0xffef = 0xe023"),
    (Condition("bits", "rax", mask=0x111, value=0x10), "rax has bit 4 set and bits 0 and 8 clear"),
    (Condition("bits", "frame.rip", mask=FULL << 47 & FULL), "frame.rip has bits 47–63 clear"),
    (Condition("bits", "frame.cs", mask=0xFFFF, value=0x33), "the low 16 bits of frame.cs = 0x33"),
    (Condition("bits", "rax", mask=0x5555, value=0), "rax & 0x5555 = 0x0"),
    (Condition("bits", "rax", mask=0x5555, value=0, negated=True), "rax & 0x5555 ≠ 0x0"),
    (Condition("bits", "rax", mask=0x10, value=1), "rax & 0x10 = 0x1"),
    (Condition("other", names=("rax", "rbx")), "a condition on rax and rbx that has no short form"),
    (Condition("other"), "a condition that has no short form"),
)


@pytest.mark.parametrize(("condition", "said"), SAID, ids=[said for _, said in SAID])
def test_words_say_exactly_what_the_condition_says(condition: Condition, said: str) -> None:
    """Each form, straight and negated, has words that were written by hand."""
    assert words(condition) == said


def test_names_of_what_a_call_left() -> None:
    """A content after a call is told as such, whether the callee and the place have names or only addresses."""
    assert input_words("slow_work@entry.S:20:frame.rip") == "frame.rip after the call of slow_work at entry.S:20"
    assert (
        input_words("0xffffffff81a43dc0@0xffffffff81c00121#2:frame.rip")
        == "frame.rip after the call of 0xffffffff81a43dc0 at 0xffffffff81c00121#2"
    )
    assert input_words("slow_work@a/entry.S:20:gs:[0x10]") == "gs:[0x10] after the call of slow_work at a/entry.S:20"
    assert input_words("loop@entry.S:20:rax") == "rax after the loop at entry.S:20"
    assert input_words("loop@entry.S:20+1f:rax") == "rax after the loop at entry.S:20+1f"
    assert input_words("loop@entry+0x20:rax") == "rax after the loop at entry+0x20"
    assert input_words("gs:[0x10]") == "gs:[0x10]"


def test_a_call_is_named_once_in_a_list() -> None:
    """After the first mention "that call" is enough, but not where two calls are meant."""
    rip, rcx, other = "f@x.S:1:frame.rip", "f@x.S:1:frame.rcx", "g@x.S:2:frame.cs"
    one = Condition("same", rip, rcx)
    assert all_words([one]) == "after the call of f at x.S:1, frame.rip = frame.rcx"
    low = Condition("range", rip, intervals=((0, 5),))
    assert all_words([one, low]) == (
        "after the call of f at x.S:1, frame.rip = frame.rcx; after that call, frame.rip in 0x0–0x5"
    )
    two = Condition("range", other, intervals=((0x33, 0x33),))
    assert all_words([one, two, one]) == (
        "after the call of f at x.S:1, frame.rip = frame.rcx; after the call of g at x.S:2, frame.cs = 0x33; "
        "after the call of f at x.S:1, frame.rip = frame.rcx"
    )
    mixed = Condition("same", rip, "frame.rip")
    assert words(mixed) == "frame.rip after the call of f at x.S:1 = frame.rip"
    assert all_words([one, mixed]).endswith("; frame.rip after that call = frame.rip")


def test_short_words_for_many_conditions() -> None:
    """What is said once for a whole table is left out of its rows; with several calls each has a number."""
    rip, rcx, other = "f@x.S:1:frame.rip", "f@x.S:1:frame.rcx", "g@x.S:2#2:frame.cs"
    one, two = Condition("same", rip, rcx), Condition("range", other, intervals=((0x33, 0x33),))
    alone = Wording(names_of([one]))
    assert (alone.notes, alone.condition(one)) == (
        ("Every value is read after the call of f at x.S:1.",),
        "frame.rip = frame.rcx",
    )
    both = Wording(names_of([one, two]))
    assert both.notes == ("[1]: the call of f at x.S:1.", "[2]: the call of g at x.S:2#2.")
    assert both.condition(two) == "after [2], frame.cs = 0x33"
    assert both.inputs((rip, "rax")) == "frame.rip after [1] and rax"
    entry = Wording((rip, "rax"))
    assert entry.condition(one) == "after [1], frame.rip = frame.rcx"
    assert (Wording(("rax",)).notes, Wording(("rax",)).inputs(("rax",))) == ((), "rax")


def test_many_ranges_are_counted() -> None:
    """A list of ranges ends, and says how many it leaves out; none is no value."""
    ranges = tuple((16 * number, 16 * number + 1) for number in range(9))
    assert interval_words(ranges).endswith("0x50–0x51 or 3 more ranges")
    assert interval_words(ranges[:7]).endswith("0x50–0x51 or 1 more range")
    assert interval_words(()) == "no value"

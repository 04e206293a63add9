# SPDX-License-Identifier: BSD-2-Clause
"""What values are said to mean."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from verifier.model import RFLAGS_BITS
from verifier.report.meaning import address, cr3, meaning, plain, rflags, selector
from verifier.terms import canonical

WORDS = st.integers(0, 2**64 - 1)
EDGES = st.sampled_from([2**47, 2**56, 2**63, 2**64 - 2**47, 2**64 - 2**56]).flatmap(
    lambda edge: st.integers(edge - 2, edge + 2)
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "null"),
        (0x1000, "canonical, user half"),
        (0x0000_7FFF_FFFF_FFFF, "canonical, user half"),
        (0x0000_8000_0000_0000, "just above the la48 user half, canonical for la57"),
        (0x0000_8000_0000_0001, "non-canonical for la48, canonical for la57, user half"),
        (0x00FF_FFFF_FFFF_FFFF, "non-canonical for la48, canonical for la57, user half"),
        (0x0100_0000_0000_0000, "just above the la57 user half"),
        (0x8000_0000_0000_0000, "non-canonical"),
        (0xFF00_0000_0000_0000, "non-canonical for la48, canonical for la57, kernel half"),
        (0xFFFF_8000_0000_0000, "canonical, kernel half"),
        (0xFFFF_FFFF_FF5F_FFFF, "canonical, kernel half"),
        (0xFFFF_FFFF_FF60_0000, "canonical, kernel half, vsyscall page"),
        (0xFFFF_FFFF_FF60_0FFF, "canonical, kernel half, vsyscall page"),
        (0xFFFF_FFFF_FF60_1000, "canonical, kernel half"),
    ],
)
def test_address_at_every_edge(value: int, expected: str) -> None:
    """Each boundary of the address space falls on the documented side."""
    assert address(value) == expected


@given(WORDS | EDGES)
def test_address_agrees_with_the_cpu_rule(value: int) -> None:
    """An address is called plainly canonical exactly if it is so with 48 bits, and non-canonical plainly
    exactly if it is not so with 57 bits.
    """
    said = address(value)
    narrow, wide = canonical(value, 48), canonical(value, 57)
    assert narrow == (said == "null" or said.startswith("canonical,"))
    assert wide == (narrow or "canonical for la57" in said)
    assert ("kernel half" in said) <= bool(value >> 63)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "no flag set"),
        (2, "no flag set"),
        (0x202, "IF"),
        (0x302, "TF|IF"),
        (0x3002, "IOPL=3"),
        (0x10002, "RF"),
        (0x8, "reserved bits 3"),
        (0xFFFF_FFFF_FFC0_8028, "reserved bits 3, 5, 15, 22-63"),
        (1 << 63, "reserved bits 63"),
    ],
)
def test_rflags_by_name(value: int, expected: str) -> None:
    """Flags are named from bit 0 up; what has no name is listed as reserved."""
    assert rflags(value) == expected


@given(WORDS)
def test_rflags_lose_no_bit(value: int) -> None:
    """The text determines the value, but for bit 1, which is always set: each bit is named or in a range."""
    lows = dict(RFLAGS_BITS)
    seen = 0
    said, _, reserved = rflags(value).partition("reserved bits ")
    for part in filter(None, said.split("|")):
        if part != "no flag set":
            name, _, level = part.partition("=")
            seen |= int(level or 1) << lows[name]
    for part in filter(None, reserved.split(", ")):
        first, _, last = part.partition("-")
        seen |= sum(1 << index for index in range(int(first), int(last or first) + 1))
    assert seen == value & ~2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0x33, "GDT index 6, RPL 3"),
        (0x2B, "GDT index 5, RPL 3"),
        (0x0F, "LDT index 1, RPL 3"),
        (0x10, "GDT index 2, RPL 0"),
        (0, "null, RPL 0"),
        (3, "null, RPL 3"),
        (4, "LDT index 0, RPL 0"),
        (0x1_0000_0033, "GDT index 6, RPL 3, bits above 15 ignored"),
    ],
)
def test_selector_parts(value: int, expected: str) -> None:
    """A selector is split into table, index and RPL; only the low word counts."""
    assert selector(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0x1234_5000, "table 0x12345000, PCID 0x0"),
        (0x8000_0000_1234_5081, "table 0x12345000, PCID 0x81, bit 63 (no flush)"),
        (0x4010_0000_0000_0000, "table 0x0, PCID 0x0, reserved bits 52, 62"),
    ],
)
def test_cr3_parts(value: int, expected: str) -> None:
    """CR3 is split into table address, PCID and the no-flush bit."""
    assert cr3(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(7, ""), (10, "10"), (0xFFFF, "65535"), (0x10000, ""), (2**64 - 1, "-1")]
)
def test_plain_numbers(value: int, expected: str) -> None:
    """Small numbers get their decimal form, others nothing."""
    assert plain(value) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("rcx", 0, "null"),
        ("frame.rip", 0, "null"),
        ("frame.rsp", 0x1000, "canonical, user half"),
        ("gs.base", 0, "null"),
        ("frame.rflags", 0x100, "TF"),
        ("r11", 0x100, "TF"),
        ("frame.r11", 0x100, "TF"),
        ("rflags.TF", 1, "set"),
        ("rflags.IF", 0, "clear"),
        ("rflags.IOPL", 3, "level 3"),
        ("frame.cs", 0x33, "GDT index 6, RPL 3"),
        ("SS", 0, "null, RPL 0"),
        ("cr3", 0x1000, "table 0x1000, PCID 0x0"),
        ("rax", 100, "100"),
        ("stack[+0x10]", 0x100, "256"),
        ("slow_work@entry.S:20:rax", 2**64 - 14, "-14"),
        ("slow_work@entry.S:20:rflags", 0x40, "ZF"),
    ],
)
def test_meaning_follows_the_name(name: str, value: int, expected: str) -> None:
    """The place that holds a value decides how it is read."""
    assert meaning(name, value) == expected


@given(st.text(), WORDS)
def test_meaning_is_total(name: str, value: int) -> None:
    """Any name and any 64-bit value give one line of text."""
    assert "\n" not in meaning(name, value)

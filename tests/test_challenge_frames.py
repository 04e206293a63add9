# SPDX-License-Identifier: BSD-2-Clause
"""The machines that a challenge tries: which values, and what may never change."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, strategies as st

from verifier.challenge.frames import (
    BOUNDARIES,
    Key,
    Space,
    boundary_addresses,
    perturbed,
    sign_extended,
    space,
    value_for,
)

RIP, RCX = Key("word", "frame.rip", 0x1080), Key("word", "frame.rcx", 0x1058)
R11, FLAGS = Key("word", "frame.r11", 0x1030), Key("word", "frame.rflags", 0x1090)
CS = Key("word", "frame.cs", 0x1088)
BASE, ENTRY_FLAGS, USER_GS = Key("register", "rsp"), Key("rflags", "rflags"), Key("base", "kernel_gs_base")
STAR, CR3, POINTER = Key("msr", "msr 0xc0000081", 0xC0000081), Key("control", "cr3"), Key("register", "rdi")
VALUES = {
    RIP: 0x400000, RCX: 0x400000, R11: 0x202, FLAGS: 0x202, CS: 0x33, BASE: 0x1000, ENTRY_FLAGS: 0x46, USER_GS: 0x7000,
    STAR: 0x23 << 48 | 5, CR3: 0x9000, POINTER: 0x5000,
}  # fmt: skip
ROLES = {RIP: "rip", RCX: "rcx", R11: "r11", FLAGS: "rflags", CS: "cs"}
FREE_FLAGS = 0x8D5


def dice(seed: int) -> random.Random:
    """A source that gives the same numbers each time."""
    return random.Random(seed)  # noqa: S311 - reproducible, not secret


def ground(pointers: tuple[int, ...] = (0x6000,)) -> Space:
    """A small space with one input of each kind."""
    return space(
        VALUES, ROLES, frozenset({BASE}), {POINTER: pointers}, (0xABCD,), (0x33, 0x2B), (FREE_FLAGS, 0x8D5), 47
    )  # fmt: skip


@pytest.mark.parametrize(
    "address",
    [
        *(1 << 47, (1 << 47) - 1, (1 << 47) + 1, (1 << 47) - 4096, (1 << 56) - 1, (1 << 56) + 1),
        *((1 << 64) - (1 << 47), (1 << 64) - (1 << 47) + 1, (1 << 64) - (1 << 47) - 1, 0xFFFFFFFFFF600000),
    ],
)
def test_boundaries_have_what_a_canonical_check_may_miss(address: int) -> None:
    """Both ends of both canonical halves, the last user page and the vsyscall page are tried."""
    assert address in boundary_addresses()


@given(st.integers(0, 2**32))
def test_contract_and_cpu_facts_stay(seed: int) -> None:
    """No machine breaks what the contract or the CPU fixes: the pins, fixed flags, STAR's base, canonical bases."""
    where = ground()
    for _ in range(20):
        frame = perturbed({}, where, dice(seed))
        assert BASE not in frame
        assert (frame.get(ENTRY_FLAGS, 0x46) ^ 0x46) & ~FREE_FLAGS == 0
        assert frame.get(STAR, VALUES[STAR]) >> 48 == 0x23
        assert frame.get(CR3, 0) >> 63 == 0
        base = frame.get(USER_GS, 0)
        assert base >> 47 in (0, (1 << 17) - 1)
        assert all(0 <= value < 1 << 64 for value in frame.values())


def frames(count: int, seed: int = 1) -> list[dict[Key, int]]:
    """Machines around the seed itself."""
    source, where = dice(seed), ground()
    return [perturbed({}, where, source) for _ in range(count)]


def test_same_seed_same_frames() -> None:
    """A run can be repeated: equal seeds give equal machines, other seeds others."""
    assert frames(200) == frames(200)
    assert frames(200) != frames(200, 2)


def test_compared_words_move_together() -> None:
    """RIP with RCX, and RFLAGS with R11, take one value often, so that the checks are passed with it."""
    made = frames(2000)
    for one, other in ((RIP, RCX), (FLAGS, R11)):
        together = sum(one in frame and frame[one] == frame.get(other) for frame in made)
        bit = sum(
            one in frame and other in frame and (frame[one] ^ frame[other]).bit_count() == 1 for frame in made
        )  # fmt: skip
        assert together > 100
        assert bit > 5


def test_every_boundary_and_every_flag_alone_is_tried() -> None:
    """In enough machines each boundary address is a RIP, and each bit of RFLAGS is changed alone."""
    source, where = dice(3), ground()
    addresses = {value_for("rip", 0x400000, where, source) for _ in range(20000)}
    flags = {value_for("rflags", 0x202, where, source) ^ 0x202 for _ in range(20000)}
    assert set(BOUNDARIES) <= addresses
    assert {1 << bit for bit in range(64)} <= flags


def test_selectors_come_near_the_right_ones() -> None:
    """Each of the 16 bits of a selector is off alone, and what lies above them is not 0."""
    source, where = dice(4), ground()
    found = {value_for("cs", 0x33, where, source) for _ in range(20000)}
    assert {0x33 ^ 1 << bit for bit in range(16)} <= found
    assert any(value > 0xFFFF and value & 0xFFFF == 0x33 for value in found)


def test_pointer_goes_only_where_it_may() -> None:
    """A pointer is moved to one of its places; without any it stays, but for fully random machines."""
    moved = {frame[POINTER] for frame in frames(3000) if POINTER in frame and len(frame) < 6}
    assert 0x6000 in moved
    source, where = dice(5), ground(())
    made = [perturbed({}, where, source) for _ in range(3000)]
    assert not any(POINTER in frame for frame in made if len(frame) < 4)


@given(st.integers(0, 2**64 - 1), st.sampled_from((47, 56)))
def test_sign_extension(value: int, bit: int) -> None:
    """The result keeps the low bits and is canonical."""
    found = sign_extended(value, bit)
    assert found & (1 << bit) - 1 == value & (1 << bit) - 1
    assert found >> bit in (0, (1 << 64 - bit) - 1)

# SPDX-License-Identifier: BSD-2-Clause
"""A concrete machine, what stays the same over many of them, and where one ended: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from verifier.model import Image
from verifier.records import record
from verifier.replay.request import CallEffect, MemoryWord

EndKind = Literal["exit", "trap", "fault", "left", "limit", "not-comparable"]

IF, DF, TF, AC = 1 << 9, 1 << 10, 1 << 8, 1 << 18
ARITHMETIC = 0x8D5
"""CF, PF, AF, ZF, SF and OF."""
SCRATCH = ("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11")
"""Registers that a callee may change (System V AMD64 psABI, 3.2.1)."""
HELPER_SCRATCH = ("rax", "rcx", "rdx")
"""Registers that a helper in assembly may change, which the contract lists as such."""


@record
class Start:
    """A concrete machine at the entry. All values are 64 bits wide; ``ss_flat`` is the hidden part of SS.

    ``words`` are the memory words that differ from those that the ``Runner`` was given.
    """

    registers: dict[str, int]
    rflags: int
    gs_base: int
    kernel_gs_base: int
    fs_base: int
    cr3: int
    cr4: int
    msrs: dict[int, int]
    ss_flat: int
    words: tuple[MemoryWord, ...]
    effects: tuple[CallEffect, ...]
    """What calls that are not followed leave, in the order in which they return."""
    undefined: Mapping[int, tuple[int, int]]
    """(mask, value) of flags that the instruction at an address leaves undefined; Unicorn's choice without."""
    entropy: int
    """Seeds what the machine answers beyond its inputs: time stamps, the effects of calls that have none."""


@dataclass(slots=True)
class End:
    """Where a run ended, and what was seen on the way.

    ``moves`` are (index in ``trace``, RSP from that instruction's start on); ``enabled`` the same for IF;
    ``shadows`` the indices whose start an STI covers. ``accesses`` are (index, address, size, is a write).
    ``kept`` has the content of frame slots at the first overwrite after RSP had moved above them.
    ``effects`` are those that were used, with the address of their instruction.
    """

    kind: EndKind
    detail: str
    at: int
    trace: list[int] = field(default_factory=list)
    registers: tuple[int, ...] = ()
    rflags: int = 0
    gs_base: int = 0
    kernel_gs_base: int = 0
    cr3: int = 0
    cr4: int = 0
    msrs: dict[int, int] = field(default_factory=dict)
    ss_flat: int = 0
    moves: list[tuple[int, int]] = field(default_factory=list)
    enabled: list[tuple[int, bool]] = field(default_factory=list)
    shadows: set[int] = field(default_factory=set)
    accesses: list[tuple[int, int, int, bool]] = field(default_factory=list)
    kept: dict[int, int] = field(default_factory=dict)
    effects: list[tuple[int, CallEffect]] = field(default_factory=list)
    calls: list[tuple[int, int]] = field(default_factory=list)
    """(index, GS base) at each call that was not followed, and each exception whose handler goes on."""
    bases: list[tuple[int, int]] = field(default_factory=list)
    """(index, GS base from that instruction's start on)."""
    unknown: set[int] = field(default_factory=set)
    """8-byte aligned addresses that were read although neither an input nor the run itself wrote there."""


@record
class Terrain:
    """What stays the same over all machines of one seed.

    ``slots`` are the addresses of the frame's slots, in ascending order; ``base_register`` points near them at the
    entry. ``unfollowed`` are calls and jumps whose target is not executed, ``followed`` those that are in a linked
    image. ``interrupts`` is what the contract says of IF behind a call, ``ss_arbitrary`` that a call may leave any SS.
    """

    image: Image
    entry: int
    slots: tuple[int, ...]
    base_register: str
    unfollowed: frozenset[int]
    followed: frozenset[int] | None
    no_return: frozenset[str]
    helpers: frozenset[str]
    interrupts: str
    ss_arbitrary: bool
    limit: int

# SPDX-License-Identifier: BSD-2-Clause
"""What a replay is asked and what it answers: plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemoryWord:
    """``size`` bytes at a 64-bit ``address``, ``value`` little endian."""

    address: int
    value: int
    size: int


@dataclass(frozen=True, slots=True)
class CallEffect:
    """What a call that is not followed leaves behind when it returns.

    ``registers`` and ``memory`` name only what changes; ``rflags`` None keeps
    the flags. The return address has been pushed and popped by then.
    """

    registers: tuple[tuple[str, int], ...]
    memory: tuple[MemoryWord, ...]
    rflags: int | None


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """One concrete entry state and what the run may assume.

    Every address is 64 bits wide and names no variant of a patch site: the image
    is one as it runs, see ``Image.patched``.
    ``registers`` has the 16 GPRs, 64 bits each; one that is missing is 0.
    Memory that neither ``memory`` nor the image fills is 0; ``memory`` wins, but
    may not change a section that is not writable.
    ``msrs`` are (number, value); the three segment bases have fields of their
    own. ``calls`` are consumed in execution order, one at each instruction
    whose address is in ``havoc_calls``: a call, or any other instruction whose
    results the request chooses. ``flag_patches`` are (address, mask, value):
    after the instruction there completes, rflags = (rflags & ~mask) | value;
    the n-th patch for an address belongs to its n-th execution, the last one to
    all later ones. Each repetition of a string instruction counts as one of
    ``max_instructions``. ``read_back`` are the (address, size) to read in the
    end.
    """

    entry: int
    stop_at: int
    registers: tuple[tuple[str, int], ...]
    rflags: int
    gs_base: int
    kernel_gs_base: int
    fs_base: int
    cr3: int
    cr4: int
    msrs: tuple[tuple[int, int], ...]
    memory: tuple[MemoryWord, ...]
    calls: tuple[CallEffect, ...]
    havoc_calls: frozenset[int]
    flag_patches: tuple[tuple[int, int, int], ...]
    max_instructions: int
    read_back: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The state before ``stop_at`` (``reached``), or where the run could not go on.

    ``reason`` is "" or why ``stop_at`` was not reached; the state is then
    for display only. ``rflags`` has neither RF nor VM. ``trace`` has the
    executed instructions, so not ``stop_at``; a repeated string instruction
    stands once. ``reads`` and ``writes`` are (instruction, word) in execution
    order. ``memory`` answers ``read_back``, in its order. ``unmapped`` are the
    4 KiB pages that the code touched although neither the request nor the
    image has anything there: they read as 0. ``msrs`` are the MSRs of the
    request and those that were written, without the three bases.
    """

    reached: bool
    stopped_at: int
    reason: str
    registers: tuple[tuple[str, int], ...]
    rflags: int
    gs_base: int
    kernel_gs_base: int
    fs_base: int
    cr3: int
    cr4: int
    msrs: tuple[tuple[int, int], ...]
    trace: tuple[int, ...]
    reads: tuple[tuple[int, MemoryWord], ...]
    writes: tuple[tuple[int, MemoryWord], ...]
    memory: tuple[MemoryWord, ...]
    unmapped: tuple[int, ...]

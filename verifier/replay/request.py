# SPDX-License-Identifier: BSD-2-Clause
"""What a replay is asked and what it answers: plain data."""

from __future__ import annotations

from verifier.recording import CallEffect, MemoryWord, ReplayRequest
from verifier.records import record

__all__ = ["CallEffect", "MemoryWord", "ReplayRequest", "ReplayResult"]


@record
class ReplayResult:
    """The state before ``stop_at`` (``reached``), or where the run could not go on.

    ``reason`` is "" or why ``stop_at`` was not reached; the state is then
    for display only. ``rflags`` has neither RF nor VM. ``trace`` has the
    executed instructions, so not ``stop_at``; a repeated string instruction
    stands once. ``reads`` and ``writes`` are (instruction, word) in execution
    order. ``memory`` answers ``read_back``, in its order. ``unmapped`` are the
    4 KiB pages that the code touched although neither the request nor the
    image has anything there: they read as 0. ``cr3_written`` is the last value written
    to CR3, with bit 63, which does not read back. ``interruptible`` are the
    instructions behind which IF is 1. ``msrs`` are the MSRs of the
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
    cr3_written: int
    cr4: int
    msrs: tuple[tuple[int, int], ...]
    trace: tuple[int, ...]
    interruptible: frozenset[int]
    reads: tuple[tuple[int, MemoryWord], ...]
    writes: tuple[tuple[int, MemoryWord], ...]
    memory: tuple[MemoryWord, ...]
    unmapped: tuple[int, ...]

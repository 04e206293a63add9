# SPDX-License-Identifier: BSD-2-Clause
"""The rules that break Xen's return to a guest, whose one check is that RIP is canonical.

That check is what XSA-7 (CVE-2012-0217) added: the upper 17 bits of RIP, shifted down with their sign and plus
one, are 0 or 1. With more of the equivalence left out on purpose, the mutants are about the safety clauses.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from mutants import Edit, Mutant, Spot, mutant, opposite

from verifier.lift.decode import CONDITIONAL_JUMPS


def all_mutants(arm: list[Spot]) -> list[Mutant]:
    """Every mutant of the straight line to SYSRET."""
    return [*check(arm), *window(arm)]


def check(arm: list[Spot]) -> Iterator[Mutant]:
    """The check and its constants."""
    begin = next(index for index, spot in enumerate(arm) if spot.decoded.mnemonic == "sar")
    end = next(index for index in range(begin, len(arm)) if arm[index].decoded.mnemonic in CONDITIONAL_JUMPS)
    load, shift, compare, branch = arm[begin - 1], arm[begin], arm[end - 1], arm[end]
    (increment,) = arm[begin + 1 : end - 1]
    count, most = shift.immediate() or 0, compare.immediate() or 0
    few = "fewer addresses pass, and all of them are canonical"
    yield mutant("check: no check", branch.edit(b""), "canonical")
    yield mutant("check: the opposite check", branch.edit(opposite(branch)), "canonical")
    yield mutant("check: without the increment", increment.edit(b""), "canonical")
    yield mutant("check: one value more", compare.change(bytes((most,)), bytes((most + 1,))), "canonical")
    yield mutant("check: one value less", compare.change(bytes((most,)), bytes((most - 1,))), harmless=few)
    yield mutant("check: one bit less", shift.change(bytes((count,)), bytes((count + 1,))), "canonical")
    yield mutant("check: one bit more", shift.change(bytes((count,)), bytes((count - 1,))), harmless=few)
    yield mutant("check: no shift", shift.edit(b""), "canonical")
    memory = load.memory()
    assert memory is not None
    for by in (-8, 8):
        old, new = bytes((memory.displacement,)), bytes((memory.displacement + by,))
        yield mutant(f"check: of another word, {by:+}", load.change(old, new), "canonical")


def window(arm: list[Spot]) -> Iterator[Mutant]:
    """Other code where boot code may release a shadow stack, and RSP loaded too early."""
    last_check = max(index for index, spot in enumerate(arm) if spot.decoded.mnemonic == "ja")
    free = next(spot for spot in arm[last_check:] if spot.decoded.mnemonic == "nop" and spot.decoded.size >= 8)
    for text, code, clause in (
        ("swapgs", "0f 01 f8", "gs"),
        ("sti", "fb", "irq"),
        ("mov %rax, %cr3", "0f 22 d8", "cr3"),
    ):
        yield mutant(f"window: {text}", free.edit(bytes.fromhex(code)), clause)
    for first, second in pairwise(arm):
        if first.decoded.mnemonic == "cmp" and second.register() == "rsp":
            edit = Edit(first.address, second.decoded.raw + first.decoded.raw)
            yield mutant("window: a compare on the guest's stack", edit, "stack")

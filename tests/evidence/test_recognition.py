# SPDX-License-Identifier: BSD-2-Clause
"""Our own recognition of system instructions by their bytes agrees with a disassembler's, name and length.

Over every opcode of one byte and of two that begin with 0F, with many ModRM bytes and with prefixes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import capstone
import pytest

from verifier.isa import INSTRUCTIONS, Encoding, Instruction, match, parse

PREFIXES = (b"", b"\x48", b"\x66", b"\xf2", b"\xf3", b"\xf0", b"\xf3\x48", b"\x48\xf3", b"\x41")
EDGES = (b"\x26", b"\x2e", b"\x36", b"\x3e", b"\x64", b"\x65", b"\x67", b"\x3f", b"\x40", b"\x4f", b"\x50")
"""The other prefixes, and the bytes at the ends of the range of REX and beside it."""
FORMS = tuple(mod << 6 | reg << 3 | rm for mod in (0, 3) for reg in range(8) for rm in (0, 2))
TAIL = bytes(8)

NAMES: dict[str, frozenset[str]] = {
    "sysretl": frozenset({"sysret"}),
    "sysexitl": frozenset({"sysexit"}),
    "iretd": frozenset({"iretd", "iret"}),
    "mov-from-cr": frozenset({"mov"}),
    "mov-to-cr": frozenset({"mov"}),
    "mov-to-ss": frozenset({"mov"}),
    "rdfs/gsbase": frozenset({"rdfsbase", "rdgsbase"}),
    "wrfs/gsbase": frozenset({"wrfsbase", "wrgsbase"}),
    "rdssp": frozenset({"rdsspd", "rdsspq"}),
    "incssp": frozenset({"incsspd", "incsspq"}),
    "wrss": frozenset({"wrssd", "wrssq"}),
    "prefetch": frozenset({"prefetchnta", "prefetcht0", "prefetcht1", "prefetcht2"}),
    # ERETU is newer than the disassembler; F3 REX 90 is PAUSE as well (SDM vol. 2B, PAUSE).
    "eretu": frozenset({"clac"}),
    "pause": frozenset({"pause", "xchg"}),
}
"""What the disassembler calls an instruction, where it is not our own name."""

OTHER_LENGTH = frozenset({"ud1"})
"""UD1 has a ModRM byte, with which disassemblers differ."""

REFUSED = (0x66, 0xF0, 0xF2, 0xF3)
"""In front of an instruction that does not take them these are refused by us, and passed over by the disassembler."""

UNAMBIGUOUS = frozenset(one.mnemonic for one in INSTRUCTIONS) - {"pause", "prefetch"}
"""Names that mean one instruction; 0F 0D /0, PREFETCH, is 3DNow!'s."""


@cache
def _engine() -> Any:
    return capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)


@cache
def _matched(code: bytes) -> Instruction | None:
    return match(parse(code + TAIL))


def _codes() -> Iterator[bytes]:
    for opcode in range(256):
        yield from (bytes([0x0F, opcode, form]) for form in FORMS)
        if opcode not in (0x0F, 0xF0, 0xF2, 0xF3):
            yield from (bytes([opcode, form]) for form in FORMS if form >= 0xC0)
    yield from (bytes([0x0F, 0x01, form]) for form in range(256))
    yield from (bytes([0x0F, 0x38, 0xF6, form]) for form in FORMS)


@pytest.mark.parametrize("prefix", [*PREFIXES, *EDGES], ids=lambda prefix: prefix.hex() or "none")
def test_disassembler_agrees(prefix: bytes) -> None:
    """What we take for a system instruction the disassembler does as well, and nothing that it names so is missed."""
    wrong = []
    for code in _codes():
        raw = prefix + code + TAIL
        encoding = parse(raw)
        ours = _matched(prefix + code)
        theirs = next(_engine().disasm_lite(raw, 0, 1), None)
        if ours is not None:
            size = ours.size(encoding)
            named = theirs is not None and theirs[2] in NAMES.get(ours.mnemonic, {ours.mnemonic})
            alike = size is None or ours.mnemonic in OTHER_LENGTH or (theirs is not None and theirs[1] == size)
            if not (named and alike):
                wrong.append(f"{raw.hex()}: {ours.mnemonic} of {size} bytes, not {theirs}")
        elif theirs is not None and theirs[2] in UNAMBIGUOUS and not set(encoding.legacy) & set(REFUSED):
            wrong.append(f"{raw.hex()}: nothing, not {theirs}")
    assert wrong == []


def test_every_instruction_is_among_them() -> None:
    """No instruction is left out of the comparison above."""
    found = {
        one.mnemonic for prefix in (b"", b"\x48", b"\xf3") for code in _codes() if (one := _matched(prefix + code))
    }
    assert found == {one.mnemonic for one in INSTRUCTIONS}


def test_locked_and_cut_instructions_are_none() -> None:
    """LOCK makes none of them, and bytes that end early raise nothing: what is cut off is not looked at."""
    for code in _codes():
        assert match(parse(b"\xf0" + code + TAIL)) is None
        for length in range(len(code)):
            found: Encoding = parse(b"\xf3" + code[:length])
            instruction = match(found)
            assert instruction is None or instruction.size(found) is not None

# SPDX-License-Identifier: BSD-2-Clause
"""Mutation operators that change the encoding of one instruction: its condition, constants, widths and operands.

Encodings: Intel SDM vol. 2A, 2.1 and 2.2 (ModRM, SIB, REX); vol. 2D, B.1.4.7 (conditions).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import capstone
from mutation import Mutant, Program, destination, in_place, is_conditional

from verifier.lift.decode import BRANCHES, Decoded, ImmediateOperand

MASKS = ("test", "and", "or", "xor", "bt", "bts", "btr", "btc")
SHIFTS = ("shl", "sal", "shr", "sar", "rol", "ror", "shld", "shrd")
_GROUPS = (0x80, 0x81, 0x83, 0x8F, 0xC0, 0xC1, 0xC6, 0xC7, 0xD0, 0xD1, 0xD2, 0xD3, 0xF6, 0xF7, 0xFE, 0xFF)
"""One-byte opcodes whose ModRM.reg is a part of the opcode (SDM vol. 2D, A.4.2)."""
_PREFIXES = b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3" + bytes(range(0x40, 0x50))


@dataclass(frozen=True, slots=True)
class Fields:
    """Where the parts of an instruction are, as offsets in its bytes; 0: it has none."""

    opcode: int
    modrm: int
    displacement: int
    displacement_size: int
    immediate: int
    immediate_size: int


@lru_cache(maxsize=1)
def _engine() -> Any:
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    engine.detail = True
    return engine


@lru_cache(maxsize=4096)
def fields(raw: bytes) -> Fields:
    """The parts of an instruction that the disassembler knows."""
    found = next(_engine().disasm(raw, 0, 1))
    opcode = next(index for index, byte in enumerate(raw) if byte not in _PREFIXES)
    return Fields(opcode, found.modrm_offset, found.disp_offset, found.disp_size, found.imm_offset, found.imm_size)


def has_rex(raw: bytes) -> bool:
    """Whether the byte in front of the opcode is a REX prefix."""
    opcode = fields(raw).opcode
    return opcode > 0 and 0x40 <= raw[opcode - 1] <= 0x4F


def changed(raw: bytes, at: int, new: int) -> bytes:
    """The bytes with one of them replaced."""
    return raw[:at] + bytes((new & 0xFF,)) + raw[at + 1 :]


def number(raw: bytes, at: int, size: int) -> int:
    """The little-endian number in some of the bytes."""
    return int.from_bytes(raw[at : at + size], "little")


def written(raw: bytes, at: int, size: int, value: int) -> bytes:
    """The bytes with a little-endian number written into them, modulo its size."""
    return raw[:at] + (value & (1 << 8 * size) - 1).to_bytes(size, "little") + raw[at + size :]


# Conditions and masks.


def _condition_at(one: Decoded) -> int:
    opcode = fields(one.raw).opcode
    return opcode + 1 if one.raw[opcode] == 0x0F else opcode


def invert(of: Program) -> Iterator[Mutant | None]:
    """The opposite condition."""
    for one in of.code:
        if is_conditional(one):
            at = _condition_at(one)
            yield in_place(of, "invert jump", one, changed(one.raw, at, one.raw[at] ^ 1))


def weaken(of: Program) -> Iterator[Mutant | None]:
    """Any other condition, as in a check for above in place of not equal."""
    for one in of.code:
        at = _condition_at(one) if is_conditional(one) or one.mnemonic.startswith(("set", "cmov")) else None
        if at is not None:
            for condition in range(16):
                if condition not in (one.raw[at] & 15, one.raw[at] & 15 ^ 1):
                    yield in_place(of, "other condition", one, changed(one.raw, at, one.raw[at] & 0xF0 | condition))


def mask(of: Program) -> Iterator[Mutant | None]:
    """A bit of a mask that is missing, or one too many."""
    for one in of.code:
        found = _immediate(one)
        if found is None or one.mnemonic not in MASKS:
            continue
        at, size = found
        value = number(one.raw, at, size)
        if one.mnemonic.startswith("bt"):
            for step in (1, -1, 2):
                yield in_place(of, "mask bit", one, written(one.raw, at, size, value + step))
            continue
        for bit in range(8 * size):
            near = value >> bit & 1 or value >> max(bit - 1, 0) & 1 or value >> bit + 1 & 1
            if near or bit in (0, 8 * size - 1):
                yield in_place(of, "mask bit", one, written(one.raw, at, size, value ^ 1 << bit))


def constant(of: Program) -> Iterator[Mutant | None]:
    """Another constant, by one bit or by one."""
    for one in of.code:
        found = _immediate(one)
        if found is None or one.mnemonic in (*MASKS, *SHIFTS, *BRANCHES):
            continue
        at, size = found
        value = number(one.raw, at, size)
        bits = {0, 1, 2, 3, 8 * size - 1, *(bit for bit in range(8 * size) if value >> bit & 1)}
        for new in dict.fromkeys([value + 1, value - 1, *(value ^ 1 << bit for bit in sorted(bits))]):
            yield in_place(of, "constant", one, written(one.raw, at, size, new))


def shift(of: Program) -> Iterator[Mutant | None]:
    """A shift by one more or less, or another kind of shift."""
    for one in of.code:
        if one.mnemonic not in SHIFTS:
            continue
        found = _immediate(one)
        if found is not None:
            value = number(one.raw, *found)
            for new in (value + 1, value - 1):
                yield in_place(of, "shift", one, written(one.raw, *found, new))
        parts = fields(one.raw)
        if parts.modrm and one.raw[parts.opcode] != 0x0F:
            byte = one.raw[parts.modrm]
            for kind in (0, 1, 4, 5, 7):
                yield in_place(of, "shift", one, changed(one.raw, parts.modrm, byte & ~0x38 | kind << 3))


def _immediate(one: Decoded) -> tuple[int, int] | None:
    """Offset and size of its immediate."""
    if one.kind != "vex" or not any(isinstance(operand, ImmediateOperand) for operand in one.operands):
        return None
    parts = fields(one.raw)
    return (parts.immediate, parts.immediate_size) if parts.immediate and parts.immediate_size else None


def narrow(of: Program) -> Iterator[Mutant | None]:
    """A compare, or any other operation, on a byte, a word or 32 bits in place of more."""
    for one in of.code:
        if one.kind != "vex" or one.mnemonic in BRANCHES:
            continue
        raw, opcode = one.raw, fields(one.raw).opcode
        if has_rex(raw) and raw[opcode - 1] & 8:
            yield in_place(of, "narrower", one, changed(raw, opcode - 1, raw[opcode - 1] & ~8))
            if raw[opcode - 1] == 0x48:
                yield in_place(of, "narrower", one, changed(raw, opcode - 1, 0x66))
        elif has_rex(raw):
            yield in_place(of, "wider", one, changed(raw, opcode - 1, raw[opcode - 1] | 8))
        if raw[opcode] == 0x83:
            yield in_place(of, "narrower", one, changed(raw, opcode, 0x80))
        elif raw[opcode] & 1 and one.mnemonic in ("cmp", "test", "and", "or", "xor", "mov", "add", "sub"):
            yield in_place(of, "narrower", one, changed(raw, opcode, raw[opcode] & ~1))


# Operands.


def displacement(of: Program) -> Iterator[Mutant | None]:
    """The word next to the right one."""
    for one in of.code:
        if one.kind not in ("vex", "step") or one.mnemonic in BRANCHES:
            continue
        parts = fields(one.raw)
        if parts.displacement and parts.displacement_size:
            value = number(one.raw, parts.displacement, parts.displacement_size)
            for step in (8, -8, 4, -4, 1):
                new = written(one.raw, parts.displacement, parts.displacement_size, value + step)
                yield in_place(of, "displacement", one, new)


def register(of: Program) -> Iterator[Mutant | None]:
    """Another register: the first operand, the second, or the base of the address."""
    for one in of.code:
        if one.kind not in ("vex", "step") or one.mnemonic in BRANCHES:
            continue
        raw, parts = one.raw, fields(one.raw)
        low = raw[parts.opcode]
        if not parts.modrm:
            if 0x50 <= low <= 0x5F or 0xB8 <= low <= 0xBF or 0x90 < low <= 0x97:
                for flip in (1, 2, 4):
                    yield in_place(of, "register", one, changed(raw, parts.opcode, low ^ flip))
            continue
        byte, wide = raw[parts.modrm], has_rex(raw)
        grouped = low in _GROUPS or (low == 0x0F and raw[parts.opcode + 1] in (0x00, 0x01, 0xBA))
        if not grouped:
            yield from (in_place(of, "register", one, changed(raw, parts.modrm, byte ^ flip)) for flip in (8, 16, 32))
            if wide:
                yield in_place(of, "register", one, changed(raw, parts.opcode - 1, raw[parts.opcode - 1] ^ 4))
        if byte >> 6 == 3 or byte & 7 not in (4, 5):
            for flip in (1, 2, 4):
                if byte >> 6 == 3 or (byte ^ flip) & 7 not in (4, 5):
                    yield in_place(of, "register", one, changed(raw, parts.modrm, byte ^ flip))
            if wide:
                yield in_place(of, "register", one, changed(raw, parts.opcode - 1, raw[parts.opcode - 1] ^ 1))
        elif byte & 7 == 4:
            sib = raw[parts.modrm + 1]
            for flip in (1, 2, 4):
                if byte >> 6 or (sib ^ flip) & 7 != 5:
                    yield in_place(of, "register", one, changed(raw, parts.modrm + 1, sib ^ flip))


def operation(of: Program) -> Iterator[Mutant | None]:
    """ADD, OR, ADC, SBB, AND, SUB, XOR and CMP for one another."""
    for one in of.code:
        if one.mnemonic not in ("add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"):
            continue
        parts = fields(one.raw)
        for kind in range(8):
            if one.raw[parts.opcode] in (0x80, 0x81, 0x83):
                byte = one.raw[parts.modrm]
                yield in_place(of, "operation", one, changed(one.raw, parts.modrm, byte & ~0x38 | kind << 3))
            elif one.raw[parts.opcode] < 0x40:
                byte = one.raw[parts.opcode]
                yield in_place(of, "operation", one, changed(one.raw, parts.opcode, byte & 7 | kind << 3))


def target(of: Program) -> Iterator[Mutant | None]:
    """A jump to the other arm of another jump."""
    arms = {place for one in of.code if is_conditional(one) for place in (destination(one), one.next)}
    arms |= {destination(one) for one in of.code if one.mnemonic == "jmp"}
    for one in of.code:
        goes = destination(one)
        found = _immediate(one)
        if goes is None or found is None or one.mnemonic == "call":
            continue
        at, size = found
        for arm in sorted(place for place in arms if place is not None):
            distance = arm - one.next
            if arm not in (goes, one.next, one.address) and -(1 << 8 * size - 1) <= distance < 1 << 8 * size - 1:
                what = f"{of.text(one)} goes to {of.place(arm)}"
                yield in_place(of, "target", one, written(one.raw, at, size, distance), what)

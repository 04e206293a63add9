# SPDX-License-Identifier: BSD-2-Clause
"""The prefix rules of 64-bit mode: what counts as a prefix, and which REX is in force.

SDM vol. 2A, 2.1.1 (legacy prefixes) and 2.2.1.1 (REX: only the one directly
before the opcode is used; any other is ignored).
"""

from __future__ import annotations

from verifier.records import record

LEGACY_PREFIXES = frozenset({0xF0, 0xF2, 0xF3, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65, 0x66, 0x67})
BY_NUMBER: tuple[str, ...] = (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
"""GPR names by encoding number (SDM vol. 2A, table 3-1)."""

MAX_LENGTH = 15
"""Longest legal instruction in bytes (SDM vol. 2A, 2.3.11)."""


@record
class Encoding:
    """Raw bytes of an instruction taken apart: legacy prefixes, effective REX, opcode bytes on.

    ``start`` is the offset of the opcode in ``raw``. ``opcode`` runs to the end
    of the bytes that were fetched, which may be past the instruction.
    """

    raw: bytes
    legacy: tuple[int, ...]
    rex: int
    start: int

    @property
    def opcode(self) -> bytes:
        """The bytes from the opcode on."""
        return self.raw[self.start :]

    @property
    def rex_w(self) -> bool:
        """Whether the effective REX prefix asks for a 64-bit operand."""
        return bool(self.rex & 8)

    def starts(self, *opcode: int) -> bool:
        """Whether the opcode bytes begin with these."""
        return self.opcode[: len(opcode)] == bytes(opcode)

    def has(self, prefix: int) -> bool:
        """Whether a legacy prefix is present."""
        return prefix in self.legacy

    def modrm(self, opcode_length: int) -> tuple[int, int, int]:
        """mod, reg and rm of the ModRM byte behind the opcode, with REX.R and REX.B applied.

        Raises ValueError when the bytes end before it.
        """
        if len(self.opcode) <= opcode_length:
            raise ValueError("the ModRM byte is missing")
        byte = self.opcode[opcode_length]
        reg = (byte >> 3 & 7) | (self.rex & 4) << 1
        rm = (byte & 7) | (self.rex & 1) << 3
        return byte >> 6, reg, rm

    def operand_bytes(self, opcode_length: int) -> int:
        """Length of ModRM, SIB and displacement (SDM vol. 2A, tables 2-2 and 2-3); a missing SIB counts as 0.

        Raises ValueError when the bytes end before ModRM.
        """
        mod, _, _ = self.modrm(opcode_length)
        if mod == 3:
            return 1
        byte, sib = (self.opcode[opcode_length:] + bytes(1))[:2]
        indexed = byte & 7 == 4
        base = sib & 7 if indexed else byte & 7
        return 1 + indexed + (4 if base == 5 else 0, 1, 4)[mod]


def parse(raw: bytes) -> Encoding:
    """Split the prefixes off; ``raw`` holds at most MAX_LENGTH bytes are looked at."""
    raw = raw[:MAX_LENGTH]
    legacy: list[int] = []
    rex = 0
    index = 0
    while index < len(raw):
        byte = raw[index]
        if byte in LEGACY_PREFIXES:
            legacy.append(byte)
            rex = 0
        elif 0x40 <= byte <= 0x4F:
            rex = byte
        else:
            break
        index += 1
    return Encoding(raw, tuple(legacy), rex, index)

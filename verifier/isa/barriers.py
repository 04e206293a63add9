# SPDX-License-Identifier: BSD-2-Clause
"""Instructions without an architectural effect that our model sees.

SDM vol. 2A, LFENCE and ENDBR64; vol. 2B, MFENCE, PAUSE and SFENCE: ordering,
hints, and the end of an indirect-branch tracking wait, which needs CET in
supervisor mode to be more than a NOP.
"""

from __future__ import annotations

from collections.abc import Callable

from verifier.isa.encoding import Encoding
from verifier.isa.machine import Instruction, Machine


def _nothing(machine: Machine, encoding: Encoding) -> None:
    """Leave the machine as it is."""


def _fence(low: int) -> Callable[[Encoding], bool]:
    def matches(encoding: Encoding) -> bool:
        plain = not any(encoding.has(prefix) for prefix in (0x66, 0xF2, 0xF3))
        return plain and encoding.starts(0x0F, 0xAE) and encoding.opcode[2:3] == bytes([low])

    return matches


def _endbr(encoding: Encoding) -> bool:
    return encoding.has(0xF3) and encoding.starts(0x0F, 0x1E, 0xFA)


def _pause(encoding: Encoding) -> bool:
    return encoding.has(0xF3) and encoding.starts(0x90) and not encoding.rex & 1


LFENCE = Instruction("lfence", "step", "SDM vol. 2A, LFENCE", _fence(0xE8), 3, _nothing)
MFENCE = Instruction("mfence", "step", "SDM vol. 2B, MFENCE", _fence(0xF0), 3, _nothing)
SFENCE = Instruction("sfence", "step", "SDM vol. 2B, SFENCE", _fence(0xF8), 3, _nothing)
ENDBR64 = Instruction("endbr64", "step", "SDM vol. 2A, ENDBR64", _endbr, 3, _nothing)
PAUSE = Instruction("pause", "step", "SDM vol. 2B, PAUSE", _pause, 1, _nothing)

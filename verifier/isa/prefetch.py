# SPDX-License-Identifier: BSD-2-Clause
"""PREFETCHh and PREFETCHW: a hint that changes nothing and never faults (SDM vol. 2B).

0F 18 /0 to /3 and 0F 0D /1, with a memory operand. The other forms of these
opcodes are hints of later CPUs, or 3DNow!'s, and are not taken here.
"""

from __future__ import annotations

from verifier.isa.encoding import Encoding
from verifier.isa.machine import Instruction, Machine


def _nothing(machine: Machine, encoding: Encoding) -> None:
    """The operand is not accessed."""


def _matches(encoding: Encoding, second: int, digits: range) -> bool:
    if not encoding.starts(0x0F, second) or len(encoding.opcode) < 3:
        return False
    byte = encoding.opcode[2]
    return byte >> 6 != 3 and (byte >> 3 & 7) in digits


PREFETCH = Instruction(
    "prefetch", "step", "SDM vol. 2B, PREFETCHh", lambda e: _matches(e, 0x18, range(4)), None, _nothing
)
PREFETCHW = Instruction(
    "prefetchw", "step", "SDM vol. 2B, PREFETCHW", lambda e: _matches(e, 0x0D, range(1, 2)), None, _nothing
)

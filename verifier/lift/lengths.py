# SPDX-License-Identifier: BSD-2-Clause
"""How long an instruction is: the size that ``verifier.lift.decode`` gives it, without the rest of its work."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import capstone

from verifier.isa import Encoding, match, parse


@lru_cache(maxsize=1)
def _disassembler() -> Any:
    return capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)


def length(code: bytes) -> int:
    """Bytes of the instruction that ``code`` begins with; 0 if it is not known.

    Otherwise equal to the size of ``decode(code, address)``. It is not known
    where the decoder finds no instruction, and where CPUs disagree: a near
    branch with an operand-size prefix (SDM vol. 2A, Jcc, CALL, JMP: ignored in
    64-bit mode; APM vol. 3: it makes the displacement 16 bits wide), and UD0,
    which has a ModRM byte on some (SDM vol. 2B, UD).
    """
    encoding = parse(code)
    if encoding.start == len(encoding.raw) or _disputed(encoding):
        return 0
    system = match(encoding)
    size = system.size(encoding) if system is not None else None
    if size is not None:
        return size if size <= len(encoding.raw) else 0
    found = next(_disassembler().disasm_lite(encoding.raw, 0, 1), None)
    return 0 if found is None else int(found[1])


def _disputed(encoding: Encoding) -> bool:
    first, second = encoding.opcode[0], encoding.opcode[1:2]
    if first == 0x0F:
        return second == b"\xff" or (encoding.has(0x66) and b"\x80" <= second <= b"\x8f")
    return encoding.has(0x66) and first in (0xE8, 0xE9)

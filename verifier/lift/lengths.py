# SPDX-License-Identifier: BSD-2-Clause
"""How long an instruction is: what ``verifier.lift.decode`` answers, without the rest of its work."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import capstone

from verifier.isa import match, parse


@lru_cache(maxsize=1)
def _disassembler() -> Any:
    return capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)


def length(code: bytes) -> int:
    """Bytes of the instruction that ``code`` begins with; 0 if there is none that the decoder knows.

    Equal to the size of ``decode(code, address)`` wherever that finds an
    instruction: raw bytes decide for the system instructions that have no
    operands, the disassembler for all others.
    """
    encoding = parse(code)
    system = match(encoding)
    if system is not None and system.opcode_bytes is not None:
        size = encoding.start + system.opcode_bytes
        return size if size <= len(encoding.raw) else 0
    found = next(_disassembler().disasm_lite(encoding.raw, 0, 1), None)
    return 0 if found is None else int(found[1])

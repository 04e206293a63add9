# SPDX-License-Identifier: BSD-2-Clause
"""Recognition of the instructions that leave the kernel, by their raw bytes.

SDM vol. 2B, SYSRET: 0F 07, REX.W makes it SYSRETQ; only the REX directly
before the opcode counts, so 48 F3 0F 07 is SYSRETL. SDM vol. 2B, SYSEXIT: 0F
35. SDM vol. 2A, IRET: CF, REX.W makes it IRETQ. FRED specification, ERETU: F3
0F 01 CA (ERETS, F2 0F 01 CA, stays in the kernel).
"""

from __future__ import annotations

from verifier.isa.encoding import Encoding
from verifier.isa.machine import Instruction


def _unlocked(encoding: Encoding) -> bool:
    return not encoding.has(0xF0)


def _exit(mnemonic: str, manual: str, wide: bool | None, *opcode: int, prefix: int = 0) -> Instruction:
    def matches(encoding: Encoding) -> bool:
        return (
            encoding.starts(*opcode)
            and _unlocked(encoding)
            and (wide is None or encoding.rex_w == wide)
            and (not prefix or encoding.has(prefix))
        )

    return Instruction(mnemonic, "exit", manual, matches, len(opcode))


SYSRETQ = _exit("sysretq", "SDM vol. 2B, SYSRET", True, 0x0F, 0x07)
SYSRETL = _exit("sysretl", "SDM vol. 2B, SYSRET", False, 0x0F, 0x07)
SYSEXITQ = _exit("sysexitq", "SDM vol. 2B, SYSEXIT", True, 0x0F, 0x35)
SYSEXITL = _exit("sysexitl", "SDM vol. 2B, SYSEXIT", False, 0x0F, 0x35)
IRETQ = _exit("iretq", "SDM vol. 2A, IRET/IRETD/IRETQ", True, 0xCF)
IRETD = _exit("iretd", "SDM vol. 2A, IRET/IRETD/IRETQ", False, 0xCF)
ERETU = _exit("eretu", "FRED specification, ERETU", None, 0x0F, 0x01, 0xCA, prefix=0xF3)

# SPDX-License-Identifier: BSD-2-Clause
"""CPU facts: every privileged, exit and trap instruction that the lifter does not get from VEX.

To add one, write its module (mnemonic, citation, step) and list it here.
"""

from __future__ import annotations

from verifier.isa import cpu_reads, shadow_stack
from verifier.isa.barriers import ENDBR64, LFENCE, MFENCE, PAUSE, SFENCE
from verifier.isa.control_registers import MOV_FROM_CR, MOV_TO_CR
from verifier.isa.encoding import Encoding, parse
from verifier.isa.exits import ERETU, IRETD, IRETQ, SYSEXITL, SYSEXITQ, SYSRETL, SYSRETQ
from verifier.isa.flags_stack import POPFQ, PUSHFQ
from verifier.isa.interrupt_flag import CLI, STI
from verifier.isa.machine import Instruction
from verifier.isa.msr import RDMSR, WRMSR
from verifier.isa.prefetch import PREFETCH, PREFETCHW
from verifier.isa.segment_bases import READ_BASE, WRITE_BASE
from verifier.isa.smap import CLAC, STAC
from verifier.isa.stack_segment import MOV_TO_SS
from verifier.isa.swapgs import SWAPGS
from verifier.isa.traps import HLT, INT3, UD1, UD2
from verifier.isa.verw import VERW

INSTRUCTIONS: tuple[Instruction, ...] = (
    SYSRETQ, SYSRETL, SYSEXITQ, SYSEXITL, IRETQ, IRETD, ERETU,
    UD1, UD2, INT3, HLT,
    SWAPGS, CLI, STI, PUSHFQ, POPFQ, MOV_FROM_CR, MOV_TO_CR, RDMSR, WRMSR, READ_BASE, WRITE_BASE,
    MOV_TO_SS, VERW, CLAC, STAC, LFENCE, MFENCE, SFENCE, ENDBR64, PAUSE,
    PREFETCH, PREFETCHW, *cpu_reads.INSTRUCTIONS, *shadow_stack.INSTRUCTIONS,
)  # fmt: skip

__all__ = ["INSTRUCTIONS", "Encoding", "Instruction", "match", "parse"]


def match(encoding: Encoding) -> Instruction | None:
    """The modelled system instruction that these bytes begin with, if it is one."""
    if encoding.has(0xF0):
        return None
    for instruction in INSTRUCTIONS:
        if instruction.matches(encoding):
            return instruction
    return None

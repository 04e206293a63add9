# SPDX-License-Identifier: BSD-2-Clause
"""Instructions that Unicorn does not execute as the manual says, done on its registers.

The reasons are those of ``replay/machine.py``: most MSRs forget what is
written, MOV to CR3 keeps bit 63, there are no descriptors, and time stamps,
CPU identities and shadow stacks are the emulator's own or not there at all.
"""

from __future__ import annotations

import random
from typing import Any

from unicorn import x86_const

from verifier.challenge.instructions import Action, Instruction
from verifier.challenge.machines import ARITHMETIC, End, Start
from verifier.isa.encoding import BY_NUMBER
from verifier.model import GPRS

NUMBER = {name: getattr(x86_const, f"UC_X86_REG_{name.upper()}") for name in GPRS}
RFLAGS, CR3, CR4 = x86_const.UC_X86_REG_RFLAGS, x86_const.UC_X86_REG_CR3, x86_const.UC_X86_REG_CR4
DEFINED = 0x3F7FD7 & ~0x30000
"""The defined bits of RFLAGS (SDM vol. 1, 3.4.3) without RF and VM."""
BASES = {0xC0000100: "fs_base", 0xC0000101: "gs_base", 0xC0000102: "kernel_gs_base"}
_CANONICAL_MSRS = frozenset((0x175, 0x176, 0xC0000082, 0xC0000083, *BASES))  # WRMSR in SDM vol. 2C
_COMMANDS = frozenset((0x49, 0x10B))  # IA32_PRED_CMD, IA32_FLUSH_CMD: nothing to read back
_MASK64 = (1 << 64) - 1
_RAX, _RCX, _RDX = 0, 1, 2
_CET = 23  # of CR4; with it IA32_S_CET is taken to enable supervisor shadow stacks


class IncomparableError(Exception):
    """What comes next is nothing that this machine can say anything about."""


def canonical(address: int, la57: bool) -> bool:
    """Whether a 64-bit address is canonical (SDM vol. 1, 3.3.7.1)."""
    shift = 56 if la57 else 47
    return address >> shift in (0, _MASK64 >> shift)


def execute(uc: Any, start: Start, end: End, plan: Instruction) -> str:
    """Execute an instruction that ``end.trace`` already has; gives the fault that it raises, or "".

    Raises IncomparableError.
    """
    match plan.action:
        case Action.WRMSR:
            return _wrmsr(uc, start, end)
        case Action.RDMSR:
            _rdmsr(uc, end)
        case Action.TO_CR3:
            # The clause compares what was written, bit 63 included; reading gives it as 0 (SDM vol. 2B, MOV to CR).
            end.cr3 = _get(uc, plan.register)
            uc.reg_write(CR3, end.cr3 & ~(1 << 63))
        case Action.FROM_CR:
            # Nothing here writes them: one value in the whole run, which says nothing about any of their bits.
            known = random.Random(start.entropy ^ plan.opcode.modrm & 0x38)  # noqa: S311
            _set(uc, plan.register, known.getrandbits(64))
        case Action.TO_SS:
            end.ss_flat = int(_get(uc, plan.register) & 0xFFFC != 0)
        case Action.ANSWER:
            source = _source(start, end)
            for number in plan.answers:
                _set(uc, number, source.choice((0, 1, 0xFFFFFFFF, source.getrandbits(32))))
        case Action.RDSSP:
            if uc.reg_read(CR4) >> _CET & 1:
                _set(uc, plan.register, _source(start, end).getrandbits(61) << 3)
        case Action.SHADOW | Action.SHADOW_CF if not uc.reg_read(CR4) >> _CET & 1:
            return "#UD: supervisor shadow stacks are off"
        case Action.SHADOW_CF:
            found = _source(start, end).getrandbits(1)
            uc.reg_write(RFLAGS, uc.reg_read(RFLAGS) & DEFINED & ~ARITHMETIC | found)
    return ""


def _source(start: Start, end: End) -> random.Random:
    return random.Random(start.entropy ^ len(end.trace))  # noqa: S311 - reproducible, not secret


def _get(uc: Any, number: int) -> int:
    return int(uc.reg_read(NUMBER[BY_NUMBER[number]]))


def _set(uc: Any, number: int, value: int) -> None:
    uc.reg_write(NUMBER[BY_NUMBER[number]], value & _MASK64)


def _wrmsr(uc: Any, start: Start, end: End) -> str:
    number = _get(uc, _RCX) & 0xFFFFFFFF
    value = (_get(uc, _RDX) & 0xFFFFFFFF) << 32 | _get(uc, _RAX) & 0xFFFFFFFF
    if number in _CANONICAL_MSRS and not canonical(value, bool(start.cr4 >> 12 & 1)):
        return f"#GP: WRMSR of the non-canonical {value:#x}"
    if number in BASES:
        uc.msr_write(number, value)
    elif number not in _COMMANDS:
        if number not in end.msrs:
            raise IncomparableError("WRMSR of an MSR that is not part of the state")
        end.msrs[number] = value
    return ""


def _rdmsr(uc: Any, end: End) -> None:
    number = _get(uc, _RCX) & 0xFFFFFFFF
    if number not in BASES and number not in end.msrs:
        raise IncomparableError("RDMSR of an MSR that is not part of the state")
    value = int(uc.msr_read(number)) if number in BASES else end.msrs[number]
    _set(uc, _RAX, value & 0xFFFFFFFF)
    _set(uc, _RDX, value >> 32)

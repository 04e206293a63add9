# SPDX-License-Identifier: BSD-2-Clause
"""What the challenge's machine does with each instruction: let Unicorn run it, do it in Python, or stop.

By the raw bytes alone; the opcode table is that of the replay.
"""

from __future__ import annotations

from enum import Enum

from verifier.isa.encoding import parse as encoding_of
from verifier.isa.exits import ERETU, IRETD, IRETQ, SYSEXITL, SYSEXITQ, SYSRETL, SYSRETQ
from verifier.isa.traps import HLT, INT3, UD1, UD2
from verifier.model import Image
from verifier.records import record
from verifier.replay.opcode import Opcode, parse, refused


class Action(Enum):
    """Who executes an instruction, and what comes of it."""

    RUN = "Unicorn runs it"
    EXIT = "the run ends: an exit instruction"
    TRAP = "the run ends: an exception or a halt"
    LEFT = "no code of the image"
    REFUSED = "no answer of Unicorn's would mean anything"
    CALL = "a call that is not followed"
    TAIL = "a jump to a function that is not followed and returns to the caller"
    RESUME = "an exception whose handler goes on behind it"
    WRMSR = "WRMSR"
    RDMSR = "RDMSR"
    TO_CR3 = "MOV to CR3"
    FROM_CR = "MOV from CR0, CR2 or CR8"
    TO_SS = "MOV to SS"
    ANSWER = "CPUID, RDTSC, RDTSCP, RDPID"
    RDSSP = "RDSSP"
    SHADOW = "an access to the shadow stack"
    SHADOW_CF = "an access to the shadow stack that tells in CF what it found"


@record
class Instruction:
    """One instruction of the image. ``size`` is 0 where nobody has to know it.

    ``ways`` are where a conditional jump may go: on, and to its target.

    ``moves_stack`` and ``changes_if`` may be true too often, never too seldom; ``changes_if`` also stands
    for a write of a segment base. ``target`` is that of a direct call, ``register`` and ``answers`` are GPRs by number.
    """

    address: int
    action: Action
    opcode: Opcode
    mnemonic: str = ""
    size: int = 0
    moves_stack: bool = True
    changes_if: bool = False
    is_sti: bool = False
    is_gs: bool = False
    is_push: bool = False
    target: int | None = None
    register: int = 0
    answers: tuple[int, ...] = ()
    ways: tuple[int, ...] = ()


_EXITS = (SYSRETQ, SYSRETL, SYSEXITQ, SYSEXITL, IRETQ, IRETD, ERETU)
_TRAPS = (UD1, UD2, INT3, HLT)
_NOTHING = Opcode((0,), 0, 0)
# Opcodes with a ModRM byte that write nothing but its register operand, and such that write no register at all.
_TO_REGISTER = frozenset({(0x8B,), (0x8D,), (0x03,), (0x0B,), (0x23,), (0x2B,), (0x33,), (0x63,)})
_NO_REGISTER = frozenset({(0x39,), (0x3B,), (0x38,), (0x3A,), (0x84,), (0x85,), (0x3C,), (0x3D,), (0xA8,), (0xA9,)})
_TO_MEMORY = frozenset({(0x89,), (0x01,), (0x09,), (0x21,), (0x29,), (0x31,), (0xC7,), (0x88,), (0xC6,)})


def classify(
    image: Image, address: int, unfollowed: frozenset[int], followed: frozenset[int] | None, ends: frozenset[str]
) -> Instruction:
    """The instruction at an address; with ``followed`` no other call is. ``ends`` are functions that do not return."""
    code = image.code_at(address)
    if not code:
        return Instruction(address, Action.LEFT, _NOTHING)
    opcode, encoding = parse(code), encoding_of(code)
    for one in _EXITS:
        if one.matches(encoding):
            return Instruction(address, Action.EXIT, opcode, one.mnemonic)
    for one in _TRAPS:
        if one.matches(encoding):
            if address in image.resumes:
                return Instruction(address, Action.RESUME, opcode, one.mnemonic, opcode.skipped)
            return Instruction(address, Action.TRAP, opcode, one.mnemonic)
    special = _special(address, opcode, encoding.rex & 1, encoding.rex_w)
    if special is not None:
        return special
    reason = refused(opcode)
    if reason:
        return Instruction(address, Action.REFUSED, opcode, reason)
    target = _direct_call(address, opcode)
    if opcode.is_call:
        if target is not None and (
            not image.code_at(target, 1) or address in unfollowed or _named(image, target, ends)
        ):
            return Instruction(address, Action.CALL, opcode, "call", opcode.start + 4, target=target)
        if address in unfollowed or address in image.opaque:
            size = opcode.start + operand_length(opcode.rest)
            return Instruction(address, Action.CALL, opcode, "call", size)
        if followed is not None and address not in followed:
            return Instruction(address, Action.REFUSED, opcode, "a call that the seed does not make")
    if opcode.is_jump and address in image.opaque:
        # Running code sends it elsewhere: its target in the file means nothing.
        if address in unfollowed and opcode.code[0] in (0xE9, 0xEB, 0xFF):
            return Instruction(address, Action.TAIL, opcode, "jmp")
        return Instruction(address, Action.REFUSED, opcode, "a jump that running code sends elsewhere")
    return Instruction(
        address,
        Action.RUN,
        opcode,
        moves_stack=_moves_stack(opcode, encoding.rex),
        changes_if=opcode.code in ((0xFA,), (0xFB,), (0x9D,), (0x0F, 0x01)) or opcode.writes_base,
        is_sti=opcode.code == (0xFB,),
        is_gs=0x65 in opcode.prefixes,
        is_push=_is_push(opcode),
        ways=_ways(address, opcode),
    )


def _special(address: int, opcode: Opcode, rex_b: int, wide: bool) -> Instruction | None:
    """Instructions of which Unicorn's version is not good enough."""
    general = opcode.modrm & 7 | rex_b << 3
    start = opcode.start
    match opcode.code, opcode.group:
        case (0x0F, 0x30), _:
            return Instruction(address, Action.WRMSR, opcode, "wrmsr", start)
        case (0x0F, 0x32), _:
            return Instruction(address, Action.RDMSR, opcode, "rdmsr", start)
        case (0x0F, 0x20), 0 | 2:
            return Instruction(address, Action.FROM_CR, opcode, "mov", start + 1, register=general)
        case (0x0F, 0x22), 3:
            return Instruction(address, Action.TO_CR3, opcode, "mov", start + 1, register=general)
        case (0x0F, 0x22), _:
            return Instruction(address, Action.REFUSED, opcode, "a write to CR0, CR2, CR4 or CR8")
        case (0x0F, 0xA2), _:
            return Instruction(address, Action.ANSWER, opcode, "cpuid", start, answers=(0, 3, 1, 2))
        case (0x0F, 0x31), _:
            return Instruction(address, Action.ANSWER, opcode, "rdtsc", start, answers=(0, 2))
        case (0x0F, 0x01), _ if opcode.modrm == 0xF9:
            return Instruction(address, Action.ANSWER, opcode, "rdtscp", start + 1, answers=(0, 2, 1))
        case (0x0F, 0xC7), 7 if opcode.modrm >= 0xF8 and 0xF3 in opcode.prefixes:
            return Instruction(address, Action.ANSWER, opcode, "rdpid", start + 1, answers=(general,))
        case (0x8E,), 2 if opcode.modrm >= 0xC0:
            return Instruction(address, Action.TO_SS, opcode, "mov", start + 1, register=general)
        case (0x8E,), _:
            return Instruction(address, Action.REFUSED, opcode, "a load of a segment register")
        case (0x0F, 0x1E), 1 if opcode.on_shadow_stack and wide:
            return Instruction(address, Action.RDSSP, opcode, "rdssp", start + 1, register=general)
        case (0x0F, 0xAE), 6 if opcode.on_shadow_stack:
            return Instruction(address, Action.SHADOW_CF, opcode, "clrssbsy", opcode.skipped)
        case (0x0F, 0x01), 5 if opcode.on_shadow_stack and opcode.modrm < 0xC0:
            return Instruction(address, Action.SHADOW_CF, opcode, "rstorssp", opcode.skipped)
        case ((0x0F, 0xAE), 5) | ((0x0F, 0x01 | 0x38), _) if opcode.on_shadow_stack:
            return Instruction(address, Action.SHADOW, opcode, "incssp, setssbsy, saveprevssp or wrss", opcode.skipped)
        case (0x0F, 0xB1), _ if not wide and 0x66 not in opcode.prefixes:
            return Instruction(address, Action.REFUSED, opcode, "a 32-bit CMPXCHG clears half of a register")
    return None


def _named(image: Image, target: int, names: frozenset[str]) -> bool:
    """Whether a function of one of these names begins there."""
    named = image.symbol_before(target) if names else None
    return named is not None and not named[1] and named[0] in names


def _direct_call(address: int, opcode: Opcode) -> int | None:
    if opcode.code != (0xE8,) or len(opcode.rest) < 4:
        return None
    return address + opcode.start + 4 + int.from_bytes(opcode.rest[:4], "little", signed=True) & (1 << 64) - 1


def _ways(address: int, opcode: Opcode) -> tuple[int, ...]:
    one, two = opcode.code[0], opcode.code[-1]
    width = 1 if 0x70 <= one <= 0x7F else 4 if one == 0x0F and 0x80 <= two <= 0x8F else 0
    if not width or len(opcode.rest) < width:
        return ()
    following = address + opcode.start + width
    return following, following + int.from_bytes(opcode.rest[:width], "little", signed=True) & (1 << 64) - 1


def _is_push(opcode: Opcode) -> bool:
    one = opcode.code[0]
    pushes = 0x50 <= one <= 0x57 or one in (0x68, 0x6A, 0x9C, 0xE8)
    return pushes or (opcode.code == (0xFF,) and opcode.group in (2, 6))


def _moves_stack(opcode: Opcode, rex: int) -> bool:
    """Whether it may write RSP."""
    code, one = opcode.code, opcode.code[0]
    if code in _NO_REGISTER or (len(code) == 1 and 0x70 <= one <= 0x7F) or one in (0xE9, 0xEB):
        return False
    if code in _TO_REGISTER:
        return opcode.group == 4 and not rex & 4
    if code in _TO_MEMORY:
        return opcode.modrm >= 0xC0 and opcode.modrm & 7 == 4 and not rex & 1
    if code in ((0x81,), (0x83,)):
        return opcode.group != 7 and opcode.modrm >= 0xC0 and opcode.modrm & 7 == 4 and not rex & 1
    if len(code) == 2:
        return not (0x80 <= code[1] <= 0x9F or code == (0x0F, 0x01))
    return True


def operand_length(code: bytes) -> int:
    """Bytes of ModRM, SIB and displacement (SDM vol. 2A, tables 2-2 and 2-3)."""
    modrm, sib = (code + bytes(2))[:2]
    mod, rm = modrm >> 6, modrm & 7
    if mod == 3:
        return 1
    base = sib & 7 if rm == 4 else rm
    return 1 + (rm == 4) + (4 if base == 5 else 0, 1, 4)[mod]

# SPDX-License-Identifier: BSD-2-Clause
"""Code that is copied to another address: which of its operands are relative, and what they become there.

Sources: Intel SDM vol. 2A, 2.1.3 and 2.2.1.6 (ModRM, RIP-relative addressing); vol. 2, CALL, JMP, Jcc, LOOP, XBEGIN
(relative operands count from the end of the instruction).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import capstone

from verifier.records import record

Scope = Literal["all", "whole", "first"]
"""What is adjusted: every near branch and RIP-relative operand; a CALL or JMP with a 32-bit operand that is all of
the code; one that the code begins with."""

_PREFIXES = b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3" + bytes(range(0x40, 0x50))
_BRANCH = ("j", "call", "loop", "xbegin", "bnd j", "bnd call", "notrack")


@record
class _Operand:
    """A signed relative operand: ``width`` bytes at ``field``, counted from ``end``; all are offsets in the code.

    ``common``: of the kind that scope "all" adjusts.
    """

    field: int
    width: int
    end: int
    common: bool
    text: str


def moved(code: bytes, source: int, target: int, scope: Scope) -> tuple[bytes, str]:
    """``code`` from ``source`` as it must read at ``target``, or why that is not known.

    What points into the code itself, or just behind it, moves along. An operand that leaves the code and is not
    adjusted in this ``scope``, or whose adjusted value does not fit its width, is a problem.
    """
    if scope != "all" and code[:1] in (b"\xe8", b"\xe9") and len(code) >= 5 and (scope == "first" or len(code) == 5):
        # This one is adjusted without a look at where it leads.
        adjusted = _adjusted(int.from_bytes(code[1:5], "little", signed=True) + source - target, 4)
        rest, problem = (code[5:], "") if len(code) == 5 else _left_alone(code, 5)
        return (
            (b"", f"{_short(code)}: its target is out of reach")
            if adjusted is None
            else (code[:1] + adjusted + rest, problem)
        )
    if scope != "all":
        return _left_alone(code, 0)
    operands, problem = _relative(code)
    if problem:
        return b"", problem
    result = bytearray(code)
    for operand in operands:
        value = int.from_bytes(code[operand.field : operand.field + operand.width], "little", signed=True)
        if 0 <= operand.end + value <= len(code):
            continue
        if not operand.common:
            return b"", f"{operand.text}: its target is relative, and boot code does not adjust this kind"
        adjusted = _adjusted(value + source - target, operand.width)
        if adjusted is None:
            return b"", f"{operand.text}: its target is out of reach from {target:#x}"
        result[operand.field : operand.field + operand.width] = adjusted
    return bytes(result), ""


def _left_alone(code: bytes, start: int) -> tuple[bytes, str]:
    """The code from ``start`` as it is, or the operand in it that would need an adjustment."""
    operands, problem = _relative(code)
    for operand in operands:
        value = int.from_bytes(code[operand.field : operand.field + operand.width], "little", signed=True)
        if operand.field >= start and not 0 <= operand.end + value <= len(code):
            problem = problem or f"{operand.text}: its target is relative, and boot code does not adjust it here"
    return (b"", problem) if problem else (code[start:], "")


def _adjusted(value: int, width: int) -> bytes | None:
    """The value as a signed field of that many bytes; None if it does not fit."""
    bound = 1 << (8 * width - 1)
    return value.to_bytes(width, "little", signed=True) if -bound <= value < bound else None


@lru_cache(maxsize=4096)
def _relative(code: bytes) -> tuple[tuple[_Operand, ...], str]:
    """The relative operands of the code, or why it cannot be taken apart."""
    found: list[_Operand] = []
    at = 0
    for address, size, mnemonic, text in _engine().disasm_lite(code, 0):
        if address != at:
            break
        at += size
        shown = f"{mnemonic} {text}"
        if text.startswith("0x") and mnemonic.startswith(_BRANCH):
            operand = _branch(code, address, size, shown)
        elif "rip" in text:
            operand = _memory(code, address, size, shown)
        else:
            continue
        if operand is None:
            return (), f"{shown}: its encoding is not understood"
        found.append(operand)
    if at != len(code):
        return (), f"no instruction at {code[at : at + 8].hex(' ')}"
    return tuple(found), ""


def _branch(code: bytes, start: int, size: int, text: str) -> _Operand | None:
    opcode = start
    while code[opcode] in _PREFIXES:
        opcode += 1
    first, second = code[opcode], code[opcode + 1]
    long = first in (0xE8, 0xE9)
    near = 0x70 <= first <= 0x7F or first == 0xEB
    loop = 0xE0 <= first <= 0xE3
    wide = (first == 0x0F and 0x80 <= second <= 0x8F) or (first, second) == (0xC7, 0xF8)
    if not (long or near or loop or wide):
        return None
    width = 1 if near or loop else 4
    field = opcode + (2 if wide else 1)
    if field + width != start + size:
        return None
    return _Operand(field, width, start + size, not loop and first != 0xC7, text)


def _memory(code: bytes, start: int, size: int, text: str) -> _Operand | None:
    found = next(_engine(detail=True).disasm(code[start : start + size], 0, 1), None)
    if found is None or found.disp_size != 4:
        return None
    return _Operand(start + found.disp_offset, 4, start + size, True, text)


def _short(code: bytes) -> str:
    return f"{'call' if code[0] == 0xE8 else 'jmp'} {code[1:5].hex(' ')}"


@lru_cache(maxsize=2)
def _engine(detail: bool = False) -> Any:
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    engine.detail = detail
    return engine

# SPDX-License-Identifier: BSD-2-Clause
"""VEX integer operations on claripy terms; whatever is not in the table has no meaning here.

Names and meanings are those of VEX's libvex_ir.h: ``64HIto32`` is the upper
half, ``64HLto128`` joins two halves, ``CmpLT64S`` compares signed; a
comparison gives one bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import claripy

from verifier.terms import Term, Truth, select

WIDTHS = (8, 16, 32, 64)
Operation = Callable[..., Term]


def _bit(condition: Truth) -> Term:
    return select(condition, 1, 0, 1)


def _amount(value: Term, count: Term) -> Term:
    """A shift count (8 bits) at the width of the shifted value."""
    width = value.size()
    return count.zero_extend(width - 8) if width > 8 else count


def _count_leading(value: Term) -> Term:
    width = value.size()
    result: Term = claripy.BVV(width, width)
    for index in range(width):
        result = claripy.If(value[index:index] == 1, claripy.BVV(width - 1 - index, width), result)
    return result


def _count_trailing(value: Term) -> Term:
    width = value.size()
    result: Term = claripy.BVV(width, width)
    for index in range(width - 1, -1, -1):
        result = claripy.If(value[index:index] == 1, claripy.BVV(index, width), result)
    return result


def _widening(width: int, signed: bool) -> Operation:
    def multiply(left: Term, right: Term) -> Term:
        if signed:
            return left.sign_extend(width) * right.sign_extend(width)
        return left.zero_extend(width) * right.zero_extend(width)

    return multiply


def _extension(source: int, target: int, signed: bool) -> Operation:
    def extend(value: Term) -> Term:
        return value.sign_extend(target - source) if signed else value.zero_extend(target - source)

    return extend


def _slice(high: int, low: int) -> Operation:
    return lambda value: value[high:low]


@cache
def table() -> dict[str, Operation]:
    """Every operation, by its name without the ``Iop_`` prefix."""
    operations: dict[str, Operation] = {
        "Not1": lambda a: ~a,
        "And1": lambda a, b: a & b,
        "Or1": lambda a, b: a | b,
    }
    for width in WIDTHS:
        operations |= {
            f"Add{width}": lambda a, b: a + b,
            f"Sub{width}": lambda a, b: a - b,
            f"Mul{width}": lambda a, b: a * b,
            f"And{width}": lambda a, b: a & b,
            f"Or{width}": lambda a, b: a | b,
            f"Xor{width}": lambda a, b: a ^ b,
            f"Not{width}": lambda a: ~a,
            f"Shl{width}": lambda a, b: a << _amount(a, b),
            f"Shr{width}": lambda a, b: a.LShR(_amount(a, b)),
            f"Sar{width}": lambda a, b: a >> _amount(a, b),
            f"CmpEQ{width}": lambda a, b: _bit(a == b),
            f"CmpNE{width}": lambda a, b: _bit(a != b),
            f"CasCmpEQ{width}": lambda a, b: _bit(a == b),
            f"CasCmpNE{width}": lambda a, b: _bit(a != b),
            f"ExpCmpNE{width}": lambda a, b: _bit(a != b),
            f"CmpNEZ{width}": lambda a: _bit(a != 0),
            f"CmpLT{width}U": lambda a, b: _bit(a.ULT(b)),
            f"CmpLE{width}U": lambda a, b: _bit(a.ULE(b)),
            f"CmpLT{width}S": lambda a, b: _bit(a.SLT(b)),
            f"CmpLE{width}S": lambda a, b: _bit(a.SLE(b)),
            f"MullU{width}": _widening(width, signed=False),
            f"MullS{width}": _widening(width, signed=True),
            f"{width}to1": _slice(0, 0),
            f"1Uto{width}": _extension(1, width, signed=False),
            f"1Sto{width}": _extension(1, width, signed=True),
            f"{width}HLto{2 * width}": lambda a, b: claripy.Concat(a, b),
            f"{2 * width}HIto{width}": _slice(2 * width - 1, width),
            f"{2 * width}to{width}": _slice(width - 1, 0),
        }
        for target in WIDTHS:
            if target > width:
                operations[f"{width}Uto{target}"] = _extension(width, target, signed=False)
                operations[f"{width}Sto{target}"] = _extension(width, target, signed=True)
                operations[f"{target}to{width}"] = _slice(width - 1, 0)
    for width in (32, 64):
        operations[f"Clz{width}"] = operations[f"ClzNat{width}"] = _count_leading
        operations[f"Ctz{width}"] = operations[f"CtzNat{width}"] = _count_trailing
    return operations

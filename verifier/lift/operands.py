# SPDX-License-Identifier: BSD-2-Clause
"""Operands of the instructions that we execute ourselves: their widths, values and what is written to them."""

from __future__ import annotations

import claripy

from verifier.isa.machine import NotModelled
from verifier.lift.decode import ImmediateOperand, MemoryOperand, Operand, RegisterOperand
from verifier.lift.state import State
from verifier.terms import Term, as_term


def width(operand: Operand) -> int:
    """Width in bits."""
    return operand.width if isinstance(operand, RegisterOperand) else operand.size * 8


def fit(value: Term, to: int) -> Term:
    """A term cut or zero-extended to ``to`` bits."""
    size = int(value.size())
    return value[to - 1 : 0] if size > to else value.zero_extend(to - size)


def read(state: State, operand: Operand) -> Term:
    """A register's value in its width, or an immediate in 64 bits. Raises NotModelled for memory."""
    match operand:
        case RegisterOperand(register, low, bits):
            return state.gprs[register][low + bits - 1 : low]
        case ImmediateOperand(value, _):
            return as_term(value, 64)
        case _:
            raise NotModelled("a memory operand here")


def fetch(state: State, operand: Operand) -> Term:
    """Like ``read``, but memory is loaded."""
    return (
        state.load(state.effective(operand), operand.size)
        if isinstance(operand, MemoryOperand)
        else read(state, operand)
    )


def write(state: State, operand: RegisterOperand, value: Term) -> None:
    """Write a part of a GPR; a 32-bit write clears the upper half (SDM vol. 1, 3.4.1.1)."""
    if operand.width == 64:
        state.gprs[operand.register] = value
    elif operand.width == 32:
        state.gprs[operand.register] = value.zero_extend(32)
    else:
        old = state.gprs[operand.register]
        high = operand.low + operand.width
        parts = [old[63:high], value] + ([old[operand.low - 1 : 0]] if operand.low else [])
        state.gprs[operand.register] = claripy.Concat(*parts)

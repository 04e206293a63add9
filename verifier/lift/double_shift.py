# SPDX-License-Identifier: BSD-2-Clause
"""SHLD and SHRD.

SDM vol. 2B, SHLD and SHRD: the count is taken modulo 32, or 64 with a 64-bit
operand; a count of 0 changes nothing. CF is the last bit shifted out, SF, ZF
and PF are the result's, OF is the change of sign for a count of 1 and
undefined above; AF is undefined. With a count above the operand's width the
result and all six flags are undefined.
"""

from __future__ import annotations

import claripy

from verifier.lift import operands
from verifier.lift.decode import Decoded, MemoryOperand, RegisterOperand
from verifier.lift.flags import ARITHMETIC
from verifier.lift.state import State
from verifier.terms import Term, as_term, concrete, decided, eq, select

MNEMONICS = frozenset({"shld", "shrd"})


def step(state: State, decoded: Decoded) -> None:
    """Shift; the destination is written in every case but a constant count of 0."""
    target, source, amount = decoded.operands
    width = operands.width(target)
    address = state.effective(target) if isinstance(target, MemoryOperand) else None
    old = operands.fetch(state, target)
    filling = operands.read(state, source)
    count = operands.fit(operands.read(state, amount), 8) & (63 if width == 64 else 31)
    if concrete(count) == 0:
        if isinstance(target, RegisterOperand):
            operands.write(state, target, old)  # a 32-bit operand's upper half
        return
    wide = operands.fit(count, 2 * width)
    if decoded.mnemonic == "shld":
        result = (old.concat(filling) << wide)[2 * width - 1 : width]
        carry = (old.zero_extend(width) << wide)[width:width]
    else:
        result = claripy.LShR(filling.concat(old), wide)[width - 1 : 0]
        carry = claripy.LShR(old.concat(as_term(0, width)), wide)[width - 1 : width - 1]
    flags = _flags(state, old, result, carry, count, width)
    none, beyond = eq(count, as_term(0, 8)), count.UGT(width)
    if width == 16 and decided(beyond) is not False:
        result = select(beyond, state.fresh("result", width), result, width)
        flags = {name: select(beyond, state.fresh(name, 1), value, 1) for name, value in flags.items()}
    state.choose_flags({name: select(none, state.get(name), value, 1) for name, value in flags.items()})
    result = select(none, old, result, width)
    if isinstance(target, RegisterOperand):
        operands.write(state, target, result)
    else:
        state.store(address, result, width // 8)


def _flags(state: State, old: Term, result: Term, carry: Term, count: Term, width: int) -> dict[str, Term]:
    """The flags for a count from 1 to the width."""
    sign = result[width - 1 : width - 1]
    odd = claripy.BVV(0, 1)
    for index in range(8):
        odd = odd ^ result[index:index]
    given = {
        "cf": carry,
        "sf": sign,
        "zf": select(eq(result, as_term(0, width)), 1, 0, 1),
        "pf": ~odd,
        "af": state.fresh("af", 1),
        "of": sign ^ old[width - 1 : width - 1],
    }
    if concrete(count) != 1:
        given["of"] = select(eq(count, as_term(1, 8)), given["of"], state.fresh("of", 1), 1)
    return {name: given[name] for name in ARITHMETIC}

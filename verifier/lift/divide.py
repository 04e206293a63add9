# SPDX-License-Identifier: BSD-2-Clause
"""DIV and IDIV.

SDM vol. 2A, DIV and IDIV: AX, DX:AX, EDX:EAX or RDX:RAX is divided by the
operand; the quotient is truncated towards 0, the remainder has the dividend's
sign. #DE if the divisor is 0 or the quotient does not fit into the
destination. OF, SF, ZF, AF, PF and CF are undefined.
"""

from __future__ import annotations

from verifier.lift import operands
from verifier.lift.decode import Decoded, RegisterOperand
from verifier.lift.flags import ARITHMETIC
from verifier.lift.state import State
from verifier.terms import Term, Truth, as_term, concrete, eq, land, lnot, lor, mask

MNEMONICS = frozenset({"div", "idiv"})


def step(state: State, decoded: Decoded) -> None:
    """Divide; the state is left alone where the divisor is the constant 0, because no machine goes on."""
    width = operands.width(decoded.operands[0])
    divisor = operands.fetch(state, decoded.operands[0])
    low_half = RegisterOperand("rax", 0, width)
    high_half = RegisterOperand("rax", 8, 8) if width == 8 else RegisterOperand("rdx", 0, width)
    low, high = operands.read(state, low_half), operands.read(state, high_half)
    if concrete(divisor) == 0:
        state.trap_if(True, "#DE: division by 0")
        return
    divide = _signed if decoded.mnemonic == "idiv" else _unsigned
    quotient, remainder, error = divide(high, low, divisor, width)
    state.trap_if(error, "#DE: the divisor is 0, or the quotient does not fit")
    operands.write(state, low_half, quotient)
    operands.write(state, high_half, remainder)
    state.choose_flags({name: state.fresh(name, 1) for name in ARITHMETIC})


def _unsigned(high: Term, low: Term, divisor: Term, width: int) -> tuple[Term, Term, Truth]:
    """Quotient, remainder and whether there is none: it does not fit just if high ≥ divisor."""
    if concrete(high) == 0:
        # The usual case, and half as wide for the solver.
        return low // divisor, low % divisor, eq(divisor, as_term(0, width))
    dividend, by = high.concat(low), divisor.zero_extend(width)
    return (dividend // by)[width - 1 : 0], (dividend % by)[width - 1 : 0], high.UGE(divisor)


def _signed(high: Term, low: Term, divisor: Term, width: int) -> tuple[Term, Term, Truth]:
    nothing = eq(divisor, as_term(0, width))
    if _extends(high, low, width):
        least, minus = as_term(1 << width - 1, width), as_term(mask(width), width)
        overflow = land(eq(low, least), eq(divisor, minus))
        return low.SDiv(divisor), low.SMod(divisor), lor(nothing, overflow)
    dividend, by = high.concat(low), divisor.sign_extend(width)
    quotient = dividend.SDiv(by)
    fits = eq(quotient[width - 1 : 0].sign_extend(width), quotient)
    # The least dividend by -1 wraps around to itself in 2·width bits, and its low half is not its sign extension.
    return quotient[width - 1 : 0], dividend.SMod(by)[width - 1 : 0], lor(nothing, lnot(fits))


def _extends(high: Term, low: Term, width: int) -> bool:
    """Whether the upper half is evidently the sign of the lower one, as CWD, CDQ and CQO make it."""
    constant, sign = concrete(high), concrete(low)
    if constant is not None and sign is not None:
        return constant == (mask(width) if sign >> width - 1 else 0)
    return high is low >> width - 1

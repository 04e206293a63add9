# SPDX-License-Identifier: BSD-2-Clause
"""Bit-vector operations that run on Python ints and on claripy terms alike.

A ``Term`` is an unsigned ``int`` (the width is known from the context) or a
claripy bit vector; a ``Truth`` is a ``bool`` or a claripy Boolean. Every
function here folds when all of its operands are concrete, so the CPU model in
``verifier.isa`` and the clauses in ``verifier.clauses`` are written once and
run symbolically in the proof and concretely in tests and replay. claripy is
imported only when a symbolic operand appears: ``verify-exit explain`` must
not pay for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    Term: TypeAlias = Any
    Truth: TypeAlias = Any
else:
    Term = object
    Truth = object


def mask(width: int) -> int:
    """The value with the low ``width`` bits set."""
    return (1 << width) - 1


def concrete(value: Term) -> int | None:
    """The value of a constant term, or None for a symbolic one."""
    if isinstance(value, int):
        return int(value)
    if value.op == "BVV":
        return int(value.args[0])
    return None


def decided(truth: Truth) -> bool | None:
    """True or False for a syntactically decided Boolean, None otherwise."""
    if isinstance(truth, bool):
        return truth
    if truth.op == "BoolV":
        return bool(truth.args[0])
    return None


def eq(left: Term, right: Term) -> Truth:
    """left = right, for two terms of one width."""
    return left == right


def ite(condition: Truth, then: Term, otherwise: Term, width: int) -> Term:
    """``then`` where the condition holds, else ``otherwise``; both are ``width`` bits wide."""
    known = decided(condition)
    if known is not None:
        return then if known else otherwise
    import claripy

    return claripy.If(condition, as_term(then, width), as_term(otherwise, width))


def select(condition: Truth, then: Term, otherwise: Term, width: int) -> Term:
    """Like ``ite``, but always a claripy term, also where everything is constant."""
    return as_term(ite(condition, then, otherwise, width), width)


def as_term(value: Term, width: int) -> Term:
    """A claripy bit vector of ``width`` bits for an int; a term is returned as it is."""
    if isinstance(value, int):
        import claripy

        return claripy.BVV(value & mask(width), width)
    return value


def as_truth(truth: Truth) -> Truth:
    """A claripy Boolean for a bool; a claripy Boolean is returned as it is."""
    if isinstance(truth, bool):
        import claripy

        return claripy.true() if truth else claripy.false()
    return truth


def land(*truths: Truth) -> Truth:
    """Conjunction; True for none."""
    rest = []
    for truth in truths:
        known = decided(truth)
        if known is False:
            return False
        if known is None:
            rest.append(truth)
    if not rest:
        return True
    if len(rest) == 1:
        return rest[0]
    import claripy

    return claripy.And(*rest)


def lor(*truths: Truth) -> Truth:
    """Disjunction; False for none."""
    rest = []
    for truth in truths:
        known = decided(truth)
        if known is True:
            return True
        if known is None:
            rest.append(truth)
    if not rest:
        return False
    if len(rest) == 1:
        return rest[0]
    import claripy

    return claripy.Or(*rest)


def lnot(truth: Truth) -> Truth:
    """Negation."""
    known = decided(truth)
    if known is not None:
        return not known
    import claripy

    return claripy.Not(truth)


def bits(value: Term, high: int, low: int) -> Term:
    """Bits ``high`` down to ``low`` of a term, ``high - low + 1`` bits wide."""
    if isinstance(value, int):
        return (value >> low) & mask(high - low + 1)
    return value[high:low]


def bit(value: Term, index: int) -> Term:
    """Bit ``index`` of a term, 1 bit wide."""
    return bits(value, index, index)


def zext(value: Term, width: int, to: int) -> Term:
    """Zero extension from ``width`` to ``to`` bits."""
    if isinstance(value, int):
        return value & mask(width)
    return value.zero_extend(to - width)


def sext(value: Term, width: int, to: int) -> Term:
    """Sign extension from ``width`` to ``to`` bits."""
    if isinstance(value, int):
        value &= mask(width)
        return value | (mask(to) ^ mask(width)) if value >> (width - 1) else value
    return value.sign_extend(to - width)


def add(left: Term, right: Term, width: int) -> Term:
    """left + right modulo 2**width."""
    if isinstance(left, int) and isinstance(right, int):
        return (left + right) & mask(width)
    return left + right


def canonical(address: Term, width: int) -> Truth:
    """Whether a 64-bit address sign-extends from bit ``width - 1`` (SDM vol. 1, 3.3.7.1)."""
    return eq(sext(bits(address, width - 1, 0), width, 64), address)


def canonical_under(address: Term, la57: Truth) -> Truth:
    """Whether a 64-bit address is canonical: for 57 bits where ``la57`` holds, else for 48."""
    wide = ite(canonical(address, 57), 1, 0, 1)
    narrow = ite(canonical(address, 48), 1, 0, 1)
    return eq(ite(la57, wide, narrow, 1), 1)

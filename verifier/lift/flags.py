# SPDX-License-Identifier: BSD-2-Clause
"""The six arithmetic flags, evaluated on demand from VEX's condition-code thunk.

VEX records which operation set the flags and its operands (``cc_op``,
``cc_dep1``, ``cc_dep2``, ``cc_ndep``) and computes a flag only where one is
read. The numbering and the meaning of the operands are those of VEX's
guest_amd64_defs.h; the flag equations are the SDM's (vol. 1, 3.4.3.1 and the
instruction pages). We evaluate them ourselves, because one fixed value for a
flag that the manual leaves undefined would be one CPU's choice: such flags are
overridden with fresh symbols by ``verifier.lift.corrections``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from verifier.terms import (
    Term,
    Truth,
    as_term,
    as_truth,
    bit,
    bits,
    concrete,
    eq,
    land,
    lnot,
    lor,
    select,
    zext,
)

ARITHMETIC = ("cf", "pf", "af", "zf", "sf", "of")
"""The flags that integer instructions write; each is a 1-bit term."""

_POSITION = {"cf": 0, "pf": 2, "af": 4, "zf": 6, "sf": 7, "of": 11}
_GROUPS = (
    "add", "sub", "adc", "sbb", "logic", "inc", "dec", "shl", "shr", "rol", "ror", "umul", "smul",
)  # fmt: skip


class UnknownThunk(Exception):
    """The thunk holds an operation that has no equation here."""


class Flags(Protocol):
    """Something that can tell each arithmetic flag."""

    def get(self, name: str) -> Term:
        """The 1-bit term of one of ARITHMETIC. Raises UnknownThunk."""


def operation(cc_op: int) -> tuple[str, int]:
    """Group and operand width in bits of a ``cc_op`` number. Raises UnknownThunk."""
    if cc_op == 0:
        return "copy", 64
    group, size = divmod(cc_op - 1, 4)
    if not 0 <= group < len(_GROUPS):
        raise UnknownThunk(f"flag operation {cc_op}")
    return _GROUPS[group], 8 << size


@dataclass(slots=True)
class Thunk:
    """The flags that one VEX thunk stands for; all four words are 64 bits wide."""

    cc_op: Term
    dep1: Term
    dep2: Term
    ndep: Term
    cache: dict[str, Term] = field(default_factory=dict)

    def get(self, name: str) -> Term:
        """The flag as a 1-bit term."""
        if name not in self.cache:
            self.cache[name] = self._evaluate(self.cc_op, name)
        return self.cache[name]

    def _evaluate(self, cc_op: Term, name: str) -> Term:
        number = concrete(cc_op)
        if number is None:
            if cc_op.op != "If":
                raise UnknownThunk("the flag operation is not a constant here")
            condition, then, otherwise = cc_op.args
            return select(condition, self._evaluate(then, name), self._evaluate(otherwise, name), 1)
        group, width = operation(number)
        if group == "copy":
            return bit(self.dep1, _POSITION[name])
        return _EQUATIONS[group](name, width, self.dep1, self.dep2, self.ndep)


@dataclass(slots=True)
class Chosen:
    """Flags of which some are given and the rest come from ``base``."""

    base: Flags
    given: Mapping[str, Term]

    def get(self, name: str) -> Term:
        """The flag as a 1-bit term."""
        return self.given[name] if name in self.given else self.base.get(name)


@dataclass(slots=True)
class Joined:
    """The flags of two merged paths: ``then`` where the condition holds, else ``otherwise``."""

    condition: Truth
    then: Flags
    otherwise: Flags
    cache: dict[str, Term] = field(default_factory=dict)

    def get(self, name: str) -> Term:
        """The flag as a 1-bit term."""
        if name not in self.cache:
            left, right = self.then.get(name), self.otherwise.get(name)
            self.cache[name] = select(self.condition, left, right, 1)
        return self.cache[name]


def _truth(condition: Truth) -> Term:
    return select(condition, 1, 0, 1)


def _parity(result: Term) -> Term:
    """PF: 1 when the low byte has an even number of ones."""
    low = as_term(bits(as_term(result, 64), 7, 0), 8)
    folded = low ^ (low >> 4)
    folded = folded ^ (folded >> 2)
    folded = folded ^ (folded >> 1)
    return ~folded[0:0]


def _narrow(value: Term, width: int) -> Term:
    return bits(as_term(value, 64), width - 1, 0)


def _common(name: str, result: Term, width: int) -> Term:
    match name:
        case "zf":
            return _truth(eq(result, 0))
        case "sf":
            return bit(result, width - 1)
        case _:
            return _parity(zext(result, width, 64) if width < 64 else result)


def _ult(left: Term, right: Term) -> Truth:
    return as_term(left, 64).ULT(right) if isinstance(left, int) else left.ULT(right)


def _ule(left: Term, right: Term) -> Truth:
    return left.ULE(right)


def _add(name: str, width: int, dep1: Term, dep2: Term, ndep: Term) -> Term:
    return _sum(name, width, _narrow(dep1, width), _narrow(dep2, width), None)


def _adc(name: str, width: int, dep1: Term, dep2: Term, ndep: Term) -> Term:
    carry = as_term(ndep, 64)[0:0]
    right = as_term(dep2, 64) ^ (as_term(ndep, 64) & 1)
    return _sum(name, width, _narrow(dep1, width), _narrow(right, width), carry)


def _sum(name: str, width: int, left: Term, right: Term, carry: Term | None) -> Term:
    result = left + right
    if carry is not None:
        result = result + carry.zero_extend(width - 1)
    match name:
        case "cf":
            plain = _ult(result, left)
            return _truth(plain if carry is None else lor(plain, land(eq(carry, 1), eq(result, left))))
        case "af":
            return bit(result ^ left ^ right, 4)
        case "of":
            return bit(~(left ^ right) & (left ^ result), width - 1)
        case _:
            return _common(name, result, width)


def _sub(name: str, width: int, dep1: Term, dep2: Term, ndep: Term) -> Term:
    return _difference(name, width, _narrow(dep1, width), _narrow(dep2, width), None)


def _sbb(name: str, width: int, dep1: Term, dep2: Term, ndep: Term) -> Term:
    carry = as_term(ndep, 64)[0:0]
    right = as_term(dep2, 64) ^ (as_term(ndep, 64) & 1)
    return _difference(name, width, _narrow(dep1, width), _narrow(right, width), carry)


def _difference(name: str, width: int, left: Term, right: Term, carry: Term | None) -> Term:
    result = left - right
    if carry is not None:
        result = result - carry.zero_extend(width - 1)
    match name:
        case "cf":
            plain = _ult(left, right)
            return _truth(plain if carry is None else lor(plain, land(eq(carry, 1), eq(left, right))))
        case "af":
            return bit(result ^ left ^ right, 4)
        case "of":
            return bit((left ^ right) & (left ^ result), width - 1)
        case "zf":
            return _truth(eq(left, right)) if carry is None else _truth(eq(result, 0))
        case _:
            return _common(name, result, width)


def _logic(name: str, width: int, dep1: Term, dep2: Term, ndep: Term) -> Term:
    if name in ("cf", "of", "af"):
        return as_term(0, 1)
    return _common(name, _narrow(dep1, width), width)


def _inc(name: str, width: int, dep1: Term, dep2: Term, ndep: Term) -> Term:
    return _step(name, width, dep1, ndep, 1 << (width - 1), lambda result: result - 1)


def _dec(name: str, width: int, dep1: Term, dep2: Term, ndep: Term) -> Term:
    return _step(name, width, dep1, ndep, (1 << (width - 1)) - 1, lambda result: result + 1)


def _step(name: str, width: int, dep1: Term, ndep: Term, overflow: int, before: Callable[[Term], Term]) -> Term:
    result = _narrow(dep1, width)
    match name:
        case "cf":
            return as_term(ndep, 64)[0:0]
        case "af":
            return bit(result ^ before(result) ^ 1, 4)
        case "of":
            return _truth(eq(result, overflow))
        case _:
            return _common(name, result, width)


def _shl(name: str, width: int, dep1: Term, dep2: Term, ndep: Term) -> Term:
    result, before = _narrow(dep1, width), _narrow(dep2, width)
    match name:
        case "cf":
            return bit(before, width - 1)
        case "of":
            return bit(result ^ before, width - 1)
        case "af":
            return as_term(0, 1)
        case _:
            return _common(name, result, width)


def _shr(name: str, width: int, dep1: Term, dep2: Term, ndep: Term) -> Term:
    result, before = _narrow(dep1, width), _narrow(dep2, width)
    match name:
        case "cf":
            return bit(before, 0)
        case "of":
            return bit(result ^ before, width - 1)
        case "af":
            return as_term(0, 1)
        case _:
            return _common(name, result, width)


def _rol(name: str, width: int, dep1: Term, dep2: Term, ndep: Term) -> Term:
    return _rotate(name, _narrow(dep1, width), ndep, 0, width - 1, 0)


def _ror(name: str, width: int, dep1: Term, dep2: Term, ndep: Term) -> Term:
    return _rotate(name, _narrow(dep1, width), ndep, width - 1, width - 1, width - 2)


def _rotate(name: str, result: Term, ndep: Term, carry: int, first: int, second: int) -> Term:
    match name:
        case "cf":
            return bit(result, carry)
        case "of":
            return bit(result, first) ^ bit(result, second)
        case _:
            return bit(as_term(ndep, 64), _POSITION[name])


def _umul(name: str, width: int, dep1: Term, dep2: Term, ndep: Term) -> Term:
    left, right = (_narrow(dep, width).zero_extend(width) for dep in (dep1, dep2))
    if name in ("cf", "of"):
        return _truth(lnot(eq((left * right)[2 * width - 1 : width], 0)))
    return as_term(0, 1)


def _smul(name: str, width: int, dep1: Term, dep2: Term, ndep: Term) -> Term:
    left, right = (_narrow(dep, width).sign_extend(width) for dep in (dep1, dep2))
    if name in ("cf", "of"):
        product = left * right
        return _truth(lnot(eq(product[width - 1 : 0].sign_extend(width), product)))
    return as_term(0, 1)


_EQUATIONS: dict[str, Callable[[str, int, Term, Term, Term], Term]] = {
    "add": _add, "sub": _sub, "adc": _adc, "sbb": _sbb, "logic": _logic, "inc": _inc, "dec": _dec,
    "shl": _shl, "shr": _shr, "rol": _rol, "ror": _ror, "umul": _umul, "smul": _smul,
}  # fmt: skip


def condition(number: int, flags: Flags) -> Truth:
    """The truth of condition code ``number`` (SDM vol. 1, appendix B: 0 = O … 15 = NLE)."""
    base, negated = number & ~1, bool(number & 1)

    def is_set(name: str) -> Truth:
        return as_truth(eq(flags.get(name), 1))

    match base:
        case 0:
            truth = is_set("of")
        case 2:
            truth = is_set("cf")
        case 4:
            truth = is_set("zf")
        case 6:
            truth = lor(is_set("cf"), is_set("zf"))
        case 8:
            truth = is_set("sf")
        case 10:
            truth = is_set("pf")
        case 12:
            truth = lnot(eq(flags.get("sf"), flags.get("of")))
        case 14:
            truth = lor(is_set("zf"), lnot(eq(flags.get("sf"), flags.get("of"))))
        case _:
            raise UnknownThunk(f"condition code {number}")
    return lnot(truth) if negated else truth


def packed(flags: Flags) -> Term:
    """The six flags at their RFLAGS positions in a 64-bit term, all other bits 0."""
    value: Term = as_term(0, 64)
    for name in ARITHMETIC:
        value = value | (as_term(flags.get(name), 1).zero_extend(63) << _POSITION[name])
    return value

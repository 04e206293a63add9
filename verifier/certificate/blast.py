# SPDX-License-Identifier: BSD-2-Clause
"""From operations on bit vectors to clauses: a script is satisfiable exactly if its clauses are.

Each bit is a literal: a variable's number, or its negative. Variable 1 is
true. Gates are Tseitin's; one whose value follows from its inputs is none, and
equal gates are one. The numbering depends on the script alone.
Source of every operation's meaning: SMT-LIB, theory FixedSizeBitVectors and
logic QF_BV (division by zero included).
"""

from __future__ import annotations

from collections.abc import Sequence

from verifier.certificate.reader import Node, Script
from verifier.records import record

TRUE = 1
Bits = list[int]
"""Literals, the lowest bit first; a Boolean is one."""

MOST, WORK = 500_000, 20_000_000
"""More clauses than this are not made, and no more gates looked at."""


class TooLarge(Exception):
    """A formula with too many clauses."""


@record
class Cnf:
    """Clauses over the variables 1 to ``variables``."""

    variables: int
    clauses: tuple[tuple[int, ...], ...]

    @property
    def text(self) -> str:
        """In DIMACS's format."""
        rows = (" ".join(map(str, (*clause, 0))) for clause in self.clauses)
        return f"p cnf {self.variables} {len(self.clauses)}\n" + "".join(f"{row}\n" for row in rows)


def blast(script: Script) -> Cnf:
    """The clauses of a script. Raises TooLarge."""
    gates = _Gates()
    bits: list[Bits] = []
    for node in script.nodes:
        bits.append(_operation(gates, node, [bits[index] for index in node.operands]))
    for index in script.asserted:
        gates.clause(bits[index][0])
    return _renumbered(gates.clauses)


def _renumbered(clauses: Sequence[tuple[int, ...]]) -> Cnf:
    """Variables numbered in the order in which they occur first."""
    numbers: dict[int, int] = {}
    for clause in clauses:
        for literal in clause:
            numbers.setdefault(abs(literal), len(numbers) + 1)
    made = tuple(tuple(numbers[abs(one)] * (1 if one > 0 else -1) for one in clause) for clause in clauses)
    return Cnf(len(numbers), made)


class _Gates:
    def __init__(self) -> None:
        self.clauses: list[tuple[int, ...]] = [(TRUE,)]
        self._last = TRUE
        self._work = 0
        self._known: dict[tuple[str, tuple[int, ...]], int] = {}

    def clause(self, *literals: int) -> None:
        if len(self.clauses) >= MOST:
            raise TooLarge
        self.clauses.append(literals)

    def fresh(self) -> int:
        self._last += 1
        return self._last

    def conj(self, *literals: int) -> int:
        self._work += 1 + len(literals)
        if self._work > WORK:
            raise TooLarge
        kept = tuple(sorted({one for one in literals if one != TRUE}))
        if -TRUE in kept or any(-one in kept for one in kept):
            return -TRUE
        if len(kept) < 2:
            return kept[0] if kept else TRUE
        if ("and", kept) not in self._known:
            out = self._known["and", kept] = self.fresh()
            for one in kept:
                self.clause(-out, one)
            self.clause(out, *(-one for one in kept))
        return self._known["and", kept]

    def disj(self, *literals: int) -> int:
        return -self.conj(*(-one for one in literals))

    def xor(self, left: int, right: int) -> int:
        self._work += 1
        if abs(left) > abs(right):
            left, right = right, left
        if abs(left) == TRUE:
            return -right if left == TRUE else right
        if abs(left) == abs(right):
            return -TRUE if left == right else TRUE
        key = ("xor", (abs(left), abs(right)))
        if key not in self._known:
            a, b = key[1]
            out = self._known[key] = self.fresh()
            for one in ((-out, a, b), (-out, -a, -b), (out, -a, b), (out, a, -b)):
                self.clause(*one)
        return self._known[key] if (left > 0) == (right > 0) else -self._known[key]

    def mux(self, choose: int, then: int, other: int) -> int:
        if abs(choose) == TRUE or then == other:
            return then if choose == TRUE or then == other else other
        if abs(then) == TRUE or abs(other) == TRUE or then == -other:
            return self.disj(self.conj(choose, then), self.conj(-choose, other))
        if choose < 0:
            choose, then, other = -choose, other, then
        key = ("mux", (choose, then, other))
        if key not in self._known:
            out = self._known[key] = self.fresh()
            for one in ((-choose, -then, out), (-choose, then, -out), (choose, -other, out), (choose, other, -out),
                        (-then, -other, out), (then, other, -out)):  # fmt: skip
                self.clause(*one)
        return self._known[key]

    def majority(self, a: int, b: int, c: int) -> int:
        return self.disj(self.conj(a, b), self.conj(a, c), self.conj(b, c))


def _add(gates: _Gates, left: Bits, right: Bits, carry: int = -TRUE) -> tuple[Bits, int]:
    """The sum, and the carry out of it."""
    total = []
    for a, b in zip(left, right, strict=True):
        total.append(gates.xor(gates.xor(a, b), carry))
        carry = gates.majority(a, b, carry)
    return total, carry


def _negated(bits: Bits) -> Bits:
    return [-one for one in bits]


def _minus(gates: _Gates, bits: Bits) -> Bits:
    return _add(gates, _negated(bits), [-TRUE] * len(bits), TRUE)[0]


def _below(gates: _Gates, left: Bits, right: Bits) -> int:
    """left < right, unsigned: the difference borrows."""
    return -_add(gates, left, _negated(right), TRUE)[1]


def _equal(gates: _Gates, left: Bits, right: Bits) -> int:
    return gates.conj(*(-gates.xor(a, b) for a, b in zip(left, right, strict=True)))


def _choose(gates: _Gates, choose: int, then: Bits, other: Bits) -> Bits:
    return [gates.mux(choose, a, b) for a, b in zip(then, other, strict=True)]


def _product(gates: _Gates, left: Bits, right: Bits) -> Bits:
    total = [-TRUE] * len(left)
    for index, one in enumerate(right):
        shifted = [-TRUE] * index + left[: len(left) - index]
        total = _add(gates, total, [gates.conj(one, bit) for bit in shifted])[0]
    return total


def _shift(gates: _Gates, bits: Bits, amount: Bits, left: bool, fill: int) -> Bits:
    """Shifted by stages; by the width or more only ``fill`` is left."""
    width, too_far = len(bits), []
    for index, one in enumerate(amount):
        if 1 << index >= width:
            too_far.append(one)
            continue
        step = 1 << index
        moved = [fill] * step + bits[:-step] if left else bits[step:] + [fill] * step
        bits = _choose(gates, one, moved, bits)
    return _choose(gates, gates.disj(*too_far), [fill] * width, bits)


def _divided(gates: _Gates, left: Bits, right: Bits) -> tuple[Bits, Bits]:
    """Quotient and remainder, by long division; by zero: all ones, and the dividend."""
    width = len(left)
    rest, quotient, wide = [-TRUE] * (width + 1), [-TRUE] * width, [*right, -TRUE]
    for index in reversed(range(width)):
        rest = [left[index], *rest[:-1]]
        difference, fits = _add(gates, rest, _negated(wide), TRUE)
        quotient[index] = fits
        rest = _choose(gates, fits, difference, rest)
    return quotient, rest[:width]


def _signed(gates: _Gates, left: Bits, right: Bits) -> tuple[Bits, Bits]:
    """Signed quotient, towards zero, and remainder, with the sign of the dividend."""
    one, other = left[-1], right[-1]
    quotient, rest = _divided(
        gates, _choose(gates, one, _minus(gates, left), left), _choose(gates, other, _minus(gates, right), right)
    )
    negative = gates.xor(one, other)
    return (
        _choose(gates, negative, _minus(gates, quotient), quotient),
        _choose(gates, one, _minus(gates, rest), rest),
    )


def _compared(gates: _Gates, name: str, left: Bits, right: Bits) -> int:
    if name[2] == "s":  # signed: the same with the sign bits exchanged
        left, right = [*left[:-1], -left[-1]], [*right[:-1], -right[-1]]
    match name[3:]:
        case "lt":
            return _below(gates, left, right)
        case "gt":
            return _below(gates, right, left)
        case "le":
            return -_below(gates, right, left)
        case _:
            return -_below(gates, left, right)


def _operation(gates: _Gates, node: Node, parts: list[Bits]) -> Bits:
    """The bits of one operation."""
    match node.name:
        case "const":
            return [TRUE if node.numbers[0] >> index & 1 else -TRUE for index in range(node.width or 1)]
        case "symbol":
            return [gates.fresh() for _ in range(node.width or 1)]
        case "not" | "bvnot":
            return _negated(parts[0])
        case "and":
            return [gates.conj(*(part[0] for part in parts))]
        case "or":
            return [gates.disj(*(part[0] for part in parts))]
        case "=":
            return [_equal(gates, *parts)]
        case "distinct":
            return [-_equal(gates, *parts)]
        case "ite":
            return _choose(gates, parts[0][0], parts[1], parts[2])
        case "concat":
            return parts[1] + parts[0]
        case "extract":
            return parts[0][node.numbers[1] : node.numbers[0] + 1]
        case "zero_extend":
            return parts[0] + [-TRUE] * node.numbers[0]
        case "sign_extend":
            return parts[0] + [parts[0][-1]] * node.numbers[0]
        case "bvand":
            return [gates.conj(a, b) for a, b in zip(*parts, strict=True)]
        case "bvor":
            return [gates.disj(a, b) for a, b in zip(*parts, strict=True)]
        case "bvxor":
            return [gates.xor(a, b) for a, b in zip(*parts, strict=True)]
        case "bvneg":
            return _minus(gates, parts[0])
        case "bvadd":
            return _add(gates, parts[0], parts[1])[0]
        case "bvsub":
            return _add(gates, parts[0], _negated(parts[1]), TRUE)[0]
        case "bvmul":
            return _product(gates, *parts)
        case "bvudiv" | "bvurem":
            return _divided(gates, *parts)[node.name == "bvurem"]
        case "bvsdiv" | "bvsrem":
            return _signed(gates, *parts)[node.name == "bvsrem"]
        case "bvshl" | "bvlshr":
            return _shift(gates, parts[0], parts[1], node.name == "bvshl", -TRUE)
        case "bvashr":
            return _shift(gates, parts[0], parts[1], False, parts[0][-1])
        case _:
            return [_compared(gates, node.name, *parts)]

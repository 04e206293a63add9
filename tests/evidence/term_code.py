# SPDX-License-Identifier: BSD-2-Clause
"""z3 terms as Python functions on ints: what a term is in very many states.

Independent of z3's own evaluation: the meaning of each operation is written
down here from the SMT-LIB theory FixedSizeBitVectors, and is compared with z3
by a property test. An operation that has no line here is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import z3

Evaluate = Callable[[Sequence[int]], tuple[int, ...]]


def compiled(terms: Sequence[Any], arguments: Mapping[str, int]) -> Evaluate:
    """A function that takes the values of symbols, in the places that ``arguments`` gives, to those of the terms.

    Bit vectors are unsigned ints, Booleans 0 or 1. Raises NotImplementedError for an unknown operation.
    """
    names: dict[int, str] = {}
    lines: list[str] = []
    for node in _ordered(terms):
        operands = [names[child.get_id()] for child in node.children()]
        text = _expression(node, operands, arguments)
        if node.num_args() == 0:
            names[node.get_id()] = text
        else:
            names[node.get_id()] = name = f"t{len(lines)}"
            lines.append(f" {name} = {text}")
    results = "".join(f"{names[term.get_id()]}, " for term in terms)
    source = "\n".join(("def evaluate(a):", *lines, f" return ({results})"))
    scope: dict[str, Any] = {"divide": _divide, "remainder": _remainder}
    exec(compile(source, "<terms>", "exec"), scope)  # noqa: S102 - the text is made above, of numbers and our own names
    return scope["evaluate"]  # type: ignore[no-any-return]


def _ordered(terms: Sequence[Any]) -> Iterator[Any]:
    """Every different subterm once, operands before what they are in."""
    seen: set[int] = set()
    todo = [(term, False) for term in reversed(terms)]
    while todo:
        node, ready = todo.pop()
        if ready:
            yield node
        elif node.get_id() not in seen:
            seen.add(node.get_id())
            todo.append((node, True))
            todo += ((child, False) for child in reversed(node.children()) if child.get_id() not in seen)


def _mask(width: int) -> str:
    return hex((1 << width) - 1)


def _signed(text: str, width: int) -> str:
    """The value as a signed number."""
    return f"(({text} ^ {1 << width - 1:#x}) - {1 << width - 1:#x})"


def _divide(left: int, right: int) -> int:
    """bvsdiv on signed numbers: towards 0; by 0: -1 or 1."""
    if right == 0:
        return 1 if left < 0 else -1
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int, right: int) -> int:
    """bvsrem on signed numbers: the dividend's sign; by 0: the dividend."""
    return left if right == 0 else left - right * _divide(left, right)


_JOINED = {
    z3.Z3_OP_BADD: "+", z3.Z3_OP_BMUL: "*", z3.Z3_OP_BAND: "&", z3.Z3_OP_BOR: "|", z3.Z3_OP_BXOR: "^",
    z3.Z3_OP_AND: "&", z3.Z3_OP_OR: "|", z3.Z3_OP_XOR: "^",
}  # fmt: skip
_UNSIGNED = {z3.Z3_OP_ULT: "<", z3.Z3_OP_ULEQ: "<=", z3.Z3_OP_UGT: ">", z3.Z3_OP_UGEQ: ">="}
_SIGNED = {z3.Z3_OP_SLT: "<", z3.Z3_OP_SLEQ: "<=", z3.Z3_OP_SGT: ">", z3.Z3_OP_SGEQ: ">="}


def _expression(node: Any, operands: Sequence[str], arguments: Mapping[str, int]) -> str:
    kind = node.decl().kind()
    width = node.size() if z3.is_bv(node) else 1
    first = operands[0] if operands else ""
    second = operands[1] if len(operands) > 1 else ""
    of = node.arg(0).size() if operands and z3.is_bv(node.arg(0)) else 1
    match kind:
        case z3.Z3_OP_TRUE | z3.Z3_OP_FALSE:
            return str(int(kind == z3.Z3_OP_TRUE))
        case z3.Z3_OP_BNUM:
            return hex(node.as_long())
        case z3.Z3_OP_UNINTERPRETED if not operands:
            return f"a[{arguments[node.decl().name()]}]"
        case z3.Z3_OP_ITE:
            return f"{operands[1]} if {first} else {operands[2]}"
        case z3.Z3_OP_EQ:
            return f"1 if {first} == {second} else 0"
        case z3.Z3_OP_DISTINCT if len(operands) == 2:
            return f"1 if {first} != {second} else 0"
        case z3.Z3_OP_NOT:
            return f"1 - {first}"
        case _ if kind in _JOINED:
            joined = f" {_JOINED[kind]} ".join(operands)
            return f"({joined}) & {_mask(width)}"
        case z3.Z3_OP_BSUB if len(operands) == 2:
            return f"({first} - {second}) & {_mask(width)}"
        case z3.Z3_OP_BNEG:
            return f"-{first} & {_mask(width)}"
        case z3.Z3_OP_BNOT:
            return f"{first} ^ {_mask(width)}"
        case z3.Z3_OP_BUDIV | z3.Z3_OP_BUDIV_I:
            return f"{first} // {second} if {second} else {_mask(width)}"
        case z3.Z3_OP_BUREM | z3.Z3_OP_BUREM_I:
            return f"{first} % {second} if {second} else {first}"
        case z3.Z3_OP_BSDIV | z3.Z3_OP_BSDIV_I:
            return f"divide({_signed(first, of)}, {_signed(second, of)}) & {_mask(width)}"
        case z3.Z3_OP_BSREM | z3.Z3_OP_BSREM_I:
            return f"remainder({_signed(first, of)}, {_signed(second, of)}) & {_mask(width)}"
        case _ if kind in _UNSIGNED:
            return f"1 if {first} {_UNSIGNED[kind]} {second} else 0"
        case _ if kind in _SIGNED:
            return f"1 if {_signed(first, of)} {_SIGNED[kind]} {_signed(second, of)} else 0"
        case z3.Z3_OP_CONCAT:
            text = first
            for index, operand in enumerate(operands[1:], 1):
                text = f"({text}) << {node.arg(index).size()} | {operand}"
            return text
        case z3.Z3_OP_EXTRACT:
            high, low = node.params()
            return f"{first} >> {low} & {_mask(high - low + 1)}"
        case z3.Z3_OP_ZERO_EXT:
            return first
        case z3.Z3_OP_SIGN_EXT:
            return f"{_signed(first, of)} & {_mask(width)}"
        case z3.Z3_OP_BSHL:
            return f"({first} << {second}) & {_mask(width)} if {second} < {width} else 0"
        case z3.Z3_OP_BLSHR:
            return f"{first} >> {second} if {second} < {width} else 0"
        case z3.Z3_OP_BASHR:
            return f"{_signed(first, of)} >> min({second}, {width}) & {_mask(width)}"
    raise NotImplementedError(f"no code for {node.decl().name()}")

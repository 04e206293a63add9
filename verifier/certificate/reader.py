# SPDX-License-Identifier: BSD-2-Clause
"""Reads back the SMT-LIB scripts that ``verifier.smtlib`` writes, into a flat list of operations.

This reader knows nothing of claripy: a certificate is about the text. What it
does not know is refused, with ``Unreadable``, and every width is computed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from verifier.records import record

_TOKEN = re.compile(r'\s+|;[^\n]*|(\(|\)|\|[^|\\]*\||"(?:[^"]|"")*"|[^\s()|";]+)')
_LONGEST, _DEEPEST, _WIDEST = 20_000_000, 200, 1024
"""Bounds in characters, parentheses and bits: our texts stay far below."""

SAME = frozenset({"bvadd", "bvsub", "bvmul", "bvand", "bvor", "bvxor", "bvudiv", "bvurem", "bvsdiv", "bvsrem",
                  "bvshl", "bvlshr", "bvashr"})  # fmt: skip
COMPARED = frozenset({"bvult", "bvule", "bvugt", "bvuge", "bvslt", "bvsle", "bvsgt", "bvsge"})


class Unreadable(Exception):
    """A text that is none of ours; the message says where."""


@record
class Node:
    """One operation: ``width`` in bits (0: Boolean), operands as indices of earlier nodes, ``numbers`` its parameters.

    ``name`` is SMT-LIB's; "const" is a constant (its value in ``numbers``), "symbol" an input.
    """

    name: str
    width: int
    operands: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()


@record
class Script:
    """Nodes in an order in which operands come first, and those that are asserted."""

    nodes: tuple[Node, ...]
    asserted: tuple[int, ...]


def read(text: str) -> Script:
    """The script's operations. Raises Unreadable."""
    if len(text) > _LONGEST:
        raise Unreadable("the text is too long")
    reader = _Reader()
    state = "open"
    for command in _expressions(text):
        if state != "open" and command != ["exit"]:
            raise Unreadable("there is more behind check-sat")
        match command:
            case ["set-info", *_] | ["set-logic", "QF_BV"]:
                pass
            case ["declare-const", str(name), sort]:
                reader.bind(name, reader.node(Node("symbol", _sort(sort))))
            case ["define-fun", str(name), [], sort, body]:
                found = reader.term(body)
                if reader.nodes[found].width != _sort(sort):
                    raise Unreadable(f"{name} has another sort than its definition")
                reader.bind(name, found)
            case ["assert", ["!", body, ":named", str()]] | ["assert", body]:
                found = reader.term(body)
                if reader.nodes[found].width:
                    raise Unreadable("a bit vector is asserted")
                reader.asserted.append(found)
            case ["check-sat"]:
                state = "asked"
            case ["exit"]:
                pass
            case _:
                raise Unreadable(f"unknown command {str(command)[:60]}")
    if state != "asked":
        raise Unreadable("nothing is asked")
    return Script(tuple(reader.nodes), tuple(reader.asserted))


def _expressions(text: str) -> Iterator[Any]:
    stack: list[list[Any]] = [[]]
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise Unreadable(f"no token at byte {position}")
        position, word = found.end(), found[1]
        if word == "(":
            if len(stack) > _DEEPEST:
                raise Unreadable("a term is nested too deeply")
            stack.append([])
        elif word == ")":
            if len(stack) < 2:
                raise Unreadable("a parenthesis too many")
            done = stack.pop()
            if len(stack) == 1:
                yield done
            else:
                stack[-1].append(done)
        elif word is not None:
            if len(stack) == 1:
                raise Unreadable("a word outside parentheses")
            stack[-1].append(word[1:-1] if word[0] == "|" else word)
    if len(stack) != 1:
        raise Unreadable("the text ends early")


def _sort(expression: Any) -> int:
    match expression:
        case "Bool":
            return 0
        case ["_", "BitVec", str(width)] if width.isdecimal() and len(width) < 6 and 0 < int(width) <= _WIDEST:
            return int(width)
    raise Unreadable(f"unknown sort {str(expression)[:60]}")


class _Reader:
    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.asserted: list[int] = []
        self._names: dict[str, int] = {}
        self._known: dict[Node, int] = {}

    def bind(self, name: str, index: int) -> None:
        if name in self._names:
            raise Unreadable(f"{name[:60]} is declared twice")
        self._names[name] = index

    def node(self, node: Node) -> int:
        """The index of a node; operations on the same operands are one, symbols never are."""
        if node.name != "symbol" and node in self._known:
            return self._known[node]
        self.nodes.append(node)
        self._known[node] = len(self.nodes) - 1
        return len(self.nodes) - 1

    def term(self, expression: Any) -> int:
        """The node of a term."""
        if isinstance(expression, str):
            return self._word(expression)
        match expression:
            case [["_", str(name), *numbers], *parts] if parts:
                values = tuple(int(n) if isinstance(n, str) and n.isdecimal() and len(n) < 6 else -1 for n in numbers)
            case [str(name), *parts] if parts:
                values = ()
            case _:
                raise Unreadable(f"no term: {str(expression)[:60]}")
        operands = tuple(self.term(part) for part in parts)
        width = _width(name, [self.nodes[index].width for index in operands], values)
        if width is None or width > _WIDEST:
            raise Unreadable(f"{name[:30]} with such operands is not known")
        return self.node(Node(name, width, operands, values))

    def _word(self, word: str) -> int:
        if word in self._names:
            return self._names[word]
        if word in ("true", "false"):
            return self.node(Node("const", 0, (), (int(word == "true"),)))
        if re.fullmatch(rf"#b[01]{{1,{_WIDEST}}}", word):
            return self.node(Node("const", len(word) - 2, (), (int(word[2:], 2),)))
        if re.fullmatch(rf"#x[0-9a-fA-F]{{1,{_WIDEST // 4}}}", word):
            return self.node(Node("const", 4 * (len(word) - 2), (), (int(word[2:], 16),)))
        raise Unreadable(f"unknown word {word[:60]}")


def _width(name: str, widths: list[int], numbers: tuple[int, ...]) -> int | None:
    """The width of an operation on operands of these widths; None if there is no such operation."""
    first, alike, plain = widths[0], len(set(widths)) == 1, not numbers
    if name in SAME | COMPARED and plain and first and alike and len(widths) == 2:
        return first if name in SAME else 0
    if name in ("bvneg", "bvnot") and plain and first and len(widths) == 1:
        return first
    if name in ("=", "distinct") and plain and alike and len(widths) == 2:
        return 0
    if name in ("and", "or") and plain and alike and not first:
        return 0
    if name == "not" and plain and widths == [0]:
        return 0
    if name == "ite" and plain and len(widths) == 3 and not first and widths[1] == widths[2]:
        return widths[1]
    if name == "concat" and plain and len(widths) == 2 and all(widths):
        return sum(widths)
    if name == "extract" and len(widths) == 1 and len(numbers) == 2 and first > numbers[0] >= numbers[1] >= 0:
        return numbers[0] - numbers[1] + 1
    if name in ("zero_extend", "sign_extend") and len(widths) == len(numbers) == 1 and first and numbers[0] >= 0:
        return first + numbers[0]
    return None

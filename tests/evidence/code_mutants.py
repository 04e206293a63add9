# SPDX-License-Identifier: BSD-2-Clause
"""Small changes of Python code: for each place of a module every change that some operator makes there.

Texts for people, citations, annotations, docstrings and what only raises an error are left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.Mult: ast.Add, ast.Mod: ast.FloorDiv,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CodeMutant:
    """Change number ``number`` of a module: what it does at ``line``.

    It can only matter where a line from ``first`` to ``last`` is executed; both are 0 for
    what is executed when the module is imported.
    """

    module: str
    number: int
    line: int
    first: int
    last: int
    operator: str
    text: str


@dataclass(frozen=True, slots=True)
class _Change:
    """``new`` takes the place of what ``field`` (and ``index``) of a node holds."""

    node: ast.AST
    field: str
    index: int | None
    new: Any
    operator: str

    def apply(self) -> None:
        if self.index is None:
            setattr(self.node, self.field, self.new)
        else:
            getattr(self.node, self.field)[self.index] = self.new

    @property
    def old(self) -> Any:
        held = getattr(self.node, self.field)
        return held if self.index is None else held[self.index]


def mutants(module: str, source: str) -> tuple[CodeMutant, ...]:
    """Every mutant of a module."""
    tree = ast.parse(source)
    spans = _spans(tree)
    found = []
    for number, change in enumerate(_changes(tree)):
        place = change.old if hasattr(change.old, "lineno") else change.node
        text = f"{_shown(change.old)} -> {_shown(change.new)}"
        line = getattr(place, "lineno", 0)
        found.append(CodeMutant(module, number, line, *spans[id(change.old)], change.operator, text))
    return tuple(found)


def _spans(tree: ast.Module) -> dict[int, tuple[int, int]]:
    """The lines of which one is executed if a node is: those of its statement, without what is nested in that."""
    found: dict[int, tuple[int, int]] = {}

    def visit(node: ast.AST, span: tuple[int, int], inside: bool) -> None:
        if isinstance(node, ast.stmt) and inside:
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if isinstance(body, list) else node.end_lineno or node.lineno
            span = node.lineno, max(node.lineno, last)
        if isinstance(node, ast.match_case):
            span = node.pattern.lineno, node.pattern.end_lineno or node.pattern.lineno
        found[id(node)] = span
        for child in ast.iter_child_nodes(node):
            visit(child, span, inside or isinstance(node, (ast.FunctionDef, ast.Lambda)))

    visit(tree, (0, 0), inside=False)
    return found


def mutated(source: str, number: int) -> ast.Module:
    """The syntax tree with one change made."""
    tree = ast.parse(source)
    for index, change in enumerate(_changes(tree)):
        if index == number:
            change.apply()
            return ast.fix_missing_locations(tree)
    raise IndexError(number)


def _shown(node: Any) -> str:
    if isinstance(node, (ast.expr, ast.stmt)):
        text = ast.unparse(node).replace("\n", " ")
    else:
        text = type(node).__name__ if isinstance(node, ast.AST) else repr(node)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _changes(tree: ast.Module) -> Iterator[_Change]:
    skipped = _skipped(tree)
    for parent in ast.walk(tree):
        if id(parent) in skipped:
            continue
        for field, held in ast.iter_fields(parent):
            for index, child in enumerate(held if isinstance(held, list) else [held]):
                if isinstance(child, ast.AST) and id(child) not in skipped:
                    yield from _of_node(parent, field, index if isinstance(held, list) else None, child)


def _skipped(tree: ast.Module) -> set[int]:
    """Nodes that no machine depends on."""
    found: set[int] = set()

    def skip(node: ast.AST | None) -> None:
        if node is not None:
            found.update(id(one) for one in ast.walk(node))

    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)) if name.endswith("_MANUAL"):
                skip(node)
            case ast.Raise() | ast.Import() | ast.ImportFrom() | ast.JoinedStr() | ast.Assert():
                skip(node)
            case ast.Expr(value=ast.Constant()):
                skip(node)
            case ast.AnnAssign() | ast.arg():
                skip(node.annotation)
            case ast.FunctionDef():
                skip(node.returns)
                for decorator in node.decorator_list:
                    skip(decorator)
            case ast.ClassDef():
                for decorator in node.decorator_list:
                    skip(decorator)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.Subscript(value=ast.Name(id="Literal")):
                skip(node)
            case ast.Call(func=ast.Name(id="Clause"), args=args, keywords=keywords):
                for text in [*args[1:6], *(word for word in keywords if word.arg in _TEXTS)]:
                    skip(text)
            case ast.Call(func=ast.Name(id="Instruction"), args=[name, _, manual, *_]):
                skip(name)
                skip(manual)
    return found


def _of_node(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> Iterator[_Change]:
    def change(new: Any, operator: str) -> _Change:
        return _Change(parent, field, index, new, operator)

    match node:
        case ast.Compare(ops=[op]) if type(op) in _COMPARE:
            yield change(ast.Compare(node.left, [_COMPARE[type(op)]()], node.comparators), "comparison")
        case ast.BinOp() if type(node.op) in _BINARY:
            yield change(ast.BinOp(node.left, _BINARY[type(node.op)](), node.right), "operator")
        case ast.BoolOp():
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield change(ast.BoolOp(other, node.values), "and/or")
            for dropped in range(len(node.values)):
                rest = [one for place, one in enumerate(node.values) if place != dropped]
                yield change(rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest), "condition dropped")
        case ast.UnaryOp(op=ast.Not()):
            yield change(node.operand, "not dropped")
        case ast.Constant(value=bool() as value):
            yield change(ast.Constant(not value), "constant")
        case ast.Constant(value=int() as value):
            yield change(ast.Constant(value + 1), "constant")
            if value > 0:
                yield change(ast.Constant(value - 1), "constant")
            if value > 0xFF:
                yield change(ast.Constant(value ^ 1 << value.bit_length() // 2), "bit flipped")
        case ast.Constant(value=str() as value) if _is_name(value) and isinstance(parent, _DECIDES):
            yield change(ast.Constant(f"{value}?"), "word")
        case ast.Call() if _ordered(node):
            swapped = [node.args[1], node.args[0], *node.args[2:]]
            yield change(ast.Call(node.func, swapped, node.keywords), "arguments swapped")
        case ast.IfExp():
            yield change(ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse), "condition negated")
        case ast.If() | ast.While():
            new = ast.UnaryOp(ast.Not(), node.test)
            if isinstance(node, ast.If):
                yield change(ast.If(new, node.body, node.orelse), "condition negated")
        case ast.comprehension() if node.ifs:
            yield change(ast.comprehension(node.target, node.iter, [], node.is_async), "filter dropped")
        case ast.Return() if node.value is not None and not isinstance(node.value, ast.Constant):
            logical = isinstance(node.value, (ast.Compare, ast.BoolOp))
            yield change(ast.Return(ast.Constant(value=False if logical else None)), "result replaced")
            if logical:
                yield change(ast.Return(ast.Constant(value=True)), "result replaced")
    if isinstance(node, ast.stmt) and field in ("body", "orelse") and _removable(node):
        yield change(ast.Pass(), "statement removed")


_TEXTS = ("tier", "title", "meaning", "why", "bug", "failure", "vendors")
"""Fields of a clause that people read."""

_DECIDES = (ast.Compare, ast.Tuple, ast.Set, ast.MatchValue, ast.Subscript, ast.Dict, ast.Call)
"""A word in these decides something; elsewhere it may be a text."""


_SYMMETRIC = frozenset({"add", "eq", "land", "lor", "max", "min"})
"""Functions to which the order of arguments means nothing."""


def _ordered(node: ast.Call) -> bool:
    if isinstance(node.func, ast.Name) and node.func.id in _SYMMETRIC:
        return False
    return len(node.args) >= 2 and not any(isinstance(one, ast.Starred) for one in node.args[:2])


def _is_name(value: str) -> bool:
    return value.replace("_", "").replace("-", "").isalnum() and value == value.lower()


def _removable(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Continue() | ast.Break():
            return True
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
        case ast.If() | ast.For():
            return True
        case ast.Assign(targets=[ast.Name()]):
            # Only where the name has a value already: else the change is an exception.
            return False
        case _:
            return False

# SPDX-License-Identifier: BSD-2-Clause
"""SMT-LIB 2.6 text (logic QF_BV) of the terms that a proof is about.

The printer reads claripy's terms and nothing else: neither claripy's
conversion for z3 nor z3's own printer has a part in it, so that a solver which
is given this text shares with the proof only the terms themselves. The table
of operations is closed: one that is not in it is a ``Defect``, and so is a
term whose width is not what the widths of its operands make it.

``script`` gives a whole file. A ``Printer`` is for those who write their own:

- ``term(t)`` is the text of a term. Subterms that occur more than once, and
  deep ones, are printed once, as definitions, which ``take_definitions()``
  hands over: they belong in front of what refers to them.
- ``let(t)`` is the text of a term that needs no definitions in front of it.
- ``define(name, t)`` is a ``define-fun``; from then on the term prints as that name.
- ``declarations()`` has a ``declare-const`` for every symbol met so far.

``t`` is a claripy bit vector or Boolean, a bool, or an int if ``width`` says
how many bits it has. The text depends on the terms alone, its length is linear
in the number of different subterms, and names of symbols, which come from
files under test, cannot end a symbol, a comment or a string.
Source: the SMT-LIB Standard 2.6, sections 3.1 and 3.9, and the theories Core
and FixedSizeBitVectors.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from verifier.isa.machine import SYSTEM_REGISTERS
from verifier.model import GPRS, Defect
from verifier.terms import Term, Truth, mask

_CHAINED = {"__add__": "bvadd", "__mul__": "bvmul", "__and__": "bvand", "__or__": "bvor", "__xor__": "bvxor",
            "__sub__": "bvsub"}  # fmt: skip
"""Operations on operands of one width; with more than two operands they group to the left."""

_BINARY = {"__floordiv__": "bvudiv", "__mod__": "bvurem", "SDiv": "bvsdiv", "SMod": "bvsrem",
           "__lshift__": "bvshl", "LShR": "bvlshr", "__rshift__": "bvashr"}  # fmt: skip
"""claripy's SMod has the sign of the dividend: it is bvsrem."""

_UNARY = {"__neg__": "bvneg", "__invert__": "bvnot"}
_COMPARED = {"ULT": "bvult", "ULE": "bvule", "UGT": "bvugt", "UGE": "bvuge",
             "SLT": "bvslt", "SLE": "bvsle", "SGT": "bvsgt", "SGE": "bvsge"}  # fmt: skip
_EQUATED = {"__eq__": "=", "__ne__": "distinct"}
_CONNECTED = {"And": "and", "Or": "or"}
_EXTENDED = {"ZeroExt": "zero_extend", "SignExt": "sign_extend"}

DEPTH = 20
"""Text is nested no deeper than this: recursive parsers have limits of their own."""

LONGEST = 300
"""Longer names are cut and end in a hash."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")
_FREE = re.compile(r"(frame|cpu|rflags|saved)\.[A-Za-z0-9_]+")
_REGISTERS = frozenset((*GPRS, *(name for name in SYSTEM_REGISTERS if len(name) > 2)))
_CARRIED = frozenset(map(chr, range(0x20, 0x7F))) - set("|\\%'")
"""What a quoted symbol holds as it is: printable ASCII without | and backslash; % and ' are used below."""

_LEAVES = frozenset({"BVV", "BVS", "BoolV", "BoolS", "FPS", "FPV", "StringS", "StringV"})
_LITERAL = re.compile(r"[^\x20-\x7e]")


def safe_name(name: str, free: frozenset[str] = frozenset()) -> str:
    """A name that can stand between bars, and can be told apart from that of any other symbol.

    Bytes (UTF-8) that a symbol cannot hold are %XX. A plain word gets a ' unless it is
    a register's or in ``free``: it may be a word of the language, with or without bars.
    """
    encoded = "".join(
        char if char in _CARRIED else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
        for char in name
    )
    if len(encoded) > LONGEST:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        encoded = f"{encoded[: LONGEST - 80]}%-{digest}"
    if name in _REGISTERS or name in free or _FREE.fullmatch(name):
        return encoded
    # Symbols that begin with @ or . are the solvers' own (section 3.1), ? begins our definitions.
    if encoded[:1] in ("@", ".", "?"):
        return f"%{ord(encoded[0]):02X}{encoded[1:]}"
    return f"{encoded}'" if not encoded or _PLAIN.fullmatch(encoded) else encoded


def symbol(name: str) -> str:
    """A safe name as a symbol, with bars where it needs them."""
    return name if _PLAIN.fullmatch(name) else f"|{name}|"


def plain(text: str) -> str:
    """A text as printable ASCII in one line; everything else is escaped as Python does it."""
    return _LITERAL.sub(lambda found: found[0].encode("unicode_escape", "backslashreplace").decode("ascii"), text)


def comment(text: str) -> str:
    """One line of comment, whatever the text holds."""
    return f"; {plain(text)}".rstrip()


def string(text: str) -> str:
    """A string literal."""
    return '"' + plain(text).replace('"', '""') + '"'


def sort(width: int) -> str:
    """The sort of that width in bits; 0: Bool."""
    return f"(_ BitVec {width})" if width else "Bool"


def literal(value: int, width: int) -> str:
    """The constant of that width in bits, unsigned."""
    value &= mask(width)
    return f"#b{value:0{width}b}" if width % 4 else f"#x{value:0{width // 4}x}"


def operands(term: Term) -> tuple[Any, ...]:
    """The terms that a term is made of."""
    return () if term.op in _LEAVES else tuple(part for part in term.args if not isinstance(part, int))


class Printer:
    """Terms to text; definitions and declarations are collected on the way.

    ``free`` are names of symbols that are known to be no words of the language.
    """

    def __init__(self, free: Iterable[str] = ()) -> None:
        self._free = frozenset(free)
        self._terms: list[Term] = []  # keeps every term alive: an id is an identity only as long
        self._text: dict[int, str] = {}
        self._parts: dict[int, tuple[Any, ...]] = {}
        self._width: dict[int, int] = {}
        self._depth: dict[int, int] = {}
        self._names: dict[str, tuple[str, int]] = {}
        self._taken: dict[str, str] = {}
        self._definitions: list[tuple[str, int, str]] = []
        self._count = 0

    def term(self, term: Term | Truth, width: int = 0) -> str:
        """The text of a term; it may refer to definitions that are still to be taken."""
        return self.terms([term], width)[0]

    def terms(self, terms: Sequence[Term | Truth], width: int = 0) -> list[str]:
        """The texts of several terms; what they have in common is printed once."""
        self._learn([term for term in terms if not isinstance(term, int)])
        return [self._of(term, width) for term in terms]

    def let(self, term: Term | Truth, width: int = 0) -> str:
        """The text of a term with what it refers to bound by ``let``."""
        if self._definitions:
            raise Defect("definitions are waiting to be taken")
        before = dict(self._text)
        text = self.term(term, width)
        for name, _, body in reversed(self._definitions):
            text = f"(let (({name} {body})) {text})"
        # The names are bound inside this text only.
        self._definitions, self._text = [], before
        self._width = {key: value for key, value in self._width.items() if key in before}
        return text

    def define(self, name: str, term: Term | Truth, width: int = 0) -> str:
        """The definition of a name as a term, which prints as the name from now on."""
        text = self.term(term, width)
        if not isinstance(term, int):
            width = self._width[id(term)]
        elif isinstance(term, bool):
            width = 0
        named = symbol(self.label(name))
        if not isinstance(term, int) and self._parts[id(term)]:
            self._text[id(term)], self._depth[id(term)] = named, 0
        return f"(define-fun {named} () {sort(width)} {text})"

    def label(self, text: str) -> str:
        """A name of our own for an assertion or a definition; with a number behind it if a symbol has it."""
        base = "".join(char if char in _CARRIED or char in "%'" else "_" for char in text)
        candidate, number = base, 1
        while candidate in self._taken:
            number += 1
            candidate = f"{base} #{number}"
        self._taken[candidate] = ""
        return candidate

    def take_definitions(self) -> tuple[str, ...]:
        """The definitions that were made since the last call, in the order in which they must stand."""
        made, self._definitions = self._definitions, []
        return tuple(f"(define-fun {name} () {sort(width)} {body})" for name, width, body in made)

    def declarations(self) -> tuple[str, ...]:
        """A declaration of every symbol that occurred so far, in the order of occurrence."""
        return tuple(f"(declare-const {symbol(safe)} {sort(width)})" for safe, width in self._names.values())

    @property
    def names(self) -> dict[str, str]:
        """Symbol names as they are, to the names in the text."""
        return {name: safe for name, (safe, _) in self._names.items()}

    def _of(self, term: Term | Truth, width: int) -> str:
        if isinstance(term, bool):
            return "true" if term else "false"
        if isinstance(term, int):
            if not width:
                raise Defect("an integer has no width of its own")
            return literal(term, width)
        return self._text[id(term)]

    def _learn(self, roots: Sequence[Term]) -> None:
        """Print every subterm that is new; those used more than once, or deep, become definitions."""
        order = list(self._bottom_up(roots))
        uses: Counter[int] = Counter(id(root) for root in roots)
        for term in order:
            # Reversing bytes names its operand once for each.
            uses.update(map(id, self._parts[id(term)] * (2 if term.op == "Reverse" else 1)))
        for term in order:
            key, parts = id(term), self._parts[id(term)]
            self._width[key], text = self._print(term)
            self._depth[key] = 1 + max((self._depth[id(part)] for part in parts), default=-1)
            if parts and (uses[key] > 1 or self._depth[key] > DEPTH):
                name = f"?{self._count}"
                self._count += 1
                self._definitions.append((name, self._width[key], text))
                text, self._depth[key] = name, 0
            self._text[key] = text

    def _bottom_up(self, roots: Sequence[Term]) -> Iterator[Term]:
        """Every different subterm that is not printed yet once, operands first, in an order set by the terms alone."""
        done = set(self._text)
        stack = [(root, False) for root in reversed(roots)]
        while stack:
            term, ready = stack.pop()
            if id(term) in done:
                continue
            if ready:
                done.add(id(term))
                self._terms.append(term)
                yield term
            else:
                parts = self._parts[id(term)] = operands(term)
                stack.append((term, True))
                stack += [(part, False) for part in reversed(parts) if id(part) not in done]

    def _symbol(self, name: str, width: int) -> str:
        known = self._names.get(name)
        if known is None:
            safe = safe_name(name, self._free)
            if safe in self._taken:
                raise Defect(f"two symbols would print as {safe}")
            known = self._names[name] = safe, width
            self._taken[safe] = name
        if known[1] != width:
            raise Defect(f"symbol {name!r} has two widths")
        return symbol(known[0])

    def _print(self, term: Term) -> tuple[int, str]:
        """Width (0: Bool) and text of a term whose operands are printed."""
        found = self._operation(term) if self._parts[id(term)] else self._leaf(term)
        if found is None:
            raise Defect(f"no SMT-LIB text for the operation {term.op}")
        if found[0] != (getattr(term, "length", None) or 0):
            raise Defect(f"{term.op} is {getattr(term, 'length', None)} bits wide, by its operands {found[0]}")
        return found

    def _leaf(self, term: Term) -> tuple[int, str] | None:
        match term.op:
            case "BVV":
                return int(term.length), literal(int(term.args[0]), int(term.length))
            case "BoolV":
                return 0, "true" if term.args[0] else "false"
            case "BVS":
                return int(term.length), self._symbol(term.args[0], int(term.length))
            case "BoolS":
                return 0, self._symbol(term.args[0], 0)
        return None

    def _operation(self, term: Term) -> tuple[int, str] | None:
        name = term.op
        texts = [self._text[id(part)] for part in self._parts[id(term)]]
        widths = [self._width[id(part)] for part in self._parts[id(term)]]
        first, alike = widths[0], len(set(widths)) == 1
        if name in _CHAINED and first and alike and len(texts) > 1:
            return first, _left(_CHAINED[name], texts)
        if name in _BINARY and first and alike and len(texts) == 2:
            return first, f"({_BINARY[name]} {texts[0]} {texts[1]})"
        if name in _UNARY and first and len(texts) == 1:
            return first, f"({_UNARY[name]} {texts[0]})"
        if name in _COMPARED and first and alike and len(texts) == 2:
            return 0, f"({_COMPARED[name]} {texts[0]} {texts[1]})"
        if name in _EQUATED and alike and len(texts) == 2:
            return 0, f"({_EQUATED[name]} {texts[0]} {texts[1]})"
        if name in _CONNECTED and alike and not first:
            return 0, f"({_CONNECTED[name]} {' '.join(texts)})" if len(texts) > 1 else texts[0]
        if name == "Not" and widths == [0]:
            return 0, f"(not {texts[0]})"
        if name == "If" and len(texts) == 3 and first == 0 and widths[1] == widths[2]:
            return widths[1], f"(ite {' '.join(texts)})"
        if name == "Concat" and all(widths):
            return sum(widths), _left("concat", texts)
        if name == "Reverse" and first and first % 8 == 0:
            pieces = [f"((_ extract {low + 7} {low}) {texts[0]})" for low in range(0, first, 8)]
            return first, _left("concat", pieces)
        if name == "Extract" and len(texts) == 1 and first > term.args[0] >= term.args[1] >= 0:
            high, low = term.args[:2]
            return high - low + 1, f"((_ extract {high} {low}) {texts[0]})"
        if name in _EXTENDED and len(texts) == 1 and first and term.args[0] >= 0:
            return first + term.args[0], f"((_ {_EXTENDED[name]} {term.args[0]}) {texts[0]})"
        return None


def _left(name: str, texts: Sequence[str]) -> str:
    """Operands grouped to the left, two at a time: the theory has these operations with two."""
    result = texts[0]
    for text in texts[1:]:
        result = f"({name} {result} {text})"
    return result


def script(
    assertions: Sequence[tuple[str, Truth]],
    comments: Iterable[str] = (),
    info: Iterable[tuple[str, str]] = (),
    printer: Printer | None = None,
) -> str:
    """A whole file: comments, ``set-info``, declarations, definitions, named assertions and ``check-sat``.

    ``assertions`` are (name, Boolean), ``info`` (keyword without its colon, value as SMT-LIB text).
    """
    printer = printer or Printer()
    texts = printer.terms([truth for _, truth in assertions])
    named = [f"(assert (! {text} :named {symbol(printer.label(name))}))"
             for (name, _), text in zip(assertions, texts, strict=True)]  # fmt: skip
    return "\n".join(
        (
            *map(comment, comments),
            *(f"(set-info :{key} {value})" for key, value in info),
            "(set-logic QF_BV)",
            *printer.declarations(),
            *printer.take_definitions(),
            *named,
            "(check-sat)",
            "(exit)",
            "",
        )
    )

# SPDX-License-Identifier: BSD-2-Clause
"""Two explorations in one vocabulary: which symbols of HEAD mean the same as which of BASE.

A symbol's key says what it stands for, in words that do not depend on addresses, line numbers or labels: a register,
a frame slot, a word at a named place, a result of the n-th call of a function. Symbols with equal keys become
BASE's; every other symbol of HEAD stays one of its own. What needs an assumption to be the same is told with it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import claripy

from verifier.exploring import Survey
from verifier.lift.entry import Entry
from verifier.lift.regions import EXTERNAL_SPAN, RegionId
from verifier.lift.symbols import Place, Symbol, Symbols
from verifier.model import Image
from verifier.records import record
from verifier.solver import Model
from verifier.terms import Term, Truth, as_term, decided

CALLS, UNDEFINED, UNNAMED = "calls-alike", "undefined-alike", "unnamed-alike"
OUTSIDE, TRAPS, GIVEN_UP, ENTRIES = "outside-alike", "traps-alike", "given-up", "entries-in-order"

ASSUMPTIONS: Mapping[str, str] = {
    CALLS: "a function that is called and not followed gives the same results, and leaves the same memory, at its n-th "
    "call in both versions; that it is given the same registers, frame and written memory was compared",
    UNDEFINED: "the n-th execution of an instruction leaves the same in both versions where the manual leaves a result "
    "open, or the machine chooses it",
    UNNAMED: "memory, keys and functions without a name of their own are the same in both versions, by the symbol in "
    "front of them or in the order in which the code meets them",
    OUTSIDE: "code outside of what was read does the same in both versions; that it is given the same registers, frame "
    "and written memory was compared",
    TRAPS: "what follows an exception in the kernel, or a call that does not return, is the same in both versions",
    GIVEN_UP: "registers that the contract gives up were not compared: they may hold something else in each version",
    ENTRIES: "entries with different names are the same in the order in which the files have them",
}
"""What only a comparison assumes, by id."""

_ADDRESS = re.compile(r"0x[0-9a-f]{5,}")


CallKey = tuple[str, int]
"""A function and the number of the call, from 0 in the order in which the code meets them."""


@dataclass(slots=True)
class Renaming:
    """HEAD's terms in the vocabulary of both; a term is rewritten once."""

    leaves: Mapping[str, Term]
    done: dict[int, Term] = field(default_factory=dict)

    def __call__(self, term: Term) -> Term:
        """The term with every symbol replaced that has another name there."""
        if isinstance(term, int) or not self._touches(term):
            return term
        stack = [term]
        while stack:
            top = stack[-1]
            if top.hash() in self.done:
                stack.pop()
                continue
            if top.is_leaf():
                self.done[top.hash()] = self.leaves.get(top.args[0], top)
                stack.pop()
                continue
            open_ = [one for one in top.args if self._touches(one) and one.hash() not in self.done]
            if open_:
                stack.extend(open_)
                continue
            arguments = tuple(self.done[one.hash()] if self._touches(one) else one for one in top.args)
            self.done[top.hash()] = top.make_like(top.op, arguments)
            stack.pop()
        return self.done[term.hash()]

    def _touches(self, term: object) -> bool:
        return isinstance(term, claripy.ast.Base) and not self.leaves.keys().isdisjoint(term.variables)


class Renamed(Model):
    """A machine of the common vocabulary as HEAD's own terms see it."""

    def __init__(self, model: Model, renaming: Renaming) -> None:
        self._whole, self._renaming = model, renaming

    def value(self, term: Term) -> int:
        """The unsigned value of a bit vector of HEAD's."""
        return self._whole.value(self._renaming(term))

    def holds(self, truth: Truth) -> bool:
        """Whether a Boolean of HEAD's holds."""
        known = decided(truth)
        return self._whole.holds(self._renaming(truth)) if known is None else known


@record
class Alignment:
    """The two sides' vocabulary: ``entry`` is BASE's with the symbols, roots and assumptions of both.

    ``same``: both are the same code. ``calls`` has, for BASE and for HEAD, the key of each call that was not followed:
    equal ones are taken for the same call.
    ``head`` rewrites HEAD's terms. ``concrete`` does so for one machine, in which each side has its own addresses of
    external symbols. ``rests`` has the id of the assumption that makes a symbol the same on both sides;
    ``alone`` are names of symbols without a counterpart that may mean the same as one of the other side's.
    """

    entry: Entry
    head: Renaming
    concrete: Renaming
    rests: Mapping[str, str]
    alone: frozenset[str]
    same: bool
    calls: tuple[Mapping[str, CallKey], Mapping[str, CallKey]]


def aligned(base: Survey, head: Survey) -> Alignment:
    """Align HEAD's symbols with BASE's; of the same code and one entry all are the same."""
    left, right = base.setting.entry, head.setting.entry
    one = base.start == head.start and _same_code(base.task.image, head.task.image)
    symbols = Symbols()
    known: dict[Hashable, Symbol] = {}
    keys = mine = Keys(base, lambda term: term, one)
    rests: dict[str, str] = {}
    open_: set[str] = set()
    for symbol in left.state.shared.layout.symbols:
        symbols.add(symbol)
        key, by = keys.of(symbol)
        if key is not None:
            known[key] = symbol
        if by == UNNAMED or _is_global(symbol):
            open_.add(symbol.name)
    leaves: dict[str, Term] = {}
    for name, (term, _) in right.state.shared.layout.externals.items():
        other = left.state.shared.layout.externals.get(name)
        if other is not None and other[0] is not term:
            leaves[term.args[0]] = other[0]
    renaming = Renaming(leaves)
    keys = Keys(head, renaming, one)
    shared: set[str] = set()
    added: set[str] = set()
    for symbol in right.state.shared.layout.symbols:
        key, by = keys.of(symbol)
        same = None if key is None else known.get(key)
        if same is None:
            same = _own(symbol, symbols, renaming)
            symbols.add(same)
            if by == UNNAMED or _is_global(symbol):
                added.add(same.name)
        else:
            shared.add(same.name)
            if by:
                rests[same.name] = by
        if same.term is not symbol.term:
            leaves[symbol.name] = same.term
            renaming.done.clear()
    externals = right.state.shared.layout.externals.values()
    places = {term.args[0]: as_term(address, 64) for term, address in externals}
    joint = _joint(left, right, symbols, renaming)
    # Where only one side has more such words than the other, they cannot be the other's under another name.
    alone = (open_ - shared) | added if open_ - shared and added else set[str]()
    calls = mine.calls, keys.calls
    return Alignment(joint, renaming, Renaming({**leaves, **places}), rests, frozenset(alone), one, calls)


def _same_code(one: Image, other: Image) -> bool:
    """Whether two images hold the same, whatever they were read from: then equal names are made alike."""
    return replace(one, path="", sha256="") == replace(other, path="", sha256="")


def _is_global(symbol: Symbol) -> bool:
    """Whether it is a word at an absolute address."""
    return symbol.place is not None and symbol.place.root is None


def _own(symbol: Symbol, taken: Symbols, renaming: Renaming) -> Symbol:
    """A symbol of HEAD's that BASE does not have, under a name that is free."""
    name, number = symbol.name, 1
    while taken.find(name) is not None:
        name, number = f"{symbol.name} in HEAD{'' if number == 1 else f' ({number})'}", number + 1
    term = symbol.term if name == symbol.name else claripy.BVS(name, symbol.width, explicit_name=True)
    place = symbol.place
    if place is not None and place.root is not None:
        place = Place(renaming(place.root), place.offset, place.region)
    otherwise = None if symbol.otherwise is None else renaming(symbol.otherwise)
    return replace(symbol, name=name, term=term, place=place, otherwise=otherwise)


def _joint(left: Entry, right: Entry, symbols: Symbols, renaming: Renaming) -> Entry:
    """BASE's entry with all symbols, and the roots of both sides."""
    mine, other = left.state.shared.layout, right.state.shared.layout
    layout = replace(
        mine,
        symbols=symbols,
        known=_roots(mine.known.values(), other.known.values(), renaming),
        unknown=_roots(mine.unknown.values(), other.unknown.values(), renaming),
        externals={**other.externals, **mine.externals},
    )
    state = left.state.copy()
    state.shared = replace(left.state.shared, layout=layout)
    state.memory.layout = layout
    return replace(left, state=state, constraints=(*left.constraints, *(renaming(one) for one in right.constraints)))


def _roots(mine: Iterable[RegionId], other: Iterable[RegionId], renaming: Renaming) -> dict[int, RegionId]:
    found = {region.root.hash(): region for region in mine if region.root is not None}
    for region in other:
        root = None if region.root is None else renaming(region.root)
        if root is not None:
            found.setdefault(root.hash(), RegionId(region.kind, f"{region.key} in HEAD", root))
    return found


class Keys:
    """The keys of one side's symbols, asked in the order in which they were made.

    A key that was given before gets a number: two symbols of one side never have the same. ``calls`` has those of
    its calls.
    """

    def __init__(self, survey: Survey, rename: Callable[[Term], Term], by_name: bool) -> None:
        self._image = survey.task.image
        self._by_name = by_name
        self._executed = survey.explorer.executed
        self._rename = rename
        self._met: Counter[Hashable] = Counter()
        self._places: dict[Hashable, int] = {}
        self._sizes: dict[str, int] = {}
        places: dict[str, set[int]] = {}
        for symbol in self._image.symbols:
            places.setdefault(symbol.name, set()).add(symbol.address)
            self._sizes[symbol.name] = max(symbol.size, self._sizes.get(symbol.name, 0))
        self._ambiguous = frozenset(name for name, found in places.items() if len(found) > 1)
        self.calls: dict[str, CallKey] = {}
        numbers: Counter[str] = Counter()
        for execution, name in survey.setting.entry.state.shared.calls.items():
            what = _ADDRESS.sub("?", str(execution[0]) if isinstance(execution, tuple) else name)
            self.calls[name] = what, numbers[what]
            numbers[what] += 1

    def of(self, symbol: Symbol) -> tuple[Hashable, str]:
        """A symbol's key, and the id of the assumption that makes it the same as another with that key.

        None: it is like no other. An approximation is: what may have hit it is not told by its name. So is read-only
        data whose bytes are not known: they need not be those of the other version.
        """
        if self._by_name:
            return (symbol.name, symbol.width), ""
        if symbol.otherwise is not None or (symbol.place is not None and symbol.place.region == "constant"):
            return None, ""
        found, by = self._key(symbol)
        number = self._met[found]
        self._met[found] += 1
        return (found, number), by or (UNNAMED if number else "")

    def _key(self, symbol: Symbol) -> tuple[Hashable, str]:
        width, place = symbol.width, symbol.place
        if symbol.undefined_at is not None:
            # With its operands: by 2 and by 3 a shift leaves OF undefined, but not alike.
            decoded = self._executed.get(symbol.undefined_at)
            kind = _ADDRESS.sub("?", decoded.text) if decoded is not None else symbol.name
            return ("undefined", kind, symbol.register, width), UNDEFINED
        where, by = ((), "") if place is None else self.place(place)
        if symbol.call:
            callee, number = self.calls.get(symbol.call, (symbol.call, 0))
            return ("call", callee, number, symbol.register, where, width), UNNAMED if by or "?" in callee else CALLS
        if place is not None and symbol.kind != "frame":
            return ("memory", where, width), by
        if symbol.kind == "feature" and _ADDRESS.search(symbol.name):
            return ("feature", width), UNNAMED
        return (symbol.kind, symbol.name, width), UNNAMED if symbol.kind == "feature" and "~" in symbol.name else ""

    def place(self, place: Place) -> tuple[Hashable, str]:
        """A word's place in terms of both sides, and the assumption for places that have no name of their own."""
        if place.root is not None and place.region != "percpu":
            return (self._rename(place.root).hash(), place.offset), ""
        named = tuple(self._named(place.offset + index) for index in range(8))
        if None not in named:
            own = all(one is not None and one[2] for one in named)
            return (place.region == "percpu", *(one and one[:2] for one in named)), "" if own else UNNAMED
        number = self._places.setdefault((place.region, place.offset), len(self._places))
        return (place.region == "percpu", number), UNNAMED

    def _named(self, offset: int) -> tuple[str, int, bool] | None:
        """What lies at an absolute address or in the per-CPU area, and whether the name is its own; None: no name."""
        for symbol in self._image.externals:
            if symbol.address <= offset < symbol.address + EXTERNAL_SPAN:
                return symbol.name, offset - symbol.address, True
        if self._image.section_at(offset) is None:
            return "", offset, True
        found = self._image.symbol_before(offset)
        if found is None or found[0] in self._ambiguous:
            return None
        name, distance = found
        return name, distance, distance < max(self._sizes[name], 8)

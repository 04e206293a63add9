# SPDX-License-Identifier: BSD-2-Clause
"""Memory as regions keyed by a symbolic base; no address is ever concretised.

An address is split into a root (a term without a constant summand) and a
constant offset. Roots that the contract or the analysed code establish as
stacks, per-CPU areas or globals are *known* regions, which do not overlap (an
assumption that the report lists when it was used). Every other root is an
*unknown* region, which may overlap anything: a store through it turns every
word elsewhere into an approximated symbol, and a store elsewhere does the same
to its words. No store is ever dropped, and no load is pinned to one value.

Words are 64 bits wide on an 8-byte grid from the root (image regions: from
address 0); narrower and misaligned accesses are cut out and pieced together.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Literal

import claripy

from verifier.lift.symbols import Place, Symbols
from verifier.model import Image
from verifier.terms import Term, Truth, as_term, concrete, select

RegionKind = Literal["frame-stack", "percpu", "stack", "below", "image", "constant", "extern", "unknown"]
_SIGN = 1 << 63


@dataclass(frozen=True, slots=True)
class RegionId:
    """Identity of a region: its kind and a key that is unique within the exploration."""

    kind: RegionKind
    key: str
    root: Term | None = field(compare=False, hash=False, default=None)

    @property
    def writable(self) -> bool:
        """Whether its content can change."""
        return self.kind != "constant"


@dataclass(frozen=True, slots=True)
class Havoc:
    """A call that was not followed wrote every writable region. ``call`` makes its symbols unique."""

    call: str
    origin: str


@dataclass(frozen=True, slots=True)
class Maybe:
    """A store that may or may not have hit.

    ``mark`` identifies the one execution of the store; ``name`` is for people.
    ``hits`` is "all" regions but ``spared``; only "unknown" ones; or "dead":
    the words of ``spared`` that lie below the offset ``limit``.
    """

    mark: Hashable
    name: str
    origin: str
    hits: Literal["all", "unknown", "dead"]
    spared: RegionId
    limit: int = 0

    def applies(self, region: RegionId, offset: int) -> bool:
        """Whether that word may have changed."""
        if not region.writable:
            return False
        match self.hits:
            case "all":
                return region != self.spared
            case "unknown":
                return region.kind == "unknown" and region != self.spared
            case "dead":
                return region == self.spared and offset < self.limit


@dataclass(frozen=True, slots=True)
class Fork:
    """Two merged histories: ``then`` where the condition holds, else ``otherwise``."""

    condition: Truth
    then: tuple[Marker, ...]
    otherwise: tuple[Marker, ...]


Marker = Havoc | Maybe | Fork


EXTERNAL_SPAN = 0x10000
"""Made-up addresses of external symbols lie so many bytes apart."""

EXTERNAL_MARK = "&"
"""Symbols that stand for the unknown address of an external symbol are called &NAME@ADDRESS."""


def external_address(name: str, address: int) -> Term:
    """The unknown address of an external symbol whose made-up address is given."""
    return claripy.BVS(f"{EXTERNAL_MARK}{name}@{address:x}", 64, explicit_name=True)


def made_up(term: Term) -> int | None:
    """The made-up address behind the term of ``external_address``."""
    if isinstance(term, int) or term.op != "BVS" or not term.args[0].startswith(EXTERNAL_MARK):
        return None
    return int(term.args[0].rsplit("@", 1)[1], 16)


def linear(address: Term) -> tuple[Term | None, int]:
    """Split a 64-bit address into root and signed constant offset; root None: it is a constant.

    An external symbol that stands alone counts as a constant: its object is a
    region of its own wherever it lies. Beside anything else it is unknown.
    """
    root, constant = _split(address, fold=False)
    if root is not None and made_up(root) is not None:
        return _split(address, fold=True)
    return root, constant


def _split(address: Term, fold: bool) -> tuple[Term | None, int]:
    """Root and offset; with ``fold`` external symbols are taken at their made-up addresses."""
    constant = 0
    rest: list[tuple[Term, bool]] = []
    todo: list[tuple[Term, bool]] = [(address, False)]
    while todo:
        term, negated = todo.pop()
        value = concrete(term)
        if value is None and fold:
            value = made_up(term)
        if value is not None:
            constant += -value if negated else value
        elif term.op == "__add__":
            todo.extend((argument, negated) for argument in term.args)
        elif term.op == "__sub__":
            first, *others = term.args
            todo.append((first, negated))
            todo.extend((argument, not negated) for argument in others)
        else:
            rest.append((term, negated))
    constant = ((constant + _SIGN) & (2 * _SIGN - 1)) - _SIGN
    if not rest:
        return None, constant
    rest.sort(key=lambda pair: pair[0].hash())
    root: Term | None = None
    for term, negated in rest:
        if root is None:
            root = -term if negated else term
        else:
            root = root - term if negated else root + term
    return root, constant


@dataclass(slots=True)
class Layout:
    """What every state of an exploration shares: the image, the symbols and the known roots.

    ``slot_names`` maps an offset from the frame root to a slot's name;
    ``frame_offset`` is the frame base's offset from its root. ``ceilings``
    has, for each "below" region, the offset from which on it may overlap the
    stack that it was carved from (``parents``). ``promoted`` is set when a root turns out to
    be a stack after it was used as an unknown pointer: the exploration is then
    repeated, knowing it.
    """

    image: Image
    symbols: Symbols
    known: dict[int, RegionId] = field(default_factory=dict)
    slot_names: dict[int, str] = field(default_factory=dict)
    frame_offset: int = 0
    unknown: dict[int, RegionId] = field(default_factory=dict)
    ceilings: dict[RegionId, int] = field(default_factory=dict)
    parents: dict[RegionId, RegionId] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    externals: dict[str, tuple[Term, int]] = field(default_factory=dict)
    promoted: bool = False
    pointers: int = 0

    def is_constant(self, address: int, size: int) -> bool:
        """Whether these bytes are read-only data of the image."""
        section = self.image.section_at(address & (2 * _SIGN - 1))
        if section is None or section.writable or section.executable:
            return False
        return (address & (2 * _SIGN - 1)) + size <= section.address + len(section.data)

    def external(self, address: int) -> Term | None:
        """The symbolic address if this is a made-up one of an external symbol."""
        for symbol in self.image.symbols:
            if symbol.section is None and symbol.address <= address < symbol.address + EXTERNAL_SPAN:
                term = external_address(symbol.name, symbol.address)
                self.externals[symbol.name] = term, symbol.address
                return term + (address - symbol.address) if address != symbol.address else term
        return None

    def add_root(self, root: Term, kind: RegionKind, key: str) -> RegionId:
        """Declare a root as the base of a known region."""
        region = RegionId(kind, key, root)
        self.known[root.hash()] = region
        if self.unknown.pop(root.hash(), None) is not None:
            self.promoted = True
        return region

    def resolve(self, address: Term) -> tuple[RegionId, int]:
        """Region and offset of an address."""
        root, offset = linear(address)
        if root is None:
            return self._absolute(offset & (2 * _SIGN - 1))
        found = self.known.get(root.hash())
        if found is not None and offset + 8 > self.ceilings.get(found, offset + 8):
            found = None
        if found is None:
            # %gs:NAME: a per-CPU object at its made-up offset in the per-CPU area.
            base, place = _split(address, fold=True)
            area = None if base is None or base is root else self.known.get(base.hash())
            if area is not None and area.kind == "percpu":
                return area, place
        found = found or self.unknown.get(root.hash())
        if found is None:
            symbol = self.symbols.of(root)
            self.pointers += 1
            key = symbol.name if symbol is not None else f"pointer{self.pointers}"
            found = self.unknown[root.hash()] = RegionId("unknown", key, root)
        return found, offset

    def _absolute(self, address: int) -> tuple[RegionId, int]:
        section = self.image.section_at(address)
        if section is not None:
            constant = not section.writable and len(section.data) == section.size
            return RegionId("constant" if constant else "image", section.name), address
        for symbol in self.image.symbols:
            if symbol.section is None and symbol.address <= address < symbol.address + EXTERNAL_SPAN:
                return RegionId("extern", symbol.name), address
        return RegionId("unknown", "absolute"), address

    def name(self, region: RegionId, offset: int) -> str:
        """The name of a word's content at entry, as the user reads it."""
        match region.kind:
            case "frame-stack":
                slot = self.slot_names.get(offset)
                if slot is not None:
                    return f"frame.{slot}"
                return f"stack[{offset - self.frame_offset:+#x}]"
            case "percpu":
                return f"gs:[{offset:#x}]"
            case "stack" | "below":
                return f"{region.key}->[{offset:+#x}]"
            case "image" | "constant":
                named = self.image.symbol_before(offset)
                return f"{named[0]}+{named[1]:#x}" if named else f"{region.key}@{offset:#x}"
            case "extern":
                symbol = self.image.symbol(region.key)
                return f"{region.key}+{offset - symbol.address:#x}" if symbol else f"[{offset:#x}]"
            case _:
                return f"[{region.key}{offset:+#x}]" if region.root is not None else f"[{offset:#x}]"


class Memory:
    """The memory of one state. ``copy`` is cheap; words not written are made on demand."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.words: dict[RegionId, dict[int, Term]] = {}
        self.history: tuple[Marker, ...] = ()

    def copy(self) -> Memory:
        """An independent copy."""
        other = Memory(self.layout)
        other.words = {region: dict(words) for region, words in self.words.items()}
        other.history = self.history
        return other

    def word(self, region: RegionId, offset: int) -> Term:
        """The 64-bit word at a grid offset."""
        written = self.words.get(region, {}).get(offset)
        return self._initial(region, offset, self.history) if written is None else written

    def _initial(self, region: RegionId, offset: int, history: tuple[Marker, ...]) -> Term:
        symbols, place = self.layout.symbols, Place(region.root, offset, region.kind)
        name = self.layout.name(region, offset)
        for index in range(len(history) - 1, -1, -1):
            match history[index]:
                case Havoc(call, origin):
                    return symbols.make(
                        f"{call}:{name}",
                        64,
                        "havoc",
                        key=("call", call, region, offset),
                        origin=origin,
                        place=place,
                        call=call,
                    )
                case Maybe() as maybe if maybe.applies(region, offset):
                    before = self._initial(region, offset, history[:index])
                    return self._perhaps(maybe, region, offset, before)
                case Fork(condition, then, otherwise):
                    left = self._initial(region, offset, then)
                    right = self._initial(region, offset, otherwise)
                    return left if left is right else select(condition, left, right, 64)
                case _:
                    continue
        kind: Literal["frame", "memory"] = (
            "frame" if region.kind == "frame-stack" and name.startswith("frame.") else "memory"
        )
        return symbols.make(name, 64, kind, key=("entry", region, offset), place=place)

    def _perhaps(self, maybe: Maybe, region: RegionId, offset: int, before: Term) -> Term:
        """What a word holds if a store may have hit it: anything, or what it held before."""
        return self.layout.symbols.make(
            f"{maybe.name}:{self.layout.name(region, offset)}",
            64,
            "havoc",
            key=("perhaps", maybe.mark, region, offset, before.hash()),
            origin=maybe.origin,
            otherwise=before,
        )

    def _constant(self, region: RegionId, address: int, size: int) -> Term:
        """``size`` bytes of a read-only section; arbitrary if they leave it or a relocation is open."""
        image = self.layout.image
        section = image.section_at(address)
        open_fields = any(not found.applied for found in image.relocations_in(address, size))
        start = address - (section.address if section is not None else 0)
        if section is None or open_fields or start + size > len(section.data):
            name = f"{self.layout.name(region, address)}/{size}"
            key = ("constant", address, size)
            return self.layout.symbols.make(name, size * 8, "memory", key=key, place=Place(None, address, "constant"))
        return as_term(int.from_bytes(section.data[start : start + size], "little"), size * 8)

    def load(self, address: Term, size: int) -> Term:
        """The ``8 * size``-bit content of ``size`` bytes (1 to 8) at a 64-bit address."""
        region, offset = self.layout.resolve(address)
        self.layout.used.add(region.kind)
        if region.kind == "constant":
            return self._constant(region, offset, size)
        first = offset & ~7
        low = (offset - first) * 8
        word = self.word(region, first)
        if low + size * 8 > 64:
            word = claripy.Concat(self.word(region, first + 8), word)
        return word[low + size * 8 - 1 : low]

    def store(self, address: Term, value: Term, size: int, mark: Hashable, name: str, origin: str) -> RegionId:
        """Write ``8 * size`` bits; ``mark`` identifies this execution of the store (see ``Maybe``)."""
        region, offset = self.layout.resolve(address)
        self.layout.used.add(region.kind)
        if not region.writable:
            return region
        if region.kind == "unknown":
            self._maybe(Maybe(mark, name, origin, "all", region))
        elif any(other.kind == "unknown" for other in self._touched()):
            self._maybe(Maybe(mark, name, origin, "unknown", region))
        words = self.words.setdefault(region, {})
        first = offset & ~7
        low, width = (offset - first) * 8, size * 8
        value = as_term(value, width)
        if low + width <= 64:
            words[first] = _spliced(self.word(region, first), value, low, width, 64)
        else:
            pair = claripy.Concat(self.word(region, first + 8), self.word(region, first))
            pair = _spliced(pair, value, low, width, 128)
            words[first], words[first + 8] = pair[63:0], pair[127:64]
        return region

    def _touched(self) -> list[RegionId]:
        return [*self.layout.unknown.values(), *self.words]

    def _maybe(self, marker: Maybe) -> None:
        """Turn every word that the store may have hit into an approximated symbol."""
        for region, words in self.words.items():
            for offset, before in words.items():
                if marker.applies(region, offset):
                    words[offset] = self._perhaps(marker, region, offset, before)
        self.history = (*self.history, marker)

    def abandon(self, region: RegionId, limit: int, mark: Hashable, name: str) -> None:
        """A stack carved out below ``limit`` of a region may overwrite what lies there."""
        self._maybe(Maybe(mark, name, "a stack carved out of this one", "dead", region, limit))

    def havoc(self, call: str, origin: str, keep: Callable[[RegionId, int], bool]) -> None:
        """Make every writable word arbitrary but for those written words that ``keep`` accepts."""
        for region, words in list(self.words.items()):
            if region.writable:
                self.words[region] = {offset: term for offset, term in words.items() if keep(region, offset)}
        self.history = (Havoc(call, origin),)

    def joined(self, other: Memory, condition: Truth) -> Memory:
        """This memory where the condition holds, ``other`` elsewhere."""
        merged = Memory(self.layout)
        if same_history(self.history, other.history):
            merged.history = self.history
        else:
            merged.history = (Fork(condition, self.history, other.history),)
        for region in [*self.words, *(found for found in other.words if found not in self.words)]:
            offsets = {**self.words.get(region, {}), **other.words.get(region, {})}
            words = merged.words.setdefault(region, {})
            for offset in offsets:
                left, right = self.word(region, offset), other.word(region, offset)
                words[offset] = left if left is right else select(condition, left, right, 64)
        return merged


def _spliced(old: Term, value: Term, low: int, width: int, total: int) -> Term:
    parts = [value]
    if low + width < total:
        parts.insert(0, old[total - 1 : low + width])
    if low:
        parts.append(old[low - 1 : 0])
    return claripy.Concat(*parts) if len(parts) > 1 else value


def same_history(left: tuple[Marker, ...], right: tuple[Marker, ...]) -> bool:
    """Whether two histories are the same; forks hold terms, so they are compared by identity."""
    return len(left) == len(right) and all(
        one is two or (not isinstance(one, Fork) and not isinstance(two, Fork) and one == two)
        for one, two in zip(left, right, strict=True)
    )

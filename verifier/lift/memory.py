# SPDX-License-Identifier: BSD-2-Clause
"""The memory of one state, by regions (``verifier.lift.regions``); no store is ever dropped.

A store through an unknown region turns every word elsewhere that it may hit
into an approximated symbol, and a store elsewhere does the same to the words
of unknown regions. No load is pinned to one value.

Words are 64 bits wide on an 8-byte grid from the root (image regions: from
address 0); narrower and misaligned accesses are cut out and pieced together.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Literal

import claripy

from verifier.lift.regions import Layout, RegionId
from verifier.lift.symbols import Place
from verifier.records import record
from verifier.terms import Term, Truth, as_term, select

Reach = Literal["all", "but-own", "unknown"]
"""What a store with an unknown address may hit: see ``Maybe``."""


@record
class Havoc:
    """A call that was not followed wrote every writable region. ``call`` makes its symbols unique."""

    call: str
    origin: str


@record
class Maybe:
    """A store that may or may not have hit.

    ``mark`` identifies the one execution of the store; ``name`` is for people.
    ``hits`` is "all" regions but ``spared``; only "unknown" ones; "but-own": all but what
    was pushed on stacks (below the offset ``limit`` on the frame's); "dead": the
    words of ``spared`` that lie below the offset ``limit``; or "near": those
    that an index into the parent of ``spared`` may reach from the offset ``limit`` on.
    """

    mark: Hashable
    name: str
    origin: str
    hits: Literal["all", "unknown", "but-own", "dead", "near"]
    spared: RegionId
    limit: int = 0

    def applies(self, region: RegionId, offset: int) -> bool:
        """Whether that word may have changed."""
        if not region.writable:
            return False
        match self.hits:
            case "all":
                return region != self.spared
            case "but-own":
                stack = region.kind in ("stack", "below") or (region.kind == "frame-stack" and offset < self.limit)
                return region != self.spared and not stack
            case "unknown":
                elsewhere = region.parent is not None and region.parent != self.spared
                return region.kind == "unknown" and region != self.spared and not elsewhere
            case "near" if region.kind == "unknown":
                return region != self.spared and region.parent in (None, self.spared.parent)
            case "near":
                return region == self.spared.parent and self.limit - 8 < offset < self.limit + self.spared.span + 8
            case "dead":
                return region == self.spared and offset < self.limit


@record
class Fork:
    """Two merged histories: ``then`` where the condition holds, else ``otherwise``."""

    condition: Truth
    then: tuple[Marker, ...]
    otherwise: tuple[Marker, ...]


Marker = Havoc | Maybe | Fork


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
        return self._initial(region, offset, self.history, {}) if written is None else written

    def _initial(self, region: RegionId, offset: int, history: tuple[Marker, ...], known: dict[int, Term]) -> Term:
        """The word as it was before any write; ``known`` is what it is at the forks that were looked at, by identity.

        Both arms of a fork go back to the fork before: without ``known`` a word would be made 2^n times behind n forks.
        """
        symbols, place = self.layout.symbols, Place(region.root, offset, region.kind)
        name = self.layout.name(region, offset)
        for index in range(len(history) - 1, -1, -1):
            match history[index]:
                case Havoc(call, origin):
                    key = ("call", call, region, offset)
                    named = f"{call}:{name}"
                    return self._noted(symbols.make(named, 64, "havoc", key=key, origin=origin, place=place, call=call))
                case Maybe() as maybe if maybe.applies(region, offset):
                    # Whether one store in a row hit it or several: it holds anything, or what it held before all.
                    while index and isinstance(history[index - 1], Maybe):
                        index -= 1
                    before = self._initial(region, offset, history[:index], known)
                    return self._perhaps(maybe, region, offset, before)
                case Fork(condition, then, otherwise) as fork:
                    if id(fork) not in known:
                        left = self._initial(region, offset, then, known)
                        right = self._initial(region, offset, otherwise, known)
                        known[id(fork)] = left if left is right else select(condition, left, right, 64)
                    return known[id(fork)]
                case _:
                    continue
        kind: Literal["frame", "memory"] = (
            "frame" if region.kind == "frame-stack" and name.startswith("frame.") else "memory"
        )
        return self._noted(symbols.make(name, 64, kind, key=("entry", region, offset), place=place))

    def _noted(self, term: Term) -> Term:
        if self.layout.noted is not None:
            self.layout.noted.update(term.variables)
        return term

    def _perhaps(self, maybe: Maybe, region: RegionId, offset: int, before: Term) -> Term:
        """What a word holds if a store may have hit it: anything, or what it held before."""
        earlier = self.layout.symbols.of(before)
        if earlier is not None and earlier.otherwise is not None:
            before = earlier.otherwise
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
        # Code that is read as data: boot code may have written there.
        open_fields = open_fields or image.rewritten(address, address + size)
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

    def store(
        self, address: Term, value: Term, size: int, mark: Hashable, name: str, origin: str, reach: Reach = "all"
    ) -> RegionId:
        """Write ``8 * size`` bits; ``mark`` identifies this execution of the store (see ``Maybe``).

        ``reach`` is what it may hit if its region is unknown.
        """
        region, offset = self.layout.resolve(address)
        self.layout.used.add(region.kind)
        if not region.writable:
            return region
        if region.kind == "unknown":
            if region.parent is not None:
                self._maybe(Maybe(mark, name, origin, "near", region, offset))
            else:
                self._maybe(Maybe(mark, name, origin, reach, region, self.layout.frame_offset))
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


def nearby(history: tuple[Marker, ...], base: tuple[Marker, ...]) -> bool:
    """Whether a history adds nothing to another one that may change a word of a known region at large.

    Stores to known regions leave markers for unknown ones; stores by an index into a known area for its words.
    """
    done: dict[int, bool] = {}

    def extends(markers: tuple[Marker, ...]) -> bool:
        rest = markers
        while not same_history(rest, base):
            match rest:
                case (*before, Maybe(hits="near" | "unknown")):
                    rest = tuple(before)
                case (*before, Fork() as fork) if not before:
                    if id(fork) not in done:
                        done[id(fork)] = extends(fork.then) and extends(fork.otherwise)
                    return done[id(fork)]
                case _:
                    return False
        return True

    return extends(history)

# SPDX-License-Identifier: BSD-2-Clause
"""Addresses as a region and an offset; no address is ever concretised.

An address is split into a root (a term without a constant summand) and a
constant offset. Roots that the contract or the analysed code establish as
stacks, per-CPU areas or globals are *known* regions, which do not overlap (an
assumption that the report lists when it was used). Every other root is an
*unknown* region. It may overlap anything, unless its root is a known one plus
an index with a small bound: then it lies in that one's area.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import claripy

from verifier.lift.symbols import Symbols
from verifier.model import Image
from verifier.records import record
from verifier.terms import Term, concrete

RegionKind = Literal["frame-stack", "percpu", "stack", "below", "image", "constant", "extern", "unknown"]
_SIGN = 1 << 63


@record
class RegionId:
    """Identity of a region: its kind and a key that is unique within the exploration.

    An unknown region with a ``parent`` has the parent's root plus an index from 0 to ``span`` as its own root.
    """

    kind: RegionKind
    key: str
    root: Term | None = field(compare=False, hash=False, default=None)
    parent: RegionId | None = field(compare=False, hash=False, default=None)
    span: int = field(compare=False, hash=False, default=0)

    @property
    def writable(self) -> bool:
        """Whether its content can change."""
        return self.kind != "constant"


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
    repeated, knowing it. ``residues`` has known roots
    with a size, a power of 2, and their remainder by it; ``bound`` gives a small upper bound of a 64-bit term, or None;
    ``evaluate`` its value, where a single machine is followed: pointers with one value are one there,
    and ``noted`` takes the names of the words read.
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
    residues: dict[int, tuple[int, int]] = field(default_factory=dict)
    bound: Callable[[Term], int | None] = lambda _: None
    evaluate: Callable[[Term], int] | None = None
    noted: set[str] | None = None

    def is_constant(self, address: int, size: int) -> bool:
        """Whether these bytes are read-only data of the image."""
        section = self.image.section_at(address & (2 * _SIGN - 1))
        if section is None or section.writable or section.executable:
            return False
        return (address & (2 * _SIGN - 1)) + size <= section.address + len(section.data)

    def external(self, address: int) -> Term | None:
        """The symbolic address if this is a made-up one of an external symbol."""
        for symbol in self.image.externals:
            if symbol.address <= address < symbol.address + EXTERNAL_SPAN:
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
        if root.op in ("__or__", "__and__"):
            root, offset = self._unmasked(root, offset)
        found = self.known.get(root.hash())
        if found is not None and offset + 8 > self.ceilings.get(found, offset + 8):
            found = None
        if found is None:
            # %gs:NAME: a per-CPU object at its made-up offset in the per-CPU area.
            base, place = _split(address, fold=True)
            if base is not None and base is not root:
                area = self.known.get(base.hash())
                if area is not None and area.kind == "percpu":
                    return area, place
                parent, _ = self._parent(base)
                if parent is not None and parent.kind == "percpu":
                    # %gs:NAME(index): it lies in that area wherever the object is.
                    root, offset = base, place
        found = found or self.unknown.get(root.hash()) or self._equal(root)
        if found is None:
            symbol = self.symbols.of(root)
            self.pointers += 1
            key = symbol.name if symbol is not None else f"pointer{self.pointers}"
            parent, span = self._parent(root)
            found = self.unknown[root.hash()] = RegionId("unknown", key, root, parent, span)
        return found, offset

    def _unmasked(self, root: Term, offset: int) -> tuple[Term, int]:
        """The end or the start of a stack, as people find it by a mask, at a constant distance from a known root.

        Known low bits of a pointer that are all set, or all cleared, change it by a constant.
        """
        if len(root.args) != 2:
            return root, offset
        mask, pointer = (concrete(term) for term in root.args)
        constant, other = (mask, root.args[1]) if mask is not None else (pointer, root.args[0])
        base, distance = linear(other)
        if constant is None or base is None or base.hash() not in self.residues:
            return root, offset
        size, residue = self.residues[base.hash()]
        low = constant if root.op == "__or__" else ~constant & (2 * _SIGN - 1)
        if low & (low + 1) or low >= size:
            return root, offset
        bits = residue + distance & low
        return base, offset + distance + (low - bits if root.op == "__or__" else -bits)

    def _equal(self, root: Term) -> RegionId | None:
        """The unknown region whose root has the same value in the machine that is followed."""
        if self.evaluate is None:
            return None
        value = self.evaluate(root)
        for region in self.unknown.values():
            if region.root is not None and self.evaluate(region.root) == value:
                return region
        return None

    def on_stack(self, root: Term) -> bool:
        """Whether a known stack is a part of an address, so that it may point anywhere into that."""
        stacks = (region.root for region in self.known.values() if region.kind in ("frame-stack", "stack", "below"))
        return any(root.variables & stack.variables for stack in stacks if stack is not None)

    def _parent(self, root: Term) -> tuple[RegionId | None, int]:
        """The known region that a root points into by an index with a small bound, and that bound."""
        if root.op != "__add__":
            return None, 0
        for base in root.args:
            region = self.known.get(base.hash())
            if region is not None and region.kind in ("percpu", "frame-stack", "stack"):
                span = self.bound(root - base)
                if span is not None:
                    return region, span
        return None, 0

    def _absolute(self, address: int) -> tuple[RegionId, int]:
        section = self.image.section_at(address)
        if section is not None:
            constant = not section.writable and len(section.data) == section.size
            return RegionId("constant" if constant else "image", section.name), address
        for symbol in self.image.externals:
            if symbol.address <= address < symbol.address + EXTERNAL_SPAN:
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

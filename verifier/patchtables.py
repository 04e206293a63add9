# SPDX-License-Identifier: BSD-2-Clause
"""The entries of an image's tables of code patching: found, taken apart, and checked to be plausible.

The bytes are untrusted. A table that no described form fits is not guessed at: it is left unread, which the caller
reports. Nothing here knows a kernel; the forms come from ``verifier.patchspec``.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from dataclasses import dataclass

from verifier.model import Image, Section, UserError
from verifier.patchspec import Alternatives, Fields, Keys, Layout, Place, Version

MAX_ENTRIES = 1 << 17
"""A table with more entries than this is refused; the largest known has less than a tenth."""

MAX_FEATURE = 64 * 32
"""Feature numbers of a plausible entry are below this."""

MIN_HIDDEN = 64
"""A run of fewer entries than this is not taken for a hidden table."""

MAX_HIDDEN_BYTES = 64 << 20
"""A section larger than this is not searched for a hidden table."""

_NEAR_JUMPS = {0xE9: 5, 0xEB: 2}


@dataclass(frozen=True, slots=True)
class Extract:
    """The bytes of a table, at ``address``."""

    address: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One alternative: ``size`` bytes at ``site`` become those at ``source`` if the feature says so."""

    site: int
    size: int
    source: int
    source_size: int
    feature: int
    inverted: bool
    direct: bool


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One static branch: at ``site`` there is a jump to ``target`` if the key is set, exclusive-or ``branch``."""

    site: int
    target: int
    key: int
    branch: bool


class Memory:
    """The sections of an image, looked up quickly; an open relocation makes what it covers unknown."""

    def __init__(self, image: Image) -> None:
        self.sections = sorted(image.sections, key=lambda section: section.address)
        self._starts = [section.address for section in self.sections]
        opened = [found for found in image.relocations if not found.applied]
        self._open = sorted((found.address, found.address + max(found.size, 1)) for found in opened)

    def section_at(self, address: int) -> Section | None:
        """The section that holds ``address``."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        section = self.sections[index]
        return section if address < section.address + section.size else None

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes from one section, or nothing if they are not all there."""
        section = self.section_at(address)
        if section is None or address + size > section.address + len(section.data):
            return b""
        start = address - section.address
        return section.data[start : start + size]

    def code(self, address: int, size: int) -> bytes:
        """The same, from an executable section only."""
        section = self.section_at(address)
        return self.read(address, size) if section is not None and section.executable else b""

    def is_open(self, address: int, size: int) -> bool:
        """Whether a relocation that was not applied touches those bytes."""
        if not self._open:
            return False
        index = bisect_right(self._open, (address + size, 0)) - 1
        return any(start < address + size and address < end for start, end in self._open[max(index - 8, 0) : index + 1])


def locate(image: Image, memory: Memory, place: Place) -> tuple[Extract, ...]:
    """The tables of one kind: every section of that name, else what lies between the two symbols."""
    named = [
        Extract(section.address, section.data)
        for section in memory.sections
        if place.section and (section.name == place.section or section.name.startswith(place.section + "["))
    ]
    if named:
        return tuple(named)
    start, end = image.symbol(place.start), image.symbol(place.end)
    if start is None or end is None or start.section is None or end.section is None or start.address >= end.address:
        return ()
    data = memory.read(start.address, end.address - start.address)
    return (Extract(start.address, data),) if data else ()


def rows(table: Extract, fields: Fields) -> list[tuple[int, ...]]:
    """The entries of a table as they are. Raises UserError ``bad-object`` for one that is beyond all measure."""
    if len(table.data) // fields.size > MAX_ENTRIES:
        raise UserError(
            "bad-object", f"a table of code patching at {table.address:#x} has more than {MAX_ENTRIES} entries"
        )
    return list(struct.iter_unpack(fields.format, table.data)) if len(table.data) % fields.size == 0 else []


def alternatives(
    memory: Memory, tables: tuple[Extract, ...], spec: Alternatives, version: Version | None
) -> tuple[Layout, tuple[Entry, ...]] | None:
    """The entries of all tables in the one form that fits them; None if there is none, or no telling which."""
    fitting = []
    for layout in spec.layouts:
        entries: list[Entry] | None = []
        for table in tables:
            found = _entries(memory, table, layout)
            entries = None if found is None or entries is None else entries + found
        if entries is not None:
            fitting.append((layout, tuple(entries)))
    if len(fitting) > 1 and version is not None:
        fitting = [(layout, entries) for layout, entries in fitting if layout.since <= version < layout.before]
    return fitting[0] if len(fitting) == 1 else None


def _entries(memory: Memory, table: Extract, layout: Layout) -> list[Entry] | None:
    """The entries of one table; None unless every one is plausible in this form."""
    fields = layout.fields
    if len(table.data) % fields.size or memory.is_open(table.address, len(table.data)):
        return None
    site, source, feature, length, count = (
        fields.names.index(name) for name in ("site", "replacement", "feature", "length", "replacement-length")
    )
    padding, extra, zero = (fields.index(name) for name in ("padding", "extra", "zero"))
    site_offset, source_offset = fields.offsets[site], fields.offsets[source]
    mask = (1 << layout.feature_bits) - 1
    inverted = 0 if layout.inverted_bit is None else 1 << layout.inverted_bit
    direct = 0 if layout.direct_bit is None else 1 << layout.direct_bit
    found = []
    address = table.address
    for row in rows(table, fields):
        start = address + site_offset + row[site]
        origin = address + source_offset + row[source]
        size = row[length] + (row[extra] if extra is not None else 0)
        word = row[feature]
        address += fields.size
        if (
            row[count] > size
            or word & mask >= MAX_FEATURE
            or word & ~(mask | inverted | direct)
            or (padding is not None and row[padding] > size)
            or (zero is not None and row[zero])
            or (size and not memory.code(start, size))
            or (row[count] and not memory.read(origin, row[count]))
        ):
            return None
        if size:
            found.append(
                Entry(start, size, origin, row[count], word & mask, bool(word & inverted), bool(word & direct))
            )
    return found


def keys(memory: Memory, tables: tuple[Extract, ...], spec: Keys) -> tuple[KeyEntry, ...] | None:
    """The entries of all tables; None unless every one names code."""
    found: list[KeyEntry] = []
    for table in tables:
        if len(table.data) % spec.fields.size or memory.is_open(table.address, len(table.data)):
            return None
        site, target, key = (spec.fields.names.index(name) for name in ("site", "target", "key"))
        offsets = spec.fields.offsets
        address = table.address
        for row in rows(table, spec.fields):
            start = address + offsets[site] + row[site]
            place = address + offsets[target] + row[target]
            word = (address + offsets[key] + row[key]) & (1 << 64) - 1
            address += spec.fields.size
            if not memory.code(start, 2) or not memory.code(place, 1):
                return None
            found.append(KeyEntry(start, place, word & ~3, bool(word & 1)))
    return tuple(found)


def hidden_keys(memory: Memory, spec: Keys) -> tuple[Extract, ...]:
    """The table of static branches in a file that does not say where it is; empty if that is not certain.

    It is the only long run of entries in the named sections that each lead from a jump or NOP to code.
    """
    if spec.fields.format != "<iiq" or spec.fields.names != ("site", "target", "key"):
        return ()
    code = [section for section in memory.sections if section.executable and section.data]
    found: list[Extract] = []
    for section in memory.sections:
        if section.name in spec.hidden_in and len(section.data) <= MAX_HIDDEN_BYTES and not section.executable:
            found += _runs(memory, section, code, spec)
    return tuple(found) if len(found) == 1 else ()


def _runs(memory: Memory, section: Section, code: list[Section], spec: Keys) -> list[Extract]:
    """Every maximal run of at least MIN_HIDDEN entries in a section."""
    found: list[Extract] = []
    bounds = [(part.address, part.address + part.size) for part in code]
    lead = -section.address % 8
    base = section.address + lead
    data = section.data[lead : lead + (len(section.data) - lead) // 8 * 8]
    # Most candidates are not entries: a cheap test comes first, and most code is in one section.
    bounds.sort(key=lambda pair: pair[0] - pair[1])
    for first, last in _candidates(data, base, bounds):
        begin = None
        address = base + first
        for site, target, _ in struct.iter_unpack("<iiq", data[first:last]):
            start = address + site
            for low, high in bounds:
                if low <= start < high:
                    good = _is_branch(memory, start, address + 4 + target, spec)
                    break
            else:
                good = False
            if good and begin is None:
                begin = address
            elif not good and begin is not None:
                found += _run(data, base, begin, address)
                begin = None
            address += 16
        if begin is not None:
            found += _run(data, base, begin, address)
    return found


def _run(data: bytes, base: int, begin: int, end: int) -> list[Extract]:
    return [Extract(begin, data[begin - base : end - base])] if end - begin >= 16 * MIN_HIDDEN else []


def _is_branch(memory: Memory, site: int, target: int, spec: Keys) -> bool:
    code = memory.code(site, 5) or memory.code(site, 2)
    return branch_size(code, site, target, spec) > 0 and bool(memory.code(target, 1))


def _candidates(data: bytes, base: int, bounds: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Where entries may be, judged by the high bytes of their words: (start, end) offsets.

    Two words lead from here to code, so their top byte is one of few; the high half of the third is all zeros or
    all ones. Bytes at one place of every quadword are looked at together, which is fast.
    """
    tops = bytearray(256)
    for low, high in bounds:
        for top in range((low - base - len(data)) >> 24, (high - base >> 24) + 1):
            if -128 <= top < 128:
                tops[top & 255] = 1
    signs = bytes(2 if byte in (0, 255) else 0 for byte in range(256))
    pair, single = _all(data, (3, 7), bytes(tops)), _all(data, (4, 5, 6, 7), signs)
    flags = (pair | single).to_bytes(len(data) // 8, "little")
    pattern = re.compile(rb"(?:[\1\3][\2\3]){%d,}" % MIN_HIDDEN)
    return [(found.start() * 8, found.end() * 8) for found in pattern.finditer(flags)]


def _all(data: bytes, places: tuple[int, ...], table: bytes) -> int:
    """One byte for each quadword, in one integer: what ``table`` gives for all of the places."""
    result = -1
    for place in places:
        result &= int.from_bytes(data[place::8].translate(table), "little")
    return result


def branch_size(code: bytes, site: int, target: int, spec: Keys) -> int:
    """The size of the NOP, or of the jump to ``target``, that ``code`` at ``site`` begins with; 0 for neither."""
    for nop in spec.nops:
        if code.startswith(nop):
            return len(nop)
    size = _NEAR_JUMPS.get(code[0], 0) if code else 0
    if not 0 < size <= len(code):
        return 0
    return size if site + size + int.from_bytes(code[1:size], "little", signed=True) == target else 0

# SPDX-License-Identifier: BSD-2-Clause
"""The entries of an image's tables of code patching: found, taken apart, and checked to be plausible.

The bytes are untrusted. A table that no described form fits is not guessed at: it is left unread, which the caller
reports. Nothing here knows a kernel; the forms come from ``verifier.patchspec``.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import NamedTuple

from verifier.model import Image, Section, UserError
from verifier.patchspec import Alternatives, Fields, Keys, Layout, Place, Version
from verifier.records import record

MAX_ENTRIES = 1 << 17
"""A table with more entries than this is refused; the largest known has less than a tenth."""

MAX_SITES = 1 << 20
"""The same for a table of nothing but sites."""

_NEAR_JUMPS = {0xE9: 5, 0xEB: 2}

MAX_FEATURE = 64 * 32
"""Feature numbers of a plausible entry are below this."""


@record
class Extract:
    """The bytes of a table, at ``address``."""

    address: int
    data: bytes


class Entry(NamedTuple):
    """One alternative: ``size`` bytes at ``site`` become those at ``source`` if the feature says so."""

    site: int
    size: int
    source: int
    source_size: int
    feature: int
    inverted: bool
    direct: bool


class KeyEntry(NamedTuple):
    """One static branch: at ``site`` there is a jump to ``target`` if the key is set, exclusive-or ``branch``."""

    site: int
    target: int
    key: int
    branch: bool


class Code(NamedTuple):
    """The bytes of an executable section, from ``low`` up to ``high``; a loop looks at them without a call each."""

    low: int
    high: int
    data: bytes


NOWHERE = Code(0, 0, b"")


class Memory:
    """The sections of an image, looked up quickly; an open relocation makes what it covers unknown."""

    def __init__(self, image: Image) -> None:
        self.sections = sorted(image.sections, key=lambda section: section.address)
        self._starts = [section.address for section in self.sections]
        opened = [found for found in image.relocations if not found.applied]
        self._last = self.sections[0] if self.sections else None
        self._open = sorted((found.address, found.address + max(found.size, 1)) for found in opened)

    def section_at(self, address: int) -> Section | None:
        """The section that holds ``address``."""
        last = self._last
        if last is not None and last.address <= address < last.address + last.size:
            return last
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        section = self.sections[index]
        if address >= section.address + section.size:
            return None
        # Addresses of one table mostly lie in one section.
        self._last = section
        return section

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
        if section is None or not section.executable:
            return b""
        start = address - section.address
        found = section.data[start : start + size]
        return found if len(found) == size else b""

    def code_around(self, address: int) -> Code:
        """The executable section that has bytes at ``address``, else NOWHERE."""
        section = self.section_at(address)
        if section is None or not section.executable or address >= section.address + len(section.data):
            return NOWHERE
        return Code(section.address, section.address + len(section.data), section.data)

    @property
    def any_open(self) -> bool:
        """Whether any relocation was not applied."""
        return bool(self._open)

    def is_open(self, address: int, size: int) -> bool:
        """Whether a relocation that was not applied touches those bytes."""
        if not self._open:
            return False
        # No field is longer than 8 bytes.
        first, last = (
            bisect_right(self._open, (address - 8, 0)),
            bisect_right(self._open, (address + size - 1, 1 << 64)),
        )
        return any(address < end for _, end in self._open[first:last])


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
    _check(len(table.data) // fields.size, MAX_ENTRIES, table)
    return list(struct.iter_unpack(fields.format, table.data)) if len(table.data) % fields.size == 0 else []


def distances(table: Extract) -> tuple[int, ...]:
    """The entries, whole ones only, of a table of signed 32-bit numbers. Raises UserError like ``rows``."""
    count = len(table.data) // 4
    _check(count, MAX_SITES, table)
    return struct.unpack_from(f"<{count}i", table.data)


def _check(count: int, limit: int, table: Extract) -> None:
    if count > limit:
        raise UserError("bad-object", f"a table of code patching at {table.address:#x} has more than {limit} entries")


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
    low, high, _ = NOWHERE
    for row in rows(table, fields):
        start = address + site_offset + row[site]
        origin = address + source_offset + row[source]
        size = row[length] + (row[extra] if extra is not None else 0)
        word = row[feature]
        address += fields.size
        if not low <= start < high:
            low, high, _ = memory.code_around(start)
        if (
            row[count] > size
            or word & mask >= MAX_FEATURE
            or word & ~(mask | inverted | direct)
            or (padding is not None and row[padding] > size)
            or (zero is not None and row[zero])
            or (size and (not low <= start or start + size > high))
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
    low, high, _ = NOWHERE
    for table in tables:
        if len(table.data) % spec.fields.size or memory.is_open(table.address, len(table.data)):
            return None
        site, target, key = (spec.fields.names.index(name) for name in ("site", "target", "key"))
        address = table.address
        to_site, to_target, to_key = (spec.fields.offsets[index] for index in (site, target, key))
        for row in rows(table, spec.fields):
            start = address + to_site + row[site]
            place = address + to_target + row[target]
            word = (address + to_key + row[key]) & (1 << 64) - 1
            address += spec.fields.size
            if not low <= start < high:
                low, high, _ = memory.code_around(start)
            # Mostly both are in one section.
            if not low <= start < high - 1 or not (low <= place < high or memory.code(place, 1)):
                return None
            found.append(KeyEntry(start, place, word & ~3, bool(word & 1)))
    return tuple(found)


def branch_size(code: bytes, site: int, target: int, spec: Keys) -> int:
    """The size of the NOP, or of the jump to ``target``, that ``code`` at ``site`` begins with; 0 for neither."""
    size = _NEAR_JUMPS.get(code[0], 0) if code else 0
    if not size:
        for nop in spec.nops:
            if code.startswith(nop):
                return len(nop)
        return 0
    if size > len(code):
        return 0
    return size if site + size + int.from_bytes(code[1:size], "little", signed=True) == target else 0

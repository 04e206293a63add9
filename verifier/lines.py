# SPDX-License-Identifier: BSD-2-Clause
"""Line numbers from a DWARF ``.debug_line`` section, all of them or those of some addresses.

Source: DWARF Debugging Information Format, version 5 (2017), section 6.2. The
line table of a kernel is tens of megabytes, so for an executable only the
units are decoded that are needed; see verifier.debuginfo for one unit.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice

from verifier.debuginfo import LineTableError, Reader, Strings, Unit, unit_entries
from verifier.model import LineEntry

__all__ = ["LineTableError", "line_entries"]

MAX_ROWS = 1 << 20
MAX_UNITS = 1 << 18
MAX_WANTED = 4 << 20
"""Bounds: rows; units; bytes of the units that are decoded for some ranges."""

_SET_ADDRESS = re.compile(rb"\x00\x09\x02(.{8})", re.DOTALL)  # DW_LNE_set_address, which starts every sequence
_MAX_STARTS = 1 << 20
_BEFORE = 4  # starts that are looked at below a wanted address: not each must be a true one


def line_entries(
    section: bytes, line_str: bytes, str_section: bytes, wanted: Sequence[tuple[int, int]] | None = None
) -> tuple[LineEntry, ...]:
    """The rows of ``.debug_line``, sorted by address; the end of a sequence is an entry with line 0.

    ``section`` is the content after relocation; ``line_str`` and
    ``str_section`` are ``.debug_line_str`` and ``.debug_str`` (empty if
    absent). File names are relative to the compilation directory, which is
    left out. Where several rows have one address, only the last is kept, and
    the end of one sequence gives way to the start of the next.

    With ``wanted``, address ranges (first, behind the last), only what is
    needed for them is decoded and returned; of more than MAX_WANTED bytes of
    line programs the rest is left out.

    Raises LineTableError.
    """
    units = list(_units(section))
    strings = Strings(line_str, str_section)
    rows: list[tuple[int, bool, LineEntry]] = []
    for unit in units if wanted is None else _covering(section, units, wanted):
        found = ((entry.address, entry.line != 0, entry) for entry in unit_entries(section, unit, strings))
        rows += islice(found, MAX_ROWS + 1 - len(rows))
        if len(rows) > MAX_ROWS:
            raise LineTableError(f"more than {MAX_ROWS} rows")
    rows.sort(key=lambda row: row[:2])
    entries = {address: entry for address, _is_row, entry in rows}
    return tuple(entries.values()) if wanted is None else _within(list(entries.values()), _merged(wanted))


def _merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same addresses in ranges that do not touch, sorted."""
    merged: list[tuple[int, int]] = []
    for first, end in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        elif first < end:
            merged.append((first, end))
    return merged


def _within(entries: list[LineEntry], ranges: list[tuple[int, int]]) -> tuple[LineEntry, ...]:
    """The entries that say something about the ranges; an end of range is an entry with line 0."""
    addresses = [entry.address for entry in entries]
    kept: dict[int, LineEntry] = {}
    for first, end in ranges:
        # The row at or below the first address is its line.
        low = max(bisect_right(addresses, first) - 1, 0)
        part = entries[low : bisect_left(addresses, end)]
        kept |= {entry.address: entry for entry in part}
        if part:
            kept[end] = LineEntry(end, "", 0)
    return tuple(entry for _, entry in sorted(kept.items()))


def _units(section: bytes) -> Iterator[Unit]:
    """The units of the section, in order."""
    offset = count = 0
    while offset < len(section):
        reader = Reader(section, offset, len(section))
        wide = False
        length = reader.unsigned(4)
        if length == 0xFFFFFFFF:
            wide, length = True, reader.unsigned(8)
        end = reader.offset + length
        if end > len(section):
            raise LineTableError("a unit is longer than the section")
        count += 1
        if length < 2 or count > MAX_UNITS:
            raise LineTableError("an empty unit, or too many")
        yield Unit(offset, reader.offset, end, wide)
        offset = end


def _covering(section: bytes, units: list[Unit], wanted: Sequence[tuple[int, int]]) -> Iterator[Unit]:
    """The units with a sequence that may cover a wanted address.

    A sequence starts with an instruction that sets the address, which is
    found as bytes without running anything. In a linked file sequences do
    not overlap, so the nearest start below an address is that of its
    sequence. What looks like such an instruction and is none only adds units.
    """
    starts = sorted(
        (int.from_bytes(found[1], "little"), found.start())
        for found in islice(_SET_ADDRESS.finditer(section), _MAX_STARTS)
    )
    addresses = [address for address, _ in starts]
    begins = [unit.start for unit in units]
    chosen: dict[int, None] = {}
    for first, end in wanted:
        low = max(bisect_right(addresses, first) - _BEFORE, 0)
        for _, position in starts[low : max(bisect_left(addresses, end), low)]:
            chosen[bisect_right(begins, position) - 1] = None
    total = 0
    for index in chosen:
        total += units[index].end - units[index].start
        if total > MAX_WANTED:
            return
        yield units[index]

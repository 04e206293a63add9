# SPDX-License-Identifier: BSD-2-Clause
"""Sites that a table gives a meaning other than that of their bytes: returns through a thunk, traps that come back.

Entries are untrusted. One whose site does not hold the code that the table is about gets no meaning.
"""

from __future__ import annotations

import struct

from verifier.model import Image
from verifier.patchspec import Fields, PatchTables, Resumes, Sites
from verifier.patchtables import NOWHERE, Extract, Memory, distances, locate, rows

_JUMP = 0xE9
_SITE = struct.Struct("<Bi")


def return_sites(image: Image, memory: Memory, tables: PatchTables) -> frozenset[int]:
    """The jumps to a return thunk that boot code makes RET, or a branch to another return thunk.

    Only a 5-byte JMP counts: what becomes of anything else is not known. Its target is the thunk's symbol, or in a
    file that does not name it the one place that most of the table's jumps lead to; boot code leaves others alone.
    A jump that is a trampoline of calls does not count either: boot code writes that for another reason.
    """
    found: set[int] = set()
    marks = {sites.trampoline for sites in tables.sites if sites.trampoline}
    for sites in tables.sites:
        if sites.means == "return":
            extracts = locate(image, memory, sites.place)
            jumps = _jumps(memory, extracts, tuple(marks))
            found.update(jumps.get(_thunk(image, sites, jumps), ()))
    return frozenset(found)


def _thunk(image: Image, sites: Sites, jumps: dict[int, list[int]]) -> int:
    """The address of the thunk; -1 if there is no telling."""
    symbol = image.symbol(sites.thunk) if sites.thunk else None
    if symbol is not None:
        return symbol.address
    most = max(jumps, key=lambda target: len(jumps[target]), default=-1)
    return most if 2 * len(jumps.get(most, ())) > sum(map(len, jumps.values())) else -1


def _jumps(memory: Memory, tables: tuple[Extract, ...], marks: tuple[bytes, ...]) -> dict[int, list[int]]:
    """The JMPs that the entries (distances from themselves) lead to, by their targets.

    A kernel has 60 000 of them: hence one plain loop, in numbers that count from where the section is.
    """
    found: dict[int, list[int]] = {}
    unpack = _SITE.unpack_from
    any_open = memory.any_open
    low, _, code = NOWHERE
    for table in tables:
        if any_open and memory.is_open(table.address, len(table.data)):
            continue
        near: dict[int, list[int]] = {}
        place = table.address - low
        high = len(code) - 4
        for distance in distances(table):
            start = place + distance
            place += 4
            if not 0 <= start < high:
                _add(found, near, low)
                address = low + start
                place += low
                low, _, code = memory.code_around(address)
                start, place, high, near = address - low, place - low, len(code) - 4, {}
                if start >= high:
                    continue
            opcode, relative = unpack(code, start)
            if opcode == _JUMP and not code.startswith(marks, start + 5):
                target = start + relative
                if target in near:
                    near[target].append(start)
                else:
                    near[target] = [start]
        _add(found, near, low)
    if any_open:
        return {target: [place for place in places if not memory.is_open(place, 5)] for target, places in found.items()}
    return found


def _add(found: dict[int, list[int]], near: dict[int, list[int]], low: int) -> None:
    """Add what counts from ``low``; targets count from the end of the jump."""
    for target, places in near.items():
        found.setdefault(low + target + 5, []).extend([low + place for place in places])


def resuming(image: Image, memory: Memory, tables: PatchTables) -> tuple[frozenset[int], tuple[str, ...]]:
    """The traps whose handler goes on behind them, and the assumptions for tables that say so and were not read.

    A table is read in the one form for which every entry leads to such an instruction.
    """
    found: set[int] = set()
    notes: list[str] = []
    for spec in tables.resumes:
        extracts = tuple(table for table in locate(image, memory, spec.place) if table.data)
        fitting = [sites for layout in spec.layouts if (sites := _traps(memory, extracts, spec, layout)) is not None]
        if extracts and len(fitting) == 1:
            found |= fitting[0]
        elif extracts or (spec.expected and image.linked):
            notes.append(spec.assume)
    return frozenset(found), tuple(dict.fromkeys(notes))


def _traps(memory: Memory, tables: tuple[Extract, ...], spec: Resumes, fields: Fields) -> set[int] | None:
    """The marked sites of all tables in this form; None unless every entry leads to the instruction."""
    found: set[int] = set()
    site, flags = fields.names.index("site"), fields.index("flags")
    low, high, code = NOWHERE
    for table in tables:
        if len(table.data) % fields.size or memory.is_open(table.address, len(table.data)):
            return None
        place = table.address + fields.offsets[site]
        for row in rows(table, fields):
            address = place + row[site]
            if not low <= address < high:
                low, high, code = memory.code_around(address)
            if not code.startswith(spec.code, address - low):
                return None
            if flags is None or row[flags] >> spec.flag_bit & 1:
                found.add(address)
            place += fields.size
    return found

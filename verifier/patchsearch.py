# SPDX-License-Identifier: BSD-2-Clause
"""Tables of code patching in a file that does not say where they are: found by what their entries lead to."""

from __future__ import annotations

import struct

from verifier.model import Section
from verifier.patchspec import Keys, Sites
from verifier.patchtables import MAX_ENTRIES, NOWHERE, Extract, Memory, branch_size

MIN_HIDDEN = 64
"""A run of fewer entries than this is not taken for a hidden table."""

MAX_HIDDEN_BYTES = 64 << 20
"""A section larger than this is not searched for a hidden table."""

_DISTANCE = struct.Struct("<i")
_BRANCH = struct.Struct("<Bi")
_ENTRY = struct.Struct("<iiq")


def hidden_keys(memory: Memory, spec: Keys) -> tuple[Extract, ...]:
    """The table of static branches in a file that does not say where it is; empty if that is not certain.

    It is the only long run of entries in the named sections that each lead from a jump or NOP to code.
    """
    if spec.fields.format != "<iiq" or spec.fields.names != ("site", "target", "key"):
        return ()
    found: list[Extract] = []
    for section in memory.sections:
        if section.name in spec.hidden_in and len(section.data) <= MAX_HIDDEN_BYTES and not section.executable:
            found += _runs(memory, section, spec)
    return tuple(found) if len(found) == 1 else ()


def _runs(memory: Memory, section: Section, spec: Keys) -> list[Extract]:
    """Every maximal run of at least MIN_HIDDEN entries in a section.

    Such a run covers one of the places that are looked at; from there it is followed to both ends.
    """
    found: list[Extract] = []
    data = section.data
    lead = -section.address % 8
    first = last = -1
    bounds = sorted(
        (part.address - section.address, part.address + len(part.data) - section.address)
        for part in memory.sections
        if part.executable
    )
    for sample in range(lead, len(data) - 23, 8 * MIN_HIDDEN):
        for start in (sample, sample + 8):
            # Most samples are not even distances to code.
            place = start + _DISTANCE.unpack_from(data, start)[0]
            for low, high in bounds:
                if low <= place < high:
                    break
            else:
                continue
            if first <= start < last or not _count(memory, section, start, 16, spec, 1):
                continue
            first = start - 16 * _count(memory, section, start - 16, -16, spec)
            last = start + 16 * _count(memory, section, start, 16, spec)
            if last - first >= 16 * MIN_HIDDEN:
                found.append(Extract(section.address + first, data[first:last]))
    return found


def _count(memory: Memory, section: Section, offset: int, step: int, spec: Keys, limit: int = MAX_ENTRIES + 1) -> int:
    """How many entries there are from that offset of the section on, each ``step`` bytes behind the one before.

    Each must lead from a jump or NOP to code.
    """
    data = section.data
    end = len(data) - 15
    low, high, code = NOWHERE
    count = 0
    while 0 <= offset < end and count < limit:
        site, distance, _ = _ENTRY.unpack_from(data, offset)
        at = section.address + offset
        offset += step
        address = at + site
        target = at + 4 + distance
        if not low <= address < high:
            low, high, code = memory.code_around(address)
            if not code:
                break
        start = address - low
        if not branch_size(code[start : start + 5], address, target, spec):
            break
        if not (low <= target < high or memory.code(target, 1)):
            break
        count += 1
    return count


def behind(memory: Memory, table: Extract, sites: Sites) -> tuple[Extract, ...]:
    """The table of other sites that begins where ``table`` ends, as far as its entries lead to trampolines."""
    size = sites.fields.size
    begin = table.address + len(table.data)
    section = memory.section_at(begin)
    if section is None or sites.fields.names[0] != "site" or sites.fields.offsets[0]:
        return ()
    data = section.data[begin - section.address :][: size * MAX_ENTRIES * 4]
    data = data[: len(data) // size * size]
    address = begin
    low, high, code = NOWHERE
    for row in struct.iter_unpack(sites.fields.format, data):
        place = address + row[0]
        if not low <= place < high - 4:
            low, high, code = memory.code_around(place)
            if place + 5 > high:
                break
        opcode, distance = _BRANCH.unpack_from(code, place - low)
        if opcode not in (0xE8, 0xE9):
            break
        mark = place + distance + 10
        if not (
            code.startswith(sites.trampoline, mark - low)
            if low <= mark < high
            else memory.code(mark, len(sites.trampoline)) == sites.trampoline
        ):
            break
        address += size
    return (Extract(begin, data[: address - begin]),) if address > begin else ()

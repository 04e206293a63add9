# SPDX-License-Identifier: BSD-2-Clause
"""Tables of code patching in a file that does not say where they are: found by what their entries lead to."""

from __future__ import annotations

import re
import struct

from verifier.model import Section
from verifier.patchspec import Keys, Sites
from verifier.patchtables import MAX_ENTRIES, Extract, Memory

MIN_HIDDEN = 64
"""A run of fewer entries than this is not taken for a hidden table."""

MAX_HIDDEN_BYTES = 64 << 20
"""A section larger than this is not searched for a hidden table."""

_NEAR_JUMPS = {0xE9: 5, 0xEB: 2}


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
    for row in struct.iter_unpack(sites.fields.format, data):
        code = memory.code(address + row[0], 5)
        if code[:1] not in (b"\xe8", b"\xe9"):
            break
        target = address + row[0] + 5 + int.from_bytes(code[1:], "little", signed=True)
        if memory.code(target + 5, len(sites.trampoline)) != sites.trampoline:
            break
        address += size
    return (Extract(begin, data[: address - begin]),) if address > begin else ()


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

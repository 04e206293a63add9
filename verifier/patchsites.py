# SPDX-License-Identifier: BSD-2-Clause
"""Patch sites from the entries of tables: what the code of each becomes, or why that is not known."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from verifier.lift.relocate import moved
from verifier.model import RETURN, Choice, PatchSite
from verifier.patchspec import Alternatives, Keys, Layout
from verifier.patchtables import NOWHERE, Entry, KeyEntry, Memory, branch_size

_NOP = b"\x90"
_NOPS = (
    b"",
    *(b"\x90", b"\x66\x90", b"\x0f\x1f\x00", b"\x0f\x1f\x40\x00", b"\x0f\x1f\x44\x00\x00"),
    *(b"\x66\x0f\x1f\x44\x00\x00", b"\x0f\x1f\x80" + bytes(4), b"\x0f\x1f\x84\x00" + bytes(4)),
    b"\x66\x0f\x1f\x84\x00" + bytes(4),
)
"""The recommended NOP of each length (SDM vol. 2B, NOP, table 4-12)."""

_RETURN = RETURN + b"\xcc" * 4
_INDIRECT = {0xE8: b"\xff\x15", 0xE9: b"\xff\x25"}
_ITSELF = (-5).to_bytes(4, "little", signed=True)


def alternative_sites(
    memory: Memory, layout: Layout, entries: tuple[Entry, ...], spec: Alternatives, returns: frozenset[int]
) -> tuple[list[PatchSite], tuple[int, ...]]:
    """The sites, and the addresses of those where a direct call takes the place of an indirect one."""
    grouped: dict[int, list[Entry]] = {}
    for entry in entries:
        grouped.setdefault(entry.site, []).append(entry)
    sites = []
    direct = []
    for address, group in grouped.items():
        size = group[0].size if len(group) == 1 else max(entry.size for entry in group)
        original = memory.code(address, size)
        choices: list[Choice] = []
        longest = 0
        for entry in group:
            code, problem = _replacement(memory, layout, entry, original, spec, returns)
            is_direct = code is None
            if code is None:
                code = original
                direct.append(address)
            # An older kernel writes a shorter entry's own length only: the same if nothing but NOPs is left over.
            if not problem and entry.size < size and (longest > entry.size or original[entry.size :].strip(_NOP)):
                problem = "entries of different lengths for one site: what is left of the longer one is not known"
            longest = max(longest, entry.size)
            # What changes nothing is no choice, unless it undoes an earlier one.
            if problem or choices or code.ljust(size, _NOP) != original:
                source, count = (0, 0) if is_direct else (entry.source, entry.source_size)
                code = original if problem else _padded(code, size)
                choices.append(Choice(feature_id(entry.feature), entry.inverted, code, source, count, problem))
        sites.append(PatchSite(address, size, tuple(choices)))
    return sites, tuple(sorted(set(direct)))


def _padded(code: bytes, size: int) -> bytes:
    """The code with as few NOPs behind it as fill the site."""
    missing = size - len(code)
    return code + _NOPS[-1] * (missing // 9) + _NOPS[missing % 9] if missing else code


def _replacement(
    memory: Memory, layout: Layout, entry: Entry, original: bytes, spec: Alternatives, returns: frozenset[int]
) -> tuple[bytes | None, str]:
    """The code of an entry at its new place, and why it is not known; None: a call to what a pointer holds."""
    if not entry.source_size and not entry.direct:
        return b"", ""
    code = memory.read(entry.source, entry.source_size) if entry.source_size else b""
    indirect = original.startswith(_INDIRECT.get(code[0], b"?")) if len(code) == 5 else False
    itself = layout.branch_to_itself and feature_id(entry.feature) == spec.always and code[1:5] == _ITSELF
    if entry.direct or (itself and indirect):
        return (
            (None, "")
            if indirect and len(original) == 6
            else (b"", "a direct call takes the place of no indirect call")
        )
    if 0xE9 in code:
        # A replacement is itself patched before it is copied.
        for start in range(len(code) - 4):
            if code[start] == 0xE9 and entry.source + start in returns:
                code = code[:start] + _RETURN + code[start + 5 :]
    if entry.source_size and memory.is_open(entry.source, entry.source_size):
        return b"", "a relocation of the replacement could not be applied"
    return moved(code, entry.source, entry.site, layout.relocate)


def branch_sites(memory: Memory, entries: Iterable[KeyEntry], spec: Keys) -> list[PatchSite]:
    """The sites of static branches."""
    found: list[PatchSite] = []
    low, high, code = NOWHERE
    for entry in entries:
        if not low <= entry.site < high:
            low, high, code = memory.code_around(entry.site)
        start = entry.site - low
        found.append(_branch_site(memory, code[start : start + 5], entry, spec))
    return found


def _branch_site(memory: Memory, window: bytes, entry: KeyEntry, spec: Keys) -> PatchSite:
    """A site whose bytes in the file, which ``window`` begins with, are one of two: the choice is the other one."""
    size = branch_size(window, entry.site, entry.target, spec)
    identity = key_id(entry.key)
    if not size or memory.is_open(entry.site, size):
        problem = "neither a NOP nor the jump that the table of static branches names"
        return PatchSite(entry.site, len(window), (Choice(identity, entry.branch, window, problem=problem),))
    code = window[:size]
    if code not in spec.nops:
        return PatchSite(entry.site, size, (Choice(identity, not entry.branch, _NOPS[size]),))
    distance = entry.target - entry.site - size
    bound = 1 << (8 * size - 9)
    if not -bound <= distance < bound:
        problem = "the target of the static branch is out of reach"
        return PatchSite(entry.site, size, (Choice(identity, entry.branch, code, problem=problem),))
    jump = (b"\xe9" if size == 5 else b"\xeb") + distance.to_bytes(size - 1, "little", signed=True)
    return PatchSite(entry.site, size, (Choice(identity, entry.branch, jump),))


def apart(memory: Memory, drafts: Iterable[PatchSite], entries: tuple[Entry, ...]) -> tuple[PatchSite, ...]:
    """The sites in order; those that overlap become one whose code is not known, and so do those in a replacement."""
    result: list[PatchSite] = []
    for site in sorted(drafts, key=lambda site: site.address):
        if result and site.address < result[-1].address + result[-1].size:
            first = result.pop()
            end = max(first.address + first.size, site.address + site.size)
            merged = PatchSite(first.address, end - first.address, first.choices + site.choices)
            site = _unknown(memory, merged, "patch sites overlap here")
        result.append(site)
    ends = [site.address + site.size for site in result]
    for start, end in {(entry.source, entry.source + entry.source_size) for entry in entries if entry.source_size}:
        for index in range(bisect_right(ends, start), len(result)):
            if result[index].address >= end:
                break
            result[index] = _unknown(memory, result[index], "this code is itself the replacement of other code")
    sources = [(site.address, site.address + site.size) for site in result]
    return tuple(_settled(memory, site, sources) for site in result if site.choices)


def _settled(memory: Memory, site: PatchSite, sites: list[tuple[int, int]]) -> PatchSite:
    """The site; its code is not known if what is written there is itself written over first, or later."""
    for choice in site.choices:
        if choice.source_size:
            index = bisect_right(sites, (choice.source + choice.source_size - 1, 1 << 64)) - 1
            if index >= 0 and sites[index][1] > choice.source:
                return _unknown(memory, site, "its replacement is patched as well")
    return site


def _unknown(memory: Memory, site: PatchSite, problem: str) -> PatchSite:
    """The site with nothing but problems."""
    code = memory.code(site.address, site.size)
    choices = tuple(Choice(choice.switch, choice.inverted, code, problem=problem) for choice in site.choices)
    return replace(site, choices=choices)


@lru_cache(maxsize=4096)
def feature_id(feature: int) -> str:
    """The identity of a feature's switch: word and bit, as kernels write them."""
    return f"{feature >> 5}*32+{feature & 31}"


def key_id(key: int) -> str:
    """The identity of a static key's switch: its address."""
    return f"key@{key:#x}"

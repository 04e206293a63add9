# SPDX-License-Identifier: BSD-2-Clause
"""An image with its patch sites: what the kernel's own boot code makes of the code in the file.

The tables are found and taken apart by ``verifier.patchtables`` in the forms that ``verifier.patchspec`` describes.
What a site becomes is computed here; what cannot be computed is said: as the problem of a choice, as a note about a
whole table, or as sites that carry an assumption (``Residual``).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from verifier.lift.relocate import moved
from verifier.model import Choice, Image, PatchSite, Switch, address_of, variant_of
from verifier.patchsearch import behind, branch_size, hidden_keys
from verifier.patchspec import Alternatives, Fields, Keys, Layout, PatchTables, Version, parse_version
from verifier.patchtables import Entry, Extract, KeyEntry, Memory, alternatives, keys, locate

_NOP = b"\x90"
_LONG_NOPS = {2: b"\x66\x90", 5: b"\x0f\x1f\x44\x00\x00"}
_INDIRECT = {0xE8: b"\xff\x15", 0xE9: b"\xff\x25"}
_ITSELF = (-5).to_bytes(4, "little", signed=True)


@dataclass(frozen=True, slots=True)
class Residual:
    """Sites that are patched in a way that is not modelled; ``assumption`` goes with code that contains one.

    ``tables`` are read only when someone asks; ``sites`` are addresses that are known already.
    """

    kind: str
    assumption: str
    tables: tuple[tuple[Extract, Fields], ...] = ()
    sites: tuple[int, ...] = ()

    def among(self, addresses: Collection[int]) -> tuple[int, ...]:
        """Those of the addresses that are sites, sorted."""
        wanted = set(addresses)
        found = wanted.intersection(self.sites)
        for table, fields in self.tables:
            found |= wanted.intersection(_addresses(table, fields))
        return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Patching:
    """An image with patch sites and switches, and what they leave open.

    ``notes`` are ids of assumptions about tables that could not be read, whatever code is looked at.
    """

    image: Image
    residual: tuple[Residual, ...] = ()
    notes: tuple[str, ...] = ()

    def assumptions(self, places: Iterable[int]) -> tuple[str, ...]:
        """The assumptions that go with executing instructions at these places, sorted.

        A replacement is itself patched before it is copied, so the place that it comes from counts as well.
        """
        addresses = set()
        for place in places:
            address = address_of(place)
            addresses.add(address)
            site = self.image.patch_at(address) if variant_of(place) else None
            if site is not None:
                addresses.add(site.choices[variant_of(place) - 1].source + address - site.address)
        return tuple(sorted({left.assumption for left in self.residual if left.among(addresses)}))


def with_patches(image: Image, tables: PatchTables | None, version: str) -> Patching:
    """The image with its patch sites, as ``tables`` describe them; without tables as it is.

    ``version`` is the kernel's version if it is known (a text that begins with "6.1"), else "". Raises UserError
    ``bad-object`` for a table beyond all measure.
    """
    if tables is None:
        return Patching(image)
    memory = Memory(image)
    number = parse_version(version)
    notes: list[str] = []
    drafts: list[PatchSite] = []
    switches: dict[str, Switch] = {}
    direct: tuple[int, ...] = ()
    found_keys: tuple[Extract, ...] | None = None
    spec = tables.alternatives
    found = _alternatives(image, memory, spec, number)
    if found is None:
        notes.append(spec.assume)
    else:
        layout, entries = found
        sites, direct = _alternative_sites(memory, layout, entries, spec)
        drafts += sites
        names = _names(tables, number)
        switches |= {entry: _feature(entry, names, spec) for entry in sorted({_id(entry.feature) for entry in entries})}
    if tables.keys is not None:
        found_keys = _key_tables(image, memory, tables.keys)
        branches = keys(memory, found_keys, tables.keys) if found_keys is not None else None
        if branches is None and (number is None or number >= tables.keys.since):
            notes.append(tables.keys.assume)
        if branches is not None:
            drafts += [_branch_site(memory, entry, tables.keys) for entry in branches]
            switches |= {_key_id(key): _key(image, key) for key in sorted({entry.key for entry in branches})}
    patches = _apart(memory, drafts, found[1] if found is not None else ())
    residual, missing = _other_sites(image, memory, tables, found_keys or (), number)
    if direct:
        residual.insert(0, Residual("alternatives", spec.assume_calls, sites=direct))
    used = {choice.switch for site in patches for choice in site.choices}
    return Patching(
        replace(image, patches=patches, switches=tuple(switch for name, switch in switches.items() if name in used)),
        tuple(residual),
        tuple(dict.fromkeys(notes + missing)),
    )


def _alternatives(
    image: Image, memory: Memory, spec: Alternatives, version: Version | None
) -> tuple[Layout, tuple[Entry, ...]] | None:
    """The form and the entries; None if there should be a table and it cannot be read."""
    found = locate(image, memory, spec.place)
    if not any(table.data for table in found):
        # Only a whole program must have its table.
        return None if image.linked else (spec.layouts[0], ())
    return alternatives(memory, found, spec, version)


def _alternative_sites(
    memory: Memory, layout: Layout, entries: tuple[Entry, ...], spec: Alternatives
) -> tuple[list[PatchSite], tuple[int, ...]]:
    """The sites, and the addresses of those where a direct call takes the place of an indirect one."""
    grouped: dict[int, list[Entry]] = {}
    for entry in entries:
        grouped.setdefault(entry.site, []).append(entry)
    sites = []
    direct = []
    for address, group in grouped.items():
        size = max(entry.size for entry in group)
        original = memory.code(address, size)
        choices: list[Choice] = []
        longest = 0
        for entry in group:
            code, problem = _replacement(memory, layout, entry, original, spec)
            is_direct = code is None
            if code is None:
                code = original
                direct.append(address)
            # An older kernel writes a shorter entry's own length only: the same if nothing but NOPs is left over.
            if not problem and entry.size < size and (longest > entry.size or original[entry.size :].strip(_NOP)):
                problem = "entries of different lengths for one site: what is left of the longer one is not known"
            longest = max(longest, entry.size)
            code = original if problem else code.ljust(size, _NOP)
            # What changes nothing is no choice, unless it undoes an earlier one.
            if problem or choices or code != original:
                source = (0, 0) if is_direct else (entry.source, entry.source_size)
                choices.append(Choice(_id(entry.feature), entry.inverted, code, *source, problem))
        sites.append(PatchSite(address, size, tuple(choices)))
    return sites, tuple(sorted(set(direct)))


def _replacement(
    memory: Memory, layout: Layout, entry: Entry, original: bytes, spec: Alternatives
) -> tuple[bytes | None, str]:
    """The code of an entry at its new place, and why it is not known; None: a call to what a pointer holds."""
    code = memory.read(entry.source, entry.source_size) if entry.source_size else b""
    indirect = original.startswith(_INDIRECT.get(code[0], b"?")) if len(code) == 5 else False
    itself = layout.branch_to_itself and _id(entry.feature) == spec.always and code[1:5] == _ITSELF
    if entry.direct or (itself and indirect):
        return (
            (None, "")
            if indirect and len(original) == 6
            else (b"", "a direct call takes the place of no indirect call")
        )
    if entry.source_size and memory.is_open(entry.source, entry.source_size):
        return b"", "a relocation of the replacement could not be applied"
    return moved(code, entry.source, entry.site, layout.relocate)


def _key_tables(image: Image, memory: Memory, spec: Keys) -> tuple[Extract, ...] | None:
    """The tables of static branches; None if there should be one and it is not found."""
    found = locate(image, memory, spec.place)
    if not found and image.linked:
        return hidden_keys(memory, spec) or None
    return found


def _branch_site(memory: Memory, entry: KeyEntry, spec: Keys) -> PatchSite:
    """A site whose bytes in the file are one of two: the choice is the other one."""
    window = memory.code(entry.site, 5) or memory.code(entry.site, 2)
    size = branch_size(window, entry.site, entry.target, spec)
    identity = _key_id(entry.key)
    if not size or memory.is_open(entry.site, size):
        problem = "neither a NOP nor the jump that the table of static branches names"
        return PatchSite(entry.site, len(window), (Choice(identity, entry.branch, window, problem=problem),))
    code = window[:size]
    if code not in spec.nops:
        return PatchSite(entry.site, size, (Choice(identity, not entry.branch, _LONG_NOPS[size]),))
    distance = entry.target - entry.site - size
    bound = 1 << (8 * size - 9)
    if not -bound <= distance < bound:
        problem = "the target of the static branch is out of reach"
        return PatchSite(entry.site, size, (Choice(identity, entry.branch, code, problem=problem),))
    jump = (b"\xe9" if size == 5 else b"\xeb") + distance.to_bytes(size - 1, "little", signed=True)
    return PatchSite(entry.site, size, (Choice(identity, entry.branch, jump),))


def _apart(memory: Memory, drafts: Iterable[PatchSite], entries: tuple[Entry, ...]) -> tuple[PatchSite, ...]:
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
    return tuple(site for site in result if site.choices)


def _unknown(memory: Memory, site: PatchSite, problem: str) -> PatchSite:
    """The site with nothing but problems."""
    code = memory.code(site.address, site.size)
    choices = tuple(Choice(choice.switch, choice.inverted, code, problem=problem) for choice in site.choices)
    return replace(site, choices=choices)


def _names(tables: PatchTables, version: Version | None) -> dict[str, str]:
    """What features are called in that version; names of an unknown version are those of all versions."""
    names: dict[str, str] = {}
    for table in tables.names:
        always = table.since == (0, 0) and table.before[0] >= 1 << 30
        if always or (version is not None and table.since <= version < table.before):
            names |= dict(table.names)
    return names


def _id(feature: int) -> str:
    return f"{feature >> 5}*32+{feature & 31}"


def _feature(identity: str, names: dict[str, str], spec: Alternatives) -> Switch:
    value = True if identity == spec.always else None
    return Switch(identity, names.get(identity, identity), "feature", value, identity == spec.paging)


def _key_id(key: int) -> str:
    return f"key@{key:#x}"


def _key(image: Image, key: int) -> Switch:
    external = image.external_at(key)
    near = image.symbol_before(key) if external is None else (external.name, 0)
    name = _key_id(key) if near is None else near[0] + (f"+{near[1]:#x}" if near[1] else "")
    return Switch(_key_id(key), name, "key")


def _other_sites(
    image: Image, memory: Memory, tables: PatchTables, branches: tuple[Extract, ...], version: Version | None
) -> tuple[list[Residual], list[str]]:
    """The sites that are not modelled, and the assumptions about those that should be there and were not found."""
    found: list[Residual] = []
    notes: list[str] = []
    for sites in tables.sites:
        extracts = locate(image, memory, sites.place) if sites.assume else ()
        if sites.trampoline and image.linked and not extracts:
            extracts = behind(memory, branches[-1], sites) if branches else ()
            if not extracts and (version is None or version >= sites.since):
                notes.append(sites.assume)
        if any(table.data for table in extracts):
            found.append(Residual(sites.kind, sites.assume, tuple((table, sites.fields) for table in extracts)))
    return found, notes


def _addresses(table: Extract, fields: Fields) -> Iterable[int]:
    """The sites of a table, whole entries only."""
    data = table.data[: len(table.data) // fields.size * fields.size]
    index = fields.index("site")
    if index is None:
        index = fields.names.index("absolute")
        return [row[index] for row in struct.iter_unpack(fields.format, data)]
    base = table.address + fields.offsets[index]
    size = fields.size
    return [base + size * number + row[index] for number, row in enumerate(struct.iter_unpack(fields.format, data))]

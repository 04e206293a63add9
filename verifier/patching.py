# SPDX-License-Identifier: BSD-2-Clause
"""An image with its patch sites: what the kernel's own boot code makes of the code in the file.

The tables are found and taken apart by ``verifier.patchtables`` in the forms that ``verifier.patchspec`` describes.
``verifier.patchsites`` computes what a site becomes. What cannot be computed is said: as the problem of a choice, as a
note about a whole table, or as sites that carry an assumption (``Residual``).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable
from dataclasses import replace

from verifier.model import Image, PatchSite, Switch, address_of, variant_of
from verifier.patchmarks import resuming, return_sites
from verifier.patchsearch import behind, hidden_keys
from verifier.patchsites import alternative_sites, apart, branch_sites, feature_id, key_id
from verifier.patchspec import Alternatives, Fields, Keys, Layout, PatchTables, Version, parse_version
from verifier.patchtables import Entry, Extract, Memory, alternatives, keys, locate
from verifier.records import record


@record
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


@record
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
    """The image with its patch sites, returns and resuming traps, as ``tables`` describe them; without them as it is.

    ``version`` is the kernel's version if it is known (a text that begins with "6.1"), else "". Raises UserError
    ``bad-object`` for a table beyond all measure.
    """
    if tables is None:
        return Patching(image)
    memory = Memory(image)
    number = parse_version(version or _version(image, tables.banner))
    notes: list[str] = []
    drafts: list[PatchSite] = []
    switches: dict[str, Switch] = {}
    direct: tuple[int, ...] = ()
    found_keys: tuple[Extract, ...] | None = None
    returns = return_sites(image, memory, tables)
    spec = tables.alternatives
    found = _alternatives(image, memory, spec, number)
    if found is None:
        notes.append(spec.assume)
    else:
        layout, entries = found
        sites, direct = alternative_sites(memory, layout, entries, spec, returns)
        drafts += sites
        names = _names(tables, number)
        switches |= {
            entry: _feature(entry, names, spec) for entry in sorted({feature_id(entry.feature) for entry in entries})
        }
    if tables.keys is not None:
        found_keys = _key_tables(image, memory, tables.keys)
        branches = keys(memory, found_keys, tables.keys) if found_keys is not None else None
        if branches is None and (number is None or number >= tables.keys.since):
            notes.append(tables.keys.assume)
        if branches is not None:
            drafts += branch_sites(memory, branches, tables.keys)
            found_switches = (_key(image, key) for key in sorted({entry.key for entry in branches}))
            switches |= {switch.id: switch for switch in found_switches}
    patches = apart(memory, drafts, found[1] if found is not None else ())
    residual, missing = _other_sites(image, memory, tables, found_keys or (), number)
    if direct:
        residual.insert(0, Residual("alternatives", spec.assume_calls, sites=direct))
    used = {choice.switch for site in patches for choice in site.choices}
    kinds = {sites.kind for sites in tables.sites if sites.means == "opaque"}
    opaque = frozenset(
        address for left in residual if left.kind in kinds for table, fields in left.tables
        for address in _addresses(table, fields)
    )  # fmt: skip
    resumes, unread = resuming(image, memory, tables)
    return Patching(
        replace(
            image,
            patches=patches,
            switches=tuple(switch for name, switch in switches.items() if name in used),
            returns=returns,
            resumes=resumes,
            opaque=opaque,
        ),
        tuple(residual),
        tuple(dict.fromkeys([*notes, *missing, *unread])),
    )


def _version(image: Image, banner: bytes) -> str:
    """The version that the kernel says it has, from the first text in its data that begins like its banner."""
    for section in image.sections if banner else ():
        at = -1 if section.executable else section.data.find(banner)
        if at >= 0:
            text = section.data[at + len(banner) : at + len(banner) + 32]
            return text.split(b" ")[0].decode("ascii", "replace")
    return ""


def _alternatives(
    image: Image, memory: Memory, spec: Alternatives, version: Version | None
) -> tuple[Layout, tuple[Entry, ...]] | None:
    """The form and the entries; None if there should be a table and it cannot be read."""
    found = locate(image, memory, spec.place)
    if not any(table.data for table in found):
        # Only a whole program must have its table.
        return None if image.linked else (spec.layouts[0], ())
    return alternatives(memory, found, spec, version)


def _key_tables(image: Image, memory: Memory, spec: Keys) -> tuple[Extract, ...] | None:
    """The tables of static branches; None if there should be one and it is not found."""
    found = locate(image, memory, spec.place)
    if not found and image.linked:
        return hidden_keys(memory, spec) or None
    return found


def _names(tables: PatchTables, version: Version | None) -> dict[str, str]:
    """What features are called in that version; names of an unknown version are those of all versions."""
    names: dict[str, str] = {}
    for table in tables.names:
        always = table.since == (0, 0) and table.before[0] >= 1 << 30
        if always or (version is not None and table.since <= version < table.before):
            names |= dict(table.names)
    return names


def _feature(identity: str, names: dict[str, str], spec: Alternatives) -> Switch:
    value = True if identity == spec.always else None
    return Switch(identity, names.get(identity, identity), "feature", value, identity == spec.paging)


def _key(image: Image, key: int) -> Switch:
    identity = key_id(key)
    if not image.symbols:
        return Switch(identity, identity, "key")
    external = image.external_at(key)
    near = image.symbol_before(key) if external is None else (external.name, 0)
    name = identity if near is None else near[0] + (f"+{near[1]:#x}" if near[1] else "")
    return Switch(identity, name, "key")


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

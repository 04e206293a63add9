# SPDX-License-Identifier: BSD-2-Clause
"""What is known of a kernel's tables of code patching, read from ``specs/patching/NAME.toml``.

A contract names such a file by ``[patching] tables``; docs/contracts.md describes the format. Reading is as strict
as for contracts, and the errors have the same codes.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Literal

from verifier.contract import specs_dir
from verifier.lift.relocate import Scope
from verifier.model import UserError
from verifier.records import record
from verifier.toml_table import Levels, Table, parse_toml, quoted

Version = tuple[int, int]
"""Major and minor number of a kernel's version."""

FIELDS = frozenset(
    {
        *("site", "replacement", "feature", "length", "replacement-length", "padding", "extra", "zero"),
        *("target", "key", "absolute", "flags", "ignored"),
    }
)
"""Words of a ``fields`` key: what an entry consists of. Offsets (site, replacement, target, key) are signed and count
from their own field; ``absolute`` is an address. ``padding`` is part of ``length``, ``extra`` is not."""

_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_SIGNED = frozenset({"site", "replacement", "target", "key"})
_FEATURE = re.compile(r"\d{1,3}\*32\+\d{1,2}")


@record
class Place:
    """Where a table is: a section of that name, or what lies between two symbols ("": none)."""

    section: str
    start: str
    end: str


@record
class Fields:
    """One entry of a table. ``names`` in order, ``offsets`` in bytes from its start, ``format`` for ``struct``."""

    names: tuple[str, ...]
    offsets: tuple[int, ...]
    format: str
    size: int

    def index(self, name: str) -> int | None:
        """The position of a field in the unpacked entry."""
        return self.names.index(name) if name in self.names else None


@record
class Layout:
    """One form of an entry of alternatives, and the versions that have it (``before`` is the first that does not).

    Bit ``inverted_bit`` of the feature field says "if the feature is not there"; bit ``direct_bit`` that the
    replacement is a call to what a pointer holds, and so does ``branch_to_itself`` for one that leads to its own
    start. None: there is no such bit.
    """

    name: str
    since: Version
    before: Version
    fields: Fields
    feature_bits: int
    inverted_bit: int | None
    direct_bit: int | None
    branch_to_itself: bool
    relocate: Scope


@record
class Alternatives:
    """Sites that are overwritten by the code of a feature. ``assume``: the assumption if the table is not read."""

    place: Place
    layouts: tuple[Layout, ...]
    always: str
    paging: str
    assume: str
    assume_calls: str


@record
class Keys:
    """Sites that are a NOP or a jump as a key says. ``hidden_in``: sections where the table may be without a name."""

    place: Place
    hidden_in: tuple[str, ...]
    since: Version
    fields: Fields
    nops: tuple[bytes, ...]
    assume: str


@record
class Sites:
    """A table of other sites. ``assume`` is "" if patching them changes nothing; ``reason`` says why, or who does.

    ``means`` is "return" if a jump there, to the symbol ``thunk`` if that is known, is RET or becomes a branch to
    another thunk that returns.
    ``trampoline``: a table without a name is behind that of the keys, and its sites are calls and jumps to a jump
    (or other 5 bytes) that these bytes follow. A whole program from version ``since`` on must have it.
    """

    kind: str
    place: Place
    fields: Fields
    assume: str
    reason: str
    trampoline: bytes
    since: Version
    means: str
    thunk: str


@record
class Resumes:
    """A table of trapping instructions, ``code`` each; behind those with bit ``flag_bit`` the handler goes on.

    ``layouts`` are the forms of an entry; one without flags means all. ``expected``: a whole program has the table.
    """

    place: Place
    layouts: tuple[Fields, ...]
    code: bytes
    flag_bit: int
    expected: bool
    assume: str


@record
class Names:
    """What the features of some versions are called."""

    since: Version
    before: Version
    names: tuple[tuple[str, str], ...]


@record
class PatchTables:
    """Everything that is known of one kernel's code patching."""

    name: str
    title: str
    source: str
    banner: bytes
    alternatives: Alternatives
    keys: Keys | None
    sites: tuple[Sites, ...]
    resumes: tuple[Resumes, ...]
    names: tuple[Names, ...]


_EVER: Version = (0, 0)
_NEVER: Version = (1 << 30, 0)
_PLACE = ("section", "start", "end")
_LEVELS: Levels = {
    (): ("name", "title", "source", "banner", "alternatives", "keys", "sites", "resumes", "names"),
    ("alternatives",): (*_PLACE, "always", "paging", "assume", "assume_calls", "layouts"),
    ("keys",): (*_PLACE, "hidden_in", "since", "fields", "nops", "assume"),
}
_SITES = (*_PLACE, "fields", "assume", "harmless", "source", "trampoline", "since", "means", "thunk")
_RESUMES = (*_PLACE, "layouts", "code", "flag_bit", "expected", "assume")
_LAYOUT = ("since", "before", "fields", "feature_bits", "inverted_bit", "direct_bit", "direct", "relocate")


def parse_version(text: str) -> Version | None:
    """The version that a text begins with, for example "6.1" of "6.1.0-9"; None if it begins with none."""
    found = re.match(r"(\d{1,6})\.(\d{1,6})", text)
    return (int(found[1]), int(found[2])) if found else None


def load_tables(name: str) -> PatchTables:
    """The shipped tables of that name. Raises UserError ``contract-invalid`` (exit code 2)."""
    folder = specs_dir() / "patching"
    names = sorted(path.stem for path in folder.glob("*.toml"))
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"; did you mean {quoted(near[0])}?" if near else ""
        listed = ", ".join(names)
        raise UserError(
            "contract-invalid", f"patching.tables: no tables named {quoted(name)}{hint} (there are: {listed})", 2
        )
    path = folder / f"{name}.toml"
    return parse_tables(path.read_text(encoding="utf-8"), str(path))


def parse_tables(text: str, file: str) -> PatchTables:
    """Parse and check the text of such a file. Raises UserError ``contract-invalid`` (exit code 2)."""
    top = parse_toml(text, file, "contract-invalid", _LEVELS)
    return PatchTables(
        name=top.text("name", "what a contract calls these tables"),
        title=top.text("title", "one line that says which kernel"),
        source=top.text("source", "where the tables are documented"),
        banner=_optional(top, "banner").encode(),
        alternatives=_alternatives(top.child("alternatives")),
        keys=_keys(top.child("keys")) if "keys" in top.data else None,
        sites=tuple(_sites(table, kind) for kind, table in _children(top, "sites", _SITES)),
        resumes=tuple(_resumes(table) for _, table in _children(top, "resumes", _RESUMES)),
        names=tuple(_names(table) for _, table in _children(top, "names", ("since", "before", "features"))),
    )


def _alternatives(table: Table) -> Alternatives:
    layouts = tuple(_layout(name, child) for name, child in _children(table, "layouts", _LAYOUT))
    if not layouts:
        raise table.fail("missing; describe at least one form of an entry", "layouts")
    return Alternatives(
        place=_place(table),
        layouts=layouts,
        always=_optional(table, "always"),
        paging=_optional(table, "paging"),
        assume=table.text("assume", "the id of an assumption"),
        assume_calls=table.text("assume_calls", "the id of an assumption"),
    )


def _layout(name: str, table: Table) -> Layout:
    fields = _fields(table, ("site", "replacement", "feature", "length", "replacement-length"))
    direct = table.choice("direct", ("no", "branch-to-itself"), default="no")
    scopes: dict[str, Scope] = {"all": "all", "whole": "whole", "first": "first"}
    return Layout(
        name=name,
        since=_version(table, "since", _EVER),
        before=_version(table, "before", _NEVER),
        fields=fields,
        feature_bits=table.integer("feature_bits", 1, 32),
        inverted_bit=table.integer("inverted_bit", 0, 31) if "inverted_bit" in table.data else None,
        direct_bit=table.integer("direct_bit", 0, 31) if "direct_bit" in table.data else None,
        branch_to_itself=direct != "no",
        relocate=scopes[table.choice("relocate", tuple(scopes))],
    )


def _keys(table: Table) -> Keys:
    return Keys(
        place=_place(table),
        hidden_in=tuple(_optional(table, "hidden_in").split()),
        since=_version(table, "since", _EVER),
        fields=_fields(table, ("site", "target", "key")),
        nops=_codes(table, "nops"),
        assume=table.text("assume", "the id of an assumption"),
    )


def _sites(table: Table, kind: str) -> Sites:
    fields = _fields(table, ())
    if ("site" in fields.names) == ("absolute" in fields.names):
        raise table.fail("must have one of site and absolute", "fields")
    if ("assume" in table.data) == ("harmless" in table.data):
        raise table.fail("missing; write either an assumption's id, or harmless with the reason", "assume")
    source = table.text("source", "where this patching is done")
    assume = _optional(table, "assume")
    reason = source if assume else table.text("harmless", "why")
    means = table.choice("means", ("patched", "return", "opaque"), default="patched")
    if means == "return" and (not assume or fields.format != "<i"):
        raise table.fail('"return" needs fields = "site:4", and assume', "means")
    trampoline = b"".join(_codes(table, "trampoline"))
    since = _version(table, "since", _EVER)
    return Sites(kind, _place(table), fields, assume, reason, trampoline, since, means, _optional(table, "thunk"))


def _resumes(table: Table) -> Resumes:
    layouts = table.child("layouts")
    code = b"".join(_codes(table, "code"))
    if not layouts.data or not code:
        raise table.fail("missing", "code" if layouts.data else "layouts")
    return Resumes(
        place=_place(table),
        layouts=tuple(_fields(layouts, ("site",), name) for name in layouts.data),
        code=code,
        flag_bit=table.integer("flag_bit", 0, 63, default=0),
        expected=table.choice("expected", ("yes", "no"), default="no") == "yes",
        assume=table.text("assume", "the id of an assumption"),
    )


def _names(table: Table) -> Names:
    features = table.child("features")
    for key in features.data:
        if not _FEATURE.fullmatch(key):
            raise features.fail("a feature is WORD*32+BIT", key)
    names = tuple((key, features.text(key, "the feature's name")) for key in features.data)
    return Names(_version(table, "since", _EVER), _version(table, "before", _NEVER), names)


def _children(table: Table, key: str, allowed: tuple[str, ...]) -> list[tuple[str, Table]]:
    """The tables below a table of tables whose names are free."""
    parent = table.child(key)
    return [(name, parent.child(name).known(allowed)) for name in parent.data]


def _place(table: Table) -> Place:
    place = Place(_optional(table, "section"), _optional(table, "start"), _optional(table, "end"))
    if not place.section and not place.start:
        raise table.fail("missing; name a section, or two symbols as start and end", "section")
    return place


def _fields(table: Table, required: tuple[str, ...], key: str = "fields") -> Fields:
    names: list[str] = []
    offsets: list[int] = []
    code = "<"
    size = 0
    for word in table.text(key, "name:bytes of each field, in order").split():
        name, _, width = word.partition(":")
        if name not in FIELDS or width not in {"1", "2", "4", "8"}:
            listed = ", ".join(sorted(FIELDS))
            raise table.fail(f"{quoted(word)} is not name:bytes with 1, 2, 4 or 8 bytes and one of {listed}", key)
        letter = _CODES[int(width)]
        names.append(name)
        offsets.append(size)
        code += letter.lower() if name in _SIGNED else letter
        size += int(width)
    missing = [name for name in required if name not in names]
    if missing or not names:
        raise table.fail(f"lacks {' '.join(missing)}", key)
    return Fields(tuple(names), tuple(offsets), code, size)


def _optional(table: Table, key: str) -> str:
    return table.text(key, "a word") if key in table.data else ""


def _codes(table: Table, key: str) -> tuple[bytes, ...]:
    try:
        return tuple(bytes.fromhex(word) for word in _optional(table, key).split())
    except ValueError as error:
        raise table.fail("must be instructions in hexadecimal, separated by spaces", key) from error


def _version(table: Table, key: Literal["since", "before"], default: Version) -> Version:
    if key not in table.data:
        return default
    version = parse_version(table.text(key, 'a version such as "6.1"'))
    if version is None:
        raise table.fail('must be a version such as "6.1"', key)
    return version

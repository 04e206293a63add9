# SPDX-License-Identifier: BSD-2-Clause
"""Entries and exit sites of an image: where to start, and which SYSRETs there are."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from verifier.boundaries import Boundaries
from verifier.isa.encoding import MAX_LENGTH, parse
from verifier.lift.decode import Decoded, decode
from verifier.lift.order import Order
from verifier.model import Image, Symbol, UserError, address_of
from verifier.records import record

LARGE = 1 << 16
"""From so many bytes of code on, exits are looked for by their opcode instead of by decoding everything."""

MOST_PAIRS, MOST_UNDECIDED = 1 << 12, 256
"""So many pairs of bytes that look like such an opcode may there be, and stay undecided; code has a few per MiB."""

_OPCODES = re.compile(rb"\x0f[\x07\x35]")
"""SYSRET and SYSEXIT (SDM vol. 2B)."""

_EXITS = ("sysretq", "sysretl", "sysexitq", "sysexitl")


@record
class ExitSites:
    """The SYSRETs and SYSEXITs of an image, and the addresses of bytes that may be one or lie inside an instruction."""

    sites: tuple[Decoded, ...]
    undecided: tuple[int, ...]


@record
class Entrance:
    """A place to start from: its address and what the user calls it."""

    address: int
    name: str


def exit_sites(image: Image, boundaries: Boundaries | None = None) -> ExitSites:
    """Every SYSRET and SYSEXIT of the code as it may run, patch sites included.

    Replacing code counts where it is put, not where the file keeps it. In a large image a pair of
    opcode bytes is dismissed only if ``Boundaries`` finds it inside an instruction.
    Raises UserError ``too-many-exits``.
    """
    if sum(len(section.data) for section in image.sections if section.executable) < LARGE:
        found = {site.address: site for site in sysret_sites(image)}
        undecided: list[int] = []
    else:
        found, undecided = _by_opcode(image, boundaries or Boundaries(image))
    for patch in image.patches:
        for choice in patch.choices:
            if _OPCODES.search(choice.code):
                for address in (*found, *undecided):
                    if choice.source <= address < choice.source + choice.source_size:
                        found.pop(address, None)
                        undecided = [other for other in undecided if other != address]
                found.update((site.address, site) for site in _exits_in(choice.code, patch.address))
    return ExitSites(tuple(found[address] for address in sorted(found)), tuple(sorted(undecided)))


def _by_opcode(image: Image, boundaries: Boundaries) -> tuple[dict[int, Decoded], list[int]]:
    found: dict[int, Decoded] = {}
    undecided: list[int] = []
    pairs = 0
    for section in image.sections:
        if not section.executable:
            continue
        for pair in _OPCODES.finditer(section.data):
            pairs += 1
            if pairs > MOST_PAIRS or len(undecided) > MOST_UNDECIDED:
                text = "too many bytes look like SYSRET or SYSEXIT; is this a kernel's code?"
                raise UserError("too-many-exits", f"{image.path}: {text}")
            opcode = section.address + pair.start()
            for start in range(opcode, max(opcode - MAX_LENGTH + 2, section.address) - 1, -1):
                raw = image.code_at(start)
                if parse(raw).start != opcode - start:
                    break
                decoded = decode(raw, start)
                if decoded.kind == "exit":
                    match boundaries.at(start):
                        case "yes":
                            found[start] = decoded
                        case "open":
                            undecided.append(start)
    return found, undecided


def _exits_in(code: bytes, address: int) -> Iterator[Decoded]:
    offset = 0
    while offset < len(code):
        decoded = decode(code[offset:], address + offset)
        if decoded.mnemonic in _EXITS and decoded.kind == "exit":
            yield decoded
        offset += max(decoded.size, 1)


def sysret_sites(image: Image) -> tuple[Decoded, ...]:
    """Every SYSRET that decoding the code finds.

    Decoding goes straight on and starts afresh at each symbol and each source
    line, so that data between functions does not hide what follows it and
    bytes inside an instruction are not taken for one.
    """
    anchors = {symbol.address for symbol in image.symbols if symbol.section is not None}
    anchors |= {entry.address for entry in image.lines if entry.line}
    found: dict[int, Decoded] = {}
    for section in image.sections:
        if not section.executable:
            continue
        address, end = section.address, section.address + len(section.data)
        stops = sorted(anchor for anchor in anchors if section.address <= anchor < end)
        while address < end:
            decoded = decode(image.code_at(address), address)
            if decoded.kind == "exit" and decoded.mnemonic in _EXITS:
                found[address] = decoded
            behind = address + max(decoded.size, 1)
            index = bisect_right(stops, address)
            address = stops[index] if index < len(stops) and stops[index] < behind else behind
    return tuple(found[address] for address in sorted(found))


def entrances(image: Image, names: tuple[str, ...]) -> tuple[Entrance, ...]:
    """The places that the user named, or the one that the image suggests.

    Raises UserError (exit code 2): ``entry-not-found`` or ``entry-ambiguous``.
    """
    if names:
        return tuple(_named(image, name) for name in names)
    leading = _leading_to_exits(image)
    candidates = [symbol for symbol in leading if symbol.is_global]
    if len(candidates) == 1:
        return (Entrance(candidates[0].address, candidates[0].name),)
    if not candidates:
        shown = ", ".join(symbol.name for symbol in leading)
        hint = f"; symbols from which an exit is reached: {shown}" if shown else ""
        raise UserError(
            "entry-ambiguous",
            f"{image.path}: no global symbol reaches SYSRET or IRET; name one with --entry{hint}",
            2,
        )
    shown = ", ".join(symbol.name for symbol in candidates)
    raise UserError(
        "entry-ambiguous",
        f"{image.path}: several global symbols reach an exit instruction: {shown}; choose with --entry, "
        "or let --entry auto find where the ways to each exit begin",
        2,
    )


def _named(image: Image, name: str) -> Entrance:
    symbol = image.symbol(name)
    if symbol is not None and symbol.section is not None:
        return Entrance(symbol.address, name)
    base, plus, offset = name.rpartition("+")
    anchor = image.symbol(base) if plus else None
    try:
        address = int(name, 0) if anchor is None else anchor.address + int(offset, 0)
    except ValueError:
        from difflib import get_close_matches

        near = get_close_matches(name, [known.name for known in image.symbols if known.section is not None], 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UserError("entry-not-found", f"{image.path}: there is no symbol {name}{hint}", 2) from None
    if not image.code_at(address, 1):
        raise UserError("entry-not-found", f"{image.path}: there is no code at {address:#x}", 2)
    return Entrance(address, name)


def _leading_to_exits(image: Image) -> tuple[Symbol, ...]:
    """The symbols from which the static graph leads to an exit: one graph for all, walked back from the exits."""
    starts = [symbol for symbol in image.symbols if symbol.section is not None and image.code_at(symbol.address, 1)]
    seen: dict[int, Decoded] = {}

    def look(place: int) -> Decoded:
        if place not in seen:
            seen[place] = decode(image.code_at(place), address_of(place))
        return seen[place]

    places = {symbol: image.places(symbol.address) for symbol in starts}
    order = Order(image, tuple(dict.fromkeys(place for found in places.values() for place in found)), look)
    reached = order.reaching({place for place, decoded in seen.items() if decoded.kind == "exit"})
    return tuple(symbol for symbol in starts if reached.intersection(places[symbol]))

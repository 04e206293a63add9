# SPDX-License-Identifier: BSD-2-Clause
"""One damaged file from a well-formed one: where the tables are, which values hurt, and how pieces are moved."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from random import Random

WIDE: tuple[int, ...] = (
    0,
    1,
    2,
    7,
    8,
    63,
    64,
    0xFF,
    0x100,
    0xFFF,
    0x1000,
    0xFEFF,
    0xFF00,
    0xFFF1,
    0xFFFE,
    0xFFFF,
    0x10000,
    1 << 20,
)
WIDE += ((1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 40, 0xFFFFFFFF81000000, (1 << 63) - 1, 1 << 63)
WIDE += ((1 << 64) - 8, (1 << 64) - 1)
"""Values at the edges of fields, counts and address spaces."""

TOKENS: tuple[bytes, ...] = (
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b'"',
    b"'",
    b"\\",
    b"/",
    b"*",
    b"#",
    b":",
    b",",
    b"=",
    b"{",
    b"}",
    b"[",
)
TOKENS += (b"]", b"0x", b"-", b"--", b"-1", b"99999999999999999999", b"1e999", b"NaN", b"\xff\xfe", b"\xef\xbb\xbf")
TOKENS += (b"\x1b[31m", b"[red]", b"\xe2\x80\xae", b"ENTRY:", b"ARGS:", b"# ", b"//", b"$(", b"`", b"-Wa,", b"@file")
TOKENS += (
    b"'''",
    b'"""',
    b"[[",
    b"\\u0000",
    b"\\ud800",
    b"true",
    b"null",
    b"-I",
    b"-D",
    b"%s",
    b"\xf0\x9f\x92\xa9",
    b"../",
)
"""Pieces that texts are made of, and those that texts are attacked with."""


def areas(data: bytes) -> list[tuple[int, int]]:
    """(offset, size) of what steers a reader of this file, each to be chosen as often as the others."""
    found = [(0, len(data)), (0, min(len(data), 64))]
    if data[:4] != b"\x7fELF" or len(data) < 64:
        # Where a boot image's and a PE file's headers are.
        return [*found, *((at, 16) for at in (0x3C, 0x40, 0x1F0, 0x200, 0x248, 0xB8) if at + 16 <= len(data))]
    segments, sections = struct.unpack_from("<QQ", data, 32)
    segment_count, section_count, names = struct.unpack_from("<H2xHH", data, 56)
    if segments and segment_count:
        found += [(segments, 56 * segment_count)] * 3
    if not sections:
        return found
    found += [(sections, 64 * section_count)] * 3
    name_table = struct.unpack_from("<Q", data, sections + 64 * names + 24)[0]
    for index in range(1, section_count):
        name, kind, _, _, offset, size = struct.unpack_from("<IIQQQQ", data, sections + 64 * index)
        text = data[name_table + name : data.find(b"\0", name_table + name)]
        if kind != 8 and size:
            often = text in (b".debug_line", b".symtab", b".altinstructions", b".text")
            found += [(offset, size)] * (3 if often else 1)
    return found


def damaged(data: bytes, places: Sequence[tuple[int, int]], others: Sequence[bytes], random: Random) -> bytes:
    """A copy with a few changes; ``others`` are files that pieces may come from."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5, 9))):
        if not changed:
            break
        start, size = random.choice(places)
        start = min(start, len(changed) - 1)
        random.choice(_CHANGES)(changed, start, max(1, min(size, len(changed) - start)), others, random)
    return bytes(changed)


def damaged_text(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A copy of a text with pieces put in, taken out and moved."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 3, 5, 9))):
        at = random.randrange(len(changed) + 1)
        match random.randrange(7):
            case 0 | 1:
                changed[at:at] = random.choice(TOKENS)
            case 2:
                changed[at : at + random.randrange(1, 12)] = random.choice(TOKENS)
            case 3:
                del changed[at : at + random.choice((1, 1, 2, 8, 80))]
            case 4:
                piece = changed[at : at + random.randrange(1, 60)]
                changed[at:at] = piece * random.choice((1, 2, 300))
            case 5:
                other = random.choice(others)
                begin = random.randrange(len(other) or 1)
                changed[at:at] = other[begin : begin + random.randrange(1, 80)]
            case _:
                if at < len(changed):
                    changed[at] = random.randrange(256)
    return bytes(changed)


_Change = Callable[[bytearray, int, int, Sequence[bytes], Random], None]


def _byte(data: bytearray, start: int, size: int, _others: Sequence[bytes], random: Random) -> None:
    data[start + random.randrange(size)] = random.choice((0, 1, 2, 4, 7, 8, 0x7F, 0x80, 0xFF, random.randrange(256)))


def _bit(data: bytearray, start: int, size: int, _others: Sequence[bytes], random: Random) -> None:
    data[start + random.randrange(size)] ^= 1 << random.randrange(8)


def _word(data: bytearray, start: int, size: int, _others: Sequence[bytes], random: Random) -> None:
    width = random.choice((2, 4, 8, 8))
    at = start + random.randrange(max(size // width, 1)) * width
    if at + width <= len(data):
        old = int.from_bytes(data[at : at + width], "little")
        near = random.choice((-1, 1, -8, 8, old, random.randrange(-256, 256)))
        value = random.choice((random.choice(WIDE), old + near, random.getrandbits(8 * width)))
        data[at : at + width] = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")


def _copy(data: bytearray, start: int, size: int, _others: Sequence[bytes], random: Random) -> None:
    """Another part of the same area over this one: an entry of a table twice."""
    width = random.choice((8, 10, 12, 16, 24, 56, 64))
    source = start + random.randrange(max(size // width, 1)) * width
    target = start + random.randrange(max(size // width, 1)) * width
    piece = data[source : source + width]
    data[target : target + len(piece)] = piece


def _splice(data: bytearray, start: int, size: int, others: Sequence[bytes], random: Random) -> None:
    other = random.choice(others)
    begin, length = random.randrange(len(other) or 1), random.choice((4, 8, 24, 64, 200))
    at = start + random.randrange(size)
    piece = other[begin : begin + length]
    data[at : at + len(piece)] = piece


def _insert(data: bytearray, start: int, size: int, _others: Sequence[bytes], random: Random) -> None:
    at = start + random.randrange(size)
    data[at:at] = random.randbytes(random.choice((1, 4, 8, 64))) if random.random() < 0.5 else bytes(8)


def _delete(data: bytearray, start: int, size: int, _others: Sequence[bytes], random: Random) -> None:
    at = start + random.randrange(size)
    del data[at : at + random.choice((1, 4, 8, 64))]


def _cut(data: bytearray, _start: int, _size: int, _others: Sequence[bytes], random: Random) -> None:
    del data[random.randrange(len(data)) :]


_CHANGES: tuple[_Change, ...] = (_byte, _byte, _bit, _word, _word, _word, _copy, _splice, _insert, _delete, _cut)

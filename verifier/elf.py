# SPDX-License-Identifier: BSD-2-Clause
"""The container of a relocatable ELF object: its section header table, contents and names.

Source: System V ABI, generic ELF (gABI 4.1), chapter 4. The tables are read by
hand: the bytes are untrusted, and every offset, size and count is checked
against the file before it is used.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

SHT_NULL, SHT_SYMTAB, SHT_RELA, SHT_NOBITS, SHT_REL = 0, 2, 4, 8, 9
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_COMPRESSED = 1, 2, 4, 0x800
SHN_LORESERVE, SHN_ABS, SHN_COMMON = 0xFF00, 0xFFF1, 0xFFF2
"""Section types, flags and reserved section numbers."""

MAX_DEBUG_SECTION = 64 << 20
"""Largest decompressed debug section, in bytes."""

_NAME_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Header:
    """A section header with its name; the other fields are those of Elf64_Shdr."""

    index: int
    name: str
    type: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int


class BadObjectError(Exception):
    """The object is malformed; the text says how."""


def section_headers(data: bytes) -> tuple[Header, ...]:
    """Check the ELF header (gABI chapter 4) and read the section header table."""
    if data[:4] != b"\x7fELF":
        raise BadObjectError("not an ELF file")
    if len(data) < 64:
        raise BadObjectError("the ELF header is truncated")
    if data[4] != 2 or data[5] != 1:
        raise BadObjectError("not a 64-bit little-endian ELF file; verify-exit reads x86-64 objects only")
    kind, machine = struct.unpack_from("<HH", data, 16)
    if machine != 62:
        raise BadObjectError(f"made for machine {machine}; verify-exit reads x86-64 (machine 62) objects only")
    if kind != 1:
        raise BadObjectError(f"not a relocatable object (ELF type {kind}, wanted 1); give the .o file")
    (table,) = struct.unpack_from("<Q", data, 40)
    entry_size, count, names_index = struct.unpack_from("<HHH", data, 58)
    if entry_size != 64 or not 0 < count < SHN_LORESERVE or table + 64 * count > len(data):
        raise BadObjectError("the section header table is malformed or truncated")
    raw = list(struct.iter_unpack("<IIQQQQIIQQ", data[table : table + 64 * count]))
    if names_index >= count:
        raise BadObjectError("the section name table is missing")
    for index, (_, kind, _, _, offset, size, *_) in enumerate(raw):
        if kind not in (SHT_NULL, SHT_NOBITS) and offset + size > len(data):
            raise BadObjectError(f"section {index} ends beyond the end of the file")
    start, size = raw[names_index][4:6]
    names = data[start : start + size]
    return tuple(
        Header(index, string_at(names, name), kind, flags, offset, size, link, info, alignment)
        for index, (name, kind, flags, _, offset, size, link, info, alignment, _) in enumerate(raw)
        if kind != SHT_NULL
    )


def uncompressed(data: bytes, header: Header | None) -> bytes:
    """A debug section's contents; SHF_COMPRESSED (gABI, Elf64_Chdr) with zlib is undone."""
    if header is None:
        return b""
    contents = section_bytes(data, header)
    if not header.flags & SHF_COMPRESSED:
        return contents
    if len(contents) < 24:
        raise BadObjectError(f"section {header.name!r} is truncated")
    method, _, size, _ = struct.unpack_from("<IIQQ", contents)
    if method != 1 or size > MAX_DEBUG_SECTION:
        raise BadObjectError(f"section {header.name!r} is not compressed with zlib, or too large")
    try:
        return zlib.decompressobj().decompress(contents[24:], max(size, 1))
    except zlib.error as error:
        raise BadObjectError(f"section {header.name!r} cannot be decompressed: {error}") from error


def section_bytes(data: bytes, header: Header) -> bytes:
    """A section's contents in the file; empty for SHT_NOBITS."""
    return b"" if header.type == SHT_NOBITS else data[header.offset : header.offset + header.size]


def string_at(table: bytes, offset: int) -> str:
    """The zero-terminated string at ``offset``; bytes that are not UTF-8 become backslash escapes."""
    end = table.find(b"\0", offset, offset + _NAME_LIMIT)
    if end < 0:
        raise BadObjectError("a name is outside its string table or over-long")
    return table[offset:end].decode("utf-8", "backslashreplace")

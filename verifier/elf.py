# SPDX-License-Identifier: BSD-2-Clause
"""The containers of ELF: file header, section and program header tables, contents, names, notes.

Source: System V ABI, generic ELF (gABI 4.1), chapters 4 and 5. The tables are
read by hand: the bytes are untrusted, and every offset, size and count is
checked against the file before it is used.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from verifier.records import record

ET_REL, ET_EXEC, ET_DYN = 1, 2, 3
EM_386, EM_X86_64 = 3, 62
SHT_NULL, SHT_SYMTAB, SHT_RELA, SHT_NOTE, SHT_NOBITS, SHT_REL = 0, 2, 4, 7, 8, 9
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_COMPRESSED = 1, 2, 4, 0x400, 0x800
SHN_LORESERVE, SHN_ABS, SHN_COMMON = 0xFF00, 0xFFF1, 0xFFF2
PT_LOAD, PT_DYNAMIC, PT_NOTE = 1, 2, 4
PF_X, PF_W = 1, 2
STT_FUNC, STT_SECTION, STT_FILE, STT_TLS, STT_IFUNC = 2, 3, 4, 6, 10
"""File types, machines, section types and flags, reserved section numbers, segment types and flags, symbol types."""

MAX_DEBUG_SECTION = 128 << 20
"""Largest decompressed debug section, in bytes."""
MAX_NAMES = 64 << 20
"""All names that are read from one string table together, in bytes: many entries may share one string."""

_NAME_LIMIT = 4096
_NOTE_AREAS, _NOTE_LIMIT = 64, 1 << 16  # a file has few and short ones
_NT_GNU_BUILD_ID = 3


@record
class FileHeader:
    """What the ELF header says; ``wide`` is ELFCLASS64. Tables that are absent have count 0."""

    kind: int
    machine: int
    wide: bool
    segments_at: int
    segment_count: int
    sections_at: int
    section_count: int
    names_index: int


@record
class Header:
    """A section header with its name; the other fields are those of Elf64_Shdr."""

    index: int
    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int


@record
class Segment:
    """A program header (Elf64_Phdr); ``index`` is its number in the table. Not checked against the file."""

    index: int
    type: int
    flags: int
    offset: int
    address: int
    physical: int
    file_size: int
    memory_size: int
    alignment: int


class RawSymbol(NamedTuple):
    """A symbol table entry; ``section`` is its st_shndx. A tuple, because a kernel has 200,000."""

    name: str
    kind: int
    is_global: bool
    section: int
    value: int
    size: int


class BadObjectError(Exception):
    """The object is malformed; the text says how."""


@dataclass(slots=True)
class Strings:
    """A string table. ``left`` is how much may still be read from it."""

    table: bytes
    left: int = MAX_NAMES

    def at(self, offset: int) -> str:
        """The zero-terminated string at ``offset``; bytes that are not UTF-8 become backslash escapes."""
        end = self.table.find(b"\0", offset, offset + _NAME_LIMIT)
        if end < 0:
            raise BadObjectError("a name is outside its string table or over-long")
        self.left -= end - offset
        if self.left < 0:
            raise BadObjectError(f"its names take more than {MAX_NAMES >> 20} MiB")
        return self.table[offset:end].decode("utf-8", "backslashreplace")


def file_header(data: bytes) -> FileHeader:
    """The ELF header (gABI chapter 4) of a little-endian file of either class."""
    if data[:4] != b"\x7fELF":
        raise BadObjectError("not an ELF file")
    if len(data) < 64:
        raise BadObjectError("the ELF header is truncated")
    if data[4] not in (1, 2) or data[5] != 1:
        raise BadObjectError("not a little-endian ELF file; verify-exit reads 64-bit x86-64 code only")
    wide = data[4] == 2
    kind, machine = struct.unpack_from("<HH", data, 16)
    segments_at, sections_at = struct.unpack_from("<QQ" if wide else "<II", data, 32 if wide else 28)
    segment_size, segment_count, section_size, section_count, names = struct.unpack_from(
        "<5H", data, 54 if wide else 42
    )
    # A count of 0 or 0xffff next to a table says that section 0 has the count: no kernel has so many.
    if (segment_count and segment_size != (56 if wide else 32)) or segment_count == 0xFFFF:
        raise BadObjectError("the program header table is malformed")
    if (section_count and section_size != (64 if wide else 40)) or section_count >= SHN_LORESERVE:
        raise BadObjectError("the section header table is malformed")
    return FileHeader(
        kind=kind,
        machine=machine,
        wide=wide,
        segments_at=segments_at,
        segment_count=segment_count if segments_at else 0,
        sections_at=sections_at,
        section_count=section_count if sections_at else 0,
        names_index=names,
    )


def section_headers(data: bytes, header: FileHeader) -> tuple[Header, ...]:
    """The section header table without its SHT_NULL entries; contents are inside the file."""
    if not header.section_count:
        return ()
    entry = struct.Struct("<IIQQQQIIQQ" if header.wide else "<10I")
    raw = list(entry.iter_unpack(_table(data, header.sections_at, entry.size * header.section_count, "section")))
    if header.names_index >= header.section_count:
        raise BadObjectError("the section name table is missing")
    for index, (_, kind, _, _, offset, size, *_) in enumerate(raw):
        if kind not in (SHT_NULL, SHT_NOBITS) and offset + size > len(data):
            raise BadObjectError(f"section {index} ends beyond the end of the file")
    start, size = raw[header.names_index][4:6]
    names = Strings(data[start : start + size])
    return tuple(
        Header(index, names.at(name), kind, flags, address, offset, size, link, info, alignment)
        for index, (name, kind, flags, address, offset, size, link, info, alignment, _) in enumerate(raw)
        if kind != SHT_NULL
    )


def segments(data: bytes, header: FileHeader) -> tuple[Segment, ...]:
    """The program header table in file order."""
    entry = struct.Struct("<IIQQQQQQ" if header.wide else "<8I")
    table = _table(data, header.segments_at, entry.size * header.segment_count, "program")
    found = []
    for index, fields in enumerate(entry.iter_unpack(table)):
        if header.wide:
            kind, flags, offset, address, physical, file_size, memory_size, alignment = fields
        else:
            kind, offset, address, physical, file_size, memory_size, flags, alignment = fields
        found.append(Segment(index, kind, flags, offset, address, physical, file_size, memory_size, alignment))
    return tuple(found)


def symbols(data: bytes, header: FileHeader, headers: tuple[Header, ...]) -> Iterator[RawSymbol]:
    """The entries of the one SHT_SYMTAB section by index, entry 0 included; none without such a section."""
    tables = [section for section in headers if section.type == SHT_SYMTAB]
    if not tables:
        return
    names_header = next((section for section in headers if section.index == tables[0].link), None)
    entry = struct.Struct("<IBBHQQ" if header.wide else "<IIIBBH")
    if len(tables) > 1 or names_header is None or tables[0].size % entry.size:
        raise BadObjectError("the symbol table is malformed")
    names = Strings(section_bytes(data, names_header))
    for fields in entry.iter_unpack(section_bytes(data, tables[0])):
        if header.wide:
            name, info, _, index, value, size = fields
        else:
            name, value, size, info, _, index = fields
        yield RawSymbol(names.at(name), info & 15, info >> 4 != 0, index, value, size)


def build_id(data: bytes, headers: tuple[Header, ...], program: tuple[Segment, ...]) -> bytes | None:
    """The linker's hash of the file's contents (a GNU note of type 3), if there is one.

    Source: gABI chapter 5, "Note Section"; ld(1), --build-id.
    """
    areas = [(section.offset, section.size, section.alignment) for section in headers if section.type == SHT_NOTE]
    areas += [(part.offset, part.file_size, part.alignment) for part in program if part.type == PT_NOTE]
    for start, size, alignment in areas[:_NOTE_AREAS]:
        align = 8 if alignment == 8 else 4
        notes, position = data[start : start + min(size, _NOTE_LIMIT)], 0
        while position + 12 <= len(notes):
            name_size, value_size, kind = struct.unpack_from("<III", notes, position)
            value = position + _aligned(12 + name_size, align)
            if kind == _NT_GNU_BUILD_ID and notes[position + 12 : position + 12 + name_size] == b"GNU\0":
                return notes[value : value + value_size] or None
            position = value + _aligned(value_size, align)
    return None


def uncompressed(data: bytes, header: Header | None) -> bytes:
    """A debug section's contents; SHF_COMPRESSED (gABI, Elf64_Chdr) with zlib or Zstandard is undone."""
    if header is None:
        return b""
    contents = section_bytes(data, header)
    if not header.flags & SHF_COMPRESSED:
        return contents
    if len(contents) < 24:
        raise BadObjectError(f"section {header.name!r} is truncated")
    method, _, size, _ = struct.unpack_from("<IIQQ", contents)
    if method not in _METHODS or size > MAX_DEBUG_SECTION:
        raise BadObjectError(f"section {header.name!r} is compressed in a way that is not read, or too large")
    try:
        return _METHODS[method](contents[24:], size)
    except (zlib.error, _DecompressionError) as error:
        raise BadObjectError(f"section {header.name!r} cannot be decompressed: {error}") from error


class _DecompressionError(Exception):
    pass


def _zlib(packed: bytes, size: int) -> bytes:
    return zlib.decompressobj().decompress(packed, max(size, 1))


def _zstd(packed: bytes, size: int) -> bytes:
    import zstandard  # here, because few files need it

    try:
        with zstandard.ZstdDecompressor(max_window_size=MAX_DEBUG_SECTION).stream_reader(packed) as reader:
            return bytes(reader.read(size))
    except (zstandard.ZstdError, MemoryError) as error:
        raise _DecompressionError(str(error)) from error


_METHODS: dict[int, Callable[[bytes, int], bytes]] = {1: _zlib, 2: _zstd}
"""ch_type → how to undo it, up to a size in bytes."""


def section_bytes(data: bytes, header: Header) -> bytes:
    """A section's contents in the file; empty for SHT_NOBITS."""
    return b"" if header.type == SHT_NOBITS else data[header.offset : header.offset + header.size]


def _table(data: bytes, start: int, size: int, name: str) -> bytes:
    if start + size > len(data):
        raise BadObjectError(f"the {name} header table is truncated")
    return data[start : start + size]


def _aligned(size: int, alignment: int) -> int:
    return (size + alignment - 1) & -alignment

# SPDX-License-Identifier: BSD-2-Clause
"""One unit of a DWARF line table, versions 2 to 5: its header, its file names and its line number program.

Source: DWARF Debugging Information Format, version 5 (2017), section 6.2;
version 4 (2010) for the older header. Written by hand because the bytes are
untrusted: every loop here consumes input, so time is linear in the size of
the unit; names, which can be many times larger, are counted.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from verifier.model import LineEntry
from verifier.records import record

MAX_NAMES = 64 << 20
"""Characters of file and directory names in one table."""

_LNCT_PATH, _LNCT_DIRECTORY = 1, 2
_FIXED_FORMS = {0x0B: 1, 0x05: 2, 0x06: 4, 0x07: 8, 0x1E: 16}  # data1, data2, data4, data8, data16
_STRING_LIMIT = 4096  # bytes; many entries may share one string


class LineTableError(Exception):
    """The line table is malformed, or of a version or form that is not read."""


@dataclass(slots=True)
class Reader:
    """A cursor over little-endian bytes; the one mutable thing here."""

    data: bytes
    offset: int
    end: int

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes."""
        start, self.offset = self.offset, self.offset + size
        if self.offset > self.end:
            raise LineTableError(f"truncated at offset {start:#x}")
        return self.data[start : self.offset]

    def unsigned(self, size: int) -> int:
        """An unsigned integer of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little")

    def leb(self, signed: bool = False) -> int:
        """A LEB128 number of at most 64 bits."""
        value = shift = 0
        while True:
            byte = self.unsigned(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
            if shift >= 70:
                raise LineTableError(f"over-long number at offset {self.offset:#x}")
        return value - (1 << shift) if signed and byte & 0x40 else value

    def string(self) -> str:
        """A string that ends in a zero byte."""
        stop = self.data.find(b"\0", self.offset, min(self.end, self.offset + _STRING_LIMIT))
        if stop < 0:
            raise LineTableError(f"unterminated or over-long string at offset {self.offset:#x}")
        text = self.data[self.offset : stop].decode("utf-8", "replace")
        self.offset = stop + 1
        return text


@record
class _Header:
    minimum_length: int
    line_base: int
    line_range: int
    operand_counts: tuple[int, ...]
    files: tuple[str, ...]


@dataclass(slots=True)
class Strings:
    """``.debug_line_str``, ``.debug_str``, and how many characters of names may still be made."""

    line_str: bytes
    str_section: bytes
    left: int = MAX_NAMES

    def counted(self, name: str) -> str:
        """The name, if there is room for it."""
        self.left -= len(name) + 1
        if self.left < 0:
            raise LineTableError("the file names are too long")
        return name


@record
class Unit:
    """A unit's place in the section: its first byte, the one behind its length, its end; 64-bit DWARF or not."""

    start: int
    body: int
    end: int
    wide: bool


def unit_entries(section: bytes, unit: Unit, strings: Strings) -> Iterator[LineEntry]:
    """The rows of one unit (sections 6.2.4 and 6.2.5)."""
    reader = Reader(section, unit.body, unit.end)
    version = reader.unsigned(2)
    if not 2 <= version <= 5:
        raise LineTableError(f"DWARF version {version} is not read")
    if version == 5:
        reader.take(2)  # address size, segment selector size
    size = 8 if unit.wide else 4
    header_length = reader.unsigned(size)
    program = reader.offset + header_length
    minimum_length = reader.unsigned(1)
    reader.take(2 if version >= 4 else 1)  # operations per instruction (VLIW only), default is_stmt
    base, line_range, opcode_base = (reader.unsigned(1) for _ in range(3))
    counts = tuple(reader.take(max(opcode_base - 1, 0)))
    files = _files_5(reader, size, strings) if version == 5 else _files_2(reader, strings)
    if program > reader.end or line_range == 0:
        raise LineTableError("malformed header")
    reader.offset = program
    header = _Header(minimum_length, base - 256 if base & 0x80 else base, line_range, (0, *counts), files)
    yield from _rows(reader, header)


def _rows(reader: Reader, header: _Header) -> Iterator[LineEntry]:
    """Run the line number program (section 6.2.5)."""
    address, file, line = 0, 1, 1
    opcode_base = len(header.operand_counts)

    def row(number: int) -> LineEntry:
        name = header.files[file] if 0 <= file < len(header.files) else ""
        # A row without a usable line or file must not read as a line: line 0 says "none".
        return LineEntry(address & 0xFFFFFFFFFFFFFFFF, name, number if name and number > 0 else 0)

    while reader.offset < reader.end:
        opcode = reader.unsigned(1)
        if opcode >= opcode_base:
            step = opcode - opcode_base
            address += step // header.line_range * header.minimum_length
            line += header.line_base + step % header.line_range
            yield row(line)
            continue
        match opcode:
            case 0:  # extended: length, opcode, operands
                length = reader.leb()
                body = Reader(reader.data, reader.offset, reader.offset + len(reader.take(length)))
                extended = body.unsigned(1) if length else None
                if extended == 1:  # end_sequence
                    yield LineEntry(address & 0xFFFFFFFFFFFFFFFF, "", 0)
                    address, file, line = 0, 1, 1
                elif extended == 2:  # set_address
                    address = body.unsigned(8)
            case 1:  # copy
                yield row(line)
            case 2:  # advance_pc
                address += reader.leb() * header.minimum_length
            case 3:  # advance_line
                line += reader.leb(signed=True)
            case 4:  # set_file
                file = reader.leb()
            case 8:  # const_add_pc
                address += (255 - opcode_base) // header.line_range * header.minimum_length
            case 9:  # fixed_advance_pc
                address += reader.unsigned(2)
            case _:  # column, is_stmt, basic block, prologue, isa, unknown: no effect here
                for _ in range(header.operand_counts[opcode]):
                    reader.leb()


def _files_2(reader: Reader, strings: Strings) -> tuple[str, ...]:
    """File names by number from 1, DWARF 2 to 4 (v4, section 6.2.4); directory 0 is the compilation's."""
    directories = [""]
    while name := reader.string():
        directories.append(name)
    files = [""]
    while name := reader.string():
        files.append(strings.counted(_joined(directories, reader.leb(), name)))
        reader.leb()  # time
        reader.leb()  # size
    return tuple(files)


def _files_5(reader: Reader, size: int, strings: Strings) -> tuple[str, ...]:
    """File names by number from 0, DWARF 5 (section 6.2.4.1); directory 0 is the compilation's."""
    tables: list[list[tuple[str, int]]] = []
    for _ in range(2):
        formats = [(reader.leb(), reader.leb()) for _ in range(reader.unsigned(1))]
        count = reader.leb()
        if count and not formats:
            raise LineTableError("entries without a format")
        # Every form takes at least a byte, so a huge count ends as "truncated".
        table = []
        for _ in range(count):
            name, directory = "", 0
            for content, form in formats:
                value = _form(reader, form, size, strings)
                if content == _LNCT_PATH and isinstance(value, str):
                    name = value
                elif content == _LNCT_DIRECTORY and isinstance(value, int):
                    directory = value
            table.append((name, directory))
        tables.append(table)
    directories = [name for name, _ in tables[0]]
    directories[:1] = [""]
    return tuple(strings.counted(_joined(directories, directory, name)) for name, directory in tables[1])


def _form(reader: Reader, form: int, size: int, strings: Strings) -> int | str:
    if form in _FIXED_FORMS:
        return reader.unsigned(_FIXED_FORMS[form])
    match form:
        case 0x08:  # string
            return reader.string()
        case 0x1F | 0x0E:  # line_strp, strp
            table = strings.line_str if form == 0x1F else strings.str_section
            return strings.counted(Reader(table, reader.unsigned(size), len(table)).string())
        case 0x0F:  # udata
            return reader.leb()
        case 0x09:  # block
            reader.take(reader.leb())
            return 0
    raise LineTableError(f"form {form:#x} is not read")


def _joined(directories: list[str], directory: int, name: str) -> str:
    if directory >= len(directories):
        raise LineTableError(f"file {name!r} is in a directory that is not listed")
    return posixpath.normpath(posixpath.join(directories[directory], name)) if name else ""

# SPDX-License-Identifier: BSD-2-Clause
"""A linked x86-64 ELF file, such as a kernel image, at the addresses it was linked for.

Sources: System V ABI, generic ELF (gABI 4.1), chapters 4 and 5; AMD64
Architecture Processor Supplement 1.0, section 4.4.1 (relocation types). The
bytes are untrusted: see verifier.elf.

What a file says twice, in its sections and in its segments, is believed where
both agree: a loader obeys the segments, a person reads the sections.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise

from verifier.elf import (
    EM_386,
    EM_X86_64,
    ET_DYN,
    ET_EXEC,
    PF_W,
    PF_X,
    PT_DYNAMIC,
    PT_LOAD,
    SHF_ALLOC,
    SHF_COMPRESSED,
    SHF_EXECINSTR,
    SHF_TLS,
    SHF_WRITE,
    SHT_NOBITS,
    BadObjectError,
    FileHeader,
    Header,
    Segment,
    file_header,
    section_headers,
    segments,
)
from verifier.model import Relocation, Section
from verifier.records import record

LOW_END = 0x10000
"""Data linked below this address is left out of the image.

Sections at 0 are templates of per-CPU areas: their addresses are offsets from
a segment base. In the image they would make an access through a null or a
per-CPU pointer look like one to known memory.
"""
MAX_SECTIONS = 4096
MAX_SEGMENTS = 256
MAX_RELOCATIONS = 1 << 18
"""Bounds, each a count."""

PADDING = b"\x00\x90\xcc"
"""Linkers fill gaps with these bytes: no exit instruction can be made of them."""

_ADDRESSES = 1 << 64
_DT_PLTRELSZ, _DT_RELA, _DT_RELASZ, _DT_TEXTREL, _DT_JMPREL, _DT_FLAGS, _DT_RELR = 2, 7, 8, 22, 23, 30, 36
_DF_TEXTREL = 4
_NARROW = frozenset({2, 4, 10, 11})  # R_X86_64_PC32, _PLT32, _32, _32S: 32-bit fields; the others are taken as 64-bit


@record
class Executable:
    """What a linked file holds: ``sections`` for the image, sorted, and those left out of it (LOW_END).

    ``relocations`` are those that are still to be applied at run time, each
    with ``applied`` False.
    """

    header: FileHeader
    headers: tuple[Header, ...]
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    left_out: tuple[Section, ...]
    relocations: tuple[Relocation, ...]


def read_executable(data: bytes) -> Executable:
    """The sections of an ET_EXEC or ET_DYN file for x86-64 at their link addresses.

    A 32-bit container (machine 3, or 62) is read too: boot loaders ask for
    one, and its code may well be 64-bit code. With a section header table,
    its allocated sections are taken, and with them what an executable segment
    holds in no section, called ``segmentN+OFFSET``, unless it is padding.
    Without one, segments stand for sections. A section is executable if it
    says so, and writable unless both it and its segment say otherwise.
    Relocations in the file of ``ld --emit-relocs`` are applied already and
    left out.

    Raises BadObjectError, also if two sections overlap, or if a section and
    its segment disagree about the bytes.
    """
    header = file_header(data)
    if header.machine not in ((EM_X86_64,) if header.wide else (EM_386, EM_X86_64)):
        raise BadObjectError(f"made for machine {header.machine}; verify-exit reads x86-64 (machine 62) only")
    if header.kind not in (ET_EXEC, ET_DYN):
        raise BadObjectError(f"neither an object nor an executable (ELF type {header.kind})")
    headers, program = section_headers(data, header), segments(data, header)
    loaded = tuple(part for part in program if part.type == PT_LOAD and part.memory_size)
    if len(loaded) > MAX_SEGMENTS:
        raise BadObjectError(f"more than {MAX_SEGMENTS} segments")
    for part in loaded:
        if part.offset + part.file_size > len(data) or part.file_size > part.memory_size:
            raise BadObjectError(f"segment {part.index} ends beyond the end of the file, or is longer than its memory")
    ordered = sorted(loaded, key=lambda part: part.address)
    for first, second in pairwise(ordered):
        if first.address + first.memory_size > second.address:
            # Who loads the file copies one over the other.
            raise BadObjectError(f"segments {first.index} and {second.index} overlap")
    named = _from_headers(headers, loaded)
    pieces = [*named, *_from_segments(data, named, loaded)]
    if len(pieces) > MAX_SECTIONS:
        raise BadObjectError(f"more than {MAX_SECTIONS} sections")
    kept = sorted((piece for piece in pieces if not piece.is_low), key=lambda piece: piece.address)
    for before, after in pairwise(kept):
        if before.address + before.size > after.address:
            raise BadObjectError(f"sections {before.name!r} and {after.name!r} overlap")
    if sum(piece.size for piece in pieces if piece.in_file) > 2 * len(data):
        raise BadObjectError("its sections share bytes of the file")
    if not any(piece.executable and piece.in_file for piece in kept):
        raise BadObjectError("no code in it; give the executable itself, not a file of debug information")
    made = {piece: piece.section(data) for piece in pieces}
    sections = tuple(made[piece] for piece in kept)
    return Executable(
        header=header,
        headers=headers,
        segments=program,
        sections=sections,
        left_out=tuple(made[piece] for piece in pieces if piece.is_low),
        relocations=tuple(_open_relocations(data, header, program, loaded, sections)),
    )


@record
class _Piece:
    """A section before its bytes are copied; without ``in_file`` it has none."""

    name: str
    address: int
    size: int
    offset: int
    in_file: bool
    executable: bool
    writable: bool

    @property
    def is_low(self) -> bool:
        """Whether it is left out of the image."""
        return self.address < LOW_END and not self.executable

    def section(self, data: bytes) -> Section:
        """The section with its bytes."""
        return Section(
            name=self.name,
            address=self.address,
            size=self.size,
            data=data[self.offset : self.offset + self.size] if self.in_file else b"",
            executable=self.executable,
            # Low code is no constant data for who follows a null pointer.
            writable=self.writable or self.address < LOW_END,
        )


def _from_headers(headers: tuple[Header, ...], loaded: tuple[Segment, ...]) -> list[_Piece]:
    """The allocated sections; empty ones and those of thread-local zeroes have no memory."""
    found: list[_Piece] = []
    names: set[str] = set()
    for header in headers:
        in_file = header.type != SHT_NOBITS
        if not header.flags & SHF_ALLOC or not header.size or (header.flags & SHF_TLS and not in_file):
            continue
        if header.flags & SHF_COMPRESSED:
            raise BadObjectError(f"section {header.name!r} is both loaded and compressed")
        end = header.address + header.size
        if end > _ADDRESSES:
            raise BadObjectError(f"section {header.name!r} ends beyond the address space")
        home = next(
            (part for part in loaded if part.address <= header.address and end <= part.address + part.memory_size), None
        )
        if home is not None and in_file:
            start = header.address - home.address
            if header.offset != home.offset + start or start + header.size > home.file_size:
                raise BadObjectError(f"section {header.name!r} and segment {home.index} disagree about its bytes")
        executable = bool(header.flags & SHF_EXECINSTR)
        partly = any(part.address < end and header.address < part.address + part.memory_size for part in loaded)
        if home is None and in_file and loaded and (executable or partly):
            raise BadObjectError(f"section {header.name!r} is not, or not as a whole, in a segment that is loaded")
        name = header.name if header.name and header.name not in names else f"{header.name}[{header.index}]"
        names.add(name)
        # What no segment loads is filled by someone else.
        writable = bool(header.flags & SHF_WRITE) or home is None or bool(home.flags & PF_W)
        found.append(_Piece(name, header.address, header.size, header.offset, in_file, executable, writable))
        if len(found) > MAX_SECTIONS:
            raise BadObjectError(f"more than {MAX_SECTIONS} sections")
    return found


def _from_segments(data: bytes, named: list[_Piece], loaded: tuple[Segment, ...]) -> Iterator[_Piece]:
    """What segments load and no section names: of executable ones what is not padding; all if nothing is named."""
    for part in loaded:
        if part.address + part.memory_size > _ADDRESSES:
            raise BadObjectError(f"segment {part.index} ends beyond the address space")
        executable, writable = bool(part.flags & PF_X), bool(part.flags & PF_W)
        name = f"segment{part.index}"
        if not named:
            if part.file_size:
                yield _Piece(name, part.address, part.file_size, part.offset, True, executable, writable)
            rest = part.memory_size - part.file_size
            if rest:
                yield _Piece(f"{name}.bss", part.address + part.file_size, rest, 0, False, executable, writable)
        elif executable:
            for start, end in _gaps(part, named):
                offset = start - part.address
                position = part.offset + offset
                if data[position : position + end - start].strip(PADDING):
                    yield _Piece(f"{name}+{offset:#x}", start, end - start, position, True, True, writable)


def _gaps(part: Segment, named: list[_Piece]) -> Iterator[tuple[int, int]]:
    """The address ranges of a segment's bytes that are in no section."""
    cursor, end = part.address, part.address + part.file_size
    for piece in sorted(named, key=lambda piece: piece.address):
        if piece.address + piece.size <= cursor or piece.address >= end:
            continue
        if piece.address > cursor:
            yield cursor, piece.address
        cursor = piece.address + piece.size
    if cursor < end:
        yield cursor, end


def _open_relocations(
    data: bytes,
    header: FileHeader,
    program: tuple[Segment, ...],
    loaded: tuple[Segment, ...],
    sections: tuple[Section, ...],
) -> Iterator[Relocation]:
    """The run-time relocations of code and read-only data (gABI, "Dynamic Section").

    Without DT_TEXTREL there are none: only writable segments are relocated,
    and what is writable is not believed anyway.
    """
    dynamic = next((part for part in program if part.type == PT_DYNAMIC), None)
    if dynamic is None:
        return
    if not header.wide:
        raise BadObjectError("a 32-bit container with dynamic linking is not read")
    contents = data[dynamic.offset : dynamic.offset + dynamic.file_size]
    entries = dict(struct.iter_unpack("<QQ", contents[: len(contents) & -16]))
    if _DT_TEXTREL not in entries and not entries.get(_DT_FLAGS, 0) & _DF_TEXTREL:
        return
    if _DT_RELR in entries:
        raise BadObjectError("it relocates its code in packed form (DT_RELR), which is not read")
    starts = [section.address for section in sections]
    found = 0
    for table, length in ((_DT_RELA, _DT_RELASZ), (_DT_JMPREL, _DT_PLTRELSZ)):
        address, size = entries.get(table, 0), entries.get(length, 0)
        if not size:
            continue
        home = next((part for part in loaded if 0 <= address - part.address <= part.file_size - size), None)
        if home is None or size % 24:
            raise BadObjectError("its table of run-time relocations is malformed")
        start = home.offset + address - home.address
        for place, info, addend in struct.iter_unpack("<QQq", data[start : start + size]):
            index = bisect_right(starts, place) - 1
            if index < 0 or place >= starts[index] + sections[index].size:
                continue
            if sections[index].writable and not sections[index].executable:
                continue
            found += 1
            if found > MAX_RELOCATIONS:
                raise BadObjectError(f"more than {MAX_RELOCATIONS} relocations of code")
            kind = info & 0xFFFFFFFF
            width = 4 if kind in _NARROW else 8
            yield Relocation(place, width, f"R_X86_64_#{kind}", "", addend, external=False, applied=False)

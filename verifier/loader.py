# SPDX-License-Identifier: BSD-2-Clause
"""From the bytes of an ELF file, and those of a file with its symbols, to an image: objects and executables alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from verifier.elf import (
    ET_DYN,
    ET_EXEC,
    PT_LOAD,
    SHF_ALLOC,
    SHF_EXECINSTR,
    BadObjectError,
    Header,
    Segment,
    build_id,
    file_header,
    section_headers,
    segments,
    uncompressed,
)
from verifier.executable import MAX_SECTIONS, PADDING, Executable, read_executable
from verifier.image import load_object
from verifier.lines import LineTableError, line_entries
from verifier.model import Image, LineEntry, Section, UserError
from verifier.symbolfile import Named, check_match, check_starts, from_table, from_text, mismatch, placed

_MASK = (1 << 64) - 1


def load(data: bytes, path: str, sha256: str, symbols: bytes | None = None, symbols_path: str = "") -> Image:
    """The image of an x86-64 ELF file; ``path`` and ``sha256`` are recorded as they are.

    A relocatable object is laid out as ``image.load_object`` says. An
    executable (ET_EXEC, ET_DYN) keeps its link addresses, has ``linked`` set
    and no line numbers yet: see ``lines_for``. Its symbols come from
    ``symbols`` if given, a text as nm writes it or an ELF file with a symbol
    table, else from its own table. If the ELF file with the symbols says that
    the image's addresses are physical ones, the image is moved to the virtual
    addresses. If both files have the same build id, one section of the image
    that is several there, as boot loaders like it, is divided in the same way.

    Raises UserError (exit code 4) ``bad-object``; ``bad-symbols`` for
    ``symbols`` that cannot be read, or with an object, which has its own;
    ``symbols-mismatch`` if they are those of another build.
    """
    try:
        kind = file_header(data).kind
    except BadObjectError as error:
        raise UserError("bad-object", f"{path}: {error}") from error
    if kind not in (ET_EXEC, ET_DYN):
        if symbols is not None:
            raise UserError("bad-symbols", f"{symbols_path}: {path} is an object, which has its own symbols")
        return load_object(data, path, sha256)
    try:
        program = read_executable(data)
        named = from_table(data, program.header, program.headers) if symbols is None else []
    except BadObjectError as error:
        raise UserError("bad-object", f"{path}: {error}") from error
    if symbols is not None:
        program, named = _with_symbols(program, data, path, symbols, symbols_path)
    return Image(
        path=path,
        sha256=sha256,
        sections=program.sections,
        symbols=placed(named, (*program.sections, *program.left_out)),
        relocations=program.relocations,
        lines=(),
        linked=True,
    )


def lines_for(data: bytes, ranges: Sequence[tuple[int, int]], path: str = "") -> tuple[LineEntry, ...]:
    """The line numbers of address ranges (first, behind the last) from an executable's or a debug file's bytes.

    Empty if ``data`` is not an ELF file, such as a text of symbols, or has no
    line table. Names are as ``lines.line_entries`` gives them; an entry with
    line 0 ends each range.

    Raises UserError ``bad-object`` (exit code 4).
    """
    if data[:4] != b"\x7fELF" or not ranges:
        return ()
    try:
        by_name = {header.name: header for header in reversed(section_headers(data, file_header(data)))}
        table = by_name.get(".debug_line")
        if table is None:
            return ()
        contents, line_str, strings = (
            uncompressed(data, by_name.get(name)) for name in (".debug_line", ".debug_line_str", ".debug_str")
        )
        return line_entries(contents, line_str, strings, ranges)
    except (BadObjectError, LineTableError) as error:
        message = f"{path}: .debug_line: {error}; strip --strip-debug removes the line numbers"
        raise UserError("bad-object", message) from error


def _with_symbols(
    program: Executable, data: bytes, path: str, symbols: bytes, symbols_path: str
) -> tuple[Executable, list[Named]]:
    """The symbols of a second file, and the executable at the addresses that they mean."""
    if symbols[:4] != b"\x7fELF":
        named = from_text(symbols, symbols_path)
        ids: tuple[bytes | None, bytes | None] = (None, None)
    else:
        try:
            header = file_header(symbols)
            if header.kind not in (ET_EXEC, ET_DYN):
                raise BadObjectError("not a linked file")
            headers, parts = section_headers(symbols, header), segments(symbols, header)
            named = from_table(symbols, header, headers)
        except BadObjectError as error:
            raise UserError("bad-symbols", f"{symbols_path}: {error}") from error
        if not any(is_code for *_, is_code in named):
            raise UserError("bad-symbols", f"{symbols_path}: it has no symbols of code; give the file before stripping")
        ids = build_id(data, program.headers, program.segments), build_id(symbols, headers, parts)
        program = _moved(program, _shift(program.sections, parts))
        if None not in ids and ids[0] != ids[1]:
            raise mismatch(symbols_path, path, "the two have different build ids")
        if None not in ids:
            program = _divided(program, headers)
    check_match(named, program.sections, symbols_path, path)
    if None in ids:
        check_starts(named, program.sections, symbols_path, path)
    return program, named


def _shift(sections: tuple[Section, ...], parts: tuple[Segment, ...]) -> int:
    """How far the sections are below their virtual addresses: 0 unless they are at physical ones of ``parts``."""
    loaded = [part for part in parts if part.type == PT_LOAD]
    shifts: set[int] = set()
    for section in sections:
        if any(0 <= section.address - part.address < part.memory_size for part in loaded):
            return 0
        shifts |= {
            part.address - part.physical for part in loaded if 0 <= section.address - part.physical < part.memory_size
        }
    return shifts.pop() if len(shifts) == 1 else 0


def _divided(program: Executable, headers: tuple[Header, ...]) -> Executable:
    """The executable with its sections divided as ``headers`` of the same build say; what they leave stays as it is."""
    allocated = sorted(
        (header for header in headers if header.flags & SHF_ALLOC and header.size), key=lambda header: header.address
    )
    if len(allocated) > MAX_SECTIONS:
        return program
    sections: list[Section] = []
    for section in program.sections:
        end = section.address + section.size
        inside = [item for item in allocated if section.address <= item.address and item.address + item.size <= end]
        if len(inside) < 2 or not section.data or _overlap(inside):
            sections.append(section)
            continue
        cursor = section.address
        for item in (*inside, None):
            following = end if item is None else item.address
            if following > cursor:
                rest = _part(section, f"{section.name}+{cursor - section.address:#x}", cursor, following)
                sections += [rest] if rest.data.strip(PADDING) else []
            if item is not None:
                cursor = item.address + item.size
                part = _part(section, item.name, item.address, cursor)
                sections.append(replace(part, executable=part.executable and bool(item.flags & SHF_EXECINSTR)))
    return replace(program, sections=tuple(sections))


def _part(section: Section, name: str, start: int, end: int) -> Section:
    data = section.data[start - section.address : end - section.address]
    return replace(section, name=name, address=start, size=end - start, data=data)


def _overlap(headers: Sequence[Header]) -> bool:
    return any(before.address + before.size > after.address for before, after in pairwise(headers))


def _moved(program: Executable, shift: int) -> Executable:
    """The executable ``shift`` bytes higher, as a whole."""
    if not shift:
        return program
    return replace(
        program,
        sections=tuple(replace(section, address=(section.address + shift) & _MASK) for section in program.sections),
        relocations=tuple(replace(item, address=(item.address + shift) & _MASK) for item in program.relocations),
    )

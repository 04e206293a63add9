# SPDX-License-Identifier: BSD-2-Clause
"""A relocatable x86-64 ELF object, laid out in one address space.

Sources: System V ABI, generic ELF (gABI 4.1), chapters 4 and 5; System V ABI,
AMD64 Architecture Processor Supplement 1.0, section 4.4.1 (relocation types).
The bytes are untrusted: see verifier.elf.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from dataclasses import replace

from verifier.elf import (
    EM_X86_64,
    ET_REL,
    SHF_ALLOC,
    SHF_COMPRESSED,
    SHF_EXECINSTR,
    SHF_WRITE,
    SHN_ABS,
    SHN_COMMON,
    SHT_REL,
    SHT_RELA,
    STT_FILE,
    STT_FUNC,
    STT_SECTION,
    STT_TLS,
    BadObjectError,
    FileHeader,
    Header,
    file_header,
    section_bytes,
    section_headers,
    symbols,
    uncompressed,
)
from verifier.lines import LineTableError, line_entries
from verifier.model import Image, LineEntry, Relocation, Section, Symbol, UserError
from verifier.records import record

SECTION_BASE = 0xFFFFFFFF81000000
"""Address of the first section: where kernel text usually is, so that 32-bit signed addresses reach it."""
EXTERNAL_BASE = 0xFFFFFFFFA0000000
EXTERNAL_STRIDE = 0x10000
"""Undefined symbol number i is at EXTERNAL_BASE + i * EXTERNAL_STRIDE, in the order of the symbol table."""
MAX_IMAGE = 256 << 20
MAX_ALIGNMENT = 2 << 20
MAX_EXTERNALS = 16384
MAX_RELOCATIONS = 1 << 18
"""Bounds: the first two in bytes, the others a count."""

_PAGE = 4096
_MASK = (1 << 64) - 1

# type: name, field size in bytes, PC-relative, least and greatest value that fits the field.
_RELOCATIONS: dict[int, tuple[str, int, bool, int, int]] = {
    1: ("R_X86_64_64", 8, False, -(1 << 64), (1 << 64) - 1),
    2: ("R_X86_64_PC32", 4, True, -(1 << 31), (1 << 31) - 1),
    4: ("R_X86_64_PLT32", 4, True, -(1 << 31), (1 << 31) - 1),
    10: ("R_X86_64_32", 4, False, 0, (1 << 32) - 1),
    11: ("R_X86_64_32S", 4, False, -(1 << 31), (1 << 31) - 1),
    12: ("R_X86_64_16", 2, False, -(1 << 15), (1 << 16) - 1),
    13: ("R_X86_64_PC16", 2, True, -(1 << 15), (1 << 15) - 1),
    14: ("R_X86_64_8", 1, False, -(1 << 7), (1 << 8) - 1),
    15: ("R_X86_64_PC8", 1, True, -(1 << 7), (1 << 7) - 1),
    24: ("R_X86_64_PC64", 8, True, -(1 << 64), (1 << 64) - 1),
}
# Types that are recognised and left alone: name and field size.
_NOT_APPLIED: dict[int, tuple[str, int]] = {
    0: ("R_X86_64_NONE", 0), 3: ("R_X86_64_GOT32", 4), 9: ("R_X86_64_GOTPCREL", 4),
    17: ("R_X86_64_DTPOFF64", 8), 18: ("R_X86_64_TPOFF64", 8), 19: ("R_X86_64_TLSGD", 4),
    20: ("R_X86_64_TLSLD", 4), 21: ("R_X86_64_DTPOFF32", 4), 22: ("R_X86_64_GOTTPOFF", 4),
    23: ("R_X86_64_TPOFF32", 4), 25: ("R_X86_64_GOTOFF64", 8), 26: ("R_X86_64_GOTPC32", 4),
    27: ("R_X86_64_GOT64", 8), 28: ("R_X86_64_GOTPCREL64", 8), 29: ("R_X86_64_GOTPC64", 8),
    32: ("R_X86_64_SIZE32", 4), 33: ("R_X86_64_SIZE64", 8), 34: ("R_X86_64_GOTPC32_TLSDESC", 4),
    41: ("R_X86_64_GOTPCRELX", 4), 42: ("R_X86_64_REX_GOTPCRELX", 4),
}  # fmt: skip


@record
class _Target:
    """What a relocation against one symbol table entry refers to.

    ``address`` is in the layout, and None where there is none (thread-local
    symbols, sections that are not allocated); ``value`` is st_value.
    """

    name: str
    address: int | None
    value: int
    external: bool
    symbol: Symbol | None = None


def load_object(data: bytes, path: str, sha256: str) -> Image:
    """The image of an ET_REL object for x86-64; ``path`` and ``sha256`` are recorded as they are.

    Allocated sections start at SECTION_BASE, in file order, each on a page of
    its own and aligned as it asks; a further section of the same name is
    called ``name[INDEX]``. Common symbols share a writable section ``COMMON``
    at the end. An undefined symbol, weak or not, gets a made-up address
    outside all sections. Symbols for sections, files, thread-local and
    absolute values are left out. Every relocation of an allocated section is
    listed; one of an unknown type, or whose value does not fit, is not applied
    and leaves its field as the assembler wrote it.

    Raises UserError ``bad-object`` (exit code 4) for anything that is not a
    well-formed relocatable object within the bounds above.
    """
    try:
        return _load(data, path, sha256)
    except BadObjectError as error:
        raise UserError("bad-object", f"{path}: {error}") from error
    except LineTableError as error:
        message = f"{path}: .debug_line: {error}; strip --strip-debug removes the line numbers"
        raise UserError("bad-object", message) from error


def _load(data: bytes, path: str, sha256: str) -> Image:
    file = file_header(data)
    if not file.wide:
        raise BadObjectError("not a 64-bit ELF object; verify-exit reads x86-64 objects only")
    if file.machine != EM_X86_64:
        raise BadObjectError(f"made for machine {file.machine}; verify-exit reads x86-64 (machine 62) objects only")
    if file.kind != ET_REL:
        raise BadObjectError(f"not a relocatable object (ELF type {file.kind}, wanted 1); give the .o file")
    if not file.section_count:
        raise BadObjectError("the section header table is malformed or truncated")
    headers = section_headers(data, file)
    relocated = [header.info for header in headers if header.type in (SHT_RELA, SHT_REL) and header.info]
    if len(relocated) != len(set(relocated)):
        # Each would copy the section: time and memory would grow with the square of the file.
        raise BadObjectError("a section has two tables of relocations")
    sections = _layout(data, headers)
    end = max((section.address + section.size for section in sections.values()), default=SECTION_BASE)
    targets, common = _symbols(data, file, headers, sections, _aligned(end, _PAGE))
    relocations: list[Relocation] = []
    for table in headers:
        if table.type not in (SHT_RELA, SHT_REL) or table.info not in sections:
            continue
        section = sections[table.info]
        contents, found = _relocated(data, table, section.data, section.address, targets)
        sections[table.info] = replace(section, data=contents)
        relocations += found
        if len(relocations) > MAX_RELOCATIONS:
            raise BadObjectError(f"more than {MAX_RELOCATIONS} relocations")
    laid_out = (*sections.values(), *common)
    listed = dict.fromkeys(target.symbol for target in targets if target.symbol is not None)
    return Image(
        path=path,
        sha256=sha256,
        sections=laid_out,
        symbols=tuple(sorted(listed, key=lambda symbol: (symbol.address, not symbol.is_global, symbol.name))),
        relocations=tuple(sorted(relocations, key=lambda item: (item.address, item.type, item.symbol))),
        lines=_lines(data, headers, targets, laid_out),
    )


def _layout(data: bytes, headers: tuple[Header, ...]) -> dict[int, Section]:
    """Section index → section, at increasing addresses."""
    sections: dict[int, Section] = {}
    names: set[str] = set()
    cursor = SECTION_BASE
    for header in headers:
        if not header.flags & SHF_ALLOC:
            continue
        alignment = max(header.alignment, 1)
        if alignment & (alignment - 1) or alignment > MAX_ALIGNMENT:
            raise BadObjectError(f"section {header.name!r} has alignment {alignment:#x}, not a power of 2 up to 2 MiB")
        if header.flags & SHF_COMPRESSED:
            raise BadObjectError(f"section {header.name!r} is both loaded and compressed")
        address = _aligned(cursor, max(alignment, _PAGE))
        # An empty section keeps a page to itself, so that its symbols are in no other section.
        cursor = address + max(header.size, 1)
        if cursor - SECTION_BASE > MAX_IMAGE:
            raise BadObjectError(f"the sections take more than {MAX_IMAGE >> 20} MiB")
        name = header.name if header.name not in names else f"{header.name}[{header.index}]"
        names.add(name)
        sections[header.index] = Section(
            name=name,
            address=address,
            size=header.size,
            data=section_bytes(data, header),
            executable=bool(header.flags & SHF_EXECINSTR),
            writable=bool(header.flags & SHF_WRITE),
        )
    return sections


def _symbols(
    data: bytes, file: FileHeader, headers: tuple[Header, ...], sections: dict[int, Section], common_base: int
) -> tuple[tuple[_Target, ...], tuple[Section, ...]]:
    """The symbol table by index, and the section of the common symbols if there are any."""
    all_names = {header.index: header.name for header in headers}
    externals: dict[str, int] = {}
    targets: list[_Target] = []
    common = common_base
    for name, kind, is_global, index, value, size in symbols(data, file, headers):
        section = sections.get(index)
        address: int | None = None
        where: str | None = None
        if section is not None:
            address, where = (section.address + value) & _MASK, section.name
        elif index == SHN_COMMON:
            if value > MAX_ALIGNMENT or value & (value - 1):
                raise BadObjectError(f"common symbol {name!r} has a bad alignment")
            address, where = _aligned(common, max(value, 1)), "COMMON"
            common = address + size
            if common - SECTION_BASE > MAX_IMAGE:
                raise BadObjectError(f"sections and common symbols take more than {MAX_IMAGE >> 20} MiB")
        elif index == SHN_ABS or (index == 0 and not name):
            address = value  # entry 0 stands for the absolute value 0
        elif index == 0 and name:
            address = externals.setdefault(name, EXTERNAL_BASE + EXTERNAL_STRIDE * len(externals))
        elif index and index not in all_names:
            raise BadObjectError(f"symbol {name!r} is in section {index}, which does not exist")
        if kind == STT_SECTION:
            name = section.name if section is not None else all_names.get(index, name)
        if kind == STT_TLS:
            address = None
        listed = address is not None and name and index != SHN_ABS and kind not in (STT_SECTION, STT_FILE)
        symbol = Symbol(name, address, size, is_global, kind == STT_FUNC, where) if listed and address else None
        targets.append(_Target(name, address, value, index == 0 and bool(name), symbol))
    if len(externals) > MAX_EXTERNALS:
        raise BadObjectError(f"more than {MAX_EXTERNALS} undefined symbols")
    area = Section("COMMON", common_base, common - common_base, b"", executable=False, writable=True)
    return tuple(targets), (area,) if common > common_base else ()


def _relocated(
    data: bytes, table: Header, contents: bytes, base: int, targets: tuple[_Target, ...], debug: bool = False
) -> tuple[bytes, list[Relocation]]:
    """A section's contents after its relocations, and the relocations themselves.

    ``base`` is the section's address. In a debug section (``debug``) a symbol
    of another debug section stands for its offset there.
    """
    if table.type == SHT_REL:
        raise BadObjectError(f"section {table.name!r} has relocations without addends; x86-64 has none")
    if table.size % 24 or table.size // 24 > MAX_RELOCATIONS:
        raise BadObjectError(f"section {table.name!r} is malformed or too large")
    result = bytearray(contents)
    found: list[Relocation] = []
    for offset, info, addend in struct.iter_unpack("<QQq", section_bytes(data, table)):
        number, index = info & 0xFFFFFFFF, info >> 32
        if index >= len(targets):
            raise BadObjectError(f"section {table.name!r} refers to symbol {index}, which does not exist")
        target = targets[index]
        address = target.value if debug and target.address is None else target.address
        name, size = _NOT_APPLIED.get(number, (f"R_X86_64_#{number}", 8))
        applied = number == 0
        if number in _RELOCATIONS:
            name, size, relative, least, greatest = _RELOCATIONS[number]
            if address is not None:
                value = (address + addend - (base + offset if relative else 0)) & _MASK
                if least < 0 and value >> 63:
                    value -= 1 << 64
                applied = least <= value <= greatest
        if offset + size > len(result):
            # An unknown type has an unknown size: list what there is of the eight bytes.
            size = len(result) - offset
            if number in _RELOCATIONS or size <= 0:
                raise BadObjectError(f"section {table.name!r} relocates beyond its section's end")
        if applied and number:
            result[offset : offset + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
        found.append(Relocation(base + offset, size, name, target.name, addend, target.external, applied))
    return bytes(result), found


def _lines(
    data: bytes, headers: tuple[Header, ...], targets: tuple[_Target, ...], sections: tuple[Section, ...]
) -> tuple[LineEntry, ...]:
    """The line table, relocated to the layout; empty without debug sections."""
    by_name = {header.name: header for header in reversed(headers)}
    table = by_name.get(".debug_line")
    if table is None:
        return ()
    contents = uncompressed(data, table)
    for relocations in headers:
        if relocations.type == SHT_RELA and relocations.info == table.index:
            contents, _ = _relocated(data, relocations, contents, 0, targets, debug=True)
    strings = [uncompressed(data, by_name.get(name)) for name in (".debug_line_str", ".debug_str")]
    starts = [section.address for section in sections]
    kept = []
    for entry in line_entries(contents, strings[0], strings[1]):
        index = bisect_right(starts, entry.address) - 1
        if index >= 0 and entry.address <= sections[index].address + sections[index].size:
            kept.append(entry)
    return tuple(kept)


def _aligned(address: int, alignment: int) -> int:
    return (address + alignment - 1) & -alignment

# SPDX-License-Identifier: BSD-2-Clause
"""Laying out relocatable objects: sections, symbols, relocations, line numbers, hostile bytes."""

from __future__ import annotations

import io
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings, strategies as st

from verifier.assemble import assemble
from verifier.image import EXTERNAL_BASE, EXTERNAL_STRIDE, SECTION_BASE, load_object
from verifier.lines import LineTableError, line_entries
from verifier.model import Image, Relocation, UserError

TWO_SECTIONS = """\
        .globl  first
        .type   first, @function
first:  call    ext
        jz      second
        mov     $local, %rdi
        mov     $local, %edi
        .size   first, . - first
        .section .far, "ax"
        .p2align 5
second: nop
        jmp     first
        .comm   shared, 16, 8
        lea     shared(%rip), %rax
        .weak   maybe
        movb    maybe(, %rax), %al
        .data
local:  .quad   first, second, local + 8
        .bss
        .skip   24
room:   .skip   8
        .set    constant, 0x1234
        .section .rodata, "a"
table:  .long   second - table
        .quad   ext - .
"""


Build = Callable[[str], bytes]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Assemble a text to an object."""
    directory = tmp_path_factory.mktemp("image")

    def run(text: str) -> bytes:
        path = directory / "a.s"
        path.write_text(text)
        return assemble(path)

    return run


@pytest.fixture(scope="module")
def two(build: Build) -> bytes:
    """The object of TWO_SECTIONS."""
    return build(TWO_SECTIONS)


def load(data: bytes) -> Image:
    """Lay out an object under a fixed name."""
    return load_object(data, "a.o", "00")


def section(image: Image, name: str) -> tuple[int, bytes]:
    """Address and contents."""
    found = next(item for item in image.sections if item.name == name)
    return found.address, found.data


def address_of(image: Image, name: str) -> int:
    """The address of a symbol that exists."""
    symbol = image.symbol(name)
    assert symbol is not None
    return symbol.address


def s32(data: bytes, offset: int) -> int:
    """The signed 32-bit field at an offset."""
    return int(struct.unpack_from("<i", data, offset)[0])


def with_addresses(data: bytes, image: Image) -> bytes:
    """The object with the laid-out addresses in its symbol table, from which pyelftools relocates."""
    changed = bytearray(data)
    with io.BytesIO(data) as file:
        elf = ELFFile(file)
        table = elf.get_section_by_name(".symtab")
        for number, entry in enumerate(table.iter_symbols()):
            index = entry["st_shndx"]
            if isinstance(index, int) and elf.get_section(index)["sh_flags"] & 2:
                base = section(image, elf.get_section(index).name)[0]
                position = table["sh_offset"] + 24 * number + 8
                struct.pack_into("<Q", changed, position, base + entry["st_value"])
    return bytes(changed)


def rejection(data: bytes) -> str:
    """The message with which an object is refused."""
    with pytest.raises(UserError) as caught:
        load(data)
    assert (caught.value.code, caught.value.exit_code) == ("bad-object", 4)
    assert "\n" not in caught.value.message
    return caught.value.message


def test_layout(two: bytes) -> None:
    """Sections have pages of their own from SECTION_BASE up, with the flags and data of the file."""
    image = load(two)
    assert image.path == "a.o"
    assert image.sections[0].address == SECTION_BASE
    for before, after in zip(image.sections, image.sections[1:], strict=False):
        assert before.address + before.size <= after.address
        assert after.address % 4096 == 0
    flags = {item.name: (item.executable, item.writable, item.size, len(item.data)) for item in image.sections}
    assert flags[".far"] == (True, False, 20, 20)
    assert flags[".bss"] == (False, True, 32, 0)
    assert flags[".rodata"] == (False, False, 12, 12)
    assert flags["COMMON"] == (False, True, 16, 0)


def test_symbols(two: bytes) -> None:
    """Defined symbols have their section's address, undefined ones one made up; constants are left out."""
    image = load(two)
    first, room = image.symbol("first"), image.symbol("room")
    assert first is not None and room is not None
    assert (first.address, first.size, first.is_global, first.is_function) == (SECTION_BASE, 23, True, True)
    assert (room.address, room.is_global, room.section) == (section(image, ".bss")[0] + 24, False, ".bss")
    undefined = [(symbol.name, symbol.address) for symbol in image.symbols if symbol.section is None]
    assert undefined == [("ext", EXTERNAL_BASE), ("maybe", EXTERNAL_BASE + EXTERNAL_STRIDE)]
    assert image.symbol("constant") is None
    assert not {"", ".text", "a.s"} & {symbol.name for symbol in image.symbols}


def test_relocated_fields(two: bytes) -> None:
    """Calls, jumps, immediates and data hold the laid-out addresses."""
    image = load(two)
    text, code = section(image, ".text")
    far, far_code = section(image, ".far")
    data_address, data = section(image, ".data")
    rodata, table = section(image, ".rodata")
    assert text + 5 + s32(code, 1) == EXTERNAL_BASE
    assert text + 11 + s32(code, 7) == address_of(image, "second") == far
    assert s32(code, 14) & 0xFFFFFFFFFFFFFFFF == data_address
    assert far + 6 + s32(far_code, 2) == address_of(image, "first")
    assert struct.unpack("<3Q", data) == (text, far, data_address + 8)
    assert rodata + s32(table, 0) == far
    assert (rodata + 4 + struct.unpack_from("<Q", table, 4)[0]) & 0xFFFFFFFFFFFFFFFF == EXTERNAL_BASE


def test_relocation_list(two: bytes) -> None:
    """Every relocation is listed; section symbols by their section's name, undefined ones as external."""
    image = load(two)
    text, data = section(image, ".text")[0], section(image, ".data")[0]
    in_text = image.relocations_in(text, 23)
    assert in_text == (
        Relocation(text + 1, 4, "R_X86_64_PLT32", "ext", -4, True, True),
        Relocation(text + 7, 4, "R_X86_64_PC32", ".far", -4, False, True),
        Relocation(text + 14, 4, "R_X86_64_32S", ".data", 0, False, True),
        # A kernel address does not fit a zero-extended 32-bit field.
        Relocation(text + 19, 4, "R_X86_64_32", ".data", 0, False, False),
    )
    assert section(image, ".text")[1][19:23] == bytes(4)
    assert Relocation(data + 16, 8, "R_X86_64_64", ".data", 8, False, True) in image.relocations
    assert {item.symbol for item in image.relocations if item.external} == {"ext", "maybe"}
    with io.BytesIO(two) as file:
        tables = [item for item in ELFFile(file).iter_sections("SHT_RELA") if ".debug" not in item.name]
        assert len(image.relocations) == sum(table.num_relocations() for table in tables)


@pytest.mark.parametrize(
    ("text", "kind", "size", "applied"),
    [
        (".byte there - .", "R_X86_64_PC8", 1, False),
        (".word there - .", "R_X86_64_PC16", 2, True),
        (".byte there", "R_X86_64_8", 1, False),
        (".word there", "R_X86_64_16", 2, False),
        ("mov there@GOTPCREL(%rip), %rax", "R_X86_64_REX_GOTPCRELX", 4, False),
        ("mov %fs:elsewhere@tpoff, %rax", "R_X86_64_TPOFF32", 4, False),
        (".reloc ., R_X86_64_NONE, there\nnop", "R_X86_64_NONE", 0, True),
    ],
)
def test_other_types(build: Build, text: str, kind: str, size: int, applied: bool) -> None:
    """Narrow fields are applied if the value fits; types that need a linker are listed, not applied."""
    image = load(build(f'{text}\n.section .x, "aw"\nthere: .byte 0\n'))
    relocation = next(item for item in image.relocations if item.type == kind)
    assert (relocation.size, relocation.applied) == (size, applied)
    offset = relocation.address - section(image, ".text")[0]
    field = section(image, ".text")[1][offset : offset + size]
    if applied and size:
        assert relocation.address + int.from_bytes(field, "little") == address_of(image, "there")
    else:
        assert field == bytes(size)


def test_unknown_type(two: bytes) -> None:
    """A relocation type without a name is listed with its number and left alone."""
    position = two.index(struct.pack("<QI", 1, 4))
    changed = two[: position + 8] + struct.pack("<I", 0x77) + two[position + 12 :]
    relocation = load(changed).relocations[0]
    assert (relocation.type, relocation.size, relocation.applied) == ("R_X86_64_#119", 8, False)
    assert section(load(changed), ".text")[1][1:5] == bytes(4)


def test_absolute_target(build: Build) -> None:
    """A call to a number is relocated against the value 0 and is not external."""
    image = load(build("call 0xffffffff81002000\n"))
    assert image.sections[0].address + 5 + s32(image.sections[0].data, 1) == 0xFFFFFFFF81002000
    assert not image.relocations[0].external


def test_section_names_are_unique(build: Build) -> None:
    """Two sections of one name stay apart, and so do their symbols."""
    image = load(build('.section .t,"ax",@progbits,unique,1\na: nop\n.section .t,"ax",@progbits,unique,2\nb: nop\n'))
    names = [item.name for item in image.sections]
    assert len(names) == len(set(names))
    assert image.symbol_before(address_of(image, "b")) == ("b", 0)


def test_lines_of_two_sections(two: bytes) -> None:
    """Each section's code has its own lines; nothing has a line beyond the end of a section's code."""
    image = load(two)
    text, far = section(image, ".text")[0], section(image, ".far")[0]
    found = {address: entry.line for address in (text, text + 5, far, far + 1) if (entry := image.line_at(address))}
    assert found == {text: 3, text + 5: 4, far: 10, far + 1: 11}
    assert image.line_at(text + 23) is None
    assert image.line_at(section(image, ".data")[0]) is None


@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_lines_agree_with_pyelftools(tmp_path: Path, version: int) -> None:
    """For compiled code in several files and sections, the table equals an independent reader's."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.h").write_text("static inline int twice(int x)\n{\n\treturn x * 2;\n}\n")
    (tmp_path / "a.c").write_text(
        '#include "sub/b.h"\nint g(int);\n'
        "int f(int x)\n{\n\tif (g(x))\n\t\treturn twice(g(x + 1));\n\treturn 1;\n}\n"
        '__attribute__((section(".other"))) int h(int x)\n{\n\treturn g(twice(x)) + 3;\n}\n'
    )
    subprocess.run(["gcc", f"-gdwarf-{version}", "-O1", "-c", "a.c"], cwd=tmp_path, check=True)
    data = (tmp_path / "a.o").read_bytes()
    image = load(data)
    expected: dict[int, int] = {}
    with io.BytesIO(with_addresses(data, image)) as file:
        dwarf = ELFFile(file).get_dwarf_info()
        for unit in dwarf.iter_CUs():
            program = dwarf.line_program_for_CU(unit)
            for entry in program.get_entries():
                if entry.state is not None:
                    expected[entry.state.address] = 0 if entry.state.end_sequence else entry.state.line
    assert len(expected) > 8
    assert {entry.address: entry.line for entry in image.lines} == expected
    assert {entry.file for entry in image.lines} == {"a.c", "sub/b.h", ""}
    first = image.line_at(address_of(image, "h"))
    assert first is not None and (first.file, first.line) == ("a.c", 10)


def test_compressed_line_table(two: bytes) -> None:
    """A zlib-compressed line table reads the same; one that claims to be huge is refused."""
    with io.BytesIO(two) as file:
        elf = ELFFile(file)
        number = elf.get_section_index(".debug_line")
        header = elf.get_section(number)
        start, size, table = header["sh_offset"], header["sh_size"], elf["e_shoff"] + 64 * number

    def compressed(claimed: int) -> bytes:
        packed = struct.pack("<IIQQ", 1, 0, claimed, 1) + zlib.compress(two[start : start + size])
        changed = bytearray(two + packed)
        struct.pack_into("<Q", changed, table + 8, 0x800)
        struct.pack_into("<QQ", changed, table + 24, len(two), len(packed))
        return bytes(changed)

    assert load(compressed(size)).lines == load(two).lines
    assert ".debug_line" in rejection(compressed(1 << 40))


def test_no_line_table(build: Build, tmp_path: Path) -> None:
    """An object without debug sections loads, without lines."""
    source = tmp_path / "a.s"
    source.write_text("nop\n")
    subprocess.run(["as", "--64", str(source), "-o", str(tmp_path / "a.o")], check=True)
    image = load((tmp_path / "a.o").read_bytes())
    assert image.lines == ()
    assert image.code_at(SECTION_BASE) == b"\x90"


def test_wrong_kinds_of_file(two: bytes) -> None:
    """Text, nothing, 32-bit, big-endian, another machine and a linked file are each named in the message."""

    def changed(offset: int, value: int) -> bytes:
        return two[:offset] + bytes([value]) + two[offset + 1 :]

    assert "not an ELF file" in rejection(b"\tnop\n")
    assert "not an ELF file" in rejection(b"")
    assert "truncated" in rejection(two[:40])
    assert "64-bit" in rejection(changed(4, 1))
    assert "64-bit" in rejection(changed(5, 2))
    assert "machine 3" in rejection(changed(18, 3))
    assert "ELF type 2" in rejection(changed(16, 2))
    assert "truncated" in rejection(two[:-1])


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (".bss\n.space 0x20000000\n", "256 MiB"),
        (".bss\n.space 0x7fffffffffff\n", "256 MiB"),
        (".comm huge, 0x7fffffffffff, 8\n", "256 MiB"),
        (".bss\n.p2align 22\n.space 1\n", "alignment"),
        (
            ".macro u n\n.quad u\\n\n.endm\n.altmacro\n.set i, 0\n.rept 16500\nu %i\n.set i, i+1\n.endr\n",
            "undefined",
        ),
    ],
)
def test_sizes_are_bounded(build: Build, text: str, word: str) -> None:
    """Sections, common symbols, alignments and undefined symbols beyond the bounds are refused."""
    assert word in rejection(build(text))


def test_endless_directory_table() -> None:
    """A line table that claims 2**60 entries of no bytes, or of any size, ends at once."""
    count = bytes([0x80] * 8 + [0x10])
    for formats in (b"\x00", b"\x01\x01\x08"):
        body = b"\x05\x00\x08\x00" + struct.pack("<I", 40) + b"\x01\x01\x01\xfb\x0e\x01" + formats + count
        with pytest.raises(LineTableError):
            line_entries(struct.pack("<I", len(body)) + body, b"", b"")


@settings(max_examples=300, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.none() | st.integers(0, 1 << 16),
    tail=st.booleans(),
)
def test_mutated_objects(two: bytes, changes: list[tuple[int, int]], cut: int | None, tail: bool) -> None:
    """Any damage to an object ends in an image or in a one-line error, never in another exception."""
    damaged = bytearray(two)
    (table,) = struct.unpack_from("<Q", two, 40)
    for position, value in changes:
        # Half of the runs damage the section headers, which steer everything else.
        start = table if tail else 0
        damaged[start + position % (len(damaged) - start)] = value
    data = bytes(damaged if cut is None else damaged[: cut % len(damaged)])
    try:
        image = load(data)
    except UserError as error:
        assert error.code == "bad-object"
        assert "\n" not in error.message
    else:
        assert sum(item.size for item in image.sections) <= 256 << 20

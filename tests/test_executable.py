# SPDX-License-Identifier: BSD-2-Clause
"""Linked files: their sections, what is not believed, the symbols they bring, and lines for some addresses."""

from __future__ import annotations

import io
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from elftools.elf.elffile import ELFFile

from verifier.executable import LOW_END, read_executable
from verifier.lines import LineTableError, line_entries
from verifier.loader import lines_for, load
from verifier.model import Image, Section, UserError

BASE = 0xFFFFFFFF81000000

PROGRAM = """\
        .globl  _start, helper
        .type   _start, @function
_start: call    helper
inner:  mov     known(%rip), %rax
        ret
        .size   _start, . - _start
        .type   helper, @function
helper: ret
        .section .rodata, "a"
known:  .quad   0x1122334455667788, _start
        .section .changed, "aw"
        .quad   1
        .section .percpu, "aw"
current: .quad  5
        .bss
room:   .skip   64
        .set    absolute, 77
"""

SCRIPT = """\
PHDRS { text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); low PT_LOAD FLAGS(6); }
SECTIONS {
  . = 0xffffffff81000000;
  .text : AT(0x1000000) { *(.text) } :text
  .rodata : { *(.rodata) } :text
  .note.gnu.build-id : { *(.note.gnu.build-id) } :text
  . = 0xffffffff81100000;
  .changed : AT(0x1100000) { *(.changed) } :data
  .percpu 0 : AT(0x1200000) { *(.percpu) } :low
  . = 0xffffffff81300000;
  .bss : AT(0x1300000) { *(.bss) } :data
}
"""

Link = Callable[..., bytes]


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Link:
    """Assemble and link a text; ``script`` is a linker script or "" for the linker's own."""
    directory = tmp_path_factory.mktemp("link")

    def run(text: str, *flags: str, script: str = SCRIPT) -> bytes:
        (directory / "a.S").write_text(text)
        (directory / "a.lds").write_text(script)
        chosen = ["-Wl,-T,a.lds"] if script else []
        command = ["gcc", "-nostdlib", "-static", "-g", "-Wl,--build-id=sha1,-z,noexecstack", *chosen]
        subprocess.run([*command, *flags, "-o", "a", "a.S"], cwd=directory, check=True)
        return (directory / "a").read_bytes()

    return run


@pytest.fixture(scope="module")
def kernel(link: Link) -> bytes:
    """PROGRAM at kernel addresses."""
    return link(PROGRAM)


def stripped(data: bytes, directory: Path) -> bytes:
    """The file without its symbols and debug sections."""
    (directory / "s").write_bytes(data)
    subprocess.run(["strip", "s"], cwd=directory, check=True)
    return (directory / "s").read_bytes()


def without_sections(data: bytes) -> bytes:
    """The file without its section header table."""
    changed = bytearray(data)
    struct.pack_into("<Q", changed, 40, 0)
    struct.pack_into("<HH", changed, 60, 0, 0)
    return bytes(changed)


def with_section(data: bytes, name: str, **fields: int) -> bytes:
    """The file with other values in a section header."""
    places = {"type": ("<I", 4), "flags": ("<Q", 8), "address": ("<Q", 16), "offset": ("<Q", 24), "size": ("<Q", 32)}
    changed = bytearray(data)
    with io.BytesIO(data) as file:
        elf = ELFFile(file)
        start = elf["e_shoff"] + 64 * elf.get_section_index(name)
    for field, value in fields.items():
        struct.pack_into(places[field][0], changed, start + places[field][1], value)
    return bytes(changed)


def with_flags(data: bytes, segment: int, flags: int) -> bytes:
    """The file with other flags in a program header."""
    changed = bytearray(data)
    struct.pack_into("<I", changed, struct.unpack_from("<Q", data, 32)[0] + 56 * segment + 4, flags)
    return bytes(changed)


def sections(data: bytes) -> dict[str, Section]:
    """The sections of an executable by name."""
    return {section.name: section for section in read_executable(data).sections}


def image_of(data: bytes, symbols: bytes | None = None) -> Image:
    """The image under fixed names."""
    return load(data, "kernel", "00", symbols, "symbols")


def rejection(data: bytes) -> str:
    """The message with which an executable is refused."""
    with pytest.raises(UserError) as caught:
        image_of(data)
    assert (caught.value.code, caught.value.exit_code) == ("bad-object", 4)
    assert "\n" not in caught.value.message
    return caught.value.message


def narrow(code: bytes, address: int) -> bytes:
    """A 32-bit container with one segment of code, as boot loaders want it, and no section headers."""
    header = b"\x7fELF\x01\x01\x01" + bytes(9)
    header += struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, address, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    return header + struct.pack("<8I", 1, 84, address, address, len(code), len(code) + 64, 7, 4) + code


def test_sections_are_those_of_the_file(kernel: bytes) -> None:
    """Addresses, flags and bytes are the file's own, and the image says that it is linked."""
    image = image_of(kernel)
    found = {section.name: section for section in image.sections}
    assert image.linked and not image.relocations and not image.lines
    assert (found[".text"].address, found[".text"].executable, found[".text"].writable) == (BASE, True, False)
    known = found[".rodata"]
    assert (known.executable, known.writable) == (False, False)
    assert known.data == struct.pack("<QQ", 0x1122334455667788, BASE)
    assert found[".changed"].writable
    assert (found[".bss"].size, found[".bss"].data) == (64, b"")
    assert [section.address for section in image.sections] == sorted(section.address for section in image.sections)
    assert image.code_at(BASE, 1) == b"\xe8"


def test_sections_agree_with_pyelftools(kernel: bytes) -> None:
    """Every allocated section above LOW_END is there with the bytes that an independent reader sees."""
    ours = sections(kernel)
    with io.BytesIO(kernel) as file:
        theirs = {
            item.name: item.data() if item["sh_type"] != "SHT_NOBITS" else b""
            for item in ELFFile(file).iter_sections()
            if item["sh_flags"] & 2 and item["sh_addr"] >= LOW_END
        }
    assert {name: section.data for name, section in ours.items()} == theirs


def test_own_symbols(kernel: bytes) -> None:
    """Functions, labels and objects have their addresses and sections; an absolute value is no symbol of the image."""
    image = image_of(kernel)
    start, inner, room = image.symbol("_start"), image.symbol("inner"), image.symbol("room")
    assert start is not None and inner is not None and room is not None
    assert (start.address, start.size, start.is_global, start.is_function) == (BASE, 13, True, True)
    assert (inner.address, inner.is_global, inner.is_function, inner.section) == (BASE + 5, False, False, ".text")
    assert room.section == ".bss"
    assert image.symbol("absolute") is None
    assert image.symbol_before(BASE + 6) == ("inner", 1)


def test_low_data_is_left_out(kernel: bytes) -> None:
    """Data at address 0 is no memory of the image, so a null pointer leads nowhere; its symbols keep their values."""
    image = image_of(kernel)
    assert image.section_at(0) is None
    current = image.symbol("current")
    assert current is not None and (current.address, current.section) == (0, ".percpu")


def test_low_code_is_not_constant(link: Link) -> None:
    """Code below LOW_END is code, but never known data."""
    found = sections(link("_start: ret\n.globl _start\n", "-Wl,-Ttext=0x1000", script=""))
    assert (found[".text"].address, found[".text"].executable, found[".text"].writable) == (0x1000, True, True)


def test_stripped(kernel: bytes, tmp_path: Path) -> None:
    """Without symbols the sections are the same."""
    bare = image_of(stripped(kernel, tmp_path))
    assert bare.sections == image_of(kernel).sections
    assert bare.symbols == ()


def test_segments_stand_for_sections(kernel: bytes) -> None:
    """Without a section header table the segments are the sections, zero-filled ends apart."""
    found = sections(without_sections(kernel))
    assert found["segment0"].address == BASE
    assert found["segment0"].executable and not found["segment0"].writable
    assert found["segment0"].data.startswith(sections(kernel)[".text"].data)
    assert not found["segment1"].executable and found["segment1"].writable
    assert found["segment1.bss"].data == b""
    assert "segment2" not in found


def test_code_in_no_section(kernel: bytes) -> None:
    """Bytes of an executable segment that no section names are a section of their own; padding is none."""
    hidden = with_section(kernel, ".rodata", flags=0)
    found = sections(hidden)
    (name,) = [name for name in found if name.startswith("segment0+")]
    assert found[name].executable and not found[name].writable
    assert struct.pack("<Q", 0x1122334455667788) in found[name].data
    assert not any(name.startswith("segment") for name in sections(kernel))


def test_both_must_say_read_only(kernel: bytes) -> None:
    """A section in a writable segment, or flagged writable itself, is not constant."""
    assert sections(with_flags(kernel, 0, 7))[".rodata"].writable
    assert sections(with_section(kernel, ".rodata", flags=3))[".rodata"].writable


def test_what_no_segment_loads_is_not_constant(kernel: bytes) -> None:
    """A section outside every segment has contents that nobody promises."""
    assert sections(with_section(kernel, ".rodata", address=BASE + 0x800000))[".rodata"].writable


def test_narrow_container() -> None:
    """A 32-bit file may carry 64-bit code: it is read at the addresses it gives."""
    image = image_of(narrow(b"\x0f\x05\xc3", 0x200000))
    assert [(section.name, section.address, section.size) for section in image.sections] == [
        ("segment0", 0x200000, 3),
        ("segment0.bss", 0x200003, 64),
    ]
    assert image.code_at(0x200000) == b"\x0f\x05\xc3"


def test_physical_addresses_are_moved(kernel: bytes) -> None:
    """With an ELF file of symbols that gives the physical addresses, the image is at the virtual ones."""
    code = sections(kernel)[".text"].data
    image = image_of(narrow(code, 0x1000000), kernel)
    assert image.sections[0].address == BASE
    assert image.symbol_before(BASE + 6) == ("inner", 1)


def test_section_of_a_loader_is_divided(kernel: bytes) -> None:
    """One writable, executable section of the same build is divided as the file of symbols says."""
    with io.BytesIO(kernel) as file:
        elf = ELFFile(file)
        segment = elf.get_segment(0)
        offset, size = segment["p_offset"], segment["p_filesz"]
        note = elf.get_section_by_name(".note.gnu.build-id")["sh_addr"] - BASE
    flat = bytearray(narrow(kernel[offset : offset + size], 0x1000000))
    notes = len(flat)
    flat += struct.pack("<8I", 4, 84 + note, 0x1000000 + note, 0x1000000 + note, 36, 36, 4, 4)
    # A second program header, a PT_NOTE, behind the first: move the table to the end of the file.
    flat += flat[52:84]
    struct.pack_into("<I", flat, 28, notes)
    struct.pack_into("<H", flat, 44, 2)
    image = image_of(bytes(flat), kernel)
    divided = {section.name: section for section in image.sections}
    assert divided[".text"].executable and not divided[".rodata"].executable
    assert divided[".rodata"].data == sections(kernel)[".rodata"].data
    assert image.symbol_before(divided[".rodata"].address) == ("known", 0)


def test_debug_only_file_is_named(kernel: bytes, tmp_path: Path) -> None:
    """A file of debug information has no code: it is refused as input, and gives its symbols to the stripped file."""
    (tmp_path / "k").write_bytes(kernel)
    subprocess.run(["objcopy", "--only-keep-debug", "k", "k.debug"], cwd=tmp_path, check=True)
    debug = (tmp_path / "k.debug").read_bytes()
    assert "no code" in rejection(debug)
    image = image_of(stripped(kernel, tmp_path), debug)
    assert image.symbols == image_of(kernel).symbols
    assert lines_for(debug, [(BASE, BASE + 14)]) == lines_for(kernel, [(BASE, BASE + 14)]) != ()


def test_emitted_relocations_are_applied_already(link: Link) -> None:
    """What ld --emit-relocs keeps is history: the bytes are final, and no relocation is open."""
    image = image_of(link(PROGRAM, "-Wl,--emit-relocs"))
    assert image.relocations == ()
    found = {section.name: section.data for section in image.sections}
    assert found[".rodata"] == struct.pack("<QQ", 0x1122334455667788, BASE)


def test_text_relocations_are_open(link: Link) -> None:
    """Code that the run-time linker changes is not known: its relocations are listed as not applied."""
    text = "_start: movabs $_start, %rax\nret\n.globl _start\n.data\n.quad _start\n"
    image = image_of(link(text, "-static-pie", "-Wl,-z,notext", script=""))
    start = image.symbol("_start")
    assert start is not None
    assert [(item.address, item.size, item.applied) for item in image.relocations] == [(start.address + 2, 8, False)]


def test_objects_still_load(tmp_path: Path) -> None:
    """A relocatable object goes to image.load_object; a file of symbols with it is refused."""
    (tmp_path / "a.s").write_text("f: ret\n")
    subprocess.run(["as", "--64", "a.s", "-o", "a.o"], cwd=tmp_path, check=True)
    data = (tmp_path / "a.o").read_bytes()
    assert not image_of(data).linked
    with pytest.raises(UserError) as caught:
        image_of(data, b"0 T f\n")
    assert (caught.value.code, caught.value.exit_code) == ("bad-symbols", 4)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"address": BASE}, "overlap"),
        ({"address": BASE + 1}, "disagree"),
        ({"offset": 0}, "disagree"),
        ({"size": 1 << 40}, "beyond the end"),
        ({"type": 8, "size": (1 << 64) - 1}, "address space"),
        ({"flags": 0x802}, "compressed"),
    ],
)
def test_contradictions_are_refused(kernel: bytes, fields: dict[str, int], word: str) -> None:
    """Sections that overlap, disagree with their segment, leave the file or leave the address space are refused."""
    if fields == {"address": BASE}:  # outside its segment's bytes, so that only the overlap is wrong
        fields = {"type": 8, "address": BASE}
    assert word in rejection(with_section(kernel, ".rodata", **fields))


def test_other_contradictions(kernel: bytes) -> None:
    """Other machines, core files, truncated tables and segments beyond the file each have their message."""

    def changed(offset: int, value: int) -> bytes:
        return kernel[:offset] + bytes([value]) + kernel[offset + 1 :]

    assert "machine 3" in rejection(changed(18, 3))
    assert "ELF type 4" in rejection(changed(16, 4))
    assert "little-endian" in rejection(changed(5, 2))
    assert "malformed" in rejection(changed(54, 57))
    assert "malformed" in rejection(changed(58, 65))
    assert "truncated" in rejection(kernel[:-1])
    assert "segment 0" in rejection(without_sections(kernel)[:0x1000])


def many_segments(count: int, size: int) -> bytes:
    """A file of ``count`` executable segments at different addresses that share ``size`` bytes."""
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0)
    start = 64 + 56 * count
    table = b"".join(
        struct.pack("<IIQQQQQQ", 1, 5, start, (index + 1) << 24, 0, size, size, 1) for index in range(count)
    )
    return header + table + b"\xc3" * size


def test_shared_bytes_are_bounded() -> None:
    """Many segments over the same bytes do not multiply the memory; a great number of them is refused."""
    assert "share bytes" in rejection(many_segments(200, 1 << 20))
    assert "segments" in rejection(many_segments(60000, 16))


@pytest.mark.parametrize("version", [4, 5])
def test_lines_agree_with_pyelftools(link: Link, tmp_path: Path, version: int) -> None:
    """Asked for everything, the table equals an independent reader's, for code in two units."""
    (tmp_path / "b.c").write_text("int twice(int x)\n{\n\treturn 2 * x;\n}\n")
    data = link(PROGRAM, f"-gdwarf-{version}", str(tmp_path / "b.c"))
    expected: dict[int, int] = {}
    with io.BytesIO(data) as file:
        dwarf = ELFFile(file).get_dwarf_info()
        for unit in dwarf.iter_CUs():
            for entry in dwarf.line_program_for_CU(unit).get_entries():
                if entry.state is not None:
                    expected[entry.state.address] = 0 if entry.state.end_sequence else entry.state.line
    found = {entry.address: entry.line for entry in lines_for(data, [(0, 1 << 64)])}
    assert found.pop(1 << 64) == 0
    assert found == expected and len(expected) > 6


def test_lines_of_a_range(link: Link, tmp_path: Path) -> None:
    """Only what covers the range is decoded, from the row at or below it; behind its end there is no line."""
    (tmp_path / "b.c").write_text("int twice(int x)\n{\n\treturn 2 * x;\n}\n")
    data = link(PROGRAM, str(tmp_path / "b.c"))
    image = image_of(data)
    twice, start = image.symbol("twice"), image.symbol("_start")
    assert twice is not None and start is not None
    lines = lines_for(data, [(start.address + 6, start.address + 13)])
    assert [(entry.address - start.address, entry.line) for entry in lines] == [(5, 4), (12, 5), (13, 0)]
    assert {entry.file for entry in lines if entry.line} == {"a.S"}
    both = lines_for(data, [(twice.address, twice.address + 1), (start.address, start.address + 1)])
    assert {entry.file.rpartition("/")[2] for entry in both if entry.line} == {"a.S", "b.c"}
    assert not any(entry.line for entry in lines_for(data, [(BASE + 0x100000, BASE + 0x100001)]))
    assert lines_for(data, []) == lines_for(b"ffffffff81000000 T f\n", [(0, 1 << 64)]) == ()


def compressed(data: bytes, method: int, claimed: int | None = None) -> bytes:
    """The file with its line table in SHF_COMPRESSED form."""
    with io.BytesIO(data) as file:
        header = ELFFile(file).get_section_by_name(".debug_line")
        contents = header.data()
    packed = zlib.compress(contents) if method == 1 else zstandard.ZstdCompressor().compress(contents)
    whole = struct.pack("<IIQQ", method, 0, len(contents) if claimed is None else claimed, 1) + packed
    return with_section(data + whole, ".debug_line", flags=0x800, offset=len(data), size=len(whole))


@pytest.mark.parametrize("method", [1, 2])
def test_compressed_lines(kernel: bytes, method: int) -> None:
    """A line table packed with zlib or Zstandard reads the same; one that claims to be huge is refused."""
    assert lines_for(compressed(kernel, method), [(BASE, BASE + 14)]) == lines_for(kernel, [(BASE, BASE + 14)])
    with pytest.raises(UserError) as caught:
        lines_for(compressed(kernel, method, 1 << 40), [(BASE, BASE + 14)], "kernel")
    assert caught.value.code == "bad-object" and ".debug_line" in caught.value.message


def unit(formats: bytes, program: bytes) -> bytes:
    """A DWARF 5 line unit with these tables of directories and files."""
    tables = b"\x01\x01\x01\xfb\x0e\x01" + formats
    body = b"\x05\x00\x08\x00" + struct.pack("<I", len(tables)) + tables + program
    return struct.pack("<I", len(body)) + body


def test_names_of_lines_are_bounded() -> None:
    """A line table whose entries all name one long string is refused before it fills the memory."""
    count = b"\x80\x80\x20" + bytes(4 << 19)  # 1 << 19 paths, each at offset 0 of .debug_line_str
    with pytest.raises(LineTableError, match="too long"):
        line_entries(unit(b"\x01\x01\x1f" + count, b""), b"d" * 4000 + b"\0", b"")


def test_rows_are_bounded() -> None:
    """A line program with more rows than any kernel has is refused; asked for a range, so much is not even read."""
    empty = b"\x00\x00\x00\x00"
    address = b"\x00\x09\x02" + struct.pack("<Q", BASE)
    with pytest.raises(LineTableError, match="rows"):
        line_entries(unit(empty, address + b"\x21" * ((1 << 20) + 1)), b"", b"")
    assert line_entries(unit(empty, address + b"\x21" * (4 << 20)), b"", b"", [(BASE, BASE + 1)]) == ()

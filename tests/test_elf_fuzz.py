# SPDX-License-Identifier: BSD-2-Clause
"""Damaged ELF files and maps: every one ends in an image or in a one-line error, with bounded work."""

from __future__ import annotations

import struct
import subprocess

import pytest
from hypothesis import given, settings, strategies as st

from verifier.elf import BadObjectError
from verifier.executable import read_executable
from verifier.loader import lines_for, load
from verifier.model import UserError
from verifier.symbolfile import from_text

BASE = 0xFFFFFFFF81000000

PROGRAM = """\
        .globl  _start
        .type   _start, @function
_start: call    helper
        mov     known(%rip), %rax
        sysretq
helper: ret
        .section .rodata, "a"
known:  .quad   _start, 2
        .data
word:   .quad   3
        .bss
        .skip   64
"""

KINDS = {
    "object": ["-c"],
    "executable": ["-nostdlib", "-static", f"-Wl,-Ttext={BASE:#x},-z,noexecstack,--build-id=sha1"],
    "stripped": ["-nostdlib", "-static", "-s", f"-Wl,-Ttext={BASE:#x},-z,noexecstack"],
    "relocatable code": ["-nostdlib", "-static-pie", "-Wl,-z,notext,-z,noexecstack"],
}

VALUES = st.sampled_from([0, 1, 2, 4, 7, 8, 0x7F, 0x80, 0xFF]) | st.integers(0, 255)
WIDE = st.sampled_from([0, 1, 8, 0xFFFF, 1 << 31, (1 << 32) - 1, 1 << 40, BASE, 1 << 63, (1 << 64) - 1, (1 << 64) - 8])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One small file of each kind."""
    directory = tmp_path_factory.mktemp("fuzz")
    (directory / "a.S").write_text(PROGRAM.replace("known(%rip)", "known@GOTPCREL(%rip)"))
    (directory / "b.S").write_text(PROGRAM.replace("mov     known(%rip)", "movabs  $known"))
    found = {}
    for kind, flags in KINDS.items():
        source = "b.S" if kind == "relocatable code" else "a.S"
        subprocess.run(["gcc", "-g", *flags, "-o", "a", source], cwd=directory, check=True)
        found[kind] = (directory / "a").read_bytes()
    found["segments"] = found["stripped"][:40] + bytes(8) + found["stripped"][48:]
    return found


def areas(data: bytes) -> list[tuple[int, int]]:
    """Where the tables are that steer everything else: file header, program headers, section headers; and the rest."""
    segments, sections = struct.unpack_from("<QQ", data, 32)
    segment_count, section_count = struct.unpack_from("<H2xH", data, 56)
    found = [(0, 64), (0, len(data))]
    found += [(segments, 56 * segment_count)] if segments and segment_count else []
    found += [(sections, 64 * section_count)] if sections and section_count else []
    return found


def damaged(data: bytes, draw: st.DataObject) -> bytes:
    """The file with some bytes or 64-bit words changed, perhaps cut."""
    changed = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 6))):
        start, size = draw.draw(st.sampled_from(areas(data)))
        if draw.draw(st.booleans()):
            changed[start + draw.draw(st.integers(0, size - 1))] = draw.draw(VALUES)
        else:
            place = start + 8 * draw.draw(st.integers(0, size // 8 - 1))
            struct.pack_into("<Q", changed, place, draw.draw(WIDE))
    return (
        bytes(changed[: draw.draw(st.integers(0, len(data)))]) if draw.draw(st.integers(0, 19)) == 0 else bytes(changed)
    )


def is_error(error: UserError, codes: set[str]) -> bool:
    """Whether an error is one that the user can read: exit code 4, one line."""
    return error.code in codes and error.exit_code == 4 and "\n" not in error.message


@pytest.mark.parametrize("kind", [*KINDS, "segments"])
@settings(max_examples=500, deadline=None)
@given(draw=st.data())
def test_damaged_files(files: dict[str, bytes], kind: str, draw: st.DataObject) -> None:
    """Whatever is changed in a file, it loads or is refused; what loads is sorted, apart and no larger than it."""
    data = damaged(files[kind], draw)
    try:
        image = load(data, "kernel", "00")
    except UserError as error:
        assert is_error(error, {"bad-object"})
        return
    for before, after in zip(image.sections, image.sections[1:], strict=False):
        assert before.address + before.size <= after.address
    assert all(len(section.data) in (0, section.size) for section in image.sections)
    assert sum(len(section.data) for section in image.sections) <= 2 * len(data)
    assert list(image.symbols) == sorted(image.symbols, key=lambda item: (item.address, not item.is_global, item.name))
    if image.linked:
        assert all(section.address + section.size <= 1 << 64 for section in image.sections)
        assert not any(section.address < 0x10000 and not section.executable for section in image.sections)


@settings(max_examples=500, deadline=None)
@given(draw=st.data())
def test_damaged_symbols(files: dict[str, bytes], draw: st.DataObject) -> None:
    """A damaged file of symbols gives symbols that fit, or an error about it."""
    try:
        image = load(files["executable"], "kernel", "00", damaged(files["executable"], draw), "symbols")
    except UserError as error:
        assert is_error(error, {"bad-symbols", "symbols-mismatch"})
    else:
        assert image.linked


@settings(max_examples=500, deadline=None)
@given(draw=st.data(), first=st.integers(0, 64))
def test_damaged_lines(files: dict[str, bytes], draw: st.DataObject, first: int) -> None:
    """A damaged line table gives lines in order or an error."""
    data = files["executable"]
    place = data.index(b"\x00\x09\x02")
    changed = bytearray(damaged(data, draw))
    for _ in range(draw.draw(st.integers(0, 4))):
        at = place + draw.draw(st.integers(-80, 40))
        if at < len(changed):
            changed[at] = draw.draw(VALUES)
    try:
        lines = lines_for(bytes(changed), [(BASE + first, BASE + 64)], "kernel")
    except UserError as error:
        assert is_error(error, {"bad-object"})
    else:
        assert [entry.address for entry in lines] == sorted({entry.address for entry in lines})


@settings(max_examples=500, deadline=None)
@given(
    words=st.lists(
        st.sampled_from(
            [b"ffffffff81000000", b"0x1", b"10", b"T", b"t", b"U", b"name", b"[mod]", b" ", b"  ", b"\t", b"\n"]
        )
        | st.binary(max_size=6),
        max_size=40,
    )
)
def test_damaged_maps(words: list[bytes]) -> None:
    """Any text is a list of symbols or a one-line error."""
    try:
        found = from_text(b"".join(words), "map")
    except UserError as error:
        assert is_error(error, {"bad-symbols"})
    else:
        assert found and all(0 <= address < 1 << 64 and name for address, _, name, *_ in found)


def test_long_lines_of_a_map_take_linear_time() -> None:
    """Blanks in every place of a line do not make the reader try all ways to divide them."""
    blanks = b" " * (1 << 20)
    for line in (
        b"1 T" + blanks + b"x" * 5000,
        b"1" + blanks + b"ff" + blanks + b"T" + blanks,
        blanks + b"T",
        b"U" + blanks,
    ):
        with pytest.raises(UserError):
            from_text(line + b"\n", "map")


def test_many_tables_over_one_section_are_refused(files: dict[str, bytes]) -> None:
    """An object may not relocate one section by many tables: each would copy it."""
    data = files["object"]
    (start,) = struct.unpack_from("<Q", data, 40)
    (count,) = struct.unpack_from("<H", data, 60)
    table = data[start : start + 64 * count]
    (rela,) = [
        table[at : at + 64] for at in range(0, len(table), 64) if struct.unpack_from("<I", table, at + 4)[0] == 4
    ][:1]
    changed = bytearray(data + table + rela * 1000)
    struct.pack_into("<Q", changed, 40, len(data))
    struct.pack_into("<H", changed, 60, count + 1000)
    with pytest.raises(UserError, match="two tables"):
        load(bytes(changed), "a.o", "00")


def test_many_sections_and_segments_are_refused() -> None:
    """The largest tables that the format allows are refused before sections are compared with segments."""
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    segments = b"".join(struct.pack("<IIQQQQQQ", 1, 5, 0, BASE + 64 * i, 0, 64, 64, 1) for i in range(65000))
    sections = struct.pack("<IIQQQQIIQQ", 0, 1, 6, BASE, 0, 64, 0, 0, 1, 0) * 65000
    names = 64 + len(segments) + len(sections)
    for count, expected in ((65000, "segments"), (200, "sections")):
        start = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 64 + len(segments), 0, 64, 56, count, 64, 65000, 0)
        data = header + start + segments + sections + bytes(64)
        assert names < len(data)
        with pytest.raises(BadObjectError, match=f"more than .* {expected}"):
            read_executable(data)

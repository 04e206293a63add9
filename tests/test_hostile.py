# SPDX-License-Identifier: BSD-2-Clause
"""Files made to exhaust whoever reads them: each ends at once in one clear line, or in an image of modest size."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from verifier import lines
from verifier.assemble import Limits, assemble
from verifier.image import SECTION_BASE
from verifier.loader import load
from verifier.model import UserError

TEXT = (b".text", 1, 6, b"\x48\x0f\x07" + bytes(13), None, 16)
ENTRY = (b"e", 0x12, 1, 0, 0)

Section = tuple[bytes, int, int, bytes, int | None, int]
Symbol = tuple[bytes, int, int, int, int]


def elf_object(sections: list[Section], symbols: list[Symbol]) -> bytes:
    """An ET_REL of sections (name, type, flags, bytes, size if another, alignment) and symbols as in Elf64_Sym."""
    names, rows, contents = b"\0", [bytes(64)], b""
    table, strings = bytearray(24), bytearray(b"\0")
    for name, info, section, value, size in symbols:
        table += struct.pack("<IBBHQQ", len(strings), info, 0, section, value, size)
        strings += name + b"\0"
    tables = ((b".symtab", 2, 0, bytes(table), None, 8), (b".strtab", 3, 0, bytes(strings), None, 1))
    every: list[Section] = [*sections, *tables]
    for name, kind, flags, content, told, alignment in every:
        link = len(sections) + 2 if kind == 2 else 0
        given = len(content) if told is None else told
        place = 64 + len(contents)
        rows.append(
            struct.pack(
                "<IIQQQQIIQQ", len(names), kind, flags, 0, place, given, link, 1 if kind == 2 else 0, alignment, 24
            )
        )
        names, contents = names + name + b"\0", contents + content
    rows.append(struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, 64 + len(contents), len(names), 0, 0, 1, 0))
    contents += names
    start = struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, 64 + len(contents), 0, 64, 0, 0, 64, len(rows), len(rows) - 1)
    return b"\x7fELF\x02\x01\x01" + bytes(9) + start + contents + b"".join(rows)


def data(name: bytes = b".data", kind: int = 1, size: int | None = None, alignment: int = 1) -> Section:
    """A writable section."""
    return name, kind, 3, b"" if kind == 8 else bytes(16), size, alignment


def line_table(rows: int) -> bytes:
    """A DWARF 4 line table with one file and so many rows of one byte."""
    header = bytes([1, 1, 1, 0xFB, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0]) + b"f.S\0\0\0\0\0"
    unit = (
        struct.pack("<HI", 4, len(header))
        + header
        + b"\x00\x09\x02"
        + struct.pack("<Q", SECTION_BASE)
        + b"\x20" * rows
        + b"\x00\x01\x01"
    )
    return struct.pack("<I", len(unit)) + unit


def compressed(size: int, said: int) -> Section:
    """A compressed .debug_line of zeroes."""
    return b".debug_line", 1, 0x800, struct.pack("<IIQQ", 1, 0, said, 1) + zlib.compress(bytes(size), 9), None, 1


@pytest.mark.parametrize(
    ("sections", "symbols"),
    [
        ([TEXT, data(alignment=1 << 40)], [ENTRY]),
        ([TEXT, data(alignment=1 << 63)], [ENTRY]),
        ([TEXT, data(alignment=3)], [ENTRY]),
        ([TEXT, data(size=1 << 60)], [ENTRY]),
        ([TEXT, data(size=(1 << 64) - 1)], [ENTRY]),
        ([TEXT, data(kind=8, size=1 << 60)], [ENTRY]),
        ([TEXT, *(data(kind=8, size=(1 << 64) - 4096) for _ in range(3))], [ENTRY]),
        ([TEXT, *(data(kind=8, size=1 << 27) for _ in range(3))], [ENTRY]),
        ([TEXT], [ENTRY, *((b"c%d" % number, 0x11, 0xFFF2, 1 << 20, 1 << 26) for number in range(100))]),
        ([TEXT], [ENTRY, (b"c", 0x11, 0xFFF2, 1 << 62, 1)]),
        ([TEXT], [ENTRY, *((b"u%d" % number, 0x12, 0, 0, 0) for number in range(20_000))]),
        ([TEXT], [ENTRY, (b"n" * 5000, 0x12, 1, 0, 0)]),
        ([TEXT, compressed(1 << 20, 1 << 40)], [ENTRY]),
        ([TEXT, compressed(1 << 26, 1 << 20)], [ENTRY]),
    ],
)
def test_objects_that_are_refused(sections: list[Section], symbols: list[Symbol]) -> None:
    """Alignments, sizes and counts beyond the bounds are refused by one line, before memory is taken for them."""
    with pytest.raises(UserError) as caught:
        load(elf_object(sections, symbols), "a.o", "00")
    assert (caught.value.code, caught.value.exit_code) == ("bad-object", 4)
    assert "\n" not in caught.value.message


def test_rows_of_a_line_table_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line table with more rows than the bound is refused."""
    content = elf_object([TEXT, (b".debug_line", 1, 0, line_table(5000), None, 1)], [ENTRY])
    assert load(content, "a.o", "00").lines
    monkeypatch.setattr(lines, "MAX_ROWS", 4000)
    with pytest.raises(UserError, match="more than 4000 rows"):
        load(content, "a.o", "00")


@pytest.mark.parametrize(
    "make",
    [
        lambda: elf_object([TEXT, *(data(b"s", alignment=1) for _ in range(3000))], [ENTRY]),
        lambda: elf_object([TEXT], [ENTRY, *((b"s", 0x12, 1, number % 16, 0) for number in range(100_000))]),
        lambda: elf_object([TEXT, data(kind=8, size=100 << 20)], [ENTRY]),
        lambda: elf_object([TEXT, data(alignment=1 << 21)], [ENTRY]),
    ],
)
def test_objects_that_are_large_but_legal(make: Callable[[], bytes]) -> None:
    """What is within the bounds is read, and zero-filled memory takes none."""
    content = make()
    image = load(content, "a.o", "00")
    assert image.symbol("e") is not None
    assert sum(len(section.data) for section in image.sections) <= len(content)


BOMBS = {
    "org.s": ".org 0x7fffffff\n",
    "align.s": ".p2align 31\nnop\n",
    "balign.s": ".balign 0x40000000\nnop\n.balign 0x40000000\n",
    "skip.s": ".skip 1 << 40\n",
    "rept.s": ".rept 100000\n.rept 100000\n.rept 100000\nnop\n.endr\n.endr\n.endr\n",
    "irp.s": ".irp a,1,2,3,4,5,6,7,8,9,0\n" * 9 + "nop\n" + ".endr\n" * 9,
    "count.s": ".macro m\n.ascii \"\\@\"\nm\nm\n.endm\nm\n",
    "print.s": ".rept 100000000\n.print \"x\"\n.endr\n",
    "warn.s": ".rept 100000000\n.warning \"x\"\n.endr\n",
    "deep.s": ".quad " + "(" * 200_000 + "1" + ")" * 200_000 + "\n",
    "loop.s": ".set a, b + 1\n.set b, a + 1\n.quad a\n",
    "laughs.S": "#define A(x) x x x x x x x x x x\n#define B(x) A(A(A(A(x))))\nB(B(nop;))\n",
    "recursion.S": '#include __FILE__\n#include "recursion.S"\n',
    "error.S": "#error x\n" * 200_000,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_for_the_tools(name: str, tmp_path: Path) -> None:
    """Repetition, recursion, alignment, floods of messages: a few printable lines say what was wrong."""
    path = tmp_path / name
    path.write_text(BOMBS[name])
    limits = Limits(cpu_seconds=1, wall_seconds=3, memory_bytes=256 << 20, output_bytes=8 << 20)
    with pytest.raises(UserError) as caught:
        assemble(path, limits=limits)
    assert caught.value.code in ("assembler-limit", "assembler-error", "preprocessor-error")
    assert caught.value.exit_code == 4
    assert len(caught.value.message) < 8192
    assert caught.value.message.replace("\n", "").isprintable()

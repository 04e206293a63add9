# SPDX-License-Identifier: BSD-2-Clause
"""Symbols of a linked file from a second file: what is read, what is refused, and whether the two belong together."""

from __future__ import annotations

import random
import struct
import subprocess
from pathlib import Path

import pytest

from verifier.loader import load
from verifier.model import Image, Section, UserError
from verifier.symbolfile import MAX_TEXT, from_text, placed

BASE = 0xFFFFFFFF81000000


def functions(seed: int, count: int) -> str:
    """A program of aligned functions of different lengths, each with labels inside."""
    chosen = random.Random(seed)  # noqa: S311
    text = [".globl _start", "_start: ret", ".data", "number: .quad 1", ".text"]
    for index in range(count):
        body = "\n".join("mov %rdi, 8(%rsi)" for _ in range(chosen.randrange(4, 40)))
        text.append(f".p2align 4, 0xcc\n.globl f{index}\n.type f{index}, @function\nf{index}:\n{body}\nret")
    return "\n".join(text) + "\n"


def linked(directory: Path, text: str, *flags: str) -> bytes:
    """The program linked at kernel addresses, without a build id unless the flags ask for one."""
    (directory / "a.s").write_text(text)
    command = ["gcc", "-nostdlib", "-static", f"-Wl,-Ttext={BASE:#x},-z,noexecstack,--build-id=none", *flags]
    subprocess.run([*command, "-o", "a", "a.s"], cwd=directory, check=True)
    return (directory / "a").read_bytes()


def tool(directory: Path, name: str, *words: str) -> bytes:
    """What a binary utility prints about the file "a"."""
    return subprocess.run([name, *words, "a"], cwd=directory, check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A program of 400 functions, and what nm says about it."""
    directory = tmp_path_factory.mktemp("one")
    return linked(directory, functions(1, 400)), tool(directory, "nm", "-n")


def image_of(data: bytes, symbols: bytes | None = None) -> Image:
    """The image with symbols from a second file."""
    return load(data, "kernel", "00", symbols, "map")


def rejection(data: bytes, symbols: bytes) -> tuple[str, str]:
    """Code and message of the error."""
    with pytest.raises(UserError) as caught:
        image_of(data, symbols)
    assert caught.value.exit_code == 4
    assert "\n" not in caught.value.message
    assert caught.value.message.startswith("map:")
    return caught.value.code, caught.value.message


def test_map_gives_the_same_symbols(one: tuple[bytes, bytes]) -> None:
    """nm's list has the addresses, names, scopes and sections of the file's own table."""
    data, listing = one
    own, mapped = image_of(data), image_of(data, listing)
    assert len(own.symbols) > 400
    assert {(item.name, item.address, item.is_global, item.section) for item in mapped.symbols} == {
        (item.name, item.address, item.is_global, item.section) for item in own.symbols
    }
    function = mapped.symbol("f7")
    assert function is not None and function.is_function and function.size == 0


def test_sizes_of_a_map(tmp_path: Path) -> None:
    """nm -S adds sizes."""
    data = linked(tmp_path, "_start: ret\n.globl _start\n.type _start, @function\n.size _start, 1\n")
    found = image_of(data, tool(tmp_path, "nm", "-S")).symbol("_start")
    assert found is not None and (found.address, found.size) == (BASE, 1)


def test_forms_of_a_line(one: tuple[bytes, bytes]) -> None:
    """0x prefixes, carriage returns, empty lines, names with "#" and local types are read as what they are."""
    text = (
        f"0x{BASE:016x} T first\r\n\n{BASE + 1:x} t file.c#second\n                 U outside\n"
        f"{BASE + 2:x} W third\n{BASE + 3:x} a absolute\n{BASE + 4:x} t module_code\t[module]\n"
    )
    assert from_text(text.encode(), "map") == [
        (BASE, False, "first", 0, True, True),
        (BASE + 1, True, "file.c#second", 0, True, True),
        (BASE + 2, False, "third", 0, False, False),
    ]


def test_names_are_kept(one: tuple[bytes, bytes]) -> None:
    """A name that is not UTF-8 keeps its bytes as escapes."""
    assert from_text(b"ffffffff81000000 T f\xff\n", "map")[0][2] == "f\\xff"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"ffffffff81000000 T f\nnonsense\n", 2),
        (b"\n\nffffffff81000000 T\n", 3),
        (b"ffffffff81000000ffffffff81000000 T f\n", 1),
        (b"ffffffff81000000 T " + b"f" * 5000 + b"\n", 1),
        (b"ffffffff81000000 T f\n\x00\x01\x02\n", 2),
    ],
)
def test_bad_lines_are_named(one: tuple[bytes, bytes], text: bytes, line: int) -> None:
    """A line that says nothing about a symbol is refused by its number."""
    code, message = rejection(one[0], text)
    assert code == "bad-symbols"
    assert message.startswith(f"map:{line}: ")


def test_a_note_in_place_of_the_map_is_quoted(one: tuple[bytes, bytes]) -> None:
    """A map that only says where the real one is cannot be used, and the error says what it says."""
    code, message = rejection(one[0], b"ffffffffffffffff B The real map is in another package\n")
    assert code == "bad-symbols"
    assert "The real map is in another package" in message
    assert "empty" in rejection(one[0], b"")[1]


def test_hidden_addresses_are_explained(one: tuple[bytes, bytes]) -> None:
    """A kernel that hides its addresses lists every symbol at 0."""
    code, message = rejection(one[0], b"0000000000000000 T f\n0000000000000000 t g\n")
    assert code == "bad-symbols" and "all addresses are 0" in message


def test_texts_are_bounded(one: tuple[bytes, bytes]) -> None:
    """Too long a text, or too many symbols, are refused."""
    assert "MiB" in rejection(one[0], b" " * (MAX_TEXT + 1))[1]
    assert "symbols" in rejection(one[0], b"1 T f\n" * ((1 << 20) + 1))[1]


def test_symbols_outside_the_code(one: tuple[bytes, bytes]) -> None:
    """Symbols of a program at other addresses do not belong to the image."""
    data, listing = one
    moved = listing.replace(b"ffffffff81", b"ffffffffc1")
    code, message = rejection(data, moved)
    assert code == "symbols-mismatch" and "does not belong to kernel" in message


def test_symbols_of_another_build(one: tuple[bytes, bytes], tmp_path: Path) -> None:
    """Symbols of a like program are inside the code too, but in the middle of its functions."""
    linked(tmp_path, functions(2, 300))
    code, message = rejection(one[0], tool(tmp_path, "nm", "-n"))
    assert code == "symbols-mismatch" and "no function begins" in message


def test_build_ids_must_agree(tmp_path: Path) -> None:
    """Two files with different build ids do not belong together, whatever their symbols say; the same file does."""
    text = "_start: ret\n.globl _start\n"
    first = linked(tmp_path, text, "-Wl,--build-id=0x1111")
    second = linked(tmp_path, text, "-Wl,--build-id=0x2222")
    assert image_of(first, first).symbols == image_of(first).symbols != ()
    code, message = rejection(first, second)
    assert code == "symbols-mismatch" and "build id" in message


def test_elf_symbols_must_be_there(one: tuple[bytes, bytes], tmp_path: Path) -> None:
    """A stripped file, an object and a damaged file give no symbols, and the error is about that file."""
    data, _ = one
    (tmp_path / "a").write_bytes(data)
    subprocess.run(["strip", "a"], cwd=tmp_path, check=True)
    assert "no symbols of code" in rejection(data, (tmp_path / "a").read_bytes())[1]
    (tmp_path / "a.s").write_text("f: ret\n")
    subprocess.run(["as", "--64", "a.s", "-o", "a.o"], cwd=tmp_path, check=True)
    assert "not a linked file" in rejection(data, (tmp_path / "a.o").read_bytes())[1]
    assert rejection(data, data[:100])[0] == "bad-symbols"


def area(name: str, address: int, size: int) -> Section:
    """A section."""
    return Section(name, address, size, b"", executable=True, writable=False)


def test_ends_belong_to_the_section_before() -> None:
    """A symbol where a section ends is that section's, unless another begins there; elsewhere it is dropped."""
    areas = (area("a", 0x1000, 0x10), area("b", 0x1010, 0x10), area("c", 0x2000, 0x10))
    named = [(address, False, f"at{address:x}", 0, False, False) for address in (0xFFF, 0x1010, 0x1020, 0x1021, 0x2010)]
    assert [(item.name, item.section) for item in placed(named, areas)] == [
        ("at1010", "b"),
        ("at1020", "b"),
        ("at2010", "c"),
    ]
    assert placed(named, ()) == ()


def test_symbols_are_sorted_and_single() -> None:
    """Global names come before local ones at one address, and a symbol that is listed twice is there once."""
    named = [
        (0x1000, True, "a", 0, True, True),
        (0x1000, False, "z", 0, True, True),
        (0x1000, True, "a", 0, True, True),
    ]
    assert [(item.name, item.is_global) for item in placed(named, (area("t", 0x1000, 16),))] == [
        ("z", True),
        ("a", False),
    ]


def test_many_names_of_one_string_are_bounded(one: tuple[bytes, bytes]) -> None:
    """A symbol table whose entries share one long name is refused before it fills the memory."""
    data, _ = one
    count = 1 << 15
    table = b"".join(struct.pack("<IBBHQQ", 0, 2, 0, 1, BASE, 0) for _ in range(count))
    names = b"n" * 4000 + b"\0"
    start = len(data)
    (headers,) = struct.unpack_from("<Q", data, 40)
    (number,) = struct.unpack_from("<H", data, 60)
    changed = bytearray(data + table + names)
    for index in range(number):
        at = headers + 64 * index
        if struct.unpack_from("<I", changed, at + 4)[0] == 2:
            struct.pack_into("<QQ", changed, at + 24, start, len(table))
            (strings,) = struct.unpack_from("<I", changed, at + 40)
            struct.pack_into("<QQ", changed, headers + 64 * strings + 24, start + len(table), len(names))
    assert "names take more" in rejection(data, bytes(changed))[1]

# SPDX-License-Identifier: BSD-2-Clause
"""verifier.replay.memory: pages of an image come when they are touched, and nobody sees that they do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import unicorn
from hypothesis import given, strategies as st

from verifier.model import GPRS, Image, Section
from verifier.replay import MemoryWord, ReplayRequest, ReplayResult, replay

PAGE = 0x1000
TEXT, DATA, BSS = 0xFFFFFFFF81000000, 0xFFFFFFFF85000000, 0xFFFFFFFF86000000
SIZE = 32 << 20
OUTSIDE = 0xFFFF888000000000

REQUEST = ReplayRequest(
    entry=0,
    stop_at=0,
    registers=(),
    rflags=2,
    gs_base=0,
    kernel_gs_base=0,
    fs_base=0,
    cr3=0,
    cr4=0,
    msrs=(),
    memory=(),
    calls=(),
    havoc_calls=frozenset(),
    flag_patches=(),
    max_instructions=64,
)


def image_of(*sections: Section) -> Image:
    return Image("image", "0" * 64, sections, (), (), ())


def text(*parts: tuple[int, str], size: int = SIZE, base: int = TEXT) -> Section:
    """Executable bytes, each part at its offset, HLT everywhere else."""
    data = bytearray(b"\xf4" * size)
    for offset, code in parts:
        encoded = bytes.fromhex(code)
        data[offset : offset + len(encoded)] = encoded
    return Section(".text", base, size, bytes(data), executable=True, writable=False)


def data(contents: bytes, address: int = DATA, writable: bool = True, size: int | None = None) -> Section:
    return Section(f".data{address:x}", address, len(contents) if size is None else size, contents, False, writable)


def run(image: Image, entry: int, stop_at: int, **changes: Any) -> ReplayResult:
    registers = tuple((name, changes.pop(name)) for name in GPRS if name in changes)
    return replay(image, replace(REQUEST, entry=entry, stop_at=stop_at, registers=registers, **changes))


def register(result: ReplayResult, name: str) -> int:
    assert (result.reached, result.reason) == (True, "")
    return dict(result.registers)[name]


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every page that any replay of the test maps."""
    pages: list[int] = []
    original = unicorn.Uc.mem_map

    def mem_map(self: Any, address: int, size: int, *rest: Any) -> Any:
        pages.extend(range(address, address + size, PAGE))
        return original(self, address, size, *rest)

    monkeypatch.setattr(unicorn.Uc, "mem_map", mem_map)
    return pages


def far_image() -> tuple[Image, int]:
    """64 MiB: a load from the data, a jump to the last page of the text, a store to the data that are zero."""
    last = SIZE - PAGE
    jump = (last - 8).to_bytes(4, "little").hex()
    section = text((0, f"488b07 e9{jump}"), (last, "488906 90"))  # mov (%rdi),%rax; jmp; mov %rax,(%rsi); nop
    return image_of(section, data(bytes(range(256)) * (SIZE // 512)), data(b"", BSS, size=SIZE // 2)), TEXT + last + 3


def test_a_big_image_costs_what_is_touched(mapped: list[int]) -> None:
    """Of 64 MiB only the pages of the instructions and of their operands are mapped, each once."""
    image, stop = far_image()
    result = run(image, TEXT, stop, rdi=DATA + 0x123450, rsi=BSS + 0x654320, read_back=((BSS + 0x654320, 8),))
    assert register(result, "rax") == int.from_bytes(bytes(range(0x50, 0x58)), "little")
    assert result.memory[0].value == register(result, "rax")
    assert result.unmapped == ()
    inside = [page for page in mapped if page >= TEXT]
    assert sorted(inside) == [TEXT, stop & -PAGE, DATA + 0x123000, BSS + 0x654000]


def test_code_runs_across_pages() -> None:
    """An instruction may lie on two pages, the next one may begin a page, and a jump may go back."""
    # movabs $0x1122334455667788,%rax on two pages; jmp 0x1ffe; there two nops, then inc %rax; jmp 0x1ffe
    jump = (0x1FFE - 0x1009).to_bytes(4, "little").hex()
    section = text((0xFFA, f"48b88877665544332211 e9{jump}"), (0x1FFE, "9090 48ffc0 ebf9"))
    image = image_of(section)
    result = run(image, TEXT + 0xFFA, TEXT + 0x2003)
    assert register(result, "rax") == 0x1122334455667789
    assert [address - TEXT for address in result.trace] == [0xFFA, 0x1004, 0x1FFE, 0x1FFF, 0x2000]
    assert register(run(image, TEXT + 0x2003, TEXT + 0x1FFE), "rax") == 0


@pytest.mark.parametrize("offset", [0, PAGE - 8, PAGE - 7, PAGE - 1, PAGE, 3 * PAGE - 4])
@pytest.mark.parametrize("writable", [False, True])
def test_a_load_sees_both_pages_of_its_operand(offset: int, writable: bool) -> None:
    """A load across two pages of a section, of which neither was touched before, has the image's bytes."""
    contents = bytes((7 * index + (index >> 8)) & 0xFF for index in range(4 * PAGE))
    image = image_of(text((0, "488b07 90"), size=PAGE), data(contents, writable=writable))  # mov (%rdi),%rax
    result = run(image, TEXT, TEXT + 3, rdi=DATA + offset)
    expected = int.from_bytes(contents[offset : offset + 8], "little")
    assert register(result, "rax") == expected
    assert result.reads == ((TEXT, MemoryWord(DATA + offset, expected, 8)),)
    assert result.unmapped == ()


def test_what_was_stored_is_not_lost_when_a_neighbour_comes() -> None:
    """A page keeps what was written to it when the page behind it is mapped later."""
    image = image_of(text((0, "488907 488b4704 90"), size=PAGE), data(bytes([0xAA]) * 2 * PAGE))
    # mov %rax,(%rdi); mov 4(%rdi),%rax, which crosses into the second page
    result = run(image, TEXT, TEXT + 7, rdi=DATA + PAGE - 8, rax=0x1122334455667788)
    assert register(result, "rax") == 0xAAAAAAAA11223344


def test_the_end_of_a_section_is_zero_and_not_counted_as_unmapped() -> None:
    """The rest of a section's last page reads as 0; the page behind it is nobody's, and is counted."""
    image = image_of(text((0, "488b07 488b9f00100000 90"), size=PAGE), data(b"\xff" * 12))
    # mov (%rdi),%rax; mov 0x1000(%rdi),%rbx
    result = run(image, TEXT, TEXT + 10, rdi=DATA + 8)
    assert (register(result, "rax"), register(result, "rbx")) == (0xFFFFFFFF, 0)
    assert result.unmapped == (DATA + PAGE,)


def test_two_sections_may_share_a_page() -> None:
    """Both are in it; reading back what nothing touched gives the image's bytes, and outside of it 0."""
    image = image_of(
        text((0, "90"), size=PAGE), data(b"\x11" * 16), data(b"\x22" * 16, DATA + 32), data(b"", DATA + 64, size=PAGE)
    )
    places = (DATA + 12, 8), (DATA + 28, 8), (DATA + PAGE, 8), (OUTSIDE, 8)
    result = run(image, TEXT, TEXT, read_back=places)
    values = [word.value for word in result.memory]
    assert values == [0x11111111, 0x2222222200000000, 0, 0]
    assert result.unmapped == ()


@pytest.mark.parametrize("target", [DATA, DATA + PAGE - 4, TEXT + PAGE])
def test_read_only_bytes_stay_so_before_and_after_they_are_mapped(target: int) -> None:
    """A store to a section that is not writable stops, whether its page was touched before or not."""
    image = image_of(text((0, "488907 90"), size=2 * PAGE), data(bytes(2 * PAGE), writable=False))  # mov %rax,(%rdi)
    for memory in ((), (MemoryWord(target, 0 if target >= DATA else 0xF4, 1),)):
        result = run(image, TEXT, TEXT + 3, rdi=target, memory=memory)
        assert f"write to the read-only {target:#x}" in result.reason
    changed = run(image, TEXT, TEXT + 3, memory=(MemoryWord(target, 1, 1),))
    assert "changes the read-only byte" in changed.reason


def test_code_that_nobody_has_is_not_fetched() -> None:
    """A page of the request, or one that a load has made, is no code; neither is one that is nowhere."""
    image = image_of(text((0, "488b07 ffe7"), size=PAGE))  # mov (%rdi),%rax; jmp *%rdi
    for memory in ((), (MemoryWord(OUTSIDE, 0x90, 1),)):
        result = run(image, TEXT, TEXT + 16, rdi=OUTSIDE, memory=memory)
        assert result.reason == f"control leaves the image at {OUTSIDE:#x}"
        assert result.trace == (TEXT, TEXT + 3)


def test_the_descriptor_table_keeps_away_from_the_image() -> None:
    """A section where the table would be keeps its bytes, although nothing has touched it when the table is placed."""
    image = image_of(data(b"\x5a" * PAGE, 0xFFFFFE0000000000), text((0, "8ed0 488b07 90"), size=PAGE))
    # mov %eax,%ss, which reads the table; mov (%rdi),%rax
    result = run(image, TEXT, TEXT + 5, rax=0x18, rdi=0xFFFFFE0000000018)
    assert register(result, "rax") == 0x5A5A5A5A5A5A5A5A


ACCESSES = (
    "488b07",
    "488907",
    "48ff07",
    "66ff07",
    "8807",
    "0fb607",
    "488b1e",
    "488916",
    "a4",
    "48a5",
    "4883c703",
    "4889c6",
)
"""Loads, stores, read-modify-writes and moves of 1, 2 and 8 bytes, and steps of the pointers."""


def whole(image: Image) -> Iterator[MemoryWord]:
    """A byte of every page of an image, as it is: a request that has everything mapped from the start."""
    for section in image.sections:
        for offset in range(0, section.size, PAGE):
            yield MemoryWord(section.address + offset, section.data[offset] if offset < len(section.data) else 0, 1)


@given(
    code=st.lists(st.sampled_from(ACCESSES), max_size=12),
    places=st.tuples(st.integers(-16, 3 * PAGE + 16), st.integers(-16, 3 * PAGE + 16)),
    value=st.integers(0, (1 << 64) - 1),
    words=st.lists(st.tuples(st.integers(-8, 3 * PAGE), st.integers(0, 255)), max_size=3),
    base=st.sampled_from([0, 0xFF0, 0xFFC]),
)
def test_nobody_sees_when_a_page_comes(
    code: list[str], places: tuple[int, int], value: int, words: list[tuple[int, int]], base: int
) -> None:
    """A replay answers the same in every field as one that has all of the image in memory from the start."""
    encoded = "".join(code)
    contents = bytes((index * 31 + (index >> 8)) & 0xFF for index in range(2 * PAGE + 100))
    image = image_of(text((base, encoded + "90"), size=2 * PAGE), data(contents, size=3 * PAGE - 5))
    asked = replace(
        REQUEST,
        entry=TEXT + base,
        stop_at=TEXT + base + len(encoded) // 2,
        registers=(
            ("rax", value),
            ("rdi", DATA + places[0]),
            ("rsi", DATA + places[1]),
            ("rdx", ~value & (1 << 64) - 1),
        ),
        memory=tuple(MemoryWord(DATA + offset, byte, 1) for offset, byte in words),
        read_back=tuple((DATA + offset, 8) for offset in (-8, 0, PAGE - 4, 2 * PAGE - 4, 3 * PAGE - 8, 3 * PAGE)),
    )
    assert replay(image, asked) == replay(image, replace(asked, memory=(*whole(image), *asked.memory)))

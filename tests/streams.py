# SPDX-License-Identifier: BSD-2-Clause
"""Streams of real instructions with known boundaries, and images made of bytes."""

from __future__ import annotations

from hypothesis import strategies as st

from verifier.model import Image, PatchSite, Section, Symbol

BASE = 0xFFFFFFFF81000000

FORMS: tuple[tuple[str, int], ...] = (
    ("90", 0), ("50", 0), ("5d", 0), ("c3", 0), ("4889e7", 0), ("31f6", 0), ("4531c0", 0), ("fa", 0), ("0f01f8", 0),
    ("6a", 1), ("eb", 1), ("75", 1), ("83e8", 1), ("488b4424", 1), ("660f1f4400", 1), ("488b5c24", 1),
    ("b8", 4), ("e8", 4), ("e9", 4), ("0f84", 4), ("488b05", 4), ("c7442408", 4), ("f7842490000000", 4), ("48c7c0", 4),
    ("48b8", 8), ("660f1f840000000000", 0), ("6566488b05", 4), ("f30f1efa", 0), ("0f30", 0), ("48cf", 0), ("cc", 0),
    ("c4e27d18c0", 0), ("d50850", 0), ("62f17c4828c1", 0), ("660fefc0", 0), ("f3480fb8c1", 0),
)  # fmt: skip
"""Opcode bytes, and how many arbitrary bytes end the instruction. Some are rare; d50850 is newer than decoders are."""


@st.composite
def instructions(draw: st.DrawFn, least: int, most: int) -> list[bytes]:
    """So many instructions; the arbitrary bytes like to look like opcodes."""
    source = draw(st.randoms(use_true_random=False))
    tempting = bytes.fromhex("0f070f3548e8e9eb90b8c3ff00000f84")
    count = source.randint(least, most)
    made: list[bytes] = []
    for _ in range(count):
        opcode, tail = source.choice(FORMS)
        bag = tempting if source.random() < 0.5 else bytes(range(256))
        made.append(bytes.fromhex(opcode) + bytes(source.choice(bag) for _ in range(tail)))
    return made


def starts(stream: list[bytes], base: int = BASE) -> list[int]:
    """The address of each instruction of a stream."""
    found = []
    for each in stream:
        found.append(base)
        base += len(each)
    return found


def image(
    *codes: bytes, symbols: tuple[Symbol, ...] = (), patches: tuple[PatchSite, ...] = (), base: int = BASE
) -> Image:
    """A linked image whose executable sections hold these bytes, 1 MiB apart."""
    sections = tuple(
        Section(f".text{index or ''}", base + (index << 20), len(code), code, True, False)
        for index, code in enumerate(codes)
    )
    return Image("made-up", "00", sections, symbols, (), (), patches, (), True)

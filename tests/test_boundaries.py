# SPDX-License-Identifier: BSD-2-Clause
"""Instruction boundaries found without decoding from the beginning."""

from __future__ import annotations

import random

from hypothesis import given, settings, strategies as st
from streams import BASE, image, instructions, starts

from verifier.boundaries import Boundaries
from verifier.lift.decode import decode
from verifier.lift.lengths import length
from verifier.model import Choice, LineEntry, PatchSite, Symbol


@settings(max_examples=40)
@given(stream=instructions(300, 400), data=st.data())
def test_an_answer_is_never_wrong(stream: list[bytes], data: st.DataObject) -> None:
    """In a stream of whole instructions, also ones that the decoder does not know, yes and no are true."""
    code = b"".join(stream)
    truth = set(starts(stream))
    boundaries = Boundaries(image(code))
    low = data.draw(st.integers(BASE + len(code) // 2, BASE + len(code) - 40))
    for address in range(low, low + 40):
        assert boundaries.at(address) in ("yes" if address in truth else "no", "open")


def test_nearly_every_question_is_decided() -> None:
    """In ordinary code the answer is there, not "open"."""
    source = random.Random(7)  # noqa: S311 - any ordinary code will do
    forms = ("4889e7", "50", "0f84%02x000000", "e8%02xffffff", "488b4424%02x", "31c0", "c3")
    code = b"".join(
        bytes.fromhex(source.choice(forms).replace("%02x", f"{source.randrange(256):02x}")) for _ in range(3000)
    )
    boundaries = Boundaries(image(code))
    answers = [boundaries.at(BASE + 2000 + offset) for offset in range(1000)]
    assert answers.count("open") <= 10


def test_bytes_that_never_fall_into_step_stay_open() -> None:
    """Two chains that never meet leave the question open, at any distance."""
    code = b"\xeb" * 3000 + b"\x0f\x07"
    boundaries = Boundaries(image(code))
    assert boundaries.at(BASE + 3000) == "open"
    assert boundaries.at(BASE + 2999) == "open"


def test_known_starts_decide() -> None:
    """A symbol, a source line, a patch site's two ends and the section's beginning settle what bytes leave open."""
    code = b"\xeb" * 3000 + b"\x0f\x07"
    site = BASE + 3000
    plain = image(code)
    near = Symbol("near", site - 4, 0, False, False, ".text")
    assert Boundaries(image(code, symbols=(near,))).at(site) == "yes"
    assert Boundaries(image(code, symbols=(near,))).at(site - 1) == "no"
    line = LineEntry(site - 5, "a.S", 3)
    with_line = type(plain)("", "", plain.sections, (), (), (line,))
    assert Boundaries(with_line).at(site) == "no"
    patch = PatchSite(site - 6, 4, (Choice("s", False, b"\x90" * 4),))
    assert Boundaries(image(code, patches=(patch,))).at(site - 4) == "yes"
    assert Boundaries(image(code, patches=(patch,))).at(site - 2) == "yes"
    assert [Boundaries(plain).at(BASE + offset) for offset in range(4)] == ["yes", "no", "yes", "no"]
    external = Symbol("external", site - 3, 0, True, False, None)
    assert Boundaries(image(code, symbols=(external,))).at(site) == "open"


def test_what_is_not_code_is_no_boundary() -> None:
    """Outside executable bytes the answer is no, and the length 0."""
    boundaries = Boundaries(image(b"\x90" * 4))
    for address in (0, BASE - 1, BASE + 4, 1 << 64):
        assert boundaries.at(address) == "no"
        assert boundaries.length(address) == 0
    assert boundaries.length(BASE) == 1


@settings(max_examples=300)
@given(st.one_of(st.binary(min_size=1, max_size=15), instructions(1, 1).map(b"".join)))
def test_length_is_the_decoder_s(code: bytes) -> None:
    """Where a length is known it is that of the decoder that the analysis uses, and it is known for all it accepts."""
    decoded = decode(code, BASE)
    assert length(code) in (0, decoded.size)
    if decoded.kind != "rejected":
        assert length(code) == decoded.size


def test_disputed_lengths_are_not_known() -> None:
    """Intel and AMD disagree about a near branch with an operand-size prefix, and about UD0."""
    for text in ("66e800000000", "66e900000000", "660f8400000000", "0fffc0"):
        assert length(bytes.fromhex(text)) == 0
    assert length(bytes.fromhex("e800000000")) == 5

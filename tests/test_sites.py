# SPDX-License-Identifier: BSD-2-Clause
"""Exit sites of images that are too large to decode from end to end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st
from streams import BASE, image, instructions, starts

import verifier.sites
from verifier.lift.decode import Decoded, decode
from verifier.model import Choice, PatchSite, Symbol, UserError
from verifier.sites import LARGE, entrances, exit_sites

FILLER = b"\x48\x89\xe7\x31\xf6" * (LARGE // 5 + 1)
EXITS = (b"\x48\x0f\x07", b"\x0f\x07", b"\x0f\x35", b"\x48\x0f\x35", b"\xf3\x48\x0f\x07", b"\x48\xf3\x0f\x07")


@settings(max_examples=30)
@given(
    stream=instructions(200, 300), places=st.lists(st.tuples(st.integers(60, 199), st.sampled_from(EXITS)), max_size=4)
)
def test_every_exit_is_found_and_nothing_else(stream: list[bytes], places: list[tuple[int, bytes]]) -> None:
    """Exits with any prefixes are found as a whole; the same bytes inside an instruction are not."""
    for index, code in places:
        stream[index] = code
    large = [FILLER, *stream]
    truth = {address: code for address, code in zip(starts(large), large, strict=True) if code in EXITS}
    found = exit_sites(image(b"".join(large)))
    sure = {site.address: site.raw for site in found.sites}
    assert sure.items() <= truth.items()
    assert truth.keys() <= sure.keys() | set(found.undecided)


def test_bytes_inside_a_displacement_are_dismissed() -> None:
    """0F 07 as part of a call's displacement or an immediate is no exit; a real one next to it is."""
    code = FILLER + bytes.fromhex("e80f0700ff b80f350f07 4889e7 480f07 cc")
    found = exit_sites(image(code))
    assert [(site.address, site.mnemonic) for site in found.sites] == [(BASE + len(code) - 4, "sysretq")]
    assert found.undecided == ()


def test_a_locked_exit_is_none() -> None:
    """LOCK SYSRET raises #UD: it is not an exit."""
    assert exit_sites(image(FILLER + b"\xf0\x0f\x07\x90")).sites == ()


def test_undecided_bytes_are_reported() -> None:
    """What may be an exit or the inside of an instruction is named, and a symbol settles it."""
    code = b"\xeb" * LARGE + b"\x0f\x07"
    found = exit_sites(image(code))
    assert (found.sites, found.undecided) == ((), (BASE + LARGE,))
    symbol = Symbol("exit", BASE + LARGE, 0, True, False, ".text")
    settled = exit_sites(image(code, symbols=(symbol,)))
    assert [site.address for site in settled.sites] == [BASE + LARGE]
    assert settled.undecided == ()


@pytest.mark.parametrize("filler", [FILLER, b"\x90" * 64], ids=["large", "small"])
def test_replacing_code_counts_where_it_is_put(filler: bytes) -> None:
    """An exit in a patch site's replacement is one of the site, not of the place where the file keeps it."""
    choice = Choice("switch", False, b"\x90\x0f\x07\x90", BASE + (1 << 20), 3)
    patches = (PatchSite(BASE + 20, 4, (choice,)),)
    made = image(filler, b"\x90\x0f\x07\xcc", patches=patches)
    found = exit_sites(made)
    assert [(site.address, site.mnemonic) for site in found.sites] == [(BASE + 21, "sysretl")]


@pytest.mark.parametrize("pattern", ["0f07", "b80f070f07"], ids=["undecided", "decided"])
def test_too_many_opcodes_are_an_error(pattern: str) -> None:
    """Bytes that are one opcode after the other end in one line, not in hours."""
    with pytest.raises(UserError) as caught:
        exit_sites(image(bytes.fromhex(pattern) * LARGE))
    assert caught.value.code == "too-many-exits"
    assert caught.value.exit_code == 4


def test_symbols_share_the_code_that_they_lead_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many symbols before one exit each instruction is decoded once, and all of them are listed."""
    decoded = 0
    real = decode

    def counting(code: bytes, address: int) -> Decoded:
        nonlocal decoded
        decoded += 1
        return real(code, address)

    made = image(b"\x90" * 500 + b"\x48\x0f\x07" + b"\xf4")
    symbols = tuple(Symbol(f"at{offset}", BASE + offset, 0, True, True, made.sections[0].name) for offset in range(501))
    behind = Symbol("behind", BASE + 503, 0, True, True, made.sections[0].name)
    made = replace(made, symbols=(*symbols, behind))
    monkeypatch.setattr(verifier.sites, "decode", counting)
    with pytest.raises(UserError) as caught:
        entrances(made, ())
    assert caught.value.code == "entry-ambiguous"
    assert "at0, " in caught.value.message
    assert "at500;" in caught.value.message
    assert "behind" not in caught.value.message
    assert decoded <= 503

# SPDX-License-Identifier: BSD-2-Clause
"""Reports as JSON and back: nothing is lost, and nothing else is taken for a report."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile_names import NAMES, renamed
from hypothesis import given, strategies as st
from report_samples import failed, inconclusive, proved, violated

from verifier.codec import Malformed, decode, encode
from verifier.options import Options
from verifier.pipeline import verify

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
EVERY = (proved(), violated(), inconclusive(), failed())


@pytest.mark.parametrize("report", EVERY, ids=lambda report: report.verdict)
def test_hand_made_reports_come_back(report: Any) -> None:
    """Encoding and decoding gives an equal report, and the same text again."""
    assert decode(encode(report)) == report
    assert encode(decode(encode(report))) == encode(report)


@pytest.mark.parametrize("name", ["linux-2015-opportunistic.S", "flow-call-twice.S", "patch-always-wrong.S"])
def test_real_reports_come_back(name: str) -> None:
    """So do those of real runs, with recordings, maps and sources."""
    report = verify(SAMPLES / name, Options(listing=True))
    assert report.maps
    assert decode(encode(report)) == report


@pytest.mark.parametrize("name", NAMES)
def test_any_name_comes_back(name: str) -> None:
    """Control characters, half characters and the rest survive, in ASCII on one line."""
    report = renamed(violated(), name)
    text = encode(report)
    assert text.isascii() and "\n" not in text
    assert decode(text) == report


def test_large_numbers_stay_exact() -> None:
    """A 64-bit value is not rounded on the way."""
    report = replace(violated(), statistics=(("x", (1 << 64) - 1),))
    assert decode(encode(report)).statistics == (("x", (1 << 64) - 1),)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(_json)
def test_other_json_is_refused(value: Any) -> None:
    """JSON that is no report is Malformed, whatever it is."""
    with pytest.raises(Malformed):
        decode(json.dumps(value))


@given(st.data())
def test_damaged_reports_are_refused_or_differ(data: st.DataObject) -> None:
    """A report of which one part was exchanged is Malformed or another report, never an exception or the same."""
    whole = json.loads(encode(violated()))
    holder, index = whole, data.draw(st.integers(0, len(whole) - 1))
    while isinstance(holder[index], list) and holder[index] and data.draw(st.booleans()):
        holder = holder[index]
        index = data.draw(st.integers(0, len(holder) - 1))
    old = holder[index]
    holder[index] = data.draw(_json.filter(lambda value: json.dumps(value) != json.dumps(old)))
    with suppress(Malformed):
        assert encode(decode(json.dumps(whole))) != encode(violated())

# SPDX-License-Identifier: BSD-2-Clause
"""A slice of the frames that are explained and run, and what the script finds where an answer is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import frames
import pytest

from verifier import framequestion
from verifier.frameanswer import Answer
from verifier.insights import Condition

SLICE = ("linux-2015-opportunistic.S", "call-after-checks.S", "form-or-accumulated.S", "flow-three-sites.S")


@pytest.mark.parametrize("name", SLICE)
def test_machines_bear_the_answers_out(name: str) -> None:
    """No machine ends elsewhere, or with another state, than the answer for its frame says."""
    tally = frames.examine(name, 4, 7)
    assert tally.wrong == []
    assert tally.counts["questions"] == 4
    assert tally.counts["machines run on the emulator"] > 0


def _broken(kind: str) -> Any:
    """The answers with one thing in them changed."""
    real = framequestion.answers

    def answers(*words: Any) -> tuple[Answer, ...]:
        found = []
        for answer in real(*words):
            ways = answer.ways
            if kind == "way":
                ways = tuple(replace(way, location=replace(way.location, address=1)) for way in ways)
            elif kind == "state":
                ways = tuple(
                    replace(
                        way,
                        fields=None
                        if way.fields is None
                        else tuple(replace(one, value=0x77, copy=False) for one in way.fields),
                    )
                    for way in ways
                )
            elif kind == "guard":
                ways = tuple(
                    way
                    if way.decided is None
                    else replace(
                        way,
                        always=True,
                        decided=replace(way.decided, demands=(Condition("bits", "frame.rip", mask=0),)),
                    )
                    for way in ways
                )
            found.append(replace(answer, ways=ways))
        return tuple(found)

    return answers


@pytest.mark.parametrize("kind", ["way", "state", "guard"])
def test_a_wrong_answer_is_found(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another way out, another state, or a guard whose demand holds: the machines show it."""
    monkeypatch.setattr(frames, "answers", _broken(kind))
    assert frames.examine("linux-2015-opportunistic.S", 8, 7).wrong

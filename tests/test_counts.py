# SPDX-License-Identifier: BSD-2-Clause
"""A guard against slowness without a clock: what a run does is counted, and may not become more.

``tests/counts.toml`` has the numbers with the reason why each sample is there. A count may grow by a tenth, or by 3.
VERIFY_EXIT_COUNTS=1 writes the file anew, also where a sample costs less than it did.
"""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path

import pytest

from verifier.lift.vex import _lift as lift
from verifier.options import Options
from verifier.pipeline import verify

ROOT = Path(__file__).resolve().parent.parent
COUNTS = Path(__file__).with_name("counts.toml")
WRITE = "VERIFY_EXIT_COUNTS"

GROWTH = 10
"""Percent by which a count may grow: another version of the solver may find its models in another order."""
SLACK = 3
"""So much more is no sign of anything in a small count."""

MEASURES = ("distinct instructions", "instructions", "joins", "forks", "leaves", "solver queries", "lifted")
SOURCE = ROOT / "samples" / "linux-2015-opportunistic.S"
ENTRY = "\nreturn_to_user:\n"


def counted(path: Path) -> dict[str, int]:
    """What the run of one source does; instructions count as lifted each time that the lifter itself is called."""
    lift.cache_clear()
    report = verify(path, Options())
    return {**dict(report.statistics), "lifted": lift.cache_info().misses}


@cache
def pinned() -> dict[str, dict[str, int | str]]:
    """The file of counts; written anew first if that was asked for."""
    text = COUNTS.read_text(encoding="utf-8")
    if os.environ.get(WRITE) == "1":
        text = text.partition("\n\n")[0] + "\n"
        for name, row in tomllib.loads(COUNTS.read_text(encoding="utf-8")).items():
            found = counted(ROOT / "samples" / name)
            numbers = "".join(f'"{measure}" = {found[measure]}\n' for measure in MEASURES)
            text += f'\n["{name}"]\nwhy = "{row["why"]}"\n{numbers}'
        COUNTS.write_text(text, encoding="utf-8")
    return tomllib.loads(text)


def most(count: int) -> int:
    """The largest number that still counts as no more than ``count``."""
    return max(count + SLACK, count * (100 + GROWTH) // 100)


@pytest.mark.parametrize("name", sorted(tomllib.loads(COUNTS.read_text(encoding="utf-8"))))
def test_a_sample_costs_no_more_than_it_did(name: str) -> None:
    """A change that makes more queries, lifts or executes more, or joins less shows here before a clock tells."""
    row, found = pinned()[name], counted(ROOT / "samples" / name)
    assert row["why"]
    more = {measure: (found[measure], row[measure]) for measure in MEASURES if found[measure] > most(int(row[measure]))}
    assert not more, f"{name} (now, pinned): {more}; if that is meant, run with {WRITE}=1 and say why in the file"


def with_tests(count: int, directory: Path) -> Path:
    """The sample of 2015 with so many independent tests of a bit in front of its first check."""
    head, entry, tail = SOURCE.read_text(encoding="utf-8").partition(ENTRY)
    assert entry
    branches = "".join(f"\tbtq\t${bit}, %r12\n\tjnc\t{100 + bit}f\n\tnop\n{100 + bit}:\n" for bit in range(count))
    path = directory / f"tests{count}.S"
    path.write_text(head + entry + branches + tail, encoding="utf-8")
    return path


def test_independent_tests_cost_the_same_each(tmp_path: Path) -> None:
    """The work grows by the same amount with each test of a flag: it never doubles."""
    none, some, many = (counted(with_tests(count, tmp_path)) for count in (0, 16, 64))
    for measure in MEASURES:
        first, rest = some[measure] - none[measure], many[measure] - some[measure]
        assert rest <= 3 * first + max(SLACK, 3 * first * GROWTH // 100), measure
    assert many["joins"] - none["joins"] == 64
    assert many["leaves"] == none["leaves"]
    assert many["solver queries"] - none["solver queries"] <= 3 * 64


def test_the_guard_can_fail() -> None:
    """A tenth more passes, and anything beyond does not; small counts have a little room."""
    assert most(100) == 110
    assert most(10) == 13
    assert most(0) == SLACK

# SPDX-License-Identifier: BSD-2-Clause
"""A slice of the fuzzing that ``fuzz.py`` does by the hundred thousand, and whether it would notice."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import fuzz
from fuzz_mutate import areas, damaged, damaged_text
from fuzz_targets import Target

from verifier.model import UserError


@pytest.fixture(scope="module")
def names() -> list[str]:
    """The targets that read files."""
    return [name for name, first, _ in fuzz.chunks(1, 0, None) if first == 0]


def test_every_reader_withstands_a_slice(names: list[str]) -> None:
    """A few hundred damaged files for each reader: no crash, no traceback, no long wait."""
    assert len(names) >= 8
    for name in names:
        outcome = fuzz.fuzz(name, 2, 0, 500 if name == "ELF files" else 120)
        assert outcome.failures == []
        # If all were refused, or none, the mutations would reach no code behind the first check.
        assert outcome.read and outcome.codes


def test_whole_runs_withstand_a_slice() -> None:
    """Damaged objects, from the file to the rendered reports."""
    outcome = fuzz.fuzz("whole runs", 2, 0, 4)
    assert (outcome.failures, outcome.files) == ([], 4)


def _crash(_data: bytes, _seed: bytes) -> None:
    raise IndexError("a crash")


def _wait(_data: bytes, _seed: bytes) -> None:
    while True:
        pass


def _hoard(_data: bytes, _seed: bytes) -> None:
    bytes(fuzz.MEMORY * 2)


def _verdict(_data: bytes, _seed: bytes) -> None:
    raise UserError("bad-object", "a gate would take this for a verdict", 1)


def _page(_data: bytes, _seed: bytes) -> None:
    raise UserError("bad-object", "one\ntwo")


@pytest.mark.parametrize("run", [_crash, _wait, _hoard, _verdict, _page])
def test_failures_are_noticed(run: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A crash, an endless loop, much memory, an exit status of a verdict and a message of two lines are failures."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    target = Target("t", run, {"a": b"abc"}, False, 1, 0.05)  # type: ignore[arg-type]
    monkeypatch.setattr(fuzz, "_target", lambda _name: target)
    outcome = fuzz.fuzz("t", 1, 7, 1)
    assert len(outcome.failures) == 1
    assert "--only 't' --seed 1 --index 7" in outcome.failures[0]
    assert len(list(tmp_path.iterdir())) == 1


def test_mutations_repeat_and_differ() -> None:
    """A seed gives the same file again, another seed another one, and tables of an ELF file are found."""
    data = bytes(range(256)) * 8

    def files(seed: int) -> list[bytes]:
        random = Random(seed)  # noqa: S311 - reproducible, not secret
        return [damaged(data, areas(data), [data], random) for _ in range(25)] + [
            damaged_text(data, [data], random) for _ in range(25)
        ]

    assert files(1) == files(1)
    assert len({*files(1), *files(2)}) > 80

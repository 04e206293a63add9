# SPDX-License-Identifier: BSD-2-Clause
"""A slice of the certificates: proved samples have one for every obligation, which is accepted from its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from certificates import examine, table
from crosscheck import obligations_of

from verifier.certificate.files import certify, check_directory, write

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["bit-string-modulo", "linux-full-exit", "flow-jump-table-bounded"])
def test_proved_sample_is_certified(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No obligation of a proved sample is without a certificate."""
    monkeypatch.chdir(ROOT)
    share = examine(f"samples/{name}.S")
    assert share.verdict == "proved"
    assert share.missing == ()
    assert sum(count for _, count in share.counts) > 20
    assert "| clause |" in table([share])


def test_violated_clause_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A violated clause called proved gets no certificate: there is no refutation of what can hold."""
    monkeypatch.chdir(ROOT)
    _, made = obligations_of("samples/linux-2015-opportunistic.S")
    lies = [replace(one, expected="unsat") for one in made if one.expected == "sat"]
    assert lies
    assert all(one.note.startswith("no refutation was found") for one in certify(lies))


def test_files_of_a_sample(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is written for a sample is accepted when it is checked from the files alone."""
    monkeypatch.chdir(ROOT)
    _, made = obligations_of("samples/auto-proved.S")
    names = write(certify(made), str(tmp_path / "out"))
    assert [one.file for one in check_directory(str(tmp_path / "out")) if one.accepted] == list(names)

# SPDX-License-Identifier: BSD-2-Clause
"""A slice of the cross-check: cvc5 and bitwuzla say what z3 said, and a z3 that lies is caught."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crosscheck import examine, main, obligations_of, sample_names

from verifier import judge, prove
from verifier.crosscheck import SOLVERS, check
from verifier.options import Options
from verifier.pipeline import verify
from verifier.solver import Answer, Model, Solver
from verifier.terms import Truth

ROOT = Path(__file__).resolve().parents[2]

SLICE = (
    "samples/auto-proved.S",
    "samples/canonical-sign-extend-57.S",
    "samples/clause-gs-one-arm.S",
    "samples/compat-sysretl.S",
    "samples/cve-2012-0217-fixed.S",
    "samples/elsewhere-store-read-back.S",
    "samples/flow-jump-table.S",
    "samples/linux-2015-opportunistic.S",
    "samples/patch-canonical-swapped.S",
)


@pytest.mark.parametrize("name", SLICE)
def test_solvers_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every obligation of a sample has the expected answer from both solvers, and none is left out."""
    monkeypatch.chdir(ROOT)
    outcome = examine(name)
    assert outcome.wrong == ()
    asked = {solver: sum(n for (s, _, _), n in outcome.counts if s == solver) for solver in SOLVERS}
    assert asked["cvc5"] == asked["bitwuzla"] > 0


def test_every_judged_clause_has_its_obligation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each clause that the report calls proved or violated has an obligation with the answer that it rests on."""
    monkeypatch.chdir(ROOT)
    report = verify(ROOT / "samples/linux-2015-opportunistic.S", Options())
    _, made = obligations_of("samples/linux-2015-opportunistic.S")
    found = {(one.subject, config): one.expected for one in made for config in one.configs}
    for clause in report.sites[0].clauses:
        for config in clause.configs:
            if clause.status in ("proved", "violated"):
                assert found[clause.id, config] == ("unsat" if clause.status == "proved" else "sat")
    assert {one.subject for one in made} >= {"cover", "reached"}
    assert len({one.id for one in made}) == len(made)


class Liar(Solver):
    """A z3 that calls everything impossible."""

    def _ask(self, truths: tuple[Truth, ...], wanted: bool = False) -> tuple[Answer, Model | None]:
        return "unsat", None


def test_lying_solver_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where z3 wrongly says unsat, both other solvers say so: about the exits, the cover and the exploration."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(judge, "Solver", Liar)
    _, made = obligations_of("samples/linux-2015-opportunistic.S")
    for solver in SOLVERS:
        assert any(one.disagrees for one in check(made, [solver]))


def test_lying_proof_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where z3 lies only about the clauses, exactly the violated ones are found out."""
    monkeypatch.chdir(ROOT)
    proper = prove.prove_site

    def lie(*arguments: Any) -> prove.SiteAnswers:
        return _all_proved(proper(*arguments))

    monkeypatch.setattr(judge, "prove_site", lie)
    _, made = obligations_of("samples/linux-2015-opportunistic.S")
    for solver in SOLVERS:
        assert {one.obligation.subject for one in check(made, [solver]) if one.disagrees} == {"tf"}


def _all_proved(answers: prove.SiteAnswers) -> prove.SiteAnswers:
    changed = tuple(
        replace(answer, status="proved") if answer.status == "violated" else answer for answer in answers.answers
    )
    return replace(answers, answers=changed)


def test_text_is_stable() -> None:
    """Two runs give the same bytes, whatever the order in which Python hashes strings."""
    script = (
        "import sys; sys.path.insert(0, 'tests/evidence')\n"
        "from crosscheck import obligations_of\n"
        "_, made = obligations_of('samples/linux-2015-opportunistic.S')\n"
        "sys.stdout.write(''.join(one.text() for one in made))\n"
    )
    texts = [
        subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert texts[0] == texts[1]
    assert b"check-sat" in texts[0]


def test_script_reports_and_counts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The script prints the figures, and every sample is among what it would examine."""
    monkeypatch.chdir(ROOT)
    assert main(["samples/auto-proved.S", "--jobs", "1", "--solvers", "bitwuzla"]) == 0
    assert "0 disagreements" in capsys.readouterr().out
    assert len(sample_names()) > 500

# SPDX-License-Identifier: BSD-2-Clause
"""A promise that a contract does not make is asked for, one by one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from test_samples import SAMPLES

from verifier import opening, pipeline
from verifier.clauses import CLAUSES
from verifier.contract import Contract, load_contract
from verifier.options import Options

PROMISED = tuple(clause.id for clause in CLAUSES if clause.promise)


@pytest.mark.parametrize("identifier", PROMISED)
def test_promise_that_is_missing_proves_nothing(identifier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the clause is unknown, no other is, and the verdict is inconclusive for that reason alone."""

    def without(name: str, beside: Path | None) -> Contract:
        contract = load_contract(name, beside)
        assert identifier in dict(contract.promises)
        return replace(contract, promises=tuple(pair for pair in contract.promises if pair[0] != identifier))

    monkeypatch.setattr(opening, "load_contract", without)
    report = pipeline.verify(SAMPLES / "canonical-sign-extend.S", Options())
    assert report.verdict == "inconclusive"
    assert {reason.code for reason in report.reasons} == {"promise-missing"}
    assert {clause.id for site in report.sites for clause in site.clauses if clause.status != "proved"} == {identifier}


def test_what_is_promised_is_the_known_list() -> None:
    """Five clauses are answered by the contract; each of them says so."""
    assert set(PROMISED) == {"entry-mode", "nmi", "serialize", "ssp", "xstate"}

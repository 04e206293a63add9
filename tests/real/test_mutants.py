# SPDX-License-Identifier: BSD-2-Clause
"""Real exits with one thing broken: each mutant violates exactly what it breaks, executed again on its bytes.

A verifier that says "proved" too easily passes every other test of this directory; it fails here.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache

import pytest
from images import images
from mutants import Mutant, apply, exit_of
from rules import all_mutants

from verifier.contract import Contract, load_contract
from verifier.inputs import Input, Loaded, prepare, read
from verifier.model import ALL_CONFIGS, Config, FileReport
from verifier.options import DEFAULT_CONTRACT, Options
from verifier.pipeline import examine

CONFIGS: tuple[Config, ...] = (("intel", "la48"), ("amd", "la57"))
"""Both vendors and both widths. That all four hold for the image as it is, is for test_real to say."""

CHOSEN = {
    "linux-6.1": "",
    # There the checks are a function in C. The steps behind them are those of 6.1, and a few of these will do.
    "linux-6.12": "no check|is not tested|selector|answer:|canonical,|XENPV|inc %rcx|swapgs|PCID has",
}
"""Which mutants of an image are tested: all, or those with one of these parts in their names."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An image that is ready to be broken."""

    given: Input
    loaded: Loaded
    contract: Contract

    def examine(self, mutant: Mutant | None, options: Options) -> FileReport:
        """What the verifier says of the image, or of one mutant."""
        loaded = self.loaded
        if mutant is not None:
            loaded = replace(loaded, image=apply(loaded.image, mutant.edits))
        return examine(self.given, loaded, options, options, self.contract)


@cache
def subject(name: str) -> Subject:
    """The image as it is prepared for a proof."""
    contract = load_contract(DEFAULT_CONTRACT)
    given = read(images()[name].path)
    return Subject(given, prepare(given, Options(), contract), contract)


@cache
def mutants(name: str) -> tuple[str, tuple[Mutant, ...]]:
    """The entry of the image's SYSRETQ that was found, and the chosen mutants of the code that its proof covers.

    A mutant is judged from that entry: what is broken may change which one is found.
    """
    here = subject(name)
    report = here.examine(None, Options(entries=("auto",), profile="seed", configs=ALL_CONFIGS[:1]))
    site = next(site for site in report.sites if site.kind == "sysretq")
    assert site.verdict == "proved", "what is to be broken is right before"
    parts = CHOSEN[name].split("|")
    found = all_mutants(exit_of(here.loaded.image, site))
    return site.entry, tuple(each for each in found if any(part in each.name for part in parts))


def judged(name: str, entry: str, mutant: Mutant) -> FileReport:
    """What the verifier says of one mutant; runs in a worker."""
    return subject(name).examine(mutant, Options(entries=(entry,), profile="equivalence", configs=CONFIGS))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each mutant. The images are proved here, because that shows where they can be broken."""
    if "mutant" in metafunc.fixturenames:
        pairs = [(name, mutant) for name in CHOSEN for mutant in mutants(name)[1]]
        ids = [f"{name} {mutant.name}" for name, mutant in pairs]
        metafunc.parametrize(("name", "mutant"), pairs, ids=ids)


@pytest.fixture(scope="session")
def reports() -> Iterator[dict[tuple[str, str], Future[FileReport]]]:
    """What the verifier says of each mutant, as two workers find out."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as workers:
        yield {
            (name, mutant.name): workers.submit(judged, name, mutants(name)[0], mutant)
            for name in CHOSEN
            for mutant in mutants(name)[1]
        }


def test_mutant(reports: dict[tuple[str, str], Future[FileReport]], name: str, mutant: Mutant) -> None:
    """A broken exit violates what the change breaks and nothing else; a harmless change leaves it proved."""
    (site,) = reports[name, mutant.name].result().sites
    found = {
        status: {clause.id for clause in site.clauses if clause.status == status} for status in ("violated", "unknown")
    }
    assert found["violated"] == mutant.clauses, mutant.harmless
    assert found["unknown"] <= mutant.undecided, mutant.note
    verdict = "violated" if mutant.clauses else "inconclusive" if found["unknown"] else "proved"
    assert site.verdict == verdict
    for clause in site.clauses:
        if clause.status == "violated":
            assert clause.counterexample is not None and clause.counterexample.replayed, clause.id


@pytest.mark.parametrize("name", sorted(CHOSEN))
def test_enough_is_broken(name: str) -> None:
    """The rules find their places in the image: what matters is broken, and each harmless change has its reason."""
    _, found = mutants(name)
    broken = frozenset[str]().union(*(mutant.clauses for mutant in found))
    assert {"rip", "canonical", "cs", "ss", "rflags", "tf", "rf", "gs", "cr3"} <= broken
    assert len(found) >= (80 if name == "linux-6.1" else 20)
    assert all(mutant.harmless for mutant in found if not mutant.clauses)

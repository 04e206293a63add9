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
import rules
import xen_rules
from images import images
from mutants import Mutant, apply, arm_of, exit_of, spots

from verifier.contract import Contract, load_contract
from verifier.inputs import Input, Loaded, prepare, read
from verifier.model import ALL_CONFIGS, Config, FileReport
from verifier.options import Options
from verifier.pipeline import examine

CONFIGS: tuple[Config, ...] = (("intel", "la48"), ("amd", "la57"))
"""Both vendors and both widths. That all four hold for the image as it is, is for test_real to say."""


@dataclass(frozen=True, slots=True)
class Breaking:
    """How an image is verified, and which mutants are tested: all, or those with one of ``parts`` in their names."""

    contract: str
    profile: str
    parts: tuple[str, ...] = ("",)
    least: int = 0


FEW = ("no check", "is not tested", "selector", "answer:", "canonical,", "XENPV", "inc %rcx", "swapgs", "PCID has")

IMAGES = {
    "linux-6.1": Breaking("linux", "equivalence", least=80),
    # There the checks are a function in C. The steps behind them are those of 6.1, and a few of these will do.
    "linux-6.12": Breaking("linux", "equivalence", FEW, least=20),
    "xen-4.17": Breaking("xen", "safety", least=12),
}


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
    contract = load_contract(IMAGES[name].contract)
    given = read(images()[name].path)
    return Subject(given, prepare(given, Options(), contract), contract)


@cache
def mutants(name: str) -> tuple[str, tuple[Mutant, ...]]:
    """The entry of the image's SYSRETQ that was found, and the chosen mutants of the code that its proof covers.

    A mutant is judged from that entry: what is broken may change which one is found.
    """
    here = subject(name)
    profile = "safety" if IMAGES[name].profile == "safety" else "seed"
    report = here.examine(None, Options(profile=profile, configs=ALL_CONFIGS[:1]))
    site = next(site for site in report.sites if site.kind == "sysretq")
    assert site.verdict == "proved", "what is to be broken is right before"
    if IMAGES[name].contract == "xen":
        found = xen_rules.all_mutants(arm_of(spots(here.loaded.image, site), site))
    else:
        found = rules.all_mutants(exit_of(here.loaded.image, site))
    return site.entry, tuple(each for each in found if any(part in each.name for part in IMAGES[name].parts))


def judged(name: str, entry: str, mutant: Mutant) -> FileReport:
    """What the verifier says of one mutant; runs in a worker."""
    return subject(name).examine(mutant, Options(entries=(entry,), profile=IMAGES[name].profile, configs=CONFIGS))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each mutant. The images are proved here, because that shows where they can be broken."""
    if "mutant" in metafunc.fixturenames:
        pairs = [(name, mutant) for name in IMAGES for mutant in mutants(name)[1]]
        ids = [f"{name} {mutant.name}" for name, mutant in pairs]
        metafunc.parametrize(("name", "mutant"), pairs, ids=ids)


@pytest.fixture(scope="session")
def reports() -> Iterator[dict[tuple[str, str], Future[FileReport]]]:
    """What the verifier says of each mutant, as two workers find out."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as workers:
        yield {
            (name, mutant.name): workers.submit(judged, name, mutants(name)[0], mutant)
            for name in IMAGES
            for mutant in mutants(name)[1]
        }


def test_mutant(reports: dict[tuple[str, str], Future[FileReport]], name: str, mutant: Mutant) -> None:
    """A broken exit violates what the change breaks and nothing else; a harmless change leaves it proved."""
    (site,) = (site for site in reports[name, mutant.name].result().sites if site.kind == "sysretq")
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


@pytest.mark.parametrize("name", sorted(IMAGES))
def test_enough_is_broken(name: str) -> None:
    """The rules find their places in the image: what matters is broken, and each harmless change has its reason."""
    _, found = mutants(name)
    broken = frozenset[str]().union(*(mutant.clauses for mutant in found))
    assert {"canonical", "gs", "cr3"} <= broken
    assert IMAGES[name].profile == "safety" or {"rip", "cs", "ss", "rflags", "tf", "rf"} <= broken
    assert len(found) >= IMAGES[name].least
    assert all(mutant.harmless for mutant in found if not mutant.clauses)

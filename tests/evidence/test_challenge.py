# SPDX-License-Identifier: BSD-2-Clause
"""A slice of the nightly challenge: proofs stand, wrong ones fall, and the search finds what it should."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from challenge import attempt, summary
from challenge_cases import SAMPLES, Case, cases, names

from verifier.challenge import Result, challenge
from verifier.isa import sysret
from verifier.model import ALL_CONFIGS
from verifier.replay import replay

PROVED = (
    "auto-proved.S", "call-before-checks.S", "compat-sysexit.S", "compat-sysretl.S", "data-read-only.S",
    "flow-jump-table-bounded.S", "form-diamonds.S", "iret-checked.S", "linux-full-exit.S", "linux-trampoline.S",
    "memory-pop-then-push.S", "patch-canonical.S", "shadow-stack-switch.S", "sti-shadow.S", "stub.S",
    "trap-warning-checked.S", "xen-return-to-guest.S", "openbsd-isolation.S",
)  # fmt: skip
VIOLATED = (
    ("clause-canonical-dropped.S", "canonical"),
    ("linux-2015-opportunistic.S", "tf"),
    ("clause-gs-twice.S", "gs"),
    ("clause-cr3-forgotten.S", "cr3"),
    ("clause-irq-sti-late.S", "irq"),
    ("auto-tf-dropped.S", "tf"),
    ("call-clobbers-rdi.S", "gpr.rdi"),
    ("hazard-undefined-af.S", "canonical"),
    ("hazard-user-rsp-per-cpu.S", "stack"),
)
FRAMES = 250


@cache
def first(name: str) -> Case:
    """The first exit of a sample."""
    return cases(SAMPLES / name)[0]


@pytest.mark.parametrize("name", PROVED)
def test_proofs_stand(name: str) -> None:
    """No machine of the slice contradicts a proof, and machines do come to the exit and are judged."""
    for case in cases(SAMPLES / name):
        result = case.run(case.proved, FRAMES, 1)
        assert result.divergences == ()
        assert result.frames == FRAMES and result.seeds and result.compared >= 20
        assert sum(count for _, count in result.ends) == FRAMES


@pytest.mark.parametrize(("name", "clause"), VIOLATED)
def test_wrong_verdict_is_found(name: str, clause: str) -> None:
    """If the verifier called it proved, the search would say so, with a machine that the slow replay confirms."""
    case = first(name)
    claims = {config: frozenset({clause}) for config in case.violated}
    result = case.run(claims, 2000, 1)
    assert {found.clause for found in result.divergences} == {clause}
    for found in result.divergences:
        assert found.replayed, found.note
        again = replay(found.image, found.request)
        assert again.reached and again.stopped_at == case.address
        assert len(found.inputs) <= 6


def test_same_arguments_same_result() -> None:
    """A search can be repeated: the result depends on its arguments and on nothing else."""

    def told(result: Result) -> object:
        return result.ends, result.compared, result.paths, [(one.clause, one.inputs) for one in result.divergences]

    case = first("clause-canonical-dropped.S")
    runs = [case.run(case.violated, 400, seed) for seed in (1, 1, 2)]
    assert told(runs[0]) == told(runs[1]) != told(runs[2])


def test_without_seeds_nothing_is_run() -> None:
    """No seed, or no claim, is no search; the result says so."""
    case = first("clause-canonical-dropped.S")
    for seeds, claims in (((), case.proved), (case.seeds, {})):
        result = challenge(case.contract, case.kind, case.address, seeds, claims, 100, 1)
        assert (result.frames, result.judged, result.divergences) == (0, (), ())


def test_deadline_ends_it() -> None:
    """A search whose time is up runs nothing more and says how many machines it ran."""
    case = first("clause-canonical-dropped.S")
    result = challenge(case.contract, case.kind, case.address, case.seeds, case.proved, 10**9, 1, deadline=0.0)
    assert result.frames == 0 and result.divergences == ()


def test_wrong_exit_semantics_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search judges by the outcome of the exit: a verifier that forgot a fact about it would be contradicted."""
    case = first("linux-full-exit.S")
    right = sysret.sysretq
    assert case.run({ALL_CONFIGS[0]: frozenset({"rip"})}, 100, 1).divergences == ()

    def other(gprs: dict[str, int], *rest: object) -> object:
        return right({**gprs, "rcx": gprs["rdx"]}, *rest)

    monkeypatch.setattr("verifier.challenge.oracle.sysretq", other)
    assert case.run({ALL_CONFIGS[0]: frozenset({"rip"})}, 200, 1).divergences


def test_summary_counts_what_was_found() -> None:
    """The nightly job's figures are those of its samples, and a divergence is in them."""
    one = attempt("clause-canonical-dropped.S", 500, 1)
    assert one.frames == 500 and one.proofs and not one.wrong and set(one.found) | set(one.missed) == {"canonical"}
    assert "500 frames" in summary([one]) and "**Divergences: 0.**" in summary([one])
    assert "**Divergences: 1.**" in summary([replace(one, wrong=("x",))])


def test_every_sample_has_its_turn() -> None:
    """The nightly job takes all samples that are run by themselves."""
    assert len(names()) > 500 and {*PROVED, *(name for name, _ in VIOLATED)} <= set(names())

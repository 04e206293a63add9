# SPDX-License-Identifier: BSD-2-Clause
"""Mutants of proved samples: one of each operator, and that the judges of them can tell right from wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from mutant_search import search
from mutate import candidates, choose, explained, judge, proved_samples, sample
from mutation import NOP, Mutant, apply, destination
from operators import OPERATORS, mutants
from outcomes_table import shown, summary, table

from verifier.lift.decode import decode
from verifier.model import node
from verifier.options import Options
from verifier.pipeline import examine

FULL = "linux-full-exit.S"
PATCHED = "patch-canonical.S"
SLICE = (FULL, "call-before-checks.S", "xen-return-to-guest.S", "sti-shadow.S")
"""Samples that have a mutant of every operator together."""
FRAMES = 200


def named(name: str, begin: str) -> Mutant:
    """The first mutant of a sample whose name begins so."""
    return next(one for all_of in candidates(name).values() for one in all_of if one.name.startswith(begin))


def catalogue(names: tuple[str, ...]) -> dict[str, dict[str, list[tuple[str, int]]]]:
    """Their mutants by operator, as ``choose`` takes them."""
    return {
        name: {operator: [(one.name, one.address) for one in all_of] for operator, all_of in candidates(name).items()}
        for name in names
    }


def test_one_of_each_operator() -> None:
    """A mutant of every operator is killed, refused, or proved and explained; the search contradicts nothing."""
    known = catalogue(SLICE)
    operators = sorted({operator for by_operator in known.values() for operator in by_operator})
    found = []
    for number, operator in enumerate(operators):
        able = [name for name in SLICE if operator in known[name]]
        name = able[number % len(able)]
        ((_, mutant),) = choose({name: {operator: known[name][operator]}}, 1, 1)
        found.append(judge(name, named(name, mutant), FRAMES))
    assert [one.operator for one in found] == operators
    assert not [shown(one) for one in found if one.wrong]
    fates = Counter(one.fate for one in found)
    assert fates["killed"] > fates["survivor"] > 0
    assert any(one.broken for one in found)
    assert table(found).count("\n") > len(operators)
    assert summary(found).endswith(" 0 disagreements")


@pytest.mark.parametrize(
    ("begin", "clauses"),
    [
        ("cmpq $0x33, 0x88(%rsp); jne slow dropped", {"cs"}),
        ("swapgs dropped", {"gs"}),
        ("testl $0x10100, 0x90(%rsp) becomes testl $0x10000", {"tf"}),
        ("movq 0x98(%rsp), %rsp dropped", {"rsp"}),
        ("movq 0x98(%rsp), %rsp 2 earlier", {"gpr.rdi", "gpr.rsi", "stack"}),
    ],
)
def test_killed_by_both(begin: str, clauses: set[str]) -> None:
    """What a missing check breaks is found by the verifier, and by the search on its own."""
    found = judge(FULL, named(FULL, begin), 20 * FRAMES)
    assert found.fate == "killed"
    assert set(found.codes) == set(found.broken) == clauses
    assert not found.wrong


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        ("movq (%rsp), %r15 dropped", "otherwise"),
        ("cmpq $0x33, 0x88(%rsp); jne slow dropped", "wider"),
        ("testl $0x10100, 0x90(%rsp) becomes testl $0x10300", "stricter"),
        ("(movq 0x20(%rsp), %rbp) before (movq 0x18(%rsp), %r12)", "same"),
        ("jne slow goes to exit_to_user+0x18", "unseen"),
    ],
)
def test_explanations_differ(begin: str, kind: str) -> None:
    """The comparison of two programs tells apart what the words for it mean, be the mutant right or not."""
    origin = sample(FULL)
    found = explained(origin, apply(origin.loaded.image, named(FULL, begin)))
    assert found.kind == kind
    assert bool(found.example) == (kind != "same")


def test_original_is_the_same() -> None:
    """A program is explained as the same as itself, calls and stores with unknown addresses included."""
    for name in ("call-before-checks.S", "follow-store-before.S", "loop-unbounded.S"):
        origin = sample(name)
        assert explained(origin, origin.loaded.image).kind == "same", name


def test_wrong_proof_is_a_disagreement() -> None:
    """If the verifier called a mutant proved that is not, the search would say so."""
    origin = sample(FULL)
    report = examine(origin.given, origin.loaded, Options(), origin.chosen, origin.contract)
    assert report.verdict == "proved"
    mutant = named(FULL, "cmpq $0x33, 0x88(%rsp); jne slow dropped")
    assert search(origin.grounds, (origin.loaded.image, mutant), report, FRAMES, 1).disagreements == ("cs",)
    assert search(origin.grounds, None, report, FRAMES, 1).broken == ()


def test_choice_is_even_and_repeatable() -> None:
    """A seed has one choice; every sample takes part, and operators come by turns."""
    known = catalogue(SLICE)
    chosen = choose(known, 120, 1)
    assert chosen == choose(known, 120, 1) != choose(known, 120, 2)
    assert len(set(chosen)) == 120
    by_sample = Counter(name for name, _ in chosen)
    assert set(by_sample) == set(SLICE)
    assert max(by_sample.values()) - min(by_sample.values()) <= 1
    operator_of = {
        (name, mutant): operator
        for name, by_operator in known.items()
        for operator, all_of in by_operator.items()
        for mutant, _ in all_of
    }
    taken = Counter(operator_of[one] for one in chosen)
    plenty = [operator for operator in taken if sum(len(known[name].get(operator, ())) for name in SLICE) > 20]
    assert max(taken[one] for one in plenty) - min(taken[one] for one in plenty) <= len(SLICE)


@pytest.mark.parametrize("name", SLICE)
def test_mutants_change_code_and_keep_its_length(name: str) -> None:
    """A mutant changes bytes of the instructions it names and no others; what moved still goes where it went."""
    image = sample(name).loaded.image
    for all_of in candidates(name).values():
        for one in all_of:
            changed = apply(image, one)
            assert len(changed.sections) == len(image.sections)
            for old, new in zip(image.sections, changed.sections, strict=True):
                assert (old.address, len(old.data)) == (new.address, len(new.data))
                different = [index for index in range(len(old.data)) if old.data[index] != new.data[index]]
                inside = range(one.address - old.address, one.address - old.address + len(one.new))
                assert all(index in inside for index in different)
            assert len(changed.relocations) == len(image.relocations) or one.removed
            for source, size, place in one.moves:
                before, after = decode(image.code_at(source), source), decode(changed.code_at(place), place)
                assert (after.size, after.mnemonic) == (size, before.mnemonic)
                assert destination(after) == destination(before)
                fields = [(found.address - source, found.symbol) for found in image.relocations_in(source, size)]
                kept = [(found.address - place, found.symbol) for found in changed.relocations_in(place, size)]
                assert fields == kept


def test_variants_are_changed_apart() -> None:
    """Code that boot writes is mutated as well, and only where that code runs."""
    origin = sample(PATCHED)
    variants = {one.variant for one in origin.programs}
    assert len(variants) > 1
    found = [one for all_of in candidates(PATCHED).values() for one in all_of if one.variant]
    assert found
    for one in found:
        changed = apply(origin.loaded.image, one)
        assert changed.sections == origin.loaded.image.sections
        place = node(one.address, one.variant)
        assert changed.code_at(place, len(one.new)) == one.new != origin.loaded.image.code_at(place, len(one.new))
    unsigned = next(one for one in found if one.name.startswith("sarq $7, %rax becomes shrq $7, %rax"))
    result = judge(PATCHED, unsigned, 8 * FRAMES)
    assert (result.fate, result.codes, result.disagreements) == ("killed", ("canonical",), ())


def test_no_two_are_alike() -> None:
    """Names and bytes of the mutants of a program are unique, and none is the program itself."""
    parts = sample(FULL).programs
    found = [one for all_of in mutants(parts).values() for one in all_of]
    assert len({one.name for one in found}) == len({(one.address, one.new) for one in found}) == len(found)
    assert all(parts[0].image.code_at(one.address, len(one.new)) != one.new for one in found)
    assert any(set(one.new) == set(NOP) for one in found)
    assert len(OPERATORS) <= len(mutants(parts))


def test_every_proved_sample_is_known() -> None:
    """The samples that are mutated are those that promise a proof, and there are many."""
    assert len(proved_samples()) >= 150
    assert set(SLICE) <= set(proved_samples())


def test_crash_is_reported() -> None:
    """A mutant that makes the verifier raise counts as wrong, not as refused."""
    mutant = replace(named(FULL, "swapgs dropped"), address=1)
    found = judge(FULL, mutant, 1)
    assert found.fate == "crash"
    assert found.wrong

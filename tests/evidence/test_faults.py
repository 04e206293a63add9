# SPDX-License-Identifier: BSD-2-Clause
"""A verifier with a known fault does not give every sample the verdict that it promises.

The control is ``tests/test_samples.py``: without a fault each of these samples is green.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest
from faults import FAULTS, Fault
from rewrite import ROOT, Edit, edited, rewritten
from test_hazards import ROWS
from test_samples import sample_names
from watch import Guard, assembled_once, guard

from verifier.isa import swapgs
from verifier.lift import calls

LEAST = 40

SLICE = tuple({fault.source: fault for fault in reversed(FAULTS)}.values())
"""The first fault of each description; ``run_faults.py`` runs all."""


@pytest.fixture(autouse=True, scope="module")
def _assembled_once() -> Iterator[None]:
    """The tools are no part of what is tested here."""
    with assembled_once():
        yield


def first_red(fault: Fault) -> Guard | None:
    """What notices a fault that is in force, by the first of its samples that is not as it should be."""
    return next((found for name in fault.samples if (found := guard(name, fault.lists)) is not None), None)


@pytest.mark.parametrize("fault", SLICE, ids=lambda fault: fault.name)
def test_fault_turns_a_sample_red(fault: Fault) -> None:
    """With the fault in force a sample is not judged as it promises, and what tells is what the table says."""
    with rewritten(fault.edits):
        assert first_red(fault) == fault.guard


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_fits_the_code(fault: Fault) -> None:
    """Those that are only run at night fit the code as it is now."""
    for edit in fault.edits:
        assert edited(edit.path.read_text(encoding="utf-8"), [edit])


def test_faults_are_undone() -> None:
    """After all of them the verifier is what it was: a sample that most of them break is proved."""
    assert guard("canonical-sign-extend.S") is None


def test_table_is_complete() -> None:
    """Enough faults, each with a name of its own, samples that exist and a description of the hazard that exists."""
    assert len(FAULTS) >= LEAST
    assert not [name for name, count in Counter(fault.name for fault in FAULTS).items() if count > 1]
    assert {name for fault in FAULTS for name in fault.samples} <= set(sample_names())
    page = (ROOT / "docs" / "soundness.md").read_text(encoding="utf-8")
    described = {*ROWS, *re.findall(r"^##+ (.+)$", page, re.MULTILINE)}
    described |= set(re.findall(r"\*\*(\w+)\*\*", page))
    assert {fault.source for fault in FAULTS} <= described


def test_every_hazard_of_a_lifter_has_a_fault() -> None:
    """No row of the list of hazards is without a fault that lets it in."""
    assert set(ROWS) - {fault.source for fault in FAULTS} == set()


def test_samples_notice_what_no_guard_does() -> None:
    """Most faults are of the worst kind: nothing but the sample's own promise tells."""
    counted = Counter(fault.guard for fault in FAULTS)
    assert counted["sample"] > len(FAULTS) / 3
    assert {"sample", "replay", "cover", "open"} <= set(counted)


SWAPGS = Edit("isa.swapgs", 'machine.put("gs_base", inactive)', "pass")
SAVED = Edit("lift.calls", '"rax", "rcx", "rdx", "rsi"', '"rax", "rsi"')


def test_rewriting_is_for_a_while() -> None:
    """Functions and constants are those of the changed source inside the block, and the old ones behind it."""
    before = swapgs.step.__code__, calls.CALLER_SAVED
    with rewritten((SWAPGS, SAVED)):
        assert swapgs.step.__code__ is not before[0]
        assert "rcx" not in calls.CALLER_SAVED
    assert (swapgs.step.__code__, calls.CALLER_SAVED) == before


@pytest.mark.parametrize(
    "edit",
    [
        Edit("isa.swapgs", "machine.put(", "pass("),
        Edit("isa.swapgs", "machine.take(", "pass"),
        Edit("isa.swapgs", "# SPDX", "# spdx"),
    ],
    ids=["twice", "nowhere", "a comment"],
)
def test_edit_that_does_not_fit_is_refused(edit: Edit) -> None:
    """A change that hits two places, none, or nothing that runs is an error: it would be a fault that is none."""
    with pytest.raises(LookupError), rewritten((edit,)):
        pass


def test_edits_are_of_one_text() -> None:
    """Two changes of one module are made one behind the other."""
    assert edited("a b", [Edit("m", "a", "c"), Edit("m", "b", "a")]) == "c a"

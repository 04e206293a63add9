# SPDX-License-Identifier: BSD-2-Clause
"""Code that boot-time patching changes is judged as every machine runs it, and a counterexample says on which."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from verifier.model import ALL_CONFIGS, Config, Counterexample, FileReport, Input
from verifier.options import Options
from verifier.pipeline import verify

SAMPLES = Path(__file__).resolve().parent.parent / "samples"

KEYS = "\n.data\n.balign 16\nkey: .long 0, 0\nother_key: .long 0, 0\n"
TESTS = {
    "cs": "need_user_cs slow",
    "ss": "need_user_ss slow",
    "canonical": "need_canonical slow",
    "tf": "need_flags_clear flag_TF, slow",
}
"""The tests of the exit that may be patched, each under the one clause that is violated without it."""


def source(directory: Path, body: str) -> Path:
    """An exit path that begins with what a sample begins with."""
    for header in SAMPLES.glob("*.h"):
        shutil.copy(header, directory)
    path = directory / "patched.S"
    path.write_text(f'# CONTRACT: linux\n#include "patch.h"\n.globl exit_to_user\nexit_to_user:\n{body}\n')
    return path


def leaving(sites: str) -> str:
    """An exit with every test that TESTS does not have, ``sites``, and both ways out."""
    return (
        f"begin_tests\nneed_rcx_is_rip slow\nneed_r11_is_rflags slow\nneed_flags_clear flag_RF, slow\n{sites}\n"
        f"leave_by_sysret\nslow:\nleave_by_iret\n{KEYS}"
    )


def every_test_but(*patched: str) -> str:
    """The tests of TESTS that are not patched."""
    return "\n".join(text for name, text in TESTS.items() if name not in patched)


def violations(report: FileReport) -> dict[tuple[str, Config], Counterexample]:
    """What is violated where, each with its replayed counterexample."""
    found: dict[tuple[str, Config], Counterexample] = {}
    for site in report.sites:
        for clause in site.clauses:
            if clause.status == "violated":
                assert clause.counterexample is not None
                assert clause.counterexample.replayed, clause.counterexample.replay_note
                found |= {(clause.id, config): clause.counterexample for config in clause.configs}
    return found


def features(example: Counterexample) -> dict[str, int]:
    """The features and keys that a counterexample asks for."""
    return {one.name: one.value for one in example.inputs if one.kind == "feature"}


# What a counterexample says.


@pytest.mark.parametrize(("old", "new", "value"), [(TESTS["cs"], "", 1), ("", TESTS["cs"], 0)])
def test_a_counterexample_names_the_feature(tmp_path: Path, old: str, new: str, value: int) -> None:
    """The CPU feature that leaves out a test is an input of the counterexample, as it has to be; another is none."""
    sites = f'patch "{old}", "{new}", feature_smap\npatch "nop", "cmc", feature_fsgsbase\n'
    report = verify(source(tmp_path, leaving(sites + every_test_but("cs"))), Options())
    found = violations(report)
    assert {clause for clause, _ in found} == {"cs"}
    for example in found.values():
        assert [one for one in example.inputs if one.kind == "feature"] == [Input("SMAP", value, "feature")]
    assert report.sites[0].switches == ("FSGSBASE", "SMAP")


@pytest.mark.parametrize("form", ["jump_if_key", "jump_in_file_if_key"])
@pytest.mark.parametrize("branch", [0, 1])
def test_a_counterexample_names_the_key(tmp_path: Path, form: str, branch: int) -> None:
    """The static key that jumps over a test is an input, set or clear as the site asks, by its symbol."""
    sites = f"{form} key, passed, {branch}\n{TESTS['cs']}\npassed:\n"
    report = verify(source(tmp_path, leaving(sites + every_test_but("cs"))), Options())
    found = violations(report)
    assert {clause for clause, _ in found} == {"cs"}
    for example in found.values():
        assert features(example) == {"key": 1 - branch}
    assert report.sites[0].switches == ("key",)
    assert "static-keys-constant" in {one.id for one in report.assumptions}


def test_paging_is_no_feature_of_its_own(tmp_path: Path) -> None:
    """A site that follows CR4.LA57 adds no input: the configuration says which code runs."""
    sites = f'patch "{TESTS["cs"]}", "", feature_la57\n'
    found = violations(verify(source(tmp_path, leaving(sites + every_test_but("cs"))), Options()))
    assert {config for _, config in found} == {config for config in ALL_CONFIGS if config[1] == "la57"}
    assert all(features(example) == {} for example in found.values())


def test_the_path_of_a_counterexample_shows_the_code_that_runs(tmp_path: Path) -> None:
    """A path goes through the replacement, at the address of the site, where the feature says so."""
    sites = f'site: patch "{TESTS["cs"]}", "cmc; stc; jmp.d32 passed", feature_smap\npassed:\n'
    found = violations(verify(source(tmp_path, leaving(sites + every_test_but("cs"))), Options()))
    for example in found.values():
        texts = [step.location.text.split()[0] for step in example.path]
        at = texts.index("cmc")
        assert texts[at : at + 2] == ["cmc", "stc"]
        assert texts[at + 2].startswith("jmp")
        assert (example.path[at].location.symbol, example.path[at].location.offset) == ("site", 0)


def test_the_report_names_the_bytes_of_every_form(tmp_path: Path) -> None:
    """What a verdict is about lists the replacement beside the code in the file."""
    sites = f'patch "{TESTS["cs"]}", "nop; nop; {TESTS["cs"]}", feature_smap\n'
    report = verify(source(tmp_path, leaving(sites + every_test_but("cs"))), Options())
    assert report.verdict == "proved"
    variants = {one.variant for one in report.sites[0].code}
    assert any("SMAP" in variant for variant in variants)
    assert "" in variants


# Every assignment of the switches by itself.


@dataclass(frozen=True, slots=True)
class Site:
    """A test that a switch decides about. ``form``: how; ``present``: whether the first form has the test."""

    test: str
    form: str
    switch: str
    inverted: bool
    present: bool

    @property
    def text(self) -> str:
        """The site as a source has it."""
        here, there = (TESTS[self.test], "") if self.present else ("", TESTS[self.test])
        flag = "if_not" if self.inverted else "0"
        match self.form:
            case "alternative":
                return f'patch "{here}", "{there}", feature_{self.switch}, {flag}'
            case "twice":
                return (
                    f'patch_twice "{there}", "{there}", feature_fsgsbase, "{here}", feature_always\n'
                    f'patch "{here}", "{there}", feature_{self.switch}, {flag}'
                )
            case macro:
                jump = f"{macro} {self.switch}, 77f, {int(self.inverted)}"
                if self.present:
                    return f"{jump}\n{TESTS[self.test]}\n77:"
                return f"{jump}\njmp 78f\n77:\n{TESTS[self.test]}\n78:"

    def plain(self, on: frozenset[str]) -> str:
        """What it is where these switches are set."""
        first = (self.switch in on) == self.inverted
        here = TESTS[self.test] if first == self.present else ""
        if self.form == "twice":
            return "\n".join((TESTS[self.test] if self.present else "", here))
        return here


SWITCHES = ("smap", "la57")
FEATURES = st.builds(
    Site,
    st.sampled_from(sorted(TESTS)),
    st.sampled_from(["alternative", "alternative", "twice"]),
    st.sampled_from(SWITCHES),
    st.booleans(),
    st.booleans(),
)
BRANCHES = st.builds(
    Site,
    st.sampled_from(sorted(TESTS)),
    st.sampled_from(["jump_if_key", "jump_in_file_if_key"]),
    st.just("key"),
    st.booleans(),
    st.booleans(),
)


@cache
def plain_violations(directory: Path, body: str) -> frozenset[tuple[str, Config]]:
    """What is violated where in code without patching."""
    return frozenset(violations(verify(source(directory, body), Options())))


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(st.lists(FEATURES | BRANCHES, min_size=1, max_size=4))
def test_patched_code_is_every_machines_code(tmp_path: Path, sites: list[Site]) -> None:
    """A patched exit violates what some assignment of its switches violates, written out without patching.

    Where that assignment has CR4.LA57, on the CPUs that have it; and each counterexample is one of an assignment
    that violates the clause by itself.
    """
    rest = every_test_but(*(site.test for site in sites))
    used = sorted({site.switch for site in sites})
    wanted: dict[tuple[str, Config], list[frozenset[str]]] = {}
    for chosen in itertools.product((False, True), repeat=len(used)):
        on = frozenset(name for name, value in zip(used, chosen, strict=True) if value)
        for clause, config in plain_violations(tmp_path, leaving("\n".join([*(one.plain(on) for one in sites), rest]))):
            if "la57" not in used or ("la57" in on) == (config[1] == "la57"):
                wanted.setdefault((clause, config), []).append(on)
    report = verify(source(tmp_path, leaving("\n".join([*(site.text for site in sites), rest]))), Options())
    found = violations(report)
    assert set(found) == set(wanted)
    assert report.verdict == ("violated" if wanted else "proved")
    for (clause, config), example in found.items():
        told = {name.lower(): bool(value) for name, value in features(example).items()}
        told["la57"] = example.config[1] == "la57"
        agreeing = [
            on
            for on in wanted[clause, example.config]
            if all((name in on) == told[name] for name in used if name in told)
        ]
        assert agreeing, (clause, config, told)

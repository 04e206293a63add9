# SPDX-License-Identifier: BSD-2-Clause
"""What each guard is for: hand-worked answers, and the same question answered by taking the guard out."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.inputs import loaded
from verifier.insights import GuardUse
from verifier.model import FileReport
from verifier.opening import opened
from verifier.options import Options
from verifier.pipeline import examine, verify

SAMPLES = Path(__file__).resolve().parent.parent / "samples"


@cache
def asked(name: str) -> FileReport:
    return verify(SAMPLES / name, Options(why=True))


def guards(name: str) -> tuple[GuardUse, ...]:
    (site,) = asked(name).sites
    assert site.guards is not None
    return site.guards


def by_line(name: str) -> dict[int | None, tuple[set[str], set[str]]]:
    return {guard.location.line: (set(guard.rests), set(guard.needed)) for guard in guards(name)}


def test_the_story_of_2015() -> None:
    """Each test of the change carries its clauses alone; RF is tested in R11, so that it needs two tests."""
    alone: dict[int | None, set[str]] = {
        51: {"rip"}, 58: {"canonical"}, 62: {"cs"}, 64: {"ss"}, 69: {"rf", "rflags"}, 71: {"rf"},
    }  # fmt: skip
    assert by_line("linux-2015-opportunistic.S") == {line: (clauses, clauses) for line, clauses in alone.items()}


def test_what_is_tested_twice_is_needed_nowhere() -> None:
    """Of two tests that imply each other a proof names one, and neither is a single point of failure."""
    found = by_line("why-tested-twice.S")
    assert found[15] == ({"rip"}, set()) and found[24] == (set(), set())
    assert found[16] == ({"canonical"}, set()) and found[23] == (set(), set())
    assert found[17] == ({"cs"}, {"cs"})


def test_one_branch_for_everything() -> None:
    """An or-accumulated test is one guard, and all that it tests rests on it."""
    everything = {"rip", "rflags", "rf", "canonical", "cs", "ss", "tf"}
    assert by_line("why-one-for-all.S") == {31: (everything, everything)}


def test_a_way_that_only_opens_without_a_guard() -> None:
    """The first test keeps machines from a way around the second: both are needed for what the second tests."""
    found = by_line("why-second-way.S")
    assert found[15] == ({"cs", "canonical"}, {"cs", "canonical"})
    assert found[18][1] == found[19][1] == {"canonical"}


def test_what_a_guard_demands_and_looks_at() -> None:
    """A guard's condition is in readable form, about the inputs that it reads."""
    found = {guard.location.line: guard for guard in guards("linux-2015-opportunistic.S")}
    assert found[51].reads == ("frame.rip", "frame.rcx")
    (same,) = found[51].demands
    assert (same.kind, {same.left, same.right}) == ("same", {"frame.rip", "frame.rcx"})
    (below,) = found[58].demands
    assert (below.kind, below.intervals) == ("range", ((0, (1 << 47) - 1),))
    assert [(one.kind, one.left, one.value) for one in found[62].demands] == [("bits", "frame.cs", 0x33)]


def test_a_branch_that_goes_one_way_at_first() -> None:
    """A branch whose outcome is a constant at one of its two calls is one guard: off, it is off at both."""
    line = next(n for n, text in enumerate(source("why-known-at-first.S"), 1) if text.strip() == "jz\t1f")
    assert by_line("why-known-at-first.S")[line][1] == {"canonical"}


def test_a_clause_that_is_proved_for_some_cpus() -> None:
    """SHLD by 16 tests 48 bits: violated with 4-level paging, and proved with 5-level paging by this test alone."""
    (line,) = (n for n, text in enumerate(source("form-double-shift-short.S"), 1) if text.strip() == "jnz\tslow")
    assert by_line("form-double-shift-short.S")[line] == ({"canonical"}, {"canonical"})


def source(name: str) -> list[str]:
    return (SAMPLES / name).read_text(encoding="utf-8").splitlines()


TWO_WAYS = """# CONTRACT: linux
# ENTRY: exit_to_user
#include "exit.h"
	.globl exit_to_user
exit_to_user:
	need_everything slow
	testl	$1, %gs:0x10
	jnz	1f
	movq	at_rax(%rsp), %rdx
	call	zero
	jmp	2f
1:	movq	at_rbx(%rsp), %rdx
	call	zero
2:	leave_by_sysret
slow:	leave_by_iret
zero:	testq	%rdx, %rdx
	jz	3f
	addq	$8, %rsp
	jmp	slow
3:	ret
"""


def test_what_is_asked_of_some_machines_only_is_not_demanded_of_all(tmp_path: Path) -> None:
    """A test of RAX on one way and of RBX on the other is no demand for both; on each way it reads what it reads."""
    (tmp_path / "exit.h").write_bytes((SAMPLES / "exit.h").read_bytes())
    (tmp_path / "exit.S").write_text(TWO_WAYS, encoding="utf-8")
    (site,) = verify(tmp_path / "exit.S", Options(why=True)).sites
    (guard,) = (one for one in site.guards or () if one.location.line == TWO_WAYS.splitlines().index("\tjz\t3f") + 1)
    assert guard.reads == ("frame.rax", "frame.rbx")
    assert [one.kind for one in guard.demands] == ["other"]


def test_what_is_asked_twice_of_every_machine_is_demanded(tmp_path: Path) -> None:
    """The same branch for two words, one after the other: a machine that comes to the exit has passed it twice."""
    text = TWO_WAYS.replace("\tjnz\t1f\n", "").replace("\tjmp\t2f\n", "")
    (tmp_path / "exit.h").write_bytes((SAMPLES / "exit.h").read_bytes())
    (tmp_path / "exit.S").write_text(text, encoding="utf-8")
    (site,) = verify(tmp_path / "exit.S", Options(why=True)).sites
    (guard,) = (one for one in site.guards or () if one.location.line == text.splitlines().index("\tjz\t3f") + 1)
    assert {(one.kind, one.left, one.mask, one.value) for one in guard.demands} == {
        ("bits", "frame.rax", (1 << 64) - 1, 0), ("bits", "frame.rbx", (1 << 64) - 1, 0),
    }  # fmt: skip


def without(name: str, guard: GuardUse, always: bool) -> set[str]:
    """The clauses that are no longer proved where the guard's branch is never, or always, taken."""
    found = opened(SAMPLES / name, Options())
    ready = loaded(found.given, found.code, found.chosen, found.contract)
    address = guard.location.address
    code = ready.image.code_at(address)
    assert code[0] & 0xF0 == 0x70 or (code[0] == 0x0F and code[1] & 0xF0 == 0x80), code.hex()
    short = code[0] != 0x0F
    if always:
        patch = b"\xeb" + code[1:2] if short else b"\x90\xe9" + code[2:6]
    else:
        patch = b"\x90" * (2 if short else 6)
    sections = []
    for section in ready.image.sections:
        if section.address <= address < section.address + section.size:
            start = address - section.address
            data = section.data[:start] + patch + section.data[start + len(patch) :]
            section = replace(section, data=data)
        sections.append(section)
    image = replace(ready.image, sections=tuple(sections))
    report = examine(found.given, replace(ready, image=image), found.options, found.chosen, found.contract)
    sites = [site for site in report.sites if site.location.address in exits(name)]
    if not sites:
        return set()  # it is not reached any more: what it would do is no question
    assert not report.reasons or report.verdict == "violated", report.reasons
    return {one.id for site in sites for one in site.clauses if one.status not in ("proved", "not-applicable")}


def exits(name: str) -> set[int]:
    return {site.location.address for site in asked(name).sites}


TAKEN_OUT = (
    "linux-2015-opportunistic.S", "why-second-way.S", "why-tested-twice.S", "why-one-for-all.S",
    "canonical-sign-extend.S", "compare-flag-bytes.S", "why-known-at-first.S",
)  # fmt: skip


@pytest.mark.parametrize("name", TAKEN_OUT)
def test_taking_a_guard_out(name: str) -> None:
    """With a branch replaced, never or always taken, what fails is what needed it, and only that."""
    (site,) = asked(name).sites
    open_already = {one.id for one in site.clauses if one.status not in ("proved", "not-applicable")}
    for guard in guards(name):
        lost = (without(name, guard, False) | without(name, guard, True)) - open_already
        assert lost == set(guard.needed), guard.location


def test_only_who_asks_is_told() -> None:
    """Without --why the guards are not looked at; the answers are the same."""
    plain = verify(SAMPLES / "why-one-for-all.S", Options())
    (site,), (told,) = plain.sites, asked("why-one-for-all.S").sites
    assert site.guards is None and told.guards is not None
    assert site.clauses == told.clauses
    assert plain.assumptions == asked("why-one-for-all.S").assumptions


PAGE = Path(__file__).resolve().parent.parent / "docs" / "guards.md"
BLOCK = re.compile(r"(<!-- output: why -->\n```text\n)(.*?)(```\n)", re.DOTALL)


def test_the_page_shows_what_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The output in docs/guards.md is the part of ``--why`` about the guards (VERIFY_EXIT_GOLDEN=1 writes it anew)."""
    monkeypatch.chdir(SAMPLES.parent)
    assert main(["--no-config", "--why", "samples/why-tested-twice.S"]) == 0
    whole = capsys.readouterr().out
    part = whole[whole.index("Which check proves what") :].partition("\n\n")[0] + "\n"
    text = PAGE.read_text(encoding="utf-8")
    if os.environ.get("VERIFY_EXIT_GOLDEN") == "1":
        PAGE.write_text(BLOCK.sub(lambda found: found[1] + part + found[3], text), encoding="utf-8")
    else:
        (shown,) = BLOCK.findall(text)
        assert shown[1] == part

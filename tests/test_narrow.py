# SPDX-License-Identifier: BSD-2-Clause
"""Text on a terminal of 40 to 60 columns: nothing is cut, values and instructions stay whole, and it reads downward."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hostile_names import NAMES
from report_samples import CANONICAL, failed, inconclusive, proved, violated

from verifier.model import Change, FileReport, Step
from verifier.report import Style, render
from verifier.report.findings import editor_lines

NARROW = (40, 47, 50, 55, 59)
LONG = "movq $0xffffffff80000000, 0x1b8(%rsp)"


def text(*reports: FileReport, width: int, verbose: bool = False) -> str:
    return render("text", reports, Style(width=width, verbose=verbose))


def changed() -> FileReport:
    """A violated report whose path has long instructions and long effects."""
    load, *rest = CANONICAL.path
    location = replace(load.location, text=LONG)
    step = Step(location, (Change("gs_base", 0, 0x7F2000000000), Change("kernel_gs_base", 0, 0xFFFF888000000000)))
    example = replace(CANONICAL, path=(step, *rest))
    whole = violated()
    site = whole.sites[0]
    clauses = tuple(
        replace(clause, counterexample=example) if clause.counterexample is not None else clause
        for clause in site.clauses
    )
    return replace(whole, sites=(replace(site, clauses=clauses),))


@pytest.mark.parametrize("width", NARROW)
@pytest.mark.parametrize("verbose", [False, True])
def test_no_line_is_too_wide(width: int, verbose: bool) -> None:
    """Only what must stay in one piece to be pasted or parsed is longer than the terminal is wide."""
    reports = (violated(), inconclusive(), proved(), failed(), changed())
    out = text(*reports, width=width, verbose=verbose)
    whole = {line for report in reports for line in editor_lines(report)}
    whole |= {line for line in out.split("\n") if line.startswith(("Reproduce: ", "entry.S: VIOLATED", "odd.S: INC"))}
    assert [line for line in out.split("\n") if len(line) > width and line not in whole] == []


@pytest.mark.parametrize("width", NARROW)
def test_values_stay_whole(width: int) -> None:
    """A 64-bit value is never broken across lines, neither in the path nor in the state nor in the outcomes."""
    out = text(changed(), width=width)
    for value in ("0x7f2000000000", "0xffff888000000000"):
        assert value in out
    assert "0x800000000000" in out


@pytest.mark.parametrize("width", NARROW)
def test_effects_stand_under_their_instruction(width: int) -> None:
    """Instruction first, then what it changed, indented below it; the order of a path is never lost."""
    lines = text(changed(), width=width).split("\n")
    at = next(number for number, line in enumerate(lines) if line.split()[:3] == ["12", "+0x0", "movq"])
    below = "\n".join(lines[at : at + 8])
    assert below.index("0x1b8(%rsp)") < below.index("gs_base =") < below.index("0x7f2000000000")
    assert below.index("0x7f2000000000") < below.index("kernel_gs_base =") < below.index("0xffff888000000000")
    column = lines[at].index("movq")
    (effect,) = (line for line in lines[at : at + 5] if line.strip().startswith("gs_base ="))
    assert len(effect) - len(effect.lstrip()) == column + 2


def test_a_short_effect_stands_beside_its_instruction() -> None:
    """Where both fit on the line they share it."""
    report = changed()
    (step, *rest) = CANONICAL.path
    short = replace(CANONICAL, path=(Step(replace(step.location, text="jne slow"), (), "not taken"), *rest))
    site = report.sites[0]
    clauses = tuple(replace(one, counterexample=short) if one.counterexample else one for one in site.clauses)
    out = text(replace(report, sites=(replace(site, clauses=clauses),)), width=40)
    assert "jne slow  not taken\n" in out


@pytest.mark.parametrize("width", NARROW)
def test_different_outcomes_name_their_exit(width: int) -> None:
    """Without room for two columns a value that differs stands once for each exit, an equal one once."""
    out = text(violated(), width=width)
    assert "SYSRETQ: #GP" in out
    assert "IRETQ: 0x800000000000" in out
    assert "≠" in out


def test_sixty_columns_have_two() -> None:
    """From 60 columns on the outcomes stand side by side under the names of the exits."""
    out = text(violated(), width=60)
    assert any(line.split() == ["SYSRETQ", "IRETQ"] for line in out.split("\n"))
    assert "SYSRETQ: #GP" not in out


@pytest.mark.parametrize("width", NARROW)
def test_assumptions_stand_below_their_ids(width: int) -> None:
    """The texts of assumptions have the whole width; each id is on a line of its own."""
    lines = text(proved(), width=width).split("\n")
    for item in proved().assumptions:
        at = lines.index(f"  {item.id}")
        assert lines[at + 1].startswith("    ")
        assert item.text.lower().startswith(lines[at + 1].strip().lower()[:20])


@pytest.mark.parametrize("width", NARROW)
def test_summary_keeps_paths_whole(width: int) -> None:
    """In the summary of several files every path can be copied, and the last lines say the worst verdict."""
    path = "arch/x86/entry/a-rather-long-directory-name/entry.S"
    tail = text(violated(path), proved("good.S"), width=width).rstrip("\n").split("\n")[-6:]
    assert f"violated  {path}" in tail
    assert "VIOLATED  2 files" in tail
    assert tail[-1] == "  1 violated, 1 proved"


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_stay_text(name: str) -> None:
    """A file name cannot act on the narrow layouts either: no control character and no CI command gets through."""
    out = text(violated(name), proved(name), width=40)
    assert "\x1b" not in out
    assert "::" not in out
    assert "##[" not in out
    assert not [char for char in out if ord(char) < 32 and char != "\n"]

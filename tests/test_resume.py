# SPDX-License-Identifier: BSD-2-Clause
"""Traps whose handler goes on behind them: a path runs through, and the replay steps over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from verifier.contract import load_contract
from verifier.inputs import Loaded, prepare, read
from verifier.model import FileReport, Image
from verifier.options import Options, resolve
from verifier.pipeline import examine

SAMPLES = Path(__file__).parent.parent / "samples"

SOURCE = """# SPDX-License-Identifier: BSD-2-Clause
#include "hazard.h"
    .globl exit_to_user, trap
exit_to_user:
    {before}
trap: {trap}
    {behind}
    need_all_but_canonical slow
    testl %ebx, %ebx
    jnz trusted
    finish_exit
"""


def report(directory: Path, trap: str, before: str, behind: str, *, resumes: bool) -> FileReport:
    """The report on an exit path with a trap in it, whose handler goes on or not."""
    path = directory / "x.S"
    path.write_text(SOURCE.format(before=before, trap=trap, behind=behind), encoding="utf-8")
    options = Options(entries=("exit_to_user",), include_dirs=(str(SAMPLES),))
    given = read(path)
    chosen = resolve(options, Options())
    contract = load_contract("linux")
    loaded = prepare(given, chosen, contract)
    if resumes:
        loaded = replace(loaded, image=resuming(loaded))
    return examine(given, loaded, options, chosen, contract)


def resuming(loaded: Loaded) -> Image:
    """The image with a handler that goes on behind the label ``trap``."""
    symbol = loaded.image.symbol("trap")
    assert symbol is not None
    return replace(loaded.image, resumes=frozenset({symbol.address}))


def shown(found: FileReport) -> set[str]:
    """The violated clauses; each must have a counterexample that runs through the trap and was replayed."""
    violated = [clause for site in found.sites for clause in site.clauses if clause.status == "violated"]
    for clause in violated:
        example = clause.counterexample
        assert example is not None
        assert example.replayed, example.replay_note
        assert any("handler" in step.note for step in example.path)
    return {clause.id for clause in violated}


@pytest.mark.parametrize("trap", ["ud2", "ud1 8(%rax), %ecx"])
def test_a_trap_that_comes_back_is_on_the_path_of_a_counterexample(trap: str, tmp_path: Path) -> None:
    """The path runs through it with its flags, the replay on the real bytes agrees, and the assumption is listed."""
    found = report(tmp_path, trap, "xorl %ebx, %ebx; stc", "adcl %ebx, %ebx", resumes=True)
    assert found.verdict == "violated"
    assert shown(found) == {"canonical"}
    assert "traps-resume" in {assumption.id for assumption in found.assumptions}


def test_a_trap_that_does_not_come_back_ends_the_path(tmp_path: Path) -> None:
    """The same code without such a handler is proved: only who goes around the trap gets to the exit."""
    before, behind = "xorl %ebx, %ebx; cmpl $0, at_rdi(%rsp); je 1f", "movl $1, %ebx; 1:"
    assert report(tmp_path, "ud2", before, behind, resumes=False).verdict == "proved"
    found = report(tmp_path, "ud2", before, behind, resumes=True)
    assert shown(found) == {"canonical"}


def test_registers_and_flags_survive(tmp_path: Path) -> None:
    """The handler keeps RBX and CF: what needs another value of them is not reached."""
    behind = "jnc 1f; cmpl $1, %edi; jne 1f; xorl %ebx, %ebx; 1:"
    assert report(tmp_path, "ud2", "movl $1, %edi; movl $1, %ebx; stc", behind, resumes=True).verdict == "proved"


def test_memory_does_not_survive(tmp_path: Path) -> None:
    """A per-CPU word that was written before may have another value behind; the replay is given it."""
    before, behind = "movl $0, %gs:0x10", "movl %gs:0x10, %ebx"
    found = report(tmp_path, "ud2", before, behind, resumes=True)
    assert found.verdict == "violated"
    assert shown(found) == {"canonical"}
    assert report(tmp_path, "nop", before, behind, resumes=False).verdict == "proved"


def test_a_trap_in_a_subroutine_keeps_the_return_address(tmp_path: Path) -> None:
    """The handler leaves what the code pushed below the frame alone: the subroutine returns."""
    before = "xorl %ebx, %ebx; jmp 3f; 2: stc"
    found = report(tmp_path, "ud2", before, "adcl %ebx, %ebx; ret; 3: call 2b", resumes=True)
    assert shown(found) == {"canonical"}


def test_a_trap_is_passed_once_for_each_of_its_executions(tmp_path: Path) -> None:
    """In a loop each execution has an effect of its own, and the replay applies them in their order."""
    before, behind = "movl $3, %edi; 2: movl $0, %gs:0x10", "addl %gs:0x10, %ebx; decl %edi; jnz 2b; addl $3, %ebx"
    found = report(tmp_path, "ud2", f"movl $-3, %ebx; {before}", behind, resumes=True)
    assert shown(found) == {"canonical"}

# SPDX-License-Identifier: BSD-2-Clause
"""Other solvers are believed only when they answer, and obligations are written nowhere but where they belong."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import claripy
import pytest
import z3
from hypothesis import example, given, settings, strategies as st

from verifier import crosscheck
from verifier.crosscheck import SOLVERS, Check, Limits, ask, check, parse_solvers, require
from verifier.model import Location, UserError
from verifier.obligation_files import INDEX, assumption_notes, file_names, write
from verifier.obligation_text import Obligation, Subject
from verifier.smtlib import script

HARD = """(set-logic QF_BV)(declare-const a (_ BitVec 64))(declare-const b (_ BitVec 64))
(assert (= (bvmul a b) #x8000000000000a0f))
(assert (bvult #x0000000000000001 a))(assert (bvult a #x00000000ffffffff))
(assert (bvult #x0000000000000001 b))(assert (bvult b #x00000000ffffffff))(check-sat)"""
"""Factoring: no solver is done with it in the blink of an eye."""


def obligation(formula: Any, expected: Any = "unsat", **changes: Any) -> Obligation:
    """An obligation about one Boolean."""
    text = script([("claim 1", formula)], info=[("status", expected)])
    about = Subject("exit.S", "0" * 64, "entry", 0x1000, "linux", "equivalence")
    made = Obligation(
        id="rip[all] at sysretq@0x1040 from 0x1000", subject="rip", title="RCX is the saved RIP", about=about,
        location=Location(0x1040, "exit", 0x40, "exit.S", 7, "sysretq"), configs=(), expected=expected,
        comments=("an obligation",), formula=text, key=text,
    )  # fmt: skip
    return replace(made, **changes)


def word(name: str) -> Any:
    """A 64-bit symbol."""
    return claripy.BVS(name, 64, explicit_name=True)


IMPOSSIBLE = claripy.And(word("rax") + 1 == word("rbx"), word("rbx") - word("rax") != 1)
POSSIBLE = word("rax") + 1 == word("rbx")


@pytest.mark.parametrize("solver", SOLVERS)
def test_solver_answers(solver: str) -> None:
    """Each solver parses our text and answers; its answer is compared with the expected one."""
    for formula, answer in ((IMPOSSIBLE, "unsat"), (POSSIBLE, "sat")):
        for expected in ("sat", "unsat"):
            (found,) = check([obligation(formula, expected)], [solver])
            assert (found.answer, found.note) == (answer, "")
            assert found.agrees == (answer == expected)
            assert found.disagrees == (answer != expected)
            assert (found.sentence == "") == found.agrees
            if found.disagrees:
                assert found.sentence.endswith(f": z3 says {expected}, {solver} says {answer}")


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "(",
        "(set-logic QF_BV)(assert false)",
        "(set-logic QF_BV)(assert (= #b0 #b00))(check-sat)",
        "(set-logic QF_BV)(assert undeclared)(check-sat)",
        '(set-logic QF_BV)(echo "unsat")',
    ],
)
def test_what_a_solver_rejects_is_unknown(solver: str, text: str) -> None:
    """A text that is not understood, or asks nothing, is no agreement and no crash."""
    answer, note = ask(solver, text)
    assert answer == "unknown"
    assert "\n" not in note


@pytest.mark.parametrize("solver", SOLVERS)
def test_limits_end_in_unknown(solver: str) -> None:
    """A question that is too hard is unknown, and unknown is neither agreement nor disagreement."""
    answer, note = ask(solver, HARD, Limits(resources=5000, milliseconds=200))
    assert (answer, note.startswith("it gave up within its limits")) == ("unknown", True)
    late = Check(obligation(POSSIBLE), solver, answer, note)
    assert not late.agrees
    assert not late.disagrees
    assert f"{solver} does not know" in late.sentence
    answer, note = ask(solver, script([("claim 1", POSSIBLE)]), Limits(deadline=time.monotonic() - 1))
    assert (answer, note) == ("unknown", "the time limit was reached")


def test_cvc5_counts_resources() -> None:
    """cvc5's bound is a count, so that the same question ends the same way on every machine."""
    assert ask("cvc5", HARD, Limits(resources=5000, milliseconds=0))[0] == "unknown"


def test_same_formula_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Obligations with one key cost one question for each solver, and every one of them gets the answer."""
    asked: list[str] = []

    def fake(solver: str, text: str, limits: Limits) -> tuple[str, str]:
        asked.append(solver)
        return "unsat", ""

    monkeypatch.setattr(crosscheck, "ask", fake)
    told: list[tuple[int, int]] = []
    found = check([obligation(IMPOSSIBLE)] * 3, SOLVERS, progress=lambda *now: told.append(now))
    assert len(found) == 6
    assert all(one.agrees for one in found)
    assert asked == list(SOLVERS)
    assert told == [(0, 3), (1, 3), (2, 3)]


def test_solver_names() -> None:
    """The list is read whatever its order and spacing; a wrong name is told which one was meant."""
    assert parse_solvers("cvc5, bitwuzla") == SOLVERS
    assert parse_solvers("cvc5") == ("cvc5",)
    with pytest.raises(UserError) as caught:
        parse_solvers("cvc5,bitwuzzla")
    assert (caught.value.code, caught.value.exit_code) == ("cross-check-unknown", 2)
    assert "did you mean bitwuzla?" in caught.value.message
    with pytest.raises(UserError) as caught:
        parse_solvers("")
    assert "choose from bitwuzla, cvc5" in caught.value.message


@pytest.mark.parametrize("solver", SOLVERS)
def test_solver_that_is_not_installed(solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A solver that is missing is an error of usage that says what to install."""
    monkeypatch.setitem(sys.modules, solver, None)
    with pytest.raises(UserError) as caught:
        require([solver])
    assert (caught.value.code, caught.value.exit_code) == ("cross-check-missing", 2)
    assert "pip install 'verify-exit[cross-check]'" in caught.value.message


@settings(max_examples=40)
@given(st.text(max_size=40), st.booleans())
@example("", True)
@example(".rodata@0xffffffff820013a0", False)
@example("@x", True)
@example("?0", False)
@example("and", True)
def test_names_under_test_change_no_answer(name: str, possible: bool) -> None:
    """Both solvers and z3 give the right answer whatever symbols, files and functions are called."""
    formula = claripy.And(word(name) + 1 == word("rbx"), word("rbx") - word(name) != (5 if possible else 1))
    about = Subject(f"{name}\n(assert false)\n", "0", f"{name}|\n(exit)", 0x1000, name, name)
    one = replace(obligation(formula, "sat" if possible else "unsat", about=about), comments=(name, f"\r{name}\n)"))
    text = one.text((f"{name}\n(check-sat)", "\u2028(exit)"))
    assert text.isascii()
    assert all(char.isprintable() or char == "\n" for char in text)
    for solver in SOLVERS:
        assert ask(solver, text) == (one.expected, "")
    checker = z3.Solver()
    checker.add(z3.parse_smt2_string(text))
    assert str(checker.check()) == one.expected


def test_files_and_index(tmp_path: Path) -> None:
    """Each obligation is a file that a solver reads; the index tells what it is about and its hash."""
    target = tmp_path / "out"
    made = [obligation(IMPOSSIBLE), obligation(POSSIBLE, "sat", configs=(("amd", "la48"),))]
    names = write(made, str(target), {"exit.S": assumption_notes([("layout", "as laid out", "the linker")])})
    assert names == ("0001-1040-rip-all.smt2", "0002-1040-rip-amd-la48.smt2") == file_names(made)
    assert sorted(path.name for path in target.iterdir()) == [*names, INDEX]
    text = (target / names[0]).read_text(encoding="ascii")
    assert "; an obligation\n" in text
    assert ";   layout: as laid out [the linker]\n" in text
    assert ask("cvc5", text) == ("unsat", "")
    index = json.loads((target / INDEX).read_text(encoding="ascii"))
    assert [row["expected"] for row in index["obligations"]] == ["unsat", "sat"]
    assert index["obligations"][0]["exit"] == {"symbol": "exit", "offset": 0x40, "address": 0x1040}


def test_earlier_run_is_replaced(tmp_path: Path) -> None:
    """The files of an earlier run are replaced, none of them stays behind."""
    target = tmp_path / "out"
    write([obligation(IMPOSSIBLE)] * 3, str(target))
    names = write([obligation(POSSIBLE, "sat")], str(target))
    assert sorted(path.name for path in target.iterdir()) == [*names, INDEX]
    assert ":status" not in (target / names[0]).read_text() or "sat" in (target / names[0]).read_text()
    (tmp_path / "empty").mkdir()
    assert write([], str(tmp_path / "empty")) == ()
    assert write([obligation(IMPOSSIBLE)], str(tmp_path / "empty")) == ("0001-1040-rip-all.smt2",)


def _foreign(target: Path) -> None:
    target.mkdir()
    (target / "thesis.tex").write_text("years of work")


def _alike(target: Path) -> None:
    target.mkdir()
    (target / "0001-1040-rip-all.smt2").write_text("mine")


def _other_index(target: Path) -> None:
    target.mkdir()
    (target / INDEX).write_text('{"format": "something else"}')


def _mixed(target: Path) -> None:
    write([obligation(IMPOSSIBLE)], str(target))
    (target / "notes.txt").write_text("mine")


def _link_inside(target: Path) -> None:
    write([obligation(IMPOSSIBLE)], str(target))
    (target.parent / "precious").write_text("mine")
    (target / "0002-1040-rip-all.smt2").symlink_to(target.parent / "precious")


def _directory_inside(target: Path) -> None:
    write([obligation(IMPOSSIBLE)], str(target))
    (target / "0002-1040-rip-all.smt2").mkdir()


def _link(target: Path) -> None:
    (target.parent / "elsewhere").mkdir()
    target.symlink_to(target.parent / "elsewhere")


def _file(target: Path) -> None:
    target.write_text("mine")


def _pipe(target: Path) -> None:
    os.mkfifo(target)


@pytest.mark.parametrize(
    "prepare", [_foreign, _alike, _other_index, _mixed, _link_inside, _directory_inside, _link, _file, _pipe]
)
def test_foreign_directories_are_left_alone(prepare: Any, tmp_path: Path) -> None:
    """A directory with anything that is not ours, and what is no directory, is refused and not changed."""
    target = tmp_path / "out"
    prepare(target)

    def contents() -> dict[str, str]:
        return {
            str(path): path.read_text() if path.is_file() else str(path.lstat().st_mode)
            for path in sorted(tmp_path.rglob("*"))
        }

    before = contents()
    with pytest.raises(UserError) as caught:
        write([obligation(POSSIBLE)] * 2, str(target))
    assert (caught.value.code, caught.value.exit_code) == ("emit-smt2", 2)
    assert contents() == before


@pytest.mark.parametrize("name", ["missing/out", "a\0b", "", "x" * 300])
def test_directory_that_cannot_be(name: str, tmp_path: Path) -> None:
    """A directory whose parent is missing, or whose name is no name, is an error in one line."""
    with pytest.raises(UserError) as caught:
        write([], str(tmp_path / name) if name else name)
    assert caught.value.code == "emit-smt2"
    assert "\n" not in caught.value.message

# SPDX-License-Identifier: BSD-2-Clause
"""specs/isa says what verifier/isa computes, with a citation for each assignment."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import isa_semantics
import pytest
import z3
from hypothesis import given, strategies as st
from isa_semantics import Rendering, of_outcome, renderings, swapped, text

from verifier import semantics
from verifier.isa.iret import iretq
from verifier.isa.sysexit import sysexit
from verifier.isa.sysret import sysretl, sysretq
from verifier.model import UserError
from verifier.outcomes import Outcome
from verifier.solver import to_z3
from verifier.terms import mask

RENDERINGS = tuple(renderings())
by_name = pytest.mark.parametrize("one", RENDERINGS, ids=lambda one: one.name)


def shipped(one: Rendering) -> str:
    return (isa_semantics.TARGET / f"{one.name}.smt2").read_text(encoding="utf-8")


def result_sort(field: str) -> str:
    width = 0 if "fault" in field else 16 if field in ("cs", "ss") else 64
    return f"(_ BitVec {width})" if width else "Bool"


def applied(one: Rendering, content: str, field: str) -> tuple[Any, Any]:
    """The constant ``result``, and that it is the function of that field, of constants called like its arguments."""
    (header,) = re.findall(rf"\(define-fun \|{one.name}\.{field}\| (\(.*\)) (?:Bool|\(_ BitVec \d+\))\n", content)
    names = re.findall(r"\(([\w.]+) (?:Bool|\()", header)
    call = f"(|{one.name}.{field}| {' '.join(names)})" if names else f"|{one.name}.{field}|"
    constants = "".join(
        f"(declare-const {name} {f'(_ BitVec {width})' if width else 'Bool'})" for name, width, _ in one.arguments
    )
    goal = f"{constants}(declare-const result {result_sort(field)})(assert (= result {call}))"
    (assertion,) = z3.parse_smt2_string(content + goal)
    sort = z3.BoolSort() if result_sort(field) == "Bool" else z3.BitVecSort(16 if "16" in result_sort(field) else 64)
    return z3.Const("result", sort), assertion


def difference(one: Rendering, content: str) -> list[str]:
    """The fields in which a text and the functions that the proofs use differ for some arguments."""
    wrong = []
    for field, value in one.values.items():
        result, assertion = applied(one, content, field)
        solver = z3.SolverFor("QF_BV")
        solver.add(assertion, result != (z3.BoolVal(value) if isinstance(value, bool) else to_z3(value)))
        if solver.check() != z3.unsat:
            wrong.append(field)
    return wrong


@by_name
def test_the_files_are_what_the_code_renders(one: Rendering) -> None:
    """A change of verifier/isa that does not reach specs/isa is an error; so is a file that nothing renders."""
    assert shipped(one) == text(one)
    names = {f"{other.name}.smt2" for other in RENDERINGS}
    assert {path.name for path in isa_semantics.TARGET.iterdir()} == names
    assert isa_semantics.main([]) == 0


@by_name
def test_the_shipped_text_means_what_the_proofs_use(one: Rendering) -> None:
    """For all arguments, each function of the text equals the field that verifier/isa computes (z3)."""
    assert difference(one, shipped(one)) == []


def test_another_text_is_noticed() -> None:
    """One digit, one width, one vendor: each makes the comparison fail in just the fields that it is in."""
    one = next(one for one in RENDERINGS if one.name == "sysretq")
    content = shipped(one)
    for old, new, expected in (
        ("#x00000000003c7fd7", "#x00000000003d7fd7", ["rflags"]),
        ("(_ sign_extend 7) ((_ extract 56 0)", "(_ zero_extend 7) ((_ extract 56 0)", ["fault", "late_fault"]),
        ("(and amd (not", "(or amd (not", ["late_fault"]),
        ("(bvadd ((_ extract 63 48) IA32_STAR) #x0010)", "(bvadd ((_ extract 47 32) IA32_STAR) #x0010)", ["cs"]),
    ):
        assert difference(one, content.replace(old, new)) == expected


@by_name
def test_every_assignment_has_a_citation(one: Rendering) -> None:
    """Each field has at least one sentence that names a manual, and the text has it above the function."""
    outcome = {field.name for field in fields(Outcome)}
    assert one.values.keys() == one.manual.keys()
    assert set(one.values) == (outcome if one.name != "swapgs" else {"gs_base", "kernel_gs_base"})
    content = shipped(one)
    for field, citations in one.manual.items():
        assert any(re.match(r"(SDM|APM) vol\. \d", citation) for citation in citations)
        above = content[: content.index(f"(define-fun |{one.name}.{field}|")].rpartition("\n\n")[2]
        assert all(citation in above for citation in citations)


@by_name
def test_a_person_can_read_the_file(one: Rendering) -> None:
    """Lines fit a screen, nothing is named by a number, and every argument is explained and used."""
    content = shipped(one)
    assert max(map(len, content.splitlines())) <= 120
    assert "let" not in re.findall(r"\((\w+)", content)
    for name, _, meaning in one.arguments:
        assert f";   {name}: {meaning}" in content
        assert re.search(rf"define-fun .*\({re.escape(name)} ", content)
    assert content.count("define-fun") == len(one.values) + ("la57" in one.symbols)


ON_INTEGERS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "sysretq": lambda a: of_outcome(sysretq(lower(a), a["IA32_STAR"], a["la57"], a["amd"])),
    "sysretl": lambda a: of_outcome(sysretl(lower(a), a["IA32_STAR"], a["amd"])),
    "sysexitq": lambda a: of_outcome(sysexit(lower(a), a["RFLAGS"], a["IA32_SYSENTER_CS"], True, a["la57"], a["amd"])),
    "sysexitl": lambda a: of_outcome(sysexit(lower(a), a["RFLAGS"], a["IA32_SYSENTER_CS"], False, False, a["amd"])),
    "iretq": lambda a: of_outcome(iretq({k[4:].lower(): v for k, v in a.items() if k[:4] == "temp"}, a["la57"])),
    "swapgs": lambda a: swapped(a["GS.base"], a["IA32_KERNEL_GS_BASE"]),
}


def lower(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in arguments.items()}


def near(width: int, source: random.Random) -> int:
    edge = 1 << source.choice((0, 15, 31, 32, 47, 48, 56, 57, 63))
    special = source.choice((edge, -edge, edge - 1, -edge - 1, source.getrandbits(64)))
    return special & mask(width)


@by_name
@given(seed=st.integers(0, 2**32))
def test_the_text_means_the_same_on_numbers(one: Rendering, seed: int) -> None:
    """For given numbers the functions of the text have the values that the replay's side computes on ints."""
    source = random.Random(seed)  # noqa: S311 - reproducible, not secret
    values = {name: near(width, source) if width else bool(source.getrandbits(1)) for name, width, _ in one.arguments}
    expected = ON_INTEGERS[one.name](values)
    assert expected.keys() == one.values.keys()
    pairs = [
        (z3.BitVec(name, width), z3.BitVecVal(values[name], width))
        if width
        else (z3.Bool(name), z3.BoolVal(bool(values[name])))
        for name, width, _ in one.arguments
    ]
    for field, value in expected.items():
        result, assertion = PARSED[one.name, field]
        wanted = z3.BoolVal(value) if isinstance(value, bool) else z3.BitVecVal(value, result.size())
        assert z3.is_true(z3.simplify(z3.substitute(assertion, *pairs, (result, wanted)))), field


PARSED = {(one.name, field): applied(one, shipped(one), field) for one in RENDERINGS for field in one.values}


def test_the_digest_is_that_of_the_shipped_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte and name counts, the order does not; an installation without the files is an error of one line."""
    contents = {f"{one.name}.smt2": shipped(one).encode() for one in RENDERINGS}
    assert semantics.digest() == semantics.digest_of(contents)
    assert re.fullmatch(r"[0-9a-f]{64}", semantics.digest())
    assert semantics.digest_of(dict(reversed(contents.items()))) == semantics.digest()
    renamed = {name.replace("iretq", "iretd"): content for name, content in contents.items()}
    changed = contents | {"iretq.smt2": contents["iretq.smt2"] + b" "}
    moved = {"a": b"b 0\n", "b": b""}, {"a": b"", "b": b"b 0\n"}
    assert len({semantics.digest_of(each) for each in (contents, renamed, changed, *moved)}) == 5
    monkeypatch.setattr(semantics, "specs_dir", lambda: tmp_path)
    with pytest.raises(UserError) as error:
        semantics.files()
    assert (error.value.code, error.value.exit_code) == ("contract-not-found", 2)


def test_a_stale_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command writes the files, then finds them fresh; a changed and a foreign one are reported with status 1."""
    monkeypatch.setattr(isa_semantics, "TARGET", tmp_path / "isa")
    assert isa_semantics.main([]) == 1
    assert isa_semantics.main(["--write"]) == 0
    assert isa_semantics.main([]) == 0
    (tmp_path / "isa" / "iretq.smt2").write_text("; nothing\n", encoding="utf-8")
    (tmp_path / "isa" / "other.smt2").write_text("; nothing\n", encoding="utf-8")
    capsys.readouterr()
    assert isa_semantics.main([]) == 1
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["other.smt2", "iretq.smt2", "6"]
    one = replace(RENDERINGS[0], title="Something else")
    assert "Something else" in text(one)

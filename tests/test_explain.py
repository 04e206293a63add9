# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit explain``: every id that a report or a message can hold has a text, and the texts fit the terminal."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from verifier import assumptions
from verifier.assumptions import collect
from verifier.cli import main
from verifier.contract import contract_names, load_contract
from verifier.errors import ERRORS
from verifier.explain import explain
from verifier.report import FORMATS
from verifier.topics import FORMAT_TEXTS, topics

PACKAGE = Path(__file__).resolve().parent.parent / "verifier"
TOPICS = topics()

TAKES_A_CODE = {"UserError": 0, "parse_toml": 2, "Table": 0, "write_files": 2, "_refuse": 0}
"""Function → which of its arguments is an error's code."""
BUILT = {"preprocessor-error", "assembler-error"}
"""Codes that are put together from parts, in verifier/assemble.py."""
OF_REPORTS = {"internal-error", "replay-disagrees", "emit-smt2"}
"""Codes that are given to something else than one of these functions."""


def codes_of(path: Path) -> Iterator[str]:
    """The error codes that are spelled out in a module, also as a constant."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        position = TAKES_A_CODE.get(name, -1)
        if 0 <= position < len(node.args):
            given = node.args[position]
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                yield given.value
            elif isinstance(given, ast.Name) and given.id in constants:
                yield constants[given.id]
        if name in ("wrong", "wrong_type") and node.args and isinstance(node.args[0], ast.Constant):
            yield f"config-{node.args[0].value!s}" if name == "wrong" else "config-bad-type"
        # verifier.boundedfile takes two: for a file that is missing, and for one that is not well-formed.
        if name == "read" and len(node.args) == 5:
            for given in node.args[3:]:
                if isinstance(given, ast.Constant):
                    yield str(given.value)


def test_every_error_code_is_explained() -> None:
    """Each code that any module gives to UserError is in the table, and the table has no code that nobody gives."""
    raised = {code for path in PACKAGE.rglob("*.py") for code in codes_of(path)} | BUILT | OF_REPORTS
    assert len({error.code for error in ERRORS}) == len(ERRORS)
    assert {error.code for error in ERRORS} == raised


def test_every_error_says_what_to_do() -> None:
    """An error's text has its exit code and what to do, as a sentence."""
    for error in ERRORS:
        said = explain([error.code], (), 100, TOPICS)
        assert f"error {error.code}: {error.title}\n" in said
        assert "Exit code " in said
        assert "What to do: " in said
        assert error.remedy.endswith(".")
        assert not error.title.endswith(".")


def test_every_assumption_is_explained() -> None:
    """Whatever assumption a verdict can list under any shipped contract, explain has its id and its text."""
    known = {topic.id for topic in TOPICS if topic.kind == "assumption"}
    used = {one.id for one in assumptions.texts()} | {"calls-interrupts", "contract-stores", "cr3-contract"}
    for name in contract_names():
        listed = {one.id for one in collect(load_contract(name), used)}
        assert len(listed) > 10
        assert listed <= known


def test_promise_names_each_contract_that_makes_it() -> None:
    """A promise's text has the words and the source of every contract that makes it, and of no other."""
    for name in contract_names():
        promised = dict(load_contract(name).promises)
        for topic in TOPICS:
            if topic.id.startswith("promise-"):
                said = [text for label, text in topic.parts if label == name]
                fact = promised.get(topic.id.removeprefix("promise-"))
                assert said == ([] if fact is None else [f"{fact.value} [{fact.source}]"])


def test_every_format_has_a_text() -> None:
    """A format that --format takes is explained."""
    assert set(FORMATS) <= set(FORMAT_TEXTS)
    assert {topic.id for topic in TOPICS if topic.kind == "format"} == set(FORMATS)


def test_an_id_with_two_meanings_gets_both() -> None:
    """What is a reason and a status at once is explained as both."""
    said = explain(["waived"], (), 100, TOPICS)
    assert "reason waived: " in said
    assert "\nstatus waived: " in said


@pytest.mark.parametrize("width", [40, 60, 100])
def test_texts_fit_the_terminal(width: int) -> None:
    """The list and each text keep within the width; only a word that is longer than a line may be longer."""
    said = explain([], (), width, TOPICS)
    said += "".join(explain([topic.id], (), width, TOPICS) for topic in TOPICS)
    too_long = [line for line in said.split("\n") if len(line) > width and len(line.split()) > 1]
    assert too_long == []


def test_command_explains_the_new_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    """The command line knows assumptions, promises, errors, formats, gate modes and contracts."""
    ids = ["entry-cpl0", "promise-star", "no-assembler", "json", "new-only", "xen"]
    assert main(["explain", *ids]) == 0
    out = capsys.readouterr().out
    for kind, name in zip(("assumption", "assumption", "error", "format", "gate mode", "contract"), ids, strict=True):
        assert f"{kind} {name}: " in out


def test_misspelt_assumption_gets_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    """A near miss of any of these ids ends with 2 and names the right one."""
    assert main(["explain", "no-asembler"]) == 2
    assert "did you mean 'no-assembler'?" in capsys.readouterr().err

# SPDX-License-Identifier: BSD-2-Clause
"""Shards of a run: which inputs each has, and what a run over one of them says."""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest
from hypothesis import given, strategies as st
from report_samples import proved, violated

from verifier.cli import main
from verifier.model import FileReport, Shard
from verifier.options import Options
from verifier.progress import SILENT, Progress
from verifier.report import FORMATS, Style, render
from verifier.shards import MOST, in_shard, positions, selection, shard, shard_of

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = json.loads((ROOT / "specs/schema/verify-exit-1.schema.json").read_text(encoding="utf-8"))


@st.composite
def splits(draw: st.DrawFn) -> tuple[int, int]:
    """A number of inputs, and a number of shards: often one more or less."""
    inputs = draw(st.integers(1, 60))
    return inputs, max(1, draw(st.one_of(st.integers(1, 80), st.integers(inputs - 1, inputs + 1))))


@given(splits())
def test_every_input_is_in_exactly_one_shard(split: tuple[int, int]) -> None:
    """Nothing is verified twice or left out, and no shard has two inputs more than another."""
    inputs, of = split
    every = list(range(inputs))
    shards = [in_shard(every, Shard(index, of, inputs, "")) for index in range(1, of + 1)]
    assert sorted(one for mine in shards for one in mine) == every
    assert all(list(mine) == sorted(mine) for mine in shards)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_inputs_go_round() -> None:
    """The first shard has the first input, the second the next, and so on."""
    assert [list(positions(index, 3, 7)) for index in (1, 2, 3)] == [[0, 3, 6], [1, 4], [2, 5]]
    assert list(positions(5, 6, 4)) == []


@pytest.mark.parametrize("text", ["1/1", "2/3", "3/3", f"{MOST}/{MOST}", "01/02"])
def test_shards_are_read(text: str) -> None:
    """I/N counts from one."""
    index, _, of = text.partition("/")
    assert shard(text) == (int(index), int(of))


@pytest.mark.parametrize(
    "text",
    ["", "1", "/", "0/2", "3/2", "-1/2", "1/0", "1/2/3", "a/b", "1.0/2", " 1/2", "1/2\n", "²/3", f"1/{MOST + 1}"],
)
def test_what_is_no_shard_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is an error of the call, in one line."""
    with pytest.raises(argparse.ArgumentTypeError):
        shard(text)
    assert main(["--no-config", f"--shard={text}", "a.S"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "other",
    [
        [("a.S", "a.S", Options()), ("b.S", "b.S", Options(profile="seed"))],
        [("b.S", "b.S", Options()), ("a.S", "a.S", Options())],
        [("a.S", "a.S", Options()), ("./b.S", "b.S", Options())],
        [("a.S", "a.S", Options()), ("b.S", "sub/b.S", Options())],
        [("a.S", "a.S", Options()), ("b.S", "b.S", Options(entries=("b",)))],
        [("a.S", "a.S", Options()), ("b.S", "b.S", Options(challenge=3))],
        [("a.S", "a.S", Options())],
    ],
)
def test_selection_is_that_of_inputs_order_and_options(other: list[tuple[str, str, Options]]) -> None:
    """Runs whose parts do not fit together have different selections."""
    same = [("a.S", "a.S", Options()), ("b.S", "b.S", Options())]
    assert selection(same) == selection(list(same))
    assert re.fullmatch("[0-9a-f]{64}", selection(same))
    assert selection(other) != selection(same)


def test_selection_is_not_that_of_what_is_written() -> None:
    """Where a machine writes, and whether it remembers results, does not keep its part from the others."""
    quiet, busy = Options(), Options(listing=True, cache=True, emit_smt2="here", certificate="there")
    assert selection([("a.S", "a.S", quiet)]) == selection([("a.S", "a.S", busy)])


def test_names_that_are_no_text_have_a_selection() -> None:
    """A name with bytes that are no UTF-8 is a name like any other."""
    assert selection([("\udcff.S", "\udcff.S", Options())]) != selection([("\udcfe.S", "\udcfe.S", Options())])


# A run.


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five inputs in the current directory, of which the third is violated; the analysis is replaced."""

    def verify(path: Path, options: Options, progress: Progress = SILENT) -> FileReport:
        del options, progress
        return violated(str(path)) if path.name == "3.S" else proved(str(path))

    module = ModuleType("verifier.pipeline")
    module.verify = verify  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "verifier.pipeline", module)
    monkeypatch.chdir(tmp_path)
    for number in range(1, 6):
        (tmp_path / f"{number}.S").touch()
    return tmp_path


INPUTS = [f"{number}.S" for number in range(1, 6)]


@pytest.mark.parametrize(
    ("which", "names", "status"), [("1/2", "1.S 3.S 5.S", 1), ("2/2", "2.S 4.S", 0), ("5/5", "5.S", 0)]
)
def test_a_shard_verifies_its_inputs_and_says_which(
    tree: Path, capsys: pytest.CaptureFixture[str], which: str, names: str, status: int
) -> None:
    """Only these are verified and decide the exit code; stderr and JSON say that it is a part, and of what."""
    assert main(["--no-config", "--shard", which, "--format", "json", *INPUTS]) == status
    told = capsys.readouterr()
    index, _, of = which.partition("/")
    assert told.err == f"verify-exit: shard {index} of {of}: {len(names.split())} of 5 inputs\n"
    whole = json.loads(told.out)
    jsonschema.validate(whole, SCHEMA)
    assert [one["path"] for one in whole["inputs"]] == names.split()
    assert whole["shard"] == {
        "index": int(index),
        "of": int(of),
        "inputs": 5,
        "selection": selection([(name, name, Options()) for name in INPUTS]),
    }


@pytest.mark.parametrize("gate", [[], ["--gate", "advisory"], ["--gate", "strict"]])
def test_a_shard_without_inputs_is_no_pass(tree: Path, capsys: pytest.CaptureFixture[str], gate: list[str]) -> None:
    """More shards than inputs: nothing was looked at, which is said, and the exit code is 3 under every gate."""
    files = [f"--format={name}=out.{name}" for name in FORMATS]
    assert main(["--no-config", "--shard", "6/6", *gate, *files, *INPUTS]) == 3
    line = "verify-exit: shard 6 of 6: 0 of 5 inputs; nothing is verified here, so this part alone is no pass\n"
    assert capsys.readouterr().err == line
    whole = json.loads((tree / "out.json").read_text(encoding="utf-8"))
    jsonschema.validate(whole, SCHEMA)
    assert (whole["inputs"], whole["verdict"]) == ([], "inconclusive")


def test_targets_of_a_configuration_are_spread(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a configuration means is expanded first: a shard is a part of all of that."""
    (tree / "verify-exit.toml").write_text('[[target]]\npath = "*.S"\n', encoding="utf-8")
    assert main(["--shard", "2/3", "--format", "json"]) == 0
    assert [one["path"] for one in json.loads(capsys.readouterr().out)["inputs"]] == ["2.S", "5.S"]


def test_a_waiver_for_another_shard_is_not_unused(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A shard cannot know what a waiver waives elsewhere; one that is expired is expired in each."""
    lines = [f'[[waiver]]\nid = "{name}"\nclause = "tf"\nfingerprint = "{"0" * 32}"\nreason = "r"\nowner = "o"\n'
             f"expires = {day}\n" for name, day in (("LATER", "2999-12-31"), ("OLD", "2020-01-01"))]  # fmt: skip
    (tree / "verify-exit.waivers.toml").write_text("\n".join(lines), encoding="utf-8")
    words = ["--waivers", "verify-exit.waivers.toml", "--no-config", *INPUTS]
    assert main(["--shard", "2/2", *words]) == 0
    told = capsys.readouterr().err
    assert "OLD" in told and "LATER" not in told
    assert main(words) == 1
    assert "LATER" in capsys.readouterr().err


def test_whole_runs_have_no_shard(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --shard nothing is said of shards, and the field is null."""
    assert main(["--no-config", "--format", "json", *INPUTS]) == 1
    told = capsys.readouterr()
    assert told.err == ""
    assert json.loads(told.out)["shard"] is None


def test_shards_are_told_by_the_schema() -> None:
    """The schema knows the field and refuses one that is malformed."""
    whole = json.loads(render("json", [proved()], Style()))
    good = {"index": 1, "of": 2, "inputs": 3, "selection": "0" * 64}
    jsonschema.validate(whole | {"shard": good}, SCHEMA)
    for bad in ({"index": 0}, {"of": "2"}, {"selection": "x"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(whole | {"shard": good | bad}, SCHEMA)


def test_a_shard_knows_all_inputs() -> None:
    """The record of a shard is the same on every machine but for its index."""
    listed = [(name, name, Options()) for name in INPUTS]
    assert shard_of((1, 3), listed) == replace(shard_of((2, 3), listed), index=1)
    assert shard_of((1, 3), listed).inputs == 5

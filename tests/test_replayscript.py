# SPDX-License-Identifier: BSD-2-Clause
"""The script that --emit-replay writes: it runs alone, says what it runs, and notices what was changed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.model import FileReport
from verifier.options import Options
from verifier.pipeline import verify
from verifier.replayscript import _MODULES, _PACKAGE, script

SAMPLES = Path(__file__).parent.parent / "samples"


@pytest.fixture(scope="module")
def report() -> FileReport:
    return verify(SAMPLES / "linux-2015-opportunistic.S", Options())


def execute(text: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a directory of its own, without the user's paths."""
    path = directory / "replay.py"
    path.write_text(text, encoding="utf-8")
    return subprocess.run([sys.executable, "-I", str(path)], cwd=directory, capture_output=True, text=True, check=False)


def test_script_confirms_alone(report: FileReport, tmp_path: Path) -> None:
    """The script repeats witness and counterexample and ends with 0."""
    done = execute(script([report]), tmp_path)
    assert done.stderr == ""
    assert done.returncode == 0
    assert "confirmed: tf fails after 24 instructions" in done.stdout
    assert done.stdout.endswith("2 of 2 runs ended as recorded\n")


def test_script_imports_nothing_of_ours(report: FileReport) -> None:
    """What it imports is Python's own and Unicorn, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(script([report]))):
        match node:
            case ast.Import(names=names):
                found |= {alias.name.partition(".")[0] for alias in names}
            case ast.ImportFrom(module=str(module)):
                found.add(module.partition(".")[0])
            case _:
                pass
    assert "unicorn" in found
    assert found - {"unicorn"} <= sys.stdlib_module_names


def test_script_notices_other_bytes(report: FileReport, tmp_path: Path) -> None:
    """With one instruction changed the script does not confirm, and ends with 70."""
    done = execute(script([report]).replace("0f01f8", "0f1f00"), tmp_path)
    assert done.returncode == 70
    assert "NOT as recorded" in done.stdout


def test_script_says_what_it_runs(report: FileReport) -> None:
    """Cause, inputs and path stand at its top, for a person who will not run it."""
    top = script([report]).partition("from __future__")[0]
    assert "# tf: SYSRET with TF set traps before the first user instruction, IRET after it" in top
    assert "#   frame.rflags = 0x100" in top
    assert top.count("#   0x") == 24


HOSTILE = "x'''\nimport os\nos.system('false')\r\u2028\u202e\x00\"\"\"\\"


def test_hostile_names_stay_comments(report: FileReport, tmp_path: Path) -> None:
    """A symbol, file or instruction text cannot end a comment or a string of the script."""
    site = report.sites[0]
    example = next(clause.counterexample for clause in site.clauses if clause.counterexample is not None)
    steps = tuple(replace(step, location=replace(step.location, text=HOSTILE)) for step in example.path)
    inputs = tuple(replace(one, name=HOSTILE) for one in example.inputs)
    example = replace(example, cause=HOSTILE, path=steps, inputs=inputs)
    clauses = tuple(replace(one, counterexample=example if one.counterexample else None) for one in site.clauses)
    site = replace(site, clauses=clauses, location=replace(site.location, symbol=HOSTILE))
    hostile = replace(report, sites=(site,), input=replace(report.input, path=HOSTILE))
    text = script([hostile])
    assert text.isascii() or "≠" in text
    assert len(ast.parse(text).body) == len(ast.parse(script([report])).body)
    assert execute(text, tmp_path).returncode == 0


def test_no_two_modules_define_one_name() -> None:
    """The modules share one name space in the script: a name that two of them define would be replaced."""
    defined: dict[str, set[str]] = defaultdict(set)
    for name in _MODULES:
        for node in ast.parse((_PACKAGE / f"{name}.py").read_text(encoding="utf-8")).body:
            match node:
                case ast.FunctionDef(name=own) | ast.ClassDef(name=own) | ast.AnnAssign(target=ast.Name(id=own)):
                    defined[own].add(ast.dump(node))
                case ast.Assign(targets=[ast.Name(id=own)]):
                    defined[own].add(ast.dump(node.value))
                case _:
                    pass
    assert [name for name, definitions in defined.items() if len(definitions) > 1] == []


def test_option_writes_the_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--emit-replay writes a file beside the report; the exit code stays the verdict's."""
    path = tmp_path / "again.py"
    assert main([str(SAMPLES / "linux-2015-opportunistic.S"), "-q", "--emit-replay", str(path)]) == 1
    assert execute(path.read_text(encoding="utf-8"), tmp_path).returncode == 0
    capsys.readouterr()


def test_nothing_to_replay_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run without an exit has no script: that is said, and the exit code stays the verdict's."""
    path = tmp_path / "again.py"
    assert main([str(SAMPLES / "hazard-unknown-avx.S"), "-q", "--emit-replay", str(path)]) == 3
    assert not path.exists()
    assert "nothing to replay" in capsys.readouterr().err


def test_script_is_no_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script that would overwrite the file under test is refused before anything runs."""
    path = tmp_path / "exit.S"
    path.write_text("nop\n")
    assert main([str(path), "--emit-replay", str(path)]) == 2
    assert path.read_text() == "nop\n"
    capsys.readouterr()

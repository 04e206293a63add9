# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit doctor``: each check alone, what a broken installation looks like, and the real self-test."""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from verifier import assemble, cache, contract, doctor
from verifier.cli import main
from verifier.console import use_color
from verifier.doctor import Finding, Surroundings, as_text, examine, exit_code, pins, why_color
from verifier.model import UserError


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No assembler is asked and nothing is verified."""
    versions = (("as", "GNU assembler 2.40"), ("gcc", "gcc 12.2.0"))
    monkeypatch.setattr(assemble, "assembler_versions", lambda: versions)
    monkeypatch.setattr(doctor, "self_test", lambda _: [Finding("self-test", "a safe path", "ok", "proved")])


def look(directory: Path) -> dict[str, Finding]:
    """The findings by their names."""
    return {one.name: one for one in examine(Surroundings(io.StringIO(), {}, directory))}


def raising(error: Exception) -> Callable[..., Any]:
    def function(*_: object, **__: object) -> None:
        raise error

    return function


def test_both_verdicts_are_what_they_should_be() -> None:
    """The self-test comes from text to one proof and one replayed counterexample, of the clause that is broken."""
    found = doctor.self_test()
    assert [(one.state, one.text) for one in found] == [
        ("ok", "proved, as it should be"),
        ("ok", "violated (canonical), as it should be"),
    ]


def test_self_test_notices_a_wrong_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that calls everything proved, or nothing, fails the self-test, and that is exit code 70."""
    text = doctor.path_text
    for always in (True, False):
        monkeypatch.setattr(doctor, "path_text", lambda contract, _, always=always: text(contract, always))
        found = doctor.self_test()
        assert {one.state for one in found} == {"ok", "failed"}
        assert "it should be" in next(one.text for one in found if one.state == "failed")
        assert exit_code(found) == 70


def test_missing_assembler_is_exit_code_4(
    quick: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without an assembler the answer says what to install, runs no self-test, and ends with 4."""
    monkeypatch.undo()
    monkeypatch.setattr(assemble, "assembler_versions", lambda: (("as", "not found"), ("gcc", "gcc 12")))
    assert main(["doctor"]) == 4
    out = capsys.readouterr().out
    assert "missing  as" in out
    assert "install GNU binutils" in out
    assert "not run: it begins with assembling" in out


def test_broken_package_is_a_line(quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package that is missing, one that fails to import, one of another version: each is a finding of its own."""
    version, load = metadata.version, importlib.import_module

    def installed(name: str) -> str:
        if name == "capstone":
            raise metadata.PackageNotFoundError(name)
        return "0.0.1" if name == "unicorn" else version(name)

    def imported(name: str) -> Any:
        if name == "pyvex":
            raise OSError("libpyvex.so: cannot open shared object file")
        return load(name)

    monkeypatch.setattr(metadata, "version", installed)
    monkeypatch.setattr(doctor, "import_module", imported)
    found = look(tmp_path)
    assert (found["capstone"].state, found["capstone"].text) == ("failed", "not installed")
    assert found["capstone"].hint.startswith("pip install 'capstone==")
    assert found["pyvex"].state == "failed"
    assert "OSError: libpyvex.so" in found["pyvex"].text
    assert found["unicorn"].state == "warning"
    assert "0.0.1, but " in found["unicorn"].text
    assert found["claripy"].state == "ok"


def test_missing_solver_is_only_noted(quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """cvc5 and bitwuzla are optional: without them nothing is wrong."""
    version = metadata.version

    def installed(name: str) -> str:
        if name in doctor.OPTIONAL:
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", installed)
    found = look(tmp_path)
    assert {found[name].state for name in doctor.OPTIONAL} == {"note"}
    assert exit_code(tuple(found.values())) == 0


@pytest.mark.parametrize("name", ["_program", "_python", "_data", "_landlock", "_configuration", "_cache", "_terminal"])
def test_broken_check_does_not_stop_the_others(
    quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """Whatever a check meets, the other checks are still there and nothing is raised."""
    expected = len(look(tmp_path))
    monkeypatch.setattr(doctor, name, raising(RuntimeError("out of luck")))
    found = look(tmp_path)
    assert len(found) == expected
    assert [one.text for one in found.values() if one.state == "failed"] == ["RuntimeError: out of luck"]


def test_missing_data_files_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without its contracts the tool is not ready, and says so instead of failing."""
    error = UserError("contract-not-found", "the data files that ship with verify-exit are missing; reinstall it", 2)
    for module in (contract, doctor):
        monkeypatch.setattr(module, "specs_dir", raising(error))
    found = examine(Surroundings(io.StringIO(), {}, tmp_path))
    assert error.message in [one.text for one in found if one.state == "failed"]
    assert exit_code(found) == 70
    assert "no verdict" in doctor.verdict(found)


def test_tested_versions_are_the_exact_pins() -> None:
    """Only a requirement that names one version is compared; markers and ranges are not versions."""
    assert pins(['angr==9.2.1 ; python_version > "3"', "rich<16,>=14", 'cvc5==1.4.2; extra == "cross-check"']) == {
        "angr": "9.2.1",
        "cvc5": "1.4.2",
    }


def test_every_engine_has_a_tested_version() -> None:
    """Each package that a verdict rests on, and each further solver, is pinned to one version."""
    assert {*doctor.ENGINES, *doctor.OPTIONAL} <= set(doctor._pinned())


def test_cache_is_named(quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The cache's place and size; off where a variable says so; a file that is none of ours is a warning."""
    monkeypatch.setattr(cache, "directory", lambda: tmp_path)
    assert look(tmp_path)["cache"].text == f"0 results, 0 KiB, in {tmp_path / cache.FILE}"
    assert not (tmp_path / cache.FILE).exists()
    for variable in (cache.OFF, "CI"):
        found = {one.name: one for one in examine(Surroundings(io.StringIO(), {variable: "1"}, tmp_path))}
        assert found["cache"].state == "note"
        assert found["cache"].text.startswith("off: ")
    (tmp_path / cache.FILE).write_text("not a database, but text of some length " * 50)
    assert look(tmp_path)["cache"].state == "warning"
    assert look(tmp_path)["cache"].hint == f"remove {tmp_path / cache.FILE}"


def test_configuration_is_named(quick: None, tmp_path: Path) -> None:
    """A configuration is found from below it, a wrong one is a warning with its message, none is a note."""
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "arch"
    inner.mkdir()
    assert look(inner)["configuration"].state == "note"
    (tmp_path / "verify-exit.toml").write_text('[[target]]\npath = "a.S"\n', encoding="utf-8")
    assert look(inner)["configuration"].text == "../verify-exit.toml, 1 target"
    (tmp_path / "verify-exit.toml").write_text("contrakt = 1\n", encoding="utf-8")
    assert look(inner)["configuration"].state == "warning"
    assert "contrakt" in look(inner)["configuration"].text


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("no_color", [None, "", "1"])
@pytest.mark.parametrize("force", [None, "", "1", "0"])
@pytest.mark.parametrize("term", [None, "dumb", "xterm"])
def test_reason_for_colour_fits_the_decision(
    terminal: bool, no_color: str | None, force: str | None, term: str | None
) -> None:
    """What doctor says about colour is what the program does, and names a variable only where it is set."""
    stream = Terminal() if terminal else io.StringIO()
    given = {"NO_COLOR": no_color, "FORCE_COLOR": force, "TERM": term}
    environment = {name: value for name, value in given.items() if value is not None}
    said = why_color(stream, environment)
    assert said.startswith("colour: ") == use_color("auto", stream, environment)
    assert ("NO_COLOR" in said) == bool(no_color)
    assert ("FORCE_COLOR" in said) == bool(force and not no_color)


FOUND = (
    Finding("program", "python", "ok", "3.11.7"),
    Finding("engines", "pyvex", "warning", "9.2.1, but 9.2.213 is what was tested", "pip install 'pyvex==9.2.213'"),
    Finding("engines", "z3-solver", "failed", "not \x1b[2J installed", "pip install 'z3-solver==4.13.0.0'"),
)


def test_text_is_aligned() -> None:
    """States and names have columns, a hint has an arrow, and the last line is the sum."""
    assert as_text(FOUND, 80, color=False).split("\n") == [
        "program",
        "  ok       python     3.11.7",
        "",
        "engines",
        "  warning  pyvex      9.2.1, but 9.2.213 is what was tested",
        "                      → pip install 'pyvex==9.2.213'",
        r"  failed   z3-solver  not \x1b[2J installed",
        "                      → pip install 'z3-solver==4.13.0.0'",
        "",
        "Ready, with 2 warnings.",
        "",
    ]


@pytest.mark.parametrize("columns", [40, 50, 60])
def test_text_fits_a_narrow_terminal(columns: int) -> None:
    """Below 60 columns texts go under their names; no line is wider than the terminal."""
    said = as_text(FOUND, columns, color=False)
    assert max(map(len, said.split("\n"))) <= columns
    assert (
        as_text(FOUND, columns, color=True)
        .replace("\x1b[32m", "")
        .replace("\x1b[33m", "")
        .replace("\x1b[1;31m", "")
        .replace("\x1b[0m", "")
        == said
    )


def test_json_has_every_check(quick: None, capsys: pytest.CaptureFixture[str]) -> None:
    """--json is one document with the exit code and the same findings."""
    assert main(["doctor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["exit_code"]) == ("verify-exit-doctor/1", 0)
    assert {"python", "data files", "as", "pyvex", "cvc5", "cache", "output"} <= {
        one["name"] for one in document["checks"]
    }


def test_doctor_takes_no_argument(capsys: pytest.CaptureFixture[str]) -> None:
    """A stray word is a usage error."""
    assert main(["doctor", "me"]) == 2
    assert "error[usage]" in capsys.readouterr().err

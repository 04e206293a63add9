# SPDX-License-Identifier: BSD-2-Clause
"""Shell completion: the scripts that are checked in are what the parsers make, and bash really completes with one."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import golden
import pytest

from verifier.clauses import CLAUSES
from verifier.cli import main
from verifier.commands import COMMANDS, completed
from verifier.completion import FILES, SHELLS, Words, commands
from verifier.completion.model import SOLVERS, brief, quoted
from verifier.contract import contract_names
from verifier.crosscheck import SOLVERS as KNOWN_SOLVERS
from verifier.errors import ERRORS
from verifier.parsers import SUBPARSERS, build_parser, completion_parser
from verifier.reasons import REASONS
from verifier.report import FORMATS

HARNESS = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_verify_exit
((${#COMPREPLY[@]} == 0)) || printf '%s\\n' "${COMPREPLY[@]}"
"""

WORDS = Words(("one-contract",), ("text", "json"), ("canonical",))


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script for bash as a file."""
    path = tmp_path_factory.mktemp("bash") / "script.bash"
    path.write_text(SHELLS["bash"](completed()), encoding="utf-8")
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with files of several kinds."""
    directory = tmp_path / "place"
    (directory / "arch").mkdir(parents=True)
    for name in ("entry.S", "exit.o", "notes.txt", "report.json", "own.toml", "vmlinux", "with space.S"):
        (directory / name).touch()
    return directory


def offered(script: Path, place: Path, *words: str, before: str = "") -> set[str]:
    """What bash offers for the last of these words, which Readline has split at "="."""
    done = subprocess.run(
        ["bash", "--norc", "-c", before + HARNESS, "bash", str(script), "verify-exit", *words],
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return set(done.stdout.splitlines())


@pytest.mark.parametrize("shell", SHELLS)
def test_script_is_what_the_parsers_make(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The scripts that the package installs are made from today's options; VERIFY_EXIT_GOLDEN=1 writes them anew."""
    assert main(["completion", shell]) == 0
    golden.check(f"../../docs/completions/{FILES[shell]}", capsys.readouterr().out)


def test_every_command_has_a_parser() -> None:
    """A sub-command that runs can be completed and is in the manual, and nothing else is."""
    assert set(COMMANDS) == set(SUBPARSERS)
    assert [command.name for command in completed()] == ["", *SUBPARSERS]


def test_shells_are_those_that_the_parser_takes() -> None:
    """completion takes exactly the shells that there is a script for."""
    (shells,) = (action.choices for action in completion_parser()._actions if not action.option_strings)
    assert shells is not None
    assert set(shells) == set(SHELLS) == set(FILES)


def test_solvers_are_those_of_the_cross_check() -> None:
    """The words for --cross-check are the solvers that it knows."""
    assert SOLVERS == KNOWN_SOLVERS


def test_every_option_is_in_every_script() -> None:
    """No option of any command is left out of a script."""
    known = completed()
    bash, zsh, fish = (SHELLS[shell](known) for shell in ("bash", "zsh", "fish"))
    for command in known:
        offer = next(line for line in bash.split("\n") if line.strip().startswith(f"{command.name or quoted('')}) _v"))
        for name in (name for option in command.options for name in option.names):
            assert f" {name} " in offer
            assert re.search(rf"[)*]{re.escape(name)}[=+]?\[", zsh)
            assert (f" -l {name[2:]} " if name.startswith("--") else f" -s {name[1:]} ") in fish


def test_unknown_metavar_is_an_error() -> None:
    """An option whose value nobody has thought about cannot be added silently."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--new", metavar="THING")
    with pytest.raises(ValueError, match="THING"):
        commands(parser, {}, WORDS)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--prof"], {"--profile"}),
        (["--profile", ""], {"seed", "safety", "equivalence"}),
        (["--profile", "=", "s"], {"seed", "safety"}),
        (["--gate", "n"], {"new-only"}),
        (["--format", "js"], {"json"}),
        (["--format", "=", "js"], {"json"}),
        (["--format", "json", "="], {"arch", "entry.S", "exit.o", "notes.txt", "own.toml", "report.json", "vmlinux",
                                     "with space.S"}),
        (["--format", "json", "=", "rep"], {"report.json"}),
        (["--format", "=", "json", "=", "rep"], {"report.json"}),
        (["--baseline", ""], {"arch", "report.json"}),
        (["--emit-replay", "n"], {"notes.txt"}),
        (["-I", ""], {"arch"}),
        (["--cross-check", "cvc5,b"], {"cvc5,bitwuzla"}),
        (["--timeout", ""], set()),
        (["ex"], {"explain", "explain-frame", "exit.o"}),
        (["init", ""], {"arch"}),
        (["--contract", "lin"], {name for name in contract_names() if name.startswith("lin")}),
        (["--contract", "o"], {"openbsd", "own.toml"}),
        (["explain", "canonical", "no-sys"], {"no-sysret"}),
        (["explain", "gpr.rb"], {"gpr.rbp", "gpr.rbx"}),
        (["completion", ""], {"bash", "fish", "zsh"}),
        (["replay", "-"], {"-h", "--help", "-v", "--verbose", "-q", "--quiet"}),
        (["replay", "r"], {"report.json"}),
        (["doctor", "--color", "n"], {"never"}),
        (["entry.S", "ex"], {"exit.o"}),
        (["--", "--profile", ""], {"arch", "entry.S", "exit.o", "vmlinux", "with space.S"}),
        (["no"], {"notes.txt"}),
        (["-v", ""], {"arch", "entry.S", "exit.o", "vmlinux", "with space.S"}),
    ],
    ids=lambda given: shlex.join(given) if isinstance(given, list) else "",
)  # fmt: skip
def test_bash_offers(script: Path, place: Path, words: list[str], expected: set[str]) -> None:
    """bash offers exactly this, whether Readline splits at "=" or not."""
    assert offered(script, place, *words) == expected


def test_first_word_is_a_file_or_a_command(script: Path, place: Path) -> None:
    """In the first place stand files to verify and every sub-command."""
    assert offered(script, place, "") == {"arch", "entry.S", "exit.o", "vmlinux", "with space.S", *COMMANDS}


def test_bash_where_equals_signs_end_no_word(script: Path, place: Path) -> None:
    """With "=" taken out of COMP_WORDBREAKS the offers hold the whole word."""
    no_equals = "COMP_WORDBREAKS=$' \\t\\n'\n"
    assert offered(script, place, "--format", "json=rep", before=no_equals) == {"json=report.json"}
    assert offered(script, place, "--profile=eq", before=no_equals) == {"--profile=equivalence"}


def test_bash_accepts_the_script(script: Path) -> None:
    """The script has no syntax error and registers itself for the program's name."""
    said = subprocess.run(
        ["bash", "--norc", "-c", 'source "$1" && complete -p verify-exit', "bash", str(script)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "complete -F _verify_exit verify-exit\n"


def test_every_id_of_explain_is_offered(script: Path, place: Path) -> None:
    """Clauses, reasons, errors and formats: what explain takes is offered behind it."""
    ids = offered(script, place, "explain", "")
    clauses = {clause.id for clause in CLAUSES}
    assert {
        *clauses,
        *(one.code for one in REASONS),
        *(one.code for one in ERRORS),
        *FORMATS,
        "gpr.rax",
        "entry-cpl0",
        "130",
    } <= ids


def test_quotes_in_help_stay_inside_their_word() -> None:
    """A help text with quotes, brackets, a colon or a backslash cannot end the word that it is in."""
    hostile = "it's a [test]: of \\ and $(id) `id`"
    main_command, *others = commands(build_parser(), {}, WORDS)
    option = replace(main_command.options[0], help=hostile)
    made = replace(main_command, options=(option,))
    zsh = next(line for line in SHELLS["zsh"]([made, *others]).split("\n") if "test" in line)
    assert shlex.split(zsh.strip().removesuffix("\\").strip())[0].count(r"it's a \[test\]\: of \\ and $(id) `id`") == 1
    fish = next(line for line in SHELLS["fish"]([made, *others]).split("\n") if "[test]" in line)
    assert re.search(r"-d 'it\\'s a \[test\]: of \\\\ and \$\(id\) `id`'$", fish)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("which clauses must hold (default: all)", "which clauses must hold"),
        ("write it; repeatable", "write it"),
        ("Print a script.", "Print a script"),
        ("100%% of it", "100% of it"),
        ("word " * 30, "word word word word word word word word word word word…"),
    ],
)
def test_help_is_cut_for_a_menu(text: str, said: str) -> None:
    """A menu shows the first words only."""
    assert brief(text) == said

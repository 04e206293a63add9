# SPDX-License-Identifier: BSD-2-Clause
"""The program as a user starts it, on real samples: exit codes, streams, JSON, widths, the README's output."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from verifier.listing import reader
from verifier.model import Location

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = json.loads((ROOT / "specs/schema/verify-exit-1.schema.json").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")

PROVED, VIOLATED = "samples/linux-2015-seed.S", "samples/linux-2015-opportunistic.S"
OPEN, MISSING = "samples/inconclusive-no-sysret.S", "samples/no-such-file.S"


@dataclass(frozen=True)
class Done:
    """What a run left behind."""

    status: int
    out: str
    err: str


@cache
def run(*words: str, environment: tuple[tuple[str, str], ...] = ()) -> Done:
    """Run ``python -m verifier`` at the root of the project, with no terminal and none of its variables."""
    unwanted = ("COLUMNS", "NO_COLOR", "FORCE_COLOR")
    inherited = {name: value for name, value in os.environ.items() if name not in unwanted}
    done = subprocess.run(
        [sys.executable, "-m", "verifier", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env=inherited | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"} | dict(environment),
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ((PROVED,), 0),
        ((VIOLATED,), 1),
        (("--contract", "no-such-kernel", PROVED), 2),
        (("--vendor", "via", PROVED), 2),
        ((OPEN,), 3),
        ((MISSING,), 4),
        ((PROVED, OPEN), 3),
        ((OPEN, MISSING, PROVED, VIOLATED), 1),
    ],
)
def test_exit_code_of_a_real_run(words: tuple[str, ...], status: int) -> None:
    """Each documented status is what the shell sees, and the worst file decides."""
    assert run(*words).status == status


def test_source_that_does_not_assemble(tmp_path: Path) -> None:
    """A syntax error ends in 4, with the assembler's message and its line on stderr."""
    source = tmp_path / "wrong.S"
    source.write_text("\t.globl go\ngo:\tmovq %rax\n", encoding="utf-8")
    done = run(str(source))
    assert done.status == 4
    assert "error[assembler-error]" in done.err
    assert f"{source}:2: " in done.err


def test_streams_of_real_runs() -> None:
    """A verdict writes to stdout only; neither the engine nor its libraries say anything on stderr."""
    for path in (PROVED, VIOLATED, OPEN):
        done = run(path)
        assert done.err == ""
        assert done.out.startswith(f"{path}: ")


@pytest.mark.parametrize("inputs", [(PROVED,), (VIOLATED,), (OPEN,), (MISSING,), (OPEN, MISSING, PROVED, VIOLATED)])
def test_json_of_real_runs(inputs: tuple[str, ...]) -> None:
    """JSON is valid, and byte-identical between two processes that differ in all that may not matter."""
    other = (("PYTHONHASHSEED", "7"), ("COLUMNS", "60"), ("FORCE_COLOR", "1"), ("TZ", "Asia/Tokyo"))
    first = run("--format", "json", *inputs, environment=(("PYTHONHASHSEED", "1"),))
    second = run("--format", "json", "-v", *inputs, environment=other)
    assert first.out == second.out
    whole = json.loads(first.out)
    jsonschema.Draft202012Validator(SCHEMA).validate(whole)
    assert [item["path"] for item in whole["inputs"]] == list(inputs)
    assert first.status == second.status == run(*inputs).status
    assert str(ROOT) not in first.out


def test_text_is_the_same_on_every_run() -> None:
    """Text without -v holds nothing that changes between runs either."""
    assert run(VIOLATED).out == run(VIOLATED, environment=(("PYTHONHASHSEED", "5"),)).out


@pytest.mark.parametrize("width", [60, 80, 200])
def test_columns_are_kept(width: int) -> None:
    """COLUMNS sets the width of a pipe; only verdict lines, editor lines and the command may be longer."""
    out = run(VIOLATED, OPEN, environment=(("COLUMNS", str(width)),)).out
    whole = re.compile(r"(samples/\S+: [A-Z]+|samples/\S+: (error|warning): |Reproduce: )")
    assert [line for line in out.split("\n") if len(line) > width and not whole.match(line)] == []
    assert max(map(len, out.split("\n"))) > 60
    assert "0xffff888000000000" in out


@pytest.mark.parametrize(
    ("environment", "colored"),
    [
        ((), False),
        ((("FORCE_COLOR", "1"),), True),
        ((("FORCE_COLOR", "1"), ("NO_COLOR", "1")), False),
    ],
)
def test_color_variables(environment: tuple[tuple[str, str], ...], colored: bool) -> None:
    """FORCE_COLOR colours a pipe, NO_COLOR wins over it, and no colour changes a letter."""
    out = run(OPEN, environment=environment).out
    assert ("\x1b[" in out) == colored
    plain = "\n".join(line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", out).split("\n"))
    assert plain == run(OPEN).out


def test_path_shows_the_source_beside_the_disassembly() -> None:
    """The words of the source, macros included, stand at the first instruction that they became."""
    out = run(VIOLATED).out
    assert re.search(r"^ +49 +\+0x0 +movq SAVED_RCX\(%rsp\), %rcx +movq 0x28\(%rsp\), %rcx$", out, re.MULTILINE)
    assert re.search(r"^ +73 +\+0x36 +take_back_but_r11 +movq 8\(%rsp\), %r10\n +\+0x3b +movq", out, re.MULTILINE)


def test_source_text_comes_from_the_input_and_its_directory_only(tmp_path: Path) -> None:
    """A line table that names another file cannot make a report quote it; nor can a symbolic link."""
    inside = tmp_path / "tree"
    inside.mkdir()
    (tmp_path / "secret.h").write_text("secret\n", encoding="utf-8")
    (inside / "near.h").write_text("one\n\t two\t three \n", encoding="utf-8")
    (inside / "notes.txt").write_text("notes\n", encoding="utf-8")
    (inside / "link.h").symlink_to(tmp_path / "secret.h")
    line_of = reader(inside / "x.S", b"\tfirst  line\nsecond\x1b")

    def at(file: str | None, line: int | None) -> str:
        return line_of(Location(0, None, 0, file, line, ""))

    assert at(str(inside / "x.S"), 1) == "first line"
    assert at(str(inside / "near.h"), 2) == "two three"
    for file in ("near.h/../../secret.h", "../secret.h", "link.h", "notes.txt", "none.h", "."):
        assert at(str(inside / file), 1) == ""
    assert at("/etc/passwd", 1) == ""
    assert [at(str(inside / "x.S"), line) for line in (0, -1, 3, None)] == ["", "", "", ""]
    assert at(None, 1) == ""


# The README.

SHOWN = re.findall(r"^```console\n(\$ verify-exit .+?)^```$", README, re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[tuple[list[str], list[str]]]:
    """The commands of a console block, each with the lines shown after it."""
    found: list[tuple[list[str], list[str]]] = []
    for line in block.rstrip("\n").split("\n"):
        if line.startswith("$ "):
            found.append((line[2:].split(), []))
        else:
            found[-1][1].append(line)
    return found


def stands_in(shown: list[str], real: list[str]) -> bool:
    """Whether ``shown`` is ``real`` with runs of lines left out, each marked by a line that is "…"."""
    if not shown:
        return not real
    if shown[0].strip() == "…":
        return any(stands_in(shown[1:], real[start:]) for start in range(1, len(real) + 1))
    return bool(real) and shown[0] == real[0] and stands_in(shown[1:], real[1:])


def test_the_comparison_with_the_readme_can_fail() -> None:
    """An ellipsis stands for one or more lines, and nothing else is forgiven."""
    assert stands_in(["a", "…", "d"], ["a", "b", "c", "d"])
    assert stands_in(["…"], ["a"])
    for shown in (["a", "d"], ["a", "…", "c"], ["a", "b", "c", "d", "…"], ["…", "b", "d"], []):
        assert not stands_in(shown, ["a", "b", "c", "d"])


def test_readme_shows_what_the_program_prints() -> None:
    """Every line of output in the README is real, in order, and so is each exit code."""
    statuses: list[int | None] = []
    for block in SHOWN:
        status: int | None = None
        for words, shown in commands(block):
            if words == ["echo", "$?"]:
                assert shown == [str(status)]
                statuses.append(status)
                continue
            assert words[0] == "verify-exit"
            done = run(*words[1:])
            status = done.status
            assert stands_in(shown, done.out.rstrip("\n").split("\n")), words
    assert statuses == [0, 1, 5]

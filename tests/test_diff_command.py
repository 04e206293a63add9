# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit diff``: two versions from files and revisions, the user's names in every output, the exit status."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from test_revisions import commit, git, repository as repository  # a fixture

from verifier import diffcommand
from verifier.cli import main
from verifier.insights import Comparison, Divergence, Side
from verifier.model import FileReport
from verifier.opening import Opened
from verifier.parsers import DIFF_FORMATS
from verifier.pipeline import analysed
from verifier.progress import Progress
from verifier.report import Style
from verifier.rewording import reworded

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
TEMPORARY = re.compile(r"verify-exit-[a-z0-9_]{8}")

Status = Literal["equivalent", "safe", "unsafe", "inconclusive"]

LOWER_HALF = "movq %rcx, %rax\nshrq $47, %rax\njnz slow\n"
"""Only addresses of the lower half go on."""
QUICK = ("--profile", "seed", "--vendor", "intel", "--paging", "la48")

SIGN_EXTENDED = "movq %rcx, %rax\nshlq $16, %rax\nsarq $16, %rax\ncmpq %rax, %rcx\njne slow\n"
"""Every canonical address of 48 bits goes on."""
WRONG = LOWER_HALF.replace("47", "48")
"""The hole of 48 bits begins one bit lower: addresses in it go on."""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Comparison]]:
    """What would have been written, as (format, comparison)."""
    found: list[tuple[str, Comparison]] = []
    real = diffcommand._rendered

    def rendered(form: str, comparison: Comparison, report: FileReport, style: Style) -> str:
        found.append((form, comparison))
        return real(form, comparison, report, style)

    monkeypatch.setattr(diffcommand, "_rendered", rendered)
    return found


def divergence(wrong: bool) -> Divergence:
    """A difference that nothing more is known of."""
    return Divergence(
        "newly-fast", (("intel", "la48"),), wrong, wrong, (), False, (), False, (), None, None, "sysretq", "iretq", ()
    )


def standing_in(
    monkeypatch: pytest.MonkeyPatch, status: Status, divergences: Sequence[Divergence], reasons: tuple[str, ...]
) -> None:
    """Let the comparison find this, whatever the versions are."""

    def compare(base: Any, head: Any, progress: Any) -> Comparison:
        one, other = (
            Side(report.input.path, report.input.sha256, "", report.verdict, ()) for report, _ in (base, head)
        )
        return Comparison(one, other, status, tuple(divergences), reasons, ())

    monkeypatch.setattr("verifier.differ.compare", compare)
    monkeypatch.setattr("verifier.pipeline.surveyed", remembered)


def remembered(found: Opened, progress: Progress) -> tuple[FileReport, tuple[()]]:
    """The report alone, verified once for all tests that put something else in the place of the comparison."""
    key = hashlib.sha256(found.code.data).hexdigest()
    if key not in _REPORTS:
        _REPORTS[key] = analysed(found, progress)
    return _REPORTS[key], ()


_REPORTS: dict[str, FileReport] = {}


def with_test(instructions: str) -> str:
    """A header whose macro is the test of the address."""
    return f".macro test_the_address\n{instructions}.endm\n"


@pytest.fixture
def here(repository: Path) -> Path:
    """A repository whose exit path is in three files, and its revisions: lower, extended and wrong."""
    source = (SAMPLES / "canonical-shr47.S").read_text()
    assert source.count(LOWER) == 1
    source = source.replace(LOWER, "\ttest_the_address\n").replace('"exit.h"\n', '"exit.h"\n#include "test.h"\n')
    Path("exit.S").write_text(source)
    shutil.copy(SAMPLES / "exit.h", "exit.h")
    for name, instructions in (("lower", LOWER_HALF), ("extended", SIGN_EXTENDED), ("wrong", WRONG)):
        commit(test_h=with_test(instructions))
        git("tag", name)
    return repository


LOWER = "\tmovq\t%rcx, %rax\n\tshrq\t$47, %rax\n\tjnz\tslow\n"


@pytest.mark.parametrize(
    ("base", "head", "code", "status"),
    [
        ("lower:exit.S", "lower:exit.S", 0, "equivalent"),
        ("lower:exit.S", "extended:exit.S", 5, "safe"),
        ("extended:exit.S", "wrong:exit.S", 1, "unsafe"),
        ("lower:exit.S", "exit.S", 1, "unsafe"),
    ],
)
def test_only_a_header_changed(
    here: Path, told: list[tuple[str, Comparison]], base: str, head: str, code: int, status: str
) -> None:
    """The source is the same text in every revision; what its header's macro does decides."""
    assert main(["diff", base, head]) == code
    [(form, found)] = told
    assert (form, found.status, found.base.path, found.head.path) == ("text", status, base, head)


def test_what_the_sign_extension_gained(here: Path, told: list[tuple[str, Comparison]]) -> None:
    """From the lower half to all canonical addresses of 48 bits: HEAD newly takes SYSRET for the upper half alone."""
    assert main(["diff", "lower:exit.S", "extended:exit.S", *QUICK]) == 5
    [one] = told[0][1].divergences
    assert (one.kind, one.wrong, one.ranges_exact) == ("newly-fast", False, True)
    assert one.ranges == ((0xFFFF800000000000, 0xFFFFFFFFFFFFFFFF),)


def test_a_file_that_moved(here: Path) -> None:
    """Another directory for the source and its headers changes nothing."""
    Path("arch").mkdir()
    for name in ("exit.S", "exit.h", "test.h"):
        Path(name).rename(f"arch/{name}")
    git("add", "--all")
    git("commit", "--quiet", "--message", "moved")
    assert main(["diff", "wrong:exit.S", "HEAD:arch/exit.S", *QUICK]) == 0
    Path("arch/test.h").write_text(with_test(LOWER_HALF))
    assert main(["diff", "wrong:exit.S", "arch/exit.S", *QUICK]) == 5


def test_objects_of_revisions(here: Path) -> None:
    """An object in a revision is compared with the source that it was made of."""
    text = subprocess.run(
        ["gcc", "-E", "-x", "assembler-with-cpp", "exit.S"], check=True, capture_output=True, text=True
    ).stdout
    subprocess.run(["as", "--64", "-o", "exit.o", "-"], check=True, input=text, text=True)
    commit()
    words = ["--entry", "exit_to_user", "--contract", "linux", *QUICK]
    assert main(["diff", "HEAD:exit.o", "wrong:exit.S", *words]) == 0
    assert main(["diff", "extended:exit.S", "HEAD:exit.o", *words]) == 1


@pytest.mark.parametrize("form", DIFF_FORMATS)
def test_no_temporary_name_is_told(here: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every output names files as the user knows them: REV:path, also for included ones."""
    assert main(["diff", "lower:exit.S", "wrong:./exit.S", "--format", f"{form}=out", *QUICK]) == 1
    written = Path("out").read_text()
    assert "wrong:exit.S" in written
    for text in (written, *capsys.readouterr()):
        assert not TEMPORARY.search(text) and "/tree/" not in text


def test_errors_of_a_revision_name_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing header, a wrong instruction and a wrong header line are told with side, revision, file and line."""
    commit(bad_S='#include "gone.h"\n', wrong_S="nop\nnonsense %rax\n", header_S="# ENTRYS: x\n")
    for name, said in (
        ("bad", "HEAD: HEAD:bad.S:1:10: fatal error: gone.h"),
        ("wrong", "HEAD: HEAD:wrong.S:2: Error: no such instruction"),
        ("header", "HEAD: HEAD:header.S:1: unknown header key"),
    ):
        assert main(["diff", "lower:exit.S", f"HEAD:{name}.S"]) in (2, 4)
        error = capsys.readouterr().err
        assert said in error and not TEMPORARY.search(error)


@pytest.mark.parametrize(
    ("base", "head", "code", "said"),
    [
        ("none.S", "exit.S", 4, "error[input-not-found]: BASE: none.S: no such file"),
        ("exit.S", "none.S", 4, "error[input-not-found]: HEAD: none.S: no such file"),
        ("exit.S", "nope:exit.S", 4, "error[revision-unknown]: HEAD: nope:exit.S: nope is no revision"),
        ("lower:exit", "exit.S", 4, "error[revision-path]: BASE: lower:exit: the revision has no such file"),
        ("lower:exit.h", "exit.S", 4, "BASE: lower:exit.h"),
        (".", "exit.S", 4, "error[input-invalid]: BASE: .: this is a directory"),
        ("exit.S\0", "exit.S", 4, "error[input-not-found]: BASE: exit.S\\x00"),
    ],
)
def test_errors_name_the_side(
    here: Path, base: str, head: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error says which of the two versions it is about, in one line, with the usual status."""
    assert main(["diff", base, head]) == code
    shown = capsys.readouterr()
    assert said in shown.err and shown.out == ""
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["exit.S"], "required: HEAD"),
        (["exit.S", "exit.S", "--format", "sarif"], "--format sarif: available are text, json, markdown, html"),
        (["exit.S", "exit.S", "--format", "jsn"], "did you mean json?"),
        (["exit.S", "exit.h", "--format", "json=exit.h"], "an output file is also an input"),
        (["lower:exit.S", "exit.S", "-p", "."], "BASE: lower:exit.S: -p is a build of the working tree"),
    ],
)
def test_a_wrong_command_line(here: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be meant ends with 2 before any work, and nothing is written over."""
    before = Path("exit.h").read_bytes()
    assert main(["diff", *words]) == 2
    assert said in capsys.readouterr().err
    assert Path("exit.h").read_bytes() == before


@pytest.mark.parametrize(
    ("status", "wrong", "code"),
    [("equivalent", None, 0), ("safe", False, 5), ("unsafe", True, 1), ("inconclusive", None, 3)],
)
def test_status_and_exit_code(
    here: Path, monkeypatch: pytest.MonkeyPatch, status: Status, wrong: bool | None, code: int
) -> None:
    """Each status of a comparison has its exit code, whatever the format."""
    found = () if wrong is None else (divergence(wrong),)
    standing_in(monkeypatch, status, found, ("the solver gave up",) if status == "inconclusive" else ())
    for form in DIFF_FORMATS:
        assert main(["diff", "lower:exit.S", "lower:exit.S", "--format", f"{form}=out", *QUICK]) == code


@pytest.mark.parametrize(
    ("status", "head", "divergences", "reasons"),
    [
        ("equivalent", "lower", (divergence(False),), ()),
        ("equivalent", "lower", (), ("open",)),
        ("safe", "lower", (), ()),
        ("safe", "lower", (divergence(True),), ()),
        ("safe", "wrong", (divergence(False),), ()),
        ("safe", "lower", (divergence(False),), ("open",)),
        ("unsafe", "lower", (divergence(False),), ()),
        ("inconclusive", "lower", (), ()),
    ],
)
def test_a_status_that_is_not_borne_out(
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: Status,
    head: str,
    divergences: tuple[Divergence, ...],
    reasons: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A comparison that contradicts itself is a defect, never a pass."""
    standing_in(monkeypatch, status, divergences, reasons)
    assert main(["diff", "lower:exit.S", f"{head}:exit.S", *QUICK]) == 70
    assert "internal error" in capsys.readouterr().err


def test_an_open_version_is_no_pass(here: Path) -> None:
    """A version whose exit is never reached leaves the comparison inconclusive."""
    text = Path("exit.S").read_text().replace("\ttest_the_address\n", "\ttest_the_address\n\tfninit\n")
    Path("open.S").write_text(text)
    Path("test.h").write_text(with_test(LOWER_HALF))
    assert main(["diff", "lower:exit.S", "open.S", *QUICK]) == 3


def test_an_entry_of_its_own_for_base(here: Path, told: list[tuple[str, Comparison]]) -> None:
    """--base-entry is for a version in which the place has another name or address."""
    renamed = Path("exit.S").read_text().replace("exit_to_user", "return_to_user")
    Path("test.h").write_text(with_test(LOWER_HALF))
    Path("renamed.S").write_text(renamed)
    words = ["--entry", "return_to_user", "--base-entry", "exit_to_user", *QUICK]
    assert main(["diff", "lower:exit.S", "renamed.S", *words]) == 0
    assert (told[0][1].base.entry, told[0][1].head.entry) == ("exit_to_user", "return_to_user")


def test_the_contract_is_the_revisions(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A contract that the header names comes from the revision, and is told by no temporary name."""
    contract = (ROOT / "specs" / "contracts" / "linux.toml").read_text()
    source = Path("exit.S").read_text().replace("CONTRACT: linux", "CONTRACT: ./own.toml")
    Path("test.h").write_text(with_test(LOWER_HALF))
    Path("own.toml").write_text(contract)
    commit(exit_S=source)
    assert main(["diff", "HEAD:exit.S", "HEAD:exit.S", *QUICK]) == 0
    Path("own.toml").write_text("nonsense")
    assert main(["diff", "HEAD:exit.S", "HEAD:exit.S", *QUICK]) == 0
    git("commit", "--quiet", "--all", "--message", "nonsense")
    capsys.readouterr()
    assert main(["diff", "HEAD~1:exit.S", "HEAD:exit.S", *QUICK]) == 2
    assert "HEAD: HEAD:own.toml" in capsys.readouterr().err


def interrupt(*_: object) -> None:
    """Ctrl-C."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("place", ["verifier.differ.compare", "verifier.pipeline.surveyed", "verifier.opening.opened"])
def test_ctrl_c(here: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Ctrl-C ends with 130; a result of an earlier run does not stay as if it were this one's."""
    Path("out.md").write_text("earlier")
    monkeypatch.setattr(place, interrupt)
    assert main(["diff", "lower:exit.S", "exit.S", "--format", "markdown=out.md", *QUICK]) == 130
    assert not Path("out.md").exists()


def test_an_error_replaces_an_earlier_result(here: Path) -> None:
    """Who collects the file of a step that failed finds the error there."""
    Path("out.md").write_text("earlier")
    assert main(["diff", "nope:exit.S", "exit.S", "--format", "markdown=out.md"]) == 4
    assert "nope is no revision here" in Path("out.md").read_text()


def test_a_file_that_was_read_is_not_written_over(here: Path) -> None:
    """An included file is no place for a result."""
    before = Path("test.h").read_bytes()
    assert main(["diff", "exit.S", "exit.S", "--format", "json=test.h", *QUICK]) == 2
    assert Path("test.h").read_bytes() == before


def test_a_defect_is_no_traceback(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever happens inside is one line and status 70."""

    def fail(*_: object) -> Comparison:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr("verifier.differ.compare", fail)
    assert main(["diff", "lower:exit.S", "exit.S", *QUICK]) == 70
    assert capsys.readouterr().err.count("\n") == 1


def test_texts_of_plain_data_are_reworded() -> None:
    """Every text in records and tuples changes, at any depth; the rest is the same object."""
    side = Side("tmp/a", "0", "tmp/b", "violated", ("tmp/c", "x"))
    found = reworded((side, 1, None), lambda text: text.replace("tmp/", "REV:"))
    assert found == (Side("REV:a", "0", "REV:b", "violated", ("REV:c", "x")), 1, None)
    assert reworded(side, str) is side


def of_page(page: str, kind: str, name: str) -> str:
    """What a page shows behind a marker."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    (found,) = re.findall(rf"^<!-- {kind}: {name} -->\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_page_shows_a_real_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """docs/diff.md shows what the command that it names prints, in every character."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("COLUMNS", raising=False)
    first, _, shown = of_page("diff.md", "output", "sign-extend").partition("\n")
    assert main(first.removeprefix("$ verify-exit ").split()) == 5
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize(("head", "code", "said"), [("extended", 5, "**Safe"), ("wrong", 1, "**Unsafe")])
def test_the_script_writes_a_comment(here: Path, head: str, code: int, said: str) -> None:
    """The script of docs/ci.md compares with the common ancestor and fails only for what is not safe."""
    git("checkout", "--quiet", "lower")
    tool = here.parent / "bin" / "verify-exit"
    tool.parent.mkdir()
    options = shlex.join(QUICK)
    tool.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m verifier "$@" {options}\n')
    tool.chmod(0o755)
    (here.parent / "comment.sh").write_text(of_page("ci.md", "file", "comment.sh"))
    git("checkout", "--quiet", head)
    done = subprocess.run(
        ["sh", here.parent / "comment.sh", "lower", "exit.S"],
        env={"PATH": f"{tool.parent}:{os.environ['PATH']}", "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (0 if code == 5 else code), done.stderr
    assert said in Path("comment.md").read_text() and not Path("part.md").exists()

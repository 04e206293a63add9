# SPDX-License-Identifier: BSD-2-Clause
"""Remembered results: when one is used, when never, and what a cache file that is not as it should be does."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from verifier import cache
from verifier.cli import main
from verifier.opening import opened
from verifier.options import Options
from verifier.reads import recorded

ROOT = Path(__file__).resolve().parent.parent
STORY = (ROOT / "samples" / "linux-2015-opportunistic.S").read_text(encoding="utf-8")
PROVED = "CONTRACT: linux-4.0\n# ARGS: --profile seed"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, with a cache of its own that is on."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(cache.OFF)
    monkeypatch.delenv("CI", raising=False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    Path("exit.S").write_text(STORY, encoding="utf-8")
    return work


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, bool, str]:
    """Exit status, whether the result was remembered, and what stderr says."""
    status = main(["-q", *words])
    said = capsys.readouterr()
    return status, "(cached)" in said.out, said.err


def store() -> Path:
    return cache.directory() / cache.FILE


def test_the_same_again_is_remembered(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second run has the status of the first and says that it is remembered; JSON is byte-identical."""
    assert run(capsys, "exit.S", "--format", "json=one.json") == (1, False, "")
    assert run(capsys, "exit.S", "--format", "json=two.json") == (1, True, "")
    assert Path("one.json").read_bytes() == Path("two.json").read_bytes()
    assert run(capsys, "--profile", "seed", "exit.S") == (0, False, "")
    assert run(capsys, "--profile", "seed", "exit.S") == (0, True, "")


CHANGES: dict[str, tuple[Callable[[], object], tuple[str, ...]]] = {
    "the code": (lambda: Path("exit.S").write_text(STORY.replace("$0x33", "$0x34"), encoding="utf-8"), ()),
    "a comment": (lambda: Path("exit.S").write_text(STORY + "// more\n", encoding="utf-8"), ()),
    "the header": (lambda: Path("exit.S").write_text(STORY.replace("linux-4.0", "linux"), encoding="utf-8"), ()),
    "an included file": (lambda: Path("part.h").write_text("#define UNUSED 1\n", encoding="utf-8"), ()),
    "the contract": (
        lambda: Path("own.toml").write_text(
            Path("own.toml").read_text(encoding="utf-8").replace("source = ", "source = 'x' # ", 1), encoding="utf-8"
        ),
        (),
    ),
    "a macro": (lambda: None, ("-D", "UNUSED=2")),
    "the profile": (lambda: None, ("--profile", "seed")),
    "the CPUs": (lambda: None, ("--vendor", "amd")),
    "a limit": (lambda: None, ("--rlimit", "100000000")),
    "the entry's name": (lambda: None, ("--entry", "return_to_user")),
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_changes_makes_a_new_run(here: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    """A change of anything that a result depends on is a miss, whatever the verdict is then."""
    Path("part.h").write_text("", encoding="utf-8")
    shipped = (ROOT / "specs" / "contracts" / "linux-4.0.toml").read_text(encoding="utf-8")
    Path("own.toml").write_text(shipped, encoding="utf-8")
    Path("exit.S").write_text('#include "part.h"\n' + STORY, encoding="utf-8")
    words = ["exit.S", "--contract", "./own.toml"]
    if what == "the header":
        words = ["exit.S"]
    assert not run(capsys, *words)[1]
    assert run(capsys, *words)[1]
    change, more = CHANGES[what]
    change()
    assert not run(capsys, *words, *more)[1]


def test_another_name_is_another_result(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A report names its input, so the same code under another name is verified."""
    run(capsys, "exit.S")
    Path("other.S").write_text(STORY, encoding="utf-8")
    assert not run(capsys, "other.S")[1]


@pytest.mark.parametrize("part", ["own_code", "tool"])
def test_another_version_is_another_result(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Neither this program's own code nor a version of what it trusts may be another."""
    run(capsys, "exit.S")
    assert run(capsys, "exit.S")[1]
    monkeypatch.setattr(cache, part, lambda: "another" if part == "own_code" else (("z3-solver", "0"),))
    assert not run(capsys, "exit.S")[1]


@pytest.mark.parametrize(
    "words", [("--challenge", "5"), ("--emit-smt2", "out"), ("--certificate", "out2")], ids=lambda words: words[0]
)
def test_evidence_is_made_anew(here: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    """Who asks for evidence gets it, and no remembered report without."""
    run(capsys, "exit.S")
    assert not run(capsys, "exit.S", *words)[1]
    assert not run(capsys, "exit.S", *words)[1]


def test_inconclusive_and_errors_are_never_kept(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is not settled is tried again each time."""
    Path("open.S").write_text(STORY.replace("sysretq", "hlt"), encoding="utf-8")
    for _ in range(2):
        assert run(capsys, "open.S")[:2] == (3, False)
        assert run(capsys, "absent.S")[:2] == (4, False)
    if store().exists():
        with closing(sqlite3.connect(store())) as opened_store:
            assert opened_store.execute("SELECT count(*) FROM results").fetchone() == (0,)


@pytest.mark.parametrize(("environment", "words", "used"), [
    ({"CI": "true"}, (), False),
    ({"CI": "1"}, (), False),
    ({"CI": "false"}, (), True),
    ({"CI": ""}, (), True),
    ({"CI": "true"}, ("--cache",), True),
    ({}, ("--no-cache",), False),
    ({cache.OFF: "1"}, (), False),
    ({cache.OFF: "1"}, ("--cache",), True),
])  # fmt: skip
def test_who_decides(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    words: tuple[str, ...],
    used: bool,
) -> None:
    """The command line decides, then the environment; a CI system verifies each time unless it is told."""
    run(capsys, "exit.S")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert run(capsys, *words, "exit.S")[1] == used


@pytest.mark.parametrize("content", [b"", b"not a database", os.urandom(5000)], ids=["empty", "text", "noise"])
def test_a_damaged_file_is_ignored(here: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    """A file that SQLite cannot read costs a note and a run, never a verdict; an empty one is a new one."""
    cache.directory().mkdir(mode=0o700, parents=True)
    store().write_bytes(content)
    status, cached, said = run(capsys, "exit.S")
    assert (status, cached) == (1, False)
    assert ("cache: results.sqlite: " in said) == bool(content)
    assert run(capsys, "exit.S")[:2] == (1, not content)


def test_a_foreign_database_is_left_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A database of something else is neither read nor written."""
    cache.directory().mkdir(mode=0o700, parents=True)
    with closing(sqlite3.connect(store())) as other:
        other.execute("CREATE TABLE mine (x)")
        other.commit()
    before = store().read_bytes()
    status, cached, said = run(capsys, "exit.S")
    assert (status, cached) == (1, False)
    assert "not a file of this program" in said
    assert store().read_bytes() == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE results SET report = replace(report, 'violated', 'proved')",
        "UPDATE results SET report = 'x', digest = 'y'",
        "UPDATE results SET report = x'00ff'",
        "UPDATE results SET digest = NULL",
    ],
)
def test_a_changed_row_is_ignored(here: Path, capsys: pytest.CaptureFixture[str], statement: str) -> None:
    """What is not as it was written is not believed: the file is verified, a note says so, and it is kept anew."""
    run(capsys, "exit.S")
    with closing(sqlite3.connect(store())) as changed:
        changed.execute(statement)
        changed.commit()
    status, cached, said = run(capsys, "exit.S")
    assert (status, cached) == (1, False)
    assert said.startswith("verify-exit: cache: results.sqlite: ")
    assert run(capsys, "exit.S") == (1, True, "")


def test_a_consistent_lie_has_to_hold_up(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Even a row with the right digest must be a report that could have been made: "proved" needs proved clauses."""
    import hashlib

    run(capsys, "exit.S")
    with closing(sqlite3.connect(store())) as changed:
        (text,) = changed.execute("SELECT report FROM results").fetchone()
        text = text.replace('"violated"', '"proved"', 1)
        digest = hashlib.sha256(text.encode()).hexdigest()
        changed.execute("UPDATE results SET report = ?, digest = ?", (text, digest))
        changed.commit()
    assert run(capsys, "exit.S")[:2] == (1, False)


@pytest.mark.parametrize("mode", [0o606, 0o602, 0o620])
def test_a_file_that_others_may_write_is_not_used(here: Path, capsys: pytest.CaptureFixture[str], mode: int) -> None:
    """Whoever could write verdicts could decide them."""
    run(capsys, "exit.S")
    store().chmod(mode)
    status, cached, said = run(capsys, "exit.S")
    assert (status, cached) == (1, False)
    assert "others may write" in said


def test_new_files_are_the_users_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The directory and the file can be read and written by the user only."""
    run(capsys, "exit.S")
    assert cache.directory().stat().st_mode & 0o777 == 0o700
    assert store().stat().st_mode & 0o777 == 0o600


def test_it_does_not_grow_without_bound(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest results go when the sum is too large."""
    monkeypatch.setattr(cache, "MOST_BYTES", 60_000)
    for number in range(4):
        Path("exit.S").write_text(STORY + f"// {number}\n", encoding="utf-8")
        run(capsys, "exit.S")
    with closing(sqlite3.connect(store())) as found:
        (total,) = found.execute("SELECT sum(size) FROM results").fetchone()
    assert 0 < total <= 60_000
    assert run(capsys, "exit.S")[1]


def test_processes_share_it(here: Path) -> None:
    """Several at once neither fail nor wait for each other for long, and each verdict is right."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    names = [f"exit{number % 3}.S" for number in range(6)]
    for name in names:
        Path(name).write_text(STORY, encoding="utf-8")
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "verifier", "-q", name],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for one in started:
        out, err = one.communicate()
        assert (one.returncode, err) == (1, "")
        assert "VIOLATED (tf)" in out
    with closing(sqlite3.connect(store())) as found:
        assert found.execute("SELECT count(*) FROM results").fetchone() == (3,)


def test_quoted_files_that_are_not_included_prevent_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line marker can make a report quote a file that is no part of the code: such a report is not kept."""
    Path("quoted.S").write_text("one\ntwo\n" * 60, encoding="utf-8")
    Path("exit.S").write_text(STORY.replace("return_to_user:\n", 'return_to_user:\n# 5 "quoted.S"\n'), encoding="utf-8")
    for _ in range(2):
        assert run(capsys, "exit.S")[:2] == (1, False)


def test_watchers_still_learn_what_was_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A remembered result depends on the same files as a new one."""
    Path("part.h").write_text("", encoding="utf-8")
    Path("exit.S").write_text('#include "part.h"\n' + STORY, encoding="utf-8")
    for cached in (False, True):
        with recorded() as seen:
            assert run(capsys, "exit.S")[1] == cached
        assert {str(here / "exit.S"), str(here / "part.h")} <= set(seen)


def test_the_key_needs_no_analysis() -> None:
    """Finding a remembered result imports neither lifter nor solver nor emulator."""
    script = (
        "import sys; from verifier import cache; from verifier.opening import opened; from verifier.options import *;"
        "from pathlib import Path; found = opened(Path('samples/linux-2015-opportunistic.S'), Options());"
        "cache.key(found, []); heavy = {'pyvex', 'claripy', 'z3', 'unicorn', 'capstone', 'angr', 'archinfo'};"
        "sys.exit(sorted(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_keys_are_stable(here: Path) -> None:
    """The same input has the same key in another process and whatever the order of the files read."""
    found = opened(Path("exit.S"), Options())
    assert cache.key(found, ["a", "b"]) == cache.key(found, ["b", "a"])
    assert len(cache.key(found, [])) == 64


def test_no_output_takes_the_place_of_what_was_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A report over the baseline would make the next run pass; an included file or a contract would be lost."""
    Path("part.h").write_text("", encoding="utf-8")
    Path("exit.S").write_text('#include "part.h"\n' + STORY, encoding="utf-8")
    Path("fine.S").write_text(STORY, encoding="utf-8")
    assert run(capsys, "--profile", "seed", "exit.S", "--format", "json=base.json")[0] == 0
    before = Path("base.json").read_bytes()
    gate = ("--profile", "seed", "--gate", "new-only", "--baseline", "base.json", "exit.S")
    for _ in range(2):
        status, _, said = run(capsys, *gate, "--format", "json=base.json")
        assert status == 2 and "does not write over it" in said
    assert Path("base.json").read_bytes() == before
    assert run(capsys, "exit.S", "--format", "sarif=part.h")[0] == 1
    assert Path("part.h").read_text(encoding="utf-8") == ""
    Path("link.json").symlink_to("base.json")
    assert run(capsys, *gate, "--attest", "link.json")[0] == 2
    assert Path("base.json").read_bytes() == before


def test_what_is_hashed_is_what_is_assembled(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is exchanged after it was read is neither judged nor attested under the other's hash."""
    import hashlib

    from verifier.buildflags import build_of

    def exchanged(source: Path, told: str | None) -> object:
        source.write_text(STORY.replace("sysretq", "iretq"), encoding="utf-8")
        return build_of(source, told)

    expected = opened(Path("exit.S"), Options()).code.data
    monkeypatch.setattr("verifier.opening.build_of", exchanged)
    found = opened(Path("exit.S"), Options())
    assert found.given.digest == hashlib.sha256(STORY.encode()).hexdigest()
    assert found.code.data == expected

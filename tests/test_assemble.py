# SPDX-License-Identifier: BSD-2-Clause
"""Assembling: options, messages, positions, bounds."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from verifier.assemble import Limits, assemble, assembler_versions, read_input
from verifier.image import load_object
from verifier.model import Image, UserError


def build(
    path: Path,
    include_dirs: tuple[str, ...] = (),
    defines: tuple[str, ...] = (),
    limits: Limits | None = None,
) -> Image:
    """Assemble and lay out."""
    return load_object(assemble(path, include_dirs, defines, limits or Limits()), str(path), "")


def code(image: Image, section: str = ".text") -> str:
    """A section's bytes in hex."""
    return next(item.data.hex() for item in image.sections if item.name == section)


def lines(image: Image) -> list[tuple[str, int]]:
    """File and line of every row of the line table, without the ends."""
    return [(entry.file, entry.line) for entry in image.lines if entry.line]


def failure(path: Path, limits: Limits | None = None, defines: tuple[str, ...] = ()) -> UserError:
    """The error that assembling ends in."""
    with pytest.raises(UserError) as caught:
        assemble(path, (), defines, limits or Limits())
    return caught.value


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, text: str) -> Path:
    """Write a file below the current directory and return its relative path."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_preprocessed_source(here: Path) -> None:
    """A .S file is preprocessed, with its own directory, -I and -D; its lines stay right."""
    write("src/near.h", "#define NEAR nop\n")
    write("far/far.h", ".macro far_macro\n\tcld\n.endm\n")
    path = write("src/a b.S", '#include "near.h"\n#include <far.h>\n\tNEAR\nfar_macro\n#ifdef X\n\t.byte X\n#endif\n')
    image = build(path, ("far",), ("X=7", "Y"))
    assert code(image) == "90fc07"
    assert lines(image)[:2] == [("src/a b.S", 3), ("src/a b.S", 4)]


def test_plain_source(here: Path) -> None:
    """A .s file is not preprocessed; -D becomes a symbol, 1 by default, in any C integer notation."""
    path = write("a.s", "#if this is a comment\n.byte A, B, C, D, E\n.quad F\n")
    image = build(path, (), ("A", "B=2", "C=0x1f", "D=010", "E=0b11", "F=-1"))
    assert code(image) == "01021f0803" + "ff" * 8


def test_assembler_includes(here: Path) -> None:
    """.include looks beside the source, then in -I; not in the current directory."""
    write("inner.s", '.error "the current directory\'s"\n')
    write("src/inner.s", "\tnop\n")
    write("inc/other.s", "\tcld\n")
    image = build(write("src/a.S", '.include "inner.s"\n.include "other.s"\n'), ("inc",))
    assert code(image) == "90fc"
    assert lines(image) == [("src/inner.s", 1), ("inc/other.s", 1)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (".intel_syntax noprefix\nmov rax, rbx\n.att_syntax\nmov %rbx, %rax\n", "4889d84889d8"),
        (".macro twice x\n\\x\n\\x\n.endm\ntwice nop\n.rept 2\ncld\n.endr\n", "9090fcfc"),
        (".set N, 1\n.ifne N - 1\n.error \"no\"\n.else\nnop\n.endif\n", "90"),
    ],
)  # fmt: skip
def test_dialects(here: Path, text: str, expected: str) -> None:
    """Both syntaxes, macros, repetition and conditions assemble."""
    assert code(build(write("a.S", text))) == expected


def test_header_text_does_not_reach_the_preprocessor(here: Path) -> None:
    """Header lines may hold quotes, comment openers, directives' words and a last backslash."""
    text = "# ENTRY: e\n"
    text += '# ORIGIN: it\'s "odd /* \\\n#   if so\n#   12 "x"\n#   include more\n#define NOP nop\ne: NOP\n'
    image = build(write("a.S", text))
    assert code(image) == "90"
    assert lines(image) == [("a.S", 7)]


def test_object_is_the_same_everywhere(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The object depends neither on the current nor on the temporary directory."""
    text = '#include "x.h"\nnop\n.include "y.s"\n.ascii __DATE__\n'
    results = []
    for base in ("one", "two/three"):
        (here / base / "tmp").mkdir(parents=True)
        monkeypatch.chdir(here / base)
        monkeypatch.setenv("TMPDIR", str(here / base / "tmp"))
        monkeypatch.setattr("tempfile.tempdir", None)
        write("d/x.h", "nop\n")
        write("d/y.s", "nop\n")
        results.append(assemble(write("d/a.S", text)))
        assert not list(Path("tmp").iterdir())
    assert results[0] == results[1]
    assert str(here).encode() not in results[0]


def test_odd_names(here: Path) -> None:
    """Quotes, backslashes, spaces and a leading dash in a name survive into the line table."""
    for name in ('a "b\\c.S', 'd "e\\f.s', "-x.S", "-y.s"):
        assert lines(build(write(name, "nop\n"))) == [(name, 1)]


def test_latin_1_bytes(here: Path) -> None:
    """A source with bytes that are not UTF-8 assembles to those bytes."""
    Path("a.S").write_bytes(b'/* \xe9 */\n.ascii "\xe9"\n')
    assert code(build(Path("a.S"))) == "e9"


def test_assembler_messages(here: Path) -> None:
    """The assembler's own errors reach the user, with the user's file names and the right lines."""
    write("d/h.h", "\n\n\tbogus_h\n")
    write("d/i.s", "\n\tbogus_i\n")
    error = failure(write("d/a.S", '\n#include "h.h"\n\tbogus_a\n.include "i.s"\n.error "mine"\n'))
    assert (error.code, error.exit_code) == ("assembler-error", 4)
    where = [line.split(" ")[0] for line in error.message.split("\n")]
    assert where == ["d/h.h:3:", "d/a.S:3:", "d/i.s:2:", "d/a.S:5:"]
    assert "mine" in error.message
    assert "bogus_h" in error.message


def test_preprocessor_messages(here: Path) -> None:
    """The preprocessor's own errors reach the user with file and line."""
    error = failure(write("d/a.S", '\n#include "nowhere.h"\n'))
    assert (error.code, error.exit_code) == ("preprocessor-error", 4)
    assert error.message.startswith("d/a.S:2:")
    assert "nowhere.h" in error.message
    assert "verify-exit-input" not in error.message


def test_messages_are_bounded_and_printable(here: Path) -> None:
    """Many errors end in a count, and control characters of the source do not reach the terminal."""
    error = failure(write("a.s", '.error "\x1b[2J"\n' + "bogus\n" * 99))
    shown = error.message.split("\n")
    assert len(shown) == 20
    assert shown[-1] == "… and 81 more lines"
    assert "\x1b" not in error.message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rept.s", ".rept 1000000000\nnop\n.endr\n"),
        ("nest.s", ".rept 30000\n.rept 30000\nnop\n.endr\n.endr\n"),
        ("fill.s", ".fill 1000000000, 8, 0x90\n"),
        ("space.s", ".space 10000000000\n"),
        ("macro.s", ".macro m\nm\n.endm\nm\n"),
        ("include.s", '.include "include.s"\n'),
        ("include.S", '#include "include.S"\n'),
        ("expand.S", "#define A(x) x x x x x x x x\n#define B(x) A(A(A(A(A(A(x))))))\nB(B(B(nop)))\n"),
    ],
)
def test_bombs(here: Path, name: str, text: str) -> None:
    """A source made to exhaust the machine ends in one line that names the bound it met."""
    limits = Limits(cpu_seconds=1, memory_bytes=256 << 20, output_bytes=8 << 20)
    error = failure(write(name, text), limits)
    assert (error.code, error.exit_code) == ("assembler-limit", 4)
    # Which bound a bomb meets first depends on the version of the tool.
    bounds = r"256 MiB of memory|8 MiB of output|1 s of CPU time|256 open files|nesting depth \(.*\)"
    assert re.search(rf"hit its bound of ({bounds}); shrink", error.message)
    assert "\n" not in error.message


def test_wall_time(here: Path) -> None:
    """A tool is ended when its time is over, whatever it does."""
    error = failure(write("a.s", ".rept 30000\n.rept 30000\nnop\n.endr\n.endr\n"), Limits(wall_seconds=0.1))
    assert error.code == "assembler-limit"
    assert "0.1 s of wall time" in error.message


def test_unreadable_inputs(here: Path) -> None:
    """A missing file, a directory, a FIFO and a name with a NUL each give one line, at once."""
    os.mkfifo("pipe.S")
    for name in ("none.S", ".", "pipe.S", "a\0b.S"):
        error = failure(Path(name))
        assert (error.code, error.exit_code) == ("input-not-found", 4)
        assert "\n" not in error.message


def test_large_input(here: Path) -> None:
    """A file above the limit is refused, one at the limit is read."""
    path = write("a.s", "x" * 100)
    assert read_input(path, 100) == b"x" * 100
    with pytest.raises(UserError) as caught:
        read_input(path, 99)
    assert caught.value.code == "input-too-large"


@pytest.mark.parametrize(
    ("name", "define"),
    [
        ("a.s", "A=x"),
        ("a.s", "A="),
        ("a.s", "A=1 2"),
        ("a.s", "=1"),
        ("a.S", "A B"),
        ("a.S", ""),
        ("a.S", "A=1\n2"),
    ],
)
def test_bad_defines(here: Path, name: str, define: str) -> None:
    """A define that the tool cannot take is a usage error."""
    error = failure(write(name, "nop\n"), defines=(define,))
    assert (error.code, error.exit_code) == ("bad-define", 2)


def test_missing_include_directory(here: Path) -> None:
    """-I of something that is not a directory is a usage error, not silence."""
    with pytest.raises(UserError) as caught:
        assemble(write("a.s", "nop\n"), ("nowhere",))
    assert (caught.value.code, caught.value.exit_code) == ("include-dir-not-found", 2)


@pytest.mark.parametrize(("name", "tool"), [("a.s", "as"), ("a.S", "cc")])
def test_missing_tools(here: Path, monkeypatch: pytest.MonkeyPatch, name: str, tool: str) -> None:
    """Without the tool the error says which one is missing and what to install."""
    monkeypatch.setenv("PATH", str(here))
    error = failure(write(name, "nop\n"))
    assert (error.code, error.exit_code) == ("no-assembler", 4)
    assert error.message.startswith(f"{tool}: not found")
    assert "install" in error.message
    assert assembler_versions() == (("as", "not found"), ("gcc", "not found"))


def test_environment_of_the_tools(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's environment changes neither the search path nor what a source can read."""
    write("sneaky/x.h", "#error found through CPATH\n")
    monkeypatch.setenv("CPATH", str(here / "sneaky"))
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    assert "x.h: No such file" in failure(write("a.S", "#include <x.h>\n")).message
    assert "hunter2" not in failure(write("b.s", '.incbin "/proc/self/environ"\n')).message


def test_versions() -> None:
    """The report gets one version line for each tool."""
    versions = dict(assembler_versions())
    assert "assembler" in versions["as"]
    assert any(char.isdigit() for char in versions["gcc"])

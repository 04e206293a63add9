# SPDX-License-Identifier: BSD-2-Clause
"""What a source may make its tools read: only files in allowed places, and nothing of others reaches anyone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from verifier import assemble as assembling
from verifier.assemble import Limits, assemble
from verifier.buildflags import build_of
from verifier.confine import Confinement, started, version
from verifier.includes import allowed, dependencies, opened, real_path
from verifier.model import UserError

HIDDEN = "not_for_you"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with src/, a secret beside it, and links and a FIFO in src/."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src/deep").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    for name in ("secret/key", "secret/key.h", "secret/key.S"):
        Path(name).write_text(f'{HIDDEN}:x:0\n\terror: {HIDDEN}\n"{HIDDEN}"\n')
    Path("src/link").symlink_to(tmp_path / "secret/key")
    Path("src/linked").symlink_to(tmp_path / "secret")
    Path("src/a:1: b").symlink_to(tmp_path / "secret/key")
    Path("src/a\nsrc").symlink_to(tmp_path / "secret")
    Path("src/inner.s").write_text("\tnop\n")
    Path("src/deep/inner.h").write_text("\tcld\n")
    Path("src/deep/up.h").write_text('#include "../../secret/key"\n')
    Path("src/deep/up.s").write_text('.include "../secret/key"\n')
    os.mkfifo("src/pipe")
    return tmp_path


def failure(text: str, name: str = "src/a.S", allow: tuple[str, ...] = (), limits: Limits | None = None) -> UserError:
    """The error that a source ends in; it says nothing of the secret, and nothing is left behind."""
    Path(name).write_text(text)
    with pytest.raises(UserError) as caught:
        assemble(Path(name), limits=limits or Limits(), allow_include=allow)
    assert HIDDEN not in caught.value.message
    assert caught.value.exit_code == 4
    return caught.value


REFUSED = {
    "relative": '\nnop\n.incbin "../secret/key"\n',
    "absolute": '.incbin "{here}/secret/key"\n',
    "include": '.include "../secret/key"\n',
    "include, with errors of its own": 'bogus\n.include "../secret/key"\n.error "mine"\n',
    "preprocessor": '#include "../secret/key"\n',
    "preprocessor, absolute": "#include <{here}/secret/key>\n",
    "preprocessor, by a macro": '#define N "../secret/key"\n#include N\n',
    "preprocessor, next": "#include_next <../secret/key>\n",
    "preprocessor, import": '#import "../secret/key"\n',
    "preprocessor, from an allowed file": '#include "deep/up.h"\n',
    "preprocessor, then an error": '#include "../secret/key"\n#error mine\n',
    "assembler, from an allowed file": '.include "deep/up.s"\n',
    "link": '.incbin "link"\n',
    "link of a directory": '.incbin "linked/key"\n',
    "link for the preprocessor": '#include "linked/key.h"\n',
    "part of a file": '.incbin "../secret/key", 3, 4\n',
    "in a macro": '.macro take a, b\n.incbin "\\a\\b"\n.endm\ntake ../secret/, key\n',
    "in a repetition": ".irp name, ../secret/key\n.include \"\\name\"\n.endr\n",
    "through the process": '.incbin "/proc/self/cwd/../{name}/secret/key"\n',
    "under another name": '.file "src/a.S"\n# 1 "src/a.S"\n.include "../secret/key"\n',
    "a name with colons": '.include "a:1: b"\nbogus\n',
    "environment": '.incbin "/proc/self/environ"\n',
    "memory": '.incbin "/proc/self/maps"\n',
    "the tool's log": '.incbin "verify-exit-input.log"\n',
    "device": '#include "/dev/zero"\n',
    "device for the assembler": '.include "/dev/zero"\n',
    "standard input": '#include "/dev/stdin"\n',
    "FIFO": '.include "pipe"\n',
    "FIFO for the preprocessor": '#include "pipe"\n',
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_refused(here: Path, text: str) -> None:
    """A file outside the allowed places, under whatever name, is refused by one line that names it."""
    error = failure(text.replace("{here}", str(here)).replace("{name}", here.name), limits=Limits(wall_seconds=1))
    assert error.code == "include-refused"
    assert "\n" not in error.message
    assert error.message.startswith(("src/a.S:", "src/deep/up."))
    assert "includes" in error.message


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_refused_without_confinement(here: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel cannot confine the tools, the same files are refused."""
    monkeypatch.setattr(assembling, "_confinable", lambda _program: None)
    text = text.replace("{here}", str(here)).replace("{name}", here.name)
    assert failure(text, limits=Limits(wall_seconds=1, cpu_seconds=1)).code == "include-refused"


def test_a_message_says_where_and_what_to_do(here: Path) -> None:
    """File and line, what is included, where that is, and the option that allows it."""
    error = failure('\n\n  .incbin "link"\n')
    rule = "which is outside the source's directory and those of -I, -p and --allow-include"
    where = f"src/a.S:3: includes link ({here}/secret/key), {rule}"
    assert error.message == f"{where}; allow it with --allow-include {here}/secret"


def test_allowed(here: Path) -> None:
    """The source's directory and below, -I, --allow-include and the compiler's own headers may be read."""
    path = Path("src/a.S")
    path.write_text('#include "deep/inner.h"\n.include "inner.s"\n#include <linux/types.h>\n#include <stdarg.h>\n')
    Path("src/a.S").write_text('#include "deep/inner.h"\n#include <linux/elf-em.h>\n.include "inner.s"\n')
    assert assemble(path)
    path.write_text('.incbin "../secret/key"\n')
    assert HIDDEN.encode() in assemble(path, allow_include=("secret",))
    path.write_text('.incbin "key"\n')
    assert HIDDEN.encode() in assemble(path, ("secret",))
    path.write_text('.incbin "link"\n')
    assert HIDDEN.encode() in assemble(path, allow_include=(str(here),))


def test_missing_directory(here: Path) -> None:
    """--allow-include of something that is not a directory is a usage error."""
    with pytest.raises(UserError) as caught:
        assemble(Path("src/inner.s"), allow_include=("nowhere",))
    assert (caught.value.code, caught.value.exit_code) == ("include-dir-not-found", 2)


@pytest.mark.parametrize(
    "text",
    ['#line 1 "{here}/secret/key.S"\n#error mine\n', '# 2 "{here}/secret/key.S"\n#error mine\n#include "none"\n'],
)
def test_markers_quote_nothing(here: Path, text: str) -> None:
    """A line marker that names a file does not make the compiler quote it in its messages."""
    assert failure(text.replace("{here}", str(here))).code == "preprocessor-error"


def test_a_marker_of_a_fifo_does_not_wait(here: Path) -> None:
    """The compiler does not open the file that a line marker names."""
    assert failure('#line 1 "src/pipe"\n#error mine\n').code == "preprocessor-error"


def test_names_that_read_in_two_ways(here: Path) -> None:
    """A name with a line end in it, which a list of files cannot show, is refused."""
    for text in ('.include "a\\nsrc/key"\n', '.incbin "a\\nsrc/key"\nbogus\n'):
        assert failure(text).code in ("assembler-error", "include-refused")


def test_a_record_next_to_the_source_allows_nothing_outside(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories that a found .cmd names count only below the current directory; those of -p always do."""
    Path("src/a.S").write_text('.incbin "key"\n')
    Path("src/.a.o.cmd").write_text("savedcmd_src/a.o := gcc -Isecret -Wa,-Isecret -c -o src/a.o src/a.S\n")
    assert assemble(Path("src/a.S"), build=build_of(Path("src/a.S"), None))
    monkeypatch.setenv("HOME", str(here))
    with pytest.raises(UserError, match="secret/key"):
        assemble(Path("src/a.S"), build=build_of(Path("src/a.S"), None))
    assert assemble(Path("src/a.S"), build=build_of(Path("src/a.S"), "."))
    monkeypatch.chdir("src")
    with pytest.raises(UserError, match="secret/key"):
        assemble(Path("a.S"), build=build_of(Path("a.S"), None))
    assert assemble(Path("a.S"), build=build_of(Path("a.S"), ".."))


def test_nothing_is_written_outside(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither success nor failure leaves a file, and a confined process can write in its own directory only."""
    (here / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(here / "tmp"))
    before = sorted(here.rglob("*"))
    assemble(Path("src/inner.s"))
    failure('.include "../secret/key"\n')
    Path("src/a.S").unlink()
    assert sorted(here.rglob("*")) == before
    if version():

        def attempt(name: str) -> bool:
            try:
                Path(name).write_text("x")
            except OSError:
                return False
            return True

        confinement = Confinement((str(here / "tmp"),))
        assert started(lambda: (attempt("src/new"), attempt("tmp/new")), confinement) == (False, True)
    assert attempt_here(here)


def attempt_here(here: Path) -> bool:
    """Whether this thread, which started a confined one, can still write."""
    (here / "free").write_text("x")
    return True


def test_confinement_of_reads(here: Path) -> None:
    """A confined process reads what it was given, and nothing else; errors of starting it come back."""

    def read(name: str) -> bool:
        try:
            return bool(Path(name).read_text())
        except OSError:
            return False

    confinement = Confinement((), (str(here / "src"), str(here / "nowhere")))
    found = started(lambda: (read("src/inner.s"), read("secret/key"), read("src/link")), confinement)
    assert found == ((True, False, False) if version() else (True, True, True))
    with pytest.raises(ZeroDivisionError):
        started(lambda: 1 // 0, confinement)


def test_real_path(here: Path) -> None:
    """Links and dots are followed as the system does; what differs between processes is nowhere."""
    assert real_path("linked/../src/./inner.s", "src") == f"{here}/src/inner.s"
    assert real_path("src/linked/key", ".") == f"{here}/secret/key"
    Path("loop").symlink_to("loop")
    for name in ("loop", "/proc/self/cwd", "/dev/fd/0", "none", "src/inner.s\0", "src/link/x"):
        assert real_path(name, ".") is None
    assert real_path("/..", ".") == "/"


def test_allowed_places(here: Path) -> None:
    """A place allows itself and what is below it, not what begins with the same letters, and no directory."""
    Path("secret2").write_text("x")
    places = allowed(("src", "secret", "nowhere"))
    assert places.allows("src/inner.s", ".") and places.allows("inner.s", "src") and places.allows("src/link", ".")
    assert not any(places.allows(name, ".") for name in ("secret2", "src/pipe", "src", "src/../secret2", ""))
    assert allowed(("secret/key",)).allows("secret/key", ".")
    assert allowed(("/",)).allows("secret/key", ".")


def test_lists_of_tools() -> None:
    """The lists of opened files are read as the tools write them; a name that could be two is an error."""
    assert opened(". a\n.. b c\nx.S:1: error: y\n! d\nMultiple include guards may be useful for:\n/x\n") == (
        ["a", "b c", "d"],
        "x.S:1: error: y\n/x\n",
    )
    assert dependencies("a.o: b \\\n c\\ d e$$f\n") == ["b", "c d", "e$f"]
    assert dependencies("a.o: \\\n b\\#c\n") == ["b#c"]
    for rule in ("", "a", "a.o: b\nc\n", "a.o: b\\\\ c\n"):
        with pytest.raises(ValueError, match=r"name|rule"):
            dependencies(rule)


NAMES = st.text(st.sampled_from("ab/ #$\\:\n."), min_size=1, max_size=8)


@given(names=st.lists(NAMES.filter(lambda name: "\\" not in name and "\n" not in name), min_size=1, max_size=4))
def test_any_list_is_read_back(names: list[str]) -> None:
    """Escaped names come back as they were."""
    escaped = [name.replace("$", "$$").replace("#", "\\#").replace(" ", "\\ ") for name in names]
    assert dependencies(f"x.o: {' '.join(escaped)}\n") == names
    assert dependencies("x.o: " + " \\\n ".join(escaped) + "\n") == names

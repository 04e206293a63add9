# SPDX-License-Identifier: BSD-2-Clause
"""A file of a git revision: the revision's own includes, nothing of the repository is run, no name leads out."""

from __future__ import annotations

import os
import shlex
import subprocess
import zlib
from hashlib import sha1
from pathlib import Path

import pytest

from verifier import checkout as module, revisions
from verifier.assemble import assemble
from verifier.checkout import checked_out, split
from verifier.model import UserError

IDENTITY = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org", "-c", "commit.gpgsign=false")


def git(*words: str, given: bytes = b"") -> str:
    """What git prints."""
    done = subprocess.run(["git", *IDENTITY, *words], check=True, capture_output=True, input=given)
    return done.stdout.decode().strip()


def commit(**files: str) -> None:
    """A commit with these files changed: ``__`` in a name stands for a slash, ``_S`` for ``.S``, ``_h`` for ``.h``."""
    for name, text in files.items():
        path = Path(name.replace("__", "/").replace("_S", ".S").replace("_h", ".h"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git("add", "--all")
    git("commit", "--quiet", "--message", "a change")


def taken(name: str, *directories: str) -> dict[str, str]:
    """Name → content of everything that is there of a revision."""
    with checked_out(name, directories) as found:
        root = Path(found.root)
        return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}


def refused(name: str, *directories: str) -> UserError:
    """The error for a name."""
    with pytest.raises(UserError) as caught, checked_out(name, directories):
        pass
    return caught.value


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository, which is the current directory."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "repository"
    path.mkdir()
    monkeypatch.chdir(path)
    git("init", "--quiet", "--initial-branch=main")
    return path


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("HEAD:exit.S", ("HEAD", "exit.S")),
        ("HEAD~2:a/b.S", ("HEAD~2", "a/b.S")),
        ("main@{2026-01-02 10:00}:x.S", ("main@{2026-01-02 10:00}", "x.S")),
        ("HEAD^{/fix: RF}:x:y.S", ("HEAD^{/fix: RF}", "x:y.S")),
        ("a}b:c", ("a}b", "c")),
        (":exit.S", None),
        ("exit.S", None),
        ("HEAD^{/open", None),
    ],
)
def test_a_colon_parts_revision_and_path(name: str, parts: tuple[str, str] | None) -> None:
    """The first colon outside braces parts them, as for git; without a revision in front it is a file's name."""
    assert split(name) == parts


def test_a_revision_has_its_own_includes(repository: Path) -> None:
    """Only an included file changed: each revision assembles with its own, whatever the working tree holds."""
    commit(exit_S='#include "value.h"\n.quad VALUE\n', value_h="#define VALUE 0x1111\n")
    commit(value_h="#define VALUE 0x2222\n")
    Path("value.h").write_text("#define VALUE 0x3333\n")
    found = []
    for name in ("HEAD~1:exit.S", "HEAD:exit.S", "exit.S"):
        with checked_out(name) as file:
            code = assemble(file.path)
            found.append([value for value in (0x1111, 0x2222, 0x3333) if value.to_bytes(8, "little") in code])
    assert found == [[0x1111], [0x2222], [0x3333]]


def test_the_directories_of_the_revision_are_searched(repository: Path) -> None:
    """A directory of -I inside the repository is the revision's; one outside stays as it is, named as it was."""
    commit(entry__exit_S="#include <asm/a.h>\n", include__asm__a_h="first", include__b_h="b", other__c_h="c")
    commit(include__asm__a_h="second")
    assert taken("HEAD~1:entry/exit.S", "include") == {
        "entry/exit.S": "#include <asm/a.h>\n",
        "include/asm/a.h": "first",
        "include/b.h": "b",
    }
    with checked_out("HEAD:entry/exit.S", ("include", "/usr", "..")) as found:
        assert found.directories == (f"{found.root}/include", "/usr", "..")
        assert found.told(f"{found.root}/entry/exit.S:3 -I{found.root}/include") == "HEAD:entry/exit.S:3 -IHEAD:include"


def test_a_directory_that_came_later_is_empty_before(repository: Path) -> None:
    """-I names one set of directories for both versions; a revision without one of them has nothing in it."""
    commit(exit_S="nop\n")
    commit(include__a_h="a")
    with checked_out("HEAD~1:exit.S", ("include",)) as found:
        assert list(Path(found.directories[0]).iterdir()) == []
        assert assemble(found.path, found.directories)


def test_paths_count_as_git_counts_them(repository: Path) -> None:
    """REV:path from the top of the tree, REV:./path from the current directory; the key is from the top."""
    commit(entry__exit_S="one", exit_S="two")
    os.chdir("entry")
    for name, key in (("HEAD:exit.S", "exit.S"), ("HEAD:./exit.S", "entry/exit.S"), ("HEAD:../exit.S", "exit.S")):
        with checked_out(name) as found:
            assert (found.key, found.path.read_text()) == (key, "two" if key == "exit.S" else "one")


def test_a_file_of_that_name_wins(repository: Path) -> None:
    """What exists under the whole name is meant, colon and all."""
    commit(exit_S="committed")
    Path("HEAD:exit.S").write_text("a file")
    with checked_out("HEAD:exit.S", ("include",)) as found:
        assert (found.path, found.root, found.directories) == (Path("HEAD:exit.S"), "", ("include",))


def test_an_object_comes_alone(repository: Path) -> None:
    """Of an object or an image only the file itself is written, byte for byte."""
    data = bytes(range(256)) + b"\r\n" * 9
    Path("exit.o").write_bytes(data)
    Path(".gitattributes").write_text("* text eol=crlf\n")
    commit(value_h="value")
    with checked_out("HEAD:exit.o") as found:
        assert found.path.read_bytes()[:256] == data[:256]
        assert [path.name for path in Path(found.root).iterdir()] == ["exit.o"]


def test_nothing_is_left(repository: Path) -> None:
    """The temporary directory is private, and gone afterwards."""
    commit(exit_S="nop\n")
    with checked_out("HEAD:exit.S") as found:
        root = Path(found.root)
        assert root.parent.stat().st_mode & 0o077 == 0
    assert not root.parent.exists()


def test_links_stay_in_the_tree(repository: Path) -> None:
    """A link counts as the tree's file that it leads to; one that leads out or in a circle is left out."""
    Path("sub").mkdir()
    secret = repository.parent / "secret.h"
    secret.write_text("secret")
    links = {"sub/in.h": "../value.h", "sub/twice.h": "in.h", "sub/out.h": "../../secret.h", "sub/root.h": str(secret)}
    links |= {"sub/round.h": "round.h", "sub/dir.h": "..", "sub/exit.S": "../real.S", "sub/bad.S": "../../secret.h"}
    for name, target in links.items():
        Path(name).symlink_to(target)
    commit(value_h="value", real_S="real")
    assert taken("HEAD:sub/exit.S") == {"sub/exit.S": "real", "sub/in.h": "value", "sub/twice.h": "value"}
    assert refused("HEAD:sub/bad.S").code == "revision-path"


def hostile_tree(*names: str) -> str:
    """A commit whose tree has entries that git itself would never make: (mode name, blob) with any bytes as name."""
    blob = bytes.fromhex(git("hash-object", "-w", "--stdin", given=b"x"))
    entries = b"".join(b"100644 " + name.encode() + b"\0" + blob for name in names)
    data = b"tree %d\0" % len(entries) + entries
    digest = sha1(data, usedforsecurity=False).hexdigest()
    path = Path(".git/objects", digest[:2], digest[2:])
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(zlib.compress(data))
    return git("commit-tree", digest, "-m", "hostile")


@pytest.mark.parametrize(
    "names",
    [
        ("../x.h", "exit.S"),
        ("/etc/x.h", "exit.S"),
        ("a/../../x.h", "exit.S"),
        ("..", "../../../../tmp/x.h", "exit.S"),
        ("exit.S", "exit.S/x.h"),
        ("a.h", "a.h/b.h", "exit.S"),
        ("exit.S", f"{'n' * 300}.h"),
    ],
)
def test_a_name_that_leads_out_is_refused(repository: Path, names: tuple[str, ...]) -> None:
    """A tree with a name that a checkout cannot have ends in one error, and nothing is written elsewhere."""
    before = sorted(repository.parent.rglob("*.h"))
    error = refused(f"{hostile_tree(*names)}:exit.S")
    assert (error.code, error.exit_code) == ("revision-tree", 4)
    assert "\n" not in error.message
    assert sorted(repository.parent.rglob("*.h")) == before


def test_names_may_hold_anything(repository: Path) -> None:
    """Blanks, line ends, dashes, quotes and bytes that are no UTF-8 are names like any other."""
    for name in (b"-x.h", b"a b.h", b"a\nb.h", b'"q".h', b"\xff.h", b":(top).h"):
        Path(os.fsdecode(name)).write_text("x")
    commit(exit_S="x")
    assert len(taken("HEAD:exit.S")) == 7
    with checked_out("HEAD:a\nb.h") as found:
        assert found.path.read_text() == "x"


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("nope:exit.S", "revision-unknown", "nope is no revision here"),
        ("-p:exit.S", "revision-unknown", "no revision begins with '-'"),
        ("--all:exit.S", "revision-unknown", "no revision begins with '-'"),
        ("HEAD..HEAD:exit.S", "revision-unknown", "is no revision here"),
        ("HE\0AD:exit.S", "revision-unknown", "HE\\x00AD is no revision"),
        ("HEAD\n:exit.S", "revision-unknown", "HEAD\\n is no revision"),
        ("HEAD:a/exits.S", "revision-path", "did you mean a/exit.S?"),
        ("HEAD:exit.S", "revision-path", "did you mean a/exit.S?"),
        ("HEAD:a", "revision-path", "a directory"),
        ("HEAD:", "revision-path", "no such file"),
        ("HEAD:/a/exit.S", "revision-path", "no such file"),
        ("HEAD:../a/exit.S", "revision-path", "no such file"),
        ("HEAD:module", "revision-path", "a submodule"),
    ],
)
def test_what_is_not_there_is_told(repository: Path, name: str, code: str, said: str) -> None:
    """An unknown revision and a path that it does not have end in one line with a stable code, status 4."""
    commit(a__exit_S="x")
    git("update-index", "--add", "--cacheinfo", f"160000,{git('rev-parse', 'HEAD')},module")
    git("commit", "--quiet", "--message", "a module")
    error = refused(name)
    assert (error.code, error.exit_code) == (code, 4)
    assert said in error.message
    assert "\n" not in error.message


def test_no_git_and_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are errors of their own; git's reason is in the second."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    error = refused("HEAD:exit.S")
    assert error.code == "not-a-repository" and "not a git repository" in error.message
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused("HEAD:exit.S").code == "git-missing"


def test_what_is_taken_along_is_bounded(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many files, and too many bytes, are told before any is written."""
    commit(exit_S="x", a_h="y" * 100, b_h="z" * 100)
    assert len(taken("HEAD:exit.S")) == 3
    monkeypatch.setattr(module, "MOST_FILES", 1)
    assert refused("HEAD:exit.S").code == "revision-too-large"
    monkeypatch.setattr(module, "MOST_FILES", 2)
    monkeypatch.setattr(module, "MOST_BYTES", 150)
    assert refused("HEAD:exit.S").code == "revision-too-large"


@pytest.fixture
def unconfined(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Landlock: what git is told has to be enough."""
    monkeypatch.setattr(revisions, "started", lambda start, _: start())


@pytest.mark.usefixtures("unconfined")
def test_the_repository_runs_nothing(repository: Path) -> None:
    """Hooks, filters, text conversion, a pager, a monitor, aliases and a remote's command are never started."""
    commit(exit_S="x", value_h="y")
    ran = repository.parent / "ran"
    script = repository.parent / "script"
    script.write_text(f"#!/bin/sh\necho ran >>{shlex.quote(str(ran))}\ncat\n")
    script.chmod(0o755)
    for hook in ("post-checkout", "fsmonitor-watchman", "post-index-change", "pre-auto-gc", "reference-transaction"):
        Path(".git/hooks").mkdir(exist_ok=True)
        Path(".git/hooks", hook).symlink_to(script)
    for key in (
        "core.fsmonitor",
        "core.pager",
        "pager.ls-tree",
        "filter.f.smudge",
        "filter.f.clean",
        "diff.d.textconv",
    ):
        git("config", key, str(script))
    for key in ("core.sshCommand", "core.editor", "core.askPass", "credential.helper", "uploadpack.packObjectsHook"):
        git("config", key, str(script))
    for key in ("alias.cat-file", "alias.ls-tree", "alias.rev-parse"):
        git("config", key, f"!{script}")
    Path(".git/info").mkdir(exist_ok=True)
    Path(".git/info/attributes").write_text("* filter=f diff=d\n")
    ran.unlink(missing_ok=True)
    assert taken("HEAD:exit.S") == {"exit.S": "x", "value.h": "y"}
    assert not ran.exists()


@pytest.mark.usefixtures("unconfined")
def test_an_incomplete_clone_fetches_nothing(repository: Path) -> None:
    """A blob that is not there is told; the remote, whose address is a command, is not asked."""
    commit(exit_S="x", value_h="y")
    ran = repository.parent / "ran"
    blob = git("rev-parse", "HEAD:value.h")
    git("config", "core.repositoryFormatVersion", "1")
    git("config", "extensions.partialClone", "origin")
    git("config", "remote.origin.promisor", "true")
    git("config", "remote.origin.url", f"ext::sh -c touch% {ran}")
    git("config", "protocol.ext.allow", "always")
    Path(".git/objects", blob[:2], blob[2:]).unlink()
    error = refused("HEAD:exit.S")
    assert error.code == "revision-tree"
    assert not ran.exists()


def test_replaced_objects_are_not_believed(repository: Path) -> None:
    """What a commit's name stands for is its content, not what refs/replace puts in its place."""
    commit(exit_S="true")
    other = git("hash-object", "-w", "--stdin", given=b"false")
    git("replace", git("rev-parse", "HEAD:exit.S"), other)
    assert taken("HEAD:exit.S") == {"exit.S": "true"}


def test_a_bare_repository_has_revisions(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server there is no working tree; directories of -I are then files of the server."""
    commit(exit_S="x", value_h="y")
    git("clone", "--quiet", "--bare", ".", "../bare.git")
    monkeypatch.chdir("../bare.git")
    assert taken("main:exit.S") == {"exit.S": "x", "value.h": "y"}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('#include "asm/a.h"\n', "HEAD has include/asm/a.h: add -I include"),
        ('#include "../up.h"\n', "HEAD has up.h: add --allow-include ."),
        ('.include "asm/a.h"\n', "HEAD has include/asm/a.h: add -I include"),
        ('.incbin "asm/data.bin"\n', "only source files are taken along"),
    ],
)
def test_a_missing_include_names_its_directory(repository: Path, source: str, said: str) -> None:
    """What a tool does not find, and the revision has, comes with the option that brings it."""
    Path("include/asm").mkdir(parents=True)
    Path("include/asm/data.bin").write_text("data")
    commit(entry__exit_S=source, include__asm__a_h="", up_h="")
    with checked_out("HEAD:entry/exit.S") as found, pytest.raises(UserError) as caught:
        assemble(found.path)
    told = found.error(caught.value)
    assert said in told.message
    assert found.root not in told.message and "HEAD:entry/exit.S:" in told.message
    option, _, place = said.partition(": add ")[2].partition(" ")
    if option:
        with checked_out("HEAD:entry/exit.S", (place,)) as found:
            directories = found.directories
            assert assemble(found.path, directories if option == "-I" else (), allow_include=directories)

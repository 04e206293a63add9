# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit init``: what it finds in a tree, what it writes, and what it leaves alone."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest
from hostile_names import NAMES, obeyed
from hypothesis import given, strategies as st

from verifier import initialise as initialise_module, scan as scan_module
from verifier.config import load
from verifier.initialise import configuration, init
from verifier.model import UserError
from verifier.options import Options
from verifier.scan import Source, Tree, exits_in, scan, symbols_in
from verifier.source import SourceHeader
from verifier.targets import expand

SYSRET = "\t.globl\tleave\nleave:\n\tswapgs\n\tsysretq\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository that is the current directory."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(name: str, text: str = SYSRET) -> Path:
    """Write a file, with the directories that it needs."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def found() -> list[str]:
    """The paths of the sources that the scan of the current directory finds."""
    return [source.path for source in scan(Path()).sources]


# Lines.


@pytest.mark.parametrize(
    ("text", "exits"),
    [
        ("\tsysretq", ("sysret",)),
        ("SYSRETL", ("sysret",)),
        ("rex64 sysret # back", ("sysret",)),
        ("rex.w sysexit", ("sysexit",)),
        ("out: swapgs; sysretq", ("sysret",)),
        ("a: b:\tiretq", ("iret",)),
        ("iretl; sysexitl", ("sysexit", "iret")),
        ("#define LEAVE(x) swapgs; sysretq", ("sysret",)),
        ("# define LEAVE sysretq", ("sysret",)),
        ("\tALTERNATIVE \"jmp 1f\", \"iretq\", 3", ("iret",)),
        ("/* sysretq\n iretq */ sysexit", ("sysexit",)),
        ("# sysretq", ()),
        ("// sysretq", ()),
        ("nop // sysretq", ()),
        ("nop # sysretq", ()),
        ("/* sysretq", ()),
        ("#if sysretq", ()),
        ("sysret:", ()),
        ("iret_exc:", ()),
        ("jmp iretq", ()),
        ("call sysret_path", ()),
        ("\t.ascii \"sysretq\"", ()),
        ("entry_SYSRETQ_unsafe_stack:", ()),
        ("sysretx", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_exits_in_lines(text: str, exits: tuple[str, ...]) -> None:
    """An instruction counts wherever a statement may start, in any case; comments, labels and operands do not."""
    assert exits_in(text) == exits


def test_symbols_in_lines() -> None:
    """Global symbols are those of .globl and of macros that begin a function, each once."""
    text = (
        ".globl a, b\n.global c\n.GLOBL x\nSYM_CODE_START(d)\nENTRY(e)\nSYM_INNER_LABEL(f, 1)\n# .globl g\nGLOBAL(a)\n"
    )
    assert symbols_in(text) == ("a", "b", "c", "d", "e", "f")
    assert len(symbols_in("".join(f".globl s{number}\n" for number in range(5000)))) == scan_module.MAX_SYMBOLS


@given(st.text(alphabet='aiRetsys\t\n:;#/*"\\(), .$_', max_size=200))
def test_any_text_is_scanned(text: str) -> None:
    """No text makes the scan fail, and what it finds are symbols and names of instructions."""
    assert set(exits_in(text)) <= {"sysret", "sysexit", "iret"}
    assert all(name and not name.isspace() for name in symbols_in(text))


@pytest.mark.parametrize(
    "piece", ["a:", "a ", '"', "\\", "/*", ";", "rex64 ", "(", "#define A(", "START(", ".globl a,"]
)
def test_long_lines_are_scanned_in_linear_time(piece: str) -> None:
    """One line of a hundred thousand equal pieces ends: no pattern goes back over what it has seen."""
    text = piece * 100_000
    assert exits_in(text) == ()
    assert len(symbols_in(text)) <= 2


# The tree.


def test_where_sources_are_looked_for(here: Path) -> None:
    """Sources in the tree are found; hidden directories, builds, environments and links to directories are not."""
    for name in ("a.S", "d/b.s", "d/e/c.S"):
        put(name)
    for name in (".h/x.S", ".git/x.S", "build/x.S", "CVS/x.S", "out/x.S", "d/c.c", "d/readme", "x.S.orig"):
        put(name)
    for mark in ("CMakeCache.txt", "pyvenv.cfg", "CACHEDIR.TAG", "build.ninja"):
        put(f"marked-{mark}/{mark}", "")
        put(f"marked-{mark}/x.S")
    Path("link").symlink_to("d")
    Path("loop").symlink_to(".")
    Path("self.S").symlink_to("self.S")
    Path("gone.S").symlink_to("nowhere")
    os.mkfifo("pipe.S")
    assert found() == ["a.S", "d/b.s", "d/e/c.S"]


def test_root_may_be_called_build(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory that was asked for is looked at, whatever it is called."""
    put("build/x.S")
    monkeypatch.chdir("build")
    assert found() == ["x.S"]


def test_headers_count(here: Path) -> None:
    """A file whose header names a contract or an entry is found without an instruction; a bad header is a note."""
    put("contract.S", "# CONTRACT: linux\n")
    put("entry.S", "# ENTRY: e\n")
    put("neither.S", "# ORIGIN: x\n")
    put("bad.S", "# CONTRAKT: linux\n" + SYSRET)
    tree = scan(Path())
    assert [source.path for source in tree.sources] == ["bad.S", "contract.S", "entry.S"]
    assert len(tree.notes) == 1 and "CONTRAKT" in tree.notes[0]


def test_bounds(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bound of the scan is a count; what is left out is said."""
    for number in range(9):
        put(f"{number}.S")
    put("9.S", SYSRET + "#" * scan_module.MAX_SOURCE_BYTES)
    tree = scan(Path())
    assert len(tree.sources) == 9 and "9.S: not looked at" in tree.notes[0]
    monkeypatch.setattr(scan_module, "MAX_SOURCES", 4)
    tree = scan(Path())
    assert (len(tree.sources), tree.notes) == (4, ("stopped after 4 sources",))
    monkeypatch.setattr(scan_module, "MAX_ENTRIES", 3)
    tree = scan(Path())
    assert tree.notes[-1] == "stopped after 3 names" and len(tree.sources) <= 3
    monkeypatch.undo()


# What is written.


def written_here() -> str:
    """What init writes in the current directory."""
    assert init([]) == 0
    return Path("verify-exit.toml").read_text(encoding="utf-8")


def test_guesses(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each target has what its file needs: nothing where the header or one symbol says it, else auto."""
    put("one.S")
    put("several.S", ".globl a, b\n" + SYSRET)
    put("header.S", "# CONTRACT: xen\n# ENTRY: e, f\n.globl a, b\n" + SYSRET)
    put("kernel.S", "SYM_CODE_START(entry_SYSCALL_64)\nSYM_INNER_LABEL(entry_SYSCALL_64_after_hwframe, 1)\n sysretq\n")
    put("interrupt.S", ".globl back\nback: iretq\n")
    text = written_here()
    assert "wrote verify-exit.toml with 4 targets" in capsys.readouterr().err
    config = load(Path("verify-exit.toml"))
    jobs = {job.key: job.options for job in expand(config)}
    assert jobs == {
        "header.S": Options(),
        "kernel.S": Options(contract="linux", entries=("auto",)),
        "one.S": Options(),
        "several.S": Options(entries=("auto",)),
    }
    assert "# entry: its header says e, f\n" in text
    assert "# contract: its header says xen\n" in text
    assert "# Global symbols: a, b, leave\n" in text
    assert '# path = "interrupt.S"\n# # It has IRET.\n' in text and "# check_iret = true\n" in text


def test_commented_target_is_one(here: Path) -> None:
    """A target that is written as a comment is a good one without the '#'."""
    put("interrupt.S", ".globl back\nback: iretq\n")
    text = written_here()
    start = text.index("# [[target]]\n# path")
    tail = "".join(line[2:] for line in text[start:].splitlines(keepends=True))
    Path("verify-exit.toml").write_text(text[:start] + tail, encoding="utf-8")
    assert [(job.key, job.options) for job in expand(load(Path("verify-exit.toml")))] == [
        ("interrupt.S", Options(check_iret=True))
    ]


def test_every_commented_default_is_valid(here: Path) -> None:
    """Each key that is shown in a comment can be used as it stands."""
    put("one.S")
    lines = written_here().split("\n")
    told = [line[2:] for line in lines if line.startswith("# ") and " = " in line and not line.startswith("# [")]
    assert len(told) >= 13
    Path("all.toml").write_text("\n".join(told), encoding="utf-8")
    config = load(Path("all.toml"))
    assert config.run.gate == "strict"
    assert config.defaults.profile == "equivalence"


def test_nothing_found(here: Path) -> None:
    """Without a source there is a configuration with an example; it loads, and verifying with it is an error."""
    put("readme", "")
    assert "No source with SYSRET" in written_here()
    config = load(Path("verify-exit.toml"))
    assert config.targets == ()
    with pytest.raises(UserError) as caught:
        expand(config)
    assert caught.value.code == "config-no-targets"


def test_compilation_database_is_used_for_its_sources(here: Path) -> None:
    """A target names the compilation database if that has the flags of its file, and not otherwise."""
    put("a.S")
    put("b.S")
    command = {"directory": str(here), "file": "a.S", "arguments": ["gcc", "-c", "-o", "a.o", "a.S"]}
    put("build/compile_commands.json", json.dumps([command]))
    written_here()
    jobs = {job.key: job.options.build for job in expand(load(Path("verify-exit.toml")))}
    assert jobs == {"a.S": "build/compile_commands.json", "b.S": None}
    put("build/compile_commands.json", "no JSON")
    assert init(["--print"]) == 0


@pytest.mark.parametrize("existing", ["verify-exit.toml", "pyproject.toml", "link"])
def test_never_overwrites(existing: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A configuration that is there stays as it is, also one in pyproject.toml or behind a broken link."""
    put("one.S")
    if existing == "link":
        Path("verify-exit.toml").symlink_to("elsewhere.toml")
    else:
        put(existing, "# mine\n[tool.verify-exit]\n")
    with pytest.raises(UserError) as caught:
        init([])
    assert (caught.value.code, caught.value.exit_code) == ("config-exists", 2)
    assert not Path("elsewhere.toml").exists()
    if existing != "link":
        assert Path(existing).read_text(encoding="utf-8") == "# mine\n[tool.verify-exit]\n"
    assert init(["--print"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["target"][0]["path"] == "one.S"


def test_other_directory(here: Path) -> None:
    """With DIR, that directory is looked at and gets the file; one that is not there is an error."""
    put("sub/one.S")
    assert init(["sub"]) == 0
    assert [job.key for job in expand(load(Path("sub/verify-exit.toml")))] == ["one.S"]
    for name in ("gone", "sub/one.S"):
        with pytest.raises(UserError) as caught:
            init([name])
        assert (caught.value.code, caught.value.exit_code) == ("config-not-found", 2)


def test_unwritable(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that takes no file ends in one line."""

    def refuse(*_arguments: object, **_more: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UserError) as caught:
        init([])
    assert (caught.value.code, caught.value.exit_code) == ("output-unwritable", 2)


def test_names_that_attack(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Odd names of files become patterns for exactly these; nothing in the file or on the terminal is obeyed."""
    odd = [f"{name}.S" for name in NAMES if "/" not in name and "\0" not in name and len(name) < 200]
    odd = [name for name in odd if "\ud800" not in name and not name.startswith(".")]
    for name in odd:
        (here / name).write_text(SYSRET, encoding="utf-8")
    (here / "\udce9.S").write_text(SYSRET, encoding="utf-8")
    text = written_here()
    assert obeyed(text) == [] and obeyed(capsys.readouterr().err) == []
    assert {job.key for job in expand(load(Path("verify-exit.toml")))} == set(odd)
    assert "not UTF-8" in text


@pytest.mark.parametrize("name", NAMES)
def test_symbols_and_headers_that_attack(name: str, here: Path) -> None:
    """A symbol, a header's value or a note with an odd name stays in its comment."""
    header = SourceHeader(contract=name or "c", entries=(name or "e",))
    tree = Tree(
        (
            Source("a.S", ("sysret",), header, (name, name)),
            Source("b.S", ("iret",), SourceHeader(), (name,)),
            Source(name or "c.S", ("sysret",), SourceHeader(), ()),
        ),
        (name,),
        (f"note {name}",),
    )
    text = configuration(tree, here)
    assert obeyed(text) == []
    assert all(set(target) <= {"path", "entry"} for target in tomllib.loads(text)["target"])


def test_many_files(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the bound the rest is counted in a note, and the file still loads."""
    for number in range(7):
        put(f"{number}.S")
    monkeypatch.setattr(initialise_module, "MAX_TARGETS", 5)
    assert "# 2 more files were found" in written_here()
    assert len(expand(load(Path("verify-exit.toml")))) == 5


def test_same_tree_same_text(here: Path) -> None:
    """The text depends on the tree alone: not on the directory that is current, nor on the order of names on disk."""
    for name in ("z.S", "a/b.S", "m.S"):
        put(name)
    first = configuration(scan(Path()), Path())
    os.chdir("a")
    assert configuration(scan(Path("..")), Path("..")) == first
    assert str(here) not in first

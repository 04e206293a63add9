# SPDX-License-Identifier: BSD-2-Clause
"""Build records: both formats, what a command line may say, and that nothing else than the build is assembled."""

from __future__ import annotations

import json
import shlex
import shutil
import string
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from verifier.assemble import assemble
from verifier.buildflags import Build, build_of
from verifier.compilerflags import CompilerFlags, read_command
from verifier.image import load_object
from verifier.model import UserError
from verifier.options import Options, command, from_words, resolve


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


def database(*entries: object, name: str = "out/compile_commands.json") -> str:
    """Write a compilation database."""
    return str(write(name, json.dumps(entries)))


def entry(here: Path, *flags: str, file: str = "../src/a.S") -> dict[str, object]:
    """An entry whose compiler runs in out/, in the form with arguments."""
    return {"directory": f"{here}/out", "file": file, "arguments": ["gcc", *flags, "-c", "-o", "a.o", file]}


def cmd(text: str, target: str = "src/a.o", name: str = "src/.a.o.cmd") -> Path:
    """Write a .cmd file as kbuild does."""
    return write(name, f"savedcmd_{target} := {text} \n\nsource_{target} := src/a.S\n\ndeps_{target} := \\\n  x.h \\\n")


def found(source: str, told: str | None) -> Build:
    """The build of a source that has one."""
    build = build_of(Path(source), told)
    assert build is not None
    return build


def failure(source: str, told: str | None) -> UserError:
    """The error that looking for the build ends in."""
    with pytest.raises(UserError) as caught:
        build_of(Path(source), told)
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message
    return caught.value


def refused(*words: str) -> str:
    """The message of the error that a command line ends in."""
    with pytest.raises(UserError) as caught:
        read_command(["gcc", *words, "-c", "a.S"], "here")
    assert (caught.value.code, caught.value.exit_code) == ("build-flags", 2)
    return caught.value.message


def taken(*words: str) -> CompilerFlags:
    """What is taken from a command line."""
    return read_command(["gcc", *words, "-c", "a.S"], "here")


def bytes_of(source: str, build: Build | None) -> str:
    """The code that a source assembles to, in hex."""
    image = load_object(assemble(Path(source), build=build), source, "")
    return next(section.data.hex() for section in image.sections if section.name == ".text")


# Both formats.


def test_both_forms_of_a_database_entry(here: Path) -> None:
    """An entry's arguments, and its command as a shell splits it, say the same."""
    write("src/a.S", "nop\n")
    listed = entry(here, "-I", "include dir", "-DX=a b")
    shell = {**listed, "command": "gcc -I'include dir' \"-DX=a b\" -c -o a.o ../src/a.S ; objtool a.o && echo done"}
    del shell["arguments"]
    first = found("src/a.S", database(listed))
    second = found("src/a.S", database(shell))
    assert first == second
    assert first.flags.preprocessor == ("-Iinclude dir", "-DX=a b")
    assert first.directory == f"{here}/out"
    assert found("src/a.S", "out") == second


def test_database_directory_may_be_relative(here: Path) -> None:
    """A relative directory is relative to the database, not to where verify-exit runs."""
    write("src/a.S", "nop\n")
    told = database({"directory": ".", "file": "../src/a.S", "command": "cc -c ../src/a.S"})
    assert Path(found("src/a.S", told).directory).resolve() == here / "out"


def test_source_is_found_through_links(here: Path) -> None:
    """Another name of the same file is the same source."""
    write("src/a.S", "nop\n")
    Path("alias").symlink_to("src")
    assert found("alias/a.S", database(entry(here))).flags.source == "../src/a.S"


def test_cmd_file_next_to_the_source(here: Path) -> None:
    """Without -p, the .cmd beside the source is used, relative to the directory its target is relative to."""
    write("src/a.S", "nop\n")
    cmd(r"gcc -Iinclude -DA='\"x\"' -DHASH=$(pound) -DPID=$$$$ -c -o src/a.o src/a.S ; ./objtool --orc src/a.o")
    with pytest.raises(UserError, match="only a shell"):
        build_of(Path("src/a.S"), None)
    cmd(r"gcc -Iinclude -DA='\"x\"' -DHASH=$(pound) -c -o src/a.o src/a.S ; ./objtool --orc src/a.o")
    build = found("src/a.S", None)
    assert build.directory == str(here)
    assert build.flags.preprocessor == ("-Iinclude", '-DA=\\"x\\"', "-DHASH=#")


def test_no_record_is_no_build(here: Path) -> None:
    """A source without a record next to it, and without -p, is assembled as it always was."""
    assert build_of(write("src/a.S", "nop\n"), None) is None


def test_old_cmd_files(here: Path) -> None:
    """The line starts with cmd_ in kernels before 6.2, and the target may be next to the source's directory only."""
    write("src/a.S", "nop\n")
    write("src/.a.o.cmd", "cmd_src/a.o := gcc -DOLD -c -o src/a.o src/a.S\n")
    assert found("src/a.S", None).flags.preprocessor == ("-DOLD",)


def test_build_directory_apart_from_the_source(here: Path) -> None:
    """-p DIR finds the record of a source outside of DIR, as kbuild's O= places it."""
    write("tree/arch/x/a.S", "nop\n")
    text = "gcc -I./generated -I../tree/include -c -o arch/x/a.o ../tree/arch/x/a.S"
    write("out/arch/x/.a.o.cmd", f"savedcmd_arch/x/a.o := {text}\n")
    build = found("tree/arch/x/a.S", "out")
    assert (build.directory, build.origin) == (f"{here}/out", "out/arch/x/.a.o.cmd")
    assert build.flags.search == ("./generated", "../tree/include")


def test_external_module_needs_its_build_directory(here: Path) -> None:
    """A record with an absolute target does not say where relative flags start: -p says it, or it is an error."""
    write("out/x", "")
    write("src/a.S", "nop\n")
    cmd(f"gcc -I./generated -c -o {here}/src/a.o {here}/src/a.S", f"{here}/src/a.o")
    error = failure("src/a.S", None)
    assert error.code == "build-flags"
    assert "./generated" in error.message
    assert "-p" in error.message
    assert found("src/a.S", "out").directory == f"{here}/out"
    cmd(f"gcc -I/usr/include -c -o {here}/src/a.o {here}/src/a.S", f"{here}/src/a.o")
    assert found("src/a.S", None).flags.search == ("/usr/include",)


def test_database_without_assembly_is_completed_by_cmd_files(here: Path) -> None:
    """Databases of older kernels list C files only: the .cmd file of the source counts then."""
    write("out/src/a.S", "nop\n")
    database(entry(here, file="b.c"))
    cmd("gcc -DFROM_CMD -c -o src/a.o src/a.S", name="out/src/.a.o.cmd")
    assert found("out/src/a.S", "out").flags.preprocessor == ("-DFROM_CMD",)


# What is missing or wrong.


def test_missing_entry_names_the_nearest(here: Path) -> None:
    """An entry that is not there is an error with the name that was most likely meant."""
    write("src/entry_64.S", "nop\n")
    told = database(entry(here, file="../src/entry_64_compat.S"), entry(here, file="../lib/memcpy.S"))
    error = failure("src/entry_64.S", told)
    assert error.code == "build-not-found"
    assert "entry_64_compat.S" in error.message
    assert "no other assembly" in failure("src/entry_64.S", database(entry(here, file="a.c"))).message


@pytest.mark.parametrize("told", ["nowhere", "src", "out"])
def test_missing_build(here: Path, told: str) -> None:
    """A build that does not exist, or has no record of the source, is a usage error."""
    write("src/a.S", "nop\n")
    write("out/x", "")
    assert failure("src/a.S", told).code == "build-not-found"


def test_record_of_another_file(here: Path) -> None:
    """A record that compiles another file of the same name is not used for this one."""
    write("src/a.S", "nop\n")
    write("old/src/a.S", "nop\n")
    cmd(f"gcc -I/x -c -o src/a.o {here}/old/src/a.S")
    assert "another file" in failure("src/a.S", None).message
    told = database({"directory": f"{here}/out", "file": "../src/a.S", "command": "gcc -c ../old/src/a.S"})
    assert "another file" in failure("src/a.S", told).message


def test_two_entries_for_one_source(here: Path) -> None:
    """Twice the same is once; with other flags nobody knows which is meant."""
    write("src/a.S", "nop\n")
    assert found("src/a.S", database(entry(here, "-DA"), entry(here, "-DA"))).flags.preprocessor == ("-DA",)
    assert "more than once" in failure("src/a.S", database(entry(here, "-DA"), entry(here, "-DB"))).message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        "[{}",
        '[{"directory": "/", "file": 1}]',
        "[" * 100000,
        "[{}] x",
        '[{"a": ' + "[" * 70000,
        "\xff[",
    ],
)
def test_broken_database(here: Path, text: str) -> None:
    """What is no database is one line, however deep or cut off it is."""
    write("src/a.S", "nop\n")
    assert failure("src/a.S", str(write("db.json", text))).code == "build-flags"


def test_large_entries_and_many(here: Path) -> None:
    """An entry above the size that is decoded first is read too; after it comes the next."""
    write("src/a.S", "nop\n")
    large = entry(here, *(f"-DN{i}" for i in range(9000)), file="other.S")
    assert found("src/a.S", database(large, large, entry(here, "-DLAST"))).flags.preprocessor == ("-DLAST",)
    too_large = entry(here, "-DN=" + "x" * (1 << 20))
    assert failure("src/a.S", database(too_large)).code == "build-flags"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("gcc -c -o a.o $(SRC)/a.S", "shell"),
        ("gcc -DX=`id` -c src/a.S", "shell"),
        ("gcc -c src/a.S < x", "shell"),
        ("gcc -c 'src/a.S", "no shell command"),
        ("echo built", "0 commands"),
        ("gcc -c src/a.S; gcc -DX -c src/a.S", "2 commands"),
        ("python3 evil.py -c src/a.S", "no compiler"),
        ("gcc -c src/a.S src/b.S", "2"),
        ("", "0 commands"),
    ],
)
def test_commands_that_cannot_be_followed(here: Path, text: str, what: str) -> None:
    """No shell runs: what only a shell could finish, and what is no compilation, is an error."""
    write("src/a.S", "nop\n")
    cmd(text)
    error = failure("src/a.S", None)
    assert error.code == "build-flags"
    assert what in error.message


# Flags.


@pytest.mark.parametrize(
    "words",
    [
        ["-fplugin=evil.so"],
        ["-fplugin-arg-evil-x=1"],
        ["-fpass-plugin=evil.so"],
        ["-B/evil"],
        ["-B", "/evil"],
        ["-wrapper", "sh,-c,id"],
        ["-specs=evil.specs"],
        ["--specs=evil.specs"],
        ["-specs", "evil"],
        ["@evil.rsp"],
        ["-Xclang", "-load"],
        ["-mllvm", "-load=evil.so"],
        ["-fmodule-mapper=|id"],
        ["-fdump-go-spec=/x"],
        ["-fdiagnostics-format=sarif-file"],
        ["-fdeps-file=x"],
        ["--config=evil.cfg"],
        ["-fuse-ld=evil"],
        ["-Xpreprocessor", "-fplugin=evil.so"],
        ["-include", "@evil\0"],
    ],
)
def test_hostile_flags_are_never_passed_on(words: list[str]) -> None:
    """A flag that loads code, runs a program, reads more flags or writes a file is an error that names it."""
    message = refused(*words)
    assert words[0] in message or "NUL" in message
    assert "loads, runs or writes" in message or "-include lacks" in message


@pytest.mark.parametrize(
    "words",
    [
        ["-m32"],
        ["-mx32"],
        ["-m16"],
        ["-x", "c"],
        ["-xc"],
        ["-E"],
        ["-S"],
        ["-fpreprocessed"],
        ["-fdirectives-only"],
        ["-fpch-preprocess"],
        ["--sysroot=/x"],
        ["-isysroot", "/x"],
        ["-Wa,--32"],
        ["-Wa,-mcpu=x"],
        ["-Wa,--defsym,X"],
        ["-Wa,--defsym"],
        ["-Wa,-ahls=/etc/x"],
        ["-Wp,-P"],
        ["-D"],
        ["-I-"],
        ["-D", "-X"],
        ["-DX=1\n#error"],
        ["-DX=\ud800"],
        ["--brand-new-option"],
        ["-fabi-file=/etc/passwd"],
        ["other.o"],
        ["-"],
    ],
)
def test_flags_that_may_change_the_code_are_not_ignored(words: list[str]) -> None:
    """What is not understood and may change the code is an error, not a guess."""
    if words == ["-D"]:
        with pytest.raises(UserError):
            read_command(["gcc", "-c", "a.S", "-D"], "here")
    else:
        refused(*words)


def test_flags_that_change_no_code_are_dropped() -> None:
    """Warnings, debug information, dependency files, outputs and the linker leave nothing behind."""
    words = "-Wall -Werror=format -Wno-error -w -g -g3 -gdwarf-5 -ggdb -pipe -MD -MMD -MP -MF a.d -MT a.o -MQ x -o a.o"
    words += " -Wp,-MMD,dir/.a.o.d -Wl,-z,now -L/x -lx -static -pg -fdebug-prefix-map=/a=/b -fdiagnostics-color=always"
    words += (
        " --param=x=1 --param y=2 -Wa,--noexecstack -Wa,-gdwarf-5,--fatal-warnings -fprofile-use=/x -frandom-seed=1"
    )
    assert taken(*words.split()) == CompilerFlags("gcc", "a.S")


def test_flags_that_decide_the_code_are_taken_in_order() -> None:
    """Search paths, macros, and whatever can define one go to the preprocessor as they stand."""
    words = "-nostdinc -I a -Ib -isystem c -iquote d -idirafter e -include f -imacros g -DX -D Y=1 -UZ -U W -std=gnu11"
    words += " -mcmodel=kernel -mno-sse -fno-PIE -fcf-protection=branch -O2 -m64 -fmacro-prefix-map=/a/= -Wp,-DQ"
    flags = taken(*words.split())
    expected = "-nostdinc -Ia -Ib -isystem c -iquote d -idirafter e -include f -imacros g -DX -DY=1 -UZ -UW -std=gnu11"
    expected += " -mcmodel=kernel -mno-sse -fno-PIE -fcf-protection=branch -O2 -m64 -fmacro-prefix-map=/a/= -DQ"
    assert flags.preprocessor == tuple(expected.split())
    assert flags.search == ("a", "b")
    assert set("abcdefg") <= set(flags.paths)


def test_assembler_flags() -> None:
    """-Wa and -Xassembler give the assembler its search path, its symbols and its encoding options."""
    flags = taken("-Wa,-I,inc,-Iinc2,--defsym,X=1,--strip-local-absolute", "-Xassembler", "-mrelax-relocations=no")
    assert flags.search == ("inc", "inc2")
    assert flags.assembler == ("--defsym", "X=1", "--strip-local-absolute", "-mrelax-relocations=no")
    assert flags.preprocessor == ()


def test_language() -> None:
    """-x in front of the source decides whether it is preprocessed; behind it, it would not apply."""
    assert taken("-x", "assembler-with-cpp").preprocess is True
    assert taken("-xassembler").preprocess is False
    assert taken().preprocess is None
    with pytest.raises(UserError, match="behind the source"):
        read_command(["gcc", "-c", "a.S", "-x", "assembler"], "here")


@pytest.mark.parametrize(
    "name", ["gcc", "gcc-12", "x86_64-linux-gnu-gcc-12", "/usr/bin/cc", "clang-19", "ccache /x/gcc"]
)
def test_compilers(name: str) -> None:
    """gcc and clang under their usual names, also behind a cache, are compilers."""
    assert read_command([*name.split(), "-c", "a.S"], "here").compiler == name.split()[-1]


WORD = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), max_size=12),
    st.sampled_from(
        ["-I", "-D", "-U", "-include", "-Wa,", "-Wp,", "-x", "-f", "-m", "-B", "-c", "-o", "@", "-", "a.S"]
    ),
    st.from_regex(r"-[A-Za-z]{1,3}[=,]?[a-z/]{0,4}", fullmatch=True),
)


@given(st.lists(WORD, max_size=6))
def test_any_words_are_taken_or_refused(words: list[str]) -> None:
    """Any command line gives flags or the one error; nothing that loads or runs a program ever gets through."""
    try:
        flags = read_command(["gcc", *words, "-c", "a.S"], "here")
    except UserError as error:
        assert error.code == "build-flags"
        return
    values = {"-isystem", "-iquote", "-idirafter", "-include", "-imacros"}
    arguments = list(flags.preprocessor)
    while arguments:
        argument = arguments.pop(0)
        assert argument.startswith(("-I", "-D", "-U", "-f", "-m", "-O", "-std=", "-nostdinc", "-pthread", *values)) or (
            argument in {"-undef", "-ansi", "-pie", "-no-pie", "-traditional", "-traditional-cpp"}
            or argument.startswith("--target=x86_64")
        )
        assert not argument.startswith(("-fplugin", "-B", "@", "-wrapper", "-specs"))
        if argument in values:
            assert not arguments.pop(0).startswith("-")


@given(st.lists(st.text(alphabet=string.ascii_letters + string.digits + " '\"\\;&|<>()#*?~=", min_size=1), max_size=5))
def test_shell_words_arrive_as_a_shell_splits_them(values: list[str]) -> None:
    """A macro's value survives quoting, whatever it holds, in the command form of both records."""
    from verifier.buildflags import _flags

    line = shlex.join(["gcc", *(f"-DX={value}" for value in values), "-c", "a.S"]) + " ; objtool a.o"
    assert _flags(line, "here", Path("/a.S")).preprocessor == tuple(f"-DX={value}" for value in values)


# Assembling.


def test_build_is_what_is_assembled(here: Path) -> None:
    """Generated headers, -include, macros and the assembler's own path come from the build, relative to it."""
    write("out/generated/asm-offsets.h", "#define OFFSET 7\n")
    write("out/force.h", "#define FORCED 8\n")
    write("out/include/inner.s", ".byte 9\n")
    write("src/calling.h", "#define CALLING .byte 10\n")
    source = '#include <asm-offsets.h>\n#include "calling.h"\n.byte OFFSET, FORCED, SYM\n.include "inner.s"\nCALLING\n'
    write("src/a.S", source + "#ifdef __code_model_kernel__\n.byte 11\n#endif\n")
    flags = [
        "-nostdinc",
        "-Igenerated",
        "-include",
        "force.h",
        "-Wa,-I,include,--defsym,SYM=3",
        "-fno-PIE",
        "-mcmodel=kernel",
    ]
    assert bytes_of("src/a.S", found("src/a.S", database(entry(here, *flags)))) == "070803090a0b"


def test_search_is_the_builds(here: Path) -> None:
    """<…> does not look next to the source, as in the build; the user's own -I and -D come on top."""
    write("out/inc/x.h", "#define X 1\n")
    write("src/x.h", "#define X 2\n")
    write("more/y.h", "#define Y 5\n")
    write("src/a.S", "#include <x.h>\n#include <y.h>\n.byte X, Y, Z\nnop\n")
    build = found("src/a.S", database(entry(here, "-Iinc", "-DZ=1")))
    image = load_object(assemble(Path("src/a.S"), ("more",), ("Z=6",), build=build), "a", "")
    assert next(section.data.hex() for section in image.sections if section.name == ".text") == "01050690"
    assert {row.file for row in image.lines if row.line} == {"src/a.S"}


def test_plain_assembly_and_language(here: Path) -> None:
    """A .s is not preprocessed, unless the build says that it is."""
    write("src/a.s", "#ifndef X\n.byte 1\n#else\n.byte 2\n#endif\n")
    plain = found("src/a.s", database(entry(here, "-DX", file="../src/a.s")))
    assert bytes_of("src/a.s", plain) == "0102"
    told = found("src/a.s", database(entry(here, "-DX", "-x", "assembler-with-cpp", file="../src/a.s")))
    assert bytes_of("src/a.s", told) == "02"


def test_only_a_compiler_on_the_path_runs(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record cannot choose what program runs: its compiler must be the one that PATH finds."""
    write("src/a.S", "nop\n")
    evil = write("out/gcc", "#!/bin/sh\ntouch run\n")
    evil.chmod(0o755)
    for name in ("./gcc", "/nowhere/gcc", "gcc-0.0.1"):
        words = [name, "-c", "../src/a.S"]
        told = database({"directory": str(here / "out"), "file": "../src/a.S", "arguments": words})
        with pytest.raises(UserError) as caught:
            bytes_of("src/a.S", found("src/a.S", told))
        assert (caught.value.code, caught.value.exit_code) == ("build-flags", 2)
        assert name in caught.value.message
    assert not list(here.rglob("run"))
    known = shutil.which("gcc")
    assert known is not None
    told = database({"directory": str(here / "out"), "file": "../src/a.S", "arguments": [known, "-c", "../src/a.S"]})
    assert bytes_of("src/a.S", found("src/a.S", told)) == "90"


# Options.


def test_options_of_build_and_symbols() -> None:
    """-p and --symbols are told on the command line or in ARGS, and are part of the command that repeats a run."""
    told = from_words(["-p", "out dir", "--symbols", "System.map"], "x.S:1")
    assert (told.build, told.symbols) == ("out dir", "System.map")
    assert resolve(Options(build="mine"), told).build == "mine"
    assert resolve(Options(), told) == resolve(told, Options())
    assert from_words(shlex.split(command("a.S", told))[2:], "x") == told

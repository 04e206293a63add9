# SPDX-License-Identifier: BSD-2-Clause
"""How a build compiles one source: the record of it in a compilation database or in a ``.cmd`` file.

Two formats: ``compile_commands.json`` (Clang's "JSON Compilation Database
Format Specification") and the ``.NAME.o.cmd`` that Linux' kbuild and its
relatives write next to each object (scripts/Kbuild.include, ``make-cmd``).
No shell runs: a command that only a shell could finish is an error.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import NoReturn

from verifier.compilerflags import CompilerFlags, read_command
from verifier.model import UserError
from verifier.records import record
from verifier.source import printable, read_input

DATABASE = "compile_commands.json"

_DATABASE_BYTES = 128 << 20
_ENTRY_CHARS = (1 << 16, 1 << 20)  # what is decoded at once: most entries are in the first
_NAMESAKES = 4096  # entries whose file may be the source
_ASSEMBLY = (".S", ".s", ".sx")
_CMD_BYTES = 4 << 20
_NEAREST_OF = 2000  # names that are compared for "did you mean"
_CMD_LINE = re.compile(r"^(?:saved)?cmd_(\S+) :=[ \t]*(.*)$", re.MULTILINE)
_SEPARATOR = re.compile(r"[;&|]+")


@record
class Build:
    """The flags for one source, the absolute directory that they are relative to, and the record they are from.

    ``told``: the user named the build; otherwise the record lay next to the source.
    """

    flags: CompilerFlags
    directory: str
    origin: str
    told: bool = True


def build_of(source: Path, told: str | None) -> Build | None:
    """How the build compiles ``source``; None if nothing is told and there is no record next to it.

    ``told`` is a compilation database, a directory with one, or a kbuild
    output directory. Without it, only ``.NAME.o.cmd`` next to the source
    counts. The record's own input must be that source.

    Raises UserError with exit code 2: ``build-not-found`` (no such build, or
    no record of the source in it) and ``build-flags`` (a record that cannot be
    followed exactly).
    """
    beside = source.parent / _cmd_name(source)
    if told is None:
        return replace(_from_cmd(beside, source, None), told=False) if os.path.isfile(beside) else None
    given = Path(told)
    if os.path.isfile(given):
        return _from_database(given, source)
    if not os.path.isdir(given):
        raise UserError("build-not-found", f"-p {printable(told)}: no such file or directory", 2)
    database = given / DATABASE
    records = [*_cmd_candidates(given, source), beside]
    record = next((path for path in records if os.path.isfile(path)), None)
    if os.path.isfile(database):
        # A database that was made for C sources only is completed by the .cmd files.
        found = _from_database(database, source, None if record is None else record)
        if found is not None:
            return found
    if record is None:
        text = f"-p {printable(told)}: neither {DATABASE} nor {_cmd_name(source)} in the directory that belongs to"
        raise UserError("build-not-found", f"{text} {printable(str(source))}; build it first", 2)
    return _from_cmd(record, source, given)


# compile_commands.json


def _from_database(database: Path, source: Path, otherwise: Path | None = None) -> Build | None:
    """The entry of the source; None if there is none but a record ``otherwise``."""
    name = printable(str(database))
    real, base = source.resolve(), database.resolve().parent
    found: list[Build] = []
    others: set[str] = set()
    namesakes = 0
    for number, entry in enumerate(_entries(database, name)):
        directory, file = entry.get("directory"), entry.get("file")
        if not isinstance(directory, str) or not isinstance(file, str):
            _cannot(f"{name}: entry {number}", "it has no directory or no file")
        if file.rpartition("/")[2] in (source.name, real.name):
            namesakes += 1
            if _same(base / directory / file, real):
                found.append(_entry(entry, base / directory, f"{name}: entry {number}", real))
        elif file.endswith(_ASSEMBLY) and len(others) < _NEAREST_OF:
            others.add(file)
        if namesakes > _NAMESAKES:
            _cannot(name, f"it has more than {_NAMESAKES} entries for files of this name")
    if not found:
        if otherwise is not None:
            return None
        raise UserError(
            "build-not-found", f"{name}: no entry for {printable(str(source))}{_nearest(source, others)}", 2
        )
    if any((build.flags, build.directory) != (found[0].flags, found[0].directory) for build in found):
        _cannot(name, f"{printable(str(source))} is compiled with different flags more than once")
    return found[0]


def _entries(database: Path, name: str) -> Iterator[dict[str, object]]:
    """The entries one by one: a list of them all could take many times the file's size in memory."""
    text = read_input(database, _DATABASE_BYTES).decode("utf-8", "replace")
    decoder, space = json.JSONDecoder(), re.compile(r"[ \t\r\n]*")
    at, wanted = _skip(space, text, 0), "["
    while text.startswith(wanted, at):
        at = _skip(space, text, at + 1)
        if wanted == "[" and text.startswith("]", at):
            break
        entry, size = _decoded(decoder, text, at, name)
        yield entry
        at, wanted = _skip(space, text, at + size), ","
    if not text.startswith("]", at) or _skip(space, text, at + 1) != len(text):
        _cannot(name, f"no compilation database (a JSON list of objects): wrong at character {at}")


def _skip(space: re.Pattern[str], text: str, at: int) -> int:
    match = space.match(text, at)
    return at if match is None else match.end()


def _decoded(decoder: json.JSONDecoder, text: str, at: int, name: str) -> tuple[dict[str, object], int]:
    """The object at a position and its size."""
    entry: object = None
    reason, end = "no object", 0
    for size in _ENTRY_CHARS:
        try:
            entry, end = decoder.raw_decode(text[at : at + size])
            break
        except (ValueError, RecursionError) as error:
            reason = str(error)
    if not isinstance(entry, dict):
        _cannot(name, f"no compilation database: the entry at character {at}: {printable(reason)[:99]}")
    return entry, end


def _entry(entry: dict[str, object], directory: Path, where: str, real: Path) -> Build:
    match entry:
        case {"arguments": [*words]} if all(isinstance(word, str) for word in words):
            flags = read_command([str(word) for word in words], where)
        case {"command": str(command)}:
            flags = _flags(command, where, real)
        case _:
            _cannot(where, "it has neither arguments nor a command")
    return _checked(flags, directory, where, real)


# .NAME.o.cmd


def _cmd_name(source: Path) -> str:
    return f".{source.stem}.o.cmd"


def _cmd_candidates(build: Path, source: Path) -> Iterator[Path]:
    """Where a build directory would keep the record: below it, as the source is below some directory."""
    parts = source.absolute().parent.parts[1:]
    for start in range(len(parts) + 1):
        yield build.joinpath(*parts[start:], _cmd_name(source))


def _from_cmd(record: Path, source: Path, told: Path | None) -> Build:
    """The command in a .cmd file. It ran in the directory that the target's name is relative to."""
    where = printable(str(record))
    text = read_input(record, _CMD_BYTES).decode("utf-8", "surrogateescape")
    match = _CMD_LINE.search(text)
    if match is None:
        _cannot(where, "no line 'savedcmd_TARGET := COMMAND'")
    target, command = match[1], match[2]
    real, home = source.resolve(), record.parent.resolve()
    # What make-cmd escapes for make.
    command = re.sub(r"\$\(pound\)|\\#|\$\$", lambda escape: "$" if escape[0] == "$$" else "#", command)
    below = PurePath(target).parent.parts
    directory = None if told is None else told.resolve()
    if not PurePath(target).is_absolute() and ".." not in below and home.parts[len(home.parts) - len(below) :] == below:
        directory = home.parents[len(below) - 1] if below else home
    flags = _flags(command, where, real)
    if directory is None:
        relative = next((path for path in (*flags.paths, flags.source) if not path.startswith("/")), None)
        if relative is not None:
            text = (
                f"{where}: {printable(relative)[:200]!r} is relative to a build directory that the record does not name"
            )
            raise UserError("build-flags", f"{text}; name it with -p", 2)
        directory = home
    return _checked(flags, directory, where, real)


# Commands.


def _flags(command: str, where: str, real: Path) -> CompilerFlags:
    """The flags of the one simple command in a shell command that compiles the source."""
    if len(command) > _CMD_BYTES:
        _cannot(where, "the command is too long")
    lexer = shlex.shlex(command, posix=True, punctuation_chars=";&|<>()")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError as error:
        _cannot(where, f"the command is no shell command: {error}")
    compiling = [part for part in _simple_commands(words) if _compiles(part, real.suffix)]
    if len(compiling) != 1:
        _cannot(where, f"{len(compiling)} commands compile the source with -c, where one is needed")
    for word in compiling[0]:
        if re.search(r"[$`]", word) or re.fullmatch(r"[<>()]+", word):
            _cannot(where, f"only a shell could tell what {printable(word)[:99]!r} stands for")
    return read_command(compiling[0], where)


def _simple_commands(words: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for word in words:
        if _SEPARATOR.fullmatch(word):
            yield part
            part = []
        else:
            part.append(word)
    yield part


def _compiles(words: list[str], suffix: str) -> bool:
    return "-c" in words and any(word.endswith(suffix) and not word.startswith("-") for word in words[1:])


def _checked(flags: CompilerFlags, directory: Path, where: str, real: Path) -> Build:
    """The build, if its input is the source and its directory exists."""
    compiled = directory / flags.source
    if not _same(compiled, real):
        text = f"{where}: compiles {printable(str(compiled))[:2000]!r}, which is another file"
        raise UserError(
            "build-flags", f"{text} than {printable(str(real))!r}; build again, or name the build with -p", 2
        )
    if not os.path.isdir(directory):
        _cannot(where, f"the directory {printable(str(directory))!r} does not exist")
    return Build(flags, str(directory), where)


def _same(name: Path, real: Path) -> bool:
    try:
        return name.resolve() == real
    except (OSError, RuntimeError, ValueError):  # a loop of links; a NUL or half a character
        return False


def _nearest(source: Path, files: Iterable[str]) -> str:
    """A hint at the assembly source that was most likely meant."""
    names = {file[-200:]: file for file in files}
    if not names:
        return "; it has no other assembly source: name the build directory, whose .cmd files have them"
    near = difflib.get_close_matches(str(source)[-200:], sorted(names), 1, 0.3)
    return f"; the nearest is {printable(names[near[0]])!r}" if near else ""


def _cannot(where: str, what: str) -> NoReturn:
    raise UserError("build-flags", f"{where}: {what[:2000]}; verify the object file instead", 2)

# SPDX-License-Identifier: BSD-2-Clause
"""A look at a tree of sources: which files hold an exit instruction, and what they say of themselves.

For ``verify-exit init``: a guess that a person corrects. Lines are looked at, no macro is expanded and no
file is assembled. Bounds are counts, so that the same tree gives the same answer on every machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from verifier.globs import VERSION_CONTROL
from verifier.model import UserError
from verifier.records import record
from verifier.source import SourceHeader, parse_header, read_input

MAX_ENTRIES = 1_000_000
"""Names of files and directories that are looked at."""
MAX_SOURCES = 20_000
MAX_SOURCE_BYTES = 1 << 20
MAX_SYMBOLS = 1000
"""Symbols that are kept of one file."""

DATABASE = "compile_commands.json"
SUFFIXES = (".S", ".s")

_BUILD_DIRECTORIES = frozenset({"build", "_build", "builddir", "dist", "out", "node_modules", "site-packages", "venv"})
_BUILD_MARKS = frozenset({"CACHEDIR.TAG", "CMakeCache.txt", "build.ninja", "pyvenv.cfg"})

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_STRING = re.compile(r'"((?:[^"\\\n]|\\.)*+)"')
_TEXT_DIRECTIVE = re.compile(r"\s*\.(?:ascii|asciz|string)\b.*", re.IGNORECASE)
_DEFINE = re.compile(r"\s*#\s*define\s+\w+(?:\([^)]*\))?")
_STATEMENT = re.compile(
    r"\s*(?:[\w.$]+:\s*)*(?:(?:rex64|rex\.w|repn?[ze]?|data16|lock)\s+)*"
    r"(?:(sysret)[lq]?|(sysexit)[lq]?|(iret)[bwldq]?)(?![\w.$]|\s*:)",
    re.IGNORECASE | re.ASCII,
)
_GLOBAL = re.compile(r"\s*\.glob[a]?l\s+([\w.$@, \t]+)", re.ASCII)
# The macros with which kernels begin a global function, whatever they call them: NAME_START(symbol), ENTRY(symbol).
_BEGIN = re.compile(r"[A-Z_]*(?:ENTRY|START|LABEL|GLOBAL)[A-Z_]*\(\s*([A-Za-z_.$][\w.$]*)\s*[,)]", re.ASCII)


@record
class Source:
    """A file that may hold an exit path.

    ``path`` is from the root of the search, with "/"; ``exits`` are the instructions that it spells out
    ("sysret", "sysexit", "iret"), ``symbols`` the global ones that it defines or declares.
    """

    path: str
    exits: tuple[str, ...]
    header: SourceHeader
    symbols: tuple[str, ...]


@record
class Tree:
    """What was found: sources and compilation databases, sorted by path, and what was left out, in words."""

    sources: tuple[Source, ...]
    databases: tuple[str, ...]
    notes: tuple[str, ...]


def scan(root: Path) -> Tree:
    """The sources below ``root`` with an exit instruction or a header that names a contract or an entry.

    Not looked at: hidden and version control directories, those of builds and virtual environments, links
    to directories, sources above 1 MiB, and everything after the bounds of this module.
    """
    sources: list[Source] = []
    databases: list[str] = []
    notes: list[str] = []
    read = 0
    for path in _files(root, notes):
        if path.rpartition("/")[2] == DATABASE:
            databases.append(path)
            continue
        read += 1
        if read > MAX_SOURCES:
            notes.append(f"stopped after {MAX_SOURCES} sources")
            break
        try:
            text = read_input(root / path, MAX_SOURCE_BYTES).decode("utf-8", "surrogateescape")
        except UserError as error:
            notes.append(f"{path}: not looked at: {error.message.rpartition(': ')[2]}")
            continue
        try:
            header = parse_header(text, path)
        except UserError as error:
            header = SourceHeader()
            notes.append(error.message)
        exits = exits_in(text)
        if exits or header.contract is not None or header.entries:
            sources.append(Source(path, exits, header, symbols_in(text)))
    return Tree(tuple(sources), tuple(databases), tuple(notes))


def exits_in(text: str) -> tuple[str, ...]:
    """Which of sysret, sysexit and iret a source has as an instruction, also in a macro; comments do not count."""
    found = set()
    for statement in _statements(text):
        match = _STATEMENT.match(statement)
        if match is not None:
            found.add(next(group for group in match.groups() if group is not None).lower())
    return tuple(name for name in ("sysret", "sysexit", "iret") if name in found)


def symbols_in(text: str) -> tuple[str, ...]:
    """The symbols that a source makes global, by .globl or by a macro that begins a function; at most 1000."""
    names: dict[str, None] = {}
    for statement in _statements(text):
        declared = _GLOBAL.match(statement)
        if declared is not None:
            names.update(dict.fromkeys(filter(None, re.split(r"[\s,]+", declared[1]))))
        names.update(dict.fromkeys(match[1] for match in _BEGIN.finditer(statement)))
        if len(names) >= MAX_SYMBOLS:
            break
    return tuple(names)[:MAX_SYMBOLS]


def _statements(text: str) -> Iterator[str]:
    """The statements of a source, roughly: comments and text are left out, strings that may be code are opened."""
    for line in _COMMENT.sub(" ", text).split("\n"):
        if _TEXT_DIRECTIVE.fullmatch(line):
            continue
        define = _DEFINE.match(line)
        rest = line[define.end() :] if define is not None else line
        if define is None and rest.lstrip().startswith("#"):
            continue
        code = _STRING.sub(r";\1;", rest.partition("//")[0])
        yield from code.partition("#")[0].split(";")


def _files(root: Path, notes: list[str]) -> Iterator[str]:
    """The sources and compilation databases below a directory, in the order of their names."""
    seen = 0
    work = [""]
    while work:
        here = work.pop()
        try:
            with os.scandir(root / here) as entries:
                names = []
                for entry in entries:
                    seen += 1
                    if seen > MAX_ENTRIES:
                        break
                    names.append((entry.name, entry.is_dir(follow_symlinks=False), _is_file(entry)))
        except OSError as error:
            notes.append(f"{here or '.'}: not looked at: {error.strerror or error}")
            continue
        names.sort()
        is_build = here != "" and (
            here.rstrip("/").rpartition("/")[2] in _BUILD_DIRECTORIES
            or any(name in _BUILD_MARKS for name, _, _ in names)
        )
        for name, _, is_file in names:
            if is_file and (name == DATABASE or (name.endswith(SUFFIXES) and not is_build)):
                yield f"{here}{name}"
        if seen > MAX_ENTRIES:
            notes.append(f"stopped after {MAX_ENTRIES} names")
            return
        if not is_build:
            below = [name for name, is_directory, _ in names if is_directory]
            work += [
                f"{here}{name}/" for name in reversed(below) if not name.startswith(".") and name not in VERSION_CONTROL
            ]


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to itself, or to where we may not look
        return False

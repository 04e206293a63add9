# SPDX-License-Identifier: BSD-2-Clause
"""Glob patterns over the files below a directory: matched against a name, and searched for, by one rule.

``*``, ``?`` and ``[…]`` are those of Python's fnmatch, within one part of a path; ``**`` is any number
of directories. A wildcard does not match a leading dot unless the pattern writes it, and never a
version control directory, so that neither is searched. A file with ``*``, ``?`` or ``[`` in its name
is written with that character in brackets: ``[[]x].S``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from fnmatch import translate
from functools import cache
from pathlib import Path

from verifier.records import record

VERSION_CONTROL = frozenset({".git", ".hg", ".svn", ".jj", ".bzr", "CVS", "RCS", "SCCS", "_darcs"})
"""Directories that hold copies of files, which nobody means."""

ANY_DEPTH = "**"
_WILD = re.compile(r"[*?\[]")
_BRACKETED = re.compile(r"\[([*?\[])\]")
_ONE_NAME = re.compile(r"(?:[^*?\[]|\[[*?\[]\])*+", re.DOTALL)


class TooMany(Exception):
    """A search looked at more directory entries than it may."""


@record
class Glob:
    """A pattern: its text, and its parts between slashes."""

    text: str
    parts: tuple[str, ...]

    @property
    def literal(self) -> str | None:
        """The path of the one file that a pattern without wildcards means, else None."""
        names = [name for part in self.parts if (name := _plain(part)) is not None]
        return "/".join(names) if len(names) == len(self.parts) else None

    def matches(self, path: str) -> bool:
        """Whether the pattern matches a relative path with "/" between its parts."""
        states = _closed(self, {0})
        for name in path.split("/"):
            states = _step(self, states, name)
        return len(self.parts) in states


def parse(text: str) -> Glob:
    """The pattern in a text. Raises ValueError, with the reason, if it cannot match a file below a directory."""
    if text.startswith("/"):
        raise ValueError("must be relative to the directory of the configuration file")
    if text.endswith("/"):
        raise ValueError("names a directory; name files, for example with **/*.S behind it")
    if "\0" in text:
        raise ValueError("has a NUL character, which no file name has")
    parts: list[str] = []
    for part in text.split("/"):
        if part == "..":
            raise ValueError("must not lead out of the directory of the configuration file")
        if part not in ("", ".") and not (part == ANY_DEPTH and parts[-1:] == [ANY_DEPTH]):
            parts.append(part)
    if not parts:
        raise ValueError("names no file")
    return Glob(text, (*parts, "*") if parts[-1] == ANY_DEPTH else tuple(parts))


def escaped(path: str) -> str:
    """The pattern that matches exactly this path."""
    return _WILD.sub(r"[\g<0>]", path)


def search(root: Path, glob: Glob, limit: int) -> tuple[tuple[str, ...], int]:
    """The regular files below ``root`` that match, sorted, and how many names were looked at.

    ``root`` is absolute and without links. A link to a file counts if the file is below ``root``; a link
    to a directory is followed only where the pattern names it without a wildcard, and within ``root``.
    Raises TooMany above ``limit`` names, and OSError for a directory that cannot be read.
    """
    found: set[str] = set()
    seen = 0
    work = [("", _closed(glob, {0}))]
    while work:
        here, states = work.pop()
        for name, wild, entry in _candidates(root, here, glob, states):
            seen += 1
            if seen > limit:
                raise TooMany(f"{limit} names")
            after = _step(glob, states, name)
            if not after:
                continue
            path = f"{here}{name}"
            is_link = entry.is_symlink()
            if is_link and not below(root, path):
                continue
            # A link to itself is an error to a DirEntry, and no file to a Path.
            what = root / path if is_link else entry
            if what.is_dir():
                if not (wild and is_link):
                    work.append((f"{path}/", after))
            elif len(glob.parts) in after and what.is_file():
                found.add(path)
    return tuple(sorted(found)), seen


def below(root: Path, path: str) -> bool:
    """Whether what ``path`` (relative to ``root``) really is lies below ``root``, which has no links in its name."""
    return Path(os.path.realpath(root / path)).is_relative_to(root)


def _candidates(
    root: Path, here: str, glob: Glob, states: Iterable[int]
) -> Iterator[tuple[str, bool, Path | os.DirEntry[str]]]:
    """The names in a directory that may take a state further, whether only a wildcard takes them, and what they are."""
    names = [_plain(glob.parts[state]) for state in states if state < len(glob.parts)]
    plain = {name for name in names if name is not None}
    if None not in names:
        yield from ((name, False, root / f"{here}{name}") for name in sorted(plain))
        return
    try:
        with os.scandir(root / here) as entries:
            for entry in entries:
                yield entry.name, entry.name not in plain, entry
    except (FileNotFoundError, NotADirectoryError):
        return


def _step(glob: Glob, states: Iterable[int], name: str) -> frozenset[int]:
    """The states after one more part of a path."""
    after = set()
    searched = name not in VERSION_CONTROL
    for state in states:
        part = glob.parts[state] if state < len(glob.parts) else ""
        if part == ANY_DEPTH:
            if searched and not name.startswith("."):
                after.add(state)
        elif (plain := _plain(part)) is not None:
            if plain == name != "":
                after.add(state + 1)
        # A leading dot by the shell's rule, so that "*" is what people expect.
        elif searched and name.startswith(".") <= part.startswith(".") and _compiled(part).match(name):
            after.add(state + 1)
    return _closed(glob, after)


def _closed(glob: Glob, states: Iterable[int]) -> frozenset[int]:
    """The states with those behind each ``**``, which may stand for no directory at all."""
    reached = set(states)
    reached |= {state + 1 for state in reached if state < len(glob.parts) and glob.parts[state] == ANY_DEPTH}
    return frozenset(reached)


@cache
def _plain(part: str) -> str | None:
    """The one name that a part means, its brackets taken off; None for a wildcard."""
    return _BRACKETED.sub(r"\1", part) if _ONE_NAME.fullmatch(part) else None


@cache
def _compiled(part: str) -> re.Pattern[str]:
    return re.compile(translate(part))

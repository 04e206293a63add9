# SPDX-License-Identifier: BSD-2-Clause
"""Which files a source may make its tools read, and which they did read.

A source is untrusted: by ``#include``, ``.include`` and ``.incbin`` it can
name any file of the machine, also by a name that only a macro spells. So the
tools are asked afterwards what they opened (``-H`` and ``-MD`` of the
preprocessor, ``--MD`` of the assembler), and each file is judged by where it
really is. Nothing of what a refused file holds goes further: not to the next
tool, not into the object, not into a message.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path

from verifier.model import UserError
from verifier.reads import note
from verifier.records import record
from verifier.source import printable

_MAX_LINKS = 40  # as Linux: path_resolution(7)
_CHANGING = ("/proc", "/dev", "/sys")
_OPENED = re.compile(r"^(?:\.+|!|x) (.+)$")
_GUARDS = "Multiple include guards may be useful for:"
_MARKER = re.compile(r'^# (\d+) "((?:[^"\\]|\\.)*)"')
_DIRECTIVE = re.compile(r'(?:#\s*(?:include|include_next|import|embed)\b|\.(?:include|incbin)\b)\s*[<"]([^">]*)[">]')
_LOOKED_AT = 64  # lines of messages, and names in one


@record
class Allowed:
    """The directories, and single files, that the tools may read, without links in their names."""

    roots: tuple[str, ...]

    def allows(self, name: str, directory: str) -> bool:
        """Whether the file that ``name`` means in ``directory`` is a regular file in an allowed place."""
        found = real_path(name, directory)
        if found is None or not any(found == root or found.startswith(root.rstrip("/") + "/") for root in self.roots):
            return False
        try:
            return stat.S_ISREG(os.lstat(found).st_mode)
        except (OSError, ValueError):
            return False


def allowed(places: Iterable[str]) -> Allowed:
    """The places, each a directory with all below it or one file, that exist."""
    found = (real_path(place, str(Path.cwd())) for place in places)
    return Allowed(tuple(dict.fromkeys(place for place in found if place is not None)))


def real_path(name: str, directory: str) -> str | None:
    """The name without links and ``..``; None if it does not exist or is under /proc, /dev or /sys.

    What is there differs from process to process: ``/proc/self`` of a tool is
    another directory than ours.
    """
    left = [part for part in reversed(_joined(os.path.abspath(directory), name).split("/")) if part]
    here, links = "", 0
    while left:
        part = left.pop()
        if part == ".":
            continue
        if part == "..":
            here = here.rpartition("/")[0]
            continue
        here += "/" + part
        if here in _CHANGING:
            return None
        try:
            target = str(Path(here).readlink()) if stat.S_ISLNK(os.lstat(here).st_mode) else None
        except (OSError, ValueError):
            return None
        if target is not None:
            links += 1
            if links > _MAX_LINKS:
                return None
            left += [piece for piece in reversed(target.split("/")) if piece]
            here = "" if target.startswith("/") else here.rpartition("/")[0]
    return here or "/"


def check(names: Iterable[str], directory: str, allowed: Allowed, text: str, path: str) -> None:
    """Raise UserError ``include-refused`` (exit code 4) for the first name that is not allowed.

    ``names`` are relative to ``directory``. ``path`` is the source, and
    ``text`` what the tool read: a line of it is looked for to blame.
    """
    for name in dict.fromkeys(names):
        note(name, directory)
        if not allowed.allows(name, directory):
            raise refusal(name, directory, text, path)


def refusal(name: str, directory: str, text: str, path: str) -> UserError:
    """The error for a file that may not be read."""
    found = real_path(name, directory)
    where = next(
        (f"{file}:{line}" for file, line, said in _directives(text, path) if f"/{name}".endswith(f"/{said}")), path
    )
    if found is None or not os.path.isfile(found):
        what = "which is not a regular file (nothing under /proc, /dev or /sys is)"
        return UserError("include-refused", printable(f"{where}: includes {name}, {what}; copy what is needed"))
    shown = name if found == name else f"{name} ({found})"
    rule = "which is outside the source's directory and those of -I, -p and --allow-include"
    hint = f"allow it with --allow-include {Path(found).parent}"
    return UserError("include-refused", printable(f"{where}: includes {shown}, {rule}; {hint}"))


def outside(text: str, search: Iterable[str], allowed: Allowed, path: str) -> UserError | None:
    """The error for a directive in ``text`` that names an existing file which is not allowed.

    For a tool that died before it said what it opened: a guess, which is good
    for a message and for nothing else.
    """
    places = tuple(search)
    names = dict.fromkeys(said for _file, _line, said in _directives(text, path))
    found = (named(name, places, allowed, text, path) for name in islice(names, _LOOKED_AT))
    return next(filter(None, found), None)


def named(name: str, search: Iterable[str], allowed: Allowed, text: str, path: str) -> UserError | None:
    """The error for the first file of this name in the directories ``search``, unless it is allowed."""
    place = next((place for place in search if os.path.lexists(_joined(place, name))), None)
    if place is None or allowed.allows(name, place):
        return None
    return refusal(name, place, text, path)


def in_messages(messages: str, directory: str, allowed: Allowed, ours: Collection[str]) -> list[str]:
    """Existing files, not ``ours`` and not allowed, which the messages of a tool are about.

    An assembler that fails writes no list of files. But a message quotes the
    line that it is about, under the name of the file that the line is in.
    """
    found: dict[str, None] = {}
    for line in dict.fromkeys(messages.split("\n")[:_LOOKED_AT]):
        # A name may hold colons itself.
        for match in islice(re.finditer(":", line), _LOOKED_AT):
            name = line[: match.start()]
            if name not in ours and os.path.lexists(_joined(directory, name)):
                found[name] = None
    return [name for name in found if not allowed.allows(name, directory)]


def opened(messages: str) -> tuple[list[str], str]:
    """The files in the ``-H`` lines of a preprocessor's messages, and the other messages."""
    names, rest = [], []
    for line in messages.split("\n"):
        match = _OPENED.match(line)
        if match is not None:
            names.append(match[1])
        elif line != _GUARDS:
            rest.append(line)
    return names, "\n".join(rest)


def dependencies(rule: str) -> list[str]:
    """The names in the one rule for make that a tool wrote, its first input included.

    Blanks and ``#`` in names are escaped by backslashes, ``$`` by another.
    Raises ValueError for a name that could be read in two ways.
    """
    _target, colon, listed = rule.partition(": ")
    if not colon:
        raise ValueError("no rule")
    names = re.split(r"(?<!\\) (?:\\\n )?", " " + listed.rstrip("\n"))
    if any("\n" in name or "\\\\" in name for name in names):
        raise ValueError("a name with a line end or backslashes")
    return [re.sub(r"\\([ \t#])", r"\1", name).replace("$$", "$") for name in names if name]


def _joined(directory: str, name: str) -> str:
    """The name as the system would look it up in the directory; Path would drop a dot and a slash."""
    return name if name.startswith("/") else f"{directory}/{name}"


def _directives(text: str, path: str) -> Iterator[tuple[str, int, str]]:
    """(file, line, name) of what looks like an include in a text with line markers."""
    file, number = path, 0
    for line in text.split("\n"):
        number += 1
        marker = _MARKER.match(line)
        if marker is not None:
            number, file = int(marker[1][:9]) - 1, marker[2]
        for match in _DIRECTIVE.finditer(line):
            yield file, number, match[1]

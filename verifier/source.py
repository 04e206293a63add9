# SPDX-License-Identifier: BSD-2-Clause
"""Reading a source file, and its header: which contract, which entry, which verdict is expected.

The header is the leading run of comment lines (``#`` or ``//``), blank lines
and one SPDX line in any comment style; it ends at the first other line::

    # SPDX-License-Identifier: BSD-2-Clause
    # CONTRACT: linux
    # ENTRY:    exit_to_user
    # EXPECT:   violated tf
    # ARGS:     --profile equivalence
    # ORIGIN:   what it models, in as many lines as it takes: a line that
    #           follows ORIGIN and is indented by two or more spaces belongs to it

A key is upper case, at the start of its line, and followed by a colon. Keys
other than these five are ordinary comments, unless they look like a misspelt
one. ENTRY and ARGS may be repeated and add up; ENTRY takes several symbols or
addresses, separated by commas or spaces; ARGS is split like a shell would.

A ``#`` line is also a line of C preprocessor input, where ``# if the frame …``
is a directive, ``# 3 "x"`` a line marker, ``/*`` opens a comment and a last
backslash eats the next line. ``blank_header`` empties the key lines and the
lines that continue ORIGIN before the preprocessor runs, so these may hold any
text. Other comment lines are left to the preprocessor, as in any ``.S`` file.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from verifier.model import UserError
from verifier.reads import note
from verifier.records import record

SOURCE_BYTES = 16 << 20
"""The largest source that is read, unless told otherwise."""

KEYS: tuple[str, ...] = ("CONTRACT", "ENTRY", "EXPECT", "ARGS", "ORIGIN")
"""The keys of the header dialect."""

_KEY_LINE = re.compile(r"(?:#|//)[ \t]*([A-Z][A-Z0-9_-]*)[ \t]*:[ \t]*(.*)")
_CONTINUATION = re.compile(r"(?:#|//)(?:[ ]{2,}|[ ]*\t\s*)(\S.*)")
_SPDX = re.compile(r"(?:#|//|/\*)\s*SPDX-License-Identifier:")
_LONGEST = 4096
_NEAR = 0.75  # difflib ratio from which an unknown key counts as a misspelling


@record
class SourceHeader:
    """What the header says; None or an empty tuple for a key that is absent."""

    contract: str | None = None
    entries: tuple[str, ...] = ()
    expect: str | None = None
    args: tuple[str, ...] = ()
    origin: str | None = None


def read_input(path: Path, limit: int = SOURCE_BYTES) -> bytes:
    """The content of a regular file of at most ``limit`` bytes.

    Raises UserError ``input-not-found`` (missing, unreadable or not a regular
    file) or ``input-too-large``, with exit code 4.
    """
    name = printable(str(path))
    note(path)
    try:
        # O_NONBLOCK: opening a FIFO must not wait for a writer.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UserError("input-not-found", f"{name}: not a regular file")
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UserError("input-not-found", f"{name}: {reason}") from error
    if len(data) > limit:
        raise UserError("input-too-large", f"{name}: larger than {limit} bytes")
    return data


def printable(text: str) -> str:
    """The text with control characters and undecodable bytes made visible: it may go to a terminal."""
    return "".join(char if char.isprintable() or char == "\t" else ascii(char)[1:-1] for char in text)


def parse_header(text: str, path: str = "<source>") -> SourceHeader:
    """Read the header of a source text; ``path`` is for messages.

    Raises UserError (exit code 2): ``header-unknown-key`` for a misspelt key,
    ``header-duplicate-key``, ``header-empty-value``, ``header-bad-args`` and
    ``header-too-long`` (4096 characters for one key, ORIGIN excepted: the
    words may come back in a message).
    """
    values: dict[str, list[str]] = {}
    for number, key, value in _header_lines(text, path):
        where = f"{path}:{number}"
        if key == "":
            values["ORIGIN"].append(value)
            continue
        if not value:
            raise UserError("header-empty-value", f"{where}: {key}: has no value; give one or delete the line", 2)
        if key in values and key not in ("ENTRY", "ARGS"):
            raise UserError("header-duplicate-key", f"{where}: {key}: is given twice; keep one", 2)
        if key == "ARGS":
            _split(value, where)
        values.setdefault(key, []).append(value)
        if key != "ORIGIN" and sum(map(len, values[key])) > _LONGEST:
            text = f"{where}: {key}: more than {_LONGEST} characters; use the command line"
            raise UserError("header-too-long", text, 2)
    return SourceHeader(
        contract=_only(values, "CONTRACT"),
        entries=tuple(name for value in values.get("ENTRY", ()) for name in re.split(r"[,\s]+", value) if name),
        expect=_only(values, "EXPECT"),
        args=tuple(word for value in values.get("ARGS", ()) for word in _split(value, path)),
        origin=" ".join(values["ORIGIN"]) if "ORIGIN" in values else None,
    )


def blank_header(text: str) -> str:
    """The text with its header keys, and the lines that continue ORIGIN, emptied; line numbers stay."""
    lines = text.split("\n")
    for number, _key, _value in _header_lines(text, None):
        lines[number - 1] = ""
    return "\n".join(lines)


def _header_lines(text: str, path: str | None) -> Iterator[tuple[int, str, str]]:
    """Yield (line number, key, value); the key is "" for a continuation of ORIGIN.

    With a path, a misspelt key raises; without, it is a comment.
    """
    in_origin = False
    # Only "\n" ends a line for the preprocessor; str.splitlines knows many more.
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = raw.rstrip()
        if _SPDX.match(line) or not line:
            in_origin = False
            continue
        if not line.startswith(("#", "//")):
            return
        match = _KEY_LINE.fullmatch(line)
        if match is not None and match[1] in KEYS:
            in_origin = match[1] == "ORIGIN"
            yield number, match[1], match[2]
            continue
        continuation = _CONTINUATION.fullmatch(line) if in_origin else None
        if continuation is not None:
            yield number, "", continuation[1]
            continue
        in_origin = False
        if match is not None and path is not None:
            _check_spelling(match[1], f"{path}:{number}")


def _check_spelling(key: str, where: str) -> None:
    near = difflib.get_close_matches(key, KEYS, n=1, cutoff=_NEAR)
    near = near or [known for known in KEYS if key.startswith(known[:-1])]
    if near:
        message = f"{where}: unknown header key {key}; did you mean {near[0]}? (a plain comment: use lower case)"
        raise UserError("header-unknown-key", message, 2)


def _only(values: dict[str, list[str]], key: str) -> str | None:
    return values[key][0] if key in values else None


def _split(value: str, where: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError as error:
        raise UserError("header-bad-args", f"{where}: ARGS: {error}; balance the quotes", 2) from error

# SPDX-License-Identifier: BSD-2-Clause
"""A TOML table that is read strictly: every error is one line that names the full key path.

Knows nothing about contracts. The text comes from files that may be
untrusted, so nothing from them reaches a message unescaped or at full length.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from verifier.model import UserError
from verifier.records import record

LONG_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}""", re.ASCII)
"""A key of more than 32 parts: tomllib takes quadratic time for it, and no format of ours has one."""

Levels = Mapping[tuple[str, ...], tuple[str, ...]]
"""The keys of a format: path of a table → the keys it may have."""


@record
class Table:
    """A table, the file and path where it stands, and the format it belongs to.

    ``code`` is the UserError code of every failure; the exit code is always 2.
    """

    code: str
    file: str
    path: tuple[str, ...]
    data: Mapping[str, object]
    levels: Levels

    def fail(self, message: str, *keys: str) -> UserError:
        """An error about the key ``keys`` below this table."""
        return UserError(self.code, f"{one_line(self.file)}: {dotted((*self.path, *keys))}: {message}", 2)

    def known(self, allowed: tuple[str, ...]) -> Table:
        """This table, if it has no key outside ``allowed``.

        Runs before any look-up, so that a misspelt key is not reported as a missing one.
        """
        for key in self.data:
            if key not in allowed:
                where = dotted((*self.path, key))
                hint = self._hint(key, allowed)
                raise UserError(self.code, f"{one_line(self.file)}: unknown key {where}; {hint}", 2)
        return self

    def child(self, key: str) -> Table:
        """The sub-table ``key``; an absent one is empty, so that its required keys are reported.

        Its keys are checked if ``levels`` has its path.
        """
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            raise self.fail(f"must be a table, not {kind(value)}", key)
        table = Table(self.code, self.file, (*self.path, key), value, self.levels)
        allowed = self.levels.get(table.path)
        return table if allowed is None else table.known(allowed)

    def text(self, key: str, what: str) -> str:
        """A required string of one printable line; ``what`` says what belongs there."""
        value = self.data.get(key)
        if value is None:
            raise self.fail(f"missing; write {what} as a string", key)
        if not isinstance(value, str):
            raise self.fail(f"must be a string ({what}), not {kind(value)}", key)
        if not value.strip() or not value.isprintable():
            raise self.fail(f"must be one line of printable text ({what})", key)
        return value

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """An integer from ``low`` to ``high``; required if there is no default."""
        value = self.data.get(key, default)
        if value is None:
            raise self.fail(f"missing; write an integer from {hexadecimal(low)} to {hexadecimal(high)}", key)
        # A bool is an int in Python but not in TOML.
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fail(f"must be an integer, not {kind(value)}", key)
        if not low <= value <= high:
            shown = hexadecimal(value)
            raise self.fail(f"{shown} is out of range ({hexadecimal(low)} to {hexadecimal(high)})", key)
        return value

    def choice(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """One of the ``allowed`` strings; required if there is no default."""
        listed = ", ".join(f'"{value}"' for value in allowed)
        value = self.data.get(key, default)
        if value is None:
            raise self.fail(f"missing; write one of {listed}", key)
        if not isinstance(value, str):
            raise self.fail(f"must be one of {listed}, not {kind(value)}", key)
        if value not in allowed:
            raise self.fail(f"{quoted(value)} is not one of {listed}", key)
        return value

    def _hint(self, key: str, allowed: tuple[str, ...]) -> str:
        """The one table that has this key, else the likely key of this table, else all allowed here."""
        elsewhere = [level for level, keys in self.levels.items() if key in keys]
        close = get_close_matches(key, allowed, n=1)
        if len(elsewhere) == 1:
            return f"did you mean {dotted((*elsewhere[0], key))}?"
        if close:
            return f"did you mean {dotted((*self.path, close[0]))}?"
        return f"allowed here: {', '.join(allowed)}"


def parse_toml(text: str, file: str, code: str, levels: Levels) -> Table:
    """The top table of a TOML text, its keys checked. Raises UserError ``code``."""
    if LONG_KEY.search(text):
        raise UserError(code, f"{one_line(file)}: a key has more than 32 parts; no key here needs that", 2)
    try:
        data = tomllib.loads(text)
    # ValueError is also raised for an integer with more digits than Python converts.
    except (ValueError, RecursionError) as error:
        raise UserError(code, f"{one_line(file)}: not valid TOML: {one_line(error)}", 2) from error
    return Table(code, file, (), data, levels).known(levels[()])


def dotted(path: Iterable[str]) -> str:
    """A key path as TOML writes it; a key that TOML must quote is quoted."""
    return ".".join(key if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", key) else quoted(key) for key in path)


def quoted(text: str) -> str:
    """Text in quotes, on one line, cut at 60 characters."""
    return '"' + one_line(text)[:60] + '"'


def one_line(value: object) -> str:
    """Text with "?" for every character that is not printable (controls, direction overrides)."""
    return "".join(char if char.isprintable() else "?" for char in str(value))


def hexadecimal(value: int) -> str:
    """An integer in hex, or its size if it has more than 64 bits."""
    return hex(value) if value.bit_length() <= 64 else f"an integer of {value.bit_length()} bits"


def kind(value: object) -> str:
    """TOML's word for the type of a parsed value, with its article."""
    match value:
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a float"
        case str():
            return "a string"
        case list():
            return "an array"
        case dict():
            return "a table"
        case _:
            return "a date or time"

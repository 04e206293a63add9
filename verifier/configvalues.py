# SPDX-License-Identifier: BSD-2-Clause
"""The values of a configuration file, read strictly: every error is one line that names the place and the key.

A key that is silently ignored would silently change what is checked. Nothing of the file reaches a
message unescaped or at full length.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from verifier.globs import VERSION_CONTROL, Glob, below, parse
from verifier.model import UserError
from verifier.records import record
from verifier.report import FORMATS
from verifier.settings import Key
from verifier.toml_table import kind, one_line

LONGEST = 4096
"""Characters of one string."""

_MACRO = re.compile(r"[A-Za-z_]\w*(?:=.*)?", re.ASCII)
_RLIMIT = 0xFFFF_FFFF  # the solver's counter has 32 bits


@record
class Place:
    """A table of a configuration: where it stands, for messages, and the directories that its paths are about.

    ``root`` is the absolute directory of the configuration, without links; ``seen`` is the same directory
    from the current one, "" or with a slash at its end.
    """

    where: str
    root: Path
    seen: str

    def wrong(self, code: str, key: str, message: str) -> UserError:
        """UserError config-``code`` (exit code 2) about a key of this table."""
        return UserError(f"config-{code}", f"{self.where}: {key} {message}", 2)

    def wrong_type(self, key: str, wanted: str, value: object) -> UserError:
        """UserError config-bad-type."""
        return self.wrong("bad-type", key, f"must be {wanted}, not {kind(value)}")

    def path(self, name: str) -> str:
        """A path of the configuration, as the current directory sees it."""
        return name if name.startswith("/") else f"{self.seen}{name}"


def known(place: Place, table: Mapping[str, object], allowed: Iterable[Key], other: Iterable[Key], home: str) -> None:
    """Raise UserError config-unknown-key for a key that is not allowed; ``home`` is where the ``other`` keys belong."""
    names = [key.name for key in allowed]
    for name in table:
        if name in names:
            continue
        near = get_close_matches(name[:100], names, 1, 0.5)
        if name in (key.name for key in other):
            hint = f"it belongs {home}"
        elif near:
            hint = f"did you mean '{near[0]}'?"
        else:
            hint = f"allowed here: {', '.join(names)}"
        raise UserError("config-unknown-key", f"{place.where}: unknown key {shown(name)}; {hint}", 2)


def read(place: Place, table: Mapping[str, object], keys: Iterable[Key]) -> dict[str, Any]:
    """The values of those ``keys`` that the table has, in the types of Settings, RunSettings or globs.

    Raises UserError config-bad-type or config-bad-value.
    """
    return {key.name: _TYPES[key.type](place, key, table[key.name]) for key in keys if key.name in table}


def shown(text: str) -> str:
    """A text of the file in quotes, on one line, cut at 60 characters."""
    return f"'{one_line(text)[:60]}'"


def written(value: str | bool | int | float | Iterable[str]) -> str:
    """A value as TOML. Nothing in it can end the line, act on a terminal or look like a CI system's command.

    Raises ValueError for a string that TOML cannot hold: a file name that is not UTF-8.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        case str():
            value.encode()
            spelled = "".join(map(_spelled, value)).replace("::", r":\u003a").replace("##[", r"#\u0023[")
            return f'"{spelled}"'
        case _:
            return f"[{', '.join(map(written, value))}]"


def _spelled(char: str) -> str:
    if char in ('"', "\\"):
        return f"\\{char}"
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _choice(place: Place, key: Key, value: object) -> str:
    listed = ", ".join(f"'{one}'" for one in key.values)
    if not isinstance(value, str):
        raise place.wrong_type(key.name, f"one of {listed}" if len(key.values) > 1 else listed, value)
    if value not in key.values:
        near = get_close_matches(value, key.values, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"allowed: {listed}"
        raise place.wrong("bad-value", key.name, f"cannot be {shown(value)}; {hint}")
    return value


def _boolean(place: Place, key: Key, value: object) -> bool:
    if not isinstance(value, bool):
        raise place.wrong_type(key.name, "true or false", value)
    return value


def _text(place: Place, key: Key, value: object) -> str:
    if not isinstance(value, str):
        raise place.wrong_type(key.name, "a string", value)
    if not value.strip() or not value.isprintable() or len(value) > LONGEST:
        raise place.wrong("bad-value", key.name, f"must be one line of printable text, of at most {LONGEST} characters")
    return value


def _path(place: Place, key: Key, value: object) -> str:
    return place.path(_text(place, key, value))


def _contract(place: Place, key: Key, value: object) -> str:
    name = _text(place, key, value)
    if "/" not in name and not name.endswith(".toml"):
        return name
    path = place.path(name.removeprefix("./"))
    return path if "/" in path or path.endswith(".toml") else f"./{path}"


def _list(place: Place, key: Key, value: object) -> list[object]:
    if not isinstance(value, list):
        raise place.wrong_type(key.name, "an array of strings", value)
    return value


def _one_or_more(place: Place, key: Key, value: object) -> list[object]:
    if not isinstance(value, str | list):
        raise place.wrong_type(key.name, "a string or an array of strings", value)
    if value == []:
        raise place.wrong("bad-value", key.name, "must not be an empty array; leave the key out")
    return value if isinstance(value, list) else [value]


def _paths(place: Place, key: Key, value: object) -> tuple[str, ...]:
    return tuple(_path(place, key, one) for one in _list(place, key, value))


def _macros(place: Place, key: Key, value: object) -> tuple[str, ...]:
    macros = tuple(_text(place, key, one) for one in _list(place, key, value))
    for macro in macros:
        if not _MACRO.fullmatch(macro):
            raise place.wrong("bad-value", key.name, f"holds {shown(macro)}, which is not NAME or NAME=VALUE")
    return macros


def _names(place: Place, key: Key, value: object) -> tuple[str, ...]:
    return tuple(_text(place, key, one) for one in _one_or_more(place, key, value))


def _globs(place: Place, key: Key, value: object) -> tuple[Glob, ...]:
    globs = []
    for text in _one_or_more(place, key, value):
        if not isinstance(text, str):
            raise place.wrong_type(key.name, "a string or an array of strings", text)
        try:
            if len(text) > LONGEST:
                raise ValueError(f"has more than {LONGEST} characters")
            globs.append(parse(text))
        except ValueError as error:
            code = "outside" if text.startswith("/") or ".." in text.split("/") else "bad-value"
            raise place.wrong(code, key.name, f"{shown(text)} {error}") from None
    return tuple(globs)


def _seconds(place: Place, key: Key, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise place.wrong_type(key.name, "a number of seconds", value)
    if not 0 < value <= 1e9 or not math.isfinite(value):
        raise place.wrong("bad-value", key.name, "must be a number of seconds above 0, and at most 1e9")
    return float(value)


def _integer(place: Place, key: Key, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise place.wrong_type(key.name, "an integer", value)
    if not 0 < value <= _RLIMIT:
        raise place.wrong("bad-value", key.name, f"must be an integer from 1 to {_RLIMIT}")
    return value


def _outputs(place: Place, key: Key, value: object) -> tuple[str, ...]:
    """FORMAT or FORMAT=FILE; a file must be below the configuration's directory, wherever links lead."""
    outputs = []
    for word in (_text(place, key, one) for one in _list(place, key, value)):
        name, equals, file = word.partition("=")
        if name not in FORMATS:
            near = get_close_matches(name, FORMATS, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"available: {', '.join(FORMATS)}"
            raise place.wrong("bad-value", key.name, f"holds the unknown format {shown(name)}; {hint}")
        if equals and not file:
            raise place.wrong("bad-value", key.name, f"holds {shown(word)}: a file name must follow the '='")
        if file in ("", "-"):
            outputs.append(name)
            continue
        # The command line may write anywhere; a file that a checkout brings along may not.
        parts = file.split("/")
        if file.startswith("/") or ".." in parts or VERSION_CONTROL & set(parts) or not below(place.root, file):
            what = f"would write {shown(file)}, which is not below the directory of the configuration file"
            raise place.wrong("outside", key.name, f"{what}, or in a version control directory; use --format")
        outputs.append(f"{name}={place.path(file)}")
    return tuple(outputs)


_TYPES: Mapping[str, Any] = {
    "boolean": _boolean,
    "choice": _choice,
    "contract": _contract,
    "globs": _globs,
    "integer": _integer,
    "macros": _macros,
    "names": _names,
    "outputs": _outputs,
    "path": _path,
    "paths": _paths,
    "seconds": _seconds,
    "text": _text,
}


def seen_from_here(root: Path) -> str:
    """A directory from the current one: "" if it is that, else with a slash at its end."""
    relative = os.path.relpath(root)
    return "" if relative == "." else f"{relative}/"

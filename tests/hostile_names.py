# SPDX-License-Identifier: BSD-2-Clause
"""Names that attack whoever prints them, and a report that has each in every place: for the tests of all formats."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from verifier.model import FileReport

NAMES: tuple[str, ...] = (
    "x[red]y[/red][link=http://a.example]z[/link]",  # markup of rich
    "a\x1b[2J\x1b]0;title\x07b\x9b31m",  # terminals
    "a\rb\nc\x0bd\x0ce\x85f\u2028g\u2029h",  # line ends
    "\n::error file=a::b\n##[error]c",  # obeyed by CI systems
    "a\u202egnp.\u2066b\u200fc\u061cd",  # text that reads backwards
    "a\x00b\x7fc\ufeffd\u200be",  # invisible
    "\udce9\ud800",  # bytes that are no UTF-8, half a character
    "<script>alert(1)</script>&amp;\"'><img src=x onerror=alert(1)>",  # HTML and XML
    "]]>--><!--<![CDATA[",
    '|x|\n(assert false)\n(exit)""|;',  # SMT-LIB
    '"""\'\'\'\\"); import os; os.abort()  # \\',  # Python
    "`rm -rf x`$(touch y);|&\t'\"\\\n",  # shells
    "%s%n{0}{x!r}${y}",  # formats
    "| a | [b](javascript:alert(1)) ![c](d) **e**",  # Markdown
    "=1+1",  # spreadsheets
    "../../etc/passwd",
    "-" * 3,
    " ",
    "",
    "e" * 4095,  # the longest that the readers take
)
"""Each is text like any other to a renderer: shown, perhaps spelled out, never obeyed."""

_KEPT = frozenset({"verdict", "status", "profile", "kind", "vendor", "width", "reach", "state", "mode", "reference"})
"""Fields with a closed set of values, which no file under test can choose."""

Data = TypeVar("Data")


def renamed(report: FileReport, name: str) -> FileReport:
    """The report with ``name`` in every text that a file under test, or its path, can influence."""
    return _renamed(report, name)


def _renamed(item: Data, name: str) -> Data:
    """Every string in the dataclasses and tuples, except those of closed sets, with ``name`` at its end."""
    changed: Any = item
    if is_dataclass(item) and not isinstance(item, type):
        return replace(
            item,
            **{
                field.name: _renamed(getattr(item, field.name), name)
                for field in fields(item)
                if field.name not in _KEPT and field.name not in ("config", "configs") and field.init
            },
        )
    if isinstance(item, tuple):
        changed = type(item)(_renamed(part, name) for part in item) if type(item) is tuple else item
    elif isinstance(item, str):
        changed = f"{item}{name}"
    return changed  # type: ignore[no-any-return]


def obeyed(text: str) -> list[str]:
    """What of an output in plain text a terminal or a CI system would act on; none is right."""
    found = [line for line in text.split("\n") if "::" in line or "##[" in line]
    unsafe = {char for char in text if (char < " " and char != "\n") or "\x7f" <= char < "\xa0"}
    unsafe |= {
        char for char in text if char in "\u2028\u2029\u200b\u200e\u200f\u061c\ufeff" or "\u202a" <= char <= "\u202e"
    }
    unsafe |= {char for char in text if "\u2066" <= char <= "\u2069" or "\ud800" <= char <= "\udfff"}
    return [*found, *map(ascii, sorted(unsafe))]


def strings(text: str) -> set[str]:
    """All strings in a JSON text, keys included."""
    found: set[str] = set()

    def collect(item: object) -> None:
        if isinstance(item, str):
            found.add(item)
        elif isinstance(item, dict):
            found.update(item)
            for value in item.values():
                collect(value)
        elif isinstance(item, list):
            for value in item:
                collect(value)

    collect(json.loads(text))
    return found

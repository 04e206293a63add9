# SPDX-License-Identifier: BSD-2-Clause
"""Source lines for the steps of a counterexample's path and for the listing of a report.

The line table of an untrusted file can name any file. Only the input itself
and source files below its directory are read, each once and within a bound,
so that a report cannot be made to quote what the file under test should not
know. A line is for reading only: no verdict depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from verifier.assemble import read_input
from verifier.model import ClauseResult, Location, SiteResult, UserError

_SUFFIXES = frozenset({".S", ".s", ".sx", ".h", ".inc"})
_MAX_BYTES = 1 << 20
_MAX_LINE = 240


def with_source(site: SiteResult, line_of: Callable[[Location], str]) -> SiteResult:
    """The site with the source line of every step of its counterexamples."""

    def told(clause: ClauseResult) -> ClauseResult:
        example = clause.counterexample
        if example is None:
            return clause
        path = tuple(replace(step, source=line_of(step.location)) for step in example.path)
        return replace(clause, counterexample=replace(example, path=path))

    return replace(site, clauses=tuple(map(told, site.clauses)))


def reader(path: Path, data: bytes) -> Callable[[Location], str]:
    """A look-up of source lines for the input at ``path`` with content ``data``; "" for what is not at hand."""
    lines = texts(path, data)

    def line_of(location: Location) -> str:
        if location.file is None or location.line is None:
            return ""
        known = lines(location.file)
        return " ".join(known[location.line - 1].split())[:_MAX_LINE] if 0 < location.line <= len(known) else ""

    return line_of


def texts(path: Path, data: bytes) -> Callable[[str], tuple[str, ...]]:
    """A look-up of the lines of a source file by its name in the line table; none for what is not at hand."""
    root = path.parent.resolve()

    @cache
    def lines(name: str) -> tuple[str, ...]:
        if name == str(path):
            return _lines(data)
        try:
            file = Path(name).resolve()
            if file.suffix in _SUFFIXES and file.is_relative_to(root):
                return _lines(read_input(file, _MAX_BYTES))
        except (OSError, ValueError, RuntimeError, UserError):  # RuntimeError: a loop of symbolic links
            pass
        return ()

    return lines


def _lines(data: bytes) -> tuple[str, ...]:
    return tuple(data.decode("utf-8", "surrogateescape").split("\n"))

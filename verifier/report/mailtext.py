# SPDX-License-Identifier: BSD-2-Clause
"""Lines of a plain-text mail: folded at 75 columns, values in columns, and nothing that mail programs act on."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator

from verifier.report.words import clean

COLUMNS = 75
INDENT = "    "
_OBEYED = re.compile(r"From |diff |[A-Z][A-Za-z-]*:(\s|$)|[^\w\"'(\[]", re.ASCII)
"""What a line of a mail must not begin with, because mail programs, patch tools and bots act on it."""


def wrapped(said: str, lead: str = "") -> list[str]:
    """Lines of at most 75 columns; a word that is longer has a line of its own. None begins with what is obeyed."""
    lines = textwrap.wrap(
        clean(said),
        COLUMNS - 1,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [f" {line}" if not lead and _OBEYED.match(line) else line for line in lines]


def values(rows: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """Name, value and what it says in columns, then an empty line. Longer names and values shift their own row."""
    shown = [tuple(map(clean, row)) for row in rows]
    name = max((len(row[0]) for row in shown if len(row[0]) <= 24), default=0)
    value = max((len(row[1]) for row in shown), default=0)
    yield from (f"{INDENT}{one:{name}}  {two:{value}}  {three}".rstrip() for one, two, three in shown)
    yield ""


def joined(*parts: str) -> str:
    """The parts that are not empty."""
    return "; ".join(filter(None, parts))

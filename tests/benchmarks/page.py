# SPDX-License-Identifier: BSD-2-Clause
"""Puts measured figures into docs/performance.md, between the markers of their name."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


def replaced(page: str, name: str, markdown: str) -> str:
    """The page with the text between ``<!-- figures: NAME -->`` and ``<!-- end -->`` changed.

    Raises KeyError if the page has no such place.
    """
    pattern = re.compile(rf"(<!-- figures: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not pattern.search(page):
        raise KeyError(name)
    return pattern.sub(lambda match: f"{match[1]}{markdown.strip()}\n{match[2]}", page, count=1)


def write(name: str, markdown: str) -> None:
    """Replace the figures of that name. Raises KeyError if the page has no place for them."""
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), name, markdown), encoding="utf-8")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines) + "\n"

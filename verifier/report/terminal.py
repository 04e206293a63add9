# SPDX-License-Identifier: BSD-2-Clause
"""What text for a terminal is printed with: nothing depends on the environment, and no string is markup."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from verifier.report import Style
from verifier.report.words import clean

MIN_WIDTH, MAX_WIDTH = 40, 200


def opened(style: Style) -> tuple[Console, StringIO]:
    """A console, and what is printed on it."""
    buffer = StringIO()
    # Every choice that rich would take from the environment is made here.
    console = Console(
        file=buffer,
        width=max(MIN_WIDTH, min(MAX_WIDTH, style.width)),
        height=100,
        force_terminal=style.color,
        force_jupyter=False,
        color_system="standard" if style.color else None,
        no_color=not style.color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    return console, buffer


def printed(buffer: StringIO, style: Style) -> str:
    """What was printed, without blanks at the ends of lines."""
    lines = buffer.getvalue().split("\n")
    return "\n".join(line if style.color else line.rstrip() for line in lines)


def said(title: str, text: str) -> RenderableType:
    """A paragraph with a title in front of it."""
    return indented(Text.assemble((title, "bold"), f": {clean(text)}"))


def item(text: str) -> RenderableType:
    """A line of a list, whose further lines are indented."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text("-"), Text(clean(text)))
    return Padding(table, (0, 0, 0, 4))


def line(text: str, style: str = "") -> RenderableType:
    """A paragraph."""
    return indented(Text(clean(text), style))


def code(text: str) -> RenderableType:
    """Instructions are to be copied: they keep their columns, and are never folded."""
    return Padding(Text(clean(text.expandtabs(8)), no_wrap=True, overflow="ignore"), (0, 0, 0, 6))


def indented(part: RenderableType) -> RenderableType:
    """A part of the text two columns to the right."""
    return Padding(part, (0, 0, 0, 2))

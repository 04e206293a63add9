# SPDX-License-Identifier: BSD-2-Clause
"""The path of a counterexample as a listing: source line, offset, source text, disassembly, effect.

A heading says the file and the symbol where they change; below it a row has
its line number and source text only where these change, because one line of
source can be many instructions (a macro).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from verifier.model import Location, Step
from verifier.records import record
from verifier.report.meaning import meaning
from verifier.report.words import clean, counted, hexa

HEAD, TAIL = 12, 28
"""Steps shown at the start and at the end of a long path, unless everything is asked for."""

_GAP = 2
_MAX_ASSEMBLY, _MAX_SOURCE = 40, 44
_LEAST_SOURCE, _LEAST_EFFECT, _WIDE = 14, 26, 110
_NARROW = 56
"""Below this many columns an effect stands under its instruction, not beside it."""


@record
class _Row:
    """One instruction as text; ``effect`` is in parts that are better not broken."""

    line: str
    offset: str
    source: str
    assembly: str
    effect: tuple[str, ...]


def listing(path: Sequence[Step], verbose: bool, width: int) -> Iterator[RenderableType]:
    """The parts of the listing, each within ``width`` columns."""
    skipped = 0 if verbose else max(0, len(path) - HEAD - TAIL)
    chosen = [step for index, step in enumerate(path) if not HEAD <= index < HEAD + skipped]
    rows = [_row(step) for step in chosen]
    layout = _layout(rows, width)
    block: list[_Row] = []
    previous: Location | None = None
    for index, (step, row) in enumerate(zip(chosen, rows, strict=True)):
        after_gap = skipped and index == HEAD
        if after_gap or previous is None or _heading(step.location) != _heading(previous):
            yield from _table(block, layout)
            block = []
            if after_gap:
                yield Text(f"… {counted(skipped, 'instruction')} left out, -v shows all", style="dim")
            yield Text(clean(_heading(step.location)), style="dim")
        elif step.location.line == previous.line:
            row = _Row("", row.offset, "", row.assembly, row.effect)
        block.append(row)
        previous = step.location
    yield from _table(block, layout)


def _heading(location: Location) -> str:
    """File and symbol, as far as they are known."""
    symbol = f"{location.symbol}()" if location.symbol is not None else None
    return ", ".join(part for part in (location.file, symbol) if part) or "code without a symbol"


def _row(step: Step) -> _Row:
    where = step.location
    effect = []
    for change in step.changes:
        said = f" ({meaning('rflags', change.after)})" if change.name == "rflags" else ""
        effect.append(clean(f"{change.name} = {hexa(change.after)}{said}"))
    if step.note:
        effect.append(clean(step.note))
    return _Row(
        line="" if where.line is None else str(where.line),
        offset=hexa(where.address) if where.symbol is None else f"+{hexa(where.offset)}",
        source=clean(step.source),
        assembly=clean(" ".join(where.text.split())),
        effect=tuple(effect),
    )


def _layout(rows: Sequence[_Row], width: int) -> tuple[int, int, int, int, int]:
    """Column widths. The source text is what gives way first: the disassembly says what runs.

    Without a column for the effect (0) it goes under the disassembly.
    """

    def longest(texts: Iterable[str]) -> int:
        return max(map(cell_len, texts), default=0)

    line, offset = longest(row.line for row in rows), longest(row.offset for row in rows)
    wanted = longest(part for row in rows for part in row.effect) + 1
    left = width - sum(column + _GAP for column in (line, offset) if column)
    if width < _NARROW:
        return line, offset, 0, left, 0
    assembly = min(longest(row.assembly for row in rows), _MAX_ASSEMBLY, left // 2)
    left -= assembly + _GAP
    effect = min(wanted, left, _LEAST_EFFECT if width < _WIDE else left)
    source = min(longest(row.source for row in rows), _MAX_SOURCE, left - effect - _GAP)
    if source < min(_LEAST_SOURCE, longest(row.source for row in rows)):
        source = 0
    return line, offset, source, assembly, left - (source + _GAP if source else 0)


def _table(block: Sequence[_Row], layout: tuple[int, int, int, int, int]) -> Iterator[RenderableType]:
    if not block:
        return
    line, offset, source, assembly, effect = layout
    table = Table.grid(padding=(0, _GAP, 0, 0))
    if line:
        table.add_column(width=line, justify="right", style="dim")
    table.add_column(width=offset, style="dim")
    if source:
        # Cut, not folded: it is a courtesy, the line number leads to the whole of it.
        table.add_column(width=source, no_wrap=True, overflow="ellipsis")
    table.add_column(width=assembly, overflow="fold")
    if effect:
        table.add_column(width=effect, overflow="fold")
    for row in block:
        cells = [row.line] if line else []
        cells += [row.offset, *([row.source] if source else []), row.assembly]
        if effect:
            cells.append(_filled(row.effect, effect))
        elif row.effect:
            cells[-1] = _below(row, assembly)
        table.add_row(*map(Text, cells))
    yield Padding(table, 0)


def _below(row: _Row, width: int) -> str:
    """Instruction and effect in one column: on one line if they fit, else the effect indented on lines of its own."""
    beside = f"{row.assembly}  {', '.join(row.effect)}"
    if cell_len(beside) <= width:
        return beside
    lines = [row.assembly]
    for line in _filled(row.effect, width - 1).split("\n"):
        lines += textwrap.wrap(line, max(width, 8), initial_indent="  ", subsequent_indent="    ")
    return "\n".join(lines)


def _filled(parts: Sequence[str], width: int) -> str:
    """The parts on as few lines as it takes, broken between parts only; rich folds what is still too long."""
    lines: list[str] = []
    for part in parts:
        if lines and cell_len(f"{lines[-1]}, {part}") + 1 <= width:
            lines[-1] += f", {part}"
        else:
            if lines:
                lines[-1] += ","
            lines.append(part)
    return "\n".join(lines)

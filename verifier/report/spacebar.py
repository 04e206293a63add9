# SPDX-License-Identifier: BSD-2-Clause
"""Ranges of addresses drawn on a bar of the 64-bit address space. The words for the same stand beside it.

A bar true to scale would show nothing: the half of user space is 1/131072 of it. So each of the parts that paging
makes has the same width, and within it the scale is true (SDM vol. 1, 3.3.7.1).
"""

from __future__ import annotations

from collections.abc import Sequence

from verifier.insights import Interval

PARTS: tuple[tuple[int, str], ...] = (
    (0, "user half"),
    (1 << 47, "user half of 5-level paging"),
    (1 << 56, "never canonical"),
    ((1 << 64) - (1 << 56), "kernel half of 5-level paging"),
    ((1 << 64) - (1 << 47), "kernel half"),
)
"""Where each part begins, and its name."""

_END = 1 << 64
_WIDTH, _HEIGHT = 200, 18
"""Of a part of the bar."""
_LEAST = 3
"""Even a single address can be seen."""
_MOST = 400
"""More ranges than this are not drawn one by one, but from the first to the last."""


def part_of(address: int) -> str:
    """The name of the part that an address is in."""
    return next(name for start, name in reversed(PARTS) if address >= start)


def bar(intervals: Sequence[Interval]) -> str:
    """An ``<svg>`` element, hidden from those who hear the page. Its colours come from the page's style sheet."""
    whole = _WIDTH * len(PARTS)
    shown = list(intervals) if len(intervals) <= _MOST else [(intervals[0][0], intervals[-1][1])]
    marks = []
    for first, last in shown:
        start = _position(first)
        width = max(_position(last + 1) - start, _LEAST)
        start = min(start, whole - width)
        marks.append(f'<rect class="lost" x="{start:.1f}" y="0" width="{width:.1f}" height="{_HEIGHT}"/>')
    lines = [f'<path class="cut" d="M{_WIDTH * at} 0V{_HEIGHT}"/>' for at in range(1, len(PARTS))]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="space" viewBox="0 0 {whole} {_HEIGHT}" '
        f'preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="all" x="0" y="0" width="{whole}" height="{_HEIGHT}"/>{"".join(marks)}{"".join(lines)}</svg>'
    )


def _position(address: int) -> float:
    """Where an address, or the end of the last one, is on the bar."""
    starts = [start for start, _ in PARTS] + [_END]
    index = next(at for at in range(len(PARTS)) if address < starts[at + 1] or at == len(PARTS) - 1)
    part = (address - starts[index]) / (starts[index + 1] - starts[index])
    return _WIDTH * (index + min(part, 1.0))

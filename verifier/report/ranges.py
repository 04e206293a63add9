# SPDX-License-Identifier: BSD-2-Clause
"""Ranges of addresses in words: where they are, how many addresses, and which conditions say the same.

Facts: canonical form SDM vol. 1, 3.3.7.1.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifier.insights import Condition, Divergence, Interval, Lost
from verifier.report.conditions import GLOSS
from verifier.report.inputnames import joined
from verifier.report.spacebar import PARTS
from verifier.report.words import hexa

_NEAR = 1 << 16
"""A number is said as a power of two less so much, if that is at most this."""
_SMALL = 1 << 16
_MOST = 6
"""So many ranges are spelled out in one condition."""

_RIP = "frame.rip"


def span(interval: Interval) -> str:
    """A range of addresses: its ends, where that is, and how many they are."""
    first, last = interval
    where = GLOSS.get(interval) or region(interval)
    if first == last:
        return f"{hexa(first)} ({where})"
    return f"{hexa(first)}–{hexa(last)} ({where}; {amount(last - first + 1)})"


def region(interval: Interval) -> str:
    """The parts of the address space that a range is in, from the first to the last."""
    first, last = (_part(one) for one in interval)
    names = [name for _, name in PARTS]
    if first == last:
        return names[first]
    # The halves of 5-level paging hold those of 4-level paging.
    match (first, last):
        case (0, 1):
            return names[1]
        case (3, 4):
            return names[3]
        case (0, 4):
            return "all of the address space"
    return f"from {names[first]} to {names[last]}"


def _part(address: int) -> int:
    return max(at for at, (start, _) in enumerate(PARTS) if address >= start)


def amount(number: int) -> str:
    """A number of addresses; a large one by the powers of two that it is made of, if these are two at most."""
    power = (number - 1).bit_length()
    below = (1 << power) - number
    if number < _SMALL:
        return "1 address" if number == 1 else f"{number} addresses"
    if below <= _NEAR:
        return f"2^{power}{f' - {below}' if below else ''} addresses"
    if below & (below - 1) == 0:
        return f"2^{power} - 2^{below.bit_length() - 1} addresses"
    return f"{hexa(number)} addresses"


def lead(exact: bool) -> str:
    """What a list of ranges of the saved RIP is."""
    return "The saved RIP: every value here, and no other" if exact else "The saved RIP: no value but some of these"


def are_said(one: Lost | Divergence) -> bool:
    """Whether the conditions say all that the ranges of the saved RIP say."""
    return any(_is(said, one.ranges) for said in one.conditions) and (one.exact or not one.ranges_exact)


def told(one: Lost | Divergence, words: Sequence[str]) -> list[str]:
    """The ``words`` of the conditions; what the ranges say as well has the numbers of addresses in it."""
    return [
        _sized(one.ranges) if _is(said, one.ranges) else word for said, word in zip(one.conditions, words, strict=True)
    ]


def _is(one: Condition, ranges: Sequence[Interval]) -> bool:
    bare = one.kind == "range" and one.left == _RIP and not one.negated and not one.paging
    return bare and bool(ranges) and tuple(one.intervals) == tuple(ranges)


def _sized(ranges: Sequence[Interval]) -> str:
    shown = [span(one) for one in ranges[:_MOST]]
    rest = len(ranges) - _MOST
    if rest > 0:
        shown.append(f"{rest} more range{'s' if rest > 1 else ''}")
    return f"{_RIP} in {joined(shown, 'or')}"

# SPDX-License-Identifier: BSD-2-Clause
"""Conditions on the machine at the entry in words that say exactly what the condition says.

Names of inputs come from the file under test and stay as they are: whoever prints the words cleans or escapes them.
Facts: canonical form SDM vol. 1, 3.3.7.1; RFLAGS vol. 1, 3.4.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from verifier.insights import FULL, Condition, Interval
from verifier.model import RFLAGS_BITS
from verifier.report.inputnames import (
    called,
    input_words as input_words,
    inputs_words as inputs_words,
    is_switch as is_switch,
    joined,
    origins,
    place_words,
    split,
    switched,
)
from verifier.report.meaning import switch
from verifier.report.words import hexa

_RANGES = 6
"""So many ranges are spelled out in one condition; JSON has them all."""

_RUNS, _MIXED = 4, 3
"""Bits are said by their numbers up to so many runs of them, set and clear ones together; else by the mask."""

GLOSS: dict[Interval, str] = {
    (0, (1 << 47) - 1): "the lower half, LA48",
    (FULL - (1 << 47) + 1, FULL): "the upper half, LA48",
    (0, (1 << 56) - 1): "the lower half, LA57",
    (FULL - (1 << 56) + 1, FULL): "the upper half, LA57",
    (1 << 47, FULL - (1 << 47)): "not canonical, LA48",
    (1 << 56, FULL - (1 << 56)): "not canonical, LA57",
}

_SINGLE = {low: f" ({name})" for name, low in RFLAGS_BITS if name != "IOPL"}

_Say = Callable[[str], str]


def words(condition: Condition) -> str:
    """The condition in words, e.g. "frame.rip = frame.rcx" or "frame.rflags has TF and RF clear"."""
    return _told(condition, place_words)


def all_words(conditions: Sequence[Condition]) -> str:
    """Conditions that hold together, joined by "; "; a call after which inputs are read is named once."""
    return "; ".join(each_words(conditions))


def each_words(conditions: Sequence[Condition]) -> list[str]:
    """The words of each of some conditions; a call after which inputs are read is named in the first only."""
    several = len(origins(name for one in conditions for name in _names(one))) > 1
    named: set[str] = set()

    def place(where: str) -> str:
        if several or where not in named:
            named.add(where)
            return place_words(where)
        return "after that loop" if where.startswith("loop@") else "after that call"

    return [_told(one, place) for one in conditions]


class Wording:
    """Short words for many conditions: a call after which inputs are read has a number, which ``notes`` explain."""

    __slots__ = ("_labels", "notes")

    def __init__(self, names: Iterable[str]) -> None:
        """For conditions on the inputs ``names``."""
        every = list(dict.fromkeys(names))
        found = origins(every)
        self._labels: dict[str, str] = {}
        self.notes: tuple[str, ...] = ()
        if len(found) == 1 and all(split(name)[1] for name in every):
            self._labels = {found[0]: ""}
            self.notes = (f"Every value is read {place_words(found[0])}.",)
        elif found:
            self._labels = {one: f"after [{number}]" for number, one in enumerate(found, 1)}
            self.notes = tuple(
                f"[{number}]: {place_words(one).removeprefix('after ')}." for number, one in enumerate(found, 1)
            )

    def condition(self, condition: Condition) -> str:
        """A condition."""
        return _told(condition, lambda where: self._labels.get(where, place_words(where)))

    def inputs(self, names: Sequence[str]) -> str:
        """Inputs that something reads."""
        return joined([self._input(name) for name in names], "and")

    def _input(self, name: str) -> str:
        rest, where = split(name)
        label = self._labels.get(where, place_words(where)) if where else ""
        return f"{called(rest)} {label}" if label else called(rest)


def names_of(conditions: Iterable[Condition]) -> tuple[str, ...]:
    """The inputs that conditions are about."""
    return tuple(dict.fromkeys(name for one in conditions for name in _names(one)))


def interval_words(intervals: Sequence[Interval], most: int = _RANGES) -> str:
    """Ranges of 64-bit values: "0x0–0x7fffffffffff (the lower half, LA48)", joined by "or"; how many more there are."""
    shown = [_interval(one) for one in intervals[:most]]
    rest = len(intervals) - most
    if rest > 0:
        shown.append(f"{rest} more range{'s' if rest > 1 else ''}")
    return joined(shown, "or") if shown else "no value"


def _names(condition: Condition) -> tuple[str, ...]:
    return tuple(filter(None, (condition.left, condition.right, *condition.names)))


def _told(condition: Condition, place: _Say) -> str:
    """A condition; ``place`` says after which call. Inputs that are all read after one are told so once, first."""
    found = {split(name)[1] for name in _names(condition)}
    if len(found) == 1 and "" not in found:
        label = place(found.pop())
        said = _words(condition, lambda name: called(split(name)[0]))
        return f"{label}, {said}" if label else said

    def say(name: str) -> str:
        rest, where = split(name)
        label = place(where) if where else ""
        return f"{called(rest)} {label}" if label else called(rest)

    return _words(condition, say)


_PAGING = {"la48": "with 4-level paging, ", "la57": "with 5-level paging, "}


def _words(condition: Condition, say: _Say) -> str:
    return _PAGING.get(condition.paging, "") + _bare(condition, say)


def _bare(condition: Condition, say: _Say) -> str:
    match condition.kind:
        case "range":
            return _range(condition, say)
        case "bits":
            return _bits(condition, say)
        case "same":
            return _same(condition, say)
        case "other":
            # The opposite of something about these inputs is something about them as well.
            about = joined([say(name) for name in condition.names], "and")
            return f"a condition on {about} that has no short form" if about else "a condition that has no short form"


def _range(condition: Condition, say: _Say) -> str:
    intervals, negated = condition.intervals, condition.negated
    gap = _gap(intervals)
    if gap is not None:
        intervals, negated = ((gap, gap),), not negated
    if len(intervals) == 1 and intervals[0][0] == intervals[0][1]:
        value = intervals[0][0]
        if value in (0, 1) and is_switch(condition.left):
            return switched(condition.left, say(condition.left), value ^ negated)
        return f"{say(condition.left)} {'≠' if negated else '='} {hexa(value)}"
    return f"{say(condition.left)} {'not ' if negated else ''}in {interval_words(intervals)}"


def _gap(intervals: Sequence[Interval]) -> int | None:
    """The one value that these ranges leave out, if it is one."""
    match intervals:
        case ((0, below), (above, last)) if above == below + 2 and last == FULL:
            return below + 1
        case ((1, last),) if last == FULL:
            return 0
    return None


def _interval(interval: Interval) -> str:
    first, last = interval
    if first == last:
        return hexa(first)
    gloss = GLOSS.get(interval)
    return f"{hexa(first)}–{hexa(last)}" + (f" ({gloss})" if gloss else "")


def _bits(condition: Condition, say: _Say) -> str:
    mask, value, negated = condition.mask & FULL, condition.value, condition.negated
    name = say(condition.left)
    if mask == 0:
        return "always" if (value == 0) != negated else "never"
    if mask & 1 and value in (0, 1) and is_switch(condition.left):
        return switched(condition.left, name, value ^ negated)
    if mask == FULL:
        return f"{name} {'≠' if negated else '='} {hexa(value)}"
    literal = f"{name} & {hexa(mask)} {'≠' if negated else '='} {hexa(value)}"
    ones, zeros = value & mask, mask & ~value
    if value & ~mask:
        return literal
    if mask & (mask + 1) == 0 and ones and zeros:
        return f"the low {mask.bit_length()} bits of {name} {'≠' if negated else '='} {hexa(value)}"
    if negated and not (ones and zeros):
        # Not all of them are clear: at least one is set.
        some = _any_of(condition.left, mask)
        return literal if some is None else f"{name} has {some} {switch(not ones)}"
    if len(_runs(ones)) + len(_runs(zeros)) > _MIXED and ones and zeros:
        return literal
    parts = [
        None if listed is None else f"{listed} {switch(state)}"
        for some, state in ((ones, True), (zeros, False))
        if some
        for listed in [_all_of(condition.left, some, state)]
    ]
    if None in parts:
        return literal
    said = f"{name} has {joined([part for part in parts if part is not None], 'and')}"
    return f"not ({said})" if negated else said


def _all_of(left: str, mask: int, ones: bool) -> str | None:
    """The bits of a mask by name or number; None if these are too many to read."""
    parts, rest = _named(left, mask, not ones)
    numbers = _numbers(left, rest)
    if numbers is None:
        return None
    if numbers:
        parts.append(f"{'bits' if rest & (rest - 1) else 'bit'} {joined(numbers, 'and')}")
    return joined(parts, "and")


def _any_of(left: str, mask: int) -> str | None:
    """At least one of the bits of a mask; None if these are too many to read."""
    parts, rest = _named(left, mask, False)
    numbers = _numbers(left, rest)
    if numbers is None:
        return None
    if numbers:
        several = f"at least one of bits {joined(numbers, 'and')}"
        parts.append(several if rest & (rest - 1) else f"bit {numbers[0]}")
    return joined(parts, "or")


def _named(left: str, mask: int, wide: bool) -> tuple[list[str], int]:
    """The names of flags in a mask, with ``wide`` that of IOPL too, which is two bits; and what else is in the mask."""
    parts: list[str] = []
    if split(left)[0] == "frame.rflags":
        for name, low in RFLAGS_BITS:
            field = (3 if name == "IOPL" else 1) << low
            if mask & field == field and (wide or name != "IOPL"):
                parts.append(name)
                mask &= ~field
    return parts, mask


def _numbers(left: str, mask: int) -> list[str] | None:
    """The numbers of bits, runs of them as "12–14"; None if these are too many to read."""
    runs = _runs(mask)
    if len(runs) > _RUNS:
        return None
    # SYSRET takes RFLAGS from R11.
    gloss = _SINGLE if split(left)[0] in ("r11", "frame.r11") else {}
    return [f"{first}{gloss.get(first, '')}" if first == end else f"{first}–{end}" for first, end in runs]


def _same(condition: Condition, say: _Say) -> str:
    mask = condition.mask & FULL
    left, right = say(condition.left), say(condition.right)
    if mask == FULL:
        return f"{left} {'≠' if condition.negated else '='} {right}"
    if mask & (mask - 1) == 0:
        bit = f"bit {mask.bit_length() - 1}"
        return f"{left} and {right} differ in {bit}" if condition.negated else f"{left} = {right} in {bit}"
    among = f"the low {mask.bit_length()} bits" if mask & (mask + 1) == 0 else f"the bits {hexa(mask)}"
    if condition.negated:
        return f"{left} and {right} differ in at least one of {among}"
    return f"{left} = {right} in {among}"


def _runs(mask: int) -> list[tuple[int, int]]:
    """The runs of set bits as (lowest, highest)."""
    runs: list[tuple[int, int]] = []
    for bit in range(mask.bit_length()):
        if mask >> bit & 1:
            if runs and runs[-1][1] == bit - 1:
                runs[-1] = (runs[-1][0], bit)
            else:
                runs.append((bit, bit))
    return runs

# SPDX-License-Identifier: BSD-2-Clause
"""Conditions on the machine at the entry in words that say exactly what the condition says.

Names of inputs come from the file under test and stay as they are: whoever prints the words cleans or escapes them.
Facts: canonical form SDM vol. 1, 3.3.7.1; RFLAGS vol. 1, 3.4.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from verifier.insights import FULL, Condition, Interval
from verifier.model import GPRS, RFLAGS_BITS
from verifier.report.meaning import switch
from verifier.report.words import hexa

_RANGES = 6
"""So many ranges are spelled out in one condition; JSON has them all."""

_RUNS = 4
"""Bits are said by their numbers up to so many runs of them, else by the mask."""

_GLOSS: dict[Interval, str] = {
    (0, (1 << 47) - 1): "the lower half, LA48",
    (FULL - (1 << 47) + 1, FULL): "the upper half, LA48",
    (0, (1 << 56) - 1): "the lower half, LA57",
    (FULL - (1 << 56) + 1, FULL): "the upper half, LA57",
    (1 << 47, FULL - (1 << 47)): "not canonical, LA48",
    (1 << 56, FULL - (1 << 56)): "not canonical, LA57",
}

_AFTER = re.compile(
    r"(?P<what>[^\[][^@]*)@(?P<where>0x[0-9a-f]+|.+?:[0-9]+(?:\+[0-9a-f]+)?|[^:]+\+0x[0-9a-f]+)"
    r"(?:\#[0-9]+)?:(?P<rest>.+)",
    re.DOTALL,
)
"""A content that a call or a loop left: "slow_work@entry.S:20:frame.rip", from the second time on with "#2"."""

_SYSTEM = frozenset(
    {
        *("cr0", "cr2", "cr3", "cr4", "cr8", "efer", "star", "star_low", "lstar", "sfmask", "spec_ctrl", "s_cet", "ss"),
        *("gs_base", "kernel_gs_base", "fs_base"),
    }
)
_FLAGS = frozenset(name.lower() for name, _ in RFLAGS_BITS)

_Say = Callable[[str], str]


def words(condition: Condition) -> str:
    """The condition in words, e.g. "frame.rip = frame.rcx" or "frame.rflags has TF and RF clear"."""
    return _words(condition, input_words)


def all_words(conditions: Sequence[Condition]) -> str:
    """Conditions that hold together, joined by "; "; a call after which inputs are read is named once."""
    calls = {found["what"] + "@" + found["where"] for one in conditions for found in map(_AFTER.fullmatch, _names(one))
             if found is not None}  # fmt: skip
    said = False

    def say(name: str) -> str:
        nonlocal said
        found = _AFTER.fullmatch(name)
        if found is None or len(calls) > 1 or not said:
            said = said or found is not None
            return input_words(name)
        return f"{found['rest']} after that {'loop' if found['what'] == 'loop' else 'call'}"

    return "; ".join(_words(one, say) for one in conditions)


def interval_words(intervals: Sequence[Interval], most: int = _RANGES) -> str:
    """Ranges of 64-bit values: "0x0–0x7fffffffffff (the lower half, LA48)", joined by "or"; how many more there are."""
    shown = [_interval(one) for one in intervals[:most]]
    rest = len(intervals) - most
    if rest > 0:
        shown.append(f"{rest} more range{'s' if rest > 1 else ''}")
    return _join(shown, "or") if shown else "no value"


def input_words(name: str) -> str:
    """An input as people call it: "frame.rip after the call of slow_work at entry.S:20"."""
    found = _AFTER.fullmatch(name)
    if found is None:
        return name
    if found["what"] == "loop":
        return f"{found['rest']} after the loop at {found['where']}"
    return f"{found['rest']} after the call of {found['what']} at {found['where']}"


def inputs_words(names: Sequence[str]) -> str:
    """Inputs as people call them: "frame.rip, rax and gs:[0x10]"."""
    return _join([input_words(name) for name in names], "and")


def _names(condition: Condition) -> tuple[str, ...]:
    return (condition.left, condition.right, *condition.names)


def _words(condition: Condition, say: _Say) -> str:
    match condition.kind:
        case "range":
            return _range(condition, say)
        case "bits":
            return _bits(condition, say)
        case "same":
            return _same(condition, say)
        case "other":
            # The opposite of something about these inputs is something about them as well.
            about = _join([say(name) for name in condition.names], "and")
            return f"a condition on {about} that has no short form" if about else "a condition that has no short form"


def _range(condition: Condition, say: _Say) -> str:
    intervals, negated = condition.intervals, condition.negated
    gap = _gap(intervals)
    if gap is not None:
        intervals, negated = ((gap, gap),), not negated
    if len(intervals) == 1 and intervals[0][0] == intervals[0][1]:
        value = intervals[0][0]
        if value in (0, 1) and is_switch(condition.left):
            return f"{say(condition.left)} is {switch(value ^ negated)}"
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
    gloss = _GLOSS.get(interval)
    return f"{hexa(first)}–{hexa(last)}" + (f" ({gloss})" if gloss else "")


def _bits(condition: Condition, say: _Say) -> str:
    mask, value, negated = condition.mask & FULL, condition.value, condition.negated
    name = say(condition.left)
    if mask == 0:
        return "always" if (value == 0) != negated else "never"
    if mask & 1 and value in (0, 1) and is_switch(condition.left):
        return f"{name} is {switch(value ^ negated)}"
    if mask == FULL:
        return f"{name} {'≠' if negated else '='} {hexa(value)}"
    literal = f"{name} & {hexa(mask)} {'≠' if negated else '='} {hexa(value)}"
    ones, zeros = value & mask, mask & ~value
    if value & ~mask:
        return literal
    if mask & (mask + 1) == 0 and ones and zeros:
        return f"the low {mask.bit_length()} bits of {name} {'≠' if negated else '='} {hexa(value)}"
    if negated and not (ones and zeros):
        # Not all of them are clear: one or more is set.
        listed = _listed(condition.left, mask, "or")
        return literal if listed is None else f"{name} has {listed} {switch(not ones)}"
    parts = [
        None if listed is None else f"{listed} {switch(state)}"
        for some, state in ((ones, True), (zeros, False))
        if some
        for listed in [_listed(condition.left, some, "and")]
    ]
    if None in parts:
        return literal
    said = f"{name} has {_join([part for part in parts if part is not None], 'and')}"
    return f"not ({said})" if negated else said


def _listed(left: str, mask: int, last: str) -> str | None:
    """The bits of a mask by name or number; None if these are too many to read."""
    parts: list[str] = []
    rest = mask
    if left.rsplit(":", 1)[-1] == "frame.rflags":
        for name, low in RFLAGS_BITS:
            field = (3 if name == "IOPL" else 1) << low
            if rest & field == field:
                parts.append(name)
                rest &= ~field
    runs = _runs(rest)
    if len(runs) > _RUNS:
        return None
    numbers = [str(first) if first == end else f"{first}–{end}" for first, end in runs]
    if numbers:
        alone = len(runs) == 1 and runs[0][0] == runs[0][1]
        parts.append(f"{'bit' if alone else 'bits'} {_join(numbers, last)}")
    return _join(parts, last)


def _same(condition: Condition, say: _Say) -> str:
    mask = condition.mask & FULL
    left, right = say(condition.left), say(condition.right)
    if mask == FULL:
        return f"{left} {'≠' if condition.negated else '='} {right}"
    if mask & (mask - 1) == 0:
        among = f"bit {mask.bit_length() - 1}"
    elif mask & (mask + 1) == 0:
        among = f"the low {mask.bit_length()} bits"
    else:
        among = f"the bits {hexa(mask)}"
    return f"{left} and {right} differ in {among}" if condition.negated else f"{left} = {right} in {among}"


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


def is_switch(name: str) -> bool:
    """Whether an input is one bit: a flag, a CPU feature or a key that is fixed at boot, told by its name."""
    found = _AFTER.fullmatch(name)
    if found is not None:
        return found["rest"].removeprefix("rflags.").lower() in _FLAGS
    if name.startswith("rflags."):
        return True
    return name not in GPRS and name not in _SYSTEM and not any(part in name for part in ("frame.", "[", "+", "@", "/"))


def _join(parts: Sequence[str], last: str) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"

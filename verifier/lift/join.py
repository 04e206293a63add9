# SPDX-License-Identifier: BSD-2-Clause
"""Where paths meet: two states become one, so that k independent tests do not cost 2**k paths."""

from __future__ import annotations

from dataclasses import replace

from verifier.isa.machine import SYSTEM_REGISTERS
from verifier.lift.flags import ARITHMETIC, Joined
from verifier.lift.regions import linear
from verifier.lift.state import Event, State, opaque_cc
from verifier.model import GPRS
from verifier.terms import Term, Truth, land, lnot, lor, select


def shape(state: State) -> tuple[object, ...]:
    """States of one shape may join: same place, same stack pointer, same released slots."""
    root, offset = linear(state.gprs["rsp"])
    stack = (None if root is None else root.hash(), offset)
    window = None if state.window is None else state.window.hash()
    return state.calls, state.place, stack, window, frozenset(state.released), state.general


def joined(state: State, other: State) -> State:
    """One state for both; ``state``'s values where its own part of the path condition holds."""
    prefix, mine, theirs = _common_prefix(state.path, other.path)
    condition = land(*mine)
    merged = state.copy()
    merged.path = prefix
    union = lor(condition, land(*theirs))
    if union is not True and not _complementary(mine, theirs):
        merged.path = (*prefix, union)
    for name in GPRS:
        merged.gprs[name] = _pick(condition, state.gprs[name], other.gprs[name], 64)
    for name, width in SYSTEM_REGISTERS.items():
        if name not in ARITHMETIC:
            merged.system[name] = _pick(condition, state.system[name], other.system[name], width)
    if state.flags is not other.flags:
        merged.flags = Joined(condition, state.flags, other.flags)
        merged.cc = opaque_cc()
    merged.memory = state.memory.joined(other.memory, condition)
    merged.unclear = state.unclear or other.unclear
    for name in state.released:
        merged.released[name] = _pick(condition, state.released[name], other.released[name], 64)
    merged.shadowed = lor(land(condition, state.shadowed), land(lnot(condition), other.shadowed))
    merged.events = _join_events(state.events, other.events, land(*mine), land(*theirs))
    merged.floors = {
        region: max(floors[region] for floors in (state.floors, other.floors) if region in floors)
        for region in {**state.floors, **other.floors}
    }
    merged.visits = {
        address: max(state.visits.get(address, 0), other.visits.get(address, 0))
        for address in {**state.visits, **other.visits}
    }
    return merged


def _pick(condition: Truth, then: Term, otherwise: Term, width: int) -> Term:
    return then if then is otherwise else select(condition, then, otherwise, width)


def _common_prefix(
    left: tuple[Truth, ...], right: tuple[Truth, ...]
) -> tuple[tuple[Truth, ...], tuple[Truth, ...], tuple[Truth, ...]]:
    length = 0
    while length < min(len(left), len(right)) and left[length] is right[length]:
        length += 1
    return left[:length], left[length:], right[length:]


def _complementary(left: tuple[Truth, ...], right: tuple[Truth, ...]) -> bool:
    """Whether the two rests are one condition and its negation, so that their union is everything."""
    return len(left) == 1 and len(right) == 1 and (lnot(left[0]) is right[0] or lnot(right[0]) is left[0])


def _join_events(left: tuple[Event, ...], right: tuple[Event, ...], mine: Truth, theirs: Truth) -> tuple[Event, ...]:
    common = 0
    while common < min(len(left), len(right)) and left[common] is right[common]:
        common += 1
    guarded = [replace(e, condition=land(mine, e.condition)) for e in left[common:]]
    guarded += [replace(e, condition=land(theirs, e.condition)) for e in right[common:]]
    return (*left[:common], *guarded)

# SPDX-License-Identifier: BSD-2-Clause
"""The saved frame as an exit finds it: as the last call on the way left it, where calls may have changed it.

What the code itself does to the frame behind that call is a part of the way, and not of what was given.
"""

from __future__ import annotations

from collections.abc import Mapping

from verifier.exploring import Survey
from verifier.lift.explore import Leaf
from verifier.lift.memory import Fork, Havoc, Marker
from verifier.records import record
from verifier.terms import Term, Truth, as_term, eq

_Known = dict[int, tuple[Marker, ...]]
"""The calls in the arms of a fork, by the fork's identity: forks share their arms."""


@record
class Left:
    """What was given of the frame on one way: that it holds, and the inputs with the values that this gives them."""

    truths: tuple[Truth, ...]
    inputs: Mapping[str, int]


def calls_intervene(survey: Survey) -> bool:
    """Whether a call that is not followed may have changed the frame on some way."""
    return any(_calls(leaf.state.memory.history, {}) for leaf in survey.found.leaves)


def left(survey: Survey, leaf: Leaf, values: Mapping[str, int]) -> Left:
    """That slots of the contract's frame had these 64-bit values when the last call on the way returned.

    Without a call on the way that is the frame at the entry.
    """
    memory = leaf.state.memory.copy()
    memory.words = {}
    memory.history = _calls(memory.history, {})
    truths: list[Truth] = []
    inputs: dict[str, int] = {}
    for name, address, _ in survey.setting.entry.state.shared.frame_slots:
        if name in values:
            term = memory.load(address, 8)
            truths.append(eq(term, as_term(values[name], 64)))
            inputs |= dict.fromkeys(_words(term), values[name])
    return Left(tuple(truths), inputs)


def _words(term: Term) -> set[str]:
    """The names of the symbols of which a merged word is one, whatever decides which."""
    names: set[str] = set()
    todo, seen = [term], set[int]()
    while todo:
        one = todo.pop()
        if one.hash() in seen:
            continue
        seen.add(one.hash())
        if one.op == "If":
            todo += one.args[1:]
        elif one.op == "BVS":
            names.add(one.args[0])
    return names


def _calls(history: tuple[Marker, ...], known: _Known) -> tuple[Marker, ...]:
    """A history with nothing in it but calls."""
    kept: list[Marker] = []
    for one in history:
        match one:
            case Havoc():
                kept.append(one)
            case Fork(condition, then, otherwise):
                if id(one) not in known:
                    arms = _calls(then, known), _calls(otherwise, known)
                    known[id(one)] = (Fork(condition, *arms),) if any(arms) else ()
                kept += known[id(one)]
    return tuple(kept)

# SPDX-License-Identifier: BSD-2-Clause
"""What code that is not analysed is given: a function at a call that is not followed, or whoever a path is left to.

Only where it is given the same in both versions can it be taken to do the same.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from verifier.alignment import Alignment, CallKey, Keys
from verifier.exploring import Survey
from verifier.lift.memory import Fork, Havoc, Marker
from verifier.lift.regions import RegionId, linear
from verifier.lift.state import State
from verifier.lift.symbols import Place
from verifier.model import GPRS
from verifier.records import record
from verifier.terms import Term, Truth, as_term, eq, land, lnot, select

ARGUMENTS = ("rdi", "rsi", "rdx", "rcx", "r8", "r9")
"""Registers in which a function gets its arguments (System V AMD64 psABI, 3.2.3)."""
_ALL = tuple(name for name in GPRS if name != "rsp")
_SYSTEM = ("gs_base", "kernel_gs_base", "fs_base", "cr0", "cr3", "cr4", "efer", "spec_ctrl", "if", "ac")
_OWN = ("frame-stack", "stack", "below")


@record
class Given:
    """What is found there, in the terms of one exploration, where ``condition`` holds.

    ``fields`` are registers and the frame's slots by name, ``words`` what the code wrote elsewhere, by place;
    ``history`` tells which calls came before.
    """

    condition: Truth
    fields: tuple[tuple[str, Term], ...]
    words: tuple[tuple[RegionId, int, Term], ...]
    history: tuple[Marker, ...]


def given_to(survey: Survey, state: State, registers: tuple[str, ...]) -> Given:
    """What a state gives away in these registers and in memory.

    What was pushed below the frame counts if one of the first six arguments points there: nobody else knows of it.
    """
    fields = [(name, state.gprs[name]) for name in registers]
    fields += [(f"frame.{slot.name}", state.slot(slot.name)) for slot in survey.contract.slots]
    fields += [(name, state.system[name]) for name in _SYSTEM]
    layout = state.shared.layout
    pointed = {layout.resolve(state.gprs[name])[0] for name in ARGUMENTS if _on_own_stack(state, name)}
    words = [
        (region, offset, term)
        for region, written in state.memory.words.items()
        for offset, term in written.items()
        if _counts(state, region, offset, pointed)
    ]
    return Given(land(*state.path), tuple(fields), tuple(words), state.memory.history)


def _on_own_stack(state: State, name: str) -> bool:
    """Whether a register points below the frame into a stack that the code runs on."""
    layout = state.shared.layout
    root, offset = linear(state.gprs[name])
    region = None if root is None else layout.known.get(root.hash())
    if region is None or region.kind not in _OWN:
        return False
    return region.kind != "frame-stack" or offset < layout.frame_offset


def _counts(state: State, region: RegionId, offset: int, pointed: set[RegionId]) -> bool:
    layout = state.shared.layout
    if not region.writable or (region.kind == "frame-stack" and offset in layout.slot_names):
        return False
    own = region.kind in ("stack", "below") or (region.kind == "frame-stack" and offset < layout.frame_offset)
    return not own or region in pointed


def given_at_calls(survey: Survey) -> dict[str, list[Given]]:
    """What each call that is not followed is given, by its name; once for each state that makes it."""
    found: dict[str, list[Given]] = {}
    helpers = {*survey.task.contract.helpers, "handler"}
    for name, states in survey.explorer.given.items():
        callee = name.partition("@")[0]
        # Code that is no C function may look at any register, and an indirect call goes where one says.
        own = callee in helpers or callee.startswith("*") or "thunk" in callee
        found[name] = [given_to(survey, state, _ALL if own else ARGUMENTS) for state in states]
    return found


def given_at_end(survey: Survey, state: State) -> Given:
    """What whoever comes behind the end of a path is given."""
    return given_to(survey, state, GPRS)


class Givens:
    """Compares what is given in both versions, in the vocabulary of both."""

    def __init__(self, base: Survey, head: Survey, joint: Alignment) -> None:
        self._joint = joint
        self._keys = Keys(base, lambda term: term, joint.same), Keys(head, joint.head, joint.same)
        self._numbers: dict[CallKey, int] = {}

    def differences(self, left: Given, right: Given) -> tuple[tuple[str, Truth], ...]:
        """What may differ, with when it does; in the vocabulary of both."""
        rename = self._joint.head
        there = {name: rename(term) for name, term in right.fields}
        found: list[tuple[str, Truth]] = [
            (name, lnot(eq(term, there[name])))
            for name, term in left.fields
            if name in there and there[name] is not term
        ]
        mine, other = self._words(left, 0, lambda term: term), self._words(right, 1, rename)
        for place in dict.fromkeys((*mine, *other)):
            if place not in mine or place not in other:
                found.append((f"what was written to {(mine.get(place) or other[place])[0]}", True))
            elif mine[place][1] is not other[place][1]:
                name, term = mine[place]
                found.append((name, lnot(eq(term, other[place][1]))))
        one, two = self._epoch(left.history, 0, {}), self._epoch(right.history, 1, {})
        if one is not two:
            found.append(("the memory that earlier calls left", lnot(eq(one, two))))
        return tuple(found)

    def _words(self, given: Given, side: int, rename: Callable[[Term], Term]) -> dict[Hashable, tuple[str, Term]]:
        found: dict[Hashable, tuple[str, Term]] = {}
        for region, offset, term in given.words:
            root = region.root
            place, by = self._keys[side].place(Place(root, offset, region.kind))
            if by and isinstance(place, tuple) and isinstance(place[1], int):
                place = side, region, offset  # it has no name that both versions could know it by
            layout = self._joint.entry.state.shared.layout
            found[place] = layout.name(region, offset), rename(term)
        return found

    def _epoch(self, history: tuple[Marker, ...], side: int, known: dict[int, Term]) -> Term:
        """A number for the call that left the memory, which is the same for calls that are taken for the same."""
        calls: Mapping[str, CallKey] = self._joint.calls[side]
        for marker in reversed(history):
            match marker:
                case Havoc(call, _):
                    key = calls.get(call, (call, side))
                    return as_term(self._numbers.setdefault(key, len(self._numbers) + 1), 64)
                case Fork(condition, then, otherwise) as fork:
                    if id(fork) not in known:
                        one, two = self._epoch(then, side, known), self._epoch(otherwise, side, known)
                        when = condition if side == 0 else self._joint.head(condition)
                        known[id(fork)] = one if one is two else select(when, one, two, 64)
                    return known[id(fork)]
        return as_term(0, 64)

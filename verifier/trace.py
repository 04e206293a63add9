# SPDX-License-Identifier: BSD-2-Clause
"""Follow one concrete machine along its path with the lifted semantics, and take down what it does."""

from __future__ import annotations

from dataclasses import dataclass, field

from verifier.lift.decode import Decoded
from verifier.lift.entry import Entry
from verifier.lift.explore import Bounds, Explorer, Leaf
from verifier.lift.state import State
from verifier.model import GPRS, Change, Image, Step
from verifier.solver import Model, Solver
from verifier.terms import Term, concrete

_SYSTEM = ("gs_base", "kernel_gs_base", "fs_base", "cr3", "star", "efer", "ss")


@dataclass(slots=True)
class Trace:
    """What one machine did: steps for the reader, instruction addresses and calls for the replay."""

    steps: list[Step] = field(default_factory=list)
    addresses: list[int] = field(default_factory=list)
    calls: list[tuple[int, str]] = field(default_factory=list)
    leaf: Leaf | None = None


def follow(
    image: Image, entry: Entry, model: Model, solver: Solver, interrupts_after_call: str, bounds: Bounds
) -> Trace:
    """The path that the machine of ``model`` takes from the entry to its leaf."""
    trace = Trace()

    def observe(decoded: Decoded, before: State, after: State, note: str) -> None:
        trace.addresses.append(decoded.address)
        if note.endswith("returns with anything"):
            name = _call_name(after, before)
            trace.calls.append((decoded.address, name))
        changes = tuple(_changes(before, after, model))
        trace.steps.append(Step(after.shared.locate(decoded), changes, note))

    explorer = Explorer(image, solver, interrupts_after_call, bounds, model.holds, observe)
    found = explorer.run(entry.state.copy())
    if len(found.leaves) == 1:
        trace.leaf = found.leaves[0]
    return trace


def _call_name(after: State, before: State) -> str:
    """The unique name of the call that was just replaced by its effect: RAX holds a symbol of it."""
    symbol = after.shared.layout.symbols.of(after.gprs["rax"])
    return symbol.call if symbol is not None else ""


def _changes(before: State, after: State, model: Model) -> list[Change]:
    found: list[Change] = []

    def compare(name: str, old: Term, new: Term) -> None:
        if old is new:
            return
        was, now = _value(model, old), _value(model, new)
        if was != now:
            found.append(Change(name, was, now))

    for name in GPRS:
        compare(name, before.gprs[name], after.gprs[name])
    for name in _SYSTEM:
        compare(name, before.system[name], after.system[name])
    compare("rflags.IF", before.system["if"], after.system["if"])
    for region, words in after.memory.words.items():
        old_words = before.memory.words.get(region, {})
        for offset, new in words.items():
            old = old_words.get(offset)
            if old is not new:
                old = before.memory.word(region, offset) if old is None else old
                compare(after.shared.layout.name(region, offset), old, new)
    return found


def _value(model: Model, term: Term) -> int:
    known = concrete(term)
    return model.value(term) if known is None else known

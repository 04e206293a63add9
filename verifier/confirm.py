# SPDX-License-Identifier: BSD-2-Clause
"""Hand one concrete machine to the emulator and compare it with what the lifted semantics say.

The emulator runs the real bytes up to the exit instruction; registers, GS
pair, CR3, the instructions executed and the frame must agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from verifier.isa.machine import FLAG_POSITIONS
from verifier.isa.msr import TRACKED
from verifier.lift.entry import Entry
from verifier.lift.flags import ARITHMETIC
from verifier.lift.state import State
from verifier.lift.symbols import Symbol, Symbols
from verifier.model import GPRS, Defect, Image, address_of
from verifier.replay import CallEffect, MemoryWord, ReplayRequest, ReplayResult, replay
from verifier.solver import Model
from verifier.trace import Imposed, Trace

_BASES = {"fs_base", "gs_base", "kernel_gs_base"}


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Whether the emulator agrees; ``executed`` is False if it could not run the path at all."""

    agrees: bool
    executed: bool
    note: str


def confirm(image: Image, entry: Entry, trace: Trace, model: Model) -> Confirmation:
    """Replay the machine of ``model`` and compare its end with the trace's."""
    if trace.leaf is None:
        return Confirmation(False, True, "the lifted semantics do not take one path")
    for _, address, _ in trace.leaf.state.shared.frame_slots:
        # A word that nothing has read yet gets its symbol here, so that the emulator gets its value.
        trace.leaf.state.memory.load(address, 8)
    asked = request(entry, trace, model)
    result = replay(as_it_runs(image, entry, model, trace.addresses), asked)
    if not result.reached:
        return Confirmation(
            False, not _refused(result), f"the emulator stopped at {result.stopped_at:#x}: {result.reason}"
        )
    return _compare(trace, trace.leaf.state, model, result)


def as_it_runs(image: Image, entry: Entry, model: Model, addresses: Iterable[int]) -> Image:
    """The image with the code that the machine of ``model`` runs at these addresses."""
    shared = entry.state.shared

    def holds(switch: str) -> bool:
        condition = shared.switch(image.switch(switch))
        return condition if isinstance(condition, bool) else model.holds(condition)

    return image.patched(holds, addresses)


def _refused(result: ReplayResult) -> bool:
    """Whether the emulator has no such instruction, as opposed to another result of it."""
    return "#UD" in result.reason or "cannot" in result.reason


def request(entry: Entry, trace: Trace, model: Model) -> ReplayRequest:
    """The concrete machine as the emulator wants it."""
    if trace.leaf is None:
        raise Defect("a replay needs a leaf")
    state = entry.state
    symbols = state.shared.layout.symbols
    effects = tuple(
        _effect(one, state, model, trace.read) if one.call else CallEffect(one.registers, (), one.rflags)
        for one in trace.imposed
    )
    entry_words = [
        symbol
        for symbol in symbols
        if symbol.place is not None and not symbol.call and symbol.kind in ("frame", "memory")
    ]
    values = {name: model.value(state.system[name]) for name in state.system}
    return ReplayRequest(
        entry=state.address,
        stop_at=trace.leaf.decoded.address,
        registers=tuple((name, model.value(state.gprs[name])) for name in GPRS),
        rflags=_rflags(state, model),
        gs_base=values["gs_base"],
        kernel_gs_base=values["kernel_gs_base"],
        fs_base=values["fs_base"],
        cr3=values["cr3"],
        cr4=values["cr4"],
        msrs=tuple((number, values[name]) for number, name in TRACKED.items() if name not in _BASES),
        memory=_memory(trace.read, entry_words, model),
        calls=effects,
        havoc_calls=frozenset(one.address for one in trace.imposed),
        flag_patches=_patches(symbols, model, trace.places),
        max_instructions=len(trace.addresses) + 64,
        read_back=tuple((model.value(address), 8) for _, address, _ in state.shared.frame_slots),
    )


def _memory(read: set[str], symbols: Iterable[Symbol], model: Model) -> tuple[MemoryWord, ...]:
    """What memory holds by these symbols, in words of at most 8 bytes.

    Two symbols may be one place in this machine, through pointers that are equal in it only. The
    one that was ``read`` on its path says what is there.
    """
    content: dict[int, int] = {}
    for symbol in sorted(symbols, key=lambda symbol: symbol.name in read):
        word = _word(symbol, model)
        for index in range(word.size):
            content[word.address + index & (1 << 64) - 1] = word.value >> 8 * index & 0xFF
    words: list[MemoryWord] = []
    for address, byte in sorted(content.items()):
        last = words[-1] if words else None
        if last is not None and last.size < 8 and address == last.address + last.size:
            words[-1] = MemoryWord(last.address, last.value | byte << 8 * last.size, last.size + 1)
        else:
            words.append(MemoryWord(address, byte, 1))
    return tuple(words)


def _word(symbol: Symbol, model: Model) -> MemoryWord:
    if symbol.place is None:
        raise Defect("a memory word needs a place")
    base = 0 if symbol.place.root is None else model.value(symbol.place.root)
    return MemoryWord((base + symbol.place.offset) & ((1 << 64) - 1), model.value(symbol.term), 8)


def _effect(one: Imposed, state: State, model: Model, read: set[str]) -> CallEffect:
    registers: list[tuple[str, int]] = []
    words: list[Symbol] = []
    for symbol in state.shared.layout.symbols:
        if symbol.call != one.call:
            continue
        if symbol.place is not None:
            words.append(symbol)
        elif symbol.register in GPRS:
            registers.append((symbol.register, model.value(symbol.term)))
    return CallEffect(tuple(registers), _memory(read, words, model), one.rflags)


def _rflags(state: State, model: Model) -> int:
    value = 2
    for name, position in FLAG_POSITIONS.items():
        term = state.flags.get(name) if name in ARITHMETIC else state.system[name]
        value |= model.value(term) << position
    return value


def _patches(symbols: Symbols, model: Model, executed: set[int]) -> tuple[tuple[int, int, int], ...]:
    """Undefined flags take the value that the model chose, instruction by instruction."""
    patches: dict[int, tuple[int, int]] = {}
    for symbol in symbols:
        if symbol.undefined_at not in executed or symbol.register not in FLAG_POSITIONS:
            continue
        position = FLAG_POSITIONS[symbol.register]
        address = address_of(symbol.undefined_at)
        mask, value = patches.get(address, (0, 0))
        patches[address] = (mask | 1 << position, value | model.value(symbol.term) << position)
    return tuple((address, mask, value) for address, (mask, value) in sorted(patches.items()))


def _compare(trace: Trace, state: State, model: Model, result: ReplayResult) -> Confirmation:
    problems: list[str] = []

    def same(name: str, expected: int, found: int) -> None:
        if expected != found:
            problems.append(f"{name} is {found:#x}, not {expected:#x}")

    for name, found in result.registers:
        same(name, model.value(state.gprs[name]), found)
    same("gs_base", model.value(state.system["gs_base"]), result.gs_base)
    same("kernel_gs_base", model.value(state.system["kernel_gs_base"]), result.kernel_gs_base)
    same("cr3", model.value(state.system["cr3"]) & ((1 << 63) - 1), result.cr3)
    same("rflags.IF", model.value(state.system["if"]), result.rflags >> FLAG_POSITIONS["if"] & 1)
    executed = [
        address for index, address in enumerate(trace.addresses) if index == 0 or trace.addresses[index - 1] != address
    ]
    if tuple(executed) != result.trace:
        problems.append("it executed other instructions")
    slots = state.shared.frame_slots
    for (name, address, _), word in zip(slots, result.memory, strict=True):
        same(f"frame.{name}", model.value(state.memory.load(address, 8)), word.value)
    if problems:
        return Confirmation(False, True, "the emulator disagrees: " + "; ".join(problems[:4]))
    return Confirmation(True, True, f"{len(trace.addresses)} instructions on the real bytes end in the same state")

# SPDX-License-Identifier: BSD-2-Clause
"""Hand one concrete machine to the emulator and compare it with what the lifted semantics say.

The emulator runs the real bytes up to the exit instruction; registers, GS
pair, CR3, the instructions executed and the frame must agree. Then the exit is judged once more, on
the emulator's numbers alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from verifier.isa.machine import FLAG_POSITIONS
from verifier.isa.msr import TRACKED
from verifier.lift.decode import decode
from verifier.lift.entry import Entry
from verifier.lift.flags import ARITHMETIC
from verifier.lift.state import State
from verifier.lift.symbols import Symbol, Symbols
from verifier.model import GPRS, Defect, Image, address_of
from verifier.recording import Bytes, EndState, ExitFacts, Recording
from verifier.records import record
from verifier.replay import CallEffect, MemoryWord, ReplayRequest, ReplayResult, replay
from verifier.rerun import differences, emulated_end, exit_problems
from verifier.solver import Model
from verifier.trace import Imposed, Trace

_BASES = {"fs_base", "gs_base", "kernel_gs_base"}


@record
class Confirmation:
    """What the emulator says of one machine.

    ``refused`` is the reason code where there is nothing to compare: it could not run the path, or
    no such machine exists. ``recording`` is set where it agrees. Where it ran and does not,
    ``problems`` say in what, ``lifted`` is the predicted end (None: the lifted semantics take no
    one path) and ``emulated`` its own.
    """

    agrees: bool
    refused: str
    note: str
    recording: Recording | None = None
    problems: tuple[str, ...] = ()
    lifted: EndState | None = None
    emulated: EndState | None = None


def confirm(image: Image, entry: Entry, trace: Trace, model: Model, facts: ExitFacts, clause: str = "") -> Confirmation:
    """Replay the machine of ``model``, compare its end with the trace's, and judge ``clause`` there ("": a witness)."""
    if trace.leaf is None:
        problem = "the lifted semantics do not take one path"
        return Confirmation(False, "", problem, problems=(problem,))
    for _, address, _ in trace.leaf.state.shared.frame_slots:
        # A word that nothing has read yet gets its symbol here, so that the emulator gets its value.
        trace.leaf.state.memory.load(address, 8)
    asked = request(entry, trace, model)
    running = as_it_runs(image, entry, model, trace.addresses)
    result = replay(running, asked)
    lifted, emulated = _lifted(trace, trace.leaf.state, model), emulated_end(result, _slots(trace.leaf.state))
    problems: tuple[str, ...] = (f"the emulator stopped at {result.stopped_at:#x}: {result.reason}",)
    if result.reached:
        problems = differences(lifted, emulated) or exit_problems(facts, emulated, result, clause)
    if problems:
        refused = "replay-refused" if not result.reached and _refused(result) else ""
        note = f"the emulator disagrees: {'; '.join(problems[:4])}" if result.reached else problems[0]
        if not refused and in_conflict(entry.state.shared.layout.symbols, model):
            refused = "approximation"
            note = "two pointers are equal in this machine, and what they point to was taken for different memory"
        return Confirmation(False, refused, note, None, problems, lifted, emulated)
    recording = Recording(clause, asked, _bytes(running, asked, result), lifted, facts)
    note = f"{len(trace.addresses)} instructions on the real bytes end in the same state"
    return Confirmation(True, "", note, recording)


def _slots(state: State) -> tuple[str, ...]:
    return tuple(name for name, _, _ in state.shared.frame_slots)


def as_it_runs(image: Image, entry: Entry, model: Model, addresses: Iterable[int]) -> Image:
    """The image with the code that the machine of ``model`` runs at these addresses."""
    shared = entry.state.shared

    def holds(switch: str) -> bool:
        condition = shared.switch(image.switch(switch))
        return condition if isinstance(condition, bool) else model.holds(condition)

    return image.patched(holds, addresses)


def _refused(result: ReplayResult) -> bool:
    """Whether the emulator cannot run this, as opposed to having another result of it.

    A request that changes a read-only byte is one of a machine that the memory model admits and
    that does not exist: patched code that is read as data.
    """
    return any(word in result.reason for word in ("#UD", "cannot", "the request changes"))


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


def in_conflict(symbols: Iterable[Symbol], model: Model) -> bool:
    """Whether one byte of memory would have to hold two values: at the entry, or behind one call."""
    content: dict[tuple[str, int], int] = {}
    for symbol in symbols:
        if symbol.place is None or symbol.kind not in ("frame", "memory", "havoc"):
            continue
        word = _word(symbol, model)
        for index in range(word.size):
            key, byte = (symbol.call, word.address + index & (1 << 64) - 1), word.value >> 8 * index & 0xFF
            if content.setdefault(key, byte) != byte:
                return True
    return False


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


def _lifted(trace: Trace, state: State, model: Model) -> EndState:
    """The end that the lifted semantics predict."""
    executed = [
        address for index, address in enumerate(trace.addresses) if index == 0 or trace.addresses[index - 1] != address
    ]
    return EndState(
        registers=tuple((name, model.value(state.gprs[name])) for name in GPRS),
        gs_base=model.value(state.system["gs_base"]),
        kernel_gs_base=model.value(state.system["kernel_gs_base"]),
        cr3=model.value(state.system["cr3"]),
        interrupts=model.value(state.system["if"]),
        trace=tuple(executed),
        frame=tuple((name, model.value(state.memory.load(at, 8))) for name, at, _ in state.shared.frame_slots),
    )


def _bytes(image: Image, asked: ReplayRequest, result: ReplayResult) -> tuple[Bytes, ...]:
    """What of the image the run executed and read, as it was at the start; neighbours are joined."""
    content: dict[int, int] = {}
    for address in (*result.trace, asked.stop_at):
        code = image.code_at(address)
        content.update(enumerate(code[: decode(code, address).size], address))
    for _, word in result.reads:
        for address in range(word.address, word.address + word.size):
            section = image.section_at(address)
            if section is not None:
                offset = address - section.address
                content[address] = section.data[offset] if offset < len(section.data) else 0
    found: list[Bytes] = []
    for address, byte in sorted(content.items()):
        section = image.section_at(address)
        if section is None:
            raise Defect("bytes of the image lie in a section")
        last = found[-1] if found else None
        kind = (section.executable, section.writable)
        if last and last.address + len(last.data) == address and (last.executable, last.writable) == kind:
            found[-1] = Bytes(last.address, last.data + bytes([byte]), *kind)
        else:
            found.append(Bytes(address, bytes([byte]), *kind))
    return tuple(found)

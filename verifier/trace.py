# SPDX-License-Identifier: BSD-2-Clause
"""Follow one concrete machine along its path with the lifted semantics, and take down what it does."""

from __future__ import annotations

from dataclasses import dataclass, field

from verifier.contract import Contract
from verifier.isa import cpu_reads, shadow_stack
from verifier.isa.machine import rflags
from verifier.lift import double_shift
from verifier.lift.decode import Decoded, RegisterOperand
from verifier.lift.entry import Entry
from verifier.lift.explore import Bounds, Explorer, Leaf
from verifier.lift.state import State
from verifier.model import GPRS, Change, Image, Step
from verifier.solver import Model, Solver
from verifier.terms import Term, concrete

_UNTRACKED = frozenset(one.mnemonic for one in (*cpu_reads.INSTRUCTIONS, *shadow_stack.INSTRUCTIONS))
_SYSTEM = ("gs_base", "kernel_gs_base", "fs_base", "cr3", "star", "efer", "ss")


@dataclass(frozen=True, slots=True)
class Imposed:
    """An instruction whose results the replay has to be told: it has none of its own, or any would do.

    ``call`` is the unique name of a call that was not followed, or of a handler
    that went on behind an exception, or "" with the ``registers`` that the
    instruction leaves; ``rflags`` are those that it leaves.
    """

    address: int
    call: str = ""
    registers: tuple[tuple[str, int], ...] = ()
    rflags: int | None = None


@dataclass(slots=True)
class Trace:
    """What one machine did: steps for the reader, instruction addresses and imposed results for the replay.

    ``read`` has the names of the memory words that were read as they were at the entry.
    """

    steps: list[Step] = field(default_factory=list)
    addresses: list[int] = field(default_factory=list)
    places: set[int] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    imposed: list[Imposed] = field(default_factory=list)
    leaf: Leaf | None = None


def follow(
    image: Image,
    entry: Entry,
    model: Model,
    solver: Solver,
    interrupts_after_call: str,
    bounds: Bounds,
    callees: frozenset[int] | None = None,
    contract: Contract | None = None,
) -> Trace:
    """The path that the machine of ``model`` takes from the entry to its leaf; ``callees`` are followed (None: all)."""
    trace = Trace()

    def observe(decoded: Decoded, before: State, after: State, note: str) -> None:
        trace.addresses.append(decoded.address)
        trace.places.add(before.place)
        if note.endswith("returns with anything"):
            trace.imposed.append(Imposed(decoded.address, _call_name(after), (), model.value(rflags(after))))
        elif decoded.kind == "trap":
            # Its handler goes on behind it; see ``calls.resume``.
            call = after.shared.calls[("handler", before.place, before.visits.get(before.place, 1))]
            trace.imposed.append(Imposed(decoded.address, call, (), model.value(rflags(after))))
        elif _undecided(decoded, after, model):
            registers = tuple((name, _value(model, after.gprs[name])) for name in GPRS)
            trace.imposed.append(Imposed(decoded.address, "", registers, model.value(rflags(after))))
        changes = tuple(_changes(before, after, model))
        trace.steps.append(Step(after.shared.locate(decoded), changes, note))

    explorer = Explorer(image, solver, interrupts_after_call, bounds, model.holds, observe)
    explorer.follow = callees
    if contract is not None:
        explorer.no_return, explorer.helpers = frozenset(contract.no_return), frozenset(contract.helpers)
    layout = entry.state.shared.layout
    layout.evaluate, layout.noted = model.value, trace.read
    try:
        found = explorer.run(entry.state.copy())
    finally:
        layout.evaluate, layout.noted = None, None
    if len(found.leaves) == 1:
        trace.leaf = found.leaves[0]
    return trace


def _undecided(decoded: Decoded, after: State, model: Model) -> bool:
    """Whether the emulator cannot know the result, or is known to get it wrong.

    CR0, CR2 and CR8 are not in it; BSF and BSR of 0 leave anything; after a
    32-bit CMPXCHG that succeeds it clears the upper half of RAX, which the
    manual leaves alone (SDM vol. 2A, CMPXCHG: the accumulator is not written);
    SHLD and SHRD by more than the operand's width leave anything. What reads
    SSP, a counter or the CPU's identity reads what the emulator does not have.
    """
    if decoded.mnemonic in _UNTRACKED:
        return True
    if decoded.mnemonic == "mov-from-cr":
        return decoded.encoding.modrm(2)[1] in (0, 2, 8)
    if decoded.mnemonic == "cmpxchg":
        target = decoded.operands[0]
        width = target.width if isinstance(target, RegisterOperand) else 8 * getattr(target, "size", 0)
        return width == 32 and model.value(after.get("zf")) == 1
    if decoded.mnemonic in double_shift.MNEMONICS:
        return isinstance(decoded.operands[0], RegisterOperand) and decoded.operands[0].width == 16
    return decoded.mnemonic in ("bsf", "bsr") and model.value(after.get("zf")) == 1


def _call_name(after: State) -> str:
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

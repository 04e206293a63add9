# SPDX-License-Identifier: BSD-2-Clause
"""Follow one concrete machine along its path with the lifted semantics, and take down what it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from verifier.contract import Contract
from verifier.isa import cpu_reads, shadow_stack
from verifier.isa.machine import rflags
from verifier.lift import double_shift
from verifier.lift.decode import Decoded, RegisterOperand
from verifier.lift.entry import Entry
from verifier.lift.explore import Bounds, Explorer, Leaf
from verifier.lift.leaves import Choose, Observe
from verifier.lift.state import State
from verifier.model import GPRS, Change, Image, Location, Step
from verifier.records import record
from verifier.solver import Model, Solver
from verifier.terms import Term, Truth, concrete, eq

_UNTRACKED = frozenset(one.mnemonic for one in (*cpu_reads.INSTRUCTIONS, *shadow_stack.INSTRUCTIONS))
_SYSTEM = ("gs_base", "kernel_gs_base", "fs_base", "cr3", "star", "efer", "ss")


@record
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


@record
class _Effect:
    """What the replay is told of an instruction where ``condition`` holds, in terms; see ``Imposed``."""

    condition: Truth
    call: str
    registers: tuple[tuple[str, Term], ...]
    rflags: Term


@record
class _Done:
    """One instruction of a path: ``changes`` has name, old and new term of everything that it may have changed."""

    decoded: Decoded
    place: int
    location: Location
    changes: tuple[tuple[str, Term, Term], ...]
    note: str
    effect: _Effect | None


@dataclass(slots=True)
class Followed:
    """One path in terms, and the questions about the machine that decided that it took this one.

    A machine with the same answers takes the same path, as long as no pointer was met since (``pointers``).
    """

    truths: list[tuple[Truth, bool]] = field(default_factory=list)
    values: list[tuple[Term, int]] = field(default_factory=list)
    done: list[_Done] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    leaf: Leaf | None = None
    pointers: tuple[int, int] = (0, 0)

    def taken(self, model: Model) -> bool:
        """Whether the machine of ``model`` takes this path."""
        return all(model.holds(truth) == known for truth, known in self.truths) and all(
            model.value(term) == known for term, known in self.values
        )


def follow(
    image: Image,
    entry: Entry,
    model: Model,
    solver: Solver,
    interrupts_after_call: str,
    bounds: Bounds,
    callees: frozenset[int] | None = None,
    contract: Contract | None = None,
    known: list[Followed] | None = None,
) -> Trace:
    """The path that the machine of ``model`` takes from the entry to its leaf; ``callees`` are followed (None: all).

    ``known`` are paths that were followed with the same arguments but the model; a new one is added.
    """
    known = [] if known is None else known
    layout = entry.state.shared.layout
    met = len(layout.known), len(layout.unknown)
    path = next((one for one in known if one.pointers == met and one.taken(model)), None)
    if path is None:
        path = Followed()
        explorer = Explorer(image, solver, interrupts_after_call, bounds, *_witnesses(path, model))
        explorer.follow = callees
        if contract is not None:
            explorer.no_return, explorer.helpers = frozenset(contract.no_return), frozenset(contract.helpers)
        layout.evaluate, layout.noted = _evaluator(path, model), path.read
        try:
            found = explorer.run(entry.state.copy())
        finally:
            layout.evaluate, layout.noted = None, None
        if len(found.leaves) == 1:
            path.leaf = found.leaves[0]
        path.pointers = len(layout.known), len(layout.unknown)
        known.append(path)
    return _told(path, model)


def _witnesses(path: Followed, model: Model) -> tuple[Choose, Observe]:
    """What chooses the way of the machine of ``model``, and what sees it; both write it down."""

    def choose(truth: Truth) -> bool:
        chosen = model.holds(truth)
        path.truths.append((truth, chosen))
        return chosen

    def observe(decoded: Decoded, before: State, after: State, note: str) -> None:
        changes, location = tuple(_changes(before, after)), after.shared.locate(decoded)
        path.done.append(_Done(decoded, before.place, location, changes, note, _effect(decoded, before, after, note)))

    return choose, observe


def _evaluator(path: Followed, model: Model) -> Callable[[Term], int]:
    def evaluate(term: Term) -> int:
        value = model.value(term)
        path.values.append((term, value))
        return value

    return evaluate


def _told(path: Followed, model: Model) -> Trace:
    """What the machine of ``model`` does on a path that it takes."""
    trace = Trace(read=set(path.read), leaf=path.leaf)
    for one in path.done:
        trace.addresses.append(one.decoded.address)
        trace.places.add(one.place)
        effect = one.effect
        if effect is not None and model.holds(effect.condition):
            registers = tuple((name, _value(model, term)) for name, term in effect.registers)
            trace.imposed.append(Imposed(one.decoded.address, effect.call, registers, _value(model, effect.rflags)))
        values = ((name, _value(model, old), _value(model, new)) for name, old, new in one.changes)
        changes = tuple(Change(name, was, now) for name, was, now in values if was != now)
        trace.steps.append(Step(one.location, changes, one.note))
    return trace


def _effect(decoded: Decoded, before: State, after: State, note: str) -> _Effect | None:
    if note.endswith("returns with anything"):
        return _Effect(True, _call_name(after), (), rflags(after))
    if decoded.kind == "trap":
        # Its handler goes on behind it; see ``calls.resume``.
        call = after.shared.calls[("handler", before.place, before.visits.get(before.place, 1))]
        return _Effect(True, call, (), rflags(after))
    condition = _undecided(decoded, after)
    if condition is False:
        return None
    return _Effect(condition, "", tuple((name, after.gprs[name]) for name in GPRS), rflags(after))


def _undecided(decoded: Decoded, after: State) -> Truth:
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
        return eq(after.get("zf"), 1) if width == 32 else False
    if decoded.mnemonic in double_shift.MNEMONICS:
        return isinstance(decoded.operands[0], RegisterOperand) and decoded.operands[0].width == 16
    return eq(after.get("zf"), 1) if decoded.mnemonic in ("bsf", "bsr") else False


def _call_name(after: State) -> str:
    """The unique name of the call that was just replaced by its effect: RAX holds a symbol of it."""
    symbol = after.shared.layout.symbols.of(after.gprs["rax"])
    return symbol.call if symbol is not None else ""


def _changes(before: State, after: State) -> Iterator[tuple[str, Term, Term]]:
    """Name, old and new term of each place whose term is another one."""
    for name in GPRS:
        if before.gprs[name] is not after.gprs[name]:
            yield name, before.gprs[name], after.gprs[name]
    for name in (*_SYSTEM, "if"):
        old, new = before.system[name], after.system[name]
        if old is not new:
            yield "rflags.IF" if name == "if" else name, old, new
    for region, words in after.memory.words.items():
        old_words = before.memory.words.get(region, {})
        for offset, new in words.items():
            old = old_words.get(offset)
            if old is not new:
                old = before.memory.word(region, offset) if old is None else old
                if old is not new:
                    yield after.shared.layout.name(region, offset), old, new


def _value(model: Model, term: Term) -> int:
    known = concrete(term)
    return model.value(term) if known is None else known

# SPDX-License-Identifier: BSD-2-Clause
"""The machine state on one path, and how two of them join.

Registers, flags, the GS pair, control registers and MSRs are terms; the
window that the `irq` and `stack` clauses speak of and the events in it are
recorded as the path goes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import claripy

from verifier.isa.machine import SYSTEM_REGISTERS, NotModelled
from verifier.lift.decode import Decoded, MemoryOperand, RegisterOperand
from verifier.lift.flags import ARITHMETIC, Chosen, Flags, Joined, Thunk
from verifier.lift.memory import Layout, Memory, RegionId, linear
from verifier.lift.symbols import Symbol
from verifier.model import GPRS, Defect, Location
from verifier.terms import Term, Truth, add, as_term, bits, eq, land, lnot, lor, select

CC_REGISTERS = ("cc_op", "cc_dep1", "cc_dep2", "cc_ndep")
EventKind = Literal["irq", "stack", "gs"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a window clause forbids; it happens where ``condition`` holds."""

    kind: EventKind
    condition: Truth
    location: Location
    text: str


@dataclass(frozen=True, slots=True)
class Trap:
    """The path ends in an exception at CPL 0 where ``condition`` holds."""

    condition: Truth
    text: str


@dataclass(slots=True)
class Shared:
    """What all states of an exploration share beside the memory layout.

    ``user_gs`` is the term of the user's GS base; ``locate`` gives the source
    position of an address; ``frame_slots`` maps slot names to addresses and offsets;
    ``calls`` maps the unique name of each call that was not followed to its address.
    """

    layout: Layout
    user_gs: Term
    locate: Callable[[Decoded], Location]
    frame_slots: tuple[tuple[str, Term, int], ...]
    assumptions: set[str] = field(default_factory=set)
    calls: dict[str, int] = field(default_factory=dict)


class State:
    """One symbolic machine state; it implements ``verifier.isa.machine.Machine``."""

    __slots__ = (
        "address", "calls", "cc", "cc_dirty", "decoded", "events", "flags", "floors", "gprs", "memory", "path",
        "released", "shadowed", "shared", "system", "traps", "visits", "window",
    )  # fmt: skip

    def __init__(self, shared: Shared, address: int) -> None:
        self.shared = shared
        self.address = address
        self.gprs: dict[str, Term] = {}
        self.system: dict[str, Term] = {}
        self.flags: Flags
        self.cc: dict[str, Term] = {}
        self.cc_dirty = False
        self.memory = Memory(shared.layout)
        self.path: tuple[Truth, ...] = ()
        self.calls: tuple[int, ...] = ()
        self.window: Term | None = None
        self.shadowed: Truth = False
        self.events: tuple[Event, ...] = ()
        self.released: dict[str, Term] = {}
        self.traps: list[Trap] = []
        self.visits: dict[int, int] = {}
        self.decoded: Decoded | None = None
        self.floors: dict[RegionId, int] = {}

    def copy(self) -> State:
        """An independent copy."""
        other = State.__new__(State)
        other.shared, other.address = self.shared, self.address
        other.gprs, other.system = dict(self.gprs), dict(self.system)
        other.flags, other.cc, other.cc_dirty = self.flags, dict(self.cc), self.cc_dirty
        other.memory, other.path, other.calls = self.memory.copy(), self.path, self.calls
        other.window, other.shadowed, other.events = self.window, self.shadowed, self.events
        other.released, other.traps = dict(self.released), list(self.traps)
        other.visits, other.decoded = dict(self.visits), self.decoded
        other.floors = dict(self.floors)
        return other

    # The Machine protocol.

    def gpr(self, index: int) -> Term:
        """The 64-bit GPR with that encoding number."""
        return self.gprs[_BY_NUMBER[index]]

    def set_gpr(self, index: int, value: Term) -> None:
        """Write a whole GPR."""
        self.gprs[_BY_NUMBER[index]] = as_term(value, 64)

    def get(self, name: str) -> Term:
        """A system register or a flag."""
        if name in ARITHMETIC:
            return self.flags.get(name)
        return self.system[name]

    def put(self, name: str, value: Term) -> None:
        """Write a system register or a flag."""
        term = as_term(value, SYSTEM_REGISTERS[name])
        if name in ARITHMETIC:
            self.choose_flags({name: term})
        else:
            self.system[name] = term

    def choose_flags(self, given: dict[str, Term]) -> None:
        """Override some arithmetic flags."""
        if isinstance(self.flags, Chosen):
            self.flags = Chosen(self.flags.base, {**self.flags.given, **given})
        else:
            self.flags = Chosen(self.flags, given)

    def load(self, address: Term, size: int) -> Term:
        """Read memory, recording what the window clauses want to know."""
        address = as_term(address, 64)
        self._watch(address, "reads")
        return self.memory.load(address, size)

    def store(self, address: Term, value: Term, size: int) -> None:
        """Write memory, recording what the window clauses want to know."""
        address = as_term(address, 64)
        self._watch(address, "writes")
        place = self.here()
        region = self.memory.store(
            address,
            value,
            size,
            f"store@{_short(place)}",
            f"store with an unknown address at {_short(place)}",
        )
        if not region.writable:
            self.trap_if(True, f"#PF: write to read-only memory ({region.key})")

    def operand(self, size: int) -> Term:
        """The first operand of the instruction being executed."""
        if self.decoded is None or not self.decoded.operands:
            raise NotModelled("the operand is missing")
        operand = self.decoded.operands[0]
        if isinstance(operand, MemoryOperand):
            return self.load(self.effective(operand), size)
        if isinstance(operand, RegisterOperand):
            return bits(self.gprs[operand.register], operand.low + size * 8 - 1, operand.low)
        raise NotModelled("an immediate where a register or memory was expected")

    def effective(self, operand: MemoryOperand) -> Term:
        """The linear address of a memory operand."""
        address: Term = as_term(operand.displacement, 64)
        if operand.base:
            address = add(self.gprs[operand.base], address, 64)
        if operand.index:
            address = add(address, self.gprs[operand.index] * operand.scale, 64)
        if operand.segment:
            address = add(address, self.system[f"{operand.segment}_base"], 64)
        return address

    def fresh(self, what: str, width: int) -> Term:
        """A value that the manual leaves undefined: any."""
        place = _short(self.here())
        count = self.visits.get(self.address, 0)
        suffix = f"#{count}" if count > 1 else ""
        return self.shared.layout.symbols.make(
            f"undefined:{what}@{place}{suffix}",
            width,
            "havoc",
            origin=f"left undefined by the instruction at {place}",
            register=what,
            undefined_at=self.address,
        )

    def trap_if(self, condition: Truth, text: str) -> None:
        """The path splits: it ends here where the condition holds."""
        self.traps.append(Trap(condition, text))

    def may_fault(self, text: str) -> None:
        """Refuse to go on where a fault that is not modelled would hit the user's stack."""
        if self.window is not None:
            raise NotModelled(f"{text}; RSP is the user's here")

    def shadow(self, condition: Truth) -> None:
        """No interrupt at the next boundary where the condition holds."""
        self.shadowed = condition

    # Windows and slots.

    def here(self) -> Location:
        """Where the current instruction stands."""
        if self.decoded is None:
            raise Defect("no instruction is being executed")
        return self.shared.locate(self.decoded)

    def record(self, kind: EventKind, condition: Truth, text: str) -> None:
        """Remember an event that a window clause forbids."""
        if condition is not False:
            self.events = (*self.events, Event(kind, condition, self.here(), text))

    def _watch(self, address: Term, verb: str) -> None:
        root, _ = linear(address)
        if root is not None:
            self.record("gs", _is(root, self.shared.user_gs), f"{verb} memory through the user's GS base")
        if self.window is None:
            return
        if root is not None and root is self.window:
            self.record("stack", True, f"{verb} memory through the user's RSP")
            return
        region, _ = self.shared.layout.resolve(address)
        if region.kind == "unknown":
            self.record("stack", True, f"{verb} memory that may fault while RSP is the user's")

    def boundary(self) -> None:
        """Book-keeping at the instruction boundary behind the current instruction."""
        root, offset = linear(self.gprs["rsp"])
        region = self._stack_region(root)
        if region is not None:
            self.floors[region] = offset
            if region.kind == "frame-stack":
                self._release(offset)
        self.window = None if region is not None else (root if root is not None else as_term(0, 64))
        if self.window is not None:
            enabled = eq(self.system["if"], 1)
            self.record("irq", land(enabled, lnot(self.shadowed)), "interrupts are enabled behind this instruction")
        self.shadowed = False

    def carve(self, old: Term, new: Term) -> None:
        """RSP went from ``old``, on a kernel stack, down to ``new`` by a bounded but unknown distance.

        What lies below ``new`` is a region of its own; what lay below ``old``
        may be overwritten from now on.
        """
        layout = self.shared.layout
        region, limit = layout.resolve(old)
        root, ceiling = linear(new)
        if root is None or root.hash() in layout.known or region.kind == "unknown":
            return
        self.memory.abandon(region, limit, f"carve@{_short(self.here())}")
        self.floors[region] = max(limit, self.floors.get(region, limit))
        layout.ceilings[layout.add_root(root, "below", f"rsp@{_short(self.here())}")] = ceiling

    def _stack_region(self, root: Term | None) -> RegionId | None:
        """The kernel stack region that RSP points into, or None when RSP is not the kernel's."""
        if root is None:
            return None
        layout = self.shared.layout
        known = layout.known.get(root.hash())
        if known is not None:
            return known if known.kind in ("frame-stack", "stack", "below", "percpu") else None
        words = loaded_from(root, layout)
        if words and all(word.place and word.place.region in ("percpu", "image", "extern") for word in words):
            self.shared.assumptions.add("stack-pointers")
            return layout.add_root(root, "stack", words[-1].name)
        return None

    def _release(self, rsp_offset: int) -> None:
        for name, address, offset in self.shared.frame_slots:
            if offset + 8 <= rsp_offset and name not in self.released:
                self.released[name] = self.memory.load(address, 8)

    def slot(self, name: str) -> Term:
        """The reference value of a frame slot: as released, else its content now."""
        if name in self.released:
            return self.released[name]
        for known, address, _ in self.shared.frame_slots:
            if known == name:
                return self.memory.load(address, 8)
        raise KeyError(name)

    # Joining.

    def shape(self) -> tuple[object, ...]:
        """States of one shape may join: same place, same stack pointer, same released slots."""
        root, offset = linear(self.gprs["rsp"])
        stack = (None if root is None else root.hash(), offset)
        window = None if self.window is None else self.window.hash()
        return self.calls, self.address, stack, window, frozenset(self.released)

    def joined(self, other: State) -> State:
        """One state for both; ``self``'s values where its own part of the path condition holds."""
        prefix, mine, theirs = _common_prefix(self.path, other.path)
        condition = land(*mine)
        merged = self.copy()
        merged.path = prefix
        union = lor(condition, land(*theirs))
        if union is not True and not _complementary(mine, theirs):
            merged.path = (*prefix, union)
        for name in GPRS:
            merged.gprs[name] = _pick(condition, self.gprs[name], other.gprs[name], 64)
        for name, width in SYSTEM_REGISTERS.items():
            if name not in ARITHMETIC:
                merged.system[name] = _pick(condition, self.system[name], other.system[name], width)
        if self.flags is not other.flags:
            merged.flags = Joined(condition, self.flags, other.flags)
            merged.cc = opaque_cc()
        merged.memory = self.memory.joined(other.memory, condition)
        for name in self.released:
            merged.released[name] = _pick(condition, self.released[name], other.released[name], 64)
        merged.shadowed = lor(land(condition, self.shadowed), land(lnot(condition), other.shadowed))
        merged.events = _join_events(self.events, other.events, land(*mine), land(*theirs))
        merged.floors = {
            region: max(floors[region] for floors in (self.floors, other.floors) if region in floors)
            for region in {**self.floors, **other.floors}
        }
        merged.visits = {
            address: max(self.visits.get(address, 0), other.visits.get(address, 0))
            for address in {**self.visits, **other.visits}
        }
        return merged


_BY_NUMBER = (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
"""GPR names by encoding number (SDM vol. 2A, table 3-1)."""

_tokens = 0


def opaque_cc() -> dict[str, Term]:
    """VEX thunk registers whose content means nothing: the flags are kept elsewhere."""
    global _tokens
    _tokens += 1
    return {name: claripy.BVS(f"{name}-token-{_tokens}", 64, explicit_name=True) for name in CC_REGISTERS}


def thunk(cc: dict[str, Term]) -> Thunk:
    """The flags that VEX's four thunk registers stand for."""
    return Thunk(cc["cc_op"], cc["cc_dep1"], cc["cc_dep2"], cc["cc_ndep"])


def _short(location: Location) -> str:
    if location.file is not None and location.line:
        return f"{location.file}:{location.line}+{location.address & 0xFFF:x}"
    return f"{location.symbol}+{location.offset:#x}" if location.symbol else f"{location.address:#x}"


def loaded_from(term: Term, layout: Layout) -> tuple[Symbol, ...]:
    """The memory words that a term is put together from, byte for byte; empty if it is anything else."""
    match term.op:
        case "BVS":
            symbol = layout.symbols.of(term)
            return (symbol,) if symbol is not None and symbol.place is not None else ()
        case "Extract":
            return loaded_from(term.args[2], layout)
        case "Concat":
            parts = [loaded_from(part, layout) for part in term.args]
            return tuple(word for part in parts for word in part) if all(parts) else ()
        case _:
            return ()


def _is(term: Term, symbol: Term) -> Truth:
    """The condition under which a term is that very symbol (not merely equal to it)."""
    if term is symbol:
        return True
    if not isinstance(term, int) and term.op == "If":
        condition, then, otherwise = term.args
        return lor(land(condition, _is(then, symbol)), land(lnot(condition), _is(otherwise, symbol)))
    return False


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
    guarded = [Event(e.kind, land(mine, e.condition), e.location, e.text) for e in left[common:]]
    guarded += [Event(e.kind, land(theirs, e.condition), e.location, e.text) for e in right[common:]]
    return (*left[:common], *guarded)

# SPDX-License-Identifier: BSD-2-Clause
"""The machine state on one path.

Registers, flags, the GS pair, control registers and MSRs are terms; the
window that the `irq` and `stack` clauses speak of and the events in it are
recorded as the path goes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Literal

import claripy

from verifier.isa.encoding import BY_NUMBER
from verifier.isa.machine import SYSTEM_REGISTERS, NotModelled
from verifier.lift import window
from verifier.lift.decode import Decoded, MemoryOperand, RegisterOperand
from verifier.lift.flags import ARITHMETIC, Chosen, Flags, Thunk
from verifier.lift.memory import Memory, Reach
from verifier.lift.regions import Layout, RegionId, linear
from verifier.model import Defect, Location, Switch, address_of
from verifier.records import record
from verifier.terms import Term, Truth, add, as_term, bits, decided, eq, select

CC_REGISTERS = ("cc_op", "cc_dep1", "cc_dep2", "cc_ndep")
EventKind = Literal["irq", "stack", "gs"]


@record
class Event:
    """Something that a window clause forbids; it happens where ``condition`` holds.

    With ``only_root`` it counts only if RSP still has that root at the exit:
    then what looked like a kernel stack was the user's all along.
    """

    kind: EventKind
    condition: Truth
    location: Location
    text: str
    only_root: Term | None = None

    def counts(self, state: State) -> bool:
        """Whether the event lies in the window of an exit that ``state`` stands before."""
        return self.only_root is None or self.only_root is linear(state.gprs["rsp"])[0]


@record
class Trap:
    """The path ends in an exception at CPL 0 where ``condition`` holds."""

    condition: Truth
    text: str


@dataclass(slots=True)
class Shared:
    """What all states of an exploration share beside the memory layout.

    ``user_gs`` is the term of the user's GS base; ``locate`` gives the source
    position of an address; ``frame_slots`` maps slot names to addresses and
    offsets; ``enumerate_values`` lists the values that a term can have on a
    state's path, or none if there are too many; ``ss_arbitrary`` says that a
    call may leave any SS; ``kernel_gs`` that the kernel runs on a GS base of
    its own; ``stores_elsewhere`` that stores with unknown addresses hit no stack and
    no per-CPU memory; ``calls`` names each execution of a call that was
    not followed, ``targets`` has the address that such a call went to if it is
    code of the image; ``paging`` says that CR4.LA57 is set; ``switches`` are the
    conditions under which the image's patch sites change, by their ids; ``given``, where it is kept, has the states in
    front of each execution of a call that was not followed, by its name.
    """

    layout: Layout
    user_gs: Term
    locate: Callable[[Decoded], Location]
    frame_slots: tuple[tuple[str, Term, int], ...]
    ss_arbitrary: bool = False
    kernel_gs: bool = True
    stores_elsewhere: bool = False
    assumptions: set[str] = field(default_factory=set)
    calls: dict[Hashable, str] = field(default_factory=dict)
    targets: dict[str, int] = field(default_factory=dict)
    paging: Truth = False
    switches: dict[str, Truth] = field(default_factory=dict)
    enumerate_values: Callable[[State, Term], tuple[int, ...]] | None = None
    given: dict[str, list[State]] | None = None

    def switch(self, known: Switch) -> Truth:
        """Whether a switch is set: one symbol for all of its patch sites."""
        if known.value is not None:
            return known.value
        if known.paging:
            return self.paging
        if known.id not in self.switches:
            key = ("switch", known.id)
            self.switches[known.id] = eq(self.layout.symbols.make(known.name, 1, "feature", key=key), 1)
        return self.switches[known.id]

    def call_name(self, name: str, execution: Hashable) -> str:
        """A name for one execution of a call that no other execution has."""
        if execution not in self.calls:
            taken, candidate, number = set(self.calls.values()), name, 1
            while candidate in taken:
                number += 1
                candidate = f"{name}#{number}"
            self.calls[execution] = candidate
        return self.calls[execution]


class State:
    """One symbolic machine state; it implements ``verifier.isa.machine.Machine``."""

    __slots__ = (
        "call_slots", "calls", "cc", "cc_dirty", "decoded", "events", "flags", "floors", "general", "gprs",
        "memory", "path", "place", "released", "shadowed", "shared", "system", "traps", "unclear", "visits", "window",
    )  # fmt: skip

    def __init__(self, shared: Shared, place: int) -> None:
        self.shared = shared
        self.place = place
        self.gprs: dict[str, Term] = {}
        self.system: dict[str, Term] = {}
        self.flags: Flags
        self.cc: dict[str, Term] = {}
        self.cc_dirty = False
        self.memory = Memory(shared.layout)
        self.path: tuple[Truth, ...] = ()
        self.calls: tuple[int, ...] = ()
        self.call_slots: tuple[tuple[Term | None, int], ...] = ()
        self.window: Term | None = None
        self.shadowed: Truth = False
        self.events: tuple[Event, ...] = ()
        self.released: dict[str, Term] = {}
        self.unclear = ""
        self.traps: list[Trap] = []
        self.visits: dict[int, int] = {}
        self.decoded: Decoded | None = None
        self.floors: dict[RegionId, int] = {}
        self.general: frozenset[tuple[int, tuple[int, ...]]] = frozenset()

    def copy(self) -> State:
        """An independent copy."""
        other = State.__new__(State)
        other.shared, other.place = self.shared, self.place
        other.gprs, other.system = dict(self.gprs), dict(self.system)
        other.flags, other.cc, other.cc_dirty = self.flags, dict(self.cc), self.cc_dirty
        other.memory, other.path, other.calls = self.memory.copy(), self.path, self.calls
        other.call_slots, other.unclear = self.call_slots, self.unclear
        other.window, other.shadowed, other.events = self.window, self.shadowed, self.events
        other.released, other.traps = dict(self.released), list(self.traps)
        other.visits, other.decoded = dict(self.visits), self.decoded
        other.floors, other.general = dict(self.floors), self.general
        return other

    @property
    def address(self) -> int:
        """The address of the instruction that is executed next; ``place`` says in which variant of the code."""
        return address_of(self.place)

    # The Machine protocol.

    def gpr(self, index: int) -> Term:
        """The 64-bit GPR with that encoding number."""
        return self.gprs[BY_NUMBER[index]]

    def set_gpr(self, index: int, value: Term) -> None:
        """Write a whole GPR."""
        self.gprs[BY_NUMBER[index]] = as_term(value, 64)

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
        window.watch(self, address, "reads")
        found = self._from_table(address, size)
        return self.memory.load(address, size) if found is None else found

    def _from_table(self, address: Term, size: int) -> Term | None:
        """A load from a read-only table with an index that has few values here; None if it is no such load."""
        layout, enumerate_values = self.shared.layout, self.shared.enumerate_values
        root, offset = linear(address)
        if root is None or enumerate_values is None or not layout.is_constant(offset, 1):
            return None
        places = enumerate_values(self, address)
        if not places or not all(layout.is_constant(place, size) for place in places):
            return None
        *others, last = places
        value = self.memory.load(as_term(last, 64), size)
        for place in others:
            here = self.memory.load(as_term(place, 64), size)
            value = select(eq(address, as_term(place, 64)), here, value, size * 8)
        return value

    def store(self, address: Term, value: Term, size: int) -> None:
        """Write memory, recording what the window clauses want to know."""
        address = as_term(address, 64)
        window.watch(self, address, "writes")
        place = window.short(self.here())
        region = self.memory.store(
            address,
            value,
            size,
            (self.place, self.visits.get(self.place, 0)),
            f"store@{place}",
            f"store with an unknown address at {place}",
            self._reach(address),
        )
        if not region.writable:
            self.trap_if(True, f"#PF: write to read-only memory ({region.key})")

    def _reach(self, address: Term) -> Reach:
        """What a store may hit if its region is unknown: anything, if a stack is a part of its address."""
        region, _ = self.shared.layout.resolve(address)
        if region.kind != "unknown" or (region.root is not None and self.shared.layout.on_stack(region.root)):
            return "all"
        if self.shared.stores_elsewhere:
            self.assume("contract-stores")
            return "unknown"
        if self.calls:
            self.assume("own-stack")
            return "but-own"
        return "all"

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
        place = window.short(self.here())
        count = self.visits.get(self.place, 0)
        suffix = f"#{count}" if count > 1 else ""
        return self.shared.layout.symbols.make(
            f"undefined:{what}@{place}{suffix}",
            width,
            "havoc",
            key=("undefined", what, width, self.place, count),
            origin=f"left undefined by the instruction at {place}",
            register=what,
            undefined_at=self.place,
        )

    def trap_if(self, condition: Truth, text: str) -> None:
        """The path splits: it ends here where the condition holds."""
        self.traps.append(Trap(condition, text))

    def may_fault(self, text: str) -> None:
        """Refuse to go on where a fault that is not modelled would hit the user's stack."""
        if self.window is not None:
            raise NotModelled(f"{text}; RSP is the user's here")

    def assume(self, identifier: str) -> None:
        """List an assumption that the model of an instruction rests on."""
        self.shared.assumptions.add(identifier)

    def shadow(self, condition: Truth) -> None:
        """No interrupt at the next boundary where the condition holds."""
        self.shadowed = condition

    # Windows and slots.

    def here(self) -> Location:
        """Where the current instruction stands."""
        if self.decoded is None:
            raise Defect("no instruction is being executed")
        return self.shared.locate(self.decoded)

    def record(self, kind: EventKind, condition: Truth, text: str, only_root: Term | None = None) -> None:
        """Remember an event that a window clause forbids."""
        if decided(condition) is not False:
            self.events = (*self.events, Event(kind, condition, self.here(), text, only_root))

    def slot(self, name: str) -> Term:
        """The reference value of a frame slot: as released, else its content now."""
        if name in self.released:
            return self.released[name]
        for known, address, _ in self.shared.frame_slots:
            if known == name:
                return self.memory.load(address, 8)
        raise KeyError(name)


_tokens = 0


def opaque_cc() -> dict[str, Term]:
    """VEX thunk registers whose content means nothing: the flags are kept elsewhere."""
    global _tokens
    _tokens += 1
    return {name: claripy.BVS(f"{name}-token-{_tokens}", 64, explicit_name=True) for name in CC_REGISTERS}


def thunk(cc: dict[str, Term]) -> Thunk:
    """The flags that VEX's four thunk registers stand for."""
    return Thunk(cc["cc_op"], cc["cc_dep1"], cc["cc_dep2"], cc["cc_ndep"])

# SPDX-License-Identifier: BSD-2-Clause
"""Where the analysis of an exit instruction starts if nobody names an entry.

Backwards from the exit along every known predecessor, until each way to it has
a beginning. That is where a call returns: the kernel's code in high-level
language is behind it, and whatever that leaves behind is arbitrary. Or it is
an instruction that nothing falls into or branches to, as the target of an
entry MSR is: the start of a function. These starts are ``nearest``.

``complete`` goes further back from each return point, through calls now, over
instructions that leave RSP alone, up to where the frame was just completed:
behind the instruction that pushed its last word.

Not seen are indirect branches into the region. That there are none except to
its starts is the assumption "no-indirect-entry". A level of starts is
either complete or empty; ``problems`` says why it is empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from verifier.boundaries import Boundaries
from verifier.isa import Encoding
from verifier.lift.decode import Decoded, ImmediateOperand, MemoryOperand, RegisterOperand
from verifier.model import Image, address_of
from verifier.predecessors import Predecessor, Predecessors, Unclear
from verifier.records import record

MOST = 4096
"""So many instructions are walked over for one level of starts at most."""

RSP = 4
"""Its number in a ModRM byte (SDM vol. 2A, table 2-2)."""


@record
class Start:
    """A place to start from: behind a call, behind the last word of a frame, or at a function's start."""

    address: int
    kind: Literal["return", "frame", "function"]


@record
class Entries:
    """The starts for the exit at ``site``, by address. A level that is not known for all ways is empty."""

    site: int
    nearest: tuple[Start, ...]
    complete: tuple[Start, ...]
    problems: tuple[str, ...]


class _Problem(Exception):
    """Why a level has no starts."""


def automatic(image: Image, site: int, predecessors: Predecessors | None = None) -> Entries:
    """The starts from which the exit instruction at the address ``site`` is reached; sites may share look-ups."""
    walk = _Walk(image, predecessors or Predecessors(image, Boundaries(image)))
    places = [place for place in image.places(site) if walk.predecessors.decoded(place).kind == "exit"]
    try:
        nearest = walk.back((_Position(place, 0) for place in places), through_calls=False)
    except _Problem as problem:
        return Entries(site, (), (), (str(problem),))
    returns = [place for start in nearest if start.kind == "return" for place in image.places(start.address)]
    try:
        complete = walk.back((_Position(place, 0) for place in returns), through_calls=True)
    except _Problem as problem:
        return Entries(site, nearest, (), (str(problem),))
    return Entries(site, nearest, _ordered((*complete, *(start for start in nearest if start.kind == "function"))), ())


def frame_misfit(start: int, size: int, pushed: tuple[int, ...], predecessors: Predecessors, image: Image) -> str:
    """Why the code in front of ``start`` does not build a frame of ``size`` bytes; "" if it does, on every way.

    Counted back to the instruction that loads RSP as a whole, or to the start of a function, at
    which the CPU or a hypervisor has pushed one of ``pushed`` bytes.
    """
    known: dict[int, int] = dict.fromkeys(image.places(start), 0)
    waiting = list(known)
    while waiting:
        place = waiting.pop()
        if len(known) > MOST:
            return f"more than {MOST} instructions lead to it"
        try:
            found = [one for one in predecessors.of(place) if one.how != "calls"]
        except Unclear as problem:
            return str(problem)
        if not found and size - known[place] not in pushed:
            return f"from {address_of(place):#x} on {known[place]} bytes are pushed, and the frame has {size}"
        for predecessor in found:
            decoded = predecessors.decoded(predecessor.place)
            counted = known[place]
            match _effect(decoded):
                case "push":
                    counted += 8
                case "pop":
                    counted -= 8
                case "down" if decoded.mnemonic == "mov":
                    if counted != size:
                        return f"{counted} bytes are pushed behind {decoded.address:#x}, and the frame has {size}"
                    continue
                case "down" if isinstance(decoded.operands[1], ImmediateOperand):
                    value = decoded.operands[1].value
                    counted += value if decoded.mnemonic == "sub" else (1 << 64) - value
                case "none" if decoded.mnemonic != "call":
                    pass
                case _:
                    return f"{decoded.text} at {decoded.address:#x}: what it does to the frame is not clear"
            if predecessor.place not in known:
                known[predecessor.place] = counted
                waiting.append(predecessor.place)
            elif known[predecessor.place] != counted:
                return f"not every way to {decoded.address:#x} pushes the same"
    return ""


@record
class _Position:
    """In front of the instruction at ``place``, ``above`` bytes of stack that is popped later still being pushed."""

    place: int
    above: int


class _Walk:
    """One image's walks, of at most MOST instructions each."""

    def __init__(self, image: Image, predecessors: Predecessors) -> None:
        self._image = image
        self.predecessors = predecessors
        self._functions = {symbol.address for symbol in image.symbols if symbol.is_function and symbol.section}

    def back(self, positions: Iterable[_Position], through_calls: bool) -> tuple[Start, ...]:
        """Where the ways to these positions begin. Raises _Problem where that stays unclear."""
        given = tuple(positions)
        left = MOST
        edges: dict[_Position, tuple[_Position, ...]] = {}
        starts: dict[_Position, Start] = {}
        waiting = list(given)
        while waiting:
            position = waiting.pop()
            if position in edges:
                continue
            if left == 0:
                raise _Problem(f"more than {MOST} instructions lead to {address_of(given[0].place):#x}")
            left -= 1
            edges[position] = tuple(self._step(position, through_calls, starts))
            waiting += edges[position]
        self._find_beginnings(given, edges, starts)
        for position, start in starts.items():
            if position.above and start.kind == "function":
                raise _Problem(f"the stack is not balanced between {start.address:#x} and the exit")
        return _ordered(starts.values())

    def _step(self, position: _Position, through_calls: bool, starts: dict[_Position, Start]) -> list[_Position]:
        """The positions directly in front; starts that end a way here go into ``starts``."""
        address = address_of(position.place)
        try:
            found = self.predecessors.of(position.place)
        except Unclear as problem:
            raise _Problem(str(problem)) from None
        falls = any(predecessor.how == "falls" for predecessor in found)
        called = any(predecessor.how == "calls" for predecessor in found)
        if called or (address in self._functions and not falls):
            starts[position] = Start(address, "function")
        further: list[_Position] = []
        for predecessor in found:
            if predecessor.how == "calls" or (predecessor.how == "jumps" and not falls and address in self._functions):
                continue
            decoded = self.predecessors.decoded(predecessor.place)
            if not through_calls:
                if predecessor.how == "falls" and self._returns(decoded, predecessor):
                    starts[position] = Start(address, "return")
                else:
                    further.append(_Position(predecessor.place, 0))
                continue
            match "unclear" if _calls_here(predecessor, decoded) else _effect(decoded), position.above:
                case "none", above:
                    further.append(_Position(predecessor.place, above))
                case (("push" | "down"), 0):
                    if self._inside_patch(position.place):
                        raise _Problem(f"the frame is completed inside the patch site at {address:#x}")
                    starts[position] = Start(address, "frame")
                case "push", _:
                    further.append(_Position(predecessor.place, 0))
                case "pop", 0:
                    further.append(_Position(predecessor.place, 8))
                case _:
                    raise _Problem(f"no frame is built directly in front of {decoded.text} at {decoded.address:#x}")
        return further

    def _find_beginnings(
        self,
        given: tuple[_Position, ...],
        edges: dict[_Position, tuple[_Position, ...]],
        starts: dict[_Position, Start],
    ) -> None:
        """Add the starts that nothing leads to, without padding; every way must have one."""
        behind: dict[_Position, list[_Position]] = {}
        for position, sources in edges.items():
            for source in sources:
                behind.setdefault(source, []).append(position)
        count = {position: len(set(sources)) for position, sources in edges.items()}
        bare = [position for position in edges if not count[position] and position not in starts]
        dead: set[_Position] = set()
        while bare:
            position = bare.pop()
            if position in given or not self._is_padding(position.place):
                starts[position] = Start(address_of(position.place), "function")
                continue
            dead.add(position)
            for following in dict.fromkeys(behind.get(position, ())):
                count[following] -= 1
                if not count[following] and following not in starts:
                    bare.append(following)
        led = set(starts)
        waiting = list(starts)
        while waiting:
            for following in behind.get(waiting.pop(), ()):
                if following not in led:
                    led.add(following)
                    waiting.append(following)
        lost = sorted(address_of(position.place) for position in edges if position not in led | dead)
        if lost:
            raise _Problem(f"the loop at {lost[0]:#x} leads to the exit, and nothing leads to it")

    def _returns(self, decoded: Decoded, predecessor: Predecessor) -> bool:
        """Whether a way begins behind this: a call that no patch replaces."""
        return decoded.mnemonic == "call" and self._image.patch_at(address_of(predecessor.place)) is None

    def _inside_patch(self, place: int) -> bool:
        site = self._image.patch_at(address_of(place))
        return site is not None and site.address != address_of(place)

    def _is_padding(self, place: int) -> bool:
        """Whether an instruction that nothing leads to is there to fill room.

        A NOP at the start of a patch site may be replaced, so that is none. Inside a site, what
        nothing leads to is behind a jump that replaced code.
        """
        if self._image.patch_at(address_of(place)) is not None:
            return self._inside_patch(place)
        return self.predecessors.decoded(place).mnemonic in ("nop", "int3")


def _ordered(starts: Iterable[Start]) -> tuple[Start, ...]:
    return tuple(sorted(set(starts), key=lambda start: (start.address, start.kind)))


def _effect(decoded: Decoded) -> Literal["none", "push", "pop", "down", "unclear"]:
    """What an instruction does to RSP: nothing in the end, one word, further down or to a new stack, or else.

    A call that returns leaves it alone: the callee obeys the ABI.
    """
    named = [isinstance(operand, RegisterOperand) and operand.register == "rsp" for operand in decoded.operands]
    match decoded.mnemonic:
        case _ if decoded.kind == "rejected" or (decoded.kind == "step" and _names_rsp(decoded.encoding)):
            return "unclear"
        case "push" | "pushfq" | "pop" | "popfq" if decoded.encoding.has(0x66):
            return "unclear"
        case "push" | "pushfq":
            return "push"
        case "pop" | "popfq" if not any(named):
            return "pop"
        case "leave":
            return "unclear"
        case "xchg" | "xadd" if any(named):
            return "unclear"
        case "cmp" | "test" | "bt":
            return "none"
        case _ if not any(named[:1]):
            return "none"
        case "mov" | "sub" | "add" | "lea" if _moves_down(decoded):
            return "down"
        case _:
            return "unclear"


def _calls_here(predecessor: Predecessor, decoded: Decoded) -> bool:
    """Whether control comes from a call without returning from it."""
    return predecessor.how != "falls" and decoded.mnemonic == "call"


def _names_rsp(encoding: Encoding) -> bool:
    """Whether a system instruction writes RSP: MOV from a control register, or the read of a segment base."""
    reads = encoding.starts(0x0F, 0x20) or (encoding.has(0xF3) and encoding.starts(0x0F, 0xAE))
    return reads and encoding.modrm(2)[2] == RSP


def _moves_down(decoded: Decoded) -> bool:
    """Whether RSP, the first operand, is lowered by a constant, or loaded as a whole."""
    match decoded.operands:
        case (RegisterOperand(width=64), _) if decoded.mnemonic == "mov":
            return True
        case (RegisterOperand(width=64), ImmediateOperand(value=value)):
            return value != 0 and bool(value >> 63) == (decoded.mnemonic == "add")
        case (RegisterOperand(width=64), MemoryOperand(base="rsp", index="", displacement=displacement)):
            return decoded.mnemonic == "lea" and bool(displacement >> 63)
        case _:
            return False

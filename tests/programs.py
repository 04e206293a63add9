# SPDX-License-Identifier: BSD-2-Clause
"""Random integer programs over a frame at RSP, and how to make one smaller.

A program is a tree: instructions (or a few that belong together) and forward
branches with two arms. The generator keeps account of what each register
holds, so that every memory operand stays near the frame: a copy of RSP, a
small bounded index, or, in programs "with pointers", one of two addresses
that the evaluator knows nothing about and that may point into the frame.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

FRAME_BYTES = 168
"""Size of the frame that memory operands lie in."""

POINTERS = ("r11", "rsi")
"""What holds an address at the entry of a program with pointers; see ``Program.pointers``."""

CONDITIONS = "o no b ae e ne be a s ns p np l ge le g".split()
SUFFIX = {8: "b", 16: "w", 32: "l", 64: "q"}
WIDTHS = (8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class Branch:
    """``test`` is the mnemonic of a jump over ``fallen`` to ``taken``; with ``ends`` ``taken`` comes to HLT."""

    test: str
    taken: tuple[Node, ...]
    fallen: tuple[Node, ...]
    ends: bool = False


Node = str | Branch
"""One or more instructions separated by ``; ``, or a branch."""


@dataclass(frozen=True, slots=True)
class Program:
    """``pointers``: R11 and RSI hold addresses of which only the emulator knows where they lead."""

    nodes: tuple[Node, ...]
    pointers: bool = False

    @property
    def text(self) -> str:
        """The assembly, one instruction a line; every path ends in HLT."""
        return "\n".join((*_lines(self.nodes, _Labels()), "hlt"))

    def smaller(self) -> Iterator[Program]:
        """Every program with one node or arm less, larger cuts first."""
        half = len(self.nodes) // 2
        if half > 1:
            yield replace(self, nodes=self.nodes[half:])
            yield replace(self, nodes=self.nodes[:half])
        for nodes in _smaller(self.nodes):
            yield replace(self, nodes=nodes)


class _Labels:
    def __init__(self) -> None:
        self.count = 0

    def new(self) -> int:
        self.count += 1
        return self.count


def _lines(nodes: tuple[Node, ...], labels: _Labels) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, str):
            yield from node.split("; ")
            continue
        taken, end = labels.new(), labels.new()
        yield f"{node.test} {taken}f"
        yield from _lines(node.fallen, labels)
        if node.taken or node.ends:
            yield f"jmp {end}f"
        yield f"{taken}:"
        yield from _lines(node.taken, labels)
        if node.ends:
            yield "hlt"
        yield f"{end}:"


def _smaller(nodes: tuple[Node, ...]) -> Iterator[tuple[Node, ...]]:
    for index, node in enumerate(nodes):
        before, after = nodes[:index], nodes[index + 1 :]
        yield before + after
        match node:
            case str():
                parts = node.split("; ")
                if len(parts) > 1:
                    for part in range(len(parts)):
                        yield (*before, "; ".join(parts[:part] + parts[part + 1 :]), *after)
            case Branch():
                yield before + node.fallen + after
                if not node.ends:
                    yield before + node.taken + after
                for arm in _smaller(node.taken):
                    yield (*before, replace(node, taken=arm), *after)
                for arm in _smaller(node.fallen):
                    yield (*before, replace(node, fallen=arm), *after)


def shrunk(program: Program, fails: Callable[[Program], bool], attempts: int = 400) -> Program:
    """A smaller program that still fails; none of its immediate cuts fails, unless the attempts ran out."""
    going = True
    while going:
        going = False
        for candidate in program.smaller():
            attempts -= 1
            if attempts < 0:
                return program
            if fails(candidate):
                program, going = candidate, True
                break
    return program


def generate(seed: str) -> Program:
    """The program of that seed: 5 to 25 instructions; every third or so is one with pointers."""
    source = random.Random(seed)  # noqa: S311 - reproducible, not secret
    writer = _Writer(source, source.random() < 0.35)
    nodes = writer.block(source.randint(5, 25), 0)
    return Program(nodes, writer.with_pointers)


@dataclass(slots=True)
class _Known:
    """What the generator knows at one point.

    ``depth`` is RSP's distance from its value at entry; ``copies`` has that
    distance for registers that hold an address in the frame, ``bounded`` the
    largest value of registers that hold a small index, ``pointers`` the
    registers with an address that the evaluator does not know.
    """

    depth: int = 0
    copies: dict[str, int] = field(default_factory=dict)
    bounded: dict[str, int] = field(default_factory=dict)
    pointers: frozenset[str] = frozenset()

    def copy(self) -> _Known:
        return replace(self, copies=dict(self.copies), bounded=dict(self.bounded))

    def met(self, other: _Known) -> _Known:
        """What holds on both of two paths; their depths are equal."""
        return _Known(
            self.depth,
            {name: at for name, at in self.copies.items() if other.copies.get(name) == at},
            {name: max(top, other.bounded[name]) for name, top in self.bounded.items() if name in other.bounded},
            self.pointers & other.pointers,
        )


_FREE = "rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15".split()
_LEGACY = ("rax", "rbx", "rcx", "rdx")


def part(register: str, width: int) -> str:
    """The assembler's name of the low ``width`` bits of a GPR."""
    if width == 64:
        return f"%{register}"
    if register[1:].isdigit():
        return f"%{register}{ {32: 'd', 16: 'w', 8: 'b'}[width] }"
    if width == 8:
        return f"%{register[1]}l" if register.endswith("x") else f"%{register[1:]}l"
    return f"%e{register[1:]}" if width == 32 else f"%{register[1:]}"


class _Writer:
    """Writes one program; every maker gives one node and updates ``known``."""

    def __init__(self, source: random.Random, with_pointers: bool) -> None:
        self.source = source
        self.with_pointers = with_pointers
        self.known = _Known(pointers=frozenset(POINTERS) if with_pointers else frozenset())
        self.makers: tuple[tuple[Callable[[], str], int], ...] = (
            (self.move, 14), (self.arithmetic, 16), (self.unary, 5), (self.shift, 8), (self.bit, 6), (self.scan, 3),
            (self.swap_bytes, 1), (self.exchange, 6), (self.multiply, 4), (self.condition, 6), (self.push, 5),
            (self.pop, 5), (self.flags, 4), (self.extend, 5), (self.address, 5), (self.string, 2), (self.copy, 5),
            (self.index, 4), (self.stack, 2), (self.one_word, 3), (self.constant, 4),
        )  # fmt: skip

    # Structure.

    def block(self, budget: int, nesting: int) -> tuple[Node, ...]:
        """About ``budget`` instructions."""
        nodes: list[Node] = []
        while budget > 0:
            if budget >= 3 and nesting < 3 and self.source.random() < 0.14:
                node, used = self.branch(budget, nesting)
            else:
                makers, weights = zip(*self.makers, strict=True)
                text = self.source.choices(makers, weights)[0]()
                node, used = text, text.count("; ") + 1
            nodes.append(node)
            budget -= used
        return tuple(nodes)

    def branch(self, budget: int, nesting: int) -> tuple[Branch, int]:
        """A branch whose arms leave RSP where it was, unless the program ends there."""
        sizes = [self.source.randint(0, min(budget - 1, 5)) for _ in range(2)]
        sizes[1] = max(1, min(sizes[1], budget - 1 - sizes[0]))
        ends = self.source.random() < 0.15
        start, self.known = self.known, self.known.copy()
        fallen = self.balanced(sizes[0], nesting, start.depth)
        other, self.known = self.known, start
        taken = self.balanced(sizes[1], nesting, start.depth)
        self.known = other if ends else self.known.met(other)
        test = "jrcxz" if self.source.random() < 0.06 else f"j{self.source.choice(CONDITIONS)}"
        return Branch(test, taken, fallen, ends), 1 + sum(sizes)

    def balanced(self, budget: int, nesting: int, depth: int) -> tuple[Node, ...]:
        nodes = self.block(budget, nesting + 1)
        if self.known.depth != depth:
            nodes = (*nodes, f"lea {depth - self.known.depth}(%rsp), %rsp")
            self.known.depth = depth
        return nodes

    # Operands.

    def chance(self, probability: float) -> bool:
        return self.source.random() < probability

    def width(self, smallest: int = 8) -> int:
        return self.source.choice([width for width in WIDTHS if width >= smallest])

    def wrote(self, *registers: str) -> None:
        """These registers hold anything now."""
        for name in registers:
            self.known.copies.pop(name, None)
            self.known.bounded.pop(name, None)
        self.known.pointers -= set(registers)

    def target(self) -> str:
        """A register to write; those that hold an address are mostly spared."""
        useful = self.known.copies.keys() | self.known.bounded.keys() | self.known.pointers
        rest = [name for name in _FREE if name not in useful]
        return self.source.choice(rest if rest and self.chance(0.85) else _FREE)

    def register(self) -> str:
        return self.source.choice(_FREE)

    def memory(self, width: int, legacy: bool = False) -> str:
        """A memory operand; ``legacy``: without a REX prefix, next to AH, BH, CH or DH."""
        known = self.known
        size = width // 8
        at = self.source.randrange(0, FRAME_BYTES - size + 1, 8 if self.chance(0.4) else 1)
        if self.chance(0.25):  # near the last words, so that accesses overlap
            at = min(at, 24) if self.chance(0.5) else max(0, min(known.depth + self.source.randrange(-8, 16), 160))
        bases: list[tuple[str, int]] = [("rsp", known.depth)]
        bases += [(name, distance) for name, distance in known.copies.items() if not (legacy and name[1:].isdigit())]
        base, distance = bases[self.source.randrange(len(bases))]
        pointers = [name for name in sorted(known.pointers) if not (legacy and name[1:].isdigit())]
        if pointers and self.chance(0.4):
            return f"{self.source.randrange(-8, 24, 8 if self.chance(0.4) else 1)}(%{self.source.choice(pointers)})"
        indices = [name for name in known.bounded if not (legacy and name[1:].isdigit())]
        if indices and self.chance(0.4):
            index, scale = self.source.choice(indices), self.source.choice((1, 2, 4, 8))
            if known.bounded[index] * scale <= FRAME_BYTES - size:
                at = min(at, FRAME_BYTES - size - known.bounded[index] * scale)
                return f"{at - distance}(%{base},%{index},{scale})"
        if self.chance(0.05):
            return f"%gs:{self.source.randrange(0x40)}"
        return f"{at - distance}(%{base})"

    def value(self, width: int, register: str | None = None, memory: float = 0.3) -> str:
        """A source operand: a register (partly one of AH to DH) or memory, not yet checked for REX."""
        if self.chance(memory):
            return self.memory(width)
        return part(register or self.register(), width)

    def immediate(self, width: int) -> int:
        top = min(width, 32) - 1
        choices = (0, 1, -1, 0x7F, -0x80, 1 << min(top, 7) - 1, self.source.randrange(-(1 << top), 1 << top))
        value = self.source.choice(choices)
        return value if -(1 << top) <= value < 1 << top else 1

    def pair(self, width: int, memory: float = 0.35) -> tuple[str, str, str]:
        """Source, destination and the register that is written ("" for memory)."""
        if width == 8 and self.chance(0.4):
            return self.legacy_pair(memory)
        destination = self.target()
        if self.chance(memory):
            place = self.memory(width)
            if self.chance(0.5):
                return part(self.register(), width), place, ""
            return place, part(destination, width), destination
        return part(self.register(), width), part(destination, width), destination

    def legacy_pair(self, memory: float) -> tuple[str, str, str]:
        """8-bit operands that include AH, BH, CH and DH, which no REX prefix may stand next to."""
        one, two = (self.source.choice(_LEGACY) for _ in range(2))
        first, second = (f"%{name[1]}{self.source.choice('hl')}" for name in (one, two))
        if self.chance(memory):
            place = self.memory(8, legacy=True)
            return (first, place, "") if self.chance(0.5) else (place, second, two)
        return first, second, two

    # One node each.

    def move(self) -> str:
        width = self.width()
        if self.chance(0.15):
            name = self.target()
            value = self.immediate(width)
            self.wrote(name)
            return f"mov{SUFFIX[width]} ${value}, {part(name, width)}"
        if self.chance(0.15):
            return f"mov{SUFFIX[width]} ${self.immediate(width)}, {self.memory(width)}"
        source, destination, name = self.pair(width, 0.6)
        self.wrote(*filter(None, [name]))
        return f"mov{SUFFIX[width]} {source}, {destination}"

    def constant(self) -> str:
        name = self.target()
        self.wrote(name)
        if self.chance(0.3):
            return f"movabs ${self.source.getrandbits(64):#x}, %{name}"
        value = self.source.randrange(16)
        self.known.bounded[name] = value
        return f"mov ${value}, {part(name, 32)}"

    def arithmetic(self) -> str:
        name = self.source.choice("add adc sub sbb and or xor cmp test".split())
        width = self.width()
        lock = "lock " if name not in ("cmp", "test") and self.chance(0.05) else ""
        if lock or self.chance(0.3):
            if lock or self.chance(0.4):
                return f"{lock}{name}{SUFFIX[width]} ${self.immediate(width)}, {self.memory(width)}"
            register = self.target() if name not in ("cmp", "test") else self.register()
            if name not in ("cmp", "test"):
                self.wrote(register)
            return f"{name}{SUFFIX[width]} ${self.immediate(width)}, {part(register, width)}"
        source, destination, written = self.pair(width)
        if name == "test" and written and source.endswith(")"):
            source, destination = destination, source
        if written and name not in ("cmp", "test"):
            self.wrote(written)
        return f"{name}{SUFFIX[width]} {source}, {destination}"

    def unary(self) -> str:
        name, width = self.source.choice("not neg inc dec".split()), self.width()
        _, destination, written = self.pair(width)
        self.wrote(*filter(None, [written]))
        return f"{name}{SUFFIX[width]} {destination}"

    def shift(self) -> str:
        name, width = self.source.choice("shl shr sar rol ror".split()), self.width()
        _, destination, written = self.pair(width, 0.3)
        self.wrote(*filter(None, [written]))
        count = "%cl" if self.chance(0.4) else f"${self.source.choice((1, 1, 2, 3, 7, 8, 9, 31, 32, 33, 63, 0))}"
        return f"{name}{SUFFIX[width]} {count}, {destination}"

    def bit(self) -> str:
        name, width = self.source.choice("bt bts btr btc".split()), self.width(16)
        register = self.target()
        if self.chance(0.35):
            return f"{name}{SUFFIX[width]} ${self.source.randrange(64)}, {self.memory(width)}"
        index = f"${self.source.randrange(64)}" if self.chance(0.5) else part(self.register(), width)
        if name != "bt":
            self.wrote(register)
        return f"{name}{SUFFIX[width]} {index}, {part(register, width)}"

    def scan(self) -> str:
        width, register = self.width(16), self.target()
        source = self.value(width)
        self.wrote(register)
        return f"{self.source.choice(('bsf', 'bsr'))}{SUFFIX[width]} {source}, {part(register, width)}"

    def swap_bytes(self) -> str:
        register = self.target()
        self.wrote(register)
        return f"bswap {part(register, self.source.choice((32, 64)))}"

    def exchange(self) -> str:
        name, width = self.source.choice(("xchg", "xadd", "cmpxchg")), self.width()
        while True:
            source, destination, written = self.pair(width, 0.5)
            narrow = name == "cmpxchg" and width == 32 and written  # not supported: CPUs differ
            if not narrow and not source.endswith(")") and ":" not in source:
                break
        lock = "lock " if not written and self.chance(0.3) else ""
        self.wrote(*filter(None, [written, full(source) if name != "cmpxchg" else "rax"]))
        text = f"{lock}{name}{SUFFIX[width]} {source}, {destination}"
        if name == "cmpxchg" and not written and not re.search(r"%rax\b", destination) and self.chance(0.6):
            return f"movq {destination}, %rax; {text}"  # so that it often matches
        return text

    def multiply(self) -> str:
        width = self.width()
        if width > 8 and self.chance(0.5):
            register = self.target()
            source = self.value(width)
            self.wrote(register)
            third = f"${self.immediate(width)}, " if self.chance(0.4) else ""
            return f"imul{SUFFIX[width]} {third}{source}, {part(register, width)}"
        source = self.value(width)
        self.wrote("rax", "rdx")
        return f"{self.source.choice(('mul', 'imul'))}{SUFFIX[width]} {source}"

    def condition(self) -> str:
        condition = self.source.choice(CONDITIONS)
        if self.chance(0.5):
            _, destination, written = self.pair(8)
            self.wrote(*filter(None, [written]))
            return f"set{condition} {destination}"
        width, register = self.width(16), self.target()
        source = self.value(width)
        self.wrote(register)
        return f"cmov{condition}{SUFFIX[width]} {source}, {part(register, width)}"

    def push(self) -> str:
        if self.known.depth < -64:
            return self.pop()
        if self.chance(0.05):
            text = f"push {part(self.register(), 16)}"
            self.known.depth -= 2
            return text
        kind = self.source.randrange(6)
        place = self.memory(64) if kind == 0 else f"${self.immediate(32)}" if kind == 1 else f"%{self.register()}"
        self.known.depth -= 8
        return f"pushq {place if kind != 2 or self.chance(0.7) else '%rsp'}"

    def pop(self) -> str:
        if self.known.depth > 96:
            return self.push()
        self.known.depth += 8
        if self.chance(0.25):  # an address that is formed with RSP uses it as POP leaves it
            return f"popq {self.memory(64)}"
        register = self.target()
        self.wrote(register)
        return f"popq %{register}"

    def flags(self) -> str:
        """PUSHFQ and POPFQ; TF is cleared in what is popped, DF is left to CLD and STD."""
        if self.known.depth < -64 or self.chance(0.4):
            if self.known.depth > 96:
                return self.push()
            self.known.depth += 8
            return f"{self.source.choice(('btrq $8, (%rsp)', 'andl $0xfffffeff, (%rsp)'))}; popfq"
        if self.chance(0.5):
            self.known.depth -= 8
            return "pushfq"
        return f"pushfq; xorq ${self.source.choice((0x8D5, 0x41, 0x80, 0x801, 0x200000))}, (%rsp); popfq"

    def extend(self) -> str:
        small = self.source.choice((8, 16, 32))
        register = self.target()
        name = self.source.choice(("movz", "movs"))
        if small == 32:
            source, name, wide = self.value(32), "movslq", 64
        else:
            wide = self.width(small * 2)
            if small == 8 and wide < 64 and self.chance(0.3):
                source, register = f"%{self.source.choice('abcd')}h", self.source.choice(_LEGACY)
            else:
                source = self.value(small)
            if name == "movs" and source.startswith("%gs:"):
                source = part(self.register(), small)  # this form is not supported
            name = f"{name}{SUFFIX[small]}{SUFFIX[wide]}"
        self.wrote(register)
        return f"{name} {source}, {part(register, wide)}"

    def address(self) -> str:
        width, register = self.width(32), self.target()
        base, index = self.register(), self.register()
        place = f"{self.immediate(32)}(%{base},%{index},{self.source.choice((1, 2, 4, 8))})"
        if self.chance(0.3):
            place = self.memory(64)
            place = place if ":" not in place else "(%rax)"
        self.wrote(register)
        return f"lea {place}, {part(register, width)}"

    def string(self) -> str:
        """MOVS and STOS within the frame, alone or a few times; with pointers also an unknown number of times."""
        name, width = self.source.choice(("movs", "stos")), self.width()
        count, size, known = self.source.randrange(4), width // 8, self.known
        step = self.source.choice((-1, 1)) * size
        low, high = (24, FRAME_BYTES - 24 - size) if step < 0 else (0, FRAME_BYTES - 32 - size)
        parts = ["cld" if step > 0 else "std"]
        places = {name: self.source.randrange(low, high + 1) for name in ("rsi", "rdi")[name == "stos" :]}
        parts += [f"lea {at - known.depth}(%rsp), %{register}" for register, at in places.items()]
        self.wrote(*places)
        unknown = self.with_pointers and self.chance(0.5)
        if repeated := self.chance(0.5):
            parts.append("and $3, %ecx" if unknown else f"mov ${count}, %ecx")
            self.wrote("rcx")
            known.bounded["rcx"] = 0
        done = step * (count if repeated else 1)
        if not (repeated and unknown):
            known.copies |= {register: at + done for register, at in places.items()}
        return "; ".join((*parts, f"{'rep ' if repeated else ''}{name}{SUFFIX[width]}"))

    def copy(self) -> str:
        """A second register for the frame."""
        register = self.target()
        if self.known.copies and self.chance(0.3):
            other, distance = self.source.choice(sorted(self.known.copies.items()))
        else:
            other, distance = "rsp", self.known.depth
        moved = self.source.choice((0, 0, 8, -8, 3, 40))
        self.wrote(register)
        self.known.copies[register] = distance + moved
        return f"lea {moved}(%{other}), %{register}" if moved else f"mov %{other}, %{register}"

    def index(self) -> str:
        """A small index: unknown to the evaluator, so only with pointers; a constant elsewhere."""
        if not self.with_pointers:
            return self.constant()
        register = self.target()
        bound = self.source.choice((0x8, 0x18, 0x7, 0x38, 0xF))
        self.wrote(register)
        self.known.bounded[register] = bound
        return f"and ${bound:#x}, {part(register, 32)}"

    def stack(self) -> str:
        """RSP itself moves, or comes back from a copy."""
        known = self.known
        near = [name for name, distance in known.copies.items() if -64 <= distance <= 96]
        if near and self.chance(0.4):
            name = self.source.choice(near)
            known.depth = known.copies[name]
            return f"mov %{name}, %rsp"
        distance = self.source.choice((8, 16, 32, 24))
        if known.depth > 0 or (known.depth > -64 and self.chance(0.5)):
            known.depth -= distance
            return f"{self.source.choice(('sub $', 'add $-'))}{distance}, %rsp"
        known.depth += distance
        return f"add ${distance}, %rsp"

    def one_word(self) -> str:
        name = self.source.choice("cbtw cwtl cltq cwtd cltd cqto stc clc cmc lahf sahf nop".split())
        match name:
            case "cbtw" | "cwtl" | "cltq" | "lahf":
                self.wrote("rax")
            case "cwtd" | "cltd" | "cqto":
                self.wrote("rdx")
        return name


def full(operand: str) -> str:
    """The 64-bit register that a register operand is a part of."""
    return _FULL[operand]


_FULL = {part(name, width): name for name in [*_FREE, "rsp"] for width in WIDTHS} | {
    f"%{name[1]}h": name for name in _LEGACY
}


def mnemonics(text: str) -> set[str]:
    """The first word of each instruction of an assembly text, without LOCK and REP."""
    words = re.sub(r"\b(lock|rep) ", "", text)
    return {line.split()[0] for line in words.splitlines() if not line.endswith(":")}

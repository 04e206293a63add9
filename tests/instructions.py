# SPDX-License-Identifier: BSD-2-Clause
"""The integer instructions that the conformance tests cover, with what the manual leaves undefined.

Each case is AT&T text; a function tells which of the six arithmetic flags are
undefined for it in a given state. Sources: "Flags Affected" on the pages of SDM
vol. 2; a flag that an instruction leaves alone counts as defined.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count, cycle, product

from unicorn_cpu import AF, ARITHMETIC, BUFFER, CF, OF, PF, SF, SOURCE, ZF, CpuState

from verifier.isa.machine import FLAG_POSITIONS

Undefined = Callable[[CpuState], int]


def none(_: CpuState) -> int:
    """Every flag is defined."""
    return 0


def always(flags: int) -> Undefined:
    """These flags are undefined in every state."""
    return lambda _: flags


@dataclass(frozen=True, slots=True)
class Case:
    """Code that ends in HLT.

    ``pins`` gives registers a value, ``constants`` names those of them that the
    evaluator must know as constants too (a repeat count). ``direction`` is DF.
    ``result`` is (register, width, condition) where a result may be undefined.
    ``faults`` tells in which states the code raises an exception instead of coming to HLT.
    ``deviates`` is, for a state, the name of what Unicorn does not do as the manual says, if it is that.
    """

    text: str
    undefined: Undefined = none
    pins: dict[str, int] = field(default_factory=dict)
    constants: frozenset[str] = frozenset()
    direction: int = 0
    result: tuple[str, int, Callable[[CpuState], bool]] | None = None
    faults: Callable[[CpuState], bool] = lambda _: False
    deviates: Callable[[CpuState], str] = lambda _: ""

    @property
    def in_user_mode(self) -> bool:
        """Whether a process may execute it with the same effect as the kernel; POPFQ keeps IF and IOPL there."""
        return "popfq" not in self.text

    def observed(self, what: str, after: CpuState) -> int:
        """What the oracle has for an undefined value: a flag's name, or "result"."""
        if what in FLAG_POSITIONS:
            return after.rflags >> FLAG_POSITIONS[what]
        assert what == "result" and self.result is not None
        return after.register(self.result[0])

    def left_open(self, before: CpuState) -> dict[str, int]:
        """The bits that the manual leaves undefined, by register and flag."""
        flags = self.undefined(before)
        found: dict[str, int] = {name: 1 for name, position in FLAG_POSITIONS.items() if flags >> position & 1}
        if self.result is not None and self.result[2](before):
            found[self.result[0]] = (1 << self.result[1]) - 1
        return found


SUFFIX = {8: "b", 16: "w", 32: "l", 64: "q"}
WIDTHS = (8, 16, 32, 64)
CONDITIONS = "o no b ae e ne be a s ns p np l ge le g".split()
_NAMES = {
    8: ["al bl cl dl ah bh ch dh".split(), "r8b sil dil r15b bpl al r12b cl".split()],
    16: ["ax bx cx dx si di bp r9w".split(), "r8w r14w si ax r15w cx r10w bp".split()],
    32: ["eax ebx ecx edx esi edi ebp r9d".split(), "r8d r14d esi eax r15d ecx r10d ebp".split()],
    64: ["rax rbx rcx rdx rsi rdi rbp r9".split(), "r8 r14 rsi rax r15 rcx r10 rbp".split()],
}
_SERIAL = count()


def registers(width: int) -> tuple[str, str]:
    """Two different registers of that width that fit into one instruction, other ones at each call."""
    serial = next(_SERIAL)
    pool = _NAMES[width][serial % 2]
    first, step = serial // 2 % len(pool), serial // 16 % (len(pool) - 1) + 1
    return f"%{pool[first]}", f"%{pool[(first + step) % len(pool)]}"


MEMORY: tuple[tuple[str, dict[str, int]], ...] = (
    ("0x10(%rsp)", {}),
    ("-0x18(%rsp)", {}),
    ("0x1d(%rsp)", {}),
    ("8(%r11)", {"r11": BUFFER}),
    ("%gs:0x18", {}),
    ("-4(%r11,%r13,4)", {"r11": BUFFER - 0x40, "r13": 0x10}),
)
"""Memory operands with the pins that they need; R11 and R13 are in no pool of registers."""


def address(place: str, state: CpuState) -> int:
    """The address of one of MEMORY, or of another place like these, in a state."""
    if place.startswith("%gs:"):
        return state.named("gs_base") + int(place[4:], 0)
    found = re.fullmatch(r"(-?\w*)\(%(\w+)(?:,%(\w+),(\d))?\)", place)
    assert found is not None
    offset, base, index, scale = found.groups()
    scaled = state.register(index) * int(scale) if index else 0
    return int(offset or "0", 0) + state.register(base) + scaled & 2**64 - 1


def immediates(width: int) -> tuple[int, ...]:
    """Immediates of every encoding size: -1, one that is sign-extended from 8 bits, one that is not."""
    return (-1, 0x12) if width == 8 else (-0x80, 0x1234) if width == 16 else (-1, 0x12345678)


def two_operand_cases() -> Iterator[Case]:
    memory = cycle(MEMORY)
    for name, width in product("add adc sub sbb and or xor cmp test".split(), WIDTHS):
        undefined = always(AF) if name in ("and", "or", "xor", "test") else none
        operation = name + SUFFIX[width]
        left, right = registers(width)
        yield Case(f"{operation} {left}, {right}", undefined)
        yield Case(f"{operation} {left}, {left}", undefined)
        left, right = registers(width)
        for value in immediates(width):
            yield Case(f"{operation} ${value}, {right}", undefined)
        place, pins = next(memory)
        yield Case(f"{operation} {left}, {place}", undefined, pins)
        place, pins = next(memory)
        yield Case(f"{operation} ${immediates(width)[0]}, {place}", undefined, pins)
        if name != "test":
            place, pins = next(memory)
            yield Case(f"{operation} {place}, {right}", undefined, pins)


def one_operand_cases() -> Iterator[Case]:
    memory = cycle(MEMORY)
    for name, width in product("not neg inc dec".split(), WIDTHS):
        place, pins = next(memory)
        yield Case(f"{name}{SUFFIX[width]} {registers(width)[0]}")
        yield Case(f"{name}{SUFFIX[width]} {place}", none, pins)
    for register in ("%eax", "%r9d", "%rsi", "%r15"):
        yield Case(f"bswap {register}")
    yield Case("lock incl 4(%rsp)")
    yield Case("lock addq %rax, (%rsp)")


def shift_undefined(name: str, width: int, amount: int | None) -> Undefined:
    """SDM vol. 2B, SAL/SAR/SHL/SHR and RCL/RCR/ROL/ROR; ``amount`` None: the count is in CL."""

    def undefined(state: CpuState) -> int:
        given = state.register("rcx") & 0xFF if amount is None else amount
        masked = given & (0x3F if width == 64 else 0x1F)
        if masked == 0:
            return 0
        flags = 0 if masked == 1 else OF
        if name in ("rol", "ror"):
            return flags
        lost = name != "sar" and masked >= width
        return flags | AF | (CF if lost else 0)

    return undefined


def shift_cases() -> Iterator[Case]:
    memory = cycle(MEMORY)
    for name, width in product("shl shr sar rol ror".split(), WIDTHS):
        operation = name + SUFFIX[width]
        yield Case(f"{operation} {registers(width)[0]}", shift_undefined(name, width, 1))
        amounts = (0, 1, 5, width - 1, width, width + 1, 0x3F)
        for amount in sorted(set(amounts)):
            yield Case(f"{operation} ${amount}, {registers(width)[0]}", shift_undefined(name, width, amount))
        for target in registers(width):
            yield Case(f"{operation} %cl, {target}", shift_undefined(name, width, None))
        place, pins = next(memory)
        yield Case(f"{operation} %cl, {place}", shift_undefined(name, width, None), pins)
        place, pins = next(memory)
        yield Case(f"{operation} $3, {place}", shift_undefined(name, width, 3), pins)


def bit_cases() -> Iterator[Case]:
    memory = cycle(MEMORY)
    for name, width in product("bt bts btr btc".split(), WIDTHS[1:]):
        undefined, operation = always(OF | SF | AF | PF), name + SUFFIX[width]
        left, right = registers(width)
        yield Case(f"{operation} {left}, {right}", undefined)
        for offset in (0, 7, width - 1, width + 3):
            yield Case(f"{operation} ${offset}, {registers(width)[0]}", undefined)
        place, pins = next(memory)
        yield Case(f"{operation} ${width - 3}, {place}", undefined, pins)
    # An offset in a register counts words from the operand's address on; the evaluator must know where they are.
    for name, (width, register) in product("bt bts btr btc".split(), ((16, "%cx"), (32, "%ecx"), (64, "%rcx"))):
        for offset in (5, width + 3, -1, -2 * width + 1):
            pins = {"rcx": offset & 2**64 - 1}
            yield Case(
                f"{name}{SUFFIX[width]} {register}, 8(%rsp)", always(OF | SF | AF | PF), pins, frozenset({"rcx"})
            )
    # An undefined 32-bit result leaves all 64 bits open: an AMD EPYC keeps the upper half, Unicorn clears it.
    for name, width in product(("bsf", "bsr"), WIDTHS[1:]):
        undefined, operation = always(CF | OF | SF | AF | PF), name + SUFFIX[width]
        source, target = {16: ("dx", "ax"), 32: ("r9d", "eax"), 64: ("rbx", "rax")}[width]
        full = {"dx": "rdx", "r9d": "r9", "rbx": "rbx"}[source]
        open_width = 16 if width == 16 else 64

        def is_zero(state: CpuState, name: str = full, bits: int = width) -> bool:
            return state.register(name) & ((1 << bits) - 1) == 0

        yield Case(f"{operation} %{source}, %{target}", undefined, result=("rax", open_width, is_zero))
        text = f"mov $0, %{source}; {operation} %{source}, %{target}"
        yield Case(text, undefined, result=("rax", open_width, lambda _: True))

        def is_empty(state: CpuState, size: int = width // 8) -> bool:
            return state.load(state.register("rsp") + 8, size) == 0

        yield Case(f"{operation} 8(%rsp), %{target}", undefined, result=("rax", open_width, is_empty))


def matches(place: str) -> Callable[[CpuState], str]:
    """What Unicorn does not do right where a 32-bit CMPXCHG finds EAX at a place."""

    def deviates(state: CpuState) -> str:
        equal = state.load(address(place, state), 4) == state.register("rax") & 0xFFFFFFFF
        return "cmpxchg-accumulator" if equal else ""

    return deviates


def exchange_cases() -> Iterator[Case]:
    memory = cycle(MEMORY)
    for width in WIDTHS:
        for name in ("xchg", "xadd", "cmpxchg"):
            left, right = registers(width)
            if (name, width) != ("cmpxchg", 32):  # that one is rejected: CPUs differ in the upper half
                yield Case(f"{name}{SUFFIX[width]} {left}, {right}")
            place, pins = next(memory)
            wrong = name == "cmpxchg" and width == 32
            for text, where, pinned in (
                (f"{name}{SUFFIX[width]} {left}, {place}", place, pins),
                (f"lock {name}{SUFFIX[width]} {right}, 0x20(%rsp)", "0x20(%rsp)", {}),
            ):
                yield Case(text, none, pinned, deviates=matches(where) if wrong else lambda _: "")
    for third, other, accumulator in (
        ("%dh", "%bl", "%al"), ("%cx", "%r9w", "%ax"), ("%rcx", "%r12", "%rax"),
    ):  # fmt: skip
        yield Case(f"mov {other}, {accumulator}; cmpxchg {third}, {other}")
    for width, register in ((8, "%bl"), (16, "%bx"), (32, "%ebx"), (64, "%rbx")):
        text = f"movq 8(%rsp), %rax; cmpxchg{SUFFIX[width]} {register}, 8(%rsp)"
        yield Case(text, deviates=lambda _: "cmpxchg-accumulator") if width == 32 else Case(text)


def multiplication_cases() -> Iterator[Case]:
    undefined = always(SF | ZF | AF | PF)
    memory = cycle(MEMORY)
    for name, width in product(("mul", "imul"), WIDTHS):
        place, pins = next(memory)
        yield Case(f"{name}{SUFFIX[width]} {registers(width)[0]}", undefined)
        yield Case(f"{name}{SUFFIX[width]} {place}", undefined, pins)
    for width in WIDTHS[1:]:
        left, right = registers(width)
        yield Case(f"imul {left}, {right}", undefined)
        yield Case(f"imul $-3, {left}, {right}", undefined)
        yield Case(f"imul $0x1234, {left}, {right}", undefined)
        place, pins = next(memory)
        yield Case(f"imul {place}, {right}", undefined, pins)


def double_shift_undefined(width: int, amount: int | None) -> Undefined:
    """SDM vol. 2B, SHLD and SHRD; ``amount`` None: the count is in CL."""

    def undefined(state: CpuState) -> int:
        given = state.register("rcx") if amount is None else amount
        masked = given & (63 if width == 64 else 31)
        if masked > width:
            return ARITHMETIC
        return 0 if masked == 0 else AF if masked == 1 else AF | OF

    return undefined


def double_shift_cases() -> Iterator[Case]:
    memory = cycle(MEMORY)
    for name, width in product(("shld", "shrd"), WIDTHS[1:]):
        operation = name + SUFFIX[width]
        target, source = {16: ("%ax", "%r9w"), 32: ("%eax", "%r9d"), 64: ("%rax", "%r9")}[width]
        amounts = {0, 1, 2, 5, width - 1, width, width + 1, 31, 63}

        def beyond(state: CpuState, width: int = width) -> bool:
            return state.register("rcx") & (63 if width == 64 else 31) > width

        for amount in sorted(amounts):
            lost = (lambda _: True) if amount % (64 if width == 64 else 32) > width else (lambda _: False)
            undefined = double_shift_undefined(width, amount)
            yield Case(f"{operation} ${amount}, {source}, {target}", undefined, result=("rax", width, lost))
        undefined = double_shift_undefined(width, None)
        yield Case(f"{operation} %cl, {source}, {target}", undefined, result=("rax", width, beyond))
        yield Case(f"{operation} %cl, {target}, {target}", undefined, result=("rax", width, beyond))
        place, pins = next(memory)
        yield Case(f"{operation} $7, {source}, {place}", double_shift_undefined(width, 7), pins)
        if width > 16:
            yield Case(f"{operation} %cl, {source}, {place}", undefined, pins)


def quotient_is_missing(name: str, width: int, divisor: Callable[[CpuState], int]) -> Callable[[CpuState], bool]:
    """SDM vol. 2A, DIV and IDIV, on Python's integers: whether they raise #DE."""

    def missing(state: CpuState) -> bool:
        size, low = (1 << width), state.register("rax") % (1 << width)
        high = state.register("rax") >> 8 & 0xFF if width == 8 else state.register("rdx") % size
        dividend, by = high << width | low, divisor(state) % size
        if by == 0:
            return True
        if name == "div":
            return dividend // by >= size
        dividend -= (dividend >> 2 * width - 1) << 2 * width
        by -= (by >> width - 1) << width
        quotient = abs(dividend) // abs(by) * (1 if (dividend < 0) == (by < 0) else -1)
        return not -size // 2 <= quotient < size // 2

    return missing


def division_cases() -> Iterator[Case]:
    always_open = always(ARITHMETIC)
    divisors = {8: "%r9b", 16: "%r9w", 32: "%r9d", 64: "%r9"}
    low_half = {8: "%al", 16: "%ax", 32: "%eax", 64: "%rax"}
    for name, width in product(("div", "idiv"), WIDTHS):
        operation = name + SUFFIX[width]

        def by_r9(state: CpuState) -> int:
            return state.register("r9")

        def by_memory(state: CpuState, size: int = width // 8) -> int:
            return state.load(state.register("rsp") + 8, size)

        missing = quotient_is_missing(name, width, by_r9)
        yield Case(f"{operation} {divisors[width]}", always_open, faults=missing)
        yield Case(f"{operation} 8(%rsp)", always_open, faults=quotient_is_missing(name, width, by_memory))
        # Dividends of one width, which most code has: all that fails is 0, and the least number by -1.
        narrow = quotient_is_missing_narrowly(name, width)
        extend = {8: "movzbl %al, %eax", **dict.fromkeys((16, 32, 64), "xor %edx, %edx")}[width]
        if name == "idiv":
            extend = {8: "cbtw", 16: "cwtd", 32: "cltd", 64: "cqto"}[width]
        yield Case(f"{extend}; {operation} {divisors[width]}", always_open, faults=narrow)
        text = f"mov {low_half[width]}, {divisors[width]}; {extend}; or $1, %r9; {operation} {divisors[width]}"
        yield Case(text, always_open)
    yield Case("div %ah", always_open, faults=lambda _: True)
    yield Case("mov $0x0305, %eax; mov $7, %dh; div %dh", always_open)
    yield Case("mov $7, %eax; mov $2, %cl; div %cl", always_open)
    yield Case("mov $1, %eax; div %al", always_open)
    yield Case("mov $-7, %rax; cqto; mov $2, %ecx; idiv %rcx", always_open)
    yield Case("xor %edx, %edx; mov $100, %rax; mov $7, %r9; div %r9", always_open)
    yield Case("xor %ecx, %ecx; div %ecx", always_open, faults=lambda _: True)
    yield Case("mov $-1, %ecx; mov $0x80000000, %eax; cltd; idiv %ecx", always_open, faults=lambda _: True)


def quotient_is_missing_narrowly(name: str, width: int) -> Callable[[CpuState], bool]:
    """Whether RAX's part, extended as its signedness asks, cannot be divided by R9's."""

    def missing(state: CpuState) -> bool:
        size = 1 << width
        by, low = state.register("r9") % size, state.register("rax") % size
        return by == 0 or (name == "idiv" and by == size - 1 and low == size // 2)

    return missing


def move_cases() -> Iterator[Case]:
    memory = cycle(MEMORY)
    for width in WIDTHS:
        left, right = registers(width)
        yield Case(f"mov {left}, {right}")
        yield Case(f"mov ${immediates(width)[0]}, {right}")
        for _ in range(len(MEMORY)):
            place, pins = next(memory)
            yield Case(f"mov {registers(width)[0]}, {place}", none, pins)
            yield Case(f"mov {place}, {registers(width)[0]}", none, pins)
            yield Case(f"mov{SUFFIX[width]} ${immediates(width)[1]}, {place}", none, pins)
    yield Case("movabs $0x123456789abcdef0, %rdi")
    yield Case("mov %rsp, %rax; mov %rax, %rsp")
    for name, source, width in product(("movz", "movs"), (8, 16), WIDTHS[1:]):
        if source < width:
            operation = f"{name}{SUFFIX[source]}{SUFFIX[width]}"
            sources = {8: ("%cl", "%r9b"), 16: ("%cx", "%r9w")}[source]
            target = {16: "%r8w", 32: "%ebx", 64: "%rdx"}[width]
            for given in sources:
                yield Case(f"{operation} {given}, {target}")
            place, pins = next(memory)
            yield Case(f"{operation} {place}, {target}", none, pins)
    yield Case("movzbl %ah, %ecx")
    yield Case("movsbl %dh, %eax")
    yield Case("movslq %ecx, %rdx")
    yield Case("movslq 0x10(%rsp), %rdx")
    for name in "cbtw cwtl cltq cwtd cltd cqto".split():
        yield Case(name)
    for place in ("8(%rsp)", "-1(%rax,%rbx,8)", "(,%rcx,4)", "0x7fffffff(%rdi)", "0(%rip)"):
        for target in ("%rdx", "%esi"):
            yield Case(f"lea {place}, {target}")
    yield Case("nop; nopw 0x10(%rax,%rax,1); xchg %ax, %ax")


def condition_cases() -> Iterator[Case]:
    memory = cycle(MEMORY)
    for condition in CONDITIONS:
        place, pins = next(memory)
        yield Case(f"set{condition} {registers(8)[0]}")
        yield Case(f"set{condition} {place}", none, pins)
        for width in WIDTHS[1:]:
            left, right = registers(width)
            yield Case(f"cmov{condition} {left}, {right}")
        place, pins = next(memory)
        yield Case(f"cmov{condition} {place}, {registers(32)[0]}", none, pins)
        yield Case(f"j{condition} 1f; hlt; 1: hlt")
        yield Case(f"cmp %rax, %rbx; j{condition} 1f; hlt; 1: hlt")
        yield Case(f"dec %rcx; set{condition} %al; shr $1, %rdx; set{condition} %bl", shift_undefined("shr", 64, 1))
    yield Case("jrcxz 1f; hlt; 1: hlt")
    yield Case("xor %ecx, %ecx; jrcxz 1f; hlt; 1: hlt", always(AF))
    yield Case("jmp 1f; hlt; 1: hlt")


def stack_cases() -> Iterator[Case]:
    yield from (Case(f"push {place}") for place in ("%rax", "%rsp", "%r12", "$-2", "$0x12345678", "%bx"))
    yield from (Case(f"pop {place}") for place in ("%rax", "%rsp", "%r12", "%bx"))
    yield from (Case(f"{name} {place}") for name in ("pushq", "popq") for place in ("0x10(%rsp)", "-8(%rsp)"))
    yield Case("pushq %gs:0x10; popq %gs:0x20")
    yield Case("pushq 8(%r11); popq 0x10(%r11)", none, {"r11": BUFFER})
    yield Case("pushfq")
    yield Case("popfq")
    yield Case("pushfq; popq %rax; pushq %rax; popfq")
    yield Case("add $-16, %rsp; movq %rcx, 3(%rsp); movl 5(%rsp), %edx; movb %al, 4(%rsp); pop %rdi; pop %rsi")
    yield Case("mov %rsp, %rbp; push %rax; leave", pins={})
    yield Case("leave", pins={"rbp": BUFFER})
    yield Case("call 1f; hlt; 1: pop %rax; hlt")
    yield Case("call 1f; hlt; 1: mov $1, %eax; ret")
    yield from (Case(name) for name in "lahf sahf cld std clc stc cmc".split())
    yield Case("std; cld; stc; adc %rax, %rbx; cmc; sbb %rcx, %rdx; lahf; sahf")


def string_cases() -> Iterator[Case]:
    for name, suffix, direction in product(("movs", "stos", "lods"), "bwlq", (0, 1)):
        pins = {"rsi": SOURCE, "rdi": BUFFER}
        yield Case(name + suffix, none, pins, frozenset(), direction)
        for repeats in (0, 1, 3) if name != "lods" else ():
            yield Case(f"rep {name}{suffix}", none, pins | {"rcx": repeats}, frozenset({"rcx"}), direction)


FAMILIES: dict[str, Callable[[], Iterator[Case]]] = {
    "arithmetic and logic": two_operand_cases, "one operand": one_operand_cases, "shifts and rotates": shift_cases,
    "bit tests and scans": bit_cases, "exchanges": exchange_cases, "multiplications": multiplication_cases,
    "double shifts": double_shift_cases, "divisions": division_cases, "moves and extensions": move_cases,
    "conditions and jumps": condition_cases, "stack, calls and flags": stack_cases, "strings": string_cases,
}  # fmt: skip


@cache
def families() -> dict[str, tuple[Case, ...]]:
    """All of them by family, each text once, in a fixed order."""
    seen: set[tuple[str, int, int | None]] = set()
    found: dict[str, tuple[Case, ...]] = {}
    for title, maker in FAMILIES.items():
        kept = {(case.text, case.direction, case.pins.get("rcx")): case for case in maker()}
        found[title] = tuple(case for key, case in kept.items() if key not in seen)
        seen |= kept.keys()
    return found


def cases() -> tuple[Case, ...]:
    """All of them in a fixed order."""
    return tuple(case for family in families().values() for case in family)


assert ARITHMETIC == CF | PF | AF | ZF | SF | OF

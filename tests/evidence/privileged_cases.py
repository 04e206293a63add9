# SPDX-License-Identifier: BSD-2-Clause
"""The instructions of verifier/isa that conformance runs execute, with what the manual says of each as a function.

Unlike the integer instructions, some of these Unicorn does not have, or executes differently from the manual. There
``manual`` stands in: the "Operation" section, written down a second time on ints, without a look at verifier/isa.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from instructions import Case
from unicorn_cpu import AF, BUFFER, CF, OF, PF, SF, ZF, CpuState, value_near

from verifier.isa.machine import FLAG_POSITIONS
from verifier.model import GPRS

MASK64 = (1 << 64) - 1
FSGSBASE, LA57, CET = 1 << 16, 1 << 12, 1 << 23
Values = tuple[Callable[[random.Random], int], ...]
Changes = Mapping[str, int]
"""New values of GPRs, flags and system registers; what is not in it stays."""


@dataclass(frozen=True, slots=True)
class SystemCase(Case):
    """Code with an instruction of verifier/isa, which ends in one HLT.

    ``registers`` and ``system`` give GPRs and system registers one of several kinds of values. ``opened`` are the
    bits of registers that may have any value afterwards. ``user``: a process may execute it, with this effect.
    ``deviates`` is, for a state, the name in deviations.py of what Unicorn does not do as the manual says, or
    ABSENT; there ``manual`` stands in: the changes by the manual, or None for an exception.
    """

    registers: Mapping[str, Values] = field(default_factory=dict)
    system: Mapping[str, Values] = field(default_factory=dict)
    opened: Callable[[CpuState], Mapping[str, int]] = lambda _: {}
    user: bool = False
    manual: Callable[[CpuState], Changes | None] = lambda _: {}

    @property
    def in_user_mode(self) -> bool:
        """Whether a process may execute it with the same effect as the kernel."""
        return self.user

    def observed(self, what: str, after: CpuState) -> int:
        """What the oracle has for an undefined value: a flag, a 32-bit register, or what is in the operand."""
        if what in FLAG_POSITIONS:
            return after.rflags >> FLAG_POSITIONS[what]
        if what in ("eax", "ebx", "ecx", "edx"):
            return after.register("r" + what[1:])
        assert what in ("ssp", "tsc-aux")
        name = self.text.rpartition("%")[2]
        return after.register(name.rstrip("d") if name[1:3].isdigit() else "r" + name[1:])

    def left_open(self, before: CpuState) -> dict[str, int]:
        """The bits that may have any value, by register and flag."""
        return {**Case.left_open(self, before), **self.opened(before)}


ABSENT = "absent"
"""Unicorn does not have the instruction, or what it acts on."""


def canonical(value: int, width: int = 48) -> bool:
    """Whether bits 63 to ``width - 1`` are equal (SDM vol. 1, 3.3.7.1)."""
    return value >> width - 1 in (0, MASK64 >> width - 1)


def canonical_here(state: CpuState, value: int) -> bool:
    """Whether an address is canonical with the CR4 of the state."""
    return canonical(value, 57 if state.named("cr4") & LA57 else 48)


def narrow(value: int) -> int:
    """The value, or if it is canonical for 57 bits only, one that is so for 48."""
    if canonical(value, 57) and not canonical(value):
        return value & MASK64 >> 17 if not value >> 63 else value | MASK64 << 47 & MASK64
    return value


def anything(source: random.Random) -> int:
    """Any 64 bits, corner values among them."""
    return value_near(source, source.getrandbits(64))


def boundary(source: random.Random) -> int:
    """Addresses around those at which canonical ones end, for 48 and for 57 bits."""
    edge = source.choice((47, 48, 56, 57))
    near = (1 << edge) + source.choice((-4096, -1, 0, 1, 4096))
    return (near if source.random() < 0.5 else -near) & MASK64


def proper(source: random.Random) -> int:
    """A canonical address."""
    return (source.getrandbits(47) - (source.getrandbits(1) << 47)) & MASK64


def one_of(*values: int) -> Values:
    """One of these values."""
    return tuple((lambda _, value=value: value) for value in values)


ANY, BASES, ADDRESSES = (anything,), (proper,), (proper, boundary, anything)


def always_says(name: str) -> Callable[[CpuState], str]:
    """The same in every state."""
    return lambda _: name


def cleared(register: str) -> Callable[[CpuState], Changes]:
    """The upper half of a register becomes 0."""
    return lambda state: {register: low(state.register(register))}


def low(value: int) -> int:
    """The lower 32 bits."""
    return value & 0xFFFFFFFF


def _swapgs_cases() -> Iterator[Case]:
    bases: dict[str, Values] = {"gs_base": BASES, "kernel_gs_base": BASES}
    yield SystemCase("swapgs", system=bases)
    yield SystemCase("swapgs; swapgs", system=bases)


def _flag_cases() -> Iterator[Case]:
    for name in ("cli", "sti", "clac", "stac"):
        yield SystemCase(name)


def _harmless_cases() -> Iterator[Case]:
    for text in ("lfence", "mfence", "sfence", "endbr64", "pause"):
        yield SystemCase(text, user=True)
    for text in ("prefetchnta 8(%rsp)", "prefetcht0 (%rax)", "prefetcht1 -1(%rbx,%rcx,8)", "prefetcht2 0(%rip)"):
        yield SystemCase(text, user=True)
    for text in ("prefetchw 8(%rsp)", "prefetchw (%r9)"):
        yield SystemCase(text, user=True)
    for text in ("verw %ax", "verw %r9w", "verw 8(%rsp)"):
        yield SystemCase(text, lambda _: ZF, user=True)


def _control_cases() -> Iterator[Case]:
    every = CF | PF | AF | ZF | SF | OF
    values: dict[str, Values] = {"cr2": ANY, "cr3": ANY, "cr8": one_of(*range(16))}
    values["cr4"] = one_of(0x20, 0x620, 0x20 | FSGSBASE, 0x20 | 1 << 20)

    def reads(name: str, target: str) -> Callable[[CpuState], Changes]:
        return lambda state: {target: state.named(name) & (MASK64 >> 1 if name == "cr3" else MASK64)}

    def deviates(name: str) -> Callable[[CpuState], str]:
        if name == "cr3":
            return lambda state: "cr3-bit-63" if state.named("cr3") >> 63 else ""
        return lambda _: "cr8-reads-0" if name == "cr8" else ""

    for name in ("cr0", "cr2", "cr3", "cr4", "cr8"):
        for target in ("rax", "r12"):
            yield SystemCase(
                f"mov %{name}, %{target}", lambda _: every, system=values, manual=reads(name, target),
                deviates=deviates(name),
            )  # fmt: skip
    for name in ("cr2", "cr3"):
        for origin in ("rax", "r9"):
            yield SystemCase(f"mov %{origin}, %{name}", lambda _: every, system=values)
    yield SystemCase(
        "mov %rax, %cr3; mov %cr3, %rbx", lambda _: every, system=values,
        deviates=lambda state: "cr3-bit-63" if state.register("rax") >> 63 else "",
        manual=lambda state: {"cr3": state.register("rax"), "rbx": state.register("rax") & MASK64 >> 1},
    )  # fmt: skip


MSRS = {
    0x48: "spec_ctrl", 0xC0000080: "efer", 0xC0000081: "star", 0xC0000082: "lstar", 0xC0000084: "sfmask",
    0xC0000100: "fs_base", 0xC0000101: "gs_base", 0xC0000102: "kernel_gs_base",
}  # fmt: skip
"""SDM vol. 4, table 2-2."""
_ADDRESS_MSRS = ("lstar", "fs_base", "gs_base", "kernel_gs_base")
_CR4: dict[str, Values] = {"cr4": one_of(0x20, 0x20 | LA57)}


def _msr_cases() -> Iterator[Case]:
    values: dict[str, Values] = {name: BASES if name in _ADDRESS_MSRS else ANY for name in MSRS.values()}
    values |= {"efer": one_of(0xD00, 0xD01, 0x500, 0x501), "sfmask": (lambda source: source.getrandbits(32),)}
    values["star"] = (lambda source: 0x23 << 48 | source.getrandbits(48),)
    for number, name in MSRS.items():
        absent = ABSENT if name == "spec_ctrl" else ""

        def read(state: CpuState, number: int = number, name: str = name) -> Changes:
            return {"rcx": number, "rax": low(state.named(name)), "rdx": state.named(name) >> 32}

        def written(state: CpuState) -> int:
            return low(state.register("rdx")) << 32 | low(state.register("rax"))

        def refused(state: CpuState, name: str = name) -> bool:
            return name in _ADDRESS_MSRS and not canonical_here(state, written(state))

        def write(state: CpuState, number: int = number, name: str = name) -> Changes | None:
            if name in _ADDRESS_MSRS and not canonical_here(state, written(state)):
                return None
            return {"rcx": number, name: written(state)}

        def deviates(state: CpuState, absent: str = absent, name: str = name) -> str:
            refused = name in _ADDRESS_MSRS and not canonical_here(state, written(state))
            return absent or ("wrmsr-canonical" if refused else "")

        select = f"mov ${number:#x}, %ecx"
        yield SystemCase(f"{select}; rdmsr", system=values, manual=read, deviates=always_says(absent))
        changed: dict[str, Values] = {"rdx": ADDRESSES, "rax": ADDRESSES}
        if name in _ADDRESS_MSRS:
            changed["rdx"] = (lambda source: proper(source) >> 32, lambda source: boundary(source) >> 32, anything)
        if name == "efer":
            changed = {"rdx": one_of(0), "rax": values["efer"]}
        if name == "sfmask":
            changed["rdx"] = one_of(0)
        yield SystemCase(
            f"{select}; wrmsr", registers=changed, system=values | _CR4,
            faults=refused, manual=write, deviates=deviates,
        )  # fmt: skip
    for number in (0x49, 0x10B):
        yield SystemCase(f"mov ${number:#x}, %ecx; wrmsr")


def _base_cases() -> Iterator[Case]:
    values: dict[str, Values] = {"fs_base": BASES, "gs_base": BASES}
    values["cr4"] = one_of(0x20, 0x20 | FSGSBASE, 0x20 | FSGSBASE, 0x20 | FSGSBASE | LA57)

    def disabled(state: CpuState) -> bool:
        return not state.named("cr4") & FSGSBASE

    for base in ("fs", "gs"):
        for register, wide in (("rax", True), ("r9", True), ("eax", False), ("r9d", False)):
            full = {"eax": "rax", "r9d": "r9"}.get(register, register)
            yield SystemCase(f"rd{base}base %{register}", system=values, faults=disabled, user=base == "gs")

            def refused(state: CpuState, full: str = full, wide: bool = wide) -> bool:
                return disabled(state) or (wide and not canonical_here(state, state.register(full)))

            def deviates(state: CpuState, full: str = full, wide: bool = wide) -> str:
                bad = wide and not canonical_here(state, state.register(full))
                return "wrbase-canonical" if bad and not disabled(state) else ""

            yield SystemCase(
                f"wr{base}base %{register}", registers={full: ADDRESSES}, system=values, faults=refused,
                deviates=deviates, manual=lambda _: None, user=base == "gs",
            )  # fmt: skip


def _selector_cases() -> Iterator[Case]:
    for register in ("eax", "r9d"):
        yield SystemCase(f"and $0xfff8, %{register}; mov %{register}, %ss", lambda _: AF)


def _reading_cases() -> Iterator[Case]:
    """CPUID and the like: every register that they write may have any lower half, and a cleared upper one."""

    def opened(*names: str) -> Callable[[CpuState], Mapping[str, int]]:
        return lambda _: dict.fromkeys(names, 0xFFFFFFFF)

    yield SystemCase("cpuid", opened=opened("rax", "rbx", "rcx", "rdx"), user=True)
    yield SystemCase("rdtsc", opened=opened("rax", "rdx"), user=True)
    yield SystemCase("rdtscp", opened=opened("rax", "rcx", "rdx"), user=True)
    for register in ("rax", "r12"):
        yield SystemCase(
            f"rdpid %{register}", opened=opened(register), user=True, deviates=lambda _: ABSENT,
            manual=cleared(register),
        )  # fmt: skip


def _shadow_stack_cases() -> Iterator[Case]:
    switches: dict[str, Values] = {"cr4": one_of(0x20, 0x20 | CET, 0x20 | CET), "s_cet": one_of(0, 1, 2, 3)}

    def on(state: CpuState, control: int = 1) -> bool:
        return bool(state.named("cr4") & CET and state.named("s_cet") & control)

    for text, register, wide in (
        ("rdsspq %rax", "rax", True), ("rdsspq %r12", "r12", True), ("rdsspd %eax", "rax", False),
        ("rdsspd %r12d", "r12", False),
    ):  # fmt: skip

        def opened(state: CpuState, register: str = register, wide: bool = wide) -> Mapping[str, int]:
            return {register: (MASK64 if wide else 0xFFFFFFFF) & ~3} if on(state) else {}

        def manual(state: CpuState, register: str = register, wide: bool = wide) -> Changes:
            value = state.register(register)
            return {register: (value if wide else low(value)) & ~3} if on(state) else {}

        yield SystemCase(
            text, system=switches, opened=opened, manual=manual, user=True,
            deviates=lambda state: ABSENT if on(state) else "",
        )  # fmt: skip

    def off(state: CpuState) -> bool:
        return not on(state)

    def nothing(state: CpuState) -> Changes | None:
        return {} if on(state) else None

    def token(state: CpuState) -> Changes | None:
        return dict.fromkeys(("zf", "pf", "af", "of", "sf"), 0) if on(state) else None

    for text in ("incsspq %rax", "incsspd %ebx", "setssbsy", "saveprevssp"):
        user = text != "setssbsy"
        yield SystemCase(text, system=switches, faults=off, manual=nothing, user=user, deviates=lambda _: ABSENT)
    for text in ("clrssbsy (%rax)", "rstorssp 8(%rsp)"):
        yield SystemCase(
            text, lambda state: CF if on(state) else 0, system=switches, faults=off, manual=token,
            user=text.startswith("rst"), deviates=lambda _: ABSENT,
        )  # fmt: skip
    for text in ("wrssq %rax, 8(%r11)", "wrssd %eax, (%rbx)"):
        yield SystemCase(
            text, pins={"r11": BUFFER}, system=switches, faults=lambda state: not on(state, 2), user=True,
            manual=lambda state: {} if on(state, 2) else None, deviates=lambda _: ABSENT,
        )  # fmt: skip


FAMILIES: dict[str, Callable[[], Iterator[Case]]] = {
    "SWAPGS": _swapgs_cases, "CLI, STI, CLAC, STAC": _flag_cases, "fences, hints, VERW": _harmless_cases,
    "MOV to and from control registers": _control_cases, "RDMSR, WRMSR": _msr_cases,
    "RDFSBASE to WRGSBASE": _base_cases, "MOV to SS": _selector_cases, "CPUID, RDTSC, RDTSCP, RDPID": _reading_cases,
    "shadow stacks": _shadow_stack_cases,
}  # fmt: skip


@cache
def privileged_families() -> dict[str, tuple[Case, ...]]:
    """All of them by family, in a fixed order."""
    return {title: tuple(maker()) for title, maker in FAMILIES.items()}


def privileged_cases() -> tuple[Case, ...]:
    """All of them, in a fixed order."""
    return tuple(case for family in privileged_families().values() for case in family)


assert all(name in GPRS for case in privileged_cases() if isinstance(case, SystemCase) for name in case.registers)

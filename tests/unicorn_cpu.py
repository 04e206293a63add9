# SPDX-License-Identifier: BSD-2-Clause
"""Single instructions on Unicorn from chosen states: one oracle of the conformance tests.

Independent of ``verifier.replay`` and of the evaluator. Every case is some
code that ends in HLT; a state is 16 registers, RFLAGS, windows of memory
around the addresses that the code uses and, for privileged instructions,
system registers.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import unicorn
from unicorn import x86_const

from verifier.model import GPRS, Image

WINDOW = 0x80
"""Bytes of memory on either side of an anchor."""

STACK, BUFFER, SOURCE, PERCPU = 0xFFFFC90000004800, 0xFFFF888012345800, 0x00007F5500002804, 0xFFFF88813BC00800
ANCHORS = (STACK, BUFFER, SOURCE, PERCPU)
USER_ANCHORS = (0x200000004800, 0x200012345800, 0x200055002804, 0x20013BC00800)
"""The same places where a process can have memory."""
ARITHMETIC = 0x8D5
"""CF, PF, AF, ZF, SF and OF."""
CF, PF, AF, ZF, SF, OF = 0x1, 0x4, 0x10, 0x40, 0x80, 0x800
FREE_FLAGS = ARITHMETIC | 0x200 | 0x3000 | 0x4000 | 0x40000 | 0x380000  # IF, IOPL, NT, AC, VIF, VIP, ID
_TF, _DF = 0x100, 0x400
_REGISTERS = tuple(getattr(x86_const, f"UC_X86_REG_{name.upper()}") for name in GPRS)
_READ = (*_REGISTERS, x86_const.UC_X86_REG_RFLAGS, x86_const.UC_X86_REG_RIP)
_INDEX = {name: index for index, name in enumerate(GPRS)}
_MASK64 = (1 << 64) - 1
_CONTROL = {
    "cr0": x86_const.UC_X86_REG_CR0, "cr2": x86_const.UC_X86_REG_CR2, "cr3": x86_const.UC_X86_REG_CR3,
    "cr4": x86_const.UC_X86_REG_CR4, "cr8": x86_const.UC_X86_REG_CR8, "ss": x86_const.UC_X86_REG_SS,
}  # fmt: skip
_MSRS = {
    "fs_base": 0xC0000100, "gs_base": 0xC0000101, "kernel_gs_base": 0xC0000102, "efer": 0xC0000080,
    "star": 0xC0000081, "lstar": 0xC0000082, "sfmask": 0xC0000084,
}  # fmt: skip
SYSTEM = (*_CONTROL, *_MSRS)
"""The system registers that Unicorn can be given (but for CR0) and asked for."""

_GDT = 0xFFFFFE0000000000
_FLAT_DATA = 0x00CF93000000FFFF  # present, writable, accessed, 4 GiB, DPL 0 (SDM vol. 3A, 3.4.5)

_POWERS = (0, 7, 8, 15, 16, 31, 32, 63)
_CORNERS = (
    *(value & _MASK64 for power in _POWERS for value in ((1 << power) - 1, 1 << power, -1 << power, ~(1 << power))),
    *(0x5555555555555555, 0xAAAAAAAAAAAAAAAA, 0x0101010101010101, 0x8080808080808080, 0x80000000FFFFFFFF),
)
COUNTS = (0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 63, 64, 65, 255)


@dataclass(frozen=True, slots=True)
class CpuState:
    """``windows`` are (anchor, the ``2 * WINDOW`` bytes around it).

    ``system`` has system registers by name; without GS.base in it, that is the last window's anchor.
    """

    registers: tuple[tuple[str, int], ...]
    rflags: int
    windows: tuple[tuple[int, bytes], ...]
    system: tuple[tuple[str, int], ...] = ()

    def register(self, name: str) -> int:
        """The 64-bit value of a GPR."""
        return self.registers[_INDEX[name]][1]

    def with_register(self, name: str, value: int) -> CpuState:
        """The same state but for one GPR."""
        return replace(self, registers=tuple((n, value if n == name else v) for n, v in self.registers))

    def load(self, address: int, size: int) -> int:
        """Little-endian memory within a window."""
        for anchor, content in self.windows:
            start = address - anchor + WINDOW
            if 0 <= start <= len(content) - size:
                return int.from_bytes(content[start : start + size], "little")
        raise AssertionError(f"{address:#x} is in no window of this state")

    def named(self, name: str) -> int:
        """A system register."""
        return next((value for key, value in self.system if key == name), self._percpu if name == "gs_base" else 0)

    @property
    def _percpu(self) -> int:
        return self.windows[-1][0]


class UnicornCpu:
    """CPL 0, 64-bit mode, linear addresses used as they are."""

    def __init__(self, image: Image, anchors: tuple[int, ...] = ANCHORS) -> None:
        self._image, self._anchors = image, anchors
        uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        uc.ctl_set_cpu_model(x86_const.UC_CPU_X86_SKYLAKE_CLIENT)
        uc.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)
        for section in image.sections:
            if section.size:
                uc.mem_map(section.address & -0x1000, (section.size + 0x1FFF) & -0x1000)
                uc.mem_write(section.address, section.data)
        for anchor in anchors:
            uc.mem_map((anchor & -0x1000) - 0x1000, 0x3000)
        uc.mem_map(_GDT, 0x10000)
        descriptors = (_FLAT_DATA | (selector & 3) << 45 for selector in range(0, 0x10000, 8))
        uc.mem_write(_GDT, b"".join(descriptor.to_bytes(8, "little") for descriptor in descriptors))
        uc.reg_write(x86_const.UC_X86_REG_GDTR, (0, _GDT, 0xFFFF, 0))
        uc.hook_add(unicorn.UC_HOOK_INTR, self._on_exception)
        self._uc, self._faulted = uc, False
        self._fresh = uc.context_save()

    def _on_exception(self, uc: Any, number: int, _: object) -> None:
        self._faulted = True
        uc.emu_stop()

    def default(self, name: str) -> int:
        """What Unicorn starts with in a system register."""
        self._uc.context_restore(self._fresh)
        return self._system(name)

    def _system(self, name: str) -> int:
        if name in _CONTROL:
            return int(self._uc.reg_read(_CONTROL[name]))
        return int(self._uc.msr_read(_MSRS[name]))

    def run(self, start: int, state: CpuState) -> tuple[int | None, CpuState]:
        """Execute from ``start`` to the first HLT: its address and the state before it.

        Where an exception is raised: None and the given state.
        """
        uc = self._uc
        # Unicorn makes an exception after an exception a double fault: begin with what it was when it was made.
        uc.context_restore(self._fresh)
        for name, value in state.system:
            if name in _MSRS:
                uc.msr_write(_MSRS[name], value)
            elif name in _CONTROL and name != "cr0":
                uc.reg_write(_CONTROL[name], value)
        values = (value for _, value in state.registers)
        uc.reg_write_batch([*zip(_REGISTERS, values, strict=True), (x86_const.UC_X86_REG_RFLAGS, state.rflags)])
        if not state.system:
            uc.reg_write(x86_const.UC_X86_REG_GS_BASE, state.named("gs_base"))
        for anchor, content in state.windows:
            uc.mem_write(anchor - WINDOW, content)
        self._faulted = False
        try:
            uc.emu_start(start, _MASK64)
        except unicorn.UcError as error:
            self._faulted = error.errno == unicorn.UC_ERR_INSN_INVALID  # #UD has a way of its own
            if not self._faulted:
                raise
        if self._faulted:
            return None, state
        *registers, rflags, after = uc.reg_read_batch(_READ)
        if self._image.code_at(after - 1, 1) != b"\xf4":
            raise AssertionError(f"the code at {start:#x} does not come to HLT")
        return after - 1, CpuState(
            tuple(zip(GPRS, registers, strict=True)),
            rflags,
            tuple((anchor, bytes(uc.mem_read(anchor - WINDOW, 2 * WINDOW))) for anchor, _ in state.windows),
            tuple((name, self._system(name) if name in SYSTEM else value) for name, value in state.system),
        )


def states(pins: dict[str, int], direction: int, count: int, seed: str) -> Iterator[CpuState]:
    """``count`` states, the same for the same arguments.

    ``pins`` are registers with a given value; RSP is STACK unless pinned. The
    other registers and the memory are corner values, shift counts, relatives
    of each other or uniformly random. The word at RSP has no TF, because POPFQ
    of it would trap.
    """
    source = random.Random(seed)  # noqa: S311 - reproducible, not secret
    for _ in range(count):
        previous = 0
        registers = {}
        for name in GPRS:
            previous = registers[name] = value_near(source, previous)
        if source.random() < 0.7:
            registers["rcx"] = registers["rcx"] & ~0xFF | source.choice(COUNTS)
        registers |= {"rsp": STACK} | pins
        windows = []
        for anchor in ANCHORS:
            words: list[int] = []
            for _ in range(2 * WINDOW // 8):
                previous = value_near(source, previous if words else registers["rax"])
                words.append(previous)
            if anchor == STACK:
                words[WINDOW // 8] &= ~_TF
            windows.append((anchor, b"".join(word.to_bytes(8, "little") for word in words)))
        flags = source.getrandbits(22) & FREE_FLAGS | 2 | (_DF if direction else 0)
        yield CpuState(tuple((name, registers[name]) for name in GPRS), flags, tuple(windows))


def value_near(source: random.Random, previous: int) -> int:
    """64 bits: a corner value, a relative of another value, a byte repeated, or anything."""
    match source.randrange(8):
        case 0 | 1:
            return source.choice(_CORNERS)
        case 2:
            return (previous + source.choice((-1, 0, 0, 1))) & _MASK64
        case 3:
            return source.choice((~previous, -previous)) & _MASK64
        case 4:
            return source.getrandbits(8) * source.choice((1, 0x101, 0x0101010101010101)) & _MASK64
        case _:
            return source.getrandbits(64)

# SPDX-License-Identifier: BSD-2-Clause
"""Single instructions on Unicorn from chosen states: the oracle of the conformance tests.

Independent of ``verifier.replay`` and of the evaluator. Every case is some
code that ends in HLT, which is not executed; a state is 16 registers, RFLAGS,
the GS base and windows of memory around the addresses that the code uses.
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
ARITHMETIC = 0x8D5
"""CF, PF, AF, ZF, SF and OF."""
CF, PF, AF, ZF, SF, OF = 0x1, 0x4, 0x10, 0x40, 0x80, 0x800
_FREE_FLAGS = ARITHMETIC | 0x200 | 0x3000 | 0x4000 | 0x40000 | 0x380000  # IF, IOPL, NT, AC, VIF, VIP, ID
_TF, _DF = 0x100, 0x400
_REGISTERS = tuple(getattr(x86_const, f"UC_X86_REG_{name.upper()}") for name in GPRS)
_MASK64 = (1 << 64) - 1

_POWERS = (0, 7, 8, 15, 16, 31, 32, 63)
_CORNERS = (
    *(value & _MASK64 for power in _POWERS for value in ((1 << power) - 1, 1 << power, -1 << power, ~(1 << power))),
    *(0x5555555555555555, 0xAAAAAAAAAAAAAAAA, 0x0101010101010101, 0x8080808080808080, 0x80000000FFFFFFFF),
)
_COUNTS = (0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 63, 64, 65, 255)


@dataclass(frozen=True, slots=True)
class CpuState:
    """``windows`` are (anchor, the ``2 * WINDOW`` bytes around it); ``gs_base`` is fixed at PERCPU."""

    registers: tuple[tuple[str, int], ...]
    rflags: int
    windows: tuple[tuple[int, bytes], ...]

    def register(self, name: str) -> int:
        """The 64-bit value of a GPR."""
        return self.registers[GPRS.index(name)][1]

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


class UnicornCpu:
    """CPL 0, 64-bit mode, linear addresses used as they are."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._uc = self._new()

    def _new(self) -> Any:
        uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        uc.ctl_set_cpu_model(x86_const.UC_CPU_X86_SKYLAKE_CLIENT)
        uc.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)
        for section in self._image.sections:
            if section.size:
                uc.mem_map(section.address & -0x1000, (section.size + 0x1FFF) & -0x1000)
                uc.mem_write(section.address, section.data)
        for anchor in ANCHORS:
            uc.mem_map((anchor & -0x1000) - 0x1000, 0x3000)
        return uc

    def run(self, start: int, state: CpuState) -> tuple[int | None, CpuState]:
        """Execute from ``start`` to the first HLT: its address and the state before it.

        Where an exception is raised: None and the given state. Unicorn makes a
        second one a double fault, so the next run is on a new one.
        """
        try:
            return self._run(start, state)
        except unicorn.UcError as error:
            if error.errno != unicorn.UC_ERR_EXCEPTION:
                raise
            self._uc = self._new()
            return None, state

    def _run(self, start: int, state: CpuState) -> tuple[int, CpuState]:
        uc = self._uc
        for number, (_, value) in zip(_REGISTERS, state.registers, strict=True):
            uc.reg_write(number, value)
        uc.reg_write(x86_const.UC_X86_REG_RFLAGS, state.rflags)
        uc.reg_write(x86_const.UC_X86_REG_GS_BASE, PERCPU)
        for anchor, content in state.windows:
            uc.mem_write(anchor - WINDOW, content)
        at = start
        for _ in range(64):
            if self._image.code_at(at, 1) == b"\xf4":
                break
            uc.emu_start(at, _MASK64, count=1)
            at = uc.reg_read(x86_const.UC_X86_REG_RIP)
        else:
            raise AssertionError(f"the code at {start:#x} does not come to HLT")
        return at, CpuState(
            tuple((name, uc.reg_read(number)) for name, number in zip(GPRS, _REGISTERS, strict=True)),
            uc.reg_read(x86_const.UC_X86_REG_RFLAGS),
            tuple((anchor, bytes(uc.mem_read(anchor - WINDOW, 2 * WINDOW))) for anchor, _ in state.windows),
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
            previous = registers[name] = _value(source, previous)
        if source.random() < 0.7:
            registers["rcx"] = registers["rcx"] & ~0xFF | source.choice(_COUNTS)
        registers |= {"rsp": STACK} | pins
        windows = []
        for anchor in ANCHORS:
            words: list[int] = []
            for _ in range(2 * WINDOW // 8):
                previous = _value(source, previous if words else registers["rax"])
                words.append(previous)
            if anchor == STACK:
                words[WINDOW // 8] &= ~_TF
            windows.append((anchor, b"".join(word.to_bytes(8, "little") for word in words)))
        flags = source.getrandbits(22) & _FREE_FLAGS | 2 | (_DF if direction else 0)
        yield CpuState(tuple((name, registers[name]) for name in GPRS), flags, tuple(windows))


def _value(source: random.Random, previous: int) -> int:
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

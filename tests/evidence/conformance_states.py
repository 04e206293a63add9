# SPDX-License-Identifier: BSD-2-Clause
"""Concrete states for the conformance run: random, with the values that go wrong mixed in."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from instructions import Case
from privileged_cases import FSGSBASE, SystemCase, narrow
from unicorn_cpu import (
    ANCHORS,
    ARITHMETIC,
    COUNTS,
    FREE_FLAGS,
    STACK,
    USER_ANCHORS,
    WINDOW,
    CpuState,
    value_near,
)

from verifier.model import GPRS

USER_FLAGS = ARITHMETIC | 0x200000  # ID
DF, IF, TF = 0x400, 0x200, 0x100


def states(
    case: Case, count: int, source: random.Random, defaults: Mapping[str, int] | None = None
) -> Iterator[CpuState]:
    """``count`` states for a case.

    ``defaults`` are the system registers that the code may run with; without them the states are such as a
    process can be in, which has other addresses.
    """
    user = defaults is None
    anchors = USER_ANCHORS if user else ANCHORS
    pins = {"rsp": STACK} | case.pins
    pins = {name: moved(value) if user else value for name, value in pins.items()}
    for _ in range(count):
        registers = _registers(source, case)
        system: dict[str, int] = {}
        if isinstance(case, SystemCase):
            registers |= {name: source.choice(values)(source) for name, values in case.registers.items()}
            system = dict(defaults) if defaults is not None else {"cr4": FSGSBASE, "s_cet": 0, "gs_base": anchors[-1]}
            system |= {name: source.choice(values)(source) for name, values in case.system.items() if not user}
            if user:
                registers = {name: narrow(value) for name, value in registers.items()}
        registers |= pins
        windows = tuple((anchor, _window(source, registers["rax"], anchor == anchors[0])) for anchor in anchors)
        flags = 2 | (DF if case.direction else 0)
        flags |= source.getrandbits(22) & USER_FLAGS | IF if user else source.getrandbits(22) & FREE_FLAGS
        yield CpuState(tuple((name, registers[name]) for name in GPRS), flags, windows, tuple(system.items()))


def moved(value: int) -> int:
    """The address in user space for one in or near a window; other values stay."""
    for kernel, user in zip(ANCHORS, USER_ANCHORS, strict=True):
        if abs(value - kernel) < WINDOW:
            return value - kernel + user
    return value


def _registers(source: random.Random, case: Case) -> dict[str, int]:
    registers, previous = {}, 0
    equal = source.random() < 0.1
    for name in GPRS:
        if not equal or not previous:
            previous = value_near(source, previous)
        registers[name] = previous
    if source.random() < 0.7:
        registers["rcx"] = registers["rcx"] & ~0xFF | source.choice(COUNTS)
    if "div" in case.text and source.random() < 0.6:
        # A dividend as it is after an extension, so that about half of the quotients exist.
        registers["rdx"] = source.choice((0, -(registers["rax"] >> 63) % 2**64, -(registers["rax"] >> 31 & 1) % 2**64))
        if source.random() < 0.3:
            registers["rax"] &= ~0xFF00
    return registers


def _window(source: random.Random, previous: int, stack: bool) -> bytes:
    """Random bytes with special words in the middle, where most operands lie."""
    content = bytearray(source.randbytes(2 * WINDOW))
    for start in range(WINDOW - 0x20, WINDOW + 0x28, 8):
        previous = value_near(source, previous)
        content[start : start + 8] = previous.to_bytes(8, "little")
    if stack:
        content[WINDOW + 1] &= ~(TF >> 8)  # POPFQ of it would trap
    return bytes(content)

# SPDX-License-Identifier: BSD-2-Clause
"""The outcomes of the exit instructions (verifier/isa) on ints, compared with Unicorn's execution of them.

Where Unicorn is known not to do what the manual says (deviations.py), what is left of the comparison is still made,
and what is not is compared with the manual, written down here once more.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import unicorn
from unicorn import x86_const
from unicorn_cpu import value_near

from verifier.isa.iret import iretq
from verifier.isa.sysexit import sysexit
from verifier.isa.sysret import sysretl, sysretq
from verifier.outcomes import Outcome

CODE, FRAME, GDT = 0x10000000, 0x20000000, 0xFFFFFE0000000000
EXITS = {
    "sysretq": "480f07", "sysretl": "0f07", "sysexitq": "480f35", "sysexitl": "0f35", "iretq": "48cf",
}  # fmt: skip
MASK64, LOW = (1 << 64) - 1, (1 << 32) - 1
_CODE64, _DATA = 0x00AFFB000000FFFF, 0x00CFF3000000FFFF  # flat, DPL 3 (SDM vol. 3A, 3.4.5)
_USER = ("rip", "rflags", "cs", "ss", "rsp")
_NUMBERS = tuple(getattr(x86_const, f"UC_X86_REG_{name.upper()}") for name in _USER)
_NOT_COMPARED = {"sysretq": 0x1B0000, "sysretl": 0x1B0000, "iretq": 0x180000}
"""RF, VM, VIF and VIP, which Unicorn treats otherwise (sysret-rf-vm, iretq-vif-vip)."""


@dataclass(frozen=True, slots=True)
class Before:
    """What an exit reads; ``frame`` are the five words at RSP, ``rflags`` is the current register."""

    rcx: int
    rdx: int
    r11: int
    rsp: int
    rflags: int
    star: int
    sysenter_cs: int
    frame: tuple[int, int, int, int, int]


class ExitCpu:
    """Unicorn at CPL 0; even descriptors of the GDT are user code, odd ones user data."""

    def __init__(self) -> None:
        uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        uc.ctl_set_cpu_model(x86_const.UC_CPU_X86_SKYLAKE_CLIENT)
        uc.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)
        for base in (CODE, FRAME, GDT):
            uc.mem_map(base, 0x10000)
        for index, code in enumerate(EXITS.values()):
            uc.mem_write(CODE + 16 * index, bytes.fromhex(code))
        uc.mem_write(GDT, (_CODE64.to_bytes(8, "little") + _DATA.to_bytes(8, "little")) * 0x1000)
        uc.reg_write(x86_const.UC_X86_REG_GDTR, (0, GDT, 0xFFFF, 0))
        uc.hook_add(unicorn.UC_HOOK_INTR, lambda uc, *_: uc.emu_stop())  # a TF that was loaded traps
        self._uc, self._fresh = uc, uc.context_save()

    def run(self, kind: str, before: Before) -> dict[str, int]:
        """The user state behind an exit instruction."""
        uc = self._uc
        uc.context_restore(self._fresh)
        for number, value in ((0xC0000080, 0xD01), (0xC0000081, before.star), (0x174, before.sysenter_cs)):
            uc.msr_write(number, value)
        uc.mem_write(FRAME, b"".join(word.to_bytes(8, "little") for word in before.frame))
        for name in ("rcx", "rdx", "r11", "rsp", "rflags"):
            uc.reg_write(getattr(x86_const, f"UC_X86_REG_{name.upper()}"), getattr(before, name))
        if kind == "iretq":
            uc.reg_write(x86_const.UC_X86_REG_RSP, FRAME)
        try:
            uc.emu_start(CODE + 16 * list(EXITS).index(kind), MASK64, count=1)
        except unicorn.UcError as error:
            if error.errno != unicorn.UC_ERR_FETCH_UNMAPPED:  # there is no user memory
                raise
        return dict(zip(_USER, uc.reg_read_batch(_NUMBERS), strict=True))


def random_state(source: random.Random) -> Before:
    """Boundary and other special addresses, every flag, any selectors."""

    def address() -> int:
        edge = (1 << source.choice((31, 32, 47, 48, 56, 57))) + source.choice((-4096, -1, 0, 1))
        usual = source.getrandbits(47)
        return source.choice((usual, usual, value_near(source, usual), edge, -edge, -usual)) & MASK64

    def word(low: int) -> int:
        return source.getrandbits(48) << 16 | low

    code, data = source.randrange(2, 0x1000, 2) << 3 | 3, source.randrange(1, 0x1000, 2) << 3 | 3
    return Before(
        rcx=address(), rdx=address(), r11=value_near(source, source.getrandbits(64)), rsp=address(),
        rflags=source.getrandbits(22) & 0x3C4ED5 & ~0x4000 | 2, star=source.getrandbits(64),
        sysenter_cs=source.getrandbits(16) | 4,
        frame=(address(), word(code), value_near(source, source.getrandbits(64)), address(), word(data)),
    )  # fmt: skip


def outcome(kind: str, before: Before) -> Outcome:
    """The outcome by verifier/isa, on Intel with 48-bit addresses."""
    gprs = {"rcx": before.rcx, "rdx": before.rdx, "r11": before.r11, "rsp": before.rsp}
    match kind:
        case "sysretq":
            return sysretq(gprs, before.star, False, False)
        case "sysretl":
            return sysretl(gprs, before.star, False)
        case "iretq":
            return iretq(dict(zip(("rip", "cs", "rflags", "rsp", "ss"), before.frame, strict=True)), False)
        case _:
            return sysexit(gprs, before.rflags, before.sysenter_cs, kind == "sysexitq", False, False)


def checked(kind: str, before: Before) -> tuple[int, ...]:
    """The addresses of which an exit checks that they are canonical."""
    return {
        "sysretq": (before.rcx,), "sysexitq": (before.rcx, before.rdx), "iretq": before.frame[:1],
    }.get(kind, ())  # fmt: skip


def disagreement(kind: str, before: Before, after: dict[str, int]) -> str:
    """Where the outcome and Unicorn, or the outcome and the manual, disagree; "" where they do not."""
    ours = outcome(kind, before)
    if ours.fault != any(address >> 47 not in (0, MASK64 >> 47) for address in checked(kind, before)):
        return "whether it faults"
    if ours.fault:
        return ""
    loaded = {"iretq": before.frame[2]}.get(kind, before.r11)
    expected = {name: getattr(ours, name) for name in _USER}
    if kind in _NOT_COMPARED:
        left, kept = _NOT_COMPARED[kind], 0x180000  # by the manual VIF and VIP are loaded; SYSRET clears RF and VM
        if expected["rflags"] & left != loaded & left & kept:
            return f"rflags {expected['rflags']:#x}"
        after = after | {"rflags": after["rflags"] & ~left | loaded & left & kept}
    if kind == "sysexitl":
        after = after | {"rip": after["rip"] & LOW, "rsp": after["rsp"] & LOW}
    wrong = (f"{name} {expected[name]:#x} and not {after[name]:#x}" for name in _USER if expected[name] != after[name])
    return ", ".join(wrong)

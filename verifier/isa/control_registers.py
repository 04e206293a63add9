# SPDX-License-Identifier: BSD-2-Clause
"""MOV to and from CR0, CR2, CR3, CR4 and CR8; always 64 bits wide in 64-bit mode.

SDM vol. 2B, MOV—Move to/from Control Registers: the REX.W prefix and mod are
ignored; OF SF ZF AF PF CF are undefined afterwards. Bit 63 of the source of
MOV to CR3 asks for no TLB flush and reads back as 0. ``cr3`` keeps the value as
it was written, bit 63 included, because the ``cr3`` clause compares what was
loaded; a read clears the bit. Writes to CR0, CR4 and CR8 change how the rest of
the path works and are not modelled.
"""

from __future__ import annotations

from verifier.isa.encoding import Encoding
from verifier.isa.machine import Instruction, Machine, NotModelled
from verifier.terms import mask

_NAMES = {0: "cr0", 2: "cr2", 3: "cr3", 4: "cr4", 8: "cr8"}
_UNDEFINED = ("of", "sf", "zf", "af", "pf", "cf")


def _name(register: int) -> str:
    if register not in _NAMES:
        raise NotModelled(f"control register {register} does not exist")
    return _NAMES[register]


def _undefine(machine: Machine) -> None:
    for flag in _UNDEFINED:
        machine.put(flag, machine.fresh(flag, 1))


def _read(machine: Machine, encoding: Encoding) -> None:
    _, control, general = encoding.modrm(2)
    value = machine.get(_name(control))
    machine.set_gpr(general, value & (mask(63) if control == 3 else mask(64)))
    _undefine(machine)


def _write(machine: Machine, encoding: Encoding) -> None:
    _, control, general = encoding.modrm(2)
    if control not in (2, 3):
        raise NotModelled(f"a write to {_name(control).upper()} changes how the rest of the path works")
    if control == 3:
        machine.assume("cr3-valid")  # reserved bits raise #GP(0), and which are depends on the CPU
    machine.put(_name(control), machine.gpr(general))
    _undefine(machine)


_MANUAL = "SDM vol. 2B, MOV—Move to/from Control Registers"
MOV_FROM_CR = Instruction("mov-from-cr", "step", _MANUAL, lambda e: e.starts(0x0F, 0x20) and not e.has(0xF0), 3, _read)
MOV_TO_CR = Instruction("mov-to-cr", "step", _MANUAL, lambda e: e.starts(0x0F, 0x22) and not e.has(0xF0), 3, _write)

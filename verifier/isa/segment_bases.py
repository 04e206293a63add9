# SPDX-License-Identifier: BSD-2-Clause
"""RDFSBASE, RDGSBASE, WRFSBASE and WRGSBASE, 32 and 64 bits.

SDM vol. 2B, RDFSBASE/RDGSBASE and vol. 2C, WRFSBASE/WRGSBASE: F3 (REX.W) 0F AE
/0../3 with a register operand; #UD if CR4.FSGSBASE (bit 16) is clear; the
32-bit forms zero-extend; the write raises #GP(0) for a non-canonical source.
"""

from __future__ import annotations

from verifier.isa.encoding import Encoding
from verifier.isa.machine import Instruction, Machine
from verifier.isa.msr import canonical_here
from verifier.terms import bit, bits, eq, lnot, zext

_BASES = ("fs_base", "gs_base")


def _matches(encoding: Encoding, wanted: tuple[int, int]) -> bool:
    if not encoding.has(0xF3) or not encoding.starts(0x0F, 0xAE) or len(encoding.opcode) < 3:
        return False
    byte = encoding.opcode[2]
    return byte >> 6 == 3 and (byte >> 3 & 7) in wanted


def _enabled(machine: Machine) -> None:
    disabled = eq(bit(machine.get("cr4"), 16), 0)
    machine.trap_if(disabled, "#UD: CR4.FSGSBASE is clear")


def _read(machine: Machine, encoding: Encoding) -> None:
    _enabled(machine)
    _, reg, general = encoding.modrm(2)
    value = machine.get(_BASES[reg & 1])
    machine.set_gpr(general, value if encoding.rex_w else zext(bits(value, 31, 0), 32, 64))


def _write(machine: Machine, encoding: Encoding) -> None:
    _enabled(machine)
    _, reg, general = encoding.modrm(2)
    value = machine.gpr(general)
    if encoding.rex_w:
        machine.trap_if(lnot(canonical_here(machine, value)), "#GP(0): non-canonical segment base")
    else:
        value = zext(bits(value, 31, 0), 32, 64)
    machine.put(_BASES[reg & 1], value)


READ_BASE = Instruction(
    "rdfs/gsbase", "step", "SDM vol. 2B, RDFSBASE/RDGSBASE", lambda e: _matches(e, (0, 1)), 3, _read
)
WRITE_BASE = Instruction(
    "wrfs/gsbase", "step", "SDM vol. 2C, WRFSBASE/WRGSBASE", lambda e: _matches(e, (2, 3)), 3, _write
)

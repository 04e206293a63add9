# SPDX-License-Identifier: BSD-2-Clause
"""MOV to SS from a register at CPL 0.

SDM vol. 2B, MOV: in 64-bit mode at CPL 0 a null selector may be loaded into
SS; then the hidden part is marked null. APM vol. 3, SYSRET: AMD's SYSRET sets
the selector only, so that a null hidden part survives into user mode. Any
other selector is taken to name a flat data descriptor of the kernel's GDT.
"""

from __future__ import annotations

from verifier.isa.encoding import Encoding
from verifier.isa.machine import Instruction, Machine
from verifier.terms import bits, eq, ite


def _step(machine: Machine, encoding: Encoding) -> None:
    _, _, general = encoding.modrm(1)
    selector = bits(machine.gpr(general), 15, 0)
    machine.assume("ss-selector-flat")
    machine.put("ss", selector)
    machine.put("ss_flat", ite(eq(bits(selector, 15, 2), 0), 0, 1, 1))


def _matches(encoding: Encoding) -> bool:
    return encoding.starts(0x8E) and len(encoding.opcode) > 1 and encoding.opcode[1] & 0xF8 == 0xD0


MOV_TO_SS = Instruction("mov-to-ss", "step", "SDM vol. 2B, MOV; vol. 3A, 5.4.1", _matches, 2, _step)

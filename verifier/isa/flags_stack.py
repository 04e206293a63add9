# SPDX-License-Identifier: BSD-2-Clause
"""PUSHFQ and POPFQ at CPL 0 in 64-bit mode.

SDM vol. 2B, PUSHF/PUSHFQ: the image has RF and VM cleared. SDM vol. 2B,
POPF/POPFQ, table of effects, 64-bit operand at CPL 0: CF PF AF ZF SF TF IF DF
OF IOPL NT AC ID are loaded; RF is cleared; VM, VIF and VIP are unaffected. The
16-bit forms (66 prefix) are not modelled.
"""

from __future__ import annotations

from verifier.isa.encoding import Encoding
from verifier.isa.machine import FLAG_POSITIONS, SYSTEM_REGISTERS, Instruction, Machine, rflags
from verifier.terms import add, bits, mask

RSP = 4
_PUSHED = mask(64) & ~(1 << FLAG_POSITIONS["rf"] | 1 << FLAG_POSITIONS["vm"])
_LOADED = tuple(name for name in FLAG_POSITIONS if name not in ("rf", "vm", "vif", "vip"))


def _pushfq(machine: Machine, encoding: Encoding) -> None:
    top = add(machine.gpr(RSP), mask(64) - 7, 64)
    machine.store(top, rflags(machine) & _PUSHED, 8)
    machine.set_gpr(RSP, top)


def _popfq(machine: Machine, encoding: Encoding) -> None:
    image = machine.load(machine.gpr(RSP), 8)
    machine.set_gpr(RSP, add(machine.gpr(RSP), 8, 64))
    for name in _LOADED:
        low = FLAG_POSITIONS[name]
        machine.put(name, bits(image, low + SYSTEM_REGISTERS[name] - 1, low))
    machine.put("rf", 0)


PUSHFQ = Instruction(
    "pushfq", "step", "SDM vol. 2B, PUSHF/PUSHFD/PUSHFQ",
    lambda e: e.starts(0x9C) and not e.has(0x66), 1, _pushfq,
)  # fmt: skip
POPFQ = Instruction(
    "popfq", "step", "SDM vol. 2B, POPF/POPFD/POPFQ",
    lambda e: e.starts(0x9D) and not e.has(0x66), 1, _popfq,
)  # fmt: skip

# SPDX-License-Identifier: BSD-2-Clause
"""VERW r/m16: sets ZF by the selector's accessibility; on affected CPUs it also clears buffers.

SDM vol. 2C, VERR/VERW: only ZF changes. The GDT is not modelled, so ZF is
arbitrary afterwards. The memory operand is read.
"""

from __future__ import annotations

from verifier.isa.encoding import Encoding
from verifier.isa.machine import Instruction, Machine


def _step(machine: Machine, encoding: Encoding) -> None:
    machine.operand(2)
    machine.put("zf", machine.fresh("zf", 1))


def _matches(encoding: Encoding) -> bool:
    return encoding.starts(0x0F, 0x00) and len(encoding.opcode) > 2 and (encoding.opcode[2] >> 3 & 7) == 5


VERW = Instruction("verw", "step", "SDM vol. 2C, VERR/VERW", _matches, None, _step)

# SPDX-License-Identifier: BSD-2-Clause
"""Instructions at which a path ends because control goes to an exception handler or stops.

SDM vol. 2B, UD (UD0, UD1, UD2 raise #UD) and vol. 2A, INT3 (#BP) and HLT. HLT
resumes after an NMI; that it does not is an assumption which the report lists.
UD1 has a ModRM byte, whose operand is not accessed; disassemblers differ in that.
"""

from __future__ import annotations

from verifier.isa.machine import Instruction

UD1 = Instruction("ud1", "trap", "SDM vol. 2B, UD", lambda e: e.starts(0x0F, 0xB9), 2, operand=True)
UD2 = Instruction("ud2", "trap", "SDM vol. 2B, UD", lambda e: e.starts(0x0F, 0x0B), 2)
INT3 = Instruction("int3", "trap", "SDM vol. 2A, INT n/INTO/INT3/INT1", lambda e: e.starts(0xCC), 1)
HLT = Instruction("hlt", "trap", "SDM vol. 2A, HLT", lambda e: e.starts(0xF4), 1)

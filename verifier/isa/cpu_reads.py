# SPDX-License-Identifier: BSD-2-Clause
"""CPUID, RDTSC, RDTSCP and RDPID: registers get what the model does not have, so anything.

SDM vol. 2A, CPUID: EAX, EBX, ECX and EDX. SDM vol. 2B, RDTSC: EDX:EAX; RDTSCP:
also IA32_TSC_AUX[31:0] in ECX; RDPID: IA32_TSC_AUX[31:0] in a 64-bit register.
Each clears the upper half of what it writes. No flag changes. At CPL 0 CR4.TSD
does not matter; RDTSCP and RDPID raise #UD on a CPU without them.
"""

from __future__ import annotations

from verifier.isa.encoding import Encoding
from verifier.isa.machine import Instruction, Machine
from verifier.terms import zext

RAX, RCX, RDX, RBX = 0, 1, 2, 3


def _any(machine: Machine, general: int, what: str) -> None:
    machine.set_gpr(general, zext(machine.fresh(what, 32), 32, 64))


def _cpuid(machine: Machine, encoding: Encoding) -> None:
    for general, name in ((RAX, "eax"), (RBX, "ebx"), (RCX, "ecx"), (RDX, "edx")):
        _any(machine, general, name)


def _rdtsc(machine: Machine, encoding: Encoding) -> None:
    _any(machine, RAX, "eax")
    _any(machine, RDX, "edx")


def _rdtscp(machine: Machine, encoding: Encoding) -> None:
    machine.may_fault("RDTSCP raises #UD on a CPU without it")
    _rdtsc(machine, encoding)
    _any(machine, RCX, "ecx")


def _rdpid(machine: Machine, encoding: Encoding) -> None:
    machine.may_fault("RDPID raises #UD on a CPU without it")
    _any(machine, encoding.modrm(2)[2], "tsc-aux")


def _is_rdpid(encoding: Encoding) -> bool:
    if not encoding.has(0xF3) or not encoding.starts(0x0F, 0xC7) or len(encoding.opcode) < 3:
        return False
    return encoding.opcode[2] & 0xF8 == 0xF8


CPUID = Instruction("cpuid", "step", "SDM vol. 2A, CPUID", lambda e: e.starts(0x0F, 0xA2), 2, _cpuid)
RDTSC = Instruction("rdtsc", "step", "SDM vol. 2B, RDTSC", lambda e: e.starts(0x0F, 0x31), 2, _rdtsc)
RDTSCP = Instruction("rdtscp", "step", "SDM vol. 2B, RDTSCP", lambda e: e.starts(0x0F, 0x01, 0xF9), 3, _rdtscp)
RDPID = Instruction("rdpid", "step", "SDM vol. 2B, RDPID", _is_rdpid, 3, _rdpid)

INSTRUCTIONS = (CPUID, RDTSC, RDTSCP, RDPID)
"""All of them: no emulator has the machine's own answers."""

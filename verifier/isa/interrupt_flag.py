# SPDX-License-Identifier: BSD-2-Clause
"""CLI and STI at CPL 0.

SDM vol. 2A, CLI and vol. 2B, STI: they write IF and nothing else. After an STI
that changes IF from 0 to 1, maskable interrupts stay inhibited until the next
instruction has completed (the STI shadow); an STI with IF already 1 gives none.
"""

from __future__ import annotations

from verifier.isa.encoding import Encoding
from verifier.isa.machine import Instruction, Machine
from verifier.terms import eq


def _cli(machine: Machine, encoding: Encoding) -> None:
    machine.put("if", 0)


def _sti(machine: Machine, encoding: Encoding) -> None:
    machine.shadow(eq(machine.get("if"), 0))
    machine.put("if", 1)


CLI = Instruction("cli", "step", "SDM vol. 2A, CLI", lambda e: e.starts(0xFA), 1, _cli)
STI = Instruction("sti", "step", "SDM vol. 2B, STI", lambda e: e.starts(0xFB), 1, _sti)

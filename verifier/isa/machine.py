# SPDX-License-Identifier: BSD-2-Clause
"""What a privileged instruction sees of the machine, and how one is described.

The step functions are written against ``Machine``. The lifter's symbolic state
implements it with claripy terms; tests implement it with Python ints and
compare each step with an emulator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from verifier.isa.encoding import Encoding
from verifier.records import record
from verifier.terms import Term, Truth

SYSTEM_REGISTERS: dict[str, int] = {
    "cf": 1, "pf": 1, "af": 1, "zf": 1, "sf": 1, "of": 1,
    "tf": 1, "if": 1, "df": 1, "iopl": 2, "nt": 1, "rf": 1, "vm": 1, "ac": 1, "vif": 1, "vip": 1, "id": 1,
    "gs_base": 64, "kernel_gs_base": 64, "fs_base": 64,
    "cr0": 64, "cr2": 64, "cr3": 64, "cr4": 64, "cr8": 64,
    "efer": 64, "star": 64, "lstar": 64, "sfmask": 64, "spec_ctrl": 64, "s_cet": 64,
    "ss": 16, "ss_flat": 1,
}  # fmt: skip
"""Name and width in bits of everything outside the GPRs and RIP that the model tracks.

``ss_flat`` is the hidden part of SS: 1 when it holds a non-null descriptor
with flat attributes.
"""

FLAG_POSITIONS: dict[str, int] = {
    "cf": 0, "pf": 2, "af": 4, "zf": 6, "sf": 7, "tf": 8, "if": 9, "df": 10, "of": 11, "iopl": 12,
    "nt": 14, "rf": 16, "vm": 17, "ac": 18, "vif": 19, "vip": 20, "id": 21,
}  # fmt: skip
"""Lowest bit of each flag in RFLAGS (SDM vol. 1, 3.4.3)."""


class NotModelled(Exception):
    """The instruction, in this form or with these operands, has no model: the verdict is inconclusive."""


class Machine(Protocol):
    """State as an instruction sees it. Registers are 64-bit terms, flags 1-bit ones."""

    def gpr(self, index: int) -> Term:
        """The 64-bit GPR with that encoding number (0 = RAX … 15 = R15)."""

    def set_gpr(self, index: int, value: Term) -> None:
        """Write a whole 64-bit GPR."""

    def get(self, name: str) -> Term:
        """A system register or flag of SYSTEM_REGISTERS."""

    def put(self, name: str, value: Term) -> None:
        """Write a system register or flag."""

    def load(self, address: Term, size: int) -> Term:
        """Read ``size`` bytes; the result is ``8 * size`` bits wide."""

    def store(self, address: Term, value: Term, size: int) -> None:
        """Write ``size`` bytes."""

    def operand(self, size: int) -> Term:
        """The memory or register operand that the ModRM byte names, ``8 * size`` bits wide."""

    def fresh(self, what: str, width: int) -> Term:
        """An arbitrary value: the manual leaves it undefined."""

    def trap_if(self, condition: Truth, text: str) -> None:
        """The instruction faults or traps at CPL0 where the condition holds; execution ends there."""

    def may_fault(self, text: str) -> None:
        """The instruction can fault for values that the model does not tell apart.

        Raises NotModelled where that would matter: while RSP is the user's.
        """

    def assume(self, identifier: str) -> None:
        """The instruction's model rests on the assumption of that id."""

    def shadow(self, condition: Truth) -> None:
        """Where the condition holds, no interrupt is taken at the boundary after this instruction."""


Kind = Literal["step", "exit", "trap"]


@record
class Instruction:
    """One privileged, exit or trap instruction.

    ``opcode_bytes`` is the length from the opcode to the end, or None where a
    ModRM memory operand makes it vary. With ``operand`` a ModRM operand that
    nobody looks at follows. ``step`` is None for exits and traps: the path ends
    before them.
    """

    mnemonic: str
    kind: Kind
    manual: str
    matches: Callable[[Encoding], bool]
    opcode_bytes: int | None
    step: Callable[[Machine, Encoding], None] | None = None
    operand: bool = False

    def size(self, encoding: Encoding) -> int | None:
        """Length in bytes with the prefixes, or None where it takes a disassembler to know.

        It may be more than the bytes that there are.
        """
        if self.opcode_bytes is None:
            return None
        size = encoding.start + self.opcode_bytes
        if self.operand and size < len(encoding.raw):
            return size + encoding.operand_bytes(self.opcode_bytes)
        return size + self.operand


def rflags(machine: Machine) -> Term:
    """The 64-bit RFLAGS register, bit 1 set."""
    from verifier.terms import zext

    value: Term = 2
    for name, position in FLAG_POSITIONS.items():
        value = value | (zext(machine.get(name), SYSTEM_REGISTERS[name], 64) << position)
    return value

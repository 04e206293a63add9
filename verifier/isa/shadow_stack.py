# SPDX-License-Identifier: BSD-2-Clause
"""Instructions on the supervisor's shadow stack.

SDM vol. 2A, CLRSSBSY and INCSSPD/INCSSPQ; vol. 2B, RDSSPD/RDSSPQ, RSTORSSP,
SAVEPREVSSP and SETSSBSY; vol. 2C, WRSSD/WRSSQ. Supervisor shadow stacks are on
where CR4.CET (bit 23) and IA32_S_CET.SH_STK_EN (bit 0) are set; if they are
not, RDSSP is a NOP and the others raise #UD. WRSS needs
IA32_S_CET.WR_SHSTK_EN (bit 1) instead. Neither SSP nor shadow-stack memory is
tracked: SSP reads as any multiple of 4, and writes to that memory change
nothing that other code sees.
"""

from __future__ import annotations

from collections.abc import Callable

from verifier.isa.encoding import Encoding
from verifier.isa.machine import Instruction, Machine
from verifier.terms import Truth, bit, bits, eq, ite, land, lnot, zext

_CR4_CET, _SHSTK, _WRITE = 23, 0, 1


def _enabled(machine: Machine, control: int) -> Truth:
    return land(eq(bit(machine.get("cr4"), _CR4_CET), 1), eq(bit(machine.get("s_cet"), control), 1))


def _begin(machine: Machine, control: int = _SHSTK) -> None:
    """What those have in common that access a shadow stack."""
    machine.may_fault("it can raise #CP, #GP or #PF")
    machine.trap_if(lnot(_enabled(machine, control)), "#UD: supervisor shadow stacks are off")
    machine.assume("shadow-stack-apart")


def _rdssp(machine: Machine, encoding: Encoding) -> None:
    _, _, general = encoding.modrm(2)
    old, pointer = machine.gpr(general), machine.fresh("ssp", 64) & ~3
    if not encoding.rex_w:
        pointer = zext(bits(pointer, 31, 0), 32, 64)
    machine.set_gpr(general, ite(_enabled(machine, _SHSTK), pointer, old, 64))


def _access(machine: Machine, encoding: Encoding) -> None:
    """SETSSBSY, INCSSP and SAVEPREVSSP: no register, no flag."""
    _begin(machine)


def _token(machine: Machine, encoding: Encoding) -> None:
    """CLRSSBSY and RSTORSSP: CF tells about the token, the other arithmetic flags are cleared."""
    _begin(machine)
    machine.put("cf", machine.fresh("cf", 1))
    for flag in ("zf", "pf", "af", "of", "sf"):
        machine.put(flag, 0)


def _wrss(machine: Machine, encoding: Encoding) -> None:
    _begin(machine, _WRITE)


def _form(opcode: tuple[int, ...], digit: int | None, register: bool) -> Callable[[Encoding], bool]:
    """F3 and an opcode with a ModRM byte: its mod is 3 or not, ``digit`` is in reg."""

    def matches(encoding: Encoding) -> bool:
        if not _marked(encoding) or not encoding.starts(*opcode) or len(encoding.opcode) <= len(opcode):
            return False
        byte = encoding.opcode[len(opcode)]
        return (byte >> 6 == 3) == register and (byte >> 3 & 7) == digit

    return matches


def _fixed(*opcode: int) -> Callable[[Encoding], bool]:
    return lambda encoding: _marked(encoding) and encoding.starts(*opcode)


def _marked(encoding: Encoding) -> bool:
    return encoding.has(0xF3) and not encoding.has(0xF2) and not encoding.has(0x66)


def _is_wrss(encoding: Encoding) -> bool:
    plain = not any(encoding.has(prefix) for prefix in (0x66, 0xF2, 0xF3))
    return plain and encoding.starts(0x0F, 0x38, 0xF6) and len(encoding.opcode) > 3 and encoding.opcode[3] >> 6 != 3


RDSSP = Instruction("rdssp", "step", "SDM vol. 2B, RDSSPD/RDSSPQ", _form((0x0F, 0x1E), 1, True), 3, _rdssp)
INCSSP = Instruction("incssp", "step", "SDM vol. 2A, INCSSPD/INCSSPQ", _form((0x0F, 0xAE), 5, True), 3, _access)
SETSSBSY = Instruction("setssbsy", "step", "SDM vol. 2B, SETSSBSY", _fixed(0x0F, 0x01, 0xE8), 3, _access)
SAVEPREVSSP = Instruction("saveprevssp", "step", "SDM vol. 2B, SAVEPREVSSP", _fixed(0x0F, 0x01, 0xEA), 3, _access)
CLRSSBSY = Instruction("clrssbsy", "step", "SDM vol. 2A, CLRSSBSY", _form((0x0F, 0xAE), 6, False), None, _token)
RSTORSSP = Instruction("rstorssp", "step", "SDM vol. 2B, RSTORSSP", _form((0x0F, 0x01), 5, False), None, _token)
WRSS = Instruction("wrss", "step", "SDM vol. 2C, WRSSD/WRSSQ", _is_wrss, None, _wrss)

INSTRUCTIONS = (RDSSP, INCSSP, SETSSBSY, SAVEPREVSSP, CLRSSBSY, RSTORSSP, WRSS)
"""All of them: SSP is no part of the model's state."""

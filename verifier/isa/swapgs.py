# SPDX-License-Identifier: BSD-2-Clause
"""SWAPGS: exchange GS.base with IA32_KERNEL_GS_BASE, and nothing else.

SDM vol. 2B, SWAPGS: ``tmp := GS.base; GS.base := IA32_KERNEL_GS_BASE;
IA32_KERNEL_GS_BASE := tmp``. No flag changes; it cannot fault at CPL 0 in
64-bit mode unless CR4.FRED is set, which the entry assumptions exclude.
"""

from __future__ import annotations

from collections.abc import Mapping

from verifier.isa.encoding import Encoding
from verifier.isa.machine import Instruction, Machine

SWAPGS_MANUAL: Mapping[str, tuple[str, ...]] = {
    "gs_base": (
        "SDM vol. 2B, SWAPGS, Operation: GS.base := IA32_KERNEL_GS_BASE",
        "APM vol. 3, SWAPGS: the same exchange, with KernelGSBase",
    ),
    "kernel_gs_base": (
        "SDM vol. 2B, SWAPGS, Operation: tmp := GS.base; IA32_KERNEL_GS_BASE := tmp",
        "APM vol. 3, SWAPGS: the same exchange, with KernelGSBase",
    ),
}
"""Where the manuals say so, for each register that is written."""


def step(machine: Machine, encoding: Encoding) -> None:
    """Exchange the two bases."""
    active, inactive = machine.get("gs_base"), machine.get("kernel_gs_base")
    machine.put("gs_base", inactive)
    machine.put("kernel_gs_base", active)


def _matches(encoding: Encoding) -> bool:
    """0F 01 F8; with an operand-size or repeat prefix it is not in the manual."""
    return encoding.starts(0x0F, 0x01, 0xF8) and not any(encoding.has(prefix) for prefix in (0x66, 0xF2, 0xF3))


SWAPGS = Instruction("swapgs", "step", "SDM vol. 2B, SWAPGS", _matches, 3, step)

# SPDX-License-Identifier: BSD-2-Clause
"""CLAC and STAC: write RFLAGS.AC at CPL 0, and nothing else (SDM vol. 2A, CLAC; vol. 2B, STAC)."""

from __future__ import annotations

from verifier.isa.encoding import Encoding
from verifier.isa.machine import Instruction, Machine

_PREFIXES = (0x66, 0xF2, 0xF3, 0xF0)


def _clac(machine: Machine, encoding: Encoding) -> None:
    machine.put("ac", 0)


def _stac(machine: Machine, encoding: Encoding) -> None:
    machine.put("ac", 1)


def _plain(encoding: Encoding) -> bool:
    return not any(encoding.has(prefix) for prefix in _PREFIXES)


CLAC = Instruction("clac", "step", "SDM vol. 2A, CLAC", lambda e: e.starts(0x0F, 0x01, 0xCA) and _plain(e), 3, _clac)
STAC = Instruction("stac", "step", "SDM vol. 2B, STAC", lambda e: e.starts(0x0F, 0x01, 0xCB) and _plain(e), 3, _stac)

# SPDX-License-Identifier: BSD-2-Clause
"""Where the emulator and the lifter that we build on do something other than the manual says, and what we do instead.

    python tests/evidence/deviations.py [--write]

Prints the list, and writes it into docs/evidence.md. Each entry is demonstrated by test_deviations.py: the named
version really does what is said here, and verify-exit does not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Deviation:
    """``does`` is what ``of`` does, ``manual`` where the manual says otherwise, ``ours`` what verify-exit does."""

    id: str
    of: Literal["Unicorn 2.1.4", "VEX 9.2.213"]
    instruction: str
    does: str
    manual: str
    ours: str


UNICORN: Literal["Unicorn 2.1.4"] = "Unicorn 2.1.4"
VEX: Literal["VEX 9.2.213"] = "VEX 9.2.213"
"""As pinned in pyproject.toml."""
_OWN = "`verifier/isa` executes it; VEX is not asked"

DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        "sysret-canonical", UNICORN, "SYSRETQ", "goes to a non-canonical RCX without #GP(0)",
        "SDM vol. 2B, SYSRET, Operation", "`isa/sysret.py`: #GP(0) at CPL 0 on Intel; the replay stops before the exit",
    ),
    Deviation(
        "sysret-rf-vm", UNICORN, "SYSRET", "loads RF and VM from R11, and does not load VIF and VIP",
        "SDM vol. 2B, SYSRET, Operation: R11 & 3C7FD7H", "`isa/sysret.py` uses the mask",
    ),
    Deviation(
        "sysexit-canonical", UNICORN, "SYSEXIT with REX.W", "goes to a non-canonical RDX without #GP(0)",
        "SDM vol. 2B, SYSEXIT, 64-bit mode exceptions", "`isa/sysexit.py`: #GP(0)",
    ),
    Deviation(
        "sysexit-truncation", UNICORN, "SYSEXIT", "loads all 64 bits of RDX and RCX",
        "SDM vol. 2B, SYSEXIT, Operation: RSP := ECX, RIP := EDX", "`isa/sysexit.py` zero-extends both",
    ),
    Deviation(
        "iretq-canonical", UNICORN, "IRETQ", "goes to a non-canonical RIP without #GP(0)",
        "SDM vol. 2A, IRET, Operation, IA-32e-MODE-RETURN", "`isa/iret.py`: #GP(0)",
    ),
    Deviation(
        "iretq-vif-vip", UNICORN, "IRETQ from CPL 0", "does not load VIF and VIP",
        "SDM vol. 2A, IRET, Operation, RETURN-TO-OUTER-PRIVILEGE-LEVEL", "`isa/iret.py` loads them",
    ),
    Deviation(
        "cr3-bit-63", UNICORN, "MOV to CR3", "keeps bit 63, which then reads as 1",
        "SDM vol. 2B, MOV to control registers: bit 63 of CR3 is not modified and reads as 0",
        "`isa/control_registers.py` and the replay clear it in what is read",
    ),
    Deviation(
        "cr8-reads-0", UNICORN, "MOV from CR8", "reads 0, there being no local APIC",
        "SDM vol. 3A, 11.8.6.1, Interaction of Task Priorities between CR8 and APIC", "the value that CR8 has",
    ),
    Deviation(
        "wrmsr-canonical", UNICORN, "WRMSR", "writes a non-canonical address to LSTAR and the segment bases",
        "SDM vol. 2C, WRMSR: #GP(0)", "`isa/msr.py` and the replay: #GP(0)",
    ),
    Deviation(
        "wrbase-canonical", UNICORN, "WRFSBASE, WRGSBASE", "writes a non-canonical address",
        "SDM vol. 2C, WRFSBASE/WRGSBASE: #GP(0)", "`isa/segment_bases.py` and the replay: #GP(0)",
    ),
    Deviation(
        "msr-forgotten", UNICORN, "WRMSR, then RDMSR", "forgets IA32_SPEC_CTRL and most other MSRs and reads 0",
        "SDM vol. 4, table 2-2, MSR 48H", "`isa/msr.py` has the value; the replay keeps MSRs itself",
    ),
    Deviation(
        "pushfq-rf", UNICORN, "PUSHFQ", "stores RF as it is",
        "SDM vol. 2B, PUSHF: RF and VM are cleared in the image",
        "`isa/flags_stack.py` clears both; the replay never sets them",
    ),
    Deviation(
        "access-canonical", UNICORN, "any memory access", "uses a non-canonical address as it is",
        "SDM vol. 1, 3.3.7.1: #GP(0) or #SS(0)", "the replay stops with the exception",
    ),
    Deviation(
        "cmpxchg-destination", UNICORN, "32-bit CMPXCHG that does not match",
        "clears the upper half of a register destination",
        "SDM vol. 2A, CMPXCHG, does not say, and CPUs differ",
        "`lift/decode.py` refuses the form with two registers",
    ),
    Deviation(
        "cmpxchg-accumulator", UNICORN, "32-bit CMPXCHG that matches", "clears the upper half of RAX",
        "SDM vol. 2A, CMPXCHG, Operation: the accumulator is not assigned", "`lift/corrections.py` keeps RAX",
    ),
    Deviation(
        "second-exception", UNICORN, "an exception after an exception", "reports a double fault, then nothing",
        "SDM vol. 3A, 6.15, Interrupt 8", "each run begins with a new machine, or with its saved first state",
    ),
    Deviation("vex-swapgs", VEX, "SWAPGS", "does nothing", "SDM vol. 2B, SWAPGS, Operation", _OWN),
    Deviation(
        "vex-cr3", VEX, "MOV to and from CR3", "moves 32 bits",
        "SDM vol. 2B, MOV to control registers: 64 bits in 64-bit mode", _OWN,
    ),
    Deviation("vex-cli", VEX, "CLI", "does not change IF", "SDM vol. 2A, CLI, Operation", _OWN),
    Deviation("vex-popfq", VEX, "POPFQ", "drops TF, IF, IOPL and NT", "SDM vol. 2B, POPF, Operation", _OWN),
    Deviation("vex-pushfq", VEX, "PUSHFQ", "stores 0 for IF, IOPL and NT", "SDM vol. 2B, PUSHF, Operation", _OWN),
    Deviation(
        "vex-undefined", VEX, "AND, OR, XOR, TEST, shifts, BT, BSF, MUL, DIV and the like",
        "gives flags that are undefined one value, such as AF = 0",
        'SDM vol. 2, "Flags Affected" of each', "`lift/corrections.py`: a fresh symbol for each execution",
    ),
    Deviation(
        "vex-bt", VEX, "BT, BTS, BTR, BTC with registers", "stores the register below RSP",
        "SDM vol. 2A, BT, Operation: no memory is accessed", "`lift/corrections.py` executes them",
    ),
    Deviation(
        "vex-div", VEX, "DIV, IDIV", "raises no #DE where the quotient does not fit",
        "SDM vol. 2A, DIV and IDIV, Operation", "`lift/divide.py` executes them",
    ),
    Deviation(
        "vex-cmpxchg", VEX, "32-bit CMPXCHG that matches", "clears the upper half of RAX",
        "SDM vol. 2A, CMPXCHG, Operation: the accumulator is not assigned", "`lift/corrections.py` keeps RAX",
    ),
    Deviation(
        "vex-rex", VEX, "a REX prefix before another prefix", "obeys it",
        "SDM vol. 2A, 2.2.1: it is ignored", "`lift/decode.py` refuses the instruction",
    ),
    Deviation(
        "vex-scan", VEX, "BSF, BSR of 0", "keeps the destination, and clears the upper half of a 32-bit one",
        "SDM vol. 2A, BSF and BSR: the destination is undefined",
        "`lift/corrections.py`: all 64 bits are a fresh symbol",
    ),
)  # fmt: skip


def table() -> str:
    """The list as Markdown."""
    lines = ["| of | instruction | does | manual | verify-exit |", "|---|---|---|---|---|"]
    lines += [f"| {one.of} | {one.instruction} | {one.does} | {one.manual} | {one.ours} |" for one in DEVIATIONS]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print or write the list."""
    parser = argparse.ArgumentParser(description="What the emulator and the lifter do that the manual does not say.")
    parser.add_argument("--write", action="store_true", help="put the table into docs/evidence.md")
    if parser.parse_args(arguments).write:
        from figures import write

        write("deviations", table())
    print(table())
    print(f"{len(DEVIATIONS)} deviations")
    return 0


if __name__ == "__main__":
    sys.exit(main())

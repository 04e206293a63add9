# SPDX-License-Identifier: BSD-2-Clause
"""The peer: what one would write first with angr's public interface to ask whether SYSRET is safe here.

    python tests/benchmarks/stock_angr.py exit.S --entry exit_to_user
    python tests/benchmarks/stock_angr.py vmlinux --entry 0xffffffff81c000d1 --exit 0xffffffff81c00227

It stands alone: it imports angr and nothing of verify-exit, and its process is what the benchmarks time. A
source is assembled with gcc; angr's loader loads it; a blank state gets a symbolic frame; a
SimulationManager explores to SYSRET; eight comparisons are asked of the solver there, each with the path's
constraints. It has every help that costs no modelling: symbolic fill, both exits' addresses from a look at
the instructions, IRET as an end that is not followed, no libraries, no analysis such as a CFG.

What it does not do, and verify-exit does: one vendor and one paging mode instead of both of each; eight
questions instead of every clause; no replay and no least counterexample; no join of paths; angr's own
semantics, for which SWAPGS and a write of CR3 do nothing; of code that is patched at boot the form in the file.

Prints a JSON object: how many states reach SYSRET, which comparisons do not hold, what was left over.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import angr
import claripy

FRAMES: dict[str, dict[str, int]] = {
    "linux": {"r11": 0x30, "rcx": 0x58, "rip": 0x80, "cs": 0x88, "rflags": 0x90, "rsp": 0x98, "ss": 0xA0},
    "linux-4.0": {"r11": 0, "rcx": 40, "rip": 80, "cs": 88, "rflags": 96, "rsp": 104, "ss": 112},
}
"""Offsets from RSP at the entry of the saved words that the questions need."""

TF, RF = 1 << 8, 1 << 16
BOTH_LOAD = 0x3C7FD5
"""The bits of RFLAGS that SYSRET and IRET both load from what they are given."""


def conditions(state: Any, frame: dict[str, Any]) -> dict[str, Any]:
    """What must hold at SYSRET, in terms of angr's registers and the frame as it was at the entry."""
    rcx, r11 = state.regs.rcx, state.regs.r11
    return {
        "rip": rcx == frame["rip"],
        "rflags": (r11 ^ frame["rflags"]) & BOTH_LOAD == 0,
        "rf": frame["rflags"] & RF == 0,
        "canonical": rcx[47:0].sign_extend(16) == rcx,
        "cs": frame["cs"][15:0] == 0x33,
        "ss": frame["ss"][15:0] == 0x2B,
        "tf": frame["rflags"] & TF == 0,
        "rsp": state.regs.rsp == frame["rsp"],
    }


def exits(project: Any, names: set[str]) -> list[int]:
    """The addresses of the instructions with these names, in an object that is small enough to be looked through."""
    found = []
    for section in project.loader.main_object.sections:
        if section.is_executable and section.memsize:
            code = project.loader.memory.load(section.vaddr, section.memsize)
            found += [one.address for one in project.arch.capstone.disasm(code, section.vaddr) if one.mnemonic in names]
    return found


def examine(path: Path, entry: str, at: int | None, offsets: dict[str, int], limit: float) -> dict[str, Any]:
    """What the script finds out about an object or a program, in at most so many seconds of exploration."""
    began = time.monotonic()
    project = angr.Project(str(path), auto_load_libs=False)
    start = int(entry, 16) if entry.startswith("0x") else project.loader.find_symbol(entry).rebased_addr
    goals = exits(project, {"sysretq"}) if at is None else [at]
    avoid = exits(project, {"iretq"}) if at is None else []
    state = project.factory.blank_state(
        addr=start,
        add_options={
            angr.options.SYMBOL_FILL_UNCONSTRAINED_MEMORY,
            angr.options.SYMBOL_FILL_UNCONSTRAINED_REGISTERS,
        },
    )
    frame = {name: claripy.BVS(f"frame_{name}", 64) for name in offsets}
    for name, offset in offsets.items():
        state.memory.store(state.regs.rsp + offset, frame[name], endness="Iend_LE")
    manager = project.factory.simulation_manager(state)
    manager.explore(find=goals, avoid=avoid, num_find=1 << 20, until=lambda _: time.monotonic() - began > limit)
    answers: dict[str, bool] = {}
    for found in manager.found:
        for name, holds in conditions(found, frame).items():
            met = not found.solver.satisfiable(extra_constraints=[claripy.Not(holds)])
            answers[name] = answers.get(name, True) and met
    return {
        "found": len(manager.found),
        "asked": len(answers),
        "not_met": sorted(name for name, met in answers.items() if not met),
        "left": {name: len(kept) for name, kept in manager.stashes.items() if kept and name not in {"found", "avoid"}},
        "errors": sorted({str(each.error)[:60] for each in manager.errored}),
    }


def main() -> None:
    """Look at one file."""
    parser = argparse.ArgumentParser(description="Ask angr, without more, whether SYSRET is safe on an exit path.")
    parser.add_argument("file", type=Path, help="an assembly source, an object or a program")
    parser.add_argument("--entry", default="exit_to_user", metavar="SYMBOL|0xADDRESS")
    parser.add_argument("--exit", type=lambda text: int(text, 16), metavar="0xADDRESS", help="default: every SYSRETQ")
    parser.add_argument("--frame", choices=sorted(FRAMES), default="linux", help="where the saved registers are")
    parser.add_argument("--limit", type=float, default=120, metavar="SECONDS")
    told = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as directory:
        path = told.file
        if path.suffix in {".S", ".s"}:
            path = Path(directory) / "exit.o"
            subprocess.run(["gcc", "-c", "-o", str(path), str(told.file)], check=True)
        print(json.dumps(examine(path, told.entry, told.exit, FRAMES[told.frame], told.limit)))


if __name__ == "__main__":
    main()

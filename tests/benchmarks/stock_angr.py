# SPDX-License-Identifier: BSD-2-Clause
"""The 2015 exit path in a stock angr script and in verify-exit, timed on the same source.

    python tests/benchmarks/stock_angr.py [--diamonds N]

The stock half is what one would write first with angr's public interface: a
blank state with a symbolic frame, a SimulationManager that explores to SYSRET,
and eight questions to its solver there. It gets every help that costs no
modelling of our own: the addresses of both exits, symbolic fill, no library
hooks. ``--diamonds N`` puts N independent branches in front of the path, which
is what real exit work looks like. The two halves do not prove the same: the
stock one asks eight questions on one vendor and paging mode and takes angr's
own semantics; verify-exit answers every clause on four CPU configurations,
finds a counterexample and replays it, and its time includes all of that.

Times are CPU seconds of this process without imports. Compare ratios, on one
machine and without other load.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import angr
import claripy

from verifier.assemble import assemble
from verifier.image import load_object
from verifier.lift.decode import decode
from verifier.model import Image
from verifier.options import Options
from verifier.pipeline import verify

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "linux-2015-opportunistic.S"
ENTRY = "return_to_user"
FRAME = {"r11": 0, "rip": 80, "cs": 88, "rflags": 96, "rsp": 104, "ss": 112}
"""Offsets of the words that the questions need, from RSP at the entry (contract linux-4.0)."""

TF, RF = 1 << 8, 1 << 16
BOTH_LOAD = 0x3C7FD5


def source(diamonds: int) -> str:
    """The sample with that many branches on bits of R12 in front of its first check."""
    branches = "".join(f"\tbtq\t${bit}, %r12\n\tjnc\t7{bit:02}f\n\tnop\n7{bit:02}:\n" for bit in range(diamonds))
    text = SAMPLE.read_text(encoding="utf-8")
    head, label, tail = text.partition(f"\n{ENTRY}:\n")
    assert label, "the sample has its entry label on a line of its own"
    return head + label + branches + tail


def exits(image: Image) -> dict[str, int]:
    """The addresses of SYSRETQ and IRETQ."""
    found: dict[str, int] = {}
    for section in image.sections:
        address = section.address
        while section.executable and address < section.address + len(section.data):
            decoded = decode(image.code_at(address), address)
            if decoded.kind == "exit":
                found[decoded.mnemonic] = address
            address = decoded.next
    return found


def stock(image: Image) -> tuple[float, dict[str, bool], int]:
    """CPU seconds, whether each condition holds wherever SYSRET is reached, and how many states reach it."""
    entry = image.symbol(ENTRY)
    assert entry is not None and entry.section is not None
    code = next(section for section in image.sections if section.name == entry.section)
    where = exits(image)
    began = time.process_time()
    project = angr.load_shellcode(code.data, "amd64", load_address=code.address, start_offset=0)
    state = project.factory.blank_state(
        addr=entry.address,
        add_options={
            angr.options.SYMBOL_FILL_UNCONSTRAINED_MEMORY,
            angr.options.SYMBOL_FILL_UNCONSTRAINED_REGISTERS,
        },
    )
    frame = {name: claripy.BVS(f"frame_{name}", 64) for name in FRAME}
    for name, offset in FRAME.items():
        state.memory.store(state.regs.rsp + offset, frame[name], endness="Iend_LE")
    manager = project.factory.simulation_manager(state)
    manager.explore(find=where["sysretq"], avoid=where["iretq"], num_find=1 << 20)
    assert not manager.errored, manager.errored
    answers: dict[str, bool] = {}
    for found in manager.found:
        for name, holds in conditions(found, frame).items():
            met = not found.solver.satisfiable(extra_constraints=[claripy.Not(holds)])
            answers[name] = answers.get(name, True) and met
    return time.process_time() - began, answers, len(manager.found)


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


def ours(path: Path) -> tuple[float, str]:
    """CPU seconds (without those of the assembler) and what verify-exit says about all clauses."""
    began = time.process_time()
    report = verify(path, Options())
    seconds = time.process_time() - began
    failed = sorted({found.id for site in report.sites for found in site.clauses if found.status == "violated"})
    return seconds, f"{report.verdict} {' '.join(failed)}"


def main() -> None:
    """Run both halves once and print their times and answers."""
    parser = argparse.ArgumentParser(description="Time a stock angr script and verify-exit on the same exit path.")
    parser.add_argument("--diamonds", type=int, default=0, metavar="N", help="independent branches before the checks")
    diamonds = parser.parse_args().diamonds
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / SAMPLE.name
        path.write_text(source(diamonds), encoding="utf-8")
        image = load_object(assemble(path), str(path), "")
        seconds, answers, states = stock(image)
        failed = " ".join(name for name, met in answers.items() if not met)
        print(f"stock angr  {seconds:8.2f} s  {states} states at SYSRET; not met: {failed or 'none'}")
        seconds, verdict = ours(path)
        print(f"verify-exit {seconds:8.2f} s  {verdict}")


if __name__ == "__main__":
    main()

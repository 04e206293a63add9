# SPDX-License-Identifier: BSD-2-Clause
"""verify-exit and a stock angr script on the same kernel image, each in a process of its own.

    python tests/benchmarks/real_images.py DIRECTORY

DIRECTORY is what ``tests/real/fetch.py`` filled. Prints, for each image, what verify-exit proved of it, in how
long and in how much memory; then the same for what one would first write with angr's public interface: angr's own
loader, a blank state with a symbolic frame, a SimulationManager that explores to SYSRET, and eight questions there.
The two halves do not prove the same. The stock one looks at the image as it is in the file, which is one of the
forms that run; at one vendor and one paging mode; from an entry and to an exit that verify-exit found for it, behind
the calls that say nothing; and believes angr's semantics, for which SWAPGS and a write of CR3 do nothing. verify-exit
answers every clause for all forms and four CPU configurations, and its time includes finding the exits, their entries
and a replayed witness.

Wall time and peak memory of each process, with imports. Compare them on one machine without other load.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "real"))

FRAME = {"r11": 0x30, "rcx": 0x58, "rip": 0x80, "cs": 0x88, "rflags": 0x90, "rsp": 0x98, "ss": 0xA0}
"""Offsets in the saved frame of the words that the questions need (contract linux)."""


def stock(path: str, entry: int, found: int, limit: float) -> None:
    """Print as JSON what the stock script finds out about the ELF file at ``path``, from ``entry`` to ``found``."""
    import angr
    import claripy
    from stock_angr import conditions

    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    project = angr.Project(path, auto_load_libs=False)
    loaded = time.monotonic()
    state = project.factory.blank_state(
        addr=entry,
        add_options={
            angr.options.SYMBOL_FILL_UNCONSTRAINED_MEMORY,
            angr.options.SYMBOL_FILL_UNCONSTRAINED_REGISTERS,
        },
    )
    frame = {name: claripy.BVS(f"frame_{name}", 64) for name in FRAME}
    for name, offset in FRAME.items():
        state.memory.store(state.regs.rsp + offset, frame[name], endness="Iend_LE")
    manager = project.factory.simulation_manager(state)
    manager.explore(find=found, num_find=1 << 20, until=lambda _: time.monotonic() - began > limit)
    answers: dict[str, bool] = {}
    for reached in manager.found:
        for name, holds in conditions(reached, frame).items():
            met = not reached.solver.satisfiable(extra_constraints=[claripy.Not(holds)])
            answers[name] = answers.get(name, True) and met
    print(
        json.dumps(
            {
                "load": loaded - began,
                "seconds": time.monotonic() - began,
                "found": len(manager.found),
                "answers": answers,
                "left": {name: len(states) for name, states in manager.stashes.items() if states and name != "found"},
                "errors": sorted({str(each.error)[:60] for each in manager.errored}),
            }
        )
    )


def behind_calls(code: bytes, site: dict[str, Any]) -> int:
    """Where the stock script starts: at the site's entry, or behind the last call that verify-exit did not follow."""
    from verifier.lift.decode import ImmediateOperand, decode
    from verifier.loader import load

    image = load(code, "", "")
    covered = [(int(part["start"], 16), int(part["end"], 16)) for part in site["code"] if not part["variant"]]
    begin, exit_at = int(site["entry"], 16), int(site["address"], 16)
    address = begin
    while address < exit_at:
        decoded = decode(image.code_at(address), address)
        match decoded.mnemonic, decoded.operands:
            case "call", (ImmediateOperand(value=target),) if not any(first <= target < end for first, end in covered):
                begin = decoded.next
            case _:
                pass
        address = decoded.next
    return begin


def main() -> None:
    """Run everything once."""
    from images import DIRECTORY, images, measured, verify

    from verifier.unpack import unpack

    parser = argparse.ArgumentParser(description="Time verify-exit and a stock angr script on real kernel images.")
    parser.add_argument("directory", type=Path, help="what tests/real/fetch.py filled")
    parser.add_argument("--limit", type=float, default=120, metavar="SECONDS", help="for the stock script")
    arguments = parser.parse_args()
    os.environ[DIRECTORY] = str(arguments.directory)
    for image in images().values():
        told = ("--contract", "xen", "--profile", "safety") if image.name.startswith("xen") else ()
        run = verify(image.path, told)
        print(f"\n{image.package} {image.version}")
        print(
            f"  verify-exit {run.seconds:7.1f} s {run.mebibytes:6.0f} MiB  {run.report['verdict']}: {run.exits} exits, "
            f"{run.patch_sites} patched places in {run.variants} further forms, "
            f"{run.statistic('instructions')} instructions, {run.count('proved')} clauses proved"
        )
        if told:
            continue
        site = next(site for site in run.sites if site["kind"] == "sysretq")
        code = unpack(image.path.read_bytes(), str(image.path)).data
        with tempfile.NamedTemporaryFile(suffix=".elf") as elf:
            elf.write(code)
            elf.flush()
            ends = hex(behind_calls(code, site)), site["address"], str(arguments.limit)
            command = (sys.executable, str(Path(__file__).resolve()), "--stock", elf.name, *ends)
            with tempfile.NamedTemporaryFile("r") as output:
                status, seconds, mebibytes = measured(command, Path(output.name))
                said = output.read().splitlines()
        answer = told_by(json.loads(said[-1])) if status == 0 and said else "failed"
        print(f"  stock angr  {seconds:7.1f} s {mebibytes:6.0f} MiB  {answer}")


def told_by(result: dict[str, Any]) -> str:
    """What the stock script says, in a line."""
    if not result["found"]:
        return f"no state reaches SYSRET; left: {result['left']}, {len(result['errors'])} kinds of errors"
    failed = [name for name, met in result["answers"].items() if not met]
    return (
        f"{result['found']} states at SYSRET, {len(result['answers'])} questions, "
        f"not met: {' '.join(failed) or 'none'}; left: {result['left']}; {result['load']:.1f} s of it for loading"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stock"]:
        stock(sys.argv[2], int(sys.argv[3], 0), int(sys.argv[4], 0), float(sys.argv[5]))
    else:
        main()

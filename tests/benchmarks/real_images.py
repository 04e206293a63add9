# SPDX-License-Identifier: BSD-2-Clause
"""verify-exit and a stock angr script on the same kernel image, each in a process of its own.

    python tests/benchmarks/real_images.py DIRECTORY

DIRECTORY is what ``tests/real/fetch.py`` filled. Prints, for each image, what verify-exit proved of it, in how
long and in how much memory; then the same for stock_angr.py on the unpacked image. The two halves do not prove the
same: the stock one starts at an entry and goes to an exit that verify-exit found for it, behind the calls that say
nothing, and looks at one form of the code. The time of verify-exit includes finding the exits, their entries and a
replayed witness.

``--unpack IMAGE FILE`` writes the ELF file inside an image, ``--ends FILE REPORT.json`` prints as JSON where the stock
script starts and what it looks for.

Wall time and peak memory of each process, with imports. Compare them on one machine without other load.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "real")]


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


def ends(code: bytes, report: dict[str, Any]) -> tuple[str, str]:
    """Where the stock script starts and what it looks for: the first SYSRETQ of a report on this ELF file."""
    site = next(site for site in report["sites"] if site["kind"] == "sysretq")
    return hex(behind_calls(code, site)), site["address"]


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
        code = unpack(image.path.read_bytes(), str(image.path)).data
        with tempfile.NamedTemporaryFile(suffix=".elf") as elf:
            elf.write(code)
            elf.flush()
            entry, at = ends(code, run.report)
            script = str(Path(__file__).resolve().with_name("stock_angr.py"))
            limit = str(arguments.limit)
            command = (sys.executable, script, elf.name, "--entry", entry, "--exit", at, "--limit", limit)
            with tempfile.NamedTemporaryFile("r") as output:
                status, seconds, mebibytes = measured(command, Path(output.name))
                said = output.read().splitlines()
        answer = told_by(json.loads(said[-1])) if status == 0 and said else "failed"
        print(f"  stock angr  {seconds:7.1f} s {mebibytes:6.0f} MiB  {answer}")


def told_by(result: dict[str, Any]) -> str:
    """What the stock script says, in a line."""
    if not result["found"]:
        return f"no state reaches SYSRET; left: {result['left']}, {len(result['errors'])} kinds of errors"
    return (
        f"{result['found']} states at SYSRET, {result['asked']} questions, "
        f"not met: {' '.join(result['not_met']) or 'none'}; left: {result['left']}"
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--unpack", image, file]:
            from verifier.unpack import unpack

            Path(file).write_bytes(unpack(Path(image).read_bytes(), image).data)
        case ["--ends", file, report]:
            print(json.dumps(ends(Path(file).read_bytes(), json.loads(Path(report).read_text(encoding="utf-8")))))
        case _:
            main()

# SPDX-License-Identifier: BSD-2-Clause
"""What no verifier on these parts can be faster than: interpreter, imports, assembler, solver.

    python tests/benchmarks/floors.py [--runs N] [--write]

Each is a process of its own, taken in turn; medians. ``--write`` puts them into docs/performance.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

from measure import ROOT, Command, Spent, cpu, in_turn, mebibytes, seconds  # noqa: E402
from page import table, write  # noqa: E402

SAMPLE = ROOT / "samples" / "linux-2015-opportunistic.S"


def python(code: str) -> Command:
    """The interpreter with one line."""
    return Command((sys.executable, "-c", code))


FLOORS: dict[str, Command] = {
    "python -c pass": python("pass"),
    "import verifier.cli": python("import verifier.cli"),
    "import z3": python("import z3"),
    "import pyvex": python("import pyvex"),
    "import claripy": python("import claripy"),
    "import capstone": python("import capstone"),
    "import pyvex, claripy, capstone": python("import pyvex, claripy, capstone"),
    "import verifier.pipeline": python("import verifier.pipeline"),
    "import unicorn": python("import unicorn"),
    "import angr": python("import angr"),
    "gcc -c": Command(("gcc", "-c", "-o", "/dev/null", str(SAMPLE))),
    "gcc --version": Command(("gcc", "--version")),
}
"""Interpreter start is in each row that imports."""


def run(runs: int) -> dict[str, list[Spent]]:
    """Measure all."""
    return in_turn(FLOORS, runs)


def markdown(found: Mapping[str, Sequence[Spent]]) -> str:
    """The table."""
    rows: list[tuple[str, ...]] = [
        (f"`{name}`", f"{seconds(each):.3f} s", f"{cpu(each):.3f} s", f"{mebibytes(each):.0f} MiB")
        for name, each in found.items()
    ]
    return table(("process", "time", "CPU time", "peak memory"), rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The least that parts of a run take.")
    parser.add_argument("--runs", type=int, default=7, metavar="N")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    told = parser.parse_args()
    found = run(told.runs)
    print(markdown(found))
    if told.write:
        write("floors", markdown(found))


if __name__ == "__main__":
    main()

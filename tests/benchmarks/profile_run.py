# SPDX-License-Identifier: BSD-2-Clause
"""Where the time of one cold run goes, from the start of the interpreter to the end of the process.

    python tests/benchmarks/profile_run.py [SAMPLE] [--runs N]

Each run is a process of its own without the result cache. In it the libraries are imported one after the
other before the command line runs, so that each has its own row; the stages are functions of the program with
a clock around them, and a stage that another one calls is taken off that one. Medians; a figure with its
share of the whole. ``-X importtime`` and profilers slow down what they look at, this hardly does.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = "samples/linux-2015-opportunistic.S"
BEGAN = "VERIFY_EXIT_PROFILE_BEGAN"

LIBRARIES = ("z3", "capstone", "unicorn", "pyvex", "archinfo", "claripy", "rich.console")
"""In this order, so that a library is counted before another one needs it."""

MODULES = (
    "verifier.__main__", "verifier.cli", "verifier.remembered", "verifier.pipeline", "verifier.replay.machine",
)  # fmt: skip

STAGES: tuple[tuple[str, str, str], ...] = (
    ("assemble", "verifier.opening", "assemble"),
    ("versions of the tools", "verifier.pipeline", "tool"),
    ("load", "verifier.pipeline", "loaded"),
    ("exits and entries", "verifier.pipeline", "plan"),
    ("decode", "verifier.lift.decode", "_decode"),
    ("lift", "verifier.lift.vex", "_lift"),
    ("explore", "verifier.judge", "_explore"),
    ("merge", "verifier.lift.explore", "joined"),
    ("prove", "verifier.judge", "prove_site"),
    ("minimise", "verifier.counterexample", "concrete_machine"),
    ("follow", "verifier.counterexample", "follow"),
    ("minimise", "verifier.results", "concrete_machine"),
    ("follow", "verifier.results", "follow"),
    ("replay", "verifier.counterexample", "confirm"),
    ("replay", "verifier.results", "confirm"),
    ("render", "verifier.report.text", "render"),
)
"""Row, module and the function in it that is the stage, as the module that calls it names it."""

ROWS = (
    "interpreter", *(f"import {name.partition('.')[0]}" for name in LIBRARIES), "import verifier",
    *dict.fromkeys(row for row, _, _ in STAGES), "the rest", "end of the process",
)  # fmt: skip


class Clock:
    """Seconds by row; what runs inside a stage is taken off it."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def around(self, row: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with its time counted."""

        def timed(*arguments: object, **named: object) -> object:
            began = time.perf_counter()
            self._inner.append(0.0)
            try:
                return function(*arguments, **named)
            finally:
                whole = time.perf_counter() - began
                self.spent[row] += whole - self._inner.pop()
                self._inner[-1] += whole

        return timed


def one(sample: str) -> None:
    """In a process of its own: the run, then its rows as JSON, and when it was done."""
    clock = Clock()
    clock.spent["interpreter"] = time.time() - float(os.environ[BEGAN])
    began = time.perf_counter()
    for name in LIBRARIES:
        clock.around(f"import {name.partition('.')[0]}", import_module)(name)
    for name in MODULES:
        clock.around("import verifier", import_module)(name)
    for row, module, function in STAGES:
        home = clock.around("import verifier", import_module)(module)
        setattr(home, function, clock.around(row, getattr(home, function)))
    main = import_module("verifier.__main__").main
    sys.argv = ["verify-exit", sample]
    os.environ["VERIFY_EXIT_NO_CACHE"] = "1"
    with redirect_stdout(io.TextIOWrapper(io.BytesIO(), "utf-8")):
        main()
    clock.spent["the rest"] = time.perf_counter() - began - sum(clock.spent[row] for row in ROWS[1:])
    print(json.dumps({**clock.spent, "done": time.time()}), flush=True)


def measured(sample: str, runs: int) -> list[dict[str, float]]:
    """The rows of each run; the first, which finds the files and compiles the modules, does not count."""
    found: list[dict[str, float]] = []
    for _ in range(runs + 1):
        environment = os.environ | {BEGAN: repr(time.time()), "PYTHONPATH": str(ROOT)}
        words = [sys.executable, __file__, "--child", sample]
        done = subprocess.run(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        rows: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        rows["end of the process"] = time.time() - rows.pop("done")
        rows["whole"] = time.time() - float(environment[BEGAN])
        found.append(rows)
    return found[1:]


def table(found: list[dict[str, float]]) -> str:
    """The medians as a Markdown table."""
    whole = statistics.median(rows["whole"] for rows in found)
    lines = ["| part of one cold run | ms | % |", "|---|--:|--:|"]
    for row in ROWS:
        spent = statistics.median(rows.get(row, 0.0) for rows in found)
        lines.append(f"| {row} | {1000 * spent:.0f} | {100 * spent / whole:.0f} |")
    return "\n".join([*lines, f"| whole | {1000 * whole:.0f} | 100 |"])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Where the time of one cold run goes.")
    parser.add_argument("sample", nargs="?", default=SAMPLE, help=f"a source or an object (default: {SAMPLE})")
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="how many runs count (default: 7)")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.child:
        one(told.sample)
    else:
        print(table(measured(told.sample, told.runs)))


if __name__ == "__main__":
    main()

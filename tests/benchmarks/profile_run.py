# SPDX-License-Identifier: BSD-2-Clause
"""Where the time of one cold run goes, from the start of the interpreter to the end of the process.

    python tests/benchmarks/profile_run.py [SAMPLE] [--runs N]

Each run is a process of its own without the result cache. In it the libraries are imported one after the
other before the command line runs, so that each has its own row; the stages are functions of the program with
a clock around them, and a stage that another one calls is taken off that one. Medians, on the clock and of the
CPU with the processes that were started. ``-X importtime`` and profilers slow down what they look at, this
hardly does.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
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


Pair = tuple[float, float]
"""Seconds on the clock, and CPU seconds of this process and what it started."""


def now() -> Pair:
    """Both clocks."""
    others = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.time(), time.process_time() + others.ru_utime + others.ru_stime


def since(began: Pair) -> Pair:
    """What both clocks have gone on."""
    ended = now()
    return ended[0] - began[0], ended[1] - began[1]


class Clock:
    """What each row took; what runs inside a stage is taken off it."""

    def __init__(self) -> None:
        self.spent: dict[str, Pair] = {}
        self._inner: list[Pair] = [(0.0, 0.0)]

    def around(self, row: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with its time counted."""

        def timed(*arguments: object, **named: object) -> object:
            began = now()
            self._inner.append((0.0, 0.0))
            try:
                return function(*arguments, **named)
            finally:
                whole, inner = since(began), self._inner.pop()
                self.add(row, (whole[0] - inner[0], whole[1] - inner[1]))
                outer = self._inner[-1]
                self._inner[-1] = outer[0] + whole[0], outer[1] + whole[1]

        return timed

    def add(self, row: str, took: Pair) -> None:
        """Count something for a row."""
        before = self.spent.get(row, (0.0, 0.0))
        self.spent[row] = before[0] + took[0], before[1] + took[1]


def one(sample: str) -> None:
    """In a process of its own: the run, then its rows as JSON, and when it was done."""
    clock, began = Clock(), now()
    clock.add("interpreter", (began[0] - float(os.environ[BEGAN]), began[1]))
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
    whole = since(began)
    known = [took for row, took in clock.spent.items() if row != "interpreter"]
    clock.add("the rest", (whole[0] - sum(took[0] for took in known), whole[1] - sum(took[1] for took in known)))
    print(json.dumps({**clock.spent, "end of the process": now()}), flush=True)


def measured(sample: str, runs: int) -> list[dict[str, Pair]]:
    """The rows of each run; the first, which finds the files and compiles the modules, does not count."""
    found: list[dict[str, Pair]] = []
    with tempfile.TemporaryDirectory() as compiled:
        # As installed: modules are compiled once, whatever the environment says.
        settled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        settled |= {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": compiled}
        for _ in range(runs + 1):
            began = now()
            environment = settled | {BEGAN: repr(began[0])}
            words = [sys.executable, __file__, "--child", sample]
            done = subprocess.run(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            rows: dict[str, Pair] = {row: (took[0], took[1]) for row, took in json.loads(done.stdout).items()}
            whole, ended = since(began), rows["end of the process"]
            rows["end of the process"] = began[0] + whole[0] - ended[0], max(0.0, whole[1] - ended[1])
            rows["whole"] = whole
            found.append(rows)
    return found[1:]


def table(found: list[dict[str, Pair]]) -> str:
    """The medians as a Markdown table."""
    lines = ["| part of one cold run | ms | CPU ms | % of CPU |", "|---|--:|--:|--:|"]
    whole = statistics.median(rows["whole"][1] for rows in found)
    for row in (*ROWS, "whole"):
        wall, cpu = (statistics.median(rows.get(row, (0.0, 0.0))[each] for rows in found) for each in (0, 1))
        lines.append(f"| {row} | {1000 * wall:.0f} | {1000 * cpu:.0f} | {100 * cpu / whole:.0f} |")
    return "\n".join(lines)


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

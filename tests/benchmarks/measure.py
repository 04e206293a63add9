# SPDX-License-Identifier: BSD-2-Clause
"""Whole processes, timed: wall time, CPU time and peak memory of each, several in turn.

Standard library only, so that this process stays smaller than any that it measures: a process that is
started takes over the peak memory of the one that started it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 900.0
"""Seconds after which a process is killed; it then counts as failed."""


class MeasureError(Exception):
    """A process did not do what is measured."""


_UNSET = frozenset({"CI", "COLUMNS", "PYTHONDONTWRITEBYTECODE"})
"""Not for the measured processes: as installed, modules are compiled once, on both sides."""


@dataclass(frozen=True, slots=True)
class Command:
    """A process: its words, what it gets in the environment, and the exit statuses of a run that did its work."""

    words: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    statuses: frozenset[int] = frozenset({0})


@dataclass(frozen=True, slots=True)
class Spent:
    """What one process took: seconds on the clock, CPU seconds (its children's too), peak memory in MiB.

    The memory is that of the biggest process among it and its children.
    """

    seconds: float
    cpu: float
    mebibytes: float
    output: str = field(default="", compare=False)


def ours(*arguments: str) -> Command:
    """verify-exit on the command line; a verdict of any kind is work done."""
    return Command((sys.executable, "-m", "verifier", *arguments), statuses=frozenset({0, 1, 3}))


def spend(command: Command, keep: bool = False) -> Spent:
    """Run a process. Raises MeasureError if its status is another than the command's.

    CI is not set for it: that would turn the result cache off.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _UNSET}
    environment |= dict(command.environment)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command.words, stdout=output, stderr=errors, cwd=ROOT, env=environment)
        killer = threading.Timer(LIMIT, process.kill)
        killer.daemon = True
        killer.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        killer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in command.statuses:
            errors.seek(0)
            said = errors.read()[-400:].decode(errors="replace").strip()
            raise MeasureError(f"{' '.join(command.words)[:200]}: status {process.returncode}: {said}")
        output.seek(0)
        text = output.read().decode(errors="replace") if keep else ""
    return Spent(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)


def in_turn(commands: Mapping[str, Command], runs: int, keep: bool = False) -> dict[str, list[Spent]]:
    """Run all commands once, which does not count, then ``runs`` times, each round in the opposite order.

    What changes slowly on the machine then touches all alike. The first round warms the file cache,
    Python's compiled modules and, where there is one, the result cache.
    """
    spent: dict[str, list[Spent]] = {name: [] for name in commands}
    for number, name in _rounds(tuple(commands), runs):
        _progress(f"round {number} of {runs}: {name}")
        found = spend(commands[name], keep)
        if number:
            spent[name].append(found)
    _progress("")
    return spent


def _progress(text: str) -> None:
    """A line for a person who waits."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _rounds(names: Sequence[str], runs: int) -> Iterator[tuple[int, str]]:
    for number in range(runs + 1):
        for name in names if number % 2 else reversed(names):
            yield number, name


def seconds(spent: Sequence[Spent]) -> float:
    """The median on the clock."""
    return statistics.median(each.seconds for each in spent)


def cpu(spent: Sequence[Spent]) -> float:
    """The median of CPU seconds."""
    return statistics.median(each.cpu for each in spent)


def mebibytes(spent: Sequence[Spent]) -> float:
    """The median of the peaks."""
    return statistics.median(each.mebibytes for each in spent)


def machine() -> dict[str, str]:
    """What the figures depend on: processor, Python, load before the run."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "processors": f"{os.cpu_count()} × {model}",
        "python": sys.version.split()[0],
        "load": f"{os.getloadavg()[0]:.1f}",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }

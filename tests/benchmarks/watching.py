# SPDX-License-Identifier: BSD-2-Clause
"""From saving a file to its new verdict, as ``--watch`` does it.

    python tests/benchmarks/watching.py [--saves N] [FILE]

Copies FILE (default: the 2015 sample) and what is next to it to a temporary
directory, watches it, and saves it N times, each time with one more comment
line, as an editor does: another file, renamed. Prints the first run's time,
then, from the rename to the rendered report, the least, the median and the
most, and how much memory grew over all saves but the first ten.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from verifier.cli import main
from verifier.watch import watch

ROOT = Path(__file__).resolve().parents[2]


def resident() -> int:
    """The memory of this process in KiB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * (os.sysconf("SC_PAGE_SIZE") >> 10)


def measure(path: Path, saves: int) -> tuple[float, list[float], list[int]]:
    """Seconds of the first run, seconds from each save to its verdict, and the memory after each run."""
    text = path.read_text(encoding="utf-8")
    spent: list[float] = []
    memory: list[int] = []
    since = time.monotonic()

    def save() -> None:
        nonlocal since
        other = path.with_suffix(".tmp")
        other.write_text(text + f"# {len(spent)}\n", encoding="utf-8")
        since = time.monotonic()
        other.replace(path)

    def run() -> int:
        code = main([str(path)])
        spent.append(time.monotonic() - since)
        memory.append(resident())
        if len(spent) > saves or code not in (0, 1, 3):
            raise KeyboardInterrupt
        # Some time later, so that the watching has begun.
        threading.Timer(0.25, save).start()
        return code

    watch(run, [str(path)])
    return spent[0], spent[1:], memory


if __name__ == "__main__":
    # Every save is another input, so nothing could be remembered; but the user's cache is left alone.
    os.environ["VERIFY_EXIT_NO_CACHE"] = "1"
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "samples" / "linux-2015-opportunistic.S")
    parser.add_argument("--saves", type=int, default=20)
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        for neighbour in parsed.file.parent.glob("*.[ht]*"):
            shutil.copy(neighbour, directory)
        copied = Path(shutil.copy(parsed.file, directory))
        result, sys.stdout, sys.stderr = sys.stdout, nowhere, nowhere
        first, later, used = measure(copied, parsed.saves)
        sys.stdout, sys.stderr = result, sys.__stderr__
    if not later:
        sys.exit(f"{parsed.file}: no verdict")
    print(f"first run, with imports: {first:.2f} s")
    spread = f"{min(later):.2f} to {max(later):.2f} s, median {statistics.median(later):.2f} s"
    print(f"save to verdict, {len(later)} saves: {spread}")
    growth = (used[-1] - used[min(10, len(used) - 1)]) / max(1, len(used) - 11)
    print(f"memory: {used[0] >> 10} MiB after the first run, {used[-1] >> 10} MiB after the last;", end=" ")
    print(f"{growth:.0f} KiB more for each run after the tenth")

# SPDX-License-Identifier: BSD-2-Clause
"""verify-exit against the script that one would write instead, as a table of targets and measured ratios.

    python -m tests.benchmarks [--runs N] [--images DIR] [--only ROW…] [--full] [--json FILE] [--write]

The peer is stock_angr.py. Both are whole processes, imports included, taken in turn in one run; a figure is
the median of N runs (default 7) after one that does not count. "Cold" is without the result cache; what the
system keeps of files in memory is warm for both. ``--images DIR`` adds the rows of Debian's 6.1 image: DIR is
what tests/real/fetch.py filled.

``--write`` puts the table into docs/performance.md. ``--write --all`` also measures and writes everything else
on that page: floors, growth and profile.

Use a machine without other load; the line under the table says how much there was.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from measure import MeasureError, Spent, in_turn, machine  # noqa: E402
from page import table, write  # noqa: E402
from rows import Answer, Found, Row, flags_row, images_rows, samples_rows, tree_row  # noqa: E402

NAMES = ("cold", "cold-proved", "cached", "tree", "tests", "vmlinux", "memory", "vmlinux-memory", "start")


def rows_of(only: Sequence[str], images: Path | None, full: bool, directory: Path) -> list[Row]:
    """The wanted rows, in the order of NAMES. What only others need is neither made nor run."""
    rows = samples_rows(directory / "cache")
    if _wanted("tree", only):
        rows.append(tree_row(full))
    if _wanted("tests", only):
        rows.append(flags_row(directory))
    if images is not None and any(_wanted(name, only) for name in ("vmlinux", "vmlinux-memory")):
        rows += images_rows(images, directory)
    return sorted((row for row in rows if _wanted(row.name, only)), key=lambda row: NAMES.index(row.name))


def _wanted(name: str, only: Sequence[str]) -> bool:
    return not only or name in only


def answered(row: Row, found: Found) -> Answer:
    """A row's answer; the one of the cache counts only if every run says that its result came from there."""
    if row.name == "cached" and not all("(cached)" in run.output for run in found["2015 cached"]):
        return Answer("not every result came from the cache", None)
    return row.answer(found)


def markdown(rows: Sequence[Row], answers: Sequence[Answer], runs: int, about: dict[str, str]) -> str:
    """The table, and under it what the figures depend on."""
    words = {True: "met", False: "**not met**", None: "not measured"}
    lines: list[tuple[str, ...]] = [
        (row.work, row.target, answer.measured, words[answer.met]) for row, answer in zip(rows, answers, strict=True)
    ]
    made = table(("work", "target", "measured (ours / stock, median, least–most)", ""), lines)
    conditions = f"{about['processors']}; Python {about['python']}; load before the run {about['load']}"
    return f"{made}\nMedians of {runs} runs, {about['date']}: {conditions}.\n"


def main() -> int:
    """Measure and print; 1 if a target is not met."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description="Time verify-exit against a stock angr script."
    )
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="how often each process runs (default: 7)")
    parser.add_argument("--only", nargs="+", default=[], choices=NAMES, metavar="ROW", help=f"of {' '.join(NAMES)}")
    parser.add_argument("--images", type=Path, metavar="DIR", help="what tests/real/fetch.py filled")
    parser.add_argument("--full", action="store_true", help="the stock script on every sample that it can be used for")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run of every process")
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    parser.add_argument("--all", action="store_true", help="with --write: everything else on that page as well")
    told = parser.parse_args()
    if told.write and told.only:
        parser.error("--write needs every row")
    if told.all and not told.write:
        parser.error("--all goes with --write")
    about = machine()
    try:
        with tempfile.TemporaryDirectory(prefix="verify-exit-benchmarks-") as scratch:
            rows = rows_of(told.only, told.images, told.full, Path(scratch))
            commands = {name: command for row in rows for name, command in row.commands.items()}
            found = in_turn(commands, told.runs, keep=True)
    except (FileNotFoundError, MeasureError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    answers = [answered(row, found) for row in rows]
    text = markdown(rows, answers, told.runs, about)
    print(text)
    if told.json is not None:
        told.json.write_text(json.dumps(record(rows, answers, found, about), indent=1) + "\n", encoding="utf-8")
    if told.write:
        write("table", text)
    if told.all:
        others()
    return int(any(answer.met is False for answer in answers))


def record(rows: Sequence[Row], answers: Sequence[Answer], found: Found, about: dict[str, str]) -> dict[str, object]:
    """Everything that was measured, as plain data."""

    def plain(spent: Sequence[Spent]) -> list[dict[str, object]]:
        return [{name: value for name, value in asdict(each).items() if name != "output"} for each in spent]

    told = zip(rows, answers, strict=True)
    return {
        "machine": about,
        "rows": {row.name: {"target": row.target, **asdict(answer)} for row, answer in told},
        "processes": {name: plain(spent) for name, spent in found.items()},
    }


def others() -> None:
    """Run the scripts of the page's other figures; the profile's writes what it prints."""
    for script in ("floors.py", "growth.py"):
        subprocess.run([sys.executable, str(HERE / script), "--write"], check=True)
    command = [sys.executable, str(HERE / "profile_run.py")]
    profile = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    print(profile.stdout)
    write("profile", profile.stdout)


if __name__ == "__main__":
    sys.exit(main())

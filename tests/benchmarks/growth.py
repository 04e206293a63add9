# SPDX-License-Identifier: BSD-2-Clause
"""How time and work grow with a file: one kind of size at a time, with the fitted power of each.

    python tests/benchmarks/growth.py [--runs N] [--only NAME…] [--json FILE] [--write]

Each point is a process of its own that has verified a small path before, so that imports are not in it, and
assembling is not either. For every size the median is taken. What is fitted is the work that the size *adds*:
``T(n) - T(base) = a n^b`` by least squares on logarithms, over the points that add at least a tenth of the
base. ``--write`` puts the table and the plot into docs/performance.md and docs/performance-growth.svg.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from measure import Command, MeasureError, in_turn  # noqa: E402
from page import PAGE, table, write  # noqa: E402
from plot import Panel, drawing  # noqa: E402
from shapes import DIMENSIONS, SAMPLES, Dimension  # noqa: E402

PLOT = PAGE.with_name("performance-growth.svg")
COUNTS = ("instructions", "joins", "solver queries")
WARM = SAMPLES / "linux-2015-tf-tested.S"
LEAST_ADDED = 0.1


@dataclass(frozen=True, slots=True)
class Fit:
    """``y = factor * n ** power``; ``error`` is the standard error of the power, over ``points`` points."""

    factor: float
    power: float
    error: float
    points: int


def fit(points: Sequence[tuple[float, float]]) -> Fit | None:
    """Least squares on the logarithms of (n, y), both above 0; None for fewer than three points."""
    logs = [(math.log(n), math.log(y)) for n, y in points]
    if len(logs) < 3:
        return None
    middle = statistics.fmean(x for x, _ in logs), statistics.fmean(y for _, y in logs)
    spread = sum((x - middle[0]) ** 2 for x, _ in logs)
    power = sum((x - middle[0]) * (y - middle[1]) for x, y in logs) / spread
    rest = sum((y - middle[1] - power * (x - middle[0])) ** 2 for x, y in logs)
    error = math.sqrt(rest / (len(logs) - 2) / spread)
    return Fit(math.exp(middle[1] - power * middle[0]), power, error, len(logs))


def added(values: Mapping[int, float], least: float) -> list[tuple[float, float]]:
    """What each size adds to the first one's value, where it adds at least that part of it."""
    base, first = next(iter(values.items()))
    grown = ((size - (base if base > 0 else 0), value - first) for size, value in values.items())
    return [(size, more) for size, more in grown if size > 0 and more > max(0, least * first)]


def one(path: Path) -> dict[str, Any]:
    """Verify one file in this process; what it took, and the counts of its report."""
    from verifier.options import Options
    from verifier.pipeline import verify

    verify(WARM, Options())
    began = time.perf_counter()
    report = verify(path, Options())
    seconds = time.perf_counter() - began
    timings = dict(report.timings)
    return {
        "verdict": report.verdict,
        "seconds": seconds - timings.get("assemble", 0.0),
        "stages": timings,
        "counts": dict(report.statistics),
    }


def measured(dimension: Dimension, runs: int) -> dict[str, Any]:
    """Every size of a dimension. Raises MeasureError if a path is not proved."""
    with tempfile.TemporaryDirectory() as directory:
        paths = {}
        for size in dimension.sizes:
            place = Path(directory, str(size))
            place.mkdir()
            paths[size] = dimension.make(size, place)
        script = str(Path(__file__).resolve())
        commands = {
            f"{dimension.name} {size}": Command((sys.executable, script, "--one", str(path)))
            for size, path in paths.items()
        }
        spent = in_turn(commands, runs, keep=True)
    points = []
    for size, each in zip(dimension.sizes, spent.values(), strict=True):
        said = [json.loads(run.output) for run in each]
        if {run["verdict"] for run in said} != {"proved"}:
            raise MeasureError(f"{dimension.name} {size}: {said[0]['verdict']}")
        seconds = statistics.median(run["seconds"] for run in said)
        stages = {name: statistics.median(run["stages"].get(name, 0.0) for run in said) for name in said[0]["stages"]}
        memory = statistics.median(run.mebibytes for run in each)
        points.append(
            {"size": size, "seconds": seconds, "stages": stages, "mebibytes": memory, "counts": said[0]["counts"]}
        )
    return {"name": dimension.name, "counts": dimension.counts, "points": points}


def time_fit(found: Mapping[str, Any]) -> Fit | None:
    """The growth of the time."""
    return fit(added({point["size"]: point["seconds"] for point in found["points"]}, LEAST_ADDED))


def power(found: Fit | None) -> str:
    """An exponent with its error."""
    return "–" if found is None else f"{found.power:.2f} ± {found.error:.2f}"


def counted(found: Mapping[str, Any]) -> str:
    """From what to what the counts grow, with the exponent of each that grows."""
    told = []
    for name in COUNTS:
        values = {point["size"]: float(point["counts"].get(name, 0)) for point in found["points"]}
        ends = list(values.values())
        if ends[-1] > ends[0]:
            grown = fit(added(values, 0))
            told.append(f"{name} {ends[0]:.0f} → {ends[-1]:.0f}" + (f" ({grown.power:.2f})" if grown else ""))
    return "; ".join(told) or "none grows"


def largest(found: Mapping[str, Any]) -> str:
    """The stage that took most of what the largest size added."""
    first, last = found["points"][0]["stages"], found["points"][-1]["stages"]
    more = {name: seconds - first.get(name, 0.0) for name, seconds in last.items() if name != "assemble"}
    name = max(more, key=lambda one: more[one])
    return f"{name}, {100 * more[name] / max(1e-9, sum(each for each in more.values() if each > 0)):.0f} %"


def markdown(found: Sequence[Mapping[str, Any]]) -> str:
    """The table of all dimensions."""
    limits = {dimension.name: dimension.limit for dimension in DIMENSIONS}
    rows: list[tuple[str, ...]] = []
    for each in found:
        first, last = each["points"][0], each["points"][-1]
        rows.append(
            (
                f"{first['size']} to {last['size']} {each['counts']}",
                f"{first['seconds']:.2f} → {last['seconds']:.2f} s",
                power(time_fit(each)),
                f"{first['mebibytes']:.0f} → {last['mebibytes']:.0f} MiB",
                counted(each),
                f"{largest(each)}: {limits[each['name']]}",
            )
        )
    head = (
        "what grows",
        "time",
        "power of what is added",
        "peak memory",
        "counts (power)",
        "most of it, and what limits it",
    )
    return table(head, rows)


def plot(found: Sequence[Mapping[str, Any]]) -> str:
    """The drawing of all dimensions."""
    panels = []
    for each in found:
        points = tuple((float(point["size"]), float(point["seconds"])) for point in each["points"])
        grown = time_fit(each)
        base = points[0]
        curve = (base[0], base[1], grown.factor, grown.power) if grown else None
        panels.append(Panel(each["counts"], points, curve, f"n^{power(grown)}" if grown else ""))
    return drawing("Seconds to verify a file, by its size", panels)


def run(names: Sequence[str], runs: int) -> list[dict[str, Any]]:
    """Measure the dimensions with these names, or all."""
    return [measured(dimension, runs) for dimension in DIMENSIONS if not names or dimension.name in names]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How time and work grow with the size of a file.")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="processes for each size (default: 3)")
    parser.add_argument("--only", nargs="+", default=[], choices=[one.name for one in DIMENSIONS], metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every point")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and its plot")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.one is not None:
        print(json.dumps(one(told.one)))
        return
    if told.write and told.only:
        parser.error("--write needs every dimension")
    found = run(told.only, told.runs)
    print(markdown(found))
    if told.json is not None:
        told.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if told.write:
        write("growth", markdown(found))
        PLOT.write_text(plot(found), encoding="utf-8")


if __name__ == "__main__":
    main()

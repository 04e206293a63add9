# SPDX-License-Identifier: BSD-2-Clause
"""Damaged files over every reader: each ends in a result or in an error for its user, in bounded time and memory.

    python tests/evidence/fuzz.py [--count N] [--jobs J] [--seed S] [--runs N] [--only TARGET] [--index I] [--write]

``--count`` files go through the readers (default 100 000), ``--runs`` more through whole runs of the verifier, from
the file to every output format (default 200). File number I of seed S is always the same one, whatever the number of
jobs: ``--only TARGET --index I`` repeats it alone. A file that fails is kept, and its place printed.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from random import Random
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "evidence")]

from fuzz_mutate import areas, damaged, damaged_text  # noqa: E402
from fuzz_targets import Target, checked, pipeline, targets  # noqa: E402

from verifier.model import UserError  # noqa: E402

CHUNK, RUNS_CHUNK = 250, 4
_RUNS = "whole runs"
MEMORY, RUNS_MEMORY = 1 << 30, 6 << 30
"""Address space that reading, or a whole run, may take on top of the libraries', in bytes. Unicorn reserves 1 GiB."""


class OutOfTimeError(BaseException):
    """A file took too long. Not an Exception: nobody catches it on the way."""


@dataclass(slots=True)
class Outcome:
    """What came of some files of one target."""

    target: str
    files: int = 0
    read: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    failures: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Count the other's files in."""
        self.files += other.files
        self.read += other.read
        self.codes += other.codes
        self.slowest = max(self.slowest, other.slowest)
        self.failures += other.failures


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it. The exit status is 1 if any file failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", metavar="TARGET")
    parser.add_argument("--index", type=int)
    parser.add_argument("--write", action="store_true")
    told = parser.parse_args(arguments)
    if told.index is not None:
        outcome = fuzz(told.only, told.seed, told.index, 1)
        print(outcome.failures[0] if outcome.failures else f"{outcome.read} read, {dict(outcome.codes)}")
        return int(bool(outcome.failures))
    start = time.monotonic()
    work = list(chunks(told.count, told.runs, told.only))
    found: dict[str, Outcome] = {}
    for outcome in _all(work, told.seed, told.jobs):
        found.setdefault(outcome.target, Outcome(outcome.target)).add(outcome)
        for failure in outcome.failures:
            print(failure, file=sys.stderr)
    seconds = time.monotonic() - start
    files = sum(one.files for one in found.values())
    failures = sum(len(one.failures) for one in found.values())
    print(table(list(found.values())))
    if told.write:
        import figures

        figures.write("fuzz", table(list(found.values())) + f"\n\nSeed {told.seed}; {failures} failures.")
    rate = files / max(seconds, 0.001)
    print(f"{files} files, {failures} failures, {seconds:.0f} s, {rate:.0f} files/s, seed {told.seed}")
    return int(failures > 0)


def chunks(count: int, runs: int, only: str | None) -> Iterator[tuple[str, int, int]]:
    """(target, first file, number of files): the readers' files by share, then the whole runs."""
    parts = [target for target in _readers() if only in (None, target.name)]
    total = sum(target.share for target in parts)
    for target in parts:
        own = -(-count * target.share // total)
        for first in range(0, own, CHUNK):
            yield target.name, first, min(CHUNK, own - first)
    if only in (None, _RUNS):
        for first in range(0, runs, RUNS_CHUNK):
            yield _RUNS, first, min(RUNS_CHUNK, runs - first)


def fuzz(name: str, seed: int, first: int, count: int) -> Outcome:
    """Files ``first`` and following of a target; the worker of a process."""
    target = _target(name)
    names = sorted(target.seeds)
    others = [target.seeds[one] for one in names]
    outcome = Outcome(name)
    with _bounded_memory(RUNS_MEMORY if name == _RUNS else MEMORY):
        for index in range(first, first + count):
            random = Random(f"{seed} {name} {index}")  # noqa: S311 - reproducible, not secret
            original = target.seeds[random.choice(names)]
            if target.text:
                data = damaged_text(original, others, random)
            else:
                data = damaged(original, _areas(original), others, random)
            _one(target, data, original, outcome, f"--only {name!r} --seed {seed} --index {index}")
    return outcome


def _one(target: Target, data: bytes, original: bytes, outcome: Outcome, again: str) -> None:
    """One file, and what came of it."""
    start = time.perf_counter()
    outcome.files += 1
    try:
        with _alarm(target.seconds):
            target.run(data, original)
        outcome.read += 1
    except UserError as error:
        outcome.codes[error.code] += 1
        try:
            checked(error)
        except AssertionError:
            _failed(outcome, data, again)
    except (Exception, OutOfTimeError):
        _failed(outcome, data, again)
    outcome.slowest = max(outcome.slowest, time.perf_counter() - start)


def _failed(outcome: Outcome, data: bytes, again: str) -> None:
    with tempfile.NamedTemporaryFile(prefix="verify-exit-fuzz-", delete=False) as kept:
        kept.write(data)
    outcome.failures.append(f"FAILED: {again}; kept as {kept.name}\n{traceback.format_exc()}")


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise OutOfTimeError(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _bounded_memory(growth: int) -> Iterator[None]:
    """Let the address space grow by so many bytes; beyond, an allocation fails."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + growth, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _all(work: list[tuple[str, int, int]], seed: int, jobs: int) -> Iterator[Outcome]:
    """The outcomes of all chunks in any order; a worker that died is an outcome too."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("fuzzing", total=sum(count for *_, count in work))
        left = dict.fromkeys(work)
        for outcome, chunk in _pooled(work, seed, jobs):
            del left[chunk]
            bar.advance(task, outcome.files)
            yield outcome
        # A process that dies takes the whole pool with it: what is left is done one by one.
        for chunk in left:
            found = [outcome for outcome, _ in _pooled([chunk], seed, 1)]
            name, first, count = chunk
            text = f"FAILED: a process died at --only {name!r} --seed {seed} --index {first} or {count - 1} behind it"
            bar.advance(task, count)
            yield found[0] if found else Outcome(name, count, failures=[text])


def _pooled(
    work: Sequence[tuple[str, int, int]], seed: int, jobs: int
) -> Iterator[tuple[Outcome, tuple[str, int, int]]]:
    """Outcomes with their chunks, until a process dies."""
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        running = {pool.submit(fuzz, name, seed, first, count): (name, first, count) for name, first, count in work}
        for done in as_completed(running):
            with suppress(BrokenProcessPool):
                yield done.result(), running[done]


def table(outcomes: Sequence[Outcome]) -> str:
    """The figures as Markdown."""
    lines = ["| what is read | files | read | refused | failures |", "|---|---:|---:|---:|---:|"]
    for one in outcomes:
        lines.append(f"| {one.target} | {one.files} | {one.read} | {sum(one.codes.values())} | {len(one.failures)} |")
    return "\n".join(lines)


@cache
def _areas(data: bytes) -> list[tuple[int, int]]:
    return areas(data)


@cache
def _readers() -> tuple[Target, ...]:
    with tempfile.TemporaryDirectory() as place:
        return targets(Path(place))


@cache
def _target(name: str) -> Target:
    if name != _RUNS:
        return next(target for target in _readers() if target.name == name)
    return pipeline()


if __name__ == "__main__":
    sys.exit(main())

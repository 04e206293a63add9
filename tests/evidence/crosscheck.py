# SPDX-License-Identifier: BSD-2-Clause
"""Asks cvc5 and bitwuzla every obligation of the samples, or of other files; docs/cross-checking.md says what that is.

python tests/evidence/crosscheck.py [FILE ...] [--jobs J] [--solvers bitwuzla,cvc5] [--timeout SECONDS] [--write]
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.progress import Progress

from verifier import evidence, pipeline
from verifier.crosscheck import SOLVERS, check, parse_solvers
from verifier.model import UserError
from verifier.obligation_text import Obligation
from verifier.options import Options

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One file: seconds per stage, (solver, subject kind, answer) counted, and what is wrong."""

    name: str
    verdict: str
    seconds: tuple[tuple[str, float], ...]
    counts: tuple[tuple[tuple[str, str, str], int], ...]
    formulas: int
    wrong: tuple[str, ...]


def obligations_of(name: str, timeout: float | None = None) -> tuple[str, list[Obligation]]:
    """The verdict of a file, or the code of the error, and every obligation that it rests on."""
    made: list[Obligation] = []

    def keep(obligations: Sequence[Obligation], _: Any, deadline: Any, progress: Any) -> evidence.Asked:
        made.extend(obligations)
        return evidence.cross_checked(obligations, (), deadline, progress)

    with patch.object(pipeline, "cross_checked", keep):
        try:
            verdict: str = pipeline.verify(Path(name), Options(timeout=timeout, cross_check=SOLVERS)).verdict
        except UserError as error:
            verdict = error.code
    return verdict, made


def examine(name: str, solvers: Sequence[str] = SOLVERS, timeout: float | None = None) -> Outcome:
    """Verify one file and have its obligations solved again."""
    started = time.monotonic()
    verdict, made = obligations_of(name, timeout)
    seconds = [("verify", time.monotonic() - started)]
    counts: Counter[tuple[str, str, str]] = Counter()
    wrong: list[str] = []
    for solver in solvers:
        started = time.monotonic()
        for one in check(made, [solver]):
            subject = one.obligation.subject
            kind = subject if subject in ("reached", "cover", "steps") else f"clause, {one.obligation.expected}"
            counts[solver, kind, one.answer] += 1
            if not one.agrees:
                wrong.append(f"{Path(name).name}: {one.sentence}")
        seconds.append((solver, time.monotonic() - started))
    formulas = len({one.key for one in made})
    return Outcome(name, verdict, tuple(seconds), tuple(sorted(counts.items())), formulas, tuple(wrong))


def _work(task: tuple[str, Sequence[str], float | None]) -> Outcome:
    return examine(*task)


def run(names: Sequence[str], jobs: int, solvers: Sequence[str], timeout: float | None) -> list[Outcome]:
    """Every file, in the order of the names, with a progress bar on stderr."""
    tasks = [(name, solvers, timeout) for name in names]
    with Progress(transient=True) as progress, multiprocessing.get_context("forkserver").Pool(jobs) as pool:
        bar = progress.add_task("cross-check", total=len(tasks))
        done = []
        for outcome in pool.imap(_work, tasks):
            done.append(outcome)
            progress.advance(bar)
    return done


def table(outcomes: Sequence[Outcome], solvers: Sequence[str]) -> str:
    """The figures as a Markdown table."""
    counts: Counter[tuple[str, str, str]] = Counter()
    seconds: defaultdict[str, float] = defaultdict(float)
    for outcome in outcomes:
        counts.update(dict(outcome.counts))
        for stage, spent in outcome.seconds:
            seconds[stage] += spent
    rows = [
        "| obligations | " + " | ".join(f"{solver} agrees" for solver in solvers) + " |",
        "|---|" + "---|" * len(solvers),
    ]
    for kind in sorted({kind for _, kind, _ in counts}):
        expected = "sat" if kind == "clause, sat" else "unsat"
        asked = sum(count for (solver, known, _), count in counts.items() if known == kind and solver == solvers[0])
        agreed = [
            sum(n for (s, k, answer), n in counts.items() if (s, k) == (solver, kind) and _fits(kind, answer, expected))
            for solver in solvers
        ]
        rows.append(f"| {asked} {kind} | " + " | ".join(map(str, agreed)) + " |")
    formulas = sum(outcome.formulas for outcome in outcomes)
    times = ", ".join(f"{solver} {seconds[solver]:.0f} s" for solver in solvers)
    wrong = sum(len(outcome.wrong) for outcome in outcomes)
    rows += [
        "",
        f"{len(outcomes)} files, {formulas} different formulas; {times} of processor time; {wrong} disagreements.",
    ]
    return "\n".join(rows)


def _fits(kind: str, answer: str, expected: str) -> bool:
    return answer in ("sat", "unsat") if kind == "reached" else answer == expected


def sample_names() -> list[str]:
    """Every sample, without the fragments that are there to be included."""
    heads = {path: path.read_text(encoding="utf-8")[:500] for path in sorted(SAMPLES.glob("*.S"))}
    return [str(path.relative_to(ROOT)) for path, head in heads.items() if "# FRAGMENT" not in head]


def main(arguments: Sequence[str]) -> int:
    """The script; 1 if a solver disagrees or does not know."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--solvers", type=parse_solvers, default=SOLVERS)
    parser.add_argument("--timeout", type=float)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/evidence.md")
    told = parser.parse_args(arguments)
    outcomes = run(told.files or sample_names(), told.jobs, told.solvers, told.timeout)
    wrong = [line for outcome in outcomes for line in outcome.wrong]
    for line in wrong:
        print(line)
    figures = table(outcomes, told.solvers)
    if told.write:
        from figures import write

        write("crosscheck", figures)
    print(figures)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

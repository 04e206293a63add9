# SPDX-License-Identifier: BSD-2-Clause
"""Writes the suggested tests of the violated samples into copies, and verifies these; docs/evidence.md has the figures.

python tests/evidence/suggestions.py [SAMPLE ...] [--jobs J] [--write]
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hint_samples import SAMPLES, Outcome, applied, copied

REASONS = {
    "words": "no register holds a word that is compared",
    "label": "the IRET exit has no name, or there is none",
    "macro": "the place is inside of a macro",
    "elsewhere": "the place is in another file",
}
"""Why a test could not be written into its sample."""


def violated() -> tuple[str, ...]:
    """The samples that are violated."""
    paths = sorted(SAMPLES.glob("*.S"))
    return tuple(path.name for path in paths if "\n# EXPECT:   violated" in path.read_text(encoding="utf-8"))


def examine(name: str) -> Outcome:
    """What becomes of the hints of one sample."""
    with tempfile.TemporaryDirectory() as folder:
        return applied(copied(name, Path(folder)))


def run(names: Sequence[str], jobs: int) -> list[Outcome]:
    """What becomes of each sample, in the order of the names, with a progress bar on stderr."""
    with Progress(transient=True) as bar, multiprocessing.get_context("forkserver").Pool(jobs) as pool:
        return list(bar.track(pool.imap(examine, names), len(names)))


def table(outcomes: Sequence[Outcome]) -> str:
    """The figures in Markdown."""
    hinted = sum(bool(one.written or one.left) for one in outcomes)
    counts = {
        "violated samples": len(outcomes),
        "with hints": hinted,
        "whose hints were written into a copy": sum(bool(one.written) for one in outcomes),
        "violated clauses that these are said to repair, and that are proved in the copy": sum(
            len(one.written) for one in outcomes
        ),
        "hints that did not do what they say": sum(len(one.wrong) for one in outcomes),
    }
    left = Counter(REASONS[why] for one in outcomes for why in one.left)
    counts |= {f"not written: {text}": number for text, number in sorted(left.items())}
    return "\n".join(["| | |", "|---|--:|", *(f"| {text} | {number} |" for text, number in counts.items())])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was written and what was wrong; the status is 1 if anything was."""
    parser = argparse.ArgumentParser(description="Suggested tests, written into the samples and verified.")
    parser.add_argument("samples", nargs="*", metavar="SAMPLE", help="default: all that are violated")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/evidence.md")
    told = parser.parse_args(arguments)
    names = told.samples or violated()
    outcomes = run(names, told.jobs)
    wrong = [f"{name}: {text}" for name, one in zip(names, outcomes, strict=True) for text in one.wrong]
    for line in wrong:
        print(line)
    figures = table(outcomes)
    if told.write:
        from figures import write

        write("suggestions", figures)
    print(figures)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

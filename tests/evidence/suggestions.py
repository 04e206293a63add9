# SPDX-License-Identifier: BSD-2-Clause
"""Writes the suggested tests of the violated samples into copies, and verifies these; docs/hints.md has the figures.

python tests/evidence/suggestions.py [SAMPLE ...]
"""

from __future__ import annotations

import argparse
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was written and what was wrong; the status is 1 if anything was."""
    parser = argparse.ArgumentParser(description="Suggested tests, written into the samples and verified.")
    parser.add_argument("samples", nargs="*", metavar="SAMPLE", help="default: all that are violated")
    names = parser.parse_args(arguments).samples or violated()
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    with Progress(transient=True) as bar:
        for name in bar.track(names):
            outcome = examine(name)
            counts["hinted"] += bool(outcome.written or outcome.left)
            counts["written"] += bool(outcome.written)
            counts["clauses"] += len(outcome.written)
            counts.update(f"left: {REASONS[why]}" for why in outcome.left)
            wrong += (f"{name}: {text}" for text in outcome.wrong)
    print(f"{len(names)} samples, {counts.pop('hinted')} with hints")
    print(f"written into {counts.pop('written')}, for {counts.pop('clauses')} violated clauses; {len(wrong)} wrong")
    for text, number in sorted(counts.items()):
        print(f"{text}: {number}")
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

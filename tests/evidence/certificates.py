# SPDX-License-Identifier: BSD-2-Clause
"""How many "unsat" obligations of the samples have a certificate; docs/cross-checking.md says what one is.

python tests/evidence/certificates.py [FILE ...] [--jobs J] [--conflicts N] [--write]
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

from crosscheck import obligations_of, sample_names
from rich.progress import Progress

from verifier.certificate.files import certify
from verifier.certificate.search import CONFLICTS


@dataclass(frozen=True, slots=True)
class Share:
    """One file: (subject kind, has a certificate) counted, what has none, sizes in bytes, seconds."""

    verdict: str
    counts: tuple[tuple[tuple[str, bool], int], ...]
    missing: tuple[str, ...]
    clauses: int
    proof: int
    lemmas: int
    seconds: float


def examine(name: str, conflicts: int = CONFLICTS) -> Share:
    """Verify one file and look for a certificate of each obligation that is "unsat"; each found is checked."""
    verdict, made = obligations_of(name)
    started = time.monotonic()
    counts: Counter[tuple[str, bool]] = Counter()
    found = certify(made, conflicts)
    for one in found:
        subject = one.obligation.subject
        counts[subject if subject in ("reached", "cover", "steps") else "clause", one.note == ""] += 1
    return Share(
        verdict,
        tuple(sorted(counts.items())),
        tuple(f"{Path(name).name}: {one.obligation.id}: {one.note}" for one in found if one.note),
        max((len(one.clauses) for one in found), default=0),
        max((len(one.proof) for one in found), default=0),
        max((one.lemmas for one in found), default=0),
        time.monotonic() - started,
    )


def _work(task: tuple[str, int]) -> Share:
    return examine(*task)


def table(shares: Sequence[Share]) -> str:
    """The figures as a Markdown table."""
    groups: dict[str, Counter[tuple[str, bool]]] = defaultdict(Counter)
    for share in shares:
        groups["all"].update(dict(share.counts))
        if share.verdict == "proved":
            groups["proved"].update(dict(share.counts))
    rows = ["| unsat obligations | of files that are proved | with a certificate | of all files | with a certificate |"]
    rows.append("|---|---|---|---|---|")
    for kind in sorted({kind for kind, _ in groups["all"]}):
        cells = []
        for group in ("proved", "all"):
            counted = groups[group]
            cells += [counted[kind, True] + counted[kind, False], counted[kind, True]]
        rows.append(f"| {kind} | " + " | ".join(map(str, cells)) + " |")
    seconds, proved = sum(share.seconds for share in shares), sum(share.verdict == "proved" for share in shares)
    clauses, proof, learned = (
        max(sizes) for sizes in zip(*((s.clauses, s.proof, s.lemmas) for s in shares), strict=True)
    )
    rows.append("")
    rows.append(
        f"{len(shares)} files, {proved} of them proved; {seconds:.0f} s of processor time to find and check them; "
        f"the largest has {clauses} bytes of clauses, {proof} bytes of proof and {learned} lemmas."
    )
    return "\n".join(rows)


def main(arguments: Sequence[str]) -> int:
    """The script; 1 if an obligation of a proved file has no certificate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--conflicts", type=int, default=CONFLICTS)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/evidence.md")
    told = parser.parse_args(arguments)
    tasks = [(name, told.conflicts) for name in told.files or sample_names()]
    shares = []
    with Progress(transient=True) as progress, multiprocessing.get_context("forkserver").Pool(told.jobs) as pool:
        bar = progress.add_task("certificates", total=len(tasks))
        for share in pool.imap(_work, tasks):
            shares.append(share)
            progress.advance(bar)
    for share in shares:
        for line in share.missing:
            print(line)
    figures = table(shares)
    if told.write:
        from figures import write

        write("certificates", figures)
    print(figures)
    return 1 if any(share.missing and share.verdict == "proved" for share in shares) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

# SPDX-License-Identifier: BSD-2-Clause
"""Tries to refute every proved clause of the samples with concrete machines; docs/challenge.md says how.

python tests/evidence/challenge.py [--count N] [--jobs J] [--seed S] [--write]

``--count`` frames (10^6 if nothing is said) are spread over the exits with proved clauses. How strong the search is
shows on the others: how many violated clauses it finds by itself, with 2000 frames for each exit.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections import Counter
from dataclasses import dataclass
from functools import partial

from challenge_cases import SAMPLES, cases, names
from figures import write
from rich.console import Console
from rich.progress import Progress

from verifier.model import UserError

COUNT = 1_000_000
SITES = 500
"""About so many exits have proved clauses."""
STRENGTH = 2000
"""Frames for each exit with violated clauses."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One sample: what was run, what contradicts a proof, and what of the violated clauses was found.

    ``found`` and ``missed`` have one entry for each clause and configuration.
    """

    name: str
    frames: int
    compared: int
    proofs: int
    ends: tuple[tuple[str, int], ...]
    reasons: tuple[tuple[str, int], ...]
    not_judged: tuple[str, ...]
    silent: int
    wrong: tuple[str, ...]
    found: tuple[str, ...]
    missed: tuple[str, ...]


def attempt(name: str, frames: int, seed: int, strength: int = STRENGTH) -> Outcome:
    """Challenge every exit of one sample."""
    ran = compared = proofs = silent = 0
    ends: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    skipped: set[str] = set()
    wrong: list[str] = []
    found: list[str] = []
    missed: list[str] = []
    try:
        exits = cases(SAMPLES / name)
    except UserError:
        exits = []
    for case in exits:
        if case.proved:
            result = case.run(case.proved, frames, seed)
            ran, compared = ran + result.frames, compared + result.compared
            proofs += sum(name in result.judged for claimed in case.proved.values() for name in claimed)
            ends.update(dict(result.ends))
            reasons.update(dict(result.not_comparable))
            skipped |= {f"{clause}: {why}" for clause, why in result.not_judged}
            silent += not result.compared
            wrong += [
                f"{name}: {one.clause} on {':'.join(one.config)}: {one.inputs} ({one.note})"
                for one in result.divergences
            ]
        if case.violated:
            result = case.run(case.violated, strength, seed)
            here = {(one.clause, one.config) for one in result.divergences}
            for config, clauses in case.violated.items():
                for clause in clauses:
                    (found if (clause, config) in here else missed).append(clause)
    return Outcome(
        name, ran, compared, proofs, tuple(sorted(ends.items())), tuple(sorted(reasons.items())),
        tuple(sorted(skipped)), silent, tuple(wrong), tuple(sorted(found)), tuple(sorted(missed)),
    )  # fmt: skip


def summary(outcomes: list[Outcome]) -> str:
    """The figures as Markdown."""
    frames, compared = sum(one.frames for one in outcomes), sum(one.compared for one in outcomes)
    ends: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    found: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for one in outcomes:
        ends.update(dict(one.ends))
        reasons.update(dict(one.reasons))
        found.update(one.found)
        missed.update(one.missed)
    proofs, wrong = sum(one.proofs for one in outcomes), sum(len(one.wrong) for one in outcomes)
    told = [f"{kind} {number:,}" for kind, number in ends.most_common()]
    share = f"{sum(found.values())} of {sum(found.values()) + sum(missed.values())}"
    lines = [
        f"{frames:,} frames against {proofs:,} proofs (a clause under a configuration) in {len(outcomes)} samples; "
        f"{compared:,} came to the exit in question and were judged. **Divergences: {wrong}.**",
        "",
        f"Ends: {'; '.join(told)}.",
        f"Not comparable: {'; '.join(f'{why} {number:,}' for why, number in reasons.most_common()) or 'none'}.",
        f"Exits with proofs that no frame came to: {sum(one.silent for one in outcomes)}.",
        "",
        f"Strength: {share} violated (clause, configuration) pairs are found without the solver's counterexample.",
        "",
        "| clause | found | missed |",
        "| --- | ---: | ---: |",
        *(f"| `{name}` | {found[name]} | {missed[name]} |" for name in sorted(found.keys() | missed.keys())),
    ]
    return "\n".join(lines)


def main() -> int:
    """Run it; 1 if anything diverges."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", nargs="*", help="names of samples; all if none is given")
    parser.add_argument("--count", type=int, default=COUNT, help="frames against proved clauses")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the figures into docs/evidence.md")
    told = parser.parse_args()
    chosen = told.samples or names()
    frames = max(1, -(-told.count // (SITES if not told.samples else len(chosen))))
    outcomes: list[Outcome] = []
    context = multiprocessing.get_context("spawn")
    with (
        context.Pool(told.jobs, maxtasksperchild=32) as pool,
        Progress(console=Console(stderr=True)) as progress,
    ):
        task = progress.add_task("challenge", total=len(chosen))
        for one in pool.imap_unordered(partial(attempt, frames=frames, seed=told.seed), chosen):
            outcomes.append(one)
            progress.advance(task)
            for text in one.wrong:
                progress.console.print(f"DIVERGENCE {text}", markup=False)
    outcomes.sort(key=lambda one: one.name)
    for one in outcomes:
        if one.missed:
            print(f"missed in {one.name}: {', '.join(one.missed)}")
    for text in sorted({text for one in outcomes for text in one.not_judged}):
        print(f"not judged: {text}")
    print(summary(outcomes))
    if told.write:
        write("challenge", summary(outcomes))
    wrong = sum(len(one.wrong) for one in outcomes)
    print(f"challenge: {sum(one.frames for one in outcomes)} frames, {wrong} divergences, seed {told.seed}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: BSD-2-Clause
"""Samples against their mutants: what ``verify-exit diff`` says of a change, and what the emulator does with it.

    python tests/evidence/diff_mutants.py                                  # the nightly run
    python tests/evidence/diff_mutants.py --only 'SAMPLE: NAME' --verbose  # one mutant, by the name that a run prints

Each pair is compared by the solver, for one CPU configuration, and many machines are run through the bytes of both. A
*contradiction* is a machine that leaves by another exit, or with another user state, although the comparison says
that there is none such; for which HEAD is wrong although it is called safe; that differs although no divergence admits
it; that meets exact conditions and does not differ; or an example that does not do what is said of it.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(ROOT), str(ROOT / "tests")]

import figures  # noqa: E402
from diff_runs import FAST, Arena, Pair, met, seeds  # noqa: E402
from mutate import Sample, candidates, choose, proved_samples, sample  # noqa: E402
from mutation import Mutant, apply  # noqa: E402

from verifier.differ import compare  # noqa: E402
from verifier.exploring import Survey  # noqa: E402
from verifier.insights import Comparison, Divergence  # noqa: E402
from verifier.model import ALL_CONFIGS, Config, FileReport, Image, UserError  # noqa: E402
from verifier.options import Options  # noqa: E402
from verifier.pipeline import surveyed_image  # noqa: E402

COUNT, SEED, FRAMES = 400, 1, 1200
SEEDS = 6
"""Machines from which others are made, for each pair."""
SECONDS = 40.0

STEP = 5
"""Every fifth of the proved samples is mutated, unless they are named."""

Surveyed = tuple[FileReport, tuple[Survey, ...]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One pair; ``differing`` of the ``machines`` did something else in HEAD."""

    sample: str
    name: str
    operator: str
    status: str
    machines: int = 0
    differing: int = 0
    contradictions: tuple[str, ...] = ()
    reason: str = ""
    seconds: float = 0.0


def suitable(name: str) -> bool:
    """Whether the sample has one entry with a frame, and no code that is patched: one set of bytes is run."""
    one = sample(name)
    return (
        len(one.ways) == 1
        and one.chosen.frame != "auto"
        and one.ways[0].contract.has_reference
        and not one.loaded.image.patches
    )


@lru_cache(maxsize=4)
def base_of(name: str, config: Config) -> Surveyed:
    """A sample's report and explorations."""
    return _surveyed(sample(name), sample(name).loaded.image, config)


def _surveyed(origin: Sample, image: Image, config: Config) -> Surveyed:
    chosen = replace(origin.chosen, configs=(config,), timeout=SECONDS)
    return surveyed_image(origin.given, replace(origin.loaded, image=image), Options(), chosen, origin.contract)


def judge(name: str, mutant: Mutant, config: Config, frames: int = FRAMES) -> Outcome:
    """What the comparison says of a mutant, held against machines on the emulator."""
    begun = time.monotonic()
    try:
        outcome = _judged(name, mutant, config, frames)
    except UserError as error:
        outcome = Outcome(name, mutant.name, mutant.operator, "refused", reason=error.code)
    except Exception as error:  # a traceback is a defect: counted, shown, and the run fails
        text = f"{type(error).__name__}: {error}"
        outcome = Outcome(name, mutant.name, mutant.operator, "crash", contradictions=(text,))
    return replace(outcome, seconds=time.monotonic() - begun)


def _judged(name: str, mutant: Mutant, config: Config, frames: int) -> Outcome:
    origin = sample(name)
    image = apply(origin.loaded.image, mutant)
    base, head = base_of(name, config), _surveyed(origin, image, config)
    found = compare(base, head)
    reason = found.reasons[0] if found.reasons else ""
    outcome = Outcome(name, mutant.name, mutant.operator, found.status, reason=reason)
    if not (base[1] and head[1]):
        return outcome
    source = random.Random(f"{SEED}:{name}:{mutant.name}")  # noqa: S311
    told: dict[str, None] = {}
    machines = differing = 0
    for one in seeds(base[1][0], head[1][0], config, SEEDS):
        try:
            arena = Arena(base[1][0].contract, one, image, config)
        except Exception as stop:  # a seed that is no machine
            if type(stop).__name__ != "StopError":
                raise
            continue
        try:
            for divergence in found.divergences:
                told.update(dict.fromkeys(_example(arena, divergence)))
            for pair in arena.pairs(frames // SEEDS, source):
                machines += 1
                differing += bool(pair.kind)
                told.update(dict.fromkeys(contradictions(found, pair, config)))
        finally:
            arena.close()
    return replace(outcome, machines=machines, differing=differing, contradictions=tuple(told))


def _example(arena: Arena, told: Divergence) -> Iterator[str]:
    """Whether a divergence's example does what is said of it."""
    frame = arena.with_inputs({one.name: one.value for one in told.example})
    pair = None if frame is None else arena.pair(frame)
    if pair is None:
        return
    if pair.kind != told.kind and not (told.kind == "state" and {"irq", "stack", "gs"} & set(told.differs)):
        yield f"the example of {told.kind} is {pair.kind or 'alike'}"
    for side, end, said in (("BASE", pair.base, told.base), ("HEAD", pair.head, told.head)):
        if said is not None and end.kind != said.instruction:
            yield f"the example leaves by {end.kind} in {side}, not by {said.instruction}"


def contradictions(found: Comparison, pair: Pair, config: Config) -> Iterator[str]:
    """What one machine has against a comparison."""
    if found.status == "equivalent" and pair.kind:
        yield f"equivalent, but {_shown(pair)}"
    if found.status == "safe" and pair.head.wrong and (pair.kind or pair.head.kind in FAST):
        yield f"safe, but HEAD is wrong in {', '.join(pair.head.wrong)}: {_shown(pair)}"
    here = [one for one in found.divergences if config in one.configs]
    fits = [one for one in here if one.kind == pair.kind and (one.visible or not pair.visible)]
    admitted = [met(one.conditions, pair.values, config) for one in fits]
    if pair.kind and not found.reasons and all(one is False for one in admitted):
        yield f"no divergence admits it: {_shown(pair)}"
    for one in here:
        if not one.exact or met(one.conditions, pair.values, config) is not True:
            continue
        if pair.kind != one.kind and not (one.kind == "state" and not pair.kind):
            yield f"the exact conditions of {one.kind} hold: {_shown(pair)}"
        elif not one.visible and pair.visible:
            yield f"a difference that nobody sees is seen: {_shown(pair)}"


def _shown(pair: Pair) -> str:
    names = [name for name, value in pair.base.given.items() if pair.head.given.get(name) != value]
    words = {name: hex(value) for name, value in pair.values.items() if name.startswith("frame.") or name[:3] == "gs:"}
    what = f"{pair.kind or 'alike'}{' visibly' if pair.visible else ''}"
    return f"{what}: {pair.base.kind}, then {pair.head.kind}; {', '.join(names)}; {words}"


# Many of them.


def _catalogue(name: str) -> tuple[str, dict[str, list[tuple[str, int]]]]:
    if not suitable(name):
        return name, {}
    return name, {by: [(one.name, one.address) for one in all_of] for by, all_of in candidates(name).items()}


def _judge_some(work: tuple[str, tuple[tuple[str, Config], ...], int]) -> list[Outcome]:
    name, wanted, frames = work
    by_name = {one.name: one for all_of in candidates(name).values() for one in all_of}
    return [judge(name, by_name[one], config, frames) for one, config in wanted]


def run(names: Sequence[str], count: int, seed: int, jobs: int, frames: int) -> Iterator[Outcome]:
    """The outcomes of so many pairs, as they come; the configurations take turns."""
    with get_context("forkserver").Pool(jobs) as pool:
        catalogue = {name: found for name, found in pool.imap_unordered(_catalogue, names) if found}
        by_sample: dict[str, list[tuple[str, Config]]] = defaultdict(list)
        for number, (name, one) in enumerate(choose(catalogue, count, seed)):
            by_sample[name].append((one, ALL_CONFIGS[number % len(ALL_CONFIGS)]))
        work = [(name, tuple(sorted(all_of, key=lambda one: one[1])), frames) for name, all_of in by_sample.items()]
        for outcomes in pool.imap_unordered(_judge_some, work):
            yield from outcomes


STATUSES = ("equivalent", "safe", "unsafe", "inconclusive", "refused", "crash")


def table(found: Sequence[Outcome]) -> str:
    """The figures for docs/evidence.md."""
    rows = [
        "| HEAD is | pairs | of them some machine differs on the emulator | machines | differing | contradictions |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for status in (*STATUSES, "all"):
        here = [one for one in found if status in (one.status, "all")]
        if not here:
            continue
        numbers = (
            len(here),
            sum(one.differing > 0 for one in here),
            sum(one.machines for one in here),
            sum(one.differing for one in here),
            sum(len(one.contradictions) for one in here),
        )
        name = f"**{status}**" if status == "all" else status
        rows.append(f"| {name} | {' | '.join(f'{number}' for number in numbers)} |")
    samples = len({one.sample for one in found})
    return "\n".join([*rows, "", f"{samples} samples, {len(found)} mutants of them."])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--only", metavar="'SAMPLE: NAME'")
    parser.add_argument("--sample", action="append")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--write", action="store_true")
    told = parser.parse_args()
    outcomes: Iterable[Outcome]
    if told.only is not None:
        name, _, mutant = told.only.partition(": ")
        outcomes = _judge_some((name, tuple((mutant, config) for config in ALL_CONFIGS), told.frames))
    else:
        outcomes = run(told.sample or proved_samples()[::STEP], told.count, told.seed, told.jobs, told.frames)
    found: list[Outcome] = []
    for one in outcomes:
        found.append(one)
        if told.verbose or told.only or one.contradictions:
            print(f"{one.status} {one.sample}: {one.name} ({one.machines} machines, {one.differing} differ, "
                  f"{one.seconds:.1f} s) {one.reason}", flush=True)  # fmt: skip
            for text in one.contradictions:
                print(f"  CONTRADICTION: {text}", flush=True)
    if told.write:
        figures.write("diff-mutants", table(found))
    elif told.only is None:
        print(table(found))
    return 1 if not found or any(one.contradictions for one in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())

# SPDX-License-Identifier: BSD-2-Clause
"""Mutants of every proved sample, each judged by the verifier and by random search on the emulator.

    python tests/evidence/mutate.py                                  # the nightly run
    python tests/evidence/mutate.py --only 'SAMPLE: NAME' --verbose  # one mutant, by the name that a run prints

A mutant is *killed* if the verifier finds it violated, with a replayed counterexample, *refused* if it does not
decide, and a *survivor* if it is proved: then the search must find nothing and ``equivalence`` says how it differs
from the original. A machine that breaks a clause which the verifier calls proved is a *disagreement*.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(ROOT), str(ROOT / "tests")]

import figures  # noqa: E402
from equivalence import Explanation, executed, explain  # noqa: E402
from mutant_search import Findings, Ground, grounds, search  # noqa: E402
from mutation import Mutant, Program, apply, programs  # noqa: E402
from operators import mutants  # noqa: E402
from outcomes_table import ORDER, Outcome, shown, summary, table  # noqa: E402
from test_samples import SAMPLES, expectation, sample_names  # noqa: E402

from verifier.contract import Contract, load_contract  # noqa: E402
from verifier.inputs import Input, Loaded, prepare, read  # noqa: E402
from verifier.model import FileReport, Image, UserError  # noqa: E402
from verifier.options import Options, from_words, resolve, with_header  # noqa: E402
from verifier.pipeline import examine  # noqa: E402
from verifier.plan import Way, plan  # noqa: E402

COUNT, SEED = 2500, 1
FRAMES = 2000
"""Machines that the search runs for a mutant that is proved."""
SECONDS = 60.0
"""Time limit for one mutant; one that reaches it is refused."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A proved sample, ready to be changed."""

    given: Input
    loaded: Loaded
    chosen: Options
    contract: Contract
    ways: tuple[Way, ...]
    programs: tuple[Program, ...]
    grounds: tuple[Ground, ...]


def proved_samples() -> tuple[str, ...]:
    """The samples whose header promises "proved"."""
    return tuple(name for name in sample_names() if expectation(name).verdict == "proved")


@lru_cache(maxsize=4)
def sample(name: str) -> Sample:
    """A sample by its file name."""
    given = read(SAMPLES / name)
    header = given.header
    from_header = with_header(from_words(header.args, name), header.entries, header.contract)
    chosen = resolve(Options(timeout=SECONDS), from_header)
    contract = load_contract(chosen.contract or "", SAMPLES)
    loaded = prepare(given, chosen, contract)
    jobs = plan(loaded.image, chosen.entries, contract, given.is_source).jobs
    ways = tuple(way for job in jobs for way in job.ways)
    code = programs(loaded.image, (one for way in ways for one in executed(loaded.image, way)))
    where = grounds(loaded.image, ways, chosen.configs or (), chosen.frame == "auto")
    return Sample(given, loaded, chosen, contract, ways, code, where)


@lru_cache(maxsize=4)
def candidates(name: str) -> Mapping[str, Sequence[Mutant]]:
    """All mutants of a sample, by operator."""
    return mutants(sample(name).programs)


def spread(found: Sequence[tuple[str, int]], rng: random.Random) -> list[str]:
    """Names of mutants (with the address changed), at random but so that every address comes before one comes again."""
    by_place: dict[int, list[str]] = defaultdict(list)
    for name, address in found:
        by_place[address].append(name)
    for names in by_place.values():
        rng.shuffle(names)
    places = sorted(by_place)
    rng.shuffle(places)
    result: list[str] = []
    while places:
        result += [by_place[place].pop() for place in places]
        places = [place for place in places if by_place[place]]
    return result


Catalogue = Mapping[str, Mapping[str, Sequence[tuple[str, int]]]]
"""For each sample and operator the names of the mutants, with the addresses that they change."""


def choose(catalogue: Catalogue, count: int, seed: int) -> list[tuple[str, str]]:
    """So many (sample, mutant), the same for a seed: by turns from each sample, of the operator that has fewest."""
    left = {
        name: {
            operator: spread(found, random.Random(f"{seed}:{name}:{operator}"))  # noqa: S311
            for operator, found in sorted(by_operator.items())
        }
        for name, by_operator in sorted(catalogue.items())
    }
    chosen: list[tuple[str, str]] = []
    taken: Counter[str] = Counter()
    while len(chosen) < count and left:
        for name, by_operator in list(left.items()):
            if not by_operator:
                del left[name]
                continue
            operator = min(by_operator, key=lambda one: (taken[one], one))
            taken[operator] += 1
            chosen.append((name, by_operator[operator].pop(0)))
            if not by_operator[operator]:
                del by_operator[operator]
    return chosen[:count]


def judge(name: str, mutant: Mutant, frames: int = FRAMES) -> Outcome:
    """What the verifier and the search say about one mutant of a sample.

    ``frames`` machines are run against a proof, and a quarter of them where nothing is proved.
    """
    begun = time.monotonic()
    try:
        outcome = _judged(sample(name), name, mutant, frames)
    except UserError as error:
        outcome = Outcome(name, mutant.name, mutant.operator, "refused", (error.code,))
    except Exception as error:  # a traceback is a defect of the verifier: counted, shown, and the run fails
        outcome = Outcome(name, mutant.name, mutant.operator, "crash", (f"{type(error).__name__}: {error}",))
    return replace(outcome, seconds=time.monotonic() - begun)


def _judged(origin: Sample, name: str, mutant: Mutant, frames: int) -> Outcome:
    image = apply(origin.loaded.image, mutant)
    report = examine(origin.given, replace(origin.loaded, image=image), Options(), origin.chosen, origin.contract)
    outcome = Outcome(name, mutant.name, mutant.operator, "killed", violated(report))
    if report.verdict != "proved":
        found = search(origin.grounds, (origin.loaded.image, mutant), report, max(1, frames // 4), SEED)
        if report.verdict != "violated":
            codes = tuple(sorted({reason.code for reason in report.reasons}))
            outcome = replace(outcome, fate="refused", codes=codes)
        return _with(outcome, found)
    why = explained(origin, image)
    outcome = replace(outcome, fate="survivor", why=why)
    outcome = _with(outcome, search(origin.grounds, (origin.loaded.image, mutant), report, frames, SEED))
    if why.kind in ("wider", "otherwise", "unexplained"):
        # Where it does something else, machines that take its own paths are worth a look as well.
        own = grounds(image, origin.ways, report.configs, origin.chosen.frame == "auto")
        outcome = _with(outcome, search(own, None, report, frames, SEED))
    return outcome


def _with(outcome: Outcome, found: Findings) -> Outcome:
    return replace(
        outcome,
        broken=tuple(sorted({*outcome.broken, *found.broken})),
        disagreements=tuple(sorted({*outcome.disagreements, *found.disagreements})),
        compared=outcome.compared + found.compared,
    )


def violated(report: FileReport) -> tuple[str, ...]:
    """The clauses with a replayed counterexample."""
    found = {one.id for site in report.sites for one in site.clauses if one.status == "violated"}
    return tuple(sorted(found))


def explained(origin: Sample, image: Image) -> Explanation:
    """The explanation for the entry where the mutant differs most."""
    found = [explain(origin.loaded.image, image, way) for way in origin.ways]
    return min(found, key=lambda one: ORDER.index(one.kind))


# Many of them.


def _catalogue(name: str) -> tuple[str, dict[str, list[tuple[str, int]]]]:
    found = candidates(name)
    return name, {operator: [(one.name, one.address) for one in all_of] for operator, all_of in found.items()}


def _judge_some(work: tuple[str, tuple[str, ...], int]) -> list[Outcome]:
    name, wanted, frames = work
    by_name = {one.name: one for all_of in candidates(name).values() for one in all_of}
    return [judge(name, by_name[one], frames) for one in wanted]


def run(names: Sequence[str], count: int, seed: int, jobs: int, frames: int) -> Iterator[Outcome]:
    """The outcomes of so many mutants, as they come."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        get_context("forkserver").Pool(jobs) as pool,
        Progress(*columns, console=Console(stderr=True)) as progress,
    ):
        finding = progress.add_task("finding places", total=len(names))
        catalogue: dict[str, dict[str, list[tuple[str, int]]]] = {}
        for name, found in pool.imap_unordered(_catalogue, names):
            catalogue[name] = found
            progress.advance(finding)
        chosen = choose(catalogue, count, seed)
        by_sample: dict[str, list[str]] = defaultdict(list)
        for name, one in chosen:
            by_sample[name].append(one)
        judging = progress.add_task("judging mutants", total=len(chosen))
        for outcomes in pool.imap_unordered(
            _judge_some, [(name, tuple(all_of), frames) for name, all_of in by_sample.items()]
        ):
            progress.advance(judging, len(outcomes))
            yield from outcomes


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
    if told.only is not None:
        name, _, mutant = told.only.partition(": ")
        outcomes: Iterable[Outcome] = _judge_some((name, (mutant,), told.frames))
    else:
        outcomes = run(told.sample or proved_samples(), told.count, told.seed, told.jobs, told.frames)
    found: list[Outcome] = []
    for one in outcomes:
        found.append(one)
        if told.verbose or told.only or one.wrong:
            print(shown(one), flush=True)
    found.sort(key=lambda one: (one.sample, one.name))
    if told.write:
        figures.write("mutants", table(found))
    elif told.only is None:
        print(table(found))
    print(summary(found))
    return 1 if not found or any(one.wrong for one in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())

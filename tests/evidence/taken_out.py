# SPDX-License-Identifier: BSD-2-Clause
"""Takes every guard out of the samples, and compares what is no longer proved with what is said to need the guard.

python tests/evidence/taken_out.py [SAMPLE ...] [--jobs J] [--shard I/N] [--write]

The branch is written over in the file's bytes, once with a NOP and once with a jump, and the changed file is explored
and proved by itself: none of that knows of switches. docs/guards.md says what is claimed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.progress import Progress

from verifier.exploring import Exit, Survey, Task, by_site, clauses_of, compared, explore
from verifier.freed import Freed, freed
from verifier.guards import Guarded, guard_uses
from verifier.judge import _problems
from verifier.lift.entry import build
from verifier.model import Image, UserError, address_of, variant_of
from verifier.obligations import JUDGED, cr3_reference
from verifier.opening import opened
from verifier.options import Options
from verifier.pipeline import surveyed
from verifier.prove import SiteAnswers, prove_site
from verifier.solver import Solver

SAMPLES = Path(__file__).resolve().parents[2] / "samples"

Pairs = frozenset[tuple[str, tuple[str, str]]]
"""Clauses, each with a configuration of the CPU."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One sample: what was counted, and what is wrong with what is said."""

    name: str
    counts: tuple[tuple[str, int], ...]
    wrong: tuple[str, ...]


def branch_replaced(image: Image, place: int, always: bool) -> Image | None:
    """The image whose branch at ``place`` is never, or always, taken; None for what is no conditional jump."""
    address = address_of(place)
    code = image.code_at(address)
    short = code[0] & 0xF0 == 0x70 or code[0] == 0xE3
    if variant_of(place) or image.patch_at(address) or not (short or (code[0] == 0x0F and code[1] & 0xF0 == 0x80)):
        return None
    size = 2 if short else 6
    jump = b"\xeb" + code[1:2] if short else b"\x90\xe9" + code[2:6]
    patch = jump if always else b"\x90" * size
    sections = []
    for section in image.sections:
        if section.executable and section.address <= address < section.address + section.size:
            start = address - section.address
            section = replace(section, data=section.data[:start] + patch + section.data[start + size :])
        sections.append(section)
    return replace(image, sections=tuple(sections))


def failing(answers: SiteAnswers) -> Pairs:
    """What is neither proved nor a question."""
    return frozenset(
        (one.clause.id, one.config) for one in answers.answers if one.status not in ("proved", "not-applicable")
    )


def proved(exit_: Exit) -> Pairs:
    """What is proved."""
    return frozenset((one.id, config) for one in exit_.site.clauses if one.status == "proved" for config in one.configs)


def judged(survey: Survey, image: Image) -> dict[tuple[int, str], Pairs] | str:
    """What fails at each exit of an image, explored and proved as the survey's; else why nothing is known of it."""
    task: Task = replace(survey.task, image=image)
    entry = build(image, survey.contract, survey.start.address, task.locate)
    solver = Solver(entry.constraints, task.budget)
    explorer, found = explore(task, entry, solver, survey.setting.follow)
    problems = _problems(found, solver)
    if problems:
        return problems[0].code
    cr3 = cr3_reference(found.leaves, entry, survey.contract)[0]
    setting = replace(
        survey.setting, image=image, entry=entry, constraints=entry.constraints, cr3_reference=entry.cr3, solver=solver
    )
    failed: dict[tuple[int, str], Pairs] = {}
    for key, leaves in by_site(task, found.leaves).items():
        try:
            pair = compared(task, setting, explorer, leaves, cr3, solver)
        except UserError as error:
            return error.code
        if pair is None:
            return "no reference"
        here, paths, known = pair
        clauses = clauses_of(task, leaves[0].detail)
        prover = Solver(here.entry.constraints, task.budget)
        answers = prove_site(
            paths, here.entry, clauses, task.configs, prover, known, None, survey.contract.has_reference
        )
        failed[key] = failing(answers)
    return failed


def taken_out(survey: Survey, free: Freed, exit_: Exit, guard: Guarded) -> tuple[str, set[str]]:
    """How it went, and the clauses that are proved, and are no longer with the branch written over."""
    site = exit_.site
    key, before = (site.location.address, site.kind), proved(exit_)
    lost: set[str] = set()
    for always in (False, True):
        image = branch_replaced(survey.task.image, guard.place, always)
        if image is None:
            return "no conditional jump", lost
        failed = judged(survey, image)
        if isinstance(failed, str):
            return f"not judged: {failed}", lost
        if any(kind in JUDGED and (address, kind) not in exits_of(survey) for address, kind in failed):
            return "another exit", lost
        lost |= {clause for clause, config in failed.get(key, frozenset()) if (clause, config) in before}
    return "compared", lost


def exits_of(survey: Survey) -> set[tuple[int, str]]:
    """The exits that are judged as the code is."""
    return {(one.site.location.address, one.site.kind) for one in survey.exits}


def examine(name: str) -> Outcome:
    """Every guard of one sample."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    try:
        surveys = surveyed(opened(SAMPLES / name, Options()))[1]
    except UserError as error:
        return Outcome(name, ((error.code, 1),), ())
    for survey in surveys:
        if survey.problems or not survey.exits:
            continue
        counts["samples"] = 1
        free = freed(survey)
        if free is None:
            counts["without answer"] += 1
            continue
        for exit_ in survey.exits:
            if exit_.site.kind == "iretq":
                continue
            if (exit_.site.location.address, exit_.site.kind) not in free.paths:
                counts["without answer"] += 1
                continue
            for guard in guard_uses(survey, free, exit_):
                how, lost = taken_out(survey, free, exit_, guard)
                needed, unsure = set(guard.use.needed), set(guard.use.unsure)
                where = f"{name}: {guard.use.location.line} {guard.use.location.text}"
                counts[how] += 1
                claimed = bool(proved(exit_)) and not needed and not unsure
                if lost - needed - unsure:
                    wrong.append(f"{where}: fails without it: {sorted(lost)}, said {sorted(needed)}")
                # A loop that has no way out comes to no exit.
                elif claimed and how.startswith(("not judged", "another exit")) and not how.endswith("loop-bound"):
                    wrong.append(f"{where}: {how} without it, and nothing is said to need it")
                elif how == "compared":
                    counts["redundant" if not needed and not unsure else "unsure" if unsure else "needed"] += 1
                    counts["only where each machine goes its own way"] += bool(needed - lost)
    return Outcome(name, tuple(sorted(counts.items())), tuple(wrong))


def names_of() -> tuple[str, ...]:
    """Every sample, without the fragments that are there to be included."""
    heads = {path: path.read_text(encoding="utf-8")[:500] for path in sorted(SAMPLES.glob("*.S"))}
    return tuple(path.name for path, head in heads.items() if "# FRAGMENT" not in head)


def run(names: Sequence[str], jobs: int) -> list[Outcome]:
    """Every sample, in the order of the names, with a progress bar on stderr."""
    done: list[Outcome] = []
    with Progress(transient=True) as progress, multiprocessing.get_context("forkserver").Pool(jobs) as pool:
        bar = progress.add_task("guards taken out", total=len(names))
        for outcome in pool.imap(examine, names):
            done.append(outcome)
            progress.advance(bar)
    return done


def main(arguments: Sequence[str]) -> int:
    """The script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", nargs="*")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--shard", default="0/1", help="I/N: every N-th sample from the I-th on, counted from 0")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/evidence.md")
    told = parser.parse_args(arguments)
    index, count = map(int, told.shard.split("/"))
    outcomes = run((told.samples or names_of())[index::count], told.jobs)
    wrong = [line for one in outcomes for line in one.wrong]
    print(*wrong, sep="\n")
    figures = table(outcomes)
    if told.write:
        from figures import write

        write("taken out", figures)
    print(figures)
    return 1 if wrong else 0


def table(outcomes: Sequence[Outcome]) -> str:
    """The figures in Markdown."""
    total: Counter[str] = Counter()
    for one in outcomes:
        total.update(dict(one.counts))
    asked = ("compared", "needed", "redundant", "unsure", "only where each machine goes its own way")
    shown = ["| guards | |", "|---|---:|", *(f"| {name} | {total[name]} |" for name in asked)]
    left = sorted((name, number) for name, number in total.items() if name not in (*asked, "samples"))
    wrong = sum(len(one.wrong) for one in outcomes)
    rest = ", ".join(f"{name} {number}" for name, number in left) or "none"
    return "\n".join([*shown, "", f"{total['samples']} samples; {wrong} wrong. Left out: {rest}."])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

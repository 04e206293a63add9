# SPDX-License-Identifier: BSD-2-Clause
"""Every instruction that a path may have, compared with the CPU and with Unicorn in very many states.

    python tests/evidence/conformance.py [--count N] [--jobs J] [--seed S] [--write]

``--count`` is the number of states for each form of each instruction (default 1000) and each oracle: the CPU that
this runs on, in user mode, for what a process may execute, and Unicorn at CPL 0 for all that Unicorn has. Each form
(tests/instructions.py, privileged_cases.py) is executed once on symbols by the product's own explorer. What comes out
is compiled to functions on ints, and registers, flags, memory, system registers and the address are compared in each
state; so is that exactly those flags and results are open that the manual leaves undefined.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from conformance_states import states  # noqa: E402
from exit_conformance import (  # noqa: E402
    EXITS,
    ExitCpu,
    disagreement as exit_disagreement,
    outcome,
    random_state,
)
from figures import write  # noqa: E402
from instructions import Case, families  # noqa: E402
from native_cpu import NativeCpu, build, missing  # noqa: E402
from privileged_cases import SystemCase, privileged_families  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import Progress  # noqa: E402
from symbolic_case import Symbolic, cut, disagreement, explore, image_of, mnemonics  # noqa: E402
from unicorn_cpu import SYSTEM, CpuState, UnicornCpu  # noqa: E402

from verifier.assemble import assemble  # noqa: E402
from verifier.isa import INSTRUCTIONS  # noqa: E402
from verifier.isa.machine import FLAG_POSITIONS  # noqa: E402
from verifier.lift.decode import ALLOWED  # noqa: E402
from verifier.model import Image  # noqa: E402

SYNONYMS = {"sal": "shl"}
"""Names of the allow-list that are another one's encoding: the disassembler never says them."""


@dataclass(slots=True)
class Tally:
    """States and mismatches of one instruction form, or of several; ``other`` are states in which Unicorn deviates."""

    forms: int = 0
    cpu: int = 0
    unicorn: int = 0
    other: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, more: Tally) -> None:
        """Count another one's in."""
        self.forms += more.forms
        self.cpu += more.cpu
        self.unicorn += more.unicorn
        self.other += more.other
        self.wrong += more.wrong


@cache
def cases() -> tuple[Case, ...]:
    """All forms; the code of the one with number N is at the label ``caseN``."""
    return tuple(case for family in all_families().values() for case in family)


def all_families() -> dict[str, tuple[Case, ...]]:
    """All forms by family."""
    return families() | privileged_families()


@dataclass(frozen=True, slots=True)
class Result:
    """What one form showed; ``mnemonics`` are those of its code."""

    number: int
    mnemonics: frozenset[str]
    tally: Tally


class Bench:
    """The oracles, and the image with the code of all forms."""

    def __init__(self, object_file: Path, runner: Path) -> None:
        self.image: Image = image_of(object_file.read_bytes(), os.fspath(object_file))
        self.unicorn = UnicornCpu(self.image)
        self.native = NativeCpu(runner, self.image)
        self.missing = missing()
        self.defaults = {name: self.unicorn.default(name) for name in SYSTEM} | dict.fromkeys(("s_cet", "spec_ctrl"), 0)

    def close(self) -> None:
        """End the process that runs code."""
        self.native.close()

    def few(self, each: int) -> list[int]:
        """Forms such that every mnemonic has at least ``each`` of them, or all that there are."""
        counts: Counter[str] = Counter()
        chosen = []
        for number in range(len(cases())):
            symbol = self.image.symbol(f"case{number}")
            assert symbol is not None
            names = mnemonics(cut(self.image, symbol.address))
            if any(counts[name] < each for name in names):
                counts.update(names)
                chosen.append(number)
        return chosen

    def judge(self, number: int, count: int, seed: int) -> Result:
        """One form: what ``count`` states for each oracle showed."""
        case, label = cases()[number], f"case{number}"
        symbolic = explore(self.image, case, label)
        tally = Tally(forms=1)
        source = random.Random(f"{seed}:{label}")  # noqa: S311 - reproducible, not secret
        for before in states(case, count, source, self.defaults):
            name = case.deviates(before)
            if name and not isinstance(case, SystemCase):
                continue  # the CPU is asked as well
            if name:
                tally.other[name] += 1
                address, after = by_manual(symbolic, before)
            else:
                tally.unicorn += 1
                address, after = self.unicorn.run(symbolic.start, before)
            note(tally, symbolic, before, address, after)
        if case.in_user_mode and not any(name in case.text for name in self.missing):
            given = tuple(states(case, count, source))
            tally.cpu += count
            for before, (address, after) in zip(given, self.native.run(symbolic.start, given), strict=True):
                note(tally, symbolic, before, address, after)
        return Result(number, symbolic.mnemonics, tally)


def by_manual(symbolic: Symbolic, before: CpuState) -> tuple[int | None, CpuState]:
    """What an oracle would say that does what the manual says."""
    assert isinstance(symbolic.case, SystemCase)
    changes = symbolic.case.manual(before)
    if changes is None:
        return None, before
    (address,) = (end.address for end in symbolic.endings if end.address is not None)
    rflags = before.rflags
    for name, low in FLAG_POSITIONS.items():
        if name in changes:
            rflags = rflags & ~(1 << low) | changes[name] << low
    return address, replace(
        before,
        registers=tuple((name, changes.get(name, value)) for name, value in before.registers),
        rflags=rflags,
        system=tuple((name, changes.get(name, value)) for name, value in before.system),
    )


def note(tally: Tally, symbolic: Symbolic, before: CpuState, address: int | None, after: CpuState) -> None:
    """Take down a mismatch."""
    problem = disagreement(symbolic, before, address, after)
    if problem:
        registers = {name: hex(value) for name, value in before.registers}
        tally.wrong.append(f"{symbolic.case.text}: {problem}; {registers} rflags={before.rflags:#x}")


def assembled(directory: Path) -> Path:
    """All cases in one object; the one with number N begins at the label ``caseN``."""
    path = directory / "cases.s"
    lines = (f"case{index}: {case.text}; hlt" for index, case in enumerate(cases()))
    path.write_text("\n".join((*lines, "")), encoding="utf-8")
    target = directory / "cases.o"
    target.write_bytes(assemble(path))
    return target


_bench: Bench | None = None


def _begin(object_file: Path, runner: Path) -> None:
    """What each worker process does first."""
    global _bench
    _bench = Bench(object_file, runner)


def _part(numbers: Sequence[int], count: int, seed: int) -> list[Result]:
    assert _bench is not None
    return [_bench.judge(number, count, seed) for number in numbers]


def run(numbers: Sequence[int], count: int, seed: int, jobs: int) -> Iterator[Result]:
    """Judge forms in processes of their own."""
    with tempfile.TemporaryDirectory() as name:
        files = (assembled(Path(name)), build(Path(name)))
        context = get_context("spawn")
        with ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=files) as pool:
            parts = [numbers[start : start + 8] for start in range(0, len(numbers), 8)]
            for done in as_completed([pool.submit(_part, part, count, seed) for part in parts]):
                yield from done.result()


def by_mnemonic(results: Iterable[Result]) -> dict[str, Tally]:
    """The tallies of all forms with a mnemonic in them."""
    found: dict[str, Tally] = {}
    for result in results:
        for mnemonic in result.mnemonics:
            found.setdefault(mnemonic, Tally()).add(result.tally)
    return found


def uncovered(found: dict[str, Tally], count: int) -> list[str]:
    """What the allow-list or verifier/isa executes and no oracle, nor the manual instead, saw in ``count`` states."""
    wanted = (ALLOWED - SYNONYMS.keys()) | {one.mnemonic for one in INSTRUCTIONS if one.kind == "step"}
    lacking = []
    for mnemonic in sorted(wanted):
        tally = found.get(mnemonic, Tally())
        seen = max(tally.cpu, tally.unicorn, tally.other.total() if not tally.cpu + tally.unicorn else 0)
        if seen < count:
            lacking.append(f"{mnemonic}: {seen} states, not {count}")
    return lacking


def exits(count: int, seed: int) -> Tally:
    """The exit instructions, which end a path instead of being executed: their outcomes against Unicorn."""
    cpu, source = ExitCpu(), random.Random(f"{seed}:exits")  # noqa: S311 - reproducible, not secret
    tally = Tally(forms=len(EXITS))
    for kind in EXITS:
        for before in (random_state(source) for _ in range(count)):
            if outcome(kind, before).fault:
                tally.other["canonical"] += 1
            else:
                tally.unicorn += 1
            if problem := exit_disagreement(kind, before, cpu.run(kind, before)):
                tally.wrong.append(f"{kind}: {problem}; {before}")
    return tally


def table(results: Iterable[Result], leaving: Tally) -> str:
    """The figures as Markdown: a row for each family, one for the exits, and all of them together."""
    titles = [title for title, family in all_families().items() for _ in family]
    rows = {title: Tally() for title in all_families()}
    for result in results:
        rows[titles[result.number]].add(result.tally)
    rows["SYSRET, SYSEXIT, IRETQ (outcomes)"] = leaving
    rows["all"] = Tally()
    for tally in list(rows.values())[:-1]:
        rows["all"].add(tally)
    lines = [
        "| instructions | forms | states on the CPU | on Unicorn | by the manual | mismatches |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for title, tally in rows.items():
        numbers = (tally.forms, tally.cpu, tally.unicorn, tally.other.total(), len(tally.wrong))
        lines.append(f"| {title} | " + " | ".join(f"{number:,}".replace(",", " ") for number in numbers) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 1 if anything disagrees or is not covered."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1000, help="states for each form and oracle")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the table into docs/evidence.md")
    options = parser.parse_args(arguments)
    results = []
    with Progress(*Progress.get_default_columns(), console=Console(stderr=True)) as progress:
        task = progress.add_task("forms", total=len(cases()))
        for result in run(range(len(cases())), options.count, options.seed, options.jobs):
            results.append(result)
            progress.advance(task)
            for line in result.tally.wrong[:2]:
                print(line)
    results.sort(key=lambda result: result.number)
    leaving = exits(options.count, options.seed)
    for line in leaving.wrong[:2]:
        print(line)
    text = table(results, leaving)
    unseen = uncovered(by_mnemonic(results), options.count)
    for line in unseen:
        print(line)
    if options.write:
        write("conformance", text)
    print(text)
    wrong = sum(len(tally.wrong) for tally in (leaving, *(result.tally for result in results)))
    print(f"{len(results) + leaving.forms} forms, {wrong} mismatches, {len(unseen)} instructions not covered")
    return int(bool(wrong or unseen))


if __name__ == "__main__":
    sys.exit(main())

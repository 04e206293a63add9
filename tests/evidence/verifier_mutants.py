# SPDX-License-Identifier: BSD-2-Clause
"""Mutants of the verifier's trusted code: small changes, each run against the samples that execute the line.

python tests/evidence/verifier_mutants.py [--count N] [--jobs J] [--seed S] [--only MODULE …] [--log FILE]

A mutant is *killed* if a sample is not judged as it promises, or a test of the module fails; *stopped* if it runs
out of time; *unreached* if no sample executes the line and no test notices; else it *survives*. What is known of
survivors is in survivors.toml; one that is not listed there makes the run fail.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import resource
import signal
import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import figures
from code_mutants import CodeMutant, mutants, mutated
from mutant_ground import ROOT, TRUSTED, Ground, ground, path_of

COUNT, SEED = 1200, 1
SECONDS = 180.0
"""Wall time of one mutant."""
DEPTH = 150
"""So many of the samples that execute the line are asked."""
EARLY = 12
"""So many of these come in front of the module's tests."""
MEMORY = 32 << 30
"""Address space of one mutant in bytes."""

FIRST = ("canonical-sign-extend.S", "linux-2015-opportunistic.S", "call-before-checks.S", "memory-per-cpu-store.S")
"""Those that notice most are asked first."""

TESTS: dict[str, tuple[str, ...]] = {
    "isa": (
        "tests/test_isa_reads.py",
        "tests/evidence/test_isa_semantics.py",
        "tests/evidence/test_recognition.py",
        "tests/test_replay.py",
    ),
    "outcomes": ("tests/evidence/test_isa_semantics.py",),
    "lift.flags": ("tests/evidence/test_conformance_slice.py",),
    "lift.corrections": ("tests/evidence/test_conformance_slice.py",),
    "lift.operations": ("tests/evidence/test_conformance_slice.py",),
    "lift.vex": ("tests/evidence/test_conformance_slice.py",),
    "lift.decode": ("tests/test_hazards.py",),
    "clauses": ("tests/evidence/test_promises.py", "tests/test_judge.py"),
    "prove": ("tests/evidence/test_promises.py", "tests/test_judge.py"),
    "obligations": ("tests/test_judge.py",),
    "solver": ("tests/test_judge.py",),
    "terms": ("tests/test_isa_reads.py", "tests/evidence/test_isa_semantics.py"),
}
"""Tests of a module, or of the package in front of the dot, that a mutant which no sample noticed is given to."""


@dataclass(frozen=True, slots=True)
class Result:
    """``outcome``: killed, stopped, survived or unreached; ``by`` is the sample or test that noticed."""

    mutant: CodeMutant
    outcome: str
    by: str


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module of the verifier from changed code."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self.name, self.path, self.code = name, path, code

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        """Only for that module."""
        if name != self.name:
            return None
        found = importlib.util.spec_from_file_location(name, self.path, loader=self)
        if found is not None and self.path.name == "__init__.py":
            found.submodule_search_locations = [str(self.path.parent)]
        return found

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """As usual."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed code."""
        exec(self.code, module.__dict__)  # noqa: S102 - the verifier's own source with one change


def _run(mutant: CodeMutant, asked: Sequence[Ground], tests: Sequence[str], answer: Connection) -> None:
    """In a process of its own: import the verifier with the change (none if its number is negative), and ask."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    sys.path[1:1] = [str(ROOT), str(ROOT / "tests")]
    for name in [one for one in sys.modules if one in ("watch", "test_samples") or f"{one}.".startswith("verifier.")]:
        del sys.modules[name]
    if mutant.number >= 0:
        path = path_of(mutant.module)
        tree = mutated(path.read_text(encoding="utf-8"), mutant.number)
        changed = compile(tree, str(path), "exec", dont_inherit=True)
        sys.meta_path.insert(0, _Changed(f"verifier.{mutant.module}", path, changed))
    try:
        import watch  # noqa: F401 - the change may keep the verifier from being imported

        # A few samples, the module's own tests, and then the other samples: what notices soonest comes first.
        for part in (asked[:EARLY], None, asked[EARLY:]):
            by = _failing(tests) if part is None else _red(part)
            if by:
                answer.send(("killed", by))
                return
    except BaseException as error:
        answer.send(("killed", f"import ({type(error).__name__})"))
        return
    answer.send(("survived" if asked else "unreached", ""))


def _red(asked: Sequence[Ground]) -> str:
    """The first sample that is not judged as it promises, or nothing."""
    from watch import assembled_once, guard

    for one in asked:
        with assembled_once(dict(one.objects)):
            found = guard(one.name)
        if found is not None:
            return f"{one.name} ({found})"
    return ""


def _failing(tests: Sequence[str]) -> str:
    """These tests if one of them fails, or nothing."""
    if not tests:
        return ""
    import pytest

    os.chdir(ROOT)
    failed = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]) != 0
    return " ".join(tests) if failed else ""


def _seconds(one: Ground) -> float:
    return one.seconds


def covering(mutant: CodeMutant, known: Sequence[Ground], depth: int = DEPTH) -> list[Ground]:
    """The samples that execute what a mutant changes, in the order in which they are asked.

    In turn: the quick ones, of each family one, and those that execute most of the module.
    """
    wanted = range(mutant.first, mutant.last + 1)
    found = sorted((one for one in known if not one.lines[mutant.module].isdisjoint(wanted)), key=_seconds)
    if not mutant.first:
        # Executed at the import: what uses the module at all, or every sample if it has constants only.
        found = sorted((one for one in known if one.lines[mutant.module]), key=_seconds) or sorted(known, key=_seconds)
    families: dict[str, list[Ground]] = defaultdict(list)
    for one in found:
        families["" if one.name in FIRST else one.name.split("-", maxsplit=1)[0]].append(one)
    by_family = [one for turn in zip_longest(*families.values()) for one in turn if one is not None]
    by_lines = sorted(found, key=lambda one: -len(one.lines[mutant.module]))
    both = {one.name: one for pair in zip(by_family, by_lines, strict=True) for one in pair}
    return list(both.values())[:depth]


def checks_for(module: str) -> tuple[str, ...]:
    """The tests that are about a module."""
    return TESTS.get(module, TESTS.get(module.split(".", maxsplit=1)[0], ()))


def judged(
    todo: Sequence[CodeMutant], known: Sequence[Ground], jobs: int, quick: bool, depth: int = DEPTH
) -> Iterator[Result]:
    """The mutants' results, as they come. The libraries are imported; the verifier is not."""
    import capstone  # noqa: F401
    import claripy  # noqa: F401
    import pytest  # noqa: F401
    import pyvex  # noqa: F401
    import unicorn  # noqa: F401
    import z3  # noqa: F401

    # Forked, so that each starts with the libraries and without the verifier; there are no threads yet.
    context = get_context("fork")
    waiting = list(reversed(todo))
    running: dict[Any, tuple[CodeMutant, Any, float]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            ours, theirs = context.Pipe(duplex=False)
            tests = () if quick else checks_for(mutant.module)
            process = context.Process(target=_run, args=(mutant, covering(mutant, known, depth), tests, theirs))
            process.start()
            theirs.close()
            running[ours] = mutant, process, time.monotonic() + SECONDS
        for ready in wait(list(running), timeout=1):
            mutant, process, _ = running.pop(ready)
            pipe: Any = ready
            try:
                outcome, by = pipe.recv()
            except EOFError:
                outcome, by = "killed", "the process died"
            _end(process)
            yield Result(mutant, outcome, by)
        for late, (mutant, process, until) in list(running.items()):
            if time.monotonic() > until:
                del running[late]
                _end(process)
                yield Result(mutant, "stopped", "")


def _end(process: Any) -> None:
    """End a mutant and what it started: it leads a process group of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.join()


def keys(module: str) -> dict[int, str]:
    """Names for the mutants of a module, by number, that survive edits elsewhere in it.

    Equal changes are counted: the second has ``(2)`` behind it.
    """
    found: dict[int, str] = {}
    seen: Counter[str] = Counter()
    for one in sorted(
        mutants(module, path_of(module).read_text(encoding="utf-8")), key=lambda one: (one.line, one.number)
    ):
        text = f"{module}: {one.operator}: {one.text}"
        seen[text] += 1
        found[one.number] = text if seen[text] == 1 else f"{text} ({seen[text]})"
    return found


def explained() -> dict[str, str]:
    """What is known of survivors: name and reason."""
    table = tomllib.loads(Path(__file__).with_name("survivors.toml").read_text(encoding="utf-8"))
    return {f"{module}: {row['change']}": row["why"] for module, rows in table.items() for row in rows}


def table(results: Sequence[Result]) -> str:
    """The figures."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        groups[result.mutant.module.split(".")[0] if "isa" in result.mutant.module else result.mutant.module][
            result.outcome
        ] += 1
    columns = ("killed", "stopped", "survived", "unreached")
    lines = ["| module | mutants | " + " | ".join(columns) + " |", "|---|" + "---:|" * (len(columns) + 1)]
    for name, counts in groups.items():
        row = (str(counts.total()), *(str(counts[column]) for column in columns))
        lines.append(f"| `{name}` | " + " | ".join(row) + " |")
    return "\n".join(lines)


def unsound(modules: Sequence[str], jobs: int) -> list[str]:
    """Tests that fail without a change: they would notice everything."""
    sets = {checks_for(module): module for module in modules if checks_for(module)}
    plain = [CodeMutant(module, -1, 0, 0, 0, "none", "") for module in sets.values()]
    return [result.by for result in judged(plain, (), jobs, quick=False) if result.outcome != "unreached"]


def _logged(log: Path | None, wanted: Sequence[CodeMutant], again: bool) -> list[Result]:
    """The results of an earlier run that are about mutants of this one; ``again``: only of what was noticed."""
    if log is None or not log.exists():
        return []
    asked = set(wanted)
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    found = {CodeMutant(**mutant): (outcome, by) for mutant, outcome, by in rows}
    return [
        Result(mutant, *rest)
        for mutant, rest in found.items()
        if mutant in asked and not (again and rest[0] != "killed")
    ]


def main() -> int:
    """Run a sample of all mutants; 1 if one survives that is not explained."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=COUNT, help="mutants in all; 0: every one")
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--seed", type=int, default=SEED)
    options.add_argument("--only", nargs="*", default=[], help="modules, without 'verifier.'; isa. for all of isa")
    options.add_argument("--samples", nargs="*", default=[""], help="beginnings of the samples to use")
    options.add_argument("--depth", type=int, default=DEPTH, help="samples for each mutant")
    options.add_argument("--quick", action="store_true", help="samples only, no tests")
    options.add_argument("--log", type=Path, help="results go here as they come; a later run goes on from it")
    options.add_argument("--again", action="store_true", help="ask those once more that the log has as not killed")
    options.add_argument("--write", action="store_true", help="put the figures into docs/evidence.md")
    chosen = options.parse_args()
    names = [
        path.name for path in sorted((ROOT / "samples").glob("*.S")) if path.name.startswith(tuple(chosen.samples))
    ]
    known = ground(names, chosen.jobs)
    modules = [one for one in TRUSTED if not chosen.only or one.startswith(tuple(chosen.only))]
    every = [one for module in modules for one in mutants(module, path_of(module).read_text(encoding="utf-8"))]
    if chosen.count and chosen.count < len(every):
        drawn = random.Random(chosen.seed).sample(every, chosen.count)  # noqa: S311 - reproducible, not secret
        every = sorted(drawn, key=lambda one: (one.module, one.number))

    wrong = [] if chosen.quick else unsound(modules, chosen.jobs)
    if wrong:
        print(f"these fail without a change: {'; '.join(wrong)}")
        return 1

    from rich.console import Console
    from rich.progress import track

    results = _logged(chosen.log, every, chosen.again)
    done = {result.mutant for result in results}
    todo = [one for one in every if one not in done]
    fresh = judged(todo, known, chosen.jobs, chosen.quick, chosen.depth)
    for result in track(fresh, "mutants", len(todo), console=Console(stderr=True)):
        results.append(result)
        if chosen.log is not None:
            with chosen.log.open("a", encoding="utf-8") as log:
                log.write(json.dumps([asdict(result.mutant), result.outcome, result.by]) + "\n")
    results.sort(key=lambda result: (result.mutant.module, result.mutant.number))
    reasons, unknown = explained(), 0
    named = {module: keys(module) for module in modules}
    for result in results:
        if result.outcome in ("survived", "unreached"):
            mutant = result.mutant
            name = named[mutant.module][mutant.number]
            why = reasons.get(name, "")
            unknown += not why
            place = f"{path_of(mutant.module).relative_to(ROOT)}:{mutant.line}"
            print(f"{result.outcome}: {place}: {name.partition(': ')[2]}  {why or '(not explained)'}")
    if chosen.write:
        figures.write("verifier-mutants", table(results))
    print(table(results))
    counts = Counter(result.outcome for result in results)
    told = ", ".join(f"{counts[name]} {name}" for name in ("killed", "stopped", "survived", "unreached"))
    print(f"{len(results)} of {sum(1 for _ in every)} mutants: {told}; {unknown} not explained")
    return bool(unknown)


if __name__ == "__main__":
    sys.exit(main())

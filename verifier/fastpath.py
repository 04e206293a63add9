# SPDX-License-Identifier: BSD-2-Clause
"""When a fast exit is taken, as conditions on the machine at the entry."""

from __future__ import annotations

from dataclasses import replace

from verifier.exploring import Exit, Survey
from verifier.insights import FastConditions
from verifier.lift.entry import Entry
from verifier.projection import Conjunction, conjunction
from verifier.prove import config_condition, exactness
from verifier.solver import Solver
from verifier.terms import Truth, decided, land, lor


def fast_conditions(survey: Survey, exit_: Exit) -> tuple[FastConditions, ...]:
    """When the exit is taken, one set of conditions for all configurations that share it.

    Configurations under which it is never taken are left out. Where something could not be followed, a
    machine may come to the exit from there, and no condition is claimed.
    """
    entry = survey.setting.entry
    taken = lor(*(land(*path.leaf.state.path) for path in exit_.paths))
    # A value that a store with an unknown address may have hit stands for more than what can be.
    approximated = bool(exactness(entry.state.shared.layout.symbols, [taken]))
    # The CPU matters only where the condition can tell.
    alike = not _reads_cpu(entry, taken)
    said: Conjunction | None = None
    found: list[FastConditions] = []
    for config in survey.task.configs:
        solver = Solver(entry.constraints, survey.task.budget, apart=True)
        solver.assume(config_condition(entry, config))
        reached = solver.check(taken)
        if reached == "unsat" and not survey.problems:
            continue
        if survey.problems or reached == "unknown":
            one = FastConditions((config,), (), False, ())
        else:
            said = said if alike and said is not None else conjunction(solver, taken, entry)
            one = FastConditions((config,), said.conditions, said.exact and not approximated, said.others)
        same = next((index for index, other in enumerate(found) if replace(other, configs=(config,)) == one), None)
        if same is None:
            found.append(one)
        else:
            found[same] = replace(found[same], configs=(*found[same].configs, config))
    return tuple(found)


def _reads_cpu(entry: Entry, truth: Truth) -> bool:
    """Whether a truth is about something that the entry assumptions tie to the CPU configuration."""
    if decided(truth) is not None:
        return False
    tied = set(entry.la57.variables | entry.amd.variables)
    grown = True
    while grown:
        linked = [one for one in entry.constraints if decided(one) is None and not tied.isdisjoint(one.variables)]
        grown = any(not tied.issuperset(one.variables) for one in linked)
        tied.update(*(one.variables for one in linked))
    return not tied.isdisjoint(truth.variables)

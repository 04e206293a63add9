# SPDX-License-Identifier: BSD-2-Clause
"""The search of ``verifier.challenge`` on a mutant: from machines that take the original's exits, on other bytes.

No proof of the mutant has a part in it: where to start from comes from the original.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from equivalence import locate, settled
from mutation import Mutant, apply_where_it_runs

from verifier.challenge import Divergence, Seed, challenge, seeds_of
from verifier.clauses import of_profile
from verifier.contract import Contract
from verifier.counterexample import Setting
from verifier.lift.entry import build
from verifier.lift.explore import Bounds, Leaf
from verifier.model import Config, FileReport, Image
from verifier.obligations import JUDGED
from verifier.plan import Way
from verifier.prove import config_condition
from verifier.solver import Budget, Solver

MOST_SEEDS = 3


@dataclass(frozen=True, slots=True)
class Ground:
    """Where to search: an exit as it is reached from an entry, and machines that take it in the original."""

    entry: str
    kind: str
    address: int
    contract: Contract
    auto: bool
    seeds: tuple[Seed, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """``broken`` are clauses for which a machine was found, ``disagreements`` those that were called proved.

    A disagreement is also "reached": a machine comes to an exit that the report says none comes to.
    ``compared`` machines came to an exit.
    """

    frames: int
    compared: int
    broken: tuple[str, ...]
    disagreements: tuple[str, ...]
    divergences: tuple[Divergence, ...]


def grounds(image: Image, ways: Iterable[Way], configs: tuple[Config, ...], auto: bool) -> tuple[Ground, ...]:
    """The fast exits of the original with their machines."""
    found: list[Ground] = []
    for way in ways:
        contract = _without_slots(way.contract) if auto else way.contract
        entry = build(image, contract, way.entrance.address, locate(image))
        explorer = settled([image], contract, entry)[0]
        by_site: dict[tuple[int, str], list[Leaf]] = defaultdict(list)
        for leaf in explorer.result.leaves:
            if leaf.kind == "exit" and leaf.detail in JUDGED:
                by_site[leaf.decoded.address, leaf.detail].append(leaf)
        solver = Solver(entry.constraints, Budget())
        setting = Setting(image, entry, contract, entry.constraints, entry.cr3, solver, Bounds(), auto)
        for (address, kind), leaves in sorted(by_site.items()):
            reached = [
                config
                for config in configs
                if any(solver.check(config_condition(entry, config), *leaf.state.path) == "sat" for leaf in leaves)
            ]
            paths: list[Any] = [SimpleNamespace(leaf=leaf) for leaf in leaves]
            seeds = tuple(seeds_of(setting, reached, paths, MOST_SEEDS))
            found.append(Ground(way.entrance.name, kind, address, contract, auto, seeds))
    return tuple(found)


def _without_slots(contract: Contract) -> Contract:
    """As the verifier takes it for ``--frame auto``."""
    registers = tuple((name, "entry" if place == "slot" else place) for name, place in contract.registers)
    return replace(contract, slots=(), registers=registers)


def search(
    at: Iterable[Ground], change: tuple[Image, Mutant] | None, report: FileReport, frames: int, seed: int
) -> Findings:
    """Search for machines that break a clause; where the report says that none comes to an exit, for one that does.

    ``change`` is the original with its mutant; None: the grounds are those of the program itself.
    """
    result = Findings(0, 0, (), (), ())
    for ground in at:
        asked, proved = _claims(ground, report)
        # Of several exits one may be called unreachable and another be judged.
        unreachable = {reason.code for reason in report.reasons} == {"vacuous"} and not asked
        if unreachable:
            every = frozenset(clause.id for clause in of_profile(report.profile))
            asked = dict.fromkeys(report.configs, every)
        seeds = ground.seeds
        if change is not None:
            seeds = tuple(replace(one, image=apply_where_it_runs(one.image, *change)) for one in seeds)
        if not asked or not seeds:
            continue
        found = challenge(ground.contract, ground.kind, ground.address, seeds, asked, frames, seed, auto=ground.auto)
        wrong = tuple(one for one in found.divergences if (one.clause, one.config) in proved)
        result = Findings(
            result.frames + found.frames,
            result.compared + found.compared,
            _united(result.broken, (one.clause for one in found.divergences)),
            _united(result.disagreements, ("reached",) if unreachable and found.compared else ()),
            (*result.divergences, *wrong),
        )
    return replace(result, disagreements=_united(result.disagreements, (one.clause for one in result.divergences)))


def _united(known: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*known, *more}))


def _claims(ground: Ground, report: FileReport) -> tuple[dict[Config, frozenset[str]], set[tuple[str, Config]]]:
    """The clauses that mean something at an exit, by configuration, and those of them that are called proved."""
    asked: dict[Config, set[str]] = defaultdict(set)
    proved: set[tuple[str, Config]] = set()
    for site in report.sites:
        if (site.entry, site.location.address, site.kind) != (ground.entry, ground.address, ground.kind):
            continue
        for clause in site.clauses:
            for config in clause.configs if clause.status != "not-applicable" else ():
                asked[config].add(clause.id)
                if clause.status == "proved":
                    proved.add((clause.id, config))
    return {config: frozenset(names) for config, names in asked.items()}, proved

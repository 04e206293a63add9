# SPDX-License-Identifier: BSD-2-Clause
"""Discharge the obligations of one SYSRETQ site: one answer per clause and CPU configuration.

"proved" needs z3's definite "unsat"; "unknown", an approximation that matters,
and a site that no machine reaches are never "proved".
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from verifier.clauses import FRAME_CLAUSES, Clause
from verifier.lift.entry import Entry
from verifier.lift.explore import Leaf
from verifier.lift.regions import Layout
from verifier.lift.symbols import Symbols
from verifier.model import Config, Status
from verifier.obligations import Reference
from verifier.outcomes import ExitView
from verifier.solver import Solver
from verifier.terms import Truth, as_term, decided, eq, land, lnot, lor


@dataclass(frozen=True, slots=True)
class Path:
    """One path to the site: its leaf, the reference that it is compared with, and the view at its end."""

    leaf: Leaf
    reference: Reference
    view: ExitView

    @property
    def conditions(self) -> tuple[Truth, ...]:
        """When the path is taken and the reference applies."""
        return (*self.leaf.state.path, self.reference.condition)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for one clause under one configuration.

    For "violated", ``query`` holds what a counterexample satisfies beside the
    entry assumptions, the configuration and ``exactness``, on the path ``path``.
    """

    clause: Clause
    config: Config
    status: Status
    code: str = ""
    reason: str | None = None
    path: Path | None = None
    query: tuple[Truth, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteAnswers:
    """All answers of one site, and under which configurations it is reached at all."""

    answers: tuple[Answer, ...]
    reached: tuple[Config, ...]
    undecided: bool


def config_condition(entry: Entry, config: Config) -> Truth:
    """The Boolean that fixes a CPU configuration."""
    vendor, paging = config
    amd = entry.amd if vendor == "amd" else lnot(entry.amd)
    la57 = entry.la57 if paging == "la57" else lnot(entry.la57)
    return land(amd, la57)


def exactness(symbols: Symbols, truths: Sequence[Truth] | None = None) -> tuple[Truth, ...]:
    """That no store with an unknown address hit anything: one execution that surely exists.

    With ``truths`` only as far as they can tell: any other such symbol is free to have that value.
    """
    open_symbols = {symbol.name: symbol for symbol in symbols if symbol.otherwise is not None}
    if truths is not None:
        todo = [name for truth in truths if decided(truth) is None for name in truth.variables if name in open_symbols]
        seen = set(todo)
        while todo:
            found = open_symbols[todo.pop()].otherwise
            more = [name for name in getattr(found, "variables", ()) if name in open_symbols and name not in seen]
            seen.update(more)
            todo += more
        open_symbols = {name: symbol for name, symbol in open_symbols.items() if name in seen}
    return tuple(eq(one.term, one.otherwise) for one in open_symbols.values() if one.otherwise is not None)


def prove_site(
    paths: Sequence[Path],
    entry: Entry,
    clauses: Iterable[Clause],
    configs: Sequence[Config],
    solver: Solver,
    cr3_known: bool,
    deadline: float | None = None,
    compared: bool = True,
) -> SiteAnswers:
    """Judge every clause at one site; ``deadline`` is a time.monotonic() instant.

    ``compared``: there is an IRET exit that restores the frame and the registers.
    """
    conditions = {config: config_condition(entry, config) for config in configs}
    any_config = lor(*conditions.values())
    reach: dict[Config, str] = {}
    for config, condition in conditions.items():
        found = {solver.check(*path.conditions, condition) for path in paths}
        reach[config] = "sat" if "sat" in found else "unknown" if "unknown" in found else "unsat"
    open_clauses = _open_clauses(paths, clauses, any_config, solver, cr3_known, compared)
    answers: list[Answer] = []
    for clause, fixed in open_clauses:
        for config, condition in conditions.items():
            if reach[config] == "unsat":
                text = "SYSRET is not reached on this CPU configuration"
                answers.append(Answer(clause, config, "not-applicable", reason=text))
            elif deadline is not None and time.monotonic() > deadline:
                text = "the time limit was reached before this clause was judged"
                answers.append(Answer(clause, config, "unknown", "timeout", text))
            elif fixed is not None:
                answers.append(Answer(clause, config, fixed[0], fixed[1], fixed[2]))
            else:
                answers.append(_judge(clause, config, condition, paths, solver))
    return SiteAnswers(
        tuple(answers),
        tuple(config for config in configs if reach[config] == "sat"),
        any(found == "unknown" for found in reach.values()),
    )


_Fixed = tuple[Status, str, str | None]


def _open_clauses(
    paths: Sequence[Path],
    clauses: Iterable[Clause],
    any_config: Truth,
    solver: Solver,
    cr3_known: bool,
    compared: bool,
) -> list[tuple[Clause, _Fixed | None]]:
    """Each clause with its answer for all configurations at once, or None where they differ or it fails."""
    todo: list[tuple[Clause, _Fixed | None]] = []
    conditions: dict[str, list[Truth]] = {}
    for clause in clauses:
        truths = [clause.holds(path.view) for path in paths]
        if not compared and clause.id in FRAME_CLAUSES:
            text = "there is no IRET exit: RFLAGS are those that SYSCALL saved"
            todo.append((clause, ("not-applicable", "", text)))
        elif clause.id == "cr3" and not cr3_known:
            text = "the file's IRET exits give no one value of CR3 to compare with"
            todo.append((clause, ("unknown", "approximation", text)))
        elif clause.promise and any(clause.id not in path.view.promises for path in paths):
            text = f"the contract does not vouch for it: add [promises.{clause.id}]"
            todo.append((clause, ("unknown", "promise-missing", text)))
        elif any(truth is None for truth in truths):
            todo.append((clause, ("not-applicable", "", "given up by the contract's ABI")))
        else:
            conditions[clause.id] = [truth for truth in truths if truth is not None]
            todo.append((clause, None))
    whole = [
        land(*path.conditions, lnot(land(*(truths[index] for truths in conditions.values()))))
        for index, path in enumerate(paths)
    ]
    proved: _Fixed = ("proved", "", None)
    if all(solver.check(any_config, query) == "unsat" for query in whole):
        return [(clause, proved if fixed is None else fixed) for clause, fixed in todo]
    found: list[tuple[Clause, _Fixed | None]] = []
    for clause, fixed in todo:
        if fixed is None and all(
            solver.check(*path.conditions, any_config, lnot(truth)) == "unsat"
            for path, truth in zip(paths, conditions[clause.id], strict=True)
        ):
            fixed = proved
        found.append((clause, fixed))
    return found


def _judge(
    clause: Clause,
    config: Config,
    condition: Truth,
    paths: Sequence[Path],
    solver: Solver,
) -> Answer:
    worst = Answer(clause, config, "proved")
    for path in paths:
        truth = clause.holds(path.view)
        if decided(truth) is True:
            continue
        query = (*path.conditions, lnot(truth))
        answer = solver.check(condition, *query)
        if answer == "unsat":
            continue
        if answer == "unknown":
            text = "the solver gave up within its limits"
            worst = Answer(clause, config, "unknown", "solver-unknown", text)
            continue
        exact = exactness(_symbols(path), query)
        links = [eq(term, as_term(place, 64)) for term, place in _layout(path).externals.values()]
        if not (exact or links) or solver.check(condition, *query, *exact, *links) == "sat":
            return Answer(clause, config, "violated", path=path, query=query)
        origins = sorted({symbol.origin for symbol in _symbols(path) if symbol.otherwise is not None and symbol.origin})
        stores = [origin for origin in origins if origin.startswith("store")]
        if stores:
            text = f"it fails only if the {stores[0]} hits what it depends on"
            worst = Answer(clause, config, "unknown", "unresolved-store", text)
        else:
            text = f"it fails only with what an approximation admits: {origins[0] if origins else 'external addresses'}"
            worst = Answer(clause, config, "unknown", "approximation", text)
    return worst


def _layout(path: Path) -> Layout:
    return path.leaf.state.shared.layout


def _symbols(path: Path) -> Symbols:
    return path.leaf.state.shared.layout.symbols

# SPDX-License-Identifier: BSD-2-Clause
"""Discharge the obligations of one SYSRETQ site: one answer per clause and CPU configuration.

"proved" needs z3's definite "unsat"; "unknown", an approximation that matters,
and a site that no machine reaches are never "proved".
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from verifier.clauses import FRAME_CLAUSES, Clause
from verifier.lift.entry import Entry
from verifier.lift.explore import Leaf
from verifier.lift.regions import Layout
from verifier.lift.symbols import Symbols
from verifier.model import Config, Status
from verifier.obligations import Reference
from verifier.outcomes import ExitView
from verifier.records import record
from verifier.solver import Model, Solver
from verifier.terms import Truth, as_term, decided, eq, land, lnot, lor


@record
class Path:
    """One path to the site: its leaf, the reference that it is compared with, and the view at its end."""

    leaf: Leaf
    reference: Reference
    view: ExitView

    @property
    def conditions(self) -> tuple[Truth, ...]:
        """When the path is taken and the reference applies."""
        return (*self.leaf.state.path, self.reference.condition)


@record
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


@record
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
        reach[config] = _reached(paths, condition, solver)
    open_clauses = _open_clauses(paths, clauses, any_config, solver, cr3_known, compared)
    answers: list[Answer] = []
    machines: dict[Config, list[tuple[Path, Model]]] = {config: [] for config in configs}
    for clause, fixed, truths in open_clauses:
        attacks = _attacks(paths, truths) if fixed is None else ()
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
                answers.append(_judge(clause, config, condition, attacks, solver, machines[config]))
    return SiteAnswers(
        tuple(answers),
        tuple(config for config in configs if reach[config] == "sat"),
        any(found == "unknown" for found in reach.values()),
    )


def _reached(paths: Sequence[Path], condition: Truth, solver: Solver) -> str:
    """Whether some machine that meets the condition takes one of the paths."""
    worst = "unsat"
    for path in paths:
        answer = solver.check(*path.conditions, condition)
        if answer == "sat":
            return answer
        worst = answer if answer == "unknown" else worst
    return worst


_Fixed = tuple[Status, str, str | None]
_Open = tuple[Clause, _Fixed | None, tuple[Truth, ...]]


def _open_clauses(
    paths: Sequence[Path],
    clauses: Iterable[Clause],
    any_config: Truth,
    solver: Solver,
    cr3_known: bool,
    compared: bool,
) -> list[_Open]:
    """Each clause with its answer for all configurations at once, or None where they differ or it fails.

    In that case with what it comes to on each path.
    """
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
    failing: set[str] = set()
    for index, path in enumerate(paths):
        asked = {name: truths[index] for name, truths in conditions.items() if name not in failing}
        failing |= unproved((any_config, *path.conditions), asked, solver)
    proved: _Fixed = ("proved", "", None)
    return [
        (clause, proved if fixed is None and clause.id not in failing else fixed, (*conditions.get(clause.id, ()),))
        for clause, fixed in todo
    ]


def unproved(premises: Sequence[Truth], clauses: Mapping[str, Truth], solver: Solver) -> set[str]:
    """The names of the clauses that do not follow from the premises, or of which the solver does not know it.

    One query asks about all of them. Each machine that it finds rules out every clause that is false for it.
    """
    left, failing = dict(clauses), set[str]()
    while left:
        answer, model = solver.solve(*premises, lnot(land(*left.values())))
        if answer == "unsat":
            break
        found = [name for name, truth in left.items() if model is not None and not model.holds(truth)]
        if not found:
            # Too hard as a whole: one by one.
            found = [name for name, truth in left.items() if solver.check(*premises, lnot(truth)) != "unsat"]
            return failing | {*found}
        failing |= {*found}
        left = {name: truth for name, truth in left.items() if name not in failing}
    return failing


@record
class _Attack:
    """What a machine satisfies that breaks a clause on a path; ``exact`` makes it one that surely exists."""

    path: Path
    query: tuple[Truth, ...]
    exact: tuple[Truth, ...]


def _attacks(paths: Sequence[Path], truths: Sequence[Truth]) -> tuple[_Attack, ...]:
    """The attacks on a clause that comes to these truths on the paths."""
    found: list[_Attack] = []
    for path, truth in zip(paths, truths, strict=True):
        if decided(truth) is not True:
            query = (*path.conditions, lnot(truth))
            links = (eq(term, as_term(place, 64)) for term, place in _layout(path).externals.values())
            found.append(_Attack(path, query, (*exactness(_symbols(path), query), *links)))
    return tuple(found)


def _judge(
    clause: Clause,
    config: Config,
    condition: Truth,
    attacks: Sequence[_Attack],
    solver: Solver,
    machines: list[tuple[Path, Model]],
) -> Answer:
    """The answer for one clause; ``machines`` are some that were found under this configuration, by path."""
    worst = Answer(clause, config, "proved")
    for one in attacks:
        path, query = one.path, one.query
        if any(known is path and all(map(model.holds, (*query, *one.exact))) for known, model in machines):
            return Answer(clause, config, "violated", path=path, query=query)
        answer, model = solver.solve(condition, *query)
        if answer == "unsat":
            continue
        if answer == "unknown":
            text = "the solver gave up within its limits"
            worst = Answer(clause, config, "unknown", "solver-unknown", text)
            continue
        if model is None or not all(map(model.holds, one.exact)):
            answer, model = solver.solve(condition, *query, *one.exact)
        if answer == "sat" and model is not None:
            machines.append((path, model))
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

# SPDX-License-Identifier: BSD-2-Clause
"""For each violated clause the test on the frame that is missing, proved to repair it before it is said.

The tests are those of a table. One is a hint if, with it on every path to the exit, a clause that was violated is
proved in every configuration, and some machine still takes the exit. What was proved before stays proved: a test
only takes machines away. Where the exploration is open nothing was proved, so there are no hints either; nor are there
any without a saved frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from verifier.exploring import Exit, Survey
from verifier.insights import FULL, Condition, Hint
from verifier.lift.regions import Layout
from verifier.model import Config
from verifier.outcomes import RF, TF
from verifier.placing import Ground
from verifier.prove import Path, config_condition, exactness, unproved
from verifier.records import record
from verifier.solver import Solver
from verifier.suggestion import Word
from verifier.terms import Term, Truth, as_term, eq, land, lor

Form = Literal["same", "clear", "below", "cs", "ss"]

SIGN = 47
"""Addresses below bit 47 are canonical with 4- and 5-level paging, and no user address with 4 levels lies above."""


@record
class Test:
    """A test on the frame word ``word``, and the clauses that it is there for.

    "same": it equals the saved register ``other``, all 64 bits. "clear": the ``bits`` are clear. "below": it is less
    than 2**47. "cs", "ss": it is the user's selector, all 64 bits.
    """

    aims: tuple[str, ...]
    form: Form
    word: str
    other: str = ""
    bits: int = 0
    kinds: tuple[str, ...] = ()


TESTS: tuple[Test, ...] = (
    Test(("rip",), "same", "rip", "rcx", kinds=("sysretq", "sysretl")),
    Test(("rip",), "same", "rip", "rdx", kinds=("sysexitq", "sysexitl")),
    Test(("rflags",), "same", "rflags", "r11"),
    Test(("rf", "tf"), "clear", "rflags", bits=RF | TF),
    Test(("rf",), "clear", "rflags", bits=RF),
    Test(("canonical",), "below", "rip"),
    # Where RCX need not be the saved RIP this is the address that counts.
    Test(("canonical",), "below", "rcx", kinds=("sysretq",)),
    Test(("cs",), "cs", "cs"),
    Test(("ss",), "ss", "ss"),
    Test(("tf",), "clear", "rflags", bits=TF),
    Test(("rsp",), "same", "rsp", "rcx", kinds=("sysexitq", "sysexitl")),
)
"""What people test, in the order of the clauses; of several that repair the same the first counts."""


@record
class _Try:
    """A test at one exit: what it says, the words that it reads, and what it comes to on each path."""

    test: Test
    demand: Condition
    words: tuple[Word, ...]
    value: int
    truths: tuple[Truth, ...]


@record
class _Found:
    """A test that was verified, with the clauses that it repairs."""

    one: _Try
    repaired: frozenset[str]


def hints(survey: Survey, exit_: Exit) -> tuple[Hint, ...]:
    """The tests that repair violated clauses of an exit, each verified by a proof; none for an exit that is proved."""
    violated = _violated(exit_)
    framed = exit_.setting.auto or exit_.setting.contract.has_reference
    if not violated or survey.problems or exit_.site.kind == "iretq" or not framed:
        return ()
    clauses = _truths(exit_, violated)
    entry = exit_.setting.entry
    solver = Solver(entry.constraints, survey.task.budget)
    solver.assume(lor(*(config_condition(entry, config) for config in survey.task.configs)))
    tries = [made for test in TESTS if (made := _made(exit_, test)) is not None]
    found: list[_Found] = []
    for aimed in (True, False):
        for one in tries:
            left = set(violated) - {name for known in found for name in known.repaired}
            wanted = set(one.test.aims) <= left if aimed else left and not any(one is known.one for known in found)
            if not wanted:
                continue
            repaired = _repaired(exit_.paths, one, {name: clauses[name] for name in violated}, solver)
            if repaired & left and (not aimed or set(one.test.aims) <= repaired) and _taken(exit_.paths, [one], solver):
                found.append(_Found(one, repaired))
    if not found:
        return ()
    found = sorted(_fewest(found), key=lambda known: TESTS.index(known.one.test))
    complete = _complete(exit_, [known.one for known in found], clauses, solver)
    ground = Ground(survey, exit_)
    return tuple(_hint(ground, known, violated, complete) for known in found)


def _fewest(found: Sequence[_Found]) -> list[_Found]:
    """Those that are left when each is dropped whose clauses the others repair."""
    kept = list(found)
    for known in found:
        others = {name for other in kept if other is not known for name in other.repaired}
        if known.repaired <= others:
            kept.remove(known)
    return kept


def _hint(ground: Ground, known: _Found, violated: Mapping[str, tuple[Config, ...]], complete: bool) -> Hint:
    one = known.one
    spot = ground.spot(one.words)
    lines = spot.compared(one.words) if one.test.form == "same" else ()
    match one.test.form:
        case "clear":
            lines = spot.tested(one.words[0], one.value)
        case "below":
            lines = spot.bounded(one.words[0], SIGN)
        case "cs" | "ss":
            lines = spot.equal(one.words[0], one.value)
    names = tuple(name for name in violated if name in known.repaired)
    among = {config for name in names for config in violated[name]}
    configs = tuple(config for config in ground.configs if config in among)
    return Hint(names, (one.demand,), spot.after, lines, configs, complete, spot.behind, spot.before if lines else None)


def _violated(exit_: Exit) -> dict[str, tuple[Config, ...]]:
    """The violated clauses in their order, each with the configurations in which it is."""
    found: dict[str, tuple[Config, ...]] = {}
    for clause in exit_.site.clauses:
        if clause.status == "violated":
            found[clause.id] = (*found.get(clause.id, ()), *clause.configs)
    return found


def _truths(exit_: Exit, names: Iterable[str]) -> dict[str, tuple[Truth, ...]]:
    """What each of the clauses comes to on each path; without those that do not apply."""
    wanted = set(names)
    found: dict[str, tuple[Truth, ...]] = {}
    for clause in exit_.clauses:
        if clause.id in wanted:
            truths = [clause.holds(path.view) for path in exit_.paths]
            found[clause.id] = tuple(False if truth is None else truth for truth in truths)
    return found


def _made(exit_: Exit, test: Test) -> _Try | None:
    """The test as it would stand at this exit; None where it has no meaning there."""
    if test.kinds and exit_.site.kind not in test.kinds:
        return None
    words = [_word(exit_, name) for name in (test.word, test.other) if name]
    if any(word is None for word in words):
        return None
    known = [word for word in words if word is not None]
    first, view = known[0], exit_.paths[0].view
    value = {"clear": test.bits, "cs": view.user_cs, "ss": view.user_ss}.get(test.form, 0)
    match test.form:
        case "same":
            demand = Condition("same", known[1].name, first.name)
            truths = [eq(left, right) for left, right in zip(known[1].terms, first.terms, strict=True)]
        case "below":
            demand = Condition("range", first.name, intervals=((0, (1 << SIGN) - 1),))
            truths = [eq(as_term(term, 64) & (FULL ^ (1 << SIGN) - 1), 0) for term in first.terms]
        case "clear":
            demand = Condition("bits", first.name, mask=value, value=0)
            truths = [eq(as_term(term, 64) & value, 0) for term in first.terms]
        case _:
            demand = Condition("bits", first.name, mask=FULL, value=value)
            truths = [eq(as_term(term, 64), value) for term in first.terms]
    return _Try(test, demand, tuple(known), value, tuple(truths))


def _word(exit_: Exit, name: str) -> Word | None:
    """A word of the frame as the exit sees it, on each path; None where it has no name.

    Where a call may have written it, it has the name of what the call left.
    """
    terms: list[Term] = []
    for path in exit_.paths:
        frame, gprs = path.reference.frame, path.reference.gprs
        term = frame[name] if name in frame else gprs[name]
        if term is None:
            return None
        terms.append(term)
    setting = exit_.setting
    known = not setting.auto and any(slot.name == name for slot in setting.contract.slots)
    symbol = _layout(exit_.paths[0]).symbols.of(terms[0])
    if symbol is None or any(term is not terms[0] for term in terms):
        return Word(name, f"frame.{name}", tuple(terms)) if known else None
    return Word(name if known else "", symbol.name, tuple(terms))


def _layout(path: Path) -> Layout:
    return path.leaf.state.shared.layout


def _repaired(
    paths: Sequence[Path], one: _Try, clauses: Mapping[str, tuple[Truth, ...]], solver: Solver
) -> frozenset[str]:
    """The clauses that hold on every path with the test on it, as far as the solver can tell."""
    left = dict(clauses)
    for index, path in enumerate(paths):
        asked = {name: truths[index] for name, truths in left.items()}
        lost = unproved((*path.conditions, one.truths[index]), asked, solver)
        left = {name: truths for name, truths in left.items() if name not in lost}
        if not left:
            break
    return frozenset(left)


def _taken(paths: Sequence[Path], tries: Sequence[_Try], solver: Solver) -> bool:
    """Whether some machine that surely exists still takes the exit with these tests in front of it."""
    for index, path in enumerate(paths):
        query = (*path.conditions, *(one.truths[index] for one in tries))
        layout = _layout(path)
        links = (eq(term, as_term(place, 64)) for term, place in layout.externals.values())
        if solver.check(*query, *exactness(layout.symbols, query), *links) == "sat":
            return True
    return False


def _complete(exit_: Exit, tries: Sequence[_Try], clauses: Mapping[str, tuple[Truth, ...]], solver: Solver) -> bool:
    """Whether every clause is proved with all of the tests together."""
    if any(clause.status == "unknown" for clause in exit_.site.clauses) or not _taken(exit_.paths, tries, solver):
        return False
    return not any(
        unproved(
            (*path.conditions, land(*(one.truths[index] for one in tries))),
            {name: truths[index] for name, truths in clauses.items()},
            solver,
        )
        for index, path in enumerate(exit_.paths)
    )

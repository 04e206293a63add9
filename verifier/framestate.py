# SPDX-License-Identifier: BSD-2-Clause
"""What user space gets from an exit, as far as it is the same for all machines with given values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from verifier.contract import Contract
from verifier.counterexample import variables
from verifier.exploring import Survey
from verifier.frameanswer import Delivered, Event
from verifier.lift.entry import Entry
from verifier.lift.explore import Leaf
from verifier.model import FRAME_WORDS, GPRS
from verifier.obligations import Reference, exit_view
from verifier.outcomes import TF, ExitView
from verifier.solver import Solver
from verifier.terms import Term, Truth, as_term, bits, eq, land, lnot, lor

_STATE = ("rip", "cs", "rflags", "rsp", "ss")
_USER_RPL = 3
NOT_USER = "CS has not RPL 3: this does not return to user mode, and what it returns to is not modelled"


def nothing_to_compare(entry: Entry, contract: Contract) -> Reference:
    """A reference for the view of an exit of which only what it does itself is asked."""
    frame = {name: as_term(0, 64) for name in FRAME_WORDS}
    return Reference(frame, {name: None for name, _ in contract.registers}, entry.cr3)


def view_of(leaf: Leaf, survey: Survey) -> ExitView:
    """The view of the exit that a leaf stands before. Raises UserError("contract-lacks-key", exit code 2)."""
    entry, contract = survey.setting.entry, survey.contract
    return exit_view(leaf.detail, leaf.state, entry, contract, nothing_to_compare(entry, contract))


def delivered(
    survey: Survey, solver: Solver, ways: Sequence[tuple[Leaf, Truth]], given: Mapping[str, int]
) -> tuple[tuple[Delivered, ...] | None, tuple[Event, ...]]:
    """The user's state behind the exit that the leaves stand before, and faults and traps on the way.

    Each leaf has what holds of the machines that come to it. ``solver`` assumes the given values. The fields are None
    where no state of user mode is known. Raises UserError("contract-lacks-key", exit code 2).
    """
    first = ways[0][0]
    if first.kind != "exit" or first.detail not in _EVENTS:
        return None, ()
    entry = survey.setting.entry
    views = [(taken, view_of(leaf, survey)) for leaf, taken in ways]
    events: list[Event] = []
    for text, happens in _EVENTS[first.detail]:
        asked = [(path, happens(view)) for path, view in views]
        if solver.check(lor(*(land(path, truth) for path, truth in asked))) != "unsat":
            never = lor(*(land(path, lnot(truth)) for path, truth in asked))
            events.append(Event(text, solver.check(never) == "unsat"))
    if any(event.certain and event.text in _NOTHING for event in events):
        return None, tuple(events)
    names = [*_STATE, *(name for name in GPRS if any(name == one for one, _, _ in views[0][1].gprs)), "gs_base"]
    terms = {name: [(path, _term(view, name)) for path, view in views] for name in names}
    model = solver.model(views[0][0])
    if model is None:
        return None, tuple(events)
    values = {name: model.value(terms[name][0][1]) for name in names}
    # Where everything is given one query tells it all.
    differ = {name: _differs(terms[name], values[name]) for name in names}
    known = solver.check(lor(*differ.values())) == "unsat"
    fields = (
        Delivered(name, values[name])
        if known or solver.check(differ[name]) == "unsat"
        else _open(name, [term for _, term in terms[name]], entry, given)
        for name in names
    )
    return tuple(fields), tuple(events)


def _term(view: ExitView, name: str) -> Term:
    if name in _STATE:
        return getattr(view.sysret, name)
    if name == "gs_base":
        return view.gs_base
    return next(actual for one, actual, _ in view.gprs if one == name)


def _differs(terms: Sequence[tuple[Truth, Term]], value: int) -> Truth:
    """That a field has another value than this one."""
    return lor(*(land(path, lnot(eq(term, value))) for path, term in terms))


def _open(name: str, terms: Sequence[Term], entry: Entry, given: Mapping[str, int]) -> Delivered:
    """A field whose value rests on what was not given."""
    inputs = [symbol.name for symbol in variables(entry, terms) if symbol.name not in given]
    symbols = entry.state.shared.layout.symbols
    copy = symbols.of(terms[0]) is not None and all(term is terms[0] for term in terms)
    return Delivered(name, None, tuple(inputs), copy)


_LOST = "#GP(0) at CPL0 with the user's RSP loaded"
_REFUSED = "#GP(0) at CPL0 on the kernel's stack"
_NESTED = "#GP(0) at CPL0: NT is set"
_NOTHING = frozenset({NOT_USER, _LOST, _REFUSED, _NESTED})
"""With these nothing of the user's state is loaded, or none that is modelled."""


def _traps(view: ExitView) -> Truth:
    """Whether the exit itself succeeds with TF set."""
    clear = eq(as_term(view.sysret.rflags, 64) & TF, 0)
    return land(lnot(clear), lnot(view.sysret.fault), lnot(view.sysret.late_fault))


_FAST = (
    (_LOST, lambda view: view.sysret.fault),
    ("#GP(0) at CPL3 on the first fetch", lambda view: view.sysret.late_fault),
    ("#DB before the first user instruction", _traps),
)
_IRET = (
    (NOT_USER, lambda view: lnot(eq(bits(view.sysret.cs, 1, 0), _USER_RPL))),
    (_REFUSED, lambda view: view.sysret.fault),
    (_NESTED, lambda view: eq(view.nt, 1)),
    ("#DB after the first user instruction", _traps),
)
_EVENTS = {"iretq": _IRET, **dict.fromkeys(("sysretq", "sysretl", "sysexitq", "sysexitl"), _FAST)}
"""What may happen at each exit, and when."""

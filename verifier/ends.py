# SPDX-License-Identifier: BSD-2-Clause
"""Where machines go from one entry: each end with its condition, what it gives, and whether the frame says otherwise.

Two versions are compared by their ends. What an exit gives is what user space, or the kernel behind it, can tell:
the registers, flags and selectors that it loads, where it faults, when TF traps, and the events of the window clauses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from verifier.clauses import CLAUSES, FRAME_CLAUSES
from verifier.counterexample import Setting
from verifier.exploring import Exit, Survey, path_to
from verifier.lift.explore import Leaf
from verifier.lift.state import State
from verifier.model import GPRS, Field, OutcomeView, UserError
from verifier.obligations import JUDGED, Reference, cr3_reference, exit_view
from verifier.outcomes import TF, ExitView, Outcome
from verifier.prove import Path
from verifier.records import record
from verifier.terms import Term, Truth, as_term, eq, ite, land, lnot

Kind = Literal["fast", "iret", "other", "loop", "problem"]

_SYSTEM = ("fs_base", "cr0", "cr4", "efer", "star", "lstar", "sfmask", "spec_ctrl", "s_cet")
"""What an exit leaves as it is, and both versions have to leave alike; no clause says what is right."""
_ADDRESS = re.compile(r"0x[0-9a-f]{5,}")


@record
class End:
    """The end of a path, in the terms of its exploration.

    ``name`` is the exit's mnemonic, or says where else it leads. ``fields`` has name and term (64 bits at most) of
    what is given there, ``wrong`` where an exit gives something else than the contract's frame says. ``rip`` is the
    saved RIP, and ``path`` the exit with what it is compared with; None at other ends.
    """

    leaf: Leaf
    kind: Kind
    name: str
    condition: Truth
    fields: tuple[tuple[str, Term], ...]
    wrong: Truth = False
    rip: Term | None = None
    path: Path | None = None


def ends_of(survey: Survey) -> tuple[End, ...]:
    """Every end of a survey."""
    return tuple(end_of(survey, leaf) for leaf in survey.found.leaves)


def end_of(survey: Survey, leaf: Leaf) -> End:
    """A leaf of a survey, or of one of its machines that was followed, as an end."""
    condition = land(*leaf.state.path)
    if leaf.kind == "loop":
        return End(leaf, "loop", leaf.detail, condition, ())
    if leaf.kind in ("problem", "aside"):
        # What was set aside leads to no exit that a verdict is about; here it may lead to one that matters.
        return End(leaf, "problem", leaf.detail, condition, ())
    if leaf.kind != "exit":
        return End(leaf, "other", _name(leaf), condition, ())
    try:
        return _exit(survey, leaf, condition)
    except (UserError, KeyError):
        # What it gives is not known: the report of that side says so.
        return End(leaf, "problem", leaf.detail, condition, ())


def _name(leaf: Leaf) -> str:
    detail = _ADDRESS.sub("…", leaf.detail)
    match leaf.kind:
        case "external":
            return f"leaves: {detail}"
        case "return":
            return f"returns {detail}"
        case "trap":
            return f"trap: {detail}"
        case _:
            return f"not followed: {detail}"


def _exit(survey: Survey, leaf: Leaf, condition: Truth) -> End:
    task, contract = survey.task, survey.contract
    judged = next((one for one in survey.exits if _is_at(one, leaf)), None)
    path = None if judged is None else next((one for one in judged.paths if one.leaf is leaf), None)
    if path is None:
        path = _path(survey, leaf, judged)
    view, state = path.view, leaf.state
    fast = leaf.detail in JUDGED
    if fast:
        wrong = land(path.reference.condition, lnot(land(*_clauses(view, judged, contract.has_reference))))
    else:
        wrong = lnot(_as_framed(view)) if contract.has_reference and not task.auto else False
    return End(
        leaf,
        "fast" if fast else "iret",
        leaf.detail,
        condition,
        _given(view, state, fast),
        wrong,
        path.reference.frame["rip"],
        path,
    )


def _is_at(one: Exit, leaf: Leaf) -> bool:
    return one.site.location.address == leaf.decoded.address and one.site.kind == leaf.detail


def _path(survey: Survey, leaf: Leaf, judged: Exit | None) -> Path:
    """The path to an exit that nobody judged, or of a single machine, compared as its site is."""
    if judged is not None:
        return path_to(judged.setting, leaf)
    setting: Setting = survey.setting
    if not setting.auto:
        cr3, _ = cr3_reference(survey.found.leaves, setting.entry, survey.contract)
        if cr3 is None:
            cr3 = leaf.state.system["cr3"] if leaf.detail == "iretq" else setting.entry.cr3
        return path_to(replace(setting, cr3_reference=cr3), leaf)
    if leaf.detail != "iretq":
        raise KeyError(leaf.detail)
    # An IRET exit is what exits are compared with: it is its own reference.
    state = leaf.state
    words = {name: state.memory.load(state.gprs["rsp"] + 8 * at, 8) for at, name in enumerate(_POPPED)}
    live: Mapping[str, Term | None] = {name: state.gprs[name] for name in GPRS if name != "rsp"}
    reference = Reference(words, live, state.system["cr3"])
    return Path(leaf, reference, exit_view(leaf.detail, state, setting.entry, setting.contract, reference))


_POPPED = ("rip", "cs", "rflags", "rsp", "ss")


def _clauses(view: ExitView, judged: Exit | None, compared: bool) -> list[Truth]:
    """What the frame asks of a fast exit, whatever the profile; nothing that the verdict leaves open."""
    unknown = () if judged is None else {one.id for one in judged.site.clauses if one.status == "unknown"}
    found: list[Truth] = []
    for clause in CLAUSES:
        if clause.promise or clause.id in unknown or (not compared and clause.id in FRAME_CLAUSES):
            continue
        truth = clause.holds(view)
        if truth is not None:
            found.append(truth)
    return found


def _as_framed(view: ExitView) -> Truth:
    """Whether an IRET exit gives what the frame says."""
    mine, wanted = view.sysret, view.iret
    pairs: list[tuple[Term, Term]] = [
        (getattr(mine, name), getattr(wanted, name)) for name in ("rip", "rflags", "cs", "ss", "rsp")
    ]
    pairs += [(actual, reference) for _, actual, reference in view.gprs if reference is not None]
    pairs += [
        (view.gs_base, view.user_gs),
        (view.kernel_gs_base, view.kernel_gs),
        (view.cr3, view.cr3_reference),
    ]
    return land(lnot(view.gs_access), *(eq(left, right) for left, right in pairs if left is not right))


def _flag(truth: Truth) -> Term:
    return ite(truth, 1, 0, 1)


def _given(view: ExitView, state: State, fast: bool) -> tuple[tuple[str, Term], ...]:
    """What an exit gives: the same words for every kind of exit."""
    own: Outcome = view.sysret
    stack, late = (1, 3) if fast else (2, 3)
    fault = ite(own.fault, stack, ite(own.late_fault, late, 0, 2), 2)
    # SYSRET traps before the first user instruction, IRET after it.
    trap = ite(eq(own.rflags & TF, 0), 0, 1 if fast else 2, 2)
    flat = ite(view.amd, view.ss_flat, 1, 1) if view.kind.startswith("sysret") else as_term(1, 1)
    found: list[tuple[str, Term]] = [
        ("rip", own.rip), ("rflags", own.rflags), ("cs", own.cs), ("ss", own.ss), ("rsp", own.rsp),
        ("fault", fault), ("trap", trap),
    ]  # fmt: skip
    found += [(name, actual) for name, actual, reference in view.gprs if reference is not None]
    found += [("gs_base", view.gs_base), ("kernel_gs_base", view.kernel_gs_base), ("cr3", view.cr3)]
    found += [("ss-attrs", flat)]
    # IRET leaves from a stack of the kernel, whichever it is: there is no window in which it is the user's.
    found += [("irq", _flag(view.irq if fast else False)), ("stack", _flag(view.stack if fast else False))]
    found += [("gs", _flag(view.gs_access))]
    found += [(name, state.system[name]) for name in _SYSTEM]
    return tuple(found)


def given_up(end: End) -> tuple[tuple[str, Term], ...]:
    """What is in the registers that the contract gives up; they are no part of what an exit gives."""
    if end.path is None:
        return ()
    return tuple((name, actual) for name, actual, reference in end.path.view.gprs if reference is None)


def unjudged(survey: Survey, end: End) -> frozenset[str]:
    """Of what an exit gives the names of which nobody says what is right."""
    if survey.task.auto:
        return frozenset(name for name, _ in end.fields)
    if end.kind == "iret" and not survey.contract.has_reference:
        return frozenset(name for name, _ in end.fields)
    # Where the file's own IRET exit says what CR3 has to be, nothing says it of that one, nor of both together.
    return frozenset((*_SYSTEM, "cr3") if survey.contract.cr3.value != "entry" else _SYSTEM)


def outcome_view(view: ExitView) -> OutcomeView:
    """An exit of a concrete machine as a reader sees it; ``view`` is of ints."""
    own = view.sysret
    fast = view.kind != "iretq"
    fault, trap = None, ""
    if own.fault is True:
        fault = f"#GP(0) at CPL0 {'with the user' if fast else 'on the kernel'}'s {'RSP loaded' if fast else 'stack'}"
    elif own.late_fault is True:
        fault = "#GP(0) at CPL3 on the first fetch"
    elif own.rflags & TF:
        trap = f"#DB {'before' if fast else 'after'} the first user instruction"
    names = ("rip", "cs", "rflags", "rsp", "ss")
    shown = [Field(name, None if own.fault is True else getattr(own, name)) for name in names]
    shown += [Field(name, actual) for name, actual, _ in view.gprs]
    rest = (("gs_base", view.gs_base), ("kernel_gs_base", view.kernel_gs_base), ("cr3", view.cr3))
    shown += [Field(name, value) for name, value in rest]
    return OutcomeView(view.kind, fault, trap, tuple(shown))

# SPDX-License-Identifier: BSD-2-Clause
"""What the file's own IRET exit would have given user space, for the machine that takes the fast exit.

Where a branch leads away from every fast exit, the path behind it is explored
without the condition of that branch: that is the exit which the same machine
would have taken. Its IRETQ frame, registers and CR3 are the reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from verifier.lift.explore import Explorer, Leaf
from verifier.lift.memory import nearby
from verifier.lift.state import State
from verifier.model import FRAME_WORDS, GPRS
from verifier.obligations import JUDGED, Reference
from verifier.records import record
from verifier.solver import Solver
from verifier.terms import Term, Truth, add, land, lnot, lor, select

RESTORED = tuple(name for name in GPRS if name != "rsp")


def guard_edges(explorer: Explorer) -> frozenset[tuple[int, int]]:
    """The static edges from code that can still reach a fast exit to code that can only reach IRETQ."""
    order, decode = explorer.order, explorer.decode
    graph = order.successors
    fast = order.reaching({place for place in graph if decode(place).mnemonic in JUDGED})
    slow = order.reaching({place for place in graph if decode(place).mnemonic == "iretq"})
    return frozenset(
        (source, target)
        for source, targets in graph.items()
        if source in fast
        for target in targets
        if target in slow and target not in fast
    )


@record
class Arm:
    """An IRETQ leaf behind a guard: ``condition`` says for which machines it is the exit they would take."""

    condition: Truth
    leaf: Leaf


def iret_arms(explorer: Explorer) -> tuple[Arm, ...]:
    """Every IRET exit behind the guards that an exploration crossed.

    Left out are those that call something first, or store to an unknown
    address: what they would load is not what the memory holds now.
    """
    merged: dict[tuple[object, ...], tuple[Truth, State]] = {}
    for path, state in explorer.crossed:
        key = _fingerprint(state)
        condition = land(*path)
        merged[key] = (lor(merged[key][0], condition) if key in merged else condition, state)
    arms: list[Arm] = []
    for condition, state in merged.values():
        start = state.copy()
        start.path = ()
        for leaf in explorer.resume(start).leaves:
            # A call that is not followed replaces the history, a store with an unknown address extends it.
            alike = nearby(leaf.state.memory.history, state.memory.history)
            if leaf.kind == "exit" and leaf.detail == "iretq" and alike:
                arms.append(Arm(land(condition, *leaf.state.path), leaf))
    return tuple(arms)


def _fingerprint(state: State) -> tuple[object, ...]:
    """What decides how a state goes on: equal for states that differ in their path condition only."""
    words = tuple(
        (region, offset, term.hash())
        for region, cells in state.memory.words.items()
        for offset, term in sorted(cells.items())
    )
    registers = tuple(state.gprs[name].hash() for name in GPRS)
    system = tuple(term.hash() for term in state.system.values())
    return state.place, state.calls, registers, system, words, state.memory.history, id(state.flags)


def of_arm(arm: Arm) -> Reference:
    """The reference that one arm gives: the five words at RSP, and the registers there."""
    state = arm.leaf.state
    frame = {
        name: state.memory.load(add(state.gprs["rsp"], 8 * index, 64), 8) for index, name in enumerate(FRAME_WORDS)
    }
    return Reference(frame, {name: state.gprs[name] for name in RESTORED}, state.system["cr3"], arm.condition)


def combined(references: Sequence[Reference], leaves: Iterable[Leaf], solver: Solver) -> Reference | None:
    """One reference out of several, or None unless they cover every machine of the leaves and agree on it."""
    if not references:
        return None
    whole = references[-1]
    for one in reversed(references[:-1]):
        whole = Reference(
            {name: _pick(one.condition, one.frame[name], whole.frame[name]) for name in FRAME_WORDS},
            {name: _pick(one.condition, one.gprs[name], whole.gprs[name]) for name in RESTORED},
            _pick(one.condition, one.cr3, whole.cr3),
        )
    whole = Reference(whole.frame, whole.gprs, whole.cr3)
    for leaf in leaves:
        path = leaf.state.path
        if solver.check(*path, *(lnot(one.condition) for one in references)) != "unsat":
            return None
        for one in references:
            if solver.check(*path, one.condition, lnot(_agree(one, whole))) != "unsat":
                return None
    return whole


def _pick(condition: Truth, then: Term | None, otherwise: Term | None) -> Term:
    return then if then is otherwise else select(condition, then, otherwise, 64)


def _agree(one: Reference, whole: Reference) -> Truth:
    pairs = [(one.frame[name], whole.frame[name]) for name in FRAME_WORDS]
    pairs += [(one.gprs[name], whole.gprs[name]) for name in RESTORED]
    pairs.append((one.cr3, whole.cr3))
    return land(*(True if left is right else left == right for left, right in pairs))

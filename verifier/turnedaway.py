# SPDX-License-Identifier: BSD-2-Clause
"""The machines that guards turn away from an exit to IRET although every clause would hold there, as terms.

A frame is *ordinary* if its words are as a CPU writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from verifier.clauses import of_profile
from verifier.exploring import Exit, Survey
from verifier.freed import Freed
from verifier.isa.iret import iretq
from verifier.lift.explore import Leaf
from verifier.lift.state import State
from verifier.model import RFLAGS_BITS
from verifier.outcomes import SYSRET_RFLAGS, ExitView
from verifier.prove import Path
from verifier.records import record
from verifier.references import Arm, of_arm
from verifier.settling import settled, without
from verifier.terms import Term, Truth, as_term, bits, decided, eq, ite, land, lnot, lor, mask

_FREE = "free."

WRITTEN_RFLAGS = sum((3 if name == "IOPL" else 1) << low for name, low in RFLAGS_BITS if name != "VM") | 2
"""Bits that can be set in RFLAGS in 64-bit mode: VM never is, bit 1 always (SDM vol. 1, 3.4.3)."""


@record
class Way:
    """A way to the exit with switches.

    ``taken``: when; ``same``: all clauses hold there; ``slow``: as the code is the machine
    takes IRET; ``ordinary``: so is the frame; ``rip``: the saved RIP.
    """

    taken: tuple[Truth, ...]
    same: tuple[Truth, ...]
    slow: Truth
    ordinary: Truth
    rip: Term


@record
class TurnedAway:
    """What the guards at ``places`` turn away, all others being on.

    ``through``: the remaining guards let it through to the exit; ``right``: what SYSRET would do there is right;
    ``lost``: and the machine takes IRET. ``rip`` is the saved RIP. ``plain``: the first and the last are about the
    inputs alone; otherwise they have further symbols, as ``right`` may have, and hold for the machines for which they
    can be made true. ``parts`` are what has to hold for ``lost``, way by way.
    """

    places: tuple[int, ...]
    through: Truth
    lost: Truth
    right: Truth
    rip: Term
    plain: bool
    parts: tuple[Truth, ...]

    @property
    def beside(self) -> bool:
        """Whether the saved RIP has other symbols than inputs."""
        return any(name.startswith(_FREE) for name in self.rip.variables)


def ways_of(survey: Survey, free: Freed, exit_: Exit) -> list[Way]:
    """Every way to the exit with switches.

    All clauses of the profile "equivalence" count, but for what the contract promises. They hold against
    the contract's frame, and against what the IRET that the machine takes gives: work on the way there may change it.
    """
    entry, found = exit_.setting.entry, list[Way]()
    owns = [(of_arm(Arm(land(*leaf.state.path), leaf)), leaf.state) for leaf in slow_leaves(survey)]
    for path in free.paths[exit_.site.location.address, exit_.site.kind]:
        ordinary, rip = _ordinary(path), as_term(path.reference.frame["rip"], 64)
        asked = {name for name, _, reference in path.view.gprs if reference is not None}
        slow: dict[tuple[int, ...], tuple[tuple[Truth, ...], Truth]] = {}
        for own, state in owns:
            gprs = tuple((name, now, own.gprs[name] if name in asked else None) for name, now, _ in path.view.gprs)
            view = replace(path.view, iret=iretq(own.frame, entry.la57), gprs=gprs, cr3_reference=own.cr3)
            same = (*_same(path.view), *_same(view), _as_well(path.view, state))
            key = tuple(hash(one) if isinstance(one, bool) else one.hash() for one in same)
            slow[key] = same, lor(own.condition, slow[key][1] if key in slow else False)
        found += [Way(path.conditions, same, when, ordinary, rip) for same, when in slow.values()]
    return found


def _as_well(view: ExitView, state: State) -> Truth:
    """What no clause says of an IRETQ: that it leaves with the bases of GS of the other exit, and does not fault.

    With NT set it raises #GP(0) (SDM vol. 2A, IRET, IA-32e-MODE-RETURN).
    """
    bases = [(state.system["gs_base"], view.gs_base), (state.system["kernel_gs_base"], view.kernel_gs_base)]
    alike = all(as_term(left, 64).hash() == as_term(right, 64).hash() for left, right in bases)
    # A machine for which both bases happen to be one value is nobody's.
    apart = True if alike else lnot(eq(view.user_gs, view.kernel_gs))
    return land(*(eq(left, right) for left, right in bases), apart, eq(state.system["nt"], 0))


def slow_leaves(survey: Survey) -> list[Leaf]:
    """Where machines leave by IRET."""
    return [leaf for leaf in survey.found.leaves if leaf.kind == "exit" and leaf.detail == "iretq"]


def _same(view: ExitView) -> Iterator[Truth]:
    for clause in of_profile("equivalence"):
        truth = None if clause.promise else clause.holds(view)
        if truth is not None:
            yield truth


def _ordinary(path: Path) -> Truth:
    """Selectors in 16 bits, in RFLAGS only bits that there are; so in R11 where SYSRET takes RFLAGS from the saved one.

    SYSCALL saves RFLAGS in R11 without RF (APM vol. 3, SYSCALL), and SYSRET does not load it.
    """
    frame, r11 = path.reference.frame, path.reference.gprs.get("r11")
    found = [eq(bits(frame[name], 63, 16), 0) for name in ("cs", "ss")]
    found.append(eq(frame["rflags"] & (mask(64) & ~WRITTEN_RFLAGS | 2), 2))
    if path.view.kind.startswith("sysret") and r11 is not None and not isinstance(r11, int):
        now = path.leaf.state.gprs["r11"]
        if not isinstance(now, int) and now.variables & r11.variables:
            found.append(eq(r11 & (mask(64) & ~SYSRET_RFLAGS | 2), 2))
    return land(*found)


def any_lost(ways: Sequence[Way], ordinary: bool) -> Truth:
    """What is lost with any guards off; the switches, and what is free with them, are symbols in it."""
    return lor(*(land(*way.taken, *way.same, way.slow, way.ordinary if ordinary else True) for way in ways))


def any_right(ways: Sequence[Way]) -> Truth:
    """The machines with ordinary frames for which SYSRET would be right, with any guards off."""
    return lor(*(land(*way.taken, *way.same, way.ordinary) for way in ways))


def turned_away(free: Freed, ways: Sequence[Way], places: Sequence[int], ordinary: bool) -> TurnedAway:
    """What these guards turn away; ``ordinary``: of ordinary frames only."""
    off = frozenset(places)
    names = {use.args[0]: place not in off for place, use in free.switches.uses.items()}
    plain, through, lost, right, parts = True, [], [], [], list[Truth]()
    rip: Term | None = None
    for way in ways:
        frame = settled(way.ordinary, names) if ordinary else True
        taken = [*(settled(one, names) for one in way.taken), frame]
        same = [*taken, *(settled(one, names) for one in way.same)]
        inside, outcome = without(taken, _FREE), without([*same, way.slow], _FREE)
        plain = plain and inside is not None and outcome is not None
        through.append(land(*taken) if inside is None else inside)
        lost.append(land(*same, way.slow) if outcome is None else outcome)
        right.append(land(*same))
        parts += [*same, way.slow]
        here = settled(way.rip, names)
        rip = here if rip is None or rip.hash() == here.hash() else ite(land(*taken), here, rip, 64)
    known = as_term(0, 64) if rip is None else rip
    return TurnedAway(tuple(places), lor(*through), lor(*lost), lor(*right), known, plain, tuple(parts))


def guards_met(free: Freed, ways: Sequence[Way]) -> list[int]:
    """The places of the guards on which it depends who comes to the exit, in the order of the code."""
    truths = [one for way in ways for one in (*way.taken, *way.same) if decided(one) is None]
    met = frozenset[str]().union(*(one.variables for one in truths))
    return sorted(place for place, use in free.switches.uses.items() if use.variables & met)

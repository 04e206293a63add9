# SPDX-License-Identifier: BSD-2-Clause
"""Which check proves what, at one exit: guards as rows, clauses as columns, and what is in the cells."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from verifier.clauses import clause
from verifier.insights import GuardUse
from verifier.model import SiteResult
from verifier.records import record
from verifier.report.conditions import Wording, names_of
from verifier.report.narrative import clause_effect

Mark = Literal["needed", "part", "unsure", ""]
State = Literal["proved", "violated", "waived"]

TITLE = "Which check proves what"

REGISTERS = "gpr."

LEGEND: tuple[tuple[Mark, str, str], ...] = (
    ("needed", "●", "needed: without this check alone the clause is no longer proved"),
    ("part", "○", "replaceable: the proof uses this check, and there is another proof without it"),
    ("unsure", "?", "not known: what the proof uses could not be found out"),
)
"""What is in the cells: the mark, its sign, and what it says."""

REDUNDANT = (
    "redundant: without this check alone every clause that is proved stays proved; it may be there for another reason"
)
VIOLATED = "no check ensures it"
"""Of a violated clause: there may be a check that tries."""


@record
class Column:
    """Clauses that have the same marks in all rows; more than one only of general registers."""

    ids: tuple[str, ...]
    state: State

    @property
    def title(self) -> str:
        """The clause, or one name for all of these."""
        return self.ids[0] if len(self.ids) == 1 else f"{REGISTERS}*"


def columns(site: SiteResult) -> tuple[Column, ...]:
    """The clauses that some guard helps to prove, and those that fail, in the order of the report."""
    guards = site.guards or ()
    used = {name for guard in guards for name in (*guard.rests, *guard.needed, *guard.unsure)}
    known = list(dict.fromkeys(one.id for one in site.clauses))
    found: dict[tuple[str, State, tuple[Mark, ...]], list[str]] = {}
    for name in (*known, *sorted(used.difference(known))):
        state = _state(site, name)
        if state == "proved" and name not in used:
            continue
        marks = tuple(_mark(guard, name) for guard in guards) if state == "proved" else ()
        family = REGISTERS if name.startswith(REGISTERS) else name
        found.setdefault((family, state, marks), []).append(name)
    return tuple(Column(tuple(names), state) for (_, state, _), names in found.items())


def _state(site: SiteResult, name: str) -> State:
    statuses = {one.status for one in site.clauses if one.id == name}
    if "violated" in statuses:
        return "violated"
    return "waived" if "waived" in statuses else "proved"


def mark(guard: GuardUse, column: Column) -> Mark:
    """What a proved column's clauses owe to a guard."""
    return _mark(guard, column.ids[0])


def _mark(guard: GuardUse, name: str) -> Mark:
    if name in guard.needed:
        return "needed"
    if name in guard.unsure:
        return "unsure"
    return "part" if name in guard.rests else ""


def legend(site: SiteResult) -> tuple[tuple[Mark, str, str], ...]:
    """What is said about the marks in the cells of a site."""
    guards = site.guards or ()
    found = {mark(guard, one) for guard in guards for one in columns(site) if one.state == "proved"}
    return tuple(item for item in LEGEND if item[0] in found or item[0] != "unsure")


def worth(guard: GuardUse) -> str:
    """What a guard is good for, in a word or two."""
    if guard.needed:
        return "needed"
    if guard.unsure:
        return "perhaps redundant"
    return "redundant, another check does its part" if guard.rests else "redundant"


def lets(guard: GuardUse, said: Wording) -> list[str]:
    """What a guard lets pass, condition by condition; of one that closes no way, what it looks at."""
    if guard.demands:
        return [said.condition(one) for one in guard.demands]
    looks = f" (it looks at {said.inputs(guard.reads)})" if guard.reads else ""
    return [f"no condition of its own{looks}"]


def wording(site: SiteResult) -> Wording:
    """Short words for what all guards of an exit demand and look at."""
    guards = site.guards or ()
    looked = [name for guard in guards if not guard.demands for name in guard.reads]
    return Wording([*names_of(one for guard in guards for one in guard.demands), *looked])


def tally(site: SiteResult) -> str:
    """How many guards there are and how many of them are redundant."""
    guards = site.guards or ()
    if not guards:
        return "No branch on the way to this exit depends on the machine."
    spare = sum(not guard.needed and not guard.unsure for guard in guards)
    one = len(guards) == 1
    many = "1 check leads" if one else f"{len(guards)} checks lead"
    rest = f"{spare or 'none'} of them {'is' if spare <= 1 else 'are'} redundant"
    return f"{many} to this exit; {rest}."


def prevented(site: SiteResult) -> tuple[tuple[Column, tuple[GuardUse, ...], str], ...]:
    """(clauses, the checks that their proofs use, what it means that they fail) for what checks help to prove."""
    found = []
    for column in columns(site):
        if column.state == "proved":
            used = tuple(one for one in site.guards or () if mark(one, column) in ("needed", "part"))
            found.append((column, used, clause_effect(column.ids[0])))
    return tuple(one for one in found if one[1] and one[2])


def unguarded(site: SiteResult) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(why no guard is named, clauses) for the clauses that are in no column."""
    shown = {name for column in columns(site) for name in column.ids}
    groups: dict[str, list[str]] = {"": [], "promise": [], "unknown": []}
    for name in dict.fromkeys(one.id for one in site.clauses):
        statuses = {one.status for one in site.clauses if one.id == name}
        if name in shown or statuses <= {"not-applicable"}:
            continue
        rule = clause(name)
        kind = "unknown" if "unknown" in statuses else "promise" if rule is not None and rule.promise else ""
        groups[kind].append(name)
    said = {
        "": "Proved without any check, by what every path does and by the assumptions",
        "promise": "Promised by the contract",
        "unknown": "Not decided, so that no check is known to help",
    }
    return tuple((said[kind], folded(names)) for kind, names in groups.items() if names)


def folded(names: Collection[str]) -> tuple[str, ...]:
    """The names, those of several general registers as one."""
    registers = [name for name in names if name.startswith(REGISTERS)]
    if len(registers) < 2:
        return tuple(names)
    several = f"{REGISTERS}* ({len(registers)})"
    return tuple(several if name == registers[0] else name for name in names if name not in registers[1:])

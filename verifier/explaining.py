# SPDX-License-Identifier: BSD-2-Clause
"""What was asked about the exits of one entry beside their verdicts: guards, slack, conditions, repairs."""

from __future__ import annotations

from dataclasses import replace

from verifier.exploring import Exit, Survey
from verifier.freed import freed
from verifier.guards import Guarded, guard_uses
from verifier.model import SiteResult
from verifier.records import record


@record
class Told:
    """The exits of a survey with what was asked about them; ``supports`` has the clauses that rest on each guard."""

    exits: tuple[Exit, ...]
    supports: dict[int, frozenset[str]]

    @property
    def sites(self) -> tuple[SiteResult, ...]:
        """The results of the exits."""
        return tuple(one.site for one in self.exits)


def insights(survey: Survey) -> Told:
    """The exits of a survey with what its task wants to know about them."""
    wanted = survey.task.wanted
    if not survey.exits or not (wanted.why or wanted.slack):
        return Told(survey.exits, {})
    survey.task.progress.stage(f"asking what the guards from {survey.start.name} are for")
    free = freed(survey)
    if free is None:
        return Told(survey.exits, {})
    exits: list[Exit] = []
    guards: list[Guarded] = []
    for one in survey.exits:
        if (one.site.location.address, one.site.kind) not in free.paths:
            exits.append(one)
            continue
        found = guard_uses(survey, free, one)
        guards += found
        exits.append(replace(one, site=replace(one.site, guards=tuple(guard.use for guard in found))))
    return Told(tuple(exits), _supports(guards))


def _supports(guards: list[Guarded]) -> dict[int, frozenset[str]]:
    """For each guard by its place the clauses, of all exits together, whose proofs rest on it."""
    found: dict[int, set[str]] = {}
    for guard in guards:
        found.setdefault(guard.place, set()).update(guard.use.rests)
    return {place: frozenset(clauses) for place, clauses in found.items()}

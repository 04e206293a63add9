# SPDX-License-Identifier: BSD-2-Clause
"""What was asked about the exits of one entry beside their verdicts: guards, slack, conditions, repairs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from verifier.exploring import Exit, Survey
from verifier.insights import Slack
from verifier.model import SiteResult
from verifier.records import record

# What answers is imported where it is asked: most runs ask nothing, and each import costs all of them.
if TYPE_CHECKING:
    from verifier.freed import Freed
    from verifier.guards import Guarded


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
    exits = tuple(_with_hints(survey, one) for one in survey.exits)
    wanted = survey.task.wanted
    if not exits or not (wanted.why or wanted.slack):
        return Told(exits, {})
    from verifier.freed import freed

    survey.task.progress.stage(f"asking what the guards from {survey.start.name} are for")
    free = freed(survey)
    guards: list[Guarded] = []
    told = tuple(_asked(survey, free, one, guards) for one in exits)
    return Told(told, _supports(guards))


def _asked(survey: Survey, free: Freed | None, one: Exit, guards: list[Guarded]) -> Exit:
    """An exit with what is wanted of it; its guards are added to those of the others."""
    from verifier.fastpath import fast_conditions
    from verifier.guards import guard_uses
    from verifier.tightness import slack

    wanted, site = survey.task.wanted, one.site
    here = free if free is not None and (site.location.address, site.kind) in free.paths else None
    if wanted.why and here is not None:
        found = guard_uses(survey, here, one)
        guards += found
        site = replace(site, guards=tuple(guard.use for guard in found))
    if wanted.why and site.kind != "iretq":
        site = replace(site, fast=fast_conditions(survey, one))
    if wanted.slack and site.kind != "iretq":
        site = replace(site, slack=_NOT_EXPLORED if here is None else slack(survey, here, one))
    return replace(one, site=site)


_NOT_EXPLORED = Slack("unknown", "with more ways open, a pointer may be one to a stack", ())


def _with_hints(survey: Survey, one: Exit) -> Exit:
    if one.site.verdict != "violated" or one.site.kind == "iretq":
        return one
    from verifier.hints import hints

    return replace(one, site=replace(one.site, hints=hints(survey, one)))


def _supports(guards: list[Guarded]) -> dict[int, frozenset[str]]:
    """For each guard by its place the clauses, of all exits together, whose proofs rest on it."""
    found: dict[int, set[str]] = {}
    for guard in guards:
        found.setdefault(guard.place, set()).update(guard.use.rests)
    return {place: frozenset(clauses) for place, clauses in found.items()}

# SPDX-License-Identifier: BSD-2-Clause
"""What an exit leaves to IRET in words: ordinary frames first, all that one check turns away below one heading.

Plain strings, to be escaped by whoever prints them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from verifier.insights import Condition, Lost, Slack
from verifier.model import Config, Input, Location, SiteResult
from verifier.records import record
from verifier.report.conditions import each_words, names_of
from verifier.report.inputnames import joined
from verifier.report.phrases import cpus
from verifier.report.words import capital, in_order, near, place, sentence

TITLE = "What is left to IRET"

OTHERS = "Also turned away are frames as no CPU and no kernel writes them, with bits that neither instruction loads"

NOBODY = "Turned away by no single check"


@record
class Group:
    """What one check turns away, or several together: ``losses`` are for different configurations."""

    guards: tuple[Location, ...]
    losses: tuple[Lost, ...]


def groups(slack: Slack, ordinary: bool) -> tuple[Group, ...]:
    """The losses of ordinary frames, or of others, by check, in the order in which the checks are met first."""
    found: dict[tuple[Location, ...], list[Lost]] = {}
    for one in slack.lost:
        if one.ordinary == ordinary:
            found.setdefault(one.guards, []).append(one)
    return tuple(Group(guards, tuple(losses)) for guards, losses in found.items())


def lead(site: SiteResult, slack: Slack) -> str:
    """Whether anything is lost."""
    kind = site.kind.upper()
    match slack.status:
        case "exact":
            return (
                "Exact: of ordinary frames, as a CPU or a kernel writes them, nothing is lost. "
                f"None of them takes IRET where {kind} would do the same."
            )
        case "slack":
            return f"Some ordinary frames take IRET although {kind} would do exactly the same."
        case "unknown":
            return f"Not known: {sentence(slack.reason) or 'no reason is given'}."


def rest(slack: Slack) -> str:
    """Why there may be more than what follows; "" if that is all. What limits "exact" is said with it."""
    return f"{capital(sentence(slack.reason))}." if slack.reason and slack.status == "slack" else ""


def places(site: SiteResult, slack: Slack) -> dict[Location, str]:
    """What each check is called: its line and instruction, of several on one line also where it is."""
    guards = list(dict.fromkeys(one for lost in slack.lost for one in lost.guards))
    short = {one: f"{near(one, site.location)} ({' '.join(one.text.split())})" for one in guards}
    return {
        one: f"{said} at {place(one)}" if list(short.values()).count(said) > 1 else said for one, said in short.items()
    }


def heading(group: Group, names: Mapping[Location, str]) -> str:
    """Who turns the machines away; ``names`` are those of places."""
    return f"{capital(_who(group, names))} {turns(group)}" if group.guards else NOBODY


def turns(group: Group) -> str:
    """How the heading goes on behind the names of the checks."""
    verb = "turns away" if len(group.guards) == 1 else "together turn away"
    return f"{verb}, of what the other checks let through"


def _who(group: Group, names: Mapping[Location, str]) -> str:
    return joined([names[one] for one in group.guards], "and")


def scope(one: Lost, among: Sequence[Config], conditions: Sequence[str] = ()) -> str:
    """Which machines these are. Without the words of their ``conditions`` these have to follow."""
    where = "" if set(one.configs) >= set(among) else f"{cpus(one.configs, among)}: "
    if not one.conditions:
        return f"{where}{'all of it' if one.exact else 'some of it, for which no condition can be named'}"
    said = f" {'; '.join(conditions)}" if conditions else " all of this holds"
    return f"{where}exactly where{said}" if one.exact else f"{where}only where{said} (and perhaps not always there)"


def aside(group: Group, names: Mapping[Location, str], among: Sequence[Config]) -> str:
    """What a check turns away of frames that are not ordinary, in one short line."""
    return f"{_who(group, names) or 'no single check'}: {unlike(group, among)}"


def unlike(group: Group, among: Sequence[Config]) -> str:
    """What makes these frames no ordinary ones."""
    said = dict.fromkeys("; ".join(each_words(_telling(one))) for one in group.losses)
    configs = in_order(config for one in group.losses for config in one.configs)
    where = "" if set(configs) >= set(among) else f" ({cpus(configs, among)})"
    return f"{' or '.join(filter(None, said)) or 'some of them'}{where}"


def _telling(one: Lost) -> Sequence[Condition]:
    """The conditions that make such a frame: the others are those of every frame that SYSRET can serve."""
    return [condition for condition in one.conditions if condition.negated] or one.conditions


def shown(one: Lost) -> tuple[Input, ...]:
    """The inputs of the example that the conditions name; all if they name none of them."""
    named = set(names_of(one.conditions))
    return tuple(item for item in one.example if item.name in named) or one.example

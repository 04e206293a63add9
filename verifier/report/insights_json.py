# SPDX-License-Identifier: BSD-2-Clause
"""What a proof knows beyond its verdict as objects for JSON; values are strings in hex, as everywhere in JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from verifier.insights import (
    Comparison,
    Condition,
    Divergence,
    FastConditions,
    GuardUse,
    Hint,
    Interval,
    Lost,
    Side,
    Slack,
)
from verifier.model import Config, Field, Input, Location, OutcomeView, SiteResult
from verifier.report.conditions import words
from verifier.report.words import hexa, in_order

Json = dict[str, Any]


def of_site(site: SiteResult) -> Json:
    """What was asked about a site beside its verdict; null, or an empty list, for what was not."""
    return {
        "guards": None if site.guards is None else [_guard(one) for one in site.guards],
        "slack": None if site.slack is None else _slack(site.slack),
        "fast": [_fast(one) for one in site.fast],
        "hints": [_hint(one) for one in site.hints],
    }


def of_comparison(found: Comparison) -> Json:
    """What a change does to user space."""
    return {
        "status": found.status,
        "base": _side(found.base),
        "head": _side(found.head),
        "divergences": [_divergence(one) for one in found.divergences],
        "reasons": list(found.reasons),
        "assumptions": [{"id": name, "text": text} for name, text in found.assumptions],
    }


def of_location(location: Location) -> Json:
    """A place in the code."""
    return {
        "address": hexa(location.address),
        "symbol": location.symbol,
        "offset": hexa(location.offset),
        "file": location.file,
        "line": location.line,
        "text": location.text,
    }


def of_outcome(outcome: OutcomeView) -> Json:
    """What an exit instruction does."""
    return {
        "instruction": outcome.instruction,
        "fault": outcome.fault,
        "trap": outcome.trap or None,
        "fields": _fields(outcome.fields),
    }


def _guard(use: GuardUse) -> Json:
    return of_location(use.location) | {
        "variant": use.variant,
        "demands": _conditions(use.demands),
        "reads": list(use.reads),
        "rests": list(use.rests),
        "needed": list(use.needed),
        "unsure": list(use.unsure),
        "redundant": not use.needed and not use.unsure,
    }


def _slack(found: Slack) -> Json:
    return {"status": found.status, "reason": found.reason, "lost": [_lost(one) for one in found.lost]}


def _lost(one: Lost) -> Json:
    return {
        "guards": [of_location(place) for place in one.guards],
        "config": _configs(one.configs),
        "ordinary": one.ordinary,
        "conditions": _conditions(one.conditions),
        "exact": one.exact,
        "ranges": _ranges(one.ranges),
        "ranges_exact": one.ranges_exact,
        "example": _values(one.example),
    }


def _fast(one: FastConditions) -> Json:
    return {
        "config": _configs(one.configs),
        "conditions": _conditions(one.conditions),
        "exact": one.exact,
        "others": list(one.others),
    }


def _hint(one: Hint) -> Json:
    return {
        "clauses": list(one.clauses),
        "demand": _conditions(one.demand),
        "after": _place(one.after),
        "behind": _place(one.behind),
        "before": _place(one.before),
        "lines": list(one.lines),
        "config": _configs(one.configs),
        "complete": one.complete,
    }


def _side(side: Side) -> Json:
    return {
        "path": side.path,
        "sha256": side.sha256 or None,
        "entry": side.entry,
        "verdict": side.verdict,
        "violated": list(side.violated),
    }


def _divergence(one: Divergence) -> Json:
    return {
        "kind": one.kind,
        "config": _configs(one.configs),
        "visible": one.visible,
        "wrong": one.wrong,
        "conditions": _conditions(one.conditions),
        "exact": one.exact,
        "ranges": _ranges(one.ranges),
        "ranges_exact": one.ranges_exact,
        "example": _values(one.example),
        "base": None if one.base is None else of_outcome(one.base),
        "head": None if one.head is None else of_outcome(one.head),
        "base_end": one.base_end,
        "head_end": one.head_end,
        "differs": list(one.differs),
        "entry": one.entry,
        "judged": one.judged,
    }


def _conditions(conditions: Iterable[Condition]) -> list[Json]:
    return [_condition(one) for one in conditions]


def _condition(one: Condition) -> Json:
    """Only what the kind of condition has; ``words`` says it all."""
    found: Json = {"kind": one.kind, "negated": one.negated, "paging": one.paging or None, "words": words(one)}
    match one.kind:
        case "range":
            return found | {"left": one.left, "intervals": _ranges(one.intervals)}
        case "bits":
            return found | {"left": one.left, "mask": hexa(one.mask), "value": hexa(one.value)}
        case "same":
            return found | {"left": one.left, "right": one.right, "mask": hexa(one.mask)}
        case "other":
            return found | {"names": list(one.names)}


def _ranges(ranges: Iterable[Interval]) -> list[list[str]]:
    return [[hexa(first), hexa(last)] for first, last in ranges]


def _configs(configs: Iterable[Config]) -> list[list[str]]:
    return [list(config) for config in in_order(configs)]


def _place(location: Location | None) -> Json | None:
    return None if location is None else of_location(location)


def _values(items: Iterable[Input]) -> Json:
    return {item.name: hexa(item.value) for item in items}


def _fields(fields: Iterable[Field]) -> Json:
    return {field.name: None if field.value is None else hexa(field.value) for field in fields}

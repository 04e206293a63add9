# SPDX-License-Identifier: BSD-2-Clause
"""What becomes of a frame, as JSON: ``verify-exit-frame/1`` (specs/schema/verify-exit-frame-1.schema.json).

Keys are sorted, addresses and values are strings such as "0x1f", and nothing depends on the clock or on the machine.
"""

from __future__ import annotations

import json
from typing import Any

from verifier.frameanswer import Answer, Delivered, FastExit, FrameReport, Passed, Way
from verifier.insights import Condition
from verifier.report.conditions import words
from verifier.report.insights_json import of_location
from verifier.report.words import hexa

SCHEMA = "verify-exit-frame/1"

Json = dict[str, Any]


def render(report: FrameReport) -> str:
    """One JSON object, ending in a newline."""
    return json.dumps(document(report), indent=2, sort_keys=True, ensure_ascii=True) + "\n"


def document(report: FrameReport) -> Json:
    """The object that ``render`` writes."""
    return {
        "schema": SCHEMA,
        "input": {"path": report.path, "sha256": report.sha256},
        "contract": report.contract,
        "configs": [list(config) for config in report.configs],
        "given": [
            {"name": one.name, "value": hexa(one.value), "origin": one.origin, "at": one.at} for one in report.given
        ],
        "notes": list(report.notes),
        "answers": [_answer(answer) for answer in report.answers],
        "exits": [_exit(exit_) for exit_ in report.exits],
        "reasons": [{"code": code, "text": text} for code, text in report.reasons],
    }


def _answer(answer: Answer) -> Json:
    return {
        "entry": answer.entry,
        "configs": [list(config) for config in answer.configs],
        "status": answer.status,
        "reason": answer.reason,
        "remedy": answer.remedy,
        "depends": list(answer.depends),
        "ways": [_way(way) for way in answer.ways],
    }


def _way(way: Way) -> Json:
    return {
        "kind": way.kind,
        "name": way.name,
        "location": of_location(way.location),
        "decided": None if way.decided is None else {**_guard(way.decided), "always": way.always},
        "passed": [_guard(guard) for guard in way.passed],
        "inputs": [{"name": one.name, "value": hexa(one.value)} for one in way.inputs],
        "state": None if way.fields is None else [_field(one) for one in way.fields],
        "events": [{"text": one.text, "certain": one.certain} for one in way.events],
        "note": way.note,
        "given": list(way.fixed),
        "instructions": way.instructions,
    }


def _guard(guard: Passed) -> Json:
    return {
        "location": of_location(guard.location),
        "variant": guard.variant,
        "demands": [_condition(one) for one in guard.demands],
        "failed": [_condition(one) for one in guard.failed],
        "values": {name: hexa(value) for name, value in guard.values},
    }


def _field(field: Delivered) -> Json:
    value = None if field.value is None else hexa(field.value)
    return {"name": field.name, "value": value, "inputs": list(field.inputs), "copy": field.copy}


def _exit(exit_: FastExit) -> Json:
    return {
        "entry": exit_.entry,
        "kind": exit_.kind,
        "location": of_location(exit_.location),
        "taken": [
            {
                "configs": [list(config) for config in one.configs],
                "conditions": [_condition(condition) for condition in one.conditions],
                "exact": one.exact,
                "others": list(one.others),
            }
            for one in exit_.conditions
        ],
    }


def _condition(condition: Condition) -> Json:
    found: Json = {"kind": condition.kind, "negated": condition.negated, "text": words(condition)}
    if condition.paging:
        found["paging"] = condition.paging
    match condition.kind:
        case "range":
            intervals = [[hexa(first), hexa(last)] for first, last in condition.intervals]
            return {**found, "input": condition.left, "intervals": intervals}
        case "bits":
            return {**found, "input": condition.left, "mask": hexa(condition.mask), "value": hexa(condition.value)}
        case "same":
            return {**found, "inputs": [condition.left, condition.right], "mask": hexa(condition.mask)}
        case _:
            return {**found, "inputs": list(condition.names)}

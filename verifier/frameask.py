# SPDX-License-Identifier: BSD-2-Clause
"""One question about a frame from an opened input to everything that there is to say about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from verifier.exploring import Survey
from verifier.fastpath import fast_conditions
from verifier.frameanswer import Answer, FastExit, FrameReport, Given
from verifier.framequestion import answers
from verifier.framewords import Told, at_exit, by_name, resolved, told
from verifier.model import UserError
from verifier.opening import Opened
from verifier.pipeline import surveyed


def ask(opened: Opened, values: Mapping[str, int | str]) -> FrameReport:
    """What becomes of machines with these values; texts are read as those of --set. Raises UserError."""
    words = [f"{name}={value}" if isinstance(value, str) else f"{name}={value:#x}" for name, value in values.items()]
    return frame_report(opened, told(words))


def frame_report(opened: Opened, values: Sequence[Told]) -> FrameReport:
    """Everything about the frame that the values describe. Raises UserError."""
    report, surveys = surveyed(opened)
    given: dict[str, Given] = {}
    notes: list[str] = []
    found: list[Answer] = []
    exits: list[FastExit] = []
    refused: UserError | None = None
    for survey in surveys:
        if values:
            try:
                meant = resolved(values, survey)
            except UserError as error:
                # Another entry, with another contract perhaps, may have these inputs.
                refused = refused or error
                notes.append(f"from {survey.start.name} that is not answered: {error.message}")
            else:
                given |= {f"{one.name}@{one.at}": one for one in meant.given}
                notes += meant.notes
                found += answers(survey, by_name(meant.given), None, at_exit(meant.given))
        exits += _exits(survey)
    if refused is not None and not found:
        raise refused
    reasons: tuple[tuple[str, str], ...] = ()
    if not surveys or not (values or exits):
        open_ = [one for survey in surveys for one in survey.problems] or report.reasons
        reasons = tuple(dict.fromkeys((one.code, one.text) for one in open_)) or (
            ("no-sysret", "no fast exit was reached"),
        )
    return FrameReport(
        path=report.input.path,
        sha256=report.input.sha256,
        contract=report.contract,
        configs=report.configs,
        given=tuple(given.values()),
        notes=tuple(dict.fromkeys(notes)),
        answers=tuple(found),
        exits=tuple(exits),
        reasons=reasons,
    )


def _exits(survey: Survey) -> list[FastExit]:
    return [
        FastExit(survey.start.name, one.site.kind, one.site.location, fast_conditions(survey, one))
        for one in survey.exits
        if one.site.kind != "iretq"
    ]

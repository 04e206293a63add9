# SPDX-License-Identifier: BSD-2-Clause
"""From reports to a run: waivers, gate and exit status, the same for inputs just verified and for merged parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from verifier import __version__
from verifier.baseline import Baseline, load as load_baseline
from verifier.console import say
from verifier.gate import decide
from verifier.model import FileReport, GateMode, InputFile, Reason, Run, Shard, UserError, Waiver
from verifier.options import Options
from verifier.records import record
from verifier.report.verdict import USAGE, exit_code, worst_code
from verifier.waivers import apply, load as load_waivers, warnings

CALL = "(command line)"
"""What stands for an input where the call itself is wrong."""


@record
class Rules:
    """What decides the exit code. ``baseline`` and ``waivers`` are files, or None."""

    gate: GateMode | None = None
    baseline: Path | None = None
    waivers: Path | None = None
    strict: bool = False


@record
class Ready:
    """The rules with their files read."""

    rules: Rules
    baseline: Baseline | None
    waivers: tuple[Waiver, ...]


def ready(rules: Rules) -> Ready:
    """Read what the rules name, before any work is done. Raises UserError for a file that cannot be used."""
    if rules.gate == "new-only" and rules.baseline is None:
        text = "--gate new-only: no baseline to compare with; name a JSON report with --baseline"
        raise UserError("baseline-missing", text, USAGE)
    return Ready(
        rules,
        None if rules.baseline is None else load_baseline(rules.baseline),
        () if rules.waivers is None else load_waivers(rules.waivers),
    )


def conclude(found: Sequence[FileReport], having: Ready, shard: Shard | None = None) -> Run:
    """The run: waivers applied, the gate's decision made. Says which waivers waive nothing.

    In a shard, a waiver that waives nothing is not told: another shard may need it.
    """
    rules = having.rules
    reports, uses = apply(found, having.waivers, datetime.now(UTC).date())
    if shard is not None:
        uses = tuple(use for use in uses if use.state != "unused")
    for line in warnings(uses):
        say(f"warning: {line}")
    run = Run(reports, uses, shard=shard, found=tuple(found))
    if rules.gate is None:
        return run
    try:
        gate = decide(rules.gate, reports, having.baseline, uses, rules.strict)
    except UserError as error:
        # What was verified is reported all the same.
        say(f"error[{error.code}]: {error.message}")
        return Run((*reports, *failed(error).reports), uses, shard=shard, found=tuple(found))
    return Run(reports, uses, gate, shard, tuple(found))


def status(run: Run, rules: Rules) -> int:
    """What the gate says, else the worst verdict; ``strict`` counts waivers that waive nothing."""
    if run.gate is not None:
        return run.gate.exit_code
    codes = [exit_code(report) for report in run.reports]
    idle = any(use.state != "used" for use in run.waivers)
    return worst_code([*codes, USAGE] if rules.strict and idle else codes)


def interrupted(reports: Iterable[FileReport]) -> bool:
    """Whether Ctrl-C ended the run: what is known is written, and the status is 130."""
    return any(reason.code == "stopped" for report in reports for reason in report.reasons)


def failed(error: UserError) -> Run:
    """The run that an error of the call itself ends before any input was looked at."""
    return Run((unjudged(CALL, CALL, Options(), (error.code, error.message, error.exit_code)),))


def stopped() -> Run:
    """The run that Ctrl-C ends before any input was looked at."""
    nothing = unjudged(CALL, CALL, Options(), ("", "", USAGE))
    reason = Reason("stopped", "the run was interrupted before an input was looked at", "run it again")
    return Run((replace(nothing, verdict="inconclusive", error=None, reasons=(reason,)),))


def unjudged(path: str, key: str, options: Options, error: tuple[str, str, int]) -> FileReport:
    """The report of an input that could not be judged; ``error`` is (code, message, exit code)."""
    return FileReport(
        input=InputFile(path, ""),
        verdict="error",
        contract=options.contract or "",
        profile=options.profile or "",
        configs=options.configs or (),
        entries=options.entries,
        assumptions=(),
        sites=(),
        reasons=(),
        tool=(("verify-exit", __version__),),
        command="",
        error=error,
        key=key,
    )

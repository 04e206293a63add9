# SPDX-License-Identifier: BSD-2-Clause
"""Verify every job of one call. An error or Ctrl-C becomes part of the result, and is reported like any other."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from verifier import __version__
from verifier.commands import must_exist
from verifier.console import log, say
from verifier.model import FileReport, InputFile, Reason, Run, UserError
from verifier.options import Options
from verifier.progress import Progress, shown
from verifier.report.verdict import INTERNAL, USAGE, check

TRACEBACK = "VERIFY_EXIT_TRACEBACK"

_ENGINE_LOGGERS = ("angr", "archinfo", "claripy", "cle", "pyvex")


class _Verify(Protocol):
    def __call__(self, path: Path, options: Options, *, progress: Progress) -> FileReport: ...


@dataclass(frozen=True, slots=True)
class Work:
    """One input with its options; ``key`` names it in fingerprints."""

    path: str
    key: str
    options: Options


def verified(works: Sequence[Work], quiet: bool) -> tuple[FileReport, ...]:
    """The reports in the order of the works. After Ctrl-C those that were not begun say so."""
    reports: list[FileReport] = []
    for number, work in enumerate(works, 1):
        if reports and interrupted(reports[-1:]):
            reports.append(_stopped(work, "it was not begun: the run was interrupted"))
            continue
        title = work.path if len(works) == 1 else f"{work.path} ({number} of {len(works)})"
        try:
            report = _verify(replace(work, options=_for_one(work.options, number, len(works))), title, quiet)
        except KeyboardInterrupt:
            report = _stopped(work, "the run was interrupted")
        reports.append(replace(report, key=work.key))
    return tuple(reports)


def interrupted(reports: Iterable[FileReport]) -> bool:
    """Whether Ctrl-C ended the run: what is known is written, and the status is 130."""
    return any(reason.code == "stopped" for report in reports for reason in report.reasons)


def failed(error: UserError) -> Run:
    """The run that an error of the call itself ends before any input was looked at."""
    whole = Work("(command line)", "(command line)", Options())
    return Run((_failed(whole, (error.code, error.message, error.exit_code)),))


def internal(error: BaseException, path: str | None = None) -> None:
    """Say on stderr that this program is wrong."""
    where = f"{path}: " if path is not None else ""
    hint = f"(rerun with {TRACEBACK}=1 for the traceback)"
    if os.environ.get(TRACEBACK):
        import traceback

        log("".join(traceback.format_exception(error)))
        hint = "(traceback above)"
    say(f"internal error: {where}{type(error).__name__}: {error} {hint}")


def _for_one(options: Options, number: int, inputs: int) -> Options:
    """The options for one of several inputs: each has a directory of its own below those that were named."""
    if inputs == 1:
        return options
    directories = options.emit_smt2, options.certificate
    for directory in filter(None, directories):
        try:
            Path(directory).mkdir(exist_ok=True)
        except OSError as error:
            raise UserError("output-unwritable", f"{directory}: {error.strerror or error}", USAGE) from None
    smt2, certificate = (None if name is None else str(Path(name) / str(number)) for name in directories)
    return replace(options, emit_smt2=smt2, certificate=certificate)


def _verify(work: Work, title: str, quiet: bool) -> FileReport:
    """The report of one file; an error becomes a report, so that the other files still run."""
    try:
        must_exist(work.path)
        with shown(title, sys.stderr, os.environ, quiet) as progress:
            progress.stage("starting")
            report = _pipeline()(Path(work.path), work.options, progress=progress)
        check(report)
        return report
    except UserError as error:
        say(f"error[{error.code}]: {error.message}")
        return _failed(work, (error.code, error.message, error.exit_code))
    except Exception as error:
        internal(error, work.path)
        return _failed(work, ("internal-error", f"{type(error).__name__}: {error}", INTERNAL))


def _pipeline() -> _Verify:
    import logging

    for name in _ENGINE_LOGGERS:
        # Their warnings are about their own heuristics, which are not used here.
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    from verifier.pipeline import verify

    return verify


def _failed(work: Work, error: tuple[str, str, int]) -> FileReport:
    return FileReport(
        input=InputFile(work.path, ""),
        verdict="error",
        contract=work.options.contract or "",
        profile=work.options.profile or "",
        configs=work.options.configs or (),
        entries=work.options.entries,
        assumptions=(),
        sites=(),
        reasons=(),
        tool=(("verify-exit", __version__),),
        command="",
        error=error,
        key=work.key,
    )


def _stopped(work: Work, text: str) -> FileReport:
    nothing = _failed(work, ("", "", INTERNAL))
    return replace(nothing, verdict="inconclusive", error=None, reasons=(Reason("stopped", text, "run it again"),))

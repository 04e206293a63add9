# SPDX-License-Identifier: BSD-2-Clause
"""Verify every job of one call. An error or Ctrl-C becomes part of the result, and is reported like any other."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from verifier.codec import decode, encode
from verifier.conclude import interrupted, unjudged
from verifier.console import log, say
from verifier.existing import must_exist
from verifier.model import FileReport, Reason, UserError
from verifier.options import Options
from verifier.progress import Progress, line_on, shown
from verifier.reads import Stamp, bring, recorded
from verifier.records import record
from verifier.report.verdict import INTERNAL, USAGE, check
from verifier.report.words import clean
from verifier.source import printable

if TYPE_CHECKING:
    from verifier.parallel import Ended

TRACEBACK = "VERIFY_EXIT_TRACEBACK"

_STOPPED = "the run was interrupted"
_NOT_BEGUN = "it was not begun: the run was interrupted"

_ENGINE_LOGGERS = ("angr", "archinfo", "claripy", "cle", "pyvex")


class _Verify(Protocol):
    def __call__(self, path: Path, options: Options, *, progress: Progress) -> FileReport: ...


@record
class Work:
    """One input with its options; ``key`` names it in fingerprints."""

    path: str
    key: str
    options: Options


def usable() -> int:
    """How many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def numbered(works: Sequence[Work]) -> tuple[Work, ...]:
    """The works of a whole run, each of several with directories of its own below those that are written to.

    Raises UserError("output-unwritable", exit code 2).
    """
    return tuple(
        replace(work, options=_for_one(work.options, number, len(works))) for number, work in enumerate(works, 1)
    )


def verified(works: Sequence[Work], quiet: bool, jobs: int = 1) -> tuple[FileReport, ...]:
    """The reports in the order of the works, from up to ``jobs`` processes: the result does not depend on it.

    After Ctrl-C those that were not begun say so.
    """
    if min(jobs, len(works)) > 1 and sum(os.path.exists(work.path) for work in works) > 1:
        # Only here: one input pays nothing for what several need.
        from verifier.parallel import possible

        if possible():
            return _in_workers(works, quiet, min(jobs, len(works)))
    reports: list[FileReport] = []
    for number, work in enumerate(works, 1):
        if reports and interrupted(reports[-1:]):
            reports.append(_stopped(work, _NOT_BEGUN))
            continue
        title = work.path if len(works) == 1 else f"{work.path} ({number} of {len(works)})"
        reports.append(_reported(work, title, quiet))
    return tuple(reports)


def _reported(work: Work, title: str, quiet: bool) -> FileReport:
    """The report of one input, whatever happens."""
    try:
        report = _verify(work, title, quiet)
    except KeyboardInterrupt:
        report = _stopped(work, _STOPPED)
    return replace(report, key=work.key)


def _in_workers(works: Sequence[Work], quiet: bool, jobs: int) -> tuple[FileReport, ...]:
    """The reports, made by worker processes. What each says on stderr comes whole and in the order of the works."""
    from verifier import parallel

    reports: dict[int, FileReport] = {}
    waiting: dict[int, str] = {}
    told = 0
    line = line_on(sys.stderr, f"{len(works)} inputs", os.environ, quiet)

    def answered(number: int, answer: bytes | Ended) -> bool:
        nonlocal told
        reports[number], waiting[number], noted = _opened(works[number], answer)
        bring(noted)
        while told in waiting:
            if (text := waiting.pop(told)) and line is not None:
                line.erase()
            log(text)
            told += 1
        return interrupted([reports[number]])

    def tick(running: Sequence[int]) -> None:
        if line is not None:
            names = ", ".join(works[number].path for number in sorted(running))
            line.stage(f"{len(reports)} done, now {names}")
            line.tick()

    # Ctrl-C before the first worker, or for the second time.
    with suppress(KeyboardInterrupt):
        if not any(work.options.cache for work in works):
            # Once, before the workers start: they share what is imported here. With a cache it may not be needed.
            import_module("verifier.pipeline")
        parallel.run(partial(_answer, works), len(works), jobs, answered, tick)
    if line is not None:
        line.erase()
    for number in sorted(waiting):
        log(waiting[number])
    return tuple(
        reports[number] if number in reports else _stopped(work, _STOPPED) for number, work in enumerate(works)
    )


def _answer(works: Sequence[Work], number: int) -> bytes:
    """In a worker: the report of one input, with what was said and read meanwhile."""
    work = works[number]
    with recorded() as noted, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as said:
        report = _reported(work, work.path, quiet=True)
        try:
            text = encode(report)
        except Exception as error:
            internal(error, work.path)
            text = encode(_failed(work, ("internal-error", f"{type(error).__name__}: {error}", INTERNAL)))
    return f"{json.dumps([said.getvalue(), noted])}\n{text}".encode("ascii")


def _opened(work: Work, answer: bytes | Ended) -> tuple[FileReport, str, Mapping[str, Stamp]]:
    """The report in a worker's answer, what it said, and which files it read."""
    if isinstance(answer, bytes):
        try:
            first, _, text = answer.decode("ascii").partition("\n")
            said, noted = json.loads(first)
            report = decode(text)
            check(report)
            return report, str(said), {name: None if one is None else (*one,) for name, one in noted.items()}
        except (ValueError, TypeError, AttributeError) as error:
            why = f"its worker process sent no report: {error}"
    elif answer.how == "died":
        why = answer.text
    else:
        return _stopped(work, _STOPPED if answer.how == "interrupted" else _NOT_BEGUN), "", {}
    message = f"verify-exit: internal error: {clean(f'{work.path}: {why}')}\n"
    return _failed(work, ("internal-error", why, INTERNAL)), message, {}


def internal(error: BaseException, path: str | None = None) -> None:
    """Say on stderr that this program is wrong."""
    where = f"{printable(path)}: " if path is not None else ""
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


def quiet_engine() -> None:
    """Keep the libraries' log lines away: their warnings are about their own heuristics, which are not used here."""
    import logging

    for name in _ENGINE_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _pipeline() -> _Verify:
    quiet_engine()
    from verifier.remembered import verify

    return verify


def _failed(work: Work, error: tuple[str, str, int]) -> FileReport:
    return unjudged(work.path, work.key, work.options, error)


def _stopped(work: Work, text: str) -> FileReport:
    nothing = _failed(work, ("", "", INTERNAL))
    return replace(nothing, verdict="inconclusive", error=None, reasons=(Reason("stopped", text, "run it again"),))

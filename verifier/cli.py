# SPDX-License-Identifier: BSD-2-Clause
"""The command line: parse, run, render, and end with the documented exit code.

Results go to stdout, everything else to stderr. The analysis and rich are
imported only when a file is verified.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol

from verifier import __version__
from verifier.commands import COMMANDS, must_exist
from verifier.console import PIPE_WIDTH, flushed, log, say, use_color, width, write_out
from verifier.model import FileReport, InputFile, UserError
from verifier.options import Options, from_namespace
from verifier.parsers import build_parser
from verifier.progress import Progress, shown
from verifier.report import FORMATS, Style, render
from verifier.report.verdict import (
    INTERNAL,
    INTERRUPTED,
    PROVED,
    USAGE,
    check,
    exit_code,
    worst_code,
)

TRACEBACK = "VERIFY_EXIT_TRACEBACK"

_ENGINE_LOGGERS = ("angr", "archinfo", "claripy", "cle", "pyvex")


class _Verify(Protocol):
    def __call__(self, path: Path, options: Options, *, progress: Progress) -> FileReport: ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``verify-exit`` with ``arguments`` (default: sys.argv) and return the exit status.

    Never raises: an unexpected exception is one line and status 70, because a
    traceback's status 1 would read as "violated".
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    _open_streams()
    try:
        return _main(words)
    except UserError as error:
        say(f"error[{error.code}]: {error.message}")
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except Exception as error:
        _internal(error)
        return INTERNAL


def _open_streams() -> None:
    """Give a process that was started with closed streams a place to write: the status still counts."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))


def _main(words: list[str]) -> int:
    parser = build_parser()
    try:
        if words and words[0] in COMMANDS:
            return COMMANDS[words[0]](words[1:])
        parsed = parser.parse_args(words)
    except SystemExit as stop:
        # argparse ends the process after --help and --version.
        return flushed(PROVED if stop.code is None else int(stop.code))
    if not parsed.paths:
        log(parser.format_usage())
        say("error[usage]: no file given; --help lists the options")
        return USAGE
    outputs = _outputs(parsed.format, parsed.paths, parsed.emit_replay)
    options = from_namespace(parsed)
    reports: list[FileReport] = []
    for number, path in enumerate(parsed.paths, 1):
        title = path if len(parsed.paths) == 1 else f"{path} ({number} of {len(parsed.paths)})"
        reports.append(_verify(path, _for_one(options, number, len(parsed.paths)), title, parsed.quiet))
        if _interrupted(reports[-1]):
            break
    status = _deliver(reports, outputs, parsed)
    return INTERRUPTED if _interrupted(reports[-1]) else status


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


def _interrupted(report: FileReport) -> bool:
    """Whether Ctrl-C ended the run within this file: what is known is written, and the status is 130."""
    return any(reason.code == "stopped" for reason in report.reasons)


def _verify(path: str, options: Options, title: str, quiet: bool) -> FileReport:
    """The report of one file; an error becomes a report, so that the other files still run.

    What is done in the meantime is shown under ``title``, unless ``quiet``.
    """
    try:
        must_exist(path)
        with shown(title, sys.stderr, os.environ, quiet) as progress:
            progress.stage("starting")
            report = _pipeline()(Path(path), options, progress=progress)
        check(report)
        return report
    except UserError as error:
        failure = (error.code, error.message, error.exit_code)
        say(f"error[{error.code}]: {error.message}")
    except Exception as error:
        failure = ("internal-error", f"{type(error).__name__}: {error}", INTERNAL)
        _internal(error, path)
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
        error=failure,
    )


def _pipeline() -> _Verify:
    import logging

    for name in _ENGINE_LOGGERS:
        # Their warnings are about their own heuristics, which are not used here.
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    from verifier.pipeline import verify

    return verify


# Output.


def _outputs(
    words: Sequence[str], inputs: Sequence[str], replay_script: str | None = None
) -> list[tuple[str, str | None]]:
    """(format, file or None for stdout) for each --format; text goes to stdout unless another does.

    Raises UserError("usage") for an unknown format, two formats on stdout, or
    a file that is also an input or named twice.
    """
    chosen: list[tuple[str, str | None]] = []
    for word in words:
        name, equals, file = word.partition("=")
        if name not in FORMATS:
            near = get_close_matches(name, FORMATS, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError("usage", f"--format {name}: available are {', '.join(FORMATS)}{hint}", USAGE)
        if equals and not file:
            raise UserError("usage", f"--format {word}: a file name must follow the '='", USAGE)
        chosen.append((name, None if file in ("", "-") else file))
    files = [os.path.realpath(file) for _, file in (*chosen, ("", replay_script)) if file is not None]
    if len(set(files)) < len(files):
        raise UserError("usage", "two outputs go to the same file", USAGE)
    if set(files) & {os.path.realpath(path) for path in inputs}:
        raise UserError("usage", "an output file is also an input", USAGE)
    on_stdout = sum(file is None for _, file in chosen)
    if on_stdout > 1:
        raise UserError("usage", "--format: two formats go to stdout; write one as FORMAT=FILE", USAGE)
    return chosen if on_stdout else [("text", None), *chosen]


def _deliver(
    reports: Sequence[FileReport], outputs: Sequence[tuple[str, str | None]], parsed: argparse.Namespace
) -> int:
    """Write every output; the status is the worst of the verdicts and of failed writes."""
    codes = [exit_code(report) for report in reports]
    # Files first: a reader that closes the pipe must not cost the JSON file.
    for name, file in sorted(outputs, key=lambda output: output[1] is None):
        if file is None:
            color = use_color(parsed.color, sys.stdout, os.environ)
            style = Style(width(sys.stdout), color, parsed.verbose, parsed.quiet, errors=False)
            codes.append(write_out(render(name, reports, style)))
            continue
        codes.append(_written(file, render(name, reports, Style(PIPE_WIDTH, False, parsed.verbose, parsed.quiet))))
    if parsed.emit_replay is not None:
        codes.append(_emit_replay(reports, parsed.emit_replay))
    return worst_code(codes)


def _written(file: str, text: str) -> int:
    """0, or 2 if the file could not be written."""
    try:
        Path(file).write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        say(f"error[output-unwritable]: {file}: {error.strerror or error}")
        return USAGE
    return PROVED


def _emit_replay(reports: Sequence[FileReport], file: str) -> int:
    """Write the script; a run in which nothing was executed has none."""
    from verifier.replayscript import script

    try:
        return _written(file, script(reports))
    except ValueError:
        say(f"{file} was not written: no exit was reached, so that there is nothing to replay")
        return PROVED


def _internal(error: BaseException, path: str | None = None) -> None:
    where = f"{path}: " if path is not None else ""
    hint = f"(rerun with {TRACEBACK}=1 for the traceback)"
    if os.environ.get(TRACEBACK):
        import traceback

        log("".join(traceback.format_exception(error)))
        hint = "(traceback above)"
    say(f"internal error: {where}{type(error).__name__}: {error} {hint}")

# SPDX-License-Identifier: BSD-2-Clause
"""The command line: parse, run, render, and end with the documented exit code.

Results go to stdout, everything else to stderr. The analysis and rich are
imported only when a file is verified.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import IO, NoReturn, Protocol

from verifier import __version__
from verifier.model import FileReport, InputFile, UserError
from verifier.options import Options, add_arguments, add_evidence_arguments, from_namespace
from verifier.progress import Progress, shown
from verifier.report import FORMATS, Style, render
from verifier.report.verdict import (
    EXIT_CODES,
    INTERNAL,
    INTERRUPTED,
    PROVED,
    USAGE,
    check,
    exit_code,
    worst_code,
)
from verifier.report.words import clean

TRACEBACK = "VERIFY_EXIT_TRACEBACK"
COMMANDS: tuple[str, ...] = ("explain", "replay")
PIPE_WIDTH = 100

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
        _say(f"error[{error.code}]: {error.message}")
        return error.exit_code
    except KeyboardInterrupt:
        _say("interrupted")
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
        if words[:1] == ["explain"]:
            return _explain(words[1:])
        if words[:1] == ["replay"]:
            return _replay(words[1:])
        parsed = parser.parse_args(words)
    except SystemExit as stop:
        # argparse ends the process after --help and --version.
        return _flushed(PROVED if stop.code is None else int(stop.code))
    if not parsed.paths:
        _log(parser.format_usage())
        _say("error[usage]: no file given; --help lists the options")
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
    changed = {}
    for name in ("emit_smt2", "certificate"):
        directory = getattr(options, name)
        if directory is not None:
            changed[name] = str(Path(directory) / str(number))
            try:
                Path(directory).mkdir(exist_ok=True)
            except OSError as error:
                raise UserError("output-unwritable", f"{directory}: {error.strerror or error}", USAGE) from None
    return replace(options, **changed)


def _interrupted(report: FileReport) -> bool:
    """Whether Ctrl-C ended the run within this file: what is known is written, and the status is 130."""
    return any(reason.code == "stopped" for reason in report.reasons)


def _verify(path: str, options: Options, title: str, quiet: bool) -> FileReport:
    """The report of one file; an error becomes a report, so that the other files still run.

    What is done in the meantime is shown under ``title``, unless ``quiet``.
    """
    try:
        _must_exist(path)
        with shown(title, sys.stderr, os.environ, quiet) as progress:
            progress.stage("starting")
            report = _pipeline()(Path(path), options, progress=progress)
        check(report)
        return report
    except UserError as error:
        failure = (error.code, error.message, error.exit_code)
        _say(f"error[{error.code}]: {error.message}")
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


def _must_exist(path: str) -> None:
    """Raise UserError("input-not-found" | "input-invalid") with the nearest name that would do."""
    given = Path(path)
    if given.is_dir():
        raise UserError("input-invalid", f"{path}: this is a directory; name the files to verify")
    if given.exists():
        return
    try:
        siblings = sorted(sibling.name for sibling in given.parent.iterdir())
    except OSError:
        siblings = []
    near = get_close_matches(given.name, siblings, 1)
    command = [] if "/" in path else get_close_matches(path, COMMANDS, 1)
    hint = ""
    if command and not near:
        hint = f"; did you mean the command 'verify-exit {command[0]}'?"
    elif near:
        hint = f"; did you mean {str(given.with_name(near[0]))!r}?"
    raise UserError("input-not-found", f"{path}: no such file{hint}")


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
            style = Style(_width(sys.stdout), color, parsed.verbose, parsed.quiet, errors=False)
            codes.append(_print(render(name, reports, style)))
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
        _say(f"error[output-unwritable]: {file}: {error.strerror or error}")
        return USAGE
    return PROVED


def _emit_replay(reports: Sequence[FileReport], file: str) -> int:
    """Write the script; a run in which nothing was executed has none."""
    from verifier.replayscript import script

    try:
        return _written(file, script(reports))
    except ValueError:
        _say(f"{file} was not written: no exit was reached, so that there is nothing to replay")
        return PROVED


def _print(text: str) -> int:
    """Write to stdout; 0, or 70 if the result could not be delivered (a closed pipe is fine)."""
    try:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")
        sys.stdout.write(text)
    except BrokenPipeError:
        _closed(sys.stdout)
        return PROVED
    except OSError as error:
        return _undelivered(error)
    return _flushed(PROVED)


def _flushed(code: int) -> int:
    """``code`` after flushing stdout here: a failure at interpreter exit would change the status."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _closed(sys.stdout)
    except OSError as error:
        return _undelivered(error)
    return code


def _undelivered(error: OSError) -> int:
    _say(f"error[output-unwritable]: standard output: {error.strerror or error}")
    _closed(sys.stdout)
    return INTERNAL


def _closed(stream: IO[str]) -> None:
    """Send the rest of a stream nowhere: the interpreter's last flush would make the status 120."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def use_color(choice: str, stream: IO[str], environment: Mapping[str, str]) -> bool:
    """--color wins; then NO_COLOR, then FORCE_COLOR, then whether ``stream`` is a capable terminal."""
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environment.get("TERM") != "dumb"


def _width(stream: IO[str]) -> int:
    """COLUMNS if it is set, else the terminal's width, else that of a pipe."""
    told = stream.isatty() or os.environ.get("COLUMNS")
    return shutil.get_terminal_size((PIPE_WIDTH, 25)).columns if told else PIPE_WIDTH


def _say(message: str) -> None:
    """A message on stderr. It may hold names from the file under test, and an assembler's several lines."""
    _log("verify-exit: " + "\n".join(clean(line) for line in message.split("\n")) + "\n")


def _log(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _closed(sys.stderr)


def _internal(error: BaseException, path: str | None = None) -> None:
    where = f"{path}: " if path is not None else ""
    hint = f"(rerun with {TRACEBACK}=1 for the traceback)"
    if os.environ.get(TRACEBACK):
        import traceback

        _log("".join(traceback.format_exception(error)))
        hint = "(traceback above)"
    _say(f"internal error: {where}{type(error).__name__}: {error} {hint}")


# The parser.


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError("usage", f"{message}; --help lists the options", USAGE)


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``verify-exit PATH…``."""
    codes = ", ".join(f"{code} {name}" for code, name, _ in EXIT_CODES)
    parser = _Parser(
        prog="verify-exit",
        usage="verify-exit [options] PATH...\n       verify-exit explain [ID...]\n       verify-exit replay REPORT...",
        description="Prove that a return-to-user path takes SYSRET only where it equals IRET.",
        epilog=f"Exit codes: {codes}. Several files: 1 beats 70 beats 2 beats 4 beats 3 beats 0. "
        "'verify-exit explain' lists clauses and reasons, 'verify-exit explain ID' explains one.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="an assembly source (.S, .s), an object (.o), or a kernel image: vmlinux, vmlinuz, or any ELF executable, "
        "also compressed",
    )
    add_arguments(parser)
    add_evidence_arguments(parser)
    output = parser.add_argument_group("output")
    output.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="FORMAT[=FILE]",
        help=f"{', '.join(FORMATS)}; repeatable; without FILE it replaces text on standard output",
    )
    output.add_argument(
        "--emit-replay",
        metavar="FILE.py",
        help="write a script that repeats every counterexample and witness, with Python and Unicorn alone",
    )
    output.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")
    volume = output.add_mutually_exclusive_group()
    volume.add_argument("-v", "--verbose", action="store_true", help="everything, with statistics and timings")
    volume.add_argument("-q", "--quiet", action="store_true", help="only verdicts and one line for each finding")
    parser.add_argument("--version", action="version", version=f"verify-exit {__version__}")
    return parser


def _explain(words: Sequence[str]) -> int:
    from verifier.clauses import CLAUSES, IRET_CLAUSES
    from verifier.explain import explain

    parser = _Parser(
        prog="verify-exit explain",
        description="What a clause, a reason or an exit code means; without ID: a list of all.",
        allow_abbrev=False,
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="for example canonical, gpr.rax, no-sysret or 3")
    parsed = parser.parse_args(words)
    width = min(_width(sys.stdout), PIPE_WIDTH)
    return _print(explain(parsed.ids, tuple(dict.fromkeys((*CLAUSES, *IRET_CLAUSES))), max(width, 40)))


def _replay(words: Sequence[str]) -> int:
    from verifier.replays import REPORT_BYTES, cases, run, shown

    parser = _Parser(
        prog="verify-exit replay",
        description="Run the counterexamples and witnesses of a JSON report again on the emulator, from the report "
        "alone: neither the file nor the lifter nor the solver takes part.",
        epilog="Exit codes: 0 every run ended as recorded, 70 one did not, 4 not a report.",
        allow_abbrev=False,
    )
    parser.add_argument("reports", nargs="+", metavar="REPORT", help="what --format json wrote; - is standard input")
    volume = parser.add_mutually_exclusive_group()
    volume.add_argument("-v", "--verbose", action="store_true", help="both outcomes of every run")
    volume.add_argument("-q", "--quiet", action="store_true", help="only runs that did not end as recorded")
    parsed = parser.parse_args(words)
    codes, lines, confirmed = [], [], 0
    for name in parsed.reports:
        for case in cases(_report_bytes(name, REPORT_BYTES), name):
            outcome = run(case)
            codes.append(INTERNAL if outcome.problem else PROVED)
            confirmed += not outcome.problem
            if outcome.problem or not parsed.quiet:
                lines.append(shown(outcome, parsed.verbose))
    lines.append(f"{confirmed} of {len(codes)} runs ended as recorded")
    return worst_code((_print("\n".join(lines) + "\n"), *codes))


def _report_bytes(name: str, limit: int) -> bytes:
    """A report's bytes. Raises UserError("bad-report" | "input-not-found")."""
    if name == "-":
        data = sys.stdin.buffer.read(limit + 1)
    else:
        _must_exist(name)
        try:
            with Path(name).open("rb") as stream:
                data = stream.read(limit + 1)
        except OSError as error:
            raise UserError("bad-report", f"{name}: cannot be read: {error.strerror or error}") from None
    if len(data) > limit:
        raise UserError("bad-report", f"{name}: larger than {limit >> 20} MiB")
    return data

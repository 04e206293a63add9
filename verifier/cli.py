# SPDX-License-Identifier: BSD-2-Clause
"""The command line: parse, run, render, and end with the documented exit code.

Results go to stdout, everything else to stderr. The analysis and rich are
imported only when a file is verified.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from verifier.commands import COMMANDS
from verifier.conclude import Rules, conclude, failed, interrupted, ready, status
from verifier.config import Config, find, load
from verifier.console import flushed, log, say, write_out
from verifier.model import Run, UserError
from verifier.options import Options, from_namespace
from verifier.outputs import Outputs, chosen, deliver, guessed
from verifier.parsers import build_parser
from verifier.reads import note
from verifier.report.verdict import INTERNAL, INTERRUPTED, PROVED, USAGE, worst_code
from verifier.session import TRACEBACK, Work, internal, numbered, usable, verified
from verifier.settings import RunSettings, run_over
from verifier.shards import announced, in_shard, shard_of
from verifier.targets import Job, expand, for_path, key_of, merge

__all__ = ["TRACEBACK", "main"]

WAIVERS = "verify-exit.waivers.toml"
"""Read if it stands next to the configuration file or, without one, in the project's root."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``verify-exit`` with ``arguments`` (default: sys.argv) and return the exit status.

    Never raises: an unexpected exception is one line and status 70, because a
    traceback's status 1 would read as "violated".
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    _open_streams()
    try:
        with _terminated_like_interrupted():
            return _main(words)
    except UserError as error:
        say(f"error[{error.code}]: {error.message}")
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except Exception as error:
        internal(error)
        return INTERNAL


def _open_streams() -> None:
    """Give a process that was started with closed streams a place to write: the status still counts."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM, with which a CI system cancels a step, ends the run as Ctrl-C does: what is known is written."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _main(words: list[str]) -> int:
    parser = build_parser()
    try:
        if words and words[0] in COMMANDS:
            return COMMANDS[words[0]](words[1:])
        parsed = parser.parse_args(words)
    except SystemExit as stop:
        # argparse ends the process after --help and --version.
        return flushed(PROVED if stop.code is None else int(stop.code))
    except UserError as error:
        outputs = guessed(words)
        if outputs is None:
            raise
        return _report_error(error, outputs)
    if parsed.watch:
        from verifier.watch import cleaner, watch

        return watch(lambda: _once(parsed, parser), parsed.paths, cleaner(sys.stdout, os.environ))
    return _once(parsed, parser)


@dataclass(frozen=True, slots=True)
class Request:
    """One call, completed from the configuration. ``shard`` is (index from 1, of how many)."""

    works: tuple[Work, ...]
    outputs: Outputs
    rules: Rules
    jobs: int
    shard: tuple[int, int] | None = None


def _once(parsed: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """One run, from reading the configuration to writing the results."""
    # Until the configuration is known, what the command line asks for is written.
    outputs = _outputs(parsed, parsed.format, parsed.paths)
    try:
        config = _config(parsed)
        if parsed.show_config:
            from verifier.showconfig import show

            text = show(config, from_namespace(parsed), _told(parsed), parsed.paths, _found_waivers(parsed, config))
            return write_out(text)
        if config is not None:
            outputs = _outputs(parsed, parsed.format or config.run.formats or (), parsed.paths)
        if not parsed.paths and config is None:
            log(parser.format_usage())
            raise UserError(
                "usage", "no file given; --help lists the options, and 'verify-exit init' writes a configuration", USAGE
            )
        request = _request(parsed, config)
        outputs = request.outputs
        run = _run(request, parsed.quiet)
    except UserError as error:
        return _report_error(error, outputs)
    code = worst_code([status(run, request.rules), deliver(run, outputs, os.environ)])
    return INTERRUPTED if interrupted(run.reports) else code


def _report_error(error: UserError, outputs: Outputs) -> int:
    """An error of the call itself, in every format that was asked for."""
    say(f"error[{error.code}]: {error.message}")
    if not outputs.told:
        outputs = replace(outputs, chosen=tuple(one for one in outputs.chosen if one.file is not None))
    outputs = replace(outputs, replay_script=None, attestation=None)
    return worst_code([error.exit_code, deliver(failed(error), outputs, os.environ)])


def _outputs(parsed: argparse.Namespace, formats: Sequence[str], inputs: Sequence[str]) -> Outputs:
    return chosen(formats, inputs, parsed.emit_replay, parsed.attest, parsed.color, parsed.verbose, parsed.quiet)


def _config(parsed: argparse.Namespace) -> Config | None:
    """The configuration that was named, else the one that is found. Raises UserError."""
    if parsed.no_config:
        return None
    file = Path(parsed.config) if parsed.config is not None else find(Path.cwd())
    return None if file is None else load(file)


def _told(parsed: argparse.Namespace) -> RunSettings:
    """What the command line says of the run as a whole."""
    return RunSettings(
        tuple(parsed.format) or None, parsed.gate, parsed.baseline, parsed.waivers, parsed.strict or None
    )


def _request(parsed: argparse.Namespace, config: Config | None) -> Request:
    """The call with what the configuration adds. Raises UserError."""
    from verifier.cache import wanted

    settings = _told(parsed)
    if config is not None:
        settings = run_over(settings, config.run)
        jobs = tuple(job for path in parsed.paths for job in for_path(config, path)) or expand(config)
    else:
        jobs = tuple(Job(path, key_of(_root(), path), Options()) for path in parsed.paths)
    outputs = _outputs(parsed, settings.formats or (), [job.path for job in jobs])
    told = replace(from_namespace(parsed), listing=outputs.needs_listing, cache=wanted(os.environ, parsed.cache))
    works = tuple(Work(job.path, job.key, merge(told, job.options)) for job in jobs)
    if settings.gate != "new-only" and parsed.baseline is not None:
        raise UserError("usage", "--baseline is for --gate new-only", USAGE)
    waivers = settings.waivers or _found_waivers(parsed, config)
    baseline = Path(settings.baseline) if settings.baseline is not None and settings.gate == "new-only" else None
    rules = Rules(settings.gate, baseline, None if waivers is None else Path(waivers), bool(settings.strict))
    return Request(works, outputs, rules, parsed.jobs or usable(), parsed.shard)


def _found_waivers(parsed: argparse.Namespace, config: Config | None) -> str | None:
    """The file of waivers that counts where none is named."""
    file = (config.root if config is not None else _root()) / WAIVERS
    note(file)
    return os.path.relpath(file) if not parsed.no_config and file.exists() else None


def _run(request: Request, quiet: bool) -> Run:
    """Verify, apply the waivers, and let the gate decide. Raises UserError for a bad waiver file or baseline."""
    having = ready(request.rules)  # before any work
    works = numbered(request.works)
    if request.shard is None:
        return conclude(verified(works, quiet, request.jobs), having)
    shard = shard_of(request.shard, [(work.path, work.key, work.options) for work in works])
    mine = in_shard(works, shard)
    say(announced(shard, len(mine)))
    return conclude(verified(mine, quiet, request.jobs), having, shard)


def _root() -> Path:
    """The project's root: the directory of the repository that the current one is in, else the current one."""
    here = Path(os.path.realpath(Path.cwd()))
    return next((parent for parent in (here, *here.parents) if (parent / ".git").exists()), here)

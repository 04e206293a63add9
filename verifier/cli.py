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

from verifier import stops
from verifier.commands import COMMANDS
from verifier.conclude import Rules, conclude, ready, stopped
from verifier.config import Config
from verifier.console import flushed, log, say, write_out
from verifier.model import Run, UserError
from verifier.options import Options, from_namespace
from verifier.outputs import Outputs, guessed
from verifier.parsers import build_parser
from verifier.reads import recorded
from verifier.records import record
from verifier.report.verdict import INTERNAL, INTERRUPTED, PROVED, USAGE
from verifier.request import (
    configuration,
    finish,
    found_waivers,
    outputs_of,
    project_root,
    report_error,
    rules_of,
    settings_of,
    spared,
    told,
)
from verifier.session import TRACEBACK, Work, internal, numbered, usable, verified
from verifier.shards import announced, in_shard, shard_of
from verifier.targets import Job, expand, for_path, key_of, merge

__all__ = ["TRACEBACK", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``verify-exit`` with ``arguments`` (default: sys.argv) and return the exit status.

    Never raises: an unexpected exception is one line and status 70, because a
    traceback's status 1 would read as "violated".
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    _open_streams()
    try:
        with stops.handled():
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
        return report_error(error, outputs)
    if parsed.watch:
        from verifier.watch import cleaner, watch

        return watch(lambda: _once(parsed, parser), parsed.paths, cleaner(sys.stdout, os.environ))
    return _once(parsed, parser)


@record
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
    outputs = outputs_of(parsed, parsed.format, parsed.paths)
    with recorded() as read:
        try:
            config = configuration(parsed)
            if parsed.show_config:
                from verifier.showconfig import show

                text = show(config, from_namespace(parsed), told(parsed), parsed.paths, found_waivers(parsed, config))
                return write_out(text)
            if config is not None:
                outputs = outputs_of(parsed, parsed.format or config.run.formats or (), parsed.paths)
            if not parsed.paths and config is None:
                log(parser.format_usage())
                text = "no file given; --help lists the options, and 'verify-exit init' writes a configuration"
                raise UserError("usage", text, USAGE)
            request = _request(parsed, config)
            outputs = request.outputs
            run, rules = _run(request, parsed.quiet), request.rules
        except UserError as error:
            return report_error(error, spared(outputs, read))
        except KeyboardInterrupt:
            say("interrupted")
            run, rules = stopped(), Rules()
    return finish(run, spared(outputs, read), rules)


def _request(parsed: argparse.Namespace, config: Config | None) -> Request:
    """The call with what the configuration adds. Raises UserError."""
    from verifier.cache import wanted

    settings = settings_of(parsed, config)
    if config is not None:
        jobs = tuple(job for path in parsed.paths for job in for_path(config, path)) or expand(config)
    else:
        jobs = tuple(Job(path, key_of(project_root(), path), Options()) for path in parsed.paths)
    outputs = outputs_of(parsed, settings.formats or (), [job.path for job in jobs])
    asked = replace(from_namespace(parsed), listing=outputs.needs_listing, cache=wanted(os.environ, parsed.cache))
    works = tuple(Work(job.path, job.key, merge(asked, job.options)) for job in jobs)
    # A process that stays has the engine already; workers would import it at each save.
    number = parsed.jobs or (1 if parsed.watch else usable())
    return Request(works, outputs, rules_of(parsed, settings, config), number, parsed.shard)


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

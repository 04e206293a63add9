# SPDX-License-Identifier: BSD-2-Clause
"""The sub-commands: ``verify-exit explain``, ``replay``, ``doctor`` and the others. Each imports what it needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.console import PIPE_WIDTH, use_color, width, write_out
from verifier.existing import must_exist
from verifier.initialise import init
from verifier.model import UserError
from verifier.parsers import (
    SUBPARSERS,
    build_parser,
    check_certificate_parser,
    completion_parser,
    doctor_parser,
    explain_parser,
    man_parser,
    merge_parser,
    replay_parser,
    slack_parser,
)
from verifier.report import FORMATS
from verifier.report.verdict import INCONCLUSIVE, INTERNAL, PROVED, worst_code
from verifier.report.words import clean

if TYPE_CHECKING:
    from verifier.clauses import Clause
    from verifier.completion import Command


def explain(words: Sequence[str]) -> int:
    """``verify-exit explain``: what an id of a report or a message means."""
    from verifier.explain import explain as explained
    from verifier.topics import topics

    parsed = explain_parser().parse_args(words)
    columns = min(width(sys.stdout), PIPE_WIDTH)
    return write_out(explained(parsed.ids, _clause_table(), max(columns, 40), topics()))


def explain_frame(words: Sequence[str]) -> int:
    """``verify-exit explain-frame``: which exit a saved frame takes."""
    from verifier.explainframe import explain_frame as answered, explain_frame_parser

    parsed = explain_frame_parser().parse_args(words)
    must_exist(parsed.path)
    return answered(parsed)


def replay(words: Sequence[str]) -> int:
    """``verify-exit replay``: the runs of a report once more."""
    from verifier.replays import REPORT_BYTES, cases, run, shown

    parsed = replay_parser().parse_args(words)
    codes, lines, confirmed = [], [], 0
    for name in parsed.reports:
        for case in cases(_report_bytes(name, REPORT_BYTES), name):
            outcome = run(case)
            codes.append(INTERNAL if outcome.problem else PROVED)
            confirmed += not outcome.problem
            if outcome.problem or not parsed.quiet:
                lines.append(shown(outcome, parsed.verbose))
    lines.append(f"{confirmed} of {len(codes)} runs ended as recorded")
    return worst_code((write_out("\n".join(lines) + "\n"), *codes))


def check_certificate(words: Sequence[str]) -> int:
    """``verify-exit check-certificate``: the proofs that --certificate wrote."""
    from verifier.certificate.files import check_directory

    parsed = check_certificate_parser().parse_args(words)
    found = [(name, one) for name in parsed.directories for one in check_directory(name)]
    lines = [
        f"{clean(name)}/{one.file}: {'accepted' if one.accepted else f'NOT accepted: {clean(one.note)}'}"
        for name, one in found
        if not (one.accepted and parsed.quiet)
    ]
    accepted = sum(one.accepted for _, one in found)
    lines.append(f"{accepted} of {len(found)} certificates accepted")
    return worst_code((write_out("\n".join(lines) + "\n"), PROVED if accepted == len(found) > 0 else INCONCLUSIVE))


def doctor(words: Sequence[str]) -> int:
    """``verify-exit doctor``: whether this installation can be relied on."""
    from verifier.doctor import Surroundings, as_json, as_text, examine, exit_code

    parsed = doctor_parser().parse_args(words)
    found = examine(Surroundings(sys.stdout, os.environ, Path.cwd()))
    color = use_color(parsed.color, sys.stdout, os.environ)
    text = as_json(found) if parsed.json else as_text(found, min(width(sys.stdout), PIPE_WIDTH), color)
    return worst_code((write_out(text), exit_code(found)))


def diff(words: Sequence[str]) -> int:
    """``verify-exit diff``: what a change does to user space."""
    from verifier.diffcommand import diff as compared

    return compared(words)


def completion(words: Sequence[str]) -> int:
    """``verify-exit completion``: a script for a shell."""
    from verifier.completion import SHELLS

    return write_out(SHELLS[completion_parser().parse_args(words).shell](completed()))


def completed() -> tuple[Command, ...]:
    """Every command with what a shell can complete, the main one first."""
    from verifier.completion import Words, commands
    from verifier.contract import contract_names
    from verifier.explain import known_ids
    from verifier.topics import topics

    words = Words(contract_names(), tuple(FORMATS), known_ids(_clause_table(), topics()))
    return commands(build_parser(), {name: parser() for name, parser in SUBPARSERS.items()}, words)


def man(words: Sequence[str]) -> int:
    """``verify-exit man``: the manual page."""
    man_parser().parse_args(words)
    return write_out(manual())


def manual() -> str:
    """The text of the manual page."""
    from verifier.manual import page

    return page(build_parser(), {name: parser() for name, parser in SUBPARSERS.items()})


def merge(words: Sequence[str]) -> int:
    """``verify-exit merge``: the parts of a run with --shard as one run."""
    from verifier.merge import merge as merged

    return merged(merge_parser().parse_args(words))


def slack(words: Sequence[str]) -> int:
    """``verify-exit slack``: what is left to IRET that SYSRET could do."""
    from verifier.slackcommand import run

    return run(slack_parser().parse_args(words))


def _clause_table() -> tuple[Clause, ...]:
    from verifier.clauses import CLAUSES, IRET_CLAUSES

    return tuple(dict.fromkeys((*CLAUSES, *IRET_CLAUSES)))


def _report_bytes(name: str, limit: int) -> bytes:
    """A report's bytes. Raises UserError("bad-report" | "input-not-found")."""
    if name == "-":
        data = sys.stdin.buffer.read(limit + 1)
    else:
        must_exist(name)
        try:
            with Path(name).open("rb") as stream:
                data = stream.read(limit + 1)
        except OSError as error:
            raise UserError("bad-report", f"{name}: cannot be read: {error.strerror or error}") from None
    if len(data) > limit:
        raise UserError("bad-report", f"{name}: larger than {limit >> 20} MiB")
    return data


COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "check-certificate": check_certificate,
    "completion": completion,
    "diff": diff,
    "doctor": doctor,
    "explain": explain,
    "explain-frame": explain_frame,
    "init": init,
    "man": man,
    "merge": merge,
    "replay": replay,
    "slack": slack,
}
"""Name and function of each; the function takes the words behind the name and gives the exit status."""

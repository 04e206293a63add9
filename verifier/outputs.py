# SPDX-License-Identifier: BSD-2-Clause
"""Where results go: which format to which file, and writing them whatever the outcome is."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

from verifier.console import PIPE_WIDTH, say, use_color, width, write_out
from verifier.model import Run, UserError
from verifier.records import record
from verifier.report import FORMATS, LISTING, Style, render
from verifier.report.verdict import PROVED, USAGE, worst_code

SUMMARY = "GITHUB_STEP_SUMMARY"
"""Environment variable with the file that a CI system shows as the summary of a step."""


@record
class Output:
    """A format, and the file that it goes to; None is standard output."""

    format: str
    file: str | None


@record
class Outputs:
    """Everything that a run writes, and how: ``chosen`` has at most one for standard output.

    ``told``: the one for standard output was asked for, it is not the default.
    ``replay_script`` and ``attestation`` are files, or None. ``kept`` are files (real paths) that must not be
    written over.
    """

    chosen: tuple[Output, ...]
    told: bool = False
    replay_script: str | None = None
    attestation: str | None = None
    color: str = "auto"
    verbose: bool = False
    quiet: bool = False
    kept: frozenset[str] = frozenset()

    @property
    def needs_listing(self) -> bool:
        """Whether one of the formats shows the code."""
        return any(output.format in LISTING for output in self.chosen)


def chosen(
    words: Iterable[str],
    inputs: Iterable[str] = (),
    replay_script: str | None = None,
    attestation: str | None = None,
    color: str = "auto",
    verbose: bool = False,
    quiet: bool = False,
) -> Outputs:
    """The outputs that the words of ``--format`` name; text goes to standard output unless another does.

    Raises UserError("usage", exit code 2) for an unknown format, two formats on standard output, or
    a file that is also an input or named twice.
    """
    found: list[Output] = []
    for word in words:
        name, equals, file = word.partition("=")
        if name not in FORMATS:
            near = get_close_matches(name, FORMATS, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError("usage", f"--format {name}: available are {', '.join(FORMATS)}{hint}", USAGE)
        if equals and not file:
            raise UserError("usage", f"--format {word}: a file name must follow the '='", USAGE)
        found.append(Output(name, None if file in ("", "-") else file))
    named = (*(output.file for output in found), replay_script, attestation)
    files = [os.path.realpath(file) for file in named if file is not None]
    if len(set(files)) < len(files):
        raise UserError("usage", "two outputs go to the same file", USAGE)
    if set(files) & {os.path.realpath(path) for path in inputs}:
        raise UserError("usage", "an output file is also an input", USAGE)
    on_stdout = sum(output.file is None for output in found)
    if on_stdout > 1:
        raise UserError("usage", "--format: two formats go to stdout; write one as FORMAT=FILE", USAGE)
    if not on_stdout:
        found.insert(0, Output("text", None))
    return Outputs(tuple(found), bool(on_stdout), replay_script, attestation, color, verbose, quiet)


def guessed(words: Sequence[str]) -> Outputs | None:
    """What a command line that cannot be parsed asks to be written, as far as that is clear; else None.

    A CI system collects the files of a step that failed as well.
    """
    formats = [other for word, other in pairwise(words) if word == "--format"]
    formats += [word.removeprefix("--format=") for word in words if word.startswith("--format=")]
    others = [word for word in words if not word.startswith("-") and word not in formats]
    try:
        return chosen(formats, others) if formats else None
    except UserError:
        return None


def deliver(run: Run, outputs: Outputs, environment: Mapping[str, str]) -> int:
    """Write everything; 0, or the worst status of what could not be written."""
    codes = [PROVED]
    # Files first: a reader that closes the pipe must not cost the JSON file.
    for output in sorted(outputs.chosen, key=lambda output: output.file is None):
        if output.file is not None:
            style = Style(PIPE_WIDTH, False, outputs.verbose, outputs.quiet)
            codes.append(written(outputs, output.file, render(output.format, run, style)))
            continue
        color = use_color(outputs.color, sys.stdout, environment)
        style = Style(width(sys.stdout), color, outputs.verbose, outputs.quiet, errors=False)
        codes.append(write_out(render(output.format, run, style)))
    if any(output.format == "github" for output in outputs.chosen) and environment.get(SUMMARY):
        codes.append(_append_summary(run, outputs, environment[SUMMARY]))
    if outputs.replay_script is not None:
        codes.append(_replay_script(run, outputs, outputs.replay_script))
    if outputs.attestation is not None:
        codes.append(_attestation(run, outputs, outputs.attestation, environment))
    return worst_code(codes)


def written(outputs: Outputs, file: str, text: str, mode: str = "w") -> int:
    """0, or 2 if the file could not be written; ``mode`` is "w" or "a"."""
    if os.path.realpath(file) in outputs.kept:
        say(f"error[output-unwritable]: {file}: this run has read it, and does not write over it; choose another name")
        return USAGE
    try:
        with Path(file).open(mode, encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
    except OSError as error:
        say(f"error[output-unwritable]: {file}: {error.strerror or error}")
        return USAGE
    return PROVED


def _append_summary(run: Run, outputs: Outputs, file: str) -> int:
    from verifier.report.github import summary

    return written(outputs, file, summary(run), "a")


def _replay_script(run: Run, outputs: Outputs, file: str) -> int:
    """Write the script; a run in which nothing was executed has none."""
    from verifier.replayscript import script

    try:
        text = script(run.reports)
    except ValueError:
        return _nothing_for(outputs, file, "no exit was reached, so that there is nothing to replay")
    return written(outputs, file, text)


def _attestation(run: Run, outputs: Outputs, file: str, environment: Mapping[str, str]) -> int:
    """Write the statements; a run that read no input has none."""
    from verifier.attest import bundle, stamp

    try:
        text = bundle(run, stamp(environment.get("SOURCE_DATE_EPOCH"), time.time()))
    except UserError as error:
        say(f"error[{error.code}]: {error.message}")
        return worst_code([error.exit_code, _nothing_for(outputs, file, "see the error above")])
    except ValueError as error:
        return _nothing_for(outputs, file, str(error))
    return written(outputs, file, text)


def _nothing_for(outputs: Outputs, file: str, why: str) -> int:
    """Say that a file was not written; one of an earlier run would be taken for this one's."""
    say(f"{file} was not written: {why}")
    if os.path.realpath(file) in outputs.kept:
        return USAGE
    try:
        Path(file).unlink(missing_ok=True)
    except OSError as error:
        say(f"error[output-unwritable]: {file}: {error.strerror or error}")
        return USAGE
    return PROVED

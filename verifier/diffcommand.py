# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit diff BASE HEAD``: what a change does to user space, from the command line to the exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from verifier import stops
from verifier.checkout import Checkout, checked_out
from verifier.conclude import interrupted
from verifier.console import PIPE_WIDTH, say, use_color, width, write_out
from verifier.existing import must_exist
from verifier.insights import Comparison
from verifier.model import Defect, FileReport, Run, UserError
from verifier.options import Options, from_namespace
from verifier.outputs import Outputs, chosen, written
from verifier.parsers import DIFF_FORMATS, diff_parser
from verifier.progress import shown
from verifier.reads import recorded
from verifier.records import record
from verifier.report import Style, render
from verifier.report.verdict import (
    DIFFERS,
    INCONCLUSIVE,
    INTERNAL,
    INTERRUPTED,
    PROVED,
    USAGE,
    VIOLATED,
    check,
    worst_code,
)
from verifier.request import project_root, report_error, spared
from verifier.rewording import reworded
from verifier.session import quiet_engine
from verifier.targets import key_of

if TYPE_CHECKING:
    from verifier.exploring import Survey
    from verifier.opening import Opened

STATUSES: Mapping[str, int] = {
    "equivalent": PROVED,
    "safe": DIFFERS,
    "unsafe": VIOLATED,
    "inconclusive": INCONCLUSIVE,
}
"""Status of a comparison → exit status."""

Surveyed = tuple[FileReport, tuple["Survey", ...]]


@record
class _Side:
    """BASE or HEAD: ``title`` is which, ``name`` as it was given, ``options`` as told, ``file`` where it lies."""

    title: str
    name: str
    options: Options
    file: Checkout

    def error(self, error: UserError) -> UserError:
        """The error with the side that it is about."""
        told = self.file.error(error)
        return UserError(told.code, f"{self.title}: {told.message}", told.exit_code)


def diff(words: Sequence[str]) -> int:
    """``verify-exit diff``; the exit status. Raises UserError for a wrong command line, and KeyboardInterrupt."""
    parsed = diff_parser().parse_args(words)
    outputs = _outputs(parsed)
    with recorded() as read:
        try:
            comparison, report = _compared(parsed, any(one.format == "html" for one in outputs.chosen))
        except UserError as error:
            return report_error(error, spared(outputs, read))
        except BaseException:
            _withdraw(spared(outputs, read))
            raise
    outputs = spared(outputs, read)
    if comparison is None:
        _withdraw(outputs)
        return INTERNAL
    with stops.held():
        code = worst_code([STATUSES[comparison.status], _delivered(comparison, report, outputs)])
    return INTERRUPTED if stops.told() else code


def _outputs(parsed: argparse.Namespace) -> Outputs:
    """Where results go. Raises UserError("usage", exit code 2)."""
    for word in parsed.format:
        name = word.partition("=")[0]
        if name not in DIFF_FORMATS:
            near = get_close_matches(name, DIFF_FORMATS, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UserError("usage", f"--format {name}: available are {', '.join(DIFF_FORMATS)}{hint}", USAGE)
    names = [name for name in (parsed.base, parsed.head) if "\0" not in name]  # no file has one
    return chosen(parsed.format, names, color=parsed.color)


def _compared(parsed: argparse.Namespace, listing: bool) -> tuple[Comparison | None, FileReport]:
    """The comparison, and the report of HEAD with it; None if a side met a defect of this program, which is said."""
    told = from_namespace(parsed)
    before = replace(told, entries=tuple(parsed.base_entry) or told.entries)
    with ExitStack() as stack:
        base = _side(stack, "BASE", parsed.base, before)
        head = _side(stack, "HEAD", parsed.head, replace(told, listing=listing))
        quiet_engine()
        both = _opened(base), _opened(head)  # a mistake in either is told before any work
        found = _surveyed(base, both[0]), _surveyed(head, both[1])
        for side, (report, _) in zip((base, head), found, strict=True):
            if report.error is not None:
                say(f"error[{report.error[0]}]: {side.title}: {side.file.told(report.error[1])}")
                return None, report
        from verifier.differ import compare

        def renamed(text: str) -> str:
            return head.file.told(base.file.told(text))

        try:
            with shown(f"{parsed.base} and {parsed.head}", sys.stderr, os.environ, quiet=False) as progress:
                progress.stage("comparing")
                comparison = reworded(compare(found[0], found[1], progress), renamed)
        except UserError as error:
            raise UserError(error.code, renamed(error.message), error.exit_code) from None
        _check(comparison)
        report = replace(
            reworded(found[1][0], renamed),
            comparison=comparison,
            command="" if head.file.root else found[1][0].command,  # nothing repeats a revision's alone
            key=head.file.key if head.file.root else key_of(project_root(), head.name),
        )
    return comparison, report


def _side(stack: ExitStack, title: str, name: str, told: Options) -> _Side:
    """A version that can be read until the stack ends. Raises UserError."""
    directories = (*told.include_dirs, *told.allow_include)
    try:
        file = stack.enter_context(checked_out(name, directories))
        if not file.root:
            must_exist(name)
        elif told.build is not None:
            text = f"{name}: -p is a build of the working tree, not of this revision; name files, or give -I and -D"
            raise UserError("usage", text, USAGE)
    except UserError as error:
        raise UserError(error.code, f"{title}: {error.message}", error.exit_code) from None
    count = len(told.include_dirs)
    options = replace(told, include_dirs=file.directories[:count], allow_include=file.directories[count:])
    return _Side(title, name, options, file)


def _opened(side: _Side) -> Opened:
    from verifier.opening import opened

    try:
        return opened(side.file.path, side.options)
    except UserError as error:
        raise side.error(error) from None


def _surveyed(side: _Side, found: Opened) -> Surveyed:
    """The report of a version, with its explorations."""
    from verifier.pipeline import surveyed

    try:
        with shown(f"{side.title} {side.name}", sys.stderr, os.environ, quiet=False) as progress:
            progress.stage("starting")
            result = surveyed(found, progress)
    except UserError as error:
        raise side.error(error) from None
    if interrupted([result[0]]):
        raise KeyboardInterrupt
    check(result[0])
    return result


def _check(found: Comparison) -> None:
    """Raise Defect if the status is not borne out by the rest: the last guard against one that reads as a pass."""
    wrong = any(one.wrong for one in found.divergences)
    match found.status:
        case "equivalent":
            borne_out = not found.divergences and not found.reasons
        case "safe":
            borne_out = bool(found.divergences) and not found.reasons and not wrong and found.head.verdict == "proved"
        case "unsafe":
            borne_out = wrong or found.head.verdict == "violated"
        case "inconclusive":
            borne_out = bool(found.reasons)
    if not borne_out:
        raise Defect(f"a comparison is {found.status}, but what it holds says otherwise")


def _delivered(comparison: Comparison, report: FileReport, outputs: Outputs) -> int:
    """Write every output, files first; 0, or the worst status of what could not be written."""
    codes = [PROVED]
    for output in sorted(outputs.chosen, key=lambda output: output.file is None):
        if output.file is not None:
            text = _rendered(output.format, comparison, report, Style(PIPE_WIDTH, False))
            codes.append(written(outputs, output.file, text))
            continue
        color = use_color(outputs.color, sys.stdout, os.environ)
        codes.append(write_out(_rendered(output.format, comparison, report, Style(width(sys.stdout), color))))
    return worst_code(codes)


def _rendered(form: str, comparison: Comparison, report: FileReport, style: Style) -> str:
    if form == "html":
        return render("html", Run((report,)), style)
    return cast("str", import_module(f"verifier.report.comparison_{form}").render(comparison, style))


def _withdraw(outputs: Outputs) -> None:
    """Remove the files that were to be written: those of an earlier run would be taken for this one's."""
    for output in outputs.chosen:
        if output.file is not None and os.path.realpath(output.file) not in outputs.kept:
            with suppress(OSError):
                Path(output.file).unlink(missing_ok=True)

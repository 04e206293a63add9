# SPDX-License-Identifier: BSD-2-Clause
"""Verify one file, or find the result of an earlier run: the analysis is imported only where it is needed."""

from __future__ import annotations

from pathlib import Path

from verifier import cache
from verifier.console import say
from verifier.model import FileReport
from verifier.opening import opened
from verifier.options import Options
from verifier.progress import SILENT, Progress
from verifier.reads import recorded


def verify(path: Path, options: Options, progress: Progress = SILENT) -> FileReport:
    """As ``pipeline.verify``, with the cache if the options want it. Raises UserError."""
    if not options.cache or not cache.cacheable(options):
        from verifier.pipeline import verify as fresh

        return fresh(path, options, progress)
    progress.stage("reading")
    with recorded() as read:
        found = opened(path, options)
    name = cache.key(found, read)
    known = cache.look_up(name, found)
    if known.note:
        say(f"cache: {known.note}")
    if known.report is not None:
        return known.report
    from verifier.pipeline import analysed

    with recorded() as later:
        report = analysed(found, progress)
    # A line marker can name a file that nothing included: what is quoted from it is not in the key.
    if known.usable and later.keys() <= read.keys():
        note = cache.remember(name, report)
        if note:
            say(f"cache: {note}")
    return report

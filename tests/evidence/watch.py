# SPDX-License-Identifier: BSD-2-Clause
"""Runs a sample under a verifier that may be faulty and tells what, if anything, notices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from test_samples import SAMPLES, differences, expectation

from verifier import opening, pipeline
from verifier.model import FileReport
from verifier.options import Options

Guard = Literal["sample", "replay", "cover", "open", "crash"]
"""What tells that a sample is not judged as it should be.

"sample": nothing in the report; the verdict is another than the sample promises, or an assumption is not
listed. "replay": the emulator disagrees. "cover": the cover query. "open": the verifier gives up for another
reason. "crash": it raises an exception.
"""

PATIENCE = 20.0
"""Seconds for one sample: a fault can make a run endless."""


def guard(name: str, lists: str = "") -> Guard | None:
    """What tells that this sample is not judged as it should be, or None if it is; ``lists``: an assumption."""
    try:
        report = pipeline.verify(SAMPLES / name, Options(timeout=PATIENCE))
    except Exception:
        return "crash"
    if not differences(expectation(name), report):
        return "sample" if lists and lists not in {one.id for one in report.assumptions} else None
    found = _reasons(report)
    if any("replay-" in reason for reason in found):
        return "replay"
    if "cover-gap" in found:
        return "cover"
    return "open" if report.verdict == "inconclusive" else "sample"


def _reasons(report: FileReport) -> set[str]:
    clauses = (clause.reason for site in report.sites for clause in site.clauses)
    return {reason.code for reason in report.reasons} | {reason for reason in clauses if reason is not None}


@contextmanager
def assembled_once(kept: dict[tuple[object, ...], bytes] | None = None) -> Iterator[None]:
    """Each source is preprocessed and assembled once, however often it is judged inside the block.

    ``kept`` has objects that are known already, and gets those that are made.
    """
    module: Any = opening
    real: Callable[..., bytes] = module.assemble
    kept = {} if kept is None else kept

    def assemble(path: Path, *arguments: Any, **options: Any) -> bytes:
        key = (path.name, repr(arguments), repr(options))
        if key not in kept:
            kept[key] = real(path, *arguments, **options)
        return kept[key]

    module.assemble = assemble
    try:
        yield
    finally:
        module.assemble = real

# SPDX-License-Identifier: BSD-2-Clause
"""Parts of a run for ``verify-exit merge``, schema ``verify-exit/parts-1``: whole reports, which JSON does not hold.

Another version of verify-exit cannot read them. They hold the reports as they were before waivers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, fields, is_dataclass
from functools import cache

from verifier import model, recording
from verifier.codec import encode
from verifier.model import Run
from verifier.report import Style

SCHEMA = "verify-exit/parts-1"


def render(run: Run, style: Style) -> str:
    """One JSON object with a line for each report; ``style`` changes nothing."""
    reports = [encode(report) for report in run.found or run.reports]
    whole = {
        "schema": SCHEMA,
        "layout": layout(),
        "sha256": digest(reports),
        "shard": None if run.shard is None else asdict(run.shard),
        "reports": reports,
    }
    return json.dumps(whole, indent=0, ensure_ascii=True) + "\n"


def digest(reports: Iterable[str]) -> str:
    """SHA-256, in hex, over encoded reports: it finds damage, and nobody who changes it as well."""
    return hashlib.sha256("\n".join(reports).encode("utf-8", "surrogatepass")).hexdigest()


@cache
def layout() -> str:
    """The shape of a report, in 16 hex digits: a part of another shape could be read wrongly."""
    shapes = {
        thing.__name__: [(field.name, str(field.type)) for field in fields(thing)]
        for module in (model, recording)
        for thing in vars(module).values()
        if isinstance(thing, type) and is_dataclass(thing)
    }
    return hashlib.sha256(json.dumps(shapes, sort_keys=True).encode()).hexdigest()[:16]

# SPDX-License-Identifier: BSD-2-Clause
"""A comparison as JSON, schema ``verify-exit-diff/1`` (specs/schema/verify-exit-diff-1.schema.json)."""

from __future__ import annotations

import json

from verifier.insights import Comparison
from verifier.report import Style, change
from verifier.report.insights_json import of_comparison

SCHEMA = "verify-exit-diff/1"


def render(comparison: Comparison, style: Style) -> str:
    """One JSON object; ``style`` changes nothing."""
    document = {"schema": SCHEMA, "summary": change.summary(comparison), **of_comparison(comparison)}
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=True) + "\n"

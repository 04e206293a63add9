# SPDX-License-Identifier: BSD-2-Clause
"""When an exit is taken, in sentences. Plain strings, to be escaped by whoever prints them."""

from __future__ import annotations

from verifier.insights import FastConditions
from verifier.model import SiteResult
from verifier.report.inputnames import told_words
from verifier.report.phrases import on_cpus


def fast_lead(site: SiteResult, fast: FastConditions) -> str:
    """How the list of conditions begins; the conditions follow, all of them together."""
    kind = site.kind.upper()
    where = on_cpus(fast.configs)
    if fast.exact and not fast.conditions:
        return f"{kind} is always taken, {where}."
    if fast.exact:
        return f"{kind} is taken exactly when all of this holds, {where}:"
    if fast.conditions:
        return f"{kind} is taken only when all of this holds, {where}:"
    return f"When {kind} is taken cannot be put in conditions, {where}."


def fast_rest(fast: FastConditions, others: str = "") -> str:
    """What the conditions leave out; "" if that is nothing. ``others``: what to call the inputs that decide too."""
    if fast.exact:
        return ""
    also = f" What else decides: {others or told_words(fast.others)}." if fast.others else ""
    return f"Not whenever it holds.{also}" if fast.conditions else also.strip()

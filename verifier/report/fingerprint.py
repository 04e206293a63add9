# SPDX-License-Identifier: BSD-2-Clause
"""Names of findings that stay the same while lines and addresses move.

A finding is named by what it is about: the input (its path as seen from the project's root), the
contract, the symbol of the entry, the kind of exit, the symbol it stands in, which of several such
exits there it is, and the clause. What makes the clause fail is not part of the name: the same clause
failing at the same exit for another reason is the same finding. One file may be verified from two
entries, or under two contracts: what is known of one says nothing about the other.
"""

from __future__ import annotations

import hashlib
import json

from verifier.model import FileReport, Reason, SiteResult

DIGITS = 32
"""Hexadecimal digits of a fingerprint, of a SHA-256."""


def of_clause(report: FileReport, site: SiteResult, clause: str) -> str:
    """The fingerprint of ``clause`` at ``site``, one of the report's; ``DIGITS`` lower-case hexadecimal digits."""
    about = _about(site)
    alike = {(other.location.address, other.entry) for other in report.sites if _about(other) == about}
    number = sorted(alike).index((site.location.address, site.entry))
    return _digest("clause", _key(report), report.contract, *about, number, clause)


def _about(site: SiteResult) -> tuple[str, str, str]:
    """The kind of exit, its symbol, and that of the entry: an address, and a distance from a symbol, may move."""
    entry = "" if site.entry[:1].isdigit() else site.entry.partition("+")[0]
    return site.kind, site.location.symbol or "", entry


def of_reason(report: FileReport, reason: Reason) -> str:
    """The fingerprint of a reason, one of the report's."""
    symbol = _symbol(reason)
    alike = [other for other in report.reasons if other.code == reason.code and _symbol(other) == symbol]
    number = alike.index(reason) if reason in alike else 0
    return _digest("reason", _key(report), reason.code, symbol, number)


def of_error(report: FileReport) -> str:
    """The fingerprint of the report's error; one without an error has that of code ""."""
    return _digest("error", _key(report), report.error[0] if report.error is not None else "")


def _key(report: FileReport) -> str:
    return report.key or report.input.path


def _symbol(reason: Reason) -> str:
    return (reason.location.symbol or "") if reason.location is not None else ""


def _digest(*parts: str | int) -> str:
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()[:DIGITS]

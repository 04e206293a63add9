# SPDX-License-Identifier: BSD-2-Clause
"""Places and texts in SARIF: URIs from the project's root, locations, and messages that hold no links of their own.

Facts: SARIF 2.1.0, 3.4.3 (URIs), 3.11.5 (placeholders), 3.11.6 (embedded links), 3.33 (logical locations).
"""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import quote

from verifier.model import FileReport, Location
from verifier.report.words import clean, place

Json = dict[str, Any]

ROOT = "%SRCROOT%"
"""What relative URIs are relative to: the project's root, wherever that is."""

NOWHERE = "verify-exit.toml"
"""What a result points at that is about no file: code scanning shows none without a location."""


def said(text: str) -> str:
    """A text for a message: nothing in it is obeyed by a terminal, becomes a link or is taken for a placeholder."""
    return clean(text).replace("](", "]\\x28").replace("{", "\\x7b").replace("}", "\\x7d")


def link(text: str, number: int) -> str:
    """An embedded link to the related location of that id."""
    inner = said(text).replace("[", "\\x5b").replace("]", "\\x5d")
    return f"[{inner}]({number})"


def artifact(report: FileReport, file: str) -> Json:
    """The artifactLocation of a file that the report names.

    Relative to the project's root as far as the report's key tells where that is; else the path that the report has.
    """
    path = _from_root(report, file)
    if path.startswith("/"):
        return {"uri": "file://" + _quoted("/" + path.lstrip("/"))}
    return {"uri": _quoted(path), "uriBaseId": ROOT}


def location(report: FileReport, at: Location | None, line: int = 1) -> Json:
    """A location with a file and a line, which code scanning needs: the input's line ``line`` where none is known."""
    file = report.input.path
    if at is not None and at.file is not None:
        file, line = at.file, at.line or 1
    found: Json = {
        "physicalLocation": {"artifactLocation": artifact(report, file), "region": {"startLine": max(line, 1)}}
    }
    if at is not None:
        symbol: Json = {"fullyQualifiedName": clean(place(at)), "kind": "function"}
        if at.symbol:
            symbol["name"] = clean(at.symbol)
        found["logicalLocations"] = [symbol]
    return found


def _from_root(report: FileReport, file: str) -> str:
    """The path of ``file`` from the project's root, as far as it can be told; NOWHERE for a file without a name."""
    if not file.strip("/"):
        return NOWHERE
    path = posixpath.normpath(file)
    here, there = _roots(report)
    if here and path.startswith(here):
        return posixpath.normpath(there + path[len(here) :])
    if here or path.startswith("/"):
        return path
    return posixpath.normpath(there + path)


def _roots(report: FileReport) -> tuple[str, str]:
    """One directory twice: as the report's paths begin, and as seen from the root; both end in "/" or are empty."""
    key = report.key or report.input.path
    ours = posixpath.normpath(report.input.path).split("/")
    theirs = posixpath.normpath(key).split("/")
    while ours and theirs and ours[-1] == theirs[-1]:
        ours.pop()
        theirs.pop()
    return "".join(f"{part}/" for part in ours), "".join(f"{part}/" for part in theirs)


def _quoted(path: str) -> str:
    """The path with everything percent-encoded that is not unreserved; a name that is no UTF-8 by its bytes."""
    try:
        data = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = path.encode("utf-8", "surrogatepass")
    return quote(data, safe="/")

# SPDX-License-Identifier: BSD-2-Clause
"""The code on the exit paths as plain text: each source line with its instructions, and what reaches them.

In front of an instruction stands where its paths lead, behind it how they end and which proofs rest on it.
The strings are not escaped: names in them are as the report has them.
"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.model import CodeLine, Counterexample, FileReport, PathMap, SiteResult, Status
from verifier.report.grouping import Violation
from verifier.report.machine import code_heading, failed, offset, single
from verifier.report.supports import branches
from verifier.report.words import source

_LEGEND = "S: leads to SYSRET or SYSEXIT only, I: to IRET only, B: to both, -: to neither"
_LETTERS = {"fast": "S", "slow": "I", "both": "B", "none": "-"}
_FAILED: tuple[Status, ...] = ("violated", "waived")
_MAX_CODE, _MAX_TEXT = 20, 40


def legend(report: FileReport, path_map: PathMap) -> str:
    """What the letters of a listing say."""
    found = _failing(report, path_map)
    crossed = f"; x: on the path of the counterexample to {found.id}" if found is not None else ""
    return f"{_LEGEND}{crossed}. Behind an arrow: how paths end there, and the clauses whose proof rests on the branch."


def counterexamples_from(report: FileReport, entry: str) -> tuple[Counterexample, ...]:
    """The counterexamples of the exits that are reached from ``entry``, also of waived clauses."""
    found = (item for item in _failed_from(report, entry))
    return tuple(item.example for item in found if item.example is not None)


def _failed_from(report: FileReport, entry: str) -> Iterator[Violation]:
    sites = [site for site in report.sites if site.entry == entry]
    yield from (item for status in _FAILED for site in sites for item in failed(site, status))


def _failing(report: FileReport, path_map: PathMap) -> Violation | None:
    """The first counterexample from the map's entry."""
    found = (item for item in _failed_from(report, path_map.entry) if item.example is not None)
    return next(found, None)


def listing(report: FileReport, path_map: PathMap) -> list[str]:
    """The lines of a listing: a file and symbol where these change, source lines, instructions below theirs."""
    failing = _failing(report, path_map)
    example = failing.example if failing is not None else None
    crossed = {(step.location.address, step.location.text) for step in example.path} if example is not None else set()
    texts = {(part.file, part.first + index): line for part in report.sources for index, line in enumerate(part.lines)}
    bytes_width = min(max((len(line.code) for line in path_map.lines), default=0), _MAX_CODE)
    text_width = min(max((len(single(line.location.text)) for line in path_map.lines), default=0), _MAX_TEXT)
    offset_width = max((len(offset(line.location)) for line in path_map.lines), default=0)
    lines: list[str] = []
    heading, number, variant = "", None, ""
    for line in path_map.lines:
        where = line.location
        if (found := code_heading(line.location)) != heading:
            lines += ["", found] if lines else [found]
            heading, number = found, None
        if where.line is not None and where.line != number:
            lines.append(f"{where.line:>6}  {single(texts.get((where.file or '', where.line), ''))}".rstrip(" "))
            number = where.line
        if line.variant != variant and line.variant:
            lines.append(f"        instead, with {line.variant}:")
        variant = line.variant
        marks = "; ".join([*line.ends, *([f"for {' '.join(line.supports)}"] if line.supports else [])])
        letters = _LETTERS.get(line.reach, "?") + ("x" if (where.address, where.text) in crossed else " ")
        lines.append(
            f"     {letters}   {offset(where):>{offset_width}}  {line.code:{bytes_width}}  "
            f"{single(where.text):{text_width}}{'  <- ' + marks if marks else ''}".rstrip(" ")
        )
    return lines


def rests_on(report: FileReport, site: SiteResult) -> dict[str, list[str]]:
    """For each clause the branches that its proof at the exit rests on, by source line or place."""
    return {
        name: list(dict.fromkeys(_short(report.maps[number].lines[index], site) for number, index in places))
        for name, places in branches(report, site).items()
    }


def _short(line: CodeLine, site: SiteResult) -> str:
    where = line.location
    if where.line is not None and where.file == site.location.file:
        return f"line {where.line} ({offset(where)})"
    return source(where)

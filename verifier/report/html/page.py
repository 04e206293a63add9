# SPDX-License-Identifier: BSD-2-Clause
"""One input on the page: what its parts are called, so that they can link to each other.

Every identity is made of numbers, never of a name that a file chose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from verifier.model import Config, FileReport, Location, PathMap, SiteResult
from verifier.records import record
from verifier.report.grouping import Violation, violations


@record
class Page:
    """A report, the prefix of its identities, and the level of its sections' headings.

    ``rows`` has for each path map the numbers of its lines by address.
    """

    report: FileReport
    prefix: str
    level: int
    rows: tuple[Mapping[int, tuple[int, ...]], ...]

    def site(self, site: int) -> str:
        """The identity of an exit."""
        return f"{self.prefix}-s{site}"

    def clause(self, site: int, clause: str) -> str:
        """The identity of a clause's row; that of the exit if it has no such clause."""
        known = clause_ids(self.report.sites[site])
        return f"{self.site(site)}-c{known.index(clause)}" if clause in known else self.site(site)

    def example(self, site: int, number: int) -> str:
        """The identity of a counterexample."""
        return f"{self.site(site)}-x{number}"

    def map(self, number: int) -> str:
        """The identity of a path map, and the prefix of all in its drawing."""
        return f"{self.prefix}-m{number}"

    def row(self, number: int, line: int) -> str:
        """The identity of an instruction in a listing."""
        return f"{self.map(number)}-i{line}"

    def map_of(self, site: SiteResult) -> int | None:
        """The number of the path map that an exit stands in."""
        known = [number for number, one in enumerate(self.report.maps) if one.entry == site.entry]
        return next((number for number in known if site.location.address in self.rows[number]), None)

    def line_of(self, number: int, location: Location) -> int | None:
        """The number of the line of an instruction, of several variants the one that reads the same."""
        found = self.rows[number].get(location.address, ())
        lines = self.report.maps[number].lines
        return next((line for line in found if lines[line].location.text == location.text), next(iter(found), None))

    def row_of(self, site: SiteResult, location: Location) -> str | None:
        """The identity of an instruction's row, seen from an exit; None if it is in no listing."""
        number = self.map_of(site)
        line = self.line_of(number, location) if number is not None else None
        return None if number is None or line is None else self.row(number, line)


@record
class Failing:
    """The path of a counterexample through a path map: the numbers of the steps by line, and the exit's line."""

    violation: Violation
    anchor: str
    steps: Mapping[int, tuple[int, ...]]
    exit: int | None


def page(report: FileReport, prefix: str, level: int) -> Page:
    """The page of a report."""
    return Page(report, prefix, level, tuple(_by_address(one) for one in report.maps))


def _by_address(one: PathMap) -> dict[int, tuple[int, ...]]:
    found: dict[int, tuple[int, ...]] = {}
    for number, line in enumerate(one.lines):
        found[line.location.address] = (*found.get(line.location.address, ()), number)
    return found


def clause_ids(site: SiteResult) -> list[str]:
    """The clauses of an exit, each once, in the order of the report."""
    return list(dict.fromkeys(clause.id for clause in site.clauses))


def examples(site: SiteResult) -> tuple[Violation, ...]:
    """The clauses that fail, also those that are waived, each with a counterexample for all configurations it is of."""
    shown = (replace(one, status="violated") if one.status == "waived" else one for one in site.clauses)
    return violations(replace(site, clauses=tuple(shown)))


def waived(site: SiteResult, clause: str, configs: Sequence[Config]) -> str | None:
    """Why a failing clause does not count; None if it counts."""
    found = [one for one in site.clauses if one.id == clause and set(one.configs) & set(configs)]
    return next((one.reason or "waived" for one in found if one.status == "waived"), None)


def failing(whole: Page, number: int) -> Failing | None:
    """The first counterexample whose path a map shows."""
    for index, site in enumerate(whole.report.sites):
        if whole.map_of(site) != number:
            continue
        for order, violation in enumerate(examples(site)):
            if violation.example is None:
                continue
            steps: dict[int, tuple[int, ...]] = {}
            for step, one in enumerate(violation.example.path, 1):
                line = whole.line_of(number, one.location)
                if line is not None:
                    steps[line] = (*steps.get(line, ()), step)
            if steps:
                return Failing(violation, whole.example(index, order), steps, whole.line_of(number, site.location))
    return None

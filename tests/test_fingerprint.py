# SPDX-License-Identifier: BSD-2-Clause
"""Fingerprints: what they survive, and what they tell apart."""

from __future__ import annotations

from dataclasses import replace

from report_samples import failed, inconclusive, violated

from verifier.model import FileReport, Location
from verifier.report.fingerprint import DIGITS, of_clause, of_error, of_reason


def moved(report: FileReport, by: int) -> FileReport:
    """The report with every exit ``by`` lines and bytes further down."""

    def shifted(where: Location) -> Location:
        return replace(where, address=where.address + by, offset=where.offset + by, line=(where.line or 0) + by)

    return replace(report, sites=tuple(replace(site, location=shifted(site.location)) for site in report.sites))


def test_moved_lines_do_not_change_it() -> None:
    """Code that moves within its file keeps its fingerprints."""
    before, after = violated(), moved(violated(), 40)
    for one, other in zip(before.sites, after.sites, strict=True):
        for clause in one.clauses:
            assert of_clause(before, one, clause.id) == of_clause(after, other, clause.id)


def test_different_things_differ() -> None:
    """Clause, symbol, kind, input and the number of the exit are told apart; so are reasons and errors."""
    report = violated()
    site = report.sites[0]
    second = replace(site, location=replace(site.location, address=site.location.address + 64))
    both = replace(report, sites=(site, second))
    elsewhere = replace(report, sites=(replace(site, location=replace(site.location, symbol="elsewhere")),))
    found = {
        of_clause(both, site, "tf"),
        of_clause(both, site, "rf"),
        of_clause(both, second, "tf"),
        of_clause(replace(both, key="other/entry.S"), site, "tf"),
        of_clause(elsewhere, elsewhere.sites[0], "tf"),
        of_reason(inconclusive(), inconclusive().reasons[0]),
        of_error(failed()),
    }
    assert len(found) == 7
    assert all(len(name) == DIGITS and set(name) <= set("0123456789abcdef") for name in found)


def test_entries_and_contracts_are_told_apart() -> None:
    """One exit from two entries, in one run or in two, or under two contracts, has a finding for each."""
    report = violated()
    site = report.sites[0]
    other = replace(site, entry="from_interrupt")
    alone, both = replace(report, sites=(other,)), replace(report, sites=(site, other))
    names = {
        of_clause(report, site, "tf"),
        of_clause(alone, other, "tf"),
        of_clause(replace(report, contract="linux-4.0"), site, "tf"),
    }
    assert len(names) == 3
    assert {of_clause(both, one, "tf") for one in both.sites} == names - {
        of_clause(replace(report, contract="linux-4.0"), site, "tf")
    }


def test_an_entry_that_moves_is_the_same() -> None:
    """An entry within a function, or one without a name, is not told by its place."""
    report = violated()
    for before, after in (("handler+0x10", "handler+0x20"), ("0xffffffff81000010", "0xffffffff81000020")):
        one, other = (replace(report.sites[0], entry=entry) for entry in (before, after))
        assert of_clause(replace(report, sites=(one,)), one, "tf") == of_clause(
            replace(report, sites=(other,)), other, "tf"
        )


def test_the_same_code_twice_is_told_apart() -> None:
    """Two reasons with one code in one symbol have two fingerprints."""
    report = inconclusive()
    twice = (replace(report.reasons[0], text="first"), replace(report.reasons[0], text="second"))
    report = replace(report, reasons=twice)
    assert len({of_reason(report, reason) for reason in twice}) == 2

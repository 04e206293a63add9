# SPDX-License-Identifier: BSD-2-Clause
"""What stands beside a verdict: other solvers and a search on the emulator, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.model import FileReport, Search
from verifier.report.words import clean, counted, hexa


def lines(report: FileReport, verbose: bool) -> Iterator[str]:
    """A line for each solver and each search, none if nothing was asked for."""
    for one in report.cross_checks:
        said = f"{one.solver} agrees with {one.agreed} of {counted(one.asked, 'obligation')}"
        if one.opposed:
            said += f" and says the opposite of {one.opposed}"
        yield clean(f"Cross-check: {said}")
    if report.certificates is not None:
        found = report.certificates
        asked = counted(found.asked, "obligation")
        yield f"Certificates: {found.covered} of {asked} have a proof that the checker accepts"
        yield from (clean(f"  none: {text}") for text in found.missing if verbose)
    for search in report.searches:
        yield from (clean(line) for line in _search(search, verbose))


def _search(search: Search, verbose: bool) -> Iterator[str]:
    place = search.location
    where = f"{place.symbol}()+{hexa(place.offset)}" if place.symbol is not None else hexa(place.address)
    found = "no proved clause was false in any" if not search.divergences else "a proved clause was FALSE"
    if not search.judged:
        found = "none came to the exit, so that nothing was tried"
    yield (
        f"Challenge of {where}: {counted(search.machines, 'machine')} ran on the emulator, "
        f"{search.judged} came to the exit on {counted(search.paths, 'path')}; {found}"
    )
    if verbose:
        yield "  ends: " + ", ".join(f"{name} {count}" for name, count in search.ends)
        yield "  judged: " + (" ".join(search.clauses) or "none")
    yield from (f"  not judged: {name} ({why})" for name, why in search.left_out if verbose)

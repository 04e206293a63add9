# SPDX-License-Identifier: BSD-2-Clause
"""The code in two forms that lead to each other: the listing, and the graph of the paths through it."""

from __future__ import annotations

from verifier.model import Counterexample
from verifier.report import svg
from verifier.report.html.element import Content, Trusted, el
from verifier.report.html.listing import listing, title
from verifier.report.html.page import Page, failing
from verifier.report.html.parts import code, fold, items


def listings(page: Page) -> Content:
    """A listing for each entry."""
    maps = page.report.maps
    if not maps:
        return el("p", "No path was recorded for this input.")
    return [_listing(page, number) for number in range(len(maps))]


def _listing(page: Page, number: int) -> Content:
    numbers = svg.block_numbers(page.report.maps[number], _failing(page, number))
    blocks = [f"{page.map(number)}-b{block}" for block in numbers]
    return el("div", title(page, number) if len(page.report.maps) > 1 else None, listing(page, number, blocks))


def graphs(page: Page) -> Content:
    """A drawing for each entry, and the same in words; None if no path was recorded."""
    maps = page.report.maps
    return [_graph(page, number) for number in range(len(maps))] or None


def _graph(page: Page, number: int) -> Content:
    one = page.report.maps[number]
    bad = _failing(page, number)
    found = failing(page, number)
    said = [
        "A box is a straight run of instructions. It leads to its first line in the listing, and the letter beside "
        "each line of the listing leads back to its box."
    ]
    if found is not None:
        said.append(f"The thick red way is the path of the counterexample to {found.violation.id}.")
    anchor = page.map(number)
    name = f"Path graph from {one.entry}"
    return el(
        "div",
        title(page, number) if len(page.report.maps) > 1 else None,
        el("p", " ".join(said), class_="note"),
        el(
            "div",
            Trusted(svg.graph(one, bad, anchor)),
            class_="graph",
            role="region",
            tabindex=0,
            aria_label=name,
        ),
        fold("The same graph in words", items(code(line) for line in svg.outline(one, bad))),
    )


def _failing(page: Page, number: int) -> tuple[Counterexample, ...]:
    found = failing(page, number)
    return (found.violation.example,) if found is not None and found.violation.example is not None else ()

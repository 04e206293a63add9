# SPDX-License-Identifier: BSD-2-Clause
"""How the path graph looks: the style rules of the page for it, and its legend."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from verifier.model import Reach

CSS = """\
.path-graph { display: block; max-width: 100%; height: auto; margin: 0 auto; }
.path-graph.wide { max-width: none; }
.path-graph text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink); }
.path-graph .place { font-weight: 600; }
.path-graph .number, .path-graph .offset, .path-graph .more { fill: var(--muted); font-weight: 400; }
.path-graph .label, .path-graph .mark text { font-size: 10.5px; }
.path-graph .legend text { font-size: 11px; fill: var(--muted); }
.path-graph .label { stroke: var(--paper); stroke-width: 3px; paint-order: stroke; }
.path-graph .label.failing { font-weight: 700; }
.path-graph .note { font-style: italic; }
.path-graph .site .note { font-style: normal; font-weight: 600; }
.path-graph .frame { fill: var(--paper); stroke: var(--line); stroke-width: 1.3; }
.path-graph .inner, .path-graph .way, .path-graph .focus { fill: none; stroke: var(--line); stroke-width: 1.3; }
.path-graph .focus { stroke: none; }
.path-graph .arrow, .path-graph .dot { fill: var(--line); }
.path-graph .mark rect { fill: none; stroke: var(--good); }
.path-graph .reach-fast .frame, .path-graph .reach-fast .inner, .path-graph .way.reach-fast
{ stroke: var(--fast); stroke-width: 2.2; }
.path-graph .reach-slow .frame, .path-graph .reach-slow .inner, .path-graph .way.reach-slow
{ stroke: var(--slow); stroke-dasharray: 7 4; }
.path-graph .reach-both .frame, .path-graph .reach-both .inner, .path-graph .way.reach-both { stroke: var(--both); }
.path-graph .reach-none .frame, .path-graph .reach-none .inner, .path-graph .way.reach-none
{ stroke: var(--none); stroke-dasharray: 2 3; }
.path-graph .arrow.reach-fast, .path-graph .dot.reach-fast { fill: var(--fast); }
.path-graph .arrow.reach-slow, .path-graph .dot.reach-slow { fill: var(--slow); }
.path-graph .arrow.reach-both, .path-graph .dot.reach-both { fill: var(--both); }
.path-graph .arrow.reach-none, .path-graph .dot.reach-none { fill: var(--none); }
.path-graph .failing .frame { stroke: var(--bad); stroke-width: 3.2; }
.path-graph .way.failing { stroke: var(--bad); stroke-width: 3.6; }
.path-graph .arrow.failing, .path-graph .dot.failing { fill: var(--bad); }
.path-graph a { text-decoration: none; cursor: pointer; outline: none; }
.path-graph a:hover .place { text-decoration: underline; }
.path-graph a:focus-visible .focus, .path-graph a:target .focus { stroke: var(--warn); stroke-width: 3; }
@media print { .path-graph, .path-graph.wide { max-width: 100%; } }
"""
"""The rules that the picture needs, in terms of the page's custom properties.

--ink, --paper, --muted, --line, --good, --bad, --warn, and --fast, --slow, --both, --none for what the paths lead to.
"""

REACHES: dict[Reach, str] = {
    "fast": "leads to SYSRET only",
    "slow": "leads to IRET only",
    "both": "may lead to either",
    "none": "leads to neither",
}

ROW, SAMPLE, CHAR, GAP = 18, 26, 6.7, 18
"""Height of a row of the legend, width of a sample and of a character, room between entries; px."""


def legend(reaches: Sequence[Reach], failing: bool, sites: bool, marks: bool) -> list[tuple[str, str]]:
    """(what to draw, what it means) for what a picture has."""
    found: list[tuple[str, str]] = [(f"reach-{reach}", REACHES[reach]) for reach in REACHES if reach in reaches]
    if failing:
        found.append(("failing", "path of a counterexample"))
    if sites:
        found.append(("site", "exit to user mode"))
    if marks:
        found.append(("mark", "clauses whose proof rests on this branch"))
    return found


def rows(entries: Sequence[tuple[str, str]], note: str, width: int) -> list[list[tuple[int, str, str]]]:
    """The entries in rows of at most ``width`` px, each with its x; what is wider has a row of its own.

    The words of ``note`` are in rows below them, as entries of no kind.
    """
    found: list[list[tuple[int, str, str]]] = []
    x = 0
    for kind, text in entries:
        wide = int(SAMPLE + 6 + len(text) * CHAR)
        if not found or x + wide > width:
            found.append([])
            x = 0
        found[-1].append((x, kind, text))
        x += wide + GAP
    said = textwrap.wrap(note, max(20, int(width / CHAR)))
    return [*found, *([(0, "", line)] for line in said)]

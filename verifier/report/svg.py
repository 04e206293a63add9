# SPDX-License-Identifier: BSD-2-Clause
"""The path graph as one self-contained SVG element: a link for each block, lines for the ways between them.

It has no colours of its own: they come from custom properties of the page (see ``CSS``), and
everything that a colour says, a shape, a line style or a word says as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from verifier.model import Counterexample, PathMap, Reach
from verifier.report.blocks import Block, Graph
from verifier.report.boxes import REACHES, Words, label, outline, readable, short, summary, words
from verifier.report.layout import Lane, Node
from verifier.report.route import Box, Layout, Point, Route, place
from verifier.report.words import counted

__all__ = ["CSS", "block_numbers", "graph", "outline"]

CHAR, LINE, PAD = 7.3, 16, 12
"""Width of a character and height of a line of the boxes' text; room between the frame and the text. In px."""
LEAST, MOST = 150, 44
"""A box is at least so many px wide; its texts have at most so many characters."""
MARKS = 5
"""At most so many clauses are named in a box."""
WIDE = 1000
"""A picture that is wider than this is not made to fit but scrolls."""
_LANES: dict[Reach, Lane] = {"fast": "main", "both": "main", "slow": "right", "none": "aside"}

CSS = """\
.path-graph { display: block; max-width: 100%; height: auto; margin: 0 auto; color: var(--ink); }
.path-graph.wide { max-width: none; }
.path-graph text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink); }
.path-graph .place { font-weight: 600; }
.path-graph .offset, .path-graph .rest { fill: var(--muted); }
.path-graph .label, .path-graph .legend text, .path-graph .mark text { font-size: 10.5px; }
.path-graph .label { fill: var(--ink); stroke: var(--paper); stroke-width: 3px; paint-order: stroke; }
.path-graph .frame { fill: var(--paper); stroke: var(--line); stroke-width: 1.5; }
.path-graph .inner { fill: none; stroke: var(--line); stroke-width: 1.5; }
.path-graph .stripe { stroke: none; fill: var(--line); }
.path-graph .way { fill: none; stroke: var(--line); stroke-width: 1.6; }
.path-graph .arrow { fill: var(--line); }
.path-graph .dot { fill: var(--line); }
.path-graph .reach-fast .frame, .path-graph .reach-fast .inner, .path-graph .way.reach-fast { stroke: var(--fast); }
.path-graph .reach-slow .frame, .path-graph .reach-slow .inner, .path-graph .way.reach-slow { stroke: var(--slow); }
.path-graph .reach-both .frame, .path-graph .reach-both .inner, .path-graph .way.reach-both { stroke: var(--both); }
.path-graph .reach-none .frame, .path-graph .reach-none .inner, .path-graph .way.reach-none { stroke: var(--none); }
.path-graph .reach-fast .stripe.one, .path-graph .reach-fast .stripe.two { fill: var(--fast); }
.path-graph .reach-slow .stripe.one, .path-graph .reach-slow .stripe.two { fill: var(--slow); }
.path-graph .reach-both .stripe.one { fill: var(--fast); }
.path-graph .reach-both .stripe.two { fill: var(--slow); }
.path-graph .reach-none .stripe.one, .path-graph .reach-none .stripe.two { fill: var(--none); }
.path-graph .arrow.reach-fast, .path-graph .dot.reach-fast { fill: var(--fast); }
.path-graph .arrow.reach-slow, .path-graph .dot.reach-slow { fill: var(--slow); }
.path-graph .arrow.reach-both, .path-graph .dot.reach-both { fill: var(--both); }
.path-graph .arrow.reach-none, .path-graph .dot.reach-none { fill: var(--none); }
.path-graph .reach-slow .frame, .path-graph .way.reach-slow { stroke-dasharray: 7 4; }
.path-graph .reach-none .frame, .path-graph .way.reach-none { stroke-dasharray: 2 3; }
.path-graph .failing .frame { stroke: var(--bad); stroke-width: 3; }
.path-graph .way.failing { stroke: var(--bad); stroke-width: 3.5; stroke-dasharray: none; }
.path-graph .arrow.failing { fill: var(--bad); }
.path-graph .cross { fill: var(--bad); font-weight: 700; }
.path-graph .note { font-style: italic; }
.path-graph .site .note { font-style: normal; font-weight: 600; }
.path-graph .mark rect { fill: none; stroke: var(--good); }
.path-graph .bar { stroke: var(--ink); stroke-width: 3; }
.path-graph a { text-decoration: none; cursor: pointer; }
.path-graph a:hover .frame, .path-graph a:focus .frame { stroke-width: 3.5; }
.path-graph a:focus { outline: none; }
.path-graph a:focus-visible .focus, .path-graph a:target .focus { stroke: var(--warn); stroke-width: 3; }
.path-graph .focus { fill: none; stroke: none; }
@media print { .path-graph, .path-graph.wide { max-width: 100%; } .path-graph a { break-inside: avoid; } }
"""
"""The rules that the picture needs, in terms of the page's custom properties."""


def block_numbers(path_map: PathMap, failing: Sequence[Counterexample]) -> tuple[int, ...]:
    """For each line of the map the number n of its box, whose id is ``{prefix}-b{n}``."""
    found = {index: at + 1 for at, block in enumerate(readable(path_map, failing).blocks) for index in block.lines}
    return tuple(found[index] for index in range(len(path_map.lines)))


def graph(path_map: PathMap, failing: Sequence[Counterexample], prefix: str) -> str:
    """An ``<svg>`` element. ``prefix`` begins every id; a box links to ``#{prefix}-i{index of its first line}``.

    ``failing`` are the counterexamples whose paths are highlighted. The same arguments give the same text.
    """
    shown = readable(path_map, failing)
    texts = [words(path_map, shown, at) for at in range(len(shown.blocks))]
    sizes = [_size(text, block) for text, block in zip(texts, shown.blocks, strict=True)]
    nodes = [
        Node(width, height, _LANES[block.reach]) for (width, height), block in zip(sizes, shown.blocks, strict=True)
    ]
    pairs = list(dict.fromkeys((link.source, link.target) for link in shown.links))
    layout = place(nodes, pairs)
    return _drawn(path_map, shown, texts, pairs, layout, prefix)


def _size(text: Words, block: Block) -> tuple[int, int]:
    """Width (even) and height of a box."""
    rows = [f"{text.title}  {text.offset}   ", *text.code, *text.notes]
    longest = max(min(len(row), MOST) for row in rows)
    marks = int(sum(len(mark) * CHAR + 12 for mark in _marks(text)))
    width = max(LEAST, int(longest * CHAR) + 2 * PAD + 6, marks + 2 * PAD)
    height = LINE * (1 + len(text.code) + len(text.notes)) + (22 if text.marks else 0) + 16
    return width + width % 2, height


def _marks(text: Words) -> tuple[str, ...]:
    shown = tuple(short(mark, 16) for mark in text.marks[:MARKS])
    return (*shown, f"+{len(text.marks) - MARKS}") if len(text.marks) > MARKS else shown


def _attributes(values: dict[str, object]) -> dict[str, str]:
    return {name.replace("_", "-"): str(value) for name, value in values.items()}


def _add(parent: Element, tag: str, words: str | None = None, **attributes: object) -> Element:
    """A child element; "_" in the name of an attribute is "-", one at its end is left out."""
    element = SubElement(
        parent, tag, {name.rstrip("_").replace("_", "-"): str(value) for name, value in attributes.items()}
    )
    element.text = words
    return element


def _drawn(
    path_map: PathMap,
    shown: Graph,
    texts: Sequence[Words],
    pairs: Sequence[tuple[int, int]],
    layout: Layout,
    prefix: str,
) -> str:
    sites = [at for at, block in enumerate(shown.blocks) if block.site]
    note = summary(path_map, shown)
    width, height = layout.width, layout.height
    svg = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "path-graph wide" if width > WIDE else "path-graph",
            "role": "group",
            "aria-labelledby": f"{prefix}-title {prefix}-desc",
            "viewBox": f"0 0 {width} {height}",
            "width": str(width),
            "height": str(height),
        },
    )
    _add(svg, "title", f"Path graph from {texts[0].title if texts else path_map.entry}", id=f"{prefix}-title")
    said = [
        f"{counted(len(shown.blocks), 'block')} of {counted(len(path_map.lines), 'instruction')}, control flows down.",
        f"Exits to user mode: {', '.join(f'block {at + 1}' for at in sites) or 'none'}.",
        "Thick lines: the paths of the counterexamples." if any(block.failing for block in shown.blocks) else "",
        note,
    ]
    _add(svg, "desc", " ".join(part for part in said if part), id=f"{prefix}-desc")
    _markers(svg, prefix)
    _ways(svg, path_map, shown, pairs, layout, prefix)
    for at, box in enumerate(layout.boxes):
        _block(svg, shown, at, texts[at], box, prefix)
    indent(svg, " ")
    return tostring(svg, encoding="unicode") + "\n"


def _markers(svg: Element, prefix: str) -> None:
    defs = _add(svg, "defs")
    for name in (*REACHES, "failing"):
        marker = _add(
            defs,
            "marker",
            id=f"{prefix}-arrow-{name}",
            viewBox="0 0 8 8",
            refX=7,
            refY=4,
            markerWidth=8,
            markerHeight=8,
            markerUnits="userSpaceOnUse",
            orient="auto",
        )
        _add(marker, "path", d="M0 0.5 L8 4 L0 7.5 Z", class_=f"arrow {name if name == 'failing' else f'reach-{name}'}")


def _path(points: Sequence[Point]) -> str:
    """The line through ``points`` with round corners."""
    parts = [f"M{points[0][0]} {points[0][1]}"]
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        bend = min(
            5,
            (abs(at[0] - before[0]) + abs(at[1] - before[1])) // 2,
            (abs(after[0] - at[0]) + abs(after[1] - at[1])) // 2,
        )
        one, two = _towards(at, before, bend), _towards(at, after, bend)
        parts.append(f"L{one[0]} {one[1]} Q{at[0]} {at[1]} {two[0]} {two[1]}")
    parts.append(f"L{points[-1][0]} {points[-1][1]}")
    return " ".join(parts)


def _towards(at: Point, other: Point, distance: int) -> Point:
    def moved(one: int, two: int) -> int:
        return one + (distance if two > one else -distance if two < one else 0)

    return moved(at[0], other[0]), moved(at[1], other[1])


def _ways(
    svg: Element, path_map: PathMap, shown: Graph, pairs: Sequence[tuple[int, int]], layout: Layout, prefix: str
) -> None:
    """Lines, those of failing paths on top, then labels."""
    failing = {(link.source, link.target) for link in shown.links if link.failing}
    group = _add(svg, "g", class_="ways", aria_hidden="true")
    for chosen in (False, True):
        for pair, route in zip(pairs, layout.routes, strict=True):
            if (pair in failing) == chosen:
                reach = shown.blocks[pair[1]].reach
                _add(
                    group,
                    "path",
                    d=_path(route.points),
                    class_=f"way reach-{reach}{' failing' if chosen else ''}",
                    data_from=pair[0] + 1,
                    data_to=pair[1] + 1,
                    marker_end=f"url(#{prefix}-arrow-{'failing' if chosen else reach})",
                )
    said: dict[tuple[int, int], list[str]] = defaultdict(list)
    for link in shown.links:
        if text := label(path_map, shown, link):
            said[link.source, link.target].append(text)
    for pair, route in zip(pairs, layout.routes, strict=True):
        if said[pair] and not route.crowded:
            _label(group, " or ".join(said[pair]), route, pair, shown)


def _label(group: Element, text: str, route: Route, pair: tuple[int, int], shown: Graph) -> None:
    """A word next to where a line leaves its box, on the side where no other line leaves."""
    x, y = route.points[0]
    right = route.side < 0
    _add(
        group,
        "text",
        short(text, 20),
        class_="label",
        x=x + 5 if right else x - 5,
        y=y + 12,
        text_anchor="start" if right else "end",
    )


def _block(svg: Element, shown: Graph, at: int, text: Words, box: Box, prefix: str) -> None:
    block = shown.blocks[at]
    flags = {"entry": block.entry, "site": block.site, "failing": block.failing, "join": at in shown.joins()}
    flags["folded"] = block.blocks > 1
    names = " ".join(["block", f"reach-{block.reach}", *(name for name, holds in flags.items() if holds)])
    link = _add(
        svg,
        "a",
        href=f"#{prefix}-i{block.lines[0]}",
        id=f"{prefix}-b{at + 1}",
        class_=names,
        data_block=at + 1,
        data_first=block.lines[0],
        data_last=block.lines[-1],
        data_reach=block.reach,
    )
    said = [f"block {at + 1}, {text.title} {text.offset}", *text.code, *text.notes, REACHES[block.reach]]
    if text.marks:
        said.append(f"proofs that rest on it: {' '.join(text.marks)}")
    if block.failing:
        said.append("on the path of a counterexample")
    _add(link, "title", "; ".join(said))
    x, y, width, height = box.x, box.y, box.width, box.height
    _add(link, "rect", class_="focus", x=x - 4, y=y - 4, width=width + 8, height=height + 8, rx=6)
    _add(link, "rect", class_="frame", x=x, y=y, width=width, height=height, rx=12 if block.entry else 3)
    if block.site:
        _add(link, "rect", class_="inner", x=x + 4, y=y + 4, width=width - 8, height=height - 8, rx=2)
    row = y + 20
    _add(link, "text", short(text.title, MOST - 8), class_="place", x=x + PAD, y=row)
    _add(link, "text", text.offset, class_="offset", x=x + width - PAD, y=row, text_anchor="end")
    for kind, parts in (("code", text.code), ("note", text.notes)):
        for part in parts:
            row += LINE
            _add(link, "text", short(part, MOST), class_=kind, x=x + PAD, y=row)
    left = x + PAD
    for mark in _marks(text):
        wide = int(len(mark) * 6.4) + 8
        group = _add(link, "g", class_="mark")
        _add(group, "rect", x=left, y=row + 8, width=wide, height=16, rx=8)
        _add(group, "text", mark, x=left + wide / 2, y=row + 20, text_anchor="middle")
        left += wide + 5

# SPDX-License-Identifier: BSD-2-Clause
"""The path graph as one self-contained SVG element: a link for each block, lines for the ways between them.

It has no colours of its own: they come from custom properties of the page (see ``CSS``), and
everything that a colour says, a shape, a line style or a word says as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from verifier.model import Counterexample, PathMap, Reach
from verifier.report.blocks import Block, Graph
from verifier.report.boxes import Words, label, outline, readable, safe, short, summary, words
from verifier.report.graphstyle import CSS, REACHES, ROW, SAMPLE, legend, rows
from verifier.report.layout import Lane, Node
from verifier.report.route import MARGIN, Box, Layout, Point, Route, place
from verifier.report.wires import wires
from verifier.report.words import counted

__all__ = ["CSS", "block_numbers", "graph", "outline"]

CHAR, LINE, PAD = 7.3, 16, 12
"""Width of a character and height of a line of the boxes' text; room between the frame and the text. In px."""
LETTER = 6.4
"""Width of a character of a smaller text, in px."""
LEAST, MOST = 150, 44
"""A box is at least so many px wide; its texts have at most so many characters."""
MARKS, MARK = 5, 16
"""At most so many clauses are named in a box, with at most so many characters each."""
WIDE = 1000
"""A picture that is wider than this is not made to fit but scrolls."""
_LANES: dict[Reach, Lane] = {"fast": "main", "both": "main", "slow": "right", "none": "aside"}


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
    nodes = [Node(*_size(text), _LANES[block.reach]) for text, block in zip(texts, shown.blocks, strict=True)]
    pairs = list(dict.fromkeys((link.source, link.target) for link in shown.links))
    layout = place(nodes, pairs)
    svg = _root(path_map, shown, texts, layout, prefix)
    _markers(svg, prefix)
    _ways(svg, path_map, shown, pairs, layout, prefix)
    joins = shown.joins()
    for at, box in enumerate(layout.boxes):
        _block(svg, shown.blocks[at], at, at in joins, texts[at], box, prefix)
    _legend(svg, path_map, shown, layout)
    indent(svg, " ")
    return tostring(svg, encoding="unicode") + "\n"


def _size(text: Words) -> tuple[int, int]:
    """Width (even) and height of a box."""
    longest = max(min(len(row), MOST) for row in (_heading(text), *text.code, *text.notes))
    marks = sum(_mark_width(mark) + 5 for mark in _marks(text))
    width = max(LEAST, int(longest * CHAR) + 2 * PAD + 6, marks + 2 * PAD)
    height = LINE * (1 + len(text.code) + len(text.notes)) + (22 if text.marks else 0) + 16
    return width + width % 2, height


def _heading(text: Words) -> str:
    return f"{text.number} {text.title}  {text.offset}".rstrip()


def _marks(text: Words) -> tuple[str, ...]:
    shown = tuple(short(mark, MARK) for mark in text.marks[:MARKS])
    return (*shown, f"+{len(text.marks) - MARKS}") if len(text.marks) > MARKS else shown


def _mark_width(mark: str) -> int:
    return int(len(mark) * LETTER) + 10


def _add(parent: Element, tag: str, words: str | None = None, **attributes: object) -> Element:
    """A child element; "_" in the name of an attribute is "-", one at its end is left out."""
    element = SubElement(
        parent, tag, {name.rstrip("_").replace("_", "-"): str(value) for name, value in attributes.items()}
    )
    element.text = words
    return element


def _root(path_map: PathMap, shown: Graph, texts: Sequence[Words], layout: Layout, prefix: str) -> Element:
    below = len(_legend_rows(path_map, shown, layout)) * ROW
    size = (layout.width, layout.height + (below + MARGIN if below else 0))
    svg = Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "path-graph wide" if layout.width > WIDE else "path-graph",
            # Not "img": that would hide the links in it from assistive technology.
            "role": "group",
            "aria-labelledby": f"{prefix}-title {prefix}-desc",
            "viewBox": f"0 0 {size[0]} {size[1]}",
            "width": str(size[0]),
            "height": str(size[1]),
        },
    )
    _add(svg, "title", f"Path graph: {safe(path_map.entry)}", id=f"{prefix}-title")
    exits = [f"block {text.number}" for text, block in zip(texts, shown.blocks, strict=True) if block.site]
    said = [
        f"{counted(len(shown.blocks), 'block')}, {counted(len(path_map.lines), 'instruction')}.",
        f"Exits to user mode: {', '.join(exits) or 'none'}.",
        summary(path_map, shown),
    ]
    _add(svg, "desc", " ".join(part for part in said if part), id=f"{prefix}-desc")
    return svg


def _markers(svg: Element, prefix: str) -> None:
    """The arrow heads: a marker does not take the colour of its line in every browser, so there is one for each."""
    defs = _add(svg, "defs")
    for name in (*(f"reach-{reach}" for reach in REACHES), "failing"):
        marker = _add(
            defs,
            "marker",
            id=f"{prefix}-arrow-{name}",
            viewBox="0 0 8 8",
            refX=7,
            refY=4,
            markerWidth=11 if name == "failing" else 8,
            markerHeight=11 if name == "failing" else 8,
            markerUnits="userSpaceOnUse",
            orient="auto",
        )
        _add(marker, "path", d="M0 0.5 L8 4 L0 7.5 Z", class_=f"arrow {name}")


def _path(points: Sequence[Point]) -> str:
    """The line through ``points`` with round corners."""
    parts = [f"M{points[0][0]} {points[0][1]}"]
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        bend = min(5, _span(before, at) // 2, _span(at, after) // 2)
        one, two = _towards(at, before, bend), _towards(at, after, bend)
        parts.append(f"L{one[0]} {one[1]} Q{at[0]} {at[1]} {two[0]} {two[1]}")
    parts.append(f"L{points[-1][0]} {points[-1][1]}")
    return " ".join(parts)


def _span(one: Point, two: Point) -> int:
    return abs(one[0] - two[0]) + abs(one[1] - two[1])


def _towards(at: Point, other: Point, distance: int) -> Point:
    """``distance`` from one point of an upright or level line towards another."""
    x, y = ((there > here) - (there < here) for here, there in zip(at, other, strict=True))
    return at[0] + x * distance, at[1] + y * distance


def _ways(
    svg: Element, path_map: PathMap, shown: Graph, pairs: Sequence[tuple[int, int]], layout: Layout, prefix: str
) -> None:
    """Lines, those of failing paths on top, then the words next to them."""
    group = _add(svg, "g", class_="ways", aria_hidden="true")
    fails = {(link.source, link.target) for link in shown.links if link.failing}
    for wire in reversed(wires(layout.routes, [pair in fails for pair in pairs])):
        source, target = pairs[wire.at]
        reach = f"reach-{shown.blocks[target].reach}"
        kind = "failing" if (source, target) in fails else reach
        line = _add(group, "path", d=_path(wire.points), class_=f"way {kind}")
        line.attrib |= {"data-from": str(source + 1), "data-to": str(target + 1)}
        if wire.joins:
            _add(group, "circle", cx=wire.points[-1][0], cy=wire.points[-1][1], r=3, class_=f"dot {reach}")
        else:
            line.set("marker-end", f"url(#{prefix}-arrow-{kind})")
    for source in sorted({source for source, _ in pairs}):
        leaving = [
            (route, pair in fails, _said(path_map, shown, pair))
            for pair, route in zip(pairs, layout.routes, strict=True)
            if pair[0] == source
        ]
        _labels(group, leaving, layout.boxes[source])


def _said(path_map: PathMap, shown: Graph, pair: tuple[int, int]) -> str:
    """What is written next to a line; the patched form is in its box as well, so it gives way."""
    told = [label(path_map, shown, link) for link in shown.links if (link.source, link.target) == pair]
    return " or ".join(dict.fromkeys(note or variant for note, variant in told if note or variant))


def _labels(group: Element, leaving: Sequence[tuple[Route, bool, str]], box: Box) -> None:
    """The words below a box: left of the lines that leave, but right of those on its left side.

    Lines that leave on one side and say the same share their words; if they differ there is no room.
    """
    for side in (-1, 0, 1):
        there = [(route, fails, text) for route, fails, text in leaving if route.side == side]
        if not there or len({text for *_, text in there}) > 1 or not there[0][2]:
            continue
        if side == 0 and {route.side for route, *_ in leaving} == {-1, 0, 1}:
            continue
        right = side < 0 or (side == 0 and any(route.side < 0 for route, *_ in leaving))
        x, y = (max if right else min)(route.points[0] for route, *_ in there)
        middle = box.x + box.width // 2
        room = box.width // 2 if side == 0 else abs(x - middle)
        _add(
            group,
            "text",
            short(there[0][2], max(1, int((room - 8) / LETTER))),
            class_="label failing" if any(fails for _, fails, _ in there) else "label",
            x=x + 6 if right else x - 6,
            y=y + 12,
            text_anchor="start" if right else "end",
        )


def _block(svg: Element, block: Block, at: int, join: bool, text: Words, box: Box, prefix: str) -> None:
    flags = {"entry": block.entry, "site": block.site, "failing": block.failing, "join": join}
    flags["folded"] = block.blocks > 1
    link = _add(
        svg,
        "a",
        href=f"#{prefix}-i{block.first}",
        id=f"{prefix}-b{at + 1}",
        class_=" ".join(["block", f"reach-{block.reach}", *(name for name, holds in flags.items() if holds)]),
        data_block=at + 1,
        data_first=block.first,
        data_last=block.lines[-1] if block.lines else block.first,
        data_reach=block.reach,
    )
    _add(link, "title", _told(block, text))
    x, y, width, height = box.x, box.y, box.width, box.height
    _add(link, "rect", class_="focus", x=x - 5, y=y - 5, width=width + 10, height=height + 10, rx=7)
    _add(link, "rect", class_="frame", x=x, y=y, width=width, height=height, rx=14 if block.entry else 3)
    if block.site:
        _add(link, "rect", class_="inner", x=x + 4, y=y + 4, width=width - 8, height=height - 8, rx=2)
    row = y + 20
    room = MOST - len(f"{text.number}   {text.offset}")
    _add(link, "text", text.number, class_="number", x=x + PAD, y=row)
    left = x + PAD + int((len(text.number) + 1) * CHAR)
    _add(link, "text", short(text.title, max(room, 8)), class_="place", x=left, y=row)
    _add(link, "text", text.offset, class_="offset", x=x + width - PAD, y=row, text_anchor="end")
    for kind, parts in (("code", text.code), ("note", text.notes)):
        for part in parts:
            row += LINE
            _add(link, "text", short(part, MOST), class_="more" if part.startswith("…") else kind, x=x + PAD, y=row)
    left = x + PAD
    for mark in _marks(text):
        _mark(_add(link, "g", class_="mark"), mark, left, row + 8)
        left += _mark_width(mark) + 5


def _mark(group: Element, mark: str, x: int, y: int) -> None:
    wide = _mark_width(mark)
    _add(group, "rect", x=x, y=y, width=wide, height=16, rx=8)
    _add(group, "text", mark, x=x + wide // 2, y=y + 12, text_anchor="middle")


def _told(block: Block, text: Words) -> str:
    """The whole content of a box, for those who hear it or point at it."""
    parts = [f"block {text.number}: {text.place}", *text.code, *text.notes, REACHES[block.reach]]
    if text.marks:
        parts.append(f"proofs that rest on it: {' '.join(text.marks)}")
    if block.failing:
        parts.append("on the path of a counterexample")
    return "; ".join(parts)


def _legend_rows(path_map: PathMap, shown: Graph, layout: Layout) -> list[list[tuple[int, str, str]]]:
    blocks = shown.blocks
    entries = legend(
        [block.reach for block in blocks],
        any(block.failing for block in blocks),
        any(block.site for block in blocks),
        any(block.supports for block in blocks),
    )
    return rows(entries, summary(path_map, shown), layout.width - 2 * MARGIN)


def _legend(svg: Element, path_map: PathMap, shown: Graph, layout: Layout) -> None:
    """Below the picture; not for those who hear it: each block says what it is."""
    group = _add(svg, "g", class_="legend", aria_hidden="true")
    for row, entries in enumerate(_legend_rows(path_map, shown, layout)):
        y = layout.height + row * ROW + MARGIN // 2
        for at, kind, text in entries:
            x = at + MARGIN
            if kind in ("site", "mark"):
                sample = _add(group, "g", class_=kind)
                rx = 6 if kind == "mark" else 2
                _add(sample, "rect", class_="frame", x=x, y=y - 6, width=SAMPLE, height=12, rx=rx)
                if kind == "site":
                    _add(sample, "rect", class_="inner", x=x + 3, y=y - 3, width=SAMPLE - 6, height=6)
            elif kind:
                _add(group, "path", d=f"M{x} {y} L{x + SAMPLE} {y}", class_=f"way {kind}")
            _add(group, "text", text, x=x + (SAMPLE + 6 if kind else 0), y=y + 4)

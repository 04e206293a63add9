# SPDX-License-Identifier: BSD-2-Clause
"""Small panels of measured points as SVG, readable on a light and on a dark page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 236, 150
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 26, 30
COLUMNS = 3
STEPS = 40

STYLE = """\
  text { font: 11px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .note, .tick { fill: #59636e; font-size: 10px; }
  .axis { stroke: #818b98; fill: none; }
  .grid { stroke: #d1d9e0; fill: none; }
  .fit { stroke: #0969da; fill: none; stroke-width: 1.5; stroke-dasharray: 4 3; }
  .point { fill: #bc4c00; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .note, .tick { fill: #9198a1; }
    .axis { stroke: #9198a1; }
    .grid { stroke: #3d444d; }
    .fit { stroke: #4493f8; }
    .point { fill: #f0883e; }
  }
"""


@dataclass(frozen=True, slots=True)
class Panel:
    """Points (size, seconds), the curve ``y0 + factor * (n - n0) ** power`` as (n0, y0, factor, power), and a note."""

    title: str
    points: tuple[tuple[float, float], ...]
    curve: tuple[float, float, float, float] | None
    note: str


def drawing(title: str, panels: Sequence[Panel]) -> str:
    """An SVG file with all panels in rows of three. Both axes of each are linear and begin at zero."""
    rows = -(-len(panels) // COLUMNS)
    width, height = COLUMNS * WIDTH, rows * HEIGHT
    said = "; ".join(f"{panel.title}: {panel.points[0][1]:.2f} to {panel.points[-1][1]:.2f} s" for panel in panels)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-labelledby="title desc">',
        "<!-- SPDX-License-Identifier: BSD-2-Clause -->",
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(said)}</desc>',
        f"<style>\n{STYLE}</style>",
    ]
    for number, panel in enumerate(panels):
        lines.append(f'<g transform="translate({number % COLUMNS * WIDTH} {number // COLUMNS * HEIGHT})">')
        lines += _panel(panel)
        lines.append("</g>")
    return "\n".join([*lines, "</svg>"]) + "\n"


def round_up(value: float) -> float:
    """The least of 1, 2, 2.5, 5 times a power of ten that is not below a value above 0."""
    scale = 1.0
    while scale > value:
        scale /= 10
    while scale * 10 <= value:
        scale *= 10
    return next(scale * step for step in (1, 2, 2.5, 5, 10) if scale * step >= value * 0.999)


def _panel(panel: Panel) -> Iterator[str]:
    most = max(size for size, _ in panel.points) or 1.0
    top = round_up(max(seconds for _, seconds in panel.points))

    def across(size: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * size / most, 1)

    def up(seconds: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * seconds / top, 1)

    yield f'<text class="title" x="{LEFT}" y="16">{escape(panel.title)}</text>'
    for part in (0.0, 0.5, 1.0):
        y = up(top * part)
        yield f'<path class="{"grid" if part else "axis"}" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>'
        yield f'<text class="tick" x="{LEFT - 4}" y="{y + 3}" text-anchor="end">{top * part:g} s</text>'
        anchor = "end" if part == 1 else "middle"
        yield (
            f'<text class="tick" x="{across(most * part)}" y="{HEIGHT - BOTTOM + 13}" '
            f'text-anchor="{anchor}">{most * part:g}</text>'
        )
    if panel.curve is not None:
        start, base, factor, power = panel.curve
        sizes = [start + (most - start) * step / STEPS for step in range(STEPS + 1)]
        heights = [min(top, base + factor * (size - start) ** power) for size in sizes]
        path = " ".join(f"{across(size)} {up(seconds)}" for size, seconds in zip(sizes, heights, strict=True))
        yield f'<path class="fit" d="M{path}"/>'
    for size, seconds in panel.points:
        yield f'<circle class="point" cx="{across(size)}" cy="{up(seconds)}" r="3"/>'
    if panel.note:
        yield f'<text class="note" x="{LEFT + 6}" y="{TOP + 10}">{escape(panel.note)}</text>'

# SPDX-License-Identifier: BSD-2-Clause
"""Small things that every section uses: marks of a status, places, values, headings, tables, lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from verifier.model import FileReport, Location, Reach, Status, Verdict
from verifier.report.html.element import Content, Element, el
from verifier.report.phrases import cpus as cpus
from verifier.report.words import counted, hexa, place, sentence

MARKS: dict[str, tuple[str, str]] = {
    "proved": ("✓", "good"),
    "violated": ("✗", "bad"),
    "unknown": ("?", "warn"),
    "waived": ("!", "warn"),
    "not-applicable": ("–", "none"),
    "inconclusive": ("?", "warn"),
    "error": ("✗", "bad"),
}
"""Status or verdict → its sign and the name of its colour: nothing is said by colour alone."""

LETTERS: dict[Reach, str] = {"fast": "S", "slow": "I", "both": "SI", "none": "–"}
"""What stands beside an instruction for the exits that its paths lead to."""

_LANDMARKS = 2


def badge(status: Status | Verdict, count: int | None = None) -> Element:
    """The sign and the word of a status, and how many have it."""
    sign, color = MARKS[status]
    many = "" if count is None else f"{count} "
    said = "not applicable" if status == "not-applicable" else status
    return el("span", el("span", sign, aria_hidden="true"), f" {many}{said}", class_=f"badge {color}")


def fast_name(report: FileReport) -> str:
    """What the exits under test are called: SYSRET, SYSEXIT, or both."""
    names = {
        "SYSEXIT" if site.kind.startswith("sysexit") else "SYSRET" for site in report.sites if site.kind != "iretq"
    }
    return " or ".join(sorted(names, reverse=True)) or "SYSRET"


def spot(location: Location) -> str:
    """``file:line, symbol+0xNN``, as far as it is known."""
    line = f"{location.file}:{location.line}, " if location.file is not None and location.line is not None else ""
    return f"{line}{place(location)}"


def number(value: int | None) -> str:
    """A value of a register, "—" if there is none."""
    return "—" if value is None else hexa(value)


def heading(level: int, *content: Content, id_: str | None = None) -> Element:
    """A heading; levels below 6 are 6."""
    return el(f"h{min(level, 6)}", *content, id=id_)


def section(title: str, level: int, anchor: str, *content: Content) -> Element:
    """A part of the page that its heading names.

    Only those of the page itself are landmarks: of several inputs they would be too many, and named alike.
    """
    named = f"{anchor}-t" if level == _LANDMARKS else None
    return el("section", heading(level, title, id_=f"{anchor}-t"), *content, id=anchor, aria_labelledby=named)


def table(caption: Content, columns: Sequence[Content], rows: Iterable[Content], class_: str = "") -> Element:
    """A table; ``rows`` are ``tr`` or ``tbody`` elements, a column without a name is an empty cell."""
    made = list(rows)
    bodies = made and isinstance(made[0], Element) and made[0].tag == "tbody"
    head = el("tr", [el("th", name, scope="col") if name else el("td") for name in columns])
    return el(
        "table",
        el("caption", caption),
        el("thead", head) if any(columns) else None,
        made if bodies else el("tbody", made),
        class_=class_ or None,
    )


def row(title: Content, *cells: Content, **attributes: str | None) -> Element:
    """A row whose first cell names it."""
    return el("tr", el("th", title, scope="row"), [el("td", cell) for cell in cells], **attributes)


def pairs(items: Iterable[tuple[Content, Content]]) -> Element:
    """Names and what they are."""
    return el("dl", [el("div", el("dt", name), el("dd", said)) for name, said in items])


def items(texts: Iterable[Content], class_: str | None = None) -> Element:
    """A list without an order."""
    return el("ul", [el("li", text) for text in texts], class_=class_)


def code(*content: Content) -> Element:
    """Something of a program."""
    return el("code", *content)


def fold(summary: Content, *content: Content, open_: bool = False) -> Element:
    """What a script closes when the page is ready (unless ``open_``): without it, and on paper, all is there."""
    return el("details", el("summary", summary), *content, open=True, data_fold=None if open_ else True)


def hidden(text: str) -> Element:
    """Text for those who hear the page."""
    return el("span", text, class_="sr")


def said(text: str) -> str:
    """A sentence with its full stop."""
    return f"{sentence(text)}." if text else ""


def several(number_: int, noun: str) -> str:
    """A number and its noun."""
    return counted(number_, noun)

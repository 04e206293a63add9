# SPDX-License-Identifier: BSD-2-Clause
"""States and outcomes as tables: what an example chooses, and what becomes of it in two ways side by side."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from verifier.insights import Condition, Divergence, Interval, Lost
from verifier.model import FRAME_WORDS, Field, Input, OutcomeView
from verifier.records import record
from verifier.report import ranges, spacebar
from verifier.report.conditions import each_words
from verifier.report.html.element import Content, Element, Trusted, el
from verifier.report.html.parts import code, fold, hidden, items, number, row, table
from verifier.report.machine import fate
from verifier.report.meaning import meaning, switch
from verifier.report.words import counted, hexa

_FEW = 12
_VALUE = re.compile("(0x[0-9a-f]+)")
_KINDS = (
    ("frame", "Frame slots at entry"),
    ("register", "Registers at entry"),
    ("memory", "Memory at entry"),
    ("feature", "CPU features and static keys"),
)


@record
class Column:
    """One of two things that happen to a machine: its heading, how it ends, and the fields of its outcome."""

    title: Content
    end: str
    fields: tuple[Field, ...]


def inputs(chosen_: Sequence[Input], none: str) -> Content:
    """What an example chooses; ``none`` is said if that is nothing."""
    if not chosen_:
        return el("p", none)
    groups: list[tuple[str, list[Input]]] = [
        (title, [item for item in chosen_ if item.kind == kind]) for kind, title in _KINDS
    ]
    made = [item for item in chosen_ if item.kind == "havoc"]
    for origin in dict.fromkeys(item.origin for item in made):
        name = f"Made by {origin}, which is not analysed" if origin else "Made by code that is not analysed"
        groups.append((name, [item for item in made if item.origin == origin]))
    bodies = [
        el(
            "tbody",
            el("tr", el("th", title, scope="rowgroup", colspan=3), class_="group"),
            [row(code(one.name), code(_value(one)), _meaning(one)) for one in chosen],
        )
        for title, chosen in groups
        if chosen
    ]
    caption = "What has to be so at the entry; any value will do for what is not listed"
    return table(caption, ("Name", "Value", "Meaning"), bodies, "values")


def _value(one: Input) -> str:
    return switch(one.value) if one.kind == "feature" else hexa(one.value)


def _meaning(one: Input) -> str:
    parts = ["" if one.kind == "feature" else meaning(one.name, one.value)]
    parts += [one.origin] if one.kind != "havoc" else []
    return "; ".join(filter(None, parts))


def conditions(found: Sequence[Condition]) -> Content:
    """A list of conditions, all of which hold; None without any."""
    return listed(each_words(found))


def listed(said: Sequence[str]) -> Content:
    """The words of conditions as a list; None without any."""
    return items((valued(one) for one in said), "conditions") if said else None


def valued(text: str) -> Content:
    """A text whose values are set as code."""
    return [code(part) if at % 2 else part for at, part in enumerate(_VALUE.split(text))]


def _bar(found: Sequence[Interval]) -> Element:
    """Addresses on a bar of the address space."""
    parts = el("ol", [el("li", name) for _, name in spacebar.PARTS], class_="parts", aria_hidden="true")
    note = el("p", "The saved RIP in the address space, not to scale", class_="note")
    return el("div", note, Trusted(spacebar.bar(found)), parts, class_="bar")


def _spans(found: Sequence[Interval], exact: bool) -> Content:
    """Addresses on the bar and in words."""
    said = items((valued(ranges.span(one)) for one in found), "spans")
    shown = fold(f"{len(found)} ranges", said) if len(found) > _FEW else said
    return [el("p", f"{ranges.lead(exact)}."), _bar(found), shown]


def restricted(one: Lost | Divergence) -> Content:
    """Conditions, and the saved RIPs that they leave, on a bar; what both say is said once."""
    said = listed(ranges.told(one, each_words(one.conditions)))
    if not one.ranges:
        return said
    return [said, _bar(one.ranges) if ranges.are_said(one) else _spans(one.ranges, one.ranges_exact)]


def exit_column(outcome: OutcomeView) -> Column:
    """An exit instruction, and what it does."""
    return Column(code(outcome.instruction.upper()), fate(outcome), outcome.fields)


def outcomes(one: Column, other: Column, differing: Collection[str]) -> Iterator[Content]:
    """Two columns. What differs has "≠" and bold type; what is equal beyond the frame is folded."""
    ours, theirs = _by_name(one.fields), _by_name(other.fields)
    names = list(dict.fromkeys((*ours, *theirs)))
    differs = [name for name in names if name in differing]
    main = [name for name in names if name in differs or name in FRAME_WORDS]
    rest = [name for name in names if name not in main]
    columns = ("Field", "", one.title, other.title)
    rows = [_compared("outcome", one.end != other.end, one.end, other.end)]
    rows += [_field(name, name in differs, ours, theirs) for name in main]
    marked = bool(differs) or one.end != other.end
    yield table("The rows marked with ≠ differ" if marked else "No field differs", columns, rows, "outcome")
    if rest:
        equal = table(
            hidden("The fields that are equal"),
            columns,
            (_field(name, False, ours, theirs) for name in rest),
            "outcome",
        )
        yield fold(f"{counted(len(rest), 'more field')} equal", equal)


def _field(name: str, marked: bool, ours: dict[str, int | None], theirs: dict[str, int | None]) -> Element:
    return _compared(name, marked, _cell(name, ours.get(name)), _cell(name, theirs.get(name)))


def _compared(name: str, marked: bool, ours: Content, theirs: Content) -> Element:
    sign = [el("span", "≠", aria_hidden="true"), hidden("differs")] if marked else None
    return row(name, sign, ours, theirs, class_="differs" if marked else None)


def _cell(name: str, value: int | None) -> Content:
    note = "" if value is None else meaning(name, value)
    return [code(number(value)), el("small", f" {note}") if note else None]


def _by_name(fields: Sequence[Field]) -> dict[str, int | None]:
    return {field.name: field.value for field in fields}

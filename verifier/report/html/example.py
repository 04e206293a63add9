# SPDX-License-Identifier: BSD-2-Clause
"""A counterexample as register state: cause, inputs, path, state at the exit, both outcomes side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.model import Counterexample, Field, SiteResult, Step
from verifier.report import narrative
from verifier.report.fingerprint import of_clause
from verifier.report.grouping import Violation
from verifier.report.html import state
from verifier.report.html.element import Content, Element, el
from verifier.report.html.page import Page, examples, waived
from verifier.report.html.parts import (
    code,
    cpus,
    fold,
    heading,
    hidden,
    number,
    pairs,
    said,
    spot,
    table,
)
from verifier.report.meaning import meaning
from verifier.report.words import capital, counted, hexa, sentence

_VENDORS = {"intel": "On Intel", "amd": "On AMD"}


def shown(page: Page) -> Content:
    """All counterexamples; None if no clause fails."""
    return [
        _example(page, number_, site, order, violation)
        for number_, site in enumerate(page.report.sites)
        for order, violation in enumerate(examples(site))
    ] or None


def _example(page: Page, site_number: int, site: SiteResult, order: int, violation: Violation) -> Element:
    anchor = page.example(site_number, order)
    clause = page.clause(site_number, violation.id)
    example = violation.example
    where = cpus(violation.configs, page.report.configs)
    several = len(page.report.sites) > 1
    cause = example.cause if example is not None else violation.reason or "violated"
    title = heading(
        page.level + 1,
        el("span", "✗ ", class_="bad", aria_hidden="true"),
        el("a", code(violation.id), href=f"#{clause}"),
        f": {capital(sentence(cause))}",
        id_=f"{anchor}-t",
    )
    effect = narrative.clause_effect(violation.id)
    pardon = waived(site, violation.id, violation.configs)
    at = f" at {spot(site.location)}" if several else ""
    intro = [
        el("p", f"Fails on {where}{at}. ", f"What that means: {said(effect)}" if effect else None),
        el("p", "Fingerprint, for a waiver: ", code(of_clause(page.report, site, violation.id)), class_="note"),
        el("p", el("strong", "Waived, not fixed: "), said(pardon), class_="waived") if pardon else None,
    ]
    parts: Content = el("p", "No counterexample is available.")
    if example is not None:
        parts = _parts(page, site_number, site, order, violation, example)
    body = el("div", intro, parts)
    # Sister registers leak in the same way: one is enough to read.
    first = _first_of_family(site, violation)
    inner: Content = body
    if first != order:
        inner = fold(f"{violation.id} in full: like {examples(site)[first].id}", body)
    return el("section", title, inner, id=anchor, class_="example")


def _first_of_family(site: SiteResult, violation: Violation) -> int:
    family = violation.id.split(".")[0]
    known = examples(site)
    return next(
        order
        for order, one in enumerate(known)
        if one is violation or one == violation or ("." in violation.id and one.id.split(".")[0] == family)
    )


def _parts(
    page: Page, site_number: int, site: SiteResult, order: int, violation: Violation, example: Counterexample
) -> Iterator[Content]:
    anchor = page.example(site_number, order)
    below = page.level + 2
    failed = _failed_on_the_way(example)
    if failed:
        yield el("p", el("strong", "≠ Failed on the way: "), "; ".join(failed), class_="bad")
    yield heading(below, "Inputs")
    yield state.inputs(example.inputs, "None: every state that reaches the exit fails.")
    yield heading(below, f"Path: {counted(len(example.path), 'instruction')}")
    earlier = _same_path(site, order, example)
    path = _path(page, site, anchor, example.path)
    if earlier is None:
        yield path
    else:
        link = el("a", code(examples(site)[earlier].id), href=f"#{page.example(site_number, earlier)}")
        yield el("p", "The same instructions as for ", link, ".")
        yield fold("The path with the values of this counterexample", path)
    exit_name = example.sysret.instruction.upper()
    yield heading(below, f"State just before {exit_name}")
    yield _registers(example.at_exit)
    yield heading(below, "What the two exits do with it")
    ours, theirs = state.exit_column(example.sysret), state.exit_column(example.iret)
    yield from state.outcomes(ours, theirs, example.differs)
    if example.vendor_notes:
        yield heading(below, "On real CPUs")
        yield pairs((_VENDORS.get(vendor, vendor), said(note)) for vendor, note in example.vendor_notes)
    sign, color, text = (
        ("✓", "good", "Replay confirmed") if example.replayed else ("✗", "bad", "Replay did NOT confirm")
    )
    note = f": {said(example.replay_note)}" if example.replay_note else "."
    yield el("p", el("span", el("span", sign, aria_hidden="true"), f" {text}", class_=f"badge {color}"), note)


def _failed_on_the_way(example: Counterexample) -> list[str]:
    """What failed that is no field of the outcomes: an obligation with its place."""
    fields = {field.name for outcome in (example.sysret, example.iret) for field in outcome.fields}
    return [name for name in example.differs if name not in fields and name not in ("fault", "trap")]


def _same_path(site: SiteResult, order: int, example: Counterexample) -> int | None:
    """The first counterexample before this one that takes the same way."""
    way = _way(example)
    known = examples(site)[:order]
    return next((index for index, one in enumerate(known) if one.example and _way(one.example) == way), None)


def _way(example: Counterexample) -> list[tuple[int, str]]:
    return [(step.location.address, step.note) for step in example.path]


def _path(page: Page, site: SiteResult, anchor: str, path: Sequence[Step]) -> Element:
    """The path as a table: where the file or the symbol changes a row says so, a source line stands once."""
    rows: list[Element] = []
    place: tuple[str | None, str | None] | None = None
    line: int | None = None
    for order, step in enumerate(path, 1):
        where = step.location
        if (where.file, where.symbol) != place:
            place, line = (where.file, where.symbol), None
            name = ", ".join(filter(None, (where.file, f"{where.symbol}()" if where.symbol else None)))
            rows.append(
                el("tr", el("th", name or "Code without a symbol", scope="rowgroup", colspan=6), class_="group")
            )
        listed = page.row_of(site, where)
        offset = hexa(where.address) if where.symbol is None else f"+{hexa(where.offset)}"
        again = where.line is not None and where.line == line
        line = where.line
        rows.append(
            el(
                "tr",
                el("th", el("a", str(order), href=f"#{listed}") if listed else str(order), scope="row"),
                el("td", None if again or where.line is None else str(where.line), class_="n"),
                el("td", None if again or not step.source else code(step.source), class_="src"),
                el("td", code(offset), class_="n"),
                el("td", code(" ".join(where.text.split())), class_="asm"),
                el("td", _effect(step)),
                id=f"{anchor}-p{order}",
                data_row=listed,
            )
        )
    caption = hidden("The executed instructions; the number of a step leads to the listing")
    return table(caption, ("Step", "Line", "Source", "Offset", "Instruction", "What it does"), rows, "path")


def _effect(step: Step) -> Content:
    parts: list[Content] = []
    for change in step.changes:
        note = meaning("rflags", change.after) if change.name == "rflags" else ""
        parts.append(el("span", code(f"{change.name} = {hexa(change.after)}"), f" ({note})" if note else None))
    if step.note:
        parts.append(el("span", step.note, class_="way"))
    return [[", " if order else None, part] for order, part in enumerate(parts)]


def _registers(fields: Sequence[Field]) -> Content:
    if not fields:
        return el("p", "Not recorded.")
    made = []
    for field in fields:
        note = "" if field.value is None else meaning(field.name, field.value)
        made.append(
            el(
                "div",
                el("dt", field.name),
                el("dd", code(number(field.value)), el("small", f" {note}") if note else None),
            )
        )
    return el("dl", made, class_="registers")

# SPDX-License-Identifier: BSD-2-Clause
"""A counterexample that a person can read: cause, inputs, path, state, and both outcomes side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from verifier.model import FRAME_WORDS, GPRS, Config, Counterexample, Field, Input, OutcomeView, Step
from verifier.report.grouping import Violation
from verifier.report.meaning import meaning, switch
from verifier.report.path import listing
from verifier.report.words import capital, clean, configs_label, counted, hexa, sentence

_INDENT = 4
_NARROW = 56
"""Below this many columns what is side by side elsewhere stands one below the other."""
_VALUE = 18
"""Columns of the longest value: 64 bits in hex."""
_KINDS = (
    ("frame", "frame slot at entry"),
    ("register", "register at entry"),
    ("memory", "memory at entry"),
)
_SWITCHES = "CPU features and static keys"
_OF_A_CALL = re.compile(r"[^@]*@[^:]+(?::[0-9][^:]*)?:([a-z<\[].*)", re.DOTALL)
"""The name of a value that a call made, such as "slow_work@entry.S:20:frame.cs"; group 1 says of what."""

_IDLE = frozenset(GPRS) - {"rcx", "r11", "rsp"}
"""The general registers that SYSRET and the reader's first look have nothing to do with."""

_VENDORS = {"intel": "Intel", "amd": "AMD"}


def short(violation: Violation, among: Sequence[Config]) -> Text:
    """One line for a counterexample of which a similar one was shown in full."""
    cause = violation.example.cause if violation.example is not None else violation.reason or "violated"
    line = _heading(violation, among)
    line.append(f": {clean(sentence(cause))}", style="not bold")
    example = violation.example
    if example is not None:
        ours, theirs = _by_name(example.sysret.fields), _by_name(example.iret.fields)
        parts = [
            f"{name} {_hex(ours.get(name))} ≠ {_hex(theirs.get(name))}" for name in example.differs if name in ours
        ]
        if parts:
            line.append(f" (SYSRET ≠ IRET: {clean(', '.join(parts))})", style="not bold")
    return line


Listed = dict[tuple[Step, ...], Violation]
"""The paths of a site that were listed already, without their values, each with what it was listed for."""


def full(
    violation: Violation, among: Sequence[Config], verbose: bool, width: int, listed: Listed
) -> Iterator[RenderableType]:
    """The parts of a whole counterexample, in reading order, within ``width`` columns.

    ``listed`` is added to: a path and the state at its end are shown in full
    once (unless verbose), then only what is different.
    """
    yield Text.assemble(("Counterexample to ", "bold red"), _heading(violation, among))
    example = violation.example
    if example is None:
        yield _indented(Text(clean(violation.reason or "no counterexample is available")))
        return
    yield _indented(Text(clean(capital(sentence(example.cause))) + "."))
    for failure in _failures(example):
        yield _indented(Text.assemble(("≠ ", "bold red"), clean(failure)))
    yield from _inputs(example.inputs, width - _INDENT)
    earlier = listed.setdefault(tuple(_bare(step) for step in example.path), violation)
    length = counted(len(example.path), "instruction")
    first = earlier.example if earlier is not violation and not verbose else None
    if first is None:
        yield _title("Path", f" ({length})")
        for part in listing(example.path, verbose, width - _INDENT):
            yield _indented(part)
    else:
        yield _title("Path", f": the same {length} as for {clean(earlier.id)}; -v lists all")
    yield from _state(example, first, verbose, width - _INDENT)
    yield from _outcomes(example, verbose, width - _INDENT)
    if example.vendor_notes:
        yield _title("On real CPUs")
        notes = Table.grid(padding=(0, 2, 0, 0))
        for vendor, note in example.vendor_notes:
            notes.add_row(Text(_VENDORS.get(vendor, clean(vendor))), Text(clean(note)))
        yield _indented(notes)
    note = f": {clean(sentence(example.replay_note))}" if example.replay_note else ""
    yield _title("Replay confirmed" if example.replayed else "Replay did NOT confirm this", f"{note}.")


def _heading(violation: Violation, among: Sequence[Config]) -> Text:
    where = configs_label(violation.configs, among)
    return Text(clean(violation.id) + (f" ({where})" if where else ""), style="bold red")


def _failures(example: Counterexample) -> list[str]:
    """What failed that is no field of the outcomes: an obligation on the way, with its place."""
    fields = {field.name for outcome in (example.sysret, example.iret) for field in outcome.fields}
    return [name for name in example.differs if name not in fields and name not in ("fault", "trap")]


def _inputs(inputs: Sequence[Input], width: int) -> Iterator[RenderableType]:
    yield _title("Inputs", " (any value will do for what is not listed)")
    if not inputs:
        yield _indented(Text("none: every state that reaches the exit fails"))
        return
    for kind, title in _KINDS:
        chosen = [item for item in inputs if item.kind == kind]
        if chosen:
            yield _indented(Text(title, style="dim"))
            yield _indented(_values([(item.name, item.value, item.origin) for item in chosen], width))
    switches = ", ".join(f"{item.name} {switch(item.value)}" for item in inputs if item.kind == "feature")
    if switches:
        yield _indented(Text.assemble((f"{_SWITCHES}: ", "dim"), clean(switches)))
    made = [item for item in inputs if item.kind == "havoc"]
    for origin in dict.fromkeys(item.origin for item in made):
        yield from _made(origin, [item for item in made if item.origin == origin], width)


def _made(origin: str, items: Sequence[Input], width: int) -> Iterator[RenderableType]:
    """Values that code which is not analysed made; named without their origin if that stays unique."""
    title = f"{origin}, which is not analysed" if origin else "code that is not analysed"
    yield _indented(Text(clean(f"made by the {title}" if origin.startswith("call ") else f"made by {title}"), "dim"))
    matches = [_OF_A_CALL.fullmatch(item.name) for item in items]
    brief = [item.name if match is None else match[1] for item, match in zip(items, matches, strict=True)]
    names = brief if len(set(brief)) == len(brief) else [item.name for item in items]
    yield _indented(_values([(name, item.value, "") for name, item in zip(names, items, strict=True)], width))


def _values(rows: Sequence[tuple[str, int | None, str]], width: int) -> Table:
    return _described([(clean(name), _hex(value), _said(name, value, origin)) for name, value, origin in rows], width)


def _described(rows: Sequence[tuple[str, str, str]], width: int) -> Table:
    """Name, value, meaning; a third column only where there is something to say and room for it."""
    name_width = max((len(name) for name, _, _ in rows), default=0)
    table = Table.grid(padding=(0, 2, 0, 0))
    # A long name folds; one that leaves room for a value is never broken, nor is a value.
    if width < _NARROW:
        table.add_column(no_wrap=name_width <= width - _VALUE - 2, overflow="fold")
        table.add_column(overflow="fold")
        for name, value, said in rows:
            beside = f"{value}  {said}" if said else value
            fits = name_width + 2 + len(beside) <= width
            table.add_row(Text(name), Text(beside if fits or not said else f"{value}\n{said}"))
        return table
    table.add_column(no_wrap=name_width <= width - 40, overflow="fold")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _said(name: str, value: int | None, origin: str) -> str:
    said = "" if value is None else meaning(name, value)
    return clean("; ".join(filter(None, (said, origin))))


def _bare(step: Step) -> Step:
    """The step without its values: what makes two paths the same way through the code."""
    return Step(step.location, (), step.note)


def _state(
    example: Counterexample, first: Counterexample | None, verbose: bool, width: int
) -> Iterator[RenderableType]:
    """The state at the exit; general registers that SYSRET does not look at and that are 0 share a row.

    With ``first``, a counterexample with the same path, only what differs from its state.
    """
    if not example.at_exit:
        return
    before = f"State just before {example.sysret.instruction}"
    fields = [field for field in example.at_exit if first is None or field not in first.at_exit]
    if not fields:
        yield _title(before, ": the same as well")
        return
    short_of_all = first is None and not verbose
    idle = [field.name for field in fields if short_of_all and field.name in _IDLE and field.value == 0]
    shown = [field for field in fields if field.name not in idle]
    rows = [(clean(field.name), _hex(field.value), _said(field.name, field.value, "")) for field in shown]
    if idle:
        rows.append(("the rest", "0x0", " ".join(idle)))
    yield _title(before, "" if first is None else " (the rest is the same)")
    yield _indented(_described(rows, width))


def _outcomes(example: Counterexample, verbose: bool, width: int) -> Iterator[RenderableType]:
    """Both outcomes, in two columns if there is room; "≠" marks a field that differs. One line if none does."""
    ours, theirs = _by_name(example.sysret.fields), _by_name(example.iret.fields)
    names = list(dict.fromkeys((*ours, *theirs)))
    differs = {name for name in example.differs if name in names}
    fates = (example.sysret.fault, example.sysret.trap), (example.iret.fault, example.iret.trap)
    faults = "≠" if fates[0] != fates[1] else ""
    if not differs and not faults and not verbose:
        same = f"{_fate(example.sysret)}; {counted(len(names), 'field')} equal, -v shows all"
        yield _title("What the two exits do", f": the same ({same})")
        return
    rows = [("outcome", faults, _fate(example.sysret), _fate(example.iret))]
    hidden = 0
    for name in names:
        marked = name in differs
        if not (verbose or marked or name in FRAME_WORDS):
            hidden += 1
            continue
        mine, other = (cell(name, fields.get(name), marked) for fields in (ours, theirs))
        rows.append((clean(name), "≠" if marked else "", mine, other))
    yield _title("What the two exits do", f" ({counted(hidden, 'more field')} equal, -v shows all)" if hidden else "")
    heads = clean(example.sysret.instruction), clean(example.iret.instruction)
    yield _indented(compared(rows, heads, width))


Compared = Sequence[tuple[str, str, str, str]]
"""Name, "≠" or nothing, and what it is behind each of the two exits."""


def compared(rows: Compared, heads: tuple[str, str], width: int) -> Table:
    """Two outcomes, whose strings are clean, in two columns if there is room."""
    return _side_by_side(rows, heads) if width >= _NARROW else _one_below_the_other(rows, heads)


def _side_by_side(rows: Compared, heads: tuple[str, str]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(4):
        table.add_column(overflow="fold")
    table.add_row("", "", *(Text(head, "bold") for head in heads))
    for name, mark, *cells in rows:
        table.add_row(Text(name), Text(mark, "bold red"), *map(Text, cells), style="bold" if mark else "")
    return table


def _one_below_the_other(rows: Compared, heads: tuple[str, str]) -> Table:
    """A value that is the same behind both exits once, other ones with the name of the exit."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column(overflow="fold")
    for name, mark, mine, other in rows:
        if mine == other:
            table.add_row(Text(name), Text(mark, "bold red"), Text(mine))
            continue
        said = [f"{head}: {cell}" for head, cell in zip(heads, (mine, other), strict=True)]
        table.add_row(Text(name), Text(mark, "bold red"), Text("\n".join(said)), style="bold" if mark else "")
    return table


def _fate(outcome: OutcomeView) -> str:
    if outcome.fault is not None:
        return clean(outcome.fault)
    return clean("; ".join(filter(None, ("enters user mode", outcome.trap))))


def cell(name: str, value: int | None, explained: bool) -> str:
    """A value of an outcome, and what it says."""
    said = "" if value is None or not explained else meaning(name, value)
    return _hex(value) + (f" ({said})" if said else "")


def _by_name(fields: Sequence[Field]) -> dict[str, int | None]:
    return {field.name: field.value for field in fields}


def _hex(value: int | None) -> str:
    return "—" if value is None else hexa(value)


def _title(text: str, rest: str = "") -> Padding:
    return Padding(Text.assemble((clean(text), "bold"), clean(rest)), (0, 0, 0, 2))


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, _INDENT))

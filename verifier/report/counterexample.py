# SPDX-License-Identifier: BSD-2-Clause
"""A counterexample that a person can read: cause, inputs, path, state, and both outcomes side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from verifier.model import FRAME_WORDS, Config, Counterexample, Field, Input, OutcomeView, Step
from verifier.report.grouping import Violation
from verifier.report.meaning import meaning
from verifier.report.words import clean, configs_label, counted, hexa, in_order, place, sentence, source

HEAD, TAIL = 12, 28
"""Steps shown at the start and at the end of a long path, unless everything is asked for."""

_INDENT = 4
_KINDS = (
    ("frame", "frame slot at entry"),
    ("register", "register at entry"),
    ("memory", "memory at entry"),
    ("havoc", "made by code that is not analysed"),
)


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


def full(violation: Violation, among: Sequence[Config], command: str, verbose: bool) -> Iterable[RenderableType]:
    """The parts of a whole counterexample, in reading order."""
    heading = _heading(violation, among)
    yield Text.assemble(("Counterexample to ", "bold red"), heading)
    example = violation.example
    if example is None:
        yield _indented(Text(clean(violation.reason or "no counterexample is available")))
        return
    yield _indented(Text(clean(sentence(example.cause)) + "."))
    yield from _inputs(example.inputs)
    yield from _path(example.path, verbose)
    if example.at_exit:
        yield _title(f"State just before {example.sysret.instruction}")
        yield _indented(_values((field.name, field.value, "") for field in example.at_exit))
    yield _title("What the two exits do")
    yield _indented(_outcomes(example, verbose))
    if example.vendor_notes:
        yield _title("On real CPUs")
        notes = _grid()
        for vendor, note in example.vendor_notes:
            notes.add_row(Text({"intel": "Intel", "amd": "AMD"}.get(vendor, clean(vendor))), Text(clean(note)))
        yield _indented(notes)
    verdict = "confirmed" if example.replayed else "NOT confirmed"
    note = f": {clean(sentence(example.replay_note))}" if example.replay_note else ""
    yield _title(f"Replay: {verdict}", f"{note}.")
    if command:
        yield _title("Reproduce", ":")
        # As long as it is: a folded command cannot be pasted.
        yield Text(" " * _INDENT + clean(command), no_wrap=True, overflow="ignore")


def _heading(violation: Violation, among: Sequence[Config]) -> Text:
    where = configs_label(violation.configs, among)
    return Text(clean(violation.id) + (f" ({where})" if where else ""), style="bold red")


def _inputs(inputs: Sequence[Input]) -> Iterable[RenderableType]:
    yield _title("Inputs", " (any value will do for what is not listed)")
    if not inputs:
        yield _indented(Text("none: every state that reaches the exit fails"))
        return
    for kind, title in _KINDS:
        chosen = [item for item in inputs if item.kind == kind]
        if chosen:
            yield Padding(Text(title, style="dim"), (0, 0, 0, _INDENT))
            yield _indented(_values((item.name, item.value, item.origin) for item in chosen))


def _values(rows: Iterable[tuple[str, int | None, str]]) -> Table:
    """Name, value, meaning; a third column only where there is something to say."""
    table = _grid()
    for name, value, origin in rows:
        said = "" if value is None else meaning(name, value)
        table.add_row(Text(clean(name)), Text(_hex(value)), Text(clean("; ".join(filter(None, (said, origin))))))
    return table


def _path(path: Sequence[Step], verbose: bool) -> Iterable[RenderableType]:
    yield _title("Path", f" ({counted(len(path), 'instruction')})")
    table = _grid()
    skipped = 0 if verbose else max(0, len(path) - HEAD - TAIL)
    previous = None
    for index, step in enumerate(path):
        if skipped and HEAD <= index < HEAD + skipped:
            if index == HEAD:
                table.add_row(Text("…"), Text(f"{counted(skipped, 'instruction')} left out, -v shows all", style="dim"))
                previous = None
            continue
        line = source(step.location)
        # A macro makes many instructions of one line: say the line once, then the offsets.
        where = line if line != previous else f"  {place(step.location)}"
        previous = line
        table.add_row(
            Text(clean(where), style="dim"),
            Text(clean(" ".join(step.location.text.split()))),
            Text(_effect(step)),
        )
    yield _indented(table)


def _effect(step: Step) -> str:
    parts = []
    for change in step.changes:
        said = f" {meaning('rflags', change.after)}" if change.name == "rflags" else ""
        parts.append(f"{change.name} = {hexa(change.after)}{said}")
    if step.note:
        parts.append(step.note)
    return clean(", ".join(parts))


def _outcomes(example: Counterexample, verbose: bool) -> Table:
    """Both outcomes in two columns; "≠" marks a field that differs."""
    ours, theirs = _by_name(example.sysret.fields), _by_name(example.iret.fields)
    names = list(dict.fromkeys((*ours, *theirs)))
    differs = set(example.differs)
    table = _grid(wide=2)
    table.add_row(
        "", "", Text(clean(example.sysret.instruction), "bold"), Text(clean(example.iret.instruction), "bold")
    )
    faults = "≠" if (example.sysret.fault, example.sysret.trap) != (example.iret.fault, example.iret.trap) else ""
    table.add_row(
        "outcome",
        Text(faults, "bold red"),
        Text(_fate(example.sysret)),
        Text(_fate(example.iret)),
        style="bold" if faults else "",
    )
    hidden = 0
    for name in names:
        marked = name in differs
        if not (verbose or marked or name in FRAME_WORDS):
            hidden += 1
            continue
        cells = [Text(_cell(name, fields.get(name), marked)) for fields in (ours, theirs)]
        table.add_row(
            Text(clean(name)), Text("≠" if marked else "", "bold red"), *cells, style="bold" if marked else ""
        )
    if hidden:
        table.add_row("…", "", Text(f"{counted(hidden, 'other field')} equal, -v shows all", style="dim"), "")
    for other in example.differs:
        if other not in (*names, "fault", "trap"):
            table.add_row(Text(clean(other)), Text("≠", "bold red"), Text("does not hold"), "", style="bold")
    return table


def _fate(outcome: OutcomeView) -> str:
    if outcome.fault is not None:
        return clean(outcome.fault)
    return clean("; ".join(filter(None, ("enters user mode", outcome.trap))))


def _cell(name: str, value: int | None, explained: bool) -> str:
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


def _grid(wide: int = 0) -> Table:
    """A table without lines whose cells fold, so that nothing is cut at any width.

    ``wide`` is 2 for the four columns of the side-by-side view.
    """
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(4 if wide else 3):
        table.add_column(overflow="fold")
    return table


def vendors(configs: Sequence[Config]) -> str:
    """The configurations of a run in words: "intel and amd, la48 and la57"."""
    chosen = in_order(configs)
    return ", ".join(" and ".join(dict.fromkeys(config[index] for config in chosen)) for index in (0, 1))

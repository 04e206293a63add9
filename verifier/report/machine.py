# SPDX-License-Identifier: BSD-2-Clause
"""A counterexample as rows and lines of plain text: inputs, path, state, both outcomes. For formats without layout.

The strings are not escaped: names in them are as the report has them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from verifier.model import (
    FRAME_WORDS,
    GPRS,
    Counterexample,
    Field,
    Input,
    Location,
    OutcomeView,
    SiteResult,
    Status,
    Step,
)
from verifier.records import record
from verifier.report.grouping import Violation, violations
from verifier.report.meaning import meaning, switch
from verifier.report.words import hexa

HEAD, TAIL = 60, 140
"""Steps of a path that are shown, at its start and its end, if there are more."""

_MAX_TEXT = 40
_KINDS = {
    "frame": "frame at entry",
    "register": "register at entry",
    "memory": "memory at entry",
    "feature": "CPU feature or static key",
}
_OF_A_CALL = re.compile(r"[^@]*@[^:]+(?::[0-9][^:]*)?:([a-z<\[].*)", re.DOTALL)
"""The name of a value that a call made, such as "slow_work@entry.S:20:frame.cs"; group 1 says of what."""
_IDLE = frozenset(GPRS) - {"rcx", "r11", "rsp"}


@record
class Row:
    """One value: its name, the value, what it says, and for an input where it is from."""

    name: str
    value: str
    said: str
    kind: str = ""


@record
class Pair:
    """One field of both outcomes; ``differs`` if they are not the same."""

    name: str
    differs: bool
    fast: str
    iret: str


def failed(site: SiteResult, status: Status = "violated") -> tuple[Violation, ...]:
    """The clauses of the site with this status, "violated" or "waived", and their counterexamples."""
    chosen = tuple(replace(clause, status="violated") for clause in site.clauses if clause.status == status)
    return violations(replace(site, clauses=chosen))


def inputs(example: Counterexample) -> list[Row]:
    """What the counterexample chooses, in the report's order; what a call made goes by the name of its place."""
    brief = [_OF_A_CALL.fullmatch(item.name) if item.kind == "havoc" else None for item in example.inputs]
    names = [item.name if match is None else match[1] for item, match in zip(example.inputs, brief, strict=True)]
    keys = list(zip(names, (item.origin for item in example.inputs), strict=True))
    rows = []
    for item, name, key in zip(example.inputs, names, keys, strict=True):
        said = switch(item.value) if item.kind == "feature" else meaning(item.name, item.value)
        rows.append(Row(name if keys.count(key) == 1 else item.name, hexa(item.value), said, _origin(item)))
    return rows


def _origin(item: Input) -> str:
    kind = _KINDS.get(item.kind, item.kind)
    if item.kind != "havoc":
        return f"{kind}: {item.origin}" if item.origin else kind
    made = item.origin or "code"
    return f"made by {'the ' if made.startswith('call ') else ''}{made}, which is not analysed"


def state(example: Counterexample) -> list[Row]:
    """The state at the exit; general registers that SYSRET does not look at and that are 0 share the last row."""
    idle = [field.name for field in example.at_exit if field.name in _IDLE and field.value == 0]
    rows = [_row(field) for field in example.at_exit if field.name not in idle]
    return [*rows, Row(", ".join(idle), "0x0", "")] if idle else rows


def _row(field: Field) -> Row:
    said = "" if field.value is None else meaning(field.name, field.value)
    return Row(field.name, _hex(field.value), said)


def outcomes(example: Counterexample) -> list[Pair]:
    """How both exits end, the frame words, and every other field that differs."""
    ours, theirs = _by_name(example.sysret), _by_name(example.iret)
    fates = fate(example.sysret), fate(example.iret)
    pairs = [Pair("outcome", fates[0] != fates[1], *fates)]
    for name in dict.fromkeys((*ours, *theirs)):
        differs = name in example.differs
        if differs or name in FRAME_WORDS:
            cells = [_cell(name, fields.get(name), differs) for fields in (ours, theirs)]
            pairs.append(Pair(name, differs, *cells))
    return pairs


def columns(example: Counterexample) -> tuple[str, str]:
    """What the two outcomes are called. An IRET exit is compared with nothing but what user mode needs."""
    ours, theirs = example.sysret.instruction, example.iret.instruction
    return (ours, "needed") if ours.lower() == theirs.lower() else (ours, theirs)


def equal_fields(example: Counterexample) -> int:
    """How many fields are equal and not in ``outcomes``."""
    names = {field.name for outcome in (example.sysret, example.iret) for field in outcome.fields}
    return len(names.difference(example.differs, FRAME_WORDS))


def events(example: Counterexample) -> list[str]:
    """What failed that is no field of the outcomes: an obligation on the way, a phrase with its place."""
    fields = {field.name for outcome in (example.sysret, example.iret) for field in outcome.fields}
    # One word is the name of a field or of the clause, which is said anyway.
    return [name for name in example.differs if name not in fields and " " in name]


def fate(outcome: OutcomeView) -> str:
    """How an exit ends: the fault, or that user mode is entered, with the trap that follows."""
    return outcome.fault or "; ".join(filter(None, ("enters user mode", outcome.trap)))


def path(steps: Sequence[Step], head: int = HEAD, tail: int = TAIL) -> list[str]:
    """A line for each step: line, offset, disassembly, effect; a heading where file or symbol change.

    Of more than ``head`` + ``tail`` steps the middle is left out and counted.
    """
    skipped = max(0, len(steps) - head - tail)
    chosen = [step for index, step in enumerate(steps) if not head <= index < head + skipped]
    texts = [single(step.location.text) for step in chosen]
    width = max((len(one) for one in texts if len(one) <= _MAX_TEXT), default=0)
    lines: list[str] = []
    heading = ""
    for index, (step, said) in enumerate(zip(chosen, texts, strict=True)):
        if skipped and index == head:
            lines.append(f"... {skipped} instructions left out")
        if (found := code_heading(step.location)) != heading:
            lines.append(found)
            heading = found
        line = "" if step.location.line is None else str(step.location.line)
        lines.append(f"{line:>6}  {offset(step.location):<7} {said:{width}}  {', '.join(effects(step))}".rstrip(" "))
    return lines


def effects(step: Step) -> list[str]:
    """What a step did: its note and the registers and words that it changed."""
    said = [step.note] if step.note else []
    for change in step.changes:
        flags = f" ({meaning('rflags', change.after)})" if change.name == "rflags" else ""
        said.append(f"{change.name} = {hexa(change.after)}{flags}")
    return said


def single(said: str) -> str:
    """Text with single spaces; what else is white, such as the end of a line, stays to be spelled out."""
    return " ".join(word for word in said.replace("\t", " ").split(" ") if word)


def code_heading(location: Location) -> str:
    """File and symbol, as far as they are known."""
    symbol = f"{location.symbol}()" if location.symbol is not None else None
    return ", ".join(part for part in (location.file, symbol) if part) or "code without a symbol"


def offset(location: Location) -> str:
    """``+0xNN`` into the symbol or, without a symbol, the address."""
    return hexa(location.address) if location.symbol is None else f"+{hexa(location.offset)}"


def _cell(name: str, value: int | None, explained: bool) -> str:
    said = "" if value is None or not explained else meaning(name, value)
    return _hex(value) + (f" ({said})" if said else "")


def _by_name(outcome: OutcomeView) -> dict[str, int | None]:
    return {field.name: field.value for field in outcome.fields}


def _hex(value: int | None) -> str:
    return "-" if value is None else hexa(value)

# SPDX-License-Identifier: BSD-2-Clause
"""Two runs of one machine that differ, for the person who has to find out which of them is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.model import Disagreement
from verifier.recording import EndState
from verifier.report.words import clean, hexa


def disagreement(item: Disagreement) -> Iterator[str]:
    """The lines about one: what was run, in what the runs differ, and both of them."""
    about = f"the machine that violates {item.clause}" if item.clause else "the machine that reaches the exit"
    place = item.location
    where = f"{place.file}:{place.line}" if place.line else hexa(place.address)
    yield clean(f"Disagreement about {about} at {where} ({'/'.join(item.config)})")
    yield from (clean(f"  {problem}") for problem in item.problems)
    if item.lifted is not None and item.emulated is not None:
        yield from (clean(line) for line in both(item.lifted, item.emulated))
    if item.inputs:
        yield clean("  inputs: " + ", ".join(f"{one.name}={hexa(one.value)}" for one in item.inputs))


def both(expected: EndState, found: EndState) -> list[str]:
    """Two runs of one machine side by side: where they part, and what their ends differ in."""
    lines: list[str] = []
    pairs = zip((*expected.trace, None), (*found.trace, None), strict=False)
    step = next((number for number, (one, other) in enumerate(pairs) if one != other), None)
    if step is not None and expected.trace != found.trace:
        lines.append(f"  the runs part at step {step + 1}: {_at(expected, step)} and {_at(found, step)}")
    lines.append(f"  {'':16}{'as predicted':>20}{'on the emulator':>20}")
    ours = (*expected.registers, *_rest(expected))
    theirs = (*found.registers, *_rest(found))
    for (name, one), (_, other) in zip(ours, theirs, strict=False):
        if one != other:
            lines.append(f"  {name:16}{hexa(one):>20}{hexa(other):>20}")
    lines.append("  instructions, as predicted: " + " ".join(hexa(one) for one in expected.trace))
    lines.append("  instructions, on the emulator: " + " ".join(hexa(one) for one in found.trace))
    return lines


def _rest(end: EndState) -> tuple[tuple[str, int], ...]:
    system = (("gs_base", end.gs_base), ("kernel_gs_base", end.kernel_gs_base), ("cr3", end.cr3))
    return (*system, ("rflags.IF", end.interrupts), *((f"frame.{name}", value) for name, value in end.frame))


def _at(end: EndState, step: int) -> str:
    return hexa(end.trace[step]) if step < len(end.trace) else "the end"

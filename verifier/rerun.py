# SPDX-License-Identifier: BSD-2-Clause
"""Run a recording again and compare: the emulator, the exit semantics on ints, and nothing of the proof.

Neither the file nor the lifter nor the solver takes part: the bytes are those of the recording.
"""

from __future__ import annotations

from collections.abc import Iterable

from verifier.exitcheck import exit_view, holds
from verifier.isa.machine import FLAG_POSITIONS
from verifier.model import Image, Section
from verifier.outcomes import ExitView
from verifier.recording import EndState, ExitFacts, Recording
from verifier.records import record
from verifier.replay import ReplayResult, replay


@record
class Rerun:
    """What a recording did this time; ``problems`` say in what it was not as recorded, none if it was."""

    emulated: EndState
    problems: tuple[str, ...]
    view: ExitView | None = None


def rerun(recording: Recording) -> Rerun:
    """Run a recording on the emulator up to its exit, and judge the exit. Raises KeyError for an unknown clause."""
    result = replay(image_of(recording), recording.request)
    emulated = emulated_end(result, (name for name, _ in recording.end.frame))
    if not result.reached:
        return Rerun(emulated, (f"the emulator stopped at {result.stopped_at:#x}: {result.reason}",))
    problems = differences(recording.end, emulated)
    problems += exit_problems(recording.exit, emulated, result, recording.clause)
    return Rerun(emulated, problems, exit_view(recording.exit, emulated, result.rflags))


def image_of(recording: Recording) -> Image:
    """An image of the recorded bytes and nothing else."""
    sections = tuple(
        Section(f"recorded-{index}", part.address, len(part.data), part.data, part.executable, part.writable)
        for index, part in enumerate(sorted(recording.code, key=lambda part: part.address))
    )
    return Image("recording", "", sections, (), (), ())


def emulated_end(result: ReplayResult, slots: Iterable[str]) -> EndState:
    """The end of a run; ``slots`` names the words that it read back."""
    return EndState(
        registers=result.registers,
        gs_base=result.gs_base,
        kernel_gs_base=result.kernel_gs_base,
        cr3=result.cr3_written,
        interrupts=result.rflags >> FLAG_POSITIONS["if"] & 1,
        trace=result.trace,
        frame=tuple((name, word.value) for name, word in zip(slots, result.memory, strict=True)),
    )


def differences(expected: EndState, found: EndState) -> tuple[str, ...]:
    """In what two ends differ, in words."""
    problems: list[str] = []

    def same(name: str, one: int, other: int) -> None:
        if one != other:
            problems.append(f"{name} is {other:#x}, not {one:#x}")

    for (name, one), (_, other) in zip(expected.registers, found.registers, strict=True):
        same(name, one, other)
    same("gs_base", expected.gs_base, found.gs_base)
    same("kernel_gs_base", expected.kernel_gs_base, found.kernel_gs_base)
    same("cr3", expected.cr3, found.cr3)
    same("rflags.IF", expected.interrupts, found.interrupts)
    if expected.trace != found.trace:
        problems.append("it executed other instructions")
    for (name, one), (_, other) in zip(expected.frame, found.frame, strict=True):
        same(f"frame.{name}", one, other)
    return tuple(problems)


def exit_problems(facts: ExitFacts, end: EndState, result: ReplayResult, clause: str) -> tuple[str, ...]:
    """What speaks against the failure of ``clause`` in the state that a run ended in; nothing for a witness."""
    if not clause:
        return ()
    problems = [
        f"the instruction at {address:#x}, with which {clause} fails, was not executed"
        for kind, address in facts.events
        if kind == clause and address not in end.trace
    ]
    problems += [
        f"interrupts are off behind {address:#x}"
        for kind, address in facts.events
        if kind == clause == "irq" and address not in result.interruptible
    ]
    if holds(clause, exit_view(facts, end, result.rflags)) is not False:
        problems.append(f"{clause} holds in the state that it reached")
    return tuple(problems)

# SPDX-License-Identifier: BSD-2-Clause
"""Two versions of an exit path on the emulator: one concrete machine through both, without any proof.

Each machine is entered in BASE's bytes and in HEAD's, and what user space gets is computed on ints. Window events and
faults of memory accesses are not looked at: where they matter, nothing is claimed here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from verifier.challenge.frames import Frame, Key, perturbed
from verifier.challenge.landscape import Given, start_of, survey, take_apart, words_of
from verifier.challenge.machines import End, Start
from verifier.challenge.oracle import Subject, judgeable, needs_arm, view_of
from verifier.challenge.result import Seed
from verifier.challenge.runner import Runner
from verifier.challenge.seeds import seed_of
from verifier.clauses import of_profile
from verifier.contract import Contract
from verifier.exploring import Survey
from verifier.insights import Condition
from verifier.model import GPRS, Config, Image
from verifier.outcomes import ExitView

FAST = ("sysretq", "sysretl", "sysexitq", "sysexitl")
_EVENTS = frozenset({"irq", "stack", "gs"})
_RSP = GPRS.index("rsp")


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a machine ended: ``kind`` is the exit's mnemonic or what else it was; ``given`` by name, on ints.

    ``wrong`` are the clauses that an exit makes false; of an IRET exit the fields that are not as the frame says.
    """

    kind: str
    given: Mapping[str, int]
    wrong: tuple[str, ...]

    @property
    def exits(self) -> bool:
        """Whether it leaves to user space."""
        return self.kind in (*FAST, "iretq")


@dataclass(frozen=True, slots=True)
class Pair:
    """One machine in both versions; ``values`` has its inputs by the names of conditions."""

    base: Arrival
    head: Arrival
    values: Mapping[str, int]

    @property
    def kind(self) -> str:
        """What a divergence of this machine is called; "" if there is none."""
        one, two = self.base.kind, self.head.kind
        if one == two:
            return "state" if self.visible else ""
        if one == "iretq" and two in FAST:
            return "newly-fast"
        if two == "iretq" and one in FAST:
            return "newly-slow"
        return "elsewhere"

    @property
    def visible(self) -> bool:
        """Whether both leave to user space and give it something else."""
        return dict(self.base.given) != dict(self.head.given)


def seeds(base: Survey, head: Survey, config: Config, most: int) -> list[Seed]:
    """Machines that take exits of either version, as BASE's bytes are."""
    found: list[Seed] = []
    for side in (base, head):
        leaves = [leaf for leaf in side.found.leaves if leaf.kind == "exit"]
        for leaf in leaves[: most // 2]:
            one = seed_of(side.setting, config, leaf.state.path)
            if one is not None:
                found.append(replace(one, image=base.task.image))
    return found


class Arena:
    """One seed with both versions' bytes. ``close`` it."""

    def __init__(self, contract: Contract, seed: Seed, head: Image, config: Config) -> None:
        self._contract, self._amd = contract, config[0] == "amd"
        la57 = config[1] == "la57"
        self._given = take_apart(contract, seed, la57)
        other = take_apart(contract, replace(seed, image=head), la57)
        self._sides = tuple((one, self._runner(one)) for one in (self._given, other))
        self._subject = Subject("", 0, contract, self._given.slots)
        start = start_of(self._given, contract, {})
        self._space = survey(self._given, contract, self._sides[0][1].run(start))

    def _runner(self, given: Given) -> Runner:
        return Runner(given.terrain, given.base, words_of(given.values))

    def close(self) -> None:
        """Release the emulators."""
        for _, runner in self._sides:
            runner.close()

    def pairs(self, count: int, source: random.Random) -> Iterator[Pair]:
        """So many machines around the seed, but for those that say nothing."""
        corpus: list[Frame] = [{}]
        for _ in range(count):
            frame = perturbed(source.choice(corpus), self._space, source)
            found = self.pair(frame)
            if found is None:
                continue
            # Machines that take a fast exit, or that differ, are rare: what is near them is worth more.
            if (found.kind or found.base.kind in FAST or found.head.kind in FAST) and len(corpus) < 64:
                corpus.append(frame)
            yield found

    def pair(self, frame: Frame) -> Pair | None:
        """One machine in both; None where the emulator does not take it to an end that can be compared."""
        start = start_of(self._given, self._contract, frame)
        ends = [self._arrival(runner, start) for _, runner in self._sides]
        if ends[0] is None or ends[1] is None:
            return None
        return Pair(ends[0], ends[1], self._values(start, frame))

    def with_inputs(self, named: Mapping[str, int]) -> Frame | None:
        """A machine with these inputs; None if one of them is none of the seed's."""
        frame: Frame = {}
        keys = {name: key for key in self._given.values if (name := self._name(key)) is not None}
        for name, value in named.items():
            if name not in keys:
                return None
            frame[keys[name]] = value
        return frame

    def _name(self, key: Key) -> str | None:
        """The name that a condition has for an input."""
        match key.kind:
            case "register" | "control":
                return key.name
            case "word" if key.name.startswith("frame."):
                return key.name
            case "word" if key.size == 8 and 0 <= key.place - self._given.base.gs_base < 0x10000:
                return f"gs:[{key.place - self._given.base.gs_base:#x}]"
        return None

    def _values(self, start: Start, frame: Frame) -> dict[str, int]:
        values = {name: frame.get(key, value) for key, value in self._given.values.items() if (name := self._name(key))}
        return values | dict(start.registers)

    def _arrival(self, runner: Runner, start: Start) -> Arrival | None:
        end = runner.run(start)
        if end.kind in ("not-comparable", "limit", "fault") or (end.kind == "exit" and end.rflags & 0x100):
            return None
        if end.kind != "exit":
            return Arrival(f"{end.kind} {end.detail}", {}, ())
        stack = runner.words(end.registers[_RSP], 5) if end.detail == "iretq" else ()
        subject = replace(self._subject, kind=end.detail, address=end.at)
        view = view_of(subject, start, end, runner.frame(), stack, None, self._amd, ())
        given = _given(view, end, self._amd)
        return Arrival(end.detail, given, _wrong(subject, view, given))


def _given(view: ExitView, end: End, amd: bool) -> dict[str, int]:
    own, fast = view.sysret, view.kind in FAST
    found = {name: int(getattr(own, name)) for name in ("rip", "rflags", "cs", "ss", "rsp")}
    found["fault"] = (1 if fast else 2) if own.fault else 3 if own.late_fault else 0
    found["trap"] = (1 if fast else 2) if found["rflags"] & 0x100 else 0
    found |= {name: int(actual) for name, actual, wanted in view.gprs if wanted is not None}
    found |= {"gs_base": end.gs_base, "kernel_gs_base": end.kernel_gs_base, "cr3": end.cr3}
    flat = end.ss_flat if amd and view.kind.startswith("sysret") else 1
    return found | {"ss-attrs": flat, "spec_ctrl": end.msrs.get(0x48, 0), "cr4": end.cr4}


def _wrong(subject: Subject, view: ExitView, given: Mapping[str, int]) -> tuple[str, ...]:
    """The clauses that the exit makes false; nothing that only a proof knows."""
    if view.kind in FAST:
        claimed, _ = judgeable(subject, {one.id for one in of_profile("equivalence")})
        return tuple(
            one.id
            for one in claimed
            if one.id not in _EVENTS and not needs_arm(subject, one.id) and one.holds(view) is False
        )
    wanted = view.iret
    wrong = [name for name in ("rip", "rflags", "cs", "ss", "rsp") if given[name] != getattr(wanted, name)]
    return tuple(wrong + [name for name, actual, frame in view.gprs if frame is not None and actual != frame])


def met(conditions: Sequence[Condition], values: Mapping[str, int], config: Config) -> bool | None:
    """Whether a machine meets conditions; None if one is about an input that is not known here."""
    truths = [_met(one, values, config) for one in conditions]
    return False if False in truths else None if None in truths else True


def _met(one: Condition, values: Mapping[str, int], config: Config) -> bool | None:
    names = [one.left, *([one.right] if one.kind == "same" else [])]
    if one.kind == "other" or any(name not in values for name in names):
        return None
    if one.paging and one.paging != config[1]:
        return True
    left = values[one.left]
    match one.kind:
        case "range":
            truth = any(first <= left <= last for first, last in one.intervals)
        case "bits":
            truth = left & one.mask == one.value
        case _:
            truth = (left ^ values[one.right]) & one.mask == 0
    return truth is not one.negated

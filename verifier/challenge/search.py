# SPDX-License-Identifier: BSD-2-Clause
"""The search: machine after machine from the seeds on, and what is made of one that contradicts a proof."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from verifier.challenge.frames import Frame, Key, Space, perturbed, space
from verifier.challenge.landscape import Given, learned, start_of, survey, take_apart, words_of
from verifier.challenge.machines import End, Start
from verifier.challenge.oracle import Arm, Subject, false_clauses, judgeable, needs_arm, view_of
from verifier.challenge.result import Divergence, Result, Seed
from verifier.challenge.runner import Runner
from verifier.clauses import Clause
from verifier.contract import Contract
from verifier.model import FRAME_WORDS, GPRS, Change, Config
from verifier.outcomes import ExitView
from verifier.replay import CallEffect, ReplayRequest, replay
from verifier.replay.memory import StopError

_CORPUS = 64
_LEARNED = 48
_ROUND = 64
"""So many frames are run from one seed before it is the next one's turn."""
_EXTRA = 64
_PROBE = 1 << 20
_RSP = GPRS.index("rsp")


@dataclass(slots=True)
class _Tally:
    frames: int = 0
    compared: int = 0
    seeds: int = 0
    armed: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    found: dict[tuple[str, Config], Divergence] = field(default_factory=dict)


class _Hunt:
    """The search around one seed under one paging mode."""

    def __init__(
        self, subject: Subject, seed: Seed, la57: bool, proved: Mapping[Config, Sequence[Clause]],
        tally: _Tally, source: random.Random, paths: set[int],
    ) -> None:  # fmt: skip
        self._subject, self._contract, self._seed = subject, subject.contract, seed
        self._proved = [(config, clauses) for config, clauses in proved.items() if (config[1] == "la57") == la57]
        self._tally, self._source, self._paths = tally, source, paths
        self._given = take_apart(self._contract, seed, la57)
        self._subject = replace(subject, slots=self._given.slots)
        self._runner = Runner(self._given.terrain, self._given.base, words_of(self._given.values))
        self._is_gs: set[int] = set()
        self._corpus: list[Frame] = [{}]
        self._seen: set[int] = set()
        self._learned = 0
        self._space: Space | None = None
        self._arms: dict[tuple[int, ...], list[tuple[int, int]]] = {}
        self._armed = False

    def close(self) -> None:
        """Release the emulator."""
        self._runner.close()

    def go(self, count: int) -> None:
        """Run so many machines."""
        if self._space is None:
            self._space = self._begin()
            count -= 1
        for _ in range(count):
            base = self._corpus[0] if self._source.random() < 0.3 else self._source.choice(self._corpus)
            self._try(perturbed(base, self._space, self._source))

    def _begin(self) -> Space:
        end = self._try({})
        hit = end.kind == "exit" and end.at == self._subject.address
        self._tally.seeds += hit
        if self._subject.auto and hit:
            self._name_the_frame(self._given.base, end)
        return survey(self._given, self._contract, end)

    def _name_the_frame(self, start: Start, end: End) -> None:
        """Without a frame table: what changes at the file's own IRETQ tells which word is what."""
        forces = self._runner.branches(end)
        workable = ((force, arm) for force in forces if (arm := self._forced(start, force)) is not None)
        force, arm = next(workable, (None, None))
        if force is None or arm is None:
            return
        named = {arm.registers[_RSP] + 8 * index: name for index, name in enumerate(FRAME_WORDS)}
        for key, value in self._given.values.items():
            if key.kind != "word":
                continue
            if key.place in named:
                self._given.roles[key] = named[key.place]
                continue
            changed = self._forced(start_of(self._given, self._contract, {key: value ^ _PROBE}), force)
            for name in ("rcx", "r11") if changed is not None else ():
                index = GPRS.index(name)
                if changed is not None and changed.registers[index] != arm.registers[index]:
                    self._given.roles[key] = name

    def _run(self, frame: Frame) -> tuple[Start, End]:
        if self._runner.crowded:
            self._runner.close()
            self._runner = Runner(self._given.terrain, self._given.base, words_of(self._given.values))
        start = start_of(self._given, self._contract, frame)
        return start, self._runner.run(start)

    def _try(self, frame: Frame) -> End:
        tally = self._tally
        start, end = self._run(frame)
        tally.frames += 1
        tally.ends[f"{end.kind} {end.detail}" if end.kind in ("exit", "trap") else end.kind] += 1
        if end.kind == "not-comparable":
            tally.reasons[end.detail] += 1
        hit = end.kind == "exit" and end.at == self._subject.address
        signature = hash(tuple(end.trace))
        if signature not in self._seen:
            self._seen.add(signature)
            # A path that was not seen before is a place to start from; one to the exit more than any.
            if (hit or self._source.random() < 0.25) and frame:
                self._keep(frame)
            for address in end.trace:
                if 0x65 in self._given.seed.image.code_at(address)[:4]:
                    self._is_gs.add(address)
        if hit:
            self._paths.add(signature)
            self._judge(frame, start, end)
        if end.unknown and self._learned < _LEARNED:
            self._learn(end)
        return end

    def _keep(self, frame: Frame) -> None:
        if len(self._corpus) < _CORPUS:
            self._corpus.append(frame)
        else:
            self._corpus[self._source.randrange(1, _CORPUS)] = frame

    def _learn(self, end: End) -> None:
        """Words that were read become inputs."""
        fresh = learned(self._given, end, self._learned)
        fresh = {key: value for key, value in fresh.items() if key not in self._given.values}
        if not fresh:
            return
        self._learned += len(fresh)
        self._given.values.update(fresh)
        self._runner.close()
        self._runner = Runner(self._given.terrain, self._given.base, words_of(self._given.values))
        old = self._space
        if old is not None:
            self._space = space(
                self._given.values, old.roles, old.pinned, old.pointers, old.dictionary, old.selectors,
                (old.flags_free, old.flags_returned), old.canonical,
            )  # fmt: skip

    def _sight(self, start: Start, end: End, arms: bool | None) -> Callable[[Config], ExitView]:
        """What the clauses see of a run that stands before the exit, by configuration.

        ``arms``: the reference from the file's own IRET exit is wanted; True: and all its IRET exits have to
        agree. None: nobody needs it.
        """
        frame = self._runner.frame()
        stack = self._runner.words(end.registers[_RSP], 5) if self._subject.kind == "iretq" else ()
        arm = None if arms is None else self._arm(start, end, arms)
        self._armed = arm is not None
        return lambda config: view_of(self._subject, start, end, frame, stack, arm, config[0] == "amd", self._is_gs)

    def _arm(self, start: Start, end: End, every: bool) -> Arm | None:
        """What an IRET exit gives the same machine: a branch on its way is made to go the other way.

        None if there is no such exit, or if ``every`` one is asked for and they differ.
        """
        branches = self._runner.branches(end)
        signature = tuple(end.trace)
        known = self._arms.get(signature)
        if known is None or every:
            found = [(one, arm) for one in branches if (arm := self._forced(start, one)) is not None]
            if len(self._arms) < _CORPUS:
                self._arms[signature] = [one for one, _ in found]
            agree = len({arm for _, arm in found}) == 1
            return found[0][1] if agree or (found and not every) else None
        return self._forced(start, self._source.choice(known)) if known else None

    def _forced(self, start: Start, force: tuple[int, int]) -> Arm | None:
        end = self._runner.run(start, force)
        if end.kind != "exit" or end.detail != "iretq" or (end.calls and end.calls[-1][0] > force[0]):
            return None
        return Arm(self._runner.words(end.registers[_RSP], 5), end.registers, end.cr3)

    def _judge(self, frame: Frame, start: Start, end: End) -> None:
        tally = self._tally
        if end.rflags & 0x100:
            tally.reasons["TF is set at the exit"] += 1
            return
        tally.compared += 1
        config, clauses = self._source.choice(self._proved)
        needed = any(needs_arm(self._subject, one.id) for one in clauses) and self._source.random() < 0.5
        sight = self._sight(start, end, False if needed else None)
        tally.armed += self._armed
        wrong = [(name, config) for name in self._false(sight(config), config)]
        if not wrong:
            return
        for other, _ in self._proved:  # which of them are false under the other configurations as well?
            if other != config:
                wrong += [(name, other) for name in self._false(sight(other), other)]
        for name, where in wrong:
            if (name, where) not in tally.found:
                divergence = self._divergence(name, where, frame)
                if divergence is not None:
                    tally.found[name, where] = divergence

    def _false(self, view: ExitView, config: Config, only: str = "") -> list[str]:
        """The clauses claimed for a configuration that a view makes false."""
        claimed = next(clauses for known, clauses in self._proved if known == config)
        return false_clauses(
            view,
            [one for one in claimed if only in ("", one.id) and (self._armed or not needs_arm(self._subject, one.id))],
        )

    def _fails(self, name: str, config: Config, frame: Frame) -> tuple[Start, End, ExitView] | None:
        start, end = self._run(frame)
        if end.kind != "exit" or end.at != self._subject.address:
            return None
        arms = True if needs_arm(self._subject, name) else None
        view = self._sight(start, end, arms)(config)
        return (start, end, view) if self._false(view, config, name) else None

    def _least(self, name: str, config: Config, frame: Frame) -> Frame:
        """The frame with what it takes only: first whole inputs go back to the seed's, then bits."""
        least = dict(frame)
        for key in sorted(frame):
            fewer = {known: value for known, value in least.items() if known != key}
            if self._fails(name, config, fewer) is not None:
                least = fewer
        values = self._given.values
        # Words that are compared with each other have to stay alike.
        alike: dict[tuple[int, int], list[Key]] = {}
        for key, value in least.items():
            alike.setdefault((values[key], value), []).append(key)
        for keys in alike.values():
            for bit in reversed(range(64)):
                if (least[keys[0]] ^ values[keys[0]]) >> bit & 1:
                    closer = least | {key: least[key] ^ 1 << bit for key in keys}
                    if self._fails(name, config, closer) is not None:
                        least = closer
        return least

    def _divergence(self, name: str, config: Config, frame: Frame) -> Divergence | None:
        """The same with as few changes as a greedy search finds, as a machine that can be replayed."""
        least = self._least(name, config, frame)
        found = self._fails(name, config, least)
        if found is None:
            reason = "the IRET exits differ" if needs_arm(self._subject, name) else "the run cannot be repeated"
            self._tally.reasons[reason] += 1
            return None
        _, end, view = found
        request = as_request(self._given, start_of(self._given, self._contract, least), least, end)
        result = replay(self._seed.image, request)
        same = result.reached and dict(result.registers) == dict(zip(GPRS, end.registers, strict=True))
        changes = tuple(
            Change(_label(key), self._given.values[key], value)
            for key, value in sorted(least.items())
            if value != self._given.values[key]
        )
        note = result.reason or ("it ends in the same registers" if same else "it ends in other registers")
        return Divergence(name, config, changes, view, self._seed.image, request, same, note)


def _label(key: Key) -> str:
    return key.name if key.call < 0 else f"{key.name} behind call {key.call + 1}"


def as_request(given: Given, start: Start, frame: Frame, end: End) -> ReplayRequest:
    """A machine as the replay wants it, with the effects that its run used."""
    request = given.seed.request
    return ReplayRequest(
        entry=request.entry,
        stop_at=end.at,
        registers=tuple(start.registers.items()),
        rflags=start.rflags,
        gs_base=start.gs_base,
        kernel_gs_base=start.kernel_gs_base,
        fs_base=start.fs_base,
        cr3=start.cr3,
        cr4=start.cr4,
        msrs=tuple(sorted(start.msrs.items())),
        memory=words_of({key: frame.get(key, value) for key, value in given.values.items()}),
        calls=tuple(CallEffect(one.registers, one.memory, one.rflags) for _, one in end.effects),
        havoc_calls=frozenset(address for address, _ in end.effects),
        flag_patches=tuple((address, mask, value) for address, (mask, value) in sorted(start.undefined.items())),
        max_instructions=len(end.trace) + _EXTRA,
        read_back=tuple((address, 8) for address in sorted(given.slots.values())),
    )


def search(
    subject: Subject,
    seeds: Sequence[Seed],
    proved: Mapping[Config, frozenset[str]],
    count: int,
    seed: int,
    deadline: float | None = None,
) -> Result:
    """See ``verifier.challenge.challenge``."""
    claimed = frozenset(name for names in proved.values() for name in names)
    clauses, left = judgeable(subject, claimed)
    judged = {config: [one for one in clauses if one.id in names] for config, names in proved.items() if names}
    tally, paths = _Tally(), set[int]()
    source = random.Random(seed)  # noqa: S311 - reproducible, not secret
    hunts = []
    for one in seeds:
        now = bool(one.request.cr4 >> 12 & 1)
        for la57 in (now,) if one.paged else (False, True):
            if any((config[1] == "la57") == la57 for config in judged):
                try:
                    hunts.append(_Hunt(subject, one, la57, judged, tally, source, paths))
                except StopError as stop:
                    tally.reasons[f"a seed that is no machine: {stop}"] += 1
    try:
        while hunts and tally.frames < count:
            for hunt in hunts:
                todo = min(_ROUND, count - tally.frames)
                if deadline is not None and time.monotonic() > deadline:
                    count = tally.frames
                elif todo > 0:
                    hunt.go(todo)
    finally:
        for hunt in hunts:
            hunt.close()
    if not tally.armed:
        text = "no IRET exit was found to compare with"
        left += [(one.id, text) for one in clauses if needs_arm(subject, one.id)]
        clauses = [one for one in clauses if not needs_arm(subject, one.id)]
    return Result(
        frames=tally.frames,
        compared=tally.compared,
        paths=len(paths),
        seeds=tally.seeds,
        ends=tuple(sorted(tally.ends.items())),
        not_comparable=tuple(sorted(tally.reasons.items())),
        judged=tuple(one.id for one in clauses) if hunts else (),
        not_judged=tuple(left),
        divergences=tuple(tally.found.values()),
    )


def subject_of(contract: Contract, kind: str, address: int, auto: bool) -> Subject:
    """The exit that a search is about."""
    return Subject(kind, address, contract, {}, auto)

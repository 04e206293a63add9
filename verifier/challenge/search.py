# SPDX-License-Identifier: BSD-2-Clause
"""The search: machine after machine from the seeds on, and what is made of one that contradicts a proof."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from verifier.challenge.frames import Frame, Key, Space, perturbed, space
from verifier.challenge.landscape import Given, learned, start_of, survey, take_apart, words_of
from verifier.challenge.oracle import Subject, false_clauses, judgeable, view_of
from verifier.challenge.result import Divergence, Result, Seed
from verifier.challenge.runner import End, Runner, Start
from verifier.clauses import Clause
from verifier.contract import Contract
from verifier.model import GPRS, Change, Config
from verifier.outcomes import ExitView
from verifier.replay import CallEffect, ReplayRequest, replay

_CORPUS = 64
_LEARNED = 48
_ROUND = 64
"""So many frames are run from one seed before it is the next one's turn."""
_EXTRA = 64


@dataclass(slots=True)
class _Tally:
    frames: int = 0
    compared: int = 0
    seeds: int = 0
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
        self._runner = Runner(self._given.terrain, words_of(self._given.values))
        self._is_gs: set[int] = set()
        self._corpus: list[Frame] = [{}]
        self._seen: set[int] = set()
        self._learned = 0
        self._space: Space | None = None

    @property
    def idle(self) -> bool:
        """Whether no configuration with this paging is asked about."""
        return not self._proved

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
        if end.kind == "exit" and end.at == self._subject.address:
            self._tally.seeds += 1
        return survey(self._given, self._contract, end)

    def _run(self, frame: Frame) -> tuple[Start, End]:
        if self._runner.crowded:
            self._runner.close()
            self._runner = Runner(self._given.terrain, words_of(self._given.values))
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
        self._runner = Runner(self._given.terrain, words_of(self._given.values))
        old = self._space
        if old is not None:
            self._space = space(
                self._given.values, old.roles, old.pinned, old.pointers, old.dictionary, old.selectors,
                (old.flags_free, old.flags_returned), old.canonical,
            )  # fmt: skip

    def _view(self, start: Start, end: End, amd: bool) -> ExitView:
        frame = self._runner.frame()
        stack = self._runner.words(end.registers[GPRS.index("rsp")], 5) if self._subject.kind == "iretq" else ()
        return view_of(self._subject, start, end, frame, stack, start.cr3, amd, self._is_gs)

    def _judge(self, frame: Frame, start: Start, end: End) -> None:
        if end.rflags & 0x100:
            self._tally.reasons["TF is set at the exit"] += 1
            return
        self._tally.compared += 1
        config, clauses = self._source.choice(self._proved)
        first = false_clauses(self._view(start, end, config[0] == "amd"), clauses)
        if not first:
            return
        # Which of them are false under the other configurations as well?
        found = [(name, config) for name in first]
        for other, clauses in self._proved:
            if other != config:
                found += [(name, other) for name in false_clauses(self._view(start, end, other[0] == "amd"), clauses)]
        for name, where in found:
            if (name, where) not in self._tally.found:
                divergence = self._divergence(name, where, frame)
                if divergence is not None:
                    self._tally.found[name, where] = divergence

    def _fails(self, name: str, config: Config, frame: Frame) -> tuple[Start, End, ExitView] | None:
        start, end = self._run(frame)
        if end.kind != "exit" or end.at != self._subject.address:
            return None
        view = self._view(start, end, config[0] == "amd")
        clauses = [one for known, found in self._proved if known == config for one in found if one.id == name]
        return (start, end, view) if false_clauses(view, clauses) else None

    def _divergence(self, name: str, config: Config, frame: Frame) -> Divergence | None:
        """The same with as few changes as a greedy search finds, as a machine that can be replayed."""
        least = dict(frame)
        for key in sorted(frame):
            fewer = {known: value for known, value in least.items() if known != key}
            if self._fails(name, config, fewer) is not None:
                least = fewer
        found = self._fails(name, config, least)
        if found is None:
            self._tally.reasons["the run cannot be repeated"] += 1
            return None
        _, end, view = found
        request = as_request(self._given, start_of(self._given, self._contract, least, everything=True), end)
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


def as_request(given: Given, start: Start, end: End) -> ReplayRequest:
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
        memory=start.words,
        calls=tuple(CallEffect(one.registers, one.memory, one.rflags) for _, one in end.effects),
        havoc_calls=frozenset(address for address, _ in end.effects),
        flag_patches=(),
        max_instructions=len(end.trace) + _EXTRA,
        read_back=tuple((address, 8) for address in sorted(given.slots.values())),
    )


def search(
    subject: Subject, seeds: Sequence[Seed], proved: Mapping[Config, frozenset[str]], count: int, seed: int
) -> Result:
    """See ``verifier.challenge.challenge``."""
    claimed = frozenset(name for names in proved.values() for name in names)
    clauses, left = judgeable(subject, claimed, subject.contract.cr3.value == "entry")
    judged = {config: [one for one in clauses if one.id in names] for config, names in proved.items() if names}
    tally, paths = _Tally(), set[int]()
    source = random.Random(seed)  # noqa: S311 - reproducible, not secret
    hunts = []
    for one in seeds:
        now = bool(one.request.cr4 >> 12 & 1)
        for la57 in (now,) if one.paged else (False, True):
            if any((config[1] == "la57") == la57 for config in judged):
                hunts.append(_Hunt(subject, one, la57, judged, tally, source, paths))
    try:
        while hunts and tally.frames < count:
            for hunt in hunts:
                todo = min(_ROUND, count - tally.frames)
                if todo > 0:
                    hunt.go(todo)
    finally:
        for hunt in hunts:
            hunt.close()
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

# SPDX-License-Identifier: BSD-2-Clause
"""Is an address the start of an instruction? Decided from the bytes around it, not from the whole section.

An instruction has at most 15 bytes, so one of any 15 consecutive addresses
inside code is the start of one. From each address of such a window follow the
chain of instructions up to the address in question: if every chain that may be
the true one starts an instruction there, the address is a boundary; if every
chain runs across it, it is not. Chains fall into step within a few
instructions, so that a window a little further back settles what a near one
leaves open. Where an instruction's length is not known, it may be any from 1
to 15: such a chain goes on at all of them, so nothing rests on the decoder
knowing every instruction.

What it does rest on: between the window and the address there is nothing but
whole instructions, one behind the other. A symbol, a source line, a patch site
and the beginning of a section are starts for certain, and nothing in front of
them is looked at. Data in the middle of code without a symbol behind it could
hide the instructions that follow: that there is none is an assumption.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Literal

from verifier.isa.encoding import MAX_LENGTH
from verifier.lift.lengths import length
from verifier.model import Image, Section

Answer = Literal["yes", "no", "open"]

WINDOW = MAX_LENGTH
"""One of so many consecutive addresses inside code is the start of an instruction."""

_DISTANCE = 1024
"""How far behind the address the oldest window ends."""

_STARTS, _CROSSES = 1, 2
"""What chains do at the address: a set of bits."""


class Boundaries:
    """Answers for one image. Lengths of instructions are kept, so that near questions share their work."""

    def __init__(self, image: Image) -> None:
        self._sections = tuple(section for section in image.sections if section.executable and section.data)
        self._section_starts = [section.address for section in self._sections]
        self._lengths: dict[int, int] = {}
        self._answers: dict[int, Answer] = {}
        anchors = {symbol.address for symbol in image.symbols if symbol.section is not None}
        anchors.update(entry.address for entry in image.lines if entry.line)
        anchors.update(self._section_starts)
        for site in image.patches:
            anchors.update((site.address, site.address + site.size))
        self._anchors = sorted(anchors)

    def at(self, address: int) -> Answer:
        """Whether an instruction of the file's own bytes starts at ``address``; "no" outside executable bytes."""
        if address not in self._answers:
            self._answers[address] = self._decide(address)
        return self._answers[address]

    def length(self, address: int) -> int:
        """Bytes of the instruction at ``address``, as if one started there; 0 if not known, or if it is not code."""
        if address not in self._lengths:
            section = self.section(address)
            start = 0 if section is None else address - section.address
            self._lengths[address] = 0 if section is None else length(section.data[start : start + WINDOW])
        return self._lengths[address]

    def section(self, address: int) -> Section | None:
        """The section whose executable bytes ``address`` is one of."""
        index = bisect_right(self._section_starts, address) - 1
        if index < 0:
            return None
        section = self._sections[index]
        return section if address < section.address + len(section.data) else None

    def _decide(self, address: int) -> Answer:
        section = self.section(address)
        if section is None:
            return "no"
        anchor = self._anchors[bisect_right(self._anchors, address) - 1]
        if anchor == address:
            return "yes"
        low = section.address
        effects: dict[int, int] = {}
        denied = False
        for start in range(address - 1, max(address - _DISTANCE - WINDOW, low - 1), -1):
            effects[start] = self._effect(start, address, effects)
            if start == anchor:
                # A symbol may be where no instruction starts: alone it can add an instruction, not take one away.
                if effects[start] == _STARTS or start == low:
                    return "yes" if effects[start] == _STARTS else "no" if effects[start] == _CROSSES else "open"
                denied = effects[start] == _CROSSES
            if address - start >= WINDOW:
                agreed = _union(effects[start + index] for index in range(WINDOW))
                if agreed in (_STARTS, _CROSSES):
                    return "yes" if agreed == _STARTS else "no"
        return "no" if denied else "open"

    def _effect(self, start: int, address: int, effects: dict[int, int]) -> int:
        size = self.length(start)
        nexts = (start + size,) if size else range(start + 1, start + WINDOW + 1)
        return _union(
            _STARTS if after == address else _CROSSES if after > address else effects[after] for after in nexts
        )


def _union(effects: Iterable[int]) -> int:
    found = 0
    for effect in effects:
        found |= effect
    return found

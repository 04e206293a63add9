# SPDX-License-Identifier: BSD-2-Clause
"""In which order to work on waiting states, so that paths meet before they go on.

The order decides only how many states join, never what is proved.
"""

from __future__ import annotations

from collections.abc import Callable

from verifier.graph import leading_to
from verifier.lift.decode import BRANCHES, CONDITIONAL_JUMPS, Decoded, ImmediateOperand
from verifier.model import Image


class Order:
    """Reverse post-order of the static control-flow graph from one entry (in all variants of its patch site).

    ``successors`` is the graph by places; ``back_edges`` are the (source, target)
    pairs that close a loop. A call is an edge to its target only if ``follows`` says so.
    """

    def __init__(
        self,
        image: Image,
        entries: tuple[int, ...],
        decode: Callable[[int], Decoded],
        follows: Callable[[int], bool] = lambda _: True,
    ) -> None:
        self._image = image
        self._decode = decode
        self._follows = follows
        self.successors: dict[int, tuple[int, ...]] = {}
        self.back_edges: list[tuple[int, int]] = []
        self._rank: dict[int, int] = {}
        finished: list[int] = []
        seen: set[int] = set()
        for entry in entries:
            if entry not in seen:
                finished += self._post_order(entry, seen)
        for rank, place in enumerate(reversed(finished)):
            self._rank[place] = rank

    def rank(self, calls: tuple[int, ...], place: int) -> tuple[int, ...]:
        """Sort key of a state: smaller goes first. A callee comes before the code behind its call.

        ``calls`` holds return addresses; ``rank - 0.5`` would be the call itself,
        so the callee's instructions sort directly in front of the return point.
        """
        unknown = len(self._rank)
        key = [part for back in calls for part in (self._rank.get(back, unknown), 0)]
        return (*key, self._rank.get(place, unknown), 1)

    def reaching(self, goals: set[int]) -> frozenset[int]:
        """The places from which the graph leads to one of the goals, and these."""
        edges = ((source, target) for source, targets in self.successors.items() for target in targets)
        return leading_to(edges, goals)

    def _targets(self, place: int) -> tuple[int, ...]:
        found = self._addresses(self._decode(place))
        return tuple(target for address in found for target in self._image.places(address, place))

    def _addresses(self, decoded: Decoded) -> tuple[int, ...]:
        if decoded.resumes and decoded.address in self._image.resumes:
            return (decoded.next,)
        if decoded.mnemonic == "hlt":
            return (decoded.next,)  # an interrupt makes the code behind it run
        if decoded.kind in ("exit", "trap"):
            return ()
        if decoded.kind == "rejected":
            # For the graph it goes on, unless it may go anywhere (``Decoded.wanders``).
            return () if decoded.wanders or not decoded.problem else (decoded.next,)
        direct = tuple(
            operand.value
            for operand in decoded.operands
            if isinstance(operand, ImmediateOperand) and decoded.mnemonic in BRANCHES and decoded.mnemonic != "ret"
        )
        inside = tuple(target for target in direct if self._image.code_at(target, 1))
        match decoded.mnemonic:
            case "jmp" if decoded.address in self._image.opaque:
                return ()
            case "jmp":
                return inside
            case "ret":
                return ()
            case "call" if decoded.address in self._image.opaque:
                return (decoded.next,)
            case "call":
                return (*(target for target in inside if self._follows(target)), decoded.next)
            case name if name in CONDITIONAL_JUMPS or name == "jrcxz":
                return (*inside, decoded.next)
            case name if decoded.repeated:
                return (decoded.address, decoded.next)
            case _:
                return (decoded.next,)

    def _post_order(self, entry: int, seen: set[int]) -> list[int]:
        finished: list[int] = []
        seen.add(entry)
        open_nodes = {entry}
        stack: list[tuple[int, int]] = [(entry, 0)]
        while stack:
            place, index = stack.pop()
            if place not in self.successors:
                self.successors[place] = self._targets(place)
            targets = self.successors[place]
            if index < len(targets):
                stack.append((place, index + 1))
                if targets[index] in open_nodes:
                    self.back_edges.append((place, targets[index]))
                elif targets[index] not in seen:
                    seen.add(targets[index])
                    open_nodes.add(targets[index])
                    stack.append((targets[index], 0))
            else:
                open_nodes.discard(place)
                finished.append(place)
        return finished

# SPDX-License-Identifier: BSD-2-Clause
"""In which order to work on waiting states, so that paths meet before they go on.

The order decides only how many states join, never what is proved.
"""

from __future__ import annotations

from collections.abc import Callable

from verifier.lift.decode import BRANCHES, CONDITIONAL_JUMPS, Decoded, ImmediateOperand
from verifier.model import Image


class Order:
    """Reverse post-order of the static control-flow graph from one entry.

    ``successors`` is the graph by instruction address; ``back_edges`` are the
    (source, target) pairs that close a loop.
    """

    def __init__(self, image: Image, entry: int, decode: Callable[[int], Decoded]) -> None:
        self._image = image
        self._decode = decode
        self.successors: dict[int, tuple[int, ...]] = {}
        self.back_edges: list[tuple[int, int]] = []
        self._rank: dict[int, int] = {}
        finished = self._post_order(entry)
        for rank, address in enumerate(reversed(finished)):
            self._rank[address] = rank

    def rank(self, calls: tuple[int, ...], address: int) -> tuple[int, ...]:
        """Sort key of a state: smaller goes first. A callee comes before the code behind its call.

        ``calls`` holds return addresses; ``rank - 0.5`` would be the call itself,
        so the callee's instructions sort directly in front of the return point.
        """
        unknown = len(self._rank)
        key = [part for back in calls for part in (self._rank.get(back, unknown), 0)]
        return (*key, self._rank.get(address, unknown), 1)

    def _targets(self, address: int) -> tuple[int, ...]:
        decoded = self._decode(address)
        if decoded.kind in ("rejected", "exit", "trap"):
            return ()
        direct = tuple(
            operand.value
            for operand in decoded.operands
            if isinstance(operand, ImmediateOperand) and decoded.mnemonic in BRANCHES and decoded.mnemonic != "ret"
        )
        inside = tuple(target for target in direct if self._image.code_at(target, 1))
        match decoded.mnemonic:
            case "jmp":
                return inside
            case "ret":
                return ()
            case name if name in CONDITIONAL_JUMPS or name in ("call", "jrcxz"):
                return (*inside, decoded.next)
            case name if decoded.repeated:
                return (address, decoded.next)
            case _:
                return (decoded.next,)

    def _post_order(self, entry: int) -> list[int]:
        finished: list[int] = []
        seen = {entry}
        open_nodes = {entry}
        stack: list[tuple[int, int]] = [(entry, 0)]
        while stack:
            address, index = stack.pop()
            if address not in self.successors:
                self.successors[address] = self._targets(address)
            targets = self.successors[address]
            if index < len(targets):
                stack.append((address, index + 1))
                if targets[index] in open_nodes:
                    self.back_edges.append((address, targets[index]))
                elif targets[index] not in seen:
                    seen.add(targets[index])
                    open_nodes.add(targets[index])
                    stack.append((targets[index], 0))
            else:
                open_nodes.discard(address)
                finished.append(address)
        return finished

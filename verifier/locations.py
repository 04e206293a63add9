# SPDX-License-Identifier: BSD-2-Clause
"""Where an instruction stands: symbol and offset, source line, disassembly."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import cache

from verifier.lift.decode import BRANCHES, Decoded, ImmediateOperand
from verifier.loader import lines_for
from verifier.model import Image, LineEntry, Location

CHUNK = 1 << 16
"""Line numbers of an executable are read for so many bytes of code at once."""


class Lines:
    """The source lines of an image. Those of an executable are read from ``debug`` when they are asked for."""

    def __init__(self, image: Image, debug: bytes, path: str) -> None:
        self._image, self._debug, self._path = image, debug, path
        self._chunks: dict[int, tuple[LineEntry, ...]] = {}

    def at(self, address: int) -> LineEntry | None:
        """The line that the code at ``address`` comes from. Raises UserError ``bad-object``."""
        if not self._image.linked:
            return self._image.line_at(address)
        chunk = address // CHUNK * CHUNK
        if chunk not in self._chunks:
            self._chunks[chunk] = lines_for(self._debug, [(chunk, chunk + CHUNK)], self._path)
        entries = self._chunks[chunk]
        index = bisect_right(entries, address, key=lambda entry: entry.address) - 1
        return entries[index] if index >= 0 and entries[index].line else None


def locator(image: Image, lines: Lines) -> Callable[[Decoded], Location]:
    """The function that gives an instruction's location."""

    @cache
    def at(address: int, text: str) -> Location:
        named = image.symbol_before(address)
        line = lines.at(address)
        return Location(
            address=address,
            symbol=named[0] if named else None,
            offset=named[1] if named else 0,
            file=line.file if line else None,
            line=line.line if line else None,
            text=text,
        )

    def text(decoded: Decoded) -> str:
        """The disassembly, with the target of a direct branch as symbol+offset."""
        for operand in decoded.operands:
            if isinstance(operand, ImmediateOperand) and decoded.mnemonic in BRANCHES - {"ret"}:
                return f"{decoded.text.rsplit(' ', 1)[0]} {named_place(image, operand.value)}"
        return decoded.text

    return lambda decoded: at(decoded.address, text(decoded))


def named_place(image: Image, address: int) -> str:
    """An address as people write it: SYMBOL, SYMBOL+OFFSET, or the number."""
    external, named = image.external_at(address), image.symbol_before(address)
    if external is not None:
        return external.name
    if named is None:
        return f"{address:#x}"
    return named[0] if not named[1] else f"{named[0]}+{named[1]:#x}"

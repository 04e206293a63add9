# SPDX-License-Identifier: BSD-2-Clause
"""A test on words of the frame as two instructions in AT&T syntax: a branch to the IRET exit; no register changes."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.records import record
from verifier.terms import Term
from verifier.values import Location

TO_IRET = "1f  # to the IRET exit"
"""The operand of a branch whose target has no name."""


@record
class Word:
    """A 64-bit word of the frame: its slot ("" without a contract's frame), its name as an input, and its content.

    ``terms`` has the content as the exit finds it, on each path.
    """

    slot: str
    name: str
    terms: tuple[Term, ...]


@record
class Spot:
    """A place for a test: behind the guard ``after``, or in front of ``before``.

    ``behind`` is the last instruction that may change the words before that, if there is no such guard. ``places`` has
    each word's register and displacement by its name, ``held`` a register that holds it; ``target`` is the operand
    of a branch to the IRET exit. Without ``places`` only the condition can be said.
    """

    after: Location | None = None
    before: Location | None = None
    behind: Location | None = None
    places: tuple[tuple[str, str, int], ...] = ()
    held: tuple[tuple[str, str], ...] = ()
    target: str = TO_IRET

    def _at(self, word: Word, offset: int = 0) -> str | None:
        """The memory operand of a word, or of what lies ``offset`` bytes behind its start."""
        for name, register, displacement in self.places:
            if name == word.name:
                where = displacement + offset
                return f"{where or ''}(%{register})"
        return None

    def tested(self, word: Word, bits: int) -> tuple[str, ...]:
        """IRET where one of these of the word's low 31 bits is set."""
        at = self._at(word)
        return () if at is None else (f"testl $0x{bits:x}, {at}", f"jnz {self.target}")

    def bounded(self, word: Word, sign: int) -> tuple[str, ...]:
        """IRET where the word is not below 2**sign, for 32 <= sign < 64; it needs no register."""
        at = self._at(word, 4)
        return () if at is None else (f"testl $0x{(1 << 32) - (1 << sign - 32):x}, {at}", f"jnz {self.target}")

    def equal(self, word: Word, value: int) -> tuple[str, ...]:
        """IRET where the word is not a constant of 31 bits."""
        at = self._at(word)
        return () if at is None else (f"cmpq $0x{value:x}, {at}", f"jne {self.target}")

    def compared(self, words: Sequence[Word]) -> tuple[str, ...]:
        """IRET where two words differ; nothing unless a register holds one of them."""
        held = dict(self.held)
        for one, other in (words, (*reversed(words),)):
            at = self._at(one)
            if at is not None and other.name in held:
                return f"cmpq {at}, %{held[other.name]}", f"jne {self.target}"
        return ()

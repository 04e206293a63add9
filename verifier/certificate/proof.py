# SPDX-License-Identifier: BSD-2-Clause
"""A checker of refutations: each lemma follows from what stands before it by unit propagation (RUP).

This is all that has to be right for "these clauses cannot hold together" to be
believed; who found the proof, and how, does not matter. The format is that of
SAT solvers (DRUP): one lemma a line, ended by 0, lines that begin with "d"
(deletions) have no effect here, and the last lemma is empty.
Source: Heule, Hunt, Wetzler, "Trimming while checking clausal proofs" (2013).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

STEPS = 200_000_000
"""A proof that takes more visits of clauses than this is rejected: it is none of ours."""


class Rejected(Exception):
    """The proof does not prove it; the message says where it fails."""


def lemmas(text: str) -> list[tuple[int, ...]]:
    """The lemmas of a proof text. Raises Rejected."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0] in ("d", "c"):
            continue
        try:
            literals = tuple(map(int, words))
        except ValueError:
            raise Rejected(f"line {number} is no list of literals") from None
        if literals[-1] != 0 or 0 in literals[:-1]:
            raise Rejected(f"line {number} does not end in 0")
        found.append(literals[:-1])
    return found


def check(variables: int, clauses: Iterable[Sequence[int]], proof: Iterable[Sequence[int]]) -> int:
    """Accept a refutation of the clauses; gives the number of lemmas that it took. Raises Rejected."""
    checker = _Checker(variables)
    for clause in clauses:
        checker.add(clause)
    for number, lemma in enumerate(proof, 1):
        if checker.refuted:
            return number - 1
        if any(literal == 0 or abs(literal) > variables for literal in lemma):
            raise Rejected(f"lemma {number} names an unknown variable")
        if not checker.follows(lemma):
            raise Rejected(f"lemma {number} does not follow by unit propagation")
        checker.add(lemma)
    if not checker.refuted:
        raise Rejected("the proof ends without a contradiction")
    return 0


class _Checker:
    """Clauses with two watched literals each, and what follows from them alone."""

    def __init__(self, variables: int) -> None:
        self._value = [0] * (variables + 1)  # 1: true, -1: false, 0: open
        self._watched: dict[int, list[list[int]]] = {}
        self._trail: list[int] = []
        self._done = self._steps = 0
        self.refuted = False

    def _holds(self, literal: int) -> int:
        return self._value[literal] if literal > 0 else -self._value[-literal]

    def _set(self, literal: int) -> None:
        self._value[abs(literal)] = 1 if literal > 0 else -1
        self._trail.append(literal)

    def add(self, clause: Sequence[int]) -> None:
        """Take a clause for granted, and what now follows from all of them without further assumptions."""
        if self.refuted:
            return
        literals = list(dict.fromkeys(clause))
        if any(-literal in literals for literal in literals):
            return
        # Literals that are not false come first: only these may be watched.
        literals.sort(key=lambda literal: self._holds(literal) < 0)
        if not literals or self._holds(literals[0]) < 0:
            self.refuted = True
            return
        if len(literals) > 1:
            for literal in literals[:2]:
                self._watched.setdefault(literal, []).append(literals)
        if (len(literals) == 1 or self._holds(literals[1]) < 0) and self._holds(literals[0]) == 0:
            self._set(literals[0])
            self.refuted = not self._propagate()

    def follows(self, lemma: Sequence[int]) -> bool:
        """Whether the negation of the lemma leads to a contradiction by unit propagation."""
        if self.refuted:
            return True
        start = len(self._trail)
        contradiction = False
        for literal in lemma:
            if self._holds(literal) > 0:
                contradiction = True
                break
            if self._holds(literal) == 0:
                self._set(-literal)
        contradiction = contradiction or not self._propagate()
        for literal in self._trail[start:]:
            self._value[abs(literal)] = 0
        del self._trail[start:]
        self._done = start
        return contradiction

    def _propagate(self) -> bool:
        """Follow every clause with one open literal; False at a contradiction."""
        while self._done < len(self._trail):
            false = -self._trail[self._done]
            self._done += 1
            kept: list[list[int]] = []
            waiting = self._watched.get(false, [])
            self._steps += 1 + len(waiting)
            if self._steps > STEPS:
                raise Rejected("it takes too long to check")
            for position, clause in enumerate(waiting):
                if clause[0] == false:
                    clause[0], clause[1] = clause[1], clause[0]
                if self._holds(clause[0]) > 0:
                    kept.append(clause)
                    continue
                for index in range(2, len(clause)):
                    if self._holds(clause[index]) >= 0:
                        clause[1], clause[index] = clause[index], clause[1]
                        self._watched.setdefault(clause[1], []).append(clause)
                        break
                else:
                    kept.append(clause)
                    if self._holds(clause[0]) < 0:
                        self._watched[false] = kept + waiting[position + 1 :]
                        return False
                    self._set(clause[0])
            self._watched[false] = kept
        return True

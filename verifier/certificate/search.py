# SPDX-License-Identifier: BSD-2-Clause
"""Finds refutations of clauses; nothing here has to be right, ``verifier.certificate.proof`` checks what comes out.

A small solver with conflict-driven clause learning. What it learns from a
conflict, the first unique implication point's clause, follows by unit
propagation, so that the clauses learned are the proof.
Source: Eén, Sörensson, "An extensible SAT solver" (2003). The answer depends on the clauses alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from verifier.certificate.blast import Cnf

CONFLICTS = 20000
"""The search gives up after so many."""

_RESTART, _DECAY, _RESCALE = 100, 1.05, 1e100


def refutation(cnf: Cnf, conflicts: int = CONFLICTS) -> str | None:
    """A proof, one lemma a line, that the clauses cannot hold together; None if none was found."""
    search = _Search(cnf.variables)
    if all(search.take(clause) for clause in cnf.clauses) and search.propagate() is None and not search.run(conflicts):
        return None
    rows = (" ".join(map(str, (*lemma, 0))) for lemma in search.learned)
    return "".join(f"{row}\n" for row in rows) + "0\n"


class _Search:
    def __init__(self, variables: int) -> None:
        self._value = [0] * (variables + 1)
        self._phase = [-1] * (variables + 1)
        self._level = [0] * (variables + 1)
        self._reason: list[list[int] | None] = [None] * (variables + 1)
        self._activity = [0.0] * (variables + 1)
        self._step = 1.0
        self._heap = [(0.0, variable) for variable in range(1, variables + 1)]
        self._watched: dict[int, list[list[int]]] = {}
        self._trail: list[int] = []
        self._marks: list[int] = []
        self._done = 0
        self.learned: list[tuple[int, ...]] = []

    def _holds(self, literal: int) -> int:
        return self._value[literal] if literal > 0 else -self._value[-literal]

    def _set(self, literal: int, reason: list[int] | None) -> None:
        variable = abs(literal)
        self._value[variable] = 1 if literal > 0 else -1
        self._level[variable] = len(self._marks)
        self._reason[variable] = reason
        self._trail.append(literal)

    def take(self, clause: Sequence[int]) -> bool:
        """Add a clause before any decision; False if it is false already."""
        literals = sorted(set(clause), key=lambda literal: (self._holds(literal) < 0, abs(literal), literal))
        if any(-literal in literals for literal in literals):
            return True
        if not literals or self._holds(literals[0]) < 0:
            return False
        if len(literals) > 1:
            self._watch(literals)
        if (len(literals) == 1 or self._holds(literals[1]) < 0) and self._holds(literals[0]) == 0:
            self._set(literals[0], literals)
        return True

    def _watch(self, literals: list[int]) -> None:
        for literal in literals[:2]:
            self._watched.setdefault(literal, []).append(literals)

    def propagate(self) -> list[int] | None:
        """Follow every clause with one open literal; the clause that became false, if one did."""
        while self._done < len(self._trail):
            false = -self._trail[self._done]
            self._done += 1
            kept: list[list[int]] = []
            waiting = self._watched.get(false, [])
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
                        return clause
                    self._set(clause[0], clause)
            self._watched[false] = kept
        return None

    def run(self, conflicts: int) -> bool:
        """Whether a contradiction was reached; False for a model, or after too many conflicts."""
        while conflicts:
            wrong = self.propagate()
            if wrong is None:
                if not self._decide():
                    return False
                continue
            if not self._marks:
                return True
            conflicts -= 1
            lemma, level = self._analyse(wrong)
            self.learned.append(tuple(lemma))
            restart = len(self.learned) % _RESTART == 0
            self._undo(0 if restart and len(lemma) > 1 else level)
            if len(lemma) > 1:
                self._watch(lemma)
            if not restart or len(lemma) == 1:
                self._set(lemma[0], lemma)
        return False

    def _decide(self) -> bool:
        while self._heap:
            _, variable = heapq.heappop(self._heap)
            if self._value[variable] == 0:
                self._marks.append(len(self._trail))
                self._set(variable * self._phase[variable], None)
                return True
        return False

    def _undo(self, level: int) -> None:
        if len(self._marks) <= level:
            return
        start = self._marks[level]
        for literal in self._trail[start:]:
            variable = abs(literal)
            self._phase[variable] = self._value[variable]
            self._value[variable] = 0
            heapq.heappush(self._heap, (-self._activity[variable], variable))
        del self._trail[start:]
        del self._marks[level:]
        self._done = start

    def _analyse(self, wrong: list[int]) -> tuple[list[int], int]:
        """The clause of the first unique implication point, its own literal first, and the level to go back to."""
        seen: set[int] = set()
        lower: list[int] = []
        open_here, index, clause, point = 0, len(self._trail) - 1, wrong, 0
        while True:
            for literal in clause:
                variable = abs(literal)
                if literal == point or variable in seen or self._level[variable] == 0:
                    continue
                seen.add(variable)
                self._bump(variable)
                if self._level[variable] == len(self._marks):
                    open_here += 1
                else:
                    lower.append(literal)
            while abs(self._trail[index]) not in seen:
                index -= 1
            point = self._trail[index]
            index -= 1
            open_here -= 1
            reason = self._reason[abs(point)]
            if open_here == 0 or reason is None:
                break
            clause = reason
        # The highest level goes second: it is watched, and says how far to go back.
        lower.sort(key=lambda literal: -self._level[abs(literal)])
        self._step *= _DECAY
        return [-point, *lower], self._level[abs(lower[0])] if lower else 0

    def _bump(self, variable: int) -> None:
        self._activity[variable] += self._step
        if self._activity[variable] > _RESCALE:
            self._activity = [activity / _RESCALE for activity in self._activity]
            self._step /= _RESCALE
        heapq.heappush(self._heap, (-self._activity[variable], variable))

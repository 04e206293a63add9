# SPDX-License-Identifier: BSD-2-Clause
"""What became of one mutant, and the table of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from equivalence import MEANING, Explanation, Kind

Fate = Literal["killed", "refused", "survivor", "crash"]

ORDER: tuple[Kind, ...] = ("unexplained", "otherwise", "wider", "stricter", "unseen", "same")
"""Kinds of explanations, the one that differs most first."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mutant; ``codes`` are the clauses violated, or the reasons why it was refused.

    ``broken`` are the clauses for which the search found a machine, ``disagreements`` those of them
    that the verifier calls proved; ``compared`` machines came to a fast exit. ``why`` is the explanation of a survivor.
    """

    sample: str
    name: str
    operator: str
    fate: Fate
    codes: tuple[str, ...] = ()
    seconds: float = 0.0
    broken: tuple[str, ...] = ()
    disagreements: tuple[str, ...] = ()
    compared: int = 0
    why: Explanation | None = None

    @property
    def wrong(self) -> bool:
        """Whether it speaks against the verifier, or is not understood."""
        unexplained = self.fate == "survivor" and (self.why is None or self.why.kind == "unexplained")
        contradicted = "replay-disagrees" in self.codes
        return bool(self.disagreements) or self.fate == "crash" or unexplained or contradicted


def shown(one: Outcome) -> str:
    """One line about a mutant."""
    parts = [f"{one.fate:8}", f"{one.sample}: {one.name}"]
    if one.codes:
        parts.append(f"[{', '.join(one.codes)}]")
    if one.broken:
        parts.append(f"search: {', '.join(one.broken)}")
    if one.disagreements:
        parts.append(f"DISAGREEMENT: {', '.join(one.disagreements)}")
    if one.why is not None:
        values = " ".join(f"{name}={value:#x}" for name, value in one.why.example[:8])
        parts.append(" ".join(part for part in (f"{one.why.kind}:", one.why.where, values) if part))
    return "  ".join(parts)


def table(found: Sequence[Outcome]) -> str:
    """The figures, as Markdown: by operator, the reasons of the refused, what the survivors are."""
    heads = ("mutants", "killed", "by search too", "refused", *reversed(ORDER), "disagreements")
    lines = [f"| operator | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    operators = sorted({one.operator for one in found})
    for operator in (*operators, ""):
        rows = [one for one in found if operator in (one.operator, "")]
        killed = [one for one in rows if one.fate == "killed"]
        survived = Counter[Kind](
            "unexplained" if one.why is None else one.why.kind for one in rows if one.fate == "survivor"
        )
        counts = (
            len(rows),
            len(killed),
            sum(1 for one in killed if one.broken),
            sum(1 for one in rows if one.fate == "refused"),
            *(survived[kind] for kind in reversed(ORDER)),
            sum(1 for one in rows if one.disagreements or one.fate == "crash"),
        )
        lines.append(f"| {operator or '**all**'} | {' | '.join(map(str, counts))} |")
    refused = Counter(code for one in found if one.fate == "refused" for code in one.codes)
    listed = ", ".join(
        f"`{code}` {count}" for code, count in sorted(refused.items(), key=lambda row: (-row[1], row[0]))
    )
    broken = sum(1 for one in found if one.fate == "refused" and one.broken)
    lines += ["", f"Refused: {listed or 'none'}. The search breaks {broken} of them.", ""]
    lines += [f"- *{kind}*: {MEANING[kind]}." for kind in reversed(ORDER)]
    return "\n".join(lines)


def summary(found: Sequence[Outcome]) -> str:
    """The last line of a run."""
    fates = Counter(one.fate for one in found)
    kinds = Counter(one.why.kind for one in found if one.why is not None)
    disagreements = sum(1 for one in found if one.disagreements or one.fate == "crash")
    return (
        f"{len(found)} mutants of {len({one.sample for one in found})} samples: {fates['killed']} killed, "
        f"{fates['refused']} refused, {fates['survivor']} still right "
        f"({', '.join(f'{kinds[kind]} {kind}' for kind in reversed(ORDER) if kinds[kind])}), "
        f"{disagreements} disagreements"
    )

# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit explain [ID…]``: what a clause, a reason code or an exit code means.

Plain text, no heavy import. The clause table comes in as an argument, so that
this module knows its shape only.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Protocol

from verifier.model import GPRS, UserError
from verifier.reasons import REASONS, ReasonCode
from verifier.report.verdict import EXIT_CODES


class ClauseText(Protocol):
    """What ``explain`` needs of a clause of verifier.clauses."""

    @property
    def id(self) -> str:
        """Stable name, for example "canonical"; "gpr" stands for all ``gpr.<register>``."""
        ...

    @property
    def tier(self) -> str:
        """One of seed, safety, visible, timing, setup."""
        ...

    @property
    def title(self) -> str:
        """The clause in one line."""
        ...

    @property
    def meaning(self) -> str:
        """What it demands."""
        ...

    @property
    def why(self) -> str:
        """Why it matters."""
        ...

    @property
    def bug(self) -> str:
        """The bug it would have stopped, with a public reference."""
        ...

    @property
    def profiles(self) -> frozenset[str]:
        """The profiles that check it."""
        ...


def explain(ids: Sequence[str], clauses: Sequence[ClauseText], width: int = 80) -> str:
    """The explanation of each id, or the list of all ids for none; lines of at most ``width`` columns.

    Raises UserError("unknown-id", exit code 2) with the nearest known id.
    """
    if not ids:
        return _listing(clauses, width)
    return "\n".join(_one(name, clauses, width) for name in ids)


def _one(name: str, clauses: Sequence[ClauseText], width: int) -> str:
    wanted = name.strip().lower()
    for clause in clauses:
        if wanted == clause.id or (clause.id == "gpr" and wanted in {f"gpr.{register}" for register in GPRS}):
            return _clause(wanted, clause, width)
    for reason in REASONS:
        if wanted == reason.code:
            return _reason(reason, width)
    for code, title, meaning in EXIT_CODES:
        if wanted in (str(code), title):
            return _paragraphs(f"exit code {code}: {title}", [("", meaning)], width)
    known = [clause.id for clause in clauses] + [reason.code for reason in REASONS]
    near = get_close_matches(wanted, [*known, *(f"gpr.{register}" for register in GPRS)], 1)
    hint = f"did you mean {near[0]!r}?" if near else "'verify-exit explain' lists all ids"
    raise UserError("unknown-id", f"nothing to explain under {name!r}: {hint}", exit_code=2)


def _clause(name: str, clause: ClauseText, width: int) -> str:
    profiles = ", ".join(sorted(clause.profiles)) or "none"
    return _paragraphs(
        f"clause {name}: {clause.title}",
        [
            ("", f"Tier {clause.tier}. Checked in: {profiles}."),
            ("Demands", clause.meaning),
            ("Why", clause.why),
            ("Stops", clause.bug),
        ],
        width,
    )


def _reason(reason: ReasonCode, width: int) -> str:
    return _paragraphs(
        f"reason {reason.code}: {reason.title}",
        [("", reason.meaning), ("To settle it", reason.remedy)],
        width,
    )


def _paragraphs(title: str, parts: Sequence[tuple[str, str]], width: int) -> str:
    lines = textwrap.wrap(title, width, subsequent_indent="  ")
    for label, text in parts:
        if text:
            said = " ".join(f"{label}: {text}".split() if label else text.split())
            lines += textwrap.wrap(said, width, initial_indent="  ", subsequent_indent="  ", break_long_words=False)
    return "\n".join(lines) + "\n"


def _listing(clauses: Sequence[ClauseText], width: int) -> str:
    reasons = [(reason.code, reason.title) for reason in REASONS]
    sections = [
        ("Clauses (a SYSRET must meet each)", [(clause.id, clause.title) for clause in clauses]),
        ("Reasons for an inconclusive verdict", reasons),
        ("Exit codes", [(str(code), f"{title}. {meaning}") for code, title, meaning in EXIT_CODES]),
        ("Order of exit codes for several files", [("", "1 beats 70 beats 2 beats 4 beats 3 beats 0.")]),
    ]
    blocks = []
    for title, rows in sections:
        column = max(len(name) for name, _ in rows) + 4
        lines = [title]
        for name, text in rows:
            lines += textwrap.wrap(
                text,
                width,
                initial_indent=f"  {name}".ljust(column),
                subsequent_indent=" " * column,
                break_long_words=False,
                break_on_hyphens=False,
            )
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)

# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit explain [ID…]``: what a clause, a reason code, an exit code or another id of a report means.

Plain text, no heavy import. The clause table and the further topics come in as
arguments, so that this module knows their shape only.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Protocol

from verifier.model import GPRS, UserError
from verifier.reasons import REASONS, ReasonCode
from verifier.records import record
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


@record
class Topic:
    """Something else with an id. ``kind`` is a word such as "assumption"; ``parts`` are (label or "", text).

    Topics of one ``group`` are listed under it, in the order given.
    """

    group: str
    kind: str
    id: str
    title: str
    parts: tuple[tuple[str, str], ...] = ()


def explain(ids: Sequence[str], clauses: Sequence[ClauseText], width: int = 80, topics: Sequence[Topic] = ()) -> str:
    """The explanation of each id, or the list of all ids for none; lines of at most ``width`` columns.

    An id that means several things, such as a reason and an error, gets all of them.
    Raises UserError("unknown-id", exit code 2) with the nearest known id.
    """
    if not ids:
        return _listing(clauses, width, topics)
    return "\n".join(_one(name, clauses, width, topics) for name in ids)


def _one(name: str, clauses: Sequence[ClauseText], width: int, topics: Sequence[Topic]) -> str:
    wanted = name.strip().lower()
    found = list(_matching(wanted, clauses, width, topics))
    if found:
        return "\n".join(found)
    near = get_close_matches(wanted, known_ids(clauses, topics), 1)
    hint = f"did you mean {near[0]!r}?" if near else "'verify-exit explain' lists all ids"
    raise UserError("unknown-id", f"nothing to explain under {name!r}: {hint}", exit_code=2)


def _matching(wanted: str, clauses: Sequence[ClauseText], width: int, topics: Sequence[Topic]) -> Iterator[str]:
    for clause in clauses:
        if wanted == clause.id or (clause.id == "gpr" and wanted in {f"gpr.{register}" for register in GPRS}):
            yield _clause(wanted, clause, width)
    for reason in REASONS:
        if wanted == reason.code:
            yield _reason(reason, width)
    for code, title, meaning in EXIT_CODES:
        if wanted in (str(code), title):
            yield _paragraphs(f"exit code {code}: {title}", [("", meaning)], width)
    for topic in topics:
        if wanted == topic.id:
            yield _paragraphs(f"{topic.kind} {topic.id}: {topic.title}", topic.parts, width)


def known_ids(clauses: Sequence[ClauseText], topics: Sequence[Topic]) -> tuple[str, ...]:
    """Every id that ``explain`` takes, once, in the order of the list."""
    ids = [clause.id for clause in clauses] + [f"gpr.{register}" for register in GPRS]
    ids += [*(reason.code for reason in REASONS), *(topic.id for topic in topics)]
    ids += [str(code) for code, _, _ in EXIT_CODES]
    return tuple(dict.fromkeys(ids))


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


def _listing(clauses: Sequence[ClauseText], width: int, topics: Sequence[Topic]) -> str:
    reasons = [(reason.code, reason.title) for reason in REASONS]
    groups = [
        (group, [(topic.id, topic.title) for topic in topics if topic.group == group])
        for group in dict.fromkeys(topic.group for topic in topics)
    ]
    sections = [
        ("Clauses (a SYSRET must meet each)", [(clause.id, clause.title) for clause in clauses]),
        ("Reasons for an inconclusive verdict", reasons),
        *groups,
        ("Exit codes", [(str(code), f"{title}. {meaning}") for code, title, meaning in EXIT_CODES]),
        ("Order of exit codes for several files", [("", "1 beats 70 beats 2 beats 4 beats 3 beats 0.")]),
    ]
    return "\n".join(f"{textwrap.fill(title, width)}\n{_rows(rows, width)}" for title, rows in sections)


def _rows(rows: Sequence[tuple[str, str]], width: int) -> str:
    """Name and text side by side, or one below the other where a column would leave the text no room."""
    column = max((len(name) for name, _ in rows), default=0) + 4
    lines: list[str] = []
    for name, text in rows:
        below = column > width // 2
        if below:
            lines.append(f"  {name}")
        lines += textwrap.wrap(
            text,
            width,
            initial_indent="      " if below else f"  {name}".ljust(column),
            subsequent_indent="      " if below else " " * column,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines) + "\n"

# SPDX-License-Identifier: BSD-2-Clause
"""The small parts that everything in a report is made of: places, configurations, values, outcomes. Plain data only."""

from __future__ import annotations

from typing import Literal

from verifier.records import record

Verdict = Literal["proved", "violated", "inconclusive", "error"]
Status = Literal["proved", "violated", "unknown", "not-applicable", "waived"]
Config = tuple[str, str]
"""A CPU configuration: vendor ("intel" or "amd") and paging ("la48" or "la57")."""

ALL_CONFIGS: tuple[Config, ...] = (
    ("intel", "la48"), ("intel", "la57"), ("amd", "la48"), ("amd", "la57"),
)  # fmt: skip


@record
class Location:
    """An instruction: where it is and what it says. ``file``/``line`` are None without line numbers."""

    address: int
    symbol: str | None
    offset: int
    file: str | None
    line: int | None
    text: str


@record
class Change:
    """A register, flag word or memory word (``name``) that an instruction changed; 64-bit values."""

    name: str
    before: int
    after: int


@record
class Step:
    """One executed instruction of a counterexample's path.

    ``note`` says e.g. "taken" or "call: arbitrary". ``source`` is the source
    line that it comes from, white space collapsed; "" if that is not at hand.
    """

    location: Location
    changes: tuple[Change, ...]
    note: str = ""
    source: str = ""


@record
class Input:
    """One value that the counterexample chooses. ``name`` is e.g. "rax", "frame.rip" or "gs:[0x10]".

    ``kind`` is "register" (at entry), "frame" (slot content at entry),
    "memory" (any other content at entry), "havoc" (made by something not
    analysed; ``origin`` says what, e.g. "call to slow_work at entry.S:20") or
    "feature" (the CPU feature or static key ``name`` is set, 1, or clear, 0).
    """

    name: str
    value: int
    kind: Literal["register", "frame", "memory", "havoc", "feature"]
    origin: str = ""


@record
class Field:
    """One field of user-visible state, e.g. ("rip", 0x800000000000); value None: not reached (fault)."""

    name: str
    value: int | None


@record
class OutcomeView:
    """What an exit instruction does in the counterexample.

    ``fault`` is None or one line such as "#GP(0) at CPL0 with the user's RSP";
    ``trap`` is "" or when a pending #DB fires, e.g. "#DB before the first user
    instruction".
    """

    instruction: str
    fault: str | None
    trap: str
    fields: tuple[Field, ...]

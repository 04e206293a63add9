# SPDX-License-Identifier: BSD-2-Clause
"""The rules of a SARIF file: one for each clause, each reason code, and one for what could not be judged.

They are the same in every file, as code scanning wants it; an id that no table has is added behind them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from verifier.clauses import CLAUSES, IRET_CLAUSES, Clause
from verifier.reasons import REASONS, ReasonCode
from verifier.report.sarif_places import said
from verifier.report.words import capital, sentence

Json = dict[str, Any]

NOT_JUDGED = "not-judged"
"""The rule of errors, and of a run in which nothing was decided."""

MAX_TEXT = 1024
"""Characters of a description that GitHub shows ("SARIF support for code scanning", reportingDescriptor)."""

# CVSS 3.1 base scores of the classes of bugs, all local with few privileges: control of the kernel (S:C/C:H/I:H/A:H),
# a leak of kernel values to user space (S:C/C:H/I:N/A:N), a program that goes wrong (S:U/I:H or A:H alone).
_CONTROL, _LEAK, _WRONG = "8.8", "6.5", "5.5"

_REPAIRS = {
    "seed": "Compare what the exit instruction is going to load with the saved frame, and leave through IRET where the "
    "two differ.",
    "safety": "Write the user's page tables, turn interrupts off, load the user's RSP and swap GS directly before the "
    "exit instruction, with nothing between that can fault or touch memory, or leave through IRET.",
    "visible": "Load it from the saved frame, after the last instruction that changes it.",
    "timing": "Test for it before the exit, and leave through IRET where it is so.",
    "setup": "Set it up at boot, say in the contract ([promises]) who does, or leave through IRET.",
}
"""Tier of a clause → what repairs most violations of it."""


def rules(used: Iterable[str]) -> list[Json]:
    """All rules, in the order of the tables, then those ids of ``used`` that no table has, sorted."""
    clauses = {clause.id: clause for clause in (*CLAUSES, *IRET_CLAUSES)}
    found = [*map(_clause, clauses.values()), *map(_reason, REASONS), _not_judged()]
    known = {rule["id"] for rule in found}
    return found + [_other(name) for name in sorted({said(name) for name in used} - known)]


def _clause(clause: Clause) -> Json:
    repair = _REPAIRS[clause.tier]
    parts = (
        ("Demands", clause.meaning),
        ("Why", clause.why),
        ("Would have stopped", clause.bug),
        ("Repair", repair),
    )
    score = _CONTROL if "safety" in clause.profiles else _LEAK if clause.tier == "visible" else _WRONG
    properties = {"tags": ["security", clause.tier], "security-severity": score}
    return _rule(clause.id, clause.title, f"{sentence(clause.meaning)}. {clause.why}", parts, "error", properties)


def _reason(reason: ReasonCode) -> Json:
    # No security-severity: that nothing is proved is no weakness yet, and GitHub then shows it as the warning it is.
    properties = {"tags": ["inconclusive", "security"], "problem.severity": "warning"}
    parts = (("Means", reason.meaning), ("To settle it", reason.remedy))
    return _rule(reason.code, reason.title, reason.meaning, parts, "warning", properties)


def _not_judged() -> Json:
    meaning = (
        "Nothing is known of the file: it was not read to its end, or the run ended before it was judged. "
        "That is no pass: the exit path may hold any of the mistakes that the clauses are about."
    )
    parts = (("Means", meaning), ("To settle it", "Mend what the message says, then run again."))
    properties = {"tags": ["inconclusive", "security"], "problem.severity": "error"}
    return _rule(NOT_JUDGED, "a file was not judged", meaning, parts, "error", properties)


def _other(name: str) -> Json:
    text = f"no description of {name}"
    return _rule(name, text, text, (("Means", text),), "warning", {"tags": ["security"]})


def _rule(name: str, title: str, full: str, parts: Iterable[tuple[str, str]], level: str, properties: Json) -> Json:
    title = capital(sentence(title))
    lines = [(label, f"{capital(sentence(text))}.") for label, text in parts]
    return {
        "id": name,
        "name": _pascal(title),
        "shortDescription": {"text": said(f"{title}.")[:MAX_TEXT]},
        "fullDescription": {"text": said(f"{capital(sentence(full))}.")[:MAX_TEXT]},
        "help": {
            "text": said(f"{title}. " + " ".join(f"{label}: {text}" for label, text in lines)),
            "markdown": said(f"**{title}.**") + "".join(f"\n\n**{label}.** {said(text)}" for label, text in lines),
        },
        "defaultConfiguration": {"level": level},
        # Violations are claimed only after a replay, and an open question is one.
        "properties": properties | {"precision": "very-high"},
    }


def _pascal(title: str) -> str:
    """The title as one word in Pascal case, as SARIF's validator wants a rule's name; it differs from every id."""
    plain = "".join(char if char.isascii() and char.isalnum() else " " for char in title.replace("'", ""))
    return "".join(word.capitalize() for word in plain.split() if len(word) > 1 or word.isdigit()) or "Rule"

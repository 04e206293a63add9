# SPDX-License-Identifier: BSD-2-Clause
"""Suggested tests in plain words: what to test, where, the instructions, and how it is known that it repairs.

Plain lines, to be escaped by whoever prints them: names and instructions come from the file under test.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.insights import Hint
from verifier.model import Config, Location
from verifier.report.conditions import all_words, each_words
from verifier.report.phrases import listed, on_cpus
from verifier.report.words import capital, source

INDENT = "    "
"""What instructions begin with."""


def lines(hint: Hint, kind: str = "sysretq", among: Sequence[Config] = ()) -> tuple[str, ...]:
    """The lines of one suggestion; those of the instructions begin with INDENT.

    ``kind`` is the exit's mnemonic, ``among`` are the configurations of the run (none: say which it is about).
    """
    return (
        lead(hint, kind),
        place_line(hint),
        *(INDENT + line for line in hint.lines),
        f"{proof(hint, among)}.",
    )


def blocks(
    hints: Sequence[Hint], kind: str = "sysretq", among: Sequence[Config] = ()
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """A heading and lines as ``lines`` gives them, for each place: tests that belong there are told together."""
    places: dict[object, list[Hint]] = {}
    for hint in hints:
        places.setdefault((hint.after, hint.behind, hint.before, hint.configs, bool(hint.lines)), []).append(hint)
    for group in places.values():
        yield (
            ("Suggested test", lines(group[0], kind, among))
            if len(group) == 1
            else ("Suggested tests", _together(group, kind, among))
        )


def _together(hints: Sequence[Hint], kind: str, among: Sequence[Config]) -> tuple[str, ...]:
    """The lines of tests for one place."""
    demands = each_words([condition for hint in hints for condition in hint.demand])
    told: list[str] = []
    for hint in hints:
        told.append(f"{clauses(hint)}: {'; '.join(demands[: len(hint.demand)])}")
        del demands[: len(hint.demand)]
    names = tuple(dict.fromkeys(name for hint in hints for name in hint.clauses))
    return (
        f"Take {kind.upper()} only if all of this holds; else leave by IRET.",
        *told,
        place_line(hints[0]),
        *(INDENT + line for hint in hints for line in hint.lines),
        f"With these assumed {listed(names, len(names))} are proved{_where(hints[0], among)}.",
    )


def lead(hint: Hint, kind: str = "sysretq") -> str:
    """What the test would repair, and what it demands of machines that take the exit ``kind``."""
    demand = all_words(hint.demand)
    comma = "," if demand.startswith("after ") else ""
    return f"{clauses(hint)}: take {kind.upper()} only if{comma} {demand}; else leave by IRET."


def place_line(hint: Hint) -> str:
    """Where the test belongs, as a sentence; its instructions follow, if there are any."""
    return f"{capital(place(hint))}{':' if hint.lines else '.'}"


def clauses(hint: Hint) -> str:
    """The clauses that the test repairs, all of them."""
    return listed(hint.clauses, len(hint.clauses))


def place(hint: Hint) -> str:
    """Where the test belongs."""
    if hint.after is not None:
        return f"behind the check at {_named(hint.after)}"
    changed = "" if hint.behind is None else f"behind {_named(hint.behind)}, which may still change the frame, and "
    if hint.before is not None:
        return f"{changed}in front of {_named(hint.before)}"
    return f"{changed}in front of where the frame is given up"


def proof(hint: Hint, among: Sequence[Config] = ()) -> str:
    """How it is known that the test repairs."""
    plural = len(hint.clauses) > 1
    return f"With this assumed {clauses(hint)} {'are' if plural else 'is'} proved{_where(hint, among)}"


def _where(hint: Hint, among: Sequence[Config]) -> str:
    return "" if among and set(hint.configs) >= set(among) else f", {on_cpus(hint.configs)}"


def closing(hints: Sequence[Hint]) -> str:
    """What all suggestions of one exit come to together; "" if there is none."""
    if not hints:
        return ""
    together = "With this test" if len(hints) == 1 else "With all of these tests"
    if hints[0].complete:
        return f"{together} every clause of this exit is proved."
    return f"{together} other clauses of this exit still are not proved."


def _named(location: Location) -> str:
    """A place and its instruction, white space collapsed."""
    return f"{source(location)} ({' '.join(location.text.split())})"

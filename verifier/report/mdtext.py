# SPDX-License-Identifier: BSD-2-Clause
"""Text of others in GitHub-flavoured Markdown: shown as it is, obeyed by neither the parser nor a tracker.

A parser's own characters are escaped. What a tracker looks for after parsing (mentions, references to tickets and
commits, addresses, emoji, formulas) cannot be escaped: such a word becomes a code span, which trackers leave alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from verifier.report.words import clean

_TRACKER = re.compile(
    r"[@#$]"  # mentions, tickets, snippets, formulas
    r"|[!&^~%*?](?=\w)"  # what other trackers refer with
    r"|://|www\.|mailto:|xmpp:"  # addresses that become links
    r"|:[\w+-]+:"  # emoji
    r"|\bGH-[0-9]"
    r"|\b(?=[0-9a-f]*[0-9])[0-9a-f]{7,40}\b",  # commits
    re.IGNORECASE,
)
_ESCAPED = frozenset("\\`*[]~{}")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "|": "&#124;"}
_PUNCTUATED = re.compile(r"""([("']*)(.*?)([)"'.,;:]*)""", re.DOTALL)
"""A word with the punctuation around it, which matches every string."""
_LIST_NUMBER = re.compile(r"([0-9]+)([.)])(?=\s|$)")


def text(said: str) -> str:
    """A sentence as inline Markdown that reads the same; one line."""
    words = " ".join(_word(word) for word in clean(said).split(" ")).strip()
    return _start(words)


def _start(words: str) -> str:
    """Inline Markdown that cannot begin a block, such as a list or a heading, nor a command to a tracker."""
    if words[:1] in ("-", "+", "=", "/"):
        return "\\" + words
    return _LIST_NUMBER.sub(r"\1\\\2", words, count=1) if _LIST_NUMBER.match(words) else words


def _word(word: str) -> str:
    if _TRACKER.search(word) is None:
        return _escaped(word)
    before, core, behind = _PUNCTUATED.fullmatch(word).groups()  # type: ignore[union-attr]
    if behind.startswith(")") and core.count("(") > core.count(")"):
        core, behind = f"{core})", behind[1:]
    if _TRACKER.search(core) is None:
        return code(word)
    return _escaped(before) + code(core) + _escaped(behind)


def _escaped(word: str) -> str:
    kept = []
    for index, char in enumerate(word):
        inside = word[index - 1 : index].isalnum() and word[index + 1 : index + 2].isalnum() and word.isascii()
        if char in _ESCAPED or (char == "_" and not inside):
            kept.append("\\" + char)
        else:
            kept.append(_ENTITIES.get(char, char))
    return "".join(kept)


def code(said: str) -> str:
    """A name or a value as code; "" for nothing. A bar ends a table's cell, so it stands between two spans."""
    return "&#124;".join(_span(part) for part in clean(said).split("|"))


def _span(part: str) -> str:
    if not part:
        return ""
    ticks = max((len(run) for run in re.findall("`+", part)), default=0) + 1
    fence = "`" * ticks
    # A space on both sides is taken away by the parser, one on each.
    padded = part.startswith("`") or part.endswith("`") or (part[0] == part[-1] == " " and part.strip(" "))
    return f"{fence} {part} {fence}" if padded else f"{fence}{part}{fence}"


def codes(names: Iterable[str]) -> str:
    """Names as code, with commas between them."""
    return ", ".join(code(name) for name in names)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table, with an empty line behind it; the cells are Markdown. None without rows."""
    body = [f"| {' | '.join(row)} |" for row in rows]
    if not body:
        return []
    return [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *body, ""]


def block(lines: Iterable[str], info: str = "text") -> list[str]:
    """Lines as they are, in a fence that none of them ends, with an empty line behind it. None without lines."""
    shown = [clean(line).rstrip() for line in lines]
    if not shown:
        return []
    ticks = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, ticks + 1)
    return [fence + info, *shown, fence, ""]

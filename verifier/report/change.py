# SPDX-License-Identifier: BSD-2-Clause
"""What a change does to user space: the one line that answers, and the parts that text and Markdown share.

Plain strings, to be escaped by whoever prints them.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifier.insights import Comparison, Condition, Divergence, Side
from verifier.model import ALL_CONFIGS, FRAME_WORDS, Config, OutcomeView
from verifier.report.conditions import each_words
from verifier.report.machine import fate
from verifier.report.narrative import clause_effect
from verifier.report.phrases import listed, on_cpus
from verifier.report.words import counted, sentence

TITLE = "What this change does to user space"

STATUS = {"equivalent": "Equivalent", "safe": "Safe", "unsafe": "Unsafe", "inconclusive": "Not decided"}

_KINDS = {
    "newly-fast": "HEAD takes the fast exit where BASE took IRET",
    "newly-slow": "HEAD takes IRET where BASE took the fast exit",
    "state": "The same kind of exit, with other user state",
    "elsewhere": "They end in different ways",
}

_LOWER = frozenset({(0, (1 << 47) - 1), (0, (1 << 56) - 1)})
_SELECTORS = frozenset({"frame.cs", "frame.ss"})
_FEW = 2
"""So many differences, and so many conditions of each, are in the first line."""

Row = tuple[str, bool, int | None, int | None]
"""A field, whether it differs, and what it is for BASE and for HEAD (None: not reached)."""


def summary(found: Comparison) -> str:
    """What the change does, in one line without a full stop."""
    parts = [does(one) for one in ordered(found)[:_FEW]]
    rest = len(found.divergences) - len(parts)
    if rest > 0:
        parts.append(f"and {counted(rest, 'more difference')}")
    if not found.divergences and not found.reasons:
        parts.append("HEAD does what BASE does: every machine leaves by the same kind of exit with the same user state")
    if found.status == "inconclusive":
        why = [sentence(found.reasons[0])] if found.reasons else []
        more = len(found.reasons) - 1
        parts = [*why, *([f"and {counted(more, 'more reason')}"] if more > 0 else []), *parts]
    parts += reversed(worth(found))
    return f"{STATUS[found.status]}: {'; '.join(filter(None, parts))}"


def worth(found: Comparison) -> list[str]:
    """What the differences come to: both verdicts, and who can tell."""
    told = _told(found.divergences) if found.divergences and not found.reasons else ""
    return [_verdicts(found.base, found.head), *([told] if told else [])]


def failing(found: Comparison) -> list[tuple[str, str, str]]:
    """(clause, who violates it, what that means) for every clause that a version violates, HEAD's first."""
    names = dict.fromkeys((*found.head.violated, *found.base.violated))
    said = []
    for name in names:
        who = [side for side, one in (("HEAD", found.head), ("BASE", found.base)) if name in one.violated]
        said.append((name, " and ".join(who), clause_effect(name)))
    return said


def ordered(found: Comparison) -> list[Divergence]:
    """The differences, those that matter most first."""
    return sorted(found.divergences, key=lambda one: (not one.wrong, not one.visible))


def does(one: Divergence) -> str:
    """What HEAD does that BASE did not, and where; all that is said holds for all these machines."""
    head = one.head.instruction.upper() if one.head is not None else one.head_end
    match one.kind:
        case "newly-fast":
            said = f"HEAD newly takes {head}"
        case "newly-slow":
            said = f"HEAD now takes {head}, no longer {one.base.instruction.upper() if one.base else one.base_end},"
        case "state":
            said = "HEAD leaves other user state" + (f" ({listed(one.differs)})" if one.differs else "")
        case "elsewhere":
            said = f"HEAD ends in another way ({head}, BASE: {_name(one.base, one.base_end)})"
    where = telling(one.conditions)
    if where:
        said += f" where {' and '.join(each_words(where))}"
    elif one.conditions:
        said += " for the machines below"
    elif one.example:
        said += " for some machines"
    if set(one.configs) < set(ALL_CONFIGS):
        said += f", {on_cpus(one.configs)}"
    return said + (", and does not give what the frame says" if one.wrong else "")


def kind_of(one: Divergence) -> str:
    """The kind of a difference, with the entry if there are several."""
    return _KINDS[one.kind] + (f", from {one.entry}" if one.entry else "")


def weight(one: Divergence) -> str:
    """What a difference means: whether anybody can tell, and whether HEAD is wrong."""
    if one.wrong:
        return "Wrong: HEAD is the one that does not give what the frame says."
    if not one.judged:
        return "Visible to user space or to the kernel; whether HEAD is right cannot be told."
    if one.visible:
        return "Visible to user space or to the kernel; HEAD gives what the frame says."
    return "Only speed: user space gets the same, and so does the kernel."


def machines(one: Divergence, among: tuple[Config, ...]) -> str:
    """Which machines a difference is about, apart from the conditions."""
    where = "" if set(one.configs) >= set(among) else f" {on_cpus(one.configs)}"
    if not one.conditions:
        return f"Machines{where} for which no condition can be named; one of them is the example."
    rule = "exactly these: all of this holds" if one.exact else "all of this holds for them, and perhaps for others too"
    return f"Machines{where}, {rule}:"


def telling(conditions: Sequence[Condition]) -> list[Condition]:
    """The conditions that tell these machines from those that take a fast exit anyway; all if there are few."""
    if len(conditions) <= _FEW:
        return list(conditions)
    return [one for one in conditions if not _usual(one)][:_FEW]


def _usual(one: Condition) -> bool:
    """Whether about every frame that a fast exit can serve is like that."""
    if one.negated:
        return False
    match one.kind:
        case "same":
            return True
        case "range":
            single = len(one.intervals) == 1 and one.intervals[0][0] == one.intervals[0][1]
            return set(one.intervals) <= _LOWER or (single and one.left in _SELECTORS)
        case "bits":
            return one.value == 0 or one.left in _SELECTORS
        case "other":
            return False


def _told(divergences: Sequence[Divergence]) -> str:
    if any(one.wrong for one in divergences):
        return ""
    if any(one.visible for one in divergences):
        return "user space or the kernel can tell, and HEAD gives what the frame says"
    return "user space sees no difference"


def _verdicts(base: Side, head: Side) -> str:
    if (base.verdict, base.violated) == (head.verdict, head.violated):
        return f"HEAD is {verdict(head)}" + ("" if head.verdict == "proved" else ", as BASE is")
    return f"HEAD is {verdict(head)}, BASE is {verdict(base)}"


def verdict(side: Side) -> str:
    """The verdict with the violated clauses."""
    return side.verdict + (f" ({listed(side.violated)})" if side.violated else "")


def sides(found: Comparison) -> tuple[tuple[str, Side], tuple[str, Side]]:
    """Both versions with their names."""
    return ("BASE", found.base), ("HEAD", found.head)


def heads(one: Divergence) -> tuple[str, str]:
    """What stands above the outcomes of both versions."""
    return f"BASE ({_name(one.base, one.base_end)})", f"HEAD ({_name(one.head, one.head_end)})"


def _name(outcome: OutcomeView | None, end: str) -> str:
    return outcome.instruction.upper() if outcome is not None else end or "does not leave to user space"


def same(one: Divergence) -> bool:
    """Whether user space gets the same from both."""
    return not one.differs and not one.visible and one.base is not None and one.head is not None


def rows(one: Divergence) -> tuple[list[Row], tuple[str, str]]:
    """The fields of both outcomes that differ, with the words of the frame; and what becomes of the machine in both."""
    base, head = _fields(one.base), _fields(one.head)
    names = [name for name in dict.fromkeys((*base, *head)) if name in one.differs or name in FRAME_WORDS]
    found = [(name, name in one.differs, base.get(name), head.get(name)) for name in names]
    return found, (_fate(one.base, one.base_end), _fate(one.head, one.head_end))


def others(one: Divergence) -> tuple[str, ...]:
    """What differs and is no field of either outcome, such as an obligation on the way."""
    known = {*_fields(one.base), *_fields(one.head), "fault", "trap"}
    return tuple(name for name in one.differs if name not in known)


def _fields(outcome: OutcomeView | None) -> dict[str, int | None]:
    return {} if outcome is None else {field.name: field.value for field in outcome.fields}


def _fate(outcome: OutcomeView | None, end: str) -> str:
    return fate(outcome) if outcome is not None else end or "does not leave to user space"

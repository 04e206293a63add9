# SPDX-License-Identifier: BSD-2-Clause
"""Sentences about what a proof knows beyond its verdict: when an exit is taken, what it leaves, what a change does.

Plain strings, to be escaped by whoever prints them.
"""

from __future__ import annotations

from verifier.insights import Comparison, Divergence, FastConditions, Hint, Interval, Lost, Slack
from verifier.model import Config, SiteResult
from verifier.report import hints
from verifier.report.conditions import inputs_words, interval_words
from verifier.report.phrases import listed, on_cpus
from verifier.report.spacebar import part_of
from verifier.report.words import capital, hexa, sentence, source

_NEAR = 1 << 16
"""A number is said as a power of two less so much, if that is at most this."""
_SMALL = 1 << 16

_KINDS = {
    "newly-fast": "HEAD takes the fast exit where BASE took IRET",
    "newly-slow": "HEAD takes IRET where BASE took the fast exit",
    "state": "The same kind of exit, with other user state",
    "elsewhere": "They end in different ways",
}
_STATUS = {
    "equivalent": "Nothing: every machine leaves by the same kind of exit with the same user state.",
    "safe": "It differs and is safe: HEAD is proved, and right wherever the two differ.",
    "inconclusive": "That is not decided.",
}


def fast_lead(site: SiteResult, fast: FastConditions) -> str:
    """How the list of conditions begins; the conditions follow, all of them together."""
    kind = site.kind.upper()
    where = on_cpus(fast.configs)
    if fast.exact and not fast.conditions:
        return f"{kind} is always taken, {where}."
    if fast.exact:
        return f"{kind} is taken exactly when all of this holds, {where}:"
    if fast.conditions:
        return f"{kind} is taken only when all of this holds, {where}:"
    return f"When {kind} is taken cannot be put in conditions, {where}."


def fast_rest(fast: FastConditions) -> str:
    """What the conditions leave out; "" if that is nothing."""
    if fast.exact:
        return ""
    others = f" What else decides: {inputs_words(fast.others)}." if fast.others else ""
    return f"Not whenever it holds.{others}" if fast.conditions else others.strip()


def slack_lead(site: SiteResult, slack: Slack) -> str:
    """Whether anything is lost."""
    kind = site.kind.upper()
    match slack.status:
        case "exact":
            return (
                "Exact: of ordinary frames, as a CPU or a kernel writes them, nothing is lost. "
                f"None of them takes IRET where {kind} would do the same."
            )
        case "slack":
            return f"Some machines take IRET although {kind} would do exactly the same."
        case "unknown":
            return f"Not known: {sentence(slack.reason) or 'no reason is given'}."


def slack_rest(slack: Slack) -> str:
    """What is to be said beside that; "" if nothing."""
    said = f"{capital(sentence(slack.reason))}." if slack.reason and slack.status != "unknown" else ""
    if slack.lost and slack.status != "slack":
        return f"{said} What is lost of other frames:".strip()
    return said


def lost_lead(lost: Lost) -> str:
    """Who turns the machines away, and what kind of machines they are."""
    turned = " and ".join(source(one) for one in lost.guards) or "no single check"
    together = " together" if len(lost.guards) > 1 else ""
    return f"Turned away by {turned}{together}"


def lost_scope(lost: Lost, among: tuple[Config, ...]) -> str:
    """Which machines these are, apart from the conditions."""
    frames = (
        "ordinary frames, as a CPU or a kernel writes them"
        if lost.ordinary
        else "frames that differ from ordinary ones only in bits that neither instruction loads"
    )
    where = "" if set(lost.configs) >= set(among) else f", {on_cpus(lost.configs)}"
    rule = (
        "all for which this holds, and no others that the other checks let through"
        if lost.exact
        else "for all of them this holds, and perhaps for others too"
    )
    return f"Lost are {frames}{where}: {rule}."


def span(interval: Interval) -> str:
    """A range of addresses: its ends, how many, and which parts of the address space it is in."""
    first, last = interval
    parts = list(dict.fromkeys((part_of(first), part_of(last))))
    return f"{interval_words((interval,))}: {amount(last - first + 1)}, {' to '.join(parts)}"


def amount(number: int) -> str:
    """A number of addresses; a large one by the powers of two that it is made of, if these are two at most."""
    power = (number - 1).bit_length()
    below = (1 << power) - number
    if number < _SMALL:
        return "1 address" if number == 1 else f"{number} addresses"
    if below <= _NEAR:
        return f"2^{power}{f' - {below}' if below else ''} addresses"
    if below & (below - 1) == 0:
        return f"2^{power} - 2^{below.bit_length() - 1} addresses"
    return f"{hexa(number)} addresses"


def ranges_lead(exact: bool) -> str:
    """What a list of ranges of the saved RIP is."""
    return "The saved RIP: every value here, and no other" if exact else "The saved RIP: no value but some of these"


def change_lead(comparison: Comparison) -> str:
    """What the change does, in one sentence."""
    if comparison.status != "unsafe":
        return _STATUS[comparison.status]
    head = comparison.head
    said = []
    if head.verdict == "violated":
        said.append(f"HEAD is violated ({listed(head.violated, len(head.violated))})" if head.violated
                    else "HEAD is violated")  # fmt: skip
    if any(one.wrong for one in comparison.divergences):
        said.append("HEAD is wrong for some machines for which the two differ")
    return f"It is not safe: {', and '.join(said) or 'HEAD is wrong where the two differ'}."


def kind_of(one: Divergence) -> str:
    """The kind of a difference."""
    return _KINDS[one.kind]


def weight(one: Divergence) -> str:
    """What a difference means: whether anybody can tell, and whether HEAD is wrong."""
    if one.wrong:
        return "Wrong: HEAD is the one that does not give what the frame says."
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


def hint_lead(site: SiteResult, hint: Hint) -> str:
    """What a suggested test would repair; what it demands follows."""
    return f"To repair {hints.clauses(hint)}, take {site.kind.upper()} only if all of this holds, else leave by IRET:"


def hint_place(hint: Hint) -> str:
    """Where the test belongs; its instructions follow, if there are any."""
    return f"{capital(hints.place(hint))}{':' if hint.lines else '.'}"


def hint_proof(hint: Hint, among: tuple[Config, ...]) -> str:
    """How it is known that the test repairs."""
    return f"{hints.proof(hint, among)}."

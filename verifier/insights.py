# SPDX-License-Identifier: BSD-2-Clause
"""What a proof knows beyond its verdict, as plain data: guards, slack, conditions, repairs, differences.

A guard is a branch whose outcome depends on the machine. Inputs are named as in counterexamples: "frame.rip" is
the content of the frame's slot at the entry, "rax" a register at the entry, "gs:[0x10]" memory.
"""

from __future__ import annotations

from typing import Literal

from verifier.records import record
from verifier.values import Config, Input, Location, OutcomeView, Verdict

FULL = (1 << 64) - 1

Interval = tuple[int, int]
"""First and last of a range of unsigned 64-bit values."""


@record
class Condition:
    """A readable condition on the machine at the entry.

    "range": the input ``left`` lies in one of ``intervals``, sorted. "bits": left & mask = value. "same":
    (left xor right) & mask = 0, for two inputs. "other": something about the inputs ``names`` that has none of these
    forms. ``negated``: the opposite of that. ``paging``: it is said of machines with that paging only.
    """

    kind: Literal["range", "bits", "same", "other"]
    left: str = ""
    right: str = ""
    mask: int = FULL
    value: int = 0
    intervals: tuple[Interval, ...] = ()
    names: tuple[str, ...] = ()
    negated: bool = False
    paging: Literal["", "la48", "la57"] = ""


@record
class GuardUse:
    """A guard on the way to an exit, and what the proofs at that exit owe to it.

    ``demands``: what has to hold for the way to the exit to stay open, all of it together; empty if the guard does not
    close that way, or not for a reason that can be put in conditions. ``reads``: the inputs that it
    looks at. ``rests``: clauses of whose proofs it is a part (one smallest set of guards; there may be others).
    ``needed``: those clauses that are no longer proved if this guard alone goes either way; it is a single point of
    failure for them. Empty: without it every clause that is proved stays proved, except ``unsure`` ones, of which
    nobody could tell what their proofs rest on.
    """

    location: Location
    variant: str
    demands: tuple[Condition, ...]
    reads: tuple[str, ...]
    rests: tuple[str, ...]
    needed: tuple[str, ...]
    unsure: tuple[str, ...] = ()


@record
class Lost:
    """Machines that take IRET although SYSRET would do exactly the same.

    ``guards`` is the guard that turns them away, or several that do it together. ``conditions`` hold for all of them,
    and with ``exact`` for no other machine that the remaining guards let through. ``ordinary``: frames as a CPU or
    a kernel writes them; else they differ from those only in bits that neither instruction loads.
    ``ranges`` are the values of the saved RIP among them, where these are restricted;
    ``ranges_exact``: each of these values is lost for some machine, and no other.
    """

    guards: tuple[Location, ...]
    configs: tuple[Config, ...]
    ordinary: bool
    conditions: tuple[Condition, ...]
    exact: bool
    ranges: tuple[Interval, ...]
    ranges_exact: bool
    example: tuple[Input, ...]


@record
class Slack:
    """How much of what SYSRET could do an exit leaves to IRET.

    "exact": nothing, of ordinary frames. "slack": ``lost`` says what. "unknown": ``reason`` says why that could not be
    found out. ``lost`` has what is lost of frames that are not ordinary with any status. Beside "slack" a reason
    says why there may be more, beside "exact" that it is for ordinary frames.
    """

    status: Literal["exact", "slack", "unknown"]
    reason: str
    lost: tuple[Lost, ...]


@record
class FastConditions:
    """When the fast exit is taken under these configurations.

    All ``conditions`` hold whenever it is taken; with ``exact`` it is taken whenever they hold. ``others`` are further
    inputs that decide where it is not exact.
    """

    configs: tuple[Config, ...]
    conditions: tuple[Condition, ...]
    exact: bool
    others: tuple[str, ...]


@record
class Hint:
    """A test that would repair violated clauses. It was assumed, and the clauses were proved again with it.

    ``clauses`` are the violated ones that it repairs. ``demand``: what to test; a machine for which it does not
    hold has to leave by IRET. Words of the frame are meant as the exit finds them. ``after``: put it next to this
    guard (None: before the frame is given up). ``lines``: the test in assembly there, a suggestion. ``complete``: with
    all hints of this exit together every clause is proved. Without ``after``: ``behind`` is the last instruction that
    may still change what is tested, if there is one, and the ``lines`` fit in front of ``before``.
    """

    clauses: tuple[str, ...]
    demand: tuple[Condition, ...]
    after: Location | None
    lines: tuple[str, ...]
    configs: tuple[Config, ...]
    complete: bool
    behind: Location | None = None
    before: Location | None = None


@record
class Side:
    """One of two versions: what was read, where execution starts, and its own verdict with the violated clauses."""

    path: str
    sha256: str
    entry: str
    verdict: Verdict
    violated: tuple[str, ...]


@record
class Divergence:
    """Machines for which two versions differ.

    "newly-fast": HEAD takes SYSRET where BASE took IRET. "newly-slow": the other way round. "state": the same kind
    of exit, with other user state. "elsewhere": one of them does not leave to user space, or by another kind
    of fast exit.
    ``visible``: user space, or the kernel, can tell the difference. ``wrong``: HEAD is the one that does not
    give what the frame says. ``conditions``, ``exact`` and ``ranges`` as in Lost. ``differs`` names the fields of
    the two outcomes that differ; an outcome is None where the version does not leave to user space. ``entry`` is
    where they start from, by BASE's name, where several entries were compared. Not ``judged``: they differ in what no
    clause and no reference is about, so that nobody can say whether HEAD is right.
    """

    kind: Literal["newly-fast", "newly-slow", "state", "elsewhere"]
    configs: tuple[Config, ...]
    visible: bool
    wrong: bool
    conditions: tuple[Condition, ...]
    exact: bool
    ranges: tuple[Interval, ...]
    ranges_exact: bool
    example: tuple[Input, ...]
    base: OutcomeView | None
    head: OutcomeView | None
    base_end: str
    head_end: str
    differs: tuple[str, ...]
    entry: str = ""
    judged: bool = True


@record
class Comparison:
    """What a change does to user space.

    "equivalent": every machine leaves by the same kind of exit with the same user state. "safe": it differs, HEAD is
    proved and never wrong where they differ. "unsafe": HEAD is violated, or wrong where they differ. "inconclusive":
    ``reasons`` say why. ``assumptions`` are those that only the comparison needs, as (id, text).
    """

    base: Side
    head: Side
    status: Literal["equivalent", "safe", "unsafe", "inconclusive"]
    divergences: tuple[Divergence, ...]
    reasons: tuple[str, ...]
    assumptions: tuple[tuple[str, str], ...]

# SPDX-License-Identifier: BSD-2-Clause
"""What becomes of one saved frame, as plain data: which exit it takes, what decided it, what user space gets.

Inputs are named as in counterexamples: "frame.rip" is the content of the frame's slot at the entry, "rax" a register
at the entry.
"""

from __future__ import annotations

from typing import Literal

from verifier.insights import Condition, FastConditions
from verifier.records import record
from verifier.values import Config, Input, Location

Kind = Literal["sysret", "iret", "elsewhere"]
"""A fast exit (SYSRET or SYSEXIT), IRET, or something that is no exit to user mode that is modelled."""


@record
class Given:
    """A value that was given. ``name`` is the input that it fixes, ``origin`` says where it is from: "" for --set.

    ``at``: "entry" for an input at the entry; "exit" for a word of the frame as the last call on the way to an exit
    leaves it, where a call may change it.
    """

    name: str
    value: int
    origin: str = ""
    at: Literal["entry", "exit"] = "entry"


@record
class Passed:
    """A guard that let a machine go on, or turned it away.

    ``demands`` is what has to hold for the fast exit to stay in reach, all of it together: for a guard that let the
    machine go on it held. ``failed`` are those that do not hold. ``values`` are the inputs that it looks at with their
    values in this machine. ``variant`` names the form of patched code.
    """

    location: Location
    variant: str
    demands: tuple[Condition, ...]
    failed: tuple[Condition, ...]
    values: tuple[tuple[str, int], ...]


@record
class Delivered:
    """A field of the state that user space gets: ``value``, or None if it rests on inputs that were not given.

    These are in ``inputs``. If ``copy``, the field is the one input, unchanged.
    """

    name: str
    value: int | None
    inputs: tuple[str, ...] = ()
    copy: bool = False


@record
class Event:
    """A fault or a trap. ``certain``: it happens with these values; else it depends on inputs that were not given."""

    text: str
    certain: bool


@record
class Way:
    """One way that machines with these values take, with the least machine that does.

    ``name`` is the exit's mnemonic or says what else ends the path at ``location``. ``decided`` is the first guard
    behind which no fast exit can be reached; ``always``: all machines with these values that go this way are decided
    there. ``passed`` are the guards that let the machine go on to a fast exit. ``inputs`` are values that were not
    given and make the machine go this way; None for ``fields`` where nothing is known of the state. ``fixed`` names
    the inputs that have given values on this way.
    """

    kind: Kind
    name: str
    location: Location
    decided: Passed | None
    always: bool
    passed: tuple[Passed, ...]
    inputs: tuple[Input, ...]
    fields: tuple[Delivered, ...] | None
    events: tuple[Event, ...]
    note: str
    instructions: int
    fixed: tuple[str, ...] = ()


@record
class Answer:
    """The answer from one entry under these configurations.

    "sysret", "iret", "elsewhere": every machine with these values goes that way. "depends": more than one way is
    taken, and the inputs ``depends`` decide. "impossible": the contract admits no machine with these values.
    "unknown": ``reason`` says why. ``ways`` has one way for each that is possible.
    """

    entry: str
    configs: tuple[Config, ...]
    status: Literal["sysret", "iret", "elsewhere", "depends", "impossible", "unknown"]
    reason: str
    remedy: str
    depends: tuple[str, ...]
    ways: tuple[Way, ...]


@record
class FastExit:
    """A fast exit and when it is taken."""

    entry: str
    kind: str
    location: Location
    conditions: tuple[FastConditions, ...]


@record
class FrameReport:
    """Everything about one frame. Without ``given`` nothing was asked about a frame, and ``answers`` is empty.

    ``notes`` say what of the input was not used. ``reasons`` are why there is nothing to answer from.
    """

    path: str
    sha256: str
    contract: str
    configs: tuple[Config, ...]
    given: tuple[Given, ...]
    notes: tuple[str, ...]
    answers: tuple[Answer, ...]
    exits: tuple[FastExit, ...]
    reasons: tuple[tuple[str, str], ...]

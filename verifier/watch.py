# SPDX-License-Identifier: BSD-2-Clause
"""Verify again whenever a file that the last run read is saved (``--watch``).

The process stays: lifter, solver and emulator are imported once, so that only
the first run pays for that. Files are looked at, not subscribed to: that works
on every file system, and a few hundred of them take about a millisecond.
Which files those are comes from verifier.reads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import IO

from verifier.console import log, say
from verifier.model import UserError
from verifier.reads import Stamp, recorded, stamp
from verifier.records import record
from verifier.report.verdict import INPUT, INTERRUPTED, USAGE
from verifier.report.words import counted

INTERVAL = 0.1
"""Seconds between two looks while nothing changes."""
SETTLE = 0.03
"""Seconds without a further change after which a save counts as complete."""
PATIENCE = 1.0
"""Seconds that a file may be gone or keep changing before the run starts all the same."""

CLEAR = "\x1b[H\x1b[2J"
"""First column of the first line, then erase the screen (ECMA-48, CUP and ED); what scrolled away stays."""


def _of_day() -> str:
    return time.strftime("%H:%M:%S")


@record
class Time:
    """Where time comes from: seconds that only grow, a pause, and the time of day for people."""

    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    of_day: Callable[[], str] = _of_day


REAL_TIME = Time()


def watch(
    run: Callable[[], int],
    inputs: Iterable[str] = (),
    clear: Callable[[], object] | None = None,
    times: Time | None = None,
) -> int:
    """Call ``run``, which does one whole run and writes its results, now and after each save; end with Ctrl-C.

    ``inputs`` are watched from the start; the others are those that ``run``
    notes in verifier.reads. After a run with status 2 or 4 the directories of
    ``inputs`` are watched as well: a file that is missing may appear there.
    ``clear`` empties the screen before each run: an old verdict must not stand
    for new code. ``times`` is REAL_TIME unless told.

    The result is 130: Ctrl-C is the only way out, here or inside ``run``. But
    what the first run raises is raised here, because saving a file mends no
    command line, and its status is the result if there is nothing to watch.
    A UserError of a later run is said and waited out.
    """
    times = times or REAL_TIME
    named = tuple(dict.fromkeys(os.path.abspath(name) for name in inputs))
    known: dict[str, Stamp] = {}
    number = 0
    try:
        while True:
            number += 1
            if clear is not None:
                clear()
            # Before the run: what is saved while it lasts must start the next one.
            before = {name: stamp(name) for name in dict.fromkeys((*named, *known))}
            since = times.clock()
            with recorded() as seen:
                status = run() if number == 1 else _status(run)
            if status == INTERRUPTED:
                return INTERRUPTED
            # What an earlier run read stays: a run that fails does not come to all of its files.
            known = {**seen, **before}
            # Places where a file would count, such as a configuration, are looked at, but they are no files.
            files = counted(sum(what is not None or name in named for name, what in known.items()), "file")
            places = dict.fromkeys(map(os.path.dirname, named))
            missing = {place: stamp(place) for place in places} if status in (USAGE, INPUT) else {}
            if not known and not missing:
                return status
            spent = times.clock() - since
            log(f"watching {files}, Ctrl-C ends (run {number} took {spent:.2f} s, ended {times.of_day()})\n")
            _until_saved({**known, **missing}, times)
    except KeyboardInterrupt:
        log("\n")
        return INTERRUPTED


def _status(run: Callable[[], int]) -> int:
    try:
        return run()
    except UserError as error:
        say(f"error[{error.code}]: {error.message}")
        return error.exit_code


def _until_saved(known: Mapping[str, Stamp], times: Time) -> None:
    """Return when a file is not what it was, and has been the same for SETTLE.

    Editors write a file in several steps, or another one that they then
    rename: in between it is empty or gone.
    """
    while True:
        now = {name: stamp(name) for name in known}
        if now == known:
            times.pause(INTERVAL)
            continue
        since = times.clock()
        while times.clock() - since < PATIENCE:
            times.pause(SETTLE)
            later = {name: stamp(name) for name in known}
            gone = any(later[name] is None and known[name] is not None for name in known)
            if later == now and not gone:
                break
            now = later
        if now != known:
            return


def cleaner(stream: IO[str], environment: Mapping[str, str]) -> Callable[[], object] | None:
    """What empties the screen of ``stream``; None where that is no terminal that can: a log keeps everything."""
    if not stream.isatty() or environment.get("TERM", "dumb") == "dumb":
        return None
    return lambda: (stream.write(CLEAR), stream.flush())

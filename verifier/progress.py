# SPDX-License-Identifier: BSD-2-Clause
"""What a run is doing, in one line on a person's terminal, once it takes longer than a second.

Pipes, files, dumb terminals and CI logs never see it, and it is erased before
anything else is written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import IO, Protocol

from verifier.report.words import clean

PATIENCE = 1.0
"""Seconds before anything is shown."""
INTERVAL = 0.2
"""Seconds between two looks at what has changed."""

_FALLBACK_WIDTH = 80
_ERASE = "\r\x1b[K"  # back to the first column, then erase to the end of the line (ECMA-48, EL)


class Progress(Protocol):
    """Who is told what the analysis does."""

    def stage(self, text: str, done: int = 0, total: int = 0) -> None:
        """From now on the run does ``text``: number ``done`` of ``total``, or one thing if ``total`` is 0.

        Costs next to nothing, so that it may be called in loops.
        """


class Silent:
    """Tells nobody."""

    def stage(self, text: str, done: int = 0, total: int = 0) -> None:
        """Do nothing."""


SILENT = Silent()


class Line:
    """One line of a terminal that is written again when ``tick`` finds that it changed.

    ``stage`` and ``tick`` may run in different threads: one assigns an
    attribute, which the other reads once.
    """

    def __init__(
        self,
        title: str,
        write: Callable[[str], object],
        width: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title, self._write, self._width, self._clock = title, write, width, clock
        self._since = clock()
        self._stage = ""
        self._shown = ""

    def stage(self, text: str, done: int = 0, total: int = 0) -> None:
        """Note it for the next tick."""
        self._stage = f"{text}, {done} of {total}" if total else text

    def tick(self) -> None:
        """Show the stage and the seconds since the start, unless it is too early or nothing changed."""
        spent = self._clock() - self._since
        stage = self._stage
        if spent < PATIENCE or not stage:
            return
        # ASCII alone has the same width on every terminal: a line that wraps could not be erased.
        text = clean(f"{self._title}: {stage} ({int(spent)} s)").encode("ascii", "backslashreplace").decode()
        text = text[: max(0, self._width() - 1)]
        if text != self._shown:
            self._write(f"{_ERASE}{text}")
            self._shown = text

    def erase(self) -> None:
        """Leave the line as it was before the first tick that showed something."""
        if self._shown:
            self._write(_ERASE)
            self._shown = ""


def wanted(stream: IO[str], environment: Mapping[str, str], quiet: bool) -> bool:
    """Whether there is a person at ``stream``: a terminal that can erase, and not the log of a CI system."""
    return not quiet and not environment.get("CI") and environment.get("TERM", "dumb") != "dumb" and stream.isatty()


def line_on(
    stream: IO[str],
    title: str,
    environment: Mapping[str, str],
    quiet: bool,
    clock: Callable[[], float] = time.monotonic,
) -> Line | None:
    """A line of ``stream`` for whoever ticks it; None if that is not ``wanted``."""
    if not wanted(stream, environment, quiet):
        return None

    def write(text: str) -> None:
        # A terminal that is gone costs no result.
        with suppress(OSError, ValueError):
            stream.write(text)
            stream.flush()

    return Line(title, write, lambda: _columns(stream), clock)


@contextmanager
def shown(
    title: str,
    stream: IO[str],
    environment: Mapping[str, str],
    quiet: bool,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress]:
    """Show what the block does on ``stream`` if that is ``wanted``; nothing of it is left at the end."""
    line = line_on(stream, title, environment, quiet, clock)
    if line is None:
        yield SILENT
        return
    stop = Event()

    def ticks() -> None:
        while not stop.wait(INTERVAL):
            line.tick()

    # A thread, because one query to the solver may take longer than a person waits.
    thread = Thread(target=ticks, name="progress", daemon=True)
    thread.start()
    try:
        yield line
    finally:
        stop.set()
        thread.join()
        line.erase()


def _columns(stream: IO[str]) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _FALLBACK_WIDTH
    except (OSError, ValueError):
        return _FALLBACK_WIDTH

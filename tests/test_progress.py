# SPDX-License-Identifier: BSD-2-Clause
"""verifier.progress: one line on a person's terminal, late, and gone at the end."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given, strategies as st

from verifier.progress import PATIENCE, SILENT, Line, shown, wanted

TERMINAL = {"TERM": "xterm-256color"}
ERASE = "\r\x1b[K"


@dataclass
class Clock:
    """A clock that goes when it is told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


class Tty(io.StringIO):
    """A terminal that keeps what is written, and says when something was."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        count = super().write(text)
        self.written.set()
        return count


@dataclass
class Screen:
    """A line with a clock, a width and everything that was written."""

    width: int = 80
    title: str = "entry.S"
    clock: Clock = field(default_factory=Clock)
    written: list[str] = field(default_factory=list)

    def line(self) -> Line:
        return Line(self.title, self.written.append, lambda: self.width, self.clock)


def visible(written: list[str]) -> str:
    """What a person sees in the end: what follows the last erasure."""
    return "".join(written).rsplit(ERASE, 1)[-1]


def test_a_short_run_shows_nothing() -> None:
    """Nothing is written within the first second, and then nothing has to be erased."""
    screen = Screen()
    line = screen.line()
    line.stage("explore", 1, 3)
    screen.clock.now += PATIENCE - 0.01
    line.tick()
    line.erase()
    assert screen.written == []


def test_a_long_run_says_what_it_does_and_for_how_long() -> None:
    """After a second the line has the file, the stage, its number and the seconds; a stage alone has no number."""
    screen = Screen()
    line = screen.line()
    line.stage("explore", 1, 3)
    screen.clock.now += PATIENCE
    line.tick()
    assert visible(screen.written) == "entry.S: explore, 1 of 3 (1 s)"
    line.stage("load")
    screen.clock.now += 13
    line.tick()
    assert visible(screen.written) == "entry.S: load (14 s)"


def test_the_line_is_written_only_when_it_changes() -> None:
    """A stage writes nothing itself, and a tick that finds the same text writes nothing."""
    screen = Screen()
    line = screen.line()
    screen.clock.now += 2
    line.tick()
    assert screen.written == []
    line.stage("prove", 2, 2)
    assert screen.written == []
    line.tick()
    line.tick()
    screen.clock.now += 0.5
    line.tick()
    assert len(screen.written) == 1


def test_the_end_leaves_an_empty_line() -> None:
    """erase() removes what was shown, once."""
    screen = Screen()
    line = screen.line()
    line.stage("prove")
    screen.clock.now += 5
    line.tick()
    line.erase()
    line.erase()
    assert visible(screen.written) == ""
    assert screen.written[1:] == [ERASE]


@given(
    title=st.text(),
    stage=st.text(),
    done=st.integers(0, 10**9),
    total=st.integers(0, 10**9),
    width=st.integers(1, 120),
)
def test_the_line_never_wraps_and_carries_no_control_character(
    title: str, stage: str, done: int, total: int, width: int
) -> None:
    """Whatever the names hold, the text is printable ASCII, shorter than the terminal is wide."""
    screen = Screen(width=width, title=title)
    line = screen.line()
    line.stage(stage, done, total)
    screen.clock.now += 2
    line.tick()
    text = visible(screen.written)
    assert len(text) < width
    assert text == "" or (text.isascii() and text.isprintable())


@pytest.mark.parametrize(
    ("environment", "quiet", "terminal", "expected"),
    [
        (TERMINAL, False, True, True),
        (TERMINAL, False, False, False),
        (TERMINAL, True, True, False),
        ({"TERM": "dumb"}, False, True, False),
        ({}, False, True, False),
        (TERMINAL | {"CI": "true"}, False, True, False),
        (TERMINAL | {"CI": ""}, False, True, True),
    ],
)
def test_only_a_person_at_a_terminal_is_told(
    environment: Mapping[str, str], quiet: bool, terminal: bool, expected: bool
) -> None:
    """No pipe, no CI log, no dumb terminal and nobody who asked for quiet sees progress."""
    stream = Tty() if terminal else io.StringIO()
    assert wanted(stream, environment, quiet) is expected
    with shown("entry.S", stream, environment, quiet) as progress:
        assert (progress is not SILENT) is expected
        progress.stage("explore", 1, 2)


def test_a_pipe_gets_nothing_however_long_it_takes() -> None:
    """Without a terminal not one byte is written."""
    pipe, clock = io.StringIO(), Clock()
    with shown("entry.S", pipe, TERMINAL, False, clock) as progress:
        progress.stage("explore", 1, 2)
        clock.now += 100
    assert pipe.getvalue() == ""


def test_one_long_stage_is_shown_without_a_further_call_and_erased_at_the_end() -> None:
    """The line appears while the analysis is busy, and is gone when the block ends, also by an exception."""
    terminal, clock = Tty(), Clock()

    def interrupted() -> None:
        with shown("entry.S", terminal, TERMINAL, False, clock) as progress:
            progress.stage("explore", 1, 2)
            clock.now += 3
            assert terminal.written.wait(60)
            assert "explore, 1 of 2 (3 s)" in terminal.getvalue()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert terminal.getvalue().endswith(ERASE)
    assert all(thread.name != "progress" for thread in threading.enumerate())


def test_a_terminal_that_is_gone_costs_nothing() -> None:
    """A write that fails is no error of the run."""

    class Gone(Tty):
        def write(self, text: str) -> int:
            self.written.set()
            raise OSError(5, "Input/output error")

    terminal, clock = Gone(), Clock()
    with shown("entry.S", terminal, TERMINAL, False, clock) as progress:
        progress.stage("explore")
        clock.now += 3
        assert terminal.written.wait(60)

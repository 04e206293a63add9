# SPDX-License-Identifier: BSD-2-Clause
"""Colour and width as a user meets them: the real program, on a real pseudo-terminal and on a pipe."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MISSING = "no-such-file.S"
"""Verifying it needs no engine, and its verdict is coloured like any other."""


def environment(**given: str | None) -> dict[str, str]:
    """This environment without what decides about colour and width, and with what is given."""
    decides = ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS", "LINES", "CI")
    kept = {name: value for name, value in os.environ.items() if name not in decides}
    return {**kept, "PYTHONPATH": str(ROOT), **{name: value for name, value in given.items() if value is not None}}


def piped(*words: str, **given: str | None) -> str:
    """What the program writes to a pipe."""
    done = subprocess.run(
        [sys.executable, "-m", "verifier", *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment(**given),
    )
    return done.stdout


def shown(*words: str, columns: int = 80, **given: str | None) -> str:
    """What the program writes to a terminal of that many columns."""
    import termios

    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24, columns))
    with subprocess.Popen(
        [sys.executable, "-m", "verifier", *words],
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=subprocess.DEVNULL,
        env=environment(**given),
    ) as process:
        os.close(slave)
        found = b""
        while True:
            select.select([master], [], [])
            try:
                piece = os.read(master, 65536)
            except OSError:  # on Linux a terminal whose other side is closed reads as an error
                break
            if not piece:
                break
            found += piece
        process.wait()
    os.close(master)
    return found.decode()


@pytest.mark.parametrize(
    ("words", "no_color", "force_color", "term", "colored"),
    [
        ("", None, None, "xterm", True),
        ("", None, None, "dumb", False),
        ("", "1", None, "xterm", False),
        ("", "", None, "xterm", True),
        ("", "1", "1", "xterm", False),
        ("", None, "", "dumb", False),
        ("", None, "1", "dumb", True),
        ("--color never", None, "1", "xterm", False),
        ("--color always", "1", None, "dumb", True),
    ],
)
def test_colour_on_a_terminal(
    words: str, no_color: str | None, force_color: str | None, term: str, colored: bool
) -> None:
    """--color wins, then NO_COLOR, then FORCE_COLOR, then the terminal; a variable that is empty counts as not set."""
    said = shown(*words.split(), MISSING, NO_COLOR=no_color, FORCE_COLOR=force_color, TERM=term)
    assert ("\x1b[" in said) == colored
    assert "ERROR" in said


@pytest.mark.parametrize(
    ("words", "no_color", "force_color", "colored"),
    [
        ("", None, None, False),
        ("", None, "", False),
        ("", None, "1", True),
        ("", "", "1", True),
        ("", "1", "1", False),
        ("--color always", "1", None, True),
        ("--color always --format json", None, "1", False),
    ],
)
def test_colour_on_a_pipe(words: str, no_color: str | None, force_color: str | None, colored: bool) -> None:
    """Without a terminal there is colour only if it is asked for, and never in a format for programs."""
    said = piped(*words.split(), MISSING, NO_COLOR=no_color, FORCE_COLOR=force_color, TERM="xterm")
    assert ("\x1b[" in said) == colored


@pytest.mark.parametrize("words", ["explain canonical", "completion bash", "man", "--help", "--version"])
def test_subcommands_that_have_no_colour(words: str) -> None:
    """Texts to read, scripts and manuals stay plain even where colour is forced: they are piped on."""
    said = piped(*words.split(), FORCE_COLOR="1", TERM="xterm")
    assert said
    assert "\x1b" not in said


def test_doctor_obeys_the_same_variables() -> None:
    """The one sub-command with colours has them where FORCE_COLOR says so; NO_COLOR takes them away again."""
    forced = piped("doctor", FORCE_COLOR="1")
    plain = piped("doctor", FORCE_COLOR="1", NO_COLOR="1")
    assert "\x1b[32mok\x1b[0m" in forced
    assert "colour: FORCE_COLOR is set" in forced
    assert "\x1b" not in plain
    assert "no colour: NO_COLOR is set" in plain


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_width_is_that_of_the_terminal(columns: int) -> None:
    """Text is folded at the terminal's width, and COLUMNS wins over it."""
    lines = shown("explain", "canonical", "rf", columns=columns, TERM="xterm").split("\r\n")
    longest = max(map(len, lines))
    assert columns - 15 < longest <= columns
    told = shown("explain", "canonical", "rf", columns=columns, TERM="xterm", COLUMNS="50").split("\r\n")
    assert 35 < max(map(len, told)) <= 50


def test_pipe_has_the_width_of_no_terminal() -> None:
    """What goes to a pipe is as wide wherever it is run, unless COLUMNS says otherwise."""
    longest = max(map(len, piped("explain").split("\n")))
    assert 90 < longest <= 100
    assert max(map(len, piped("explain", COLUMNS="60").split("\n"))) <= 60

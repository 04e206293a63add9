# SPDX-License-Identifier: BSD-2-Clause
"""Standard output and standard error, so that nothing that goes wrong with them changes an exit code."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, NoReturn

from verifier.model import UserError
from verifier.report.verdict import INTERNAL, PROVED, USAGE
from verifier.report.words import clean

PIPE_WIDTH = 100
"""Columns of what does not go to a terminal."""


def write_out(text: str) -> int:
    """Write to stdout; 0, or 70 if the result could not be delivered (a closed pipe is fine)."""
    try:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")
        sys.stdout.write(text)
    except BrokenPipeError:
        closed(sys.stdout)
        return PROVED
    except OSError as error:
        return _undelivered(error)
    return flushed(PROVED)


def flushed(code: int) -> int:
    """``code`` after flushing stdout here: a failure at interpreter exit would change the status."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        closed(sys.stdout)
    except OSError as error:
        return _undelivered(error)
    return code


def _undelivered(error: OSError) -> int:
    say(f"error[output-unwritable]: standard output: {error.strerror or error}")
    closed(sys.stdout)
    return INTERNAL


def closed(stream: IO[str]) -> None:
    """Send the rest of a stream nowhere: the interpreter's last flush would make the status 120."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def use_color(choice: str, stream: IO[str], environment: Mapping[str, str]) -> bool:
    """--color wins; then NO_COLOR, then FORCE_COLOR, then whether ``stream`` is a capable terminal."""
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return stream.isatty() and environment.get("TERM") != "dumb"


def width(stream: IO[str]) -> int:
    """COLUMNS if it is set, else the terminal's width, else that of a pipe."""
    told = stream.isatty() or os.environ.get("COLUMNS")
    return shutil.get_terminal_size((PIPE_WIDTH, 25)).columns if told else PIPE_WIDTH


def say(message: str) -> None:
    """A message on stderr. It may hold names from the file under test, and an assembler's several lines."""
    log("verify-exit: " + "\n".join(clean(line) for line in message.split("\n")) + "\n")


def log(text: str) -> None:
    """Text on stderr, as it is."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        closed(sys.stderr)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with status 2."""

    def error(self, message: str) -> NoReturn:
        """Raise UserError("usage", exit code 2)."""
        raise UserError("usage", f"{message}; --help lists the options", USAGE)

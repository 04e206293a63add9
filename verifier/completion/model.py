# SPDX-License-Identifier: BSD-2-Clause
"""What can be completed: the options of each command and what follows them, read from the parsers.

A metavar says what an option takes; one that is not known here is an error, so
that nobody adds an option without a thought about its completion.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from verifier.records import record

Kind = Literal["flag", "words", "files", "directory", "format", "list", "any"]

INPUTS = ("*.S", "*.s", "*.o", "*.ko", "*.elf", "vmlinu*", "bzImage*", "*.debug")
"""Names of files that are offered for verification; others too where none of these is there."""

_FILES: Mapping[str, tuple[str, ...]] = {
    "PATH": INPUTS,
    "BASE": INPUTS,
    "HEAD": INPUTS,
    "FILE": ("*",),
    "FILE.py": ("*.py",),
    "PART": ("*.json",),
    "REPORT": ("*.json",),
    "REPORT.json": ("*.json",),
    "BUILD": ("*.json",),
    "NAME|FILE": ("*.toml",),
}
SOLVERS = ("bitwuzla", "cvc5")
"""What --cross-check takes."""

_FREE = frozenset({"I/N", "PLACE", "NAME[=VALUE]", "NAME=VALUE", "SECONDS", "N"})
_LONGEST_HELP = 60


@record
class Words:
    """What completes by itself: names of contracts and formats, and the ids of explain."""

    contracts: tuple[str, ...]
    formats: tuple[str, ...]
    ids: tuple[str, ...]


@record
class Value:
    """What follows an option, or stands alone. ``words`` are offered, and files whose names match ``patterns``."""

    kind: Kind
    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


@record
class Option:
    """One option: its spellings, its help in a few words, what follows, and whether it may be repeated."""

    names: tuple[str, ...]
    help: str
    value: Value
    repeats: bool


@record
class Command:
    """The main command (``name`` "") or a sub-command."""

    name: str
    help: str
    options: tuple[Option, ...]
    rest: Value


def commands(
    main: argparse.ArgumentParser, subcommands: Mapping[str, argparse.ArgumentParser], words: Words
) -> tuple[Command, ...]:
    """What can be completed, the main command first.

    Raises ValueError for an option whose metavar says nothing about what follows it.
    """
    return tuple(_command(name, parser, words) for name, parser in {"": main, **subcommands}.items())


def _command(name: str, parser: argparse.ArgumentParser, words: Words) -> Command:
    options, rest = [], Value("any")
    for action in parser._actions:
        if not action.option_strings:
            rest = _value(action, words)
        elif action.help is not argparse.SUPPRESS:
            repeats = isinstance(action, argparse._AppendAction)
            options.append(
                Option(tuple(action.option_strings), brief(action.help or ""), _value(action, words), repeats)
            )
    return Command(name, brief(parser.description or ""), tuple(options), rest)


def _value(action: argparse.Action, words: Words) -> Value:
    if action.nargs == 0:
        return Value("flag")
    if action.choices is not None:
        return Value("words", tuple(map(str, action.choices)))
    metavar = str(action.metavar or "")
    match metavar:
        case "DIR":
            return Value("directory")
        case "FORMAT[=FILE]":
            return Value("format", words.formats, ("*",))
        case "SOLVER[,SOLVER]":
            return Value("list", SOLVERS)
        case "ID":
            return Value("words", words.ids)
        case "NAME|FILE":
            return Value("files", words.contracts, _FILES[metavar])
        case _ if metavar in _FILES:
            return Value("files", (), _FILES[metavar])
        case _ if metavar in _FREE:
            return Value("any")
    raise ValueError(f"{action.option_strings or action.dest}: nothing is known of what {metavar!r} stands for")


def brief(text: str) -> str:
    """The first words of a help text, for a menu."""
    said = re.split(r"[:;.(]\s|\s\(|[:;.]$", " ".join(text.replace("%%", "%").split()), maxsplit=1)[0]
    return said if len(said) <= _LONGEST_HELP else f"{said[: _LONGEST_HELP - 1].rsplit(' ', 1)[0]}…"


def quoted(text: str) -> str:
    """A word as the shells bash and zsh take it."""
    return text if re.fullmatch(r"[\w@%+=:,./-]+", text, re.ASCII) else "'" + text.replace("'", "'\\''") + "'"


def listed(words: Sequence[str]) -> str:
    """Words as a shell takes them."""
    return " ".join(map(quoted, words))

# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit man``: the manual page in the language of man(7), made from the parsers and tables.

It has no date: the page says what this version does, and its title names the
version. Every text is escaped: nothing of it can be a request to the formatter.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping

from verifier import __version__
from verifier.parsers import LICENCE
from verifier.report import FORMATS
from verifier.report.verdict import EXIT_CODES
from verifier.topics import FORMAT_TEXTS, GATE_TEXTS

_LINE = 72
DESCRIPTION = (
    "SYSRET returns to user mode faster than IRET, and does less: it takes RIP and RFLAGS from RCX and R11, keeps RSP, "
    "and cannot restore every state that IRET can. verify-exit reads the machine code of a kernel's way back to user "
    "mode and proves, for all states that the contract of the kernel allows, that SYSRET is taken only where it does "
    "what IRET would have done. Otherwise it shows a concrete state for which it does not, confirmed by running the "
    "code on an emulator, or says what it could not decide.",
    "Each file is a source (.S, .s), an object (.o), or a kernel image: vmlinux, vmlinuz, or any ELF executable, also "
    "compressed. Without a file, the targets of the configuration are verified.",
    "Results go to standard output, all else to standard error.",
)

ENVIRONMENT: Mapping[str, str] = {
    "NO_COLOR": "If it is set and not empty, nothing is coloured. --color wins over it.",
    "FORCE_COLOR": "If it is set and not empty, output is coloured also where it goes to no terminal. NO_COLOR wins.",
    "COLUMNS": "The width of text, instead of that of the terminal.",
    "TERM": "dumb means: no colour, no progress line, and --watch does not clear the screen.",
    "CI": "If it is set and not empty, there is no progress line, and no result is remembered.",
    "VERIFY_EXIT_NO_CACHE": "If it is set and not empty, no result is remembered.",
    "XDG_CACHE_HOME": "Where results are remembered, instead of ~/.cache.",
    "PATH": "Where the assembler and the preprocessor are looked for.",
    "GITHUB_STEP_SUMMARY": "Where --format github adds the summary of the step.",
    "VERIFY_EXIT_TRACEBACK": "If it is set and not empty, an internal error shows its traceback.",
}
"""Variable → what it changes."""

FILES: Mapping[str, str] = {
    "verify-exit.toml": "The configuration: in the current directory or above, up to the repository's root. Without "
    "it, the table [tool.verify-exit] of pyproject.toml.",
    "verify-exit.waivers.toml": "Violations that somebody answers for, each until a day.",
    "~/.cache/verify-exit/results.sqlite": "Results of earlier runs. It may be removed at any time.",
    "compile_commands.json, .NAME.o.cmd": "How a source is built, for -p.",
}
"""File → what it is for."""

EXAMPLES: tuple[tuple[str, str], ...] = (
    ("verify-exit entry.S", "Verify one source with the contract that its header names."),
    ("verify-exit --symbols System.map vmlinuz", "Verify every exit of a kernel image."),
    ("verify-exit --format json=report.json --format html=report.html entry.o", "Text for you, and two files."),
    ("verify-exit --gate new-only --baseline report.json", "In CI: fail on what the baseline does not have."),
    ("verify-exit --watch -q entry.S", "Verify again on each save."),
    ("verify-exit explain canonical", "What the clause canonical demands, and which bug it stops."),
)
"""Command → what it does."""


def page(main: argparse.ArgumentParser, subcommands: Mapping[str, argparse.ArgumentParser]) -> str:
    """The page for the main command and the sub-commands by their names."""
    return "\n".join(_lines(main, subcommands)) + "\n"


def _lines(main: argparse.ArgumentParser, subcommands: Mapping[str, argparse.ArgumentParser]) -> Iterator[str]:
    yield f'.\\" {LICENCE}'
    yield ".\\\" Made by 'verify-exit man'."
    yield f'.TH VERIFY-EXIT 1 "" "verify-exit {roff(__version__)}" "User Commands"'
    yield ".SH NAME"
    yield _text(f"verify-exit - {(main.description or '').rstrip('.')}")
    yield ".SH SYNOPSIS"
    yield ".B verify-exit"
    yield r"[\fIoptions\fR] [\fIPATH\fR ...]"
    for name, parser in subcommands.items():
        yield ".br"
        yield f".B verify-exit {roff(name)}"
        yield " ".join(["[\\fIoptions\\fR]", *(_rest(action) for action in _positional(parser))])
    yield ".SH DESCRIPTION"
    for number, text in enumerate(DESCRIPTION):
        if number:
            yield ".PP"
        yield _text(text)
    yield ".SH OPTIONS"
    for group in main._action_groups:
        actions = [action for action in group._group_actions if action.option_strings]
        if actions and group.title not in ("positional arguments", "options"):
            yield f".SS {_argument(group.title or '')}"
            yield from _options(actions)
    yield '.SS "general"'
    yield from _options(action for action in main._optionals._group_actions if action.option_strings)
    yield ".SH COMMANDS"
    for name, parser in subcommands.items():
        yield f".SS {_argument(f'verify-exit {name}')}"
        yield _text(parser.description or "")
        if parser.epilog:
            yield ".PP"
            yield _text(parser.epilog)
        yield from _options(action for action in parser._actions if action.option_strings and action.dest != "help")
    yield ".SH FORMATS"
    yield from _table((name, _sentences(*FORMAT_TEXTS[name])) for name in FORMATS if name in FORMAT_TEXTS)
    yield ".SH GATE"
    yield _text("What --gate makes of the findings:")
    yield from _table((name, _sentences(*texts)) for name, texts in GATE_TEXTS.items())
    yield ".SH EXIT STATUS"
    yield from _table((str(code), f"{name}. {meaning}") for code, name, meaning in EXIT_CODES)
    yield ".PP"
    yield _text("Several files: 1 beats 70 beats 2 beats 4 beats 3 beats 0. The status is the same for every format.")
    yield ".SH ENVIRONMENT"
    yield from _table(ENVIRONMENT.items())
    yield ".SH FILES"
    yield from _table(FILES.items())
    yield ".SH EXAMPLES"
    for number, (command, text) in enumerate(EXAMPLES):
        if number:
            yield ".PP"
        yield _text(text)
        yield ".PP"
        yield ".nf"
        yield f".RS 4\n{roff(command)}\n.RE"
        yield ".fi"
    yield ".SH SEE ALSO"
    yield ".BR as (1),"
    yield ".BR gcc (1)"


def _positional(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if not action.option_strings]


def _rest(action: argparse.Action) -> str:
    name = f"\\fI{roff(str(action.metavar or action.dest.upper()))}\\fR"
    match action.nargs:
        case "*":
            return f"[{name} ...]"
        case "+":
            return f"{name} ..."
        case "?":
            return f"[{name}]"
        case _:
            return name


def _options(actions: Iterable[argparse.Action]) -> Iterator[str]:
    for action in actions:
        if action.help is argparse.SUPPRESS:
            continue
        value = ""
        if action.nargs != 0:
            shown = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
            value = f" \\fI{roff(str(shown))}\\fR"
        yield ".TP"
        yield ", ".join(f"\\fB{roff(name)}\\fR{value}" for name in action.option_strings)
        text = " ".join((action.help or "").replace("%%", "%").split())
        # A value that is explained keeps its case.
        first = text[:1] if text.split(" ")[0].endswith(":") else text[:1].upper()
        yield _text(f"{first}{text[1:]}{'' if text.endswith('.') else '.'}")


def _table(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, text in rows:
        yield ".TP"
        yield f"\\fB{roff(name)}\\fR"
        yield _text(text)


def _sentences(title: str, text: str) -> str:
    return f"{title[:1].upper()}{title[1:]}. {text}"


def _text(text: str) -> str:
    """A paragraph in lines that an editor shows whole; the formatter fills them anew."""
    return "\n".join(map(roff, textwrap.wrap(text, _LINE, break_long_words=False, break_on_hyphens=False)))


def roff(text: str) -> str:
    """A text as man(7) takes it: the same characters on the page, and no request wherever a line begins."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    escaped = escaped.replace("^", "\\(ha").replace("~", "\\(ti")
    escaped = "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in escaped)
    return re.sub(r"(?m)^(?=[.])", r"\\&", escaped)


def _argument(text: str) -> str:
    """A text as one argument of a macro."""
    return '"' + roff(text).replace('"', "\\(dq") + '"'

# SPDX-License-Identifier: BSD-2-Clause
"""The manual page: it is made from the parsers and tables, leaves nothing out, and is well-formed man(7)."""

from __future__ import annotations

import argparse
import re

import golden
import pytest

from verifier import __version__
from verifier.cli import main
from verifier.commands import manual
from verifier.manual import ENVIRONMENT, EXAMPLES, page, roff
from verifier.parsers import SUBPARSERS, build_parser
from verifier.report import FORMATS
from verifier.report.verdict import EXIT_CODES

MACROS = {"TH", "SH", "SS", "TP", "PP", "B", "BR", "br", "nf", "fi", "RS", "RE"}
ESCAPES = re.compile(r"\\(?:f[BIR]|e|-|&|\((?:aq|ga|ha|ti|dq)|\[u[0-9A-F]{4,6}\])")


def plain(text: str) -> str:
    """The words of a page, without macros and escapes."""
    for escape, char in (("\\-", "-"), ("\\(aq", "'"), ("\\(dq", '"'), ("\\&", "")):
        text = text.replace(escape, char)
    text = re.sub(r"\\f[BIR]", "", text)
    return " ".join(re.sub(r"(?m)^\.[A-Za-z]+ ?", "", text).replace("\\e", "\\").split())


def test_page_is_what_the_parsers_make(capsys: pytest.CaptureFixture[str]) -> None:
    """The page that the package installs is made from today's options; VERIFY_EXIT_GOLDEN=1 writes it anew."""
    assert main(["man"]) == 0
    golden.check("../../docs/verify-exit.1", capsys.readouterr().out)


def test_page_is_well_formed() -> None:
    """Every request is one of man(7), every escape is known, text is ASCII and lines are short."""
    text = manual()
    lines = text.split("\n")
    assert text.isascii()
    assert text.endswith("\n")
    assert "" not in lines[:-1]
    assert lines[2] == f'.TH VERIFY-EXIT 1 "" "verify-exit {roff(__version__)}" "User Commands"'
    for line in lines:
        if line.startswith(".") and not line.startswith('.\\"'):
            assert line[1:].split(" ")[0] in MACROS
        assert not line.startswith("'")
        if not line.startswith('.\\"'):
            assert "\\" not in ESCAPES.sub("", line), line
        assert len(line) <= 120
    assert [lines.count(name) for name in (".nf", ".RS 4", ".RE", ".fi")] == [len(EXAMPLES)] * 4


def test_page_has_the_sections_of_a_manual() -> None:
    """The sections are in the order that man-pages(7) gives."""
    sections = re.findall(r"(?m)^\.SH (.*)$", manual())
    wanted = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES"]
    assert [name for name in sections if name in wanted] == wanted
    assert sections[-2:] == ["EXAMPLES", "SEE ALSO"]


def test_page_has_every_option_and_its_help() -> None:
    """Each option of each command is there with the text that --help gives for it."""
    said = plain(manual()).lower()
    for parser in (build_parser(), *(make() for make in SUBPARSERS.values())):
        for action in parser._actions:
            if action.dest == "help" or not action.option_strings:
                continue
            text = " ".join((action.help or "").replace("%%", "%").split()).lower()
            for name in action.option_strings:
                assert name.lower() in said
            assert text in said, action.option_strings


def test_page_has_every_command_code_format_and_variable() -> None:
    """Sub-commands, exit codes with their meaning, formats and environment variables are all there."""
    text, said = manual(), plain(manual())
    for name in SUBPARSERS:
        assert f".B verify-exit {roff(name)}" in text
    for code, name, meaning in EXIT_CODES:
        assert f"\n.TP\n\\fB{code}\\fR\n{name}." in text
        assert meaning in said
    for name in (*FORMATS, *ENVIRONMENT):
        assert f"\\fB{roff(name)}\\fR" in text


def test_examples_are_command_lines_that_parse() -> None:
    """What the page shows can be typed: each example is accepted by the parser that it goes to."""
    for command, _ in EXAMPLES:
        program, *words = command.split()
        assert program == "verify-exit"
        parser = SUBPARSERS[words.pop(0)]() if words[0] in SUBPARSERS else build_parser()
        parser.parse_args(words)


def test_texts_cannot_become_requests() -> None:
    """A dot or an apostrophe at the start of a line, backslashes and quotes are text."""
    assert roff(".so /etc/passwd") == "\\&.so /etc/passwd"
    assert roff("a\n.b") == "a\n\\&.b"
    assert roff("'x' \\n `y` -z …") == "\\(aqx\\(aq \\en \\(gay\\(ga \\-z \\[u2026]"
    parser = argparse.ArgumentParser(description=".ab broken")
    parser.add_argument_group('odd "title"').add_argument("--odd", help="'.so x'\n.de XX \\*")
    made = page(parser, {})
    assert '.SS "odd \\(dqtitle\\(dq"' in made
    assert {line[1:].split(" ")[0] for line in made.split("\n") if line.startswith(".")} <= MACROS | {'\\"'}

# SPDX-License-Identifier: BSD-2-Clause
"""The header dialect of source files."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from verifier.model import UserError
from verifier.source import KEYS, SourceHeader, blank_header, parse_header

FULL = """\
# SPDX-License-Identifier: BSD-2-Clause

# CONTRACT: linux
# ENTRY:    exit_to_user, exit_2 0xffffffff81000000
# EXPECT:   violated tf
# ARGS:     --profile equivalence -D 'A B=1'
# ORIGIN:   it's "quoted, with /* and
#           if the frame is bad
#           12 "x" \\
#include "x.h"

// ENTRY: third
        .text
# EXPECT: too late
"""


def test_every_key_is_read() -> None:
    """A full header gives every field, lists split and ORIGIN joined."""
    assert parse_header(FULL, "a.S") == SourceHeader(
        contract="linux",
        entries=("exit_to_user", "exit_2", "0xffffffff81000000", "third"),
        expect="violated tf",
        args=("--profile", "equivalence", "-D", "A B=1"),
        origin='it\'s "quoted, with /* and if the frame is bad 12 "x" \\',
    )


def test_blanking_keeps_lines_and_code() -> None:
    """Blanking empties exactly the header's own lines and keeps every other line at its number."""
    before, after = FULL.split("\n"), blank_header(FULL).split("\n")
    assert len(before) == len(after)
    changed = [number for number, pair in enumerate(zip(before, after, strict=True), 1) if pair[0] != pair[1]]
    assert changed == [3, 4, 5, 6, 7, 8, 9, 12]
    assert after[9] == '#include "x.h"'


def test_no_header() -> None:
    """A file without a header gives an empty one."""
    assert parse_header(" nop\n# CONTRACT: linux\n") == SourceHeader()


def test_slash_comments_and_block_spdx() -> None:
    """``//`` lines and an SPDX line in a block comment are part of the header."""
    text = "/* SPDX-License-Identifier: GPL-2.0 */\n//CONTRACT:xen\n nop\n"
    assert parse_header(text).contract == "xen"


@pytest.mark.parametrize("line", ["# NOTE: x", "# TODO: x", "# contract: x", "# A CONTRACT: x", "# see CONTRACT"])
def test_plain_comments_are_ignored(line: str) -> None:
    """A comment that is not a key neither sets a field nor raises."""
    assert parse_header(f"{line}\n# ENTRY: e\n") == SourceHeader(entries=("e",))


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("CONTARCT", "CONTRACT"),
        ("ENTRIES", "ENTRY"),
        ("EXPECTED", "EXPECT"),
        ("ARG", "ARGS"),
        ("ORGIN", "ORIGIN"),
    ],
)
def test_misspelt_key(key: str, meant: str) -> None:
    """A misspelt key is a usage error that names its line and the key meant."""
    with pytest.raises(UserError) as caught:
        parse_header(f"# ENTRY: e\n# {key}: x\n", "a.S")
    assert (caught.value.code, caught.value.exit_code) == ("header-unknown-key", 2)
    assert "a.S:2:" in caught.value.message
    assert f"did you mean {meant}?" in caught.value.message


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("# CONTRACT: a\n# CONTRACT: b\n", "header-duplicate-key"),
        ("# ENTRY:\n", "header-empty-value"),
        ("# ARGS: 'x\n", "header-bad-args"),
        ("# ARGS: -DX=1\n" * 1000, "header-too-long"),
        (f"# ENTRY: {'x' * 5000}\n", "header-too-long"),
    ],
)
def test_malformed_header(text: str, code: str) -> None:
    """A duplicate key, an empty value, unbalanced quotes and endless words are usage errors of one line."""
    with pytest.raises(UserError) as caught:
        parse_header(text, "a.S")
    assert (caught.value.code, caught.value.exit_code) == (code, 2)
    assert "\n" not in caught.value.message


def test_origin_ends_at_a_less_indented_comment() -> None:
    """A comment line with one space after the marker does not continue ORIGIN."""
    assert parse_header("# ORIGIN: a\n#  b\n# c\n#  d\n").origin == "a b"


@given(st.lists(st.sampled_from(["# ", "//", "#  ", "x", "\n", "\r", "\x0b", "\u2028", ":", *KEYS]), max_size=30))
def test_any_text(pieces: list[str]) -> None:
    """Any text parses or raises a one-line usage error, and blanking never changes the line count."""
    text = "".join(pieces)
    assert blank_header(text).count("\n") == text.count("\n")
    try:
        parse_header(text)
    except UserError as error:
        assert error.exit_code == 2
        assert "\n" not in error.message

# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit completion SHELL``: completion for bash, zsh and fish, made from the parsers.

The scripts are static: pressing TAB starts no Python. The package shtab makes
such scripts from argparse too; it was tried (1.13) and does not fit. It knows
sub-commands as argparse has them, whereas each has a parser of its own here and
counts in the first place only, beside files; and FORMAT=FILE, lists with
commas, and files by their suffix would have to be written for each shell anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from verifier.completion.bash import bash
from verifier.completion.fish import fish
from verifier.completion.model import Command as Command, Words as Words, commands as commands
from verifier.completion.zsh import zsh

SHELLS: Mapping[str, Callable[[Sequence[Command]], str]] = {"bash": bash, "fish": fish, "zsh": zsh}
"""Shell → what makes its script; the main command comes first."""

FILES: Mapping[str, str] = {"bash": "verify-exit.bash", "fish": "verify-exit.fish", "zsh": "_verify-exit"}
"""Shell → the name of its script in docs/completions."""

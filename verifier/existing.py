# SPDX-License-Identifier: BSD-2-Clause
"""Whether a file that somebody named is there, and which name they may have meant."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from verifier.model import UserError
from verifier.parsers import SUBPARSERS
from verifier.source import printable


def must_exist(path: str) -> None:
    """Raise UserError("input-not-found" | "input-invalid") with the nearest name that would do."""
    given = Path(path)
    if os.path.isdir(path):
        raise UserError("input-invalid", f"{printable(path)}: this is a directory; name the files to verify")
    if os.path.exists(path):
        return
    try:
        siblings = sorted(sibling.name for sibling in given.parent.iterdir())
    except OSError:
        siblings = []
    near = get_close_matches(given.name, siblings, 1)
    command = [] if "/" in path else get_close_matches(path, SUBPARSERS, 1)
    hint = ""
    if command and not near:
        hint = f"; did you mean the command 'verify-exit {command[0]}'?"
    elif near:
        hint = f"; did you mean {str(given.with_name(near[0]))!r}?"
    raise UserError("input-not-found", f"{printable(path)}: no such file{hint}")

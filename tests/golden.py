# SPDX-License-Identifier: BSD-2-Clause
"""Outputs that are compared exactly, with the files in ``tests/golden/``.

``VERIFY_EXIT_GOLDEN=1`` in the environment writes the files anew instead: read the difference before it is kept.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent / "golden"
VARIABLE = "VERIFY_EXIT_GOLDEN"


def check(path: str, text: str) -> None:
    """Hold ``text`` to the file ``path`` under ``tests/golden/``, byte by byte (UTF-8, line ends as they are)."""
    file = DIRECTORY / path
    if os.environ.get(VARIABLE) == "1":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("utf-8"))
        return
    assert file.is_file(), f"no {path} in tests/golden: {VARIABLE}=1 writes it"
    expected = file.read_bytes().decode("utf-8")
    if text != expected:
        changed = difflib.unified_diff(expected.split("\n"), text.split("\n"), path, "this run", lineterm="", n=2)
        raise AssertionError("\n".join(["differs from the golden file", *changed]))

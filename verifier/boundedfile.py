# SPDX-License-Identifier: BSD-2-Clause
"""A file that the user named, read with a bound: a device, a FIFO or a huge file ends in one line."""

from __future__ import annotations

from pathlib import Path

from verifier.model import UserError
from verifier.reads import note
from verifier.toml_table import one_line


def read(path: Path, limit: int, what: str, missing: str, invalid: str) -> bytes:
    """The bytes of ``path``, at most ``limit``; ``what`` names its kind in messages ("a waivers file").

    Raises UserError ``missing`` for what is not there or cannot be read, ``invalid`` for what is too
    large; the exit code is 2.
    """
    shown = one_line(path)
    note(path)
    try:
        # Opening a FIFO or a device would block or never end.
        if not path.is_file():
            state = "not a regular file" if path.exists() else "no such file"
            raise UserError(missing, f"{shown}: {state}; name {what}", 2)
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise UserError(missing, f"{shown}: cannot be read ({error.strerror}); check its permissions", 2) from error
    except ValueError as error:  # a NUL in the name
        raise UserError(missing, f"{shown}: {one_line(error)}; name {what}", 2) from error
    if len(content) > limit:
        raise UserError(invalid, f"{shown}: larger than {limit} bytes, which {what} is not", 2)
    return content

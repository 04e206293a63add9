# SPDX-License-Identifier: BSD-2-Clause
"""Which files a run reads, for whoever wants to know when to run again.

Each place that reads a file of the user's says so with ``note``, before it
reads; ``recorded`` collects what is noted inside its block. A run that fails
half-way has still noted what it read until then. Outside such a block a note
costs one look at a variable.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

MOST = 4096
"""Files that are remembered of one run: a source may include far more, and each is looked at many times."""

Stamp = tuple[int, int, int] | None
"""Modification time in nanoseconds, size in bytes, inode; None: there is no such file."""

_seen: ContextVar[dict[str, Stamp] | None] = ContextVar("verify-exit-reads", default=None)


@contextmanager
def recorded() -> Iterator[dict[str, Stamp]]:
    """Absolute name → stamp of every file that the block notes; the stamp is that of its first note."""
    seen: dict[str, Stamp] = {}
    token = _seen.set(seen)
    try:
        yield seen
    finally:
        _seen.reset(token)
        outer = _seen.get()
        if outer is not None:
            for name, found in seen.items():
                outer.setdefault(name, found)


def note(name: str | os.PathLike[str], directory: str | None = None) -> None:
    """The run depends on the file ``name``, also if it is not there; it is named from ``directory`` (default: here)."""
    seen = _seen.get()
    if seen is None or len(seen) >= MOST:
        return
    full = os.path.abspath(Path(directory or ".") / name)
    if full not in seen:
        seen[full] = stamp(full)


def bring(noted: Mapping[str, Stamp]) -> None:
    """Note what another process has recorded, with its stamps."""
    seen = _seen.get()
    if seen is None:
        return
    for name, what in noted.items():
        if len(seen) < MOST:
            seen.setdefault(name, what)


def stamp(name: str) -> Stamp:
    """What a file looks like from outside; it changes when the file is saved, also by renaming another one to it."""
    try:
        facts = Path(name).stat()
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino

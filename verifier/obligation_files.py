# SPDX-License-Identifier: BSD-2-Clause
"""Obligations as files of a directory, one each, with an index.

Nothing is written outside the directory, no link is followed and no file that
this module did not write is touched: a directory that holds anything else is
refused. File names are made of numbers and our own words, never of names from
the input.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from verifier import __version__
from verifier.model import UserError
from verifier.obligation_text import Obligation

INDEX = "index.json"
FORMAT = "verify-exit obligations 1"
_OURS = re.compile(r"[0-9]{4,7}-[a-z0-9.+-]{1,100}\.(smt2|cnf|proof)")


def file_names(obligations: Sequence[Obligation]) -> tuple[str, ...]:
    """A name for each obligation's file: number, exit, clause and configurations."""
    return tuple(f"{number:04}-{_slug(one)}.smt2" for number, one in enumerate(obligations, 1))


def write(
    obligations: Sequence[Obligation], directory: str, notes: Mapping[str, Sequence[str]] | None = None
) -> tuple[str, ...]:
    """Write every obligation and ``index.json``; gives the names of the files.

    ``notes`` are further lines of comment for the obligations of an input, by its path: the
    assumptions. The directory is made if it does not exist; its parent must.
    Raises UserError ``emit-smt2`` (exit code 2).
    """
    names = file_names(obligations)
    files: dict[str, str] = {}
    rows = []
    for name, one in zip(names, obligations, strict=True):
        files[name] = text = one.text((notes or {}).get(one.about.path, ()))
        rows.append(_row(name, one, text))
    index = {"format": FORMAT, "tool": f"verify-exit {__version__}", "obligations": rows}
    files[INDEX] = json.dumps(index, indent=1, ensure_ascii=True) + "\n"
    write_files(directory, files, "emit-smt2", FORMAT)
    return names


def write_files(directory: str, files: Mapping[str, str], code: str, mark: str) -> None:
    """Replace what an earlier run left in a directory by these files; ``mark`` is the format in its index.

    Raises UserError of that code (exit code 2).
    """
    handle = _open(directory, code)
    try:
        old = _earlier(handle, directory, code, mark)
        for name in old:
            os.unlink(name, dir_fd=handle)
        for name, text in files.items():
            _write(handle, name, text)
    except OSError as error:
        raise UserError(code, f"{directory!r}: {error.strerror}; choose a directory that can be written", 2) from None
    finally:
        os.close(handle)


def _row(name: str, one: Obligation, text: str) -> dict[str, object]:
    place = one.location
    return {
        "file": name,
        "sha256": hashlib.sha256(text.encode("ascii")).hexdigest(),
        "id": one.id,
        "input": one.about.path,
        "input_sha256": one.about.sha256,
        "entry": one.about.entry,
        "exit": None if place is None else {"symbol": place.symbol, "offset": place.offset, "address": place.address},
        "subject": one.subject,
        "configurations": [":".join(config) for config in one.configs],
        "expected": one.expected,
    }


def _slug(one: Obligation) -> str:
    configs = "all" if len(one.configs) in (0, 4) else "+".join("-".join(config) for config in one.configs)
    where = f"{one.about.address:x}" if one.location is None else f"{one.location.address:x}"
    return f"{where}-{one.subject}-{configs}"


def _open(directory: str, code: str) -> int:
    """A handle on the directory, which is made if need be and must not be a link."""
    try:
        Path(directory).mkdir(exist_ok=True)
        return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        text = f"{directory!r} cannot be used as a directory: {why}; name a new one, not a link"
        raise UserError(code, text, 2) from None


def _earlier(handle: int, directory: str, code: str, mark: str) -> list[str]:
    """The files of an earlier run; UserError if there is anything else."""
    found = sorted(os.listdir(handle))
    foreign = [name for name in found if not _is_ours(handle, name)]
    if found and not foreign and not _marked(handle, mark):
        foreign = [INDEX]
    if foreign:
        text = f"{directory!r} holds {foreign[0]!r}, which is no file of this kind; name a new or empty directory"
        raise UserError(code, text, 2)
    return found


def _is_ours(handle: int, name: str) -> bool:
    if name != INDEX and _OURS.fullmatch(name) is None:
        return False
    return stat.S_ISREG(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode)


def _marked(handle: int, mark: str) -> bool:
    try:
        descriptor = os.open(INDEX, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as file:
        return json.dumps({"format": mark}, indent=1)[:-2].encode() in file.read(200)


def _write(handle: int, name: str, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o666, dir_fd=handle), "w", encoding="ascii", newline="\n") as file:
        file.write(text)


def assumption_notes(assumptions: Iterable[tuple[str, str, str]]) -> tuple[str, ...]:
    """Lines of comment from (id, text, source) of each assumption."""
    return ("Assumptions of the verdict:", *(f"  {name}: {text} [{source}]" for name, text, source in assumptions), "")

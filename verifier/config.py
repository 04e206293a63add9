# SPDX-License-Identifier: BSD-2-Clause
"""The configuration of a project: ``verify-exit.toml`` or ``[tool.verify-exit]`` in ``pyproject.toml``.

Where it is found and what it says (docs/configuration.md); which files it means is in ``targets``.
Everything that is wrong with it is a UserError of one line with exit code 2: a configuration that is half
understood would be a gate that checks half.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from verifier.configvalues import Place, known, read, seen_from_here
from verifier.globs import Glob
from verifier.model import UserError
from verifier.options import Options
from verifier.reads import note
from verifier.records import record
from verifier.settings import FILE_KEYS, RUN_KEYS, TARGET_KEYS, Key, RunSettings, Settings, over
from verifier.source import read_input
from verifier.toml_table import LONG_KEY, kind, one_line

NAME = "verify-exit.toml"
PYPROJECT = "pyproject.toml"
TABLE = "verify-exit"
"""The table of ``pyproject.toml``, below ``tool``."""

MAX_BYTES = 1 << 20
MAX_TARGETS = 1000

_TOP = (*FILE_KEYS, *RUN_KEYS, Key("target", "tables", "the files to verify"))
_IN_TARGET = (*TARGET_KEYS, *FILE_KEYS)


@record
class Target:
    """One ``[[target]]``: its number from 1, its files, and what it says of them."""

    number: int
    name: str
    paths: tuple[Glob, ...]
    exclude: tuple[Glob, ...]
    settings: Settings

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"target {self.number}" + (f" ({self.name})" if self.name else "")

    def matches(self, key: str) -> bool:
        """Whether a path, relative to the configuration's directory, is one of its files."""
        return any(glob.matches(key) for glob in self.paths) and not any(glob.matches(key) for glob in self.exclude)


@record
class Config:
    """A configuration file as it was read.

    ``file`` is its name from the current directory, ``root`` its directory (absolute, without links).
    ``settings`` is what its top level says of all files.
    """

    file: str
    root: Path
    settings: Settings
    targets: tuple[Target, ...]
    run: RunSettings

    @property
    def defaults(self) -> Options:
        """The options of files that no target has."""
        return self.settings.options

    def options(self, target: Target) -> Options:
        """The options of a target's files."""
        return over(target.settings, self.settings).options


def find(start: Path) -> Path | None:
    """The configuration file for a directory: the nearest one in it or above it, up to the repository's root.

    In one directory ``verify-exit.toml`` comes before ``pyproject.toml``, which counts if it has the
    table. The search ends at a directory with ``.git``, at the root of the file system, and below a
    directory of another owner than ``start``, so that nobody else's file in /tmp or /home decides.

    Raises UserError config-unreadable, config-too-large or config-invalid for a ``pyproject.toml`` that mentions
    verify-exit and cannot be read.
    """
    here = start
    try:
        here = Path(os.path.realpath(start))
        owner = here.stat().st_uid
        while here.stat().st_uid == owner:
            for name in (NAME, PYPROJECT):
                candidate = here / name
                note(candidate)
                if os.path.lexists(candidate) and (name == NAME or has_table(candidate)):
                    return candidate
            if here.parent == here or os.path.lexists(here / ".git"):
                return None
            here = here.parent
    except OSError as error:
        text = f"{one_line(_named(here))}: cannot be searched for {NAME}: {error.strerror or error}"
        raise UserError("config-unreadable", text, 2) from None
    return None


def load(path: Path) -> Config:
    """The configuration in a file; one that is called ``pyproject.toml`` has it in ``[tool.verify-exit]``.

    Raises UserError with exit code 2: config-not-found, config-unreadable, config-too-large,
    config-invalid (not TOML, or not the table), config-unknown-key, config-bad-type, config-bad-value,
    config-outside (a path leads out of the configuration's directory) and config-too-many (targets).
    """
    file = one_line(_named(path))
    table = _parsed(path)
    if path.name == PYPROJECT:
        own = _tool_table(table, file)
        if own is None:
            raise UserError("config-invalid", f"{file}: has no table [tool.{TABLE}]", 2)
        table = own
        file = f"{file} [tool.{TABLE}]"
    root = Path(os.path.realpath(path.parent))
    return _config(table, Place(file, root, seen_from_here(root)))


def _parsed(path: Path) -> Mapping[str, object]:
    """The TOML document in a file."""
    name = one_line(_named(path))
    text = _text(path)
    if LONG_KEY.search(text):
        raise UserError("config-invalid", f"{name}: has a key of more than 32 parts", 2)
    try:
        return tomllib.loads(text)
    # ValueError is also raised for an integer with more digits than Python converts.
    except (ValueError, RecursionError) as error:
        raise UserError("config-invalid", f"{name}: not valid TOML: {one_line(error)[:200]}", 2) from None


def _text(path: Path) -> str:
    name = one_line(_named(path))
    try:
        return read_input(path, MAX_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError("config-invalid", f"{name}: not valid TOML: byte {error.start} is not UTF-8", 2) from None
    except UserError as error:
        if error.code == "input-too-large":
            raise UserError("config-too-large", f"{name}: larger than {MAX_BYTES >> 20} MiB", 2) from None
        if not os.path.lexists(path):
            raise UserError("config-not-found", f"{name}: no such file", 2) from None
        reason = error.message.rpartition(": ")[2]
        raise UserError("config-unreadable", f"{name}: cannot be read: {reason}", 2) from None


def has_table(path: Path) -> bool:
    """Whether a ``pyproject.toml`` has our table.

    One that never says our name is not even parsed. Raises like ``find``.
    """
    return TABLE in _text(path) and _tool_table(_parsed(path), one_line(_named(path))) is not None


def _tool_table(document: Mapping[str, object], file: str) -> Mapping[str, object] | None:
    tool = document.get("tool", {})
    table = tool.get(TABLE) if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise UserError("config-bad-type", f"{file}: tool.{TABLE} must be a table, not {kind(table)}", 2)
    return table


def _config(table: Mapping[str, object], place: Place) -> Config:
    known(place, table, _TOP, TARGET_KEYS, "in a [[target]]")
    settings = Settings(**read(place, table, FILE_KEYS))
    run = RunSettings(**read(place, table, RUN_KEYS))
    entries = table.get("target", [])
    if not isinstance(entries, list):
        raise place.wrong_type("target", "an array of tables, each written [[target]]", entries)
    if len(entries) > MAX_TARGETS:
        raise place.wrong("too-many", "target", f"is there {len(entries)} times; the limit is {MAX_TARGETS}")
    targets = tuple(_target(place, number, entry) for number, entry in enumerate(entries, 1))
    return Config(place.where, place.root, settings, targets, run)


def _target(above: Place, number: int, entry: object) -> Target:
    place = Place(f"{above.where}: target {number}", above.root, above.seen)
    if not isinstance(entry, dict):
        raise above.wrong_type("target", "an array of tables, each written [[target]]", entry)
    known(place, entry, _IN_TARGET, RUN_KEYS, "at the top level, above the first [[target]]")
    of_target = read(place, entry, TARGET_KEYS)
    if "path" not in of_target:
        raise place.wrong("bad-value", "path", "is missing; name a file, a glob, or a list of these")
    settings = Settings(entry=of_target.get("entry"), **read(place, entry, FILE_KEYS))
    return Target(number, of_target.get("name", ""), of_target["path"], of_target.get("exclude", ()), settings)


def _named(path: Path) -> str:
    """A path from the current directory: no name of this machine's directories goes into an output."""
    return os.path.relpath(path)

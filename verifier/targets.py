# SPDX-License-Identifier: BSD-2-Clause
"""Which files a configuration means, and with which options each is verified."""

from __future__ import annotations

import os
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from verifier import globs
from verifier.config import Config, Target
from verifier.configvalues import Place, seen_from_here, shown
from verifier.globs import Glob
from verifier.model import UserError
from verifier.options import Options
from verifier.records import record
from verifier.settings import ADDED
from verifier.toml_table import one_line

MAX_NAMES = 2_000_000
"""Names of files and directories that are looked at to find all targets."""

MAX_JOBS = 10_000


@record
class Job:
    """A file to verify: ``path`` from the current directory, ``key`` from the configuration's with "/".

    ``target`` is the target that says so, None for a file of the command line that is in none.
    """

    path: str
    key: str
    options: Options
    target: Target | None = None


def expand(config: Config) -> tuple[Job, ...]:
    """Every file of every target, in the order of the targets and then of the names; exact duplicates once.

    Raises UserError with exit code 2: config-no-targets, config-no-match (a path that matches no file, or a
    target of which nothing is left: a gate must not pass because nothing was looked at), config-outside,
    config-unreadable and config-too-many.
    """
    if not config.targets:
        text = f"{config.file}: has no [[target]], so that there is nothing to verify; name files, or write one"
        raise UserError("config-no-targets", text, 2)
    jobs: dict[tuple[str, Options], Job] = {}
    left = MAX_NAMES
    for target in config.targets:
        place = Place(f"{config.file}: {target.title}", config.root, seen_from_here(config.root))
        options = config.options(target)
        keys: set[str] = set()
        for glob in target.paths:
            found, looked_at = _files(place, glob, left)
            left -= looked_at
            keys.update(found)
        kept = sorted(key for key in keys if not any(glob.matches(key) for glob in target.exclude))
        if not kept:
            raise place.wrong("no-match", "exclude", "leaves out every file that path matches")
        for key in kept:
            jobs.setdefault((key, options), Job(place.path(key), key, options, target))
        if len(jobs) > MAX_JOBS:
            raise place.wrong("too-many", "path", f"brings the files to verify above {MAX_JOBS}; narrow it")
    return tuple(jobs.values())


def for_path(config: Config, path: str) -> tuple[Job, ...]:
    """The jobs for a path of the command line: one for each target that has it, with different options.

    A file that no target has is verified once, with what the top level says.
    """
    key = key_of(config.root, path)
    jobs: dict[Options, Job] = {}
    for target in config.targets:
        if target.matches(key):
            options = config.options(target)
            jobs.setdefault(options, Job(path, key, options, target))
    return tuple(jobs.values()) or (Job(path, key, config.defaults),)


def key_of(root: Path, path: str) -> str:
    """A path of the current directory as seen from ``root``: a link in its directories counts as what it leads to."""
    try:
        directory, name = os.path.split(path)
        key = os.path.relpath(f"{os.path.realpath(directory or '.')}/{name}", root)
    except ValueError:  # a NUL
        return path
    return key


def merge(upper: Options, lower: Options) -> Options:
    """What the command line (``upper``) and a configuration (``lower``) say together.

    A value that is told above replaces the one below, lists too; only include_dirs and defines add up,
    the upper ones last, so that a macro of the command line wins. A flag counts if either has it.
    """
    default = Options()
    values: dict[str, Any] = {}
    for field in fields(Options):
        above, under = getattr(upper, field.name), getattr(lower, field.name)
        if field.name in ADDED:
            values[field.name] = under + above
        else:
            values[field.name] = under if above == getattr(default, field.name) else above
    return Options(**values)


def _files(place: Place, glob: Glob, limit: int) -> tuple[tuple[str, ...], int]:
    """The keys of the files that a pattern means, at least one, and how many names were looked at."""
    try:
        if glob.literal is not None:
            return (_one_file(place, glob.literal),), 1
        found, looked_at = globs.search(place.root, glob, limit)
    except globs.TooMany:
        text = f"{shown(glob.text)}: more than {MAX_NAMES} names were looked at; start it with a directory"
        raise place.wrong("too-many", "path", text) from None
    except OSError as error:
        where = one_line(error.filename or glob.text)
        raise place.wrong("unreadable", "path", f"{shown(glob.text)}: {where}: {error.strerror or error}") from None
    if not found:
        raise place.wrong("no-match", "path", f"{shown(glob.text)} matches no file")
    return found, looked_at


def _one_file(place: Place, name: str) -> str:
    path = place.root / name
    if not path.exists():
        names = sorted(one.name for one in path.parent.iterdir()) if path.parent.is_dir() else []
        near = get_close_matches(path.name, names, 1)
        hint = f"; did you mean {shown(str(Path(name).with_name(near[0])))}?" if near else ""
        raise place.wrong("no-match", "path", f"{shown(name)}: no such file{hint}")
    if not globs.below(place.root, name):
        text = f"{shown(name)} is a link that leads out of the directory of the configuration file"
        raise place.wrong("outside", "path", text)
    if not path.is_file():
        raise place.wrong(
            "no-match", "path", f"{shown(name)} is not a file; for those in a directory write it with /**/*.S"
        )
    return name

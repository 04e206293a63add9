# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit init``: a first ``verify-exit.toml``, from a look at the tree, with a comment on every guess."""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.console import Parser, say, write_out
from verifier.model import Defect, UserError

if TYPE_CHECKING:
    from verifier.scan import Source, Tree

MAX_TARGETS = 500
_NAMED = 5  # symbols in a comment
_NOTES = 20
_DATABASES = 4
_INSTRUCTIONS = {"sysret": "SYSRET", "sysexit": "SYSEXIT", "iret": "IRET"}

_HEAD = """\
# What verify-exit checks here: 'verify-exit' alone verifies every target below.
# Written by 'verify-exit init' after one look at the files: correct what it guessed. Then
#   verify-exit --show-config     says what counts, and where each value is from
#   verify-exit --gate strict     is for CI

# For every target, unless it says otherwise (a '#' in front: not told, and the default is shown):
"""

_DEFAULTS = {
    "profile": '"equivalence"',
    "vendor": '"both"',
    "paging": '"both"',
    "timeout": "600",
    "include_dirs": '["include"]',
    "defines": '["CONFIG_X=1"]',
    "build": '"build"',
}

_RUN = """
# For CI. What the gate lets through, what is known already, and what somebody answers for:
# gate = "strict"                            # or "advisory", or "new-only" with a baseline
# baseline = "verify-exit.baseline.json"     # a report that --format json=FILE wrote
# waivers = "verify-exit.waivers.toml"
# strict = true                              # a waiver that waives nothing fails the run
# formats = ["text", "json=verify-exit.json"]
"""

_NOTHING = """
# No source with SYSRET, SYSEXIT or IRET was found here. A target looks like this:
# [[target]]
# path = "src/**/exit*.S"     # a file, a glob, or a list of these, from this file's directory
# entry = "exit_to_user"      # where execution starts; "auto" looks for it
"""

_LEFT_OUT = """
# These have no SYSRET, and nothing in them says that they return to user space from 64-bit code. To have
# one checked, take the '#' off; check_iret judges its IRET.
"""


def init_parser() -> argparse.ArgumentParser:
    """The parser of ``verify-exit init``."""
    parser = Parser(
        prog="verify-exit init",
        description="Write a verify-exit.toml with a target for each source that returns to user space, as far as one "
        "look can tell. A file that is there is never overwritten.",
        allow_abbrev=False,
    )
    parser.add_argument("directory", nargs="?", default=".", metavar="DIR", help="default: the current directory")
    parser.add_argument("--print", action="store_true", dest="only_print", help="print it, and write nothing")
    return parser


def init(words: Sequence[str]) -> int:
    """``verify-exit init``: the exit status.

    Raises UserError with exit code 2: config-exists, config-not-found (no such directory), output-unwritable.
    """
    from verifier.config import NAME
    from verifier.scan import scan

    parsed = init_parser().parse_args(words)
    directory = Path(parsed.directory)
    if not os.path.isdir(directory):
        raise UserError("config-not-found", f"{parsed.directory}: no such directory", 2)
    if not parsed.only_print:
        _must_be_free(directory)
    tree = scan(directory)
    text = configuration(tree, directory)
    for note in tree.notes[:_NOTES]:
        say(f"note: {note}")
    if parsed.only_print:
        return write_out(text)
    file = directory / NAME
    try:
        # "x": what somebody else wrote in the meantime stays.
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise _exists(file) from None
    except OSError as error:
        raise UserError("output-unwritable", f"{file}: {error.strerror or error}", 2) from None
    count = sum(line == "[[target]]" for line in text.split("\n"))
    targets = "1 target" if count == 1 else f"{count} targets"
    say(f"wrote {file} with {targets}; look through it, then run verify-exit --show-config")
    return 0


def configuration(tree: Tree, root: Path) -> str:
    """The text of a configuration for what was found below ``root``; ``config.load`` accepts it."""
    usable = [(source, _pattern(source.path)) for source in tree.sources]
    active = [source for source, path in usable if path is not None and _is_active(source)]
    passive = [source for source, path in usable if path is not None and not _is_active(source)]
    lines = [*_HEAD.rstrip("\n").split("\n"), *_default_lines(), *_RUN.rstrip("\n").split("\n")]
    for source in active[:MAX_TARGETS]:
        lines += ["", *_target(source, tree, root)]
    if not active and not passive:
        lines += _NOTHING.rstrip("\n").split("\n")
    if passive:
        lines += _LEFT_OUT.rstrip("\n").split("\n")
    for source in passive[:MAX_TARGETS]:
        lines += ["#", *(f"# {line}" for line in _target(source, tree, root))]
    left_out = max(0, len(active) - MAX_TARGETS) + max(0, len(passive) - MAX_TARGETS)
    notes = [f"{left_out} more files were found; a glob in path takes many"] if left_out else []
    unnameable = [_safe(source.path) for source, path in usable if path is None]
    notes += [f"{path}: a name that is not UTF-8 cannot stand here; a glob matches it" for path in unnameable]
    notes += [_safe(note) for note in tree.notes]
    if notes:
        lines += ["", "# Notes:", *(f"# {note}" for note in notes[:_NOTES])]
    text = "\n".join(lines) + "\n"
    try:
        tomllib.loads(text)
    except ValueError as error:
        raise Defect(f"init wrote what is not TOML: {error}") from error
    return text


def _default_lines() -> Iterator[str]:
    """The keys for files, each in a comment with what it means."""
    from verifier.configvalues import written
    from verifier.options import DEFAULT_CONTRACT
    from verifier.settings import FILE_KEYS

    examples = {"contract": written(DEFAULT_CONTRACT), **_DEFAULTS}
    for key in FILE_KEYS:
        if key.name in examples:
            values = f": {', '.join(key.values)}" if key.values else ""
            yield f"# {key.name} = {examples[key.name]}".ljust(32) + f"  # {key.meaning}{values}"
    others = ", ".join(key.name for key in FILE_KEYS if key.name not in examples)
    yield f"# Also: {others}."


def _target(source: Source, tree: Tree, root: Path) -> Iterator[str]:
    """The lines of one target: what was seen, in comments, and the keys that the file needs."""
    from verifier.configvalues import written

    yield "[[target]]"
    yield f"path = {_pattern(source.path)}"
    if source.exits:
        yield f"# It has {', '.join(_INSTRUCTIONS[name] for name in source.exits)}."
    if source.header.contract is not None:
        yield f"# contract: its header says {_safe(source.header.contract)}"
    elif (contract := _contract_of(source.symbols)) is not None:
        yield f"contract = {written(contract)}  # whose entry points it has"
    if source.symbols:
        more = f" and {len(source.symbols) - _NAMED} more" if len(source.symbols) > _NAMED else ""
        yield f"# Global symbols: {', '.join(map(_safe, source.symbols[:_NAMED]))}{more}"
    if source.header.entries or "--entry" in source.header.args:
        yield f"# entry: its header says {_safe(', '.join(source.header.entries) or 'it in ARGS')}"
    elif len(source.symbols) == 1:
        yield "# entry: the one global symbol"
    else:
        yield 'entry = "auto"  # better: the symbol at which the registers of the user are in the frame'
    if "iret" in source.exits and not _is_active(source):
        yield "check_iret = true"
    build = next((name for name in tree.databases[:_DATABASES] if _is_built_by(root, source.path, name)), None)
    if build is not None:
        yield f"build = {written(build)}"


def _is_active(source: Source) -> bool:
    return "sysret" in source.exits or source.header.contract is not None or bool(source.header.entries)


def _is_built_by(root: Path, path: str, database: str) -> bool:
    """Whether a compilation database has the flags of a source."""
    from verifier.buildflags import build_of

    try:
        return build_of(root / path, str(root / database)) is not None
    except (OSError, UserError):
        return False


def _contract_of(symbols: Sequence[str]) -> str | None:
    """The shipped contract of which a file has most entry points; None if it has none of any."""
    from verifier.contract import contract_names, load_contract

    found = []
    for name in contract_names():
        contract = load_contract(name)
        count = len({*contract.entry_symbols, *contract.raw_entries} & set(symbols))
        if count:
            found.append((-count, name))
    return min(found)[1] if found else None


def _must_be_free(directory: Path) -> None:
    """Raise UserError config-exists if the directory has a configuration."""
    from verifier.config import NAME, PYPROJECT, has_table

    for file in (directory / NAME, directory / PYPROJECT):
        if (file.is_symlink() or file.exists()) and (file.name == NAME or has_table(file)):
            raise _exists(file)


def _exists(file: Path) -> UserError:
    text = f"{file}: there is a configuration already; --print shows what init would write, to compare"
    return UserError("config-exists", text, 2)


def _pattern(path: str) -> str | None:
    """The TOML string of a pattern for exactly this file; None if TOML cannot hold its name."""
    from verifier.configvalues import written
    from verifier.globs import escaped

    try:
        return written(escaped(path))
    except ValueError:
        return None


def _safe(text: str) -> str:
    """Text of a file for a comment: one line, nothing that a terminal obeys, not endless."""
    from verifier.report.words import clean

    shown = clean(text)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"

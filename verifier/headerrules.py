# SPDX-License-Identifier: BSD-2-Clause
"""What the header lines of a file may choose: the file is untrusted, and so are they.

Options that write, or that believe a second file (``-p``, ``--symbols``), are
for the command line. A directory or a contract's file is relative to the file
and below its directory, wherever links lead. Everything else in Options only
says what is asked, and is in the report.
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import NoReturn

from verifier.includes import allowed, real_path
from verifier.model import UserError
from verifier.options import Options
from verifier.source import printable

_FREE = frozenset({"entries", "profile", "configs", "defines", "timeout", "rlimit", "frame", "check_iret"})
_BELOW = frozenset({"contract", "include_dirs"})


def confined(header: Options, path: Path) -> Options:
    """The options of the header lines of the file at ``path``, with paths as seen from the current directory.

    Raises UserError("header-bad-args", exit code 2) for an option or a path
    that a header may not have.
    """
    for field in fields(Options):
        if field.name not in _FREE | _BELOW and getattr(header, field.name) != field.default:
            flag = {"build": "-p"}.get(field.name, "--" + field.name.replace("_", "-"))
            _refuse(path, f"{flag} is for the command line; a file under test does not choose it")
    directories = tuple(_below(path, name, "-I") for name in header.include_dirs)
    contract = header.contract
    if contract is not None and ("/" in contract or contract.endswith(".toml")):
        contract = _below(path, contract, "the contract")
    return replace(header, include_dirs=directories, contract=contract)


def _below(path: Path, name: str, what: str) -> str:
    """The name from the current directory, if it is in or below the file's directory."""
    home = str(path.parent)
    found = None if name.startswith("/") else real_path(name, home)
    if found is None or not any(Path(found).is_relative_to(root) for root in allowed([home]).roots):
        _refuse(path, f"{what} {name[:200]!r} is not below the directory of the file; give it on the command line")
    return f"{home}/{name}" if home != "." else name


def _refuse(path: Path, what: str) -> NoReturn:
    raise UserError("header-bad-args", printable(f"{path}: the header: {what}"), 2)

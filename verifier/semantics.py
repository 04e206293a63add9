# SPDX-License-Identifier: BSD-2-Clause
"""The instruction semantics as text that a person can check: which files, and their digest.

``specs/isa/*.smt2`` say in SMT-LIB what the functions of ``verifier.isa`` compute; that they say the same is held by
tests (``tests/evidence/test_isa_semantics.py``). A report names the digest, so that it is known which text it is about.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from verifier.contract import specs_dir
from verifier.model import UserError


def files() -> tuple[Path, ...]:
    """The files, sorted by name.

    Raises UserError ``contract-not-found`` (exit code 2) if this installation has none.
    """
    found = tuple(sorted((specs_dir() / "isa").glob("*.smt2")))
    if not found:
        text = "the instruction semantics that ship with verify-exit are missing; reinstall it"
        raise UserError("contract-not-found", text, 2)
    return found


@lru_cache(maxsize=1)
def digest() -> str:
    """SHA-256 over name, size and content of each file, in hexadecimal: the same for the same text anywhere."""
    return digest_of({path.name: path.read_bytes() for path in files()})


def digest_of(contents: dict[str, bytes]) -> str:
    """The digest of files given by name: of the lines ``NAME SIZE`` with the content behind each, sorted by name."""
    hashed = hashlib.sha256()
    for name in sorted(contents):
        hashed.update(f"{name} {len(contents[name])}\n".encode())
        hashed.update(contents[name])
    return hashed.hexdigest()

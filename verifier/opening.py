# SPDX-License-Identifier: BSD-2-Clause
"""What a run knows before any analysis: the file, what was asked of it, the contract, and the code's bytes.

Nothing here imports the lifter or a solver: a result that is remembered is found with no more than this.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from verifier import __version__
from verifier.assemble import assemble, assembler_versions
from verifier.buildflags import build_of
from verifier.contract import Contract, load_contract
from verifier.headerrules import confined
from verifier.model import Defect, UserError
from verifier.options import Options, from_words, resolve, with_header
from verifier.records import record
from verifier.semantics import digest
from verifier.source import SourceHeader, parse_header, read_input
from verifier.unpack import is_container, unpack

IMAGE_BYTES = 1 << 30
"""Largest object or kernel image, and largest file of symbols."""
ELF = b"\x7fELF"
_TRUSTED = ("pyvex", "archinfo", "claripy", "z3-solver", "capstone", "unicorn")


@record
class Input:
    """A file as it was read: its bytes, their SHA-256, and the header lines if it is a source."""

    path: Path
    data: bytes
    digest: str
    is_source: bool
    header: SourceHeader


@record
class Code:
    """The ELF file that an input is, holds or assembles to.

    ``container`` says what it was unpacked from, ``version`` is the kernel's own there, and
    ``symbols`` are the bytes of the file of symbols.
    """

    data: bytes
    container: str
    version: str
    symbols: bytes | None


@record
class Opened:
    """One input with everything that was asked of it: ``options`` as they were told, ``chosen`` complete."""

    given: Input
    code: Code
    contract: Contract
    options: Options
    chosen: Options


def read(path: Path) -> Input:
    """Read a file. Raises UserError (exit code 4)."""
    is_source = path.suffix in (".S", ".s")
    data = read_input(path) if is_source else read_input(path, IMAGE_BYTES)
    header = parse_header(data.decode("utf-8", "surrogateescape"), str(path)) if is_source else SourceHeader()
    return Input(path, data, hashlib.sha256(data).hexdigest(), is_source, header)


def opened(path: Path, options: Options) -> Opened:
    """Read, choose, and assemble or unpack. Raises UserError for what the user can mend."""
    given = read(path)
    header = given.header
    from_header = with_header(from_words(header.args, str(path)), header.entries, header.contract)
    chosen = resolve(options, confined(from_header, path))
    if chosen.contract is None:
        raise Defect("resolve() fills these in")
    contract = load_contract(chosen.contract, path.parent if options.contract is None else None)
    return Opened(given, code_of(given, chosen), contract, options, chosen)


def code_of(given: Input, chosen: Options) -> Code:
    """The code of an input. Raises UserError."""
    path = str(given.path)
    container, version = "", ""
    if given.is_source:
        if chosen.symbols is not None:
            raise UserError("bad-symbols", f"{path}: --symbols goes with an executable; a source has its own", 2)
        build = build_of(given.path, chosen.build)
        container = f"built as {build.origin} says" if build is not None else ""
        code = assemble(
            given.path,
            chosen.include_dirs,
            chosen.defines,
            build=build,
            allow_include=chosen.allow_include,
            data=given.data,
        )
    elif given.data.startswith(ELF):
        code = given.data
    else:
        unpacked = unpack(given.data, path)
        code, version = unpacked.data, unpacked.version
        container = ", ".join(part for part in (unpacked.container, unpacked.version) if part)
    symbols: bytes | None = None
    if chosen.symbols is not None:
        symbols = read_input(Path(chosen.symbols), IMAGE_BYTES)
        if not symbols.startswith(ELF) and is_container(symbols):
            symbols = unpack(symbols, chosen.symbols).data
    return Code(code, container, version, symbols)


@lru_cache(maxsize=1)
def tool() -> tuple[tuple[str, str], ...]:
    """Name and version of everything that a verdict rests on."""
    return (
        ("verify-exit", __version__),
        *((name, version(name)) for name in _TRUSTED),
        *assembler_versions(),
        ("semantics", digest()),
    )

# SPDX-License-Identifier: BSD-2-Clause
"""From a path to an image that is ready to be explored: read, unpack or assemble, load, patch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from verifier.assemble import assemble
from verifier.buildflags import build_of
from verifier.contract import Contract
from verifier.loader import load
from verifier.model import Image, UserError
from verifier.options import Options
from verifier.patching import Patching, with_patches
from verifier.patchspec import load_tables
from verifier.source import SourceHeader, parse_header, read_input
from verifier.thunks import with_thunks
from verifier.unpack import is_container, unpack

IMAGE_BYTES = 1 << 30
"""Largest object or kernel image, and largest file of symbols."""
_ELF = b"\x7fELF"


@dataclass(frozen=True, slots=True)
class Input:
    """A file as it was read: its bytes, their SHA-256, and the header lines if it is a source."""

    path: Path
    data: bytes
    digest: str
    is_source: bool
    header: SourceHeader


@dataclass(frozen=True, slots=True)
class Loaded:
    """An image with what goes with it.

    ``container`` says what it was unpacked from; ``debug`` are the bytes that may have line numbers.
    """

    image: Image
    patching: Patching
    container: str
    debug: bytes


def read(path: Path) -> Input:
    """Read a file. Raises UserError (exit code 4)."""
    is_source = path.suffix in (".S", ".s")
    data = read_input(path) if is_source else read_input(path, IMAGE_BYTES)
    header = parse_header(data.decode("utf-8", "surrogateescape"), str(path)) if is_source else SourceHeader()
    return Input(path, data, hashlib.sha256(data).hexdigest(), is_source, header)


def prepare(given: Input, chosen: Options, contract: Contract) -> Loaded:
    """The image of an input as the contract's kernel runs it. Raises UserError."""
    path = str(given.path)
    container, version = "", ""
    if given.is_source:
        if chosen.symbols is not None:
            raise UserError("bad-symbols", f"{path}: --symbols goes with an executable; a source has its own", 2)
        build = build_of(given.path, chosen.build)
        container = f"built as {build.origin} says" if build is not None else ""
        code = assemble(
            given.path, chosen.include_dirs, chosen.defines, build=build, allow_include=chosen.allow_include
        )
    elif given.data.startswith(_ELF):
        code = given.data
    else:
        unpacked = unpack(given.data, path)
        code, version = unpacked.data, unpacked.version
        container = ", ".join(part for part in (unpacked.container, unpacked.version) if part)
    symbols: bytes | None = None
    if chosen.symbols is not None:
        symbols = read_input(Path(chosen.symbols), IMAGE_BYTES)
        if not symbols.startswith(_ELF) and is_container(symbols):
            symbols = unpack(symbols, chosen.symbols).data
    image = load(code, path, given.digest, symbols, chosen.symbols or "")
    image = with_thunks(image, contract)
    tables = load_tables(contract.patch_tables) if contract.patch_tables else None
    patching = with_patches(image, tables, version)
    debug = symbols if symbols is not None and symbols.startswith(_ELF) else code
    return Loaded(patching.image, patching, container, debug)

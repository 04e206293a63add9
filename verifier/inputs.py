# SPDX-License-Identifier: BSD-2-Clause
"""From an opened input to an image that is ready to be explored: load, name, patch."""

from __future__ import annotations

from verifier.contract import Contract
from verifier.loader import load
from verifier.model import Image
from verifier.opening import ELF, Code, Input, code_of, read
from verifier.options import Options
from verifier.patching import Patching, with_patches
from verifier.patchspec import load_tables
from verifier.records import record
from verifier.thunks import with_thunks

__all__ = ["Input", "Loaded", "loaded", "prepare", "read"]


@record
class Loaded:
    """An image with what goes with it.

    ``container`` says what it was unpacked from; ``debug`` are the bytes that may have line numbers.
    """

    image: Image
    patching: Patching
    container: str
    debug: bytes


def prepare(given: Input, chosen: Options, contract: Contract) -> Loaded:
    """The image of an input as the contract's kernel runs it. Raises UserError."""
    return loaded(given, code_of(given, chosen), chosen, contract)


def loaded(given: Input, code: Code, chosen: Options, contract: Contract) -> Loaded:
    """The image that ``code`` is. Raises UserError."""
    image = load(code.data, str(given.path), given.digest, code.symbols, chosen.symbols or "")
    image = with_thunks(image, contract)
    tables = load_tables(contract.patch_tables) if contract.patch_tables else None
    patching = with_patches(image, tables, code.version)
    debug = code.symbols if code.symbols is not None and code.symbols.startswith(ELF) else code.data
    return Loaded(patching.image, patching, code.container, debug)

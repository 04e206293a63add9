# SPDX-License-Identifier: BSD-2-Clause
"""Return and jump thunks of other files, put in place as the one instruction that they stand for.

A compiler or a macro writes ``jmp RETURN_THUNK`` for RET and ``jmp
PREFIXrax`` for ``jmp *%rax``; the thunks themselves are patched or defined
elsewhere. Their names are the contract's. The stand-in is code like any
other: it is lifted, and the emulator runs it.
"""

from __future__ import annotations

from dataclasses import replace

from verifier.contract import Contract
from verifier.isa.encoding import BY_NUMBER
from verifier.model import THUNK, Image, Section, Symbol

_RET = b"\xc3"


def with_thunks(image: Image, contract: Contract) -> Image:
    """The image with a section for each external thunk that the contract names."""
    added = tuple(
        Section(f"{THUNK} {symbol.name}", symbol.address, len(code), code, executable=True, writable=False)
        for symbol in image.symbols
        if symbol.section is None and (code := _code(symbol, contract))
    )
    sections = tuple(sorted((*image.sections, *added), key=lambda section: section.address))
    return replace(image, sections=sections)


def used(image: Image) -> bool:
    """Whether an image has stand-ins."""
    return any(section.name.startswith(THUNK) for section in image.sections)


def _code(symbol: Symbol, contract: Contract) -> bytes:
    if symbol.name in contract.return_thunks:
        return _RET
    register = symbol.name.removeprefix(contract.jump_thunk) if contract.jump_thunk else symbol.name
    if register == symbol.name or register not in BY_NUMBER:
        return b""
    number = BY_NUMBER.index(register)
    # JMP r/m64: FF /4 with mod 3; REX.B for R8 to R15 (SDM vol. 2A, JMP).
    return (b"\x41" if number > 7 else b"") + bytes([0xFF, 0xE0 | number & 7])

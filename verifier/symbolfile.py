# SPDX-License-Identifier: BSD-2-Clause
"""The symbols of a linked file: from its own table, from a second ELF file, or from a text that nm could have written.

Sources: System V ABI, generic ELF (gABI 4.1), chapter 4; nm(1), "BSD format".
The bytes are untrusted; the bounds are below.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from verifier.elf import (
    SHF_ALLOC,
    SHF_EXECINSTR,
    STT_FILE,
    STT_FUNC,
    STT_IFUNC,
    STT_SECTION,
    STT_TLS,
    BadObjectError,
    FileHeader,
    Header,
    symbols,
)
from verifier.model import Section, Symbol, UserError

MAX_SYMBOLS = 1 << 20
MAX_TEXT = 64 << 20
"""Bounds: a count, and the bytes of a text of symbols."""

_LINE = re.compile(
    r"^(?:0x)?([0-9a-fA-F]{1,16})[ \t]+(?:([0-9a-fA-F]{2,16})[ \t]+)?([A-Za-z?-])[ \t]+"
    r"(\S[^\t\r\n]{0,4095})(?:\t(\[[^]\n]{1,255}\]))?\r?$",
    re.MULTILINE,
)
_UNDEFINED = re.compile(r"[ \t]*[Uvw][ \t]+\S{1,4096}[ \t\r]*")
_LETTERS = {letter: (letter.islower() and letter not in "uvw", letter in "Tti") for letter in "BbDdGgRrSsTtVWuivw"}
"""nm's letter → whether the symbol is local, and whether it is code. Weak ones may be either."""
_MOST_OUTSIDE, _END_MARKS = 0.1, 8
_SAMPLES, _LEAST_SAMPLES, _LEAST_STARTS = 2048, 256, 0.6
_LAST_BYTES = frozenset(b"\x00\x90\xcc\xc3")  # padding, RET
_LAST_BRANCHES = frozenset(b"\xe8\xe9")  # with 32-bit displacement: the call of a function that does not return, a jump
_LAST_PAIRS = frozenset({b"\x0f\x0b"})  # UD2

Named = tuple[int, bool, str, int, bool, bool]
"""A symbol that is not in an image yet: address, is_local, name, size, is_function, is_code.

``is_code`` says that the file calls it code. A plain tuple, because a kernel has 200,000 of them.
"""


def from_table(data: bytes, header: FileHeader, headers: tuple[Header, ...]) -> list[Named]:
    """The functions, objects and labels of an ELF file's symbol table; absolute and undefined ones are left out.

    Raises BadObjectError.
    """
    code = {section.index for section in headers if section.flags & SHF_EXECINSTR}
    loaded = {section.index for section in headers if section.flags & SHF_ALLOC}
    found: list[Named] = []
    for name, kind, is_global, section, value, size in symbols(data, header, headers):
        if not name or section not in loaded or kind in (STT_SECTION, STT_FILE, STT_TLS):
            continue
        is_function = kind in (STT_FUNC, STT_IFUNC)
        found.append((value, not is_global, name, size, is_function, section in code))
        if len(found) > MAX_SYMBOLS:
            raise BadObjectError(f"more than {MAX_SYMBOLS} symbols")
    return found


def from_text(text: bytes, path: str) -> list[Named]:
    """The symbols of a text with lines ``ADDRESS [SIZE] TYPE NAME``, as nm and kernels write it.

    Lines of loadable modules (``NAME [MODULE]``) and of absolute, undefined
    and debugging symbols are left out. Sizes are 0 where there are none.

    Raises UserError ``bad-symbols`` (exit code 4), with the line's number.
    """
    if len(text) > MAX_TEXT:
        raise UserError("bad-symbols", f"{path}: larger than {MAX_TEXT >> 20} MiB; give the symbols of one kernel")
    lines = text.decode("utf-8", "backslashreplace")
    rows = _LINE.findall(lines)
    if len(rows) > MAX_SYMBOLS:
        raise UserError("bad-symbols", f"{path}: more than {MAX_SYMBOLS} symbols")
    if len(rows) != lines.count("\n") + (not lines.endswith("\n")):
        _check_lines(lines, path)
    found: list[Named] = []
    for address, size, letter, name, module in rows:
        if letter in _LETTERS and not module:
            is_local, is_code = _LETTERS[letter]
            found.append((int(address, 16), is_local, name, int(size, 16) if size else 0, is_code, is_code))
    if not any(is_code for *_, is_code in found):
        raise UserError(
            "bad-symbols", f"{path}: {_says(text)}; give the map of the kernel, or an ELF file with symbols"
        )
    if not any(address for address, *_ in found):
        raise UserError("bad-symbols", f"{path}: all addresses are 0; read it with the privilege to see them")
    return found


def _check_lines(lines: str, path: str) -> None:
    """Raise UserError for the first line that says something else than where a symbol is."""
    for number, line in enumerate(lines.split("\n"), 1):
        if line.strip() and not _LINE.fullmatch(line) and not _UNDEFINED.fullmatch(line):
            message = f"{path}:{number}: not ADDRESS TYPE NAME; give a file as nm writes it, or an ELF file"
            raise UserError("bad-symbols", message)


def _says(text: bytes) -> str:
    """What a file without symbols of code says: distributions ship a note to the reader in its place."""
    words = " ".join(text[:4096].split(b"\n", 1)[0].decode("ascii", "replace").split())
    shown = "".join(letter for letter in words if letter.isascii() and letter.isprintable())[:100]
    return f'it has no symbols of code, and begins "{shown}"' if shown else "it is empty"


def placed(named: list[Named], sections: Iterable[Section]) -> tuple[Symbol, ...]:
    """The symbols that are in or at the end of a section, sorted by address, global ones first.

    ``sections`` do not overlap. A symbol of an address where one section ends
    and none begins, such as a section's end mark, belongs to the first.
    """
    order = sorted(sections, key=lambda section: section.address)
    if not order:
        return ()
    starts = [section.address for section in order]
    found: list[Symbol] = []
    section, end, following = order[0], -1, order[0].address
    before: Named | None = None
    for symbol in sorted(named):
        if symbol == before:
            continue
        before = symbol
        address, is_local, name, size, is_function, _ = symbol
        if address >= following:
            index = bisect_right(starts, address) - 1
            section = order[index]
            end = section.address + section.size
            following = starts[index + 1] if index + 1 < len(starts) else 1 << 64
        if address <= end:
            found.append(Symbol(name, address, size, not is_local, is_function, section.name))
    return tuple(found)


def check_match(named: Sequence[Named], sections: Iterable[Section], path: str, image_path: str) -> None:
    """Raise UserError ``symbols-mismatch`` (exit code 4) unless the code that the symbols name is in the image."""
    code = sorted((section.address, section.address + section.size) for section in sections if section.executable)
    starts = [start for start, _ in code]
    total = inside = 0
    for address, *_, is_code in named:
        if is_code:
            total += 1
            index = bisect_right(starts, address) - 1
            inside += index >= 0 and address <= code[index][1]
    # Linkers count their end marks, such as _end, to the code of a file without data.
    if not inside or total - inside > max(total * _MOST_OUTSIDE, _END_MARKS):
        raise mismatch(path, image_path, f"{total - inside} of its {total} symbols of code are not in code there")


def check_starts(named: Sequence[Named], sections: Iterable[Section], path: str, image_path: str) -> None:
    """Raise UserError ``symbols-mismatch`` (exit code 4) if the code does not begin where the symbols say.

    Symbols of another build of the same program are inside its code too, but
    in the middle of functions. In front of a function there is padding, or
    the end of another: so it is for over 90 of 100 symbols of a kernel, and
    for fewer than 40 of those of another build. Few symbols, or files of
    labels, are not judged.
    """
    code = [section for section in sections if section.executable and section.data]
    starts = [section.address for section in code]
    total = good = 0
    addresses = sorted({address for address, *_, is_code in named if is_code})
    for address in addresses[:: max(len(addresses) // _SAMPLES, 1)]:
        index = bisect_right(starts, address) - 1
        offset = address - starts[index]
        if index >= 0 and 5 <= offset < len(code[index].data):
            before = code[index].data[offset - 5 : offset]
            total += 1
            good += before[-1] in _LAST_BYTES or before[0] in _LAST_BRANCHES or before[-2:] in _LAST_PAIRS
    if total >= _LEAST_SAMPLES and good < total * _LEAST_STARTS:
        raise mismatch(path, image_path, f"no function begins at {total - good} of {total} of its symbols of code")


def mismatch(path: str, image_path: str, why: str) -> UserError:
    """The error for symbols of another file."""
    return UserError(
        "symbols-mismatch", f"{path}: does not belong to {image_path}: {why}; give the symbols of that build"
    )

# SPDX-License-Identifier: BSD-2-Clause
"""What a 64-bit value says to a person, judged by the name of the place that holds it.

Facts: canonical form SDM vol. 1, 3.3.7.1; RFLAGS vol. 1, 3.4.3; segment
selectors vol. 3A, 3.4.2; CR3 with PCIDs vol. 3A, 4.5.
"""

from __future__ import annotations

from verifier.model import RFLAGS_BITS

_ADDRESSES = frozenset({"rip", "rcx", "rsp"})
_FLAGS = frozenset({"rflags", "r11"})
_VSYSCALL = 0xFFFF_FFFF_FF60_0000
_NO_FLUSH = 1 << 63


def meaning(name: str, value: int) -> str:
    """A short description of ``value`` (64 bits) in the place ``name``; "" if there is nothing to add.

    ``name`` is that of an Input, a Field or a Change: "rcx", "frame.rip",
    "rflags.TF", "slow_work@entry.S:20:rax".
    """
    place = name.lower().rsplit(":", 1)[-1]
    if place.startswith("rflags."):
        return _flag(place, value)
    if place == "ss_flat":
        return "the hidden part of SS is flat" if value else "the hidden part of SS is not flat"
    place = place.removeprefix("frame.")
    if place in _ADDRESSES or place.endswith("base"):
        return address(value)
    # SYSRET takes RFLAGS from R11, so R11 and what is loaded into it are read as flags.
    if place in _FLAGS:
        return rflags(value)
    if place in ("cs", "ss"):
        return selector(value)
    if place == "cr3":
        return cr3(value)
    return plain(value)


def address(value: int) -> str:
    """Whether a 64-bit linear address is canonical for 4- and 5-level paging, and in which half."""
    if value == 0:
        return "null"
    narrow, wide = _canonical(value, 48), _canonical(value, 57)
    half = "kernel half" if value >> 63 else "user half"
    if narrow:
        page = ", vsyscall page" if value & ~0xFFF == _VSYSCALL else ""
        return f"canonical, {half}{page}"
    if value == 1 << 47:
        return "just above the la48 user half, canonical for la57"
    if wide:
        return f"non-canonical for la48, canonical for la57, {half}"
    return "just above the la57 user half" if value == 1 << 56 else "non-canonical"


def rflags(value: int) -> str:
    """The names of the set RFLAGS bits from bit 0 up, reserved ones last: "TF|IF"; bit 1 is always set."""
    names = []
    known = 1 << 1
    for name, low in RFLAGS_BITS:
        width = 2 if name == "IOPL" else 1
        known |= _ones(width) << low
        field = value >> low & _ones(width)
        if field:
            names.append(f"{name}={field}" if width > 1 else name)
    if value & ~known:
        names.append(f"reserved bits {_ranges(value & ~known)}")
    return "|".join(names) or "no flag set"


def selector(value: int) -> str:
    """Table, index and RPL of the 16-bit selector in the low word; says so if more bits are set."""
    word = value & 0xFFFF
    index, table, rpl = word >> 3, "LDT" if word & 4 else "GDT", word & 3
    text = f"null, RPL {rpl}" if word & 0xFFFC == 0 else f"{table} index {index}, RPL {rpl}"
    return f"{text}, bits above 15 ignored" if value >> 16 else text


def cr3(value: int) -> str:
    """Table address (bits 51:12), PCID (bits 11:0) and bit 63 of a CR3 value."""
    parts = [f"table 0x{value & _ones(40) << 12:x}", f"PCID 0x{value & 0xFFF:x}"]
    if value & _NO_FLUSH:
        parts.append("bit 63 (no flush)")
    high = value >> 52 & _ones(11)
    if high:
        parts.append(f"reserved bits {_ranges(high << 52)}")
    return ", ".join(parts)


def switch(value: int) -> str:
    """What people say of a flag, a CPU feature or a static key that is 1 or 0."""
    return "set" if value else "clear"


def plain(value: int) -> str:
    """Decimal for a small number of two or more digits or a small negative one, else nothing."""
    if value >= (1 << 64) - (1 << 15):
        return str(value - (1 << 64))
    return str(value) if 9 < value < 1 << 16 else ""


def _canonical(value: int, width: int) -> bool:
    """Whether bits 63 down to ``width - 1`` are all equal."""
    top = value >> (width - 1)
    return top in (0, _ones(65 - width))


def _ones(width: int) -> int:
    return (1 << width) - 1


def _flag(place: str, value: int) -> str:
    if place.endswith("iopl"):
        return f"level {value}"
    return switch(value)


def _ranges(value: int) -> str:
    """The set bits of ``value`` as "3, 22-63"."""
    parts = []
    position = 0
    while value >> position:
        if not value >> position & 1:
            position += 1
            continue
        end = position
        while value >> (end + 1) & 1:
            end += 1
        parts.append(str(position) if end == position else f"{position}-{end}")
        position = end + 1
    return ", ".join(parts)

# SPDX-License-Identifier: BSD-2-Clause
"""Small phrases that the renderers share: safe text, hex numbers, places, CPU configurations."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from verifier.model import ALL_CONFIGS, Config, Location

# Cc: control characters. Cf: bidirectional overrides and the like, which can
# make a line read differently from what it says. Cs: undecodable file names.
# Zl, Zp: line and paragraph separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def clean(text: str) -> str:
    """``text`` with everything that a terminal could act on spelled out, such as escape sequences."""
    # CI systems obey lines such as "::error::…" and "##[…]" wherever a folded line may start.
    text = text.replace("::", r":\x3a").replace("##[", r"#\x23[")
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelled(char) if unicodedata.category(char) in _UNSAFE else char for char in text)


def _spelled(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def hexa(value: int) -> str:
    """A value as in JSON and text: 0x and lower-case digits, no padding."""
    return f"0x{value:x}"


def source(location: Location) -> str:
    """``file:line`` if the line is known, else ``symbol+0xNN``, else the address."""
    if location.file is not None and location.line is not None:
        return f"{location.file}:{location.line}"
    return place(location)


def place(location: Location) -> str:
    """``symbol+0xNN`` or, without a symbol, the address."""
    if location.symbol is None:
        return hexa(location.address)
    return f"{location.symbol}+{hexa(location.offset)}"


def near(location: Location, site: Location) -> str:
    """``line 58`` if that is enough, seen from an exit in the same file; else ``file:line`` or a symbol."""
    same = location.line is not None and location.file == site.file
    return f"line {location.line}" if same else source(location)


def concise(path: str, location: Location | None, severity: str, message: str, code: str) -> str:
    """A line that editors and problem matchers parse, e.g. ``entry.S:210: error: verify-exit: …``."""
    parts = [path]
    if location is not None:
        if location.file is not None and location.line is not None:
            parts = [f"{location.file}:{location.line}"]
        where = hexa(location.address)
        if location.symbol is not None:
            where = f"{location.symbol}()+{hexa(location.offset)}"
        parts += [severity, "verify-exit", where]
    else:
        parts += [severity, "verify-exit"]
    return clean(": ".join([*parts, sentence(message)]) + f" [{code}]")


def sentence(text: str) -> str:
    """``text`` without its closing full stop."""
    return text.rstrip().removesuffix(".")


def capital(text: str) -> str:
    """``text`` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def in_order(configs: Iterable[Config]) -> tuple[Config, ...]:
    """Configurations in the one order of every output; unknown ones last."""
    chosen = set(configs)
    known = [config for config in ALL_CONFIGS if config in chosen]
    return (*known, *sorted(chosen.difference(known)))


def configs_label(configs: Sequence[Config], among: Sequence[Config]) -> str:
    """The shortest name of ``configs`` among those of the run: "", "intel", "la57" or a list."""
    chosen, universe = set(configs), set(among)
    if chosen >= universe:
        return ""
    for index in (0, 1):
        names = {config[index] for config in chosen}
        if len(names) == 1 and chosen >= {config for config in universe if config[index] in names}:
            return names.pop()
    return ", ".join("/".join(config) for config in in_order(chosen))


def vendors(configs: Sequence[Config]) -> str:
    """The configurations of a run in words: "intel and amd, la48 and la57"."""
    chosen = in_order(configs)
    return ", ".join(" and ".join(dict.fromkeys(config[index] for config in chosen)) for index in (0, 1))


def counted(number: int, noun: str) -> str:
    """A number and its noun: "1 site", "2 sites"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

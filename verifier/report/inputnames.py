# SPDX-License-Identifier: BSD-2-Clause
"""What an input is called: at the entry by its own name, else with the call or loop that left it.

Names come from the file under test and stay as they are: whoever prints them cleans or escapes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from verifier.model import GPRS, RFLAGS_BITS

_AFTER = re.compile(
    r"(?P<what>[^\[][^@]*)@(?P<where>0x[0-9a-f]+|.+?:[0-9]+(?:\+[0-9a-f]+)?|[^:]+\+0x[0-9a-f]+)"
    r"(?P<again>\#[0-9]+)?:(?P<rest>.+)",
    re.DOTALL,
)
"""A content that a call or a loop left: "slow_work@entry.S:20:frame.rip", from the second time on with "#2"."""


_SYSTEM = frozenset(
    {
        *("cr0", "cr2", "cr3", "cr4", "cr8", "efer", "star", "star_low", "lstar", "sfmask", "spec_ctrl", "s_cet", "ss"),
        *("gs_base", "kernel_gs_base", "fs_base"),
    }
)
_FLAGS = frozenset(name.lower() for name, _ in RFLAGS_BITS)

_CALLED = {
    "ss_flat": "the hidden part of SS",
    "star_low": "the low 48 bits of STAR",
    "cpu.la57": "the number of paging levels",
    "cpu.amd": "the vendor of the CPU",
}
_SWITCHED = {
    "ss_flat": ("is not flat", "is flat"),
    "cpu.la57": ("is 4", "is 5"),
    "cpu.amd": ("is Intel", "is AMD"),
}
"""What people say of an input that is 0, or 1."""


def input_words(name: str) -> str:
    """An input as people call it: "frame.rip after the call of slow_work at entry.S:20"."""
    rest, where = split(name)
    return f"{rest} {place_words(where)}" if where else rest


def place_words(where: str) -> str:
    """After which call or loop an input is read: "after the call of slow_work at entry.S:20"; ``where`` is split's."""
    what, _, place = where.partition("@")
    return f"after the loop at {place}" if what == "loop" else f"after the call of {what} at {place}"


def inputs_words(names: Sequence[str]) -> str:
    """Inputs as people call them: "frame.rip, rax and gs:[0x10]"."""
    return joined([input_words(name) for name in names], "and")


def told_words(names: Sequence[str]) -> str:
    """Inputs in sentences, in which even those of the machine have words: "RFLAGS.DF and the hidden part of SS"."""
    parts = map(split, names)
    return joined([f"{called(rest)} {place_words(where)}" if where else called(rest) for rest, where in parts], "and")


def split(name: str) -> tuple[str, str]:
    """What is read, and after which call or loop, such as "slow_work@entry.S:20"; "" for an input at the entry."""
    found = _AFTER.fullmatch(name)
    return (name, "") if found is None else (found["rest"], f"{found['what']}@{found['where']}{found['again'] or ''}")


def origins(names: Iterable[str]) -> list[str]:
    """The calls and loops after which some inputs are read."""
    return list(dict.fromkeys(where for name in names for where in [split(name)[1]] if where))


def joined(parts: Sequence[str], last: str) -> str:
    """Parts with commas, and a word before the last: "a, b and c"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def called(name: str) -> str:
    """What people call an input; ``name`` is split's, without the call after which it is read."""
    if name.startswith("rflags."):
        return f"RFLAGS.{name.removeprefix('rflags.').upper()}"
    return _CALLED.get(name, name)


def switched(name: str, said: str, value: int) -> str:
    """That a switch is 1 or 0; ``said`` is what it is called."""
    off, on = _SWITCHED.get(split(name)[0], ("is clear", "is set"))
    return f"{said} {on if value else off}"


def has_words(name: str) -> bool:
    """Whether the values of an input have words of their own."""
    return split(name)[0] in _SWITCHED


def is_switch(name: str) -> bool:
    """Whether an input is one bit: a flag, a CPU feature or a key that is fixed at boot, told by its name."""
    rest, where = split(name)
    if where:
        return rest in _SWITCHED or rest.removeprefix("rflags.").lower() in _FLAGS
    if name.startswith("rflags."):
        return True
    return name not in GPRS and name not in _SYSTEM and not any(part in name for part in ("frame.", "[", "+", "@", "/"))

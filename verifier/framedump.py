# SPDX-License-Identifier: BSD-2-Clause
"""Registers of user mode out of text that a kernel, a debugger or an emulator printed.

Four forms are known, with whatever a log puts in front of the lines: "RIP: 0033:…" as in an oops or a crash dump,
"rip            0x…" as GDB prints registers, "{r15 = 0, …, ip = …}" as it prints a structure that saves them, and
"RIP=…" of QEMU's monitor. The text is untrusted: its size is bounded, and every pattern runs in linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from verifier.model import GPRS, UserError
from verifier.records import record

DUMP_BYTES = 1 << 20
"""The largest dump that is read."""

_USER_RPL = 3
_OTHER = {"eflags": "rflags", "rfl": "rflags", "flags": "rflags", "ip": "rip", "sp": "rsp", "orig_ax": "orig_rax"}
_HALVES = {name[1:]: name for name in GPRS if not name[1].isdigit()}
_KNOWN = frozenset((*GPRS, "rip", "rflags", "cs", "ss", "orig_rax"))
_SELECTORS = frozenset({"cs", "ss"})

# "RIP: 0033:0x7f…", "RIP: 0010:name+0x1/0x2" (no value), "EFLAGS: 00000246", "CS: 0033".
_COLON = re.compile(
    r"(?<![\w.])(R[A-Z]{2}|R0?[89]|R1[0-5]|EFLAGS|RFLAGS|ORIG_RAX|CS|SS)[ \t]{0,4}:[ \t]{0,4}"
    r"(?:([0-9a-fA-F]{4}):(?![:]))?[ \t]{0,4}(?:\[<)?(?:0x)?([0-9a-fA-F]{1,64}(?![0-9A-Za-z_+]))?"
)
# "rip            0x7f…    0x7f…", at the start of what a log leaves of the line.
_ROW = re.compile(r"(?<![\w.])(r[a-z]{2}|r[89]|r1[0-5]|eflags|cs|ss)[ \t]{1,40}0x([0-9a-fA-F]{1,64})(?![0-9A-Za-z_])")
# "ip = 140…", "cs = 0x33", ".ip = (unsigned long)140…".
_FIELD = re.compile(
    r"(?<![\w])(r[a-z]{2}|r[89]|r1[0-5]|e?flags|cs|ss|[abcd]x|[sd]i|[bsi]p|orig_r?ax)[ \t]{1,4}=[ \t]{1,4}"
    r"(?:\([a-z0-9_ ]{1,24}\)[ \t]?)?(-?[0-9]{1,64}|0x[0-9a-fA-F]{1,64})(?![0-9A-Za-z_])"
)
# "RIP=ffffffff81000000 RFL=00000246", "R8 =0000…", "CS =0033 0000…".
_EQUALS = re.compile(r"(?<![\w.])(R[A-Z]{2}|R[89]|R1[0-5]|CS|SS)[ ]?=([0-9a-fA-F]{1,64})(?![0-9A-Za-z_])")


@record
class Registers:
    """One set of registers: name ("rip", "rflags", "orig_rax" …) and unsigned value, in the order of the text.

    ``line`` is where it begins, from 1.
    """

    line: int
    values: tuple[tuple[str, int], ...]

    @property
    def is_user(self) -> bool:
        """Whether CS is there and is one of user mode."""
        return any(name == "cs" and value & 3 == _USER_RPL for name, value in self.values)


def user_registers(data: bytes, name: str) -> Registers:
    """The one set of user-mode registers in a dump; ``name`` is for messages.

    A set without CS counts if the dump has no other. Raises UserError("dump-invalid", exit code 4).
    """
    if len(data) > DUMP_BYTES:
        raise UserError("dump-invalid", f"{name}: larger than {DUMP_BYTES >> 20} MiB; give the registers' lines alone")
    found = register_sets(data.decode("utf-8", "replace"), name)
    distinct = tuple({one.values: one for one in reversed(found)}.values())[::-1]
    user = [one for one in distinct if one.is_user]
    if not distinct:
        text = "no registers were found; it takes lines as an oops, GDB or QEMU's monitor prints them"
        raise UserError("dump-invalid", f"{name}: {text}", 4)
    if len(user) == 1:
        return user[0]
    if len(user) > 1:
        lines = ", ".join(str(one.line) for one in user[:6])
        text = f"several sets of user-mode registers, at lines {lines}; give the lines of the one that is meant"
        raise UserError("dump-invalid", f"{name}: {text}", 4)
    if len(distinct) == 1 and not any(one == "cs" for one, _ in distinct[0].values):
        return distinct[0]
    text = "no set of registers in it has a CS of user mode (RPL 3); give the saved registers of user mode"
    raise UserError("dump-invalid", f"{name}: {text}", 4)


def register_sets(text: str, name: str) -> tuple[Registers, ...]:
    """Every set of registers, in the order of the text. A register that is told again begins another set.

    Raises UserError("dump-invalid", exit code 4) for a value of more than 64 bits.
    """
    found: list[Registers] = []
    values: dict[str, int] = {}
    told: set[str] = set()
    begins = 1

    def close() -> None:
        if values:
            found.append(Registers(begins, tuple(values.items())))

    for number, line in enumerate(text.split("\n"), 1):
        for register, value, nested in _tokens(line):
            if value is not None and not -(1 << 63) <= value < 1 << 64:
                text = f"line {number}: {register} has more than 64 bits"
                raise UserError("dump-invalid", f"{name}: {text}; copy the dump again", 4)
            # A structure may hold a word twice, under the name of each of its views.
            if register in told and not (nested and values.get(register) == value):
                close()
                values, told = {}, set()
            if not told:
                begins = number
            told.add(register)
            if value is not None:
                values[register] = value & (1 << 64) - 1
    close()
    return tuple(found)


def _tokens(line: str) -> Iterator[tuple[str, int | None, bool]]:
    """The registers of a line with their values, None if it is no number; and whether it is a structure's field."""
    for match in _COLON.finditer(line):
        register = _name(match[1])
        # The selectors that were loaded when an oops was printed are not those that were saved.
        if register is None or (register in _SELECTORS and "DS:" in line) or not (match[2] or match[3]):
            if register == "rip" and match[0].rstrip().endswith(":"):
                yield register, None, False
            continue
        yield register, None if match[3] is None else int(match[3], 16), False
        if match[2] is not None and register in _BESIDE:
            yield _BESIDE[register], int(match[2], 16), False
    for pattern in (_ROW, _EQUALS):
        for match in pattern.finditer(line):
            register = _name(match[1])
            if register is not None:
                yield register, int(match[2], 16), False
    for match in _FIELD.finditer(line):
        register = _name(match[1])
        if register is not None:
            yield register, int(match[2], 16 if match[2].startswith("0x") else 10), True


_BESIDE: Mapping[str, str] = {"rip": "cs", "rsp": "ss"}
"""The selector in front of each of these."""


def _name(text: str) -> str | None:
    """Our name of a register, or None."""
    name = text.lower().replace("r0", "r")
    name = _OTHER.get(name) or _HALVES.get(name) or name
    return name if name in _KNOWN else None

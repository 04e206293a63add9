# SPDX-License-Identifier: BSD-2-Clause
"""What people call the inputs of a frame: "rip=0x401000", "rflags=IF+ZF", "gs:[0x10]=4", "rbx@entry=0"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Literal

from verifier.exploring import Survey
from verifier.frameanswer import Given
from verifier.frameleft import calls_intervene
from verifier.model import FRAME_WORDS, GPRS, RFLAGS_BITS, UserError
from verifier.records import record
from verifier.source import printable

_ALIASES = {"eflags": "rflags", "flags": "rflags", "ip": "rip", "sp": "rsp"}
_BARE = frozenset((*GPRS, *FRAME_WORDS))
_FLAGS = {name.lower(): (3 if name == "IOPL" else 1) << low for name, low in RFLAGS_BITS}
_NUMBER = re.compile(r"[+-]?(0x[0-9a-f]{1,32}|[0-9]{1,40})")
_IGNORED = "orig_rax"
_LONGEST = 200
_SHOWN = 8
_CPU = "cpu."


@record
class Told:
    """A value as it was told: ``name`` as somebody wrote it, ``origin`` is "" for --set or the dump's name."""

    name: str
    value: int
    origin: str = ""


@record
class Resolved:
    """What one entry makes of the values that were told; ``notes`` say what it has no use for."""

    given: tuple[Given, ...]
    notes: tuple[str, ...]


def told(words: Iterable[str]) -> tuple[Told, ...]:
    """NAME=VALUE words. Raises UserError("frame-value", exit code 2)."""
    return tuple(_told(word) for word in words)


def _told(word: str) -> Told:
    name, equals, text = word.rpartition("=")
    if not equals or not name.strip() or len(word) > _LONGEST:
        shown = printable(word[:60])
        raise UserError("frame-value", f"--set {shown}: NAME=VALUE is needed, for example rip=0x401000", 2)
    total, has_flags = 0, False
    for part in text.strip().lower().replace("_", "").replace("`", "").split("+"):
        number = _NUMBER.fullmatch(part.strip())
        if part.strip() in _FLAGS:
            total |= _FLAGS[part.strip()]
            has_flags = True
        elif number is not None:
            total |= int(part.strip(), 16 if "x" in part else 10)
        else:
            shown = printable(word[:60])
            text = f"--set {shown}: the value is a number (0x1f, 31) or names of RFLAGS bits (IF+ZF)"
            raise UserError("frame-value", text, 2)
    # Bit 1 of RFLAGS is always set (SDM vol. 1, 3.4.3): whoever names flags does not mean it to be clear.
    return Told(name.strip(), total | 2 if has_flags else total)


def merged(dump: Iterable[Told], given: Iterable[Told]) -> tuple[Told, ...]:
    """Values of a dump and of --set; those of --set win. Raises UserError("frame-value") for two values of one name."""
    found: dict[str, Told] = {}
    for one in given:
        name = _plain(one.name)
        if name in found and found[name].value != one.value:
            text = f"--set {printable(one.name)}: two values, {found[name].value:#x} and {one.value:#x}; keep one"
            raise UserError("frame-value", text, 2)
        found[name] = one
    return (*(one for one in dump if _plain(one.name) not in found), *found.values())


def _plain(name: str) -> str:
    """One spelling of each name: "exit.rip" is the frame's word as an exit finds it, "frame.rip" that at the entry."""
    low = name.lower()
    bare = _ALIASES.get(low, low)
    if bare in _BARE or bare == _IGNORED:
        return f"exit.{bare}"
    for register in (low.removesuffix("@entry"), low.removeprefix("entry.")):
        if register != low:
            register = _ALIASES.get(register, register)
            if register in GPRS:
                return f"entry.{register}"
            if register in FRAME_WORDS:
                return f"frame.{register}"
            if register.startswith("frame."):
                return register
    return name


def resolved(values: Iterable[Told], survey: Survey) -> Resolved:
    """The inputs of an entry that the values fix.

    Raises UserError("frame-name" | "frame-value", exit code 2) for a value of --set that is no input
    there or does not fit; the dump has what it has.
    """
    entry = survey.setting.entry
    symbols = entry.state.shared.layout.symbols
    memory = entry.state.copy().memory
    for _, address, _ in entry.state.shared.frame_slots:
        # A slot that nothing has read yet gets its symbol here.
        memory.load(address, 8)
    late = calls_intervene(survey)
    slots = {slot for slot, _, _ in entry.state.shared.frame_slots}
    found: dict[tuple[str, str], Given] = {}
    notes: list[str] = []
    for one in values:
        plain = _plain(one.name)
        if one.name in slots and (one.name in _ALIASES or symbols.find(one.name) is None):
            # A word of this kernel's frame that no other has.
            plain = f"exit.{one.name}"
        name, note = _input(plain, survey)
        at: Literal["entry", "exit"] = (
            "exit" if late and plain.startswith("exit.") and name is not None and name.startswith("frame.") else "entry"
        )
        symbol = None if name is None else symbols.find(name)
        if note:
            notes.append(note)
        elif name is None or symbol is None or symbol.otherwise is not None or name.startswith(_CPU):
            if one.origin:
                notes.append(f"{one.name}: this entry has no such input")
                continue
            raise UserError("frame-name", _unknown(one.name, survey), 2)
        else:
            if not -(1 << symbol.width - 1) <= one.value < 1 << symbol.width:
                text = f"{printable(one.name)}={one.value:#x}: more than {symbol.width} bit{'s' * (symbol.width > 1)}"
                raise UserError("frame-value", f"{text}; give a value that fits", 2)
            value = one.value & (1 << symbol.width) - 1
            before = found.get((name, at))
            if before is not None and before.value != value and (one.origin or not before.origin):
                text = f"{printable(one.name)}: two values, {before.value:#x} and {value:#x}; keep one"
                raise UserError("frame-value", text, 2)
            found[name, at] = Given(name, value, one.origin, at)
    return Resolved(tuple(found.values()), tuple(dict.fromkeys(notes)))


def _input(name: str, survey: Survey) -> tuple[str | None, str]:
    """The input that a name means at an entry, or why it has no use there."""
    if name == f"exit.{_IGNORED}":
        return None, f"{_IGNORED} is ignored: no exit gives it back"
    head, _, bare = name.partition(".")
    if head == "entry" and bare in GPRS:
        return bare, ""
    slots = {slot for slot, _, _ in survey.setting.entry.state.shared.frame_slots}
    if head != "exit":
        return name, ""
    if bare in slots:
        return f"frame.{bare}", ""
    match dict(survey.contract.registers).get(bare) if slots else None:
        case "entry" | "entry-or-zero":
            return bare, ""
        case "clobbered":
            return None, f"{bare} is ignored: the contract gives it up"
        case _:
            return None, ""


def _unknown(name: str, survey: Survey) -> str:
    entry = survey.setting.entry
    slots = [slot for slot, _, _ in entry.state.shared.frame_slots]
    where = f"at {survey.start.name} with the contract {survey.contract.name}"
    framed = _plain(name).startswith(("exit.", "frame."))
    if framed and survey.task.auto:
        return (
            f"{printable(name)}: with --frame auto nothing is known of the frame; give --frame contract, or name memory"
        )
    if framed and not slots:
        return f"{printable(name)}: there is no frame {where}; name registers at the entry (NAME@entry) or memory"
    known = [*slots, *_ALIASES]
    known += [one.name for one in entry.state.shared.layout.symbols if one.otherwise is None and _CPU not in one.name]
    near = get_close_matches(name, known, 3, 0.5)
    hint = f"did you mean {' or '.join(map(printable, near))}?" if near else f"slots: {', '.join(slots[:_SHOWN])} …"
    return f"{printable(name[:60])}: no such input {where}; {hint}"


def by_name(given: Iterable[Given]) -> Mapping[str, int]:
    """The values at the entry, by the names of their inputs."""
    return {one.name: one.value for one in given if one.at == "entry"}


def at_exit(given: Iterable[Given]) -> Mapping[str, int]:
    """The words of the frame as the last call leaves it, by their slots."""
    return {one.name.removeprefix("frame."): one.value for one in given if one.at == "exit"}

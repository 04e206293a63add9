# SPDX-License-Identifier: BSD-2-Clause
"""A concrete machine with everything that it takes to run it again, without the file, the lifter or the solver.

A recording holds the bytes that run, the state at the entry, what is not in the bytes (the effects
of calls), the predicted end, and what the exit is compared with. It is plain data: it goes into the
report, and ``verify-exit replay`` reads it from there. Addresses and registers are 64 bits wide.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from verifier.records import record

Json = Any
"""What the json module reads and writes."""


@record
class MemoryWord:
    """``size`` bytes at a 64-bit ``address``, ``value`` little endian."""

    address: int
    value: int
    size: int


@record
class CallEffect:
    """What a call that is not followed leaves behind when it returns.

    ``registers`` and ``memory`` name only what changes; ``rflags`` None keeps
    the flags. The return address has been pushed and popped by then.
    """

    registers: tuple[tuple[str, int], ...]
    memory: tuple[MemoryWord, ...]
    rflags: int | None


@record
class ReplayRequest:
    """One concrete entry state and what the run may assume.

    Every address is 64 bits wide and names no variant of a patch site: the image
    is one as it runs, see ``Image.patched``.
    ``registers`` has the 16 GPRs, 64 bits each; one that is missing is 0.
    Memory that neither ``memory`` nor the image fills is 0; ``memory`` wins, but
    may not change a section that is not writable.
    ``msrs`` are (number, value); the three segment bases have fields of their
    own. ``calls`` are consumed in execution order, one at each instruction
    whose address is in ``havoc_calls``: a call, or any other instruction whose
    results the request chooses. ``flag_patches`` are (address, mask, value):
    after the instruction there completes, rflags = (rflags & ~mask) | value;
    the n-th patch for an address belongs to its n-th execution, the last one to
    all later ones. Each repetition of a string instruction counts as one of
    ``max_instructions``. ``read_back`` are the (address, size) to read in the
    end.
    """

    entry: int
    stop_at: int
    registers: tuple[tuple[str, int], ...]
    rflags: int
    gs_base: int
    kernel_gs_base: int
    fs_base: int
    cr3: int
    cr4: int
    msrs: tuple[tuple[int, int], ...]
    memory: tuple[MemoryWord, ...]
    calls: tuple[CallEffect, ...]
    havoc_calls: frozenset[int]
    flag_patches: tuple[tuple[int, int, int], ...]
    max_instructions: int
    read_back: tuple[tuple[int, int], ...] = ()


@record
class Bytes:
    """Bytes of the image as it runs, from ``address`` on."""

    address: int
    data: bytes
    executable: bool
    writable: bool


@record
class EndState:
    """The machine before the exit instruction: what a prediction and a run are compared by.

    ``cr3`` is the value last written, with bit 63, which does not read back.
    ``interrupts`` is RFLAGS.IF. ``trace`` has the addresses of the instructions executed, a
    repeated string instruction once; ``frame`` has the words of the frame table by name.
    """

    registers: tuple[tuple[str, int], ...]
    gs_base: int
    kernel_gs_base: int
    cr3: int
    interrupts: int
    trace: tuple[int, ...]
    frame: tuple[tuple[str, int], ...]


@record
class ExitFacts:
    """What the exit is judged by and the emulator does not tell.

    ``kind`` is the exit's mnemonic. ``frame`` are the five words of the reference (rip cs rflags rsp
    ss), ``gprs`` the reference of each register, None where the contract gives it up.
    ``sysenter_cs`` is IA32_SYSENTER_CS for SYSEXIT. ``events`` are (kind, address) of the
    instructions with which a window clause (irq, stack, gs) fails. ``promises`` are the contract's.
    """

    kind: str
    vendor: str
    paging: str
    frame: tuple[tuple[str, int], ...]
    gprs: tuple[tuple[str, int | None], ...]
    user_gs: int
    kernel_gs: int
    cr3_reference: int
    star: int
    efer: int
    cr4: int
    nt: int
    ss_flat: int
    user_cs: int
    user_ss: int
    sysenter_cs: int | None
    events: tuple[tuple[str, int], ...]
    promises: tuple[str, ...]


@record
class Recording:
    """One run. ``clause`` is the id of the clause that fails in it, "" for a witness, which only gets there."""

    clause: str
    request: ReplayRequest
    code: tuple[Bytes, ...]
    end: EndState
    exit: ExitFacts


# JSON: an int is a string such as "0x1f", bytes are hexadecimal digits, a pair is a list of two.

MAX_INSTRUCTIONS = 1 << 20
"""So many instructions a recording that comes from a file may run."""
_HEX = re.compile(r"0x[0-9a-f]{1,32}")
_BYTES = re.compile(r"(?:[0-9a-f]{2})*")


def to_json(value: Any) -> Json:
    """A recording, or a part of one, as JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    match value:
        case None | bool() | str():
            return value
        case int():
            return f"{value:#x}"
        case bytes():
            return value.hex()
        case frozenset():
            return [to_json(part) for part in sorted(value)]
        case _:
            return [to_json(part) for part in value]


def from_json(value: Json) -> Recording:
    """The recording in a JSON object. Raises ValueError, which says what is wrong where."""
    found = _read(Recording, value, "replay")
    if not isinstance(found, Recording) or found.request.max_instructions > MAX_INSTRUCTIONS:
        raise ValueError(f"replay.request.max_instructions: at most {MAX_INSTRUCTIONS} are run")
    return found


@lru_cache(maxsize=64)
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, value: Json, where: str) -> Any:
    """A value of a type that the dataclasses above use."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        inner = next(part for part in parts if part is not type(None))
        return None if value is None else _read(inner, value, where)
    if kind is bool and isinstance(value, bool):
        return value
    if kind is int and isinstance(value, str) and _HEX.fullmatch(value):
        return int(value, 16)
    if kind is str and isinstance(value, str):
        return value
    if kind is bytes and isinstance(value, str) and _BYTES.fullmatch(value):
        return bytes.fromhex(value)
    if isinstance(value, list) and origin is frozenset:
        return frozenset(_read(parts[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if isinstance(value, list) and origin is tuple and parts[1:] == (...,):
        return tuple(_read(parts[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if isinstance(value, list) and origin is tuple and len(value) == len(parts):
        return tuple(
            _read(part, item, f"{where}[{index}]") for index, (part, item) in enumerate(zip(parts, value, strict=True))
        )
    if isinstance(value, dict) and isinstance(kind, type) and is_dataclass(kind):
        hints = _hints(kind)
        if value.keys() != hints.keys():
            odd = ", ".join(sorted(value.keys() ^ hints.keys()))
            raise ValueError(f"{where}: these fields are missing or unknown: {odd}")
        return kind(**{name: _read(hint, value[name], f"{where}.{name}") for name, hint in hints.items()})
    name = getattr(kind, "__name__", str(kind))
    raise ValueError(f"{where}: not a {name} in the form that verify-exit writes")

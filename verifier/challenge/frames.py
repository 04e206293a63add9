# SPDX-License-Identifier: BSD-2-Clause
"""Which concrete machines are tried: perturbations of one that is known to take a path, chosen to be nasty.

A machine is a ``Frame``: a value for each ``Key``. Everything here is a pure
function of its arguments and of the random source that it is given.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from verifier.model import FRAME_WORDS, GPRS
from verifier.records import record

Kind = Literal["register", "rflags", "base", "control", "msr", "ss", "word", "returned", "return-flags", "return-word",
               "undefined"]  # fmt: skip
MASK64 = (1 << 64) - 1
USER_FLAGS = 0x3C7FD7
"""The bits of RFLAGS that SYSRET loads (SDM vol. 2B, SYSRET)."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One input of a machine.

    ``name`` is a register, "gs_base" and the like, or the name of a memory word; ``place`` is the address
    of a word, the number of an MSR, or the address of an instruction that leaves flags undefined (their mask is
    ``size``, which is in bytes otherwise). With the kinds "returned", "return-flags" and "return-word" it is what the
    call number ``call`` (from 0) leaves.
    """

    kind: Kind
    name: str
    place: int = 0
    call: int = -1
    size: int = 8


@record
class Space:
    """The inputs of one seed: what each is in the seed, and what may become of it.

    ``roles`` says what a key is for the exit: a register's name, or one of rip cs rflags rsp ss. ``pinned`` keys
    stay as they are, ``pointers`` are addresses of memory that may be anywhere, with the places that they may be
    moved to. ``dictionary`` has constants of the code, ``flags_free`` the bits of RFLAGS at the entry that the
    contract leaves open, and ``flags_returned`` those that a call may change. ``canonical`` is the highest bit of an
    address that counts.
    """

    values: Mapping[Key, int]
    roles: Mapping[Key, str]
    pinned: frozenset[Key]
    pointers: Mapping[Key, tuple[int, ...]]
    dictionary: tuple[int, ...]
    selectors: tuple[int, ...]
    flags_free: int
    flags_returned: int
    canonical: int
    by_role: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    free: tuple[Key, ...] = ()
    rare: tuple[Key, ...] = ()


def space(
    values: Mapping[Key, int],
    roles: Mapping[Key, str],
    pinned: frozenset[Key],
    pointers: Mapping[Key, tuple[int, ...]],
    dictionary: tuple[int, ...],
    selectors: tuple[int, ...],
    flags: tuple[int, int],
    canonical: int,
) -> Space:
    """A space with its look-up tables; ``flags`` are the bits that are free at the entry and behind a call."""
    by_role: dict[str, list[Key]] = {}
    for key in sorted(values):
        if key not in pinned and key in roles:
            by_role.setdefault(roles[key], []).append(key)
    return Space(
        values, roles, pinned, pointers, dictionary, selectors, *flags, canonical,
        {role: tuple(keys) for role, keys in by_role.items()},
        tuple(key for key in sorted(values) if key not in pinned),
        tuple(key for key in sorted(values) if key not in pinned and key.kind in _RARE),
    )  # fmt: skip


def boundary_addresses() -> tuple[int, ...]:
    """Addresses at which a canonical check may be off by one, for both widths, and those that kernels treat apart."""
    found: list[int] = []
    for width in (47, 56):
        top = 1 << width
        found += [top - 1, top, top + 1, top - 0x1000, top - 0xFFF, top - 0x1001, top | 0xFFF]
        found += [-top & MASK64, -top - 1 & MASK64, -top + 1 & MASK64, -top - 0x1000 & MASK64]
    found += [1 << 48, (1 << 48) - 1, 1 << 57, (1 << 57) - 1, 1 << 63, MASK64, 0, 1, 1 << 31, 1 << 32, (1 << 32) - 1]
    # The vsyscall page (x86-64 Linux ABI), its entries and its neighbours.
    found += [0xFFFFFFFFFF600000 + step for step in (0, 0x400, 0x800, 0xFFF, 0x1000)] + [0xFFFFFFFFFF5FFFFF]
    return tuple(dict.fromkeys(found))


BOUNDARIES = boundary_addresses()
_FLAG_ROLES, _SELECTOR_ROLES, _ADDRESS_ROLES = ("rflags", "r11"), ("cs", "ss"), ("rip", "rcx", "rsp")
_RARE = frozenset({"rflags", "return-flags", "undefined", "ss"})
"""Inputs of few bits: they get a turn of their own among the many words."""
_PAIRS = (("rip", "rcx"), ("rflags", "r11"), ("rip", "rdx"), ("rsp", "rcx"))
"""Words that a check compares with each other: they move together so that the check is passed."""


def value_for(role: str, old: int, space: Space, source: random.Random) -> int:
    """Another 64-bit value for an input that plays a role at the exit ("" for any other)."""
    pick = source.random()
    if pick < 0.12:
        return old ^ 1 << source.randrange(64)
    if role in _ADDRESS_ROLES and pick < 0.75:
        return _address(old, space, source)
    if role in _FLAG_ROLES and pick < 0.85:
        return _flags(old, source)
    if role in _SELECTOR_ROLES and pick < 0.9:
        return _selector(old, space, source)
    return _plain(old, space, source)


def _address(old: int, space: Space, source: random.Random) -> int:
    match source.randrange(6):
        case 0 | 1 | 2:
            return source.choice(BOUNDARIES)
        case 3:
            return source.getrandbits(space.canonical)
        case 4:
            return source.choice(BOUNDARIES) + source.randrange(-16, 17) & MASK64
        case _:
            return old + source.choice((-1, 1, -0x1000, 0x1000, 1 << space.canonical, 1 << 32)) & MASK64


def _flags(old: int, source: random.Random) -> int:
    match source.randrange(6):
        case 0 | 1:
            return old ^ 1 << source.randrange(22)
        case 2:
            return 2 | 1 << source.randrange(64)
        case 3:
            return source.getrandbits(22) & USER_FLAGS & ~0x10100 | 2
        case 4:
            return source.getrandbits(22) | 2
        case _:
            return old ^ 1 << source.randrange(22) ^ 1 << source.randrange(64)


def _selector(old: int, space: Space, source: random.Random) -> int:
    match source.randrange(5):
        case 0 | 1:
            return source.choice(space.selectors) ^ 1 << source.randrange(20)
        case 2:
            return source.choice(space.selectors) + source.choice((-8, 0, 8, 16, 0x10000, 1 << 32)) & MASK64
        case 3:
            return source.getrandbits(source.choice((3, 8, 16)))
        case _:
            return old | source.getrandbits(48) << 16


def _plain(old: int, space: Space, source: random.Random) -> int:
    match source.randrange(10):
        case 0 | 1:
            return source.getrandbits(64)
        case 2:
            return old + source.choice((-1, 1)) & MASK64
        case 3:
            return source.choice((0, 1, MASK64, 1 << 63, 1 << 31, (1 << 32) - 1, 1 << 32))
        case 4:
            return old & 0xFFFFFFFF | source.getrandbits(32) << 32
        case 5:
            return old & ~0xFFFFFFFF | source.getrandbits(32)
        case 6:
            return 1 << source.randrange(64)
        case 7 | 8 if space.dictionary:
            return source.choice(space.dictionary) + source.choice((-1, 0, 0, 0, 1)) & MASK64
        case _:
            return source.getrandbits(source.choice((1, 8, 16, 47)))


Frame = dict[Key, int]
"""The inputs that are not as in the seed."""


def perturbed(base: Mapping[Key, int], space: Space, source: random.Random) -> Frame:
    """One machine near ``base`` (itself differences from the seed): one, two or several inputs are changed."""
    found = dict(base)
    if source.random() < 0.02:
        return _scrambled(found, space, source)
    for _ in range(source.choice((1, 1, 1, 1, 2, 2, 3, 5))):
        _change(found, space, source)
    return found


def _scrambled(found: Frame, space: Space, source: random.Random) -> Frame:
    """Most inputs at random: the checks rarely pass, but nothing in it was thought of before."""
    share = source.choice((0.3, 0.7, 1.0))
    for key in space.free:
        if key not in space.pointers and source.random() < share:
            _set(found, key, source.getrandbits(64), space)
    return found


def _change(found: Frame, space: Space, source: random.Random) -> None:
    pick = source.random()
    if pick < 0.35 and space.by_role:
        one, other = source.choice(_PAIRS)
        if one in space.by_role and other in space.by_role:
            _together(found, one, other, space, source)
            return
    if pick < 0.65 and space.by_role:
        weighted = [role for role in (*FRAME_WORDS, "rcx", "r11") if role in space.by_role]
        role = source.choice(weighted) if weighted and source.random() < 0.7 else source.choice(list(space.by_role))
        keys = _layers(space.by_role[role], source)
        value = value_for(role, found.get(keys[0], space.values[keys[0]]), space, source)
        for key in keys:
            _set(found, key, value, space)
        return
    if not space.free:
        return
    key = source.choice(space.rare if space.rare and pick < 0.75 else space.free)
    if key in space.pointers:
        if space.pointers[key]:
            _set(found, key, source.choice(space.pointers[key]), space)
        return
    value = value_for(space.roles.get(key, ""), found.get(key, space.values[key]), space, source)
    _set(found, key, value, space)


def _together(found: Frame, one: str, other: str, space: Space, source: random.Random) -> None:
    """Two words that a check compares get one value; now and then they differ in one bit after all."""
    left, right = _layers(space.by_role[one], source), _layers(space.by_role[other], source)
    value = value_for(one, found.get(left[-1], space.values[left[-1]]), space, source)
    off = 1 << source.randrange(64) if source.random() < 0.15 else 0
    for key in left:
        _set(found, key, value, space)
    for key in right:
        _set(found, key, value ^ off, space)


def _layers(keys: Sequence[Key], source: random.Random) -> Sequence[Key]:
    """Of the inputs with one role (at the entry, behind the first call, …): all, or the last, or any one."""
    match source.randrange(4):
        case 0 | 1:
            return keys
        case 2:
            return keys[-1:]
        case _:
            return (source.choice(keys),)


def _set(found: Frame, key: Key, value: int, space: Space) -> None:
    """Give an input a value, cut to what the contract and the CPU admit."""
    old = found.get(key, space.values[key])
    match key.kind:
        case "rflags":
            value = old & ~space.flags_free | value & space.flags_free
        case "return-flags":
            value = old & ~space.flags_returned | value & space.flags_returned
        case "base":
            value = sign_extended(value, space.canonical)
        case "control":
            value &= ~(1 << 63)
        case "msr" if key.place == 0xC0000081:  # STAR[63:48] is the contract's
            value = old & ~((1 << 48) - 1) | value & ((1 << 48) - 1)
        case "ss":
            value &= 1
        case "undefined":
            value &= key.size
        case _:
            value &= (1 << 8 * key.size) - 1
    found[key] = value


def sign_extended(value: int, bit: int) -> int:
    """The canonical 64-bit address with the low ``bit`` + 1 bits of a value."""
    low = value & (1 << bit + 1) - 1
    return low | (MASK64 & ~((1 << bit + 1) - 1) if low >> bit else 0)


ROLES = frozenset((*GPRS, *FRAME_WORDS))

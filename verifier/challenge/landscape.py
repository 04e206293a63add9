# SPDX-License-Identifier: BSD-2-Clause
"""From one seed to the space of machines around it: which inputs there are, and what may become of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from verifier.challenge.frames import Frame, Key, Space, sign_extended, space
from verifier.challenge.machines import AC, ARITHMETIC, DF, IF, SCRATCH, TF, End, Start, Terrain
from verifier.challenge.result import Seed
from verifier.contract import SLOT_BYTES, Contract
from verifier.isa.encoding import parse as encoding_of
from verifier.model import GPRS, Image
from verifier.records import record
from verifier.replay.opcode import parse
from verifier.replay.request import CallEffect, MemoryWord, ReplayRequest

_MASK64 = (1 << 64) - 1
_LA57, _NT, _RF, _VM = 1 << 12, 1 << 14, 1 << 16, 1 << 17
_REACH = 0x2000
"""A value is taken for a pointer if memory so near was used."""
_BASES = ("gs_base", "kernel_gs_base", "fs_base")
_FREE_MSRS = frozenset({0x48, 0xC0000081, 0xC0000084})  # SPEC_CTRL, the low half of STAR, SFMASK
# Shifts by CL: whether their flags are defined depends on it.
_BY_COUNT = frozenset({(0xD2,), (0xD3,), (0x0F, 0xA5), (0x0F, 0xAD)})
_ENTROPY = 0x9E3779B97F4A7C15
NOWHERE = 0xFFFFE00000000000
"""Where pointers lead that nobody has given a value."""


@record
class Given:
    """A seed taken apart: its inputs, and what is no input."""

    seed: Seed
    values: dict[Key, int]
    roles: dict[Key, str]
    slots: dict[str, int]
    terrain: Terrain
    base: Start
    calls: tuple[tuple[Key, ...], ...]
    shift: int


def slots_of(contract: Contract, request: ReplayRequest) -> dict[str, int]:
    """The addresses of the frame's slots in a machine."""
    base = dict(request.registers)[contract.base_register] + contract.base_offset
    return {slot.name: base + slot.offset & _MASK64 for slot in contract.slots}


def take_apart(contract: Contract, seed: Seed, la57: bool) -> Given:
    """The inputs of a seed under a paging mode."""
    request = seed.request
    slots = slots_of(contract, request)
    names = {address: name for name, address in slots.items()}
    shift = 56 if la57 else 47
    values: dict[Key, int] = {}
    roles: dict[Key, str] = {}
    registers = dict(request.registers)
    for name in GPRS:
        key = Key("register", name)
        values[key] = registers.get(name, 0)
        roles[key] = name if name in ("rcx", "r11") else f"live.{name}"
    values[Key("rflags", "rflags")] = request.rflags
    for name in _BASES:
        values[Key("base", name)] = sign_extended(getattr(request, name), shift)
    values[Key("control", "cr3")] = request.cr3 & ~(1 << 63)
    for number, value in request.msrs:
        values[Key("msr", f"msr {number:#x}", number)] = value
    flat = contract.ss_descriptor.value != "any"
    values[Key("ss", "ss_flat")] = 1 if flat else 0
    for word in _grid(_writable(seed.image, request.memory), slots.values()):
        key = _word_key(word, names)
        values[key] = word.value
        roles[key] = names.get(word.address, "")
    effects = [effect for effect in request.calls if len(effect.registers) < len(GPRS)]
    for number, effect in enumerate(effects):
        given = dict(effect.registers)
        for index, name in enumerate(SCRATCH):
            key = Key("returned", name, call=number)
            values[key] = given.get(name, _ENTROPY * (number * len(SCRATCH) + index + 1) & _MASK64)
        flags = 2 if effect.rflags is None else effect.rflags
        values[Key("return-flags", "rflags", call=number)] = flags
        words = _grid(_writable(seed.image, effect.memory), slots.values())
        known = {word.address for word in words}
        words += [
            MemoryWord(address, values.get(_word_key(MemoryWord(address, 0, 8), names), 0), 8)
            for address in slots.values()
            if address not in known
        ]
        for word in words:
            key = _word_key(word, names, number)
            values[key] = word.value
            roles[key] = names.get(word.address, "")
    for address, bits, value in request.flag_patches:
        if parse(seed.image.code_at(address)).code not in _BY_COUNT:
            values[Key("undefined", f"flags behind {address:#x}", address, size=bits)] = value & bits
    cr4 = request.cr4 & ~_LA57 | (_LA57 if la57 else 0)
    terrain = Terrain(
        image=seed.image,
        entry=request.entry,
        slots=tuple(sorted(slots.values())),
        base_register=contract.base_register,
        unfollowed=request.havoc_calls,
        followed=seed.followed,
        no_return=frozenset(contract.no_return),
        helpers=frozenset(contract.helpers),
        interrupts=contract.interrupts_after_call.value,
        ss_arbitrary=not flat,
        limit=max(512, 4 * request.max_instructions),
    )
    calls = tuple(tuple(key for key in values if key.call == number) for number in range(len(effects)))
    named = {key: role for key, role in roles.items() if role}
    return Given(seed, values, named, slots, terrain, _base(values, calls, cr4), calls, shift)


def _word_key(word: MemoryWord, names: Mapping[int, str], call: int = -1) -> Key:
    name = f"frame.{names[word.address]}" if word.address in names else f"[{word.address:#x}]"
    return Key("word" if call < 0 else "return-word", name, word.address, call, word.size)


def _writable(image: Image, words: Iterable[MemoryWord]) -> list[MemoryWord]:
    """Without those in sections that are not writable: there the image says what is read."""

    def fixed(address: int) -> bool:
        section = image.section_at(address & _MASK64)
        return section is not None and not section.writable

    return [word for word in words if not (fixed(word.address) or fixed(word.address + word.size - 1))]


def _grid(words: Iterable[MemoryWord], slots: Iterable[int]) -> list[MemoryWord]:
    """The same bytes in words of at most 8 bytes, of which each slot is one."""
    content = {
        word.address + index & _MASK64: word.value >> 8 * index & 0xFF for word in words for index in range(word.size)
    }
    found: list[MemoryWord] = []
    for slot in slots:
        if any(slot + index in content for index in range(SLOT_BYTES)):
            value = sum(content.pop(slot + index, 0) << 8 * index for index in range(SLOT_BYTES))
            found.append(MemoryWord(slot, value, SLOT_BYTES))
    for address in sorted(content):
        last = found[-1] if found else None
        if last is not None and last.size < 8 and address == last.address + last.size and address % 8:
            found[-1] = MemoryWord(last.address, last.value | content[address] << 8 * last.size, last.size + 1)
        else:
            found.append(MemoryWord(address, content[address], 1))
    return found


def start_of(given: Given, contract: Contract, frame: Frame) -> Start:
    """The concrete machine of a frame; its words of memory are those that differ from the seed's."""
    base = given.base
    registers, msrs = base.registers, base.msrs
    fields = {name: getattr(base, name) for name in ("rflags", *_BASES, "cr3", "ss_flat")}
    words: list[MemoryWord] = []
    changed: set[int] = set()
    undefined: dict[int, tuple[int, int]] = {}
    for key, value in frame.items():
        match key.kind:
            case "undefined":
                undefined[key.place] = key.size, value
            case "register":
                if registers is base.registers:
                    registers = dict(registers)
                registers[key.name] = value
            case "rflags" | "base" | "control" | "ss":
                fields[key.name] = value
            case "msr":
                if msrs is base.msrs:
                    msrs = dict(msrs)
                msrs[key.place] = value
            case "word":
                words.append(MemoryWord(key.place, value, key.size))
            case _:
                changed.add(key.call)
    if fields["gs_base"] == fields["kernel_gs_base"]:
        # The clause could not tell them apart: the kernel's stays, the user's is another.
        fields["kernel_gs_base" if contract.gs.value == "kernel" else "gs_base"] ^= 1 << 20
    effects = base.effects
    if changed:
        effects = tuple(
            effect_of(given.values, frame, given.calls[number]) if number in changed else effect
            for number, effect in enumerate(effects)
        )
    return Start(registers=registers, cr4=base.cr4, msrs=msrs, words=tuple(words), effects=effects,
                 undefined=undefined, entropy=base.entropy, **fields)  # fmt: skip


def _base(values: Mapping[Key, int], calls: Iterable[tuple[Key, ...]], cr4: int) -> Start:
    """The seed itself."""
    return Start(
        registers={key.name: value for key, value in values.items() if key.kind == "register"},
        rflags=values[Key("rflags", "rflags")],
        gs_base=values[Key("base", "gs_base")],
        kernel_gs_base=values[Key("base", "kernel_gs_base")],
        fs_base=values[Key("base", "fs_base")],
        cr3=values[Key("control", "cr3")],
        cr4=cr4,
        msrs={key.place: value for key, value in values.items() if key.kind == "msr"},
        ss_flat=values[Key("ss", "ss_flat")],
        words=(),
        effects=tuple(effect_of(values, {}, keys) for keys in calls),
        undefined={},
        entropy=_ENTROPY,
    )


def effect_of(values: Mapping[Key, int], frame: Frame, keys: Iterable[Key]) -> CallEffect:
    """What a call leaves in a machine; ``keys`` are its inputs."""
    registers: list[tuple[str, int]] = []
    words: list[MemoryWord] = []
    flags: int | None = None
    for key in keys:
        value = frame[key] if key in frame else values[key]
        match key.kind:
            case "returned":
                registers.append((key.name, value))
            case "return-word":
                words.append(MemoryWord(key.place, value, key.size))
            case _:
                flags = value
    return CallEffect(tuple(registers), tuple(words), flags)


def words_of(values: Mapping[Key, int]) -> tuple[MemoryWord, ...]:
    """The memory words among some inputs."""
    return tuple(MemoryWord(key.place, value, key.size) for key, value in values.items() if key.kind == "word")


def survey(given: Given, contract: Contract, end: End) -> Space:
    """What the seed's own run tells about its inputs: which are pointers, and to what."""
    final = end.moves[-1][1] if len(end.moves) > 1 else None
    stacks = [rsp for _, rsp in end.moves if rsp != final or not contract.has_reference]
    used = sorted({address for _, address, _, _ in end.accesses})
    pinned = {Key("base", "gs_base" if contract.gs.value == "kernel" else "kernel_gs_base")}
    if contract.has_reference:
        pinned |= {Key("register", contract.base_register), Key("register", "rsp")}
    pointers: dict[Key, tuple[int, ...]] = {}
    flat = contract.ss_descriptor.value != "any"
    for key, value in given.values.items():
        if (key.kind == "msr" and key.place not in _FREE_MSRS) or (key.kind == "ss" and flat):
            pinned.add(key)
        if key.kind not in ("register", "word", "returned", "return-word", "base") or value < 0x10000:
            continue
        if any(_near(value, rsp) for rsp in stacks):
            pinned.add(key)
            continue
        near = [address for address in used if _near(value, address)]
        if near:
            pointers[key] = _places(given, contract, value, near)
    free = 0x3F7FD7 & ~(2 | TF | _RF | _VM)
    for fact, bit in ((contract.interrupts, IF), (contract.direction, DF), (contract.nested_task, _NT)):
        if fact.value != "any":
            free &= ~bit
    returned = ARITHMETIC | AC | (IF if contract.interrupts_after_call.value == "any" else 0) | (0 if flat else 2)
    selectors = tuple(
        dict.fromkeys(
            one
            for one in (
                contract.user_cs,
                contract.user_ss,
                contract.user32_cs,
                contract.star_base | 3,
                0x33,
                0x2B,
                0x23,
            )
            if one is not None
        )
    )
    constants = _constants(given.seed.image, end.trace)
    return space(
        given.values, given.roles, frozenset(pinned), pointers, constants, selectors, (free, returned), given.shift
    )


def _near(one: int, other: int) -> bool:
    return min(one - other & _MASK64, other - one & _MASK64) < _REACH


def _places(given: Given, contract: Contract, value: int, near: list[int]) -> tuple[int, ...]:
    """Where else a pointer may lead: elsewhere, and, unless the contract excludes it, onto the frame."""
    elsewhere = (NOWHERE + 0x7000 + (value & 0xFFF),)
    slots = sorted(given.slots.values())
    if contract.stores.value == "elsewhere" or not slots:
        return elsewhere
    # What the code itself pushed lies below the frame; nothing else has its address.
    moved = (slot - min(near) for slot in slots)
    return elsewhere + tuple(value + distance & _MASK64 for distance in moved)


def _constants(image: Image, trace: Iterable[int]) -> tuple[int, ...]:
    """The last bytes of each instruction, in case they are an immediate operand."""
    found: dict[int, None] = {}
    places = sorted(set(trace))
    for address, following in pairwise(places):
        size = following - address
        if not 2 <= size <= 15:
            continue
        code = image.code_at(address, size)
        body = code[encoding_of(code).start + 1 :]
        for width in (1, 2, 4, 8):
            if len(body) >= width:
                value = int.from_bytes(body[-width:], "little", signed=True)
                found.update({value & (1 << 8 * width) - 1: None, value & _MASK64: None})
    return tuple(found)


def learned(given: Given, end: End, taken: int) -> dict[Key, int]:
    """New inputs: words that a run read although nobody gave them a value. ``taken`` words were found before."""
    found: dict[Key, int] = {}
    image, slots = given.seed.image, given.slots.values()
    for address in sorted(end.unknown):
        if any(address < slot + 8 and slot < address + 8 for slot in slots):
            continue
        section = image.section_at(address)
        if section is not None and not section.writable:
            continue
        if section is None:
            value = NOWHERE + 0x10000 * (taken + len(found) + 1)
        else:
            start = address - section.address
            value = int.from_bytes(section.data[start : start + 8], "little")
        found[Key("word", f"[{address:#x}]", address)] = value
    return found

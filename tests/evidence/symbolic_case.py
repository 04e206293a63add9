# SPDX-License-Identifier: BSD-2-Clause
"""One case executed by the product's own explorer on symbols, and its terms evaluated in concrete states.

A fresh symbol (what the manual leaves undefined) is given what the oracle
computed, so that the whole state has to agree, and then the complement, so
that exactly the undefined flags and results depend on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import z3
from instructions import Case
from term_code import Evaluate, compiled
from unicorn_cpu import WINDOW, CpuState

from verifier.contract import Contract, Fact
from verifier.image import load_object
from verifier.isa.machine import FLAG_POSITIONS, SYSTEM_REGISTERS
from verifier.lift.decode import Decoded, decode
from verifier.lift.entry import Entry, build
from verifier.lift.explore import Bounds, Explorer, Leaf
from verifier.lift.symbols import Symbol
from verifier.model import GPRS, Image, Location
from verifier.solver import Solver, to_z3
from verifier.terms import Term, as_term, ite, land, mask

FLAGS = sum(mask(SYSTEM_REGISTERS[name]) << low for name, low in FLAG_POSITIONS.items())

ANYTHING = Fact("any", "")
CONTRACT = Contract(
    name="none", title="", source="", base_register="rsp", base_offset=0, slots=(), registers=(),
    user_cs=0x33, user_ss=0x2B, star_base=0x23, gs=Fact("kernel", ""), interrupts=ANYTHING,
    interrupts_after_call=ANYTHING, direction=ANYTHING, nested_task=ANYTHING, ss_descriptor=ANYTHING,
    cr3=Fact("entry", ""), stores=ANYTHING, promises=(),
)  # fmt: skip

Key = str
"""A field: a GPR, a flag, a system register; "address" and behind it "word": what is stored there."""

Source = Callable[[CpuState, "Chosen"], int]
Chosen = Callable[[Symbol], int]
"""The value of an undefined symbol."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A path's end: what may have changed on it.

    ``address`` is that of the HLT, or None where the path ends in an exception. The values of ``evaluate`` are
    whether the path is taken, and the ``keys``, each with its width. ``open``: some symbol in it is undefined.
    """

    address: int | None
    keys: tuple[tuple[Key, int], ...]
    evaluate: Evaluate
    sources: tuple[Source, ...]
    open: bool

    def fields(self, before: CpuState, chosen: Chosen) -> tuple[int, ...]:
        """Whether the path is taken, and the fields on it."""
        return self.evaluate([source(before, chosen) for source in self.sources])


@dataclass(frozen=True, slots=True)
class Symbolic:
    """A case: all endings, and the mnemonics of its code as the allow-list or the table of instructions has them."""

    case: Case
    start: int
    endings: tuple[Ending, ...]
    mnemonics: frozenset[str]


CODE = 0x10000000
"""Where the code of the cases is, on the CPU as on Unicorn: a process can have it there."""


def image_of(data: bytes, path: str) -> Image:
    """The image of an object file with one section of code, without relocations, moved to CODE."""
    image = load_object(data, path, hashlib.sha256(data).hexdigest())
    (section,) = (section for section in image.sections if section.executable)
    distance = CODE - section.address
    assert not image.relocations
    return replace(
        image,
        sections=(replace(section, address=CODE),),
        symbols=tuple(replace(symbol, address=symbol.address + distance) for symbol in image.symbols),
        lines=(),
    )


def locate(decoded: Decoded) -> Location:
    """A location without a source."""
    return Location(decoded.address, None, 0, None, None, decoded.text)


def explore(image: Image, case: Case, label: str) -> Symbolic:
    """Execute a case symbolically. Every leaf has to be a HLT or an exception: anything else is not supported."""
    symbol = image.symbol(label)
    assert symbol is not None
    alone = cut(image, symbol.address)
    entry = build(alone, CONTRACT, symbol.address, locate)
    for name in case.constants:
        entry.state.gprs[name] = as_term(case.pins[name], 64)
    if any(name in case.text for name in ("movs", "stos", "lods")):
        entry.state.put("df", case.direction)
    found = Explorer(alone, Solver(()), "unchanged", Bounds(steps=200)).run(entry.state.copy()).leaves
    endings = []
    for leaf in found:
        halted = (leaf.kind, leaf.detail) == ("trap", "hlt")
        if halted or (leaf.kind == "trap" and leaf.detail.startswith("#")):
            endings.append(_ending(entry, leaf, leaf.decoded.address if halted else None))
        else:
            # HLT with interrupts possibly enabled is open for a verdict; here it is only where a case ends.
            assert (leaf.kind, leaf.detail) == ("problem", "not-modelled-exit"), (case, leaf.kind, leaf.detail)
    assert endings
    return Symbolic(case, symbol.address, tuple(endings), mnemonics(alone))


def cut(image: Image, start: int) -> Image:
    """The image with the code from one label to the next and nothing else."""
    (section,) = image.sections
    end = min((one.address for one in image.symbols if one.address > start), default=section.address + section.size)
    data = section.data[start - section.address : end - section.address]
    return replace(image, sections=(replace(section, address=start, size=len(data), data=data),), symbols=())


def mnemonics(image: Image) -> frozenset[str]:
    """The mnemonics of an image's code but HLT."""
    (section,) = image.sections
    found, at = set(), section.address
    while at < section.address + section.size:
        decoded = decode(image.code_at(at), at)
        assert decoded.kind != "rejected", f"{decoded.text}: {decoded.problem}"
        found.add(decoded.mnemonic)
        at = decoded.next
    return frozenset(found - {"hlt"})


def _ending(entry: Entry, leaf: Leaf, address: int | None) -> Ending:
    """What differs from the entry, term by term; the rest is the very same term and needs no evaluation."""
    before, after = entry.state, leaf.state
    parts: list[tuple[Key, Term, int]] = []
    if address is not None:
        for name, width in SYSTEM_REGISTERS.items():
            if name != "ss_flat" and after.get(name) is not before.get(name):
                parts.append((name, after.get(name), width))
        parts += [(name, after.gprs[name], 64) for name in GPRS if after.gprs[name] is not before.gprs[name]]
        for region, words in after.memory.words.items():
            for offset, new in words.items():
                if new is not before.memory.word(region, offset):
                    base = as_term(0 if region.root is None else region.root, 64)
                    parts += [("address", base + offset, 64), ("word", new, 64)]
    taken = ite(land(True, *after.path), 1, 0, 1)
    terms = [to_z3(as_term(term, width)) for term, width in ((taken, 1), *((term, width) for _, term, width in parts))]
    symbols = {symbol.name: symbol for symbol in entry.state.shared.layout.symbols}
    terms, names = _settled(terms, symbols)
    evaluate = compiled(terms, {name: index for index, name in enumerate(names)})
    sources = tuple(_source(symbols[name], symbols) for name in names)
    undefined = any(symbols[name].undefined_at is not None for name in names)
    return Ending(address, tuple((key, width) for key, _, width in parts), evaluate, sources, undefined)


def _settled(terms: list[Any], symbols: Mapping[str, Symbol]) -> tuple[list[Any], tuple[str, ...]]:
    """The terms without approximations, because no store hits another window, and the symbols left in them."""
    while True:
        names = _names(terms)
        pairs = [
            (to_z3(symbols[name].term), to_z3(symbols[name].otherwise))
            for name in names
            if symbols[name].otherwise is not None
        ]
        if not pairs:
            return terms, names
        terms = [z3.substitute(term, *pairs) for term in terms]


def _names(terms: Sequence[Any]) -> tuple[str, ...]:
    """The symbols in terms, sorted."""
    found: set[str] = set()
    seen: set[int] = set()
    todo = list(terms)
    while todo:
        node = todo.pop()
        if node.get_id() in seen:
            continue
        seen.add(node.get_id())
        if node.num_args() == 0 and node.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            found.add(node.decl().name())
        todo += node.children()
    return tuple(sorted(found))


def _source(symbol: Symbol, symbols: Mapping[str, Symbol]) -> Source:
    """Where a symbol's value comes from."""
    width = mask(symbol.width)
    if symbol.undefined_at is not None:
        return lambda _, chosen: chosen(symbol) & width
    if symbol.place is not None:
        offset, size = symbol.place.offset, symbol.width // 8
        if symbol.place.root is None:
            return lambda before, _: before.load(offset & mask(64), size)
        (root,), names = _settled([to_z3(symbol.place.root)], symbols)
        evaluate = compiled([root], {name: index for index, name in enumerate(names)})
        inner = tuple(_source(symbols[name], symbols) for name in names)

        def load(before: CpuState, chosen: Chosen) -> int:
            (base,) = evaluate([source(before, chosen) for source in inner])
            return before.load(base + offset & mask(64), size)

        return load
    if symbol.name in GPRS:
        name = symbol.name
        return lambda before, _: before.register(name)
    if symbol.name.startswith("rflags."):
        low = FLAG_POSITIONS[symbol.name[7:].lower()]
        return lambda before, _: before.rflags >> low & width
    if symbol.name == "star_low":
        return lambda before, _: before.named("star") & width
    if symbol.name in SYSTEM_REGISTERS:
        name = symbol.name
        return lambda before, _: before.named(name) & width
    raise AssertionError(f"{symbol.name}: where would its value come from?")


def disagreement(symbolic: Symbolic, before: CpuState, address: int | None, after: CpuState) -> str:
    """Where the terms and the oracle, or the terms and the manual, disagree; "" where they do not."""
    case = symbolic.case
    if (address is None) != case.faults(before):
        return "the oracle and the manual do not agree on an exception"

    def chosen(symbol: Symbol) -> int:
        return case.observed(symbol.register, after)

    results = [(end, end.fields(before, chosen)) for end in symbolic.endings]
    taken = [(end, fields) for end, fields in results if fields[0]]
    if len(taken) != 1 or taken[0][0].address != address:
        return f"goes to {[end.address for end, _ in taken]} and not to {address}"
    if address is None:
        return ""
    end, fields = taken[0]
    expected = _applied(before, end, fields)
    if differing := _differences(expected, after):
        return differing
    left = _open(end, before, fields, chosen)
    manual = case.left_open(before)
    return "" if left == manual else f"left open {left}, by the manual {manual}"


def outcome(symbolic: Symbolic, before: CpuState, chosen: Chosen = lambda _: 0) -> CpuState | None:
    """The state that a case comes to by the terms; None: an exception."""
    results = [(end, end.fields(before, chosen)) for end in symbolic.endings]
    ((end, fields),) = ((end, fields) for end, fields in results if fields[0])
    return None if end.address is None else _applied(before, end, fields)


def _applied(before: CpuState, end: Ending, fields: Sequence[int]) -> CpuState:
    """The state with the fields of an ending in it."""
    registers, rflags, system = dict(before.registers), before.rflags & FLAGS, dict(before.system)
    windows = [bytearray(content) for _, content in before.windows]
    address = 0
    for (key, width), value in zip(end.keys, fields[1:], strict=True):
        if key == "address":
            address = value
        elif key == "word":
            _write(windows, before, address, value)
        elif key in FLAG_POSITIONS:
            rflags = rflags & ~(mask(width) << FLAG_POSITIONS[key]) | value << FLAG_POSITIONS[key]
        elif key in registers:
            registers[key] = value
        else:
            system[key] = value
    anchors = (anchor for anchor, _ in before.windows)
    return CpuState(
        tuple(registers.items()), rflags, tuple(zip(anchors, map(bytes, windows), strict=True)), tuple(system.items())
    )


def _write(windows: Sequence[bytearray], before: CpuState, address: int, value: int) -> None:
    """Put a word where a window has it."""
    for (anchor, _), content in zip(before.windows, windows, strict=True):
        start = address - anchor + WINDOW
        if 0 <= start <= len(content) - 8:
            content[start : start + 8] = value.to_bytes(8, "little")
            return
    raise AssertionError(f"a store to {address:#x}, which is in no window")


def _differences(expected: CpuState, after: CpuState) -> str:
    """What is not as expected, in words; system registers that the oracle does not tell are not compared."""
    wrong = []
    if expected.registers != after.registers:
        pairs = zip(expected.registers, after.registers, strict=True)
        wrong += [f"{name} {one:#x} and not {other:#x}" for (name, one), (_, other) in pairs if one != other]
    if expected.rflags != after.rflags & FLAGS:
        wrong.append(f"rflags {expected.rflags:#x} and not {after.rflags & FLAGS:#x}")
    if expected.windows != after.windows:
        for (anchor, one), (_, other) in zip(expected.windows, after.windows, strict=True):
            if one != other:
                at = next(index for index in range(len(one)) if one[index] != other[index])
                wrong.append(f"byte {one[at]:#x} and not {other[at]:#x} at {anchor - WINDOW + at:#x}")
    for name, value in after.system:
        if dict(expected.system).get(name) != value:
            wrong.append(f"{name} {dict(expected.system).get(name, 0):#x} and not {value:#x}")
    return ", ".join(wrong)


def _open(end: Ending, before: CpuState, fields: Sequence[int], chosen: Chosen) -> dict[Key, int]:
    """The bits of each field that change with the complement of every undefined value."""
    if not end.open:
        return {}
    other = end.fields(before, lambda symbol: ~chosen(symbol))
    pairs = zip(end.keys, fields[1:], other[1:], strict=True)
    return {key: first ^ second for (key, _), first, second in pairs if first != second}

# SPDX-License-Identifier: BSD-2-Clause
"""The integer semantics that proofs rest on, compared with Unicorn instruction by instruction.

Each case is executed once by the product's own explorer on symbols; the
resulting terms are then evaluated in many concrete states. A fresh symbol (what
the manual leaves undefined) is given what Unicorn computed, so that the whole
state has to agree, and then the complement, so that exactly the undefined flags
and results depend on it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pytest
import z3
from instructions import Case, always, cases
from unicorn_cpu import (
    AF,
    BUFFER,
    CF,
    OF,
    PERCPU,
    PF,
    SF,
    SOURCE,
    STACK,
    WINDOW,
    ZF,
    CpuState,
    UnicornCpu,
    states,
)

from verifier.assemble import assemble
from verifier.contract import Contract, Fact
from verifier.image import load_object
from verifier.isa.machine import FLAG_POSITIONS, SYSTEM_REGISTERS
from verifier.lift.decode import ALLOWED, BRANCHES, Decoded, decode
from verifier.lift.entry import Entry, build
from verifier.lift.explore import Bounds, Explorer, Leaf
from verifier.lift.flags import UnknownThunk
from verifier.lift.symbols import Symbol
from verifier.model import GPRS, Image, Location
from verifier.solver import Solver, to_z3
from verifier.terms import Term, as_term, ite, land, mask

STATES = 8
SPAN = range(-0x28, 0x30, 8)
"""Offsets of the words around each anchor that are compared after the instruction."""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """All cases in one object; case N begins at the label ``caseN``."""
    path = tmp_path_factory.mktemp("conformance") / "cases.s"
    lines = (f"case{index}: {case.text}; hlt" for index, case in enumerate(cases()))
    path.write_text("\n".join((*lines, "")), encoding="utf-8")
    data = assemble(path)
    return load_object(data, os.fspath(path), hashlib.sha256(data).hexdigest())


@pytest.fixture(scope="module")
def cpu(image: Image) -> UnicornCpu:
    return UnicornCpu(image)


ANYTHING = Fact("any", "")
CONTRACT = Contract(
    name="none", title="", source="", base_register="rsp", base_offset=0, slots=(), registers=(),
    user_cs=0x33, user_ss=0x2B, star_base=0x23, gs=Fact("kernel", ""), interrupts=ANYTHING,
    interrupts_after_call=ANYTHING, direction=ANYTHING, nested_task=ANYTHING, ss_descriptor=ANYTHING,
    cr3=Fact("entry", ""), stores=ANYTHING, promises=(),
)  # fmt: skip


def locate(decoded: Decoded) -> Location:
    return Location(decoded.address, None, 0, None, None, decoded.text)


Key = str | tuple[int, int]
"""What is compared: "holds" (the path condition), a GPR, a flag, or a word's (anchor, offset)."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A path's end: what may have changed on it, as one z3 term with the fields from its top down.

    ``address`` is that of the HLT, or None where the path ends in #DE.
    """

    address: int | None
    fields: tuple[tuple[Key, int], ...]
    term: Any
    names: tuple[str, ...]


def explore(image: Image, case: Case, address: int) -> tuple[list[Ending], dict[str, Symbol]]:
    """Execute a case symbolically. Every leaf has to be a HLT or #DE: anything else is not supported."""
    entry = build(image, CONTRACT, address, locate)
    bases = entry.state.gprs | {"gs": entry.kernel_gs}
    anchors = {anchor: bases[name] for name, anchor in anchored(case).items()}
    for name in case.constants:
        entry.state.gprs[name] = as_term(case.pins[name], 64)
    if any(name in case.text for name in ("movs", "stos", "lods")):
        entry.state.put("df", case.direction)
    explorer = Explorer(image, Solver(()), "unchanged", Bounds(steps=200))
    found = explorer.run(entry.state.copy()).leaves
    details = {(leaf.kind, leaf.detail.partition(":")[0]) for leaf in found}
    # HLT with interrupts possibly enabled is open for a verdict; here it is only where a case ends.
    assert details & {("trap", "hlt"), ("trap", "#DE")}
    assert details <= {("trap", "hlt"), ("trap", "#DE"), ("problem", "not-modelled-exit")}, details
    endings = [ending(entry, leaf, anchors) for leaf in found if leaf.kind == "trap"]
    return endings, {symbol.name: symbol for symbol in entry.state.shared.layout.symbols}


def anchored(case: Case) -> dict[str, int]:
    """What points to the middle of a window that the case uses."""
    percpu = {"gs": PERCPU} if "%gs:" in case.text else {}
    return {"rsp": STACK} | percpu | {name: value for name, value in case.pins.items() if value in (BUFFER, SOURCE)}


def ending(entry: Entry, leaf: Leaf, anchors: dict[int, Term]) -> Ending:
    """What differs from the entry, term by term; the rest is the very same term and needs no evaluation."""
    before, after = entry.state, leaf.state
    path = land(True, *after.path)
    parts: list[tuple[Key, Term, int]] = [("holds", ite(path, 1, 0, 1), 1)]
    for name in FLAG_POSITIONS:
        if after.get(name) is not before.get(name):
            parts.append((name, after.get(name), SYSTEM_REGISTERS[name]))
    parts += [(name, after.gprs[name], 64) for name in GPRS if after.gprs[name] is not before.gprs[name]]
    for anchor, base in anchors.items():
        for offset in SPAN:
            old, new = before.memory.load(base + offset, 8), after.memory.load(base + offset, 8)
            if new is not old:
                parts.append(((anchor, offset), new, 64))
    terms = [as_term(term, width) for _, term, width in parts]
    names = tuple(sorted({name for term in terms for name in term.variables}))
    fields = tuple((key, width) for key, _, width in parts)
    return Ending(
        leaf.decoded.address if leaf.detail == "hlt" else None,
        fields,
        z3.Concat(z3.BitVecVal(0, 1), *map(to_z3, terms)),
        names,
    )


@dataclass(frozen=True, slots=True)
class Valuation:
    """One concrete state, and a choice for every undefined value."""

    symbols: Mapping[str, Symbol]
    before: CpuState
    undefined: Callable[[Symbol], int]

    def fields(self, end: Ending) -> dict[Key, int]:
        """The fields of an ending."""
        value = self.term(end.term, end.names)
        result: dict[Key, int] = {}
        for key, width in reversed(end.fields):
            result[key] = value & mask(width)
            value >>= width
        return result

    def term(self, term: Any, names: Iterable[str]) -> int:
        """The value of a z3 term in which only these symbols occur."""
        symbols = [self.symbols[name] for name in names]
        pairs = [(to_z3(symbol.term), z3.BitVecVal(self.symbol(symbol), symbol.width)) for symbol in symbols]
        result = z3.simplify(z3.substitute(term, *pairs))
        assert z3.is_bv_value(result), f"not a constant: {result}"
        return int(result.as_long())

    def symbol(self, symbol: Symbol) -> int:
        """The value of a symbol."""
        return self._symbol(symbol) & mask(symbol.width)

    def _symbol(self, symbol: Symbol) -> int:
        if symbol.undefined_at is not None:
            return self.undefined(symbol)
        if symbol.otherwise is not None:  # the store did not hit it: no two windows overlap
            return self.term(to_z3(symbol.otherwise), symbol.otherwise.variables)
        if symbol.place is not None:
            return self.before.load(self._base(symbol.place.root) + symbol.place.offset & mask(64), symbol.width // 8)
        if symbol.name in GPRS:
            return self.before.register(symbol.name)
        if symbol.name.startswith("rflags."):
            return self.before.rflags >> FLAG_POSITIONS[symbol.name[7:].lower()]
        return PERCPU if symbol.name == "gs_base" else 0

    def _base(self, root: Term | None) -> int:
        if root is None:
            return 0
        if root.op == "BVS":
            return self.symbol(self.symbols[root.args[0]])
        return self.term(to_z3(root), root.variables)


def observed(after: CpuState, key: Key) -> int:
    """What Unicorn has for a field."""
    if key == "holds":
        return 1
    if isinstance(key, tuple):
        return after.load(sum(key), 8)
    if key in FLAG_POSITIONS:
        return after.rflags >> FLAG_POSITIONS[key] & mask(SYSTEM_REGISTERS[key])
    return after.register(key)


def compare(image: Image, cpu: UnicornCpu, case: Case, index: int) -> list[str]:
    """Where the evaluator and Unicorn, or the evaluator and the manual, disagree."""
    symbol = image.symbol(f"case{index}")
    assert symbol is not None
    try:
        endings, symbols = explore(image, case, symbol.address)
    except UnknownThunk as error:
        return [f"{case.text}: {error}"]
    keys: list[Key] = [*GPRS, *FLAG_POSITIONS, *product(anchored(case).values(), SPAN)]
    wrong = []
    for before in states(case.pins, case.direction, STATES, case.text):
        address, after = cpu.run(symbol.address, before)
        if (address is None) != case.faults(before):
            wrong.append(f"{case.text}: Unicorn and the manual do not agree on #DE; {shown(before)}")
            continue

        def choice(symbol: Symbol, after: CpuState = after) -> int:
            if symbol.register == "result":
                assert case.result is not None
                return after.register(case.result[0])
            return after.rflags >> FLAG_POSITIONS[symbol.register]

        given = Valuation(symbols, before, choice)
        results = {end.address: given.fields(end) for end in endings}
        taken = [at for at, result in results.items() if result["holds"]]
        if taken != [address]:
            wrong.append(f"{case.text}: goes to {taken} and not to {address}; {shown(before)}")
            continue
        if address is None:
            continue
        differing = [
            f"{key} {results[address].get(key, observed(before, key)):#x} and not {observed(after, key):#x}"
            for key in keys
            if results[address].get(key, observed(before, key)) != observed(after, key)
        ]
        if differing:
            wrong.append(f"{case.text}: {', '.join(differing)}; {shown(before)}")
        end = next(end for end in endings if end.address == address)
        if (found := open_fields(end, given)) != (manual := undefined_fields(case, before)):
            wrong.append(f"{case.text}: left open {found}, by the manual {manual}; {shown(before)}")
    return wrong


def open_fields(end: Ending, given: Valuation) -> dict[Key, int]:
    """The bits of each field that change with the complement of every undefined value."""
    if all(given.symbols[name].undefined_at is None for name in end.names):
        return {}
    other = replace(given, undefined=lambda symbol: ~given.undefined(symbol))
    first, second = given.fields(end), other.fields(end)
    return {key: first[key] ^ second[key] for key in first if first[key] != second[key]}


def undefined_fields(case: Case, before: CpuState) -> dict[Key, int]:
    """The bits that the manual leaves undefined."""
    flags = case.undefined(before)
    found: dict[Key, int] = {name: 1 for name, position in FLAG_POSITIONS.items() if flags >> position & 1}
    if case.result is not None and case.result[2](before):
        found[case.result[0]] = mask(case.result[1])
    return found


def shown(state: CpuState) -> str:
    return f"{ {name: hex(value) for name, value in state.registers} } rflags={state.rflags:#x}"


@pytest.mark.parametrize("part", range(16))
def test_instructions_do_what_unicorn_does(image: Image, cpu: UnicornCpu, part: int) -> None:
    """Registers, flags, memory and address agree; exactly what the manual calls undefined is open."""
    wrong = [
        line
        for index, case in enumerate(cases())
        if index % 16 == part
        for line in compare(image, cpu, case, index)[:2]
    ]
    assert wrong == []


def test_the_comparison_sees_a_wrong_expectation(image: Image, cpu: UnicornCpu) -> None:
    """A flag declared open that is not, one declared defined that is open, and other code are reported."""
    index, case = next((i, case) for i, case in enumerate(cases()) if case.text.startswith("and"))
    assert compare(image, cpu, case, index) == []
    for flags in (0, AF | CF):
        wrong = compare(image, cpu, replace(case, undefined=always(flags)), index)
        assert len(wrong) == STATES
        assert all("left open" in line for line in wrong)
    other = UnicornCpu(shifted(image, index))
    assert any(" and not " in line for line in compare(image, other, case, index))


def shifted(image: Image, index: int) -> Image:
    """The image with the code of one case replaced by that of the next one."""
    here, there = image.symbol(f"case{index}"), image.symbol(f"case{index + 1}")
    assert here is not None and there is not None
    (section,) = (section for section in image.sections if section.executable)
    start, source = here.address - section.address, there.address - section.address
    data = section.data[:start] + section.data[source : source + 8] + section.data[start + 8 :]
    changed = replace(section, data=data)
    return replace(image, sections=tuple(changed if old is section else old for old in image.sections))


def test_every_allowed_mnemonic_is_covered(image: Image) -> None:
    """An instruction cannot be allowed for lifting without a case here."""
    covered = set()
    section = next(section for section in image.sections if section.executable)
    address = section.address
    while address < section.address + section.size:
        decoded = decode(image.code_at(address), address)
        covered.add(decoded.mnemonic)
        address = decoded.next
    assert covered >= ALLOWED - {"sal"}
    assert covered >= BRANCHES


def test_the_states_reach_the_corners() -> None:
    """The generated states have equal registers, zeros, extremes and every small shift count."""
    seen = [state for case in cases()[:40] for state in states({}, 0, STATES, case.text)]
    counts = {state.register("rcx") & 0xFF for state in seen}
    assert counts >= {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255}
    values = {state.register("rax") for state in seen}
    assert values >= {0, 1, mask(64), 1 << 63, mask(31), mask(63)}
    assert any(state.register("rax") == state.register("rbx") for state in seen)
    for flag in (CF, PF, AF, ZF, SF, OF):
        assert {state.rflags & flag for state in seen} == {0, flag}
    assert all(len(content) == 2 * WINDOW for state in seen for _, content in state.windows)

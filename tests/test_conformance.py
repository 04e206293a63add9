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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import z3
from instructions import Case, cases
from unicorn_cpu import ARITHMETIC, BUFFER, PERCPU, SOURCE, STACK, WINDOW, CpuState, UnicornCpu, states

from verifier.assemble import assemble
from verifier.contract import Contract, Fact
from verifier.image import load_object
from verifier.isa.machine import FLAG_POSITIONS, SYSTEM_REGISTERS
from verifier.lift.decode import ALLOWED, BRANCHES, Decoded, decode
from verifier.lift.entry import Entry, build
from verifier.lift.explore import Bounds, Explorer, Leaf
from verifier.lift.symbols import Symbol
from verifier.model import GPRS, Image, Location
from verifier.solver import Solver, to_z3
from verifier.terms import Term, as_term, land, mask

STATES = 10
SPAN = range(-0x60, 0x60, 8)
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
    cr3=Fact("entry", ""), promises=(),
)  # fmt: skip


def locate(decoded: Decoded) -> Location:
    return Location(decoded.address, None, 0, None, None, decoded.text)


@dataclass(frozen=True, slots=True)
class Explored:
    """The end states of one case as one z3 term each; ``symbols`` is everything that they may mention."""

    entry: Entry
    leaves: tuple[tuple[int, Any], ...]
    symbols: tuple[Symbol, ...]


def explore(image: Image, case: Case, address: int) -> Explored:
    """Execute a case symbolically. Every leaf has to be a HLT: anything else is not supported."""
    entry = build(image, CONTRACT, address, locate)
    anchors = {STACK: entry.state.gprs["rsp"], PERCPU: entry.kernel_gs}
    anchors |= {
        value: entry.state.gprs[name] for name, value in case.pins.items() if value in (BUFFER, SOURCE)
    }
    for name in case.constants:
        entry.state.gprs[name] = as_term(case.pins[name], 64)
    if any(name in case.text for name in ("movs", "stos", "lods")):
        entry.state.put("df", case.direction)
    explorer = Explorer(image, Solver(entry.constraints), "unchanged", Bounds(steps=200))
    found = explorer.run(entry.state.copy()).leaves
    assert found
    for leaf in found:
        assert (leaf.kind, leaf.detail) in (("trap", "hlt"), ("trap", "#DB: POPFQ sets TF at CPL0")), (
            leaf.detail
        )
    leaves = tuple((leaf.decoded.address, packed(leaf, anchors)) for leaf in found if leaf.detail == "hlt")
    return Explored(entry, leaves, tuple(entry.state.shared.layout.symbols))


def packed(leaf: Leaf, anchors: dict[int, Term]) -> Any:
    """Path condition, flags, registers and memory of a leaf, concatenated from the top."""
    state = leaf.state
    parts = [z3.If(to_z3(land(True, *state.path)), z3.BitVecVal(1, 8), z3.BitVecVal(0, 8))]
    parts += [z3_bits(state.get(name), SYSTEM_REGISTERS[name]) for name in FLAG_POSITIONS]
    parts += [z3_bits(state.gprs[name], 64) for name in GPRS]
    for anchor in sorted(anchors):
        parts += [z3_bits(state.memory.load(anchors[anchor] + offset, 8), 64) for offset in SPAN]
    return z3.Concat(*parts)


def z3_bits(term: Term, width: int) -> Any:
    return to_z3(as_term(term, width))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What ``packed`` says in one concrete state."""

    holds: bool
    rflags: int
    registers: tuple[int, ...]
    memory: tuple[int, ...]


def unpacked(value: int, anchors: int) -> Outcome:
    memory = tuple(value >> 64 * index & mask(64) for index in reversed(range(anchors * len(SPAN))))
    value >>= 64 * len(memory)
    registers = tuple(value >> 64 * index & mask(64) for index in reversed(range(len(GPRS))))
    value >>= 64 * len(GPRS)
    rflags = 2
    for name in reversed(FLAG_POSITIONS):
        width = SYSTEM_REGISTERS[name]
        rflags |= (value & mask(width)) << FLAG_POSITIONS[name]
        value >>= width
    return Outcome(value == 1, rflags, registers, memory)


def expected(state: CpuState, anchors: list[int]) -> Outcome:
    memory = tuple(state.load(anchor + offset, 8) for anchor in anchors for offset in SPAN)
    return Outcome(True, state.rflags, tuple(value for _, value in state.registers), memory)


class Assignment:
    """Values for every symbol: the state before, and Unicorn's choice of what is undefined."""

    def __init__(self, explored: Explored, before: CpuState, undefined: Callable[[Symbol], int]) -> None:
        self._before = before
        self._undefined = undefined
        self.pairs: list[tuple[Any, Any]] = []
        for symbol in explored.symbols:
            value = self._value(symbol) & mask(symbol.width)
            self.pairs.append((to_z3(symbol.term), z3.BitVecVal(value, symbol.width)))

    def evaluate(self, term: Any) -> int:
        """The value of a z3 term."""
        value = z3.simplify(z3.substitute(term, *self.pairs))
        assert z3.is_bv_value(value), f"not a constant: {value}"
        return int(value.as_long())

    def _value(self, symbol: Symbol) -> int:
        if symbol.undefined_at is not None:
            return self._undefined(symbol)
        if symbol.otherwise is not None:  # a store that cannot have hit: the windows are apart
            return self.evaluate(to_z3(symbol.otherwise))
        if symbol.place is not None:
            root = 0 if symbol.place.root is None else self.evaluate(to_z3(symbol.place.root))
            return self._before.load(root + symbol.place.offset & mask(64), symbol.width // 8)
        if symbol.name in GPRS:
            return self._before.register(symbol.name)
        if symbol.name.startswith("rflags."):
            return self._before.rflags >> FLAG_POSITIONS[symbol.name[7:].lower()]
        return {"gs_base": PERCPU}.get(symbol.name, 0)


def compare(image: Image, cpu: UnicornCpu, case: Case, index: int) -> list[str]:
    """Where the evaluator and Unicorn, or the evaluator and the manual, disagree."""
    symbol = image.symbol(f"case{index}")
    assert symbol is not None
    explored = explore(image, case, symbol.address)
    anchors = sorted({STACK, PERCPU} | {value for value in case.pins.values() if value in (BUFFER, SOURCE)})
    wrong = []
    for before in states(case.pins, case.direction, STATES, case.text):
        address, after = cpu.run(symbol.address, before)
        truth = expected(after, anchors)

        def choice(symbol: Symbol, flip: int, after: CpuState = after) -> int:
            if symbol.register == "result":
                assert case.result is not None
                return after.register(case.result[0]) ^ flip
            return after.rflags >> FLAG_POSITIONS[symbol.register] ^ flip

        given = Assignment(explored, before, lambda symbol: choice(symbol, 0))
        there = {at: unpacked(given.evaluate(term), len(anchors)) for at, term in explored.leaves}
        taken = [at for at, outcome in there.items() if outcome.holds]
        if taken != [address]:
            wrong.append(
                f"{case.text}: Unicorn comes to {address:#x}, the evaluator to {taken} from {before}"
            )
            continue
        if there[address] != truth:
            wrong.append(f"{case.text}: {difference(there[address], truth)} from {shown(before)}")
        flipped = Assignment(explored, before, lambda symbol: choice(symbol, -1))
        other = unpacked(flipped.evaluate(dict(explored.leaves)[address]), len(anchors))
        open_flags = (other.rflags ^ there[address].rflags) & ~2
        if open_flags != case.undefined(before):
            manual = case.undefined(before)
            wrong.append(
                f"{case.text}: undefined flags {open_flags:#x}, in the manual {manual:#x} {shown(before)}"
            )
        open_registers = [
            (name, left ^ right)
            for name, left, right in zip(GPRS, other.registers, there[address].registers, strict=True)
            if left != right
        ]
        may = case.result is not None and case.result[2](before)
        allowed = [(case.result[0], mask(case.result[1]))] if may and case.result is not None else []
        if open_registers != allowed or other.memory != there[address].memory:
            wrong.append(
                f"{case.text}: open results {open_registers}, in the manual {allowed} {shown(before)}"
            )
    return wrong


def difference(found: Outcome, truth: Outcome) -> str:
    parts = [
        f"{name} {ours:#x} and not {theirs:#x}"
        for name, ours, theirs in zip(GPRS, found.registers, truth.registers, strict=True)
        if ours != theirs
    ]
    if found.rflags != truth.rflags:
        parts.append(f"rflags {found.rflags:#x} and not {truth.rflags:#x}")
    parts += [
        f"word {index}: {ours:#x} and not {theirs:#x}"
        for index, (ours, theirs) in enumerate(zip(found.memory, truth.memory, strict=True))
        if ours != theirs
    ]
    return ", ".join(parts)


def shown(state: CpuState) -> str:
    return f"{ {name: hex(value) for name, value in state.registers} } rflags={state.rflags:#x}"


@pytest.mark.parametrize("part", range(16))
def test_instructions_do_what_unicorn_does(image: Image, cpu: UnicornCpu, part: int) -> None:
    """Registers, all flags, memory and the next address agree; exactly what the manual calls undefined is open."""
    wrong = [
        line
        for index, case in enumerate(cases())
        if index % 16 == part
        for line in compare(image, cpu, case, index)[:2]
    ]
    assert wrong == []


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
    assert {state.rflags & ARITHMETIC & -(state.rflags & ARITHMETIC) for state in seen} >= {0, 1, 4, 16}
    assert all(len(content) == 2 * WINDOW for state in seen for _, content in state.windows)

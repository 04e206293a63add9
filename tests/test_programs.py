# SPDX-License-Identifier: BSD-2-Clause
"""Random programs: one symbolic exploration each, compared with Unicorn in several concrete states.

``test_instructions_do_what_the_cpu_and_unicorn_do`` in ``test_conformance_slice.py`` is about
single instructions; this is about what they share: flags that are computed
late, words that are cut and pieced together, second names for the frame,
addresses that are not known, and states that are joined. In each state exactly
one leaf must hold, and all of its registers, flags and written words must be
those of the emulator. Three kinds of symbols are given what the emulator has at
that point of the run: what the manual leaves undefined, a word that a store
with an unknown address may have changed, and memory behind an address that the
evaluator knows nothing about. A proof holds for every value of such a symbol,
so it covers the run exactly if that choice reproduces it.

To run more, or other programs:

    VERIFY_EXIT_PROGRAMS=10000 VERIFY_EXIT_SEED=7 python -m pytest tests/test_programs.py -k unicorn

A failure prints seed, number and assembly of the program, what differs, and
a shrunk program. Its test's name has the part in brackets; the same part of the
same seed has the same programs whatever VERIFY_EXIT_PROGRAMS is:

    VERIFY_EXIT_SEED=7 VERIFY_EXIT_PROGRAMS=10000 python -m pytest "tests/test_programs.py::NAME[42]"
"""

from __future__ import annotations

import hashlib
import os
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import unicorn
import z3
from programs import CONDITIONS, POINTERS, Branch, Program, generate, mnemonics, shrunk
from unicorn import x86_const
from unicorn_cpu import BUFFER, PERCPU, STACK, ZF, states

from verifier.assemble import assemble
from verifier.contract import Contract, load_contract
from verifier.image import load_object
from verifier.isa.machine import FLAG_POSITIONS, SYSTEM_REGISTERS
from verifier.lift.decode import Decoded, RegisterOperand, decode
from verifier.lift.entry import Entry, build
from verifier.lift.explore import Bounds, Explorer, Leaf
from verifier.lift.memory import Fork, Marker, Maybe, Memory
from verifier.lift.regions import RegionId
from verifier.lift.symbols import Symbol
from verifier.model import GPRS, Image, Location, UserError
from verifier.solver import Budget, Solver, to_z3
from verifier.terms import Term, as_term, ite, land, mask

PROGRAMS = int(os.environ.get("VERIFY_EXIT_PROGRAMS", "300"))
SEED = os.environ.get("VERIFY_EXIT_SEED", "1")
PART = 50
"""Programs that are assembled together and that make one test."""

STATES = 4
"""Concrete states for each program."""

Areas = tuple[tuple[int, bytes], ...]
"""Memory: (first address, content)."""

When = tuple[int, int]
"""The n-th execution, from 1, of the instruction at an address; with n ≤ 0 the last one if there were -n or more.

An instruction with REP is executed once for each of its turns.
"""


def locate(decoded: Decoded) -> Location:
    return Location(decoded.address, None, 0, None, None, decoded.text)


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract("linux")


def image_of(programs: Iterable[Program], directory: Path) -> Image:
    """All programs in one object; number N begins at the label ``programN``. Raises UserError."""
    path = directory / "programs.s"
    text = "".join(f"program{index}:\n{program.text}\n" for index, program in enumerate(programs))
    path.write_text(text, encoding="utf-8")
    data = assemble(path)
    return load_object(data, os.fspath(path), hashlib.sha256(data).hexdigest())


def address_of(image: Image, index: int) -> int:
    symbol = image.symbol(f"program{index}")
    assert symbol is not None
    return symbol.address


# What the emulator does.


@dataclass(frozen=True, slots=True)
class Machine:
    """Registers, RFLAGS and memory at one point of a run."""

    registers: dict[str, int]
    rflags: int
    memory: Areas

    def word(self, address: int) -> int | None:
        """The 8 bytes at an address, or None outside of the memory."""
        for start, content in self.memory:
            if start <= address <= start + len(content) - 8:
                return int.from_bytes(content[address - start : address - start + 8], "little")
        return None

    def flag(self, name: str) -> int:
        return self.rflags >> FLAG_POSITIONS[name] & mask(SYSTEM_REGISTERS[name])


@dataclass(frozen=True, slots=True)
class Run:
    """A run to HLT at ``end``.

    ``order`` has the number of each execution, ``after`` the machine when it was done; ``latest`` has
    the number of the last one, even if REP had nothing to do.
    """

    before: Machine
    end: int
    order: dict[When, int] = field(default_factory=dict)
    latest: dict[int, int] = field(default_factory=dict)
    after: list[Machine] = field(default_factory=list)

    def then(self, when: When) -> Machine | None:
        """The machine after an execution, or None if there was none."""
        address, number = when
        if number > 0:
            step = self.order.get(when)
        else:
            step = self.latest.get(address) if number == 0 or (address, -number) in self.order else None
        return None if step is None else self.after[step]

    @property
    def last(self) -> Machine:
        return self.after[-1] if self.after else self.before


_NARROW = frozenset((RegisterOperand(name, 0, 32),) for name in GPRS)
"""What stands behind the destination of a 32-bit CMPXCHG."""


class WildError(Exception):
    """The program left its memory or its code: it shows nothing."""


class Emulator:
    """CPL 0, 64-bit mode, linear addresses used as they are; every access is checked to lie in the memory."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self._uc.ctl_set_cpu_model(x86_const.UC_CPU_X86_SKYLAKE_CLIENT)
        self._uc.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)
        for section in image.sections:
            if section.size:
                self._uc.mem_map(section.address & -0x1000, (section.size + 0x1FFF) & -0x1000)
                self._uc.mem_write(section.address, section.data)
        for anchor in (STACK, BUFFER, PERCPU):
            self._uc.mem_map((anchor & -0x1000) - 0x1000, 0x3000)
        self._numbers = [getattr(x86_const, f"UC_X86_REG_{name.upper()}") for name in GPRS]
        self._decoded: dict[int, Decoded] = {}
        self._memory: Areas = ()
        self._wild = False
        self._hook = self._uc.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, self._on_access)

    def close(self) -> None:
        """Break the cycle between machine and hook, so that the memory is released."""
        self._uc.hook_del(self._hook)
        self._uc = None

    def _decode(self, at: int) -> Decoded:
        if at not in self._decoded:
            self._decoded[at] = decode(self._image.code_at(at, 16), at)
        return self._decoded[at]

    def _on_access(self, uc: Any, _kind: int, address: int, size: int, _value: int, _: object) -> None:
        address &= mask(64)
        if not any(start <= address and address + size <= start + len(data) for start, data in self._memory):
            self._wild = True
            uc.emu_stop()

    def run(self, start: int, before: Machine) -> Run:
        """Execute to the first HLT. Raises WildError."""
        uc = self._uc
        for number, name in zip(self._numbers, GPRS, strict=True):
            uc.reg_write(number, before.registers[name])
        uc.reg_write(x86_const.UC_X86_REG_RFLAGS, before.rflags)
        uc.reg_write(x86_const.UC_X86_REG_GS_BASE, PERCPU)
        for address, content in before.memory:
            uc.mem_write(address, content)
        self._memory, self._wild = before.memory, False
        at, run = start, Run(before, start)
        turns: dict[int, int] = {}
        while (decoded := self._decode(at)).mnemonic != "hlt":
            if len(run.after) > 300:
                raise WildError(f"at {at:#x}, after {len(run.after)} instructions")
            run.latest[at] = len(run.after)
            if not decoded.repeated or run.last.registers["rcx"]:
                turns[at] = turns.get(at, 0) + 1
                run.order[at, turns[at]] = len(run.after)
            try:
                uc.emu_start(at, mask(64), count=1)
            except unicorn.UcError as error:
                raise WildError(f"{decoded.text}: {error}") from error
            if self._wild:
                raise WildError(f"{decoded.text} accesses other memory")
            run.after.append(self._corrected(decoded, run.last))
            at = uc.reg_read(x86_const.UC_X86_REG_RIP)
        return replace(run, end=at)

    def _corrected(self, decoded: Decoded, before: Machine) -> Machine:
        """The machine now, with RAX as a 32-bit CMPXCHG that matches leaves it.

        SDM vol. 2A, CMPXCHG: the accumulator is written only if it differs. Unicorn 2.1.4 clears its
        upper half in any case; an AMD EPYC keeps it.
        """
        uc = self._uc
        registers = dict(zip(GPRS, map(uc.reg_read, self._numbers), strict=True))
        rflags = uc.reg_read(x86_const.UC_X86_REG_RFLAGS)
        if decoded.mnemonic == "cmpxchg" and rflags & ZF and decoded.operands[1:] in _NARROW:
            registers["rax"] = before.registers["rax"]
            uc.reg_write(x86_const.UC_X86_REG_RAX, registers["rax"])
        memory = tuple((start, bytes(uc.mem_read(start, len(data)))) for start, data in before.memory)
        return Machine(registers, rflags, memory)


def machines(seed: str, entry: Entry, count: int) -> Iterator[Machine]:
    """``count`` machines that meet the entry's assumptions, the same for the same seed.

    Most pointers lead into the frame, also to addresses that no other name for it has.
    """
    source = random.Random(seed)  # noqa: S311 - reproducible, not secret
    for number in range(count):
        stack = STACK + source.choice((0, 0, 8, 3, -2))
        pins = {"rsp": stack}
        for name in POINTERS:
            near = stack + source.choice((source.randrange(-16, 160), 8 * source.randrange(-2, 20)))
            pins[name] = source.choice((near, near, BUFFER + source.randrange(16), pins.get(POINTERS[0], near)))
        (state,) = states(pins, 0, 1, f"{seed}:{number}")
        rflags = state.rflags
        for name, position in FLAG_POSITIONS.items():
            term = entry.state.get(name)
            if term.op == "BVV":
                rflags = rflags & ~(1 << position) | term.args[0] << position
        windows = dict(state.windows)
        memory = (
            (STACK - 0x180, b"".join(windows.values())),
            (BUFFER - 0x40, windows[BUFFER]),
            (PERCPU, windows[PERCPU]),
        )
        yield Machine(dict(state.registers), rflags, memory)


# What the evaluator says.

Key = str | tuple[RegionId, int]
"""A register, a flag, or a word at an offset in a region."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A leaf: its path condition, and all that changed on the path as one z3 term, fields from the top down."""

    leaf: Leaf
    holds: Any
    holds_names: frozenset[str]
    fields: tuple[tuple[Key, int], ...]
    term: Any
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Exploration:
    """A program's endings, with all symbols and the executions that may have stored anywhere.

    ``chosen`` has the symbols that stand for what some execution may have left, with that execution: a word
    that a store with an unknown address may have changed, and what a summarised loop changes.
    """

    entry: Entry
    endings: tuple[Ending, ...]
    stores: frozenset[When]
    joins: int
    symbols: dict[str, Symbol] = field(default_factory=dict)
    chosen: dict[str, tuple[When, Key]] = field(default_factory=dict)

    def refresh(self) -> None:
        """Take in symbols that were made since: memory makes its words on demand."""
        for key, symbol in self.entry.state.shared.layout.symbols._by_key.items():
            self.symbols[symbol.name] = symbol
            match key:
                case ("perhaps", mark, RegionId() as region, int() as offset, _):
                    self.chosen[symbol.name] = execution(mark), (region, offset)
                case ("loop", _, _, RegionId() as region, int() as offset, _):
                    self.chosen[symbol.name] = execution(key), (region, offset)
                case ("loop", _, str() as name, _):
                    self.chosen[symbol.name] = execution(key), name


class UnexpectedLeafError(Exception):
    """The evaluator refuses a program that is made of what it claims to know."""


def explore(image: Image, contract: Contract, entry: Entry) -> Exploration:
    """Execute a program symbolically. Raises UnexpectedLeafError unless every path comes to HLT."""
    solver = Solver(entry.constraints, Budget(rlimit=200_000))
    result = Explorer(image, solver, contract.interrupts_after_call.value, Bounds(steps=2000)).run(entry.state.copy())
    for leaf in result.leaves:
        # HLT with interrupts possibly enabled is open for a verdict; here it is only where a program ends.
        if leaf.decoded.mnemonic != "hlt" and leaf.kind != "loop":
            raise UnexpectedLeafError(f"{leaf.kind} {leaf.detail}: {leaf.reason.text if leaf.reason else ''}")
    leaves = [leaf for leaf in result.leaves if leaf.kind == "trap"]
    endings = tuple(ending(entry, leaf) for leaf in leaves)
    stores = frozenset(when for leaf in leaves for when in marks(leaf.state.memory.history))
    found = Exploration(entry, endings, stores, result.joins)
    found.refresh()
    return found


def execution(mark: Any) -> When:
    """The execution that a mark in the evaluator's keys stands for.

    A loop here is an instruction with REP. Its summary stands for the state when it ends, if it
    has not ended in one of the turns before the summary was made.
    """
    match mark:
        case ("loop", (int() as header, _, int() as turns), *_):
            return header, -turns
        case (int() as address, int() as visit):
            return address, visit
    raise AssertionError(f"an unknown mark: {mark}")


def marks(history: tuple[Marker, ...]) -> Iterator[When]:
    """The executions of stores that a history has."""
    for marker in history:
        match marker:
            case Maybe(mark=mark):
                address, visit = execution(mark)
                yield address, visit if visit > 0 else 1 - visit
            case Fork(_, then, otherwise):
                yield from marks(then)
                yield from marks(otherwise)


def ending(entry: Entry, leaf: Leaf) -> Ending:
    """What differs from the entry, term by term; the rest is the very same term and needs no evaluation."""
    before, after = entry.state, leaf.state
    parts: list[tuple[Key, Term, int]] = []
    for name in FLAG_POSITIONS:
        if after.get(name) is not before.get(name):
            parts.append((name, after.get(name), SYSTEM_REGISTERS[name]))
    parts += [(name, after.gprs[name], 64) for name in GPRS if after.gprs[name] is not before.gprs[name]]
    parts += [
        ((region, offset), word, 64) for region, words in after.memory.words.items() for offset, word in words.items()
    ]
    holds = as_term(ite(land(True, *after.path), 1, 0, 1), 1)
    terms = [as_term(term, width) for _, term, width in parts]
    names = frozenset(name for term in terms for name in term.variables)
    fields = tuple((key, width) for key, _, width in parts)
    whole = z3.Concat(z3.BitVecVal(0, 1), z3.BitVecVal(0, 1), *map(to_z3, terms))
    return Ending(leaf, to_z3(holds), holds.variables, fields, whole, names)


@dataclass(frozen=True, slots=True)
class Valuation:
    """The value of each symbol in one run."""

    found: Exploration
    image: Image
    run: Run
    known: dict[str, int] = field(default_factory=dict)

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
        symbols = [self.found.symbols[name] for name in names]
        pairs = [(to_z3(symbol.term), z3.BitVecVal(self.symbol(symbol), symbol.width)) for symbol in symbols]
        result = z3.simplify(z3.substitute(term, *pairs))
        assert z3.is_bv_value(result), f"not a constant: {result}"
        return int(result.as_long())

    def symbol(self, symbol: Symbol) -> int:
        """The value of a symbol."""
        if symbol.name not in self.known:
            self.known[symbol.name] = self._symbol(symbol) & mask(symbol.width)
        return self.known[symbol.name]

    def _symbol(self, symbol: Symbol) -> int:
        run, before = self.run, self.run.before
        if symbol.undefined_at is not None:
            after = run.then((symbol.undefined_at, 1))
            return 0 if after is None else self._undefined(symbol, symbol.undefined_at, after)
        if symbol.name in self.found.chosen:
            when, key = self.found.chosen[symbol.name]
            after = run.then(when)
            return 0 if after is None else self._observed(after, key) or 0
        if symbol.place is not None:
            machine = self._first_store() if symbol.place.region == "unknown" else before
            return machine.word(self.address(symbol.place.root, symbol.place.offset)) or 0
        if symbol.name in GPRS:
            return before.registers[symbol.name]
        if symbol.name.startswith("rflags."):
            return before.rflags >> FLAG_POSITIONS[symbol.name[7:].lower()]
        return PERCPU if symbol.name == "gs_base" else 0

    def _observed(self, machine: Machine, key: Key) -> int | None:
        if isinstance(key, str):
            return machine.registers[key] if key in GPRS else machine.flag(key)
        return machine.word(self.address(key[0].root, key[1]))

    def _undefined(self, symbol: Symbol, address: int, after: Machine) -> int:
        if symbol.register in FLAG_POSITIONS:
            return after.flag(symbol.register)
        target = decode(self.image.code_at(address, 16), address).operands[0]
        assert symbol.register == "result" and isinstance(target, RegisterOperand)
        return after.registers[target.register]

    def _first_store(self) -> Machine:
        """The machine before the first store that was executed after an unknown address was first used.

        Until then the evaluator has given memory there no other name.
        """
        steps = [self.run.order[when] for when in self.found.stores if when in self.run.order]
        first = min(steps, default=len(self.run.after))
        return self.run.after[first - 1] if first else self.run.before

    def address(self, root: Term | None, offset: int) -> int:
        """The address at an offset from a region's root."""
        return (0 if root is None else self.term(to_z3(root), root.variables)) + offset & mask(64)


# Comparison.


def disagreements(found: Exploration, image: Image, run: Run) -> list[str]:
    """Where the evaluator differs from one run."""
    given = Valuation(found, image, run)
    taken = [end for end in found.endings if given.term(end.holds, end.holds_names)]
    if len(taken) != 1 or taken[0].leaf.decoded.address != run.end:
        shown = [f"{end.leaf.decoded.address:#x}" for end in taken]
        return [f"goes to {shown} and not to {run.end:#x}"]
    (end,) = taken
    result, wrong = given.fields(end), []
    for name in GPRS:
        wrong += differing(name, result.get(name, run.before.registers[name]), run.last.registers[name])
    for name in FLAG_POSITIONS:
        wrong += differing(name, result.get(name, run.before.flag(name)), run.last.flag(name))
    for key, value in result.items():
        if not isinstance(key, str):
            theirs = run.last.word(given.address(key[0].root, key[1]))
            if theirs is not None:  # else only another path uses it: the accesses of this run are in the memory
                wrong += differing(f"[{key[0].key}{key[1]:+#x}]", value, theirs)
    return [*wrong, *unwritten(given, end)]


def unwritten(given: Valuation, end: Ending) -> Iterator[str]:
    """Words around RSP and at GS that the emulator changed and the evaluator did not write on this path."""
    run, memory, entry = given.run, end.leaf.state.memory, given.found.entry
    for root, name in ((entry.state.gprs["rsp"], "rsp"), (entry.kernel_gs, "gs")):
        base, words = given.address(root, 0), memory.words.get(entry.state.shared.layout.known[root.hash()], {})
        for offset in range(-0x100, 0x140, 8):
            now = run.last.word(base + offset)
            if offset not in words and now != run.before.word(base + offset):
                word = memory.load(root + offset, 8)
                given.found.refresh()
                yield from differing(f"[{name}{offset:+#x}]", given.term(to_z3(word), word.variables), now)


def differing(what: str, ours: int, theirs: int | None) -> list[str]:
    if ours == theirs:
        return []
    return [f"{what} {ours:#x} and not {'unmapped' if theirs is None else hex(theirs)}"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out for one program: what differs (with the machine), and how many states were joined."""

    wrong: tuple[str, ...]
    joins: int = 0


def check(image: Image, emulator: Emulator, contract: Contract, index: int, seed: str) -> Verdict:
    """Compare one program of an image in some states. Raises WildError."""
    address = address_of(image, index)
    entry = build(image, contract, address, locate)
    runs = [emulator.run(address, before) for before in machines(seed, entry, STATES)]
    try:
        found = explore(image, contract, entry)
    except UnexpectedLeafError as error:
        return Verdict((str(error),))
    wrong = []
    for run in runs:
        lines = disagreements(found, image, run)
        registers = {name: hex(value) for name, value in run.before.registers.items()}
        wrong += [f"{', '.join(lines)}; from {registers} rflags={run.before.rflags:#x}"] if lines else []
    return Verdict(tuple(wrong), found.joins)


def check_alone(program: Program, contract: Contract, directory: Path, seed: str) -> Verdict:
    """Compare one program that stands in no image yet. Raises UserError and WildError."""
    image = image_of([program], directory)
    emulator = Emulator(image)
    try:
        return check(image, emulator, contract, 0, seed)
    finally:
        emulator.close()


def report(program: Program, contract: Contract, directory: Path, seed: str, verdict: Verdict) -> str:
    """A failure as the reader needs it, with a shrunk program."""

    def fails(candidate: Program) -> bool:
        try:
            return bool(check_alone(candidate, contract, directory, seed).wrong)
        except (UserError, WildError):
            return False

    small = shrunk(program, fails)
    again = check_alone(small, contract, directory, seed)
    return (
        f"seed and number {seed}: {verdict.wrong[0]}\n{program.text}\n"
        f"shrunk, {again.wrong[0] if again.wrong else '(agrees when it stands alone)'}\n{small.text}\n"
    )


@pytest.mark.parametrize("part", range(-(-PROGRAMS // PART)))
def test_programs_do_what_unicorn_does(part: int, contract: Contract, tmp_path: Path) -> None:
    """Whole programs agree in every register, flag and word; exactly one leaf holds in each state."""
    numbers = range(part * PART, min(PROGRAMS, (part + 1) * PART))
    seeds = [f"{SEED}:{number}" for number in numbers]
    programs = [generate(seed) for seed in seeds]
    image = image_of(programs, tmp_path)
    emulator = Emulator(image)
    wrong = []
    for index, (seed, program) in enumerate(zip(seeds, programs, strict=True)):
        try:
            verdict = check(image, emulator, contract, index, seed)
        except WildError as error:
            wrong.append(
                f"seed and number {seed}: the generator made a program that is wild: {error}\n{program.text}\n"
            )
            continue
        if verdict.wrong:
            wrong.append(report(program, contract, tmp_path, seed, verdict))
    emulator.close()
    assert not wrong, "\n".join(wrong)


WRONG = (
    ("add %rax, %rbx", "sub %rax, %rbx"),
    ("stc", "clc"),
    ("movl %eax, 5(%rsp)", "movl %eax, 6(%rsp)"),
    ("movl %eax, %gs:8", "movl %eax, %gs:4"),
    ("popq %rbx", "popq %rbp"),
    ("btw $3, (%rsp)", "btw $4, (%rsp)"),
    ("js 1f; hlt; 1: nop", "jns 1f; hlt; 1: nop"),
)
"""Two texts of one length that differ in a register, a flag, a word of each kind, or the way that they take."""


@pytest.mark.parametrize(("text", "other"), WRONG, ids=[text.split("; ")[0] for text, _ in WRONG])
def test_the_comparison_sees_other_code(text: str, other: str, contract: Contract, tmp_path: Path) -> None:
    """What the evaluator makes of one text does not pass for the other one, and does pass for its own."""
    (image, changed) = (image_of([Program((line,))], tmp_path) for line in (text, other))
    outcomes = []
    for executed in (image, changed):
        emulator = Emulator(executed)
        outcomes.append([bool(check(image, emulator, contract, 0, f"other:{n}").wrong) for n in range(4)])
        emulator.close()
    assert not any(outcomes[0])
    assert any(outcomes[1])


@pytest.mark.parametrize(
    "nodes",
    [
        ("movq 16(%rsp), %rbx", "and $0x18, %ecx", "movq %rax, (%rsp,%rcx,1)", "movq 16(%rsp), %rdx"),
        ("lea (%rsp), %rdi", "and $7, %ecx", "rep stosq", "movq 32(%rsp), %rdx"),
        ("and $0x18, %ecx", "movq (%rsp,%rcx,1), %rax", "movq %rbx, 8(%rsp)", "movq (%rsp,%rcx,1), %rdx"),
    ],
    ids=["a store anywhere", "a loop", "a store beside an unknown word"],
)
def test_the_comparison_sees_a_store_that_is_forgotten(
    nodes: tuple[str, ...], contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the emulator chooses for approximated words hides nothing: without the approximation programs fail."""
    program, seeds = Program(nodes, pointers=True), [f"forgotten:{n}" for n in range(8)]
    assert not any(check_alone(program, contract, tmp_path, seed).wrong for seed in seeds)
    monkeypatch.setattr(Memory, "_maybe", lambda self, marker: None)
    assert any(check_alone(program, contract, tmp_path, seed).wrong for seed in seeds)


def test_an_instruction_that_is_refused_is_a_failure(contract: Contract, tmp_path: Path) -> None:
    """A program does not pass because the evaluator gave up on it."""
    verdict = check_alone(Program(("nop", "popcntq %rax, %rbx")), contract, tmp_path, "refused")
    assert verdict.wrong and "popcnt" in verdict.wrong[0]


def test_the_programs_are_varied(contract: Contract, tmp_path: Path) -> None:
    """The default programs have every mnemonic and every kind of access; many have joins and several ends."""
    programs = [generate(f"1:{number}") for number in range(300)]
    used = set().union(*(mnemonics(program.text) for program in programs))
    stems = "mov add sub adc sbb and or xor cmp test not neg inc dec shl shr sar rol ror xchg xadd cmpxchg mul imul"
    wanted = {stem + suffix for stem in stems.split() for suffix in "bwlq"}
    wanted |= {stem + suffix for stem in "bt bts btr btc bsf bsr".split() for suffix in "wlq"}
    wanted |= {stem + suffix for stem in ("movs", "stos") for suffix in "bwlq"}
    wanted |= {f"{stem}{condition}" for stem in ("j", "set") for condition in CONDITIONS}
    wanted |= {"lea", "bswap", "movzbl", "movswq", "movslq", "pushq", "popq", "pushfq", "popfq", "cld", "std", "jrcxz"}
    assert sorted(wanted - used) == []
    assert {name[4:-1] for name in used if name.startswith("cmov")} == set(CONDITIONS)
    text = "\n".join(program.text for program in programs)
    for pattern in (
        r"movq %\w+, \d*[1-79]\(%rsp\)",  # misaligned
        r"mov\w %\w+, -?\d+\(%(?!rsp)\w+\)",  # through another register
        r"mov %rsp, %rbx",
        r"mov %\w+, %rsp",
        r"\(%\w+,%\w+,[1248]\), %",
        r"-?\d+\(%r11\)",
        r"%gs:",
        r"lock ",
        r"rep (movs|stos)",
        r"and \$3, %ecx\nrep ",
        r"%[abcd]h\b",
    ):
        assert re.search(pattern, text), pattern
    lengths = [len(re.findall(r"^[^\d].*$", program.text, re.MULTILINE)) for program in programs]
    assert min(lengths) <= 8 and max(lengths) >= 25
    image = image_of(programs[:50], tmp_path)
    found = [explore(image, contract, build(image, contract, address_of(image, n), locate)) for n in range(50)]
    assert sum(one.joins > 0 for one in found) >= 15
    assert sum(len(one.endings) > 1 for one in found) >= 3
    assert sum(len(one.chosen) > 0 for one in found) >= 5


def test_a_seed_is_a_program() -> None:
    """The printed seed is enough to get the program and its states again."""
    assert generate("1:7") == generate("1:7")
    assert len({generate(f"1:{number}").text for number in range(50)}) == 50


def test_shrinking_leaves_what_fails() -> None:
    """Instructions, both arms of a branch, and the parts of a group are dropped as long as it still fails."""
    inner = Branch("jz", ("mov $1, %eax", "cld; xadd %rax, %rbx; nop"), ("nop",))
    program = Program(("stc", Branch("jc", ("clc",), ("nop", inner)), "mov %rax, %rbx", "inc %rcx"))
    assert shrunk(program, lambda one: "xadd" in one.text).text == "xadd %rax, %rbx\nhlt"
    small = shrunk(program, lambda one: "jz" in one.text and "inc" in one.text)
    assert small.text == "jz 1f\n1:\n2:\ninc %rcx\nhlt"


@pytest.mark.parametrize(
    "nodes",
    [
        ("movq 8(%rsp), %rax", "cmpxchgl %esi, 8(%rsp)"),
        ("movq 8(%rsp), %rax", "lock cmpxchgl %esi, 8(%rsp)"),
    ],
    ids=["plain", "locked"],
)
def test_a_compare_that_matches_leaves_the_accumulator(
    nodes: tuple[str, ...], contract: Contract, tmp_path: Path
) -> None:
    """A 32-bit CMPXCHG that matches keeps all of RAX; VEX and Unicorn clear its upper half."""
    assert check_alone(Program(nodes), contract, tmp_path, "match").wrong == ()

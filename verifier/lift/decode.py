# SPDX-License-Identifier: BSD-2-Clause
"""Decode one instruction: our raw-byte decoder first, then an allow-list over a disassembler.

Nothing reaches the lifter that is not named here. The disassembler gives text,
length and operands; that a system instruction is what we think it is rests on
``verifier.isa`` alone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import capstone
import capstone.x86_const as x86

from verifier.isa import Encoding, Instruction, match, parse
from verifier.model import GPRS
from verifier.records import record

_CONDITIONS = (
    "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g",
)  # fmt: skip

CONDITIONAL_JUMPS = frozenset(f"j{condition}" for condition in _CONDITIONS)
"""Jcc mnemonics as the disassembler spells them."""

ALLOWED = frozenset(
    """mov movabs movzx movsx movsxd lea add sub adc sbb and or xor not neg inc dec cmp test
    shl sal shr sar rol ror bt bts btr btc bsf bsr bswap xchg xadd cmpxchg mul imul div idiv shld shrd push pop
    call ret jmp jrcxz nop leave cbw cwde cdqe cwd cdq cqo cld std clc stc cmc lahf sahf
    movsb movsw movsd movsq stosb stosw stosd stosq lodsb lodsw lodsd lodsq""".split()
) | {f"{stem}{condition}" for stem in ("j", "set", "cmov") for condition in _CONDITIONS}
"""Integer mnemonics that VEX lifts, or ``lift.corrections`` executes, and that our conformance tests cover."""

BRANCHES = CONDITIONAL_JUMPS | {"jmp", "call", "ret", "jrcxz"}
_TRANSFERS = (
    capstone.CS_GRP_JUMP, capstone.CS_GRP_CALL, capstone.CS_GRP_RET, capstone.CS_GRP_IRET,
    capstone.CS_GRP_BRANCH_RELATIVE,
)  # fmt: skip
"""Instructions that go elsewhere; one that raises an exception or enters a hypervisor comes back behind it."""
_STRINGS = frozenset(f"{stem}{size}" for stem in ("movs", "stos", "lods") for size in "bwdq")
_REPEATABLE = frozenset({"movsb", "movsw", "movsd", "movsq", "stosb", "stosw", "stosd", "stosq"})

_SUBREGISTERS: dict[str, tuple[str, int, int]] = {}
for _name in GPRS:
    _SUBREGISTERS[_name] = (_name, 0, 64)
    if _name[1:].isdigit():
        _SUBREGISTERS |= {
            _name + "d": (_name, 0, 32),
            _name + "w": (_name, 0, 16),
            _name + "b": (_name, 0, 8),
        }
    else:
        short = _name[1:]
        low = short[0] + "l" if short.endswith("x") else short + "l"
        _SUBREGISTERS |= {"e" + short: (_name, 0, 32), short: (_name, 0, 16), low: (_name, 0, 8)}
        if short.endswith("x"):
            _SUBREGISTERS[short[0] + "h"] = (_name, 8, 8)


@record
class MemoryOperand:
    """segment:[base + index * scale + displacement]; ``base`` "rip" is already resolved away.

    ``displacement`` is an unsigned 64-bit value; ``size`` is in bytes.
    """

    segment: Literal["", "fs", "gs"]
    base: str
    index: str
    scale: int
    displacement: int
    size: int


@record
class RegisterOperand:
    """A GPR or a part of one: ``width`` bits from bit ``low`` of ``register``."""

    register: str
    low: int
    width: int


@record
class ImmediateOperand:
    """An immediate, unsigned 64-bit as the disassembler extends it; ``size`` in bytes."""

    value: int
    size: int


Operand = MemoryOperand | RegisterOperand | ImmediateOperand


@record
class Decoded:
    """One instruction. ``kind`` says who executes it; ``problem`` is why nobody does ("rejected").

    ``transfers``: a rejected one that goes elsewhere, or of which nothing is known.
    """

    address: int
    raw: bytes
    mnemonic: str
    text: str
    kind: Literal["vex", "step", "exit", "trap", "rejected"]
    encoding: Encoding
    system: Instruction | None = None
    operands: tuple[Operand, ...] = ()
    problem: str = ""
    transfers: bool = False

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.raw)

    @property
    def wanders(self) -> bool:
        """Whether its bytes do not say where execution goes on: an indirect jump, a return, a rejected transfer."""
        if self.kind == "rejected":
            return self.transfers
        return self.mnemonic == "ret" or (self.mnemonic == "jmp" and not isinstance(self.operands[0], ImmediateOperand))

    @property
    def resumes(self) -> bool:
        """Whether it is an undefined instruction, which a kernel may use for what its handler comes back from."""
        return self.mnemonic in ("ud2", "ud1")

    @property
    def repeated(self) -> bool:
        """Whether it is a string instruction with a REP prefix, which loops by itself."""
        return self.mnemonic in _REPEATABLE and (self.encoding.has(0xF3) or self.encoding.has(0xF2))

    @property
    def next(self) -> int:
        """Address behind the instruction."""
        return self.address + len(self.raw)


@lru_cache(maxsize=1)
def _disassembler() -> Any:
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    engine.detail = True
    return engine


@lru_cache(maxsize=1)
def _printer() -> Any:
    """AT&T syntax, which kernel code is written in; without operand detail."""
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    engine.syntax = capstone.CS_OPT_SYNTAX_ATT
    return engine


def _print(raw: bytes, address: int) -> str:
    found = next(_printer().disasm_lite(raw, address, 1), None)
    return "" if found is None else f"{found[2]} {found[3]}".strip()


def decode(code: bytes, address: int) -> Decoded:
    """Decode the instruction that ``code`` begins with; never raises, rejects instead."""
    return _decode(code, address)


@lru_cache(maxsize=1 << 14)
def _decode(code: bytes, address: int) -> Decoded:
    """The same code is looked at again by each exploration, each replay and the search for entries."""
    if not code:
        return Decoded(
            address, b"", "(none)", "(no code here)", "rejected", parse(b""), problem="no code here", transfers=True
        )
    encoding = parse(code)
    instruction = next(_disassembler().disasm(encoding.raw, address, 1), None)
    system = match(encoding)
    size = system.size(encoding) if system is not None else None
    if system is not None and size is not None:
        if size > len(encoding.raw):
            return Decoded(
                address,
                code,
                system.mnemonic,
                system.mnemonic,
                "rejected",
                encoding,
                problem="truncated",
                transfers=True,
            )
        raw = encoding.raw[:size]
        agreed = instruction is not None and bytes(instruction.bytes) == raw and system.kind == "step"
        text = _print(raw, address) if agreed else system.mnemonic
        return Decoded(address, raw, system.mnemonic, text, system.kind, encoding, system)
    if instruction is None:
        shown = code[:8].hex(" ")
        return Decoded(
            address,
            code[:1],
            "(bad)",
            f"(bad) {shown}",
            "rejected",
            encoding,
            problem="no such instruction",
            transfers=True,
        )
    raw = bytes(instruction.bytes)
    text = _print(raw, address)
    if system is not None:
        operands = _operands(instruction)
        if operands is None:
            return Decoded(
                address, raw, system.mnemonic, text, "rejected", encoding, problem="operand kind not modelled"
            )
        return Decoded(address, raw, system.mnemonic, text, system.kind, encoding, system, operands)
    problem = _objection(instruction, encoding)
    operands = _operands(instruction) if not problem else ()
    if operands is None:
        problem, operands = "operand kind not modelled", ()
    mnemonic = _bare_mnemonic(instruction.mnemonic)
    kind: Literal["vex", "rejected"] = "rejected" if problem else "vex"
    transfers = bool(problem) and any(instruction.group(group) for group in _TRANSFERS)
    return Decoded(address, raw, mnemonic, text, kind, encoding, None, operands, problem, transfers)


def _nothing(address: int, raw: bytes, mnemonic: str, text: str, encoding: Encoding, problem: str) -> Decoded:
    """Bytes that are no instruction: nothing is known of where they lead."""
    return Decoded(address, raw, mnemonic, text, "rejected", encoding, problem=problem, transfers=True)


def _bare_mnemonic(mnemonic: str) -> str:
    """Without lock, rep and hint prefixes."""
    return str(mnemonic).split()[-1]


def _objection(instruction: Any, encoding: Encoding) -> str:
    """Why the lifter does not take this instruction; empty if it does."""
    mnemonic = _bare_mnemonic(instruction.mnemonic)
    prefixes = str(instruction.mnemonic).split()[:-1]
    if mnemonic not in ALLOWED:
        return "the instruction is not modelled"
    if _dead_rex(encoding):
        return "a REX prefix that the CPU ignores, because it is not the last prefix"
    if mnemonic == "lea" and (encoding.has(0x64) or encoding.has(0x65)):
        return "LEA with a segment override, which the CPU ignores"
    target = instruction.operands[0] if instruction.operands else None
    if mnemonic == "cmpxchg" and target is not None and target.type == x86.X86_OP_REG and target.size == 4:
        return "whether it clears the upper half of an unequal 32-bit register depends on the CPU"
    if encoding.has(0x67):
        return "the address-size prefix is not modelled"
    if mnemonic in BRANCHES and encoding.has(0x66):
        return "a 16-bit branch: Intel and AMD decode it differently"
    for prefix in prefixes:
        repeated = prefix in ("rep", "repe", "repz") and mnemonic in _REPEATABLE
        harmless = prefix in ("repz", "rep", "repe", "bnd", "notrack") and mnemonic in BRANCHES
        if not (prefix == "lock" or repeated or harmless):
            return f"the {prefix} prefix is not modelled here"
    if mnemonic in _STRINGS and (encoding.has(0x64) or encoding.has(0x65)):
        return "a string instruction with a segment override is not modelled"
    if mnemonic == "movsd" and not encoding.starts(0xA5):
        return "the instruction is not modelled"
    return ""


def _dead_rex(encoding: Encoding) -> bool:
    """Whether a REX stands before another prefix (SDM vol. 2A, 2.2.1: it is then ignored; VEX obeys it)."""
    return any(0x40 <= byte <= 0x4F for byte in encoding.raw[: encoding.start - bool(encoding.rex)])


def _operands(instruction: Any) -> tuple[Operand, ...] | None:
    """The operands in Intel order, or None when one is not a GPR, an immediate or memory."""
    found: list[Operand] = []
    for operand in instruction.operands:
        match operand.type:
            case x86.X86_OP_REG:
                name = instruction.reg_name(operand.reg)
                if name not in _SUBREGISTERS:
                    return None
                found.append(RegisterOperand(*_SUBREGISTERS[name]))
            case x86.X86_OP_IMM:
                found.append(ImmediateOperand(operand.imm & ((1 << 64) - 1), operand.size))
            case x86.X86_OP_MEM:
                memory = _memory(instruction, operand)
                if memory is None:
                    return None
                found.append(memory)
            case _:
                return None
    return tuple(found)


def _memory(instruction: Any, operand: Any) -> MemoryOperand | None:
    segment = instruction.reg_name(operand.mem.segment) if operand.mem.segment else ""
    base = instruction.reg_name(operand.mem.base) if operand.mem.base else ""
    index = instruction.reg_name(operand.mem.index) if operand.mem.index else ""
    displacement = operand.mem.disp
    if base == "rip":
        base, displacement = "", displacement + instruction.address + instruction.size
    if (base and base not in GPRS) or (index and index not in GPRS and index not in ("riz",)):
        return None
    kept: Literal["", "fs", "gs"] = ""
    if segment == "fs":
        kept = "fs"
    elif segment == "gs":
        kept = "gs"
    index = "" if index == "riz" else index
    return MemoryOperand(kept, base, index, operand.mem.scale, displacement & ((1 << 64) - 1), operand.size)

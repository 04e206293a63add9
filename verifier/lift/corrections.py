# SPDX-License-Identifier: BSD-2-Clause
"""Where VEX's flags or results differ from the manual, and instructions that we run ourselves.

VEX gives every flag one fixed value, also those that the SDM leaves undefined;
proving with that value would prove one CPU's choice. Here such flags, and
undefined results, become fresh symbols. Sources: the "Flags Affected"
paragraphs of SDM vol. 2A/2B for AND, OR, XOR, TEST, SAL/SAR/SHL/SHR,
RCL/RCR/ROL/ROR, BT/BTS/BTR/BTC, BSF, BSR, MUL, IMUL.
"""

from __future__ import annotations

import claripy

from verifier.isa.machine import NotModelled
from verifier.lift import divide, double_shift
from verifier.lift.decode import Decoded, ImmediateOperand, MemoryOperand, RegisterOperand
from verifier.lift.flags import ARITHMETIC, Flags, Thunk
from verifier.lift.operands import fit, read, width, write
from verifier.lift.state import CC_REGISTERS, State, opaque_cc
from verifier.records import record
from verifier.terms import Term, add, as_term, concrete, eq, select

_LOGIC = frozenset({"and", "or", "xor", "test"})
_SHIFTS = frozenset({"shl", "sal", "shr", "sar"})
_ROTATES = frozenset({"rol", "ror"})
_BIT_TESTS = frozenset({"bt", "bts", "btr", "btc"})
_MULTIPLICATIONS = frozenset({"mul", "imul"})
_SCANS = frozenset({"bsf", "bsr"})


def runs_here(decoded: Decoded) -> bool:
    """Whether ``step`` below executes the instruction instead of VEX.

    VEX spills the register operand of BT r, r to memory below RSP, which is
    no access of the CPU's, does not raise #DE as the CPU does, and gives
    double shifts flags of its own; these families are simple enough to own.
    """
    return decoded.mnemonic in _BIT_TESTS | divide.MNEMONICS | double_shift.MNEMONICS


def step(state: State, decoded: Decoded) -> None:
    """Execute an instruction of which ``runs_here`` holds."""
    if decoded.mnemonic in divide.MNEMONICS:
        divide.step(state, decoded)
    elif decoded.mnemonic in double_shift.MNEMONICS:
        double_shift.step(state, decoded)
    else:
        _bit_test(state, decoded)


def _bit_test(state: State, decoded: Decoded) -> None:
    """BT, BTS, BTR, BTC.

    SDM vol. 2A, BT: the bit offset is taken modulo the operand width. For a
    memory operand with a register offset its signed quotient by the width
    counts words of that width from the operand's address on. CF is the bit;
    ZF is unaffected; OF, SF, AF and PF are undefined.
    """
    target, offset = decoded.operands
    if isinstance(target, MemoryOperand):
        size = target.size * 8
        address = state.effective(target)
        if not isinstance(offset, ImmediateOperand):
            address = add(address, _word(read(state, offset), size), 64)
        value = state.load(address, target.size)
    else:
        size, address = width(target), None
        value = read(state, target)
    index = read(state, offset)
    index = fit(index, size) & (size - 1)
    selected = claripy.LShR(value, index)[0:0]
    one = as_term(1, size) << index
    match decoded.mnemonic:
        case "bts":
            value = value | one
        case "btr":
            value = value & ~one
        case "btc":
            value = value ^ one
    if decoded.mnemonic != "bt":
        if isinstance(target, RegisterOperand):
            write(state, target, value)
        else:
            state.store(address, value, size // 8)
    undefined = {name: state.fresh(name, 1) for name in ("of", "sf", "af", "pf")}
    state.choose_flags({"cf": selected, **undefined})


def _word(offset: Term, width: int) -> Term:
    """The distance in bytes of the word of ``width`` bits that a signed bit offset of that width is in."""
    number = offset[width - 1 : width.bit_length() - 1]
    return number.sign_extend(64 - int(number.size())) << (width // 8).bit_length() - 1


@record
class Before:
    """What ``correct`` needs of the state before: flags, VEX's thunk words, a count in CL or a scanned operand, RAX."""

    flags: Flags
    cc: dict[str, Term]
    source: Term
    rax: Term


def before(state: State, decoded: Decoded) -> Before:
    """Take down what ``correct`` will need; to be called before VEX's effect."""
    return Before(state.flags, dict(state.cc), _source(state, decoded), state.gprs["rax"])


def _source(state: State, decoded: Decoded) -> Term:
    if decoded.mnemonic in _SHIFTS | _ROTATES and isinstance(decoded.operands[-1], RegisterOperand):
        return state.gprs["rcx"][7:0]
    if decoded.mnemonic in _SCANS:
        operand = decoded.operands[1]
        if isinstance(operand, MemoryOperand):
            return state.memory.load(state.effective(operand), operand.size)
        return read(state, operand)
    return as_term(0, 8)


def correct(state: State, decoded: Decoded, old: Before) -> None:
    """Mend the state after VEX's effect. Raises NotModelled."""
    mnemonic = decoded.mnemonic
    if mnemonic in _LOGIC:
        state.choose_flags({"af": state.fresh("af", 1)})
    elif mnemonic in _SHIFTS | _ROTATES:
        _shift(state, decoded, old)
    elif mnemonic in _MULTIPLICATIONS:
        state.choose_flags({name: state.fresh(name, 1) for name in ("sf", "zf", "af", "pf")})
    elif mnemonic == "cmpxchg" and width(decoded.operands[0]) == 32:
        # On success the accumulator is not written (SDM vol. 2A, CMPXCHG); VEX writes EAX back and clears the rest.
        # The destination is memory here: a 32-bit register is rejected, and one of another width may be RAX itself.
        unchanged = eq(state.flags.get("zf"), 1)
        state.gprs["rax"] = select(unchanged, old.rax, state.gprs["rax"], 64)
    elif mnemonic in _SCANS:
        _scan(state, decoded, old.source)


def _shift(state: State, decoded: Decoded, old: Before) -> None:
    """Flags of a shift or rotate: none change for a count of 0; OF is defined for a count of 1 only."""
    size = width(decoded.operands[0])
    limit = 63 if size == 64 else 31
    undefined = frozenset({"of"} if decoded.mnemonic in _ROTATES else {"of", "af"})
    carry_lost = decoded.mnemonic not in _ROTATES and decoded.mnemonic != "sar"
    immediate = decoded.operands[-1]
    count = immediate.value if isinstance(immediate, ImmediateOperand) else concrete(old.source)
    if count is not None:
        count &= limit
        if not count:
            state.flags, state.cc = old.flags, dict(old.cc)
        else:
            fresh = {name for name in undefined if name != "of" or count > 1}
            if carry_lost and count >= size:
                fresh.add("cf")
            state.choose_flags({name: state.fresh(name, 1) for name in sorted(fresh)})
        return
    amount = old.source & limit
    after = _taken_thunk(state, old)
    given: dict[str, Term] = {}
    for name in ARITHMETIC:
        value = after.get(name)
        if name == "of":
            value = select(eq(amount, 1), value, state.fresh(name, 1), 1)
        elif name in undefined:
            value = state.fresh(name, 1)
        elif name == "cf" and carry_lost and size < 32:
            value = select(amount.ULT(size), value, state.fresh(name, 1), 1)
        given[name] = select(eq(amount, 0), old.flags.get(name), value, 1)
    state.choose_flags(given)


def _taken_thunk(state: State, old: Before) -> Thunk:
    """The flags of a shift whose count is not 0: VEX selects each thunk word by "count ≠ 0"."""
    words = []
    for name in CC_REGISTERS:
        term = state.cc[name]
        if term is not old.cc[name]:
            if term.op != "If" or not any(arm is old.cc[name] for arm in term.args[1:]):
                raise NotModelled("the lifter selects the flags of a shift in an unknown way")
            term = term.args[1] if term.args[2] is old.cc[name] else term.args[2]
        words.append(term)
    # The old words may stand for flags that live elsewhere; nothing may read them through the thunk.
    state.cc = opaque_cc()
    return Thunk(*words)


def _scan(state: State, decoded: Decoded, source: Term) -> None:
    target = decoded.operands[0]
    if not isinstance(target, RegisterOperand):
        raise NotModelled("a scan that does not write a register")
    # What is undefined is the whole register: for a 32-bit scan of 0 an AMD EPYC keeps the upper half.
    size = 64 if target.width == 32 else target.width
    whole = RegisterOperand(target.register, target.low, size)
    zero = eq(source, 0)
    write(state, whole, select(zero, state.fresh("result", size), read(state, whole), size))
    state.choose_flags(
        {
            "zf": select(zero, 1, 0, 1),
            **{name: state.fresh(name, 1) for name in ("cf", "of", "sf", "af", "pf")},
        }
    )

# SPDX-License-Identifier: BSD-2-Clause
"""Lift one integer instruction with VEX and evaluate it on a state.

Instructions are lifted singly and without VEX's optimiser: every statement
that we evaluate belongs to exactly one instruction, and less has to be
trusted. A statement, expression, operation, register or helper that is not
named here raises NotModelled.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import archinfo
import claripy
import pyvex
from pyvex import expr as vexpr, stmt as vstmt

from verifier.isa.machine import NotModelled
from verifier.lift.decode import Decoded
from verifier.lift.flags import UnknownThunk, condition, packed
from verifier.lift.operations import table
from verifier.lift.state import CC_REGISTERS, State, thunk
from verifier.model import GPRS
from verifier.records import record
from verifier.terms import Term, Truth, as_term, as_truth, concrete, eq, land, lnot, select

Jump = Literal["jump", "call", "return"]
_JUMPS: dict[str, Jump] = {"Ijk_Boring": "jump", "Ijk_Call": "call", "Ijk_Ret": "return"}


@record
class Successor:
    """Where execution may go on: ``target`` is a 64-bit term, reached where ``condition`` holds."""

    condition: Truth
    target: Term
    jump: Jump
    state: State


@lru_cache(maxsize=1)
def _architecture() -> Any:
    return archinfo.ArchAMD64()


@lru_cache(maxsize=1)
def _registers() -> dict[int, tuple[str, int]]:
    """Guest-state offset of each byte that we know: register name and byte number in it."""
    known = {name: name for name in (*GPRS, *CC_REGISTERS, "rip")} | {"d": "d", "fs": "fs", "gs": "gs"}
    offsets: dict[int, tuple[str, int]] = {}
    for name, ours in known.items():
        start, size = _architecture().registers[name]
        for byte in range(size):
            offsets[start + byte] = (ours, byte)
    return offsets


@lru_cache(maxsize=4096)
def _lift(raw: bytes, address: int) -> Any:
    return pyvex.lift(raw, address, _architecture(), max_inst=1, opt_level=0, max_bytes=len(raw))


def execute(state: State, decoded: Decoded) -> list[Successor]:
    """Run one instruction; the given state is consumed. Raises NotModelled."""
    try:
        block = _lift(decoded.raw, decoded.address)
    except pyvex.errors.PyVEXError as error:
        raise NotModelled(f"the lifter does not decode it ({type(error).__name__})") from None
    if block.size != decoded.size or block.jumpkind == "Ijk_NoDecode":
        raise NotModelled("the lifter does not decode it")
    try:
        return _Evaluation(state, block).run()
    except UnknownThunk as error:
        raise NotModelled(str(error)) from None


class _Evaluation:
    """The evaluation of one lifted instruction."""

    def __init__(self, state: State, block: Any) -> None:
        self.state = state
        self.block = block
        self.temporaries: dict[int, Term] = {}
        self.successors: list[Successor] = []
        self.alive: Truth = True
        self.rip: Term = claripy.BVV(state.address, 64)

    def run(self) -> list[Successor]:
        """All successors, side exits first."""
        self.state.cc_dirty = False
        for statement in self.block.statements:
            self._statement(statement)
            if self.alive is False:
                return self.successors
        jump = _JUMPS.get(self.block.jumpkind)
        if jump is None:
            raise NotModelled(f"it ends in {self.block.jumpkind}")
        self._settle_flags(self.state)
        target = self._value(self.block.next)
        self.successors.append(Successor(self.alive, target, jump, self.state))
        return self.successors

    @staticmethod
    def _settle_flags(state: State) -> None:
        if state.cc_dirty:
            state.flags = thunk(state.cc)
            state.cc_dirty = False

    def _statement(self, statement: Any) -> None:
        match statement:
            case vstmt.IMark() | vstmt.AbiHint() | vstmt.NoOp() | vstmt.MBE():
                pass
            case vstmt.WrTmp():
                self.temporaries[statement.tmp] = self._value(statement.data)
            case vstmt.Put():
                self._put(statement.offset, self._value(statement.data))
            case vstmt.Store():
                self._little(statement.end)
                data = self._value(statement.data)
                self.state.store(self._value(statement.addr), data, self._size(data))
            case vstmt.Exit():
                self._side_exit(statement)
            case vstmt.CAS():
                self._compare_and_swap(statement)
            case _:
                raise NotModelled(f"it lifts to {type(statement).__name__}")

    @staticmethod
    def _little(end: str) -> None:
        if end != "Iend_LE":
            raise NotModelled("a big-endian access")

    @staticmethod
    def _size(value: Term) -> int:
        bits = int(value.size())
        if bits not in (8, 16, 32, 64):
            raise NotModelled(f"an access of {bits} bits")
        return bits // 8

    def _side_exit(self, statement: Any) -> None:
        if statement.jumpkind != "Ijk_Boring":
            raise NotModelled(f"it may end in {statement.jumpkind}")
        guard = as_truth(eq(self._value(statement.guard), 1))
        taken = land(self.alive, guard)
        if taken is not False:
            other = self.state.copy()
            self._settle_flags(other)
            target = claripy.BVV(statement.dst.value, 64)
            self.successors.append(Successor(taken, target, "jump", other))
        self.alive = land(self.alive, lnot(guard))

    def _compare_and_swap(self, statement: Any) -> None:
        self._little(statement.endness)
        if statement.dataHi is not None or statement.expdHi is not None:
            raise NotModelled("a double-width compare-and-swap")
        address = self._value(statement.addr)
        expected, data = self._value(statement.expdLo), self._value(statement.dataLo)
        size = self._size(data)
        old = self.state.load(address, size)
        self.state.store(address, select(eq(old, expected), data, old, size * 8), size)
        self.temporaries[statement.oldLo] = old

    def _put(self, offset: int, value: Term) -> None:
        name, byte = self._register(offset)
        width = int(value.size())
        match name:
            case "rip":
                self.rip = value
            case "d":
                forward = concrete(value)
                if forward is None:
                    raise NotModelled("a direction flag that is not a constant")
                self.state.put("df", 0 if forward == 1 else 1)
            case "fs" | "gs":
                raise NotModelled("a write to a segment base")
            case _ if name in CC_REGISTERS:
                self.state.cc[name] = value
                self.state.cc_dirty = True
            case _:
                low = byte * 8
                if width == 64:
                    self.state.gprs[name] = value
                    return
                old = self.state.gprs[name]
                parts = [old[63 : low + width], value] + ([old[low - 1 : 0]] if low else [])
                self.state.gprs[name] = claripy.Concat(*parts)

    @staticmethod
    def _register(offset: int) -> tuple[str, int]:
        found = _registers().get(offset)
        if found is None:
            raise NotModelled(f"it uses guest state at offset {offset}")
        return found

    def _get(self, offset: int, width: int) -> Term:
        name, byte = self._register(offset)
        match name:
            case "d":
                backward = eq(self.state.get("df"), 1)
                return select(backward, (1 << 64) - 1, 1, 64)
            case "fs" | "gs":
                return self.state.system[f"{name}_base"]
            case "rip":
                return self.rip
            case _ if name in CC_REGISTERS:
                return self.state.cc[name]
            case _:
                value = self.state.gprs[name]
                return value if width == 64 else value[byte * 8 + width - 1 : byte * 8]

    def _value(self, expression: Any) -> Term:
        match expression:
            case vexpr.RdTmp():
                return self.temporaries[expression.tmp]
            case vexpr.Const():
                return self._constant(expression)
            case vexpr.Get():
                return self._get(expression.offset, self._width(expression))
            case vexpr.Load():
                self._little(expression.end)
                width = self._width(expression)
                if width not in (8, 16, 32, 64):
                    raise NotModelled(f"a load of {width} bits")
                return self.state.load(self._value(expression.addr), width // 8)
            case vexpr.Unop() | vexpr.Binop():
                operation = table().get(expression.op.removeprefix("Iop_"))
                if operation is None:
                    raise NotModelled(f"it lifts to {expression.op}")
                value = operation(*(self._value(argument) for argument in expression.args))
                # A RIP-relative address is the sum of two constants.
                plain = all(isinstance(argument, vexpr.Const) for argument in expression.args)
                return self._external(value) if plain else value
            case vexpr.ITE():
                chosen = eq(self._value(expression.cond), 1)
                then, otherwise = self._value(expression.iftrue), self._value(expression.iffalse)
                return select(chosen, then, otherwise, int(then.size()))
            case vexpr.CCall():
                return self._helper(expression)
            case _:
                raise NotModelled(f"it lifts to {type(expression).__name__}")

    def _width(self, expression: Any) -> int:
        return int(expression.result_size(self.block.tyenv))

    def _constant(self, expression: Any) -> Term:
        size = expression.con.size
        if not isinstance(expression.con.value, int) or size is None:
            raise NotModelled("a constant that is not an integer")
        return self._external(as_term(expression.con.value, size))

    def _external(self, value: Term) -> Term:
        """A constant, or the symbolic address if it is a made-up one of an external symbol."""
        known = concrete(value)
        if known is None or value.size() != 64:
            return value
        external = self.state.shared.layout.external(known)
        return value if external is None else external

    def _helper(self, expression: Any) -> Term:
        """The three pure helpers that read flags; their thunk must be the state's own."""
        name = expression.cee.name
        arguments = [self._value(argument) for argument in expression.args]
        if name == "amd64g_calculate_condition":
            number = concrete(arguments.pop(0))
            if number is None:
                raise NotModelled("a condition code that is not a constant")
            self._check_thunk(arguments)
            return select(condition(number, self._flags()), 1, 0, 64)
        if name == "amd64g_calculate_rflags_c":
            self._check_thunk(arguments)
            return as_term(self._flags().get("cf"), 1).zero_extend(63)
        if name == "amd64g_calculate_rflags_all":
            self._check_thunk(arguments)
            return packed(self._flags())
        raise NotModelled(f"it needs the helper {name}")

    def _check_thunk(self, arguments: list[Term]) -> None:
        if any(given is not self.state.cc[name] for given, name in zip(arguments, CC_REGISTERS, strict=True)):
            raise NotModelled("it reads flags that are half written")

    def _flags(self) -> Any:
        return thunk(self.state.cc) if self.state.cc_dirty else self.state.flags

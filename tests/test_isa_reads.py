# SPDX-License-Identifier: BSD-2-Clause
"""Shadow stacks, CPUID and the like, prefetches: recognised by their bytes, run on plain integers."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, strategies as st

from verifier.isa import match, parse
from verifier.isa.encoding import Encoding
from verifier.isa.machine import NotModelled
from verifier.lift.decode import decode
from verifier.lift.lengths import length
from verifier.terms import Term, Truth, mask

FLAGS = ("cf", "pf", "af", "zf", "sf", "of")
CET, SHSTK, WRITE = 1 << 23, 1, 2


@dataclass(slots=True)
class Numbers:
    """``verifier.isa.machine.Machine`` on integers; every fresh value is all ones."""

    gprs: list[int] = field(default_factory=lambda: [0x1111111111111111 * index for index in range(16)])
    system: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FLAGS, 1))
    trapped: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    window: bool = False

    def gpr(self, index: int) -> Term:
        return self.gprs[index]

    def set_gpr(self, index: int, value: Term) -> None:
        self.gprs[index] = value

    def get(self, name: str) -> Term:
        return self.system[name]

    def put(self, name: str, value: Term) -> None:
        self.system[name] = value

    def load(self, address: Term, size: int) -> Term:
        raise AssertionError("none of these reads memory that the model has")

    def store(self, address: Term, value: Term, size: int) -> None:
        raise AssertionError("none of these writes memory that the model has")

    def operand(self, size: int) -> Term:
        raise AssertionError("none of these reads its operand")

    def fresh(self, what: str, width: int) -> Term:
        return mask(width)

    def trap_if(self, condition: Truth, text: str) -> None:
        if condition:
            self.trapped.append(text)

    def may_fault(self, text: str) -> None:
        if self.window:
            raise NotModelled(text)

    def assume(self, identifier: str) -> None:
        self.assumed.append(identifier)

    def shadow(self, condition: Truth) -> None:
        raise AssertionError("no interrupt shadow")


def execute(code: str, cr4: int = CET, s_cet: int = SHSTK | WRITE, window: bool = False) -> Numbers:
    """The machine after one instruction, given in hex."""
    machine = Numbers(window=window)
    machine.system |= {"cr4": cr4, "s_cet": s_cet}
    encoding = parse(bytes.fromhex(code))
    instruction = match(encoding)
    assert instruction is not None
    assert instruction.step is not None
    instruction.step(machine, encoding)
    return machine


@pytest.mark.parametrize(
    ("code", "register", "on", "off"),
    [
        ("f3480f1ec8", 0, mask(64) - 3, 0),
        ("f3490f1ec9", 9, mask(64) - 3, 0x9999999999999999),
        ("f30f1ecb", 3, mask(32) - 3, 0x3333333333333333),
        ("f3410f1ecf", 15, mask(32) - 3, mask(64)),
    ],
)
def test_rdssp_gives_any_pointer_or_leaves_the_register(code: str, register: int, on: int, off: int) -> None:
    """SSP is a multiple of 4, zero-extended by the 32-bit form; a NOP unless both enable bits are set."""
    assert execute(code).gprs[register] == on
    for cr4, s_cet in ((0, SHSTK), (CET, WRITE), (0, 0)):
        machine = execute(code, cr4, s_cet)
        assert machine.gprs == Numbers().gprs
        assert machine.gprs[register] == off
        assert machine.trapped == []
    assert execute(code, window=True).gprs[register] == on


WITHOUT_RESULT = ("f30faee8", "f3480faee9", "f30f01e8", "f30f01ea")
WITH_TOKEN = ("f30fae30", "f30f0128")
WRITING = ("0f38f608", "480f38f608")


@pytest.mark.parametrize("code", [*WITHOUT_RESULT, *WITH_TOKEN, *WRITING])
def test_those_that_access_a_shadow_stack(code: str) -> None:
    """They change no register, need shadow stacks (WRSS: writes to them) on, and are refused with the user's RSP."""
    machine = execute(code)
    assert machine.gprs == Numbers().gprs
    assert (machine.trapped, machine.assumed) == ([], ["shadow-stack-apart"])
    flags = {name: machine.system[name] for name in FLAGS}
    assert flags == (dict.fromkeys(FLAGS, 0) | {"cf": 1} if code in WITH_TOKEN else dict.fromkeys(FLAGS, 1))
    needed = WRITE if code in WRITING else SHSTK
    for cr4, s_cet in ((0, mask(2)), (CET, mask(2) & ~needed)):
        assert any("#UD" in text for text in execute(code, cr4, s_cet).trapped)
    with pytest.raises(NotModelled):
        execute(code, window=True)


@pytest.mark.parametrize(
    ("code", "registers"),
    [("0fa2", (0, 1, 2, 3)), ("0f31", (0, 2)), ("0f01f9", (0, 1, 2)), ("f30fc7ff", (7,)), ("f3410fc7ff", (15,))],
)
def test_what_the_model_does_not_have_reads_as_anything(code: str, registers: tuple[int, ...]) -> None:
    """32 arbitrary bits, zero-extended, in exactly the registers of the manual; no flag and no trap."""
    machine = execute(code)
    before = Numbers().gprs
    assert machine.gprs == [mask(32) if index in registers else before[index] for index in range(16)]
    assert [machine.system[name] for name in FLAGS] == [1] * 6
    assert machine.trapped == []


@pytest.mark.parametrize("code", ["0f1800", "0f1848ff", "0f1850ff", "0f185c24ff", "0f0d08"])
def test_a_prefetch_does_nothing_anywhere(code: str) -> None:
    """Nothing changes, nothing is accessed, also with the user's RSP."""
    assert execute(code, window=True).gprs == Numbers().gprs


NOT_THESE = (
    *("f30f1ed0", "0f1ec8", "f30f1e08", "660f1ec8", "f30faef0", "0fae30", "f20faee8", "f30f01e9", "f30f01c5"),
    *("660f38f608", "f30f38f608", "f20f38f608", "0f38f6c8", "660f38f508", "0f1820", "0f18c0", "0f0d00", "0f0dc8"),
    *("0fc7f8", "660fc7f8", "f30fc7f0", "f30fc738"),
)


@pytest.mark.parametrize("code", NOT_THESE)
def test_neighbours_in_the_opcode_map_are_not_taken(code: str) -> None:
    """Another prefix, mod or digit is another instruction, or none."""
    found = match(parse(bytes.fromhex(code)))
    mnemonics = ("rdssp", "incssp", "clrssbsy", "setssbsy", "saveprevssp", "rstorssp", "wrss", "prefetch", "prefetchw")
    assert found is None or found.mnemonic not in (*mnemonics, "rdpid")


OPERANDS = {
    "c1": 1, "01": 1, "4101": 2, "8101000000": 5, "0501000000": 5, "0424": 2, "042500000000": 6, "44240a": 3,
    "84240a000000": 6, "0485000000": 6,
}  # fmt: skip


@pytest.mark.parametrize("operand", OPERANDS)
def test_ud1_ends_behind_its_operand(operand: str) -> None:
    """UD1 has a ModRM byte, with SIB and displacement; what follows is the next instruction."""
    for prefix in ("", "48", "66", "6548"):
        code = bytes.fromhex(prefix + "0fb9" + operand)
        size = len(bytes.fromhex(prefix)) + 2 + OPERANDS[operand]
        code = (code + b"\x00\x00")[:size]
        decoded = decode(code + b"\x0f\x0b", 0x1000)
        assert (decoded.mnemonic, decoded.kind, decoded.size) == ("ud1", "trap", size)
        assert length(code + b"\x0f\x0b") == size
        assert decode(code[:-1], 0x1000).kind == "rejected"


@given(st.binary(max_size=16))
def test_operands_have_a_length_for_any_bytes(code: bytes) -> None:
    """Between 1 and 6 bytes, or a ValueError where there is no ModRM byte."""
    encoding = Encoding(code, (), 0, 0)
    if code:
        assert 1 <= encoding.operand_bytes(0) <= 6
    else:
        with pytest.raises(ValueError, match="ModRM"):
            encoding.operand_bytes(0)

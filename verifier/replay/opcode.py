# SPDX-License-Identifier: BSD-2-Clause
"""The little that a replay must know of an instruction before Unicorn executes it.

Opcodes are from the opcode maps of the SDM, vol. 2D, appendix A.
"""

from __future__ import annotations

from verifier.records import record

_LEGACY_PREFIXES = frozenset(bytes.fromhex("26 2e 36 3e 64 65 66 67 f0 f2 f3"))
_STRING = frozenset((*range(0xA4, 0xA8), *range(0xAA, 0xB0)))


@record
class Opcode:
    """The opcode bytes (one, or two with the escape 0F), the byte after them, which is ModRM for most, and REX.B.

    ``prefixes`` are the legacy prefixes; ``rest`` is from the ``modrm`` byte
    on, and ``start`` the number of bytes before it.
    """

    code: tuple[int, ...]
    modrm: int
    rex_b: int
    prefixes: tuple[int, ...] = ()
    rest: bytes = b""
    start: int = 0

    @property
    def group(self) -> int:
        """ModRM.reg, which extends some opcodes."""
        return self.modrm >> 3 & 7

    @property
    def is_call(self) -> bool:
        """A near call, direct or indirect."""
        return self.code == (0xE8,) or (self.code == (0xFF,) and self.group == 2)

    @property
    def is_jump(self) -> bool:
        """A near jump, conditional or not, direct or indirect."""
        one, two = self.code[0], self.code[-1]
        direct = one in (0xE9, 0xEB) or 0x70 <= one <= 0x7F or (one == 0x0F and 0x80 <= two <= 0x8F)
        return direct or (self.code == (0xFF,) and self.group == 4)

    @property
    def on_shadow_stack(self) -> bool:
        """An instruction that reads or writes SSP or a shadow stack, by its bytes."""
        register, repeated = self.modrm >= 0xC0, 0xF3 in self.prefixes
        match self.code:
            case 0x0F, 0x1E:  # RDSSP
                return repeated and register and self.group == 1
            case 0x0F, 0xAE:  # INCSSP, CLRSSBSY
                return repeated and (self.group == 5 if register else self.group == 6)
            case 0x0F, 0x01:  # SETSSBSY, SAVEPREVSSP, RSTORSSP
                return repeated and (self.modrm in (0xE8, 0xEA) if register else self.group == 5)
            case 0x0F, 0x38:  # WRSS
                return self.modrm == 0xF6 and not {0x66, 0xF2, 0xF3} & {*self.prefixes}
        return False

    @property
    def skipped(self) -> int:
        """The length of an instruction that Unicorn need not or cannot execute where its effect is chosen; else 0."""
        match self.code:
            case 0x0F, 0x0B | 0x31 | 0xA2:  # UD2, RDTSC, CPUID
                return self.start
            case 0x0F, 0x01 if self.modrm == 0xF9:  # RDTSCP
                return self.start + 1
            case 0x0F, 0xB9:  # UD1
                return self.start + _operand_length(self.rest)
            case 0x0F, 0xC7 if self.modrm >= 0xF8:  # RDPID
                return self.start + 1
            case 0x0F, 0x38 if self.on_shadow_stack:
                return self.start + 1 + _operand_length(self.rest[1:])
            case _ if self.on_shadow_stack:
                return self.start + _operand_length(self.rest)
        return 0

    @property
    def is_string(self) -> bool:
        """A string instruction, which a prefix may repeat."""
        return len(self.code) == 1 and self.code[0] in _STRING

    @property
    def is_rdmsr(self) -> bool:
        """RDMSR."""
        return self.code == (0x0F, 0x32)

    @property
    def is_wrmsr(self) -> bool:
        """WRMSR."""
        return self.code == (0x0F, 0x30)

    @property
    def writes_cr3(self) -> bool:
        """MOV to CR3."""
        return self.code == (0x0F, 0x22) and self.group == 3

    @property
    def writes_base(self) -> bool:
        """WRFSBASE or WRGSBASE."""
        return self.code == (0x0F, 0xAE) and self.modrm >= 0xC0 and self.group in (2, 3)

    @property
    def selector_register(self) -> int | None:
        """The number of the GPR that MOV to a segment register loads from."""
        return self.modrm & 7 | self.rex_b << 3 if self.code == (0x8E,) and self.modrm >= 0xC0 else None


def parse(code: bytes) -> Opcode:
    """Skip the prefixes of an instruction; bytes that are missing read as 0."""
    index = 0
    while index < len(code) and code[index] in _LEGACY_PREFIXES:
        index += 1
    prefixes = tuple(code[:index])
    rex_b = 0
    if index < len(code) and code[index] & 0xF0 == 0x40:
        rex_b = code[index] & 1
        index += 1
    escape = code[index : index + 1] == b"\x0f"
    opcode = code[index : index + 1 + escape]
    start = index + len(opcode)
    return Opcode(tuple(opcode), code[start] if start < len(code) else 0, rex_b, prefixes, code[start:], start)


def _operand_length(code: bytes) -> int:
    """Bytes of ModRM, SIB and displacement (SDM vol. 2A, tables 2-2 and 2-3); missing ones count as 0."""
    modrm, sib = (code + bytes(2))[:2]
    mod, rm = modrm >> 6, modrm & 7
    if mod == 3:
        return 1
    base = sib & 7 if rm == 4 else rm
    displacement = (4 if base == 5 else 0, 1, 4)[mod]
    return 1 + (rm == 4) + displacement


def refused(opcode: Opcode) -> str | None:
    """Why a replay does not execute this instruction by itself: Unicorn's answer would be one of its own."""
    if opcode.on_shadow_stack:
        return "SSP and shadow stacks are not part of the state"
    match opcode.code, opcode.group:
        case (0x6C | 0x6D | 0x6E | 0x6F | 0xE4 | 0xE5 | 0xE6 | 0xE7 | 0xEC | 0xED | 0xEE | 0xEF,), _:
            return "port input or output: the device is not part of the state"
        case (0xCC | 0xCD | 0xF1,), _:
            return "a software interrupt leaves the code under test"
        case (0xCA | 0xCB | 0xCF,), _:
            return "IRET or a far return leaves the code under test"
        case (0xF4,), _:
            return "HLT waits for an interrupt"
        case (0x0F, 0x05 | 0x07 | 0x34 | 0x35 | 0xAA), _:
            return "SYSCALL, SYSRET, SYSENTER, SYSEXIT and RSM leave the code under test"
        case (0x0F, 0x31 | 0x33 | 0xA2), _:
            return "the result of RDTSC, RDPMC and CPUID is not part of the state"
        case ((0x0F, 0x20), 0 | 2) | ((0x0F, 0x21), _):
            return "CR0, CR2 and the debug registers are not part of the state"
        case ((0x0F, 0x02 | 0x03), _) | ((0x0F, 0x00), 0 | 1):
            return "the descriptor tables are not part of the state"
        case (0x0F, 0x01), _ if opcode.modrm in (0xD0, 0xF9) or (opcode.modrm < 0xC0 and opcode.group < 2):
            return "the result of XGETBV, RDTSCP, SGDT and SIDT is not part of the state"
        case (0x0F, 0xC7), 6 | 7 if opcode.modrm >= 0xC0:
            return "the result of RDRAND, RDSEED and RDPID is not part of the state"
    return None

# SPDX-License-Identifier: BSD-2-Clause
"""One instruction at a time on Unicorn, at CPL 0 in 64-bit mode.

The exit instruction is not executed: Unicorn checks no canonical address on
SYSRET, IRETQ and SYSEXIT, so what the exit does is for ``verifier.isa`` to say.
What else Unicorn 2.1.4 gets wrong for this purpose, and what is done about it:

* PUSHFQ shows RF and VM, which the SDM clears in the image (vol. 2B, PUSHF). VM
  is 0 in 64-bit mode, and an instruction that completes clears RF (vol. 3B,
  Instruction-Breakpoint Exception Condition): neither bit enters the machine.
* MOV to CR3 keeps bit 63, which the SDM says is never modified and always 0
  (vol. 2B, MOV to and from control registers). It is cleared afterwards.
* No memory access and no write of a segment base checks that an address is
  canonical (vol. 1, 3.3.7.1). Both are checked here.
* Most MSRs forget what is written and read as 0. Those are kept here; RDMSR of
  one that nobody gave a value stops the run.
* CPUID and the like return values of their own, HLT falls through, INT and
  SYSCALL look for a handler that is not there: ``opcode.refused``. Where the
  request chooses the effect, ``opcode.skipped`` ones are stepped over, UD2 whose
  handler goes on behind it among them.
* A 32-bit CMPXCHG that does not match clears the upper half of a register
  destination, which hardware leaves alone. Not corrected: the replay then
  disagrees, and nothing is claimed.
* There are no descriptors. A selector that is moved to a segment register finds
  a flat data segment with its own RPL.
* Segment limits, page permissions and SMAP are not enforced, except that a
  write to a section that is not writable stops the run.
"""

from __future__ import annotations

from typing import Any

import unicorn
from unicorn import x86_const

from verifier.model import GPRS, Image
from verifier.replay.memory import Memory, StopError
from verifier.replay.opcode import Opcode, parse, refused
from verifier.replay.request import MemoryWord, ReplayRequest, ReplayResult

_MASK64 = (1 << 64) - 1
_NUMBER = {name: getattr(x86_const, f"UC_X86_REG_{name.upper()}") for name in GPRS}
# The order in which ModRM and REX.B number the GPRs (SDM vol. 2A, table 2-2).
_BY_NUMBER = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *GPRS[8:])
_SHOWN_RFLAGS = 0x3F7FD7 & ~0x30000  # the defined bits (SDM vol. 1, 3.4.3) without RF and VM
_IF = 1 << 9
_CR4_LA57 = 1 << 12
_BASES = (0xC0000100, 0xC0000101, 0xC0000102)  # FS.base, GS.base, KERNEL_GS_BASE
_CANONICAL_MSRS = frozenset((0x175, 0x176, 0xC0000082, 0xC0000083, *_BASES))  # WRMSR in SDM vol. 2C
_GDT_SIZE = 0x10000
_FLAT_DATA = 0x00CF93000000FFFF  # present, writable, accessed, 4 GiB, DPL 0 (SDM vol. 3A, 3.4.5)
_EXCEPTIONS = {0: "#DE", 1: "#DB", 3: "#BP", 6: "#UD", 7: "#NM", 10: "#TS", 11: "#NP", 12: "#SS", 13: "#GP"}


def run(image: Image, request: ReplayRequest) -> ReplayResult:
    """The replay in a machine of its own, so that no run sees anything of another one."""
    machine = _Machine(image, request)
    try:
        return machine.run()
    finally:
        machine.close()


class _Machine:
    """A Unicorn instance with the request's state and what was observed so far."""

    def __init__(self, image: Image, request: ReplayRequest) -> None:
        self._image, self._request = image, request
        self._canonical_shift = 56 if request.cr4 & _CR4_LA57 else 47
        self._trace: list[int] = []
        self._interruptible: set[int] = set()
        self._accesses: tuple[list[tuple[int, MemoryWord]], list[tuple[int, MemoryWord]]] = ([], [])
        self._msrs = {number: value for number, value in request.msrs if number not in _BASES}
        self._calls = iter(request.calls)
        self._left = False
        self._patches: dict[int, list[tuple[int, int]]] = {}
        for address, bits, value in request.flag_patches:
            self._patches.setdefault(address, []).append((bits, value))
        self._at = request.entry
        self._fault = ""
        self._cr3 = request.cr3
        self._uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self._uc.ctl_set_cpu_model(x86_const.UC_CPU_X86_SKYLAKE_CLIENT)  # has SMAP, FSGSBASE, BMI and ADX
        # A linear address is used as it is: CR3 and CR4 are values and no more.
        self._uc.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)
        self._memory = Memory(self._uc, image)
        unmapped = unicorn.UC_HOOK_MEM_READ_UNMAPPED | unicorn.UC_HOOK_MEM_WRITE_UNMAPPED
        self._hooks = (
            self._uc.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, self._on_access),
            self._uc.hook_add(unmapped, self._memory.on_access),
            self._uc.hook_add(unicorn.UC_HOOK_MEM_FETCH_UNMAPPED, self._memory.on_fetch),
            self._uc.hook_add(unicorn.UC_HOOK_INTR, self._on_exception),
        )

    def close(self) -> None:
        """Break the cycle between machine and hooks: Unicorn's memory is released at once."""
        for hook in self._hooks:
            self._uc.hook_del(hook)
        self._uc = None

    def run(self) -> ReplayResult:
        """Execute up to the exit instruction or to the first thing that prevents it."""
        reason = ""
        try:
            self._set_up()
            for _ in range(self._request.max_instructions):
                if self._at == self._request.stop_at:
                    break
                self._step()
            if self._at != self._request.stop_at:
                reason = f"the limit of {self._request.max_instructions} instructions was hit"
        except StopError as stop:
            reason = str(stop)
        except unicorn.UcError as error:
            reason = f"Unicorn cannot execute the instruction at {self._at:#x}: {error}"
        return self._result(reason)

    # State in, state out.

    def _set_up(self) -> None:
        request = self._request
        for word in request.memory:
            self._memory.store(word)
        self._gdt = 0xFFFFFE0000000000
        while not self._memory.free(self._gdt, _GDT_SIZE):
            self._gdt += _GDT_SIZE
        self._memory.map(self._gdt, _GDT_SIZE)
        self._uc.reg_write(x86_const.UC_X86_REG_GDTR, (0, self._gdt, _GDT_SIZE - 1, 0))
        self._uc.reg_write(x86_const.UC_X86_REG_CR4, request.cr4)
        self._uc.reg_write(x86_const.UC_X86_REG_CR3, request.cr3)
        bases = (request.fs_base, request.gs_base, request.kernel_gs_base)
        for number, value in zip(_BASES, bases, strict=True):
            self._uc.msr_write(number, value)
        self._write_registers(request.registers)
        self._write_rflags(request.rflags)

    def _result(self, reason: str) -> ReplayResult:
        uc = self._uc
        fs_base, gs_base, kernel_gs_base = (uc.msr_read(number) for number in _BASES)
        return ReplayResult(
            reached=not reason,
            stopped_at=self._at,
            reason=reason,
            registers=tuple((name, uc.reg_read(_NUMBER[name])) for name in GPRS),
            rflags=self._rflags(),
            gs_base=gs_base,
            kernel_gs_base=kernel_gs_base,
            fs_base=fs_base,
            cr3=uc.reg_read(x86_const.UC_X86_REG_CR3),
            cr3_written=self._cr3,
            cr4=uc.reg_read(x86_const.UC_X86_REG_CR4),
            msrs=tuple(sorted(self._msrs.items())),
            trace=tuple(self._trace),
            interruptible=frozenset(self._interruptible),
            reads=tuple(self._accesses[0]),
            writes=tuple(self._accesses[1]),
            memory=tuple(MemoryWord(at, self._memory.load(at, size), size) for at, size in self._request.read_back),
            unmapped=tuple(self._memory.unmapped),
        )

    def _register(self, name: str) -> int:
        return int(self._uc.reg_read(_NUMBER[name]))

    def _next(self) -> int:
        return int(self._uc.reg_read(x86_const.UC_X86_REG_RIP))

    def _write_registers(self, values: tuple[tuple[str, int], ...]) -> None:
        for name, value in values:
            self._uc.reg_write(_NUMBER[name], value & _MASK64)

    def _rflags(self) -> int:
        return int(self._uc.reg_read(x86_const.UC_X86_REG_RFLAGS)) & _SHOWN_RFLAGS | 2

    def _write_rflags(self, value: int) -> None:
        self._uc.reg_write(x86_const.UC_X86_REG_RFLAGS, value & _SHOWN_RFLAGS | 2)

    # One instruction.

    def _step(self) -> None:
        at, code = self._at, self._image.code_at(self._at)
        if not code:
            external = self._image.external_at(at)
            raise StopError(f"control leaves the image at {at:#x}" + (f", {external.name}" if external else ""))
        opcode = parse(code)
        chosen = at in self._request.havoc_calls
        if not chosen and (reason := refused(opcode)):
            raise StopError(f"cannot be replayed: {reason} (at {at:#x})")
        self._before(opcode, chosen)
        if not (opcode.is_string and self._trace and self._trace[-1] == at):
            self._trace.append(at)
        self._left = False
        target = at + opcode.skipped if chosen and opcode.skipped else self._execute(opcode)
        if chosen and (not opcode.is_jump or self._left):
            self._apply_effect()
        if target != at or not opcode.is_string:
            self._patch_flags(at)
        if self._rflags() & _IF:
            self._interruptible.add(at)
        self._at = target

    def _before(self, opcode: Opcode, chosen: bool) -> None:
        """What Unicorn's version of the instruction would not know or not check."""
        number = self._register("rcx") & 0xFFFFFFFF
        if opcode.is_wrmsr:
            value = (self._register("rdx") & 0xFFFFFFFF) << 32 | self._register("rax") & 0xFFFFFFFF
            if number in _CANONICAL_MSRS and not self._canonical(value):
                raise StopError(f"#GP: WRMSR of the non-canonical {value:#x} to {number:#x} at {self._at:#x}")
            if number not in _BASES:
                self._msrs[number] = value
        elif opcode.is_rdmsr and not chosen and number not in self._msrs and number not in _BASES:
            raise StopError(f"RDMSR at {self._at:#x} cannot be replayed: MSR {number:#x} has no value")
        elif opcode.selector_register is not None:
            selector = self._register(_BY_NUMBER[opcode.selector_register]) & 0xFFFF
            if selector > 3:
                descriptor = _FLAT_DATA | (selector & 3) << 45
                self._uc.mem_write(self._gdt + (selector & 0xFFF8), descriptor.to_bytes(8, "little"))

    def _execute(self, opcode: Opcode) -> int:
        """Execute it, correct what Unicorn got wrong, and return the address of the next instruction."""
        uc, at = self._uc, self._at
        number = self._register("rcx") & 0xFFFFFFFF
        try:
            uc.emu_start(at, _MASK64, count=1)
        except unicorn.UcError as error:
            # The instruction behind a branch is fetched too early; _step says what is wrong with it.
            arrived = error.errno == unicorn.UC_ERR_FETCH_UNMAPPED and uc.reg_read(x86_const.UC_X86_REG_RIP) != at
            if not self._fault and not arrived:
                raise
        if self._fault:
            raise StopError(self._fault)
        if opcode.is_rdmsr and number in self._msrs:
            value = self._msrs[number]
            self._write_registers((("rax", value & 0xFFFFFFFF), ("rdx", value >> 32)))
        if opcode.writes_cr3:
            self._cr3 = int(uc.reg_read(x86_const.UC_X86_REG_CR3))
            uc.reg_write(x86_const.UC_X86_REG_CR3, self._cr3 & ~(1 << 63))
        if opcode.writes_base and not all(self._canonical(uc.msr_read(base)) for base in _BASES[:2]):
            raise StopError(f"#GP: a segment base is not canonical after {at:#x}")
        target = self._next()
        # A jump that leaves the code under test is a tail call: its callee returns to the caller.
        self._left = opcode.is_jump and not self._image.code_at(target, 1)
        if at in self._request.havoc_calls and (opcode.is_call or self._left):
            stack = self._register("rsp")
            target = self._memory.load(stack, 8)
            self._write_registers((("rsp", stack + 8),))
        return target

    def _apply_effect(self) -> None:
        effect = next(self._calls, None)
        if effect is None:
            raise StopError(f"the request has no effect for the call at {self._at:#x}")
        self._write_registers(effect.registers)
        for word in effect.memory:
            self._memory.store(word)
        if effect.rflags is not None:
            self._write_rflags(effect.rflags)

    def _patch_flags(self, at: int) -> None:
        patches = self._patches.get(at)
        if patches:
            bits, value = patches.pop(0) if len(patches) > 1 else patches[0]
            self._write_rflags(self._rflags() & ~bits | value)

    # What Unicorn reports while it executes.

    def _canonical(self, address: int) -> bool:
        return address >> self._canonical_shift in (0, _MASK64 >> self._canonical_shift)

    def _on_access(self, uc: Any, kind: int, address: int, size: int, value: int, _: object) -> None:
        address &= _MASK64
        store = kind == unicorn.UC_MEM_WRITE
        last = address + size - 1 & _MASK64
        if not (self._canonical(address) and self._canonical(last)):
            self._fault = f"#GP or #SS: access to the non-canonical address {address:#x} at {self._at:#x}"
        elif store and (self._memory.fixed(address) or self._memory.fixed(last)):
            self._fault = f"#PF: write to the read-only {address:#x} at {self._at:#x}"
        if self._fault:
            uc.emu_stop()
        value = value & (1 << 8 * size) - 1 if store else self._memory.load(address, size)
        self._accesses[store].append((self._at, MemoryWord(address, value, size)))

    def _on_exception(self, uc: Any, number: int, _: object) -> None:
        self._fault = self._fault or f"{_EXCEPTIONS.get(number, f'exception {number}')} at {self._at:#x}"
        uc.emu_stop()

# SPDX-License-Identifier: BSD-2-Clause
"""Many concrete machines on one Unicorn: the real bytes from the entry up to an exit instruction.

``verifier.replay`` executes one machine, carefully, one instruction at a time;
this is its fast sister. The corrections of Unicorn are the same (see
``replay/machine.py``); instructions that need one are executed here in Python.
Calls that leave the image, and those that the seed does not follow, have the
effect that the machine's inputs choose.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import unicorn
from unicorn import x86_const

from verifier.challenge.by_hand import BASES, CR3, CR4, DEFINED, NUMBER, RFLAGS, IncomparableError, canonical, execute
from verifier.challenge.instructions import Action, Instruction, classify
from verifier.challenge.machines import AC, ARITHMETIC, DF, HELPER_SCRATCH, IF, SCRATCH, TF, End, Start, Terrain
from verifier.challenge.pages import Pages
from verifier.model import GPRS
from verifier.replay.memory import PAGE, StopError
from verifier.replay.request import CallEffect, MemoryWord

_MASK64 = (1 << 64) - 1
_ALL_GPRS = tuple(NUMBER[name] for name in GPRS)
_RSP, _RIP = x86_const.UC_X86_REG_RSP, x86_const.UC_X86_REG_RIP
_GS_BASE = 0xC0000101
_FRAME_STACK = 0x4000
"""RSP is on the frame's stack if it is so near to where the frame is."""


class Runner:
    """A Unicorn instance with one image, entered again and again. ``close`` it.

    Every machine has the CR4 of ``base`` and, but for its own, the ``words``.
    """

    def __init__(self, terrain: Terrain, base: Start, words: Iterable[MemoryWord]) -> None:
        self._base = base
        self._terrain, self._image = terrain, terrain.image
        self._plans: dict[int, Instruction] = {}
        self._uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self._uc.ctl_set_cpu_model(x86_const.UC_CPU_X86_SKYLAKE_CLIENT)  # has SMAP, FSGSBASE, BMI and ADX
        self._uc.ctl_set_tlb_mode(unicorn.UC_TLB_VIRTUAL)
        self._pages = Pages(self._uc, self._image, words)
        self._memory = self._pages.memory
        self._lowest = min(terrain.slots, default=0)
        self._highest = max(terrain.slots, default=-9) + 8
        self._la57 = bool(base.cr4 >> 12 & 1)
        self._end = End("limit", "", 0)
        self._moving = self._flagging = False
        self._rsp = self._home = 0
        self._top = -1
        self._fault = ""
        self._force: tuple[int, int] | None = None
        self._stopped: Instruction | None = None
        self._undefined: Mapping[int, tuple[int, int]] = {}
        self._chosen: tuple[int, int] | None = None
        uc = self._uc
        unmapped = unicorn.UC_HOOK_MEM_READ_UNMAPPED | unicorn.UC_HOOK_MEM_WRITE_UNMAPPED
        self._hooks = [
            uc.hook_add(unicorn.UC_HOOK_CODE, self._on_code),
            uc.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, self._on_access),
            uc.hook_add(unmapped, self._memory.on_access),
            uc.hook_add(unicorn.UC_HOOK_MEM_FETCH_UNMAPPED, self._memory.on_fetch),
            uc.hook_add(unicorn.UC_HOOK_INTR, self._on_exception),
        ]
        uc.reg_write(CR4, base.cr4)
        uc.reg_write(CR3, base.cr3)
        for number, name in BASES.items():
            uc.msr_write(number, getattr(base, name))
        for name, value in base.registers.items():
            uc.reg_write(NUMBER[name], value)
        uc.reg_write(RFLAGS, base.rflags & DEFINED | 2)
        self._fresh = uc.context_save()

    def close(self) -> None:
        """Release Unicorn's memory at once."""
        for hook in self._hooks:
            self._uc.hook_del(hook)
        self._uc = None

    def run(self, start: Start, force: tuple[int, int] | None = None) -> End:
        """Execute one machine. The result does not depend on the runs before.

        With ``force`` (index, target) the conditional jump at that index of the trace goes to the target, whatever
        the flags are.
        """
        self._force = force
        end = self._end = End("limit", f"{self._terrain.limit} instructions", self._terrain.entry)
        try:
            self._set_up(start)
            at: int | None = self._terrain.entry
            while at is not None:
                end.at = at
                at = self._stretch(start, at)
        except (StopError, IncomparableError) as stop:
            end.kind, end.detail = "not-comparable", str(stop)
        except unicorn.UcError as error:
            end.kind, end.detail = "not-comparable", f"Unicorn: {error}"
        self._finish()
        return end

    @property
    def crowded(self) -> bool:
        """Whether so many pages were touched on the way that a new one is better."""
        return self._pages.crowded

    def frame(self) -> dict[int, int]:
        """What the frame's slots hold now, by their addresses."""
        slots = self._terrain.slots
        if not slots:
            return {}
        data = self._uc.mem_read(self._lowest, self._highest - self._lowest)
        return {at: int.from_bytes(data[at - self._lowest : at - self._lowest + 8], "little") for at in slots}

    def branches(self, end: End) -> list[tuple[int, int]]:
        """The conditional jumps of a run, each place once: its index in the trace, and where it did not go."""
        found: dict[int, tuple[int, int]] = {}
        for index, (address, following) in enumerate(pairwise((*end.trace, end.at))):
            ways = self._plans[address].ways
            if following in ways and ways[0] != ways[1]:
                found[address] = index, ways[0] if following == ways[1] else ways[1]
        return list(found.values())

    def words(self, address: int, count: int) -> tuple[int, ...]:
        """Quadwords of memory as the last run left it."""
        return tuple(self._memory.load(address + 8 * index & _MASK64, 8) for index in range(count))

    # State in, state out.

    def _set_up(self, start: Start) -> None:
        uc = self._uc
        self._pages.restore()
        uc.context_restore(self._fresh)
        base = self._base
        if start.cr3 != base.cr3:
            uc.reg_write(CR3, start.cr3)
        for number, name in BASES.items():
            value = getattr(start, name)
            if value != getattr(base, name):
                uc.msr_write(number, value)
        if start.registers is not base.registers:
            for name, value in start.registers.items():
                if value != base.registers[name]:
                    uc.reg_write(NUMBER[name], value)
        if start.rflags != base.rflags:
            uc.reg_write(RFLAGS, start.rflags & DEFINED | 2)
        for word in start.words:
            self._pages.write(word)
        end = self._end
        end.msrs, end.cr3, end.ss_flat = dict(start.msrs), start.cr3, start.ss_flat
        self._rsp = start.registers["rsp"]
        end.moves = [(0, self._rsp)]
        self._home, self._top = start.registers[self._terrain.base_register], -1
        self._release(self._rsp, False)
        end.enabled = [(0, bool(start.rflags & IF))]
        end.bases = [(0, start.gs_base)]
        self._moving = self._flagging = False
        self._undefined, self._chosen = start.undefined, None
        self._fault = ""

    def _finish(self) -> None:
        end, uc = self._end, self._uc
        if end.kind != "exit":
            return  # nobody asks
        end.registers = tuple(uc.reg_read_batch(_ALL_GPRS))
        end.rflags = uc.reg_read(RFLAGS) & DEFINED | 2
        end.gs_base, end.kernel_gs_base = uc.msr_read(_GS_BASE), uc.msr_read(0xC0000102)
        end.cr4 = uc.reg_read(CR4)
        self._note_stack(len(end.trace))

    # Execution.

    def _stretch(self, start: Start, at: int) -> int | None:
        """Execute up to the next thing that Python has to do; gives where it goes on, or None at the end."""
        uc, end = self._uc, self._end
        self._stopped = None
        try:
            uc.emu_start(at, _MASK64)
        except unicorn.UcError as error:
            if self._fault:
                end.kind, end.detail = "fault", self._fault
                return None
            if error.errno != unicorn.UC_ERR_FETCH_UNMAPPED:
                raise
            return self._leave(start, uc.reg_read(_RIP))
        if self._fault:
            end.kind, end.detail = "fault", self._fault
            return None
        return self._halted(start)

    def _halted(self, start: Start) -> int | None:
        """Unicorn was told to stop at an instruction, or at the limit."""
        if self._stopped is None:
            return None
        if self._chosen is not None:
            mask, value = self._chosen
            self._chosen = None
            self._uc.reg_write(RFLAGS, self._uc.reg_read(RFLAGS) & DEFINED & ~mask | value & mask)
            return self._stopped.address
        self._end.at = self._stopped.address
        return self._by_hand(start, self._stopped)

    def _leave(self, start: Start, target: int) -> int | None:
        """Control is outside the image's code."""
        end = self._end
        if not end.trace:
            raise IncomparableError("the entry is no code of the image")
        last = end.trace[-1]
        plan = self._plans[last]
        call = plan.opcode.is_call
        if not call and last not in self._terrain.unfollowed:
            external = self._image.external_at(target)
            end.kind, end.detail, end.at = "left", external.name if external else "elsewhere", target
            return None
        self._note_stack(len(end.trace))
        stack = self._rsp
        back = self._memory.load(stack, 8)
        self._uc.reg_write(_RSP, stack + 8 & _MASK64)
        self._moving = True
        return self._effect(start, plan, target, back)

    def _by_hand(self, start: Start, plan: Instruction) -> int | None:
        end, uc = self._end, self._uc
        following = plan.address + plan.size
        if self._force is not None and self._force[0] == len(end.trace):
            end.trace.append(plan.address)
            return self._force[1]
        match plan.action:
            case Action.EXIT:
                end.kind, end.detail = "exit", plan.mnemonic
                return None
            case Action.TRAP:
                end.kind, end.detail = "trap", plan.mnemonic
                return None
            case Action.LEFT:
                return self._leave(start, plan.address)
            case Action.TAIL:
                end.trace.append(plan.address)
                return self._leave(start, 0)
            case Action.REFUSED:
                raise IncomparableError(plan.mnemonic)
        end.trace.append(plan.address)
        match plan.action:
            case Action.CALL:
                end.accesses.append((len(end.trace) - 1, self._rsp - 8 & _MASK64, 8, True))
                return self._effect(start, plan, plan.target, following)
            case Action.RESUME:
                self._apply(start, plan, (), 0)
            case _:
                self._fault = execute(uc, start, end, plan)
        self._note_base()
        if self._fault:
            end.kind, end.detail = "fault", self._fault
            return None
        return following

    # Calls that are not followed.

    def _effect(self, start: Start, plan: Instruction, target: int | None, back: int) -> int | None:
        end = self._end
        symbol = self._image.symbol_before(target) if target is not None else None
        external = self._image.external_at(target) if target is not None else None
        name = external.name if external is not None else symbol[0] if symbol is not None and not symbol[1] else ""
        if name in self._terrain.no_return:
            end.kind, end.detail = "left", name
            return None
        if name in self._terrain.helpers:
            self._apply(start, plan, HELPER_SCRATCH, ARITHMETIC, memory=False)
        else:
            self._apply(start, plan, SCRATCH, ARITHMETIC | AC)
        return back

    def _apply(
        self, start: Start, plan: Instruction, registers: Iterable[str], flags: int, memory: bool = True
    ) -> None:
        """Give registers, flags and memory the values of the next effect, or any if there is none left."""
        end, uc = self._end, self._uc
        self._note_stack(len(end.trace))
        call = bool(flags)
        number = len(end.effects)
        given = start.effects[number] if number < len(start.effects) else None
        source = random.Random(start.entropy + number)  # noqa: S311 - reproducible, not secret
        values = dict(given.registers) if given is not None else {}
        used = tuple((name, values.get(name, source.getrandbits(64))) for name in registers)
        for name, value in used:
            uc.reg_write(NUMBER[name], value)
        words = given.memory if given is not None and memory else ()
        released = self._top >= self._lowest + 8
        for word in words:
            if released:
                self._overwrite(word.address, word.size)
            self._pages.write(word)
        old = uc.reg_read(RFLAGS) & DEFINED | 2
        new = old
        if call:
            wanted = given.rflags if given is not None and given.rflags is not None else source.getrandbits(22)
            new = old & ~flags | wanted & flags
            if memory:
                new = self._interrupts(new & ~DF, wanted)
            uc.reg_write(RFLAGS, new)
            end.enabled.append((len(end.trace), bool(new & IF)))
            if memory and self._terrain.ss_arbitrary:
                end.ss_flat = wanted >> 1 & 1
        if memory:
            end.calls.append((len(end.trace) - 1, int(uc.msr_read(_GS_BASE))))
        end.effects.append((plan.address, CallEffect(used, words, new)))

    def _interrupts(self, flags: int, wanted: int) -> int:
        match self._terrain.interrupts:
            case "off":
                return flags & ~IF
            case "on":
                return flags | IF
            case "any":
                return flags & ~IF | wanted & IF
        return flags

    # What Unicorn reports while it executes.

    def _plan(self, address: int) -> Instruction:
        plan = self._plans.get(address)
        if plan is None:
            terrain = self._terrain
            plan = classify(self._image, address, terrain.unfollowed, terrain.followed, terrain.no_return)
            self._plans[address] = plan
        return plan

    def _on_code(self, uc: Any, address: int, size: int, _: object) -> None:
        end = self._end
        if self._moving or self._flagging:
            self._note_stack(len(end.trace))
        plan = self._plans.get(address) or self._plan(address)
        if (
            plan.action is not Action.RUN
            or self._chosen is not None
            or (self._force is not None and self._force[0] == len(end.trace))
        ):
            self._stopped = plan
            uc.emu_stop()
            return
        if len(end.trace) >= self._terrain.limit:
            end.at = address
            uc.emu_stop()
            return
        end.trace.append(address)
        if address in self._undefined:
            self._chosen = self._undefined[address]
        if plan.moves_stack:
            self._moving = True
        if plan.changes_if:
            self._flagging = True
            if plan.is_sti and not uc.reg_read(RFLAGS) & IF:
                end.shadows.add(len(end.trace))

    def _note_stack(self, index: int) -> None:
        """Book-keeping at the boundary before the instruction of that index."""
        end, uc = self._end, self._uc
        if self._moving:
            self._moving = False
            rsp = int(uc.reg_read(_RSP))
            if rsp != self._rsp:
                pushed = bool(end.trace) and self._plans[end.trace[-1]].is_push
                self._release(rsp, rsp < self._rsp and not pushed)
                self._rsp = rsp
                end.moves.append((index, rsp))
        if self._flagging:
            self._flagging = False
            flags = uc.reg_read(RFLAGS)
            end.enabled.append((index, bool(flags & IF)))
            self._note_base()
            if flags & TF:
                self._fault = "#DB: TF is set"
                uc.emu_stop()

    def _note_base(self) -> None:
        base = int(self._uc.msr_read(_GS_BASE))
        if base != self._end.bases[-1][1]:
            self._end.bases.append((len(self._end.trace), base))
            if not canonical(base, self._la57):
                self._fault = "#GP: a segment base is not canonical"
                self._uc.emu_stop()

    def _on_access(self, uc: Any, kind: int, address: int, size: int, _value: int, _: object) -> None:
        address &= _MASK64
        last = address + size - 1 & _MASK64
        store = kind == unicorn.UC_MEM_WRITE
        page = address & -PAGE
        if not (canonical(address, self._la57) and canonical(last, self._la57)):
            self._fault = f"#GP or #SS: access to the non-canonical address {address:#x}"
            uc.emu_stop()
            return
        if self._pages.may_be_fixed(page) or (last & -PAGE) != page:
            if store and (self._memory.fixed(address) or self._memory.fixed(last)):
                self._fault = f"#PF: write to the read-only {address:#x}"
                uc.emu_stop()
                return
            if not store and self._memory.fixed(address):
                return
        end = self._end
        end.accesses.append((len(end.trace) - 1, address, size, store))
        if store:
            if address < self._highest and last >= self._lowest:
                self._overwrite(address, size)
            self._pages.written(address, last)
            return
        known, first, second = self._pages.known, address & ~7, last & ~7
        if first not in known or second not in known:
            end.unknown.update({first, second} - known)

    def _overwrite(self, address: int, size: int) -> None:
        """The slot rule: a slot that RSP has moved above keeps what it held when it is written over."""
        for slot in self._terrain.slots:
            if address < slot + 8 <= self._top and slot < address + size:
                self._end.kept.setdefault(slot, self._memory.load(slot, 8))

    def _release(self, rsp: int, lowered: bool) -> None:
        """Follow how far RSP has moved up on the frame's stack; lowered by other than a push it takes slots back."""
        if min(rsp - self._home & _MASK64, self._home - rsp & _MASK64) >= _FRAME_STACK:
            return  # it is on another stack
        if rsp > self._top:
            self._top = rsp
        elif lowered:
            self._top = rsp
            for slot in self._terrain.slots:
                if slot + 8 > rsp:
                    self._end.kept.pop(slot, None)

    def _on_exception(self, uc: Any, number: int, _: object) -> None:
        self._fault = self._fault or f"exception {number}"
        uc.emu_stop()

# SPDX-License-Identifier: BSD-2-Clause
"""The rules that break an exit path, and what each must violate.

A rule knows what an instruction does on such a path, and says which clauses fail without it. The paths are those
of a system call: a saved frame, checks that each compare words of it, pops, and a short stack for the last steps.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from mutants import RF, SLOTS, TF, Edit, Exit, Mutant, Spot, mutant, opposite, roles

from verifier.lift.decode import CONDITIONAL_JUMPS

EVERYTHING = frozenset({"rip", "canonical", "cs", "ss", "rflags", "tf", "rf"})
"""What fails if SYSRET is taken whatever the frame holds."""

WRONG = {
    "rip": {"rip"}, "rcx": {"rip", "canonical"}, "rflags": {"rflags", "tf", "rf"}, "r11": {"rflags"},
    "cs": {"cs"}, "ss": {"ss"},
}  # fmt: skip
"""What fails if a word of the frame is not checked. RCX is where SYSRET goes to, R11 what it loads into RFLAGS."""


def without(role: str, part: list[Spot]) -> set[str]:
    """What fails without the check of that role, of which ``part`` is the code up to the compare."""
    match role:
        case "traps":
            return {"tf", "rf"}
        case "canonical":
            return {"canonical"}
        case "rip":
            return WRONG["rcx"]
        case "rflags":
            # The word that is loaded for the compare is tested for TF and RF later; the other one is then free.
            loaded = [slot for spot in part if spot.decoded.mnemonic == "mov" and (slot := slot_of(spot))]
            return WRONG["rflags" if loaded == ["r11"] else "r11"]
        case _:
            return WRONG[role]


def slot_of(spot: Spot) -> str | None:
    """The word of the frame that an instruction of a check reads."""
    memory = spot.memory()
    return None if memory is None else SLOTS.get(memory.displacement)


def checks(path: Exit) -> Iterator[Mutant]:
    """Each check dropped, turned round, with another constant, and reading another word of the frame."""
    for role, part, act in roles(path.checks):
        fails = without(role, part)
        passes = b"" if act.decoded.mnemonic in CONDITIONAL_JUMPS else b"\xb0\x01"  # mov $1, %al
        found = [
            mutant(f"{role}: no check", act.edit(passes), *fails),
            mutant(f"{role}: the opposite check", act.edit(opposite(act)), *fails),
        ]
        compare = part[-1]
        value = compare.immediate()
        if role == "traps":
            for kept, clause in ((RF, "tf"), (TF, "rf")):
                edit = compare.change(struct.pack("<I", TF | RF), struct.pack("<I", kept))
                found.append(mutant(f"traps: {clause} is not tested", edit, clause))
        elif value is not None:
            edit = compare.change(bytes((value,)), bytes((value ^ 4,)))
            found.append(mutant(f"{role}: another selector", edit, role))
        for spot in part:
            slot, memory = slot_of(spot), spot.memory()
            if slot is None or memory is None:
                continue
            form = "<b" if struct.pack("<i", memory.displacement) not in spot.decoded.raw else "<i"
            for other in (memory.displacement - 8, memory.displacement + 8):
                edit = spot.change(struct.pack(form, memory.displacement), struct.pack(form, other))
                name = f"{role}: compares {SLOTS.get(other, hex(other))} and not {slot}"
                found.append(mutant(name, edit, *WRONG[slot]))
        yield from (with_any_selector(each) if role in ("cs", "ss") else each for each in found)


def with_any_selector(found: Mutant) -> Mutant:
    """IRET takes a frame with other selectors along ways of its own, to the kernel or by a stack for 16-bit code."""
    why = "with any selector the file's IRET exit has more than one value of CR3"
    return replace(found, undecided=frozenset({"cr3"}), note=why)


def answer(path: Exit) -> Iterator[Mutant]:
    """Where a function decides: its answer is not asked for, or is always yes."""
    if path.refusal is None:
        return
    branch = next(spot for spot in path.arm if spot.decoded.mnemonic in CONDITIONAL_JUMPS)
    yes = path.refusal.edit(b"\xb0\x01")  # mov $1, %al
    # Without the branch no IRET exit is left, and then CR3 has to be what it was at the entry.
    yield mutant("answer: is not asked for", branch.edit(b""), *EVERYTHING, "cr3")
    yield with_any_selector(mutant("answer: the other way round", branch.edit(opposite(branch)), *EVERYTHING))
    yield with_any_selector(mutant("answer: always yes", yes, *EVERYTHING))


def canonical(path: Exit) -> Iterator[Mutant]:
    """The constants of the canonical check: shift counts, or the limit; in the file and where boot writes others."""
    for part in (path.checks, *path.variants):
        where = f"canonical, {part[0].name or 'as in the file'}"
        shifts = [spot for spot in part if spot.decoded.mnemonic in ("shl", "sar") and spot.register() == "rcx"]
        if [spot.decoded.mnemonic for spot in shifts] == ["shl", "sar"]:
            left, right = shifts
            count = left.immediate() or 0
            less, more = (
                [spot.change(bytes((count,)), bytes((other,))) for spot in shifts] for other in (count - 1, count + 1)
            )
            few = "fewer addresses pass, and all of them are canonical"
            yield mutant(f"{where}: no shifts", (left.edit(b""), right.edit(b"")), "canonical")
            yield mutant(f"{where}: one bit more", tuple(less), "canonical")
            yield mutant(f"{where}: one bit less", tuple(more), harmless=few)
            yield mutant(f"{where}: shl by one less", less[0], harmless=few)
            yield mutant(f"{where}: sar by one less", less[1], harmless=few)
            yield mutant(f"{where}: shl by one more", more[0], harmless=few)
            yield mutant(f"{where}: sar by one more", more[1], harmless=few)
        for spot in part:
            if spot.decoded.mnemonic == "movabs":
                limit = spot.immediate() or 0
                top, old = 1 << limit.bit_length(), struct.pack("<Q", limit)
                below = "what is below the limit is canonical"
                yield mutant(f"{where}: the whole lower half", spot.change(old, struct.pack("<Q", top)), harmless=below)
                edit = spot.change(old, struct.pack("<Q", top + 1))
                yield mutant(f"{where}: one address above the lower half", edit, "canonical")


def pops(path: Exit) -> Iterator[Mutant]:
    """Neighbouring pops of the saved registers exchanged."""
    special = {"rcx": {"gpr.rcx", "rip", "canonical"}, "r11": {"gpr.r11", "rflags"}}
    for first, second in pairwise(path.arm):
        one, other = first.register() or "", second.register() or ""
        if first.decoded.mnemonic == second.decoded.mnemonic == "pop" and not {"rdi", "rsp"} & {one, other}:
            fails = special.get(one, {f"gpr.{one}"}) | special.get(other, {f"gpr.{other}"})
            edit = Edit(first.address, second.decoded.raw + first.decoded.raw)
            yield mutant(f"pops: {other} before {one}", edit, *fails)


def last_steps(path: Exit) -> Iterator[Mutant]:
    """The steps behind the pops dropped or changed: the stack for the last words, CR3, SWAPGS, the user's RSP."""
    begin = max(index for index, spot in enumerate(path.arm) if spot.register() == "rsi")
    tail = path.arm[begin + 1 :]
    for spot in tail:
        text, name = spot.decoded.text, f"last steps: no '{spot.decoded.text}'"
        match spot.decoded.mnemonic:
            case "swapgs":
                yield mutant(name, spot.edit(b""), "gs")
            case "mov-to-cr":
                yield mutant(name, spot.edit(b""), "cr3")
            case "pop" if spot.register() == "rsp":
                yield mutant(name, spot.edit(b""), "rsp", "stack")
            case "pop" if spot.register() == "rdi":
                yield mutant(name, spot.edit(b""), "gpr.rdi", "rsp")
            case "mov" if spot.register() == "rsp":
                other = "its own stack serves as well where it is mapped for user mode, which image-mapped assumes"
                yield mutant(name, spot.edit(b""), harmless=other)
            case "mov" if spot.register() == "rdi" and "%rax" in text:
                yield mutant(f"{name} at {spot.address & 0xFFF:#x}", spot.edit(b""), "cr3")
            case "or":
                value = spot.immediate() or 0
                yield mutant(name, spot.edit(b""), "cr3")
                edit = spot.change(struct.pack("<I", value), struct.pack("<I", value >> 1))
                yield mutant(f"last steps: another bit in '{text}'", edit, "cr3")
            case "bts":
                # Bit 63 says that the TLB's entries stay; the clause is about all 64 bits as they are written.
                yield mutant(name, spot.edit(b""), "cr3")
            case "push" if (memory := spot.memory()) is not None and memory.displacement:
                for offset in (-8, 8):
                    old, new = (bytes((memory.displacement + by,)) for by in (0, offset))
                    yield mutant(f"last steps: {offset:+} in '{text}'", spot.change(old, new), "rsp")
            case _:
                pass


def switches(path: Exit) -> Iterator[Mutant]:
    """What boot writes for a feature is as in the file, and the other way round: the feature is not obeyed."""
    unseen = "no state that user mode sees depends on it"
    checked = "the checks behind it decide"
    own = {spot.address: spot for spot in path.arm}
    for part in path.variants:
        new, old = part[0], own.get(part[0].address)
        if old is path.arm[0] and new.decoded.mnemonic == "jmp":
            edit = Edit(new.address, b"\x90" * sum(spot.decoded.size for spot in part), new.variant)
            name = f"switches: {new.name} does not jump"
            if path.refusal is None:
                hypercall = "under Xen the IRET exit is a hypercall, so that there is no CR3 to compare with"
                yield mutant(name, edit, harmless=checked, undecided={"cr3"}, note=hypercall)
            else:
                yield with_any_selector(mutant(name, edit, *EVERYTHING))
        if old is None or old.decoded.mnemonic != "jmp" or new.decoded.mnemonic != "nop":
            continue
        fails, harmless = (("cr3",), "") if new.name in ("PTI", "PCID") else ((), unseen)
        name = f"switches: {new.name}"
        yield mutant(f"{name} has no effect", new.edit(old.decoded.raw), *fails, harmless=harmless)
        yield mutant(f"{name} counts as set", old.edit(b""), *fails, harmless=harmless)


def msrs(path: Exit) -> Iterator[Mutant]:
    """The write of IA32_SPEC_CTRL goes to another MSR (SDM vol. 4, table 2-2)."""
    moves = [spot for spot in path.arm if spot.decoded.mnemonic == "mov" and spot.immediate() == 0x48]
    for name, msr, clauses in (
        ("EFER", 0xC0000080, {"entry-mode"}), ("STAR", 0xC0000081, {"star", "cs", "ss"}),
        ("KERNEL_GS_BASE", 0xC0000102, {"gs"}),
    ):  # fmt: skip
        edit = moves[-1].change(struct.pack("<I", 0x48), struct.pack("<I", msr))
        yield mutant(f"msrs: {name} for IA32_SPEC_CTRL", edit, *clauses)


def window(path: Exit) -> Iterator[Mutant]:
    """Other code between SWAPGS and SYSRET, where boot code puts a VERW."""
    swapgs = max(index for index, spot in enumerate(path.arm) if spot.decoded.mnemonic == "swapgs")
    free = path.arm[swapgs + 1 : -1]
    start, size = free[0].address, sum(spot.decoded.size for spot in free)
    # A limit leaves room below the non-canonical addresses, shifts leave none.
    beyond = set() if any(spot.decoded.mnemonic == "movabs" for spot in path.checks) else {"canonical"}
    for text, code, clauses in (
        ("testb $0, (%rsp)", "f6 04 24 00", {"stack"}),
        ("testb $0, %gs:(%rsp)", "65 f6 04 24 00", {"gs", "stack"}),
        ("sti; nop", "fb 90", {"irq"}),
        ("xor %eax, %eax; mov %eax, %ss", "31 c0 8e d0", {"gpr.rax", "ss-attrs"}),
        ("inc %rcx", "48 ff c1", {"gpr.rcx", "rip", *beyond}),
        ("bts $8, %r11", "49 0f ba eb 08", {"gpr.r11", "rflags"}),
        ("bts $16, %r11", "49 0f ba eb 10", {"gpr.r11"}),
        ("bts $10, %r11", "49 0f ba eb 0a", {"gpr.r11", "rflags"}),
    ):
        new = bytes.fromhex(code)
        # Behind the site's own bytes, so that no form of the site cuts an instruction in two.
        behind = free[0].decoded.size if free[0].decoded.mnemonic == "jmp" else 0
        padded = b"\x90" * behind + new + b"\x90" * (size - behind - len(new))
        yield mutant(f"window: {text}", Edit(start, padded), *clauses)


def all_mutants(path: Exit) -> list[Mutant]:
    """Every mutant of an exit, by rule."""
    rules = (checks, answer, canonical, pops, last_steps, switches, msrs, window)
    found = [each for rule in rules for each in rule(path)]
    assert len({each.name for each in found}) == len(found)
    return found

# SPDX-License-Identifier: BSD-2-Clause
"""The assumptions that are not a contract's: what each says and who vouches for it.

An id is listed in a report only when the verdict used it.
"""

from __future__ import annotations

from collections.abc import Iterable

from verifier.contract import Contract
from verifier.model import Assumption

_OURS: dict[str, tuple[str, str]] = {
    "entry-cpl0": (
        "The entry runs at CPL 0 in 64-bit mode with EFER.SCE = 1, CR4.FRED = 0 and RFLAGS.TF = RF = VM = 0; "
        "segment bases are canonical; all else that the contract does not fix is arbitrary.",
        "SDM vol. 2B, SYSCALL and SYSRET; vol. 3A, 6.8.1 (interrupt delivery clears TF, RF and VM)",
    ),
    "no-concurrent-writes": (
        "Between entry and exit no other CPU, NMI or machine check changes the memory that the path reads.",
        "the caller's synchronisation; a path that runs with interrupts enabled must be checked for this by hand",
    ),
    "code-constant": (
        "Code and read-only data are what the file holds: nothing patches them at run time.",
        "the file; sites that a kernel patches at boot have to be verified in their patched form",
    ),
    "unpatched-sites": (
        "The file's tables of code that is patched at boot were not found, not read, or not asked for: the code is "
        "judged as it stands, unpatched.",
        "nobody: judge the patched forms as well, for example by defining the macros accordingly",
    ),
    "patched-calls": (
        "A call that boot code makes direct, or routes through a prologue, goes to a function that keeps to the ABI, "
        "as the call in the file does.",
        "specs/patching",
    ),
    "patched-thunks": (
        "A return through a thunk that boot code replaces returns, and an indirect branch through one goes where the "
        "code in the file goes; only flags and scratch state may differ on the way.",
        "specs/patching",
    ),
    "static-keys": (
        "The table of static branches was not found: their NOPs and jumps are judged as they stand.",
        "nobody: give the kernel's symbols, so that the table is found",
    ),
    "static-keys-constant": (
        "A static key does not change between the entry and the exit.",
        "the kernel: keys that change while it runs have to be checked for this by hand",
    ),
    "regions-disjoint": (
        "The frame's stack, the per-CPU area (GS), other kernel stacks and globals do not overlap, and what has "
        "different names is not the same object.",
        "the kernel's memory layout",
    ),
    "stack-pointers": (
        "A stack pointer loaded from per-CPU memory or a global points to a kernel stack of its own.",
        "the kernel's memory layout",
    ),
    "image-mapped": (
        "Per-CPU memory, globals and kernel stacks are mapped: accessing them does not fault.",
        "the kernel's memory layout; with page-table isolation this includes the user's page tables",
    ),
    "layout": (
        "Sections lie where this tool laid them out; no check compares a value with an address of the image.",
        "the linker",
    ),
    "calls-abi": (
        "A call that is not followed keeps RBX, RBP, RSP and R12 to R15, clears DF, and returns to its return "
        "address; everything else in registers, flags and memory may change.",
        "System V AMD64 psABI, 3.2.1 and 3.2.3",
    ),
    "calls-system-state": (
        "A call that is not followed leaves GS bases, control registers, the modelled MSRs and the flags IOPL, NT, "
        "TF, RF, VM, VIF, VIP and ID as it found them, and SS flat if the contract says that it is.",
        "the callee; verify it, or start behind the call",
    ),
    "calls-own-stack": (
        "A call that is not followed does not write what the analysed code pushed below the frame.",
        "System V AMD64 psABI, 3.2.2: a callee owns the stack below its return address only",
    ),
    "calls-end": (
        "The functions that the contract lists as such do not return.",
        "the contract, [calls] no_return",
    ),
    "calls-helpers": (
        "The helpers that the contract lists keep memory and every register but RAX, RCX, RDX and the flags.",
        "the contract, [calls] helpers",
    ),
    "entry-found": (
        "At the entries that were found, where the code has just pushed a frame of the contract's size, the state is "
        "as the contract says: the right values were pushed, and GS, interrupts, flags and the live registers fit.",
        "the entry code in front of them; nobody named these entries",
    ),
    "own-stack": (
        "Inside a callee that is followed, a store with an unknown address does not hit what the analysed code "
        "pushed: return addresses, saved registers, spilled values.",
        "the compiler: nothing else has the address of these",
    ),
    "thunks": (
        "The external thunks that the contract names do what they stand for: RET, or a jump through a register.",
        "the contract, [thunks]",
    ),
    "calls-indirect": (
        "An indirect call with an unknown target goes to a function that keeps to the ABI.",
        "the code that sets the target",
    ),
    "leaves-analysed-code": (
        "Where a path leaves the analysed code (a jump to an external symbol, a return to the caller), it does "
        "not come back to the SYSRET here other than through the entry.",
        "the code it goes to; verify that as well",
    ),
    "traps-end": (
        "UD1, UD2 and INT3 end the path: their handlers do not resume the code behind.",
        "the kernel's exception handlers",
    ),
    "traps-resume": (
        "The handler of a UD2 that the kernel's table marks as a warning goes on behind it with registers and flags "
        "unchanged; memory may change as in a call.",
        "specs/patching; the kernel's handler of #UD",
    ),
    "bug-table": (
        "The table of UD2 instructions was not found or not read; UD2 ends the path.",
        "nobody: give the kernel's symbols, so that the table is found",
    ),
    "no-indirect-entry": (
        "No indirect jump enters the code between the starts chosen and the exit.",
        "nobody: name the entries with --entry",
    ),
    "no-fault-resume": (
        "Where a memory access before the window faults, the handler does not resume the analysed code with other "
        "values (no exception table entry covers it).",
        "the kernel's exception tables",
    ),
    "cr3-valid": (
        "What the path writes to CR3 has no reserved bit set, so that MOV to CR3 does not fault.",
        "the kernel's page-table code",
    ),
    "ss-selector-flat": (
        "A non-null selector that the path loads into SS names a flat data descriptor.",
        "the kernel's descriptor table",
    ),
    "shadow-stack-apart": (
        "Shadow-stack memory is apart from what the analysed code reads and writes; its own checks do not fault.",
        "the kernel's page tables, SDM vol. 3A, 4.6: nothing but the shadow-stack instructions writes there",
    ),
    "hlt-stops": ("HLT ends the path: no NMI makes the code behind it run.", "the code's own intention"),
    "cr3-no-iret-exit": (
        "The file has no IRET exit: CR3 in user mode is taken to be its value at the entry.",
        "the contract says cr3 = iret-exit",
    ),
}
_ALWAYS = ("entry-cpl0", "no-concurrent-writes", "no-fault-resume", "code-constant", "layout")

_FACTS: dict[str, str] = {
    "gs": "At the entry the {value}'s GS base is active.",
    "interrupts": "At the entry interrupts are {value}.",
    "interrupts_after_call": "After a call that is not followed interrupts are {value}.",
    "direction": "At the entry RFLAGS.DF is {value}.",
    "nested_task": "At the entry RFLAGS.NT is {value}.",
    "ss_descriptor": "At the entry the hidden part of SS is {value}.",
    "stores": "A store with an unknown address hits no stack, no per-CPU memory and no named global.",
}


_ON_USE = {"interrupts_after_call": "calls-interrupts", "stores": "contract-stores"}
"""Facts that are listed only if the verdict used what they say: the id that notes it."""


_LAYOUT = "RSP and the frame are laid out as the contract {name} says, with its selectors and STAR."
_VOUCHED = "the contract, which names who says so"
_CR3 = "In user mode CR3 has its value at the entry."


def texts() -> tuple[Assumption, ...]:
    """Every assumption that a report can list, without the promises, sorted by id; "…" is for the contract to say."""
    found = [Assumption(name, *said) for name, said in _OURS.items()]
    for field, text in _FACTS.items():
        found.append(Assumption(f"contract-{field.replace('_', '-')}", text.format(value="…"), _VOUCHED))
    found.append(Assumption("contract-layout", _LAYOUT.format(name="…"), _VOUCHED))
    found.append(Assumption("contract-cr3", _CR3, _VOUCHED))
    return tuple(sorted(found, key=lambda assumption: assumption.id))


def collect(contract: Contract, used: Iterable[str]) -> tuple[Assumption, ...]:
    """Every assumption of a verdict, sorted by id: ours that were used, and the contract's."""
    used = set(used) | set(_ALWAYS)
    found = [Assumption(name, *_OURS[name]) for name in used if name in _OURS]
    for field, text in _FACTS.items():
        fact = getattr(contract, field)
        if fact.value in ("any", "anywhere") or _ON_USE.get(field, field) not in {*used, field}:
            continue
        identifier = f"contract-{field.replace('_', '-')}"
        found.append(Assumption(identifier, text.format(value=fact.value), fact.source))
    found.append(Assumption("contract-layout", _LAYOUT.format(name=contract.name), contract.source))
    if "cr3-contract" in used:
        found.append(Assumption("contract-cr3", _CR3, contract.cr3.source))
    for clause, fact in contract.promises:
        found.append(Assumption(f"promise-{clause}", fact.value, fact.source))
    return tuple(sorted(found, key=lambda assumption: assumption.id))

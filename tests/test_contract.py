# SPDX-License-Identifier: BSD-2-Clause
"""Contracts: the shipped ones say what is documented, and the loader accepts nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from verifier import contract as module
from verifier.contract import (
    DISPOSITIONS,
    FACTS,
    MAX_FILE_BYTES,
    MAX_OFFSET,
    PROMISE_IDS,
    Contract,
    Fact,
    Slot,
    contract_names,
    load_contract,
    parse_contract,
    specs_dir,
)
from verifier.model import FRAME_WORDS, GPRS, UserError

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
RESTORED = tuple(name for name in GPRS if name != "rsp")


def worked_example() -> str:
    """The TOML block of docs/contracts.md."""
    (block,) = re.findall(r"^```toml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return str(block)


EXAMPLE = worked_example()


def changed(old: str, new: str) -> str:
    """The worked example with its only occurrence of ``old`` replaced."""
    assert EXAMPLE.count(old) == 1, old
    return EXAMPLE.replace(old, new)


def error_of(text: str) -> UserError:
    """The error that the text gives."""
    with pytest.raises(UserError) as caught:
        parse_contract(text, "tern.toml")
    return caught.value


def to_toml(data: dict[str, Any], path: tuple[str, ...] = ()) -> str:
    """A small TOML writer for the values that these tests use."""

    def scalar(value: object) -> str:
        match value:
            case bool():
                return str(value).lower()
            case str():
                escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08X}" for c in value)
                return f'"{escaped}"'
            case list():
                return "[" + ", ".join(scalar(item) for item in value) + "]"
            case _:
                return repr(value)

    plain = [f"{scalar(key)} = {scalar(value)}" for key, value in data.items() if not isinstance(value, dict)]
    lines = ["[" + ".".join(scalar(part) for part in path) + "]"] if path else []
    text = "\n".join(lines + plain) + "\n"
    for key, value in data.items():
        if isinstance(value, dict):
            text += to_toml(value, (*path, key))
    return text


# The shipped contracts.


@pytest.mark.parametrize("name", contract_names())
def test_every_shipped_contract_loads_under_its_file_name(name: str) -> None:
    """A shipped contract loads, is called as its file, and has a licence line first."""
    assert load_contract(name).name == name
    text = (specs_dir() / "contracts" / f"{name}.toml").read_text(encoding="utf-8")
    assert text.startswith("# SPDX-License-Identifier: BSD-2-Clause\n")


def test_the_shipped_names_are_listed_in_order() -> None:
    """``contract_names`` is what an error message and ``--help`` offer."""
    linux = ("linux", "linux-4.0", "linux-compat", "linux-stub", "linux-sysexit")
    assert contract_names() == ("freebsd", "illumos", *linux, "netbsd", "openbsd", "sel4", "xen")


@pytest.mark.parametrize("name", contract_names())
def test_every_shipped_contract_promises_each_setup_clause_with_a_source(name: str) -> None:
    """No setup clause of a shipped kernel is left open, and each names who vouches for it."""
    contract = load_contract(name)
    # user-frame is for --check-iret only, user32-rip for exits to 32-bit code.
    promised = tuple(clause for clause, _ in contract.promises if not clause.startswith("user"))
    assert promised == tuple(clause for clause in PROMISE_IDS if not clause.startswith("user"))
    assert all(fact.source and fact.value for _, fact in contract.promises)


def test_linux_offsets_are_those_of_pt_regs() -> None:
    """21 quadwords from R15 up to SS; the hand-worked offsets of struct pt_regs."""
    registers = ("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8")
    words = (*registers, "rax", "rcx", "rdx", "rsi", "rdi", "orig_rax", "rip", "cs", "rflags", "rsp", "ss")
    linux = load_contract("linux")
    assert linux.slots == tuple(Slot(word, 8 * index) for index, word in enumerate(words))
    assert (linux.base_register, linux.base_offset) == ("rsp", 0)
    assert {slot.name: slot.offset for slot in linux.slots}["rip"] == 128
    assert linux.slots[-1] == Slot("ss", 160)
    assert linux.registers == tuple((name, "slot") for name in RESTORED)


def test_linux_4_0_offsets_count_from_the_saved_r11() -> None:
    """The 2015 frame is pt_regs without its six lowest words; those registers are live."""
    full, short = load_contract("linux"), load_contract("linux-4.0")
    assert short.slots == tuple(Slot(s.name, s.offset - 48) for s in full.slots if s.offset >= 48)
    assert short.slots[0] == Slot("r11", 0)
    assert short.slots[-1] == Slot("ss", 112)
    live = {name for name, disposition in short.registers if disposition == "entry"}
    assert live == {"rbx", "rbp", "r12", "r13", "r14", "r15"}


@pytest.mark.parametrize("name", contract_names())
def test_selectors_follow_from_star(name: str) -> None:
    """SYSRETQ's CS = base+16 and SS = base+8 are the user selectors, and the base has RPL 3.

    Not so for seL4, where SYSRETQ leaves the CS selector two entries above the one that IRETQ loads.
    """
    contract = load_contract(name)
    loaded = (contract.star_base + 16, contract.star_base + 8)
    assert contract.star_base & 3 == 3
    if name == "sel4":
        assert (loaded, contract.user_cs, contract.user_ss) == ((0x3B, 0x33), 0x2B, 0x33)
    else:
        assert loaded == (contract.user_cs, contract.user_ss)
    assert contract.user32_cs in (None, contract.star_base)


SELECTORS_BY_HAND = {
    # GDT index * 8 + RPL 3 (NetBSD: offset in the LDT + 4 + RPL 3), worked out from the kernels' headers.
    "linux": (6 * 8 + 3, 5 * 8 + 3, None, None),
    "linux-4.0": (6 * 8 + 3, 5 * 8 + 3, None, None),
    "linux-compat": (6 * 8 + 3, 5 * 8 + 3, 4 * 8 + 3, None),
    "linux-stub": (6 * 8 + 3, 5 * 8 + 3, 4 * 8 + 3, None),
    "linux-sysexit": (6 * 8 + 3, 5 * 8 + 3, 4 * 8 + 3, 2 * 8),
    "xen": (0xE033, 0xE02B, 0xE023, None),
    "freebsd": (8 * 8 + 3, 7 * 8 + 3, 6 * 8 + 3, None),
    "netbsd": (64 + 7, 56 + 7, 48 + 7, None),
    "openbsd": (4 * 8 + 3, 3 * 8 + 3, None, None),
    "illumos": (9 * 8 + 3, 8 * 8 + 3, 7 * 8 + 3, None),
    "sel4": (5 * 8 + 3, 6 * 8 + 3, None, None),
}


@pytest.mark.parametrize("name", contract_names())
def test_selectors_are_those_of_the_kernels_descriptor_tables(name: str) -> None:
    """User CS, user SS, 32-bit user CS and IA32_SYSENTER_CS of every kernel, from its table of descriptors."""
    contract = load_contract(name)
    found = (contract.user_cs, contract.user_ss, contract.user32_cs, contract.sysenter_cs)
    assert found == SELECTORS_BY_HAND[name]


def test_sysexit_loads_the_same_selectors_as_sysretl() -> None:
    """IA32_SYSENTER_CS + 16 and + 24 with RPL 3 are Linux's 32-bit user selectors."""
    linux = load_contract("linux-sysexit")
    assert linux.sysenter_cs is not None
    assert linux.sysenter_cs + 16 | 3 == linux.user32_cs == linux.star_base
    assert linux.sysenter_cs + 24 | 3 == linux.user_ss


FRAMES_BY_HAND = {
    # The slots by their distance from the frame base in quadwords, worked out by hand from each structure.
    "linux-compat": {"r15": 0, "rbp": 4, "rbx": 5, "rax": 10, "rdx": 12, "rdi": 14, "rip": 16, "ss": 20},
    "linux-sysexit": {"r11": 0, "rax": 4, "rsi": 7, "rdi": 8, "rip": 10, "cs": 11, "rflags": 12, "rsp": 13, "ss": 14},
    "xen": {"r15": 0, "rbx": 5, "r8": 9, "rdi": 14, "vector": 15, "rip": 16, "cs": 17, "rflags": 18, "rsp": 19},
    "freebsd": {"rdi": 0, "rdx": 2, "r9": 5, "rax": 6, "rbp": 8, "r15": 14, "err": 18, "rip": 19, "ss": 23},
    "netbsd": {"rdi": 0, "r10": 3, "r9": 5, "rcx": 10, "r15": 15, "rbp": 16, "rax": 18, "rip": 25, "cs": 26, "ss": 29},
    "openbsd": {"rdi": 0, "r15": 11, "rbx": 13, "rax": 14, "rbp": 16, "rip": 17, "cs": 18, "rflags": 19, "ss": 21},
    "illumos": {"rdi": 2, "rcx": 5, "rax": 8, "r10": 11, "r15": 16, "trapno": 23, "rip": 25, "rflags": 27, "ss": 29},
    "sel4": {"rdi": 0, "rax": 2, "r15": 12, "rflags": 13, "rip": 14, "error": 15, "rsp": 16, "cs": 20, "ss": 21},
}


@pytest.mark.parametrize("name", FRAMES_BY_HAND)
def test_frames_are_the_kernels_structures(name: str) -> None:
    """Slots at both ends and in the middle, and no gap in between: a missing word would shift the rest."""
    contract = load_contract(name)
    offsets = {slot.name: slot.offset for slot in contract.slots}
    assert {word: offsets[word] for word in FRAMES_BY_HAND[name]} == {
        word: 8 * place for word, place in FRAMES_BY_HAND[name].items()
    }
    assert [slot.offset for slot in contract.slots] == [8 * place for place in range(len(contract.slots))]
    assert (contract.base_register, contract.base_offset) == ("rsp", 0)


def test_what_a_system_call_gives_up() -> None:
    """Which registers an exit need not give back: a name too many here would hide a leak."""
    clobbered = {
        name: {register for register, where in load_contract(name).registers if where == "clobbered"}
        for name in contract_names()
    }
    syscall = {"rcx", "r11"}
    assert clobbered == {
        "linux": set(),
        "linux-4.0": set(),
        "linux-compat": syscall | {"r8", "r9", "r10"},
        "linux-stub": syscall | {"rax"},
        "linux-sysexit": syscall | {"r8", "r9", "r10", "rdx"},
        "xen": syscall,
        "freebsd": syscall | {"r8", "r9", "r10"},
        "netbsd": syscall,
        "openbsd": syscall,
        "illumos": syscall,
        "sel4": syscall,
    }


def test_where_the_users_gs_base_is_active() -> None:
    """Xen, seL4 and Linux's stub come to these entries with the user's GS base, all others with the kernel's."""
    users = {name for name in contract_names() if load_contract(name).gs.value == "user"}
    assert users == {"linux-stub", "sel4", "xen"}


@pytest.mark.parametrize("name", contract_names())
def test_an_assumption_is_not_passed_off_as_a_promise(name: str) -> None:
    """A promise whose source was not read says ASSUMED, and only such a one does."""
    for _, fact in load_contract(name).promises:
        assert ("ASSUMED" in fact.value) == ("ot checked against the source" in fact.source), fact


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("exit.h", "linux"),
        *((f"{name}.h", name) for name in ("xen", "freebsd", "netbsd", "openbsd", "illumos", "sel4")),
    ],
)
def test_the_samples_use_the_frames_of_the_contracts(header: str, name: str) -> None:
    """Every offset that a fragment among the samples names is that of the slot in the contract."""
    text = (ROOT / "samples" / header).read_text(encoding="utf-8")
    named = {word: int(offset) for word, offset in re.findall(r"^\t\.set\tat_(\w+), (\d+)$", text, re.MULTILINE)}
    assert named
    assert named == {word: slot.offset for word in named if (slot := load_contract(name).slot(word)) is not None}


def test_linux_facts_at_entry() -> None:
    """What the proofs for Linux rest on, spelled out, so that a change here is a decision."""
    linux = load_contract("linux")
    assert {spec.field: getattr(linux, spec.field).value for spec in FACTS} == {
        "gs": "kernel",
        "interrupts": "off",
        "direction": "clear",
        "nested_task": "clear",
        "ss_descriptor": "flat",
        "interrupts_after_call": "off",
        "cr3": "iret-exit",
        "stores": "anywhere",
    }
    assert "61f01dd941ba" in linux.ss_descriptor.source


def test_linux_4_0_says_that_its_flat_ss_is_assumed() -> None:
    """4.0 lacks the reload of a null SS, so its report must show the fact as an assumption."""
    fact = load_contract("linux-4.0").ss_descriptor
    assert fact.value == "flat"
    assert fact.source.startswith("ASSUMED")


# The documentation.


def test_the_worked_example_of_the_guide_loads() -> None:
    """docs/contracts.md shows a contract that works, with what its text says about it."""
    tern = parse_contract(EXAMPLE, "tern.toml")
    assert (tern.name, tern.base_register, tern.base_offset) == ("tern", "rdi", 16)
    assert dict(tern.registers)["rcx"] == "clobbered"
    assert dict(tern.registers)["r12"] == "entry"
    assert dict(tern.registers)["rax"] == "slot"
    assert (tern.star_base + 16, tern.star_base + 8) == (tern.user_cs, tern.user_ss)
    weakest = [tern.direction, tern.nested_task, tern.ss_descriptor, tern.interrupts_after_call]
    assert {fact.value for fact in weakest} == {"any"}
    assert [clause for clause, _ in tern.promises] == ["star"]


def test_the_guide_describes_every_table_value_and_promise() -> None:
    """A fact, an allowed value or a promise cannot be added without a row in the guide."""
    for spec in FACTS:
        (row,) = [line for line in GUIDE.splitlines() if line.startswith(f"| `[{spec.table}.{spec.key}]`")]
        need, values = (cell.strip() for cell in row.split("|")[2:4])
        assert need == ("yes" if spec.default is None else f"no, `{spec.default}`")
        assert values == ", ".join(f"`{value}`" for value in spec.values)
    for clause in PROMISE_IDS:
        assert f"| `[promises.{clause}]` |" in GUIDE
    for disposition in DISPOSITIONS:
        assert f"| `{disposition}`" in GUIDE
    for name in contract_names():
        assert f"| `{name}`" in GUIDE


def test_selectors_of_32_bit_exits_are_optional() -> None:
    """Without them nothing is said about SYSRETL and SYSEXIT; with them both values are kept."""
    tern = parse_contract(EXAMPLE, "tern.toml")
    assert (tern.user32_cs, tern.sysenter_cs) == (None, None)
    text = changed("user_ss = 0x23", "user_ss = 0x23\nuser32_cs = 0x1b") + "[sysenter]\ncs = 0x08\n"
    tern = parse_contract(text, "tern.toml")
    assert (tern.user32_cs, tern.sysenter_cs) == (0x1B, 0x08)


INVALID: list[tuple[str, str, str]] = [
    # What is wrong, the text, the message without "tern.toml: ".
    (
        "misspelt key",
        changed("offset = 16", "ofset = 16"),
        "unknown key frame.ofset; did you mean frame.offset?",
    ),
    (
        "key of another table",
        "user_cs = 0x2b\n" + EXAMPLE,
        "unknown key user_cs; did you mean selectors.user_cs?",
    ),
    (
        "unaligned slot",
        changed("r8 = 0x30", "r8 = 0x34"),
        "frame.slots.r8: 0x34 is not a multiple of 8; each slot is 8 bytes",
    ),
    (
        "two slots at one place",
        changed("r9 = 0x38", "r9 = 0x30"),
        "frame.slots.r9: overlaps r8 (both at 0x30)",
    ),
    (
        "misspelt slot",
        changed("rflags = 0x60", "rflag = 0x60"),
        "frame.slots.rflags: missing; IRETQ reads it from the frame (is the slot rflag a typo?)",
    ),
    (
        "register without its slot",
        changed('r11 = "clobbered"\n', ""),
        'frame.slots.r11: missing; registers.r11 is "slot"; add the slot, or say "entry" or "clobbered" there',
    ),
    (
        "kernel selector",
        changed("user_cs = 0x2b", "user_cs = 0x28"),
        "selectors.user_cs: 0x28 has RPL 0; user mode needs RPL 3 (0x2b)",
    ),
    (
        "value outside an enumeration",
        changed('value = "off"', 'value = "disabled"'),
        'entry.interrupts.value: "disabled" is not one of "off", "on", "any"',
    ),
    (
        "fact without a source",
        changed('source = "Tern manual, 2.1: user and kernel share one page table"\n', ""),
        "user.cr3.source: missing; write a public reference for the value as a string",
    ),
    (
        "not TOML",
        changed('name = "tern"', 'name "tern"'),
        "not valid TOML: Expected '=' after a key in a key/value pair (at line 1, column 6)",
    ),
]

MORE_INVALID: list[tuple[str, str, str]] = [
    (
        "unknown key without a likely one",
        "zzz = 1\n" + EXAMPLE,
        "unknown key zzz; allowed here: name, title, source, frame, registers, selectors, star, sysenter, thunks, "
        "patching, sites, entry, calls, user, stores, promises",
    ),
    (
        "unknown key in a fact",
        changed("[user.cr3]\n", '[user.cr3]\nsauce = "x"\n'),
        "unknown key user.cr3.sauce; did you mean user.cr3.source?",
    ),
    (
        "unknown promise",
        changed("[promises.star]", "[promises.seralize]"),
        "unknown key promises.seralize; did you mean promises.serialize?",
    ),
    (
        "unknown key in a promise",
        changed("[promises.star]\n", '[promises.star]\nvalue = "x"\n'),
        "unknown key promises.star.value",
    ),
    ("unknown fact", changed("[entry.gs]", "[entry.gsbase]"), "unknown key entry.gsbase; allowed here: gs, "),
    (
        "RSP as a register",
        changed("[registers]\n", '[registers]\nrsp = "entry"\n'),
        "registers.rsp: not allowed; the user's RSP is always the slot frame.slots.rsp",
    ),
    (
        "two descriptions of patching",
        EXAMPLE + '\n[patching]\ntables = "a b"\n',
        "patching.tables: must be one name",
    ),
    (
        "a path as the description of patching",
        EXAMPLE + '\n[patching]\ntables = "../a"\n',
        "patching.tables: must be one name",
    ),
    ("missing name", changed('name = "tern"\n', ""), "name: missing; write the contract's name as a string"),
    ("name with a slash", changed('name = "tern"', 'name = "a/b"'), 'name: "a/b" is not a name'),
    (
        "empty title",
        changed('title = "Tern 0.3, system-call exit"', 'title = " "'),
        "title: must be one line",
    ),
    (
        "title with a line break",
        changed('title = "Tern 0.3, system-call exit"', 'title = "a\\nb"'),
        "title: must be one line of printable text",
    ),
    (
        "wrong type for a string",
        changed('name = "tern"', "name = 3"),
        "name: must be a string (the contract's name)",
    ),
    ("missing base", changed('base = "rdi"\n', ""), 'frame.base: missing; write one of "rax", "rbx"'),
    ("unknown base", changed('base = "rdi"', 'base = "edi"'), 'frame.base: "edi" is not one of "rax"'),
    ("base of a wrong type", changed('base = "rdi"', "base = 7"), 'frame.base: must be one of "rax"'),
    (
        "offset of a wrong type",
        changed("offset = 16", 'offset = "16"'),
        "frame.offset: must be an integer, not a str",
    ),
    (
        "offset too large",
        changed("offset = 16", "offset = 65536"),
        "frame.offset: 0x10000 is out of range (-0xffff",
    ),
    (
        "slot of a wrong type",
        changed("r8 = 0x30", "r8 = true"),
        "frame.slots.r8: must be an integer, not a boolean",
    ),
    ("slot out of range", changed("r8 = 0x30", "r8 = -65536"), "frame.slots.r8: -0x10000 is out of range"),
    (
        "slot with an enormous number",
        changed("r8 = 0x30", "r8 = 0x" + "f" * 99),
        "frame.slots.r8: an integer of 396 b",
    ),
    ("slot name in capitals", changed("r8 = 0x30", "R8 = 0x30"), "frame.slots.R8: a slot name is lower-case"),
    ("no slots", re.sub(r"\[frame.slots\].*?\n\n", "", EXAMPLE, flags=re.DOTALL), "frame.slots.rip: missing"),
    (
        "slots not a table",
        changed("offset = 16", "slots = 3").replace("[frame.slots]", "[frame.x]"),
        "unknown key fr",
    ),
    ("no frame table", re.sub(r"\[frame\].*?\n\n", "", EXAMPLE, flags=re.DOTALL), "frame.base: missing"),
    (
        "no selectors",
        re.sub(r"\[selectors\].*?\n\n", "", EXAMPLE, flags=re.DOTALL),
        "selectors.user_cs: missing",
    ),
    (
        "no STAR",
        re.sub(r"\[star\].*?\n\n", "", EXAMPLE, flags=re.DOTALL),
        "star.base: missing; write an integer fr",
    ),
    (
        "STAR too wide",
        changed("base = 0x1b", "base = 0x1001b"),
        "star.base: 0x1001b is out of range (0x0 to 0xffff)",
    ),
    (
        "selector too wide",
        changed("user_ss = 0x23", "user_ss = 0x10023"),
        "selectors.user_ss: 0x10023 is out of r",
    ),
    (
        "negative selector",
        changed("user_ss = 0x23", "user_ss = -1"),
        "selectors.user_ss: -0x1 is out of range",
    ),
    (
        "kernel selector of 32-bit code",
        changed("user_ss = 0x23", "user_ss = 0x23\nuser32_cs = 0x18"),
        "selectors.user32_cs: 0x18 has RPL 0; user mode needs RPL 3 (0x1b)",
    ),
    (
        "SYSENTER without its selector",
        EXAMPLE + "[sysenter]\n",
        "sysenter.cs: missing; write an integer from 0x0 to 0xffff",
    ),
    (
        "null selector for SYSENTER",
        EXAMPLE + "[sysenter]\ncs = 3\n",
        "sysenter.cs: 0x3 is a null selector; SYSEXIT faults with it",
    ),
    (
        "SYSENTER's selector too wide",
        EXAMPLE + "[sysenter]\ncs = 0x10010\n",
        "sysenter.cs: 0x10010 is out of range (0x0 to 0xffff)",
    ),
    ("SYSENTER not a table", "sysenter = 16\n" + EXAMPLE, "sysenter: must be a table, not an integer"),
    ("null selector", changed("user_ss = 0x23", "user_ss = 3"), "selectors.user_ss: 0x3 is a null selector"),
    (
        "float selector",
        changed("user_ss = 0x23", "user_ss = 35.0"),
        "selectors.user_ss: must be an integer, not a fl",
    ),
    (
        "disposition",
        changed('r12 = "entry"', 'r12 = "live"'),
        'registers.r12: "live" is not one of "slot", "entry"',
    ),
    ("default", changed('default = "slot"', 'default = "stack"'), 'registers.default: "stack" is not one of'),
    ("registers not a table", "registers = 1\n" + EXAMPLE.replace("[registers]", "[x]"), "unknown key x"),
    (
        "entry not a table",
        "entry = 5\n" + re.sub(r"\[entry\..*?\n\n", "", EXAMPLE, flags=re.DOTALL),
        "entry: must be a table, not an integer",
    ),
    (
        "fact not a table",
        re.sub(r"\[user.cr3\].*?\n\n", "[user]\ncr3 = 1\n\n", EXAMPLE, flags=re.DOTALL),
        "user.cr3: must be a table",
    ),
    (
        "no GS",
        re.sub(r"\[entry.gs\].*?\n\n", "", EXAMPLE, flags=re.DOTALL),
        'entry.gs.value: missing; write one of "k',
    ),
    (
        "no CR3",
        re.sub(r"\[user.cr3\].*?\n\n", "", EXAMPLE, flags=re.DOTALL),
        "user.cr3.value: missing; write one of ",
    ),
    (
        "wrong CR3",
        changed('value = "entry"', 'value = "exit"'),
        'user.cr3.value: "exit" is not one of "entry", "iret',
    ),
    (
        "fact's value an array",
        changed('value = "off"', 'value = ["off"]'),
        "entry.interrupts.value: must be one of",
    ),
    (
        "promise without text",
        re.sub(r"\ntext = .*", "", EXAMPLE),
        "promises.star.text: missing; write what the kern",
    ),
    ("promise without source", re.sub(r"\nsource = .*\n\Z", "\n", EXAMPLE), "promises.star.source: missing"),
    (
        "promise not a table",
        changed("[promises.star]\n", "[promises]\nstar = 1\nnmi = 2\n"),
        "unknown key promises.te",
    ),
    ("key twice", changed("r8 = 0x30", "r8 = 0x30\nr8 = 0x30"), "not valid TOML: "),
    ("decimal too long to convert", changed("r8 = 0x30", "r8 = " + "9" * 5000), "not valid TOML: "),
    ("deep nesting", "name = " + "[" * 30000, "not valid TOML: "),
]


@pytest.mark.parametrize(
    ("text", "message"),
    [pytest.param(text, message, id=what) for what, text, message in INVALID + MORE_INVALID],
)
def test_an_invalid_contract_is_one_line_that_names_file_and_key(text: str, message: str) -> None:
    """Each mistake is a configuration error with the file, the key path and the way out."""
    error = error_of(text)
    assert (error.code, error.exit_code) == ("contract-invalid", 2)
    assert error.message.startswith("tern.toml: " + message)
    assert "\n" not in error.message


def test_the_errors_shown_in_the_guide_are_the_real_ones() -> None:
    """The error block of docs/contracts.md is the output for the changes it stands for."""
    shown = re.findall(r"^tern\.toml: .*$", GUIDE, re.MULTILINE)
    assert shown == [error_of(text).message for _, text, _ in INVALID]


@pytest.mark.parametrize("spec", FACTS, ids=lambda spec: f"{spec.table}.{spec.key}")
def test_every_allowed_value_of_every_fact_is_taken_and_others_are_not(spec: module.FactSpec) -> None:
    """Each enumeration holds exactly its documented values, which the error lists."""
    data = tomllib.loads(EXAMPLE)
    for value in spec.values:
        data.setdefault(spec.table, {})[spec.key] = {"value": value, "source": "s"}
        assert getattr(parse_contract(to_toml(data), "t.toml"), spec.field) == Fact(value, "s")
    data[spec.table][spec.key]["value"] = "never"
    message = error_of(to_toml(data)).message
    assert all(f'"{value}"' in message for value in spec.values)


def test_an_absent_optional_fact_assumes_nothing() -> None:
    """Leaving a fact out never makes a proof easier: the default is the weakest value."""
    assert {spec.default for spec in FACTS} == {None, "any", "anywhere"}
    assert all(spec.default in spec.values for spec in FACTS if spec.default is not None)


def test_a_contract_with_a_wrong_star_loads() -> None:
    """STAR with RPL 0 or a foreign base is for the clause `star` to report, not for the loader."""
    assert parse_contract(changed("base = 0x1b", "base = 0x18"), "t.toml").star_base == 0x18


def test_the_default_disposition_covers_what_is_not_listed() -> None:
    """`default` applies to every register without a key of its own, and only to those."""
    text = changed('default = "slot"', 'default = "clobbered"\nrax = "slot"')
    registers = dict(parse_contract(text, "t.toml").registers)
    assert (registers["rax"], registers["rbx"], registers["r12"]) == ("slot", "clobbered", "entry")
    assert tuple(registers) == RESTORED


def test_slots_are_sorted_whatever_their_order_in_the_file() -> None:
    """Two spellings of one layout are one contract."""
    data = tomllib.loads(EXAMPLE)
    data["frame"]["slots"] = dict(reversed(data["frame"]["slots"].items()))
    assert parse_contract(to_toml(data), "t.toml") == parse_contract(EXAMPLE, "t.toml")


def test_look_ups_by_name() -> None:
    """``slot`` and ``promise`` find by name and say None for what is not there."""
    tern = parse_contract(EXAMPLE, "t.toml")
    assert tern.slot("rip") == Slot("rip", 0x50)
    assert tern.slot("r11") is None
    promise = tern.promise("star")
    assert promise is not None
    assert promise.value.startswith("STAR is written once")
    assert tern.promise("nmi") is None


def test_a_contract_may_name_its_tables_of_patching() -> None:
    """The name is kept as it is; whether there is such a file is asked when it is used."""
    assert parse_contract(EXAMPLE, "t.toml").patch_tables == ""
    assert parse_contract(EXAMPLE + '\n[patching]\ntables = "tern-0.3"\n', "t.toml").patch_tables == "tern-0.3"
    assert load_contract("linux").patch_tables == load_contract("linux-compat").patch_tables == "linux"
    assert load_contract("xen").patch_tables == "xen"


# Finding contracts.


def test_an_unknown_name_suggests_the_nearest_and_lists_all() -> None:
    """A misspelt name costs one look at the message, which the guide shows as it is."""
    with pytest.raises(UserError) as caught:
        load_contract("linus")
    assert (caught.value.code, caught.value.exit_code) == ("contract-not-found", 2)
    assert 'did you mean "linux"?' in caught.value.message
    assert caught.value.message in GUIDE


def test_a_bare_name_is_never_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file called "linux" in the current directory does not replace the shipped contract."""
    (tmp_path / "linux").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_contract("linux").base_register == "rsp"
    with pytest.raises(UserError, match="no contract named"):
        load_contract("..")


def test_a_path_is_looked_for_beside_the_source_file_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``relative_to`` wins over the current directory, which is the fall-back."""
    (tmp_path / "beside").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "beside" / "k.toml").write_text(changed('name = "tern"', 'name = "beside"'), encoding="utf-8")
    (tmp_path / "here" / "k.toml").write_text(changed('name = "tern"', 'name = "here"'), encoding="utf-8")
    (tmp_path / "here" / "only").write_text(EXAMPLE, encoding="utf-8")
    monkeypatch.chdir(tmp_path / "here")
    assert load_contract("k.toml", tmp_path / "beside").name == "beside"
    assert load_contract("k.toml").name == "here"
    assert load_contract("./only", tmp_path / "beside").name == "tern"
    assert load_contract(str(tmp_path / "here" / "k.toml"), tmp_path / "beside").name == "here"


@pytest.mark.parametrize("name", ["none.toml", "./none", "a/b/c.toml", "x" * 5000 + ".toml", "nul\0.toml"])
def test_a_missing_file_is_a_configuration_error(name: str, tmp_path: Path) -> None:
    """A path that does not exist, or that cannot, ends in one line."""
    with pytest.raises(UserError) as caught:
        load_contract(name, tmp_path)
    assert (caught.value.code, caught.value.exit_code) == ("contract-not-found", 2)
    assert caught.value.message.isprintable()


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """A directory, a FIFO (opening one would block) and a device are refused."""
    (tmp_path / "dir.toml").mkdir()
    os.mkfifo(tmp_path / "fifo.toml")
    for name in (str(tmp_path / "dir.toml"), str(tmp_path / "fifo.toml"), "/dev/zero"):
        with pytest.raises(UserError, match="not a regular file") as caught:
            load_contract(name)
        assert caught.value.code == "contract-not-found"


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    """One byte over the limit is an error; at the limit the file is read."""
    path = tmp_path / "big.toml"
    filler = MAX_FILE_BYTES - len(EXAMPLE.encode())
    path.write_text(EXAMPLE + "#" * filler, encoding="utf-8")
    assert load_contract(str(path)).name == "tern"
    path.write_text(EXAMPLE + "#" * (filler + 1), encoding="utf-8")
    with pytest.raises(UserError, match="larger than 65536 bytes"):
        load_contract(str(path))


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    """The message says where the first bad byte is."""
    path = tmp_path / "latin.toml"
    path.write_bytes(b'name = "\xe9"\n')
    with pytest.raises(UserError, match="not UTF-8 at byte 8") as caught:
        load_contract(str(path))
    assert caught.value.code == "contract-invalid"


def test_nothing_from_a_contract_reaches_the_terminal_raw() -> None:
    """Escape sequences and direction overrides in keys and values are not repeated in the error."""
    for text in ('"\\u001b[2J" = 1\n', 'name = "a\\u202eb"\n', '[frame]\nbase = "\\u001b[31m"\n'):
        error = error_of(text if "name" in text else 'name = "x"\n' + text)
        assert error.message.isprintable()


def test_specs_are_found_in_a_checkout_and_in_a_wheel(tmp_path: Path) -> None:
    """The package finds ``../specs`` beside it, and prefers ``_specs`` inside it (as in a wheel)."""
    assert specs_dir() == ROOT / "specs"
    package = tmp_path / "site" / "verifier"
    package.mkdir(parents=True)
    names = ("__init__.py", "model.py", "values.py", "insights.py", "records.py", "recording.py", "contract.py")
    for name in (*names, "reads.py", "toml_table.py"):
        shutil.copy(ROOT / "verifier" / name, package / name)
    program = "from verifier import contract as c; print(c.specs_dir().name, *c.contract_names())"

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONPATH": str(tmp_path / "site"), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert "data files that ship with verify-exit are missing" in run().stderr
    shutil.copytree(ROOT / "specs", tmp_path / "site" / "specs")
    assert run().stdout.split()[0] == "specs"
    (package / "_specs" / "contracts").mkdir(parents=True)
    shutil.copy(ROOT / "specs" / "contracts" / "linux.toml", package / "_specs" / "contracts")
    assert run().stdout.split() == ["_specs", "linux"]


def test_the_loader_imports_no_solver() -> None:
    """``--help`` lists contracts, so loading one must stay cheap."""
    program = (
        "import sys; from verifier.contract import load_contract; load_contract('linux'); "
        "heavy = {'claripy', 'z3', 'pyvex', 'angr', 'capstone', 'unicorn', 'elftools'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


# Properties.

LINES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=12)
SELECTORS = st.integers(4, 0xFFFF).map(lambda value: value | 3)


@st.composite
def contracts(draw: st.DrawFn) -> dict[str, Any]:
    """The TOML data of an arbitrary valid contract."""
    registers = {name: draw(st.sampled_from(DISPOSITIONS)) for name in RESTORED}
    words = [*FRAME_WORDS, *(name for name, where in registers.items() if where == "slot")]
    words += draw(st.lists(st.sampled_from(["orig_rax", "vector", "error_code"]), unique=True))
    places = draw(st.lists(st.integers(-64, 64), min_size=len(words), max_size=len(words), unique=True))
    data: dict[str, Any] = {"name": "n", "title": draw(LINES), "source": draw(LINES)}
    slots = {word: 8 * place for word, place in zip(words, places, strict=True)}
    data["frame"] = {
        "base": draw(st.sampled_from(GPRS)),
        "offset": draw(st.integers(-MAX_OFFSET, MAX_OFFSET)),
        "slots": slots,
    }
    data["registers"] = registers
    data["selectors"] = {"user_cs": draw(SELECTORS), "user_ss": draw(SELECTORS)}
    if draw(st.booleans()):
        data["selectors"]["user32_cs"] = draw(SELECTORS)
    data["star"] = {"base": draw(st.integers(0, 0xFFFF))}
    if draw(st.booleans()):
        data["sysenter"] = {"cs": draw(st.integers(4, 0xFFFF))}
    if draw(st.booleans()):
        data["patching"] = {"tables": draw(st.sampled_from(["linux", "xen", "k-1.0"]))}
    for spec in FACTS:
        fact = {"value": draw(st.sampled_from(spec.values)), "source": draw(LINES)}
        data.setdefault(spec.table, {})[spec.key] = fact
    chosen = draw(st.lists(st.sampled_from(PROMISE_IDS), unique=True))
    data["promises"] = {clause: {"text": draw(LINES), "source": draw(LINES)} for clause in chosen}
    return data


def back(contract: Contract) -> dict[str, Any]:
    """The TOML data of a contract."""
    data: dict[str, Any] = {"name": contract.name, "title": contract.title, "source": contract.source}
    slots = {slot.name: slot.offset for slot in contract.slots}
    data["frame"] = {"base": contract.base_register, "offset": contract.base_offset, "slots": slots}
    data["registers"] = dict(contract.registers)
    data["selectors"] = {"user_cs": contract.user_cs, "user_ss": contract.user_ss}
    if contract.user32_cs is not None:
        data["selectors"]["user32_cs"] = contract.user32_cs
    data["star"] = {"base": contract.star_base}
    if contract.sysenter_cs is not None:
        data["sysenter"] = {"cs": contract.sysenter_cs}
    if contract.patch_tables:
        data["patching"] = {"tables": contract.patch_tables}
    for spec in FACTS:
        fact: Fact = getattr(contract, spec.field)
        data.setdefault(spec.table, {})[spec.key] = {"value": fact.value, "source": fact.source}
    data["promises"] = {clause: {"text": f.value, "source": f.source} for clause, f in contract.promises}
    return data


@given(contracts())
def test_every_valid_contract_is_read_without_loss(data: dict[str, Any]) -> None:
    """Writing any contract and reading it back gives the same data: no key is ignored or mixed up."""
    assert back(parse_contract(to_toml(data), "t.toml")) == data


def tables(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The table itself and all below it."""
    return [data, *(table for value in data.values() if isinstance(value, dict) for table in tables(value))]


@given(st.data())
def test_a_damaged_contract_loads_or_ends_in_one_line(data: st.DataObject) -> None:
    """Whatever one key is replaced by, or whatever key is added, the answer is a contract or a UserError."""
    damaged = tomllib.loads(EXAMPLE)
    table = data.draw(st.sampled_from(tables(damaged)))
    key = data.draw(st.sampled_from(sorted(table)) | st.text(max_size=8))
    junk = st.integers() | st.booleans() | st.floats() | st.text(max_size=8) | st.lists(st.integers(), max_size=2)
    table[key] = data.draw(junk | st.dictionaries(st.text(max_size=4), st.integers(), max_size=2))
    error: UserError | None = None
    try:
        parse_contract(to_toml(damaged), "t.toml")
    except UserError as caught:
        error = caught
    if error is not None:
        assert (error.code, error.exit_code) == ("contract-invalid", 2)
        assert re.match(r"t\.toml: (?!not valid TOML)", error.message)
        assert error.message.isprintable()

# SPDX-License-Identifier: BSD-2-Clause
"""Boot-time code patching: tables are read in the one form that fits, and replacements are what the kernel writes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import capstone
import pytest
from hypothesis import given, strategies as st

from verifier.assemble import assemble
from verifier.contract import contract_names, load_contract, specs_dir
from verifier.image import load_object
from verifier.lift.relocate import moved
from verifier.model import Choice, Image, PatchSite, Relocation, Section, Symbol, UserError, node
from verifier.patching import Patching, Residual, with_patches
from verifier.patchsearch import MIN_HIDDEN
from verifier.patchspec import PatchTables, load_tables, parse_tables, parse_version
from verifier.patchtables import MAX_ENTRIES, MAX_SITES, Extract

TEXT, REPLACEMENTS, TABLE, KEYS, DATA = (0xFFFFFFFF81000000 + 0x100000 * number for number in range(5))
LINUX, XEN = load_tables("linux"), load_tables("xen")
FLAGS, INVERTED, PADDED = LINUX.alternatives.layouts
NOP5, NOP4, NOP2 = bytes.fromhex("0f1f440000"), bytes.fromhex("0f1f4000"), bytes.fromhex("6690")


def jump(opcode: int, at: int, target: int) -> bytes:
    """A 5-byte call or jump, as an assembler writes it at that address."""
    return bytes([opcode]) + (target - at - 5).to_bytes(4, "little", signed=True)


def image(*sections: Section, linked: bool = False, symbols: tuple[Symbol, ...] = ()) -> Image:
    """An image of these sections."""
    ordered = tuple(sorted(sections, key=lambda section: section.address))
    return Image("t", "", ordered, symbols, (), (), linked=linked)


def section(name: str, address: int, data: bytes, code: bool = False) -> Section:
    """A section at an address."""
    return Section(name, address, len(data), data, executable=code, writable=not code)


def text(data: bytes) -> Section:
    """Code at TEXT."""
    return section(".text", TEXT, data, code=True)


def entry(form: str, number: int, site: int, source: int, *rest: int, size: int) -> bytes:
    """Entry ``number`` of a table at TABLE: two offsets from their own fields, and the rest as ``form`` says."""
    at = TABLE + number * size
    return struct.pack("<ii" + form, site - at, source - at - 4, *rest)


def patched(code: bytes, replacements: bytes, table: bytes, spec: PatchTables = LINUX, version: str = "") -> Patching:
    """Code at TEXT with one table of alternatives."""
    sections = (
        text(code),
        section(".altinstr_replacement", REPLACEMENTS, replacements, code=True),
        section(".altinstructions", TABLE, table),
    )
    return with_patches(image(*sections), spec, version)


def flags_entry(number: int, site: int, source: int, feature: int, size: int, count: int) -> bytes:
    """An entry with a field of flags (14 bytes)."""
    return entry("IBB", number, site, source, feature, size, count, size=14)


# The forms of an entry.


@pytest.mark.parametrize(
    ("form", "rest", "spec", "size"),
    [
        ("IBB", (0xEB, 6, 2), LINUX, 6),
        ("IBB", (0x100EB, 6, 2), LINUX, 6),
        ("HBB", (0xEB, 6, 2), LINUX, 6),
        ("HBB", (0x80EB, 6, 2), LINUX, 6),
        ("HBBB", (0xEB, 6, 2, 3), LINUX, 6),
        ("HBBBB", (0xEB, 2, 2, 4, 0), XEN, 6),
        ("HBBBB", (0x80EB, 0, 2, 6, 0), XEN, 6),
    ],
)
def test_every_form_of_an_entry_is_recognised(form: str, rest: tuple[int, ...], spec: PatchTables, size: int) -> None:
    """The four forms are told apart by their entries, and give feature, sense, size and code."""
    width = struct.calcsize("<ii" + form)
    found = patched(
        bytes.fromhex("909090909090c3"), b"\x31\xc0", entry(form, 0, TEXT, REPLACEMENTS, *rest, size=width), spec
    )
    inverted = bool(rest[0] & (0x10000 if form == "IBB" else 0x8000))
    code = b"\x31\xc0" + NOP4
    assert found.notes == ()
    assert found.image.patches == (PatchSite(TEXT, size, (Choice("7*32+11", inverted, code, REPLACEMENTS, 2),)),)
    assert [switch.id for switch in found.image.switches] == ["7*32+11"]


def test_a_table_that_no_form_fits_is_not_read() -> None:
    """One implausible entry and the whole table is left alone: the code is judged as it stands, and that is said."""
    good = flags_entry(0, TEXT, REPLACEMENTS, 235, 2, 2)
    wrong = [
        flags_entry(1, DATA, REPLACEMENTS, 235, 2, 2),  # no code there
        flags_entry(1, TEXT + 2, DATA, 235, 2, 2),  # no replacement there
        flags_entry(1, TEXT + 2, REPLACEMENTS, 235, 2, 3),  # longer than the site
        flags_entry(1, TEXT + 2, REPLACEMENTS, 0xFFFF, 2, 2),  # no such feature
        flags_entry(1, TEXT + 2, REPLACEMENTS, 235 | 1 << 20, 2, 2),  # an unknown flag
        good[:7],  # cut off
    ]
    for table in wrong:
        found = patched(b"\x90" * 8, b"\x31\xc0\x90", good + table)
        assert (found.image.patches, found.image.switches, found.notes) == ((), (), ("unpatched-sites",))
    assert patched(b"\x90" * 8, b"\x31\xc0\x90", good).notes == ()


def test_two_forms_that_fit_are_told_apart_by_the_version_or_not_at_all() -> None:
    """Without a version the choice between two fitting forms would be a guess."""
    both = replace(LINUX.alternatives, layouts=(FLAGS, replace(FLAGS, since=(1, 0), before=(6, 3), relocate="whole")))
    spec = replace(LINUX, alternatives=both)
    table = flags_entry(0, TEXT, REPLACEMENTS, 235, 2, 2)
    assert patched(b"\x90" * 8, b"\x31\xc0", table, spec).notes == ("unpatched-sites",)
    assert patched(b"\x90" * 8, b"\x31\xc0", table, spec, "6.12.1-x").notes == ()
    assert patched(b"\x90" * 8, b"\x31\xc0", table, spec, "0.1").notes == ("unpatched-sites",)


def test_a_table_between_two_symbols_is_found() -> None:
    """Where no section has the table's name, the symbols at its ends say where it is; what is around is not read."""
    table = entry("HBBBB", 0, TEXT, REPLACEMENTS, 235, 2, 2, 0, 0, size=14)
    data = section(".init.data", TABLE - 8, b"\xff" * 8 + table + b"\xff" * 9)
    symbols = (
        Symbol("__alt_instructions", TABLE, 0, True, False, ".init.data"),
        Symbol("__alt_instructions_end", TABLE + 14, 0, True, False, ".init.data"),
    )
    parts = (text(b"\x90\x90\xc3"), section(".init.text", REPLACEMENTS, b"\x31\xc0", code=True), data)
    found = with_patches(image(*parts, symbols=symbols, linked=True), XEN, "4.17")
    assert found.notes == ()
    assert [choice.code for choice in found.image.patches[0].choices] == [b"\x31\xc0"]
    assert with_patches(image(*parts, linked=True), XEN, "4.17").notes == ("unpatched-sites",)
    assert with_patches(image(*parts), XEN, "4.17").notes == ()


def test_without_a_description_nothing_changes() -> None:
    """A contract that names no tables leaves the image as it is."""
    plain = image(text(b"\x90"))
    assert with_patches(plain, None, "") == Patching(plain)


# What a site becomes.


def test_later_entries_win_and_a_short_one_is_padded() -> None:
    """The choices are in the order of the table, all as long as the longest."""
    table = flags_entry(0, TEXT, REPLACEMENTS, 3, 3, 2) + flags_entry(1, TEXT, REPLACEMENTS + 2, 4, 6, 6)
    found = patched(b"\x90" * 8, b"\x31\xc0" + b"\xcc" * 6, table)
    (site,) = found.image.patches
    assert [(choice.switch, choice.code) for choice in site.choices] == [
        ("0*32+3", b"\x31\xc0" + NOP4),
        ("0*32+4", b"\xcc" * 6),
    ]
    after = [found.image.patched(held.__contains__, [TEXT]) for held in (set[str](), {"0*32+3"}, {"0*32+3", "0*32+4"})]
    assert [one.code_at(TEXT, 8) for one in after] == [
        b"\x90" * 8,
        b"\x31\xc0" + NOP4 + b"\x90\x90",
        b"\xcc" * 6 + b"\x90\x90",
    ]


def test_a_short_entry_over_other_code_is_a_problem() -> None:
    """What an entry leaves of a longer one, or of code that is no NOP, depends on the kernel's version."""
    table = flags_entry(0, TEXT, REPLACEMENTS, 3, 6, 6) + flags_entry(1, TEXT, REPLACEMENTS, 4, 3, 2)
    (site,) = patched(b"\x90" * 8, b"\xcc" * 6, table).image.patches
    assert [bool(choice.problem) for choice in site.choices] == [False, True]
    table = flags_entry(0, TEXT, REPLACEMENTS, 3, 3, 2) + flags_entry(1, TEXT, REPLACEMENTS, 4, 6, 6)
    (site,) = patched(b"\x50" * 8, b"\xcc" * 6, table).image.patches
    assert [bool(choice.problem) for choice in site.choices] == [True, False]


def test_overlapping_sites_are_one_site_of_unknown_code() -> None:
    """Sites never overlap in an image; what two of them make of the bytes that they share is not known."""
    table = flags_entry(0, TEXT, REPLACEMENTS, 3, 4, 2) + flags_entry(1, TEXT + 3, REPLACEMENTS, 4, 4, 2)
    table += flags_entry(2, TEXT + 7, REPLACEMENTS, 5, 2, 2)
    first, second = patched(b"\x90" * 16, b"\x31\xc0", table).image.patches
    assert (first.address, first.size, second.address) == (TEXT, 7, TEXT + 7)
    assert all("overlap" in choice.problem and len(choice.code) == 7 for choice in first.choices)
    assert [choice.problem for choice in second.choices] == [""]
    # Also if one of them writes what is there already.
    table = flags_entry(0, TEXT, REPLACEMENTS, 3, 4, 2) + flags_entry(1, TEXT + 3, REPLACEMENTS + 2, 4, 4, 1)
    (site,) = patched(b"\x90" * 16, b"\x31\xc0\x90", table).image.patches
    assert [choice.switch for choice in site.choices] == ["0*32+3"] and "overlap" in site.choices[0].problem


def test_a_site_in_a_replacement_is_of_unknown_code() -> None:
    """Whether it is patched before or after it was copied is not known."""
    table = flags_entry(0, TEXT, REPLACEMENTS, 3, 4, 4) + flags_entry(1, REPLACEMENTS + 2, REPLACEMENTS + 8, 4, 2, 2)
    inside = patched(b"\x90" * 16, b"\x90" * 8 + b"\x31\xc0", table).image.patch_at(REPLACEMENTS + 2)
    assert inside is not None and "itself the replacement" in inside.choices[0].problem


def test_a_direct_call_stays_the_indirect_one_and_is_reported_where_executed() -> None:
    """What a pointer holds at boot is not in the file: the call stays indirect, and an assumption goes with it."""
    code = bytes.fromhex("ff1500100000") + b"\xc3"
    table = flags_entry(0, TEXT, REPLACEMENTS, 3 * 32 + 21 | 1 << 17, 6, 5)
    table += flags_entry(1, TEXT, REPLACEMENTS + 5, 4, 6, 1)
    found = patched(code, jump(0xE8, REPLACEMENTS, TEXT) + b"\xf4", table)
    (site,) = found.image.patches
    assert [(choice.switch, choice.code) for choice in site.choices] == [("0*32+4", b"\xf4" + NOP5)]
    assert found.assumptions([TEXT]) == ("patched-calls",)
    assert found.assumptions([TEXT + 6]) == ()


def test_a_branch_to_itself_stands_for_an_indirect_one() -> None:
    """In the form that says so, and only for the feature that is always there."""
    code = bytes.fromhex("ff1500100000") + b"\xc3"
    always = entry("HBBBB", 0, TEXT, REPLACEMENTS, 2 * 32 + 29, 6, 5, 0, 0, size=14)
    found = patched(code, bytes.fromhex("e8fbffffff"), always, XEN)
    assert (found.image.patches, found.assumptions([TEXT])) == ((), ("patched-calls",))
    other = entry("HBBBB", 0, TEXT, REPLACEMENTS, 5, 6, 5, 0, 0, size=14)
    (site,) = patched(code, bytes.fromhex("e8fbffffff"), other, XEN).image.patches
    assert site.choices[0].code == jump(0xE8, TEXT, REPLACEMENTS) + b"\x90"


def test_an_open_relocation_of_a_replacement_is_a_problem() -> None:
    """Bytes that were not relocated are not what the kernel copies."""
    table = flags_entry(0, TEXT, REPLACEMENTS, 3, 5, 5)
    parts = (
        text(b"\x90" * 8),
        section(".altinstr_replacement", REPLACEMENTS, jump(0xE8, REPLACEMENTS, TEXT), code=True),
        section(".altinstructions", TABLE, table),
    )
    opened = Relocation(REPLACEMENTS + 1, 4, "R_X86_64_GOTPCREL", "x", 0, True, False)
    found = with_patches(replace(image(*parts), relocations=(opened,)), LINUX, "")
    assert "relocation" in found.image.patches[0].choices[0].problem
    opened = replace(opened, address=TABLE)
    assert with_patches(replace(image(*parts), relocations=(opened,)), LINUX, "").notes == ("unpatched-sites",)


# Features.


def test_features_have_the_names_of_their_version() -> None:
    """Bits that the kernel defines itself have moved between versions; CPUID's have one name; others their number."""

    def names(feature: int, version: str) -> list[str]:
        found = patched(b"\x90" * 8, b"\x31\xc0", flags_entry(0, TEXT, REPLACEMENTS, feature, 2, 2), LINUX, version)
        return [switch.name for switch in found.image.switches]

    assert names(11 * 32 + 18, "6.1.0-56") == ["CLEAR_CPU_BUF"]
    assert names(3 * 32 + 18, "6.12.117") == ["CLEAR_CPU_BUF"]
    assert names(3 * 32 + 18, "6.1") == ["LFENCE_RDTSC"]
    assert names(3 * 32 + 18, "6.13") == names(3 * 32 + 18, "") == ["3*32+18"]
    assert names(16 * 32 + 16, "") == ["LA57"]


def test_switches_that_are_no_free_choice() -> None:
    """One feature is always there, and one is there exactly under five-level paging."""
    table = b"".join(flags_entry(n, TEXT + 2 * n, REPLACEMENTS, f, 2, 2) for n, f in enumerate((117, 528, 235)))
    switches = {switch.id: switch for switch in patched(b"\x90" * 8, b"\x31\xc0", table).image.switches}
    assert {name: (s.value, s.paging, s.kind) for name, s in switches.items()} == {
        "3*32+21": (True, False, "feature"),
        "16*32+16": (None, True, "feature"),
        "7*32+11": (None, False, "feature"),
    }


# Relative operands.


@pytest.mark.parametrize("scope", ["all", "whole", "first"])
@pytest.mark.parametrize("opcode", [0xE8, 0xE9])
def test_a_lone_branch_is_what_an_assembler_writes_at_the_site(scope: str, opcode: int) -> None:
    """Every kernel adjusts a call or jump that is the whole replacement."""
    code, problem = moved(jump(opcode, REPLACEMENTS, DATA), REPLACEMENTS, TEXT, scope)  # type: ignore[arg-type]
    assert (code, problem) == (jump(opcode, TEXT, DATA), "")


def test_what_follows_a_first_branch_is_adjusted_by_some_kernels_only() -> None:
    """Where boot code would leave an operand that leads elsewhere, the choice has a problem."""
    call = jump(0xE8, REPLACEMENTS, DATA)
    assert moved(call + b"\xc3", REPLACEMENTS, TEXT, "all")[0] == jump(0xE8, TEXT, DATA) + b"\xc3"
    assert moved(call + b"\xc3", REPLACEMENTS, TEXT, "first")[0] == jump(0xE8, TEXT, DATA) + b"\xc3"
    assert "does not adjust" in moved(call + b"\xc3", REPLACEMENTS, TEXT, "whole")[1]
    late = b"\xf4" + jump(0xE8, REPLACEMENTS + 1, DATA)
    assert moved(late, REPLACEMENTS, TEXT, "all")[0] == b"\xf4" + jump(0xE8, TEXT + 1, DATA)
    assert "does not adjust" in moved(late, REPLACEMENTS, TEXT, "first")[1]
    both = call + jump(0xE9, REPLACEMENTS + 5, DATA)
    assert moved(both, REPLACEMENTS, TEXT, "all")[0] == jump(0xE8, TEXT, DATA) + jump(0xE9, TEXT + 5, DATA)
    assert "does not adjust" in moved(both, REPLACEMENTS, TEXT, "first")[1]


def test_memory_beside_rip_is_adjusted_before_an_immediate() -> None:
    """The displacement is found where it is: not at the end of the instruction if an immediate follows."""
    # movl $0x12345678, 0x1000(%rip); verw 0x2000(%rip)
    code = bytes.fromhex("c7050010000078563412 0f002d00200000")
    shift = REPLACEMENTS - TEXT
    expected = bytes.fromhex("c705") + struct.pack("<iI", 0x1000 + shift, 0x12345678)
    expected += bytes.fromhex("0f002d") + struct.pack("<i", 0x2000 + shift)
    assert moved(code, REPLACEMENTS, TEXT, "all") == (expected, "")
    assert "does not adjust" in moved(code, REPLACEMENTS, TEXT, "whole")[1]


def test_what_points_into_the_code_moves_along() -> None:
    """A loop inside the replacement, and a jump to just behind it, keep their distances in every kernel."""
    code = bytes.fromhex("e801000000cc83e90175f58d642408eb00")
    for scope in ("all", "whole"):
        assert moved(code, REPLACEMENTS, TEXT, scope) == (code, "")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("7410", "out of reach"),
        ("eb10", "out of reach"),
        ("e210", "does not adjust this kind"),
        ("c7f800100000", "does not adjust this kind"),
        ("06", "no instruction"),
        ("e800", "no instruction"),
    ],
)
def test_code_that_cannot_be_moved_has_a_problem(code: str, reason: str) -> None:
    """A short branch that would not reach, a kind that boot code leaves alone, and what is no code."""
    assert reason in moved(bytes.fromhex(code), REPLACEMENTS, TEXT, "all")[1]


def test_a_short_branch_that_still_reaches_is_adjusted() -> None:
    """Its one byte is a signed distance like any other."""
    assert moved(bytes.fromhex("7410"), TEXT + 32, TEXT, "all") == (bytes.fromhex("7430"), "")
    assert "out of reach" in moved(bytes.fromhex("e900000070"), TEXT + 0x20000000, TEXT, "all")[1]


TARGETS = st.integers(-(1 << 20), 1 << 20)
PIECES = st.one_of(
    st.sampled_from(["c3", "4889e5", "0f01f8", "f3aa", "488b4424f8", "0f1f8400000000000"[:16], "b878563412"]),
    TARGETS.map(lambda far: "e8" + struct.pack("<i", far).hex()),
    TARGETS.map(lambda far: "e9" + struct.pack("<i", far).hex()),
    TARGETS.map(lambda far: "0f84" + struct.pack("<i", far).hex()),
    TARGETS.map(lambda far: "488b05" + struct.pack("<i", far).hex()),
    TARGETS.map(lambda far: "48833d" + struct.pack("<i", far).hex() + "05"),
    st.integers(-128, 127).map(lambda near: "75" + struct.pack("<b", near).hex()),
)


def reached(code: bytes, address: int) -> list[tuple[str, int | None]]:
    """What each instruction is called and the absolute address that it refers to, if it does."""
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    engine.detail = True
    found: list[tuple[str, int | None]] = []
    for one in engine.disasm(code, address):
        target = None
        for operand in one.operands:
            if one.group(capstone.CS_GRP_BRANCH_RELATIVE) and operand.type == capstone.CS_OP_IMM:
                target = operand.imm & (1 << 64) - 1
            elif operand.type == capstone.CS_OP_MEM and one.reg_name(operand.mem.base) == "rip":
                target = one.address + one.size + operand.mem.disp & (1 << 64) - 1
        found.append((one.mnemonic, target))
    return found


@given(st.lists(PIECES, min_size=1, max_size=6), st.integers(-(1 << 21), 1 << 21))
def test_moved_code_refers_to_the_same_addresses(pieces: list[str], distance: int) -> None:
    """Every instruction stays what it is and refers to where it did, or to the same place inside the code."""
    code = bytes.fromhex("".join(pieces))
    here = TEXT + distance
    result, problem = moved(code, TEXT, here, "all")
    if problem:
        assert "75" in {piece[:2] for piece in pieces} and "out of reach" in problem
        return
    before, after = reached(code, TEXT), reached(result, here)
    assert len(result) == len(code) and len(before) == len(after)
    for (name, old), (other, new) in zip(before, after, strict=True):
        inside = old is not None and TEXT <= old <= TEXT + len(code)
        assert (name, old + distance if inside and old is not None else old) == (other, new)


@given(st.binary(max_size=24), st.sampled_from(["all", "whole", "first"]))
def test_any_bytes_can_be_moved_or_have_a_problem(code: bytes, scope: str) -> None:
    """Replacements come from an untrusted file: the answer is code of the same length, or a reason."""
    result, problem = moved(code, REPLACEMENTS, TEXT, scope)  # type: ignore[arg-type]
    assert len(result) == len(code) or problem


@given(st.integers(1, 40), st.integers(0, 40))
def test_a_site_is_filled_with_the_fewest_nops(size: int, count: int) -> None:
    """Behind the replacement are NOPs of at most nine bytes, as few as there can be, to the end of the site."""
    count = min(count, size)
    found = patched(b"\x50" * size, b"\xf4" * count, flags_entry(0, TEXT, REPLACEMENTS, 3, size, count))
    (choice,) = found.image.patches[0].choices
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    lengths = [(one.size, one.mnemonic) for one in engine.disasm(choice.code[count:], 0)]
    assert choice.code[:count] == b"\xf4" * count
    assert sum(length for length, _ in lengths) == size - count == len(choice.code) - count
    assert {name for _, name in lengths} <= {"nop"} and len(lengths) == -(-(size - count) // 9)


def test_nops_for_nops_are_no_choice() -> None:
    """A replacement that is empty changes nothing where the file has NOPs."""
    assert patched(b"\x90" * 8, b"", flags_entry(0, TEXT, REPLACEMENTS, 3, 8, 0)).image.patches == ()


# Static branches.


def key_entry(at: int, site: int, target: int, key: int) -> bytes:
    """An entry of the table of static branches at that address."""
    return struct.pack("<iiq", site - at, target - at - 4, key - at - 8)


def branches(code: bytes, target: int, key: int) -> Patching:
    """One static branch at TEXT."""
    table = section("__jump_table", KEYS, key_entry(KEYS, TEXT, target, key))
    return with_patches(image(text(code), table, section(".data", DATA, bytes(64))), LINUX, "")


@pytest.mark.parametrize("size", [2, 5])
@pytest.mark.parametrize("branch", [0, 1])
@pytest.mark.parametrize("jumps", [False, True])
@pytest.mark.parametrize("enabled", [False, True])
def test_a_site_jumps_if_its_key_is_not_what_its_branch_bit_is(
    size: int, branch: int, jumps: bool, enabled: bool
) -> None:
    """Whatever the file holds, the code is a jump exactly if enabled xor branch."""
    target = TEXT + 16
    as_jump = bytes([0xE9 if size == 5 else 0xEB]) + (target - TEXT - size).to_bytes(size - 1, "little")
    as_nop = NOP5 if size == 5 else NOP2
    found = branches((as_jump if jumps else as_nop).ljust(32, b"\xc3"), target, DATA + 8 | 2 | branch)
    (site,) = found.image.patches
    (switch,) = found.image.switches
    assert (site.address, site.size, switch.kind, switch.id) == (TEXT, size, "key", f"key@{DATA + 8:#x}")
    runs = found.image.patched(lambda name: enabled and name == switch.id, [site.address])
    assert runs.code_at(TEXT, size) == (as_jump if enabled != bool(branch) else as_nop)


def test_a_site_that_is_neither_has_a_problem() -> None:
    """Code that is no NOP and leads elsewhere is not what the table says."""
    for code in (b"\x90" * 32, jump(0xE9, TEXT, TEXT + 17).ljust(32, b"\xc3")):
        (site,) = branches(code, TEXT + 16, DATA).image.patches
        assert "neither a NOP nor the jump" in site.choices[0].problem
    (site,) = branches(NOP2.ljust(512, b"\xc3"), TEXT + 300, DATA).image.patches
    assert "out of reach" in site.choices[0].problem


def test_a_key_is_called_by_its_symbol() -> None:
    """A report names the key as the source does, if the file says how."""
    table = section("__jump_table", KEYS, key_entry(KEYS, TEXT, TEXT + 16, DATA + 8))
    symbols = (Symbol("slow_path", DATA + 8, 8, True, False, ".data"),)
    whole = image(text(NOP5.ljust(32, b"\xc3")), table, section(".data", DATA, bytes(64)), symbols=symbols)
    assert [switch.name for switch in with_patches(whole, LINUX, "").image.switches] == ["slow_path"]


def hidden(count: int, gap: bytes = b"") -> Image:
    """A program with so many static branches, and their table inside its read-only data."""
    code = NOP5 * (2 * count) + b"\xc3"
    start = KEYS + 0x48
    rows = b"".join(key_entry(start + 16 * n, TEXT + 5 * n, TEXT, DATA + 8 * (n % 7)) for n in range(count))
    data = bytes(range(64)) + bytes(8) + rows + gap + b"\x11" * 40
    return image(text(code), section(".rodata", KEYS, data), section(".data", DATA, bytes(64)), linked=True)


def test_a_hidden_table_is_found_by_its_structure() -> None:
    """A program without symbols: its one long run of entries is the table, wherever it starts."""
    found = with_patches(hidden(MIN_HIDDEN), LINUX, "6.1")
    assert "static-keys" not in found.notes
    assert [site.address for site in found.image.patches] == [TEXT + 5 * n for n in range(MIN_HIDDEN)]
    assert len(found.image.switches) == 7


def test_static_calls_behind_a_hidden_table_are_found() -> None:
    """They are calls and jumps to trampolines; where one leads elsewhere the table ends."""
    start = KEYS + 0x48 + 16 * MIN_HIDDEN
    code_at = TEXT + 0x1000
    trampoline = code_at + 32
    code = jump(0xE8, code_at, trampoline) + jump(0xE9, code_at + 5, trampoline) + jump(0xE8, code_at + 10, TEXT)
    code = code.ljust(32, b"\xc3") + jump(0xE9, trampoline, TEXT) + bytes.fromhex("0fb9cc")
    rows = b"".join(struct.pack("<ii", code_at + 5 * n - start - 8 * n, 0) for n in range(3))
    whole = hidden(MIN_HIDDEN, rows)
    parts = [
        replace(one, data=one.data.ljust(0x1000, b"\xc3") + code) if one.executable else one for one in whole.sections
    ]
    parts = [replace(one, size=len(one.data)) for one in parts]
    found = with_patches(replace(whole, sections=tuple(parts)), LINUX, "6.1")
    assert "patched-calls" not in found.notes
    assert [left.among(range(code_at, code_at + 32)) for left in found.residual] == [(code_at, code_at + 5)]
    assert "patched-calls" in with_patches(whole, LINUX, "6.1").notes
    assert "patched-calls" not in with_patches(whole, LINUX, "5.9").notes


def test_a_table_that_is_not_certain_is_not_taken() -> None:
    """Too short, or one of two: then static branches are judged as they stand, and that is said."""
    start = KEYS + 0x48 + 16 * MIN_HIDDEN + 16
    again = bytes(16) + b"".join(key_entry(start + 16 * n, TEXT + 5 * n, TEXT, DATA) for n in range(MIN_HIDDEN))
    for one in (hidden(MIN_HIDDEN - 1), hidden(MIN_HIDDEN, again)):
        found = with_patches(one, LINUX, "6.1")
        assert "static-keys" in found.notes and found.image.patches == ()
    assert "static-keys" not in with_patches(hidden(1), LINUX, "3.2").notes
    assert with_patches(replace(hidden(1), linked=False), LINUX, "6.1").notes == ()


# What is left.


def test_other_sites_carry_their_assumption_only_if_executed() -> None:
    """Sites that are not modelled are looked up among what was executed; harmless ones never count."""
    parts = (
        text(b"\xc3" * 64),
        section(".return_sites", TABLE, struct.pack("<ii", TEXT + 3 - TABLE, TEXT + 9 - TABLE - 4)),
        section(".smp_locks", KEYS, struct.pack("<i", TEXT + 5 - KEYS)),
        section(".parainstructions", DATA, struct.pack("<QQ", TEXT + 20, 0)),
    )
    found = with_patches(image(*parts), LINUX, "")
    assert found.assumptions(range(TEXT, TEXT + 3)) == ()
    assert found.assumptions([TEXT + 5]) == ()
    assert found.assumptions([TEXT + 9]) == ("patched-thunks",)
    assert found.assumptions(range(TEXT, TEXT + 64)) == ("patched-calls", "patched-thunks")
    assert {left.kind: left.among(range(TEXT, TEXT + 64)) for left in found.residual} == {
        "return-sites": (TEXT + 3, TEXT + 9),
        "paravirt": (TEXT + 20,),
    }


def test_a_site_in_a_replacement_counts_where_the_replacement_runs() -> None:
    """Returns in a replacement are patched before it is copied."""
    table = flags_entry(0, TEXT, REPLACEMENTS, 3, 4, 4)
    parts = (
        text(b"\x90" * 8),
        section(".altinstr_replacement", REPLACEMENTS, b"\x90\x90\x90\xc3", code=True),
        section(".altinstructions", TABLE, table),
        section(".return_sites", KEYS, struct.pack("<i", REPLACEMENTS + 3 - KEYS)),
    )
    found = with_patches(image(*parts), LINUX, "")
    assert found.assumptions([TEXT + 3]) == ()
    assert found.assumptions([node(TEXT + 3, 1)]) == ("patched-thunks",)


def test_a_residual_of_a_cut_off_table_takes_whole_entries() -> None:
    """The last bytes of an odd table are no entry."""
    left = Residual("k", "a", ((Extract(TABLE, struct.pack("<ib", 16, 1)), LINUX.sites[0].fields),))
    assert left.among([TABLE + 16, TABLE + 5]) == (TABLE + 16,)


def test_an_object_is_read_like_a_program(tmp_path: Path) -> None:
    """Tables of a relocatable object count from where its sections were laid out; calls lead to external symbols."""
    source = tmp_path / "exit.S"
    source.write_text(
        """
        .globl entry
        entry:
        661: .skip 7, 0x90
        662: jmp 1f
        1: sysretq
        .section .altinstr_replacement, "ax"
        663: call elsewhere
        664: mov value(%rip), %rax
        665: .byte 0x0f, 0x1f, 0x44, 0, 0
        .section .altinstructions, "a"
        .long 661b - ., 663b - ., 7*32+11
        .byte 662b - 661b, 664b - 663b
        .long 661b - ., 664b - ., 0x10000 + 7*32+12
        .byte 662b - 661b, 665b - 664b
        .section __jump_table, "aw"
        .balign 8
        .long 662b - ., 1b - .
        .quad value + 1 - .
        .data
        .quad 0
        value: .quad 0
        """,
        encoding="utf-8",
    )
    given = load_object(assemble(source), "exit.S", "")
    found = with_patches(given, LINUX, "6.12")
    first, second = found.image.patches
    (entry_at, outside) = (given.symbol("entry"), given.symbol("elsewhere"))
    data = next(one for one in given.sections if one.name == ".data")
    assert entry_at is not None and outside is not None
    assert (first.address, first.size, found.notes) == (entry_at.address, 7, ())
    assert [choice.inverted for choice in first.choices] == [False, True]
    assert first.choices[0].code == jump(0xE8, first.address, outside.address) + NOP2
    assert first.choices[1].code == b"\x48\x8b\x05" + struct.pack("<i", data.address + 8 - first.address - 7)
    assert (second.address, second.size) == (first.address + 7, 2)
    # The file has the jump, and the entry's branch bit is set: the jump goes away if the key is enabled.
    assert second.choices == (Choice(f"key@{data.address + 8:#x}", False, NOP2),)


# Returns through a thunk.


def returns(code: bytes, sites: list[int], *more: Section, symbols: tuple[Symbol, ...] = ()) -> Patching:
    """Code at TEXT with return sites at these addresses."""
    table = b"".join(struct.pack("<i", at - TABLE - 4 * number) for number, at in enumerate(sites))
    return with_patches(image(text(code), section(".return_sites", TABLE, table), *more, symbols=symbols), LINUX, "")


def test_jumps_to_the_return_thunk_are_returns() -> None:
    """Whatever the thunk in the file does, the site reads as RET; it is still listed as patched."""
    code = jump(0xE9, TEXT, TEXT + 60) + b"\x90" + jump(0xE9, TEXT + 6, TEXT + 60)
    found = returns(code.ljust(64, b"\xcc"), [TEXT, TEXT + 6])
    assert found.image.returns == {TEXT, TEXT + 6}
    assert found.image.code_at(TEXT + 6) == b"\xc3"
    assert found.assumptions([TEXT + 6]) == ("patched-thunks",)


def test_other_sites_of_the_table_are_no_returns() -> None:
    """Calls, short jumps, a RET, what leads elsewhere, a trampoline of static calls, and what is not all there."""
    others = [
        jump(0xE8, TEXT + 10, TEXT + 60),
        b"\xeb\x10\x90\x90\x90",
        b"\xc3\xcc\xcc\xcc\xcc",
        jump(0xE9, TEXT + 10, TEXT + 61),
        jump(0xE9, TEXT + 10, TEXT + 60) + bytes.fromhex("0fb9cc"),
    ]
    good = jump(0xE9, TEXT, TEXT + 60) + jump(0xE9, TEXT + 5, TEXT + 60)
    for other in others:
        found = returns((good + other).ljust(64, b"\xcc"), [TEXT, TEXT + 10, TEXT + 5])
        assert found.image.returns == {TEXT, TEXT + 5}
        assert found.assumptions([TEXT + 10]) == ("patched-thunks",)
    cut = (good + jump(0xE9, TEXT + 10, TEXT + 60))[:14]
    assert returns(cut, [TEXT, TEXT + 5, TEXT + 10, DATA, TEXT - 8]).image.returns == {TEXT, TEXT + 5}


def test_the_thunk_is_its_symbol_or_where_most_jumps_lead() -> None:
    """A symbol decides against any number of jumps; without one half of them are not enough."""
    code = jump(0xE9, TEXT, TEXT + 60) + jump(0xE9, TEXT + 5, TEXT + 60) + jump(0xE9, TEXT + 10, TEXT + 50)
    symbols = (Symbol("__x86_return_thunk", TEXT + 50, 0, True, True, ".text"),)
    sites = [TEXT, TEXT + 5, TEXT + 10]
    assert returns(code.ljust(64, b"\xcc"), sites).image.returns == {TEXT, TEXT + 5}
    assert returns(code.ljust(64, b"\xcc"), sites, symbols=symbols).image.returns == {TEXT + 10}
    assert returns(code.ljust(64, b"\xcc"), sites[1:]).image.returns == frozenset()


def test_sites_in_several_sections_are_found() -> None:
    """The table leads to code of more than one section."""
    more = section(".init.text", DATA, b"\x90" + jump(0xE9, DATA + 1, TEXT + 60), code=True)
    found = returns(jump(0xE9, TEXT, TEXT + 60).ljust(64, b"\xcc"), [TEXT, DATA + 1, TEXT], more)
    assert found.image.returns == {TEXT, DATA + 1}


def test_a_return_in_a_replacement_is_patched_before_it_is_copied() -> None:
    """The site's new code has RET where the replacement has the jump to the thunk."""
    table = flags_entry(0, TEXT, REPLACEMENTS, 3, 7, 6)
    parts = (
        text(b"\x90" * 64),
        section(".altinstr_replacement", REPLACEMENTS, b"\xf4" + jump(0xE9, REPLACEMENTS + 1, TEXT), code=True),
        section(".altinstructions", TABLE, table),
        section(".return_sites", KEYS, struct.pack("<i", REPLACEMENTS + 1 - KEYS)),
    )
    (site,) = with_patches(image(*parts), LINUX, "").image.patches
    assert site.choices[0].code == bytes.fromhex("f4 c3cccccccc 90")


def test_an_objects_returns_lead_to_an_external_thunk(tmp_path: Path) -> None:
    """An object of kbuild: the thunk is an undefined symbol, and the entries are relocated."""
    source = tmp_path / "exit.S"
    source.write_text(
        """
        entry: nop
        1: jmp __x86_return_thunk
        2: jmp elsewhere
        .section .return_sites, "a"
        .long 1b - ., 2b - .
        """,
        encoding="utf-8",
    )
    given = load_object(assemble(source), "exit.S", "")
    entry_at = given.symbol("entry")
    assert entry_at is not None
    assert with_patches(given, LINUX, "").image.returns == {entry_at.address + 1}


# Traps that come back.


def bugs(code: bytes, table: bytes, linked: bool = True) -> Patching:
    """Code at TEXT with a table of traps at TABLE."""
    return with_patches(image(text(code), section("__bug_table", TABLE, table), linked=linked), LINUX, "3.0")


def verbose(number: int, site: int, flags: int) -> bytes:
    """An entry with file and line."""
    return struct.pack("<iiHH", site - TABLE - 12 * number, 0x1000, 77, flags)


def brief(number: int, site: int, flags: int) -> bytes:
    """An entry without."""
    return struct.pack("<iHH", site - TABLE - 8 * number, flags, 0)


@pytest.mark.parametrize("form", [verbose, brief])
def test_traps_of_warnings_resume(form: Callable[[int, int, int], bytes]) -> None:
    """Bit 0 of the flags decides, in both forms of an entry, and in an object too."""
    code = b"\x0f\x0b" * 4 + b"\xc3"
    table = form(0, TEXT, 0) + form(1, TEXT + 2, 0x903) + form(2, TEXT + 6, 1)
    for linked in (True, False):
        found = bugs(code, table, linked)
        assert found.image.resumes == {TEXT + 2, TEXT + 6}
        assert "bug-table" not in found.notes


def test_a_table_of_traps_that_is_not_read_is_said() -> None:
    """Missing in a program, cut off, leading to other code, or in two forms at once: nothing is known."""
    code = b"\x0f\x0b" * 4 + b"\xc3"
    both = struct.pack("<iiiiii", TEXT - TABLE, 1, TEXT - TABLE - 8, TEXT - TABLE - 12, TEXT - TABLE - 16, 1)
    for table in (b"", verbose(0, TEXT, 1)[:11], verbose(0, TEXT + 1, 1), verbose(0, TEXT + 8, 1), both):
        found = bugs(code, table)
        assert "bug-table" in found.notes and found.image.resumes == frozenset()
    assert "bug-table" not in with_patches(image(text(code)), LINUX, "").notes


def test_permissive_checks_of_indirect_calls_resume() -> None:
    """The other table of such traps has no flags: all of them come back."""
    table = struct.pack("<i", TEXT - TABLE)
    for name in (".kcfi_traps", "__kcfi_traps"):
        found = with_patches(image(text(b"\x0f\x0b\xc3"), section(name, TABLE, table)), LINUX, "")
        assert found.image.resumes == {TEXT} and found.notes == ()


# Hostile files.


def test_a_table_beyond_all_measure_is_an_error() -> None:
    """The number of entries is bounded: one line, exit status 4."""
    table = section("__jump_table", KEYS, bytes(16 * (MAX_ENTRIES + 1)))
    with pytest.raises(UserError) as caught:
        with_patches(image(text(b"\x90"), table), LINUX, "")
    assert (caught.value.code, caught.value.exit_code) == ("bad-object", 4)
    assert "\n" not in caught.value.message
    table = section(".return_sites", KEYS, bytes(4 * (MAX_SITES + 1)))
    with pytest.raises(UserError):
        with_patches(image(text(b"\x90"), table), LINUX, "")


@given(st.binary(max_size=200), st.binary(max_size=200), st.sampled_from([LINUX, XEN]), st.booleans())
def test_any_tables_are_read_or_noted(first: bytes, second: bytes, spec: PatchTables, linked: bool) -> None:
    """Random tables never raise, and sites never overlap and hold code of their own size."""
    parts = (
        text(bytes(64)),
        section(".altinstructions", TEXT + 64, first),
        section("__jump_table", TEXT + 0x1000, second),
        section(".return_sites", TEXT + 0x2000, second),
        section("__bug_table", TEXT + 0x3000, first),
    )
    found = with_patches(image(*parts, linked=linked), spec, "6.1")
    end = 0
    for site in found.image.patches:
        assert site.address >= end and site.size > 0
        assert all(len(choice.code) == site.size for choice in site.choices)
        end = site.address + site.size
    found.assumptions(range(TEXT, TEXT + 64))


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 12), st.integers(0, 12)), max_size=9))
def test_plausible_tables_give_sites_in_order(rows: list[tuple[int, int, int, int]]) -> None:
    """However sites and replacements overlap, the sites of the image do not, and each choice has the site's size."""
    table = b"".join(
        flags_entry(number, TEXT + site, TEXT + source, 3, max(size, count), count)
        for number, (site, source, size, count) in enumerate(rows)
    )
    found = with_patches(image(text(b"\x90" * 80), section(".altinstructions", TABLE, table)), LINUX, "")
    assert found.notes == ()
    end = 0
    for site in found.image.patches:
        assert site.address >= end
        assert all(len(choice.code) == site.size for choice in site.choices)
        end = site.address + site.size


# The descriptions.


def test_every_shipped_description_loads_and_says_where_its_facts_are_from() -> None:
    """Each file is named by a contract, is called as its file, and has a source for everything it says."""
    files = sorted((specs_dir() / "patching").glob("*.toml"))
    named = {load_contract(name).patch_tables for name in contract_names()} - {""}
    assert {path.stem for path in files} == named
    for path in files:
        tables = load_tables(path.stem)
        assert tables.name == path.stem and tables.source
        assert all(sites.reason for sites in tables.sites)
        assert path.read_text(encoding="utf-8").startswith("# SPDX-License-Identifier: BSD-2-Clause\n")


def test_an_unknown_description_suggests_the_nearest() -> None:
    """A misspelt name is a configuration error that lists what there is."""
    with pytest.raises(UserError) as caught:
        load_tables("linus")
    assert (caught.value.code, caught.value.exit_code) == ("contract-invalid", 2)
    assert 'did you mean "linux"? (there are: linux, xen)' in caught.value.message


LINUX_TEXT = (specs_dir() / "patching" / "linux.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('relocate = "all"', 'relocate = "some"', 'alternatives.layouts.flags.relocate: "some" is not one of'),
        ("feature_bits = 16", "feature_bits = 33", "alternatives.layouts.flags.feature_bits: 0x21 is out of range"),
        ('fields = "site:4 target:4 key:8"', 'fields = "site:4 key:8"', "keys.fields: lacks target"),
        ('fields = "site:4 target:4 key:8"', 'fields = "site:3"', 'keys.fields: "site:3" is not name:bytes'),
        ('since = "6.3"', 'since = "six"', 'alternatives.layouts.flags.since: must be a version such as "6.1"'),
        ('nops = "0f', 'nops = "zz', "keys.nops: must be instructions in hexadecimal"),
        (
            'section = ".smp_locks"',
            'section = ".smp_locks"\nassume = "x"',
            "sites.smp-locks.assume: missing; write either",
        ),
        ('section = ".smp_locks"', 'start = ""', "sites.smp-locks.start: must be one line"),
        ('[keys]\nsection = "__jump_table"\nstart', "[keys]\nbegin", "unknown key keys.begin"),
        ('means = "return"', 'means = "ret"', 'sites.return-sites.means: "ret" is not one of'),
        ('fields = "site:4"\nmeans', 'fields = "absolute:8"\nmeans', '"return" needs fields = "site:4", and assume'),
        ('verbose = "site:4', 'verbose = "zero:4', "resumes.bug-table.layouts.verbose: lacks site"),
        ("[resumes.bug-table.layouts]", "[resumes.bug-table.layout]", "unknown key resumes.bug-table.layout"),
        ('code = "0f0b"\nflag', "flag", "resumes.bug-table.code: missing"),
        ('"7*32+11" = "PTI"', '"7.11" = "PTI"', 'features."7.11": a feature is WORD*32+BIT'),
        (
            "[names.any.features]",
            "[names.any.feature]",
            "unknown key names.any.feature; did you mean names.any.features?",
        ),
    ],
)
def test_a_wrong_description_is_one_line_that_names_the_key(old: str, new: str, message: str) -> None:
    """Descriptions are read as strictly as contracts."""
    assert old in LINUX_TEXT
    with pytest.raises(UserError) as caught:
        parse_tables(LINUX_TEXT.replace(old, new, 1), "t.toml")
    assert (caught.value.code, caught.value.exit_code) == ("contract-invalid", 2)
    assert message in caught.value.message and "\n" not in caught.value.message


def test_versions() -> None:
    """The first two numbers of a version are compared as numbers."""
    assert [parse_version(text) for text in ("6.1.0-56-amd64", "6.12", "4.17.7", "", "v6.1")] == [
        *((6, 1), (6, 12), (4, 17)),
        *(None, None),
    ]


def test_the_forms_of_linux_are_as_documented() -> None:
    """Sizes of struct alt_instr in its three generations, and what each adjusts."""
    assert [(layout.fields.size, layout.relocate) for layout in (FLAGS, INVERTED, PADDED)] == [
        *((14, "all"), (12, "whole")),
        (13, "whole"),
    ]

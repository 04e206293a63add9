# SPDX-License-Identifier: BSD-2-Clause
"""Broken versions of a real exit path: each differs from the image in one place that matters.

The rules below find their places by decoding the code that the proof covered, so that they fit the
next build of the same source as well. What each rule breaks is known from the instruction and the frame's
layout; ``Mutant.clauses`` are exactly the clauses that must then be violated, and empty where the
changed code is still right, for the reason that ``harmless`` gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from verifier.lift.decode import (
    CONDITIONAL_JUMPS,
    Decoded,
    ImmediateOperand,
    MemoryOperand,
    RegisterOperand,
    decode,
)
from verifier.model import Image, SiteResult, node

SLOTS = {
    0x30: "r11", 0x50: "rax", 0x58: "rcx", 0x60: "rdx",
    0x80: "rip", 0x88: "cs", 0x90: "rflags", 0x98: "rsp", 0xA0: "ss",
}  # fmt: skip
"""The words of the saved frame that a check may read, by offset."""

TF, RF = 1 << 8, 1 << 16
NOP = b"\x90"


@dataclass(frozen=True, slots=True)
class Edit:
    """New bytes at an address, in the file or (``variant``) in what boot code writes over it there."""

    address: int
    new: bytes
    variant: int = 0


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change and what it does: ``clauses`` are violated and no others; none if it is ``harmless``.

    ``undecided`` are clauses that may stay so, for the reason in ``note``.
    """

    name: str
    edits: tuple[Edit, ...]
    clauses: frozenset[str]
    harmless: str = ""
    undecided: frozenset[str] = frozenset()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Spot:
    """An instruction of the proof, and in which variant of its place it stands."""

    decoded: Decoded
    variant: int = 0
    name: str = ""

    @property
    def address(self) -> int:
        """Where it is."""
        return self.decoded.address

    def edit(self, new: bytes) -> Edit:
        """The edit that puts bytes in its place, filled up with NOPs."""
        assert len(new) <= self.decoded.size
        return Edit(self.address, new + NOP * (self.decoded.size - len(new)), self.variant)

    def change(self, old: bytes, new: bytes) -> Edit:
        """The edit that changes the last place in its bytes where ``old`` stands."""
        at = self.decoded.raw.rindex(old)
        raw = self.decoded.raw
        return self.edit(raw[:at] + new + raw[at + len(old) :])

    def memory(self) -> MemoryOperand | None:
        """Its memory operand."""
        return next((operand for operand in self.decoded.operands if isinstance(operand, MemoryOperand)), None)

    def immediate(self) -> int | None:
        """Its last immediate operand."""
        found = [operand.value for operand in self.decoded.operands if isinstance(operand, ImmediateOperand)]
        return found[-1] if found else None

    def register(self) -> str | None:
        """Its first register operand."""
        found = [operand.register for operand in self.decoded.operands if isinstance(operand, RegisterOperand)]
        return found[0] if found else None


def mutant(
    name: str,
    edit: Edit | tuple[Edit, ...],
    *clauses: str,
    harmless: str = "",
    undecided: Collection[str] = (),
    note: str = "",
) -> Mutant:
    """A mutant of one edit or several."""
    edits = edit if isinstance(edit, tuple) else (edit,)
    return Mutant(name, edits, frozenset(clauses), harmless, frozenset(undecided), note)


def opposite(spot: Spot) -> bytes:
    """The conditional instruction with the opposite condition (SDM vol. 2D, B.1.4.7)."""
    raw = spot.decoded.raw
    at = 1 if raw[0] == 0x0F else 0
    return raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]


def apply(image: Image, edits: Sequence[Edit]) -> Image:
    """The image with the edits made."""
    for edit in edits:
        if edit.variant:
            site = image.patch_at(edit.address)
            assert site is not None
            choice = site.choices[edit.variant - 1]
            start = edit.address - site.address
            code = choice.code[:start] + edit.new + choice.code[start + len(edit.new) :]
            assert len(code) == len(choice.code)
            choices = list(site.choices)
            choices[edit.variant - 1] = replace(choice, code=code)
            changed = replace(site, choices=tuple(choices))
            image = replace(image, patches=tuple(changed if each is site else each for each in image.patches))
        else:
            section = image.section_at(edit.address)
            assert section is not None
            start = edit.address - section.address
            data = section.data[:start] + edit.new + section.data[start + len(edit.new) :]
            written = replace(section, data=data)
            image = replace(image, sections=tuple(written if each is section else each for each in image.sections))
    return image


def spots(image: Image, site: SiteResult) -> list[list[Spot]]:
    """The instructions that a proof covered: one list for each of its ranges, in the order of the report."""
    found: list[list[Spot]] = []
    for covered in site.code:
        variant = 0
        if covered.variant:
            place = image.patch_at(covered.start)
            assert place is not None
            codes = [hashlib.sha256(choice.code).hexdigest() for choice in place.choices]
            variant = codes.index(covered.sha256) + 1
        part: list[Spot] = []
        address = covered.start
        while address < covered.end:
            decoded = decode(image.code_at(node(address, variant)), address)
            part.append(Spot(decoded, variant, covered.variant))
            address = decoded.next
        found.append(part)
    return found


@dataclass(frozen=True, slots=True)
class Exit:
    """The two straight lines that matter: ``checks`` decide for SYSRET, ``arm`` leads to it from the last call on.

    ``variants`` is the code that boot puts over parts of them, by address. ``refusal`` makes the answer no
    where the checks are in a function of their own.
    """

    checks: list[Spot]
    arm: list[Spot]
    variants: list[list[Spot]]
    refusal: Spot | None = None


def exit_of(image: Image, site: SiteResult) -> Exit:
    """The exit's code, found by the test of TF and RF and by the exit instruction. StopIteration if it is not there."""
    ranges = spots(image, site)
    own = [part for part in ranges if not part[0].variant]
    checks = next(part for part in own if any(is_trap_test(spot) for spot in part))
    arm = arm_of(own, site)
    refused = next(act.immediate() for _, _, act in roles(checks))
    assert refused is not None
    refusal = next(
        (
            spot
            for part in own
            for spot in part
            if refused <= spot.address < refused + 16 and spot.decoded.text == "xorl %eax, %eax"
        ),
        None,
    )
    return Exit(checks, arm, [part for part in ranges if part[0].variant], refusal)


def arm_of(ranges: list[list[Spot]], site: SiteResult) -> list[Spot]:
    """The instructions that lead straight to the exit, from the last call on."""
    own = (part for part in ranges if not part[0].variant)
    whole = next(part for part in own if any(spot.address == site.location.address for spot in part))
    until = [spot for spot in whole if spot.address <= site.location.address]
    calls = [index for index, spot in enumerate(until) if spot.decoded.mnemonic == "call"]
    return until[calls[-1] + 1 if calls else 0 :]


def is_trap_test(spot: Spot) -> bool:
    """Whether it tests TF and RF together."""
    return spot.decoded.mnemonic == "test" and spot.immediate() == TF | RF


def roles(checks: list[Spot]) -> Iterator[tuple[str, list[Spot], Spot]]:
    """Each check: what it is about, its instructions up to the compare, and the instruction that acts on the flags."""
    begun: list[Spot] = []
    for spot in checks:
        mnemonic = spot.decoded.mnemonic
        if mnemonic in CONDITIONAL_JUMPS or mnemonic.startswith("set"):
            role = _role(begun)
            if role:
                yield role, begun, spot
            begun = []
        else:
            begun.append(spot)


def _role(part: list[Spot]) -> str:
    if not part or part[-1].decoded.mnemonic not in ("cmp", "test"):
        return ""
    last, memory = part[-1], part[-1].memory()
    if is_trap_test(last):
        return "traps"
    if memory is not None:
        named = SLOTS.get(memory.displacement, "")
        return {"rcx": "rip", "r11": "rflags"}.get(named, named) if last.decoded.mnemonic == "cmp" else ""
    return "canonical" if any(spot.decoded.mnemonic in ("shl", "movabs") for spot in part) else "rip"

# SPDX-License-Identifier: BSD-2-Clause
"""Which instructions control comes from: the one in front, direct branches from anywhere, variants of patch sites.

Places are those of ``model.node``. Unlike successors, predecessors are a
question about the whole image: any of its bytes may be a branch to here. They
are found by their displacement and then asked whether they are instructions;
where that stays open they count as such, so that what is found is never too
little. Indirect branches and returns to made-up addresses are not found:
``verifier.entries`` says what that means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from verifier.boundaries import WINDOW, Boundaries
from verifier.isa import parse
from verifier.lift.decode import Decoded, decode
from verifier.model import Image, PatchSite, address_of, node, variant_of
from verifier.records import record

CHUNK = 0x10000
"""Far branches are looked up for this many bytes of targets at a time."""

MOST_CHUNKS = 48
"""So many blocks of code are searched for branches into them; each search goes over the whole image."""
MOST_JUMPS, MOST_FAR, MOST_OPEN = 1 << 14, 1 << 20, 256
"""Limits: branches asked about, branches found for one chunk, questions about boundaries that stay open."""

FILL = 256
"""So many bytes of NOPs in a row fill a gap, and control does not run through them from what is in front."""

_NEVER_FALL = re.compile(r"l?jmp|ret|retf.*|iret.*|sysret.*|sysexit.*|eret.")
_NEAR = re.compile(rb"[\x70-\x7f\xe0-\xe3\xeb](?=(.))", re.DOTALL)
_FAR = re.compile(rb"(?:[\xe8\xe9]|\x0f[\x80-\x8f]|\xc7\xf8)(?=(.{4}))", re.DOTALL)
"""Opcodes with an 8-bit and a 32-bit displacement (SDM vol. 2D, table B-15; Jcc, JMP, CALL, LOOPcc, JrCXZ, XBEGIN)."""


@record
class Predecessor:
    """Control comes from the instruction at ``place``: by falling through, or because it jumps here or calls this.

    A call inside one patch site does not call a function: it is a jump that leaves a word on the stack.
    """

    place: int
    how: Literal["falls", "jumps", "calls"]


class Predecessors:
    """Look-ups in one image; what was found is kept."""

    def __init__(self, image: Image, boundaries: Boundaries) -> None:
        self._image = image
        self._boundaries = boundaries
        self._asked = self._open = 0
        self._decoded: dict[int, Decoded] = {}
        self._streams: dict[tuple[int, int], dict[int, Decoded]] = {}
        self._far: dict[int, dict[int, list[int]]] = {}
        self._patched: dict[int, list[tuple[PatchSite, int, int]]] | None = None

    def decoded(self, place: int) -> Decoded:
        """The instruction at a place; inside a patch site one that is part of that variant."""
        site = self._image.patch_at(address_of(place))
        if site is not None:
            found = self._stream(site, variant_of(place)).get(address_of(place))
            if found is not None:
                return found
        if place not in self._decoded:
            self._decoded[place] = decode(self._image.code_at(place), address_of(place))
        return self._decoded[place]

    def of(self, place: int) -> tuple[Predecessor, ...]:
        """Every known way to get to a place, each once."""
        address, variant = address_of(place), variant_of(place)
        site = self._image.patch_at(address)
        found: dict[Predecessor, None] = {}
        if site is None or address == site.address:
            found.update(dict.fromkeys(self._falling(address)))
        if site is not None:
            found.update(dict.fromkeys(self._within(site, variant, address)))
        for other in self._jumping(address):
            if site is None or self._image.patch_at(address_of(other.place)) is not site:
                found[other] = None
        return tuple(found)

    def _within(self, site: PatchSite, variant: int, address: int) -> Iterator[Predecessor]:
        for decoded in self._stream(site, variant).values():
            if decoded.next == address and self._falls(decoded):
                yield Predecessor(node(decoded.address, variant), "falls")
            if _target(decoded.raw, decoded.address) == address:
                yield Predecessor(node(decoded.address, variant), "jumps")

    def _falls(self, decoded: Decoded) -> bool:
        """Whether control may go on behind the instruction; a trap ends a path, as it does for the lifter."""
        if decoded.kind == "trap":
            return decoded.mnemonic == "hlt" or decoded.address in self._image.resumes
        return decoded.kind != "exit" and not _NEVER_FALL.fullmatch(decoded.mnemonic)

    def _falling(self, address: int) -> Iterator[Predecessor]:
        before = self._image.patch_at(address - 1)
        if before is not None:
            for variant in range(len(before.choices) + 1):
                last = list(self._stream(before, variant).values())[-1:]
                yield from (Predecessor(node(each.address, variant), "falls") for each in last if self._falls(each))
            return
        for start in range(address - 1, address - WINDOW - 1, -1):
            if self._image.patch_at(start) is not None:
                return
            if self._boundaries.length(start) in (0, address - start) and self._may_start(start):
                decoded = self.decoded(start)
                if self._falls(decoded) and not (decoded.mnemonic == "nop" and self._filled(address)):
                    yield Predecessor(start, "falls")

    def _filled(self, end: int) -> bool:
        """Whether the FILL bytes in front, or a little more, are NOPs and nothing else."""
        oldest = range(end - FILL, end - FILL - WINDOW, -1)
        at = next((start for start in oldest if self._boundaries.at(start) == "yes"), end + 1)
        while at < end and self._image.patch_at(at) is None and self.decoded(at).mnemonic == "nop":
            at = self.decoded(at).next
        return at == end

    def _jumping(self, address: int) -> Iterator[Predecessor]:
        section = self._boundaries.section(address)
        if section is not None:
            base = max(section.address, address - 0x82)
            window = section.data[base - section.address : address + 0x80 - section.address]
            for found in _NEAR.finditer(window):
                opcode = base + found.start()
                if opcode + 2 + int.from_bytes(found[1], "little", signed=True) == address:
                    yield from self._real(opcode, opcode + 2)
        far = self._chunk(address // CHUNK).get(address, ())
        called = False
        for opcode in far:
            first = self._image.code_at(opcode, 1)
            if first == b"\xe8" and called:
                continue
            for predecessor in self._real(opcode, opcode + (5 if first in (b"\xe8", b"\xe9") else 6)):
                called |= predecessor.how == "calls"
                yield predecessor
        for site, variant, end in self._out_of_patches().get(address, ()):
            for decoded in self._stream(site, variant).values():
                if decoded.next == end and _target(decoded.raw, decoded.address) == address:
                    yield Predecessor(node(decoded.address, variant), _how(decoded.raw))

    def _real(self, opcode: int, end: int) -> Iterator[Predecessor]:
        """The instructions that these branch bytes, with some or all prefixes in front of them, may be."""
        self._asked += 1
        if self._asked > MOST_JUMPS:
            raise Unclear(f"more than {MOST_JUMPS} branches may lead to the exit")
        for start in range(opcode, end - WINDOW - 1, -1):
            raw = self._image.code_at(start, end - start)
            if len(raw) < end - start or parse(raw).start != opcode - start:
                return
            site = self._image.patch_at(start)
            if start in self._stream(site, 0) if site is not None else self._may_start(start):
                yield Predecessor(start, _how(raw))

    def _may_start(self, address: int) -> bool:
        answer = self._boundaries.at(address)
        self._open += answer == "open"
        if self._open > MOST_OPEN:
            raise Unclear(f"the bytes around {address:#x} do not show where instructions start")
        return answer != "no"

    def _chunk(self, number: int) -> dict[int, list[int]]:
        """Branches with 32-bit displacements to each address of a chunk, by the place of their opcode.

        The upper half of the displacement of every branch from one 64 KiB block
        into another has one of few values, which are searched for.
        """
        if number in self._far:
            return self._far[number]
        if len(self._far) == MOST_CHUNKS:
            raise Unclear(f"the code that leads to the exit is spread over more than {MOST_CHUNKS} blocks of 64 KiB")
        found: dict[int, list[int]] = {}
        low, total = number * CHUNK, 0
        for section in self._image.sections:
            data = section.data if section.executable else b""
            for block in range(0, len(data), CHUNK):
                origin = section.address + block
                uppers = range((low - origin - CHUNK - 2) >> 16, ((low + CHUNK - 1 - origin - 2) >> 16) + 1)
                for upper in uppers:
                    if not -0x8000 <= upper < 0x8000:
                        continue
                    pattern = (upper & 0xFFFF).to_bytes(2, "little")
                    at = data.find(pattern, block, block + CHUNK + 1)
                    while at >= 0:
                        size = _far_opcode(data[max(at - 4, 0) : at - 2]) if at >= 3 else 0
                        if size:
                            displacement = upper << 16 | int.from_bytes(data[at - 2 : at], "little")
                            target = section.address + at + 2 + displacement
                            if target // CHUNK == number:
                                found.setdefault(target, []).append(section.address + at - 2 - size)
                                total += 1
                        if total > MOST_FAR:
                            raise Unclear(f"more than {MOST_FAR} branches may lead to the code near the exit")
                        at = data.find(pattern, at + 1, block + CHUNK + 1)
        self._far[number] = {target: sorted(set(opcodes)) for target, opcodes in found.items()}
        return self._far[number]

    def _out_of_patches(self) -> dict[int, list[tuple[PatchSite, int, int]]]:
        """(site, variant, end) of what may be branches in replacing code, by target."""
        if self._patched is None:
            self._patched = {}
            for site in self._image.patches:
                for index, choice in enumerate(site.choices):
                    for end, target in _branches(choice.code, site.address):
                        if not site.address < target < site.address + site.size:
                            self._patched.setdefault(target, []).append((site, index + 1, end))
        return self._patched

    def _stream(self, site: PatchSite, variant: int) -> dict[int, Decoded]:
        """The instructions of one variant by address, from the beginning of the site on."""
        if (site.address, variant) not in self._streams:
            code = self._image.code_at(node(site.address, variant), site.size)
            stream: dict[int, Decoded] = {}
            offset = 0
            while offset < len(code):
                decoded = decode(code[offset:], site.address + offset)
                stream[decoded.address] = decoded
                offset += max(decoded.size, 1)
            if variant and (site.choices[variant - 1].problem or len(code) < site.size):
                problem = site.choices[variant - 1].problem or "no code here"
                stand_in = bytes(site.size)
                stream = {
                    site.address: Decoded(
                        site.address, stand_in, "(unknown)", "(unknown)", "rejected", parse(b""), problem=problem
                    )
                }
            self._streams[site.address, variant] = stream
        return self._streams[site.address, variant]


class Unclear(Exception):
    """A limit is exceeded: the bytes are not those of a program."""


def _branches(code: bytes, address: int) -> Iterator[tuple[int, int]]:
    """(end, target) of everything in ``code`` that looks like a direct branch."""
    for pattern in (_NEAR, _FAR):
        for found in pattern.finditer(code):
            end = address + found.end(1)
            yield end, end + int.from_bytes(found[1], "little", signed=True)


def _target(raw: bytes, address: int) -> int | None:
    """Where the direct branch with these bytes goes; None if they are another instruction."""
    opcode = raw[parse(raw).start :]
    for pattern in (_NEAR, _FAR):
        found = pattern.match(opcode)
        if found is not None and found.end(1) == len(opcode):
            return address + len(raw) + int.from_bytes(found[1], "little", signed=True)
    return None


def _how(raw: bytes) -> Literal["jumps", "calls"]:
    return "calls" if parse(raw).starts(0xE8) else "jumps"


def _far_opcode(before: bytes) -> int:
    """Length of the opcode of such a branch that ends with these bytes; 0 if they are none."""
    if before[-1:] in (b"\xe8", b"\xe9"):
        return 1
    jumps = before[-2:-1] == b"\x0f" and before[-1] & 0xF0 == 0x80
    return 2 if jumps or before == b"\xc7\xf8" else 0

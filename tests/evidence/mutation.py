# SPDX-License-Identifier: BSD-2-Clause
"""A mutant is one change of the bytes that a proof covered; this makes it, with all that goes along.

``Program`` is the code as the mutation operators (``operators``) see it. A change keeps its length, so
that nothing else moves: what is left over becomes NOPs. A relocation moves with its instruction, goes
with it, or is a reason not to make the mutant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from verifier.lift.decode import BRANCHES, CONDITIONAL_JUMPS, Decoded, ImmediateOperand, MemoryOperand, decode
from verifier.lift.relocate import moved
from verifier.locations import named_place
from verifier.model import Image, Relocation, node, variant_of

NOP = b"\x90"


@dataclass(frozen=True, slots=True)
class Mutant:
    """``new`` stands at ``address``; ``moves`` are (old address, size, new address) of instructions that moved.

    With a ``variant`` it is what boot code writes there. ``name`` says what was changed where, and names no
    other mutant of the same program.
    """

    name: str
    operator: str
    address: int
    new: bytes
    moves: tuple[tuple[int, int, int], ...] = ()
    removed: bool = False
    variant: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """The instructions that paths to a fast exit execute, by address: in one variant of a patch site, or elsewhere.

    ``targets`` are addresses that some jump, relocation or symbol names: code there is arrived at.
    """

    image: Image
    code: tuple[Decoded, ...]
    targets: frozenset[int]
    variant: int = 0

    def runs(self) -> Iterator[tuple[Decoded, ...]]:
        """The longest stretches of instructions that follow one another in memory."""
        run: list[Decoded] = []
        for one in self.code:
            if run and run[-1].next != one.address:
                yield tuple(run)
                run = []
            run.append(one)
        if run:
            yield tuple(run)

    def text(self, one: Decoded) -> str:
        """The instruction, with the place that a branch goes to."""
        goes = destination(one)
        return one.text if goes is None else f"{one.text.rsplit(' ', 1)[0]} {named_place(self.image, goes)}"

    def place(self, address: int) -> str:
        """SYMBOL+OFFSET, and which code stands there."""
        site, name = self.image.patch_at(address), named_place(self.image, address)
        if site is None or not self.variant:
            return name
        choice = site.choices[self.variant - 1]
        number = f" #{self.variant}" if len(site.choices) > 1 else ""
        return f"{name} with{'out' if choice.inverted else ''} {self.image.switch(choice.switch).name}{number}"


def programs(image: Image, executed: Iterable[tuple[int, Decoded]]) -> tuple[Program, ...]:
    """The programs of executed (place, instruction): what is no patch site, and each variant of each site.

    Left out are places whose bytes mean something else when the kernel runs.
    """
    special = image.returns | image.resumes | image.opaque
    parts: dict[tuple[int, int], dict[int, Decoded]] = {}
    for place, one in executed:
        site = image.patch_at(one.address)
        key = (0, 0) if site is None else (site.address, variant_of(place))
        whole = not image.rewritten(one.address, one.next) if site is None else one.next <= site.address + site.size
        if one.kind != "rejected" and one.address not in special and whole:
            parts.setdefault(key, {})[one.address] = one
    found: list[Program] = []
    for (_, variant), code in sorted(parts.items()):
        apart: list[Decoded] = []
        for _, one in sorted(code.items()):
            if not apart or apart[-1].next <= one.address:
                apart.append(one)
        named = {target for one in apart if (target := destination(one)) is not None}
        named |= {symbol.address for symbol in image.symbols}
        named |= {value for one in apart for value in _mentioned(one)} | set(_tables(image))
        found.append(Program(image, tuple(apart), frozenset(named), variant))
    return tuple(found)


def _mentioned(one: Decoded) -> Iterator[int]:
    """Absolute addresses in its operands."""
    for operand in one.operands:
        if isinstance(operand, ImmediateOperand):
            yield operand.value
        elif isinstance(operand, MemoryOperand) and not operand.base:
            yield operand.displacement


def _tables(image: Image) -> Iterator[int]:
    """What relocated words outside code hold: addresses, such as those in a jump table."""
    for relocation in image.relocations:
        section = image.section_at(relocation.address)
        if section is not None and not section.executable and relocation.size == 8:
            start = relocation.address - section.address
            yield int.from_bytes(section.data[start : start + 8], "little")


def destination(one: Decoded) -> int | None:
    """Where a direct jump or call goes."""
    if one.mnemonic not in BRANCHES or not one.operands or not isinstance(one.operands[0], ImmediateOperand):
        return None
    return one.operands[0].value


def is_conditional(one: Decoded) -> bool:
    """Whether it is a Jcc."""
    return one.mnemonic in CONDITIONAL_JUMPS


def in_place(of: Program, operator: str, one: Decoded, new: bytes, what: str = "") -> Mutant | None:
    """``new`` in the place of an instruction, filled up with NOPs; None if it is no other instruction that we read."""
    now = decode(new + NOP * 15, one.address)
    if now.kind == "rejected" or now.size > one.size or now.raw == one.raw:
        return None
    kept = now.raw + NOP * (one.size - now.size)
    name = what or f"{of.text(one)} becomes {of.text(now)}"
    made = Mutant(f"{name} at {of.place(one.address)}", operator, one.address, kept, variant=of.variant)
    return _kept(of, made)


def without(of: Program, operator: str, gone: Sequence[Decoded], what: str) -> Mutant | None:
    """NOPs in the place of consecutive instructions."""
    size = sum(one.size for one in gone)
    name = f"{what} dropped at {of.place(gone[0].address)}"
    return _kept(of, Mutant(name, operator, gone[0].address, NOP * size, removed=True, variant=of.variant))


def rearranged(
    of: Program, operator: str, parts: Sequence[Sequence[Decoded]], order: Sequence[int], what: str
) -> Mutant | None:
    """Consecutive parts in another order, their relative operands adjusted; None where that cannot be done."""
    start = parts[0][0].address
    if any(one.address in of.targets for part in parts for one in part if one.address != start):
        return None
    new, moves, at = b"", [], start
    for index in order:
        for one in parts[index]:
            raw, problem = moved(one.raw, one.address, at, "all")
            if problem or len(raw) != one.size:
                return None
            moves.append((one.address, one.size, at))
            new, at = new + raw, at + one.size
    made = Mutant(f"{what} at {of.place(start)}", operator, start, new, tuple(moves), variant=of.variant)
    return _kept(of, made)


def _kept(of: Program, made: Mutant) -> Mutant | None:
    """The mutant, if it differs and its relocations are known."""
    before = of.image.code_at(node(made.address, made.variant), len(made.new))
    if len(before) != len(made.new) or before == made.new or _relocations(of.image, made) is None:
        return None
    return made


def _relocations(image: Image, made: Mutant) -> tuple[Relocation, ...] | None:
    """The image's relocations as they are in the mutant; None if one would have to be computed anew."""
    site = image.patch_at(made.address)
    if site is not None and made.variant:
        choice = site.choices[made.variant - 1]
        source = choice.source + made.address - site.address
        return None if image.relocations_in(source, len(made.new)) else image.relocations
    result: list[Relocation] = []
    touched = set(image.relocations_in(made.address, len(made.new)))
    old = image.code_at(made.address, len(made.new))
    for one in image.relocations:
        if one not in touched:
            result.append(one)
            continue
        if made.removed:
            continue
        start = one.address - made.address
        move = next((move for move in made.moves if move[0] <= one.address < move[0] + move[1]), None)
        if move is not None:
            result.append(replace(one, address=one.address + move[2] - move[0]))
        elif start >= 0 and old[start : start + one.size] == made.new[start : start + one.size]:
            result.append(one)
        else:
            return None
    return tuple(sorted(result, key=lambda one: one.address))


def apply(image: Image, made: Mutant) -> Image:
    """The image with the change made."""
    site = image.patch_at(made.address)
    if site is not None and made.variant:
        choice = site.choices[made.variant - 1]
        choices = list(site.choices)
        choices[made.variant - 1] = replace(choice, code=_written(choice.code, made.address - site.address, made.new))
        changed = replace(site, choices=tuple(choices))
        return replace(image, patches=tuple(changed if each is site else each for each in image.patches))
    relocations = _relocations(image, made)
    assert relocations is not None
    return replace(_with_bytes(image, made.address, made.new), relocations=relocations)


def apply_where_it_runs(running: Image, image: Image, made: Mutant) -> Image:
    """The change in ``running``, which is ``image`` as it is on some machine: none if other code stands there."""
    site = image.patch_at(made.address)
    if site is None:
        return apply(running, made)
    old = image.code_at(node(site.address, made.variant), site.size)
    if running.code_at(site.address, site.size) != old:
        return running
    return _with_bytes(running, made.address, made.new)


def _with_bytes(image: Image, address: int, new: bytes) -> Image:
    section = image.section_at(address)
    assert section is not None
    written = replace(section, data=_written(section.data, address - section.address, new))
    return replace(image, sections=tuple(written if each is section else each for each in image.sections))


def _written(old: bytes, start: int, new: bytes) -> bytes:
    assert 0 <= start <= len(old) - len(new)
    return old[:start] + new + old[start + len(new) :]

# SPDX-License-Identifier: BSD-2-Clause
"""Random programs with a patch site: one exploration of all variants, compared with Unicorn on the patched bytes.

A slice of a random program is a patch site. What takes its place depends on two
CPU features, whose four assignments are tried one after the other: the emulator
executes the bytes of ``Image.patched``, and in the exploration exactly one leaf
must hold, with that run's registers, flags and words. The comparison itself is
that of ``test_programs.py``; the same two variables run more programs, or others:

    VERIFY_EXIT_PROGRAMS=1000 VERIFY_EXIT_SEED=7 python -m pytest tests/test_patched_programs.py -k unicorn
"""

from __future__ import annotations

import hashlib
import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import pytest
import test_programs as base
from programs import Node, Program, generate

from verifier.assemble import assemble
from verifier.contract import Contract, load_contract
from verifier.image import load_object
from verifier.lift.control import Control
from verifier.lift.entry import Entry, build
from verifier.lift.state import State
from verifier.model import Choice, Image, PatchSite, Switch, node
from verifier.terms import Truth

PROGRAMS = int(os.environ.get("VERIFY_EXIT_PROGRAMS", "60"))
SEED = os.environ.get("VERIFY_EXIT_SEED", "1")
PART = 20
"""Programs that are assembled together and that make one test."""

STATES = 2
"""Concrete states for each program and assignment."""

FEATURES = ("one", "two")
SWITCHES = tuple(Switch(name, name, "feature") for name in FEATURES)
NOP = b"\x90"
SPARE = 2
"""NOPs that every variant of a site ends with at the least, so that a jump may go there."""

CALL = "call 77f; 77: popq %rdx; movl $3, %edx; xorl %eax, %eax"
"""A call within a variant; the return address, which is the image's, is not kept."""


@dataclass(frozen=True, slots=True)
class Patched:
    """``first``, then one of ``bodies``, then ``last``.

    The first of the bodies is the file's own; the others belong to ``choices``, which are (feature,
    whether the body is there if the feature is not). ``near``: in front of the site a jump may go
    to so many bytes before its end.
    """

    first: tuple[Node, ...]
    bodies: tuple[tuple[Node, ...], ...]
    last: tuple[Node, ...]
    choices: tuple[tuple[str, bool], ...]
    near: int | None

    @property
    def text(self) -> str:
        """The program as a failure shows it."""
        parts = [text(self.first), f"(jump to the end - {self.near})" if self.near is not None else ""]
        titles = ("in the file", *(f"{'no ' if inverted else ''}{name}" for name, inverted in self.choices))
        parts += [f"({title})\n{text(body)}" for title, body in zip(titles, self.bodies, strict=True)]
        return "\n".join([*parts, "(behind the site)", text(self.last)])


def text(nodes: tuple[Node, ...]) -> str:
    """The assembly of a part of a program."""
    return Program(nodes).text.removesuffix("hlt")


def make(seed: str) -> Patched:
    """A program of the generator, cut in three, and what may take the place of the part in the middle."""
    source = random.Random(seed)  # noqa: S311 - reproducible, not secret
    nodes = generate(seed).nodes
    start = source.randrange(len(nodes))
    end = min(len(nodes), start + source.randint(0, 4))
    body = nodes[start:end]
    choices = tuple((source.choice(FEATURES), source.random() < 0.4) for _ in range(source.randint(1, 3)))
    bodies = [body]
    for _ in choices:
        other = list(source.choice((body, body, nodes[max(0, start - 3) : start], nodes[end : end + 3])))
        if other and source.random() < 0.7:
            del other[source.randrange(len(other))]
        if source.random() < 0.4:
            other.append(f"{source.choice(('adcq', 'xorq', 'sbbq'))} $1, %{source.choice(('rdx', 'rbx', 'r13'))}")
        if source.random() < 0.3:
            other.append(CALL)
        bodies.append(tuple(other))
    return Patched(nodes[:start], tuple(bodies), nodes[end:], choices, source.choice((None, 0, 1, SPARE)))


def assembled(source: str, directory: Path) -> Image:
    """The image of an assembly text. Raises UserError."""
    path = directory / "programs.s"
    path.write_text(source, encoding="utf-8")
    data = assemble(path)
    return load_object(data, os.fspath(path), hashlib.sha256(data).hexdigest())


def address_of(image: Image, name: str) -> int:
    symbol = image.symbol(name)
    assert symbol is not None, name
    return symbol.address


def codes_of(programs: Iterable[Patched], directory: Path) -> list[list[bytes]]:
    """The code of each body of each program. Numbered labels are all that a body refers to: it may stand anywhere."""
    named = [(index, number, body) for index, one in enumerate(programs) for number, body in enumerate(one.bodies)]
    image = assembled("".join(f"b{i}_{n}:\n{text(body)}\ne{i}_{n}:\n" for i, n, body in named), directory)
    result: list[list[bytes]] = []
    for index, number, _ in named:
        start, end = (address_of(image, f"{letter}{index}_{number}") for letter in "be")
        code = image.code_at(start, end - start)
        assert len(code) == end - start
        if not number:
            result.append([])
        result[-1].append(code)
    return result


def image_of(programs: list[Patched], directory: Path) -> Image:
    """All programs in one object with one patch site each; number N begins at the label ``programN``."""
    parts, sites = [], []
    for index, (program, codes) in enumerate(zip(programs, codes_of(programs, directory), strict=True)):
        size = max(map(len, codes)) + SPARE
        own, *others = (code.ljust(size, NOP) for code in codes)
        jump = "" if program.near is None else f"cmpb $0x40, %bl\njb behind{index} - {program.near}\n"
        parts.append(
            f"program{index}:\n{text(program.first)}\n{jump}site{index}:\n.byte {','.join(map(str, own))}\n"
            f"behind{index}:\n{text(program.last)}\nhlt\n"
        )
        sites.append([Choice(name, no, code) for (name, no), code in zip(program.choices, others, strict=True)])
    image = assembled("".join(parts), directory)
    patches = []
    for index, choices in enumerate(sites):
        patches.append(PatchSite(address_of(image, f"site{index}"), len(choices[0].code), tuple(choices)))
    return replace(image, patches=tuple(patches), switches=SWITCHES)


def variant(site: PatchSite, features: dict[str, bool]) -> int:
    """What a site holds: the last choice that applies wins."""
    applying = [number for number, one in enumerate(site.choices, 1) if features[one.switch] != one.inverted]
    return applying[-1] if applying else 0


def by_place(run: base.Run, site: PatchSite, number: int) -> base.Run:
    """The run with the places of the variant that it executed, where it has addresses."""

    def place(address: int) -> int:
        return node(address, number) if site.address <= address < site.address + site.size else address

    order = {(place(address), count): step for (address, count), step in run.order.items()}
    latest = {place(address): step for address, step in run.latest.items()}
    return replace(run, order=order, latest=latest)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What differs in a program, the variants whose runs were compared, and why the evaluator refuses it, or ""."""

    wrong: tuple[str, ...]
    variants: Counter[int]
    refused: str = ""


def check(image: Image, contract: Contract, index: int, seed: str) -> Outcome:
    """Compare one program in all assignments of the features. Runs that leave the program's memory show nothing."""
    address, site = base.address_of(image, index), image.patches[index]
    entry = build(image, contract, address, base.locate)
    try:
        found = base.explore(image, contract, entry)
    except base.UnexpectedLeafError as error:
        return Outcome((), Counter(), str(error))
    wrong: list[str] = []
    variants: Counter[int] = Counter()
    for values in product((False, True), repeat=len(FEATURES)):
        features = dict(zip(FEATURES, values, strict=True))
        number = variant(site, features)
        for before, run in runs(
            image.patched(features.__getitem__, [site.address]), address, entry, f"{seed}:{values}"
        ):
            variants[number] += 1
            lines = compared(found, image, by_place(run, site, number), features)
            registers = {name: hex(value) for name, value in before.registers.items()}
            wrong += [f"{features}: {', '.join(lines)}; from {registers} rflags={before.rflags:#x}"] if lines else []
    return Outcome(tuple(wrong), variants)


def runs(image: Image, address: int, entry: Entry, seed: str) -> Iterator[tuple[base.Machine, base.Run]]:
    """Runs of a program that stay within their memory, each with the machine that it began with."""
    emulator = base.Emulator(image)
    try:
        for before in base.machines(seed, entry, STATES):
            try:
                yield before, emulator.run(address, before)
            except base.WildError:
                continue
    finally:
        emulator.close()


def compared(found: base.Exploration, image: Image, run: base.Run, features: dict[str, bool]) -> list[str]:
    """Where the evaluator differs from one run on a machine with these features."""
    known = {name: int(value) for name, value in features.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "Valuation", partial(base.Valuation, known=known))
        return base.disagreements(found, image, run)


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load_contract("linux")


@pytest.mark.parametrize("part", range(-(-PROGRAMS // PART)))
def test_all_variants_do_what_unicorn_does(part: int, contract: Contract, tmp_path: Path) -> None:
    """In each machine one leaf holds, and it is what the bytes do that this machine's features put there.

    Only a jump into the middle of some variant's instruction is refused.
    """
    numbers = range(part * PART, min(PROGRAMS, (part + 1) * PART))
    seeds = [f"{SEED}:patched:{number}" for number in numbers]
    programs = [make(seed) for seed in seeds]
    image = image_of(programs, tmp_path)
    wrong, ran = [], 0
    for index, (seed, program) in enumerate(zip(seeds, programs, strict=True)):
        outcome = check(image, contract, index, seed)
        ran += sum(outcome.variants.values()) > 0
        refused = (outcome.refused,) if "into the middle of an instruction" not in outcome.refused else ()
        wrong += [f"seed and number {seed}: {line}\n{program.text}\n" for line in (*outcome.wrong, *refused) if line]
    assert not wrong, "\n".join(wrong)
    assert ran >= len(seeds) // 2


def first_wins(self: Control, state: State, site: PatchSite, number: int) -> Truth:
    """The first choice that applies, and not the last."""
    count = len(site.choices)
    return chosen(self, state, replace(site, choices=site.choices[::-1]), number and count + 1 - number)


def never_inverted(self: Control, state: State, site: PatchSite, number: int) -> Truth:
    """A choice for a feature that is missing is taken for one that is there."""
    return chosen(
        self, state, replace(site, choices=tuple(replace(one, inverted=False) for one in site.choices)), number
    )


def file_only(image: Image, address: int, origin: int | None = None) -> tuple[int, ...]:
    """Patch sites are not seen."""
    return (address,)


chosen = Control._chosen


@pytest.mark.parametrize(
    ("owner", "name", "mutant"),
    [(Control, "_chosen", first_wins), (Control, "_chosen", never_inverted), (Image, "places", file_only)],
    ids=["the first choice wins", "no choice is inverted", "the file's bytes are what runs"],
)
def test_the_comparison_sees_another_order(
    owner: type, name: str, mutant: object, contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An evaluator that gets the choice of variants wrong disagrees with the emulator."""
    seeds = [f"order:{number}" for number in range(12)]
    programs = [one for one in map(make, seeds) if len(one.choices) > 1 and any(no for _, no in one.choices)][:3]
    image = image_of(programs, tmp_path)
    right = [check(image, contract, index, "order") for index in range(len(programs))]
    assert not any(outcome.wrong for outcome in right)
    assert sum(sum(outcome.variants.values()) for outcome in right) >= 8
    monkeypatch.setattr(owner, name, mutant)
    assert any(check(image, contract, index, "order").wrong for index in range(len(programs)))


def test_the_sites_are_varied(contract: Contract, tmp_path: Path) -> None:
    """The programs have sites of each kind: choices that overlap, inverted ones, calls, jumps to each place."""
    programs = [make(f"1:patched:{number}") for number in range(60)]
    assert {len(program.choices) for program in programs} == {1, 2, 3}
    assert {program.near for program in programs} == {None, 0, 1, 2}
    assert {choice for program in programs for choice in program.choices} == set(product(FEATURES, (False, True)))
    assert sum(len(set(program.choices)) < len(program.choices) for program in programs) >= 5
    assert sum(any(CALL in body for body in program.bodies) for program in programs) >= 10
    assert sum(not program.bodies[0] for program in programs) >= 3
    assert sum(len({text(body) for body in program.bodies}) > 2 for program in programs) >= 20
    image = image_of(programs[:10], tmp_path)
    outcomes = [check(image, contract, index, f"varied:{index}") for index in range(10)]
    assert sum(len(outcome.variants) > 1 for outcome in outcomes) >= 6
    assert sum(bool(outcome.refused) for outcome in outcomes) <= 3


def test_a_seed_is_a_program() -> None:
    """The printed seed is enough to get the program again, replacements included."""
    assert make("1:patched:7") == make("1:patched:7")
    assert len({make(f"1:patched:{number}").text for number in range(20)}) == 20

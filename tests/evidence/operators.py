# SPDX-License-Identifier: BSD-2-Clause
"""The mutation operators: what is left out, what stands in another order, and those of ``operand_operators``.

Every operator gives all of its mutants of a program; which of them are run is somebody else's choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from mutation import Mutant, Program, is_conditional, rearranged, without
from operand_operators import (
    constant,
    displacement,
    invert,
    mask,
    narrow,
    operation,
    register,
    shift,
    target,
    weaken,
)

from verifier.lift.decode import BRANCHES, Decoded, RegisterOperand

COMPARES = ("cmp", "test", "bt")

FARTHEST = 6
"""An instruction is moved over at most so many others."""


def is_system(one: Decoded) -> bool:
    """SWAPGS, CLI, STI, a write to a control register or MSR, VERW, STAC, CLAC and the like."""
    return one.kind == "step"


def loads_rsp(one: Decoded) -> bool:
    """Whether it gives RSP a value of its own: a load, not a push or an addition."""
    target = one.operands[0] if one.operands else None
    whole = isinstance(target, RegisterOperand) and target.register == "rsp" and target.width == 64
    return whole and one.mnemonic in ("mov", "movabs", "pop", "lea", "xchg")


def plain(one: Decoded) -> bool:
    """Whether control goes on behind it."""
    return one.kind in ("vex", "step") and one.mnemonic not in BRANCHES


# What is left out.


def drop_jump(of: Program) -> Iterator[Mutant | None]:
    """A conditional jump that never jumps."""
    for one in of.code:
        if is_conditional(one):
            yield without(of, "drop jump", [one], of.text(one))


def drop_compare(of: Program) -> Iterator[Mutant | None]:
    """A compare that is not made: the jump takes the flags of what came before."""
    for one in of.code:
        if one.mnemonic in COMPARES:
            yield without(of, "drop compare", [one], of.text(one))


def drop_check(of: Program) -> Iterator[Mutant | None]:
    """A compare and its jump."""
    for run in of.runs():
        for one, two in pairwise(run):
            if is_conditional(two) and not is_conditional(one) and plain(one) and two.address not in of.targets:
                yield without(of, "drop check", [one, two], f"{of.text(one)}; {of.text(two)}")


def drop_system(of: Program) -> Iterator[Mutant | None]:
    """SWAPGS, CLI, the load of RSP or of CR3, and their like."""
    for one in of.code:
        if is_system(one) or loads_rsp(one):
            yield without(of, "remove SWAPGS, CLI, RSP load", [one], of.text(one))


def drop_other(of: Program) -> Iterator[Mutant | None]:
    """Any other instruction that control goes through."""
    for one in of.code:
        if plain(one) and not is_system(one) and not loads_rsp(one) and one.mnemonic not in (*COMPARES, "nop"):
            yield without(of, "drop other", [one], of.text(one))


# Order.


def swap(of: Program) -> Iterator[Mutant | None]:
    """Two neighbours the other way round."""
    for run in of.runs():
        for one, two in pairwise(run):
            if plain(one) and plain(two):
                yield rearranged(of, "swap neighbours", [[one], [two]], (1, 0), f"({two.text}) before ({one.text})")


def swap_checks(of: Program) -> Iterator[Mutant | None]:
    """Two checks, each a straight line up to its conditional jump, the other way round."""
    for run in of.runs():
        checks: list[list[Decoded]] = []
        begun: list[Decoded] = []
        for one in run:
            if is_conditional(one):
                checks.append([*begun, one])
                begun = []
            elif plain(one):
                begun.append(one)
            else:
                yield from _swapped(of, checks)
                checks, begun = [], []
        yield from _swapped(of, checks)


def _swapped(of: Program, checks: list[list[Decoded]]) -> Iterator[Mutant | None]:
    for one, two in pairwise(checks):
        first, second = ("; ".join(of.text(each) for each in check[-2:]) for check in (one, two))
        what = f"({second}) before ({first})"
        yield rearranged(of, "swap checks", [one, two], (1, 0), what)


MOVE = "move SWAPGS, CLI, RSP load"


def move(of: Program) -> Iterator[Mutant | None]:
    """SWAPGS, CLI, the load of RSP and their like some instructions earlier or later."""
    for run in of.runs():
        for index, one in enumerate(run):
            if not (is_system(one) or loads_rsp(one)):
                continue
            what = of.text(one)
            for distance in range(1, FARTHEST + 1):
                before = run[index - distance : index] if index >= distance else ()
                behind = run[index + 1 : index + 1 + distance]
                if len(before) == distance and all(map(_passed, before)):
                    yield rearranged(of, MOVE, [before, [one]], (1, 0), f"{what} {distance} earlier")
                if len(behind) == distance and all(map(_passed, behind)):
                    yield rearranged(of, MOVE, [[one], behind], (1, 0), f"{what} {distance} later")


def _passed(one: Decoded) -> bool:
    """Whether an instruction may be moved over this one."""
    return plain(one) or is_conditional(one)


Operator = Callable[[Program], Iterator[Mutant | None]]

OPERATORS: tuple[Operator, ...] = (
    drop_check, drop_jump, drop_compare, drop_system, drop_other, invert, weaken, mask, constant, shift, narrow,
    displacement, register, operation, target, swap_checks, swap, move,
)  # fmt: skip


def mutants(programs: Iterable[Program]) -> dict[str, list[Mutant]]:
    """All mutants of the parts of a program by operator, no two with the same bytes or name."""
    found: dict[str, list[Mutant]] = {}
    seen: set[tuple[int, int, bytes]] = set()
    names: set[str] = set()
    for of in programs:
        for operator in OPERATORS:
            for one in operator(of):
                if one is None or (one.variant, one.address, one.new) in seen or one.name in names:
                    continue
                seen.add((one.variant, one.address, one.new))
                names.add(one.name)
                found.setdefault(one.operator, []).append(one)
    return found

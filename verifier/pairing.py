# SPDX-License-Identifier: BSD-2-Clause
"""Which entry of one version is compared with which of the other."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from verifier.exploring import Survey

Pairs = list[tuple[Survey, Survey]]


def paired(base: Sequence[Survey], head: Sequence[Survey]) -> tuple[Pairs, tuple[str, ...]]:
    """Pairs of entries in the order of BASE, and why entries are left over.

    One entry each is one pair. Otherwise entries of one name and with the same exits are, then those of one name that
    is a label, then those with the same contract and the same
    exits, in the order of the files: names hold offsets, which a change moves.
    """
    if len(base) == len(head) == 1:
        return [(base[0], head[0])], ()
    found: Pairs = []
    for key in (_named, _only_named, _kind):
        left, right = _left(base, found, 0), _left(head, found, 1)
        for one in left:
            other = next((other for other in right if key(other) == key(one)), None)
            if other is not None:
                right.remove(other)
                found.append((one, other))
    reasons = [
        f"{side}: the entry {survey.start.name}, which leads to {', '.join(_exits(survey)) or 'no exit'}, has no "
        "counterpart in the other version"
        for side, surveys, index in (("BASE", base, 0), ("HEAD", head, 1))
        for survey in _left(surveys, found, index)
    ]
    order = {id(survey): number for number, survey in enumerate(base)}
    return sorted(found, key=lambda pair: order[id(pair[0])]), tuple(reasons)


def _named(survey: Survey) -> Hashable:
    return survey.start.name, survey.contract.name, _exits(survey)


def _only_named(survey: Survey) -> Hashable:
    """A change may take an exit from an entry; a name with an offset says too little then."""
    name = survey.start.name
    return (name if "+0x" not in name else id(survey)), survey.contract.name


def _kind(survey: Survey) -> Hashable:
    return survey.contract.name, _exits(survey)


def _exits(survey: Survey) -> tuple[str, ...]:
    """The kinds of exits that are reached."""
    return tuple(sorted({leaf.detail for leaf in survey.found.leaves if leaf.kind == "exit"}))


def _left(surveys: Sequence[Survey], found: Pairs, index: int) -> list[Survey]:
    taken = {id(pair[index]) for pair in found}
    return [survey for survey in surveys if id(survey) not in taken]

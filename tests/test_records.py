# SPDX-License-Identifier: BSD-2-Clause
"""A record is the dataclass that it stands for: the same objects, comparisons, texts and refusals."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass, replace
from typing import Any

import pytest

from verifier.records import record


def made(decorator: Callable[[type], type]) -> Any:
    """A class with every kind of field that the program has."""

    class Thing:
        """A thing."""

        name: str
        size: int = 3
        parts: list[int] = field(default_factory=list)
        root: object = field(default=None, compare=False, hash=False)
        index: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

        @property
        def double(self) -> int:
            """Twice the size."""
            return 2 * self.size

    Thing.__qualname__ = "Thing"
    return decorator(Thing)


@record
class Pair:
    """Of module level, as most are."""

    left: int
    right: tuple[int, ...] = ()


@record
class One:
    """One field."""

    only: object


@record
class Nothing:
    """No field."""


RECORD, DATACLASS = made(record), made(dataclass(frozen=True, slots=True))

CALLS: tuple[tuple[tuple[object, ...], dict[str, object]], ...] = (
    (("a",), {}), (("a", 4, [1]), {}), ((), {"name": "a", "root": 7}), (("a",), {"parts": [2], "size": 0}),
)  # fmt: skip
WRONG: tuple[tuple[tuple[object, ...], dict[str, object]], ...] = (
    ((), {}), ((), {"size": 1}), (("a",), {"name": "b"}), (("a",), {"what": 1}), (("a",), {"index": {}}),
    (("a", 1, [], None, {}), {}),
)  # fmt: skip


@pytest.mark.parametrize(("given", "named"), CALLS)
def test_same_fields_and_text(given: tuple[object, ...], named: dict[str, object]) -> None:
    """Positions, names and defaults give the same values and the same text as the dataclass has."""
    one, other = RECORD(*given, **named), DATACLASS(*given, **named)
    assert repr(one) == repr(other)
    assert [getattr(one, each.name) for each in fields(one)] == [getattr(other, each.name) for each in fields(other)]
    assert one.double == other.double


@pytest.mark.parametrize(("given", "named"), WRONG)
def test_same_refusals(given: tuple[object, ...], named: dict[str, object]) -> None:
    """What the dataclass does not take, the record does not take either, also as the first call of all."""
    for thing in (made(record), RECORD, DATACLASS):
        with pytest.raises(TypeError, match=r"Thing\.__init__"):
            thing(*given, **named)


def test_is_frozen_and_has_slots() -> None:
    """No field can be set or deleted, and nothing can be added."""
    thing = RECORD("a")
    for name in ("name", "other"):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, name, 1)
        with pytest.raises(FrozenInstanceError):
            delattr(thing, name)
    assert not hasattr(thing, "__dict__")
    assert RECORD.__slots__ == DATACLASS.__slots__
    assert RECORD.__match_args__ == DATACLASS.__match_args__


def test_comparison_and_hash() -> None:
    """Equal fields of one class are equal; fields left out of the comparison do not matter; nor does it decide hash."""
    assert RECORD("a", root=1) == RECORD("a", root=2)
    assert RECORD("a") != RECORD("b")
    assert RECORD("a") != DATACLASS("a")
    assert Pair(1, (2,)) == Pair(1, (2,))
    assert hash(Pair(1, (2,))) == hash(Pair(1, (2,)))
    assert len({Pair(1), Pair(1), Pair(2)}) == 2
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())
    with pytest.raises(TypeError):
        hash(RECORD("a"))


def test_an_only_field_is_compared_as_in_a_tuple() -> None:
    """An object that is not equal to itself, is the same where it is the same."""
    odd = float("nan")
    assert One(odd) == One(odd)
    assert One(odd) != One(float("nan"))


def test_defaults_are_not_shared() -> None:
    """Each object has a list of its own."""
    RECORD("a").parts.append(1)
    assert RECORD("a").parts == []


def test_works_with_what_dataclasses_have() -> None:
    """replace, match, copies."""
    assert replace(Pair(1), right=(3,)) == Pair(1, (3,))
    match Pair(1, (2,)):
        case Pair(1, right=(second,)):
            assert second == 2
        case _:
            pytest.fail("no match")
    for again in (copy.copy(Pair(1, (2,))), copy.deepcopy(Pair(1, (2,)))):
        assert again == Pair(1, (2,))
        with pytest.raises(FrozenInstanceError):
            setattr(again, fields(again)[0].name, 2)


def test_is_a_dataclass() -> None:
    """What looks for dataclasses finds records."""
    assert is_dataclass(Pair(1))


def test_own_methods_stay() -> None:
    """A method that the class defines is not replaced, and what runs behind the constructor does."""
    seen: list[int] = []

    @record
    class Own:
        value: int

        def __post_init__(self) -> None:
            seen.append(self.value)

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

    assert (repr(Own(1)), Own(1) == 5, hash(Own(2))) == ("own", True, 7)
    assert seen == [1, 1, 2]

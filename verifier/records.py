# SPDX-License-Identifier: BSD-2-Clause
"""Frozen dataclasses with slots that cost little where they are made.

``dataclass(frozen=True, slots=True)`` writes and compiles six functions for each class, which takes half a
millisecond: for the two hundred classes of this program a tenth of a second of every run, most of them for
objects that the run never makes. A ``record`` is such a dataclass, for ``replace``, ``fields``, ``match`` and
type checkers too, but comparison, hash and text are shared, and its constructor is compiled with the first object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[_T]) -> type[_T]:
    """The class as a frozen dataclass with slots. ``kw_only`` and ``InitVar`` are not for records."""
    # Without a docstring dataclass() would write one, from a signature that is not there yet.
    cls.__doc__ = cls.__doc__ or cls.__name__
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    shown = fields(made)
    compared = _values([one.name for one in shown if one.compare])
    hashed = _values([one.name for one in shown if (one.compare if one.hash is None else one.hash)])

    def __init__(self: Any, *given: object, **named: object) -> None:
        made.__init__ = _constructor(made)
        made.__init__(self, *given, **named)

    def __eq__(self: Any, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return bool(compared(self) == compared(other))

    def __hash__(self: Any) -> int:
        return hash(hashed(self))

    for method in (__init__, __eq__, __hash__, _repr, _setattr, _delattr, _getstate, _setstate):
        name = method.__name__ if method.__name__.startswith("__") else f"__{method.__name__[1:]}__"
        if name not in cls.__dict__ or (name == "__hash__" and cls.__dict__[name] is None):
            setattr(made, name, method)
    return made  # type: ignore[no-any-return]


def _values(names: list[str]) -> Callable[[Any], tuple[object, ...]]:
    """The function from an object to the values of these fields."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda one: tuple(getattr(one, name) for name in names)


def _constructor(made: Any) -> Callable[..., None]:
    """The function that sets every field: by the slots themselves, as the class refuses any other way."""
    known: dict[str, Any] = {"_missing": MISSING}
    parameters, lines = ["self"], []
    for one in fields(made):
        name = one.name
        known[f"_set_{name}"], known[f"_make_{name}"] = getattr(made, name).__set__, one.default_factory
        value, parameter = name, name
        if one.default is not MISSING:
            known[f"_default_{name}"] = one.default
            parameter = f"{name}=_default_{name}"
            value = name if one.init else f"_default_{name}"
        elif one.default_factory is not MISSING:
            parameter = f"{name}=_missing"
            value = f"_make_{name}() if {name} is _missing else {name}" if one.init else f"_make_{name}()"
        if one.init:
            parameters.append(parameter)
        lines.append(f"    _set_{name}(self, {value})")
    if hasattr(made, "__post_init__"):
        lines.append("    self.__post_init__()")
    text = "\n".join([f"def __init__({', '.join(parameters)}):", *lines, "    return None"])
    exec(text, known)  # noqa: S102
    built: Callable[..., None] = known["__init__"]
    built.__qualname__ = f"{made.__qualname__}.__init__"
    return built


def _repr(self: Any) -> str:
    values = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{self.__class__.__qualname__}({', '.join(values)})"


def _setattr(self: object, name: str, _: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _getstate(self: Any) -> list[object]:
    return [getattr(self, one.name) for one in fields(self)]


def _setstate(self: Any, state: list[object]) -> None:
    for one, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, one.name, value)

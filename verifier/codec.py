# SPDX-License-Identifier: BSD-2-Clause
"""Reports as JSON and back, without loss: for the cache and between processes.

This is no output format: the fields are those of the dataclasses, in their order, without names, and
change with them. Bytes are hexadecimal text; integers stay integers, which Python's own JSON does not round.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from verifier.model import FileReport

_Reader = Callable[[Any], Any]


class Malformed(ValueError):
    """What was read is not what ``encode`` wrote."""


def encode(report: FileReport) -> str:
    """One line of ASCII; the same report always gives the same text."""
    return json.dumps(_plain(report), ensure_ascii=True, separators=(",", ":"))


def decode(text: str) -> FileReport:
    """The report that ``encode`` wrote. Raises Malformed for anything else."""
    try:
        report = _reader(FileReport)(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise Malformed(str(error)) from None
    if not isinstance(report, FileReport):
        raise Malformed("not a report")
    return report


def _plain(item: object) -> Any:
    if is_dataclass(item):
        return [_plain(getattr(item, field.name)) for field in fields(item)]
    if isinstance(item, tuple):
        return [_plain(part) for part in item]
    if isinstance(item, frozenset):
        return sorted(_plain(part) for part in item)
    if isinstance(item, bytes):
        return item.hex()
    if item is None or isinstance(item, str | int | float | bool):
        return item
    raise TypeError(f"{type(item).__name__} has no form in JSON")


@cache
def _reader(wanted: Any) -> _Reader:
    """What makes a value of the type ``wanted`` from JSON; raises ValueError if that is something else."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    if is_dataclass(wanted) and isinstance(wanted, type):
        return _dataclass(wanted)
    if origin in (Union, types.UnionType):
        (inner,) = (one for one in arguments if one is not type(None))
        return lambda value: None if value is None else _reader(inner)(value)
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return lambda value: tuple(map(_reader(arguments[0]), _list(value)))
    if origin is frozenset:
        return lambda value: frozenset(map(_reader(arguments[0]), _list(value)))
    if origin is tuple:
        return lambda value: tuple(
            _reader(kind)(part) for kind, part in zip(arguments, _list(value, len(arguments)), strict=True)
        )
    if origin is Literal:
        return lambda value: _checked(value, value in arguments)
    if wanted is bytes:
        return lambda value: bytes.fromhex(_checked(value, isinstance(value, str)))
    if wanted is float:
        return lambda value: float(_checked(value, type(value) in (int, float)))
    if wanted in (str, int, bool):
        return lambda value: _checked(value, type(value) is wanted)
    raise TypeError(f"no reader for {wanted}")


def _dataclass(wanted: type) -> _Reader:
    hints = get_type_hints(wanted)
    kinds = [hints[field.name] for field in fields(wanted)]

    def read(value: Any) -> Any:
        parts = _list(value, len(kinds))
        return wanted(*(_reader(kind)(part) for kind, part in zip(kinds, parts, strict=True)))

    return read


def _list(value: Any, length: int | None = None) -> list[Any]:
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise ValueError("a list of another length, or none")
    return value


def _checked(value: Any, right: bool) -> Any:
    if not right:
        raise ValueError("a value of another type")
    return value

# SPDX-License-Identifier: BSD-2-Clause
"""Every text in a piece of plain data, put in other words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

_T = TypeVar("_T")


def reworded(value: _T, change: Callable[[str], str]) -> _T:
    """``value`` with ``change`` applied to each text in its tuples and records; what is equal stays the same object."""
    if isinstance(value, str):
        return cast("_T", change(value))
    if isinstance(value, tuple):
        items = tuple(reworded(item, change) for item in value)
        return value if items == value else cast("_T", items)
    if is_dataclass(value) and not isinstance(value, type):
        found = {field.name: reworded(getattr(value, field.name), change) for field in fields(value)}
        changed = {name: item for name, item in found.items() if item is not getattr(value, name)}
        return cast("_T", replace(value, **changed)) if changed else value
    return value

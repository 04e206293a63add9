# SPDX-License-Identifier: BSD-2-Clause
"""Faults that the verifier might have, read from faults.toml: each with the samples that show it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from rewrite import Edit
from watch import Guard

TABLE = Path(__file__).with_name("faults.toml")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    ``lets_in`` says what it re-introduces and ``source`` where that is
    described. Its ``samples`` are run in one process until one turns red, and
    ``guard`` is what tells. ``lists`` is an assumption that the report of such
    a sample must list: its absence is red as well.
    """

    name: str
    lets_in: str
    source: str
    samples: tuple[str, ...]
    guard: Guard
    edits: tuple[Edit, ...]
    lists: str = ""


def read(text: str) -> tuple[Fault, ...]:
    """The faults of a table. Raises KeyError for one that lacks a field."""
    table = tomllib.loads(text)
    also = {name: tuple(Edit(**edit) for edit in edits) for name, edits in table["also"].items()}
    return tuple(
        Fault(
            name=row["name"],
            lets_in=row["lets_in"],
            source=row["source"],
            samples=tuple(f"{name}.S" for name in row["samples"]),
            guard=row["guard"],
            edits=(
                *(Edit(**edit) for edit in row.get("edit", ())),
                *(edit for name in row.get("also", ()) for edit in also[name]),
            ),
            lists=row.get("lists", ""),
        )
        for row in table["fault"]
    )


FAULTS = read(TABLE.read_text(encoding="utf-8"))
"""Every fault, in the order of the table."""

# SPDX-License-Identifier: BSD-2-Clause
"""Every symbol of one exploration, with what it stands for.

A name fixes a symbol: exploring twice, or following one path again, gives the
same terms. Nothing is ever concretised.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import claripy

from verifier.model import Defect
from verifier.terms import Term

SymbolKind = Literal["register", "frame", "memory", "havoc", "machine"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a memory word lies: ``offset`` bytes from ``root`` (None: an absolute address)."""

    root: Term | None
    offset: int
    region: str


@dataclass(frozen=True, slots=True)
class Symbol:
    """One symbol.

    ``otherwise`` is set for an approximated value: what it would be had the
    store with an unknown address (``origin``) not hit it. ``call`` names the
    call that chose a "havoc" value, ``register`` the register it went to;
    ``undefined_at`` is the address of an instruction that leaves the value undefined.
    """

    name: str
    width: int
    kind: SymbolKind
    term: Term
    origin: str = ""
    place: Place | None = None
    call: str = ""
    register: str = ""
    otherwise: Term | None = None
    undefined_at: int | None = None


class Symbols:
    """Makes symbols and remembers them, in the order in which they were first needed."""

    def __init__(self) -> None:
        self._known: dict[str, Symbol] = {}

    def __iter__(self) -> Iterator[Symbol]:
        return iter(self._known.values())

    def find(self, name: str) -> Symbol | None:
        """The symbol of that name."""
        return self._known.get(name)

    def forget_approximations(self) -> None:
        """Drop the approximated symbols: the exploration that made them is repeated with better knowledge."""
        self._known = {name: symbol for name, symbol in self._known.items() if symbol.otherwise is None}

    def make(
        self,
        name: str,
        width: int,
        kind: SymbolKind,
        *,
        origin: str = "",
        place: Place | None = None,
        call: str = "",
        register: str = "",
        otherwise: Term | None = None,
        undefined_at: int | None = None,
    ) -> Term:
        """The ``width``-bit term of that name, made at the first request."""
        found = self._known.get(name)
        if found is None:
            term = claripy.BVS(name, width, explicit_name=True)
            found = Symbol(name, width, kind, term, origin, place, call, register, otherwise, undefined_at)
            self._known[name] = found
        if found.width != width:
            raise Defect(f"symbol {name} has two widths")
        return found.term

    def of(self, term: Term) -> Symbol | None:
        """The symbol that a term is, if it is a bare symbol."""
        if isinstance(term, int) or term.op != "BVS":
            return None
        return self._known.get(term.args[0])

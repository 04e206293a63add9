# SPDX-License-Identifier: BSD-2-Clause
"""Every symbol of one exploration, with what it stands for.

A key fixes a symbol: exploring twice, or following one path again, gives the
same terms. Keys are identities (an address, a region and an offset, a dynamic
call); names are for people and made unique here, so that two things which
print alike are never one symbol. Nothing is ever concretised.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Literal

import claripy

from verifier.model import Defect
from verifier.records import record
from verifier.terms import Term

SymbolKind = Literal["register", "frame", "memory", "havoc", "machine", "feature"]


@record
class Place:
    """Where a memory word lies: ``offset`` bytes from ``root`` (None: an absolute address)."""

    root: Term | None
    offset: int
    region: str


@record
class Symbol:
    """One symbol.

    ``otherwise`` is set for an approximated value: what it would be had the
    store with an unknown address (``origin``) not hit it. ``call`` names the
    call that chose a "havoc" value, ``register`` the register it went to;
    ``undefined_at`` is the place of an instruction that leaves the value undefined.
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
        self._by_key: dict[Hashable, Symbol] = {}
        self._by_name: dict[str, Symbol] = {}

    def __iter__(self) -> Iterator[Symbol]:
        return iter(self._by_name.values())

    def find(self, name: str) -> Symbol | None:
        """The symbol of that name."""
        return self._by_name.get(name)

    def add(self, symbol: Symbol) -> None:
        """Take over a symbol that was made elsewhere; its name must be free."""
        if symbol.name in self._by_name:
            raise Defect(f"there are two symbols {symbol.name}")
        self._by_key[symbol.name, symbol.width] = self._by_name[symbol.name] = symbol

    def forget_approximations(self) -> None:
        """Drop the approximated symbols: the exploration that made them is repeated with better knowledge."""
        self._by_key = {key: symbol for key, symbol in self._by_key.items() if symbol.otherwise is None}
        self._by_name = {symbol.name: symbol for symbol in self._by_key.values()}

    def make(
        self,
        name: str,
        width: int,
        kind: SymbolKind,
        *,
        key: Hashable = None,
        origin: str = "",
        place: Place | None = None,
        call: str = "",
        register: str = "",
        otherwise: Term | None = None,
        undefined_at: int | None = None,
    ) -> Term:
        """The ``width``-bit term of that key (default: the name), made at the first request."""
        key = (name, width) if key is None else key
        found = self._by_key.get(key)
        if found is None:
            name = self._unique(name)
            term = claripy.BVS(name, width, explicit_name=True)
            found = Symbol(name, width, kind, term, origin, place, call, register, otherwise, undefined_at)
            self._by_key[key] = self._by_name[name] = found
        if found.width != width:
            raise Defect(f"symbol {name} has two widths")
        return found.term

    def _unique(self, name: str) -> str:
        """The name, or with a number behind it if something else has it."""
        candidate, number = name, 1
        while candidate in self._by_name:
            number += 1
            candidate = f"{name}~{number}"
        return candidate

    def of(self, term: Term) -> Symbol | None:
        """The symbol that a term is, if it is a bare symbol."""
        if isinstance(term, int) or term.op != "BVS":
            return None
        return self._by_name.get(term.args[0])

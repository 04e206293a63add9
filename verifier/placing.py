# SPDX-License-Identifier: BSD-2-Clause
"""Where a further test fits on the way to an exit, and what it looks like there in assembly.

It fits behind a guard that every path to the exit passes, if the words to test are what the exit finds in them, their
addresses follow from a register, and nothing on either way reads the flags that the test changes. Without such a guard
it fits in front of what gives the frame up. The instructions change no register.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

import claripy

from verifier.exploring import Exit, Survey
from verifier.lift.decode import CONDITIONAL_JUMPS
from verifier.lift.regions import linear
from verifier.lift.state import State
from verifier.model import FRAME_WORDS, GPRS, Image, Location, address_of
from verifier.solver import Solver
from verifier.suggestion import TO_IRET, Spot, Word
from verifier.terms import Term, add, as_term
from verifier.trace import Followed

_BASES = ("rsp", *(name for name in GPRS if name != "rsp"))
_LABEL = re.compile(r"[A-Za-z_.$][A-Za-z0-9_.$]*")
_READERS = re.compile(r"j(?!mp|rcxz)|set|cmov|adc|sbb|rc[lr]|cmc|lahf|pushf")
_WRITERS = frozenset(
    {"cmp", "test", "add", "sub", "and", "or", "xor", "neg", "cmpxchg", "xadd", "mul", "imul", "popfq"}
)
_GIVES_UP = frozenset({"gs_base", "kernel_gs_base", "cr3"})
_CALLED, _RESUMED = " returns with anything", "its handler goes on behind it"
_ANYTHING = frozenset({"*"})
_REACH = 1 << 31
_TRIED = 64
"""So many guards are looked at, the last ones."""
_STEPS = 256
"""So many steps are looked at in front of what gives the frame up."""


class Ground:
    """The way to one exit: where something may be put."""

    def __init__(self, survey: Survey, exit_: Exit) -> None:
        self._survey, self._exit = survey, exit_
        self._explorer = survey.explorer
        self.configs = survey.task.configs
        self._guards: list[tuple[Location, list[State], str]] | None = None
        self._following: dict[int, list[int]] = defaultdict(list)
        for source, target in self._explorer.edges:
            self._following[source].append(target)

    def spot(self, words: Sequence[Word]) -> Spot:
        """The last place on the way to the exit where a test of these words fits.

        Two words are compared, so one of them has to be in a register there.
        """
        if self._guards is None:
            self._guards = self._usable()
        addresses = [self._address(word) for word in words]
        for where, states, target in self._guards:
            if not all(self._final(word, address, states) for word, address in zip(words, addresses, strict=True)):
                continue
            bases = _bases(words, addresses, [state.gprs for state in states])
            if len(bases) == len(words):
                held = _held(words, [state.gprs for state in states], [word.terms[0] for word in words])
                found = Spot(after=where, places=bases, held=held, target=target)
                other = self._in_front(words, addresses) if len(words) > 1 and not held else found
                return other if other.held else found
        return self._in_front(words, addresses)

    def _address(self, word: Word) -> Term | None:
        """Where a word lies, in the terms of the entry."""
        shared = self._exit.setting.entry.state.shared
        for name, address, _ in shared.frame_slots:
            if name == word.slot:
                return address
        symbol = shared.layout.symbols.of(word.terms[0])
        place = symbol.place if symbol is not None else None
        if place is None or place.root is None:
            return None
        return add(place.root, place.offset & (1 << 64) - 1, 64)

    def _final(self, word: Word, address: Term | None, states: Sequence[State]) -> bool:
        """Whether a word holds in all states what the exit finds in it."""
        if address is None:
            return False
        found = {_hash(state.memory.load(address, 8)) for state in states}
        return found == {_hash(term) for term in word.terms}

    def _usable(self) -> list[tuple[Location, list[State], str]]:
        """The guards behind which something may be put, the last first, with the states there and the way to IRET."""
        explorer, executed = self._explorer, self._explorer.executed
        crossing: dict[int, list[State]] = defaultdict(list)
        for _, state in explorer.crossed:
            if state.decoded is not None and state.decoded.mnemonic in CONDITIONAL_JUMPS:
                crossing[state.decoded.address].append(state)
        places: dict[int, list[int]] = defaultdict(list)
        for place in executed:
            places[address_of(place)].append(place)
        ranked = [
            (max(explorer.order.rank(state.calls, places[address][0]) for state in states), places[address][0], states)
            for address, states in crossing.items()
            if len(places[address]) == 1
        ]
        found: list[tuple[Location, list[State], str]] = []
        for _, place, states in sorted(ranked, key=lambda one: one[:2], reverse=True)[:_TRIED]:
            following = [one for one in self._following[place] if address_of(one) == executed[place].next]
            targets = {state.place for state in states}
            if len(following) != 1 or len(targets) != 1 or following[0] in targets:
                continue
            if self._passed(place) and not self._reads_flags([following[0], *targets]):
                where = self._survey.task.locate(executed[place])
                found.append((where, states, _label(self._survey.task.image, min(targets))))
        return found

    def _passed(self, place: int) -> bool:
        """Whether every path from the entry to the exit goes through that place."""
        ends = {path.leaf.state.place for path in self._exit.paths}
        start = self._survey.start.address
        todo = [one for one in self._explorer.executed if address_of(one) == start and one != place]
        seen = set(todo)
        while todo:
            one = todo.pop()
            if one in ends:
                return False
            fresh = [target for target in self._following[one] if target != place and target not in seen]
            seen.update(fresh)
            todo += fresh
        return True

    def _reads_flags(self, places: Iterable[int]) -> bool:
        """Whether something reads, from one of the places on, flags that were set before."""
        todo = list(places)
        seen = set(todo)
        while todo:
            one = todo.pop()
            mnemonic = self._explorer.decode(one).mnemonic
            if _READERS.match(mnemonic):
                return True
            if mnemonic not in _WRITERS:
                todo += (target for target in self._following[one] if target not in seen)
                seen.update(self._following[one])
        return False

    def _in_front(self, words: Sequence[Word], addresses: Sequence[Term | None]) -> Spot:
        """A place between the last change of the words and the first step that only the fast exit takes."""
        site = self._exit.site.location.address
        known = [
            one
            for one in self._exit.setting.known
            if one.leaf is not None and one.leaf.kind == "exit" and one.leaf.decoded.address == site
        ]
        if not known:
            return Spot()
        followed = known[0]
        changed = max(
            (index for index, names in enumerate(self._writes(followed)) if names & _names(words)), default=-1
        )
        behind = followed.done[changed].location if changed >= 0 else None
        gprs = dict(self._exit.setting.entry.state.gprs)
        fits: deque[tuple[int, dict[str, Term]]] = deque(maxlen=_STEPS)
        for index, one in enumerate(followed.done):
            if index > changed:
                fits.append((index, dict(gprs)))
                if any(name in _GIVES_UP for name, _, _ in one.changes):
                    break
            gprs |= {name: new for name, _, new in one.changes if name in GPRS}
        for index, here in reversed(fits):
            bases = _bases(words, addresses, [here])
            if len(bases) < len(words):
                continue
            one = followed.done[index]
            if not self._passed(one.place) or self._reads_flags([one.place]):
                break
            terms = [self._content(followed, word, address) for word, address in zip(words, addresses, strict=True)]
            return Spot(None, one.location, behind, bases, _held(words, [here], terms), self._way_out(here))
        return Spot(behind=behind)

    def _way_out(self, here: Mapping[str, Term]) -> str:
        """Where a test that no guard stands in front of may branch to.

        That is where the guards branch to, if RSP is the same and no other register matters there.
        """
        targets = {target for _, _, target in self._guards or ()}
        states = [state for _, known, _ in self._guards or () for state in known]
        same = all(state.gprs["rsp"] is here["rsp"] for state in states)
        if len(targets) != 1 or not same or not _reloads(self._survey, states[0]):
            return TO_IRET
        return targets.pop()

    def _content(self, followed: Followed, word: Word, address: Term | None) -> Term:
        """The content of a word at the end of one path."""
        if followed.leaf is None or address is None:
            return word.terms[0]
        state = followed.leaf.state
        return state.slot(word.slot) if word.slot else word.terms[0]

    def _writes(self, followed: Followed) -> Iterable[frozenset[str]]:
        """For each step of a path the names of the words that it may change; a call changes any."""
        for one in followed.done:
            names = frozenset(name for name, _, _ in one.changes)
            called = one.note.endswith(_CALLED) and one.note.removesuffix(_CALLED) not in self._explorer.helpers
            yield names | _ANYTHING if called or one.note == _RESUMED else names


def _reloads(survey: Survey, state: State) -> bool:
    """Whether the IRET exit that a state leads to depends on no register but RSP as it is in the state."""
    explorer, layout = survey.explorer, state.shared.layout
    start = state.copy()
    start.path = ()
    start.gprs = {name: claripy.BVS(f"any.{name}", 64) for name in GPRS} | {"rsp": state.gprs["rsp"]}
    names = {name for term in start.gprs.values() for name in term.variables} - state.gprs["rsp"].variables
    # The exploration stays what it was, with its own queries; only names of pointers are used up.
    kept = explorer.solver, layout.unknown, layout.promoted, set(explorer.executed), set(explorer.edges)
    explorer.solver = Solver(survey.setting.entry.constraints, survey.task.budget)
    layout.unknown = dict(layout.unknown)
    try:
        found = explorer.resume(start)
    finally:
        explorer.solver, layout.unknown, layout.promoted, executed, edges = kept
        for place in explorer.executed.keys() - executed:
            del explorer.executed[place]
        for edge in explorer.edges.keys() - edges:
            del explorer.edges[edge]
    for leaf in found.leaves:
        end = leaf.state
        if leaf.kind != "exit":
            return False
        terms = [*end.gprs.values(), end.system["gs_base"], end.system["cr3"], *end.path]
        terms += [end.memory.load(add(end.gprs["rsp"], 8 * index, 64), 8) for index in range(len(FRAME_WORDS))]
        if any(getattr(term, "variables", frozenset()) & names for term in terms):
            return False
    return bool(found.leaves)


def _names(words: Sequence[Word]) -> frozenset[str]:
    return frozenset(f"frame.{word.slot}" if word.slot else word.name for word in words) | _ANYTHING


def _bases(
    words: Sequence[Word], addresses: Sequence[Term | None], machines: Sequence[Mapping[str, Term]]
) -> tuple[tuple[str, str, int], ...]:
    """Name, register and displacement of each word that one register reaches on all machines, RSP if it can.

    Below RSP there is nothing: an interrupt writes there.
    """
    found: list[tuple[str, str, int]] = []
    for word, address in zip(words, addresses, strict=True):
        if address is None:
            continue
        root, offset = linear(address)
        for register in _BASES:
            ways = {(_hash(base), distance) for base, distance in (linear(one[register]) for one in machines)}
            distance = offset - next(iter(ways))[1]
            least = 0 if register == "rsp" else -_REACH
            if len(ways) == 1 and next(iter(ways))[0] == _hash(root) and least <= distance < _REACH - 8:
                found.append((word.name, register, distance))
                break
    return tuple(found)


def _held(
    words: Sequence[Word], machines: Sequence[Mapping[str, Term]], terms: Sequence[Term]
) -> tuple[tuple[str, str], ...]:
    """Name and register of each word that a register holds on all machines."""
    return tuple(
        (word.name, register)
        for word, term in zip(words, terms, strict=True)
        for register in reversed(GPRS)
        if all(_hash(one[register]) == _hash(term) for one in machines)
    )


def _hash(term: Term | None) -> int:
    return 0 if term is None else hash(as_term(term, 64).hash())


def _label(image: Image, place: int) -> str:
    """The name of what lies at a place, if it may stand in a source."""
    named = image.symbol_before(address_of(place))
    if named is None or named[1] or not _LABEL.fullmatch(named[0]) or image.patch_at(address_of(place)) is not None:
        return TO_IRET
    return named[0]

# SPDX-License-Identifier: BSD-2-Clause
"""Why a mutant that is still proved is right: how it differs from the original, computed by the solver.

Both programs are explored from one entry state with the same symbols, and z3 compares their leaves: for which
states each exit is taken, and with what. Where a call is not followed both get the same results of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from verifier.contract import Contract
from verifier.lift.decode import Decoded
from verifier.lift.entry import Entry, build
from verifier.lift.explore import Bounds, Explorer, Leaf
from verifier.lift.flags import ARITHMETIC
from verifier.locations import Lines, locator
from verifier.model import GPRS, Image, Location
from verifier.obligations import JUDGED, by_contract, exit_view
from verifier.plan import Way
from verifier.prove import exactness
from verifier.solver import Budget, Model, Solver
from verifier.terms import Term, Truth, decided, eq, land, lnot, lor

Kind = Literal["same", "unseen", "stricter", "wider", "otherwise", "unexplained"]
"""``same``: every exit is taken by the same states, with the same registers and memory. ``unseen``: the fast exit is,
with all that it hands to user space the same. ``stricter``, ``wider``: by some of these states only, or by others as
well, and alike where both take it. ``otherwise``: it hands over something else that is right, too."""

MEANING: dict[str, str] = {
    "same": "every exit is taken by the same states, with the same registers and memory",
    "unseen": "the fast exit is taken by the same states and gives user space the same; the rest differs",
    "stricter": "the fast exit is taken by fewer states, and gives them the same",
    "wider": "the fast exit is taken by more states, for which every clause is proved as well",
    "otherwise": "the fast exit gives user space something else, and every clause that was asked for is proved as well",
    "unexplained": "the two programs could not be compared",
}

RLIMIT = 40_000_000
"""z3's resource units for one comparison."""


HIT = " (where a store with an unknown address hits)"
"""What is found only there may not exist."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """``where`` says what differs: registers, exits, memory words. ``example`` is a state in which it does."""

    kind: Kind
    where: str = ""
    example: tuple[tuple[str, int], ...] = ()


View = Callable[[Leaf], dict[str, Term]]
Example = tuple[tuple[str, int], ...]


@dataclass(slots=True)
class _Program:
    """The leaves of one program from the common entry, by what ends them."""

    explorer: Explorer
    leaves: dict[tuple[str, str], list[Leaf]] = field(default_factory=lambda: defaultdict(list))
    problem: str = ""


def explored(image: Image, contract: Contract, entry: Entry) -> Explorer:
    """The exploration of an image from an entry that was built for it or for another version of it."""
    entry.state.shared.layout.image = image
    solver = Solver(entry.constraints, Budget())
    explorer = Explorer(image, solver, contract.interrupts_after_call.value, Bounds())
    explorer.no_return, explorer.helpers = frozenset(contract.no_return), frozenset(contract.helpers)
    explorer.goals = frozenset((*JUDGED, "iretq"))
    explorer.run(entry.state.copy())
    return explorer


def executed(image: Image, way: Way) -> tuple[tuple[int, Decoded], ...]:
    """The instructions that paths to a fast exit execute, with their places."""
    entry = build(image, way.contract, way.entrance.address, locate(image))
    explorer = settled([image], way.contract, entry)[0]
    goals = {
        place for place, decoded in explorer.executed.items() if decoded.kind == "exit" and decoded.mnemonic in JUDGED
    }
    # A callee's code leads to an exit through its return, which the static graph does not have.
    goals |= {place for place, decoded in explorer.executed.items() if decoded.mnemonic == "ret"}
    leading = explorer.order.reaching(goals)
    return tuple((place, decoded) for place, decoded in explorer.executed.items() if place in leading)


def locate(image: Image) -> Callable[[Decoded], Location]:
    """Where its instructions stand."""
    return locator(image, Lines(image, b"", image.path))


def settled(images: Sequence[Image], contract: Contract, entry: Entry) -> list[Explorer]:
    """All of them explored with one knowledge of which pointers are stacks."""
    layout = entry.state.shared.layout
    while True:
        layout.promoted = False
        layout.symbols.forget_approximations()
        found = [explored(image, contract, entry) for image in images]
        if not layout.promoted:
            return found


def explain(original: Image, mutant: Image, way: Way) -> Explanation:
    """How the mutant differs from the original from this entry."""
    entry = build(original, way.contract, way.entrance.address, locate(original))
    explorers = settled([original, mutant], way.contract, entry)
    old, new = (_sorted(explorer) for explorer in explorers)
    if old.problem or new.problem:
        return Explanation("unexplained", old.problem or new.problem)
    return _Comparison(entry, way.contract, old, new).result()


def _sorted(explorer: Explorer) -> _Program:
    found = _Program(explorer)
    for leaf in explorer.result.leaves:
        if leaf.kind == "problem":
            found.problem = found.problem or f"{leaf.detail}: {leaf.reason.text if leaf.reason else ''}"
        # A loop's leaf is covered by the general state that was pushed for it.
        if leaf.kind != "loop":
            found.leaves[leaf.kind, leaf.detail].append(leaf)
    return found


class _Comparison:
    def __init__(self, entry: Entry, contract: Contract, old: _Program, new: _Program) -> None:
        self.entry, self.contract, self.old, self.new = entry, contract, old, new
        self.solver = Solver(entry.constraints, Budget(rlimit=RLIMIT))
        self.open, self.hit = 0, False

    def result(self) -> Explanation:
        fast = [key for key in {*self.old.leaves, *self.new.leaves} if key[0] == "exit" and key[1] in JUDGED]
        lost = self._states(fast, self.old, self.new)
        gained = self._states(fast, self.new, self.old)
        changed = self._differences(fast, self._given)
        if self._gave_up():
            return Explanation("unexplained", "the solver gave up")
        if changed is not None:
            return Explanation("otherwise", *changed)
        if gained is not None:
            return Explanation("wider", f"{gained[0]}{' and some states no more' if lost else ''}", gained[1])
        if lost is not None:
            return Explanation("stricter", *lost)
        keys = sorted({*self.old.leaves, *self.new.leaves})
        for key in keys:
            if key in fast:
                continue
            for one, two in ((self.old, self.new), (self.new, self.old)):
                moved = self._states([key], one, two)
                if moved is not None:
                    return Explanation("unseen", f"other states come to {moved[0]}", moved[1])
        elsewhere = self._differences(keys, self._everything)
        if self._gave_up():
            return Explanation("unexplained", "the solver gave up")
        return Explanation("same") if elsewhere is None else Explanation("unseen", *elsewhere)

    def _gave_up(self) -> bool:
        return self.open > 0

    def _condition(self, program: _Program, keys: Iterable[tuple[str, str]]) -> Truth:
        return lor(*(land(*leaf.state.path) for key in keys for leaf in program.leaves.get(key, ())))

    def _states(self, keys: Sequence[tuple[str, str]], one: _Program, two: _Program) -> tuple[str, Example] | None:
        """A state with which the first program comes to one of the leaves and the second does not."""
        for key in keys:
            query = (self._condition(one, [key]), lnot(self._condition(two, [key])))
            model = self._model(query)
            if model is not None:
                return f"{key[1]}{HIT if self.hit else ''}", self._example(model, query)
        return None

    def _differences(self, keys: Sequence[tuple[str, str]], view: View) -> tuple[str, Example] | None:
        for key in keys:
            for one in self.old.leaves.get(key, ()):
                for two in self.new.leaves.get(key, ()):
                    found = self._differing(one, two, view)
                    if found is not None:
                        return f"{found[0]} at {key[1]}", found[1]
        return None

    def _differing(self, one: Leaf, two: Leaf, view: View) -> tuple[str, Example] | None:
        left, right = view(one), view(two)
        pairs = {name: lnot(eq(left[name], right[name])) for name in left if left[name] is not right[name]}
        pairs = {name: truth for name, truth in pairs.items() if decided(truth) is not False}
        if not pairs:
            return None
        both = (*one.state.path, *two.state.path)
        query = (*both, lor(*pairs.values()))
        model = self._model(query)
        if model is None:
            return None
        names = [name for name, truth in pairs.items() if model.holds(truth)]
        return f"{', '.join(names[:3])}{HIT if self.hit else ''}", self._example(model, query)

    def _model(self, query: Sequence[Truth]) -> Model | None:
        """A state for the query; one in which no store with an unknown address hits anything, if there is one."""
        exact = exactness(self.entry.state.shared.layout.symbols, query)
        answer, model = self.solver.solve(*query, *exact)
        self.hit = False
        if answer == "unsat" and exact:
            answer, model = self.solver.solve(*query)
            self.hit = answer == "sat"
        self.open += answer == "unknown"
        return model

    def _example(self, model: Model, query: Sequence[Truth]) -> Example:
        names = {name for truth in query if decided(truth) is None for name in truth.variables}
        known = self.entry.state.shared.layout.symbols
        return tuple((one.name, model.value(one.term)) for one in known if one.name in names)

    def _given(self, leaf: Leaf) -> dict[str, Term]:
        """What user space gets of a fast exit, and what else the clauses are about."""
        state = leaf.state
        reference = by_contract(state, self.entry, self.contract, self.entry.cr3)
        view = exit_view(leaf.detail, state, self.entry, self.contract, reference)
        out = view.sysret
        found = {name: getattr(out, name) for name in ("rip", "rflags", "cs", "ss", "rsp")}
        found |= {name: actual for name, actual, wanted in view.gprs if wanted is not None}
        return found | {name: state.system[name] for name in ("gs_base", "kernel_gs_base", "fs_base", "cr3", "ss_flat")}

    def _everything(self, leaf: Leaf) -> dict[str, Term]:
        """Registers and written memory."""
        state = leaf.state
        found = {name: state.gprs[name] for name in GPRS}
        found |= {name: term for name, term in state.system.items() if name not in ARITHMETIC}
        for program in (self.old, self.new):
            for leaves in program.leaves.values():
                for other in leaves:
                    for region, words in other.state.memory.words.items():
                        if region.writable and region.kind != "below":
                            for offset in words:
                                found[state.shared.layout.name(region, offset)] = state.memory.word(region, offset)
        return found

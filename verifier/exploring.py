# SPDX-License-Identifier: BSD-2-Clause
"""From an entry to the paths at each exit with what they are compared with: what judges and explains start from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from verifier.clauses import IRET_CLAUSES, Clause, of_profile
from verifier.contract import Contract
from verifier.counterexample import Setting
from verifier.evidence import NOTHING, Wanted
from verifier.lift.decode import Decoded
from verifier.lift.entry import Entry
from verifier.lift.explore import Bounds, Exploration, Explorer, Leaf
from verifier.lift.leaves import Guard
from verifier.model import Config, Image, Location, Reason, SiteResult, UserError
from verifier.obligations import JUDGED, Reference, by_contract, exit_view
from verifier.progress import SILENT, Progress
from verifier.prove import Path, SiteAnswers
from verifier.records import record
from verifier.references import combined, guard_edges, iret_arms, of_arm
from verifier.sites import Entrance
from verifier.solver import Budget, Solver
from verifier.terms import Term


@record
class Task:
    """What is asked of every entry of one image.

    ``auto`` takes references from the file's own IRET exit; ``check_iret``
    judges the IRET exits as well. ``sites`` are the file's exits; ``only`` is
    the address of the one that is asked about, from an entry that nobody named; None: all.
    """

    image: Image
    contract: Contract
    profile: str
    configs: tuple[Config, ...]
    bounds: Bounds
    budget: Budget
    locate: Callable[[Decoded], Location]
    auto: bool = False
    check_iret: bool = False
    sites: tuple[Decoded, ...] = ()
    only: int | None = None
    progress: Progress = SILENT
    wanted: Wanted = NOTHING


@record
class Exit:
    """One exit that was judged: its ``paths`` with what they are compared with, the answers, and its result."""

    setting: Setting
    paths: tuple[Path, ...]
    clauses: tuple[Clause, ...]
    answers: SiteAnswers
    site: SiteResult


@record
class Survey:
    """Everything that was found from one entry.

    ``contract`` is the one that was explored with: without slots for --frame auto. ``problems`` say why the exploration
    as a whole is open.
    """

    task: Task
    start: Entrance
    contract: Contract
    setting: Setting
    explorer: Explorer
    found: Exploration
    exits: tuple[Exit, ...]
    problems: tuple[Reason, ...]


def clauses_of(task: Task, kind: str) -> Sequence[Clause]:
    """The clauses that the task asks for at an exit of that kind."""
    return IRET_CLAUSES if kind == "iretq" else of_profile(task.profile)


def without_slots(contract: Contract) -> Contract:
    """The contract for --frame auto: nothing is known of the frame's layout."""
    registers = tuple((name, "entry" if place == "slot" else place) for name, place in contract.registers)
    return replace(contract, slots=(), registers=registers)


def path_to(setting: Setting, leaf: Leaf) -> Path:
    """A leaf at an exit with what it is compared with."""
    reference = reference_at(setting, leaf)
    return Path(leaf, reference, exit_view(leaf.detail, leaf.state, setting.entry, setting.contract, reference))


def reference_at(setting: Setting, leaf: Leaf) -> Reference:
    """What the exit at a leaf is compared with."""
    if setting.auto and setting.found is not None:
        return setting.found
    return by_contract(leaf.state, setting.entry, setting.contract, setting.cr3_reference)


KEYS = "[frame] base, [frame.slots] rip cs rflags rsp ss and [registers]"


def compared(
    task: Task, setting: Setting, explorer: Explorer, leaves: list[Leaf], cr3: Term | None, solver: Solver
) -> tuple[Setting, list[Path], bool] | None:
    """One exit with what it is compared with, and whether CR3 has a reference; None without a reference.

    Raises UserError: "frame-auto" for --frame auto without an IRET exit, "contract-lacks-key" (exit code 2).
    """
    here, known = setting, cr3 is not None
    if task.auto or (cr3 is None and leaves[0].detail != "iretq"):
        found = iret_arms(explorer)
        arms = combined([of_arm(arm) for arm in found], leaves, solver)
        if arms is None and task.auto:
            if found:
                return None
            text = (
                f"{task.image.path}: --frame auto: no branch in front of the exit leads to an IRETQ in this file "
                "without a call or a store with an unknown address on the way"
            )
            raise UserError("frame-auto", f"{text}; write a contract with {KEYS}", 2)
        here = replace(setting, cr3_reference=setting.entry.cr3 if arms is None else arms.cr3, found=arms)
        known = arms is not None
    else:
        here = replace(setting, cr3_reference=setting.entry.cr3 if cr3 is None else cr3)
    return here, [path_to(here, leaf) for leaf in leaves], known


def by_site(task: Task, leaves: Iterable[Leaf]) -> dict[tuple[int, str], list[Leaf]]:
    """The leaves at exits that are judged, by address and kind of the exit."""
    found: dict[tuple[int, str], list[Leaf]] = defaultdict(list)
    for leaf in leaves:
        wanted = task.only is None or leaf.decoded.address == task.only or leaf.detail == "iretq"
        judged = leaf.detail in JUDGED or (task.check_iret and leaf.detail == "iretq")
        if leaf.kind == "exit" and judged and wanted:
            found[leaf.decoded.address, leaf.detail].append(leaf)
    return found


def explorer_of(task: Task, solver: Solver, follow: frozenset[int] | None, guard: Guard | None = None) -> Explorer:
    """What explores as the task wants it; ``guard`` may replace the conditions of branches."""
    explorer = Explorer(task.image, solver, task.contract.interrupts_after_call.value, task.bounds)
    explorer.watch = guard_edges
    explorer.follow, explorer.guard = follow, guard
    explorer.no_return, explorer.helpers = frozenset(task.contract.no_return), frozenset(task.contract.helpers)
    # The IRET exits matter where they are judged, and where they are what is compared with.
    also = task.check_iret or task.auto or task.contract.cr3.value == "iret-exit"
    explorer.goals = frozenset((*JUDGED, "iretq") if also else JUDGED)
    return explorer


def explore(task: Task, entry: Entry, solver: Solver, follow: frozenset[int] | None) -> tuple[Explorer, Exploration]:
    """Explore until no pointer turns out to be a stack after it was used as an unknown one."""
    layout = entry.state.shared.layout
    while True:
        layout.promoted = False
        layout.symbols.forget_approximations()
        explorer = explorer_of(task, solver, follow)
        entry.state.shared.given = explorer.given if task.wanted.keep else None
        found = explorer.run(entry.state.copy())
        entry.state.shared.given = None
        if not layout.promoted:
            return explorer, found

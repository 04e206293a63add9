# SPDX-License-Identifier: BSD-2-Clause
"""What machines with given values do: which ways out are left to them, and what they have in common on each.

Nothing is guessed: a way counts as possible if a machine was found that takes it and the emulator bears that out,
as impossible if the solver excludes it, and all else makes the answer unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from verifier.confirm import confirm
from verifier.counterexample import Setting, concrete_machine, concrete_view, exit_facts, followed
from verifier.exploring import Survey
from verifier.frameanswer import Answer, Kind, Way
from verifier.frameleft import Left, left
from verifier.framestate import delivered, nothing_to_compare, view_of
from verifier.frameturns import Known, decisions, turns
from verifier.lift.explore import Leaf
from verifier.model import Config, UserError
from verifier.obligations import JUDGED
from verifier.prove import config_condition
from verifier.records import record
from verifier.solver import Model, Solver
from verifier.terms import Truth, as_term, bits, eq, land, lnot, lor

CS = "frame.cs"
WAYS = 16
"""So many ways are told of; more make the answer unknown."""

_ASIDE = "what is not followed, with no fast exit behind it"
_MOST_LIMITED = "raise --timeout or --rlimit"


@record
class _Key:
    """What tells ways apart: how they end, and where."""

    kind: Kind
    name: str
    address: int


@dataclass(slots=True)
class _Asked:
    """One configuration of one entry, with the given values assumed in ``solver``."""

    survey: Survey
    setting: Setting
    config: Config
    given: Mapping[str, int]
    late: Mapping[str, int]
    solver: Solver
    known: Known

    def left(self, leaf: Leaf) -> Left:
        """What was given of the frame as the last call leaves it, on the way to a leaf."""
        return left(self.survey, leaf, self.late) if self.late else Left((), {})

    def taken(self, leaf: Leaf) -> tuple[Truth, ...]:
        """That a machine with the given values comes to a leaf, beside what the solver assumes."""
        return (*leaf.state.path, *self.left(leaf).truths)


def user_frame(survey: Survey, given: Mapping[str, int]) -> Truth:
    """That the frame is one of user mode, where the contract promises it and nobody gave another CS."""
    cs = survey.setting.entry.state.shared.layout.symbols.find(CS)
    if cs is None or CS in given or survey.contract.promise("user-frame") is None:
        return True
    return eq(bits(cs.term, 1, 0), as_term(3, 2))


class _Open(Exception):
    """The question has no certain answer: the reason, and what would settle it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


def answers(
    survey: Survey, given: Mapping[str, int], known: Known | None = None, late: Mapping[str, int] | None = None
) -> tuple[Answer, ...]:
    """The answers from one entry, one for all configurations that share it. ``given`` has inputs with their values.

    ``late`` has slots of the frame, without "frame.", with what the last call on the way leaves in them. ``known``
    has what guards of this survey say, for the next question.
    """
    found: list[Answer] = []
    known = {} if known is None else known
    for config in survey.task.configs:
        one = _answer(survey, config, given, late or {}, known)
        same = next((index for index, other in enumerate(found) if replace(other, configs=(config,)) == one), None)
        if same is None:
            found.append(one)
        else:
            found[same] = replace(found[same], configs=(*found[same].configs, config))
    return tuple(found)


def _answer(survey: Survey, config: Config, given: Mapping[str, int], late: Mapping[str, int], known: Known) -> Answer:
    entry = survey.setting.entry
    solver = Solver(entry.constraints, survey.task.budget)
    symbols = entry.state.shared.layout.symbols
    fixed = [
        eq(symbol.term, as_term(value, symbol.width))
        for name, value in given.items()
        if (symbol := symbols.find(name)) is not None
    ]
    solver.assume(config_condition(entry, config), *fixed, user_frame(survey, given))
    setting = replace(survey.setting, solver=solver, known=[])
    asked = _Asked(survey, setting, config, given, late, solver, known)
    empty = Answer(survey.start.name, (config,), "unknown", "", "", (), ())
    match solver.check():
        case "unsat":
            return replace(empty, status="impossible")
        case "unknown":
            return replace(empty, reason="the solver gave up within its limits", remedy=_MOST_LIMITED)
    try:
        possible, waits = _possible(asked)
        ways = tuple(_way(asked, key, leaves, waits) for key, leaves in possible.items())
    except _Open as error:
        return replace(empty, reason=error.reason, remedy=error.remedy)
    except UserError as error:
        return replace(empty, reason=error.message, remedy="choose a contract that has it")
    if not ways:
        return replace(empty, status="impossible")
    kinds = {way.kind for way in ways}
    if len(kinds) == 1:
        alike = {(way.kind, way.name) for way in ways} if kinds == {"elsewhere"} else kinds
        if len(alike) == 1:
            return replace(empty, status=ways[0].kind, ways=ways)
    names = dict.fromkeys(one.name for way in ways for one in way.inputs)
    return replace(empty, status="depends", depends=tuple(names), ways=ways)


def _possible(asked: _Asked) -> tuple[dict[_Key, list[Leaf]], str]:
    """The ways that the values leave open, and where a machine may stay in a loop. Raises _Open."""
    solver, leaves = asked.solver, asked.survey.found.leaves
    possible: dict[_Key, list[Leaf]] = defaultdict(list)
    loops: list[Leaf] = []
    for leaf in leaves:
        # What was not followed may call something that changes the frame: nothing was given of what it is before that.
        reached = solver.check(*(leaf.state.path if leaf.kind == "problem" else asked.taken(leaf)))
        if reached == "unknown":
            raise _Open(f"the solver could not tell whether {_place(leaf)} is reached", _MOST_LIMITED)
        if reached == "unsat":
            continue
        if leaf.kind == "problem":
            text = leaf.reason.text if leaf.reason is not None else leaf.detail
            remedy = leaf.reason.remedy if leaf.reason is not None else "see the other reasons"
            raise _Open(f"machines with these values may come to what could not be followed: {text}", remedy)
        if leaf.kind == "loop":
            loops.append(leaf)
        else:
            possible[_key(leaf)].append(leaf)
    if solver.check(*(lnot(land(*leaf.state.path)) for leaf in leaves)) != "unsat":
        raise _Open("the paths found do not cover every machine with these values", "report this")
    if not possible:
        for leaf in loops:
            possible[_Key("elsewhere", "a loop that it does not leave", leaf.decoded.address)].append(leaf)
        return possible, ""
    if len(possible) > WAYS:
        raise _Open(f"there are {len(possible)} ways that machines with these values may take", "give more values")
    ordered = sorted(possible, key=lambda key: (("sysret", "iret", "elsewhere").index(key.kind), key.address, key.name))
    return {key: possible[key] for key in ordered}, _place(loops[0]) if loops else ""


def goes(leaf: Leaf, kind: Kind, name: str, address: int) -> bool:
    """Whether a machine that was followed to a leaf goes that way."""
    # No fast exit lies behind what was set aside, so the exploration did not go into it; a machine ends there.
    aside = leaf.kind == "problem" and name == _ASIDE and leaf.decoded.address == address
    return aside or _key(leaf) == _Key(kind, name, address)


def _key(leaf: Leaf) -> _Key:
    address = leaf.decoded.address
    match leaf.kind:
        case "exit" if leaf.detail in JUDGED:
            return _Key("sysret", leaf.detail, address)
        case "exit" if leaf.detail == "iretq":
            return _Key("iret", leaf.detail, address)
        case "external":
            return _Key("elsewhere", f"a jump to {leaf.detail}", address)
        case "return":
            return _Key("elsewhere", "a return to the caller", address)
        case "aside":
            return _Key("elsewhere", _ASIDE, address)
        case _:
            return _Key("elsewhere", leaf.detail, address)


def _place(leaf: Leaf) -> str:
    where = leaf.location
    if where.file is not None and where.line is not None:
        return f"{where.file}:{where.line}"
    return f"{where.address:#x}"


def _way(asked: _Asked, key: _Key, leaves: Sequence[Leaf], waits: str) -> Way:
    """One way with its least machine, confirmed. Raises _Open if there is none that is certain."""
    note = f"unless it stays in the loop at {waits}" if waits else ""
    where = leaves[0].location
    if leaves[0].kind == "loop":
        return Way(key.kind, key.name, where, None, False, (), (), None, (), note, 0)
    ways = [(leaf, land(*asked.taken(leaf))) for leaf in leaves]
    taken = lor(*(truth for _, truth in ways))
    fixed = {**asked.given, **{name: value for leaf in leaves for name, value in asked.left(leaf).inputs.items()}}
    found = concrete_machine(asked.setting, asked.config, [taken])
    if found is None:
        text = f"no machine was found that surely comes to {key.name} at {_place(leaves[0])}"
        raise _Open(f"{text}: it rests on what a store with an unknown address may change", _MOST_LIMITED)
    model, inputs = found
    steps = _confirmed(asked, key, model)
    fields, events = delivered(asked.survey, asked.solver, ways, fixed)
    path = turns(asked.survey, asked.setting, model)
    known = decisions(asked.survey, asked.config, path, model, asked.known)
    if known is None:
        raise _Open(f"the solver could not tell what decides that {key.name} is taken", _MOST_LIMITED)
    decided, passed = known
    always = decided is not None and asked.solver.check(taken, lnot(land(*decided.prefix))) == "unsat"
    return Way(
        kind=key.kind,
        name=key.name,
        location=where,
        decided=None if decided is None else decided.guard,
        always=always,
        passed=tuple(one.guard for one in passed),
        inputs=tuple(one for one in inputs if one.name not in fixed),
        fields=fields,
        events=events,
        note=note,
        instructions=steps,
        fixed=tuple(fixed),
    )


def _confirmed(asked: _Asked, key: _Key, model: Model) -> int:
    """Let the emulator run the machine to its exit; how many instructions that takes. Raises _Open if it does not."""
    setting = asked.setting
    entry, contract = setting.entry, setting.contract
    trace = followed(setting, model)
    leaf = trace.leaf
    if leaf is None and key.kind == "elsewhere":
        return len(trace.steps)
    if leaf is None or not goes(leaf, key.kind, key.name, key.address):
        raise _Open("a machine that was found does not go that way when it is followed step by step", "report this")
    if key.kind == "elsewhere":
        # Not all of what ends a path there is an instruction that the emulator could stop at.
        return len(trace.steps)
    view = concrete_view(view_of(leaf, asked.survey), model)
    facts = exit_facts(setting, asked.config, leaf.state, nothing_to_compare(entry, contract), view, model)
    said = confirm(setting.image, entry, trace, model, facts)
    if not said.agrees:
        text = f"the machine that goes to {key.name} at {_place(leaf)} was not confirmed: {said.note}"
        raise _Open(text, f"see `verify-exit explain {said.refused or 'replay-disagrees'}`")
    return len(trace.steps)

# SPDX-License-Identifier: BSD-2-Clause
"""From a satisfiable obligation to a counterexample that a person can read and an emulator confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, fields

import claripy

from verifier.clauses import Clause
from verifier.confirm import Confirmation, confirm
from verifier.contract import Contract
from verifier.lift.entry import Entry
from verifier.lift.explore import Bounds
from verifier.lift.state import State
from verifier.lift.symbols import Symbol
from verifier.minimise import cares, least, place
from verifier.model import (
    FRAME_WORDS,
    GPRS,
    Config,
    Counterexample,
    Defect,
    Field,
    Image,
    Input,
    Location,
    OutcomeView,
)
from verifier.obligations import Reference, by_contract, exit_view
from verifier.outcomes import TF, ExitView, Outcome
from verifier.prove import Answer, config_condition, exactness
from verifier.recording import ExitFacts
from verifier.records import record
from verifier.solver import Model, Solver
from verifier.terms import Term, Truth, as_term, decided, eq, land
from verifier.trace import Followed, Trace, follow


@record
class Setting:
    """What every counterexample of one site needs.

    With ``auto`` the reference is ``found``, from the file's own IRET exit.
    ``follow`` has the callees that are followed; None: all. ``known`` are the paths that machines
    were seen to take.
    """

    image: Image
    entry: Entry
    contract: Contract
    constraints: tuple[Truth, ...]
    cr3_reference: Term
    solver: Solver
    bounds: Bounds
    auto: bool = False
    found: Reference | None = None
    follow: frozenset[int] | None = None
    known: list[Followed] = field(default_factory=list)


_NICE = {"frame-stack": 0xFFFFC90000003F00, "percpu": 0xFFFF888000000000}
_NICE_USER_GS = 0x00007F2000000000
_NICE_STACK, _NICE_POINTER = 0xFFFFFE0000002000, 0xFFFFEA0000000000


def _wishes(entry: Entry) -> list[tuple[Term, int]]:
    """Apart from each other, so that regions do not overlap in the concrete machine."""
    layout = entry.state.shared.layout
    wishes: list[tuple[Term, int]] = []
    stacks = 0
    for region in layout.known.values():
        if region.kind == "below" or region.root is None:
            continue
        if region.kind == "stack":
            wishes.append((region.root, _NICE_STACK + stacks * 0x4000))
            stacks += 1
        else:
            wishes.append((region.root, _NICE[region.kind]))
    wishes.append((entry.user_gs, _NICE_USER_GS))
    for index, region in enumerate(layout.unknown.values()):
        if region.root is not None:
            wishes.append((region.root, _NICE_POINTER + index * 0x10000))
    return wishes


def variables(entry: Entry, truths: Sequence[Truth]) -> list[Symbol]:
    """The symbols in the truths, in the one order of every output, but for the CPU configuration."""
    names: set[str] = set()
    for truth in truths:
        if decided(truth) is None:
            names |= truth.variables
    known = entry.state.shared.layout.symbols
    free = [symbol for symbol in known if symbol.name in names and symbol.otherwise is None]
    return sorted((symbol for symbol in free if symbol.name not in _CONFIGURATION), key=_sort_key)


_CONFIGURATION = ("cpu.la57", "cpu.amd")
_KINDS = ("frame", "register", "machine", "feature", "memory", "havoc")


def _sort_key(symbol: Symbol) -> tuple[int, int, str]:
    bare = symbol.name.removeprefix("frame.")
    order = {name: index for index, name in enumerate((*(FRAME_WORDS if symbol.kind == "frame" else ()), *GPRS))}
    if symbol.kind == "frame":
        order = {name: index for index, name in enumerate((*FRAME_WORDS, *(g for g in GPRS if g != "rsp")))}
    return _KINDS.index(symbol.kind), order.get(bare, len(order)), symbol.name


def concrete_machine(
    setting: Setting, config: Config, query: Sequence[Truth], known: Sequence[Input] = ()
) -> tuple[Model, tuple[Input, ...]] | None:
    """The least machine that satisfies a query under a configuration, and its inputs that matter.

    No store with an unknown address hits anything in it. ``known`` are the
    inputs of a machine found under another configuration: with them only a
    machine that has the same ones will do.
    """
    entry, solver = setting.entry, setting.solver
    registry = entry.state.shared.layout.symbols
    wishes = _wishes(entry)
    matters = [*setting.constraints, *query, *(eq(term, as_term(value, 64)) for term, value in wishes)]
    premises = [config_condition(entry, config), *exactness(registry, matters), *_links(entry)]
    premises += [eq(symbol.term, one.value) for one in known if (symbol := registry.find(one.name)) is not None]
    kept = place(solver, [*premises, *query], wishes)
    placed = [eq(term, as_term(value, 64)) for term, value in kept]
    given = {symbol.name: value for term, value in kept if (symbol := registry.of(term)) is not None}
    symbols = variables(entry, [*setting.constraints, *premises, *placed, *query])
    values = least(solver, [*premises, *placed, *query], symbols, given)
    if values is None:
        return None
    fixed = [eq(symbol.term, values[symbol.name]) for symbol in symbols]
    model = solver.model(*premises, *exactness(registry), *placed, *query, *fixed)
    if model is None or known:
        return None if model is None else (model, tuple(known))
    candidates = variables(entry, query)
    matter = cares(solver, premises, land(*query), candidates, values)
    return model, tuple(_input(symbol, values[symbol.name]) for symbol in matter)


def followed(setting: Setting, model: Model) -> Trace:
    """What the machine of ``model`` does from the setting's entry on."""
    after_call = setting.contract.interrupts_after_call.value
    return follow(
        setting.image, setting.entry, model, setting.solver, after_call, setting.bounds, setting.follow,
        setting.contract, setting.known,
    )  # fmt: skip


def deciding_calls(setting: Setting, answer: Answer) -> tuple[str, ...]:
    """The calls, not followed, of which a register afterwards decides a violated answer."""
    registry = setting.entry.state.shared.layout.symbols
    returned = {symbol.name: symbol.call for symbol in registry if symbol.call and symbol.register in GPRS}
    roots = {
        symbol.name: symbol.place.root.variables
        for symbol in registry
        if symbol.place is not None and symbol.place.root is not None
    }
    mentioned = {name for truth in answer.query if decided(truth) is None for name in truth.variables}
    mentioned |= {name for other in tuple(mentioned) for name in roots.get(other, ())}
    if not mentioned & returned.keys():
        return ()
    found = concrete_machine(setting, answer.config, answer.query)
    if found is None:
        return ()
    names = {one.name for one in found[1]}
    names |= {name for other in tuple(names) for name in roots.get(other, ())}
    return tuple(sorted({returned[name] for name in names if name in returned}))


def pointing_callees(entry: Entry) -> frozenset[int]:
    """Code of the image that was not followed although memory was reached through a register it returned."""
    shared = entry.state.shared
    registry = shared.layout.symbols
    roots = (region.root for region in shared.layout.unknown.values() if region.root is not None)
    symbols = [registry.find(name) for root in roots for name in root.variables]
    calls = {symbol.call for symbol in symbols if symbol is not None and symbol.register in GPRS}
    return frozenset(shared.targets[call] for call in calls if call in shared.targets)


def _links(entry: Entry) -> list[Truth]:
    """External symbols at the addresses that the emulator finds them at."""
    return [eq(term, as_term(address, 64)) for term, address in entry.state.shared.layout.externals.values()]


def _input(symbol: Symbol, value: int) -> Input:
    match symbol.kind:
        case "machine":
            return Input(symbol.name, value, "register", symbol.origin)
        case kind:
            return Input(symbol.name, value, kind, symbol.origin)


def build(setting: Setting, answer: Answer, known: Sequence[Input] = ()) -> Counterexample | Confirmation | None:
    """The counterexample of a violated answer; None if there is no such machine after all.

    With ``known`` only the machine with these inputs will do. A Confirmation says why the machine that
    was found is none: the emulator, or the lifted semantics followed step by step, do not bear it out.
    """
    found = concrete_machine(setting, answer.config, answer.query, known)
    if found is None:
        return None
    model, inputs = found
    entry, contract = setting.entry, setting.contract
    trace = followed(setting, model)
    leaf = trace.leaf
    if leaf is None or leaf.kind != "exit":
        return _contradicted("the lifted semantics do not reach the exit in this state")
    if answer.path is None:
        raise Defect("a violated answer has a path")
    reference = answer.path.reference
    if not setting.auto:
        reference = by_contract(leaf.state, entry, contract, setting.cr3_reference)
    view = concrete_view(exit_view(leaf.detail, leaf.state, entry, contract, reference), model)
    if answer.clause.holds(view) is not False:
        return _contradicted("the clause holds in this state when it is followed step by step")
    facts = exit_facts(setting, answer.config, leaf.state, reference, view, model)
    confirmation = confirm(setting.image, entry, trace, model, facts, answer.clause.id)
    if not confirmation.agrees:
        return confirmation
    return Counterexample(
        config=answer.config,
        cause=answer.clause.cause(view),
        inputs=inputs,
        path=(*trace.steps,),
        at_exit=_at_exit(leaf.state, view, model),
        sysret=_sysret(view),
        iret=_iret(view),
        differs=_differs(answer.clause, view, leaf.state, model),
        vendor_notes=answer.clause.vendors,
        replayed=True,
        replay_note=confirmation.note,
        recording=confirmation.recording,
    )


def _contradicted(problem: str) -> Confirmation:
    return Confirmation(False, "", problem, problems=(problem,))


def exit_facts(
    setting: Setting, config: Config, state: State, reference: Reference, view: ExitView, model: Model
) -> ExitFacts:
    """What the exit of a concrete machine is judged by, beside the registers; ``view`` is of ints.

    An IRETQ that is judged itself has the frame that it pops as its frame.
    """
    frame = {name: model.value(term) for name, term in reference.frame.items()}
    if view.kind == "iretq":
        own = view.sysret
        frame = {"rip": own.rip, "cs": own.cs, "rflags": own.rflags, "rsp": own.rsp, "ss": own.ss}
    happened = (
        (event.kind, event.location.address)
        for event in state.events
        if event.counts(state) and (event.condition is True or model.holds(event.condition))
    )
    system = {name: model.value(state.system[name]) for name in ("star", "efer", "cr4", "nt", "ss_flat")}
    return ExitFacts(
        kind=view.kind,
        vendor=config[0],
        paging=config[1],
        frame=tuple((name, frame[name]) for name in FRAME_WORDS),
        gprs=tuple((name, wanted) for name, _, wanted in view.gprs),
        user_gs=view.user_gs,
        kernel_gs=view.kernel_gs,
        cr3_reference=view.cr3_reference,
        user_cs=view.user_cs,
        user_ss=view.user_ss,
        sysenter_cs=setting.contract.sysenter_cs,
        events=tuple(sorted(set(happened))),
        promises=tuple(sorted(view.promises)),
        **system,
    )


def concrete_view(view: ExitView, model: Model) -> ExitView:
    """The view with every term replaced by its value, so that the clauses run on ints."""

    def value(term: object) -> object:
        match term:
            case None | bool() | int() | str() | frozenset():
                return term
            case Outcome():
                return Outcome(**{field.name: value(getattr(term, field.name)) for field in fields(Outcome)})
            case tuple():
                return tuple(value(part) for part in term)
            case claripy.ast.Bool():
                return model.holds(term)
            case _:
                return model.value(term)

    return ExitView(**{field.name: value(getattr(view, field.name)) for field in fields(ExitView)})  # type: ignore[arg-type]


def _fields(outcome: Outcome, reached: bool) -> list[Field]:
    shown = ("rip", "cs", "rflags", "rsp", "ss")
    return [Field(name, getattr(outcome, name) if reached else None) for name in shown]


def _sysret(view: ExitView) -> OutcomeView:
    fault, trap = None, ""
    if view.sysret.fault is True:
        fault = "#GP(0) at CPL0 with the user's RSP loaded"
    elif view.sysret.late_fault is True:
        fault = "#GP(0) at CPL3 on the first fetch"
    elif view.sysret.rflags & TF:
        trap = "#DB before the first user instruction"
    rest = [Field(name, actual) for name, actual, _ in view.gprs]
    rest += [
        Field("gs_base", view.gs_base),
        Field("kernel_gs_base", view.kernel_gs_base),
        Field("cr3", view.cr3),
    ]
    return OutcomeView(view.kind, fault, trap, (*_fields(view.sysret, view.sysret.fault is not True), *rest))


def _iret(view: ExitView) -> OutcomeView:
    fault, trap = None, ""
    if view.iret.fault is True:
        fault = "#GP(0) at CPL0 on the kernel's stack"
    elif view.iret.rflags & TF:
        trap = "#DB after the first user instruction"
    rest = [Field(name, actual if reference is None else reference) for name, actual, reference in view.gprs]
    rest += [
        Field("gs_base", view.user_gs),
        Field("kernel_gs_base", view.kernel_gs),
        Field("cr3", view.cr3_reference),
    ]
    return OutcomeView("iretq", fault, trap, (*_fields(view.iret, view.iret.fault is not True), *rest))


def _differs(clause: Clause, view: ExitView, state: State, model: Model) -> tuple[str, ...]:
    """Fields of the outcomes that differ; for a window clause the instruction where it happens."""
    if clause.id in ("irq", "stack") or (clause.id == "gs" and view.gs_access is not False):
        events = [
            f"{event.text} ({_where(event.location)})"
            for event in state.events
            if event.kind == clause.id
            and event.counts(state)
            and (event.condition is True or model.holds(event.condition))
        ]
        return tuple(dict.fromkeys(events))
    left, right = _sysret(view), _iret(view)
    names = [one.name for one, two in zip(left.fields, right.fields, strict=True) if one.value != two.value]
    if left.fault != right.fault:
        names.append("fault")
    if left.trap != right.trap:
        names.append("trap")
    return tuple(names) or (clause.id,)


def _where(location: Location) -> str:
    return f"{location.file}:{location.line}" if location.line else f"{location.symbol}+{location.offset:#x}"


def _at_exit(state: State, view: ExitView, model: Model) -> tuple[Field, ...]:
    found = [Field(name, model.value(state.gprs[name])) for name in GPRS]
    found += [
        Field("gs_base", view.gs_base),
        Field("kernel_gs_base", view.kernel_gs_base),
        Field("cr3", view.cr3),
        Field("rflags.IF", model.value(state.system["if"])),
    ]
    return tuple(found)

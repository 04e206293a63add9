# SPDX-License-Identifier: BSD-2-Clause
"""What the `irq`, `stack` and `gs` clauses want to know of a path, and which stack RSP is on.

The window opens when RSP gets a value that is no kernel stack's. A stack
pointer that was loaded from per-CPU memory or a global counts as a kernel
stack, but it may also be the user's RSP that the entry code parked there; so
its events are kept as well and count if RSP still has it at the exit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.isa.machine import NotModelled
from verifier.lift.regions import Layout, RegionId, linear
from verifier.lift.symbols import Symbol
from verifier.model import Location
from verifier.terms import Term, Truth, as_term, eq, land, lnot, lor

if TYPE_CHECKING:
    from verifier.lift.state import State

_PUSHES = frozenset({"push", "pushfq", "call"})


def watch(state: State, address: Term, verb: str) -> None:
    """Note a memory access at a 64-bit address. Raises NotModelled for a stack frame that was left."""
    root, _ = linear(address)
    if root is not None:
        state.record("gs", same(root, state.shared.user_gs), f"{verb} memory through the user's GS base")
    region, offset = state.shared.layout.resolve(address)
    chain = _chain(state)
    if region.kind == "below" and region not in chain:
        raise NotModelled("it uses the memory of a stack frame that was left")
    if region in chain[1:] and offset < state.floors.get(region, offset):
        raise NotModelled("it uses memory that the stack carved out here may overlap")
    stack = linear(state.gprs["rsp"])[0]
    if state.window is not None:
        only = None
    elif _parked(state, stack):
        only = stack
    else:
        return
    # An index into a known area belongs to that area.
    base = root if region.parent is None else region.parent.root
    if base is not None and base is stack:
        state.record("stack", True, f"{verb} memory through the user's RSP", only)
    elif region.kind == "unknown" and region.parent is None:
        state.record("stack", True, f"{verb} memory that may fault while RSP is the user's", only)


def watch_kernel_gs(state: State, condition: Truth, text: str) -> None:
    """Note code of the kernel's that runs with the user's GS base: a callee, or an interrupt handler."""
    if state.shared.kernel_gs:
        active = same(state.system["gs_base"], state.shared.user_gs)
        state.record("gs", land(condition, active), text)


def _parked(state: State, stack: Term | None) -> bool:
    """Whether RSP was loaded from per-CPU memory or a global: it may be the user's."""
    if stack is None:
        return False
    region = state.shared.layout.known.get(stack.hash())
    return region is not None and region.kind == "stack"


def _chain(state: State) -> list[RegionId]:
    """The stack that RSP is on, then those that it was carved from."""
    layout = state.shared.layout
    root, _ = linear(state.gprs["rsp"])
    region = None if root is None else layout.known.get(root.hash())
    found: list[RegionId] = []
    while region is not None:
        found.append(region)
        region = layout.parents.get(region)
    return found


def boundary(state: State) -> None:
    """Book-keeping at the instruction boundary behind the current instruction."""
    root, offset = linear(state.gprs["rsp"])
    region = _stack_region(state, root)
    if region is not None:
        if region.kind == "frame-stack":
            _release(state, state.floors.get(region, offset), offset)
        state.floors[region] = offset
    state.window = None if region is not None else (root if root is not None else as_term(0, 64))
    enabled = land(eq(state.system["if"], 1), lnot(state.shadowed))
    text = "interrupts are enabled behind this instruction"
    if state.window is not None:
        state.record("irq", enabled, text)
    else:
        if _parked(state, root):
            state.record("irq", enabled, text, root)
        # An interrupt from CPL 0 does not execute SWAPGS: its handler would run on the user's GS base.
        watch_kernel_gs(state, enabled, "interrupts are enabled with the user's GS base active")
    state.shadowed = False


def carve(state: State, old: Term, new: Term) -> None:
    """RSP went from ``old``, on a kernel stack, down to ``new`` by a bounded but unknown distance.

    What lies below ``new`` is a region of its own; what lay below ``old``
    may be overwritten from now on.
    """
    layout = state.shared.layout
    region, limit = layout.resolve(old)
    root, ceiling = linear(new)
    if root is None or root.hash() in layout.known or region.kind == "unknown":
        return
    place, count = short(state.here()), state.visits.get(state.place, 0)
    state.memory.abandon(region, limit, ("carve", state.place, count), f"carve@{place}")
    state.floors[region] = max(limit, state.floors.get(region, limit))
    layout.pointers += 1
    carved = layout.add_root(root, "below", f"rsp@{place}#{layout.pointers}")
    layout.ceilings[carved] = ceiling
    layout.parents[carved] = region


def _stack_region(state: State, root: Term | None) -> RegionId | None:
    """The kernel stack region that RSP points into, or None when RSP is not the kernel's."""
    layout = state.shared.layout
    if root is None:
        region, _ = layout.resolve(state.gprs["rsp"])
        return region if region.kind in ("image", "extern") else None
    known = layout.known.get(root.hash())
    if known is not None:
        return known if known.kind in ("frame-stack", "stack", "below", "percpu") else None
    words = loaded_from(root, layout)
    if words and all(word.place and word.place.region in ("percpu", "image", "extern") for word in words):
        state.shared.assumptions.add("stack-pointers")
        return layout.add_root(root, "stack", words[-1].name)
    return None


def _release(state: State, before: int, now: int) -> None:
    """Slots that RSP has moved above keep their content; lowering RSP makes them live again.

    A push over a released slot does not: it is scratch space by then. Whether a
    slot that was overwritten so and is live again counts with its old or its
    new content cannot be told: ``unclear`` says so at the exit.
    """
    pushed = state.decoded is not None and state.decoded.mnemonic in _PUSHES
    for name, address, offset in state.shared.frame_slots:
        if offset + 8 <= now:
            if name not in state.released:
                state.released[name] = state.memory.load(address, 8)
        elif not pushed and now < before and name in state.released:
            kept = state.released.pop(name)
            if state.memory.load(address, 8) is not kept:
                state.unclear = f"the slot of {name} was popped, overwritten and is part of the frame again"


def loaded_from(term: Term, layout: Layout) -> tuple[Symbol, ...]:
    """The memory words that a term is put together from, byte for byte or case by case; empty for anything else."""
    match term.op:
        case "BVS":
            symbol = layout.symbols.of(term)
            return (symbol,) if symbol is not None and symbol.place is not None else ()
        case "Extract":
            return loaded_from(term.args[2], layout)
        case "Concat" | "If":
            values = term.args[1:] if term.op == "If" else term.args
            parts = [loaded_from(part, layout) for part in values]
            return tuple(word for part in parts for word in part) if all(parts) else ()
        case _:
            return ()


def same(term: Term, symbol: Term) -> Truth:
    """The condition under which a term is that very symbol (not merely equal to it)."""
    if term is symbol:
        return True
    if not isinstance(term, int) and term.op == "If":
        condition, then, otherwise = term.args
        return lor(land(condition, same(then, symbol)), land(lnot(condition), same(otherwise, symbol)))
    return False


def short(location: Location) -> str:
    """FILE:LINE+ADDRESS of a location, for the names of symbols."""
    if location.file is not None and location.line:
        return f"{location.file}:{location.line}+{location.address & 0xFFF:x}"
    return f"{location.symbol}+{location.offset:#x}" if location.symbol else f"{location.address:#x}"

# SPDX-License-Identifier: BSD-2-Clause
"""The exit of one concrete machine, on Python ints: what the CPU manual makes of it, and whether a clause holds.

It shares the instruction semantics (``verifier.isa``) and the clauses with the proof, and nothing
else: no term, no path condition, no memory model.
"""

from __future__ import annotations

from verifier.clauses import clause
from verifier.isa.iret import iretq
from verifier.isa.sysexit import sysexit
from verifier.isa.sysret import sysretl, sysretq
from verifier.outcomes import ExitView, Outcome
from verifier.recording import EndState, ExitFacts
from verifier.terms import bits


def exit_view(facts: ExitFacts, end: EndState, rflags: int) -> ExitView:
    """What the clauses judge, of ints only; ``rflags`` are those before the exit, which SYSEXIT leaves alone.

    Raises KeyError for an exit that is not modelled.
    """
    gprs = dict(end.registers)
    la57, amd = facts.paging == "la57", facts.vendor == "amd"
    happened = {kind for kind, _ in facts.events}
    return ExitView(
        kind=facts.kind,
        sysret=_outcome(facts, gprs, end, rflags, la57, amd),
        iret=iretq(dict(facts.frame), la57),
        gprs=tuple((name, gprs[name], reference) for name, reference in facts.gprs),
        gs_base=end.gs_base,
        kernel_gs_base=end.kernel_gs_base,
        user_gs=facts.user_gs,
        kernel_gs=facts.kernel_gs,
        cr3=end.cr3,
        cr3_reference=facts.cr3_reference,
        star_rpl=bits(facts.star, 49, 48),
        user_cs=facts.user_cs,
        user_ss=facts.user_ss,
        ss_flat=facts.ss_flat,
        efer=facts.efer,
        cr4=facts.cr4,
        nt=facts.nt,
        la57=la57,
        amd=amd,
        irq="irq" in happened,
        stack="stack" in happened,
        gs_access="gs" in happened,
        promises=frozenset(facts.promises),
    )


def holds(identifier: str, view: ExitView) -> bool | None:
    """Whether the clause of that id holds; None if it does not apply. Raises KeyError for an unknown id."""
    found = clause(identifier)
    if found is None:
        raise KeyError(identifier)
    truth = found.holds(view)
    return None if truth is None else bool(truth)


def _outcome(facts: ExitFacts, gprs: dict[str, int], end: EndState, rflags: int, la57: bool, amd: bool) -> Outcome:
    match facts.kind:
        case "sysretq":
            return sysretq(gprs, facts.star, la57, amd)
        case "sysretl":
            return sysretl(gprs, facts.star, amd)
        case "sysexitq" | "sysexitl" if facts.sysenter_cs is not None:
            return sysexit(gprs, rflags, facts.sysenter_cs, facts.kind == "sysexitq", la57, amd)
        case "iretq":
            return iretq(dict(facts.frame), la57)
        case _:
            raise KeyError(facts.kind)

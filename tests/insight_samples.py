# SPDX-License-Identifier: BSD-2-Clause
"""Reports made by hand about what a proof knows beyond its verdict: checks, conditions, slack, repairs, a change."""

from __future__ import annotations

from dataclasses import replace

from report_samples import EDGE, leak, outcome, proved, violated

from verifier.insights import (
    Comparison,
    Condition,
    Divergence,
    FastConditions,
    GuardUse,
    Hint,
    Lost,
    Side,
    Slack,
)
from verifier.model import ALL_CONFIGS, ClauseResult, Field, FileReport, Input, Location

USER_END = (1 << 47) - 1
KERNEL_START = (1 << 64) - (1 << 47)
TOP = (1 << 64) - 1


def at(line: int, text: str = "jne by_iret") -> Location:
    """A branch of the sample, three bytes for each line."""
    return Location(0x400000 + 3 * line, "exit_to_user", 3 * line, "entry.S", line, text)


SAME_RIP = Condition("same", "frame.rip", "frame.rcx")
LOWER = Condition("range", "frame.rcx", intervals=((0, USER_END),))
USER_CS = Condition("range", "frame.cs", intervals=((0x33, 0x33),))
NO_RF = Condition("bits", "frame.rflags", mask=1 << 16, value=0)
NO_TF = Condition("bits", "frame.rflags", mask=1 << 8, value=0)

GUARDS = (
    GuardUse(at(51), "", (SAME_RIP,), ("frame.rip", "frame.rcx"), ("rip", "canonical"), ("rip",)),
    GuardUse(at(58, "jnz by_iret"), "", (LOWER,), ("frame.rcx",), ("canonical",), ("canonical",)),
    GuardUse(at(62), "LA57", (USER_CS,), ("frame.cs",), ("gpr.rbx", "gpr.rdi"), ()),
    GuardUse(at(71), "", (NO_RF,), ("frame.rflags",), ("rf", "gpr.rbx", "gpr.rdi"), ("rf", "gpr.rbx", "gpr.rdi")),
    GuardUse(at(80), "", (), ("gs:[0x10]",), (), ()),
)
"""Needed, replaceable and redundant ones; one that closes no way."""

HINT = Hint(
    clauses=("tf",),
    demand=(NO_TF,),
    after=at(71),
    lines=("testq   $0x100, %r11", "jnz     by_iret"),
    configs=ALL_CONFIGS,
    complete=True,
)

SLACK = Slack(
    "slack",
    "",
    (
        Lost(
            guards=(at(58, "jnz by_iret"),),
            configs=ALL_CONFIGS,
            ordinary=True,
            conditions=(Condition("range", "frame.rip", intervals=((KERNEL_START, TOP),)),),
            exact=True,
            ranges=((KERNEL_START, TOP),),
            ranges_exact=True,
            example=(Input("frame.rip", 0xFFFF_FFFF_FF60_0000, "frame"),),
        ),
        Lost(
            guards=(at(62), at(71)),
            configs=ALL_CONFIGS[:2],
            ordinary=False,
            conditions=(Condition("other", names=("frame.cs",)),),
            exact=False,
            ranges=(),
            ranges_exact=False,
            example=(Input("frame.cs", 0x1_0033, "frame"),),
        ),
    ),
)

FAST = (
    FastConditions(ALL_CONFIGS[:2], (SAME_RIP, LOWER), True, ()),
    FastConditions(ALL_CONFIGS[2:], (NO_RF,), False, ("gs:[0x10]",)),
)


def known(path: str = "entry.S") -> FileReport:
    """A violated file of which everything was asked."""
    report = violated(path)
    tf = replace(leak("rbx"), cause="SYSRET with TF set traps before the first user instruction, IRET after it")
    clauses = (
        ClauseResult("rip", "proved", ALL_CONFIGS),
        ClauseResult("rf", "proved", ALL_CONFIGS),
        ClauseResult("canonical", "proved", ALL_CONFIGS),
        ClauseResult("tf", "violated", ALL_CONFIGS, None, tf),
        ClauseResult("rsp", "proved", ALL_CONFIGS),
        ClauseResult("gpr.rbx", "proved", ALL_CONFIGS),
        ClauseResult("gpr.rdi", "proved", ALL_CONFIGS),
        ClauseResult("gpr.rsi", "proved", ALL_CONFIGS),
        ClauseResult("cr3", "unknown", ALL_CONFIGS, "the solver gave up"),
        ClauseResult("xstate", "proved", ALL_CONFIGS),
    )
    site = replace(report.sites[0], clauses=clauses, guards=GUARDS, hints=(HINT,), slack=SLACK, fast=FAST)
    return replace(report, sites=(site,), comparison=UNSAFE)


def exact(path: str = "exact.S") -> FileReport:
    """A proved file that leaves nothing to IRET, compared with an equivalent one."""
    report = proved(path)
    site = replace(report.sites[0], guards=GUARDS[:2], slack=Slack("exact", "", ()), fast=FAST[:1])
    return replace(report, sites=(site,), comparison=EQUIVALENT)


BASE = Side("old/entry.S", "aa" * 32, "exit_to_user", "proved", ())
HEAD = Side("entry.S", "bb" * 32, "exit_to_user", "violated", ("tf",))

NEWLY_FAST = Divergence(
    kind="newly-fast",
    configs=ALL_CONFIGS,
    visible=False,
    wrong=False,
    conditions=(Condition("range", "frame.rip", intervals=((KERNEL_START, TOP),)),),
    exact=True,
    ranges=((KERNEL_START, TOP),),
    ranges_exact=True,
    example=(Input("frame.rip", 0xFFFF_FFFF_FF60_0000, "frame"),),
    base=outcome("IRETQ", 0xFFFF_FFFF_FF60_0000, 0),
    head=outcome("SYSRETQ", 0xFFFF_FFFF_FF60_0000, 0),
    base_end="iretq",
    head_end="sysretq",
    differs=(),
)
WRONG = replace(
    NEWLY_FAST,
    kind="state",
    configs=ALL_CONFIGS[:2],
    visible=True,
    wrong=True,
    conditions=(NO_RF,),
    exact=False,
    ranges=((0x1000, 0x1000), (EDGE, EDGE + 0xFFF)),
    ranges_exact=False,
    base=outcome("SYSRETQ", 0x1000, 0),
    head=replace(outcome("SYSRETQ", 0x1000, 7), fields=(Field("rip", 0x1000), Field("rbx", 7))),
    base_end="sysretq",
    differs=("rbx",),
)
ELSEWHERE = replace(
    NEWLY_FAST,
    kind="elsewhere",
    visible=True,
    conditions=(),
    ranges=(),
    base=None,
    base_end="trap: ud2",
    differs=("rip",),
)
SLOWER = replace(NEWLY_FAST, kind="newly-slow", base=NEWLY_FAST.head, head=NEWLY_FAST.base)

UNSAFE = Comparison(
    BASE, HEAD, "unsafe", (NEWLY_FAST, WRONG, ELSEWHERE, SLOWER), (), (("same-calls", "A call does the same in both."),)
)
EQUIVALENT = Comparison(BASE, replace(HEAD, verdict="proved", violated=()), "equivalent", (), (), ())
OPEN = Comparison(BASE, HEAD, "inconclusive", (), ("BASE has an instruction that is not modelled",), ())
SAFE = replace(EQUIVALENT, status="safe", divergences=(NEWLY_FAST,))

__all__ = ["EQUIVALENT", "GUARDS", "HINT", "OPEN", "SAFE", "UNSAFE", "exact", "known"]

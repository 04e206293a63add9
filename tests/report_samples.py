# SPDX-License-Identifier: BSD-2-Clause
"""Reports made by hand, for the tests of the renderers and of the command line."""

from __future__ import annotations

from dataclasses import replace

from verifier.model import (
    ALL_CONFIGS,
    Assumption,
    Change,
    ClauseResult,
    Config,
    Counterexample,
    Field,
    FileReport,
    Input,
    InputFile,
    Location,
    OutcomeView,
    Reason,
    SiteResult,
    Step,
)

INTEL: tuple[Config, ...] = (("intel", "la48"), ("intel", "la57"))
AMD: tuple[Config, ...] = (("amd", "la48"), ("amd", "la57"))

SYSRET = Location(0x4001A3, "exit_to_user", 0x1A3, "entry.S", 210, "sysretq")
LOAD = Location(0x400000, "exit_to_user", 0, "entry.S", 12, "movq   0x80(%rsp), %rcx")
CALL = Location(0x400008, "exit_to_user", 8, "entry.S", 13, "callq  slow_work")

EDGE = 0x0000_8000_0000_0000


def outcome(instruction: str, rip: int | None, rbx: int, fault: str | None = None) -> OutcomeView:
    """An outcome with a frame and two registers."""
    fields = (
        Field("rip", rip),
        Field("cs", None if fault else 0x33),
        Field("rflags", 0x202),
        Field("rsp", 0x7FFF_0000_0000),
        Field("ss", 0x2B),
        Field("rbx", rbx),
        Field("rdi", 7),
    )
    return OutcomeView(instruction, fault, "", fields)


CANONICAL = Counterexample(
    config=("intel", "la48"),
    cause="SYSRET with non-canonical RCX.",
    inputs=(
        Input("rflags.IF", 0, "register"),
        Input("frame.rip", EDGE, "frame"),
        Input("frame.rflags", 0x202, "frame"),
        Input("gs:[0x10]", 5, "memory"),
        Input("slow_work@entry.S:13:rax", 0, "havoc", "call to slow_work at entry.S:13"),
    ),
    path=(
        Step(LOAD, (Change("rcx", 0, EDGE),), "", "movq SAVED_RIP(%rsp), %rcx"),
        Step(CALL, (Change("rax", 3, 0), Change("rflags", 2, 0x46)), "call: arbitrary"),
        Step(SYSRET, ()),
    ),
    at_exit=(Field("rcx", EDGE), Field("r11", 0x202), Field("gs.base", 0x7F00_0000_0000)),
    sysret=outcome("SYSRETQ", None, 0, "#GP(0) at CPL0 with the user's RSP"),
    iret=outcome("IRETQ", EDGE, 0, "#GP(0) at CPL0 on the kernel stack"),
    differs=("rip", "fault"),
    vendor_notes=(
        ("intel", "The kernel runs its #GP handler on the user's stack."),
        ("amd", "Faults at CPL3."),
    ),
    replayed=True,
    replay_note="Unicorn reached SYSRET with the same registers.",
)


def leak(register: str) -> Counterexample:
    """A counterexample for a register that keeps a kernel value."""
    return replace(
        CANONICAL,
        cause=f"{register.upper()} is not what the IRET exit restores",
        sysret=OutcomeView("SYSRETQ", None, "", (Field("rip", 0x1000), Field(register, 1))),
        iret=OutcomeView("IRETQ", None, "", (Field("rip", 0x1000), Field(register, 0))),
        differs=(register,),
    )


PROVED_CLAUSES = (
    ClauseResult("rip", "proved", ALL_CONFIGS),
    ClauseResult("rflags", "proved", ALL_CONFIGS),
    ClauseResult("canonical", "proved", ALL_CONFIGS),
    ClauseResult("gpr.rbx", "proved", ALL_CONFIGS),
    ClauseResult("gpr.rdi", "proved", ALL_CONFIGS),
    ClauseResult("ss-attrs", "not-applicable", INTEL),
    ClauseResult("ss-attrs", "proved", AMD),
)

ASSUMPTIONS = (
    Assumption("disjoint-stack", "The frame and the per-CPU area do not overlap.", "built in"),
    Assumption("irq-entry", "IF is 0 at entry", "contract linux"),
)


def proved(path: str = "good.S") -> FileReport:
    """A file whose one site is proved."""
    site = SiteResult("sysretq", SYSRET, "exit_to_user", "proved", PROVED_CLAUSES, (Input("rax", 0, "register"),))
    return FileReport(
        input=InputFile(path, "00" * 32),
        verdict="proved",
        contract="linux",
        profile="equivalence",
        configs=ALL_CONFIGS,
        entries=("exit_to_user",),
        assumptions=ASSUMPTIONS,
        sites=(site,),
        reasons=(),
        tool=(("z3-solver", "4.13.0.0"), ("angr", "9.2.213")),
        command=f"verify-exit {path}",
        statistics=(("paths", 3),),
        timings=(("prove", 0.25),),
    )


def violated(path: str = "entry.S") -> FileReport:
    """A file with a canonical violation on Intel, found separately for both paging modes, and two leaks."""
    la57 = replace(CANONICAL, config=("intel", "la57"))
    clauses = (
        ClauseResult("rip", "proved", ALL_CONFIGS),
        ClauseResult("canonical", "violated", INTEL[:1], None, CANONICAL),
        ClauseResult("canonical", "violated", INTEL[1:], None, la57),
        ClauseResult("canonical", "proved", AMD),
        ClauseResult("gpr.rbx", "violated", ALL_CONFIGS, None, leak("rbx")),
        ClauseResult("gpr.rdi", "violated", ALL_CONFIGS, None, leak("rdi")),
    )
    site = SiteResult("sysretq", SYSRET, "exit_to_user", "violated", clauses, ())
    return replace(proved(path), verdict="violated", sites=(site,))


def inconclusive(path: str = "odd.S") -> FileReport:
    """A file with an instruction that is not modelled."""
    reason = Reason(
        "unsupported-instruction",
        "No model for invpcid.",
        "Start behind it.",
        Location(0x400010, "exit_to_user", 0x10, "odd.S", 20, "invpcid (%rdi), %rax"),
    )
    clauses = (
        ClauseResult("rip", "unknown", ALL_CONFIGS, "the path was given up"),
        ClauseResult("cs", "proved", ALL_CONFIGS),
    )
    site = SiteResult("sysretq", SYSRET, "exit_to_user", "inconclusive", clauses, ())
    return replace(proved(path), verdict="inconclusive", sites=(site,), reasons=(reason,))


def failed(path: str = "bad.S", status: int = 4) -> FileReport:
    """A file that could not be read as assembly."""
    return replace(
        proved(path),
        input=InputFile(path, ""),
        verdict="error",
        contract="",
        profile="",
        configs=(),
        entries=(),
        assumptions=(),
        sites=(),
        command="",
        error=("assembler-error", f"{path}:3: Error: no such instruction", status),
    )

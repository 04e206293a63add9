# SPDX-License-Identifier: BSD-2-Clause
"""Runs made by hand that fill every section of the HTML page: an exit path, its map, waivers, gate, evidence."""

from __future__ import annotations

from dataclasses import replace

from hostile_names import renamed
from insight_samples import exact, known
from report_samples import AMD, CANONICAL, INTEL, failed, inconclusive, leak, proved, violated

from verifier.model import (
    ALL_CONFIGS,
    Certificates,
    Change,
    ClauseResult,
    CodeLine,
    CodeRange,
    CrossCheck,
    Disagreement,
    Edge,
    FileReport,
    Finding,
    Gate,
    InputFile,
    Location,
    PathMap,
    Reach,
    Run,
    Search,
    SourceText,
    Step,
    Waiver,
    WaiverUse,
)

_CODE: tuple[tuple[int, int, str, str, Reach, tuple[str, ...], tuple[str, ...]], ...] = (
    (0x00, 12, "488b8c2480000000", "movq 0x80(%rsp), %rcx", "both", (), ()),
    (0x08, 13, "483b4c2410", "cmpq 0x10(%rsp), %rcx", "both", (), ()),
    (0x0D, 14, "7505", "jne by_iret", "both", (), ("gpr.rbx", "gpr.rdi", "rip")),
    (0x0F, 16, "0f01f8", "swapgs", "fast", (), ()),
    (0x12, 17, "480f07", "sysretq", "fast", ("sysretq",), ()),
    (0x15, 21, "58", "popq %rax", "slow", (), ()),
    (0x16, 21, "59", "popq %rcx", "slow", (), ()),
    (0x17, 22, "48cf", "iretq", "slow", ("iretq",), ()),
    (0x19, 23, "0f0b", "ud2", "none", ("trap: ud2",), ()),
)
_BASE = 0x400000
_SOURCE = """\
        // RCX, which SYSRETQ takes RIP from
        movq    SAVED_RIP(%rsp), %rcx
        cmpq    FRAME_RIP(%rsp), %rcx
        jne     by_iret

        swapgs
        sysretq

        // the slow way
by_iret:
        take_back
        iretq
        ud2""".split("\n")


def _location(index: int) -> Location:
    offset, line, _, text, reach, _, _ = _CODE[index]
    slow = reach in ("slow", "none")
    symbol, start = ("by_iret", 0x15) if slow else ("exit_to_user", 0)
    return Location(_BASE + offset, symbol, offset - start, "entry.S", line, text)


MAP = PathMap(
    "exit_to_user",
    tuple(
        CodeLine(_location(index), code, "", reach, ends, supports)
        for index, (_, _, code, _, reach, ends, supports) in enumerate(_CODE)
    ),
    (
        Edge(0, 1, ""),
        Edge(1, 2, ""),
        Edge(2, 3, "not taken"),
        Edge(2, 5, "taken"),
        Edge(3, 4, ""),
        Edge(5, 6, ""),
        Edge(6, 7, ""),
        Edge(7, 8, ""),
    ),
)
"""An exit path of nine instructions: two tests, SYSRET, IRET, and a trap that nothing but the map leads to."""

SOURCE = SourceText("entry.S", 11, tuple(_SOURCE))
LISTED = replace(
    CANONICAL,
    path=(
        Step(_location(0), (Change("rcx", 0, 0x0000_8000_0000_0000),), "", "movq SAVED_RIP(%rsp), %rcx"),
        Step(_location(1), (Change("rflags", 2, 0x46),)),
        Step(_location(2), (), "not taken"),
        Step(_location(3), ()),
    ),
)
"""A counterexample whose path is in the map."""


def listed(path: str = "entry.S") -> FileReport:
    """A violated file with its listing, a waived clause, and evidence."""
    report = violated(path)
    site = report.sites[0]
    clauses = (
        ClauseResult("rip", "proved", ALL_CONFIGS),
        ClauseResult("canonical", "violated", INTEL, None, LISTED),
        ClauseResult("canonical", "proved", AMD),
        ClauseResult(
            "tf", "waived", ALL_CONFIGS, "waived by W-1 until 2031-01-31: nobody steps (A. Person)", leak("rbx")
        ),
        ClauseResult("gpr.rbx", "proved", ALL_CONFIGS),
        ClauseResult("gpr.rdi", "proved", ALL_CONFIGS),
        ClauseResult("ss-attrs", "not-applicable", INTEL),
        ClauseResult("ss-attrs", "unknown", AMD, "the solver gave up"),
        ClauseResult("xstate", "proved", ALL_CONFIGS),
    )
    code = (CodeRange(_BASE, _BASE + 0x1B, "11" * 32), CodeRange(_BASE + 8, _BASE + 13, "22" * 32, "LA57"))
    site = replace(site, location=_location(4), clauses=clauses, code=code, switches=("PTI", "LA57"))
    search = Search(_location(4), "exit_to_user", 2000, 37, 2, (("exit", 37),), ("rip",), (("ssp", "a promise"),), ())
    return replace(
        report,
        sites=(site,),
        maps=(MAP,),
        sources=(SOURCE,),
        key=path,
        searches=(search,),
        cross_checks=(CrossCheck("cvc5", 34, 33, 1),),
        certificates=Certificates(34, 33, ("rip on intel/la48: too large",)),
    )


def disagreeing(path: str = "odd.S") -> FileReport:
    """A report in which the emulator contradicts the lifter."""
    machine = Disagreement(_location(4), "rip", ("intel", "la48"), ("rax differs",), CANONICAL.inputs)
    return replace(listed(path), disagreements=(machine,))


WAIVER = Waiver("W-1", "tf", "ab" * 16, "Nobody steps.", "A. Person", "2031-01-31")
GATE = Gate(
    "new-only",
    1,
    (
        Finding("entry.S", "canonical", "cd" * 16, "new", _location(4)),
        Finding("entry.S", "tf", "ab" * 16, "waived", _location(4)),
    ),
    InputFile("baseline.json", "33" * 32),
)

RUNS: dict[str, Run] = {
    "listed": Run((listed(),), (WaiverUse(WAIVER, "used", 1),), GATE),
    "disagreeing": Run((disagreeing(),)),
    "violated": Run((violated(),)),
    "proved": Run((proved(),)),
    "inconclusive": Run((inconclusive(),)),
    "failed": Run((failed(),)),
    "several": Run((listed("a.S"), proved("b.S"), inconclusive("c.S"), failed("d.S")), (), GATE),
    "none": Run(()),
    "known": Run((known(),)),
    "exact": Run((exact(),)),
}
"""Runs by name, for the golden files and for the browser."""

EVERYTHING = Run((disagreeing(), violated(), known(), inconclusive(), failed()), RUNS["listed"].waivers, GATE)
"""A run with a text in every place that a page has."""


def renamed_run(run: Run, name: str) -> Run:
    """The run with the name in every text of its reports, and of its waivers and findings."""
    changed: Run = renamed(run, name)  # type: ignore[arg-type, assignment]
    assert changed.gate is not None and run.gate is not None
    pairs = zip(changed.gate.findings, run.gate.findings, strict=True)
    gate = replace(
        changed.gate, mode=run.gate.mode, findings=tuple(replace(one, state=was.state) for one, was in pairs)
    )
    uses = tuple(replace(one, state=was.state) for one, was in zip(changed.waivers, run.waivers, strict=True))
    reports = tuple(
        replace(one, maps=tuple(map(_kept, one.maps, was.maps)))
        for one, was in zip(changed.reports, run.reports, strict=True)
    )
    return Run(reports, uses, gate)


def _kept(changed: PathMap, was: PathMap) -> PathMap:
    """What has a closed set of values, or is no text of the file's, stays as it is."""
    pairs = zip(changed.lines, was.lines, strict=True)
    lines = (replace(line, code=old.code, reach=old.reach, ends=old.ends) for line, old in pairs)
    return replace(changed, lines=tuple(lines), edges=was.edges)

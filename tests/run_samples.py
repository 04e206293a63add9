# SPDX-License-Identifier: BSD-2-Clause
"""Whole runs made by hand, one of every kind, for the tests of the formats that show runs."""

from __future__ import annotations

from dataclasses import replace

from hostile_names import renamed
from report_samples import SYSRET, failed, inconclusive, leak, proved, violated

from verifier.model import (
    ALL_CONFIGS,
    ClauseResult,
    Disagreement,
    FileReport,
    Finding,
    Gate,
    InputFile,
    Location,
    Reason,
    Run,
    SiteResult,
    Waiver,
    WaiverUse,
)
from verifier.report.fingerprint import of_clause

IRET = Location(0x400200, "exit_by_iret", 0x10, "entry.S", 300, "iretq")
WAIVER = Waiver("W-1", "canonical", "0" * 32, "the address is checked elsewhere", "alice", "2027-01-31")


def waived(path: str = "waived.S") -> FileReport:
    """A file whose violated clauses are all waived."""
    report = violated(path)
    site = report.sites[0]
    why = "waived by W-1 until 2027-01-31: the address is checked elsewhere (alice)"
    clauses = tuple(
        replace(clause, status="waived", reason=why) if clause.status == "violated" else clause
        for clause in site.clauses
    )
    return replace(
        report,
        verdict="inconclusive",
        sites=(replace(site, verdict="inconclusive", clauses=clauses),),
        reasons=(Reason("waived", "3 clauses are waived", "mend the code, then take the waivers back"),),
    )


def everything(path: str = "all.o") -> FileReport:
    """An object without line numbers: two sites, one of them an IRET, every status, two reasons, a disagreement."""
    bare = replace(SYSRET, file=None, line=None)
    nameless = replace(bare, symbol=None, address=0x4003FF)
    clauses = (
        ClauseResult("rip", "proved", ALL_CONFIGS),
        ClauseResult("tf", "unknown", ALL_CONFIGS[:1], "solver-unknown: the limit was reached"),
        ClauseResult("tf", "violated", ALL_CONFIGS[1:], None, leak("rbx")),
        ClauseResult("cs", "waived", ALL_CONFIGS, "waived by W-1 until 2027-01-31: known (alice)", leak("rdi")),
        ClauseResult("ss", "unknown", ALL_CONFIGS[:2], "timeout: no answer"),
        ClauseResult("ss-attrs", "not-applicable", ALL_CONFIGS, "no vendor leaves them"),
        ClauseResult("star", "unknown", ALL_CONFIGS),
    )
    iret = (ClauseResult("iret-cpl", "proved", ALL_CONFIGS), ClauseResult("iret-gs", "violated", ALL_CONFIGS, "GS"))
    reasons = (
        Reason("timeout", "ss: timeout: no answer", "give it more time", bare),
        Reason("site-undecided", "bytes at 0x4003ff may be an exit", "name the entry", nameless),
        Reason("stopped", "the run was interrupted; what was found before stands", "run it again"),
    )
    return replace(
        violated(path),
        sites=(
            SiteResult("sysretq", bare, "other_entry", "violated", clauses, ()),
            SiteResult("iretq", IRET, "exit_by_iret", "violated", iret, ()),
        ),
        reasons=reasons,
        disagreements=(Disagreement(bare, "tf", ALL_CONFIGS[0], ("rax differs",)),),
    )


def settled(report: FileReport, state: str, mode: str = "new-only") -> Run:
    """A run whose gate passes every violation of the report as "known" or "waived"."""
    found = tuple(
        Finding(
            report.input.path,
            clause.id,
            of_clause(report, site, clause.id),
            "waived" if state == "waived" else "known",
            site.location,
        )
        for site in report.sites
        for clause in site.clauses
        if clause.status in ("violated", "waived")
    )
    baseline = InputFile("main.json", "11" * 32) if mode == "new-only" else None
    gate = Gate("new-only" if mode == "new-only" else "strict", 0, tuple(dict.fromkeys(found)), baseline)
    return Run((report,), gate=gate)


def many(number: int) -> FileReport:
    """A file with a violation of each of so many clauses."""
    clauses = tuple(
        ClauseResult(f"gpr.r{index}", "violated", ALL_CONFIGS, None, leak("rbx")) for index in range(number)
    )
    site = SiteResult("sysretq", SYSRET, "exit_to_user", "violated", clauses, ())
    return replace(violated("many.S"), sites=(site,))


def hostile(run: Run, name: str) -> Run:
    """The run with ``name`` in all of its texts, except the ids of clauses and reasons, which are our own.

    If it has waivers it has a gate as well, which passes nothing and compares with a file of that name.
    """
    gate = Gate("new-only", 3, (), InputFile(name, "")) if run.waivers else None
    reports = tuple(_hostile(report, name) for report in run.reports)
    return replace(run, reports=reports, waivers=tuple(renamed_use(use, name) for use in run.waivers), gate=gate)


def renamed_use(use: WaiverUse, name: str) -> WaiverUse:
    """The waiver with ``name`` at the end of all of its texts: whoever proposes a change can write them."""
    old = use.waiver
    texts = (old.id, old.clause, old.fingerprint, old.reason, old.owner, old.expires)
    return replace(use, waiver=Waiver(*(f"{text}{name}" for text in texts)))


def _hostile(report: FileReport, name: str) -> FileReport:
    changed = renamed(report, name)
    sites = tuple(
        replace(
            site,
            clauses=tuple(replace(clause, id=old.id) for clause, old in zip(site.clauses, before.clauses, strict=True)),
        )
        for site, before in zip(changed.sites, report.sites, strict=True)
    )
    reasons = tuple(replace(reason, code=old.code) for reason, old in zip(changed.reasons, report.reasons, strict=True))
    # What has no command keeps having none.
    return replace(changed, sites=sites, reasons=reasons, command=report.command and changed.command)


IDLE = (
    WaiverUse(WAIVER, "used", 3),
    WaiverUse(replace(WAIVER, id="W-2", clause="tf"), "unused", 0),
    WaiverUse(replace(WAIVER, id="W-3", clause="cs", expires="2020-01-01"), "expired", 0),
)
RUNS: dict[str, Run] = {
    "proved": Run((proved(),)),
    "violated": Run((violated(),)),
    "inconclusive": Run((inconclusive(),)),
    "error": Run((failed(),)),
    "nothing": Run(()),
    "waived": Run((waived(),), IDLE),
    "everything": Run((everything(),)),
    "several": Run((violated("src/a.S"), proved("./b.S"), inconclusive("../c.S"), failed("/d.S"), proved("./b.S"))),
    "gate-known": settled(violated(), "known"),
    "gate-waived": replace(settled(waived(), "waived", "strict"), waivers=IDLE),
}
"""Name → run; the goldens of each format are named so."""

ATTACKED = (RUNS["everything"], RUNS["several"], RUNS["waived"])
"""Runs that between them have everything that a name can stand in."""

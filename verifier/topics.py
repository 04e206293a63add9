# SPDX-License-Identifier: BSD-2-Clause
"""What ``verify-exit explain`` knows beside clauses, reasons and exit codes: the other ids of reports and messages.

All of it comes from the tables that the program itself uses; the contracts are read from their files.
"""

from __future__ import annotations

from collections.abc import Iterator

from verifier import assumptions
from verifier.contract import PROMISE_IDS, Contract, contract_names, load_contract
from verifier.errors import ERRORS
from verifier.explain import Topic
from verifier.model import UserError
from verifier.report import FORMATS

FORMAT_TEXTS: dict[str, tuple[str, str]] = {
    "text": (
        "for people",
        "Verdict, clauses, counterexamples, reasons and assumptions; the default on standard output.",
    ),
    "concise": (
        "one line for each finding",
        "FILE:LINE: error: and what it is, as compilers write it: editors jump to it.",
    ),
    "json": (
        "for programs",
        "Everything that the other formats show, under a versioned schema that the package holds. replay and "
        "--baseline read it.",
    ),
    "sarif": ("for code scanning", "SARIF 2.1.0: one result for each finding, counterexamples as code flows."),
    "junit": ("for test dashboards", "A test case for each clause: violated is a failure, unknown an error."),
    "ktap": ("for kernel test tools", "KTAP version 1: a test for each clause."),
    "github": ("for GitHub Actions", "Annotations as workflow commands; with a summary of the step."),
    "markdown": ("a review report", "The content of the html report as Markdown."),
    "html": ("a review report", "One file that needs nothing else: listing, path graph, counterexamples; prints well."),
    "lkml": ("a mail for maintainers", "Problem, how it is reached, effect, tool, reproducer. It is never sent."),
    "parts": (
        "for verify-exit merge",
        "Whole reports, as they were before waivers. merge puts the parts of a run with --shard together and "
        "writes any other format from them.",
    ),
}
"""Name of an output format → what it is, and what it holds."""

GATE_TEXTS: dict[str, tuple[str, str]] = {
    "advisory": (
        "reports and lets pass",
        "violated and inconclusive end with 0. Errors and interruptions keep their exit codes.",
    ),
    "new-only": (
        "stops what is new",
        "A violated clause that --baseline REPORT.json has already does not count; everything else does, and what "
        "is inconclusive does not pass.",
    ),
    "strict": ("stops everything", "0 only if every clause is proved, not applicable, or waived by a live waiver."),
}
"""Mode of --gate → what it does."""

STATUS_TEXTS: dict[str, tuple[str, str]] = {
    "unknown": ("the clause is open", "Neither a proof nor a confirmed counterexample; the reason says why."),
    "waived": (
        "the clause is violated, and somebody answers for it",
        "A line of the file of waivers names it until a day. It is shown and counted, and never proved.",
    ),
    "not-applicable": ("the clause does not apply", "The exit or the CPU lacks what the clause is about."),
}
"""Status of a clause → what it means, where the exit codes do not say so."""


def topics() -> tuple[Topic, ...]:
    """Every further topic, in the order in which they are listed."""
    return (*_statuses(), *_assumptions(), *_contracts(), *_errors(), *_formats(), *_modes())


def _statuses() -> Iterator[Topic]:
    for name, (title, text) in STATUS_TEXTS.items():
        yield Topic("Statuses of a clause, beside proved and violated", "status", name, title, (("", text),))


def _assumptions() -> Iterator[Topic]:
    group = "Assumptions (a verdict holds where these do)"
    for one in assumptions.texts():
        yield Topic(group, "assumption", one.id, one.text, (("Rests on", f"{one.source}."),))


def _contracts() -> Iterator[Topic]:
    try:
        contracts = [load_contract(name) for name in contract_names()]
    except UserError:
        # Without its data files the program still explains what it can; doctor says that they are missing.
        return
    for clause in PROMISE_IDS:
        parts = tuple(part for contract in contracts for part in _promise(contract, clause))
        if parts:
            title = f"the kernel, not the analysed code, takes care of clause {clause}"
            yield Topic("Promises of contracts", "assumption", f"promise-{clause}", title, parts)
    for contract in contracts:
        promised = ", ".join(clause for clause, _ in contract.promises) or "nothing"
        parts = (("", f"Source: {contract.source}."), ("Promises", f"{promised}."))
        yield Topic("Contracts (for --contract)", "contract", contract.name, contract.title, parts)


def _promise(contract: Contract, clause: str) -> Iterator[tuple[str, str]]:
    for name, fact in contract.promises:
        if name == clause:
            yield contract.name, f"{fact.value} [{fact.source}]"


def _errors() -> Iterator[Topic]:
    for error in ERRORS:
        codes = " or ".join(map(str, error.exits))
        parts = (("", f"Exit code {codes}."), ("What to do", error.remedy))
        yield Topic("Errors", "error", error.code, error.title, parts)


def _formats() -> Iterator[Topic]:
    for name, (title, text) in FORMAT_TEXTS.items():
        if name in FORMATS:
            yield Topic("Output formats (for --format)", "format", name, title, (("", text),))


def _modes() -> Iterator[Topic]:
    for name, (title, text) in GATE_TEXTS.items():
        yield Topic("Gate modes (for --gate)", "gate mode", name, title, (("", text),))

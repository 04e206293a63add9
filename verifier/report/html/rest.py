# SPDX-License-Identifier: BSD-2-Clause
"""What a verdict rests on and what became of it: assumptions, tools, theorem, waivers, gate, reasons, evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.model import Disagreement, FileReport, Gate, Run, Search, WaiverUse
from verifier.recording import EndState
from verifier.report import narrative
from verifier.report.closing import gate_line
from verifier.report.grouping import merged_reasons
from verifier.report.html.element import Content, el
from verifier.report.html.page import Page
from verifier.report.html.parts import code, fold, hidden, items, row, said, spot, table
from verifier.report.words import capital, counted, hexa, sentence


def assumptions(report: FileReport) -> Content:
    """Every assumption with its text and who vouches for it."""
    if not report.assumptions:
        return el("p", "None are recorded.")
    rows = [row(code(one.id), capital(said(one.text)), one.source) for one in report.assumptions]
    return table("The verdict holds where all of these hold", ("Name", "What is assumed", "Who promises it"), rows)


def trusted(report: FileReport) -> Content:
    """What has to be right for the verdict."""
    rows = [row(name, code(version), purpose) for name, version, purpose in narrative.trusted(report)]
    if not rows:
        return el("p", "Nothing is recorded.")
    return table(hidden("Programs and data that have to be right"), ("Name", "Version", "Trusted with"), rows)


def paragraphs(texts: Sequence[str]) -> Content:
    """Sentences, a paragraph each."""
    return [el("p", text) for text in texts]


def limits(report: FileReport) -> Content:
    """What the verdict does not say."""
    return items(narrative.limits(report))


def reasons(page: Page) -> Content:
    """Why the verdict is not decided, and what would settle it; None if nothing is open."""
    found = merged_reasons(page.report)
    if not found:
        return None
    rows = []
    for one in found:
        at = one.location
        place: list[Content] = [spot(at), el("br"), code(at.text)] if at is not None else ["–"]
        rows.append(row(code(one.code), said(capital(one.text)), place, said(capital(one.remedy))))
    columns = ("Reason", "What is open", "Where", "What would settle it")
    return table(hidden("What is not decided"), columns, rows, "reasons")


def waivers(uses: Sequence[WaiverUse]) -> Content:
    """The waivers that were read, all of them."""
    if not uses:
        return el("p", "No waivers were read: nothing that fails is excused.")
    rows = [
        row(
            one.waiver.id,
            [one.state, f", {counted(one.waived, 'clause')}" if one.waived else None],
            code(one.waiver.clause),
            said(one.waiver.reason),
            one.waiver.owner,
            one.waiver.expires,
            code(one.waiver.fingerprint),
        )
        for one in uses
    ]
    columns = ("Waiver", "State", "Clause", "Why", "Owner", "Until", "Fingerprint")
    return table("A waived clause is violated; somebody answers for it until the day given", columns, rows, "waivers")


def gate(found: Gate | None) -> Content:
    """What the gate makes of the run, finding by finding."""
    if found is None:
        return el("p", "This run had no gate: its exit code is the plain verdict.")
    rows = [
        row(
            code(one.id),
            {"new": "counts", "known": "known", "waived": "waived"}[one.state],
            one.input,
            spot(one.location) if one.location is not None else "–",
            code(one.fingerprint),
        )
        for one in found.findings
    ]
    columns = ("Finding", "State", "Input", "Where", "Fingerprint")
    against: Content = None
    if found.baseline is not None:
        against = el("p", "Baseline: ", code(found.baseline.path), ", SHA-256 ", code(found.baseline.sha256), ".")
    return [
        el("p", said(gate_line(found))),
        against,
        table(hidden("Findings"), columns, rows, "findings") if rows else None,
    ]


def evidence(report: FileReport) -> Content:
    """What stands beside the verdict: other solvers, certificates, and searches on the emulator."""
    said_ = [
        f"{one.solver} agrees with {one.agreed} of {counted(one.asked, 'obligation')}"
        + (f" and says the opposite of {one.opposed}." if one.opposed else ".")
        for one in report.cross_checks
    ]
    shown: list[Content] = [el("p", "Cross-check: ", text) for text in said_]
    found = report.certificates
    if found is not None:
        asked = counted(found.asked, "obligation")
        shown.append(el("p", f"Certificates: {found.covered} of {asked} have a proof that the checker accepts."))
        if found.missing:
            shown.append(fold(f"{counted(len(found.missing), 'obligation')} without", items(found.missing)))
    shown += [_search(one) for one in report.searches]
    return shown or el("p", "None was asked for: the verdict rests on the trusted base alone.")


def _search(one: Search) -> Content:
    found = "no proved clause was false in any" if not one.divergences else "a proved clause was FALSE"
    if not one.judged:
        found = "none came to the exit, so that nothing was tried"
    details = [row(name, str(count)) for name, count in one.ends]
    left = [el("span", code(name), f" ({why})") for name, why in one.left_out]
    return [
        el(
            "p",
            f"Search at {spot(one.location)} from {one.entry}: {counted(one.machines, 'machine')} ran on the emulator, "
            f"{one.judged} came to the exit on {counted(one.paths, 'path')}; {found}.",
        ),
        el("p", "Judged: ", " ".join(one.clauses) or "nothing", "."),
        el("p", "Not judged: ", [[", " if order else None, part] for order, part in enumerate(left)], ".")
        if left
        else None,
        fold("Where the machines ended", table(hidden("Ends"), ("End", "Machines"), details)) if details else None,
    ]


def disagreements(report: FileReport) -> Content:
    """Runs of one machine that differ: defects of this tool; None if there are none."""
    return [_disagreement(one) for one in report.disagreements] or None


def _disagreement(one: Disagreement) -> Iterator[Content]:
    about = f"the machine that violates {one.clause}" if one.clause else "the machine that reaches the exit"
    yield el("p", el("strong", f"About {about}"), f" at {spot(one.location)} ({'/'.join(one.config)}):")
    yield items(one.problems)
    if one.lifted is not None and one.emulated is not None:
        pairs_ = zip(_end(one.lifted), _end(one.emulated), strict=False)
        rows = [row(name, code(hexa(mine)), code(hexa(other))) for (name, mine), (_, other) in pairs_ if mine != other]
        yield table("In what the ends differ", ("Place", "As predicted", "On the emulator"), rows)
        yield el("p", "Instructions, as predicted: ", code(" ".join(map(hexa, one.lifted.trace))))
        yield el("p", "Instructions, on the emulator: ", code(" ".join(map(hexa, one.emulated.trace))))
    if one.inputs:
        yield el("p", "Inputs: ", code(", ".join(f"{given.name}={hexa(given.value)}" for given in one.inputs)))


def _end(end: EndState) -> list[tuple[str, int]]:
    system = (("gs_base", end.gs_base), ("kernel_gs_base", end.kernel_gs_base), ("cr3", end.cr3))
    frame = [(f"frame.{name}", value) for name, value in end.frame]
    return [*end.registers, *system, ("rflags.IF", end.interrupts), *frame]


def reproduce(report: FileReport) -> Content:
    """The commands, each in a block of its own, so that it can be copied."""
    commands = narrative.reproduce(report)
    if not commands:
        return el("p", "No command is recorded.")
    return [el("pre", code(command), class_="command") for command in commands]


def error(report: FileReport) -> Content:
    """The error in its own words."""
    if report.error is None:
        return None
    name, message, status = report.error
    return [el("pre", code(sentence(message))), el("p", code(name), f", exit code {status}.")]


def run_parts(run: Run) -> tuple[tuple[str, str, Content], ...]:
    """(identity, title, content) of what is about the whole run."""
    return (("waivers", "Waivers", waivers(run.waivers)), ("gate", "Gate", gate(run.gate)))

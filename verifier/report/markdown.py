# SPDX-License-Identifier: BSD-2-Clause
"""The review report in GitHub-flavoured Markdown, for a tracker, a wiki or a mail: the content of the HTML report.

No line is folded, because trackers break lines where the text does. Text of others is escaped in ``mdtext``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from verifier.model import FileReport, Run, SiteResult
from verifier.report import Style, mdknown, narrative
from verifier.report.disagreement import disagreement
from verifier.report.evidence import lines as evidence_lines
from verifier.report.grouping import decisive, merged_reasons
from verifier.report.listing_text import counterexamples_from, legend, listing
from verifier.report.mdsite import clause_table, counterexamples
from verifier.report.mdtext import block, code, codes, table, text
from verifier.report.phrases import code_rows, exit_name, gate_sentence
from verifier.report.svg import outline
from verifier.report.verdict import worst_verdict
from verifier.report.words import capital, counted, sentence, source


def render(run: Run, style: Style) -> str:
    """All reports; ``style`` changes nothing."""
    lines = list(_head(run))
    for report in run.reports:
        name = code(report.input.path) if len(run.reports) > 1 else ""
        lines += [f"## {name or 'Verdict'}: {report.verdict}{_about(report)}", "", *_report(report)]
    lines += _waivers(run)
    return "\n".join(lines).rstrip("\n") + "\n"


def _head(run: Run) -> Iterator[str]:
    worst = worst_verdict(run.reports)
    if len(run.reports) == 1:
        yield f"# {code(run.reports[0].input.path)}: {worst}"
        yield ""
    else:
        yield f"# verify-exit: {counted(len(run.reports), 'input')}, {worst}"
        yield ""
        rows = (
            (code(report.input.path), f"**{report.verdict}**", codes(decisive(report)), text(_brief(report)))
            for report in run.reports
        )
        yield from table(("input", "verdict", "decided by", ""), rows)
    if run.gate is not None:
        yield text(gate_sentence(run.gate))
        yield ""
        found = (
            (code(one.input), code(one.id), one.state, code(source(one.location)) if one.location else "",
             code(one.fingerprint))
            for one in run.gate.findings
        )  # fmt: skip
        yield from table(("input", "finding", "state", "at", "fingerprint"), found)


def _brief(report: FileReport) -> str:
    return f"{counted(len(report.sites), 'exit')}, {counted(len(report.assumptions), 'assumption')}"


def _report(report: FileReport) -> Iterator[str]:
    yield f"**{text(narrative.verdict_sentence(report))}**"
    yield ""
    yield from table(("scope", ""), ((text(label), _value(label, value)) for label, value in narrative.scope(report)))
    yield from mdknown.change(report)
    yield from _reasons(report)
    for site in report.sites:
        yield f"### {text(exit_name(site))}: {site.verdict}"
        yield ""
        yield from _site(report, site)
    yield from _listing(report)
    yield from _base(report)
    yield from _section("Theorem", narrative.theorem(report))
    yield from _evidence(report)
    commands = narrative.reproduce(report)
    if commands:
        yield from ("### Reproduce", "")
        yield from block(commands, "sh")
    yield from _section("Limits", narrative.limits(report), "- ")


def _about(report: FileReport) -> str:
    names = decisive(report)
    return f" ({codes(names)})" if names else ""


def _value(label: str, value: str) -> str:
    return text(value) if label in ("Code", "Profile", "CPU configurations", "Exits") else code(value)


def _section(title: str, paragraphs: Iterable[str], mark: str = "") -> Iterator[str]:
    shown = [f"{mark}{text(said)}" for said in paragraphs]
    if shown:
        yield from (f"### {title}", "")
        for said in shown:
            yield said
            if not mark:
                yield ""
        if mark:
            yield ""


def _reasons(report: FileReport) -> Iterator[str]:
    if not report.reasons:
        return
    yield "### Why it is not decided" if report.verdict == "inconclusive" else "### What is not decided"
    yield ""
    for reason in merged_reasons(report):
        at = f" at {code(source(reason.location))}" if reason.location is not None else ""
        where = f" ({code(reason.location.text)})" if reason.location is not None and reason.location.text else ""
        remedy = f" To settle it: {text(sentence(reason.remedy))}." if reason.remedy else ""
        yield f"- {code(reason.code)}{at}{where}: {text(sentence(reason.text))}.{remedy}"
    yield ""


def _site(report: FileReport, site: SiteResult) -> Iterator[str]:
    if site.entry != site.location.symbol:
        yield f"Reached from {code(site.entry)}."
        yield ""
    yield from clause_table(report, site)
    yield from mdknown.hints(report, site)
    yield from mdknown.matrix(site)
    if site.switches:
        yield f"The paths depend on {codes(sorted(site.switches))}."
        yield ""
    rows = ((text(where), code(variant), code(digest)) for where, variant, digest in code_rows(site))
    yield from table(("code judged", "in place of it, with", "SHA-256"), rows)
    if site.witness:
        chosen = ", ".join(f"{code(item.name)} = {code(hex(item.value))}" for item in site.witness)
        yield f"A machine that reaches the exit, run on the emulator: {chosen}; any value for what is not named."
        yield ""
    yield from counterexamples(report, site)
    yield from mdknown.taken(site)
    yield from mdknown.left(report, site)


def _listing(report: FileReport) -> Iterator[str]:
    for path_map in report.maps:
        yield f"### The code from {code(path_map.entry)}"
        yield ""
        yield text(legend(report, path_map))
        yield ""
        yield from block(listing(report, path_map))
        ways = outline(path_map, counterexamples_from(report, path_map.entry))
        if ways:
            yield f"### The ways from {code(path_map.entry)}"
            yield ""
            yield from block(ways)


def _base(report: FileReport) -> Iterator[str]:
    if report.assumptions:
        yield from ("### Assumptions", "", "A verdict holds where these do.", "")
        rows = (
            (code(item.id), text(capital(sentence(item.text)) + "."), text(item.source)) for item in report.assumptions
        )
        yield from table(("id", "assumption", "who vouches for it"), rows)
    known = narrative.trusted(report)
    if known:
        yield from ("### Trusted base", "")
        yield from table(
            ("part", "version", "what for"), ((code(one), code(two), text(three)) for one, two, three in known)
        )


def _evidence(report: FileReport) -> Iterator[str]:
    said = list(evidence_lines(report, True))
    if said or report.disagreements:
        yield from ("### Evidence beside the verdict", "")
        yield from block(said)
    for item in report.disagreements:
        yield from block(disagreement(item))


def _waivers(run: Run) -> Iterator[str]:
    if not run.waivers:
        return
    yield from ("## Waivers", "")
    rows = (
        (code(use.waiver.id), code(use.waiver.clause), _state(use.state, use.waived), text(use.waiver.owner),
         text(use.waiver.expires), text(use.waiver.reason), code(use.waiver.fingerprint))
        for use in run.waivers
    )  # fmt: skip
    yield from table(("waiver", "clause", "state", "owner", "until", "reason", "fingerprint"), rows)
    yield "A waived clause is violated; it is never counted as proved."
    yield ""


def _state(state: str, waived: int) -> str:
    return f"waives {counted(waived, 'clause')}" if state == "used" else state

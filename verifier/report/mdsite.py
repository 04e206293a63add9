# SPDX-License-Identifier: BSD-2-Clause
"""One exit in Markdown: the table of its clauses, and each counterexample."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.model import ClauseResult, FileReport, SiteResult
from verifier.report import machine, narrative
from verifier.report.fingerprint import of_clause
from verifier.report.grouping import Violation
from verifier.report.listing_text import rests_on
from verifier.report.mdtext import block, code, codes, table, text
from verifier.report.phrases import on_cpus
from verifier.report.words import capital, configs_label, counted, in_order, sentence

_VENDORS = {"intel": "Intel", "amd": "AMD"}
_MARKS = {"violated": "**violated**", "waived": "**violated, waived**", "unknown": "**unknown**"}


def clause_table(report: FileReport, site: SiteResult) -> list[str]:
    """Every clause of the exit with its status; the register clauses that are alike share a row."""
    groups: dict[tuple[str, str, str], list[ClauseResult]] = {}
    for clause in site.clauses:
        family = "gpr" if clause.id.startswith("gpr.") else clause.id
        note = (clause.reason or "") if clause.status != "proved" else ""
        key = (family, clause.status, note)
        groups.setdefault(key, []).append(clause)
    rows = []
    rests = rests_on(report, site)
    for (family, status, note), members in groups.items():
        ids = list(dict.fromkeys(member.id for member in members))
        configs = in_order(config for member in members for config in member.configs)
        meaning = narrative.clause_meaning(ids[0] if len(ids) == 1 else family)
        branches = list(dict.fromkeys(place for name in ids for place in rests.get(name, ())))
        rows.append(
            (
                codes(ids),
                _MARKS.get(status, status),
                text(configs_label(configs, report.configs) or "all"),
                text(capital(meaning)),
                codes(branches) if status == "proved" else "",
                text(capital(sentence(note))),
            )
        )
    heads = ("clause", "status", "CPUs", "meaning", "rests on the branches at", "note")
    kept = [index for index in range(len(heads)) if index < 4 or any(row[index] for row in rows)]
    return table([heads[index] for index in kept], ([row[index] for index in kept] for row in rows))


def counterexamples(report: FileReport, site: SiteResult) -> Iterator[str]:
    """Every violated and waived clause; of the registers the first in full, the others in a line each."""
    shown: set[str] = set()
    for waived in (False, True):
        for violation in machine.failed(site, "waived" if waived else "violated"):
            family = violation.id.split(".")[0]
            if violation.id.startswith("gpr.") and family in shown:
                yield from _short(violation, report)
            else:
                yield from _full(violation, report, site, waived)
            shown.add(family)


def _name(violation: Violation, report: FileReport) -> str:
    on = configs_label(violation.configs, report.configs)
    return code(violation.id) + (f" on {text(on)}" if on else "")


def _short(violation: Violation, report: FileReport) -> Iterator[str]:
    cause = violation.example.cause if violation.example is not None else violation.reason or "violated"
    said = f"Also {_name(violation, report)}: {text(sentence(cause))}"
    if violation.example is not None:
        pairs = [pair for pair in machine.outcomes(violation.example) if pair.differs]
        said += "".join(f"; {code(pair.name)} is {code(pair.fast)}, with IRET {code(pair.iret)}" for pair in pairs)
    yield f"{said}."
    yield ""


def _full(violation: Violation, report: FileReport, site: SiteResult, waived: bool) -> Iterator[str]:
    yield f"#### Counterexample to {_name(violation, report)}{' (waived)' if waived else ''}"
    yield ""
    example = violation.example
    if example is None:
        yield text(violation.reason or "No counterexample is available.")
        yield ""
        return
    yield f"**{text(capital(sentence(example.cause)))}.** {text(narrative.clause_effect(violation.id))}".rstrip()
    yield ""
    for event in machine.events(example):
        yield f"- {text(event)}"
    if machine.events(example):
        yield ""
    rows = ((code(row.name), code(row.value), text(row.said), text(row.kind)) for row in machine.inputs(example))
    yield (
        "Inputs; any value will do for what is not listed."
        if example.inputs
        else ("Inputs: none; every state that reaches the exit fails.")
    )
    yield ""
    yield from table(("input", "value", "which is", "where"), rows)
    yield f"Path, {counted(len(example.path), 'instruction')}:"
    yield ""
    yield from block(machine.path(example.path))
    if example.at_exit:
        yield f"State just before {code(example.sysret.instruction)}:"
        yield ""
        state = ((code(row.name), code(row.value), text(row.said)) for row in machine.state(example))
        yield from table(("register", "value", "which is"), state)
    yield from _outcomes(violation)
    for vendor, note in example.vendor_notes:
        yield f"- On {text(_VENDORS.get(vendor, vendor))}: {text(note)}"
    if example.vendor_notes:
        yield ""
    confirmed = "Replay confirmed" if example.replayed else "Replay did NOT confirm this"
    note = f": {text(sentence(example.replay_note))}" if example.replay_note else ""
    yield f"{confirmed}{note}. Fingerprint {code(of_clause(report, site, violation.id))}."
    yield ""


def _outcomes(violation: Violation) -> Iterator[str]:
    example = violation.example
    if example is None:
        return
    pairs = machine.outcomes(example)
    cpu = on_cpus((example.config,))
    if not any(pair.differs for pair in pairs):
        yield "The fields of the two outcomes do not differ in this state; what is wrong is said above."
        yield ""
        return
    rows = []
    for pair in pairs:
        mark = "**differs**" if pair.differs else ""
        # How an exit ends is a sentence, a field is a value.
        show = text if pair.name == "outcome" else code
        rows.append((text(pair.name), mark, show(pair.fast), show(pair.iret)))
    ours, theirs = machine.columns(example)
    yield from table((f"what the exits do, {text(cpu)}", "", code(ours), code(theirs)), rows)
    equal = machine.equal_fields(example)
    if equal:
        yield f"{counted(equal, 'more field')} equal."
        yield ""

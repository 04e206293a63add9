# SPDX-License-Identifier: BSD-2-Clause
"""A plain-text mail for the maintainers of the code: problem, how it is reached, effect, tool, reproducer.

The order is that of the questions in a kernel's guidelines for researchers
(Documentation/process/researcher-guidelines.rst). The tool writes the text and never sends it. What the tool
does not know stands in brackets, for the person who sends it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.clauses import clause
from verifier.model import Counterexample, FileReport, Run, SiteResult
from verifier.report import Style, machine, narrative
from verifier.report.fingerprint import of_clause
from verifier.report.grouping import Violation
from verifier.report.mailtext import COLUMNS, INDENT, joined, values, wrapped
from verifier.report.phrases import exit_name, on_cpus
from verifier.report.words import clean, configs_label, counted, sentence, source

_RULE = "=" * COLUMNS
_VENDORS = {"intel": "Intel", "amd": "AMD"}
_STEPS = 16
"""Steps of the path that are shown at its start and at its end, if there are more."""
_GUARDS = frozenset({"rip", "rflags", "rf", "canonical", "cs", "ss", "tf"})
"""Clauses whose condition an exit can test on the saved frame: a test of it makes the clause true."""


def render(run: Run, style: Style) -> str:
    """One message for each input with a violation, else one line for each input; ``style`` changes nothing."""
    messages = ["\n".join(_message(report)) for report in run.reports if _violations(report)]
    others = [report for report in run.reports if not _violations(report)]
    if not run.reports:
        return "Nothing to report: there was no input.\n"
    if not messages:
        quiet = [wrapped(_quiet(report)) for report in others]
        return "\n\n".join("\n".join(lines) for lines in quiet) + "\n"
    if others:
        words = {"error": "was not judged"}
        said = ", ".join(f"{one.input.path} {words.get(one.verdict, f'is {one.verdict}')}" for one in others)
        messages.append("\n".join(wrapped(f"[No message is about these inputs: {said}.]")))
    return f"\n\n{_RULE}\n\n".join(messages) + "\n"


def _violations(report: FileReport) -> list[tuple[SiteResult, Violation]]:
    """What failed, with a counterexample; what endangers the kernel itself comes first."""
    found = [(site, item) for site in report.sites for item in machine.failed(site) if item.example is not None]
    return sorted(found, key=lambda pair: not _safety(pair[1].id))


def _quiet(report: FileReport) -> str:
    """One paragraph for an input without a violation to report."""
    waived = any(machine.failed(site, "waived") for site in report.sites)
    match report.verdict:
        case "proved":
            said = "No violation was found."
        case "inconclusive" if waived:
            said = "What was found is waived."
        case "inconclusive":
            said = "No violation was found, and none is excluded."
        case _:
            said = "There is no result."
    return f"Nothing to report. {said} {narrative.verdict_sentence(report)}"


def _safety(identifier: str) -> bool:
    known = clause(identifier)
    return known is not None and "safety" in known.profiles


def _message(report: FileReport) -> Iterator[str]:
    found = _violations(report)
    site, first = found[0]
    example = first.example
    if example is None:
        return
    where = site.location.symbol or exit_name(site)
    yield clean(f"Subject: [BUG] {_cut(where)}: {site.kind.upper()} taken where it must not be ({first.id})")
    yield ""
    yield from _problem(site, first, example)
    yield from _also(report, found)
    yield from _reached(report, site, example)
    yield from _effect(site, first, example)
    yield from _where(report, site, [item for other, item in found if other == site and item.id == first.id])
    yield from _tool(report, example)
    yield from _section("Which version")
    yield from _version(report)
    yield from _reproducer(report, of_clause(report, site, first.id))
    yield from _remedy(site, found)
    yield from _before_sending()


def _problem(site: SiteResult, first: Violation, example: Counterexample) -> Iterator[str]:
    yield from _section("What is wrong")
    title = narrative.clause_meaning(first.id)
    needed = f" What has to hold there: {sentence(title)}." if title else ""
    yield from _paragraph(
        f"{exit_name(site)}, can be taken in a state in which it must not: {sentence(example.cause)}.{needed}"
    )
    for event in machine.events(example):
        yield from _paragraph(f"What happens on the way: {sentence(event)}.")


def _also(report: FileReport, found: Sequence[tuple[SiteResult, Violation]]) -> Iterator[str]:
    """Other clauses that fail, at this exit or another, in a line each."""
    first = found[0]
    others = [(site, item) for site, item in found[1:] if (site, item.id) != (first[0], first[1].id)]
    if not others:
        return
    yield from _paragraph("The same input also has:")
    for site, item in others:
        on = configs_label(item.configs, report.configs)
        cause = item.example.cause if item.example is not None else item.reason or "violated"
        yield clean(f"{INDENT}{item.id}{f' ({on})' if on else ''}, {exit_name(site)}: {sentence(cause)}")
    yield ""


def _reached(report: FileReport, site: SiteResult, example: Counterexample) -> Iterator[str]:
    yield from _section("How it is reached")
    if example.inputs:
        yield from _paragraph(f"At {site.entry} the following has to hold; any value will do for the rest:")
        yield from values((row.name, row.value, joined(row.said, _made(row))) for row in machine.inputs(example))
    else:
        yield from _paragraph(f"Every state at {site.entry} that comes to the exit will do.")
    told = " ".join(machine.events(example))
    decisive = [step for step in example.path if step.changes or step.note or source(step.location) in told]
    yield from _paragraph(
        f"The code runs {counted(len(example.path), 'instruction')} from there to the exit. Those that decide the way "
        "or change a register that counts:"
    )
    yield from (clean(f"{INDENT[2:]}{line}") for line in machine.path(decisive, _STEPS, _STEPS))
    yield ""
    yield from _paragraph(f"In the state just before {example.sysret.instruction} that leaves:")
    yield from values((row.name, row.value, row.said) for row in machine.state(example) if ", " not in row.name)
    granted = [sentence(item.text) for item in report.assumptions if item.id.startswith("contract-")]
    if granted:
        yield from _paragraph("What the tool takes for granted:")
        for said in granted:
            yield from wrapped(said, f"{INDENT}- ")
        yield ""
    yield from _paragraph(
        f"The state meets all {counted(len(report.assumptions), 'assumption')} of the run (-v lists them with their "
        "sources). That a program can bring a running system into it is not shown."
    )
    yield from wrapped(
        "[Before sending: say what a program has to do to get here (which system call, signal, tracer or exception "
        "leaves such a frame), or that you do not know.]"
    )
    yield ""


def _effect(site: SiteResult, first: Violation, example: Counterexample) -> Iterator[str]:
    yield from _section("What it does")
    effect = narrative.clause_effect(first.id)
    yield from _paragraph(effect) if effect else ()
    ours, theirs = (name.upper() if name != "needed" else name for name in machine.columns(example))
    pairs = machine.outcomes(example)
    cpu = on_cpus((example.config,))
    if any(pair.differs for pair in pairs):
        if theirs == "needed":
            yield from _paragraph(f"In this state {ours} hands over the one, and user mode needs the other ({cpu}):")
        else:
            yield from _paragraph(
                f"In this state {ours} does the one, {theirs} with the saved frame would do the other ({cpu}):"
            )
        yield from _outcomes(ours, theirs, pairs)
    else:
        yield from _paragraph(
            "The fields of the two outcomes do not differ in this state; what is wrong is said above."
        )
    for vendor, note in example.vendor_notes:
        yield from _paragraph(f"On {_VENDORS.get(vendor, vendor)}: {sentence(note)}.")


def _where(report: FileReport, site: SiteResult, alike: Sequence[Violation]) -> Iterator[str]:
    """On which CPUs the clause fails, and what is known of the others."""
    bad = [config for item in alike for config in item.configs]
    said = f"It happens {on_cpus(bad)}"
    if len(alike) > 1:
        said += f"; the state above is for {on_cpus(alike[0].configs)[3:]}, there are others like it"
    if set(bad) != set(report.configs):
        rest = [clause.status for clause in site.clauses if clause.id == alike[0].id and clause.status != "violated"]
        known = rest and "unknown" not in rest and "waived" not in rest
        said += ". It does not happen" if known else ". Nothing is known"
        said += f" {on_cpus([config for config in report.configs if config not in bad])}"
    yield from _paragraph(f"{said}.")


def _outcomes(ours: str, theirs: str, pairs: Sequence[machine.Pair]) -> Iterator[str]:
    """How the two exits end, then the fields side by side; "!=" marks a difference."""
    fate, *fields = pairs
    width = max(len(clean(ours)), len(clean(theirs)))
    if fate.differs:
        yield clean(f"{INDENT}{ours + ':':{width + 1}} {fate.fast}")
        yield clean(f"{INDENT}{theirs + ':':{width + 1}} {fate.iret}")
    else:
        yield clean(f"{INDENT}both: {fate.fast}")
    yield ""
    shown = [pair for pair in fields if (pair.fast, pair.iret) != ("-", "-")]
    if not shown:
        return
    name = max(len(clean(pair.name)) for pair in shown)
    left = max([len(_value(pair.fast)) for pair in shown] + [len(clean(ours))])
    yield clean(f"{INDENT}{'':{name}}     {ours:{left}}  {theirs}")
    for pair in shown:
        mark = "!=" if pair.differs else "  "
        yield f"{INDENT}{clean(pair.name):{name}}  {mark} {_value(pair.fast):{left}}  {_value(pair.iret)}"
    yield ""


def _value(cell: str) -> str:
    """A cell without what it means, so that the columns stay narrow."""
    return cell.partition(" ")[0]


def _tool(report: FileReport, example: Counterexample) -> Iterator[str]:
    yield from _section("How it was found")
    versions = dict(report.tool)
    own = f" {versions['verify-exit']}" if "verify-exit" in versions else ""
    parts = [f"{name} {versions[name]}" for name in ("pyvex", "z3-solver", "capstone", "unicorn") if name in versions]
    using = f" It uses {', '.join(parts)}." if parts else ""
    built = [versions[name] for name in ("as", "gcc") if name in versions]
    # An object or an image was not assembled by the tool.
    if built and report.input.path.lower().endswith(".s"):
        using += f" Assembled with {' and '.join(built)}."
    yield from _paragraph(
        f"By verify-exit{own}, which executes the machine code symbolically from the entry to the exit and asks an "
        f"SMT solver for a state that violates a clause.{using}"
    )
    if not example.replayed:
        yield from _paragraph("The state above was NOT confirmed on the emulator.")
        return
    note = f" ({sentence(example.replay_note)})" if example.replay_note else ""
    yield from _paragraph(
        f"The state above was run on a CPU emulator over the real bytes, up to the exit instruction{note}. What the "
        "exit instruction does is taken from the manuals. Nothing was run on hardware."
    )


def _version(report: FileReport) -> Iterator[str]:
    rows = [(label.lower(), value) for label, value in narrative.scope(report)]
    wanted = ("input", "sha-256", "unpacked from", "contract", "profile", "entries")
    width = max((len(label) for label, _ in rows if label in wanted), default=0)
    yield from (clean(f"{INDENT}{label:{width}}  {value}") for label, value in rows if label in wanted)
    yield ""
    yield from wrapped(
        "[Before sending: name the release or commit, the configuration and the compiler that this file comes from, "
        "and check that the newest release has it too.]"
    )
    yield ""


def _reproducer(report: FileReport, fingerprint: str) -> Iterator[str]:
    commands = narrative.reproduce(report)
    if not commands:
        return
    yield from _section("How to see it again")
    yield from (clean(f"{INDENT}{command}") for command in commands)
    yield ""
    yield from _paragraph(
        "The first command finds it again; the second runs the same machine on the emulator from the report alone. "
        f"The finding's fingerprint is {fingerprint}."
    )


def _remedy(site: SiteResult, found: Sequence[tuple[SiteResult, Violation]]) -> Iterator[str]:
    """The missing test, where the clause itself is the test. Where something else is wrong nothing is proposed."""
    ids = list(dict.fromkeys(item.id for other, item in found if other == site and item.id in _GUARDS))
    if not ids or site.kind != "sysretq":
        return
    titles = " and ".join(narrative.clause_meaning(name) for name in ids)
    yield from _section("What would repair it")
    yield from _paragraph(
        f"{' and '.join(ids)} cannot fail if SYSRETQ is taken only in states in which {titles}, and IRETQ in all "
        "others. Where that test belongs the tool does not know."
    )


def _before_sending() -> Iterator[str]:
    yield from wrapped(
        "[Before sending: if this can be attacked, write to the project's security contact first and to no public "
        "list. Replace or remove what stands in brackets. If you can, send a tested patch with it, and say how it was "
        "tested.]"
    )


def _section(title: str) -> Iterator[str]:
    yield f"{title}:"
    yield ""


def _paragraph(said: str) -> Iterator[str]:
    yield from wrapped(said)
    yield ""


def _made(row: machine.Row) -> str:
    """Where an input is from, if its name does not say so."""
    return row.kind if row.kind.startswith("made by ") or ":" in row.kind else ""


def _cut(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:37]}..."

# SPDX-License-Identifier: BSD-2-Clause
"""Parts of the sentences about a report: CPUs, exits, entries, states, and which clauses have a status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from verifier.model import Config, FileReport, Gate, SiteResult, Status, WaiverUse
from verifier.report.grouping import code_digest, code_ranges
from verifier.report.words import counted, in_order, place, sentence, source

FEW = 4
_ENTRY_NAMES = 2
_VENDORS = {"intel": "Intel", "amd": "AMD"}
_PAGING = {"la48": "4-level", "la57": "5-level"}

_CPUS = {"intel": "Intel", "amd": "AMD", "la48": "4-level", "la57": "5-level"}


def on_cpus(configs: Sequence[Config]) -> str:
    """The configurations in words: "on Intel and AMD with 4- and 5-level paging"."""
    chosen = in_order(configs)
    names = list(dict.fromkeys(_VENDORS.get(vendor, vendor) for vendor, _ in chosen))
    levels = list(dict.fromkeys(_PAGING.get(paging, paging) for _, paging in chosen))
    if not chosen:
        return "on no CPU configuration"
    if len(chosen) != len(names) * len(levels):
        return "on " + ", ".join(f"{_VENDORS.get(one, one)} with {_PAGING.get(two, two)} paging" for one, two in chosen)
    both = " and ".join(levels).replace("-level and", "- and")
    return f"on {' and '.join(names)} with {both} paging"


def cpus(configs: Sequence[Config], among: Sequence[Config]) -> str:
    """CPU configurations in words: "all", "Intel", "AMD, 5-level paging"."""
    chosen, universe = set(configs), set(among)
    if chosen >= universe:
        return "all CPUs" if len(universe) > 1 else _named(in_order(universe))
    for index, tail in ((0, ""), (1, " paging")):
        names = {config[index] for config in chosen}
        if len(names) == 1 and chosen >= {config for config in universe if config[index] in names}:
            name = names.pop()
            return _CPUS.get(name, name) + tail
    return _named(in_order(chosen))


def _named(configs: Iterable[Config]) -> str:
    return "; ".join(f"{_CPUS.get(one, one)}, {_CPUS.get(other, other)} paging" for one, other in configs)


def exit_name(site: SiteResult) -> str:
    """The exit and where it stands: "SYSRETQ at entry.S:210, exit_to_user+0x1a3"."""
    where, precise = source(site.location), place(site.location)
    return f"{site.kind.upper()} at {where}" + (f", {precise}" if precise != where else "")


def listed(names: Sequence[str], most: int = FEW) -> str:
    """The first ``most`` names and how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def by_kind(report: FileReport) -> tuple[tuple[SiteResult, ...], tuple[SiteResult, ...]]:
    """The fast exits and the IRET exits."""
    iret = tuple(site for site in report.sites if site.kind.startswith("iret"))
    return tuple(site for site in report.sites if site not in iret), iret


def clause_ids(sites: Iterable[SiteResult], status: Status) -> list[str]:
    """The clauses that have this status at one of the exits or more, in the order of every output."""
    clauses = (clause for site in sites for clause in site.clauses)
    return list(dict.fromkeys(clause.id for clause in clauses if clause.status == status))


def kinds(sites: Sequence[SiteResult]) -> str:
    """The mnemonics: "SYSRETQ and SYSRETL"."""
    return " and ".join(dict.fromkeys(site.kind.upper() for site in sites))


def exit_names(sites: Sequence[SiteResult]) -> str:
    """The exits with their places, or the first few and how many more."""
    return listed(list(dict.fromkeys(exit_name(site) for site in sites)))


def entry_names(report: FileReport) -> str:
    """Where execution starts; a number if these are many."""
    if len(report.entries) > _ENTRY_NAMES:
        return f"the {len(report.entries)} entries listed"
    return " and ".join(report.entries) or "its entries"


def states(report: FileReport) -> str:
    """For which states a statement is made."""
    number = len(report.assumptions)
    return f"for every state that meets the {counted(number, 'assumption')}" if number else "for every state"


def code_rows(site: SiteResult) -> list[tuple[str, str, str]]:
    """(range, variant, SHA-256) of the code that a site's verdict covers, and the SHA-256 of that list last."""
    rows = [(f"0x{item.start:x} to 0x{item.end:x}", item.variant, item.sha256) for item in code_ranges(site)]
    return [*rows, ("all of this list", "", code_digest(site))] if rows else []


def gate_sentence(gate: Gate) -> str:
    """What the gate makes of the run, in one sentence."""
    tally = [
        f"{sum(finding.state == state for finding in gate.findings)} {state}"
        for state in ("new", "known", "waived")
        if any(finding.state == state for finding in gate.findings)
    ]
    against = f" against {gate.baseline.path}" if gate.baseline is not None else ""
    said = "passes" if gate.exit_code == 0 else "fails"
    return f"Gate {gate.mode}{against} {said} with exit code {gate.exit_code}: {', '.join(tally) or 'no'} findings."


def waiver_sentence(use: WaiverUse) -> str:
    """One waiver of the file that was read and what came of it."""
    waiver = use.waiver
    match use.state:
        case "used":
            state = f"waives {counted(use.waived, 'clause')}"
        case "unused":
            state = "unused: nothing in this run matches it"
        case "expired":
            state = "expired: it waives nothing"
    return (
        f"{waiver.id} ({waiver.clause}, fingerprint {waiver.fingerprint}, until {waiver.expires}, {waiver.owner}): "
        f"{sentence(waiver.reason)}; {state}."
    )

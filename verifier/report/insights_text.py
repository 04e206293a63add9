# SPDX-License-Identifier: BSD-2-Clause
"""What a proof knows beyond its verdict, for a terminal: what each check is for, when the exit is taken, what is lost.

Every part fits 40 columns; every string is cleaned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from verifier.insights import FastConditions, GuardUse, Interval, Slack
from verifier.model import Config, Input, Location, SiteResult
from verifier.report import checks, left, ranges, saying
from verifier.report.conditions import Wording, names_of
from verifier.report.hints import INDENT, blocks, closing
from verifier.report.inputnames import has_words, switched, told_words
from verifier.report.meaning import meaning, switch
from verifier.report.terminal import code, indented, item, line, said
from verifier.report.words import clean, counted, hexa, source

_CHECK = "Branches that depend on the machine. Past one, this exit is reached only by what it lets pass."
_WIDE = 90
"""From so many columns on the check and what it needs stand beside each other."""
_SPANS = 8
"""So many ranges of the saved RIP are listed without -v."""
_INPUTS = 12
"""So many inputs of an example are listed without -v."""
_STATUS = {"exact": "bold green", "slack": "", "unknown": "yellow"}


def insights(site: SiteResult, among: Sequence[Config], width: int, verbose: bool) -> Iterator[RenderableType]:
    """What was asked about a site beside its verdict, within ``width`` columns; nothing if nothing was asked."""
    yield from _hints(site, among)
    if site.guards is not None:
        yield ""
        yield from _guards(site, site.guards, width)
    for fast in site.fast:
        yield ""
        yield from _fast(site, fast)
    if site.slack is not None:
        yield ""
        yield from slack_of(site, site.slack, tuple(among), verbose)


def _hints(site: SiteResult, among: Sequence[Config]) -> Iterator[RenderableType]:
    """Suggested tests, as others say them."""
    for heading, told in blocks(site.hints, site.kind, among):
        yield ""
        yield Text(heading, "bold")
        for one in told:
            # Instructions are to be copied: they keep their columns, and are never folded.
            yield code(one.removeprefix(INDENT)) if one.startswith(INDENT) else line(one)
    if site.hints:
        yield line(closing(site.hints))


# Which check proves what.


def _guards(site: SiteResult, guards: Sequence[GuardUse], width: int) -> Iterator[RenderableType]:
    files = {guard.location.file for guard in guards}
    file = files.pop() if len(files) == 1 and all(guard.location.line is not None for guard in guards) else None
    where = f" ({clean(file)})" if file is not None and guards else ""
    yield Text.assemble((checks.TITLE, "bold"), where)
    if not guards:
        yield line("No branch on the way to this exit depends on the machine.")
        return
    yield line(_CHECK, "dim")
    wording = Wording([*names_of(one for guard in guards for one in guard.demands), *_looked_at(guards)])
    for note in wording.notes:
        yield line(note, "dim")
    rows = [_row(guard, file, wording) for guard in guards]
    yield indented(_table(rows) if width >= _WIDE else _list(rows))
    yield from _sums(guards, file)
    yield from _by_clause(site, guards, file)


def _looked_at(guards: Sequence[GuardUse]) -> list[str]:
    """The inputs that are named for guards without demands."""
    return [name for guard in guards if not guard.demands for name in guard.reads]


_Row = tuple[str, str, str, str, str]
"""Place, instruction, what it lets pass, needed for, also in the proof of."""


def _row(guard: GuardUse, file: str | None, wording: Wording) -> _Row:
    text = " ".join(guard.location.text.split())
    form = f" (with {guard.variant})" if guard.variant else ""
    also = [name for name in guard.rests if name not in guard.needed]
    return (
        clean(_place(guard.location, file)),
        clean(f"{text}{form}"),
        "\n".join(map(clean, checks.lets(guard, wording))),
        _names(guard.needed),
        _names(also),
    )


def _names(names: Sequence[str]) -> str:
    return clean(", ".join(checks.folded(names)))


def _place(location: Location, file: str | None) -> str:
    """Where a check stands; only the line where all are in one file."""
    return f"line {location.line}" if file is not None else source(location)


def _table(rows: Sequence[_Row]) -> Table:
    also = any(row[4] for row in rows)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", max_width=24)
    table.add_column(overflow="fold", max_width=24)
    table.add_column(overflow="fold", ratio=3)
    table.add_column(overflow="fold", ratio=1)
    heads = ["check", "", "lets pass", "needed for"]
    if also:
        table.add_column(overflow="fold", ratio=1)
        heads.append("also used for")
    table.add_row(*(Text(head, "dim") for head in heads))
    for row in rows:
        cells = [row[0], row[1], row[2], row[3] or "–", *([row[4]] if also else [])]
        table.add_row(*map(Text, cells))
    return table


def _list(rows: Sequence[_Row]) -> Table:
    """The same with each check above what there is to say of it."""
    table = Table.grid()
    table.add_column(overflow="fold")
    for place, text, lets, needed, also in rows:
        table.add_row(Text.assemble((place, "bold"), f"  {text}"))
        table.add_row(Padding(Text.assemble(("lets pass ", "dim"), lets), (0, 0, 0, 2)))
        table.add_row(Padding(Text.assemble(("needed for ", "dim"), needed or "–"), (0, 0, 0, 2)))
        if also:
            table.add_row(Padding(Text.assemble(("also used for ", "dim"), also), (0, 0, 0, 2)))
    return table


def _sums(guards: Sequence[GuardUse], file: str | None) -> Iterator[RenderableType]:
    """Which checks are single points of failure, and which are redundant."""
    needed = [guard.location for guard in guards if guard.needed]
    if needed:
        yield said(
            "Single points of failure",
            f"{_places(needed, file)}. If {'it' if len(needed) == 1 else 'one of them'} alone let every machine pass, "
            "what it is needed for would no longer be proved.",
        )
    replaceable = [guard.location for guard in guards if not guard.needed and guard.rests]
    spare = [guard.location for guard in guards if not guard.needed and not guard.rests]
    unsure = tuple(dict.fromkeys(name for guard in guards for name in guard.unsure))
    title = "Not needed" if unsure else "Redundant"
    for places, why in ((replaceable, "others do the same work"), (spare, "not used in any proof")):
        if places:
            without, them = ("it", "it") if len(places) == 1 else ("any one of them", "them")
            yield said(
                title,
                f"{_places(places, file)} ({why}). Without {without} every clause that is proved stays proved"
                f"{_but(unsure)}; there may be other reasons for {them}.",
            )


def _but(unsure: Sequence[str]) -> str:
    return f", as far as is known: nobody could tell for {_names(unsure)}" if unsure else ""


def _places(places: Sequence[Location], file: str | None) -> str:
    if file is not None:
        count = Counter(str(place.line) for place in places)
        # A macro is one line with several checks.
        lines = [name if number == 1 else f"{name} ({number} checks)" for name, number in count.items()]
        return f"line{'s' if len(lines) > 1 else ''} {_and(lines)}"
    return _and(list(dict.fromkeys(source(place) for place in places)))


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _by_clause(site: SiteResult, guards: Sequence[GuardUse], file: str | None) -> Iterator[RenderableType]:
    """The other direction: the checks of each clause, and the clauses that no check ensures."""
    groups: dict[tuple[Location, ...], list[str]] = {}
    for name in dict.fromkeys(clause.id for clause in site.clauses):
        used = tuple(guard.location for guard in guards if name in guard.rests)
        if used:
            groups.setdefault(used, []).append(name)
    parts = [f"{_names(names)}: {_places(used, file)}" for used, names in groups.items()]
    if parts:
        yield said("By clause", "; ".join(parts) + ".")
    failed = list(dict.fromkeys(clause.id for clause in site.clauses if clause.status in ("violated", "waived")))
    if failed:
        yield said("Not ensured by any check", f"{_names(failed)}.")


# When the exit is taken.


def _fast(site: SiteResult, fast: FastConditions) -> Iterator[RenderableType]:
    yield Text(clean(saying.fast_lead(site, fast)), "bold")
    wording = Wording([*names_of(fast.conditions), *fast.others])
    for note in wording.notes:
        yield line(note, "dim")
    for one in fast.conditions:
        yield item(wording.condition(one))
    rest = saying.fast_rest(fast, wording.inputs(fast.others))
    if rest:
        yield line(rest)


# What is left to IRET.


def slack_of(
    site: SiteResult, slack: Slack, among: Sequence[Config], verbose: bool, titled: bool = True
) -> Iterator[RenderableType]:
    """What one exit leaves to IRET: ordinary frames by check; what no CPU writes in a line for each, unless -v."""
    if titled:
        yield Text(left.TITLE, "bold")
    yield line(left.lead(site, slack), _STATUS[slack.status])
    rest = left.rest(slack)
    if rest:
        yield line(rest)
    names = left.places(site, slack)
    for group in left.groups(slack, True):
        yield from _group(group, names, among, verbose)
    others = left.groups(slack, False)
    if not others:
        return
    yield line(f"{left.OTHERS}{':' if verbose else ' (-v says more):'}")
    for group in others:
        if verbose:
            yield from _group(group, names, among, verbose)
        else:
            yield item(left.aside(group, names, among))


def _group(
    group: left.Group, names: Mapping[Location, str], among: Sequence[Config], verbose: bool
) -> Iterator[RenderableType]:
    yield line(f"{left.heading(group, names)}:")
    for lost in group.losses:
        wording = Wording(names_of(lost.conditions))
        words = ranges.told(lost, list(map(wording.condition, lost.conditions)))
        parts: list[RenderableType] = [item(left.scope(lost, among, words)), *map(line, wording.notes)]
        if not ranges.are_said(lost):
            parts += spans(lost.ranges, lost.ranges_exact, verbose)
        if lost.example:
            chosen = lost.example if verbose else left.shown(lost)
            rest = "" if len(chosen) == len(lost.example) else " (-v lists the rest)"
            parts.append(line(f"Example: {example(chosen, verbose)}{rest}."))
        yield parts[0]
        yield from (Padding(part, (0, 0, 0, 4)) for part in parts[1:])


def spans(found: Sequence[Interval], exact: bool, verbose: bool) -> Iterator[RenderableType]:
    """Ranges of the saved RIP; nothing without any."""
    if not found:
        return
    yield line(f"{ranges.lead(exact)}:")
    shown = found if verbose else found[:_SPANS]
    for span in shown:
        yield item(ranges.span(span))
    if len(shown) < len(found):
        yield item(f"and {counted(len(found) - len(shown), 'more range')}; -v lists all")


def example(inputs: Iterable[Input], verbose: bool) -> str:
    """A machine in one line: the inputs that matter; with ``verbose`` all of them, and what the frame's values say."""
    chosen = list(inputs)
    shown = chosen if verbose else chosen[:_INPUTS]
    rest = len(chosen) - len(shown)
    said = ", ".join(_chosen(one, verbose) for one in shown)
    return f"{said} and {rest} more (-v lists all)" if rest else said or "any machine"


def _chosen(one: Input, verbose: bool) -> str:
    if one.kind == "feature":
        return f"{one.name} {switch(one.value)}"
    if has_words(one.name):
        return switched(one.name, told_words((one.name,)), one.value)
    said = meaning(one.name, one.value) if verbose and one.kind == "frame" else ""
    return f"{one.name} = {hexa(one.value)}" + (f" ({said})" if said else "")

# SPDX-License-Identifier: BSD-2-Clause
"""What becomes of a frame, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from verifier.frameanswer import Answer, Delivered, FastExit, FrameReport, Given, Passed, Way
from verifier.insights import FastConditions
from verifier.model import Config
from verifier.records import record
from verifier.report.conditions import (
    Wording,
    input_words,
    inputs_words,
    names_of,
    words,
)
from verifier.report.inputnames import joined, place_words, split
from verifier.report.meaning import address, rflags, selector
from verifier.report.phrases import on_cpus
from verifier.report.words import capital, clean, hexa, sentence, source

_MEANINGS = {"rip": address, "cs": selector, "rflags": rflags, "ss": selector}


def render(report: FrameReport, width: int = 100) -> str:
    """The whole answer within ``width`` columns, ending in a newline."""
    lines = _folded(f"{report.path} (contract {report.contract})", "", "  ")
    late = [one for one in report.given if one.at == "exit"]
    early = [one for one in report.given if one.at == "entry"]
    if late:
        lines += _folded(f"frame as the last call on the way leaves it: {_told(late)}", "", "  ")
    if early:
        lines += _folded(f"{'at the entry' if late else 'frame'}: {_told(early)}", "", "       ")
    for note in report.notes:
        lines += _folded(f"note: {note}", "", "  ")
    for code, text in report.reasons:
        lines += _folded(f"inconclusive: {sentence(text)} [{code}]", "", "  ")
    several = len({one.entry for one in report.exits} | {one.entry for one in report.answers}) > 1
    for answer in report.answers:
        lines.append(_BLANK)
        lines += _answer(answer, several)
    for exit_ in report.exits:
        lines.append(_BLANK)
        lines += _exit(exit_, report.configs, several)
    return "\n".join(part for line in lines for part in line.folded(width) or [""]) + "\n"


def _told(given: Sequence[Given]) -> str:
    """Values that were given; where all are of the frame, without saying so for each."""
    bare = given[0].at == "exit" or all(one.name.startswith("frame.") for one in given)
    return " ".join(f"{one.name.removeprefix('frame.') if bare else one.name}={hexa(one.value)}" for one in given)


@record
class _Line:
    """One line; what of it does not fit goes on behind ``rest``."""

    text: str
    rest: str

    def folded(self, width: int) -> list[str]:
        """The line within so many columns, cleaned; what has no space in it is not broken."""
        return textwrap.wrap(
            clean(self.text), width, subsequent_indent=self.rest, break_long_words=False, break_on_hyphens=False
        )


_BLANK = _Line("", "")


def _folded(text: str, first: str, rest: str) -> list[_Line]:
    """A paragraph behind ``first``."""
    return [_Line(first + " ".join(text.split()), rest)]


def _answer(answer: Answer, several: bool) -> Iterator[_Line]:
    cpus = on_cpus(answer.configs)
    start = f"From {answer.entry}, {cpus}" if several else capital(cpus)
    match answer.status:
        case "unknown":
            yield from _folded(f"{start}: inconclusive: {sentence(answer.reason)}.", "", "  ")
            if answer.remedy:
                yield from _folded(f"What would settle it: {sentence(answer.remedy)}.", "  ", "  ")
            return
        case "impossible":
            text = f"{start}: the contract admits no machine with these values."
            yield from _folded(text, "", "  ")
            return
        case "depends":
            on = _grouped(dict.fromkeys(answer.depends, "")) or "what was not given"
            yield from _folded(f"{start}: it depends on {on}.", "", "  ")
        case _:
            yield from _folded(f"{start}: {_name(answer.ways[0])}.", "", "  ")
    for way in answer.ways:
        yield from _way(way)


def _grouped(inputs: Mapping[str, str]) -> str:
    """Inputs with what is said of each; those that are read after one call name it once."""
    places: dict[str, list[str]] = {}
    for name, said in inputs.items():
        rest, where = split(name)
        places.setdefault(where, []).append(rest + said)
    return "; ".join(
        joined(parts, "and") + (f" {place_words(where)}" if where else "") for where, parts in places.items()
    )


def _name(way: Way) -> str:
    if way.kind == "elsewhere":
        return f"it does not return to user mode here: {way.name}"
    return "SYSRET" if way.kind == "sysret" and way.name.startswith("sysret") else way.name.upper().removesuffix("Q")


def _way(way: Way) -> Iterator[_Line]:
    what = way.name if way.kind == "elsewhere" else way.name.upper()
    head = f"{what} at {source(way.location)}"
    if way.inputs:
        head += f", for example with {_grouped({one.name: f' = {hexa(one.value)}' for one in way.inputs})}"
    if way.note:
        head += f", {way.note}"
    yield from _folded(head + ":", "  ", "    ")
    if way.decided is not None:
        yield from _decided(way.decided, way.always, frozenset(way.fixed))
    elif way.kind == "sysret" and way.passed:
        yield _Line("    it passes", "")
        wording = Wording(names_of(one for guard in way.passed for one in guard.demands))
        for guard in way.passed:
            demands = "; ".join(wording.condition(one) for one in guard.demands)
            yield from _folded(f"{_where(guard)}: {demands}", "      ", "        ")
        for note in wording.notes:
            yield from _folded(note, "      ", "        ")
    elif way.kind != "sysret":
        yield _Line("    no branch on the way decides that", "      ")
    for event in way.events:
        unsure = f"perhaps {event.text}: that rests on what was not given"
        yield from _folded(event.text if event.certain else unsure, "    ", "      ")
    if way.fields is not None:
        yield _Line("    user space gets", "")
        yield from _fields(way.fields)


def _where(guard: Passed) -> str:
    where = f"{source(guard.location)} `{' '.join(guard.location.text.split())}`"
    return f"{where} ({guard.variant})" if guard.variant else where


def _decided(guard: Passed, always: bool, given: frozenset[str]) -> Iterator[_Line]:
    alone = "" if always else ", in this machine; others with these values may be turned away elsewhere"
    yield from _folded(f"decided at {_where(guard)}{alone}", "    ", "      ")
    wrong = [words(replace(one, negated=not one.negated)) for one in guard.failed]
    values = [
        f"{input_words(name)} is {hexa(value)}" + ("" if name in given else " (not given)")
        for name, value in guard.values
    ]
    yield from _folded("; ".join([*wrong, *dict.fromkeys(values)]), "      ", "        ")


def _fields(fields: Sequence[Delivered]) -> Iterator[_Line]:
    """One line for each field; those that are copies of what was not given share the last ones."""
    copies = [one for one in fields if one.value is None and one.copy and one.inputs]
    for one in fields:
        if one in copies:
            continue
        if one.value is not None:
            meaning = _MEANINGS[one.name](one.value) if one.name in _MEANINGS else ""
            yield _Line(f"      {one.name:<8} {hexa(one.value):<18}  {meaning}".rstrip(), " " * 15)
        else:
            on = inputs_words(one.inputs) or "what is not known"
            yield from _folded(f"from {on}, not given", f"      {one.name:<8} ", "               ")
    alike: dict[str, list[str]] = {}
    for one in copies:
        rest, where = split(one.inputs[0])
        when = place_words(where) if where else "at the entry"
        if rest == f"frame.{one.name}":
            alike.setdefault(f"as in the frame{f' {when}' if where else ''}, not given", []).append(one.name)
        elif rest == one.name:
            alike.setdefault(f"as {when}, not given", []).append(one.name)
        else:
            yield from _folded(f"{rest} {when}, not given", f"      {one.name:<8} ", "               ")
    for text, names in alike.items():
        yield from _folded(f"{' '.join(names)}: {text}", "      ", "        ")


def _exit(exit_: FastExit, among: Sequence[Config], several: bool) -> Iterator[_Line]:
    where = f"{exit_.kind.upper()} at {source(exit_.location)}"
    name = f"{where}, from {exit_.entry}," if several else where
    if not exit_.conditions:
        yield from _folded(f"{name} is never taken.", "", "  ")
    for found in exit_.conditions:
        yield from _conditions(name, found, "" if set(found.configs) >= set(among) else f" {on_cpus(found.configs)}")


def _conditions(name: str, found: FastConditions, where: str) -> Iterator[_Line]:
    if not found.conditions:
        if found.exact:
            yield from _folded(f"{name} is always taken{where}.", "", "  ")
            return
        yield from _folded(f"When {name} is taken{where} was not found out.", "", "  ")
    others = () if found.exact else found.others
    wording = Wording((*names_of(found.conditions), *others))
    if found.conditions:
        exactly = "exactly when all of this holds" if found.exact else "only when all of this holds, not always then"
        yield from _folded(f"{name} is taken{where} {exactly}:", "", "  ")
        for condition in found.conditions:
            yield from _folded(wording.condition(condition), "  ", "    ")
    if others:
        yield from _folded(f"It rests on {wording.inputs(others)} as well.", "  ", "    ")
    for note in wording.notes:
        yield from _folded(note, "  ", "    ")

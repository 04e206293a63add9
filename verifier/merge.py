# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit merge``: the parts of a run, each written by ``--shard I/N --format parts=FILE``, as one run.

A part is as trusted as a baseline: who can write it decides what it says. It is read with bounds all the same,
it must be what its shard should hold, and a verdict in it must be borne out by its own report.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from verifier import __version__
from verifier.boundedfile import read
from verifier.codec import Malformed, decode
from verifier.conclude import CALL, Ready, conclude, ready
from verifier.model import ALL_CONFIGS, Config, FileReport, Run, Shard, UserError
from verifier.reads import recorded
from verifier.records import record
from verifier.report import parts
from verifier.report.verdict import INPUT, check
from verifier.report.words import clean, counted
from verifier.request import configuration, finish, outputs_of, report_error, rules_of, settings_of, spared
from verifier.semantics import digest as semantics
from verifier.shards import MOST, positions

MAX_BYTES = 256 << 20
"""Largest part that is read."""

BAD = "bad-part"
DIFFER = "parts-differ"

_DIGEST = 64
"""Hexadecimal digits of a SHA-256."""


@record
class Part:
    """A file that was read. ``shard`` is None for a run over all its inputs."""

    file: str
    shard: Shard | None
    reports: tuple[FileReport, ...]


def merge(parsed: argparse.Namespace) -> int:
    """Read the parts, apply waivers and gate to all of them, write the results; the exit status."""
    outputs = outputs_of(parsed, parsed.format, parsed.parts)
    with recorded() as read:
        try:
            config = configuration(parsed)
            settings = settings_of(parsed, config)
            outputs = outputs_of(parsed, settings.formats or (), parsed.parts)
            rules = rules_of(parsed, settings, config)
            run = merged(parsed.parts, ready(rules))
        except UserError as error:
            return report_error(error, spared(outputs, read))
    return finish(run, spared(outputs, read), rules)


def merged(files: Sequence[str], having: Ready) -> Run:
    """The run that the parts are of. Raises UserError, exit code 4: "bad-part" or "parts-differ"."""
    return conclude(together([load(Path(file)) for file in files]), having)


def load(path: Path) -> Part:
    """The part in a file. Raises UserError("bad-part", exit code 4)."""
    try:
        data = read(path, MAX_BYTES, "what --format parts=FILE wrote", BAD, BAD)
    except UserError as error:
        raise UserError(error.code, error.message, INPUT) from None
    return opened(data, clean(str(path)))


def opened(data: bytes, name: str) -> Part:
    """The part that ``data`` is; ``name`` is what messages call it. Raises UserError("bad-part", exit code 4)."""
    try:
        whole = json.loads(data.decode("ascii"))
        if not isinstance(whole, dict) or whole.get("schema") != parts.SCHEMA:
            raise ValueError(f"the schema is not {parts.SCHEMA}")
        if whole["layout"] != parts.layout():
            raise ValueError("another version of verify-exit wrote it; merge with the one that verified")
        texts = [_text(one) for one in _list(whole["reports"])]
        if whole["sha256"] != parts.digest(texts):
            raise ValueError("it is damaged: its reports do not have the digest that it names")
        shard = _shard(whole["shard"])
        reports = tuple(map(_report, texts))
        if shard is not None and len(reports) != len(positions(shard.index, shard.of, shard.inputs)):
            raise ValueError(f"it has {counted(len(reports), 'report')}, which is not what its shard should have")
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        # Malformed is a ValueError as well.
        text = str(error) if type(error) in (ValueError, Malformed) else "it is truncated, or no such file"
        raise UserError(BAD, f"{name}: not a part of a run (--format parts=FILE): {clean(text[:200])}", INPUT) from None
    return Part(name, shard, reports)


def together(given: Sequence[Part]) -> tuple[FileReport, ...]:
    """The reports of all parts in the order of the inputs. Raises UserError("parts-differ", exit code 4)."""
    _same_tools(given)
    first = given[0]
    if first.shard is None and len(given) == 1:
        return first.reports
    by_index: dict[int, Part] = {}
    for part in given:
        shard = part.shard
        if shard is None:
            errors = [one.error[1] for one in part.reports if one.error is not None and one.input.path == CALL]
            text = f"its run ended with an error: {errors[0]}" if errors else "it is of a run without --shard"
            _refuse(f"{part.file}: {clean(text)}; it cannot be put together with others")
        if first.shard is not None and (shard.of, shard.inputs, shard.selection) != (
            first.shard.of,
            first.shard.inputs,
            first.shard.selection,
        ):
            _refuse(f"{first.file} and {part.file} are of runs with different inputs, options or numbers of shards")
        if shard.index in by_index:
            _refuse(f"{by_index[shard.index].file} and {part.file} are both shard {shard.index} of {shard.of}")
        by_index[shard.index] = part
    if first.shard is None:
        raise AssertionError("refused above")
    missing = [index for index in range(1, first.shard.of + 1) if index not in by_index]
    if missing:
        listed = ", ".join(map(str, missing[:8])) + (", ..." if len(missing) > 8 else "")
        _refuse(f"{counted(len(missing), 'shard')} of {first.shard.of} missing: {listed}; name every part")
    places: dict[int, FileReport] = {}
    for index, part in by_index.items():
        places.update(zip(positions(index, first.shard.of, first.shard.inputs), part.reports, strict=True))
    return tuple(places[place] for place in sorted(places))


def _same_tools(given: Sequence[Part]) -> None:
    """All of a run is judged by the same tools, and by the verify-exit and the semantics that merge."""
    expected = {"verify-exit": __version__, "semantics": semantics()}
    known: dict[str, tuple[str, str]] = {name: (version, "this verify-exit") for name, version in expected.items()}
    for part in given:
        for report in part.reports:
            for name, version in report.tool:
                other, where = known.setdefault(name, (version, part.file))
                if other != version:
                    text = f"{part.file} was made with {name} {version}, {where} with {other}"
                    _refuse(f"{clean(text)}; verify all parts with the same tools")


def _shard(value: Any) -> Shard | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"index", "of", "inputs", "selection"}:
        raise ValueError("its shard is malformed")
    numbers = [value[name] for name in ("index", "of", "inputs")]
    if not all(type(number) is int for number in numbers) or len(_text(value["selection"])) != _DIGEST:
        raise ValueError("its shard is malformed")
    shard = Shard(**value)
    if not (1 <= shard.index <= shard.of <= MOST and shard.inputs >= 1):
        raise ValueError("its shard is malformed")
    return shard


def _report(text: str) -> FileReport:
    """A report that bears out its verdict and that every format can show. Raises ValueError."""
    report = decode(text)
    check(report)
    if (report.verdict == "error") != (report.error is not None):
        raise ValueError("a report has an error, or none, against its verdict")
    if report.verdict != "error" and "semantics" not in dict(report.tool) and report.sites:
        raise ValueError("a report does not say what it rests on")
    if any(clause.status == "waived" for site in report.sites for clause in site.clauses):
        raise ValueError("a report has waivers applied already")
    if not set(_configs(report)) <= set(ALL_CONFIGS):
        raise ValueError("a report names an unknown CPU configuration")
    for one in report.maps:
        if not all(0 <= end < len(one.lines) for edge in one.edges for end in (edge.source, edge.target)):
            raise ValueError("the map of a path leads to a line that it does not have")
    return report


def _configs(report: FileReport) -> Iterator[Config]:
    yield from report.configs
    for site in report.sites:
        for clause in site.clauses:
            yield from clause.configs
            if clause.counterexample is not None:
                yield clause.counterexample.config
    yield from (one.config for one in report.disagreements)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("its reports are no list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is not a string")
    return value


def _refuse(message: str) -> NoReturn:
    raise UserError(DIFFER, message, INPUT)

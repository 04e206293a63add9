# SPDX-License-Identifier: BSD-2-Clause
"""JUnit XML: a suite for each input, a test for each clause at each exit site, as Jenkins and GitLab read it.

What passes is in ``verifier.report.cases``. In this format a violated clause is a ``failure`` with the
whole counterexample as text; a clause that is not decided, a reason that no clause stands for and an
error of the input are each an ``error``. Nothing is ``skipped``: viewers hide what is.

A waived clause is a ``failure`` of type ``waived`` in a run without a gate, which exits with 3. With
``--gate``, what a waiver or the baseline lets pass is a test that passes, named ``CLAUSE (waived)`` or
``CLAUSE (known)``: viewers list the names of passing tests and little else, and compare two runs by
name, so that a new waiver shows as one test gone and one added. With ``advisory`` the rest still
fails here: the report shows, and the exit code lets pass.

A test's ``classname`` is the input and the place of the exit, because GitLab groups by it and drops
a test whose names it has seen; ``file`` and ``line`` are in the source. No times are given: two runs
over the same code give the same bytes. No one schema describes this format; only such elements and
attributes are used as both tools read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

from rich.console import Console, RenderableType

from verifier.model import FileReport, Run
from verifier.report import Style
from verifier.report.cases import Case, Group, counterexamples, groups, unique
from verifier.report.concise import gate
from verifier.report.counterexample import full
from verifier.report.words import clean, counted, source

_WIDTH = 100
_INVALID = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may hold, in whatever form (XML 1.0, 2.2 Characters)."""
_ATTACHMENT = "[[ATTACHMENT|"
"""Behind this in a test's output, viewers look for the name of a file to offer."""

_LINES, _LEAST, _ALL = 400, 40, 200_000
"""Lines about one test at most, and so many whatever happens; lines of a document, as far as that allows.

GitLab takes 30 MB, and a line has about ``_WIDTH`` characters.
"""

Attributes = Iterable[tuple[str, str]]


def render(run: Run, style: Style) -> str:
    """The document; ``style`` changes nothing."""
    names = unique([clean(report.input.path) for report in run.reports])
    suites = [(name, report, groups(report, run.gate)) for name, report in zip(names, run.reports, strict=True)]
    cases = [case for _, _, parts in suites for part in parts for case in part.cases]
    lengthy = sum(case.outcome == "failed" or case.kind in ("known", "waived") for case in cases)
    room = max(_LEAST, min(_LINES, _ALL // max(1, lengthy)))
    body = [line for suite in suites for line in _suite(*suite, run, room)]
    if not suites:
        # A document without tests reads as a pass.
        cases = [Case("input", "error", "no-input", "nothing was verified")]
        body = _element(
            "testsuite", [("name", "verify-exit"), *_counts(cases)], _case(cases[0], "verify-exit", None, room)
        )
    top = _element("testsuites", [("name", "verify-exit"), *_counts(cases)], body)
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', *top]) + "\n"


def _suite(name: str, report: FileReport, parts: Sequence[Group], run: Run, room: int) -> list[str]:
    cases = [case for part in parts for case in part.cases]
    properties = [line for item in _properties(report, run) for line in _property(*item)]
    body = _element("properties", (), properties)
    for part in parts:
        for case in part.cases:
            body += _case(case, f"{name}.{part.label}", report, room)
    return _element("testsuite", [("name", name), *_counts(cases), ("file", report.input.path)], body)


def _properties(report: FileReport, run: Run) -> Iterator[tuple[str, str]]:
    yield "verdict", report.verdict
    yield "sha256", report.input.sha256
    yield "container", report.container
    yield "contract", report.contract
    yield "profile", report.profile
    yield "configurations", " ".join("/".join(config) for config in report.configs)
    yield "entries", " ".join(report.entries)
    yield "assumptions", " ".join(item.id for item in report.assumptions)
    yield "command", report.command
    yield from ((f"tool.{name}", version) for name, version in report.tool)
    if run.gate is not None:
        yield "gate", gate(run.gate)
    for use in run.waivers:
        waiver = use.waiver
        yield f"waiver.{waiver.id}", f"{use.state}: {waiver.clause} until {waiver.expires}: {waiver.reason}"


def _property(name: str, value: str) -> list[str]:
    return _element("property", [("name", name), ("value", value)]) if value else []


def _case(case: Case, classname: str, report: FileReport | None, room: int) -> list[str]:
    attributes = [("classname", classname), ("name", case.name)]
    where = case.location
    if where is not None and where.file is not None and where.line is not None:
        attributes += [("file", where.file), ("line", str(where.line))]
    elif report is not None:
        attributes.append(("file", report.input.path))
    body: list[str] = []
    said = "\n".join(_details(case, report, room))
    match case.outcome:
        case "failed":
            body = _element("failure", [("message", case.message or case.kind), ("type", case.kind)], text=said)
        case "error":
            body = _element("error", [("message", case.message or case.kind), ("type", case.kind)], text=said)
        case "passed" if case.message:
            body = _element("system-out", text=said)
        case "passed":
            pass
    return _element("testcase", attributes, body)


def _details(case: Case, report: FileReport | None, room: int) -> Iterator[str]:
    """What a viewer shows of a test: why, where, the counterexamples, how to see them again."""
    yield case.message or case.kind
    if case.location is not None and case.outcome != "passed":
        yield clean(f"at {source(case.location)}: {case.location.text}")
    if report is None:
        return
    lines = [
        line
        for violation in counterexamples(case)
        for line in _plain(full(violation, report.configs, False, _WIDTH, {}))
    ]
    yield from lines[:room]
    if len(lines) > room:
        yield f"… {counted(len(lines) - room, 'line')} left out; the format text has all"
    if case.outcome != "passed":
        if report.command:
            yield clean(f"Reproduce: {report.command}")
        if case.explained:
            yield f"Explained by: verify-exit explain {case.explained}"


def _plain(parts: Iterable[RenderableType]) -> list[str]:
    """The lines of what is made for a terminal, without colour."""
    buffer = StringIO()
    console = Console(
        file=buffer, width=_WIDTH, height=100, force_terminal=False, force_jupyter=False, color_system=None,
        no_color=True, highlight=False, markup=False, emoji=False, legacy_windows=False, _environ={},
    )  # fmt: skip
    for part in parts:
        console.print(part)
    return [line.rstrip() for line in buffer.getvalue().rstrip("\n").split("\n")]


def _counts(cases: Sequence[Case]) -> list[tuple[str, str]]:
    failures, errors = (sum(case.outcome == outcome for case in cases) for outcome in ("failed", "error"))
    return [("tests", str(len(cases))), ("failures", str(failures)), ("errors", str(errors)), ("skipped", "0")]


def _element(name: str, attributes: Attributes = (), body: Sequence[str] = (), text: str = "") -> list[str]:
    """The lines of an element that holds ``text``, which stays as it is, or other elements, each a level deeper."""
    start = f"<{name}" + "".join(f' {key}="{_escaped(clean(value))}"' for key, value in attributes)
    if text:
        return [f"{start}>{_escaped(text)}</{name}>"]
    return [f"{start}>", *(_deeper(line) for line in body), f"</{name}>"] if body else [f"{start}/>"]


def _deeper(line: str) -> str:
    return f"  {line}"


def _escaped(text: str) -> str:
    text = _INVALID.sub(lambda found: f"\\u{ord(found[0]):04x}", text).replace(_ATTACHMENT, r"[\x5bATTACHMENT|")
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(char, entity)
    return text

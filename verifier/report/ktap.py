# SPDX-License-Identifier: BSD-2-Clause
r"""KTAP, version 1 (kernel.org, Documentation/dev-tools/ktap): inputs, their exit sites, and a test for each clause.

What fails, passes and is in a group is in ``verifier.report.cases``. No test is skipped, and no directive is
used: what is not decided is ``not ok``. In front of a test that has something to say stand lines that
begin with ``#``. KTAP knows no way to write ``#`` in a name, so that it is spelled ``\x23`` there.
Nothing to verify is one test that is not ok: a plan of 0 tests would read as a pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.model import Run
from verifier.report import Style
from verifier.report.cases import Case, Group, counterexamples, groups, unique
from verifier.report.concise import gate
from verifier.report.meaning import switch
from verifier.report.words import clean, hexa, source

_VERSION = "KTAP version 1"
_FEW = 12
"""Values of a counterexample that are listed; the other formats have all."""


def render(run: Run, style: Style) -> str:
    """The results, two spaces deeper on each level; ``style`` changes nothing."""
    return "".join(f"{line}\n" for line in _run(run))


def _run(run: Run) -> Iterator[str]:
    yield _VERSION
    yield f"1..{max(1, len(run.reports))}"
    if run.gate is not None:
        yield _comment(gate(run.gate))
    for use in run.waivers:
        if use.state != "used":
            yield _comment(f"waiver {use.waiver.id} for {use.waiver.clause} is {use.state} ({use.waiver.owner})")
    if not run.reports:
        yield _comment("nothing was verified")
        yield "not ok 1 input"
    names = unique([clean(report.input.path) for report in run.reports])
    for number, (report, name) in enumerate(zip(run.reports, names, strict=True), 1):
        parts = groups(report, run.gate)
        yield from _indented(_groups(parts))
        yield _comment(f"verdict {report.verdict}" + (f"; reproduce: {report.command}" if report.command else ""))
        yield _result(all(part.passed for part in parts), number, name)


def _groups(parts: Sequence[Group]) -> Iterator[str]:
    yield _VERSION
    yield f"1..{len(parts)}"
    for number, part in enumerate(parts, 1):
        yield from _indented(_cases(part))
        if part.location is not None:
            yield _comment(f"at {source(part.location)}")
        yield _result(part.passed, number, part.name)


def _cases(part: Group) -> Iterator[str]:
    yield _VERSION
    yield f"1..{len(part.cases)}"
    for number, case in enumerate(part.cases, 1):
        yield from map(_comment, _said(case))
        yield _result(case.outcome == "passed", number, case.name)


def _said(case: Case) -> Iterator[str]:
    """Why a test is what it is, and the least machine state in which a clause fails."""
    # Never a comment that begins with a name: "# Subtest: …" has a meaning.
    if case.message:
        settled = case.kind in ("proved", "not-applicable")
        why = f" [{case.explained}]" if case.explained not in ("", case.kind, case.clause) else ""
        yield f"{'note' if settled else case.kind}: {case.message}{why}"
    elif case.outcome != "passed":
        yield case.kind
    for violation in counterexamples(case):
        example = violation.example
        if example is None:
            continue
        values = [
            f"{item.name} {switch(item.value)}" if item.kind == "feature" else f"{item.name}={hexa(item.value)}"
            for item in example.inputs
        ]
        more = f", and {len(values) - _FEW} more" if len(values) > _FEW else ""
        yield f"fails for ({'/'.join(example.config)}): {', '.join(values[:_FEW]) or 'every machine'}{more}"
        if example.differs:
            yield f"differs: {', '.join(example.differs)}"


def _result(passed: bool, number: int, name: str) -> str:
    said = " ".join(clean(name).replace("#", r"\x23").split())
    return f"{'ok' if passed else 'not ok'} {number} {said or '(no name)'}"


def _comment(text: str) -> str:
    return f"# {clean(text)}"


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)

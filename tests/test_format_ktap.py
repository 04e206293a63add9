# SPDX-License-Identifier: BSD-2-Clause
"""KTAP, read by a strict little parser of its own: versions, plans, numbers, indentation, results that bubble up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import golden
import pytest
from hostile_names import NAMES, obeyed, renamed
from run_samples import ATTACKED, RUNS, everything, hostile, settled, waived

from verifier.model import Run
from verifier.report import Style, render

RESULT = re.compile(r"(ok|not ok) ([1-9][0-9]*) ([^#]*[^#\s])")
IDS = [ascii(name)[:20] for name in NAMES]


@dataclass
class Test:
    """A result with the results in it and the comments in front of it."""

    __test__ = False
    passed: bool
    name: str
    parts: list[Test]
    comments: list[str]


class Reader:
    """Reads the lines of one text; raises AssertionError where they are not what KTAP asks for."""

    def __init__(self, text: str) -> None:
        assert text.endswith("\n") and "\r" not in text
        self.lines = text[:-1].split("\n")
        self.at = 0

    def whole(self) -> list[Test]:
        """The tests of the outermost level; nothing may follow them."""
        tests = self.level("")
        assert self.at == len(self.lines), self.lines[self.at]
        return tests

    def line(self) -> str:
        return self.lines[self.at] if self.at < len(self.lines) else ""

    def level(self, indent: str) -> list[Test]:
        """A version line, a plan, and as many tests as the plan says."""
        assert self.line() == f"{indent}KTAP version 1"
        plan = re.fullmatch(rf"{indent}1\.\.([1-9][0-9]*)", self.lines[self.at + 1])
        assert plan is not None, self.lines[self.at + 1]
        self.at += 2
        tests = [self.test(indent, number) for number in range(1, int(plan[1]) + 1)]
        assert not RESULT.fullmatch(self.line().removeprefix(indent)), "more tests than planned"
        return tests

    def test(self, indent: str, number: int) -> Test:
        """The tests in it one level deeper, comments, and its result."""
        comments = list(self.comments(indent))
        deeper = f"{indent}  "
        parts = self.level(deeper) if self.line() == f"{deeper}KTAP version 1" else []
        comments += self.comments(indent)
        found = RESULT.fullmatch(self.line().removeprefix(indent))
        assert found is not None and self.line().startswith(indent), self.line()
        assert int(found[2]) == number
        self.at += 1
        assert (found[1] == "ok") == all(part.passed for part in parts) or not parts, "results bubble up"
        return Test(found[1] == "ok", found[3], parts, comments)

    def comments(self, indent: str) -> Iterator[str]:
        while self.line().startswith(f"{indent}# "):
            yield self.line().removeprefix(f"{indent}# ")
            self.at += 1


def read(run: Run) -> list[Test]:
    """The tests of a run as the parser sees them."""
    return Reader(render("ktap", run, Style())).whole()


@pytest.mark.parametrize("name", RUNS)
def test_output_is_the_golden_one(name: str) -> None:
    """Every kind of run gives exactly the lines that were read and kept."""
    golden.check(f"ktap/{name}.txt", render("ktap", RUNS[name], Style()))


@pytest.mark.parametrize("name", RUNS)
def test_structure_is_that_of_the_run(name: str) -> None:
    """A test for each input, in it one for each site, in it one for each clause; inputs pass if they are proved."""
    run = RUNS[name]
    tests = read(run)
    assert len(tests) == max(1, len(run.reports))
    for test, report in zip(tests, run.reports, strict=False):
        assert test.passed == (report.verdict == "proved" or run.gate is not None)
        assert len(test.parts) >= max(1, len(report.sites))
        for part, site in zip(test.parts, report.sites, strict=False):
            names = [re.sub(r" \((waived|known)\)$", "", one.name) for one in part.parts]
            assert names == list(dict.fromkeys(clause.id for clause in site.clauses))


def test_nothing_is_skipped() -> None:
    """No directive, such as SKIP, stands behind a result: what is open is not ok."""
    for run in RUNS.values():
        results = re.findall(r"^ *(?:not )?ok .*$", render("ktap", run, Style()), re.MULTILINE)
        assert results
        assert not any("#" in line for line in results)


def test_nothing_verified_is_no_pass() -> None:
    """A run without inputs is a test that fails: a plan of 0 would read as a pass."""
    assert [test.passed for test in read(Run(()))] == [False]


def test_open_clauses_say_why() -> None:
    """Violated, waived, unknown: each is not ok, with a comment; what is not applicable passes with one."""
    site = read(Run((everything(),)))[0].parts[0]
    by_name = {test.name: test for test in site.parts}
    assert {name for name, test in by_name.items() if not test.passed} == {"tf", "cs", "ss", "star"}
    assert by_name["tf"].comments[0].startswith("violated: ")
    assert "solver-unknown: the limit was reached (intel/la48)" in by_name["tf"].comments[0]
    assert by_name["cs"].comments[0].startswith("waived: ")
    assert by_name["ss"].comments[0] == "unknown: timeout: no answer (intel) [timeout]"
    assert by_name["ss-attrs"].comments == ["note: not applicable: no vendor leaves them"]
    assert by_name["rip"].comments == []


def test_gate_decides_what_waivers_pass() -> None:
    """A waived clause passes only where a gate says so, and under a name that says it."""
    assert not read(Run((waived(),)))[0].passed
    passed = read(settled(waived(), "waived", "strict"))[0]
    assert passed.passed
    assert [one.name for one in passed.parts[0].parts][1] == "canonical (waived)"


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_names_are_text(name: str) -> None:
    """Whatever a file is called, the parser reads the same tests with the same results."""
    for run in ATTACKED:
        for changed in (hostile(run, name), Run(tuple(renamed(report, name) for report in run.reports))):
            text = render("ktap", changed, Style())
            assert obeyed(text) == []
            assert not re.search(r"^ *# Subtest:", text, re.MULTILINE)
            assert [test.passed for test in Reader(text).whole()] == [test.passed for test in read(Run(run.reports))]
        assert shape(read(hostile(run, name))) == shape(read(replace(run, gate=None)))


def shape(tests: list[Test]) -> list[list[list[bool]]]:
    """The results of the clauses of the sites of the inputs."""
    return [[[one.passed for one in part.parts] for part in test.parts] for test in tests]


@pytest.mark.parametrize(
    ("good", "bad"),
    [("1..4", "1..5"), ("1..4", "1..3"), ("    ok 1 rip", "   ok 1 rip"), ("ok 1 rip", "ok 2 rip"), ("rip", "r#ip")],
)
def test_the_parser_is_strict(good: str, bad: str) -> None:
    """The parser that the tests above rest on refuses a wrong plan, number, indentation and name."""
    text = render("ktap", RUNS["violated"], Style())
    assert good in text
    Reader(text).whole()
    with pytest.raises(AssertionError):
        Reader(text.replace(good, bad, 1)).whole()

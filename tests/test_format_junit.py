# SPDX-License-Identifier: BSD-2-Clause
"""JUnit XML, read by two readers that are not ours: no test passes in silence, none is skipped, names are text."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from xml.etree import ElementTree

import golden
import pytest
from hostile_names import NAMES, obeyed, renamed
from junitparser import Error, Failure, JUnitXml
from report_samples import CANONICAL
from run_samples import ATTACKED, RUNS, everything, hostile, settled, waived

from verifier.model import ALL_CONFIGS, ClauseResult, Input, Run
from verifier.report import Style, render
from verifier.report.findings import clause_status

IDS = [ascii(name)[:20] for name in NAMES]
Shape = list[tuple[str, str]]
MARK = re.compile(r" \((waived|known)\)$")


def document(run: Run) -> ElementTree.Element:
    """The root element."""
    return read(render("junit", run, Style()))


def read(text: str) -> ElementTree.Element:
    """The root element of a document."""
    return ElementTree.fromstring(text.encode())  # noqa: S314  our own output, without entities of its own


def results(root: ElementTree.Element) -> Shape:
    """Name and outcome of every test, in order."""
    return [
        (case.get("name", ""), next((child.tag for child in case if child.tag != "system-out"), "passed"))
        for case in root.iter("testcase")
    ]


@pytest.mark.parametrize("name", RUNS)
def test_output_is_the_golden_one(name: str) -> None:
    """Every kind of run gives exactly the document that was read and kept."""
    golden.check(f"junit/{name}.xml", render("junit", RUNS[name], Style()))


@pytest.mark.parametrize("name", RUNS)
def test_numbers_are_those_of_the_tests(name: str) -> None:
    """Counts of the document and of each suite are what a reader counts; no suite is empty, nothing is skipped."""
    root = document(RUNS[name])
    suites = root.findall("testsuite")
    assert len(suites) == max(1, len(RUNS[name].reports))
    for element in (root, *suites):
        tests = list(element.iter("testcase"))
        assert tests
        for key, number in (
            ("tests", len(tests)),
            ("failures", len(list(element.iter("failure")))),
            ("errors", len(list(element.iter("error")))),
            ("skipped", 0),
        ):
            assert element.get(key) == str(number), key
    assert not list(root.iter("skipped"))


@pytest.mark.parametrize("name", RUNS)
def test_a_second_reader_agrees(name: str) -> None:
    """junitparser finds the same tests with the same outcomes, classes and files."""
    text = render("junit", RUNS[name], Style())
    kinds = {Failure: "failure", Error: "error"}
    found = [
        (case.name, *(kinds[type(result)] for result in case.result))
        for suite in JUnitXml.fromstring(text.encode())
        for case in suite
    ]
    assert found == [
        (case, *([] if outcome == "passed" else [outcome])) for case, outcome in results(document(RUNS[name]))
    ]
    for case in document(RUNS[name]).iter("testcase"):
        assert case.get("classname")
        assert case.get("file") or not RUNS[name].reports


@pytest.mark.parametrize("name", RUNS)
def test_every_clause_is_a_test(name: str) -> None:
    """Violated is a failure, unknown an error, proved and not applicable pass, at every site."""
    run = RUNS[name]
    for suite, report in zip(document(run).findall("testsuite"), run.reports, strict=False):
        found = results(suite)
        for site in report.sites:
            for clause in dict.fromkeys(clause.id for clause in site.clauses):
                status = clause_status(site, clause)
                outcome = {"violated": "failure", "waived": "failure", "unknown": "error"}.get(status, "passed")
                shown, said = found.pop(0)
                mark = MARK.search(shown)
                assert MARK.sub("", shown) == clause
                assert said == ("passed" if mark else outcome)
                assert mark is None or run.gate is not None
        assert all(said == "error" for _, said in found)
        passed = all(said == "passed" for _, said in results(suite))
        assert passed == (report.verdict == "proved" or run.gate is not None)


@pytest.mark.parametrize("name", RUNS)
def test_no_two_tests_have_one_name(name: str) -> None:
    """Class and name together are unique in the document: some viewers drop the second."""
    names = [(case.get("classname"), case.get("name")) for case in document(RUNS[name]).iter("testcase")]
    assert len(names) == len(set(names))


def test_counterexample_is_readable() -> None:
    """A failure has the cause as its message, and inputs, path, both outcomes and the command as text."""
    failure = next(document(RUNS["violated"]).iter("failure"))
    assert failure.get("message") == "SYSRET with non-canonical RCX (intel)"
    for part in ("frame.rip     0x800000000000", "What the two exits do", "Reproduce: verify-exit entry.S"):
        assert part in (failure.text or "")


def test_a_failure_has_bounded_text() -> None:
    """A counterexample that is very long is cut with a notice, and still ends with the command."""
    report = RUNS["violated"].reports[0]
    site = report.sites[0]
    long = replace(CANONICAL, inputs=tuple(Input(f"gs:[{index:#x}]", index, "memory") for index in range(600)))
    changed = replace(site, clauses=(ClauseResult("tf", "violated", ALL_CONFIGS, None, long),))
    failure = next(document(Run((replace(report, sites=(changed,)),))).iter("failure"))
    lines = (failure.text or "").split("\n")
    assert 400 < len(lines) < 420
    assert any("lines left out" in line for line in lines)
    assert "Reproduce: verify-exit entry.S" in lines


def test_waived_fails_without_a_gate_and_passes_by_name_with_one() -> None:
    """A waiver turns a failure into a pass only where the gate says so, and the test's name shows it."""
    assert ("canonical", "failure") in results(document(Run((waived(),))))
    root = document(settled(waived(), "waived", "strict"))
    assert ("canonical (waived)", "passed") in results(root)
    assert "waived by W-1 until 2027-01-31" in (next(root.iter("system-out")).text or "")


def test_the_gate_passes_no_open_clause() -> None:
    """A clause that is waived or known for some configurations and open for others does not pass."""
    found = dict(results(document(settled(everything(), "known"))))
    assert found["tf"] == "failure"
    assert found["cs (waived)"] == "passed"
    assert found["ss"] == found["star"] == "error"


def test_the_gate_passes_only_what_it_names() -> None:
    """A violation that the gate did not see, or counts as new, is a failure."""
    run = settled(waived(), "waived", "strict")
    assert run.gate is not None
    new = tuple(replace(finding, state="new") for finding in run.gate.findings)
    for findings in ((), new):
        found = results(document(replace(run, gate=replace(run.gate, findings=findings))))
        assert [outcome for _, outcome in found] == ["passed", "failure", "failure", "failure"]


def test_a_verdict_without_a_cause_is_an_error() -> None:
    """A report that is not proved never shows tests that all pass."""
    for verdict in ("violated", "inconclusive", "error"):
        for name in ("proved", "waived"):
            report = replace(RUNS[name].reports[0], verdict=verdict, sites=RUNS["proved"].reports[0].sites, reasons=())
            assert ("verdict", "error") in results(document(Run((report,))))


@cache
def outcomes(number: int) -> tuple[str, ...]:
    """What the tests of an attacked run come to when nobody attacks it."""
    return tuple(outcome for _, outcome in results(document(replace(ATTACKED[number], gate=None))))


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_names_are_text(name: str) -> None:
    """Whatever a file is called, the document is valid and has the same tests with the same outcomes."""
    for number, run in enumerate(ATTACKED):
        text = render("junit", hostile(run, name), Style())
        assert obeyed(text) == []
        assert tuple(outcome for _, outcome in results(read(text))) == outcomes(number)
    read(render("junit", Run((renamed(everything(), name),)), Style()))


def test_names_cannot_be_what_xml_has_not() -> None:
    """Characters that no document may hold are spelled out, and text cannot name a file to attach."""
    for name in ("\ufffe", "\uffff", "\x01", "[[ATTACHMENT|/etc/passwd]]"):
        text = render("junit", hostile(RUNS["several"], name), Style())
        assert name not in text
        read(text)

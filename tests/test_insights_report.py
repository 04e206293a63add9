# SPDX-License-Identifier: BSD-2-Clause
"""What a proof knows beyond its verdict, in text and in JSON: complete, exact, within the width, obeyed by nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import golden
import jsonschema
import pytest
from hostile_names import NAMES, obeyed, renamed, strings
from insight_samples import GUARDS, SLACK, exact, known
from report_samples import proved

from verifier.insights import Condition, GuardUse, Slack
from verifier.model import FileReport, Input, Location
from verifier.report import Style, render
from verifier.report.insights_text import insights
from verifier.report.terminal import opened, printed

SCHEMA = json.loads(
    (Path(__file__).resolve().parent.parent / "specs/schema/verify-exit-1.schema.json").read_text(encoding="utf-8")
)
IDS = [ascii(name)[:20] for name in NAMES]


def said(report: FileReport, width: int = 100, verbose: bool = False) -> str:
    """What is said about the report's one exit beside its verdict."""
    style = Style(width=width, verbose=verbose)
    console, buffer = opened(style)
    for part in insights(report.sites[0], report.configs, console.width, verbose):
        console.print(part)
    return printed(buffer, style)


def site(report: FileReport) -> dict[str, Any]:
    """The report's one exit in JSON, which meets its schema."""
    document = json.loads(render("json", [report], Style()))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    found: dict[str, Any] = document["sites"][0]
    return found


def guarded(*guards: GuardUse) -> FileReport:
    """A proved report whose exit has these guards."""
    report = proved()
    return replace(report, sites=(replace(report.sites[0], guards=guards),))


@pytest.mark.parametrize("width", [40, 72, 100, 200])
def test_text_is_as_it_was_read(width: int) -> None:
    """Everything that is known of an exit, in a layout that was read by a person."""
    golden.check(f"insights/known-{width}.txt", said(known(), width))


def test_exact_is_as_it_was_read() -> None:
    """An exit that leaves nothing to IRET."""
    golden.check("insights/exact.txt", said(exact()))


@pytest.mark.parametrize("width", [40, 60, 90, 200])
def test_text_fits_the_width(width: int) -> None:
    """No line is longer than the terminal, except instructions, which are copied."""
    lines = [line for line in said(known(), width, verbose=True).split("\n") if "%r11" not in line]
    assert max(map(len, lines)) <= width


def test_nothing_is_said_that_was_not_asked() -> None:
    """A report without guards, slack, conditions and hints has no word of them."""
    assert said(proved()) == ""
    found = site(proved())
    assert (found["guards"], found["slack"], found["fast"], found["hints"]) == (None, None, [], [])


def test_text_has_it_below_the_exit() -> None:
    """The whole report holds these parts, in front of how to reproduce it."""
    text = render("text", [known()], Style(width=100))
    assert text.index("Counterexample to tf") < text.index("Suggested test") < text.index("Which check proves what")
    assert text.index("What is left to IRET") < text.index("Reproduce")


def test_single_points_of_failure_and_redundant_checks() -> None:
    """Which check carries a clause alone, which has others beside it, and which no proof uses."""
    text = " ".join(said(known()).split())
    assert "Single points of failure: lines 51, 58 and 71." in text
    assert "Redundant: line 62 (others do the same work). Without it every clause that is proved stays proved;" in text
    assert "Redundant: line 80 (not used in any proof)." in text
    assert "canonical: lines 51 and 58; gpr.* (2): lines 62 and 71." in text
    assert "Not ensured by any check: tf." in text


def test_unknown_is_never_redundant() -> None:
    """Where nobody could tell what a proof rests on, no check is called redundant for it."""
    spare = replace(GUARDS[4], unsure=("rsp",))
    text = " ".join(said(guarded(GUARDS[0], spare)).split())
    assert "Redundant" not in text
    assert "every clause that is proved stays proved, as far as is known: nobody could tell for rsp;" in text
    assert [one["redundant"] for one in site(guarded(GUARDS[0], spare, GUARDS[4]))["guards"]] == [False, False, True]


def test_checks_of_one_macro() -> None:
    """Several checks on one line are counted, not taken for one."""
    other = replace(GUARDS[1], location=replace(GUARDS[0].location, address=0x400800))
    text = " ".join(said(guarded(GUARDS[0], other)).split())
    assert "Single points of failure: line 51 (2 checks). If one of them alone" in text
    assert "canonical: line 51 (2 checks)" in text


def test_examples_have_words_for_the_machine() -> None:
    """What has no name that people know is said in words."""
    report = known()
    example_ = (Input("ss_flat", 1, "register"), Input("f@a.S:7:ss_flat", 0, "havoc"))
    lost = replace(SLACK.lost[0], example=example_)
    text = " ".join(said(replace(report, sites=(replace(report.sites[0], slack=Slack("slack", "", (lost,))),))).split())
    assert (
        "Example: the hidden part of SS is flat, the hidden part of SS after the call of f at a.S:7 is not flat."
    ) in text


def test_no_checks() -> None:
    """An exit that every machine comes to."""
    assert "No branch on the way to this exit depends on the machine." in said(guarded())
    assert site(guarded())["guards"] == []


def test_checks_without_line_numbers() -> None:
    """Without lines a check is named by symbol and offset, or address; a call that all is read after is said once."""
    one = Location(0x40013B, None, 0, None, None, "jne 0x401150")
    two = Location(0x40014C, "f", 0x4C, None, None, "jne 0x401150")
    call = "0x43dc0@0x400121:frame."
    demands = (Condition("same", f"{call}rip", f"{call}rcx"),)
    text = said(guarded(GuardUse(one, "", demands, (), ("rip",), ("rip",)), GuardUse(two, "", (), (), (), ())))
    assert "Every value is read after the call of 0x43dc0 at 0x400121." in text
    rows = [line.split() for line in text.split("\n")]
    assert ["0x40013b", "jne", "0x401150", "frame.rip", "=", "frame.rcx", "rip"] in rows
    assert ["f+0x4c", "jne", "0x401150", "no", "condition", "of", "its", "own", "–"] in rows


@pytest.mark.parametrize("status", ["exact", "unknown"])
def test_slack_without_losses(status: str) -> None:
    """That nothing is lost and that it is not known are different sentences."""
    report = proved()
    slack = Slack("exact", "", ()) if status == "exact" else Slack("unknown", "the solver gave up", ())
    text = said(replace(report, sites=(replace(report.sites[0], slack=slack),)))
    assert ("nothing is lost" in text) == (status == "exact")
    assert ("the solver gave up" in text) == (status == "unknown")


def test_json_has_everything() -> None:
    """The fields that the schema documents, with values as hex strings."""
    found = site(known())
    guard = found["guards"][1]
    assert guard["line"] == 58
    assert guard["needed"] == guard["rests"] == ["canonical"]
    assert guard["demands"] == [
        {
            "kind": "range",
            "left": "frame.rcx",
            "intervals": [["0x0", "0x7fffffffffff"]],
            "negated": False,
            "paging": None,
            "words": "frame.rcx in 0x0–0x7fffffffffff (the lower half, LA48)",
        }
    ]
    assert [one["redundant"] for one in found["guards"]] == [False, False, True, False, True]
    assert found["slack"]["status"] == "slack"
    assert found["slack"]["lost"][0]["ranges"] == [["0xffff800000000000", "0xffffffffffffffff"]]
    assert found["slack"]["lost"][1]["example"] == {"frame.cs": "0x10033"}
    assert found["fast"][1]["others"] == ["gs:[0x10]"]
    assert found["hints"][0]["demand"][0]["mask"] == "0x100"
    assert found["hints"][0]["lines"] == ["testq   $0x100, %r11", "jnz     by_iret"]


def test_json_of_a_comparison() -> None:
    """An input has the comparison with an earlier version, null if there is none."""
    document = json.loads(render("json", [known(), proved()], Style()))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["inputs"][0]["comparison"]["status"] == "unsafe"
    assert document["inputs"][1]["comparison"] is None


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_hostile_names_are_text(name: str) -> None:
    """Whatever stands in the names, text acts on nothing, and JSON gives it back as it is."""
    report = hostile(known(), name)
    for width in (40, 100):
        assert obeyed(said(report, width, verbose=True)) == []
    text = render("json", [report], Style())
    assert text.isascii()
    assert {f"entry.S{name}", f"frame.rcx{name}", f"testq   $0x100, %r11{name}"} <= strings(text)


def hostile(report: FileReport, name: str) -> FileReport:
    """The report with the name in every text of its exit; a comparison has a test of its own."""
    return renamed(replace(report, comparison=None), name)

# SPDX-License-Identifier: BSD-2-Clause
"""Workflow commands, read by a parser like the runner's, and the summary, read by a Markdown parser."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import golden
import pytest
from hostile_names import NAMES, obeyed, renamed
from markdown_it import MarkdownIt
from report_samples import inconclusive, proved, violated
from run_samples import ATTACKED, RUNS, everything, hostile, many

from verifier.model import Run
from verifier.report import Style, render
from verifier.report.findings import findings
from verifier.report.github import SUMMARY_LIMIT, command, summary

IDS = [ascii(name)[:20] for name in NAMES]
KNOWN = {
    "add-mask",
    "debug",
    "echo",
    "endgroup",
    "error",
    "group",
    "notice",
    "save-state",
    "set-output",
    "stop-commands",
    "warning",
}


@dataclass(frozen=True)
class Command:
    """A workflow command as the runner understands it."""

    name: str
    properties: dict[str, str]
    message: str


def unescaped(value: str, *more: tuple[str, str]) -> str:
    """What the runner makes of an escaped value; %25 is last, so that it cannot make another escape."""
    for escape, char in (("%0D", "\r"), ("%0A", "\n"), *more, ("%25", "%")):
        value = value.replace(escape, char)
    return value


def parsed(line: str) -> Command | None:
    """The command in a line of a log: "::name key=value,key=value::message", also behind white space; else None."""
    line = line.lstrip()
    end = line.find("::", 2)
    if not line.startswith("::") or end < 0:
        return None
    name, _, rest = line[2:end].partition(" ")
    if name.lower() not in KNOWN:
        return None
    pairs = [part.split("=", 1) for part in rest.strip().split(",") if part]
    properties = {
        pair[0]: unescaped(pair[1], ("%3A", ":"), ("%2C", ",")) for pair in pairs if len(pair) == 2 and pair[1]
    }
    return Command(name.lower(), properties, unescaped(line[end + 2 :]))


def commands(run: Run) -> list[Command]:
    """All commands; every line has to be one, and no older form may be in it."""
    text = render("github", run, Style())
    assert text.endswith("\n") and "##[" not in text
    found = [parsed(line) for line in re.split(r"\r\n|\r|\n", text[:-1])]
    assert None not in found
    return [one for one in found if one is not None]


@pytest.mark.parametrize("name", RUNS)
def test_output_is_the_golden_one(name: str) -> None:
    """Every kind of run gives exactly the commands and the summary that were read and kept."""
    golden.check(f"github/{name}.txt", render("github", RUNS[name], Style()))
    golden.check(f"github/{name}.md", summary(RUNS[name]))


@pytest.mark.parametrize("name", RUNS)
def test_every_finding_is_an_annotation(name: str) -> None:
    """Errors and warnings are those of the findings, each at its place; one notice ends the output."""
    run = RUNS[name]
    found = commands(run)
    assert [one.name for one in found].count("notice") == 1 and found[-1].name == "notice"
    expected = [item for report in run.reports for item in findings(report, run.gate)]
    for severity in ("error", "warning"):
        own = sum(item.severity == severity for item in expected)
        assert sum(one.name == severity for one in found) == min(own, 10)
    places = {
        (item.location.file, str(item.location.line)) for item in expected if item.location and item.location.line
    }
    places |= {(item.path, str(item.line)) for item in expected if item.line}
    assert {(one.properties["file"], one.properties["line"]) for one in found if "line" in one.properties} == places
    assert [one.name for one in found] == [*sorted(one.name for one in found if one.name != "notice"), "notice"]


def test_worst_first() -> None:
    """A violation of the last input comes before what is only open in the first, and an error in between."""
    titles = [one.properties["title"] for one in commands(RUNS["several"])]
    assert titles[0] == "verify-exit: canonical: violated (intel)"
    reports = tuple(reversed(RUNS["several"].reports))
    turned = [one.properties["title"] for one in commands(Run(reports))]
    assert turned == titles


def test_no_more_than_github_shows() -> None:
    """Ten errors and ten warnings; the notice says how many more there are, the summary has all."""
    open_ = tuple(replace(inconclusive(f"{index}.S"), sites=()) for index in range(12))
    run = Run((many(13), *open_))
    found = commands(run)
    assert [one.name for one in found] == ["error"] * 10 + ["warning"] * 10 + ["notice"]
    assert "3 errors and 2 warnings more than GitHub shows" in found[-1].message
    assert all(f"`gpr.r{index}`" in summary(run) for index in range(13))


def test_paths_are_relative_to_the_repository() -> None:
    """A leading "./" is left out; what is absolute or above stays; the line table's file comes before the input."""
    bare = [replace(one, sites=(), reasons=()) for one in RUNS["several"].reports]
    report = replace(bare[3], error=("unreadable", "no", 4))
    for given, shown in (("./a.S", "a.S"), ("/a.S", "/a.S"), ("../a.S", "../a.S"), ("a/b.S", "a/b.S")):
        changed = replace(report, input=replace(report.input, path=given))
        found = commands(Run((changed,)))[0]
        assert found.properties["file"] == shown and "line" not in found.properties
    assert commands(Run((violated("x.o"),)))[0].properties["file"] == "entry.S"


def test_an_error_of_many_lines_is_one_annotation() -> None:
    """What an assembler says in many lines does not take the places of other findings."""
    report = RUNS["error"].reports[0]
    said = "\n".join(f"bad.S:{index}: Error: no such instruction" for index in range(1, 31))
    found = commands(Run((replace(report, error=("assembler-error", said, 4)), violated())))
    assert [one.name for one in found] == ["error"] * 4 + ["notice"]
    assert found[3].properties["file"] == "bad.S" and found[3].properties["line"] == "1"
    assert found[3].message.startswith("line 1: Error: no such instruction\nline 2: Error")


def test_known_and_waived_are_warnings() -> None:
    """What a gate lets pass is still shown, but not as an error."""
    for name in ("gate-known", "gate-waived"):
        assert {one.name for one in commands(RUNS[name])} == {"warning", "notice"}


@pytest.mark.parametrize("value", ["a:b,c%d\re\nf", "%0A%3A%2525", "a=b", "%", "\t x"])
def test_escapes_come_back(value: str) -> None:
    """The runner reads the message and the properties as they were meant, and nothing else from them."""
    found = parsed(command("error", [("file", value), ("line", "3"), ("title", value)], [value, value]))
    spelled = value.replace("\r", r"\x0d").replace("\n", r"\x0a").replace("\t", r"\x09")
    assert found == Command("error", {"file": spelled, "line": "3", "title": spelled}, f"{spelled}\n{spelled}")


def test_empty_properties_are_left_out() -> None:
    """A line number without a file has no meaning; nor has an empty value."""
    assert parsed(command("error", [("file", ""), ("line", "3"), ("title", "")], ["x"])) == Command("error", {}, "x")


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_names_are_text(name: str) -> None:
    """No name makes a command or a line: there are as many as there are findings, and each is short."""
    for run in ATTACKED:
        for changed in (hostile(run, name), Run(tuple(renamed(report, name) for report in run.reports))):
            assert all(len(one.message) <= 4096 for one in commands(changed))
            assert all(len(one.properties["title"]) <= 255 for one in commands(changed))
            text = "\n".join("".join([one.message, *one.properties.values()]) for one in commands(changed))
            assert obeyed(text) == []
        if "\n" not in name:
            before = [one.name for one in commands(Run(run.reports))]
            assert [one.name for one in commands(hostile(run, name))] == before


def tokens(text: str) -> list[str]:
    """The kinds of everything that a Markdown parser finds, text and code left out."""
    found = []
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(text):
        found.append(token.type)
        found += [child.type for child in token.children or ()]
    return [kind for kind in found if kind not in ("text", "code_inline", "text_special", "entity")]


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_the_summary_shows_names_as_text(name: str) -> None:
    """A Markdown parser finds the same structure whatever a file is called: no link, image, heading or HTML."""
    for run in ATTACKED:
        for changed in (hostile(run, name), Run(tuple(renamed(report, name) for report in run.reports))):
            assert obeyed(summary(changed)) == []
            assert not {"link_open", "image", "html_inline", "html_block", "em_open"} & set(tokens(summary(changed)))
        if "\n" not in name and len(name) < 1000:
            assert tokens(summary(hostile(run, name))) == tokens(summary(hostile(run, "x")))


def test_the_summary_is_bounded() -> None:
    """It stays below what GitHub takes, says that it was cut, and ends with the whole section on reproducing it."""
    long = replace(everything("é" * 4000), command="verify-exit x")
    whole = summary(Run((long,) * 3))
    assert "Cut here" not in whole
    text = summary(Run((*(violated(f"{index}-{'é' * 4000}.S") for index in range(2000)), proved())))
    assert len(text.encode()) < SUMMARY_LIMIT < 1024 * 1024
    assert "Cut here" in text
    assert tokens(text)[-1] == "fence"


def test_the_summary_claims_no_more_than_the_verdict() -> None:
    """Only a run in which every input is proved is told to hold."""
    for name, run in RUNS.items():
        assert ("Every clause holds" in summary(run)) == (name == "proved")

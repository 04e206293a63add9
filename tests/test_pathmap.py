# SPDX-License-Identifier: BSD-2-Clause
"""The map of an exit path: which exits each instruction leads to, how control goes, and what each branch proves."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from verifier.model import FileReport, PathMap
from verifier.options import Options
from verifier.pipeline import verify

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
STORY = SAMPLES / "linux-2015-opportunistic.S"

GUARDS = {51: {"rip"}, 58: {"canonical"}, 62: {"cs"}, 64: {"ss"}, 69: {"rf", "rflags"}, 71: {"rf"}}
"""Line of each branch of the story → the clauses whose proof rests on it, worked out by hand."""


def listed(path: Path) -> FileReport:
    return verify(path, Options(listing=True))


def only_map(report: FileReport) -> PathMap:
    assert len(report.maps) == 1
    return report.maps[0]


def test_each_branch_is_marked_with_what_it_proves() -> None:
    """In the story every branch has exactly the clauses that a person finds by reading; nothing else has any."""
    found = {line.location.line: set(line.supports) for line in only_map(listed(STORY)).lines if line.supports}
    assert found == GUARDS


@pytest.mark.parametrize("line", sorted(GUARDS))
def test_without_the_branch_its_clauses_fail(tmp_path: Path, line: int) -> None:
    """The marks mean something: a branch that is replaced by NOP takes its clauses with it, and no others."""
    text = STORY.read_text(encoding="utf-8").split("\n")
    assert text[line - 1].strip().startswith(("jne", "jnz"))
    text[line - 1] = "\tnop"
    changed = tmp_path / "changed.S"
    changed.write_text("\n".join(text), encoding="utf-8")
    report = verify(changed, Options())
    failing = {clause.id for site in report.sites for clause in site.clauses if clause.status == "violated"}
    assert failing == {"tf", *GUARDS[line]}


def test_reach_tells_the_two_exits_apart() -> None:
    """Up to the last test both exits are open; behind it each arm leads to its own; source lines come along."""
    report = listed(STORY)
    reach = {line.location.line: line.reach for line in only_map(report).lines}
    assert {number for number, where in reach.items() if where == "both"} == {
        *(49, 50, 51, 57, 58, 61, 62, 63, 64, 67, 68, 69, 70, 71)
    }
    assert {number for number, where in reach.items() if where == "fast"} == {73, 74, 75, 76}
    assert {number for number, where in reach.items() if where == "slow"} == {79, 80, 81, 82, 83}
    ends = {line.location.line: line.ends for line in only_map(report).lines if line.ends}
    assert ends == {76: ("sysretq",), 83: ("iretq",)}
    (source,) = report.sources
    text = STORY.read_text(encoding="utf-8").split("\n")
    assert source.lines == tuple(text[source.first - 1 : source.first - 1 + len(source.lines)])
    assert source.first <= 49 and source.first + len(source.lines) > 83


@pytest.mark.parametrize(
    "name",
    [
        "linux-2015-opportunistic.S",
        *sorted(path.name for path in SAMPLES.glob("flow-*.S"))[::9],
        *sorted(path.name for path in SAMPLES.glob("auto-*.S"))[::3],
    ],
)
def test_every_step_of_a_path_is_on_the_map(name: str) -> None:
    """A counterexample goes from instruction to instruction along edges of the map, to its exit."""
    report = listed(SAMPLES / name)
    edges = {
        (one.lines[edge.source].location.address, one.lines[edge.target].location.address)
        for one in report.maps
        for edge in one.edges
    }
    ends = {line.location.address for one in report.maps for line in one.lines if line.ends}
    for site in report.sites:
        for example in filter(None, (clause.counterexample for clause in site.clauses)):
            steps = [*(step.location.address for step in example.path), site.location.address]
            assert {pair for pair in pairwise(steps) if pair not in edges} == set()
            assert steps[-1] in ends
    # One map for each entry; every edge is between lines of the map.
    assert len({one.entry for one in report.maps}) == len(report.maps)
    for one in report.maps:
        assert all(0 <= edge.source < len(one.lines) > edge.target >= 0 for edge in one.edges)


def test_only_who_asks_gets_a_map() -> None:
    """A run without such a format does not pay for it, and its verdicts are the same."""
    plain, full = verify(STORY, Options()), listed(STORY)
    assert plain.maps == () and plain.sources == ()
    assert [site.clauses for site in plain.sites] == [site.clauses for site in full.sites]


def test_an_open_clause_has_no_guards() -> None:
    """What is not proved rests on nothing: no branch carries the mark of a violated clause."""
    report = listed(STORY)
    assert all("tf" not in line.supports for line in only_map(report).lines)

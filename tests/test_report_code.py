# SPDX-License-Identifier: BSD-2-Clause
"""What a report says about the code that a verdict covers, and about the switches that choose among it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from report_samples import CANONICAL, proved, violated

from verifier.model import ClauseResult, CodeRange, FileReport, Input
from verifier.report import Style, render
from verifier.report.grouping import code_digest, code_ranges, violations

SCHEMA = json.loads(
    (Path(__file__).resolve().parent.parent / "specs/schema/verify-exit-1.schema.json").read_text(encoding="utf-8")
)
ONE, TWO, THREE = (hashlib.sha256(text).hexdigest() for text in (b"one", b"two", b"three"))
RANGES = (
    CodeRange(0xFFFFFFFF81C00200, 0xFFFFFFFF81C0020A, TWO, "PTI"),
    CodeRange(0xFFFFFFFF81C00080, 0xFFFFFFFF81C00126, ONE),
    CodeRange(0xFFFFFFFF81C00200, 0xFFFFFFFF81C0022A, THREE),
)
BRIEF, VERBOSE = Style(), Style(verbose=True)


def report(*ranges: CodeRange, switches: tuple[str, ...] = (), container: str = "") -> FileReport:
    site = replace(proved().sites[0], code=ranges, switches=switches)
    return replace(proved("vmlinuz"), sites=(site,), container=container)


def text(one: FileReport, style: Style = BRIEF) -> str:
    return render("text", [one], style)


def document(one: FileReport) -> dict[str, Any]:
    parsed = json.loads(render("json", [one], Style()))
    jsonschema.Draft202012Validator(SCHEMA).validate(parsed)
    assert isinstance(parsed, dict)
    return parsed


def with_inputs(*inputs: Input) -> FileReport:
    example = replace(CANONICAL, inputs=inputs)
    clauses = (ClauseResult("canonical", "violated", proved().configs, None, example),)
    return replace(violated(), sites=(replace(violated().sites[0], clauses=clauses),))


# Code.


def test_one_line_says_how_much_code_and_which() -> None:
    """The number of ranges, their bytes, what else may stand there, and the start of one digest."""
    digest = code_digest(report(*RANGES).sites[0])
    line = f"  Code: 2 ranges, 208 bytes, 1 variant of patched places, sha256 {digest[:16]}…; -v lists them\n"
    assert line in text(report(*RANGES))
    assert "  Code: 1 range, 166 bytes, sha256 " in text(report(RANGES[1]))


def test_every_range_is_listed_on_request() -> None:
    """-v lists each range with its size and its whole hash, sorted, the input's own bytes first."""
    out = text(report(*RANGES), VERBOSE)
    parts = [
        f"    0xffffffff81c00080 +0xa6  {ONE}\n",
        f"    0xffffffff81c00200 +0x2a  {THREE}\n",
        "    instead, with PTI\n",
        f"    0xffffffff81c00200 +0xa  {TWO}\n",
        f"  SHA-256 of this list: {code_digest(report(*RANGES).sites[0])}\n",
    ]
    positions = [out.index(part) for part in parts]
    assert positions == sorted(positions)
    assert ONE not in text(report(*RANGES))


def test_a_report_without_code_says_nothing_about_it() -> None:
    """What was not recorded is neither claimed nor hashed; quiet output has no such line either."""
    assert "Code:" not in text(report(), VERBOSE)
    assert "Depends on" not in text(report(), VERBOSE)
    assert "Code:" not in text(report(*RANGES), Style(quiet=True))
    site = document(report())["sites"][0]
    assert (site["code"], site["code_sha256"], site["features"]) == ([], None, [])


def test_json_has_every_range_sorted() -> None:
    """Addresses as strings, the hash and the variant of each range, in the order of the addresses."""
    site = document(report(*RANGES))["sites"][0]
    assert site["code"] == [
        {"start": "0xffffffff81c00080", "end": "0xffffffff81c00126", "sha256": ONE, "variant": ""},
        {"start": "0xffffffff81c00200", "end": "0xffffffff81c0022a", "sha256": THREE, "variant": ""},
        {"start": "0xffffffff81c00200", "end": "0xffffffff81c0020a", "sha256": TWO, "variant": "PTI"},
    ]


def test_the_digest_can_be_made_from_the_json() -> None:
    """It is the SHA-256 over one line for each range, as the schema says."""
    site = document(report(*RANGES))["sites"][0]
    lines = "".join(f"{one['start']} {one['end']} {one['sha256']} {one['variant']}\n" for one in site["code"])
    assert site["code_sha256"] == hashlib.sha256(lines.encode()).hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        replace(RANGES[0], start=RANGES[0].start + 1),
        replace(RANGES[0], end=RANGES[0].end + 1),
        replace(RANGES[0], sha256=ONE),
        replace(RANGES[0], variant="LA57"),
    ],
)
def test_the_digest_depends_on_every_field_and_on_no_order(other: CodeRange) -> None:
    """Equal digests mean equal code, and the order in which the ranges came does not matter."""
    site = report(*RANGES).sites[0]
    assert code_digest(replace(site, code=(other, *RANGES[1:]))) != code_digest(site)
    assert code_digest(replace(site, code=RANGES[::-1])) == code_digest(site)
    assert code_ranges(replace(site, code=RANGES[::-1])) == code_ranges(site)


@pytest.mark.parametrize("changes", [{"sha256": "12"}, {"sha256": ONE.upper()}])
def test_the_schema_refuses_bad_ranges(changes: dict[str, str]) -> None:
    """A hash is 64 lower-case hex digits."""
    bad = report(replace(RANGES[0], **changes))  # type: ignore[arg-type]
    whole = json.loads(render("json", [bad], Style()))
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(whole)


# Switches.


def test_few_switches_are_named_and_many_are_counted() -> None:
    """Up to four names stand in the text, more only with -v; JSON has all, sorted."""
    few = report(*RANGES, switches=("PTI", "LA57"))
    assert "  Depends on: LA57, PTI\n" in text(few)
    names = tuple(f"feature-{number}" for number in range(9))
    many = report(*RANGES, switches=names)
    assert "  Depends on: 9 CPU features and static keys; -v names them\n" in text(many)
    assert f"  Depends on: {', '.join(names)}\n" in text(many, Style(verbose=True, width=160))
    assert document(few)["sites"][0]["features"] == ["LA57", "PTI"]


def test_switches_of_a_counterexample_are_set_or_clear() -> None:
    """They stand in one line of the inputs; JSON has them apart from registers and memory."""
    made = Input("slow_work@entry.S:13:rax", 0, "havoc", "call to slow_work at entry.S:13")
    bad = with_inputs(
        Input("frame.rip", 1 << 47, "frame"), Input("PTI", 1, "feature"), Input("LA57", 0, "feature"), made
    )
    out = text(bad)
    parts = ["frame.rip", "    CPU features and static keys: PTI set, LA57 clear\n", "made by the call"]
    assert [out.index(part) for part in parts] == sorted(out.index(part) for part in parts)
    example = document(bad)["sites"][0]["clauses"][0]["counterexample"]
    assert example["features"] == {"PTI": "0x1", "LA57": "0x0"}
    assert (example["entry"], example["memory"]) == ({}, {})
    assert len(example["havoc"]) == 1


def test_no_switch_no_line() -> None:
    """A counterexample that depends on no switch does not speak of them."""
    assert "CPU features" not in text(violated())
    assert document(violated())["sites"][0]["clauses"][1]["counterexample"]["features"] == {}


def test_counterexamples_with_other_switches_are_others() -> None:
    """Two that differ in a switch are two; equal ones of two configurations are one."""
    one, other = (with_inputs(Input("LA57", value, "feature")).sites[0] for value in (0, 1))
    both = replace(one, clauses=(*one.clauses, *other.clauses))
    assert len(violations(both)) == 2
    assert len(violations(replace(one, clauses=one.clauses * 2))) == 1


def test_switches_of_a_witness() -> None:
    """The state that reaches the exit names its switches as a person would."""
    site = replace(proved().sites[0], witness=(Input("rax", 5, "register"), Input("PTI", 0, "feature")))
    whole = replace(proved(), sites=(site,))
    assert "Witness (a state that reaches it): rax = 0x5, PTI clear\n" in text(whole, VERBOSE)
    assert document(whole)["sites"][0]["witness"] == {"rax": "0x5", "PTI": "0x0"}


# Container.


def test_what_the_code_was_unpacked_from_stands_below_the_path() -> None:
    """The first line stays PATH: VERDICT; the second begins with the container, also with -q."""
    container = "bzImage (xz), 6.1.0-56-amd64"
    for style in (Style(), Style(quiet=True)):
        first, second, *_ = text(report(container=container), style).split("\n")
        assert first == "vmlinuz: PROVED"
        assert second.startswith(f"  {container}; contract linux; ")
    assert document(report(container=container))["inputs"][0]["container"] == container
    assert document(report())["inputs"][0]["container"] is None

# SPDX-License-Identifier: BSD-2-Clause
"""What a change does to user space, as text, JSON and Markdown: the answer first, nothing claimed that is not known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import golden
import jsonschema
import pytest
from hostile_names import NAMES, obeyed, strings
from insight_samples import EQUIVALENT, NEWLY_FAST, OPEN, SAFE, SLOWER, UNSAFE, WRONG
from test_markdown import MINE, TRACKER, Page, squeezed

from verifier.insights import Comparison, Condition, Divergence
from verifier.report import Style, comparison_json, comparison_markdown, comparison_text
from verifier.report.change import summary, telling
from verifier.report.words import clean

SCHEMA = json.loads(
    (Path(__file__).resolve().parent.parent / "specs/schema/verify-exit-diff-1.schema.json").read_text(encoding="utf-8")
)
SAMPLES = {"unsafe": UNSAFE, "equivalent": EQUIVALENT, "open": OPEN, "safe": SAFE}
IDS = [ascii(name)[:20] for name in NAMES]

TF_SET = Condition("bits", "frame.rflags", mask=0x10100, value=0x100)
SAME = Condition("same", "frame.rip", "frame.rcx")
USER_CS = Condition("bits", "frame.cs", value=0x33)
LOWER = Condition("range", "frame.rip", intervals=((0, (1 << 47) - 1),))


def text(found: Comparison, width: int = 100) -> str:
    """The comparison for a terminal."""
    return comparison_text.render(found, Style(width=width))


def document(found: Comparison) -> dict[str, Any]:
    """The comparison in JSON, which meets its schema."""
    made: dict[str, Any] = json.loads(comparison_json.render(found, Style()))
    jsonschema.Draft202012Validator(SCHEMA).validate(made)
    return made


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("width", [40, 100])
def test_text_is_as_it_was_read(name: str, width: int) -> None:
    """Each status, in a layout that was read by a person."""
    golden.check(f"comparison/{name}-{width}.txt", text(SAMPLES[name], width))


@pytest.mark.parametrize("name", SAMPLES)
def test_markdown_is_as_it_was_read(name: str) -> None:
    """The comment for each status."""
    golden.check(f"comparison/{name}.md", comparison_markdown.render(SAMPLES[name], Style()))


@pytest.mark.parametrize("width", [40, 64, 100, 200])
def test_text_fits_the_width(width: int) -> None:
    """No line is longer than the terminal."""
    for found in SAMPLES.values():
        assert max(map(len, text(found, width).split("\n"))) <= width


def test_the_schema_is_one() -> None:
    """The schema itself is valid, and asks for every field."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    whole = document(UNSAFE)
    for name in whole:
        broken = {key: value for key, value in whole.items() if key != name}
        assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(broken), name


def test_first_line_answers() -> None:
    """What HEAD does, what user space sees of it, and the verdict, in the first line of every format."""
    expected = (
        "Safe: HEAD newly takes SYSRETQ where frame.rip in 0xffff800000000000–0xffffffffffffffff "
        "(the upper half, LA48); user space sees no difference; HEAD is proved"
    )
    assert summary(SAFE) == expected
    assert text(SAFE, 200).split("\n")[0] == f"{expected}."
    assert comparison_markdown.render(SAFE, Style()).split("\n")[2] == f"**{expected}.**"
    assert document(SAFE)["summary"] == expected


def test_what_is_wrong_comes_first() -> None:
    """Of several differences the one in which HEAD is wrong is told first, and nobody reads that nothing is seen."""
    said = summary(UNSAFE)
    assert said.startswith("Unsafe: HEAD leaves other user state (rbx) where frame.rflags has RF clear, on Intel")
    assert "and does not give what the frame says" in said
    assert "and 2 more differences" in said
    assert said.endswith("HEAD is violated (tf), BASE is proved")
    assert "no difference" not in said


def test_the_other_way_round() -> None:
    """Machines that now leave by IRET."""
    said = summary(replace(SAFE, divergences=(replace(SLOWER, visible=True),)))
    assert said.startswith("Safe: HEAD now takes IRETQ, no longer SYSRETQ, where frame.rip in 0xffff800000000000–")
    assert "user space or the kernel can tell, and HEAD gives what the frame says; HEAD is proved" in said


def test_telling_conditions() -> None:
    """What nearly every frame of a fast exit is like is left out of the first line, if something else is left."""
    assert telling((SAME, USER_CS, LOWER, TF_SET)) == [TF_SET]
    assert telling((SAME, USER_CS)) == [SAME, USER_CS]
    assert telling((SAME, USER_CS, LOWER)) == []
    assert telling((SAME, replace(USER_CS, negated=True), LOWER)) == [replace(USER_CS, negated=True)]
    many: Divergence = replace(NEWLY_FAST, conditions=(SAME, USER_CS, LOWER))
    assert "HEAD newly takes SYSRETQ for the machines below" in summary(replace(SAFE, divergences=(many,)))


@pytest.mark.parametrize("found", [UNSAFE, OPEN])
def test_open_questions_forbid_claims(found: Comparison) -> None:
    """With a reason left nothing is said to be the same or unseen, whatever the status."""
    for divergences in ((), (NEWLY_FAST,)):
        found = replace(found, divergences=divergences, reasons=("a", "b"))
        for said in (summary(found), text(found), comparison_markdown.render(found, Style())):
            assert "no difference" not in said
            assert "same kind of exit" not in said
    assert summary(OPEN).startswith("Not decided: BASE has an instruction that is not modelled; HEAD is violated (tf)")


def test_violated_on_both_sides() -> None:
    """A change that changes nothing of an old violation says both."""
    side = replace(UNSAFE.head)
    said = summary(Comparison(side, side, "unsafe", (), (), ()))
    assert said.endswith("HEAD does what BASE does: every machine leaves by the same kind of exit with the same user "
                         "state; HEAD is violated (tf), as BASE is")  # fmt: skip


def test_fields_that_differ_are_marked() -> None:
    """Both outcomes stand side by side, and only what differs has the mark."""
    found = replace(UNSAFE, divergences=(WRONG,))
    rows = [line.split() for line in text(found).split("\n")]
    assert ["rbx", "≠", "0x0", "0x7"] in rows
    assert ["rip", "0x1000", "0x1000"] in rows
    lines = comparison_markdown.render(found, Style()).split("\n")
    assert "| `rbx` | **≠** | 0x0 | 0x7 |" in lines
    assert "| `rip` |  | 0x1000 | 0x1000 |" in lines


def test_an_obligation_that_differs_is_named() -> None:
    """What differs and is no field of either outcome is not lost."""
    found = replace(UNSAFE, divergences=(replace(WRONG, differs=("interrupts are on at entry.S:20",)),))
    assert "differs: interrupts are on at entry.S:20" in text(found)
    assert "Also different: `interrupts are on at entry.S:20`." in comparison_markdown.render(found, Style())


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_hostile_names_are_text(name: str) -> None:
    """Names, paths and reasons in every place are shown and obeyed by no terminal, no tracker and no reader."""
    found = hostile(UNSAFE, name)
    for width in (40, 100):
        assert obeyed(text(found, width)) == []
    markdown = comparison_markdown.render(found, Style())
    assert obeyed(markdown) == []
    shown = Page(markdown)
    assert shown.found <= MINE
    assert shown.attributes == set()
    assert TRACKER.search(" ".join(shown.outside)) is None
    everything = squeezed("".join(shown.said))
    for word in (found.head.path, found.reasons[0], found.assumptions[0][1], found.divergences[1].differs[-1]):
        assert squeezed(clean(word.rstrip()).rstrip(".")) in everything
    made = comparison_json.render(found, Style())
    assert made.isascii()
    assert f"{UNSAFE.head.path}{name}" in strings(made)
    document(found)


def hostile(found: Comparison, name: str) -> Comparison:
    """The comparison with the name in every text that a file or a path can choose."""

    def changed(one: Divergence) -> Divergence:
        return replace(
            one,
            conditions=tuple(
                replace(each, left=each.left + name, right=each.right + name, names=tuple(x + name for x in each.names))
                for each in (*one.conditions, SAME, Condition("other", names=("a", "b")))
            ),
            example=tuple(replace(item, name=item.name + name) for item in one.example),
            base_end=one.base_end + name,
            head_end=one.head_end + name,
            differs=(*one.differs, f"an event at {name}"),
        )

    sides = [replace(side, path=side.path + name, entry=side.entry + name) for side in (found.base, found.head)]
    return replace(
        found,
        base=sides[0],
        head=sides[1],
        divergences=tuple(map(changed, found.divergences)),
        reasons=(f"A reason {name}",),
        assumptions=((f"id{name}", f"text {name}"),),
    )

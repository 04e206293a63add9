# SPDX-License-Identifier: BSD-2-Clause
"""The path graph as SVG and as text: what it says, that it is safe in a page, and how it looks (golden files)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import golden
import pytest
from hostile_names import NAMES, obeyed
from test_graph_blocks import along, calls, checks, large, line, patched, patched_join

from verifier.model import CodeLine, Counterexample, Edge, PathMap
from verifier.report.svg import CSS, block_numbers, graph, outline

NAMESPACE = "{http://www.w3.org/2000/svg}"
TAGS = {"svg", "title", "desc", "defs", "marker", "path", "g", "a", "rect", "text", "circle"}
ATTRIBUTES = {
    *("xmlns", "class", "role", "aria-labelledby", "aria-hidden", "viewBox", "width", "height", "id", "href"),
    *("d", "x", "y", "rx", "cx", "cy", "r", "refX", "refY", "markerWidth", "markerHeight", "markerUnits", "orient"),
    *("marker-end", "text-anchor", "data-from", "data-to", "data-block", "data-first", "data-last", "data-reach"),
}
"""All that the picture is made of: no style, no script, no event handler, nothing that loads anything."""
PROPERTIES = {"ink", "paper", "muted", "fast", "slow", "both", "none", "bad", "good", "warn", "line"}

EXAMPLES: dict[str, tuple[PathMap, tuple[Counterexample, ...]]] = {
    "checks": (checks(), (along(checks(), *range(8)),)),
    "calls": (calls(), ()),
    "patched": (patched(), (along(patched(), 0, 2, 3, 5, 6),)),
    "split": (patched_join(), (along(patched_join(), 0, 1, 4, 5),)),
    "folded": (large(tests=9, alternatives=120), ()),
}


def parsed(text: str) -> Element:
    """The picture as a tree; its tags have no namespace any more."""
    root = ElementTree.fromstring(text)  # noqa: S314  (what we wrote ourselves)
    for element in root.iter():
        assert element.tag.startswith(NAMESPACE)
        element.tag = element.tag.removeprefix(NAMESPACE)
    return root


def texts(element: Element) -> list[str]:
    """What is written in the boxes."""
    return [found.text or "" for found in element.iter("text")]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_picture_and_its_words_are_as_they_were(name: str) -> None:
    """The whole output for a few maps; look at the picture before a change of it is kept."""
    path_map, failing = EXAMPLES[name]
    golden.check(f"graph/{name}.svg", graph(path_map, failing, "g"))
    golden.check(f"graph/{name}.txt", "\n".join(outline(path_map, failing)) + "\n")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_picture_is_made_of_harmless_parts(name: str) -> None:
    """Only known elements and attributes; every reference is to an id of this picture or to a line of the listing."""
    root = parsed(graph(*EXAMPLES[name], "m0"))
    assert {element.tag for element in root.iter()} <= TAGS
    assert {attribute for element in root.iter() for attribute in element.attrib} <= ATTRIBUTES
    ids = [element.get("id", "") for element in root.iter() if element.get("id") is not None]
    assert max(Counter(ids).values()) == 1
    assert all(found.startswith("m0-") for found in ids)
    for element in root.iter():
        if mark := element.get("marker-end"):
            assert mark.removeprefix("url(#").removesuffix(")") in ids
        if href := element.get("href"):
            assert re.fullmatch(r"#m0-i[0-9]+", href)
    assert set(root.get("aria-labelledby", "").split()) <= set(ids)


def test_pictures_with_different_prefixes_share_no_id() -> None:
    """Several pictures can stand in one page."""
    found = [set(re.findall(r'\bid="([^"]*)"', graph(checks(), (), prefix))) for prefix in ("a", "b")]
    assert found[0]
    assert not found[0] & found[1]


def test_each_box_is_a_link_to_its_first_line() -> None:
    """Box n has the id of block n and leads to its first instruction; what it is stands in its class and its title."""
    path_map, failing = EXAMPLES["checks"]
    links = list(parsed(graph(path_map, failing, "p")).iter("a"))
    assert [(link.get("id"), link.get("href")) for link in links] == [
        ("p-b1", "#p-i0"), ("p-b2", "#p-i3"), ("p-b3", "#p-i5"), ("p-b4", "#p-i8"),
    ]  # fmt: skip
    assert [set((link.get("class") or "").split()) - {"block"} for link in links] == [
        {"reach-both", "entry", "failing"},
        {"reach-both", "failing"},
        {"reach-fast", "site", "failing"},
        {"reach-slow", "site", "join"},
    ]
    assert block_numbers(path_map, failing) == (1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4)
    first = links[0].findtext("title")
    assert first == (
        "block 1: entry exit_to_user, lines 10–12 (+0x0); cmpq 0x50(%rsp), %rcx; jne by_iret; "
        "may lead to either; proofs that rest on it: rip; on the path of a counterexample"
    )


def test_what_colours_say_is_said_without_them() -> None:
    """Exits have a double frame and name their instruction, branches say which way is which, ways differ in class."""
    root = parsed(graph(*EXAMPLES["checks"], "p"))
    links = list(root.iter("a"))
    assert [sum(rect.get("class") == "inner" for rect in link.iter("rect")) for link in links] == [0, 0, 1, 1]
    assert "→ user mode by SYSRETQ" in texts(links[2])
    assert "→ user mode by IRETQ" in texts(links[3])
    said = Counter(texts(root))
    assert said["taken"] == said["not taken"] == 2
    assert said["rip"] == said["canonical"] == 1
    failing = [path for path in root.iter("path") if path.get("class") == "way failing" and path.get("data-from")]
    assert {(path.get("data-from"), path.get("data-to")) for path in failing} == {("1", "2"), ("2", "3")}


def test_calls_traps_and_patched_forms_are_named() -> None:
    """A box says what a call that is not followed does, where paths end, and in which patched form its code is."""
    root = parsed(graph(*EXAMPLES["calls"], "p"))
    said = texts(root)
    assert "slow_work returns with anything" in said
    assert "ends: trap: ud2" in said
    assert {"call", "return", "taken"} <= set(said)
    root = parsed(graph(*EXAMPLES["patched"], "p"))
    assert "patched: LA57" in texts(root)
    assert {"LA57", "unpatched"} <= set(texts(root))


def test_every_way_is_in_the_picture_and_in_the_words() -> None:
    """No link is lost, not even where lines run together."""
    for path_map, failing in EXAMPLES.values():
        root = parsed(graph(path_map, failing, "p"))
        drawn = {
            (path.get("data-from"), path.get("data-to"))
            for path in root.iter("path")
            if path.get("data-from") is not None
        }
        said = set()
        for told in outline(path_map, failing):
            if head := re.match(r"block ([0-9]+),", told):
                said |= {(head[1], target) for target in re.findall(r"→ block ([0-9]+)", told)}
        assert drawn == said
        assert drawn


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_stay_text(name: str) -> None:
    """Any text from the input is shown as text: well-formed, the elements as ever, nothing obeyed."""

    def hostile(found: CodeLine) -> CodeLine:
        where = found.location
        where = replace(where, symbol=f"s{name}", file=f"f{name}", text=f"{where.text}{name}")
        ends = tuple(f"leaves: {end}{name}" for end in found.ends)
        return replace(found, location=where, ends=ends, variant=f"v{name}", supports=(f"c{name}",))

    harmless = patched()
    lines = tuple(map(hostile, harmless.lines))
    path_map = PathMap(f"e{name}", lines, (*harmless.edges[:-1], Edge(5, 6, f"f{name} returns with anything")))
    text = graph(path_map, (along(path_map, 0, 2, 3, 5, 6),), "p")
    root = parsed(text)
    assert {element.tag for element in root.iter()} <= TAGS
    assert {attribute for element in root.iter() for attribute in element.attrib} <= ATTRIBUTES
    assert obeyed(text) == []
    assert len(text) < 20_000
    told = outline(path_map, ())
    assert obeyed("\n".join(told)) == []
    assert not any("\n" in one for one in told)


@pytest.mark.parametrize("char", ["\ufffe", "\uffff", "\x00", "\x0b", "\ud800"])
def test_characters_that_xml_forbids_are_spelled_out(char: str) -> None:
    """The picture is well-formed XML even for text that XML cannot hold."""
    path_map = PathMap("x", (line(0, f"nop{char}", symbol=(f"s{char}", 0)),), ())
    assert char not in graph(path_map, (), "p")
    parsed(graph(path_map, (), "p"))


def test_an_empty_map_has_a_picture() -> None:
    """A map without lines gives an element without boxes, and no words."""
    root = parsed(graph(PathMap("x", (), ()), (), "p"))
    assert list(root.iter("a")) == []
    assert outline(PathMap("x", (), ()), ()) == []
    assert block_numbers(PathMap("x", (), ()), ()) == ()


def test_text_fits_into_its_box() -> None:
    """No text of a box is longer than the box at the width that the layout takes a character to have."""
    long = PathMap("x", (line(0, "movabsq $0x1122334455667788, " + "%r" * 99, symbol=("s" * 300, 0)),), ())
    for path_map in (long, *(found for found, _ in EXAMPLES.values())):
        for link in parsed(graph(path_map, (), "p")).iter("a"):
            frame = next(rect for rect in link.iter("rect") if rect.get("class") == "frame")
            right = float(frame.get("x", "")) + float(frame.get("width", ""))
            for text in link.iter("text"):
                if text.get("text-anchor") is None:
                    assert float(text.get("x", "")) + len(text.text or "") * 7.25 <= right


def test_the_rules_take_their_colours_from_the_page() -> None:
    """The style rules use the page's custom properties only, load nothing and touch nothing but the picture."""
    assert set(re.findall(r"var\(--([a-z]+)\)", CSS)) <= PROPERTIES
    assert not re.search(r"url|@import|expression|#[0-9a-fA-F]{3}|\brgb|<", CSS)
    selectors = re.findall(r"(?:^|[}{]|\n)\s*([^{}@]+?)\s*\{", CSS)
    assert len(selectors) > 20
    assert all(part.strip().startswith(".path-graph") for found in selectors for part in found.split(","))


def test_every_class_of_a_line_style_has_a_rule() -> None:
    """What the page shows by a class has a rule for it: each reach for frames, lines, arrows; failing paths."""
    for reach in ("fast", "slow", "both", "none"):
        for rule in (f".reach-{reach} .frame", f".way.reach-{reach}", f".arrow.reach-{reach}", f".dot.reach-{reach}"):
            assert rule in CSS
    for rule in (".failing .frame", ".way.failing", ".arrow.failing"):
        assert rule in CSS

# SPDX-License-Identifier: BSD-2-Clause
"""The HTML page as text: it is whole, links lead somewhere, and nothing in a report becomes markup."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import golden
import pytest
from hostile_names import NAMES, obeyed
from html_samples import EVERYTHING, LISTED, MAP, RUNS, listed, renamed_run
from report_samples import proved, violated

from verifier.model import ClauseResult, CodeLine, Location, PathMap, Run, SiteResult
from verifier.report import Style, render
from verifier.report.html.document import main
from verifier.report.html.element import Trusted, el, escaped, written

VOID = {"br", "input", "link", "meta", "wbr"}
LOADS = {"src", "srcset", "action", "formaction", "data", "poster", "ping", "style", "background", "cite", "xlink:href"}
"""Attributes that load something, or change what the page's policy allows."""


class Page(HTMLParser):
    """What a parser that knows no error correction makes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.headings: list[int] = []
        self.texts: dict[str, list[str]] = {}
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element of the drawing without content."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        assert self.open and self.open[-1] == tag, f"</{tag}> in {self.open}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        """Text, also of scripts and styles."""
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)
            if self.open[-1] not in ("script", "style"):
                self.text.append(data)

    def values(self, name: str) -> list[str]:
        """All values of an attribute."""
        return [value for _, known, value in self.attributes if known == name]


def page(run: Run) -> str:
    """The page of a run."""
    return render("html", run, Style())


@pytest.mark.parametrize("name", RUNS)
def test_golden(name: str) -> None:
    """The content of the page is exactly what was looked at."""
    golden.check(f"html/{name}.html", main(RUNS[name]))


def test_one_exit_from_two_entries_is_told_apart() -> None:
    """The tables of one exit say from which entry each is; the scope names the exit once."""
    report = violated()
    site = report.sites[0]
    text = page(Run((replace(report, sites=(site, replace(site, entry="from_interrupt"))),)))
    name = f"entry.S:{site.location.line}, exit_to_user+{site.location.offset:#x}"
    assert f"SYSRETQ at {name}, from exit_to_user " in text and f"SYSRETQ at {name}, from from_interrupt " in text
    assert f"SYSRETQ at {name}, SYSRETQ" not in text


@pytest.mark.parametrize("name", RUNS)
def test_a_page_is_whole(name: str) -> None:
    """Every element is closed, identities are unique, links lead to one, headings descend by one level, one is h1."""
    found = Page(page(RUNS[name]))
    ids = Counter(found.values("id"))
    assert [one for one, count in ids.items() if count > 1] == []
    for _, attribute, value in found.attributes:
        if attribute in ("href", "aria-labelledby", "aria-describedby"):
            assert all(part.removeprefix("#") in ids for part in value.split()), (attribute, value)
    assert found.headings.count(1) == 1
    assert found.headings[0] == 1
    assert all(later <= earlier + 1 for earlier, later in zip(found.headings, found.headings[1:], strict=False))
    assert [found.tags[tag] for tag in ("main", "nav", "header", "html")] == [1] * 4


@pytest.mark.parametrize("name", RUNS)
def test_a_page_loads_nothing(name: str) -> None:
    """No attribute names anything to load, every link stays on the page, and the policy allows two hashes only."""
    text = page(RUNS[name])
    found = Page(text)
    assert not {attribute for _, attribute, _ in found.attributes} & LOADS
    assert not [attribute for _, attribute, _ in found.attributes if attribute.startswith("on")]
    assert all(value.startswith("#") for value in found.values("href"))
    assert found.tags["script"] == found.tags["style"] == 1
    assert not {"iframe", "object", "embed", "img", "link", "base", "form", "audio", "video"} & set(found.tags)
    assert not re.search(r"@import|url\(|expression\(", "".join(found.texts["style"]))
    hashes = [
        "sha256-" + base64.b64encode(hashlib.sha256("".join(found.texts[tag]).encode()).digest()).decode()
        for tag in ("style", "script")
    ]
    assert (
        f"default-src 'none'; style-src '{hashes[0]}'; script-src '{hashes[1]}'; base-uri 'none'; form-action 'none'"
    ) in found.values("content")
    # The policy is in force before anything that it is about.
    assert text.index("Content-Security-Policy") < text.index("<style") < text.index("<script")


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:20] for name in NAMES])
def test_names_are_text(name: str) -> None:
    """A hostile name changes no element, no attribute's name, no identity and no link, and obeys no terminal."""
    # A name without any letter makes a source line blank or a field known, which is no markup either.
    other = "x" if name.strip() else name
    harmless = Page(page(renamed_run(EVERYTHING, other)))
    text = page(renamed_run(EVERYTHING, name))
    found = Page(text)
    for kind in ("id", "href", "class"):
        assert found.values(kind) == harmless.values(kind)
    assert _shape(found) == _shape(harmless)
    assert obeyed(text) == []


def _shape(found: Page) -> tuple[object, ...]:
    return sorted(found.tags.items()), [(tag, name) for tag, name, _ in found.attributes], found.headings


def test_every_name_is_shown() -> None:
    """Text that is not hostile stands on the page as it is, markup in it included."""
    report = replace(proved("a<b>&c.S"), contract="\"q'")
    found = Page(page(Run((report,))))
    assert "a<b>&c.S" in "".join(found.text)
    assert "\"q'" in "".join(found.text)


def test_escaping() -> None:
    """Markup is escaped, what cannot be seen is spelled out, and no line is a command to a CI system."""
    assert escaped("<a href='x'>\"&") == "&lt;a href=&#39;x&#39;&gt;&quot;&amp;"
    assert escaped("a\u202eb\x00c\ud800\u3164") == "a\\u202eb\\x00c\\ud800\\u3164"
    assert escaped("::error ##[x ::::") == ":&#58;error #&#35;[x :&#58;:&#58;"
    assert written(el("p", "<", None, ["a", el("b", "c")], class_="x")) == '\n<p class="x">&lt;a<b>c</b></p>'
    assert written(el("td", Trusted("<i>"))) == "<td><i></td>"


@pytest.mark.parametrize(
    ("tag", "attributes"),
    [
        ("script src", {}),
        ("img", {}),
        ("a", {"href": "https://a.example"}),
        ("a", {"href": "javascript:alert(1)"}),
        ("a", {"href": "#a b"}),
        ("p", {"onclick": "x"}),
        ("p", {"style": "x"}),
        ("p", {"id": "a b"}),
        ("p", {"src": "x"}),
    ],
)
def test_elements_that_are_refused(tag: str, attributes: dict[str, str]) -> None:
    """An element that could load, run or leave anything cannot be made."""
    with pytest.raises(ValueError):
        el(tag, **attributes)


def test_sections_of_a_full_report() -> None:
    """Everything that a reviewer has to see is on the page, in the order of the questions."""
    text = page(RUNS["listed"])
    order = (
        "Clauses", "Counterexamples", "Listing", "Path graph", "Scope", "Assumptions", "Trusted base", "Theorem",
        "Waivers", "Gate", "Evidence", "How to reproduce", "Limits",
    )  # fmt: skip
    assert re.findall(r"<h2[^>]*>([^<]*)</h2>", text) == ["Contents", *order]
    assert text.index("verdict violated") < text.index("<h2")
    for word in ("Helps to prove", "W-1", "baseline.json", "cvc5", "#GP(0) at CPL0", "Replay confirmed", "ab" * 16):
        assert word in text


def test_disagreements_and_reasons_have_sections() -> None:
    """What went wrong in the tool, and what is open, is never left out."""
    assert "rax differs" in main(RUNS["disagreeing"])
    assert "No model for invpcid." in main(RUNS["inconclusive"])
    assert "no such instruction" in main(RUNS["failed"])


def test_listing_and_graph_lead_to_each_other() -> None:
    """Each row links to a box of the drawing, each box to a row, each mark of a clause to its row and back."""
    text = main(RUNS["listed"])
    for index in range(len(MAP.lines)):
        line = _row(text, f"f1-m0-i{index}")
        assert re.search(r'href="#f1-m0-b\d+"', line)
    boxes = re.findall(r'<a [^>]*href="#(f1-m0-i\d+)"[^>]*id="(f1-m0-b\d+)"', text)
    assert boxes and len({box for _, box in boxes}) == len(boxes)
    assert 'href="#f1-s0-c0"' in _row(text, "f1-m0-i2")
    assert 'href="#f1-m0-i2"' in _row(text, "f1-s0-c0")


def test_the_failing_path_is_marked() -> None:
    """The steps of the counterexample stand beside the instructions, and lead to the table of steps and back."""
    text = main(RUNS["listed"])
    for step, line in ((1, 0), (2, 1), (3, 2), (4, 3)):
        assert f'href="#f1-s0-x0-p{step}"' in _row(text, f"f1-m0-i{line}")
        assert f'href="#f1-m0-i{line}"' in _row(text, f"f1-s0-x0-p{step}")
    assert "-p" not in _row(text, "f1-m0-i5")
    assert "✗" in _row(text, "f1-m0-i4")


def test_source_lines_without_code_are_context() -> None:
    """Comments and labels stand between the instructions; a macro's line stands once for all of its instructions."""
    text = main(RUNS["listed"])
    shown = text[text.index('id="f1-listing"') : text.index('id="f1-graph"')]
    places = [shown.index(word) for word in ("// RCX, which", ">movq 0x80", "// the slow way", "by_iret:", ">iretq<")]
    assert places == sorted(places)
    assert shown.count("take_back") == 1


def _row(text: str, identity: str) -> str:
    """The table row of that identity."""
    return text[text.index(f'id="{identity}"') :].split("</tr>", 1)[0]


def test_differing_fields_are_marked_by_a_sign() -> None:
    """A field in which the two outcomes differ has a sign and words, not only a colour."""
    text = main(RUNS["violated"])
    rows = re.findall(r'<tr class="differs">.*?</tr>', text, re.DOTALL)
    assert rows
    assert all("≠" in row and "differs</span>" in row for row in rows)


def test_waived_is_never_called_proved() -> None:
    """A waived clause is shown as waived, with its counterexample and who answers for it."""
    text = main(RUNS["listed"])
    row = _row(text, "f1-s0-c2")
    assert "waived" in row and "proved" not in row and "A. Person" in row
    assert "Waived, not fixed" in text


def test_a_kernel_has_a_small_page() -> None:
    """1200 instructions, as many as a kernel's exits have, take less than two megabytes."""
    lines = tuple(
        CodeLine(
            Location(0xFFFF_FFFF_8100_0000 + 5 * index, "entry", 5 * index, "entry.S", index, "movq 0x10(%rsp), %rax"),
            "488b442410", "", ("fast", "slow", "both", "none")[index % 4], (), ("rip", "canonical")
        )
        for index in range(1200)
    )  # fmt: skip
    big = replace(listed(), maps=(PathMap("exit_to_user", lines, ()),))
    assert len(page(Run((big,))).encode()) < 2_000_000


def test_sites_share_no_identity() -> None:
    """Two exits with the same clauses and the same counterexamples are told apart."""
    report = listed()
    other: SiteResult = replace(report.sites[0], clauses=(ClauseResult("rip", "violated", (), None, LISTED),))
    ids = Page(page(Run((replace(report, sites=(*report.sites, other, other)),)))).values("id")
    assert len(ids) == len(set(ids))


def test_the_page_depends_on_the_run_only() -> None:
    """The same run gives the same page, whatever the style of the terminal."""
    run = RUNS["several"]
    assert render("html", run, Style(width=60, color=True, verbose=True)) == page(run)
    assert page(run).endswith("</html>\n")

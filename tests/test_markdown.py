# SPDX-License-Identifier: BSD-2-Clause
"""The Markdown report: complete, the same each time, and inert whatever the names in it are."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from golden import check
from hostile_names import NAMES, obeyed, renamed
from insight_samples import exact, known
from markdown_it import MarkdownIt
from report_samples import LOAD, SYSRET, failed, inconclusive, proved, violated
from test_narrative import waived

from verifier.model import (
    Certificates,
    CodeLine,
    CodeRange,
    CrossCheck,
    Disagreement,
    Edge,
    FileReport,
    Finding,
    Gate,
    InputFile,
    Location,
    PathMap,
    Run,
    SourceText,
    Waiver,
    WaiverUse,
)
from verifier.report import Style
from verifier.report.markdown import render
from verifier.report.mdtext import block, code, table, text
from verifier.report.words import clean

MINE = frozenset("h1 h2 h3 h4 p strong ul li table thead tbody tr th td code pre".split())
"""Every element that the report is made of."""
TRACKER = re.compile(r"[@#$]\S|://|www\.|:\w+:|\bGH-\d|[!&~%]\w")
"""What a tracker acts on wherever it stands outside of code."""

BRANCH = Location(0x400005, "exit_to_user", 5, "entry.S", 13, "jne    slow")
SLOW = Location(0x4001B0, "slow", 0, "entry.S", 230, "iretq")
MAP = PathMap(
    "exit_to_user",
    (
        CodeLine(LOAD, "488b8c2480000000", "", "both"),
        CodeLine(BRANCH, "755d", "", "both", (), ("canonical", "rip")),
        CodeLine(replace(BRANCH, text="nop"), "6690", "FEATURE", "fast"),
        CodeLine(SYSRET, "480f07", "", "fast", ("sysretq",)),
        CodeLine(SLOW, "48cf", "", "slow", ("iretq",)),
    ),
    (Edge(0, 1, ""), Edge(0, 2, ""), Edge(1, 3, "not taken"), Edge(1, 4, "taken"), Edge(2, 3, "")),
)
SOURCES = (SourceText("entry.S", 11, ("exit_to_user:", "  movq SAVED_RIP(%rsp), %rcx", "  jne slow")),)
WAIVER = Waiver("tf-1", "tf", "f" * 32, "rewritten soon", "ann@example.org", "2030-01-31")


def with_map(report: FileReport) -> FileReport:
    """The report with a listing, a graph, hashed code, evidence and a switch."""
    code = (CodeRange(0x400000, 0x4001A6, "ab" * 32), CodeRange(0x400005, 0x400007, "cd" * 32, "FEATURE"))
    return replace(
        report,
        maps=(MAP,),
        sources=SOURCES,
        sites=tuple(replace(site, code=code, switches=("FEATURE",)) for site in report.sites),
        cross_checks=(CrossCheck("cvc5", 40, 40, 0),),
        certificates=Certificates(40, 39, ("obligation 7",)),
        disagreements=(Disagreement(SYSRET, "tf", ("intel", "la48"), ("rax differs",)),),
    )


EVERY = (with_map(violated()), known(), inconclusive(), with_map(proved()), failed(), waived(violated()))
GATE = Gate(
    "new-only",
    1,
    (Finding("entry.S", "canonical", "f" * 32, "new", SYSRET), Finding("bad.S", "assembler-error", "e" * 32, "known")),
    InputFile("baseline.json", "0" * 64),
)
USES = (WaiverUse(WAIVER, "used", 2), WaiverUse(replace(WAIVER, id="rf-1"), "expired", 0))


class Page(HTMLParser):
    """The elements of a page, its text, and the text outside of code."""

    def __init__(self, markdown: str) -> None:
        """Parse what a GitHub-flavoured parser makes of ``markdown``, HTML in it included."""
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.found: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.cells: list[str] = []
        self.said: list[str] = []
        self.outside: list[str] = []
        parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
        self.feed(parser.render(markdown))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and its attributes."""
        self.found.add(tag)
        self.attributes |= set(attrs)
        self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect text."""
        self.said.append(data)
        if not {"code", "pre"} & set(self.open):
            self.outside.append(data)
        if self.cells and {"td", "th"} & set(self.open):
            self.cells[-1] += data

    def handle_comment(self, data: str) -> None:
        """No comment is ours."""
        self.found.add(f"comment {data}")

    def handle_decl(self, decl: str) -> None:
        """No declaration is ours."""
        self.found.add(f"declaration {decl}")

    def handle_pi(self, data: str) -> None:
        """No processing instruction is ours."""
        self.found.add(f"instruction {data}")


def squeezed(said: str) -> str:
    """Text without white space, which a parser may change; tabs are spelled out or spaces."""
    return re.sub(r"\s+|\\x09", "", said)


def page(*reports: FileReport) -> Page:
    """The parsed report about these inputs."""
    return Page(render(Run(reports), Style()))


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("violated", Run((with_map(violated()),))),
        ("proved", Run((with_map(proved()),))),
        ("inconclusive", Run((inconclusive(),))),
        ("error", Run((failed(),))),
        ("waived", Run((waived(violated()),), USES)),
        ("several", Run((violated(), proved(), failed()), USES, GATE)),
        ("none", Run(())),
        ("known", Run((known(),))),
        ("exact", Run((exact(),))),
    ],
)
def test_golden(name: str, run: Run) -> None:
    """The report is exactly what it was, byte by byte, and the same when made again."""
    made = render(run, Style())
    assert made == render(run, Style(width=60, color=True, verbose=True))
    check(f"markdown/{name}.md", made)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_hostile_names_are_text(name: str) -> None:
    """No element, attribute or link that is not ours; nothing for a tracker or a terminal; every name is there."""
    for report in EVERY:
        report = renamed(report, name)
        made = render(Run((report,), (replace(USES[0], waiver=renamed_waiver(name)),)), Style())
        shown = Page(made)
        assert shown.found <= MINE
        assert shown.attributes <= {("class", "language-text"), ("class", "language-sh")}
        assert TRACKER.search(" ".join(shown.outside)) is None
        assert obeyed(made) == []
        everything = squeezed("".join(shown.said))
        wanted = [
            report.input.path,
            *(item.source for item in report.assumptions),
            *(one.text.rstrip() for one in report.reasons),
        ]
        wanted += [site.location.symbol or "" for site in report.sites]
        wanted += [line.location.text for part in report.maps for line in part.lines]
        for text_of_report in wanted:
            assert squeezed(clean(text_of_report).rstrip(".")) in everything


def renamed_waiver(name: str) -> Waiver:
    """A waiver of which every word has the name in it."""
    return Waiver(*(f"{word}{name}" for word in ("id", "tf", "ff", "why", "who", "2030-01-31")))


@pytest.mark.parametrize(
    "said",
    [
        *NAMES,
        "- item",
        "1. item",
        "12) item",
        "# head",
        "> quote",
        "=== x",
        "+ x",
        "_em_ __strong__ *em* **strong** ~~gone~~",
        "snake_case_name",
        "@someone, (@someone) see #123 and org/repo#4 or GH-5",
        "\\| \\\\| |\\",
        "``a` b```",
        "`",
        " ` ",
        "https://example.org www.example.org a@example.org",
        "&lt; &#64;x &amp;",
        "[^1]: note [a]: b",
        "a\\",
        ":+1: :tada:",
        "$x$ $$y$$",
        "commit 2a23c6b8a9c4, (61f01dd941ba)",
        "(%rdi): ![a](b)",
        "/close",
    ],
)
def test_text_and_code_read_as_written(said: str) -> None:
    """In a table, a list and a paragraph a text is the same text, and nothing else is made of it."""
    shown = Page("\n".join(table(("a", "b", "c"), [(text(said), code(said), "end")])))
    assert len(shown.cells) == 6
    assert squeezed(shown.cells[3]) == squeezed(shown.cells[4]) == squeezed(clean(said))
    assert shown.cells[5] == "end"
    for lead, tail in (("- ", ""), ("", ""), ("# ", ""), ("**x ", " y**")):
        for made in (text(said), code(said)):
            one = Page(f"{lead}{made}{tail}")
            around = squeezed(f"x{clean(said)}y" if tail else clean(said))
            assert squeezed("".join(one.said)) == around
            assert one.found <= MINE
            assert TRACKER.search("".join(one.outside)) is None
            assert not made.startswith("/")


def test_a_block_is_not_left() -> None:
    """A fence is longer than every run of its character inside."""
    shown = Page("\n".join(block(["```", "````text", "~~~", "<b>x</b>"])))
    assert shown.found == {"pre", "code"}
    assert "".join(shown.said).split() == ["```", "````text", "~~~", "<b>x</b>"]
    assert block([]) == table(("a",), []) == []


def test_sections_are_in_reading_order() -> None:
    """The verdict comes first, then what it is about, the exits, the code, what it rests on, and the limits."""
    made = render(Run((with_map(violated()),), USES), Style())
    titles = [line.lstrip("# ") for line in made.split("\n") if line.startswith("##")]
    assert titles == [
        "Verdict: violated (`canonical`, `gpr.rbx`, `gpr.rdi`)",
        "SYSRETQ at entry.S:210, exit_to_user+0x1a3: violated",
        "Counterexample to `canonical` on intel",
        "Counterexample to `gpr.rbx`",
        "The code from `exit_to_user`",
        "The ways from `exit_to_user`",
        "Assumptions",
        "Trusted base",
        "Theorem",
        "Evidence beside the verdict",
        "Reproduce",
        "Limits",
        "Waivers",
    ]


def test_registers_share_one_counterexample() -> None:
    """Of the registers that fail the first is shown in full, every other in a line."""
    made = render(Run((violated(),)), Style())
    assert "Also `gpr.rdi`: RDI is not what the IRET exit restores; `rdi` is `0x1`, with IRET `0x0`." in made


def test_waived_clauses_are_shown() -> None:
    """A waived clause has its counterexample, is called violated, and no clause table calls it proved."""
    made = render(Run((waived(violated()),), USES), Style())
    assert "#### Counterexample to `canonical` on intel (waived)" in made
    assert "| `canonical` | **violated, waived** | intel |" in made
    assert "| `tf-1` | `tf` | waives 2 clauses |" in made
    assert "| `rf-1` | `tf` | expired |" in made


def test_listing_marks() -> None:
    """Each instruction has its source line, what it leads to, the failing path and the clauses that rest on it."""
    lines = render(Run((with_map(violated()),)), Style()).split("\n")
    start = lines.index("### The code from `exit_to_user`")
    shown = [line.split() for line in lines[start + 4 : lines.index("```", start + 5)]]
    assert ["12", "movq", "SAVED_RIP(%rsp),", "%rcx"] in shown
    assert ["Bx", "+0x0", "488b8c2480000000", "movq", "0x80(%rsp),", "%rcx"] in shown
    assert ["B", "+0x5", "755d", "jne", "slow", "<-", "for", "canonical", "rip"] in shown
    assert ["instead,", "with", "FEATURE:"] in shown
    assert ["I", "+0x0", "48cf", "iretq", "<-", "iretq"] in shown
    assert "| `rip` | proved | all | RCX is the saved RIP | `line 13 (+0x5)` |" in lines


def test_the_largest_input_is_still_text() -> None:
    """A counterexample of many steps is cut in the middle, with the number of what is missing."""
    report = violated()
    site = report.sites[0]
    example = next(one.counterexample for one in site.clauses if one.counterexample is not None)
    long = replace(example, path=example.path * 200)
    clauses = tuple(replace(one, counterexample=long) if one.id == "canonical" else one for one in site.clauses[:2])
    made = render(Run((replace(report, sites=(replace(site, clauses=clauses),)),)), Style())
    assert "Path, 600 instructions:" in made
    assert "... 400 instructions left out" in made

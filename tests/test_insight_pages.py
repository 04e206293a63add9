# SPDX-License-Identifier: BSD-2-Clause
"""What a proof knows beyond its verdict, in the HTML page and in Markdown: whole, readable without colours, no claim
that the data does not make.
"""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from html_samples import MAP, listed
from insight_samples import EQUIVALENT, FAST, GUARDS, HINT, OPEN, SAFE, SLACK, UNSAFE, at, exact, known
from report_samples import inconclusive, proved, violated

from verifier.insights import Comparison, Condition, Lost, Slack
from verifier.model import ALL_CONFIGS, FileReport, Run
from verifier.report import Style, checks, left, render
from verifier.report.change import failing
from verifier.report.checks import columns, mark, unguarded, worth
from verifier.report.html.document import main
from verifier.report.ranges import amount, region, span
from verifier.report.spacebar import bar

TITLES = (
    "What this change does to user space",
    "Which check proves what",
    "Suggested test",
    "Which frames take the fast exit",
    "What is left to IRET",
)
FORMATS = ("html", "markdown")


def shown(report: FileReport, kind: str) -> str:
    """The page or the Markdown of a report."""
    return main(Run((report,))) if kind == "html" else render("markdown", Run((report,)), Style())


class Cells(HTMLParser):
    """The cells of a table's body as a person who does not see it gets them: a list for each row."""

    def __init__(self, page: str, class_: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.spans: list[list[int]] = []
        self._silent = 0
        start = page.index(f'class="{class_}"')
        self.feed(page[page.index("<tbody>", start) : page.index("</tbody>", start)])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A row or a cell begins; what is hidden from ears does not count."""
        found = dict(attrs)
        if tag == "tr":
            self.rows.append([])
            self.spans.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.spans[-1].append(int(found.get("rowspan") or 1))
        elif tag == "br":
            self.rows[-1][-1] += "\n"
        elif self._silent or found.get("aria-hidden") == "true":
            self._silent += 1

    def handle_endtag(self, tag: str) -> None:
        """The end of something hidden."""
        self._silent -= bool(self._silent)

    def handle_data(self, data: str) -> None:
        """Text of a cell."""
        if not self._silent and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_columns() -> None:
    """A column for each clause that a check proves and for each that fails; registers that are alike share one."""
    found = columns(known().sites[0])
    assert [(one.ids, one.state) for one in found] == [
        (("rip",), "proved"),
        (("rf",), "proved"),
        (("canonical",), "proved"),
        (("tf",), "violated"),
        (("gpr.rbx", "gpr.rdi"), "proved"),
    ]
    assert [one.title for one in found] == ["rip", "rf", "canonical", "tf", "gpr.*"]


def test_registers_with_different_marks_have_their_own_columns() -> None:
    """Only what has the same marks in every row is one column."""
    site = known().sites[0]
    guards = (replace(GUARDS[3], needed=("rf", "gpr.rbx")), *GUARDS[:2])
    assert [one.ids for one in columns(replace(site, guards=guards))][-2:] == [("gpr.rbx",), ("gpr.rdi",)]


def test_marks() -> None:
    """What is needed, what is replaceable and what has no part in a proof are told apart, as is what they come to."""
    found = columns(known().sites[0])
    marks = [[mark(guard, one) for one in found if one.state == "proved"] for guard in GUARDS]
    assert marks == [
        ["needed", "", "part", ""],
        ["", "", "needed", ""],
        ["", "", "", "part"],
        ["", "needed", "", "needed"],
        ["", "", "", ""],
    ]
    assert [worth(one) for one in GUARDS] == [
        "needed", "needed", "redundant, another check does its part", "needed", "redundant",
    ]  # fmt: skip


def test_every_clause_is_somewhere() -> None:
    """A clause is in a column or in the list of those that no check is named for, and that list says why."""
    site = known().sites[0]
    listed = {name for one in columns(site) for name in one.ids} | {
        name for _, names in unguarded(site) for name in names
    }
    assert listed == {one.id for one in site.clauses}
    reasons = {names: why for why, names in unguarded(site)}
    assert reasons["cr3",].startswith("Not decided")
    assert reasons["xstate",].startswith("Promised")
    assert reasons["rsp", "gpr.rsi"].startswith("Proved without any check")


def test_the_table_without_colours_and_signs() -> None:
    """Heard instead of seen, each cell says what it is; the clause that fails has one answer for all checks."""
    found = Cells(main(Run((known(),))), "matrix")
    assert [row[0] for row in found.rows] == [
        "line 51\njne by_iret", "line 58\njnz by_iret", "line 62\njne by_iret with LA57",
        "line 71\njne by_iret", "line 80\njne by_iret",
    ]  # fmt: skip
    first = [cell.strip() for cell in found.rows[0]]
    assert first[1] == "frame.rip = frame.rcx"
    assert first[2:5] == ["needed for rip", "", "replaceable for canonical"]
    assert first[5].split("\n")[0] == "violated: no check ensures it"
    assert "counterexample" in first[5] and "suggested test" in first[5]
    assert first[6:] == ["", "needed"]
    assert found.spans[0] == [1, 1, 1, 1, 1, 5, 1, 1]
    assert [row[-1].strip() for row in found.rows[1:]] == [
        "needed", "redundant, another check does its part", "needed", "redundant",
    ]  # fmt: skip
    # The tall cell stands in the first row only.
    assert [len(row) for row in found.rows] == [8, 7, 7, 7, 7]


def test_the_table_in_markdown() -> None:
    """Every row has a cell for every column, in words."""
    rows = [line for line in shown(known(), "markdown").split("\n") if re.match(r"\| (check|`entry.S:\d+` `j)", line)]
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    assert cells[0] == [
        "check",
        "lets pass",
        "`rip`",
        "`rf`",
        "`canonical`",
        "`tf` (violated)",
        "`gpr.*` (2)",
        "in all",
    ]
    assert cells[1][2:] == ["**needed**", "", "replaceable", "no check", "", "needed"]
    assert cells[3][2:] == ["", "", "", "no check", "replaceable", "redundant, another check does its part"]
    assert [len(row) for row in cells] == [8] * 6


def test_rows_lead_to_the_listing() -> None:
    """A check that is in the listing leads to its row there."""
    report = listed()
    guard = replace(GUARDS[0], location=MAP.lines[2].location)
    page = main(Run((replace(report, sites=(replace(report.sites[0], guards=(guard,)),)),)))
    row = page[page.index('id="f1-s0-g0"') :].split("</tr>", 1)[0]
    assert '<a href="#f1-m0-i2">line 14</a>' in row


@pytest.mark.parametrize("kind", FORMATS)
def test_without_data_there_is_no_section(kind: str) -> None:
    """What was not asked for is not mentioned."""
    for report in (proved(), violated(), inconclusive()):
        text = shown(report, kind)
        assert [title for title in TITLES if title in text] == []


@pytest.mark.parametrize("kind", FORMATS)
def test_everything_has_its_section(kind: str) -> None:
    """What was asked for is there, in the order of the questions."""
    text = shown(known(), kind)
    # The table of contents names some of them first.
    text = text[text.index("<main") :] if kind == "html" else text
    places = [text.index(title) for title in (TITLES[0], TITLES[2], *TITLES[3:])]
    assert places == sorted(places)
    assert TITLES[1] in text


@pytest.mark.parametrize("kind", FORMATS)
def test_an_exit_without_checks_has_no_table(kind: str) -> None:
    """Where no branch depends on the machine that is said, and what fails is still named."""
    report = known()
    text = shown(replace(report, sites=(replace(report.sites[0], guards=()),)), kind)
    assert "No branch on the way to this exit depends on the machine." in text
    assert "no check ensures it" in text
    assert "matrix" not in text


@pytest.mark.parametrize("kind", FORMATS)
def test_conditions_of_the_fast_exit(kind: str) -> None:
    """“Exactly when” is said of exact conditions only; what else decides is named."""
    text = shown(known(), kind)
    assert "SYSRETQ is taken exactly when all of this holds, on Intel with 4- and 5-level paging:" in text
    assert "SYSRETQ is taken only when all of this holds, on AMD with 4- and 5-level paging:" in text
    assert text.count("exactly when") == text.count("Not whenever it holds. What else decides: ") == 1
    report = known()
    always = replace(FAST[0], conditions=())
    text = shown(replace(report, sites=(replace(report.sites[0], fast=(always,)),)), kind)
    assert "SYSRETQ is always taken" in text
    unknown = replace(always, exact=False, others=("rax",))
    text = shown(replace(report, sites=(replace(report.sites[0], fast=(unknown,)),)), kind)
    assert "When SYSRETQ is taken cannot be put in conditions" in text and "always taken" not in text


@pytest.mark.parametrize("kind", FORMATS)
def test_slack(kind: str) -> None:
    """What is lost, by which checks, is said with an example; “exact” and “not known” are said as such."""
    text = shown(known(), kind)
    plain = re.sub("<[^>]+>", "", text)
    assert "Line 58 (jnz by_iret) turns away, of what the other checks let through" in plain
    assert re.search(r"[Ll]ine 62 \(jne by_iret\) and line 71 \(jne by_iret\): ", plain)
    assert "0xffffffffff600000" in text and "vsyscall page" in text
    assert "Exact: of ordinary frames, as a CPU or a kernel writes them, nothing is lost." in shown(exact(), kind)
    assert "nothing is lost" not in text
    report = known()
    open_ = Slack("unknown", "the solver gave up", ())
    text = shown(replace(report, sites=(replace(report.sites[0], slack=open_),)), kind)
    assert "Not known: the solver gave up." in text and "nothing is lost" not in text


def test_scope_of_what_is_lost() -> None:
    """All and only, or perhaps not all: as the data says; frames that no kernel writes are called so."""
    text = main(Run((known(),)))
    assert "<p>Exactly where all of this holds:</p>" in text
    assert "as no CPU and no kernel writes them, with bits that neither instruction loads" in text
    assert "<p>Intel: only where all of this holds (and perhaps not always there):</p>" in text


def test_losses_stand_below_their_check() -> None:
    """One heading for a check, below it each kind of paging; then several checks together; other frames come last."""
    where = SLACK.lost[0].guards
    lost = [
        replace(SLACK.lost[1], guards=where),
        replace(SLACK.lost[0], configs=ALL_CONFIGS[0::2]),
        replace(SLACK.lost[1], ordinary=True),
        replace(SLACK.lost[0], configs=ALL_CONFIGS[1::2]),
    ]
    site = known().sites[0]
    slack = Slack("slack", "", tuple(lost))
    first, second = left.groups(slack, True)
    assert (first.guards, first.losses) == (where, (lost[1], lost[3]))
    assert second.losses == (lost[2],)
    assert [one.losses for one in left.groups(slack, False)] == [(lost[0],)]
    page = shown(replace(known(), sites=(replace(site, slack=slack),)), "markdown")
    assert page.count("Line 58 (jnz by_iret) turns away") == 1
    order = [page.index(said) for said in ("4-level paging: exactly", "5-level paging: exactly", "together turn away")]
    assert order == sorted(order) and page.index("Also turned away are frames") > order[-1]


def test_checks_on_one_line_are_told_apart() -> None:
    """Two branches of one macro have the same line and the same text: where they are tells which is meant."""
    one = at(58)
    other = replace(one, address=one.address + 9, offset=one.offset + 9)
    slack = replace(SLACK, lost=(replace(SLACK.lost[0], guards=(one, other)),))
    names = left.places(known().sites[0], slack)
    assert list(names.values()) == [
        "line 58 (jne by_iret) at exit_to_user+0xae", "line 58 (jne by_iret) at exit_to_user+0xb7",
    ]  # fmt: skip


def test_what_tells_a_frame_that_nobody_writes() -> None:
    """The short line has the condition that makes such a frame, not those of every frame."""
    cs = (Condition("bits", "frame.cs", mask=0xFFFF, value=0x33), Condition("bits", "frame.cs", mask=0xFFFF << 16,
                                                                            value=0, negated=True))  # fmt: skip
    junk = replace(SLACK.lost[1], configs=ALL_CONFIGS, conditions=cs)
    (group,) = left.groups(Slack("exact", "", (junk,)), False)
    names = left.places(known().sites[0], Slack("exact", "", (junk,)))
    said = "line 62 (jne by_iret) and line 71 (jne by_iret): frame.cs has at least one of bits 16–31 set"
    assert left.aside(group, names, ALL_CONFIGS) == said


@pytest.mark.parametrize("kind", FORMATS)
def test_a_hint_is_a_suggestion(kind: str) -> None:
    """The test stands with its lines, its place, how it was checked, and that it is no edit."""
    text = shown(known(), kind)
    for line in HINT.lines:
        assert line in text
    assert "entry.S:71" in text and "uggestion, not an edit" in text
    assert "frame.rflags has TF clear" in text
    assert "With this test every clause of this exit is proved." in text
    report = known()
    partly = replace(HINT, complete=False, after=None, lines=())
    text = shown(replace(report, sites=(replace(report.sites[0], hints=(partly,)),)), kind)
    assert "every clause of this exit is proved" not in text
    assert "n front of where the frame is given up" in text


def test_a_violated_clause_leads_to_its_hint() -> None:
    """The row of the clause has a link to the counterexample and one to the suggested test."""
    page = main(Run((known(),)))
    row = page[page.index('data-clause="f1-s0-c3"') :].split("</tr>", 1)[0]
    assert 'href="#f1-s0-x0"' in row and 'href="#f1-s0-h0"' in row
    assert page.count('id="f1-s0-h0"') == 1


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("comparison", "said"),
    [
        (EQUIVALENT, "Equivalent: HEAD does what BASE does: every machine leaves by the same kind of exit"),
        (SAFE, "Safe: HEAD "),
        (UNSAFE, "Unsafe: HEAD "),
        (OPEN, "Not decided: BASE has an instruction that is not modelled"),
    ],
)
def test_change(kind: str, comparison: Comparison, said: str) -> None:
    """The first sentence about a change is its status, and no other status is claimed."""
    text = shown(replace(exact(), comparison=comparison), kind)
    assert said in text
    others = {"Equivalent: ", "Safe: ", "Unsafe: ", "Not decided: "}
    assert [one for one in sorted(others) if one in text] == [one for one in sorted(others) if said.startswith(one)]
    for side in (comparison.base, comparison.head):
        assert side.path in text and side.sha256 in text
    assert all(reason in text for reason in comparison.reasons)


@pytest.mark.parametrize("kind", FORMATS)
def test_differences(kind: str) -> None:
    """Each difference has its kind in words, who can tell it, whether HEAD is wrong, and both outcomes."""
    text = shown(known(), kind)
    for kind_of in (
        "HEAD takes the fast exit where BASE took IRET",
        "HEAD takes IRET where BASE took the fast exit",
        "The same kind of exit, with other user state",
        "They end in different ways",
    ):
        assert kind_of in text
    assert text.count("Only speed: ") == 2
    assert text.count("Wrong: HEAD is the one") == 1
    assert text.count("Visible to user space or to the kernel") == 1
    assert "trap: ud2" in text
    assert "A call does the same in both." in text


def test_what_differs_is_marked_by_a_sign_and_a_word() -> None:
    """The field that differs between the versions has both, a table without a difference says so."""
    page = main(Run((known(),)))
    change = page[page.index('id="f1-change"') : page.index('id="f1-clauses"')]
    rows = re.findall(r'<tr class="differs">.*?</tr>', change, re.DOTALL)
    assert len(rows) == 3
    assert all("≠" in row and "differs</span>" in row for row in rows)
    assert change.count("No field differs") == 2


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1, "1 address"),
        (4096, "4096 addresses"),
        (1 << 47, "2^47 addresses"),
        ((1 << 47) - 4096, "2^47 - 4096 addresses"),
        (1 << 64, "2^64 addresses"),
        ((1 << 56) - (1 << 47), "2^56 - 2^47 addresses"),
        (0x1234_5678_9ABC, "0x123456789abc addresses"),
    ],
)
def test_numbers_of_addresses(number: int, said: str) -> None:
    """A large number is a power of two, or one less a little or less another; else it is written out."""
    assert amount(number) == said


def test_ranges_in_words() -> None:
    """A range has its ends, its size, and the parts of the address space that it is in."""
    assert span(((1 << 47) - 4096, (1 << 47) - 1)).endswith(" (user half; 4096 addresses)")
    assert span((5, 5)) == "0x5 (user half)"
    assert span((0, (1 << 64) - 1)).endswith(" (all of the address space; 2^64 addresses)")
    assert span((0, (1 << 56) - 1)).endswith(" (the lower half, LA57; 2^56 addresses)")
    assert region((1, (1 << 56) - 1)) == "user half of 5-level paging"
    assert region(((1 << 64) - (1 << 56), (1 << 64) - 2)) == "kernel half of 5-level paging"
    assert region((1 << 46, 1 << 60)) == "from user half to never canonical"


def test_what_the_checks_keep_from_happening() -> None:
    """Every clause that a check helps to prove has what it would mean that it fails; a violated one has not."""
    (site,) = known().sites
    found = checks.prevented(site)
    assert [one.ids[0] for one, _, _ in found] == ["rip", "rf", "canonical", "gpr.rbx"]
    assert [[guard.location.line for guard in guards] for _, guards, _ in found] == [[51], [71], [51, 58], [62, 71]]
    page = main(Run((known(),)))
    table = page[page.index("What these checks keep from happening") :].split("</table>", 1)[0]
    assert "the handler runs on a stack that the attacker chose" in table and "single-stepped" not in table


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_violated_in_either_version(kind: str) -> None:
    """A reader of a change sees what the violated clauses mean, and which version violates them."""
    base = replace(SAFE.base, verdict="violated", violated=("tf",))
    text = shown(replace(exact(), comparison=replace(SAFE, base=base)), kind)
    part = text[text.index("What is violated" if kind == "html" else "BASE violates `tf`") :][:600]
    assert "BASE" in part and "With TF set SYSRET raises #DB" in re.sub("[\\\\`]", "", part)
    assert failing(replace(SAFE, head=base)) == [("tf", "HEAD", failing(replace(SAFE, base=base))[0][2])]
    assert failing(replace(SAFE, base=base, head=base))[0][:2] == ("tf", "HEAD and BASE")


def test_the_answer_leads_to_the_differences() -> None:
    """Each difference has one line below the answer, and the line leads to all that is known of it."""
    page = main(Run((known(),)))
    brief = page[page.index('<ol class="brief">') :].split("</ol>", 1)[0]
    links = re.findall('href="#([^"]+)"', brief)
    assert links == [f"f1-d{number}" for number in range(len(UNSAFE.divergences))]
    assert all(page.count(f'id="{link}"') == 1 for link in links)


def test_the_bar_of_addresses() -> None:
    """Each part of the address space has a fifth of the bar; one address is seen, also at the very end."""
    marks = re.findall(r'class="lost" x="([0-9.]+)" y="0" width="([0-9.]+)"', bar([
        (0, (1 << 47) - 1), (1 << 47, 1 << 47), ((1 << 64) - (1 << 47), (1 << 64) - 1), ((1 << 64) - 1, (1 << 64) - 1),
    ]))  # fmt: skip
    assert marks == [("0.0", "200.0"), ("200.0", "3.0"), ("800.0", "200.0"), ("997.0", "3.0")]
    many = [(4 * one, 4 * one) for one in range(100_000)]
    assert len(bar(many)) < 2000


def test_many_ranges_are_bounded() -> None:
    """A thousand ranges make a page of bounded size, and Markdown says how many are left out."""
    ranges = tuple((8192 * one, 8192 * one + 1) for one in range(1000))
    lost = replace(SLACK.lost[0], ranges=ranges)
    report = exact()
    big = replace(report, sites=(replace(report.sites[0], slack=Slack("slack", "", (lost,))),))
    assert "988 more ranges" in shown(big, "markdown")
    assert len(main(Run((big,)))) < 300_000


def test_two_exits_are_told_apart() -> None:
    """Each exit has its own table, named by where it is; no identity is there twice."""
    report = known()
    other = replace(report.sites[0], entry="from_interrupt")
    page = main(Run((replace(report, sites=(report.sites[0], other)),)))
    assert page.count('class="matrix"') == 2
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert len(re.findall("<h3>SYSRETQ at [^<]*, from from_interrupt</h3>", page)) == 3


def test_a_lost_way_without_a_single_check() -> None:
    """A loss that no guard is named for does not blame one."""
    none = Lost((), ALL_CONFIGS, True, (), False, (), False, ())
    report = exact()
    text = main(Run((replace(report, sites=(replace(report.sites[0], slack=Slack("slack", "", (none,))),)),)))
    assert "Turned away by no single check" in text and "Some of it, for which no condition can be named." in text


@pytest.mark.parametrize("kind", FORMATS)
def test_what_could_not_be_found_out(kind: str) -> None:
    """A clause of whose proof nothing is known is marked so in each row, and no check is called redundant for sure."""
    report = known()
    guards = tuple(replace(one, unsure=("rsp",)) for one in GUARDS)
    text = shown(replace(report, sites=(replace(report.sites[0], guards=guards),)), kind)
    assert [worth(one) for one in guards] == ["needed", "needed", "perhaps redundant", "needed", "perhaps redundant"]
    assert "none of them is redundant" in text
    assert "not known: what the proof uses could not be found out" in text
    assert "what the proof uses could not be found out" not in shown(known(), kind)
    assert text.count("not known for rsp" if kind == "html" else "| not known |") == 5


@pytest.mark.parametrize("kind", FORMATS)
def test_reasons_beside_slack(kind: str) -> None:
    """What limits an answer about slack is said with it; what is lost of other frames is listed beside “exact”."""
    report = exact()
    slack = Slack("exact", "this is for ordinary frames", SLACK.lost[1:])
    text = shown(replace(report, sites=(replace(report.sites[0], slack=slack),)), kind)
    assert "Exact: of ordinary frames" in text and "his is for ordinary frames" not in text
    assert "Also turned away are frames as no CPU and no kernel writes them" in text
    assert re.search(r"[Ll]ine 62 \(jne by_iret\) and line 71 \(jne by_iret\): ", re.sub("<[^>]+>", "", text))
    more = replace(SLACK, reason="the time for it is over")
    assert "The time for it is over." in shown(replace(report, sites=(replace(report.sites[0], slack=more),)), kind)

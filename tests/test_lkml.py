# SPDX-License-Identifier: BSD-2-Clause
"""The mail for maintainers: in the order that they ask for, plain, and without a word that the tool does not know."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from golden import check
from hostile_names import NAMES, obeyed, renamed
from report_samples import CANONICAL, INTEL, SYSRET, failed, inconclusive, leak, proved, violated
from test_narrative import waived

from verifier.clauses import CLAUSES
from verifier.model import ALL_CONFIGS, Assumption, ClauseResult, Counterexample, FileReport, Input, Run
from verifier.report import Style
from verifier.report.lkml import render
from verifier.report.mailtext import COLUMNS

OBEYED = re.compile(
    r"From |>|---|diff |Index: |\+\+\+|@@|#|-- $|(Subject|To|Cc|Date|[A-Z][a-z]+(-[a-z]+)*-by|Fixes|Link|Closes): "
)
"""How lines begin that mail programs, patch tools and bots act on."""

TF = replace(
    CANONICAL,
    config=("intel", "la48"),
    cause="SYSRET with TF set traps before the first user instruction, IRET after it",
    differs=("trap",),
    vendor_notes=(),
    sysret=replace(CANONICAL.iret, instruction="sysretq", fault=None, trap="#DB before the first user instruction"),
    iret=replace(CANONICAL.iret, fault=None, trap="#DB after the first user instruction"),
)
CONTRACT = Assumption("contract-interrupts", "At the entry interrupts are off", "the entry code")


def report_of(*clauses: tuple[str, Counterexample], kind: str = "sysretq") -> FileReport:
    """A violated report with these clauses."""
    report = violated()
    results = tuple(ClauseResult(name, "violated", ALL_CONFIGS, None, example) for name, example in clauses)
    return replace(
        report,
        assumptions=(*report.assumptions, CONTRACT),
        sites=(replace(report.sites[0], kind=kind, clauses=results),),
    )


def mail(*reports: FileReport) -> str:
    """The text about these inputs."""
    return render(Run(reports), Style())


@pytest.mark.parametrize(
    ("name", "reports"),
    [
        ("violated", (violated(),)),
        ("trap", (report_of(("tf", TF)),)),
        ("several", (violated(), proved(), report_of(("tf", TF)), failed())),
        ("proved", (proved(),)),
        ("inconclusive", (inconclusive(),)),
        ("error", (failed(),)),
        ("waived", (waived(violated()),)),
        ("none", ()),
    ],
)
def test_golden(name: str, reports: tuple[FileReport, ...]) -> None:
    """The text is exactly what it was, byte by byte, whatever the style."""
    made = mail(*reports)
    assert made == render(Run(reports), Style(width=60, color=True, verbose=True))
    check(f"lkml/{name}.txt", made)


def test_order_of_the_questions() -> None:
    """Problem, how it is reached, effect, how it was found, version, reproducer, repair, and what to do first."""
    lines = mail(report_of(("tf", TF))).split("\n")
    assert [line for line in lines if re.fullmatch(r"\w[^.]*:", line) and len(line) < 30] == [
        "What is wrong:",
        "How it is reached:",
        "What it does:",
        "How it was found:",
        "Which version:",
        "How to see it again:",
        "What would repair it:",
    ]
    assert lines[0] == "Subject: [BUG] exit_to_user: SYSRETQ taken where it must not be (tf)"
    assert "".join(lines[-6:]).startswith("[Before sending: if this can be attacked")


def test_lines_are_short_and_plain() -> None:
    """Prose keeps to 75 columns; only commands and columns of values, which are indented, are longer. All is ASCII."""
    made = mail(violated(), report_of(("tf", TF)), inconclusive())
    assert [line for line in made.split("\n") if len(line) > COLUMNS and not line.startswith("  ")] == []
    assert made.isascii()
    assert not re.search(r"[*`]", made)


def test_nothing_is_invented() -> None:
    """How a program gets there, on which version and whether hardware does it, is left to the sender."""
    made = " ".join(mail(report_of(("tf", TF))).split())
    assert "That a program can bring a running system into it is not shown." in made
    assert "Nothing was run on hardware." in made
    assert "[Before sending: say what a program has to do to get here" in made
    assert "[Before sending: name the release or commit" in made
    assert "- At the entry interrupts are off" in made


def test_what_endangers_the_kernel_comes_first() -> None:
    """The message is about the worst violation; the others have a line each."""
    made = mail(report_of(("tf", TF), ("canonical", CANONICAL), ("gpr.rdi", leak("rdi"))))
    assert made.startswith("Subject: [BUG] exit_to_user: SYSRETQ taken where it must not be (canonical)\n")
    assert "    tf, SYSRETQ at entry.S:210, exit_to_user+0x1a3: SYSRET with TF set traps" in made
    assert "    gpr.rdi, SYSRETQ at entry.S:210, exit_to_user+0x1a3: RDI is not what" in made


def test_outcomes_side_by_side() -> None:
    """Both exits, on which CPU, and a mark at each field that differs."""
    made = mail(report_of(("canonical", CANONICAL)))
    assert "would do the other (on Intel with 4-level paging):" in " ".join(made.split())
    assert "    SYSRETQ: #GP(0) at CPL0 with the user's RSP\n    IRETQ:   #GP(0) at CPL0 on the kernel stack\n" in made
    assert re.search(r"^ {4}rip +!= - +0x800000000000$", made, re.MULTILINE)
    assert re.search(r"^ {4}ss +0x2b +0x2b$", made, re.MULTILINE)


def test_what_happens_on_the_way() -> None:
    """Where both exits hand over the same, the instruction that is wrong is named and shown, and no table."""
    event = "interrupts are enabled behind this instruction (entry.S:12)"
    quiet = replace(CANONICAL.path[0], changes=(), note="")
    same = replace(TF.iret, instruction="sysretq")
    example = replace(TF, sysret=same, differs=(event,), path=(quiet, *CANONICAL.path[1:]))
    made = mail(report_of(("irq", example)))
    assert f"What happens on the way: {event}." in " ".join(made.split())
    assert "The fields of the two outcomes do not differ in this state; what is wrong is said above." in " ".join(
        made.split()
    )
    assert re.search(r"^ +12  \+0x0 +movq 0x80", made, re.MULTILINE)
    assert "would do" not in made
    assert "What happens on the way" not in mail(report_of(("ss-attrs", replace(example, differs=("ss-attrs",)))))


def test_iret_is_compared_with_what_user_mode_needs() -> None:
    """The second outcome of an IRET exit is no other exit."""
    example = replace(leak("gs_base"), sysret=replace(leak("gs_base").sysret, instruction="iretq"))
    example = replace(example, iret=replace(example.iret, instruction="iretq"))
    made = mail(report_of(("gs", example), kind="iretq"))
    assert "In this state IRETQ hands over the one, and user mode needs the other" in made
    assert re.search(r"^ +IRETQ +needed$", made, re.MULTILINE)


def test_a_test_is_proposed_only_where_it_is_the_clause() -> None:
    """A missing test is named where the clause is a test of the saved frame, and nothing is proposed elsewhere."""
    made = " ".join(mail(report_of(("tf", TF), ("gpr.rdi", leak("rdi")))).split())
    assert "tf cannot fail if SYSRETQ is taken only in states in which the saved RFLAGS has TF clear" in made
    assert "What would repair it" not in mail(report_of(("gpr.rdi", leak("rdi"))))
    assert "What would repair it" not in mail(report_of(("gs", CANONICAL)))
    assert "What would repair it" not in mail(report_of(("canonical", CANONICAL), kind="sysexitq"))


@pytest.mark.parametrize("name", [one.id for one in CLAUSES])
def test_every_clause_has_a_message(name: str) -> None:
    """Whatever fails: what has to hold and what it means are there."""
    made = mail(report_of((name, CANONICAL)))
    assert f"({name})\n" in made
    assert "What has to hold there:" in " ".join(made.split())


def test_configurations_with_states_of_their_own() -> None:
    """One clause that fails differently on different CPUs is one problem; where only some fail, it is said which."""
    la57 = replace(CANONICAL, config=("intel", "la57"), inputs=(Input("frame.rip", 1 << 56, "frame"),))
    clauses = (
        ClauseResult("canonical", "violated", INTEL[:1], None, CANONICAL),
        ClauseResult("canonical", "violated", INTEL[1:], None, la57),
    )
    report = violated()
    made = " ".join(mail(replace(report, sites=(replace(report.sites[0], clauses=clauses),))).split())
    assert (
        "It happens on Intel with 4- and 5-level paging; the state above is for Intel with 4-level paging, there are "
        "others like it. Nothing is known on AMD with 4- and 5-level paging."
    ) in made
    assert "The same input also has" not in made
    proved_on_amd = " ".join(mail(violated()).split())
    assert "on Intel with 4- and 5-level paging. It does not happen on AMD with 4- and 5-level paging." in proved_on_amd


def test_objects_were_not_assembled_here() -> None:
    """The assembler is named for a source only."""
    tool = (("verify-exit", "1"), ("as", "GNU as 2"), ("gcc", "gcc 12"))
    source, image = (replace(report_of(("tf", TF)), tool=tool, input=replace(violated().input, path=path))
                     for path in ("a.S", "vmlinux"))  # fmt: skip
    assert "Assembled with GNU as 2 and gcc 12." in " ".join(mail(source).split())
    assert "Assembled with" not in mail(image)


def test_inputs_without_violation() -> None:
    """No message claims anything for them: they are named after the messages, or in a line each."""
    assert mail() == "Nothing to report: there was no input.\n"
    assert mail(proved()).startswith("Nothing to report. No violation was found. good.S, entered at")
    assert mail(inconclusive()).startswith(
        "Nothing to report. No violation was found, and none is excluded. Whether\nodd.S takes"
    )
    assert mail(failed()).startswith("Nothing to report. There is no result. bad.S was not judged")
    assert mail(waived(violated())).startswith("Nothing to report. What was found is waived. entry.S is not proved: 3")
    both = " ".join(mail(violated(), proved(), inconclusive()).split())
    assert both.endswith("[No message is about these inputs: good.S is proved, odd.S is inconclusive.]")
    assert mail(violated(), violated("b.S")).count("Subject: ") == 2


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_hostile_names_are_text(name: str) -> None:
    """No line begins with what a mail program, a patch tool or a bot obeys, nothing acts on a terminal."""
    for report in (violated(), report_of(("tf", TF)), inconclusive(), proved(), failed(), waived(violated())):
        made = mail(renamed(report, name))
        assert obeyed(made) == []
        subjects = 1 if report.verdict == "violated" else 0
        assert [line for line in made.split("\n")[subjects:] if OBEYED.match(line)] == []


@pytest.mark.parametrize("word", ["From ", "---", "diff -u", "Signed-off-by: x", "#regzbot invalid", "> quoted", "-- "])
def test_no_word_is_obeyed_at_the_start_of_a_line(word: str) -> None:
    """Wherever prose is folded, what follows cannot begin a line that is obeyed."""
    for fill in range(40):
        example = replace(TF, cause=f"{'x' * fill} {word} y")
        made = mail(report_of(("tf", example)))
        assert [line for line in made.split("\n")[1:] if OBEYED.match(line)] == []
        assert word.strip() in " ".join(made.split())


def test_a_symbol_that_is_long_does_not_flood_the_subject() -> None:
    """The subject stays a line that a list can show."""
    report = violated()
    where = replace(SYSRET, symbol="s" * 3000)
    first = mail(replace(report, sites=(replace(report.sites[0], location=where),))).split("\n")[0]
    assert len(first) < 110

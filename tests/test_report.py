# SPDX-License-Identifier: BSD-2-Clause
"""The renderers: what they say, and that nothing in a report can change how it is said."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from report_samples import (
    AMD,
    ASSUMPTIONS,
    CANONICAL,
    EDGE,
    INTEL,
    SYSRET,
    failed,
    inconclusive,
    leak,
    proved,
    violated,
)

from verifier.model import (
    ALL_CONFIGS,
    Change,
    ClauseResult,
    CodeRange,
    Counterexample,
    Field,
    FileReport,
    Input,
    Location,
    Reason,
    SiteResult,
    Step,
)
from verifier.report import FORMATS, Style, render
from verifier.report.grouping import decisive, merged_reasons, status_rows, violations
from verifier.report.text import editor_lines
from verifier.report.verdict import check, exit_code, worst_code, worst_verdict
from verifier.report.words import clean, configs_label

SCHEMA = json.loads(
    (Path(__file__).resolve().parent.parent / "specs/schema/verify-exit-1.schema.json").read_text(encoding="utf-8")
)
EVERY = (violated(), inconclusive(), proved(), failed())
HOSTILE = "x[red]\x1b[2J\r\n::error::\u202e[/red]:smile:"


def hostile() -> FileReport:
    """A report in which every string comes from an attacker."""
    location = Location(0x10, HOSTILE, 0, HOSTILE, 1, HOSTILE)
    example = replace(
        CANONICAL,
        cause=HOSTILE,
        inputs=(Input(HOSTILE, 1, "memory", HOSTILE), Input(HOSTILE, 1, "feature", HOSTILE)),
        path=(Step(location, (), HOSTILE, HOSTILE),),
        differs=(HOSTILE,),
        vendor_notes=((HOSTILE, HOSTILE),),
        replay_note=HOSTILE,
    )
    clauses = (
        ClauseResult("canonical", "violated", ALL_CONFIGS, HOSTILE, example),
        ClauseResult("rip", "unknown", ALL_CONFIGS, HOSTILE),
    )
    witness = (Input(HOSTILE, 1, "memory"), Input(HOSTILE, 1, "feature"))
    code = (CodeRange(0x10, 0x20, "0" * 64, HOSTILE), CodeRange(0, 0x10, "0" * 64))
    site = SiteResult("sysretq", location, HOSTILE, "violated", clauses, witness, code, (HOSTILE,))
    reason = Reason("relocation", HOSTILE, HOSTILE, location)
    return replace(
        violated(HOSTILE),
        sites=(site,),
        reasons=(reason,),
        contract=HOSTILE,
        command=HOSTILE,
        entries=(HOSTILE,),
        container=HOSTILE,
    )


def with_example(example: Counterexample) -> FileReport:
    """The violated report with another counterexample for its canonical clause."""
    clauses = (ClauseResult("canonical", "violated", ALL_CONFIGS, None, example),)
    return replace(violated(), sites=(replace(violated().sites[0], clauses=clauses),))


def text(*reports: FileReport, style: Style | None = None) -> str:
    return render("text", reports, style or Style())


# Verdicts and exit codes.


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([0], 0),
        ([0, 3], 3),
        ([3, 4, 0], 4),
        ([4, 70, 3], 70),
        ([70, 1, 4, 3, 0], 1),
        ([4, 2], 2),
        ([2, 1], 1),
        ([130, 1], 130),
        ([0, 99], 70),
        ([], 3),
    ],
)
def test_worst_code_wins(codes: list[int], expected: int) -> None:
    """1 beats 70 beats 2 beats 4 beats 3 beats 0; nothing analysed is not a proof."""
    assert worst_code(codes) == expected


@pytest.mark.parametrize(("report", "code"), list(zip(EVERY, [1, 3, 0, 4], strict=True)))
def test_each_verdict_has_its_code(report: FileReport, code: int) -> None:
    """The four verdicts map to the documented exit codes, and the samples are consistent."""
    check(report)
    assert exit_code(report) == code


def test_worst_verdict_follows_the_exit_codes() -> None:
    """For every pair of reports the common verdict is the one whose exit code wins."""
    for one in EVERY:
        for other in EVERY:
            worst = worst_code([exit_code(one), exit_code(other)])
            assert worst_verdict([one, other]) == next(r.verdict for r in EVERY if exit_code(r) == worst)


def _site(*clauses: ClauseResult) -> SiteResult:
    return replace(proved().sites[0], clauses=clauses)


@pytest.mark.parametrize(
    "report",
    [
        replace(proved(), sites=()),
        replace(proved(), configs=()),
        replace(proved(), reasons=inconclusive().reasons),
        replace(proved(), sites=(_site(),)),
        replace(proved(), sites=(_site(ClauseResult("rip", "waived", ALL_CONFIGS)),)),
        replace(proved(), sites=(_site(*proved().sites[0].clauses, ClauseResult("cs", "unknown", AMD)),)),
        replace(proved(), sites=(*proved().sites, replace(proved().sites[0], verdict="inconclusive"))),
        replace(violated(), sites=proved().sites),
        with_example(replace(CANONICAL, replayed=False)),
        replace(violated(), sites=(_site(ClauseResult("rip", "violated", ALL_CONFIGS)),)),
        replace(violated(), verdict="inconclusive"),
        replace(proved(), verdict="inconclusive"),
        replace(failed(), error=None),
        replace(failed(), error=("x", "y", 0)),
    ],
)
def test_unfounded_verdicts_are_refused(report: FileReport) -> None:
    """A verdict that its own report does not bear out never leaves the tool."""
    with pytest.raises(ValueError):
        check(report)


# Shared phrases.


@pytest.mark.parametrize(
    ("dirty", "expected"),
    [
        ("plain ü ≠", "plain ü ≠"),
        ("\x1b[31m", r"\x1b[31m"),
        ("a\nb\tc\x7f\x9b", r"a\x0ab\x09c\x7f\x9b"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("\u2028", r"\u2028"),
        ("\udcff", r"\udcff"),
        ("\U000e0001", r"\U000e0001"),
        ("::set-env::x ##[group]", r":\x3aset-env:\x3ax #\x23[group]"),
    ],
)
def test_clean_spells_out_what_acts_on_a_terminal(dirty: str, expected: str) -> None:
    """Controls, bidirectional overrides, line separators and undecodable bytes become visible text."""
    assert clean(dirty) == expected


@pytest.mark.parametrize(
    ("configs", "among", "expected"),
    [
        (ALL_CONFIGS, ALL_CONFIGS, ""),
        (INTEL, INTEL, ""),
        (INTEL, ALL_CONFIGS, "intel"),
        ((("intel", "la57"), ("amd", "la57")), ALL_CONFIGS, "la57"),
        ((("amd", "la57"), ("intel", "la48")), ALL_CONFIGS, "intel/la48, amd/la57"),
        (INTEL[:1], ALL_CONFIGS, "intel/la48"),
        (INTEL[:1], (INTEL[0], AMD[0]), "intel"),
    ],
)
def test_configurations_are_named_briefly(
    configs: tuple[tuple[str, str], ...], among: tuple[tuple[str, str], ...], expected: str
) -> None:
    """A label says no more than what tells the configurations from the rest of the run."""
    assert configs_label(configs, among) == expected


# Text.


def test_editor_line_has_the_agreed_form() -> None:
    """Problem matchers rely on this line, letter by letter."""
    assert editor_lines(violated())[0] == (
        "entry.S:210: error: verify-exit: exit_to_user()+0x1a3: SYSRET with non-canonical RCX [canonical]"
    )


def test_one_editor_line_for_each_violated_clause() -> None:
    """Two configurations of a clause are one finding; each gpr clause is one of its own."""
    codes = [re.findall(r"\[([^\]]+)\]$", line)[0] for line in editor_lines(violated())]
    assert codes == ["canonical", "gpr.rbx", "gpr.rdi"]


def test_editor_lines_are_not_folded() -> None:
    """At every width the line stays one line that starts in the first column."""
    for width in (60, 100):
        lines = text(violated(), inconclusive(), style=Style(width=width)).split("\n")
        assert set(editor_lines(violated()) + editor_lines(inconclusive())) <= set(lines)


def test_editor_line_without_line_numbers() -> None:
    """An object without debug information is named by its path, symbol and offset, or by the address."""
    bare = replace(SYSRET, file=None, line=None)
    for location, where in ((bare, "exit_to_user()+0x1a3"), (replace(bare, symbol=None), "0x4001a3")):
        report = replace(violated("a.o"), sites=(replace(violated().sites[0], location=location),))
        assert editor_lines(report)[0] == (
            f"a.o: error: verify-exit: {where}: SYSRET with non-canonical RCX [canonical]"
        )


def test_reason_has_an_editor_line_and_a_remedy() -> None:
    """An inconclusive verdict says where, why and what settles it."""
    out = text(inconclusive())
    expected = "odd.S:20: warning: verify-exit: exit_to_user()+0x10: No model for invpcid [unsupported-instruction]"
    assert expected in out.split("\n")
    assert "invpcid (%rdi), %rax" in out
    assert "To settle it: Start behind it." in out


@pytest.mark.parametrize("report", [violated(), inconclusive(), proved()])
def test_verdict_first_assumptions_always(report: FileReport) -> None:
    """Verdict, findings, sites, reasons, assumptions: in this order, and every assumption with its id."""
    out = text(report)
    parts = [f"{report.input.path}: {report.verdict.upper()}", *editor_lines(report), "SYSRETQ at"]
    parts += [f"{reason.code} at" for reason in report.reasons]
    parts += [f"  {item.id}  " for item in report.assumptions]
    positions = [out.index(part) for part in parts]
    assert positions == sorted(positions)


def test_sources_of_assumptions_on_request() -> None:
    """Who vouches for an assumption is said with -v."""
    assert "[contract linux]" not in text(proved())
    assert "IF is 0 at entry [contract linux]" in text(proved(), style=Style(verbose=True))


def test_several_files_share_the_texts_of_assumptions() -> None:
    """Each file has the ids in a line; the texts come once, with the contract where they differ."""
    other = replace(
        proved("b.S"), contract="mine", assumptions=(replace(ASSUMPTIONS[1], text="IF is 1"), ASSUMPTIONS[0])
    )
    out = text(proved("a.S"), other)
    assert out.count("assumptions: disjoint-stack irq-entry\n") == 1
    assert out.count("assumptions: irq-entry disjoint-stack\n") == 1
    assert out.count("The frame and the per-CPU area do not overlap") == 1
    assert "IF is 0 at entry (contract linux)\n" in out
    assert "IF is 1 (contract mine)\n" in out


def test_proved_files_are_short_among_others() -> None:
    """Among several files only what is not proved has details, unless -v asks; a single one has them."""
    assert "SYSRETQ at" not in text(proved("a.S"), proved("b.S"))
    assert text(proved("a.S"), violated()).count("SYSRETQ at") == 1
    assert text(proved("a.S"), proved("b.S"), style=Style(verbose=True)).count("SYSRETQ at") == 2
    assert "SYSRETQ at" in text(proved())


def test_reasons_that_differ_in_the_clause_are_one() -> None:
    """A cause that keeps several clauses open is one reason that names them all."""
    reason = replace(inconclusive().reasons[0], text="rip: it may be so")
    reasons = (reason, replace(reason, text="cs: it may be so"), replace(reason, text="other: it may be so"))
    merged = merged_reasons(replace(inconclusive(), reasons=reasons))
    assert [item.text for item in merged] == ["rip, cs: it may be so", "other: it may be so"]


def test_counterexample_tells_the_whole_story_in_order() -> None:
    """Cause, inputs with meaning, path, state, both outcomes, vendors, replay, command: in this order."""
    out = text(violated())
    out = out[out.index("Counterexample to canonical (intel)") :]
    parts = [
        "SYSRET with non-canonical RCX.",
        "frame.rip     0x800000000000  just above the la48 user half, canonical for la57",
        "frame.rflags  0x202           IF",
        "made by the call to slow_work at entry.S:13, which is not analysed\n    rax  0x0\n",
        "    entry.S, exit_to_user()\n",
        " 12  +0x0    movq SAVED_RIP(%rsp), %rcx  movq 0x80(%rsp), %rcx  rcx = 0x800000000000\n",
        "State just before SYSRETQ",
        "What the two exits do (2 more fields equal, -v shows all)",
        "outcome  ≠  #GP(0) at CPL0 with the user's RSP  #GP(0) at CPL0 on the kernel stack",
        "rip      ≠  —",
        "Intel  The kernel runs",
        "AMD    Faults at CPL3.",
        "Replay confirmed: Unicorn reached SYSRET with the same registers.",
        "Reproduce: verify-exit entry.S",
    ]
    positions = [out.index(part) for part in parts]
    assert positions == sorted(positions)


def test_equal_counterexamples_are_shown_once() -> None:
    """Two configurations with the same counterexample share one; another input makes a second."""
    assert text(violated()).count("Counterexample to canonical") == 1
    site = violated().sites[0]
    other = replace(CANONICAL, config=INTEL[1], inputs=(Input("frame.rip", EDGE << 9, "frame"),))
    clauses = (site.clauses[1], replace(site.clauses[2], counterexample=other))
    differing = replace(violated(), sites=(replace(site, clauses=clauses),))
    assert text(differing).count("Counterexample to canonical") == 2
    assert [len(item.configs) for item in violations(site)] == [2, 4, 4]


def test_further_registers_are_one_line_each() -> None:
    """The first leaked register is shown in full, the next in a line with both values, unless -v asks."""
    brief, long = text(violated()), text(violated(), style=Style(verbose=True))
    assert brief.count("Counterexample to gpr.") == 1
    assert "\ngpr.rdi: RDI is not what the IRET exit restores (SYSRET ≠ IRET: rdi 0x1 ≠ 0x0)\n" in brief
    assert long.count("Counterexample to gpr.") == 2


def test_equal_fields_are_left_out_until_asked_for() -> None:
    """The side-by-side view shows the frame and what differs; -v shows every field."""
    report = with_example(CANONICAL)
    row = re.compile(r"^ +rdi +0x7 +0x7$", re.MULTILINE)
    assert not row.search(text(report))
    assert "2 more fields equal" in text(report)
    assert row.search(text(report, style=Style(verbose=True)))


def test_failed_obligation_that_is_no_field_is_named() -> None:
    """A window clause has no field in the outcomes; what failed is said under the cause, equal outcomes briefly."""
    same = replace(CANONICAL, differs=("interrupts are on (x.S:3)",), iret=CANONICAL.sysret)
    out = text(with_example(same))
    assert "\n    SYSRET with non-canonical RCX.\n    ≠ interrupts are on (x.S:3)\n" in out
    assert "What the two exits do: the same (#GP(0) at CPL0 with the user's RSP; 7 fields equal, -v shows all)" in out
    assert re.search(r"^ +rdi +0x7 +0x7$", text(with_example(same), style=Style(verbose=True)), re.MULTILINE)


def test_a_path_is_listed_once() -> None:
    """A second counterexample over the same instructions refers to the first and shows what differs."""
    other = replace(CANONICAL, at_exit=(Field("rcx", 5), *CANONICAL.at_exit[1:]))
    clauses = (
        ClauseResult("rip", "violated", ALL_CONFIGS, None, CANONICAL),
        ClauseResult("cs", "violated", ALL_CONFIGS, None, other),
    )
    report = replace(violated(), sites=(replace(violated().sites[0], clauses=clauses),))
    brief, long = text(report), text(report, style=Style(verbose=True))
    assert (brief.count("movq 0x80(%rsp), %rcx"), long.count("movq 0x80(%rsp), %rcx")) == (1, 2)
    assert "Path: the same 3 instructions as for rip" in brief
    after = brief[brief.index("Counterexample to cs") :]
    assert re.search(r"State just before SYSRETQ \(.*\)\n    rcx  0x5  canonical, user half\n  What", after)


def test_idle_registers_share_a_row() -> None:
    """General registers that are 0 and that SYSRET does not use are one row; -v lists each."""
    fields = (Field("rax", 0), Field("rbx", 1), Field("rcx", 0), Field("rdx", 0), Field("cr3", 0))
    report = with_example(replace(CANONICAL, at_exit=fields))
    assert re.search(r"^ +rbx +0x1\n +rcx +0x0 .*\n +cr3 +0x0 .*\n +the rest +0x0 +rax rdx$", text(report), re.M)
    assert re.search(r"^ +rdx +0x0$", text(report, style=Style(verbose=True)), re.M)


@pytest.mark.parametrize("width", [60, 100])
def test_names_of_made_values_are_not_broken(width: int) -> None:
    """Values of two calls at one place keep their full names; a name is never folded in its middle."""
    place = "slow_work@arch/entry.S:13"
    values = [(f"{place}:frame.cs", 1), (f"{place}#2:frame.cs", 2), (f"{place}:gs:[0x10]", 3)]
    inputs = tuple(Input(name, value, "havoc", "call to slow_work at arch/entry.S:13") for name, value in values)
    out = text(with_example(replace(CANONICAL, inputs=inputs)), style=Style(width=max(width, 100)))
    assert f"    {place}#2:frame.cs  0x2" in out
    out = text(with_example(replace(CANONICAL, inputs=inputs[1:])), style=Style(width=width))
    assert "    frame.cs   0x2" in out
    assert "    gs:[0x10]  0x3" in out


def test_long_paths_are_shortened_until_asked_for() -> None:
    """A path of 100 steps keeps its start and its end; -v has all of it."""
    steps = tuple(Step(replace(SYSRET, line=None, offset=index, text=f"insn{index}."), ()) for index in range(100))
    report = with_example(replace(CANONICAL, path=steps))
    brief, long = text(report), text(report, style=Style(verbose=True))
    assert [f"insn{index}." in brief for index in (0, 11, 12, 71, 72, 99)] == [
        True,
        True,
        False,
        False,
        True,
        True,
    ]
    assert "60 instructions left out" in brief
    assert all(f"insn{index}." in long for index in range(100))


def test_one_line_of_a_macro_is_named_once() -> None:
    """Instructions of one source line have its number and its text at the first only."""
    steps = tuple(Step(replace(SYSRET, offset=index), (), "", "leave now") for index in (0, 4))
    out = text(with_example(replace(CANONICAL, path=steps)))
    assert re.search(r"210 +\+0x0 +leave now +sysretq\n +\+0x4 +sysretq\n", out)


def test_file_and_symbol_are_headings() -> None:
    """The file is named where it changes, so that line numbers stay short; without one the symbol is."""
    places: tuple[Location, ...] = (
        SYSRET,
        replace(SYSRET, file="b.S"),
        replace(SYSRET, file=None, line=None, symbol="stub"),
    )
    places += (replace(SYSRET, file=None, line=None, symbol=None),)
    out = text(with_example(replace(CANONICAL, path=tuple(Step(place, ()) for place in places))))
    for expected in (
        "    entry.S, exit_to_user()\n    210  +0x1a3  ",
        "    b.S, exit_to_user()\n    210  +0x1a3  ",
        "    stub()\n         +0x1a3  ",
        "    code without a symbol\n         0x4001a3  ",
    ):
        assert expected.rstrip(" ") in out


def test_source_text_gives_way_first() -> None:
    """In a narrow terminal the source text is cut or left out; disassembly and values stay whole."""
    step = Step(SYSRET, (Change("rcx", 0, EDGE),), "", "need_canonical_address slow, and_more_words_to_follow")
    report = with_example(replace(CANONICAL, path=(step,)))
    wide, narrow = text(report, style=Style(width=200)), text(report, style=Style(width=60))
    assert "need_canonical_address slow, and_more_words…" in wide
    for out in (wide, narrow):
        assert "sysretq" in out
        assert "rcx = 0x800000000000" in out


def test_many_registers_are_one_word_in_the_verdict() -> None:
    """Up to three registers are named in the verdict line, more are counted."""
    registers = [f"gpr.r{number}" for number in range(8, 12)]
    clauses = tuple(ClauseResult(name, "violated", ALL_CONFIGS, None, leak(name[4:])) for name in registers)
    for count, expected in ((3, tuple(registers[:3])), (4, ("gpr.* (4)",))):
        assert decisive(replace(violated(), sites=(_site(*clauses[:count]),))) == expected


def test_status_table_is_compact() -> None:
    """All registers together are one word, and a configuration is named only where answers differ."""
    out = text(proved())
    assert "proved          rip  rflags  canonical  gpr.*\u00a0(2)  ss-attrs\u00a0(amd)" in out
    assert "not-applicable  ss-attrs\u00a0(intel)" in out
    rows = status_rows(replace(proved().sites[0], clauses=violated().sites[0].clauses), ALL_CONFIGS)
    assert [(row.status, row.labels) for row in rows] == [
        ("violated", ("canonical (intel)", "gpr.* (2)")),
        ("proved", ("rip", "canonical (amd)")),
    ]


def test_single_registers_keep_their_names() -> None:
    """If only some registers share a status, each is named."""
    clauses = (
        ClauseResult("gpr.rax", "proved", ALL_CONFIGS),
        ClauseResult("gpr.rbx", "proved", ALL_CONFIGS),
        ClauseResult("gpr.rcx", "violated", ALL_CONFIGS, None, leak("rcx")),
    )
    rows = status_rows(_site(*clauses), ALL_CONFIGS)
    assert [row.labels for row in rows] == [("gpr.rcx",), ("gpr.rax", "gpr.rbx")]


def test_open_clauses_carry_their_reason() -> None:
    """An unknown clause says why, on the line of its status."""
    assert re.search(r"^ +unknown +rip: the path was given up$", text(inconclusive()), re.MULTILINE)


def test_summary_lists_every_file() -> None:
    """Several files end in a table with each verdict and what decided it; one file has none."""
    tail = text(*EVERY).rstrip().split("\n")[-5:]
    assert [line.split() for line in tail[:4]] == [
        ["violated", "entry.S", "canonical", "gpr.rbx", "gpr.rdi"],
        ["inconclusive", "odd.S", "unsupported-instruction"],
        ["proved", "good.S"],
        ["error", "bad.S", "assembler-error"],
    ]
    assert tail[4].split()[:3] == ["VIOLATED", "4", "files"]
    assert "1 file" not in text(proved())


def test_quiet_keeps_verdict_and_findings() -> None:
    """-q leaves the verdict lines and the editor lines, nothing else."""
    quiet = text(violated(), style=Style(width=200, quiet=True)).rstrip("\n").split("\n")
    assert quiet[0] == "entry.S: VIOLATED (canonical, gpr.rbx, gpr.rdi)"
    assert quiet[1].startswith("  contract linux; profile equivalence; ")
    assert quiet[2:] == editor_lines(violated())


def test_verbose_adds_numbers_and_the_trusted_base() -> None:
    """Statistics, timings, versions and the witness appear with -v only."""
    for part in ("paths 3", "prove 0.250 s", "z3-solver 4.13.0.0", "rax = 0x0"):
        assert part in text(proved(), style=Style(verbose=True))
        assert part not in text(proved())


@pytest.mark.parametrize("width", [40, 50, 60, 80, 100, 137, 200])
def test_text_fits_the_width(width: int) -> None:
    """No line but an editor line or a command is longer than the terminal is wide, and no value is cut."""
    long = replace(violated(), command="verify-exit " + "-DX " * 80)
    out = text(long, inconclusive(), proved(), failed(), style=Style(width=width))
    allowed = {line for report in (*EVERY, long) for line in editor_lines(report)}
    allowed |= {
        line for line in out.split("\n") if "-DX" in line or line.startswith(("entry.S: VIOLATED", "odd.S: INC"))
    }
    assert [line for line in out.split("\n") if len(line) > width and line not in allowed] == []
    assert "0x800000000000" in out


def test_width_is_kept_within_bounds() -> None:
    """A terminal of one column or of a thousand gets the nearest supported width."""
    assert text(proved(), style=Style(width=1)) == text(proved(), style=Style(width=40))
    assert text(proved(), style=Style(width=1000)) == text(proved(), style=Style(width=200))


def test_color_changes_no_letter() -> None:
    """Coloured output is the plain output plus escape sequences; plain output has none."""
    plain, colored = text(*EVERY), text(*EVERY, style=Style(color=True))
    assert "\x1b" not in plain
    assert "\x1b[" in colored
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", colored)
    assert [line.rstrip() for line in stripped.split("\n")] == plain.split("\n")


def test_the_environment_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A renderer is a pure function: terminal variables are the command line's business."""
    before = text(*EVERY), text(*EVERY, style=Style(color=True))
    for name, value in (("FORCE_COLOR", "1"), ("NO_COLOR", "1"), ("COLUMNS", "70"), ("TERM", "dumb")):
        monkeypatch.setenv(name, value)
    assert before == (text(*EVERY), text(*EVERY, style=Style(color=True)))


@pytest.mark.parametrize("verbose", [False, True])
def test_hostile_strings_are_only_text(verbose: bool) -> None:
    """A symbol or file name can neither colour nor move the cursor nor start a line of its own."""
    out = text(hostile(), style=Style(verbose=verbose))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out)
    assert "[red]" in out
    assert ":smile:" in out
    assert not re.search(r"::\S", out)


def test_error_text_can_be_left_to_stderr() -> None:
    """With ``errors`` off the verdict and its code stay, the message goes."""
    assert "no such instruction" in text(failed())
    silent = text(failed(), style=Style(errors=False))
    assert silent == "bad.S: ERROR (assembler-error)\n"


# JSON.


def document(*reports: FileReport) -> dict[str, object]:
    parsed = json.loads(render("json", reports, Style()))
    assert isinstance(parsed, dict)
    return parsed


@pytest.mark.parametrize("reports", [*((report,) for report in EVERY), EVERY, (hostile(),)])
def test_json_follows_its_schema(reports: tuple[FileReport, ...]) -> None:
    """Every kind of report, alone and together, is valid against the shipped schema."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(document(*reports))


@pytest.mark.parametrize(
    "report",
    [
        with_example(replace(CANONICAL, replayed=False)),
        replace(proved(), configs=(("via", "la48"),)),
        replace(proved(), input=replace(proved().input, sha256="123")),
    ],
)
def test_schema_refuses_what_it_forbids(report: FileReport) -> None:
    """The schema is not vacuous: an unconfirmed violation, an unknown vendor or a bad hash is invalid."""
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(document(report))


def test_schema_requires_every_top_level_field() -> None:
    """Consumers may rely on each documented field being there."""
    for name in document(proved()):
        broken = document(proved())
        del broken[name]
        assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(broken), name


def test_json_has_the_documented_fields() -> None:
    """The field names are those of the published interface."""
    whole = document(violated())
    assert set(whole) == {
        *("schema", "verdict", "inputs", "contract", "profile", "assumptions", "tool", "sites", "reasons"),
        *("disagreements", "evidence", "waivers", "gate", "shard"),
    }
    site = whole["sites"][0]  # type: ignore[index]
    assert {"kind", "symbol", "offset", "address", "file", "line", "clauses"} <= set(site)
    clause = site["clauses"][1]
    assert {"id", "status", "config", "reason", "counterexample"} <= set(clause)
    assert clause["config"] == [["intel", "la48"]]
    example = clause["counterexample"]
    assert example["entry"] == {"rflags.IF": "0x0"}
    assert example["frame"] == {"rip": "0x800000000000", "rflags": "0x202"}
    assert example["path"][0]["changes"] == [{"name": "rcx", "before": "0x0", "after": "0x800000000000"}]
    assert example["sysret"]["fields"]["rip"] is None
    assert example["iret"]["fields"]["rip"] == "0x800000000000"
    assert example["differs"] == ["rip", "fault"]
    assert example["replayed"] is True


def test_json_of_several_inputs() -> None:
    """One object: worst verdict, all inputs, every site and reason with its input, common names or a list."""
    whole = document(*EVERY)
    assert whole["verdict"] == "violated"
    assert [item["path"] for item in whole["inputs"]] == ["entry.S", "odd.S", "good.S", "bad.S"]  # type: ignore[attr-defined]
    assert [item["input"] for item in whole["sites"]] == ["entry.S", "odd.S", "good.S"]  # type: ignore[attr-defined]
    assert [(item["code"], item["input"]) for item in whole["reasons"]] == [  # type: ignore[attr-defined]
        ("unsupported-instruction", "odd.S"),
        ("assembler-error", "bad.S"),
    ]
    assert whole["contract"] == "linux"
    assert len(whole["assumptions"]) == 2  # type: ignore[arg-type]
    mixed = document(proved(), replace(proved(), contract="a-kernel"))
    assert mixed["contract"] == ["a-kernel", "linux"]
    assert document(failed())["contract"] is None


def test_json_is_the_same_on_every_run_and_in_every_style() -> None:
    """Timings, colour and width never enter; keys are sorted; the text is ASCII."""
    slow = replace(proved(), timings=(("prove", 99.0),), statistics=(("paths", 4),))
    one = render("json", [proved()], Style())
    assert one == render("json", [slow], Style(width=60, color=True, verbose=True, quiet=True))
    assert one == json.dumps(json.loads(one), indent=2, sort_keys=True) + "\n"
    assert render("json", [hostile()], Style()).isascii()


def test_every_listed_format_renders() -> None:
    """A format that --format offers exists and gives text that ends in a newline."""
    for name in FORMATS:
        assert render(name, [proved()], Style()).endswith("\n")

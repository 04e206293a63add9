# SPDX-License-Identifier: BSD-2-Clause
"""The sentences of a report say what was shown, and never more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_samples import PROVED_CLAUSES, SYSRET, failed, inconclusive, proved, violated

from verifier.clauses import CLAUSES, IRET_CLAUSES
from verifier.model import (
    ALL_CONFIGS,
    ClauseResult,
    CodeRange,
    Disagreement,
    FileReport,
    Finding,
    Gate,
    InputFile,
    Location,
    Reason,
    SiteResult,
    Verdict,
    Waiver,
    WaiverUse,
)
from verifier.report.narrative import (
    clause_effect,
    clause_meaning,
    limits,
    reproduce,
    scope,
    theorem,
    trusted,
    verdict_sentence,
)
from verifier.report.phrases import code_rows, gate_sentence, listed, on_cpus, waiver_sentence

IRET = SiteResult(
    "iretq",
    replace(SYSRET, text="iretq", line=230),
    "exit_to_user",
    "proved",
    (ClauseResult("nt", "proved", ALL_CONFIGS), ClauseResult("cpl3", "proved", ALL_CONFIGS)),
    (),
)


def waived(report: FileReport) -> FileReport:
    """The report with every violated clause waived."""
    text = "waived by tf-1 until 2030-01-31: rewritten soon (ann)"
    sites = tuple(
        replace(
            site,
            verdict="inconclusive",
            clauses=tuple(
                replace(clause, status="waived", reason=text) if clause.status == "violated" else clause
                for clause in site.clauses
            ),
        )
        for site in report.sites
    )
    reason = Reason("waived", "1 clause is waived", "mend the code")
    return replace(report, verdict="inconclusive", sites=sites, reasons=(*report.reasons, reason))


def with_sites(report: FileReport, *sites: SiteResult) -> FileReport:
    """The report about these exits."""
    return replace(report, sites=sites)


def test_proved() -> None:
    """What is proved is limited to the clauses, the assumptions, the entry and the CPU configurations."""
    assert verdict_sentence(proved()) == (
        "good.S, entered at exit_to_user, takes SYSRETQ only where IRETQ would have done the same in all that the "
        "6 clauses compare, for every state that meets the 2 assumptions, on Intel and AMD with 4- and 5-level paging."
    )


@pytest.mark.parametrize("profile", ["seed", "safety"])
def test_smaller_profiles_claim_no_equivalence(profile: str) -> None:
    """Where not every clause was asked for, nothing is said about what IRETQ would have done."""
    report = replace(proved(), profile=profile)
    assert verdict_sentence(report) == (
        f"good.S, entered at exit_to_user, takes SYSRETQ only where the 6 clauses of the profile {profile} hold, for "
        "every state that meets the 2 assumptions, on Intel and AMD with 4- and 5-level paging."
    )
    assert any(f"The profile {profile} asks only for" in said for said in theorem(report))


def test_iret_exits_are_compared_with_nothing() -> None:
    """IRET exits have clauses of their own, and alone they make no statement about another exit."""
    both = verdict_sentence(with_sites(proved(), *proved().sites, IRET))
    assert "6 clauses compare, and IRETQ only where the 2 clauses about it hold, for every" in both
    alone = with_sites(proved(), IRET)
    assert verdict_sentence(alone).startswith(
        "good.S, entered at exit_to_user, takes IRETQ only where the 2 clauses about it hold, for every state"
    )
    assert not any("would hand over" in said for said in theorem(alone))
    assert any("IRETQ is compared with no other exit" in said for said in theorem(alone))
    assert not any("Left out of the comparison" in said for said in limits(alone))


def test_many_entries_are_counted() -> None:
    """Two entries are named, more are counted."""
    assert "entered at a and b, takes" in verdict_sentence(replace(proved(), entries=("a", "b")))
    assert "entered at the 3 entries listed, takes" in verdict_sentence(replace(proved(), entries=("a", "b", "c")))


def test_violated() -> None:
    """The first counterexample's cause, its clause and CPUs, and how many more clauses fail."""
    assert verdict_sentence(violated()) == (
        "entry.S takes SYSRETQ at entry.S:210 in a state in which it must not: SYSRET with non-canonical RCX "
        "(canonical on intel); 2 more clauses fail."
    )


def test_inconclusive() -> None:
    """The first reason and how many more there are; nothing is claimed."""
    report = inconclusive()
    assert verdict_sentence(report) == (
        "Whether odd.S takes its exits only where it may is not known: No model for invpcid "
        "(unsupported-instruction, odd.S:20)."
    )
    more = replace(report, reasons=(*report.reasons, Reason("timeout", "late", "")))
    assert verdict_sentence(more).endswith("; 1 more reason.")
    bare = replace(report, reasons=())
    assert verdict_sentence(bare).endswith("is not known: 1 clause (rip) could not be decided.")


def test_errors() -> None:
    """An error is no statement about the code; a disagreement of the tool with itself is none either."""
    assert verdict_sentence(failed()) == "bad.S was not judged: bad.S:3: Error: no such instruction (assembler-error)."
    assert theorem(failed()) == []
    assert limits(failed()) == ["The input was not judged; no statement about its code follows."]
    assert reproduce(failed()) == []
    doubted = replace(
        proved(),
        verdict="error",
        error=("replay-disagrees", "two ways differ.", 70),
        disagreements=(Disagreement(SYSRET, "tf", ("intel", "la48"), ("rax differs",)),),
    )
    assert verdict_sentence(doubted) == "good.S has no verdict: two ways differ (replay-disagrees)."


def test_waived_is_never_proved() -> None:
    """A waived clause is called violated, whether it is the only open matter or not."""
    report = waived(violated())
    assert verdict_sentence(report) == (
        "entry.S is not proved: 3 clauses (canonical, gpr.rbx, gpr.rdi) are violated and waived; no other clause is "
        "open."
    )
    assert any("A waived clause is violated." in said for said in limits(report))
    also = replace(report, reasons=(*inconclusive().reasons, *report.reasons))
    assert verdict_sentence(also).endswith("odd.S:20); canonical, gpr.rbx, gpr.rdi are violated and waived.")


@pytest.mark.parametrize("report", [violated(), inconclusive(), waived(violated())], ids=lambda one: one.input.path)
def test_only_a_proof_is_shown(report: FileReport) -> None:
    """The theorem of a run that is not proved is something that was sought."""
    assert theorem(report)[0].startswith("Sought, and not shown as a whole: ")
    assert theorem(proved())[0].startswith("Shown: ")


def test_where_the_reference_is_from() -> None:
    """The contract's frame, or the file's own IRET exit."""
    assert any(said.endswith("are where the contract linux says that they are saved.") for said in theorem(proved()))
    told = replace(proved(), reference="auto")
    assert any("reference of registers and CR3 (--frame auto)." in said for said in theorem(told))
    assert theorem(told) != theorem(proved())


def test_limits_name_what_was_not_asked() -> None:
    """Configurations that were not selected, clauses that did not apply, and the contract's promises."""
    clauses = (*PROVED_CLAUSES, ClauseResult("nmi", "proved", ALL_CONFIGS))
    report = with_sites(proved(), replace(proved().sites[0], clauses=clauses))
    said = limits(replace(report, configs=(("intel", "la48"),)))
    assert "Promised by the contract and not looked for in the code: nmi." in said
    assert "Not selected, so nothing is said about intel/la57, amd/la48, amd/la57." in said
    assert any(one.endswith("the table says not-applicable: ss-attrs.") for one in said)
    assert not any("Not selected" in one for one in limits(report))


def test_sysexit_on_amd() -> None:
    """The profiles that do not ask whether SYSEXIT exists on the CPU say so."""
    site = replace(proved().sites[0], kind="sysexitl")
    asked, not_asked = (with_sites(replace(proved(), profile=name), site) for name in ("equivalence", "safety"))
    assert not any("#UD on AMD" in said for said in limits(asked))
    assert "SYSEXIT is #UD on AMD in this mode; the profile safety does not ask for that." in limits(not_asked)


def test_a_counterexample_is_no_attack() -> None:
    """A violation is said to meet the assumptions, not to be reachable by a program."""
    assert any("Whether a program can bring the kernel into it is not shown." in said for said in limits(violated()))
    assert not any("counterexample" in said for said in limits(proved()))


def test_trusted_base() -> None:
    """Every version of the report with its purpose, and the contract."""
    assert trusted(proved()) == [
        ("z3-solver", "4.13.0.0", "that nothing satisfies an obligation"),
        ("angr", "9.2.213", ""),
        ("contract linux", "", "what it promises about the kernel: see the assumptions"),
    ]


def test_reproduce() -> None:
    """The run itself, and the replay of its JSON report if it executed anything."""
    again = "verify-exit good.S --format json=report.json"
    assert reproduce(proved()) == [again, "verify-exit replay report.json"]
    assert reproduce(with_sites(proved())) == ["verify-exit good.S"]


def test_scope() -> None:
    """What was judged, with hashes; bytes that two exits share count once."""
    first = CodeRange(0x10, 0x20, "ab" * 32)
    site = replace(proved().sites[0], code=(first, CodeRange(0x14, 0x18, "cd" * 32, "LA57")))
    report = replace(with_sites(proved(), site, replace(IRET, code=(first,))), container="vmlinuz (xz)")
    assert scope(report) == [
        ("Input", "good.S"),
        ("SHA-256", "00" * 32),
        ("Unpacked from", "vmlinuz (xz)"),
        ("Contract", "linux"),
        ("Profile", "equivalence"),
        ("CPU configurations", "intel/la48, intel/la57, amd/la48, amd/la57"),
        ("Entries", "exit_to_user"),
        ("Exits", "SYSRETQ at entry.S:210, exit_to_user+0x1a3, IRETQ at entry.S:230, exit_to_user+0x1a3"),
        ("Code", "16 bytes in 1 range, 1 variant of patched places"),
    ]
    assert scope(failed()) == [("Input", "bad.S")]
    assert [row[0] for row in code_rows(site)] == ["0x10 to 0x20", "0x14 to 0x18", "all of this list"]
    assert code_rows(proved().sites[0]) == []


def test_every_clause_has_a_meaning() -> None:
    """Whatever a report can list has a line of meaning and says what its failure is worth; others have none."""
    for one in (*CLAUSES, *IRET_CLAUSES):
        assert clause_meaning(one.id)
        assert clause_effect(one.id)
    assert clause_meaning("gpr")
    assert clause_meaning("no-such") == clause_effect("no-such") == ""


def test_gate_and_waivers() -> None:
    """What the gate counts, and what became of each waiver."""
    found = (Finding("a.S", "tf", "f" * 32, "new"), Finding("a.S", "rf", "e" * 32, "waived"))
    baseline = InputFile("old.json", "0" * 64)
    assert gate_sentence(Gate("new-only", 1, found, baseline)) == (
        "Gate new-only against old.json fails with exit code 1: 1 new, 1 waived findings."
    )
    assert gate_sentence(Gate("strict", 0, ())) == "Gate strict passes with exit code 0: no findings."
    waiver = Waiver("tf-1", "tf", "f" * 32, "rewritten soon.", "ann", "2030-01-31")
    start = f"tf-1 (tf, fingerprint {'f' * 32}, until 2030-01-31, ann): rewritten soon; "
    assert waiver_sentence(WaiverUse(waiver, "used", 2)) == f"{start}waives 2 clauses."
    assert waiver_sentence(WaiverUse(waiver, "unused", 0)) == f"{start}unused: nothing in this run matches it."
    assert waiver_sentence(WaiverUse(waiver, "expired", 0)) == f"{start}expired: it waives nothing."


@pytest.mark.parametrize(
    ("configs", "said"),
    [
        (ALL_CONFIGS, "on Intel and AMD with 4- and 5-level paging"),
        ((("amd", "la57"),), "on AMD with 5-level paging"),
        ((("intel", "la57"), ("intel", "la48")), "on Intel with 4- and 5-level paging"),
        ((("intel", "la48"), ("amd", "la57")), "on Intel with 4-level paging, AMD with 5-level paging"),
        ((), "on no CPU configuration"),
    ],
)
def test_configurations_in_words(configs: tuple[tuple[str, str], ...], said: str) -> None:
    """Exactly the configurations, however they combine."""
    assert on_cpus(configs) == said


def test_long_lists_are_cut() -> None:
    """The first names, and how many more."""
    assert listed(["a", "b"], 2) == "a, b"
    assert listed(["a", "b", "c", "d"], 2) == "a, b and 2 more"


@pytest.mark.parametrize("verdict", ["proved", "violated", "inconclusive", "error"])
def test_bare_reports(verdict: Verdict) -> None:
    """A report that holds next to nothing has sentences all the same."""
    bare = FileReport(InputFile("x", ""), verdict, "", "", (), (), (), (), (), (), "")
    place = Location(0x10, None, 0, None, None, "sysretq")
    for report in (bare, replace(bare, sites=(SiteResult("sysretq", place, "", "inconclusive", (), ()),))):
        assert verdict_sentence(report).endswith(".")
        assert theorem(report) == [] or limits(report)
        assert scope(report)[0] == ("Input", "x")

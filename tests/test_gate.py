# SPDX-License-Identifier: BSD-2-Clause
"""The gate: it passes only what it must, over every small combination; which baselines it takes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, strategies as st
from report_samples import CANONICAL, INTEL, failed, inconclusive, proved, violated

from verifier import baseline as baselines, waivers
from verifier.baseline import Baseline, Known, Settings
from verifier.gate import MODES, decide, findings
from verifier.model import (
    ALL_CONFIGS,
    ClauseResult,
    Disagreement,
    FileReport,
    Gate,
    GateMode,
    InputFile,
    Reason,
    Run,
    UserError,
    Verdict,
    Waiver,
    WaiverUse,
)
from verifier.report import Style
from verifier.report.fingerprint import of_clause
from verifier.report.jsonreport import render
from verifier.report.verdict import worst_code

SETTINGS: Settings = ("linux", "equivalence", frozenset(ALL_CONFIGS), "contract", False)
EMPTY = Baseline(InputFile("old.json", "00" * 32), {}, {})
WAIVER = Waiver("W-1", "tf", "0" * 32, "why", "Kim", "2099-01-01")
DIFFER = Disagreement(proved().sites[0].location, "rip", ("intel", "la48"), ("rax differs",))


def gate(mode: GateMode, *reports: FileReport, old: Baseline | None = None, strict: bool = False) -> Gate:
    """What the gate says; new-only compares with an empty baseline unless there is another."""
    return decide(mode, reports, old or (EMPTY if mode == "new-only" else None), (), strict)


def code(mode: GateMode, *reports: FileReport, old: Baseline | None = None) -> int:
    return gate(mode, *reports, old=old).exit_code


def stored(tmp_path: Path, *reports: FileReport) -> Path:
    """The JSON report of a run, as a file."""
    path = tmp_path / "old.json"
    path.write_text(render(Run(reports), Style()), encoding="utf-8")
    return path


def knows(tmp_path: Path, *reports: FileReport) -> Baseline:
    return baselines.load(stored(tmp_path, *reports))


def waived() -> FileReport:
    """A file in which waivers cover everything that is violated."""
    before = violated()
    bad = {clause.id for clause in before.sites[0].clauses if clause.status == "violated"}
    given_ = [
        Waiver(f"W-{clause}", clause, of_clause(before, before.sites[0], clause), "why", "Kim", "2099-01-01")
        for clause in bad
    ]
    (report,), _ = waivers.apply([before], given_, date(2026, 3, 1))
    return report


def interrupted() -> FileReport:
    """A file that was being judged when Ctrl-C came."""
    return replace(
        proved(), verdict="inconclusive", reasons=(Reason("stopped", "the run was stopped", "run it again"),)
    )


# The table of modes.


@pytest.mark.parametrize(
    ("report", "advisory", "new_only", "strict"),
    [
        (proved(), 0, 0, 0),
        (violated(), 0, 1, 1),
        (inconclusive(), 0, 3, 3),
        (waived(), 0, 0, 0),
        (failed(), 4, 4, 4),
        (failed(status=2), 2, 2, 2),
        (failed(status=70), 70, 70, 70),
        (failed(status=0), 70, 70, 70),
        (failed(status=1), 70, 70, 70),
        (replace(failed(), error=None), 70, 70, 70),
        (interrupted(), 130, 130, 130),
        (replace(violated(), disagreements=(DIFFER,)), 70, 1, 1),
    ],
)
def test_each_verdict_in_each_mode(report: FileReport, advisory: int, new_only: int, strict: int) -> None:
    """advisory lets 1 and 3 through and nothing else; new-only with a baseline that knows nothing is as strict."""
    assert [code(mode, report) for mode in MODES] == [advisory, new_only, strict]


def test_nothing_is_no_pass() -> None:
    """A run without a report looked at nothing: no mode lets it through."""
    assert [code(mode) for mode in MODES] == [3, 3, 3]


def test_a_known_violation_passes_with_new_only(tmp_path: Path) -> None:
    """What the baseline has is known: the run passes, and the findings still name it."""
    said = gate("new-only", violated(), old=knows(tmp_path, violated()))
    assert said.exit_code == 0 and {finding.state for finding in said.findings} == {"known"}
    assert said.baseline is not None and said.baseline.path.endswith("old.json")


def test_a_known_one_beside_a_new_one_fails(tmp_path: Path) -> None:
    """One violation that the baseline does not have is enough."""
    site = violated().sites[0]
    before = replace(violated(), sites=(replace(site, clauses=site.clauses[:-1]),))
    said = gate("new-only", violated(), old=knows(tmp_path, before))
    assert said.exit_code == 1
    assert [finding.id for finding in said.findings if finding.state == "new"] == ["gpr.rdi"]


def test_a_known_one_beside_an_open_one_fails(tmp_path: Path) -> None:
    """A known violation does not hide that something else is not decided: that is 3, as without it."""
    reason = inconclusive().reasons
    clause = ClauseResult("cs", "unknown", ALL_CONFIGS, "the path was given up")
    site = replace(violated().sites[0], clauses=(*violated().sites[0].clauses, clause))
    old = knows(tmp_path, violated())
    assert code("new-only", replace(violated(), reasons=reason), old=old) == 3
    assert code("new-only", replace(violated(), sites=(site,)), old=old) == 3
    assert code("new-only", replace(violated(), disagreements=(DIFFER,)), old=old) == 70


def test_a_new_input_has_no_past(tmp_path: Path) -> None:
    """The same violation in an input that the baseline does not have is new."""
    old = knows(tmp_path, violated())
    assert code("new-only", violated(), violated("other.S"), old=old) == 1


def test_a_baseline_may_know_more(tmp_path: Path) -> None:
    """Inputs of the baseline that this run does not have change nothing."""
    old = knows(tmp_path, violated(), proved(), violated("other.S"))
    assert code("new-only", proved(), old=old) == 0
    assert code("new-only", violated(), old=old) == 0
    assert code("new-only", inconclusive(), old=old) == 3


def test_a_waived_one_in_the_baseline_is_known(tmp_path: Path) -> None:
    """What was waived then was there then."""
    assert code("new-only", violated(), old=knows(tmp_path, waived())) == 0


def test_stale_waivers_fail_only_if_asked() -> None:
    """--strict makes an unused or expired waiver a usage error in every mode; a used one never is."""
    states: tuple[Literal["used", "unused", "expired"], ...] = ("used", "unused", "expired")
    for mode, state in product(MODES, states):
        uses = [WaiverUse(WAIVER, state, int(state == "used"))]
        old = EMPTY if mode == "new-only" else None
        assert decide(mode, [proved()], old, uses, False).exit_code == 0
        assert decide(mode, [proved()], old, uses, True).exit_code == (0 if state == "used" else 2)
    uses = [WaiverUse(WAIVER, "unused", 0)]
    assert decide("strict", [violated()], None, uses, True).exit_code == 1


def test_modes_and_baselines_that_do_not_go_together() -> None:
    """new-only needs a baseline; strict takes none; advisory may have one, to show what is known."""
    with pytest.raises(UserError) as caught:
        decide("new-only", [proved()], None, (), False)
    assert (caught.value.code, caught.value.exit_code) == ("baseline-missing", 2)
    with pytest.raises(UserError) as caught:
        decide("strict", [proved()], EMPTY, (), False)
    assert (caught.value.code, caught.value.exit_code) == ("usage", 2)
    assert decide("advisory", [violated()], EMPTY, (), False).exit_code == 0


# Never fail open: every small report, well formed or not.

_STATUSES: tuple[tuple[str, ...], ...] = (
    (), ("proved",), ("not-applicable",), ("proved", "violated"), ("proved", "waived"), ("proved", "unknown"),
    ("violated", "waived"), ("violated", "unknown"), ("waived", "unknown"), ("waived",), ("violated",),
)  # fmt: skip
_REASONS: tuple[tuple[str, ...], ...] = ((), ("waived",), ("timeout",), ("waived", "timeout"), ("stopped",))
_VERDICTS: tuple[Verdict, ...] = ("proved", "violated", "inconclusive", "error")
_ERRORS = (None, ("assembler-error", "no such instruction", 4), ("odd", "a status of success", 0))


def small_reports() -> Iterator[FileReport]:
    """Every combination of few statuses, reasons, verdicts, errors and disagreements, contradictory ones too."""
    example = replace(CANONICAL, config=("intel", "la48"))
    site = proved().sites[0]
    for statuses, codes, verdict, inner, error, differ in product(
        (None, *_STATUSES), _REASONS, _VERDICTS, _VERDICTS[:3], _ERRORS, ((), (DIFFER,))
    ):
        clauses = tuple(
            ClauseResult(name, status, ALL_CONFIGS, "why", example)  # type: ignore[arg-type]
            for name, status in zip(("tf", "rf"), statuses or (), strict=False)
        )
        yield replace(
            proved(),
            verdict=verdict,
            sites=() if statuses is None else (replace(site, verdict=inner, clauses=clauses),),
            reasons=tuple(Reason(name, name, "") for name in codes),
            error=error,
            disagreements=differ,
        )


SMALL = tuple(small_reports())


def passes(report: FileReport, known: bool) -> bool:
    """When strict (``known``: new-only, with every violation known) may let a report through, said anew."""
    statuses = {clause.status for site in report.sites for clause in site.clauses}
    bad = {"waived", "violated"}
    fine = {"proved", "waived"} | ({"violated"} if known else set())
    return (
        report.error is None
        and report.verdict != "error"
        and not report.disagreements
        and {reason.code for reason in report.reasons} <= {"waived"}
        and bool(statuses & fine)
        and statuses <= fine | {"not-applicable"}
        and ({report.verdict, *(site.verdict for site in report.sites)} == {"proved"} or bool(statuses & bad))
    )


def test_the_small_reports_are_many() -> None:
    """The search below is not empty, and some of it passes and some does not."""
    assert len(SMALL) > 4000
    assert 0 < sum(passes(report, False) for report in SMALL) < sum(passes(report, True) for report in SMALL)
    assert any(not passes(report, True) for report in SMALL)


def test_strict_passes_exactly_what_it_may() -> None:
    """strict: 0 only if everything is proved, not applicable or waived, and then always."""
    for report in SMALL:
        assert (code("strict", report) == 0) == passes(report, False), report


def test_new_only_passes_exactly_what_it_may() -> None:
    """new-only: known violations count as nothing, everything else as with strict."""
    site = proved().sites[0]
    before = Known(frozenset({SETTINGS}), (frozenset(ALL_CONFIGS),))
    known = {of_clause(proved(), site, name): before for name in ("tf", "rf")}
    old = replace(EMPTY, known=known)
    for report in SMALL:
        assert (code("new-only", report, old=old) == 0) == passes(report, True), report
        assert (code("new-only", report) == 0) == passes(report, False), report


def test_advisory_changes_one_and_three_only() -> None:
    """advisory: errors, contradictions and Ctrl-C keep their status, and nothing else fails."""
    for report in SMALL:
        said, hard = code("advisory", report), code("strict", report)
        stopped = any(reason.code == "stopped" for reason in report.reasons)
        broken = report.error is not None or report.verdict == "error" or bool(report.disagreements)
        assert (said == 0) == (not stopped and not broken), report
        assert (said == 130) == stopped, report
        assert hard in (said, 1, 3) or said == 0, report


def test_a_failing_gate_names_what_fails() -> None:
    """Where strict fails there is a finding that counts, and where it passes there is none: it explains itself."""
    for report in SMALL:
        said = gate("strict", report)
        assert (said.exit_code == 0) == all(finding.state != "new" for finding in said.findings), report


@given(st.lists(st.sampled_from(SMALL), max_size=4), st.sampled_from(MODES))
def test_several_reports_are_as_bad_as_the_worst(reports: list[FileReport], mode: GateMode) -> None:
    """The status of a run is the worst of its reports' in the order of exit codes, whatever their order."""
    single = [code(mode, report) for report in reports]
    assert code(mode, *reports) == (worst_code(single) if single else 3)
    assert code(mode, *reversed(reports)) == code(mode, *reports)


# Findings.


def test_findings_say_what_and_where() -> None:
    """A violated clause is one finding for all its CPU configurations, with place and fingerprint; so is a reason."""
    report = violated()
    found = findings([report], None)
    assert [finding.id for finding in found] == ["canonical", "gpr.rbx", "gpr.rdi"]
    assert found[0].fingerprint == of_clause(report, report.sites[0], "canonical")
    assert found[0].location == report.sites[0].location and found[0].state == "new"
    (reason,) = findings([inconclusive()], None)
    assert (reason.id, reason.location) == ("unsupported-instruction", inconclusive().reasons[0].location)
    (error,) = findings([failed()], None)
    assert (error.id, error.input, error.location) == ("assembler-error", "bad.S", None)
    assert findings([proved()], None) == ()


def test_half_a_waiver_is_none() -> None:
    """A clause that is waived on one CPU and violated on another counts as violated."""
    half = (
        ClauseResult("tf", "waived", INTEL, "waived by W-1", CANONICAL),
        ClauseResult("tf", "violated", ALL_CONFIGS[2:], None, CANONICAL),
    )
    report = replace(violated(), sites=(replace(violated().sites[0], clauses=half),))
    assert [finding.state for finding in findings([report], None)] == ["new"]
    assert code("strict", report) == 1
    assert {finding.state for finding in findings([waived()], None)} == {"waived"}


# The baseline.


def edited(tmp_path: Path, report: FileReport, **changes: Any) -> Path:
    """The JSON of a report with top-level keys replaced."""
    path = stored(tmp_path, report)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


def refusal(path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        baselines.load(path)
    assert caught.value.exit_code == 2 and "\n" not in caught.value.message
    return caught.value


def test_a_baseline_is_what_json_wrote(tmp_path: Path) -> None:
    """Violated and waived clauses are known, by the fingerprints in the file, and the file by its hash."""
    found = knows(tmp_path, violated(), proved())
    assert found.known.keys() == {finding.fingerprint for finding in findings([violated()], None)}
    assert found.inputs == {"entry.S": frozenset({SETTINGS}), "good.S": frozenset({SETTINGS})}
    assert len(found.file.sha256) == 64
    assert knows(tmp_path, waived()).known.keys() == found.known.keys()


@pytest.mark.parametrize(
    ("reports", "refused"),
    [
        ((inconclusive(),), "baseline-inconclusive"),
        ((violated(), inconclusive()), "baseline-inconclusive"),
        ((replace(violated(), reasons=inconclusive().reasons),), "baseline-inconclusive"),
        ((replace(waived(), reasons=()),), "baseline-inconclusive"),
        ((interrupted(),), "baseline-inconclusive"),
        ((replace(proved(), sites=()),), "baseline-inconclusive"),
        ((replace(proved(), sites=(replace(proved().sites[0], clauses=()),)),), "baseline-inconclusive"),
        ((), "baseline-inconclusive"),
        ((failed(),), "baseline-error"),
        ((violated(), failed()), "baseline-error"),
        ((replace(violated(), disagreements=(DIFFER,)),), "baseline-error"),
    ],
)
def test_a_baseline_must_have_judged_everything(tmp_path: Path, reports: tuple[FileReport, ...], refused: str) -> None:
    """A report that leaves anything open, ended early or in an error, or is about nothing, is no baseline."""
    assert refusal(stored(tmp_path, *reports)).code == refused


def test_an_unknown_clause_is_enough_to_refuse(tmp_path: Path) -> None:
    """A clause without an answer is found also where no reason speaks of it."""
    clause = ClauseResult("cs", "unknown", ALL_CONFIGS, "the path was given up")
    site = replace(violated().sites[0], clauses=(*violated().sites[0].clauses, clause))
    assert refusal(stored(tmp_path, replace(violated(), sites=(site,)))).code == "baseline-inconclusive"


def test_older_reports_are_refused(tmp_path: Path) -> None:
    """A report from before there were fingerprints cannot be compared with, and is not taken for an empty one."""
    path = stored(tmp_path, violated())
    path.write_text(path.read_text().replace('"fingerprint"', '"other"'))
    assert refusal(path).code == "baseline-old"


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "error"},
        {"reasons": [{"code": "waived", "exit_code": 4, "input": "good.S"}]},
        {"inputs": [{"path": "good.S", "verdict": "error"}]},
    ],
)
def test_an_error_is_seen_wherever_it_is_told(tmp_path: Path, changes: dict[str, Any]) -> None:
    """The verdict of the run, that of an input, or an exit code among the reasons: each alone is enough."""
    assert refusal(edited(tmp_path, proved(), **changes)).code == "baseline-error"


def test_an_interrupted_baseline_is_told_as_one(tmp_path: Path) -> None:
    """The message says what happened to that run, so that one knows what to do."""
    assert "that run was interrupted" in refusal(stored(tmp_path, interrupted())).message


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": "verify-exit/2"}', "[" * 100_000, "1" * 5000])
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    """Anything but a JSON report of this schema ends in one line."""
    path = tmp_path / "any.json"
    path.write_text(text)
    assert refusal(path).code == "baseline-invalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": 1}, {"inputs": [1]}, {"sites": None}, {"sites": [{}]}, {"reasons": {}}, {"reasons": [{"code": 1}]},
        {"verdict": "fine"}, {"verdict": []}, {"inputs": [{"path": 1, "verdict": "proved"}]}, {"disagreements": [1]},
        {"inputs": [{"path": "entry.S", "verdict": "violated", "contract": None, "profile": "x", "configs": []}]},
        {"inputs": [{"path": "entry.S", "verdict": "violated", "contract": "x", "profile": "x", "configs": [1]}]},
        {"sites": [{"input": "entry.S", "clauses": [{"id": "tf", "status": "violated", "fingerprint": 7}]}]},
        {"sites": [{"input": "entry.S", "clauses": [{"id": "tf", "status": "violated", "fingerprint": "0"}]}]},
        {"sites": [{"input": "entry.S", "clauses": [{"id": "tf", "status": "new"}]}]},
        {"sites": [{"input": "entry.S", "clauses": [{"id": "tf", "status": []}]}]},
        {"sites": [{"input": "x", "clauses": [{"id": "tf", "status": "violated", "fingerprint": "0" * 32}]}]},
    ],
)  # fmt: skip
def test_a_damaged_report_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    """A report with parts of another shape is refused in one line, whatever they are."""
    assert refusal(edited(tmp_path, violated(), **changes)).code.startswith("baseline-")


@pytest.mark.parametrize("key", ["schema", "verdict", "inputs", "sites", "reasons", "disagreements"])
def test_a_report_without_a_part_is_refused(tmp_path: Path, key: str) -> None:
    """What a baseline is judged by must be there: a missing list is not an empty one."""
    path = stored(tmp_path, violated())
    whole = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in whole.items() if name != key}))
    assert refusal(path).code == "baseline-invalid"


def test_hostile_files_end_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file, a directory, a FIFO and one that is too large are refused before anything is parsed."""
    fifo, large = tmp_path / "fifo", tmp_path / "large.json"
    os.mkfifo(fifo)
    monkeypatch.setattr(baselines, "MAX_BYTES", 100)
    large.write_bytes(b" " * 101)
    assert [refusal(path).code for path in (tmp_path / "none", tmp_path, fifo)] == ["baseline-missing"] * 3
    assert refusal(large).code == "baseline-invalid"


@pytest.mark.parametrize(
    "change",
    [{"profile": "safety"}, {"contract": "linux-4.0"}, {"configs": INTEL}],
    ids=lambda change: next(iter(change)),
)
def test_a_baseline_of_other_options_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """A report that compared with something else says nothing about this run, whichever side is broader."""
    for then, now in ((violated(), replace(violated(), **change)), (replace(violated(), **change), violated())):
        with pytest.raises(UserError) as caught:
            gate("new-only", now, old=knows(tmp_path, then))
        assert (caught.value.code, caught.value.exit_code) == ("baseline-options", 2)
        assert "entry.S" in caught.value.message


def test_other_options_are_seen_under_another_path(tmp_path: Path) -> None:
    """The fingerprint finds the earlier result although the input was named otherwise then."""
    then = replace(violated("../tree/entry.S"), key="entry.S", profile="safety")
    with pytest.raises(UserError) as caught:
        gate("new-only", replace(violated(), key="entry.S"), old=knows(tmp_path, then))
    assert caught.value.code == "baseline-options"
    same = replace(violated("../tree/entry.S"), key="entry.S")
    assert code("new-only", replace(violated(), key="entry.S"), old=knows(tmp_path, same)) == 0


def test_other_options_are_seen_without_a_violation(tmp_path: Path) -> None:
    """Two proved reports on one input that asked for different things are no comparison either."""
    with pytest.raises(UserError) as caught:
        gate("new-only", proved(), old=knows(tmp_path, replace(proved(), profile="safety")))
    assert caught.value.code == "baseline-options"


def test_an_error_has_no_options(tmp_path: Path) -> None:
    """An input that cannot be read now is that error, whatever the baseline says of it."""
    assert code("new-only", failed("entry.S"), old=knows(tmp_path, violated())) == 4


def test_one_finding_under_two_paths(tmp_path: Path) -> None:
    """Two inputs of the baseline with one key count both."""
    then = replace(violated("a/entry.S"), key="entry.S"), replace(violated("b/entry.S"), key="entry.S", profile="seed")
    old = knows(tmp_path, *then)
    assert [code("new-only", replace(report, key="entry.S"), old=old) for report in then] == [0, 0]


def test_an_input_judged_twice_is_compared_with_its_like(tmp_path: Path) -> None:
    """One file with two profiles in both runs: each is compared with the earlier one of its profile."""
    both = violated(), replace(violated(), profile="safety")
    old = knows(tmp_path, *both)
    assert code("new-only", *both, old=old) == 0


def test_what_fails_from_another_entry_is_new(tmp_path: Path) -> None:
    """One file verified from two entries: what was violated from one of them is new from the other."""
    one, other = violated(), violated()
    other = replace(other, sites=(replace(other.sites[0], entry="from_interrupt"),))
    fine = replace(proved("entry.S"), sites=(replace(proved().sites[0], entry="from_interrupt"),))
    assert code("new-only", one, fine, old=knows(tmp_path, one, fine)) == 0
    assert code("new-only", one, other, old=knows(tmp_path, one, fine)) == 1


def test_what_fails_on_more_cpus_is_new(tmp_path: Path) -> None:
    """A clause that was violated on Intel and now is on AMD too is worse than it was."""
    before = violated()
    site = before.sites[0]
    worse = tuple(replace(clause, configs=ALL_CONFIGS) for clause in site.clauses if clause.id == "canonical")
    after = replace(before, sites=(replace(site, clauses=(site.clauses[0], *worse[:1])),))
    assert code("new-only", after, old=knows(tmp_path, before)) == 1
    assert code("new-only", before, old=knows(tmp_path, before)) == 0
    assert {finding.state for finding in gate("new-only", after, old=knows(tmp_path, before)).findings} == {"new"}


def test_more_of_one_name_is_new(tmp_path: Path) -> None:
    """One file under two targets that the name does not tell apart: a violation in both is more than in one."""
    fine = proved("entry.S")
    assert code("new-only", violated(), violated(), old=knows(tmp_path, violated(), fine)) == 1
    assert code("new-only", violated(), fine, old=knows(tmp_path, violated(), violated())) == 0


def test_names_in_a_refusal_are_clean(tmp_path: Path) -> None:
    """What a refusal quotes from the file or its name cannot act on a terminal or a CI system."""
    path = edited(tmp_path, proved(), reasons=[{"code": "\x1b[2J\n::error::", "input": "good.S"}])
    hostile = path.rename(tmp_path / "\x1b[31mold\n::warning::.json")
    message = refusal(hostile).message
    assert message.isprintable() and "::" not in message


def test_another_reference_is_another_question(tmp_path: Path) -> None:
    """A header line that makes the file's own IRET exit the reference asks something else than the baseline did."""
    old = knows(tmp_path, proved())
    for changed in (replace(proved(), reference="auto"), replace(proved(), check_iret=True)):
        with pytest.raises(UserError) as caught:
            decide("new-only", [changed], old, (), False)
        assert caught.value.code == "baseline-options"
        assert "--frame auto" in caught.value.message or "--check-iret" in caught.value.message

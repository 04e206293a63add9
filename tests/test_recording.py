# SPDX-License-Identifier: BSD-2-Clause
"""Runs that can be repeated: recordings, the replay command, and what happens where two runs differ."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import verifier.confirm
from verifier.cli import main
from verifier.model import FileReport, UserError
from verifier.options import Options
from verifier.pipeline import verify
from verifier.recording import Recording, from_json, to_json
from verifier.replay import ReplayResult, replay
from verifier.replays import cases, run
from verifier.report import Style, render
from verifier.report.verdict import check, exit_code
from verifier.rerun import rerun

SAMPLES = Path(__file__).parent.parent / "samples"
VIOLATED = "linux-2015-opportunistic.S"
WITH_CALL = "flow-call-twice.S"


def report_of(name: str) -> FileReport:
    return verify(SAMPLES / name, Options())


def recordings(report: FileReport) -> list[Recording]:
    """Every recording of a report: the witnesses, then the counterexamples."""
    found = [site.recording for site in report.sites]
    found += [
        clause.counterexample.recording
        for site in report.sites
        for clause in site.clauses
        if clause.counterexample is not None
    ]
    return [one for one in found if one is not None]


@pytest.fixture(scope="module")
def violated() -> FileReport:
    return report_of(VIOLATED)


@pytest.mark.parametrize(
    "name",
    [
        VIOLATED,
        WITH_CALL,
        "auto-tf-dropped.S",
        "compat-sysexit.S",
        "patch-canonical.S",
        "flow-return-thunk.S",
        "iret-unchecked.S",
    ],
)
def test_recording_needs_nothing_but_itself(name: str) -> None:
    """Witness and counterexamples, through JSON and back, run to the recorded end without file, lifter and solver."""
    found = recordings(report_of(name))
    assert found
    for recording in found:
        again = from_json(json.loads(json.dumps(to_json(recording))))
        assert again == recording
        assert rerun(again).problems == ()


def test_every_site_and_counterexample_is_recorded(violated: FileReport) -> None:
    """A confirmed run is one that can be repeated: none is without its recording."""
    assert all(site.recording is not None for site in violated.sites)
    examples = [clause.counterexample for site in violated.sites for clause in site.clauses if clause.counterexample]
    assert examples
    assert all(example.recording is not None and example.recording.clause == "tf" for example in examples)


def changed(report: FileReport, **fields: Any) -> Recording:
    """The counterexample's recording with other fields in its request."""
    recording = recordings(report)[-1]
    return replace(recording, request=replace(recording.request, **fields))


def test_other_frame_is_noticed(violated: FileReport) -> None:
    """A recording whose frame was changed does not end as recorded."""
    recording = recordings(violated)[-1]
    words = tuple(replace(word, value=word.value ^ 0x100) for word in recording.request.memory)
    assert rerun(changed(violated, memory=words)).problems


def test_clause_is_judged_again(violated: FileReport) -> None:
    """Where the clause holds in the state that the emulator reaches, the replay says so."""
    recording = recordings(violated)[-1]
    assert rerun(replace(recording, clause="rip")).problems == ("rip holds in the state that it reached",)


@pytest.mark.parametrize("clause", ["irq", "stack", "gs"])
def test_window_event_must_have_been_executed(violated: FileReport, clause: str) -> None:
    """A window clause fails at an instruction; one that was not executed is no event."""
    recording = recordings(violated)[-1]
    facts = replace(recording.exit, events=((clause, 0x1234),))
    problems = rerun(replace(recording, clause=clause, exit=facts)).problems
    assert f"the instruction at 0x1234, with which {clause} fails, was not executed" in problems


def test_interrupts_must_be_on_at_an_irq_event(violated: FileReport) -> None:
    """The emulator's IF is asked at the boundary at which an interrupt is said to arrive."""
    recording = recordings(violated)[-1]
    place = recording.end.trace[-1]
    facts = replace(recording.exit, events=(("irq", place),))
    assert f"interrupts are off behind {place:#x}" in rerun(replace(recording, clause="irq", exit=facts)).problems
    on = replace(recording, clause="irq", exit=facts, request=replace(recording.request, rflags=0x202))
    assert all("interrupts are off" not in problem for problem in rerun(on).problems)


def lying(result: ReplayResult) -> ReplayResult:
    """The result of an emulator that gets RCX wrong."""
    registers = tuple((name, value ^ 1 if name == "rcx" else value) for name, value in result.registers)
    return replace(result, registers=registers)


@pytest.fixture
def lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier.confirm, "replay", lambda image, request: lying(replay(image, request)))


@pytest.mark.usefixtures("lies")
@pytest.mark.parametrize("name", [VIOLATED, "linux-2015-tf-tested.S"])
def test_disagreement_is_an_internal_error(name: str) -> None:
    """An emulator that ends elsewhere makes the run an error with status 70, whatever would have been claimed."""
    report = report_of(name)
    check(report)
    assert (report.verdict, exit_code(report)) == ("error", 70)
    assert report.error is not None
    assert report.error[0] == "replay-disagrees"
    assert all(clause.status != "violated" for site in report.sites for clause in site.clauses)
    assert report.disagreements
    for item in report.disagreements:
        assert item.lifted is not None
        assert item.emulated is not None
        assert any(problem.startswith("rcx is 0x1, not 0x0") for problem in item.problems)


@pytest.mark.usefixtures("lies")
def test_both_runs_are_shown() -> None:
    """Text and JSON hold both traces and both ends, so that the defect can be found from the report."""
    report = report_of(VIOLATED)
    text = render("text", [report], Style(100, False, False, False))
    assert "Disagreement about the machine that violates tf" in text
    assert "instructions, as predicted: 0x" in text
    assert "instructions, on the emulator: 0x" in text
    item = json.loads(render("json", [report], Style(100, False, False, False)))["disagreements"][0]
    assert item["lifted"]["trace"] == item["emulated"]["trace"] != []
    assert item["lifted"]["registers"] != item["emulated"]["registers"]


def written(report: FileReport, directory: Path) -> Path:
    path = directory / "report.json"
    path.write_text(render("json", [report], Style(100, False, False, False)), encoding="utf-8")
    return path


def test_replay_command_confirms(violated: FileReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``verify-exit replay`` runs the witness and the counterexample of a report and ends with 0."""
    assert main(["replay", "-v", str(written(violated, tmp_path))]) == 0
    out = capsys.readouterr().out
    assert "witness: confirmed, the exit is reached after 24 instructions" in out
    assert "tf: confirmed, tf fails after 24 instructions" in out
    assert out.endswith("2 of 2 runs ended as recorded\n")


def test_replay_command_finds_a_forgery(
    violated: FileReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report whose code was changed does not replay: status 70, and both runs are shown."""
    path = written(violated, tmp_path)
    report = json.loads(path.read_text(encoding="utf-8"))
    code = report["sites"][0]["replay"]["code"][0]
    code["data"] = code["data"].replace("0f01f8", "0f1f00")
    path.write_text(json.dumps(report), encoding="utf-8")
    assert main(["replay", str(path)]) == 70
    out = capsys.readouterr().out
    assert "NOT as recorded" in out
    assert "gs_base" in out
    assert out.endswith("1 of 2 runs ended as recorded\n")


def broken(report: FileReport, directory: Path) -> list[bytes]:
    """Files that are no report, or hold a recording that is none."""
    good = json.loads(written(report, directory).read_text(encoding="utf-8"))
    found: list[bytes] = [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'{"schema": "verify-exit/1"}']
    fields: tuple[tuple[str, Any], ...] = (
        ("clause", 3), ("code", {}), ("end", None), ("request", {"entry": "0x0"}), ("exit", []), ("more", 1),
    )  # fmt: skip
    for key, value in fields:
        one = json.loads(json.dumps(good))
        one["sites"][0]["replay"][key] = value
        found.append(json.dumps(one).encode())
    requests: tuple[tuple[str, Any], ...] = (
        ("entry", "zz"), ("entry", 5), ("max_instructions", "0xffffffff"), ("registers", [["rax"]]),
        ("memory", [{"address": "0x0", "value": "0x0", "size": "0xffffffff"}]), ("havoc_calls", "0x1"),
    )  # fmt: skip
    for key, value in requests:
        one = json.loads(json.dumps(good))
        one["sites"][0]["replay"]["request"][key] = value
        found.append(json.dumps(one).encode())
    return found


def test_other_files_are_refused(violated: FileReport, tmp_path: Path) -> None:
    """What is no report, or was tampered with, is one line of error with status 4."""
    for data in broken(violated, tmp_path):
        with pytest.raises(UserError) as caught:
            cases(data, "report.json")
        assert (caught.value.code, caught.value.exit_code) == ("bad-report", 4)
        assert "\n" not in caught.value.message


def test_unknown_names_in_a_recording_do_not_crash(violated: FileReport) -> None:
    """A clause, an exit or a register that does not exist is a run that did not end as recorded."""
    recording = recordings(violated)[-1]
    case = cases(render("json", [violated], Style(100, False, False, False)).encode(), "report.json")[-1]
    strange = (
        replace(recording, clause="nonsense"),
        replace(recording, exit=replace(recording.exit, kind="jump")),
        replace(recording, exit=replace(recording.exit, gprs=(("r99", 1),))),
        replace(recording, exit=replace(recording.exit, frame=())),
        replace(recording, request=replace(recording.request, registers=(("r99", 1),))),
    )
    for one in strange:
        assert run(replace(case, recording=one)).problem


def test_report_without_a_run(tmp_path: Path) -> None:
    """A report in which nothing was run has nothing to confirm, and says so."""
    path = written(report_of("hazard-unknown-avx.S"), tmp_path)
    with pytest.raises(UserError) as caught:
        cases(path.read_bytes(), "report.json")
    assert caught.value.code == "nothing-to-replay"

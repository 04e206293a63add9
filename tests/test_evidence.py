# SPDX-License-Identifier: BSD-2-Clause
"""What is asked for beside a verdict: it can take a proof away, never give one, and it is in every format."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import verifier.challenge
import verifier.crosscheck
from verifier.challenge import Result
from verifier.cli import main
from verifier.crosscheck import Answer, Check, check
from verifier.model import FileReport, Status, UserError
from verifier.options import Options, from_words, resolve
from verifier.pipeline import verify
from verifier.prove import SiteAnswers, prove_site
from verifier.report import Style, render
from verifier.report.verdict import check as check_report, exit_code

SAMPLES = Path(__file__).parent.parent / "samples"
PROVED, VIOLATED = SAMPLES / "linux-2015-tf-tested.S", SAMPLES / "linux-2015-opportunistic.S"
PLAIN = Style(100, False, False, False)


def statuses(report: FileReport) -> dict[str, set[Status]]:
    found: dict[str, set[Status]] = {}
    for site in report.sites:
        for clause in site.clauses:
            found.setdefault(clause.id, set()).add(clause.status)
    return found


@pytest.mark.parametrize("path", [PROVED, VIOLATED])
def test_evidence_leaves_a_right_verdict_alone(path: Path) -> None:
    """Asking for everything changes nothing of the verdict, and says what was asked."""
    plain = verify(path, Options())
    report = verify(path, Options(challenge=300, cross_check=("cvc5", "bitwuzla")))
    check_report(report)
    assert (report.verdict, report.sites, report.reasons) == (plain.verdict, plain.sites, plain.reasons)
    assert [one.solver for one in report.cross_checks] == ["bitwuzla", "cvc5"]
    assert all(one.asked == one.agreed > 30 for one in report.cross_checks)
    (search,) = report.searches
    assert search.machines == 300
    assert 0 < search.judged <= 300
    assert "rip" in search.clauses


def answering(subject: str, answer: Answer) -> Any:
    """A cross-check in which cvc5 gives that answer to the obligations of a subject."""

    def changed(obligations: Any, solvers: Any, limits: Any, progress: Any) -> tuple[Check, ...]:
        real = check(obligations, solvers, limits, progress)
        return tuple(replace(one, answer=answer) if one.obligation.subject == subject else one for one in real)

    return changed


@pytest.mark.parametrize(("answer", "word"), [("sat", "cvc5 says sat"), ("unknown", "cvc5 does not know")])
def test_other_answer_takes_the_proof_away(monkeypatch: pytest.MonkeyPatch, answer: Answer, word: str) -> None:
    """A solver that disagrees, or has no answer, makes that clause unknown and the run inconclusive."""
    monkeypatch.setattr(verifier.crosscheck, "check", answering("rip", answer))
    report = verify(PROVED, Options(cross_check=("cvc5",)))
    check_report(report)
    assert (report.verdict, exit_code(report)) == ("inconclusive", 3)
    assert statuses(report)["rip"] == {"unknown"}
    assert statuses(report)["cs"] == {"proved"}
    assert {reason.code for reason in report.reasons} == {"cross-check"}
    assert word in report.reasons[0].text


@pytest.mark.parametrize("subject", ["cover", "steps", "reached"])
def test_everything_rests_on_some_obligations(monkeypatch: pytest.MonkeyPatch, subject: str) -> None:
    """Where a solver does not confirm that the paths cover everything, or that the exit is reached,
    nothing is proved.
    """
    monkeypatch.setattr(verifier.crosscheck, "check", answering(subject, "unknown"))
    report = verify(PROVED, Options(cross_check=("cvc5",)))
    check_report(report)
    assert report.verdict == "inconclusive"
    assert not any("proved" in found for found in statuses(report).values())


def test_violation_stands_by_its_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was executed is a violation, also if another solver gives up on it; that is said."""
    monkeypatch.setattr(verifier.crosscheck, "check", answering("tf", "unknown"))
    report = verify(VIOLATED, Options(cross_check=("cvc5",)))
    check_report(report)
    assert report.verdict == "violated"
    assert {reason.code for reason in report.reasons} == {"cross-check"}


def lying_prover(original: Any) -> Any:
    """A prover that calls every clause proved."""

    def changed(*arguments: Any, **options: Any) -> SiteAnswers:
        answers: SiteAnswers = original(*arguments, **options)
        return replace(answers, answers=tuple(replace(one, status="proved") for one in answers.answers))

    return changed


@pytest.mark.parametrize("evidence", [Options(challenge=2000), Options(cross_check=("bitwuzla",))])
def test_wrong_proof_is_found(monkeypatch: pytest.MonkeyPatch, evidence: Options) -> None:
    """The search finds a machine for a clause that is falsely proved, and another solver refutes it."""
    import verifier.judge

    monkeypatch.setattr(verifier.judge, "prove_site", lying_prover(prove_site))
    report = verify(VIOLATED, evidence)
    check_report(report)
    if evidence.challenge:
        assert (report.verdict, exit_code(report)) == ("error", 70)
        assert {item.clause for item in report.disagreements} == {"tf"}
        assert "tf was proved, and is false for a machine that the emulator ran" in render("text", [report], PLAIN)
    else:
        assert report.verdict == "inconclusive"
        assert statuses(report)["tf"] == {"unknown"}


def test_search_that_reaches_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search of which no machine came to the exit is not counted as support."""
    nothing = Result(5, 0, 0, 0, (("lost", 5),), (), ("rip",), (), ())
    monkeypatch.setattr(verifier.challenge, "challenge", lambda *_, **__: nothing)
    report = verify(PROVED, Options(challenge=5))
    assert "none came to the exit, so that nothing was tried" in render("text", [report], PLAIN)


def test_evidence_is_in_the_formats() -> None:
    """Text has one line for each solver and search, JSON the numbers."""
    report = verify(PROVED, Options(challenge=100, cross_check=("cvc5",)))
    text = render("text", [report], PLAIN)
    assert "Cross-check: cvc5 agrees with" in text
    assert "Challenge of return_to_user()+0x66: 100 machines ran on the emulator" in text
    found = json.loads(render("json", [report], PLAIN))["evidence"]
    assert found["cross_checks"][0]["solver"] == "cvc5"
    assert found["searches"][0]["machines"] == 100


def test_unknown_solver_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A solver that does not exist ends the run with 2 and a suggestion, before any work."""
    assert main([str(PROVED), "-q", "--cross-check", "cvc6"]) == 2
    assert "did you mean cvc5?" in capsys.readouterr().err


def test_obligations_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--emit-smt2 fills a directory with one file for each obligation; several inputs have one each."""
    single, several = tmp_path / "one", tmp_path / "several"
    assert main([str(PROVED), "-q", "--emit-smt2", str(single)]) == 0
    names = sorted(path.name for path in single.iterdir())
    assert "index.json" in names
    assert any("-canonical-all.smt2" in name for name in names)
    assert main([str(PROVED), str(VIOLATED), "-q", "--emit-smt2", str(several)]) == 1
    assert sorted(path.name for path in (several / "1").iterdir()) == names
    assert any(
        "-tf-" in path.name and "(set-info :status sat)" in path.read_text() for path in (several / "2").iterdir()
    )
    capsys.readouterr()


@pytest.mark.parametrize(
    "words", ["--challenge 5", "--cross-check cvc5", "--emit-smt2 d", "--certificate d", "--allow-include /"]
)
def test_header_cannot_ask_for_evidence(words: str) -> None:
    """A file under test does not choose what is run, written or read beside it."""
    with pytest.raises(UserError) as caught:
        from_words(words.split(), "a.S")
    assert caught.value.code == "header-bad-args"


def test_header_cannot_take_evidence_away() -> None:
    """What the user asked for stands, whatever the file says."""
    told = Options(challenge=7, cross_check=("cvc5",), emit_smt2="d", allow_include=("x",))
    found = resolve(told, Options())
    assert (found.challenge, found.cross_check, found.emit_smt2, found.allow_include) == (7, ("cvc5",), "d", ("x",))


def test_certificates_are_written_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--certificate leaves a proof of every proved obligation, which check-certificate accepts."""
    directory = tmp_path / "proofs"
    assert main([str(PROVED), "--certificate", str(directory)]) == 0
    assert "Certificates: 36 of 36 obligations have a proof that the checker accepts" in capsys.readouterr().out
    assert main(["check-certificate", "-q", str(directory)]) == 0
    assert capsys.readouterr().out == "36 of 36 certificates accepted\n"
    canonical = next(directory.glob("*-canonical-all.cnf"))
    canonical.write_text(canonical.read_text(encoding="ascii") + "1 0\n", encoding="ascii")
    assert main(["check-certificate", "-q", str(directory)]) == 3
    out = capsys.readouterr().out
    assert f"{canonical.stem}.smt2: NOT accepted" in out
    assert out.endswith("35 of 36 certificates accepted\n")


def test_check_certificate_refuses_other_directories(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A directory without certificates is an input error, not a pass."""
    assert main(["check-certificate", str(tmp_path)]) == 4
    assert main(["check-certificate", str(tmp_path / "none")]) == 4
    capsys.readouterr()

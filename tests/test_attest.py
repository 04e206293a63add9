# SPDX-License-Identifier: BSD-2-Clause
"""Attestations: what the statements say of which run, and that nothing but a proof is a pass."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import golden
import pytest
from hostile_names import NAMES, obeyed, renamed, strings
from report_samples import INTEL, SYSRET, failed, inconclusive, proved, violated
from test_sarif import waived

from verifier import __version__, attest
from verifier.model import ClauseResult, Disagreement, FileReport, Finding, Gate, InputFile, Reason, Run, UserError

Json = dict[str, Any]

TIME = "2026-01-02T03:04:05Z"
STATEMENT = "https://in-toto.io/Statement/v1"


def hashed(report: FileReport, digit: str) -> FileReport:
    """The report with a hash of its own."""
    return replace(report, input=InputFile(report.input.path, digit * 64))


def statement(*reports: FileReport, gate: Gate | None = None) -> Json:
    """The test-result statement of these reports."""
    text = attest.statement(Run(reports, gate=gate))
    assert text.endswith("}\n") and text.count("\n") == 1
    found: Json = json.loads(text)
    assert found["_type"] == STATEMENT
    assert found["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    return found


def verdict(*reports: FileReport) -> str:
    """The result that the statement gives them."""
    return str(statement(*reports)["predicate"]["result"])


@pytest.mark.parametrize(
    ("name", "run"),
    {
        "proved": Run((hashed(proved(), "1"), hashed(proved("lib/other.S"), "2"))),
        "mixed": Run((hashed(violated(), "3"), hashed(inconclusive(), "4"), failed(), hashed(proved(), "5"))),
        "waived": Run((hashed(waived(), "6"),)),
    }.items(),
)
def test_golden(name: str, run: Run) -> None:
    """The file is as it was when somebody read it."""
    lines = attest.bundle(run, TIME).replace(__version__, "VERSION").splitlines()
    shown = (json.dumps(json.loads(line), indent=2) for line in lines)
    golden.check(f"attest/{name}.json", "\n".join(shown) + "\n")


def test_proved() -> None:
    """A proof is PASSED; each clause that holds is a test by input, exit and clause; what does not apply is none."""
    predicate = statement(proved())["predicate"]
    assert predicate["result"] == "PASSED"
    assert predicate["passedTests"] == [
        "good.S: sysretq exit_to_user+0x1a3: canonical",
        "good.S: sysretq exit_to_user+0x1a3: gpr.rbx",
        "good.S: sysretq exit_to_user+0x1a3: gpr.rdi",
        "good.S: sysretq exit_to_user+0x1a3: rflags",
        "good.S: sysretq exit_to_user+0x1a3: rip",
        "good.S: sysretq exit_to_user+0x1a3: ss-attrs (amd)",
    ]
    assert predicate["warnedTests"] == predicate["failedTests"] == []


def test_what_is_not_proved_failed() -> None:
    """Violations, open questions and errors are failed tests, and each makes the run fail beside proved files."""
    assert statement(violated())["predicate"]["failedTests"] == [
        "entry.S: sysretq exit_to_user+0x1a3: canonical (intel/la48)",
        "entry.S: sysretq exit_to_user+0x1a3: canonical (intel/la57)",
        "entry.S: sysretq exit_to_user+0x1a3: gpr.rbx",
        "entry.S: sysretq exit_to_user+0x1a3: gpr.rdi",
    ]
    assert statement(inconclusive())["predicate"]["failedTests"] == [
        "odd.S: sysretq exit_to_user+0x1a3: rip",
        "odd.S: unsupported-instruction",
    ]
    assert statement(proved(), failed())["predicate"]["failedTests"] == ["bad.S: assembler-error"]
    for other in (violated(), inconclusive(), failed()):
        assert verdict(proved(), other) == verdict(other, proved()) == "FAILED"


def test_waived_is_no_pass() -> None:
    """Waived violations are warned tests; with nothing else open the run is WARNED, and there is no summary."""
    predicate = statement(waived())["predicate"]
    assert predicate["result"] == "WARNED"
    assert len(predicate["warnedTests"]) == 4 and predicate["failedTests"] == []
    assert verdict(waived(), violated()) == verdict(waived(), inconclusive()) == "FAILED"
    assert attest.summary(Run((proved(), waived())), TIME) is None


def spoilt() -> dict[str, FileReport]:
    """Reports that call themselves proved and hold something else."""
    report = proved()
    (site,) = report.sites
    return {
        "reason": replace(report, reasons=(Reason("stopped", "the run was stopped", ""),)),
        "error": replace(report, error=("internal", "a defect", 70)),
        "disagreement": replace(report, disagreements=(Disagreement(SYSRET, "rip", INTEL[0], ("differs",)),)),
        "site": replace(report, sites=(replace(site, verdict="inconclusive"),)),
        "no site": replace(report, sites=()),
        "no configuration": replace(report, configs=()),
        "no clause": replace(report, sites=(replace(site, clauses=()),)),
        "unknown": replace(report, sites=(replace(site, clauses=(ClauseResult("rip", "unknown", INTEL),)),)),
        "not applicable": replace(
            report, sites=(replace(site, clauses=(ClauseResult("rip", "not-applicable", INTEL),)),)
        ),
        "verdict": replace(report, verdict="inconclusive"),
        "no hash": replace(report, input=InputFile("good.S", "")),
    }


@pytest.mark.parametrize("name", spoilt())
def test_only_a_whole_proof_passes(name: str) -> None:
    """A report that is not proved in every part is never PASSED and has no summary, whatever its verdict says."""
    assert verdict(proved("a.S"), spoilt()[name]) == "FAILED"
    assert attest.summary(Run((proved("a.S"), spoilt()[name])), TIME) is None


def test_a_gate_changes_nothing() -> None:
    """What a gate lets through is not thereby shown to be right."""
    finding = Finding("entry.S", "canonical", "ab" * 16, "known")
    assert statement(violated(), gate=Gate("advisory", 0, (finding,))) == statement(violated())


def test_subjects() -> None:
    """The subjects are the inputs that were read, each once, by their path from the project's root and their hash."""
    one = replace(hashed(proved("../k/entry.S"), "1"), key="k/entry.S")
    found = statement(one, one, hashed(proved("b.S"), "2"), failed())
    assert found["subject"] == [
        {"name": "k/entry.S", "digest": {"sha256": "1" * 64}},
        {"name": "b.S", "digest": {"sha256": "2" * 64}},
    ]


@pytest.mark.parametrize("run", [Run(()), Run((failed(),)), Run((failed("a.S"), failed("b.S")))])
def test_without_a_hash_there_is_no_statement(run: Run) -> None:
    """If no input was read, there is nothing that a statement could be about."""
    with pytest.raises(ValueError, match="nothing to attest"):
        attest.bundle(run, TIME)


def test_configuration() -> None:
    """Each descriptor has a URI or a digest; a setting's digest is that of its annotations."""
    report = replace(proved(), tool=(("z3-solver", "4.13"), ("semantics", "ab" * 32), ("as", "GNU as (x) 2.40")))
    found = statement(report, replace(report, contract="other"))["predicate"]["configuration"]
    assert all("uri" in item or "digest" in item for item in found)
    by_name = {item["name"]: item for item in found}
    assert by_name["verify-exit"] == {"name": "verify-exit", "uri": f"pkg:generic/verify-exit@{__version__}"}
    assert by_name["semantics"]["digest"] == {"sha256": "ab" * 32}
    assert by_name["as"]["uri"] == "pkg:generic/as@GNU%20as%20%28x%29%202.40"
    setting = by_name["contract linux, profile equivalence"]
    annotations = setting["annotations"]
    assert annotations["configs"] == ["intel/la48", "intel/la57", "amd/la48", "amd/la57"]
    assert [item["id"] for item in annotations["assumptions"]] == ["disjoint-stack", "irq-entry"]
    compact = json.dumps(annotations, sort_keys=True, separators=(",", ":"))
    assert setting["digest"] == {"sha256": hashlib.sha256(compact.encode("ascii")).hexdigest()}
    assert "contract other, profile equivalence" in by_name


def test_summaries() -> None:
    """A proved run has a summary for each input: who, when, what for, under which setting, and the level."""
    run = Run((hashed(proved(), "1"), hashed(proved("lib/other one.S"), "2")))
    lines = attest.bundle(run, TIME).splitlines()
    assert lines[0] + "\n" == attest.statement(run)
    first, second = map(json.loads, lines[1:])
    assert first["_type"] == STATEMENT
    assert first["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert first["subject"] == [{"name": "good.S", "digest": {"sha256": "1" * 64}}]
    predicate = second["predicate"]
    assert predicate["verifier"]["id"] == f"pkg:generic/verify-exit@{__version__}"
    assert predicate["timeVerified"] == TIME
    assert predicate["resourceUri"] == f"pkg:generic/lib/other%20one.S?checksum=sha256:{'2' * 64}"
    assert predicate["policy"]["uri"].endswith("?contract=linux&profile=equivalence")
    assert predicate["policy"]["digest"]["sha256"] and predicate["policy"]["annotations"]["assumptions"]
    assert predicate["verificationResult"] == "PASSED"
    assert predicate["verifiedLevels"] == ["VERIFY_EXIT_EQUIVALENCE"]
    assert not any(level.startswith("SLSA_") for level in predicate["verifiedLevels"])


def test_the_same_test_twice() -> None:
    """If one name stands for a proof and for a violation, as when a file is judged twice, the violation counts."""
    bad = replace(violated(), input=proved().input)
    predicate = statement(proved(), bad)["predicate"]
    assert set(predicate["passedTests"]).isdisjoint(predicate["failedTests"])
    assert any(name.endswith("gpr.rbx") for name in predicate["failedTests"])
    assert not any(name.endswith("gpr.rbx") for name in predicate["passedTests"])


@pytest.mark.parametrize(
    ("epoch", "now", "time"),
    [
        (None, 0.9, "1970-01-01T00:00:00Z"),
        ("1767323045", 5.0, "2026-01-02T03:04:05Z"),
        ("253402300799", 5.0, "9999-12-31T23:59:59Z"),
    ],
)
def test_stamp(epoch: str | None, now: float, time: str) -> None:
    """The time is SOURCE_DATE_EPOCH where that is set, else the clock's, in UTC to the second."""
    assert attest.stamp(epoch, now) == time


@pytest.mark.parametrize("epoch", ["", "-1", "1.5", "now", "9" * 12, "9" * 5000, "1\n", "١"])
def test_stamp_refuses(epoch: str) -> None:
    """What is no number of seconds is a usage error of one line."""
    with pytest.raises(UserError) as caught:
        attest.stamp(epoch, 0.0)
    assert (caught.value.code, caught.value.exit_code) == ("usage", 2)
    assert "\n" not in caught.value.message and len(caught.value.message) < 200


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:20] for name in NAMES])
def test_names_are_text(name: str) -> None:
    """Hostile names change no field but names, are ASCII in JSON, and every URI stays one."""
    reports = [renamed(report, name) for report in (proved(), violated(), inconclusive(), waived())]
    reports = [replace(report, input=replace(report.input, sha256="ab" * 32)) for report in reports]
    for run in (Run(tuple(reports)), Run(tuple(reports[:1]))):
        text = attest.bundle(run, TIME)
        assert text.isascii()
        for line in text.splitlines():
            found = json.loads(line)
            assert found["predicateType"] in (attest.TEST_RESULT, attest.SUMMARY)
            assert obeyed("\n".join(sorted(strings(line)))) == []
        for uri in re.findall(r'"(?:uri|resourceUri)":"([^"]*)"', text):
            assert re.fullmatch(r"pkg:generic/[A-Za-z0-9._~%/@-]+(\?[A-Za-z0-9._~%=&:-]+)?", uri)
    assert len(text.splitlines()) == 2


def test_deterministic() -> None:
    """The same run gives the same bytes."""
    run = Run((proved(), violated(), inconclusive()))
    assert attest.bundle(run, TIME) == attest.bundle(run, TIME)

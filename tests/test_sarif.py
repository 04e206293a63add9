# SPDX-License-Identifier: BSD-2-Clause
"""SARIF: what code scanning gets to see of every kind of report, where it points, and what its limits leave out.

The published schema and validator are asked in tests/published.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import golden
import pytest
from hostile_names import NAMES, obeyed, renamed
from report_samples import AMD, CANONICAL, INTEL, SYSRET, failed, inconclusive, leak, proved, violated

from verifier import __version__
from verifier.clauses import CLAUSES, IRET_CLAUSES
from verifier.model import (
    ClauseResult,
    Counterexample,
    Disagreement,
    FileReport,
    Finding,
    Gate,
    InputFile,
    Location,
    Reason,
    Run,
    Step,
    Waiver,
    WaiverUse,
)
from verifier.reasons import REASONS
from verifier.report import Style, fingerprint, render, sarif

Json = dict[str, Any]

WAIVER = Waiver("W1", "canonical", "ab" * 16, "fixed in 2.0", "kernel team", "2030-01-01")


def waived(path: str = "waived.S") -> FileReport:
    """The violated sample with a live waiver for each violation."""
    report = violated(path)
    (site,) = report.sites
    told = "waived by W1 until 2030-01-01: fixed in 2.0 (kernel team)"
    clauses = tuple(
        replace(clause, status="waived", reason=told) if clause.status == "violated" else clause
        for clause in site.clauses
    )
    reason = Reason("waived", "3 violated clauses are waived", "repair them", None)
    sites = (replace(site, verdict="inconclusive", clauses=clauses),)
    return replace(report, verdict="inconclusive", sites=sites, reasons=(reason,))


def branching(length: int = 12) -> Counterexample:
    """A counterexample with a branch at every second instruction."""
    path = tuple(
        Step(
            Location(0x400000 + 4 * index, "exit_to_user", 4 * index, "entry.S", 100 + index, f"insn {index}"),
            CANONICAL.path[0].changes if index == 4 else (),
            "not taken" if index % 2 else "",
        )
        for index in range(length)
    )
    return replace(CANONICAL, path=path)


def with_example(*examples: Counterexample) -> FileReport:
    """The violated sample with one clause, violated by these, each in a configuration of its own."""
    report = violated()
    clauses = tuple(
        ClauseResult("canonical", "violated", (config,), None, replace(example, config=config))
        for example, config in zip(examples, report.configs, strict=False)
    )
    return replace(report, sites=(replace(report.sites[0], clauses=clauses),))


def log(*reports: FileReport, **more: Any) -> Json:
    """The one run of the SARIF log of these reports."""
    document: Json = json.loads(render("sarif", Run(reports, **more), Style()))
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    return dict(run)


def results(*reports: FileReport, **more: Any) -> list[Json]:
    """Its results."""
    return list(log(*reports, **more)["results"])


def seen(report: FileReport) -> list[tuple[str, str]]:
    """Rule and level of each result."""
    return [(result["ruleId"], result["level"]) for result in results(report)]


EVERY = (violated(), inconclusive(), proved(), failed(), waived(), with_example(branching()))


@pytest.mark.parametrize(
    ("name", "run"),
    {
        "violated": Run((violated(), with_example(branching()))),
        "open": Run((inconclusive(), failed(), proved())),
        "waived": Run(
            (waived(),),
            (WaiverUse(WAIVER, "used", 3), WaiverUse(replace(WAIVER, id="W2"), "expired", 0)),
            Gate("strict", 0, (), InputFile("base.json", "cd" * 32)),
        ),
        "nothing": Run(()),
    }.items(),
)
def test_golden(name: str, run: Run) -> None:
    """Everything but the rules, whose texts have tables of their own, is as it was when somebody read it."""
    document = json.loads(render("sarif", run, Style()))
    for one in document["runs"]:
        assert one["tool"]["driver"].pop("semanticVersion") == __version__
        one["tool"]["driver"].pop("rules")
        for result in one["results"]:
            result.pop("ruleIndex")
    golden.check(f"sarif/{name}.sarif", json.dumps(document, indent=2) + "\n")


def test_rules_are_the_tables() -> None:
    """There is a rule for every clause and every reason, each once, the same whatever was found."""
    rules = log(proved())["tool"]["driver"]["rules"]
    ids = [rule["id"] for rule in rules]
    assert len(set(ids)) == len(ids)
    assert set(ids) == {clause.id for clause in (*CLAUSES, *IRET_CLAUSES)} | {one.code for one in REASONS} | {
        "not-judged"
    }
    assert rules == log(*EVERY[:4])["tool"]["driver"]["rules"]


def test_rules_have_what_code_scanning_shows() -> None:
    """Descriptions fit, severities are numbers in strings, the help says what to do, and names are no ids."""
    for rule in log(proved())["tool"]["driver"]["rules"]:
        properties = rule["properties"]
        assert 10 < len(rule["shortDescription"]["text"]) <= 1024
        assert 10 < len(rule["fullDescription"]["text"]) <= 1024
        assert re.fullmatch(r"([A-Z][a-z0-9]+)+", rule["name"]) and len(rule["name"]) <= 255
        assert rule["name"].lower() != rule["id"]
        assert "security" in properties["tags"] and len(properties["tags"]) <= 10
        assert properties["precision"] == "very-high"
        for help_text in rule["help"].values():
            assert "Repair" in help_text or "To settle it" in help_text
        if rule["defaultConfiguration"]["level"] == "error" and rule["id"] != "not-judged":
            assert 0 < float(properties["security-severity"]) <= 10
        else:
            assert "security-severity" not in properties


def test_an_unknown_id_gets_a_rule() -> None:
    """A result whose id no table has refers to a rule all the same, behind those of the tables."""
    report = replace(inconclusive(), reasons=(Reason("of-tomorrow", "something new", ""),))
    run = log(report)
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "of-tomorrow"
    assert result["ruleIndex"] == len(run["tool"]["driver"]["rules"]) - 1


@pytest.mark.parametrize("report", EVERY, ids=[report.input.path for report in EVERY])
def test_results_have_what_code_scanning_needs(report: FileReport) -> None:
    """Every result has its rule, a level that is shown, a place with a line, a sentence and a fingerprint."""
    run = log(report)
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        (place,) = result["locations"]
        assert place["physicalLocation"]["region"]["startLine"] >= 1
        assert place["physicalLocation"]["artifactLocation"]["uri"]
        assert len(result["message"]["text"].split(". ")[0]) > 3
        prints = result["partialFingerprints"]
        assert re.fullmatch(r"[0-9a-f]{32}", prints["verifyExit/v1"])
        assert prints["primaryLocationLineHash"] == prints["verifyExit/v1"] + ":1"
    prints = [result["partialFingerprints"]["verifyExit/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)


def test_a_proved_file_has_no_result() -> None:
    """A proof is no alert."""
    run = log(proved())
    assert run["results"] == []
    assert run["invocations"] == [{"executionSuccessful": True}]
    assert run["properties"]["verdict"] == "proved"


def test_violations() -> None:
    """Each violated clause of a site is an error: cause, least inputs and difference in its message."""
    report = violated()
    assert seen(report) == [("canonical", "error"), ("gpr.rbx", "error"), ("gpr.rdi", "error")]
    first, second, _ = results(report)
    text = first["message"]["text"]
    assert text.startswith("SYSRET with non-canonical RCX. SYSRETQ at exit_to_user+0x1a3 (intel). ")
    assert "frame.rip = 0x800000000000 (just above the la48 user half, canonical for la57)" in text
    assert "SYSRETQ: #GP(0) at CPL0 with the user's RSP; IRETQ: #GP(0) at CPL0 on the kernel stack" in text
    assert "rbx is 0x1 after SYSRETQ and 0x0 after IRETQ" in second["message"]["text"]
    for result in results(report):
        printed = fingerprint.of_clause(report, report.sites[0], result["ruleId"])
        assert result["partialFingerprints"]["verifyExit/v1"] == printed


def test_one_code_flow_for_each_counterexample() -> None:
    """Counterexamples that differ in the configuration only are one flow; others are one each."""
    flows = results(violated())[0]["codeFlows"]
    assert len(flows) == 1
    (thread,) = flows[0]["threadFlows"]
    assert thread["initialState"]["frame.rflags"] == {"text": "0x202 (IF)"}
    assert [step["executionOrder"] for step in thread["locations"]] == [1, 2, 3]
    load, call, exit_ = thread["locations"]
    assert load["state"] == {"rcx": {"text": "0x800000000000 (just above the la48 user half, canonical for la57)"}}
    assert load["location"]["message"]["text"] == "movq 0x80(%rsp), %rcx; rcx = 0x800000000000"
    assert load["location"]["physicalLocation"]["region"] == {"startLine": 12}
    assert load["location"]["logicalLocations"][0]["fullyQualifiedName"] == "exit_to_user+0x0"
    assert call["location"]["message"]["text"] == "callq slow_work; call: arbitrary; rax = 0x0; rflags = 0x46"
    assert exit_["importance"] == "essential" and "state" not in exit_
    two = results(with_example(CANONICAL, replace(leak("rbx"), path=CANONICAL.path)))
    assert [len(result["codeFlows"]) for result in two] == [2]


def test_a_flow_ends_at_the_exit() -> None:
    """A path that stops in front of the exit instruction gets it as its last step, with the cause."""
    (result,) = results(with_example(branching(3)))
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["executionOrder"] for step in steps] == [1, 2, 3, 4]
    assert steps[-1]["location"]["message"]["text"] == "sysretq; SYSRET with non-canonical RCX"
    assert steps[-1]["location"]["physicalLocation"]["region"] == {"startLine": 210}
    assert [step["importance"] for step in steps][-2:] == ["unimportant", "essential"]


def test_branches_are_linked() -> None:
    """The branches on the way are related locations, and the message links to each by its id."""
    (result,) = results(with_example(branching()))
    related = result["relatedLocations"]
    assert [item["id"] for item in related] == [1, 2, 3, 4, 5, 6]
    assert related[0]["physicalLocation"]["region"]["startLine"] == 101
    assert re.findall(r"\[([^]]*)\]\((\d+)\)", result["message"]["text"]) == [
        (f"line {100 + 2 * number - 1} not taken", str(number)) for number in range(1, 7)
    ]
    (long,) = results(with_example(branching(200)))
    assert len(long["relatedLocations"]) == 20
    assert long["relatedLocations"][-1]["physicalLocation"]["region"]["startLine"] == 299


def test_what_is_not_decided_is_a_warning() -> None:
    """A reason is a result with a level, because code scanning shows no other kind."""
    assert seen(inconclusive()) == [("unsupported-instruction", "warning")]
    (result,) = results(inconclusive())
    assert result["message"]["text"] == "No model for invpcid. At exit_to_user+0x10. To settle it: Start behind it."
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 20
    assert "kind" not in result and "suppressions" not in result


def test_reasons_of_several_clauses_are_one() -> None:
    """Reasons that differ only in their clause are one result, with the fingerprint of the first."""
    reasons = tuple(
        Reason("solver-unknown", f"{name}: no answer", "raise --rlimit", SYSRET)
        for name in ("canonical", "gpr.rbx", "gpr.rdi")
    )
    report = replace(violated(), reasons=reasons)
    (result,) = [one for one in results(report) if one["ruleId"] == "solver-unknown"]
    assert result["message"]["text"].startswith("canonical, gpr.rbx, gpr.rdi: no answer. ")
    assert result["partialFingerprints"]["verifyExit/v1"] == fingerprint.of_reason(report, reasons[0])


def test_open_clauses_without_a_reason() -> None:
    """Where the report gives no reason, the open clauses of a site are a result."""
    report = replace(inconclusive(), reasons=())
    assert seen(report) == [("rip", "warning")]
    assert results(report)[0]["message"]["text"].startswith("Not decided: rip: the path was given up. ")


def test_nothing_passes_in_silence() -> None:
    """A file that is not proved has a result, even if its report does not say why; so has a run without files."""
    empty = replace(inconclusive(), reasons=(), sites=())
    assert seen(empty) == [("not-judged", "error")]
    run = log()
    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [("not-judged", "error")]
    assert run["invocations"][0]["executionSuccessful"] is False


def test_waived() -> None:
    """A waived violation is a note with a suppression that says who answers for it, and its counterexample."""
    assert seen(waived()) == [("canonical", "note"), ("gpr.rbx", "note"), ("gpr.rdi", "note")]
    result = results(waived())[0]
    (suppression,) = result["suppressions"]
    assert suppression["kind"] == "external" and suppression["status"] == "accepted"
    assert suppression["justification"] == "waived by W1 until 2030-01-01: fixed in 2.0 (kernel team)"
    assert "Waived by W1 until 2030-01-01" in result["message"]["text"]
    assert result["codeFlows"]


def test_waived_in_some_configurations_only() -> None:
    """A clause that is still violated in one configuration is an error, once, and not suppressed."""
    report = violated()
    (site,) = report.sites
    clauses = (
        ClauseResult("canonical", "violated", INTEL, None, CANONICAL),
        ClauseResult("canonical", "waived", AMD, "waived by W1", CANONICAL),
    )
    report = replace(report, sites=(replace(site, clauses=clauses),))
    assert seen(report) == [("canonical", "error")]
    assert "suppressions" not in results(report)[0]


def test_errors() -> None:
    """A file that could not be judged is a result at the line that the message names, and a failed invocation."""
    run = log(failed())
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("not-judged", "error")
    assert "no such instruction" in result["message"]["text"] and "assembler-error" in result["message"]["text"]
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "bad.S", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3},
    }
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "no such instruction" in invocation["toolExecutionNotifications"][0]["message"]["text"]
    assert run["artifacts"] == [{"location": {"uri": "bad.S", "uriBaseId": "%SRCROOT%"}, "roles": ["analysisTarget"]}]


def test_stopped_and_disagreeing_runs_are_not_successful() -> None:
    """Ctrl-C makes the invocation fail, and a defect of this tool is told as one."""
    stopped = replace(inconclusive(), reasons=(Reason("stopped", "the run was interrupted", "run it again"),))
    assert log(stopped)["invocations"][0]["executionSuccessful"] is False
    item = Disagreement(SYSRET, "rip", INTEL[0], ("rcx differs",))
    report = replace(violated(), verdict="error", disagreements=(item,), error=("replay-disagrees", "two runs", 70))
    told = [one["message"]["text"] for one in log(report)["invocations"][0]["toolExecutionNotifications"]]
    assert any("rcx differs" in text for text in told)
    assert log(report)["invocations"][0]["executionSuccessful"] is False


def test_gate_and_waivers() -> None:
    """The exit code is the gate's; each finding has its state; a waiver that waives nothing is notified."""
    report = violated()
    known = fingerprint.of_clause(report, report.sites[0], "canonical")
    gate = Gate("new-only", 1, (Finding("entry.S", "canonical", known, "known"),))
    run = log(report, gate=gate, waivers=(WaiverUse(WAIVER, "expired", 0),))
    (invocation,) = run["invocations"]
    assert invocation["exitCode"] == 1
    assert invocation["toolConfigurationNotifications"][0]["message"]["text"] == "Waiver W1 is expired."
    assert [one["properties"].get("gate") for one in run["results"]] == ["known", None, None]
    assert run["properties"]["waivers"][0]["expires"] == "2030-01-01"


@pytest.mark.parametrize(
    ("path", "key", "file", "uri"),
    [
        ("entry.S", "entry.S", "entry.S", "entry.S"),
        ("entry.S", "", "inc/calls.h", "inc/calls.h"),
        ("./entry.S", "entry.S", "./entry.S", "entry.S"),
        ("entry.S", "arch/x86/entry.S", "entry.S", "arch/x86/entry.S"),
        ("entry.S", "arch/x86/entry.S", "../calls.h", "arch/calls.h"),
        ("../x/entry.S", "x/entry.S", "../x/calls.h", "x/calls.h"),
        ("/home/me/k/x/entry.S", "x/entry.S", "/home/me/k/x/entry.S", "x/entry.S"),
        ("/home/me/k/x/entry.S", "x/entry.S", "/home/me/k/calls.h", "calls.h"),
        ("/home/me/k/x/entry.S", "x/entry.S", "/usr/include/a.h", "file:///usr/include/a.h"),
        ("a b#c%.S", "a b#c%.S", "a b#c%.S", "a%20b%23c%25.S"),
        ("a:b.S", "a:b.S", "a:b.S", "a%3Ab.S"),
        ("\udce9.S", "\udce9.S", "\udce9.S", "%E9.S"),
        ("//a/b.S", "//a/b.S", "//a/b.S", "file:///a/b.S"),
    ],
)
def test_uris(path: str, key: str, file: str, uri: str) -> None:
    """Places are relative to the project's root as far as it is known; the rest are absolute; all are URIs."""
    report = violated(path)
    (site,) = report.sites
    site = replace(site, location=replace(site.location, file=file))
    report = replace(report, key=key, sites=(site,))
    found = results(report)[0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert found["uri"] == uri
    assert ("uriBaseId" in found) is not uri.startswith("file:")


def test_without_a_line() -> None:
    """Where no line is known a result stands at line 1 of the input, with its symbol and offset."""
    report = violated("vmlinux")
    bare = Location(0x400, "exit", 4, None, None, "sysretq")
    report = replace(report, sites=(replace(report.sites[0], kind="iretq", location=bare),))
    (place,) = results(report)[0]["locations"]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "vmlinux"
    assert place["physicalLocation"]["region"] == {"startLine": 1}
    assert place["logicalLocations"] == [{"fullyQualifiedName": "exit+0x4", "kind": "function", "name": "exit"}]
    report = replace(report, sites=(replace(report.sites[0], location=replace(bare, symbol=None)),))
    (place,) = results(report)[0]["locations"]
    assert place["logicalLocations"] == [{"fullyQualifiedName": "0x400", "kind": "function"}]


def test_fingerprints_survive_moved_lines() -> None:
    """Code that moves to other lines and addresses keeps its fingerprints."""
    report = violated()
    (site,) = report.sites
    moved = replace(site.location, address=site.location.address + 64, offset=site.location.offset + 64, line=300)
    other = replace(report, sites=(replace(site, location=moved),))
    ours, theirs = results(report), results(other)
    assert [one["partialFingerprints"] for one in ours] == [one["partialFingerprints"] for one in theirs]
    assert ours[0]["locations"] != theirs[0]["locations"]


def test_the_worst_results_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit waived and open results are left out before violations, these before errors, and it is said."""
    monkeypatch.setattr(sarif, "MAX_RESULTS", 4)
    run = log(waived(), inconclusive(), violated(), failed())
    assert [one["level"] for one in run["results"]] == ["error"] * 4
    told = run["invocations"][0]["toolExecutionNotifications"][-1]["message"]["text"]
    assert told.startswith("Left out to keep within the limits of code scanning: 4 results.")
    monkeypatch.setattr(sarif, "MAX_RESULTS", 5)
    assert results(waived(), inconclusive(), violated(), failed())[0]["level"] == "warning"


def test_long_paths_keep_both_ends() -> None:
    """A path above the limit keeps its first steps and more of its last ones, in order, and it is said how many go."""
    (result,) = results(with_example(branching(3000)))
    steps = [step["executionOrder"] for step in result["codeFlows"][0]["threadFlows"][0]["locations"]]
    assert len(steps) == sarif.MAX_STEPS
    assert steps[:3] == [1, 2, 3] and steps[-1] == 3001 and steps == sorted(steps)
    run = log(with_example(branching(3000)))
    told = run["invocations"][0]["toolExecutionNotifications"][-1]["message"]["text"]
    assert "2001 steps" in told
    two = results(with_example(branching(3000), replace(branching(3000), cause="another")))
    flows = two[0]["codeFlows"]
    assert sum(len(flow["threadFlows"][0]["locations"]) for flow in flows) <= sarif.MAX_STEPS and len(flows) == 2


def test_a_large_file_loses_steps_before_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the size that code scanning takes, code flows go and every result stays."""
    reports = (violated(), waived())
    whole = render("sarif", Run(reports), Style())
    monkeypatch.setattr(sarif, "MAX_BYTES", 1000)
    small = render("sarif", Run(reports), Style())
    assert len(small) < len(whole)
    assert [len(json.loads(text)["runs"][0]["results"]) for text in (whole, small)] == [6, 6]
    assert "codeFlows" in whole and "codeFlows" not in small
    assert "6 code flows" in small


def test_the_steps_of_all_results_are_bounded() -> None:
    """With few steps in all, the violations have theirs and the waived ones, which come later, go without."""
    (run,) = sarif.document(Run((waived(), violated())), steps=9)["runs"]
    assert [(one["level"], "codeFlows" in one) for one in run["results"]] == [
        *[("note", False)] * 3,
        *[("error", True)] * 3,
    ]


def texts(item: object) -> list[str]:
    """Every text that a viewer renders as a message."""
    if isinstance(item, dict):
        own = [value for key, value in item.items() if key in ("text", "markdown") and isinstance(value, str)]
        return own + [text for value in item.values() for text in texts(value)]
    return [text for part in item for text in texts(part)] if isinstance(item, list) else []


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:20] for name in NAMES])
def test_names_are_text(name: str) -> None:
    """No name makes a link, a placeholder, a control character or a URI of its own; the log is well-formed ASCII."""
    run = Run(
        tuple(renamed(report, name) for report in EVERY),
        (WaiverUse(replace(WAIVER, id=name, owner=name, reason=name), "unused", 0),),
        Gate("strict", 2, (), InputFile(name, name)),
    )
    text = render("sarif", run, Style())
    assert text.isascii()
    assert not any(line.lstrip().startswith(("::", "##[")) for line in text.split("\n"))
    document = json.loads(text)
    for message in texts(document):
        assert obeyed(message.replace("\n\n", "")) == []
        assert all(target.isdigit() for target in re.findall(r"\]\(([^)]*)", message))
        assert "{" not in message and "}" not in message
    for uri in re.findall(r'"uri": "([^"]*)"', text):
        assert re.fullmatch(r"(file://)?[A-Za-z0-9._~/%-]+", uri)
    assert len({one["id"] for one in document["runs"][0]["tool"]["driver"]["rules"]}) == len(
        document["runs"][0]["tool"]["driver"]["rules"]
    )


def test_nothing_but_the_run_decides() -> None:
    """The same run gives the same bytes in every style, and no path of this machine."""
    run = Run(EVERY)
    text = render("sarif", run, Style())
    assert text == render("sarif", run, Style(width=60, color=True, verbose=True, quiet=True, errors=False))
    assert text.endswith("}\n") and "file://" not in text

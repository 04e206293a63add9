# SPDX-License-Identifier: BSD-2-Clause
"""SARIF of every kind of report, hand-made and real, against the published schema and the reference validator.

VERIFY_EXIT_PUBLISHED names the directory that ``fetch_published.py`` filled. Nothing is skipped: a file that is missing
is a failure.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fetch_published import SCHEMA, VALIDATOR
from hostile_names import NAMES, renamed
from report_samples import failed, inconclusive, proved, violated
from test_sarif import EVERY, WAIVER, branching, waived, with_example

from verifier import cli
from verifier.model import Gate, InputFile, Run, WaiverUse
from verifier.report import Style, render

ROOT = Path(__file__).resolve().parents[2]

ALLOWED = frozenset(
    {
        ("note", "SARIF2002"),
        ("note", "SARIF2003"),
        ("warning", "SARIF2005"),
        ("note", "SARIF2006"),
        ("note", "SARIF2009"),
        ("note", "SARIF2010"),
        ("note", "SARIF2011"),
        ("note", "SARIF2012"),
        ("note", "SARIF2013"),
    }
)
"""(level, rule) of the validator's findings that are as they should be; README.md says why."""

SAMPLES = (
    *("linux-full-exit", "linux-2015-opportunistic", "auto-proved", "auto-rbx-leak", "auto-frames-differ"),
    *(
        "call-answer-trusted",
        "call-helper-clobbers-rcx",
        "bit-string-frame",
        "bit-string-word-before",
        "hazard-carry-out",
    ),
    *("flow-loop-changes-rcx", "fault-rdtscp-window", "clause-cr3-open-reference", "entry-auto-stub"),
    *("inconclusive-no-sysret", "no-such-file"),
)

HAND_MADE: dict[str, Run] = {
    **{report.input.path: Run((report,)) for report in EVERY[:5]},
    "all": Run(EVERY),
    "nothing": Run(()),
    "branches": Run((with_example(branching(3000)),)),
    "two flows": Run((with_example(branching(7), replace(branching(9), cause="another")),)),
    "gate": Run(
        (violated(), waived()),
        (WaiverUse(WAIVER, "used", 3), WaiverUse(WAIVER, "unused", 0), WaiverUse(WAIVER, "expired", 0)),
        Gate("new-only", 1, (), InputFile("base.json", "ab" * 32)),
    ),
    **{
        f"name {index}": Run(
            tuple(renamed(report, name) for report in (violated(), inconclusive(), proved(), failed()))
        )
        for index, name in enumerate(NAMES)
    },
}


def published(name: str) -> Path:
    """A file that was fetched. Fails the test if it is not there."""
    directory = os.environ.get("VERIFY_EXIT_PUBLISHED")
    if not directory:
        pytest.fail("VERIFY_EXIT_PUBLISHED has to name the directory that tests/published/fetch_published.py filled")
    path = Path(directory).resolve() / name
    if not path.is_file():
        pytest.fail(f"{path} is missing: run tests/published/fetch_published.py")
    return path


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every log by name; those of samples as the command line writes them."""
    found = {name: render("sarif", run, Style()) for name, run in HAND_MADE.items()}
    output = tmp_path_factory.mktemp("logs") / "log.sarif"
    for sample in SAMPLES:
        code = cli.main(["--no-config", "--format", f"sarif={output}", str(ROOT / "samples" / f"{sample}.S")])
        assert code in (0, 1, 3, 4)
        found[sample] = output.read_text(encoding="ascii")
        output.unlink()
    return found


def findings(logs: dict[str, str], directory: Path) -> dict[str, set[tuple[str, str]]]:
    """(level, rule) of what the validator says of each log, its rules for SARIF and for GitHub switched on."""
    names = {f"{index}.sarif": name for index, name in enumerate(logs)}
    for file, name in names.items():
        (directory / file).write_text(logs[name], encoding="ascii")
    output = directory / "found.json"
    done = subprocess.run(
        [
            *(published(VALIDATOR), "validate", directory / "*.sarif", "--rule-kind", "Sarif;Gh;Ghas"),
            *("--level", "Error;Warning;Note", "--output", output, "--quiet"),
        ],
        cwd=directory,
        # It brings no tables of languages, and unpacks a part of itself.
        env=os.environ
        | {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1", "DOTNET_BUNDLE_EXTRACT_BASE_DIR": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = json.loads(output.read_text(encoding="utf-8-sig"))["runs"]
    notes = [note for one in run["invocations"] for note in one.get("toolExecutionNotifications", ())]
    assert [note for note in notes if note.get("level") == "error"] == []
    found: dict[str, set[tuple[str, str]]] = {name: set() for name in logs}
    for result in run["results"]:
        file = result["locations"][0]["physicalLocation"]["artifactLocation"]
        if "uri" not in file:
            file = run["artifacts"][file["index"]]["location"]
        name = names[file["uri"].rpartition("/")[2]]
        found[name].add((result.get("level", "warning"), result["ruleId"].partition("/")[0]))
    return found


def test_samples_are_of_every_verdict(logs: dict[str, str]) -> None:
    """The real runs are proved, violated, inconclusive and errors, several of each of the first three."""
    runs = [json.loads(logs[sample])["runs"][0] for sample in SAMPLES]
    verdicts = [run["properties"]["verdict"] for run in runs]
    assert len(SAMPLES) >= 15
    assert min(verdicts.count(verdict) for verdict in ("violated", "inconclusive")) >= 4
    assert verdicts.count("proved") >= 2 and verdicts.count("error") == 1
    for run, verdict in zip(runs, verdicts, strict=True):
        assert bool(run["results"]) == (verdict != "proved")
        flows = [result for result in run["results"] if "codeFlows" in result]
        assert bool(flows) == (verdict == "violated")


def test_schema(logs: dict[str, str]) -> None:
    """Every log is an instance of the published schema."""
    schema: dict[str, Any] = json.loads(published(SCHEMA).read_text(encoding="utf-8-sig"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    wrong = {
        name: [f"{list(error.path)}: {error.message[:200]}" for error in errors]
        for name, text in logs.items()
        if (errors := list(validator.iter_errors(json.loads(text))))
    }
    assert wrong == {}


def test_schema_finds_a_mistake() -> None:
    """The schema is one that refuses something."""
    schema: dict[str, Any] = json.loads(published(SCHEMA).read_text(encoding="utf-8-sig"))
    document = json.loads(render("sarif", [violated()], Style()))
    document["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError, match="fatal"):
        jsonschema.validate(document, schema)


def test_validator(logs: dict[str, str], tmp_path: Path) -> None:
    """The reference validator has nothing to say of any log but what README.md explains."""
    wrong = {name: sorted(found - ALLOWED) for name, found in findings(logs, tmp_path).items() if found - ALLOWED}
    assert wrong == {}


def test_validator_finds_mistakes(tmp_path: Path) -> None:
    """The validator sees a wrong index, a bad URI, and a rule without the help that GitHub asks for."""
    good = json.loads(render("sarif", [violated()], Style()))
    result, rule = good["runs"][0]["results"][0], good["runs"][0]["tool"]["driver"]["rules"][0]
    result["ruleIndex"] = 5000
    result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] = "a b\\c"
    rule.pop("help")
    (found,) = findings({"bad": json.dumps(good)}, tmp_path).values()
    assert {("error", "SARIF1009"), ("error", "SARIF1002"), ("error", "GH2012")} <= found

# SPDX-License-Identifier: BSD-2-Clause
"""What CI systems are given: valid files whose scripts do what they say, in a fake of each system."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from verifier.config import load as load_config
from verifier.parsers import build_parser
from verifier.report import FORMATS
from verifier.waivers import FILE, load as load_waivers

ROOT = Path(__file__).resolve().parent.parent
ACTION = ROOT / ".github" / "actions" / "verify-exit" / "action.yml"
GITLAB = ROOT / ".gitlab" / "verify-exit.yml"
HOOKS = ROOT / ".pre-commit-hooks.yaml"
PAGE = ROOT / "docs" / "ci.md"
KBUILD = ROOT / "docs" / "kbuild.mk"

EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def script(path: Path, text: str) -> Path:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def bash(text: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script the way that runners do, with nothing in the environment but what is given and PATH."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
    whole = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, cwd=cwd, env=whole, capture_output=True, text=True, check=False)


STUB = """#!/bin/sh
for word in "$@"; do printf '%s\\n' "$word" >>"$RECORD"; done
exit "${STUB_STATUS:-0}"
"""
"""A verify-exit that writes down its arguments, one a line, and ends with the status that it is told."""


@pytest.mark.parametrize(("schema", "path"), [("github-actions", ACTION), ("gitlab-ci", GITLAB)])
def test_file_meets_its_schema(schema: str, path: Path) -> None:
    """The file is what the CI system's published schema describes."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def blocks(language: str) -> list[str]:
    """The code blocks of docs/ci.md in a language."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return found


def test_documented_workflows_meet_their_schemas(tmp_path: Path) -> None:
    """The files that docs/ci.md shows are what pre-commit, GitHub and GitLab take."""
    names = ("pre-commit-config", "github-workflows", "gitlab-ci", "github-comment", "gitlab-comment")
    for name, text in zip(names, blocks("yaml"), strict=True):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    for command in (
        [*check, "vendor.github-workflows", "github-workflows.yaml", "github-comment.yaml"],
        [*check, "vendor.gitlab-ci", "gitlab-ci.yaml", "gitlab-comment.yaml"],
        [sys.executable, "-m", "pre_commit", "validate-config", "pre-commit-config.yaml"],
    ):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_documented_workflow_uses_the_actions_inputs() -> None:
    """The workflow of docs/ci.md names this action where it lies, and only inputs that it has."""
    workflow = yaml.safe_load(blocks("yaml")[1])
    (step,) = [one for one in workflow["jobs"]["verify-exit"]["steps"] if "verify-exit" in one["uses"]]
    where = step["uses"].partition("@")[0].removeprefix("OWNER/verify-exit/")
    assert ROOT / where == ACTION.parent
    assert set(step["with"]) <= set(loaded(ACTION)["inputs"])


def test_documented_files_are_read(tmp_path: Path) -> None:
    """The configuration and the waiver of docs/ci.md are right as they stand."""
    configuration, waiver = blocks("toml")
    (tmp_path / "verify-exit.toml").write_text(configuration, encoding="utf-8")
    (tmp_path / FILE).write_text(waiver, encoding="utf-8")
    (target,) = load_config(tmp_path / "verify-exit.toml").targets
    assert target.matches("exit.S")
    assert [one.id for one in load_waivers(tmp_path / FILE)] == ["EXIT-7"]


def test_hook_manifest_is_accepted() -> None:
    """pre-commit itself takes the manifest."""
    command = [sys.executable, "-m", "pre_commit", "validate-manifest", str(HOOKS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_hook_runs_the_gate_on_everything() -> None:
    """The hook verifies all targets when assembly or what it depends on changes, as a command that is one of ours."""
    (hook,) = loaded(HOOKS)
    assert (hook["id"], hook["language"], hook["pass_filenames"]) == ("verify-exit", "python", False)
    assert {"asm", "header", "toml"} <= set(hook["types_or"])
    name, *words = hook["entry"].split()
    assert name == "verify-exit"
    parsed = build_parser().parse_args(words)
    assert parsed.gate == "strict" and parsed.paths == []


# The GitHub Action.


def steps() -> dict[str, dict[str, Any]]:
    """The steps of the action by their names."""
    return {step["name"]: step for step in loaded(ACTION)["runs"]["steps"]}


def in_action(name: str, tmp_path: Path, inputs: Mapping[str, str], **environment: str) -> tuple[int, str, str]:
    """Run a step with a fake of the runner's files; (status, GITHUB_OUTPUT, standard output)."""
    step = steps()[name]
    values = {f"inputs.{key}": one["default"] for key, one in loaded(ACTION)["inputs"].items()}
    values |= {f"inputs.{key}": value for key, value in inputs.items()}
    values["steps.verify.outputs.exit-code"] = environment.pop("code", "")
    given = {key: EXPRESSION.sub(lambda found: values[found[1]], value) for key, value in step["env"].items()}
    where = EXPRESSION.sub(lambda found: values[found[1]], step.get("working-directory", "."))
    workspace, output = tmp_path / "workspace", tmp_path / "output"
    workspace.mkdir(exist_ok=True)
    (tmp_path / "temp").mkdir(exist_ok=True)
    fake = {
        "GITHUB_ACTION_PATH": str(ACTION.parent),
        "GITHUB_OUTPUT": str(output),
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "RECORD": str(tmp_path / "record"),
    }
    done = bash(step["run"], workspace / where, **fake, **given, **environment)
    return done.returncode, output.read_text() if output.exists() else "", done.stdout + done.stderr


def arguments(tmp_path: Path) -> list[str]:
    """What the stub was called with."""
    return (tmp_path / "record").read_text().splitlines()


def test_action_puts_no_expression_into_a_script() -> None:
    """Inputs reach a shell through the environment only, so that no input can be a command."""
    for step in steps().values():
        if "run" in step:
            assert not EXPRESSION.search(step["run"]), step["name"]
            assert step["shell"] == "bash"
            assert all(EXPRESSION.fullmatch(value) or "$" not in value for value in step["env"].values())


def test_action_pins_what_it_uses() -> None:
    """Other actions are named by the full hash of a commit, with the version beside it."""
    found = re.findall(r"uses: (\S+)@(\S+)( # v[\d.]+)?", ACTION.read_text(encoding="utf-8"))
    assert len(found) == 2
    assert all(re.fullmatch(r"[0-9a-f]{40}", commit) and version for _, commit, version in found)


def test_action_uploads_whatever_the_verdict_is() -> None:
    """Uploads run behind a failure too and fail nothing themselves; the gate is the last step and always runs."""
    names = list(steps())
    assert names == ["Install verify-exit", "Verify", "Upload to code scanning", "Keep the reports", "Gate"]
    for name in names[2:]:
        assert "always()" in steps()[name]["if"], name
        assert steps()[name].get("continue-on-error", False) == (name != "Gate")


@pytest.mark.parametrize("status", [0, 1, 2, 3, 4, 70, 130])
def test_action_ends_with_the_tools_status(tmp_path: Path, status: int) -> None:
    """The step that verifies hands the status on, and the last step fails with it."""
    script(tmp_path / "temp" / "verify-exit" / "bin" / "verify-exit", STUB)
    code, output, _ = in_action("Verify", tmp_path, {}, STUB_STATUS=str(status))
    assert code == 0 and output.splitlines()[1:] == [f"exit-code={status}"]
    assert in_action("Gate", tmp_path, {}, code=str(status))[0] == status


def test_action_fails_without_a_status(tmp_path: Path) -> None:
    """If verify-exit never ran, or is not there, the action fails: it never passes by accident."""
    assert in_action("Gate", tmp_path, {})[0] == 70
    code, output, _ = in_action("Verify", tmp_path, {})
    assert code == 0 and output.splitlines()[1:] == ["exit-code=127"]


def test_action_runs_what_the_command_line_takes(tmp_path: Path) -> None:
    """The words that the action builds are options of verify-exit, the user's words come last, one a line."""
    script(tmp_path / "temp" / "verify-exit" / "bin" / "verify-exit", STUB)
    inputs = {"args": "--profile\nsafety\n\na file.S\n", "gate": "new-only", "baseline": "old.json"}
    _, output, _ = in_action("Verify", tmp_path, inputs)
    parsed = build_parser().parse_args(arguments(tmp_path))
    assert (parsed.gate, parsed.baseline, parsed.profile, parsed.paths) == (
        "new-only",
        "old.json",
        "safety",
        ["a file.S"],
    )
    assert {word.partition("=")[0] for word in parsed.format} == {"github", "sarif", "json", "html"} <= set(FORMATS)
    results = Path(output.splitlines()[0].removeprefix("results="))
    assert results.is_dir() and results.is_relative_to(tmp_path / "temp")
    written = {Path(word.partition("=")[2]) for word in parsed.format if "=" in word}
    assert {path.parent for path in written} == {results}


def test_action_without_a_gate(tmp_path: Path) -> None:
    """An empty gate leaves the plain verdict to decide."""
    script(tmp_path / "temp" / "verify-exit" / "bin" / "verify-exit", STUB)
    in_action("Verify", tmp_path, {"gate": ""})
    assert not any(word.startswith(("--gate", "--baseline")) for word in arguments(tmp_path))


@pytest.mark.parametrize("text", ["$(touch pwned)", "`touch pwned`", "'; touch pwned; '", '"; touch pwned; "', "* ?"])
def test_action_runs_no_input(tmp_path: Path, text: str) -> None:
    """Whatever an input holds is one word for verify-exit and nothing for the shell."""
    script(tmp_path / "temp" / "verify-exit" / "bin" / "verify-exit", STUB)
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "file").touch()
    inputs = dict.fromkeys(("args", "gate", "baseline", "sarif-file", "json-file"), text)
    in_action("Verify", tmp_path, inputs)
    assert arguments(tmp_path).count(text) == 1
    assert [path.name for path in (tmp_path / "workspace").iterdir()] == ["file"]


PYTHON_STUB = """#!/bin/sh
printf 'python %s\\n' "$*" >>"$RECORD"
if [ "$2" = -c ]; then exit "${STUB_STATUS:-0}"; fi
mkdir -p "$4/bin"
printf '#!/bin/sh\\nprintf "pip %%s\\\\n" "$*" >>"$RECORD"\\n' >"$4/bin/pip"
chmod 755 "$4/bin/pip"
"""
"""A Python that makes a virtual environment with nothing but a pip that writes down its arguments."""


def installed(record: list[str], source: Path) -> None:
    """Assert that these calls install ``source`` with every dependency checked, importing nothing from elsewhere."""
    assert all(line.startswith(("python -I ", "pip install ")) for line in record)
    calls = [line for line in record if line.startswith("pip")]
    assert all(("--require-hashes" in call) != ("--no-deps" in call) for call in calls)
    locks = [word for call in calls for word in call.split() if word.endswith(".lock")]
    assert locks == [f"{source}/.ci/build.lock", f"{source}/requirements.lock"]
    assert calls[-1].endswith(f" {source}")


def test_action_installs_its_own_commit(tmp_path: Path) -> None:
    """What is installed is the action's own checkout, with hashes; the repository under test is not imported."""
    python = script(tmp_path / "python", PYTHON_STUB)
    code, _, said = in_action("Install verify-exit", tmp_path, {"python": str(python)})
    assert code == 0, said
    installed(arguments(tmp_path), ROOT)
    assert (ROOT / ".ci" / "build.lock").is_file() and (ROOT / "requirements.lock").is_file()


def test_action_refuses_another_python(tmp_path: Path) -> None:
    """An interpreter that is too old ends the step with a message that the log shows."""
    python = script(tmp_path / "python", PYTHON_STUB)
    code, _, said = in_action("Install verify-exit", tmp_path, {"python": str(python)}, STUB_STATUS="1")
    assert code == 2 and said.startswith("::error::verify-exit needs Python 3.11")


# The GitLab job.


def job() -> dict[str, Any]:
    (name,) = loaded(GITLAB)
    assert name == "verify-exit"
    found: dict[str, Any] = loaded(GITLAB)[name]
    return found


@pytest.mark.parametrize("status", [0, 1, 3, 70])
def test_gitlab_job_ends_with_the_tools_status(tmp_path: Path, status: int) -> None:
    """The job's status is the tool's, and its words are options of verify-exit."""
    script(tmp_path / "bin" / "verify-exit", STUB)
    done = bash(
        "\n".join(job()["script"]),
        tmp_path,
        PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        RECORD=str(tmp_path / "record"),
        STUB_STATUS=str(status),
        VERIFY_EXIT_ARGS="--profile\nsafety\n$(touch pwned)\n*",
        VERIFY_EXIT_BASELINE="an old one.json",
        VERIFY_EXIT_GATE="new-only",
    )
    assert done.returncode == status, done.stderr
    parsed = build_parser().parse_args(arguments(tmp_path))
    assert (parsed.gate, parsed.baseline, parsed.profile) == ("new-only", "an old one.json", "safety")
    assert parsed.paths == ["$(touch pwned)", "*"]
    assert {word.partition("=")[0] for word in parsed.format} <= set(FORMATS)


def test_gitlab_job_writes_through_no_link(tmp_path: Path) -> None:
    """A report's name that a change made a link is removed first: no other file is written."""
    script(tmp_path / "bin" / "verify-exit", STUB)
    names = [*job()["artifacts"]["paths"], job()["artifacts"]["reports"]["junit"]]
    for name in names:
        (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    bash("\n".join(job()["script"]), tmp_path, PATH=path, RECORD=str(tmp_path / "record"))
    assert not any((tmp_path / name).is_symlink() for name in names)


def test_gitlab_job_defaults_to_strict(tmp_path: Path) -> None:
    """Without any variable the configured targets are verified, and everything counts."""
    script(tmp_path / "bin" / "verify-exit", STUB)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    bash("\n".join(job()["script"]), tmp_path, PATH=path, RECORD=str(tmp_path / "record"))
    parsed = build_parser().parse_args(arguments(tmp_path))
    assert (parsed.gate, parsed.baseline, parsed.paths) == ("strict", None, [])


def test_gitlab_job_keeps_its_reports() -> None:
    """Every file that the job writes is kept whatever the verdict is, and JUnit is where GitLab shows it."""
    kept = job()["artifacts"]
    files = set(re.findall(r"--format \w+=(\S+)", "\n".join(job()["script"])))
    assert kept["when"] == "always"
    assert files == {*kept["paths"], kept["reports"]["junit"]}
    assert "allow_failure" not in job()


def source_repository(tmp_path: Path) -> tuple[Path, str]:
    """A repository that could be verify-exit's, and the hash of its commit."""
    home = tmp_path / "upstream"
    (home / ".ci").mkdir(parents=True)
    for name in (".ci/build.lock", "requirements.lock"):
        (home / name).touch()
    git = ["git", "-C", str(home), "-c", "user.name=T", "-c", "user.email=t@example.org"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "all"]):
        subprocess.run([*git, *words], check=True)
    done = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return home, done.stdout.strip()


def test_gitlab_job_installs_the_commit_that_is_named(tmp_path: Path) -> None:
    """The checkout of the full hash is installed, with hashes, and its program is first on PATH."""
    home, commit = source_repository(tmp_path)
    script(tmp_path / "bin" / "python3", PYTHON_STUB)
    done = bash(
        "\n".join([*job()["before_script"], 'printf "%s\\n" "$PATH"']),
        tmp_path,
        PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        RECORD=str(tmp_path / "record"),
        TMPDIR=str(tmp_path),
        VERIFY_EXIT_REPOSITORY=str(home),
        VERIFY_EXIT_COMMIT=commit,
    )
    assert done.returncode == 0, done.stderr
    venv = Path(done.stdout.partition(":")[0]).parent
    installed(arguments(tmp_path), venv.parent / "source")
    assert venv.name == "venv" and venv.is_relative_to(tmp_path)


@pytest.mark.parametrize("name", ["", "main", "v1.0", "0123abc", "0" * 39, "--upload-pack=x", "0" * 40 + "\n--x"])
def test_gitlab_job_takes_full_hashes_only(tmp_path: Path, name: str) -> None:
    """What can move, or is an option, is refused before anything is fetched."""
    script(tmp_path / "bin" / "python3", PYTHON_STUB)
    script(tmp_path / "bin" / "git", STUB)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    record = str(tmp_path / "record")
    text = "\n".join(job()["before_script"])
    done = bash(text, tmp_path, PATH=path, RECORD=record, VERIFY_EXIT_COMMIT=name, VERIFY_EXIT_REPOSITORY="x")
    assert done.returncode == 2 and "full hash" in done.stderr
    assert not any(line.startswith("clone") for line in arguments(tmp_path))


# The make snippet.

SMALL_KBUILD = r"""
obj := .
LD := $(or $(TEST_LD),ld)
real-prereqs = $(filter-out FORCE,$^)
cmd = $(cmd_$(1))
if_changed = $(if $(filter-out FORCE,$?)$(if $(wildcard $@),,new),$(cmd_$(1)),@:)
all: build
include kbuild.mk
build: entry_64.o common.o $(addprefix $(obj)/,$(always-y))
.DELETE_ON_ERROR:
.PHONY: all build FORCE
"""
"""As much of kbuild as the snippet uses, in own words: a command runs if what it is made from is newer."""

MAKE_STUB = """#!/bin/sh
printf '%s\\n' "$*" >>"$RECORD"
for word in "$@"; do case $word in json=*) echo {} >"${word#json=}" ;; esac; done
exit "${STUB_STATUS:-0}"
"""


def make(tmp_path: Path, *words: str, status: int = 0) -> tuple[int, list[str], str]:
    """Run make in a small tree; (status, one line for each call of the linker and of verify-exit, stderr)."""
    (tmp_path / "kbuild.mk").write_text(KBUILD.read_text(encoding="utf-8"))
    (tmp_path / "Makefile").write_text(SMALL_KBUILD)
    for name in ("entry_64.o", "common.o"):
        if not (tmp_path / name).exists():
            (tmp_path / name).touch()
    stub = script(tmp_path / "bin" / "verify-exit", MAKE_STUB)
    linker = script(tmp_path / "bin" / "ld", '#!/bin/sh\nprintf "ld %s\\n" "$*" >>"$RECORD"\ntouch exits.o\n')
    record = tmp_path / "record"
    record.unlink(missing_ok=True)
    done = subprocess.run(
        ["make", "--no-print-directory", f"VERIFY_EXIT_CMD={stub}", f"TEST_LD={linker}", *words],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "RECORD": str(record), "STUB_STATUS": str(status)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, record.read_text().splitlines() if record.exists() else [], done.stderr


def test_make_without_the_switch_does_nothing(tmp_path: Path) -> None:
    """A build that does not ask for it is as it was."""
    assert make(tmp_path) == (0, [], "")
    assert make(tmp_path, "VERIFY_EXIT=0")[:2] == (0, [])


def test_make_verifies_what_changed(tmp_path: Path) -> None:
    """With 1 the object is verified after it was built, and again only when it changes; with 2 in every build."""
    once = ["-q --format json=exits.json entry_64.o"]
    assert make(tmp_path, "VERIFY_EXIT=1")[:2] == (0, once)
    assert make(tmp_path, "VERIFY_EXIT=1")[:2] == (0, [])
    assert make(tmp_path, "VERIFY_EXIT=2")[:2] == (0, once)
    newer = (tmp_path / "exits.json").stat().st_mtime_ns + 10**9
    os.utime(tmp_path / "entry_64.o", ns=(newer, newer))
    assert make(tmp_path, "VERIFY_EXIT=1")[:2] == (0, once)


def test_make_fails_and_tries_again(tmp_path: Path) -> None:
    """A status other than 0 fails the build, and leaves no file that would stop the next build from asking again."""
    for _ in range(2):
        status, calls, _said = make(tmp_path, "VERIFY_EXIT=1", status=3)
        assert status != 0 and len(calls) == 1
        assert not (tmp_path / "exits.json").exists()


def test_make_joins_several_objects(tmp_path: Path) -> None:
    """Where C decides, the halves become one object, and that is what is verified, with the flags that were given."""
    words = ("VERIFY_EXIT=1", "verify-exit-objects=entry_64.o common.o", "VERIFY_EXIT_FLAGS=--gate strict")
    status, calls, said = make(tmp_path, *words)
    assert status == 0, said
    assert calls == [
        "ld -z noexecstack -r -o exits.o entry_64.o common.o",
        "-q --gate strict --format json=exits.json exits.o",
    ]
    build_parser().parse_args(calls[1].split())


@pytest.mark.parametrize("value", ["yes", "3", "on", "1 0", ""])
def test_make_refuses_another_switch(tmp_path: Path, value: str) -> None:
    """A value that is not a mode stops the build: it must not look like a check that passed."""
    status, calls, said = make(tmp_path, f"VERIFY_EXIT={value}")
    assert status != 0 and calls == [] and "must be 0, 1 or 2" in said

# SPDX-License-Identifier: BSD-2-Clause
"""The command line: arguments, exit codes, streams. The analysis itself is replaced by a table of reports."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
from report_samples import failed, inconclusive, proved, violated

from verifier import __version__, cli, outputs, session
from verifier.cli import main
from verifier.console import use_color
from verifier.explain import explain
from verifier.model import ALL_CONFIGS, FileReport, UserError
from verifier.options import Options, command, from_words, resolve, with_header
from verifier.progress import SILENT, Progress, shown
from verifier.reasons import REASONS
from verifier.report.verdict import EXIT_CODES

ROOT = Path(__file__).resolve().parent.parent
Outcome = FileReport | BaseException


@dataclass
class Engine:
    """Stands in for verifier.pipeline: what to answer for each file name, and what was asked."""

    answers: dict[str, Outcome] = field(default_factory=dict)
    asked: list[tuple[Path, Options]] = field(default_factory=list)
    told: list[Progress] = field(default_factory=list)

    def verify(self, path: Path, options: Options, progress: Progress = SILENT) -> FileReport:
        self.asked.append((path, options))
        self.told.append(progress)
        progress.stage("explore", 1, 2)
        answer = self.answers[path.name]
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engine:
    """An engine with one file for each verdict, in the current directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", cli.TRACEBACK):
        monkeypatch.delenv(name, raising=False)
    made = Engine(
        {
            "good.S": proved("good.S"),
            "entry.S": violated("entry.S"),
            "odd.S": inconclusive("odd.S"),
            "bad.S": UserError("assembler-error", "bad.S:3: Error: no such instruction"),
            "crash.S": RuntimeError("index out of range"),
            "contract.S": UserError("contract-not-found", "contract.S:1: no contract lunix", 2),
            "stop.S": KeyboardInterrupt(),
        }
    )
    for name in made.answers:
        (tmp_path / name).touch()
    module = ModuleType("verifier.pipeline")
    module.verify = made.verify  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "verifier.pipeline", module)
    return made


@dataclass(frozen=True)
class ClauseRow:
    """A row of a clause table, shaped as verifier.clauses has it."""

    id: str
    tier: str = "seed"
    title: str = "RCX is canonical"
    meaning: str = "RCX sign-extends from bit 47 or 56."
    why: str = "SYSRET would fault in the kernel."
    bug: str = "CVE-2012-0217"
    profiles: frozenset[str] = frozenset({"seed", "safety"})


TABLE = (ClauseRow("canonical"), ClauseRow("gpr", tier="visible", title="every register is the user's"))


def run(*words: str) -> int:
    return main(list(words))


# Exit codes.


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ("good.S", 0),
        ("entry.S", 1),
        ("odd.S", 3),
        ("bad.S", 4),
        ("crash.S", 70),
        ("contract.S", 2),
        ("stop.S", 130),
        ("missing.S", 4),
        ("good.S odd.S", 3),
        ("odd.S bad.S", 4),
        ("bad.S crash.S", 70),
        ("crash.S bad.S entry.S good.S", 1),
        ("good.S stop.S entry.S", 130),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_exit_code_is_that_of_the_worst_file(engine: Engine, files: str, code: int, form: str) -> None:
    """1 beats 70 beats 4 beats 3 beats 0, for every format alike."""
    assert run("--format", form, *files.split()) == code


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--no-such-option", "good.S"],
        ["--profile", "all", "good.S"],
        ["--prof", "seed", "good.S"],
        ["--timeout", "0", "good.S"],
        ["--timeout", "nan", "good.S"],
        ["--timeout", "inf", "good.S"],
        ["--rlimit", "-1", "good.S"],
        ["--format", "yaml", "good.S"],
        ["--format", "json=", "good.S"],
        ["--format", "json", "--format", "text", "good.S"],
        ["--format", "json=a", "--format", "text=./a", "good.S"],
        ["--format", "json=good.S", "good.S"],
        ["-q", "-v", "good.S"],
    ],
)
def test_usage_errors_exit_with_2_and_run_nothing(
    engine: Engine, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """A wrong command line says so on stderr in one line of message, before any file is touched."""
    assert run(*words) == 2
    out, err = capsys.readouterr()
    assert engine.asked == []
    assert out == ""
    assert "verify-exit: error[usage]: " in err.split("\n")[-2]


def test_unfounded_proof_is_an_internal_error(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """A report that claims more than it holds ends in 70, not in 0."""
    engine.answers["good.S"] = replace(proved("good.S"), sites=())
    assert run("good.S") == 70
    assert "internal error: good.S: ValueError" in capsys.readouterr().err


def test_no_exception_escapes(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a renderer that fails ends in 70: a traceback's status 1 would read as violated."""

    def broken(*_: object) -> str:
        raise RecursionError("deep")

    monkeypatch.setattr(outputs, "render", broken)
    assert run("good.S") == 70


def test_memory_and_recursion_errors_are_internal(engine: Engine) -> None:
    """Running out of memory or stack on one file is no verdict on it."""
    for error in (MemoryError(), RecursionError()):
        engine.answers["good.S"] = error
        assert run("good.S") == 70


# Streams.


def test_internal_error_is_one_line(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected exception is one line on stderr that says how to get the traceback."""
    assert run("crash.S") == 70
    assert capsys.readouterr().err == (
        "verify-exit: internal error: crash.S: RuntimeError: index out of range "
        "(rerun with VERIFY_EXIT_TRACEBACK=1 for the traceback)\n"
    )


def test_traceback_on_request(
    engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable that the message names gives the traceback; the status stays."""
    monkeypatch.setenv("VERIFY_EXIT_TRACEBACK", "1")
    assert run("crash.S") == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_user_error_is_one_line_and_in_the_json(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad file among good ones is named on stderr and in the JSON, and the others are still judged."""
    assert run("--format", "json", "bad.S", "good.S") == 4
    out, err = capsys.readouterr()
    assert err == "verify-exit: error[assembler-error]: bad.S:3: Error: no such instruction\n"
    whole = json.loads(out)
    assert whole["verdict"] == "error"
    assert [item["verdict"] for item in whole["inputs"]] == ["error", "proved"]
    assert [(item["code"], item["input"], item["exit_code"]) for item in whole["reasons"]] == [
        ("assembler-error", "bad.S", 4)
    ]


def test_results_on_stdout_nothing_on_stderr(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """A run without errors writes to stdout only, without colour, 100 columns wide in a pipe."""
    assert run("entry.S", "good.S", "odd.S") == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert "\x1b" not in out
    assert "entry.S: VIOLATED" in out
    assert max(len(line) for line in out.split("\n") if ": error: " not in line and ": warning: " not in line) <= 100


def test_message_with_control_characters_is_spelled_out(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """What an input makes a message say cannot drive the terminal; an assembler's lines stay lines."""
    engine.answers["bad.S"] = UserError("assembler-error", "bad.S:1: \x1b[2J\nbad.S:2: x")
    run("bad.S")
    assert capsys.readouterr().err == "verify-exit: error[assembler-error]: bad.S:1: \\x1b[2J\nbad.S:2: x\n"


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("goood.S", "did you mean 'good.S'?"),
        ("explian", "did you mean the command 'verify-exit explain'?"),
        ("zzz", "zzz: no such file\n"),
        (".", "this is a directory"),
    ],
)
def test_missing_file_gets_a_hint(engine: Engine, capsys: pytest.CaptureFixture[str], path: str, hint: str) -> None:
    """A misspelt file or command is answered with the nearest name that exists."""
    assert run(path) == 4
    assert hint in capsys.readouterr().err
    assert engine.asked == []


def test_unknown_format_names_the_available_ones(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """A format that does not exist is answered with those that do."""
    run("--format", "jsn", "good.S")
    assert "did you mean json?" in capsys.readouterr().err


# Output.


def test_format_to_file_keeps_text_on_stdout(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """FORMAT=FILE writes a file next to the text; both tell the same verdict."""
    assert run("--format", "json=out.json", "--format", "text=out.txt", "entry.S") == 1
    assert json.loads(Path("out.json").read_text(encoding="utf-8"))["verdict"] == "violated"
    assert Path("out.txt").read_text(encoding="utf-8") == capsys.readouterr().out


def test_json_on_stdout_is_the_only_output(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """--format json gives one JSON object and nothing else, the same with = and -."""
    run("--format", "json", "entry.S")
    one = capsys.readouterr().out
    run("--format", "json=-", "entry.S")
    assert one == capsys.readouterr().out
    assert json.loads(one)["schema"] == "verify-exit/1"


@pytest.mark.parametrize(("file", "code"), [("good.S", 2), ("entry.S", 1)])
def test_unwritable_output_is_never_a_success(
    engine: Engine, capsys: pytest.CaptureFixture[str], file: str, code: int
) -> None:
    """A result that could not be stored is an error, unless a violation is the worse news."""
    assert run("--format", "json=no/such/dir/x.json", file) == code
    assert "error[output-unwritable]: no/such/dir/x.json" in capsys.readouterr().err


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "terminal", "environment", "expected"),
    [
        ("auto", True, {}, True),
        ("auto", False, {}, False),
        ("auto", True, {"TERM": "dumb"}, False),
        ("auto", True, {"NO_COLOR": "1"}, False),
        ("auto", True, {"NO_COLOR": ""}, True),
        ("auto", False, {"FORCE_COLOR": "1"}, True),
        ("auto", False, {"FORCE_COLOR": ""}, False),
        ("auto", False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ("always", False, {"NO_COLOR": "1"}, True),
        ("never", True, {"FORCE_COLOR": "1"}, False),
    ],
)
def test_color_is_chosen_as_documented(
    choice: str, terminal: bool, environment: dict[str, str], expected: bool
) -> None:
    """--color wins, then NO_COLOR, then FORCE_COLOR, then the terminal."""
    assert use_color(choice, Terminal() if terminal else io.StringIO(), environment) is expected


def test_forced_color_reaches_the_output(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """--color always colours a pipe, too."""
    run("--color", "always", "good.S")
    assert "\x1b[" in capsys.readouterr().out


class Broken(io.StringIO):
    """A stdout that fails as ``error`` says."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def flush(self) -> None:
        raise self.error


@pytest.mark.parametrize(("file", "code"), [("good.S", 0), ("entry.S", 1), ("odd.S", 3)])
def test_closed_pipe_keeps_the_verdict(engine: Engine, monkeypatch: pytest.MonkeyPatch, file: str, code: int) -> None:
    """``verify-exit … | head`` ends with the status of the verdict, quietly."""
    monkeypatch.setattr(sys, "stdout", Broken(BrokenPipeError()))
    assert run(file) == code


def test_full_disk_is_not_a_success(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof that nobody could read is not reported as one."""
    monkeypatch.setattr(sys, "stdout", Broken(OSError(28, "No space left on device")))
    assert run("good.S") == 70


# Options.


def test_options_reach_the_engine(engine: Engine) -> None:
    """Every option arrives as it was given; what was not given is None."""
    run(
        *("--entry", "a", "--entry", "0x10", "--contract", "c", "--profile", "seed", "--vendor", "amd"),
        *("-Ifoo", "-I", "bar", "-DX=1", "-D", "Y", "--timeout", "1.5", "--rlimit", "0x10", "good.S"),
    )
    run("good.S")
    amd = (("amd", "la48"), ("amd", "la57"))
    given = Options(("a", "0x10"), "c", "seed", amd, ("foo", "bar"), ("X=1", "Y"), 1.5, 16, cache=False)
    assert engine.asked == [(Path("good.S"), given), (Path("good.S"), Options(cache=False))]


@pytest.mark.parametrize(
    ("words", "configs"),
    [
        (["--paging", "la57"], (("intel", "la57"), ("amd", "la57"))),
        (["--vendor", "intel", "--paging", "la48"], (("intel", "la48"),)),
        (["--vendor", "both"], ALL_CONFIGS),
        (["--vendor", "amd", "--paging", "both"], (("amd", "la48"), ("amd", "la57"))),
        ([], None),
    ],
)
def test_vendor_and_paging_select_configurations(words: list[str], configs: tuple[tuple[str, str], ...] | None) -> None:
    """Each selector narrows one dimension, "both" stands against what a header says, none is "not told"."""
    assert from_words(words, "x.S:1").configs == configs


def test_header_values_yield_to_the_command_line() -> None:
    """Told options win, the header fills the gaps, the defaults the rest; -I and -D add up."""
    header = with_header(from_words(["--profile", "seed", "--timeout", "9", "-DA"], "x.S:1"), ["start"], "mine")
    assert resolve(Options(profile="safety", defines=("B",)), header) == Options(
        ("start",), "mine", "safety", ALL_CONFIGS, (), ("A", "B"), 9.0, None
    )
    assert resolve(Options(), Options()) == Options((), "linux", "equivalence", ALL_CONFIGS, timeout=600.0)
    assert resolve(Options(entries=("e",), contract="c"), header).entries == ("e",)


@pytest.mark.parametrize("words", [["--bogus"], ["x.S"], ["--timeout", "never"], ["--format", "json"]])
def test_bad_header_arguments_name_their_place(words: list[str]) -> None:
    """ARGS takes the options of a run only; an error says where the line is."""
    with pytest.raises(UserError) as caught:
        from_words(words, "x.S:7")
    assert (caught.value.code, caught.value.exit_code) == ("header-bad-args", 2)
    assert caught.value.message.startswith("x.S:7: ")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--entry", "a b", "--contract", "x/y.toml", "--profile", "seed"],
        ["--vendor", "amd", "--paging", "la57", "-Ia", "-DX=a b", "--timeout", "2", "--rlimit", "5"],
    ],
)
def test_reproducing_command_gives_the_same_options(engine: Engine, words: list[str]) -> None:
    """The command in a report, split by a shell, leads to the same run."""
    import shlex

    said = shlex.split(command("good.S", from_words(words, "x")))
    run(*words, "good.S")
    run(*said[1:])
    assert said[0] == "verify-exit"
    assert engine.asked[0] == engine.asked[1]


# Explain.


def test_explain_a_clause() -> None:
    """A clause's text has its tier, profiles, demand, reason and bug; gpr.rax is found under gpr."""
    said = explain(["canonical"], TABLE)
    for part in (
        "clause canonical: RCX is canonical",
        "Tier seed",
        "safety, seed",
        "Demands: RCX sign",
        "CVE-2012",
    ):
        assert part in said
    assert explain(["GPR.RAX"], TABLE).startswith("clause gpr.rax: every register")


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.code)
def test_explain_every_reason(reason: object) -> None:
    """Each reason code says what it means and what settles it, within the width."""
    code = reason.code  # type: ignore[attr-defined]
    said = explain([code], TABLE, 60)
    assert said.startswith(f"reason {code}: ")
    assert "To settle it: " in said
    assert max(map(len, said.split("\n"))) <= 60


def test_explain_exit_codes() -> None:
    """An exit code is explained by its number and by its name."""
    for code, name, meaning in EXIT_CODES:
        assert explain([str(code)], TABLE, 200) == explain([name], TABLE, 200)
        assert meaning in explain([str(code)], TABLE, 200)


def test_explain_lists_everything() -> None:
    """Without an id there is a line for every clause, reason and exit code."""
    said = explain([], TABLE, 200)
    for word in ("canonical", "gpr", *(reason.code for reason in REASONS), "130"):
        assert f"\n  {word} " in said


@pytest.mark.parametrize(("name", "hint"), [("canonicl", "'canonical'"), ("no-sysert", "'no-sysret'"), ("qq", "lists")])
def test_explain_unknown_id(name: str, hint: str) -> None:
    """An unknown id is a usage error with the nearest id."""
    with pytest.raises(UserError) as caught:
        explain([name], TABLE)
    assert caught.value.exit_code == 2
    assert hint in caught.value.message


def test_explain_on_the_command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The sub-command prints to stdout and ends with 0, for an unknown id with 2."""
    module = ModuleType("verifier.clauses")
    module.CLAUSES = TABLE  # type: ignore[attr-defined]
    vars(module)["IRET_CLAUSES"] = ()
    monkeypatch.setitem(sys.modules, "verifier.clauses", module)
    assert run("explain", "gpr.rbx", "3") == 0
    out = capsys.readouterr().out
    assert "clause gpr.rbx" in out
    assert "exit code 3: inconclusive" in out
    assert run("explain", "nothing-like-it") == 2
    assert "error[unknown-id]" in capsys.readouterr().err


# The process.


def start(*words: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program as a user does, or a Python script that imports it."""
    how = ["-c", code] if code else ["-m", "verifier"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *how, *words], capture_output=True, text=True, check=False, env=environment)


def test_version_and_help_go_to_stdout() -> None:
    """Both answer with 0; help names every option, the exit codes and explain."""
    assert start("--version").stdout == f"verify-exit {__version__}\n"
    helped = start("--help")
    assert helped.returncode == 0
    words = "--entry --contract --profile --vendor --paging -I -D --timeout --rlimit --format --color -v -q"
    assert [word for word in [*words.split(), "explain", "130"] if word not in helped.stdout] == []


def test_help_and_usage_errors_import_nothing_heavy() -> None:
    """Neither the engine, nor the solver, nor rich is loaded to say what the options are."""
    code = (
        "import sys; from verifier.cli import main; main(sys.argv[1:]); "
        "heavy = {'rich', 'claripy', 'z3', 'pyvex', 'angr', 'capstone', 'unicorn', 'elftools', 'logging'}; "
        "sys.exit(sorted(heavy & set(sys.modules)) or 0)"
    )
    for word in ("--help", "--bogus", "no-such-file.S" + "x" * 9 + "="):
        done = start(*(("--format", word) if word.endswith("=") else (word,)), code=code)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["{}.S"],
        ["-p", "{}", "samples/clause-rf-dropped.S"],
        ["--contract", "{}.toml", "samples/clause-rf-dropped.S"],
        ["--config", "{}"],
        ["--waivers", "{}", "samples/clause-rf-dropped.S"],
        ["--gate", "new-only", "--baseline", "{}", "samples/clause-rf-dropped.S"],
        ["init", "{}"],
        ["replay", "{}"],
    ],
)
def test_names_that_are_too_long_are_user_errors(words: list[str]) -> None:
    """No file has a name of 300 bytes: that is an error of the call, not one of this program."""
    done = start(*(word.format("x" * 300) for word in words))
    assert done.returncode in (2, 4)
    assert done.stderr.startswith("verify-exit: error[") and done.stderr.count("\n") == 1


def test_no_argument_prints_usage() -> None:
    """A bare call exits with 2 and shows on stderr how to call it."""
    done = start()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: verify-exit [options] PATH...")


def test_failing_import_is_an_internal_error() -> None:
    """If the program cannot even be imported, the status is 70, not Python's 1."""
    code = "import sys; sys.modules['verifier.cli'] = None; import verifier.__main__ as m; sys.exit(m.main())"
    done = start(code=code)
    assert done.returncode == 70
    assert done.stderr.count("\n") == 1


def test_missing_file_as_a_process() -> None:
    """The whole program on a file that is not there: one line on stderr, status 4, the verdict on stdout."""
    done = start("no-such-file.S")
    assert done.returncode == 4
    assert done.stderr == "verify-exit: error[input-not-found]: no-such-file.S: no such file\n"
    assert done.stdout == "no-such-file.S: ERROR (input-not-found)\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "2>/dev/full"])
def test_closed_streams_do_not_change_the_status(closed: str) -> None:
    """Without stdout or stderr the status is still that of the verdict, never Python's 1 or 120."""
    line = f'"$0" -m verifier no-such-file.S {closed}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", line, sys.executable], capture_output=True, check=False, env=environment)
    assert done.returncode == 4


def test_engine_logs_stay_silent(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings of the lifter's libraries never reach the user."""
    import logging

    def noisy(inner: Callable[[Path, Options], FileReport]) -> Callable[..., FileReport]:
        def verify(path: Path, options: Options, progress: Progress) -> FileReport:
            for name in ("angr.sim", "cle", "pyvex.lifting", "claripy", "archinfo"):
                logging.getLogger(name).critical("look at me")
            return inner(path, options)

        return verify

    sys.modules["verifier.pipeline"].verify = noisy(engine.verify)  # type: ignore[attr-defined]
    assert run("good.S") == 0
    assert "look at me" not in "".join(capsys.readouterr())


def test_failed_sample_matches_what_the_command_line_makes(engine: Engine) -> None:
    """The hand-made error report of the renderer tests has the shape of a real one."""
    made = session._verify(session.Work("bad.S", "bad.S", Options()), "bad.S", quiet=True)
    assert made.error == failed().error
    assert (made.verdict, made.sites, made.configs) == ("error", (), ())


@pytest.mark.parametrize(
    ("words", "terminal", "ci", "told"),
    [((), True, "", True), (("-q",), True, "", False), ((), False, "", False), ((), True, "true", False)],
)
def test_progress_is_for_a_person_at_a_terminal(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], terminal: bool, ci: str, told: bool
) -> None:
    """The pipeline tells its stages to a line on stderr or to nobody; a short run leaves stderr empty."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("CI", ci)
    stderr = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    assert run(*words, "good.S", "odd.S") == 3
    assert [progress is not SILENT for progress in engine.told] == [told, told]
    assert stderr.getvalue() == ""


def test_progress_is_gone_before_a_message(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was shown of a long run is erased before the error is said."""

    class Slow(Engine):
        def verify(self, path: Path, options: Options, progress: Progress = SILENT) -> FileReport:
            progress.stage("explore", 1, 2)
            clock[0] += 5
            assert written.wait(60)
            return super().verify(path, options, progress)

    class Watched(Terminal):
        def write(self, text: str) -> int:
            count = super().write(text)
            written.set()
            return count

    clock, written, stderr = [0.0], threading.Event(), Watched()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(session, "shown", partial(shown, clock=lambda: clock[0]))
    sys.modules["verifier.pipeline"].verify = Slow(engine.answers).verify  # type: ignore[attr-defined]
    assert run("good.S", "bad.S") == 4
    before, line, after = stderr.getvalue().rpartition("\r\x1b[K")
    assert "good.S (1 of 2): explore, 1 of 2" in before
    assert line and after == "verify-exit: error[assembler-error]: bad.S:3: Error: no such instruction\n"

# SPDX-License-Identifier: BSD-2-Clause
"""``import verifier``: the documented examples, the stable names, and that nothing open passes for safe."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import verifier
from verifier import ExitNotSafe, UserError, assert_exit_safe, verify
from verifier.library import Choices
from verifier.options import Options

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "library.md"
STORY = ROOT / "samples" / "linux-2015-opportunistic.S"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_examples_of_the_page(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python block of docs/library.md runs, its test functions included."""
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    exec(compile(EXAMPLES[number], f"{PAGE.name}, example {number + 1}", "exec"), names)  # noqa: S102
    for name, found in names.items():
        if name.startswith("test_") and callable(found):
            found()


def test_page_has_examples_that_can_fail() -> None:
    """The page shows several examples, and each of them asserts something."""
    assert len(EXAMPLES) >= 4
    assert all("assert" in example for example in EXAMPLES)


def test_names_are_stable() -> None:
    """The public names are these: taking one away breaks somebody's tests."""
    assert set(verifier.__all__) == {
        *("Comparison", "ExitNotSafe", "FileReport", "Result", "Slack", "UserError", "__version__"),
        *("assert_exit_safe", "diff", "explain_frame", "review", "slack", "verify"),
    }
    assert all(getattr(verifier, name) is not None for name in verifier.__all__)


def test_functions_keep_their_names_beside_the_engine() -> None:
    """Loading the engine puts no module in the place of a function of the library."""
    verify(STORY, profile="seed")
    for name in ("assert_exit_safe", "diff", "explain_frame", "review", "slack", "verify"):
        assert inspect.isfunction(getattr(verifier, name))


def test_page_names_every_keyword_and_function() -> None:
    """docs/library.md lists each keyword and each public function."""
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in Choices.__annotations__ if f"`{name}`" not in text] == []
    functions = [name for name in verifier.__all__ if inspect.isfunction(getattr(verifier, name))]
    assert [name for name in functions if f"`{name}" not in text] == []


@pytest.mark.parametrize("call", [verify, assert_exit_safe, verifier.review, verifier.slack])
def test_an_unknown_keyword_is_an_error(call: Callable[..., object]) -> None:
    """A misspelt keyword raises TypeError: an option that is not heard could make a pass."""
    with pytest.raises(TypeError, match="profil"):
        call(STORY, profil="seed")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("profile", "all"), ("vendor", "both"), ("paging", "la64"), ("frame", "none"), ("timeout", 0), ("rlimit", -1),
     ("challenge", 0), ("timeout", float("nan"))],
)  # fmt: skip
def test_a_wrong_value_is_a_usage_error(keyword: str, value: object) -> None:
    """A value that the command line would refuse is refused, with its code and the words that would do."""
    with pytest.raises(UserError) as caught:
        verify(STORY, **{keyword: value})  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.exit_code) == ("usage", 2)
    assert keyword in caught.value.message


def test_a_missing_file_is_a_user_error() -> None:
    """A path that is not there raises what the command line reports, with a near name."""
    with pytest.raises(UserError) as caught:
        verify(STORY.with_name("linux-2015-oportunistic.S"))
    assert caught.value.code == "input-not-found" and STORY.name in caught.value.message


def test_a_violation_is_an_assertion_error_with_the_report() -> None:
    """The message has the counterexample, so that a test's log is enough; the result is attached."""
    with pytest.raises(AssertionError) as caught:
        assert_exit_safe(STORY)
    assert isinstance(caught.value, ExitNotSafe)
    assert "VIOLATED" in str(caught.value) and "frame.rflags" in str(caught.value)
    assert caught.value.result.violated == ("tf",)


def test_inconclusive_is_not_safe() -> None:
    """What is not decided raises as well, and is false as a truth value."""
    path = ROOT / "samples" / "clause-cr3-open-reference.S"
    with pytest.raises(ExitNotSafe) as caught:
        assert_exit_safe(path)
    result = caught.value.result
    assert result.verdict == "inconclusive" and not result and result.reasons == ("approximation",)


def test_keywords_mean_what_the_command_line_means() -> None:
    """The same options give the same JSON as the command line, but for the command that is named in it."""
    ours = verify(STORY, vendor="amd", paging="la57", profile="seed", entry="return_to_user", defines=["UNUSED=1"])
    words = ["--vendor", "amd", "--paging", "la57", "--profile", "seed", "--entry", "return_to_user", "-DUNUSED=1"]
    command = [sys.executable, "-m", "verifier", str(STORY), *words, "--no-config", "--no-cache", "--format", "json"]
    theirs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert ours.to_dict()["sites"] and ours.to_dict() == theirs


def test_formats_of_a_result() -> None:
    """A result renders as any format; an unknown one is a usage error; a notebook gets the review page, escaped."""
    result = verifier.review(STORY)
    assert result.render("concise").count("\n") >= 1
    with pytest.raises(UserError):
        result.render("pdf")
    page = result._repr_html_()
    assert page.startswith("<iframe srcdoc=") and "<script" not in page and "return_to_user" in page


def test_import_is_light() -> None:
    """``import verifier`` loads neither the engine nor the library's own module."""
    code = "import verifier, sys; print([m for m in ('z3', 'pyvex', 'verifier.library') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_option_that_asks_something_has_a_keyword() -> None:
    """An option of a run is a keyword, or one of those that write files or belong to the command line."""
    renamed = {"entries": "entry", "configs": "vendor"}
    elsewhere = {"cross_check", "emit_smt2", "certificate", "listing", "why", "slack", "cache"}
    names = {renamed.get(name, name) for name in Options.__dataclass_fields__} - elsewhere
    assert names <= set(Choices.__annotations__)

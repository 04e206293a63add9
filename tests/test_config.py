# SPDX-License-Identifier: BSD-2-Clause
"""Configuration files: where they are found, what they say, which files they mean, and what is wrong with them."""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hostile_names import NAMES, obeyed
from hypothesis import given, strategies as st

from verifier import config as config_module, targets as targets_module
from verifier.config import MAX_BYTES, MAX_TARGETS, Config, find, load
from verifier.configvalues import Place, written
from verifier.model import UserError
from verifier.options import Options, from_namespace, resolve
from verifier.parsers import build_parser
from verifier.reads import recorded
from verifier.settings import FILE_KEYS, RUN_KEYS, TARGET_KEYS, RunSettings, Settings, over, run_over
from verifier.showconfig import show
from verifier.targets import Job, expand, for_path, key_of, merge

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "configuration.md"
SCHEMA = ROOT / "specs" / "schema" / "verify-exit-config.schema.json"

CHOICES: dict[str, tuple[Any, ...]] = {
    "entry": (("auto",), ("a", "b")),
    "contract": ("linux", "own.toml", "./own"),
    "profile": ("seed", "safety"),
    "vendor": ("intel", "amd", "both"),
    "paging": ("la48", "la57", "both"),
    "frame": ("auto", "contract"),
    "check_iret": (True, False),
    "include_dirs": ((), ("i",), ("j", "k")),
    "defines": ((), ("A",), ("B=1", "C")),
    "build": ("b", "/x/y"),
    "symbols": ("System.map",),
    "allow_include": ((), ("inc",)),
    "timeout": (0.5, 30.0),
    "rlimit": (1, 10**9),
}
LEVELS = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in CHOICES.items()}).map(
    lambda values: Settings(**values)
)
WORDS = st.lists(
    st.sampled_from(
        "--entry=x --contract=xen --profile=safety --vendor=amd --vendor=both --paging=la57 --frame=auto --check-iret "
        "-Icmd -DCMD -pbuild --symbols=map --allow-include=more --timeout=7 --rlimit=5".split()
    ),
    unique=True,
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project that is the current directory; nothing above it is looked at."""
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    monkeypatch.chdir(project)
    return project


def put(name: str, text: str = "") -> Path:
    """Write a file, with the directories that it needs."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def loaded(text: str, name: str = "verify-exit.toml") -> Config:
    """The configuration with this text."""
    return load(put(name, text))


def failed(text: str, name: str = "verify-exit.toml") -> UserError:
    """The error that a configuration with this text ends in, in loading it or in finding its files."""
    with pytest.raises(UserError) as caught:
        expand(loaded(text, name))
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message and len(caught.value.message) < 600
    assert obeyed(caught.value.message.replace("::", "")) == []
    return caught.value


# Finding.


def test_nearest_file_wins_and_toml_beats_pyproject(here: Path) -> None:
    """The nearest directory with a configuration counts; in it verify-exit.toml comes before pyproject.toml."""
    put("a/b/c/x.S")
    assert find(Path("a/b/c")) is None
    put("pyproject.toml", "[tool.verify-exit]\nprofile = 'seed'\n")
    assert find(Path("a/b/c")) == here / "pyproject.toml"
    put("verify-exit.toml")
    assert find(Path("a/b/c")) == here / "verify-exit.toml"
    put("a/pyproject.toml", "[tool.other]\n")
    assert find(Path("a/b/c")) == here / "verify-exit.toml"
    put("a/pyproject.toml", "[tool.verify-exit]\n")
    assert find(Path("a/b/c")) == here / "a/pyproject.toml"
    assert find(Path()) == here / "verify-exit.toml"


def test_search_ends_at_the_repository(here: Path) -> None:
    """What is above a directory with .git, be it a directory or a file, is another project's."""
    put("../verify-exit.toml")
    assert find(here) is None
    put("sub/.git", "gitdir: ../.git/modules/sub")
    put("verify-exit.toml")
    assert find(Path("sub")) is None


def test_search_ends_at_another_owner(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in a directory of somebody else, such as /tmp, decides nothing."""
    put("verify-exit.toml")
    put("mine/x.S")
    real = Path.stat

    def stat(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        result = list(real(path, follow_symlinks=follow_symlinks))
        result[4] += path == here
        return os.stat_result(result)

    assert find(Path("mine")) == here / "verify-exit.toml"
    monkeypatch.setattr(Path, "stat", stat)
    assert find(Path("mine")) is None


def test_pyproject_is_parsed_only_if_it_names_us(here: Path) -> None:
    """A broken pyproject.toml of somebody who does not configure us is no error; with our name it is."""
    put("pyproject.toml", "[tool.other\n")
    assert find(here) is None
    put("pyproject.toml", "[tool.verify-exit\n")
    with pytest.raises(UserError) as caught:
        find(here)
    assert caught.value.code == "config-invalid"


def test_search_says_what_it_depends_on(here: Path) -> None:
    """Every file that would have counted is noted, so that --watch runs again when one appears."""
    put("a/x.S")
    with recorded() as seen:
        assert find(Path("a")) is None
    names = [str(here / name) for name in ("verify-exit.toml", "pyproject.toml")]
    assert set(names) < set(seen) and all(seen[name] is None for name in names)


def test_missing_directory_is_one_line(here: Path) -> None:
    """A directory to start from that is not there ends in one line."""
    with pytest.raises(UserError) as caught:
        find(here / "gone")
    assert caught.value.code == "config-unreadable"


def test_pyproject_means_the_same(here: Path) -> None:
    """The table in pyproject.toml says what verify-exit.toml says; messages name the table."""
    text = "contract = 'xen'\ngate = 'strict'\n[[{}target]]\npath = 'x.S'\nentry = 'e'\n"
    put("x.S")
    own = loaded(text.format(""))
    other = loaded("[tool.verify-exit]\n" + text.format("tool.verify-exit."), "pyproject.toml")
    assert (own.settings, own.targets, own.run) == (other.settings, other.targets, other.run)
    error = failed("[tool.verify-exit]\nprofil = 'seed'\n", "pyproject.toml")
    assert error.message.startswith("pyproject.toml [tool.verify-exit]: unknown key 'profil'")


# What it says.


def test_every_key_reaches_its_option(here: Path) -> None:
    """One value for each key of the tables, and each arrives where it belongs."""
    text = """
    contract = "c/own.toml"
    profile = "safety"
    vendor = "intel"
    paging = "la57"
    frame = "auto"
    check_iret = true
    include_dirs = ["i", "/abs"]
    defines = ["A", "B=x y"]
    build = "../out"
    symbols = "System.map"
    allow_include = ["gen"]
    timeout = 3
    rlimit = 0x10
    formats = ["text", "json=out/r.json", "text=-"]
    gate = "new-only"
    baseline = "base.json"
    waivers = "w.toml"
    strict = true
    [[target]]
    path = ["x.S", "*.s"]
    exclude = "y.s"
    name = "n"
    entry = ["e", "e+0x10"]
    """
    put("sub/deep/x")
    put("x.S")
    os.chdir("sub/deep")
    one = load(put("../../verify-exit.toml", text))
    assert one.file == "../../verify-exit.toml"
    assert one.root == here
    assert one.defaults == Options(
        contract="../../c/own.toml", profile="safety", configs=(("intel", "la57"),), frame="auto", check_iret=True,
        include_dirs=("../../i", "/abs"), defines=("A", "B=x y"), build="../../../out", symbols="../../System.map",
        allow_include=("../../gen",), timeout=3.0, rlimit=16,
    )  # fmt: skip
    assert one.run == RunSettings(
        ("text", "json=../../out/r.json", "text"), "new-only", "../../base.json", "../../w.toml", True
    )
    assert one.targets[0].title == "target 1 (n)"
    assert one.options(one.targets[0]).entries == ("e", "e+0x10")
    told = {key.name for key in (*FILE_KEYS, *RUN_KEYS, *TARGET_KEYS)}
    assert told == set(re.findall(r"(?m)^    (\w+) = ", text))


@pytest.mark.parametrize(
    ("name", "seen"),
    [("linux", "linux"), ("own.toml", "own.toml"), ("./own", "./own"), ("d/own", "d/own"), ("./linux", "./linux")],
)
def test_contract_file_stays_a_file(name: str, seen: str, here: Path) -> None:
    """A contract's file never turns into the name of a shipped contract, wherever it is seen from."""
    assert loaded(f"contract = '{name}'").defaults.contract == seen


@given(LEVELS, LEVELS)
def test_levels_come_one_before_the_other(upper: Settings, lower: Settings) -> None:
    """What the upper level tells counts; what it does not tell comes from the lower; two lists add up."""
    both = over(upper, lower)
    for name in CHOICES:
        above, below, whole = (getattr(level, name) for level in (upper, lower, both))
        if name in ("include_dirs", "defines") and None not in (above, below):
            assert whole == below + above
        else:
            assert whole == (below if above is None else above)


def test_a_header_cannot_choose_the_reference_if_the_project_did() -> None:
    """frame = "contract" holds against a header that asks for the file's own IRET exit."""
    header = Options(frame="auto")
    assert resolve(Settings(frame="contract").options, header).frame == "contract"
    assert resolve(Settings().options, header).frame == "auto"


@given(WORDS, LEVELS, LEVELS)
def test_command_line_comes_before_the_configuration(words: list[str], target: Settings, top: Settings) -> None:
    """merge() keeps every told value of the command line; a header fills in only what nobody tells."""
    told = from_namespace(build_parser().parse_args(["x.S", *words]))
    below = over(target, top).options
    both = merge(told, below)
    default = Options()
    for field in fields(Options):
        above, under, whole = (getattr(options, field.name) for options in (told, below, both))
        if field.name in ("include_dirs", "defines"):
            assert whole == under + above
        elif above != getattr(default, field.name):
            assert whole == above
        else:
            assert whole == under
    header = Options(("h",), "h", "seed", (("amd", "la48"),), defines=("H",), frame="auto")
    final = resolve(both, header)
    for name in ("entries", "contract", "profile", "configs"):
        assert getattr(final, name) == (getattr(both, name) or getattr(header, name))
    assert final.defines == ("H", *both.defines)
    assert merge(told, default) == told and merge(default, below) == below


@given(st.sampled_from((None, "strict", "advisory")), st.sampled_from((None, True, False)), st.booleans())
def test_run_settings_are_replaced_one_by_one(gate: Any, strict: bool | None, told: bool) -> None:
    """What the command line says of the run replaces a value of the configuration, and only that one."""
    upper = RunSettings(gate=gate, strict=strict, formats=("json",) if told else None)
    lower = RunSettings(("text",), "new-only", "b", "w", True)
    both = run_over(upper, lower)
    assert both.gate == (gate or "new-only")
    assert both.strict == (True if strict is None else strict)
    assert both.formats == (("json",) if told else ("text",))
    assert (both.baseline, both.waivers) == ("b", "w")


def test_target_turns_off_what_the_top_turns_on(here: Path) -> None:
    """check_iret = false in a target, and paging beside a vendor of the top level, mean what they say."""
    put("x.S")
    one = loaded("check_iret = true\nvendor = 'amd'\n[[target]]\npath = 'x.S'\ncheck_iret = false\npaging = 'la48'\n")
    assert one.options(one.targets[0]) == Options(configs=(("amd", "la48"),))


# Which files.


def test_jobs_in_order_and_once(here: Path) -> None:
    """Targets in their order, files by name; one file with two entries is two jobs, an exact duplicate is one."""
    for name in ("b.S", "a.S", "d/c.S", "d/e/f.S", "d/.hid/g.S", ".git/h.S", "d/CVS/i.S", "d/.j.S", "d/e/k.s"):
        put(name)
    one = loaded(
        "[[target]]\npath = ['**/*.S', 'b.S', './/d/../d/c.S'.x]\n".replace("'.x", "'").replace("/d/../", "/")
        + "exclude = 'd/e/**'\n[[target]]\npath = 'a.S'\nentry = 'other'\n[[target]]\npath = 'b.S'\n"
    )
    assert [(job.path, job.key, job.options.entries) for job in expand(one)] == [
        ("a.S", "a.S", ()), ("b.S", "b.S", ()), ("d/c.S", "d/c.S", ()), ("a.S", "a.S", ("other",))
    ]  # fmt: skip
    assert expand(one) == expand(one)


def test_paths_are_those_of_the_current_directory(here: Path) -> None:
    """A job's path is seen from the current directory, its key from the configuration's."""
    put("src/x.S")
    put("verify-exit.toml", "[[target]]\npath = 'src/*'\n")
    os.chdir("src")
    found = find(Path())
    assert found is not None
    assert [(job.path, job.key) for job in expand(load(found))] == [("../src/x.S", "src/x.S")]
    one = for_path(load(found), "x.S")
    assert [(job.path, job.key, job.target is None) for job in one] == [("x.S", "src/x.S", False)]


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*.S", "a.S", "d/a.S"),
        ("*.S", "b.S", ".b.S"),
        (".*.S", ".b.S", "b.S"),
        ("**/*.S", "a.S", "a.s"),
        ("**/*.S", "d/e/a.S", "d/.e/a.S"),
        ("d/**", "d/e/a.S", "e/a.S"),
        ("**/e/**/a.S", "e/a.S", "ee/a.S"),
        ("d/**/**/a.S", "d/a.S", "da.S"),
        ("?.S", "a.S", "ab.S"),
        ("[ab].S", "b.S", "c.S"),
        ("[!ab].S", "c.S", "b.S"),
        ("[[]a].S", "[a].S", "a.S"),
        ("[*].S", "*.S", "x.S"),
        ("a[?]", "a?", "ab"),
        (".git/*", ".git/x", ".git/y/x"),
        (".*/x", ".h/x", ".git/x"),
        ("./a//b", "a/b", "b"),
        ("a\\*", "a\\b", "a*"),
    ],
)
def test_patterns(pattern: str, matching: str, other: str, here: Path) -> None:
    """A pattern means what docs/configuration.md says, in the search and for a path of the command line."""
    for name in (matching, other):
        put(name)
    one = loaded(f"[[target]]\npath = {written(pattern)}\n")
    assert [job.key for job in expand(one)] == [matching]
    assert for_path(one, matching)[0].target is one.targets[0]
    assert for_path(one, other)[0].target is None


NAME_PARTS = st.sampled_from(["a", "b", ".h", "[", "*", "é", "CVS", ".git", "x.S"])
FILES = st.lists(st.lists(NAME_PARTS, min_size=1, max_size=3).map("/".join), min_size=1, max_size=6, unique=True)
PATTERN_PARTS = st.sampled_from("** * a ? [ab] [!a] .* *.S [[] [*] CVS .git [".split())
PATTERNS = st.lists(PATTERN_PARTS, min_size=1, max_size=4).map("/".join)


@given(FILES, PATTERNS)
def test_search_and_match_agree(names: list[str], pattern: str) -> None:
    """A file is found by the search exactly if it is matched when it is named: one rule, whatever the pattern."""
    import tempfile

    from verifier import globs

    with tempfile.TemporaryDirectory() as directory:
        root = Path(os.path.realpath(directory))
        files = []
        for name in names:
            try:
                put(str(root / name))
            except OSError:  # a name that is a directory already, or below a file
                continue
            files.append(name)
        glob = globs.parse(pattern)
        found, _ = globs.search(root, glob, 1000)
        assert set(found) == {name for name in files if (root / name).is_file() and glob.matches(name)}


def test_links(here: Path) -> None:
    """A link to a file in the project is one; none that leaves it is followed, nor a directory's by a wildcard."""
    put("../outside/o.S")
    put("src/x.S")
    Path("in.S").symlink_to("src/x.S")
    Path("out.S").symlink_to("../outside/o.S")
    Path("dangling.S").symlink_to("nowhere")
    Path("loop").symlink_to(".")
    Path("self.S").symlink_to("self.S")
    Path("dir").symlink_to("src")
    Path("away").symlink_to("../outside")
    assert [job.key for job in expand(loaded("[[target]]\npath = '**/*.S'"))] == ["in.S", "src/x.S"]
    assert [job.key for job in expand(loaded("[[target]]\npath = 'dir/x.S'"))] == ["dir/x.S"]
    assert [job.key for job in expand(loaded("[[target]]\npath = 'dir/*.S'"))] == ["dir/x.S"]
    assert failed("[[target]]\npath = 'out.S'").code == "config-outside"
    assert failed("[[target]]\npath = 'away/o.S'").code == "config-outside"
    assert failed("[[target]]\npath = 'away/*.S'").code == "config-no-match"


def test_names_that_attack(here: Path) -> None:
    """Odd names are found by a glob and shown harmlessly; one that is not UTF-8 is verified all the same."""
    odd = [
        name
        for name in NAMES
        if "/" not in name and "\0" not in name and 0 < len(name) < 200 and name != "\udce9\ud800"
    ]
    odd.append("\udce9.S")
    for name in odd:
        Path("odd").mkdir(exist_ok=True)
        (Path("odd") / name).touch()
    one = loaded("[[target]]\npath = 'odd/*'\nname = 'a::error::b ##[c'\n")
    jobs = expand(one)
    assert {job.key for job in jobs} == {f"odd/{name}" for name in odd}
    assert all(for_path(one, job.path)[0].options == job.options for job in jobs)
    text = show(one, Options())
    assert obeyed(text) == []
    again = loaded(text)
    assert {job.key for job in expand(again)} == {f"odd/{name}" for name in odd} - {"odd/\udce9.S"}


def test_file_in_no_target_gets_the_top_level(here: Path) -> None:
    """A path of the command line is verified with its targets' options, else with those of the top level."""
    one = loaded(
        "profile = 'seed'\n[[target]]\npath = 'a.S'\nentry = 'x'\n"
        "[[target]]\npath = '*.S'\nexclude = 'b.S'\nentry = 'y'\n"
    )
    assert [job.options.entries for job in for_path(one, "a.S")] == [("x",), ("y",)]
    assert [job.options.entries for job in for_path(one, "./a.S")] == [("x",), ("y",)]
    assert for_path(one, "b.S") == (Job("b.S", "b.S", Options(profile="seed")),)
    assert for_path(one, "../z.S")[0].key == "../z.S"
    assert for_path(one, "a\0b")[0].key == "a\0b"


def test_key_of_a_path_through_a_link(here: Path) -> None:
    """A link in the directories of a path counts as what it leads to, so that a file has one key."""
    put("real/x.S")
    Path("link").symlink_to("real")
    assert key_of(here, "link/x.S") == "real/x.S"
    assert key_of(here, str(here / "real" / "x.S")) == "real/x.S"


# What is wrong with it.


TARGET = "[[target]]\npath = 'x.S'\n"
ERRORS = [
    ("config-unknown-key", TARGET + "[[target]]\nprofil = 1", "verify-exit.toml: target 2: unknown key 'profil'"),
    ("config-unknown-key", "profil = 1", "verify-exit.toml: unknown key 'profil'; did you mean 'profile'?"),
    ("config-unknown-key", "include-dirs = []", "unknown key 'include-dirs'; did you mean 'include_dirs'?"),
    ("config-unknown-key", "targets = []", "did you mean 'target'?"),
    ("config-unknown-key", "entry = 'x'", "it belongs in a [[target]]"),
    ("config-unknown-key", TARGET + "gate = 'strict'", "target 1: unknown key 'gate'; it belongs at the top level"),
    ("config-unknown-key", "qqqqq = 1", "allowed here: contract, profile"),
    ("config-unknown-key", '"a\\u001b[31m" = 1', "unknown key 'a?[31m'"),
    ("config-unknown-key", "a" * 5000 + " = 1", f"'{'a' * 60}'"),
    ("config-unknown-key", "challenge = 5", "unknown key 'challenge'"),
    ("config-bad-type", "target = 1", "target must be an array of tables, each written [[target]], not an integer"),
    ("config-bad-type", "[target]\npath = 'x'", "each written [[target]], not a table"),
    ("config-bad-type", "target = ['x']", "each written [[target]], not a string"),
    ("config-bad-type", "[[target]]\npath = 1", "path must be a string or an array of strings"),
    ("config-bad-type", "[[target]]\npath = [1]", "path must be a string or an array of strings"),
    ("config-bad-type", "contract = 1", "contract must be a string, not an integer"),
    ("config-bad-type", "profile = []", "profile must be one of 'seed', 'safety', 'equivalence', not an array"),
    ("config-bad-type", "frame = false", "frame must be one of 'auto', 'contract', not a boolean"),
    ("config-bad-type", "strict = 'yes'", "strict must be true or false, not a string"),
    ("config-bad-type", "defines = 'A'", "defines must be an array of strings, not a string"),
    ("config-bad-type", "include_dirs = [[]]", "include_dirs must be a string, not an array"),
    ("config-bad-type", "timeout = true", "timeout must be a number of seconds, not a boolean"),
    ("config-bad-type", "rlimit = '1'", "rlimit must be an integer, not a string"),
    ("config-bad-type", "baseline = 2026-01-01", "baseline must be a string, not a date or time"),
    ("config-bad-type", "formats = 'json'", "formats must be an array of strings"),
    ("config-bad-value", "profile = 'seeed'", "profile cannot be 'seeed'; did you mean 'seed'?"),
    ("config-bad-value", "gate = 'x'", "gate cannot be 'x'; allowed: 'advisory', 'new-only', 'strict'"),
    ("config-bad-value", "build = ''", "build must be one line of printable text"),
    ("config-bad-value", 'symbols = "a\\nb"', "symbols must be one line of printable text"),
    ("config-bad-value", f"contract = '{'c' * 5000}'", "contract must be one line of printable text"),
    ("config-bad-value", "defines = ['1A']", "defines holds '1A', which is not NAME or NAME=VALUE"),
    ("config-bad-value", "timeout = 0", "timeout must be a number of seconds above 0"),
    ("config-bad-value", "timeout = nan", "timeout must be a number of seconds above 0"),
    ("config-bad-value", "timeout = inf", "timeout must be a number of seconds above 0"),
    ("config-bad-value", "rlimit = 0x100000000", "rlimit must be an integer from 1 to"),
    ("config-bad-value", "formats = ['jsn']", "formats holds the unknown format 'jsn'; did you mean 'json'?"),
    ("config-bad-value", "formats = ['json=']", "a file name must follow the '='"),
    ("config-bad-value", "[[target]]\nentry = 'x'", "target 1: path is missing"),
    ("config-bad-value", "[[target]]\npath = []", "path must not be an empty array"),
    ("config-bad-value", TARGET + "entry = []", "entry must not be an empty array"),
    ("config-bad-value", "[[target]]\npath = ''", "path '' names no file"),
    ("config-bad-value", "[[target]]\npath = 'src/'", "path 'src/' names a directory"),
    ("config-bad-value", '[[target]]\npath = "a\\u0000"', "has a NUL character"),
    ("config-bad-value", f"[[target]]\npath = '{'*' * 5000}'", "more than 4096 characters"),
    ("config-outside", "[[target]]\npath = '/etc/passwd'", "path '/etc/passwd' must be relative"),
    ("config-outside", "[[target]]\npath = 'a/../../b'", "must not lead out"),
    ("config-outside", "[[target]]\npath = 'x.S'\nexclude = '../*'", "exclude '../*' must not lead out"),
    ("config-outside", "formats = ['json=/tmp/x']", "formats would write '/tmp/x'"),
    ("config-outside", "formats = ['json=../x']", "formats would write '../x'"),
    ("config-outside", "formats = ['json=.git/hooks/x']", "formats would write '.git/hooks/x'"),
    ("config-outside", "formats = ['json=away/x']", "formats would write 'away/x'"),
    ("config-invalid", "x = [", "verify-exit.toml: not valid TOML"),
    ("config-invalid", "x = " + "[" * 100_000, "not valid TOML"),
    ("config-invalid", "x = " + "9" * 5000, "not valid TOML"),
    ("config-invalid", "a." * 100_000 + "b = 1", "has a key of more than 32 parts"),
    ("config-too-large", "#" * (MAX_BYTES + 1), "verify-exit.toml: larger than 1 MiB"),
    ("config-too-many", "[[target]]\n" * (MAX_TARGETS + 1), "target is there 1001 times; the limit is 1000"),
    ("config-no-targets", "profile = 'seed'", "verify-exit.toml: has no [[target]]"),
    ("config-no-match", "[[target]]\npath = 'y.S'", "target 1: path 'y.S': no such file; did you mean 'x.S'?"),
    ("config-no-match", TARGET + TARGET[:-1] + "\nname = 'n'\nexclude = '**'", "target 2 (n): exclude leaves out"),
    ("config-no-match", "[[target]]\npath = ['x.S', 'd/y*.S']", "target 1: path 'd/y*.S' matches no file"),
    ("config-no-match", "[[target]]\npath = '*.S'\nexclude = ['x.*']", "exclude leaves out every file that"),
    ("config-no-match", "[[target]]\npath = 'd'", "path 'd' is not a file"),
    ("config-no-match", "[[target]]\npath = 'pip?'", "path 'pip?' matches no file"),
    ("config-no-match", "[[target]]\npath = 'pipe'", "path 'pipe' is not a file"),
    ("config-unreadable", f"[[target]]\npath = '{'n' * 300}'", "File name too long"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text", "message"), ERRORS, ids=range(len(ERRORS)))
def test_what_is_wrong_is_one_line(code: str, text: str, message: str, here: Path) -> None:
    """Every mistake has its code, exit status 2 and one line that says where, what and what to do."""
    put("x.S")
    put("d/z.S")
    put("../outside/o")
    os.mkfifo("pipe")
    Path("away").symlink_to("../outside")
    error = failed(text)
    assert (error.code, message in error.message) == (code, True), error.message


def test_bounds_of_the_search(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree, or a set of matches, above its bound is an error and not a part of it."""
    for number in range(20):
        put(f"d/{number}.S")
    monkeypatch.setattr(targets_module, "MAX_NAMES", 10)
    assert failed("[[target]]\npath = '**/*.S'").code == "config-too-many"
    monkeypatch.setattr(targets_module, "MAX_NAMES", 1000)
    monkeypatch.setattr(targets_module, "MAX_JOBS", 19)
    assert failed("[[target]]\npath = '**/*.S'").code == "config-too-many"
    monkeypatch.setattr(targets_module, "MAX_JOBS", 20)
    assert len(expand(loaded("[[target]]\npath = '**/*.S'"))) == 20


def test_files_that_cannot_be_read(here: Path) -> None:
    """A missing file, a directory, a FIFO and bytes that are no text each end in one line with their code."""
    os.mkfifo("fifo.toml")
    Path("bytes.toml").write_bytes(b"\xff")
    put("pyproject.toml", "[tool]\nverify-exit = 1\n")
    for name, code in {
        "none.toml": "config-not-found", ".git": "config-unreadable", "fifo.toml": "config-unreadable",
        "bytes.toml": "config-invalid", "pyproject.toml": "config-bad-type", "a\0b": "config-not-found",
    }.items():  # fmt: skip
        with pytest.raises(UserError) as caught:
            load(Path(name))
        assert (caught.value.code, caught.value.exit_code) == (code, 2)
    put("pyproject.toml", "[tool]\n")
    with pytest.raises(UserError) as caught:
        load(Path("pyproject.toml"))
    assert caught.value.code == "config-invalid"


@given(st.text(max_size=60), st.sampled_from(["{}", "[[target]]\npath = {}", "[[target]]\n{} = 1", "gate = {}"]))
def test_any_text_is_loaded_or_refused(text: str, shape: str) -> None:
    """Whatever a configuration holds, it is read or refused by UserError, never by anything else."""
    quoted = json.dumps(text)
    for word in (text, quoted):
        try:
            table = tomllib.loads(shape.format(word))
        except ValueError:
            continue
        try:
            config_module._config(table, Place("f", ROOT, ""))
        except UserError as error:
            assert error.exit_code == 2 and "\n" not in error.message


# --show-config.


def test_show_names_every_source(here: Path) -> None:
    """Each value stands with where it is from; what nobody tells stands in a comment with its default."""
    put("x.S")
    one = loaded(
        "contract = 'xen'\nprofile = 'seed'\ninclude_dirs = ['i']\ngate = 'strict'\n"
        "[[target]]\npath = 'x.S'\nname = 'entry code'\nprofile = 'safety'\ninclude_dirs = ['j']\n"
    )
    told = Options(entries=("e",), include_dirs=("k",), challenge=9)
    text = show(one, told, RunSettings(strict=True))
    for line in (
        "# Configuration: verify-exit.toml",
        'gate = "strict"  # verify-exit.toml',
        "strict = true  # command line",
        "# --challenge 9  (command line)",
        'entry = ["e"]  # command line',
        'contract = "xen"  # verify-exit.toml',
        'profile = "safety"  # verify-exit.toml, target 1 (entry code)',
        'include_dirs = ["i", "j", "k"]  # verify-exit.toml + verify-exit.toml, target 1 (entry code) + command line'
        " + those of the header, in front",
        "# timeout = 600  (header of the file, else default)",
        "# formats: text on standard output",
        "# allow_include: none",
    ):
        assert line in text.split("\n"), line
    assert show(one, told) == show(one, told)


@given(WORDS, LEVELS, LEVELS)
def test_what_is_shown_means_the_same(words: list[str], target: Settings, top: Settings) -> None:
    """The text of --show-config, read as a configuration, tells each file the options that it gets."""
    from verifier import globs
    from verifier.config import Target

    told = from_namespace(build_parser().parse_args(["x.S", *words]))
    one = Config(
        "f.toml", Path.cwd(), top, (Target(1, "", (globs.parse("pyproject.toml"),), (), target),), RunSettings()
    )
    text = show(one, told, paths=("pyproject.toml",))
    again = config_module._config(tomllib.loads(text), Place("g", Path.cwd(), ""))
    assert again.options(again.targets[0]) == merge(told, one.options(one.targets[0]))


def test_show_without_a_configuration(here: Path) -> None:
    """Without a configuration the command line's values are shown for its files, and that there is none."""
    text = show(None, Options(profile="seed"), paths=("-a.S", "b\nc.S"))
    assert text.startswith("# No configuration file")
    assert 'profile = "seed"  # command line' in text
    assert tomllib.loads(text)["target"][0]["path"] == ["-a.S", "b\nc.S"]


def test_show_a_configuration_without_targets(here: Path) -> None:
    """--show-config is for looking: a configuration without targets is shown, not refused."""
    assert 'profile = "seed"' not in show(loaded("profile = 'seed'"), Options())
    assert 'profile = "seed"  # verify-exit.toml' in show(loaded("profile = 'seed'"), Options(), paths=("x.S",))


# The document and the schema.


def examples() -> list[str]:
    """The TOML blocks of docs/configuration.md."""
    return re.findall(r"(?ms)^```toml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", examples())
def test_examples_of_the_document_load(text: str, here: Path) -> None:
    """Every example is a configuration that is accepted, by the program and by the schema for editors."""
    name = "pyproject.toml" if "[tool.verify-exit" in text else "verify-exit.toml"
    assert loaded(text, name) is not None
    table = tomllib.loads(text)
    jsonschema.validate(table["tool"]["verify-exit"] if name == "pyproject.toml" else table, schema())


def schema() -> dict[str, Any]:
    """The JSON schema for editors."""
    content: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return content


def test_document_lists_every_key() -> None:
    """The tables of keys in the document have exactly the keys of the code, with its words and values."""
    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", page)
    expected = [
        (
            key.name,
            key.type,
            key.meaning + (f": {', '.join(f'`{value}`' for value in key.values)}" if key.values else ""),
        )
        for key in (*FILE_KEYS, *TARGET_KEYS, *RUN_KEYS)
    ]
    assert [tuple(cell.strip() for cell in row) for row in rows] == expected


def test_document_lists_every_error() -> None:
    """Every config- code that a test above provokes is in the document, and no other."""
    page = PAGE.read_text(encoding="utf-8")
    codes = {code for code, _, _ in ERRORS} | {"config-not-found", "config-exists"}
    assert set(re.findall(r"`(config-[a-z-]+)`", page)) == codes


def test_schema_has_the_keys_of_the_code() -> None:
    """The schema for editors knows exactly the keys, and the values of each choice."""
    top = schema()
    jsonschema.Draft202012Validator.check_schema(top)
    target = top["$defs"]["target"]
    assert set(top["properties"]) == {key.name for key in (*FILE_KEYS, *RUN_KEYS)} | {"target"}
    assert set(target["properties"]) == {key.name for key in (*FILE_KEYS, *TARGET_KEYS)}
    assert top["additionalProperties"] is target["additionalProperties"] is False
    for key in (*FILE_KEYS, *RUN_KEYS):
        if key.type == "choice":
            place = top["$defs"]["file"] if key in FILE_KEYS else top["properties"]
            assert place[key.name]["enum"] == list(key.values)


@pytest.mark.parametrize(
    "text", [text for code, text, _ in ERRORS if code in ("config-unknown-key", "config-bad-type")]
)
def test_schema_refuses_what_the_program_refuses(text: str) -> None:
    """An editor marks unknown keys and wrong types before the program does."""
    try:
        table = tomllib.loads(text)
    except ValueError:
        pytest.fail("the example is not TOML")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(json.dumps(table, default=lambda _: None)), schema())

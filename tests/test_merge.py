# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit merge``: the parts of a run give what one run gives, and anything else is refused."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings, strategies as st
from report_samples import failed, inconclusive, proved, violated
from run_samples import waived

from verifier import __version__, merge
from verifier.cli import main
from verifier.codec import encode
from verifier.merge import Part, load, together
from verifier.model import CodeLine, Edge, FileReport, PathMap, Run, Shard, UserError
from verifier.options import Options
from verifier.pipeline import verify
from verifier.progress import SILENT, Progress
from verifier.report import FORMATS, Style, parts, render
from verifier.report.fingerprint import of_clause
from verifier.semantics import digest
from verifier.shards import positions

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = json.loads((ROOT / "specs/schema/verify-exit-1.schema.json").read_text(encoding="utf-8"))
SAMPLES = (
    "auto-proved.S",
    "auto-rbx-leak.S",
    "no-such-file.S",
    "auto-frames-differ.S",
    "inconclusive-no-sysret.S",
    "canonical-shr48.S",
    "linux-2015-seed.S",
    "linux-2015-opportunistic.S",
)
TOOL = (("semantics", digest()), ("verify-exit", __version__), ("z3-solver", "4.13.0.0"))
NAMES = ["0.S", "1.S", "2.S", "3.S", "4.S"]


def answers() -> dict[str, FileReport | UserError]:
    """What the analysis says of each input: one of every kind."""
    found = dict(zip(NAMES, (proved(), violated(), inconclusive(), failed(), violated()), strict=True))
    return {
        name: UserError(*report.error)
        if report.error is not None
        else replace(report, input=replace(report.input, path=name), tool=TOOL, timings=())
        for name, report in found.items()
    }


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five inputs in the current directory; the analysis is replaced."""

    def stand_in(path: Path, options: Options, progress: Progress = SILENT) -> FileReport:
        del options, progress
        answer = answers()[path.name]
        if isinstance(answer, UserError):
            raise answer
        return answer

    module = ModuleType("verifier.pipeline")
    module.verify = stand_in  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "verifier.pipeline", module)
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        (tmp_path / name).touch()
    return tmp_path


def files(name: str) -> list[str]:
    """Every format, each to a file of its own."""
    return [f"--format={form}={name}.{form}" for form in FORMATS]


def written(of: int, *words: str) -> list[str]:
    """The parts of a run over all inputs."""
    names = [f"part-{index}.json" for index in range(1, of + 1)]
    for index, name in enumerate(names, 1):
        main(["--shard", f"{index}/{of}", f"--format=parts={name}", *words, *NAMES])
    return names


# The same as one run.


@cache
def real(place: str) -> None:
    """Real samples in one run and in three shards, each a process of its own."""
    inputs = [str(ROOT / "samples" / name) for name in SAMPLES]
    shards = [["--shard", f"{index}/3", f"--format=parts=part-{index}.json"] for index in (1, 2, 3)]
    for words in ([f"--format={form}=whole.{form}" for form in FORMATS], *shards):
        command = [sys.executable, "-m", "verifier", "--no-config", "-q", "--jobs", "2", *words, *inputs]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        assert subprocess.run(command, check=False, capture_output=True, cwd=place, env=environment).returncode != 70


def test_parts_of_real_samples_make_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON and every other format, as written by merge from three parts, is that of one run, byte for byte."""
    monkeypatch.chdir(tmp_path)
    real(str(tmp_path))
    assert main(["merge", "--no-config", "-q", *files("merged"), "part-2.json", "part-3.json", "part-1.json"]) == 1
    for form in FORMATS:
        # Only this one holds how long the stages took.
        if form != "parts":
            assert Path(f"merged.{form}").read_bytes() == Path(f"whole.{form}").read_bytes(), form


@pytest.mark.parametrize(
    ("of", "rules"),
    [
        (1, []),
        (7, []),
        (2, ["--gate", "strict"]),
        (3, ["--gate", "advisory"]),
        (5, ["--waivers", "w.toml", "--gate", "strict"]),
        (2, ["--waivers", "w.toml", "--strict"]),
        (3, ["--gate", "new-only", "--baseline", "base.json"]),
    ],
)
def test_every_rule_works_on_the_whole(
    tree: Path, capsys: pytest.CaptureFixture[str], of: int, rules: list[str]
) -> None:
    """Exit code, messages and every format are those of one run, with waivers, the gate and a baseline."""
    report = answers()["1.S"]
    assert isinstance(report, FileReport)
    named = of_clause(replace(report, key="1.S"), report.sites[0], "canonical")
    lines = [f'[[waiver]]\nid = "{name}"\nclause = "canonical"\nfingerprint = "{mark}"\nreason = "r"\nowner = "o"\n'
             "expires = 2999-12-31\n" for name, mark in (("USED", named), ("NOT", "0" * 32))]  # fmt: skip
    (tree / "w.toml").write_text("\n".join(lines), encoding="utf-8")
    main(["--no-config", "--format=json=base.json", "1.S"])
    names = written(of, *rules, "--no-config")
    capsys.readouterr()
    one = main(["--no-config", *rules, *files("one"), *NAMES])
    told = [line for line in capsys.readouterr().err.splitlines() if "[assembler-error]" not in line]
    assert main(["merge", "--no-config", *rules, *files("merged"), *reversed(names)]) == one
    assert capsys.readouterr().err.splitlines() == told
    for form in FORMATS:
        assert Path(f"merged.{form}").read_bytes() == Path(f"one.{form}").read_bytes(), form
    jsonschema.validate(json.loads(Path("merged.json").read_bytes()), SCHEMA)


def test_a_configuration_rules_the_merge(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Formats, gate and waivers come from the configuration, as they do where inputs are verified."""
    (tree / "verify-exit.toml").write_text(
        'gate = "advisory"\nformats = ["json=out.json"]\n[[target]]\npath = "[02].S"\n', encoding="utf-8"
    )
    for index in (1, 2):
        assert main(["--shard", f"{index}/2", f"--format=parts=p{index}"]) == 0
    assert main(["merge", "p1", "p2"]) == 0
    assert json.loads((tree / "out.json").read_bytes())["gate"]["mode"] == "advisory"
    assert main(["merge", "--gate", "strict", "p1", "p2"]) == 3
    assert main(["merge", "--no-config", "p1", "p2"]) == 3
    capsys.readouterr()


def test_one_whole_run_is_its_own_merge(tree: Path) -> None:
    """A run without --shard can be kept and shown in another format later."""
    main(["--no-config", "--format=parts=all.json", "--format=html=one.html", *NAMES])
    assert main(["merge", "--no-config", "all.json", "--format=html=two.html"]) == 1
    assert Path("one.html").read_bytes() == Path("two.html").read_bytes()


def test_parts_hold_what_waivers_have_not_changed(tree: Path) -> None:
    """Waivers are applied once, at the end: a part has what was found."""
    assert render("parts", Run((waived(),), found=(violated(),)), Style()) == render("parts", [violated()], Style())


@given(st.integers(1, 12), st.integers(1, 9), st.randoms(use_true_random=False))
def test_reports_come_in_the_order_of_the_inputs(of: int, inputs: int, source: random.Random) -> None:
    """However many shards there are, and in whatever order their parts are named."""
    every = [replace(proved(f"{number}.S"), tool=TOOL) for number in range(inputs)]
    given = [
        Part(str(index), Shard(index, of, inputs, "s"), tuple(every[one] for one in positions(index, of, inputs)))
        for index in range(1, of + 1)
    ]
    source.shuffle(given)
    assert together(given) == tuple(every)


# What does not fit together.


def part(index: int = 1, of: int = 2, *reports: FileReport, **changed: Any) -> Part:
    """A part of a run over two inputs."""
    found = reports or (replace(proved(f"{index}.S"), tool=TOOL),)
    shard = replace(Shard(index, of, 2, "0" * 64), **changed)
    return Part(f"part-{index}", shard, found)


OTHER = tuple((name, "1" if name == "z3-solver" else version) for name, version in TOOL)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((part(1),), "1 shard of 2 missing: 2"),
        ((part(2), part(2)), "part-2 and part-2 are both shard 2 of 2"),
        ((part(1), part(2), part(1)), "both shard 1"),
        ((part(1), part(2, selection="1" * 64)), "different inputs, options or numbers of shards"),
        ((part(1), part(2, of=3)), "different inputs, options or numbers of shards"),
        ((part(1), part(2, inputs=3)), "different inputs, options or numbers of shards"),
        ((part(1), Part("all", None, (proved(),))), "without --shard"),
        ((Part("all", None, ()), part(1)), "without --shard"),
        ((part(1, 20),), "19 shards of 20 missing: 2, 3, 4, 5, 6, 7, 8, 9, ..."),
        ((part(1), part(2, 2, replace(proved(), tool=OTHER))), "z3-solver 1, part-1 with 4.13.0.0"),
        ((part(1), part(2, 2, replace(failed(), tool=(("verify-exit", "0.0"),)))), "verify-exit 0.0, this verify-exit"),
        ((part(1, 1, replace(proved(), tool=(("semantics", "0"),))),), "semantics 0, this verify-exit"),
    ],
)
def test_parts_of_different_runs_are_refused(given: tuple[Part, ...], told: str) -> None:
    """Missing, doubled and foreign parts, and other tools, are one line and exit code 4."""
    with pytest.raises(UserError) as caught:
        together(given)
    assert (caught.value.code, caught.value.exit_code) == ("parts-differ", 4)
    assert told in caught.value.message
    assert "\n" not in caught.value.message


def test_the_error_of_a_part_is_told(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a shard's call was wrong, merge says what its error was, and nothing passes."""
    first, second = written(2, "--no-config")
    words = ["--no-config", "--waivers", "missing.toml", "--shard", "2/2", f"--format=parts={second}"]
    assert main([*words, *NAMES]) == 2
    capsys.readouterr()
    assert main(["merge", "--no-config", "--gate", "advisory", first, second]) == 4
    told = capsys.readouterr().err
    assert told.startswith(f"verify-exit: error[parts-differ]: {second}: its run ended with an error: missing.toml")
    assert told.count("\n") == 1


# Parts that nobody wrote like that.


def forged(*reports: str, **changed: Any) -> str:
    """A part with these encoded reports and the digest that belongs to them."""
    whole = {"schema": parts.SCHEMA, "layout": parts.layout(), "sha256": parts.digest(reports), "shard": None}
    return json.dumps(whole | {"reports": list(reports)} | changed)


GOOD = replace(violated(), tool=TOOL)
SITE = GOOD.sites[0]
UNMAPPED = PathMap("entry", (CodeLine(SITE.location, "90", "", "fast"),), (Edge(0, 1, ""),))
UNREPLAYED = replace(
    SITE,
    clauses=tuple(
        replace(one, counterexample=replace(one.counterexample, replayed=False)) if one.counterexample else one
        for one in SITE.clauses
    ),
)
SHARD = {"index": 1, "of": 1, "inputs": 1, "selection": "0" * 64}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        "9" * 5000,
        "\x00",
        "{}",
        json.dumps({"schema": parts.SCHEMA}),
        render("json", [GOOD], Style()),
        forged(encode(GOOD), schema="verify-exit/parts-2"),
        forged(encode(GOOD), layout="0" * 16),
        forged(encode(GOOD), sha256="0" * 64),
        forged(encode(GOOD), sha256=None),
        forged(encode(GOOD), reports=None),
        forged(encode(GOOD), reports=[1]),
        forged(encode(GOOD), shard=[]),
        forged(encode(GOOD), shard={}),
        *(forged(encode(GOOD), shard=SHARD | {name: value}) for name in SHARD for value in (None, True, 0, "1", -1)),
        forged(encode(GOOD), shard=SHARD | {"inputs": 2}),
        forged(encode(GOOD), encode(GOOD), shard=SHARD),
        forged(shard=SHARD),
        forged("[]"),
        forged("null"),
        forged("[" * 100_000),
        forged(encode(replace(GOOD, verdict="proved"))),
        forged(encode(replace(GOOD, sites=()))),
        forged(encode(replace(GOOD, sites=(UNREPLAYED,)))),
        forged(encode(replace(GOOD, error=("usage", "", 2)))),
        forged(encode(replace(GOOD, configs=(("via", "la48"),)))),
        forged(encode(replace(GOOD, maps=(UNMAPPED,)))),
        forged(encode(replace(GOOD, tool=TOOL[1:]))),
        forged(encode(replace(proved(), tool=TOOL, sites=()))),
        forged(encode(replace(waived(), tool=TOOL))),
        forged(encode(replace(failed(), error=("x", "", 0)))),
        forged(encode(replace(failed(), error=None))),
    ],
)
def test_what_is_no_part_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    """A file that is something else, damaged or does not bear out its verdict ends with 4, and passes under no gate."""
    file = tmp_path / "part.json"
    file.write_text(text, encoding="utf-8")
    for gate in ([], ["--gate", "advisory"]):
        assert main(["merge", "--no-config", *gate, str(file)]) == 4
        told = capsys.readouterr()
        assert told.err.startswith(f"verify-exit: error[bad-part]: {file}: not a part of a run")
        assert told.err.count("\n") == 1
        assert told.out == ""


def test_a_good_part_is_read(tmp_path: Path) -> None:
    """What the test above changes is accepted where it is not changed."""
    file = tmp_path / "part.json"
    file.write_text(forged(encode(GOOD), shard=SHARD), encoding="utf-8")
    assert load(file).reports == (GOOD,)


def test_no_beginning_of_a_part_is_a_part(tmp_path: Path) -> None:
    """A truncated part is refused, wherever it ends."""
    whole = render("parts", Run((GOOD, GOOD)), Style()).strip()
    file = tmp_path / "part.json"
    for end in (*range(0, len(whole), max(1, len(whole) // 300)), len(whole) - 1):
        file.write_text(whole[:end], encoding="utf-8")
        with pytest.raises(UserError) as caught:
            load(file)
        assert caught.value.exit_code == 4
    file.write_text(whole, encoding="utf-8")
    assert len(load(file).reports) == 2


@pytest.mark.parametrize("kind", ["missing", "directory", "fifo", "large", "binary"])
def test_what_cannot_be_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """A name without a file, a directory, a FIFO, a file that is too large: exit code 4, without waiting."""
    file = tmp_path / "part.json"
    match kind:
        case "directory":
            file.mkdir()
        case "fifo":
            os.mkfifo(file)
        case "large":
            monkeypatch.setattr(merge, "MAX_BYTES", 10)
            file.write_text(forged(encode(GOOD)), encoding="utf-8")
        case "binary":
            file.write_bytes(bytes(range(256)))
    assert main(["merge", "--no-config", str(file)]) == 4
    assert capsys.readouterr().err.count("\n") == 1


def test_the_call_of_merge_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a part, with an unknown format or a baseline for no gate, the call is wrong."""
    for words in ([], ["--format", "yaml", "p"], ["--baseline", "b", "p"], ["--shard", "1/2", "p"]):
        assert main(["merge", "--no-config", *words]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert main(["merge", "--no-config", "--format=json=p", "p"]) == 2


# Forged values: never a traceback, never a wrong pass.


@cache
def samples() -> tuple[str, ...]:
    """Encoded reports of real runs with maps, none of them proved."""
    names = ("auto-rbx-leak.S", "patch-always-wrong.S")
    return tuple(encode(verify(ROOT / "samples" / name, Options(listing=True))) for name in names)


def leaves(value: Any, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """The place of every value below a list."""
    if path:
        yield path
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))


WEIRD: tuple[Any, ...] = (None, -1, 0, 1 << 70, "", "x", "\x1b[31m\n<&\ud800", "proved", [], [[]], True, 1.5)


@settings(max_examples=50)
@given(st.randoms(use_true_random=False), st.sampled_from(["concise", "text", "json", "sarif", "junit", "html"]))
def test_forged_values_end_in_a_status(source: random.Random, form: str) -> None:
    """Whatever one value of a report is replaced with, the part is refused, or shown in every format."""
    report = json.loads(source.choice(samples()))
    path = source.choice(list(leaves(report)))
    place = report
    for index in path[:-1]:
        place = place[index]
    alike = [one for one in WEIRD if type(one) is type(place[path[-1]])]
    place[path[-1]] = source.choice(alike if alike and source.random() < 0.7 else WEIRD)
    try:
        found = merge.opened(forged(json.dumps(report)).encode(), "part.json")
    except UserError as error:
        assert error.exit_code == 4
    else:
        assert render(form, together([found]), Style())

# SPDX-License-Identifier: BSD-2-Clause
"""The benchmarks measure what they say: paths have the size asked for, and are right. No clock is looked at."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

BENCHMARKS = Path(__file__).resolve().parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import growth  # noqa: E402
import page  # noqa: E402
import plot  # noqa: E402
import rows  # noqa: E402
import shapes  # noqa: E402
from measure import Command, MeasureError, Spent, spend  # noqa: E402

from verifier.lift.memory import Memory  # noqa: E402
from verifier.model import FileReport  # noqa: E402
from verifier.options import Options  # noqa: E402
from verifier.pipeline import verify  # noqa: E402

DIMENSIONS = {dimension.name: dimension for dimension in shapes.DIMENSIONS}


def report(path: Path) -> FileReport:
    return verify(path, Options(configs=(("amd", "la48"),)))


def counts(name: str, size: int, directory: Path) -> dict[str, int]:
    """The statistics of a path of that size, which is proved."""
    made = report(DIMENSIONS[name].make(size, directory))
    assert (made.verdict, made.reasons) == ("proved", ())
    return {**dict(made.statistics), "sites": len(made.sites), "switches": len(made.sites[0].switches)}


@pytest.mark.parametrize(
    ("name", "count", "each"),
    [
        ("path", "instructions", 1),
        ("tests", "forks", 1),
        ("sites", "sites", 1),
        ("calls", "instructions", 7),
        ("patched", "switches", 1),
    ],
)
def test_a_shape_grows_by_what_it_says(tmp_path: Path, name: str, count: str, each: int) -> None:
    """Three more of what a dimension counts add as much to the report's count, and the path is still proved."""
    small, big = counts(name, 2, tmp_path)[count], counts(name, 5, tmp_path)[count]
    assert big - small == 3 * each


def test_unrelated_code_is_not_part_of_the_path(tmp_path: Path) -> None:
    """A linked program with other code around the exit is proved from an entry that nobody named, in as many steps."""
    small, big = (report(shapes.program(size, tmp_path)) for size in (0, 1 << 17))
    assert [made.verdict for made in (small, big)] == ["proved", "proved"]
    instructions, joins = ([dict(made.statistics)[name] for made in (small, big)] for name in ("instructions", "joins"))
    assert instructions[0] == instructions[1] and joins[0] == joins[1]
    assert (tmp_path / "program.elf").stat().st_size > 1 << 17


def test_impossible_sizes_are_refused() -> None:
    """A size that a shape cannot have is an error and not a smaller shape."""
    with pytest.raises(ValueError):
        shapes.tests(65)
    with pytest.raises(ValueError):
        shapes.patched(321)


def test_a_word_is_made_once_for_each_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind k joins of states whose memory differs, the look at a word is work in k and not in 2^k."""
    looks = 0
    initial = Memory._initial

    def counted(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        return initial(*arguments)

    monkeypatch.setattr(Memory, "_initial", counted)
    taken = []
    for size in (4, 8):
        looks = 0
        counts("stores", size, tmp_path)
        taken.append(looks)
    assert taken[1] < 5 * taken[0]


@pytest.mark.parametrize("sample", ["linux-2015-opportunistic.S", "linux-2015-tf-tested.S"])
def test_the_stock_script_gives_the_known_answer(sample: str) -> None:
    """The peer works: on the 2015 path it finds what verify-exit finds, and nothing where TF is tested."""
    words = (sys.executable, str(BENCHMARKS / "stock_angr.py"), str(shapes.SAMPLES / sample), *rows.OLD_FRAME)
    said = json.loads(spend(Command(words), keep=True).output)
    assert (said["found"], said["asked"], said["errors"], said["left"]) == (1, 8, [], {})
    assert said["not_met"] == (["tf"] if sample == "linux-2015-opportunistic.S" else [])


def test_the_stock_script_knows_nothing_of_verify_exit() -> None:
    """What is compared with is what somebody else could have written."""
    assert "verifier" not in re.sub(r'""".*?"""', "", (BENCHMARKS / "stock_angr.py").read_text(), flags=re.DOTALL)


def test_both_ways_of_starting_work() -> None:
    """The table is printed by a module's name from the checkout and by the directory's."""
    for words in (("-m", "tests.benchmarks"), (str(BENCHMARKS),)):
        done = subprocess.run(
            [sys.executable, *words, "--help"], cwd=BENCHMARKS.parents[1], capture_output=True, text=True, check=False
        )
        assert (done.returncode, "--images" in done.stdout) == (0, True), done.stderr


def test_a_process_that_failed_is_not_timed() -> None:
    """A run that did not do its work is an error, and a status that was expected is none."""
    with pytest.raises(MeasureError, match="status 3: why"):
        spend(Command((sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)")))
    spent = spend(Command((sys.executable, "-c", "import sys; print('x'); sys.exit(3)"), statuses=frozenset({3})), True)
    assert spent.output == "x\n"
    assert spent.seconds > 0 and spent.mebibytes > 1


def test_a_ratio_is_of_medians() -> None:
    """A row divides our median by the peer's and compares it with the target."""
    own = [Spent(seconds, 1.0, 100.0) for seconds in (1.0, 9.0, 2.0)]
    peer = [Spent(seconds, 1.0, 100.0) for seconds in (4.0, 4.0, 1.0)]
    found = {"own": own, "peer": peer}
    assert rows.ratio(found, "own", "peer", 0.5).met is True
    assert rows.ratio(found, "own", "peer", 0.49).met is False
    assert rows.ratio(found, "own", "peer", 0.5).measured.startswith("**0.50**: 2.00 s (1.00–9.00) / 4.00 s")


def test_the_stock_script_gets_samples_that_it_can_do() -> None:
    """The files of the tree that stand for the others are evenly chosen among those with a known frame and entry."""
    paths = rows.sources()
    able, some = rows.stock_files(paths, None), rows.stock_files(paths, 12)
    assert len(some) == len(set(some)) == 12
    assert set(some) < set(able) < set(paths)
    assert all("# ENTRY:    exit_to_user" in path.read_text() for path in able)


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_a_power_law_is_found(power: float) -> None:
    """The fit gives back the power that the points were made with, with no error; two points are too few."""
    points = [(n, 3 * n**power) for n in (1.0, 2.0, 4.0, 8.0)]
    found = growth.fit(points)
    assert found is not None
    assert (round(found.factor, 6), round(found.power, 6), round(found.error, 6)) == (3, power, 0)
    assert growth.fit(points[:2]) is None


def test_only_what_a_size_adds_is_fitted() -> None:
    """The first size's own cost is taken off, and what is lost in it is left out."""
    assert growth.added({0: 10.0, 1: 10.5, 2: 12.0, 4: 14.0}, 0.1) == [(2, 2.0), (4, 4.0)]
    assert growth.added({1: 10.0, 2: 12.0}, 0.1) == [(1, 2.0)]


def test_the_plot_is_svg_with_every_point() -> None:
    """The drawing is well-formed, has a title and a description, and shows each point in each panel."""
    panel = plot.Panel("a < b", ((0.0, 1.0), (1.0, 2.0), (2.0, 4.0)), (0.0, 1.0, 1.0, 1.5), "n^1.5")
    drawn = plot.drawing("title", [panel, panel])
    root = ET.fromstring(drawn)  # noqa: S314 - our own text
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f".//{space}circle")) == 6
    assert [root.findtext(f"{space}{name}") for name in ("title", "desc")] == [
        "title",
        "a < b: 1.00 to 4.00 s; a < b: 1.00 to 4.00 s",
    ]
    assert "prefers-color-scheme: dark" in drawn
    assert plot.drawing("title", [panel, panel]) == drawn


@pytest.mark.parametrize(
    ("value", "top"), [(0.3, 0.5), (0.11, 0.2), (1.0, 1.0), (2.1, 2.5), (7.0, 10.0), (60.0, 100.0)]
)
def test_an_axis_ends_at_a_round_number(value: float, top: float) -> None:
    """The axis is at least as long as its data, and ends at 1, 2, 2.5 or 5 times a power of ten."""
    assert plot.round_up(value) == pytest.approx(top)


@pytest.mark.parametrize("name", ["table", "growth", "floors", "profile"])
def test_the_page_has_a_place_for_each_figure(name: str) -> None:
    """Writing a figure changes what is between its markers and nothing else; an unknown figure is an error."""
    text = page.PAGE.read_text(encoding="utf-8")
    changed = page.replaced(text, name, "| new |")
    assert f"<!-- figures: {name} -->\n| new |\n<!-- end -->" in changed
    assert changed.count("<!-- figures:") == text.count("<!-- figures:")
    with pytest.raises(KeyError):
        page.replaced(text, "no such", "")

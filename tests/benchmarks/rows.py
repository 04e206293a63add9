# SPDX-License-Identifier: BSD-2-Clause
"""The table: each row has a target, the processes that it needs, and what is made of their medians."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import ROOT, Command, Spent, cpu, mebibytes, ours, seconds, spend
from shapes import SAMPLES, tests as tests_source, written

VIOLATED, PROVED = SAMPLES / "linux-2015-opportunistic.S", SAMPLES / "linux-2015-tf-tested.S"
OLD_FRAME = ("--entry", "return_to_user", "--frame", "linux-4.0")
STOCK_TESTS = (2, 4, 6)
OUR_TESTS = (0, 16, 64)
STOCK_FILES = 12
"""So many of the samples the stock script looks at, unless all are wanted."""
HERE = Path(__file__).resolve().parent

Found = Mapping[str, Sequence[Spent]]
"""What was measured, by the name of each command."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a row says: the measured value in words, and whether the target is met (None: not measured)."""

    measured: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    name: str
    work: str
    target: str
    commands: Mapping[str, Command]
    answer: Callable[[Found], Answer]


def stock(*arguments: str) -> Command:
    """The stock script in a process of its own."""
    return Command((sys.executable, str(HERE / "stock_angr.py"), *arguments))


def ratio(found: Found, own: str, peer: str, most: float) -> Answer:
    """Our median by the peer's, on the clock."""
    one, other = found[own], found[peer]
    value = seconds(one) / seconds(other)
    text = f"**{value:.2f}**: {spread(one)} / {spread(other)}; CPU {cpu(one):.2f} / {cpu(other):.2f} s"
    return Answer(text, value <= most)


def spread(spent: Sequence[Spent]) -> str:
    """Median, least and most on the clock."""
    taken = sorted(each.seconds for each in spent)
    return f"{statistics.median(taken):.2f} s ({taken[0]:.2f}–{taken[-1]:.2f})"


def shown(name: str) -> str:
    """A file of the repository by its path there."""
    return str(Path(name).relative_to(ROOT))


def samples_rows(cache: Path) -> list[Row]:
    """One sample: cold, from the cache, and its memory."""
    stock_violated, stock_proved = stock(str(VIOLATED), *OLD_FRAME), stock(str(PROVED), *OLD_FRAME)
    ours_violated = ours("--no-cache", shown(str(VIOLATED)))
    at_cache = (("XDG_CACHE_HOME", str(cache)),)
    cached = Command(ours("--cache", shown(str(VIOLATED))).words, at_cache, frozenset({1}))
    both = {"2015": ours_violated, "2015 stock": stock_violated}
    fixed = {"2015 fixed": ours("--no-cache", shown(str(PROVED))), "2015 fixed stock": stock_proved}

    def memory(found: Found) -> Answer:
        one, other = mebibytes(found["2015"]), mebibytes(found["2015 stock"])
        return Answer(f"**{one / other:.2f}**: {one:.0f} / {other:.0f} MiB", one <= 1.1 * other)

    def start(found: Found) -> Answer:
        taken = {name: seconds(found[name]) for name in starts}
        text = ", ".join(f"{name} **{value:.2f} s**" for name, value in taken.items())
        return Answer(text, max(taken.values()) <= 0.15)

    starts = {
        "--help": ours("--help"),
        "explain": ours("explain", "canonical"),
        "usage error": Command(ours("--no-such-option").words, statuses=frozenset({2})),
    }
    return [
        Row("cold", "one sample, violated: every clause, 4 CPU configurations, replay", "≤ 0.9 of stock", both,
            lambda found: ratio(found, "2015", "2015 stock", 0.9)),
        Row("cold-proved", "one sample, proved, the same way", "≤ 0.9 of stock", fixed,
            lambda found: ratio(found, "2015 fixed", "2015 fixed stock", 0.9)),
        Row("cached", "the same file again, unchanged", "≤ 0.12 of stock", {**both, "2015 cached": cached},
            lambda found: ratio(found, "2015 cached", "2015 stock", 0.12)),
        Row("memory", "peak memory, one sample", "≤ 1.1 of stock", both, memory),
        Row("start", "`--help`, `explain`, usage error", "≤ 0.15 s", starts, start),
    ]  # fmt: skip


def sources() -> list[Path]:
    """Every sample."""
    return sorted(path for path in SAMPLES.glob("*.S") if "EXPECT:" in path.read_text(encoding="utf-8")[:2000])


def stock_files(paths: Sequence[Path], count: int | None) -> list[Path]:
    """Samples that the stock script can be pointed at, evenly chosen: default contract, named entry, 64-bit exit."""
    able = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        words = [
            line.split(":", 1)[1].split() for line in text.splitlines() if line.startswith(("# CONTRACT:", "# ENTRY:"))
        ]
        if words == [["linux"], ["exit_to_user"]]:
            able.append(path)
    if count is None or count >= len(able):
        return able
    return [able[(2 * number + 1) * len(able) // (2 * count)] for number in range(count)]


def tree_row(full: bool) -> Row:
    """All samples in one call, against a process of the stock script for each."""
    paths = sources()
    chosen = stock_files(paths, None if full else STOCK_FILES)
    names = [shown(str(path)) for path in paths]
    commands = {"tree": ours("--no-cache", "--jobs", "2", "-q", *names)}
    # A sample that the stock script cannot do, such as an endless loop, counts with the time until it gives up.
    commands["tree"] = Command(commands["tree"].words, statuses=frozenset({0, 1, 3, 4}))
    for path in chosen:
        command = stock(str(path), "--limit", "60")
        commands[f"stock {path.stem}"] = Command(command.words, statuses=frozenset({0, 1}))

    def answer(found: Found) -> Answer:
        taken = [seconds(found[f"stock {path.stem}"]) for path in chosen]
        # A few paths, such as a recursion, keep the stock script busy until its limit; the median leaves them out.
        each = statistics.median(taken)
        own, total = found["tree"], each * len(paths)
        value = seconds(own) / total
        slow = sum(one > 10 for one in taken)
        how = f"median of {len(chosen)} of the files {each:.2f} s, {slow} took more than 10 s"
        text = f"**{value:.2f}**: {spread(own)}, CPU {cpu(own):.0f} s / {total:.0f} s ({len(paths)} files; {how})"
        return Answer(text, value <= 0.1)

    return Row("tree", "the whole sample tree in one call, `--jobs 2`", "≤ 0.1 of the sum", commands, answer)


def flags_row(directory: Path) -> Row:
    """Independent tests before the checks."""
    paths = {count: written(tests_source(count), directory, f"tests-{count}") for count in (*OUR_TESTS, *STOCK_TESTS)}
    commands = {f"k = {count}": ours("--no-cache", str(paths[count])) for count in OUR_TESTS}
    commands |= {f"stock k = {count}": stock(str(paths[count])) for count in STOCK_TESTS}

    def answer(found: Found) -> Answer:
        own = [seconds(found[f"k = {count}"]) for count in OUR_TESTS]
        peer = [seconds(found[f"stock k = {count}"]) for count in STOCK_TESTS]
        value = own[-1] / own[0]
        early, late = (own[1] - own[0]) / OUR_TESTS[1], (own[2] - own[1]) / (OUR_TESTS[2] - OUR_TESTS[1])
        text = (
            f"**{value:.2f}**: {_series(OUR_TESTS, own)}; a test adds {1000 * early:.0f} ms up to k = {OUR_TESTS[1]}, "
            f"{1000 * late:.0f} ms from there on; stock: {_series(STOCK_TESTS, peer)}"
        )
        return Answer(text, value <= 2)

    return Row(
        "tests", "k independent work-flag tests before the checks", "k = 64 within 2× of k = 0", commands, answer
    )


def _series(counts: Sequence[int], taken: Sequence[float]) -> str:
    return ", ".join(f"k = {count} {value:.2f} s" for count, value in zip(counts, taken, strict=True))


def images_rows(images: Path, directory: Path) -> list[Row]:
    """Debian's 6.1 image, unpacked for both, and the memory that it takes."""
    image = debian(images)
    script = str(HERE / "real_images.py")
    unpacked, report = directory / "vmlinux", directory / "vmlinux.json"
    spend(Command((sys.executable, script, "--unpack", str(image), str(unpacked))))
    spend(ours("--no-cache", "-q", "--format", f"json={report}", str(unpacked)))
    told = subprocess.run(
        [sys.executable, script, "--ends", str(unpacked), str(report)], check=True, capture_output=True, text=True
    )
    entry, at = json.loads(told.stdout)
    commands = {
        "vmlinux": ours("--no-cache", str(unpacked)),
        "vmlinux stock": stock(str(unpacked), "--entry", entry, "--exit", at),
    }

    def memory(found: Found) -> Answer:
        own, peer = mebibytes(found["vmlinux"]), mebibytes(found["vmlinux stock"])
        return Answer(f"**{own:.0f} MiB**; stock {peer:.0f} MiB", own <= 400)

    return [
        Row("vmlinux", "Debian's 6.1 vmlinux, every feature combination", "≤ 1.0 of stock for one", commands,
            lambda found: ratio(found, "vmlinux", "vmlinux stock", 1.0)),
        Row("vmlinux-memory", "peak memory, vmlinux", "≤ 400 MiB", commands, memory),
    ]  # fmt: skip


def debian(images: Path) -> Path:
    """Debian's 6.1 image in a directory that tests/real/fetch.py filled, or that holds such images themselves.

    Raises FileNotFoundError if there is none.
    """
    index = images / "images.json"
    if index.is_file():
        entries = json.loads(index.read_text(encoding="utf-8"))
        file: str = next(entry["file"] for entry in entries if entry["name"] == "linux-6.1")
        return images / file
    found = sorted(images.glob("vmlinu[xz]-6.1.*-amd64"), key=lambda path: (len(path.name), path.name))
    if not found:
        raise FileNotFoundError(f"{images}: neither images.json nor vmlinuz-6.1.*-amd64")
    return found[0]

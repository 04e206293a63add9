# SPDX-License-Identifier: BSD-2-Clause
"""``--watch``: when a run starts again, what it watches, what is left on the screen. No test waits for real time."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from report_samples import proved, violated

from verifier import session, watch
from verifier.assemble import assemble
from verifier.cli import main
from verifier.contract import load_contract
from verifier.model import FileReport, UserError
from verifier.options import Options
from verifier.progress import SILENT, Progress
from verifier.reads import MOST, note, recorded, stamp
from verifier.watch import CLEAR, INTERVAL, PATIENCE, SETTLE, Time, cleaner

Event = Callable[[], object]


class Day:
    """Time that passes only in pauses: each pause takes what it is asked for, then the next event happens.

    After the last event come ``quiet`` pauses without one, and then Ctrl-C.
    """

    def __init__(self, *events: Event, quiet: int = 60) -> None:
        self._events, self._quiet = list(events), quiet
        self.now = 0.0
        self.pauses: list[float] = []

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)
        if self._events:
            self._events.pop(0)()
        elif self._quiet:
            self._quiet -= 1
        else:
            raise KeyboardInterrupt

    def time(self) -> Time:
        return Time(lambda: self.now, self.pause, lambda: "12:00:00")


class Runs:
    """Stands in for a whole run: reads ``files`` and ends with the next of ``codes``, the last one again and again."""

    def __init__(self, files: Sequence[Path], *codes: int) -> None:
        self.files, self._codes = files, list(codes or (0,))
        self.seen: list[tuple[str | None, ...]] = []
        self.during: list[Event] = []

    def __call__(self) -> int:
        for file in self.files:
            note(file)
        self.seen.append(tuple(file.read_text() if file.exists() else None for file in self.files))
        if self.during:
            self.during.pop(0)()
        return self._codes.pop(0) if len(self._codes) > 1 else self._codes[0]


def nothing() -> None:
    """An event that is none."""


def saved(path: Path, text: str) -> Event:
    """Writing a file in place."""
    return lambda: path.write_text(text)


def renamed(path: Path, text: str) -> Event:
    """Writing another file and renaming it, as most editors do."""

    def event() -> None:
        other = path.with_name(f".{path.name}.swp")
        other.write_text(text)
        other.replace(path)

    return event


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """A file to watch."""
    path = tmp_path / "entry.S"
    path.write_text("one")
    return path


@pytest.mark.parametrize("how", [saved, renamed])
def test_a_save_starts_a_run(entry: Path, how: Callable[[Path, str], Event]) -> None:
    """After the first run each save, in place or by renaming, starts exactly one more, which sees what was saved."""
    runs = Runs([entry])
    day = Day(nothing, how(entry, "two and more"), *[nothing] * 5, how(entry, "3"))
    assert watch.watch(runs, [str(entry)], times=day.time()) == 130
    assert runs.seen == [("one",), ("two and more",), ("3",)]


def test_nothing_saved_means_no_run(entry: Path) -> None:
    """Without a change there is one run, and the looks at the files are INTERVAL apart."""
    runs = Runs([entry])
    day = Day(quiet=20)
    assert watch.watch(runs, [str(entry)], times=day.time()) == 130
    assert len(runs.seen) == 1
    assert set(day.pauses) == {INTERVAL}


def test_a_save_of_equal_size_is_seen(entry: Path) -> None:
    """The modification time alone is enough."""
    runs = Runs([entry])
    later = stamp(str(entry))
    assert later is not None

    def touched() -> None:
        entry.write_text("two")
        os.utime(entry, ns=(later[0] + 1, later[0] + 1))

    watch.watch(runs, [str(entry)], times=Day(touched).time())
    assert runs.seen == [("one",), ("two",)]


def test_what_the_run_read_is_watched(entry: Path, tmp_path: Path) -> None:
    """A file that nobody named, but that the run notes, starts the next run; one that it does not note does not."""
    header, other = tmp_path / "exit.h", tmp_path / "notes.txt"
    for file in (header, other):
        file.write_text("one")
    runs = Runs([entry, header])
    watch.watch(runs, [str(entry)], times=Day(saved(other, "two two"), nothing, saved(header, "two two")).time())
    assert runs.seen == [("one", "one"), ("one", "two two")]


def test_a_burst_is_one_run(entry: Path) -> None:
    """A save in several steps, during which the file is empty and gone, starts one run, on the last step's text."""
    runs = Runs([entry])
    steps = [saved(entry, ""), saved(entry, "tw"), entry.unlink, nothing, nothing, saved(entry, "two")]
    day = Day(*steps)
    watch.watch(runs, [str(entry)], times=day.time())
    assert runs.seen == [("one",), ("two",)]
    assert day.pauses[1 : len(steps) + 1] == [SETTLE] * len(steps)


def test_a_file_that_stays_away_starts_a_run(entry: Path) -> None:
    """A deleted file is waited for, not longer than PATIENCE; when it comes back there is a run again."""
    runs = Runs([entry], 0, 4, 0)
    waits = round(PATIENCE / SETTLE) + 4
    day = Day(entry.unlink, *[nothing] * waits, saved(entry, "back"))
    watch.watch(runs, [str(entry)], times=day.time())
    assert runs.seen == [("one",), (None,), ("back",)]


def test_a_file_that_keeps_changing_starts_runs(entry: Path) -> None:
    """What never settles does not put a run off for ever."""
    runs = Runs([entry])
    changes = [saved(entry, "x" * number) for number in range(10, 60)]
    watch.watch(runs, [str(entry)], times=Day(*changes).time())
    assert len(runs.seen) >= 3
    assert runs.seen[-1] == ("x" * 59,)


def test_a_save_that_is_undone_starts_no_run(entry: Path, tmp_path: Path) -> None:
    """A file that is gone for a moment and comes back as it was is no change."""
    kept = tmp_path / "kept"
    runs = Runs([entry])
    watch.watch(runs, [str(entry)], times=Day(lambda: entry.rename(kept), nothing, lambda: kept.rename(entry)).time())
    assert runs.seen == [("one",)]


def test_a_save_during_a_run_is_not_lost(entry: Path) -> None:
    """What is saved while a run lasts starts the next one at once."""
    runs = Runs([entry])
    runs.during = [saved(entry, "saved during the first run")]
    watch.watch(runs, [str(entry)], times=Day().time())
    assert runs.seen == [("one",), ("saved during the first run",)]


def test_a_save_of_an_included_file_during_the_first_run_is_not_lost(entry: Path, tmp_path: Path) -> None:
    """That holds for a file that only the run itself names: its stamp is from before it was read."""
    header = tmp_path / "exit.h"
    header.write_text("one")
    runs = Runs([entry, header])
    runs.during = [saved(header, "saved meanwhile")]
    watch.watch(runs, [str(entry)], times=Day().time())
    assert runs.seen[1:] == [("one", "saved meanwhile")]


def test_a_file_that_would_count_is_watched(entry: Path) -> None:
    """A file that the run looked for, and that appears, starts a run: a configuration that is written, for example."""
    absent = entry.with_name("verify-exit.toml")
    runs = Runs([entry, absent])
    watch.watch(runs, [str(entry)], times=Day(saved(absent, "now")).time())
    assert runs.seen == [("one", None), ("one", "now")]


def test_a_failed_run_waits_for_missing_files(entry: Path, tmp_path: Path) -> None:
    """After an input error a file that appears beside the input starts a run: it may be what was missing."""
    runs = Runs([entry], 4, 0)
    later = stamp(str(tmp_path))
    assert later is not None

    def appears() -> None:
        (tmp_path / "missing.h").write_text("here")
        os.utime(tmp_path, ns=(later[0] + 1, later[0] + 1))

    watch.watch(runs, [str(entry)], times=Day(appears).time())
    assert len(runs.seen) == 2


def test_other_files_do_not_matter_after_a_verdict(entry: Path, tmp_path: Path) -> None:
    """After a verdict, whatever it is, a new file in the directory starts no run."""
    for code in (0, 1, 3, 70):
        runs = Runs([entry], code)
        watch.watch(runs, [str(entry)], times=Day(saved(tmp_path / f"new{code}.h", "")).time())
        assert len(runs.seen) == 1


def test_files_of_a_failed_run_stay_watched(entry: Path, tmp_path: Path) -> None:
    """A run that fails before it comes to a file does not make that file be forgotten."""
    header = tmp_path / "exit.h"
    header.write_text("one")
    runs = Runs([entry, header], 0, 4, 0)

    def broken() -> None:
        entry.write_text("broken")
        runs.files = [entry]

    watch.watch(runs, [str(entry)], times=Day(broken, nothing, nothing, saved(header, "two two")).time())
    assert len(runs.seen) == 3


def test_error_of_a_later_run_is_waited_out(entry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A UserError, such as of a configuration that is half edited, is said; the next save runs again."""
    asked: list[str] = []

    def run() -> int:
        note(entry)
        asked.append(entry.read_text())
        if asked[-1] == "half":
            raise UserError("config-invalid", "verify-exit.toml: line 1", 2)
        return 0

    day = Day(saved(entry, "half"), nothing, nothing, saved(entry, "whole again"))
    assert watch.watch(run, [str(entry)], times=day.time()) == 130
    assert asked == ["one", "half", "whole again"]
    assert "error[config-invalid]: verify-exit.toml: line 1" in capsys.readouterr().err


def test_error_of_the_first_run_ends_it(entry: Path) -> None:
    """What is wrong with the command line is not mended by saving a file."""

    def run() -> int:
        raise UserError("usage", "--format yaml", 2)

    with pytest.raises(UserError, match="yaml"):
        watch.watch(run, [str(entry)], times=Day().time())


def test_nothing_to_watch_ends_it() -> None:
    """A run that read no file ends with its own status."""
    assert watch.watch(lambda: 2, [], times=Day().time()) == 2


def test_interrupted_run_ends_with_130(entry: Path) -> None:
    """Ctrl-C inside a run, whether it comes out or was made a status, ends the watching with 130."""

    def stopped() -> int:
        raise KeyboardInterrupt

    assert watch.watch(stopped, [str(entry)], times=Day().time()) == 130
    assert watch.watch(lambda: 130, [str(entry)], times=Day().time()) == 130


def test_line_says_what_is_watched(entry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Below each result is one line on stderr: how many files, how to end, how long the run took, and when."""
    header, absent = entry.with_name("exit.h"), entry.with_name("verify-exit.toml")
    header.write_text("one")
    runs = Runs([entry, header, absent])
    day = Day()

    def longer() -> int:
        day.now += 0.25
        return runs()

    watch.watch(longer, [str(entry)], times=day.time())
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "watching 2 files, Ctrl-C ends (run 1 took 0.25 s, ended 12:00:00)\n\n"


def test_screen_is_cleared_before_each_run(entry: Path) -> None:
    """The screen is emptied before a run, so that no old verdict stands while the new one is made."""
    order: list[str] = []
    runs = Runs([entry])

    def run() -> int:
        order.append("run")
        return runs()

    watch.watch(run, [str(entry)], lambda: order.append("clear"), Day(saved(entry, "two two")).time())
    assert order == ["clear", "run", "clear", "run"]


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "term", "clears"),
    [
        (Terminal(), "xterm", True),
        (Terminal(), "dumb", False),
        (Terminal(), None, False),
        (io.StringIO(), "xterm", False),
    ],
)
def test_only_a_capable_terminal_is_cleared(stream: io.StringIO, term: str | None, clears: bool) -> None:
    """A pipe or a dumb terminal gets no escape sequence: its log keeps every run."""
    clear = cleaner(stream, {} if term is None else {"TERM": term})
    assert (clear is not None) == clears
    if clear is not None:
        clear()
        assert stream.getvalue() == CLEAR


def test_command_line_watches(entry: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``--watch`` writes a report for each save, its status is 130, and a pipe gets the reports one after the other."""
    monkeypatch.chdir(entry.parent)

    def verify(path: Path, _options: Options, *, progress: Progress = SILENT) -> FileReport:
        del progress
        note(path)
        return proved("entry.S") if path.read_text() == "one" else violated("entry.S")

    monkeypatch.setattr(session, "_pipeline", lambda: verify)
    monkeypatch.setattr(watch, "REAL_TIME", Day(saved(entry, "two two")).time())
    assert main(["--watch", "-q", "entry.S"]) == 130
    out = capsys.readouterr().out
    assert out.startswith("entry.S: PROVED\n")
    assert "\nentry.S: VIOLATED" in out
    assert "\x1b" not in out


# What a run says that it reads.


def test_notes_are_collected_inside_the_block_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names become absolute, a file that is not there counts, and the first note's stamp stays."""
    monkeypatch.chdir(tmp_path)
    note("before")
    with recorded() as seen:
        note("here")
        (tmp_path / "here").write_text("now it is")
        note(tmp_path / "here")
        note("below", "/somewhere/../else")
        note("nul\0")
    note("after")
    assert set(seen) == {str(tmp_path / "here"), "/else/below", str(tmp_path / "nul\0")}
    assert seen[str(tmp_path / "here")] is None


def test_notes_are_bounded() -> None:
    """A source that reads any number of files cannot make the list of them grow without end."""
    with recorded() as seen:
        for number in range(MOST + 10):
            note(f"/nowhere/{number}")
    assert len(seen) == MOST


def test_includes_are_noted(tmp_path: Path) -> None:
    """What preprocessor and assembler read is noted: #include, .include and .incbin, also through each other."""
    (tmp_path / "a.S").write_text('#include "a.h"\n.include "b.inc"\n.incbin "c.bin"\n')
    (tmp_path / "a.h").write_text('#include "deep.h"\n')
    (tmp_path / "deep.h").write_text("\tnop\n")
    (tmp_path / "b.inc").write_text("\tnop\n")
    (tmp_path / "c.bin").write_bytes(b"\x90")
    with recorded() as seen:
        assemble(tmp_path / "a.S")
    names = {Path(name).name for name in seen if Path(name).parent == tmp_path}
    assert names == {"a.S", "a.h", "deep.h", "b.inc", "c.bin"}


def test_includes_of_a_broken_source_are_noted(tmp_path: Path) -> None:
    """The header with the error in it is known also where the preprocessor fails."""
    (tmp_path / "a.S").write_text('#include "a.h"\n')
    (tmp_path / "a.h").write_text("#error not today\n")
    with recorded() as seen, pytest.raises(UserError):
        assemble(tmp_path / "a.S")
    assert str(tmp_path / "a.h") in seen


def test_contract_file_is_noted(tmp_path: Path) -> None:
    """A contract of the user's own is watched, also while it is missing."""
    with recorded() as seen, pytest.raises(UserError):
        load_contract(str(tmp_path / "own.toml"))
    assert set(seen) == {str(tmp_path / "own.toml")}


def test_stamp_changes_with_inode_size_and_time(tmp_path: Path) -> None:
    """Another file of the same size and time under the name is another stamp."""
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        path.write_text("same")
        os.utime(path, ns=(1, 1))
    before = stamp(str(one))
    other.replace(one)
    assert before != stamp(str(one))
    assert stamp(str(other)) is None

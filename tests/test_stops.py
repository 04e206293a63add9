# SPDX-License-Identifier: BSD-2-Clause
"""Ctrl-C and SIGTERM: neither is lost, and none cuts a result short."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from verifier import conclude, stops
from verifier.cli import main
from verifier.model import Run
from verifier.report import render
from verifier.solver import Solver

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = str(ROOT / "samples" / "linux-2015-opportunistic.S")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_interrupts(number: signal.Signals) -> None:
    """Both signals raise KeyboardInterrupt inside, and what was installed before is there again outside."""
    before = [signal.getsignal(one) for one in SIGNALS]
    with stops.handled(), pytest.raises(KeyboardInterrupt):
        send(number)
    assert stops.told()
    assert [signal.getsignal(one) for one in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_one_waits_while_results_are_written(number: signal.Signals) -> None:
    """One signal is only noted; a second one is meant."""
    with stops.handled():
        with stops.held():
            send(number)
        assert stops.told()
        with pytest.raises(KeyboardInterrupt), stops.held():
            send(number)


def test_who_ignores_a_signal_goes_on_ignoring_it() -> None:
    """A process that was started in the background with SIGINT ignored is not ended by it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stops.handled():
            send(signal.SIGINT)
            assert not stops.told()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_lost_interrupt_is_still_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A KeyboardInterrupt that something swallowed makes the status 130 all the same."""
    real = conclude.conclude

    def swallowing(*arguments: Any) -> Run:
        with suppress(KeyboardInterrupt):
            send(signal.SIGTERM)
        return real(*arguments)

    monkeypatch.setattr("verifier.cli.conclude", swallowing)
    assert main(["-q", SAMPLE, "--gate", "advisory", "--format", f"json={tmp_path / 'r.json'}"]) == 130


def test_a_lost_interrupt_ends_the_search() -> None:
    """Where the interpreter forgot the exception, the next question to the solver raises it; outside nothing does."""
    solver = Solver(())
    with stops.handled():
        with suppress(KeyboardInterrupt):
            send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            solver.check(True)
        with stops.held():
            assert solver.check(True) == "sat"
    assert stops.told() and solver.check(True) == "sat"


def test_every_file_is_written_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the first of several files is written does not cost the others; the status says that it came."""
    sent: list[str] = []

    def interrupted(name: str, run: Run, style: Any) -> str:
        if not sent:
            sent.append(name)
            send(signal.SIGINT)
        return render(name, run, style)

    monkeypatch.setattr("verifier.outputs.render", interrupted)
    names = [f"{name}={tmp_path / name}" for name in ("json", "junit", "concise", "sarif")]
    assert main(["-q", SAMPLE, *(word for name in names for word in ("--format", name))]) == 130
    assert all((tmp_path / name.partition("=")[0]).stat().st_size for name in names)


@pytest.mark.parametrize("place", ["verifier.cli._request", "verifier.cli._run"])
def test_an_early_interrupt_is_reported_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Before any input was looked at there is a report that says so, and status 130."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(place, stop)
    file = tmp_path / "r.json"
    assert main(["-q", SAMPLE, "--format", f"json={file}", "--gate", "advisory"]) == 130
    assert '"stopped"' in file.read_text(encoding="utf-8")

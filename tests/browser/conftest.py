# SPDX-License-Identifier: BSD-2-Clause
"""One browser for all tests, each of which begins with a script-running, light, wide window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chromium import Browser, browser
from html_samples import RUNS

from verifier.model import Run
from verifier.options import Options
from verifier.pipeline import verify
from verifier.report import Style, render

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "linux-2015-opportunistic.S"
Shown = Callable[[Run], Path]


@pytest.fixture(scope="session")
def _browser() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture
def chromium(_browser: Browser) -> Browser:
    """The browser, as if it had just been started."""
    _browser.scripting(True)
    _browser.media("light")
    _browser.width(1280)
    return _browser


@pytest.fixture(scope="session")
def runs() -> dict[str, Run]:
    """The runs made by hand, and the sample with the oldest known bug, verified for this test."""
    return RUNS | {"2015": Run((verify(SAMPLE, Options(listing=True)),))}


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    """Writes the page of a run and says where."""

    def write(run: Run) -> Path:
        path = tmp_path / "report.html"
        path.write_text(render("html", run, Style()), encoding="utf-8")
        return path

    return write

# SPDX-License-Identifier: BSD-2-Clause
"""The fetched images, and runs of the command line on them that are measured."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DIRECTORY = "VERIFY_EXIT_IMAGES"
"""The environment variable that names the directory which fetch.py filled."""


@dataclass(frozen=True, slots=True)
class RealImage:
    """An image and the package that it is from."""

    name: str
    package: str
    version: str
    path: Path


@cache
def images() -> dict[str, RealImage]:
    """Every fetched image by its name. Raises KeyError or OSError if there are none: a run without them has failed."""
    directory = Path(os.environ[DIRECTORY])
    entries = json.loads((directory / "images.json").read_text(encoding="utf-8"))
    return {
        entry["name"]: RealImage(entry["name"], entry["package"], entry["version"], directory / entry["file"])
        for entry in entries
    }


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the command line: its exit status, its JSON report and its text, and what it took.

    ``seconds`` is wall time, ``mebibytes`` the peak of its resident memory.
    """

    status: int
    report: dict[str, Any]
    text: str
    seconds: float
    mebibytes: float

    @property
    def sites(self) -> list[dict[str, Any]]:
        """The sites of its report."""
        found: list[dict[str, Any]] = self.report["sites"]
        return found

    @property
    def exits(self) -> int:
        """How many exit instructions were judged; each counts once, from however many entries."""
        return len({site["address"] for site in self.sites})

    def statistic(self, name: str) -> int:
        """One number of the statistics."""
        found = re.search(rf"\b{name} (\d+)", re.sub(r"\s+", " ", self.text))
        return int(found[1]) if found else 0

    @property
    def variants(self) -> int:
        """How many forms of patched places, apart from the file's own, the proofs covered."""
        return len({(part["start"], part["sha256"]) for site in self.sites for part in site["code"] if part["variant"]})

    @property
    def patch_sites(self) -> int:
        """How many patched places the proofs covered."""
        return len({part["start"] for site in self.sites for part in site["code"] if part["variant"]})

    def count(self, status: str) -> int:
        """How many clauses of all sites ended like that; one that needs the vendor or the paging counts once."""
        return sum(
            len({clause["id"] for clause in site["clauses"] if clause["status"] == status}) for site in self.sites
        )


LAUNCH = """
import os, sys
child = os.fork()
if not child:
    os.execv(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)
"""
"""Runs a program and writes down its peak memory in KiB. A small process in between: one that is started takes over
the peak of the one that started it."""


def measured(command: Sequence[str], output: Path, cwd: Path | None = None) -> tuple[int, float, float]:
    """Exit status, wall time in seconds and peak memory in MiB of a program; what it prints goes to a file."""
    with tempfile.NamedTemporaryFile("r") as memory, output.open("wb") as written:
        began = time.monotonic()
        launch = (sys.executable, "-I", "-S", "-c", LAUNCH, memory.name, *command)
        status = subprocess.run(launch, stdout=written, stderr=subprocess.STDOUT, cwd=cwd, check=False).returncode
        return status, time.monotonic() - began, int(memory.read()) / 1024


def verify(path: Path, arguments: Sequence[str] = (), timeout: int = 300) -> Run:
    """Run the command line in a process of its own. Raises ValueError or OSError if it wrote no report."""
    with tempfile.TemporaryDirectory(prefix="verify-exit-") as scratch:
        report, text = Path(scratch, "report.json"), Path(scratch, "report.txt")
        options = ("-v", "--timeout", str(timeout), "--format", "text", "--format", f"json={report}", *arguments)
        status, seconds, mebibytes = measured((sys.executable, "-m", "verifier", *options, str(path)), text)
        return Run(
            status=status,
            report=json.loads(report.read_text(encoding="utf-8")),
            text=text.read_text(encoding="utf-8"),
            seconds=seconds,
            mebibytes=mebibytes,
        )

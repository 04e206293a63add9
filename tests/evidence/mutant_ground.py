# SPDX-License-Identifier: BSD-2-Clause
"""What the mutants of the verifier are run against: samples, their objects, and the lines that each executes."""

from __future__ import annotations

import hashlib
import pickle
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "verifier"

LIFT = (
    "memory", "regions", "state", "stepping", "control", "join", "flags", "corrections", "calls", "window", "loops",
    "vex", "operations", "decode", "explore",
)  # fmt: skip
TRUSTED = (
    *sorted(f"isa.{path.stem}" for path in (PACKAGE / "isa").glob("*.py") if path.stem != "__init__"),
    "isa", "outcomes", "obligations", "clauses", "prove", "solver", "terms",
    *(f"lift.{name}" for name in LIFT),
)  # fmt: skip
"""Modules that a proof rests on."""


def path_of(module: str) -> Path:
    """The file of ``verifier.MODULE``."""
    stem = PACKAGE.joinpath(*module.split("."))
    return stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")


@dataclass(frozen=True, slots=True)
class Ground:
    """One sample that is green: its seconds, the objects it needs, and the lines executed in each trusted module."""

    name: str
    seconds: float
    objects: dict[tuple[object, ...], bytes]
    lines: dict[str, frozenset[int]]


def ground(names: Sequence[str], jobs: int) -> list[Ground]:
    """The samples of these names that are green without a change, measured once for each state of the sources."""
    digest = hashlib.sha256(repr(sorted(names)).encode())
    for path in sorted([*PACKAGE.rglob("*.py"), *(ROOT / "samples").iterdir(), *(ROOT / "specs").rglob("*.toml")]):
        digest.update(path.read_bytes())
    kept = Path(tempfile.gettempdir()) / f"verify-exit-mutants-{digest.hexdigest()[:16]}.pickle"
    if kept.exists():
        found: list[Ground] = pickle.loads(kept.read_bytes())  # noqa: S301 - written by the lines below
        return found
    with get_context("spawn").Pool(jobs) as pool:
        measured = [one for one in pool.imap(_measure, names) if one is not None]
    kept.write_bytes(pickle.dumps(measured))
    return measured


def _measure(name: str) -> Ground | None:
    sys.path[1:1] = [str(ROOT), str(ROOT / "tests")]
    from watch import assembled_once, guard

    files = {str(path_of(module)): module for module in TRUSTED}
    lines: dict[str, set[int]] = {module: set() for module in TRUSTED}

    def tracer(frame: FrameType, event: str, argument: Any) -> Any:
        module = files.get(frame.f_code.co_filename)
        if module is None:
            return None
        seen = lines[module]
        seen.add(frame.f_lineno)

        def local(frame: FrameType, event: str, argument: Any) -> Any:
            seen.add(frame.f_lineno)
            return local

        return local

    objects: dict[tuple[object, ...], bytes] = {}
    with assembled_once(objects):
        start = time.monotonic()
        sys.settrace(tracer)
        try:
            red = guard(name)
        finally:
            sys.settrace(None)
    if red is not None:
        return None
    seconds = time.monotonic() - start
    return Ground(name, seconds, objects, {module: frozenset(seen) for module, seen in lines.items()})

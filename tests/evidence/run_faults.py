# SPDX-License-Identifier: BSD-2-Clause
"""Every fault of faults.toml, in parallel, with the figures for docs/evidence.md.

python tests/evidence/run_faults.py [--jobs N] [--only NAME …] [--write]
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(ROOT), str(ROOT / "tests")]

import figures  # noqa: E402
from faults import FAULTS, Fault  # noqa: E402
from rewrite import rewritten  # noqa: E402
from watch import Guard, assembled_once, guard  # noqa: E402

MEANING: dict[Guard, str] = {
    "sample": "nothing in the report: a sample promises another verdict, or an assumption is not listed",
    "replay": "the emulator disagrees",
    "cover": "the cover query: paths are missing",
    "open": "the verifier gives up for another reason",
    "crash": "an exception",
}


def noticed(fault: Fault) -> tuple[str, Guard | None, str]:
    """The name of a fault, what notices it, and the sample that turned red."""
    with assembled_once(), rewritten(fault.edits):
        for name in fault.samples:
            found = guard(name, fault.lists)
            if found is not None:
                return fault.name, found, name
    return fault.name, None, ""


def table(found: dict[str, Guard | None]) -> str:
    """The figures."""
    by_guard = Counter(found.values())
    examples: dict[Guard | None, list[str]] = defaultdict(list)
    for fault in FAULTS:
        if fault.name in found:
            examples[found[fault.name]].append(fault.lets_in)
    sources = len({fault.source for fault in FAULTS})
    lines = [
        f"{len(found)} faults from {sources} descriptions of hazards; {len(found) - by_guard[None]} turn a sample red.",
        "",
        "| what tells | faults | for example |",
        "|---|---:|---|",
        *(f"| {MEANING[name]} | {by_guard[name]} | {examples[name][0]} |" for name in MEANING if by_guard[name]),
    ]
    return "\n".join(lines)


def main() -> int:
    """Run them; 1 if one is not noticed, or by something else than its table says."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--only", nargs="*", default=[])
    options.add_argument("--write", action="store_true", help="put the figures into docs/evidence.md")
    chosen = options.parse_args()
    todo = [fault for fault in FAULTS if not chosen.only or fault.name in chosen.only]
    from rich.console import Console
    from rich.progress import track

    found: dict[str, Guard | None] = {}
    wrong: list[str] = []
    told = {fault.name: fault for fault in todo}
    with get_context("spawn").Pool(chosen.jobs, maxtasksperchild=40) as pool:
        for name, by, sample in track(pool.imap(noticed, todo), "faults", len(todo), console=Console(stderr=True)):
            found[name] = by
            if by != told[name].guard:
                wrong.append(f"{name}: noticed by {by or 'nothing'} ({sample}), not by {told[name].guard}")
    for line in wrong:
        print(line)
    if chosen.write:
        figures.write("faults", table(found))
    unnoticed = sum(by is None for by in found.values())
    print(f"{len(found)} faults, {unnoticed} unnoticed, {len(wrong)} noticed by something else than expected")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

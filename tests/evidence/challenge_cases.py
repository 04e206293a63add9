# SPDX-License-Identifier: BSD-2-Clause
"""The exits of a file with what the verifier says of them, ready to be challenged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from verifier import judge
from verifier.challenge import Result, Seed, challenge, seeds_of
from verifier.contract import Contract
from verifier.counterexample import Setting
from verifier.model import Config, Reason, SiteResult, Status
from verifier.options import Options
from verifier.pipeline import verify
from verifier.prove import Path as Way, SiteAnswers
from verifier.results import Findings

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
Claims = dict[Config, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Case:
    """One exit: its seeds, and the clauses that are proved and violated by configuration."""

    name: str
    kind: str
    address: int
    contract: Contract
    auto: bool
    seeds: tuple[Seed, ...]
    proved: Claims
    violated: Claims

    def run(self, claims: Claims, count: int, seed: int) -> Result:
        """Challenge some claims."""
        return challenge(
            self.contract, self.kind, self.address, self.seeds, claims, count, seed, auto=self.auto
        )  # fmt: skip


@contextmanager
def _collecting(name: str) -> Iterator[list[Case]]:
    """Every exit that is judged inside; no counterexample is made of what fails."""
    found: list[Case] = []

    def collect(
        setting: Setting, entry: str, paths: list[Way], answers: SiteAnswers, problems: list[Reason], *rest: Any
    ) -> Findings:
        leaf = paths[0].leaf
        claims: dict[Status, dict[Config, set[str]]] = defaultdict(lambda: defaultdict(set))
        for answer in answers.answers:
            # Where the exploration is open nothing is proved.
            if answer.status != "proved" or not problems:
                claims[answer.status][answer.config].add(answer.clause.id)
        proved, violated = (
            {config: frozenset(names) for config, names in claims[status].items()} for status in ("proved", "violated")
        )
        seeds = tuple(seeds_of(setting, answers.reached, paths))
        case = Case(
            name, leaf.detail, leaf.decoded.address, setting.contract, setting.auto, seeds, proved, violated
        )  # fmt: skip
        found.append(case)
        return Findings(SiteResult(leaf.detail, leaf.location, entry, "proved", (), ()), [], [])

    with patch.object(judge, "site_result", collect):
        yield found


def cases(path: Path) -> list[Case]:
    """The exits of a file. Raises UserError for one that cannot be read."""
    with _collecting(path.name) as found:
        verify(path, Options())
    return found


def names() -> list[str]:
    """The samples that are run by themselves."""
    return sorted(
        path.name for path in SAMPLES.glob("*.S") if "# FRAGMENT" not in path.read_text("utf-8").splitlines()[:5]
    )

# SPDX-License-Identifier: BSD-2-Clause
"""A search against "proved": adversarial and random machines on the real bytes, judged without any proof.

It shares nothing with the lifter, the symbolic evaluator, the joins and the
solver: Unicorn executes the image from a concrete entry state up to an exit
instruction, and there the exit semantics and the clauses run on ints. A
machine for which a clause that was called proved is false is a *divergence*:
either the proof or this search is wrong. The solver gives it a place to start
from (``seeds.seeds_of``), which is not trusted.

    seeds = seeds_of(setting, answers.reached, paths)      # list[Seed]
    result = challenge(contract, "sysretq", address, seeds, {("intel", "la48"): frozenset({"rip", …}), …}, 10_000, 1)
    result.divergences                                     # () unless something is wrong

``challenge`` may be asked about any image: give seeds with another ``image`` (``dataclasses.replace``) to run
changed code from the same machines. Unicorn is loaded by the first call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from verifier.challenge.result import Divergence, Result, Seed
from verifier.contract import Contract
from verifier.model import Config

if TYPE_CHECKING:
    from verifier.counterexample import Setting
    from verifier.prove import Path

__all__ = ["Divergence", "Result", "Seed", "challenge", "seeds_of"]


def challenge(
    contract: Contract,
    kind: str,
    address: int,
    seeds: Sequence[Seed],
    proved: Mapping[Config, frozenset[str]],
    count: int,
    seed: int,
    *,
    auto: bool = False,
    deadline: float | None = None,
) -> Result:
    """Run ``count`` machines and look for one that makes a clause of ``proved`` false at an exit.

    ``kind`` is the mnemonic of the exit at ``address`` (sysretq, sysretl,
    sysexitq, sysexitl, iretq); ``proved`` has the ids of the clauses that are claimed, for each configuration.
    ``auto``: the reference is the file's own IRET exit (``--frame auto``); clauses that need it are not judged.
    The same arguments give the same result, but for ``deadline``, a time.monotonic() instant at which
    it ends early. Without seeds nothing is run.
    """
    from verifier.challenge.search import search, subject_of

    return search(subject_of(contract, kind, address, auto), seeds, proved, count, seed, deadline)


def seeds_of(setting: Setting, reached: Sequence[Config], paths: Sequence[Path], most: int = 8) -> list[Seed]:
    """A machine for each path to a site, at most ``most``; ``reached`` are the configurations in which there is one."""
    from verifier.challenge.seeds import seeds_of as found

    return found(setting, reached, paths, most)

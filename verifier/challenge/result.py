# SPDX-License-Identifier: BSD-2-Clause
"""What a challenge is given and what it answers: plain data, no terms."""

from __future__ import annotations

from verifier.model import Change, Config, Image
from verifier.outcomes import ExitView
from verifier.records import record
from verifier.replay import ReplayRequest


@record
class Seed:
    """One concrete machine that takes the exit, and the image as it runs in that machine.

    ``paged``: the code itself depends on the paging mode, so that CR4.LA57 has to stay as it is. ``followed`` are
    the addresses that its path executes if only the calls on it are followed; None: every call into the image is.
    """

    image: Image
    request: ReplayRequest
    paged: bool = False
    followed: frozenset[int] | None = None


@record
class Divergence:
    """A machine for which a clause that was called proved is false.

    ``inputs`` are what distinguishes it from the seed, as few as were found to be enough; ``view`` has both
    outcomes, on ints. ``request`` is the whole machine, to be replayed on ``image``; ``replayed`` says that the
    one-instruction-at-a-time replay ends in the same registers, ``note`` what it said.
    """

    clause: str
    config: Config
    inputs: tuple[Change, ...]
    view: ExitView
    image: Image
    request: ReplayRequest
    replayed: bool
    note: str


@record
class Result:
    """What a search found.

    ``frames`` were run, ``compared`` of them came to the exit and were judged, on ``paths`` different paths.
    ``ends`` says where all of them ended, ``not_comparable`` why the emulator could not go on (these are in ``ends``
    as well). ``judged`` are the clauses that were evaluated, ``not_judged`` (clause, why) the others that are
    claimed. ``seeds`` is the number of seeds that reached the exit here as well.
    """

    frames: int
    compared: int
    paths: int
    seeds: int
    ends: tuple[tuple[str, int], ...]
    not_comparable: tuple[tuple[str, int], ...]
    judged: tuple[str, ...]
    not_judged: tuple[tuple[str, str], ...]
    divergences: tuple[Divergence, ...]

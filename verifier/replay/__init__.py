# SPDX-License-Identifier: BSD-2-Clause
"""Re-execution of a counterexample: the image's real bytes on Unicorn, from one concrete state.

This is a second opinion that shares nothing with the symbolic evaluator:
no lifter, no flag model, no memory model. Unicorn is loaded by the first call.
"""

from __future__ import annotations

from verifier.model import Image
from verifier.replay.request import CallEffect, MemoryWord, ReplayRequest, ReplayResult

__all__ = ["CallEffect", "MemoryWord", "ReplayRequest", "ReplayResult", "replay"]


def replay(image: Image, request: ReplayRequest) -> ReplayResult:
    """Run the image's code at CPL 0 from ``request.entry`` up to, and without, ``request.stop_at``.

    Neither what the code does nor what Unicorn cannot do raises: the result is
    then not ``reached`` and has a ``reason``. The same arguments give the same
    result.
    """
    from verifier.replay.machine import run

    return run(image, request)

# SPDX-License-Identifier: BSD-2-Clause
"""The program's start: ``python -m verifier`` and the ``verify-exit`` script.

A traceback would end with status 1, which means "violated". So even the
import of the command line is inside the guard.
"""

from __future__ import annotations

import gc
import sys

GARBAGE = 20_000
"""So many new objects before one more look for cycles: at Python's 700 a run spends a twentieth of its time on that."""


def main() -> int:
    """Run the command line on ``sys.argv``; the result is the exit status."""
    gc.set_threshold(GARBAGE, 10, 10)
    try:
        return _run()
    finally:
        # The process ends: what it holds need not be taken apart, term by term, which takes as long as a proof.
        gc.freeze()


def _run() -> int:
    try:
        from verifier.cli import main as run

        return run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if sys.stderr is not None:
            sys.stderr.write(f"verify-exit: internal error: cannot start: {type(error).__name__}: {error}\n")
        return 70


if __name__ == "__main__":
    sys.exit(main())

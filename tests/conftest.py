# SPDX-License-Identifier: BSD-2-Clause
"""Settings for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# The width of the output is that of a pipe, whoever starts the tests.
os.environ.pop("COLUMNS", None)

# No test is answered by an earlier run, but those that are about this.
os.environ["VERIFY_EXIT_NO_CACHE"] = "1"

# The same examples on every machine and no timed assertion: a red test is a fact about the code.
settings.register_profile("verify-exit", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("verify-exit")


@pytest.fixture(scope="session", autouse=True)
def in_this_process() -> Iterator[None]:
    """Several inputs are verified one after the other in the tests' own process, where what they replaced is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("verifier.cli.usable", lambda: 1)
        yield

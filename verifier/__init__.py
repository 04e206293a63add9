# SPDX-License-Identifier: BSD-2-Clause
"""verify-exit: proves that an x86-64 return-to-user path takes SYSRET only where it equals IRET.

The functions and types below are the library; docs/library.md describes them. Their names are stable.
Importing the package costs nothing: they are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verifier.insights import Comparison as Comparison, Slack as Slack
    from verifier.library import (
        ExitNotSafe as ExitNotSafe,
        Result as Result,
        assert_exit_safe as assert_exit_safe,
        diff as diff,
        explain_frame as explain_frame,
        review as review,
        slack as slack,
        verify as verify,
    )
    from verifier.model import FileReport as FileReport, UserError as UserError

__version__ = "0.1.0"

_WHERE = {
    "Comparison": "insights",
    "ExitNotSafe": "library",
    "FileReport": "model",
    "Result": "library",
    "Slack": "insights",
    "UserError": "model",
    "assert_exit_safe": "library",
    "diff": "library",
    "explain_frame": "library",
    "review": "library",
    "slack": "library",
    "verify": "library",
}
"""Public name and the module that has it."""

__all__ = [*_WHERE, "__version__"]


def __getattr__(name: str) -> object:
    if name in _WHERE:
        return getattr(import_module(f"verifier.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'verifier' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})

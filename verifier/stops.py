# SPDX-License-Identifier: BSD-2-Clause
"""Ctrl-C and SIGTERM: both end a run as KeyboardInterrupt, none is lost, and results are written to the end.

An exception that a signal raises inside a finaliser is printed and forgotten by the interpreter; that
the signal came is remembered here, so that such a run does not end as if nothing had happened.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class _State:
    told = False
    holding = False
    active = False


def told() -> bool:
    """Whether a signal came since ``handled`` began."""
    return _State.told


def check() -> None:
    """Raise the KeyboardInterrupt of a signal that came and was lost: a long run asks at each of its steps."""
    if _State.active and _State.told and not _State.holding:
        raise KeyboardInterrupt


@contextmanager
def handled() -> Iterator[None]:
    """Inside, SIGINT and SIGTERM raise KeyboardInterrupt in the main thread; one that is ignored stays so."""
    _State.told = _State.holding = False
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, _stop)
    _State.active = True
    try:
        yield
    finally:
        _State.active = False
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held() -> Iterator[None]:
    """Inside, the first signal waits for the end of the block; ``told`` says that it came."""
    _State.holding = True
    try:
        yield
    finally:
        _State.holding = False


def _stop(_number: int, _frame: FrameType | None) -> None:
    waits = _State.holding and not _State.told
    _State.told = True
    if not waits:
        raise KeyboardInterrupt

# SPDX-License-Identifier: BSD-2-Clause
"""A tool that cannot write, or read, outside what it was given: Linux' Landlock, where the kernel has it.

A second line of defence. Without Landlock (Linux before 5.13, a container that
forbids it, another system) a tool starts as it is, and what it opened is judged
by its own list alone: see verifier.includes.

Source: the kernel's Documentation/userspace-api/landlock.rst and
include/uapi/linux/landlock.h; prctl(2), PR_SET_NO_NEW_PRIVS.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from verifier.records import record

# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_PR_SET_NO_NEW_PRIVS = 38
_WRITE_FILE, _READ_FILE, _TRUNCATE = 1 << 1, 1 << 2, 1 << 14
# Removing and making files and directories of all kinds; links across directories (ABI 2), truncation (ABI 3).
_CHANGES = {1: _WRITE_FILE | sum(1 << bit for bit in range(4, 13)), 2: 1 << 13, 3: _TRUNCATE}
_TCP = 3  # bind and connect (ABI 4)

_T = TypeVar("_T")


@record
class Confinement:
    """What a process may open: ``writable`` to change and read, ``readable`` to read; None means every file."""

    writable: tuple[str, ...]
    readable: tuple[str, ...] | None = None


def started(start: Callable[[], _T], confinement: Confinement) -> _T:
    """What ``start``, which starts a process, returns. That process is confined; the caller is not.

    A thread confines itself, as only threads can, and starts the process,
    which inherits; then the thread ends.
    """
    result: list[_T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with contextlib.suppress(OSError):
                _restrict(confinement)
            result.append(start())
        except BaseException as error:  # handed on to the caller
            failures.append(error)

    thread = threading.Thread(target=run, name="confined")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return result[0]


def version() -> int:
    """The kernel's Landlock ABI version; 0 without Landlock."""
    if not sys.platform.startswith("linux"):
        return 0
    try:
        return max(0, _call(_CREATE_RULESET, None, 0, _VERSION_FLAG))
    except OSError:
        return 0


def _restrict(confinement: Confinement) -> None:
    """Confine the calling thread for good. Raises OSError."""
    abi = version()
    if not abi:
        return
    changes = sum(bits for since, bits in _CHANGES.items() if since <= abi)
    handled = changes | (0 if confinement.readable is None else _READ_FILE)
    attributes = struct.pack("<QQ", handled, _TCP) if abi >= 4 else struct.pack("<Q", handled)
    rules = _call(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for access, places in (
            (changes | _READ_FILE, (*confinement.writable, os.devnull)),
            (_READ_FILE, confinement.readable or ()),
        ):
            for place in places:
                with _opened(place) as (descriptor, is_directory):
                    of_files = _WRITE_FILE | _READ_FILE | _TRUNCATE
                    allowed = access & handled & (-1 if is_directory else of_files)
                    if descriptor is not None and allowed:
                        _call(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("<Qi", allowed, descriptor), 0)
        if _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError("prctl")
        _call(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


@contextlib.contextmanager
def _opened(place: str) -> Iterator[tuple[int | None, bool]]:
    """A descriptor of a file or directory, None if there is none; whether it is a directory."""
    try:
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except (OSError, ValueError):
        yield None, False
        return
    try:
        yield descriptor, stat.S_ISDIR(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: int | bytes | None) -> int:
    converted = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    result = int(_libc().syscall(ctypes.c_long(number), *converted))
    if result < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return result


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)

# SPDX-License-Identifier: BSD-2-Clause
"""Single instructions on the CPU that this runs on, in a process of their own: native_runner.c."""

from __future__ import annotations

import signal
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from unicorn_cpu import USER_ANCHORS, WINDOW, CpuState

from verifier.model import GPRS, Image

SOURCE = Path(__file__).with_name("native_runner.c")
_NUMBERS = struct.Struct("<20Q")
_RECORD = _NUMBERS.size + len(USER_ANCHORS) * 2 * WINDOW
_BATCH = 1000
_RF = 1 << 16  # set in the image that a fault saves


class RunnerError(Exception):
    """The runner ended, or code did something that a case may not do."""


def build(directory: Path) -> Path:
    """Compile the runner into a directory; returns its path."""
    target = directory / "native_runner"
    subprocess.run(["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-o", target, SOURCE], check=True, timeout=120)
    return target


def missing() -> frozenset[str]:
    """What is in the text of instructions that this CPU does not have, or a process may not use."""
    information = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    flags = frozenset(next(line for line in information.splitlines() if line.startswith("flags")).split())
    auxiliary = struct.iter_unpack("<QQ", Path("/proc/self/auxv").read_bytes())
    bases = any(key == 26 and value & 2 for key, value in auxiliary)  # AT_HWCAP2, FSGSBASE
    return frozenset({"rdpid", "rdtscp"} - flags) | (frozenset() if bases else frozenset({"gsbase"}))


class NativeCpu:
    """Code of an image at the addresses where the image has it, in user mode; windows at USER_ANCHORS."""

    def __init__(self, runner: Path, image: Image) -> None:
        (section,) = (section for section in image.sections if section.executable)
        self._image = image
        self._process = subprocess.Popen([runner], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        numbers = (*USER_ANCHORS, USER_ANCHORS[-1], section.address, section.size)
        self._input.write(struct.pack("<7Q", *numbers) + section.data)

    @property
    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _output(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def __enter__(self) -> NativeCpu:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._input.close()
        self._output.close()
        self._process.wait()

    def run(self, start: int, states: Sequence[CpuState]) -> list[tuple[int | None, CpuState]]:
        """Execute from ``start`` to the first HLT in each state: its address and the state before it.

        Where another exception is raised: None and the given state. Raises RunnerError.
        """
        found = []
        for first in range(0, len(states), _BATCH):
            batch = states[first : first + _BATCH]
            try:
                self._input.write(struct.pack("<Q", len(batch)) + b"".join(_packed(start, state) for state in batch))
                self._input.flush()
            except BrokenPipeError:
                raise RunnerError(f"the runner ended with {self._process.wait()}") from None
            for state in batch:
                record = self._output.read(_RECORD)
                if len(record) < _RECORD:
                    raise RunnerError(f"the runner ended with {self._process.wait()}")
                found.append(self._unpacked(record, state))
        return found

    def _unpacked(self, record: bytes, before: CpuState) -> tuple[int | None, CpuState]:
        *registers, rflags, at, number, gs_base = _NUMBERS.unpack_from(record)
        halted = self._image.code_at(at, 1) == b"\xf4"
        if number in (signal.SIGFPE, signal.SIGILL) or (number == signal.SIGSEGV and not halted):
            return None, before
        if number != signal.SIGSEGV:
            raise RunnerError(f"signal {number} at {at:#x}")
        windows = tuple(
            (anchor, record[start : start + 2 * WINDOW])
            for (anchor, _), start in zip(before.windows, range(_NUMBERS.size, _RECORD, 2 * WINDOW), strict=True)
        )
        system = (("gs_base", gs_base),) if before.system else ()
        return at, CpuState(tuple(zip(GPRS, registers, strict=True)), rflags & ~_RF, windows, system)


def _packed(start: int, state: CpuState) -> bytes:
    numbers = _NUMBERS.pack(*(value for _, value in state.registers), state.rflags, start, 0, state.named("gs_base"))
    return numbers + b"".join(content for _, content in state.windows)

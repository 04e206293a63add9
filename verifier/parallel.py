# SPDX-License-Identifier: BSD-2-Clause
"""Run one task for many inputs in worker processes, so that whatever happens to a worker costs one input.

Workers are forked: another start method runs Python anew with the current directory in its module path,
and that directory may be the hostile tree that is verified. A process with threads cannot be forked
safely, z3's own included, so ``possible`` looks for them. What a worker needs is imported before it
starts, and its memory is shared until it is written to.

Between the processes go numbers and bytes, never pickled objects: a worker reads hostile input.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import Literal

from verifier.records import record

GRACE = 2.0
"""Seconds that a worker has to say what it knows, once the run is to end."""
INTERVAL = 0.2
"""Seconds between two looks at whether the run is to end."""
INPUTS = 64
"""Inputs after which a worker is replaced, so that what libraries keep does not add up."""
MAX_BYTES = 1 << 30
"""Largest answer of a worker."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@record
class Ended:
    """Why an input has no answer. ``text`` says how its worker died; else it is ""."""

    how: Literal["died", "interrupted", "not begun"]
    text: str = ""


Task = Callable[[int], bytes]
Answered = Callable[[int, bytes | Ended], bool]
"""Gets each answer as it comes, and says whether the run is to end."""
Tick = Callable[[Sequence[int]], None]
"""Is called some times a second with the numbers of the inputs that are worked on."""


def possible() -> bool:
    """Whether this process can be forked: it is the only thread, also by the system's count."""
    if not hasattr(os, "fork") or threading.active_count() > 1:
        return False
    tasks = Path("/proc/self/task")
    return not tasks.is_dir() or len(list(tasks.iterdir())) == 1


def run(task: Task, count: int, jobs: int, answered: Answered, tick: Tick) -> None:
    """Call ``task`` with 0 to ``count`` - 1, each in one of ``jobs`` workers, and ``answered`` once for each.

    Inputs begin in their order. SIGINT, SIGTERM or a true value of ``answered`` ends the run: workers get
    KeyboardInterrupt in their task and GRACE seconds to answer all the same. A second signal raises
    KeyboardInterrupt here. No worker is left when this returns or raises, and none outlives this process.
    """
    gc.freeze()  # the collector would write to every shared page
    try:
        with _noted() as signals:
            pool = _Pool(task, jobs)
            try:
                _drive(pool, count, signals, answered, tick)
            finally:
                pool.end()
    finally:
        gc.unfreeze()


def _drive(pool: _Pool, count: int, signals: list[int], answered: Answered, tick: Tick) -> None:
    begun, deadline = 0, float("inf")
    ending = False
    while True:
        while not ending and begun < count and (worker := pool.idle()) is not None:
            worker.begin(begun)
            begun += 1
        if not ending and begun < count and not pool.workers:
            ending = answered(begun, Ended("died", f"no worker process can be started: {pool.problem}"))
            begun += 1
            continue
        busy = [worker for worker in pool.workers if worker.number is not None]
        if not busy:
            break
        tick([worker.number for worker in busy if worker.number is not None])
        ready = wait([thing for worker in busy for thing in (worker.connection, worker.process.sentinel)], INTERVAL)
        for worker in busy:
            if worker.connection in ready or worker.process.sentinel in ready:
                number, answer = worker.answer()
                if isinstance(answer, Ended):
                    pool.remove(worker)
                    answer = Ended("interrupted") if deadline < float("inf") else answer
                elif worker.served >= INPUTS:
                    pool.remove(worker)
                ending = answered(number, answer) or ending
        ending = ending or bool(signals)
        if ending and deadline == float("inf"):
            deadline = time.monotonic() + GRACE
            for worker in pool.workers:
                worker.process.terminate()
        if time.monotonic() > deadline:
            for worker in pool.workers:
                worker.process.kill()
    for number in range(begun, count):
        answered(number, Ended("not begun"))


class _Pool:
    """The workers that there are; they start when they are needed."""

    def __init__(self, task: Task, jobs: int) -> None:
        self._task, self._jobs = task, jobs
        self.workers: list[_Worker] = []
        self.problem = ""

    def idle(self) -> _Worker | None:
        """A worker that waits for an input, perhaps a new one; None if all are busy."""
        for worker in self.workers:
            if worker.number is None:
                return worker
        if len(self.workers) >= self._jobs:
            return None
        try:
            worker = _Worker(self._task, [one.connection for one in self.workers])
        except OSError as error:
            # No memory or no processes left: those that there are do the work.
            self.problem = error.strerror or str(error)
            self._jobs = len(self.workers)
            return None
        self.workers.append(worker)
        return worker

    def remove(self, worker: _Worker) -> None:
        """Forget a worker that is dead, or idle and to be replaced."""
        self.workers.remove(worker)
        worker.close()

    def end(self) -> None:
        """End every worker, those that are busy by force."""
        for worker in self.workers:
            if worker.number is not None:
                worker.process.kill()
        for worker in self.workers:
            worker.close()


class _Worker:
    """A process, this end of the connection to it, and the input ``number`` that it works on."""

    def __init__(self, task: Task, others: Sequence[Connection]) -> None:
        self.number: int | None = None
        self.served = 0
        self.connection, far = multiprocessing.Pipe()
        foreign = (*others, self.connection)
        context = multiprocessing.get_context("fork")
        self.process: ForkProcess = context.Process(target=_serve, args=(far, foreign, task), daemon=True)
        # Until the worker has its own handlers, a signal would end it with a traceback.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            self.process.start()
        except BaseException:
            self.connection.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            far.close()

    def begin(self, number: int) -> None:
        """Let the worker do one input."""
        self.number = number
        self.served += 1
        # A worker that is dead already is found by its sentinel.
        with suppress(OSError):
            self.connection.send_bytes(b"%d" % number)

    def answer(self) -> tuple[int, bytes | Ended]:
        """The number of the input, and what came of it."""
        number, self.number = self.number, None
        if number is None:
            raise RuntimeError("an idle worker has no answer")
        try:
            # A worker that answered and then died has answered.
            if self.connection.poll():
                return number, self.connection.recv_bytes(MAX_BYTES)
        except (EOFError, OSError):
            pass
        self.process.kill()
        self.process.join()
        return number, Ended("died", _death(self.process.exitcode))

    def close(self) -> None:
        """Wait for the end of a worker that is idle, dead or killed: it ends when the connection does."""
        self.connection.close()
        self.process.join()
        self.process.close()


def _death(status: int | None) -> str:
    if status is None or status >= 0:
        return f"its worker process ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    likely = ", most likely for lack of memory" if -status == signal.SIGKILL else ""
    return f"its worker process was ended by {name}{likely}"


@contextmanager
def _noted() -> Iterator[list[int]]:
    """Collect the first signal that is to end the run; the second raises KeyboardInterrupt."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return

    def note(number: int, _frame: FrameType | None) -> None:
        seen.append(number)
        if len(seen) > 1:
            raise KeyboardInterrupt

    # A process that was started with a signal ignored, as nohup does, goes on to ignore it.
    before = {one: signal.getsignal(one) for one in _SIGNALS if signal.getsignal(one) is not signal.SIG_IGN}
    for one in before:
        signal.signal(one, note)
    try:
        yield seen
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


# In the worker.


def _serve(connection: Connection, foreign: Sequence[Connection], task: Task) -> None:
    """Answer numbers until the connection ends, which it also does when the parent dies."""
    # Ends of other connections that were inherited would keep them open.
    for other in foreign:
        other.close()
    working, ended = [False], [False]

    def stop(_number: int, _frame: FrameType | None) -> None:
        ended[0] = True
        if working[0]:
            working[0] = False
            raise KeyboardInterrupt

    # A terminal sends Ctrl-C to all processes; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    numbers: SimpleQueue[int | None] = SimpleQueue()
    threading.Thread(target=_follow, args=(connection, numbers, working), daemon=True).start()
    while (number := numbers.get()) is not None:
        try:
            working[0] = True
            if ended[0]:
                return
            answer = task(number)
            working[0] = False
        except KeyboardInterrupt:
            return
        with suppress(BrokenPipeError):
            connection.send_bytes(answer)


def _follow(connection: Connection, numbers: SimpleQueue[int | None], working: list[bool]) -> None:
    """Pass numbers on. If the connection ends during a task, the parent is dead: end the task, or this process."""
    with suppress(EOFError, OSError):
        while True:
            numbers.put(int(connection.recv_bytes(32)))
    numbers.put(None)
    if working[0]:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE)
        os._exit(1)

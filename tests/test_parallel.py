# SPDX-License-Identifier: BSD-2-Clause
"""Several inputs in worker processes: the results of one process, and what becomes of workers that end too early.

Each test starts a program of its own, because a process with threads, as the tests' is, cannot be forked safely.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from report_samples import proved

from verifier import parallel
from verifier.codec import Malformed, decode, encode
from verifier.options import Options
from verifier.reads import bring, recorded
from verifier.session import Work, numbered

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = (
    "auto-rbx-leak.S",
    "no-such-file.S",
    "inconclusive-no-sysret.S",
    "auto-frames-differ.S",
    "linux-2015-seed.S",
)

PROGRAM = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from report_samples import inconclusive, proved, violated
from verifier import parallel, progress, reads
from verifier.cli import main
from verifier.model import Reason, UserError

def verify(path, options, progress):
    reads.note(path)
    what, *words = path.read_text().split()
    with open("pids", "a") as pids:
        print(path, os.getpid(), file=pids)
    match what:
        case "proved":
            return proved(str(path))
        case "violated":
            return violated(str(path))
        case "error":
            raise UserError("assembler-error", f"{path}:3: Error: no such instruction\\n{path}:4: Error: nor this")
        case "crash":
            raise RuntimeError("index out of range")
        case "signal":
            os.kill(os.getpid(), int(words[0]))
        case "exit":
            os._exit(int(words[0]))
        case "wait":
            with open(f"begun-{path}", "w") as begun:
                print("begun", file=begun)
            try:
                signal.pause()
            except KeyboardInterrupt:
                stopped = Reason("stopped", "the run was interrupted", "run it again")
                return replace(violated(str(path)), reasons=(stopped,))
        case "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            with open(f"begun-{path}", "w") as begun:
                print("begun", file=begun)
            while True:
                signal.pause()
        case "strange":
            return "no report"

module = ModuleType("verifier.pipeline")
module.verify = verify
sys.modules["verifier.pipeline"] = module
"""


@dataclass(frozen=True)
class Done:
    """What a run left behind."""

    status: int
    out: str
    err: str


def started(place: Path, code: str, *words: str) -> subprocess.Popen[bytes]:
    """The program with a stand-in for the analysis, in ``place`` and in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM + code, "--no-config", "--color", "never", *words],
        cwd=place,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "TERM": "xterm", "CI": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def begun(place: Path, waiting: Iterable[str], code: str, *words: str) -> subprocess.Popen[bytes]:
    """The same, when work on all inputs that are ``waiting`` has begun."""
    for name in waiting:
        os.mkfifo(place / f"begun-{name}")
    process = started(place, code, *words)
    for name in waiting:
        assert (place / f"begun-{name}").read_text(encoding="utf-8") == "begun\n"
    return process


def ended(process: subprocess.Popen[bytes]) -> Done:
    """What the program left when it and all that it started have closed their streams."""
    try:
        out, err = process.communicate(timeout=120)
    finally:
        # A test that fails leaves nothing behind.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return Done(process.returncode, out.decode(), err.decode())


def run(place: Path, *words: str, code: str = "") -> Done:
    """One whole run."""
    return ended(started(place, code + "\nsys.exit(main(sys.argv[1:]))", *words))


def inputs(place: Path, *texts: str) -> list[str]:
    """Files 0.S, 1.S and so on with these texts."""
    for number, text in enumerate(texts):
        (place / f"{number}.S").write_text(text, encoding="utf-8")
    return [f"{number}.S" for number in range(len(texts))]


def workers(place: Path) -> dict[str, int]:
    """Input → the process that worked on it."""
    lines = (place / "pids").read_text(encoding="utf-8").splitlines()
    return {name: int(pid) for name, pid in (line.split() for line in lines)}


# The same result.


@cache
def real(jobs: int) -> tuple[Done, dict[str, str]]:
    """The real analysis of some samples, with every format, by so many processes."""
    names = ("json", "html", "markdown", "sarif", "junit", "parts", "lkml")
    words = [sys.executable, "-m", "verifier", "--no-config", "--jobs", str(jobs), "-q"]
    (Path.cwd() / "out").mkdir(exist_ok=True)
    words += [f"--format={name}=out/{jobs}.{name}" for name in names]
    words += [str(ROOT / "samples" / name) for name in SAMPLES]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    files = {name: Path(f"out/{jobs}.{name}").read_text(encoding="utf-8") for name in names}
    return Done(done.returncode, done.stdout, done.stderr), files


def test_results_do_not_depend_on_the_number_of_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real samples: status, streams and every file are the same in every byte, but for the time that stages took."""
    monkeypatch.chdir(tmp_path)
    (one, files), (three, others) = real(1), real(3)
    assert one == three
    assert "error[input-not-found]" in one.err
    for name in files:
        if name != "parts":
            assert files[name] == others[name], name


def test_messages_are_whole_and_in_the_order_of_the_inputs(tmp_path: Path) -> None:
    """What workers say comes as one process would have said it, whoever is faster."""
    names = inputs(tmp_path, "error", "proved", "crash", "error", "violated", "strange", "error")
    serial, parallel = (run(tmp_path, *names, "--jobs", jobs) for jobs in ("1", "4"))
    assert serial == parallel
    assert serial.err.count("error") > 6
    assert serial.err.index("0.S:4") < serial.err.index("2.S") < serial.err.index("3.S:3") < serial.err.index("5.S")
    assert len(set(workers(tmp_path).values())) > 1


def test_default_is_the_usable_cpus(tmp_path: Path) -> None:
    """Without --jobs there are no more workers than CPUs that the process may use."""
    names = inputs(tmp_path, *["proved"] * 6)
    code = "import os\nos.sched_getaffinity = lambda _: {0, 5}"
    assert run(tmp_path, *names, code=code).status == 0
    assert 1 <= len(set(workers(tmp_path).values())) <= 2
    assert run(tmp_path, *names, code="os.sched_getaffinity = lambda _: {3}\nparallel.run = None").status == 0


@pytest.mark.parametrize("words", [["0.S"], ["0.S", "--jobs", "8"], ["0.S", "1.S", "--jobs", "1"], ["0.S", "missing"]])
def test_one_input_pays_nothing(tmp_path: Path, words: list[str]) -> None:
    """Nothing of multiprocessing is imported, and no process started, where one input at a time is verified."""
    inputs(tmp_path, "proved", "proved")
    code = """
del sys.modules["verifier.parallel"]
for name in [name for name in sys.modules if name.partition(".")[0] == "multiprocessing"]:
    del sys.modules[name]
main(sys.argv[1:])
sys.exit(any(name.partition(".")[0] == "multiprocessing" or name == "verifier.parallel" for name in sys.modules))
"""
    done = ended(started(tmp_path, code, *words))
    assert done.status == 0, done.err
    assert len(set(workers(tmp_path).values())) == 1


def test_a_hostile_directory_is_not_imported_from(tmp_path: Path) -> None:
    """Modules in the current directory, which may be the tree under test, are never run by workers."""
    names = inputs(tmp_path, "proved", "violated")
    for name in ("multiprocessing", "struct", "queue", "socket", "verifier", "random"):
        (tmp_path / f"{name}.py").write_text("open('was-here', 'w').close()\n", encoding="utf-8")
    assert run(tmp_path, *names, "--jobs", "2").status == 1
    assert not (tmp_path / "was-here").exists()


def test_workers_are_replaced(tmp_path: Path) -> None:
    """No worker serves more than its share of inputs, so that what libraries keep does not add up."""
    names = inputs(tmp_path, *["proved"] * 7)
    assert run(tmp_path, *names, "--jobs", "2", code="parallel.INPUTS = 2").status == 0
    served = list(workers(tmp_path).values())
    assert len(served) == 7
    assert max(served.count(pid) for pid in served) <= 2


def test_a_process_with_threads_is_not_forked() -> None:
    """Beside other threads, or a library's, inputs are verified in this process."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        assert not parallel.possible()
    finally:
        end.set()
        thread.join()


def test_files_that_workers_read_are_noted(tmp_path: Path) -> None:
    """--watch knows what was read, also in workers."""
    names = inputs(tmp_path, "proved", "error", "violated")
    code = """
with reads.recorded() as seen:
    main(sys.argv[1:])
print("seen", *sorted(Path(name).name for name, stamp in seen.items() if stamp == reads.stamp(name)))
"""
    done = ended(started(tmp_path, code, *names, "--jobs", "3"))
    assert {"0.S", "1.S", "2.S"} <= set(done.out.splitlines()[-1].split())


def test_brought_notes_do_not_replace_earlier_ones() -> None:
    """The stamp of a file is that of its first note, whichever process made it."""
    with recorded() as seen:
        bring({"/a": (1, 2, 3), "/b": None})
        bring({"/a": None})
    assert seen == {"/a": (1, 2, 3), "/b": None}
    bring({"/c": None})


# Workers that die.


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (f"signal {int(signal.SIGKILL)}", "was ended by SIGKILL, most likely for lack of memory"),
        (f"signal {int(signal.SIGSEGV)}", "was ended by SIGSEGV"),
        ("exit 7", "ended with status 7"),
    ],
)
def test_a_dead_worker_costs_its_own_input_only(tmp_path: Path, how: str, told: str) -> None:
    """The input of a worker that dies is an internal error; every other input has its result."""
    names = inputs(tmp_path, "proved", how, "proved", "proved", how)
    done = run(tmp_path, *names, "--jobs", "2", "--format", "concise")
    assert done.status == 70
    lines = done.out.splitlines()
    assert [sum(f"{name}" in line and "proved" in line.lower() for line in lines) > 0 for name in names] == [
        *(True, False, True, True, False)
    ]
    assert done.err.splitlines() == [
        f"verify-exit: internal error: {name}: its worker process {told}" for name in ("1.S", "4.S")
    ]


def test_processes_that_cannot_be_started_are_told(tmp_path: Path) -> None:
    """Where the system gives no process, nothing hangs, and no input passes."""
    names = inputs(tmp_path, "proved", "proved")
    code = """
def none(*_):
    raise BlockingIOError(11, "Resource temporarily unavailable")
parallel._Worker = none
"""
    done = run(tmp_path, *names, "--jobs", "2", code=code)
    assert done.status == 70
    assert done.err.count("no worker process can be started: Resource temporarily unavailable") == 2


@pytest.mark.parametrize("answer", [b"", b"[]", b"\xff", b'["",{}]\n[]', b'["",{}]\nnull', b"1\n2", b'["",[1]]\n[]'])
def test_what_is_no_report_is_an_internal_error(answer: bytes) -> None:
    """Bytes from a worker are read with care: what is no whole report is never a result."""
    from verifier.session import _opened

    report, said, noted = _opened(Work("a.S", "a.S", Options()), answer)
    assert report.error is not None and report.error[2] == 70
    assert said.startswith("verify-exit: internal error: a.S: its worker process sent no report")
    assert not noted
    with pytest.raises(Malformed):
        decode(answer.decode("latin-1"))


def test_a_verdict_that_its_report_does_not_bear_out_is_an_internal_error() -> None:
    """The last guard of a report is also the last where it came from a worker."""
    from verifier.session import _opened

    good = f'["",{{}}]\n{encode(proved())}'.encode()
    wrong = f'["",{{}}]\n{encode(replace(proved(), sites=()))}'.encode()
    work = Work("a.S", "a.S", Options())
    assert _opened(work, good)[0] == proved()
    assert _opened(work, wrong)[0].verdict == "error"


# Ctrl-C.


@pytest.mark.parametrize(
    ("sign", "group", "what"),
    [
        (signal.SIGINT, True, "wait"),
        (signal.SIGTERM, False, "wait"),
        (signal.SIGINT, False, "stubborn"),
        (signal.SIGTERM, True, "stubborn"),
    ],
)
def test_a_signal_ends_every_worker(tmp_path: Path, sign: signal.Signals, group: bool, what: str) -> None:
    """Ctrl-C and SIGTERM: what is known is reported, inputs that were not begun are named, no process is left."""
    names = inputs(tmp_path, "proved", what, "violated", what, "proved", "proved")
    code = "parallel.GRACE = 0.3\nsys.exit(main(sys.argv[1:]))"
    process = begun(tmp_path, ("1.S", "3.S"), code, *names, "--jobs", "2", "--format=json")
    (os.killpg if group else os.kill)(process.pid, sign)
    done = ended(process)
    assert done.status == 130
    whole = json.loads(done.out)
    verdicts = [one["verdict"] for one in whole["inputs"]]
    known = "violated" if what == "wait" else "inconclusive"  # a worker that still answers is heard
    assert verdicts == ["proved", known, "violated", known, "inconclusive", "inconclusive"]
    texts = {one["input"]: one["text"] for one in whole["reasons"]}
    broken, idle = "the run was interrupted", "it was not begun: the run was interrupted"
    assert texts == {"1.S": broken, "3.S": broken, "4.S": idle, "5.S": idle}
    assert "Traceback" not in done.err
    for pid in workers(tmp_path).values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_no_worker_outlives_a_killed_run(tmp_path: Path) -> None:
    """Nobody is left who computes on after SIGKILL ended the run: the streams are closed by all."""
    names = inputs(tmp_path, "wait", "stubborn")
    process = begun(tmp_path, names, "parallel.GRACE = 0.1\nmain(sys.argv[1:])", *names, "--jobs", "2")
    process.kill()
    assert ended(process).status == -signal.SIGKILL


def test_a_worker_that_is_interrupted_ends_the_run(tmp_path: Path) -> None:
    """SIGTERM that reaches a worker alone is what it is in one process: the end of the run."""
    names = inputs(tmp_path, f"signal {int(signal.SIGTERM)}", "wait", "proved", "proved")
    for jobs in ("1", "2"):
        done = run(tmp_path, *names, "--jobs", jobs, "--format=json")
        assert done.status == 130
        texts = {one["input"]: one["text"] for one in json.loads(done.out)["reasons"]}
        assert texts["2.S"] == texts["3.S"] == "it was not begun: the run was interrupted"


# On a terminal.


def test_the_progress_line_names_what_is_worked_on(tmp_path: Path) -> None:
    """A person sees how many inputs are done and which are worked on; the line is gone before a message."""
    names = inputs(tmp_path, "error", "proved", "proved")
    code = """
progress.PATIENCE = 0
class Terminal:
    def isatty(self): return True
    def fileno(self): raise OSError
    def write(self, text): return sys.__stderr__.write(text)
    def flush(self): sys.__stderr__.flush()
sys.stderr = Terminal()
"""
    done = run(tmp_path, *names, "--jobs", "2", code=code)
    assert done.status == 4
    assert "\r\x1b[K3 inputs: 0 done, now 0.S, 1.S (0 s)" in done.err
    assert "\r\x1b[Kverify-exit: error[assembler-error]: 0.S:3" in done.err
    assert done.err.rpartition("\x1b[K")[2].count("inputs:") == 0


# Directories that are written to.


def test_inputs_have_directories_by_their_number(tmp_path: Path) -> None:
    """Several inputs write below one directory, each by its place among all; one input writes into it."""
    told = Options(emit_smt2=str(tmp_path / "smt"), certificate=str(tmp_path / "proofs"))
    works = [Work(name, name, told) for name in ("a.S", "b.S", "a.S")]
    made = numbered(works)
    assert [work.options.emit_smt2 for work in made] == [str(tmp_path / "smt" / str(one)) for one in (1, 2, 3)]
    assert [work.options.certificate for work in made] == [str(tmp_path / "proofs" / str(one)) for one in (1, 2, 3)]
    assert (tmp_path / "proofs").is_dir()
    assert numbered(works[:1]) == (works[0],)

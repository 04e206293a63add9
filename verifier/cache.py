# SPDX-License-Identifier: BSD-2-Clause
"""Results that are remembered: an SQLite file in the user's cache directory.

The key holds everything that a result depends on: the code's bytes as they were assembled or unpacked,
the input and every file that was read on the way, the contract, the options, the versions of all that
is trusted, and this program's own code. Only proofs and confirmed violations are kept. A remembered
report passes the same check as a new one; what does not, or cannot be read, is as good as absent.

The file is as trusted as the program itself, so it has to belong to the user.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sqlite3
import stat
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from platformdirs import user_cache_path

from verifier.codec import Malformed, decode, encode
from verifier.contract import specs_dir
from verifier.model import FileReport
from verifier.opening import Opened, tool
from verifier.options import Options
from verifier.records import record
from verifier.report.verdict import check

FILE = "results.sqlite"
OFF = "VERIFY_EXIT_NO_CACHE"
"""Environment variable that turns the cache off, if it is set to anything."""
LAYOUT = 1
"""Number of the table's layout; a file with another one is foreign."""
APPLICATION = 0x76657869
"""SQLite's application id of our file ("vexi")."""
MOST_BYTES = 64 << 20
"""Sum of the results that are kept; the oldest go first."""
LARGEST = 8 << 20
"""A larger result is not kept."""
PATIENCE = 2.0
"""Seconds to wait for another process that writes."""


def wanted(environment: Mapping[str, str], told: bool | None) -> bool:
    """Whether results are remembered: what the command line says, else not under CI and not with OFF set."""
    if told is not None:
        return told
    if environment.get(OFF):
        return False
    return environment.get("CI", "").lower() in ("", "0", "false")


def cacheable(options: Options) -> bool:
    """Whether a run with these options may be answered from memory: one that asks for evidence or writes may not."""
    return not (options.challenge or options.cross_check or options.emit_smt2 or options.certificate)


def directory() -> Path:
    """Where the file is: XDG_CACHE_HOME, or the system's place for caches."""
    return user_cache_path("verify-exit", appauthor=False)


def key(found: Opened, read: Iterable[str]) -> str:
    """The name of a result, 64 hexadecimal digits; ``read`` are the files that were read to open the input."""
    told = replace(found.options, cache=None)
    parts = [
        LAYOUT,
        own_code(),
        platform.python_version(),
        tool(),
        str(found.given.path),
        found.given.digest,
        hashlib.sha256(found.code.data).hexdigest(),
        found.code.container,
        found.code.version,
        None if found.code.symbols is None else hashlib.sha256(found.code.symbols).hexdigest(),
        repr(found.contract),
        repr(told),
        repr(replace(found.chosen, cache=None)),
        [(name, _content(name)) for name in sorted(read)],
    ]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()


def _content(name: str) -> str | None:
    try:
        return hashlib.sha256(Path(name).read_bytes()).hexdigest()
    except OSError:
        return None


@lru_cache(maxsize=1)
def own_code() -> str:
    """SHA-256 over this program's modules and data: a checkout changes without a new version."""
    hashed = hashlib.sha256(sys.implementation.cache_tag.encode())
    package = Path(__file__).resolve().parent
    files = [*package.rglob("*.py"), *(path for path in specs_dir().rglob("*") if path.is_file())]
    for path in sorted(files):
        data = path.read_bytes()
        hashed.update(f"{path.name} {len(data)}\n".encode())
        hashed.update(data)
    return hashed.hexdigest()


@record
class Found:
    """What a look-up gave; ``note`` is "" or what is wrong, and ``usable`` whether the file is of use all the same."""

    report: FileReport | None = None
    note: str = ""
    usable: bool = True


def look_up(name: str, found: Opened, file: Path | None = None) -> Found:
    """The remembered report of that key, if there is one that holds up."""
    file = file or directory() / FILE
    trouble = _trouble(file)
    if trouble is not None:
        return Found(note=trouble, usable=False)
    try:
        with closing(_opened(file)) as store:
            row = store.execute("SELECT digest, report FROM results WHERE key = ?", (name,)).fetchone()
    except (sqlite3.Error, OSError, _Foreign) as error:
        return Found() if _busy(error) else Found(note=f"{file.name}: {error}; remove it", usable=False)
    if row is None:
        return Found()
    digest, text = row
    try:
        if not isinstance(text, str) or hashlib.sha256(text.encode()).hexdigest() != digest:
            raise Malformed("it is damaged")
        report = decode(text)
        check(report)
        if report.verdict not in ("proved", "violated") or report.input.sha256 != found.given.digest:
            raise Malformed("it is of another input")
        if report.tool != tool():
            raise Malformed("it is of another version")
    except ValueError as error:
        return Found(note=f"{file.name}: a result cannot be used: {error}; it is made anew")
    return Found(replace(report, cached=True, timings=()))


def remember(name: str, report: FileReport, file: Path | None = None) -> str:
    """Keep a report; "" or why it could not be kept. Anything but a proof or a violation is never kept."""
    if report.verdict not in ("proved", "violated") or report.error is not None or report.disagreements:
        return ""
    if any(clause.status == "unknown" for site in report.sites for clause in site.clauses) or report.reasons:
        return ""
    text = encode(replace(report, key="", cached=False, timings=()))
    if len(text) > LARGEST:
        return ""
    file = file or directory() / FILE
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        trouble = _trouble(file)
        if trouble is not None:
            return trouble
        with closing(_opened(file)) as store, store:
            store.execute(
                "INSERT OR REPLACE INTO results (key, digest, size, made, report) VALUES (?, ?, ?, ?, ?)",
                (name, hashlib.sha256(text.encode()).hexdigest(), len(text), time.time(), text),
            )
            _make_room(store)
    except (sqlite3.Error, OSError, _Foreign) as error:
        return "" if _busy(error) else f"{file.name}: {error}; remove it"
    return ""


def state(file: Path | None = None) -> tuple[int, int, str]:
    """How many results are kept, their bytes, and "" or why the file is of no use. Makes no file."""
    file = file or directory() / FILE
    trouble = _trouble(file)
    if trouble is not None or not file.exists():
        return 0, 0, trouble or ""
    try:
        with closing(_opened(file)) as store:
            count, size = store.execute("SELECT count(*), coalesce(sum(size), 0) FROM results").fetchone()
    except (sqlite3.Error, OSError, _Foreign) as error:
        return 0, 0, "" if _busy(error) else f"{file.name}: {error}"
    return int(count), int(size), ""


class _Foreign(Exception):
    """The file is not one of ours."""


def _trouble(file: Path) -> str | None:
    """Why a file cannot be trusted: it, or its directory, is not the user's alone."""
    for path in (file, file.parent):
        try:
            facts = path.lstat()
        except OSError:
            continue
        if facts.st_uid != os.geteuid():
            return f"{path.name}: it belongs to somebody else, and is not used"
        if facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return f"{path.name}: others may write to it, and it is not used"
        if path is file and not stat.S_ISREG(facts.st_mode):
            return f"{path.name}: it is not a regular file, and is not used"
    return None


def _opened(file: Path) -> sqlite3.Connection:
    """The store. Raises _Foreign, sqlite3.Error and OSError."""
    if not file.parent.is_dir():
        raise _Foreign("there is no such directory")
    new = not file.exists()
    store = sqlite3.connect(file, timeout=PATIENCE, isolation_level=None)
    try:
        # A result that is lost with the power is found again; one that is half written is refused by its digest.
        store.execute("PRAGMA synchronous = OFF")
        if new:
            file.chmod(0o600)
        (tables,) = store.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables:
            store.execute("BEGIN IMMEDIATE")
            store.execute(
                "CREATE TABLE IF NOT EXISTS results "
                "(key TEXT PRIMARY KEY, digest TEXT, size INTEGER, made REAL, report TEXT) WITHOUT ROWID"
            )
            store.execute(f"PRAGMA application_id = {APPLICATION}")
            store.execute(f"PRAGMA user_version = {LAYOUT}")
            store.execute("COMMIT")
        (application,) = store.execute("PRAGMA application_id").fetchone()
        (layout,) = store.execute("PRAGMA user_version").fetchone()
        if (application, layout) != (APPLICATION, LAYOUT):
            raise _Foreign("it is not a file of this program, or of another version of it")
    except BaseException:
        store.close()
        raise
    return store


def _busy(error: Exception) -> bool:
    """Whether another process is at work, or there is no cache yet: nothing to tell anybody."""
    return (isinstance(error, _Foreign) and "directory" in str(error)) or (
        isinstance(error, sqlite3.OperationalError) and ("locked" in str(error) or "busy" in str(error))
    )


def _make_room(store: sqlite3.Connection) -> None:
    (total,) = store.execute("SELECT coalesce(sum(size), 0) FROM results").fetchone()
    for name, size in store.execute("SELECT key, size FROM results ORDER BY made").fetchall():
        if total <= MOST_BYTES:
            return
        store.execute("DELETE FROM results WHERE key = ?", (name,))
        total -= size

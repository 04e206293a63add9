# SPDX-License-Identifier: BSD-2-Clause
"""The lock files: hashed, free of addresses, and in agreement with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", ".ci/build.lock")

PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[0-9][0-9A-Za-z.]*)(?: ; (?P<marker>[^\\]+?))? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?P<bounds>(?:(?:==|>=|<)[0-9.]+,?)+)")
BOUND = re.compile(r"(==|>=|<)([0-9.]+)")


@dataclass(frozen=True, slots=True)
class Pin:
    """One locked requirement: its normalised name, version, environment marker and number of hashes."""

    name: str
    version: str
    marker: str | None
    hashes: int


def pins(text: str) -> list[Pin]:
    """The requirements of a lock file; ValueError names the first line that is none of its few forms."""
    found: list[Pin] = []
    for line in text.splitlines():
        if not line or line.lstrip().startswith("#"):
            continue
        if match := PIN.fullmatch(line):
            found.append(Pin(match["name"], match["version"], match["marker"], 0))
        elif HASH.fullmatch(line) and found:
            last = found[-1]
            found[-1] = Pin(last.name, last.version, last.marker, last.hashes + 1)
        else:
            raise ValueError(line)
    return found


def number(version: str) -> tuple[int, ...]:
    """A release number without trailing zeros, to compare."""
    parts = [int(part) for part in version.split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def admits(bounds: str, version: str) -> bool:
    """Whether a version lies in bounds such as ">=4.2,<5"."""
    have = number(version)
    for operator, bound in BOUND.findall(bounds):
        limit = number(bound)
        if not {"==": have == limit, ">=": have >= limit, "<": have < limit}[operator]:
            return False
    return True


def wanted(lock: str) -> list[str]:
    """The requirements of pyproject.toml that a lock file answers."""
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = data["project"]
    if lock == "requirements.lock":
        extras = project["optional-dependencies"].values()
        return [*project["dependencies"], *(one for extra in extras for one in extra)]
    return [*data["build-system"]["requires"], *data["dependency-groups"]["build"]]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed(lock: str) -> None:
    """Whatever is installed from a lock is one version with known content: no line has another form."""
    found = pins((ROOT / lock).read_text(encoding="utf-8"))
    assert found
    assert [pin.name for pin in found if pin.hashes == 0] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_no_address_is_in_a_lock(lock: str) -> None:
    """A lock names packages, never where to get them: any index or mirror serves."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"://|(?m:^-)|--(?:extra-)?index-url |--find-links|\b\w+\.(?:org|com|net|io)\b", text) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_one_version_on_every_python(lock: str) -> None:
    """No package is locked twice, so every Python runs one trusted base (but for an unused demangler)."""
    names = [pin.name for pin in pins((ROOT / lock).read_text(encoding="utf-8"))]
    assert {name for name in names if names.count(name) > 1} <= {"pydemumble"}


@pytest.mark.parametrize("lock", LOCKS)
def test_pins_agree_with_pyproject(lock: str) -> None:
    """Every requirement of pyproject.toml is in its lock, at a version that its bounds admit."""
    locked = {pin.name: pin.version for pin in pins((ROOT / lock).read_text(encoding="utf-8"))}
    for requirement in wanted(lock):
        match = REQUIREMENT.fullmatch(requirement)
        assert match, requirement
        assert match["name"] in locked, f"{requirement} is not in {lock}"
        assert admits(match["bounds"], locked[match["name"]]), f"{requirement}: {lock} has {locked[match['name']]}"


def test_locks_agree_with_each_other() -> None:
    """A package that both locks name has one version, so that installing both changes nothing."""
    run, build = ({pin.name: pin.version for pin in pins((ROOT / lock).read_text(encoding="utf-8"))} for lock in LOCKS)
    assert {name: run[name] for name in run.keys() & build.keys()} == {
        name: build[name] for name in run.keys() & build.keys()
    }


@pytest.mark.parametrize(
    ("bounds", "version", "verdict"),
    [
        ("==9.2.213", "9.2.213", True),
        ("==9.2.213", "9.2.214", False),
        (">=4.2,<5", "4.10.1", True),
        (">=4.2,<5", "5.0", False),
        (">=3.0,<3.12", "3.12", False),
        (">=3.0,<3.12", "3", True),
    ],
)
def test_bounds_compare_numbers(bounds: str, version: str, verdict: bool) -> None:
    """Bounds compare release numbers, not text: 4.10 is above 4.2."""
    assert admits(bounds, version) is verdict


@pytest.mark.parametrize("line", ["-i somewhere", "angr", "angr>=9", "angr @ file:///x", "--hash=sha256:00"])
def test_other_lines_are_refused(line: str) -> None:
    """The reader of lock files rejects an option, a range, an unpinned name and a direct reference."""
    with pytest.raises(ValueError, match=re.escape(line)):
        pins(line + "\n")

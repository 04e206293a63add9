# SPDX-License-Identifier: BSD-2-Clause
"""Whole images as Debian ships them, through the command line: what is proved of each, and what is not.

VERIFY_EXIT_IMAGES names the directory that ``fetch.py`` filled. Nothing is skipped: an image that is missing is a
failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from images import Run, images, verify

from verifier.model import ALL_CONFIGS, FRAME_WORDS, GPRS

LINUX_6_1 = frozenset({"PTI", "PCID", "LA57", "XENPV", "KERNEL_IBRS", "CLEAR_CPU_BUF"})


@dataclass(frozen=True, slots=True)
class Expected:
    """A run and its outcome: for each exit its kind and the clauses that are violated there.

    ``switches`` are CPU features that the SYSRETQ path depends on, by the names that the report has for them.
    """

    image: str
    arguments: tuple[str, ...]
    sites: tuple[tuple[str, frozenset[str]], ...]
    switches: frozenset[str] = field(default=frozenset())

    @property
    def id(self) -> str:
        """The test's name."""
        return " ".join((self.image, *self.arguments[-1:]))

    @property
    def violated(self) -> bool:
        """Whether a clause is violated anywhere."""
        return any(clauses for _, clauses in self.sites)


PROVED: frozenset[str] = frozenset()
BOTH = (("sysretq", PROVED), ("sysretl", PROVED))
XEN = ("--contract", "xen", "--profile")

EXPECTED: tuple[Expected, ...] = (
    Expected("linux-6.1", (), BOTH, LINUX_6_1),
    Expected("linux-6.1-rt", (), BOTH, LINUX_6_1),
    Expected("linux-6.1-cloud", (), BOTH, LINUX_6_1),
    # In 6.12 the exit of the 32-bit SYSCALL without support for it is a stub of its own.
    Expected("linux-6.12", (), (("sysretq", PROVED), ("sysretl", PROVED), ("sysretl", PROVED)), LINUX_6_1),
    Expected("xen-4.17", (*XEN, "safety"), BOTH),
    # A hypercall's guest gives up what SYSRET overwrites; Xen tells its guests so. IRET would keep it.
    Expected(
        "xen-4.17",
        (*XEN, "equivalence"),
        (
            ("sysretq", frozenset({"rflags", "rf", "cs", "ss", "tf", "ss-attrs"})),
            ("sysretl", frozenset({"rip", "rflags", "rf", "ss", "tf", "ss-attrs"})),
        ),
    ),
)

EVERY = pytest.mark.parametrize("expected", EXPECTED, ids=lambda expected: expected.id)


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest) -> Iterator[dict[Expected, Future[Run]]]:
    """Every run once, two at a time; at the end their figures are printed."""
    with ThreadPoolExecutor(2) as pool:
        started = {each: pool.submit(verify, images()[each.image].path, each.arguments) for each in EXPECTED}
        yield started
    capture: Any = request.config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print()
        for each, future in started.items():
            image, run = images()[each.image], future.result()
            print(
                f"{image.package} {image.version}{' ' + each.arguments[-1] if each.arguments else ''}: "
                f"{run.report['verdict']}; {run.exits} exits, {run.patch_sites} patched places in {run.variants} "
                f"further forms, {run.statistic('instructions')} instructions, {run.count('proved')} clauses proved, "
                f"{run.count('violated')} violated; {run.seconds:.1f} s, {run.mebibytes:.0f} MiB"
            )


@EVERY
def test_verdict(runs: dict[Expected, Future[Run]], expected: Expected) -> None:
    """The image has the expected verdict and exit status, and nothing about it is left open."""
    run = runs[expected].result()
    verdict, status = ("violated", 1) if expected.violated else ("proved", 0)
    assert run.report["reasons"] == [], run.text[:4000]
    assert (run.report["verdict"], run.status) == (verdict, status), run.text[:4000]
    assert run.report["inputs"][0]["configs"] == [list(config) for config in ALL_CONFIGS]


@EVERY
def test_sites(runs: dict[Expected, Future[Run]], expected: Expected) -> None:
    """Every exit of the image is found, from each entry that leads to it, and violates just the clauses known."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for site in runs[expected].result().sites:
        _, clauses = found.get(site["address"], ("", PROVED))
        violated = {clause["id"] for clause in site["clauses"] if clause["status"] == "violated"}
        found[site["address"]] = (site["kind"], clauses | violated)
    assert sorted(found.values(), key=repr) == sorted(expected.sites, key=repr)


@EVERY
def test_clauses(runs: dict[Expected, Future[Run]], expected: Expected) -> None:
    """At every exit every clause is decided for both vendors and both widths, and what fails was executed again."""
    for site in runs[expected].result().sites:
        answers: dict[str, list[list[str]]] = {}
        for clause in site["clauses"]:
            assert clause["status"] in {"proved", "violated", "not-applicable"}, clause
            answers.setdefault(clause["id"], []).extend(clause["config"])
            if clause["status"] == "violated":
                assert clause["counterexample"]["replayed"], clause
        for name, configs in answers.items():
            assert sorted(configs) == sorted(list(config) for config in ALL_CONFIGS), name
        if "safety" not in expected.arguments:
            wanted = {"rip", "cs", "rflags", "rsp", "ss", "rf", "tf", "canonical", "gs", "irq", "stack", "cr3"}
            assert wanted | set(FRAME_WORDS) <= answers.keys()
            assert {f"gpr.{name}" for name in GPRS if name != "rsp"} <= answers.keys()


@EVERY
def test_version(runs: dict[Expected, Future[Run]], expected: Expected) -> None:
    """The report of a boot image names the build that the package says it is."""
    container = runs[expected].result().report["inputs"][0]["container"]
    is_boot_image = images()[expected.image].path.name.startswith("vmlinuz")
    assert images()[expected.image].version in container if is_boot_image else container is None


@EVERY
def test_code(runs: dict[Expected, Future[Run]], expected: Expected) -> None:
    """The bytes that the proof covers are named and include the exit; some state reaches it."""
    for site in runs[expected].result().sites:
        ranges = [(int(part["start"], 16), int(part["end"], 16)) for part in site["code"]]
        assert any(start <= int(site["address"], 16) < end for start, end in ranges)
        assert all(len(part["sha256"]) == 64 for part in site["code"])
        assert site["witness"] is not None


@EVERY
def test_switches(runs: dict[Expected, Future[Run]], expected: Expected) -> None:
    """Boot-time patching is taken into account: the features that the path depends on are free, in every form."""
    run = runs[expected].result()
    for site in run.sites:
        assert any(part["variant"] for part in site["code"]) == bool(site["features"])
        if site["kind"] == "sysretq":
            assert site["features"]
            assert expected.switches <= set(site["features"])
    assumed = {each["id"] for each in run.report["assumptions"]}
    assert not assumed & {"unpatched-sites", "static-keys"}

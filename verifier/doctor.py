# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit doctor``: is what a verdict needs on this machine, and does it work together?

Every check stands alone: a package that is missing or broken is a line of the
answer and never the end of it. The last check is the real thing: two small
paths, of which one must be proved and one must not.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import tempfile
import textwrap
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module, metadata
from pathlib import Path
from typing import IO, Literal

from verifier import __version__
from verifier.confine import version as landlock_version
from verifier.console import use_color, width
from verifier.contract import Contract, contract_names, load_contract, specs_dir
from verifier.model import UserError
from verifier.options import DEFAULT_CONTRACT, Options
from verifier.records import record
from verifier.report.verdict import INPUT, INTERNAL, PROVED
from verifier.report.words import clean, counted

State = Literal["ok", "note", "warning", "missing", "failed"]

DISTRIBUTION = "verify-exit"
ENGINES: Mapping[str, str] = {
    "pyvex": "pyvex",
    "archinfo": "archinfo",
    "claripy": "claripy",
    "z3-solver": "z3",
    "capstone": "capstone",
    "unicorn": "unicorn",
}
"""What a verdict rests on: distribution → module."""
OPTIONAL: Mapping[str, str] = {"bitwuzla": "bitwuzla", "cvc5": "cvc5"}
"""Further solvers, for --cross-check."""
HELPERS: Mapping[str, str] = {"lz4": "lz4.frame", "rich": "rich", "zstandard": "zstandard"}
"""What unpacks images and lays out text."""
PYTHONS = ((3, 11), (3, 13))
"""The oldest and the newest Python that the tests run on."""

_PIN = re.compile(r"([A-Za-z0-9._-]+)\s*==\s*([^\s;,]+)")


@record
class Finding:
    """What one check found. ``hint`` says what to do if ``state`` is not ok; a note asks for nothing."""

    group: str
    name: str
    state: State
    text: str
    hint: str = ""


@record
class Surroundings:
    """What the checks look at beside the installation: a stream, environment variables, a directory."""

    stream: IO[str]
    environment: Mapping[str, str]
    directory: Path


def examine(around: Surroundings) -> tuple[Finding, ...]:
    """Every check, in the order of the output. Raises nothing but KeyboardInterrupt."""
    found: list[Finding] = []
    checks: tuple[tuple[str, Callable[[], list[Finding]]], ...] = (
        ("program", lambda: [_program()]),
        ("program", lambda: [_python()]),
        ("program", lambda: [_data()]),
        ("assembler", _assembler),
        ("assembler", lambda: [_landlock()]),
        ("engines", lambda: _packages("engines", ENGINES)),
        ("packages", lambda: _packages("packages", HELPERS)),
        ("cross-check", lambda: _packages("cross-check", OPTIONAL, optional=True)),
        ("this place", lambda: [_configuration(around.directory)]),
        ("this place", lambda: [_cache(around.environment)]),
        ("this place", lambda: [_terminal(around)]),
        ("self-test", lambda: self_test(found)),
    )
    for group, check in checks:
        found += _safely(group, check)
    return tuple(found)


def exit_code(found: Sequence[Finding]) -> int:
    """70 if the self-test failed, 4 if a tool is missing, else 0: what only warns does not stop a verdict."""
    if any(one.state == "failed" and one.group == "self-test" for one in found):
        return INTERNAL
    return INPUT if any(one.state == "missing" for one in found) else PROVED


def as_text(found: Sequence[Finding], columns: int, color: bool) -> str:
    """Aligned lines, each at most ``columns`` wide where its words allow that, and one that sums them up."""
    names = max((len(one.name) for one in found), default=0)
    states = max((len(one.state) for one in found), default=0)
    column = 2 + states + 2 + names + 2
    lines: list[str] = []
    group = ""
    for one in found:
        if one.group != group:
            lines += ([""] if lines else []) + [one.group]
            group = one.group
        indent = column if columns - column >= 24 else 6
        head = f"  {one.state:<{states}}  {one.name:<{names}}"
        body = textwrap.wrap(clean(one.text), max(columns - indent, 10), break_on_hyphens=False) or [""]
        if one.hint and one.state not in ("ok", "note"):
            body += textwrap.wrap(f"→ {clean(one.hint)}", max(columns - indent, 10), break_on_hyphens=False)
        first = f"{head}  {body.pop(0)}" if indent == column else head
        if color and one.state in _COLORS:
            first = first.replace(one.state, f"\x1b[{_COLORS[one.state]}m{one.state}\x1b[0m", 1)
        lines += [first.rstrip(), *(f"{' ' * indent}{line}" for line in body)]
    return "\n".join([*lines, "", *textwrap.wrap(verdict(found), columns)]) + "\n"


_COLORS = {"ok": "32", "warning": "33", "missing": "1;31", "failed": "1;31"}
"""State → its colour (ECMA-48, SGR)."""


def verdict(found: Sequence[Finding]) -> str:
    """One sentence: whether verdicts can be had here."""
    match exit_code(found):
        case 0:
            warnings = sum(one.state in ("warning", "failed") for one in found)
            return f"Ready, with {counted(warnings, 'warning')}." if warnings else "Ready."
        case 4:
            return "Not ready for sources: a tool is missing. Objects and images can be verified."
        case _:
            return "Not ready: the self-test failed, and no verdict of this installation is worth anything."


def as_json(found: Sequence[Finding]) -> str:
    """The same for programs."""
    document = {
        "schema": "verify-exit-doctor/1",
        "exit_code": exit_code(found),
        "checks": [asdict(one) for one in found],
    }
    return json.dumps(document, indent=1, ensure_ascii=True) + "\n"


def _safely(group: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    """What a check finds; one that breaks is a finding itself."""
    try:
        return check()
    except Exception as error:
        said = error.message if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        return [Finding(group, group, "failed", said, "reinstall verify-exit, or report this")]


# The installation.


def _program() -> Finding:
    try:
        installed = metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return Finding("program", DISTRIBUTION, "note", f"{__version__}, not installed: it runs from its source")
    if installed != __version__:
        text = f"{__version__}, but the installation says {installed}"
        return Finding("program", DISTRIBUTION, "warning", text, "install it again")
    return Finding("program", DISTRIBUTION, "ok", __version__)


def _python() -> Finding:
    number = ".".join(map(str, sys.version_info[:3]))
    text = f"{number} ({sys.implementation.name})"
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1] or sys.implementation.name != "cpython":
        spread = " to ".join(".".join(map(str, version)) for version in PYTHONS)
        return Finding("program", "python", "warning", f"{text}; tested are CPython {spread}", "use one of these")
    return Finding("program", "python", "ok", text)


def _data() -> Finding:
    contracts = [load_contract(name) for name in contract_names()]
    places = {"contract": "contracts/*.toml", "schema": "schema/*.json", "semantics": "isa/*.smt2"}
    counts = {name: len(list(specs_dir().glob(pattern))) for name, pattern in places.items()}
    for schema in specs_dir().glob(places["schema"]):
        json.loads(schema.read_text(encoding="utf-8"))
    lacking = [name for name, count in counts.items() if not count]
    if lacking or DEFAULT_CONTRACT not in {contract.name for contract in contracts}:
        return Finding("program", "data files", "failed", f"missing: {', '.join(lacking)}", "reinstall verify-exit")
    isa = counted(counts["semantics"], "instruction")
    text = f"{counted(len(contracts), 'contract')}, JSON schema, semantics of {isa}"
    return Finding("program", "data files", "ok", text)


def pins(requirements: Sequence[str]) -> dict[str, str]:
    """Distribution → the one version that is asked for, of requirements that name one."""
    found = (_PIN.match(requirement) for requirement in requirements)
    return {match[1].lower(): match[2] for match in found if match is not None}


def _pinned() -> dict[str, str]:
    """The tested versions: what the installation asks for, or the checkout that this runs from."""
    try:
        return pins(metadata.requires(DISTRIBUTION) or ())
    except metadata.PackageNotFoundError:
        pass
    try:
        text = (Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8")
        project = tomllib.loads(text)["project"]
        extras = project.get("optional-dependencies", {}).values()
        return pins([*project["dependencies"], *(one for extra in extras for one in extra)])
    except (OSError, ValueError, KeyError):
        return {}


def _packages(group: str, wanted: Mapping[str, str], optional: bool = False) -> list[Finding]:
    tested = _pinned()
    return [_package(group, name, module, tested.get(name), optional) for name, module in wanted.items()]


def _package(group: str, name: str, module: str, tested: str | None, optional: bool) -> Finding:
    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:
        if optional:
            return Finding(group, name, "note", "not installed: --cross-check cannot name it")
        hint = f"pip install '{name}=={tested}'" if tested else f"pip install {name}"
        return Finding(group, name, "failed", "not installed", hint)
    try:
        import_module(module)
    except Exception as error:
        text = f"{installed}, which cannot be imported: {type(error).__name__}: {error}"
        return Finding(group, name, "warning" if optional else "failed", text, "reinstall it")
    if tested is not None and installed != tested:
        hint = f"pip install '{name}=={tested}'"
        return Finding(group, name, "warning", f"{installed}, but {tested} is what was tested", hint)
    return Finding(group, name, "ok", installed + (" (the tested version)" if tested else ""))


# The machine.


def _assembler() -> list[Finding]:
    from verifier.assemble import assembler_versions

    roles = {"as": "assembler", "gcc": "preprocessor"}
    hint = "install GNU binutils and gcc; without them only objects and images can be verified"
    return [
        Finding("assembler", name, "missing", f"not found, needed as {roles[name]}", hint)
        if line == "not found"
        else Finding("assembler", name, "ok", line)
        for name, line in assembler_versions()
    ]


def _landlock() -> Finding:
    version = landlock_version()
    if not version:
        text = (
            "not in this kernel, or forbidden here: what a hostile source makes the assembler open is only judged after"
        )
        return Finding("assembler", "landlock", "warning", text, "use a kernel with Landlock for untrusted sources")
    return Finding(
        "assembler", "landlock", "ok", f"ABI {version}: the assembler is confined to what it may read and write"
    )


def _configuration(directory: Path) -> Finding:
    from verifier.config import find, load

    try:
        path = find(directory)
        if path is None:
            return Finding("this place", "configuration", "note", "none; 'verify-exit init' writes one")
        targets = len(load(path).targets)
    except UserError as error:
        return Finding("this place", "configuration", "warning", f"[{error.code}] {error.message}", "mend it")
    shown = os.path.relpath(path, directory)
    return Finding("this place", "configuration", "ok", f"{shown}, {counted(targets, 'target')}")


def _cache(environment: Mapping[str, str]) -> Finding:
    from verifier import cache

    file = cache.directory() / cache.FILE
    if not cache.wanted(environment, None):
        return Finding("this place", "cache", "note", f"off: {cache.OFF} or CI is set")
    count, size, trouble = cache.state(file)
    if trouble:
        return Finding("this place", "cache", "warning", trouble, f"remove {file}")
    return Finding("this place", "cache", "ok", f"{counted(count, 'result')}, {(size + 1023) >> 10} KiB, in {file}")


def _terminal(around: Surroundings) -> Finding:
    columns = width(around.stream)
    kind = "terminal" if around.stream.isatty() else "no terminal"
    told = " (COLUMNS)" if around.environment.get("COLUMNS") else ""
    text = f"{kind}; {columns} columns{told}; {why_color(around.stream, around.environment)}"
    return Finding("this place", "output", "ok", text)


def why_color(stream: IO[str], environment: Mapping[str, str]) -> str:
    """Whether output is coloured, and what decides that."""
    decided = "colour" if use_color("auto", stream, environment) else "no colour"
    if environment.get("NO_COLOR"):
        return f"{decided}: NO_COLOR is set"
    if environment.get("FORCE_COLOR"):
        return f"{decided}: FORCE_COLOR is set"
    if not stream.isatty():
        return f"{decided}: not a terminal"
    if environment.get("TERM") == "dumb":
        return f"{decided}: TERM is dumb"
    return f"{decided}: a terminal"


# The real thing.


def path_text(contract: Contract, checked: bool) -> str:
    """A small exit path for the frame of a contract; without its test, a non-canonical RIP reaches SYSRET.

    Raises KeyError if the frame has no such slot.
    """

    def at(name: str) -> str:
        slot = contract.slot(name)
        if slot is None:
            raise KeyError(name)
        return f"{contract.base_offset + slot.offset}(%{contract.base_register})"

    test = ("movq %rcx, %rax", "shrq $47, %rax", "jnz slow") if checked else ()
    return "\n\t".join(
        (
            ".globl self_test\nself_test:",
            f"movq {at('rip')}, %rcx",
            f"movq {at('rflags')}, %r11",
            *test,
            f"cmpq ${contract.user_cs:#x}, {at('cs')}",
            "jne slow",
            f"cmpq ${contract.user_ss:#x}, {at('ss')}",
            "jne slow",
            "testq $0x10100, %r11",
            "jnz slow",
            f"movq {at('rsp')}, %rsp",
            "swapgs",
            "sysretq",
            "\nslow:\tud2\n",
        )
    )


def self_test(before: Sequence[Finding] = ()) -> list[Finding]:
    """Two runs from text to verdict: one path is proved, the other violated by a replayed counterexample."""
    if any(one.state == "missing" for one in before):
        return [Finding("self-test", "verdicts", "note", "not run: it begins with assembling")]
    for name in ("angr", "archinfo", "claripy", "cle", "pyvex"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    contract = load_contract(DEFAULT_CONTRACT)
    with tempfile.TemporaryDirectory(prefix="verify-exit-") as directory:
        return [
            _verified(Path(directory) / f"{name}.s", path_text(contract, checked), checked)
            for name, checked in (("safe", True), ("unsafe", False))
        ]


def _verified(path: Path, text: str, safe: bool) -> Finding:
    from verifier.pipeline import verify
    from verifier.report.verdict import check

    path.write_text(text, encoding="ascii")
    options = Options(entries=("self_test",), contract=DEFAULT_CONTRACT, profile="seed", timeout=60.0)
    report = verify(path, options)
    check(report)
    violated = {one.id for site in report.sites for one in site.clauses if one.status == "violated"}
    wanted = ("proved", set[str]()) if safe else ("violated", {"canonical"})
    name = "a safe path" if safe else "an unsafe path"
    said = f"{report.verdict} ({', '.join(sorted(violated))})" if violated else report.verdict
    if (report.verdict, violated) != wanted:
        reasons = ", ".join(dict.fromkeys(reason.code for reason in report.reasons))
        text = f"{said}; it should be {wanted[0]}" + (f"; reasons: {reasons}" if reasons else "")
        return Finding(
            "self-test", name, "failed", text, "install the tested versions; if that does not help, report it"
        )
    return Finding("self-test", name, "ok", f"{said}, as it should be")

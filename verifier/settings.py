# SPDX-License-Identifier: BSD-2-Clause
"""The keys of a configuration file, what one level of it says, and two levels together.

The tables ``FILE_KEYS``, ``TARGET_KEYS`` and ``RUN_KEYS`` are what docs/configuration.md and the JSON
schema for editors are compared with.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

from verifier.model import ALL_CONFIGS, GateMode
from verifier.options import FRAMES, PROFILES, Options
from verifier.records import record

_GATES: tuple[GateMode, ...] = get_args(GateMode)


@record
class Key:
    """A key: the type of its value (``configvalues``), what it means in a few words, its values if they are few."""

    name: str
    type: str
    meaning: str
    values: tuple[str, ...] = ()


FILE_KEYS: tuple[Key, ...] = (
    Key("contract", "contract", "what the kernel promises: a shipped contract, or a file (a / in it, or .toml)"),
    Key("profile", "choice", "which clauses must hold", PROFILES),
    Key("vendor", "choice", "CPU vendors", ("intel", "amd", "both")),
    Key("paging", "choice", "widths of linear addresses", ("la48", "la57", "both")),
    Key("frame", "choice", "compare with the file's own IRET exit, or with the contract's table", FRAMES),
    Key("check_iret", "boolean", "judge the IRET exits too"),
    Key("include_dirs", "paths", "directories for #include; they add up"),
    Key("defines", "macros", "macros, NAME or NAME=VALUE; they add up"),
    Key("build", "path", "a compilation database or a build directory (-p)"),
    Key("symbols", "path", "a System.map, or an ELF file with symbols"),
    Key("allow_include", "paths", "more directories that a source may include files from"),
    Key("timeout", "seconds", "wall-clock limit for each file"),
    Key("rlimit", "integer", "solver resource limit for each query"),
)
"""What is said of files: in a target, and at the top level for all of them."""

TARGET_KEYS: tuple[Key, ...] = (
    Key("path", "globs", "the files: a name or a glob, or a list of these"),
    Key("exclude", "globs", "files that path matches and that are left out"),
    Key("name", "text", "what messages call this target"),
    Key("entry", "names", "where execution starts: a symbol, SYMBOL+OFFSET, an address or auto, or a list of these"),
)
"""What only a [[target]] has."""

RUN_KEYS: tuple[Key, ...] = (
    Key("formats", "outputs", "what is written: FORMAT, or FORMAT=FILE below the directory of the configuration file"),
    Key("gate", "choice", "what decides the exit code", _GATES),
    Key("baseline", "path", "the JSON report that new-only compares with"),
    Key("waivers", "path", "the file of waivers"),
    Key("strict", "boolean", "an unused or expired waiver fails the run"),
)
"""What is said of the whole run, at the top level only."""


@record
class Settings:
    """What one level of a configuration says of files. None: it says nothing.

    Paths are relative to the current directory. ``contract`` that is a file always has a "/" or ends in .toml.
    """

    entry: tuple[str, ...] | None = None
    contract: str | None = None
    profile: str | None = None
    vendor: str | None = None
    paging: str | None = None
    frame: str | None = None
    check_iret: bool | None = None
    include_dirs: tuple[str, ...] | None = None
    defines: tuple[str, ...] | None = None
    build: str | None = None
    symbols: str | None = None
    allow_include: tuple[str, ...] | None = None
    timeout: float | None = None
    rlimit: int | None = None

    @property
    def options(self) -> Options:
        """The same as Options. ``check_iret = false`` is not told there, and one of vendor and paging tells both."""
        configs = None
        if self.vendor is not None or self.paging is not None:
            configs = tuple(
                (vendor, paging)
                for vendor, paging in ALL_CONFIGS
                if self.vendor in (None, "both", vendor) and self.paging in (None, "both", paging)
            )
        return Options(
            entries=self.entry or (),
            contract=self.contract,
            profile=self.profile,
            configs=configs,
            include_dirs=self.include_dirs or (),
            defines=self.defines or (),
            timeout=self.timeout,
            rlimit=self.rlimit,
            frame=self.frame,
            check_iret=self.check_iret or False,
            build=self.build,
            symbols=self.symbols,
            allow_include=self.allow_include or (),
        )


@record
class RunSettings:
    """What a configuration, or the command line, says of the whole run. None: nothing.

    ``formats`` are FORMAT or FORMAT=FILE; files are relative to the current directory.
    """

    formats: tuple[str, ...] | None = None
    gate: GateMode | None = None
    baseline: str | None = None
    waivers: str | None = None
    strict: bool | None = None


ADDED = frozenset({"include_dirs", "defines"})
"""What adds up over the levels, the upper level's last; any other value is replaced."""


def over(upper: Settings, lower: Settings) -> Settings:
    """What two levels say together."""
    values: dict[str, Any] = {}
    for field in fields(Settings):
        above, under = getattr(upper, field.name), getattr(lower, field.name)
        if field.name in ADDED and above is not None and under is not None:
            values[field.name] = under + above
        else:
            values[field.name] = under if above is None else above
    return Settings(**values)


def run_over(upper: RunSettings, lower: RunSettings) -> RunSettings:
    """What the command line (``upper``) and a configuration say of the run: what is told above replaces."""
    told = {field.name: getattr(upper, field.name) for field in fields(RunSettings)}
    return RunSettings(**{name: getattr(lower, name) if value is None else value for name, value in told.items()})

# SPDX-License-Identifier: BSD-2-Clause
"""What ``--show-config`` prints: every value that counts, and where it is from, as TOML with comments.

What is told stands as a key, with its source behind it; what is not told stands in a comment, with its
default. So the text is itself a configuration that means the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.config import Config, Target
from verifier.configvalues import written
from verifier.globs import escaped
from verifier.options import DEFAULT_CONTRACT, DEFAULT_PROFILE, DEFAULT_TIMEOUT, Options
from verifier.report.words import clean
from verifier.settings import ADDED, FILE_KEYS, RUN_KEYS, RunSettings, Settings, over
from verifier.targets import Job, expand, for_path

COMMAND_LINE = "command line"

_DEFAULTS: dict[str, str | bool | float | None] = {
    "contract": DEFAULT_CONTRACT,
    "profile": DEFAULT_PROFILE,
    "vendor": "both",
    "paging": "both",
    "check_iret": False,
    "timeout": DEFAULT_TIMEOUT,
    "strict": False,
}
_NO_DEFAULT = {
    "entry": "the contract's entries, else the one global symbol that reaches an exit",
    "frame": "the contract's frame table",
    "build": "the .NAME.o.cmd next to the source, if there is one",
    "formats": "text on standard output",
    "gate": "the exit code is that of the verdicts",
}
_NOT_IN_A_HEADER = frozenset({"build", "symbols", "allow_include"})
_EVIDENCE = ("challenge", "cross_check", "emit_smt2", "certificate")


def show(
    config: Config | None,
    told: Options,
    run: RunSettings | None = None,
    paths: Sequence[str] = (),
    found_waivers: str | None = None,
) -> str:
    """The text, ending in a newline.

    ``told`` and ``run`` are what the command line says. With ``paths`` these files are shown, else every
    target of ``config``. ``found_waivers`` is the file of waivers that counts because it is there.
    Raises the UserErrors of ``targets.expand``.
    """
    lines = [*_head(config), "", *_run(config, run or RunSettings(), found_waivers)]
    for name in _EVIDENCE:
        if value := getattr(told, name):
            lines.append(f"# --{name.replace('_', '-')} {written(value)}  ({COMMAND_LINE})")
    groups: dict[Target | None, list[Job]] = {}
    for job in _jobs(config, paths):
        groups.setdefault(job.target, []).append(job)
    for target, jobs in groups.items():
        lines += ["", *_target(config, target, jobs, _settings(told))]
    return "\n".join(lines) + "\n"


def _jobs(config: Config | None, paths: Sequence[str]) -> tuple[Job, ...]:
    if config is None:
        return tuple(Job(path, path, Options()) for path in paths)
    if paths:
        return tuple(job for path in paths for job in for_path(config, path))
    return expand(config) if config.targets else ()


def _head(config: Config | None) -> Iterator[str]:
    if config is None:
        yield "# No configuration file: neither verify-exit.toml nor [tool.verify-exit] up to the repository's root."
    else:
        yield f"# Configuration: {clean(config.file)}"
    yield f"# First counts: {COMMAND_LINE}, target, top level, header of the file, default."
    yield "# What is in a comment is not told."


def _run(config: Config | None, told: RunSettings, found_waivers: str | None) -> Iterator[str]:
    levels = [(COMMAND_LINE, told)]
    if config is not None:
        levels.append((clean(config.file), config.run))
    for key in RUN_KEYS:
        said = [(getattr(level, key.name), source) for source, level in levels if getattr(level, key.name) is not None]
        if not said and key.name == "waivers" and found_waivers is not None:
            said.append((found_waivers, "found: it is there"))
        yield _told(key.name, *said[0]) if said else _untold(key.name)


def _target(config: Config | None, target: Target | None, jobs: Sequence[Job], told: Settings) -> Iterator[str]:
    levels = [(COMMAND_LINE, told)]
    if config is not None and target is not None:
        levels.append((f"{clean(config.file)}, {clean(target.title)}", target.settings))
    if config is not None:
        levels.append((clean(config.file), config.settings))
    whole = Settings()
    for _, level in reversed(levels):
        whole = over(level, whole)
    yield "[[target]]" + ("" if target is not None or config is None else "  # in no target of the configuration")
    files = []
    for job in jobs:
        try:
            files.append(written(escaped(job.path)))
        except ValueError:
            yield f"# not UTF-8, and so only matched by a glob: {clean(job.path)}"
    yield (
        f"path = [{', '.join(files)}]"
        if len(files) < 2
        else "path = [\n" + "".join(f"  {one},\n" for one in files) + "]"
    )
    if target is not None and target.name:
        yield f"name = {written(target.name)}"
    for name in ("entry", *(key.name for key in FILE_KEYS)):
        value = getattr(whole, name)
        sources = [source for source, level in levels if getattr(level, name) is not None]
        if value is None:
            yield _untold(name)
        else:
            behind = " + ".join((*reversed(sources), "those of the header, in front")) if name in ADDED else sources[0]
            yield _told(name, value, behind)


def _told(name: str, value: str | bool | float | tuple[str, ...], source: str) -> str:
    return f"{name} = {written(value)}  # {source}"


def _untold(name: str) -> str:
    """A comment with the default of a value, and whether a header comes before it."""
    first = "" if name in _NOT_IN_A_HEADER or name in {key.name for key in RUN_KEYS} else "header of the file, else "
    default = _DEFAULTS.get(name)
    if default is not None:
        return f"# {name} = {written(default)}  ({first}default)"
    return f"# {name}: {first}{_NO_DEFAULT.get(name, 'none')}"


def _settings(told: Options) -> Settings:
    """What the command line says of files, as a level of its own; it tells vendor and paging together."""
    chosen = [None, None] if told.configs is None else [{config[at] for config in told.configs} for at in (0, 1)]
    vendor, paging = (None if some is None else some.pop() if len(some) == 1 else "both" for some in chosen)
    return Settings(
        entry=told.entries or None,
        contract=told.contract,
        profile=told.profile,
        vendor=vendor,
        paging=paging,
        frame=told.frame,
        check_iret=told.check_iret or None,
        include_dirs=told.include_dirs or None,
        defines=told.defines or None,
        build=told.build,
        symbols=told.symbols,
        allow_include=told.allow_include or None,
        timeout=told.timeout,
        rlimit=told.rlimit,
    )

# SPDX-License-Identifier: BSD-2-Clause
"""What a run may be told: one declaration for the command line and for a sample's ARGS line.

The command line's values win over those of the file's header (``resolve``).
Only argparse is imported: this module is on the path of ``--help``.
"""

from __future__ import annotations

import argparse
import math
import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

from verifier.model import ALL_CONFIGS, Config, UserError
from verifier.records import record

PROFILES: tuple[str, ...] = ("seed", "safety", "equivalence")
"""The clause profiles, from the smallest to all clauses."""

FRAMES: tuple[str, ...] = ("auto", "contract")
"""What SYSRET is compared with: the file's own IRET exit, or the contract's frame table."""

DEFAULT_CONTRACT = "linux"
DEFAULT_PROFILE = "equivalence"
DEFAULT_TIMEOUT = 600.0
"""Seconds for a file: the input may be hostile, and a run that nobody bounds must end as well."""


@record
class Options:
    """How to verify one file. None (and an empty ``entries``) means: not told.

    ``timeout`` is in seconds for each file; ``rlimit`` is in the solver's
    resource units for each query and does not depend on the machine.
    ``configs`` None is deliberately not an empty tuple: iterating over "not
    told" must fail, because no configuration would be a vacuous proof.
    ``frame`` "auto" takes the reference from the file's own IRET exit instead
    of the contract's frame table, which "contract" insists on; ``check_iret`` judges the IRET exits as well.
    ``build`` is a compilation database or a build directory, ``symbols`` a
    System.map or an ELF file with the symbols that the input itself lacks.
    ``allow_include`` are more directories that a source may include files from.

    The last group asks for evidence beside the verdict: ``challenge`` is how many concrete
    states the emulator runs against what was proved, ``cross_check`` names further solvers,
    ``emit_smt2`` and ``certificate`` are directories to write to. ``listing`` is set for formats that
    show the code: instructions, how control goes and which branch each proof rests on. ``why`` and ``slack`` ask for
    what each guard is for, and for what SYSRET could do and IRET does.
    ``cache``: a result of an earlier run will do. Neither changes what is found.
    """

    entries: tuple[str, ...] = ()
    contract: str | None = None
    profile: str | None = None
    configs: tuple[Config, ...] | None = None
    include_dirs: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    timeout: float | None = None
    rlimit: int | None = None
    frame: str | None = None
    check_iret: bool = False
    build: str | None = None
    symbols: str | None = None
    allow_include: tuple[str, ...] = ()
    challenge: int | None = None
    cross_check: tuple[str, ...] = ()
    emit_smt2: str | None = None
    certificate: str | None = None
    listing: bool = False
    why: bool = False
    slack: bool = False
    cache: bool | None = None


def resolve(told: Options, header: Options) -> Options:
    """``told`` completed with the file header's values, then with the defaults.

    What a file under test may not choose (evidence, what is written where, directories to include
    from) is taken from ``told`` alone.
    Include directories and macros of both are kept, the header's first, so
    that a macro of the command line wins in the preprocessor. The result has
    a contract, a profile and at least one configuration.
    """
    return Options(
        entries=told.entries or header.entries,
        contract=told.contract or header.contract or DEFAULT_CONTRACT,
        profile=told.profile or header.profile or DEFAULT_PROFILE,
        configs=told.configs or header.configs or ALL_CONFIGS,
        include_dirs=header.include_dirs + told.include_dirs,
        defines=header.defines + told.defines,
        timeout=next((one for one in (told.timeout, header.timeout) if one is not None), DEFAULT_TIMEOUT),
        rlimit=header.rlimit if told.rlimit is None else told.rlimit,
        frame=told.frame or header.frame,
        check_iret=told.check_iret or header.check_iret,
        build=told.build or header.build,
        symbols=told.symbols or header.symbols,
        allow_include=told.allow_include,
        challenge=told.challenge,
        cross_check=told.cross_check,
        emit_smt2=told.emit_smt2,
        certificate=told.certificate,
        listing=told.listing,
        why=told.why,
        slack=told.slack,
    )


def command(path: str, options: Options) -> str:
    """The shell command that repeats a run with what the user told (not the resolved) options."""
    words = ["verify-exit", path if not path.startswith("-") else f"./{path}"]
    for entry in options.entries:
        words += ["--entry", entry]
    for flag, value in (("--contract", options.contract), ("--profile", options.profile)):
        if value is not None:
            words += [flag, value]
    if options.configs is not None:
        for flag, index in (("--vendor", 0), ("--paging", 1)):
            chosen = {config[index] for config in options.configs}
            words += [flag, *chosen] if len(chosen) == 1 else [flag, "both"]
    for flag, value in (("-p", options.build), ("--symbols", options.symbols)):
        if value is not None:
            words += [flag, value]
    words += [f"-I{directory}" for directory in options.include_dirs]
    words += [f"-D{define}" for define in options.defines]
    for directory in options.allow_include:
        words += ["--allow-include", directory]
    if options.frame is not None:
        words += ["--frame", options.frame]
    if options.check_iret:
        words.append("--check-iret")
    if options.why:
        words.append("--why")
    if options.timeout is not None:
        words += ["--timeout", f"{options.timeout:g}"]
    if options.rlimit is not None:
        words += ["--rlimit", str(options.rlimit)]
    if options.challenge is not None:
        words += ["--challenge", str(options.challenge)]
    if options.cross_check:
        words += ["--cross-check", ",".join(options.cross_check)]
    return shlex.join(words)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that a run takes, on the command line and in an ARGS header line."""
    what = parser.add_argument_group("what to verify")
    what.add_argument(
        "--entry",
        action="append",
        default=[],
        metavar="PLACE",
        help="where execution starts: SYMBOL, SYMBOL+OFFSET or an address; repeatable. 'auto' walks back from each "
        "exit to where its frame is complete (default: the header line ENTRY, else the contract's own entries, else "
        "the one global symbol that reaches an exit; auto in an image, and in an object with several such symbols)",
    )
    what.add_argument(
        "--contract",
        metavar="NAME|FILE",
        help="what the kernel promises: frame layout, selectors, assumptions (default: the header line "
        f"CONTRACT, else {DEFAULT_CONTRACT})",
    )
    what.add_argument(
        "--profile",
        choices=PROFILES,
        help=f"which clauses must hold (default: {DEFAULT_PROFILE}, all of them)",
    )
    what.add_argument(
        "--frame",
        choices=FRAMES,
        help="auto: compare with this file's own IRET exit instead of the contract's frame table; contract: with that "
        "table, whatever the header says (default: what the header says, else contract)",
    )
    what.add_argument(
        "--check-iret", action="store_true", help="judge the IRET exits too: NT, the frame's CPL, GS and CR3"
    )
    what.add_argument(
        "--vendor", choices=("intel", "amd", "both"), help="this CPU vendor (default: what the header says, else both)"
    )
    what.add_argument(
        "--paging",
        choices=("la48", "la57", "both"),
        help="this linear-address width (default: what the header says, else both)",
    )
    what.add_argument(
        "--symbols",
        metavar="FILE",
        help="names for an image that has none: its System.map, or an ELF file with symbols, of the same build",
    )
    source = parser.add_argument_group("preprocessor")
    source.add_argument(
        "-p",
        dest="build",
        metavar="BUILD",
        help="assemble a source as its build does: BUILD is a compile_commands.json, a directory that holds one, or "
        "a build directory with .NAME.o.cmd files (default: the .NAME.o.cmd next to the source, if there is one)",
    )
    source.add_argument(
        "-I", dest="include_dirs", action="append", default=[], metavar="DIR", help="search DIR for #include"
    )
    source.add_argument(
        "-D", dest="defines", action="append", default=[], metavar="NAME[=VALUE]", help="define a macro"
    )
    limits = parser.add_argument_group("limits (reaching one makes the verdict inconclusive)")
    limits.add_argument(
        "--timeout",
        type=_seconds,
        metavar="SECONDS",
        help=f"wall-clock limit for each file (default: {DEFAULT_TIMEOUT:g})",
    )
    limits.add_argument(
        "--rlimit",
        type=positive,
        metavar="N",
        help="solver resource limit for each query, the same on any machine",
    )


def add_allow_include(parser: argparse.ArgumentParser) -> None:
    """Declare where else a source may include files from; like evidence, not for a file's own header."""
    parser.add_argument(
        "--allow-include",
        action="append",
        default=[],
        metavar="DIR",
        help="let a source include files below DIR as well (always: its own directory and those of -I)",
    )


def add_evidence_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what only the command line may ask for: a file under test does not choose what is believed or written."""
    add_allow_include(parser)
    beyond = parser.add_argument_group("beyond the verdict")
    beyond.add_argument(
        "--why", action="store_true", help="say what each check on the way is for, and which ones nothing rests on"
    )
    evidence = parser.add_argument_group("evidence beside the verdict (a disagreement never passes)")
    evidence.add_argument(
        "--challenge",
        type=positive,
        metavar="N",
        help="run N concrete states, chosen to break the path, on the emulator against every proved clause",
    )
    evidence.add_argument(
        "--cross-check",
        type=lambda text: tuple(dict.fromkeys(name for name in text.split(",") if name)),
        default=(),
        metavar="SOLVER[,SOLVER]",
        help="let further solvers answer every obligation: cvc5, bitwuzla (pip install 'verify-exit[cross-check]')",
    )
    evidence.add_argument("--emit-smt2", metavar="DIR", help="write every obligation as an SMT-LIB 2 file")
    evidence.add_argument(
        "--certificate", metavar="DIR", help="write a proof of every proved obligation that a separate checker accepts"
    )


def from_namespace(parsed: argparse.Namespace) -> Options:
    """The Options in a namespace that ``add_arguments`` filled, and perhaps ``add_evidence_arguments``."""
    configs: tuple[Config, ...] | None = None
    if parsed.vendor or parsed.paging:
        configs = tuple(
            (vendor, paging)
            for vendor, paging in ALL_CONFIGS
            if parsed.vendor in (None, "both", vendor) and parsed.paging in (None, "both", paging)
        )
    return Options(
        entries=tuple(parsed.entry),
        contract=parsed.contract,
        profile=parsed.profile,
        configs=configs,
        include_dirs=tuple(parsed.include_dirs),
        defines=tuple(parsed.defines),
        timeout=parsed.timeout,
        rlimit=parsed.rlimit,
        frame=parsed.frame,
        check_iret=parsed.check_iret,
        build=parsed.build,
        symbols=parsed.symbols,
        allow_include=tuple(getattr(parsed, "allow_include", ())),
        challenge=getattr(parsed, "challenge", None),
        cross_check=tuple(getattr(parsed, "cross_check", ())),
        emit_smt2=getattr(parsed, "emit_smt2", None),
        certificate=getattr(parsed, "certificate", None),
        why=getattr(parsed, "why", False),
    )


def from_words(words: Sequence[str], where: str) -> Options:
    """The options in the words of a file's ARGS header lines; ``where`` goes into the error.

    Raises UserError("header-bad-args", exit code 2) for an unknown option, a
    bad value or a word that is no option.
    """
    parser = _HeaderParser(prog="ARGS", add_help=False, allow_abbrev=False)
    add_arguments(parser)
    try:
        return from_namespace(parser.parse_args(list(words)))
    except ValueError as error:
        raise UserError("header-bad-args", f"{where}: ARGS: {error}", 2) from None


def with_header(header: Options, entries: Sequence[str], contract: str | None) -> Options:
    """Header options with the ENTRY and CONTRACT lines, where ARGS does not name these itself."""
    return replace(header, entries=header.entries or tuple(entries), contract=header.contract or contract)


class _HeaderParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"a number of seconds above 0 is needed, not {text!r}")
    return value


def positive(text: str) -> int:
    """The type of an option that counts something."""
    try:
        value = int(text, 0)
    except ValueError:
        value = 0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"a whole number above 0 is needed, not {text!r}")
    return value

# SPDX-License-Identifier: BSD-2-Clause
"""Every parser of the command line: of ``verify-exit PATH…`` and of each sub-command.

They are data for more than parsing: shell completion and the man page are made
from them. Building one imports no analysis.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from verifier import __version__
from verifier.console import Parser
from verifier.explainframe import explain_frame_parser
from verifier.initialise import init_parser
from verifier.options import add_allow_include, add_arguments, add_evidence_arguments, positive
from verifier.report import FORMATS
from verifier.report.verdict import EXIT_CODES
from verifier.shards import shard

DIFF_FORMATS = ("text", "json", "markdown", "html")
"""How a comparison can be written."""

LICENCE = "SPDX-License-Identifier: BSD-2-Clause"
"""The line that the files made from the parsers begin with."""


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``verify-exit PATH…``."""
    codes = ", ".join(f"{code} {name}" for code, name, _ in EXIT_CODES)
    parser = Parser(
        prog="verify-exit",
        usage="verify-exit [options] PATH...\n       verify-exit explain [ID...]\n       verify-exit replay REPORT..."
        "\n       verify-exit check-certificate DIR...\n       verify-exit diff BASE HEAD\n       verify-exit doctor"
        "\n       verify-exit completion SHELL"
        "\n       verify-exit man\n       verify-exit merge PART...\n       verify-exit init [DIR]"
        "\n       verify-exit explain-frame PATH [--set NAME=VALUE...] [--dump FILE]\n       verify-exit slack PATH...",
        description="Prove that a return-to-user path takes SYSRET only where it equals IRET.",
        epilog=f"Exit codes: {codes}. Several files: 1 beats 70 beats 2 beats 4 beats 3 beats 0. "
        "'verify-exit explain' lists clauses and reasons, 'verify-exit explain ID' explains one.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="an assembly source (.S, .s), an object (.o), or a kernel image: vmlinux, vmlinuz, or any ELF executable, "
        "also compressed",
    )
    add_arguments(parser)
    add_evidence_arguments(parser)
    config = parser.add_argument_group("configuration (docs/configuration.md)")
    config.add_argument(
        "--config",
        metavar="FILE",
        help="the configuration file (default: verify-exit.toml, or pyproject.toml with [tool.verify-exit], in this "
        "directory or above it up to the repository's root); without PATH its targets are verified",
    )
    config.add_argument("--no-config", action="store_true", help="read neither a configuration nor a file of waivers")
    config.add_argument(
        "--show-config", action="store_true", help="print every setting with where it comes from, and verify nothing"
    )
    _add_gate(parser)
    speed = parser.add_argument_group("speed")
    speed.add_argument(
        "--cache",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="use results of earlier runs of the same code (default: yes, but not under CI=true)",
    )
    many = parser.add_argument_group("many inputs")
    many.add_argument(
        "--jobs",
        type=positive,
        metavar="N",
        help="verify N inputs at a time, each in a process of its own (default: as many as there are usable CPUs)",
    )
    many.add_argument(
        "--shard",
        type=shard,
        metavar="I/N",
        help="verify only every Nth input, beginning with the Ith; 'verify-exit merge' puts N such parts together",
    )
    output = _add_output(parser)
    output.add_argument("--watch", action="store_true", help="verify again whenever a file that was read is saved")
    _add_color(output)
    _add_volume(output)
    parser.add_argument("--version", action="version", version=f"verify-exit {__version__}")
    return parser


def explain_parser() -> argparse.ArgumentParser:
    """The parser of ``verify-exit explain``."""
    parser = Parser(
        prog="verify-exit explain",
        description="What a clause, a reason or an exit code means; without ID: a list of all.",
        allow_abbrev=False,
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="for example canonical, gpr.rax, no-sysret or 3")
    return parser


def replay_parser() -> argparse.ArgumentParser:
    """The parser of ``verify-exit replay``."""
    parser = Parser(
        prog="verify-exit replay",
        description="Run the counterexamples and witnesses of a JSON report again on the emulator, from the report "
        "alone: neither the file nor the lifter nor the solver takes part.",
        epilog="Exit codes: 0 every run ended as recorded, 70 one did not, 4 not a report.",
        allow_abbrev=False,
    )
    parser.add_argument("reports", nargs="+", metavar="REPORT", help="what --format json wrote; - is standard input")
    volume = parser.add_mutually_exclusive_group()
    volume.add_argument("-v", "--verbose", action="store_true", help="both outcomes of every run")
    volume.add_argument("-q", "--quiet", action="store_true", help="only runs that did not end as recorded")
    return parser


def check_certificate_parser() -> argparse.ArgumentParser:
    """The parser of ``verify-exit check-certificate``."""
    parser = Parser(
        prog="verify-exit check-certificate",
        description="Check the certificates that --certificate wrote: from the SMT-LIB text to clauses, and each step "
        "of the refutation. Nothing else of the directory is believed.",
        epilog="Exit codes: 0 every proof is there and accepted, 3 one is missing or rejected, 4 no certificates.",
        allow_abbrev=False,
    )
    parser.add_argument("directories", nargs="+", metavar="DIR")
    parser.add_argument("-q", "--quiet", action="store_true", help="only what is not accepted")
    return parser


def diff_parser() -> argparse.ArgumentParser:
    """The parser of ``verify-exit diff``."""
    parser = Parser(
        prog="verify-exit diff",
        description="Say what a change does to user space: which machines leave the kernel in another way or with "
        "other registers, with the least example each way, and whether HEAD is still safe.",
        epilog="Exit codes: 0 equivalent, 1 it differs and HEAD is not safe, 5 it differs and HEAD is safe, 3 "
        "inconclusive. docs/diff.md says what each rests on.",
        allow_abbrev=False,
    )
    what = "a source, an object or an image as for 'verify-exit PATH', or REV:PATH, the same in a git revision"
    parser.add_argument("base", metavar="BASE", help=f"the version before: {what} (REV:./PATH: from this directory)")
    parser.add_argument("head", metavar="HEAD", help="the version after, likewise")
    add_arguments(parser)
    parser.add_argument(
        "--base-entry",
        action="append",
        default=[],
        metavar="PLACE",
        help="where execution starts in BASE, if that is another place than --entry names",
    )
    add_allow_include(parser)
    output = parser.add_argument_group("output")
    output.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="FORMAT[=FILE]",
        help=f"how the comparison is written: {', '.join(DIFF_FORMATS)} (the review report of HEAD); repeatable; "
        "without FILE it replaces text on standard output",
    )
    _add_color(output)
    return parser


def doctor_parser() -> argparse.ArgumentParser:
    """The parser of ``verify-exit doctor``."""
    parser = Parser(
        prog="verify-exit doctor",
        description="Look whether this installation can be relied on: the assembler, the versions of lifter, solver "
        "and emulator against the tested ones, the data files, the terminal; then verify two small paths.",
        epilog="Exit codes: 0 ready, perhaps with warnings; 4 the assembler is missing; 70 the self-test failed.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    _add_color(parser)
    return parser


def completion_parser() -> argparse.ArgumentParser:
    """The parser of ``verify-exit completion``."""
    parser = Parser(
        prog="verify-exit completion",
        description="Print a script that completes the words of verify-exit in a shell.",
        epilog="bash: source <(verify-exit completion bash). zsh: write it to a file _verify-exit in a directory of "
        "fpath. fish: write it to ~/.config/fish/completions/verify-exit.fish.",
        allow_abbrev=False,
    )
    parser.add_argument("shell", choices=("bash", "fish", "zsh"), help="which shell")
    return parser


def man_parser() -> argparse.ArgumentParser:
    """The parser of ``verify-exit man``."""
    return Parser(
        prog="verify-exit man",
        description="Print the manual page in the language of man(7): verify-exit man | man -l -",
        allow_abbrev=False,
    )


def merge_parser() -> argparse.ArgumentParser:
    """The parser of ``verify-exit merge``."""
    parser = Parser(
        prog="verify-exit merge",
        description="Put the parts of a run together that --shard spread over several calls, each written with "
        "--format parts=FILE. The results, the gate and the exit code are those of one run over all inputs.",
        epilog="A part that is damaged, missing, named twice or of another run ends with 4. The parts are as trusted "
        "as a baseline.",
        allow_abbrev=False,
    )
    parser.add_argument("parts", nargs="+", metavar="PART", help="what --format parts=FILE wrote, every shard once")
    config = parser.add_argument_group("configuration (docs/configuration.md)")
    config.add_argument(
        "--config", metavar="FILE", help="where formats, gate and waivers are taken from (default: as when verifying)"
    )
    config.add_argument("--no-config", action="store_true", help="read neither a configuration nor a file of waivers")
    _add_gate(parser)
    output = _add_output(parser)
    _add_color(output)
    _add_volume(output)
    return parser


def slack_parser() -> argparse.ArgumentParser:
    """The parser of ``verify-exit slack``."""
    parser = Parser(
        prog="verify-exit slack",
        description="What the fast exits of each file leave to IRET although SYSRET would do exactly the same: which "
        "check turns these machines away, which addresses are lost, and a least example.",
        epilog="Exit codes: 0 it is known for every fast exit, whether something is left or not; 3 it is not; 2 wrong "
        "call; 4 a file that cannot be read. A violated path is asked like any other.",
        allow_abbrev=False,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="an assembly source, an object, or a kernel image")
    add_arguments(parser)
    add_allow_include(parser)
    parser.add_argument("--cache", action=argparse.BooleanOptionalAction, default=None, help="use earlier results")
    parser.add_argument("--jobs", type=positive, metavar="N", help="so many files at a time")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how it is written (default: text)")
    _add_color(parser)
    _add_volume(parser)
    return parser


def _add_gate(parser: argparse.ArgumentParser) -> None:
    gate = parser.add_argument_group("gate (for CI: what the exit code makes of the findings)")
    gate.add_argument(
        "--gate",
        choices=("advisory", "new-only", "strict"),
        help="advisory: only errors fail; new-only: what is not in the baseline fails; strict: all fails that no "
        "waiver covers (default: no gate, 0 is proved and nothing else)",
    )
    gate.add_argument("--baseline", metavar="REPORT.json", help="the JSON report that --gate new-only compares with")
    gate.add_argument(
        "--waivers",
        metavar="FILE",
        help="violations that somebody answers for (default: verify-exit.waivers.toml in the project's root)",
    )
    gate.add_argument("--strict", action="store_true", help="waivers that are unused or expired fail the run")


def _add_output(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    output = parser.add_argument_group("output")
    output.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="FORMAT[=FILE]",
        help=f"how results are written: {', '.join(FORMATS)}; repeatable; without FILE it "
        "replaces text on standard output",
    )
    output.add_argument(
        "--emit-replay",
        metavar="FILE.py",
        help="write a script that repeats every counterexample and witness, with Python and Unicorn alone",
    )
    output.add_argument(
        "--attest", metavar="FILE", help="write an unsigned in-toto statement about the inputs and the verdict"
    )
    return output


def _add_volume(output: argparse._ActionsContainer) -> None:
    volume = output.add_mutually_exclusive_group()
    volume.add_argument("-v", "--verbose", action="store_true", help="everything, with statistics and timings")
    volume.add_argument("-q", "--quiet", action="store_true", help="only verdicts and one line for each finding")


def _add_color(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto", help="colour the text (default: auto)"
    )


SUBPARSERS: Mapping[str, Callable[[], argparse.ArgumentParser]] = {
    "check-certificate": check_certificate_parser,
    "completion": completion_parser,
    "diff": diff_parser,
    "doctor": doctor_parser,
    "explain": explain_parser,
    "explain-frame": explain_frame_parser,
    "init": init_parser,
    "man": man_parser,
    "merge": merge_parser,
    "replay": replay_parser,
    "slack": slack_parser,
}
"""Name of each sub-command and what builds its parser."""

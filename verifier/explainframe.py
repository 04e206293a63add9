# SPDX-License-Identifier: BSD-2-Clause
"""``verify-exit explain-frame``: which exit a saved frame takes, and when the fast exit is taken."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.console import Parser, width, write_out
from verifier.model import UserError
from verifier.options import add_allow_include, add_arguments, from_namespace
from verifier.report.verdict import INCONCLUSIVE, PROVED, worst_code

if TYPE_CHECKING:
    from verifier.frameanswer import FrameReport
    from verifier.framewords import Told


def explain_frame_parser() -> argparse.ArgumentParser:
    """The parser of ``verify-exit explain-frame``."""
    parser = Parser(
        prog="verify-exit explain-frame",
        description="Which exit a saved frame takes: the first check that decides it, and what user space gets. "
        "Without --set and --dump: when the fast exit is taken.",
        epilog="Names: rip, cs, rflags, rsp, ss, rax … are the frame's words; NAME@entry is a register at the entry; "
        "memory and features are named as in reports. Exit codes: 0 answered, also if it depends on what was not "
        "given; 3 inconclusive; 2 wrong call; 4 input that cannot be read.",
        allow_abbrev=False,
    )
    parser.add_argument("path", metavar="PATH", help="an assembly source, an object, or a kernel image")
    frame = parser.add_argument_group("frame")
    frame.add_argument(
        "--set",
        dest="values",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="what the frame holds: rip=0x401000 rflags=IF+ZF; wins over --dump",
    )
    frame.add_argument(
        "--dump",
        metavar="FILE",
        help="take the frame from registers as an oops, GDB or QEMU's monitor prints them; - is standard input",
    )
    add_arguments(parser)
    add_allow_include(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how it is written (default: text)")
    return parser


def explain_frame(parsed: argparse.Namespace) -> int:
    """Answer, and print it; the exit status. Raises UserError."""
    from verifier.frameask import frame_report
    from verifier.framewords import merged, told
    from verifier.opening import opened
    from verifier.report.frame_json import render as as_json
    from verifier.report.frame_text import render as as_text

    values = merged(_dump(parsed.dump), told(parsed.values))
    found = frame_report(opened(Path(parsed.path), from_namespace(parsed)), values)
    text = as_json(found) if parsed.format == "json" else as_text(found, width(sys.stdout))
    return worst_code((write_out(text), status(found)))


def status(found: FrameReport) -> int:
    """0 if there is an answer to everything that was asked, else 3."""
    if found.reasons:
        return INCONCLUSIVE
    if found.answers:
        return INCONCLUSIVE if any(one.status == "unknown" for one in found.answers) else PROVED
    claimed = all(one.exact or one.conditions for exit_ in found.exits for one in exit_.conditions)
    return PROVED if found.exits and claimed else INCONCLUSIVE


def _dump(name: str | None) -> tuple[Told, ...]:
    """The values of a dump. Raises UserError."""
    from verifier.framedump import DUMP_BYTES, user_registers
    from verifier.framewords import Told
    from verifier.source import printable, read_input

    if name is None:
        return ()
    if name == "-":
        data = sys.stdin.buffer.read(DUMP_BYTES + 1)
    else:
        try:
            data = read_input(Path(name), DUMP_BYTES)
        except UserError as error:
            raise UserError("dump-invalid", error.message, 4) from None
    shown = "standard input" if name == "-" else printable(name)
    return tuple(Told(register, value, shown) for register, value in user_registers(data, shown).values)

# SPDX-License-Identifier: BSD-2-Clause
"""The exit instructions and SWAPGS as SMT-LIB text: renders verifier/isa into specs/isa.

    python tests/evidence/isa_semantics.py [--write]

Without ``--write`` it says which files are stale. The functions of verifier/isa are executed on symbols, as in a
proof, and each field of what comes out becomes one ``define-fun`` with the citations that stand beside it in the code.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

import claripy  # noqa: E402
from claripy.algorithm import replace  # noqa: E402

from verifier.isa import iret, swapgs, sysexit, sysret  # noqa: E402
from verifier.isa.encoding import parse  # noqa: E402
from verifier.outcomes import Outcome  # noqa: E402
from verifier.smtlib import Printer, comment, sort  # noqa: E402
from verifier.terms import canonical, canonical_under, lnot  # noqa: E402

TARGET = ROOT / "specs" / "isa"
WIDTH = 100

Value = tuple[str, int, str]
"""Name, width in bits (0: Bool) and meaning of an argument."""

RCX: Value = ("RCX", 64, "the register before the instruction")
LA57: Value = ("la57", 0, "CR4.LA57 = 1: linear addresses have 57 bits, not 48")
AMD: Value = ("amd", 0, "the CPU is AMD's, not Intel's")
STAR: Value = ("IA32_STAR", 64, "the MSR C0000081H, which AMD calls STAR; bits 63:48 are SYSRET_CS")

RESULTS = {
    "rip": "RIP", "rflags": "RFLAGS", "cs": "CS.Selector", "ss": "SS.Selector", "rsp": "RSP",
    "fault": "#GP(0) or #UD at CPL 0, before anything changes: then the other functions mean nothing",
    "late_fault": "#GP at CPL 3, when the first user instruction is fetched",
    "gs_base": "GS.base", "kernel_gs_base": "IA32_KERNEL_GS_BASE",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rendering:
    """One file: ``values`` are the results by field, on symbols that are called like the ``arguments``."""

    name: str
    title: str
    module: str
    arguments: tuple[Value, ...]
    values: Mapping[str, Any]
    manual: Mapping[str, tuple[str, ...]]
    left_out: tuple[str, ...]

    @property
    def symbols(self) -> dict[str, Any]:
        """The symbol of each argument."""
        return {name: symbol(name, width) for name, width, _ in self.arguments}


def symbol(name: str, width: int) -> Any:
    """A symbol of that width in bits, or a Boolean one for 0."""
    return claripy.BVS(name, width, explicit_name=True) if width else claripy.BoolS(name, explicit_name=True)


def of_outcome(outcome: Outcome) -> dict[str, Any]:
    """The fields of an outcome by name."""
    return {field.name: getattr(outcome, field.name) for field in fields(outcome)}


class Pair:
    """As much of a machine as SWAPGS touches."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)

    def get(self, name: str) -> Any:
        """A register's value."""
        return self.values[name]

    def put(self, name: str, value: Any) -> None:
        """Change a register."""
        self.values[name] = value


def swapped(gs_base: Any, kernel_gs_base: Any) -> dict[str, Any]:
    """Both bases after SWAPGS."""
    machine = Pair({"gs_base": gs_base, "kernel_gs_base": kernel_gs_base})
    swapgs.step(machine, parse(b"\x0f\x01\xf8"))  # type: ignore[arg-type]
    return machine.values


COMMON_LEFT_OUT = (
    "#UD and #GP(0) by mode: the code runs at CPL 0 in 64-bit mode, EFER.SCE = 1 and CR4.FRED = 0 (entry-cpl0)",
    "the hidden parts of CS and SS (the clause ss-attrs), shadow stacks (ssp), the debug registers",
)


def renderings() -> Iterator[Rendering]:
    """All files."""
    registers = {name.lower(): symbol(name, 64) for name in ("RCX", "R11", "RDX", "RSP", "RFLAGS")}
    star, la57, amd = symbol("IA32_STAR", 64), symbol("la57", 0), symbol("amd", 0)
    r11: Value = ("R11", 64, "the register before the instruction")
    rsp: Value = ("RSP", 64, "the register before the instruction")
    yield Rendering(
        "sysretq", "SYSRETQ (REX.W 0F 07): return to 64-bit mode at CPL 3",
        "sysret.py", (RCX, r11, rsp, STAR, LA57, AMD),
        of_outcome(sysret.sysretq(registers, star, la57, amd)), sysret.SYSRETQ_MANUAL, COMMON_LEFT_OUT,
    )  # fmt: skip
    yield Rendering(
        "sysretl", "SYSRETL (0F 07): return to compatibility mode at CPL 3", "sysret.py", (RCX, r11, rsp, STAR, AMD),
        of_outcome(sysret.sysretl(registers, star, amd)), sysret.SYSRETL_MANUAL, COMMON_LEFT_OUT,
    )  # fmt: skip
    cs: Value = ("IA32_SYSENTER_CS", 16, "bits 15:0 of the MSR 174H")
    rdx: Value = ("RDX", 64, "the register before the instruction")
    flags: Value = ("RFLAGS", 64, "the register before the instruction")
    for wide, name, mode in ((True, "sysexitq", "64-bit"), (False, "sysexitl", "compatibility")):
        yield Rendering(
            name, f"{'SYSEXITQ (REX.W 0F 35)' if wide else 'SYSEXITL (0F 35)'}: return to {mode} mode at CPL 3",
            "sysexit.py", (RCX, rdx, flags, cs, *((LA57,) if wide else ()), AMD),
            of_outcome(sysexit.sysexit(registers, registers["rflags"], symbol(*cs[:2]), wide, la57, amd)),
            sysexit.SYSEXITQ_MANUAL if wide else sysexit.SYSEXITL_MANUAL,
            (*COMMON_LEFT_OUT, "#GP(0) if IA32_SYSENTER_CS[15:2] = 0: the value is the contract's"),
        )  # fmt: skip
    words = ("RIP", "CS", "RFLAGS", "RSP", "SS")
    frame = {name.lower(): symbol(f"temp{name}", 64) for name in words}
    yield Rendering(
        "iretq", "IRETQ (REX.W CF): return from CPL 0 to CPL 3", "iret.py",
        (*((f"temp{name}", 64, f"the quadword at RSP + {8 * index}") for index, name in enumerate(words)), LA57),
        of_outcome(iret.iretq(frame, la57)), iret.IRETQ_MANUAL,
        (
            *COMMON_LEFT_OUT, "faults by RFLAGS.NT, by descriptors and by a frame that is not mapped; the NMI mask",
            "DS, ES, FS and GS, which are made null if their descriptors are not for CPL 3",
        ),
    )  # fmt: skip
    bases: tuple[Value, ...] = (
        ("GS.base", 64, "the base that GS: accesses use, MSR C0000101H"),
        ("IA32_KERNEL_GS_BASE", 64, "the MSR C0000102H"),
    )
    yield Rendering(
        "swapgs", "SWAPGS (0F 01 F8)", "swapgs.py", bases, swapped(*(symbol(*one[:2]) for one in bases)),
        swapgs.SWAPGS_MANUAL, (COMMON_LEFT_OUT[0], "every other register and flag: they stay"),
    )  # fmt: skip


CONVENTIONS = (
    "How to read this: each function is one register as the instruction leaves it, from the registers before it.",
    "(_ BitVec N) is an N-bit number; bvadd is addition modulo 2^N; bvand, bvor are bitwise; (_ extract H L) takes",
    "bits H:L; (_ zero_extend N) puts N zeros in front, (_ sign_extend N) copies of the top bit; (ite C A B) is",
    "A if C holds, else B; #x is hexadecimal, #b binary.",
)
MANUALS = (
    "SDM: Intel 64 and IA-32 Architectures Software Developer's Manual, order numbers 253665 (vol. 1), 325383",
    "     (vol. 2, edition 090US, February 2026) and 325384 (vol. 3).",
    "APM: AMD64 Architecture Programmer's Manual, publications 24593 (vol. 2) and 24594 (vol. 3, revision 3.36,",
    "     March 2024). Where it says nothing else, the APM agrees with the SDM.",
)


def text(one: Rendering) -> str:
    """A whole file."""
    lines = ["; SPDX-License-Identifier: BSD-2-Clause", comment(one.title + "."), ";"]
    lines += [comment(f"Rendered from verifier/isa/{one.module} by tests/evidence/isa_semantics.py and proved equal.")]
    lines += [";", *map(comment, CONVENTIONS), ";", *map(comment, MANUALS), ";", "; Arguments:"]
    lines += [comment(f"  {name}: {meaning}") for name, _, meaning in one.arguments]
    lines += ["; Not in these functions:", *(comment(f"  {line}") for line in one.left_out), ""]
    lines += ["(set-logic QF_BV)", ""]
    places = _canonical_places(one)
    if places:
        lines += [*_canonical_function(), ""]
    for field, value in one.values.items():
        lines.append(comment(RESULTS[field]))
        lines += [comment(f"  {citation}") for citation in one.manual[field]]
        lines += [_function(one, field, value, places), ""]
    return "\n".join(lines)


def _canonical_places(one: Rendering) -> dict[str, Any]:
    """For each argument that can be an address, the term that says whether it is canonical."""
    la57 = one.symbols.get("la57")
    if la57 is None:
        return {}
    return {name: canonical_under(one.symbols[name], la57) for name, width, _ in one.arguments if width == 64}


def _canonical_function() -> list[str]:
    address, la57 = symbol("address", 64), symbol("la57", 0)
    body = claripy.If(la57, canonical(address, 57), canonical(address, 48))
    return [
        "; A linear address is canonical if the bits above the ones in use are copies of the top one of these",
        "; (SDM vol. 1, 3.3.7.1; APM vol. 2, 1.1.3).",
        "(define-fun canonical ((address (_ BitVec 64)) (la57 Bool)) Bool",
        *(f"  {line}" for line in _pretty(Printer(free={"address", "la57"}).let(body))),
        ")",
    ]


def _function(one: Rendering, field: str, value: Any, places: Mapping[str, Any]) -> str:
    if isinstance(value, bool):
        body, used = "true" if value else "false", frozenset[str]()
    else:
        for name, term in places.items():
            short = symbol(f"canonical.{name}", 0)
            value = replace(replace(value, term, short), lnot(term), claripy.Not(short))
        printer = Printer(free={name for name, _, _ in one.arguments} | {f"canonical.{name}" for name in places})
        body = _without_let(printer.let(value))
        for name in places:
            body = body.replace(f"canonical.{name}", f"(canonical {name} la57)")
        used = frozenset(re.findall(r"[\w.]+", body))
    given = " ".join(f"({name} {sort(width)})" for name, width, _ in one.arguments if name in used)
    width = 0 if field in ("fault", "late_fault") else 16 if field in ("cs", "ss") else 64
    lines = [f"(define-fun |{one.name}.{field}| ({given}) {sort(width)}", *(f"  {line}" for line in _pretty(body))]
    return "\n".join(lines) + ")"


def _without_let(body: str) -> str:
    """The text with what LET names written out: these are short."""
    while found := re.search(r"\(let \(\((\?\d+) ", body):
        start = found.end()
        middle = _end(body, start)
        after = middle + len(")) ")
        last = _end(body, after)
        inside = re.sub(re.escape(found[1]) + r"\b", lambda _: body[start:middle], body[after:last])  # noqa: B023
        body = body[: found.start()] + inside + body[last + 1 :]
    return body


def _end(body: str, start: int) -> int:
    """Where the expression that begins at ``start`` ends."""
    depth, at = 0, start
    while True:
        depth += (body[at] == "(") - (body[at] == ")")
        at += 1
        if depth == 0 and (at == len(body) or body[at] in " )"):
            return at


def _pretty(body: str) -> list[str]:
    """An expression in lines that are not too long, operands below their operation."""
    if len(body) <= WIDTH or not body.startswith("("):
        return [body]
    parts, at = [], 1
    while at < len(body) - 1:
        end = _end(body, at)
        parts.append(body[at:end])
        at = end + 1
    head, *operands = parts
    lines = [f"({head}", *(f"  {line}" for operand in operands for line in _pretty(operand))]
    lines[-1] += ")"
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or say which are stale; 1 if one is."""
    parser = argparse.ArgumentParser(description="Renders verifier/isa into specs/isa.")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    stale = 0
    wanted = {f"{one.name}.smt2": text(one) for one in renderings()}
    for path in sorted(TARGET.glob("*.smt2")):
        if path.name not in wanted:
            stale += 1
            print(f"{path.name} is of no instruction")
    for name, content in wanted.items():
        path = TARGET / name
        if options.write:
            path.parent.mkdir(exist_ok=True)
            path.write_text(content, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != content:
            stale += 1
            print(f"{name} is stale; run: python tests/evidence/isa_semantics.py --write")
    print(f"{len(wanted)} files, {stale} stale")
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())

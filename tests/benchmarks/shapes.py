# SPDX-License-Identifier: BSD-2-Clause
"""Exit paths of a chosen size, one kind of size at a time. All are right, so every one has to be proved."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
ENTRY = "exit_to_user"
HEAD = (
    "# SPDX-License-Identifier: BSD-2-Clause\n# CONTRACT: linux\n# ENTRY: {entry}\n"
    "{included}\t.globl\t{entry}\n{entry}:\n"
)
CHECKED_EXIT = "\tneed_everything slow\n\tleave_by_sysret\nslow:\n\tleave_by_iret\n"

STRAIGHT = (
    "movq\t{slot}(%rsp), %rax",
    "leaq\t8(%rax,%rdi), %rdx",
    "movq\t%rdx, -{below}(%rsp)",
    "andl\t$0xff, %eax",
    "addq\t%rax, %rsi",
    "movq\t-{below}(%rsp), %r8",
    "cmpq\t%r8, %rsi",
    "movzbl\t%al, %r9d",
)
"""What straight code is mostly made of: loads, stores and moves; now and then a sum."""


def path(count: int) -> str:
    """So many instructions in front of the checks, without a branch."""
    lines = (
        STRAIGHT[number % len(STRAIGHT)].format(slot=8 * (number // 8 % 15), below=8 + 8 * (number // 8 % 12))
        for number in range(count)
    )
    return _source("".join(f"\t{line}\n" for line in lines) + CHECKED_EXIT)


def tests(count: int) -> str:
    """So many independent tests of a work flag in front of the checks, each with work that changes a register.

    Raises ValueError for more than 64: the flags are the bits of one word.
    """
    if count > 64:
        raise ValueError(count)
    arms = (f"\tbtq\t${bit}, %rbx\n\tjnc\t{100 + bit}f\n\tincq\t%rax\n{100 + bit}:\n" for bit in range(count))
    return _source("".join(arms) + CHECKED_EXIT)


def stores(count: int) -> str:
    """So many independent tests, each with work that stores through a pointer that may point anywhere.

    Raises ValueError for more than 64: the flags are the bits of one word.
    """
    if count > 64:
        raise ValueError(count)
    arms = (f"\tbtq\t${bit}, %rbx\n\tjnc\t{100 + bit}f\n\tmovq\t%rax, (%rdi)\n{100 + bit}:\n" for bit in range(count))
    return _source("".join(arms) + CHECKED_EXIT)


def sites(count: int) -> str:
    """So many SYSRETs behind the same checks, one for each value of a byte of the CPU's own data."""
    ways = (f"\tcmpb\t${number}, %gs:0x40\n\tjne\t1f\n\tleave_by_sysret\n1:\n" for number in range(1, count))
    return _source(f"\tneed_everything slow\n{''.join(ways)}\tleave_by_sysret\nslow:\n\tleave_by_iret\n")


def calls(count: int) -> str:
    """So many calls of as many functions of the file, each of which decides on its own argument."""
    made = "".join(f"\tmovq\t{8 * (number % 15)}(%rsp), %rdi\n\tcall\twork_{number}\n" for number in range(count))
    bodies = (
        f"work_{number}:\n\txorl\t%eax, %eax\n\ttestq\t%rdi, %rdi\n\tjz\t1f\n\tmovl\t${number + 1}, %eax\n1:\tret\n"
        for number in range(count)
    )
    return _source(made + CHECKED_EXIT + "".join(bodies))


def patched(count: int) -> str:
    """So many places that boot-time patching may change, each by a feature of its own.

    Raises ValueError for more than 320: a feature is a number below that.
    """
    if count > 320:
        raise ValueError(count)
    places = "".join(f'\tpatch\t"addq $1, %rax", "leaq 2(%rax), %rax", {number}\n' for number in range(count))
    return _source(places + CHECKED_EXIT, "patch.h")


def _source(body: str, *headers: str, entry: str = ENTRY) -> str:
    included = "".join(f'#include "{name}"\n' for name in headers or ("exit.h",))
    return HEAD.format(entry=entry, included=included) + body


def written(text: str, directory: Path, name: str) -> Path:
    """A source in a directory, with the headers of the samples next to it."""
    for header in SAMPLES.glob("*.h"):
        shutil.copy(header, directory)
    made = directory / f"{name}.S"
    made.write_text(text, encoding="utf-8")
    return made


FUNCTION = (
    "554889e5",  # push %rbp; mov %rsp, %rbp
    "4883ec10",  # sub $16, %rsp
    "488b4708",  # mov 8(%rdi), %rax
    "4885c0740a",  # test %rax, %rax; je over the next two
    "488b0f48890e48894608",  # mov (%rdi), %rcx; mov %rcx, (%rsi); mov %rax, 8(%rsi)
    "0fb6471089461831c0",  # movzbl 16(%rdi), %eax; mov %eax, 24(%rsi); xor %eax, %eax
)
LAST = bytes.fromhex("c9c30f1f440000")
"""leave; ret; a NOP in between."""


def unrelated(size: int) -> bytes:
    """A function that only returns, then about so many bytes of others that have nothing to do with the exit."""
    source = random.Random(1)  # noqa: S311 - the same code each time
    code, starts = bytearray(LAST[1:]), [0]
    while len(code) < size:
        starts.append(len(code))
        for _ in range(source.randrange(1, 4)):
            code += bytes.fromhex("".join(FUNCTION))
            target = source.choice(starts[-200:])
            code += b"\xe8" + (target - len(code) - 5).to_bytes(4, "little", signed=True)
        code += LAST
    return bytes(code)


PROGRAM = """\
	swapgs
	movq	%rsp, %gs:0x40
	movq	%gs:0x48, %rsp
	push_frame	%gs:0x40
	movq	%rsp, %rdi
	call	unrelated
"""
"""The way in: what makes the frame, so that the entry behind it is found."""


def program(size: int, directory: Path) -> Path:
    """A linked program at a kernel's addresses: one exit path, found by itself, and so many bytes of other code."""
    text = (
        _source(PROGRAM + CHECKED_EXIT, "exit.h", "enter.h", entry="system_call")
        + '\t.p2align 4\n\t.type unrelated, @function\nunrelated:\n\t.incbin "unrelated.bin"\n'
    )
    (directory / "unrelated.bin").write_bytes(unrelated(size))
    made = written(text, directory, "program")
    linked = made.with_suffix(".elf")
    flags = ("-nostdlib", "-static", "-Wl,-Ttext=0xffffffff81000000,-e,system_call,-z,noexecstack,--build-id=none")
    subprocess.run(["gcc", *flags, "-o", str(linked), str(made)], cwd=directory, check=True)
    return linked


@dataclass(frozen=True, slots=True)
class Dimension:
    """A size that grows: what it counts, the sizes that are measured (the first is the base), and its file."""

    name: str
    counts: str
    sizes: tuple[int, ...]
    limit: str
    make: Callable[[int, Path], Path]


def _in_file(name: str, text: Callable[[int], str]) -> Callable[[int, Path], Path]:
    return lambda size, directory: written(text(size), directory, name)


DIMENSIONS: tuple[Dimension, ...] = (
    Dimension(
        "path", "straight instructions", (0, 250, 500, 1000, 2000, 4000),
        "each instruction is executed, shown and replayed; a sum over the path is read anew at each step",
        _in_file("path", path),
    ),
    Dimension(
        "tests", "work-flag tests", (0, 4, 8, 16, 32, 64),
        "two arms and a join each; the term of the register that the work changes gets one choice deeper",
        _in_file("tests", tests),
    ),
    Dimension(
        "stores",
        "tests with a store through a pointer",
        (0, 4, 8, 16, 32, 64),
        "what a word holds behind the joins is as deep as they are many",
        _in_file("stores", stores),
    ),
    Dimension(
        "sites", "SYSRETs", (1, 2, 4, 8, 16, 32),
        "each exit is proved and its witness replayed by itself, and the way to the last one passes all tests",
        _in_file("sites", sites),
    ),
    Dimension(
        "calls", "calls of functions", (0, 4, 8, 16, 32, 64),
        "a function is executed anew for each call",
        _in_file("calls", calls),
    ),
    Dimension(
        "patched", "patched places", (0, 4, 8, 16, 32, 64),
        "whether a form can run is asked under everything that was asked before; the forms join behind the place",
        _in_file("patched", patched),
    ),
    Dimension(
        "image", "MiB of other code", (0, 4, 8, 16, 32, 64),
        "the file is read and hashed, and its code is searched for exits and for the ways to them",
        lambda size, directory: program(size << 20, directory),
    ),
)  # fmt: skip

# SPDX-License-Identifier: BSD-2-Clause
"""The well-formed files that fuzzing starts from: every kind that a reader of verify-exit takes."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import struct
import subprocess
from pathlib import Path

import lz4.block
import lz4.frame
import zstandard

BASE = 0xFFFFFFFF81000000

PROGRAM = """\
        .globl  _start
        .type   _start, @function
_start: call    helper
        mov     KNOWN, %rax
site:   jmp     1f
1:      .byte   0x0f, 0x1f, 0x44, 0x00, 0x00
        sysretq
        .size   _start, . - _start
helper: ret
        int3
        .section .rodata, "a"
        .ascii  "Linux version 6.12.0 (a@b)"
        .balign 8
known:  .quad   _start, 2
        .data
word:   .quad   3
key:    .quad   1, site
        .comm   common, 16, 8
        .bss
        .skip   64
        .section .altinstr_replacement, "ax"
new:    jmp     helper
        nop
        .section .altinstructions, "a"
        .globl  __alt_instructions, __alt_instructions_end, __start___jump_table, __stop___jump_table
__alt_instructions:
        .long   site - ., new - .
        .long   (3 * 32) + 21
        .byte   2, 2
        .long   1b - ., new - .
        .long   (16 * 32) + 16 + 0x10000
        .byte   5, 5
__alt_instructions_end:
        .section __jump_table, "a"
__start___jump_table:
        .long   1b - ., helper - .
        .quad   key + 1 - .
__stop___jump_table:
        .section .return_sites, "a"
        .long   helper - .
        .section .smp_locks, "a"
        .long   _start - .
"""

HEADER = """\
# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated tf
# ARGS:     --profile equivalence --vendor intel --entry a+0x10 --rlimit 5
# ORIGIN:   what it models, in as many lines as it takes: a line that
#           follows ORIGIN belongs to it
// a comment
        .globl  exit_to_user
exit_to_user:
        sysretq
"""

CMD = "savedcmd_a.o := gcc -Wp,-MMD,./.a.o.d -nostdinc -I./include -D__ASSEMBLY__ -c -o a.o a.S ; objtool a.o\n"

_OBJECTS = {
    "object, DWARF 5": ["-c", "-gdwarf-5"],
    "object, DWARF 4": ["-c", "-gdwarf-4"],
    "object, DWARF 2": ["-c", "-gdwarf-2"],
    "object, zlib": ["-c", "-gdwarf-5", "-gz=zlib"],
    "object, plain": ["-c"],
}
_LINKED = ["-nostdlib", "-static", f"-Wl,-Ttext={BASE:#x},-z,noexecstack,--build-id=sha1"]
_EXECUTABLES = {
    "executable, DWARF 5": [*_LINKED, "-gdwarf-5"],
    "executable, DWARF 4": [*_LINKED, "-gdwarf-4"],
    "executable, stripped": [*_LINKED, "-s"],
    "executable, relocatable code": ["-nostdlib", "-static-pie", "-Wl,-z,notext,-z,noexecstack"],
}


def elf_files(directory: Path) -> dict[str, bytes]:
    """Objects and executables of all kinds, by name; ``directory`` is for the compiler."""
    found = {}
    for kind, flags in (_OBJECTS | _EXECUTABLES).items():
        # Code at a high address reaches nothing by a 32-bit field; a relocated one has addresses in its code.
        known = "known(%rip)" if kind in _OBJECTS else "known@GOTPCREL(%rip)"
        text = PROGRAM.replace("KNOWN", known)
        if "relocatable" in kind:
            text = PROGRAM.replace("mov     KNOWN", "movabs  $known")
        (directory / "a.S").write_text(text)
        subprocess.run(["gcc", *flags, "-o", "a", "a.S"], cwd=directory, check=True)
        found[kind] = (directory / "a").read_bytes()
        if kind.startswith("executable, DWARF"):
            subprocess.run(["objcopy", "--only-keep-debug", "a", "b"], cwd=directory, check=True)
            found[f"debug file of {kind}"] = (directory / "b").read_bytes()
    stripped = found["executable, stripped"]
    found["executable, segments only"] = stripped[:40] + bytes(8) + stripped[48:]
    return found


def maps(executable: bytes, directory: Path) -> dict[str, bytes]:
    """Texts of symbols."""
    (directory / "a").write_bytes(executable)
    return {
        flag or "nm": subprocess.run(["nm", *flag.split(), "a"], cwd=directory, check=True, capture_output=True).stdout
        for flag in ("", "-n", "-S")
    }


def containers(elf: bytes) -> dict[str, bytes]:
    """The file, packed in every way that is unpacked."""
    block = lz4.block.compress(elf, store_size=False)
    packed = {
        "gzip": gzip.compress(elf, mtime=0),
        "xz": lzma.compress(elf, preset=1),
        "lzma": lzma.compress(elf, lzma.FORMAT_ALONE, preset=1),
        "bzip2": bz2.compress(elf),
        "zstd": zstandard.ZstdCompressor(level=3).compress(elf),
        "lz4": struct.pack("<II", 0x184C2102, len(block)) + block,
    }
    sized = {name: data + (b"" if name == "gzip" else struct.pack("<I", len(elf))) for name, data in packed.items()}
    images = {f"boot image, {name}": _boot_image(data) for name, data in sized.items()}
    unified = {"unified image": _unified_image(images["boot image, gzip"])}
    return packed | {"lz4 frame": lz4.frame.compress(elf)} | images | unified


def _boot_image(body: bytes) -> bytes:
    """A bzImage: the fields of the boot protocol's header that say where the payload is."""
    setup = bytearray(6 * 512)
    setup[0x1F1] = 5
    setup[0x1FE:0x208] = struct.pack("<HH4sH", 0xAA55, 0x6AEB, b"HdrS", 0x020F)
    struct.pack_into("<H", setup, 0x20E, 0x300)
    struct.pack_into("<II", setup, 0x248, 64, len(body))
    setup[0x500:0x510] = b"6.12.0 (a@b) #1\0"
    return bytes(setup) + bytes(64) + body + b"behind"


def _unified_image(kernel: bytes) -> bytes:
    """A PE file whose section .linux is the boot image."""
    start = 0x200
    header = b"MZ" + bytes(58) + struct.pack("<I", 0x40)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 2, 0, 0, 0, 112, 0x22E) + struct.pack("<H", 0x20B) + bytes(110)
    sections = b"".join(
        struct.pack("<8sIIIIIIHHI", name, len(kernel), 0x1000, size, start, 0, 0, 0, 0, 0x40000040)
        for name, size in ((b".osrel", 16), (b".linux", len(kernel)))
    )
    return (header + coff + sections).ljust(start, b"\0") + kernel


def databases() -> dict[str, bytes]:
    """Compilation databases and the commands in them."""
    words = ["gcc", "-Iinclude", "-DX=1", "-Wa,--defsym,Y=2", "-include", "a.h", "-mcmodel=kernel", "-c", "a.S"]
    entry = {"directory": ".", "file": "a.S", "arguments": words}
    other = {"directory": ".", "file": "b.S", "command": "cc -O2 -c -o b.o b.S && echo 'x y'"}
    return {"database": json.dumps([entry, other], indent=1).encode()}

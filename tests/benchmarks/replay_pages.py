# SPDX-License-Identifier: BSD-2-Clause
"""What a replay costs on small and big images, and on one with all of its pages in memory.

    python tests/benchmarks/replay_pages.py [--whole MIB]

The same few instructions run on each. The last row is what a replay would cost
if images were mapped as a whole: a byte of each page is given with the
request. It grows with the square of the size. Times are CPU seconds of this
process, the best of three. Compare ratios.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from verifier.model import Image, Section
from verifier.replay import MemoryWord, ReplayRequest, replay

PAGE = 0x1000
TEXT = 0xFFFFFFFF81000000
CODE = bytes.fromhex("488b07 4889c6 48ffc6 56 58 90")
"""mov (%rdi),%rax; mov %rax,%rsi; inc %rsi; push %rsi; pop %rax; nop."""


def image_of(size: int) -> Image:
    """One executable section with the code at its start."""
    contents = CODE + bytes(size - len(CODE))
    return Image("image", "0" * 64, (Section(".text", TEXT, size, contents, True, False),), (), (), ())


def request(memory: tuple[MemoryWord, ...]) -> ReplayRequest:
    """Run the code up to its NOP."""
    return ReplayRequest(
        entry=TEXT,
        stop_at=TEXT + len(CODE) - 1,
        registers=(("rdi", TEXT), ("rsp", 0xFFFFC90000003F50)),
        rflags=2,
        gs_base=0,
        kernel_gs_base=0,
        fs_base=0,
        cr3=0,
        cr4=0,
        msrs=(),
        memory=memory,
        calls=(),
        havoc_calls=frozenset(),
        flag_patches=(),
        max_instructions=16,
    )


def best(run: Callable[[], object]) -> float:
    """CPU seconds of the fastest of three runs."""
    times = []
    for _ in range(3):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print the times and their ratios to the first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--whole", type=int, default=8, help="MiB of the image that is mapped as a whole")
    size = parser.parse_args().whole << 20
    small, middle, big = image_of(PAGE), image_of(size), image_of(64 << 20)
    every_page = tuple(MemoryWord(TEXT + at, middle.sections[0].data[at], 1) for at in range(0, size, PAGE))
    replay(small, request(()))  # loads Unicorn
    rows = {
        "4 KiB": best(lambda: replay(small, request(()))),
        f"{size >> 20} MiB": best(lambda: replay(middle, request(()))),
        "64 MiB": best(lambda: replay(big, request(()))),
        f"{size >> 20} MiB, all in memory": best(lambda: replay(middle, request(every_page))),
    }
    for name, seconds in rows.items():
        print(f"{name:24} {seconds * 1000:10.1f} ms {seconds / rows['4 KiB']:8.1f}")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-2-Clause
"""The memory of one replay: pages that Unicorn is given when they are first touched.

An image may have many megabytes of which a path executes some hundred bytes.
A page with a part of a section has the image's bytes from the start, whenever
it is mapped; every other page is zeroed. Addresses are 64 bits wide and wrap.
"""

from __future__ import annotations

from typing import Any

from verifier.model import Image
from verifier.replay.request import MemoryWord

PAGE = 0x1000
_MASK64 = (1 << 64) - 1


class StopError(Exception):
    """The run cannot go on; the text is the reason."""


class Memory:
    """Pages of ``uc`` over the sections of ``image``.

    ``unmapped`` are the pages, in order, that code read or wrote although
    neither the image nor a stored word has anything there.
    """

    def __init__(self, uc: Any, image: Image) -> None:
        self._uc, self._image = uc, image
        self._pages: set[int] = set()
        self.unmapped: list[int] = []

    def map(self, address: int, size: int) -> list[int]:
        """Map the pages of an area that are not there yet; returned are those that the image has no part of."""
        outside = []
        for page in _pages(address, size):
            if page in self._pages:
                continue
            contents = self._contents(page)
            self._uc.mem_map(page, PAGE)
            self._pages.add(page)
            if contents is None:
                outside.append(page)
            else:
                self._uc.mem_write(page, contents)
        return outside

    def free(self, address: int, size: int) -> bool:
        """Whether nothing is in an area, mapped or not."""
        return all(page not in self._pages and self._contents(page) is None for page in _pages(address, size))

    def fixed(self, address: int) -> bool:
        """Whether the byte there is in a section that is not writable."""
        section = self._image.section_at(address)
        return section is not None and not section.writable

    def load(self, address: int, size: int) -> int:
        """``size`` bytes, little endian; maps nothing, so that a hook may call it in the middle of an access."""
        return int.from_bytes(bytes(self._byte((address + offset) & _MASK64) for offset in range(size)), "little")

    def store(self, word: MemoryWord) -> None:
        """Put a word of the request into memory. Raises StopError if that changes a byte that is ``fixed``."""
        self.map(word.address, word.size)
        for offset in range(word.size):
            place, byte = word.address + offset & _MASK64, bytes([word.value >> 8 * offset & 0xFF])
            if self.fixed(place) and self._uc.mem_read(place, 1) != byte:
                raise StopError(f"the request changes the read-only byte at {place:#x}")
            self._uc.mem_write(place, byte)

    def on_access(self, _uc: Any, _kind: int, address: int, size: int, _value: int, _: object) -> bool:
        """Unicorn's hook for a read or write of a page that is not mapped."""
        self.unmapped += self.map(address & _MASK64, size)
        return True

    def on_fetch(self, _uc: Any, _kind: int, address: int, size: int, _value: int, _: object) -> bool:
        """Unicorn's hook for a fetch from such a page: only the image has code."""
        page = address & _MASK64 & -PAGE
        if self._contents(page) is None:
            return False
        self.map(page, PAGE)
        return True

    def _byte(self, place: int) -> int:
        page = place & -PAGE
        if page in self._pages:
            return int(self._uc.mem_read(place, 1)[0])
        contents = self._contents(page)
        return 0 if contents is None else contents[place - page]

    def _contents(self, page: int) -> bytes | None:
        """What the image has in a page: None if no section reaches into it; of two sections the later one."""
        contents: bytearray | None = None
        for section in self._image.sections:
            if section.address < page + PAGE and page < section.address + section.size:
                contents = contents or bytearray(PAGE)
                start = max(page, section.address)
                data = section.data[start - section.address : page + PAGE - section.address]
                contents[start - page : start - page + len(data)] = data
        return None if contents is None else bytes(contents)


def _pages(address: int, size: int) -> list[int]:
    return [number * PAGE & _MASK64 for number in range(address // PAGE, (address + size - 1) // PAGE + 1)]

# SPDX-License-Identifier: BSD-2-Clause
"""The memory of many machines, one after the other: what one of them wrote is gone before the next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from verifier.model import Image
from verifier.replay.memory import PAGE, Memory
from verifier.replay.request import MemoryWord

_MASK64 = (1 << 64) - 1
_CROWD = 512


class Pages:
    """Pages of ``uc`` over an image; all machines have the ``words`` in common.

    ``known`` are the 8-byte aligned addresses with an input in them, or something that the running machine wrote.
    """

    def __init__(self, uc: Any, image: Image, words: Iterable[MemoryWord]) -> None:
        self._uc, self._image = uc, image
        self.memory = Memory(uc, image)
        self.known: set[int] = set()
        self._baseline: dict[int, bytes] = {}
        self._dirty: set[int] = set()
        self._fixed: dict[int, bool] = {}
        for word in words:
            self.write(word)
        self._given = frozenset(self.known)
        for page in self._dirty:
            self._baseline[page] = bytes(uc.mem_read(page, PAGE))
        self._dirty.clear()

    @property
    def crowded(self) -> bool:
        """Whether so many pages were touched on the way that a new emulator is better."""
        return len(self.memory.unmapped) > _CROWD

    def restore(self) -> None:
        """Undo what was written since the last time."""
        for page in self._dirty:
            contents = self._baseline.get(page)
            if contents is None:
                contents = self._baseline[page] = self._image_page(page)
            self._uc.mem_write(page, contents)
        self._dirty.clear()
        self.known = set(self._given)

    def write(self, word: MemoryWord) -> None:
        """Put an input or an effect into memory. Raises StopError if that changes read-only data."""
        address, size = word.address, word.size
        last = address + size - 1 & _MASK64
        page, other = address & -PAGE, last & -PAGE
        if page not in self._baseline or other != page:
            self.memory.map(address, size)
        if other != page or self.may_be_fixed(page):
            self.memory.store(word)
        else:
            self._uc.mem_write(address, word.value.to_bytes(size, "little"))
        self.written(address, last)

    def written(self, first: int, last: int) -> None:
        """Note that the running machine has written the bytes from ``first`` to ``last``, at most 8."""
        self._dirty.add(first & -PAGE)
        self._dirty.add(last & -PAGE)
        self.known.add(first & ~7)
        self.known.add(last & ~7)

    def may_be_fixed(self, page: int) -> bool:
        """Whether a section that is not writable reaches into the page."""
        found = self._fixed.get(page)
        if found is None:
            found = any(
                not section.writable and section.address < page + PAGE and page < section.address + section.size
                for section in self._image.sections
            )
            self._fixed[page] = found
        return found

    def _image_page(self, page: int) -> bytes:
        """A page as the image has it; zeros where it has nothing."""
        contents = bytearray(PAGE)
        for section in self._image.sections:
            if section.address < page + PAGE and page < section.address + section.size:
                start = max(page, section.address)
                data = section.data[start - section.address : page + PAGE - section.address]
                contents[start - page : start - page + len(data)] = data
        return bytes(contents)

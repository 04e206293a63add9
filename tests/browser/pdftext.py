# SPDX-License-Identifier: BSD-2-Clause
"""The text of a PDF file as Chromium writes it: enough to know what is on the paper, no general reader.

Facts: PDF 32000-1:2008, 7.3 (objects), 9.4.3 (text showing), 9.10.3 (ToUnicode character maps).
"""

from __future__ import annotations

import re
import unicodedata
import zlib

_OBJECT = re.compile(rb"(?:^|\n)(\d+) 0 obj\b(.*?)\nendobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*)\r?\nendstream", re.DOTALL)
_FONT = re.compile(rb"/(F\d+) (\d+) 0 R")
_SHOWN = re.compile(rb"/(F\d+) [\d.]+ Tf|<([0-9A-Fa-f\s]*)>")
_HEX = rb"<([0-9A-Fa-f]+)>"


def text(data: bytes) -> str:
    """All text on all pages, in the order in which it was drawn, without white space."""
    objects = {int(number): body for number, body in _OBJECT.findall(data)}
    fonts: dict[bytes, dict[int, str]] = {}
    for name, number in _FONT.findall(data):
        link = re.search(rb"/ToUnicode (\d+) 0 R", objects.get(int(number), b""))
        if link is not None:
            fonts[name] = _characters(_stream(objects[int(link[1])]))
    found: list[str] = []
    for body in objects.values():
        content = _stream(body)
        if b" Tf" in content:
            found += _drawn(content, fonts)
    # Ligatures are two letters.
    return "".join(unicodedata.normalize("NFKC", "".join(found)).split())


def _stream(body: bytes) -> bytes:
    match = _STREAM.search(body)
    if match is None:
        return b""
    return zlib.decompress(match[1]) if b"/FlateDecode" in body[: match.start()] else match[1]


def _characters(cmap: bytes) -> dict[int, str]:
    """Glyph number → character."""
    found: dict[int, str] = {}
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", cmap, re.DOTALL):
        for glyph, char in re.findall(_HEX + rb"\s*" + _HEX, block):
            found[int(glyph, 16)] = bytes.fromhex(char.decode()).decode("utf-16-be")
    for block in re.findall(rb"beginbfrange(.*?)endbfrange", cmap, re.DOTALL):
        for low, high, char in re.findall(_HEX + rb"\s*" + _HEX + rb"\s*" + _HEX, block):
            first = int(low, 16)
            for glyph in range(first, int(high, 16) + 1):
                found[glyph] = chr(int(char, 16) + glyph - first)
    return found


def _drawn(content: bytes, fonts: dict[bytes, dict[int, str]]) -> list[str]:
    known: dict[int, str] = {}
    found: list[str] = []
    for font, shown in _SHOWN.findall(content):
        if font:
            known = fonts.get(font, {})
            continue
        digits = b"".join(shown.split())
        found += [known.get(int(digits[at : at + 4], 16), "") for at in range(0, len(digits), 4) if digits]
    return found

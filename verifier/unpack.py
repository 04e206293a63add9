# SPDX-License-Identifier: BSD-2-Clause
"""Boot images and compressed files to the ELF file inside them.

A file that is ELF already passes unchanged. Otherwise the container is known by
its magic numbers alone, never searched for, and must hold exactly one
compressed stream whose result is an ELF file:

- a bzImage: the boot protocol's header (the kernel's documentation,
  arch/x86/boot.rst, "The Real-Mode Kernel Header") says where the payload is;
- a unified kernel image: a PE file (PE format, "COFF File Header" and "Section
  Table") whose section ``.linux`` is a bzImage (UAPI group, specification 5);
- a file compressed with gzip, xz, lzma, bzip2, zstd or lz4.

The bytes are untrusted: every offset and size is checked before it is used, and
decompression stops at a bound. What follows a stream is not skipped: only the
stream's size may, four bytes little-endian, as kernel builds append it. In a
bzImage it must, except after gzip, which ends with its size anyway.
"""

from __future__ import annotations

import bz2
import lzma
import re
import struct
import zlib
from collections.abc import Callable
from typing import Protocol

from verifier.model import UserError
from verifier.records import record

MAX_UNPACKED = 512 << 20
"""Largest ELF file that is unpacked, in bytes. Kernels take 30 to 100 MB, with debug information some 400 MB."""

_MAX_DICTIONARY = 256 << 20
"""Most memory that an xz or lzma stream may ask for, in bytes; kernel builds use dictionaries up to 128 MiB."""
_MAX_WINDOW = 128 << 20
"""Largest zstd window, in bytes: that of the highest level, which kernel builds use."""
_ZSTD_STEP = 1024
"""Input given to zstd at once, in bytes: three bytes can stand for 128 KiB, so this is 43 MiB of output at most."""

_ELF = b"\x7fELF"
_FORMATS = {
    "gzip": rb"\x1f\x8b",
    "xz": rb"\xfd7zXZ\x00",
    "lzma": rb"\x5d\x00\x00",
    "bzip2": rb"BZh[1-9]",
    "zstd": rb"\x28\xb5\x2f\xfd",
    "lz4": rb"\x02\x21\x4c\x18|\x04\x22\x4d\x18",
    "lzo": rb"\x89LZO",
}
"""Compression -> how its data begins."""

_LZ4_LEGACY = 0x184C2102
_LZ4_BLOCK = 8 << 20
"""The legacy frame of lz4 (LZ4 Frame Format, "Legacy frame"): its magic, and the bytes a block unpacks to at most."""
_LZ4_PACKED = _LZ4_BLOCK + _LZ4_BLOCK // 255 + 16
"""Largest legacy block as it is stored, in bytes: what does not compress grows by this much at most."""
_LZ4_BLOCKS = 4 * MAX_UNPACKED // _LZ4_BLOCK
"""Most legacy blocks and frames, as only the last block of a frame may be short: bounds the time."""

_BOOT_FLAG, _BOOT_MAGIC, _BOOT_END = 0x1FE, 0x202, 0x250
_BOOT_VERSION = 0x0208
"""Offsets of the boot flag and the magic, end of the fields read here; the protocol since which there is a payload."""
_VERSION_LENGTH = 256
"""The version text is cut to this many characters."""


@record
class Unpacked:
    """An ELF file and what it was in: "ELF", "gzip", "bzImage (zstd)", "UKI, bzImage (xz)" and so on.

    ``version`` is the text that a bzImage's header points at, printable ASCII of 256 characters at most, or "".
    """

    data: bytes
    container: str
    version: str


class _BadImageError(Exception):
    """The image cannot be unpacked; the text says why, and what to do."""


class _Decoder(Protocol):
    """What Python's decompressors, and lz4's, have in common."""

    @property
    def eof(self) -> bool:
        """Whether the end of the stream was read."""

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end of the stream."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """At most so many bytes of output."""


def is_container(data: bytes) -> bool:
    """Whether a file is no ELF file but something that ``unpack`` knows: to tell images from other inputs."""
    return _is_boot_image(data) or _pe_header(data) is not None or _compression(data) is not None


def unpack(data: bytes, path: str) -> Unpacked:
    """The ELF file that ``data`` is or holds; ``path`` is for messages only.

    Raises UserError("bad-image") if there is none: no known container, a truncated or corrupt one, a compression that
    is not read (lzo), something else than ELF inside, or more than ``MAX_UNPACKED`` bytes.
    """
    try:
        return _unpack(data)
    except _BadImageError as error:
        raise UserError("bad-image", f"{path}: {error}") from error


def _unpack(data: bytes) -> Unpacked:
    if data.startswith(_ELF):
        return Unpacked(data, "ELF", "")
    if _is_boot_image(data):
        return _boot_image(data)
    if (header := _pe_header(data)) is not None:
        inner = _boot_image(_pe_section(data, header, b".linux"))
        return Unpacked(inner.data, f"UKI, {inner.container}", inner.version)
    if (name := _compression(data)) is not None:
        out, tail = _decompressed(name, data, MAX_UNPACKED)
        if len(out) > MAX_UNPACKED:
            raise _BadImageError(_too_large(f"the {name} data"))
        if tail not in (b"", struct.pack("<I", len(out))):
            raise _BadImageError(f"{len(tail)} bytes follow the {name} stream; decompress it and give the ELF file")
        return Unpacked(_checked(out, name), name, "")
    raise _BadImageError("neither ELF nor a bzImage nor compressed; give vmlinuz, vmlinux or another kernel's ELF file")


def _is_boot_image(data: bytes) -> bool:
    return data[_BOOT_FLAG : _BOOT_FLAG + 2] == b"\x55\xaa" and data[_BOOT_MAGIC : _BOOT_MAGIC + 4] == b"HdrS"


def _compression(data: bytes) -> str | None:
    return next((name for name, begin in _FORMATS.items() if re.match(begin, data)), None)


def _checked(data: bytes, container: str) -> bytes:
    if not data.startswith(_ELF):
        raise _BadImageError(f"what the {container} holds is no ELF file; give a kernel image or its ELF file")
    return data


def _boot_image(data: bytes) -> Unpacked:
    """The payload of a bzImage, and the version it states."""
    if not _is_boot_image(data):
        raise _BadImageError("its kernel section is no bzImage; give the kernel's own file")
    if len(data) < _BOOT_END:
        raise _BadImageError(f"truncated in the boot header, at {len(data)} bytes; copy the file again")
    protocol, text = struct.unpack_from("<H6xH", data, 0x206)
    if protocol < _BOOT_VERSION:
        shown = f"{protocol >> 8}.{protocol & 0xFF:02}"
        raise _BadImageError(f"boot protocol {shown} does not say where the kernel is (2.08 does); give vmlinux")
    setup = ((data[0x1F1] or 4) + 1) * 512
    offset, size = struct.unpack_from("<II", data, 0x248)
    start, end = setup + offset, setup + offset + size
    if not size:
        raise _BadImageError("the boot header names no payload; give vmlinux")
    if end > len(data):
        raise _BadImageError(f"truncated at {len(data)} bytes, its payload ends at {end}; copy the file again")
    payload = data[start:end]
    version = _version(data[text + 0x200 : min(text + 0x200 + _VERSION_LENGTH, setup)] if text else b"")
    if payload.startswith(_ELF):
        return Unpacked(payload, "bzImage", version)
    if (name := _compression(payload)) is None:
        shown = payload[:6].hex(" ")
        raise _BadImageError(f"its payload begins with {shown}, which is no known compression; give vmlinux")
    (stated,) = struct.unpack("<I", payload[-4:].ljust(4, b"\0"))
    if stated > MAX_UNPACKED:
        raise _BadImageError(_too_large(f"the {name} payload says that it"))
    out, tail = _decompressed(name, payload, stated)
    if len(out) != stated or tail != (b"" if name == "gzip" else payload[-4:]):
        raise _BadImageError(f"corrupt: the {name} payload is not of the {stated} bytes it states; copy the file again")
    return Unpacked(_checked(out, f"bzImage ({name})"), f"bzImage ({name})", version)


def _version(raw: bytes) -> str:
    """The text up to its NUL, without what is not printable ASCII."""
    return "".join(chr(byte) for byte in raw.split(b"\0", 1)[0] if 0x20 <= byte < 0x7F)


def _pe_header(data: bytes) -> int | None:
    """Where a PE file's COFF header begins, behind its signature."""
    if data[:2] != b"MZ" or len(data) < 0x40:
        return None
    (at,) = struct.unpack_from("<I", data, 0x3C)
    return at + 4 if data[at : at + 4] == b"PE\0\0" else None


def _pe_section(data: bytes, header: int, name: bytes) -> bytes:
    """A section of a PE file, as it is stored: with padding behind it."""
    if header + 20 > len(data):
        raise _BadImageError("truncated in the PE header; copy the file again")
    count, optional = struct.unpack_from("<2xH12xH", data, header)
    table = header + 20 + optional
    for at in range(table, table + 40 * count, 40):
        if at + 40 > len(data):
            raise _BadImageError("truncated in the PE section table; copy the file again")
        if data[at : at + 8] == name.ljust(8, b"\0"):
            size, start = struct.unpack_from("<II", data, at + 16)
            if start + size > len(data):
                raise _BadImageError("truncated: the kernel section ends beyond the file; copy the file again")
            return data[start : start + size]
    raise _BadImageError("a PE (EFI) program without a bzImage; give the ELF file of the same build, or its .gz")


def _too_large(what: str) -> str:
    return f"{what} unpacks to more than {MAX_UNPACKED >> 20} MiB; give the ELF file, without debug information"


def _decompressed(name: str, data: bytes, limit: int) -> tuple[bytes, bytes]:
    """What one compressed stream holds, cut somewhere above ``limit`` bytes, and what follows it in ``data``."""
    match name:
        case "gzip":
            read = _with(lambda: zlib.decompressobj(wbits=31))
        case "xz":
            read = _with(lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MAX_DICTIONARY))
        case "lzma":
            read = _with(lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MAX_DICTIONARY))
        case "bzip2":
            read = _with(bz2.BZ2Decompressor)
        case "zstd":
            read = _zstd
        case "lz4":
            read = _lz4_legacy if struct.unpack_from("<I", data) == (_LZ4_LEGACY,) else _lz4_frame
        case _:
            raise _BadImageError(f"compressed with {name}, which is not read; decompress it and give the ELF file")
    try:
        out, tail, ended = read(data, limit)
    except (zlib.error, lzma.LZMAError, OSError, ValueError, RuntimeError) as error:
        raise _BadImageError(f"the {name} data is corrupt ({error}); copy the file again") from error
    if not ended and len(out) <= limit:
        raise _BadImageError(f"truncated: the {name} data ends early; copy the file again")
    return out, tail


# Each reader returns the output, cut somewhere above the limit; what follows the stream; and whether its end was seen.
# With room for one byte more than the limit, output within the limit means that all input was looked at.

_Reader = Callable[[bytes, int], tuple[bytes, bytes, bool]]


def _with(decoder: Callable[[], _Decoder]) -> _Reader:
    def read(data: bytes, limit: int) -> tuple[bytes, bytes, bool]:
        stream = decoder()
        out = stream.decompress(data, limit + 1)
        return out, stream.unused_data or b"", stream.eof

    return read


def _zstd(data: bytes, limit: int) -> tuple[bytes, bytes, bool]:
    # It has no bound on the output of one step, so the steps are small.
    import zstandard

    stream = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj()
    out = bytearray()
    try:
        for at in range(0, len(data), _ZSTD_STEP):
            out += stream.decompress(data[at : at + _ZSTD_STEP])
            if stream.eof:
                return bytes(out), stream.unused_data + data[at + _ZSTD_STEP :], True
            if len(out) > limit:
                break
    except zstandard.ZstdError as error:
        raise ValueError(error) from error
    return bytes(out), b"", False


def _lz4_frame(data: bytes, limit: int) -> tuple[bytes, bytes, bool]:
    from lz4.frame import LZ4FrameDecompressor

    stream = LZ4FrameDecompressor()
    out: bytes = stream.decompress(data, max_length=limit + 1)
    return out, stream.unused_data or b"", stream.eof


def _lz4_legacy(data: bytes, limit: int) -> tuple[bytes, bytes, bool]:
    # Frames may follow each other, and the last has no end mark: all data belongs to it, but for an appended size.
    # A bare file that was cut between two blocks is thus not noticed here, but where the ELF file's tables are read.
    from lz4.block import LZ4BlockError, decompress

    out = bytearray()
    at = 4
    for _ in range(_LZ4_BLOCKS):
        if len(data) - at <= 4 or len(out) > limit:
            return bytes(out), data[at:], len(data) - at in (0, 4)
        (size,) = struct.unpack_from("<I", data, at)
        at += 4
        if size == _LZ4_LEGACY:
            continue
        if not 0 < size <= _LZ4_PACKED:
            raise ValueError(f"a block of {size} bytes")
        if size > len(data) - at:
            return bytes(out), b"", False
        try:
            out += decompress(data[at : at + size], uncompressed_size=_LZ4_BLOCK)
        except LZ4BlockError as error:
            raise ValueError(error) from error
        at += size
    raise ValueError(f"more than {_LZ4_BLOCKS} blocks")

# SPDX-License-Identifier: BSD-2-Clause
"""Boot images and compressed files: exactly the ELF file inside comes out, or one line that says why not."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import lz4.block
import lz4.frame
import pytest
import zstandard
from hypothesis import given, strategies as st

from verifier import unpack as module
from verifier.model import UserError
from verifier.unpack import Unpacked, is_container, unpack

NOISE = Random(1).randbytes(2000)  # noqa: S311 - reproducible, not secret
ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + NOISE[:600] + b"kernel " * 200
TEXT = "6.99.0-test (builder@host) #1 SMP"
LZ4_MAGIC = struct.pack("<I", 0x184C2102)


def lz4_legacy(data: bytes, block: int = 8 << 20) -> bytes:
    """One legacy frame, as lz4 -l writes it."""
    out = LZ4_MAGIC
    for at in range(0, len(data), block):
        packed = lz4.block.compress(data[at : at + block], store_size=False)
        out += struct.pack("<I", len(packed)) + packed
    return out


def lzma_alone(data: bytes) -> bytes:
    return lzma.compress(data, lzma.FORMAT_ALONE, preset=1)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "xz": lambda data: lzma.compress(data, preset=1),
    "lzma": lzma_alone,
    "bzip2": bz2.compress,
    "zstd": lambda data: zstandard.ZstdCompressor(level=3).compress(data),
    "lz4": lz4_legacy,
}
STREAMS = {**PACKERS, "lz4 frame": lz4.frame.compress}
"""Compression -> what packs; a bzImage's lz4 payload has the legacy form only."""

PACKED = {name: pack(ELF) for name, pack in STREAMS.items()}


def payload(name: str, data: bytes = ELF) -> bytes:
    """The payload as a kernel build makes it: the stream, and its size behind all but gzip's own."""
    return PACKERS[name](data) + (b"" if name == "gzip" else struct.pack("<I", len(data)))


def boot_image(
    body: bytes,
    *,
    sectors: int = 5,
    protocol: int = 0x020F,
    offset: int = 0x2CC,
    text: bytes = TEXT.encode() + b"\0",
    after: bytes = b"after the payload",
) -> bytes:
    """A bzImage with that payload, by the boot protocol's header; sectors 0 means 4."""
    setup = bytearray(((sectors or 4) + 1) * 512)
    setup[0x1F1] = sectors
    setup[0x1FE:0x208] = struct.pack("<HH4sH", 0xAA55, 0x6AEB, b"HdrS", protocol)
    struct.pack_into("<H", setup, 0x20E, 0x300 if text else 0)
    struct.pack_into("<II", setup, 0x248, offset, len(body))
    setup[0x500 : 0x500 + len(text)] = text
    return bytes(setup) + bytes(offset) + body + after


def unified_image(kernel: bytes, section: bytes = b".linux", padding: int = 0x60) -> bytes:
    """A PE file with three sections, the second of which holds a kernel and is padded in the file."""
    start = 0x200
    sections = [(b".osrel", 8, 8, start), (section, len(kernel), len(kernel) + padding, start + 8), (b".x", 0, 0, 0)]
    table = b"".join(struct.pack("<8sIIII16x", name, size, 0x1000, raw, at) for name, size, raw, at in sections)
    header = b"PE\0\0" + struct.pack("<HH12xHH", 0x8664, len(sections), 16, 0) + bytes(16)
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40) + header + table
    return head.ljust(start, b"\0") + b"osrel..." + kernel + bytes(padding)


def refusal(data: bytes) -> str:
    """The message with which a file is refused, without the path."""
    with pytest.raises(UserError) as caught:
        unpack(data, "boot/kernel")
    error = caught.value
    assert (error.code, error.exit_code) == ("bad-image", 4)
    head, _, message = error.message.partition(": ")
    assert head == "boot/kernel"
    assert error.message.isprintable() and len(error.message) < 200
    assert "; " in message, "what to do is said"
    return message


def attempt(data: bytes) -> Unpacked | None:
    """What comes out, or None for a refusal; anything else is raised and fails the test."""
    try:
        return unpack(data, "x")
    except UserError as error:
        assert (error.code, error.exit_code) == ("bad-image", 4)
        assert error.message.isprintable()
        return None


def test_elf_passes_unchanged() -> None:
    """A file that is ELF already is handed on as it is, whatever follows its magic and whatever its class."""
    for data in (ELF, b"\x7fELF", b"\x7fELF\x01" + gzip.compress(ELF)):
        assert unpack(data, "x") == Unpacked(data, "ELF", "")
        assert not is_container(data)


@pytest.mark.parametrize("name", PACKERS)
def test_boot_image_gives_its_kernel(name: str) -> None:
    """A bzImage gives the ELF file, the compression and the version, for every compression kernels are built with."""
    image = boot_image(payload(name))
    assert is_container(image)
    assert unpack(image, "x") == Unpacked(ELF, f"bzImage ({name})", TEXT)


def test_boot_image_may_be_signed() -> None:
    """An EFI program's MZ header in front and a signature behind change nothing."""
    image = bytearray(boot_image(payload("zstd"), after=NOISE))
    image[:2] = b"MZ"
    image[0x3C:0x40] = struct.pack("<I", 0x82)
    image[0x82:0x86] = b"PE\0\0"
    assert unpack(bytes(image), "x").data == ELF


def test_boot_image_may_hold_plain_elf() -> None:
    """A payload that is not compressed is the ELF file itself, without an appended size."""
    assert unpack(boot_image(ELF), "x") == Unpacked(ELF, "bzImage", TEXT)


@pytest.mark.parametrize("offset", [0, 1, 4096])
@pytest.mark.parametrize("sectors", [0, 4, 39, 255])
def test_payload_is_found_from_the_header(sectors: int, offset: int) -> None:
    """The payload's place is counted from the end of the setup sectors, where zero of them means four."""
    assert unpack(boot_image(payload("gzip"), sectors=sectors, offset=offset), "x").data == ELF


@pytest.mark.parametrize("name", STREAMS)
def test_compressed_file_gives_its_elf(name: str) -> None:
    """A compressed ELF file is unpacked, with or without the size that a kernel build appends."""
    for data in (PACKED[name], PACKED[name] + struct.pack("<I", len(ELF))):
        assert is_container(data)
        assert unpack(data, "x") == Unpacked(ELF, name.split(" ")[0], "")


def test_lz4_legacy_frames_of_many_blocks() -> None:
    """Legacy lz4 has blocks of 8 MiB and may have several frames: all of them are the data."""
    large = ELF + bytes(17 << 20)
    assert unpack(lz4_legacy(large), "x").data == large
    parts = b"".join(lz4_legacy(ELF[at : at + 500]) for at in range(0, len(ELF), 500))
    assert unpack(parts, "x").data == ELF
    assert unpack(boot_image(parts + struct.pack("<I", len(ELF))), "x").data == ELF


@pytest.mark.parametrize("extra", range(1014, 1035))
def test_zstd_ends_anywhere_in_a_step(extra: int) -> None:
    """The end of a zstd frame is seen wherever it falls in the pieces in which the data is read."""
    data = ELF[:4] + NOISE[: extra - 17]
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(data)
    assert abs(len(packed) - module._ZSTD_STEP) < 20
    assert unpack(packed, "x").data == data
    assert unpack(boot_image(packed + struct.pack("<I", len(data))), "x").data == data
    assert refusal(packed + b"more").startswith("4 bytes follow the zstd stream")


@pytest.mark.parametrize("name", PACKERS)
def test_unified_image_gives_its_kernel(name: str) -> None:
    """The kernel section of a unified kernel image is a bzImage, unpacked as one."""
    image = unified_image(boot_image(payload(name)))
    assert is_container(image)
    assert unpack(image, "x") == Unpacked(ELF, f"UKI, bzImage ({name})", TEXT)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"", ""),
        (b"5.0\0hidden", "5.0"),
        (b"a\x1b[31m\xe2\x80\xaeb\n\x7f\0", "a[31mb"),
        (b"v" * 5000, "v" * 256),
    ],
)
def test_version_is_short_printable_text(text: bytes, shown: str) -> None:
    """The version goes to a terminal: printable ASCII up to the NUL, 256 characters at most, or nothing."""
    assert unpack(boot_image(payload("gzip"), sectors=20, text=text), "x").version == shown


def test_version_ends_with_the_setup_sectors() -> None:
    """A pointer at or beyond the end of the setup sectors shows nothing of what follows them."""
    image = bytearray(boot_image(payload("gzip"), sectors=5))
    image[0xC00 - 3 : 0xC00] = b"abc"
    struct.pack_into("<H", image, 0x20E, 0xC00 - 3 - 0x200)
    image[0xC00 : 0xC00 + 4] = b"code"
    assert unpack(bytes(image), "x").version == "abc"
    for pointer in (0xC00 - 0x200, 0xFFFF):
        struct.pack_into("<H", image, 0x20E, pointer)
        assert unpack(bytes(image), "x").version == ""


@pytest.mark.parametrize("data", [b"", b"\x7fEL", b"\t.text\n", b"MZ", b"MZ" + bytes(200), b"\x00" * 0x300])
def test_other_files_are_no_image(data: bytes) -> None:
    """What begins with no known magic is refused with the list of what to give."""
    assert not is_container(data)
    assert refusal(data).startswith("neither ELF nor a bzImage nor compressed; give ")


@pytest.mark.parametrize("at", [0x1FE, 0x1FF, 0x202, 0x203, 0x204, 0x205])
def test_boot_image_is_known_by_flag_and_magic(at: int) -> None:
    """Without the boot flag or the header's magic a file is no bzImage, even if a payload lies in it."""
    image = bytearray(boot_image(payload("gzip")))
    image[at] ^= 1
    assert refusal(bytes(image)).startswith("neither")


@pytest.mark.parametrize(
    "data", [b"\x89LZO\x00\r\n\x1a\n" + bytes(40), boot_image(b"\x89LZO\x00\r\n\x1a\n" + bytes(40))]
)
def test_lzo_is_named(data: bytes) -> None:
    """A compression that is known but not read is named, with what to do."""
    assert refusal(data) == "compressed with lzo, which is not read; decompress it and give the ELF file"


def test_old_boot_protocol_is_named() -> None:
    """Before 2.08 the header does not say where the payload is, and nothing is guessed."""
    assert refusal(boot_image(payload("gzip"), protocol=0x0207)).startswith("boot protocol 2.07 ")
    assert unpack(boot_image(payload("gzip"), protocol=0x0208), "x").data == ELF


def test_payload_without_known_magic_is_shown() -> None:
    """An unknown payload is refused with its first bytes; an empty one as that."""
    assert "begins with 61 62 63, which" in refusal(boot_image(b"abc"))
    assert "names no payload" in refusal(boot_image(b""))


@pytest.mark.parametrize(("field", "value"), [(0x248, 0xFFFFFFFF), (0x24C, 0xFFFFFFFF), (0x1F1, 255)])
def test_payload_beyond_the_file_is_refused(field: int, value: int) -> None:
    """An offset or size that leads beyond the end of the file is found before it is used."""
    image = bytearray(boot_image(payload("xz")))
    struct.pack_into("<B" if field == 0x1F1 else "<I", image, field, value)
    assert refusal(bytes(image)).startswith("truncated at ")


@pytest.mark.parametrize("name", PACKERS)
def test_every_truncation_of_a_boot_image_is_refused(name: str) -> None:
    """Cut anywhere before the end of its payload, a bzImage is refused; cut behind it, it is whole."""
    image = boot_image(payload(name), sectors=1, text=b"", offset=16)
    whole = len(image) - len(b"after the payload")
    assert [size for size in range(whole) if attempt(image[:size])] == []
    assert unpack(image[:whole], "x").data == ELF


@pytest.mark.parametrize("name", STREAMS)
def test_every_truncation_of_a_stream_is_refused(name: str) -> None:
    """A compressed file cut anywhere is refused, not read as far as it goes.

    Legacy lz4 alone has no mark at its end; one block, which is all there is here, cannot be cut.
    """
    data = PACKED[name]
    assert [size for size in range(len(data)) if attempt(data[:size])] == []


@pytest.mark.parametrize("change", [-1, 1, 1 << 20])
@pytest.mark.parametrize("name", PACKERS)
def test_stated_size_must_be_true(name: str, change: int) -> None:
    """The size at the end of a payload is that of what it unpacks to, in gzip's trailer as behind the others."""
    body = payload(name)[:-4] + struct.pack("<I", len(ELF) + change)
    assert "corrupt" in refusal(boot_image(body))


@pytest.mark.parametrize("name", PACKERS)
def test_payload_size_must_be_exact(name: str) -> None:
    """A payload size of a few bytes less or more than the stream and its size is refused."""
    body = payload(name)
    for wrong in (body[:-1], body[:-4], body + b"\0", body + body[-4:], body[:-4] + b"\0\0\0\0" + body[-4:]):
        assert attempt(boot_image(wrong)) is None


@pytest.mark.parametrize("name", STREAMS)
def test_other_data_behind_a_stream_is_refused(name: str) -> None:
    """What follows the stream is neither skipped nor unpacked too, be it padding or another stream."""
    for more in (b"\0", bytes(4), bytes(512), struct.pack("<I", len(ELF) + 1), struct.pack("<I", len(ELF)) + b"\0"):
        assert attempt(PACKED[name] + more) is None
    if name != "lz4":  # whose frames follow each other
        assert attempt(PACKED[name] * 2) is None


@pytest.mark.parametrize("name", STREAMS)
def test_result_must_be_elf(name: str) -> None:
    """Data that is no ELF file is refused after it was unpacked, and so is an image within an image."""
    for inner in (b"", b"not ELF", PACKED["gzip"], boot_image(ELF)):
        if name == "lz4" and not inner:
            continue  # a frame without blocks, which this writer cannot make
        assert "is no ELF file" in refusal(STREAMS[name](inner))
    if name in PACKERS:
        assert "is no ELF file" in refusal(boot_image(payload(name, b"not ELF")))


def test_other_pe_files_are_refused() -> None:
    """A PE file without a kernel section, or with something else in it, is refused with what to give instead."""
    assert "a PE (EFI) program without a bzImage; give " in refusal(unified_image(b"", b".text"))
    assert "its kernel section is no bzImage" in refusal(unified_image(ELF))
    image = unified_image(boot_image(payload("gzip")))
    assert [size for size in range(0x40, len(image)) if attempt(image[:size])] == []
    assert unpack(image, "x").data == ELF


def unpacks_to_other(data: bytes) -> bool:
    """Whether something comes out that is not the one ELF file of these tests."""
    result = attempt(data)
    return result is not None and result.data != ELF


@pytest.mark.parametrize("name", STREAMS)
def test_bomb_stops_at_the_bound(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Output beyond the bound is refused without being made: memory stays near the bound."""
    monkeypatch.setattr(module, "MAX_UNPACKED", 1 << 20)
    zeros = ELF + bytes(128 << 20)
    bomb = STREAMS[name](zeros)
    del zeros
    images = [bomb]
    if name in PACKERS:
        images += [boot_image(bomb + struct.pack("<I", size)) for size in (1 << 20, (1 << 20) + 1, 0xFFFFFFFF)]
    for image in images:
        tracemalloc.start()
        try:
            message = refusal(image)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert "more than 1 MiB" in message or "corrupt" in message
        assert peak < 64 << 20


@pytest.mark.parametrize("name", STREAMS)
def test_bound_itself_is_within(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ELF file of exactly the bound is unpacked; one byte more is not."""
    monkeypatch.setattr(module, "MAX_UNPACKED", len(ELF))
    assert unpack(PACKED[name], "x").data == ELF
    monkeypatch.setattr(module, "MAX_UNPACKED", len(ELF) - 1)
    assert "unpacks to more than" in refusal(PACKED[name])


def test_zstd_bomb_of_repeated_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """zstd's densest data, three bytes for each 128 KiB, is stopped near the bound too."""
    monkeypatch.setattr(module, "MAX_UNPACKED", 1 << 20)
    block = ((128 << 10) << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    bomb = b"\x28\xb5\x2f\xfd\x00\x58" + block * 20000
    assert zstandard.get_frame_parameters(bomb).window_size == 2 << 20
    tracemalloc.start()
    try:
        assert "more than 1 MiB" in refusal(bomb)
        assert tracemalloc.get_traced_memory()[1] < 128 << 20
    finally:
        tracemalloc.stop()


def test_lz4_bomb_of_tiny_blocks() -> None:
    """Legacy lz4 blocks of one byte, or frames of none, end with their number and not with the file."""
    literal = lz4.block.compress(b"\x7f", store_size=False)
    for unit in (struct.pack("<I", len(literal)) + literal, LZ4_MAGIC):
        assert "more than 256 blocks" in refusal(LZ4_MAGIC + unit * 100_000)


def test_dictionary_is_bounded() -> None:
    """A stream that asks for gigabytes of dictionary or window is refused before they are taken."""
    alone = bytearray(lzma_alone(ELF))
    alone[1:5] = struct.pack("<I", 1 << 30)
    assert "Memory usage limit" in refusal(bytes(alone))
    xz = bytearray(PACKED["xz"])
    assert xz[14:16] == b"\x21\x01", "the block header's only filter is LZMA2"
    xz[16] = 34  # 512 MiB (.xz file format, 5.3.1)
    xz[20:24] = struct.pack("<I", zlib.crc32(xz[12:20]))
    assert "Memory usage limit" in refusal(bytes(xz))
    window = b"\x28\xb5\x2f\xfd\x00" + bytes([(28 - 10) << 3]) + b"\x01\x00\x00"
    assert zstandard.get_frame_parameters(window).window_size == 256 << 20
    assert "too much memory" in refusal(window)


def samples() -> dict[str, bytes]:
    """One small file of every kind."""
    images = {f"bzImage {name}": boot_image(payload(name), sectors=1, text=b"") for name in PACKERS}
    plain = {
        "bzImage": boot_image(ELF, sectors=1, text=b""),
        "UKI": unified_image(boot_image(ELF, sectors=1, text=b"")),
    }
    return {**PACKED, **images, **plain}


SAMPLES = samples()


@pytest.mark.parametrize("name", SAMPLES)
def test_random_damage_never_escapes(name: str) -> None:
    """However a file is damaged, an ELF file comes out or one line: no other exception, no crash."""
    rng = Random(name)  # noqa: S311 - reproducible, not secret
    for _ in range(400):
        data = bytearray(SAMPLES[name])
        for _ in range(rng.choice((1, 1, 2, 8))):
            # Much of the damage is in the headers, where it matters most.
            at = rng.randrange(min(rng.choice((16, 0x260, len(data))), len(data)))
            data[at] = rng.choice((0, 1, 0x7F, 0xFF, rng.randrange(256)))
        result = attempt(bytes(data))
        assert result is None or result.data.startswith(b"\x7fELF")


@given(
    st.sampled_from(sorted(SAMPLES)),
    st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=8)), max_size=4),
    st.integers(0, 4000),
    st.binary(max_size=16),
)
def test_damaged_files_end_in_one_line(name: str, edits: list[tuple[int, bytes]], cut: int, more: bytes) -> None:
    """Overwritten, cut and extended files give an ELF file or UserError("bad-image")."""
    data = bytearray(SAMPLES[name])
    for at, new in edits:
        start = at % len(data)
        data[start : start + len(new)] = new
    result = attempt(bytes(data[: len(data) - cut % len(data)]) + more)
    assert result is None or result.data.startswith(b"\x7fELF")


@given(
    st.binary(max_size=200), st.sampled_from([b"", LZ4_MAGIC, b"\x28\xb5\x2f\xfd", b"\x5d\0\0", b"BZh9", b"\x1f\x8b"])
)
def test_any_bytes_end_in_one_line(data: bytes, magic: bytes) -> None:
    """Any bytes at all, with and without a magic in front, give an ELF file or UserError("bad-image")."""
    for image in (magic + data, boot_image(magic + data)):
        result = attempt(image)
        assert result is None or result.data.startswith(b"\x7fELF")


@pytest.mark.parametrize("name", ["gzip", "xz", "bzip2"])
def test_checksums_are_checked(name: str) -> None:
    """In a format with a checksum, no changed byte gives another ELF file."""
    data = bytearray(PACKED[name])
    for at in range(len(data)):
        data[at] ^= 0x10
        assert not unpacks_to_other(bytes(data)), at
        data[at] ^= 0x10


def test_decompressors_load_when_needed() -> None:
    """A file that needs no third-party decompressor loads none."""
    script = (
        "import gzip, sys\n"
        "from verifier.unpack import unpack\n"
        "unpack(gzip.compress(b'\\x7fELF'), 'x')\n"
        "sys.exit(any(name.split('.')[0] in ('lz4', 'zstandard') for name in sys.modules))\n"
    )
    root = Path(__file__).resolve().parent.parent
    assert subprocess.run([sys.executable, "-c", script], cwd=root, check=False).returncode == 0

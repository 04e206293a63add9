# SPDX-License-Identifier: BSD-2-Clause
"""From a path to an image: what a file is told by, what goes with it, and one line for what is no input."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from verifier.contract import load_contract
from verifier.inputs import Loaded, prepare, read
from verifier.model import UserError
from verifier.options import Options, resolve

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
LINUX = load_contract("linux")


def prepared(path: Path, options: Options | None = None) -> Loaded:
    """The image of a file, as a run with these options reads it."""
    return prepare(read(path), resolve(options or Options(), Options()), LINUX)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one sample as an object (a.o) and as a program (a.elf, stripped: b.elf)."""
    directory = tmp_path_factory.mktemp("inputs")
    source = SAMPLES / "key-both-arms.S"
    subprocess.run(["gcc", "-c", "-o", "a.o", source], cwd=directory, check=True)
    flags = ["-nostdlib", "-static", "-Wl,-Ttext=0xffffffff81000000,-z,noexecstack,--build-id=none,-e,exit_to_user"]
    subprocess.run(["gcc", *flags, "-o", "a.elf", "a.o"], cwd=directory, check=True)
    subprocess.run(["strip", "-o", "b.elf", "a.elf"], cwd=directory, check=True)
    return directory


def test_a_source_and_its_object_are_one_image(objects: Path) -> None:
    """A source is read with its header and gives the same code, patch sites and switches as its object."""
    path = SAMPLES / "key-both-arms.S"
    given_source, given_object = read(path), read(objects / "a.o")
    assert (given_source.is_source, given_object.is_source) == (True, False)
    assert (given_source.header.contract, given_object.header.contract) == ("linux", None)
    assert given_source.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    source, made = prepared(path), prepared(objects / "a.o")
    assert [(one.address, one.data) for one in source.image.sections if one.executable] == [
        (one.address, one.data) for one in made.image.sections if one.executable
    ]
    assert source.image.patches == made.image.patches != ()
    assert [one.name for one in source.image.switches] == [one.name for one in made.image.switches] == ["key"]
    assert (source.image.linked, made.image.linked) == (False, False)


def test_a_program_is_patched_like_its_object(objects: Path) -> None:
    """A linked file has the patch sites that its object had; without symbols its key is named by its address."""
    whole, bare = prepared(objects / "a.elf"), prepared(objects / "b.elf")
    assert whole.image.linked
    assert bare.image.linked
    assert whole.image.patches == bare.image.patches != ()
    (named,), (unnamed,) = whole.image.switches, bare.image.switches
    assert named.name == "key"
    assert unnamed.name == unnamed.id == named.id
    (restored,) = prepared(objects / "b.elf", Options(symbols=str(objects / "a.elf"))).image.switches
    assert restored == named


def test_a_packed_file_is_what_is_in_it(objects: Path, tmp_path: Path) -> None:
    """A compressed program gives the program's image, the digest is that of the file given, and it says its packing."""
    packed = tmp_path / "a.elf.gz"
    packed.write_bytes(gzip.compress((objects / "a.elf").read_bytes(), mtime=0))
    plain, unpacked = prepared(objects / "a.elf"), prepared(packed)
    assert (plain.container, unpacked.container) == ("", "gzip")
    assert [one.data for one in plain.image.sections] == [one.data for one in unpacked.image.sections]
    assert plain.image.patches == unpacked.image.patches
    assert unpacked.image.sha256 == hashlib.sha256(packed.read_bytes()).hexdigest()


def test_symbols_may_be_packed_too(objects: Path, tmp_path: Path) -> None:
    """A compressed file of symbols is unpacked."""
    packed = tmp_path / "symbols.gz"
    packed.write_bytes(gzip.compress((objects / "a.elf").read_bytes(), mtime=0))
    image = prepared(objects / "b.elf", Options(symbols=str(packed))).image
    assert image.symbol("exit_to_user") is not None
    assert prepared(objects / "b.elf").image.symbol("exit_to_user") is None


@pytest.mark.parametrize("name", ["source", "object"])
def test_symbols_go_with_a_program(objects: Path, name: str) -> None:
    """--symbols with a file that has its own is an error of usage or input that names the file."""
    path = SAMPLES / "key-both-arms.S" if name == "source" else objects / "a.o"
    with pytest.raises(UserError) as caught:
        prepared(path, Options(symbols=str(objects / "a.elf")))
    assert caught.value.code == "bad-symbols"
    assert str(path) in caught.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing file and a directory are input errors with the path in one line."""
    for path in (tmp_path / "missing.S", tmp_path / "missing.o", tmp_path):
        with pytest.raises(UserError) as caught:
            read(path)
        assert (caught.value.code, caught.value.exit_code) == ("input-not-found", 4)
        assert str(path) in caught.value.message
        assert "\n" not in caught.value.message


def check_refused(path: Path, data: bytes) -> None:
    """A file with that content is no image, for one reason in one line."""
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        prepared(path)
    assert caught.value.exit_code == 4
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    "data", [b"", b"\x7f", b"\x7fELF", b"MZ" + bytes(600), b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0"]
)
def test_the_beginning_of_a_format_is_no_image(tmp_path: Path, data: bytes) -> None:
    """Files that only begin like something are refused with one line."""
    check_refused(tmp_path / "x.bin", data)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"\x7fELF\x02\x01\x01", b"MZ", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd"]),
)
def test_noise_is_no_image(tmp_path: Path, data: bytes, magic: bytes) -> None:
    """Whatever is in a file, it is refused in one line and nothing else happens."""
    check_refused(tmp_path / "noise", magic + data)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bits=st.integers(1, 255), cut=st.booleans())
def test_a_damaged_program_is_an_image_or_refused(
    objects: Path, tmp_path: Path, place: float, bits: int, cut: bool
) -> None:
    """One changed byte, or a cut end, gives an image or one line of refusal, never another error."""
    data = bytearray((objects / "a.elf").read_bytes())
    at = int(place * len(data))
    data[at] ^= bits
    path = tmp_path / "damaged"
    path.write_bytes(bytes(data[:at] if cut else data))
    try:
        assert prepared(path).image.linked in (True, False)
    except UserError as error:
        assert error.exit_code == 4
        assert "\n" not in error.message

# SPDX-License-Identifier: BSD-2-Clause
"""What is fuzzed: each target reads bytes that somebody hostile wrote, and may end in a UserError only."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import fuzz_seeds

from verifier import contract as contracts
from verifier.assemble import assemble
from verifier.buildflags import build_of
from verifier.contract import parse_contract
from verifier.loader import lines_for, load
from verifier.model import FileReport, UserError
from verifier.options import Options, from_words
from verifier.patching import with_patches
from verifier.patchspec import load_tables
from verifier.pipeline import verify
from verifier.report import FORMATS, Style, render
from verifier.source import blank_header, parse_header
from verifier.symbolfile import from_text
from verifier.unpack import unpack

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 10
"""How long a reader may take for a file of some kilobytes; it takes about a thousandth of that."""
PIPELINE_SECONDS = 60
_TIMEOUT, _RLIMIT = 10.0, 2_000_000
_TABLES = load_tables("linux")


@dataclass(frozen=True, slots=True)
class Target:
    """``run`` reads one file. ``share`` is how often, relative to the others; ``seconds`` is what it may take."""

    name: str
    run: Callable[[bytes, bytes], None]
    seeds: Mapping[str, bytes]
    text: bool
    share: int
    seconds: float = SECONDS


def targets(directory: Path) -> tuple[Target, ...]:
    """All of them, with their seeds; ``directory`` is for tools and files that are read by name."""
    elf = fuzz_seeds.elf_files(directory)
    executable = elf["executable, DWARF 5"]
    shipped = contracts.specs_dir() / "contracts"
    sources = [fuzz_seeds.HEADER.encode()]
    sources += [path.read_bytes() for path in sorted((ROOT / "samples").glob("*.S"))[::40]]
    return (
        Target("ELF files", _elf, elf, False, 50),
        Target("symbol files", _symbols, {name: elf[name] for name in elf if "object" not in name}, False, 12),
        Target("maps", _map, fuzz_seeds.maps(executable, directory), True, 4),
        Target("containers", _container, fuzz_seeds.containers(executable), False, 14),
        Target("headers", _header, {str(number): text for number, text in enumerate(sources)}, True, 8),
        Target("contracts", _contract, {path.name: path.read_bytes() for path in shipped.glob("*.toml")}, True, 3),
        Target("compilation databases", _database, fuzz_seeds.databases(), True, 4),
        Target("command records", _command, {"cmd": fuzz_seeds.CMD.encode()}, True, 4),
    )


def pipeline() -> Target:
    """Whole runs: objects of samples, damaged, from the file to every output format."""
    names = ("guard-masks-right", "linux-2015-opportunistic", "patch-alternative-right", "switch-table")
    found = [ROOT / "samples" / f"{name}.S" for name in names]
    every = sorted((ROOT / "samples").glob("*.S"), key=lambda path: (path.stat().st_size, path.name))
    seeds = {}
    for path in [*filter(Path.exists, found), *every[::45]]:
        with suppress(UserError):
            seeds[path.stem] = assemble(path)
    return Target("whole runs", _verify, seeds, False, 1, PIPELINE_SECONDS)


def checked(error: UserError) -> None:
    """Raise AssertionError unless a person can read the error and no gate takes it for a verdict."""
    assert error.exit_code in (2, 4), error.exit_code
    assert error.message and len(error.message) < 8192, "no message, or a very long one"
    assert error.code == "assembler-error" or "\n" not in error.message, "more than one line"


def _elf(data: bytes, _seed: bytes) -> None:
    image = load(data, "kernel", "00")
    for before, after in zip(image.sections, image.sections[1:], strict=False):
        assert before.address + before.size <= after.address, "sections overlap"
    assert all(len(section.data) in (0, section.size) for section in image.sections)
    code = [(section.address, section.address + section.size) for section in image.sections if section.executable]
    lines_for(data, [(start, min(end, start + 0x10000)) for start, end in code[:4]], "kernel")
    with_patches(image, _TABLES, "6.12.0")


def _symbols(data: bytes, seed: bytes) -> None:
    load(seed, "kernel", "00", data, "symbols")


def _map(data: bytes, _seed: bytes) -> None:
    from_text(data, "map")


def _container(data: bytes, _seed: bytes) -> None:
    unpack(data, "kernel")


def _header(data: bytes, _seed: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert blank_header(text).count("\n") == text.count("\n")
    from_words(parse_header(text, "a.S").args, "a.S")


def _contract(data: bytes, _seed: bytes) -> None:
    parse_contract(data.decode("utf-8", "replace"), "a.toml")


def _database(data: bytes, _seed: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place, "a.S").write_text("nop\n")
        Path(place, "compile_commands.json").write_bytes(data)
        build_of(Path(place, "a.S"), place)


def _command(data: bytes, _seed: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place, "a.S").write_text("nop\n")
        Path(place, ".a.o.cmd").write_bytes(data)
        build_of(Path(place, "a.S"), None)


def _verify(data: bytes, _seed: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "a.o")
        file.write_bytes(data)
        report = verify(file, Options(timeout=_TIMEOUT, rlimit=_RLIMIT))
        assert list(Path(place).iterdir()) == [file], "a file was left"
    shown(report)


def shown(report: FileReport) -> None:
    """Render a report in every format; what a terminal would act on is not in it."""
    for name in FORMATS:
        text = render(name, [report], Style(verbose=True))
        assert not any(char < " " and char != "\n" for char in text), f"a control character in {name}"

# SPDX-License-Identifier: BSD-2-Clause
"""What a file's own header may choose: nothing that writes or believes another file, and no path above the file."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from verifier.headerrules import confined
from verifier.model import UserError
from verifier.options import Options


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source in src/, with a directory and a contract below it, others outside, and links to these."""
    monkeypatch.chdir(tmp_path)
    for name in ("src/include", "outside"):
        Path(name).mkdir(parents=True)
    for name in ("src/own.toml", "src/include/own.toml", "outside/other.toml"):
        Path(name).touch()
    Path("src/link").symlink_to(tmp_path / "outside")
    return Path("src/a.S")


VALUES = {"challenge": 5, "cross_check": ("cvc5",), "allow_include": ("/",)}


@pytest.mark.parametrize("field", list(fields(Options)), ids=lambda field: str(field.name))
def test_options_are_free_below_or_refused(field: object, source: Path) -> None:
    """Every option is on one of three lists: a new one that is on none is refused."""
    name = field.name  # type: ignore[attr-defined]
    free = {"entries": ("e",), "profile": "seed", "configs": (("intel", "la48"),), "defines": ("A",), "timeout": 1.0}
    free |= {"rlimit": 1, "frame": "auto", "check_iret": True, "contract": "linux", "include_dirs": ("include",)}
    if name in free:
        assert confined(Options(**{name: free[name]}), source) is not None  # type: ignore[arg-type]
        return
    with pytest.raises(UserError, match="for the command line") as caught:
        confined(Options(**{name: VALUES.get(name, "x")}), source)  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.exit_code) == ("header-bad-args", 2)


def test_paths_are_relative_to_the_file(source: Path) -> None:
    """A directory and a contract's file below the file are found from the current directory; a name stays a name."""
    header = confined(Options(include_dirs=("include", "."), contract="include/own.toml"), source)
    assert header.include_dirs == ("src/include", "src/.")
    assert header.contract == "src/include/own.toml"
    assert confined(Options(contract="linux"), source).contract == "linux"
    assert confined(Options(), source) == Options()
    assert confined(Options(contract="src/own.toml"), Path("a.S")).contract == "src/own.toml"


@pytest.mark.parametrize(
    "name", ["/etc", "..", "../outside", "link", "include/../..", "none", "/proc/self/cwd", "\x1b"]
)
def test_paths_outside_are_refused(name: str, source: Path) -> None:
    """An absolute path, one that leads out by dots or links, or to nothing, is refused in one printable line."""
    for header in (Options(include_dirs=(name,)), Options(contract=f"{name}/other.toml")):
        with pytest.raises(UserError, match="not below the directory") as caught:
            confined(header, source)
        assert (caught.value.code, caught.value.exit_code) == ("header-bad-args", 2)
        assert caught.value.message.isprintable()

# SPDX-License-Identifier: BSD-2-Clause
"""Names of symbols, files and contracts, and source lines, are text in every output format, never commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hostile_names import NAMES, obeyed, renamed, strings
from report_samples import failed, inconclusive, proved, violated

from verifier import cli
from verifier.assemble import assemble
from verifier.model import FileReport, UserError
from verifier.options import Options
from verifier.pipeline import verify
from verifier.report import FORMATS, Style, render

EVERY = (violated(), inconclusive(), proved(), failed())
IDS = [ascii(name)[:20] for name in NAMES]
QUICK = Options(profile="seed", configs=(("intel", "la48"),))
CODE = """\
        .globl  {name}
{name}: mov     0x80(%rsp), %rcx
        call    {name}_callee
        sysretq
"""


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_text_obeys_nothing(name: str) -> None:
    """Whatever stands in a report, text holds no control character, no override of direction and no CI command."""
    reports = [renamed(report, name) for report in EVERY]
    for style in (Style(verbose=True), Style(quiet=True)):
        assert obeyed(render("text", reports, style)) == []


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_json_says_exactly_what_the_name_is(name: str) -> None:
    """JSON is ASCII, has no line that a CI system obeys, and gives the name back unchanged."""
    for report in EVERY:
        text = render("json", [renamed(report, name)], Style())
        assert text.isascii()
        assert not any(line.lstrip().startswith(("::", "##[")) for line in text.split("\n"))
        assert f"{report.input.path}{name}" in strings(text)


@pytest.mark.parametrize("format_name", FORMATS)
def test_no_format_interprets_markup(format_name: str) -> None:
    """Markup in a name stays as it is written."""
    text = render(format_name, [renamed(report, "q[red]") for report in EVERY], Style(width=200))
    assert "q[red]" in text


def named_object(old: bytes, new: bytes, directory: Path) -> Path:
    """An object in whose string table one name was replaced by another of the same length."""
    source = directory / "a.S"
    source.write_text(CODE.replace("{name}", old.decode()))
    data = assemble(source).replace(b"\0" + old + b"\0", b"\0" + new + b"\0")
    data = data.replace(b"\0" + old + b"_callee\0", b"\0" + new + b"_callee\0")
    path = directory / "a.o"
    path.write_bytes(data)
    return path


def test_symbols_of_an_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A symbol's hostile name goes the whole way from the file to stdout and stderr, and is obeyed by neither."""
    raw = "".join(NAMES[:-1]).replace("\0", "").encode("utf-8", "surrogatepass")
    path = named_object(b"s" * len(raw), raw, tmp_path)
    assert cli.main(["-v", str(path)]) in (1, 3)
    out, err = capsys.readouterr()
    assert "<script>" in out
    assert obeyed(out) == obeyed(err) == []


def test_long_names(tmp_path: Path) -> None:
    """A name of more than 4096 bytes is refused."""
    with pytest.raises(UserError, match="over-long"):
        verify(named_object(b"s" * 5000, b"t" * 5000, tmp_path), Options(rlimit=100_000))


def test_messages_of_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File names on the command line, in include directives and in errors of the tools are spelled out."""
    directory = tmp_path / "a\x1b[31m\u202e::error::b"
    directory.mkdir()
    for name, text in {
        "none.S": None,
        "x\n::error::.S": '.incbin "/etc/\x1b[31mhostname"\n',
        "b.S": '.error "\x1b[2J::error::"\n.include "/etc/hostname"\n',
        "c.o": "no ELF file",
        "d.S": "# CONTRACT: a\x1b[2J\u202e\nsysretq\n",
        "e.S": "# ARGS: --a\x1b[2J\nsysretq\n",
        "f.S": "# ENTRY: a\x1b[2J\nsysretq\n",
    }.items():
        if text is not None:
            (directory / name).write_text(text)
        cli.main([str(directory / name)])
        out, err = capsys.readouterr()
        assert obeyed(out) == []
        assert obeyed(err) == []
        assert re.search(r"(\\x1b|\\033|\?)\[(2J|31m)", err)


def test_a_line_table_may_name_any_file(tmp_path: Path) -> None:
    """Nothing of a file that only a line table names is in a report."""
    hidden = tmp_path / "secret.S"
    hidden.write_text("not_for_you\n" * 100)
    inside = tmp_path / "in"
    inside.mkdir()
    source = inside / "a.S"
    source.write_text(f'# 1 "{hidden}"\n.globl e\ne: mov 0x80(%rsp), %rcx\nsysretq\n')
    reports = [verify(source, QUICK)]
    (inside / "a.o").write_bytes(assemble(source))
    reports.append(verify(inside / "a.o", QUICK))
    for report in reports:
        assert any(site.verdict == "violated" for site in report.sites)
        for name in FORMATS:
            assert "not_for_you" not in render(name, [report], Style(verbose=True))


def test_the_fixture_reaches_every_text() -> None:
    """A name is in every string of a report but those with a closed set of values."""
    report: FileReport = renamed(EVERY[0], "!")
    assert report.input.path.endswith("!")
    assert all(site.location.symbol is None or site.location.symbol.endswith("!") for site in report.sites)
    assert report.verdict == EVERY[0].verdict

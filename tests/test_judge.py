# SPDX-License-Identifier: BSD-2-Clause
"""Bounds, interruption, references and site rules of the pipeline, on small sources written here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from verifier import judge
from verifier.cli import main
from verifier.model import ALL_CONFIGS, FileReport, UserError
from verifier.options import Options
from verifier.pipeline import verify

SAMPLES = Path(__file__).resolve().parent.parent / "samples"


def write(directory: Path, body: str, header: str = "# CONTRACT: linux\n") -> Path:
    """A source that includes the samples' macros."""
    shutil.copy(SAMPLES / "exit.h", directory)
    path = directory / "path.S"
    path.write_text(f'{header}#include "exit.h"\n\t.globl exit_to_user\nexit_to_user:\n{body}\n')
    return path


def codes(report: FileReport) -> set[str]:
    """The reason codes of a report."""
    return {reason.code for reason in report.reasons}


def test_ctrl_c_reports_what_is_known_and_ends_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An interrupt in the second entry keeps the first entry's site in the report; the status is 130."""
    original, seen = judge.judge_entry, []

    def interrupted(*arguments: object) -> None:
        seen.append(arguments)
        if len(seen) > 1:
            raise KeyboardInterrupt
        original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("verifier.judge.judge_entry", interrupted)
    sample = str(SAMPLES / "two-sites.S")
    status = main([sample, "--entry", "exit_to_user", "--entry", "exit_to_user", "--format", "json"])
    output = capsys.readouterr().out
    assert status == 130
    assert '"stopped"' in output
    assert '"symbol"' in output


def test_a_spent_time_limit_is_inconclusive_and_says_so(tmp_path: Path) -> None:
    """A time limit that is over before the first instruction gives "timeout" and what to raise, never a verdict."""
    path = write(tmp_path, "\tneed_everything slow\n\tleave_by_sysret\nslow:\n\tleave_by_iret")
    report = verify(path, Options(timeout=1e-9))
    assert report.verdict == "inconclusive"
    assert "timeout" in codes(report)
    assert any("--timeout" in reason.remedy for reason in report.reasons)


def test_a_solver_bound_is_inconclusive_and_says_so(tmp_path: Path) -> None:
    """With one resource unit the solver decides nothing: the verdict is inconclusive, never proved."""
    path = write(tmp_path, "\tneed_everything slow\n\tleave_by_sysret\nslow:\n\tleave_by_iret")
    report = verify(path, Options(rlimit=1))
    assert report.verdict == "inconclusive"
    assert any("--rlimit" in reason.remedy or "limits" in reason.text for reason in report.reasons)


def test_frame_auto_without_an_iret_exit_names_the_missing_keys(tmp_path: Path) -> None:
    """Without an IRET exit --frame auto is a usage error that lists the contract keys to give."""
    path = write(tmp_path, "\tneed_everything slow\n\tleave_by_sysret\nslow:\n\tjmp elsewhere")
    with pytest.raises(UserError) as caught:
        verify(path, Options(frame="auto"))
    assert caught.value.exit_code == 2
    assert all(key in caught.value.message for key in ("[frame.slots]", "rip cs rflags rsp ss", "[registers]"))


def test_a_second_site_that_no_entry_reaches_stops_proved(tmp_path: Path) -> None:
    """A file is not proved while it has a SYSRET that the given entry does not lead to."""
    body = "\tneed_everything slow\n\tleave_by_sysret\nslow:\n\tleave_by_iret\nforgotten:\n\tsysretq"
    report = verify(write(tmp_path, body), Options())
    assert report.verdict == "inconclusive"
    assert codes(report) == {"site-unreached"}


def test_a_configuration_that_never_gets_there_is_not_applicable(tmp_path: Path) -> None:
    """A path that takes IRET wherever CR4.LA57 is set is proved for la48 and not applicable for la57."""
    body = (
        "\tmovq %cr4, %rax\n\ttestl $0x1000, %eax\n\tjnz slow\n"
        "\tneed_everything slow\n\tleave_by_sysret\nslow:\n\tleave_by_iret"
    )
    report = verify(write(tmp_path, body), Options())
    assert report.verdict == "proved"
    (site,) = report.sites
    canonical = {clause.status: clause.configs for clause in site.clauses if clause.id == "canonical"}
    assert canonical["proved"] == tuple(config for config in ALL_CONFIGS if config[1] == "la48")
    assert canonical["not-applicable"] == tuple(config for config in ALL_CONFIGS if config[1] == "la57")


@pytest.mark.parametrize("count", [0, 64])
def test_independent_tests_join(tmp_path: Path, count: int) -> None:
    """64 independent work-flag tests leave two paths at the sites: the instructions grow by four each, no more."""
    tests = "".join(
        f"\ttestl ${1 << index % 30}, %gs:{0x1000 + 8 * (index // 30)}\n\tjz 9{index}f\n"
        f"\tmovq $0, %gs:{0x2000 + 8 * index}\n9{index}:\n"
        for index in range(count)
    )
    report = verify(
        write(tmp_path, tests + "\tneed_everything slow\n\tleave_by_sysret\nslow:\n\tleave_by_iret"), Options()
    )
    statistics = dict(report.statistics)
    assert report.verdict == "proved"
    assert statistics["leaves"] == 2
    assert statistics["instructions"] <= 60 + 4 * count


def test_a_table_of_patched_code_that_cannot_be_read_is_an_assumption(tmp_path: Path) -> None:
    """A file whose table of patch sites has no known form says that it was judged unpatched; others do not."""
    code = "\tneed_everything slow\n\tleave_by_sysret\nslow:\n\tleave_by_iret\n"
    table = '\t.section .altinstructions, "a"\n\t.fill 15, 1, 0xff'
    damaged = {one.id for one in verify(write(tmp_path, code + table), Options()).assumptions}
    read = {one.id for one in verify(SAMPLES / "data-patch-table.S", Options()).assumptions}
    plain = {one.id for one in verify(SAMPLES / "linux-full-exit.S", Options()).assumptions}
    assert "unpatched-sites" in damaged
    assert "unpatched-sites" not in read | plain

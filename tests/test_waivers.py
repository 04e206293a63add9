# SPDX-License-Identifier: BSD-2-Clause
"""Waivers: what the file may say, and that a waived violation is never anything but a counted, open one."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from report_samples import CANONICAL, failed, inconclusive, proved, violated

from verifier import waivers
from verifier.model import ALL_CONFIGS, ClauseResult, Disagreement, FileReport, UserError, Waiver
from verifier.report.fingerprint import of_clause
from verifier.report.verdict import check

TODAY = date(2026, 3, 1)
WHOLE = """
[[waiver]]
id = "W-1"
clause = "tf"
fingerprint = "0123456789abcdef0123456789abcdef"
reason = "the old exit goes away with the next release"
owner = "Kim"
expires = 2026-12-31
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / waivers.FILE
    path.write_text(text, encoding="utf-8")
    return path


def refused(tmp_path: Path, text: str) -> UserError:
    with pytest.raises(UserError) as caught:
        waivers.load(written(tmp_path, text))
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message and waivers.FILE in caught.value.message
    return caught.value


def waiver(report: FileReport, clause: str, name: str = "W-1", expires: date = TODAY) -> Waiver:
    """A waiver of the clause at the report's first site."""
    fingerprint = of_clause(report, report.sites[0], clause)
    return Waiver(name, clause, fingerprint, "known since spring", "Kim", expires.isoformat())


def all_of(report: FileReport, expires: date = TODAY) -> tuple[Waiver, ...]:
    """A waiver for every violated clause of the report's first site."""
    bad = sorted({clause.id for clause in report.sites[0].clauses if clause.status == "violated"})
    return tuple(waiver(report, clause, f"W-{number}", expires) for number, clause in enumerate(bad, 1))


# The file.


def test_a_whole_waiver_is_read(tmp_path: Path) -> None:
    """All six keys come back, and a date of TOML and one in quotes are the same."""
    (one,) = waivers.load(written(tmp_path, WHOLE))
    assert one == Waiver(
        "W-1", "tf", "0123456789abcdef" * 2, "the old exit goes away with the next release", "Kim", "2026-12-31"
    )
    assert waivers.load(written(tmp_path, WHOLE.replace("2026-12-31", '"2026-12-31"'))) == (one,)


def test_an_empty_file_has_no_waivers(tmp_path: Path) -> None:
    """A file without waivers is right: the last one was removed."""
    assert waivers.load(written(tmp_path, "")) == ()


@pytest.mark.parametrize("key", waivers.KEYS)
def test_every_key_is_needed(tmp_path: Path, key: str) -> None:
    """A waiver without one of the six keys is refused, and the message names the key."""
    lines = [line for line in WHOLE.splitlines() if not line.startswith(f"{key} =")]
    error = refused(tmp_path, "\n".join(lines))
    assert error.code == "waivers-invalid" and f"waiver.1.{key}: missing" in error.message


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("owner =", "onwer =", "did you mean waiver.1.owner?"),
        ("[[waiver]]", "[[waivers]]", "did you mean waiver?"),
        ("[[waiver]]", "[waiver]", "begin each with [[waiver]]"),
        ('"tf"', '"canonicl"', "did you mean canonical?"),
        ('"tf"', '"???"', "verify-exit explain"),
        ('"tf"', '"gpr"', "is no clause"),
        ("0123456789abcdef0123456789abcdef", "0123", "32 lower-case hexadecimal digits"),
        ("0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456789ABCDEF", "32 lower-case"),
        ('"W-1"', '"W 1"', "letters, digits"),
        ('"W-1"', '""', "printable"),
        ('"W-1"', "7", "must be a string"),
        ('"Kim"', '"Kim\\u202e"', "printable"),
        ('"Kim"', '"Kim\\n::error::"', "printable"),
        ("2026-12-31", '"2026-02-30"', "no day of the calendar"),
        ("2026-12-31", '"next week"', "YYYY-MM-DD"),
        ("2026-12-31", '"20261231"', "YYYY-MM-DD"),
        ("2026-12-31", "2026-12-31T00:00:00Z", "must be a day"),
        ("2026-12-31", "20261231", "must be a day, not an integer"),
        ("2026-12-31", "2026-13-31", "not valid TOML"),
        ("[[waiver]]", "waiver = [1]\n[x]", "unknown key x"),
    ],
)
def test_a_wrong_value_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    """What is misspelt or malformed ends in one line that says what belongs there; nothing is guessed."""
    assert old in WHOLE
    error = refused(tmp_path, WHOLE.replace(old, new))
    assert error.code == "waivers-invalid" and told in error.message


def test_two_of_one_id_are_refused(tmp_path: Path) -> None:
    """Ids are what reports name waivers by: each is used once."""
    assert "W-1 is the id of an earlier waiver" in refused(tmp_path, WHOLE + WHOLE).message


@pytest.mark.parametrize(
    "text", ["waiver = 1", "waiver = [1]", "waiver = [[]]", "[[[", "waiver = " + "[" * 5000, "a." * 400_000]
)
def test_other_shapes_are_refused(tmp_path: Path, text: str) -> None:
    """What is not an array of tables is refused in one line, however deep it is, and before it takes long."""
    assert refused(tmp_path, text).code == "waivers-invalid"


def test_hostile_files_end_in_one_line(tmp_path: Path) -> None:
    """A missing file, a directory, a FIFO, one that is too large and one that is not UTF-8 are each one line."""
    fifo, large, latin = tmp_path / "fifo", tmp_path / "large.toml", tmp_path / "latin.toml"
    os.mkfifo(fifo)
    large.write_bytes(b"#" * (waivers.MAX_BYTES + 1))
    latin.write_bytes(b"# \xff")
    codes = []
    for path in (tmp_path / "none", tmp_path, fifo, large, latin, tmp_path / "nul\0"):
        with pytest.raises(UserError) as caught:
            waivers.load(path)
        assert caught.value.exit_code == 2 and "\n" not in caught.value.message
        codes.append(caught.value.code)
    assert codes == [*["waivers-missing"] * 3, *["waivers-invalid"] * 2, "waivers-missing"]


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """No text makes anything but waivers or a UserError."""
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text("[[waiver]]\n" + text, encoding="utf-8")
    with pytest.raises(UserError):
        waivers.load(path)


# What they do.


def test_a_file_that_is_waived_whole_is_inconclusive() -> None:
    """When waivers cover every violation the file is inconclusive for the reason "waived": never proved."""
    before = violated()
    given_, listed = all_of(before), sorted({c.id for c in before.sites[0].clauses if c.status == "violated"})
    (after,), uses = waivers.apply([before], given_, TODAY)
    check(after)
    assert after.verdict == after.sites[0].verdict == "inconclusive"
    (reason,) = after.reasons
    assert reason.code == "waived" and reason.text.startswith("3 violations waived by W-1, W-2, W-3 (")
    assert all(name in reason.text for name in listed)
    assert [(use.state, use.waived) for use in uses] == [("used", 1)] * 3


def test_a_waived_clause_keeps_its_counterexample() -> None:
    """The evidence stays, and the reason names the waiver, its last day, why and who."""
    (after,), _ = waivers.apply([violated()], all_of(violated()), TODAY)
    shown = [clause for clause in after.sites[0].clauses if clause.status == "waived"]
    assert len(shown) == 4 and all(clause.counterexample is not None for clause in shown)
    assert shown[0].reason == "waived by W-1 until 2026-03-01: known since spring (Kim)"


def test_another_violation_decides() -> None:
    """A file with a violation that nothing covers stays violated, and what is waived is still told."""
    before = violated()
    (after,), _ = waivers.apply([before], [waiver(before, "gpr.rdi")], TODAY)
    check(after)
    assert after.verdict == after.sites[0].verdict == "violated"
    assert [reason.code for reason in after.reasons] == ["waived"]


def test_an_unknown_clause_decides() -> None:
    """A waiver takes nothing away from what is open: the other reasons stay in front."""
    open_one = inconclusive("entry.S").reasons
    clause = ClauseResult("cs", "unknown", ALL_CONFIGS, "the path was given up")
    site = replace(violated().sites[0], clauses=(*violated().sites[0].clauses, clause))
    before = replace(violated(), sites=(site,), reasons=open_one)
    (after,), _ = waivers.apply([before], all_of(before), TODAY)
    check(after)
    assert after.verdict == "inconclusive"
    assert [reason.code for reason in after.reasons] == ["unsupported-instruction", "waived"]


def test_a_contradiction_comes_to_light() -> None:
    """Only a violation outweighs a disagreement: when it is waived the file is an internal error."""
    before = violated()
    differ = Disagreement(before.sites[0].location, "rip", ("intel", "la48"), ("rax differs",))
    (after,), _ = waivers.apply([replace(before, disagreements=(differ,))], all_of(before), TODAY)
    check(after)
    assert after.verdict == "error" and after.error is not None and after.error[2] == 70


@pytest.mark.parametrize(("days", "state"), [(-400, "expired"), (-1, "expired"), (0, "used"), (1, "used")])
def test_the_last_day_still_counts(days: int, state: str) -> None:
    """A waiver holds on the day that it names and not on the next; an expired one waives nothing."""
    before = violated()
    given_ = all_of(before, TODAY + timedelta(days))
    (after,), uses = waivers.apply([before], given_, TODAY)
    assert {use.state for use in uses} == {state}
    assert (after == before) == (state == "expired")


def test_only_confirmed_violations_are_waived() -> None:
    """Unknown and proved clauses, errors, and a violation that was not replayed stay as they are."""
    for before in (proved(), inconclusive(), failed()):
        names = [(site, clause.id) for site in before.sites for clause in site.clauses]
        given_ = [
            Waiver(f"W-{n}", clause, of_clause(before, site, clause), "why", "who", "2099-01-01")
            for n, (site, clause) in enumerate(names)
        ]
        after, uses = waivers.apply([before], given_, TODAY)
        assert after == (before,) and all(use.state == "unused" for use in uses)
    bare = ClauseResult("tf", "violated", ALL_CONFIGS, None, replace(CANONICAL, replayed=False))
    before = replace(violated(), sites=(replace(violated().sites[0], clauses=(bare,)),))
    after, _ = waivers.apply([before], all_of(before), TODAY)
    assert after == (before,)


def test_an_error_stays_an_error() -> None:
    """A report that ended in an error is not touched, whatever stands in it."""
    before = replace(violated(), verdict="error", error=("internal-error", "it broke", 70))
    assert waivers.apply([before], all_of(before), TODAY)[0] == (before,)


def test_each_exit_has_its_own_waiver() -> None:
    """A waiver for one exit leaves the same clause at another exit of the file violated."""
    first = violated().sites[0]
    second = replace(first, location=replace(first.location, symbol="elsewhere", address=0x500000))
    before = replace(violated(), sites=(first, second))
    (after,), _ = waivers.apply([before], all_of(before), TODAY)
    check(after)
    assert [site.verdict for site in after.sites] == ["inconclusive", "violated"] and after.verdict == "violated"
    (after,), uses = waivers.apply([before], all_of(replace(before, sites=(second, first))), TODAY)
    assert [site.verdict for site in after.sites] == ["violated", "inconclusive"]
    assert [use.waived for use in uses] == [1, 1, 1]


def test_each_entry_and_contract_has_its_own_waiver() -> None:
    """One file under two targets: a waiver for one leaves the same clause of the other violated."""
    before = violated()
    entry = replace(before, sites=(replace(before.sites[0], entry="from_interrupt"),))
    contract = replace(before, contract="linux-4.0")
    after, _ = waivers.apply([before, entry, contract], all_of(before), TODAY)
    assert [report.verdict for report in after] == ["inconclusive", "violated", "violated"]


def test_clause_and_fingerprint_must_both_match() -> None:
    """A right fingerprint under the name of another clause waives nothing, and neither does another exit's."""
    before = violated()
    wrong = replace(waiver(before, "canonical"), clause="tf")
    elsewhere = waiver(replace(before, key="other.S"), "canonical", "W-2")
    after, uses = waivers.apply([before], [wrong, elsewhere], TODAY)
    assert after == (before,) and {use.state for use in uses} == {"unused"}


def test_the_first_of_two_waivers_is_used() -> None:
    """A second waiver for one violation is reported as unused; a live one behind an expired one is used."""
    before = violated()
    one = waiver(before, "canonical", "one", TODAY - timedelta(1))
    two, three = (waiver(before, "canonical", name) for name in ("two", "three"))
    _, uses = waivers.apply([before], [one, two, three], TODAY)
    assert [use.state for use in uses] == ["expired", "used", "unused"]


def test_one_file_judged_twice_counts_twice() -> None:
    """A waiver covers the same violation in every report that has it, and says how often."""
    before = violated()
    after, (use,) = waivers.apply([before, before], [waiver(before, "canonical")], TODAY)
    assert use.waived == 2 and after[0] == after[1]


def test_stale_waivers_are_told() -> None:
    """An unused and an expired waiver have one line each with id, clause and owner; a used one has none."""
    before = violated()
    given_ = [
        waiver(before, "canonical"),
        waiver(before, "tf", "W-2"),
        waiver(before, "gpr.rbx", "W-3", TODAY - timedelta(1)),
    ]
    _, uses = waivers.apply([before], given_, TODAY)
    assert waivers.warnings(uses) == [
        "waiver W-2 (tf, Kim) is unused: no such violation in this run; remove it",
        "waiver W-3 (gpr.rbx, Kim) expired on 2026-02-28 and waives nothing; mend the code or renew the waiver",
    ]
    hostile = replace(given_[1], owner="\x1b[2J::error::")
    _, uses = waivers.apply([], [hostile], TODAY)
    assert "\x1b" not in waivers.warnings(uses)[0] and "::" not in waivers.warnings(uses)[0]


# What a report with waived clauses must hold.


def test_check_refuses_wrong_waived_reports() -> None:
    """The last guard: waived is no proof, needs its evidence and words, and is always in the reasons."""
    (good,), _ = waivers.apply([violated()], all_of(violated()), TODAY)
    site = good.sites[0]
    first = next(clause for clause in site.clauses if clause.status == "waived")

    def with_first(changed: ClauseResult) -> FileReport:
        clauses = tuple(changed if clause is first else clause for clause in site.clauses)
        return replace(good, sites=(replace(site, clauses=clauses),))

    check(good)
    assert first.counterexample is not None
    wrong = [
        replace(good, verdict="proved"),
        replace(good, verdict="proved", reasons=()),
        replace(good, verdict="proved", reasons=(), sites=(replace(site, verdict="proved"),)),
        replace(good, reasons=()),
        replace(good, reasons=inconclusive().reasons),
        replace(good, sites=(replace(site, verdict="proved"),)),
        replace(good, verdict="violated"),
        replace(inconclusive(), reasons=(*inconclusive().reasons, *good.reasons)),
        with_first(replace(first, counterexample=None)),
        with_first(replace(first, counterexample=replace(first.counterexample, replayed=False))),
        with_first(replace(first, reason=None)),
    ]
    for report in wrong:
        with pytest.raises(ValueError):
            check(report)

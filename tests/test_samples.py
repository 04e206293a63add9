# SPDX-License-Identifier: BSD-2-Clause
"""Every sample gets exactly the verdict that its header promises.

The dialect of EXPECT::

    proved
    violated ID[, ID…] [on VENDOR:PAGING …] [; ID… on …]
    inconclusive CODE

A clause that is not named must be proved (or not apply). Without ``on`` the
clause must be violated in every configuration of the run, with it in exactly
those named. CODE must be among the reasons. A time-out never passes.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from verifier.model import (
    ALL_CONFIGS,
    ClauseResult,
    Config,
    Counterexample,
    FileReport,
    InputFile,
    Location,
    OutcomeView,
    Reason,
    SiteResult,
    Status,
    Verdict,
)
from verifier.options import Options
from verifier.reasons import REASONS
from verifier.source import SourceHeader, parse_header

SAMPLES = Path(__file__).parent.parent / "samples"
FRAGMENT = "# FRAGMENT"
"""Marks, in one of its first lines, a file that is only there to be included."""

LEAST = 30
SOLVERS = ("bitwuzla", "cvc5")
SPELL_ID = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9]+)?")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an EXPECT line says.

    ``violated``: (clause id, its configurations; None: all of the run).
    ``code``: the reason code of an inconclusive verdict.
    """

    verdict: Verdict
    violated: tuple[tuple[str, frozenset[Config] | None], ...] = ()
    code: str = ""


def parse_expectation(text: str) -> Expectation:
    """Read an EXPECT value; ValueError says what is wrong with it."""
    word, _, rest = text.strip().partition(" ")
    rest = rest.strip()
    match word:
        case "proved":
            if rest:
                raise ValueError(f"proved takes nothing after it: {rest!r}")
            return Expectation("proved")
        case "inconclusive":
            if rest not in {reason.code for reason in REASONS}:
                raise ValueError(f"{rest!r} is not a reason code")
            if rest == "timeout":
                raise ValueError("a time-out is never what a sample is about")
            return Expectation("inconclusive", code=rest)
        case "violated":
            named = tuple(pair for group in rest.split(";") for pair in _group(group))
            if len({clause for clause, _ in named}) != len(named):
                raise ValueError(f"a clause is named twice: {rest!r}")
            return Expectation("violated", violated=tuple(sorted(named, key=lambda pair: pair[0])))
    raise ValueError(f"{word!r} is not a verdict")


def _group(text: str) -> Iterable[tuple[str, frozenset[Config] | None]]:
    ids, on, where = (part.strip() for part in text.partition(" on "))
    configs: frozenset[Config] | None = None
    if on:
        configs = frozenset(_config(word) for word in where.split())
        if not configs:
            raise ValueError(f"no configuration after 'on': {text!r}")
    for clause in ids.split(","):
        if not SPELL_ID.fullmatch(clause.strip()):
            raise ValueError(f"{clause.strip()!r} is not a clause id")
        yield clause.strip(), configs


def _config(word: str) -> Config:
    for config in ALL_CONFIGS:
        if word == ":".join(config):
            return config
    raise ValueError(f"{word!r} is not VENDOR:PAGING")


def differences(expected: Expectation, report: FileReport) -> list[str]:
    """Every way in which a report is not what was expected; empty if it is."""
    found: dict[str, set[Config]] = {}
    wrong: list[str] = []
    for site in report.sites:
        for clause in site.clauses:
            where = f"{clause.id} at {site.location.symbol}+{site.location.offset:#x}"
            match clause.status:
                case "violated":
                    found.setdefault(clause.id, set()).update(clause.configs)
                    if clause.counterexample is None or not clause.counterexample.replayed:
                        wrong.append(f"{where}: violated without a replayed counterexample")
                case "unknown" | "waived" if expected.verdict != "inconclusive":
                    wrong.append(f"{where}: {clause.status} ({clause.reason})")
    if report.verdict != expected.verdict:
        wrong.append(f"verdict {report.verdict}, expected {expected.verdict}")
    if report.error is not None:
        wrong.append(f"error {report.error}")
    if expected.verdict != "inconclusive" and not report.sites:
        wrong.append("no site")
    codes = {reason.code for reason in report.reasons}
    if "timeout" in codes:
        wrong.append("timed out")
    if expected.code and expected.code not in codes:
        wrong.append(f"reasons {sorted(codes)}, expected {expected.code}")
    promised = {clause: set(report.configs if where is None else where) for clause, where in expected.violated}
    for clause_id in sorted(found.keys() | promised.keys()):
        got, want = found.get(clause_id, set()), promised.get(clause_id, set())
        if got != want:
            wrong.append(f"{clause_id}: violated on {_spell(got)}, expected {_spell(want)}")
    return wrong


def _spell(configs: Iterable[Config]) -> str:
    return " ".join(":".join(config) for config in ALL_CONFIGS if config in set(configs)) or "none"


@cache
def sample_names() -> tuple[str, ...]:
    """The samples: every .S file but the fragments."""
    return tuple(
        path.name
        for path in sorted(SAMPLES.glob("*.S"))
        if FRAGMENT not in path.read_text(encoding="utf-8").splitlines()[:5]
    )


@cache
def header(name: str) -> SourceHeader:
    """The header of a sample."""
    return parse_header((SAMPLES / name).read_text(encoding="utf-8"), name)


def expectation(name: str) -> Expectation:
    """The EXPECT line of a sample."""
    return parse_expectation(header(name).expect or "")


def readme_row(name: str) -> str:
    """The line of samples/README.md for a sample."""
    told = header(name)
    run = f" ({' '.join(told.args)})" if told.args else ""
    return f"| `{name}` | {told.expect}{run} | {told.origin} |"


@pytest.mark.parametrize("name", sample_names())
def test_verdict_is_the_promised_one(name: str) -> None:
    """The engine's verdict, violated clauses and configurations are those of the header, and no others.

    Two solvers that share no code with z3 give the same answers to all obligations.
    """
    from verifier.pipeline import verify

    # The pipeline reads ENTRY, CONTRACT and ARGS itself, as for any user's file.
    report = verify(SAMPLES / name, Options(cross_check=SOLVERS))
    assert [(one.solver, one.agreed) for one in report.cross_checks] == [
        (one.solver, one.asked) for one in report.cross_checks
    ]
    assert len(report.cross_checks) == len(SOLVERS)
    assert report.disagreements == ()
    own = expectation(name)
    wrong = differences(own, report)
    assert not wrong, "\n".join([f"{name}: {header(name).expect}", *wrong, *map(str, report.reasons)])
    for other in {expectation(sample) for sample in sample_names()}:
        if other != own and other.verdict != "inconclusive":
            assert differences(other, report), f"{name} would also pass with {other}"


@pytest.mark.parametrize("name", sample_names())
def test_header_is_complete(name: str) -> None:
    """A sample names its contract, its verdict (in a form that is understood) and where it comes from."""
    told = header(name)
    assert told.contract
    assert told.expect
    assert told.origin
    assert expectation(name)


def test_there_are_enough_samples() -> None:
    """A glob that finds nothing would pass every other test here."""
    assert len(sample_names()) >= LEAST
    verdicts = {expectation(name).verdict for name in sample_names()}
    assert verdicts == {"proved", "violated", "inconclusive"}


def test_every_seed_clause_is_broken_alone() -> None:
    """Each clause that a sample can break has one that breaks only that clause."""
    alone = {
        clause
        for name in sample_names()
        for violated in [expectation(name).violated]
        if len(violated) == 1
        for clause, _ in violated
    }
    assert alone >= {
        *("rip", "rflags", "rf", "canonical", "cs", "ss", "tf", "rsp", "gpr.rbx", "gpr.rcx", "gpr.r11"),
        *("gs", "irq", "stack", "cr3", "ss-attrs", "star", "entry-mode"),
    }


def test_readme_lists_every_sample() -> None:
    """The table in samples/README.md has one row for each sample, with what its header says, sorted."""
    lines = (SAMPLES / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("| `")] == [readme_row(name) for name in sample_names()]


def test_null_ss_contract_differs_in_one_fact() -> None:
    """The contract among the samples is the shipped one but for its name and the descriptor of SS."""
    shipped = SAMPLES.parent / "specs" / "contracts" / "linux-4.0.toml"
    theirs = tomllib.loads(shipped.read_text(encoding="utf-8"))
    ours = tomllib.loads((SAMPLES / "linux-4.0-null-ss.toml").read_text(encoding="utf-8"))
    for contract in (theirs, ours):
        contract.pop("name")
    assert (theirs["entry"].pop("ss_descriptor")["value"], ours["entry"].pop("ss_descriptor")["value"]) == (
        "flat",
        "any",
    )
    assert ours == theirs


# The comparer itself: what would make a wrong sample pass.

AMD = tuple(config for config in ALL_CONFIGS if config[0] == "amd")
OUTCOME = OutcomeView("sysretq", None, "", ())
FAILURE = Counterexample(ALL_CONFIGS[0], "", (), (), (), OUTCOME, OUTCOME, (), (), True, "")


def clause(name: str, status: Status, configs: tuple[Config, ...] = ALL_CONFIGS, replayed: bool = True) -> ClauseResult:
    """A clause result, with a counterexample if it is violated."""
    shown = replace(FAILURE, replayed=replayed) if status == "violated" else None
    return ClauseResult(name, status, configs, None, shown)


def report_of(verdict: Verdict, *clauses: ClauseResult, codes: tuple[str, ...] = ()) -> FileReport:
    """A report with one site if it has clauses."""
    place = Location(0, "exit", 0, None, None, "sysretq")
    return FileReport(
        input=InputFile("x.S", ""),
        verdict=verdict,
        contract="linux",
        profile="equivalence",
        configs=ALL_CONFIGS,
        entries=("exit",),
        assumptions=(),
        sites=(SiteResult("sysretq", place, "exit", verdict, clauses, ()),) if clauses else (),
        reasons=tuple(Reason(code, "", "") for code in codes),
        tool=(),
        command="",
    )


RIP, TF = clause("rip", "proved"), clause("tf", "violated")
REPORTS = {
    "proved": report_of("proved", RIP, clause("tf", "proved"), clause("nmi", "not-applicable")),
    "violated tf": report_of("violated", RIP, TF),
    "violated rip, tf": report_of("violated", clause("rip", "violated"), TF),
    "violated tf on amd:la48 amd:la57": report_of(
        "violated", RIP, clause("tf", "violated", AMD), clause("tf", "proved", ALL_CONFIGS[:2])
    ),
    "violated rip; tf on amd:la48 amd:la57": report_of(
        "violated", clause("rip", "violated"), clause("tf", "violated", AMD)
    ),
    "violated tf on intel:la48": report_of("violated", RIP, clause("tf", "violated", ALL_CONFIGS[:1])),
    "inconclusive vacuous": report_of("inconclusive", codes=("vacuous",)),
    "inconclusive loop-bound": report_of("inconclusive", codes=("loop-bound",)),
}
"""One report for each form of EXPECT."""


@pytest.mark.parametrize("told", REPORTS)
@pytest.mark.parametrize("actual", REPORTS)
def test_only_the_right_expectation_passes(told: str, actual: str) -> None:
    """Of all forms of EXPECT exactly the one that describes the report is accepted."""
    assert bool(differences(parse_expectation(told), REPORTS[actual])) == (told != actual)


@pytest.mark.parametrize(
    ("told", "report"),
    [
        ("proved", report_of("proved", RIP, clause("tf", "unknown"))),
        ("proved", report_of("proved", RIP, clause("tf", "waived"))),
        ("proved", report_of("proved")),
        ("proved", report_of("proved", RIP, codes=("timeout",))),
        ("violated tf", report_of("violated", clause("rip", "unknown"), TF)),
        ("violated tf", report_of("violated", RIP, TF, codes=("timeout",))),
        ("violated tf", report_of("violated", RIP, clause("tf", "violated", replayed=False))),
        ("inconclusive vacuous", report_of("inconclusive", codes=("timeout",))),
        ("inconclusive vacuous", report_of("inconclusive", codes=("vacuous", "timeout"))),
        ("inconclusive vacuous", report_of("inconclusive", TF, codes=("vacuous",))),
        ("proved", replace(REPORTS["proved"], error=("internal-error", "", 70))),
        ("proved", report_of("error")),
    ],
)
def test_half_an_answer_does_not_pass(told: str, report: FileReport) -> None:
    """Unknown, waived and unconfirmed clauses, missing sites, time-outs and errors are differences."""
    assert differences(parse_expectation(told), report)


@pytest.mark.parametrize(
    "text",
    [
        *("", "ok", "proved tf", "violated", "violated ,", "violated tf,", "violated tf, tf"),
        *("violated tf; tf", "violated tf on", "violated tf on intel", "violated tf on amd:la47"),
        *("violated Tf", "inconclusive", "inconclusive tired", "inconclusive timeout", "Proved"),
    ],
)
def test_unclear_expectation_is_refused(text: str) -> None:
    """An EXPECT line that is not in the dialect is an error, not something that matches anything."""
    with pytest.raises(ValueError):
        parse_expectation(text)

# SPDX-License-Identifier: BSD-2-Clause
"""``--attest FILE``: what was found, as unsigned in-toto statements over the hashes of the inputs.

FILE is JSON Lines, one statement a line, so a name such as ``exit.intoto.jsonl`` fits (in-toto, spec/v1/bundle.md).
The first line is always there: a Statement v1 with the predicate test-result v0.1. If every input is proved, a line for
each input follows: a SLSA verification summary v1. Nothing is signed: whoever answers for the run signs each line.

A test is one clause at one exit of one input for some CPU configurations. It passed if it is proved; "warned" is a
waived violation and nothing else; what is violated, undecided or was not judged failed, because it is not known to
hold. What a gate lets through changes nothing here. The ``result`` follows: only a run that is proved is PASSED.

The descriptor of each setting (contract, profile, CPU configurations, assumptions) has these as annotations, and the
SHA-256 of the annotations as compact JSON with sorted keys in ASCII as its digest.

Everything depends on the run alone but ``timeVerified`` of the summary, which its specification demands: the caller
says the time, and ``stamp`` takes it from SOURCE_DATE_EPOCH where that is set.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from verifier import __version__
from verifier.model import FileReport, Run, SiteResult, UserError
from verifier.report.verdict import USAGE
from verifier.report.words import clean, configs_label, in_order, place

Json = dict[str, Any]

STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY = "https://slsa.dev/verification_summary/v1"

TOOL = f"pkg:generic/verify-exit@{__version__}"
"""The tool as a URI: a package URL that names no place."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LATEST = 253402300799  # 9999-12-31T23:59:59Z, the last second of an RFC 3339 time stamp


def bundle(run: Run, time: str) -> str:
    """The content of FILE: the test-result statement, and the summaries if everything is proved. Raises ValueError."""
    return statement(run) + (summary(run, time) or "")


def statement(run: Run) -> str:
    """The test-result statement, one line. Raises ValueError if no input could be hashed."""
    subjects = {(_name(report), report.input.sha256): _subject(report) for report in run.reports if _hashed(report)}
    if not subjects:
        raise ValueError("no input could be read, so that there is nothing to attest")
    passed, warned, failed = _tests(run)
    predicate = {
        "result": "PASSED" if proved(run) else "WARNED" if warned and not failed else "FAILED",
        "configuration": _configuration(run),
        "passedTests": passed,
        "warnedTests": warned,
        "failedTests": failed,
    }
    return _line(list(subjects.values()), TEST_RESULT, predicate)


def summary(run: Run, time: str) -> str | None:
    """A verification summary for each input, a line each; None unless all inputs are proved.

    ``time`` is when they were verified (RFC 3339, UTC).
    """
    if not proved(run):
        return None
    return "".join(dict.fromkeys(_summary(report, time) for report in run.reports))


def proved(run: Run) -> bool:
    """Whether there are inputs, all of them are proved and hashed, and nothing at all speaks against it."""
    return bool(run.reports) and all(map(_proved, run.reports))


def stamp(epoch: str | None, now: float) -> str:
    """The time for ``summary``: SOURCE_DATE_EPOCH (``epoch``) if that is set, else ``now``, both in seconds since 1970.

    Raises UserError("usage", exit code 2) if it is no such number.
    """
    if epoch is None:
        seconds = int(now)
    elif re.fullmatch(r"[0-9]{1,12}", epoch) and int(epoch) <= _LATEST:
        seconds = int(epoch)
    else:
        message = f"SOURCE_DATE_EPOCH: {clean(epoch)[:40]!r} is not a number of seconds since 1970; unset it or set one"
        raise UserError("usage", message, USAGE)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _proved(report: FileReport) -> bool:
    clean_report = not (report.reasons or report.disagreements or report.error)
    return (
        report.verdict == "proved"
        and clean_report
        and _hashed(report)
        and bool(report.sites and report.configs)
        and all(_site_proved(site) for site in report.sites)
    )


def _site_proved(site: SiteResult) -> bool:
    statuses = {clause.status for clause in site.clauses}
    return site.verdict == "proved" and "proved" in statuses and statuses <= {"proved", "not-applicable"}


def _hashed(report: FileReport) -> bool:
    return _SHA256.fullmatch(report.input.sha256) is not None


def _tests(run: Run) -> tuple[list[str], list[str], list[str]]:
    """The names of the tests that passed, that were waived, and that failed, each sorted."""
    passed: set[str] = set()
    warned: set[str] = set()
    failed: set[str] = set()
    for report in run.reports:
        name = clean(_name(report))
        for site in report.sites:
            for test, status in _clauses(report, site):
                match status:
                    case "proved":
                        passed.add(test)
                    case "waived":
                        warned.add(test)
                    case "not-applicable":
                        pass
                    case _:
                        failed.add(test)
        failed |= {f"{name}: {clean(reason.code)}" for reason in report.reasons if reason.code != "waived"}
        if report.error is not None:
            failed.add(f"{name}: {clean(report.error[0])}")
        if report.disagreements:
            failed.add(f"{name}: replay-disagrees")
        if report.error is None and not _hashed(report):
            failed.add(f"{name}: not-hashed")
        if not report.sites and report.error is None and not report.reasons:
            failed.add(f"{name}: not-judged")
    # The same name twice, from two reports of one file: the worse one counts.
    return sorted(passed - warned - failed), sorted(warned - failed), sorted(failed)


def _clauses(report: FileReport, site: SiteResult) -> Iterator[tuple[str, str]]:
    where = f"{_name(report)}: {site.kind} {place(site.location)}"
    if site.entry != site.location.symbol:
        where += f" from {site.entry}"
    for clause in site.clauses:
        label = configs_label(clause.configs, report.configs)
        yield clean(f"{where}: {clause.id}" + (f" ({label})" if label else "")), clause.status


def _name(report: FileReport) -> str:
    """The input's path as seen from the project's root, if that is known."""
    return report.key or report.input.path


def _subject(report: FileReport) -> Json:
    return {"name": clean(_name(report)), "digest": {"sha256": report.input.sha256}}


def _configuration(run: Run) -> list[Json]:
    """The tool, what it trusts, and each setting of the run: all that the result depends on beside the inputs."""
    found = [{"name": "verify-exit", "uri": TOOL}]
    trusted = sorted({item for report in run.reports for item in report.tool if item[0] != "verify-exit"})
    found += [_trusted(name, version) for name, version in trusted]
    settings = {json.dumps(setting, sort_keys=True): setting for setting in map(_setting, run.reports) if setting}
    return [*found, *(settings[key] for key in sorted(settings))]


def _trusted(name: str, version: str) -> Json:
    """A digest if the version is one, as that of the instruction semantics; else a package URL."""
    if _SHA256.fullmatch(version):
        return {"name": clean(name), "digest": {"sha256": version}}
    return {"name": clean(name), "uri": f"pkg:generic/{_quoted(name)}@{_quoted(version)}"}


def _setting(report: FileReport) -> Json:
    """The contract, profile, CPU configurations and assumptions as a ResourceDescriptor; empty if none was reached."""
    if not report.contract:
        return {}
    annotations = {
        "contract": clean(report.contract),
        "profile": clean(report.profile),
        "configs": ["/".join(config) for config in in_order(report.configs)],
        "assumptions": [
            {"id": clean(item.id), "text": clean(item.text), "source": clean(item.source)}
            for item in sorted(report.assumptions, key=lambda item: (item.id, item.text, item.source))
        ],
    }
    digest = hashlib.sha256(_compact(annotations).encode("ascii")).hexdigest()
    return {
        "name": f"contract {annotations['contract']}, profile {annotations['profile']}",
        "uri": f"{TOOL}?contract={_quoted(report.contract)}&profile={_quoted(report.profile)}",
        "digest": {"sha256": digest},
        "annotations": annotations,
    }


def _summary(report: FileReport, time: str) -> str:
    predicate = {
        "verifier": {"id": TOOL, "version": {clean(name): clean(version) for name, version in sorted(report.tool)}},
        "timeVerified": time,
        "resourceUri": f"pkg:generic/{_path(_name(report))}?checksum=sha256:{report.input.sha256}",
        "policy": _setting(report) or {"uri": TOOL},
        "verificationResult": "PASSED",
        # Custom values are allowed; those that begin with SLSA_ speak of builds and sources, of which nothing is known.
        "verifiedLevels": [f"VERIFY_EXIT_{clean(report.profile).upper()}"],
    }
    return _line([_subject(report)], SUMMARY, predicate)


def _line(subjects: list[Json], kind: str, predicate: Json) -> str:
    return _compact({"_type": STATEMENT, "subject": subjects, "predicateType": kind, "predicate": predicate}) + "\n"


def _compact(data: Json) -> str:
    return json.dumps(data, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def _path(path: str) -> str:
    """The path as name and namespace of a package URL, which has no empty parts and no "." or ".."."""
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    return "/".join(map(_quoted, parts)) or "unnamed"


def _quoted(text: str) -> str:
    return quote(clean(text).encode("utf-8", "surrogatepass"), safe="")

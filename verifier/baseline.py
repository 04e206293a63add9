# SPDX-License-Identifier: BSD-2-Clause
"""An earlier JSON report to compare with: which violations were there before.

Only a report that judged everything can say that a violation is new, so one that leaves anything
open is refused. The file may come from anywhere: it is read with a bound, and nothing in it is run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from verifier.boundedfile import read
from verifier.model import FileReport, InputFile, UserError
from verifier.records import record
from verifier.report.fingerprint import DIGITS, of_clause
from verifier.report.words import clean

MAX_BYTES = 64 << 20
"""Largest report that is read."""
SCHEMA = "verify-exit/1"

Cpus = frozenset[tuple[str, str]]
"""CPU configurations."""
Settings = tuple[str, str, Cpus, str, bool]
"""What an input was judged by: contract, profile, CPU configurations, reference, whether IRET exits too."""

_FINGERPRINT = re.compile(rf"[0-9a-f]{{{DIGITS}}}")
_BAD = frozenset({"violated", "waived"})
_STATUSES = frozenset({"proved", "violated", "unknown", "not-applicable", "waived"})
_VERDICTS = frozenset({"proved", "violated", "inconclusive", "error"})


@record
class Known:
    """A violated or waived clause: how its input was judged, and on which CPU configurations each exit had it."""

    settings: frozenset[Settings]
    exits: tuple[Cpus, ...]


@record
class Baseline:
    """A report to compare with: ``inputs`` has how each input was judged, by its path.

    ``known`` has the violated and waived clauses by their fingerprints.
    """

    file: InputFile
    inputs: Mapping[str, frozenset[Settings]]
    known: Mapping[str, Known]

    def explained(self, reports: Sequence[FileReport]) -> frozenset[str]:
        """The fingerprints of all violated and waived clauses of the reports that are no news.

        A clause that fails on a CPU configuration on which it held is news, and so is one that fails in more
        reports on one file than before: nobody can tell which of them is the old one.
        """
        now: dict[str, list[Cpus]] = {}
        for report in reports:
            for name, configs in _failing(report):
                now.setdefault(name, []).append(configs)
        return frozenset(
            name
            for name, exits in now.items()
            if (then := self.known.get(name)) is not None
            and len(exits) <= len(then.exits)
            and all(any(configs <= before for before in set(then.exits)) for configs in exits)
        )

    def check_options(self, report: FileReport) -> None:
        """Raise UserError ``baseline-options`` (2) if the baseline judged the report's input by something else."""
        if report.verdict == "error":
            return
        cpus = frozenset(report.configs)
        now: Settings = (report.contract, report.profile, cpus, report.reference, report.check_iret)
        names = {name for name, _ in _failing(report)}
        earlier = [self.known[name].settings for name in sorted(names & self.known.keys())]
        if report.input.path in self.inputs:
            earlier.append(self.inputs[report.input.path])
        for then in earlier:
            if now not in then:
                path = clean(report.input.path)
                told = " or ".join(sorted(_told(one) for one in then))
                message = f"{clean(self.file.path)}: {path} was judged by {told}, in this run by {_told(now)}; "
                raise UserError("baseline-options", f"{message}make the baseline with the same options", 2)


def _failing(report: FileReport) -> Iterator[tuple[str, Cpus]]:
    """(fingerprint, CPU configurations) of each violated or waived clause, once for each exit."""
    for site in report.sites:
        found: dict[str, Cpus] = {}
        for clause in site.clauses:
            if clause.status in _BAD:
                found[clause.id] = found.get(clause.id, frozenset()) | frozenset(clause.configs)
        for name, configs in found.items():
            yield of_clause(report, site, name), configs


def _told(settings: Settings) -> str:
    contract, profile, configs, reference, check_iret = settings
    listed = " ".join(sorted("/".join(config) for config in configs))
    more = (", --frame auto" if reference == "auto" else "") + (", --check-iret" if check_iret else "")
    return clean(f"{contract}, {profile}, {listed}{more}")


def load(path: Path) -> Baseline:
    """The baseline in a file that ``--format json`` wrote.

    Raises UserError with exit code 2: ``baseline-missing`` if it cannot be read, ``baseline-invalid``
    for what is no such report, ``baseline-old`` for one without fingerprints, ``baseline-error`` for one
    with an error in it, and ``baseline-inconclusive`` for one that leaves anything but waived clauses open.
    """
    data = read(path, MAX_BYTES, "a JSON report", "baseline-missing", "baseline-invalid")
    try:
        report = json.loads(data.decode("utf-8"))
        if not isinstance(report, dict) or report.get("schema") != SCHEMA:
            raise ValueError(f"the schema is not {SCHEMA}")
        _settled(report, str(path))
        inputs = _inputs(report)
        found: dict[str, tuple[set[Settings], list[Cpus]]] = {}
        for name, source, configs in _known(report, str(path)):
            settings, exits = found.setdefault(name, (set(), []))
            settings |= inputs[source]
            exits.append(configs)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        text = str(error) if type(error) is ValueError else type(error).__name__
        message = f"{clean(str(path))}: not a report of verify-exit --format json: {clean(text[:200])}"
        raise UserError("baseline-invalid", message, 2) from None
    known = {name: Known(frozenset(settings), tuple(exits)) for name, (settings, exits) in found.items()}
    return Baseline(InputFile(str(path), hashlib.sha256(data).hexdigest()), inputs, known)


def _inputs(report: Mapping[str, Any]) -> dict[str, frozenset[Settings]]:
    found: dict[str, frozenset[Settings]] = {}
    for one in report["inputs"]:
        configs = frozenset((str(vendor), str(paging)) for vendor, paging in one["configs"])
        reference, check_iret = _text(one["reference"]), one["check_iret"] is True
        settings: Settings = (_text(one["contract"]), _text(one["profile"]), configs, reference, check_iret)
        path = _text(one["path"])
        found[path] = found.get(path, frozenset()) | {settings}
    return found


def _settled(report: Mapping[str, Any], path: str) -> None:
    """Refuse a report that does not judge all that it is about."""
    inputs, sites, reasons = (_objects(report[key], key) for key in ("inputs", "sites", "reasons"))
    verdicts = [report["verdict"], *(one["verdict"] for one in inputs)]
    if not all(verdict in _VERDICTS for verdict in verdicts):
        raise ValueError("unknown verdict")
    codes = [_text(reason["code"]) for reason in reasons]
    if "error" in verdicts or any("exit_code" in reason for reason in reasons) or report["disagreements"]:
        _refuse("baseline-error", path, "an error ended that run, so it is no baseline", codes)
    if "stopped" in codes:
        _refuse("baseline-inconclusive", path, "that run was interrupted, so it is no baseline", [])
    if any(code != "waived" for code in codes):
        _refuse("baseline-inconclusive", path, "it leaves open what it is about, so it is no baseline", codes)
    waived = {_text(reason["input"]) for reason in reasons}
    judged = {_text(site["input"]) for site in sites}
    for one in inputs:
        if _text(one["path"]) not in judged or (one["verdict"] == "inconclusive" and one["path"] not in waived):
            _refuse("baseline-inconclusive", path, "an input of it has no result, so it is no baseline", [])
    if not inputs:
        _refuse("baseline-inconclusive", path, "it is about no input, so it is no baseline", [])
    for site in sites:
        statuses = {_text(clause["status"]) for clause in _objects(site["clauses"], "clauses")}
        if not statuses <= _STATUSES:
            raise ValueError("unknown status")
        if "unknown" in statuses or not statuses - {"not-applicable"}:
            _refuse("baseline-inconclusive", path, "it has an exit with an open clause, so it is no baseline", [])


def _known(report: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, Cpus]]:
    """(fingerprint, input, CPU configurations) of each violated or waived clause, once for each exit."""
    for site in report["sites"]:
        found: dict[str, Cpus] = {}
        for clause in site["clauses"]:
            if clause["status"] not in _BAD:
                continue
            name = clause.get("fingerprint")
            if name is None:
                _refuse("baseline-old", path, "an earlier verify-exit wrote it, without fingerprints", [])
            if not isinstance(name, str) or not _FINGERPRINT.fullmatch(name):
                raise ValueError("a fingerprint is malformed")
            found[name] = found.get(name, frozenset()) | {(_text(one), _text(other)) for one, other in clause["config"]}
        for name, configs in found.items():
            yield name, site["input"], configs


def _objects(value: Any, key: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError(f"{key} is not a list of objects")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a name is not a string")
    return value


def _refuse(code: str, path: str, why: str, codes: list[str]) -> NoReturn:
    listed = ", ".join(dict.fromkeys(one for one in codes if one != "waived"))[:200]
    told = f" ({listed})" if listed else ""
    message = f"{clean(path)}: {why}{clean(told)}; make a new one with --format json={clean(path)}"
    raise UserError(code, message, 2)

# SPDX-License-Identifier: BSD-2-Clause
"""A suggested test written into a copy of a sample, and the copy verified."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from verifier.exploring import Exit, Survey
from verifier.hints import hints
from verifier.insights import Hint
from verifier.opening import opened
from verifier.options import Options
from verifier.pipeline import surveyed, verify

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
MACRO = re.compile(r"^\t\.macro[ \t]+(\w+)[ \t]*(.*)\n((?:.*\n)*?)\t\.endm$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the hints of one copy.

    ``written`` are the clauses whose test was written into it, ``wrong`` what was then not as promised,
    ``left`` why a test could not be written, one word each.
    """

    written: tuple[str, ...]
    wrong: tuple[str, ...]
    left: tuple[str, ...]


def found(path: Path) -> list[tuple[Survey, Exit, tuple[Hint, ...]]]:
    """The hints of every exit of a file."""
    _, surveys = surveyed(opened(path, Options()))
    return [(survey, one, hints(survey, one)) for survey in surveys for one in survey.exits]


def copied(name: str, folder: Path) -> Path:
    """A copy of a sample with what it may include; macros are written out: each instruction has its own line."""
    text = (SAMPLES / name).read_text(encoding="utf-8")
    included = (SAMPLES / other for other in re.findall(r'^#include "(.*)"', text, re.MULTILINE))
    for other in {*SAMPLES.glob("*.h"), *SAMPLES.glob("*.toml"), *included}:
        shutil.copy(other, folder)
    sources = [
        text,
        *(
            path.read_text(encoding="utf-8")
            for path in sorted(SAMPLES.glob("*.h"))
            if f'#include "{path.name}"' in text or (path.name == "exit.h" and '#include "' in text)
        ),
    ]
    bodies = {
        macro: (re.findall(r"\w+", parameters), body.splitlines())
        for source in sources
        for macro, parameters, body in MACRO.findall(source)
        if ":" not in parameters and "\\@" not in body
    }
    path = folder / name
    path.write_text("\n".join(_expanded(text.splitlines(), bodies)) + "\n", encoding="utf-8")
    return path


def _expanded(text: list[str], bodies: dict[str, tuple[list[str], list[str]]]) -> list[str]:
    """Lines with the macros of ``bodies`` written out wherever they are used outside of others."""
    lines: list[str] = []
    inside = False
    for line in text:
        inside = (inside or line.startswith("\t.macro")) and not line.startswith("\t.endm")
        name, *rest = line.partition("//")[0].split(None, 1) or [""]
        given = [one.strip() for one in rest[0].split(",")] if rest else []
        if inside or ";" in line or name not in bodies or len(bodies[name][0]) != len(given):
            lines.append(line)
            continue
        parameters, body = bodies[name]
        for parameter, value in zip(parameters, given, strict=True):
            body = [one.replace(f"\\{parameter}", value) for one in body]
        lines += _expanded(body, bodies)
    return lines


def applied(path: Path) -> Outcome:
    """Write all hints of a file into it where they say, and verify it again."""
    every = found(path)
    text = path.read_text(encoding="utf-8").splitlines()
    todo: dict[int, list[str]] = {}
    written: list[tuple[Exit, Hint]] = []
    left: list[str] = []
    for survey, one, known in every:
        for hint in known:
            where = _line(survey, hint, path)
            if isinstance(where, str):
                left.append(where)
                continue
            todo.setdefault(where, []).extend(f"\t{line}" for line in hint.lines)
            written.append((one, hint))
    if not written:
        return Outcome((), (), tuple(left))
    for line in sorted(todo, reverse=True):
        text[line:line] = todo[line]
    path.write_text("\n".join(text) + "\n", encoding="utf-8")
    report = verify(path, Options())
    wrong: list[str] = [f"{reason.code}: {reason.text}" for reason in report.reasons]
    for one, hint in written:
        sites = [site for site in report.sites if (site.kind, site.entry) == (one.site.kind, one.site.entry)]
        status = {clause.status for site in sites for clause in site.clauses if clause.id in hint.clauses}
        others = sum(other.site.kind == one.site.kind and other.site.entry == one.site.entry for _, other, _ in every)
        if status != {"proved"} and others == 1:
            wrong.append(f"{','.join(hint.clauses)}: {sorted(status)}")
        if hint.complete and len(written) == sum(len(known) for _, _, known in every) and report.verdict != "proved":
            wrong.append(f"complete, but {report.verdict}")
    return Outcome(tuple(name for _, hint in written for name in hint.clauses), tuple(wrong), tuple(left))


def _line(survey: Survey, hint: Hint, path: Path) -> int | str:
    """Behind which source line the test goes, or why it cannot be written there."""
    at = hint.after or hint.before
    if not hint.lines or at is None:
        return "words"
    if "1f" in hint.lines[1]:
        return "label"
    if at.line is None or at.file is None or Path(at.file).name != path.name:
        return "elsewhere"
    places = {survey.task.locate(one).address: survey.task.locate(one) for one in survey.explorer.executed.values()}
    same = [one.address for one in places.values() if (one.file, one.line) == (at.file, at.line)]
    if hint.after is not None:
        return "macro" if any(address > at.address for address in same) else at.line
    return "macro" if any(address < at.address for address in same) else at.line - 1

# SPDX-License-Identifier: BSD-2-Clause
"""GitHub Actions: findings as annotations of the lines that they are about, and a summary of the step.

Each line of ``render`` is a workflow command, ``::error file=…,line=…,title=…::MESSAGE``, or ``::warning``
for what is waived, known to the baseline or not decided. GitHub keeps the first ten errors and the
first ten warnings of a step and is silent about the rest: the worst come first, and one ``::notice``
at the end has the verdict and says how many more there are.

Facts: the runner (github.com/actions/runner) unescapes %0D, %0A and %25 in a message, %3A and %2C in a
property as well, drops an empty property, and cuts a message after 4096 characters; a title holds
255, and a step's summary 1024 KiB (docs.github.com, Workflow commands). Paths count from the top of
the repository, so that ``./`` is left out; others are as the line table or the user has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from verifier.model import FileReport, Location, Run
from verifier.report import Style
from verifier.report.concise import gate
from verifier.report.findings import UNEXPLAINED, Item, findings
from verifier.report.grouping import decisive
from verifier.report.mdtext import block, code, codes, table, text
from verifier.report.meaning import switch
from verifier.report.verdict import worst_verdict
from verifier.report.words import capital, clean, configs_label, counted, hexa, place, sentence, source

SHOWN = 10
"""Annotations of one kind that a step has."""
SUMMARY_LIMIT = 900 * 1024
"""Bytes of a summary: below GitHub's 1024 KiB, because what else the step writes counts as well."""

_TITLE, _LINE, _PATH = 200, 400, 1000
_FEW = 8
_COMMAND, _COMMANDS = 1000, 20
_CELL = 300
_RANK = {"violated": 0, "error": 1, "known": 2, "unknown": 3, "waived": 4}
_TITLES = {"violated": "violated", "known": "violated, known", "waived": "violated, waived", "unknown": "not decided"}


def render(run: Run, style: Style) -> str:
    """The workflow commands, never none; ``style`` changes nothing."""
    return "".join(f"{line}\n" for line in _commands(run))


def _commands(run: Run) -> Iterator[str]:
    found = _worst_first(run)
    more = []
    for severity in ("error", "warning"):
        own = [(report, item) for report, item in found if item.severity == severity]
        yield from (_annotation(severity, report, item) for report, item in own[:SHOWN])
        more += [counted(len(own) - SHOWN, severity)] if len(own) > SHOWN else []
    said = [headline(run)]
    said += [gate(run.gate)] if run.gate is not None else []
    said += [f"{' and '.join(more)} more than GitHub shows; the step's summary has them"] if more else []
    said += _waivers(run)
    yield command("notice", [("title", "verify-exit")], said)


def headline(run: Run) -> str:
    """The worst verdict, and with several inputs how many have which."""
    if not run.reports:
        return "nothing was verified"
    verdicts = [report.verdict for report in run.reports]
    order = ("violated", "error", "inconclusive", "proved")
    tally = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in order if verdict in verdicts)
    several = f" ({counted(len(verdicts), 'input')}: {tally})" if len(verdicts) > 1 else ""
    return f"{worst_verdict(run.reports)}{several}"


def _worst_first(run: Run) -> list[tuple[FileReport, Item]]:
    """The findings of all inputs; an error that has several lines is one."""
    found: list[tuple[FileReport, Item]] = []
    for report in run.reports:
        whole: dict[str, Item] = {}
        for item in findings(report, run.gate):
            if item.state == "error" and item.location is None:
                first = whole.setdefault(item.id, replace(item, text=""))
                at = f"line {item.line}: " if item.line else ""
                whole[item.id] = replace(first, text=f"{first.text}\n{at}{item.text}".strip("\n"))
            else:
                found.append((report, item))
        found += [(report, item) for item in whole.values()]
    return sorted(dict.fromkeys(found), key=lambda pair: _RANK[pair[1].state])


def _waivers(run: Run) -> list[str]:
    """The waivers that waived nothing, the first few by name."""
    idle = [use for use in run.waivers if use.state != "used"]
    said = [f"waiver {use.waiver.id} for {use.waiver.clause} is {use.state} ({use.waiver.owner})" for use in idle]
    more = len(said) - _FEW
    return [*said[:_FEW], f"and {counted(more, 'waiver')} more"] if more > 0 else said


def _annotation(severity: str, report: FileReport, item: Item) -> str:
    where = item.location
    file, line = item.path, str(item.line or "")
    if where is not None and where.file is not None and where.line is not None:
        file, line = where.file, str(where.line)
    label = configs_label(item.configs, report.configs) if item.configs else ""
    state = _TITLES.get(item.state, "")
    title = ": ".join(filter(None, ("verify-exit", item.id, state))) + (f" ({label})" if label else "")
    lines = [sentence(line) for line in item.text.split("\n")[:_FEW]]
    if where is not None:
        lines.append(f"at {_function(where)}: {where.text}")
    if item.example is not None:
        lines.append(f"for example with {_values(item)}")
    lines += [f"verify-exit explain {item.id}"] if item.id != UNEXPLAINED else []
    return command(severity, [("file", file.removeprefix("./")), ("line", line), ("title", title)], lines)


def _function(where: Location) -> str:
    return place(where) if where.symbol is None else f"{where.symbol}()+{hexa(where.offset)}"


def _values(item: Item) -> str:
    inputs = item.example.inputs if item.example is not None else ()
    values = [f"{one.name} {switch(one.value) if one.kind == 'feature' else '= ' + hexa(one.value)}" for one in inputs]
    more = f" and {counted(len(values) - _FEW, 'other value')}" if len(values) > _FEW else ""
    return ", ".join(values[:_FEW]) + more if values else "any machine"


def command(name: str, properties: Sequence[tuple[str, str]], lines: Sequence[str]) -> str:
    """A workflow command in one line; empty properties are left out, as is a line number without a file."""
    given = {key: _cut(clean(value), _TITLE if key == "title" else _PATH) for key, value in properties}
    kept = {key: value for key, value in given.items() if value.strip() and (key != "line" or given["file"].strip())}
    said = ",".join(f"{key}={_property(value)}" for key, value in kept.items())
    message = _message("\n".join(_cut(clean(line), _LINE) for line in lines))
    return f"::{name}{' ' if said else ''}{said}::{message}"


def _message(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _message(value).replace(":", "%3A").replace(",", "%2C")


def _cut(value: str, length: int) -> str:
    return value if len(value) <= length else value[: length - 1] + "…"


# The summary.


def summary(run: Run) -> str:
    """GitHub-flavoured Markdown for ``$GITHUB_STEP_SUMMARY``, below ``SUMMARY_LIMIT`` bytes of UTF-8."""
    end = _reproduce(run)
    room = SUMMARY_LIMIT - _size(end) - 1024
    lines: list[str] = []
    for line in _body(run):
        room -= _size([line])
        if room < 0:
            # Whole lines are left out, so that no row of a table is broken.
            lines += ["", "*Cut here: GitHub takes no more. The other formats have all of it.*", ""]
            break
        lines.append(line)
    return "\n".join([*lines, *end]).rstrip("\n") + "\n"


def _size(lines: Sequence[str]) -> int:
    return sum(len(line.encode("utf-8", "backslashreplace")) + 1 for line in lines)


def _body(run: Run) -> Iterator[str]:
    """The verdicts, the gate, then a row for each finding."""
    yield from (f"## verify-exit: {text(headline(run))}", "")
    yield from table(("verdict", "input", "exit sites", "decided by"), map(_verdict, run.reports))
    if run.gate is not None:
        yield from (f"{text(_short(capital(gate(run.gate))))}.", "")
    idle = [f"- {text(_short(line))}" for line in _waivers(run)]
    yield from (*idle, "") if idle else ()
    found = _worst_first(run)
    if found:
        yield from ("### Findings", "")
        yield from table(("", "what", "where", "cause"), (_row(report, item) for report, item in found))
        example = _code(f"verify-exit explain {found[0][1].id}")
        yield from (f"What an id means, and what settles it: {example}", "")
    elif run.reports:
        yield from ("Every clause holds at every exit site, for all states that meet the assumptions:", "")
        names = dict.fromkeys(item.id for report in run.reports for item in report.assumptions)
        yield from (f"{codes(map(_short, names)) or 'none'}.", "")


def _verdict(report: FileReport) -> tuple[str, str, str, str]:
    why = codes(_short(name) for name in decisive(report))
    return f"**{report.verdict}**", _code(report.input.path), str(len(report.sites)), why


def _reproduce(run: Run) -> list[str]:
    """The commands of the inputs; one that is too long to show is left out, never cut."""
    commands = list(dict.fromkeys(report.command for report in run.reports if report.command))
    shown = [line for line in commands if len(line) <= _COMMAND][:_COMMANDS]
    more = [f"# and {counted(len(commands) - len(shown), 'other command')}"] if len(shown) < len(commands) else []
    return ["### Reproduce", "", *block([*shown, *more], "sh")] if commands else []


def _row(report: FileReport, item: Item) -> tuple[str, str, str, str]:
    where = _code(item.path)
    if item.location is not None:
        line = item.location.file is not None and item.location.line is not None
        where = (f"{_code(source(item.location))} " if line else "") + _code(_function(item.location))
    label = configs_label(item.configs, report.configs) if item.configs else ""
    what = _code(item.id) + (f" ({text(label)})" if label else "")
    return _TITLES.get(item.state, item.state), what, where, text(_short(sentence(item.text.replace("\n", " / "))))


def _short(value: str) -> str:
    return _cut(clean(value), _CELL)


def _code(value: str) -> str:
    return code(_short(value))

# SPDX-License-Identifier: BSD-2-Clause
"""A script that repeats the runs of a report anywhere, with Python and Unicorn alone.

It holds the recordings and the very modules with which ``verify-exit replay`` runs them, one after
another in one file: whoever reads it sees all that is executed, and installs nothing of ours.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from verifier import __version__
from verifier.model import FileReport
from verifier.recording import to_json
from verifier.report.words import clean, hexa

_PACKAGE = Path(__file__).parent
_MODULES = (
    "records", "terms", "recording", "outcomes", "isa/sysret", "isa/sysexit", "isa/iret", "clauses", "exitcheck",
    "replay/request", "replay/memory", "replay/opcode", "replay/machine", "rerun",
)  # fmt: skip
"""Whole modules, each after those that it needs; no two define a different thing under one name."""
_PARTS = (("model", ("GPRS", "Section")), ("isa/machine", ("FLAG_POSITIONS",)))
"""What is needed of larger ones."""

_IMAGE = '''
@record
class Image:
    """The recorded bytes, as the emulator's memory asks for them."""

    path: str
    sha256: str
    sections: tuple[Section, ...]
    symbols: tuple[()]
    relocations: tuple[()]
    lines: tuple[()]

    def section_at(self, address: int) -> Section | None:
        """The part that holds an address."""
        for section in self.sections:
            if section.address <= address < section.address + section.size:
                return section
        return None

    def external_at(self, address: int) -> None:
        """No names are recorded."""

    def code_at(self, address: int, limit: int = 15) -> bytes:
        """Up to ``limit`` bytes of code."""
        section = self.section_at(address)
        if section is None or not section.executable:
            return b""
        return section.data[address - section.address :][:limit]


def replay(image: Image, request: ReplayRequest) -> ReplayResult:
    """Run the code on Unicorn up to the exit."""
    return run(image, request)
'''

_MAIN = '''
def word(value: object) -> str:
    """A number in hexadecimal."""
    return hex(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def show(title: str, recording: Recording) -> bool:
    """Run one recording and print what it does; whether it ends as recorded."""
    found = rerun(recording)
    print(f"\\n{title}")
    for name, value in recording.request.registers:
        print(f"  at the entry   {name:4} {value:#018x}")
    for name, value in found.emulated.registers:
        print(f"  at the exit    {name:4} {value:#018x}")
    if found.view is not None:
        print(f"  {'':8}{found.view.kind:>20}{'iretq':>20}")
        for name in ("rip", "cs", "rflags", "rsp", "ss", "fault"):
            ours, theirs = getattr(found.view.sysret, name), getattr(found.view.iret, name)
            print(f"  {name:7}{'≠' if ours != theirs else ' '}{word(ours):>20}{word(theirs):>20}")
    for problem in found.problems:
        print(f"  NOT as recorded: {problem}")
    if not found.problems:
        what = f"{recording.clause} fails" if recording.clause else "the exit is reached"
        print(f"  confirmed: {what} after {len(found.emulated.trace)} instructions")
    return not found.problems


if __name__ == "__main__":
    results = [show(title, from_json(value)) for title, value in json.loads(RECORDINGS)]
    print(f"\\n{sum(results)} of {len(results)} runs ended as recorded")
    sys.exit(0 if all(results) else 70)
'''


def script(reports: Sequence[FileReport]) -> str:
    """The text of the script for every recording of the reports. Raises ValueError if there is none."""
    recorded = [(title, to_json(value)) for report in reports for title, value in _recordings(report)]
    if not recorded:
        raise ValueError("nothing was run")
    head = [
        "#!/usr/bin/env python3",
        _source("terms")[0].partition("\n")[0],
        f"# Written by verify-exit {__version__} --emit-replay. It needs Python 3.11 and the package unicorn only:",
        "#     python3 THIS_FILE",
        "# ends with 0 if every run ends as recorded, else with 70. What it repeats:",
        *(f"#   {title}" for title, _ in recorded),
        *(line for report in reports for line in _summaries(report)),
        "from __future__ import annotations",
        "",
        "import json",
        "import sys",
        "",
        f"RECORDINGS = r'''{json.dumps(recorded, ensure_ascii=True)}'''",
    ]
    whole = [_without_imports(name, None) for name in _MODULES]
    parts = [_without_imports(name, names) for name, names in _PARTS]
    # Parts and the image first: what the modules define may refer to them at once.
    first = whole[:3]
    return "\n".join([*head, *_outer_imports(), *first, *parts, _IMAGE, *whole[3:], _MAIN])


def _recordings(report: FileReport) -> Iterable[tuple[str, object]]:
    for site in report.sites:
        where = site.location
        place = f"{where.symbol}+{hexa(where.offset)}" if where.symbol else hexa(where.address)
        title = f"{report.input.path}: {site.kind} at {place}"
        if site.recording is not None:
            yield _plain(f"{title}, witness"), site.recording
        for clause in site.clauses:
            if clause.counterexample is not None and clause.counterexample.recording is not None:
                yield _plain(f"{title}, {clause.id}"), clause.counterexample.recording


def _summaries(report: FileReport) -> Iterable[str]:
    """Each counterexample in comments: its cause, its inputs and its path."""
    for site in report.sites:
        for clause in site.clauses:
            example = clause.counterexample
            if example is None:
                continue
            yield "#"
            yield f"# {clause.id}: {_plain(example.cause)}"
            yield from (f"#   {_plain(one.name)} = {hexa(one.value)}" for one in example.inputs)
            yield from (f"#   {hexa(step.location.address)}  {_plain(step.location.text)}" for step in example.path)


def _plain(text: str) -> str:
    """One line of ASCII that ends no comment and no string: it may hold names from the file under test."""
    return clean(text).encode("ascii", "backslashreplace").decode("ascii").replace("'''", "' ' '").replace("\n", " ")


def _source(name: str) -> tuple[str, ast.Module]:
    text = (_PACKAGE / f"{name}.py").read_text(encoding="utf-8")
    return text, ast.parse(text)


def _outer_imports() -> list[str]:
    """The imports of the standard library and of Unicorn, each once."""
    found: set[str] = set()
    for name in (*_MODULES, *(name for name, _ in _PARTS)):
        for node in _source(name)[1].body:
            match node:
                case ast.Import(names=names) if all(
                    alias.name in ("json", "re", "types", "unicorn") for alias in names
                ):
                    found.add(ast.unparse(node))
                case ast.ImportFrom(module=module) if not _ours(node) and module != "__future__":
                    found.add(ast.unparse(node))
    return sorted(found, key=lambda line: ("unicorn" in line, line))


def _ours(node: ast.stmt) -> bool:
    """Whether a statement imports a module of this package, or one that only the proof needs."""
    match node:
        case ast.ImportFrom(module=str(module)):
            return module.partition(".")[0] == "verifier"
        case ast.Import(names=names):
            return any(alias.name.partition(".")[0] in ("verifier", "claripy") for alias in names)
        case _:
            return False


def _without_imports(name: str, only: tuple[str, ...] | None) -> str:
    """A module's text without its imports, or of it just what defines the names ``only``."""
    text, tree = _source(name)
    lines = text.splitlines()
    drop: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and node.end_lineno is not None:
            drop.update(range(node.lineno - 1, node.end_lineno))
            if node.col_offset:
                # Inside a function: something has to stand there.
                lines[node.lineno - 1] = " " * node.col_offset + "pass"
                drop.discard(node.lineno - 1)
    kept = [node for node in tree.body if only is None or _defines(node) & set(only)]
    if only is not None:
        spans = [_span(node) for node in kept]
        return "\n".join([f"\n# From verifier/{name}.py.\n", *("\n".join(lines[a:b]) for a, b in spans)])
    body = [line for index, line in enumerate(lines) if index not in drop and not line.startswith("# SPDX")]
    return "\n".join([f"\n# verifier/{name}.py\n", *body])


def _defines(node: ast.stmt) -> set[str]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case _:
            return set()


def _span(node: ast.stmt) -> tuple[int, int]:
    """First and last line of a definition, with its decorators."""
    decorators = getattr(node, "decorator_list", [])
    start = min([node.lineno, *(one.lineno for one in decorators)])
    return start - 1, node.end_lineno or start

# SPDX-License-Identifier: BSD-2-Clause
"""The shape of the project: which module may see which, who may start a process, and what lies where."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from verifier.report.verdict import EXIT_CODES

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "verifier"

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"graph", "records", "rewording"}),
    frozenset({"confine", "globs", "parallel", "reads", "recording", "stops", "terms", "values"}),
    frozenset({"insights", "suggestion"}),
    frozenset({"frameanswer", "model", "outcomes", "settling", "solver"}),
    frozenset({"clauses", "codec", "debuginfo", "errors", "framedump", "reasons", "toml_table"}),
    frozenset({"boundedfile", "compilerflags", "elf", "isa", "lines", "source", "unpack"}),
    frozenset({"buildflags", "contract", "executable", "image", "includes", "revisions", "symbolfile"}),
    frozenset({"assemble", "assumptions", "lift", "loader", "options", "replay", "report", "semantics", "smtlib"}),
    frozenset(
        {"attest", "baseline", "boundaries", "checkout", "exitcheck", "headerrules", "scan", "settings", "shards"}
    ),
    frozenset(
        {
            "configvalues",
            "coverage",
            "explain",
            "gate",
            "listing",
            "locations",
            "minimise",
            "obligations",
            "opening",
            "patchspec",
            "predecessors",
            "progress",
            "rerun",
            "sites",
            "trace",
            "waivers",
        }
    ),
    frozenset({"config", "confirm", "entries", "patchtables", "prove", "replays", "replayscript", "topics"}),
    frozenset(
        {
            "counterexample",
            "obligation_text",
            "patchmarks",
            "patchsearch",
            "patchsites",
            "pathmap",
            "plan",
            "references",
            "targets",
            "thunks",
            "valueset",
        }
    ),
    frozenset({"challenge", "crosscheck", "obligation_files", "patching", "projection", "results", "showconfig"}),
    frozenset({"certificate"}),
    frozenset({"evidence", "inputs"}),
    frozenset({"exploring"}),
    frozenset({"alignment", "ends", "fastpath", "frameleft", "framestate", "frameturns", "freed", "pairing"}),
    frozenset({"framequestion", "framewords", "guards", "placing", "turnedaway"}),
    frozenset({"given", "hints", "lostwords", "witness"}),
    frozenset({"tightness"}),
    frozenset({"divergences"}),
    frozenset({"meetings"}),
    frozenset({"differ", "explaining"}),
    frozenset({"judge"}),
    frozenset({"pipeline"}),
    frozenset({"console", "frameask"}),
    frozenset({"cache", "conclude", "explainframe", "initialise", "outputs"}),
    frozenset({"doctor", "parsers", "request", "watch"}),
    frozenset({"completion", "existing", "manual", "merge", "remembered"}),
    frozenset({"session"}),
    frozenset({"library"}),
    frozenset({"diffcommand", "slackcommand"}),
    frozenset({"commands"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
"""From the bottom up: a module or a package directly under verifier/ sees only what is in lower layers."""

SIBLINGS: frozenset[tuple[str, str]] = frozenset()
"""(importer, imported) within one layer, each a deliberate exception."""

ONLY_IN: dict[str, frozenset[str]] = {
    "angr": frozenset({"lift"}),
    "archinfo": frozenset({"lift"}),
    "pyvex": frozenset({"lift"}),
    "capstone": frozenset({"lift"}),
    "elftools": frozenset(),
    "unicorn": frozenset({"challenge", "replay"}),
    "z3": frozenset({"solver"}),
    "cvc5": frozenset({"crosscheck"}),
    "bitwuzla": frozenset({"crosscheck"}),
    "subprocess": frozenset({"assemble", "revisions"}),
    "multiprocessing": frozenset({"parallel"}),
    "concurrent": frozenset(),
    "pty": frozenset(),
    "ctypes": frozenset({"confine"}),
    "pickle": frozenset(),
    "sqlite3": frozenset({"cache"}),
}
"""Library -> the components that may import it. elftools is what the tests compare our ELF reader with."""

PROCESS_STARTERS = re.compile(
    r"os\.(system|popen\w*|exec[lv]\w*|spawn\w*|posix_spawn\w*|fork\w*)|asyncio\.create_subprocess_\w+"
)
"""Functions that start a process. Workers of multiprocessing run our own code and are not meant."""

HEAVY = ("angr", "archinfo", "capstone", "claripy", "elftools", "pyvex", "unicorn", "z3")
"""What makes a start slow."""

KERNEL_WORDS = re.compile(
    r"(?<![a-z])(linux(?!-gnu)|xen|(free|net|open)?bsd|illumos|solaris|windows|darwin|xnu|pt_regs|cpu_entry_area"
    r"|task_struct|thread_info|do_syscall_64)(?![a-z])",
    re.IGNORECASE,
)
"""A kernel's name or one of its own; x86_64-linux-gnu is the name of a toolchain."""

KERNEL_WORDS_ALLOWED = {
    ("verifier/options.py", "linux"),
    ("verifier/confine.py", "linux"),
    ("verifier/parsers.py", "SPDX-License-Identifier: BSD-2-Clause"),
}
"""(file, text) of code that may name a kernel: the contract when none is given; the one we run on; a licence."""

SPDX = "SPDX-License-Identifier: BSD-2-Clause"
SOURCE_SUFFIXES = frozenset({".S", ".c", ".h", ".inc", ".lds", ".py", ".s", ".sh", ".toml"})

TOP_LEVEL = {
    *("CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", "requirements.lock"),
    *("docs", "samples", "specs", "tests", "verifier"),
}


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git tracks, relative to the root."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    return tuple(Path(name) for name in listing.stdout.split("\0") if name and (ROOT / name).exists())


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def modules() -> tuple[Path, ...]:
    """Every Python file of the package, sorted."""
    return tuple(sorted(PACKAGE.rglob("*.py")))


def component(path: Path) -> str:
    """The module or package directly under verifier/ that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """The full names that a file imports anywhere in it, also inside functions and for type checking."""
    package = ("verifier", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join((*base, *([node.module] if node.module else [])))
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def own_imports(path: Path) -> Iterator[str]:
    """The components of verifier/ that a file imports, without its own."""
    for name in imports(path):
        head, _, rest = name.partition(".")
        if head == "verifier" and rest:
            other = rest.split(".")[0]
            exists = (PACKAGE / other).is_dir() or (PACKAGE / f"{other}.py").is_file()
            if exists and other != component(path):
                yield other


def where(path: Path) -> str:
    """A file's name relative to the root."""
    return path.relative_to(ROOT).as_posix()


def test_every_component_has_one_layer() -> None:
    """A new module cannot stay outside the order: it is in exactly one row of LAYERS."""
    placed = [name for layer in LAYERS for name in layer]
    found = {component(path) for path in modules()} - {"__init__"}
    assert len(placed) == len(set(placed))
    assert found <= set(placed), f"add to LAYERS in {where(Path(__file__))}: {sorted(found - set(placed))}"


def test_imports_point_downward() -> None:
    """A component imports only from lower layers, so that nothing depends in a circle."""
    rank = {name: index for index, layer in enumerate(LAYERS) for name in layer}
    wrong = [
        f"{where(path)} imports verifier.{other}"
        for path in modules()
        if component(path) != "__init__"
        for other in own_imports(path)
        if rank[other] >= rank[component(path)] and (component(path), other) not in SIBLINGS
    ]
    assert wrong == []


def test_package_init_imports_nothing() -> None:
    """Importing any part of verifier runs verifier/__init__.py, which costs nothing: it names what it loads later."""
    loads = "import sys, verifier; print(*sorted(name for name in sys.modules if name.startswith('verifier.')))"
    done = subprocess.run([sys.executable, "-c", loads], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_library_is_imported_only_where_it_belongs(library: str) -> None:
    """Each library that is trusted or dangerous has one component that touches it."""
    wrong = [
        where(path)
        for path in modules()
        if component(path) not in ONLY_IN[library] and any(name.split(".")[0] == library for name in imports(path))
    ]
    assert wrong == []


def test_only_two_modules_start_a_process() -> None:
    """No os.system, os.exec*, os.spawn*, os.fork or asyncio subprocess but in verifier/assemble.py and revisions.py."""
    wrong = []
    for path in modules():
        if component(path) in ONLY_IN["subprocess"]:
            continue
        names = set(imports(path))
        for node in ast.walk(tree(path)):
            match node:
                case ast.Attribute(value=ast.Name(id=base), attr=name):
                    names.add(f"{base}.{name}")
                case _:
                    pass
        wrong += [f"{where(path)}: {name}" for name in sorted(names) if starts_process(name)]
    assert wrong == []


def starts_process(name: str) -> bool:
    """Whether a dotted name is a function that starts a process."""
    return PROCESS_STARTERS.fullmatch(name) is not None


@pytest.mark.parametrize("name", ["system", "popen", "execvpe", "spawnl", "posix_spawn", "fork", "forkpty"])
def test_process_starters_are_recognised(name: str) -> None:
    """The pattern that the test above rests on knows the functions it must find, and no harmless one."""
    assert starts_process(f"os.{name}")
    assert not starts_process(f"other.{name}")
    assert not starts_process("os.path")


@pytest.mark.parametrize("blind", ["report", "clauses"])
def test_compares_and_shows_data_only(blind: str) -> None:
    """The clauses never see the CPU model; renderers see plain data and clauses' texts, no contract and no engine."""
    seen = {"model", "outcomes", "reasons", "recording", "records", "terms"}
    seen |= {"clauses", "codec", "frameanswer", "graph", "insights", "values"} if blind == "report" else set()
    wrong = [
        f"{where(path)} imports verifier.{other}"
        for path in modules()
        if component(path) == blind
        for other in own_imports(path)
        if other not in seen
    ]
    assert wrong == []


def test_renderers_judge_nothing() -> None:
    """A renderer takes texts from the table of clauses: it never asks one whether it holds."""
    wrong = [
        f"{where(path)}:{node.lineno}"
        for path in modules()
        if component(path) == "report"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr == "holds"
    ]
    assert wrong == []


def test_isa_knows_no_contract() -> None:
    """CPU facts are not kernel facts: verifier/isa imports neither contracts nor what reads them."""
    seen = {other for path in modules() if component(path) == "isa" for other in own_imports(path)}
    assert seen <= {"model", "outcomes", "records", "terms"}


def test_explain_loads_no_engine() -> None:
    """``explain`` answers without importing the lifter, the solver or the emulator."""
    script = (
        "import sys\n"
        "from verifier.cli import main\n"
        "code = main(['explain', 'canonical'])\n"
        f"sys.exit(sorted(set({HEAVY!r}) & set(sys.modules)) or code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def code_words(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of every identifier and string of a file, docstrings and comments left out."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree(path)):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                yield node.lineno, text
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case _:
                pass


def test_no_kernel_is_named_in_the_code() -> None:
    """What is true of one kernel only is in its contract; the code names just the default contract."""
    wrong = [
        f"{where(path)}:{line}: {text[:60]!r}"
        for path in modules()
        if where(path) != "verifier/clauses.py"  # its texts cite the bugs that a clause would have stopped
        for line, text in code_words(path)
        if KERNEL_WORDS.search(text) and (where(path), text) not in KERNEL_WORDS_ALLOWED
    ]
    assert wrong == []


def test_specs_hold_data_only() -> None:
    """specs/ ships as data: no file in it can run."""
    wrong = [
        path.as_posix()
        for path in tracked()
        if path.parts[0] == "specs" and path.suffix not in {".json", ".md", ".smt2", ".toml"}
    ]
    assert wrong == []


def test_top_level_is_what_it_should_be() -> None:
    """The root holds exactly the known entries, next to dot-files."""
    entries = {path.parts[0] for path in tracked()}
    assert {name for name in entries if not name.startswith(".")} == TOP_LEVEL


def test_every_source_file_names_its_licence() -> None:
    """Every source file and script has the SPDX line in its first two lines."""
    wrong = []
    for path in tracked():
        lines = (ROOT / path).read_bytes().split(b"\n", 2)[:2]
        is_source = path.suffix in SOURCE_SUFFIXES or lines[0].startswith(b"#!")
        if is_source and not any(SPDX.encode() in line for line in lines):
            wrong.append(path.as_posix())
    assert wrong == []


def test_every_test_says_what_it_promises() -> None:
    """A test's docstring states the promise that its failure breaks."""
    wrong = [
        f"{where(path)}:{node.lineno}: {node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert wrong == []


def test_no_test_is_skipped_or_waits() -> None:
    """A test that is skipped, expected to fail or sleeps proves nothing: none is."""
    banned = {"skip", "skipif", "importorskip", "xfail", "sleep"}
    wrong = [
        f"{where(path)}:{node.lineno}: {node.attr}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in banned
    ]
    assert wrong == []


def test_readme_lists_every_exit_code() -> None:
    """The README's table of exit codes is the program's own, in the same words."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", readme, re.MULTILINE)
    assert [(int(code), meaning.strip()) for code, meaning in rows] == [row[:2] for row in EXIT_CODES]


@pytest.mark.parametrize("name", ["verify", "test"])
def test_readme_command_is_one_line(name: str) -> None:
    """CI runs the README's commands: each is one line in a block of its own after its marker."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(rf"^<!-- command: {name} -->\n```sh\n([^\n]+)\n```$", readme, re.MULTILINE)
    assert len(found) == 1
    assert found[0].startswith("python3 -m venv .venv && ")


def test_readme_links_lead_somewhere() -> None:
    """Every relative link of the README and the documents names a file that exists."""
    wrong = [
        f"{page.name}: {target}"
        for page in (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert wrong == []

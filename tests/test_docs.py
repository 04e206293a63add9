# SPDX-License-Identifier: BSD-2-Clause
"""The documents say what the code does: copied tables, module lists, links and commands.

``python tests/test_docs.py`` rewrites the copied tables.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path

import pytest

from verifier import assumptions
from verifier.assemble import assemble
from verifier.clauses import CLAUSES, IRET_CLAUSES
from verifier.commands import COMMANDS
from verifier.explain import known_ids
from verifier.image import load_object
from verifier.isa import INSTRUCTIONS
from verifier.lift import corrections, decode, divide, double_shift
from verifier.options import Options
from verifier.parsers import SUBPARSERS, build_parser
from verifier.pipeline import verify
from verifier.reasons import REASONS
from verifier.source import parse_header
from verifier.topics import topics

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
SOUNDNESS = ROOT / "docs" / "soundness.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = (ROOT / "README.md", ROOT / "samples" / "README.md", *sorted((ROOT / "docs").glob("*.md")))
WIDTH = 118

MARKED = re.compile(r"(?m)^(<!-- table: (\w+) -->\n)(.*?)(^<!-- end -->)", re.DOTALL)
FENCED = re.compile(r"(?m)^```\w*\n(.*?)^```$", re.DOTALL)


INSTRUCTION_SAMPLES = {
    "sysretq": "clause-canonical-dropped", "sysretl": "compat-sysretl", "sysexitq": "inconclusive-sysexit",
    "sysexitl": "compat-sysexit", "iretq": "iret-checked", "iretd": "hazard-iret-16", "eretu": "inconclusive-eretu",
    "ud2": "form-trap-arm", "int3": "hazard-int3", "hlt": "hazard-hlt", "swapgs": "clause-gs-twice",
    "cli": "sti-cli", "sti": "sti-shadow", "pushfq": "hazard-pushfq-if", "popfq": "hazard-popfq-tf",
    "mov-from-cr": "hazard-cr3-truncated", "mov-to-cr": "clause-cr3-forgotten", "rdmsr": "hazard-rdmsr-after-wrmsr",
    "wrmsr": "hazard-wrmsr-kernel-gs", "rdfs/gsbase": "hazard-swapgs-exchanges",
    "wrfs/gsbase": "clause-gs-base-written", "mov-to-ss": "clause-ss-attrs", "verw": "linux-verw",
    "clac": "data-patch-table", "stac": "form-harmless-instructions", "lfence": "flow-rsb-stuffing", "mfence": "",
    "sfence": "", "endbr64": "form-harmless-instructions", "pause": "flow-loop-waits",
    "ud1": "form-trap-ud1", "prefetch": "form-prefetch", "prefetchw": "form-prefetch", "cpuid": "form-cpu-reads",
    "rdtsc": "clause-gpr-timestamp", "rdtscp": "form-cpu-reads", "rdpid": "form-cpu-reads",
    "rdssp": "shadow-stack-pointer", "clrssbsy": "shadow-stack-busy", "incssp": "shadow-stack-switch",
    "setssbsy": "shadow-stack-switch", "saveprevssp": "shadow-stack-switch", "rstorssp": "shadow-stack-switch",
    "wrss": "shadow-stack-switch",
}  # fmt: skip
"""A sample that has the instruction on a path, or nothing."""

ASSUMPTION_SAMPLES = {
    "entry-cpl0": "hazard-entry-flags", "no-concurrent-writes": "data-writable", "code-constant": "data-read-only",
    "regions-disjoint": "memory-per-cpu-store",
    "stack-pointers": "memory-trampoline", "image-mapped": "memory-global-writable", "layout": "memory-relocations",
    "calls-abi": "call-keeps-rbx", "calls-system-state": "hazard-schedule-ss", "calls-own-stack": "hazard-local-passed",
    "thunks": "flow-return-thunk", "calls-indirect": "call-indirect", "leaves-analysed-code": "form-slow-elsewhere",
    "traps-end": "hazard-int3", "no-fault-resume": "memory-unknown-load", "cr3-valid": "clause-cr3-forgotten",
    "ss-selector-flat": "clause-ss-attrs", "hlt-stops": "hazard-hlt", "shadow-stack-apart": "shadow-stack-busy",
    "cr3-no-iret-exit": "form-slow-elsewhere", "unpatched-sites": "data-patch-table-unread-proved",
    "patched-calls": "call-patched", "patched-thunks": "return-site", "static-keys": "key-table-unread",
    "static-keys-constant": "key-both-arms", "traps-resume": "trap-warning-checked", "bug-table": "trap-table-unread",
    "calls-end": "call-no-return", "calls-helpers": "call-helper", "own-stack": "follow-store-before",
    "no-indirect-entry": "entry-auto-call", "entry-found": "entry-auto-call",
}  # fmt: skip
"""A sample whose report lists the assumption."""

REASON_SAMPLES = {
    "replay-refused": "patch-code-as-data",
    "unsupported-instruction": "inconclusive-unsupported", "undecodable": "hazard-data-in-code",
    "unresolved-jump": "inconclusive-jump", "unresolved-store": "inconclusive-store", "loop-bound": "flow-recursion",
    "vacuous": "inconclusive-vacuous", "no-sysret": "inconclusive-no-sysret",
    "site-unreached": "inconclusive-site-unreached", "entry-unknown": "entry-auto-stub",
    "patched-code": "patch-overlap", "callee-not-followed": "entry-auto-callee-decides",
    "approximation": "auto-frames-differ", "trap-on-user-stack": "trap-warning-on-user-stack",
    "solver-unknown": "hazard-solver-limit", "not-modelled-exit": "inconclusive-eretu",
    "relocation": "memory-relocation-got",
}  # fmt: skip
"""A sample that is inconclusive for the reason; the others need a large image, a limit or a defect."""


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    heads = tuple(heads)
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def names(mnemonics: Iterable[str]) -> str:
    """Sorted names in code quotes."""
    return " ".join(f"`{name}`" for name in sorted(mnemonics))


def allowed() -> str:
    """The allow-list as lines of words; jCC, setCC and cmovCC stand for sixteen names each."""
    stems = ("j", "set", "cmov")
    conditional = {f"{stem}{condition}" for stem in stems for condition in decode._CONDITIONS}
    assert conditional <= decode.ALLOWED
    words = [*sorted(decode.ALLOWED - conditional), *(f"{stem}CC" for stem in stems)]
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) >= WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".lstrip()
    return "\n".join(("```", *lines, "CC: " + " ".join(decode._CONDITIONS), "```", ""))


def undefined() -> str:
    """What ``verifier.lift.corrections`` makes arbitrary; the mnemonics are its own sets."""
    rows = (
        (names(corrections._LOGIC), "AF", "SDM vol. 2A/2B, AND, OR, XOR, TEST"),
        (
            names(corrections._SHIFTS),
            "AF unless the count is 0; OF unless it is 0 or 1; CF of SHL and SHR if the count is at least the width",
            "SDM vol. 2B, SAL/SAR/SHL/SHR",
        ),
        (names(corrections._ROTATES), "OF unless the count is 0 or 1", "SDM vol. 2B, RCL/RCR/ROL/ROR"),
        (names(corrections._BIT_TESTS), "OF, SF, AF, PF; executed by us, not by VEX", "SDM vol. 2A, BT/BTC/BTR/BTS"),
        (names(corrections._MULTIPLICATIONS), "SF, ZF, AF, PF", "SDM vol. 2A, IMUL; vol. 2B, MUL"),
        (names(divide.MNEMONICS), "all six; executed by us, with #DE", "SDM vol. 2A, DIV, IDIV"),
        (
            names(double_shift.MNEMONICS),
            "AF unless the count is 0; OF unless it is 0 or 1; all six and the result if it is above the width; by us",
            "SDM vol. 2B, SHLD, SHRD",
        ),
        (names(corrections._SCANS), "CF, OF, SF, AF, PF; the result for a source of 0", "SDM vol. 2A, BSF, BSR"),
    )
    return table(("instructions", "arbitrary", "source"), rows)


def generated(name: str) -> str:
    """The text of a copied table."""
    match name:
        case "assumptions":
            rows = (
                (f"`{key}`", text, source, ASSUMPTION_SAMPLES[key]) for key, (text, source) in assumptions._OURS.items()
            )
            return table(("id", "text", "who vouches for it", "listed by"), rows)
        case "instructions":
            cases = (
                (f"`{one.mnemonic}`", one.kind, one.manual, INSTRUCTION_SAMPLES[one.mnemonic]) for one in INSTRUCTIONS
            )
            return table(("instruction", "kind", "manual", "sample"), cases)
        case "allowed":
            return allowed()
        case "corrections":
            return undefined()
    raise AssertionError(f"no table {name}")


def commands() -> list[tuple[str, str]]:
    """(page, command) of every shown line that begins with verify-exit, without its comment."""
    found = []
    for page in PAGES:
        for block in FENCED.findall(page.read_text(encoding="utf-8")):
            for line in block.splitlines():
                if line.startswith("verify-exit "):
                    found.append((page.relative_to(ROOT).as_posix(), line))
    return found


@pytest.mark.parametrize("name", ["assumptions", "instructions", "allowed", "corrections"])
def test_table_is_the_codes(name: str) -> None:
    """A table of docs/soundness.md is the code's own; ``python tests/test_docs.py`` rewrites it."""
    found = {marked[1]: marked[2] for marked in MARKED.findall(SOUNDNESS.read_text(encoding="utf-8"))}
    assert found[name] == generated(name)


@pytest.mark.parametrize("mnemonic", [name for name, sample in INSTRUCTION_SAMPLES.items() if sample])
def test_instruction_is_in_its_sample(mnemonic: str) -> None:
    """The sample that the table of instructions names beside one has that instruction in its code."""
    path = SAMPLES / f"{INSTRUCTION_SAMPLES[mnemonic]}.S"
    image = load_object(assemble(path), str(path), "")
    found = set()
    for section in image.sections:
        address = section.address
        while section.executable and address < section.address + len(section.data):
            decoded = decode.decode(image.code_at(address), address)
            found.add(decoded.mnemonic)
            address += max(decoded.size, 1)
    assert mnemonic in found


@pytest.mark.parametrize("identifier", ASSUMPTION_SAMPLES)
def test_assumption_is_listed_by_its_sample(identifier: str) -> None:
    """The report on the sample that the table of assumptions names beside one lists it."""
    report = verify(SAMPLES / f"{ASSUMPTION_SAMPLES[identifier]}.S", Options())
    assert identifier in {assumption.id for assumption in report.assumptions}


def test_every_assumption_has_a_sample() -> None:
    """No assumption is without a sample that lists it."""
    assert set(assumptions._OURS) == set(ASSUMPTION_SAMPLES)


@pytest.mark.parametrize("code", REASON_SAMPLES)
def test_reason_is_its_samples(code: str) -> None:
    """The sample that is named for a reason promises exactly that one."""
    told = parse_header((SAMPLES / f"{REASON_SAMPLES[code]}.S").read_text(encoding="utf-8"), code)
    assert told.expect == f"inconclusive {code}"


def test_reasons_without_a_sample_are_these() -> None:
    """A reason without a sample needs what no sample can have, or is a defect."""
    assert {reason.code for reason in REASONS} - set(REASON_SAMPLES) == {
        *("site-undecided", "timeout", "cover-gap", "replay-disagrees", "cross-check"),
        *("stopped", "promise-missing", "state-limit", "waived"),
    }


def test_every_marked_table_is_tested() -> None:
    """No marked table is left out of the test above."""
    found = [marked[1] for marked in MARKED.findall(SOUNDNESS.read_text(encoding="utf-8"))]
    assert found == ["assumptions", "instructions", "allowed", "corrections"]


def test_undefined_flags_have_a_row_for_every_correction() -> None:
    """Every set of mnemonics in verifier/lift/corrections.py has its row: a new one needs a source."""
    sets = {name for name, value in vars(corrections).items() if isinstance(value, frozenset)}
    assert sets == {"_LOGIC", "_SHIFTS", "_ROTATES", "_BIT_TESTS", "_MULTIPLICATIONS", "_SCANS"}


def test_bounds_are_the_explorers() -> None:
    """The numbers that docs/soundness.md states for loops, calls, jumps, stacks and queries are the code's."""
    from verifier.lift.control import MAX_CARVED, MAX_DEPTH
    from verifier.lift.explore import OPEN_TURNS, Bounds
    from verifier.lift.loops import ROUNDS
    from verifier.lift.stepping import MAX_CASES
    from verifier.solver import QUICK

    text = " ".join(SOUNDNESS.read_text(encoding="utf-8").split())
    bounds = Bounds()
    assert f"may be met {bounds.open_visits} times on a path, an instruction {bounds.visits} times" in text
    assert f"at most {bounds.steps:,} instructions".replace(",", " ") in text
    assert f"up to {bounds.unroll} turns" in text
    assert f"undecided {OPEN_TURNS} times" in text
    assert f"{ROUNDS} rounds" in text
    assert f"{QUICK:,} units".replace(",", " ") in text
    assert f"nested to {MAX_DEPTH}" in text
    assert f"may have {MAX_CASES} constant targets" in text
    assert f"at most {MAX_CARVED >> 10} KiB" in text


def test_named_clauses_and_reasons_exist() -> None:
    """Reason codes and assumption ids that docs/soundness.md names in code quotes are real ones."""
    text = SOUNDNESS.read_text(encoding="utf-8")
    known = (
        {clause.id for clause in (*CLAUSES, *IRET_CLAUSES)}
        | {reason.code for reason in REASONS}
        | set(assumptions._OURS)
    )
    known |= {f"contract-{fact.replace('_', '-')}" for fact in assumptions._FACTS}
    known |= {"contract-layout", "contract-cr3", "iret-exit"}
    hyphened = set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", text))
    mnemonics = {instruction.mnemonic for instruction in INSTRUCTIONS}
    assert hyphened - known - mnemonics - {"not-applicable"} == set()


def test_architecture_names_every_module() -> None:
    """docs/architecture.md has every module of verifier/, alone or by its package, and no other."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    section = text.partition("## Modules")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_/]+)`", "\n".join(re.findall(r"(?m)^\| (`[^|]*) \|", section))))
    package = ROOT / "verifier"
    modules = {path.relative_to(package).with_suffix("").as_posix() for path in package.rglob("*.py")}
    modules -= {"__init__", "lift/__init__"}
    covered = {name for name in modules if name in named or f"{name.split('/')[0]}/" in named}
    assert modules - covered == set()
    assert {name for name in named if not name.endswith("/")} - modules == set()


@pytest.mark.parametrize(("page", "line"), commands())
def test_shown_command_parses(page: str, line: str) -> None:
    """A command that a document shows is one that the program takes, and its samples and contracts exist."""
    words = shlex.split(line, comments=True)[1:]
    if words[0] in COMMANDS:
        given = SUBPARSERS[words[0]]().parse_args(words[1:])
        if words[0] == "explain":
            assert set(given.ids) <= set(known_ids((*CLAUSES, *IRET_CLAUSES), topics())), f"{page}: {line}"
        return
    parsed = build_parser().parse_args(words)
    missing = [path for path in parsed.paths if path.startswith("samples/") and not (ROOT / path).is_file()]
    assert missing == [], f"{page}: {line}"


def test_some_commands_are_shown() -> None:
    """The search for commands finds some: the test above is not empty."""
    assert len(commands()) >= 4


def test_relative_links_lead_to_files() -> None:
    """Every relative link of a document leads to a file, and its fragment to a heading there."""
    wrong = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^):]+)\)", page.read_text(encoding="utf-8")):
            name, _, fragment = target.partition("#")
            path = page.parent / name if name else page
            if not path.exists() or (fragment and fragment not in anchors(path)):
                wrong.append(f"{page.relative_to(ROOT)}: {target}")
    assert wrong == []


def anchors(page: Path) -> set[str]:
    """The fragments of a page's headings."""
    heads = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def rewrite() -> None:
    """Write the code's tables into docs/soundness.md."""
    text = SOUNDNESS.read_text(encoding="utf-8")
    text = MARKED.sub(lambda found: f"{found[1]}{generated(found[2])}{found[4]}", text)
    SOUNDNESS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    rewrite()

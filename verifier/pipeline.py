# SPDX-License-Identifier: BSD-2-Clause
"""One input from file to report: assemble, load, explore, prove, explain."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path

from verifier import __version__
from verifier.assemble import assemble, assembler_versions, read_input
from verifier.assumptions import collect
from verifier.contract import load_contract
from verifier.image import load_object
from verifier.judge import Clock, Judgement, Task, judge_entry, unreached
from verifier.lift.decode import BRANCHES, Decoded, ImmediateOperand
from verifier.lift.explore import Bounds
from verifier.listing import reader, with_source
from verifier.model import (
    Defect,
    FileReport,
    Image,
    InputFile,
    Location,
    Reason,
    Verdict,
)
from verifier.options import Options, command, from_words, resolve, with_header
from verifier.sites import entrances
from verifier.solver import Budget
from verifier.source import SourceHeader, parse_header
from verifier.thunks import used, with_thunks

_TRUSTED = ("pyvex", "archinfo", "claripy", "z3-solver", "capstone", "unicorn")


def verify(path: Path, options: Options) -> FileReport:
    """Verify one file. Raises UserError for what the user can mend."""
    clock = Clock()
    data = read_input(path)
    header = parse_header(data.decode("utf-8", "surrogateescape"), str(path)) if _is_source(path) else SourceHeader()
    from_header = with_header(from_words(header.args, str(path)), header.entries, header.contract)
    chosen = resolve(options, from_header)
    if chosen.contract is None or chosen.profile is None or chosen.configs is None:
        raise Defect("resolve() fills these in")
    contract = load_contract(chosen.contract, path.parent if options.contract is None else None)
    digest = hashlib.sha256(data).hexdigest()
    object_bytes = assemble(path, chosen.include_dirs, chosen.defines) if _is_source(path) else data
    image = with_thunks(load_object(object_bytes, str(path), digest), contract)
    clock.lap("assemble")
    deadline = None if chosen.timeout is None else time.monotonic() + chosen.timeout
    budget = Budget(chosen.rlimit or 0, 0 if chosen.timeout is None else max(1, int(chosen.timeout * 1000)))
    whole = Judgement(clock)
    if used(image):
        whole.used.add("thunks")
    if any(section.name in contract.patch_sections and section.size for section in image.sections):
        whole.used.add("unpatched-sites")
    starts = entrances(image, chosen.entries)
    task = Task(
        image=image,
        contract=contract,
        profile=chosen.profile,
        configs=chosen.configs,
        bounds=Bounds(deadline=deadline),
        budget=budget,
        locate=_locator(image),
        auto=chosen.frame == "auto",
        check_iret=chosen.check_iret,
    )
    try:
        for start in starts:
            judge_entry(task, start, whole)
        whole.reasons += unreached(task, whole)
    except KeyboardInterrupt:
        text = "the run was interrupted; what was found before stands"
        whole.reasons.append(Reason("stopped", text, "run it again"))
    line_of = reader(path, data) if _is_source(path) else (lambda _: "")
    return FileReport(
        input=InputFile(str(path), digest),
        verdict=_verdict(whole),
        contract=contract.name,
        profile=chosen.profile,
        configs=chosen.configs,
        entries=tuple(start.name for start in starts),
        assumptions=collect(contract, whole.used),
        sites=tuple(with_source(site, line_of) for site in whole.sites),
        reasons=tuple(dict.fromkeys(whole.reasons)),
        tool=_tool(),
        command=command(str(path), options),
        statistics=tuple(sorted(whole.statistics.items())),
        timings=tuple(clock.spent.items()),
    )


def _is_source(path: Path) -> bool:
    return path.suffix in (".S", ".s")


@lru_cache(maxsize=1)
def _tool() -> tuple[tuple[str, str], ...]:
    return (
        ("verify-exit", __version__),
        *((name, version(name)) for name in _TRUSTED),
        *assembler_versions(),
    )


def _locator(image: Image) -> Callable[[Decoded], Location]:
    @cache
    def at(address: int, text: str) -> Location:
        named = image.symbol_before(address)
        line = image.line_at(address)
        return Location(
            address=address,
            symbol=named[0] if named else None,
            offset=named[1] if named else 0,
            file=line.file if line else None,
            line=line.line if line else None,
            text=text,
        )

    def text(decoded: Decoded) -> str:
        """The disassembly, with the target of a direct branch as symbol+offset."""
        for operand in decoded.operands:
            if isinstance(operand, ImmediateOperand) and decoded.mnemonic in BRANCHES - {"ret"}:
                target = _target(image, operand.value)
                return f"{decoded.text.rsplit(' ', 1)[0]} {target}"
        return decoded.text

    return lambda decoded: at(decoded.address, text(decoded))


def _target(image: Image, address: int) -> str:
    external, named = image.external_at(address), image.symbol_before(address)
    if external is not None:
        return external.name
    if named is None:
        return f"{address:#x}"
    return named[0] if not named[1] else f"{named[0]}+{named[1]:#x}"


def _verdict(whole: Judgement) -> Verdict:
    verdicts = {site.verdict for site in whole.sites}
    if "violated" in verdicts:
        return "violated"
    if whole.reasons or not whole.sites or verdicts != {"proved"}:
        return "inconclusive"
    return "proved"

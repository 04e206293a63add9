# SPDX-License-Identifier: BSD-2-Clause
"""What flows through verify-exit: Image → ExitPath → Obligation → ProofResult → Report.

Only frozen dataclasses with slots live here; they hold no behaviour beyond
look-ups. Everything below ``# Report`` is plain data (ints, strings, tuples):
the renderers in ``verifier.report`` see nothing else.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from verifier.insights import Comparison, FastConditions, GuardUse, Hint, Slack
from verifier.recording import EndState, Recording
from verifier.records import record
from verifier.values import (
    ALL_CONFIGS as ALL_CONFIGS,
    Change as Change,
    Config as Config,
    Field as Field,
    Input as Input,
    Location as Location,
    OutcomeView as OutcomeView,
    Status as Status,
    Step as Step,
    Verdict as Verdict,
)

GPRS: tuple[str, ...] = (
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
"""The sixteen 64-bit general-purpose registers, in the order of every output."""

FRAME_WORDS: tuple[str, ...] = ("rip", "cs", "rflags", "rsp", "ss")
"""The five words that IRETQ pops, from the lowest address up (SDM vol. 2A, IRET)."""

RFLAGS_BITS: tuple[tuple[str, int], ...] = (
    ("CF", 0), ("PF", 2), ("AF", 4), ("ZF", 6), ("SF", 7), ("TF", 8), ("IF", 9), ("DF", 10),
    ("OF", 11), ("IOPL", 12), ("NT", 14), ("RF", 16), ("VM", 17), ("AC", 18), ("VIF", 19),
    ("VIP", 20), ("ID", 21),
)  # fmt: skip
"""Name and lowest bit of every RFLAGS field; IOPL is two bits wide (SDM vol. 1, 3.4.3)."""


class UserError(Exception):
    """An error that the user caused or can mend: one line, a stable code, an exit status.

    ``exit_code`` is 2 (usage or configuration) or 4 (input). ``code`` is a
    stable kebab-case id, for example ``assembler-error``.
    """

    def __init__(self, code: str, message: str, exit_code: int = 4) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.exit_code = exit_code


class Defect(Exception):
    """An invariant of this program does not hold: an internal error, exit status 70, never a verdict."""


# Image: what the assembler or an ELF file gave us, laid out in one address space.


THUNK = "[thunk]"
"""Section names that begin like this hold code that stands in for an external thunk."""


@record
class Section:
    """An allocated section at its address; ``data`` is empty for SHT_NOBITS."""

    name: str
    address: int
    size: int
    data: bytes
    executable: bool
    writable: bool


@record
class Symbol:
    """A named address. ``section`` is None for an undefined (external) symbol."""

    name: str
    address: int
    size: int
    is_global: bool
    is_function: bool
    section: str | None


@record
class Relocation:
    """A relocated field: ``size`` bytes at ``address``. ``applied`` is False if its type is unknown."""

    address: int
    size: int
    type: str
    symbol: str
    addend: int
    external: bool
    applied: bool


@record
class LineEntry:
    """From ``address`` up to the next entry's, code comes from ``file``:``line`` (line 0: none)."""

    address: int
    file: str
    line: int


@record
class Switch:
    """A Boolean that is fixed before any user runs and decides what a patch site holds.

    ``id`` is its identity ("7*32+11", or the address of a static key), ``name`` what people call it.
    ``kind``: a CPU feature bit, or a key that the kernel's own code sets. ``value`` is set if it
    never varies; ``paging``: it is set exactly where CR4.LA57 is.
    """

    id: str
    name: str
    kind: Literal["feature", "key"]
    value: bool | None = None
    paging: bool = False


@record
class Choice:
    """What a patch site holds if ``switch`` is set (``inverted``: if it is not): ``code``, as long as the site.

    The relative operands of ``code`` are those of its new place, and it is padded with NOPs.
    ``source`` and ``source_size`` say where the file keeps it (0, 0: nowhere). With ``problem``
    the code is not known.
    """

    switch: str
    inverted: bool
    code: bytes
    source: int = 0
    source_size: int = 0
    problem: str = ""


@record
class PatchSite:
    """Code that is written anew at boot: the last of ``choices`` whose switch says so, else the bytes in the file.

    Sites do not overlap. Variant 0 is the file's own bytes, variant i is ``choices[i - 1]``.
    """

    address: int
    size: int
    choices: tuple[Choice, ...]


NODE_SHIFT = 64
"""A place in the code is one integer: the address, and above it the variant of the patch site there."""


def node(address: int, variant: int = 0) -> int:
    """The place of an instruction at ``address`` in that variant of its patch site."""
    return address | variant << NODE_SHIFT


def address_of(place: int) -> int:
    """The address of a place."""
    return place & (1 << NODE_SHIFT) - 1


def variant_of(place: int) -> int:
    """The variant of a place; 0 outside patch sites."""
    return place >> NODE_SHIFT


RETURN = b"\xc3"
"""RET (SDM vol. 2B)."""
RETURN_SIZE = 5
"""The size in bytes of the jump that it is written over."""


class _Index:
    """Look-up tables of an image, made when they are first asked for."""

    __slots__ = ("by_name", "external_list", "externals", "starts", "switches")

    def __init__(self) -> None:
        self.starts: list[int] | None = None
        self.by_name: dict[str, Symbol] | None = None
        self.externals: dict[int, Symbol] | None = None
        self.external_list: tuple[Symbol, ...] | None = None
        self.switches: dict[str, Switch] | None = None


@record
class Image:
    """Sections, symbols and line numbers of one input, in one 64-bit address space.

    Undefined symbols have made-up addresses of their own outside every
    section, so that a call to one is recognised by its target. All tuples are
    sorted by address. ``linked``: the input is an executable, so it is the
    whole program and calls in it are followed only where they decide something.
    ``returns`` are branches to a return thunk that boot code makes RET, or a branch to another
    such thunk: each counts as RET. ``resumes`` are UD2s whose handler goes on behind them,
    ``opaque`` calls and jumps that running code sends elsewhere: their targets in the file mean nothing.
    """

    path: str
    sha256: str
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    relocations: tuple[Relocation, ...]
    lines: tuple[LineEntry, ...]
    patches: tuple[PatchSite, ...] = ()
    switches: tuple[Switch, ...] = ()
    linked: bool = False
    returns: frozenset[int] = frozenset()
    resumes: frozenset[int] = frozenset()
    opaque: frozenset[int] = frozenset()
    _index: _Index = field(default_factory=_Index, init=False, repr=False, compare=False)

    def section_at(self, address: int) -> Section | None:
        """The section that holds ``address``."""
        for section in self.sections:
            if section.address <= address < section.address + section.size:
                return section
        return None

    def symbol(self, name: str) -> Symbol | None:
        """The symbol of that name, a global one first."""
        if self._index.by_name is None:
            self._index.by_name = {}
            for symbol in sorted(self.symbols, key=lambda symbol: not symbol.is_global):
                self._index.by_name.setdefault(symbol.name, symbol)
        return self._index.by_name.get(name)

    def external_at(self, address: int) -> Symbol | None:
        """The undefined symbol whose made-up address this is."""
        if self._index.externals is None:
            self._index.externals = {}
            for symbol in self.symbols:
                if symbol.section is None:
                    self._index.externals.setdefault(symbol.address, symbol)
        return self._index.externals.get(address)

    @property
    def externals(self) -> tuple[Symbol, ...]:
        """The undefined symbols."""
        if self._index.external_list is None:
            self._index.external_list = tuple(symbol for symbol in self.symbols if symbol.section is None)
        return self._index.external_list

    def symbol_before(self, address: int) -> tuple[str, int] | None:
        """Name and offset of the nearest symbol at or below, in the same section; globals win ties."""
        section = self.section_at(address)
        if section is None:
            return None
        if self._index.starts is None:
            self._index.starts = [symbol.address for symbol in self.symbols]
        best: Symbol | None = None
        for index in range(bisect_right(self._index.starts, address) - 1, -1, -1):
            symbol = self.symbols[index]
            if symbol.address < section.address or (best is not None and symbol.address < best.address):
                break
            if symbol.section == section.name and (best is None or symbol.is_global):
                best = symbol
        return None if best is None else (best.name, address - best.address)

    def line_at(self, address: int) -> LineEntry | None:
        """The source line that ``address`` comes from, if the line table has one."""
        section = self.section_at(address)
        index = bisect_right(self.lines, address, key=lambda entry: entry.address) - 1
        if section is None or index < 0:
            return None
        entry = self.lines[index]
        return entry if entry.line and entry.address >= section.address else None

    def switch(self, identity: str) -> Switch:
        """The switch of that id. Raises KeyError."""
        if self._index.switches is None:
            self._index.switches = {switch.id: switch for switch in self.switches}
        return self._index.switches[identity]

    def form_name(self, choice: Choice) -> str:
        """What people call the form of a patch site that a choice is: the switch, or that it is not set."""
        return f"{'no ' if choice.inverted else ''}{self.switch(choice.switch).name}"

    def patch_at(self, address: int) -> PatchSite | None:
        """The patch site that covers ``address``."""
        index = bisect_right(self.patches, address, key=lambda site: site.address) - 1
        if index < 0:
            return None
        site = self.patches[index]
        return site if address < site.address + site.size else None

    def rewritten(self, start: int, end: int) -> bool:
        """Whether boot code may write over some byte from ``start`` up to ``end``."""
        index = bisect_right(self.patches, end - 1, key=lambda site: site.address) - 1
        if index >= 0 and self.patches[index].address + self.patches[index].size > start:
            return True
        return bool(self.returns) and any(address in self.returns for address in range(start - RETURN_SIZE + 1, end))

    def places(self, address: int, origin: int | None = None) -> tuple[int, ...]:
        """The places that control may reach by going to ``address`` from the place ``origin``.

        Outside patch sites there is one. Within a site the variant stays what it is;
        whoever comes from elsewhere may find any.
        """
        site = self.patch_at(address)
        if site is None:
            return (address,)
        if origin is not None and self.patch_at(address_of(origin)) is site:
            return (node(address, variant_of(origin)),)
        return tuple(node(address, variant) for variant in range(len(site.choices) + 1))

    def code_at(self, place: int, limit: int = 15) -> bytes:
        """Up to ``limit`` bytes of executable code from a place (an address is one); empty outside such a section.

        Code that replaces the file's own ends with its patch site.
        """
        address = address_of(place)
        section = self.section_at(address)
        if section is None or not section.executable:
            return b""
        if variant_of(place):
            site = self.patch_at(address)
            if site is None or variant_of(place) > len(site.choices):
                return b""
            start = address - site.address
            return site.choices[variant_of(place) - 1].code[start : start + limit]
        if address in self.returns:
            return RETURN[:limit]
        start = address - section.address
        return section.data[start : start + limit]

    def patched(self, holds: Callable[[str], bool], addresses: Iterable[int]) -> Image:
        """The image as it runs where the switches are as ``holds`` says, as far as ``addresses`` are concerned.

        Patch sites and returns at these addresses hold what they become; the result has none any more.
        """
        written: dict[int, bytes] = {}
        for address in addresses:
            site = self.patch_at(address)
            for choice in site.choices if site is not None else ():
                if site is not None and holds(choice.switch) != choice.inverted:
                    written[site.address] = choice.code
            if address in self.returns and site is None:
                written[address] = RETURN
        data: dict[int, bytearray] = {}
        for address, code in written.items():
            section = self.section_at(address)
            if section is not None:
                start = address - section.address
                if section.address not in data:
                    data[section.address] = bytearray(section.data)
                data[section.address][start : start + len(code)] = code
        kept = tuple(
            replace(section, data=bytes(data[section.address])) if section.address in data else section
            for section in self.sections
        )
        return replace(self, sections=kept, patches=(), returns=frozenset())

    def relocations_in(self, address: int, size: int) -> tuple[Relocation, ...]:
        """The relocations whose field overlaps the ``size`` bytes at ``address``."""
        return tuple(
            relocation
            for relocation in self.relocations
            if relocation.address < address + size and address < relocation.address + relocation.size
        )


# Report: what the renderers see. Plain data only.


@record
class Assumption:
    """Something that the verdict rests on; ``source`` says who promises it."""

    id: str
    text: str
    source: str


@record
class Reason:
    """Why a verdict is inconclusive, and what would settle it."""

    code: str
    text: str
    remedy: str
    location: Location | None = None


@record
class Counterexample:
    """A least concrete machine state for which a clause fails, and what happens in it.

    ``clause_sentence`` is the one-sentence cause. ``at_exit`` is the state just
    before the exit instruction. ``differs`` lists the fields of the two
    outcomes that differ, or the window obligation that failed.
    """

    config: Config
    cause: str
    inputs: tuple[Input, ...]
    path: tuple[Step, ...]
    at_exit: tuple[Field, ...]
    sysret: OutcomeView
    iret: OutcomeView
    differs: tuple[str, ...]
    vendor_notes: tuple[tuple[str, str], ...]
    replayed: bool
    replay_note: str
    recording: Recording | None = None


@record
class ClauseResult:
    """The answer for one clause at one site for the CPU configurations that share it."""

    id: str
    status: Status
    configs: tuple[Config, ...]
    reason: str | None = None
    counterexample: Counterexample | None = None


@record
class CodeRange:
    """Bytes that a verdict is about: ``start`` up to and without ``end``, and their SHA-256 in hex.

    ``variant`` is "" for the bytes that the input itself holds there, else
    when other bytes stand there, e.g. "LA57"; the hash is then of these.
    """

    start: int
    end: int
    sha256: str
    variant: str = ""


@record
class SiteResult:
    """One exit instruction with all its clauses, in the order of the clause table.

    ``code`` is what the verdict covers: the instructions on the paths to the
    exit and the exit itself. ``switches`` names the CPU features and static
    keys that the paths depend on. ``recording`` is the witness as it was replayed.
    ``guards``, ``slack`` and ``fast`` are there only if they were asked for, ``hints`` where clauses are violated.
    """

    kind: str
    location: Location
    entry: str
    verdict: Verdict
    clauses: tuple[ClauseResult, ...]
    witness: tuple[Input, ...]
    code: tuple[CodeRange, ...] = ()
    switches: tuple[str, ...] = ()
    recording: Recording | None = None
    guards: tuple[GuardUse, ...] | None = None
    slack: Slack | None = None
    fast: tuple[FastConditions, ...] = ()
    hints: tuple[Hint, ...] = ()


@record
class Disagreement:
    """A machine for which two ways of running it differ, so that one of them is wrong.

    ``clause`` is "" for a site's witness. ``lifted`` is the end that the lifted semantics predict,
    ``emulated`` the emulator's; None where there is none.
    """

    location: Location
    clause: str
    config: Config
    problems: tuple[str, ...]
    inputs: tuple[Input, ...] = ()
    lifted: EndState | None = None
    emulated: EndState | None = None


@record
class Search:
    """A search on the emulator for a machine that contradicts what is proved of one exit.

    Of so many ``machines`` ``judged`` came to the exit, on ``paths`` different paths; ``ends`` counts
    where all of them ended. ``clauses`` were evaluated, ``left_out`` has (clause, why) for the others.
    """

    location: Location
    entry: str
    machines: int
    judged: int
    paths: int
    ends: tuple[tuple[str, int], ...]
    clauses: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    divergences: tuple[Disagreement, ...]


@record
class CrossCheck:
    """What another solver said to ``asked`` obligations: it ``agreed`` with some, and ``opposed`` are the opposite."""

    solver: str
    asked: int
    agreed: int
    opposed: int


@record
class Certificates:
    """Of ``asked`` obligations that nothing satisfies, ``covered`` have a proof that the checker accepts."""

    asked: int
    covered: int
    missing: tuple[str, ...]


Reach = Literal["fast", "slow", "both", "none"]
"""Which exits the paths through an instruction lead to: SYSRET or SYSEXIT, IRET, both, or none of them."""


@record
class CodeLine:
    """One instruction on the paths from an entry.

    ``code`` is its bytes in hex; ``variant`` names the patched form that it belongs to and is "" for
    what the input itself holds. ``ends`` says how paths end here, e.g. "sysretq", "iretq",
    "trap: ud2", "leaves: do_exit" or "problem: loop-bound". ``supports`` are the clauses whose proof rests on
    the branch that this is, sorted; empty where it is no branch or was not asked for.
    """

    location: Location
    code: str
    variant: str
    reach: Reach
    ends: tuple[str, ...] = ()
    supports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """Control goes from one instruction to another; both are indices into ``PathMap.lines``.

    ``note`` is "taken", "not taken", "call", "return", what was called and not followed
    ("slow_work returns with anything"), or "" for the next instruction and plain jumps.
    """

    source: int
    target: int
    note: str


@record
class PathMap:
    """What was executed from one entry: every instruction by address and variant, and how control goes.

    Edges that no machine takes are not in it. Sorted by address, then variant.
    """

    entry: str
    lines: tuple[CodeLine, ...]
    edges: tuple[Edge, ...]


@record
class SourceText:
    """A part of a source file: its ``lines`` from the line number ``first`` on, without line ends."""

    file: str
    first: int
    lines: tuple[str, ...]


@record
class InputFile:
    """A file that was read, and its hash."""

    path: str
    sha256: str


@record
class FileReport:
    """Everything about one input. ``tool`` is (name, version) of all that is trusted.

    ``error`` is set when the verdict is "error": (code, message, exit code).
    ``statistics`` (name, value) and ``timings`` (stage, seconds) are for ``-v``
    and never enter JSON. ``container`` says what the code was unpacked from,
    e.g. "vmlinuz (xz), 6.1.0", and is "" if the input is the code itself.
    ``key`` names the input in fingerprints: its path as seen from the project's root. ``cached``: it is
    the remembered result of an earlier run. ``reference`` says what an exit was compared with: the contract's frame
    or, "auto", the file's own IRET exit; ``check_iret``: the IRET exits were judged as well. ``comparison``: with
    an earlier version, if there is one. ``maps`` and ``sources`` are there only if a format that shows code was
    asked for.
    ``disagreements`` are defects of this tool that the run met: the verdict is then an error,
    unless something is violated. ``searches``, ``cross_checks`` and ``certificates`` are evidence that
    was asked for.
    """

    input: InputFile
    verdict: Verdict
    contract: str
    profile: str
    configs: tuple[Config, ...]
    entries: tuple[str, ...]
    assumptions: tuple[Assumption, ...]
    sites: tuple[SiteResult, ...]
    reasons: tuple[Reason, ...]
    tool: tuple[tuple[str, str], ...]
    command: str
    error: tuple[str, str, int] | None = None
    statistics: tuple[tuple[str, int], ...] = ()
    timings: tuple[tuple[str, float], ...] = ()
    container: str = ""
    disagreements: tuple[Disagreement, ...] = ()
    searches: tuple[Search, ...] = ()
    cross_checks: tuple[CrossCheck, ...] = ()
    certificates: Certificates | None = None
    maps: tuple[PathMap, ...] = ()
    sources: tuple[SourceText, ...] = ()
    key: str = ""
    cached: bool = False
    reference: Literal["contract", "auto"] = "contract"
    check_iret: bool = False
    comparison: Comparison | None = None


# Run: all inputs together, and what the gate makes of them.


@record
class Waiver:
    """A violation that somebody answers for until a day (``expires``: ISO 8601, the last day that it holds)."""

    id: str
    clause: str
    fingerprint: str
    reason: str
    owner: str
    expires: str


@record
class WaiverUse:
    """A waiver of the file that was read, and how many clauses of this run it waived."""

    waiver: Waiver
    state: Literal["used", "unused", "expired"]
    waived: int


GateMode = Literal["advisory", "new-only", "strict"]


@record
class Finding:
    """Something that speaks against a pass: a violated or waived clause, a reason, or an error.

    ``id`` is the clause, the reason's code or the error's. ``state`` is "new" if it counts, "known" if
    the baseline has it, "waived" if a waiver covers it.
    """

    input: str
    id: str
    fingerprint: str
    state: Literal["new", "known", "waived"]
    location: Location | None = None


@record
class Gate:
    """What the gate says: the exit code of the run is ``exit_code``. ``baseline`` is the file compared with."""

    mode: GateMode
    exit_code: int
    findings: tuple[Finding, ...]
    baseline: InputFile | None = None


@record
class Shard:
    """One of ``of`` parts of a run over ``inputs`` inputs: ``index`` counts from 1.

    ``selection`` is the SHA-256 in hex of the list of all inputs with their options.
    """

    index: int
    of: int
    inputs: int
    selection: str


@record
class Run:
    """Everything that one call of the command line found; the renderers get this.

    ``shard`` is None if all inputs were verified. ``found`` has the reports as they were before waivers
    changed them, or is empty if there were none.
    """

    reports: tuple[FileReport, ...]
    waivers: tuple[WaiverUse, ...] = ()
    gate: Gate | None = None
    shard: Shard | None = None
    found: tuple[FileReport, ...] = ()

# SPDX-License-Identifier: BSD-2-Clause
"""What flows through verify-exit: Image → ExitPath → Obligation → ProofResult → Report.

Only frozen dataclasses with slots live here; they hold no behaviour beyond
look-ups. Everything below ``# Report`` is plain data (ints, strings, tuples):
the renderers in ``verifier.report`` see nothing else.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True, slots=True)
class Section:
    """An allocated section at its address; ``data`` is empty for SHT_NOBITS."""

    name: str
    address: int
    size: int
    data: bytes
    executable: bool
    writable: bool


@dataclass(frozen=True, slots=True)
class Symbol:
    """A named address. ``section`` is None for an undefined (external) symbol."""

    name: str
    address: int
    size: int
    is_global: bool
    is_function: bool
    section: str | None


@dataclass(frozen=True, slots=True)
class Relocation:
    """A relocated field: ``size`` bytes at ``address``. ``applied`` is False if its type is unknown."""

    address: int
    size: int
    type: str
    symbol: str
    addend: int
    external: bool
    applied: bool


@dataclass(frozen=True, slots=True)
class LineEntry:
    """From ``address`` up to the next entry's, code comes from ``file``:``line`` (line 0: none)."""

    address: int
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Image:
    """Sections, symbols and line numbers of one input, in one 64-bit address space.

    Undefined symbols have made-up addresses of their own outside every
    section, so that a call to one is recognised by its target. All tuples are
    sorted by address.
    """

    path: str
    sha256: str
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    relocations: tuple[Relocation, ...]
    lines: tuple[LineEntry, ...]

    def section_at(self, address: int) -> Section | None:
        """The section that holds ``address``."""
        for section in self.sections:
            if section.address <= address < section.address + section.size:
                return section
        return None

    def symbol(self, name: str) -> Symbol | None:
        """The symbol of that name, a global one first."""
        found = [symbol for symbol in self.symbols if symbol.name == name]
        found.sort(key=lambda symbol: not symbol.is_global)
        return found[0] if found else None

    def external_at(self, address: int) -> Symbol | None:
        """The undefined symbol whose made-up address this is."""
        for symbol in self.symbols:
            if symbol.section is None and symbol.address == address:
                return symbol
        return None

    def symbol_before(self, address: int) -> tuple[str, int] | None:
        """Name and offset of the nearest symbol at or below, in the same section; globals win ties."""
        section = self.section_at(address)
        if section is None:
            return None
        best: Symbol | None = None
        for symbol in self.symbols:
            if symbol.section != section.name or symbol.address > address:
                continue
            if (
                best is None
                or symbol.address > best.address
                or (symbol.address == best.address and symbol.is_global and not best.is_global)
            ):
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

    def code_at(self, address: int, limit: int = 15) -> bytes:
        """Up to ``limit`` bytes of executable code from ``address``; empty outside such a section."""
        section = self.section_at(address)
        if section is None or not section.executable:
            return b""
        start = address - section.address
        return section.data[start : start + limit]

    def relocations_in(self, address: int, size: int) -> tuple[Relocation, ...]:
        """The relocations whose field overlaps the ``size`` bytes at ``address``."""
        return tuple(
            relocation
            for relocation in self.relocations
            if relocation.address < address + size and address < relocation.address + relocation.size
        )


@dataclass(frozen=True, slots=True)
class Location:
    """An instruction: where it is and what it says. ``file``/``line`` are None without line numbers."""

    address: int
    symbol: str | None
    offset: int
    file: str | None
    line: int | None
    text: str


# Report: what the renderers see. Plain data only.

Verdict = Literal["proved", "violated", "inconclusive", "error"]
Status = Literal["proved", "violated", "unknown", "not-applicable", "waived"]
Config = tuple[str, str]
"""A CPU configuration: vendor ("intel" or "amd") and paging ("la48" or "la57")."""

ALL_CONFIGS: tuple[Config, ...] = (
    ("intel", "la48"), ("intel", "la57"), ("amd", "la48"), ("amd", "la57"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something that the verdict rests on; ``source`` says who promises it."""

    id: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a verdict is inconclusive, and what would settle it."""

    code: str
    text: str
    remedy: str
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A register, flag word or memory word (``name``) that an instruction changed; 64-bit values."""

    name: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Step:
    """One executed instruction of a counterexample's path.

    ``note`` says e.g. "taken" or "call: arbitrary". ``source`` is the source
    line that it comes from, white space collapsed; "" if that is not at hand.
    """

    location: Location
    changes: tuple[Change, ...]
    note: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Input:
    """One value that the counterexample chooses. ``name`` is e.g. "rax", "frame.rip" or "gs:[0x10]".

    ``kind`` is "register" (at entry), "frame" (slot content at entry),
    "memory" (any other content at entry) or "havoc" (made by something not
    analysed; ``origin`` says what, e.g. "call to slow_work at entry.S:20").
    """

    name: str
    value: int
    kind: Literal["register", "frame", "memory", "havoc"]
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of user-visible state, e.g. ("rip", 0x800000000000); value None: not reached (fault)."""

    name: str
    value: int | None


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """What an exit instruction does in the counterexample.

    ``fault`` is None or one line such as "#GP(0) at CPL0 with the user's RSP";
    ``trap`` is "" or when a pending #DB fires, e.g. "#DB before the first user
    instruction".
    """

    instruction: str
    fault: str | None
    trap: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class ClauseResult:
    """The answer for one clause at one site for the CPU configurations that share it."""

    id: str
    status: Status
    configs: tuple[Config, ...]
    reason: str | None = None
    counterexample: Counterexample | None = None


@dataclass(frozen=True, slots=True)
class SiteResult:
    """One exit instruction with all its clauses, in the order of the clause table."""

    kind: str
    location: Location
    entry: str
    verdict: Verdict
    clauses: tuple[ClauseResult, ...]
    witness: tuple[Input, ...]


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that was read, and its hash."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class FileReport:
    """Everything about one input. ``tool`` is (name, version) of all that is trusted.

    ``error`` is set when the verdict is "error": (code, message, exit code).
    ``statistics`` (name, value) and ``timings`` (stage, seconds) are for ``-v``
    and never enter JSON.
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

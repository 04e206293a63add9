# SPDX-License-Identifier: BSD-2-Clause
"""Contracts: what one kernel promises at the entry of its exit code, read from TOML.

A contract is data about a kernel (where it keeps the user's registers, which
selectors it uses, what is true at entry); facts about CPUs live in
``verifier.isa``. The format is described in docs/contracts.md. Reading is
strict: an unknown key, a wrong type or a value out of range is a
``UserError`` of one line, because a key that is silently ignored would
silently change what is proved. A contract may be named by the file under
test, which is untrusted: size is bounded and only printable text is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path

from verifier.model import FRAME_WORDS, GPRS, UserError
from verifier.reads import note
from verifier.records import record
from verifier.toml_table import Levels, Table, hexadecimal, one_line, parse_toml, quoted

SLOT_BYTES = 8
"""Size of every frame slot: one quadword."""

CPU_PUSHES = (40,)
"""The five words that the CPU itself pushes for an interrupt (SDM vol. 3A, 6.14.2), in bytes."""

MAX_FILE_BYTES = 64 * 1024
"""A contract file larger than this is refused."""

MAX_OFFSET = 0xFFFF
"""Largest distance in bytes of the frame base and of a slot; a kernel stack is smaller."""

PROMISE_IDS: tuple[str, ...] = ("entry-mode", "star", "nmi", "serialize", "ssp", "xstate", "user-frame", "user32-rip")
"""Ids of the clauses that code outside the analysed file can discharge."""

EXIT_KINDS: tuple[str, ...] = ("sysretq", "sysretl", "sysexitq", "sysexitl")
"""The exit instructions for which a contract may name another one."""

DISPOSITIONS: tuple[str, ...] = ("slot", "entry", "entry-or-zero", "clobbered")
"""Where the user's value of a register is: in the frame, still live at entry (or cleared), given up by ABI."""

_RESTORED = tuple(name for name in GPRS if name != "rsp")
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@record
class Fact:
    """A value of the contract and who vouches for it (a public reference)."""

    value: str
    source: str


@record
class Slot:
    """An 8-byte word of the saved frame.

    ``name`` is a general-purpose register, one of rip cs rflags rsp ss, or any
    other word (orig_rax). ``offset`` is in bytes from the frame base.
    """

    name: str
    offset: int


@record
class Stack:
    """The stack that the frame is on: ``size`` bytes, a power of 2 and aligned to it; the frame begins at ``base``."""

    size: int
    base: int


@record
class Contract:
    """What a kernel promises at the entry of the analysed code.

    The frame base is ``base_register + base_offset`` as they are at entry.
    ``slots`` are sorted by offset and do not overlap. ``registers`` has the
    fifteen GPRs other than RSP in the order of ``model.GPRS``, each with one of
    ``DISPOSITIONS``. Selectors are 16 bits wide; ``star_base`` is STAR[63:48].
    ``user32_cs`` is the CS of 32-bit user code (what SYSRETL loads), ``sysenter_cs``
    the content of IA32_SYSENTER_CS, from which SYSEXIT derives CS and SS; None: the
    kernel does not use them, or the contract does not say.
    ``patch_tables`` names the description of the kernel's tables of code patching ("": there is none).
    ``pushed`` are the bytes that may be on the stack already where entry code begins.
    ``no_return`` are functions that do not return, ``helpers`` such in assembly that keep memory and all
    registers but RAX, RCX and RDX; ``raw_entries`` are symbols at which the frame is not built.
    ``entry_symbols`` are where to start in a file that has them. ``site_contracts`` names the contract of
    the exits of one instruction, ``stub_contract`` that of an exit that nothing is saved in front of. Without
    ``has_reference`` there is no IRET exit to compare with: the frame words are those that SYSCALL itself left.
    ``promises`` are in the order of ``PROMISE_IDS``; the value of each is its text.
    """

    name: str
    title: str
    source: str
    base_register: str
    base_offset: int
    slots: tuple[Slot, ...]
    registers: tuple[tuple[str, str], ...]
    user_cs: int
    user_ss: int
    star_base: int
    gs: Fact
    interrupts: Fact
    interrupts_after_call: Fact
    direction: Fact
    nested_task: Fact
    ss_descriptor: Fact
    cr3: Fact
    stores: Fact
    promises: tuple[tuple[str, Fact], ...]
    user32_cs: int | None = None
    sysenter_cs: int | None = None
    return_thunks: tuple[str, ...] = ()
    jump_thunk: str = ""
    patch_sections: tuple[str, ...] = ()
    entry_symbols: tuple[str, ...] = ()
    site_contracts: tuple[tuple[str, str], ...] = ()
    stub_contract: str = ""
    raw_entries: tuple[str, ...] = ()
    pushed: tuple[int, ...] = CPU_PUSHES
    no_return: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    has_reference: bool = True
    stack: Stack | None = None
    patch_tables: str = ""

    @property
    def frame_size(self) -> int:
        """The bytes from the first slot to the end of the last."""
        return self.slots[-1].offset + SLOT_BYTES - self.slots[0].offset if self.slots else 0

    def slot(self, name: str) -> Slot | None:
        """The frame slot of that name."""
        return next((slot for slot in self.slots if slot.name == name), None)

    def promise(self, clause: str) -> Fact | None:
        """What the kernel says about a setup clause, or None if it says nothing."""
        return dict(self.promises).get(clause)


@record
class FactSpec:
    """One [table.key] of the format: its allowed values and the one assumed if it is absent.

    ``default`` is the weakest value (nothing is assumed), or None if the table is required.
    """

    field: str
    table: str
    key: str
    values: tuple[str, ...]
    default: str | None


FACTS: tuple[FactSpec, ...] = (
    FactSpec("gs", "entry", "gs", ("kernel", "user"), None),
    FactSpec("interrupts", "entry", "interrupts", ("off", "on", "any"), "any"),
    FactSpec("direction", "entry", "direction", ("clear", "any"), "any"),
    FactSpec("nested_task", "entry", "nested_task", ("clear", "any"), "any"),
    FactSpec("ss_descriptor", "entry", "ss_descriptor", ("flat", "any"), "any"),
    FactSpec("interrupts_after_call", "calls", "interrupts", ("off", "on", "any", "unchanged"), "any"),
    FactSpec("cr3", "user", "cr3", ("entry", "iret-exit"), None),
    FactSpec("stores", "stores", "unknown", ("anywhere", "elsewhere"), "anywhere"),
)
"""Every fact of the format, in the order of the Contract's fields."""

_FACT_TABLES = tuple(dict.fromkeys(spec.table for spec in FACTS))


def _levels() -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every table of the format with the keys it may have; the names of slots are free."""
    yield (
        (),
        (
            "name",
            "title",
            "source",
            "frame",
            "registers",
            "selectors",
            "star",
            "sysenter",
            "thunks",
            "patching",
            "sites",
            *_FACT_TABLES,
            "promises",
        ),
    )
    yield ("frame",), ("base", "offset", "slots", "reference", "stack_size", "stack_base")
    yield ("sites",), ("entries", "pushed", "raw", "stub", *EXIT_KINDS)
    yield ("registers",), ("default", *_RESTORED)
    yield ("selectors",), ("user_cs", "user_ss", "user32_cs")
    yield ("star",), ("base",)
    yield ("thunks",), ("return", "jump")
    yield ("patching",), ("sections", "tables")
    yield ("sysenter",), ("cs",)
    for table in _FACT_TABLES:
        extra = ("no_return", "helpers") if table == "calls" else ()
        yield (table,), (*(spec.key for spec in FACTS if spec.table == table), *extra)
    for spec in FACTS:
        yield (spec.table, spec.key), ("value", "source")
    yield ("promises",), PROMISE_IDS
    for clause in PROMISE_IDS:
        yield ("promises", clause), ("text", "source")


_LEVELS: Levels = dict(_levels())


def specs_dir() -> Path:
    """The directory of the shipped data files: ``verifier/_specs`` in a wheel, ``specs`` in a checkout.

    Raises UserError ``contract-not-found`` if neither exists.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / "_specs", package.parent / "specs"):
        if candidate.is_dir():
            return candidate
    raise UserError("contract-not-found", "the data files that ship with verify-exit are missing; reinstall it", 2)


def contract_names() -> tuple[str, ...]:
    """The names of the shipped contracts, sorted."""
    return tuple(sorted(path.stem for path in (specs_dir() / "contracts").glob("*.toml")))


def load_contract(name_or_path: str, relative_to: Path | None = None) -> Contract:
    """Load a shipped contract by name, or a file if the argument has a "/" or ends in ".toml".

    A relative path is looked for in the directory ``relative_to`` first (for a
    header line: the directory of the file that has it), then in the current
    one. Raises UserError ``contract-not-found`` or ``contract-invalid``.
    """
    if "/" in name_or_path or name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        if relative_to is not None and _exists(relative_to / path):
            path = relative_to / path
        note(path)
        return parse_contract(_read(path), str(path))
    names = contract_names()
    if name_or_path not in names:
        raise _no_such_name(name_or_path, names)
    path = specs_dir() / "contracts" / f"{name_or_path}.toml"
    return parse_contract(_read(path), str(path))


def parse_contract(text: str, file: str) -> Contract:
    """Parse and check the TOML text of a contract; ``file`` is named in errors.

    Raises UserError ``contract-invalid``.
    """
    top = parse_toml(text, file, "contract-invalid", _LEVELS)
    name = top.text("name", "the contract's name")
    if not _NAME.fullmatch(name):
        raise top.fail(f"{quoted(name)} is not a name (letters, digits and . _ + -)", "name")
    frame = top.child("frame")
    base = frame.choice("base", GPRS)
    base_offset = frame.integer("offset", -MAX_OFFSET, MAX_OFFSET, default=0)
    has_reference = frame.choice("reference", ("slots", "none"), default="slots") == "slots"
    slots = _slots(frame.child("slots")) if has_reference else ()
    facts = {spec.field: _fact(top.child(spec.table), spec) for spec in FACTS}
    selectors = top.child("selectors")
    return Contract(
        name=name,
        title=top.text("title", "one line that says which kernel this is"),
        source=top.text("source", "where the frame and the selectors are documented"),
        base_register=base,
        base_offset=base_offset,
        slots=slots,
        registers=_registers(top, slots),
        user_cs=_selector(selectors, "user_cs"),
        user_ss=_selector(selectors, "user_ss"),
        # No RPL or GDT-order check here: a wrong STAR is what the clause `star` reports.
        star_base=top.child("star").integer("base", 0, 0xFFFF),
        promises=_promises(top.child("promises")),
        user32_cs=_selector(selectors, "user32_cs") if "user32_cs" in selectors.data else None,
        sysenter_cs=_sysenter_cs(top),
        return_thunks=_names(top, "thunks", "return"),
        jump_thunk="".join(_names(top, "thunks", "jump")[:1]),
        patch_sections=_names(top, "patching", "sections"),
        patch_tables=_patch_tables(top),
        entry_symbols=_names(top, "sites", "entries"),
        site_contracts=tuple((kind, name) for kind in EXIT_KINDS for name in _names(top, "sites", kind)),
        raw_entries=_names(top, "sites", "raw"),
        pushed=_pushed(top),
        no_return=_names(top, "calls", "no_return"),
        helpers=_names(top, "calls", "helpers"),
        stub_contract="".join(_names(top, "sites", "stub")[:1]),
        has_reference=has_reference,
        stack=_stack(frame),
        **facts,
    )


def _stack(frame: Table) -> Stack | None:
    if "stack_size" not in frame.data and "stack_base" not in frame.data:
        return None
    size = frame.integer("stack_size", 16, MAX_OFFSET + 1)
    if size & size - 1:
        raise frame.fail(f"{hexadecimal(size)} is not a power of 2", "stack_size")
    return Stack(size, frame.integer("stack_base", 0, size - SLOT_BYTES))


def _slots(table: Table) -> tuple[Slot, ...]:
    slots = []
    for name in table.data:
        if not _WORD.fullmatch(name):
            raise table.fail("a slot name is lower-case letters, digits and _", name)
        offset = table.integer(name, -MAX_OFFSET, MAX_OFFSET)
        if offset % SLOT_BYTES:
            raise table.fail(
                f"{hexadecimal(offset)} is not a multiple of {SLOT_BYTES}; each slot is {SLOT_BYTES} bytes",
                name,
            )
        slots.append(Slot(name, offset))
    slots.sort(key=lambda slot: slot.offset)
    for below, above in pairwise(slots):
        if above.offset < below.offset + SLOT_BYTES:
            raise table.fail(f"overlaps {below.name} (both at {hexadecimal(below.offset)})", above.name)
    for name in FRAME_WORDS:
        if name not in table.data:
            raise _missing_slot(table, name, "IRETQ reads it from the frame")
    return tuple(slots)


def _registers(top: Table, slots: tuple[Slot, ...]) -> tuple[tuple[str, str], ...]:
    written = top.data.get("registers")
    if isinstance(written, dict) and "rsp" in written:
        raise top.fail("not allowed; the user's RSP is always the slot frame.slots.rsp", "registers", "rsp")
    table = top.child("registers")
    default = table.choice("default", DISPOSITIONS, default="slot")
    registers = tuple((name, table.choice(name, DISPOSITIONS, default=default)) for name in _RESTORED)
    have = {slot.name: slot.offset for slot in slots}
    for name, disposition in registers:
        if disposition == "slot" and name not in have:
            where = replace(table, path=("frame", "slots"), data=have)
            why = f'registers.{name} is "slot"; add the slot, or say "entry" or "clobbered" there'
            raise _missing_slot(where, name, why)
    return registers


def _missing_slot(table: Table, name: str, why: str) -> UserError:
    """A slot that is not there; a slot with a similar meaningless name is probably the typo."""
    strangers = [other for other in table.data if other not in GPRS and other not in FRAME_WORDS]
    close = get_close_matches(name, strangers, n=1, cutoff=0.6)
    return table.fail(f"missing; {why}" + (f" (is the slot {close[0]} a typo?)" if close else ""), name)


def _selector(table: Table, key: str) -> int:
    value = table.integer(key, 0, 0xFFFF)
    if value & ~3 == 0:
        raise table.fail(f"{hexadecimal(value)} is a null selector", key)
    if value & 3 != 3:
        raise table.fail(
            f"{hexadecimal(value)} has RPL {value & 3}; user mode needs RPL 3 ({hexadecimal(value | 3)})", key
        )
    return value


def _sysenter_cs(top: Table) -> int | None:
    if "sysenter" not in top.data:
        return None
    table = top.child("sysenter")
    value = table.integer("cs", 0, 0xFFFF)
    # No check of its RPL: SYSENTER and SYSEXIT put the RPL in themselves.
    if value & ~3 == 0:
        raise table.fail(f"{hexadecimal(value)} is a null selector; SYSEXIT faults with it", "cs")
    return value


def _names(top: Table, table: str, key: str) -> tuple[str, ...]:
    """The words of an optional string in an optional table."""
    if table not in top.data or key not in top.child(table).data:
        return ()
    return tuple(top.child(table).text(key, "names, separated by spaces").split())


def _pushed(top: Table) -> tuple[int, ...]:
    """The numbers of bytes in [sites] pushed."""
    words = _names(top, "sites", "pushed")
    if not all(word.isdecimal() and int(word) <= MAX_OFFSET for word in words):
        raise top.child("sites").fail("must be numbers of bytes, separated by spaces", "pushed")
    return tuple(int(word) for word in words) or CPU_PUSHES


def _patch_tables(top: Table) -> str:
    """The name of the file in specs/patching; "" if the contract names none."""
    names = _names(top, "patching", "tables")
    if len(names) > 1 or not all(_NAME.fullmatch(name) for name in names):
        raise top.child("patching").fail("must be one name (letters, digits and . _ + -)", "tables")
    return "".join(names)


def _fact(parent: Table, spec: FactSpec) -> Fact:
    if spec.key not in parent.data and spec.default is not None:
        return Fact(spec.default, "the contract says nothing, so nothing is assumed")
    table = parent.child(spec.key)
    value = table.choice("value", spec.values)
    return Fact(value, table.text("source", "a public reference for the value"))


def _promises(table: Table) -> tuple[tuple[str, Fact], ...]:
    promises = []
    for clause in PROMISE_IDS:
        if clause in table.data:
            entry = table.child(clause)
            text = entry.text("text", "what the kernel promises")
            promises.append((clause, Fact(text, entry.text("source", "a public reference for the promise"))))
    return tuple(promises)


def _exists(path: Path) -> bool:
    """Whether there is something at ``path``; False for a path that cannot even be looked up."""
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that is too long; a NUL byte
        return False


def _read(path: Path) -> str:
    """The text of a contract file; refuses what is not a small regular file."""
    shown = one_line(path)
    if not _exists(path):
        raise UserError("contract-not-found", f"{shown}: no such contract file; check the path", 2)
    # Opening a FIFO or a device would block or never end.
    if not path.is_file():
        raise UserError("contract-not-found", f"{shown}: not a regular file; name a .toml file", 2)
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        message = f"{shown}: cannot be read ({error.strerror}); check its permissions"
        raise UserError("contract-not-found", message, 2) from error
    if len(content) > MAX_FILE_BYTES:
        raise UserError(
            "contract-invalid",
            f"{shown}: larger than {MAX_FILE_BYTES} bytes; a contract is a short TOML file",
            2,
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError("contract-invalid", f"{shown}: not UTF-8 at byte {error.start}; TOML is UTF-8", 2) from error


def _no_such_name(name: str, names: tuple[str, ...]) -> UserError:
    message = f"no contract named {quoted(name)}"
    close = get_close_matches(name, names, n=1)
    if close:
        message += f"; did you mean {quoted(close[0])}?"
    message += f" (shipped: {', '.join(names)}; for a file of your own write its path, ending in .toml)"
    return UserError("contract-not-found", message, 2)

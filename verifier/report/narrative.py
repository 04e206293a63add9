# SPDX-License-Identifier: BSD-2-Clause
"""What a report says in sentences: the verdict, what was shown, what rests on whom, what was left out.

Plain strings, to be escaped by whoever prints them: names of files and symbols stand in them as they are.
No sentence claims more than the statement in docs/soundness.md.
"""

from __future__ import annotations

from verifier.clauses import clause
from verifier.model import ALL_CONFIGS, FileReport
from verifier.report.grouping import merged_reasons, violations
from verifier.report.phrases import (
    by_kind,
    clause_ids,
    entry_names,
    exit_name,
    exit_names,
    kinds,
    listed,
    on_cpus,
    states,
)
from verifier.report.words import configs_label, counted, in_order, sentence, source

_PROMISES = ("entry-mode", "nmi", "serialize", "ssp", "xstate")
"""Clauses that a contract's promise answers."""

_PURPOSES = {
    "verify-exit": "paths, memory, system instructions, clauses: all of it for a proof, the exit and the clause for a "
    "violation",
    "pyvex": "what a single instruction does",
    "archinfo": "the register file that pyvex uses",
    "claripy": "simplifies terms and hands them to z3",
    "z3-solver": "that nothing satisfies an obligation",
    "capstone": "mnemonic, length and operands of an instruction",
    "unicorn": "runs witnesses and counterexamples on the real bytes, up to the exit instruction",
    "as": "the bytes of a source file",
    "gcc": "preprocesses a source file",
    "semantics": "SHA-256 of the exit instructions' semantics, specs/isa",
}


def verdict_sentence(report: FileReport) -> str:
    """The verdict in one exact sentence."""
    name = report.input.path
    match report.verdict:
        case "proved":
            return _proved(report)
        case "violated":
            return _violated(report)
        case "inconclusive":
            return _inconclusive(report)
        case "error":
            code, message, _ = report.error or ("internal-error", "no reason is known", 70)
            said = "has no verdict" if report.disagreements else "was not judged"
            return f"{name} {said}: {sentence(message)} ({code})."


def _proved(report: FileReport) -> str:
    fast, iret = by_kind(report)
    where = f"{states(report)}, {on_cpus(report.configs)}"
    took = f"{report.input.path}, entered at {entry_names(report)}, takes "
    said = []
    if fast:
        asked = counted(len(clause_ids(fast, "proved")), "clause")
        if report.profile == "equivalence":
            said.append(f"{kinds(fast)} only where IRETQ would have done the same in all that the {asked} compare")
        else:
            said.append(f"{kinds(fast)} only where the {asked} of the profile {report.profile} hold")
    if iret:
        said.append(f"IRETQ only where the {counted(len(clause_ids(iret, 'proved')), 'clause')} about it hold")
    return f"{took}{', and '.join(said) or 'no exit'}, {where}."


def _violated(report: FileReport) -> str:
    found = [(site, item) for site in report.sites for item in violations(site)]
    if not found:
        return f"{report.input.path} violates a clause."
    site, first = found[0]
    cause = first.example.cause if first.example is not None else first.reason or "a clause fails"
    on = configs_label(first.configs, report.configs)
    ids = list(dict.fromkeys((other.location.address, other.entry, item.id) for other, item in found))
    more = len(ids) - 1
    # "1 more result": a clause that fails at two exits is two.
    rest = f"; {counted(more, 'more clause')} {'fails' if more == 1 else 'fail'}" if more else ""
    rest += _waived_too(report)
    return (
        f"{report.input.path} takes {site.kind.upper()} at {source(site.location)} in a state in which it must not: "
        f"{sentence(cause)} ({first.id}{f' on {on}' if on else ''}){rest}."
    )


def _inconclusive(report: FileReport) -> str:
    name = report.input.path
    waived = clause_ids(report.sites, "waived")
    others = [reason for reason in merged_reasons(report) if reason.code != "waived"]
    unknown = clause_ids(report.sites, "unknown")
    if waived and not others and not unknown:
        return (
            f"{name} is not proved: {counted(len(waived), 'clause')} ({listed(waived)}) "
            f"{'is' if len(waived) == 1 else 'are'} violated and waived; no other clause is open."
        )
    if others:
        first = others[0]
        at = f", {source(first.location)}" if first.location is not None else ""
        why = f"{sentence(first.text)} ({first.code}{at})"
        more = len(others) - 1
        why += f"; {counted(more, 'more reason')}" if more else ""
    else:
        why = f"{counted(len(unknown), 'clause')} ({listed(unknown)}) could not be decided" if unknown else "no answer"
    known = "takes its exits only where it may"
    return f"Whether {name} {known} is not known: {why}{_waived_too(report)}."


def _waived_too(report: FileReport) -> str:
    waived = clause_ids(report.sites, "waived")
    return f"; {listed(waived)} {'is' if len(waived) == 1 else 'are'} violated and waived" if waived else ""


def theorem(report: FileReport) -> list[str]:
    """What exactly was shown, or sought and not shown; a paragraph each. Nothing for an error without exits."""
    fast, iret = by_kind(report)
    if report.verdict == "error" and not report.sites:
        return []
    lead = "Shown" if report.verdict == "proved" else "Sought, and not shown as a whole"
    said = [
        f"{lead}: take every machine state at {entry_names(report)} that meets the assumptions, and every path from "
        f"there to {exit_names(fast or iret) or 'an exit'}. In the state just before that instruction every clause "
        f"that the profile {report.profile or '(none)'} asks for holds. This is asked for each CPU configuration by "
        f"itself: {', '.join('/'.join(config) for config in in_order(report.configs)) or 'none'}."
    ]
    if fast or not report.sites:
        said += [_reference(report), _profile(report)]
    if iret:
        said.append(
            f"{exit_names(iret)}: RFLAGS.NT is clear (nt), the frame that it pops is a user frame (cpl3), and GS and "
            "CR3 are as user mode needs them (gs, cr3). IRETQ is compared with no other exit."
        )
    said.append(
        "A clause is proved where the solver finds no state that violates it on any path, where a concrete machine "
        "that takes the exit ran on the emulator over the real bytes along the predicted path, and where the paths "
        "that were followed cover every state."
    )
    if clause_ids(report.sites, "violated") or clause_ids(report.sites, "waived"):
        said.append(
            "A clause is violated where one concrete machine was found, ran on the emulator over the real bytes up to "
            "the exit instruction, and failed the clause on the emulator's numbers. What the exit instruction itself "
            "does is taken from the manuals, not from the emulator."
        )
    return said


def _reference(report: FileReport) -> str:
    slots = f"where the contract {report.contract} says that they are saved"
    auto = "those of the frame that the input's own IRET exit pops for the same machine"
    words = slots
    if report.reference == "auto":
        words = f"{auto}, which is also the reference of registers and CR3 (--frame auto)"
    return (
        "The clauses compare what the exit hands to user space with what IRETQ would hand over in its place. The "
        f"five words that IRETQ would pop (RIP, CS, RFLAGS, RSP, SS) are {words}."
    )


def _profile(report: FileReport) -> str:
    match report.profile:
        case "equivalence":
            return "The profile equivalence asks for every clause."
        case "safety":
            return (
                "The profile safety asks only for what keeps the kernel itself safe: canonical, gs, irq, stack and "
                "cr3. That user space gets the right state is not asked."
            )
        case "seed":
            return (
                "The profile seed asks only for rip, rflags, rf, canonical, cs and ss, the checks that a fast exit "
                "makes on the frame."
            )
        case other:
            return f"The profile {other} asks for the clauses in the table."


def limits(report: FileReport) -> list[str]:
    """What the verdict does not cover; a sentence or two each. docs/soundness.md has the whole list."""
    fast, _ = by_kind(report)
    if report.verdict == "error" and not report.sites:
        return ["The input was not judged; no statement about its code follows."]
    said = [
        f"Only what is reached from {entry_names(report)} was judged, in the bytes that are listed with their hashes. "
        "How the frame came to be, and code that is changed later, are not looked at."
    ]
    promised = [name for name in _PROMISES if name in clause_ids(report.sites, "proved")]
    if promised:
        said.append(
            f"Promised by the contract and not looked for in the code: {', '.join(promised)}"
            f"{' (writes to EFER are checked)' if 'entry-mode' in promised else ''}."
        )
    absent = [config for config in ALL_CONFIGS if config not in report.configs]
    if absent and report.configs:
        said.append(f"Not selected, so nothing is said about {', '.join('/'.join(config) for config in absent)}.")
    none = clause_ids(report.sites, "not-applicable")
    if none:
        said.append(f"Not asked at some exit or on some CPU, where the table says not-applicable: {listed(none, 99)}.")
    if fast or not report.sites:
        said.append(
            "Left out of the comparison with IRETQ: its own faults other than a non-canonical RIP (NT set, bad "
            "descriptors behind the saved CS and SS), the selectors in DS, ES, FS and GS that it may clear, and debug "
            "registers."
        )
    if report.profile in ("seed", "safety") and any(site.kind.startswith("sysexit") for site in fast):
        said.append(f"SYSEXIT is #UD on AMD in this mode; the profile {report.profile} does not ask for that.")
    said.append(
        "Only architectural state counts: nothing is said about speculation, caches, timing, virtualisation, or what "
        "other CPUs, NMIs and machine checks do meanwhile."
    )
    if clause_ids(report.sites, "violated") or clause_ids(report.sites, "waived"):
        said.append(
            "The state of a counterexample meets the assumptions. Whether a program can bring the kernel into it is "
            "not shown."
        )
    if clause_ids(report.sites, "waived"):
        said.append("A waived clause is violated. The waiver changes what the gate makes of it, not what is true.")
    return said


def trusted(report: FileReport) -> list[tuple[str, str, str]]:
    """(name, version, what for) of everything that has to be right for the verdict."""
    found = [(name, version, _PURPOSES.get(name, "")) for name, version in report.tool]
    if report.contract:
        found.append((f"contract {report.contract}", "", "what it promises about the kernel: see the assumptions"))
    return found


def reproduce(report: FileReport) -> list[str]:
    """Shell commands: the run itself and, if it executed anything, its replay from a JSON report alone."""
    if not report.command:
        return []
    if not report.sites:
        return [report.command]
    return [f"{report.command} --format json=report.json", "verify-exit replay report.json"]


def scope(report: FileReport) -> list[tuple[str, str]]:
    """(label, value) of what was judged; nothing that is unknown is in it."""
    ranges = {(item.start, item.end, item.variant) for site in report.sites for item in site.code}
    own = sum(end - start for start, end, variant in ranges if not variant)
    patched = sum(1 for _, _, variant in ranges if variant)
    code = f"{counted(own, 'byte')} in {counted(sum(1 for item in ranges if not item[2]), 'range')}"
    code += f", {counted(patched, 'variant')} of patched places" if patched else ""
    rows = [
        ("Input", report.input.path),
        ("SHA-256", report.input.sha256),
        ("Unpacked from", report.container),
        ("Contract", report.contract),
        ("Profile", report.profile),
        ("CPU configurations", ", ".join("/".join(config) for config in in_order(report.configs))),
        ("Entries", ", ".join(report.entries)),
        ("Exits", listed(list(dict.fromkeys(exit_name(site) for site in report.sites)), 16)),
        ("Code", code if ranges else ""),
    ]
    return [(label, value) for label, value in rows if value]


def clause_meaning(identifier: str) -> str:
    """A clause in one line; "" for an unknown one."""
    found = clause(identifier)
    return found.title if found is not None else ""


def clause_effect(identifier: str) -> str:
    """What it means that a clause fails, in a sentence or two; "" for an unknown one."""
    found = clause(identifier)
    return found.why if found is not None else ""

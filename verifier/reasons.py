# SPDX-License-Identifier: BSD-2-Clause
"""Reason codes: why a verdict is inconclusive, what each means and what settles it.

The codes are stable: they appear in reports, in JSON and in the EXPECT line of
a sample. This table is plain text, so that ``verify-exit explain`` is cheap.
"""

from __future__ import annotations

from verifier.records import record


@record
class ReasonCode:
    """``title`` is one line; ``meaning`` says what happened, ``remedy`` what settles it."""

    code: str
    title: str
    meaning: str
    remedy: str


REASONS: tuple[ReasonCode, ...] = (
    ReasonCode(
        "unsupported-instruction",
        "an instruction on a path has no model",
        "A path from the entry reaches an instruction that is not on the list of modelled mnemonics. "
        "What it does to the state is unknown, so nothing after it can be proved.",
        "Start at an entry behind the instruction, build the file without it, or add a model for it.",
    ),
    ReasonCode(
        "undecodable",
        "the bytes at an address are not a known instruction",
        "A path reaches bytes that no decoder accepts, or that lie outside every executable section.",
        "Check that control really gets there: data in a code section, a wrong jump target or bytes "
        "that are patched at run time are the usual causes.",
    ),
    ReasonCode(
        "unresolved-jump",
        "the target of an indirect jump is not known",
        "A jump through a register or through writable memory can go anywhere, and its targets could not be listed.",
        "Use a direct jump or a jump table in read-only data, or start at an entry behind the jump.",
    ),
    ReasonCode(
        "unresolved-store",
        "the region that a store writes is not known",
        "The address of a store does not follow from the stack pointer, the per-CPU base or a symbol. "
        "The store may write the frame, so it is never ignored.",
        "Make the address follow from one of these, or move the store out of the analysed code into a called function.",
    ),
    ReasonCode(
        "loop-bound",
        "a loop does not end within the bound",
        "The trip count of a loop is not a constant, or is above the limit, and no sound summary of the "
        "loop was found.",
        "Give the loop a constant trip count, or start at an entry behind it.",
    ),
    ReasonCode(
        "vacuous",
        "no state that meets the contract reaches the exit instruction",
        "The path condition of a SYSRET cannot be met. Every clause would hold for a path that never "
        "runs, so this is not called a proof.",
        "Check the contract's assumptions and the branches before the exit: they contradict each other.",
    ),
    ReasonCode(
        "no-sysret",
        "no SYSRET is reached from the entry",
        "All paths were followed to their end and none of them takes SYSRET.",
        "Name the right entry with --entry, or check that the file is built with the fast exit enabled.",
    ),
    ReasonCode(
        "site-unreached",
        "the code holds an exit instruction that no path reaches",
        "A SYSRET in an executable section was found by scanning, but no path from the analysed entries reaches it.",
        "Add the entry that leads to it with another --entry.",
    ),
    ReasonCode(
        "site-undecided",
        "bytes that may be an exit instruction or lie inside another one",
        "The opcode of SYSRET or SYSEXIT stands there, and decoding from different places in front of it gives "
        "different answers, as where data lies among the code.",
        "Give the file's symbols with --symbols: they say where functions begin.",
    ),
    ReasonCode(
        "entry-unknown",
        "no entry is known at which the contract holds",
        "Nobody named an entry, and going back from the exit does not lead, on every way, to code that has just "
        "pushed a frame of the contract's size. What is proved of some of the ways only is not reported.",
        "Name the entry with --entry, or with --contract a contract that describes what is pushed there. In an image "
        "without symbols --symbols helps, because it says where functions begin.",
    ),
    ReasonCode(
        "patched-code",
        "code that is written at boot is not known",
        "A path enters a place that the kernel patches, and for some CPU feature or static key the code there "
        "cannot be told from the file: sites overlap, what is written there is itself written over, a relative operand "
        "would not reach, or control enters or leaves it inside an instruction.",
        "Report the construct. An --entry behind it leaves it out.",
    ),
    ReasonCode(
        "callee-not-followed",
        "what a callee returns decides, and it was not followed",
        "A clause fails for some value that a called function may return. It is not in the file, its address is not "
        "known, or too many others had to be followed already, so whether it returns such a value is open.",
        "Verify a file that holds both, a linked image or an object made with 'ld -r', or start behind the call.",
    ),
    ReasonCode(
        "solver-unknown",
        "the solver gave no answer for an obligation",
        "The SMT solver returned unknown. It is neither a proof nor a counterexample.",
        "Raise --rlimit, or simplify the code between the frame and the exit.",
    ),
    ReasonCode(
        "timeout",
        "the time limit was reached",
        "The analysis of the file did not end within --timeout.",
        "Raise --timeout, or start closer to the exit with --entry.",
    ),
    ReasonCode(
        "cover-gap",
        "the followed paths do not cover every entry state",
        "There is a state that meets the contract and satisfies the path condition of no followed path. "
        "Some execution was not examined.",
        "This is a gap in the engine or a path that was given up; the other reasons of the report say which.",
    ),
    ReasonCode(
        "approximation",
        "a counterexample rests on an approximation",
        "The clause fails in the model, but only with a value that a stand-in chose (for example for a "
        "loop that was summarised), so the failure may not be real.",
        "Remove the cause of the approximation that the reason names, then run again.",
    ),
    ReasonCode(
        "replay-disagrees",
        "two ways of running one machine differ",
        "The concrete run of a counterexample, or of the machine that shows that an exit is reached, ended on the "
        "emulator in another state than the lifted semantics predict. One of them is wrong, so nothing is claimed: the "
        "exit status is 70, and the report shows both runs.",
        "Report it with the JSON output: it is a defect of this tool or of the emulator.",
    ),
    ReasonCode(
        "replay-refused",
        "the emulator cannot run the path",
        "The machine that the solver found runs an instruction that the emulator does not have. A violation, and that "
        "an exit is reached at all, are claimed only if they were executed.",
        "Start at an entry behind the instruction that the reason names.",
    ),
    ReasonCode(
        "cross-check",
        "another solver does not confirm an answer",
        "With --cross-check every obligation is put to further solvers. One of them answered otherwise, or not at all "
        "within its bounds. What rests on that answer is not proved.",
        "A disagreement is a defect of a solver or of this tool: report it with the file that --emit-smt2 writes. "
        "Where a solver gave up, name another, or run without --cross-check.",
    ),
    ReasonCode(
        "not-modelled-exit",
        "the path ends in an exit instruction that is not modelled",
        "ERETU and IRETD are recognised by their encoding, but their effect is not modelled; SYSRETL and SYSEXIT "
        "need a contract that names their selectors. HLT with interrupts on, and an exit with TF set, are open too.",
        "Choose a contract that has the selectors, or verify the other paths on their own with --entry.",
    ),
    ReasonCode(
        "trap-on-user-stack",
        "an exception can be raised while RSP is the user's",
        "A path ends in UD2 or INT3 after RSP was loaded with the user's value. No SYSRET is taken there, "
        "but the exception is delivered on a stack that the user chose.",
        "Move the trap in front of the load of RSP.",
    ),
    ReasonCode(
        "waived",
        "a violation is waived",
        "Every violation that is left is covered by a waiver of the project. Nothing is proved of these clauses: they "
        "fail, with a counterexample, and somebody answers for them until the day that the waiver names.",
        "Mend the code and remove the waiver. With --gate a live waiver lets the run pass.",
    ),
    ReasonCode(
        "stopped",
        "the run was stopped by the user",
        "Ctrl-C ended the run. Sites that were judged before stand in the report; nothing else is known.",
        "Run it again.",
    ),
    ReasonCode(
        "promise-missing",
        "the contract does not vouch for a fact of boot time",
        "A setup clause speaks of state that the exit path does not set; the contract has to say who does.",
        "Add the [promises.ID] table to the contract, with its source, if the kernel keeps that promise.",
    ),
    ReasonCode(
        "relocation",
        "a relocation that matters could not be applied",
        "A path reads an instruction or constant whose bytes a relocation of unknown type changes.",
        "Link the object, or use a relocation type that the tool knows.",
    ),
    ReasonCode(
        "state-limit",
        "the limit on steps or states was reached",
        "The exploration met its bound before all paths ended. Paths that were not followed prove nothing.",
        "Start closer to the exit with --entry.",
    ),
)
"""Every reason code, in the order in which ``explain`` lists them."""


def reason(code: str) -> ReasonCode | None:
    """The entry of that code."""
    return next((found for found in REASONS if found.code == code), None)

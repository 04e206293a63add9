# SPDX-License-Identifier: BSD-2-Clause
"""The codes in ``error[CODE]``: what each means and what to do. Plain text, for ``verify-exit explain``.

The codes are stable: they appear on stderr and in reports.
"""

from __future__ import annotations

from verifier.records import record


@record
class ErrorCode:
    """``title`` is one line, ``remedy`` what to do. ``exits`` are the exit codes that it comes with."""

    code: str
    title: str
    remedy: str
    exits: tuple[int, ...] = (2,)


ERRORS: tuple[ErrorCode, ...] = (
    # The command line and its files.
    ErrorCode("usage", "the command line is wrong", "See --help; the message names the option."),
    ErrorCode(
        "unknown-id",
        "explain was asked about something that has no text",
        "'verify-exit explain' lists every clause, reason, assumption and error.",
    ),
    ErrorCode(
        "output-unwritable",
        "a result could not be written",
        "Choose a directory that exists and can be written, and look whether the disk is full.",
        (2, 70),
    ),
    ErrorCode(
        "diff-contracts",
        "two versions are held to different contracts or references",
        "Give --contract, and --frame if one of them has it: what they say of themselves then does not count.",
    ),
    ErrorCode("emit-smt2", "--emit-smt2 cannot write there", "Name a directory of its own that can be written."),
    ErrorCode(
        "certificate",
        "--certificate cannot write there, or check-certificate finds no certificates",
        "Name a directory of its own that can be written; to check, the one that --certificate wrote.",
        (2, 4),
    ),
    ErrorCode(
        "cross-check-missing",
        "a solver that --cross-check names is not installed",
        "Install it: pip install 'verify-exit[cross-check]'. 'verify-exit doctor' says what is there.",
    ),
    ErrorCode("cross-check-unknown", "no solver of that name", "--cross-check knows cvc5 and bitwuzla."),
    ErrorCode(
        "bad-report",
        "the file is not a report of --format json",
        "Give replay the file that --format json=FILE wrote, whole and unchanged.",
        (4,),
    ),
    ErrorCode(
        "bad-part",
        "the file is not a part of a run, or not a whole one",
        "Give merge what --format parts=FILE wrote, unchanged, with the same version of verify-exit.",
        (4,),
    ),
    ErrorCode(
        "parts-differ",
        "the parts do not make one run",
        "Verify every shard of the same inputs with the same options and tools, and name each part once.",
        (4,),
    ),
    ErrorCode(
        "nothing-to-replay",
        "the report holds no run",
        "No exit was reached or violated in it; its reasons say why.",
        (4,),
    ),
    # A frame that is asked about.
    ErrorCode(
        "frame-value",
        "a value of --set cannot be used",
        "Write NAME=VALUE: a number that fits, or names of RFLAGS bits; each name with one value.",
    ),
    ErrorCode(
        "frame-name",
        "the entry has no input of that name",
        "Use a slot of the contract's frame, NAME@entry for a register, or a name as reports show it.",
    ),
    ErrorCode(
        "dump-invalid",
        "the dump has no set of user-mode registers, or several, or cannot be read",
        "Give the lines of the one set that is meant, as an oops, GDB or QEMU's monitor prints them.",
        (4,),
    ),
    # The configuration.
    ErrorCode("config-not-found", "--config names no file", "Check its path; --no-config does without one."),
    ErrorCode("config-unreadable", "the configuration or a directory of it cannot be read", "Check the permissions."),
    ErrorCode("config-invalid", "the configuration is not well-formed TOML", "The message has the line."),
    ErrorCode("config-too-large", "the configuration is too large", "It is a short file; check what --config names."),
    ErrorCode("config-unknown-key", "a key of the configuration is unknown", "Check its spelling and its table."),
    ErrorCode("config-bad-type", "a value of the configuration has the wrong type", "Write what the message asks for."),
    ErrorCode("config-bad-value", "a value of the configuration is not allowed", "Write one that the message lists."),
    ErrorCode(
        "config-no-targets",
        "no file was named, and the configuration has no target",
        "Name a file, or add a [[target]]; 'verify-exit init' writes a configuration.",
    ),
    ErrorCode(
        "config-no-match",
        "a target of the configuration matches no file",
        "Correct its path, or remove the target: a gate does not pass because nothing was looked at.",
    ),
    ErrorCode("config-outside", "the configuration names a file outside its project", "Name files below it only."),
    ErrorCode("config-too-many", "the targets match too many files", "Make the patterns narrower."),
    ErrorCode(
        "config-exists",
        "init found a configuration, which it does not overwrite",
        "'verify-exit init --print' shows what it would write; remove the old file to have a new one.",
    ),
    # What is compared with, and what is waived.
    ErrorCode("baseline-missing", "there is no baseline to compare with", "Name a report with --baseline REPORT.json."),
    ErrorCode("baseline-invalid", "the baseline is not a report", "Give what --format json=FILE wrote."),
    ErrorCode(
        "baseline-inconclusive",
        "the baseline leaves open what it is about",
        "Settle its reasons and write it again: what it did not decide cannot be compared with.",
    ),
    ErrorCode("baseline-old", "the baseline has no fingerprints", "Write it again with this verify-exit."),
    ErrorCode("baseline-error", "an error ended the run of the baseline", "Mend that and write the baseline again."),
    ErrorCode(
        "baseline-options",
        "the baseline was made with other options",
        "Make it with the same inputs, contract, profile and configurations.",
    ),
    ErrorCode("waivers-missing", "the file of waivers cannot be read", "Check the path that --waivers names."),
    ErrorCode(
        "waivers-invalid",
        "the file of waivers does not say what a waiver must say",
        "Each [[waiver]] has exactly id, clause, fingerprint, reason, owner and expires.",
    ),
    # Contracts and the file's header.
    ErrorCode(
        "contract-not-found",
        "no such contract",
        "Name a shipped one ('verify-exit explain' lists them) or the path of a .toml file.",
    ),
    ErrorCode(
        "contract-invalid",
        "a contract or a table that it names is not well-formed",
        "The message names the key; docs/contracts.md describes the format.",
    ),
    ErrorCode(
        "contract-lacks-key",
        "the code needs something that the contract does not say",
        "Add the key that the message names, or choose a contract that has it.",
    ),
    ErrorCode(
        "frame-auto",
        "--frame auto cannot take the reference from the file's own IRET exit",
        "Write a contract with the keys that the message names.",
    ),
    ErrorCode(
        "header-bad-args",
        "the ARGS of the file's header are not options that a file may choose",
        "Give what is meant on the command line instead.",
    ),
    ErrorCode("header-duplicate-key", "a key of the file's header is given twice", "Keep one."),
    ErrorCode("header-empty-value", "a key of the file's header has no value", "Give one, or delete the line."),
    ErrorCode("header-too-long", "a value in the file's header is too long", "Use the command line."),
    ErrorCode(
        "header-unknown-key",
        "a key of the file's header is misspelt",
        "Use CONTRACT, ENTRY, EXPECT, ARGS or ORIGIN; a plain comment is written in lower case.",
    ),
    # The input.
    ErrorCode("input-not-found", "the file cannot be read", "Check its path and its permissions.", (4,)),
    ErrorCode("input-invalid", "the path is not a file", "Name the files to verify.", (4,)),
    ErrorCode("input-too-large", "the file is larger than what is read of its kind", "Verify a smaller part.", (4,)),
    ErrorCode(
        "bad-image",
        "a kernel image cannot be unpacked",
        "It is cut off, damaged or packed in another way; give the vmlinux.",
        (4,),
    ),
    ErrorCode("bad-object", "the ELF file cannot be used", "Build it again for x86-64.", (4,)),
    ErrorCode(
        "bad-symbols",
        "--symbols names a file that has none to offer",
        "Give the System.map, or the ELF file before stripping, of the same build.",
        (2, 4),
    ),
    ErrorCode("symbols-mismatch", "the symbols belong to another build", "Give those of this build.", (4,)),
    ErrorCode(
        "too-many-exits",
        "the image has more exit instructions than are judged in one run",
        "Name the entries of interest with --entry.",
        (4,),
    ),
    # Revisions.
    ErrorCode("git-missing", "git is not found", "Install it, or name files instead of REV:path.", (4,)),
    ErrorCode(
        "not-a-repository",
        "the current directory is in no repository that git will read",
        "Change into the repository; the message has git's own words, also if it belongs to somebody else.",
        (4,),
    ),
    ErrorCode(
        "revision-unknown",
        "git knows no such revision",
        "Check its spelling; a clone of limited depth has few of them: fetch more.",
        (4,),
    ),
    ErrorCode(
        "revision-path",
        "the revision has no such file",
        "REV:path counts from the top of the tree, REV:./path from the current directory.",
        (4,),
    ),
    ErrorCode(
        "revision-too-large",
        "what a revision holds is more than is taken from one",
        "Check it out (git worktree add DIR REV) and name the file there.",
        (4,),
    ),
    ErrorCode(
        "revision-tree",
        "a file of the revision cannot be read or written out",
        "The clone is incomplete, or the tree has names that no checkout can have; the message says which.",
        (4,),
    ),
    # Assembling.
    ErrorCode(
        "no-assembler",
        "the preprocessor or the assembler is missing",
        "Install GNU binutils and gcc, or give the object file. 'verify-exit doctor' says what is there.",
        (4,),
    ),
    ErrorCode(
        "preprocessor-error",
        "the C preprocessor refuses the source",
        "Mend the source; each message has its line.",
        (4,),
    ),
    ErrorCode(
        "assembler-error", "the assembler refuses the source", "Mend the source; each message has its line.", (4,)
    ),
    ErrorCode(
        "assembler-limit",
        "a tool hit its bound of time, memory or output",
        "A source of this size or with such repetition is not assembled here; give the object file.",
        (4,),
    ),
    ErrorCode("bad-define", "-D is not NAME or NAME=VALUE", "For a .s file the value must be an integer."),
    ErrorCode("include-dir-not-found", "-I or --allow-include names no directory", "Check its path."),
    ErrorCode(
        "include-refused",
        "the source reads a file outside the places that it may read",
        "Allow its directory with --allow-include DIR, if you trust the source with what is there.",
        (4,),
    ),
    ErrorCode(
        "build-not-found",
        "-p names no record of this source's build",
        "Build it first, or name the compile_commands.json or the build directory.",
    ),
    ErrorCode(
        "build-flags",
        "the build's compiler or one of its flags cannot be used here",
        "Put the compiler first on PATH, or verify the object file instead.",
    ),
    # Entries.
    ErrorCode("entry-ambiguous", "several symbols or none reach an exit", "Choose one with --entry, or --entry auto."),
    ErrorCode("entry-not-found", "there is no such symbol, or no code at the address", "Check --entry or the header."),
    ErrorCode(
        "entry-unfit",
        "the entry lies where the contract does not hold yet",
        "Name a point behind it, or use --entry auto.",
    ),
    # Ours.
    ErrorCode(
        "replay-disagrees",
        "two ways of running one machine differ",
        "Nothing is claimed. It is a defect of this tool: report it.",
        (70,),
    ),
    ErrorCode(
        "internal-error",
        "something happened that the program does not expect",
        "It is a defect of this tool: rerun with VERIFY_EXIT_TRACEBACK=1 and report it.",
        (70,),
    ),
)
"""Every code that a user can meet."""

# SPDX-License-Identifier: BSD-2-Clause
"""Certificates as files: for each obligation its SMT-LIB text, its clauses (DIMACS) and their refutation (DRUP).

Clauses and proof are in the formats of SAT solvers, so that other checkers can
read them. Checking starts from the SMT-LIB text: the clauses are made again
and must be those in the file.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Callable, Sequence

from verifier import __version__
from verifier.certificate.blast import TooLarge, blast
from verifier.certificate.proof import Rejected, check, lemmas
from verifier.certificate.reader import Unreadable, read
from verifier.certificate.search import CONFLICTS, refutation
from verifier.model import Defect, UserError
from verifier.obligation_files import INDEX, file_names, write_files
from verifier.obligation_text import Obligation
from verifier.records import record

FORMAT = "verify-exit certificates 1"
_NAME = re.compile(r"([0-9]{4,7}-[a-z0-9.+-]{1,100})\.smt2")
_LARGEST = 1 << 26
_CODE = "certificate"


@record
class Certificate:
    """The proof that an obligation's formula cannot hold; without one ``note`` says why."""

    obligation: Obligation
    clauses: str
    proof: str
    lemmas: int
    note: str = ""


@record
class Checked:
    """What became of one certificate; ``note`` says why it was rejected."""

    file: str
    subject: str
    accepted: bool
    note: str = ""


def certify(
    obligations: Sequence[Obligation],
    conflicts: int = CONFLICTS,
    deadline: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Certificate, ...]:
    """A checked certificate for every obligation that is expected to be "unsat", as far as there is one.

    ``conflicts`` bounds the search for each; ``deadline`` is a time.monotonic() instant. What is "sat"
    has no certificate: the machine that the report shows, and its replay, are one.
    """
    known: dict[str, Certificate] = {}
    made = []
    wanted = [one for one in obligations if one.expected == "unsat"]
    for number, one in enumerate(wanted):
        if progress is not None:
            progress(number, len(wanted))
        if one.key not in known:
            late = deadline is not None and time.monotonic() > deadline
            known[one.key] = Certificate(one, "", "", 0, "the time limit was reached") if late else _one(one, conflicts)
        found = known[one.key]
        made.append(Certificate(one, found.clauses, found.proof, found.lemmas, found.note))
    return tuple(made)


def _one(obligation: Obligation, conflicts: int) -> Certificate:
    text = obligation.text()
    try:
        cnf = blast(read(text))
    except TooLarge:
        return Certificate(obligation, "", "", 0, "the formula has too many clauses")
    except Unreadable as error:
        raise Defect(f"our own text is not read back: {error}") from None
    proof = refutation(cnf, conflicts)
    if proof is None:
        return Certificate(obligation, "", "", 0, f"no refutation was found within {conflicts} conflicts")
    try:
        return Certificate(obligation, cnf.text, proof, check(cnf.variables, cnf.clauses, lemmas(proof)))
    except Rejected as error:
        return Certificate(obligation, "", "", 0, f"the refutation found is none: {error}")


def write(certificates: Sequence[Certificate], directory: str) -> tuple[str, ...]:
    """Write the certificates and ``index.json``; gives the names of the SMT-LIB files.

    Raises UserError ``certificate`` (exit code 2); see ``obligation_files.write``.
    """
    names = file_names([one.obligation for one in certificates])
    files: dict[str, str] = {}
    rows = []
    for name, one in zip(names, certificates, strict=True):
        files[name] = one.obligation.text()
        if not one.note:
            files[f"{name[:-5]}.cnf"], files[f"{name[:-5]}.proof"] = one.clauses, one.proof
        row = {"file": name, "id": one.obligation.id, "input_sha256": one.obligation.about.sha256, "missing": one.note}
        rows.append(row)
    index = {"format": FORMAT, "tool": f"verify-exit {__version__}", "certificates": rows}
    files[INDEX] = json.dumps(index, indent=1, ensure_ascii=True) + "\n"
    write_files(directory, files, _CODE, FORMAT)
    return names


def check_directory(directory: str) -> tuple[Checked, ...]:
    """Check every certificate of a directory, from the SMT-LIB text on; nothing else in it is believed.

    Raises UserError ``certificate`` (exit code 4) if it is no directory of certificates.
    """
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise UserError(_CODE, f"{directory!r} cannot be read: {error}; name what --certificate wrote", 4) from None
    try:
        names = _formulas(handle)
        if not names:
            raise UserError(_CODE, f"{directory!r} holds no certificate; name what --certificate wrote", 4)
        return tuple(_checked(handle, name) for name in names)
    finally:
        os.close(handle)


def _formulas(handle: int) -> list[str]:
    return sorted(filter(_NAME.fullmatch, os.listdir(handle)))


def _checked(handle: int, name: str) -> Checked:
    subject = name[:-5].split("-", 1)[1]
    try:
        text = _text(handle, name)
        cnf = blast(read(text))
        if cnf.text != _text(handle, f"{name[:-5]}.cnf"):
            return Checked(name, subject, False, "the clauses are not those of the formula")
        check(cnf.variables, cnf.clauses, lemmas(_text(handle, f"{name[:-5]}.proof")))
    except Rejected as error:
        return Checked(name, subject, False, str(error))
    except (Unreadable, TooLarge) as error:
        return Checked(name, subject, False, f"the formula cannot be read: {error}")
    except FileNotFoundError:
        return Checked(name, subject, False, "there is no certificate for it")
    except (OSError, ValueError) as error:
        return Checked(name, subject, False, f"a file cannot be read: {error}")
    return Checked(name, subject, True)


def _text(handle: int, name: str) -> str:
    """A regular file's text, of bounded size. Raises OSError, ValueError."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=handle)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is no regular file")
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError("it is too large")
    return data.decode("ascii")

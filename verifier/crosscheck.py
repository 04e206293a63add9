# SPDX-License-Identifier: BSD-2-Clause
"""The obligations once more, by solvers that share no code with z3.

Each solver gets the text of an obligation, parses it itself and answers; an
answer other than the expected one, or none, makes the verdict inconclusive.
cvc5 and bitwuzla are optional: nothing here is imported before it is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Literal

from verifier.model import Defect, UserError
from verifier.obligation_text import Obligation
from verifier.records import record

Answer = Literal["sat", "unsat", "unknown"]

SOLVERS = ("bitwuzla", "cvc5")
"""What ``--cross-check`` may name."""


@record
class Limits:
    """Bounds of one question.

    ``resources`` is cvc5's deterministic count; bitwuzla has none. ``milliseconds`` is wall time,
    ``megabytes`` the memory of the process that bitwuzla may fill; 0: none.
    After ``deadline``, a time.monotonic() instant, every answer is unknown.
    """

    resources: int = 3000000
    milliseconds: int = 60000
    megabytes: int = 4096
    deadline: float | None = None


USUAL = Limits()


@record
class Check:
    """What one solver says to one obligation; ``note`` says why it has no answer."""

    obligation: Obligation
    solver: str
    answer: Answer
    note: str = ""

    @property
    def agrees(self) -> bool:
        """Whether it is the answer that the verdict rests on."""
        return self.answer == self.obligation.expected

    @property
    def disagrees(self) -> bool:
        """Whether it is the opposite of it."""
        return self.answer not in ("unknown", self.obligation.expected)

    @property
    def sentence(self) -> str:
        """What is wrong, in one sentence; "" if nothing is."""
        one = self.obligation
        if self.agrees:
            return ""
        if self.disagrees:
            return f"{one.id}: z3 says {one.expected}, {self.solver} says {self.answer}"
        return f"{one.id}: z3 says {one.expected}, {self.solver} does not know ({self.note or 'no reason given'})"


def parse_solvers(text: str) -> tuple[str, ...]:
    """The solvers that a comma-separated list names, in the order of ``SOLVERS``.

    Raises UserError ``cross-check-unknown`` (exit code 2).
    """
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in SOLVERS:
            close = get_close_matches(name, SOLVERS, 1, 0.5)
            hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(SOLVERS)}"
            raise UserError("cross-check-unknown", f"--cross-check: no solver is called {name!r}; {hint}", 2)
    return tuple(name for name in SOLVERS if name in names)


def require(solvers: Iterable[str]) -> None:
    """Raises UserError ``cross-check-missing`` (exit code 2) for a solver that is not installed."""
    for name in solvers:
        if name not in SOLVERS:
            raise Defect(f"no solver {name}")
        try:
            import_module(name)
        except ImportError:
            text = f"--cross-check: {name} is not installed; run pip install 'verify-exit[cross-check]'"
            raise UserError("cross-check-missing", text, 2) from None


def check(
    obligations: Sequence[Obligation],
    solvers: Sequence[str],
    limits: Limits = USUAL,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Check, ...]:
    """Ask every solver every obligation; of formulas that are the same only one is asked.

    ``progress`` is told (questions done, questions). Raises UserError like ``require``.
    """
    require(solvers)
    known: dict[tuple[str, str], tuple[Answer, str]] = {}
    found: list[Check] = []
    for number, one in enumerate(obligations):
        if progress is not None:
            progress(number, len(obligations))
        for solver in solvers:
            key = solver, one.key
            if key not in known:
                known[key] = ask(solver, one.text(), limits)
            found.append(Check(one, solver, *known[key]))
    return tuple(found)


def ask(solver: str, text: str, limits: Limits = USUAL) -> tuple[Answer, str]:
    """One solver's answer to one script with one ``check-sat``, and why there is none.

    The solver is not told the expected answer: cvc5 would reject another one as an error.
    """
    if limits.deadline is not None and time.monotonic() > limits.deadline:
        return "unknown", "the time limit was reached"
    text = "".join(line for line in text.splitlines(True) if not line.startswith("(set-info :status "))
    match solver:
        case "bitwuzla":
            return _bitwuzla(text, limits)
        case "cvc5":
            return _cvc5(text, limits)
    raise Defect(f"no solver {solver}")


def _milliseconds(limits: Limits) -> int:
    """What is left for one question."""
    if limits.deadline is None:
        return limits.milliseconds
    left = max(1, int(1000 * (limits.deadline - time.monotonic())))
    return min(left, limits.milliseconds) if limits.milliseconds else left


def _cvc5(text: str, limits: Limits) -> tuple[Answer, str]:
    import cvc5

    manager = cvc5.TermManager()
    solver = cvc5.Solver(manager)
    if limits.resources:
        solver.setOption("rlimit-per", str(limits.resources))
    if milliseconds := _milliseconds(limits):
        solver.setOption("tlimit-per", str(milliseconds))
    symbols = cvc5.SymbolManager(manager)
    parser = cvc5.InputParser(solver, symbols)
    said: list[str] = []
    try:
        parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "obligation")
        while not (command := parser.nextCommand()).isNull():
            said += command.invoke(solver, symbols).split()
    except RuntimeError as error:
        return "unknown", f"cvc5 rejects the text: {_one_line(error)}"
    return _answer(said)


def _bitwuzla(text: str, limits: Limits) -> tuple[Answer, str]:
    import bitwuzla

    options = bitwuzla.Options()
    if milliseconds := _milliseconds(limits):
        options.set(bitwuzla.Option.TIME_LIMIT_PER, milliseconds)
    if limits.megabytes:
        options.set(bitwuzla.Option.MEMORY_LIMIT, limits.megabytes)
    parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
    if not any(line.endswith("(check-sat)") and line[0] != ";" for line in text.splitlines()):
        return "unknown", "the text asks nothing"
    try:
        # Only parsed: its parser would print the answer on standard output.
        parser.parse(text, True, False)
        answer = parser.bitwuzla().check_sat()
    except bitwuzla.BitwuzlaException as error:
        return "unknown", f"bitwuzla rejects the text: {_one_line(error)}"
    known = {bitwuzla.Result.SAT: "sat", bitwuzla.Result.UNSAT: "unsat", bitwuzla.Result.UNKNOWN: "unknown"}
    return _answer([known.get(answer, str(answer))])


def _answer(said: Sequence[Any]) -> tuple[Answer, str]:
    match said:
        case ["sat"]:
            return "sat", ""
        case ["unsat"]:
            return "unsat", ""
        case ["unknown", *why]:
            return "unknown", " ".join(["it gave up within its limits", *map(str, why)])
    return "unknown", f"it said {_one_line(' '.join(map(str, said)))!r}"


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:300]

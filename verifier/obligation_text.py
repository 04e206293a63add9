# SPDX-License-Identifier: BSD-2-Clause
"""The questions that a verdict rests on, each as an SMT-LIB file that speaks for itself.

For one exit, reached from one entry, there is one obligation

- for each clause and the configurations in which it was proved: no machine
  that gets there violates it (expected: unsat);
- for each clause and configuration in which it is violated: some machine does (sat);
- for each configuration: some machine gets there, or none does;

and for each entry that the paths found cover every machine (unsat), and that
z3 was right where an answer of its own cut the exploration short (unsat). What
was not decided has none. The formulas are made from the terms of the proof by
``verifier.smtlib``, not from what z3 was given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from verifier import __version__
from verifier.clauses import Clause
from verifier.lift.entry import Entry
from verifier.lift.explore import Leaf
from verifier.lift.symbols import Symbols
from verifier.model import ALL_CONFIGS, Config, Location
from verifier.prove import Answer, Path, SiteAnswers, config_condition, exactness
from verifier.records import record
from verifier.smtlib import Printer, comment, plain, script, string
from verifier.solver import Answer as Found, Model, Solver
from verifier.terms import Truth, as_term, as_truth, decided, eq, land, lnot, lor

Expected = Literal["sat", "unsat"]

TOGETHER = 200
"""So many refuted queries of an exploration make one obligation; all of them are if their disjunction is."""


@record
class Subject:
    """What the obligations of one entry are about; ``path`` and ``sha256`` are those of the input."""

    path: str
    sha256: str
    entry: str
    address: int
    contract: str
    profile: str


@record
class Obligation:
    """One question with the answer that the verdict rests on.

    ``id`` names it in messages and is unique among those of one exit and entry. ``subject`` is a
    clause's id, "reached", "cover" or "steps". ``comments`` and ``formula`` are the file's text (``text``);
    ``key`` is the same for formulas that differ in no more than the names of their assertions.
    """

    id: str
    subject: str
    title: str
    about: Subject
    location: Location | None
    configs: tuple[Config, ...]
    expected: Expected
    comments: tuple[str, ...]
    formula: str
    key: str

    def text(self, notes: Iterable[str] = ()) -> str:
        """The whole file; ``notes`` are further lines of comment."""
        return "".join(f"{comment(line)}\n" for line in (*self.comments, *notes)) + self.formula


def site_obligations(
    about: Subject,
    paths: Sequence[Path],
    entry: Entry,
    clauses: Iterable[Clause],
    configs: Sequence[Config],
    answers: SiteAnswers,
) -> tuple[Obligation, ...]:
    """The obligations of one exit, in the order of the clauses; the arguments are those of ``prove_site``."""
    maker = _Maker(about, entry, paths[0].leaf.location, paths[0].view.kind)
    made = list(maker.reached(paths, configs, answers))
    for clause in clauses:
        own = [answer for answer in answers.answers if answer.clause.id == clause.id]
        proved = tuple(answer.config for answer in own if answer.status == "proved")
        if proved:
            made.append(maker.proved(clause, paths, proved))
        made += [maker.violated(answer) for answer in own if answer.status == "violated"]
    return tuple(made)


def cover_obligation(about: Subject, entry: Entry, leaves: Sequence[Leaf]) -> Obligation:
    """That the paths found cover every machine that the entry assumptions admit."""
    maker = _Maker(about, entry, None, "")
    open_ends = [(f"not path {number}", lnot(land(*leaf.state.path))) for number, leaf in enumerate(leaves, 1)]
    question = f"is there a machine that takes none of the {len(leaves)} paths found?"
    return maker.make("cover", "the paths found cover every machine", question, (), "unsat", open_ends)


class Recorder(Solver):
    """The same solver, remembering what it refuted; for the exploration and the references, which decide by that."""

    def __init__(self, solver: Solver) -> None:
        self.__dict__.update(solver.__dict__)
        self._inner = solver
        self.refuted: list[tuple[Truth, ...]] = []

    def _ask(self, truths: tuple[Truth, ...], wanted: bool = False) -> tuple[Found, Model | None]:
        found = self._inner._ask(truths, wanted)
        if found[0] == "unsat" and all(decided(truth) is not False for truth in truths):
            self.refuted.append(truths)
        return found


def refuted_obligations(about: Subject, entry: Entry, refuted: Sequence[tuple[Truth, ...]]) -> tuple[Obligation, ...]:
    """That what the exploration took to be impossible is: up to ``TOGETHER`` answers in one question."""
    maker = _Maker(about, entry, None, "")
    different = list({as_truth(land(*truths)).hash(): land(*truths) for truths in refuted}.values())
    made = []
    for start in range(0, len(different), TOGETHER):
        group = different[start : start + TOGETHER]
        question = f"is any of {len(group)} things possible that the exploration took to be impossible?"
        claim = [("something of that", lor(*group))]
        made.append(maker.make("steps", "what was not followed is impossible", question, (), "unsat", claim))
    return tuple(made)


class _Maker:
    """Makes the obligations of one exit."""

    def __init__(self, about: Subject, entry: Entry, location: Location | None, kind: str) -> None:
        self.about, self.entry, self.location, self.kind = about, entry, location, kind
        self._conditions: dict[tuple[Config, ...], Truth] = {}

    def proved(self, clause: Clause, paths: Sequence[Path], configs: tuple[Config, ...]) -> Obligation:
        """No machine violates the clause in these configurations."""
        question = "is there a machine that gets to the exit and violates the clause there?"
        failures = [lnot(truth) for path in paths if (truth := clause.holds(path.view)) is not None]
        claim: list[tuple[str, Truth]]
        if all(decided(failure) is False for failure in failures):
            claim = [(f"not {clause.id}", False)]
        elif len(paths) == 1:
            claim = [*_path("path 1", paths[0]), (f"not {clause.id}", failures[0])]
        else:
            question = f"is there a machine that takes one of {len(paths)} paths to the exit and violates the clause?"
            ends = [land(*path.conditions, failure) for path, failure in zip(paths, failures, strict=True)]
            claim = [(f"some path and not {clause.id}", lor(*ends))]
        return self.make(clause.id, clause.title, question, configs, "unsat", [self._configs(configs), *claim], clause)

    def violated(self, answer: Answer) -> Obligation:
        """Some machine violates the clause, and that without an approximation."""
        clause = answer.clause
        exact = exactness(self._symbols, answer.query)
        places = self.entry.state.shared.layout.externals.values()
        links = [eq(term, as_term(place, 64)) for term, place in places]
        claim = [
            self._configs((answer.config,)),
            *_each(f"the path and not {clause.id}", answer.query),
            *([("exact: no store with an unknown address hits anything", land(*exact))] if exact else ()),
            *([("external symbols are where the image has them", land(*links))] if links else ()),
        ]
        question = "is there a machine that takes the path to the exit and violates the clause?"
        return self.make(clause.id, clause.title, question, (answer.config,), "sat", claim, clause)

    def reached(self, paths: Sequence[Path], configs: Sequence[Config], answers: SiteAnswers) -> Iterator[Obligation]:
        """Under which configurations a machine gets to the exit at all."""
        for config in configs:
            judged = any(a.config == config and a.status != "not-applicable" for a in answers.answers)
            if config not in answers.reached and (answers.undecided or judged):
                continue
            expected: Expected = "sat" if config in answers.reached else "unsat"
            ends = [land(*path.conditions) for path in paths]
            claim = [self._configs((config,)), ("some path", lor(*ends))]
            if len(paths) == 1:
                claim[1:] = _path("path 1", paths[0])
            question = "is there a machine that gets to the exit?"
            title = "some machine takes the exit" if expected == "sat" else "no machine takes the exit"
            yield self.make("reached", title, question, (config,), expected, claim)

    def _configs(self, configs: tuple[Config, ...]) -> tuple[str, Truth]:
        if configs not in self._conditions:
            self._conditions[configs] = lor(*(config_condition(self.entry, config) for config in configs))
        return f"configuration: {_configs(configs)}", self._conditions[configs]

    @property
    def _symbols(self) -> Symbols:
        return self.entry.state.shared.layout.symbols

    def make(
        self,
        subject: str,
        title: str,
        question: str,
        configs: tuple[Config, ...],
        expected: Expected,
        claim: Sequence[tuple[str, Truth]],
        clause: Clause | None = None,
    ) -> Obligation:
        """One obligation: the entry assumptions and the claim's assertions."""
        about, place = self.about, self.location
        where = f"{about.entry} ({about.address:#x})" if place is None else f"{self.kind}@{place.address:#x}"
        from_entry = "" if place is None else f" from {about.address:#x}"
        printer = Printer()
        # An assertion that always holds says nothing, and beside one that never does no other one matters.
        stated = [row for row in claim if decided(row[1]) is False][:1]
        if not stated:
            every = (*_each("A: entry assumption", self.entry.constraints), *claim)
            stated = [row for row in every if decided(row[1]) is not True]
        info = (
            ("smt-lib-version", "2.6"),
            ("source", string(f"verify-exit {__version__}: {subject} at {where}")),
            ("category", string("industrial")),
            ("status", expected),
        )
        formula = script([(name, as_truth(truth)) for name, truth in stated], (), info, printer)
        comments = (
            f"verify-exit {__version__}: a proof obligation",
            "",
            f"input:    {about.path} (SHA-256 {about.sha256})",
            f"entry:    {about.entry} ({about.address:#x}), contract {about.contract}, profile {about.profile}",
            *(() if place is None else (f"exit:     {_place(place)}",)),
            f"subject:  {subject}: {title}",
            *(() if clause is None else (f"clause:   {clause.meaning}",)),
            *(() if not configs else (f"CPUs:     {_configs(configs)}",)),
            f"question: {question}",
            f"expected: {expected}",
            "",
            "Symbols:",
            *_legend(printer, self._symbols),
            "",
        )
        return Obligation(
            id=f"{subject}[{_configs(configs) or 'all'}] at {where}{from_entry}",
            subject=subject,
            title=title,
            about=about,
            location=place,
            configs=configs,
            expected=expected,
            comments=comments,
            formula=formula,
            key=_key(formula),
        )


def _path(name: str, path: Path) -> list[tuple[str, Truth]]:
    return [*_each(f"{name}: condition", path.leaf.state.path), ("the reference applies", path.reference.condition)]


def _each(name: str, truths: Iterable[Truth]) -> list[tuple[str, Truth]]:
    return [(f"{name} {number}", truth) for number, truth in enumerate(truths, 1)]


def _configs(configs: tuple[Config, ...]) -> str:
    return "all" if configs == ALL_CONFIGS else " ".join(":".join(config) for config in configs)


def _place(place: Location) -> str:
    named = "" if place.symbol is None else f"{place.symbol}+{place.offset:#x} "
    line = "" if place.file is None else f", {place.file}:{place.line}"
    return f"{named}({place.address:#x}{line}): {place.text}"


_KINDS = {
    "register": "at the entry",
    "frame": "in the frame at the entry",
    "memory": "in memory at the entry",
    "havoc": "chosen by what is not analysed",
    "machine": "of the machine at the entry",
    "feature": "a CPU feature or a key that is fixed at boot",
}


def _legend(printer: Printer, symbols: Symbols) -> Iterator[str]:
    """What each symbol stands for, and its name where the file spells it differently."""
    for name, safe in printer.names.items():
        known = symbols.find(name)
        kind = "" if known is None else _KINDS[known.kind]
        origin = "" if known is None or not known.origin else f" ({plain(known.origin)[:200]})"
        spelt = "" if safe == name else f" = {plain(name)[:200]}"
        yield f"  {safe}{spelt}: {kind}{origin}"


def _key(formula: str) -> str:
    """A hash of the logical part: what stands from the first declaration on, without names of assertions."""
    kept = []
    for line in formula.splitlines():
        if line.startswith("(assert (! "):
            line = line[: line.rindex(" :named ")]
        if not line.startswith("(set-info"):
            kept.append(line)
    return hashlib.sha256("\n".join(kept).encode()).hexdigest()

# SPDX-License-Identifier: BSD-2-Clause
"""The clauses mean what the formula means, and the checker accepts nothing but refutations."""

from __future__ import annotations

import itertools
import os
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import claripy
import pytest
import z3
from hypothesis import given, settings, strategies as st
from test_cross_check import HARD, IMPOSSIBLE, POSSIBLE, obligation
from test_smtlib import booleans

from verifier.certificate import blast as blast_module
from verifier.certificate.blast import Cnf, TooLarge, blast
from verifier.certificate.files import certify, check_directory, write
from verifier.certificate.proof import Rejected, check, lemmas
from verifier.certificate.reader import Unreadable, read
from verifier.certificate.search import refutation
from verifier.model import UserError
from verifier.smtlib import script


def satisfiable(cnf: Cnf, *more: int) -> bool:
    """What z3 says of clauses."""
    solver = z3.Solver()
    names = [z3.Bool(f"v{number}") for number in range(cnf.variables + 1)]
    for clause in (*cnf.clauses, *((literal,) for literal in more)):
        solver.add(z3.Or(*(names[one] if one > 0 else z3.Not(names[-one]) for one in clause)))
    return bool(solver.check() == z3.sat)


@settings(max_examples=50)
@given(booleans(4), st.integers(0, 2**64))
def test_clauses_mean_what_the_formula_means(term: Any, seed: int) -> None:
    """With values for every symbol the clauses can hold exactly if z3 says that the formula does."""
    symbols = {leaf.args[0]: leaf for leaf in term.leaf_asts() if leaf.op in ("BVS", "BoolS")}
    fixed = [term]
    for name, leaf in symbols.items():
        value = zlib.crc32(f"{seed} {name}".encode()) if leaf.op == "BVS" else seed & 1
        fixed.append(leaf == claripy.BVV(value % (1 << leaf.length), leaf.length) if leaf.op == "BVS" else
                     claripy.ast.Bool("__eq__", (leaf, claripy.BoolV(bool(value)))))  # fmt: skip
    text = script([(f"claim {number}", one) for number, one in enumerate(fixed)])
    reference = z3.Solver()
    reference.add(z3.parse_smt2_string(text))
    cnf = blast(read(text))
    proof = refutation(cnf)
    assert (proof is None) == (reference.check() == z3.sat)
    if proof is not None:
        check(cnf.variables, cnf.clauses, lemmas(proof))


@settings(max_examples=40)
@given(booleans(3))
def test_clauses_hold_exactly_if_the_formula_does(term: Any) -> None:
    """Without values as well, and what is found to be contradictory has a proof that the checker accepts."""
    text = script([("claim 1", term)])
    reference = z3.Solver()
    reference.set("rlimit", 200000)
    reference.add(z3.parse_smt2_string(text))
    answer = reference.check()
    cnf = blast(read(text))
    proof = refutation(cnf, 100)
    if proof is not None:
        check(cnf.variables, cnf.clauses, lemmas(proof))
        assert answer != z3.sat
    elif answer != z3.unknown and cnf.variables < 800:
        assert satisfiable(cnf) == (answer == z3.sat)


MEANINGS: dict[str, Any] = {
    "bvadd": lambda a, b: a + b, "bvsub": lambda a, b: a - b, "bvmul": lambda a, b: a * b,
    "bvand": lambda a, b: a & b, "bvor": lambda a, b: a | b, "bvxor": lambda a, b: a ^ b,
    "bvudiv": z3.UDiv, "bvurem": z3.URem, "bvsdiv": lambda a, b: a / b, "bvsrem": z3.SRem,
    "bvshl": lambda a, b: a << b, "bvlshr": z3.LShR, "bvashr": lambda a, b: a >> b,
}  # fmt: skip


@pytest.mark.parametrize("name", MEANINGS)
def test_every_operation_on_every_value(name: str) -> None:
    """For 3 bits, all 64 pairs of operands: division by zero, overflow and long shifts are among them."""
    start = "(set-logic QF_BV)" + "".join(f"(declare-const {symbol} (_ BitVec 3))" for symbol in "abc")
    for left, right in itertools.product(range(8), repeat=2):
        value = z3.simplify(MEANINGS[name](z3.BitVecVal(left, 3), z3.BitVecVal(right, 3))).as_long()
        facts = f"(assert (= c ({name} a b)))(assert (= a #b{left:03b}))(assert (= b #b{right:03b}))"
        for relation, possible in (("=", True), ("distinct", False)):
            text = f"{start}{facts}(assert ({relation} c #b{value:03b}))(check-sat)"
            assert (refutation(blast(read(text))) is None) == possible


def pigeons(count: int) -> list[list[int]]:
    """That many pigeons in one hole less."""

    def at(pigeon: int, hole: int) -> int:
        return pigeon * (count - 1) + hole + 1

    somewhere = [[at(pigeon, hole) for hole in range(count - 1)] for pigeon in range(count)]
    alone = [
        [-at(one, hole), -at(other, hole)]
        for hole in range(count - 1)
        for one, other in itertools.combinations(range(count), 2)
    ]
    return somewhere + alone


def test_search_learns() -> None:
    """A contradiction that propagation alone does not find has lemmas, and each of them is needed to be right."""
    clauses = pigeons(6)
    cnf = Cnf(30, tuple(map(tuple, clauses)))
    proof = refutation(cnf)
    assert proof is not None
    found = lemmas(proof)
    assert len(found) > 10
    assert check(30, clauses, found) > 10
    assert refutation(cnf, 5) is None
    with pytest.raises(Rejected):
        check(30, clauses, [()])
    with pytest.raises(Rejected):
        check(30, clauses, found[: len(found) // 3])
    with pytest.raises(Rejected):
        check(30, clauses[1:], found)
    with pytest.raises(Rejected):
        check(30, clauses, [(1,), *found])


@settings(max_examples=200)
@given(
    st.lists(
        st.lists(st.integers(1, 6).flatmap(lambda v: st.sampled_from([v, -v])), min_size=1, max_size=3), max_size=24
    ),
    st.lists(st.lists(st.integers(1, 6).flatmap(lambda v: st.sampled_from([v, -v])), max_size=3), max_size=6),
)
def test_checker_accepts_no_lie(clauses: list[list[int]], proof: list[list[int]]) -> None:
    """Whatever the proof says, only clauses that no assignment satisfies are refuted; and those are, by our search."""
    possible = any(
        all(any((values[abs(one) - 1]) == (one > 0) for one in clause) for clause in clauses)
        for values in itertools.product((False, True), repeat=6)
    )
    try:
        check(6, clauses, [*proof, []])
        accepted = True
    except Rejected:
        accepted = False
    assert not (accepted and possible)
    found = refutation(Cnf(6, tuple(map(tuple, clauses))))
    assert (found is None) == possible
    if found is not None:
        check(6, clauses, lemmas(found))


@pytest.mark.parametrize("text", ["1 2", "1 x 0", "0 1 0", "1 0 2 0"])
def test_malformed_proofs_are_rejected(text: str) -> None:
    """A proof that is no list of lemmas is rejected, not misread."""
    with pytest.raises(Rejected):
        lemmas(text)


def test_unknown_variables_are_rejected() -> None:
    """A lemma can name no variable that the clauses do not have: there is nothing it could define."""
    with pytest.raises(Rejected):
        check(1, [[1]], [(2,), ()])


@pytest.mark.parametrize(
    "text",
    [
        "", "(check-sat", "(check-sat))", "x", "(set-logic QF_LIA)(check-sat)", "(assert true)",
        "(check-sat)(assert false)", "(declare-const a Int)(check-sat)", "(declare-const a (_ BitVec 0))(check-sat)",
        "(declare-const a Bool)(declare-const a Bool)(check-sat)", "(assert b)(check-sat)", "(assert #b1)(check-sat)",
        "(declare-fun f (Bool) Bool)(check-sat)", "(assert (= #b1 #b11))(check-sat)",
        "(assert (xor true true))(check-sat)",
        "(assert (and))(check-sat)", "(assert (= ((_ extract 1 0) #b1) #b11))(check-sat)", "(push 1)(check-sat)",
        "(define-fun f () Bool #b1)(check-sat)", "(assert (=> true true))(check-sat)", '(assert "true)(check-sat)',
        "(assert (ite #b1 true true))(check-sat)", "(assert (= ((_ extract x 0) #b1) #b1))(check-sat)",
        "(" * 100000, "(assert " * 100000 + "true" + ")" * 100000,
        "(declare-const a (_ BitVec 99999999999999999999))(check-sat)",
        "(assert (= #b0 ((_ zero_extend 99999) #b1)))(check-sat)", "(assert (= #x" + "0" * 99999 + " #b0))(check-sat)",
        "(assert " + "(not " * 300 + "true" + ")" * 301 + "(check-sat)",
    ],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_other_texts_are_not_read(text: str) -> None:
    """What the printer does not write is refused, never guessed."""
    with pytest.raises(Unreadable):
        read(text)


def test_large_formulas_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A formula that would take for ever, or fill the memory, ends early: with symbols, and with constants only."""
    monkeypatch.setattr(blast_module, "WORK", 1000000)
    monkeypatch.setattr(blast_module, "MOST", 100000)
    product = "(declare-const a (_ BitVec 1024))(assert (= a (bvmul a (bvmul a a))))(check-sat)"
    with pytest.raises(TooLarge):
        blast(read(product))
    ones = "#x" + "f" * 256
    chain = f"(define-fun f0 () (_ BitVec 1024) {ones})"
    for number in range(1, 40):
        chain += f"(define-fun f{number} () (_ BitVec 1024) (bvmul f{number - 1} {ones}))"
    with pytest.raises(TooLarge):
        blast(read(f"{chain}(check-sat)"))


def test_round_trip_on_files(tmp_path: Path) -> None:
    """Certificates are written, read back and accepted; "sat" has none, and what was not proved is told."""
    target = str(tmp_path / "out")
    hard = replace(obligation(IMPOSSIBLE), key="hard", formula=HARD)
    made = (*certify([obligation(IMPOSSIBLE), obligation(POSSIBLE, "sat")]), *certify([hard], conflicts=3))
    assert [one.note == "" for one in made] == [True, False]
    assert "within 3 conflicts" in made[1].note
    write(made, target)
    assert [(one.accepted, one.note) for one in check_directory(target)] == [
        (True, ""),
        (False, "there is no certificate for it"),
    ]
    write(made[:1], target)
    assert len(check_directory(target)) == 1


@pytest.mark.parametrize("suffix", ["smt2", "cnf", "proof"])
def test_tampered_files_are_rejected(suffix: str, tmp_path: Path) -> None:
    """A formula, clauses or a proof that was changed is rejected; so are links, pipes and what is not text."""
    target = tmp_path / "out"
    weaker = script([("claim 1", POSSIBLE)])
    write(certify([obligation(IMPOSSIBLE)]), str(target))
    (path,) = target.glob(f"*.{suffix}")
    proper = path.read_text()
    changes = {"smt2": weaker, "cnf": proper.replace(" 0\n", " 2 0\n", 1), "proof": ""}
    broken = [changes[suffix].encode(), b"\xff", b"("]
    for data in broken:
        path.write_bytes(data)
        (found,) = check_directory(str(target))
        assert not found.accepted
        assert found.note
    path.unlink()
    os.mkfifo(path)
    assert not check_directory(str(target))[0].accepted
    path.unlink()
    (tmp_path / "copy").write_text(proper)
    path.symlink_to(tmp_path / "copy")
    assert not check_directory(str(target))[0].accepted


@pytest.mark.parametrize("name", ["missing", "a\0b", "."])
def test_no_directory_of_certificates(name: str, tmp_path: Path) -> None:
    """A directory that is missing, or holds no certificate, is the user's error in one line."""
    with pytest.raises(UserError) as caught:
        check_directory(str(tmp_path / name))
    assert (caught.value.code, caught.value.exit_code) == ("certificate", 4)
